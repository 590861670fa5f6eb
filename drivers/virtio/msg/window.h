/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The window: the only memory that the peer sees
 *
 * An allocator for atomic context and a bounce engine over it.  It knows no
 * bus and no virtio device; front ends (map_ops.c, compat/) put it behind the
 * kernel's mapping interfaces.
 */
#ifndef _DRIVERS_VIRTIO_MSG_WINDOW_H
#define _DRIVERS_VIRTIO_MSG_WINDOW_H

#include <linux/types.h>
#include <linux/device.h>
#include <linux/dma-direction.h>
#include <linux/list.h>
#include "shm.h"

struct page;
struct vmsg_window;
struct vmsg_dma;
struct vmsg_share;
struct vmsg_wctx;

#define VMSG_WIN_GRANULE	512U		/* bytes; a slot is a run of these */
#define VMSG_WIN_NO_TAG		U32_MAX
#define VMSG_WIN_ERROR		(~(u64)0)	/* no wire address */
#define VMSG_WIN_MAX_MAPPING	(256U * 1024)	/* bytes; no mapping is larger */

/**
 * struct vmsg_wctx_ops - what the owner of a context is told
 * @mapping: a buffer is about to be mapped: every chain that was added before
 *	is published in the ring by now.  Atomic context, no lock of the window
 *	held.
 * @starved: optional, for tests: true makes the window seem full.  As @mapping.
 * @mapped: optional: one was mapped, at @wire.  As @mapping.
 * @unmapping: the one at @wire is about to be unmapped.  As @mapping.
 * @unmapped: a buffer whose tag was set by vmsg_window_set_tag() was unmapped.
 *	Atomic context, no lock of the window held.
 */
struct vmsg_wctx_ops {
	void (*mapping)(struct vmsg_wctx *ctx);
	bool (*starved)(struct vmsg_wctx *ctx);
	void (*mapped)(struct vmsg_wctx *ctx, u64 wire);
	void (*unmapping)(struct vmsg_wctx *ctx, u64 wire);
	void (*unmapped)(struct vmsg_wctx *ctx, u32 tag);
};

/**
 * struct vmsg_region - granules that only one context may take
 * @node: on the window's list, highest first; guarded by the window's mutex
 * @base: first granule
 * @len: granules
 */
struct vmsg_region {
	struct list_head node;
	u32 base;
	u32 len;
};

/**
 * struct vmsg_wctx - who maps: one virtqueue (or a device, for limits only)
 * @dev: never registered; it is what the mapping interfaces carry to us
 * @win: the window
 * @ops: hooks, may be NULL
 * @max_mapping: most bytes of one mapping
 * @guarantee: granules nobody else can take
 * @used: granules in use; guarded by the window's lock
 * @used_from: of these, mapped DMA_FROM_DEVICE; guarded by the window's lock
 * @failures: mappings refused for lack of room; guarded by the window's lock
 * @condemned: the peer that may still write our slots is not proven dead: what
 *	is unmapped goes to quarantine; guarded by the window's lock
 * @closed: nothing is mapped any more, yet what is unmapped is free
 * @ended: the device was reset: what is never unmapped is free, too
 * @quar: first granule of what went to quarantine last; guarded by the window's
 *	lock
 * @own: where the guarantee lies; window.c only
 * @keep: granules at the end of @own that DMA_FROM_DEVICE may not take;
 *	window.c only
 * @hint: where to look next in @own; guarded by the window's lock
 * @keep_hint: likewise in its last @keep granules
 * @own_used: granules of @own in use by this context; guarded by the window's
 *	lock
 * @node: on the window's list; window.c only
 * @share: slots for buffers that need not be copied, or NULL; see share.c
 * @dma: where there is no window: the device that does DMA and what is mapped
 *	through it, see dma.c
 */
struct vmsg_wctx {
	struct device dev;
	struct vmsg_window *win;
	struct vmsg_dma *dma;
	struct vmsg_share *share;
	const struct vmsg_wctx_ops *ops;
	size_t max_mapping;
	u32 guarantee;
	u32 used;
	u32 used_from;
	u64 failures;
	bool condemned;
	bool closed;
	bool ended;
	u32 quar;
	struct vmsg_region own;
	u32 keep;
	u32 hint;
	u32 keep_hint;
	u32 own_used;
	struct list_head node;
};

/* A buffer is about to be mapped. */
static inline void vmsg_wctx_mapping(struct vmsg_wctx *ctx)
{
	if (ctx->ops && ctx->ops->mapping)
		ctx->ops->mapping(ctx);
}

/**
 * struct vmsg_window_stats - use of a window, in granules
 * @total: buffers' part of the window
 * @used: mapped
 * @quarantined: unmapped, but a dead peer may still write them
 * @free: neither of these, counted from the map itself: @free + @used +
 *	@quarantined = @total always
 * @guaranteed: promised to queues
 * @ring_total: bytes of the rings' part
 * @ring_used: bytes of rings
 * @maps: mappings made since the start
 * @failures: mappings refused
 * @bounced: bytes copied
 * @bad: handles that were no mapping
 */
struct vmsg_window_stats {
	u32 total, used, quarantined, free, guaranteed;
	u64 ring_total, ring_used;
	u64 maps, failures, bounced, bad;
};

/*
 * @va: kernel mapping (WB or WC, never Device type); @phys: its physical
 * address, for buffers that lie in the window already, or ~0; @wire: the wire
 * address of the first byte.  GFP_KERNEL context.  ERR_PTR(-EINVAL) when the
 * window is too small (less than 16 pages), ERR_PTR(-ENOMEM).
 */
struct vmsg_window *vmsg_window_create(__vshm void *va, phys_addr_t phys,
				       u64 size, u64 wire);
void vmsg_window_destroy(struct vmsg_window *win);

/*
 * Budget.  A device asks for all its queues before it makes the first: the
 * largest mapping size (a multiple of 4096, from 4096 to 256 KiB) with which
 * every queue i is guaranteed (segs[i] + 2) mappings, but not more than @most.
 * Leaves three quarters of what is unpromised to later devices, or as much for each
 * of @others and a quarter, while that allows 4096.
 * Returns the mapping size, or 0 when even 4096 does not fit: refuse the device.
 */
size_t vmsg_window_budget(struct vmsg_window *win, const u32 *segs,
			  unsigned int nqueues, size_t most, unsigned int others);
/* Largest ring (entries, power of two, at most @num) that rings' part can back. */
u32 vmsg_window_ring_limit(struct vmsg_window *win, u32 num);
/* Mapping size for a device that has not asked for a budget yet. */
size_t vmsg_window_default_mapping(struct vmsg_window *win);

/*
 * GFP_KERNEL; @ctx->dev is left alone.
 * 0 or -ENOSPC when the guarantee (segs + 2 mappings) is gone.
 */
int vmsg_wctx_init(struct vmsg_wctx *ctx, struct vmsg_window *win, u32 segs,
		   size_t max_mapping, const struct vmsg_wctx_ops *ops);
/* A context without a guarantee: limits of a device, or of the bus. Any context. */
void vmsg_wctx_init_limits(struct vmsg_wctx *ctx, struct vmsg_window *win,
			   size_t max_mapping);
/* GFP_KERNEL. Every buffer must be unmapped; what was not is counted and quarantined. */
void vmsg_wctx_exit(struct vmsg_wctx *ctx);

/* Rings: GFP_KERNEL context, zeroed, page aligned. NULL when full, silently. */
void *vmsg_window_alloc_ring(struct vmsg_window *win, size_t size, u64 *wire);
void vmsg_window_free_ring(struct vmsg_window *win, void *va, size_t size);

/* Buffers: any context. VMSG_WIN_ERROR when there is no room. */
u64 vmsg_window_map(struct vmsg_wctx *ctx, struct page *page,
		    unsigned long offset, size_t size,
		    enum dma_data_direction dir, bool skip_sync);
void vmsg_window_unmap(struct vmsg_wctx *ctx, u64 wire, size_t size,
		       enum dma_data_direction dir, bool skip_sync);
void vmsg_window_sync_for_cpu(struct vmsg_wctx *ctx, u64 wire, size_t size,
			      enum dma_data_direction dir);
void vmsg_window_sync_for_device(struct vmsg_wctx *ctx, u64 wire, size_t size,
				 enum dma_data_direction dir);
bool vmsg_window_need_sync(struct vmsg_wctx *ctx, u64 wire);

/* Mark the mapping at @wire; false if it is no live mapping of @ctx. */
bool vmsg_window_set_tag(struct vmsg_wctx *ctx, u64 wire, u32 tag);

/* Kernel pointer for [wire, wire + len) anywhere in the window, else NULL. */
void *vmsg_window_ptr(struct vmsg_window *win, u64 wire, u64 len);

/*
 * Quarantine (a killed peer's queued writes may still land): after condemn,
 * nothing is mapped and what is unmapped through @ctx stays unused until
 * vmsg_window_absolve().
 */
void vmsg_wctx_condemn(struct vmsg_wctx *ctx);
/* Nothing is mapped any more; no quarantine, also not for what was put there before. */
void vmsg_wctx_close(struct vmsg_wctx *ctx);
void vmsg_window_absolve(struct vmsg_window *win);

void vmsg_window_get_stats(struct vmsg_window *win,
			   struct vmsg_window_stats *st);

#endif /* _DRIVERS_VIRTIO_MSG_WINDOW_H */
