// SPDX-License-Identifier: GPL-2.0-only
/*
 * virtio-msg over Xen: memory that is granted to a domain
 *
 * Memory that a domain was granted can be taken back only when it has unmapped
 * it.  Until then the page must not serve anything else: what a domain holds on
 * to is handed to the kernel's list of deferred grants, which frees it when it
 * may, also when this module has long gone.
 *
 * References that were agreed on beforehand (2 to 7) must not go on that list:
 * it would end what a later driver grants by the same number.  They are kept
 * here instead, and what is still held on to when the module goes stays away
 * from the system for good: a page for each.
 */

#define pr_fmt(fmt) "virtio_msg_xen: " fmt

#include <linux/bitmap.h>
#include <linux/delay.h>
#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>
#include <linux/workqueue.h>
#include <kunit/visibility.h>

#include "xen.h"

/* Milliseconds between two looks at what a domain has not unmapped yet. */
#define VMSG_XEN_RELEASE_MS	10
#define VMSG_XEN_GRAVE_MS	1000

/* A page of a reference that was agreed on, which the domain still has mapped. */
struct vmsg_xen_grave {
	struct list_head node;
	u32 ref;
	struct page *page;
};

static void vmsg_xen_grave_work(struct work_struct *work);

/* Guards the list and the bitmap. */
static DEFINE_MUTEX(vmsg_xen_refs_lock);
static LIST_HEAD(vmsg_xen_graves);
/* References 2 to 7 that a link of ours has. */
static DECLARE_BITMAP(vmsg_xen_refs, VMSG_XEN_REF_END);
static DECLARE_DELAYED_WORK(vmsg_xen_graves_work, vmsg_xen_grave_work);

static bool vmsg_xen_grave_release(struct vmsg_xen_grave *g)
{
	lockdep_assert_held(&vmsg_xen_refs_lock);
	if (!vmsg_xen_calls->release(g->ref))
		return false;
	pr_info("the page of reference %u was unmapped at last\n", g->ref);
	list_del(&g->node);
	put_page(g->page);
	kfree(g);
	return true;
}

static void vmsg_xen_grave_work(struct work_struct *work)
{
	struct vmsg_xen_grave *g, *next;

	mutex_lock(&vmsg_xen_refs_lock);
	list_for_each_entry_safe(g, next, &vmsg_xen_graves, node)
		vmsg_xen_grave_release(g);
	if (!list_empty(&vmsg_xen_graves))
		schedule_delayed_work(&vmsg_xen_graves_work,
				      msecs_to_jiffies(VMSG_XEN_GRAVE_MS));
	mutex_unlock(&vmsg_xen_refs_lock);
}

/* Takes over a reference of @page. */
static void vmsg_xen_bury(u32 ref, struct page *page)
{
	struct vmsg_xen_grave *g = kzalloc_obj(*g);

	if (!g) {
		pr_warn("out of memory: the page of reference %u stays lost\n", ref);
		return;
	}
	g->ref = ref;
	g->page = page;
	mutex_lock(&vmsg_xen_refs_lock);
	list_add_tail(&g->node, &vmsg_xen_graves);
	schedule_delayed_work(&vmsg_xen_graves_work,
			      msecs_to_jiffies(VMSG_XEN_GRAVE_MS));
	mutex_unlock(&vmsg_xen_refs_lock);
}

/**
 * vmsg_xen_ref_claim() - take a reference that was agreed on
 * @ref: 2 to 7
 *
 * Context: may sleep.
 * Return: 0; -EBUSY if another link has it; -EAGAIN if the peer still has the
 * page mapped that an earlier driver granted by it.
 */
int vmsg_xen_ref_claim(u32 ref)
{
	struct vmsg_xen_grave *g;
	int ret = 0;

	mutex_lock(&vmsg_xen_refs_lock);
	if (test_bit(ref, vmsg_xen_refs)) {
		ret = -EBUSY;
		goto out;
	}
	list_for_each_entry(g, &vmsg_xen_graves, node) {
		if (g->ref != ref)
			continue;
		if (!vmsg_xen_grave_release(g))
			ret = -EAGAIN;
		goto claim;
	}
	/* What an earlier life of this module, or another driver, left. */
	if (!vmsg_xen_calls->release(ref))
		ret = -EAGAIN;
claim:
	if (!ret)
		__set_bit(ref, vmsg_xen_refs);
out:
	mutex_unlock(&vmsg_xen_refs_lock);
	return ret;
}

/**
 * vmsg_xen_ref_disclaim() - undo vmsg_xen_ref_claim()
 * @ref: the reference
 *
 * Context: may sleep.
 */
void vmsg_xen_ref_disclaim(u32 ref)
{
	mutex_lock(&vmsg_xen_refs_lock);
	__clear_bit(ref, vmsg_xen_refs);
	mutex_unlock(&vmsg_xen_refs_lock);
}

/**
 * vmsg_xen_mem_exit() - give up what is still held on to
 *
 * Context: may sleep; no link is left.
 */
void vmsg_xen_mem_exit(void)
{
	struct vmsg_xen_grave *g, *next;

	cancel_delayed_work_sync(&vmsg_xen_graves_work);
	mutex_lock(&vmsg_xen_refs_lock);
	list_for_each_entry_safe(g, next, &vmsg_xen_graves, node) {
		if (vmsg_xen_grave_release(g))
			continue;
		pr_warn("the peer holds on to the page of reference %u: it stays lost\n",
			g->ref);
		list_del(&g->node);
		kfree(g);
	}
	mutex_unlock(&vmsg_xen_refs_lock);
}
EXPORT_SYMBOL_IF_KUNIT(vmsg_xen_mem_exit);

static struct page *vmsg_xen_page(const struct vmsg_xen_mem *mem, unsigned int i)
{
	return mem->pages[i / (PAGE_SIZE / VMSG_XEN_PAGE)];
}

static phys_addr_t vmsg_xen_phys(const struct vmsg_xen_mem *mem, unsigned int i)
{
	return page_to_phys(vmsg_xen_page(mem, i)) +
	       i % (PAGE_SIZE / VMSG_XEN_PAGE) * VMSG_XEN_PAGE;
}

/*
 * References for pages @i and up: as many in a row as there are, so that few
 * numbers describe them.  How many it were, or a negative errno.
 */
static int vmsg_xen_take_refs(struct vmsg_xen_mem *mem, unsigned int i)
{
	unsigned int n = mem->num - i, k;
	u32 first;
	int ret;

	do {
		ret = vmsg_xen_calls->alloc_refs(n, &first);
		if (!ret)
			break;
		n /= 2;
	} while (ret == -ENOSPC && n);
	if (ret)
		return ret;
	for (k = 0; k < n; k++)
		mem->refs[i + k] = first + k;
	return n;
}

static int vmsg_xen_alloc_pages(struct vmsg_xen_mem *mem)
{
	unsigned int i;

	for (i = 0; i < mem->num_pages; i++) {
		/*
		 * Single pages: one that the peer holds on to must not keep
		 * others from being freed.
		 */
		mem->pages[i] = alloc_page(GFP_KERNEL | __GFP_ZERO);
		if (!mem->pages[i])
			return -ENOMEM;
	}
	mem->va = vmap(mem->pages, mem->num_pages, VM_MAP, PAGE_KERNEL);
	return mem->va ? 0 : -ENOMEM;
}

/**
 * vmsg_xen_mem_init() - allocate memory, and references to grant it by
 * @mem: receives it
 * @size: bytes, rounded up to whole pages of the kernel
 * @fixed_ref: reference of the first page, which the caller has claimed, or 0
 *
 * Context: may sleep.
 * Return: 0; -ENOMEM; -ENOSPC for lack of references.
 */
int vmsg_xen_mem_init(struct vmsg_xen_mem *mem, size_t size, u32 fixed_ref)
{
	unsigned int i = 0;
	int ret;

	memset(mem, 0, sizeof(*mem));
	mem->num_pages = PFN_UP(size);
	mem->num = mem->num_pages * (PAGE_SIZE / VMSG_XEN_PAGE);
	mem->pages = kvcalloc(mem->num_pages, sizeof(*mem->pages), GFP_KERNEL);
	mem->refs = kvcalloc(mem->num, sizeof(*mem->refs), GFP_KERNEL);
	mem->granted = bitmap_zalloc(mem->num, GFP_KERNEL);
	if (!mem->pages || !mem->refs || !mem->granted) {
		ret = -ENOMEM;
		goto err;
	}
	ret = vmsg_xen_alloc_pages(mem);
	if (ret)
		goto err;
	if (fixed_ref) {
		mem->fixed = true;
		mem->refs[i++] = fixed_ref;
	}
	while (i < mem->num) {
		ret = vmsg_xen_take_refs(mem, i);
		if (ret < 0)
			goto err;
		i += ret;
	}
	return 0;

err:
	vmsg_xen_mem_free(mem, 0);
	return ret;
}
EXPORT_SYMBOL_IF_KUNIT(vmsg_xen_mem_init);

/**
 * vmsg_xen_mem_grant() - let a domain reach pages of the memory
 * @mem: the memory
 * @from: the first page
 * @to: the one behind the last
 * @domid: the domain
 *
 * Pages that were granted already are granted anew.
 *
 * Context: any.
 */
void vmsg_xen_mem_grant(struct vmsg_xen_mem *mem, unsigned int from,
			unsigned int to, u16 domid)
{
	unsigned int i;

	for (i = from; i < to; i++) {
		vmsg_xen_calls->grant(mem->refs[i], domid, vmsg_xen_phys(mem, i), false);
		__set_bit(i, mem->granted);
	}
}
EXPORT_SYMBOL_IF_KUNIT(vmsg_xen_mem_grant);

/* Take back what the domain has unmapped; how many pages it has not. */
static unsigned int vmsg_xen_release(struct vmsg_xen_mem *mem)
{
	unsigned int i, left = 0;

	for_each_set_bit(i, mem->granted, mem->num) {
		if (!vmsg_xen_calls->release(mem->refs[i])) {
			left++;
			continue;
		}
		__clear_bit(i, mem->granted);
		mem->refs[i] = 0;
	}
	return left;
}

/**
 * vmsg_xen_mem_free() - take memory back from a domain and free it
 * @mem: the memory; nobody uses it
 * @ms: how long the domain is waited for, milliseconds
 *
 * What the domain has not unmapped by then is freed when it has.
 *
 * Context: may sleep.
 * Return: pages that the domain holds on to.
 */
unsigned int vmsg_xen_mem_free(struct vmsg_xen_mem *mem, unsigned int ms)
{
	unsigned int i, left = 0, waited = 0;

	while (mem->granted) {
		left = vmsg_xen_release(mem);
		if (!left || waited >= ms)
			break;
		msleep(VMSG_XEN_RELEASE_MS);
		waited += VMSG_XEN_RELEASE_MS;
	}
	for (i = 0; mem->refs && i < mem->num; i++) {
		if (!mem->refs[i])
			continue;
		if (test_bit(i, mem->granted)) {
			/* A reference for whoever frees it. */
			get_page(vmsg_xen_page(mem, i));
			if (!i && mem->fixed)
				vmsg_xen_bury(mem->refs[i], vmsg_xen_page(mem, i));
			else
				vmsg_xen_calls->defer(mem->refs[i], vmsg_xen_page(mem, i));
		} else if (i || !mem->fixed) {
			vmsg_xen_calls->free_ref(mem->refs[i]);
		}
	}
	if (mem->va)
		vunmap(mem->va);
	for (i = 0; mem->pages && i < mem->num_pages; i++)
		if (mem->pages[i])
			put_page(mem->pages[i]);
	bitmap_free(mem->granted);
	kvfree(mem->refs);
	kvfree(mem->pages);
	memset(mem, 0, sizeof(*mem));
	return left;
}
EXPORT_SYMBOL_IF_KUNIT(vmsg_xen_mem_free);

/**
 * vmsg_xen_mem_ranges() - the references of all pages but the first, in short
 * @mem: the memory
 * @range: receives them
 * @max: entries of @range
 *
 * Context: any.
 * Return: how many entries it takes; more than @max have not been written.
 */
unsigned int vmsg_xen_mem_ranges(const struct vmsg_xen_mem *mem,
				 struct vmsg_xen_range *range, unsigned int max)
{
	unsigned int i, begin = 1, n = 0;

	for (i = 2; i <= mem->num; i++) {
		if (i < mem->num && mem->refs[i] == mem->refs[i - 1] + 1)
			continue;
		if (n < max) {
			range[n].first = cpu_to_le32(mem->refs[begin]);
			range[n].count = cpu_to_le32(i - begin);
		}
		n++;
		begin = i;
	}
	return n;
}
