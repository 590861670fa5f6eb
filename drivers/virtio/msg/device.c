// SPDX-License-Identifier: GPL-2.0-only
/*
 * virtio-msg devices: found, registered, failed, removed
 *
 * A slot stands for a device number and says what is wanted there; its work
 * compares that with what is registered and acts.  One work per slot means
 * that probes of different devices overlap while one device's life stays in
 * order.  A struct vmsg_device is one incarnation: what comes back after a loss
 * is a new one.
 *
 * A device that lost its peer is failed before it is removed: its driver may
 * be waiting for buffers, maybe inside its probe function, and would wait for
 * ever.  See locking.rst, "Draining".
 */

#include <linux/delay.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/wait.h>
#include <kunit/visibility.h>

#include "internal.h"
#include "trace.h"

/* A device that breaks more often than this without a minute of peace stays away. */
#define VMSG_MAX_FAILURES	5
#define VMSG_PEACE		(60 * HZ)

/*
 * How long drivers may take to collect what was drained before their queues are
 * broken all the same; and how long none of them may collect anything: one that
 * keeps its buffers until it is closed (virtio_console) never does.
 * Milliseconds.
 */
#define VMSG_DRAIN_MS		2000
#define VMSG_DRAIN_STALL_MS	500

/*
 * Then they are drained again, after this and ever longer times: what keeps them from
 * collecting may be a peer that writes over their rings all the time.  Milliseconds.
 */
#define VMSG_REDRAIN_MS		100U
#define VMSG_REDRAIN_MAX_MS	3000U

/* How long a broken device may take to let go, when it is told to.  Milliseconds. */
#define VMSG_QUIET_MS		1000

/* How long a device of before may take to reset before its peer is given up again. */
#define VMSG_RESET_MS		5000

/*
 * How long the devices of a bus that ends may take to finish their work and be
 * removed, though their peer is alive, before they are drained.  Milliseconds.
 */
#define VMSG_FLUSH_MS		30000

static void vmsg_device_free(struct kref *ref)
{
	struct vmsg_device *vd = container_of(ref, struct vmsg_device, ref);

	put_device(&vd->bus->ctx.dev);
	kfree(vd->cfg);
	kfree_rcu(vd, rcu);
}

/**
 * vmsg_device_put() - drop a reference
 * @vd: the device
 *
 * Context: may sleep.
 */
void vmsg_device_put(struct vmsg_device *vd)
{
	kref_put(&vd->ref, vmsg_device_free);
}
EXPORT_SYMBOL_IF_KUNIT(vmsg_device_put);

/**
 * vmsg_device_get() - the device that is registered in a slot
 * @slot: the slot
 *
 * Context: any.
 * Return: the device with a reference, or NULL.
 */
struct vmsg_device *vmsg_device_get(struct vmsg_slot *slot)
{
	struct vmsg_device *vd;
	unsigned long flags;

	spin_lock_irqsave(&slot->lock, flags);
	vd = rcu_dereference_protected(slot->vd, lockdep_is_held(&slot->lock));
	if (vd)
		kref_get(&vd->ref);
	spin_unlock_irqrestore(&slot->lock, flags);
	return vd;
}
EXPORT_SYMBOL_IF_KUNIT(vmsg_device_get);

/* From struct device: the virtio core has let go. */
static void vmsg_device_release(struct device *dev)
{
	vmsg_device_put(to_vmsg_device(dev_to_virtio(dev)));
}

/**
 * vmsg_device_xfer() - make a transaction with a device
 * @vd: the device
 *
 * Context: may sleep.
 * Return: the transaction, or NULL if the device is dead, there is no link, or
 * no memory.
 */
struct vmsg_xfer *vmsg_device_xfer(struct vmsg_device *vd)
{
	struct vmsg_xfer *x;

	if (test_bit(VMSG_DEV_DEAD, &vd->flags))
		return NULL;
	x = vmsg_xfer_alloc(vd->bus, GFP_KERNEL);
	/* A link that came up since belongs to another incarnation. */
	if (x && x->epoch != READ_ONCE(vd->epoch)) {
		vmsg_xfer_put(x);
		return NULL;
	}
	if (x)
		atomic64_inc(&vd->messages);
	return x;
}

/**
 * vmsg_read_info() - GET_DEVICE_INFO
 * @bus: the bus
 * @num: device number
 * @info: receives what the device says
 * @epoch: receives the link on which it said so
 *
 * Context: may sleep.
 * Return: 0; -ENODEV where there is no device; the errno of the transaction.
 */
int vmsg_read_info(struct virtio_msg_bus *bus, u16 num,
		   struct vmsg_device_info *info, unsigned int *epoch)
{
	struct vmsg_xfer *x = vmsg_xfer_alloc(bus, GFP_KERNEL);
	int ret;

	if (!x)
		return -ENOTCONN;
	*epoch = x->epoch;
	ret = vmsg_xfer_call(x, vmsg_req_device_info(x->wire, x->req, x->cap, num));
	if (!ret)
		ret = vmsg_get_device_info(x->wire, &x->pdu, info);
	vmsg_xfer_put(x);
	return ret;
}

/**
 * vmsg_read_features() - GET_DEVICE_FEATURES
 * @vd: the device
 * @features: receives 128 bits, read in as few messages as the bus allows
 *
 * Context: may sleep.
 * Return: 0 or the errno of the transaction.
 */
int vmsg_read_features(struct vmsg_device *vd, u64 features[2])
{
	u32 total = min(vd->info.num_feature_blocks, 4U), done = 0, chunk;
	u32 blocks[4] = {};
	struct vmsg_xfer *x;
	int ret = 0;

	while (done < total && !ret) {
		x = vmsg_device_xfer(vd);
		if (!x)
			return -ENOTCONN;
		chunk = min(total - done,
			    max(vmsg_wire_feature_chunk(x->wire, x->cap), 1U));
		ret = vmsg_xfer_call(x, vmsg_req_get_features(x->wire, x->req,
							      x->cap, vd->num,
							      done, chunk));
		if (!ret) {
			ret = vmsg_get_features(x->wire, &x->pdu, done, chunk,
						blocks + done);
			ret = min(ret, 0);
		}
		done += chunk;
		vmsg_xfer_put(x);
	}
	features[0] = blocks[0] | (u64)blocks[1] << 32;
	features[1] = blocks[2] | (u64)blocks[3] << 32;
	return ret;
}

static void vmsg_config_later(struct work_struct *work)
{
	struct vmsg_device *vd = container_of(to_delayed_work(work),
					      struct vmsg_device, cfg_work);

	vmsg_config_invalidate(vd);
	if (test_bit(VMSG_DEV_READY, &vd->flags))
		virtio_config_changed(&vd->vdev);
}

/* A driver may wait for its buffers, so the attempts to return them never end. */
static void vmsg_drain_later(struct work_struct *work)
{
	struct vmsg_device *vd = container_of(to_delayed_work(work),
					      struct vmsg_device, drain_work);
	unsigned int left = vmsg_vqs_drain(vd, true);

	vmsg_vqs_break(vd);
	if (!left && vmsg_vqs_sure(vd))
		return;
	vd->drain_ms = min(2 * vd->drain_ms, VMSG_REDRAIN_MAX_MS);
	queue_delayed_work(vmsg_wq, &vd->drain_work, msecs_to_jiffies(vd->drain_ms));
}

static struct vmsg_device *vmsg_device_new(struct vmsg_slot *slot,
					   const struct vmsg_device_info *info,
					   unsigned int epoch)
{
	struct vmsg_device *vd = vmsg_alloc(slot->bus, kzalloc_obj(*vd));

	if (!vd)
		return NULL;
	kref_init(&vd->ref);
	INIT_LIST_HEAD(&vd->failing);
	mutex_init(&vd->life_lock);
	mutex_init(&vd->vq_lock);
	mutex_init(&vd->cfg_lock);
	INIT_DELAYED_WORK(&vd->cfg_work, vmsg_config_later);
	INIT_DELAYED_WORK(&vd->drain_work, vmsg_drain_later);
	vd->drain_ms = VMSG_REDRAIN_MS;
	vd->slot = slot;
	vd->bus = slot->bus;
	get_device(&vd->bus->ctx.dev);
	vd->num = slot->num;
	vd->info = *info;
	vd->epoch = epoch;
	vd->vdev.id.device = info->device_id;
	vd->vdev.id.vendor = info->vendor_id;
	vd->vdev.config = &vmsg_config_ops;
	vd->vdev.dev.parent = &vd->bus->ctx.dev;
	vd->vdev.dev.release = vmsg_device_release;
	vmsg_wctx_init_limits(&vd->limits, vd->bus->win,
			      vd->bus->ctx.max_mapping);
	vmsg_device_mute(vd);
	vmsg_glue_init_vdev(vd);
	return vd;
}

static void vmsg_slot_set_device(struct vmsg_slot *slot, struct vmsg_device *vd)
{
	spin_lock_irq(&slot->lock);
	rcu_assign_pointer(slot->vd, vd);
	spin_unlock_irq(&slot->lock);
}

/* The last steps of a device, however it ended. */
static void vmsg_device_gone(struct vmsg_slot *slot, struct vmsg_device *vd)
{
	clear_bit(VMSG_DEV_READY, &vd->flags);
	vmsg_slot_set_device(slot, NULL);
	/* Events that found the device through the slot have come to their end. */
	synchronize_rcu();
	cancel_delayed_work_sync(&vd->cfg_work);
	disable_delayed_work_sync(&vd->drain_work);
	vmsg_device_put(vd);
}

static int vmsg_device_add(struct vmsg_slot *slot)
{
	struct virtio_msg_bus *bus = slot->bus;
	struct vmsg_device_info info;
	struct vmsg_device *vd;
	unsigned int epoch;
	int ret;

	ret = vmsg_read_info(bus, slot->num, &info, &epoch);
	if (ret)
		return ret;
	vd = vmsg_device_new(slot, &info, epoch);
	if (!vd)
		return -ENOMEM;
	ret = vmsg_read_features(vd, vd->features);
	if (ret) {
		vmsg_device_put(vd);
		return ret;
	}

	/* Before the registration: its driver's probe wants its used events. */
	vmsg_slot_set_device(slot, vd);
	kref_get(&vd->ref);	/* dropped by vmsg_device_release() */
	ret = register_virtio_device(&vd->vdev);
	if (ret) {
		put_device(&vd->vdev.dev);
		vmsg_device_gone(slot, vd);
	}
	return ret;
}

static void vmsg_device_remove(struct vmsg_slot *slot, struct vmsg_device *vd)
{
	unregister_virtio_device(&vd->vdev);
	vmsg_device_gone(slot, vd);
}

static bool vmsg_device_is_same(struct vmsg_slot *slot, struct vmsg_device *vd)
{
	struct vmsg_device_info info;
	unsigned int epoch;

	/* Unreadable is not different: a loss is found by other means. */
	if (vmsg_read_info(slot->bus, slot->num, &info, &epoch))
		return true;
	/* Failed, or made for an earlier link: its driver cannot use it any more. */
	if (test_bit(VMSG_DEV_DEAD, &vd->flags) ||
	    (epoch != READ_ONCE(vd->epoch) && !test_bit(VMSG_DEV_AWAY, &vd->flags)))
		return false;
	return info.device_id == vd->info.device_id &&
	       !memcmp(info.uuid, vd->info.uuid, sizeof(info.uuid));
}

/**
 * vmsg_slot_set_want() - say whether there should be a device
 * @slot: the slot
 * @want: whether
 *
 * Context: any; the caller holds slot->lock.
 */
void vmsg_slot_set_want(struct vmsg_slot *slot, bool want)
{
	lockdep_assert_held(&slot->lock);
	if (slot->want != want)
		atomic_add(want ? 1 : -1, &slot->bus->wanted);
	/* Looked at without the lock, too. */
	WRITE_ONCE(slot->want, want);
}

enum vmsg_slot_action { VMSG_SLOT_IDLE, VMSG_SLOT_ADD, VMSG_SLOT_REMOVE,
			VMSG_SLOT_VERIFY };

/* Model: life.pml. */
static enum vmsg_slot_action vmsg_slot_next(struct vmsg_slot *slot,
					    struct vmsg_device **vd)
{
	enum vmsg_slot_action action = VMSG_SLOT_IDLE;

	/* Its driver sleeps, or is about to: whoever wakes it queues us again. */
	if (READ_ONCE(slot->bus->frozen))
		return VMSG_SLOT_IDLE;
	spin_lock_irq(&slot->lock);
	*vd = rcu_dereference_protected(slot->vd, lockdep_is_held(&slot->lock));
	if (*vd && (!slot->want || slot->recycle))
		action = VMSG_SLOT_REMOVE;
	else if (!*vd && slot->want)
		action = VMSG_SLOT_ADD;
	else if (*vd && slot->verify)
		action = VMSG_SLOT_VERIFY;
	slot->verify = false;
	if (action != VMSG_SLOT_REMOVE)
		WRITE_ONCE(slot->recycle, false);
	spin_unlock_irq(&slot->lock);
	return action;
}

/* Model: life.pml. */
static void vmsg_slot_work(struct work_struct *work)
{
	struct vmsg_slot *slot = container_of(work, struct vmsg_slot, work);
	struct virtio_msg_bus *bus = slot->bus;
	enum vmsg_slot_action action;
	struct vmsg_device *vd;
	int ret;

	while ((action = vmsg_slot_next(slot, &vd)) != VMSG_SLOT_IDLE) {
		switch (action) {
		case VMSG_SLOT_ADD:
			ret = vmsg_device_add(slot);
			if (!ret)
				break;
			if (ret != -ENODEV && ret != -ENOTCONN)
				vmsg_bus_log(err, bus,
					     "device %u cannot be added: %d\n",
					     slot->num, ret);
			/* Until the peer announces it again, maybe it just has. */
			spin_lock_irq(&slot->lock);
			if (!slot->verify)
				vmsg_slot_set_want(slot, false);
			spin_unlock_irq(&slot->lock);
			break;
		case VMSG_SLOT_REMOVE:
			vmsg_device_remove(slot, vd);
			spin_lock_irq(&slot->lock);
			WRITE_ONCE(slot->recycle, false);
			spin_unlock_irq(&slot->lock);
			break;
		default:
			if (vmsg_device_is_same(slot, vd))
				break;
			vmsg_bus_log(info, bus, "device %u is another one now\n",
				     slot->num);
			spin_lock_irq(&slot->lock);
			WRITE_ONCE(slot->recycle, true);
			spin_unlock_irq(&slot->lock);
			/* What the old one had under way nobody gives back else. */
			vmsg_bus_queue(bus, VMSG_EV_HOTPLUG);
			break;
		}
	}
	if (atomic_dec_and_test(&bus->busy))
		wake_up_all(&bus->idle);
}

/**
 * vmsg_slot_init_bus() - prepare a new bus for slots
 * @bus: the bus
 *
 * Context: any.
 */
void vmsg_slot_init_bus(struct virtio_msg_bus *bus)
{
	atomic_set(&bus->busy, 0);
	atomic_set(&bus->wanted, 0);
	atomic_set(&bus->served, 0);
	init_waitqueue_head(&bus->idle);
}

static unsigned int vmsg_bus_max_devices(const struct virtio_msg_bus *bus)
{
	unsigned int max = bus->link.max_devices;

	return max ? min(max, vmsg_max_devices) : vmsg_max_devices;
}

/**
 * vmsg_slot_get() - the slot of a device number, made when first asked for
 * @bus: the bus
 * @num: device number
 *
 * Context: the bus work; may sleep.
 * Return: the slot; ERR_PTR(-ENOSPC) beyond the module parameter max_devices or
 * what the link allows; ERR_PTR(-ENOMEM).
 */
struct vmsg_slot *vmsg_slot_get(struct virtio_msg_bus *bus, u16 num)
{
	struct vmsg_slot *slot = xa_load(&bus->slots, num);

	if (slot)
		return slot;
	if (bus->num_slots >= vmsg_bus_max_devices(bus))
		return ERR_PTR(-ENOSPC);
	slot = vmsg_alloc(bus, kzalloc_obj(*slot));
	if (!slot)
		return ERR_PTR(-ENOMEM);
	slot->bus = bus;
	slot->num = num;
	spin_lock_init(&slot->lock);
	INIT_WORK(&slot->work, vmsg_slot_work);
	if (xa_err(xa_store(&bus->slots, num, slot, GFP_KERNEL))) {
		kfree(slot);
		return ERR_PTR(-ENOMEM);
	}
	bus->num_slots++;
	return slot;
}

static void vmsg_slot_queue(struct vmsg_slot *slot)
{
	struct virtio_msg_bus *bus = slot->bus;

	atomic_inc(&bus->busy);
	if (!queue_work(bus->probing, &slot->work) &&
	    atomic_dec_and_test(&bus->busy))
		wake_up_all(&bus->idle);
}

/**
 * vmsg_slots_queue() - let the works of all slots look at what is wanted
 * @bus: the bus, not frozen any more
 *
 * Context: may sleep.
 */
void vmsg_slots_queue(struct virtio_msg_bus *bus)
{
	struct vmsg_slot *slot;
	unsigned long index;

	xa_for_each(&bus->slots, index, slot)
		vmsg_slot_queue(slot);
}

/**
 * vmsg_slot_want() - say what should be in a slot
 * @slot: the slot
 * @want: a device
 * @recycle: another one than is there now
 *
 * Model: life.pml.
 *
 * Context: any.
 */
void vmsg_slot_want(struct vmsg_slot *slot, bool want, bool recycle)
{
	unsigned long flags;

	spin_lock_irqsave(&slot->lock, flags);
	/* A new link, or none any more: what was is forgotten. */
	if (!want && !recycle)
		slot->failures = 0;
	/* What breaks again and again stays away, whatever the peer announces. */
	if (want && slot->failures > VMSG_MAX_FAILURES &&
	    time_before(jiffies, slot->last_failure + VMSG_PEACE))
		want = false;
	vmsg_slot_set_want(slot, want);
	slot->verify = want;
	WRITE_ONCE(slot->recycle, slot->recycle || recycle);
	spin_unlock_irqrestore(&slot->lock, flags);
	vmsg_slot_queue(slot);
}

/**
 * vmsg_slots_flush() - wait until every slot is as it is wanted
 * @bus: the bus
 *
 * On a bus that is frozen, or becomes so meanwhile, only until no work of a slot does
 * anything: then they are as they were.
 *
 * Where the peer is lost, what its devices hold is drained, so that no driver
 * keeps us waiting; and where it is alive but does not give back what it has,
 * the bus does not wait for ever when it is to end.
 *
 * Context: may sleep; not from a work of a slot.
 */
void vmsg_slots_flush(struct virtio_msg_bus *bus)
{
	unsigned long end = jiffies + msecs_to_jiffies(VMSG_FLUSH_MS);

	while (!wait_event_timeout(bus->idle, !atomic_read(&bus->busy), HZ / 10))
		if (READ_ONCE(bus->state) != VMSG_BUS_RUNNING ||
		    (READ_ONCE(bus->stopping) && time_after(jiffies, end)))
			vmsg_devices_fail(bus, true);
}

/**
 * vmsg_slots_free() - free the slots
 * @bus: the bus; all slots are empty, no event comes any more
 *
 * Context: may sleep.
 */
void vmsg_slots_free(struct virtio_msg_bus *bus)
{
	struct vmsg_slot *slot;
	unsigned long index;

	xa_for_each(&bus->slots, index, slot) {
		flush_work(&slot->work);
		xa_erase(&bus->slots, index);
		kfree(slot);
	}
	bus->num_slots = 0;
}

/* Failing: DEAD first, so that no queue is made any more; then the queues. */

/* The device to be failed, with a reference; never the one that comes after it. */
static struct vmsg_device *vmsg_slot_failing(struct vmsg_slot *slot, bool all)
{
	struct vmsg_device *vd = NULL;

	spin_lock_irq(&slot->lock);
	if (all || !slot->want || slot->recycle)
		vd = rcu_dereference_protected(slot->vd,
					       lockdep_is_held(&slot->lock));
	if (vd)
		kref_get(&vd->ref);
	spin_unlock_irq(&slot->lock);
	return vd;
}

/*
 * A broken device whose peer is alive may still use buffers, and two that write
 * one used ring confuse the driver.  It is told to reset; one that does not
 * answer in time, together with all others, is drained all the same.
 */
static struct vmsg_xfer *vmsg_device_quieten(struct vmsg_device *vd)
{
	struct vmsg_xfer *x = vmsg_device_xfer(vd);

	if (x && vmsg_xfer_submit(x, vmsg_req_set_status(x->wire, x->req, x->cap,
							 vd->num, 0))) {
		vmsg_xfer_put(x);
		return NULL;
	}
	return x;
}

/*
 * Returns true if it has answered, and is reset; where no DMA is in its hands, also if
 * its peer does not have it any more.
 */
static bool vmsg_device_wait_quiet(struct vmsg_device *vd, unsigned long until)
{
	unsigned long now = jiffies;
	bool quiet = false;
	u32 status;

	if (!vd->quiet)
		return false;
	if (!vmsg_xfer_wait_timeout(vd->quiet, time_after(until, now) ? until - now : 1))
		vmsg_xfer_cancel(vd->quiet);
	else if (vd->quiet->status == -ENODEV)
		quiet = !vd->bus->dma_dev;
	else
		quiet = !vd->quiet->status &&
			!vmsg_get_status(vd->quiet->wire, &vd->quiet->pdu, &status) &&
			!status;
	vmsg_xfer_put(vd->quiet);
	vd->quiet = NULL;
	return quiet;
}

/* Nobody but the transport can keep it from writing memory: the peer is given up. */
static void vmsg_device_cut(struct vmsg_device *vd, const char *why)
{
	struct virtio_msg_bus *bus = vd->bus;

	/* Before the bus can come up again, which resets what is owed. */
	WRITE_ONCE(vd->slot->owed, true);
	virtio_msg_peer_lost(bus, why);
	bus->desc->ops->cut(bus);
	set_bit(VMSG_DEV_QUIET, &vd->flags);
}

/**
 * vmsg_device_let_go() - a device did not reset: keep it from writing memory
 * @vd: the device
 *
 * Before a driver takes its buffers back.  If the device is being failed, it has
 * been told to reset once more, and what it has answered is known soon.  Without a
 * window one that has not is cut off.
 *
 * Context: may sleep.
 */
void vmsg_device_let_go(struct vmsg_device *vd)
{
	unsigned long end = jiffies + 2 * msecs_to_jiffies(VMSG_QUIET_MS);

	while (test_bit(VMSG_DEV_DEAD, &vd->flags) &&
	       !test_bit(VMSG_DEV_QUIET, &vd->flags) && time_before(jiffies, end))
		usleep_range(500, 1000);
	if (vd->bus->dma_dev && !test_bit(VMSG_DEV_QUIET, &vd->flags))
		vmsg_device_cut(vd, "a device does not reset");
}

/* As vmsg_wait_for_reset(), for a device that is not registered. */
static int vmsg_slot_reset(struct vmsg_slot *slot)
{
	unsigned long end = jiffies + msecs_to_jiffies(VMSG_RESET_MS);
	struct virtio_msg_bus *bus = slot->bus;
	struct vmsg_device_info info;
	unsigned int epoch;
	struct vmsg_xfer *x;
	u32 now;
	int ret;

	/* Who asks for the status of a device that is gone may get no answer. */
	ret = vmsg_read_info(bus, slot->num, &info, &epoch);
	if (ret)
		return ret == -ENODEV ? 0 : ret;
	do {
		x = vmsg_xfer_alloc(bus, GFP_KERNEL);
		if (!x)
			return -ENOTCONN;
		ret = vmsg_xfer_call(x, vmsg_req_set_status(x->wire, x->req, x->cap,
							    slot->num, 0));
		if (!ret)
			ret = vmsg_get_status(x->wire, &x->pdu, &now);
		vmsg_xfer_put(x);
		if (ret || !now)
			return ret;
		usleep_range(500, 1000);
	} while (time_before(jiffies, end));
	return -ETIMEDOUT;
}

/**
 * vmsg_devices_uncut() - let a peer that comes back reach memory again
 * @bus: the bus, its link up
 *
 * Not before every device that had buffers when it was cut off was reset: they
 * have been given back.
 *
 * Context: may sleep; the bus work.
 * Return: false if it may not, or not yet.  Then nothing is to be done with its
 * devices.
 */
bool vmsg_devices_uncut(struct virtio_msg_bus *bus)
{
	struct vmsg_slot *slot;
	unsigned long index;
	int ret;

	if (!bus->dma_dev)
		return true;
	xa_for_each(&bus->slots, index, slot) {
		/* A card that takes its time for each answer keeps nobody here. */
		if (READ_ONCE(bus->stopping))
			return false;
		/* Whoever cuts it off meanwhile sets it again. */
		if (!xchg(&slot->owed, false))
			continue;
		ret = vmsg_slot_reset(slot);
		if (ret) {
			WRITE_ONCE(slot->owed, true);
			if (ret != -ENOTCONN)
				vmsg_bus_log(err, bus, "device %u not reset: %d\n",
					     slot->num, ret);
			virtio_msg_peer_lost(bus, "a device of before does not reset");
			return false;
		}
	}
	return bus->desc->ops->uncut(bus);
}

/**
 * vmsg_devices_fail() - end the work that devices will never finish
 * @bus: the bus
 * @all: of all devices; else of those that are to be removed
 *
 * Every buffer that is out comes back to its driver as unwritten, which for a
 * block device is an I/O error; then the queues are broken.
 *
 * Model: life.pml.
 *
 * Context: may sleep; the bus work, or instead of it.
 */
void vmsg_devices_fail(struct virtio_msg_bus *bus, bool all)
{
	unsigned long deadline = jiffies + msecs_to_jiffies(VMSG_DRAIN_MS);
	unsigned long quiet = jiffies + msecs_to_jiffies(VMSG_QUIET_MS);
	unsigned long stalled = jiffies + msecs_to_jiffies(VMSG_DRAIN_STALL_MS);
	unsigned int left, before = 0;
	struct vmsg_device *vd, *tmp;
	struct vmsg_slot *slot;
	struct vmsg_xfer *x;
	unsigned long index;
	LIST_HEAD(failing);

	if (all && bus->dma_dev)
		bus->desc->ops->cut(bus);
	xa_for_each(&bus->slots, index, slot) {
		vd = vmsg_slot_failing(slot, all);
		if (!vd)
			continue;
		x = NULL;
		/* Before the bit, which ends all transactions with it. */
		if (!all && test_bit(VMSG_DEV_BROKEN, &vd->flags) &&
		    !test_bit(VMSG_DEV_DEAD, &vd->flags))
			x = vmsg_device_quieten(vd);
		if (all && bus->dma_dev)
			WRITE_ONCE(slot->owed, true);
		/* Whoever sets the bit fails the device, and has @quiet. */
		if (test_and_set_bit(VMSG_DEV_DEAD, &vd->flags)) {
			if (x) {
				vmsg_xfer_cancel(x);
				vmsg_xfer_put(x);
			}
			vmsg_device_put(vd);
			continue;
		}
		vd->quiet = x;
		/* A living peer that takes a sound device away is done with it. */
		vmsg_vqs_condemn(vd, !all && !test_bit(VMSG_DEV_BROKEN, &vd->flags) &&
				 READ_ONCE(bus->state) == VMSG_BUS_RUNNING);
		list_add_tail(&vd->failing, &failing);
	}
	if (list_empty(&failing))
		return;
	/*
	 * Whoever was mapping a buffer when its queue was condemned has done so
	 * after this, and no other follows.  Most have a lock of their driver,
	 * with preemption off: then the buffer is in the ring.  Others may need
	 * longer for that; see vmsg_track_adding().
	 */
	synchronize_rcu();
	list_for_each_entry(vd, &failing, failing) {
		if (vmsg_device_wait_quiet(vd, quiet))
			vmsg_vqs_condemn(vd, true);
		else if (!all && bus->dma_dev && test_bit(VMSG_DEV_BROKEN, &vd->flags))
			vmsg_device_cut(vd, "a broken device does not reset");
		set_bit(VMSG_DEV_QUIET, &vd->flags);
	}
	do {
		left = 0;
		list_for_each_entry(vd, &failing, failing)
			left += vmsg_vqs_drain(vd, false);
		if (left != before)
			stalled = jiffies + msecs_to_jiffies(VMSG_DRAIN_STALL_MS);
		before = left;
		if (left)
			usleep_range(500, 1000);
	} while (left && time_before(jiffies, deadline) &&
		 time_before(jiffies, stalled));

	list_for_each_entry_safe(vd, tmp, &failing, failing) {
		vmsg_vqs_break(vd);
		if (left || !vmsg_vqs_sure(vd))
			queue_delayed_work(vmsg_wq, &vd->drain_work,
					   msecs_to_jiffies(VMSG_REDRAIN_MS));
		list_del_init(&vd->failing);
		vmsg_device_put(vd);
	}
}

/**
 * vmsg_device_broken() - a device behaves so that it cannot be used any more
 * @vd: the device
 * @why: for the log
 *
 * It is failed, removed and, unless this happens too often, registered anew.
 * Other devices are not touched.
 *
 * Model: life.pml.
 *
 * Context: any.
 */
void vmsg_device_broken(struct vmsg_device *vd, const char *why)
{
	struct vmsg_slot *slot = vd->slot;
	unsigned long flags;
	bool again;

	if (test_and_set_bit(VMSG_DEV_BROKEN, &vd->flags) ||
	    test_bit(VMSG_DEV_DEAD, &vd->flags))
		return;
	vmsg_count(vd->bus, VMSG_C_BROKEN);
	spin_lock_irqsave(&slot->lock, flags);
	if (time_after(jiffies, slot->last_failure + VMSG_PEACE))
		slot->failures = 0;
	slot->last_failure = jiffies;
	again = ++slot->failures <= VMSG_MAX_FAILURES;
	vmsg_slot_set_want(slot, slot->want && again);
	WRITE_ONCE(slot->recycle, true);
	spin_unlock_irqrestore(&slot->lock, flags);
	vmsg_bus_log(err, vd->bus, "device %u is broken: %s%s\n", vd->num, why,
		     again ? "" : "; giving it up");
	vmsg_bus_queue(vd->bus, VMSG_EV_HOTPLUG);
	vmsg_slot_queue(slot);
}

/* Events of the device side.  Any context. */

static struct vmsg_device *vmsg_device_lookup(struct virtio_msg_bus *bus, u16 num)
{
	struct vmsg_slot *slot = xa_load(&bus->slots, num);

	return slot ? rcu_dereference(slot->vd) : NULL;
}

static void vmsg_device_used(struct virtio_msg_bus *bus, u16 dev_num, u16 vq,
			     bool all, bool message)
{
	struct vmsg_device *vd;

	rcu_read_lock();
	vd = vmsg_device_lookup(bus, dev_num);
	if (vd && test_bit(VMSG_DEV_LIVE, &vd->flags) &&
	    !test_bit(VMSG_DEV_DEAD, &vd->flags)) {
		trace_vmsg_used(bus, dev_num, vq, message);
		vmsg_count(bus, VMSG_C_USED);
		atomic64_inc(&vd->used);
		vmsg_vqs_used(vd, vq, all);
	} else {
		vmsg_count(bus, VMSG_C_RX_STALE_EVENT);
	}
	rcu_read_unlock();
}

/**
 * virtio_msg_rx_used() - the device side has used buffers
 * @bus: the bus
 * @dev_num: device number, unchecked
 * @vq: queue number, unchecked
 * @all: any queue from @vq on may have used buffers
 *
 * Events for devices and queues that are not in use are counted and dropped.
 * The driver's callback runs before the return.
 *
 * Context: any; no lock of the caller's may be held.
 */
void virtio_msg_rx_used(struct virtio_msg_bus *bus, u16 dev_num, u16 vq, bool all)
{
	vmsg_device_used(bus, dev_num, vq, all, false);
}
EXPORT_SYMBOL_GPL(virtio_msg_rx_used);

/**
 * virtio_msg_rx_overrun() - messages from the device side may have been lost
 * @bus: the bus
 *
 * For a link whose device side drops what does not fit.  Whatever a lost event
 * would have said is looked up: the queues, and the configurations.  A response
 * that was lost is waited for until its request times out.
 *
 * Context: any; no lock of the caller's may be held.
 */
void virtio_msg_rx_overrun(struct virtio_msg_bus *bus)
{
	struct vmsg_device *vd;
	struct vmsg_slot *slot;
	unsigned long index;

	vmsg_count(bus, VMSG_C_RX_OVERRUN);
	xa_for_each(&bus->slots, index, slot) {
		rcu_read_lock();
		vd = rcu_dereference(slot->vd);
		if (vd && test_bit(VMSG_DEV_LIVE, &vd->flags) &&
		    !test_bit(VMSG_DEV_DEAD, &vd->flags)) {
			vmsg_vqs_used(vd, 0, true);
			if (test_bit(VMSG_DEV_READY, &vd->flags))
				queue_delayed_work(vmsg_wq, &vd->cfg_work,
						   msecs_to_jiffies(VMSG_CONFIG_QUIET_MS));
		}
		rcu_read_unlock();
	}
}
EXPORT_SYMBOL_GPL(virtio_msg_rx_overrun);

/**
 * vmsg_device_event_used() - EVENT_USED has come
 * @bus: the bus
 * @wire: revision of the message
 * @pdu: the message
 *
 * Context: any.
 * Return: 0 or -EBADMSG.
 */
int vmsg_device_event_used(struct virtio_msg_bus *bus, const struct vmsg_wire *wire,
			   const struct vmsg_pdu *pdu)
{
	u32 vq;

	if (vmsg_get_event_used(wire, pdu, &vq) || vq >= VMSG_MAX_VQS) {
		vmsg_count(bus, VMSG_C_RX_MALFORMED);
		return -EBADMSG;
	}
	vmsg_device_used(bus, pdu->hdr.dev_num, vq, false, true);
	return 0;
}

static void vmsg_device_config_event(struct vmsg_device *vd, u32 status)
{
	unsigned long quiet = msecs_to_jiffies(VMSG_CONFIG_QUIET_MS);
	unsigned long now = jiffies;

	if (status & VIRTIO_CONFIG_S_NEEDS_RESET) {
		vmsg_device_broken(vd, "it asks for a reset");
		return;
	}
	if (time_before(now, READ_ONCE(vd->cfg_last) + quiet)) {
		/* A storm: one more announcement after it will do. */
		vmsg_count(vd->bus, VMSG_C_CONFIG_COALESCED);
		queue_delayed_work(vmsg_wq, &vd->cfg_work, quiet);
		return;
	}
	WRITE_ONCE(vd->cfg_last, now);
	vmsg_count(vd->bus, VMSG_C_CONFIG_CHANGE);
	vmsg_config_invalidate(vd);
	virtio_config_changed(&vd->vdev);
}

/**
 * vmsg_device_event_config() - EVENT_CONFIG has come
 * @bus: the bus
 * @wire: revision of the message
 * @pdu: the message
 *
 * Data in the event is not used: it may be torn; the configuration is read
 * anew when the driver asks.
 *
 * Context: any.
 * Return: 0 or -EBADMSG.
 */
int vmsg_device_event_config(struct virtio_msg_bus *bus, const struct vmsg_wire *wire,
			     const struct vmsg_pdu *pdu)
{
	struct vmsg_device *vd;
	u32 status, generation;

	if (vmsg_get_event_config(wire, pdu, &status, &generation)) {
		vmsg_count(bus, VMSG_C_RX_MALFORMED);
		return -EBADMSG;
	}
	rcu_read_lock();
	vd = vmsg_device_lookup(bus, pdu->hdr.dev_num);
	if (vd && test_bit(VMSG_DEV_READY, &vd->flags) &&
	    !test_bit(VMSG_DEV_DEAD, &vd->flags))
		vmsg_device_config_event(vd, status);
	else
		vmsg_count(bus, VMSG_C_RX_STALE_EVENT);
	rcu_read_unlock();
	return 0;
}

/* System sleep. */

#ifdef CONFIG_PM_SLEEP
static int vmsg_device_freeze(struct vmsg_device *vd)
{
	return virtio_device_freeze(&vd->vdev);
}

static int vmsg_device_thaw(struct vmsg_device *vd)
{
	return virtio_device_restore(&vd->vdev);
}
#else
static int vmsg_device_freeze(struct vmsg_device *vd)
{
	return 0;
}

static int vmsg_device_thaw(struct vmsg_device *vd)
{
	return 0;
}
#endif

/**
 * vmsg_devices_freeze() - let every driver prepare for system sleep
 * @bus: the bus, without works under way
 *
 * Context: may sleep.
 * Return: 0 or the errno of the first driver that could not.
 */
int vmsg_devices_freeze(struct virtio_msg_bus *bus)
{
	struct vmsg_device *vd;
	struct vmsg_slot *slot;
	unsigned long index;
	int ret = 0;

	xa_for_each(&bus->slots, index, slot) {
		vd = vmsg_device_get(slot);
		if (!vd)
			continue;
		ret = vmsg_device_freeze(vd);
		if (!ret)
			set_bit(VMSG_DEV_FROZEN, &vd->flags);
		vmsg_device_put(vd);
		if (ret)
			break;
	}
	return ret;
}

/*
 * Nobody is there to be resumed.  But to remove a driver that was frozen frees once more
 * what it has freed, and waits for what it has stopped.  So it is restored all the same,
 * against nobody: every status is taken, its queues are broken.  Then it is removed.
 */
static void vmsg_device_husk(struct vmsg_device *vd)
{
	struct vmsg_slot *slot = vd->slot;
	int ret;

	set_bit(VMSG_DEV_HUSK, &vd->flags);
	ret = vmsg_device_thaw(vd);
	if (ret)
		vmsg_dev_log(err, vd, "its driver cannot be restored: %d\n", ret);
	/* Of those that could not bear it before. */
	vmsg_vqs_condemn(vd, true);
	vmsg_vqs_break(vd);
	vmsg_device_broken(vd, "not resumed");
	/* That says nothing of one that was dead before. */
	spin_lock_irq(&slot->lock);
	WRITE_ONCE(slot->recycle, true);
	spin_unlock_irq(&slot->lock);
}

/**
 * vmsg_devices_thaw() - undo vmsg_devices_freeze()
 * @bus: the bus, still frozen
 *
 * A device that cannot be resumed is removed when the bus is not frozen any more.
 *
 * Context: may sleep.
 */
void vmsg_devices_thaw(struct virtio_msg_bus *bus)
{
	struct vmsg_device *vd;
	struct vmsg_slot *slot;
	unsigned long index;
	int ret;

	xa_for_each(&bus->slots, index, slot) {
		vd = vmsg_device_get(slot);
		if (!vd)
			continue;
		if (test_bit(VMSG_DEV_FROZEN, &vd->flags)) {
			ret = vmsg_device_thaw(vd);
			if (ret) {
				vmsg_dev_log(err, vd, "not resumed: %d\n", ret);
				vmsg_device_husk(vd);
			}
			clear_bit(VMSG_DEV_FROZEN, &vd->flags);
		}
		vmsg_device_put(vd);
	}
}
