// SPDX-License-Identifier: GPL-2.0-only
/*
 * virtio-msg over Xen: the device side is another domain
 *
 * Two ways in lead to the same link: the device tree (xen_dt.c), which needs
 * neither xenstore nor a toolstack, and xenstore (xen_bus.c).
 */

#include <linux/module.h>

#include "xen.h"

static int __init vmsg_xen_module_init(void)
{
	int ret = vmsg_xen_dt_init();

	if (!ret) {
		ret = vmsg_xen_bus_init();
		if (ret)
			vmsg_xen_dt_exit();
	}
	/* A link may have been up, and its first page still be mapped. */
	if (ret)
		vmsg_xen_mem_exit();
	return ret;
}

static void __exit vmsg_xen_module_exit(void)
{
	vmsg_xen_bus_exit();
	vmsg_xen_dt_exit();
	vmsg_xen_mem_exit();
}

module_init(vmsg_xen_module_init);
module_exit(vmsg_xen_module_exit);

MODULE_DESCRIPTION("virtio-msg over Xen grants and event channels");
MODULE_LICENSE("GPL");
