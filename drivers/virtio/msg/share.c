// SPDX-License-Identifier: GPL-2.0-only
/*
 * Buffers that the device side is let reach where they are, one by one
 *
 * Some transports can open single pages to the device side and close them
 * again, in atomic context.  Then a buffer need not be copied into the window
 * and back.  The transport has a fixed number of slots for this, each of
 * VIRTIO_MSG_SHARE_SIZE bytes of wire addresses; which slot has what is settled
 * here.
 *
 * A slot opens all of its bytes, and the device side is not trusted: so only
 * buffers that fill their slots are shared.  A header, a status byte or a piece
 * of a page lies beside memory of somebody else, and goes through the window;
 * so does what finds no slot, and the guarantees of the window hold as before.
 * What the device is to fill is filled with 0xff first, as in the window: what
 * the page held before is nobody's business.
 *
 * A device side that does not let go of a page when its buffer comes back can
 * change it later.  That cannot be undone: the transport keeps the page from
 * being freed, the peer is given up, and nothing is shared on the bus any more.
 */

#include <linux/align.h>
#include <linux/bitmap.h>
#include <linux/err.h>
#include <linux/highmem.h>
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/virtio_msg.h>
#include <kunit/visibility.h>

#include "share.h"
#include "window.h"

#define VMSG_SHARE_POISON	0xff	/* as in a window */

/**
 * struct vmsg_share_rec - a buffer that is shared, in the record of its first slot
 * @ctx: who mapped it
 * @phys: physical address of the buffer
 * @pages: slots
 * @tag: of vmsg_share_set_tag()
 */
struct vmsg_share_rec {
	struct vmsg_wctx *ctx;
	phys_addr_t phys;
	u32 pages;
	u32 tag;
};

/**
 * struct vmsg_share - the slots of a bus
 * @bus: the bus
 * @ops: the transport's
 * @wire: wire address of the first slot
 * @slots: how many there are
 * @broken: nothing is shared any more; set by anybody
 * @lock: guards the rest.  Taken with interrupts off; nothing is taken inside.
 * @used: slots that are not free
 * @heads: first slots of buffers
 * @recs: by slot; only those of first slots have a meaning
 * @hint: where to look next
 * @stats: numbers
 */
struct vmsg_share {
	struct virtio_msg_bus *bus;
	const struct virtio_msg_transport_ops *ops;
	u64 wire;
	u32 slots;
	bool broken;
	/* guards all that follows */
	spinlock_t lock;
	unsigned long *used;
	unsigned long *heads;
	struct vmsg_share_rec *recs;
	u32 hint;
	struct vmsg_share_stats stats;
};

/**
 * vmsg_share_create() - manage the slots of a transport
 * @bus: the bus, handed to the transport's operations
 * @desc: the transport
 *
 * Context: may sleep.
 * Return: the slots; NULL if the transport has none; ERR_PTR(-EINVAL) if it
 * lacks the operations; ERR_PTR(-ENOMEM).
 */
struct vmsg_share *
vmsg_share_create(struct virtio_msg_bus *bus,
		  const struct virtio_msg_transport_desc *desc)
{
	struct vmsg_share *s;

	if (!desc->share_slots)
		return NULL;
	if (WARN_ON_ONCE(!desc->ops->share || !desc->ops->unshare))
		return ERR_PTR(-EINVAL);
	s = kzalloc_obj(*s);
	if (!s)
		return ERR_PTR(-ENOMEM);
	s->bus = bus;
	s->ops = desc->ops;
	s->wire = desc->share_wire;
	s->slots = desc->share_slots;
	s->stats.slots = s->slots;
	spin_lock_init(&s->lock);
	s->used = bitmap_zalloc(s->slots, GFP_KERNEL);
	s->heads = bitmap_zalloc(s->slots, GFP_KERNEL);
	s->recs = kvcalloc(s->slots, sizeof(*s->recs), GFP_KERNEL);
	if (!s->used || !s->heads || !s->recs) {
		vmsg_share_destroy(s);
		return ERR_PTR(-ENOMEM);
	}
	return s;
}
EXPORT_SYMBOL_IF_KUNIT(vmsg_share_create);

/**
 * vmsg_share_destroy() - free what vmsg_share_create() made
 * @s: the slots; nothing is shared.  May be NULL.
 *
 * Context: may sleep.
 */
void vmsg_share_destroy(struct vmsg_share *s)
{
	if (!s)
		return;
	bitmap_free(s->used);
	bitmap_free(s->heads);
	kvfree(s->recs);
	kfree(s);
}
EXPORT_SYMBOL_IF_KUNIT(vmsg_share_destroy);

/**
 * vmsg_share_get_stats() - numbers
 * @s: the slots
 * @st: receives them
 *
 * Context: any.
 */
void vmsg_share_get_stats(struct vmsg_share *s, struct vmsg_share_stats *st)
{
	unsigned long flags;

	spin_lock_irqsave(&s->lock, flags);
	*st = s->stats;
	st->used = bitmap_weight(s->used, s->slots);
	spin_unlock_irqrestore(&s->lock, flags);
}
EXPORT_SYMBOL_IF_KUNIT(vmsg_share_get_stats);

/**
 * vmsg_share_owns() - does a wire address lie in a slot?
 * @ctx: the queue's context
 * @wire: the address
 *
 * Context: any.
 * Return: true if it does; false also where there are no slots.
 */
bool vmsg_share_owns(const struct vmsg_wctx *ctx, u64 wire)
{
	const struct vmsg_share *s = ctx->share;

	return s && wire >= s->wire &&
	       wire - s->wire < (u64)s->slots * VIRTIO_MSG_SHARE_SIZE;
}
EXPORT_SYMBOL_IF_KUNIT(vmsg_share_owns);

/* Free slots in a row, marked as used; @s->slots if there are none. */
static u32 vmsg_share_take(struct vmsg_share *s, u32 n)
{
	unsigned long g;

	lockdep_assert_held(&s->lock);
	g = bitmap_find_next_zero_area(s->used, s->slots, s->hint, n, 0);
	if (g >= s->slots)
		g = bitmap_find_next_zero_area(s->used, s->slots, 0, n, 0);
	if (g >= s->slots) {
		s->stats.full++;
		return s->slots;
	}
	bitmap_set(s->used, g, n);
	s->hint = g + n;
	return g;
}

static void vmsg_share_poison(struct page *page, unsigned long offset, size_t size)
{
	size_t n;

	page += offset >> PAGE_SHIFT;
	offset &= ~PAGE_MASK;
	for (; size; size -= n, offset = 0, page++) {
		n = min(size, PAGE_SIZE - offset);
		memset_page(page, offset, VMSG_SHARE_POISON, n);
	}
}

/*
 * A page that the device side does not let go of is kept from being freed by a
 * reference to it.  What kmalloc() gives has none: it goes back to its cache with
 * the object, and to whoever asks next.
 */
static bool vmsg_share_counted(struct page *page, unsigned long offset, size_t size)
{
	struct page *end = page + PFN_UP(offset + size);

	for (page += offset >> PAGE_SHIFT; page < end; page++)
		if (PageSlab(page) || !page_count(page))
			return false;
	return true;
}

/**
 * vmsg_share_map() - let the device side reach a buffer where it is
 * @ctx: the queue's context
 * @page: first page
 * @offset: where in it; may exceed the size of a page
 * @size: bytes
 * @dir: direction
 *
 * Context: any.
 * Return: the wire address, or VMSG_WIN_ERROR: it has to go through the window.
 */
u64 vmsg_share_map(struct vmsg_wctx *ctx, struct page *page,
		   unsigned long offset, size_t size,
		   enum dma_data_direction dir)
{
	struct vmsg_share *s = ctx->share;
	phys_addr_t phys = page_to_phys(page) + offset;
	u32 n = size / VIRTIO_MSG_SHARE_SIZE;
	unsigned long flags;
	u32 g, i;

	if (!s || READ_ONCE(s->broken) || !size || size > VMSG_WIN_MAX_MAPPING ||
	    !IS_ALIGNED(phys, VIRTIO_MSG_SHARE_SIZE) ||
	    !IS_ALIGNED(size, VIRTIO_MSG_SHARE_SIZE) ||
	    !valid_dma_direction(dir) || dir == DMA_NONE ||
	    !vmsg_share_counted(page, offset, size))
		return VMSG_WIN_ERROR;
	vmsg_wctx_mapping(ctx);
	/* The peer is gone; a buffer more would be one more to drain. */
	if (READ_ONCE(ctx->condemned) || READ_ONCE(ctx->closed))
		return VMSG_WIN_ERROR;

	spin_lock_irqsave(&s->lock, flags);
	g = vmsg_share_take(s, n);
	if (g < s->slots) {
		__set_bit(g, s->heads);
		s->recs[g].ctx = ctx;
		s->recs[g].phys = phys;
		s->recs[g].pages = n;
		s->recs[g].tag = VMSG_WIN_NO_TAG;
		s->stats.maps++;
		s->stats.pages += n;
	}
	spin_unlock_irqrestore(&s->lock, flags);
	if (g == s->slots)
		return VMSG_WIN_ERROR;

	/* Before the device side sees it. */
	if (dir == DMA_FROM_DEVICE)
		vmsg_share_poison(page, offset, size);
	for (i = 0; i < n; i++)
		s->ops->share(s->bus, g + i, phys + i * VIRTIO_MSG_SHARE_SIZE,
			      dir != DMA_TO_DEVICE);
	return s->wire + (u64)g * VIRTIO_MSG_SHARE_SIZE;
}
EXPORT_SYMBOL_IF_KUNIT(vmsg_share_map);

/* The first slot of a buffer of @ctx that begins at @wire, else @s->slots. */
static u32 vmsg_share_lookup(struct vmsg_share *s, struct vmsg_wctx *ctx, u64 wire)
{
	u64 off = wire - s->wire;
	u32 g = off / VIRTIO_MSG_SHARE_SIZE;

	lockdep_assert_held(&s->lock);
	if (off % VIRTIO_MSG_SHARE_SIZE || !test_bit(g, s->heads) ||
	    s->recs[g].ctx != ctx)
		return s->slots;
	return g;
}

/* True if the device side has let go of all of it. */
static bool vmsg_share_end(struct vmsg_share *s, u32 g,
			   const struct vmsg_share_rec *rec)
{
	unsigned long flags;
	bool ended = true;
	u32 i;

	for (i = 0; i < rec->pages; i++) {
		bool ok = s->ops->unshare(s->bus, g + i, rec->phys +
					  i * VIRTIO_MSG_SHARE_SIZE);

		spin_lock_irqsave(&s->lock, flags);
		if (ok)
			__clear_bit(g + i, s->used);
		else
			s->stats.kept++;
		spin_unlock_irqrestore(&s->lock, flags);
		ended &= ok;
	}
	return ended;
}

/**
 * vmsg_share_unmap() - end that
 * @ctx: the queue's context
 * @wire: what vmsg_share_map() returned
 *
 * Context: any.
 */
void vmsg_share_unmap(struct vmsg_wctx *ctx, u64 wire)
{
	struct vmsg_share *s = ctx->share;
	struct vmsg_share_rec rec;
	unsigned long flags;
	u32 g;

	/* A buffer may come back before another one was added behind it. */
	if (ctx->ops && ctx->ops->unmapping)
		ctx->ops->unmapping(ctx, wire);
	spin_lock_irqsave(&s->lock, flags);
	g = vmsg_share_lookup(s, ctx, wire);
	if (g < s->slots) {
		rec = s->recs[g];
		__clear_bit(g, s->heads);
	}
	spin_unlock_irqrestore(&s->lock, flags);
	if (g == s->slots) {
		pr_err_ratelimited("virtio_msg: unmap at %#llx, where no buffer is shared\n",
				   wire);
		return;
	}
	if (!vmsg_share_end(s, g, &rec)) {
		WRITE_ONCE(s->broken, true);
		virtio_msg_peer_lost(s->bus, "it holds on to a buffer that it has given back");
	}
	if (rec.tag != VMSG_WIN_NO_TAG && ctx->ops && ctx->ops->unmapped)
		ctx->ops->unmapped(ctx, rec.tag);
}
EXPORT_SYMBOL_IF_KUNIT(vmsg_share_unmap);

/**
 * vmsg_share_set_tag() - know a buffer when it comes back
 * @ctx: the queue's context
 * @wire: where it begins, in a slot; it may come from memory that the peer can
 *	write
 * @tag: handed to @ctx->ops->unmapped
 *
 * Context: any.
 * Return: false if no buffer of @ctx begins there, or if it has a tag.
 */
bool vmsg_share_set_tag(struct vmsg_wctx *ctx, u64 wire, u32 tag)
{
	struct vmsg_share *s = ctx->share;
	unsigned long flags;
	bool ok;
	u32 g;

	spin_lock_irqsave(&s->lock, flags);
	g = vmsg_share_lookup(s, ctx, wire);
	ok = g < s->slots && s->recs[g].tag == VMSG_WIN_NO_TAG;
	if (ok)
		s->recs[g].tag = tag;
	spin_unlock_irqrestore(&s->lock, flags);
	return ok;
}
EXPORT_SYMBOL_IF_KUNIT(vmsg_share_set_tag);

/**
 * vmsg_buf_sync_for_cpu() - let the driver see what the device wrote
 * @ctx: the queue's context
 * @wire: an address in a buffer
 * @size: bytes
 * @dir: direction
 *
 * Context: any.
 */
void vmsg_buf_sync_for_cpu(struct vmsg_wctx *ctx, u64 wire, size_t size,
			   enum dma_data_direction dir)
{
	if (!vmsg_share_owns(ctx, wire))
		vmsg_window_sync_for_cpu(ctx, wire, size, dir);
}

/**
 * vmsg_buf_sync_for_device() - let the device see what the driver wrote
 * @ctx: the queue's context
 * @wire: an address in a buffer
 * @size: bytes
 * @dir: direction
 *
 * Context: any.
 */
void vmsg_buf_sync_for_device(struct vmsg_wctx *ctx, u64 wire, size_t size,
			      enum dma_data_direction dir)
{
	if (!vmsg_share_owns(ctx, wire))
		vmsg_window_sync_for_device(ctx, wire, size, dir);
}

/**
 * vmsg_buf_need_sync() - does a sync do anything?
 * @ctx: the queue's context
 * @wire: an address in a buffer
 *
 * Context: any.
 * Return: true if the two above copy.
 */
bool vmsg_buf_need_sync(struct vmsg_wctx *ctx, u64 wire)
{
	return !vmsg_share_owns(ctx, wire) && vmsg_window_need_sync(ctx, wire);
}
EXPORT_SYMBOL_IF_KUNIT(vmsg_buf_need_sync);
