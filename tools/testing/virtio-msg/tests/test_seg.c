// SPDX-License-Identifier: GPL-2.0-only
/*
 * The segment: layout, bring-up, restarts of either side, full rings
 */
#include "host.h"

#define EXT(f)	(64 + offsetof(struct virtio_msg_seg_ext, f))
#define HDR(f)	offsetof(struct virtio_msg_seg_hdr, f)

static uint16_t dev_status(struct host *h)
{
	return vmsg_ld16(h->d.mem + h->d.l.dev_head + 2);
}

static void drv_status(struct host *h, uint16_t st)
{
	vmsg_st16(h->d.mem + h->d.l.drv_head + 2, st);
}

static void layout(void)
{
	struct vmsg_seg_params p = { .num_notif = 64, .vq_per_dev = 16,
		.num_elems = 2, .elem_size = 64 };
	uint8_t *m = aligned_alloc(4096, 1 << 20);
	struct vmsg_seg_layout l;
	unsigned int i;
	static const struct {
		unsigned int off, size;
		uint64_t v;
		const char *what;
	} evil[] = {
		{ 2, 2, 63, "length" }, { 4, 2, 2, "version" },
		{ 8, 1, 65, "too many words" }, { 9, 1, 3, "vq_notif_per_dev 3" },
		{ 9, 1, 0, "vq_notif_per_dev 0" }, { 9, 1, 32, "vq_notif_per_dev 32" },
		{ 10, 2, 1, "a ring of one element" }, { 10, 2, 0, "no element" },
		{ 12, 2, 40, "tiny elements" }, { 12, 2, 68, "odd elements" },
		{ 12, 2, 65528, "elements that overlap" },
		{ 16, 8, 0, "area on the header" }, { 16, 8, 1, "not aligned" },
		{ 24, 8, 1 << 20, "at the end" }, { 24, 8, ~7ULL, "sum wraps" },
		{ 32, 8, 0xffffffff00000000, "far away" },
		{ 40, 8, 16, "areas overlap" }, { 64 + 4, 2, 60, "extension length" },
		{ 64 + 6, 2, 2, "extension version" },
		{ 64 + 16, 8, 4, "window not aligned" }, { 64 + 16, 8, 0, "window on the header" },
		{ 64 + 24, 8, 1 << 21, "window too long" }, { 64 + 24, 8, 0, "no window" },
	};

	CHECK(!vmsg_seg_format(m, 1 << 20, &p));
	CHECK(m[0] == 0x4f && m[1] == 0x4c && m[2] == 64 && m[4] == 1);
	CHECK(!memcmp(m + 64, "VMSX", 4));
	CHECK(vmsg_get16(m + 104) == 0xffff && vmsg_get16(m + 106) == 0xffff);
	CHECK(!vmsg_get32(m + 96) && !vmsg_get32(m + 100));
	CHECK(!vmsg_seg_check(m, 1 << 20, &l) && !l.bare && l.num_elems == 2);
	CHECK(!(l.window_offset % 4096) && l.window_offset + l.window_length == 1 << 20);
	for (i = 0; i < sizeof(evil) / sizeof(evil[0]); i++) {
		uint8_t save[8], v[8];

		memcpy(save, m + evil[i].off, 8);
		vmsg_put64(v, evil[i].v);
		memcpy(m + evil[i].off, v, evil[i].size);
		ok(vmsg_seg_check(m, 1 << 20, &l) == -VMSG_EINVAL, "refused: %s", evil[i].what);
		memcpy(m + evil[i].off, save, 8);
	}
	CHECK(!vmsg_seg_check(m, 1 << 20, &l));
	m[0] = 0;
	CHECK(vmsg_seg_check(m, 1 << 20, &l) == -VMSG_ENOENT);
	p.elem_size = 60;
	CHECK(vmsg_seg_format(m, 1 << 20, &p));
	p.elem_size = 64;
	p.num_elems = 65535;
	CHECK(vmsg_seg_format(m, 1 << 20, &p));
	p.num_elems = 2;
	p.window_offset = 4096;
	CHECK(!vmsg_seg_format(m, 1 << 20, &p));
	p.window_offset = 5000;
	CHECK(vmsg_seg_format(m, 1 << 20, &p));
	p.window_offset = 0;
	p.window_length = 8192;
	CHECK(!vmsg_seg_format(m, 1 << 20, &p) && !vmsg_seg_check(m, 1 << 20, &l) &&
	      l.window_length == 8192);
	free(m);
}

static void bring_up(unsigned int words, bool bare)
{
	struct host *h = host_new(words, 8, bare);
	struct vmsg_ramblk *b = host_ramblk(h, 2);

	CHECK(dev_status(h) == VIRTIO_MSG_ST_INIT);
	/* the driver side starts first */
	CHECK(!drv_step(&h->d, 8));
	vmsg_seg_start(&h->seg, 0);
	host_poll(h);
	CHECK(dev_status(h) == VIRTIO_MSG_ST_READY && h->doorbells);
	CHECK(!h->bus.up);
	CHECK(drv_up(&h->d, 8));
	if (!bare) {
		CHECK(vmsg_ld16(h->d.mem + EXT(device_peer)) == 5);
		CHECK(vmsg_ld32(h->d.mem + EXT(device_seen)) == h->d.instance);
		CHECK(h->seg.driver_peer == 0);
	} else {
		h->d.wire = VIRTIO_MSG_WIRE_V2;
	}
	CHECK(h->bus.up && h->bus.wire == h->d.wire);
	CHECK(drv_get_status(&h->d, 2) == 0);
	CHECK(h->delay == 1000);
	host_delete(h);
	ramblk_free(b);
}

static void restarts(void)
{
	struct host *h = host_new(8, 8, false);
	struct vmsg_ramblk *b = host_ramblk(h, 2);
	uint32_t i1, drops, di;
	uint8_t *mem;

	vmsg_seg_start(&h->seg, 0);
	CHECK(drv_up(&h->d, 8));
	CHECK(drv_set_status(&h->d, 2, 3) == 3);

	/* the driver says so */
	drv_down(&h->d);
	host_poll(h);
	ok(b->dev.status == 0, "INIT in RUN is a loss: the devices are reset");
	ok(dev_status(h) == VIRTIO_MSG_ST_READY, "and the device side is READY again");
	CHECK(drv_up(&h->d, 8));

	/* a new instance while the status still says RUN */
	drv_set_status(&h->d, 2, 3);
	drops = h->seg.drops;
	vmsg_st32(h->d.mem + EXT(driver_instance), h->d.instance + 1);
	host_poll(h);
	ok(h->seg.drops == drops + 1 && b->dev.status == 0, "a silent restart is a loss");
	ok(dev_status(h) == VIRTIO_MSG_ST_INIT, "INIT as long as the peer is in RUN");
	drv_status(h, VIRTIO_MSG_ST_INIT);
	h->d.status = VIRTIO_MSG_ST_INIT;
	CHECK(drv_up(&h->d, 8));

	/* READY after both were in RUN; SHUTDOWN; PEER_DEAD; nonsense */
	for (i1 = 0; i1 < 4; i1++) {
		static const uint16_t st[] = { 1, 3, 4, 0x7777 };

		drops = h->seg.drops;
		drv_status(h, st[i1]);
		host_poll(h);
		ok(h->seg.drops == drops + 1, "status %u in RUN is a loss", st[i1]);
		/* leaving PEER_DEAD takes a new instance, like INIT */
		h->d.status = VIRTIO_MSG_ST_INIT;
		CHECK(drv_up(&h->d, 8));
		CHECK(drv_get_status(&h->d, 2) == 0);
	}
	/* the debuggable flag is no state */
	drv_status(h, VIRTIO_MSG_ST_RUN | 0x8000);
	host_poll(h);
	CHECK(h->seg.state == VMSG_SEG_RUN);

	/* the ivshmem server says that the peer is gone; its status stays RUN */
	drops = h->seg.drops;
	vmsg_seg_peer_gone(&h->seg, 7, h->now);
	CHECK(h->seg.drops == drops);
	vmsg_seg_peer_gone(&h->seg, 0, h->now);
	CHECK(h->seg.drops == drops + 1);
	host_poll(h);
	CHECK(dev_status(h) == VIRTIO_MSG_ST_INIT);
	host_poll(h);
	CHECK(dev_status(h) == VIRTIO_MSG_ST_INIT);
	h->d.peer = 9;
	drv_init(&h->d);
	CHECK(drv_up(&h->d, 8) && h->seg.driver_peer == 9);

	/* the device side dies and a new one comes */
	di = h->d.dev_instance;
	mem = h->d.mem;
	host_free(h);
	host_device_side(h, mem);
	memset(&b->dev.bus, 0, sizeof(b->dev.bus));
	b->dev.status = 0;
	vmsg_bus_add(&h->bus, &b->dev);
	vmsg_seg_start(&h->seg, h->now);
	host_poll(h);
	ok(dev_status(h) == VIRTIO_MSG_ST_INIT, "a new device side waits for the driver to leave RUN");
	ok(!drv_step(&h->d, 8) && h->d.status == VIRTIO_MSG_ST_SHUTDOWN, "which it does");
	CHECK(drv_up(&h->d, 8) && h->d.dev_instance != di && h->d.dev_instance);
	CHECK(drv_get_status(&h->d, 2) == 0);

	/* it restarts while the driver is READY: the handshake starts over */
	drv_down(&h->d);
	host_poll(h);
	CHECK(!drv_step(&h->d, 8) && h->d.status == VIRTIO_MSG_ST_READY);
	i1 = h->d.instance;
	host_free(h);
	host_device_side(h, mem);
	memset(&b->dev.bus, 0, sizeof(b->dev.bus));
	vmsg_bus_add(&h->bus, &b->dev);
	vmsg_seg_start(&h->seg, h->now);
	host_poll(h);
	CHECK(dev_status(h) == VIRTIO_MSG_ST_READY);
	CHECK(drv_up(&h->d, 8) && h->d.instance == i1);

	/* a driver that answers an older instance, or none */
	drv_down(&h->d);
	host_poll(h);
	vmsg_st32(h->d.mem + EXT(wire_selected), 8);
	vmsg_st32(h->d.mem + EXT(driver_seen), h->d.dev_instance);
	drv_status(h, VIRTIO_MSG_ST_READY);
	host_poll(h);
	CHECK(dev_status(h) == VIRTIO_MSG_ST_READY);
	vmsg_st32(h->d.mem + EXT(driver_seen), vmsg_ld32(h->d.mem + EXT(device_instance)));
	vmsg_st32(h->d.mem + EXT(driver_instance), 0);
	host_poll(h);
	ok(dev_status(h) == VIRTIO_MSG_ST_READY, "instance 0 is nobody");

	/* impossible wire revisions: SHUTDOWN, and again after a second */
	{
		static const uint32_t bad[] = { 0, 3, 0x10, 0x80000000 };
		unsigned int i;

		for (i = 0; i < 4; i++) {
			vmsg_st32(h->d.mem + EXT(driver_instance), 77 + i);
			vmsg_st32(h->d.mem + EXT(wire_selected), bad[i]);
			vmsg_st32(h->d.mem + EXT(driver_seen),
				  vmsg_ld32(h->d.mem + EXT(device_instance)));
			host_poll(h);
			ok(dev_status(h) == VIRTIO_MSG_ST_SHUTDOWN && h->delay > 900,
			   "wire_selected 0x%x", bad[i]);
			h->now += 990;
			host_poll(h);
			ok(dev_status(h) == VIRTIO_MSG_ST_READY, "tries again");
		}
	}
	drv_status(h, VIRTIO_MSG_ST_INIT);
	h->d.status = VIRTIO_MSG_ST_INIT;
	CHECK(drv_up(&h->d, 1) && h->d.wire == 0 && drv_get_status(&h->d, 2) == 0);
	vmsg_seg_stop(&h->seg);
	CHECK(dev_status(h) == VIRTIO_MSG_ST_SHUTDOWN && !h->bus.up);
	host_delete(h);
	ramblk_free(b);
}

static void traffic(void)
{
	struct host *h = host_new(8, 8, false);
	struct vmsg_ramblk *b = host_ramblk(h, 2);
	unsigned int i, sent = 0, got = 0, before;
	uint8_t f[16] = { 2, 3, 0, 0, 16, 0, 0, 0, 1 };
	struct vmsg_vq *vq = &b->vq[0];

	vmsg_seg_start(&h->seg, 0);
	CHECK(drv_up(&h->d, 8));

	/* requests without end from a driver that takes no answer */
	for (i = 0; i < 200; i++) {
		vmsg_put32(f + 8, i + 1);
		vmsg_put32(f + 12, i);
		if (drv_send(&h->d, f, 16))
			sent++;
		host_poll(h);
	}
	/* 7 answers in the ring, 8 kept, 7 requests in the ring */
	ok(sent == 7 + HOST_BACKLOG + 7, "it takes %u and then no more", sent);
	ok(h->delay == 10, "and looks again every 10 ms");
	before = h->doorbells;
	for (i = 0; i < 100; i++) {
		uint16_t tail = vmsg_ld16(h->d.mem + h->d.l.dev_head + 4);

		if (tail == h->d.head) {
			host_poll(h);
			continue;
		}
		{
			const uint8_t *e = h->d.mem + h->d.l.dev_elems +
				(uint64_t)h->d.head * h->d.l.elem_size;

			if (vmsg_get32(e + 8) != got + 1 || vmsg_get32(e + 12) != got)
				break;
			got++;
		}
		h->d.head = (uint16_t)((h->d.head + 1) % 8);
		vmsg_st16(h->d.mem + h->d.l.drv_head + 6, h->d.head);
	}
	ok(got == sent, "no answer is lost, all in order: %u of %u", got, sent);
	ok(h->doorbells > before, "it rang for its full receive ring");
	CHECK(h->bus.stats.backlogged >= HOST_BACKLOG);

	/* impossible indices in what the driver owns */
	vmsg_st16(h->d.mem + h->d.l.drv_head + 4, 8);
	before = h->seg.drops;
	host_poll(h);
	ok(h->seg.drops == before + 1, "tail out of range ends the link");
	h->d.status = VIRTIO_MSG_ST_INIT;
	drv_status(h, VIRTIO_MSG_ST_INIT);
	CHECK(drv_up(&h->d, 8));
	vmsg_st16(h->d.mem + h->d.l.drv_head + 6, 0xffff);
	vmsg_put32(f + 8, 9);
	drv_send(&h->d, f, 16);
	host_poll(h);
	ok(vmsg_ld16(h->d.mem + h->d.l.dev_head + 4) == 0, "head out of range: nothing is sent");
	vmsg_st16(h->d.mem + h->d.l.drv_head + 6, 0);
	host_poll(h);
	ok(vmsg_ld16(h->d.mem + h->d.l.dev_head + 4) == 1, "until it is sane");
	drv_poll(&h->d);

	/* the device's words */
	h->d.used[2][0] = 0;
	b->dev.status = 0xf;
	vq->enabled = false;
	before = h->doorbells;
	vmsg_dev_used(&b->dev, 0);
	vmsg_dev_used(&b->dev, 0);
	vmsg_dev_used(&b->dev, 0);
	ok(h->doorbells == before + 1, "three used events, one doorbell");
	drv_poll(&h->d);
	CHECK(h->d.used[2][0] == 1);
	vmsg_dev_used(&b->dev, 0);
	ok(h->doorbells == before + 2, "acknowledged: the next one rings");
	drv_poll(&h->d);
	CHECK(h->d.used[2][0] == 2);
	/* garbage in the driver's words is a burst of kicks for nobody */
	memset(h->d.mem + h->d.l.drv_notif, 0x5a, 64);
	host_poll(h);
	CHECK(h->bus.stats.stray > 0 && h->seg.state == VMSG_SEG_RUN);
	vmsg_seg_stop(&h->seg);
	host_delete(h);
	ramblk_free(b);
}

/* Devices whose bits lie beyond the words use the ring. */
static void beyond(void)
{
	struct host *h = host_new(2, 8, false);
	struct vmsg_ramblk *b = host_ramblk(h, 15), *c = host_ramblk(h, 16);

	vmsg_seg_start(&h->seg, 0);
	CHECK(drv_up(&h->d, 8));
	b->dev.status = 0xf;
	c->dev.status = 0xf;
	vmsg_dev_used(&b->dev, 0);
	CHECK(!h->bus.stats.tx[0][0x42]);
	vmsg_dev_used(&c->dev, 0);
	CHECK(h->bus.stats.tx[0][0x42] == 1);
	drv_poll(&h->d);
	CHECK(h->d.used[15][0] == 1 && h->d.used[16][0] == 1);
	drv_kick(&h->d, 15, 0);
	drv_kick(&h->d, 16, 0);
	host_poll(h);
	CHECK(b->dev.stats.kicks == 1 && c->dev.stats.kicks == 1);
	CHECK(h->bus.stats.rx[0][0x41] == 1);
	host_delete(h);
	ramblk_free(b);
	ramblk_free(c);
}

/* A random walk of both sides: whenever both mean to run, they do. */
static void walk(void)
{
	struct host *h = host_new(4, 4, false);
	struct vmsg_ramblk *b = host_ramblk(h, 2);
	unsigned int round, i, ups = 0;
	uint8_t *mem = h->d.mem;

	srand(11);
	vmsg_seg_start(&h->seg, 0);
	for (round = 0; round < 20000; round++) {
		for (i = (unsigned int)rand() % 6; i; i--) {
			switch (rand() % 8) {
			case 0:
				drv_down(&h->d);
				break;
			case 1:
				drv_init(&h->d);
				break;
			case 2:
				h->d.status = VIRTIO_MSG_ST_INIT;
				drv_status(h, VIRTIO_MSG_ST_PEER_DEAD);
				break;
			case 3:
				host_free(h);
				host_device_side(h, mem);
				b->dev.bus = NULL;
				b->dev.status = 0;
				vmsg_bus_add(&h->bus, &b->dev);
				vmsg_seg_start(&h->seg, h->now);
				break;
			case 4:
				vmsg_seg_peer_gone(&h->seg, 0, h->now);
				break;
			case 5:
				drv_step(&h->d, 8);
				break;
			default:
				host_poll(h);
				break;
			}
		}
		if (round % 8 == 7) {
			for (i = 0; i < 50; i++) {
				if (drv_step(&h->d, 8) && h->seg.state == VMSG_SEG_RUN)
					break;
				host_poll(h);
			}
			if (i == 50 || drv_get_status(&h->d, 2) != 0)
				break;
			ups++;
		}
	}
	ok(round == 20000, "random walk: up %u times of %u", ups, round / 8);
	host_delete(h);
	ramblk_free(b);
}

/*
 * The driver side writes anything anywhere, at any time: whatever is made of it,
 * it must end, stay inside, and work again with an honest driver.
 */
static void scribble(void)
{
	struct host *h = host_new(8, 8, false);
	struct vmsg_ramblk *b = host_ramblk(h, 0), *c = host_ramblk(h, 1);
	unsigned int round, i, ups = 0;
	uint8_t *m = h->d.mem;

	srand(5);
	vmsg_seg_start(&h->seg, 0);
	for (round = 0; round < 100000; round++) {
		for (i = (unsigned int)rand() % 4; i; i--) {
			uint64_t at;

			switch (rand() % 6) {
			case 0:
				at = (unsigned int)rand() % 128;
				break;
			case 1:
				at = h->d.l.drv_head + (unsigned int)rand() % 8;
				break;
			case 2:
				at = h->d.l.drv_notif + (unsigned int)rand() % 128;
				break;
			case 3:
				at = h->d.l.drv_elems + (unsigned int)rand() % (8 * 128);
				break;
			default:
				at = (unsigned int)rand() % (h->d.l.window_offset + 8192);
				break;
			}
			m[at] = (uint8_t)(rand() % 4 ? rand() % 4 : rand() >> 7);
		}
		if (!(rand() % 64)) {
			/* what an honest driver needs of the header */
			h->d.status = VIRTIO_MSG_ST_INIT;
			drv_status(h, VIRTIO_MSG_ST_INIT);
		}
		if (rand() % 2)
			drv_step(&h->d, 15);
		host_poll(h);
		ups += h->bus.up;
	}
	ok(ups > 1000, "100000 rounds of scribbling, link up in %u of them, lost %u times",
	   ups, h->seg.drops);
	h->now += 1000;
	drv_status(h, VIRTIO_MSG_ST_INIT);
	h->d.status = VIRTIO_MSG_ST_INIT;
	ok(drv_up(&h->d, 8) && drv_get_status(&h->d, 1) >= 0, "an honest driver after it");
	host_delete(h);
	ramblk_free(b);
	ramblk_free(c);
}

int main(void)
{
	plan("segment");
	layout();
	bring_up(8, false);
	bring_up(0, false);
	bring_up(8, true);
	restarts();
	traffic();
	beyond();
	walk();
	scribble();
	return done();
}
