// SPDX-License-Identifier: GPL-2.0-only
/*
 * virtio-msg over Xen: links that xenstore names
 *
 * A front end like others: the toolstack makes the directories, this side writes
 * ring-ref, which is the reference of the bootstrap page, and event-channel, and
 * both sides tell each other by their states how far they are.  How the link
 * comes up then is the segment's affair and does not wait for the states.
 *
 * To take a link down takes long, and the thread that xenstore's watches are
 * called from is one for the whole system; so a work does it.
 */

#include <linux/device.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/virtio_msg.h>
#include <linux/workqueue.h>
#include <xen/xen.h>
#include <xen/xenbus.h>

#include "xen.h"

#define VMSG_XEN_PROTOCOL	"virtio-msg-1"

/**
 * struct vmsg_xen_bus - a link that xenstore names
 * @x: the link
 * @xdev: its device
 * @lock: guards @up and @kept, and with them the link
 * @up: the link is set up
 * @kept: the other side holds on to a segment that it was to unmap
 * @peer: the state of the other side, as last told
 * @work: acts on it
 */
struct vmsg_xen_bus {
	struct vmsg_xen x;
	struct xenbus_device *xdev;
	/* guards up, kept */
	struct mutex lock;
	bool up;
	bool kept;
	enum xenbus_state peer;
	struct work_struct work;
};

/* What the other side needs. */
static int vmsg_xen_bus_write(struct vmsg_xen_bus *b, struct xenbus_transaction t)
{
	const char *dir = b->xdev->nodename;
	int ret;

	ret = xenbus_printf(t, dir, "ring-ref", "%u", b->x.mem.refs[0]);
	if (!ret)
		ret = xenbus_printf(t, dir, "event-channel", "%u", b->x.port);
	if (!ret)
		ret = xenbus_printf(t, dir, "protocol", "%s", VMSG_XEN_PROTOCOL);
	return ret;
}

static int vmsg_xen_bus_publish(struct vmsg_xen_bus *b)
{
	struct xenbus_transaction t;
	int ret;

	do {
		ret = xenbus_transaction_start(&t);
		if (ret)
			break;
		ret = vmsg_xen_bus_write(b, t);
		if (ret) {
			xenbus_transaction_end(t, 1);
			break;
		}
		ret = xenbus_transaction_end(t, 0);
	} while (ret == -EAGAIN);
	if (ret) {
		xenbus_dev_fatal(b->xdev, ret, "writing to xenstore");
		return ret;
	}
	return xenbus_switch_state(b->xdev, XenbusStateInitialised);
}

static int vmsg_xen_bus_open(struct vmsg_xen_bus *b)
{
	int ret;

	lockdep_assert_held(&b->lock);
	/* Another domain, maybe, than when the link was closed. */
	ret = vmsg_xen_open(&b->x, b->xdev->otherend_id);
	if (ret) {
		xenbus_dev_fatal(b->xdev, ret, "setting up the link");
		return ret;
	}
	ret = vmsg_xen_bus_publish(b);
	if (ret)
		b->kept = vmsg_xen_close(&b->x);
	b->up = !ret;
	return ret;
}

/*
 * Who keeps one segment gets no other, until the driver is bound anew: closing and
 * opening over and over would take all memory and references of this domain.
 */
static bool vmsg_xen_bus_may_open(struct vmsg_xen_bus *b)
{
	lockdep_assert_held(&b->lock);
	if (b->up || (b->xdev->state != XenbusStateClosed &&
		      b->xdev->state != XenbusStateInitialising))
		return false;
	/* The one that has it is another domain, or the same after a migration. */
	if (b->x.domid != b->xdev->otherend_id)
		b->kept = false;
	if (b->kept)
		dev_warn_ratelimited(&b->xdev->dev,
				     "domain %u has not unmapped the last segment: it gets no other; unbind and bind the driver to try again\n",
				     b->xdev->otherend_id);
	return !b->kept;
}

static void vmsg_xen_bus_close(struct vmsg_xen_bus *b)
{
	lockdep_assert_held(&b->lock);
	if (!b->up)
		return;
	b->up = false;
	xenbus_switch_state(b->xdev, XenbusStateClosing);
	b->kept = vmsg_xen_close(&b->x);
}

static void vmsg_xen_bus_work(struct work_struct *work)
{
	struct vmsg_xen_bus *b = container_of(work, struct vmsg_xen_bus, work);
	struct xenbus_device *xdev = b->xdev;

	mutex_lock(&b->lock);
	switch (READ_ONCE(b->peer)) {
	case XenbusStateConnected:
		if (b->up && xdev->state == XenbusStateInitialised)
			xenbus_switch_state(xdev, XenbusStateConnected);
		fallthrough;
	case XenbusStateInitialising:
	case XenbusStateInitWait:
	case XenbusStateInitialised:
		/* Back again; or we were closed when this domain was saved. */
		if (vmsg_xen_bus_may_open(b))
			vmsg_xen_bus_open(b);
		break;
	case XenbusStateClosed:
		/* Left over from before we came: it has yet to begin. */
		if (xdev->state == XenbusStateInitialised)
			break;
		fallthrough;
	case XenbusStateClosing:
		vmsg_xen_bus_close(b);
		xenbus_frontend_closed(xdev);
		break;
	default:
		break;
	}
	mutex_unlock(&b->lock);
}

/* From the thread of xenstore's watches. */
static void vmsg_xen_bus_changed(struct xenbus_device *xdev, enum xenbus_state state)
{
	struct vmsg_xen_bus *b = dev_get_drvdata(&xdev->dev);

	WRITE_ONCE(b->peer, state);
	schedule_work(&b->work);
}

static int vmsg_xen_bus_probe(struct xenbus_device *xdev, const struct xenbus_device_id *id)
{
	struct vmsg_xen_bus *b;
	int ret;

	b = devm_kzalloc(&xdev->dev, sizeof(*b), GFP_KERNEL);
	if (!b)
		return -ENOMEM;
	b->xdev = xdev;
	mutex_init(&b->lock);
	INIT_WORK(&b->work, vmsg_xen_bus_work);
	ret = vmsg_xen_init(&b->x, &xdev->dev, xdev->otherend_id);
	if (ret)
		return ret;
	dev_set_drvdata(&xdev->dev, b);
	mutex_lock(&b->lock);
	ret = vmsg_xen_bus_open(b);
	mutex_unlock(&b->lock);
	return ret;
}

static void vmsg_xen_bus_remove(struct xenbus_device *xdev)
{
	struct vmsg_xen_bus *b = dev_get_drvdata(&xdev->dev);

	disable_work_sync(&b->work);
	mutex_lock(&b->lock);
	vmsg_xen_bus_close(b);
	mutex_unlock(&b->lock);
}

/* The domain goes on in another place, or at another time. */
static int vmsg_xen_bus_resume(struct xenbus_device *xdev)
{
	struct vmsg_xen_bus *b = dev_get_drvdata(&xdev->dev);
	int ret = 0;

	mutex_lock(&b->lock);
	if (b->up) {
		ret = vmsg_xen_restore(&b->x, xdev->otherend_id);
		if (!ret)
			ret = vmsg_xen_bus_publish(b);
	}
	mutex_unlock(&b->lock);
	return ret;
}

static const struct xenbus_device_id vmsg_xen_bus_ids[] = {
	{ "vmsg" },
	{ "" }
};
MODULE_ALIAS("xen:vmsg");

static struct xenbus_driver vmsg_xen_bus_driver = {
	.name = "virtio_msg_xen",
	.ids = vmsg_xen_bus_ids,
	.probe = vmsg_xen_bus_probe,
	.remove = vmsg_xen_bus_remove,
	.resume = vmsg_xen_bus_resume,
	.otherend_changed = vmsg_xen_bus_changed,
	/* The system boots without it as well. */
	.not_essential = true,
};

/**
 * vmsg_xen_bus_init() - begin to look for links
 *
 * Context: may sleep.
 * Return: 0 or a negative errno.
 */
int vmsg_xen_bus_init(void)
{
	return xen_domain() ? xenbus_register_frontend(&vmsg_xen_bus_driver) : 0;
}

/**
 * vmsg_xen_bus_exit() - take all links down
 *
 * Context: may sleep.
 */
void vmsg_xen_bus_exit(void)
{
	if (xen_domain())
		xenbus_unregister_driver(&vmsg_xen_bus_driver);
}
