// SPDX-License-Identifier: GPL-2.0-only
/*
 * The window: allocator and bounce engine
 *
 * The window has two parts.  The rings' part is handed out in pages and is
 * touched only when a queue is made or deleted.  The buffers' part is handed
 * out in runs of granules, from any context.
 *
 *	+-------+-----------------------------+---------+---------+-------+
 *	| rings | shared                      |  gap    | queue B | queue |
 *	|       | FROM_DEVICE here | not here |         |         |   A   |
 *	+-------+-----------------------------+---------+---------+-------+
 *	        0                             shared_end              total
 *
 * A guarantee must hold against fragmentation too: granules which are free but
 * scattered help nobody who needs a run of them.  So each queue owns a region
 * that no other queue can take from, and it is empty whenever the queue is
 * idle.  Regions lie at the end of the buffers' part; whoever has filled his
 * own region goes on in what is shared.
 *
 * Buffers that the device is to fill can stay out for ever (a network card
 * that nobody sends to), so they may take neither the last of a region nor more
 * than half of what is shared: what asks the device for something always goes
 * out, and regions of later queues find room.
 *
 * The lock is held to find and to mark granules, never to copy.
 */

#define pr_fmt(fmt) "virtio_msg: window: " fmt

#include <linux/align.h>
#include <linux/bitmap.h>
#include <linux/bits.h>
#include <linux/err.h>
#include <linux/find.h>
#include <linux/highmem.h>
#include <linux/io.h>
#include <linux/log2.h>
#include <linux/math64.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/overflow.h>
#include <linux/printk.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/virtio_ring.h>
#include <kunit/visibility.h>
#include "window.h"

#define VMSG_WIN_POISON		0xff	/* no virtio status byte says success */
#define VMSG_WIN_NONE		U32_MAX	/* no granule */
#define VMSG_WIN_STEP		max_t(size_t, PAGE_SIZE, SZ_4K)
#define VMSG_WIN_RING_MIN	SZ_64K
#define VMSG_WIN_RING_MAX	SZ_32M
#define VMSG_WIN_PAGES_MIN	16U

/* One device gets no more than such a part of what is unpromised. */
#define VMSG_WIN_PARTS		4U

/* Holes looked at in one search of the shared part, with interrupts off. */
#define VMSG_WIN_TRIES		1024U
/* Mappings looked at in one go, with interrupts off. */
#define VMSG_WIN_BATCH		256U

/**
 * struct vmsg_slot_rec - a mapping, in the record of its first granule
 * @orig: physical address of the buffer
 * @ctx: who mapped it
 * @size: bytes
 * @tag: of vmsg_window_set_tag()
 * @next: in quarantine: where the next one of the same context is
 * @dir: enum dma_data_direction
 * @own: taken from the region of @ctx
 */
struct vmsg_slot_rec {
	phys_addr_t orig;
	struct vmsg_wctx *ctx;
	u32 size;
	union {
		u32 tag;
		u32 next;
	};
	u8 dir;
	bool own;
};

/**
 * struct vmsg_window - the window of a bus
 * @va: kernel mapping of the first byte
 * @phys: physical address of the first byte, or ~0
 * @wire: wire address of the first byte
 * @size: bytes
 * @ring_off: offset of the rings' part, page aligned in kernel memory
 * @ring_pages: pages of it
 * @pool_off: offset of the buffers' part
 * @total: granules of it
 * @promises: guards @regions and, together with @lock, changes of @shared_end
 *	and @ctxs.  Taken outside @lock.
 * @regions: struct vmsg_region, highest first
 * @lock: guards the maps, the records and the counters below, and the fields
 *	of struct vmsg_wctx that say so.  Taken with interrupts off; nothing is
 *	taken inside.
 * @ring_map: pages of the rings' part in use
 * @ring_len: pages of the ring that begins at this page
 * @used_map: granules that are not free: mapped or in quarantine
 * @head_map: first granules of live mappings
 * @quar_map: granules in quarantine
 * @recs: by granule; only those of first granules have a meaning
 * @ctxs: contexts with a region
 * @shared_end: where the regions begin
 * @hint: where to look next in the shared part, [1] for DMA_FROM_DEVICE
 * @used: granules mapped
 * @quarantined: granules in quarantine
 * @guaranteed: granules of all regions
 * @ring_used: pages of rings
 * @maps: mappings made
 * @failures: mappings refused
 * @bounced: bytes copied
 * @bad: handles that were no mapping
 */
struct vmsg_window {
	u8 __vshm *va;
	phys_addr_t phys;
	u64 wire;
	u64 size;
	u64 ring_off;
	u32 ring_pages;
	u64 pool_off;
	u32 total;

	struct mutex promises;		/* guards the regions */
	struct list_head regions;

	spinlock_t lock;		/* guards all that follows */
	unsigned long *ring_map;
	u32 *ring_len;
	unsigned long *used_map;
	unsigned long *head_map;
	unsigned long *quar_map;
	struct vmsg_slot_rec *recs;
	struct list_head ctxs;
	u32 shared_end;
	u32 hint[2];
	u32 used;
	u32 quarantined;
	u32 guaranteed;
	u32 ring_used;
	u64 maps;
	u64 failures;
	u64 bounced;
	u64 bad;
};

static inline u32 vmsg_granules(size_t size)
{
	return DIV_ROUND_UP(size, VMSG_WIN_GRANULE);
}

static inline u64 vmsg_granule_off(const struct vmsg_window *win, u32 g)
{
	return win->pool_off + (u64)g * VMSG_WIN_GRANULE;
}

/**
 * vmsg_window_create - set up a window
 * @va: kernel mapping; write-back or write-combining, since it is copied to and
 *	from by memcpy()
 * @phys: physical address, for buffers that lie in the window already, or ~0
 * @size: bytes
 * @wire: wire address of the first byte
 *
 * Context: May sleep.
 * Return: the window; ERR_PTR(-EINVAL) when it is too small, ERR_PTR(-ENOMEM).
 */
struct vmsg_window *vmsg_window_create(__vshm void *va, phys_addr_t phys,
				       u64 size, u64 wire)
{
	struct vmsg_window *win;
	u64 end, lead, rings, pool;

	lead = -(__force unsigned long)va & ~PAGE_MASK;
	if (size < lead || size - lead < VMSG_WIN_PAGES_MIN * PAGE_SIZE ||
	    check_add_overflow(wire, size, &end))
		return ERR_PTR(-EINVAL);

	rings = clamp_t(u64, size / 8, VMSG_WIN_RING_MIN, VMSG_WIN_RING_MAX);
	rings = min(rings, size / 2);
	rings = round_down(rings, PAGE_SIZE);
	pool = size - lead - rings;

	win = kzalloc_obj(*win);
	if (!win)
		return ERR_PTR(-ENOMEM);
	win->va = (u8 __vshm *)va;
	win->phys = phys;
	win->wire = wire;
	win->size = size;
	win->ring_off = lead;
	win->ring_pages = rings >> PAGE_SHIFT;
	win->pool_off = lead + rings;
	win->total = min_t(u64, pool / VMSG_WIN_GRANULE, INT_MAX);
	win->shared_end = win->total;
	mutex_init(&win->promises);
	INIT_LIST_HEAD(&win->regions);
	spin_lock_init(&win->lock);
	INIT_LIST_HEAD(&win->ctxs);

	win->ring_map = bitmap_zalloc(win->ring_pages, GFP_KERNEL);
	win->ring_len = kcalloc(win->ring_pages, sizeof(*win->ring_len),
				GFP_KERNEL);
	win->used_map = kvcalloc(BITS_TO_LONGS(win->total), sizeof(long),
				 GFP_KERNEL);
	win->head_map = kvcalloc(BITS_TO_LONGS(win->total), sizeof(long),
				 GFP_KERNEL);
	win->quar_map = kvcalloc(BITS_TO_LONGS(win->total), sizeof(long),
				 GFP_KERNEL);
	win->recs = kvcalloc(win->total, sizeof(*win->recs), GFP_KERNEL);
	if (!win->ring_map || !win->ring_len || !win->used_map ||
	    !win->head_map || !win->quar_map || !win->recs) {
		vmsg_window_destroy(win);
		return ERR_PTR(-ENOMEM);
	}
	return win;
}
EXPORT_SYMBOL_IF_KUNIT(vmsg_window_create);

/**
 * vmsg_window_destroy - free what vmsg_window_create() made
 * @win: the window; all contexts and rings are gone.  May be NULL.
 *
 * Context: May sleep.
 */
void vmsg_window_destroy(struct vmsg_window *win)
{
	if (!win)
		return;
	if (win->used || win->ring_used || !list_empty(&win->ctxs))
		pr_err("freed with %u granules and %u ring pages in use\n",
		       win->used, win->ring_used);
	kvfree(win->recs);
	kvfree(win->quar_map);
	kvfree(win->head_map);
	kvfree(win->used_map);
	kfree(win->ring_len);
	bitmap_free(win->ring_map);
	mutex_destroy(&win->promises);
	kfree(win);
}
EXPORT_SYMBOL_IF_KUNIT(vmsg_window_destroy);

/*
 * Runs of granules in a map.  Most lie in one word (a header, a status, an indirect
 * table or a page of data do): for these no function is called.
 */

static inline bool vmsg_run_in_word(u32 g, u32 n)
{
	return g % BITS_PER_LONG + n <= BITS_PER_LONG;
}

static inline unsigned long vmsg_run_mask(u32 g, u32 n)
{
	return (~0UL >> (BITS_PER_LONG - n)) << (g % BITS_PER_LONG);
}

static inline void vmsg_run_set(unsigned long *map, u32 g, u32 n)
{
	if (vmsg_run_in_word(g, n))
		map[BIT_WORD(g)] |= vmsg_run_mask(g, n);
	else
		bitmap_set(map, g, n);
}

static inline void vmsg_run_clear(unsigned long *map, u32 g, u32 n)
{
	if (vmsg_run_in_word(g, n))
		map[BIT_WORD(g)] &= ~vmsg_run_mask(g, n);
	else
		bitmap_clear(map, g, n);
}

/*
 * The last first granule of a mapping at or below @g, among those whose mapping may
 * reach that far; VMSG_WIN_NONE if there is none.
 */
static u32 vmsg_head_below(const struct vmsg_window *win, u32 g)
{
	u32 most = VMSG_WIN_MAX_MAPPING / VMSG_WIN_GRANULE;
	u32 base = round_down(g - min(g, most - 1), BITS_PER_LONG);
	u32 n = g - base + 1;
	u32 at = find_last_bit(win->head_map + BIT_WORD(base), n);

	return at < n ? base + at : VMSG_WIN_NONE;
}

/*
 * Guarantees
 */

/*
 * The lowest granule of [lo, hi) that will not come back by itself soon, or the
 * first granule of a mapping that reaches into it from below; VMSG_WIN_NONE when
 * there is none.  What goes to the device is back in a moment and does not
 * count.
 */
static u32 vmsg_region_blocked(struct vmsg_window *win, u32 lo, u32 hi)
{
	u32 quar, g, n, found = VMSG_WIN_NONE;
	bool in_quar;

	spin_lock_irq(&win->lock);
	g = vmsg_head_below(win, lo);
	if (g < lo && win->recs[g].dir == DMA_FROM_DEVICE &&
	    g + vmsg_granules(win->recs[g].size) > lo)
		found = g;
	quar = find_next_bit(win->quar_map, hi, lo);
	spin_unlock_irq(&win->lock);
	if (found != VMSG_WIN_NONE)
		return found;

	in_quar = quar < hi;
	hi = quar;
	for (g = lo; g < hi; ) {
		spin_lock_irq(&win->lock);
		for (n = 0; n < VMSG_WIN_BATCH && g < hi; n++) {
			g = find_next_bit(win->head_map, hi, g);
			if (g >= hi)
				break;
			if (win->recs[g].dir == DMA_FROM_DEVICE) {
				found = g;
				break;
			}
			g++;
		}
		spin_unlock_irq(&win->lock);
		if (found != VMSG_WIN_NONE)
			return found;
	}
	return in_quar ? quar : VMSG_WIN_NONE;
}

/* The highest place for @len granules in the gap [lo, top). */
static u32 vmsg_region_fit(struct vmsg_window *win, u32 lo, u32 top, u32 len)
{
	u32 b;

	while (top >= lo && top - lo >= len) {
		b = vmsg_region_blocked(win, top - len, top);
		if (b == VMSG_WIN_NONE)
			return top - len;
		top = b;
	}
	return VMSG_WIN_NONE;
}

/* Put @r on the list where it fits; caller holds the mutex. */
static bool vmsg_region_insert(struct vmsg_window *win, struct vmsg_region *r,
			       u32 len)
{
	struct vmsg_region *next;
	u32 top = win->total;
	u32 base;

	list_for_each_entry(next, &win->regions, node) {
		base = vmsg_region_fit(win, next->base + next->len, top, len);
		if (base != VMSG_WIN_NONE) {
			r->base = base;
			r->len = len;
			list_add_tail(&r->node, &next->node);
			return true;
		}
		top = next->base;
	}
	base = vmsg_region_fit(win, 0, top, len);
	if (base == VMSG_WIN_NONE)
		return false;
	r->base = base;
	r->len = len;
	list_add_tail(&r->node, &win->regions);
	return true;
}

/* Caller holds the mutex and the lock. */
static void vmsg_set_shared_end(struct vmsg_window *win)
{
	u32 end = win->total;

	if (!list_empty(&win->regions))
		end = list_last_entry(&win->regions, struct vmsg_region,
				      node)->base;
	win->shared_end = end;
	win->hint[0] = end / 2;
	win->hint[1] = 0;
}

/* Would all the regions fit?  Nothing is changed; caller holds the mutex. */
static bool vmsg_budget_fits(struct vmsg_window *win, struct vmsg_region *r,
			     const u32 *segs, unsigned int nqueues, u32 cell)
{
	unsigned int i;
	bool ok = true;

	for (i = 0; i < nqueues; i++) {
		u64 len = ((u64)segs[i] + 2) * cell;

		if (len > win->total || !vmsg_region_insert(win, &r[i], len)) {
			ok = false;
			break;
		}
	}
	while (i--)
		list_del(&r[i].node);
	return ok;
}

/* Granules that nobody was promised; caller holds the mutex. */
static u32 vmsg_unpromised(struct vmsg_window *win)
{
	u32 n;

	spin_lock_irq(&win->lock);
	n = win->total - win->guaranteed;
	n -= min(n, win->quarantined);
	spin_unlock_irq(&win->lock);
	return n;
}

/* At most @size bytes, but what the block layer accepts. */
static size_t vmsg_round_mapping(u64 size)
{
	size_t ret = min_t(u64, size, VMSG_WIN_MAX_MAPPING);

	return max(rounddown(ret, VMSG_WIN_STEP), VMSG_WIN_STEP);
}

/**
 * vmsg_window_budget - what a device can be promised
 * @win: the window
 * @segs: for each queue, the most segments of one request
 * @nqueues: how many queues
 * @most: bytes of the largest mapping that its driver can use
 * @others: how many devices are known that may ask after it
 *
 * Finds the largest mapping size with which each queue can be guaranteed
 * segs + 2 mappings, while as much as that is left for each of the others, and a
 * quarter of all for those that nobody knows yet; three quarters, if there are
 * hardly any others.  With the smallest size, all of it may go.  Nothing is
 * reserved: ask before the first vmsg_wctx_init() of the device.
 *
 * Context: May sleep.
 * Return: bytes of the largest mapping, or 0: the device does not fit.
 */
size_t vmsg_window_budget(struct vmsg_window *win, const u32 *segs,
			  unsigned int nqueues, size_t most, unsigned int others)
{
	u32 parts = max(VMSG_WIN_PARTS, others + 1 + DIV_ROUND_UP(others + 1, 3));
	struct vmsg_region *r;
	size_t size, ret = 0;
	u64 mappings = 0, share;
	unsigned int i;

	if (!nqueues)
		return vmsg_window_default_mapping(win);
	for (i = 0; i < nqueues; i++)
		mappings += (u64)segs[i] + 2;

	r = kcalloc(nqueues, sizeof(*r), GFP_KERNEL);
	if (!r)
		return 0;

	mutex_lock(&win->promises);
	share = (u64)vmsg_unpromised(win) / parts * VMSG_WIN_GRANULE;
	size = vmsg_round_mapping(min_t(u64, div64_u64(share, mappings), most));
	/* Mappings in use and gaps between regions can make it smaller. */
	for (; size; size -= VMSG_WIN_STEP) {
		if (vmsg_budget_fits(win, r, segs, nqueues,
				     vmsg_granules(size))) {
			ret = size;
			break;
		}
	}
	mutex_unlock(&win->promises);
	kfree(r);
	return ret;
}
EXPORT_SYMBOL_IF_KUNIT(vmsg_window_budget);

/**
 * vmsg_window_default_mapping - mapping size before there is a budget
 * @win: the window
 *
 * What a device with one queue of 128 segments would get; never less than a
 * page, because the block layer refuses less.
 *
 * Context: May sleep.
 * Return: bytes of the largest mapping.
 */
size_t vmsg_window_default_mapping(struct vmsg_window *win)
{
	u64 share;

	mutex_lock(&win->promises);
	share = (u64)vmsg_unpromised(win) / VMSG_WIN_PARTS * VMSG_WIN_GRANULE;
	mutex_unlock(&win->promises);
	return vmsg_round_mapping(div_u64(share, 128 + 2));
}
EXPORT_SYMBOL_IF_KUNIT(vmsg_window_default_mapping);

/**
 * vmsg_wctx_init_limits - a context that is promised nothing
 * @ctx: the context; @ctx->dev is left alone
 * @win: the window
 * @max_mapping: most bytes of one mapping
 *
 * For what only has to answer max_mapping_size().  It may map, from what is
 * shared.  It needs no vmsg_wctx_exit() as long as it maps nothing.
 *
 * Context: Any.
 */
void vmsg_wctx_init_limits(struct vmsg_wctx *ctx, struct vmsg_window *win,
			   size_t max_mapping)
{
	ctx->win = win;
	ctx->ops = NULL;
	ctx->max_mapping = max_mapping;
	ctx->guarantee = 0;
	ctx->used = 0;
	ctx->used_from = 0;
	ctx->failures = 0;
	ctx->condemned = false;
	ctx->closed = false;
	ctx->ended = false;
	ctx->quar = VMSG_WIN_NONE;
	ctx->own.base = 0;
	ctx->own.len = 0;
	INIT_LIST_HEAD(&ctx->own.node);
	ctx->keep = 0;
	ctx->hint = 0;
	ctx->keep_hint = 0;
	ctx->own_used = 0;
	INIT_LIST_HEAD(&ctx->node);
}
EXPORT_SYMBOL_IF_KUNIT(vmsg_wctx_init_limits);

/*
 * An empty region is filled from its beginning: runs then leave no gaps, which is
 * what makes the guarantee one.
 */
static void vmsg_region_rewind(struct vmsg_wctx *ctx)
{
	ctx->hint = ctx->own.base;
	ctx->keep_hint = ctx->own.base + ctx->own.len - ctx->keep;
}

/**
 * vmsg_wctx_init - a context with a guarantee
 * @ctx: the context; @ctx->dev is left alone
 * @win: the window
 * @segs: the most segments of one request
 * @max_mapping: what vmsg_window_budget() said
 * @ops: hooks, or NULL
 *
 * Reserves @segs + 2 mappings of @max_mapping bytes, one of which
 * DMA_FROM_DEVICE cannot take.
 *
 * Context: May sleep.
 * Return: 0, -EINVAL for a senseless size, -ENOSPC when there is no room.
 */
int vmsg_wctx_init(struct vmsg_wctx *ctx, struct vmsg_window *win, u32 segs,
		   size_t max_mapping, const struct vmsg_wctx_ops *ops)
{
	u32 cell = vmsg_granules(max_mapping);
	u64 len = ((u64)segs + 2) * cell;
	unsigned int tries;
	bool blocked;

	ctx->win = NULL;
	if (!max_mapping || max_mapping > VMSG_WIN_MAX_MAPPING)
		return -EINVAL;
	if (len > win->total)
		return -ENOSPC;

	vmsg_wctx_init_limits(ctx, win, max_mapping);
	ctx->ops = ops;
	ctx->keep = cell;

	mutex_lock(&win->promises);
	/*
	 * A mapping may slip in between the look and the move of shared_end:
	 * look again afterwards.
	 */
	for (tries = 0; tries < 8; tries++) {
		if (!vmsg_region_insert(win, &ctx->own, len))
			break;
		spin_lock_irq(&win->lock);
		vmsg_set_shared_end(win);
		spin_unlock_irq(&win->lock);

		blocked = vmsg_region_blocked(win, ctx->own.base,
					      ctx->own.base + len) !=
			  VMSG_WIN_NONE;

		spin_lock_irq(&win->lock);
		if (!blocked) {
			ctx->guarantee = len;
			vmsg_region_rewind(ctx);
			win->guaranteed += len;
			list_add_tail(&ctx->node, &win->ctxs);
			spin_unlock_irq(&win->lock);
			mutex_unlock(&win->promises);
			return 0;
		}
		list_del_init(&ctx->own.node);
		vmsg_set_shared_end(win);
		spin_unlock_irq(&win->lock);
	}
	mutex_unlock(&win->promises);
	ctx->own.len = 0;
	ctx->win = NULL;
	return -ENOSPC;
}
EXPORT_SYMBOL_IF_KUNIT(vmsg_wctx_init);

/*
 * Forget the mapping at @g; what becomes of its granules is up to @quarantine.  Only
 * a context that vmsg_window_absolve() finds keeps a list of them.
 */
static void vmsg_slot_free(struct vmsg_window *win, u32 g, bool quarantine)
{
	struct vmsg_slot_rec *rec = &win->recs[g];
	struct vmsg_wctx *ctx = rec->ctx;
	u32 n = vmsg_granules(rec->size);

	lockdep_assert_held(&win->lock);

	if (quarantine) {
		bitmap_set(win->quar_map, g, n);
		win->quarantined += n;
	} else {
		vmsg_run_clear(win->used_map, g, n);
	}
	win->used -= n;
	ctx->used -= n;
	if (rec->dir == DMA_FROM_DEVICE)
		ctx->used_from -= n;
	if (rec->own) {
		ctx->own_used -= n;
		if (!ctx->own_used)
			vmsg_region_rewind(ctx);
	}
	rec->tag = VMSG_WIN_NO_TAG;
	rec->ctx = NULL;
	if (quarantine && ctx->own.len) {
		rec->next = ctx->quar;
		ctx->quar = g;
	}
}

/**
 * vmsg_wctx_exit - give the guarantee back
 * @ctx: the context; nobody uses it any more
 *
 * Every buffer should be unmapped.  What was not goes to quarantine, and is counted
 * as a bad handle, where the peer may still write it.  It does not once the device
 * was reset: virtio_rng forgets the request that it has under way.
 *
 * Context: May sleep.
 */
void vmsg_wctx_exit(struct vmsg_wctx *ctx)
{
	struct vmsg_window *win = ctx->win;
	bool written = !READ_ONCE(ctx->ended) && !READ_ONCE(ctx->closed);
	u32 g = 0, n, lost = 0;

	if (!win)
		return;

	mutex_lock(&win->promises);
	while (READ_ONCE(ctx->used) && g < win->total) {
		spin_lock_irq(&win->lock);
		for (n = 0; n < VMSG_WIN_BATCH; n++) {
			g = find_next_bit(win->head_map, win->total, g);
			if (g >= win->total)
				break;
			if (win->recs[g].ctx == ctx) {
				__clear_bit(g, win->head_map);
				vmsg_slot_free(win, g, written);
				win->bad += written;
				lost += written;
			}
			g++;
		}
		spin_unlock_irq(&win->lock);
	}

	spin_lock_irq(&win->lock);
	if (ctx->own.len) {
		win->guaranteed -= ctx->own.len;
		list_del_init(&ctx->own.node);
		list_del_init(&ctx->node);
		ctx->own.len = 0;
		ctx->guarantee = 0;
		vmsg_set_shared_end(win);
	}
	spin_unlock_irq(&win->lock);
	mutex_unlock(&win->promises);
	ctx->win = NULL;

	if (lost)
		pr_err_ratelimited("%u buffers were never unmapped\n", lost);
}
EXPORT_SYMBOL_IF_KUNIT(vmsg_wctx_exit);

/*
 * Rings
 */

/* Pages of the rings' part that a ring of @num entries may take. */
static u32 vmsg_ring_pages(u32 num)
{
	size_t split = PAGE_ALIGN(vring_size(num, PAGE_SIZE));
	/* A packed ring is three allocations: the ring and two event areas. */
	size_t packed = PAGE_ALIGN((size_t)num * 16) + 2 * PAGE_SIZE;

	return max(split, packed) >> PAGE_SHIFT;
}

/**
 * vmsg_window_ring_limit - how large a ring the rings' part can back
 * @win: the window
 * @num: most entries
 *
 * A large ring gets no more than a quarter of what is free, so that the first
 * queue does not leave the others without any.
 *
 * Context: Any.
 * Return: entries, a power of two, at most @num; 0 when not even one fits.
 */
u32 vmsg_window_ring_limit(struct vmsg_window *win, u32 num)
{
	unsigned long flags;
	u32 pages, run = 0, left, at = 0, end;

	if (!num)
		return 0;
	num = rounddown_pow_of_two(min(num, 32768U));

	spin_lock_irqsave(&win->lock, flags);
	left = win->ring_pages - win->ring_used;
	while (at < win->ring_pages) {
		at = find_next_zero_bit(win->ring_map, win->ring_pages, at);
		end = find_next_bit(win->ring_map, win->ring_pages, at);
		run = max(run, end - at);
		at = end;
	}
	spin_unlock_irqrestore(&win->lock, flags);

	for (; num; num /= 2) {
		pages = vmsg_ring_pages(num);
		if (pages <= run && (num <= 256 || pages <= left / 4))
			break;
	}
	return num;
}
EXPORT_SYMBOL_IF_KUNIT(vmsg_window_ring_limit);

/**
 * vmsg_window_alloc_ring - memory for a ring
 * @win: the window
 * @size: bytes
 * @wire: its wire address
 *
 * The core of virtio tries again with a smaller ring, so a failure is silent.
 *
 * Context: Any.
 * Return: zeroed memory, page aligned, or NULL.
 */
void *vmsg_window_alloc_ring(struct vmsg_window *win, size_t size, u64 *wire)
{
	unsigned long flags, at;
	u64 off;
	u32 n;

	if (!size || size > (u64)win->ring_pages << PAGE_SHIFT)
		return NULL;
	n = PFN_UP(size);

	spin_lock_irqsave(&win->lock, flags);
	at = bitmap_find_next_zero_area(win->ring_map, win->ring_pages, 0, n,
					0);
	if (at + n > win->ring_pages) {
		spin_unlock_irqrestore(&win->lock, flags);
		return NULL;
	}
	bitmap_set(win->ring_map, at, n);
	win->ring_len[at] = n;
	win->ring_used += n;
	spin_unlock_irqrestore(&win->lock, flags);

	off = win->ring_off + ((u64)at << PAGE_SHIFT);
	vmsg_shm_fill(win->va + off, 0, (size_t)n << PAGE_SHIFT);
	*wire = win->wire + off;
	return (void __force *)(win->va + off);
}
EXPORT_SYMBOL_IF_KUNIT(vmsg_window_alloc_ring);

/**
 * vmsg_window_free_ring - free what vmsg_window_alloc_ring() gave
 * @win: the window
 * @va: the memory
 * @size: bytes
 *
 * Context: Any.
 */
void vmsg_window_free_ring(struct vmsg_window *win, void *va, size_t size)
{
	unsigned long flags, off, at;
	u32 n;

	off = (unsigned long)va -
	      (__force unsigned long)(win->va + win->ring_off);
	at = off >> PAGE_SHIFT;
	n = PFN_UP(size);

	spin_lock_irqsave(&win->lock, flags);
	if (offset_in_page(off) || at >= win->ring_pages || !n ||
	    win->ring_len[at] != n) {
		win->bad++;
		spin_unlock_irqrestore(&win->lock, flags);
		pr_err_ratelimited("%zu bytes at %p are no ring\n", size, va);
		return;
	}
	bitmap_clear(win->ring_map, at, n);
	win->ring_len[at] = 0;
	win->ring_used -= n;
	spin_unlock_irqrestore(&win->lock, flags);
}
EXPORT_SYMBOL_IF_KUNIT(vmsg_window_free_ring);

/*
 * Buffers
 */

/* The first of @n free granules in [lo, hi), if at most @tries holes tell. */
static u32 vmsg_search_run(const unsigned long *map, u32 lo, u32 hi, u32 n,
			   u32 tries)
{
	u32 start, end;

	while (tries-- && lo < hi && hi - lo >= n) {
		start = find_next_zero_bit(map, hi, lo);
		if (start >= hi || hi - start < n)
			break;
		end = find_next_bit(map, start + n, start);
		if (end >= start + n)
			return start;
		lo = end + 1;
	}
	return VMSG_WIN_NONE;
}

/* The same; nearly always they are where the search begins. */
static inline u32 vmsg_find_run(const unsigned long *map, u32 lo, u32 hi, u32 n,
				u32 tries)
{
	if (lo < hi && hi - lo >= n && vmsg_run_in_word(lo, n) &&
	    !(map[BIT_WORD(lo)] & vmsg_run_mask(lo, n)))
		return lo;
	return vmsg_search_run(map, lo, hi, n, tries);
}

/* From @hint on, then from @lo on. */
static inline u32 vmsg_find_from(const unsigned long *map, u32 *hint, u32 lo, u32 hi,
				 u32 n)
{
	u32 g = vmsg_find_run(map, *hint, hi, n, U32_MAX);

	if (g == VMSG_WIN_NONE && *hint != lo)
		g = vmsg_search_run(map, lo, hi, n, U32_MAX);
	if (g != VMSG_WIN_NONE)
		*hint = g + n;
	return g;
}

/* Caller holds the lock. */
static u32 vmsg_find_own(struct vmsg_window *win, struct vmsg_wctx *ctx, u32 n,
			 bool from)
{
	u32 base = ctx->own.base;
	u32 end = base + ctx->own.len;
	u32 keep = end - ctx->keep;
	u32 g;

	/*
	 * What goes to the device starts in the part that it alone can use, and
	 * leaves the rest to what comes back.
	 */
	if (!from) {
		g = vmsg_find_from(win->used_map, &ctx->keep_hint, keep, end, n);
		if (g != VMSG_WIN_NONE)
			return g;
	}
	return vmsg_find_from(win->used_map, &ctx->hint, base, keep, n);
}

/*
 * Caller holds the lock.  A bounded search, which may miss a hole; what has to
 * be found is found in a region.
 */
static u32 vmsg_find_shared(struct vmsg_window *win, u32 n, bool from)
{
	u32 mid = win->shared_end / 2;
	u32 g;

	if (!from) {
		g = vmsg_find_run(win->used_map, win->hint[0], win->shared_end,
				  n, VMSG_WIN_TRIES);
		if (g == VMSG_WIN_NONE)
			g = vmsg_find_run(win->used_map, mid, win->shared_end,
					  n, VMSG_WIN_TRIES);
		if (g != VMSG_WIN_NONE) {
			win->hint[0] = g + n;
			return g;
		}
	}

	/* These stay: keep them together and far from where regions grow. */
	g = vmsg_find_run(win->used_map, 0, mid, n, VMSG_WIN_TRIES);
	if (g == VMSG_WIN_NONE)
		g = vmsg_find_run(win->used_map, win->hint[1], mid, n,
				  VMSG_WIN_TRIES);
	win->hint[1] = g == VMSG_WIN_NONE ? 0 : g + n;
	return g;
}

/* Is [off, off + size) in the rings' part? */
static bool vmsg_in_rings(const struct vmsg_window *win, u64 off, u64 size)
{
	u64 len = (u64)win->ring_pages << PAGE_SHIFT;

	return off >= win->ring_off && off - win->ring_off < len &&
	       size <= len - (off - win->ring_off);
}

/*
 * Copy between a buffer and the window.  No lock is held: the granules are the
 * caller's.
 */
static inline void vmsg_bounce(struct vmsg_window *win, phys_addr_t orig, u64 off,
			       size_t size, bool to_window)
{
	u8 __vshm *slot = win->va + off;

	/* It may span pages: where these may lie in high memory, page by page. */
	do {
		size_t at = offset_in_page(orig);
		size_t len = IS_ENABLED(CONFIG_HIGHMEM) ?
			     min_t(size_t, PAGE_SIZE - at, size) : size;
		u8 *p = kmap_local_page(pfn_to_page(PHYS_PFN(orig)));

		if (to_window)
			vmsg_shm_copy_to(slot, p + at, len);
		else
			vmsg_shm_copy_from(p + at, slot, len);
		kunmap_local(p);
		orig += len;
		slot += len;
		size -= len;
	} while (IS_ENABLED(CONFIG_HIGHMEM) && size);
}

/**
 * vmsg_window_map - make a buffer visible to the peer
 * @ctx: who maps
 * @page: first page of the buffer
 * @offset: where in it; may exceed the size of a page
 * @size: bytes
 * @dir: direction
 * @skip_sync: the caller syncs by himself before the device looks
 *
 * A buffer that the device is to fill is poisoned, and so is what lies between
 * the end of any buffer and that of its last granule: the peer sees no bytes of
 * other buffers, and a status byte that was never written is no success.
 *
 * A condemned context maps nothing.
 *
 * More than @ctx->max_mapping bytes are accepted while there is room, for
 * drivers that do not ask for the limit; the guarantee does not cover them.
 *
 * Context: Any.
 * Return: wire address, or VMSG_WIN_ERROR.
 */
u64 vmsg_window_map(struct vmsg_wctx *ctx, struct page *page,
		    unsigned long offset, size_t size,
		    enum dma_data_direction dir, bool skip_sync)
{
	struct vmsg_window *win = ctx->win;
	phys_addr_t orig = page_to_phys(page) + offset;
	bool from = dir == DMA_FROM_DEVICE;
	bool copy = !from && !skip_sync;
	struct vmsg_slot_rec *rec;
	unsigned long flags;
	bool own = false;
	u32 g, n;
	u64 off;

	if (!win)
		return VMSG_WIN_ERROR;
	vmsg_wctx_mapping(ctx);

	/* The peer is gone; a buffer more would be one more to drain. */
	if (READ_ONCE(ctx->condemned) || READ_ONCE(ctx->closed))
		return VMSG_WIN_ERROR;

	if (!size || size > VMSG_WIN_MAX_MAPPING || !valid_dma_direction(dir) ||
	    dir == DMA_NONE)
		goto refuse;
	if (IS_ENABLED(CONFIG_VIRTIO_MSG_FAULT_INJECTION) && ctx->ops &&
	    ctx->ops->starved && ctx->ops->starved(ctx))
		goto refuse;

	/*
	 * Memory that was allocated from the window.  A page of the buffers'
	 * part is somebody's slot, it is copied like any other.
	 */
	if (win->phys != ~(phys_addr_t)0 && orig >= win->phys &&
	    vmsg_in_rings(win, orig - win->phys, size)) {
		spin_lock_irqsave(&win->lock, flags);
		win->maps++;
		spin_unlock_irqrestore(&win->lock, flags);
		return win->wire + (orig - win->phys);
	}

	n = vmsg_granules(size);
	spin_lock_irqsave(&win->lock, flags);
	g = VMSG_WIN_NONE;
	if (ctx->own.len) {
		g = vmsg_find_own(win, ctx, n, from);
		own = g != VMSG_WIN_NONE;
	}
	if (g == VMSG_WIN_NONE)
		g = vmsg_find_shared(win, n, from);
	if (g == VMSG_WIN_NONE) {
		spin_unlock_irqrestore(&win->lock, flags);
		goto refuse;
	}
	vmsg_run_set(win->used_map, g, n);
	__set_bit(g, win->head_map);
	rec = &win->recs[g];
	rec->orig = orig;
	rec->ctx = ctx;
	rec->size = size;
	rec->tag = VMSG_WIN_NO_TAG;
	rec->dir = dir;
	rec->own = own;
	win->used += n;
	ctx->used += n;
	if (from)
		ctx->used_from += n;
	if (own)
		ctx->own_used += n;
	win->maps++;
	if (copy)
		win->bounced += size;
	spin_unlock_irqrestore(&win->lock, flags);

	off = vmsg_granule_off(win, g);
	if (!copy) {
		vmsg_shm_fill(win->va + off, VMSG_WIN_POISON,
			      (size_t)n * VMSG_WIN_GRANULE);
		return win->wire + off;
	}
	vmsg_bounce(win, orig, off, size, true);
	if (size % VMSG_WIN_GRANULE)
		vmsg_shm_fill(win->va + off + size, VMSG_WIN_POISON,
			      (size_t)n * VMSG_WIN_GRANULE - size);
	return win->wire + off;

refuse:
	spin_lock_irqsave(&win->lock, flags);
	ctx->failures++;
	win->failures++;
	spin_unlock_irqrestore(&win->lock, flags);
	return VMSG_WIN_ERROR;
}
EXPORT_SYMBOL_IF_KUNIT(vmsg_window_map);

/* The granule that @wire lies in, and how far in. */
static inline u32 vmsg_granule_of(const struct vmsg_window *win, u64 wire, u32 *delta)
{
	u64 off = wire - win->wire;

	if (wire < win->wire || off < win->pool_off)
		return VMSG_WIN_NONE;
	off -= win->pool_off;
	if (off >= (u64)win->total * VMSG_WIN_GRANULE)
		return VMSG_WIN_NONE;
	*delta = off % VMSG_WIN_GRANULE;
	return off / VMSG_WIN_GRANULE;
}

/*
 * The first granule of the mapping of @ctx that @wire lies in, and how far in.
 * Caller holds the lock.
 */
static u32 vmsg_lookup(struct vmsg_window *win, struct vmsg_wctx *ctx, u64 wire,
		       u32 *delta)
{
	u32 g = vmsg_granule_of(win, wire, delta);
	u32 head;

	lockdep_assert_held(&win->lock);

	if (g == VMSG_WIN_NONE)
		return VMSG_WIN_NONE;
	head = test_bit(g, win->head_map) ? g : vmsg_head_below(win, g);
	if (head == VMSG_WIN_NONE || win->recs[head].ctx != ctx)
		return VMSG_WIN_NONE;
	*delta += (g - head) * VMSG_WIN_GRANULE;
	if (*delta >= win->recs[head].size)
		return VMSG_WIN_NONE;
	return head;
}

/*
 * The granule where a mapping of @ctx begins at @wire, without the lock: for the
 * owner of the mapping, who hands it in once.  Until he does, its record and its
 * bit in the map stay as they are, whatever happens to those around them.
 */
static u32 vmsg_lookup_own(const struct vmsg_window *win, const struct vmsg_wctx *ctx,
			   u64 wire)
{
	u32 delta = 0;
	u32 g = vmsg_granule_of(win, wire, &delta);

	/* Others' bits of the word change under the lock, not by atomic operations. */
	if (g == VMSG_WIN_NONE || delta || !data_race(test_bit(g, win->head_map)) ||
	    READ_ONCE(win->recs[g].ctx) != ctx)
		return VMSG_WIN_NONE;
	return g;
}

/* Is it the handle of a buffer that lay in the window already? */
static bool vmsg_is_direct(struct vmsg_window *win, u64 wire, size_t size)
{
	return win->phys != ~(phys_addr_t)0 && wire >= win->wire &&
	       vmsg_in_rings(win, wire - win->wire, size);
}

static void vmsg_bad_handle(struct vmsg_window *win, const char *what, u64 wire,
			    size_t size)
{
	unsigned long flags;

	spin_lock_irqsave(&win->lock, flags);
	win->bad++;
	spin_unlock_irqrestore(&win->lock, flags);
	pr_err_ratelimited("%s of %zu bytes at %#llx, which is no such mapping\n",
			   what, size, wire);
}

/**
 * vmsg_window_unmap - take a buffer back
 * @ctx: who mapped it
 * @wire: what vmsg_window_map() returned
 * @size: bytes; no more than were mapped are copied
 * @dir: direction
 * @skip_sync: the caller has synced what he wants
 *
 * @ctx->ops->unmapping is called first; when the buffer was tagged,
 * @ctx->ops->unmapped at the end, once.
 *
 * Context: Any.
 */
void vmsg_window_unmap(struct vmsg_wctx *ctx, u64 wire, size_t size,
		       enum dma_data_direction dir, bool skip_sync)
{
	struct vmsg_window *win = ctx->win;
	struct vmsg_slot_rec *rec;
	unsigned long flags;
	bool copy, odd;
	size_t len;
	u32 g, tag;

	if (!win)
		return;
	/* A buffer may come back before another one was added behind it. */
	if (ctx->ops && ctx->ops->unmapping)
		ctx->ops->unmapping(ctx, wire);
	g = vmsg_lookup_own(win, ctx, wire);
	if (g == VMSG_WIN_NONE)
		goto bad;
	rec = &win->recs[g];
	odd = size != rec->size || dir != rec->dir;
	len = min_t(size_t, size, rec->size);
	/* What was mapped for reading is never written, whatever @dir says. */
	copy = !skip_sync && rec->dir != DMA_TO_DEVICE && dir != DMA_TO_DEVICE;
	if (copy)
		vmsg_bounce(win, rec->orig, vmsg_granule_off(win, g), len, false);

	spin_lock_irqsave(&win->lock, flags);
	/* Somebody has undone it at the same time. */
	if (unlikely(!test_bit(g, win->head_map) || rec->ctx != ctx)) {
		spin_unlock_irqrestore(&win->lock, flags);
		goto bad;
	}
	__clear_bit(g, win->head_map);
	if (copy)
		win->bounced += len;
	tag = rec->tag;
	vmsg_slot_free(win, g, ctx->condemned);
	spin_unlock_irqrestore(&win->lock, flags);

	if (odd)
		vmsg_bad_handle(win, "unmap", wire, size);
	if (tag != VMSG_WIN_NO_TAG && ctx->ops && ctx->ops->unmapped)
		ctx->ops->unmapped(ctx, tag);
	return;

bad:
	if (!vmsg_is_direct(win, wire, size))
		vmsg_bad_handle(win, "unmap", wire, size);
}
EXPORT_SYMBOL_IF_KUNIT(vmsg_window_unmap);

/* Find [wire, wire + size) for a sync: the buffer's address and the offset. */
static bool vmsg_sync_range(struct vmsg_wctx *ctx, u64 wire, size_t size,
			    phys_addr_t *orig, u64 *off, u8 *dir)
{
	struct vmsg_window *win = ctx->win;
	struct vmsg_slot_rec *rec;
	unsigned long flags;
	u32 g, delta = 0;
	bool ok = false;

	if (!win)
		return false;
	spin_lock_irqsave(&win->lock, flags);
	g = vmsg_lookup(win, ctx, wire, &delta);
	if (g != VMSG_WIN_NONE) {
		rec = &win->recs[g];
		if (size <= rec->size - delta) {
			*orig = rec->orig + delta;
			*off = vmsg_granule_off(win, g) + delta;
			*dir = rec->dir;
			win->bounced += size;
			ok = true;
		}
	}
	spin_unlock_irqrestore(&win->lock, flags);

	if (!ok && !vmsg_is_direct(win, wire, size))
		vmsg_bad_handle(win, "sync", wire, size);
	return ok;
}

/**
 * vmsg_window_sync_for_cpu - the driver wants to see what the device wrote
 * @ctx: who mapped the buffer
 * @wire: an address in a mapping
 * @size: bytes from there on
 * @dir: direction
 *
 * Context: Any.
 */
void vmsg_window_sync_for_cpu(struct vmsg_wctx *ctx, u64 wire, size_t size,
			      enum dma_data_direction dir)
{
	phys_addr_t orig;
	u64 off;
	u8 was;

	if (!size || dir == DMA_TO_DEVICE ||
	    !vmsg_sync_range(ctx, wire, size, &orig, &off, &was))
		return;
	if (was != DMA_TO_DEVICE)
		vmsg_bounce(ctx->win, orig, off, size, false);
}
EXPORT_SYMBOL_IF_KUNIT(vmsg_window_sync_for_cpu);

/**
 * vmsg_window_sync_for_device - the device may have the buffer again
 * @ctx: who mapped the buffer
 * @wire: an address in a mapping
 * @size: bytes from there on
 * @dir: direction
 *
 * What the device is to fill is poisoned anew.
 *
 * Context: Any.
 */
void vmsg_window_sync_for_device(struct vmsg_wctx *ctx, u64 wire, size_t size,
				 enum dma_data_direction dir)
{
	phys_addr_t orig;
	u64 off;
	u8 was;

	if (!size || !vmsg_sync_range(ctx, wire, size, &orig, &off, &was))
		return;
	if (was == DMA_FROM_DEVICE || dir == DMA_FROM_DEVICE)
		vmsg_shm_fill(ctx->win->va + off, VMSG_WIN_POISON, size);
	else
		vmsg_bounce(ctx->win, orig, off, size, true);
}
EXPORT_SYMBOL_IF_KUNIT(vmsg_window_sync_for_device);

/**
 * vmsg_window_need_sync - does a mapping have a copy?
 * @ctx: who mapped the buffer
 * @wire: an address in a mapping
 *
 * Context: Any.
 * Return: false for a buffer that lay in the window already.
 */
bool vmsg_window_need_sync(struct vmsg_wctx *ctx, u64 wire)
{
	return ctx->win && !vmsg_is_direct(ctx->win, wire, 1);
}
EXPORT_SYMBOL_IF_KUNIT(vmsg_window_need_sync);

/**
 * vmsg_window_set_tag - have the owner told when a mapping ends
 * @ctx: who mapped the buffer
 * @wire: an address in a mapping; it may come from memory that the peer can
 *	write
 * @tag: handed to @ctx->ops->unmapped
 *
 * Context: Any.
 * Return: false if it is no live mapping of @ctx.
 */
bool vmsg_window_set_tag(struct vmsg_wctx *ctx, u64 wire, u32 tag)
{
	struct vmsg_window *win = ctx->win;
	unsigned long flags;
	u32 g, delta;

	if (!win)
		return false;
	spin_lock_irqsave(&win->lock, flags);
	g = vmsg_lookup(win, ctx, wire, &delta);
	if (g != VMSG_WIN_NONE)
		win->recs[g].tag = tag;
	spin_unlock_irqrestore(&win->lock, flags);
	return g != VMSG_WIN_NONE;
}
EXPORT_SYMBOL_IF_KUNIT(vmsg_window_set_tag);

/**
 * vmsg_window_ptr - where a wire address is in kernel memory
 * @win: the window
 * @wire: wire address
 * @len: bytes
 *
 * Context: Any.
 * Return: pointer to memory that the peer can write, or NULL if not all of it
 * lies in the window.
 */
void *vmsg_window_ptr(struct vmsg_window *win, u64 wire, u64 len)
{
	u64 off = wire - win->wire;

	if (wire < win->wire || off > win->size || len > win->size - off)
		return NULL;
	return (void __force *)(win->va + off);
}
EXPORT_SYMBOL_IF_KUNIT(vmsg_window_ptr);

/*
 * Quarantine
 */

/**
 * vmsg_wctx_condemn - nothing is mapped any more, what is unmapped stays unused
 * @ctx: the context
 *
 * For a peer that is gone but whose queued writes may still land.
 *
 * Context: Any.
 */
void vmsg_wctx_condemn(struct vmsg_wctx *ctx)
{
	unsigned long flags;

	spin_lock_irqsave(&ctx->win->lock, flags);
	WRITE_ONCE(ctx->condemned, true);
	spin_unlock_irqrestore(&ctx->win->lock, flags);
}
EXPORT_SYMBOL_IF_KUNIT(vmsg_wctx_condemn);

/* The mapping of @ctx that was put in quarantine last is free. */
static void vmsg_quarantine_end(struct vmsg_wctx *ctx)
{
	struct vmsg_window *win = ctx->win;
	struct vmsg_slot_rec *rec = &win->recs[ctx->quar];
	u32 n = vmsg_granules(rec->size);

	lockdep_assert_held(&win->lock);
	bitmap_clear(win->quar_map, ctx->quar, n);
	vmsg_run_clear(win->used_map, ctx->quar, n);
	win->quarantined -= n;
	ctx->quar = rec->next;
	rec->tag = VMSG_WIN_NO_TAG;
}

/**
 * vmsg_wctx_close - nothing is mapped any more
 * @ctx: the context
 *
 * For a device that a living peer has taken away: it writes no more, and
 * quarantine would end only with the link.  What it had before it was known is
 * free, too.
 *
 * Context: Any.
 */
void vmsg_wctx_close(struct vmsg_wctx *ctx)
{
	unsigned long flags;
	unsigned int n;

	WRITE_ONCE(ctx->closed, true);
	/* By DMA */
	if (!ctx->win)
		return;
	spin_lock_irqsave(&ctx->win->lock, flags);
	/* It was taken for one that may write on, and has let go since. */
	WRITE_ONCE(ctx->condemned, false);
	while (ctx->quar != VMSG_WIN_NONE) {
		for (n = 0; n < VMSG_WIN_BATCH && ctx->quar != VMSG_WIN_NONE; n++)
			vmsg_quarantine_end(ctx);
		/* Others have their turn. */
		spin_unlock_irqrestore(&ctx->win->lock, flags);
		spin_lock_irqsave(&ctx->win->lock, flags);
	}
	spin_unlock_irqrestore(&ctx->win->lock, flags);
}
EXPORT_SYMBOL_IF_KUNIT(vmsg_wctx_close);

/**
 * vmsg_window_absolve - nobody writes behind our back any more
 * @win: the window
 *
 * Frees what is in quarantine, and no context is condemned afterwards.
 *
 * Context: Any.
 */
void vmsg_window_absolve(struct vmsg_window *win)
{
	struct vmsg_wctx *ctx;
	unsigned long flags;

	spin_lock_irqsave(&win->lock, flags);
	if (win->quarantined) {
		bitmap_andnot(win->used_map, win->used_map, win->quar_map,
			      win->total);
		bitmap_zero(win->quar_map, win->total);
		win->quarantined = 0;
	}
	list_for_each_entry(ctx, &win->ctxs, node) {
		ctx->quar = VMSG_WIN_NONE;
		WRITE_ONCE(ctx->condemned, false);
	}
	spin_unlock_irqrestore(&win->lock, flags);
}
EXPORT_SYMBOL_IF_KUNIT(vmsg_window_absolve);

/**
 * vmsg_window_get_stats - use of a window
 * @win: the window
 * @st: the answer
 *
 * Context: Any.
 */
void vmsg_window_get_stats(struct vmsg_window *win,
			   struct vmsg_window_stats *st)
{
	unsigned long flags;

	spin_lock_irqsave(&win->lock, flags);
	st->total = win->total;
	st->used = win->used;
	st->quarantined = win->quarantined;
	st->free = win->total - bitmap_weight(win->used_map, win->total);
	st->guaranteed = win->guaranteed;
	st->ring_total = (u64)win->ring_pages << PAGE_SHIFT;
	st->ring_used = (u64)win->ring_used << PAGE_SHIFT;
	st->maps = win->maps;
	st->failures = win->failures;
	st->bounced = win->bounced;
	st->bad = win->bad;
	spin_unlock_irqrestore(&win->lock, flags);
}
EXPORT_SYMBOL_IF_KUNIT(vmsg_window_get_stats);
