// SPDX-License-Identifier: GPL-2.0-only
/*
 * Frames that are read and written many at a time
 */
#include <stdlib.h>
#include <string.h>

#include "drv.h"

#define WIRE	VIRTIO_MSG_WIRE_V2	/* with which a PING has 12 bytes */
#define HDR	8
#define FRAME	64

static struct {
	uint8_t in[65536];	/* what reads give */
	uint32_t in_len, in_pos, most;
	uint8_t out[65536];	/* what writes brought */
	uint32_t out_len;
	uint32_t room;		/* bytes that a write may bring */
	uint32_t refuse;	/* transaction that is refused; 0: none */
	unsigned int blocked;	/* writes that are told to come later */
} dev;

static uint32_t up8(uint32_t n)
{
	return (n + 7) & ~7U;
}

/* Whole frames, as many as fit. */
static int test_read(struct vmsg_stream *s, uint8_t *buf, uint32_t len)
{
	uint32_t n = 0, end = 0;

	(void)s;
	if (len > dev.most)
		len = dev.most;
	while (dev.in_pos + n < dev.in_len) {
		uint32_t size = vmsg_get16(dev.in + dev.in_pos + n + 6);

		if (n + size > len)
			break;
		end = n + size;
		n += up8(size);
	}
	if (!end)
		return -VMSG_EAGAIN;
	memcpy(buf, dev.in + dev.in_pos, end);
	dev.in_pos += n;
	return (int)end;
}

static int test_write(struct vmsg_stream *s, const uint8_t *buf, uint32_t len)
{
	uint32_t n = 0;

	(void)s;
	if (dev.blocked) {
		dev.blocked--;
		return -VMSG_EAGAIN;
	}
	while (n < len) {
		uint32_t size = vmsg_get16(buf + n + 6);

		if (size < HDR || n + size > len)
			return n ? (int)n : -VMSG_EINVAL;
		if (n + size > dev.room)
			return n ? (int)n : -VMSG_EAGAIN;
		if (dev.refuse && vmsg_get16(buf + n + 4) == dev.refuse)
			return n ? (int)n : -VMSG_ENOENT;
		if (dev.out_len + size > sizeof(dev.out))
			exit(1);
		memcpy(dev.out + dev.out_len, buf + n, size);
		dev.out_len += up8(size);
		n += up8(size);
	}
	return (int)(n < len ? n : len);
}

static uint8_t rx[4096], tx[1024];
static uint8_t frame[2 * FRAME], backlog[4 * (FRAME + 8)];
static struct vmsg_bus bus;
static struct vmsg_stream stream;

static void begin(uint32_t tx_size)
{
	memset(&dev, 0, sizeof(dev));
	memset(&bus, 0, sizeof(bus));
	memset(&stream, 0, sizeof(stream));
	dev.most = 65536;
	dev.room = 65536;
	stream.bus = &bus;
	stream.rx = rx;
	stream.tx = tx;
	stream.rx_size = sizeof(rx);
	stream.tx_size = tx_size;
	stream.read = test_read;
	stream.write = test_write;
	bus.link = &vmsg_stream_link;
	bus.link_priv = &stream;
	bus.frame = frame;
	bus.frame_size = FRAME;
	bus.backlog = backlog;
	bus.backlog_slots = 4;
	vmsg_bus_link_up(&bus, WIRE, FRAME);
}

static void ping(uint32_t xid)
{
	struct vmsg_hdr h = { .type = VIRTIO_MSG_TYPE_BUS,
		.msg_id = VIRTIO_MSG_BUS_PING, .size = HDR + 4, .xid = xid };

	/* What lies between two frames means nothing. */
	memset(dev.in + dev.in_len, 0xee, 16);
	vmsg_hdr_put(WIRE, dev.in + dev.in_len, &h);
	vmsg_put32(dev.in + dev.in_len + HDR, ~xid);
	dev.in_len += up8(HDR + 4);
}

/* Answers to @first... in order, but for the one that was refused. */
static bool answered(uint32_t first, unsigned int n, uint32_t not)
{
	uint32_t pos = 0;
	unsigned int i;

	for (i = 0; i < n; i++) {
		uint32_t xid = first + i;

		if (xid == not)
			continue;
		if (pos >= dev.out_len || dev.out[pos] != 3 ||
		    vmsg_get16(dev.out + pos + 4) != xid ||
		    vmsg_get32(dev.out + pos + HDR) != ~xid)
			return false;
		pos += up8(vmsg_get16(dev.out + pos + 6));
	}
	return pos == dev.out_len;
}

static void poll_all(void)
{
	unsigned int i;

	for (i = 0; i < 1000; i++)
		vmsg_stream_poll(&stream);
}

static void batches(void)
{
	unsigned int i;

	begin(sizeof(tx));
	for (i = 0; i < 32; i++)
		ping(100 + i);
	vmsg_stream_poll(&stream);
	CHECK(answered(100, 32, 0));
	ok(stream.reads == 1 && stream.writes == 1 && stream.frames_in == 32 &&
	   stream.frames_out == 32, "32 frames: one read, one write");
	CHECK(!vmsg_stream_poll(&stream));
	ok(stream.reads == 1 && stream.writes == 1, "nothing there: no write");

	begin(sizeof(tx));
	dev.most = 40;
	for (i = 0; i < 200; i++)
		ping(1 + i);
	poll_all();
	ok(answered(1, 200, 0) && stream.reads == 100, "two frames a read");

	begin(sizeof(tx));
	ping(7);
	CHECK(vmsg_stream_poll(&stream) == false);
	CHECK(answered(7, 1, 0));
}

/* The peer takes less than is written, or nothing for a while. */
static void short_writes(void)
{
	unsigned int i;

	begin(sizeof(tx));
	dev.room = 50;
	for (i = 0; i < 90; i++)
		ping(1 + i);
	poll_all();
	ok(answered(1, 90, 0), "writes that are taken in parts");

	begin(64);
	dev.blocked = 5;
	for (i = 0; i < 90; i++)
		ping(1 + i);
	CHECK(!vmsg_stream_poll(&stream) && stream.tx_blocked);
	CHECK(!vmsg_bus_can_receive(&bus));
	ok(dev.in_pos, "what was read is kept: %u bytes", stream.rx_len - stream.rx_pos);
	poll_all();
	ok(answered(1, 90, 0), "nothing is lost while it is full");
	ok(!stream.tx_blocked, "and it goes on");
}

static void refused(void)
{
	unsigned int i;

	for (i = 0; i < 32; i += 31) {
		begin(sizeof(tx));
		dev.refuse = 500 + i;
		for (unsigned int n = 0; n < 32; n++)
			ping(500 + n);
		poll_all();
		ok(answered(500, 32, 500 + i) && stream.rejected == 1,
		   "frame %u is refused, the others are not", i);
	}
	begin(sizeof(tx));
	dev.refuse = 3;
	ping(3);
	poll_all();
	ok(!dev.out_len && stream.rejected == 1 && !stream.tx_len, "the only one");
}

/* Sizes that do not fit end the batch and hurt nobody. */
static void malformed(void)
{
	static const uint16_t sizes[] = { 0, HDR - 1, 17, 0xffff };
	unsigned int i;

	for (i = 0; i < 4; i++) {
		begin(sizeof(tx));
		ping(1);
		ping(2);
		memcpy(rx, dev.in, dev.in_len);
		vmsg_put16(rx + 16 + 6, sizes[i]);
		stream.rx_len = 32;
		vmsg_stream_poll(&stream);
		ok(answered(1, 1, 0) && bus.stats.malformed == 1,
		   "a frame that says it has %u bytes", sizes[i]);
	}
	begin(sizeof(tx));
	ping(1);
	memcpy(rx, dev.in, dev.in_len);
	stream.rx_len = HDR - 1;
	vmsg_stream_poll(&stream);
	ok(!dev.out_len && bus.stats.malformed == 1, "less than a header");
}

static void noise(void)
{
	unsigned int i, round;

	srand(3);
	begin(sizeof(tx));
	for (round = 0; round < 20000; round++) {
		stream.rx_pos = 0;
		stream.rx_len = (uint32_t)rand() % sizeof(rx);
		for (i = 0; i < stream.rx_len; i++)
			rx[i] = (uint8_t)(rand() % 5 ? 0 : rand());
		dev.out_len = 0;
		dev.blocked = (unsigned int)rand() % 3;
		vmsg_stream_poll(&stream);
	}
	dev.out_len = 0;
	poll_all();
	dev.out_len = 0;
	dev.in_len = 0;
	dev.in_pos = 0;
	ping(9);
	vmsg_stream_poll(&stream);
	ok(answered(9, 1, 0), "after %u batches of noise it still answers", round);
}

int main(void)
{
	plan("streams of frames");
	batches();
	short_writes();
	refused();
	malformed();
	noise();
	return done();
}
