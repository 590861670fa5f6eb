// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests of the shared-memory segment, against a scripted device side
 *
 * The device side here is written from segment.rst, not from segment.c, and it
 * touches the memory by plain byte accesses.
 */
#include <kunit/test.h>
#include <linux/bits.h>
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/limits.h>
#include <linux/string.h>
#include <linux/unaligned.h>

#include "../segment.h"

#define SEG_SIZE	0x8000U
#define WINDOW		0x4000U
#define WINDOW_LEN	0x4000U

/* Offsets of the header and the extension, from segment.rst. */
#define H_MAGIC		0
#define H_LENGTH	2
#define H_VERSION	4
#define H_FEATURES	6
#define H_NUM_NOTIF	8
#define H_VQ_NOTIF	9
#define H_NUM_ELEMS	10
#define H_ELEM_SIZE	12
#define H_DEV_NOTIF	16
#define H_DEV_HEAD	24
#define H_DEV_ELEMS	32
#define H_DRV_NOTIF	40
#define H_DRV_HEAD	48
#define H_DRV_ELEMS	56
#define X_MAGIC		64
#define X_LENGTH	68
#define X_VERSION	70
#define X_OFFERED	72
#define X_SELECTED	76
#define X_WIN_OFFSET	80
#define X_WIN_LENGTH	88
#define X_DEV_INST	96
#define X_DRV_INST	100
#define X_DEV_PEER	104
#define X_DRV_PEER	106
#define X_DEV_FLAGS	108
#define X_DRV_FLAGS	112
#define X_DEV_SEEN	116
#define X_DRV_SEEN	120

#define WIRE_ALL	0xf

enum { INIT, READY, RUN, SHUTDOWN, PEER_DEAD };

/*
 * struct peer - the scripted device side and the segment under test
 * @mem: the memory, as the device side sees it
 * @bare: no extension
 * @pc: next single write of peer_tick()
 */
struct peer {
	u8 *mem;
	bool bare;
	u16 num_elems;
	u16 elem_size;
	u8 num_notif;
	u8 vq_per_dev;
	u32 dev_notif, dev_head, dev_elems;
	u32 drv_notif, drv_head, drv_elems;
	u16 tail;
	u16 head;
	u64 tx[64];
	u64 rx[64];
	u32 instance;
	u32 seen;
	int pc;
	struct vmsg_seg seg;
};

static u16 rd16(struct peer *p, u32 off)
{
	return get_unaligned_le16(p->mem + off);
}

static u32 rd32(struct peer *p, u32 off)
{
	return get_unaligned_le32(p->mem + off);
}

static u64 rd64(struct peer *p, u32 off)
{
	return get_unaligned_le64(p->mem + off);
}

static void wr16(struct peer *p, u32 off, u16 v)
{
	put_unaligned_le16(v, p->mem + off);
}

static void wr32(struct peer *p, u32 off, u32 v)
{
	put_unaligned_le32(v, p->mem + off);
}

static void wr64(struct peer *p, u32 off, u64 v)
{
	put_unaligned_le64(v, p->mem + off);
}

static u8 __vshm *shm(struct peer *p)
{
	return (__force u8 __vshm *)p->mem;
}

static u16 dev_status(struct peer *p)
{
	return rd16(p, p->dev_head + 2);
}

static u16 drv_status(struct peer *p)
{
	return rd16(p, p->drv_head + 2);
}

static void set_status(struct peer *p, u16 status)
{
	wr16(p, p->dev_head + 2, status);
}

/* A small generator: the tests want the same numbers everywhere. */
static u32 rnd(u64 *state)
{
	*state = *state * 6364136223846793005ULL + 1442695040888963407ULL;
	return *state >> 33;
}

/* Place the areas one after the other and write the header; magic last. */
static void peer_format(struct peer *p)
{
	u32 at = p->bare ? 64 : 128;

	memset(p->mem, 0, SEG_SIZE);
	p->dev_notif = at;
	at += 16 * p->num_notif;
	p->drv_notif = at;
	at += 16 * p->num_notif;
	p->dev_head = at;
	p->drv_head = at + 8;
	at += 16;
	p->dev_elems = at;
	at += p->num_elems * p->elem_size;
	p->drv_elems = at;

	wr16(p, H_LENGTH, 64);
	wr16(p, H_VERSION, 1);
	p->mem[H_NUM_NOTIF] = p->num_notif;
	p->mem[H_VQ_NOTIF] = p->vq_per_dev;
	wr16(p, H_NUM_ELEMS, p->num_elems);
	wr16(p, H_ELEM_SIZE, p->elem_size);
	wr64(p, H_DEV_NOTIF, p->dev_notif);
	wr64(p, H_DEV_HEAD, p->dev_head);
	wr64(p, H_DEV_ELEMS, p->dev_elems);
	wr64(p, H_DRV_NOTIF, p->drv_notif);
	wr64(p, H_DRV_HEAD, p->drv_head);
	wr64(p, H_DRV_ELEMS, p->drv_elems);
	wr16(p, p->dev_head, 0x514f);
	wr16(p, p->drv_head, 0x514f);
	if (!p->bare) {
		wr32(p, X_MAGIC, 0x58534d56);
		wr16(p, X_LENGTH, 64);
		wr16(p, X_VERSION, 1);
		wr64(p, X_WIN_OFFSET, WINDOW);
		wr64(p, X_WIN_LENGTH, WINDOW_LEN);
		wr16(p, X_DEV_PEER, 0xffff);
		wr16(p, X_DRV_PEER, 0xffff);
	}
	wr16(p, H_MAGIC, 0x4c4f);
}

/* A segment with the given geometry, not formatted. */
static struct peer *peer_new(struct kunit *test, u16 num_elems, u16 elem_size,
			     u8 num_notif, u8 vq_per_dev)
{
	struct peer *p = kunit_kzalloc(test, sizeof(*p), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, p);
	p->mem = kunit_kzalloc(test, SEG_SIZE, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, p->mem);
	p->num_elems = num_elems;
	p->elem_size = elem_size;
	p->num_notif = num_notif;
	p->vq_per_dev = vq_per_dev;
	vmsg_seg_init(&p->seg, shm(p), SEG_SIZE, 5, WIRE_ALL);
	return p;
}

/* Step 2: the device side (re)starts and says READY. */
static void peer_start(struct peer *p, u32 instance)
{
	set_status(p, INIT);
	p->tail = 0;
	p->head = 0;
	memset(p->tx, 0, sizeof(p->tx));
	memset(p->rx, 0, sizeof(p->rx));
	wr16(p, p->dev_head + 4, 0);
	wr16(p, p->dev_head + 6, 0);
	memset(p->mem + p->dev_notif, 0, 16 * p->num_notif);
	if (!p->bare) {
		wr32(p, X_OFFERED, WIRE_ALL);
		wr16(p, X_DEV_PEER, 9);
		wr32(p, X_DEV_FLAGS, 0);
		wr32(p, X_DEV_INST, instance);
	}
	p->instance = instance;
	set_status(p, READY);
}

/* Step 4: the device side answers READY with RUN, if it may. */
static bool peer_answer(struct peer *p)
{
	u32 inst;

	if (p->bare) {
		if (drv_status(p) != READY && drv_status(p) != RUN)
			return false;
		set_status(p, RUN);
		return true;
	}
	inst = rd32(p, X_DRV_INST);
	if (drv_status(p) != READY || rd32(p, X_DRV_SEEN) != p->instance)
		return false;
	p->seen = inst;
	wr32(p, X_DEV_SEEN, inst);
	set_status(p, RUN);
	return true;
}

/* Format and bring up; all ends in RUN. */
static void peer_up(struct kunit *test, struct peer *p)
{
	peer_format(p);
	vmsg_seg_restart(&p->seg, 0x1000);
	peer_start(p, 0x77);
	vmsg_seg_step(&p->seg);
	KUNIT_ASSERT_TRUE(test, peer_answer(p));
	KUNIT_ASSERT_EQ(test, vmsg_seg_step(&p->seg),
			VMSG_SEG_UP | VMSG_SEG_RING);
}

/* Layout. */

static void seg_layout_good(struct kunit *test)
{
	struct peer *p = peer_new(test, 4, 64, 4, 16);
	struct vmsg_seg_geom g;
	const char *why;

	peer_format(p);
	wr32(p, X_OFFERED, 0xc);
	KUNIT_ASSERT_EQ(test, 0, vmsg_seg_layout(shm(p), SEG_SIZE, &g, &why));
	KUNIT_EXPECT_NULL(test, why);
	KUNIT_EXPECT_EQ(test, g.num_elems, 4);
	KUNIT_EXPECT_EQ(test, g.elem_size, 64);
	KUNIT_EXPECT_EQ(test, g.num_notif, 4);
	KUNIT_EXPECT_EQ(test, g.vq_per_dev, 16);
	KUNIT_EXPECT_TRUE(test, g.ext);
	KUNIT_EXPECT_EQ(test, g.dev_notif, 128);
	KUNIT_EXPECT_EQ(test, g.drv_notif, 192);
	KUNIT_EXPECT_EQ(test, g.dev_head, 256);
	KUNIT_EXPECT_EQ(test, g.drv_head, 264);
	KUNIT_EXPECT_EQ(test, g.dev_elems, 272);
	KUNIT_EXPECT_EQ(test, g.drv_elems, 528);
	KUNIT_EXPECT_EQ(test, g.window_offset, WINDOW);
	KUNIT_EXPECT_EQ(test, g.window_length, WINDOW_LEN);
	KUNIT_EXPECT_EQ(test, g.wire_offered, 0xc);

	/* No window: its offset means nothing. */
	wr64(p, X_WIN_LENGTH, 0);
	wr64(p, X_WIN_OFFSET, 3);
	KUNIT_EXPECT_EQ(test, 0, vmsg_seg_layout(shm(p), SEG_SIZE, &g, &why));
	KUNIT_EXPECT_EQ(test, g.window_offset, 0);

	/* Masks take room; here they would run into the next area. */
	wr16(p, H_FEATURES, 1);
	KUNIT_EXPECT_EQ(test, -EINVAL,
			vmsg_seg_layout(shm(p), SEG_SIZE, &g, &why));
	wr64(p, H_DEV_NOTIF, 0x2000);
	wr64(p, H_DRV_NOTIF, 0x2000 + 4 * 24);
	KUNIT_EXPECT_EQ(test, 0, vmsg_seg_layout(shm(p), SEG_SIZE, &g, &why));

	/* No words: the offsets of their areas mean nothing. */
	p->mem[H_NUM_NOTIF] = 0;
	wr64(p, H_DEV_NOTIF, U64_MAX);
	wr64(p, H_DRV_NOTIF, U64_MAX);
	KUNIT_EXPECT_EQ(test, 0, vmsg_seg_layout(shm(p), SEG_SIZE, &g, &why));

	/* Bare: the areas begin right behind the header. */
	p->bare = true;
	peer_format(p);
	KUNIT_EXPECT_EQ(test, 0, vmsg_seg_layout(shm(p), SEG_SIZE, &g, &why));
	KUNIT_EXPECT_FALSE(test, g.ext);
	KUNIT_EXPECT_EQ(test, g.window_length, 0);
	KUNIT_EXPECT_EQ(test, g.wire_offered, 0);

	/* The largest ring that this memory holds, to the last byte. */
	p->num_notif = 0;
	p->num_elems = 2;
	p->elem_size = 16336;
	peer_format(p);
	wr64(p, H_DRV_ELEMS, SEG_SIZE - 2 * 16336);
	wr64(p, H_DEV_ELEMS, 0);
	KUNIT_EXPECT_EQ(test, -EINVAL,
			vmsg_seg_layout(shm(p), SEG_SIZE, &g, &why));
	KUNIT_EXPECT_STREQ(test, why, "bad device elements");
}

static void seg_layout_bad(struct kunit *test)
{
	static const struct {
		u8 off;
		u8 size;
		u64 value;
		int err;
	} bad[] = {
		{ H_MAGIC, 2, 0, -ENODEV },
		{ H_MAGIC, 2, 0x4f4c, -ENODEV },
		{ H_LENGTH, 2, 63, -EINVAL },
		{ H_LENGTH, 2, 128, -EINVAL },
		{ H_VERSION, 2, 0, -EINVAL },
		{ H_VERSION, 2, 2, -EINVAL },
		{ H_NUM_NOTIF, 1, 65, -EINVAL },
		{ H_NUM_NOTIF, 1, 255, -EINVAL },
		{ H_VQ_NOTIF, 1, 0, -EINVAL },
		{ H_VQ_NOTIF, 1, 3, -EINVAL },
		{ H_VQ_NOTIF, 1, 32, -EINVAL },
		{ H_VQ_NOTIF, 1, 255, -EINVAL },
		{ H_NUM_ELEMS, 2, 0, -EINVAL },
		{ H_NUM_ELEMS, 2, 1, -EINVAL },
		{ H_NUM_ELEMS, 2, 0xffff, -EINVAL },
		{ H_ELEM_SIZE, 2, 0, -EINVAL },
		{ H_ELEM_SIZE, 2, 56, -EINVAL },
		{ H_ELEM_SIZE, 2, 63, -EINVAL },
		{ H_ELEM_SIZE, 2, 68, -EINVAL },
		{ H_ELEM_SIZE, 2, 0xfff8, -EINVAL },
		{ X_LENGTH, 2, 60, -EINVAL },
		{ X_VERSION, 2, 2, -EINVAL },
		{ X_WIN_OFFSET, 8, 0, -EINVAL },
		{ X_WIN_OFFSET, 8, WINDOW + 8, -EINVAL },
		{ X_WIN_OFFSET, 8, WINDOW + 4096, -EINVAL },
		{ X_WIN_OFFSET, 8, 0ULL - 4096, -EINVAL },
		{ X_WIN_LENGTH, 8, WINDOW_LEN - 8, -EINVAL },
		{ X_WIN_LENGTH, 8, WINDOW_LEN + 4096, -EINVAL },
		{ X_WIN_LENGTH, 8, 0ULL - WINDOW, -EINVAL },
		{ X_WIN_LENGTH, 8, 0ULL - 4096, -EINVAL },
	};
	struct peer *p = peer_new(test, 4, 64, 4, 16);
	struct vmsg_seg_geom g;
	const char *why;
	unsigned int i;

	memset(&g, 0x5a, sizeof(g));
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		peer_format(p);
		switch (bad[i].size) {
		case 1:
			p->mem[bad[i].off] = bad[i].value;
			break;
		case 2:
			wr16(p, bad[i].off, bad[i].value);
			break;
		default:
			wr64(p, bad[i].off, bad[i].value);
		}
		why = NULL;
		KUNIT_EXPECT_EQ_MSG(test, bad[i].err,
				    vmsg_seg_layout(shm(p), SEG_SIZE, &g,
						    &why),
				    "field %u value %llx", bad[i].off,
				    (unsigned long long)bad[i].value);
		KUNIT_EXPECT_NOT_NULL(test, why);
	}
	for (i = 0; i < sizeof(g); i++)
		KUNIT_ASSERT_EQ(test, ((u8 *)&g)[i], 0x5a);
}

/* Each of the six areas at each place where it must not be. */
static void seg_layout_overlap(struct kunit *test)
{
	static const u8 field[] = {
		H_DEV_NOTIF, H_DEV_HEAD, H_DEV_ELEMS,
		H_DRV_NOTIF, H_DRV_HEAD, H_DRV_ELEMS
	};
	static const u32 len[] = { 64, 8, 256, 64, 8, 256 };
	struct peer *p = peer_new(test, 4, 64, 4, 16);
	struct vmsg_seg_geom g;
	const char *why;
	unsigned int i, j, k;
	u64 old;

	peer_format(p);
	for (i = 0; i < ARRAY_SIZE(field); i++) {
		const u64 bad[] = {
			0, 8, 63, 64, 120, WINDOW, WINDOW + WINDOW_LEN - 8,
			SEG_SIZE - len[i] + 8, SEG_SIZE, SEG_SIZE + 8,
			U64_MAX, U64_MAX - 7, 0ULL - len[i],
			8 - (u64)len[i], 1ULL << 63,
			/* Free, but not aligned. */
			0x2001, 0x2002, 0x2004,
		};

		old = rd64(p, field[i]);
		/* A place that is free. */
		wr64(p, field[i], 0x2000);
		KUNIT_EXPECT_EQ(test, 0,
				vmsg_seg_layout(shm(p), SEG_SIZE, &g, &why));
		for (j = 0; j < ARRAY_SIZE(bad); j++) {
			/* The window ends where the segment does. */
			wr64(p, field[i], bad[j]);
			KUNIT_EXPECT_EQ_MSG(test, -EINVAL,
					    vmsg_seg_layout(shm(p), SEG_SIZE,
							    &g, &why),
					    "area %u at %llx", i,
					    (unsigned long long)bad[j]);
		}
		for (j = 0; j < ARRAY_SIZE(field); j++) {
			const u64 at = rd64(p, field[j]);
			const u64 hit[] = {
				at, at + len[j] - 8, at - len[i] + 8
			};

			if (j == i)
				continue;
			for (k = 0; k < ARRAY_SIZE(hit); k++) {
				wr64(p, field[i], hit[k]);
				KUNIT_EXPECT_EQ_MSG(test, -EINVAL,
						    vmsg_seg_layout(shm(p),
								    SEG_SIZE,
								    &g, &why),
						    "%u on %u", i, j);
			}
		}
		wr64(p, field[i], old);
	}
	KUNIT_EXPECT_EQ(test, 0, vmsg_seg_layout(shm(p), SEG_SIZE, &g, &why));
}

/* Memory that ends early: the sanitizers see what is read behind it. */
static void seg_layout_truncated(struct kunit *test)
{
	struct peer *p = peer_new(test, 4, 64, 4, 16);
	const u32 need = 128 + 4 * 32 + 16 + 8 * 64;
	struct vmsg_seg_geom g;
	const char *why;
	u32 size;

	peer_format(p);
	wr64(p, X_WIN_LENGTH, 0);
	for (size = 0; size <= need; size++) {
		u8 *mem = kunit_kzalloc(test, size + 1, GFP_KERNEL);

		KUNIT_ASSERT_NOT_NULL(test, mem);
		memcpy(mem, p->mem, size);
		KUNIT_EXPECT_EQ_MSG(test, size == need ? 0 : -EINVAL,
				    vmsg_seg_layout((__force u8 __vshm *)mem,
						    size, &g, &why),
				    "%u bytes", size);
		kunit_kfree(test, mem);
	}
}

/* Bring-up. */

static void seg_bring_up(struct kunit *test)
{
	struct peer *p = peer_new(test, 4, 64, 4, 16);
	unsigned int i;

	peer_format(p);
	/* What an earlier driver left. */
	wr16(p, p->drv_head + 2, RUN);
	wr16(p, p->drv_head + 4, 3);
	wr16(p, p->drv_head + 6, 2);
	memset(p->mem + p->drv_notif, 0xff, 64);

	KUNIT_EXPECT_EQ(test, vmsg_seg_restart(&p->seg, 0x1000),
			VMSG_SEG_RING | VMSG_SEG_PEER_ID);
	KUNIT_EXPECT_EQ(test, drv_status(p), INIT);
	KUNIT_EXPECT_EQ(test, p->seg.peer, VIRTIO_MSG_PEER_NONE);
	/* So that the device side can ring. */
	KUNIT_EXPECT_EQ(test, rd16(p, X_DRV_PEER), 5);
	/* Nobody there yet. */
	for (i = 0; i < 3; i++)
		KUNIT_EXPECT_EQ(test, vmsg_seg_step(&p->seg), 0);
	KUNIT_EXPECT_EQ(test, rd32(p, X_DRV_INST), 0);

	peer_start(p, 0x77);
	KUNIT_EXPECT_FALSE(test, peer_answer(p));
	KUNIT_EXPECT_EQ(test, vmsg_seg_step(&p->seg),
			VMSG_SEG_RING | VMSG_SEG_PEER_ID);
	KUNIT_EXPECT_EQ(test, p->seg.status, READY);
	KUNIT_EXPECT_EQ(test, drv_status(p), READY);
	KUNIT_EXPECT_EQ(test, p->seg.peer, 9);
	KUNIT_EXPECT_EQ(test, p->seg.wire, VIRTIO_MSG_WIRE_XID32);
	KUNIT_EXPECT_EQ(test, rd32(p, X_SELECTED), 8);
	KUNIT_EXPECT_EQ(test, rd32(p, X_DRV_INST), 0x1000);
	KUNIT_EXPECT_EQ(test, rd32(p, X_DRV_SEEN), 0x77);
	KUNIT_EXPECT_EQ(test, rd32(p, X_DRV_FLAGS), 0);
	KUNIT_EXPECT_EQ(test, rd16(p, p->drv_head), 0x514f);
	KUNIT_EXPECT_EQ(test, rd16(p, p->drv_head + 4), 0);
	KUNIT_EXPECT_EQ(test, rd16(p, p->drv_head + 6), 0);
	for (i = 0; i < 8; i++)
		KUNIT_EXPECT_EQ(test, rd64(p, p->drv_notif + 8 * i), 0);

	/* Nothing happens before the answer, and nothing is sent. */
	KUNIT_EXPECT_EQ(test, vmsg_seg_step(&p->seg), 0);
	KUNIT_EXPECT_EQ(test, vmsg_seg_send(&p->seg, "x", 1), -ENOTCONN);

	KUNIT_EXPECT_TRUE(test, peer_answer(p));
	KUNIT_EXPECT_EQ(test, vmsg_seg_step(&p->seg),
			VMSG_SEG_UP | VMSG_SEG_RING);
	KUNIT_EXPECT_EQ(test, drv_status(p), RUN);
	/* Once. */
	KUNIT_EXPECT_EQ(test, vmsg_seg_step(&p->seg), 0);
	/* The flag beside the status is no status. */
	set_status(p, RUN | 0x8000);
	KUNIT_EXPECT_EQ(test, vmsg_seg_step(&p->seg), 0);
}

/* The segment is formatted after us. */
static void seg_format_late(struct kunit *test)
{
	struct peer *p = peer_new(test, 4, 64, 4, 16);

	KUNIT_EXPECT_EQ(test, vmsg_seg_restart(&p->seg, 1), 0);
	KUNIT_EXPECT_EQ(test, vmsg_seg_step(&p->seg), 0);
	KUNIT_EXPECT_EQ(test, vmsg_seg_leave(&p->seg, SHUTDOWN), 0);
	KUNIT_EXPECT_EQ(test, vmsg_seg_restart(&p->seg, 1), 0);
	peer_format(p);
	wr16(p, p->drv_head + 2, RUN);
	p->mem[H_VQ_NOTIF] = 3;
	KUNIT_EXPECT_EQ(test, vmsg_seg_step(&p->seg), VMSG_SEG_REJECTED);
	KUNIT_EXPECT_NOT_NULL(test, p->seg.why);
	KUNIT_EXPECT_EQ(test, drv_status(p), RUN);
	p->mem[H_VQ_NOTIF] = 8;
	KUNIT_EXPECT_EQ(test, vmsg_seg_step(&p->seg),
			VMSG_SEG_RING | VMSG_SEG_PEER_ID);
	KUNIT_EXPECT_EQ(test, drv_status(p), INIT);
}

/* In INIT nothing but READY moves us. */
static void seg_init_waits(struct kunit *test)
{
	static const u16 st[] = {
		INIT, RUN, SHUTDOWN, PEER_DEAD, 5, 0x7fff, 0xffff,
		RUN | 0x8000
	};
	struct peer *p = peer_new(test, 4, 64, 4, 16);
	unsigned int i;

	peer_format(p);
	vmsg_seg_restart(&p->seg, 1);
	peer_start(p, 0x77);
	for (i = 0; i < ARRAY_SIZE(st); i++) {
		set_status(p, st[i]);
		KUNIT_EXPECT_EQ(test, vmsg_seg_step(&p->seg), 0);
		KUNIT_EXPECT_EQ(test, drv_status(p), INIT);
	}
	set_status(p, READY | 0x8000);
	KUNIT_EXPECT_EQ(test, vmsg_seg_step(&p->seg),
			VMSG_SEG_RING | VMSG_SEG_PEER_ID);
}

/* What a READY device side may offer that cannot be taken. */
static void seg_init_rejects(struct kunit *test)
{
	struct peer *p = peer_new(test, 4, 64, 4, 16);

	peer_format(p);
	vmsg_seg_restart(&p->seg, 1);
	peer_start(p, 0x77);

	wr32(p, X_OFFERED, 0);
	KUNIT_EXPECT_EQ(test, vmsg_seg_step(&p->seg), VMSG_SEG_REJECTED);
	wr32(p, X_OFFERED, 0xfffffff0);
	KUNIT_EXPECT_EQ(test, vmsg_seg_step(&p->seg), VMSG_SEG_REJECTED);
	KUNIT_EXPECT_NOT_NULL(test, p->seg.why);
	wr32(p, X_OFFERED, WIRE_ALL);

	wr32(p, X_DEV_INST, 0);
	KUNIT_EXPECT_EQ(test, vmsg_seg_step(&p->seg), VMSG_SEG_REJECTED);
	wr32(p, X_DEV_INST, 0x77);

	wr16(p, p->dev_head, 0);
	KUNIT_EXPECT_EQ(test, vmsg_seg_step(&p->seg), VMSG_SEG_REJECTED);
	wr16(p, p->dev_head, 0x514f);

	wr64(p, H_DRV_ELEMS, 0);
	KUNIT_EXPECT_EQ(test, vmsg_seg_step(&p->seg), VMSG_SEG_REJECTED);
	wr64(p, H_DRV_ELEMS, p->drv_elems);

	KUNIT_EXPECT_EQ(test, drv_status(p), INIT);
	KUNIT_EXPECT_EQ(test, vmsg_seg_step(&p->seg),
			VMSG_SEG_RING | VMSG_SEG_PEER_ID);
	KUNIT_EXPECT_NULL(test, p->seg.why);
}

static void seg_wire_choice(struct kunit *test)
{
	static const struct {
		u32 offered;
		u32 wanted;
		int rev;
	} c[] = {
		{ 0xf, 0xf, VIRTIO_MSG_WIRE_XID32 },
		{ 0x7, 0xf, VIRTIO_MSG_WIRE_V2 },
		{ 0xf, 0x3, VIRTIO_MSG_WIRE_V1 },
		{ 0x9, 0x7, VIRTIO_MSG_WIRE_RFC2 },
		{ 0xfffffff1, 0xfffffff1, VIRTIO_MSG_WIRE_RFC2 },
		{ 0x8, 0x7, -1 },
		{ 0x10, 0x10, -1 },
	};
	/* A bare layout offers nothing. */
	static const struct {
		u32 wanted;
		int rev;
	} b[] = {
		{ 0xf, VIRTIO_MSG_WIRE_V2 },
		{ 0x3, VIRTIO_MSG_WIRE_V1 },
		{ 0x9, VIRTIO_MSG_WIRE_RFC2 },
		{ 0x8, VIRTIO_MSG_WIRE_XID32 },
		{ 0x0, -1 },
	};
	struct peer *p = peer_new(test, 4, 64, 4, 16);
	unsigned int i, ret;

	for (i = 0; i < ARRAY_SIZE(c); i++) {
		peer_format(p);
		p->seg.wire_wanted = c[i].wanted;
		vmsg_seg_restart(&p->seg, 1);
		peer_start(p, 0x77);
		wr32(p, X_OFFERED, c[i].offered);
		ret = vmsg_seg_step(&p->seg);
		if (c[i].rev < 0) {
			KUNIT_EXPECT_EQ(test, ret, VMSG_SEG_REJECTED);
			continue;
		}
		KUNIT_EXPECT_EQ(test, ret, VMSG_SEG_RING | VMSG_SEG_PEER_ID);
		KUNIT_EXPECT_EQ(test, p->seg.wire, c[i].rev);
		KUNIT_EXPECT_EQ(test, rd32(p, X_SELECTED), 1U << c[i].rev);
	}

	p->bare = true;
	for (i = 0; i < ARRAY_SIZE(b); i++) {
		peer_format(p);
		p->seg.wire_wanted = b[i].wanted;
		vmsg_seg_restart(&p->seg, 1);
		peer_start(p, 0);
		ret = vmsg_seg_step(&p->seg);
		if (b[i].rev < 0) {
			KUNIT_EXPECT_EQ(test, ret, VMSG_SEG_REJECTED);
			continue;
		}
		KUNIT_EXPECT_EQ(test, ret, VMSG_SEG_RING | VMSG_SEG_PEER_ID);
		KUNIT_EXPECT_EQ(test, p->seg.wire, b[i].rev);
	}
}

/* Never 0, never the instance found, never the one that the peer saw. */
static void seg_instances(struct kunit *test)
{
	static const u32 c[][4] = {
		/* new, found, seen, taken */
		{ 7, 1, 2, 7 },
		{ 7, 7, 2, 8 },
		{ 7, 1, 7, 8 },
		{ 7, 7, 8, 9 },
		{ 7, 8, 7, 9 },
		{ 0, 5, 5, 1 },
		{ 0, 1, 2, 3 },
		{ 0xffffffff, 0xffffffff, 1, 2 },
		{ 0xffffffff, 1, 0xffffffff, 2 },
	};
	struct peer *p = peer_new(test, 4, 64, 4, 16);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(c); i++) {
		peer_format(p);
		wr32(p, X_DRV_INST, c[i][1]);
		wr32(p, X_DEV_SEEN, c[i][2]);
		vmsg_seg_restart(&p->seg, c[i][0]);
		peer_start(p, 0x77);
		vmsg_seg_step(&p->seg);
		KUNIT_EXPECT_EQ_MSG(test, rd32(p, X_DRV_INST), c[i][3],
				    "case %u", i);
		KUNIT_EXPECT_EQ(test, p->seg.instance, c[i][3]);
	}
}

/* The device side restarts while we wait for its answer, several times. */
static void seg_restart_in_ready(struct kunit *test)
{
	struct peer *p = peer_new(test, 4, 64, 4, 16);
	unsigned int i;

	peer_format(p);
	vmsg_seg_restart(&p->seg, 0x1000);
	peer_start(p, 0x77);
	vmsg_seg_step(&p->seg);

	for (i = 0; i < 4; i++) {
		/* It answered, and died before we looked. */
		if (i & 1)
			KUNIT_EXPECT_TRUE(test, peer_answer(p));
		set_status(p, SHUTDOWN);
		KUNIT_EXPECT_EQ(test, vmsg_seg_step(&p->seg), 0);
		set_status(p, INIT);
		KUNIT_EXPECT_EQ(test, vmsg_seg_step(&p->seg), 0);
		/* The instance moves before the status says READY. */
		wr32(p, X_DEV_INST, 0x100 + i);
		KUNIT_EXPECT_EQ(test, vmsg_seg_step(&p->seg), 0);
		KUNIT_EXPECT_EQ(test, p->seg.status, READY);

		peer_start(p, 0x100 + i);
		/* Our last answer is not for this one. */
		KUNIT_EXPECT_FALSE(test, peer_answer(p));
		/* A device that was never seen READY says RUN. */
		set_status(p, RUN);
		KUNIT_EXPECT_EQ(test, vmsg_seg_step(&p->seg), 0);
		set_status(p, READY);

		KUNIT_EXPECT_EQ(test, vmsg_seg_step(&p->seg),
				VMSG_SEG_RING | VMSG_SEG_PEER_ID);
		KUNIT_EXPECT_EQ(test, rd32(p, X_DRV_INST), 0x1000);
		KUNIT_EXPECT_EQ(test, rd32(p, X_DRV_SEEN), 0x100 + i);
		KUNIT_EXPECT_EQ(test, drv_status(p), READY);
	}
	/* RUN, but it answered another driver instance. */
	wr32(p, X_DEV_SEEN, 0xfff);
	set_status(p, RUN);
	KUNIT_EXPECT_EQ(test, vmsg_seg_step(&p->seg), 0);
	set_status(p, READY);

	KUNIT_EXPECT_TRUE(test, peer_answer(p));
	KUNIT_EXPECT_EQ(test, vmsg_seg_step(&p->seg),
			VMSG_SEG_UP | VMSG_SEG_RING);
}

/* The peer is lost in RUN, in every way, and comes back. */
static void seg_lost_in_run(struct kunit *test)
{
	static const u16 st[] = {
		INIT, READY, SHUTDOWN, PEER_DEAD, 5, 0x7fff, READY | 0x8000
	};
	struct peer *p = peer_new(test, 4, 64, 4, 16);
	unsigned int i;
	u32 inst;

	peer_up(test, p);
	for (i = 0; i <= ARRAY_SIZE(st); i++) {
		/* Its ring is used, and begins anew. */
		KUNIT_EXPECT_EQ(test, p->seg.head, 0);
		KUNIT_EXPECT_EQ(test, vmsg_seg_send(&p->seg, "x", 1), VMSG_SEG_RING);
		if (i < ARRAY_SIZE(st)) {
			set_status(p, st[i]);
		} else {
			/* It restarted behind our back: still RUN. */
			wr32(p, X_DEV_INST, 0xabcdef);
		}
		inst = p->seg.instance;
		KUNIT_EXPECT_EQ(test, vmsg_seg_step(&p->seg),
				VMSG_SEG_LOST | VMSG_SEG_RING);
		KUNIT_EXPECT_EQ(test, drv_status(p), SHUTDOWN);
		KUNIT_EXPECT_NOT_NULL(test, p->seg.why);
		/* Nothing moves before the caller has cleaned up. */
		peer_start(p, 0x200 + i);
		KUNIT_EXPECT_EQ(test, vmsg_seg_step(&p->seg), 0);
		KUNIT_EXPECT_EQ(test, vmsg_seg_send(&p->seg, "x", 1),
				-ENOTCONN);
		KUNIT_EXPECT_EQ(test, vmsg_seg_kick(&p->seg, 0, 0), 0);
		KUNIT_EXPECT_FALSE(test, peer_answer(p));

		KUNIT_EXPECT_EQ(test, vmsg_seg_restart(&p->seg, inst),
				VMSG_SEG_RING | VMSG_SEG_PEER_ID);
		KUNIT_EXPECT_EQ(test, drv_status(p), INIT);
		KUNIT_EXPECT_EQ(test, p->seg.peer, 9);
		KUNIT_EXPECT_FALSE(test, peer_answer(p));
		KUNIT_EXPECT_EQ(test, vmsg_seg_step(&p->seg),
				VMSG_SEG_RING | VMSG_SEG_PEER_ID);
		KUNIT_EXPECT_NE(test, p->seg.instance, inst);
		KUNIT_EXPECT_TRUE(test, peer_answer(p));
		KUNIT_EXPECT_EQ(test, vmsg_seg_step(&p->seg),
				VMSG_SEG_UP | VMSG_SEG_RING);
	}
}

/* A peer that does not answer in time. */
static void seg_peer_dead(struct kunit *test)
{
	struct peer *p = peer_new(test, 4, 64, 4, 16);
	u32 inst;

	peer_up(test, p);
	inst = p->seg.instance;
	KUNIT_EXPECT_EQ(test, vmsg_seg_leave(&p->seg, PEER_DEAD),
			VMSG_SEG_RING);
	KUNIT_EXPECT_EQ(test, drv_status(p), PEER_DEAD);
	/* It still says RUN, then cleans up. */
	KUNIT_EXPECT_EQ(test, vmsg_seg_step(&p->seg), 0);
	KUNIT_EXPECT_EQ(test, drv_status(p), PEER_DEAD);
	set_status(p, SHUTDOWN);
	KUNIT_EXPECT_EQ(test, vmsg_seg_step(&p->seg), 0);
	peer_start(p, 0x300);
	/* It does not take our old READY fields for an answer. */
	KUNIT_EXPECT_FALSE(test, peer_answer(p));
	KUNIT_EXPECT_EQ(test, vmsg_seg_step(&p->seg),
			VMSG_SEG_RING | VMSG_SEG_PEER_ID);
	KUNIT_EXPECT_NE(test, rd32(p, X_DRV_INST), inst);
	KUNIT_EXPECT_NE(test, rd32(p, X_DRV_INST), 0);
	KUNIT_EXPECT_TRUE(test, peer_answer(p));
	KUNIT_EXPECT_EQ(test, vmsg_seg_step(&p->seg),
			VMSG_SEG_UP | VMSG_SEG_RING);
}

/* Resuming takes both. */
static void seg_resume_flags(struct kunit *test)
{
	struct peer *p = peer_new(test, 4, 64, 4, 16);
	unsigned int i;

	for (i = 0; i < 4; i++) {
		peer_format(p);
		p->seg.driver_flags = i & 1 ? VIRTIO_MSG_DRV_F_RESUMES : 0;
		vmsg_seg_restart(&p->seg, 1);
		peer_start(p, 0x77);
		wr32(p, X_DEV_FLAGS, i & 2 ? VIRTIO_MSG_DEV_F_CONTINUES : 0);
		vmsg_seg_step(&p->seg);
		KUNIT_EXPECT_EQ(test, rd32(p, X_DRV_FLAGS),
				i == 3 ? VIRTIO_MSG_DRV_F_RESUMES : 0);
		KUNIT_EXPECT_EQ(test, p->seg.device_flags,
				i & 2 ? VIRTIO_MSG_DEV_F_CONTINUES : 0);
		KUNIT_EXPECT_EQ(test, p->seg.driver_flags, i & 1);
	}
}

/* The layout changes under our feet. */
static void seg_reformatted(struct kunit *test)
{
	struct peer *p = peer_new(test, 4, 64, 4, 16);
	u32 old;

	peer_format(p);
	vmsg_seg_restart(&p->seg, 1);
	old = p->dev_head;
	p->num_notif = 8;
	peer_format(p);
	/* The status is still read at the old place. */
	wr16(p, old + 2, READY);
	KUNIT_EXPECT_EQ(test, vmsg_seg_step(&p->seg),
			VMSG_SEG_RING | VMSG_SEG_PEER_ID);
	KUNIT_EXPECT_EQ(test, drv_status(p), INIT);
	peer_start(p, 0x77);
	vmsg_seg_step(&p->seg);
	KUNIT_EXPECT_EQ(test, p->seg.geom.num_notif, 8);
	KUNIT_EXPECT_TRUE(test, peer_answer(p));
	KUNIT_EXPECT_EQ(test, vmsg_seg_step(&p->seg),
			VMSG_SEG_UP | VMSG_SEG_RING);
	/* In RUN the private copy holds. */
	wr64(p, H_DRV_ELEMS, U64_MAX);
	p->mem[H_NUM_NOTIF] = 255;
	KUNIT_EXPECT_EQ(test, vmsg_seg_send(&p->seg, "x", 1), VMSG_SEG_RING);
	KUNIT_EXPECT_EQ(test, p->mem[p->drv_elems], 'x');
}

/* Without the extension there are no instances. */
static void seg_bare(struct kunit *test)
{
	struct peer *p = peer_new(test, 4, 64, 4, 16);

	p->bare = true;
	peer_format(p);
	vmsg_seg_restart(&p->seg, 1);
	KUNIT_EXPECT_EQ(test, vmsg_seg_step(&p->seg), 0);
	peer_start(p, 0);
	KUNIT_EXPECT_EQ(test, vmsg_seg_step(&p->seg),
			VMSG_SEG_RING | VMSG_SEG_PEER_ID);
	KUNIT_EXPECT_EQ(test, drv_status(p), READY);
	/* READY leads to RUN, but nothing is sent before it says RUN, too. */
	KUNIT_EXPECT_EQ(test, vmsg_seg_step(&p->seg), VMSG_SEG_RING);
	KUNIT_EXPECT_EQ(test, drv_status(p), RUN);
	KUNIT_EXPECT_EQ(test, vmsg_seg_send(&p->seg, "x", 1), -ENOTCONN);
	KUNIT_EXPECT_EQ(test, vmsg_seg_step(&p->seg), 0);
	KUNIT_EXPECT_TRUE(test, peer_answer(p));
	KUNIT_EXPECT_EQ(test, vmsg_seg_step(&p->seg), VMSG_SEG_UP);
	KUNIT_EXPECT_EQ(test, vmsg_seg_step(&p->seg), 0);
	KUNIT_EXPECT_EQ(test, vmsg_seg_send(&p->seg, "x", 1), VMSG_SEG_RING);

	/* Once both were in RUN, READY is a restart. */
	set_status(p, READY);
	KUNIT_EXPECT_EQ(test, vmsg_seg_step(&p->seg),
			VMSG_SEG_LOST | VMSG_SEG_RING);
	vmsg_seg_restart(&p->seg, 1);
	vmsg_seg_step(&p->seg);
	/* It may also be the first in RUN. */
	KUNIT_EXPECT_TRUE(test, peer_answer(p));
	KUNIT_EXPECT_EQ(test, vmsg_seg_step(&p->seg),
			VMSG_SEG_UP | VMSG_SEG_RING);

	/* Lost between our RUN and its own. */
	set_status(p, SHUTDOWN);
	vmsg_seg_step(&p->seg);
	vmsg_seg_restart(&p->seg, 1);
	peer_start(p, 0);
	vmsg_seg_step(&p->seg);
	vmsg_seg_step(&p->seg);
	KUNIT_EXPECT_EQ(test, drv_status(p), RUN);
	set_status(p, INIT);
	KUNIT_EXPECT_EQ(test, vmsg_seg_step(&p->seg),
			VMSG_SEG_LOST | VMSG_SEG_RING);
	KUNIT_EXPECT_EQ(test, vmsg_seg_leave(&p->seg, SHUTDOWN),
			VMSG_SEG_RING);
}

/*
 * One write of an honest device side that follows segment.rst step by step, so
 * that it can be stopped between any two.
 */
static void peer_tick(struct peer *p, u64 *seed)
{
	u32 inst;

	switch (p->pc) {
	case 0:
		set_status(p, INIT);
		break;
	case 1:
		if (drv_status(p) == RUN)
			return;
		break;
	case 2:
		wr16(p, p->dev_head + 4, 0);
		wr16(p, p->dev_head + 6, 0);
		memset(p->mem + p->dev_notif, 0, 16 * p->num_notif);
		break;
	case 3:
		wr32(p, X_OFFERED, WIRE_ALL);
		break;
	case 4:
		do {
			p->instance = rnd(seed) % 8;
		} while (!p->instance || p->instance == rd32(p, X_DEV_INST) ||
			 p->instance == rd32(p, X_DRV_SEEN));
		wr32(p, X_DEV_INST, p->instance);
		break;
	case 5:
		set_status(p, READY);
		break;
	case 6:
		inst = rd32(p, X_DRV_INST);
		if (drv_status(p) != READY ||
		    rd32(p, X_DRV_SEEN) != p->instance)
			return;
		p->seen = inst;
		wr32(p, X_DEV_SEEN, inst);
		break;
	case 7:
		set_status(p, RUN);
		break;
	case 8:
		/* Until it has seen the driver in RUN. */
		switch (drv_status(p)) {
		case RUN:
			if (rd32(p, X_DRV_INST) == p->seen)
				break;
			p->pc = 10;
			return;
		case READY:
			if (rd32(p, X_DRV_INST) != p->seen)
				p->pc = 10;
			return;
		default:
			p->pc = 10;
			return;
		}
		break;
	case 9:
		if (drv_status(p) == RUN && rd32(p, X_DRV_INST) == p->seen)
			return;
		break;
	case 10:
		set_status(p, SHUTDOWN);
		p->pc = 0;
		return;
	}
	p->pc++;
}

/*
 * Both sides crash and restart at any point, ours between two steps.  What is
 * up on our side was shaken hands with, and when the crashes end, both get up
 * in a few looks at each other.
 */
static void seg_random_restarts(struct kunit *test)
{
	struct peer *p = peer_new(test, 4, 64, 4, 16);
	unsigned int round, i, ret;
	u64 seed = 1;

	peer_format(p);
	vmsg_seg_restart(&p->seg, 1);
	for (round = 0; round < 300; round++) {
		for (i = 0; i < 100; i++) {
			switch (rnd(&seed) % 32) {
			case 0:
				p->pc = 0;
				break;
			case 1:
				/* Our crash: no last word. */
				vmsg_seg_init(&p->seg, shm(p), SEG_SIZE, 5,
					      WIRE_ALL);
				vmsg_seg_restart(&p->seg, rnd(&seed) % 8);
				break;
			case 2 ... 15:
				peer_tick(p, &seed);
				break;
			default:
				ret = vmsg_seg_step(&p->seg);
				if (ret & VMSG_SEG_LOST)
					vmsg_seg_restart(&p->seg,
							 rnd(&seed) % 8);
				if (!(ret & VMSG_SEG_UP))
					break;
				KUNIT_ASSERT_EQ(test, rd32(p, X_DEV_SEEN),
						p->seg.instance);
				KUNIT_ASSERT_EQ(test, rd32(p, X_DRV_SEEN),
						p->instance);
			}
		}
		for (i = 0; i < 60; i++) {
			peer_tick(p, &seed);
			if (vmsg_seg_step(&p->seg) & VMSG_SEG_LOST)
				vmsg_seg_restart(&p->seg, rnd(&seed) % 8);
		}
		KUNIT_ASSERT_EQ_MSG(test, drv_status(p), RUN, "round %u",
				    round);
		KUNIT_ASSERT_EQ(test, dev_status(p), RUN);
		KUNIT_ASSERT_EQ(test, p->pc, 9);
		KUNIT_ASSERT_EQ(test, p->seen, p->seg.instance);
		KUNIT_ASSERT_EQ(test, p->instance, p->seg.peer_instance);
		KUNIT_ASSERT_TRUE(test, p->seg.up);
	}
}

/* Message ring. */

/* The device side takes one element; false if there is none. */
static bool peer_recv(struct peer *p, u8 *buf)
{
	if (rd16(p, p->drv_head + 4) == p->head)
		return false;
	memcpy(buf, p->mem + p->drv_elems + p->head * p->elem_size,
	       p->elem_size);
	p->head = (p->head + 1) % p->num_elems;
	wr16(p, p->dev_head + 6, p->head);
	return true;
}

/* The device side puts one element; false if there is no room. */
static bool peer_send(struct peer *p, u8 byte)
{
	u16 next = (p->tail + 1) % p->num_elems;

	if (rd16(p, p->drv_head + 6) == next)
		return false;
	memset(p->mem + p->dev_elems + p->tail * p->elem_size, byte,
	       p->elem_size);
	p->tail = next;
	wr16(p, p->dev_head + 4, next);
	if (p->num_notif &&
	    !((p->tx[0] ^ rd64(p, p->drv_notif + 8 * p->num_notif)) & 1)) {
		p->tx[0] ^= 1;
		wr64(p, p->dev_notif, p->tx[0]);
	}
	return true;
}

/* The device side takes back the pending bits of one of our words. */
static u64 peer_ack(struct peer *p, unsigned int w)
{
	u64 pending = rd64(p, p->drv_notif + 8 * w) ^ p->rx[w];

	p->rx[w] ^= pending;
	wr64(p, p->dev_notif + 8 * (p->num_notif + w), p->rx[w]);
	return pending;
}

/* Rings of several sizes, filled, emptied and wrapped, with and without words. */
static void seg_ring(struct kunit *test)
{
	static const u16 sizes[] = { 2, 3, 4, 62 };
	unsigned int i, n, round, got, flags;
	u8 buf[72], want[72];
	struct peer *p;

	for (i = 0; i < 2 * ARRAY_SIZE(sizes); i++) {
		p = peer_new(test, sizes[i / 2], 72, i % 2 ? 2 : 0, 1);
		peer_up(test, p);
		for (round = 0; round < 5; round++) {
			/* Fill: one element stays empty. */
			for (n = 0; n + 1 < p->num_elems; n++) {
				memset(buf, n + round, sizeof(buf));
				KUNIT_EXPECT_TRUE(test,
						  vmsg_seg_tx_space(&p->seg));
				/* The bell rings once where there are words. */
				KUNIT_EXPECT_EQ(test,
						vmsg_seg_send(&p->seg, buf,
							      64 + n % 9),
						p->num_notif && n ?
						0 : VMSG_SEG_RING);
			}
			KUNIT_EXPECT_FALSE(test, vmsg_seg_tx_space(&p->seg));
			KUNIT_EXPECT_EQ(test, vmsg_seg_send(&p->seg, buf, 1),
					-EAGAIN);
			KUNIT_EXPECT_TRUE(test, p->seg.polled_full);
			/* Empty: what was sent, the rest zero. */
			if (p->num_notif)
				KUNIT_EXPECT_EQ(test, peer_ack(p, 0), 1);
			for (got = 0; peer_recv(p, buf); got++) {
				memset(want, 0, sizeof(want));
				memset(want, got + round, 64 + got % 9);
				KUNIT_EXPECT_MEMEQ(test, buf, want,
						   sizeof(want));
				if (!got)
					KUNIT_EXPECT_TRUE(test,
							  vmsg_seg_tx_space(&p->seg));
				KUNIT_EXPECT_FALSE(test, p->seg.polled_full);
			}
			KUNIT_EXPECT_EQ(test, got, n);

			/* The other way. */
			for (n = 0; peer_send(p, n + round); n++)
				;
			KUNIT_EXPECT_EQ(test, n, p->num_elems - 1);
			for (got = 0; got < n; got++) {
				flags = 0;
				memset(want, got + round, sizeof(want));
				KUNIT_EXPECT_EQ(test,
						vmsg_seg_recv(&p->seg, buf,
							      sizeof(buf),
							      &flags), 72);
				KUNIT_EXPECT_MEMEQ(test, buf, want,
						   sizeof(want));
				/* The producer may wait after the first. */
				KUNIT_EXPECT_EQ(test, flags,
						got ? 0 : VMSG_SEG_RING);
			}
			flags = 0;
			KUNIT_EXPECT_EQ(test, vmsg_seg_recv(&p->seg, buf,
							    sizeof(buf),
							    &flags), 0);
			KUNIT_EXPECT_EQ(test, flags, 0);
			/* Found empty: the bit is taken back. */
			if (p->num_notif)
				KUNIT_EXPECT_EQ(test, p->tx[0],
						rd64(p, p->drv_notif + 16));
		}
	}
}

static void seg_ring_errors(struct kunit *test)
{
	static const u16 bad[] = { 4, 5, 0x7fff, 0x8000, 0xffff };
	struct peer *p = peer_new(test, 4, 64, 0, 1);
	unsigned int i, flags = 0;
	u8 buf[72] = {};

	peer_up(test, p);
	KUNIT_EXPECT_EQ(test, vmsg_seg_send(&p->seg, buf, 65), -EMSGSIZE);
	KUNIT_EXPECT_EQ(test, vmsg_seg_send(&p->seg, buf, SIZE_MAX),
			-EMSGSIZE);
	KUNIT_EXPECT_EQ(test, vmsg_seg_recv(&p->seg, buf, 63, &flags),
			-EMSGSIZE);
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		wr16(p, p->dev_head + 4, bad[i]);
		KUNIT_EXPECT_EQ(test, vmsg_seg_recv(&p->seg, buf, 64, &flags),
				-EPROTO);
		wr16(p, p->dev_head + 6, bad[i]);
		KUNIT_EXPECT_TRUE(test, vmsg_seg_tx_space(&p->seg));
		KUNIT_EXPECT_EQ(test, vmsg_seg_send(&p->seg, buf, 64),
				-EPROTO);
	}
	KUNIT_EXPECT_EQ(test, rd16(p, p->drv_head + 4), 0);
	KUNIT_EXPECT_EQ(test, rd16(p, p->drv_head + 6), 0);
	KUNIT_EXPECT_EQ(test, flags, 0);

	/* What it writes into our own fields does not matter. */
	wr16(p, p->dev_head + 4, 0);
	wr16(p, p->dev_head + 6, 0);
	wr16(p, p->drv_head + 4, 0xffff);
	wr16(p, p->drv_head + 6, 0xffff);
	KUNIT_EXPECT_EQ(test, vmsg_seg_recv(&p->seg, buf, 64, &flags), 0);
	KUNIT_EXPECT_EQ(test, vmsg_seg_send(&p->seg, buf, 64), VMSG_SEG_RING);
	KUNIT_EXPECT_EQ(test, rd16(p, p->drv_head + 4), 1);
}

/* A message that is put behind the last one, before its bit is taken back. */
static void seg_ring_bit(struct kunit *test)
{
	struct peer *p = peer_new(test, 4, 64, 2, 1);
	unsigned int flags = 0;
	u8 buf[64];

	peer_up(test, p);
	KUNIT_EXPECT_TRUE(test, peer_send(p, 1));
	KUNIT_EXPECT_EQ(test, p->tx[0], 1);
	KUNIT_EXPECT_EQ(test, vmsg_seg_recv(&p->seg, buf, 64, &flags), 64);
	/* Still pending: no further toggle, no doorbell. */
	KUNIT_EXPECT_TRUE(test, peer_send(p, 2));
	KUNIT_EXPECT_EQ(test, p->tx[0], 1);
	KUNIT_EXPECT_EQ(test, vmsg_seg_recv(&p->seg, buf, 64, &flags), 64);
	KUNIT_EXPECT_EQ(test, rd64(p, p->drv_notif + 16), 0);
	KUNIT_EXPECT_EQ(test, vmsg_seg_recv(&p->seg, buf, 64, &flags), 0);
	KUNIT_EXPECT_EQ(test, rd64(p, p->drv_notif + 16), 1);
	/* Nothing new: nothing to take back. */
	KUNIT_EXPECT_EQ(test, vmsg_seg_recv(&p->seg, buf, 64, &flags), 0);
	KUNIT_EXPECT_EQ(test, rd64(p, p->drv_notif + 16), 1);
	/* The scan leaves this bit alone. */
	KUNIT_EXPECT_TRUE(test, peer_send(p, 3));
	KUNIT_EXPECT_EQ(test, p->tx[0], 0);
	KUNIT_EXPECT_EQ(test,
			vmsg_seg_scan(&p->seg, &(struct vmsg_seg_used){}, 1),
			0);
	KUNIT_EXPECT_EQ(test, rd64(p, p->drv_notif + 16), 1);
	KUNIT_EXPECT_EQ(test, vmsg_seg_recv(&p->seg, buf, 64, &flags), 64);
	KUNIT_EXPECT_EQ(test, buf[0], 3);
}

/* Notification words. */

static void seg_words_placed(struct kunit *test)
{
	static const struct {
		u8 num_notif;
		u8 vq_per_dev;
		u16 dev;
		u16 vq;
		bool has;
		u8 word;
		u8 bit;
	} c[] = {
		{ 2, 1, 0, 0, true, 1, 0 },
		{ 2, 1, 0, 65535, true, 1, 0 },
		{ 2, 1, 63, 1, true, 1, 63 },
		{ 2, 1, 64, 0, false },
		{ 2, 4, 0, 2, true, 1, 2 },
		{ 2, 4, 0, 3, true, 1, 3 },
		{ 2, 4, 0, 4, true, 1, 3 },
		{ 2, 4, 15, 9, true, 1, 63 },
		{ 2, 4, 16, 0, false },
		{ 4, 16, 4, 0, true, 2, 0 },
		{ 4, 16, 11, 15, true, 3, 63 },
		{ 4, 16, 12, 0, false },
		{ 64, 16, 251, 100, true, 63, 63 },
		{ 64, 16, 252, 0, false },
		{ 64, 1, 4031, 0, true, 63, 63 },
		{ 64, 1, 4032, 0, false },
		{ 64, 16, 65535, 65535, false },
		{ 1, 1, 0, 0, false },
		{ 0, 1, 0, 0, false },
	};
	struct peer *p;
	unsigned int i, w;

	for (i = 0; i < ARRAY_SIZE(c); i++) {
		p = peer_new(test, 2, 64, c[i].num_notif, c[i].vq_per_dev);
		peer_up(test, p);
		KUNIT_EXPECT_EQ_MSG(test, c[i].has,
				    vmsg_seg_has_word(&p->seg, c[i].dev,
						      c[i].vq), "case %u", i);
		KUNIT_EXPECT_EQ_MSG(test, c[i].has ? VMSG_SEG_RING :
				    -EOPNOTSUPP,
				    vmsg_seg_kick(&p->seg, c[i].dev, c[i].vq),
				    "case %u", i);
		for (w = 0; w < c[i].num_notif; w++) {
			u64 want = 0;

			if (c[i].has && w == 0)
				want = BIT_ULL(c[i].word);
			else if (c[i].has && w == c[i].word)
				want = BIT_ULL(c[i].bit);
			KUNIT_EXPECT_EQ_MSG(test, want,
					    rd64(p, p->drv_notif + 8 * w),
					    "case %u word %u", i, w);
		}
		kunit_kfree(test, p->mem);
		kunit_kfree(test, p);
	}
}

/* Kicks coalesce until they are taken, and toggle both ways. */
static void seg_kicks(struct kunit *test)
{
	struct peer *p = peer_new(test, 2, 64, 4, 16);
	unsigned int i;

	peer_up(test, p);
	for (i = 0; i < 4; i++) {
		/* Bit 0 toggles once a turn, bit 18 twice. */
		u64 bit = BIT_ULL(18) | i % 2;

		KUNIT_EXPECT_EQ(test, vmsg_seg_kick(&p->seg, 1, 2),
				VMSG_SEG_RING);
		KUNIT_EXPECT_EQ(test, rd64(p, p->drv_notif + 8), bit);
		KUNIT_EXPECT_EQ(test, vmsg_seg_kick(&p->seg, 1, 2), 0);
		KUNIT_EXPECT_EQ(test, rd64(p, p->drv_notif + 8), bit);

		/* Word 0 is taken first; a kick before word 1 is seen there. */
		KUNIT_EXPECT_EQ(test, peer_ack(p, 0), BIT_ULL(1));
		KUNIT_EXPECT_EQ(test, vmsg_seg_kick(&p->seg, 1, 2), 0);
		/* Another queue of the word rings again. */
		KUNIT_EXPECT_EQ(test, vmsg_seg_kick(&p->seg, 0, 0),
				VMSG_SEG_RING);
		KUNIT_EXPECT_EQ(test, peer_ack(p, 1), BIT_ULL(18) | 1);
		KUNIT_EXPECT_EQ(test, vmsg_seg_kick(&p->seg, 1, 2), 0);
		KUNIT_EXPECT_EQ(test, peer_ack(p, 0), BIT_ULL(1));
		KUNIT_EXPECT_EQ(test, peer_ack(p, 1), BIT_ULL(18));
	}
	/* The message ring has its own bit. */
	KUNIT_EXPECT_EQ(test, vmsg_seg_send(&p->seg, "x", 1), VMSG_SEG_RING);
	KUNIT_EXPECT_EQ(test, vmsg_seg_kick(&p->seg, 1, 2), VMSG_SEG_RING);
	KUNIT_EXPECT_EQ(test, peer_ack(p, 0), BIT_ULL(1) | 1);
}

/* The device side marks a queue as used, as the writer's rules say. */
static void peer_used(struct peer *p, u16 dev, u16 vq)
{
	u32 i = dev * p->vq_per_dev +
		(vq < p->vq_per_dev ? vq : p->vq_per_dev - 1);
	unsigned int w = 1 + i / 64;
	u64 bit = BIT_ULL(i % 64);

	if ((p->tx[w] ^ rd64(p, p->drv_notif + 8 * (p->num_notif + w))) & bit)
		return;
	p->tx[w] ^= bit;
	wr64(p, p->dev_notif + 8 * w, p->tx[w]);
	if ((p->tx[0] ^ rd64(p, p->drv_notif + 8 * p->num_notif)) & BIT_ULL(w))
		return;
	p->tx[0] ^= BIT_ULL(w);
	wr64(p, p->dev_notif, p->tx[0]);
}

static void seg_scan(struct kunit *test)
{
	struct peer *p = peer_new(test, 2, 64, 4, 4);
	struct vmsg_seg_used u[8];

	peer_up(test, p);
	KUNIT_EXPECT_EQ(test, vmsg_seg_scan(&p->seg, u, 8), 0);
	KUNIT_EXPECT_EQ(test, vmsg_seg_scan(&p->seg, u, 0), 0);

	peer_used(p, 0, 0);
	peer_used(p, 0, 9);
	peer_used(p, 17, 2);
	peer_used(p, 47, 3);
	KUNIT_ASSERT_EQ(test, vmsg_seg_scan(&p->seg, u, 8), 4);
	KUNIT_EXPECT_EQ(test, u[0].dev, 0);
	KUNIT_EXPECT_EQ(test, u[0].vq, 0);
	KUNIT_EXPECT_FALSE(test, u[0].all);
	KUNIT_EXPECT_EQ(test, u[1].dev, 0);
	KUNIT_EXPECT_EQ(test, u[1].vq, 3);
	KUNIT_EXPECT_TRUE(test, u[1].all);
	KUNIT_EXPECT_EQ(test, u[2].dev, 17);
	KUNIT_EXPECT_EQ(test, u[2].vq, 2);
	KUNIT_EXPECT_FALSE(test, u[2].all);
	KUNIT_EXPECT_EQ(test, u[3].dev, 47);
	KUNIT_EXPECT_EQ(test, u[3].vq, 3);
	KUNIT_EXPECT_TRUE(test, u[3].all);
	KUNIT_EXPECT_EQ(test, vmsg_seg_scan(&p->seg, u, 8), 0);

	/* One at a time; a busy queue does not starve the others. */
	peer_used(p, 0, 0);
	peer_used(p, 0, 1);
	peer_used(p, 47, 3);
	KUNIT_ASSERT_EQ(test, vmsg_seg_scan(&p->seg, u, 1), 1);
	KUNIT_EXPECT_EQ(test, u[0].vq, 0);
	peer_used(p, 0, 0);
	KUNIT_ASSERT_EQ(test, vmsg_seg_scan(&p->seg, u, 1), 1);
	KUNIT_EXPECT_EQ(test, u[0].vq, 1);
	peer_used(p, 0, 0);
	KUNIT_ASSERT_EQ(test, vmsg_seg_scan(&p->seg, u, 1), 1);
	KUNIT_EXPECT_EQ(test, u[0].dev, 47);
	KUNIT_ASSERT_EQ(test, vmsg_seg_scan(&p->seg, u, 1), 1);
	KUNIT_EXPECT_EQ(test, u[0].dev, 0);
	KUNIT_EXPECT_EQ(test, u[0].vq, 0);
	KUNIT_EXPECT_EQ(test, vmsg_seg_scan(&p->seg, u, 1), 0);
}

/* No used queue is ever missed, in any order of writing and scanning. */
static void seg_scan_misses_nothing(struct kunit *test)
{
	struct peer *p = peer_new(test, 2, 64, 6, 2);
	struct vmsg_seg_used u[3];
	bool due[160][2] = {};
	unsigned int i, dev, vq;
	u64 seed = 7;
	int n, k;

	peer_up(test, p);
	for (i = 0; i < 20000; i++) {
		if (rnd(&seed) % 4) {
			dev = rnd(&seed) % 160;
			vq = rnd(&seed) % 2;
			due[dev][vq] = true;
			peer_used(p, dev, vq);
			continue;
		}
		n = vmsg_seg_scan(&p->seg, u, 1 + rnd(&seed) % 3);
		for (k = 0; k < n; k++) {
			KUNIT_ASSERT_LT(test, u[k].dev, 160);
			KUNIT_ASSERT_LT(test, u[k].vq, 2);
			due[u[k].dev][u[k].vq] = false;
		}
	}
	for (i = 0; i < 1000; i++) {
		n = vmsg_seg_scan(&p->seg, u, 3);
		if (!n)
			break;
		for (k = 0; k < n; k++)
			due[u[k].dev][u[k].vq] = false;
	}
	KUNIT_EXPECT_LT(test, i, 1000);
	for (dev = 0; dev < 160; dev++)
		for (vq = 0; vq < 2; vq++)
			KUNIT_EXPECT_FALSE(test, due[dev][vq]);
}

/* Words full of nonsense: bounded work, and nothing out of range. */
static void seg_words_hostile(struct kunit *test)
{
	static const u8 notif[] = { 0, 1, 2, 5, 63, 64 };
	struct vmsg_seg_used u[16];
	unsigned int i, j, w, flags;
	struct peer *p;
	u64 seed = 3;
	u8 buf[64];
	int n, k;

	for (i = 0; i < ARRAY_SIZE(notif); i++) {
		u32 devs = notif[i] > 1 ? (notif[i] - 1) * 16 : 0;

		p = peer_new(test, 2, 64, notif[i], 4);
		peer_up(test, p);
		for (j = 0; j < 200; j++) {
			for (w = 0; w < 2 * notif[i]; w++)
				wr64(p, p->dev_notif + 8 * w,
				     (u64)rnd(&seed) << 33 | rnd(&seed));
			/* All the time: one pass reports each bit once. */
			n = vmsg_seg_scan(&p->seg, u, ARRAY_SIZE(u));
			KUNIT_ASSERT_GE(test, n, 0);
			KUNIT_ASSERT_LE(test, n, 16);
			for (k = 0; k < n; k++) {
				KUNIT_ASSERT_LT(test, u[k].dev, devs);
				KUNIT_ASSERT_LT(test, u[k].vq, 4);
			}
			KUNIT_ASSERT_GE(test, vmsg_seg_kick(&p->seg, 0, 0),
					notif[i] > 1 ? 0 : -EOPNOTSUPP);
			flags = 0;
			KUNIT_ASSERT_EQ(test,
					vmsg_seg_recv(&p->seg, buf, 64,
						      &flags), 0);
		}
		/* It stops toggling: the scan comes to its end. */
		for (j = 0; j < 64 * 64; j++)
			if (!vmsg_seg_scan(&p->seg, u, 1))
				break;
		KUNIT_EXPECT_LT(test, j, 64 * 64);
		kunit_kfree(test, p->mem);
		kunit_kfree(test, p);
	}
}

static struct kunit_case virtio_msg_segment_cases[] = {
	KUNIT_CASE(seg_layout_good),
	KUNIT_CASE(seg_layout_bad),
	KUNIT_CASE(seg_layout_overlap),
	KUNIT_CASE(seg_layout_truncated),
	KUNIT_CASE(seg_bring_up),
	KUNIT_CASE(seg_format_late),
	KUNIT_CASE(seg_init_waits),
	KUNIT_CASE(seg_init_rejects),
	KUNIT_CASE(seg_wire_choice),
	KUNIT_CASE(seg_instances),
	KUNIT_CASE(seg_restart_in_ready),
	KUNIT_CASE(seg_lost_in_run),
	KUNIT_CASE(seg_peer_dead),
	KUNIT_CASE(seg_resume_flags),
	KUNIT_CASE(seg_reformatted),
	KUNIT_CASE(seg_bare),
	KUNIT_CASE(seg_random_restarts),
	KUNIT_CASE(seg_ring),
	KUNIT_CASE(seg_ring_errors),
	KUNIT_CASE(seg_ring_bit),
	KUNIT_CASE(seg_words_placed),
	KUNIT_CASE(seg_kicks),
	KUNIT_CASE(seg_scan),
	KUNIT_CASE(seg_scan_misses_nothing),
	KUNIT_CASE(seg_words_hostile),
	{}
};

static struct kunit_suite virtio_msg_segment_suite = {
	.name = "virtio_msg_segment",
	.test_cases = virtio_msg_segment_cases,
};

kunit_test_suite(virtio_msg_segment_suite);
