// SPDX-License-Identifier: GPL-2.0-only
/*
 * virtio-msg transactions: submit, match, time out, cancel
 *
 * A transaction goes through these states (enum vmsg_xfer_state), each change
 * under engine.lock:
 *
 *	IDLE -> QUEUED -> SENT -> DONE
 *	          |  ^------'       ^
 *	          '-----------------'
 *
 * (SENT falls back to QUEUED when the transport turns out to be full.)  The
 * one who moves a transaction to DONE, and nobody else, calls complete(); so
 * it runs exactly once, whatever response, time-out, cancel and loss of the
 * peer do at the same time.  Two references: one is the creator's, one belongs
 * to the engine from submission to the end of complete().
 *
 * Sending.  Everything leaves through vmsg_engine_pump(), in the order of
 * submission.  One context at a time pumps (engine.pumping); others leave a
 * note (engine.again) and go on, so a kick never waits for a sender.  The lock
 * is not held over ops->send(): a transport may hand in the response from
 * inside it.
 */

#include <linux/delay.h>
#include <linux/jiffies.h>
#include <linux/ktime.h>
#include <linux/random.h>
#include <linux/slab.h>
#include <kunit/visibility.h>

#include "internal.h"
#include "trace.h"

/* Tokens 0 and 1 have other meanings in the 16-bit revisions. */
#define VMSG_TOKEN_FIRST	2
#define VMSG_TOKENS		65536

/* With fewer 16-bit tokens left than this the bus restarts its link. */
#define VMSG_TOKENS_LOW		1024

/*
 * The reaper looks this long after the earliest deadline, so that transactions
 * of one burst end in one look.  A transaction may end that much late.
 */
#define VMSG_REAPER_SLACK_MS	20

/* Messages that one caller sends at most; the others are left to a work. */
#define VMSG_PUMP_BUDGET	64

static void vmsg_xfer_free(struct kref *ref)
{
	struct vmsg_xfer *x = container_of(ref, struct vmsg_xfer, ref);

	put_device(&x->bus->ctx.dev);
	kfree(x);
}

/**
 * vmsg_xfer_put() - drop a reference to a transaction
 * @x: the transaction, may be NULL
 *
 * Context: any.
 */
void vmsg_xfer_put(struct vmsg_xfer *x)
{
	if (x)
		kref_put(&x->ref, vmsg_xfer_free);
}
EXPORT_SYMBOL_IF_KUNIT(vmsg_xfer_put);

/* vmsg_xfer.wait: nobody waits, somebody does, there is nothing to wait for. */
enum { VMSG_WAIT_NONE, VMSG_WAIT_ASLEEP, VMSG_WAIT_OVER };

/* What comes inside of send() finds nobody asleep, and wakes nobody. */
static void vmsg_xfer_wake(struct vmsg_xfer *x)
{
	/* Pairs with vmsg_xfer_over(): one of the two sees the other. */
	if (atomic_xchg(&x->wait, VMSG_WAIT_OVER) == VMSG_WAIT_ASLEEP)
		complete(&x->done);
}

/*
 * @x->done alone is no way to wait: nobody completes it for one who has not said so.
 * Once, by one.
 */
static bool vmsg_xfer_over(struct vmsg_xfer *x)
{
	/* Pairs with vmsg_xfer_wake(), before which all of the result was written. */
	return atomic_xchg(&x->wait, VMSG_WAIT_ASLEEP) == VMSG_WAIT_OVER;
}

/**
 * vmsg_xfer_wait() - wait for the end of a transaction
 * @x: a transaction, submitted, whose @complete was left alone; nobody else waits
 *
 * Context: may sleep.
 */
void vmsg_xfer_wait(struct vmsg_xfer *x)
{
	if (!vmsg_xfer_over(x))
		wait_for_completion(&x->done);
}

/**
 * vmsg_xfer_wait_timeout() - wait for the end of a transaction, but not for ever
 * @x: as for vmsg_xfer_wait(), and waited for but once
 * @timeout: for so many jiffies at most
 *
 * Context: may sleep.
 * Return: true if it has ended.
 */
bool vmsg_xfer_wait_timeout(struct vmsg_xfer *x, unsigned long timeout)
{
	return vmsg_xfer_over(x) || wait_for_completion_timeout(&x->done, timeout);
}

/**
 * vmsg_xfer_alloc() - make a transaction for the link that is up
 * @bus: the bus
 * @gfp: how to allocate
 *
 * The request is packed into @req, at most @cap bytes, for revision @wire.
 * complete() wakes up vmsg_xfer_call(); who submits asynchronously sets another.
 *
 * Context: as @gfp allows.
 * Return: the transaction with one reference, NULL when there is no memory or
 * no link.
 */
struct vmsg_xfer *vmsg_xfer_alloc(struct virtio_msg_bus *bus, gfp_t gfp)
{
	struct vmsg_engine *e = &bus->engine;
	const struct vmsg_wire *wire;
	struct vmsg_xfer *x;
	unsigned int epoch;
	u16 cap;

	/*
	 * Without the lock.  Then the link may be another one a moment later, which is
	 * found out when the request is submitted; but the epoch is read before the
	 * rest, so that what is of a later link is never taken for one of this.
	 * Pairs with the release of open in vmsg_engine_open().
	 */
	if (!smp_load_acquire(&e->open))
		return NULL;
	/* Pairs with the release of epoch there. */
	epoch = smp_load_acquire(&e->epoch);
	wire = READ_ONCE(e->wire);
	cap = READ_ONCE(e->max_msg);

	x = vmsg_alloc(bus, kmalloc(struct_size(x, data, 2 * (size_t)cap), gfp));
	if (!x)
		return NULL;

	/* Of the response nothing is read that was not copied there. */
	memset(x, 0, struct_size(x, data, cap));
	kref_init(&x->ref);
	INIT_LIST_HEAD(&x->node);
	init_completion(&x->done);
	x->bus = bus;
	get_device(&bus->ctx.dev);
	x->wire = wire;
	x->epoch = epoch;
	x->cap = cap;
	x->req = x->data;
	x->rsp = x->data + cap;
	x->complete = vmsg_xfer_wake;
	return x;
}
EXPORT_SYMBOL_IF_KUNIT(vmsg_xfer_alloc);

/* What users of a finished transaction see is written before complete(). */
static void vmsg_xfer_finish(struct vmsg_xfer *x, int status)
{
	x->status = status;
	trace_vmsg_xfer_end(x->bus, x);
	x->complete(x);
	vmsg_xfer_put(x);
}

/* Nothing in the response to @x tells whose it is. */
static bool vmsg_xfer_untold(const struct vmsg_xfer *x)
{
	return !vmsg_wire_xid_bits(x->wire, x->hdr.type);
}

/* Of these one at a time is under way. Model: resync.pml. */
static struct vmsg_xfer *vmsg_engine_untold(struct vmsg_engine *e)
{
	struct vmsg_xfer *x;

	lockdep_assert_held(&e->lock);
	list_for_each_entry(x, &e->sent, node)
		if (vmsg_xfer_untold(x))
			return x;
	return NULL;
}

static struct vmsg_xfer *vmsg_engine_find(struct vmsg_engine *e, u32 xid)
{
	struct vmsg_xfer *x;

	lockdep_assert_held(&e->lock);
	hash_for_each_possible(e->by_id, x, hash, xid)
		if (x->xid == xid)
			return x;
	return NULL;
}

/*
 * An ID for the next request; 0 means none is to be had (16 bit only).  A
 * 32-bit ID comes round only after all others; a 16-bit token that timed out
 * stays in @tokens until its answer comes or the link is restarted.
 */
static u32 vmsg_engine_new_id(struct vmsg_engine *e)
{
	unsigned long bit;
	u32 id;

	lockdep_assert_held(&e->lock);
	switch (e->wire->xid_bits) {
	case 32:
		do {
			id = e->next_xid++;
		} while (!id || vmsg_engine_find(e, id));
		return id;
	case 16:
		if (!e->tokens_free)
			return 0;
		bit = find_next_zero_bit(e->tokens, VMSG_TOKENS, e->next_xid);
		if (bit >= VMSG_TOKENS)
			bit = find_next_zero_bit(e->tokens, VMSG_TOKENS,
						 VMSG_TOKEN_FIRST);
		__set_bit(bit, e->tokens);
		e->tokens_free--;
		e->next_xid = bit + 1 < VMSG_TOKENS ? bit + 1 : VMSG_TOKEN_FIRST;
		return bit;
	default:
		return 0;
	}
}

static void vmsg_engine_release_id(struct vmsg_engine *e, u32 xid)
{
	lockdep_assert_held(&e->lock);
	if (e->wire->xid_bits != 16 || xid < VMSG_TOKEN_FIRST)
		return;
	if (__test_and_clear_bit(xid, e->tokens))
		e->tokens_free++;
}

/* Take @x off the lists; from here on it is the caller's to finish. */
static void vmsg_engine_unlink(struct vmsg_engine *e, struct vmsg_xfer *x,
			       bool id_is_free)
{
	lockdep_assert_held(&e->lock);
	list_del_init(&x->node);
	if (x->state == VMSG_XFER_SENT) {
		hash_del(&x->hash);
		e->inflight--;
		if (id_is_free)
			vmsg_engine_release_id(e, x->xid);
	}
	x->state = VMSG_XFER_DONE;
	if (e->ping == x) {
		e->ping = NULL;
		e->resync = false;
	}
}

static void vmsg_engine_arm(struct vmsg_engine *e, unsigned long deadline)
{
	unsigned long now = jiffies;

	lockdep_assert_held(&e->lock);
	if (delayed_work_pending(&e->reaper) &&
	    !time_before(deadline, e->reap_at))
		return;
	e->reap_at = deadline;
	mod_delayed_work(vmsg_wq, &e->reaper,
			 (time_after(deadline, now) ? deadline - now : 0) +
			 msecs_to_jiffies(VMSG_REAPER_SLACK_MS));
}

/* May the request at the head of the queue be sent now? */
static struct vmsg_xfer *vmsg_engine_next(struct vmsg_engine *e)
{
	struct vmsg_xfer *x;

	lockdep_assert_held(&e->lock);
	x = list_first_entry_or_null(&e->queue, struct vmsg_xfer, node);
	if (!x)
		return NULL;
	if (e->resync)
		return x->internal ? x : NULL;
	if (e->inflight >= e->max_inflight ||
	    (vmsg_xfer_untold(x) && vmsg_engine_untold(e)))
		return NULL;
	return x;
}

static void vmsg_engine_trace(struct virtio_msg_bus *bus, const void *frame, int len,
			      int ret, u64 begin, u64 end)
{
	const struct vmsg_wire *wire = READ_ONCE(bus->engine.wire);
	struct vmsg_pdu pdu;

	if (wire && !vmsg_pdu_get(wire, frame, len, &pdu))
		trace_vmsg_tx(bus, wire, &pdu.hdr, frame, len, ret, begin, end);
}

/* The frame must be gone, or counted as lost, when this returns not -EAGAIN. */
static int vmsg_engine_send(struct virtio_msg_bus *bus, const void *frame, int len)
{
	/* The answer may be there before send() returns. */
	u64 begin = trace_vmsg_tx_enabled() ? ktime_get_ns() : 0;
	int ret;

	if (!vmsg_fault_send(bus, &ret))
		ret = bus->desc->ops->send(bus, frame, len);
	if (begin)
		vmsg_engine_trace(bus, frame, len, ret, begin, ktime_get_ns());
	if (ret == -EAGAIN)
		vmsg_count(bus, VMSG_C_TX_BUSY);
	else if (ret)
		vmsg_count(bus, VMSG_C_TX_ERROR);
	return ret;
}

/*
 * The transport was full when it was asked; @space is what engine.space was
 * then.  Returns true if room has been announced since: try again at once.
 */
static bool vmsg_engine_full(struct vmsg_engine *e, unsigned int space)
{
	lockdep_assert_held(&e->lock);
	e->blocked = e->space == space;
	return !e->blocked;
}

/*
 * The three kinds of messages that leave a bus.  Each is entered and left with
 * the lock held, drops it while sending, and returns true if there may be more
 * of its kind to send.
 */
static bool vmsg_pump_pong(struct virtio_msg_bus *bus, unsigned long *flags)
	__must_hold(&bus->engine.lock)
{
	struct vmsg_engine *e = &bus->engine;
	u8 frame[VMSG_HDR_MAX + 4];
	unsigned int space = e->space;
	unsigned int epoch = e->epoch;
	int len, ret;

	if (!e->num_pongs)
		return false;
	len = vmsg_rsp_ping(e->wire, frame, sizeof(frame), e->pongs[0].xid,
			    e->pongs[0].data);
	spin_unlock_irqrestore(&e->lock, *flags);
	/* An ID of the link before this one may not fit the header. */
	ret = len > 0 ? vmsg_engine_send(bus, frame, len) : len;
	spin_lock_irqsave(&e->lock, *flags);
	if (ret == -EAGAIN)
		return vmsg_engine_full(e, space);
	/* Closed in the meantime: the queue was emptied. */
	if (e->epoch == epoch && e->num_pongs) {
		e->num_pongs--;
		memmove(&e->pongs[0], &e->pongs[1],
			e->num_pongs * sizeof(e->pongs[0]));
	}
	return true;
}

static bool vmsg_pump_kick(struct virtio_msg_bus *bus, unsigned long *flags)
{
	struct vmsg_engine *e = &bus->engine;
	u8 frame[VMSG_HDR_MAX + 8];
	unsigned int space = e->space;
	unsigned int epoch = e->epoch;
	struct vmsg_vq *q;
	int len, ret;
	u16 dev;

	/* While out of step nothing but the PING is sent. */
	if (e->resync)
		return false;
	q = list_first_entry_or_null(&e->kicks, struct vmsg_vq, kick);
	if (!q)
		return false;
	/*
	 * Off the list first: a kick that comes while this one is on its way
	 * announces buffers that this one may not cover.
	 */
	list_del_init(&q->kick);
	e->kicking = q;
	dev = q->vd->num;
	len = vmsg_evt_avail(e->wire, frame, sizeof(frame), dev, q->index,
			     q->next);
	spin_unlock_irqrestore(&e->lock, *flags);
	ret = vmsg_engine_send(bus, frame, len);
	if (!ret) {
		vmsg_count(bus, VMSG_C_TX_EVENT);
		vmsg_count(bus, VMSG_C_KICK_MSG);
	}
	spin_lock_irqsave(&e->lock, *flags);
	e->kicking = NULL;
	if (ret == -EAGAIN) {
		/*
		 * The queue cannot be freed: vmsg_engine_forget() waits until
		 * nobody has it between these two locks.
		 */
		if (e->open && e->epoch == epoch && list_empty(&q->kick) &&
		    !READ_ONCE(q->stopped))
			list_add(&q->kick, &e->kicks);
		return vmsg_engine_full(e, space);
	}
	return true;
}

/* Model: xfer.pml. */
static bool vmsg_pump_request(struct virtio_msg_bus *bus, unsigned long *flags)
{
	struct vmsg_engine *e = &bus->engine;
	unsigned int space = e->space;
	unsigned long deadline;
	struct vmsg_xfer *x;
	bool more = true;
	int ret;

	x = vmsg_engine_next(e);
	if (!x)
		return false;
	x->xid = vmsg_engine_new_id(e);
	if (e->wire->xid_bits && !x->xid)
		return false;	/* the reaper restarts the link */
	vmsg_frame_set_xid(e->wire, x->req, x->xid);
	list_move_tail(&x->node, &e->sent);
	hash_add(e->by_id, &x->hash, x->xid);
	x->state = VMSG_XFER_SENT;
	e->inflight++;
	/* What it has waited does not count. */
	deadline = x->deadline;
	x->deadline = jiffies + msecs_to_jiffies(READ_ONCE(e->timeout_ms));
	vmsg_engine_arm(e, x->deadline);
	/* The response may come, and the last reference go, before we are back. */
	kref_get(&x->ref);
	spin_unlock_irqrestore(&e->lock, *flags);
	ret = vmsg_engine_send(bus, x->req, x->req_len);
	spin_lock_irqsave(&e->lock, *flags);

	if (!ret) {
		e->progress = jiffies;
		vmsg_count(bus, VMSG_C_TX_REQUEST);
	} else if (x->state == VMSG_XFER_SENT) {
		if (ret == -EAGAIN) {
			hash_del(&x->hash);
			e->inflight--;
			vmsg_engine_release_id(e, x->xid);
			x->state = VMSG_XFER_QUEUED;
			list_move(&x->node, &e->queue);
			/* A ring that is never as free as it looks buys no time. */
			x->deadline = deadline;
			vmsg_engine_arm(e, deadline);
			more = vmsg_engine_full(e, space);
		} else {
			vmsg_engine_unlink(e, x, true);
			spin_unlock_irqrestore(&e->lock, *flags);
			vmsg_xfer_finish(x, ret);
			spin_lock_irqsave(&e->lock, *flags);
		}
	}
	vmsg_xfer_put(x);
	return more;
}

/* One message of any kind.  Entered and left with the lock held. */
static bool vmsg_pump_one(struct virtio_msg_bus *bus, unsigned long *flags)
	__must_hold(&bus->engine.lock)
{
	return vmsg_pump_pong(bus, flags) || vmsg_pump_kick(bus, flags) ||
	       vmsg_pump_request(bus, flags);
}

/*
 * Entered and left with the lock held, which it drops while sending.  Whoever came to
 * send one message does not send for all others as long as there are some: a peer that
 * asks faster than it is answered would keep it here, maybe with interrupts off.
 */
static void vmsg_engine_pump_locked(struct virtio_msg_bus *bus, unsigned long *flags)
	__must_hold(&bus->engine.lock)
{
	struct vmsg_engine *e = &bus->engine;
	unsigned int left = VMSG_PUMP_BUDGET;

	lockdep_assert_held(&e->lock);
	e->again = true;
	if (e->pumping)
		return;
	e->pumping = true;
	while (e->again && left) {
		e->again = false;
		while (left && e->open && !e->blocked && vmsg_pump_one(bus, flags))
			left--;
	}
	e->pumping = false;
	if (!left)
		queue_work(vmsg_wq, &e->pump_work);
}

static void vmsg_engine_do_pump(struct virtio_msg_bus *bus)
{
	struct vmsg_engine *e = &bus->engine;
	unsigned long flags;

	spin_lock_irqsave(&e->lock, flags);
	vmsg_engine_pump_locked(bus, &flags);
	spin_unlock_irqrestore(&e->lock, flags);
}

static void vmsg_engine_pump_work(struct work_struct *work)
{
	vmsg_engine_do_pump(container_of(work, struct virtio_msg_bus,
					 engine.pump_work));
}

/**
 * vmsg_engine_pump() - send what can be sent
 * @bus: the bus
 *
 * Context: any; never waits.  A transport whose send() sleeps is served from a
 * workqueue.
 */
void vmsg_engine_pump(struct virtio_msg_bus *bus)
{
	if (bus->desc->flags & VIRTIO_MSG_T_ATOMIC_SEND)
		vmsg_engine_do_pump(bus);
	else
		queue_work(vmsg_wq, &bus->engine.pump_work);
}

/**
 * vmsg_engine_space() - the transport has room again
 * @bus: the bus
 *
 * Context: any.
 */
void vmsg_engine_space(struct virtio_msg_bus *bus)
{
	struct vmsg_engine *e = &bus->engine;
	unsigned long flags;

	spin_lock_irqsave(&e->lock, flags);
	e->space++;
	e->blocked = false;
	spin_unlock_irqrestore(&e->lock, flags);
	vmsg_engine_pump(bus);
}

/**
 * vmsg_xfer_submit() - start a transaction
 * @x: the transaction
 * @len: what the packer of the request returned: bytes, or a negative errno
 *
 * From success on @x->complete() runs exactly once, maybe before this returns.
 *
 * Model: xfer.pml.
 *
 * Context: any.  A bus whose transport sleeps sends from a workqueue.
 * Return: 0, @len if it is an errno, -ENOTCONN when the link for which the
 * request was packed is gone.  On failure complete() is not called.
 */
int vmsg_xfer_submit(struct vmsg_xfer *x, int len)
{
	struct virtio_msg_bus *bus = x->bus;
	struct vmsg_engine *e = &bus->engine;
	struct vmsg_pdu pdu;
	unsigned long flags;
	int ret;

	if (len < 0)
		return len;
	/* The header that we packed tells what the answer has to look like. */
	ret = vmsg_pdu_get(x->wire, x->req, len, &pdu);
	if (WARN_ON_ONCE(ret))
		return ret;
	x->hdr = pdu.hdr;
	x->req_len = len;
	x->since = jiffies;
	/* To read the clock takes as long as to queue a request. */
	if (trace_vmsg_xfer_end_enabled())
		x->started = ktime_get_ns();

	spin_lock_irqsave(&e->lock, flags);
	if (!e->open || e->epoch != x->epoch) {
		spin_unlock_irqrestore(&e->lock, flags);
		return -ENOTCONN;
	}
	x->deadline = x->since + msecs_to_jiffies(READ_ONCE(e->timeout_ms));
	x->state = VMSG_XFER_QUEUED;
	kref_get(&x->ref);
	if (x->internal)
		list_add(&x->node, &e->queue);
	else
		list_add_tail(&x->node, &e->queue);
	vmsg_engine_arm(e, x->deadline);
	trace_vmsg_xfer_start(bus, x);
	if (bus->desc->flags & VIRTIO_MSG_T_ATOMIC_SEND)
		vmsg_engine_pump_locked(bus, &flags);
	spin_unlock_irqrestore(&e->lock, flags);
	if (!(bus->desc->flags & VIRTIO_MSG_T_ATOMIC_SEND))
		vmsg_engine_pump(bus);
	return 0;
}
EXPORT_SYMBOL_IF_KUNIT(vmsg_xfer_submit);

/**
 * vmsg_xfer_call() - run a transaction and wait for its end
 * @x: the transaction, or NULL, as vmsg_xfer_alloc() returns it
 * @len: what the packer of the request returned
 *
 * The wait always ends: by the response, the reaper or the loss of the peer.
 *
 * Context: may sleep.
 * Return: 0 with the response in @x->pdu; -ENOTCONN when there is no link or
 * the peer was lost; -ETIMEDOUT; -ENODEV, -EBUSY or -EREMOTEIO when the peer
 * refused; an errno of the packer or the transport.
 */
int vmsg_xfer_call(struct vmsg_xfer *x, int len)
{
	int ret;

	if (!x)
		return -ENOTCONN;
	might_sleep();
	ret = vmsg_xfer_submit(x, len);
	if (ret)
		return ret;
	vmsg_xfer_wait(x);
	return x->status;
}
EXPORT_SYMBOL_IF_KUNIT(vmsg_xfer_call);

/**
 * vmsg_xfer_cancel() - end a transaction early
 * @x: a submitted transaction
 *
 * An answer that comes later is counted as late.
 *
 * Model: xfer.pml.
 *
 * Context: any.
 * Return: true if this call ended it, with -ECANCELED; false if it had ended
 * already, or is about to in another context.
 */
bool vmsg_xfer_cancel(struct vmsg_xfer *x)
{
	struct virtio_msg_bus *bus = x->bus;
	struct vmsg_engine *e = &bus->engine;
	unsigned long flags;
	bool ours;

	spin_lock_irqsave(&e->lock, flags);
	ours = x->state == VMSG_XFER_QUEUED || x->state == VMSG_XFER_SENT;
	if (ours) {
		/* Without an ID its answer would be taken for the next one's. */
		if (x->state == VMSG_XFER_SENT && vmsg_xfer_untold(x)) {
			e->resync = true;
			vmsg_engine_arm(e, jiffies);
		}
		vmsg_engine_unlink(e, x,
				   x->state == VMSG_XFER_QUEUED || vmsg_xfer_untold(x));
	}
	spin_unlock_irqrestore(&e->lock, flags);
	if (!ours)
		return false;
	vmsg_count(bus, VMSG_C_CANCELLED);
	vmsg_xfer_finish(x, -ECANCELED);
	vmsg_engine_pump(bus);
	return true;
}
EXPORT_SYMBOL_IF_KUNIT(vmsg_xfer_cancel);

/*
 * Find whose response @pdu is.  Returns the transaction, unlinked, or NULL
 * with the reason counted; a wrong answer leaves the transaction waiting.
 * Model: xfer.pml, resync.pml.
 */
static struct vmsg_xfer *vmsg_engine_match(struct virtio_msg_bus *bus,
					   const struct vmsg_pdu *pdu)
{
	struct vmsg_engine *e = &bus->engine;
	const struct vmsg_hdr *h = &pdu->hdr;
	struct vmsg_xfer *x;
	u32 nonce;

	lockdep_assert_held(&e->lock);
	if (h->xid || vmsg_wire_xid_bits(e->wire, h->type)) {
		x = vmsg_engine_find(e, h->xid);
		if (!x) {
			/* An overdue token comes home: it may be used again. */
			if (e->wire->xid_bits == 16 && h->xid >= VMSG_TOKEN_FIRST &&
			    h->xid < VMSG_TOKENS && test_bit(h->xid, e->tokens)) {
				vmsg_engine_release_id(e, h->xid);
				vmsg_count(bus, VMSG_C_RX_LATE);
			} else {
				vmsg_count(bus, VMSG_C_RX_UNKNOWN_ID);
			}
			return NULL;
		}
	} else {
		x = e->resync ? e->ping : vmsg_engine_untold(e);
		if (!x || x->state != VMSG_XFER_SENT) {
			vmsg_count(bus, VMSG_C_RX_UNKNOWN_ID);
			return NULL;
		}
	}

	if (h->msg_id != x->hdr.msg_id || h->dev_num != x->hdr.dev_num ||
	    ((h->type ^ x->hdr.type) & VIRTIO_MSG_TYPE_BUS)) {
		vmsg_count(bus, VMSG_C_RX_MISMATCH);
		return NULL;
	}
	if (x == e->ping && (vmsg_get_ping(e->wire, pdu, &nonce) || nonce != e->nonce)) {
		vmsg_count(bus, VMSG_C_RX_LATE);
		return NULL;
	}
	vmsg_engine_unlink(e, x, true);
	e->progress = jiffies;
	return x;
}

/*
 * A request is overdue when its time has passed; one that was not sent yet,
 * though, only if the queue has not moved for as long: where one request is
 * under way at a time, many wait their turn.
 */
static unsigned long vmsg_engine_deadline(const struct vmsg_engine *e,
					  const struct vmsg_xfer *x)
{
	unsigned long moved = e->progress + msecs_to_jiffies(READ_ONCE(e->timeout_ms));

	lockdep_assert_held(&e->lock);
	return x->state == VMSG_XFER_QUEUED && time_after(moved, x->deadline) ?
	       moved : x->deadline;
}

/* Refusals come with a nonzero result, or as a bare header. */
static int vmsg_engine_verdict(const struct vmsg_wire *w,
			       const struct vmsg_pdu *pdu)
{
	unsigned int min;

	switch (pdu->hdr.result) {
	case VIRTIO_MSG_RESULT_OK:
		break;
	case VIRTIO_MSG_RESULT_NO_DEVICE:
		return -ENODEV;
	case VIRTIO_MSG_RESULT_BUSY:
		return -EBUSY;
	default:
		return -EREMOTEIO;
	}
	min = vmsg_wire_min_response(w, pdu->hdr.type & VIRTIO_MSG_TYPE_BUS,
				     pdu->hdr.msg_id);
	if (pdu->len >= min)
		return 0;
	return pdu->len ? -EBADMSG : -EREMOTEIO;
}

/**
 * vmsg_engine_response() - a response has come
 * @bus: the bus
 * @pdu: the message, its header checked against @frame
 * @frame: the frame, in memory that the peer cannot write
 *
 * Context: any.
 * Return: 0, or -ENOENT if no transaction waits for it.
 */
int vmsg_engine_response(struct virtio_msg_bus *bus, const struct vmsg_pdu *pdu,
			 const void *frame)
{
	struct vmsg_engine *e = &bus->engine;
	struct vmsg_xfer *x;
	unsigned long flags;
	int status;

	spin_lock_irqsave(&e->lock, flags);
	x = e->open ? vmsg_engine_match(bus, pdu) : NULL;
	spin_unlock_irqrestore(&e->lock, flags);
	if (!x)
		return -ENOENT;

	vmsg_count(bus, VMSG_C_RX_RESPONSE);
	if (pdu->hdr.msg_size > x->cap) {
		vmsg_count(bus, VMSG_C_RX_MALFORMED);
		status = -EMSGSIZE;
	} else {
		memcpy(x->rsp, frame, pdu->hdr.msg_size);
		x->pdu = *pdu;
		x->pdu.payload = x->rsp + x->wire->hdr_len;
		status = vmsg_engine_verdict(x->wire, &x->pdu);
		if (status == -EBADMSG)
			vmsg_count(bus, VMSG_C_RX_MALFORMED);
		else if (status)
			vmsg_count(bus, VMSG_C_RX_REFUSED);
	}
	vmsg_xfer_finish(x, status);
	/*
	 * There is room for one more in flight; and this may have been the answer
	 * that kicks waited for, too.
	 */
	if (!list_empty(&e->queue) || !list_empty(&e->kicks))
		vmsg_engine_pump(bus);
	return 0;
}

/**
 * vmsg_engine_pong() - answer a PING of the device side
 * @bus: the bus
 * @xid: its transaction ID
 * @data: what to echo
 *
 * Answers wait in a small queue while the transport is full; a peer that floods
 * loses the surplus, which is counted.
 *
 * Context: any.
 */
void vmsg_engine_pong(struct virtio_msg_bus *bus, u32 xid, u32 data)
{
	struct vmsg_engine *e = &bus->engine;
	unsigned long flags;
	bool room;

	spin_lock_irqsave(&e->lock, flags);
	room = e->open && e->num_pongs < ARRAY_SIZE(e->pongs);
	if (room) {
		e->pongs[e->num_pongs].xid = xid;
		e->pongs[e->num_pongs].data = data;
		e->num_pongs++;
	}
	spin_unlock_irqrestore(&e->lock, flags);
	if (room)
		vmsg_engine_pump(bus);
	else
		vmsg_count(bus, VMSG_C_RX_UNEXPECTED);
}

/**
 * vmsg_engine_kick() - send EVENT_AVAIL for a queue
 * @bus: the bus
 * @q: the queue
 * @next: word 1 of the event
 *
 * The event is sent now or, if the transport is full, when it has room; kicks
 * that come meanwhile are covered by the one that waits.
 *
 * Context: any; never waits.
 */
void vmsg_engine_kick(struct virtio_msg_bus *bus, struct vmsg_vq *q, u32 next)
{
	struct vmsg_engine *e = &bus->engine;
	unsigned long flags;
	bool pump = false;

	spin_lock_irqsave(&e->lock, flags);
	q->next = next;
	if (!e->open) {
		/* The peer is gone; its queues are drained. */
	} else if (list_empty(&q->kick)) {
		list_add_tail(&q->kick, &e->kicks);
		pump = true;
	} else {
		vmsg_count(bus, VMSG_C_KICK_COALESCED);
	}
	spin_unlock_irqrestore(&e->lock, flags);
	if (pump)
		vmsg_engine_pump(bus);
}
EXPORT_SYMBOL_IF_KUNIT(vmsg_engine_kick);

/**
 * vmsg_engine_forget() - a queue is about to be freed or reset
 * @bus: the bus
 * @q: the queue, already marked stopped
 *
 * Context: may sleep; the caller has kept notify() away from @q.
 */
void vmsg_engine_forget(struct virtio_msg_bus *bus, struct vmsg_vq *q)
{
	struct vmsg_engine *e = &bus->engine;
	unsigned long flags;
	bool kicking;

	for (;;) {
		spin_lock_irqsave(&e->lock, flags);
		list_del_init(&q->kick);
		kicking = e->kicking == q;
		spin_unlock_irqrestore(&e->lock, flags);
		if (!kicking)
			return;
		/* Its message is on its way, which takes no time. */
		usleep_range(50, 200);
	}
}

/*
 * No correlation: the stream of answers is out of step; see wire.rst, transactions.
 * Model: resync.pml.
 */
static void vmsg_engine_resync(struct virtio_msg_bus *bus)
{
	struct vmsg_engine *e = &bus->engine;
	struct vmsg_xfer *x = vmsg_xfer_alloc(bus, GFP_NOIO);
	unsigned long flags;
	int len, ret = -ENOTCONN;

	spin_lock_irqsave(&e->lock, flags);
	if (x && e->open && e->epoch == x->epoch) {
		e->nonce = get_random_u32();
		e->ping = x;
		ret = 0;
	} else if (!x && e->open) {
		ret = -ENOMEM;
	}
	spin_unlock_irqrestore(&e->lock, flags);
	if (!ret) {
		x->internal = true;
		len = vmsg_req_ping(x->wire, x->req, x->cap, e->nonce);
		ret = vmsg_xfer_submit(x, len);
	}
	vmsg_xfer_put(x);
	/* A link that is gone, or has just come, is not out of step. */
	if (ret && ret != -ENOTCONN)
		vmsg_bus_dead(bus, "no memory to resynchronise");
}

/* Model: xfer.pml. */
static void vmsg_engine_reap(struct work_struct *work)
{
	struct virtio_msg_bus *bus = container_of(to_delayed_work(work),
						  struct virtio_msg_bus,
						  engine.reaper);
	struct vmsg_engine *e = &bus->engine;
	bool dead = false, resync = false, low = false;
	struct vmsg_xfer *x, *tmp;
	unsigned long flags, deadline;
	unsigned long next = 0;
	bool left = false;
	LIST_HEAD(late);

	spin_lock_irqsave(&e->lock, flags);
	list_splice_tail_init(&e->sent, &late);
	list_splice_tail_init(&e->queue, &late);
	list_for_each_entry_safe(x, tmp, &late, node) {
		deadline = vmsg_engine_deadline(e, x);
		if (time_before(jiffies, deadline)) {
			if (!left || time_before(deadline, next))
				next = deadline;
			left = true;
			list_move_tail(&x->node, x->state == VMSG_XFER_SENT ?
				       &e->sent : &e->queue);
			continue;
		}
		if (x == e->ping) {
			/* Until the bus is dead nothing is its echo. */
			e->ping = NULL;
			dead = true;
		} else if (x->state == VMSG_XFER_SENT && e->open &&
			   vmsg_xfer_untold(x)) {
			resync = true;
		}
		hash_del(&x->hash);
		/* Its answer, if it comes, does not carry it. */
		if (x->state == VMSG_XFER_SENT && vmsg_xfer_untold(x))
			vmsg_engine_release_id(e, x->xid);
		if (x->state == VMSG_XFER_SENT)
			e->inflight--;
		x->state = VMSG_XFER_DONE;
	}
	/* Or one that was sent has been cancelled. */
	resync |= e->open && e->resync && !e->ping;
	if (resync && !dead)
		e->resync = true;
	low = e->open && e->wire->xid_bits == 16 &&
	      e->tokens_free < VMSG_TOKENS_LOW;
	if (left)
		vmsg_engine_arm(e, next);
	spin_unlock_irqrestore(&e->lock, flags);

	list_for_each_entry_safe(x, tmp, &late, node) {
		list_del_init(&x->node);
		vmsg_count(bus, VMSG_C_TIMEOUT);
		dev_dbg(&bus->ctx.dev, "device %u: %s timed out\n",
			x->hdr.dev_num,
			vmsg_msg_name(x->hdr.type & VIRTIO_MSG_TYPE_BUS,
				      x->hdr.msg_id));
		vmsg_xfer_finish(x, -ETIMEDOUT);
	}
	if (dead)
		vmsg_bus_dead(bus, "no echo of the PING that should resynchronise");
	else if (resync)
		vmsg_engine_resync(bus);
	else if (low)
		virtio_msg_peer_lost(bus, "too many unanswered tokens");
	vmsg_engine_pump(bus);
}

/**
 * vmsg_engine_init() - prepare the transactions of a new bus
 * @bus: the bus
 *
 * Context: any.
 */
void vmsg_engine_init(struct virtio_msg_bus *bus)
{
	struct vmsg_engine *e = &bus->engine;

	spin_lock_init(&e->lock);
	INIT_LIST_HEAD(&e->queue);
	INIT_LIST_HEAD(&e->sent);
	INIT_LIST_HEAD(&e->kicks);
	hash_init(e->by_id);
	INIT_WORK(&e->pump_work, vmsg_engine_pump_work);
	INIT_DELAYED_WORK(&e->reaper, vmsg_engine_reap);
	e->timeout_ms = bus->desc->request_timeout_ms ?: vmsg_timeout_ms;
	e->max_inflight = bus->desc->max_inflight ?: 256;
	/* A stranger, or a peer from before a restart, cannot guess it. */
	e->next_xid = get_random_u32();
}

/**
 * vmsg_engine_exit() - free what vmsg_engine_open() took
 * @bus: the bus, closed
 *
 * Context: may sleep.
 */
void vmsg_engine_exit(struct virtio_msg_bus *bus)
{
	struct vmsg_engine *e = &bus->engine;

	cancel_delayed_work_sync(&e->reaper);
	cancel_work_sync(&e->pump_work);
	bitmap_free(e->tokens);
	e->tokens = NULL;
}

/**
 * vmsg_engine_open() - a link is up: take transactions
 * @bus: the bus, closed
 * @wire: revision of the link
 * @max_msg: longest message, bytes
 *
 * Model: xfer.pml.
 *
 * Context: may sleep.
 * Return: 0, -ENOMEM, or -EMSGSIZE for a link too narrow for the revision.
 */
int vmsg_engine_open(struct virtio_msg_bus *bus, const struct vmsg_wire *wire,
		     u16 max_msg)
{
	struct vmsg_engine *e = &bus->engine;
	unsigned long flags;

	if (max_msg < wire->min_max_size)
		return -EMSGSIZE;
	if (wire->xid_bits == 16 && !e->tokens) {
		e->tokens = vmsg_alloc(bus, bitmap_zalloc(VMSG_TOKENS, GFP_KERNEL));
		if (!e->tokens)
			return -ENOMEM;
	}

	spin_lock_irqsave(&e->lock, flags);
	WRITE_ONCE(e->wire, wire);
	WRITE_ONCE(e->max_msg, max_msg);
	/* Pairs with the acquire in vmsg_xfer_alloc(). */
	smp_store_release(&e->epoch, e->epoch + 1);
	e->resync = false;
	e->ping = NULL;
	e->num_pongs = 0;
	e->blocked = false;
	e->progress = jiffies;
	if (wire->xid_bits == 16) {
		bitmap_zero(e->tokens, VMSG_TOKENS);
		bitmap_set(e->tokens, 0, VMSG_TOKEN_FIRST);
		e->tokens_free = VMSG_TOKENS - VMSG_TOKEN_FIRST;
		e->next_xid = get_random_u32_inclusive(VMSG_TOKEN_FIRST,
						       VMSG_TOKENS - 1);
	}
	/* Pairs with the acquire in vmsg_xfer_alloc(). */
	smp_store_release(&e->open, true);
	spin_unlock_irqrestore(&e->lock, flags);
	return 0;
}

/**
 * vmsg_engine_close() - the link is down: end every transaction at once
 * @bus: the bus
 * @status: what the transactions end with, e.g. -ENOTCONN
 *
 * Nothing is sent any more, except what a send() that is running has in hand.
 *
 * Model: xfer.pml.
 *
 * Context: any.
 */
void vmsg_engine_close(struct virtio_msg_bus *bus, int status)
{
	struct vmsg_engine *e = &bus->engine;
	struct vmsg_xfer *x, *tmp;
	struct vmsg_vq *q, *qtmp;
	unsigned long flags;
	LIST_HEAD(ended);

	spin_lock_irqsave(&e->lock, flags);
	WRITE_ONCE(e->open, false);
	e->num_pongs = 0;
	list_for_each_entry_safe(q, qtmp, &e->kicks, kick)
		list_del_init(&q->kick);
	list_splice_tail_init(&e->sent, &ended);
	list_splice_tail_init(&e->queue, &ended);
	list_for_each_entry(x, &ended, node) {
		hash_del(&x->hash);
		x->state = VMSG_XFER_DONE;
	}
	e->inflight = 0;
	e->ping = NULL;
	e->resync = false;
	spin_unlock_irqrestore(&e->lock, flags);

	list_for_each_entry_safe(x, tmp, &ended, node) {
		list_del_init(&x->node);
		vmsg_xfer_finish(x, status);
	}
}
