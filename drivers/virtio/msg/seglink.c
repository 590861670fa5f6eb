// SPDX-License-Identifier: GPL-2.0-only
/*
 * virtio-msg: a bus over a shared-memory segment
 *
 * segment.c knows the memory, a transport knows the doorbell; this file puts
 * locks, time and the bus around them.
 *
 * One context at a time receives (link.receiving); another that is rung leaves
 * a note and goes.  So messages and used events reach the core in order and
 * with no lock held, straight from the doorbell's interrupt.  A poll on a timer
 * looks after what no doorbell announces: a peer that died, a doorbell that was
 * lost, a full ring that nobody says has room.
 */

#include <linux/delay.h>
#include <linux/io.h>
#include <linux/random.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <kunit/visibility.h>

#include "internal.h"
#include "segment.h"

/*
 * Milliseconds between two looks at the peer's status, or for a segment where
 * there is none yet; and while the two sides come up.
 */
#define VMSG_LINK_POLL_RUN	1000
#define VMSG_LINK_POLL_WAIT	50

/* Milliseconds between two looks at a full ring. */
#define VMSG_LINK_POLL_FULL	10

/*
 * Messages that one interrupt takes before it leaves the rest to a work: a
 * peer that never stops sending does not keep the CPU.
 */
#define VMSG_LINK_BUDGET	256

/* Used events taken out of the words at a time. */
#define VMSG_LINK_BATCH		16

/**
 * struct virtio_msg_segment - a segment, its doorbell and its bus
 * @desc: the transport's
 * @tdesc: what the core is told of the transport
 * @bus: the bus
 * @lock: guards the bring-up and the receiving half of @seg, @receiving,
 *	@again, @up, @told, @stopped.  Taken with interrupts off.
 * @tx_lock: guards the sending half of @seg: the element ring and the private
 *	words.  Taken with interrupts off, inside @lock if both.
 * @seg: the segment
 * @receiving: somebody receives
 * @again: and has to look once more
 * @up: the peer is up, as far as the core was told
 * @told: the reason of the last complaint
 * @stopped: nothing is received any more
 * @dark: the device side is cut off and cannot ring; read without a lock
 * @full: the last send met a full ring; read without a lock
 * @poll: the timer's work
 * @rxbuf: one element, private; belongs to who receives
 */
struct virtio_msg_segment {
	struct virtio_msg_segment_desc desc;
	struct virtio_msg_transport_desc tdesc;
	struct virtio_msg_bus *bus;
	/* guards bring-up and receiving */
	spinlock_t lock;
	/* guards sending; a kick may come from any context */
	raw_spinlock_t tx_lock;
	struct vmsg_seg seg;
	bool receiving;
	bool again;
	bool up;
	const char *told;
	bool stopped;
	bool dark;
	bool full;
	struct delayed_work poll;
	u8 *rxbuf;
};

static struct virtio_msg_segment *vmsg_link(struct virtio_msg_bus *bus)
{
	return virtio_msg_bus_priv(bus);
}

static void vmsg_link_ring(struct virtio_msg_segment *link)
{
	link->desc.ring(link->desc.priv, READ_ONCE(link->seg.peer));
}

static void vmsg_link_poll_in(struct virtio_msg_segment *link, unsigned int ms)
{
	mod_delayed_work(vmsg_wq, &link->poll, msecs_to_jiffies(ms));
}

/*
 * May devices wait for a successor?  Not where memory is taken from the device
 * side meanwhile, nor where nobody can say that he is one.
 */
static bool vmsg_link_recovers(struct virtio_msg_segment *link)
{
	return READ_ONCE(link->bus->recover_s) && link->seg.geom.ext &&
	       !link->desc.share_slots && !(link->tdesc.flags & VIRTIO_MSG_T_DMA);
}

/* What has been settled.  A copy: a restart may begin as soon as it is told. */
static struct virtio_msg_link vmsg_link_settled(struct virtio_msg_segment *link)
{
	const struct vmsg_seg_geom *g = &link->seg.geom;
	struct virtio_msg_link l = {
		.wire = link->seg.wire,
		.max_msg_size = g->elem_size,
		/* Every queue, or none: who has no word kicks by message. */
		.kick_words = g->num_notif > 1,
		.peer = link->seg.peer == VIRTIO_MSG_PEER_NONE ? ~0U : link->seg.peer,
		.instance = link->seg.peer_instance,
		.shm_phys = link->desc.phys,
		.shm_size = link->desc.size,
		.may_return = vmsg_link_recovers(link),
		.continues = link->seg.driver_flags & VIRTIO_MSG_DRV_F_RESUMES &&
			     link->seg.device_flags & VIRTIO_MSG_DEV_F_CONTINUES,
	};

	if (g->window_length) {
		l.window.va = link->desc.va + g->window_offset;
		l.window.phys = link->desc.phys == ~(phys_addr_t)0 ?
				link->desc.phys : link->desc.phys + g->window_offset;
		l.window.size = g->window_length;
		l.window.wire = (u64)VIRTIO_MSG_AREA_SEGMENT << VIRTIO_MSG_AREA_SHIFT |
				g->window_offset;
	}
	return l;
}

/* Begin again.  @driver_flags: VIRTIO_MSG_DRV_F_*, what is announced to a successor. */
static void vmsg_link_restart(struct virtio_msg_segment *link, u32 driver_flags)
{
	u32 instance = get_random_u32();
	unsigned long flags;
	unsigned int did;

	spin_lock_irqsave(&link->lock, flags);
	raw_spin_lock(&link->tx_lock);
	link->seg.driver_flags = driver_flags;
	did = vmsg_seg_restart(&link->seg, instance);
	raw_spin_unlock(&link->tx_lock);
	spin_unlock_irqrestore(&link->lock, flags);
	if (did & VMSG_SEG_RING)
		vmsg_link_ring(link);
	vmsg_link_poll_in(link, 0);
}

/*
 * One look at the peer's status.  Entered and left with the lock held; returns
 * what was done, VMSG_SEG_*.
 */
static unsigned int vmsg_link_step(struct virtio_msg_segment *link,
				   unsigned long *flags)
	__must_hold(&link->lock)
{
	struct virtio_msg_link settled;
	unsigned int did;
	const char *why;

	lockdep_assert_held(&link->lock);
	raw_spin_lock(&link->tx_lock);
	did = vmsg_seg_step(&link->seg);
	raw_spin_unlock(&link->tx_lock);
	why = link->seg.why;
	if (did & VMSG_SEG_UP) {
		WRITE_ONCE(link->up, true);
		settled = vmsg_link_settled(link);
	}
	if (did & VMSG_SEG_LOST)
		WRITE_ONCE(link->up, false);
	if (!(did & VMSG_SEG_REJECTED))
		link->told = NULL;
	else if (link->told == why)
		did &= ~VMSG_SEG_REJECTED;
	else
		link->told = why;
	spin_unlock_irqrestore(&link->lock, *flags);

	if (did & VMSG_SEG_RING)
		vmsg_link_ring(link);
	if (did & VMSG_SEG_UP)
		virtio_msg_peer_up(link->bus, &settled);
	/* Nobody calls ops->lost() for a bus that waits. */
	if (did & VMSG_SEG_LOST &&
	    vmsg_recover_begin(link->bus, why ?: "no reason known"))
		vmsg_link_restart(link, VIRTIO_MSG_DRV_F_RESUMES);
	if (did & VMSG_SEG_REJECTED)
		vmsg_bus_log(err, link->bus, "segment of no use: %s\n",
			     why ?: "?");
	spin_lock_irqsave(&link->lock, *flags);
	return did;
}

/* Used events out of the words.  As above, for the lock. */
static unsigned int vmsg_link_used(struct virtio_msg_segment *link, unsigned long *flags)
	__must_hold(&link->lock)
{
	struct vmsg_seg_used used[VMSG_LINK_BATCH];
	int i, n;

	lockdep_assert_held(&link->lock);
	n = vmsg_seg_scan(&link->seg, used, ARRAY_SIZE(used));
	if (n <= 0)
		return 0;
	spin_unlock_irqrestore(&link->lock, *flags);
	for (i = 0; i < n; i++)
		virtio_msg_rx_used(link->bus, used[i].dev, used[i].vq, used[i].all);
	spin_lock_irqsave(&link->lock, *flags);
	return n;
}

/* One message out of the ring.  As above, for the lock. */
static bool vmsg_link_message(struct virtio_msg_segment *link, unsigned long *flags)
	__must_hold(&link->lock)
{
	unsigned int did = 0;
	int len;

	lockdep_assert_held(&link->lock);
	len = vmsg_seg_recv(&link->seg, link->rxbuf, link->seg.geom.elem_size, &did);
	if (!len)
		return false;
	spin_unlock_irqrestore(&link->lock, *flags);
	if (did & VMSG_SEG_RING)
		vmsg_link_ring(link);
	if (len > 0)
		virtio_msg_rx(link->bus, link->rxbuf, len);
	else
		virtio_msg_peer_lost(link->bus, "its ring index is out of range");
	spin_lock_irqsave(&link->lock, *flags);
	return len > 0;
}

/* Has a full ring got room?  Then who waits for it is told. */
static bool vmsg_link_space(struct virtio_msg_segment *link)
{
	unsigned long flags;
	bool space;

	raw_spin_lock_irqsave(&link->tx_lock, flags);
	space = vmsg_seg_tx_space(&link->seg);
	if (space)
		WRITE_ONCE(link->full, false);
	raw_spin_unlock_irqrestore(&link->tx_lock, flags);
	if (space)
		virtio_msg_tx_space(link->bus);
	return space;
}

/* Take the steps that the peer's status calls for; true if there was one. */
static bool vmsg_link_steps(struct virtio_msg_segment *link,
			    unsigned int *budget, unsigned long *flags)
	__must_hold(&link->lock)
{
	bool found = false;
	unsigned int did;

	while (*budget) {
		did = vmsg_link_step(link, flags);
		if (did & (VMSG_SEG_RING | VMSG_SEG_UP | VMSG_SEG_LOST))
			found = true;
		/* After a step of ours another look may bring more. */
		if (!(did & VMSG_SEG_RING) || did & VMSG_SEG_LOST)
			break;
		--*budget;
	}
	return found;
}

/*
 * Take what there is.  Returns true if the budget ran out before the work.
 * *@found says whether there was anything; somebody else who is at it is taken
 * to find something.
 */
static bool vmsg_link_receive(struct virtio_msg_segment *link, bool look, bool *found)
{
	unsigned int budget = VMSG_LINK_BUDGET, n, used;
	unsigned long flags;

	*found = true;
	spin_lock_irqsave(&link->lock, flags);
	link->again = true;
	if (link->receiving || link->stopped) {
		spin_unlock_irqrestore(&link->lock, flags);
		return false;
	}
	link->receiving = true;
	*found = false;
	while (link->again && budget && !link->stopped) {
		link->again = false;
		n = 0;
		/*
		 * What comes behind what was acknowledged rings again: another
		 * look is due only if not all of it found room.
		 */
		do {
			used = budget ? vmsg_link_used(link, &flags) : 0;
			budget -= !!used;
			n += !!used;
		} while (used == VMSG_LINK_BATCH);
		while (budget && vmsg_link_message(link, &flags)) {
			budget--;
			n++;
		}
		/*
		 * A doorbell that announces nothing else announces a change of
		 * status, as does the timer.
		 */
		if ((!n || look) && vmsg_link_steps(link, &budget, &flags))
			n++;
		if (n)
			*found = true;
		look = false;
	}
	link->receiving = false;
	spin_unlock_irqrestore(&link->lock, flags);
	if (READ_ONCE(link->full) && vmsg_link_space(link))
		*found = true;
	return !budget;
}

static void vmsg_link_poll(struct work_struct *work)
{
	struct virtio_msg_segment *link = container_of(to_delayed_work(work),
						       struct virtio_msg_segment,
						       poll);
	bool more, found;
	unsigned int ms;

	/* As in an interrupt: drivers' callbacks run in here. */
	local_bh_disable();
	more = vmsg_link_receive(link, true, &found);
	local_bh_enable();
	if (more)
		ms = 0;
	else if (READ_ONCE(link->full) || READ_ONCE(link->dark))
		ms = VMSG_LINK_POLL_FULL;
	else
		ms = READ_ONCE(link->up) || !READ_ONCE(link->seg.attached) ?
		     VMSG_LINK_POLL_RUN : VMSG_LINK_POLL_WAIT;
	if (!READ_ONCE(link->stopped))
		queue_delayed_work(vmsg_wq, &link->poll, msecs_to_jiffies(ms));
}

/**
 * virtio_msg_segment_interrupt() - the peer has rung
 * @link: the segment
 *
 * Used events and messages are handed on before the return, within a budget.
 *
 * Context: any; meant for the doorbell's interrupt.
 * Return: false if there was nothing to ring for: for a transport that can slow
 * down who rings for nothing, or has to guess when to look again.
 */
bool virtio_msg_segment_interrupt(struct virtio_msg_segment *link)
{
	bool found;

	if (vmsg_link_receive(link, false, &found) && !READ_ONCE(link->stopped))
		vmsg_link_poll_in(link, 0);
	return found;
}
EXPORT_SYMBOL_GPL(virtio_msg_segment_interrupt);

/* Operations of the transport that the core sees. */

static int vmsg_link_start(struct virtio_msg_bus *bus)
{
	vmsg_link_restart(vmsg_link(bus), 0);
	return 0;
}

static void vmsg_link_stop(struct virtio_msg_bus *bus)
{
	struct virtio_msg_segment *link = vmsg_link(bus);
	unsigned long flags;
	unsigned int did;
	bool receiving;

	spin_lock_irqsave(&link->lock, flags);
	WRITE_ONCE(link->stopped, true);
	raw_spin_lock(&link->tx_lock);
	did = vmsg_seg_leave(&link->seg, VIRTIO_MSG_ST_SHUTDOWN);
	raw_spin_unlock(&link->tx_lock);
	spin_unlock_irqrestore(&link->lock, flags);
	if (did & VMSG_SEG_RING)
		vmsg_link_ring(link);
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

static int vmsg_link_send(struct virtio_msg_bus *bus, const void *frame, size_t len)
{
	struct virtio_msg_segment *link = vmsg_link(bus);
	unsigned long flags;
	int ret;

	raw_spin_lock_irqsave(&link->tx_lock, flags);
	ret = vmsg_seg_send(&link->seg, frame, len);
	if (ret == -EAGAIN)
		WRITE_ONCE(link->full, true);
	raw_spin_unlock_irqrestore(&link->tx_lock, flags);
	if (ret == -EAGAIN)
		vmsg_link_poll_in(link, VMSG_LINK_POLL_FULL);
	if (ret <= 0)
		return ret;
	vmsg_link_ring(link);
	return 0;
}

static int vmsg_link_kick(struct virtio_msg_bus *bus, u16 dev_num, u16 vq)
{
	struct virtio_msg_segment *link = vmsg_link(bus);
	unsigned long flags;
	int ret;

	raw_spin_lock_irqsave(&link->tx_lock, flags);
	ret = vmsg_seg_kick(&link->seg, dev_num, vq);
	raw_spin_unlock_irqrestore(&link->tx_lock, flags);
	if (ret <= 0)
		return ret;
	vmsg_link_ring(link);
	return 0;
}

static void vmsg_link_cut(struct virtio_msg_bus *bus)
{
	struct virtio_msg_segment *link = vmsg_link(bus);

	WRITE_ONCE(link->dark, true);
	link->desc.cut(link->desc.priv);
}

static bool vmsg_link_uncut(struct virtio_msg_bus *bus)
{
	struct virtio_msg_segment *link = vmsg_link(bus);
	bool ok = link->desc.uncut(link->desc.priv);

	WRITE_ONCE(link->dark, !ok);
	return ok;
}

static void vmsg_link_share(struct virtio_msg_bus *bus, u32 slot,
			    phys_addr_t phys, bool write)
{
	struct virtio_msg_segment *link = vmsg_link(bus);

	link->desc.share(link->desc.priv, slot, phys, write);
}

static bool vmsg_link_unshare(struct virtio_msg_bus *bus, u32 slot, phys_addr_t phys)
{
	struct virtio_msg_segment *link = vmsg_link(bus);

	return link->desc.unshare(link->desc.priv, slot, phys);
}

/*
 * Devices are gone.  What the segment saw itself it has answered with SHUTDOWN:
 * begin again.  A peer that the core gave up still says RUN: it is told that it
 * is taken for dead, and has to begin.
 */
static void vmsg_link_lost(struct virtio_msg_bus *bus)
{
	struct virtio_msg_segment *link = vmsg_link(bus);
	unsigned int did = 0;
	unsigned long flags;
	bool silent;

	spin_lock_irqsave(&link->lock, flags);
	WRITE_ONCE(link->up, false);
	silent = link->seg.status == VIRTIO_MSG_ST_RUN;
	if (silent) {
		raw_spin_lock(&link->tx_lock);
		did = vmsg_seg_leave(&link->seg, VIRTIO_MSG_ST_PEER_DEAD);
		raw_spin_unlock(&link->tx_lock);
	}
	spin_unlock_irqrestore(&link->lock, flags);
	if (!silent) {
		vmsg_link_restart(link, 0);
		return;
	}
	if (did & VMSG_SEG_RING)
		vmsg_link_ring(link);
	vmsg_link_poll_in(link, VMSG_LINK_POLL_WAIT);
}

static int vmsg_link_suspend(struct virtio_msg_bus *bus)
{
	cancel_delayed_work_sync(&vmsg_link(bus)->poll);
	return 0;
}

static int vmsg_link_resume(struct virtio_msg_bus *bus)
{
	/* Status and rings may have moved while nobody looked. */
	vmsg_link_poll_in(vmsg_link(bus), 0);
	return 0;
}

static const char * const vmsg_link_status[] = {
	"INIT", "READY", "RUN", "SHUTDOWN", "PEER_DEAD"
};

static void vmsg_link_show(struct virtio_msg_bus *bus, struct seq_file *s)
{
	struct virtio_msg_segment *link = vmsg_link(bus);
	u32 instance, peer_instance;
	struct vmsg_seg_geom g;
	const char *why;
	u16 st;

	/* Of one moment: a peer that comes back may bring another layout. */
	spin_lock_irq(&link->lock);
	g = link->seg.geom;
	st = link->seg.status;
	instance = link->seg.instance;
	peer_instance = link->seg.peer_instance;
	why = link->seg.why;
	spin_unlock_irq(&link->lock);

	seq_printf(s, "segment status: %s\n",
		   st < ARRAY_SIZE(vmsg_link_status) ? vmsg_link_status[st] : "?");
	seq_printf(s, "segment instance: %#x, peer's %#x\n", instance, peer_instance);
	seq_printf(s, "segment rings: %u elements of %u bytes\n", g.num_elems,
		   g.elem_size);
	seq_printf(s, "segment words: %u, %u queues per device\n", g.num_notif,
		   g.vq_per_dev);
	if (why)
		seq_printf(s, "segment: %s\n", why);
	if (link->desc.show)
		link->desc.show(link->desc.priv, s);
}

static const struct virtio_msg_transport_ops vmsg_link_ops = {
	.start = vmsg_link_start,
	.stop = vmsg_link_stop,
	.send = vmsg_link_send,
	.kick = vmsg_link_kick,
	.cut = vmsg_link_cut,
	.uncut = vmsg_link_uncut,
	.share = vmsg_link_share,
	.unshare = vmsg_link_unshare,
	.lost = vmsg_link_lost,
	.suspend = vmsg_link_suspend,
	.resume = vmsg_link_resume,
	.show = vmsg_link_show,
};

/**
 * virtio_msg_segment_check() - is there a segment?
 * @va: mapped memory
 * @size: bytes of it
 *
 * Context: any.
 * Return: 0; -ENODEV where the magic number is missing; -EINVAL for a layout
 * that is no good.
 */
int virtio_msg_segment_check(const void *va, u64 size)
{
	struct vmsg_seg_geom geom;
	const char *why;

	return vmsg_seg_layout((const void __vshm __force *)va, size, &geom, &why);
}
EXPORT_SYMBOL_GPL(virtio_msg_segment_check);

/**
 * virtio_msg_segment_register() - make a bus over a segment
 * @parent: the transport's device
 * @desc: the segment and its doorbell; copied
 *
 * The peer may come, go and come again; a segment that is not formatted yet is
 * waited for.  The transport calls virtio_msg_segment_interrupt() from the
 * doorbell's interrupt from now on.
 *
 * Context: may sleep.
 * Return: the segment or an ERR_PTR().
 */
struct virtio_msg_segment *
virtio_msg_segment_register(struct device *parent,
			    const struct virtio_msg_segment_desc *desc)
{
	struct virtio_msg_segment *link;
	int ret = -ENOMEM;

	link = kzalloc_obj(*link);
	if (!link)
		return ERR_PTR(-ENOMEM);
	/* The longest element there can be. */
	link->rxbuf = kmalloc(U16_MAX + 1, GFP_KERNEL);
	if (!link->rxbuf)
		goto err_link;
	link->desc = *desc;
	link->tdesc.name = desc->name;
	link->tdesc.owner = desc->owner;
	link->tdesc.ops = &vmsg_link_ops;
	link->tdesc.max_inflight = desc->max_inflight ?: 4096;
	link->tdesc.flags = VIRTIO_MSG_T_ATOMIC_SEND | VIRTIO_MSG_T_RECOVERS |
			    (desc->flags ?: VIRTIO_MSG_T_NEEDS_WINDOW);
	link->tdesc.quirks = desc->quirks;
	link->tdesc.share_slots = desc->share_slots;
	link->tdesc.share_wire = desc->share_wire;
	spin_lock_init(&link->lock);
	raw_spin_lock_init(&link->tx_lock);
	INIT_DELAYED_WORK(&link->poll, vmsg_link_poll);
	vmsg_seg_init(&link->seg, (void __vshm __force *)desc->va, desc->size,
		      desc->own_peer, desc->wire_mask);

	link->bus = virtio_msg_bus_alloc(parent, &link->tdesc, link);
	if (IS_ERR(link->bus)) {
		ret = PTR_ERR(link->bus);
		goto err_buf;
	}
	ret = virtio_msg_bus_register(link->bus);
	if (ret)
		goto err_bus;
	return link;

err_bus:
	virtio_msg_bus_put(link->bus);
err_buf:
	kfree(link->rxbuf);
err_link:
	kfree(link);
	return ERR_PTR(ret);
}
EXPORT_SYMBOL_GPL(virtio_msg_segment_register);

/**
 * virtio_msg_segment_stop() - end a bus over a segment
 * @link: the segment
 *
 * The first half: the devices are removed, which takes the doorbell's
 * interrupt.  After this an interrupt does nothing any more.
 *
 * Context: may sleep.
 */
void virtio_msg_segment_stop(struct virtio_msg_segment *link)
{
	virtio_msg_bus_unregister(link->bus);
}
EXPORT_SYMBOL_GPL(virtio_msg_segment_stop);

/**
 * virtio_msg_segment_free() - free a segment that was stopped
 * @link: the segment; no interrupt knows it any more
 *
 * Context: may sleep.
 */
void virtio_msg_segment_free(struct virtio_msg_segment *link)
{
	virtio_msg_bus_put(link->bus);
	kfree(link->rxbuf);
	kfree(link);
}
EXPORT_SYMBOL_GPL(virtio_msg_segment_free);

/**
 * virtio_msg_segment_suspend() - see virtio_msg_bus_suspend()
 * @link: the segment
 *
 * Context: may sleep.
 * Return: as virtio_msg_bus_suspend().
 */
int virtio_msg_segment_suspend(struct virtio_msg_segment *link)
{
	return virtio_msg_bus_suspend(link->bus);
}
EXPORT_SYMBOL_GPL(virtio_msg_segment_suspend);

/**
 * virtio_msg_segment_resume() - see virtio_msg_bus_resume()
 * @link: the segment
 *
 * Context: may sleep.
 * Return: as virtio_msg_bus_resume().
 */
int virtio_msg_segment_resume(struct virtio_msg_segment *link)
{
	return virtio_msg_bus_resume(link->bus);
}
EXPORT_SYMBOL_GPL(virtio_msg_segment_resume);

/**
 * virtio_msg_segment_lost() - see virtio_msg_peer_lost()
 * @link: the segment
 * @why: a string for the log
 *
 * For what the segment cannot tell: its memory is gone.
 *
 * Context: any.
 */
void virtio_msg_segment_lost(struct virtio_msg_segment *link, const char *why)
{
	virtio_msg_peer_lost(link->bus, why);
}
EXPORT_SYMBOL_GPL(virtio_msg_segment_lost);

/**
 * virtio_msg_segment_rescan() - see virtio_msg_rescan()
 * @link: the segment
 *
 * Context: any.
 */
void virtio_msg_segment_rescan(struct virtio_msg_segment *link)
{
	virtio_msg_rescan(link->bus);
}
EXPORT_SYMBOL_GPL(virtio_msg_segment_rescan);
