// SPDX-License-Identifier: GPL-2.0-only
/*
 * virtio-msg over Xen: links that the device tree names, without xenstore
 *
 * All that both sides have to know is agreed on beforehand: the peer's domain, a
 * grant reference for the bootstrap page and, if the hypervisor was told to
 * make one, an event channel.  Where there is no device tree, the module
 * parameter links says the same.
 *
 * Nobody tells when a domain comes up, so whatever may be missing for now is
 * tried again each second.
 */

#define pr_fmt(fmt) "virtio_msg_xen: " fmt

#include <linux/err.h>
#include <linux/mod_devicetable.h>
#include <linux/module.h>
#include <linux/platform_device.h>
#include <linux/pm.h>
#include <linux/property.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/virtio_msg.h>
#include <linux/workqueue.h>

#include "xen.h"

/* Milliseconds between two tries to set a link up. */
#define VMSG_XEN_RETRY_MS	1000

/* Domain numbers from here on have a special meaning. */
#define VMSG_XEN_DOMID_END	0x7ff0

#define VMSG_XEN_MAX_LINKS	6

#define VMSG_XEN_NAME		"virtio_msg_xen"

static char *links[VMSG_XEN_MAX_LINKS];
static int num_links;
module_param_array(links, charp, &num_links, 0444);
MODULE_PARM_DESC(links,
		 "links without a device tree: DOMID:REFERENCE[:PORT],... (reference 2 to 7)");

static struct platform_device *vmsg_xen_pdevs[VMSG_XEN_MAX_LINKS];

/**
 * struct vmsg_xen_dt - a link that was agreed on
 * @x: the link
 * @open: sets it up; tries again
 * @up: it is set up; written by @open alone
 * @told: the log says that it is waited for
 */
struct vmsg_xen_dt {
	struct vmsg_xen x;
	struct delayed_work open;
	bool up;
	bool told;
};

static int vmsg_xen_dt_try(struct vmsg_xen_dt *d)
{
	int ret = vmsg_xen_open(&d->x, d->x.domid);

	if (!ret) {
		d->up = true;
	} else if (ret == -EAGAIN) {
		if (!d->told)
			dev_info(d->x.dev,
				 "domain %u is not there yet, or still has mapped what was granted before: trying again each second\n",
				 d->x.domid);
		d->told = true;
		/* Not while the system sleeps. */
		queue_delayed_work(system_freezable_wq, &d->open,
				   msecs_to_jiffies(VMSG_XEN_RETRY_MS));
		ret = 0;
	}
	return ret;
}

static void vmsg_xen_dt_open(struct work_struct *work)
{
	struct vmsg_xen_dt *d = container_of(to_delayed_work(work),
					     struct vmsg_xen_dt, open);
	int ret = vmsg_xen_dt_try(d);

	if (ret)
		dev_err(d->x.dev, "given up: %d; bind the driver anew\n", ret);
}

static int vmsg_xen_dt_probe(struct platform_device *pdev)
{
	struct device *dev = &pdev->dev;
	struct vmsg_xen_dt *d;
	u32 domid, ref, port = 0;
	int ret;

	if (!vmsg_xen_present())
		return dev_err_probe(dev, -ENODEV, "this is no guest of Xen\n");
	ret = device_property_read_u32(dev, "xen,remote-domid", &domid);
	if (ret || domid >= VMSG_XEN_DOMID_END)
		return dev_err_probe(dev, -EINVAL,
				     "xen,remote-domid is missing, or is no domain\n");
	ret = device_property_read_u32(dev, "xen,grant-ref", &ref);
	if (ret || ref < VMSG_XEN_REF_FIRST || ref >= VMSG_XEN_REF_END)
		return dev_err_probe(dev, -EINVAL,
				     "xen,grant-ref is missing, or not within %u and %u\n",
				     VMSG_XEN_REF_FIRST, VMSG_XEN_REF_END - 1);
	if (device_property_present(dev, "xen,evtchn-port")) {
		ret = device_property_read_u32(dev, "xen,evtchn-port", &port);
		if (ret || !port)
			return dev_err_probe(dev, -EINVAL,
					     "xen,evtchn-port is no port\n");
	}

	d = devm_kzalloc(dev, sizeof(*d), GFP_KERNEL);
	if (!d)
		return -ENOMEM;
	INIT_DELAYED_WORK(&d->open, vmsg_xen_dt_open);
	ret = vmsg_xen_init(&d->x, dev, domid);
	if (ret)
		return ret;
	d->x.fixed_ref = ref;
	d->x.static_port = port;
	platform_set_drvdata(pdev, d);
	return vmsg_xen_dt_try(d);
}

static void vmsg_xen_dt_remove(struct platform_device *pdev)
{
	struct vmsg_xen_dt *d = platform_get_drvdata(pdev);

	disable_delayed_work_sync(&d->open);
	if (d->up)
		vmsg_xen_close(&d->x);
}

static int vmsg_xen_dt_suspend(struct device *dev)
{
	struct vmsg_xen_dt *d = dev_get_drvdata(dev);

	return d->up ? virtio_msg_segment_suspend(d->x.seg) : 0;
}

static int vmsg_xen_dt_resume(struct device *dev)
{
	struct vmsg_xen_dt *d = dev_get_drvdata(dev);

	return d->up ? virtio_msg_segment_resume(d->x.seg) : 0;
}

/* The domain goes on in another place, or at another time. */
static int vmsg_xen_dt_restore(struct device *dev)
{
	struct vmsg_xen_dt *d = dev_get_drvdata(dev);
	int ret;

	if (!d->up)
		return 0;
	ret = vmsg_xen_restore(&d->x, d->x.domid);
	return virtio_msg_segment_resume(d->x.seg) ?: ret;
}

static const struct dev_pm_ops vmsg_xen_dt_pm = {
	.suspend = pm_sleep_ptr(vmsg_xen_dt_suspend),
	.resume = pm_sleep_ptr(vmsg_xen_dt_resume),
	.freeze = pm_sleep_ptr(vmsg_xen_dt_suspend),
	.thaw = pm_sleep_ptr(vmsg_xen_dt_resume),
	.poweroff = pm_sleep_ptr(vmsg_xen_dt_suspend),
	.restore = pm_sleep_ptr(vmsg_xen_dt_restore),
};

static const struct of_device_id vmsg_xen_dt_match[] = {
	{ .compatible = "virtio,msg-xen" },
	{ }
};
MODULE_DEVICE_TABLE(of, vmsg_xen_dt_match);

static struct platform_driver vmsg_xen_dt_driver = {
	.probe = vmsg_xen_dt_probe,
	.remove = vmsg_xen_dt_remove,
	.driver = {
		.name = VMSG_XEN_NAME,
		.of_match_table = vmsg_xen_dt_match,
		.pm = pm_sleep_ptr(&vmsg_xen_dt_pm),
	},
};

/* What follows DOMID: in an entry of the parameter links. */
static struct platform_device *vmsg_xen_dt_link(unsigned int i)
{
	struct property_entry props[4] = {};
	struct platform_device_info info = {
		.name = VMSG_XEN_NAME,
		.id = i,
		.properties = props,
	};
	static const char * const names[] = {
		"xen,remote-domid", "xen,grant-ref", "xen,evtchn-port",
	};
	char *s, *word, *copy = kstrdup(links[i], GFP_KERNEL);
	struct platform_device *pdev;
	u32 val[ARRAY_SIZE(names)];
	unsigned int n = 0;
	int ret = 0;

	if (!copy)
		return ERR_PTR(-ENOMEM);
	s = copy;
	while (!ret && (word = strsep(&s, ":"))) {
		ret = n < ARRAY_SIZE(names) ? kstrtou32(word, 0, &val[n]) : -EINVAL;
		if (!ret) {
			props[n] = PROPERTY_ENTRY_U32(names[n], val[n]);
			n++;
		}
	}
	kfree(copy);
	if (ret || n < 2) {
		pr_err("links=%s: DOMID:REFERENCE[:PORT] is expected\n", links[i]);
		return ERR_PTR(-EINVAL);
	}
	pdev = platform_device_register_full(&info);
	if (IS_ERR(pdev))
		pr_err("links=%s: %ld\n", links[i], PTR_ERR(pdev));
	return pdev;
}

static void vmsg_xen_dt_unlink(void)
{
	unsigned int i;

	for (i = 0; i < VMSG_XEN_MAX_LINKS; i++)
		platform_device_unregister(vmsg_xen_pdevs[i]);
}

/**
 * vmsg_xen_dt_init() - begin to look for links
 *
 * Context: may sleep.
 * Return: 0 or a negative errno.
 */
int vmsg_xen_dt_init(void)
{
	struct platform_device *pdev;
	unsigned int i;
	int ret;

	ret = platform_driver_register(&vmsg_xen_dt_driver);
	if (ret)
		return ret;
	for (i = 0; i < num_links; i++) {
		pdev = vmsg_xen_dt_link(i);
		if (IS_ERR(pdev)) {
			vmsg_xen_dt_exit();
			return PTR_ERR(pdev);
		}
		vmsg_xen_pdevs[i] = pdev;
	}
	return 0;
}

/**
 * vmsg_xen_dt_exit() - take all links down
 *
 * Context: may sleep.
 */
void vmsg_xen_dt_exit(void)
{
	vmsg_xen_dt_unlink();
	platform_driver_unregister(&vmsg_xen_dt_driver);
}
