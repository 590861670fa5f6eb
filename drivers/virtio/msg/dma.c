// SPDX-License-Identifier: GPL-2.0-only
/*
 * Buses without a window: rings and buffers by DMA
 *
 * The DMA interface does the work, for the transport's device, IOMMU and all.
 * What is added here is what track.c needs to know in order to give buffers
 * back when the peer dies: where a queue's rings are, when a buffer is mapped,
 * and when the first mapping of one is undone.  Front ends (map_ops.c, compat/)
 * put it behind the kernel's mapping interfaces.
 *
 * A mapping is known by its address.  Where there is no IOMMU, two buffers that
 * begin with the same memory have the same one; then track.c may take one for
 * the other.  Drivers begin a buffer with a header of its own, and an indirect
 * descriptor table always is.
 */

#include <kunit/visibility.h>
#include <linux/dma-mapping.h>
#include <linux/hashtable.h>
#include <linux/highmem.h>
#include <linux/io.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

#include "dma.h"

/* A packed ring lies in three pieces, and one that is resized exists twice. */
#define VMSG_DMA_RINGS		6

#define VMSG_DMA_POISON		0xff	/* as in a window */

/**
 * struct vmsg_dma_tag - the first mapping of a buffer
 * @node: in the hash table while the buffer is out
 * @addr: its address
 */
struct vmsg_dma_tag {
	struct hlist_node node;
	u64 addr;
};

/**
 * struct vmsg_dma - a queue's DMA
 * @dev: the device that does it
 * @lock: guards the tags; taken with interrupts off, inside track.lock
 * @bits: size of @hash
 * @num: tags
 * @hash: tags by address
 * @tags: by number: by head of a split ring, by id of a packed one
 * @rings: where the rings are; changed only while the queue is made, resized
 *	or freed
 */
struct vmsg_dma {
	struct device *dev;
	/* guards hash, tags */
	spinlock_t lock;
	unsigned int bits;
	u32 num;
	struct hlist_head *hash;
	struct vmsg_dma_tag *tags;
	struct {
		void *va;
		dma_addr_t addr;
		size_t size;
	} rings[VMSG_DMA_RINGS];
};

/**
 * vmsg_dma_check() - can a device do what a bus without a window asks for?
 * @dev: the device
 * @physical: receives true if its addresses are physical ones, for a device
 *	side that uses these
 *
 * Context: may sleep.
 * Return: 0; -EINVAL if its addresses may have more bits than a wire address;
 * -EIO if it cannot map memory; -ENOMEM.
 */
int vmsg_dma_check(struct device *dev, bool *physical)
{
	struct page *page;
	dma_addr_t addr;
	int ret = 0;

	*physical = false;
	if (dma_get_mask(dev) > DMA_BIT_MASK(VMSG_DMA_BITS))
		return -EINVAL;
	/* The device can read it for a moment: nothing of anybody may be in it. */
	page = alloc_page(GFP_KERNEL | __GFP_ZERO);
	if (!page)
		return -ENOMEM;
	addr = dma_map_page(dev, page, 0, PAGE_SIZE, DMA_TO_DEVICE);
	if (dma_mapping_error(dev, addr)) {
		ret = -EIO;
	} else {
		*physical = addr == page_to_phys(page) && !dma_need_sync(dev, addr);
		dma_unmap_page(dev, addr, PAGE_SIZE, DMA_TO_DEVICE);
	}
	__free_page(page);
	return ret;
}
EXPORT_SYMBOL_IF_KUNIT(vmsg_dma_check);

/**
 * vmsg_dma_init() - make the context of a queue
 * @ctx: the context; @ctx->dev is left alone
 * @dev: the device that does DMA
 * @num: entries of the queue's ring, at most
 * @ops: hooks
 *
 * Context: may sleep.
 * Return: 0 or -ENOMEM.
 */
int vmsg_dma_init(struct vmsg_wctx *ctx, struct device *dev, u32 num,
		  const struct vmsg_wctx_ops *ops)
{
	struct vmsg_dma *dma = kzalloc_obj(*dma);

	if (!dma)
		return -ENOMEM;
	spin_lock_init(&dma->lock);
	dma->dev = dev;
	dma->num = num;
	dma->bits = max(ilog2(num), 1);
	dma->hash = kvcalloc(1UL << dma->bits, sizeof(*dma->hash), GFP_KERNEL);
	dma->tags = kvcalloc(num, sizeof(*dma->tags), GFP_KERNEL);
	vmsg_wctx_init_limits(ctx, NULL, dma_max_mapping_size(dev));
	ctx->ops = ops;
	ctx->dma = dma;
	if (!dma->hash || !dma->tags) {
		vmsg_dma_exit(ctx);
		return -ENOMEM;
	}
	return 0;
}

/**
 * vmsg_dma_exit() - free the context of a queue
 * @ctx: the context, maybe without DMA; its rings are freed
 *
 * Context: may sleep.
 */
void vmsg_dma_exit(struct vmsg_wctx *ctx)
{
	struct vmsg_dma *dma = ctx->dma;

	if (!dma)
		return;
	ctx->dma = NULL;
	kvfree(dma->hash);
	kvfree(dma->tags);
	kfree(dma);
}

/**
 * vmsg_dma_map() - map a buffer
 * @ctx: the queue's context
 * @page: first page
 * @offset: where it begins there
 * @size: bytes
 * @dir: direction
 * @attrs: DMA_ATTR_*
 *
 * A short buffer that the device is to write reads as 0xff if it does not: the
 * status of a request that comes back from a dead device is none.
 *
 * Context: any.
 * Return: the address or DMA_MAPPING_ERROR.
 */
dma_addr_t vmsg_dma_map(struct vmsg_wctx *ctx, struct page *page,
			unsigned long offset, size_t size,
			enum dma_data_direction dir, unsigned long attrs)
{
	struct vmsg_dma *dma = ctx->dma;
	dma_addr_t addr;

	if (!dma)
		return DMA_MAPPING_ERROR;
	/* As in vmsg_buf_map(). */
	guard(rcu)();
	if (ctx->ops && ctx->ops->mapping)
		ctx->ops->mapping(ctx);
	/* The peer is gone; a buffer more would be one more to drain. */
	if (READ_ONCE(ctx->condemned) || READ_ONCE(ctx->closed))
		return DMA_MAPPING_ERROR;
	if (dir == DMA_FROM_DEVICE && size <= VMSG_DMA_POISON_MAX &&
	    !(attrs & DMA_ATTR_SKIP_CPU_SYNC) && !PageHighMem(page))
		memset(page_address(page) + offset, VMSG_DMA_POISON, size);
	addr = dma_map_page_attrs(dma->dev, page, offset, size, dir, attrs);
	if (dma_mapping_error(dma->dev, addr))
		return DMA_MAPPING_ERROR;
	if (ctx->ops && ctx->ops->mapped)
		ctx->ops->mapped(ctx, addr);
	return addr;
}

static struct hlist_head *vmsg_dma_bucket(struct vmsg_dma *dma, u64 addr)
{
	return &dma->hash[hash_64(addr, dma->bits)];
}

/* Whose first mapping is at @addr?  It is forgotten.  num if nobody's. */
static u32 vmsg_dma_take_tag(struct vmsg_dma *dma, u64 addr)
{
	struct hlist_head *bucket = vmsg_dma_bucket(dma, addr);
	struct vmsg_dma_tag *t;
	u32 found = dma->num;
	unsigned long flags;

	/*
	 * Most are not the first of their buffer.  The tag of one that is has been
	 * there since @ops->unmapping returned.
	 */
	if (hlist_empty(bucket))
		return found;
	spin_lock_irqsave(&dma->lock, flags);
	hlist_for_each_entry(t, bucket, node) {
		if (t->addr != addr)
			continue;
		hlist_del_init(&t->node);
		found = t - dma->tags;
		break;
	}
	spin_unlock_irqrestore(&dma->lock, flags);
	return found;
}

/**
 * vmsg_dma_unmap() - unmap a buffer
 * @ctx: the queue's context
 * @addr: what vmsg_dma_map() returned
 * @size: bytes
 * @dir: direction
 * @attrs: DMA_ATTR_*
 *
 * Context: any.
 */
void vmsg_dma_unmap(struct vmsg_wctx *ctx, dma_addr_t addr, size_t size,
		    enum dma_data_direction dir, unsigned long attrs)
{
	struct vmsg_dma *dma = ctx->dma;
	u32 tag;

	if (!dma)
		return;
	/* A buffer may come back before another one was added behind it. */
	if (ctx->ops && ctx->ops->unmapping)
		ctx->ops->unmapping(ctx, addr);
	tag = vmsg_dma_take_tag(dma, addr);
	dma_unmap_page_attrs(dma->dev, addr, size, dir, attrs);
	if (tag < dma->num && ctx->ops && ctx->ops->unmapped)
		ctx->ops->unmapped(ctx, tag);
}

/**
 * vmsg_dma_sync_for_cpu() - as dma_sync_single_for_cpu()
 * @ctx: the queue's context
 * @addr: an address in a mapping
 * @size: bytes
 * @dir: direction
 *
 * Context: any.
 */
void vmsg_dma_sync_for_cpu(struct vmsg_wctx *ctx, dma_addr_t addr, size_t size,
			   enum dma_data_direction dir)
{
	if (ctx->dma)
		dma_sync_single_for_cpu(ctx->dma->dev, addr, size, dir);
}

/**
 * vmsg_dma_sync_for_device() - as dma_sync_single_for_device()
 * @ctx: the queue's context
 * @addr: an address in a mapping
 * @size: bytes
 * @dir: direction
 *
 * Context: any.
 */
void vmsg_dma_sync_for_device(struct vmsg_wctx *ctx, dma_addr_t addr,
			      size_t size, enum dma_data_direction dir)
{
	if (ctx->dma)
		dma_sync_single_for_device(ctx->dma->dev, addr, size, dir);
}

/**
 * vmsg_dma_need_sync() - as dma_need_sync()
 * @ctx: the queue's context
 * @addr: an address in a mapping
 *
 * Context: any.
 * Return: true if the two above do anything.
 */
bool vmsg_dma_need_sync(struct vmsg_wctx *ctx, dma_addr_t addr)
{
	return ctx->dma && dma_need_sync(ctx->dma->dev, addr);
}

/**
 * vmsg_dma_alloc_ring() - memory for a ring, or a part of one
 * @ctx: the queue's context
 * @size: bytes
 * @addr: receives the address
 * @gfp: how to allocate
 *
 * Context: as @gfp allows.
 * Return: memory, zeroed and page aligned, or NULL.
 */
void *vmsg_dma_alloc_ring(struct vmsg_wctx *ctx, size_t size, dma_addr_t *addr,
			  gfp_t gfp)
{
	struct vmsg_dma *dma = ctx->dma;
	unsigned int i;
	void *va;

	for (i = 0; dma && i < VMSG_DMA_RINGS; i++) {
		if (dma->rings[i].va)
			continue;
		va = dma_alloc_coherent(dma->dev, size, addr, gfp | __GFP_ZERO);
		dma->rings[i].va = va;
		dma->rings[i].addr = *addr;
		dma->rings[i].size = size;
		return va;
	}
	return NULL;
}

/**
 * vmsg_dma_free_ring() - free it
 * @ctx: the queue's context
 * @size: bytes
 * @va: the memory
 * @addr: its address
 *
 * Context: may sleep.
 */
void vmsg_dma_free_ring(struct vmsg_wctx *ctx, size_t size, void *va,
			dma_addr_t addr)
{
	struct vmsg_dma *dma = ctx->dma;
	unsigned int i;

	if (!dma)
		return;
	for (i = 0; i < VMSG_DMA_RINGS; i++)
		if (dma->rings[i].va == va)
			dma->rings[i].va = NULL;
	dma_free_coherent(dma->dev, size, va, addr);
}

/**
 * vmsg_dma_set_tag() - know the buffer that was added last when it comes back
 * @ctx: the queue's context
 * @addr: what vmsg_dma_map() returned for its first descriptor
 * @tag: handed to @ctx->ops->unmapped
 *
 * Context: any.
 * Return: false if the tag is out of range or in use.
 */
bool vmsg_dma_set_tag(struct vmsg_wctx *ctx, u64 addr, u32 tag)
{
	struct vmsg_dma *dma = ctx->dma;
	struct vmsg_dma_tag *t;
	unsigned long flags;
	bool ok;

	if (!dma || tag >= dma->num)
		return false;
	t = &dma->tags[tag];
	spin_lock_irqsave(&dma->lock, flags);
	ok = hlist_unhashed(&t->node);
	if (ok) {
		t->addr = addr;
		hlist_add_head(&t->node, vmsg_dma_bucket(dma, addr));
	}
	spin_unlock_irqrestore(&dma->lock, flags);
	return ok;
}

/**
 * vmsg_dma_ptr() - where in kernel memory a piece of a ring is
 * @ctx: the queue's context
 * @addr: its address
 * @len: bytes
 *
 * Context: any; the queue's rings do not change meanwhile.
 * Return: memory that the peer can write, or NULL if not all of it lies in one
 * ring.
 */
void *vmsg_dma_ptr(struct vmsg_wctx *ctx, u64 addr, u64 len)
{
	struct vmsg_dma *dma = ctx->dma;
	unsigned int i;
	u64 off;

	for (i = 0; dma && i < VMSG_DMA_RINGS; i++) {
		if (!dma->rings[i].va || addr < dma->rings[i].addr)
			continue;
		off = addr - dma->rings[i].addr;
		if (off <= dma->rings[i].size && len <= dma->rings[i].size - off)
			return dma->rings[i].va + off;
	}
	return NULL;
}
