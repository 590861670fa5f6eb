// SPDX-License-Identifier: GPL-2.0-only
/*
 * virtio-msg over FF-A: messages, kicks and events
 *
 * Who does what, and where:
 *
 * - send() runs in the core's worker.  A direct message comes back with its
 *   answer, so that send() hands in the answer before it returns.
 * - @poll runs in a worker of ours.  It fetches events, or, where messages go
 *   through a ring, calls the partition and looks into the ring when it is back.
 *   Kicks of a ring, notifications and the timer only queue it.
 * - Notifications of the partition come in interrupts or in workers of the FF-A
 *   core; they do nothing but that.
 *
 * Nothing here waits in atomic context, and nothing is held over a call: a
 * partition may run on several CPUs at a time, and one that does not says that
 * it is busy.
 */

#include <linux/arm_ffa.h>
#include <linux/bottom_half.h>
#include <linux/delay.h>
#include <linux/jiffies.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "ffa.h"

/* Notifications that we ask for: the first that nobody else has taken. */
#define VMSG_FFA_NOTIFY_FIRST	48
#define VMSG_FFA_NOTIFY_LAST	63

/* The only framework notification that there is: a message for us. */
#define VMSG_FFA_FWK_MESSAGE	0

static int direct(struct vmsg_ffa *f, u8 *frame)
{
	const struct ffa_msg_ops *ops = f->fdev->ops->msg_ops;
	struct ffa_send_direct_data2 wide;
	struct ffa_send_direct_data narrow;
	unsigned long regs[5];
	int ret;

	if (f->regs == VMSG_FFA_REGS) {
		vmsg_ffa_to_regs(frame, wide.data, ARRAY_SIZE(wide.data));
		ret = ops->sync_send_receive2(f->fdev, &wide);
		if (!ret)
			vmsg_ffa_from_regs(wide.data, frame, ARRAY_SIZE(wide.data));
		return ret;
	}
	vmsg_ffa_to_regs(frame, regs, ARRAY_SIZE(regs));
	narrow = (struct ffa_send_direct_data){
		regs[0], regs[1], regs[2], regs[3], regs[4]
	};
	ret = ops->sync_send_receive(f->fdev, &narrow);
	if (ret)
		return ret;
	regs[0] = narrow.data0;
	regs[1] = narrow.data1;
	regs[2] = narrow.data2;
	regs[3] = narrow.data3;
	regs[4] = narrow.data4;
	vmsg_ffa_from_regs(regs, frame, ARRAY_SIZE(regs));
	return 0;
}

/**
 * vmsg_ffa_call() - one direct message and its answer
 * @f: the partition
 * @frame: the message, padded with zeroes to VMSG_FFA_REGS; receives the answer
 *
 * Context: may sleep: a partition may take its time.
 * Return: 0; -EAGAIN when it has not taken the message; another errno of FF-A.
 */
int vmsg_ffa_call(struct vmsg_ffa *f, u8 *frame)
{
	int ret;

	vmsg_ffa_count(f, VMSG_FFA_C_CALLS);
	ret = direct(f, frame);
	if (!ret && vmsg_ffa_classify(frame, f->regs) == VMSG_FFA_A_BUSY)
		ret = -EAGAIN;
	if (ret != -EBUSY && ret != -EAGAIN && ret != -EINTR)
		return ret;
	vmsg_ffa_count(f, VMSG_FFA_C_BUSY);
	return -EAGAIN;
}

static int indirect(struct vmsg_ffa *f, u8 *frame)
{
	int ret = f->fdev->ops->msg_ops->indirect_send(f->fdev, frame,
						       VMSG_FFA_MESSAGE);

	vmsg_ffa_count(f, VMSG_FFA_C_SENDS);
	if (ret != -EBUSY && ret != -EAGAIN && ret != -EINTR)
		return ret;
	vmsg_ffa_count(f, VMSG_FFA_C_BUSY);
	return -EAGAIN;
}

/* By whatever way the partition takes private messages. */
static int ask_once(struct vmsg_ffa *f, u8 *frame)
{
	int ret;

	if (f->regs)
		return vmsg_ffa_call(f, frame);
	spin_lock_irq(&f->lock);
	f->expect = frame[1];
	reinit_completion(&f->replied);
	spin_unlock_irq(&f->lock);
	ret = indirect(f, frame);
	if (!ret && !wait_for_completion_timeout(&f->replied,
						 msecs_to_jiffies(VMSG_FFA_PATIENCE_MS)))
		ret = -ETIMEDOUT;
	spin_lock_irq(&f->lock);
	f->expect = 0;
	if (!ret)
		memcpy(frame, f->reply, VMSG_FFA_MESSAGE);
	spin_unlock_irq(&f->lock);
	return ret;
}

/**
 * vmsg_ffa_patient() - wait until somebody who is busy may be asked again
 * @p: zeroed before the first time
 *
 * Context: may sleep.
 * Return: false when it has been busy for VMSG_FFA_PATIENCE_MS.
 */
bool vmsg_ffa_patient(struct vmsg_ffa_patience *p)
{
	if (!p->us) {
		p->end = jiffies + msecs_to_jiffies(VMSG_FFA_PATIENCE_MS);
		p->us = VMSG_FFA_BUSY_MIN_US;
	} else if (time_after(jiffies, p->end)) {
		return false;
	}
	usleep_range(p->us, 2 * p->us);
	p->us = min(2 * p->us, VMSG_FFA_BUSY_MAX_US);
	return true;
}

/**
 * vmsg_ffa_ask() - a private message and its answer
 * @f: the partition, @talk held
 * @frame: VMSG_FFA_REGS bytes; the message, and then the answer
 * @len: bytes of the message
 *
 * A partition that is busy is asked again for VMSG_FFA_PATIENCE_MS.
 *
 * Context: may sleep.
 * Return: bytes of the answer, padding included; -EBUSY if it was busy all the
 * time; another errno.
 */
int vmsg_ffa_ask(struct vmsg_ffa *f, u8 *frame, unsigned int len)
{
	struct vmsg_ffa_patience patience = { };
	u8 copy[VMSG_FFA_REGS];
	int ret;

	lockdep_assert_held(&f->talk);
	memcpy(copy, frame, len);
	do {
		memset(frame, 0, VMSG_FFA_REGS);
		memcpy(frame, copy, len);
		ret = ask_once(f, frame);
	} while (ret == -EAGAIN && vmsg_ffa_patient(&patience));
	if (ret)
		return ret == -EAGAIN ? -EBUSY : ret;
	return f->regs ?: VMSG_FFA_MESSAGE;
}

/* Polling */

static void start_timer(struct vmsg_ffa *f, unsigned int us)
{
	hrtimer_start(&f->timer, us_to_ktime(us), HRTIMER_MODE_REL);
}

static void queue_poll(struct vmsg_ffa *f, unsigned int what)
{
	set_bit(what, &f->wants);
	/* Once disabled, it is not queued in any case. */
	queue_work(vmsg_ffa_wq, &f->poll);
}

static void poll_now(struct vmsg_ffa *f, unsigned int what)
{
	if (what == VMSG_FFA_CALL)
		WRITE_ONCE(f->fast, 1);
	queue_poll(f, what);
}

/* How soon to ask after something has happened, and how late at most. */
static void pace(const struct vmsg_ffa *f, unsigned int *soon, unsigned int *late)
{
	if (f->notify_id >= 0) {
		*soon = VMSG_FFA_NET_MIN_US;
		*late = VMSG_FFA_NET_MAX_US;
	} else {
		*soon = READ_ONCE(vmsg_ffa_poll_fast_us);
		*late = max(READ_ONCE(vmsg_ffa_poll_idle_us), *soon);
	}
}

/* The partition was kicked: events may follow soon. */
static void stir(struct vmsg_ffa *f)
{
	unsigned int soon, late;

	if (READ_ONCE(f->quiet) || xchg(&f->fast, 1))
		return;
	pace(f, &soon, &late);
	/* Pairs with the barrier in next_poll(). */
	if (READ_ONCE(f->poll_us) > soon)
		start_timer(f, soon);
}

static enum hrtimer_restart timer_fired(struct hrtimer *timer)
{
	struct vmsg_ffa *f = container_of(timer, struct vmsg_ffa, timer);

	/* Not poll_now(): nothing has happened. */
	queue_poll(f, VMSG_FFA_CALL);
	return HRTIMER_NORESTART;
}

/*
 * When to call again: soon after something has happened, then ever later.  So
 * what is ready t after the last event or kick is seen by 2 t at the latest.
 */
static void next_poll(struct vmsg_ffa *f, bool found, bool busy)
{
	unsigned int soon, late, us;

	if (READ_ONCE(f->quiet) || !READ_ONCE(f->up))
		return;
	pace(f, &soon, &late);
	if (busy) {
		us = f->pause_us;
		f->pause_us = min(2 * us, VMSG_FFA_BUSY_MAX_US);
	} else {
		f->pause_us = VMSG_FFA_BUSY_MIN_US;
		found |= xchg(&f->fast, 0);
		us = found ? soon : clamp(2 * f->poll_us, soon, late);
	}
	WRITE_ONCE(f->poll_us, us);
	start_timer(f, us);
	/*
	 * A kick that came in between has set @fast, and may have seen an older
	 * @poll_us; one that comes later sees this one.  Pairs with xchg() in
	 * stir().
	 */
	smp_mb();
	if (us > soon && READ_ONCE(f->fast))
		start_timer(f, soon);
}

static int hand_in(struct vmsg_ffa *f, const u8 *frame, size_t len)
{
	int ret;

	/* As in an interrupt: drivers' callbacks run in here. */
	local_bh_disable();
	ret = virtio_msg_rx(f->bus, frame, len);
	local_bh_enable();
	return ret;
}

/* What made no sense may have been an event, which does not come again. */
static void missed(struct vmsg_ffa *f)
{
	vmsg_ffa_count(f, VMSG_FFA_C_BAD);
	if (f->mode == VMSG_FFA_RING || !READ_ONCE(f->up))
		return;
	local_bh_disable();
	virtio_msg_rx_overrun(f->bus);
	local_bh_enable();
	virtio_msg_rescan(f->bus);
}

/* 1: an event, there may be more; 0: none; -EAGAIN: try later; or lost. */
static int fetch(struct vmsg_ffa *f)
{
	u8 frame[VMSG_FFA_REGS] = { };
	/* The answer comes in the same call, so that any will do. */
	const u32 xid = 2;
	const u8 *payload;
	int ret;

	vmsg_ffa_put(frame, f->wire, VMSG_FFA_MSG_POLL, xid, 0);
	vmsg_ffa_count(f, VMSG_FFA_C_POLLS);
	ret = vmsg_ffa_call(f, frame);
	if (ret == -EAGAIN)
		return ret;
	if (ret) {
		vmsg_ffa_lost(f, "EVENT_POLL failed");
		return ret;
	}
	switch (vmsg_ffa_classify(frame, f->regs)) {
	case VMSG_FFA_A_FORGOT:
		vmsg_ffa_lost(f, "the partition has been reset");
		return -ENOTCONN;
	case VMSG_FFA_A_EVENT:
		if (f->mode == VMSG_FFA_DIRECT) {
			vmsg_ffa_count(f, VMSG_FFA_C_EVENTS);
			if (hand_in(f, frame, f->regs) == -EBADMSG)
				missed(f);
			return 1;
		}
		break;
	case VMSG_FFA_A_RESPONSE:
		if (vmsg_ffa_match(frame, f->regs, f->wire, VMSG_FFA_MSG_POLL,
				   xid, &payload) >= 0)
			return 0;
		break;
	default:
		break;
	}
	missed(f);
	/* Others may be waiting behind it. */
	return -EAGAIN;
}

static bool look(struct vmsg_ffa *f)
{
	/* Pairs with the release in probe. */
	struct virtio_msg_segment *seg = smp_load_acquire(&f->seg);
	bool found;

	if (!seg)
		return false;
	local_bh_disable();
	found = virtio_msg_segment_interrupt(seg);
	local_bh_enable();
	return found;
}

static void poll_work(struct work_struct *work)
{
	struct vmsg_ffa *f = container_of(work, struct vmsg_ffa, poll);
	unsigned int budget = VMSG_FFA_POLL_BUDGET;
	bool found = false;
	int ret = 0;

	if (!READ_ONCE(f->up))
		return;
	clear_bit(VMSG_FFA_LOOK, &f->wants);
	if (test_and_clear_bit(VMSG_FFA_CALL, &f->wants)) {
		do {
			ret = fetch(f);
			found |= ret > 0;
		} while (ret > 0 && --budget);
	}
	if (f->mode == VMSG_FFA_RING)
		found |= look(f);
	if (!budget)
		poll_now(f, VMSG_FFA_CALL);
	else
		next_poll(f, found, ret == -EAGAIN);
}

/* Kick by notification.  Any context.  False if that is not possible. */
static bool notify(struct vmsg_ffa *f)
{
	int id = READ_ONCE(f->kick_id);

	if (id < 0 || f->fdev->ops->notifier_ops->notify_send(f->fdev, id, false, 0))
		return false;
	vmsg_ffa_count(f, VMSG_FFA_C_KICKS);
	stir(f);
	return true;
}

/**
 * vmsg_ffa_ring() - the doorbell of a ring
 * @priv: the partition
 * @peer: not used, there is but one
 *
 * Context: any, never sleeps.
 */
void vmsg_ffa_ring(void *priv, u16 peer)
{
	struct vmsg_ffa *f = priv;

	if (READ_ONCE(f->up) && !notify(f))
		poll_now(f, VMSG_FFA_CALL);
}

/**
 * vmsg_ffa_go() - a link is up: begin to look for events
 * @f: the partition
 *
 * Context: may sleep.
 */
void vmsg_ffa_go(struct vmsg_ffa *f)
{
	if (f->mode != VMSG_FFA_INDIRECT)
		poll_now(f, VMSG_FFA_CALL);
}

/**
 * vmsg_ffa_quiesce() - stop or begin to look for events by the clock
 * @f: the partition
 * @quiet: stop
 *
 * Context: may sleep.
 */
void vmsg_ffa_quiesce(struct vmsg_ffa *f, bool quiet)
{
	WRITE_ONCE(f->quiet, quiet);
	if (quiet) {
		hrtimer_cancel(&f->timer);
		flush_work(&f->poll);
		/* It may have been at it. */
		hrtimer_cancel(&f->timer);
	} else {
		vmsg_ffa_go(f);
	}
}

/**
 * vmsg_ffa_stop_polling() - stop to look for events, for good
 * @f: the partition, not up
 *
 * Context: may sleep.
 */
void vmsg_ffa_stop_polling(struct vmsg_ffa *f)
{
	WRITE_ONCE(f->quiet, true);
	disable_work_sync(&f->poll);
	hrtimer_cancel(&f->timer);
	hrtimer_cancel(&f->space);
}

/* Sending */

static enum hrtimer_restart space_fired(struct hrtimer *timer)
{
	struct vmsg_ffa *f = container_of(timer, struct vmsg_ffa, space);

	virtio_msg_tx_space(f->bus);
	return HRTIMER_NORESTART;
}

/*
 * The core keeps the message; a request no longer than its time-out, a kick
 * for as long as the partition gives other signs of life.
 */
static int send_later(struct vmsg_ffa *f)
{
	hrtimer_start(&f->space, us_to_ktime(f->busy_us), HRTIMER_MODE_REL);
	f->busy_us = min(2 * f->busy_us, VMSG_FFA_BUSY_MAX_US);
	return -EAGAIN;
}

/* @frame is what was sent, @answer what came back. */
static int answered(struct vmsg_ffa *f, const u8 *frame, const u8 *answer)
{
	enum vmsg_ffa_answer kind = vmsg_ffa_classify(answer, VMSG_FFA_REGS);
	int ret;

	if (kind == VMSG_FFA_A_FORGOT) {
		vmsg_ffa_lost(f, "the partition has been reset");
		return -ENOTCONN;
	}
	if (!vmsg_ffa_wants_answer(frame)) {
		/*
		 * Taken, if it is a response; else who knows, and twice does no
		 * harm.  More often would be in the way of all others.
		 */
		f->again = kind != VMSG_FFA_A_RESPONSE && !f->again;
		if (kind != VMSG_FFA_A_RESPONSE)
			vmsg_ffa_count(f, VMSG_FFA_C_BAD);
		if (f->again)
			return send_later(f);
		/* The device may be done with what it was told of. */
		if (f->notify_id < 0)
			poll_now(f, VMSG_FFA_CALL);
		else
			stir(f);
		return 0;
	}
	ret = kind == VMSG_FFA_A_RESPONSE ? hand_in(f, answer, VMSG_FFA_REGS) :
					    -EBADMSG;
	if (!ret || ret == -ENOTCONN)
		return ret;
	/* The real answer does not come any more. */
	vmsg_ffa_count(f, VMSG_FFA_C_BAD);
	return -EBADMSG;
}

static int vmsg_ffa_send(struct virtio_msg_bus *bus, const void *frame, size_t len)
{
	struct vmsg_ffa *f = virtio_msg_bus_priv(bus);
	bool is_direct = f->mode == VMSG_FFA_DIRECT;
	u8 copy[VMSG_FFA_REGS] = { };
	int ret;

	BUILD_BUG_ON(VMSG_FFA_MESSAGE > VMSG_FFA_REGS);
	if (!READ_ONCE(f->up))
		return -ENOTCONN;
	if (len > (is_direct ? VMSG_FFA_REGS : VMSG_FFA_MESSAGE))
		return -EMSGSIZE;
	memcpy(copy, frame, len);
	ret = is_direct ? vmsg_ffa_call(f, copy) : indirect(f, copy);
	if (ret == -EAGAIN)
		return send_later(f);
	f->busy_us = VMSG_FFA_BUSY_MIN_US;
	if (ret) {
		vmsg_ffa_lost(f, "FF-A does not deliver messages to it");
		return -ENOTCONN;
	}
	return is_direct ? answered(f, frame, copy) : 0;
}

static int vmsg_ffa_kick(struct virtio_msg_bus *bus, u16 dev_num, u16 vq)
{
	struct vmsg_ffa *f = virtio_msg_bus_priv(bus);

	/* A notification that is refused becomes a message. */
	return READ_ONCE(f->up) && notify(f) ? 0 : -EOPNOTSUPP;
}

/* Receiving */

static void notified(int notify_id, void *data)
{
	struct vmsg_ffa *f = data;

	vmsg_ffa_count(f, VMSG_FFA_C_NOTIFIED);
	poll_now(f, f->mode == VMSG_FFA_RING ? VMSG_FFA_LOOK : VMSG_FFA_CALL);
}

/* The answer to a private message, for whoever waits in ask_once(). */
static void reply(struct vmsg_ffa *f, const u8 *frame, size_t len)
{
	unsigned long flags;
	bool wanted;

	spin_lock_irqsave(&f->lock, flags);
	wanted = f->expect == frame[1];
	if (wanted) {
		f->expect = 0;
		memset(f->reply, 0, sizeof(f->reply));
		memcpy(f->reply, frame, len);
		complete(&f->replied);
	}
	spin_unlock_irqrestore(&f->lock, flags);
	if (!wanted)
		vmsg_ffa_count(f, VMSG_FFA_C_BAD);
}

/* Called by a worker of the FF-A core. */
static void message(int notify_id, void *data, void *buf)
{
	u8 frame[VMSG_FFA_MESSAGE] = { };
	struct vmsg_ffa *f = data;
	int len;

	vmsg_ffa_count(f, VMSG_FFA_C_RECEIVED);
	/* What is behind the header may be somebody else's: it must not go back. */
	if (!vmsg_ffa_is_private(buf) && vmsg_ffa_wants_answer(buf)) {
		vmsg_ffa_count(f, VMSG_FFA_C_BAD);
		return;
	}
	/*
	 * A copy of exactly the message, but nobody says how long that is.  As
	 * much as was allocated is ours to read.
	 */
	len = vmsg_ffa_indirect_len(buf, ksize(buf), READ_ONCE(f->wire));
	if (len < 0) {
		missed(f);
		return;
	}
	memcpy(frame, buf, len);
	if (vmsg_ffa_classify(frame, sizeof(frame)) == VMSG_FFA_A_FORGOT &&
	    READ_ONCE(f->up))
		vmsg_ffa_lost(f, "the partition has been reset");
	else if (vmsg_ffa_is_private(frame))
		reply(f, frame, len);
	else if (READ_ONCE(f->up) && hand_in(f, frame, len) == -EBADMSG)
		missed(f);
}

/**
 * vmsg_ffa_messages_on() - take indirect messages
 * @f: the partition
 *
 * Context: may sleep.
 * Return: 0 or a negative errno.
 */
int vmsg_ffa_messages_on(struct vmsg_ffa *f)
{
	const struct ffa_notifier_ops *ops = f->fdev->ops->notifier_ops;
	int ret;

	if (f->indirect)
		return 0;
	ret = ops->fwk_notify_request(f->fdev, message, f, VMSG_FFA_FWK_MESSAGE);
	f->indirect = !ret;
	return ret;
}

/**
 * vmsg_ffa_notify_on() - take notifications, if there are any
 * @f: the partition
 *
 * Context: may sleep.
 */
void vmsg_ffa_notify_on(struct vmsg_ffa *f)
{
	const struct ffa_notifier_ops *ops = f->fdev->ops->notifier_ops;
	int id, ret;

	for (id = VMSG_FFA_NOTIFY_FIRST;
	     f->notify_id < 0 && id <= VMSG_FFA_NOTIFY_LAST; id++) {
		ret = ops->notify_request(f->fdev, false, notified, f, id);
		if (!ret)
			f->notify_id = id;
		else if (ret == -EOPNOTSUPP)
			break;
	}
}

/**
 * vmsg_ffa_notify_off() - undo vmsg_ffa_notify_on()
 * @f: the partition
 *
 * A notification that is under way may still queue @poll.
 *
 * Context: may sleep.
 */
void vmsg_ffa_notify_off(struct vmsg_ffa *f)
{
	if (f->notify_id < 0)
		return;
	f->fdev->ops->notifier_ops->notify_relinquish(f->fdev, f->notify_id);
	f->notify_id = -1;
}

/**
 * vmsg_ffa_events_off() - take neither notifications nor indirect messages
 * @f: the partition
 *
 * Context: may sleep, maybe for some 100 ms.
 */
void vmsg_ffa_events_off(struct vmsg_ffa *f)
{
	vmsg_ffa_notify_off(f);
	if (f->indirect)
		f->fdev->ops->notifier_ops->fwk_notify_relinquish(f->fdev,
								  VMSG_FFA_FWK_MESSAGE);
	f->indirect = false;
	vmsg_ffa_settle();
}

/**
 * vmsg_ffa_settle() - no callback that began before is running any more
 *
 * The FF-A core looks a callback up and calls it without a lock, and has
 * nothing to wait for the end of that.  It does so in workers, which might be
 * preempted in between, or in interrupts.
 *
 * Context: may sleep, maybe for some 100 ms.
 */
void vmsg_ffa_settle(void)
{
	synchronize_rcu_tasks();
}

/* Operations of the transport that the core sees, but in mode RING */

/**
 * vmsg_ffa_link_of() - what a bring-up has settled
 * @f: the partition
 * @link: receives it
 *
 * Context: any.
 */
void vmsg_ffa_link_of(struct vmsg_ffa *f, struct virtio_msg_link *link)
{
	*link = (struct virtio_msg_link){
		.wire = f->wire,
		.max_msg_size = f->mode == VMSG_FFA_DIRECT ? VMSG_FFA_REGS :
							     VMSG_FFA_MESSAGE,
		.kick_words = f->kick_id >= 0,
		.peer = f->fdev->vm_id,
		.window.va = f->mem.va,
		.window.phys = ~(phys_addr_t)0,
		.window.size = f->mem.size,
		.window.wire = (u64)f->area << VIRTIO_MSG_AREA_SHIFT,
		.shm_phys = ~(phys_addr_t)0,
	};
}

/**
 * vmsg_ffa_say_up() - tell the core that the partition is there
 * @f: the partition, with @f->up set
 * @bus: its bus, which @f may not know yet
 * @link: what the bring-up has settled
 *
 * Context: any.
 */
void vmsg_ffa_say_up(struct vmsg_ffa *f, struct virtio_msg_bus *bus,
		     const struct virtio_msg_link *link)
{
	virtio_msg_peer_up(bus, link);
	/* Lost before the core knew of it: then it has not heard of that. */
	if (!READ_ONCE(f->up))
		virtio_msg_peer_lost(bus, "the partition was lost while it came up");
}

static int vmsg_ffa_start(struct virtio_msg_bus *bus)
{
	struct vmsg_ffa *f = virtio_msg_bus_priv(bus);
	struct virtio_msg_link link;

	vmsg_ffa_link_of(f, &link);
	WRITE_ONCE(f->up, 1);
	vmsg_ffa_say_up(f, bus, &link);
	vmsg_ffa_go(f);
	return 0;
}

static void vmsg_ffa_stop(struct virtio_msg_bus *bus)
{
	struct vmsg_ffa *f = virtio_msg_bus_priv(bus);

	WRITE_ONCE(f->up, 0);
	disable_delayed_work_sync(&f->connect);
	/* A bring-up that ended just now said that it is up. */
	WRITE_ONCE(f->up, 0);
	vmsg_ffa_stop_polling(f);
	/* Messages that are being received have seen that it was up. */
	if (f->indirect)
		vmsg_ffa_settle();
}

static void vmsg_ffa_core_lost(struct virtio_msg_bus *bus)
{
	struct vmsg_ffa *f = virtio_msg_bus_priv(bus);

	WRITE_ONCE(f->up, 0);
	vmsg_ffa_reconnect(f, 0);
}

static void vmsg_ffa_core_dead(struct virtio_msg_bus *bus)
{
	struct vmsg_ffa *f = virtio_msg_bus_priv(bus);

	WRITE_ONCE(f->dead, true);
	WRITE_ONCE(f->up, 0);
	/* Tell the partition, too. */
	vmsg_ffa_reconnect(f, 0);
}

static int vmsg_ffa_suspend(struct virtio_msg_bus *bus)
{
	vmsg_ffa_quiesce(virtio_msg_bus_priv(bus), true);
	return 0;
}

static int vmsg_ffa_resume(struct virtio_msg_bus *bus)
{
	vmsg_ffa_quiesce(virtio_msg_bus_priv(bus), false);
	return 0;
}

/**
 * vmsg_ffa_show() - lines for debugfs
 * @f: the partition
 * @s: where to
 *
 * Context: may sleep.
 */
void vmsg_ffa_show(struct vmsg_ffa *f, struct seq_file *s)
{
	static const char * const counts[VMSG_FFA_COUNTS] = {
		"direct messages", "indirect messages", "busy", "polls", "events",
		"kicks by notification", "notifications", "indirect received",
		"bad answers", "restarts"
	};
	unsigned int i;

	seq_printf(s, "ffa partition: %#x, version %#x\n", f->fdev->vm_id,
		   f->fdev->ops->info_ops->api_version_get());
	seq_printf(s, "ffa mode: %s, %u bytes in registers\n",
		   vmsg_ffa_mode_name(f->mode), f->regs);
	seq_printf(s, "ffa events: %s\n", f->mode == VMSG_FFA_INDIRECT ? "messages" :
		   f->notify_id >= 0 ? "notifications" : "polled");
	seq_printf(s, "ffa kicks: %s\n", f->kick_id >= 0 ? "notifications" : "calls");
	seq_printf(s, "ffa memory: %zu bytes, %u pieces, handle %#llx, area %u\n",
		   f->mem.size, f->mem.sgt.nents, f->mem.handle, f->area);
	for (i = 0; i < VMSG_FFA_COUNTS; i++)
		seq_printf(s, "ffa %s: %lld\n", counts[i],
			   atomic64_read(&f->count[i]));
}

static void vmsg_ffa_core_show(struct virtio_msg_bus *bus, struct seq_file *s)
{
	vmsg_ffa_show(virtio_msg_bus_priv(bus), s);
}

static const struct virtio_msg_transport_ops vmsg_ffa_ops = {
	.start = vmsg_ffa_start,
	.stop = vmsg_ffa_stop,
	.send = vmsg_ffa_send,
	.kick = vmsg_ffa_kick,
	.lost = vmsg_ffa_core_lost,
	.dead = vmsg_ffa_core_dead,
	.suspend = vmsg_ffa_suspend,
	.resume = vmsg_ffa_resume,
	.show = vmsg_ffa_core_show,
};

/* Of partitions that know our wire revisions, and of others */
const struct virtio_msg_transport_desc vmsg_ffa_desc[] = {
	{
		.name = "ffa",
		.owner = THIS_MODULE,
		.ops = &vmsg_ffa_ops,
		.flags = VIRTIO_MSG_T_NEEDS_WINDOW,
	}, {
		.name = "ffa",
		.owner = THIS_MODULE,
		.ops = &vmsg_ffa_ops,
		.flags = VIRTIO_MSG_T_NEEDS_WINDOW,
		.quirks = VMSG_FFA_STRANGER_QUIRKS,
	},
};

/**
 * vmsg_ffa_link_init() - prepare a partition that is not up yet
 * @f: the partition
 *
 * Context: any.
 */
void vmsg_ffa_link_init(struct vmsg_ffa *f)
{
	f->notify_id = -1;
	f->kick_id = -1;
	f->busy_us = VMSG_FFA_BUSY_MIN_US;
	f->pause_us = VMSG_FFA_BUSY_MIN_US;
	/* 0 and 1 mean something else where IDs have 16 bits. */
	f->xid = 1;
	spin_lock_init(&f->lock);
	init_completion(&f->replied);
	INIT_WORK(&f->poll, poll_work);
	hrtimer_setup(&f->timer, timer_fired, CLOCK_MONOTONIC, HRTIMER_MODE_REL);
	hrtimer_setup(&f->space, space_fired, CLOCK_MONOTONIC, HRTIMER_MODE_REL);
}
