// SPDX-License-Identifier: GPL-2.0-only
/*
 * Fuzz the segment: every load from shared memory is answered with fresh bytes,
 * also the second load of the same place, and each must lie in the segment and
 * be aligned.  Stores and copies go to the memory itself, where the address
 * sanitizer watches.
 *
 * Most loads are answered with what an honest peer might have there, or the
 * state machine would never leave INIT; the input decides how many are not.
 */
#include <string.h>
#include <linux/errno.h>

#include "segment.h"
#include "fuzz.h"

#define SEG_SIZE	8192U
#define MAX_LOADS	2000000UL

static u8 *mem;
static const uint8_t *in, *in_end;
static u64 state;
static unsigned long loads;
static u32 noise;		/* one load of so many is nonsense */
static int bare;
static struct vmsg_seg seg;

/* Bytes of the input, and when it is used up, numbers made of it. */
static u32 next(void)
{
	if (in < in_end)
		state = (state << 8 | state >> 56) + *in++;
	state = state * 6364136223846793005ULL + 1442695040888963407ULL;
	return state >> 33;
}

static u64 next64(void)
{
	return (u64)next() << 40 ^ (u64)next() << 16 ^ next();
}

/* What an honest peer might have there. */
static u64 plausible(u64 off)
{
	static const u64 hdr[] = {
		[0] = 0x4c4f, [2] = 64, [4] = 1, [8] = 3, [9] = 4, [10] = 4,
		[12] = 64, [16] = 128, [24] = 256, [32] = 512, [40] = 192,
		[48] = 264, [56] = 1024, [64] = 0x58534d56, [68] = 64,
		[70] = 1, [72] = 0xf, [80] = 4096, [88] = 4096, [96] = 7,
		[104] = 2,
	};

	if (bare && off == 64)
		return 0;
	if (off == 116)
		return seg.instance;
	if (off == 256)
		return 0x514f;
	if (off == 258) {
		if (noise < 64)
			return next() % 6;
		if (bare && next() % 4 == 0)
			return VIRTIO_MSG_ST_READY;
		return seg.status == VIRTIO_MSG_ST_INIT ||
		       seg.status == VIRTIO_MSG_ST_PEER_DEAD ?
		       VIRTIO_MSG_ST_READY : VIRTIO_MSG_ST_RUN;
	}
	if (off == 260 || off == 262)
		return next() % 5;
	if (off < sizeof(hdr) / sizeof(hdr[0]))
		return hdr[off];
	return next64();
}

u64 vmsg_shm_fuzz(const void *p, unsigned int size)
{
	u64 off = (const volatile u8 *)p - mem;
	u64 v;

	MUST(off < SEG_SIZE && off % size == 0);
	/* However long the input: no loop feeds on the peer. */
	MUST(++loads < MAX_LOADS);

	if (next() % noise) {
		v = plausible(off);
	} else {
		switch (next() % 3) {
		case 0:
			v = next64();
			break;
		case 1:
			v = next() % 8;
			break;
		default:
			v = 0ULL - next() % 64;
		}
	}
	return size == 8 ? v : v & ((1ULL << 8 * size) - 1);
}

void vmsg_shm_fuzz_copy(void *dst, const void *src, size_t len)
{
	u64 off = (const volatile u8 *)src - mem;

	MUST(off < SEG_SIZE && len <= SEG_SIZE - off);
	memset(dst, next(), len);
}

static void check_geom(const struct vmsg_seg_geom *g)
{
	u64 elems = (u64)g->num_elems * g->elem_size;

	MUST(g->num_elems >= 2 && g->elem_size >= 64 && g->elem_size % 8 == 0);
	MUST(g->num_notif <= 64 && g->vq_per_dev && g->vq_per_dev <= 16);
	MUST(g->dev_elems % 8 == 0 && g->dev_elems + elems <= SEG_SIZE);
	MUST(g->drv_elems % 8 == 0 && g->drv_elems + elems <= SEG_SIZE);
	MUST(g->dev_head % 8 == 0 && g->dev_head + 8 <= SEG_SIZE);
	MUST(g->drv_head % 8 == 0 && g->drv_head + 8 <= SEG_SIZE);
	MUST(g->window_length <= SEG_SIZE &&
	     g->window_offset <= SEG_SIZE - g->window_length);
	if (g->num_notif) {
		MUST(g->dev_notif + 16 * g->num_notif <= SEG_SIZE);
		MUST(g->drv_notif + 16 * g->num_notif <= SEG_SIZE);
	}
}

/* Each call makes a bounded number of loads, whatever they answer. */
#define BOUNDED(n, call) ({						\
	unsigned long __l = loads;					\
	__typeof__(call) __r = (call);					\
	MUST(loads - __l <= (n));					\
	__r; })

static void one_call(u8 *buf, u8 *up)
{
	struct vmsg_seg_used used[8];
	unsigned int flags = 0, ret;
	u16 dev, vq;
	int n, i, max;

	switch (next() % 10) {
	case 0:
		n = BOUNDED(3, vmsg_seg_send(&seg, buf, next() % 200));
		n = n < 0 ? n : 0;
		MUST(n == 0 || n == -EAGAIN || n == -EMSGSIZE ||
		     n == -EPROTO || n == -ENOTCONN);
		break;
	case 1:
		/* Room for the largest element in this memory. */
		n = BOUNDED(4, vmsg_seg_recv(&seg, buf, SEG_SIZE, &flags));
		MUST(n == 0 || n == -EPROTO || n == seg.geom.elem_size);
		MUST(!(flags & ~VMSG_SEG_RING));
		break;
	case 2:
		BOUNDED(1, vmsg_seg_tx_space(&seg));
		break;
	case 3:
		dev = next() % 64;
		vq = next() % 24;
		n = BOUNDED(2, vmsg_seg_kick(&seg, dev, vq));
		MUST(n == 0 || n == VMSG_SEG_RING || n == -EOPNOTSUPP);
		break;
	case 4:
	case 5:
		max = next() % 9;
		n = BOUNDED(64, vmsg_seg_scan(&seg, used, max));
		MUST(n >= 0 && n <= max);
		for (i = 0; i < n; i++) {
			MUST(used[i].vq < seg.geom.vq_per_dev);
			MUST((used[i].dev * seg.geom.vq_per_dev +
			      used[i].vq) / 64 + 1 < seg.geom.num_notif);
		}
		break;
	case 6:
		if (next() % 8)
			break;
		vmsg_seg_leave(&seg, next() & 1 ? VIRTIO_MSG_ST_SHUTDOWN :
			       VIRTIO_MSG_ST_PEER_DEAD);
		*up = 0;
		break;
	default:
		/* Once up, look less often: there is more to do. */
		if (*up && next() % 8)
			break;
		ret = BOUNDED(48, vmsg_seg_step(&seg));
		MUST(!(ret & ~0x1fU));
		MUST((ret & (VMSG_SEG_UP | VMSG_SEG_LOST)) !=
		     (VMSG_SEG_UP | VMSG_SEG_LOST));
		if (ret & VMSG_SEG_UP)
			*up = 1;
		if (ret & (VMSG_SEG_LOST | VMSG_SEG_REJECTED))
			MUST(seg.why);
		if (ret & VMSG_SEG_LOST)
			*up = 0;
		if (seg.status == VIRTIO_MSG_ST_SHUTDOWN)
			BOUNDED(48, vmsg_seg_restart(&seg, next()));
	}
	MUST(seg.up == *up);
	if (seg.status == VIRTIO_MSG_ST_READY ||
	    seg.status == VIRTIO_MSG_ST_RUN) {
		check_geom(&seg.geom);
		MUST(seg.tail < seg.geom.num_elems);
		MUST(seg.head < seg.geom.num_elems);
		MUST(seg.wire < VIRTIO_MSG_WIRE_COUNT);
		MUST(!seg.geom.ext || seg.instance);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static u8 buf[SEG_SIZE];
	struct vmsg_seg_geom g;
	const char *why;
	u8 up = 0;
	int i;

	in = data;
	in_end = data + size;
	state = size;
	loads = 0;
	bare = next() % 4 == 0;
	noise = 4U << 2 * (next() % 5);
	memset(&seg, 0, sizeof(seg));
	/* Page aligned as a mapping is, and watched at both ends. */
	mem = aligned_alloc(4096, SEG_SIZE);
	MUST(mem);
	memset(mem, 0, SEG_SIZE);

	if (!vmsg_seg_layout(mem, SEG_SIZE, &g, &why))
		check_geom(&g);
	else
		MUST(why);

	vmsg_seg_init(&seg, mem, SEG_SIZE, next(), next());
	vmsg_seg_restart(&seg, next() % 4);
	for (i = 0; i < 60; i++)
		one_call(buf, &up);
	free(mem);
	return 0;
}
