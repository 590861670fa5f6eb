// SPDX-License-Identifier: GPL-2.0-only
/*
 * Raw SPSC pages
 */
#include <stdlib.h>
#include <string.h>

#include "drv.h"

static unsigned int doorbells;

static void doorbell(struct vmsg_spsc *s)
{
	(void)s;
	doorbells++;
}

static void run(unsigned int wire, uint32_t size, uint32_t start)
{
	uint8_t *rx = calloc(1, size), *tx = calloc(1, size);
	uint8_t frame[2 * 64], backlog[2 * 72];
	struct vmsg_bus bus = { .frame = frame, .frame_size = 64,
		.backlog = backlog, .backlog_slots = 2 };
	struct vmsg_spsc s = { .bus = &bus, .rx = rx, .tx = tx, .rx_size = size,
		.tx_size = size, .doorbell = doorbell };
	uint32_t n = (size - 128) / 64, head, tail = start, i, got = 0, put = 0;
	unsigned int hl = vmsg_hdr_len(wire);
	bool good = true;

	/* indices are continued where the peer left them */
	vmsg_put32(rx, start);
	vmsg_put32(rx + 64, start);
	vmsg_put32(tx, start);
	vmsg_put32(tx + 64, start);
	ok(vmsg_spsc_slots(size) == n, "%u bytes hold %u slots", size, n);
	CHECK(!vmsg_spsc_start(&s, wire));
	doorbells = 0;
	for (i = 0; i < 3 * n; i++) {
		struct vmsg_hdr h = { .type = 2, .msg_id = 3, .size = (uint16_t)(hl + 4),
				      .xid = wire ? i + 2 : 0 };
		uint8_t *slot;

		head = vmsg_get32(rx);
		if ((head + 1) % n == vmsg_get32(rx + 64))
			break;
		slot = rx + 128 + 64 * head;
		memset(slot, 0xcc, 64);
		vmsg_hdr_put(wire, slot, &h);
		vmsg_put32(slot + hl, i);
		vmsg_put32(rx, (head + 1) % n);
		put++;
		vmsg_spsc_poll(&s);
	}
	ok(put == n - 1 + 2 + n - 1, "wire %u: %u requests, then no more", wire, put);
	ok(vmsg_spsc_poll(&s), "it wants to be called again");
	ok(doorbells == n - 1, "a doorbell each");
	for (i = 0; i < 1000 && got < put; i++) {
		uint8_t *slot = tx + 128 + 64 * tail;
		struct vmsg_hdr h;

		if (vmsg_get32(tx) == tail) {
			vmsg_spsc_poll(&s);
			continue;
		}
		vmsg_hdr_get(wire, slot, &h);
		good &= h.type == 3 && h.size == hl + 4 &&
			vmsg_get32(slot + hl) == got && (!wire || h.xid == got + 2);
		got++;
		tail = (tail + 1) % n;
		vmsg_put32(tx + 64, tail);
	}
	ok(good && got == put, "wire %u: all answers, in order", wire);
	ok(!vmsg_spsc_poll(&s), "nothing is left");
	vmsg_put32(rx, n);
	vmsg_spsc_poll(&s);
	ok(bus.stats.malformed == 1, "an impossible index is not followed");
	vmsg_put32(rx, 0xffffffff);
	vmsg_put32(tx + 64, 0xffffffff);
	vmsg_spsc_poll(&s);
	CHECK(bus.stats.malformed == 2);
	free(rx);
	free(tx);
}

int main(void)
{
	plan("SPSC pages");
	run(VIRTIO_MSG_WIRE_RFC2, 4096, 0);
	run(VIRTIO_MSG_WIRE_V1, 4096, 61);
	run(VIRTIO_MSG_WIRE_V1, 1024, 5);
	run(VIRTIO_MSG_WIRE_XID32, 1024, 13);
	return done();
}
