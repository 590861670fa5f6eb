/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Buffers that the device side is let reach where they are, one by one
 */
#ifndef _DRIVERS_VIRTIO_MSG_SHARE_H
#define _DRIVERS_VIRTIO_MSG_SHARE_H

#include <linux/dma-direction.h>
#include <linux/rcupdate.h>
#include <linux/types.h>
#include "window.h"

struct page;
struct virtio_msg_bus;
struct virtio_msg_transport_desc;
struct vmsg_share;

/**
 * struct vmsg_share_stats - use of the slots
 * @slots: how many there are
 * @used: in use, those that are kept among them
 * @kept: the device side did not let go of: not used any more
 * @maps: buffers shared
 * @pages: slots that it took
 * @full: buffers that found no room and went into the window
 */
struct vmsg_share_stats {
	u32 slots;
	u32 used;
	u32 kept;
	u64 maps;
	u64 pages;
	u64 full;
};

/* GFP_KERNEL.  NULL where the transport has no slots; ERR_PTR(-ENOMEM). */
struct vmsg_share *
vmsg_share_create(struct virtio_msg_bus *bus,
		  const struct virtio_msg_transport_desc *desc);
void vmsg_share_destroy(struct vmsg_share *s);
void vmsg_share_get_stats(struct vmsg_share *s, struct vmsg_share_stats *st);

/* Does @wire lie in a slot, and not in the window?  Any context. */
bool vmsg_share_owns(const struct vmsg_wctx *ctx, u64 wire);
/* As vmsg_window_set_tag(). */
bool vmsg_share_set_tag(struct vmsg_wctx *ctx, u64 wire, u32 tag);

/*
 * What the front ends map with: in a slot what may be shared and finds room
 * there, in the window all else.  As the functions of window.h that are called
 * alike.
 */
u64 vmsg_share_map(struct vmsg_wctx *ctx, struct page *page,
		   unsigned long offset, size_t size,
		   enum dma_data_direction dir);
void vmsg_share_unmap(struct vmsg_wctx *ctx, u64 wire);

/*
 * A buffer that its caller syncs by himself is never shared.  Who condemns a context
 * and then waits for RCU knows of each mapping: it was refused, or @ops has heard of it.
 */
static inline u64 vmsg_buf_map(struct vmsg_wctx *ctx, struct page *page,
			       unsigned long offset, size_t size,
			       enum dma_data_direction dir, bool skip_sync)
{
	u64 wire = VMSG_WIN_ERROR;

	rcu_read_lock();
	if (ctx->share && !skip_sync)
		wire = vmsg_share_map(ctx, page, offset, size, dir);
	if (wire == VMSG_WIN_ERROR)
		wire = vmsg_window_map(ctx, page, offset, size, dir, skip_sync);
	if (wire != VMSG_WIN_ERROR && ctx->ops && ctx->ops->mapped)
		ctx->ops->mapped(ctx, wire);
	rcu_read_unlock();
	return wire;
}

static inline void vmsg_buf_unmap(struct vmsg_wctx *ctx, u64 wire, size_t size,
				  enum dma_data_direction dir, bool skip_sync)
{
	if (ctx->share && vmsg_share_owns(ctx, wire))
		vmsg_share_unmap(ctx, wire);
	else
		vmsg_window_unmap(ctx, wire, size, dir, skip_sync);
}

void vmsg_buf_sync_for_cpu(struct vmsg_wctx *ctx, u64 wire, size_t size,
			   enum dma_data_direction dir);
void vmsg_buf_sync_for_device(struct vmsg_wctx *ctx, u64 wire, size_t size,
			      enum dma_data_direction dir);
bool vmsg_buf_need_sync(struct vmsg_wctx *ctx, u64 wire);

#endif /* _DRIVERS_VIRTIO_MSG_SHARE_H */
