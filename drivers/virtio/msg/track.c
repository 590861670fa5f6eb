// SPDX-License-Identifier: GPL-2.0-only
/*
 * virtio-msg: which buffers of a queue the device has
 *
 * When a peer dies, every buffer that its devices hold has to come back to its
 * driver, each exactly once: a head too few and a driver like virtio_blk waits
 * for ever, a head too many and the ring code breaks the queue, with the same
 * result.  The rings alone do not tell (a slow buffer's entry in the avail ring
 * may have been overwritten), and the ring code's own books are private.  But
 * every buffer is mapped when it is added and unmapped when it comes back, and
 * the window tells us of both:
 *
 *  - when a mapping is made or undone, all buffers that were added before are
 *    in the ring, and at most one of them is new;
 *  - the first descriptor's mapping gets the head as its tag, and the hook for
 *    its unmapping says that this head has come back.
 *
 * Which head a new buffer has is not read from the ring, where the peer could
 * have changed it: the ring code takes descriptors (packed: ids) from the front
 * of a free list, a buffer of n descriptors n of them, and is known by the
 * first; when it comes back they go to the front again.  The same list is kept
 * here.
 *
 * Draining then plays the device for what is left: used entries that the real
 * device has published and the driver has not collected stay as they are, the
 * rest is appended with length 0.  The slots were poisoned when they were
 * mapped, so that a status byte nobody wrote reads as an error.
 *
 * One thing in the ring the ring code itself believes: how long the chain of a
 * split ring's buffer is that comes back, by the NEXT flag of its descriptors.
 * Whoever changes one makes it free descriptors that are in use, or forget
 * some, or go round for ever.  virtqueue.num_free says how many it freed, so
 * that is found out (track.spoilt), and the flags are written anew: while it
 * happens, before a drain, and before a driver takes its buffers out itself.
 *
 * Last, if the books are wrong all the same, each head that there could be is
 * offered to the ring code, which knows its own: vmsg_track_offer().
 */

#include <linux/bitmap.h>
#include <linux/slab.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_ring.h>

#include "internal.h"

#define VMSG_TRACK_NONE		U16_MAX	/* no head */

static struct vmsg_vq *vmsg_ctx_to_vq(struct vmsg_wctx *ctx)
{
	return container_of(ctx, struct vmsg_vq, ctx);
}

/* Split rings: struct vring_avail and vring_used, by hand for __vshm. */

static u16 vmsg_avail_head(const struct vmsg_track *t, u16 idx)
{
	const __le16 __vshm *avail = (const __le16 __vshm __force *)t->avail;

	return vmsg_shm_load16(avail + 2 + (idx & (t->num - 1)));
}

static u16 vmsg_used_idx(const struct vmsg_track *t)
{
	const __le16 __vshm *used = (const __le16 __vshm __force *)t->used;

	return vmsg_shm_load16(used + 1);
}

static __le32 __vshm *vmsg_used_elem(const struct vmsg_track *t, u16 idx)
{
	__le32 __vshm *used = (__le32 __vshm __force *)t->used;

	return used + 1 + 2 * (idx & (t->num - 1));
}

/* struct vring_desc is addr, len, flags, next. */
static __le16 __vshm *vmsg_split_flags(const struct vmsg_track *t, u16 i)
{
	return (__le16 __vshm __force *)t->desc + 8 * i + 6;
}

/* Packed rings: struct vring_packed_desc is addr, len, id, flags. */

static __le16 __vshm *vmsg_packed_id(const struct vmsg_track *t, u16 i)
{
	return (__le16 __vshm __force *)t->desc + 8 * i + 6;
}

static __le16 __vshm *vmsg_packed_flags(const struct vmsg_track *t, u16 i)
{
	return (__le16 __vshm __force *)t->desc + 8 * i + 7;
}

static void vmsg_packed_step(const struct vmsg_track *t, u16 n, u16 *pos, bool *wrap)
{
	*pos += n;
	if (*pos >= t->num) {
		*pos -= t->num;
		*wrap = !*wrap;
	}
}

static bool vmsg_packed_avail_bit(u16 flags)
{
	return flags & BIT(VRING_PACKED_DESC_F_AVAIL);
}

static bool vmsg_packed_used_bit(u16 flags)
{
	return flags & BIT(VRING_PACKED_DESC_F_USED);
}

/* Which buffers are out is not known. */
static void vmsg_track_lose(struct vmsg_vq *q)
{
	lockdep_assert_held(&q->track.lock);
	WRITE_ONCE(q->track.lost, true);
	q->track.back = VMSG_TRACK_NONE;
	vmsg_count(q->vd->bus, VMSG_C_TRACK_LOST);
}

/*
 * Rings are in the window, mappings there or in slots; see dma.c where there is
 * no window.
 */

static bool vmsg_track_tag(struct vmsg_vq *q, u64 addr, u32 tag)
{
	if (vmsg_share_owns(&q->ctx, addr))
		return vmsg_share_set_tag(&q->ctx, addr, tag);
	return q->ctx.win ? vmsg_window_set_tag(&q->ctx, addr, tag) :
			    vmsg_dma_set_tag(&q->ctx, addr, tag);
}

static void *vmsg_track_ptr(struct vmsg_vq *q, u64 addr, u64 len)
{
	return q->ctx.win ? vmsg_window_ptr(q->ctx.win, addr, len) :
			    vmsg_dma_ptr(&q->ctx, addr, len);
}

/*
 * Where the driver will add the next buffer, from the ring code's own books:
 * split, its index of the avail ring; packed, a position and, in bit 15, the
 * wrap counter there.  Nothing that the peer can write.
 */
static u16 vmsg_track_next(const struct vmsg_vq *q)
{
	/*
	 * vmsg_track_resume() and the kick after it do not have the driver's
	 * lock; it is one load of a u16 that only goes up.
	 */
	return data_race(vring_notification_data(q->vq)) >> 16;
}

/* Where that was when the books were last brought up to date. */
static u16 vmsg_track_at(const struct vmsg_track *t)
{
	return t->avail_idx | (t->packed && t->avail_wrap ? BIT(15) : 0);
}

/* Up to where they have come back. */
static u16 vmsg_track_done_at(const struct vmsg_track *t)
{
	return t->packed ? t->used_pos | (t->used_wrap ? BIT(15) : 0) : t->done;
}

/* The NEXT flags of a chain of @n descriptors, as the ring code made them. */
static void vmsg_mend_chain(const struct vmsg_track *t, u16 i, unsigned int n)
{
	u16 flags, want;

	for (; n; n--, i = t->next[i]) {
		flags = vmsg_shm_load16(vmsg_split_flags(t, i));
		want = n > 1 ? flags | VRING_DESC_F_NEXT : flags & ~VRING_DESC_F_NEXT;
		if (want != flags)
			vmsg_shm_store16(vmsg_split_flags(t, i), want);
	}
}

/* Of all chains. */
static void vmsg_track_mend(const struct vmsg_track *t)
{
	unsigned int head;

	lockdep_assert_held(&t->lock);
	if (t->packed)
		return;
	for_each_set_bit(head, t->out, t->num)
		vmsg_mend_chain(t, head, t->len[head]);
	/* The one that is just coming back, maybe. */
	if (t->back != VMSG_TRACK_NONE)
		vmsg_mend_chain(t, t->back, t->len[t->back]);
}

/*
 * The ring code has followed a chain further, or less far, than it was: its free
 * list is not ours any more.  So nothing is added from now on; the caller breaks
 * the device when it has dropped the lock.
 */
static void vmsg_track_spoil(struct vmsg_vq *q)
{
	struct vmsg_track *t = &q->track;
	unsigned int n;
	u16 i;

	lockdep_assert_held(&t->lock);
	if (!t->spoilt) {
		WRITE_ONCE(t->spoilt, true);
		vmsg_count(q->vd->bus, VMSG_C_TRACK_LOST);
	}
	if (q->ctx.win)
		vmsg_wctx_condemn(&q->ctx);
	else
		vmsg_wctx_close(&q->ctx);
	vmsg_track_mend(t);
	/* It may be among the free ones this moment, and find its end there. */
	for (n = t->num_free, i = t->free; n && !t->packed; n--, i = t->next[i])
		vmsg_mend_chain(t, i, 1);
}

/* What num_free is when the buffer that came back last is back for good. */
static unsigned int vmsg_track_num_free(const struct vmsg_track *t)
{
	return t->num_free + (t->back == VMSG_TRACK_NONE ? 0 : t->len[t->back]);
}

/* Its descriptors are free again. */
static void vmsg_track_splice(struct vmsg_track *t)
{
	if (t->back == VMSG_TRACK_NONE)
		return;
	t->next[t->last[t->back]] = t->free;
	t->free = t->back;
	t->back = VMSG_TRACK_NONE;
}

/*
 * Split: the buffer that came back last is back for good.  Only now does num_free
 * tell how many descriptors it had; it is put right, because the ring code stops the
 * system if it does not add up in the end.
 */
static void vmsg_track_settle(struct vmsg_vq *q)
{
	struct vmsg_track *t = &q->track;

	lockdep_assert_held(&t->lock);
	if (t->packed || t->lost)
		return;
	t->num_free = vmsg_track_num_free(t);
	vmsg_track_splice(t);
	if (q->vq->num_free == t->num_free)
		return;
	q->vq->num_free = t->num_free;
	vmsg_track_spoil(q);
}

/*
 * The device has a new buffer, of @n descriptors.  Its first one is the first that was
 * mapped for it or, if there is but one for several mappings, an indirect table, which
 * is mapped last.
 */
static void vmsg_track_out(struct vmsg_vq *q, unsigned int n)
{
	struct vmsg_track *t = &q->track;
	bool indirect = n == 1 && t->map_num > 1;
	u16 head = t->free, last = head;
	unsigned int i;

	lockdep_assert_held(&t->lock);
	if (!n || n > t->num || test_bit(head, t->out) ||
	    t->map_at != vmsg_track_at(t) || (!indirect && n != t->map_num) ||
	    !vmsg_track_tag(q, indirect ? t->map_last : t->map_first, head)) {
		vmsg_track_lose(q);
		return;
	}
	for (i = 1; i < n; i++)
		last = t->next[last];
	t->free = t->next[last];
	t->last[head] = last;
	t->len[head] = n;
	__set_bit(head, t->out);
	WRITE_ONCE(t->count, t->count + 1);
}

static void vmsg_track_scan_split(struct vmsg_vq *q)
{
	struct vmsg_track *t = &q->track;
	u16 idx = vmsg_track_next(q), n = idx - t->avail_idx;
	unsigned int num_free;

	lockdep_assert_held(&t->lock);
	/*
	 * The index before the rest: vmsg_track_resume() does not have the
	 * driver's lock.  Pairs with the driver's virtio_wmb().
	 */
	smp_rmb();
	if (n == 1) {
		/* Whoever changes it next has to take our lock first. */
		num_free = data_race(q->vq->num_free);
		vmsg_track_out(q, t->num_free - num_free);
		t->num_free = num_free;
	} else if (n && n <= t->num) {
		vmsg_track_lose(q);
	}
	/* Else the driver has taken buffers out: then the index goes back. */

	/* Pairs with the look at it in vmsg_track_look(). */
	smp_store_release(&t->avail_idx, idx);
}

static void vmsg_track_scan_packed(struct vmsg_vq *q)
{
	struct vmsg_track *t = &q->track;
	u16 next = vmsg_track_next(q);
	u16 pos = next & ~BIT(15);
	bool wrap = next & BIT(15);
	int n;

	lockdep_assert_held(&t->lock);
	n = pos - t->avail_idx + (wrap == t->avail_wrap ? 0 : t->num);
	if (!n)
		return;
	vmsg_track_out(q, n);
	t->avail_idx = pos;
	t->avail_wrap = wrap;
}

static void vmsg_track_scan(struct vmsg_vq *q)
{
	if (q->track.packed)
		vmsg_track_scan_packed(q);
	else
		vmsg_track_scan_split(q);
}

static void vmsg_track_check(struct vmsg_vq *q)
{
	if (READ_ONCE(q->track.spoilt))
		vmsg_device_broken(q->vd, "it changes descriptors");
}

/* Look for a buffer that was added; @next is where the one after it will be. */
static void vmsg_track_look(struct vmsg_vq *q, u16 next)
{
	struct vmsg_track *t = &q->track;
	unsigned long flags;
	u16 at;

	/*
	 * Often there is nothing new, also because another has just looked: then
	 * all that it has written is to be seen.
	 */
	at = smp_load_acquire(&t->avail_idx);
	if (t->packed)
		at = vmsg_track_at(t);
	if (likely(next == at))
		return;
	spin_lock_irqsave(&t->lock, flags);
	vmsg_track_scan(q);
	spin_unlock_irqrestore(&t->lock, flags);
}

/*
 * Hook of the window, before a mapping is made.  A buffer is being added, so whatever
 * came back before is back.  Any context; the driver's lock keeps other additions away.
 */
static void vmsg_track_mapping(struct vmsg_wctx *ctx)
{
	struct vmsg_vq *q = vmsg_ctx_to_vq(ctx);
	struct vmsg_track *t = &q->track;
	unsigned long flags;
	u16 next;

	if (!t->out || READ_ONCE(t->lost))
		return;
	next = vmsg_track_next(q);
	t->map_next = next;
	/* One more for the buffer that is being added: there cannot be another. */
	if (t->map_num && t->map_at == next)
		return;
	vmsg_track_look(q, next);
	if (t->packed)
		return;
	/* Only a hint: who settles on behalf of a reset does not have the driver's lock. */
	if (data_race(q->vq->num_free == t->num_free))
		return;
	spin_lock_irqsave(&t->lock, flags);
	vmsg_track_settle(q);
	spin_unlock_irqrestore(&t->lock, flags);
	vmsg_track_check(q);
}

/* For the buffer that will be where the next one comes. */
static void vmsg_track_mapped(struct vmsg_wctx *ctx, u64 wire)
{
	struct vmsg_track *t = &vmsg_ctx_to_vq(ctx)->track;

	if (!t->out)
		return;
	if (!t->map_num || t->map_at != t->map_next) {
		t->map_at = t->map_next;
		t->map_num = 0;
		t->map_first = wire;
	}
	t->map_last = wire;
	t->map_num++;
}

/* As vmsg_track_mapping(), before the mapping at @wire is undone. */
static void vmsg_track_unmapping(struct vmsg_wctx *ctx, u64 wire)
{
	struct vmsg_vq *q = vmsg_ctx_to_vq(ctx);
	struct vmsg_track *t = &q->track;
	unsigned long flags;
	u16 next;

	if (!t->out)
		return;
	next = vmsg_track_next(q);
	if (!READ_ONCE(t->lost))
		vmsg_track_look(q, next);
	/* If this is of one that was being added, that is given up. */
	if (t->map_at != next || t->map_first == wire)
		t->map_num = 0;
	if (t->packed || READ_ONCE(t->lost))
		return;
	/* A hint, too: this moment the books may be in the midst of being settled. */
	if (likely(data_race(q->vq->num_free <= vmsg_track_num_free(t))))
		return;
	spin_lock_irqsave(&t->lock, flags);
	/* The ring code is on its way through free descriptors: here it ends. */
	if (q->vq->num_free > vmsg_track_num_free(t))
		vmsg_track_spoil(q);
	spin_unlock_irqrestore(&t->lock, flags);
	vmsg_track_check(q);
}

static void vmsg_track_unmapped(struct vmsg_wctx *ctx, u32 tag)
{
	struct vmsg_vq *q = vmsg_ctx_to_vq(ctx);
	struct vmsg_track *t = &q->track;
	unsigned long flags;

	if (!t->out || tag >= t->num)
		return;
	spin_lock_irqsave(&t->lock, flags);
	if (__test_and_clear_bit(tag, t->out)) {
		WRITE_ONCE(t->count, t->count - 1);
		t->done++;
		if (t->packed) {
			vmsg_packed_step(t, t->len[tag], &t->used_pos,
					 &t->used_wrap);
			t->next[t->last[tag]] = t->free;
			t->free = tag;
		} else {
			/* The one before it; how long this one is shows later. */
			vmsg_track_settle(q);
			t->back = t->lost ? VMSG_TRACK_NONE : tag;
		}
	}
	spin_unlock_irqrestore(&t->lock, flags);
	vmsg_track_check(q);
}

/* Has a test made the window seem full? */
static bool vmsg_track_starved(struct vmsg_wctx *ctx)
{
	return vmsg_fault(vmsg_ctx_to_vq(ctx)->vd->bus, VMSG_FAULT_EXHAUST);
}

const struct vmsg_wctx_ops vmsg_track_ops = {
	.starved = vmsg_track_starved,
	.mapping = vmsg_track_mapping,
	.mapped = vmsg_track_mapped,
	.unmapping = vmsg_track_unmapping,
	.unmapped = vmsg_track_unmapped,
};

/**
 * vmsg_track_init() - begin to track a queue
 * @q: the queue, its ring made and empty
 *
 * Without a window and without DMA there is nothing to track with.
 *
 * Context: may sleep.
 * Return: 0, -ENOMEM, or -EIO for a ring that is not where it should be.
 */
int vmsg_track_init(struct vmsg_vq *q)
{
	struct vmsg_track *t = &q->track;
	unsigned int num = virtqueue_get_vring_size(q->vq);
	struct virtio_msg_bus *bus = q->vd->bus;
	bool packed = virtio_has_feature(&q->vd->vdev, VIRTIO_F_RING_PACKED);
	unsigned int i;

	spin_lock_init(&t->lock);
	if (!q->ctx.win && !q->ctx.dma)
		return 0;
	t->num = num;
	t->packed = packed;
	t->desc = vmsg_track_ptr(q, virtqueue_get_desc_addr(q->vq), 16 * num);
	t->avail = vmsg_track_ptr(q, virtqueue_get_avail_addr(q->vq),
				  packed ? 4 : 6 + 2 * num);
	t->used = vmsg_track_ptr(q, virtqueue_get_used_addr(q->vq),
				 packed ? 4 : 6 + 8 * num);
	/* The peer would be handed memory that it cannot see, or must not. */
	if (!t->desc || !t->avail || !t->used)
		return -EIO;
	t->lost = false;
	t->spoilt = false;
	t->doubt = false;
	t->avail_idx = 0;
	t->avail_wrap = true;
	t->done = 0;
	t->used_pos = 0;
	t->used_wrap = true;
	t->count = 0;
	t->num_free = num;
	t->free = 0;
	t->back = VMSG_TRACK_NONE;
	t->map_num = 0;
	t->sweep = 0;
	t->offered = false;
	t->len = vmsg_alloc(bus, kcalloc(num, sizeof(*t->len), GFP_KERNEL));
	t->last = vmsg_alloc(bus, kcalloc(num, sizeof(*t->last), GFP_KERNEL));
	t->next = vmsg_alloc(bus, kcalloc(num, sizeof(*t->next), GFP_KERNEL));
	/* Draining must not fail for lack of memory: its bitmap is made now. */
	t->seen = vmsg_alloc(bus, bitmap_zalloc(num, GFP_KERNEL));
	t->out = vmsg_alloc(bus, bitmap_zalloc(num, GFP_KERNEL));
	if (!t->len || !t->last || !t->next || !t->seen || !t->out) {
		vmsg_track_exit(q);
		return -ENOMEM;
	}
	for (i = 0; i + 1 < num; i++)
		t->next[i] = i + 1;
	return 0;
}

/**
 * vmsg_track_exit() - end the tracking
 * @q: the queue; nothing is mapped through it at the same time
 *
 * Context: may sleep.
 */
void vmsg_track_exit(struct vmsg_vq *q)
{
	struct vmsg_track *t = &q->track;

	bitmap_free(t->out);
	t->out = NULL;
	bitmap_free(t->seen);
	t->seen = NULL;
	kfree(t->len);
	t->len = NULL;
	kfree(t->last);
	t->last = NULL;
	kfree(t->next);
	t->next = NULL;
}

/**
 * vmsg_track_quiet() - the driver has reset the device, or the queue
 * @q: the queue; no callback runs
 *
 * It will take its buffers out itself, with the help of the ring code, which
 * must find their chains as it made them.
 *
 * Context: may sleep.
 */
void vmsg_track_quiet(struct vmsg_vq *q)
{
	struct vmsg_track *t = &q->track;
	bool settle = false;
	unsigned int now;

	if (!t->out)
		return;
again:
	spin_lock_irq(&t->lock);
	if (!t->lost) {
		vmsg_track_scan(q);
		if (settle)
			vmsg_track_settle(q);
		vmsg_track_mend(t);
		/* If it changes at this moment, we look again. */
		now = data_race(q->vq->num_free);
		settle = !settle && !t->packed && now != vmsg_track_num_free(t);
	}
	spin_unlock_irq(&t->lock);
	if (!settle)
		return;
	/* Some drivers still add; who is in the midst of that has preemption off. */
	synchronize_rcu();
	goto again;
}

/**
 * vmsg_track_renew() - begin anew after a queue was reset
 * @q: the queue, its ring empty and maybe of another size
 *
 * The ring code makes its free list anew only for a ring of another size.
 *
 * Context: may sleep.
 * Return: as vmsg_track_init().
 */
int vmsg_track_renew(struct vmsg_vq *q)
{
	struct vmsg_track *t = &q->track;
	u16 *next = NULL, free;
	bool lost = t->lost, spoilt = t->spoilt;
	int ret;

	/* All have come back, and the ring code has begun anew itself. */
	vmsg_track_splice(t);
	free = t->free;
	if (t->num == virtqueue_get_vring_size(q->vq)) {
		next = t->next;
		t->next = NULL;
	}
	vmsg_track_exit(q);
	ret = vmsg_track_init(q);
	if (!next || ret) {
		kfree(next);
		return ret;
	}
	kfree(t->next);
	t->next = next;
	t->free = free;
	t->lost = lost;
	t->spoilt = spoilt;
	return 0;
}

/* Mark @head in @seen if it is out and not yet seen. */
static bool vmsg_track_see(const struct vmsg_track *t, unsigned long *seen, u32 head)
{
	return head < t->num && test_bit(head, t->out) &&
	       !__test_and_set_bit(head, seen);
}

/*
 * What a drained buffer holds, as its driver is told: nothing.  For 9p that means that
 * there is no answer yet, and it goes on waiting; one byte is none that it can parse.
 */
static u32 vmsg_drained_len(const struct vmsg_vq *q)
{
	return q->vd->info.device_id == VIRTIO_ID_9P;
}

static unsigned int vmsg_drain_split(struct vmsg_vq *q, unsigned long *seen)
{
	struct vmsg_track *t = &q->track;
	__le16 __vshm *used = (__le16 __vshm __force *)t->used;
	u16 end = vmsg_used_idx(t);
	unsigned int head, n = 0;
	u16 idx = t->done;

	/* What the device has published and makes sense stays. */
	while (idx != end && vmsg_track_see(t, seen, vmsg_shm_load32(vmsg_used_elem(t, idx))))
		idx++;
	for_each_set_bit(head, t->out, t->num) {
		if (test_bit(head, seen))
			continue;
		vmsg_shm_store32(vmsg_used_elem(t, idx), head);
		vmsg_shm_store32(vmsg_used_elem(t, idx) + 1, vmsg_drained_len(q));
		idx++;
		n++;
	}
	/* The entries before the index; pairs with the driver's virtio_rmb(). */
	mb();
	vmsg_shm_store16(used + 1, idx);
	return n;
}

static unsigned int vmsg_drain_packed(struct vmsg_vq *q, unsigned long *seen)
{
	struct vmsg_track *t = &q->track;
	bool wrap = t->used_wrap;
	u16 pos = t->used_pos;
	unsigned int id, n = 0;
	u16 flags, used;

	for (;;) {
		flags = vmsg_shm_load16(vmsg_packed_flags(t, pos));
		used = vmsg_shm_load16(vmsg_packed_id(t, pos));
		if (vmsg_packed_avail_bit(flags) != wrap ||
		    vmsg_packed_used_bit(flags) != wrap ||
		    !vmsg_track_see(t, seen, used))
			break;
		vmsg_packed_step(t, t->len[used], &pos, &wrap);
	}
	for_each_set_bit(id, t->out, t->num) {
		if (test_bit(id, seen))
			continue;
		vmsg_shm_store16(vmsg_packed_id(t, pos), id);
		/* The length: the word before id. */
		vmsg_shm_store32((__le32 __vshm __force *)t->desc + 4 * pos + 2,
				 vmsg_drained_len(q));
		/* The element before its flags; pairs with virtio_rmb(). */
		mb();
		flags = wrap ? BIT(VRING_PACKED_DESC_F_AVAIL) |
			       BIT(VRING_PACKED_DESC_F_USED) : 0;
		vmsg_shm_store16(vmsg_packed_flags(t, pos), flags);
		vmsg_packed_step(t, t->len[id], &pos, &wrap);
		n++;
	}
	return n;
}

/**
 * vmsg_track_drain() - give every buffer that is out back to the driver
 * @q: the queue, condemned: no buffer is added any more
 *
 * The caller then runs the queue's callback.
 *
 * Context: any.
 * Return: how many buffers the driver has to collect.
 */
unsigned int vmsg_track_drain(struct vmsg_vq *q)
{
	struct vmsg_track *t = &q->track;
	unsigned int drained = 0, count = 0;
	unsigned long flags;

	if (!t->out)
		return 0;
	spin_lock_irqsave(&t->lock, flags);
	if (!t->lost)
		vmsg_track_scan(q);
	if (!vmsg_track_sweeps(q)) {
		vmsg_track_mend(t);
		bitmap_zero(t->seen, t->num);
		drained = t->packed ? vmsg_drain_packed(q, t->seen) :
				      vmsg_drain_split(q, t->seen);
		count = t->count;
	}
	spin_unlock_irqrestore(&t->lock, flags);
	atomic64_add(drained, &q->vd->bus->stats.c[VMSG_C_DRAINED]);
	return count;
}

/**
 * vmsg_track_adding() - is a buffer being added?
 * @q: the queue, condemned, and RCU has been waited for since
 *
 * Not every driver adds with preemption off.  One that has mapped a buffer will publish
 * it, or undo the mapping; until then there may be one more to drain.
 *
 * Context: any.
 * Return: true if one was mapped for the next place, and is not there.
 */
bool vmsg_track_adding(const struct vmsg_vq *q)
{
	const struct vmsg_track *t = &q->track;

	if (!t->out || READ_ONCE(t->lost))
		return false;
	/* The driver may write both at this moment: then we ask again. */
	return data_race(t->map_num && t->map_at == vmsg_track_next(q));
}

/**
 * vmsg_track_sweeps() - are the books of no use?
 * @q: the queue, condemned
 *
 * Then every head has to be tried.
 *
 * Context: any.
 * Return: true if so.
 */
bool vmsg_track_sweeps(const struct vmsg_vq *q)
{
	return q->track.out &&
	       (READ_ONCE(q->track.lost) || READ_ONCE(q->track.spoilt));
}

/* Where the driver will look next, from the ring code's own books. */
static u16 vmsg_track_collect_at(struct vmsg_vq *q)
{
	/*
	 * It also asks the device for an event, which nobody hears any more; the
	 * driver's lock is not needed for that.
	 */
	return virtqueue_enable_cb_prepare(q->vq);
}

/**
 * vmsg_track_doubts() - compare the books with those of the ring code
 * @q: the queue, condemned
 *
 * The ring code counts the buffers that it has given back.  While it gives one
 * back the two may differ; if they do so twice, the books are of no use.
 *
 * Context: any.
 * Return: false if they agree; true: ask again, a moment later.
 */
bool vmsg_track_doubts(struct vmsg_vq *q)
{
	struct vmsg_track *t = &q->track;
	bool differ, again = false;
	unsigned long flags;

	if (!t->out)
		return false;
	spin_lock_irqsave(&t->lock, flags);
	if (!t->lost && !t->spoilt) {
		differ = vmsg_track_collect_at(q) != vmsg_track_done_at(t);
		if (differ && t->doubt)
			vmsg_track_spoil(q);
		t->doubt = differ;
		again = differ;
	}
	spin_unlock_irqrestore(&t->lock, flags);
	return again;
}

/* Make @id the one buffer that the device seems to have used; or none. */
static void vmsg_track_offer(struct vmsg_vq *q, u16 at, u16 id)
{
	struct vmsg_track *t = &q->track;
	__le16 __vshm *used = (__le16 __vshm __force *)t->used;
	u16 pos = at & ~BIT(15), flags;
	bool wrap = at & BIT(15);

	if (!t->packed) {
		vmsg_shm_store32(vmsg_used_elem(t, at), id);
		vmsg_shm_store32(vmsg_used_elem(t, at) + 1, vmsg_drained_len(q));
		/* The entry before the index; pairs with virtio_rmb(). */
		mb();
		vmsg_shm_store16(used + 1, at + (id != VMSG_TRACK_NONE));
		return;
	}
	if (pos >= t->num)
		return;
	vmsg_shm_store16(vmsg_packed_id(t, pos), id);
	vmsg_shm_store32((__le32 __vshm __force *)t->desc + 4 * pos + 2,
			 vmsg_drained_len(q));
	/* The element before its flags; pairs with virtio_rmb(). */
	mb();
	flags = wrap == (id != VMSG_TRACK_NONE) ? BIT(VRING_PACKED_DESC_F_AVAIL) |
						  BIT(VRING_PACKED_DESC_F_USED) : 0;
	vmsg_shm_store16(vmsg_packed_flags(t, pos), flags);
}

/**
 * vmsg_track_swept() - has the ring code looked at what was offered?
 * @q: the queue, its callback has run
 *
 * Context: any.
 * Return: true if so.
 */
bool vmsg_track_swept(struct vmsg_vq *q)
{
	return virtqueue_is_broken(q->vq) ||
	       vmsg_track_collect_at(q) != q->track.sweep_at;
}

/**
 * vmsg_track_sweep() - offer the next head that might be out
 * @q: the queue, condemned
 * @again: begin again after the last; a peer that still writes may have written over
 *	what was offered
 *
 * For a queue whose books are of no use.  The ring code knows which heads it has
 * given out: of one that it has not it says so, and breaks the queue, which is
 * mended again.  So each buffer comes back once, whatever the peer did.
 *
 * The caller then runs the queue's callback, and calls again: at once if that has
 * collected what was offered, later if it has not.
 *
 * Context: any.
 * Return: how many heads are left, with the one that is offered; 0 at the end.
 */
unsigned int vmsg_track_sweep(struct vmsg_vq *q, bool again)
{
	struct vmsg_track *t = &q->track;
	unsigned int left;
	unsigned long flags;
	u16 at;

	spin_lock_irqsave(&t->lock, flags);
	at = vmsg_track_collect_at(q);
	if (t->offered && vmsg_track_swept(q)) {
		if (at != t->sweep_at)
			vmsg_count(q->vd->bus, VMSG_C_DRAINED);
		t->offered = false;
		t->sweep++;
	}
	if (again && t->sweep == t->num)
		t->sweep = 0;
	left = t->num - t->sweep;
	if (!left)
		vmsg_track_offer(q, at, VMSG_TRACK_NONE);
	if (left) {
		vmsg_track_mend(t);
		vmsg_track_offer(q, at, t->sweep);
		t->sweep_at = at;
		t->offered = true;
	}
	spin_unlock_irqrestore(&t->lock, flags);
	return left;
}

/*
 * Where in the avail ring a buffer stood, if it still does, going back from the
 * newest entry.  The oldest may have been overwritten: those come first, in no
 * order, which is as good as any, since the device had them all.
 */
static unsigned int vmsg_track_order(const struct vmsg_track *t, u16 *order,
				     unsigned int count)
{
	unsigned int n = count, i, head;
	u16 idx = t->avail_idx;

	for (i = 0; i < t->num && n; i++) {
		head = vmsg_avail_head(t, --idx);
		if (head < t->num && test_bit(head, t->out) &&
		    !__test_and_set_bit(head, t->seen))
			order[--n] = head;
	}
	for_each_set_bit(head, t->out, t->num)
		if (n && !__test_and_set_bit(head, t->seen))
			order[--n] = head;
	return n;
}

/**
 * vmsg_track_resume() - arrange a split ring so that a successor can go on
 * @q: the queue; its driver may add and collect buffers at the same time
 *
 * A device side that starts at the used index takes what stands between it and
 * the avail index.  Where its predecessor used buffers out of order, that is
 * not what is left to do; so those entries are written anew, with the buffers
 * that are out and that the predecessor has not published as used.  The driver
 * never reads them, and writes only the entries behind.
 *
 * Context: may sleep; nobody else reads or writes the ring on the device side.
 * Return: 0; -ESTALE if what the predecessor left makes no sense; -ENOMEM.
 */
int vmsg_track_resume(struct vmsg_vq *q)
{
	__le16 __vshm *avail = (__le16 __vshm __force *)q->track.avail;
	struct vmsg_track *t = &q->track;
	unsigned int count, i;
	unsigned long flags;
	int ret = -ESTALE;
	u16 *order, idx, end;

	order = vmsg_alloc(q->vd->bus, kcalloc(t->num, sizeof(*order), GFP_KERNEL));
	if (!order)
		return -ENOMEM;
	spin_lock_irqsave(&t->lock, flags);
	if (!t->lost && !t->packed)
		vmsg_track_scan_split(q);
	if (t->lost || t->spoilt || t->packed)
		goto out;
	bitmap_zero(t->seen, t->num);
	end = vmsg_used_idx(t);
	for (idx = t->done; idx != end; idx++)
		if (!vmsg_track_see(t, t->seen, vmsg_shm_load32(vmsg_used_elem(t, idx))))
			goto out;
	count = t->count - (u16)(end - t->done);
	if (count != (u16)(t->avail_idx - end) ||
	    vmsg_track_order(t, order, count))
		goto out;
	for (i = 0; i < count; i++, end++)
		vmsg_shm_store16(avail + 2 + (end & (t->num - 1)), order[i]);
	/* The entries before SET_VQUEUE hands them over. */
	mb();
	atomic64_add(count, &q->vd->bus->stats.c[VMSG_C_REPLAYED]);
	ret = 0;
out:
	spin_unlock_irqrestore(&t->lock, flags);
	kfree(order);
	return ret;
}

/**
 * vmsg_track_inspect() - how far is the queue?
 * @q: the queue; it stays while this looks
 * @st: where that goes
 *
 * The events are only kept with VIRTIO_RING_F_EVENT_IDX.
 *
 * Context: any.
 * Return: false if it is not tracked.
 */
bool vmsg_track_inspect(struct vmsg_vq *q, struct vmsg_track_state *st)
{
	struct vmsg_track *t = &q->track;
	unsigned long flags;

	if (!t->out)
		return false;
	memset(st, 0, sizeof(*st));
	spin_lock_irqsave(&t->lock, flags);
	st->num = t->num;
	st->out = t->count;
	st->added = vmsg_track_next(q);
	st->done = vmsg_track_done_at(t);
	st->used = st->done;
	st->lost = t->lost || t->spoilt;
	if (!t->packed) {
		st->used = vmsg_used_idx(t);
		/* Each stands behind the other one's ring. */
		st->used_event = vmsg_shm_load16((const __le16 __vshm __force *)t->avail +
						 2 + t->num);
		st->avail_event = vmsg_shm_load16((const __le16 __vshm __force *)t->used +
						  2 + 4 * t->num);
	}
	spin_unlock_irqrestore(&t->lock, flags);
	return true;
}
