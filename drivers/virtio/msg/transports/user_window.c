// SPDX-License-Identifier: GPL-2.0-only
/*
 * virtio-msg over /dev/virtio-msg: the memory of a bus
 *
 * The window is a memory file whose pages we keep, mapped, as long as the bus
 * lives; they are locked memory of the process, which is charged for them.
 */

#include <linux/dcache.h>
#include <linux/err.h>
#include <linux/fcntl.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/shmem_fs.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "user.h"

/**
 * vmsg_user_unmap() - give back what vmsg_user_map() took, also halfway
 * @u: the bus
 *
 * Context: may sleep.
 */
void vmsg_user_unmap(struct vmsg_user *u)
{
	vunmap(u->va);
	while (u->num_pages)
		put_page(u->pages[--u->num_pages]);
	kvfree(u->pages);
	if (u->window)
		fput(u->window);
}

/**
 * vmsg_user_map() - make the window, and map it
 * @u: the bus
 *
 * Context: may sleep.
 * Return: 0, -ENOMEM, -EINTR or an errno of shmem; vmsg_user_unmap() is needed
 * in any case.
 */
int vmsg_user_map(struct vmsg_user *u)
{
	unsigned long n = u->setup.window_size >> PAGE_SHIFT;
	struct address_space *mapping;
	struct page *page;

	u->window = shmem_file_setup("virtio-msg", u->setup.window_size,
				     EMPTY_VMA_FLAGS);
	if (IS_ERR(u->window)) {
		int ret = PTR_ERR(u->window);

		u->window = NULL;
		return ret;
	}
	/* As memfd_create() makes its files. */
	u->window->f_mode |= FMODE_LSEEK | FMODE_PREAD | FMODE_PWRITE;
	u->window->f_flags |= O_LARGEFILE;
	SHMEM_I(file_inode(u->window))->seals = F_SEAL_SEAL | F_SEAL_SHRINK |
						F_SEAL_GROW;
	mapping = u->window->f_mapping;
	/* They cannot go to swap while we have them. */
	mapping_set_unevictable(mapping);

	u->pages = kvcalloc(n, sizeof(*u->pages), GFP_KERNEL_ACCOUNT);
	if (!u->pages)
		return -ENOMEM;
	while (u->num_pages < n) {
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
		page = shmem_read_mapping_page(mapping, u->num_pages);
		if (IS_ERR(page))
			return PTR_ERR(page);
		u->pages[u->num_pages++] = page;
	}
	u->va = vmap(u->pages, n, VM_MAP, PAGE_KERNEL);
	return u->va ? 0 : -ENOMEM;
}

/**
 * vmsg_user_window_free() - may a successor have the window?
 * @u: the bus
 *
 * Not while somebody can still write to it for the predecessor: who has the file
 * or a mapping (both count on the file or, opened through /proc, on its name),
 * or input and output that goes on after the death of its process (pins on the
 * pages).
 *
 * Context: any.
 * Return: 0, -EAGAIN while it is in use, -EIO when it has holes.
 */
int vmsg_user_window_free(struct vmsg_user *u)
{
	struct folio *folio;
	unsigned long i;

	if (file_count(u->window) != 1 || d_count(u->window->f_path.dentry) != 1)
		return -EAGAIN;
	for (i = 0; i < u->num_pages; i++) {
		folio = page_folio(u->pages[i]);
		/* He cut holes: what a successor would map is not what we have. */
		if (READ_ONCE(folio->mapping) != u->window->f_mapping)
			return -EIO;
		if (folio_maybe_dma_pinned(folio))
			return -EAGAIN;
	}
	return 0;
}

/**
 * vmsg_user_charge() - count the bus's pages as locked memory of this process
 * @u: the bus
 *
 * Context: may sleep.
 * Return: 0, or -ENOMEM beyond RLIMIT_MEMLOCK.
 */
int vmsg_user_charge(struct vmsg_user *u)
{
	struct mm_struct *mm = current->mm;
	int ret;

	ret = account_locked_vm(mm, u->locked, true);
	if (ret)
		return ret;
	mmgrab(mm);
	u->mm = mm;
	return 0;
}

/**
 * vmsg_user_uncharge() - undo vmsg_user_charge()
 * @mm: who was charged; NULL does nothing
 * @pages: for how many pages
 *
 * Context: may sleep.
 */
void vmsg_user_uncharge(struct mm_struct *mm, unsigned long pages)
{
	if (!mm)
		return;
	account_locked_vm(mm, pages, false);
	mmdrop(mm);
}
