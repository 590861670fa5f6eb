// SPDX-License-Identifier: GPL-2.0-only
/*
 * virtio-msg bus: states, bring-up, enumeration, hotplug, loss and return
 *
 * Everything that takes time happens in one work item per bus (bus.work), so
 * bring-up, scans and clean-up never overlap; transports and interrupts only
 * leave it notes (bus.events, the hotplug bitmaps).  Devices are registered
 * and unregistered by works of their own (device.c), so that probes overlap.
 */

#include <linux/dma-mapping.h>
#include <linux/idr.h>
#include <linux/ktime.h>
#include <linux/module.h>
#include <linux/random.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/sysfs.h>
#include <kunit/static_stub.h>
#include <kunit/visibility.h>

#include "internal.h"

#define CREATE_TRACE_POINTS
#include "trace.h"

/* How often a keep-alive that is off looks whether it is still off. */
#define VMSG_KEEPALIVE_OFF_MS	5000

/* A device number space has at most this many windows of 8 devices. */
#define VMSG_MAX_SCAN_STEPS	(VMSG_MAX_DEVS / 8)

static DEFINE_IDA(vmsg_bus_ida);

static const char * const vmsg_state_names[VMSG_BUS_STATES] = {
	[VMSG_BUS_NEW] = "new",
	[VMSG_BUS_WAITING] = "waiting",
	[VMSG_BUS_RUNNING] = "running",
	[VMSG_BUS_SUSPENDED] = "suspended",
	[VMSG_BUS_AWAY] = "away",
	[VMSG_BUS_LOST] = "lost",
	[VMSG_BUS_DEAD] = "dead",
	[VMSG_BUS_STOPPED] = "stopped",
};

/* Where each state may go. */
static const u8 vmsg_state_moves[VMSG_BUS_STATES] = {
	[VMSG_BUS_NEW] = BIT(VMSG_BUS_WAITING) | BIT(VMSG_BUS_STOPPED),
	[VMSG_BUS_WAITING] = BIT(VMSG_BUS_RUNNING) | BIT(VMSG_BUS_DEAD) |
			     BIT(VMSG_BUS_STOPPED),
	[VMSG_BUS_RUNNING] = BIT(VMSG_BUS_SUSPENDED) | BIT(VMSG_BUS_AWAY) |
			     BIT(VMSG_BUS_LOST) | BIT(VMSG_BUS_DEAD) |
			     BIT(VMSG_BUS_STOPPED),
	[VMSG_BUS_SUSPENDED] = BIT(VMSG_BUS_RUNNING) | BIT(VMSG_BUS_LOST) |
			       BIT(VMSG_BUS_DEAD) | BIT(VMSG_BUS_STOPPED),
	[VMSG_BUS_AWAY] = BIT(VMSG_BUS_RUNNING) | BIT(VMSG_BUS_LOST) |
			  BIT(VMSG_BUS_DEAD) | BIT(VMSG_BUS_STOPPED),
	[VMSG_BUS_LOST] = BIT(VMSG_BUS_WAITING) | BIT(VMSG_BUS_DEAD) |
			  BIT(VMSG_BUS_STOPPED),
	[VMSG_BUS_DEAD] = BIT(VMSG_BUS_STOPPED),
	[VMSG_BUS_STOPPED] = 0,
};

/**
 * vmsg_bus_state_name() - state in a word
 * @state: the state
 *
 * Context: any.
 * Return: a string constant.
 */
const char *vmsg_bus_state_name(enum vmsg_bus_state state)
{
	return state < VMSG_BUS_STATES ? vmsg_state_names[state] : "?";
}
EXPORT_SYMBOL_IF_KUNIT(vmsg_bus_state_name);

static bool vmsg_bus_move(struct virtio_msg_bus *bus, enum vmsg_bus_state to)
{
	enum vmsg_bus_state from = bus->state;

	lockdep_assert_held(&bus->lock);
	if (!(vmsg_state_moves[from] & BIT(to)))
		return false;
	WRITE_ONCE(bus->state, to);
	trace_vmsg_bus_state(bus, from, to);
	return true;
}

/**
 * vmsg_bus_set_state() - move a bus to another state
 * @bus: the bus
 * @to: where to
 *
 * Context: any.
 * Return: true if the table of moves allows it from the present state; else
 * nothing has changed.
 */
bool vmsg_bus_set_state(struct virtio_msg_bus *bus, enum vmsg_bus_state to)
{
	unsigned long flags;
	bool ok;

	spin_lock_irqsave(&bus->lock, flags);
	ok = vmsg_bus_move(bus, to);
	spin_unlock_irqrestore(&bus->lock, flags);
	return ok;
}
EXPORT_SYMBOL_IF_KUNIT(vmsg_bus_set_state);

/**
 * vmsg_bus_queue() - leave the bus work a note
 * @bus: the bus
 * @event: VMSG_EV_*
 *
 * Context: any.
 */
void vmsg_bus_queue(struct virtio_msg_bus *bus, unsigned int event)
{
	set_bit(event, &bus->events);
	/* Saves the work: once disabled, it is not queued in any case. */
	if (!READ_ONCE(bus->stopping))
		queue_work(vmsg_wq, &bus->work);
}

/*
 * Enumeration: GET_DEVICES in windows as wide as a message allows, over all
 * device numbers; see wire.rst, "Bus messages".
 */
static int vmsg_bus_scan_window(struct virtio_msg_bus *bus, u16 offset,
				u16 *next, unsigned long *found, unsigned int *num)
{
	struct vmsg_xfer *x = vmsg_xfer_alloc(bus, GFP_KERNEL);
	const u8 *bitmap;
	unsigned int count;
	int i, n, ret;

	if (!x)
		return -ENOTCONN;
	if (x->wire->devs_max == 1) {
		/* Nobody to ask for; whether it is there says GET_DEVICE_INFO. */
		__set_bit(0, found);
		++*num;
		*next = 0;
		vmsg_xfer_put(x);
		return 0;
	}
	count = min3(vmsg_wire_devices_chunk(x->wire, x->cap),
		     (unsigned int)VMSG_MAX_DEVS - offset, 65528U);
	ret = vmsg_xfer_call(x, vmsg_req_get_devices(x->wire, x->req, x->cap,
						     offset, count));
	if (!ret) {
		n = vmsg_get_devices(x->wire, &x->pdu, offset, next, &bitmap);
		for (i = 0; i < n; i++) {
			if (offset + i >= VMSG_MAX_DEVS)
				break;
			/* Most numbers have no device. */
			if (!(i % 8) && !bitmap[i / 8])
				i += 7;
			else if (bitmap[i / 8] & BIT(i % 8))
				*num += !__test_and_set_bit(offset + i, found);
		}
		ret = min(n, 0);
	}
	vmsg_xfer_put(x);
	return ret;
}

static int vmsg_bus_scan(struct virtio_msg_bus *bus)
{
	unsigned long *found = vmsg_alloc(bus, bitmap_zalloc(VMSG_MAX_DEVS, GFP_KERNEL));
	unsigned int steps = 0, num, devices = 0, total = 0;
	struct vmsg_slot *slot;
	unsigned long index;
	u16 offset = 0;
	int ret;

	if (!found)
		return -ENOMEM;
	do {
		ret = vmsg_bus_scan_window(bus, offset, &offset, found, &total);
		/* A peer that takes its time for each answer keeps nobody here. */
		if (!ret && (READ_ONCE(bus->stopping) || READ_ONCE(bus->frozen))) {
			/* From the beginning, when the system has slept. */
			set_bit(VMSG_EV_SCAN, &bus->events);
			ret = -ENOTCONN;
		}
	} while (!ret && offset && ++steps < VMSG_MAX_SCAN_STEPS);
	if (ret) {
		if (ret != -ENOTCONN)
			vmsg_bus_log(err, bus, "GET_DEVICES failed: %d\n", ret);
		/* What was found stands; nothing is taken for removed. */
	} else {
		xa_for_each(&bus->slots, index, slot)
			if (!test_bit(slot->num, found))
				vmsg_slot_want(slot, false, false);
		/* They are not there to be reset, or to use buffers. */
		vmsg_devices_fail(bus, false);
	}
	/* The first ones may ask for their queues before the last one has its slot. */
	WRITE_ONCE(bus->found, total);
	for_each_set_bit(num, found, VMSG_MAX_DEVS) {
		slot = vmsg_slot_get(bus, num);
		if (IS_ERR(slot)) {
			vmsg_bus_log(err, bus,
				     "more than %u devices: the rest is ignored\n",
				     bus->num_slots);
			break;
		}
		vmsg_slot_want(slot, true, false);
		devices++;
	}
	WRITE_ONCE(bus->found, 0);
	dev_dbg(&bus->ctx.dev, "%u devices\n", devices);
	bitmap_free(found);
	return ret;
}

/* Same memory as before?  Then what the window holds may stay. */
static bool vmsg_window_same(const struct virtio_msg_window *a,
			     const struct virtio_msg_window *b)
{
	return a->va == b->va && a->phys == b->phys && a->size == b->size &&
	       a->wire == b->wire;
}

/* No device is registered here. */
static int __vmsg_bus_set_window(struct virtio_msg_bus *bus,
				 const struct virtio_msg_window *w)
{
	if (bus->win && vmsg_window_same(w, &bus->last_win)) {
		/* The new peer is confirmed: the old one cannot write any more. */
		vmsg_window_absolve(bus->win);
		return 0;
	}
	if (bus->win) {
		bus->ctx.win = NULL;
		vmsg_window_destroy(bus->win);
		bus->win = NULL;
	}
	if (!w->size) {
		if (bus->desc->flags & VIRTIO_MSG_T_NEEDS_WINDOW) {
			vmsg_bus_log(err, bus, "the peer offers no window\n");
			return -ENXIO;
		}
		return 0;
	}
	bus->win = vmsg_fault(bus, VMSG_FAULT_NOMEM) ? ERR_PTR(-ENOMEM) :
		   vmsg_window_create((void __vshm __force *)w->va, w->phys,
				      w->size, w->wire);
	if (IS_ERR(bus->win)) {
		int ret = PTR_ERR(bus->win);

		bus->win = NULL;
		vmsg_bus_log(err, bus,
			     "a window of %llu bytes is of no use: %d\n", w->size,
			     ret);
		return ret;
	}
	bus->last_win = *w;
	bus->ctx.win = bus->win;
	bus->ctx.max_mapping = vmsg_window_default_mapping(bus->win);
	return vmsg_glue_init_bus(bus);
}

static int vmsg_bus_set_window(struct virtio_msg_bus *bus,
			       const struct virtio_msg_window *w)
{
	int ret;

	mutex_lock(&bus->win_lock);
	ret = __vmsg_bus_set_window(bus, w);
	mutex_unlock(&bus->win_lock);
	return ret;
}

/* May the devices that wait go on with the peer that is there now? */
static bool vmsg_bus_continues(struct virtio_msg_bus *bus)
{
	const struct virtio_msg_link *next = &bus->next_link;

	lockdep_assert_held(&bus->lock);
	/* Rings lie in the window, and kick_words decides on a feature. */
	return next->continues && next->kick_words == bus->link.kick_words &&
	       vmsg_window_same(&next->window, &bus->last_win);
}

/* Devices first, then what the transport keeps for them. Model: life.pml. */
static void vmsg_bus_clean_up(struct virtio_msg_bus *bus)
{
	struct vmsg_slot *slot;
	unsigned long index;

	vmsg_devices_fail(bus, true);
	xa_for_each(&bus->slots, index, slot)
		vmsg_slot_want(slot, false, false);
	vmsg_slots_flush(bus);
	/* Those that are about to sleep are still there: go on when they have slept. */
	if (READ_ONCE(bus->frozen)) {
		set_bit(VMSG_EV_LOST, &bus->events);
		return;
	}
	bitmap_zero(bus->hot_ready, VMSG_MAX_DEVS);
	bitmap_zero(bus->hot_removed, VMSG_MAX_DEVS);
	vmsg_bus_set_state(bus, VMSG_BUS_WAITING);
	if (READ_ONCE(bus->state) == VMSG_BUS_WAITING && bus->desc->ops->lost &&
	    !test_bit(VMSG_EV_UP, &bus->events))
		bus->desc->ops->lost(bus);
}

/*
 * The link that there is, and its number.  False if there is none any more; or if there
 * is one, but not one with which the devices that wait can go on: then they go first.
 */
static bool vmsg_bus_take_link(struct virtio_msg_bus *bus, struct virtio_msg_link *link,
			       unsigned int *seq, bool *resume)
{
	bool anew = false, ok;

	spin_lock_irq(&bus->lock);
	*link = bus->next_link;
	*seq = bus->link_seq;
	*resume = bus->state == VMSG_BUS_AWAY;
	ok = bus->link_valid && (*resume || bus->state == VMSG_BUS_WAITING);
	/* Given up since we looked: devices go first, and then there is a peer. */
	if (bus->link_valid && !ok)
		set_bit(VMSG_EV_UP, &bus->events);
	if (ok && *resume && !vmsg_bus_continues(bus)) {
		ok = false;
		anew = vmsg_bus_move(bus, VMSG_BUS_LOST);
		/* Who cleans up sees that there is a peer. */
		if (anew)
			set_bit(VMSG_EV_UP, &bus->events);
	}
	spin_unlock_irq(&bus->lock);
	if (anew) {
		vmsg_bus_clean_up(bus);
		queue_work(vmsg_wq, &bus->work);
	}
	return ok;
}

/* From WAITING; or from AWAY, for a successor that continues. */
static void vmsg_bus_bring_up(struct virtio_msg_bus *bus)
{
	const struct vmsg_wire *wire;
	struct virtio_msg_link link;
	unsigned int seq;
	bool resume, up;
	int ret;

	if (!vmsg_bus_take_link(bus, &link, &seq, &resume))
		return;

	wire = vmsg_bus_wire(bus, link.wire);
	ret = wire ? vmsg_bus_set_window(bus, &link.window) : -EPROTO;
	if (!ret) {
		/*
		 * Messages flow from the moment the state says so.  A peer that
		 * was lost meanwhile has left VMSG_EV_LOST, another one VMSG_EV_UP.
		 */
		spin_lock_irq(&bus->lock);
		up = bus->link_valid && bus->link_seq == seq &&
		     vmsg_bus_move(bus, VMSG_BUS_RUNNING);
		if (up)
			bus->link = link;
		spin_unlock_irq(&bus->lock);
		if (!up)
			return;
		ret = vmsg_engine_open(bus, wire, min(link.max_msg_size,
						      wire->max_size));
	}
	if (ret) {
		vmsg_bus_log(err, bus, "cannot use this link: %d\n", ret);
		vmsg_bus_dead(bus, "link of no use");
		return;
	}
	vmsg_bus_log(info, bus, "%s, wire %s, messages of %u bytes\n",
		     bus->desc->name, wire->name,
		     min(link.max_msg_size, wire->max_size));
	/* Lost between the two steps above: the engine was opened too late. */
	if (READ_ONCE(bus->state) != VMSG_BUS_RUNNING) {
		vmsg_engine_close(bus, -ENOTCONN);
		return;
	}
	queue_delayed_work(vmsg_wq, &bus->alive, 0);
	/* Before the scan: it would find the devices changed, or not there yet. */
	if (resume)
		vmsg_devices_resume(bus);
	bus->cut = !vmsg_devices_uncut(bus);
	if (!bus->cut)
		vmsg_bus_scan(bus);
}

/* The peer is away: see who can wait. */
static void vmsg_bus_away(struct virtio_msg_bus *bus)
{
	struct vmsg_slot *slot;
	unsigned int num;

	if (test_and_clear_bit(VMSG_EV_AWAY, &bus->events)) {
		/* What it took away last; of all else its successor is asked. */
		for_each_set_bit(num, bus->hot_removed, VMSG_MAX_DEVS) {
			slot = xa_load(&bus->slots, num);
			if (slot)
				vmsg_slot_want(slot, false, true);
		}
		bitmap_zero(bus->hot_ready, VMSG_MAX_DEVS);
		bitmap_zero(bus->hot_removed, VMSG_MAX_DEVS);
		vmsg_devices_away(bus);
	}
	/* Whatever a driver waits for does not come. */
	if (test_and_clear_bit(VMSG_EV_HOTPLUG, &bus->events))
		vmsg_devices_fail(bus, false);
}

/* Model: life.pml. */
static void vmsg_bus_removed(struct virtio_msg_bus *bus)
{
	struct vmsg_slot *slot;
	unsigned int num;

	for_each_set_bit(num, bus->hot_removed, VMSG_MAX_DEVS) {
		if (!test_and_clear_bit(num, bus->hot_removed))
			continue;
		slot = xa_load(&bus->slots, num);
		if (slot)
			vmsg_slot_want(slot, false, true);
		cond_resched();
	}
	/* A driver may be waiting for the device in its probe function. */
	vmsg_devices_fail(bus, false);
}

/* Model: life.pml. */
static void vmsg_bus_hotplug(struct virtio_msg_bus *bus)
{
	struct vmsg_slot *slot;
	unsigned int num;
	bool ready;

	/* Removed before ready: the later event of a pair clears the earlier. */
	vmsg_bus_removed(bus);
	for_each_set_bit(num, bus->hot_ready, VMSG_MAX_DEVS) {
		/* Removed once more, and maybe ready: both next time, in that order. */
		spin_lock_irq(&bus->lock);
		ready = !test_bit(num, bus->hot_removed) &&
			test_and_clear_bit(num, bus->hot_ready);
		spin_unlock_irq(&bus->lock);
		if (!ready)
			continue;
		slot = vmsg_slot_get(bus, num);
		if (!IS_ERR(slot))
			vmsg_slot_want(slot, true, false);
		cond_resched();
	}
}

/* Model: life.pml. */
static void vmsg_bus_do_work(struct virtio_msg_bus *bus)
{
	if (READ_ONCE(bus->frozen)) {
		enum vmsg_bus_state state = READ_ONCE(bus->state);

		/*
		 * No device comes or goes now.  But its driver, which prepares
		 * for system sleep, may wait for what a lost peer will not send,
		 * or one that has taken the device away.
		 */
		if (state == VMSG_BUS_RUNNING || state == VMSG_BUS_SUSPENDED)
			vmsg_bus_removed(bus);
		else
			vmsg_devices_fail(bus, true);
		return;
	}
	if (test_and_clear_bit(VMSG_EV_LOST, &bus->events))
		vmsg_bus_clean_up(bus);
	if (READ_ONCE(bus->state) == VMSG_BUS_AWAY)
		vmsg_bus_away(bus);
	if ((READ_ONCE(bus->state) == VMSG_BUS_WAITING ||
	     READ_ONCE(bus->state) == VMSG_BUS_AWAY) &&
	    test_and_clear_bit(VMSG_EV_UP, &bus->events))
		vmsg_bus_bring_up(bus);
	if (READ_ONCE(bus->state) != VMSG_BUS_RUNNING)
		return;
	/* No device is made that cannot reach its rings; see @uncut. */
	if (bus->cut && test_bit(VMSG_EV_SCAN, &bus->events))
		bus->cut = !vmsg_devices_uncut(bus);
	if (bus->cut)
		return;
	if (test_and_clear_bit(VMSG_EV_HOTPLUG, &bus->events))
		vmsg_bus_hotplug(bus);
	if (test_and_clear_bit(VMSG_EV_SCAN, &bus->events))
		vmsg_bus_scan(bus);
}

static void vmsg_bus_work(struct work_struct *work)
{
	/*
	 * Memory may have to be freed by writing to a disk that waits for this
	 * very work: for its successor, or to be drained.
	 */
	unsigned int noio = memalloc_noio_save();

	vmsg_bus_do_work(container_of(work, struct virtio_msg_bus, work));
	memalloc_noio_restore(noio);
}

/**
 * vmsg_bus_dead() - give a bus up until its transport is bound anew
 * @bus: the bus
 * @why: for the log
 *
 * Context: any.
 */
void vmsg_bus_dead(struct virtio_msg_bus *bus, const char *why)
{
	if (!vmsg_bus_set_state(bus, VMSG_BUS_DEAD))
		return;
	vmsg_bus_log(err, bus, "dead: %s; bind the transport anew\n", why);
	vmsg_count(bus, VMSG_C_PEER_LOST);
	vmsg_engine_close(bus, -ENOTCONN);
	if (bus->desc->ops->dead)
		bus->desc->ops->dead(bus);
	vmsg_bus_queue(bus, VMSG_EV_LOST);
}

/**
 * vmsg_bus_ping() - ask the peer for a sign of life
 * @bus: the bus
 * @ns: round trip time, nanoseconds
 *
 * Context: may sleep.
 * Return: 0, or as vmsg_xfer_call(), or -EBADMSG for a wrong echo.
 */
int vmsg_bus_ping(struct virtio_msg_bus *bus, u64 *ns)
{
	struct vmsg_xfer *x = vmsg_xfer_alloc(bus, GFP_KERNEL);
	u32 data = get_random_u32(), echo;
	u64 start = ktime_get_ns();
	int ret;

	if (!x)
		return -ENOTCONN;
	ret = vmsg_xfer_call(x, vmsg_req_ping(x->wire, x->req, x->cap, data));
	if (!ret)
		ret = vmsg_get_ping(x->wire, &x->pdu, &echo);
	if (!ret && echo != data)
		ret = -EBADMSG;
	*ns = ktime_get_ns() - start;
	vmsg_xfer_put(x);
	return ret;
}
EXPORT_SYMBOL_IF_KUNIT(vmsg_bus_ping);

/*
 * Keep-alive.  A peer that dies without a word leaves its status as it was, and
 * a driver that waits for a buffer sends nothing that could time out.  So a bus
 * on which nothing was received for a while asks; who does not answer either,
 * though nothing else came meanwhile, is lost.
 */

/* Changes with everything that is received, used events included. */
static u32 vmsg_bus_heard(struct virtio_msg_bus *bus)
{
	return atomic_read(&bus->rx_count) +
	       (u32)atomic64_read(&bus->stats.c[VMSG_C_USED]);
}

static void vmsg_bus_alive(struct vmsg_xfer *x)
{
	struct virtio_msg_bus *bus = x->bus;

	if (x->status == -ETIMEDOUT && bus->rx_seen == vmsg_bus_heard(bus))
		virtio_msg_peer_lost(bus, "no sign of life");
	clear_bit(VMSG_ALIVE_ASKED, &bus->alive_flags);
}

static void vmsg_bus_alive_work(struct work_struct *work)
{
	struct virtio_msg_bus *bus = container_of(to_delayed_work(work),
						  struct virtio_msg_bus, alive);
	u32 count = vmsg_bus_heard(bus);
	unsigned int ms = READ_ONCE(bus->keepalive_ms);
	struct vmsg_xfer *x;

	if (READ_ONCE(bus->state) != VMSG_BUS_RUNNING)
		return;
	if (ms && count == bus->rx_last &&
	    !test_and_set_bit(VMSG_ALIVE_ASKED, &bus->alive_flags)) {
		x = vmsg_xfer_alloc(bus, GFP_NOIO);
		if (x) {
			bus->rx_seen = count;
			x->complete = vmsg_bus_alive;
		}
		if (!x || vmsg_xfer_submit(x, vmsg_req_ping(x->wire, x->req, x->cap,
							    get_random_u32())))
			clear_bit(VMSG_ALIVE_ASKED, &bus->alive_flags);
		vmsg_xfer_put(x);
	}
	bus->rx_last = count;
	/* Even if it is off now: it may be turned on. */
	queue_delayed_work(vmsg_wq, &bus->alive,
			   msecs_to_jiffies(ms ?: VMSG_KEEPALIVE_OFF_MS));
}

/* What a transport calls. */

/* Model: life.pml. */
static int vmsg_bus_event_device(struct virtio_msg_bus *bus,
				 const struct vmsg_wire *wire,
				 const struct vmsg_pdu *pdu)
{
	unsigned long flags;
	u16 dev, state;

	if (vmsg_get_event_device(wire, pdu, &dev, &state)) {
		vmsg_count(bus, VMSG_C_RX_MALFORMED);
		return -EBADMSG;
	}
	switch (state) {
	case VIRTIO_MSG_DEVICE_READY:
		set_bit(dev, bus->hot_ready);
		break;
	case VIRTIO_MSG_DEVICE_REMOVED:
		spin_lock_irqsave(&bus->lock, flags);
		clear_bit(dev, bus->hot_ready);
		set_bit(dev, bus->hot_removed);
		spin_unlock_irqrestore(&bus->lock, flags);
		break;
	default:
		vmsg_count(bus, VMSG_C_RX_MALFORMED);
		return -EBADMSG;
	}
	vmsg_bus_queue(bus, VMSG_EV_HOTPLUG);
	return 0;
}

/* @wire: as its header was read; a link that is being made may have another. */
static int vmsg_bus_event(struct virtio_msg_bus *bus, const struct vmsg_wire *wire,
			  const struct vmsg_pdu *pdu)
{
	vmsg_count(bus, VMSG_C_RX_EVENT);
	if (pdu->hdr.type & VIRTIO_MSG_TYPE_BUS) {
		if (pdu->hdr.msg_id == VIRTIO_MSG_BUS_EVENT_DEVICE)
			return vmsg_bus_event_device(bus, wire, pdu);
	} else if (pdu->hdr.msg_id == VIRTIO_MSG_EVENT_USED) {
		return vmsg_device_event_used(bus, wire, pdu);
	} else if (pdu->hdr.msg_id == VIRTIO_MSG_EVENT_CONFIG) {
		return vmsg_device_event_config(bus, wire, pdu);
	}
	vmsg_count(bus, VMSG_C_RX_UNEXPECTED);
	return -ENOENT;
}

static bool vmsg_is_event(u8 msg_id)
{
	return (msg_id >= VIRTIO_MSG_EVENT_BASE &&
		msg_id < VIRTIO_MSG_IMPL_REQUEST_BASE) ||
	       msg_id >= VIRTIO_MSG_IMPL_EVENT_BASE;
}

/*
 * xid32 is strict: events carry no ID, requests do, and bus messages no device
 * number.  What the older public peers send there is not known well enough.
 */
static bool vmsg_bus_misaddressed(const struct vmsg_wire *wire, const struct vmsg_hdr *h)
{
	if (!wire->exact)
		return false;
	if ((h->type & VIRTIO_MSG_TYPE_BUS) && h->dev_num)
		return true;
	if (h->type & VIRTIO_MSG_TYPE_RESPONSE)
		return false;
	return vmsg_is_event(h->msg_id) ? h->xid : !h->xid;
}

/**
 * vmsg_bus_rx() - virtio_msg_rx(), without faults on purpose
 * @bus: the bus
 * @frame: the frame
 * @len: bytes
 *
 * Context: any.
 * Return: as virtio_msg_rx().
 */
int vmsg_bus_rx(struct virtio_msg_bus *bus, const void *frame, size_t len)
{
	const struct vmsg_wire *wire;
	struct vmsg_pdu pdu;
	bool good;
	u32 data;

	if (READ_ONCE(bus->state) != VMSG_BUS_RUNNING &&
	    READ_ONCE(bus->state) != VMSG_BUS_SUSPENDED) {
		vmsg_count(bus, VMSG_C_RX_UNEXPECTED);
		return -ENOTCONN;
	}
	wire = READ_ONCE(bus->engine.wire);
	good = wire && !vmsg_pdu_get(wire, frame, len, &pdu);
	trace_vmsg_rx(bus, wire, good ? &pdu.hdr : NULL, frame, len,
		      good ? 0 : -EBADMSG, 0, 0);
	if (!good) {
		vmsg_count(bus, VMSG_C_RX_MALFORMED);
		return -EBADMSG;
	}
	atomic_inc(&bus->rx_count);
	if (vmsg_bus_misaddressed(wire, &pdu.hdr)) {
		vmsg_count(bus, VMSG_C_RX_MALFORMED);
		return -EBADMSG;
	}

	if (pdu.hdr.type & VIRTIO_MSG_TYPE_RESPONSE)
		return vmsg_engine_response(bus, &pdu, frame);
	if (vmsg_is_event(pdu.hdr.msg_id))
		return vmsg_bus_event(bus, wire, &pdu);
	if ((pdu.hdr.type & VIRTIO_MSG_TYPE_BUS) &&
	    pdu.hdr.msg_id == VIRTIO_MSG_BUS_PING) {
		if (vmsg_get_ping(wire, &pdu, &data)) {
			vmsg_count(bus, VMSG_C_RX_MALFORMED);
			return -EBADMSG;
		}
		vmsg_count(bus, VMSG_C_RX_REQUEST);
		vmsg_engine_pong(bus, pdu.hdr.xid, data);
		return 0;
	}
	vmsg_count(bus, VMSG_C_RX_UNEXPECTED);
	return -ENOENT;
}

/**
 * virtio_msg_rx() - one frame has come
 * @bus: the bus
 * @frame: the frame, in memory that the peer cannot write: the transport has
 *	copied it.  Not used after the return.
 * @len: its length, padding included, bytes
 *
 * Whatever the frame holds, at worst it is counted and dropped.  See wire.rst,
 * "Headers".
 *
 * Context: any.
 * Return: 0; -EBADMSG for a frame that is malformed; -ENOENT for a response,
 * event or request that nobody waits for or knows; -ENOTCONN when the link is
 * not up.  For transports that can tell their peer; others ignore it.
 */
int virtio_msg_rx(struct virtio_msg_bus *bus, const void *frame, size_t len)
{
	int ret;

	if (vmsg_fault_rx(bus, frame, len, &ret))
		return ret;
	return vmsg_bus_rx(bus, frame, len);
}
EXPORT_SYMBOL_GPL(virtio_msg_rx);

/**
 * virtio_msg_tx_space() - a transport that was full has room again
 * @bus: the bus
 *
 * Context: any.  Calls without need are harmless.
 */
void virtio_msg_tx_space(struct virtio_msg_bus *bus)
{
	vmsg_engine_space(bus);
}
EXPORT_SYMBOL_GPL(virtio_msg_tx_space);

/* The bus has moved to LOST: what follows from that. */
static void vmsg_bus_lost(struct virtio_msg_bus *bus, const char *why)
{
	vmsg_count(bus, VMSG_C_PEER_LOST);
	vmsg_bus_log(warn, bus, "peer lost: %s\n", why);
	vmsg_engine_close(bus, -ENOTCONN);
	vmsg_bus_queue(bus, VMSG_EV_LOST);
}

/**
 * virtio_msg_peer_up() - the link is up
 * @bus: the bus, registered
 * @link: what the bring-up has settled; copied
 *
 * Enumeration begins, in the background, once the devices of the previous peer
 * are gone.  The transport must be able to send and receive already.  While the
 * link is up already, it has been made anew: what was on it before is lost.
 *
 * Context: any.
 */
void virtio_msg_peer_up(struct virtio_msg_bus *bus,
			const struct virtio_msg_link *link)
{
	unsigned long flags;
	bool anew;

	KUNIT_STATIC_STUB_REDIRECT(virtio_msg_peer_up, bus, link);
	spin_lock_irqsave(&bus->lock, flags);
	/*
	 * A transport that comes up by itself may do so just before ops->lost()
	 * has it begin again: then this is the second time.
	 */
	anew = (bus->state == VMSG_BUS_RUNNING || bus->state == VMSG_BUS_SUSPENDED) &&
	       vmsg_bus_move(bus, VMSG_BUS_LOST);
	bus->next_link = *link;
	bus->link_valid = true;
	bus->link_seq++;
	/* Before the loss is noticed: who cleans up sees that there is a peer. */
	set_bit(VMSG_EV_UP, &bus->events);
	spin_unlock_irqrestore(&bus->lock, flags);
	if (anew)
		vmsg_bus_lost(bus, "its link was made anew");
	else
		queue_work(vmsg_wq, &bus->work);
}
EXPORT_SYMBOL_GPL(virtio_msg_peer_up);

/**
 * virtio_msg_peer_lost() - the peer is gone
 * @bus: the bus
 * @why: a string for the log
 *
 * Every transaction ends now with -ENOTCONN.  In the background the devices'
 * queued work is drained and they are removed; then ops->lost() is called.
 *
 * Context: any.
 */
void virtio_msg_peer_lost(struct virtio_msg_bus *bus, const char *why)
{
	unsigned long flags;
	bool lost;

	spin_lock_irqsave(&bus->lock, flags);
	clear_bit(VMSG_EV_UP, &bus->events);
	bus->link_valid = false;
	lost = vmsg_bus_move(bus, VMSG_BUS_LOST);
	spin_unlock_irqrestore(&bus->lock, flags);
	if (lost)
		vmsg_bus_lost(bus, why);
	else if (READ_ONCE(bus->state) == VMSG_BUS_WAITING)
		vmsg_bus_queue(bus, VMSG_EV_LOST);
}
EXPORT_SYMBOL_GPL(virtio_msg_peer_lost);

/**
 * virtio_msg_peer_away() - the peer is gone, a successor is expected
 * @bus: the bus
 * @why: a string for the log
 *
 * Every transaction ends now with -ENOTCONN.  Devices that can wait stay, with
 * their rings and buffers; the others are drained and removed.  Ended by
 * virtio_msg_peer_up(), or by virtio_msg_peer_lost() when the transport gives
 * up.  On a link without may_return this is virtio_msg_peer_lost().
 *
 * Context: any; virtio_msg_peer_up() is not called before this returns.
 */
void virtio_msg_peer_away(struct virtio_msg_bus *bus, const char *why)
{
	unsigned long flags;
	bool moved, away;

	spin_lock_irqsave(&bus->lock, flags);
	clear_bit(VMSG_EV_UP, &bus->events);
	bus->link_valid = false;
	moved = bus->link.may_return && vmsg_bus_move(bus, VMSG_BUS_AWAY);
	away = bus->state == VMSG_BUS_AWAY;
	spin_unlock_irqrestore(&bus->lock, flags);
	if (!away) {
		virtio_msg_peer_lost(bus, why);
		return;
	}
	/* A successor that goes before it was looked at changes nothing. */
	if (!moved)
		return;
	vmsg_count(bus, VMSG_C_PEER_AWAY);
	vmsg_bus_log(info, bus, "peer away: %s; its devices wait\n", why);
	vmsg_engine_close(bus, -ENOTCONN);
	vmsg_bus_queue(bus, VMSG_EV_AWAY);
}
EXPORT_SYMBOL_GPL(virtio_msg_peer_away);

/**
 * vmsg_bus_give_up() - no successor came, and none is waited for any more
 * @bus: the bus
 *
 * A successor that is up already, though nobody has looked at it yet, is in time.
 *
 * Context: any.
 */
void vmsg_bus_give_up(struct virtio_msg_bus *bus)
{
	unsigned long flags;
	bool lost;

	spin_lock_irqsave(&bus->lock, flags);
	lost = bus->state == VMSG_BUS_AWAY && !bus->link_valid &&
	       vmsg_bus_move(bus, VMSG_BUS_LOST);
	spin_unlock_irqrestore(&bus->lock, flags);
	if (lost)
		vmsg_bus_lost(bus, "no successor came in time");
}

/**
 * virtio_msg_rescan() - ask the peer again which devices it has
 * @bus: the bus
 *
 * Context: any; the scan runs in the background.
 */
void virtio_msg_rescan(struct virtio_msg_bus *bus)
{
	vmsg_bus_queue(bus, VMSG_EV_SCAN);
}
EXPORT_SYMBOL_GPL(virtio_msg_rescan);

/**
 * virtio_msg_bus_priv() - what the transport gave to virtio_msg_bus_alloc()
 * @bus: the bus
 *
 * Context: any.
 * Return: the pointer.
 */
void *virtio_msg_bus_priv(struct virtio_msg_bus *bus)
{
	return bus->priv;
}
EXPORT_SYMBOL_GPL(virtio_msg_bus_priv);

/**
 * virtio_msg_bus_dev() - the device that stands for a bus
 * @bus: the bus
 *
 * Context: any.
 * Return: the device, for log lines and sysfs; no reference is taken.
 */
struct device *virtio_msg_bus_dev(struct virtio_msg_bus *bus)
{
	return &bus->ctx.dev;
}
EXPORT_SYMBOL_GPL(virtio_msg_bus_dev);

/**
 * virtio_msg_wire_name() - a wire revision in a word
 * @wire: VIRTIO_MSG_WIRE_*
 *
 * Context: any.
 * Return: a string constant.
 */
const char *virtio_msg_wire_name(unsigned int wire)
{
	const struct vmsg_wire *w = vmsg_wire_by_rev(wire);

	return w ? w->name : "?";
}
EXPORT_SYMBOL_GPL(virtio_msg_wire_name);

/**
 * virtio_msg_wire_mask() - parse a list of wire revisions
 * @names: names with commas between, e.g. "xid32,v2"
 * @mask: receives BIT(VIRTIO_MSG_WIRE_*) of each
 *
 * Context: any.
 * Return: 0 or -EINVAL for an unknown name or an empty list.
 */
int virtio_msg_wire_mask(const char *names, u32 *mask)
{
	const struct vmsg_wire *w;
	char name[8];
	size_t len;
	u32 m = 0;

	while (*names) {
		len = strcspn(names, ",");
		if (!len || len >= sizeof(name))
			return -EINVAL;
		memcpy(name, names, len);
		name[len] = 0;
		w = vmsg_wire_by_name(name);
		if (!w)
			return -EINVAL;
		m |= BIT(w->rev);
		names += len;
		names += *names == ',';
	}
	if (!m)
		return -EINVAL;
	*mask = m;
	return 0;
}
EXPORT_SYMBOL_GPL(virtio_msg_wire_mask);

/* Life of a bus. */

static void vmsg_bus_release(struct device *dev)
{
	struct virtio_msg_bus *bus = container_of(dev, struct virtio_msg_bus,
						  ctx.dev);

	vmsg_engine_exit(bus);
	if (bus->probing)
		destroy_workqueue(bus->probing);
	if (bus->win)
		vmsg_window_destroy(bus->win);
	vmsg_share_destroy(bus->share);
	xa_destroy(&bus->slots);
	bitmap_free(bus->hot_ready);
	bitmap_free(bus->hot_removed);
	vmsg_fault_free(bus);
	ida_free(&vmsg_bus_ida, bus->id);
	kfree(bus);
	/* The code of this function was pinned since virtio_msg_bus_alloc(). */
	module_put(THIS_MODULE);
}

/**
 * virtio_msg_bus_alloc() - make a bus
 * @parent: the transport's device
 * @desc: the transport, constant data
 * @priv: the transport's own, see virtio_msg_bus_priv()
 *
 * Context: may sleep.
 * Return: the bus with one reference, or ERR_PTR(-ENOMEM).
 */
struct virtio_msg_bus *
virtio_msg_bus_alloc(struct device *parent,
		     const struct virtio_msg_transport_desc *desc, void *priv)
{
	struct virtio_msg_bus *bus;
	int id;

	bus = kzalloc_obj(*bus);
	if (!bus)
		return ERR_PTR(-ENOMEM);
	id = ida_alloc(&vmsg_bus_ida, GFP_KERNEL);
	if (id < 0) {
		kfree(bus);
		return ERR_PTR(id);
	}
	bus->id = id;
	bus->desc = desc;
	bus->priv = priv;
	spin_lock_init(&bus->lock);
	ratelimit_state_init(&bus->log, HZ, VMSG_LOG_BURST);
	/* No line that says how many there were not, either. */
	ratelimit_set_flags(&bus->log, RATELIMIT_MSG_ON_RELEASE);
	mutex_init(&bus->win_lock);
	xa_init(&bus->slots);
	if (desc->flags & VIRTIO_MSG_T_DMA)
		bus->dma_dev = parent;
	INIT_WORK(&bus->work, vmsg_bus_work);
	INIT_DELAYED_WORK(&bus->alive, vmsg_bus_alive_work);
	vmsg_recover_init(bus);
	vmsg_quirks_init(bus);
	vmsg_slot_init_bus(bus);
	vmsg_engine_init(bus);

	__module_get(THIS_MODULE);
	device_initialize(&bus->ctx.dev);
	bus->ctx.dev.parent = parent;
	bus->ctx.dev.release = vmsg_bus_release;
	bus->ctx.dev.class = &vmsg_class;
	/* From here on everything is freed by the release function. */
	bus->hot_ready = bitmap_zalloc(VMSG_MAX_DEVS, GFP_KERNEL);
	bus->hot_removed = bitmap_zalloc(VMSG_MAX_DEVS, GFP_KERNEL);
	bus->probing = alloc_workqueue("vmsg%d", WQ_UNBOUND, 0, id);
	if (!bus->hot_ready || !bus->hot_removed || !bus->probing ||
	    vmsg_fault_init(bus) ||
	    dev_set_name(&bus->ctx.dev, "virtio-msg%d", id)) {
		put_device(&bus->ctx.dev);
		return ERR_PTR(-ENOMEM);
	}
	return bus;
}
EXPORT_SYMBOL_GPL(virtio_msg_bus_alloc);

/**
 * virtio_msg_bus_put() - drop the reference of virtio_msg_bus_alloc()
 * @bus: the bus, not registered or unregistered
 *
 * Context: may sleep.
 */
void virtio_msg_bus_put(struct virtio_msg_bus *bus)
{
	put_device(&bus->ctx.dev);
}
EXPORT_SYMBOL_GPL(virtio_msg_bus_put);

static int vmsg_bus_check_dma(struct virtio_msg_bus *bus)
{
	int ret;

	if (!bus->dma_dev)
		return 0;
	if (WARN_ON_ONCE(!bus->desc->ops->cut || !bus->desc->ops->uncut))
		return -EINVAL;
	ret = vmsg_dma_check(bus->dma_dev, &bus->dma_physical);
	if (ret) {
		vmsg_bus_log(err, bus, "no DMA with addresses of %u bits: %d\n",
			     VMSG_DMA_BITS, ret);
		return ret;
	}
	bus->ctx.max_mapping = dma_max_mapping_size(bus->dma_dev);
	return vmsg_glue_init_bus(bus);
}

/**
 * virtio_msg_bus_register() - start a bus
 * @bus: the bus
 *
 * Calls ops->start(); devices appear once virtio_msg_peer_up() was called.
 *
 * Context: may sleep.
 * Return: 0 or a negative errno; on failure the reference is still the
 * caller's.
 */
int virtio_msg_bus_register(struct virtio_msg_bus *bus)
{
	int ret;

	ret = vmsg_bus_check_dma(bus);
	if (ret)
		return ret;
	bus->share = vmsg_share_create(bus, bus->desc);
	if (IS_ERR(bus->share)) {
		ret = PTR_ERR(bus->share);
		bus->share = NULL;
		return ret;
	}
	ret = device_add(&bus->ctx.dev);
	if (ret)
		return ret;
	vmsg_debugfs_add(bus);
	vmsg_bus_set_state(bus, VMSG_BUS_WAITING);
	ret = bus->desc->ops->start(bus);
	if (ret)
		goto err_device;
	return 0;

err_device:
	WRITE_ONCE(bus->stopping, true);
	disable_work_sync(&bus->work);
	disable_delayed_work_sync(&bus->giveup);
	cancel_delayed_work_sync(&bus->alive);
	vmsg_fault_exit(bus);
	vmsg_bus_set_state(bus, VMSG_BUS_STOPPED);
	vmsg_debugfs_remove(bus);
	device_del(&bus->ctx.dev);
	return ret;
}
EXPORT_SYMBOL_GPL(virtio_msg_bus_register);

/* The end of virtio_msg_bus_suspend(). */
static void vmsg_bus_unfreeze(struct virtio_msg_bus *bus)
{
	vmsg_devices_thaw(bus);
	WRITE_ONCE(bus->frozen, false);
	queue_work(vmsg_wq, &bus->work);
	/* What was wanted meanwhile. */
	vmsg_slots_queue(bus);
}

/**
 * virtio_msg_bus_suspend() - freeze the devices of a bus
 * @bus: the bus
 *
 * For the transport's dev_pm_ops.  Drivers delete their queues; the link stays
 * as it is, unless ops->suspend() does more.
 *
 * Context: may sleep.
 * Return: 0, or the errno of the driver that could not be frozen; the others
 * are thawed again then.
 */
int virtio_msg_bus_suspend(struct virtio_msg_bus *bus)
{
	int ret;

	/* Scans and hotplug wait; a probe that is under way comes to its end. */
	WRITE_ONCE(bus->frozen, true);
	/*
	 * Pairs with queue_work() in vmsg_slot_queue(): a work that is not counted in
	 * busy yet, and so not waited for, sees that the bus is frozen.
	 */
	smp_mb();
	/* A driver would wait for what a peer that is away has: it is failed now. */
	if (READ_ONCE(bus->state) == VMSG_BUS_AWAY)
		queue_work(vmsg_wq, &bus->work);
	flush_work(&bus->work);
	vmsg_slots_flush(bus);
	ret = vmsg_devices_freeze(bus);
	if (!ret && bus->desc->ops->suspend)
		ret = bus->desc->ops->suspend(bus);
	if (ret) {
		vmsg_bus_unfreeze(bus);
		return ret;
	}
	vmsg_bus_set_state(bus, VMSG_BUS_SUSPENDED);
	return 0;
}
EXPORT_SYMBOL_GPL(virtio_msg_bus_suspend);

/**
 * virtio_msg_bus_resume() - thaw the devices of a bus
 * @bus: the bus
 *
 * A peer that was lost while the system slept is dealt with as usual.  A device that
 * cannot be resumed is removed, when its driver is awake.
 *
 * Context: may sleep.
 * Return: 0, or the errno of ops->resume().
 */
int virtio_msg_bus_resume(struct virtio_msg_bus *bus)
{
	int ret = 0;

	/* A bus that had no peer when the system went to sleep has none now. */
	spin_lock_irq(&bus->lock);
	if (bus->state == VMSG_BUS_SUSPENDED)
		vmsg_bus_move(bus, VMSG_BUS_RUNNING);
	spin_unlock_irq(&bus->lock);
	if (bus->desc->ops->resume)
		ret = bus->desc->ops->resume(bus);
	vmsg_bus_unfreeze(bus);
	mod_delayed_work(vmsg_wq, &bus->alive, 0);
	return ret;
}
EXPORT_SYMBOL_GPL(virtio_msg_bus_resume);

/**
 * virtio_msg_bus_unregister() - end a bus
 * @bus: the bus, registered
 *
 * While the peer is alive its devices are reset by their drivers as usual;
 * else they are drained.  Then ops->stop() is called.  The caller's reference
 * stays.
 *
 * Context: may sleep; not from a callback of this bus.
 */
void virtio_msg_bus_unregister(struct virtio_msg_bus *bus)
{
	struct vmsg_slot *slot;
	unsigned long index;

	/*
	 * What was noted is done or dropped, and the work does not run again,
	 * not even for an interrupt that looked at @stopping before.
	 */
	WRITE_ONCE(bus->stopping, true);
	disable_work_sync(&bus->work);
	disable_delayed_work_sync(&bus->giveup);

	if (READ_ONCE(bus->state) != VMSG_BUS_RUNNING)
		vmsg_devices_fail(bus, true);
	/* No driver is removed while it sleeps. */
	if (READ_ONCE(bus->frozen))
		vmsg_devices_thaw(bus);
	WRITE_ONCE(bus->frozen, false);
	xa_for_each(&bus->slots, index, slot)
		vmsg_slot_want(slot, false, false);
	/*
	 * The peer may be lost while the devices go, and a driver may wait for
	 * its answer: the works end all the same, because vmsg_slots_flush()
	 * drains what has lost its peer.
	 */
	vmsg_slots_flush(bus);
	vmsg_bus_set_state(bus, VMSG_BUS_STOPPED);
	vmsg_engine_close(bus, -ESHUTDOWN);
	bus->desc->ops->stop(bus);
	vmsg_fault_exit(bus);
	/* Its readers look at the slots. */
	vmsg_debugfs_remove(bus);
	vmsg_slots_free(bus);
	cancel_delayed_work_sync(&bus->alive);
	cancel_delayed_work_sync(&bus->engine.reaper);
	cancel_work_sync(&bus->engine.pump_work);
	device_del(&bus->ctx.dev);
}
EXPORT_SYMBOL_GPL(virtio_msg_bus_unregister);
