// SPDX-License-Identifier: GPL-2.0-only
/*
 * virtio-msg over FF-A: memory that a partition sees
 *
 * One window is shared when a bus begins and taken back when it ends.  What the
 * partition does not let go of it may write for ever: such pages are never
 * given to anybody else.
 */

#include <linux/arm_ffa.h>
#include <linux/atomic.h>
#include <linux/delay.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "ffa_mem.h"

/* How often FF-A is asked to take memory back while it is busy, and how fast. */
#define VMSG_FFA_RECLAIM_TRIES	100
#define VMSG_FFA_RECLAIM_US	10000

/* Bytes that were lost to partitions, since the module was loaded */
static atomic64_t vmsg_ffa_leaked;

static void free_pages_of(struct vmsg_ffa_mem *mem)
{
	while (mem->num)
		__free_page(mem->pages[--mem->num]);
}

/* Pieces as large as there are: the fewer, the shorter FF-A's descriptor. */
static int alloc_pages_of(struct vmsg_ffa_mem *mem, unsigned int num, size_t chunk)
{
	unsigned int order = min_t(unsigned int, get_order(chunk), MAX_PAGE_ORDER);
	struct page *page;
	gfp_t gfp;
	unsigned int i;

	while (mem->num < num) {
		order = min_t(unsigned int, order, ilog2(num - mem->num));
		gfp = GFP_KERNEL | __GFP_ZERO;
		if (order)
			gfp |= __GFP_NOWARN | __GFP_NORETRY;
		page = alloc_pages(gfp, order);
		if (!page && order) {
			order--;
			continue;
		}
		if (!page)
			return -ENOMEM;
		split_page(page, order);
		for (i = 0; i < 1U << order; i++)
			mem->pages[mem->num++] = page + i;
	}
	return 0;
}

/**
 * vmsg_ffa_mem_alloc() - get memory to share
 * @mem: receives it
 * @size: bytes, a multiple of the page size
 * @chunk: bytes of the largest piece that FF-A is told of, a page at least
 *
 * Context: may sleep.
 * Return: 0 or -ENOMEM.
 */
int vmsg_ffa_mem_alloc(struct vmsg_ffa_mem *mem, size_t size, size_t chunk)
{
	unsigned int num = size >> PAGE_SHIFT;
	int ret = -ENOMEM;

	memset(mem, 0, sizeof(*mem));
	mem->pages = kvmalloc_objs(*mem->pages, num);
	if (!mem->pages)
		return -ENOMEM;
	if (alloc_pages_of(mem, num, chunk))
		goto err_pages;
	mem->va = vmap(mem->pages, num, VM_MAP, PAGE_KERNEL);
	if (!mem->va)
		goto err_pages;
	ret = sg_alloc_table_from_pages_segment(&mem->sgt, mem->pages, num, 0, size,
						PAGE_ALIGN_DOWN(chunk), GFP_KERNEL);
	if (ret)
		goto err_map;
	mem->size = size;
	return 0;

err_map:
	vunmap(mem->va);
err_pages:
	free_pages_of(mem);
	kvfree(mem->pages);
	memset(mem, 0, sizeof(*mem));
	return ret;
}

/* The partition, or who manages partitions, asks to be asked again. */
static bool busy(int ret)
{
	return ret == -EBUSY || ret == -EAGAIN || ret == -EINTR;
}

/**
 * vmsg_ffa_mem_share() - let the partition reach the memory
 * @fdev: the partition
 * @mem: the memory, not shared
 *
 * Context: may sleep.
 * Return: 0 or a negative errno.
 */
int vmsg_ffa_mem_share(struct ffa_device *fdev, struct vmsg_ffa_mem *mem)
{
	struct ffa_mem_region_attributes attr = {
		.receiver = fdev->vm_id,
		.attrs = FFA_MEM_RW,
	};
	struct ffa_mem_ops_args args = {
		/* Not all that manage partitions take it from anywhere else. */
		.use_txbuf = true,
		.attrs = &attr,
		.nattrs = 1,
		.sg = mem->sgt.sgl,
	};
	unsigned int tries = VMSG_FFA_RECLAIM_TRIES;
	int ret;

	for (;;) {
		args.sg = mem->sgt.sgl;
		args.g_handle = 0;
		ret = fdev->ops->mem_ops->memory_share(&args);
		if (!ret) {
			mem->handle = args.g_handle;
			mem->shared = true;
			return 0;
		}
		/*
		 * A long descriptor goes in fragments, and the first one that
		 * is taken makes a handle.  Whether there is anything behind
		 * it only taking it back tells.
		 */
		if (args.g_handle) {
			mem->handle = args.g_handle;
			mem->shared = true;
			vmsg_ffa_mem_reclaim(fdev, mem);
			return ret;
		}
		if (!busy(ret) || !--tries)
			return ret;
		usleep_range(VMSG_FFA_RECLAIM_US / 2, VMSG_FFA_RECLAIM_US);
	}
}

/**
 * vmsg_ffa_mem_reclaim() - take the memory back
 * @fdev: the partition
 * @mem: the memory, shared
 *
 * The partition must have let go of it.
 *
 * Context: may sleep; about a second at most, where FF-A is busy.
 * Return: 0 or a negative errno: it is still shared.
 */
int vmsg_ffa_mem_reclaim(struct ffa_device *fdev, struct vmsg_ffa_mem *mem)
{
	unsigned int tries = VMSG_FFA_RECLAIM_TRIES;
	int ret;

	while ((ret = fdev->ops->mem_ops->memory_reclaim(mem->handle, 0))) {
		if (!busy(ret) || !--tries)
			return ret;
		usleep_range(VMSG_FFA_RECLAIM_US / 2, VMSG_FFA_RECLAIM_US);
	}
	mem->shared = false;
	return 0;
}

/**
 * vmsg_ffa_mem_lost() - how much partitions have kept
 *
 * Context: any.
 * Return: bytes, since the module was loaded.
 */
s64 vmsg_ffa_mem_lost(void)
{
	return atomic64_read(&vmsg_ffa_leaked);
}

/**
 * vmsg_ffa_mem_free() - give the memory back, unless it is still shared
 * @fdev: the partition
 * @mem: the memory; may be empty
 *
 * Context: may sleep.
 */
void vmsg_ffa_mem_free(struct ffa_device *fdev, struct vmsg_ffa_mem *mem)
{
	if (!mem->pages)
		return;
	sg_free_table(&mem->sgt);
	vunmap(mem->va);
	if (mem->shared)
		dev_warn(&fdev->dev,
			 "%zu bytes (handle %#llx) stay with the partition, which does not give them back, and are lost; %lld so far: restart the system to have them again\n",
			 mem->size, mem->handle,
			 atomic64_add_return(mem->size, &vmsg_ffa_leaked));
	else
		free_pages_of(mem);
	kvfree(mem->pages);
	memset(mem, 0, sizeof(*mem));
}
