// SPDX-License-Identifier: GPL-2.0-only
/*
 * virtio-msg: faults on purpose
 *
 * For tests, by debugfs: in /sys/kernel/debug/virtio-msg/BUS/fault/KIND/ are
 * "probability" (of a thousand), "count" (how often at most; negative: always),
 * "skip" (how many chances are let go first) and "hits".  With probability 1000,
 * count 1 and skip N it is the one after the next N; so a test can have each
 * allocation fail in turn.
 *
 * What happens here happens between the core and the transport, and the core
 * must not be able to tell it from a bad transport or peer.
 */

#include <linux/debugfs.h>
#include <linux/random.h>
#include <linux/slab.h>
#include <kunit/visibility.h>

#include "internal.h"

/* A transport that is full has room again after this.  Milliseconds. */
#define VMSG_FAULT_FULL_MS	5

struct vmsg_late_frame {
	struct list_head node;
	unsigned long due;
	size_t len;
	u8 data[] __counted_by(len);
};

static const char * const vmsg_fault_names[VMSG_FAULT_KINDS] = {
	[VMSG_FAULT_FAIL] = "fail",
	[VMSG_FAULT_DROP] = "drop",
	[VMSG_FAULT_DELAY] = "delay",
	[VMSG_FAULT_DUPLICATE] = "duplicate",
	[VMSG_FAULT_CORRUPT] = "corrupt",
	[VMSG_FAULT_EXHAUST] = "exhaust",
	[VMSG_FAULT_NOMEM] = "nomem",
};

/**
 * vmsg_fault() - does it go wrong this time?
 * @bus: the bus
 * @kind: what
 *
 * Context: any.
 * Return: true if so; it is counted.
 */
bool vmsg_fault(struct virtio_msg_bus *bus, enum vmsg_fault_kind kind)
{
	struct vmsg_fault_point *p;
	u32 probability;

	if (!bus || !bus->faults)
		return false;
	p = &bus->faults->point[kind];
	probability = READ_ONCE(p->probability);
	if (likely(!probability))
		return false;
	if (probability < 1000 && get_random_u32() % 1000 >= probability)
		return false;
	if (atomic_add_unless(&p->skip, -1, 0))
		return false;
	if (atomic_read(&p->count) >= 0 && !atomic_add_unless(&p->count, -1, 0))
		return false;
	atomic_inc(&p->hits);
	return true;
}

static void vmsg_fault_space(struct work_struct *work)
{
	struct vmsg_faults *f = container_of(to_delayed_work(work), struct vmsg_faults,
					     space);

	vmsg_engine_space(f->bus);
}

/**
 * vmsg_fault_send() - is this message kept from the transport?
 * @bus: the bus
 * @ret: receives what its send() seems to have returned
 *
 * Context: as that of the transport's send().
 * Return: true if so.
 */
bool vmsg_fault_send(struct virtio_msg_bus *bus, int *ret)
{
	if (vmsg_fault(bus, VMSG_FAULT_EXHAUST)) {
		*ret = -EAGAIN;
		queue_delayed_work(vmsg_wq, &bus->faults->space,
				   msecs_to_jiffies(VMSG_FAULT_FULL_MS));
		return true;
	}
	if (vmsg_fault(bus, VMSG_FAULT_FAIL)) {
		*ret = -EIO;
		return true;
	}
	if (vmsg_fault(bus, VMSG_FAULT_DROP)) {
		*ret = 0;
		return true;
	}
	return false;
}

/* Hand on what is due. */
static void vmsg_fault_late(struct work_struct *work)
{
	struct vmsg_faults *f = container_of(to_delayed_work(work), struct vmsg_faults,
					     work);
	struct vmsg_late_frame *late;
	unsigned long flags, wait;

	for (;;) {
		spin_lock_irqsave(&f->lock, flags);
		late = list_first_entry_or_null(&f->late, struct vmsg_late_frame, node);
		wait = late && time_before(jiffies, late->due) ? late->due - jiffies : 0;
		if (late && !wait)
			list_del(&late->node);
		spin_unlock_irqrestore(&f->lock, flags);
		if (!late)
			return;
		if (wait) {
			queue_delayed_work(vmsg_wq, &f->work, wait);
			return;
		}
		vmsg_bus_rx(f->bus, late->data, late->len);
		kfree(late);
	}
}

static void vmsg_fault_delay(struct vmsg_faults *f, const void *frame, size_t len)
{
	struct vmsg_late_frame *late = kmalloc(struct_size(late, data, len), GFP_ATOMIC);
	unsigned long flags;

	/* Then it is lost, which is worse. */
	if (!late)
		return;
	late->len = len;
	memcpy(late->data, frame, len);
	late->due = jiffies + msecs_to_jiffies(READ_ONCE(f->late_ms));
	spin_lock_irqsave(&f->lock, flags);
	list_add_tail(&late->node, &f->late);
	spin_unlock_irqrestore(&f->lock, flags);
	queue_delayed_work(vmsg_wq, &f->work, msecs_to_jiffies(READ_ONCE(f->late_ms)));
}

static int vmsg_fault_corrupt(struct virtio_msg_bus *bus, const void *frame, size_t len)
{
	u8 *copy = kmemdup(frame, len, GFP_ATOMIC);
	int ret;

	if (!copy)
		return 0;
	copy[get_random_u32() % len] ^= 1 + get_random_u32() % 255;
	ret = vmsg_bus_rx(bus, copy, len);
	kfree(copy);
	return ret;
}

/**
 * vmsg_fault_rx() - does something happen to a message that has come?
 * @bus: the bus
 * @frame: the message
 * @len: bytes
 * @ret: receives the result of virtio_msg_rx()
 *
 * Context: any.
 * Return: true if all has been done with it.
 */
bool vmsg_fault_rx(struct virtio_msg_bus *bus, const void *frame, size_t len, int *ret)
{
	*ret = 0;
	if (vmsg_fault(bus, VMSG_FAULT_DROP))
		return true;
	if (vmsg_fault(bus, VMSG_FAULT_DELAY)) {
		vmsg_fault_delay(bus->faults, frame, len);
		return true;
	}
	if (len && vmsg_fault(bus, VMSG_FAULT_CORRUPT)) {
		*ret = vmsg_fault_corrupt(bus, frame, len);
		return true;
	}
	if (vmsg_fault(bus, VMSG_FAULT_DUPLICATE))
		vmsg_bus_rx(bus, frame, len);
	return false;
}

/**
 * vmsg_fault_init() - prepare a new bus
 * @bus: the bus
 *
 * Context: may sleep.
 * Return: 0 or -ENOMEM.
 */
int vmsg_fault_init(struct virtio_msg_bus *bus)
{
	struct vmsg_faults *f = kzalloc_obj(*f);
	unsigned int i;

	if (!f)
		return -ENOMEM;
	f->bus = bus;
	f->late_ms = 100;
	spin_lock_init(&f->lock);
	INIT_LIST_HEAD(&f->late);
	INIT_DELAYED_WORK(&f->work, vmsg_fault_late);
	INIT_DELAYED_WORK(&f->space, vmsg_fault_space);
	for (i = 0; i < VMSG_FAULT_KINDS; i++)
		atomic_set(&f->point[i].count, -1);
	bus->faults = f;
	return 0;
}

/**
 * vmsg_fault_exit() - the transport has stopped: what is late is lost
 * @bus: the bus
 *
 * Context: may sleep.
 */
void vmsg_fault_exit(struct virtio_msg_bus *bus)
{
	struct vmsg_faults *f = bus->faults;
	struct vmsg_late_frame *late, *tmp;

	disable_delayed_work_sync(&f->work);
	disable_delayed_work_sync(&f->space);
	/* Nobody adds to it any more. */
	list_for_each_entry_safe(late, tmp, &f->late, node) {
		list_del(&late->node);
		kfree(late);
	}
}

/**
 * vmsg_fault_free() - the last of a bus
 * @bus: the bus
 *
 * Context: may sleep.
 */
void vmsg_fault_free(struct virtio_msg_bus *bus)
{
	kfree(bus->faults);
}

/**
 * vmsg_fault_debugfs() - make the files of a bus
 * @bus: the bus
 * @dir: its directory
 *
 * Context: may sleep.
 */
void vmsg_fault_debugfs(struct virtio_msg_bus *bus, struct dentry *dir)
{
	struct vmsg_faults *f = bus->faults;
	struct dentry *d;
	unsigned int i;

	dir = debugfs_create_dir("fault", dir);
	debugfs_create_u32("delay_ms", 0600, dir, &f->late_ms);
	for (i = 0; i < VMSG_FAULT_KINDS; i++) {
		d = debugfs_create_dir(vmsg_fault_names[i], dir);
		debugfs_create_u32("probability", 0600, d, &f->point[i].probability);
		debugfs_create_atomic_t("skip", 0600, d, &f->point[i].skip);
		debugfs_create_atomic_t("count", 0600, d, &f->point[i].count);
		debugfs_create_atomic_t("hits", 0400, d, &f->point[i].hits);
	}
}
