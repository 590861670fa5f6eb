/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Buses without a window: rings and buffers by DMA
 */
#ifndef _DRIVERS_VIRTIO_MSG_DMA_H
#define _DRIVERS_VIRTIO_MSG_DMA_H

#include <linux/dma-direction.h>
#include <linux/types.h>
#include "window.h"

struct device;
struct page;

/* A wire address of area 0 has its offset in 48 bits. */
#define VMSG_DMA_BITS		48

/* Shorter buffers that the device writes are poisoned, as those in a window. */
#define VMSG_DMA_POISON_MAX	256

int vmsg_dma_check(struct device *dev, bool *physical);

int vmsg_dma_init(struct vmsg_wctx *ctx, struct device *dev, u32 num,
		  const struct vmsg_wctx_ops *ops);
void vmsg_dma_exit(struct vmsg_wctx *ctx);

dma_addr_t vmsg_dma_map(struct vmsg_wctx *ctx, struct page *page,
			unsigned long offset, size_t size,
			enum dma_data_direction dir, unsigned long attrs);
void vmsg_dma_unmap(struct vmsg_wctx *ctx, dma_addr_t addr, size_t size,
		    enum dma_data_direction dir, unsigned long attrs);
void vmsg_dma_sync_for_cpu(struct vmsg_wctx *ctx, dma_addr_t addr, size_t size,
			   enum dma_data_direction dir);
void vmsg_dma_sync_for_device(struct vmsg_wctx *ctx, dma_addr_t addr,
			      size_t size, enum dma_data_direction dir);
bool vmsg_dma_need_sync(struct vmsg_wctx *ctx, dma_addr_t addr);
void *vmsg_dma_alloc_ring(struct vmsg_wctx *ctx, size_t size, dma_addr_t *addr,
			  gfp_t gfp);
void vmsg_dma_free_ring(struct vmsg_wctx *ctx, size_t size, void *va,
			dma_addr_t addr);

/* For track.c, as the functions of a window that are called alike. */
bool vmsg_dma_set_tag(struct vmsg_wctx *ctx, u64 addr, u32 tag);
void *vmsg_dma_ptr(struct vmsg_wctx *ctx, u64 addr, u64 len);

#endif /* _DRIVERS_VIRTIO_MSG_DMA_H */
