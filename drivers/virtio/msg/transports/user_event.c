// SPDX-License-Identifier: GPL-2.0-only
/*
 * virtio-msg over /dev/virtio-msg: eventfds of queues
 *
 * The device side's signal comes as a wake-up with the eventfd's lock held, and
 * the driver's callback may kick, which signals another eventfd: a lock of the
 * same class.  So the wake-up only raises an irq_work, which is what a device's
 * interrupt would be: it allocates nothing, runs at once when the lock is
 * dropped and interrupts are on, and one that is pending stands for all that
 * came until it runs.  A softirq would have to wake its thread here.
 */

#include <linux/err.h>
#include <linux/eventfd.h>
#include <linux/slab.h>

#include "user.h"

static unsigned long vmsg_user_key(u16 dev, u16 vq)
{
	return (unsigned long)dev << 16 | vq;
}

static void vmsg_user_call_work(struct irq_work *work)
{
	struct vmsg_user_event *e = container_of(work, struct vmsg_user_event, work);

	virtio_msg_rx_used(e->u->bus, e->dev, e->vq, false);
}

static int vmsg_user_call_wake(wait_queue_entry_t *wait, unsigned int mode,
			       int sync, void *key)
{
	struct vmsg_user_event *e = container_of(wait, struct vmsg_user_event, wait);
	u64 count;

	/*
	 * A closed one (EPOLLHUP) may stay: we have a reference, and it will not
	 * be signalled any more.
	 */
	if (key_to_poll(key) & EPOLLIN) {
		eventfd_ctx_do_read(e->ctx, &count);
		irq_work_queue(&e->work);
	}
	return 0;
}

static void vmsg_user_call_queue(struct file *file, wait_queue_head_t *wqh,
				 poll_table *pt)
{
	struct vmsg_user_event *e = container_of(pt, struct vmsg_user_event, pt);

	e->wqh = wqh;
	add_wait_queue(wqh, &e->wait);
}

static void vmsg_user_event_free(struct rcu_head *rcu)
{
	struct vmsg_user_event *e = container_of(rcu, struct vmsg_user_event, rcu);

	eventfd_ctx_put(e->ctx);
	kfree(e);
}

/* @e is in no xarray any more.  What was signalled before is not lost. */
static void vmsg_user_event_drop(struct vmsg_user_event *e)
{
	u64 count;

	if (e->call) {
		if (e->wqh && !eventfd_ctx_remove_wait_queue(e->ctx, &e->wait, &count))
			irq_work_queue(&e->work);
		irq_work_sync(&e->work);
	}
	call_rcu(&e->rcu, vmsg_user_event_free);
}

static struct vmsg_user_event *
vmsg_user_event_new(struct vmsg_user *u, const struct virtio_msg_user_eventfd *arg,
		    struct file *file)
{
	struct vmsg_user_event *e = kzalloc_obj(*e, GFP_KERNEL_ACCOUNT);

	if (!e)
		return ERR_PTR(-ENOMEM);
	e->u = u;
	e->dev = arg->dev_num;
	e->vq = arg->vq;
	e->call = arg->what == VIRTIO_MSG_USER_CALL;
	init_waitqueue_func_entry(&e->wait, vmsg_user_call_wake);
	init_poll_funcptr(&e->pt, vmsg_user_call_queue);
	init_irq_work(&e->work, vmsg_user_call_work);
	e->ctx = eventfd_ctx_fileget(file);
	if (IS_ERR(e->ctx)) {
		int ret = PTR_ERR(e->ctx);

		kfree(e);
		return ERR_PTR(ret);
	}
	return e;
}

/**
 * vmsg_user_set_event() - give a queue an eventfd, or take it away
 * @u: the bus
 * @arg: which queue and which direction, checked
 * @file: the eventfd; NULL takes away what there is
 *
 * Context: may sleep; vmsg_user.event_lock held.
 * Return: 0, -ENOSPC when the bus has too many, or -ENOMEM.
 */
int vmsg_user_set_event(struct vmsg_user *u,
			const struct virtio_msg_user_eventfd *arg,
			struct file *file)
{
	struct xarray *xa = arg->what == VIRTIO_MSG_USER_CALL ? &u->calls : &u->kicks;
	unsigned long key = vmsg_user_key(arg->dev_num, arg->vq);
	struct vmsg_user_event *e = NULL, *old;
	int ret = 0;

	lockdep_assert_held(&u->event_lock);
	old = xa_load(xa, key);
	if (file) {
		if (!old && u->num_events >= VMSG_USER_MAX_EVENTFDS)
			return -ENOSPC;
		e = vmsg_user_event_new(u, arg, file);
		if (IS_ERR(e))
			return PTR_ERR(e);
		ret = xa_err(xa_store(xa, key, e, GFP_KERNEL_ACCOUNT));
		if (ret) {
			vmsg_user_event_drop(e);
			return ret;
		}
		/* The new one first, then the old one goes: nothing is missed. */
		if (e->call && vfs_poll(file, &e->pt) & EPOLLIN)
			irq_work_queue(&e->work);
	} else {
		xa_erase(xa, key);
	}
	WRITE_ONCE(u->num_events, u->num_events + !!e - !!old);
	if (old)
		vmsg_user_event_drop(old);
	return 0;
}

/**
 * vmsg_user_drop_events() - take away all eventfds of a bus
 * @u: the bus
 *
 * Context: may sleep; takes vmsg_user.event_lock.
 */
void vmsg_user_drop_events(struct vmsg_user *u)
{
	struct vmsg_user_event *e;
	unsigned long key;

	mutex_lock(&u->event_lock);
	xa_for_each(&u->kicks, key, e) {
		xa_erase(&u->kicks, key);
		vmsg_user_event_drop(e);
	}
	xa_for_each(&u->calls, key, e) {
		xa_erase(&u->calls, key);
		vmsg_user_event_drop(e);
	}
	WRITE_ONCE(u->num_events, 0);
	mutex_unlock(&u->event_lock);
}

/**
 * vmsg_user_kick() - signal a queue's kick eventfd
 * @bus: the bus
 * @dev_num: device number
 * @vq: queue
 *
 * Context: any.
 * Return: 0, or -EOPNOTSUPP where the queue has none or it must not be
 * signalled now: the kick travels as a message.
 */
int vmsg_user_kick(struct virtio_msg_bus *bus, u16 dev_num, u16 vq)
{
	struct vmsg_user *u = virtio_msg_bus_priv(bus);
	struct vmsg_user_event *e;
	int ret = -EOPNOTSUPP;

	rcu_read_lock();
	e = xa_load(&u->kicks, vmsg_user_key(dev_num, vq));
	if (e && eventfd_signal_allowed()) {
		eventfd_signal(e->ctx);
		ret = 0;
	}
	rcu_read_unlock();
	return ret;
}
