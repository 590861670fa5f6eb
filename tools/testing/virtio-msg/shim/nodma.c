// SPDX-License-Identifier: GPL-2.0-only
/*
 * Shim: what the core calls of files that are not built in user space: no bus here
 * does DMA, and there is no debugfs.
 */
#include <env/env.h>
#include "internal.h"

const struct class vmsg_class = { .name = "virtio-msg" };

void vmsg_debugfs_add(struct virtio_msg_bus *bus)
{
}

void vmsg_debugfs_remove(struct virtio_msg_bus *bus)
{
}

int vmsg_dma_check(struct device *dev, bool *physical)
{
	SHIM_MUST(!"DMA");
}

int vmsg_dma_init(struct vmsg_wctx *ctx, struct device *dev, u32 num,
		  const struct vmsg_wctx_ops *ops)
{
	SHIM_MUST(!"DMA");
}

void vmsg_dma_exit(struct vmsg_wctx *ctx)
{
	SHIM_MUST(!ctx->dma);
}

dma_addr_t vmsg_dma_map(struct vmsg_wctx *ctx, struct page *page, unsigned long offset,
			size_t size, enum dma_data_direction dir, unsigned long attrs)
{
	SHIM_MUST(!"DMA");
}

void vmsg_dma_unmap(struct vmsg_wctx *ctx, dma_addr_t addr, size_t size,
		    enum dma_data_direction dir, unsigned long attrs)
{
	SHIM_MUST(!"DMA");
}

void vmsg_dma_sync_for_cpu(struct vmsg_wctx *ctx, dma_addr_t addr, size_t size,
			   enum dma_data_direction dir)
{
	SHIM_MUST(!"DMA");
}

void vmsg_dma_sync_for_device(struct vmsg_wctx *ctx, dma_addr_t addr, size_t size,
			      enum dma_data_direction dir)
{
	SHIM_MUST(!"DMA");
}

bool vmsg_dma_need_sync(struct vmsg_wctx *ctx, dma_addr_t addr)
{
	SHIM_MUST(!"DMA");
}

void *vmsg_dma_alloc_ring(struct vmsg_wctx *ctx, size_t size, dma_addr_t *addr, gfp_t gfp)
{
	SHIM_MUST(!"DMA");
}

void vmsg_dma_free_ring(struct vmsg_wctx *ctx, size_t size, void *va, dma_addr_t addr)
{
	SHIM_MUST(!"DMA");
}

bool vmsg_dma_set_tag(struct vmsg_wctx *ctx, u64 addr, u32 tag)
{
	SHIM_MUST(!"DMA");
}

void *vmsg_dma_ptr(struct vmsg_wctx *ctx, u64 addr, u64 len)
{
	SHIM_MUST(!"DMA");
}
