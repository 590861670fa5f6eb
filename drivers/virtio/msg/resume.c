// SPDX-License-Identifier: GPL-2.0-only
/*
 * virtio-msg: devices that outlive their peer
 *
 * When a transport says that its peer went away and that a successor is
 * expected (virtio_msg_peer_away()), devices whose requests may be done twice
 * keep their queues and all that is in them; their drivers notice nothing but
 * that it takes longer.  A successor that vouches for state and write caches
 * gets the same features, queues and status as its predecessor had, and begins
 * each queue at the used index; track.c has arranged what stands there.
 *
 * All others are drained and removed at once, as after any other loss: where a
 * request may not be done twice, or where the driver's requests have made a
 * state that a successor does not know, going on would be a lie.
 *
 * vmsg_device.life_lock keeps the device's own driver from resetting or
 * removing it meanwhile; its requests go on, into the ring.
 */

#include <linux/slab.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_ring.h>
#include <uapi/linux/virtio_blk.h>
#include <uapi/linux/virtio_net.h>
#include <kunit/visibility.h>

#include "internal.h"
#include "trace.h"

/* For tests: a device type that counts as one that can go on. */
VISIBLE_IF_KUNIT u32 vmsg_resume_type;
EXPORT_SYMBOL_IF_KUNIT(vmsg_resume_type);

#define VMSG_RESUMES_NEVER	U64_MAX

/*
 * Device types whose requests may be done twice, and the features that make a
 * state in the device which is neither in its configuration nor in its queues.
 */
static const struct {
	u32 device;
	u64 not_with;
} vmsg_resumable[] = {
	/* The driver sets filters, and how many queues are in use. */
	{ VIRTIO_ID_NET, BIT_ULL(VIRTIO_NET_F_CTRL_VQ) },
	{ VIRTIO_ID_BLOCK, BIT_ULL(VIRTIO_BLK_F_ZONED) },
	{ VIRTIO_ID_RNG, 0 },
};

/* Features that keep a type from going on, or VMSG_RESUMES_NEVER. */
static u64 vmsg_resumes_not_with(u32 device_id)
{
	unsigned int i;

	if (vmsg_resume_type && device_id == vmsg_resume_type)
		return 0;
	for (i = 0; i < ARRAY_SIZE(vmsg_resumable); i++)
		if (vmsg_resumable[i].device == device_id)
			return vmsg_resumable[i].not_with;
	return VMSG_RESUMES_NEVER;
}

/**
 * vmsg_type_resumes() - is it a type of device that may wait for a successor?
 * @device_id: VIRTIO_ID_*
 *
 * Context: any.
 * Return: whether it is.
 */
bool vmsg_type_resumes(u32 device_id)
{
	return vmsg_resumes_not_with(device_id) != VMSG_RESUMES_NEVER;
}

static bool vmsg_device_can_wait(struct vmsg_device *vd)
{
	u64 not_with = vmsg_resumes_not_with(vd->info.device_id);

	/* It is to go, or to be replaced. */
	if (READ_ONCE(vd->slot->recycle) || !READ_ONCE(vd->slot->want))
		return false;
	if (!test_bit(VMSG_DEV_LIVE, &vd->flags) ||
	    test_bit(VMSG_DEV_DEAD, &vd->flags) ||
	    test_bit(VMSG_DEV_BROKEN, &vd->flags) || !vmsg_vqs_can_resume(vd))
		return false;
	return not_with != VMSG_RESUMES_NEVER && !(vd->accepted[0] & not_with);
}

/**
 * vmsg_devices_away() - let the devices that can wait do so; the others go
 * @bus: the bus, AWAY
 *
 * Context: may sleep; the bus work.
 */
void vmsg_devices_away(struct virtio_msg_bus *bus)
{
	struct vmsg_device *vd;
	struct vmsg_slot *slot;
	unsigned long index;
	bool waits;

	xa_for_each(&bus->slots, index, slot) {
		vd = vmsg_device_get(slot);
		waits = false;
		if (vd) {
			mutex_lock(&vd->life_lock);
			waits = vmsg_device_can_wait(vd);
			if (waits)
				set_bit(VMSG_DEV_AWAY, &vd->flags);
			mutex_unlock(&vd->life_lock);
			vmsg_device_put(vd);
		}
		/*
		 * Whatever there is, or is just being made, goes, even if the
		 * successor has one there before that is done.
		 */
		spin_lock_irq(&slot->lock);
		vmsg_slot_set_want(slot, slot->want && waits);
		WRITE_ONCE(slot->recycle, slot->recycle || !waits);
		spin_unlock_irq(&slot->lock);
	}
	/* Drained before they are removed: an error is better than none. */
	vmsg_devices_fail(bus, false);
	xa_for_each(&bus->slots, index, slot)
		if (!READ_ONCE(slot->want))
			vmsg_slot_want(slot, false, true);
}

/* Is it the same device, as far as its driver can tell? */
static int vmsg_resume_verify(struct vmsg_device *vd)
{
	struct vmsg_device_info info;
	unsigned int epoch;
	u64 features[2];
	int ret;

	ret = vmsg_read_info(vd->bus, vd->num, &info, &epoch);
	if (ret)
		return ret;
	if (memcmp(&info, &vd->info, sizeof(info)))
		return -ESTALE;
	ret = vmsg_read_features(vd, features);
	if (!ret && (vd->accepted[0] & ~features[0] || vd->accepted[1] & ~features[1]))
		ret = -ESTALE;
	return ret;
}

static int vmsg_resume_status(struct vmsg_device *vd, u32 status)
{
	u32 now;
	int ret;

	ret = vmsg_write_status(vd, status, &now);
	if (!ret && now != status)
		ret = -ESTALE;
	return ret;
}

/* All that a driver and the virtio core did, once more. */
static int vmsg_resume_setup(struct vmsg_device *vd)
{
	u32 status = VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER;
	int ret;

	lockdep_assert_held(&vd->life_lock);
	ret = vmsg_wait_for_reset(vd);
	ret = ret ?: vmsg_resume_status(vd, status);
	ret = ret ?: vmsg_send_features(vd);
	status |= VIRTIO_CONFIG_S_FEATURES_OK;
	ret = ret ?: vmsg_resume_status(vd, status);
	ret = ret ?: vmsg_config_verify(vd);
	ret = ret ?: vmsg_vqs_resume(vd);
	status |= VIRTIO_CONFIG_S_DRIVER_OK;
	ret = ret ?: vmsg_resume_status(vd, status);
	if (!ret)
		WRITE_ONCE(vd->status, status);
	return ret;
}

static void vmsg_device_resume(struct vmsg_device *vd)
{
	struct virtio_msg_bus *bus = vd->bus;
	int ret = -ESTALE;

	mutex_lock(&vd->life_lock);
	WRITE_ONCE(vd->epoch, READ_ONCE(bus->engine.epoch));
	/* Its driver has reset it in the meantime: it is on its way out. */
	if (!test_bit(VMSG_DEV_LIVE, &vd->flags)) {
		clear_bit(VMSG_DEV_AWAY, &vd->flags);
		mutex_unlock(&vd->life_lock);
		return;
	}
	if (vmsg_device_can_wait(vd))
		ret = vmsg_resume_verify(vd) ?: vmsg_resume_setup(vd);
	if (!ret)
		clear_bit(VMSG_DEV_AWAY, &vd->flags);
	mutex_unlock(&vd->life_lock);

	if (!ret) {
		vmsg_count(bus, VMSG_C_RESUMED);
		/*
		 * Pairs with the barrier before the driver's notify callback: who
		 * found the bit set has published its buffers before this kick.
		 */
		smp_mb__after_atomic();
		vmsg_vqs_go(vd);
		return;
	}
	/* The successor is gone, too: for the next one. */
	if (READ_ONCE(bus->state) == VMSG_BUS_AWAY)
		return;
	vmsg_device_broken(vd, "it cannot go on where its predecessor stopped");
}

/**
 * vmsg_devices_resume() - give a successor the devices that wait
 * @bus: the bus, its link up again
 *
 * Those that it does not have, or has otherwise, are drained and removed.
 *
 * Context: may sleep; the bus work.
 */
void vmsg_devices_resume(struct virtio_msg_bus *bus)
{
	struct vmsg_device *vd;
	struct vmsg_slot *slot;
	unsigned long index;

	xa_for_each(&bus->slots, index, slot) {
		vd = vmsg_device_get(slot);
		if (!vd)
			continue;
		/* Unregister drains them: a slow successor keeps nobody here. */
		if (test_bit(VMSG_DEV_AWAY, &vd->flags) && !READ_ONCE(bus->stopping))
			vmsg_device_resume(vd);
		vmsg_device_put(vd);
	}
}

/* How long they wait. */

static void vmsg_recover_work(struct work_struct *work)
{
	struct virtio_msg_bus *bus = container_of(to_delayed_work(work),
						  struct virtio_msg_bus, giveup);
	unsigned int s = READ_ONCE(bus->recover_s);
	unsigned long now = jiffies, until;

	if (READ_ONCE(bus->state) != VMSG_BUS_AWAY || s == VMSG_RECOVER_NEVER)
		return;
	/* It may have been away before, or been given more time. */
	until = READ_ONCE(bus->away_since) + s * HZ;
	if (time_before(now, until))
		queue_delayed_work(vmsg_wq, &bus->giveup, until - now);
	else
		vmsg_bus_give_up(bus);
}

/**
 * vmsg_recover_init() - the part of a new bus
 * @bus: the bus
 *
 * Context: any.
 */
void vmsg_recover_init(struct virtio_msg_bus *bus)
{
	INIT_DELAYED_WORK(&bus->giveup, vmsg_recover_work);
	bus->recover_s = min(READ_ONCE(vmsg_recover_s), VMSG_RECOVER_MAX);
}

/**
 * vmsg_recover_set() - how long devices wait for a successor
 * @bus: the bus
 * @s: seconds, at most VMSG_RECOVER_MAX; 0: not at all; or VMSG_RECOVER_NEVER
 *
 * Holds for those that wait now, too.
 *
 * Context: any.
 */
void vmsg_recover_set(struct virtio_msg_bus *bus, unsigned int s)
{
	WRITE_ONCE(bus->recover_s, s);
	mod_delayed_work(vmsg_wq, &bus->giveup, 0);
}
EXPORT_SYMBOL_IF_KUNIT(vmsg_recover_set);

/**
 * vmsg_recover_begin() - the peer is gone: let devices wait, if they are to
 * @bus: the bus
 * @why: a string for the log
 *
 * virtio_msg_peer_away() with an end to it, or virtio_msg_peer_lost().
 *
 * Context: any; virtio_msg_peer_up() is not called before this returns.
 * Return: true if the bus is AWAY now: a successor may come up any time.
 */
bool vmsg_recover_begin(struct virtio_msg_bus *bus, const char *why)
{
	if (!READ_ONCE(bus->recover_s)) {
		virtio_msg_peer_lost(bus, why);
		return false;
	}
	/* A successor that goes again has no more time than its predecessor. */
	if (READ_ONCE(bus->state) != VMSG_BUS_AWAY)
		WRITE_ONCE(bus->away_since, jiffies);
	virtio_msg_peer_away(bus, why);
	if (READ_ONCE(bus->state) != VMSG_BUS_AWAY)
		return false;
	queue_delayed_work(vmsg_wq, &bus->giveup, 0);
	return true;
}
EXPORT_SYMBOL_IF_KUNIT(vmsg_recover_begin);
