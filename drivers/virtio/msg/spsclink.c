// SPDX-License-Identifier: GPL-2.0-only
/*
 * virtio-msg: a bus over a pair of raw SPSC queues
 *
 * spsc.c knows the memory, a transport knows the doorbell; this file puts
 * locks, time and the bus around them, as seglink.c does for a segment.
 *
 * The queues do not tell whether the other side is there, so the link is up as
 * soon as it is made.  What an earlier driver has left in them is sent off and
 * thrown away first; the indices stand, because the other side has its own copy
 * of them.
 *
 * Known peers drop what does not fit into a queue.  So no more requests are
 * under way than half of what the queue from the device side holds, and when
 * it was found full the core looks up whatever a lost event would have said.
 */

#include <linux/delay.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <kunit/visibility.h>

#include "internal.h"
#include "spsc.h"

/* Milliseconds between two looks at a link that rings no doorbell. */
#define VMSG_SPSC_POLL		1000

/* Milliseconds between two looks at a full queue. */
#define VMSG_SPSC_POLL_FULL	10

/* Messages that one interrupt takes before it leaves the rest to a work. */
#define VMSG_SPSC_BUDGET	256

/* How long the other side may take for what an earlier driver left.  Milliseconds. */
#define VMSG_SPSC_SETTLE_MS	100

/**
 * struct virtio_msg_spsc - two queues, their doorbell and their bus
 * @desc: the transport's
 * @tdesc: what the core is told of the transport
 * @bus: the bus
 * @lock: guards @rx, @receiving, @again, @up, @stopped.  Taken with interrupts
 *	off.
 * @tx_lock: guards @tx.  Taken with interrupts off; never with @lock.
 * @tx: queue to the device side
 * @rx: queue from it
 * @receiving: somebody receives
 * @again: and has to look once more
 * @up: the core was told that the link is up
 * @stopped: nothing is received any more
 * @dark: the device side is cut off and cannot ring; read without a lock
 * @full: the last send met a full queue; read without a lock
 * @poll: the timer's work
 * @rxbuf: one slot, private; belongs to who receives
 */
struct virtio_msg_spsc {
	struct virtio_msg_spsc_desc desc;
	struct virtio_msg_transport_desc tdesc;
	struct virtio_msg_bus *bus;
	/* guards receiving */
	spinlock_t lock;
	/* guards sending */
	spinlock_t tx_lock;
	struct vmsg_spsc tx;
	struct vmsg_spsc rx;
	bool receiving;
	bool again;
	bool up;
	bool stopped;
	bool dark;
	bool full;
	struct delayed_work poll;
	u8 rxbuf[VIRTIO_MSG_SPSC_SLOT_SIZE];
};

static struct virtio_msg_spsc *vmsg_spsc_link(struct virtio_msg_bus *bus)
{
	return virtio_msg_bus_priv(bus);
}

static void vmsg_spsc_ring(struct virtio_msg_spsc *link)
{
	link->desc.ring(link->desc.priv);
}

static bool vmsg_spsc_present(struct virtio_msg_spsc *link)
{
	return !link->desc.present || link->desc.present(link->desc.priv);
}

static void vmsg_spsc_poll_in(struct virtio_msg_spsc *link, unsigned int ms)
{
	mod_delayed_work(vmsg_wq, &link->poll, msecs_to_jiffies(ms));
}

/* No message under way, in either direction: what there is belongs to nobody. */
static int vmsg_spsc_settle(struct virtio_msg_spsc *link)
{
	unsigned long end = jiffies + msecs_to_jiffies(VMSG_SPSC_SETTLE_MS);
	unsigned int n;
	int ret;

	lockdep_assert_not_held(&link->lock);
	ret = vmsg_spsc_init_tx(&link->tx, (__vshm u8 __force *)link->desc.tx,
				link->desc.tx_size);
	ret = ret ?: vmsg_spsc_init_rx(&link->rx, (__vshm u8 __force *)link->desc.rx,
				       link->desc.rx_size);
	if (ret)
		return ret;
	if (!vmsg_spsc_tx_empty(&link->tx)) {
		vmsg_spsc_ring(link);
		while (!vmsg_spsc_tx_empty(&link->tx) && time_before(jiffies, end))
			usleep_range(500, 1000);
	}
	/* A peer that never stops sending keeps nobody here. */
	for (n = 0; n < 2 * link->rx.slots; n++) {
		ret = vmsg_spsc_recv(&link->rx, link->rxbuf, sizeof(link->rxbuf));
		if (ret <= 0)
			break;
	}
	return min(ret, 0);
}

/* Nobody receives, and nobody begins to. */
static bool vmsg_spsc_claim(struct virtio_msg_spsc *link)
{
	bool claimed;

	spin_lock_irq(&link->lock);
	claimed = !link->receiving && !link->stopped;
	if (claimed)
		link->receiving = true;
	spin_unlock_irq(&link->lock);
	return claimed;
}

static int vmsg_spsc_bring_up(struct virtio_msg_spsc *link)
{
	const struct virtio_msg_link settled = {
		.wire = link->desc.wire,
		.max_msg_size = VIRTIO_MSG_SPSC_SLOT_SIZE,
		.peer = ~0U,
		.window.phys = ~(phys_addr_t)0,
		.shm_phys = ~(phys_addr_t)0,
	};
	int ret;

	if (!vmsg_spsc_present(link))
		return -ENODEV;
	/* Whoever still receives from before has our buffer: later, then. */
	if (!vmsg_spsc_claim(link))
		return -EBUSY;
	ret = vmsg_spsc_settle(link);
	spin_lock_irq(&link->lock);
	link->receiving = false;
	WRITE_ONCE(link->up, !ret);
	spin_unlock_irq(&link->lock);
	if (ret)
		return ret;
	WRITE_ONCE(link->full, false);
	virtio_msg_peer_up(link->bus, &settled);
	/* Lost before the core knew of it: then it has not heard of that. */
	if (!READ_ONCE(link->up))
		virtio_msg_peer_lost(link->bus, "lost while it came up");
	vmsg_spsc_poll_in(link, READ_ONCE(link->dark) ? 0 : VMSG_SPSC_POLL);
	return 0;
}

/*
 * One message.  Entered and left with the lock held; *@overrun is set if the
 * queue has no room.
 */
static bool vmsg_spsc_message(struct virtio_msg_spsc *link, unsigned long *flags,
			      bool *overrun)
	__must_hold(&link->lock)
{
	int len;

	lockdep_assert_held(&link->lock);
	if (!link->up)
		return false;
	*overrun |= vmsg_spsc_rx_full(&link->rx);
	len = vmsg_spsc_recv(&link->rx, link->rxbuf, sizeof(link->rxbuf));
	if (!len)
		return false;
	if (len < 0)
		WRITE_ONCE(link->up, false);
	spin_unlock_irqrestore(&link->lock, *flags);
	if (len > 0)
		virtio_msg_rx(link->bus, link->rxbuf, len);
	else
		virtio_msg_peer_lost(link->bus, "its queue index is out of range");
	spin_lock_irqsave(&link->lock, *flags);
	return len > 0;
}

static void vmsg_spsc_space(struct virtio_msg_spsc *link)
{
	unsigned long flags;
	bool space;

	spin_lock_irqsave(&link->tx_lock, flags);
	space = vmsg_spsc_tx_space(&link->tx);
	if (space)
		WRITE_ONCE(link->full, false);
	spin_unlock_irqrestore(&link->tx_lock, flags);
	if (space)
		virtio_msg_tx_space(link->bus);
}

/* Take what there is.  Returns true if the budget ran out before the work. */
static bool vmsg_spsc_receive(struct virtio_msg_spsc *link)
{
	unsigned int budget = VMSG_SPSC_BUDGET;
	bool overrun = false;
	unsigned long flags;

	spin_lock_irqsave(&link->lock, flags);
	link->again = true;
	if (link->receiving || link->stopped) {
		spin_unlock_irqrestore(&link->lock, flags);
		return false;
	}
	link->receiving = true;
	while (link->again && budget && !link->stopped) {
		link->again = false;
		while (budget && vmsg_spsc_message(link, &flags, &overrun))
			budget--;
	}
	link->receiving = false;
	spin_unlock_irqrestore(&link->lock, flags);
	if (overrun)
		virtio_msg_rx_overrun(link->bus);
	if (READ_ONCE(link->full))
		vmsg_spsc_space(link);
	return !budget;
}

static void vmsg_spsc_poll(struct work_struct *work)
{
	struct virtio_msg_spsc *link = container_of(to_delayed_work(work),
						    struct virtio_msg_spsc, poll);
	unsigned int ms = VMSG_SPSC_POLL;
	bool more;

	if (!READ_ONCE(link->up)) {
		/* Lost, and cleaned up after: see whether there is one again. */
		if (!READ_ONCE(link->stopped) &&
		    READ_ONCE(link->bus->state) == VMSG_BUS_WAITING &&
		    vmsg_spsc_bring_up(link))
			queue_delayed_work(vmsg_wq, &link->poll, msecs_to_jiffies(ms));
		return;
	}
	if (!vmsg_spsc_present(link)) {
		virtio_msg_spsc_lost(link, "it is not there any more");
		return;
	}
	/* As in an interrupt: drivers' callbacks run in here. */
	local_bh_disable();
	more = vmsg_spsc_receive(link);
	local_bh_enable();
	if (more)
		ms = 0;
	else if (READ_ONCE(link->full) || READ_ONCE(link->dark))
		ms = VMSG_SPSC_POLL_FULL;
	if (!READ_ONCE(link->stopped))
		queue_delayed_work(vmsg_wq, &link->poll, msecs_to_jiffies(ms));
}

/**
 * virtio_msg_spsc_interrupt() - the device side has rung
 * @link: the queues
 *
 * Messages are handed on before the return, within a budget.
 *
 * Context: any; meant for the doorbell's interrupt.
 */
void virtio_msg_spsc_interrupt(struct virtio_msg_spsc *link)
{
	if (vmsg_spsc_receive(link) && !READ_ONCE(link->stopped))
		vmsg_spsc_poll_in(link, 0);
}
EXPORT_SYMBOL_GPL(virtio_msg_spsc_interrupt);

/**
 * virtio_msg_spsc_lost() - the device side is gone
 * @link: the queues
 * @why: a string for the log
 *
 * Once its devices are removed, it is looked for each second.
 *
 * Context: any.
 */
void virtio_msg_spsc_lost(struct virtio_msg_spsc *link, const char *why)
{
	unsigned long flags;

	spin_lock_irqsave(&link->lock, flags);
	WRITE_ONCE(link->up, false);
	spin_unlock_irqrestore(&link->lock, flags);
	virtio_msg_peer_lost(link->bus, why);
}
EXPORT_SYMBOL_GPL(virtio_msg_spsc_lost);

/* Operations of the transport that the core sees. */

static int vmsg_spsc_start(struct virtio_msg_bus *bus)
{
	return vmsg_spsc_bring_up(vmsg_spsc_link(bus));
}

static void vmsg_spsc_stop(struct virtio_msg_bus *bus)
{
	struct virtio_msg_spsc *link = vmsg_spsc_link(bus);
	unsigned long flags;
	bool receiving;

	spin_lock_irqsave(&link->lock, flags);
	WRITE_ONCE(link->stopped, true);
	spin_unlock_irqrestore(&link->lock, flags);
	/* An interrupt that has not seen @stopped may still try to queue it. */
	disable_delayed_work_sync(&link->poll);
	/* Whoever receives sees @stopped after the message it has in hand. */
	do {
		spin_lock_irqsave(&link->lock, flags);
		receiving = link->receiving;
		spin_unlock_irqrestore(&link->lock, flags);
		if (receiving)
			usleep_range(100, 200);
	} while (receiving);
}

static int vmsg_spsc_send_op(struct virtio_msg_bus *bus, const void *frame, size_t len)
{
	struct virtio_msg_spsc *link = vmsg_spsc_link(bus);
	unsigned long flags;
	int ret;

	spin_lock_irqsave(&link->tx_lock, flags);
	ret = vmsg_spsc_send(&link->tx, frame, len);
	if (ret == -EAGAIN)
		WRITE_ONCE(link->full, true);
	spin_unlock_irqrestore(&link->tx_lock, flags);
	switch (ret) {
	case 0:
		vmsg_spsc_ring(link);
		break;
	case -EAGAIN:
		vmsg_spsc_poll_in(link, VMSG_SPSC_POLL_FULL);
		break;
	case -EPROTO:
		virtio_msg_spsc_lost(link, "its queue index is out of range");
		ret = -ENOTCONN;
		break;
	}
	return ret;
}

static void vmsg_spsc_cut(struct virtio_msg_bus *bus)
{
	struct virtio_msg_spsc *link = vmsg_spsc_link(bus);

	WRITE_ONCE(link->dark, true);
	link->desc.cut(link->desc.priv);
}

static bool vmsg_spsc_uncut(struct virtio_msg_bus *bus)
{
	struct virtio_msg_spsc *link = vmsg_spsc_link(bus);
	bool ok = link->desc.uncut(link->desc.priv);

	WRITE_ONCE(link->dark, !ok);
	return ok;
}

static void vmsg_spsc_lost(struct virtio_msg_bus *bus)
{
	struct virtio_msg_spsc *link = vmsg_spsc_link(bus);

	/* The core gave it up: it does not answer. */
	spin_lock_irq(&link->lock);
	WRITE_ONCE(link->up, false);
	spin_unlock_irq(&link->lock);
	vmsg_spsc_poll_in(link, VMSG_SPSC_POLL);
}

static int vmsg_spsc_suspend(struct virtio_msg_bus *bus)
{
	cancel_delayed_work_sync(&vmsg_spsc_link(bus)->poll);
	return 0;
}

static int vmsg_spsc_resume(struct virtio_msg_bus *bus)
{
	/* The queues may have moved while nobody looked. */
	vmsg_spsc_poll_in(vmsg_spsc_link(bus), 0);
	return 0;
}

static void vmsg_spsc_show(struct virtio_msg_bus *bus, struct seq_file *s)
{
	struct virtio_msg_spsc *link = vmsg_spsc_link(bus);

	seq_printf(s, "queue to the device side: %u slots, next %u\n",
		   link->tx.slots, READ_ONCE(link->tx.own));
	seq_printf(s, "queue from it: %u slots, next %u\n",
		   link->rx.slots, READ_ONCE(link->rx.own));
}

static const struct virtio_msg_transport_ops vmsg_spsc_ops = {
	.start = vmsg_spsc_start,
	.stop = vmsg_spsc_stop,
	.send = vmsg_spsc_send_op,
	.cut = vmsg_spsc_cut,
	.uncut = vmsg_spsc_uncut,
	.lost = vmsg_spsc_lost,
	.suspend = vmsg_spsc_suspend,
	.resume = vmsg_spsc_resume,
	.show = vmsg_spsc_show,
};

/**
 * virtio_msg_spsc_register() - make a bus over a pair of queues
 * @parent: the transport's device
 * @desc: the queues and their doorbell; copied
 *
 * The transport calls virtio_msg_spsc_interrupt() from the doorbell's interrupt
 * from now on.
 *
 * Context: may sleep.
 * Return: the queues or an ERR_PTR(): -EPROTO for queues whose indices are out
 * of range, -ENODEV for a device side that is not present.
 */
struct virtio_msg_spsc *
virtio_msg_spsc_register(struct device *parent,
			 const struct virtio_msg_spsc_desc *desc)
{
	struct virtio_msg_spsc *link;
	int ret;

	link = kzalloc_obj(*link);
	if (!link)
		return ERR_PTR(-ENOMEM);
	link->desc = *desc;
	link->tdesc.name = desc->name;
	link->tdesc.owner = desc->owner;
	link->tdesc.ops = &vmsg_spsc_ops;
	link->tdesc.max_inflight = max(vmsg_spsc_num_slots(desc->rx_size) / 2, 1U);
	link->tdesc.flags = VIRTIO_MSG_T_ATOMIC_SEND | desc->flags;
	link->tdesc.quirks = desc->quirks;
	spin_lock_init(&link->lock);
	spin_lock_init(&link->tx_lock);
	INIT_DELAYED_WORK(&link->poll, vmsg_spsc_poll);

	link->bus = virtio_msg_bus_alloc(parent, &link->tdesc, link);
	if (IS_ERR(link->bus)) {
		ret = PTR_ERR(link->bus);
		goto err_link;
	}
	ret = virtio_msg_bus_register(link->bus);
	if (ret)
		goto err_bus;
	return link;

err_bus:
	virtio_msg_bus_put(link->bus);
err_link:
	kfree(link);
	return ERR_PTR(ret);
}
EXPORT_SYMBOL_GPL(virtio_msg_spsc_register);

/**
 * virtio_msg_spsc_stop() - end a bus over a pair of queues
 * @link: the queues
 *
 * The first half: the devices are removed, which takes the doorbell's
 * interrupt.  After this an interrupt does nothing any more.
 *
 * Context: may sleep.
 */
void virtio_msg_spsc_stop(struct virtio_msg_spsc *link)
{
	virtio_msg_bus_unregister(link->bus);
}
EXPORT_SYMBOL_GPL(virtio_msg_spsc_stop);

/**
 * virtio_msg_spsc_free() - free what was stopped
 * @link: the queues; no interrupt knows them any more
 *
 * Context: may sleep.
 */
void virtio_msg_spsc_free(struct virtio_msg_spsc *link)
{
	virtio_msg_bus_put(link->bus);
	kfree(link);
}
EXPORT_SYMBOL_GPL(virtio_msg_spsc_free);

/**
 * virtio_msg_spsc_rescan() - see virtio_msg_rescan()
 * @link: the queues
 *
 * Context: any.
 */
void virtio_msg_spsc_rescan(struct virtio_msg_spsc *link)
{
	virtio_msg_rescan(link->bus);
}
EXPORT_SYMBOL_GPL(virtio_msg_spsc_rescan);

/**
 * virtio_msg_spsc_suspend() - see virtio_msg_bus_suspend()
 * @link: the queues
 *
 * Context: may sleep.
 * Return: as virtio_msg_bus_suspend().
 */
int virtio_msg_spsc_suspend(struct virtio_msg_spsc *link)
{
	return virtio_msg_bus_suspend(link->bus);
}
EXPORT_SYMBOL_GPL(virtio_msg_spsc_suspend);

/**
 * virtio_msg_spsc_resume() - see virtio_msg_bus_resume()
 * @link: the queues
 *
 * Context: may sleep.
 * Return: as virtio_msg_bus_resume().
 */
int virtio_msg_spsc_resume(struct virtio_msg_spsc *link)
{
	return virtio_msg_bus_resume(link->bus);
}
EXPORT_SYMBOL_GPL(virtio_msg_spsc_resume);
