// SPDX-License-Identifier: GPL-2.0-only
/*
 * virtio-msg: the module
 */

#include <linux/device/class.h>
#include <linux/module.h>
#include <kunit/visibility.h>

#include "internal.h"

/*
 * Reaping, sending, polling and the works of buses: what memory reclaim may
 * wait for.  Probes have a workqueue per bus, so that however many are stuck,
 * the work that ends their waiting still runs.
 */
struct workqueue_struct *vmsg_wq;

unsigned int vmsg_timeout_ms = 5000;
module_param_named(timeout_ms, vmsg_timeout_ms, uint, 0644);
MODULE_PARM_DESC(timeout_ms,
		 "time-out of a transaction on buses that start from now on, milliseconds (default 5000)");

unsigned int vmsg_max_devices = 4096;
module_param_named(max_devices, vmsg_max_devices, uint, 0644);
MODULE_PARM_DESC(max_devices,
		 "most devices that one bus may have, whatever its peer claims (default 4096)");
EXPORT_SYMBOL_IF_KUNIT(vmsg_max_devices);

unsigned int vmsg_keepalive_ms = 2000;
module_param_named(keepalive_ms, vmsg_keepalive_ms, uint, 0644);
MODULE_PARM_DESC(keepalive_ms,
		 "silence after which a peer is asked for a sign of life, on buses that start from now on, milliseconds; 0 never asks (default 2000)");

unsigned int vmsg_recover_s = 30;
module_param_named(recover_s, vmsg_recover_s, uint, 0644);
MODULE_PARM_DESC(recover_s,
		 "how long devices wait for a successor of a peer that was lost, on buses that start from now on, seconds; 0: not at all (default 30, at most 600)");
EXPORT_SYMBOL_IF_KUNIT(vmsg_recover_s);

const struct class vmsg_class = {
	.name = "virtio-msg",
	.dev_groups = vmsg_bus_groups,
};

static int __init virtio_msg_init(void)
{
	int ret;

	vmsg_wq = alloc_workqueue("virtio_msg", WQ_UNBOUND | WQ_MEM_RECLAIM, 0);
	if (!vmsg_wq)
		return -ENOMEM;
	ret = class_register(&vmsg_class);
	if (ret) {
		destroy_workqueue(vmsg_wq);
		return ret;
	}
	vmsg_debugfs_init();
	return 0;
}

static void __exit virtio_msg_exit(void)
{
	vmsg_debugfs_exit();
	class_unregister(&vmsg_class);
	destroy_workqueue(vmsg_wq);
	/* Devices and transactions are freed by RCU. */
	rcu_barrier();
}

/* Before the transports that are built in. */
subsys_initcall(virtio_msg_init);
module_exit(virtio_msg_exit);

MODULE_DESCRIPTION("Virtio devices over messages");
MODULE_LICENSE("GPL");
