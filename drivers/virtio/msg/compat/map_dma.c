// SPDX-License-Identifier: GPL-2.0-only
/*
 * The window, or real DMA, behind struct dma_map_ops, for kernels without virtio_map_ops
 *
 * Each device given to the DMA interface is the one in a struct vmsg_wctx: that
 * of a queue for its ring and buffers, that of the bus as the parent of the
 * virtio devices, because there the size limit is asked of the parent.
 */

#include <linux/container_of.h>
#include <linux/dma-map-ops.h>
#include <linux/dma-mapping.h>
#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/scatterlist.h>
#include "map_dma.h"
#include "../dma.h"
#include "../share.h"
#include "../window.h"

static struct vmsg_wctx *vmsg_dma_ctx(struct device *dev)
{
	return container_of(dev, struct vmsg_wctx, dev);
}

static dma_addr_t vmsg_dma_map_page(struct device *dev, struct page *page,
				    unsigned long offset, size_t size,
				    enum dma_data_direction dir,
				    unsigned long attrs)
{
	/* VMSG_WIN_ERROR is DMA_MAPPING_ERROR: Kconfig asks for 64 bits. */
	return vmsg_buf_map(vmsg_dma_ctx(dev), page, offset, size, dir,
			    attrs & DMA_ATTR_SKIP_CPU_SYNC);
}

static void vmsg_dma_unmap_page(struct device *dev, dma_addr_t handle,
				size_t size, enum dma_data_direction dir,
				unsigned long attrs)
{
	vmsg_buf_unmap(vmsg_dma_ctx(dev), handle, size, dir,
		       attrs & DMA_ATTR_SKIP_CPU_SYNC);
}

static void vmsg_dma_unmap_sg(struct device *dev, struct scatterlist *sgl,
			      int nents, enum dma_data_direction dir,
			      unsigned long attrs)
{
	struct scatterlist *sg;
	int i;

	for_each_sg(sgl, sg, nents, i)
		vmsg_dma_unmap_page(dev, sg_dma_address(sg), sg_dma_len(sg),
				    dir, attrs);
}

/* No driver does this for a queue; some do it with the parent of their device. */
static int vmsg_dma_map_sg(struct device *dev, struct scatterlist *sgl,
			   int nents, enum dma_data_direction dir,
			   unsigned long attrs)
{
	struct scatterlist *sg;
	int i;

	for_each_sg(sgl, sg, nents, i) {
		sg->dma_address = vmsg_dma_map_page(dev, sg_page(sg),
						    sg->offset, sg->length,
						    dir, attrs);
		if (sg->dma_address == DMA_MAPPING_ERROR) {
			vmsg_dma_unmap_sg(dev, sgl, i, dir,
					  attrs | DMA_ATTR_SKIP_CPU_SYNC);
			return -ENOMEM;
		}
		sg_dma_len(sg) = sg->length;
	}
	return nents;
}

static void vmsg_dma_sync_single_for_cpu(struct device *dev, dma_addr_t handle,
					 size_t size,
					 enum dma_data_direction dir)
{
	vmsg_buf_sync_for_cpu(vmsg_dma_ctx(dev), handle, size, dir);
}

static void vmsg_dma_sync_single_for_device(struct device *dev,
					    dma_addr_t handle, size_t size,
					    enum dma_data_direction dir)
{
	vmsg_buf_sync_for_device(vmsg_dma_ctx(dev), handle, size, dir);
}

static void vmsg_dma_sync_sg_for_cpu(struct device *dev,
				     struct scatterlist *sgl, int nents,
				     enum dma_data_direction dir)
{
	struct scatterlist *sg;
	int i;

	for_each_sg(sgl, sg, nents, i)
		vmsg_dma_sync_single_for_cpu(dev, sg_dma_address(sg),
					     sg->length, dir);
}

static void vmsg_dma_sync_sg_for_device(struct device *dev,
					struct scatterlist *sgl, int nents,
					enum dma_data_direction dir)
{
	struct scatterlist *sg;
	int i;

	for_each_sg(sgl, sg, nents, i)
		vmsg_dma_sync_single_for_device(dev, sg_dma_address(sg),
						sg->length, dir);
}

/* Always zeroed, as __GFP_ZERO asks; silent when there is no room. */
static void *vmsg_dma_alloc(struct device *dev, size_t size, dma_addr_t *handle,
			    gfp_t gfp, unsigned long attrs)
{
	struct vmsg_wctx *ctx = vmsg_dma_ctx(dev);
	u64 wire;
	void *va;

	if (!ctx->win)
		return NULL;
	va = vmsg_window_alloc_ring(ctx->win, size, &wire);
	if (va)
		*handle = wire;
	return va;
}

static void vmsg_dma_free(struct device *dev, size_t size, void *va,
			  dma_addr_t handle, unsigned long attrs)
{
	struct vmsg_wctx *ctx = vmsg_dma_ctx(dev);

	if (ctx->win)
		vmsg_window_free_ring(ctx->win, va, size);
}

static size_t vmsg_dma_max_mapping_size(struct device *dev)
{
	struct vmsg_wctx *ctx = vmsg_dma_ctx(dev);

	/* The block layer refuses a device whose limit is below a page. */
	return ctx->max_mapping ?: PAGE_SIZE;
}

/* No .mmap and no .get_sgtable: a window is not for user space. */
const struct dma_map_ops vmsg_dma_ops = {
	.alloc = vmsg_dma_alloc,
	.free = vmsg_dma_free,
	.map_page = vmsg_dma_map_page,
	.unmap_page = vmsg_dma_unmap_page,
	.map_sg = vmsg_dma_map_sg,
	.unmap_sg = vmsg_dma_unmap_sg,
	.sync_single_for_cpu = vmsg_dma_sync_single_for_cpu,
	.sync_single_for_device = vmsg_dma_sync_single_for_device,
	.sync_sg_for_cpu = vmsg_dma_sync_sg_for_cpu,
	.sync_sg_for_device = vmsg_dma_sync_sg_for_device,
	.max_mapping_size = vmsg_dma_max_mapping_size,
};

/* Buses without a window: the operations of the device that does DMA. */

static dma_addr_t vmsg_real_map_page(struct device *dev, struct page *page,
				     unsigned long offset, size_t size,
				     enum dma_data_direction dir,
				     unsigned long attrs)
{
	return vmsg_dma_map(vmsg_dma_ctx(dev), page, offset, size, dir, attrs);
}

static void vmsg_real_unmap_page(struct device *dev, dma_addr_t handle,
				 size_t size, enum dma_data_direction dir,
				 unsigned long attrs)
{
	vmsg_dma_unmap(vmsg_dma_ctx(dev), handle, size, dir, attrs);
}

static void vmsg_real_sync_single_for_cpu(struct device *dev, dma_addr_t handle,
					  size_t size,
					  enum dma_data_direction dir)
{
	vmsg_dma_sync_for_cpu(vmsg_dma_ctx(dev), handle, size, dir);
}

static void vmsg_real_sync_single_for_device(struct device *dev,
					     dma_addr_t handle, size_t size,
					     enum dma_data_direction dir)
{
	vmsg_dma_sync_for_device(vmsg_dma_ctx(dev), handle, size, dir);
}

static void *vmsg_real_alloc(struct device *dev, size_t size,
			     dma_addr_t *handle, gfp_t gfp, unsigned long attrs)
{
	return vmsg_dma_alloc_ring(vmsg_dma_ctx(dev), size, handle, gfp);
}

static void vmsg_real_free(struct device *dev, size_t size, void *va,
			   dma_addr_t handle, unsigned long attrs)
{
	vmsg_dma_free_ring(vmsg_dma_ctx(dev), size, va, handle);
}

/* No .map_sg: no driver does this for a queue. */
const struct dma_map_ops vmsg_real_dma_ops = {
	.alloc = vmsg_real_alloc,
	.free = vmsg_real_free,
	.map_page = vmsg_real_map_page,
	.unmap_page = vmsg_real_unmap_page,
	.sync_single_for_cpu = vmsg_real_sync_single_for_cpu,
	.sync_single_for_device = vmsg_real_sync_single_for_device,
	.max_mapping_size = vmsg_dma_max_mapping_size,
};

/*
 * The parent of the virtio devices: it is asked for the limit, and by some drivers
 * for memory that they then add to a queue like any other.  So it is ordinary
 * memory, and what to do with it is the queue's business.
 */

static void *vmsg_bus_alloc(struct device *dev, size_t size, dma_addr_t *handle,
			    gfp_t gfp, unsigned long attrs)
{
	void *va = alloc_pages_exact(size, gfp | __GFP_ZERO);

	if (va)
		*handle = virt_to_phys(va);
	return va;
}

static void vmsg_bus_free(struct device *dev, size_t size, void *va,
			  dma_addr_t handle, unsigned long attrs)
{
	free_pages_exact(va, size);
}

const struct dma_map_ops vmsg_bus_dma_ops = {
	.alloc = vmsg_bus_alloc,
	.free = vmsg_bus_free,
	.map_page = vmsg_dma_map_page,
	.unmap_page = vmsg_dma_unmap_page,
	.map_sg = vmsg_dma_map_sg,
	.unmap_sg = vmsg_dma_unmap_sg,
	.sync_single_for_cpu = vmsg_dma_sync_single_for_cpu,
	.sync_single_for_device = vmsg_dma_sync_single_for_device,
	.sync_sg_for_cpu = vmsg_dma_sync_sg_for_cpu,
	.sync_sg_for_device = vmsg_dma_sync_sg_for_device,
	.max_mapping_size = vmsg_dma_max_mapping_size,
};

/**
 * vmsg_compat_setup_dma - make the DMA interface of a device use the window
 * @dev: the dev of a struct vmsg_wctx; it need not be registered
 * @ops: one of our tables
 *
 * The masks matter: without them each mapping warns and fails, and a block
 * driver then tries for ever.  They are set after the operations, because the
 * DMA layer decides there whether it may leave out syncs.
 *
 * Context: Any.
 * Return: 0; -EOPNOTSUPP on a kernel without per-device operations; -EIO.
 */
int vmsg_compat_setup_dma(struct device *dev, const struct dma_map_ops *ops)
{
	set_dma_ops(dev, ops);
	if (get_dma_ops(dev) != ops)
		return -EOPNOTSUPP;
	return dma_coerce_mask_and_coherent(dev, DMA_BIT_MASK(64));
}
