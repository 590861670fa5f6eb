// SPDX-License-Identifier: GPL-2.0-only
/*
 * virtio-msg device side: the raw SPSC pages of the older public peers
 *
 * head@0 belongs to the producer, tail@64 to the consumer, 64-byte slots from
 * 128.  There is no magic and no status: the indices found are continued, since
 * the peer caches them too.
 */
#include "vmsg.h"

#define SLOT	VIRTIO_MSG_SPSC_SLOT_SIZE

/**
 * vmsg_spsc_slots - number of slots of a queue
 * @size: its bytes
 */
uint32_t vmsg_spsc_slots(uint32_t size)
{
	return size < VIRTIO_MSG_SPSC_SLOTS ? 0 :
		(size - VIRTIO_MSG_SPSC_SLOTS) / SLOT;
}

static int spsc_send(struct vmsg_bus *bus, const uint8_t *frame, uint32_t len)
{
	struct vmsg_spsc *s = bus->link_priv;
	uint32_t n = vmsg_spsc_slots(s->tx_size);
	uint32_t head = vmsg_ld32(s->tx + VIRTIO_MSG_SPSC_HEAD);
	uint32_t tail = vmsg_ld32(s->tx + VIRTIO_MSG_SPSC_TAIL);
	uint8_t *slot;

	if (len > SLOT || head >= n)
		return -VMSG_ENOTCONN;
	if (tail >= n || (head + 1) % n == tail)
		return -VMSG_EAGAIN;
	vmsg_mb();
	slot = s->tx + VIRTIO_MSG_SPSC_SLOTS + head * SLOT;
	memcpy(slot, frame, len);
	memset(slot + len, 0, SLOT - len);
	vmsg_wmb();
	vmsg_st32(s->tx + VIRTIO_MSG_SPSC_HEAD, (head + 1) % n);
	vmsg_mb();
	if (s->doorbell)
		s->doorbell(s);
	return 0;
}

const struct vmsg_link_ops vmsg_spsc_link = {
	.send = spsc_send,
};

/**
 * vmsg_spsc_start - bring up a bus on a pair of pages
 * @spsc: the pages
 * @wire: rfc2 or v1; slots of 64 bytes hold v2 and xid32 as well
 *
 * Return: 0, or -VMSG_EINVAL.
 */
int vmsg_spsc_start(struct vmsg_spsc *spsc, unsigned int wire)
{
	if (vmsg_spsc_slots(spsc->rx_size) < 2 ||
	    vmsg_spsc_slots(spsc->tx_size) < 2 ||
	    wire >= VIRTIO_MSG_WIRE_COUNT || spsc->bus->frame_size < SLOT)
		return -VMSG_EINVAL;
	spsc->bus->link = &vmsg_spsc_link;
	spsc->bus->link_priv = spsc;
	vmsg_bus_link_up(spsc->bus, wire, SLOT);
	return 0;
}

/**
 * vmsg_spsc_poll - handle what arrived
 * @spsc: the pages
 *
 * To be called at each doorbell and, as the peer tells nobody when it makes
 * room, every few milliseconds while it returns true.
 *
 * Return: true if something could not be sent yet or is left to do.
 */
bool vmsg_spsc_poll(struct vmsg_spsc *spsc)
{
	uint8_t *buf = spsc->bus->frame + spsc->bus->frame_size;
	uint32_t n = vmsg_spsc_slots(spsc->rx_size);
	uint32_t budget = n;
	bool more = false;

	while (budget--) {
		uint32_t head, tail;

		if (!vmsg_bus_can_receive(spsc->bus) &&
		    !vmsg_bus_flush(spsc->bus) &&
		    !vmsg_bus_can_receive(spsc->bus))
			return true;
		head = vmsg_ld32(spsc->rx + VIRTIO_MSG_SPSC_HEAD);
		tail = vmsg_ld32(spsc->rx + VIRTIO_MSG_SPSC_TAIL);
		if (head >= n || tail >= n) {
			spsc->bus->stats.malformed++;
			return false;
		}
		if (head == tail)
			break;
		vmsg_rmb();
		memcpy(buf, spsc->rx + VIRTIO_MSG_SPSC_SLOTS + tail * SLOT, SLOT);
		vmsg_mb();
		vmsg_st32(spsc->rx + VIRTIO_MSG_SPSC_TAIL, (tail + 1) % n);
		vmsg_bus_receive(spsc->bus, buf, SLOT);
		more = !budget;
	}
	more |= vmsg_bus_run(spsc->bus);
	return !vmsg_bus_flush(spsc->bus) || more;
}
