// SPDX-License-Identifier: GPL-2.0-only
/*
 * Virtqueues: honest drivers on all kinds of rings, and evil ones
 */
#include "host.h"

struct rig {
	struct host *h;
	struct drv *d;
	struct vmsg_ramblk *blk;
	struct drv_vq vq;
	uint64_t head, data, status;
};

static void rig_up(struct rig *r, uint64_t want, uint16_t size)
{
	uint64_t got = 0;

	memset(r, 0, sizeof(*r));
	r->h = host_new(8, 16, false);
	r->d = &r->h->d;
	r->blk = host_ramblk(r->h, 1);
	vmsg_seg_start(&r->h->seg, 0);
	if (!drv_up(r->d, 8) || drv_negotiate(r->d, 1, want, &got) ||
	    drv_vq_setup(r->d, &r->vq, 1, 0, size, got) < 0 ||
	    drv_set_status(r->d, 1, 0xf) != 0xf) {
		fprintf(stderr, "rig\n");
		exit(1);
	}
	r->head = drv_alloc(r->d, 16 * 64, 16);
	r->data = drv_alloc(r->d, 512 * 64, 512);
	r->status = drv_alloc(r->d, 64, 16);
	host_faults = 0;
}

static void rig_down(struct rig *r)
{
	host_delete(r->h);
	ramblk_free(r->blk);
}

static int add_io(struct rig *r, unsigned int slot, uint32_t type, uint64_t sector)
{
	struct drv_sg sg[3] = {
		{ drv_addr(r->head + 16 * slot), 16, false },
		{ drv_addr(r->data + 512 * slot), 512, !type },
		{ drv_addr(r->status + slot), 1, true },
	};
	uint8_t *p = drv_ptr(r->d, r->head + 16 * slot);

	vmsg_put32(p, type);
	vmsg_put64(p + 8, sector);
	*drv_ptr(r->d, r->status + slot) = 0xff;
	return drv_vq_add(&r->vq, sg, 3);
}

static void honest(uint64_t want, uint16_t size, const char *what)
{
	unsigned int round, i, n, kicks = 0, events;
	uint8_t disk[5] = { 0 };
	bool good = true;
	struct rig r;
	uint32_t len;

	rig_up(&r, want, size);
	srand(7);
	for (round = 0; round < 3000 && good; round++) {
		unsigned int batch = 1 + (unsigned int)rand() % 5;

		for (n = 0; n < batch; n++) {
			uint8_t *p = drv_ptr(r.d, r.data + 512 * n);

			memset(p, round & 1 ? 0xee : (int)(round + n), 512);
			if (add_io(&r, n, !(round & 1), n) < 0)
				break;
			if (!(round & 1))
				disk[n] = (uint8_t)(round + n);
		}
		if (drv_vq_need_kick(&r.vq)) {
			kicks++;
			drv_kick(r.d, 1, 0);
		}
		for (i = 0; i < n; i++) {
			if (drv_vq_wait(&r.vq, &len) < 0)
				good = false;
		}
		for (i = 0; i < n; i++) {
			good &= *drv_ptr(r.d, r.status + i) == 0;
			if (round & 1)
				good &= *drv_ptr(r.d, r.data + 512 * i + 511) ==
					disk[i];
		}
	}
	events = r.d->used[1][0];
	ok(good && round == 3000, "%s, size %u: 3000 batches (%u kicks, %u used events)",
	   what, size, kicks, events);
	ok(events <= kicks + 2, "%s, size %u: no more used events than needed", what, size);
	ok(!host_faults, "%s: no fault", what);
	rig_down(&r);
}

static void queue_reset(uint64_t want, const char *what)
{
	uint8_t in[4] = { 0 }, out[64];
	struct rig r;

	rig_up(&r, want | VMSG_F_RING_RESET, 16);
	add_io(&r, 0, 1, 0);
	drv_kick(r.d, 1, 0);
	CHECK(drv_vq_wait(&r.vq, NULL) >= 0);
	CHECK(drv_request(r.d, false, 1, VIRTIO_MSG_RESET_VQUEUE, in, 4, out) == 0);
	/* a kick of a queue that is off */
	drv_kick(r.d, 1, 0);
	host_poll(r.h);
	{
		struct drv_vq fresh;

		CHECK(drv_vq_setup(r.d, &fresh, 1, 0, 8, want) == 0);
		r.vq = fresh;
	}
	add_io(&r, 0, 0, 0);
	drv_kick(r.d, 1, 0);
	ok(drv_vq_wait(&r.vq, NULL) >= 0 && *drv_ptr(r.d, r.status) == 0,
	   "%s: a queue reset and enabled again works", what);
	rig_down(&r);
}

/* ------------------------------------------------------------------ evil */

/* Kick, and see a fault and nothing else; then everything works again. */
static void verdict(struct rig *r, const char *what)
{
	struct drv_vq vq = r->vq;
	unsigned int events;
	uint64_t got;

	events = r->d->config[1];
	drv_kick(r->d, 1, 0);
	host_poll(r->h);
	drv_poll(r->d);
	ok(host_faults == 1 && drv_get_status(r->d, 1) == 0x4f &&
	   r->d->config[1] == events + 1, "%s: NEEDS_RESET, %s", what, host_why);
	drv_kick(r->d, 1, 0);
	host_poll(r->h);
	ok(drv_set_status(r->d, 1, 0) == 0 && !drv_negotiate(r->d, 1, 0, &got) &&
	   drv_vq_setup(r->d, &vq, 1, 0, 8, got) >= 0 &&
	   drv_set_status(r->d, 1, 0xf) == 0xf, "%s: usable after a reset", what);
	r->vq = vq;
	add_io(r, 0, 0, 0);
	drv_kick(r->d, 1, 0);
	ok(drv_vq_wait(&r->vq, NULL) >= 0 && host_faults == 1, "%s: and working", what);
	rig_down(r);
}

static void put(struct rig *r, uint64_t at, uint64_t addr, uint32_t len,
		uint16_t a, uint16_t b)
{
	uint8_t *p = drv_ptr(r->d, at);

	vmsg_put64(p, addr);
	vmsg_put32(p + 8, len);
	vmsg_put16(p + 12, a);
	vmsg_put16(p + 14, b);
}

static void avail(struct rig *r, uint16_t idx, uint16_t head)
{
	uint8_t *p = drv_ptr(r->d, r->vq.driver);
	uint16_t old = vmsg_get16(p + 2);

	vmsg_put16(p + 4 + 2 * (old % r->vq.size), head);
	vmsg_put16(p + 2, idx);
}

#define IND VMSG_F_INDIRECT_DESC

static void evil_split(void)
{
	struct rig r;
	unsigned int i;

	rig_up(&r, 0, 8);
	put(&r, r.vq.desc, drv_addr(r.head), 16, 1, 1);
	put(&r, r.vq.desc + 16, drv_addr(r.head), 16, 1, 0);
	avail(&r, 1, 0);
	verdict(&r, "loop");

	rig_up(&r, 0, 8);
	put(&r, r.vq.desc, drv_addr(r.head), 16, 1, 8);
	avail(&r, 1, 0);
	verdict(&r, "next out of range");

	rig_up(&r, 0, 8);
	avail(&r, 1, 8);
	verdict(&r, "head out of range");

	rig_up(&r, 0, 8);
	avail(&r, 9, 0);
	verdict(&r, "available index too far");

	rig_up(&r, 0, 8);
	avail(&r, 0xffff, 0);
	verdict(&r, "available index backwards");

	rig_up(&r, 0, 8);
	put(&r, r.vq.desc, drv_addr(HOST_SIZE), 16, 0, 0);
	avail(&r, 1, 0);
	verdict(&r, "behind the window");

	rig_up(&r, 0, 8);
	put(&r, r.vq.desc, drv_addr(HOST_SIZE - 8), 16, 0, 0);
	avail(&r, 1, 0);
	verdict(&r, "straddling the window's end");

	rig_up(&r, 0, 8);
	put(&r, r.vq.desc, drv_addr(0), 16, 0, 0);
	avail(&r, 1, 0);
	verdict(&r, "the segment's header");

	rig_up(&r, 0, 8);
	put(&r, r.vq.desc, r.head, 16, 0, 0);
	avail(&r, 1, 0);
	verdict(&r, "area 0");

	rig_up(&r, 0, 8);
	put(&r, r.vq.desc, drv_addr(r.head) | 1ULL << 63, 16, 0, 0);
	avail(&r, 1, 0);
	verdict(&r, "area 0x8001");

	rig_up(&r, 0, 8);
	put(&r, r.vq.desc, drv_addr(r.head), 0xffffffff, 0, 0);
	avail(&r, 1, 0);
	verdict(&r, "length of 4 GiB");

	rig_up(&r, 0, 8);
	put(&r, r.vq.desc, drv_addr(r.head), 0, 0, 0);
	avail(&r, 1, 0);
	verdict(&r, "length of 0");

	rig_up(&r, 0, 8);
	put(&r, r.vq.desc, drv_addr(r.status), 1, 3, 1);
	put(&r, r.vq.desc + 16, drv_addr(r.head), 16, 0, 0);
	avail(&r, 1, 0);
	verdict(&r, "readable after writable");

	rig_up(&r, 0, 8);
	put(&r, r.vq.desc, drv_addr(r.head), 16, 0, 0);
	avail(&r, 1, 0);
	verdict(&r, "no room for a status");

	rig_up(&r, 0, 8);
	put(&r, r.vq.desc, drv_addr(r.status), 1, 2, 0);
	avail(&r, 1, 0);
	verdict(&r, "no header");

	rig_up(&r, 0, 8);
	put(&r, r.vq.desc, drv_addr(r.vq.table), 32, 4, 0);
	avail(&r, 1, 0);
	verdict(&r, "indirect, not negotiated");

	rig_up(&r, IND, 8);
	put(&r, r.vq.desc, drv_addr(r.vq.table), 33, 4, 0);
	avail(&r, 1, 0);
	verdict(&r, "indirect, odd length");

	rig_up(&r, IND, 8);
	put(&r, r.vq.desc, drv_addr(r.vq.table), 0, 4, 0);
	avail(&r, 1, 0);
	verdict(&r, "indirect, empty");

	rig_up(&r, IND, 8);
	put(&r, r.vq.desc, drv_addr(HOST_SIZE - 16), 32, 4, 0);
	avail(&r, 1, 0);
	verdict(&r, "indirect table outside");

	rig_up(&r, IND, 8);
	put(&r, r.vq.desc, drv_addr(r.vq.table + 4), 32, 4, 0);
	avail(&r, 1, 0);
	verdict(&r, "indirect table not aligned");

	rig_up(&r, IND, 8);
	put(&r, r.vq.desc, drv_addr(r.vq.table), 32, 5, 1);
	avail(&r, 1, 0);
	verdict(&r, "indirect with next");

	rig_up(&r, IND, 8);
	put(&r, r.vq.desc, drv_addr(r.vq.table), 32, 4, 0);
	put(&r, r.vq.table, drv_addr(r.vq.table), 32, 4, 0);
	avail(&r, 1, 0);
	verdict(&r, "indirect in indirect");

	rig_up(&r, IND, 8);
	put(&r, r.vq.desc, drv_addr(r.vq.table), 32, 4, 0);
	put(&r, r.vq.table, drv_addr(r.head), 16, 1, 1);
	put(&r, r.vq.table + 16, drv_addr(r.head), 16, 1, 0);
	avail(&r, 1, 0);
	verdict(&r, "loop in an indirect table");

	rig_up(&r, IND, 8);
	put(&r, r.vq.desc, drv_addr(r.vq.table), 32, 4, 0);
	put(&r, r.vq.table, drv_addr(r.head), 16, 1, 2);
	avail(&r, 1, 0);
	verdict(&r, "next out of an indirect table");

	rig_up(&r, IND, 8);
	put(&r, r.vq.desc, drv_addr(r.data), 16 * 512, 4, 0);
	for (i = 0; i < 512; i++)
		put(&r, r.data + 16 * i, drv_addr(r.head), 16, 1, (uint16_t)(i + 1));
	avail(&r, 1, 0);
	verdict(&r, "indirect table of 512");

	rig_up(&r, 0, 8);
	put(&r, r.vq.desc, drv_addr(r.d->l.window_offset), 0x300000, 1, 1);
	for (i = 1; i < 7; i++)
		put(&r, r.vq.desc + 16 * i, drv_addr(r.d->l.window_offset), 0x300000, 1,
		    (uint16_t)(i + 1));
	put(&r, r.vq.desc + 16 * 7, drv_addr(r.status), 1, 2, 0);
	avail(&r, 1, 0);
	drv_kick(r.d, 1, 0);
	ok(drv_vq_get(&r.vq, NULL) == -1, "a request of 21 MiB");
	host_poll(r.h);
	ok(*drv_ptr(r.d, r.status) != 0, "is answered with an error, not with a crash");
	rig_down(&r);
}

static void pdesc(struct rig *r, unsigned int i, uint64_t addr, uint32_t len,
		  uint16_t id, uint16_t flags)
{
	put(r, r->vq.desc + 16 * i, addr, len, id, flags | 0x80);
}

static void evil_packed(void)
{
	const uint64_t p = VMSG_F_RING_PACKED;
	struct rig r;
	unsigned int i;

	rig_up(&r, p, 8);
	for (i = 0; i < 8; i++)
		pdesc(&r, i, drv_addr(r.head), 16, 0, 1);
	verdict(&r, "packed: a chain without end");

	rig_up(&r, p, 8);
	pdesc(&r, 0, drv_addr(HOST_SIZE), 16, 0, 0);
	verdict(&r, "packed: behind the window");

	rig_up(&r, p, 8);
	pdesc(&r, 0, drv_addr(r.vq.table), 32, 0, 4);
	verdict(&r, "packed: indirect, not negotiated");

	rig_up(&r, p | IND, 8);
	pdesc(&r, 0, drv_addr(r.vq.table), 32, 0, 5);
	verdict(&r, "packed: indirect with next");

	rig_up(&r, p | IND, 8);
	pdesc(&r, 0, drv_addr(r.head), 16, 0, 1);
	pdesc(&r, 1, drv_addr(r.vq.table), 32, 0, 4);
	verdict(&r, "packed: indirect inside a chain");

	rig_up(&r, p | IND, 8);
	pdesc(&r, 0, drv_addr(r.vq.table), 16, 0, 4);
	put(&r, r.vq.table, drv_addr(r.vq.table), 16, 0, 4);
	verdict(&r, "packed: indirect in indirect");

	rig_up(&r, p | IND, 8);
	pdesc(&r, 0, drv_addr(r.data), 16 * 512, 0, 4);
	verdict(&r, "packed: indirect table of 512");

	rig_up(&r, p, 8);
	pdesc(&r, 0, drv_addr(r.status), 1, 0, 3);
	pdesc(&r, 1, drv_addr(r.head), 16, 0, 0);
	verdict(&r, "packed: readable after writable");
}

/* Rings full of noise, kicked, reset, again: it must not fall over. */
static void noise(uint64_t want, const char *what)
{
	unsigned int round, i, faults = 0;
	struct rig r;

	rig_up(&r, want, 16);
	srand(3);
	for (round = 0; round < 20000; round++) {
		uint8_t *base = drv_ptr(r.d, r.vq.desc);
		uint64_t got;

		for (i = 0; i < 16 * 16; i++)
			base[i] = (uint8_t)(rand() >> 9);
		for (i = 0; i < 16; i++) {
			uint64_t a = r.d->l.window_offset + (uint32_t)rand() % 0x10000;

			if (rand() % 8)
				vmsg_put64(base + 16 * i, drv_addr(a & ~15ULL));
			if (rand() % 8)
				vmsg_put32(base + 16 * i + 8, (uint32_t)rand() % 64 * 16);
			if (rand() % 8 && !r.vq.packed)
				vmsg_put16(base + 16 * i + 14, (uint16_t)(rand() % 17));
		}
		vmsg_put16(drv_ptr(r.d, r.vq.driver) + 2, (uint16_t)(rand() % 12));
		for (i = 0; i < 16 && !r.vq.packed; i++)
			vmsg_put16(drv_ptr(r.d, r.vq.driver) + 4 + 2 * i,
				   (uint16_t)(rand() % 17));
		drv_kick(r.d, 1, 0);
		host_poll(r.h);
		if (!(drv_get_status(r.d, 1) & 0x40))
			continue;
		faults++;
		r.d->brk = r.d->l.window_offset;
		if (drv_negotiate(r.d, 1, want, &got) ||
		    drv_vq_setup(r.d, &r.vq, 1, 0, 16, got) < 0 ||
		    drv_set_status(r.d, 1, 0xf) != 0xf)
			break;
	}
	ok(round == 20000, "%s: %u rounds of noise, %u faults", what, round, faults);
	rig_down(&r);
}

/* A driver that refills as fast as the device works must not hold the rest. */
static unsigned int served;

static void endless_one(struct vmsg_vq *vq, struct vmsg_chain *c)
{
	struct rig *r = vq->dev->priv;
	uint8_t *p = drv_ptr(r->d, r->vq.driver);

	served++;
	vmsg_vq_push(vq, c, 0);
	vmsg_put16(p + 2, (uint16_t)(vmsg_get16(p + 2) + 1));
}

static void fairness(void)
{
	struct vmsg_chain *c = malloc(sizeof(*c));
	struct rig r;

	rig_up(&r, 0, 8);
	r.blk->dev.priv = &r;
	put(&r, r.vq.desc, drv_addr(r.head), 16, 0, 0);
	avail(&r, 1, 0);
	vmsg_vq_drain(&r.blk->vq[0], NULL, endless_one, c);
	ok(served == 16 && r.h->bus.kicks_pending,
	   "endless driver: %u chains, then others", served);
	r.blk->dev.priv = r.blk;
	rig_down(&r);
	free(c);
}

/*
 * A device side that was replaced: the same ring, with buffers that were made
 * available and never used.  @from: where its indices stand before.
 */
static void resume(uint64_t want, uint16_t from, const char *what)
{
	uint64_t got = 0;
	unsigned int i, n = 0;
	bool good = true;
	uint32_t len;
	struct rig r;

	rig_up(&r, want, 16);
	/* A ring with a past: the indices are set as if it had been used. */
	drv_set_status(r.d, 1, 0);
	vmsg_st16(drv_ptr(r.d, r.vq.device) + 2, from);
	vmsg_st16(drv_ptr(r.d, r.vq.driver) + 2, from);
	r.vq.next = from;
	r.vq.last_used = from;
	r.vq.kicked = from;
	for (i = 0; i < 3; i++) {
		memset(drv_ptr(r.d, r.data + 512 * i), (int)(0x40 + i), 512);
		good &= add_io(&r, i, 1, i) >= 0;
	}
	good &= !drv_negotiate(r.d, 1, want, &got) && got == (want | VMSG_F_VERSION_1 |
							     VMSG_F_ACCESS_PLATFORM);
	good &= drv_vq_set(&r.vq) >= 0 && drv_set_status(r.d, 1, 0xf) == 0xf;
	host_poll(r.h);
	for (i = 0; i < 3; i++)
		if (drv_vq_wait(&r.vq, &len) >= 0)
			n++;
	for (i = 0; i < 3; i++)
		good &= *drv_ptr(r.d, r.status + i) == 0 &&
			r.blk->data[512 * i + 511] == 0x40 + i;
	ok(good && n == 3, "%s: a ring that stands at %u goes on", what, from);
	ok(vmsg_ld16(drv_ptr(r.d, r.vq.device) + 2) == (uint16_t)(from + 3),
	   "%s: each was used once", what);
	ok(r.blk->dev.stats.requests == 3 && !host_faults,
	   "%s: nothing was done that had been done", what);
	rig_down(&r);
}

/* The used index is the driver's to write too: it cannot lead astray. */
static void resume_evil(void)
{
	uint64_t got = 0;
	struct rig r;

	rig_up(&r, 0, 16);
	drv_set_status(r.d, 1, 0);
	vmsg_st16(drv_ptr(r.d, r.vq.device) + 2, 40000);
	vmsg_st16(drv_ptr(r.d, r.vq.driver) + 2, 40017);
	drv_negotiate(r.d, 1, 0, &got);
	drv_vq_set(&r.vq);
	drv_set_status(r.d, 1, 0xf);
	host_poll(r.h);
	ok(host_faults == 1 && drv_get_status(r.d, 1) & 0x40,
	   "more outstanding than the ring has: %s", host_why);
	rig_down(&r);
}

/* Memory of the driver side besides the window: a buffer there, and just outside. */
static void driver_ram(void)
{
	const uint64_t at = 0x40000000;
	uint8_t ram[4096] = { 0 };
	struct rig r;
	int i;

	rig_up(&r, IND, 16);
	ok(!vmsg_map(&r.h->bus, at, 1), "no memory of the driver side, unless it is given");
	r.h->bus.ram = (struct vmsg_area){
		.id = VIRTIO_MSG_AREA_DRIVER_PHYS, .start = at, .len = sizeof(ram), .ptr = ram,
	};
	ok(vmsg_map(&r.h->bus, at, sizeof(ram)) == ram &&
	   vmsg_map(&r.h->bus, at + 4095, 1) == ram + 4095, "its first and its last byte");
	ok(!vmsg_map(&r.h->bus, at - 1, 1) && !vmsg_map(&r.h->bus, at, sizeof(ram) + 1) &&
	   !vmsg_map(&r.h->bus, at + sizeof(ram), 1) &&
	   !vmsg_map(&r.h->bus, at + 1, UINT64_MAX - at), "none outside of it");
	ok(!!vmsg_map(&r.h->bus, drv_addr(r.data), 512), "the window is still there");
	/* A block is read into it. */
	memset(r.blk->data, 0x5a, 512);
	memset(drv_ptr(r.d, r.head), 0, 16);
	{
		struct drv_sg sg[3] = {
			{ drv_addr(r.head), 16, false },
			{ at + 1024, 512, true },
			{ drv_addr(r.status), 1, true },
		};

		ok(drv_vq_add(&r.vq, sg, 3) >= 0, "a request with a buffer there");
	}
	drv_kick(r.d, 1, 0);
	i = drv_vq_wait(&r.vq, NULL);
	ok(i >= 0 && ram[1023] == 0 && ram[1024] == 0x5a && ram[1535] == 0x5a &&
	   ram[1536] == 0 && !host_faults, "it is filled, and nothing else");
	rig_down(&r);
}

int main(void)
{
	static const uint16_t sizes[] = { 8, 16, 64 };
	const uint64_t ev = VMSG_F_EVENT_IDX, pk = VMSG_F_RING_PACKED;
	unsigned int i;

	plan("virtqueues");
	for (i = 0; i < 3; i++) {
		honest(0, sizes[i], "split");
		honest(ev, sizes[i], "split event_idx");
		honest(IND, sizes[i], "split indirect");
		honest(ev | IND, sizes[i], "split event_idx indirect");
		honest(pk, sizes[i], "packed");
		honest(pk | ev, sizes[i], "packed event_idx");
		honest(pk | IND, sizes[i], "packed indirect");
		honest(pk | ev | IND, sizes[i], "packed event_idx indirect");
	}
	honest(pk | ev, 11, "packed, size no power of two");
	queue_reset(0, "split");
	queue_reset(pk | ev, "packed");
	evil_split();
	evil_packed();
	noise(0, "split");
	noise(IND | ev, "split indirect");
	noise(pk, "packed");
	noise(pk | IND | ev, "packed indirect");
	fairness();
	resume(0, 5, "split");
	resume(0, 65534, "split");
	resume(ev | IND, 65534, "split event_idx indirect");
	resume_evil();
	driver_ram();
	return done();
}
