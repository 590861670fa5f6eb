/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Memory that a partition sees
 */
#ifndef _DRIVERS_VIRTIO_MSG_FFA_MEM_H
#define _DRIVERS_VIRTIO_MSG_FFA_MEM_H

#include <linux/scatterlist.h>
#include <linux/types.h>

struct ffa_device;

/**
 * struct vmsg_ffa_mem - pages, mapped in a row, and what FF-A knows of them
 * @va: kernel mapping, cached
 * @size: bytes
 * @pages: the pages
 * @num: how many
 * @sgt: the same, in pieces of pages that lie side by side
 * @handle: FF-A's, once they are shared
 * @shared: the partition may reach them; they are not freed then
 */
struct vmsg_ffa_mem {
	void *va;
	size_t size;
	struct page **pages;
	unsigned int num;
	struct sg_table sgt;
	u64 handle;
	bool shared;
};

int vmsg_ffa_mem_alloc(struct vmsg_ffa_mem *mem, size_t size, size_t chunk);
int vmsg_ffa_mem_share(struct ffa_device *fdev, struct vmsg_ffa_mem *mem);
int vmsg_ffa_mem_reclaim(struct ffa_device *fdev, struct vmsg_ffa_mem *mem);
s64 vmsg_ffa_mem_lost(void);
void vmsg_ffa_mem_free(struct ffa_device *fdev, struct vmsg_ffa_mem *mem);

#endif /* _DRIVERS_VIRTIO_MSG_FFA_MEM_H */
