// SPDX-License-Identifier: GPL-2.0-only
/*
 * The window: allocator, bounce engine, quotas, quarantine
 */

#include <kunit/test.h>
#include <linux/bitmap.h>
#include <linux/completion.h>
#include <linux/dma-mapping.h>
#include <linux/err.h>
#include <linux/io.h>
#include <linux/kthread.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/prandom.h>
#include <linux/slab.h>
#include <linux/virtio.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>
#include "../map_ops.h"
#include "../window.h"

#define WT_ORDER	get_order(SZ_1M)
#define WT_SIZE		((u64)PAGE_SIZE << WT_ORDER)
#define WT_WIRE		0x0001000000200000ULL
#define WT_M		((size_t)PAGE_SIZE)	/* mapping size of most tests */
#define WT_CELL		((u32)(WT_M / VMSG_WIN_GRANULE))
#define WT_BUF_ORDER	3
#define WT_BUF		((size_t)PAGE_SIZE << WT_BUF_ORDER)

struct wt {
	void *mem;
	struct page *page;
	struct vmsg_window *win;
	struct vmsg_wctx *ctx;	/* array */
	struct page *buf_page;
	u8 *buf;
	/* hooks */
	unsigned int mapping_calls;
	unsigned int unmapped_calls;
	u32 last_tag;
	u32 used_in_hook;
	u8 seen_in_hook;
};

#define WT_CTXS		16

static struct wt *wt_of_hook;

static struct vmsg_window *wt_create(void *va, phys_addr_t phys, u64 size,
				     u64 wire)
{
	return vmsg_window_create((void __vshm __force *)va, phys, size, wire);
}

static int wt_init(struct kunit *test)
{
	struct wt *wt = kunit_kzalloc(test, sizeof(*wt), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, wt);
	test->priv = wt;
	wt->ctx = kunit_kcalloc(test, WT_CTXS, sizeof(*wt->ctx), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, wt->ctx);
	wt->page = alloc_pages(GFP_KERNEL, WT_ORDER);
	KUNIT_ASSERT_NOT_NULL(test, wt->page);
	wt->mem = page_address(wt->page);
	/* What lay there before is a secret. */
	memset(wt->mem, 0x5e, WT_SIZE);
	wt->buf_page = alloc_pages(GFP_KERNEL, WT_BUF_ORDER);
	KUNIT_ASSERT_NOT_NULL(test, wt->buf_page);
	wt->buf = page_address(wt->buf_page);
	wt->win = wt_create(wt->mem, page_to_phys(wt->page), WT_SIZE, WT_WIRE);
	KUNIT_ASSERT_FALSE(test, IS_ERR(wt->win));
	wt_of_hook = wt;
	return 0;
}

static void wt_exit(struct kunit *test)
{
	struct wt *wt = test->priv;
	unsigned int i;

	if (!wt)
		return;
	if (wt->ctx && !IS_ERR_OR_NULL(wt->win)) {
		for (i = 0; i < WT_CTXS; i++)
			vmsg_wctx_exit(&wt->ctx[i]);
		vmsg_window_destroy(wt->win);
	}
	if (wt->page)
		__free_pages(wt->page, WT_ORDER);
	if (wt->buf_page)
		__free_pages(wt->buf_page, WT_BUF_ORDER);
}

static u64 wt_bad(struct wt *wt)
{
	struct vmsg_window_stats st;

	vmsg_window_get_stats(wt->win, &st);
	return st.bad;
}

static u32 wt_used(struct wt *wt)
{
	struct vmsg_window_stats st;

	vmsg_window_get_stats(wt->win, &st);
	return st.used;
}

static void wt_identity(struct kunit *test)
{
	struct wt *wt = test->priv;
	struct vmsg_window_stats st;
	u32 used = 0, from = 0;
	unsigned int i;

	vmsg_window_get_stats(wt->win, &st);
	KUNIT_ASSERT_EQ(test, st.free + st.used + st.quarantined, st.total);
	for (i = 0; i < WT_CTXS; i++) {
		KUNIT_ASSERT_LE(test, wt->ctx[i].own_used, wt->ctx[i].used);
		KUNIT_ASSERT_LE(test, wt->ctx[i].used_from, wt->ctx[i].used);
		used += wt->ctx[i].used;
		from += wt->ctx[i].used_from;
	}
	KUNIT_ASSERT_EQ(test, used, st.used);
	KUNIT_ASSERT_LE(test, from, st.used);
}

/* A context with room for @segs + 2 mappings. */
static struct vmsg_wctx *wt_ctx(struct kunit *test, unsigned int i, u32 segs)
{
	struct wt *wt = test->priv;

	KUNIT_ASSERT_LT(test, i, WT_CTXS);
	KUNIT_ASSERT_EQ(test, 0, vmsg_wctx_init(&wt->ctx[i], wt->win, segs,
						WT_M, NULL));
	return &wt->ctx[i];
}

static u64 wt_map(struct kunit *test, struct vmsg_wctx *ctx, size_t offset,
		  size_t size, enum dma_data_direction dir)
{
	struct wt *wt = test->priv;

	return vmsg_window_map(ctx, wt->buf_page, offset, size, dir, false);
}

static u8 *wt_slot(struct kunit *test, u64 wire, size_t size)
{
	struct wt *wt = test->priv;
	u8 *p = vmsg_window_ptr(wt->win, wire, size);

	KUNIT_ASSERT_NE(test, wire, VMSG_WIN_ERROR);
	KUNIT_ASSERT_NOT_NULL(test, p);
	return p;
}

static bool wt_all(const u8 *p, u8 byte, size_t len)
{
	return !memchr_inv(p, byte, len);
}

static void wt_fill(u8 *p, u8 seed, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		p[i] = seed + i * 7 + (i >> 8);
}

static bool wt_filled(const u8 *p, u8 seed, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		if (p[i] != (u8)(seed + i * 7 + (i >> 8)))
			return false;
	return true;
}

/* Map @size bytes until nothing is left; count the mappings. */
static unsigned int wt_exhaust(struct kunit *test, struct vmsg_wctx *ctx,
			       size_t size, enum dma_data_direction dir,
			       u64 *wires, unsigned int max)
{
	unsigned int n;

	for (n = 0; n < max; n++) {
		wires[n] = wt_map(test, ctx, 0, size, dir);
		if (wires[n] == VMSG_WIN_ERROR)
			break;
	}
	return n;
}

static void wt_unmap_all(struct vmsg_wctx *ctx, const u64 *wires,
			 unsigned int n, size_t size,
			 enum dma_data_direction dir)
{
	while (n--)
		vmsg_window_unmap(ctx, wires[n], size, dir, true);
}

static u64 *wt_wires(struct kunit *test, unsigned int n)
{
	u64 *w = kunit_kcalloc(test, n, sizeof(*w), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, w);
	return w;
}

/*
 * Making a window
 */

static void wt_layout(struct kunit *test)
{
	struct wt *wt = test->priv;
	struct vmsg_window_stats st;

	vmsg_window_get_stats(wt->win, &st);
	KUNIT_EXPECT_GE(test, st.ring_total, (u64)SZ_64K);
	KUNIT_EXPECT_EQ(test, st.ring_total % PAGE_SIZE, 0ULL);
	KUNIT_EXPECT_EQ(test, st.ring_total +
			(u64)st.total * VMSG_WIN_GRANULE, WT_SIZE);
	KUNIT_EXPECT_EQ(test, st.free, st.total);
	KUNIT_EXPECT_EQ(test, st.used, 0U);
	KUNIT_EXPECT_EQ(test, st.guaranteed, 0U);
}

static void wt_create_sizes(struct kunit *test)
{
	struct wt *wt = test->priv;
	struct vmsg_window_stats st;
	struct vmsg_window *win;
	u64 size;

	for (size = 0; size < 16 * PAGE_SIZE; size += 511) {
		win = wt_create(wt->mem, ~(phys_addr_t)0, size, 0);
		KUNIT_ASSERT_TRUE(test, IS_ERR(win));
		KUNIT_ASSERT_EQ(test, PTR_ERR(win), -EINVAL);
	}
	for (size = 16 * PAGE_SIZE; size <= WT_SIZE; size *= 2) {
		win = wt_create(wt->mem, ~(phys_addr_t)0, size, 0);
		KUNIT_ASSERT_FALSE(test, IS_ERR(win));
		vmsg_window_get_stats(win, &st);
		KUNIT_EXPECT_GE(test, st.ring_total, size / 8);
		KUNIT_EXPECT_LE(test, st.ring_total, size / 2);
		vmsg_window_destroy(win);
	}
	vmsg_window_destroy(NULL);
}

static void wt_create_wrap(struct kunit *test)
{
	struct wt *wt = test->priv;
	struct vmsg_window *win;

	win = wt_create(wt->mem, ~(phys_addr_t)0, WT_SIZE,
			U64_MAX - WT_SIZE + 1);
	KUNIT_ASSERT_TRUE(test, IS_ERR(win));
	win = wt_create(wt->mem, ~(phys_addr_t)0, WT_SIZE, U64_MAX - WT_SIZE);
	KUNIT_ASSERT_FALSE(test, IS_ERR(win));
	vmsg_window_destroy(win);
}

/* The window need not begin at a page; rings do. */
static void wt_create_unaligned(struct kunit *test)
{
	struct wt *wt = test->priv;
	struct vmsg_window *win;
	void *p;
	u64 wire;

	win = wt_create(wt->mem + 100, ~(phys_addr_t)0, WT_SIZE - 100, 0);
	KUNIT_ASSERT_FALSE(test, IS_ERR(win));
	p = vmsg_window_alloc_ring(win, 100, &wire);
	KUNIT_EXPECT_NOT_NULL(test, p);
	KUNIT_EXPECT_TRUE(test, PAGE_ALIGNED(p));
	KUNIT_EXPECT_PTR_EQ(test, p, vmsg_window_ptr(win, wire, 100));
	vmsg_window_free_ring(win, p, 100);
	vmsg_window_destroy(win);
}

static void wt_ptr_bounds(struct kunit *test)
{
	struct vmsg_window *win = ((struct wt *)test->priv)->win;
	void *mem = ((struct wt *)test->priv)->mem;

	KUNIT_EXPECT_PTR_EQ(test, vmsg_window_ptr(win, WT_WIRE, WT_SIZE), mem);
	KUNIT_EXPECT_PTR_EQ(test, vmsg_window_ptr(win, WT_WIRE + 17, 1),
			    mem + 17);
	KUNIT_EXPECT_NOT_NULL(test,
			      vmsg_window_ptr(win, WT_WIRE + WT_SIZE - 1, 1));
	KUNIT_EXPECT_NULL(test, vmsg_window_ptr(win, WT_WIRE - 1, 1));
	KUNIT_EXPECT_NULL(test, vmsg_window_ptr(win, WT_WIRE - 1, 2));
	KUNIT_EXPECT_NULL(test, vmsg_window_ptr(win, WT_WIRE + WT_SIZE, 1));
	KUNIT_EXPECT_NULL(test, vmsg_window_ptr(win, WT_WIRE, WT_SIZE + 1));
	KUNIT_EXPECT_NULL(test, vmsg_window_ptr(win, WT_WIRE + 1, WT_SIZE));
	KUNIT_EXPECT_NULL(test, vmsg_window_ptr(win, WT_WIRE + 1, U64_MAX));
	KUNIT_EXPECT_NULL(test, vmsg_window_ptr(win, U64_MAX, U64_MAX));
	KUNIT_EXPECT_NULL(test, vmsg_window_ptr(win, 0, 1));
}

/*
 * Bouncing
 */

static void wt_to_device(struct kunit *test)
{
	struct wt *wt = test->priv;
	struct vmsg_wctx *ctx = wt_ctx(test, 0, 4);
	size_t size;
	u8 *p;
	u64 w;

	for (size = 1; size <= 3 * VMSG_WIN_GRANULE; size += 37) {
		size_t run = ALIGN(size, VMSG_WIN_GRANULE);

		wt_fill(wt->buf, size, WT_BUF);
		w = wt_map(test, ctx, 5, size, DMA_TO_DEVICE);
		p = wt_slot(test, w, run);
		KUNIT_ASSERT_MEMEQ(test, p, wt->buf + 5, size);
		KUNIT_ASSERT_TRUE(test, wt_all(p + size, 0xff, run - size));
		/* What the peer writes there is nobody's business. */
		memset(p, 0xee, run);
		vmsg_window_unmap(ctx, w, size, DMA_TO_DEVICE, false);
		KUNIT_ASSERT_TRUE(test, wt_filled(wt->buf, size, WT_BUF));
		wt_identity(test);
	}
}

static void wt_from_device(struct kunit *test)
{
	struct wt *wt = test->priv;
	struct vmsg_wctx *ctx = wt_ctx(test, 0, 4);
	size_t size;
	u8 *p;
	u64 w;

	for (size = 1; size <= 3 * VMSG_WIN_GRANULE; size += 37) {
		size_t run = ALIGN(size, VMSG_WIN_GRANULE);

		memset(wt->buf, 0, WT_BUF);
		w = wt_map(test, ctx, 9, size, DMA_FROM_DEVICE);
		p = wt_slot(test, w, run);
		KUNIT_ASSERT_TRUE(test, wt_all(p, 0xff, run));
		wt_fill(p, 3, run);
		vmsg_window_unmap(ctx, w, size, DMA_FROM_DEVICE, false);
		KUNIT_ASSERT_TRUE(test, wt_all(wt->buf, 0, 9));
		KUNIT_ASSERT_TRUE(test, wt_filled(wt->buf + 9, 3, size));
		KUNIT_ASSERT_TRUE(test, wt_all(wt->buf + 9 + size, 0,
					       WT_BUF - 9 - size));
	}
}

/* A status byte that no device wrote must not say success. */
static void wt_status_poison(struct kunit *test)
{
	struct wt *wt = test->priv;
	struct vmsg_wctx *ctx = wt_ctx(test, 0, 4);
	u64 w;

	wt->buf[7] = 0;
	w = wt_map(test, ctx, 7, 1, DMA_FROM_DEVICE);
	KUNIT_ASSERT_NE(test, w, VMSG_WIN_ERROR);
	vmsg_window_unmap(ctx, w, 1, DMA_FROM_DEVICE, false);
	KUNIT_EXPECT_EQ(test, wt->buf[7], 0xff);
}

static void wt_bidirectional(struct kunit *test)
{
	struct wt *wt = test->priv;
	struct vmsg_wctx *ctx = wt_ctx(test, 0, 4);
	u8 *p;
	u64 w;

	wt_fill(wt->buf, 1, WT_BUF);
	w = wt_map(test, ctx, 0, 700, DMA_BIDIRECTIONAL);
	p = wt_slot(test, w, 1024);
	KUNIT_EXPECT_TRUE(test, wt_filled(p, 1, 700));
	KUNIT_EXPECT_TRUE(test, wt_all(p + 700, 0xff, 324));
	wt_fill(p, 2, 1024);
	vmsg_window_unmap(ctx, w, 700, DMA_BIDIRECTIONAL, false);
	KUNIT_EXPECT_TRUE(test, wt_filled(wt->buf, 2, 700));
	KUNIT_EXPECT_EQ(test, wt->buf[700], (u8)(1 + 700 * 7 + (700 >> 8)));
}

/* Nothing of an earlier owner is seen, neither in the tail nor without a copy. */
static void wt_no_stale_bytes(struct kunit *test)
{
	struct wt *wt = test->priv;
	struct vmsg_wctx *ctx = wt_ctx(test, 0, 0);
	u64 w[4], v;
	unsigned int n, i;
	u8 *p;

	memset(wt->buf, 0xa5, WT_BUF);
	n = wt_exhaust(test, ctx, WT_M, DMA_TO_DEVICE, w, 2);
	wt_unmap_all(ctx, w, n, WT_M, DMA_TO_DEVICE);

	for (i = 0; i < 64; i++) {
		bool skip = i & 1;
		enum dma_data_direction dir = i & 2 ? DMA_TO_DEVICE :
						      DMA_BIDIRECTIONAL;

		wt->buf[0] = 1;
		v = vmsg_window_map(ctx, wt->buf_page, 0, 1, dir, skip);
		p = wt_slot(test, v, VMSG_WIN_GRANULE);
		KUNIT_ASSERT_EQ(test, p[0], skip ? 0xff : 1);
		KUNIT_ASSERT_TRUE(test, wt_all(p + 1, 0xff,
					       VMSG_WIN_GRANULE - 1));
		memset(p, 0xa5, VMSG_WIN_GRANULE);
		vmsg_window_unmap(ctx, v, 1, dir, true);
	}
}

static void wt_skip_sync(struct kunit *test)
{
	struct wt *wt = test->priv;
	struct vmsg_wctx *ctx = wt_ctx(test, 0, 4);
	u8 *p;
	u64 w;

	wt_fill(wt->buf, 1, WT_BUF);
	w = vmsg_window_map(ctx, wt->buf_page, 0, 600, DMA_FROM_DEVICE, true);
	p = wt_slot(test, w, 1024);
	KUNIT_EXPECT_TRUE(test, wt_all(p, 0xff, 1024));
	memset(p, 0x11, 1024);
	vmsg_window_unmap(ctx, w, 600, DMA_FROM_DEVICE, true);
	KUNIT_EXPECT_TRUE(test, wt_filled(wt->buf, 1, WT_BUF));

	w = vmsg_window_map(ctx, wt->buf_page, 0, 600, DMA_BIDIRECTIONAL, true);
	p = wt_slot(test, w, 1024);
	KUNIT_EXPECT_TRUE(test, wt_all(p, 0xff, 1024));
	vmsg_window_unmap(ctx, w, 600, DMA_BIDIRECTIONAL, true);
	KUNIT_EXPECT_TRUE(test, wt_filled(wt->buf, 1, WT_BUF));
}

/* The offset may exceed a page, and the buffer spans several. */
static void wt_multi_page(struct kunit *test)
{
	struct wt *wt = test->priv;
	struct vmsg_wctx *ctx = &wt->ctx[0];
	size_t size = 3 * PAGE_SIZE + 77;
	size_t off = PAGE_SIZE + 123;
	u8 *p;
	u64 w;

	KUNIT_ASSERT_EQ(test, 0, vmsg_wctx_init(ctx, wt->win, 1,
						4 * PAGE_SIZE, NULL));
	wt_fill(wt->buf, 1, WT_BUF);
	w = wt_map(test, ctx, off, size, DMA_TO_DEVICE);
	p = wt_slot(test, w, size);
	KUNIT_EXPECT_MEMEQ(test, p, wt->buf + off, size);
	vmsg_window_unmap(ctx, w, size, DMA_TO_DEVICE, false);

	memset(wt->buf, 0, WT_BUF);
	w = wt_map(test, ctx, off, size, DMA_FROM_DEVICE);
	p = wt_slot(test, w, size);
	wt_fill(p, 9, size);
	vmsg_window_unmap(ctx, w, size, DMA_FROM_DEVICE, false);
	KUNIT_EXPECT_TRUE(test, wt_all(wt->buf, 0, off));
	KUNIT_EXPECT_TRUE(test, wt_filled(wt->buf + off, 9, size));
	KUNIT_EXPECT_TRUE(test, wt_all(wt->buf + off + size, 0,
				       WT_BUF - off - size));
}

/* Copy-back is bounded by what was mapped, and by what is unmapped. */
static void wt_unmap_size(struct kunit *test)
{
	struct wt *wt = test->priv;
	struct vmsg_wctx *ctx = wt_ctx(test, 0, 4);
	u64 bad = wt_bad(wt);
	u64 w;

	memset(wt->buf, 0, WT_BUF);
	w = wt_map(test, ctx, 0, 600, DMA_FROM_DEVICE);
	vmsg_window_unmap(ctx, w, 10000, DMA_FROM_DEVICE, false);
	KUNIT_EXPECT_TRUE(test, wt_all(wt->buf, 0xff, 600));
	KUNIT_EXPECT_TRUE(test, wt_all(wt->buf + 600, 0, 1000));
	KUNIT_EXPECT_EQ(test, wt_bad(wt), bad + 1);
	KUNIT_EXPECT_EQ(test, ctx->used, 0U);

	memset(wt->buf, 0, WT_BUF);
	w = wt_map(test, ctx, 0, 600, DMA_FROM_DEVICE);
	vmsg_window_unmap(ctx, w, 10, DMA_FROM_DEVICE, false);
	KUNIT_EXPECT_TRUE(test, wt_all(wt->buf, 0xff, 10));
	KUNIT_EXPECT_TRUE(test, wt_all(wt->buf + 10, 0, 1000));
	KUNIT_EXPECT_EQ(test, wt_bad(wt), bad + 2);
	KUNIT_EXPECT_EQ(test, ctx->used, 0U);
}

/* A buffer that was mapped for reading is never written. */
static void wt_unmap_dir(struct kunit *test)
{
	struct wt *wt = test->priv;
	struct vmsg_wctx *ctx = wt_ctx(test, 0, 4);
	u64 bad = wt_bad(wt);
	u64 w;

	wt_fill(wt->buf, 1, WT_BUF);
	w = wt_map(test, ctx, 0, 600, DMA_TO_DEVICE);
	memset(wt_slot(test, w, 600), 0xee, 600);
	vmsg_window_sync_for_cpu(ctx, w, 600, DMA_FROM_DEVICE);
	KUNIT_EXPECT_TRUE(test, wt_filled(wt->buf, 1, WT_BUF));
	vmsg_window_unmap(ctx, w, 600, DMA_FROM_DEVICE, false);
	KUNIT_EXPECT_TRUE(test, wt_filled(wt->buf, 1, WT_BUF));
	KUNIT_EXPECT_EQ(test, wt_bad(wt), bad + 1);
	KUNIT_EXPECT_EQ(test, ctx->used, 0U);
}

static void wt_map_refused(struct kunit *test)
{
	struct wt *wt = test->priv;
	struct vmsg_wctx *ctx = wt_ctx(test, 0, 4);
	struct vmsg_window_stats st;

	KUNIT_EXPECT_EQ(test, wt_map(test, ctx, 0, 0, DMA_TO_DEVICE),
			VMSG_WIN_ERROR);
	KUNIT_EXPECT_EQ(test, wt_map(test, ctx, 0, 64, DMA_NONE),
			VMSG_WIN_ERROR);
	KUNIT_EXPECT_EQ(test, wt_map(test, ctx, 0, 64, 17), VMSG_WIN_ERROR);
	KUNIT_EXPECT_EQ(test, wt_map(test, ctx, 0, VMSG_WIN_MAX_MAPPING + 1,
				     DMA_FROM_DEVICE), VMSG_WIN_ERROR);
	KUNIT_EXPECT_EQ(test, wt_map(test, ctx, 0, SIZE_MAX, DMA_FROM_DEVICE),
			VMSG_WIN_ERROR);
	KUNIT_EXPECT_EQ(test, ctx->failures, 5ULL);
	vmsg_window_get_stats(wt->win, &st);
	KUNIT_EXPECT_EQ(test, st.failures, 5ULL);
	KUNIT_EXPECT_EQ(test, st.maps, 0ULL);
	wt_identity(test);
}

/* Drivers that do not ask for the limit are served while there is room. */
static void wt_map_above_limit(struct kunit *test)
{
	struct wt *wt = test->priv;
	struct vmsg_wctx *ctx = wt_ctx(test, 0, 4);
	u64 w;

	wt_fill(wt->buf, 4, WT_BUF);
	w = wt_map(test, ctx, 0, WT_BUF, DMA_TO_DEVICE);
	KUNIT_EXPECT_TRUE(test, wt_filled(wt_slot(test, w, WT_BUF), 4, WT_BUF));
	vmsg_window_unmap(ctx, w, WT_BUF, DMA_TO_DEVICE, false);
	KUNIT_EXPECT_EQ(test, wt_used(wt), 0U);
}

static void wt_without_window(struct kunit *test)
{
	struct wt *wt = test->priv;
	struct vmsg_wctx *ctx = wt_ctx(test, 0, 1);

	vmsg_wctx_exit(ctx);
	KUNIT_EXPECT_EQ(test, wt_map(test, ctx, 0, 64, DMA_TO_DEVICE),
			VMSG_WIN_ERROR);
	vmsg_window_unmap(ctx, WT_WIRE, 64, DMA_TO_DEVICE, false);
	vmsg_window_sync_for_cpu(ctx, WT_WIRE, 64, DMA_FROM_DEVICE);
	vmsg_window_sync_for_device(ctx, WT_WIRE, 64, DMA_TO_DEVICE);
	KUNIT_EXPECT_FALSE(test, vmsg_window_set_tag(ctx, WT_WIRE, 1));
	vmsg_wctx_exit(ctx);
	KUNIT_EXPECT_EQ(test, wt_bad(wt), 0ULL);
}

/*
 * Syncs
 */

static void wt_sync_for_cpu(struct kunit *test)
{
	struct wt *wt = test->priv;
	struct vmsg_wctx *ctx = wt_ctx(test, 0, 4);
	u8 *p;
	u64 w;

	memset(wt->buf, 0, WT_BUF);
	w = wt_map(test, ctx, 3, 2000, DMA_FROM_DEVICE);
	p = wt_slot(test, w, 2048);
	memset(p, 0x22, 2048);
	vmsg_window_sync_for_cpu(ctx, w + 700, 900, DMA_FROM_DEVICE);
	KUNIT_EXPECT_TRUE(test, wt_all(wt->buf, 0, 703));
	KUNIT_EXPECT_TRUE(test, wt_all(wt->buf + 703, 0x22, 900));
	KUNIT_EXPECT_TRUE(test, wt_all(wt->buf + 1603, 0, 1000));
	/* The last byte, and one more. */
	vmsg_window_sync_for_cpu(ctx, w + 1999, 1, DMA_FROM_DEVICE);
	KUNIT_EXPECT_EQ(test, wt->buf[3 + 1999], 0x22);
	KUNIT_EXPECT_EQ(test, wt_bad(wt), 0ULL);
	vmsg_window_sync_for_cpu(ctx, w + 1999, 2, DMA_FROM_DEVICE);
	KUNIT_EXPECT_EQ(test, wt->buf[3 + 2000], 0);
	KUNIT_EXPECT_EQ(test, wt_bad(wt), 1ULL);
	/* In the tail. */
	vmsg_window_sync_for_cpu(ctx, w + 2000, 1, DMA_FROM_DEVICE);
	KUNIT_EXPECT_EQ(test, wt_bad(wt), 2ULL);
	vmsg_window_sync_for_cpu(ctx, w, 0, DMA_FROM_DEVICE);
	KUNIT_EXPECT_EQ(test, wt_bad(wt), 2ULL);
	vmsg_window_unmap(ctx, w, 2000, DMA_FROM_DEVICE, true);
}

static void wt_sync_for_device(struct kunit *test)
{
	struct wt *wt = test->priv;
	struct vmsg_wctx *ctx = wt_ctx(test, 0, 4);
	u8 *p;
	u64 w;

	memset(wt->buf, 1, WT_BUF);
	w = wt_map(test, ctx, 0, 2000, DMA_TO_DEVICE);
	p = wt_slot(test, w, 2048);
	memset(wt->buf, 2, WT_BUF);
	vmsg_window_sync_for_device(ctx, w + 600, 601, DMA_TO_DEVICE);
	KUNIT_EXPECT_TRUE(test, wt_all(p, 1, 600));
	KUNIT_EXPECT_TRUE(test, wt_all(p + 600, 2, 601));
	KUNIT_EXPECT_TRUE(test, wt_all(p + 1201, 1, 799));
	KUNIT_EXPECT_TRUE(test, wt_all(p + 2000, 0xff, 48));
	vmsg_window_unmap(ctx, w, 2000, DMA_TO_DEVICE, false);
}

/* What goes back to the device to be filled is poisoned anew. */
static void wt_sync_repoison(struct kunit *test)
{
	struct wt *wt = test->priv;
	struct vmsg_wctx *ctx = wt_ctx(test, 0, 4);
	u8 *p;
	u64 w;

	memset(wt->buf, 0, WT_BUF);
	w = wt_map(test, ctx, 0, 2000, DMA_FROM_DEVICE);
	p = wt_slot(test, w, 2048);
	memset(p, 0x33, 2048);
	vmsg_window_sync_for_device(ctx, w + 100, 50, DMA_FROM_DEVICE);
	KUNIT_EXPECT_TRUE(test, wt_all(p, 0x33, 100));
	KUNIT_EXPECT_TRUE(test, wt_all(p + 100, 0xff, 50));
	KUNIT_EXPECT_TRUE(test, wt_all(p + 150, 0x33, 1898));
	/* Even when the caller calls it something else. */
	vmsg_window_sync_for_device(ctx, w + 200, 50, DMA_TO_DEVICE);
	KUNIT_EXPECT_TRUE(test, wt_all(p + 200, 0xff, 50));
	vmsg_window_unmap(ctx, w, 2000, DMA_FROM_DEVICE, true);
	KUNIT_EXPECT_TRUE(test, wt_all(wt->buf, 0, WT_BUF));
}

static void wt_need_sync(struct kunit *test)
{
	struct wt *wt = test->priv;
	struct vmsg_wctx *ctx = wt_ctx(test, 0, 4);
	u64 w = wt_map(test, ctx, 0, 100, DMA_TO_DEVICE);

	KUNIT_EXPECT_TRUE(test, vmsg_window_need_sync(ctx, w));
	vmsg_window_unmap(ctx, w, 100, DMA_TO_DEVICE, false);
	KUNIT_EXPECT_EQ(test, wt_bad(wt), 0ULL);
}

/*
 * Handles
 */

static void wt_bad_handles(struct kunit *test)
{
	struct wt *wt = test->priv;
	struct vmsg_wctx *ctx = wt_ctx(test, 0, 4);
	struct vmsg_wctx *other = wt_ctx(test, 1, 4);
	struct vmsg_window_stats st;
	u64 bad[16], w;
	unsigned int i, n = 0;

	wt_fill(wt->buf, 1, WT_BUF);
	w = wt_map(test, ctx, 0, 1500, DMA_BIDIRECTIONAL);
	memset(wt_slot(test, w, 1500), 0xee, 1500);
	vmsg_window_get_stats(wt->win, &st);

	bad[n++] = 0;
	bad[n++] = U64_MAX;
	bad[n++] = VMSG_WIN_ERROR - 1;
	bad[n++] = WT_WIRE - 1;
	bad[n++] = WT_WIRE + WT_SIZE;
	bad[n++] = WT_WIRE + st.ring_total - 1;	/* crosses into the buffers */
	bad[n++] = WT_WIRE + st.ring_total;
	bad[n++] = w - 1;
	bad[n++] = w + 1;
	bad[n++] = w + VMSG_WIN_GRANULE;
	bad[n++] = w + 1499;
	bad[n++] = w + 1500;
	bad[n++] = w + 1536;
	for (i = 0; i < n; i++) {
		vmsg_window_unmap(ctx, bad[i], 1500, DMA_BIDIRECTIONAL, false);
		KUNIT_EXPECT_EQ_MSG(test, wt_bad(wt), i + 1ULL, "%#llx",
				    bad[i]);
	}
	/* Another's. */
	vmsg_window_unmap(other, w, 1500, DMA_BIDIRECTIONAL, false);
	vmsg_window_sync_for_cpu(other, w, 1500, DMA_BIDIRECTIONAL);
	vmsg_window_sync_for_device(other, w, 1500, DMA_BIDIRECTIONAL);
	KUNIT_EXPECT_EQ(test, wt_bad(wt), n + 3ULL);
	KUNIT_EXPECT_FALSE(test, vmsg_window_set_tag(other, w, 1));

	KUNIT_EXPECT_TRUE(test, wt_filled(wt->buf, 1, WT_BUF));
	KUNIT_EXPECT_EQ(test, wt_used(wt), 3U);
	vmsg_window_unmap(ctx, w, 1500, DMA_BIDIRECTIONAL, false);
	KUNIT_EXPECT_TRUE(test, wt_all(wt->buf, 0xee, 1500));
	KUNIT_EXPECT_EQ(test, wt_bad(wt), n + 3ULL);

	/* Twice. */
	wt_fill(wt->buf, 1, WT_BUF);
	vmsg_window_unmap(ctx, w, 1500, DMA_BIDIRECTIONAL, false);
	vmsg_window_sync_for_cpu(ctx, w, 1500, DMA_BIDIRECTIONAL);
	KUNIT_EXPECT_EQ(test, wt_bad(wt), n + 5ULL);
	KUNIT_EXPECT_TRUE(test, wt_filled(wt->buf, 1, WT_BUF));
	KUNIT_EXPECT_EQ(test, wt_used(wt), 0U);
	wt_identity(test);
}

/* Random numbers as handles do no harm. */
static void wt_random_handles(struct kunit *test)
{
	struct wt *wt = test->priv;
	struct vmsg_wctx *ctx = wt_ctx(test, 0, 4);
	struct rnd_state rnd;
	unsigned int i;
	u64 w, h;

	prandom_seed_state(&rnd, 4711);
	wt_fill(wt->buf, 1, WT_BUF);
	w = wt_map(test, ctx, 0, 3000, DMA_TO_DEVICE);
	for (i = 0; i < 5000; i++) {
		h = WT_WIRE + prandom_u32_state(&rnd) % (2 * WT_SIZE);
		if (i & 1)
			h ^= (u64)prandom_u32_state(&rnd) << 32;
		if (h == w)
			continue;
		if (i % 100 == 0)	/* these are logged: not too many */
			vmsg_window_unmap(ctx, h, 512, DMA_FROM_DEVICE, false);
		else if (h < w || h - w >= 3000)
			KUNIT_ASSERT_FALSE(test,
					   vmsg_window_set_tag(ctx, h, i));
		vmsg_window_need_sync(ctx, h);
		KUNIT_ASSERT_EQ(test, wt_used(wt), 3000U / VMSG_WIN_GRANULE +
				1);
	}
	vmsg_window_unmap(ctx, w, 3000, DMA_TO_DEVICE, false);
	KUNIT_EXPECT_TRUE(test, wt_filled(wt->buf, 1, WT_BUF));
	wt_identity(test);
}

/*
 * Rings, and buffers that lie in the window already
 */

static void wt_rings(struct kunit *test)
{
	struct wt *wt = test->priv;
	struct vmsg_window_stats st;
	u64 wire, last = 0;
	void *p[64], *q;
	unsigned int n;

	for (n = 0; n < ARRAY_SIZE(p); n++) {
		p[n] = vmsg_window_alloc_ring(wt->win, PAGE_SIZE + 1, &wire);
		if (!p[n])
			break;
		KUNIT_ASSERT_TRUE(test, PAGE_ALIGNED(p[n]));
		KUNIT_ASSERT_TRUE(test, wt_all(p[n], 0, 2 * PAGE_SIZE));
		KUNIT_ASSERT_PTR_EQ(test, p[n],
				    vmsg_window_ptr(wt->win, wire, PAGE_SIZE));
		KUNIT_ASSERT_NE(test, wire, last);
		last = wire;
		memset(p[n], 0xcc, 2 * PAGE_SIZE);
	}
	vmsg_window_get_stats(wt->win, &st);
	KUNIT_EXPECT_EQ(test, n, (unsigned int)(st.ring_total / PAGE_SIZE / 2));
	KUNIT_EXPECT_EQ(test, st.ring_used, (u64)n * 2 * PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, st.used, 0U);
	KUNIT_EXPECT_EQ(test, vmsg_window_ring_limit(wt->win, 256), 0U);

	vmsg_window_free_ring(wt->win, p[3], PAGE_SIZE + 1);
	q = vmsg_window_alloc_ring(wt->win, 2 * PAGE_SIZE, &wire);
	KUNIT_EXPECT_PTR_EQ(test, q, p[3]);
	KUNIT_EXPECT_TRUE(test, wt_all(q, 0, 2 * PAGE_SIZE));
	while (n--)
		vmsg_window_free_ring(wt->win, p[n], PAGE_SIZE + 1);
	vmsg_window_get_stats(wt->win, &st);
	KUNIT_EXPECT_EQ(test, st.ring_used, 0ULL);
	KUNIT_EXPECT_EQ(test, st.bad, 0ULL);
	KUNIT_EXPECT_NULL(test, vmsg_window_alloc_ring(wt->win, 0, &wire));
	KUNIT_EXPECT_NULL(test, vmsg_window_alloc_ring(wt->win, WT_SIZE, &wire));
	KUNIT_EXPECT_NULL(test, vmsg_window_alloc_ring(wt->win, SIZE_MAX, &wire));
}

static void wt_rings_bad_free(struct kunit *test)
{
	struct wt *wt = test->priv;
	struct vmsg_window_stats st;
	u64 wire;
	void *p = vmsg_window_alloc_ring(wt->win, 3 * PAGE_SIZE, &wire);

	KUNIT_ASSERT_NOT_NULL(test, p);
	vmsg_window_free_ring(wt->win, p + PAGE_SIZE, 2 * PAGE_SIZE);
	vmsg_window_free_ring(wt->win, p + 1, 3 * PAGE_SIZE);
	vmsg_window_free_ring(wt->win, p, 2 * PAGE_SIZE);
	vmsg_window_free_ring(wt->win, p, 0);
	vmsg_window_free_ring(wt->win, p - PAGE_SIZE, PAGE_SIZE);
	vmsg_window_free_ring(wt->win, wt->buf, PAGE_SIZE);
	vmsg_window_free_ring(wt->win, NULL, PAGE_SIZE);
	vmsg_window_get_stats(wt->win, &st);
	KUNIT_EXPECT_EQ(test, st.bad, 7ULL);
	KUNIT_EXPECT_EQ(test, st.ring_used, 3ULL * PAGE_SIZE);
	vmsg_window_free_ring(wt->win, p, 3 * PAGE_SIZE);
	vmsg_window_free_ring(wt->win, p, 3 * PAGE_SIZE);
	vmsg_window_get_stats(wt->win, &st);
	KUNIT_EXPECT_EQ(test, st.bad, 8ULL);
	KUNIT_EXPECT_EQ(test, st.ring_used, 0ULL);
}

/* A ring of the size that was said to fit does fit, queue after queue. */
static void wt_ring_limit(struct kunit *test)
{
	struct wt *wt = test->priv;
	void *p[64];
	size_t size[64];
	u32 num, asked = 32768;
	unsigned int n = 0;
	u64 wire;

	KUNIT_EXPECT_EQ(test, vmsg_window_ring_limit(wt->win, 0), 0U);
	KUNIT_EXPECT_EQ(test, vmsg_window_ring_limit(wt->win, 1), 1U);
	KUNIT_EXPECT_EQ(test, vmsg_window_ring_limit(wt->win, 100), 64U);
	for (n = 0; n < ARRAY_SIZE(p); n++) {
		num = vmsg_window_ring_limit(wt->win, asked);
		if (!num)
			break;
		KUNIT_ASSERT_TRUE(test, is_power_of_2(num));
		KUNIT_ASSERT_LE(test, num, asked);
		size[n] = vring_size(num, PAGE_SIZE);
		p[n] = vmsg_window_alloc_ring(wt->win, size[n], &wire);
		KUNIT_ASSERT_NOT_NULL(test, p[n]);
		asked = num;
	}
	/* The first does not take it all. */
	KUNIT_EXPECT_GE(test, n, 4U);
	while (n--)
		vmsg_window_free_ring(wt->win, p[n], size[n]);
}

/* Memory that came from the window is handed out as it is. */
static void wt_direct(struct kunit *test)
{
	struct wt *wt = test->priv;
	struct vmsg_wctx *ctx = wt_ctx(test, 0, 4);
	struct vmsg_window_stats st;
	u64 wire, w;
	u8 *p = vmsg_window_alloc_ring(wt->win, 2 * PAGE_SIZE, &wire);

	KUNIT_ASSERT_NOT_NULL(test, p);
	memset(p, 0x77, 2 * PAGE_SIZE);
	w = vmsg_window_map(ctx, virt_to_page(p), 100, PAGE_SIZE + 200,
			    DMA_FROM_DEVICE, false);
	KUNIT_EXPECT_EQ(test, w, wire + 100);
	KUNIT_EXPECT_TRUE(test, wt_all(p, 0x77, 2 * PAGE_SIZE));
	KUNIT_EXPECT_FALSE(test, vmsg_window_need_sync(ctx, w));
	KUNIT_EXPECT_FALSE(test, vmsg_window_set_tag(ctx, w, 1));
	vmsg_window_sync_for_cpu(ctx, w, 10, DMA_FROM_DEVICE);
	vmsg_window_sync_for_device(ctx, w, 10, DMA_FROM_DEVICE);
	vmsg_window_unmap(ctx, w, PAGE_SIZE + 200, DMA_FROM_DEVICE, false);
	KUNIT_EXPECT_TRUE(test, wt_all(p, 0x77, 2 * PAGE_SIZE));
	vmsg_window_get_stats(wt->win, &st);
	KUNIT_EXPECT_EQ(test, st.bad, 0ULL);
	KUNIT_EXPECT_EQ(test, st.used, 0U);
	KUNIT_EXPECT_EQ(test, st.bounced, 0ULL);
	KUNIT_EXPECT_EQ(test, st.maps, 1ULL);
	vmsg_window_free_ring(wt->win, p, 2 * PAGE_SIZE);
}

/* A page of the buffers' part is a slot: its address could be mistaken. */
static void wt_not_direct(struct kunit *test)
{
	struct wt *wt = test->priv;
	struct vmsg_wctx *ctx = wt_ctx(test, 0, 4);
	struct vmsg_window_stats st;
	size_t off;
	u64 w;

	vmsg_window_get_stats(wt->win, &st);
	off = st.ring_total;
	memset(wt->mem + off, 0x78, 64);
	w = vmsg_window_map(ctx, wt->page, off, 64, DMA_TO_DEVICE, false);
	KUNIT_EXPECT_NE(test, w, WT_WIRE + off);
	KUNIT_EXPECT_TRUE(test, wt_all(wt_slot(test, w, 64), 0x78, 64));
	vmsg_window_unmap(ctx, w, 64, DMA_TO_DEVICE, false);
	/* Neither is one that begins in the rings and ends elsewhere. */
	w = vmsg_window_map(ctx, wt->page, off - 8, 64, DMA_TO_DEVICE, false);
	KUNIT_EXPECT_NE(test, w, WT_WIRE + off - 8);
	vmsg_window_unmap(ctx, w, 64, DMA_TO_DEVICE, false);
	KUNIT_EXPECT_EQ(test, wt_bad(wt), 0ULL);
}

/*
 * Quotas
 */

/* What one request of a blk device maps: header, data, status. */
static void wt_one_request(struct kunit *test, struct vmsg_wctx *ctx, u32 segs,
			   bool read, u64 *w)
{
	enum dma_data_direction dir = read ? DMA_FROM_DEVICE : DMA_TO_DEVICE;
	u32 i;

	w[0] = wt_map(test, ctx, 0, 16, DMA_TO_DEVICE);
	KUNIT_ASSERT_NE(test, w[0], VMSG_WIN_ERROR);
	for (i = 1; i <= segs; i++) {
		w[i] = wt_map(test, ctx, 0, WT_M, dir);
		KUNIT_ASSERT_NE_MSG(test, w[i], VMSG_WIN_ERROR,
				    "segment %u of %u", i, segs);
	}
	w[i] = wt_map(test, ctx, 0, 1, DMA_FROM_DEVICE);
	KUNIT_ASSERT_NE(test, w[i], VMSG_WIN_ERROR);
}

static void wt_request_done(struct vmsg_wctx *ctx, u32 segs, bool read, u64 *w)
{
	enum dma_data_direction dir = read ? DMA_FROM_DEVICE : DMA_TO_DEVICE;
	u32 i;

	vmsg_window_unmap(ctx, w[0], 16, DMA_TO_DEVICE, true);
	for (i = 1; i <= segs; i++)
		vmsg_window_unmap(ctx, w[i], WT_M, dir, true);
	vmsg_window_unmap(ctx, w[i], 1, DMA_FROM_DEVICE, true);
}

/*
 * All that is shared is gone, in small pieces with holes: an idle queue still
 * gets the request it was promised, again and again.
 */
static void wt_guarantee(struct kunit *test)
{
	struct wt *wt = test->priv;
	struct vmsg_wctx *hog = &wt->ctx[1];
	struct vmsg_wctx *ctx = wt_ctx(test, 0, 12);
	u64 *held = wt_wires(test, 4096), w[16], x;
	struct vmsg_window_stats st;
	unsigned int n, m, i;

	vmsg_wctx_init_limits(hog, wt->win, WT_M);
	n = wt_exhaust(test, hog, 1, DMA_TO_DEVICE, held, 4096);
	vmsg_window_get_stats(wt->win, &st);
	KUNIT_ASSERT_EQ(test, n, st.total - st.guaranteed);
	KUNIT_ASSERT_EQ(test, wt_map(test, hog, 0, 1, DMA_FROM_DEVICE),
			VMSG_WIN_ERROR);

	for (i = 0; i < 50; i++) {
		wt_one_request(test, ctx, 12, i & 1, w);
		wt_identity(test);
		KUNIT_ASSERT_EQ(test, ctx->own_used, ctx->used);
		wt_request_done(ctx, 12, i & 1, w);
		/* Leave the place to go on from somewhere else each time. */
		x = wt_map(test, ctx, 0, 1 + i * 77, DMA_FROM_DEVICE);
		KUNIT_ASSERT_NE(test, x, VMSG_WIN_ERROR);
		vmsg_window_unmap(ctx, x, 1 + i * 77, DMA_FROM_DEVICE, true);
	}
	/* As many mappings as promised, if they all go to the device. */
	m = wt_exhaust(test, ctx, WT_M, DMA_TO_DEVICE, w, 16);
	KUNIT_EXPECT_EQ(test, m, 14U);
	wt_unmap_all(ctx, w, m, WT_M, DMA_TO_DEVICE);
	wt_unmap_all(hog, held, n, 1, DMA_TO_DEVICE);
	KUNIT_EXPECT_EQ(test, wt_used(wt), 0U);
}

/* Received packets that nobody sends do not keep others from going out. */
static void wt_rx_does_not_starve_tx(struct kunit *test)
{
	struct wt *wt = test->priv;
	struct vmsg_wctx *rx = wt_ctx(test, 0, 4);
	struct vmsg_wctx *tx = wt_ctx(test, 1, 4);
	struct vmsg_window_stats st;
	u64 *r = wt_wires(test, 4096), *t = wt_wires(test, 4096), w;
	unsigned int nr, nt;

	nr = wt_exhaust(test, rx, 1526, DMA_FROM_DEVICE, r, 4096);
	KUNIT_EXPECT_GT(test, nr, 0U);
	KUNIT_EXPECT_EQ(test, rx->failures, 1ULL);
	vmsg_window_get_stats(wt->win, &st);
	/* Half of what is shared is untouched. */
	KUNIT_EXPECT_GE(test, st.free, (st.total - st.guaranteed) / 2);
	nt = wt_exhaust(test, tx, 1526, DMA_TO_DEVICE, t, 4096);
	KUNIT_EXPECT_GE(test, nt, 6U);
	/* Both are full, and the queue of received packets can still ask. */
	w = wt_map(test, rx, 0, WT_M, DMA_TO_DEVICE);
	KUNIT_EXPECT_NE(test, w, VMSG_WIN_ERROR);
	vmsg_window_unmap(rx, w, WT_M, DMA_TO_DEVICE, false);
	wt_identity(test);
	wt_unmap_all(tx, t, nt, 1526, DMA_TO_DEVICE);
	wt_unmap_all(rx, r, nr, 1526, DMA_FROM_DEVICE);
	wt_identity(test);
	KUNIT_EXPECT_EQ(test, wt_used(wt), 0U);
}

static void wt_queue_does_not_starve_queue(struct kunit *test)
{
	struct wt *wt = test->priv;
	struct vmsg_wctx *a = wt_ctx(test, 0, 20);
	struct vmsg_wctx *b = wt_ctx(test, 1, 20);
	u64 *x = wt_wires(test, 4096), *y = wt_wires(test, 4096), w[32];
	unsigned int n, m;

	n = wt_exhaust(test, a, WT_M, DMA_TO_DEVICE, x, 4096);
	m = wt_exhaust(test, a, 1, DMA_BIDIRECTIONAL, y, 4096);
	wt_one_request(test, b, 20, true, w);
	wt_request_done(b, 20, true, w);
	wt_one_request(test, b, 20, false, w);
	wt_request_done(b, 20, false, w);
	wt_unmap_all(a, x, n, WT_M, DMA_TO_DEVICE);
	wt_unmap_all(a, y, m, 1, DMA_BIDIRECTIONAL);
	KUNIT_EXPECT_EQ(test, wt_used(wt), 0U);
}

/* DMA_FROM_DEVICE leaves one mapping of the guarantee alone. */
static void wt_from_leaves_one(struct kunit *test)
{
	struct wt *wt = test->priv;
	struct vmsg_wctx *hog = &wt->ctx[1];
	struct vmsg_wctx *ctx = wt_ctx(test, 0, 3);
	u64 *held = wt_wires(test, 4096), w[8];
	unsigned int n, m;

	vmsg_wctx_init_limits(hog, wt->win, WT_M);
	n = wt_exhaust(test, hog, 1, DMA_TO_DEVICE, held, 4096);
	m = wt_exhaust(test, ctx, WT_M, DMA_FROM_DEVICE, w, 8);
	KUNIT_EXPECT_EQ(test, m, 4U);
	KUNIT_EXPECT_EQ(test, ctx->used_from, 4 * WT_CELL);
	w[m] = wt_map(test, ctx, 0, WT_M, DMA_TO_DEVICE);
	KUNIT_EXPECT_NE(test, w[m], VMSG_WIN_ERROR);
	KUNIT_EXPECT_EQ(test, ctx->used_from, 4 * WT_CELL);
	KUNIT_EXPECT_EQ(test, ctx->used, 5 * WT_CELL);
	vmsg_window_unmap(ctx, w[m], WT_M, DMA_TO_DEVICE, false);
	wt_unmap_all(ctx, w, m, WT_M, DMA_FROM_DEVICE);
	KUNIT_EXPECT_EQ(test, ctx->used_from, 0U);
	wt_unmap_all(hog, held, n, 1, DMA_TO_DEVICE);
}

/*
 * What goes to the device begins where the last one ended, in the part that it alone
 * can use, and comes back to its beginning before it takes anything else.
 */
static void wt_to_keeps_to_its_part(struct kunit *test)
{
	struct vmsg_wctx *ctx = wt_ctx(test, 0, 3);
	u64 *w = wt_wires(test, WT_CELL), v;
	u32 i;

	for (i = 0; i < WT_CELL; i++) {
		w[i] = wt_map(test, ctx, 0, 1, DMA_TO_DEVICE);
		KUNIT_ASSERT_EQ(test, w[i], w[0] + i * VMSG_WIN_GRANULE);
	}
	/* It is full. */
	v = wt_map(test, ctx, 0, 1, DMA_TO_DEVICE);
	KUNIT_EXPECT_LT(test, v, w[0]);
	vmsg_window_unmap(ctx, w[1], 1, DMA_TO_DEVICE, false);
	KUNIT_EXPECT_EQ(test, wt_map(test, ctx, 0, 1, DMA_TO_DEVICE), w[1]);
	/* Behind the last one, not in front of it. */
	vmsg_window_unmap(ctx, w[0], 1, DMA_TO_DEVICE, false);
	vmsg_window_unmap(ctx, w[3], 1, DMA_TO_DEVICE, false);
	KUNIT_EXPECT_EQ(test, wt_map(test, ctx, 0, 1, DMA_TO_DEVICE), w[3]);
	KUNIT_EXPECT_EQ(test, wt_map(test, ctx, 0, 1, DMA_TO_DEVICE), w[0]);
	wt_unmap_all(ctx, w, WT_CELL, 1, DMA_TO_DEVICE);
	vmsg_window_unmap(ctx, v, 1, DMA_TO_DEVICE, false);
	/* Empty, it is filled from its beginning. */
	KUNIT_EXPECT_EQ(test, wt_map(test, ctx, 0, 1, DMA_TO_DEVICE), w[0]);
	vmsg_window_unmap(ctx, w[0], 1, DMA_TO_DEVICE, false);
}

static void wt_wctx_init_args(struct kunit *test)
{
	struct wt *wt = test->priv;
	struct vmsg_window_stats st;
	struct vmsg_wctx *ctx = &wt->ctx[0];

	vmsg_window_get_stats(wt->win, &st);
	KUNIT_EXPECT_EQ(test, vmsg_wctx_init(ctx, wt->win, 1, 0, NULL),
			-EINVAL);
	KUNIT_EXPECT_EQ(test, vmsg_wctx_init(ctx, wt->win, 1, SZ_512K, NULL),
			-EINVAL);
	KUNIT_EXPECT_EQ(test, vmsg_wctx_init(ctx, wt->win, U32_MAX, WT_M, NULL),
			-ENOSPC);
	KUNIT_EXPECT_EQ(test, vmsg_wctx_init(ctx, wt->win, st.total, WT_M,
					     NULL), -ENOSPC);
	vmsg_window_get_stats(wt->win, &st);
	KUNIT_EXPECT_EQ(test, st.guaranteed, 0U);
	/* All of it can be promised, once. */
	KUNIT_EXPECT_EQ(test, vmsg_wctx_init(ctx, wt->win,
					     st.total / WT_CELL - 2, WT_M,
					     NULL), 0);
	KUNIT_EXPECT_EQ(test, vmsg_wctx_init(&wt->ctx[1], wt->win, 0, WT_M,
					     NULL), -ENOSPC);
	vmsg_wctx_exit(ctx);
	KUNIT_EXPECT_EQ(test, vmsg_wctx_init(&wt->ctx[1], wt->win, 0, WT_M,
					     NULL), 0);
}

/* What a device that is the only one is promised, whatever it maps. */
static size_t wt_ask(struct wt *wt, const u32 *segs, unsigned int nqueues)
{
	return vmsg_window_budget(wt->win, segs, nqueues, VMSG_WIN_MAX_MAPPING, 0);
}

static void wt_budget(struct kunit *test)
{
	struct wt *wt = test->priv;
	const u32 one[] = { 1 }, net[] = { 19, 19, 4 }, blk[] = { 126 };
	struct vmsg_window_stats st;
	size_t m;

	vmsg_window_get_stats(wt->win, &st);
	m = wt_ask(wt, one, 1);
	KUNIT_EXPECT_EQ(test, m % SZ_4K, 0UL);
	KUNIT_EXPECT_GE(test, m, (size_t)SZ_64K);
	KUNIT_EXPECT_LE(test, m, (size_t)SZ_256K);
	KUNIT_EXPECT_LE(test, 3 * m, (size_t)st.total / 4 * VMSG_WIN_GRANULE);
	if (PAGE_SIZE > SZ_4K)
		return;
	/* 45 + ... in a quarter of 896 KiB: one page each. */
	KUNIT_EXPECT_EQ(test, wt_ask(wt, net, 3),
			(size_t)SZ_4K);
	/* More than a quarter, but it fits. */
	KUNIT_EXPECT_EQ(test, wt_ask(wt, blk, 1),
			(size_t)SZ_4K);
	KUNIT_EXPECT_EQ(test, vmsg_window_default_mapping(wt->win),
			(size_t)SZ_4K);
	/* Asking reserves nothing. */
	vmsg_window_get_stats(wt->win, &st);
	KUNIT_EXPECT_EQ(test, st.guaranteed, 0U);
	KUNIT_EXPECT_EQ(test, wt_ask(wt, one, 0),
			vmsg_window_default_mapping(wt->win));
}

static void wt_budget_refuses(struct kunit *test)
{
	struct wt *wt = test->priv;
	u32 huge[] = { U32_MAX, U32_MAX }, many[64];
	unsigned int i;

	KUNIT_EXPECT_EQ(test, wt_ask(wt, huge, 1), 0UL);
	KUNIT_EXPECT_EQ(test, wt_ask(wt, huge, 2), 0UL);
	for (i = 0; i < ARRAY_SIZE(many); i++)
		many[i] = 126;
	KUNIT_EXPECT_EQ(test, wt_ask(wt, many, 64), 0UL);
	KUNIT_EXPECT_GT(test, wt_ask(wt, many, 1), 0UL);
}

/*
 * Devices come until one is refused; what the budget says is what the contexts
 * get; and when they have left, all is as it was.
 */
static void wt_budget_holds(struct kunit *test)
{
	struct wt *wt = test->priv;
	const u32 segs[] = { 2, 5 };
	struct vmsg_window_stats st;
	size_t m, first = 0, before = SIZE_MAX;
	unsigned int round, i, n = 0;

	for (round = 0; round < 3; round++) {
		for (n = 0; n + 2 <= WT_CTXS; n += 2) {
			m = wt_ask(wt, segs, 2);
			if (!m)
				break;
			if (!n) {
				if (round)
					KUNIT_ASSERT_EQ(test, m, first);
				first = m;
				before = m;
			}
			KUNIT_ASSERT_LE(test, m, before);
			before = m;
			for (i = 0; i < 2; i++)
				KUNIT_ASSERT_EQ(test, 0,
						vmsg_wctx_init(&wt->ctx[n + i],
							       wt->win, segs[i],
							       m, NULL));
		}
		KUNIT_ASSERT_GE(test, n, 4U);
		vmsg_window_get_stats(wt->win, &st);
		KUNIT_ASSERT_LE(test, st.guaranteed, st.total);
		while (n--)
			vmsg_wctx_exit(&wt->ctx[n]);
		vmsg_window_get_stats(wt->win, &st);
		KUNIT_ASSERT_EQ(test, st.guaranteed, 0U);
	}
}

/*
 * As many devices as the window can hold: each finds room if it was known that the
 * others come.  Those that nobody knew of do not, for the first ones took more.
 */
static void wt_budget_shares(struct kunit *test)
{
	struct wt *wt = test->priv;
	const u32 segs[] = { 14 };
	struct vmsg_window_stats st;
	size_t m, first = 0;
	bool known = true;
	unsigned int n, max;

	if (PAGE_SIZE > SZ_4K)
		kunit_skip(test, "for pages of 4 KiB");
	vmsg_window_get_stats(wt->win, &st);
	max = st.total / (16 * SZ_4K / VMSG_WIN_GRANULE);
	KUNIT_ASSERT_LE(test, max, (unsigned int)WT_CTXS);
again:
	for (n = 0; n < max; n++) {
		m = vmsg_window_budget(wt->win, segs, 1, VMSG_WIN_MAX_MAPPING,
				       known ? max - n - 1 : 0);
		if (!n)
			first = m;
		if (!m)
			break;
		KUNIT_ASSERT_EQ(test, 0, vmsg_wctx_init(&wt->ctx[n], wt->win, segs[0], m,
							NULL));
	}
	KUNIT_EXPECT_EQ(test, first, known ? SZ_4K : 3 * SZ_4K);
	if (known)
		KUNIT_EXPECT_EQ(test, n, max);
	else
		KUNIT_EXPECT_LT(test, n, max);
	while (n--)
		vmsg_wctx_exit(&wt->ctx[n]);
	if (known) {
		known = false;
		goto again;
	}
	/* Nobody gets more than he can use. */
	KUNIT_EXPECT_EQ(test, vmsg_window_budget(wt->win, segs, 1, SZ_8K, 0),
			(size_t)SZ_8K);
}

/* A device that leaves and comes back finds its place between the others. */
static void wt_region_gap(struct kunit *test)
{
	struct wt *wt = test->priv;
	u32 base, low;

	wt_ctx(test, 0, 10);
	wt_ctx(test, 1, 20);
	wt_ctx(test, 2, 10);
	base = wt->ctx[1].own.base;
	low = wt->ctx[2].own.base;
	vmsg_wctx_exit(&wt->ctx[1]);
	wt_ctx(test, 1, 20);
	KUNIT_EXPECT_EQ(test, wt->ctx[1].own.base, base);
	vmsg_wctx_exit(&wt->ctx[1]);
	wt_ctx(test, 1, 21);
	KUNIT_EXPECT_LT(test, wt->ctx[1].own.base, low);
	wt_ctx(test, 3, 3);
	KUNIT_EXPECT_GE(test, wt->ctx[3].own.base, base);
}

/*
 * Buffers that may stay for ever are not taken for a region; those that are
 * back in a moment are.
 */
static void wt_region_over_mappings(struct kunit *test)
{
	struct wt *wt = test->priv;
	struct vmsg_wctx *rx = &wt->ctx[1];
	struct vmsg_window_stats st;
	u64 *r = wt_wires(test, 4096), *t = wt_wires(test, 4096), w[64];
	unsigned int nr, nt, i;
	u32 segs;

	vmsg_window_get_stats(wt->win, &st);
	vmsg_wctx_init_limits(rx, wt->win, WT_M);
	nr = wt_exhaust(test, rx, WT_M, DMA_FROM_DEVICE, r, 4096);
	nt = wt_exhaust(test, rx, WT_M, DMA_TO_DEVICE, t, 4096);
	KUNIT_ASSERT_GT(test, nr, 0U);
	KUNIT_ASSERT_GT(test, nt, 0U);
	/* Three quarters: it would need what the device has. */
	segs = st.total * 3 / 4 / WT_CELL - 2;
	KUNIT_EXPECT_EQ(test, vmsg_wctx_init(&wt->ctx[0], wt->win, segs, WT_M,
					     NULL), -ENOSPC);
	segs = 16;
	KUNIT_ASSERT_EQ(test, vmsg_wctx_init(&wt->ctx[0], wt->win, segs, WT_M,
					     NULL), 0);
	/* Nobody takes from the region any more ... */
	for (i = 0; i < nt; i++)
		vmsg_window_unmap(rx, t[i], WT_M, DMA_TO_DEVICE, true);
	nt = wt_exhaust(test, rx, WT_M, DMA_TO_DEVICE, t, 4096);
	/* ... so as soon as it has drained, it is whole. */
	wt_one_request(test, &wt->ctx[0], segs, true, w);
	KUNIT_EXPECT_EQ(test, wt->ctx[0].own_used, wt->ctx[0].used);
	wt_identity(test);
	wt_request_done(&wt->ctx[0], segs, true, w);
	wt_unmap_all(rx, t, nt, WT_M, DMA_TO_DEVICE);
	wt_unmap_all(rx, r, nr, WT_M, DMA_FROM_DEVICE);
	KUNIT_EXPECT_EQ(test, wt_used(wt), 0U);
}

/* A mapping that a region has come to lie under is not of the region. */
static void wt_region_under_mapping(struct kunit *test)
{
	struct wt *wt = test->priv;
	struct vmsg_wctx *a = &wt->ctx[1];
	u64 *t = wt_wires(test, 4096);
	unsigned int n;

	vmsg_wctx_init_limits(a, wt->win, WT_M);
	n = wt_exhaust(test, a, 512, DMA_TO_DEVICE, t, 4096);
	wt_ctx(test, 0, 10);
	KUNIT_EXPECT_EQ(test, wt_map(test, &wt->ctx[0], 0, 1, DMA_TO_DEVICE),
			VMSG_WIN_ERROR);
	wt_unmap_all(a, t, n, 512, DMA_TO_DEVICE);
	KUNIT_EXPECT_EQ(test, wt->ctx[0].used, 0U);
	KUNIT_EXPECT_EQ(test, wt->ctx[0].own_used, 0U);
	KUNIT_EXPECT_EQ(test, a->used, 0U);
	wt_identity(test);
}

/*
 * Tags and hooks
 */

static void wt_hook_mapping(struct vmsg_wctx *ctx)
{
	struct wt *wt = wt_of_hook;

	wt->mapping_calls++;
	/* Takes the lock: nobody else may hold it. */
	wt->used_in_hook = wt_used(wt);
}

static void wt_hook_unmapping(struct vmsg_wctx *ctx, u64 wire)
{
	wt_hook_mapping(ctx);
}

static void wt_hook_unmapped(struct vmsg_wctx *ctx, u32 tag)
{
	struct wt *wt = wt_of_hook;

	wt->unmapped_calls++;
	wt->last_tag = tag;
	wt->used_in_hook = wt_used(wt);
	wt->seen_in_hook = wt->buf[0];
}

static const struct vmsg_wctx_ops wt_hooks = {
	.mapping = wt_hook_mapping,
	.unmapping = wt_hook_unmapping,
	.unmapped = wt_hook_unmapped,
};

static const struct vmsg_wctx_ops wt_no_hooks = { };

static void wt_tags(struct kunit *test)
{
	struct wt *wt = test->priv;
	struct vmsg_wctx *ctx = &wt->ctx[0];
	u64 w, v;

	KUNIT_ASSERT_EQ(test, 0, vmsg_wctx_init(ctx, wt->win, 4, WT_M,
						&wt_hooks));
	wt->buf[0] = 0;
	wt->used_in_hook = 77;
	w = wt_map(test, ctx, 0, 100, DMA_FROM_DEVICE);
	KUNIT_EXPECT_EQ(test, wt->mapping_calls, 1U);
	KUNIT_EXPECT_EQ(test, wt->used_in_hook, 0U);
	KUNIT_EXPECT_TRUE(test, vmsg_window_set_tag(ctx, w, 5));
	KUNIT_EXPECT_TRUE(test, vmsg_window_set_tag(ctx, w, 6));
	wt_slot(test, w, 1)[0] = 0x42;

	/* Another without a tag does not count. */
	v = wt_map(test, ctx, 0, 100, DMA_TO_DEVICE);
	KUNIT_EXPECT_EQ(test, wt->mapping_calls, 2U);
	KUNIT_EXPECT_EQ(test, wt->used_in_hook, 1U);
	vmsg_window_unmap(ctx, v, 100, DMA_TO_DEVICE, false);
	KUNIT_EXPECT_EQ(test, wt->unmapped_calls, 0U);

	/* Syncs do not end it. */
	vmsg_window_sync_for_cpu(ctx, w, 100, DMA_FROM_DEVICE);
	vmsg_window_sync_for_device(ctx, w + 1, 99, DMA_FROM_DEVICE);
	KUNIT_EXPECT_EQ(test, wt->unmapped_calls, 0U);

	/* Told after the data is there and the slot is free. */
	wt->buf[0] = 0;
	wt->used_in_hook = 77;
	vmsg_window_unmap(ctx, w, 100, DMA_FROM_DEVICE, false);
	KUNIT_EXPECT_EQ(test, wt->mapping_calls, 4U);
	KUNIT_EXPECT_EQ(test, wt->unmapped_calls, 1U);
	KUNIT_EXPECT_EQ(test, wt->last_tag, 6U);
	KUNIT_EXPECT_EQ(test, wt->used_in_hook, 0U);
	KUNIT_EXPECT_EQ(test, wt->seen_in_hook, 0x42);
	KUNIT_EXPECT_FALSE(test, vmsg_window_set_tag(ctx, w, 7));

	/* The place does not remember. */
	v = wt_map(test, ctx, 0, 100, DMA_FROM_DEVICE);
	KUNIT_EXPECT_EQ(test, v, w);
	vmsg_window_unmap(ctx, v, 100, DMA_FROM_DEVICE, true);
	KUNIT_EXPECT_EQ(test, wt->unmapped_calls, 1U);
	/* Neither does it after a second unmap. */
	vmsg_window_unmap(ctx, v, 100, DMA_FROM_DEVICE, true);
	KUNIT_EXPECT_EQ(test, wt->unmapped_calls, 1U);
}

static void wt_tag_values(struct kunit *test)
{
	struct wt *wt = test->priv;
	struct vmsg_wctx *ctx = &wt->ctx[0];
	u64 w;

	KUNIT_ASSERT_EQ(test, 0, vmsg_wctx_init(ctx, wt->win, 4, WT_M,
						&wt_hooks));
	w = wt_map(test, ctx, 0, 2000, DMA_TO_DEVICE);
	KUNIT_EXPECT_TRUE(test, vmsg_window_set_tag(ctx, w + 1999, 0));
	KUNIT_EXPECT_FALSE(test, vmsg_window_set_tag(ctx, w + 2000, 9));
	KUNIT_EXPECT_FALSE(test, vmsg_window_set_tag(ctx, w - 1, 9));
	KUNIT_EXPECT_FALSE(test, vmsg_window_set_tag(ctx, U64_MAX, 9));
	vmsg_window_unmap(ctx, w, 2000, DMA_TO_DEVICE, false);
	KUNIT_EXPECT_EQ(test, wt->unmapped_calls, 1U);
	KUNIT_EXPECT_EQ(test, wt->last_tag, 0U);
	/* A tag can be taken away. */
	w = wt_map(test, ctx, 0, 2000, DMA_TO_DEVICE);
	KUNIT_EXPECT_TRUE(test, vmsg_window_set_tag(ctx, w, 3));
	KUNIT_EXPECT_TRUE(test, vmsg_window_set_tag(ctx, w, VMSG_WIN_NO_TAG));
	vmsg_window_unmap(ctx, w, 2000, DMA_TO_DEVICE, false);
	KUNIT_EXPECT_EQ(test, wt->unmapped_calls, 1U);
}

static void wt_no_hook(struct kunit *test)
{
	struct wt *wt = test->priv;
	struct vmsg_wctx *ctx = &wt->ctx[0];
	u64 w;

	KUNIT_ASSERT_EQ(test, 0, vmsg_wctx_init(ctx, wt->win, 4, WT_M,
						&wt_no_hooks));
	w = wt_map(test, ctx, 0, 100, DMA_TO_DEVICE);
	KUNIT_EXPECT_TRUE(test, vmsg_window_set_tag(ctx, w, 1));
	vmsg_window_unmap(ctx, w, 100, DMA_TO_DEVICE, false);
	KUNIT_EXPECT_EQ(test, wt_used(wt), 0U);
}

/* The hook comes even when the mapping is refused. */
static void wt_hook_on_failure(struct kunit *test)
{
	struct wt *wt = test->priv;
	struct vmsg_wctx *ctx = &wt->ctx[0];

	KUNIT_ASSERT_EQ(test, 0, vmsg_wctx_init(ctx, wt->win, 4, WT_M,
						&wt_hooks));
	KUNIT_EXPECT_EQ(test, wt_map(test, ctx, 0, 0, DMA_TO_DEVICE),
			VMSG_WIN_ERROR);
	KUNIT_EXPECT_EQ(test, wt->mapping_calls, 1U);
}

/*
 * Quarantine
 */

static void wt_quarantine(struct kunit *test)
{
	struct wt *wt = test->priv;
	struct vmsg_wctx *ctx = wt_ctx(test, 0, 4);
	struct vmsg_wctx *other = wt_ctx(test, 1, 4);
	struct vmsg_window_stats st;
	u64 w, v, keep;

	memset(wt->buf, 0, WT_BUF);
	w = wt_map(test, ctx, 0, 1000, DMA_FROM_DEVICE);
	keep = wt_map(test, ctx, 0, 1000, DMA_FROM_DEVICE);
	vmsg_window_unmap(ctx, keep, 1000, DMA_FROM_DEVICE, true);
	vmsg_wctx_condemn(ctx);

	/* The data still comes back, poisoned where nobody wrote. */
	wt_slot(test, w, 1)[0] = 0x42;
	vmsg_window_unmap(ctx, w, 1000, DMA_FROM_DEVICE, false);
	KUNIT_EXPECT_EQ(test, wt->buf[0], 0x42);
	KUNIT_EXPECT_TRUE(test, wt_all(wt->buf + 1, 0xff, 999));
	vmsg_window_get_stats(wt->win, &st);
	KUNIT_EXPECT_EQ(test, st.quarantined, 2U);
	KUNIT_EXPECT_EQ(test, st.used, 0U);
	wt_identity(test);

	/* The other one is free of it. */
	v = wt_map(test, other, 0, 1000, DMA_FROM_DEVICE);
	vmsg_window_unmap(other, v, 1000, DMA_FROM_DEVICE, true);
	vmsg_window_get_stats(wt->win, &st);
	KUNIT_EXPECT_EQ(test, st.quarantined, 2U);

	/* A handle into the quarantine is dead, the place is not reused. */
	KUNIT_EXPECT_FALSE(test, vmsg_window_set_tag(ctx, w, 1));
	vmsg_window_unmap(ctx, w, 1000, DMA_FROM_DEVICE, true);
	KUNIT_EXPECT_EQ(test, wt_bad(wt), 1ULL);
	vmsg_window_get_stats(wt->win, &st);
	KUNIT_EXPECT_EQ(test, st.quarantined, 2U);

	/* Nothing more goes to a peer that is gone. */
	KUNIT_EXPECT_EQ(test, wt_map(test, ctx, 0, 10, DMA_TO_DEVICE),
			VMSG_WIN_ERROR);
	KUNIT_EXPECT_EQ(test, wt_used(wt), 0U);

	vmsg_window_absolve(wt->win);
	vmsg_window_get_stats(wt->win, &st);
	KUNIT_EXPECT_EQ(test, st.quarantined, 0U);
	KUNIT_EXPECT_EQ(test, st.free, st.total);
	KUNIT_EXPECT_FALSE(test, ctx->condemned);
	v = wt_map(test, ctx, 0, 1000, DMA_FROM_DEVICE);
	KUNIT_EXPECT_EQ(test, v, w);
	vmsg_window_unmap(ctx, v, 1000, DMA_FROM_DEVICE, true);
	vmsg_window_get_stats(wt->win, &st);
	KUNIT_EXPECT_EQ(test, st.quarantined, 0U);
}

/* The device lets go after all: what went to quarantine in between is free, its own only. */
static void wt_quarantine_closed(struct kunit *test)
{
	struct wt *wt = test->priv;
	struct vmsg_wctx *ctx = wt_ctx(test, 0, 4);
	struct vmsg_wctx *other = wt_ctx(test, 1, 4);
	struct vmsg_window_stats st;
	u64 *x = wt_wires(test, 4096), w[3], v;
	unsigned int i, n;

	v = wt_map(test, other, 0, 600, DMA_FROM_DEVICE);
	vmsg_wctx_condemn(other);
	for (i = 0; i < 3; i++)
		w[i] = wt_map(test, ctx, 0, 100 + 600 * i, DMA_FROM_DEVICE);
	vmsg_wctx_condemn(ctx);
	vmsg_window_unmap(ctx, w[2], 1300, DMA_FROM_DEVICE, true);
	vmsg_window_unmap(other, v, 600, DMA_FROM_DEVICE, true);
	vmsg_window_unmap(ctx, w[0], 100, DMA_FROM_DEVICE, true);
	vmsg_window_get_stats(wt->win, &st);
	KUNIT_EXPECT_EQ(test, st.quarantined, 1U + 2 + 3);
	wt_identity(test);

	vmsg_wctx_close(ctx);
	vmsg_window_get_stats(wt->win, &st);
	KUNIT_EXPECT_EQ(test, st.quarantined, 2U);
	KUNIT_EXPECT_EQ(test, st.used, 2U);
	wt_identity(test);
	vmsg_window_unmap(ctx, w[1], 700, DMA_FROM_DEVICE, true);
	KUNIT_EXPECT_EQ(test, wt_used(wt), 0U);
	KUNIT_EXPECT_EQ(test, wt_map(test, ctx, 0, 10, DMA_TO_DEVICE), VMSG_WIN_ERROR);

	/* More than is done at a time; and a list that was emptied is. */
	vmsg_window_absolve(wt->win);
	vmsg_wctx_close(other);
	n = wt_exhaust(test, wt_ctx(test, 2, 4), 1, DMA_TO_DEVICE, x, 4096);
	KUNIT_EXPECT_GT(test, n, 256U);
	vmsg_wctx_condemn(&wt->ctx[2]);
	wt_unmap_all(&wt->ctx[2], x, n, 1, DMA_TO_DEVICE);
	vmsg_window_get_stats(wt->win, &st);
	KUNIT_EXPECT_EQ(test, st.quarantined, n);
	vmsg_wctx_close(&wt->ctx[2]);
	vmsg_window_get_stats(wt->win, &st);
	KUNIT_EXPECT_EQ(test, st.quarantined, 0U);
	KUNIT_EXPECT_EQ(test, st.free, st.total);
}

/* It can use up all the context can get, but not what others were promised. */
static void wt_quarantine_full(struct kunit *test)
{
	struct wt *wt = test->priv;
	struct vmsg_wctx *ctx = wt_ctx(test, 0, 4);
	struct vmsg_wctx *other = wt_ctx(test, 1, 4);
	struct vmsg_window_stats st;
	u64 *x = wt_wires(test, 4096), w[8];
	unsigned int n;
	u32 used;

	n = wt_exhaust(test, ctx, 700, DMA_TO_DEVICE, x, 4096);
	used = ctx->used;
	vmsg_wctx_condemn(ctx);
	wt_unmap_all(ctx, x, n, 700, DMA_TO_DEVICE);
	vmsg_window_get_stats(wt->win, &st);
	KUNIT_EXPECT_EQ(test, st.quarantined, used);
	KUNIT_EXPECT_EQ(test, st.used, 0U);
	wt_identity(test);
	wt_one_request(test, other, 4, true, w);
	wt_request_done(other, 4, true, w);
	vmsg_window_absolve(wt->win);
	wt_identity(test);
	wt_one_request(test, ctx, 4, true, w);
	wt_request_done(ctx, 4, true, w);
	KUNIT_EXPECT_EQ(test, wt_used(wt), 0U);
}

/* What is still mapped when its context goes may still be written. */
static void wt_exit_with_mappings(struct kunit *test)
{
	struct wt *wt = test->priv;
	struct vmsg_wctx *ctx = wt_ctx(test, 0, 4);
	struct vmsg_wctx *other = wt_ctx(test, 1, 4);
	struct vmsg_window_stats st;
	u64 v, w[8];

	wt_map(test, ctx, 0, WT_M, DMA_FROM_DEVICE);
	wt_map(test, ctx, 0, 1, DMA_TO_DEVICE);
	v = wt_map(test, other, 0, 1, DMA_TO_DEVICE);
	vmsg_wctx_exit(ctx);
	vmsg_window_get_stats(wt->win, &st);
	KUNIT_EXPECT_EQ(test, st.bad, 2ULL);
	KUNIT_EXPECT_EQ(test, st.used, 1U);
	KUNIT_EXPECT_EQ(test, st.quarantined, WT_CELL + 1);
	wt_identity(test);
	vmsg_window_unmap(other, v, 1, DMA_TO_DEVICE, false);
	/* A new region avoids the place: it is whole. */
	wt_ctx(test, 2, 4);
	wt_one_request(test, &wt->ctx[2], 4, true, w);
	KUNIT_EXPECT_EQ(test, wt->ctx[2].own_used, wt->ctx[2].used);
	wt_request_done(&wt->ctx[2], 4, true, w);
	vmsg_window_absolve(wt->win);
	wt_identity(test);
	KUNIT_EXPECT_EQ(test, wt_used(wt), 0U);
}

/*
 * Context
 */

static void wt_atomic(struct kunit *test)
{
	struct wt *wt = test->priv;
	struct vmsg_wctx *ctx = &wt->ctx[0];
	struct vmsg_window_stats st;
	static DEFINE_SPINLOCK(lock);
	bool ok = true;
	unsigned long flags;
	unsigned int i;
	u64 w;

	KUNIT_ASSERT_EQ(test, 0, vmsg_wctx_init(ctx, wt->win, 4, WT_M,
						&wt_hooks));
	for (i = 0; i < 100; i++) {
		spin_lock_irqsave(&lock, flags);
		w = vmsg_window_map(ctx, wt->buf_page, i, 3000,
				    i % 3, i & 1);
		ok &= w != VMSG_WIN_ERROR;
		ok &= vmsg_window_set_tag(ctx, w, i);
		vmsg_window_sync_for_cpu(ctx, w + i, 10, i % 3);
		vmsg_window_sync_for_device(ctx, w + i, 10, i % 3);
		ok &= vmsg_window_need_sync(ctx, w);
		if (i > 50)
			vmsg_wctx_condemn(ctx);
		vmsg_window_unmap(ctx, w, 3000, i % 3, i & 2);
		if (i > 50)
			vmsg_window_absolve(wt->win);
		vmsg_window_get_stats(wt->win, &st);
		ok &= irqs_disabled();
		spin_unlock_irqrestore(&lock, flags);
	}
	KUNIT_EXPECT_TRUE(test, ok);
	KUNIT_EXPECT_EQ(test, wt->unmapped_calls, 100U);
	KUNIT_EXPECT_EQ(test, wt->mapping_calls, 200U);
	KUNIT_EXPECT_EQ(test, wt_bad(wt), 0ULL);
	wt_identity(test);
}

/* Several threads, each with a queue and with bytes of its own. */
struct wt_thread {
	struct wt *wt;
	struct vmsg_wctx *ctx;
	struct task_struct *task;
	struct completion done;
	struct page *page;
	unsigned int seed;
	unsigned int errors;
	unsigned int maps;
};

static int wt_thread_fn(void *data)
{
	struct wt_thread *t = data;
	u8 *buf = page_address(t->page);
	struct rnd_state rnd;
	size_t size, off;
	unsigned int i;
	u64 w;
	u8 *p;

	prandom_seed_state(&rnd, t->seed);
	for (i = 0; i < 1000; i++) {
		bool from = prandom_u32_state(&rnd) & 1;

		size = 1 + prandom_u32_state(&rnd) % 2000;
		off = prandom_u32_state(&rnd) % (PAGE_SIZE - 2000);
		memset(buf + off, t->seed, size);
		w = vmsg_window_map(t->ctx, t->page, off, size,
				    from ? DMA_FROM_DEVICE : DMA_TO_DEVICE,
				    false);
		if (w == VMSG_WIN_ERROR) {
			t->errors++;
			continue;
		}
		t->maps++;
		p = vmsg_window_ptr(t->wt->win, w, size);
		if (!wt_all(p, from ? 0xff : t->seed, size))
			t->errors++;
		if (!vmsg_window_set_tag(t->ctx, w, i))
			t->errors++;
		if (from)
			memset(p, t->seed + 100, size);
		if (i % 16 == 0)
			cond_resched();
		if (!wt_all(p, from ? t->seed + 100 : t->seed, size))
			t->errors++;
		vmsg_window_unmap(t->ctx, w, size,
				  from ? DMA_FROM_DEVICE : DMA_TO_DEVICE,
				  false);
		if (!wt_all(buf + off, from ? t->seed + 100 : t->seed, size))
			t->errors++;
	}
	complete(&t->done);
	return 0;
}

static void wt_threads(struct kunit *test)
{
	struct wt *wt = test->priv;
	struct wt_thread t[4] = { };
	struct vmsg_window_stats st;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(t); i++) {
		t[i].wt = wt;
		t[i].ctx = wt_ctx(test, i, 2);
		t[i].seed = i + 1;
		init_completion(&t[i].done);
		t[i].page = alloc_page(GFP_KERNEL);
		if (!t[i].page)
			break;
		t[i].task = kthread_create(wt_thread_fn, &t[i], "wt%u", i);
		if (IS_ERR(t[i].task)) {
			__free_page(t[i].page);
			break;
		}
		get_task_struct(t[i].task);
		wake_up_process(t[i].task);
	}
	KUNIT_EXPECT_EQ(test, i, (unsigned int)ARRAY_SIZE(t));
	while (i--) {
		wait_for_completion(&t[i].done);
		kthread_stop_put(t[i].task);
		KUNIT_EXPECT_EQ(test, t[i].errors, 0U);
		__free_page(t[i].page);
	}
	vmsg_window_get_stats(wt->win, &st);
	KUNIT_EXPECT_EQ(test, st.used, 0U);
	KUNIT_EXPECT_EQ(test, st.bad, 0ULL);
	wt_identity(test);
}

/*
 * Against a model
 */

struct wt_live {
	u64 wire;
	size_t off;
	size_t size;
	enum dma_data_direction dir;
	struct vmsg_wctx *ctx;
	u8 seed;
	bool skip;
};

#define WT_LIVE		200
#define WT_STEPS	2000

struct wt_model {
	struct wt_live live[WT_LIVE];
	unsigned int n;
	unsigned long *busy;	/* granules mapped or in quarantine */
	unsigned long *quar;
	u64 pool;		/* wire address of the first granule */
	u32 total;
	struct page *page;	/* two pages for each buffer */
	u8 *buf;
	struct rnd_state rnd;
};

static u32 wt_rnd(struct wt_model *m, u32 below)
{
	return prandom_u32_state(&m->rnd) % below;
}

static void wt_model_map(struct kunit *test, struct wt_model *m)
{
	struct wt *wt = test->priv;
	struct wt_live *l = &m->live[m->n];
	size_t size, run;
	u32 g;
	u8 *p;

	if (m->n == WT_LIVE)
		return;
	switch (wt_rnd(m, 4)) {
	case 0:
		size = 1 + wt_rnd(m, 32);
		break;
	case 1:
		size = 1 + wt_rnd(m, WT_M);
		break;
	case 2:
		size = WT_M;
		break;
	default:
		size = 1 + wt_rnd(m, 1526);
		break;
	}
	l->ctx = &wt->ctx[wt_rnd(m, 4)];
	l->dir = wt_rnd(m, 3);
	l->skip = !wt_rnd(m, 5);
	l->seed = wt_rnd(m, 256);
	l->size = size;
	/* Buffers of their own, at odd places: they must not overlap either. */
	l->off = (size_t)wt_rnd(m, WT_SIZE / PAGE_SIZE / 2) * 2 * PAGE_SIZE +
		 wt_rnd(m, PAGE_SIZE);
	for (g = 0; g < m->n; g++)
		if (m->live[g].off / (2 * PAGE_SIZE) ==
		    l->off / (2 * PAGE_SIZE))
			return;
	wt_fill(m->buf + l->off, l->seed, size);

	l->wire = vmsg_window_map(l->ctx, m->page, l->off, size, l->dir,
				  l->skip);
	if (l->wire == VMSG_WIN_ERROR)
		return;
	KUNIT_ASSERT_GE(test, l->wire, m->pool);
	KUNIT_ASSERT_EQ(test, (l->wire - m->pool) % VMSG_WIN_GRANULE, 0ULL);
	g = (l->wire - m->pool) / VMSG_WIN_GRANULE;
	run = DIV_ROUND_UP(size, VMSG_WIN_GRANULE);
	KUNIT_ASSERT_LE(test, g + run, (size_t)m->total);
	/* Nobody else's, and not in quarantine. */
	KUNIT_ASSERT_GE(test, find_next_bit(m->busy, g + run, g), g + run);
	bitmap_set(m->busy, g, run);

	p = wt_slot(test, l->wire, run * VMSG_WIN_GRANULE);
	if (l->dir == DMA_FROM_DEVICE || l->skip)
		KUNIT_ASSERT_TRUE(test, wt_all(p, 0xff,
					       run * VMSG_WIN_GRANULE));
	else
		KUNIT_ASSERT_TRUE(test, wt_filled(p, l->seed, size));
	KUNIT_ASSERT_TRUE(test, wt_all(p + size, 0xff,
				       run * VMSG_WIN_GRANULE - size));
	/* The device's bytes. */
	if (l->dir == DMA_TO_DEVICE)
		wt_fill(p, l->seed, size);
	else
		wt_fill(p, l->seed + 1, size);
	m->n++;
}

static void wt_model_unmap(struct kunit *test, struct wt_model *m)
{
	struct wt_live *l;
	bool skip, condemned;
	size_t run;
	u32 g;
	u8 *p, seed;

	if (!m->n)
		return;
	l = &m->live[wt_rnd(m, m->n)];
	run = DIV_ROUND_UP(l->size, VMSG_WIN_GRANULE);
	p = wt_slot(test, l->wire, l->size);
	/* All the time, nobody else has written there. */
	seed = l->dir == DMA_TO_DEVICE ? l->seed : l->seed + 1;
	KUNIT_ASSERT_TRUE(test, wt_filled(p, seed, l->size));

	skip = !wt_rnd(m, 4);
	condemned = l->ctx->condemned;
	vmsg_window_unmap(l->ctx, l->wire, l->size, l->dir, skip);
	if (skip || l->dir == DMA_TO_DEVICE)
		seed = l->seed;
	KUNIT_ASSERT_TRUE(test, wt_filled(m->buf + l->off, seed, l->size));

	g = (l->wire - m->pool) / VMSG_WIN_GRANULE;
	if (condemned)
		bitmap_set(m->quar, g, run);
	else
		bitmap_clear(m->busy, g, run);
	*l = m->live[--m->n];
}

static void wt_model_sync(struct kunit *test, struct wt_model *m)
{
	struct wt_live *l;
	size_t at, len;
	u8 *p;

	if (!m->n)
		return;
	l = &m->live[wt_rnd(m, m->n)];
	at = wt_rnd(m, l->size);
	len = 1 + wt_rnd(m, l->size - at);
	p = wt_slot(test, l->wire, l->size);
	if (l->dir == DMA_TO_DEVICE) {
		memset(p + at, 0, len);
		vmsg_window_sync_for_device(l->ctx, l->wire + at, len, l->dir);
		KUNIT_ASSERT_TRUE(test, wt_filled(p, l->seed, l->size));
	} else {
		vmsg_window_sync_for_cpu(l->ctx, l->wire + at, len, l->dir);
		KUNIT_ASSERT_MEMEQ(test, m->buf + l->off + at, p + at, len);
		KUNIT_ASSERT_TRUE(test, wt_filled(m->buf + l->off, l->seed,
						  at));
		/* Back, for the checks at the end. */
		wt_fill(m->buf + l->off, l->seed, l->size);
	}
}

static void wt_model_check(struct kunit *test, struct wt_model *m)
{
	struct wt *wt = test->priv;
	struct vmsg_window_stats st;

	vmsg_window_get_stats(wt->win, &st);
	KUNIT_ASSERT_EQ(test, st.total - st.free,
			bitmap_weight(m->busy, m->total));
	KUNIT_ASSERT_EQ(test, st.quarantined,
			bitmap_weight(m->quar, m->total));
	KUNIT_ASSERT_EQ(test, st.bad, 0ULL);
	wt_identity(test);
}

static void wt_free_pages(void *page)
{
	__free_pages(page, WT_ORDER);
}

static void wt_random_load(struct kunit *test)
{
	struct wt *wt = test->priv;
	struct vmsg_window_stats st;
	struct wt_model *m;
	unsigned int i;
	u32 what;

	m = kunit_kzalloc(test, sizeof(*m), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, m);
	vmsg_window_get_stats(wt->win, &st);
	m->total = st.total;
	m->pool = WT_WIRE + st.ring_total;
	m->busy = kunit_kcalloc(test, BITS_TO_LONGS(m->total), sizeof(long),
				GFP_KERNEL);
	m->quar = kunit_kcalloc(test, BITS_TO_LONGS(m->total), sizeof(long),
				GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, m->busy);
	KUNIT_ASSERT_NOT_NULL(test, m->quar);
	prandom_seed_state(&m->rnd, *(const u32 *)test->param_value);
	wt_ctx(test, 0, wt_rnd(m, 8));
	wt_ctx(test, 1, wt_rnd(m, 8));
	wt_ctx(test, 2, wt_rnd(m, 8));
	vmsg_wctx_init_limits(&wt->ctx[3], wt->win, WT_M);

	m->page = alloc_pages(GFP_KERNEL, WT_ORDER);
	KUNIT_ASSERT_NOT_NULL(test, m->page);
	KUNIT_ASSERT_EQ(test, 0,
			kunit_add_action_or_reset(test, wt_free_pages, m->page));
	m->buf = page_address(m->page);

	for (i = 0; i < WT_STEPS; i++) {
		what = wt_rnd(m, 1000);
		/* Waves: sometimes it fills up, sometimes it drains. */
		if (what < (i / 300 % 2 ? 300 : 600)) {
			wt_model_map(test, m);
		} else if (what < 900) {
			wt_model_unmap(test, m);
		} else if (what < 985) {
			wt_model_sync(test, m);
		} else if (what < 990) {
			vmsg_wctx_condemn(&wt->ctx[wt_rnd(m, 3)]);
		} else if (what < 993) {
			vmsg_window_absolve(wt->win);
			bitmap_andnot(m->busy, m->busy, m->quar, m->total);
			bitmap_zero(m->quar, m->total);
		} else if (wt->ctx[4].win) {
			/* Another device goes, or comes. */
			vmsg_wctx_exit(&wt->ctx[4]);
		} else {
			vmsg_wctx_init(&wt->ctx[4], wt->win, wt_rnd(m, 20),
				       WT_M, NULL);
		}
		wt_model_check(test, m);
	}
	while (m->n)
		wt_model_unmap(test, m);
	vmsg_window_absolve(wt->win);
	KUNIT_EXPECT_EQ(test, wt_used(wt), 0U);
	vmsg_window_get_stats(wt->win, &st);
	KUNIT_EXPECT_EQ(test, st.free, st.total);
	KUNIT_EXPECT_GT(test, st.maps, 300ULL);
}

/*
 * The front end
 */

static void wt_map_ops(struct kunit *test)
{
	const struct virtio_map_ops *ops = &vmsg_map_ops;
	struct wt *wt = test->priv;
	struct vmsg_wctx *ctx = wt_ctx(test, 0, 4);
	union virtio_map map = { .dma_dev = &ctx->dev };
	union virtio_map none = { };
	dma_addr_t h;
	u8 *p;

	if (sizeof(dma_addr_t) < sizeof(u64))
		kunit_skip(test, "a wire address does not fit a dma_addr_t");

	KUNIT_EXPECT_EQ(test, ops->max_mapping_size(map), WT_M);
	KUNIT_EXPECT_EQ(test, ops->max_mapping_size(none), (size_t)PAGE_SIZE);

	p = ops->alloc(map, 3000, &h, GFP_KERNEL | __GFP_ZERO);
	KUNIT_ASSERT_NOT_NULL(test, p);
	KUNIT_EXPECT_TRUE(test, wt_all(p, 0, 3000));
	KUNIT_EXPECT_PTR_EQ(test, (void *)p, vmsg_window_ptr(wt->win, h, 3000));
	ops->free(map, 3000, p, h, 0);
	KUNIT_EXPECT_NULL(test, ops->alloc(map, WT_SIZE, &h, GFP_KERNEL));

	wt_fill(wt->buf, 1, WT_BUF);
	h = ops->map_page(map, wt->buf_page, 10, 700, DMA_BIDIRECTIONAL, 0);
	KUNIT_ASSERT_EQ(test, ops->mapping_error(map, h), 0);
	p = wt_slot(test, h, 1024);
	KUNIT_EXPECT_MEMEQ(test, p, wt->buf + 10, 700);
	KUNIT_EXPECT_TRUE(test, ops->need_sync(map, h));
	wt->buf[20] = 0x99;
	ops->sync_single_for_device(map, h + 10, 1, DMA_BIDIRECTIONAL);
	KUNIT_EXPECT_EQ(test, p[10], 0x99);
	p[11] = 0x98;
	ops->sync_single_for_cpu(map, h + 11, 1, DMA_BIDIRECTIONAL);
	KUNIT_EXPECT_EQ(test, wt->buf[21], 0x98);
	memset(p, 0x97, 1024);
	ops->unmap_page(map, h, 700, DMA_BIDIRECTIONAL, DMA_ATTR_SKIP_CPU_SYNC);
	KUNIT_EXPECT_EQ(test, wt->buf[21], 0x98);
	KUNIT_EXPECT_EQ(test, wt_used(wt), 0U);

	h = ops->map_page(map, wt->buf_page, 0, 100, DMA_FROM_DEVICE,
			  DMA_ATTR_SKIP_CPU_SYNC);
	KUNIT_ASSERT_EQ(test, ops->mapping_error(map, h), 0);
	ops->unmap_page(map, h, 100, DMA_FROM_DEVICE, 0);
	KUNIT_EXPECT_TRUE(test, wt_all(wt->buf, 0xff, 100));

	h = ops->map_page(map, wt->buf_page, 0, 0, DMA_FROM_DEVICE, 0);
	KUNIT_EXPECT_NE(test, ops->mapping_error(map, h), 0);
	KUNIT_EXPECT_EQ(test, wt_bad(wt), 0ULL);
}

static void wt_map_ops_no_window(struct kunit *test)
{
	const struct virtio_map_ops *ops = &vmsg_map_ops;
	struct wt *wt = test->priv;
	union virtio_map map = { .dma_dev = &wt->ctx[0].dev };
	dma_addr_t h;

	KUNIT_EXPECT_NULL(test, ops->alloc(map, 100, &h, GFP_KERNEL));
	h = ops->map_page(map, wt->buf_page, 0, 10, DMA_TO_DEVICE, 0);
	KUNIT_EXPECT_NE(test, ops->mapping_error(map, h), 0);
	ops->unmap_page(map, 0, 10, DMA_TO_DEVICE, 0);
	ops->free(map, 100, wt->mem, WT_WIRE, 0);
	KUNIT_EXPECT_FALSE(test, ops->need_sync(map, 0));
}

static const u32 wt_seeds[] = { 1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144, 233 };

static void wt_seed_desc(const u32 *seed, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "seed %u", *seed);
}

KUNIT_ARRAY_PARAM(wt_seed, wt_seeds, wt_seed_desc);

static struct kunit_case wt_cases[] = {
	KUNIT_CASE(wt_layout),
	KUNIT_CASE(wt_create_sizes),
	KUNIT_CASE(wt_create_wrap),
	KUNIT_CASE(wt_create_unaligned),
	KUNIT_CASE(wt_ptr_bounds),
	KUNIT_CASE(wt_to_device),
	KUNIT_CASE(wt_from_device),
	KUNIT_CASE(wt_status_poison),
	KUNIT_CASE(wt_bidirectional),
	KUNIT_CASE(wt_no_stale_bytes),
	KUNIT_CASE(wt_skip_sync),
	KUNIT_CASE(wt_multi_page),
	KUNIT_CASE(wt_unmap_size),
	KUNIT_CASE(wt_unmap_dir),
	KUNIT_CASE(wt_map_refused),
	KUNIT_CASE(wt_map_above_limit),
	KUNIT_CASE(wt_without_window),
	KUNIT_CASE(wt_sync_for_cpu),
	KUNIT_CASE(wt_sync_for_device),
	KUNIT_CASE(wt_sync_repoison),
	KUNIT_CASE(wt_need_sync),
	KUNIT_CASE(wt_bad_handles),
	KUNIT_CASE(wt_random_handles),
	KUNIT_CASE(wt_rings),
	KUNIT_CASE(wt_rings_bad_free),
	KUNIT_CASE(wt_ring_limit),
	KUNIT_CASE(wt_direct),
	KUNIT_CASE(wt_not_direct),
	KUNIT_CASE(wt_guarantee),
	KUNIT_CASE(wt_rx_does_not_starve_tx),
	KUNIT_CASE(wt_queue_does_not_starve_queue),
	KUNIT_CASE(wt_from_leaves_one),
	KUNIT_CASE(wt_to_keeps_to_its_part),
	KUNIT_CASE(wt_wctx_init_args),
	KUNIT_CASE(wt_budget),
	KUNIT_CASE(wt_budget_refuses),
	KUNIT_CASE(wt_budget_holds),
	KUNIT_CASE(wt_budget_shares),
	KUNIT_CASE(wt_region_gap),
	KUNIT_CASE(wt_region_over_mappings),
	KUNIT_CASE(wt_region_under_mapping),
	KUNIT_CASE(wt_tags),
	KUNIT_CASE(wt_tag_values),
	KUNIT_CASE(wt_no_hook),
	KUNIT_CASE(wt_hook_on_failure),
	KUNIT_CASE(wt_quarantine),
	KUNIT_CASE(wt_quarantine_closed),
	KUNIT_CASE(wt_quarantine_full),
	KUNIT_CASE(wt_exit_with_mappings),
	KUNIT_CASE(wt_atomic),
	KUNIT_CASE_SLOW(wt_threads),
	KUNIT_CASE_PARAM(wt_random_load, wt_seed_gen_params),
	KUNIT_CASE(wt_map_ops),
	KUNIT_CASE(wt_map_ops_no_window),
	{ }
};

static struct kunit_suite wt_suite = {
	.name = "virtio_msg_window",
	.init = wt_init,
	.exit = wt_exit,
	.test_cases = wt_cases,
};

kunit_test_suite(wt_suite);
