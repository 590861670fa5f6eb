// SPDX-License-Identifier: GPL-2.0-only
/*
 * Raw SPSC pages, see segment.rst, "Raw SPSC pages"
 *
 * A queue has a producer index, a consumer index and slots, and nothing that
 * says who is there.  Both peers keep their own index in private too, and some
 * keep the other's: so neither is ever set back, and who begins goes on from
 * what it finds.
 */

#include <linux/errno.h>
#include <linux/export.h>
#include <linux/limits.h>
#include <linux/types.h>
#include <asm/barrier.h>
#include <kunit/visibility.h>

#include "spsc.h"

static u32 vmsg_spsc_load(const struct vmsg_spsc *q, u32 off)
{
	return vmsg_shm_load32((const __vshm __le32 *)(q->base + off));
}

static void vmsg_spsc_store(struct vmsg_spsc *q, u32 off, u32 v)
{
	vmsg_shm_store32((__vshm __le32 *)(q->base + off), v);
}

static u32 vmsg_spsc_next(const struct vmsg_spsc *q, u32 i)
{
	return i + 1 < q->slots ? i + 1 : 0;
}

static __vshm u8 *vmsg_spsc_slot(const struct vmsg_spsc *q, u32 i)
{
	return q->base + VIRTIO_MSG_SPSC_SLOTS + i * VIRTIO_MSG_SPSC_SLOT_SIZE;
}

/**
 * vmsg_spsc_num_slots() - how many slots a queue has
 * @size: its bytes
 *
 * Context: Any.
 * Return: the number; one always stays empty.
 */
u32 vmsg_spsc_num_slots(size_t size)
{
	if (size < VIRTIO_MSG_SPSC_SLOTS)
		return 0;
	return (size - VIRTIO_MSG_SPSC_SLOTS) / VIRTIO_MSG_SPSC_SLOT_SIZE;
}
EXPORT_SYMBOL_IF_KUNIT(vmsg_spsc_num_slots);

static int vmsg_spsc_init(struct vmsg_spsc *q, __vshm u8 *base, size_t size, u32 own)
{
	if (size < VIRTIO_MSG_SPSC_SLOTS + 2 * VIRTIO_MSG_SPSC_SLOT_SIZE || size > U32_MAX)
		return -EINVAL;
	q->base = base;
	q->slots = vmsg_spsc_num_slots(size);
	q->own = vmsg_spsc_load(q, own);
	return q->own < q->slots ? 0 : -EPROTO;
}

/**
 * vmsg_spsc_init_tx() - take up a queue at its producer's end
 * @q: the queue
 * @base: its first byte
 * @size: bytes, at least 256
 *
 * Context: Any.
 * Return: 0; -EINVAL for a size that holds no two slots; -EPROTO when the index
 * found is out of range.
 */
int vmsg_spsc_init_tx(struct vmsg_spsc *q, __vshm u8 *base, size_t size)
{
	return vmsg_spsc_init(q, base, size, VIRTIO_MSG_SPSC_HEAD);
}
EXPORT_SYMBOL_IF_KUNIT(vmsg_spsc_init_tx);

/**
 * vmsg_spsc_init_rx() - take up a queue at its consumer's end
 * @q: the queue
 * @base: its first byte
 * @size: bytes, at least 256
 *
 * What the producer has left in the queue is still there to be received.
 *
 * Context: Any.
 * Return: as vmsg_spsc_init_tx().
 */
int vmsg_spsc_init_rx(struct vmsg_spsc *q, __vshm u8 *base, size_t size)
{
	return vmsg_spsc_init(q, base, size, VIRTIO_MSG_SPSC_TAIL);
}
EXPORT_SYMBOL_IF_KUNIT(vmsg_spsc_init_rx);

/**
 * vmsg_spsc_send() - put one frame into a queue
 * @q: the queue, taken up by vmsg_spsc_init_tx()
 * @frame: the frame
 * @len: its length, bytes
 *
 * The caller rings after each: there is nothing that tells whether the peer
 * looks anyway.
 *
 * Context: Any.  The caller serialises senders.
 * Return: 0; -EAGAIN when the queue is full; -EMSGSIZE; -EPROTO when the peer's
 * index is out of range.
 */
int vmsg_spsc_send(struct vmsg_spsc *q, const void *frame, size_t len)
{
	u32 next = vmsg_spsc_next(q, q->own);
	u32 tail;

	if (len > VIRTIO_MSG_SPSC_SLOT_SIZE)
		return -EMSGSIZE;
	tail = vmsg_spsc_load(q, VIRTIO_MSG_SPSC_TAIL);
	if (tail >= q->slots)
		return -EPROTO;
	if (tail == next)
		return -EAGAIN;
	/*
	 * No barrier between the load of tail and these stores: they depend on
	 * it.
	 */
	vmsg_shm_copy_to(vmsg_spsc_slot(q, q->own), frame, len);
	vmsg_shm_fill(vmsg_spsc_slot(q, q->own) + len, 0,
		      VIRTIO_MSG_SPSC_SLOT_SIZE - len);
	/* Release: pairs with the consumer's acquire after it read head. */
	dma_wmb();
	WRITE_ONCE(q->own, next);
	vmsg_spsc_store(q, VIRTIO_MSG_SPSC_HEAD, next);
	return 0;
}
EXPORT_SYMBOL_IF_KUNIT(vmsg_spsc_send);

/**
 * vmsg_spsc_recv() - take one frame out of a queue
 * @q: the queue, taken up by vmsg_spsc_init_rx()
 * @buf: receives the whole slot
 * @cap: bytes of room at @buf
 *
 * Context: Any.  The caller serialises receivers, and gives others their turn
 * if the queue never gets empty.
 * Return: bytes copied, 0 when the queue is empty, -EMSGSIZE when @cap is less
 * than a slot, -EPROTO when the peer's index is out of range.
 */
int vmsg_spsc_recv(struct vmsg_spsc *q, void *buf, size_t cap)
{
	u32 head;

	if (cap < VIRTIO_MSG_SPSC_SLOT_SIZE)
		return -EMSGSIZE;
	head = vmsg_spsc_load(q, VIRTIO_MSG_SPSC_HEAD);
	if (head >= q->slots)
		return -EPROTO;
	if (head == q->own)
		return 0;
	/* Acquire: pairs with the producer's release of head. */
	dma_rmb();
	vmsg_shm_copy_from(buf, vmsg_spsc_slot(q, q->own), VIRTIO_MSG_SPSC_SLOT_SIZE);
	/*
	 * Release: the slot was read before the producer may fill it again.
	 * Pairs with the dependency of its stores on the load of tail.
	 */
	dma_mb();
	WRITE_ONCE(q->own, vmsg_spsc_next(q, q->own));
	vmsg_spsc_store(q, VIRTIO_MSG_SPSC_TAIL, q->own);
	return VIRTIO_MSG_SPSC_SLOT_SIZE;
}
EXPORT_SYMBOL_IF_KUNIT(vmsg_spsc_recv);

/**
 * vmsg_spsc_tx_space() - has the queue room?
 * @q: the queue, taken up by vmsg_spsc_init_tx()
 *
 * Context: Any.  The caller serialises senders.
 * Return: true if a send is worth the try, also where it will report an error.
 */
bool vmsg_spsc_tx_space(const struct vmsg_spsc *q)
{
	return vmsg_spsc_load(q, VIRTIO_MSG_SPSC_TAIL) != vmsg_spsc_next(q, q->own);
}
EXPORT_SYMBOL_IF_KUNIT(vmsg_spsc_tx_space);

/**
 * vmsg_spsc_tx_empty() - has the consumer taken all there was?
 * @q: the queue, taken up by vmsg_spsc_init_tx()
 *
 * Context: Any.  The caller serialises senders.
 * Return: true if so.
 */
bool vmsg_spsc_tx_empty(const struct vmsg_spsc *q)
{
	return vmsg_spsc_load(q, VIRTIO_MSG_SPSC_TAIL) == q->own;
}
EXPORT_SYMBOL_IF_KUNIT(vmsg_spsc_tx_empty);

/**
 * vmsg_spsc_rx_full() - has the producer no room?
 * @q: the queue, taken up by vmsg_spsc_init_rx()
 *
 * A producer that drops what does not fit may have done so.
 *
 * Context: Any.  The caller serialises receivers.
 * Return: true if so.
 */
bool vmsg_spsc_rx_full(const struct vmsg_spsc *q)
{
	u32 head = vmsg_spsc_load(q, VIRTIO_MSG_SPSC_HEAD);

	return head < q->slots && vmsg_spsc_next(q, head) == q->own;
}
EXPORT_SYMBOL_IF_KUNIT(vmsg_spsc_rx_full);
