// SPDX-License-Identifier: GPL-2.0-only
/*
 * Buffers that are in no area: a link that knows them by copying
 */
#include "host.h"

/* What lies at bit 63: four pages. */
#define FAR		(1ULL << 63)
#define FAR_SIZE	16384u

static uint8_t far_mem[FAR_SIZE];
static struct far {
	uint32_t handle;
	uint64_t at;
	uint32_t len, first;
	bool write;
	uint8_t *copy, *window;
} far[8];
static uint32_t handles;
static unsigned int ends, live, early;

static void *far_get(struct vmsg_bus *bus, struct vmsg_chain *c, uint64_t addr,
		     uint32_t len, bool write)
{
	uint64_t at = addr & ~FAR;
	uint8_t *window = NULL;
	struct far *f;

	if (!(addr >> 63))
		window = vmsg_map(bus, addr, len);
	if (!window && (!(addr >> 63) || at > FAR_SIZE || len > FAR_SIZE - at))
		return NULL;
	for (f = far; f->copy; f++)
		;
	if (!c->foreign)
		c->foreign = ++handles;
	*f = (struct far){ c->foreign, at, len, c->in_len, write, calloc(1, len), window };
	if (window)
		memcpy(f->copy, window, len);
	else if (!write)
		memcpy(f->copy, far_mem + at, len);
	live++;
	return f->copy;
}

static void far_end(struct vmsg_bus *bus, uint32_t handle, uint32_t len)
{
	bool any = false;
	unsigned int i;

	(void)bus;
	for (i = 0; i < 8; i++) {
		struct far *f = &far[i];

		if (!f->copy || f->handle != handle)
			continue;
		if (f->window) {
			/* The data before it is there already. */
			early += !i || far[i - 1].copy;
			memcpy(f->window, f->copy, f->len);
		} else if (f->write && len > f->first) {
			uint32_t n = len - f->first;

			memcpy(far_mem + f->at, f->copy, n < f->len ? n : f->len);
		}
		free(f->copy);
		f->copy = NULL;
		live--;
		any = true;
	}
	/* A chain that was given back is ended once more when it is used again. */
	ends += any;
}

static struct host *h;
static struct vmsg_ramblk *b;
static struct drv_vq vq;
static struct vmsg_link_ops link_ops;
static uint64_t head;
static uint32_t used;

static void start(uint64_t want, bool knows)
{
	uint64_t got;

	h = host_new(8, 16, false);
	link_ops = vmsg_seg_link;
	link_ops.foreign = knows ? far_get : NULL;
	link_ops.foreign_end = knows ? far_end : NULL;
	h->bus.link = &link_ops;
	b = host_ramblk(h, 1);
	vmsg_seg_start(&h->seg, 0);
	CHECK(drv_up(&h->d, 8));
	CHECK(!drv_negotiate(&h->d, 1, want, &got));
	CHECK(drv_vq_setup(&h->d, &vq, 1, 0, 16, got) >= 0);
	CHECK(drv_set_status(&h->d, 1, 0xf) == 0xf);
	head = drv_alloc(&h->d, 64, 64);
	ends = 0;
}

static void stop(void)
{
	host_delete(h);
	ramblk_free(b);
}

/* Read or write sectors; the data is at @addr. Return: the status, or -1. */
static int request(bool write, uint64_t sector, uint64_t addr, uint32_t len)
{
	struct drv_sg sg[3] = {
		{ drv_addr(head), 16, false },
		{ addr, len, !write },
		{ drv_addr(head + 16), 1, true },
	};
	uint8_t *p = drv_ptr(&h->d, head);

	vmsg_put32(p, write);
	vmsg_put32(p + 4, 0);
	vmsg_put64(p + 8, sector);
	p[16] = 0xee;
	drv_vq_add(&vq, sg, 3);
	drv_kick(&h->d, 1, 0);
	return drv_vq_wait(&vq, &used) < 0 ? -1 : p[16];
}

static void test_io(uint64_t want, const char *what)
{
	unsigned int i;

	start(want, true);
	for (i = 0; i < 4096; i++)
		far_mem[4096 + i] = (uint8_t)(i * 3 + 1);
	ok(request(true, 8, FAR | 4096, 4096) == 0 &&
	   !memcmp(b->data + 8 * 512, far_mem + 4096, 4096), "%s: written from there", what);
	memset(far_mem + 8192, 0xaa, 8192);
	ok(request(false, 8, FAR | 8192, 4096) == 0 &&
	   !memcmp(far_mem + 8192, b->data + 8 * 512, 4096) && far_mem[12288] == 0xaa,
	   "%s: read to there, and not a byte more", what);
	ok(!early, "%s: the status comes after the data", what);
	ok(ends == 2 && !live, "%s: let go before it was given back", what);
	CHECK(!b->dev.stats.faults);
	stop();
}

static void test_outside(void)
{
	start(0, true);
	ok(request(true, 0, FAR | 12288, 8192) == -1 && b->dev.stats.faults == 1,
	   "what the link does not know faults the device");
	stop();
	start(0, false);
	ok(request(true, 0, FAR | 4096, 4096) == -1 && b->dev.stats.faults == 1,
	   "a link that knows no such buffers");
	stop();
}

/* A chain that was taken and never given back: the next one does not inherit. */
static void test_forgotten(void)
{
	struct vmsg_chain *c = calloc(1, sizeof(*c));
	struct drv_sg sg[2] = { { FAR | 0, 512, false }, { FAR | 4096, 512, true } };

	start(0, true);
	h->frozen = true;
	drv_vq_add(&vq, sg, 2);
	ok(vmsg_vq_pop(&b->vq[0], c) && c->foreign && live == 2, "two buffers of a chain");
	drv_vq_add(&vq, sg, 2);
	ok(vmsg_vq_pop(&b->vq[0], c) && ends == 1 && live == 2, "the next lets go of them");
	vmsg_vq_push(&b->vq[0], c, 0);
	ok(ends == 2 && !live, "and is let go of itself");
	h->frozen = false;
	free(c);
	stop();
}

int main(void)
{
	plan("foreign");
	test_io(0, "split");
	test_io(VMSG_F_EVENT_IDX | VMSG_F_INDIRECT_DESC, "split indirect");
	test_io(VMSG_F_EVENT_IDX | VMSG_F_RING_PACKED, "packed");
	test_outside();
	test_forgotten();
	return done();
}
