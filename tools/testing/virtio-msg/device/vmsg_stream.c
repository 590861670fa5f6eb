// SPDX-License-Identifier: GPL-2.0-only
/*
 * virtio-msg device side: frames that are read and written many at a time
 *
 * What /dev/virtio-msg wants: a read gives whole frames, a write takes whole
 * frames, and each begins on a multiple of VIRTIO_MSG_USER_ALIGN bytes.  All
 * answers of one pass go out in one write.
 */
#include "vmsg.h"

#define PASSES	16	/* reads in a row before others have their turn */

static uint32_t aligned(uint32_t len)
{
	return (len + VIRTIO_MSG_USER_ALIGN - 1) & ~(VIRTIO_MSG_USER_ALIGN - 1U);
}

/* The length of the frame at @buf; 0 if it does not end where the bytes do. */
static uint32_t frame_len(const struct vmsg_bus *bus, const uint8_t *buf,
			  uint32_t left)
{
	struct vmsg_hdr h;

	if (left < vmsg_hdr_len(bus->wire))
		return 0;
	vmsg_hdr_get(bus->wire, buf, &h);
	if (h.size < vmsg_hdr_len(bus->wire) || h.size > left)
		return 0;
	return h.size;
}

static bool write_out(struct vmsg_stream *s)
{
	while (s->tx_pos < s->tx_len) {
		uint32_t left = s->tx_len - s->tx_pos, len;
		int n = s->write(s, s->tx + s->tx_pos, left);

		if (n == -VMSG_EAGAIN) {
			s->tx_blocked = true;
			return false;
		}
		s->writes++;
		if (n > 0) {
			len = aligned((uint32_t)n);
			s->tx_pos += len < left ? len : left;
			continue;
		}
		/*
		 * The first frame is one that nobody waits for any more: the
		 * request timed out, or its device is gone.  Those behind it
		 * may be wanted.
		 */
		s->rejected++;
		len = aligned(frame_len(s->bus, s->tx + s->tx_pos, left));
		s->tx_pos += len && len < left ? len : left;
	}
	s->tx_pos = 0;
	s->tx_len = 0;
	s->tx_blocked = false;
	return true;
}

static int stream_send(struct vmsg_bus *bus, const uint8_t *frame, uint32_t len)
{
	struct vmsg_stream *s = bus->link_priv;
	uint32_t end = aligned(len);

	if (end > s->tx_size - s->tx_len &&
	    (s->tx_blocked || !write_out(s) || end > s->tx_size))
		return -VMSG_EAGAIN;
	memcpy(s->tx + s->tx_len, frame, len);
	memset(s->tx + s->tx_len + len, 0, end - len);
	s->tx_len += end;
	s->frames_out++;
	return 0;
}

const struct vmsg_link_ops vmsg_stream_link = {
	.send = stream_send,
};

/* Hand the frames that were read to the bus, as long as it takes any. */
static void deliver(struct vmsg_stream *s)
{
	while (s->rx_pos < s->rx_len && vmsg_bus_can_receive(s->bus)) {
		uint8_t *frame = s->rx + s->rx_pos;
		uint32_t left = s->rx_len - s->rx_pos;
		uint32_t len = frame_len(s->bus, frame, left);

		if (!len) {
			/* Where the next one begins cannot be told. */
			s->bus->stats.malformed++;
			s->rx_pos = s->rx_len;
			return;
		}
		len = aligned(len);
		s->rx_pos += len < left ? len : left;
		s->frames_in++;
		vmsg_bus_receive(s->bus, frame, len < left ? len : left);
	}
}

/**
 * vmsg_stream_poll - read, answer, write
 * @s: the stream, its bus up
 *
 * Return: true if there is more to do at once.
 */
bool vmsg_stream_poll(struct vmsg_stream *s)
{
	unsigned int pass;
	bool more = true;

	s->tx_blocked = false;
	for (pass = 0; more && pass < PASSES; pass++) {
		more = false;
		if (s->rx_pos == s->rx_len && vmsg_bus_can_receive(s->bus)) {
			int n = s->read(s, s->rx, s->rx_size);

			s->rx_pos = 0;
			s->rx_len = n > 0 ? (uint32_t)n : 0;
			if (n > 0) {
				s->reads++;
				more = true;
			}
		}
		deliver(s);
		more |= vmsg_bus_run(s->bus);
		vmsg_bus_flush(s->bus);
		if (!write_out(s))
			return false;
		/* There is room again for what had to wait. */
		vmsg_bus_flush(s->bus);
	}
	return more || s->tx_len;
}
