// SPDX-License-Identifier: GPL-2.0-only
/*
 * Buffers that are shared where they are: which, where, and what if the device
 * side does not let go
 */

#include <kunit/test.h>
#include <linux/delay.h>
#include <linux/dma-mapping.h>
#include <linux/err.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/virtio_msg.h>

#include "../internal.h"
#include "../share.h"
#include "fake_transport.h"

#define ST_SLOTS	16
#define ST_WIRE		(BIT_ULL(63) | 0x123000ULL)
#define ST_WIN_ORDER	get_order(SZ_1M)
#define ST_WIN		((u64)PAGE_SIZE << ST_WIN_ORDER)
#define ST_BUF_ORDER	3
#define ST_SLOT		VIRTIO_MSG_SHARE_SIZE

/* struct st - one test: a bus, slots, a window, and what the transport was told */
struct st {
	struct fake *f;
	struct vmsg_share *share;
	struct vmsg_window *win;
	struct vmsg_wctx *ctx;
	void *mem;
	struct page *page;
	u8 *buf;
	bool open[ST_SLOTS];
	bool write[ST_SLOTS];
	phys_addr_t phys[ST_SLOTS];
	u8 seen[ST_SLOTS];
	unsigned long hold;
	unsigned int mapping;
	unsigned int mapped;
	u64 wire;
	unsigned int unmapping;
	unsigned int unmapped;
	u32 tag;
};

static struct st *st_now;

static void st_share(struct virtio_msg_bus *bus, u32 slot, phys_addr_t phys, bool write)
{
	struct st *st = st_now;

	if (slot >= ST_SLOTS || st->open[slot]) {
		KUNIT_FAIL(st->f->test, "slot %u is shared twice", slot);
		return;
	}
	st->open[slot] = true;
	st->write[slot] = write;
	st->phys[slot] = phys;
	st->seen[slot] = *(u8 *)phys_to_virt(phys);
}

static bool st_unshare(struct virtio_msg_bus *bus, u32 slot, phys_addr_t phys)
{
	struct st *st = st_now;

	KUNIT_EXPECT_TRUE(st->f->test, st->open[slot]);
	KUNIT_EXPECT_EQ(st->f->test, st->phys[slot], phys);
	if (test_bit(slot, &st->hold))
		return false;
	st->open[slot] = false;
	return true;
}

static void st_mapping(struct vmsg_wctx *ctx)
{
	st_now->mapping++;
}

static void st_mapped(struct vmsg_wctx *ctx, u64 wire)
{
	st_now->mapped++;
	st_now->wire = wire;
}

static void st_unmapping(struct vmsg_wctx *ctx, u64 wire)
{
	st_now->unmapping++;
}

static void st_unmapped(struct vmsg_wctx *ctx, u32 tag)
{
	st_now->unmapped++;
	st_now->tag = tag;
}

static const struct vmsg_wctx_ops st_hooks = {
	.mapping = st_mapping,
	.mapped = st_mapped,
	.unmapping = st_unmapping,
	.unmapped = st_unmapped,
};

static int st_init(struct kunit *test)
{
	struct st *st = kunit_kzalloc(test, sizeof(*st), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, st);
	test->priv = st;
	st_now = st;
	st->ctx = kunit_kcalloc(test, 2, sizeof(*st->ctx), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, st->ctx);
	st->mem = (void *)__get_free_pages(GFP_KERNEL | __GFP_ZERO, ST_WIN_ORDER);
	KUNIT_ASSERT_NOT_NULL(test, st->mem);
	st->page = alloc_pages(GFP_KERNEL | __GFP_COMP, ST_BUF_ORDER);
	KUNIT_ASSERT_NOT_NULL(test, st->page);
	st->buf = page_address(st->page);
	memset(st->buf, 0x5e, PAGE_SIZE << ST_BUF_ORDER);

	st->f = fake_new(test, VIRTIO_MSG_WIRE_XID32);
	KUNIT_ASSERT_NOT_NULL(test, st->f);
	st->f->ops.share = st_share;
	st->f->ops.unshare = st_unshare;
	st->f->desc.share_slots = ST_SLOTS;
	st->f->desc.share_wire = ST_WIRE;
	KUNIT_ASSERT_EQ(test, fake_register(st->f), 0);
	/* The bus has slots; these tests use some of their own. */
	KUNIT_EXPECT_NOT_NULL(test, st->f->bus->share);
	st->share = vmsg_share_create(st->f->bus, &st->f->desc);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, st->share);
	st->win = vmsg_window_create((void __vshm __force *)st->mem,
				     virt_to_phys(st->mem), ST_WIN, 1ULL << 48);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, st->win);
	KUNIT_ASSERT_EQ(test, vmsg_wctx_init(&st->ctx[0], st->win, 4, PAGE_SIZE,
					     &st_hooks), 0);
	KUNIT_ASSERT_EQ(test, vmsg_wctx_init(&st->ctx[1], st->win, 4, PAGE_SIZE,
					     &st_hooks), 0);
	st->ctx[0].share = st->share;
	st->ctx[1].share = st->share;
	return 0;
}

static void st_exit(struct kunit *test)
{
	struct st *st = test->priv;

	if (!st)
		return;
	if (!IS_ERR_OR_NULL(st->win)) {
		vmsg_wctx_exit(&st->ctx[0]);
		vmsg_wctx_exit(&st->ctx[1]);
		vmsg_window_destroy(st->win);
	}
	if (!IS_ERR_OR_NULL(st->share))
		vmsg_share_destroy(st->share);
	if (st->f) {
		fake_unregister(st->f);
		fake_free(st->f);
	}
	if (st->page)
		__free_pages(st->page, ST_BUF_ORDER);
	free_pages((unsigned long)st->mem, ST_WIN_ORDER);
}

static u64 st_map(struct st *st, size_t off, size_t size, enum dma_data_direction dir)
{
	return vmsg_buf_map(&st->ctx[0], st->page, off, size, dir, false);
}

static void st_unmap(struct st *st, u64 wire, size_t size, enum dma_data_direction dir)
{
	vmsg_buf_unmap(&st->ctx[0], wire, size, dir, false);
}

static unsigned int st_open(struct st *st)
{
	unsigned int i, n = 0;

	for (i = 0; i < ST_SLOTS; i++)
		n += st->open[i];
	return n;
}

/* Pages go as they are, read-only if the device only reads; nothing else does. */
static void share_test_whole_pages(struct kunit *test)
{
	struct st *st = test->priv;
	u64 w;

	w = st_map(st, ST_SLOT, 2 * ST_SLOT, DMA_TO_DEVICE);
	KUNIT_EXPECT_EQ(test, w, ST_WIRE);
	KUNIT_EXPECT_EQ(test, st_open(st), 2);
	KUNIT_EXPECT_FALSE(test, st->write[0]);
	KUNIT_EXPECT_EQ(test, st->phys[0], virt_to_phys(st->buf + ST_SLOT));
	KUNIT_EXPECT_EQ(test, st->phys[1], virt_to_phys(st->buf + 2 * ST_SLOT));
	KUNIT_EXPECT_EQ(test, st->seen[0], 0x5e);
	KUNIT_EXPECT_FALSE(test, vmsg_buf_need_sync(&st->ctx[0], w));
	st_unmap(st, w, 2 * ST_SLOT, DMA_TO_DEVICE);
	KUNIT_EXPECT_EQ(test, st_open(st), 0);
	KUNIT_EXPECT_EQ(test, st->buf[ST_SLOT], 0x5e);

	w = st_map(st, 0, ST_SLOT, DMA_BIDIRECTIONAL);
	KUNIT_EXPECT_TRUE(test, vmsg_share_owns(&st->ctx[0], w));
	KUNIT_EXPECT_TRUE(test, st->write[(w - ST_WIRE) / ST_SLOT]);
	KUNIT_EXPECT_EQ(test, st->buf[0], 0x5e);
	st_unmap(st, w, ST_SLOT, DMA_BIDIRECTIONAL);
}

/* What the page held before is not shown. */
static void share_test_poison(struct kunit *test)
{
	struct st *st = test->priv;
	u64 w = st_map(st, 0, 2 * ST_SLOT, DMA_FROM_DEVICE);

	KUNIT_EXPECT_TRUE(test, vmsg_share_owns(&st->ctx[0], w));
	KUNIT_EXPECT_TRUE(test, st->write[0]);
	KUNIT_EXPECT_EQ(test, st->seen[0], 0xff);
	KUNIT_EXPECT_EQ(test, st->seen[1], 0xff);
	KUNIT_EXPECT_EQ(test, st->buf[2 * ST_SLOT], 0x5e);
	/* As the device would. */
	memset(st->buf, 0x11, ST_SLOT);
	st_unmap(st, w, 2 * ST_SLOT, DMA_FROM_DEVICE);
	KUNIT_EXPECT_EQ(test, st->buf[0], 0x11);
	KUNIT_EXPECT_EQ(test, st->buf[ST_SLOT], 0xff);
}

/* Whatever lies beside memory of somebody else is copied. */
static void share_test_pieces(struct kunit *test)
{
	static const struct { size_t off, size; } pieces[] = {
		{ 0, 1 }, { 0, ST_SLOT - 1 }, { 512, ST_SLOT }, { ST_SLOT - 1, 1 },
		{ 8, 16 }, { ST_SLOT, ST_SLOT + 512 },
	};
	struct st *st = test->priv;
	unsigned int i;
	u64 w;

	for (i = 0; i < ARRAY_SIZE(pieces); i++) {
		w = st_map(st, pieces[i].off, pieces[i].size, DMA_TO_DEVICE);
		KUNIT_ASSERT_NE(test, w, VMSG_WIN_ERROR);
		KUNIT_EXPECT_FALSE(test, vmsg_share_owns(&st->ctx[0], w));
		KUNIT_EXPECT_EQ(test, st_open(st), 0);
		st_unmap(st, w, pieces[i].size, DMA_TO_DEVICE);
	}
	/* Who syncs by himself reads what is there before he does. */
	w = vmsg_buf_map(&st->ctx[0], st->page, 0, ST_SLOT, DMA_FROM_DEVICE, true);
	KUNIT_EXPECT_FALSE(test, vmsg_share_owns(&st->ctx[0], w));
	vmsg_buf_unmap(&st->ctx[0], w, ST_SLOT, DMA_FROM_DEVICE, true);
	KUNIT_EXPECT_EQ(test, st_map(st, 0, 0, DMA_TO_DEVICE), VMSG_WIN_ERROR);
	KUNIT_EXPECT_EQ(test, st_open(st), 0);
}

/*
 * What goes back to whoever asks next, whoever still has it mapped, is copied: memory
 * of kmalloc(), of one page and of more, and pages behind a first one that counts for
 * them.
 */
static void share_test_not_counted(struct kunit *test)
{
	static const size_t sizes[] = { ST_SLOT, 4 * ST_SLOT };
	struct st *st = test->priv;
	struct page *pages;
	unsigned int i;
	void *p;
	u64 w;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		p = kunit_kzalloc(test, sizes[i], GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, p);
		if (!PageSlab(virt_to_page(p)) && page_count(virt_to_page(p)))
			continue;
		if (!IS_ALIGNED(virt_to_phys(p), ST_SLOT))
			continue;
		w = vmsg_buf_map(&st->ctx[0], virt_to_page(p), offset_in_page(p), sizes[i],
				 DMA_FROM_DEVICE, false);
		KUNIT_EXPECT_FALSE(test, vmsg_share_owns(&st->ctx[0], w));
		KUNIT_EXPECT_EQ(test, st_open(st), 0);
		if (w != VMSG_WIN_ERROR)
			st_unmap(st, w, sizes[i], DMA_FROM_DEVICE);
	}
	pages = alloc_pages(GFP_KERNEL, 1);
	KUNIT_ASSERT_NOT_NULL(test, pages);
	if (!page_count(pages + 1)) {
		w = vmsg_buf_map(&st->ctx[0], pages, PAGE_SIZE, ST_SLOT, DMA_TO_DEVICE,
				 false);
		KUNIT_EXPECT_FALSE(test, vmsg_share_owns(&st->ctx[0], w));
		if (w != VMSG_WIN_ERROR)
			st_unmap(st, w, ST_SLOT, DMA_TO_DEVICE);
	}
	__free_pages(pages, 1);
}

/* No slot is left: the window takes it, and the slots come back. */
static void share_test_full(struct kunit *test)
{
	struct vmsg_share_stats sh;
	struct st *st = test->priv;
	u64 w[ST_SLOTS], v;
	unsigned int i;

	for (i = 0; i < ST_SLOTS; i++) {
		w[i] = st_map(st, 0, ST_SLOT, DMA_TO_DEVICE);
		KUNIT_ASSERT_TRUE(test, vmsg_share_owns(&st->ctx[0], w[i]));
	}
	v = st_map(st, 0, ST_SLOT, DMA_TO_DEVICE);
	KUNIT_ASSERT_NE(test, v, VMSG_WIN_ERROR);
	KUNIT_EXPECT_FALSE(test, vmsg_share_owns(&st->ctx[0], v));
	st_unmap(st, v, ST_SLOT, DMA_TO_DEVICE);
	vmsg_share_get_stats(st->share, &sh);
	KUNIT_EXPECT_EQ(test, sh.full, 1);
	KUNIT_EXPECT_EQ(test, sh.used, ST_SLOTS);
	/* Two are free, but not in a row. */
	st_unmap(st, w[3], ST_SLOT, DMA_TO_DEVICE);
	st_unmap(st, w[5], ST_SLOT, DMA_TO_DEVICE);
	v = st_map(st, 0, 2 * ST_SLOT, DMA_TO_DEVICE);
	KUNIT_EXPECT_FALSE(test, vmsg_share_owns(&st->ctx[0], v));
	if (v != VMSG_WIN_ERROR)
		st_unmap(st, v, 2 * ST_SLOT, DMA_TO_DEVICE);
	st_unmap(st, w[4], ST_SLOT, DMA_TO_DEVICE);
	v = st_map(st, 0, 3 * ST_SLOT, DMA_TO_DEVICE);
	KUNIT_EXPECT_EQ(test, v, w[3]);
	st_unmap(st, v, 3 * ST_SLOT, DMA_TO_DEVICE);
	for (i = 0; i < ST_SLOTS; i++)
		if (i < 3 || i > 5)
			st_unmap(st, w[i], ST_SLOT, DMA_TO_DEVICE);
	vmsg_share_get_stats(st->share, &sh);
	KUNIT_EXPECT_EQ(test, sh.used, 0);
	KUNIT_EXPECT_EQ(test, st_open(st), 0);
}

static void share_test_tags(struct kunit *test)
{
	struct st *st = test->priv;
	u64 w = st_map(st, 0, 2 * ST_SLOT, DMA_TO_DEVICE);

	KUNIT_EXPECT_GT(test, st->mapping, 0);
	KUNIT_EXPECT_EQ(test, st->mapped, 1);
	KUNIT_EXPECT_EQ(test, st->wire, w);
	/* Not in the middle, not another queue's, not where nothing is, once. */
	KUNIT_EXPECT_FALSE(test, vmsg_share_set_tag(&st->ctx[0], w + ST_SLOT, 7));
	KUNIT_EXPECT_FALSE(test, vmsg_share_set_tag(&st->ctx[0], w + 1, 7));
	KUNIT_EXPECT_FALSE(test, vmsg_share_set_tag(&st->ctx[1], w, 7));
	KUNIT_EXPECT_FALSE(test, vmsg_share_set_tag(&st->ctx[0], w + 4 * ST_SLOT, 7));
	KUNIT_EXPECT_TRUE(test, vmsg_share_set_tag(&st->ctx[0], w, 7));
	KUNIT_EXPECT_FALSE(test, vmsg_share_set_tag(&st->ctx[0], w, 8));
	/* Another queue cannot take it back either. */
	vmsg_buf_unmap(&st->ctx[1], w, 2 * ST_SLOT, DMA_TO_DEVICE, false);
	KUNIT_EXPECT_EQ(test, st_open(st), 2);
	KUNIT_EXPECT_EQ(test, st->unmapped, 0);
	st->unmapping = 0;
	st_unmap(st, w, 2 * ST_SLOT, DMA_TO_DEVICE);
	KUNIT_EXPECT_EQ(test, st->unmapping, 1);
	KUNIT_EXPECT_EQ(test, st->unmapped, 1);
	KUNIT_EXPECT_EQ(test, st->tag, 7);
	/* Nor can anybody do so twice. */
	st_unmap(st, w, 2 * ST_SLOT, DMA_TO_DEVICE);
	KUNIT_EXPECT_EQ(test, st->unmapped, 1);
	/* One without a tag is nobody's. */
	w = st_map(st, 0, ST_SLOT, DMA_TO_DEVICE);
	st_unmap(st, w, ST_SLOT, DMA_TO_DEVICE);
	KUNIT_EXPECT_EQ(test, st->unmapped, 1);
}

/* A device side that holds on: it is given up, and gets nothing more. */
static void share_test_kept(struct kunit *test)
{
	struct vmsg_share_stats sh;
	struct st *st = test->priv;
	u64 w, v;

	KUNIT_ASSERT_TRUE(test, fake_until(READ_ONCE(st->f->bus->state) ==
					   VMSG_BUS_RUNNING));
	w = st_map(st, 0, 3 * ST_SLOT, DMA_FROM_DEVICE);
	KUNIT_ASSERT_TRUE(test, vmsg_share_set_tag(&st->ctx[0], w, 9));
	__set_bit((w - ST_WIRE) / ST_SLOT + 1, &st->hold);
	st_unmap(st, w, 3 * ST_SLOT, DMA_FROM_DEVICE);
	/* The driver has its buffer back in any case. */
	KUNIT_EXPECT_EQ(test, st->unmapped, 1);
	KUNIT_EXPECT_EQ(test, st_open(st), 1);
	vmsg_share_get_stats(st->share, &sh);
	KUNIT_EXPECT_EQ(test, sh.used, 1);
	KUNIT_EXPECT_EQ(test, sh.kept, 1);
	KUNIT_EXPECT_TRUE(test, fake_until(READ_ONCE(st->f->lost)));
	v = st_map(st, 0, ST_SLOT, DMA_FROM_DEVICE);
	KUNIT_ASSERT_NE(test, v, VMSG_WIN_ERROR);
	KUNIT_EXPECT_FALSE(test, vmsg_share_owns(&st->ctx[0], v));
	st_unmap(st, v, ST_SLOT, DMA_FROM_DEVICE);
}

/* A peer that is gone gets no buffer more, but gives back what it has. */
static void share_test_condemned(struct kunit *test)
{
	struct st *st = test->priv;
	u64 w = st_map(st, 0, ST_SLOT, DMA_TO_DEVICE);

	KUNIT_ASSERT_TRUE(test, vmsg_share_owns(&st->ctx[0], w));
	vmsg_wctx_condemn(&st->ctx[0]);
	KUNIT_EXPECT_EQ(test, st_map(st, 0, ST_SLOT, DMA_TO_DEVICE), VMSG_WIN_ERROR);
	KUNIT_EXPECT_EQ(test, st_open(st), 1);
	st_unmap(st, w, ST_SLOT, DMA_TO_DEVICE);
	KUNIT_EXPECT_EQ(test, st_open(st), 0);
	vmsg_window_absolve(st->win);
}

/* Where the transport has none, all is as ever. */
static void share_test_none(struct kunit *test)
{
	struct virtio_msg_transport_desc desc = {};
	struct st *st = test->priv;
	u64 w;

	KUNIT_EXPECT_PTR_EQ(test, vmsg_share_create(st->f->bus, &desc), NULL);
	st->ctx[0].share = NULL;
	w = st_map(st, 0, ST_SLOT, DMA_TO_DEVICE);
	KUNIT_EXPECT_NE(test, w, VMSG_WIN_ERROR);
	KUNIT_EXPECT_FALSE(test, vmsg_share_owns(&st->ctx[0], w));
	KUNIT_EXPECT_FALSE(test, vmsg_share_owns(&st->ctx[0], ST_WIRE));
	st_unmap(st, w, ST_SLOT, DMA_TO_DEVICE);
	vmsg_share_destroy(NULL);
}

static struct kunit_case share_cases[] = {
	KUNIT_CASE(share_test_whole_pages),
	KUNIT_CASE(share_test_poison),
	KUNIT_CASE(share_test_pieces),
	KUNIT_CASE(share_test_not_counted),
	KUNIT_CASE(share_test_full),
	KUNIT_CASE(share_test_tags),
	KUNIT_CASE(share_test_kept),
	KUNIT_CASE(share_test_condemned),
	KUNIT_CASE(share_test_none),
	{}
};

static struct kunit_suite share_suite = {
	.name = "virtio_msg_share",
	.init = st_init,
	.exit = st_exit,
	.test_cases = share_cases,
};

kunit_test_suite(share_suite);
