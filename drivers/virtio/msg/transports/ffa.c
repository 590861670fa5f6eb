// SPDX-License-Identifier: GPL-2.0-only
/*
 * virtio-msg over FF-A: the driver of partitions that serve virtio devices
 *
 * Arm's Firmware Framework passes messages between this kernel and partitions
 * of the secure world, or of a hypervisor, and lets it share memory with them.
 * See Documentation/driver-api/virtio/virtio-msg/ffa.rst.
 *
 * ffa_proto.c packs and checks messages, ffa_mem.c shares memory, ffa_bringup.c
 * begins and ends a bus, ffa_link.c runs it; this file ties them to a device.
 */

#include <linux/arm_ffa.h>
#include <linux/module.h>
#include <linux/pm.h>
#include <linux/sched/mm.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <kunit/visibility.h>

#include "ffa.h"

/* Bounds of the window, bytes */
#define VMSG_FFA_WINDOW_MIN	SZ_64K
#define VMSG_FFA_WINDOW_MAX	SZ_1G

struct vmsg_ffa_params vmsg_ffa_params = {
	.window = SZ_4M / SZ_1K,
	.chunk = SZ_4M / SZ_1K,
	.wire = "xid32,v2,v1,rfc2",
	.mode = "auto",
	.max_lost = SZ_64M / SZ_1K,
};
EXPORT_SYMBOL_IF_KUNIT(vmsg_ffa_params);

module_param_named(window, vmsg_ffa_params.window, uint, 0444);
MODULE_PARM_DESC(window,
		 "memory that is shared with a partition, in KiB: rings and buffers (default 4096)");
module_param_named(chunk, vmsg_ffa_params.chunk, uint, 0444);
MODULE_PARM_DESC(chunk,
		 "largest piece of that memory, in KiB; small ones try a partition manager (default 4096)");
module_param_named(wire, vmsg_ffa_params.wire, charp, 0444);
MODULE_PARM_DESC(wire, "wire revisions to accept (default xid32,v2,v1,rfc2)");
module_param_named(mode, vmsg_ffa_params.mode, charp, 0444);
MODULE_PARM_DESC(mode,
		 "how messages travel: direct, ring or indirect; auto takes what the partition has (default auto)");

module_param_named(max_lost, vmsg_ffa_params.max_lost, uint, 0644);
MODULE_PARM_DESC(max_lost,
		 "when partitions have kept more than so many KiB of memory, no partition gets any more (default 65536)");

unsigned int vmsg_ffa_poll_fast_us = 100;
EXPORT_SYMBOL_IF_KUNIT(vmsg_ffa_poll_fast_us);
unsigned int vmsg_ffa_poll_idle_us = 100000;
EXPORT_SYMBOL_IF_KUNIT(vmsg_ffa_poll_idle_us);

static int poll_set(const char *val, const struct kernel_param *kp)
{
	return param_set_uint_minmax(val, kp, VMSG_FFA_POLL_LEAST_US,
				     VMSG_FFA_POLL_MOST_US);
}

static const struct kernel_param_ops poll_ops = {
	.set = poll_set,
	.get = param_get_uint,
};

module_param_cb(poll_fast_us, &poll_ops, &vmsg_ffa_poll_fast_us, 0644);
MODULE_PARM_DESC(poll_fast_us,
		 "microseconds until a partition without notifications is asked for events, while there are some (20 to 10000000, default 100)");
module_param_cb(poll_idle_us, &poll_ops, &vmsg_ffa_poll_idle_us, 0644);
MODULE_PARM_DESC(poll_idle_us, "and at most, when there are none (default 100000)");

struct workqueue_struct *vmsg_ffa_wq;

static const char * const mode_names[VMSG_FFA_MODES] = {
	[VMSG_FFA_AUTO] = "auto",
	[VMSG_FFA_DIRECT] = "direct",
	[VMSG_FFA_RING] = "ring",
	[VMSG_FFA_INDIRECT] = "indirect",
};

/**
 * vmsg_ffa_mode_name() - how messages travel, in a word
 * @m: the mode
 *
 * Context: any.
 * Return: a string constant.
 */
const char *vmsg_ffa_mode_name(enum vmsg_ffa_mode m)
{
	return mode_names[m];
}

/**
 * vmsg_ffa_reconnect() - bring the bus up again
 * @f: the partition, not up
 * @ms: after so many milliseconds
 *
 * Context: any.
 */
void vmsg_ffa_reconnect(struct vmsg_ffa *f, unsigned int ms)
{
	mod_delayed_work(vmsg_ffa_wq, &f->connect, msecs_to_jiffies(ms));
}

/**
 * vmsg_ffa_lost() - the partition has forgotten us, or is gone
 * @f: the partition
 * @why: for the log
 *
 * Context: any.
 */
void vmsg_ffa_lost(struct vmsg_ffa *f, const char *why)
{
	/* Pairs with the release in probe. */
	struct virtio_msg_segment *seg = smp_load_acquire(&f->seg);

	if (!xchg(&f->up, 0))
		return;
	vmsg_ffa_count(f, VMSG_FFA_C_RESTARTS);
	if (f->bus) {
		/* Once its devices are gone, ops->lost() is called. */
		virtio_msg_peer_lost(f->bus, why);
		return;
	}
	/*
	 * The segment does not begin again before its devices are gone, and
	 * cannot without the partition.
	 */
	if (seg)
		virtio_msg_segment_lost(seg, why);
	vmsg_ffa_reconnect(f, 0);
}
EXPORT_SYMBOL_IF_KUNIT(vmsg_ffa_lost);

static void vmsg_ffa_connect_work(struct work_struct *work)
{
	struct vmsg_ffa *f = container_of(to_delayed_work(work), struct vmsg_ffa,
					  connect);
	struct virtio_msg_link link;
	unsigned int noio;
	int ret;

	guard(mutex)(&f->talk);
	if (READ_ONCE(f->up))
		return;
	/* Whatever it thinks of us, it begins with nothing. */
	vmsg_ffa_reset(f);
	if (READ_ONCE(f->dead))
		return;
	/* A disk that memory would be written to may wait for this. */
	noio = memalloc_noio_save();
	ret = vmsg_ffa_bring_up(f);
	memalloc_noio_restore(noio);
	if (ret) {
		vmsg_ffa_reconnect(f, f->retry_ms);
		f->retry_ms = min(2 * f->retry_ms, VMSG_FFA_RETRY_MAX_MS);
		return;
	}
	f->told = false;
	f->retry_ms = VMSG_FFA_RETRY_MIN_MS;
	WRITE_ONCE(f->up, 1);
	if (f->bus) {
		vmsg_ffa_link_of(f, &link);
		vmsg_ffa_say_up(f, f->bus, &link);
	}
	vmsg_ffa_go(f);
}

/* Module parameters, checked; the rest is zero. */
static int vmsg_ffa_set_up(struct vmsg_ffa *f, size_t *size, size_t *piece)
{
	const struct vmsg_ffa_params *p = &vmsg_ffa_params;
	unsigned int unit = max(PAGE_SIZE, FFA_PAGE_SIZE);
	int ret;

	ret = virtio_msg_wire_mask(p->wire, &f->wire_mask);
	if (ret)
		return dev_err_probe(f->dev, ret, "wire=%s: not known\n", p->wire);
	ret = sysfs_match_string(mode_names, p->mode);
	if (ret < 0)
		return dev_err_probe(f->dev, ret,
				     "mode=%s: not auto, direct, ring or indirect\n",
				     p->mode);
	f->asked_mode = ret;
	*size = (size_t)p->window * SZ_1K;
	if (*size < VMSG_FFA_WINDOW_MIN || *size > VMSG_FFA_WINDOW_MAX ||
	    *size % unit)
		return dev_err_probe(f->dev, -EINVAL,
				     "window=%u: not a multiple of %u from %u to %u KiB\n",
				     p->window, unit / SZ_1K, VMSG_FFA_WINDOW_MIN / SZ_1K,
				     VMSG_FFA_WINDOW_MAX / SZ_1K);
	*piece = (size_t)p->chunk * SZ_1K;
	if (*piece < unit || *piece > VMSG_FFA_WINDOW_MAX)
		return dev_err_probe(f->dev, -EINVAL,
				     "chunk=%u: not from %u to %u KiB\n", p->chunk,
				     unit / SZ_1K, VMSG_FFA_WINDOW_MAX / SZ_1K);

	if (vmsg_ffa_mem_lost() > (s64)READ_ONCE(p->max_lost) * SZ_1K)
		return dev_err_probe(f->dev, -ENOSPC,
				     "partitions have kept %lld bytes, more than max_lost=%u KiB, so that they get no more; restart the system, or change the parameter\n",
				     vmsg_ffa_mem_lost(), READ_ONCE(p->max_lost));

	if (f->fdev->mode_32bit)
		f->regs = 0;	/* registers of 32 bits hold no VERSION */
	else if (ffa_partition_supports_direct_req2_recv(f->fdev))
		f->regs = VMSG_FFA_REGS;
	else if (ffa_partition_supports_direct_recv(f->fdev))
		f->regs = VMSG_FFA_REGS_1_1;
	if (!f->regs && !ffa_partition_supports_indirect_msg(f->fdev))
		return dev_err_probe(f->dev, -EOPNOTSUPP,
				     "the partition takes no messages that this driver can send: properties %#x%s\n",
				     f->fdev->properties,
				     f->fdev->mode_32bit ? ", 32-bit registers" : "");
	return 0;
}

static void vmsg_ffa_seg_show(void *priv, struct seq_file *s)
{
	vmsg_ffa_show(priv, s);
}

/* Does the partition know our wire revisions? */
static bool vmsg_ffa_stranger(const struct vmsg_ffa *f)
{
	return !(f->peer.revision >> 16);
}

static int vmsg_ffa_register_seg(struct vmsg_ffa *f)
{
	struct virtio_msg_segment_desc desc = {
		.name = "ffa",
		.owner = THIS_MODULE,
		.va = f->mem.va,
		.phys = ~(phys_addr_t)0,
		.size = f->mem.size,
		.own_peer = VIRTIO_MSG_PEER_NONE,
		.wire_mask = f->wire_mask,
		.ring = vmsg_ffa_ring,
		.quirks = (f->kick_id < 0 ? VIRTIO_MSG_Q_WORKER_KICK : 0) |
			  (vmsg_ffa_stranger(f) ? VMSG_FFA_STRANGER_QUIRKS : 0),
		.show = vmsg_ffa_seg_show,
		.priv = f,
	};
	struct virtio_msg_segment *seg;
	int ret;

	ret = virtio_msg_segment_check(f->mem.va, f->mem.size);
	if (ret)
		return dev_err_probe(f->dev, ret,
				     "the partition took %zu bytes as area %u and made no segment of it\n",
				     f->mem.size, f->area);
	WRITE_ONCE(f->up, 1);
	seg = virtio_msg_segment_register(f->dev, &desc);
	if (IS_ERR(seg)) {
		WRITE_ONCE(f->up, 0);
		return PTR_ERR(seg);
	}
	/* What the worker will look at is written before. */
	smp_store_release(&f->seg, seg);
	vmsg_ffa_go(f);
	return 0;
}

static int vmsg_ffa_register_bus(struct vmsg_ffa *f)
{
	int ret;

	f->bus = virtio_msg_bus_alloc(f->dev, &vmsg_ffa_desc[vmsg_ffa_stranger(f)], f);
	if (IS_ERR(f->bus))
		return PTR_ERR(f->bus);
	ret = virtio_msg_bus_register(f->bus);
	if (ret)
		virtio_msg_bus_put(f->bus);
	return ret;
}

/* Nothing is sent for devices any more, nothing comes. */
static void vmsg_ffa_end(struct vmsg_ffa *f)
{
	WRITE_ONCE(f->up, 0);
	disable_delayed_work_sync(&f->connect);
	WRITE_ONCE(f->up, 0);
	vmsg_ffa_stop_polling(f);
	vmsg_ffa_take_down(f);
	vmsg_ffa_events_off(f);
	mutex_destroy(&f->talk);
	kfree(f);
}

VISIBLE_IF_KUNIT int vmsg_ffa_probe(struct ffa_device *fdev)
{
	struct vmsg_ffa *f = kzalloc_obj(*f);
	size_t size, piece;
	int ret;

	if (!f)
		return -ENOMEM;
	f->fdev = fdev;
	f->dev = &fdev->dev;
	f->retry_ms = VMSG_FFA_RETRY_MIN_MS;
	mutex_init(&f->talk);
	INIT_DELAYED_WORK(&f->connect, vmsg_ffa_connect_work);
	vmsg_ffa_link_init(f);
	ret = vmsg_ffa_set_up(f, &size, &piece);
	if (ret)
		goto err;
	ret = vmsg_ffa_mem_alloc(&f->mem, size, piece);
	if (ret) {
		dev_err(f->dev, "no memory for a window of %u KiB; try a smaller window=\n",
			vmsg_ffa_params.window);
		goto err;
	}
	mutex_lock(&f->talk);
	ret = vmsg_ffa_bring_up(f);
	f->told = false;
	mutex_unlock(&f->talk);
	if (ret)
		goto err;
	ffa_dev_set_drvdata(fdev, f);
	ret = f->mode == VMSG_FFA_RING ? vmsg_ffa_register_seg(f) :
					 vmsg_ffa_register_bus(f);
	if (ret)
		goto err;
	return 0;

err:
	vmsg_ffa_end(f);
	return ret;
}
EXPORT_SYMBOL_IF_KUNIT(vmsg_ffa_probe);

VISIBLE_IF_KUNIT void vmsg_ffa_remove(struct ffa_device *fdev)
{
	struct vmsg_ffa *f = ffa_dev_get_drvdata(fdev);
	struct virtio_msg_segment *seg = f->seg;
	struct virtio_msg_bus *bus = f->bus;

	/* The devices need messages and events while they go. */
	if (seg)
		virtio_msg_segment_stop(seg);
	else
		virtio_msg_bus_unregister(bus);
	/* The rings are gone: so may the memory. */
	vmsg_ffa_end(f);
	if (seg)
		virtio_msg_segment_free(seg);
	else
		virtio_msg_bus_put(bus);
}
EXPORT_SYMBOL_IF_KUNIT(vmsg_ffa_remove);

VISIBLE_IF_KUNIT int vmsg_ffa_sleep(struct device *dev)
{
	struct vmsg_ffa *f = dev_get_drvdata(dev);
	int ret;

	if (!f->seg)
		return virtio_msg_bus_suspend(f->bus);
	ret = virtio_msg_segment_suspend(f->seg);
	if (!ret)
		vmsg_ffa_quiesce(f, true);
	return ret;
}
EXPORT_SYMBOL_IF_KUNIT(vmsg_ffa_sleep);

VISIBLE_IF_KUNIT int vmsg_ffa_wake(struct device *dev)
{
	struct vmsg_ffa *f = dev_get_drvdata(dev);

	if (!f->seg)
		return virtio_msg_bus_resume(f->bus);
	vmsg_ffa_quiesce(f, false);
	return virtio_msg_segment_resume(f->seg);
}
EXPORT_SYMBOL_IF_KUNIT(vmsg_ffa_wake);

static DEFINE_SIMPLE_DEV_PM_OPS(vmsg_ffa_pm, vmsg_ffa_sleep, vmsg_ffa_wake);

static const struct ffa_device_id vmsg_ffa_ids[] = {
	{ UUID_INIT(0xc66028b5, 0x2498, 0x4aa1,
		    0x9d, 0xe7, 0x77, 0xda, 0x61, 0x22, 0xab, 0xf0) },
	{ }
};

static struct ffa_driver vmsg_ffa_driver = {
	.name = "virtio_msg_ffa",
	.probe = vmsg_ffa_probe,
	.remove = vmsg_ffa_remove,
	.id_table = vmsg_ffa_ids,
	.driver.pm = pm_sleep_ptr(&vmsg_ffa_pm),
};

static int __init vmsg_ffa_init(void)
{
	int ret;

	vmsg_ffa_wq = alloc_workqueue("virtio_msg_ffa",
				      WQ_UNBOUND | WQ_HIGHPRI | WQ_MEM_RECLAIM, 0);
	if (!vmsg_ffa_wq)
		return -ENOMEM;
	/* Built without FF-A for its own tests alone. */
	if (!IS_REACHABLE(CONFIG_ARM_FFA_TRANSPORT))
		return 0;
	ret = ffa_register(&vmsg_ffa_driver);
	if (ret)
		destroy_workqueue(vmsg_ffa_wq);
	return ret;
}
module_init(vmsg_ffa_init);

static void __exit vmsg_ffa_exit(void)
{
	ffa_unregister(&vmsg_ffa_driver);
	destroy_workqueue(vmsg_ffa_wq);
}
module_exit(vmsg_ffa_exit);

/* There is no MODULE_DEVICE_TABLE() for this bus. */
MODULE_ALIAS("arm_ffa:*:c66028b5-2498-4aa1-9de7-77da6122abf0");
MODULE_DESCRIPTION("virtio-msg over Arm FF-A");
MODULE_LICENSE("GPL");
