// SPDX-License-Identifier: GPL-2.0-only
/*
 * virtio-msg: what goes on, for people: /sys/kernel/debug/virtio-msg/BUS/
 */

#include <linux/debugfs.h>
#include <linux/ktime.h>
#include <linux/module.h>
#include <linux/seq_file.h>

#include "internal.h"

static struct dentry *vmsg_debugfs_root;

static const char * const vmsg_counter_names[VMSG_C_COUNT] = {
	[VMSG_C_TX_REQUEST] = "tx_request",
	[VMSG_C_TX_EVENT] = "tx_event",
	[VMSG_C_TX_BUSY] = "tx_busy",
	[VMSG_C_TX_ERROR] = "tx_error",
	[VMSG_C_RX_RESPONSE] = "rx_response",
	[VMSG_C_RX_EVENT] = "rx_event",
	[VMSG_C_RX_REQUEST] = "rx_request",
	[VMSG_C_RX_REFUSED] = "rx_refused",
	[VMSG_C_RX_MALFORMED] = "rx_malformed",
	[VMSG_C_RX_UNKNOWN_ID] = "rx_unknown_id",
	[VMSG_C_RX_LATE] = "rx_late",
	[VMSG_C_RX_MISMATCH] = "rx_mismatch",
	[VMSG_C_RX_UNEXPECTED] = "rx_unexpected",
	[VMSG_C_RX_STALE_EVENT] = "rx_stale_event",
	[VMSG_C_RX_OVERRUN] = "rx_overrun",
	[VMSG_C_TIMEOUT] = "timeout",
	[VMSG_C_CANCELLED] = "cancelled",
	[VMSG_C_PEER_LOST] = "peer_lost",
	[VMSG_C_PEER_AWAY] = "peer_away",
	[VMSG_C_KICK] = "kick",
	[VMSG_C_KICK_MSG] = "kick_message",
	[VMSG_C_KICK_COALESCED] = "kick_coalesced",
	[VMSG_C_USED] = "used",
	[VMSG_C_CONFIG_CHANGE] = "config_change",
	[VMSG_C_CONFIG_COALESCED] = "config_coalesced",
	[VMSG_C_CONFIG_RETRY] = "config_retry",
	[VMSG_C_DRAINED] = "drained",
	[VMSG_C_TRACK_LOST] = "track_lost",
	[VMSG_C_RESUMED] = "resumed",
	[VMSG_C_REPLAYED] = "replayed",
	[VMSG_C_BROKEN] = "broken",
};

static int vmsg_bus_show(struct seq_file *s, void *unused)
{
	struct virtio_msg_bus *bus = s->private;
	struct virtio_msg_link link;
	enum vmsg_bus_state state;

	spin_lock_irq(&bus->lock);
	state = bus->state;
	link = bus->link;
	spin_unlock_irq(&bus->lock);

	seq_printf(s, "state: %s\n", vmsg_bus_state_name(state));
	seq_printf(s, "transport: %s\n", bus->desc->name);
	seq_printf(s, "module: %s\n", module_name(bus->desc->owner));
	if (state == VMSG_BUS_RUNNING || state == VMSG_BUS_SUSPENDED) {
		seq_printf(s, "wire: %s\n", virtio_msg_wire_name(link.wire));
		seq_printf(s, "message size: %u\n", link.max_msg_size);
		if (link.peer != ~0U)
			seq_printf(s, "peer: %u\n", link.peer);
		seq_printf(s, "peer instance: %#x\n", link.instance);
		seq_printf(s, "kicks by: %s\n", link.kick_words ? "word" : "message");
	}
	if (bus->desc->ops->show)
		bus->desc->ops->show(bus, s);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(vmsg_bus);

static int vmsg_counters_show(struct seq_file *s, void *unused)
{
	struct virtio_msg_bus *bus = s->private;
	unsigned int i;

	for (i = 0; i < VMSG_C_COUNT; i++)
		seq_printf(s, "%s %lld\n", vmsg_counter_names[i],
			   atomic64_read(&bus->stats.c[i]));
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(vmsg_counters);

static void vmsg_show_xfers(struct seq_file *s, struct list_head *list, const char *what)
{
	unsigned long now = jiffies;
	struct vmsg_xfer *x;

	list_for_each_entry(x, list, node)
		seq_printf(s, "%#x %u %s %s %u us\n", x->xid, x->hdr.dev_num,
			   vmsg_msg_name(x->hdr.type & VIRTIO_MSG_TYPE_BUS,
					 x->hdr.msg_id),
			   what, jiffies_to_usecs(now - x->since));
}

static int vmsg_inflight_show(struct seq_file *s, void *unused)
{
	struct virtio_msg_bus *bus = s->private;
	struct vmsg_engine *e = &bus->engine;

	seq_puts(s, "# id device message state age\n");
	spin_lock_irq(&e->lock);
	vmsg_show_xfers(s, &e->sent, "sent");
	vmsg_show_xfers(s, &e->queue, "queued");
	spin_unlock_irq(&e->lock);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(vmsg_inflight);

/* For each device that is registered; it stays meanwhile. */
static void vmsg_show_each(struct seq_file *s,
			   void (*show)(struct seq_file *s, struct vmsg_device *vd))
{
	struct virtio_msg_bus *bus = s->private;
	struct vmsg_device *vd;
	struct vmsg_slot *slot;
	unsigned long index;

	xa_for_each(&bus->slots, index, slot) {
		vd = vmsg_device_get(slot);
		if (!vd)
			continue;
		show(s, vd);
		vmsg_device_put(vd);
	}
}

static void vmsg_show_device(struct seq_file *s, struct vmsg_device *vd)
{
	seq_printf(s, "%u %u %#x %pUb %lld %lld %lld %zu ", vd->num,
		   vd->info.device_id, READ_ONCE(vd->status),
		   vd->info.uuid, atomic64_read(&vd->messages),
		   atomic64_read(&vd->kicks), atomic64_read(&vd->used),
		   vd->limits.max_mapping);
	/* Our reference keeps the memory, but not the device's name. */
	if (test_bit(VMSG_DEV_READY, &vd->flags))
		seq_printf(s, "virtio%d\n", vd->vdev.index);
	else
		seq_puts(s, "-\n");
}

static int vmsg_devices_show(struct seq_file *s, void *unused)
{
	seq_puts(s, "# number id status uuid messages kicks used max_mapping name\n");
	vmsg_show_each(s, vmsg_show_device);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(vmsg_devices);

static void vmsg_show_queues(struct seq_file *s, struct vmsg_device *vd)
{
	struct vmsg_track_state st;
	struct vmsg_vqs *vqs;
	struct vmsg_vq *q;
	unsigned int i;

	mutex_lock(&vd->vq_lock);
	vqs = rcu_dereference_protected(vd->vqs, lockdep_is_held(&vd->vq_lock));
	for (i = 0; vqs && i < vqs->num; i++) {
		q = vqs->q[i];
		if (!q || !vmsg_track_inspect(q, &st))
			continue;
		seq_printf(s, "%u %u %u %u %u %u %u %u %u %s%s\n", vd->num, q->index,
			   st.num, st.out, st.added, st.done, st.used, st.used_event,
			   st.avail_event, READ_ONCE(q->stopped) ? "stopped" : "runs",
			   st.lost ? ",lost" : "");
	}
	mutex_unlock(&vd->vq_lock);
}

static int vmsg_queues_show(struct seq_file *s, void *unused)
{
	seq_puts(s, "# device queue size out added done used used_event avail_event state\n");
	vmsg_show_each(s, vmsg_show_queues);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(vmsg_queues);

static int vmsg_window_show(struct seq_file *s, void *unused)
{
	struct virtio_msg_bus *bus = s->private;
	struct vmsg_window_stats st;
	struct vmsg_share_stats sh;

	bool there;

	/* bring-up may exchange it */
	mutex_lock(&bus->win_lock);
	there = bus->win;
	if (there)
		vmsg_window_get_stats(bus->win, &st);
	mutex_unlock(&bus->win_lock);
	if (!there)
		return 0;
	seq_printf(s, "granule: %u\ntotal: %u\nused: %u\nquarantined: %u\nguaranteed: %u\n",
		   VMSG_WIN_GRANULE, st.total, st.used, st.quarantined, st.guaranteed);
	seq_printf(s, "ring bytes: %llu\nring used: %llu\n", st.ring_total, st.ring_used);
	seq_printf(s, "maps: %llu\nfailures: %llu\nbounced: %llu\n", st.maps,
		   st.failures, st.bounced);
	if (!bus->share)
		return 0;
	vmsg_share_get_stats(bus->share, &sh);
	seq_printf(s, "slots: %u\nslots used: %u\nslots kept: %u\n", sh.slots,
		   sh.used, sh.kept);
	seq_printf(s, "shared maps: %llu\nshared pages: %llu\nslots full: %llu\n",
		   sh.maps, sh.pages, sh.full);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(vmsg_window);

/**
 * vmsg_debugfs_add() - make the directory of a bus
 * @bus: the bus, named
 *
 * Context: may sleep.
 */
void vmsg_debugfs_add(struct virtio_msg_bus *bus)
{
	struct dentry *d = debugfs_create_dir(dev_name(&bus->ctx.dev), vmsg_debugfs_root);

	debugfs_create_file("bus", 0400, d, bus, &vmsg_bus_fops);
	debugfs_create_file("counters", 0400, d, bus, &vmsg_counters_fops);
	debugfs_create_file("inflight", 0400, d, bus, &vmsg_inflight_fops);
	debugfs_create_file("devices", 0400, d, bus, &vmsg_devices_fops);
	debugfs_create_file("queues", 0400, d, bus, &vmsg_queues_fops);
	debugfs_create_file("window", 0400, d, bus, &vmsg_window_fops);
	vmsg_fault_debugfs(bus, d);
	bus->debugfs = d;
}

/**
 * vmsg_debugfs_remove() - remove the directory of a bus
 * @bus: the bus
 *
 * Context: may sleep; waits for readers.
 */
void vmsg_debugfs_remove(struct virtio_msg_bus *bus)
{
	debugfs_remove_recursive(bus->debugfs);
}

/**
 * vmsg_debugfs_init() - make the module's directory
 *
 * Context: may sleep.
 */
void vmsg_debugfs_init(void)
{
	vmsg_debugfs_root = debugfs_create_dir("virtio-msg", NULL);
}

/**
 * vmsg_debugfs_exit() - remove the module's directory
 *
 * Context: may sleep.
 */
void vmsg_debugfs_exit(void)
{
	debugfs_remove_recursive(vmsg_debugfs_root);
}
