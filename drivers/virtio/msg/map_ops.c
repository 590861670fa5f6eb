// SPDX-License-Identifier: GPL-2.0-only
/*
 * The window, or DMA, behind struct virtio_map_ops
 *
 * The core of virtio carries a struct device pointer to us and never looks
 * behind it; it is the one in a struct vmsg_wctx.
 */

#include <linux/build_bug.h>
#include <linux/container_of.h>
#include <linux/dma-mapping.h>
#include <linux/virtio.h>
#include <linux/virtio_config.h>
#include <kunit/visibility.h>
#include "dma.h"
#include "map_ops.h"
#include "share.h"
#include "window.h"

static_assert(sizeof(dma_addr_t) == sizeof(u64));

static struct vmsg_wctx *vmsg_map_ctx(union virtio_map map)
{
	return container_of(map.dma_dev, struct vmsg_wctx, dev);
}

static dma_addr_t vmsg_map_page(union virtio_map map, struct page *page,
				unsigned long offset, size_t size,
				enum dma_data_direction dir,
				unsigned long attrs)
{
	/* VMSG_WIN_ERROR is DMA_MAPPING_ERROR: Kconfig asks for 64 bits. */
	return vmsg_buf_map(vmsg_map_ctx(map), page, offset, size, dir,
			    attrs & DMA_ATTR_SKIP_CPU_SYNC);
}

static void vmsg_unmap_page(union virtio_map map, dma_addr_t map_handle,
			    size_t size, enum dma_data_direction dir,
			    unsigned long attrs)
{
	vmsg_buf_unmap(vmsg_map_ctx(map), map_handle, size, dir,
		       attrs & DMA_ATTR_SKIP_CPU_SYNC);
}

static void vmsg_sync_single_for_cpu(union virtio_map map,
				     dma_addr_t map_handle, size_t size,
				     enum dma_data_direction dir)
{
	vmsg_buf_sync_for_cpu(vmsg_map_ctx(map), map_handle, size, dir);
}

static void vmsg_sync_single_for_device(union virtio_map map,
					dma_addr_t map_handle, size_t size,
					enum dma_data_direction dir)
{
	vmsg_buf_sync_for_device(vmsg_map_ctx(map), map_handle, size, dir);
}

/*
 * Always zeroed, as __GFP_ZERO asks.  Silent when there is no room: the core
 * tries again with a smaller ring.
 */
static void *vmsg_alloc(union virtio_map map, size_t size,
			dma_addr_t *map_handle, gfp_t gfp)
{
	struct vmsg_wctx *ctx = vmsg_map_ctx(map);
	u64 wire;
	void *va;

	if (!ctx->win)
		return NULL;
	va = vmsg_window_alloc_ring(ctx->win, size, &wire);
	if (va)
		*map_handle = wire;
	return va;
}

static void vmsg_free(union virtio_map map, size_t size, void *vaddr,
		      dma_addr_t map_handle, unsigned long attrs)
{
	struct vmsg_wctx *ctx = vmsg_map_ctx(map);

	if (ctx->win)
		vmsg_window_free_ring(ctx->win, vaddr, size);
}

static bool vmsg_need_sync(union virtio_map map, dma_addr_t map_handle)
{
	return vmsg_buf_need_sync(vmsg_map_ctx(map), map_handle);
}

static int vmsg_mapping_error(union virtio_map map, dma_addr_t map_handle)
{
	return map_handle == DMA_MAPPING_ERROR ? -ENOMEM : 0;
}

/* The one operation that is asked with the map of the device, not of a queue. */
static size_t vmsg_max_mapping_size(union virtio_map map)
{
	return map.dma_dev ? vmsg_map_ctx(map)->max_mapping : PAGE_SIZE;
}

const struct virtio_map_ops vmsg_map_ops = {
	.map_page = vmsg_map_page,
	.unmap_page = vmsg_unmap_page,
	.sync_single_for_cpu = vmsg_sync_single_for_cpu,
	.sync_single_for_device = vmsg_sync_single_for_device,
	.alloc = vmsg_alloc,
	.free = vmsg_free,
	.need_sync = vmsg_need_sync,
	.mapping_error = vmsg_mapping_error,
	.max_mapping_size = vmsg_max_mapping_size,
};
EXPORT_SYMBOL_IF_KUNIT(vmsg_map_ops);

/* Buses without a window. */

static dma_addr_t vmsg_dma_map_page(union virtio_map map, struct page *page,
				    unsigned long offset, size_t size,
				    enum dma_data_direction dir,
				    unsigned long attrs)
{
	return vmsg_dma_map(vmsg_map_ctx(map), page, offset, size, dir, attrs);
}

static void vmsg_dma_unmap_page(union virtio_map map, dma_addr_t map_handle,
				size_t size, enum dma_data_direction dir,
				unsigned long attrs)
{
	vmsg_dma_unmap(vmsg_map_ctx(map), map_handle, size, dir, attrs);
}

static void vmsg_dma_sync_single_for_cpu(union virtio_map map,
					 dma_addr_t map_handle, size_t size,
					 enum dma_data_direction dir)
{
	vmsg_dma_sync_for_cpu(vmsg_map_ctx(map), map_handle, size, dir);
}

static void vmsg_dma_sync_single_for_device(union virtio_map map,
					    dma_addr_t map_handle, size_t size,
					    enum dma_data_direction dir)
{
	vmsg_dma_sync_for_device(vmsg_map_ctx(map), map_handle, size, dir);
}

static void *vmsg_dma_alloc(union virtio_map map, size_t size,
			    dma_addr_t *map_handle, gfp_t gfp)
{
	return vmsg_dma_alloc_ring(vmsg_map_ctx(map), size, map_handle, gfp);
}

static void vmsg_dma_free(union virtio_map map, size_t size, void *vaddr,
			  dma_addr_t map_handle, unsigned long attrs)
{
	vmsg_dma_free_ring(vmsg_map_ctx(map), size, vaddr, map_handle);
}

static bool vmsg_dma_need_sync_op(union virtio_map map, dma_addr_t map_handle)
{
	return vmsg_dma_need_sync(vmsg_map_ctx(map), map_handle);
}

const struct virtio_map_ops vmsg_dma_map_ops = {
	.map_page = vmsg_dma_map_page,
	.unmap_page = vmsg_dma_unmap_page,
	.sync_single_for_cpu = vmsg_dma_sync_single_for_cpu,
	.sync_single_for_device = vmsg_dma_sync_single_for_device,
	.alloc = vmsg_dma_alloc,
	.free = vmsg_dma_free,
	.need_sync = vmsg_dma_need_sync_op,
	.mapping_error = vmsg_mapping_error,
	.max_mapping_size = vmsg_max_mapping_size,
};
