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
 *    in the avail ring, so that looking at what is new there misses none;
 *  - the first descriptor's mapping gets the head as its tag, and the hook for
 *    its unmapping says that this head has come back.
 *
 * Draining then plays the device for what is left: used entries that the real
 * device has published and the driver has not collected stay as they are, the
 * rest is appended with length 0.  The slots were poisoned when they were
 * mapped, so that a status byte nobody wrote reads as an error.
 *
 * All that is read here lies in memory that the peer can write: whatever makes
 * no sense ends the tracking of that queue (track.lost), never more.
 *
 * A packed ring's ids come from a copy of the ring code's free list, see
 * vmsg_track_scan_packed().
 */

#include <linux/bitmap.h>
#include <linux/slab.h>
#include <linux/virtio_ring.h>

#include "internal.h"

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

/* Descriptors have 16 bytes in both formats, and the address first. */
static u64 vmsg_desc_addr(const struct vmsg_track *t, u16 i)
{
	const __le64 __vshm *desc = (const __le64 __vshm __force *)t->desc;

	return vmsg_shm_load64(desc + 2 * i);
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

/* What is in the ring makes no sense: which buffers are out is not known. */
static void vmsg_track_lose(struct vmsg_vq *q)
{
	lockdep_assert_held(&q->track.lock);
	q->track.lost = true;
	vmsg_count(q->vd->bus, VMSG_C_TRACK_LOST);
}

/* Rings and mappings are in the window, or where there is none see dma.c. */

static bool vmsg_track_tag(struct vmsg_vq *q, u64 addr, u32 tag)
{
	return q->ctx.win ? vmsg_window_set_tag(&q->ctx, addr, tag) :
			    vmsg_dma_set_tag(&q->ctx, addr, tag);
}

static void *vmsg_track_ptr(struct vmsg_vq *q, u64 addr, u64 len)
{
	return q->ctx.win ? vmsg_window_ptr(q->ctx.win, addr, len) :
			    vmsg_dma_ptr(&q->ctx, addr, len);
}

/* The device has a new buffer. */
static void vmsg_track_out(struct vmsg_vq *q, u16 head, u64 addr)
{
	struct vmsg_track *t = &q->track;

	lockdep_assert_held(&t->lock);
	if (head >= t->num || test_bit(head, t->out) ||
	    !vmsg_track_tag(q, addr, head)) {
		vmsg_track_lose(q);
		return;
	}
	__set_bit(head, t->out);
	t->count++;
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

static void vmsg_track_scan_split(struct vmsg_vq *q)
{
	struct vmsg_track *t = &q->track;
	u16 idx = vmsg_track_next(q);
	u16 head;

	lockdep_assert_held(&t->lock);
	if ((u16)(idx - t->avail_idx) > t->num)
		vmsg_track_lose(q);
	/*
	 * The index before the entries: vmsg_track_resume() does not have the
	 * driver's lock.  Pairs with the driver's virtio_wmb().
	 */
	smp_rmb();
	while (!t->lost && t->avail_idx != idx) {
		head = vmsg_avail_head(t, t->avail_idx);
		if (head >= t->num) {
			vmsg_track_lose(q);
			break;
		}
		vmsg_track_out(q, head, vmsg_desc_addr(t, head));
		t->avail_idx++;
	}
}

/*
 * A packed ring's entries are overwritten as soon as the device uses them, so
 * they cannot tell the id of a buffer that was added.  But the ring code takes
 * ids from the front of a free list: a buffer of n descriptors takes n of them
 * and is known by the first, and when it comes back they go to the front again.
 * The same list is kept here, and where the entry still shows an id the two are
 * compared.
 */
static void vmsg_track_scan_packed(struct vmsg_vq *q)
{
	struct vmsg_track *t = &q->track;
	u16 next = vmsg_track_next(q);
	u16 pos = next & ~BIT(15);
	bool wrap = next & BIT(15);
	u16 id = t->free, last = id;
	u16 flags, i;
	int n;

	lockdep_assert_held(&t->lock);
	/* One buffer at most: the one that was added since the last mapping. */
	n = pos - t->avail_idx + (wrap == t->avail_wrap ? 0 : t->num);
	if (!n)
		return;
	if (n < 0 || n > t->num || id >= t->num)
		goto lose;
	flags = vmsg_shm_load16(vmsg_packed_flags(t, t->avail_idx));
	if (vmsg_packed_avail_bit(flags) == t->avail_wrap &&
	    vmsg_packed_used_bit(flags) != t->avail_wrap &&
	    vmsg_shm_load16(vmsg_packed_id(t, t->avail_idx)) != id &&
	    vmsg_shm_load16(vmsg_packed_flags(t, t->avail_idx)) == flags)
		goto lose;
	for (i = 1; i < n; i++) {
		last = t->next[last];
		if (last >= t->num)
			goto lose;
	}
	vmsg_track_out(q, id, vmsg_desc_addr(t, t->avail_idx));
	if (t->lost)
		return;
	t->free = t->next[last];
	t->last[id] = last;
	t->len[id] = n;
	t->avail_idx = pos;
	t->avail_wrap = wrap;
	return;

lose:
	vmsg_track_lose(q);
}

static void vmsg_track_scan(struct vmsg_vq *q)
{
	struct vmsg_track *t = &q->track;

	if (t->packed)
		vmsg_track_scan_packed(q);
	else
		vmsg_track_scan_split(q);
}

/**
 * vmsg_track_sync() - look for buffers that were added
 * @ctx: the queue's context
 *
 * Hook of the window, before a mapping is made or undone; also called before a
 * kick.
 *
 * Context: any; the driver's lock keeps other additions away.
 */
static void vmsg_track_sync(struct vmsg_wctx *ctx)
{
	struct vmsg_vq *q = vmsg_ctx_to_vq(ctx);
	struct vmsg_track *t = &q->track;
	unsigned long flags;

	if (!t->out || READ_ONCE(t->lost))
		return;
	/* Often there is nothing new. */
	if (vmsg_track_next(q) ==
	    (t->avail_idx | (t->packed && t->avail_wrap ? BIT(15) : 0)))
		return;
	spin_lock_irqsave(&t->lock, flags);
	vmsg_track_scan(q);
	spin_unlock_irqrestore(&t->lock, flags);
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
		t->count--;
		t->done++;
		if (t->packed) {
			vmsg_packed_step(t, t->len[tag], &t->used_pos,
					 &t->used_wrap);
			t->next[t->last[tag]] = t->free;
			t->free = tag;
		}
	}
	spin_unlock_irqrestore(&t->lock, flags);
}

const struct vmsg_wctx_ops vmsg_track_ops = {
	.mapping = vmsg_track_sync,
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
	t->avail_idx = 0;
	t->avail_wrap = true;
	t->done = 0;
	t->used_pos = 0;
	t->used_wrap = true;
	t->count = 0;
	t->free = 0;
	if (packed) {
		t->len = kcalloc(num, sizeof(*t->len), GFP_KERNEL);
		t->last = kcalloc(num, sizeof(*t->last), GFP_KERNEL);
		t->next = kcalloc(num, sizeof(*t->next), GFP_KERNEL);
		if (!t->len || !t->last || !t->next) {
			vmsg_track_exit(q);
			return -ENOMEM;
		}
		for (i = 0; i < num; i++)
			t->next[i] = i + 1;
	}
	/* Draining must not fail for lack of memory: its bitmap is made now. */
	t->seen = bitmap_zalloc(num, GFP_KERNEL);
	t->out = bitmap_zalloc(num, GFP_KERNEL);
	if (!t->seen || !t->out) {
		vmsg_track_exit(q);
		return -ENOMEM;
	}
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
	u16 *next = NULL, free = t->free;
	bool lost = t->lost;
	int ret;

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
	return 0;
}

/* Mark @head in @seen if it is out and not yet seen. */
static bool vmsg_track_see(const struct vmsg_track *t, unsigned long *seen, u32 head)
{
	return head < t->num && test_bit(head, t->out) &&
	       !__test_and_set_bit(head, seen);
}

static unsigned int vmsg_drain_split(struct vmsg_track *t, unsigned long *seen)
{
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
		vmsg_shm_store32(vmsg_used_elem(t, idx) + 1, 0);
		idx++;
		n++;
	}
	/* The entries before the index; pairs with the driver's virtio_rmb(). */
	mb();
	vmsg_shm_store16(used + 1, idx);
	return n;
}

static unsigned int vmsg_drain_packed(struct vmsg_track *t, unsigned long *seen)
{
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
		/* Length 0: the word before id. */
		vmsg_shm_store32((__le32 __vshm __force *)t->desc + 4 * pos + 2, 0);
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
	if (!t->lost) {
		bitmap_zero(t->seen, t->num);
		drained = t->packed ? vmsg_drain_packed(t, t->seen) :
				      vmsg_drain_split(t, t->seen);
		count = t->count;
	}
	spin_unlock_irqrestore(&t->lock, flags);
	atomic64_add(drained, &q->vd->bus->stats.c[VMSG_C_DRAINED]);
	return count;
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

	order = kcalloc(t->num, sizeof(*order), GFP_KERNEL);
	if (!order)
		return -ENOMEM;
	spin_lock_irqsave(&t->lock, flags);
	if (!t->lost && !t->packed)
		vmsg_track_scan_split(q);
	if (t->lost || t->packed)
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
