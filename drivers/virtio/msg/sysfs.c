// SPDX-License-Identifier: GPL-2.0-only
/*
 * virtio-msg: attributes of a bus, Documentation/ABI/testing/sysfs-class-virtio-msg
 */

#include <linux/kstrtox.h>
#include <linux/sysfs.h>

#include "internal.h"

/* Longer would not be a time-out. */
#define VMSG_TIMEOUT_MAX_MS	(10 * 60 * 1000)

static struct virtio_msg_bus *vmsg_dev_to_bus(struct device *dev)
{
	return container_of(dev, struct virtio_msg_bus, ctx.dev);
}

static ssize_t state_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	struct virtio_msg_bus *bus = vmsg_dev_to_bus(dev);

	return sysfs_emit(buf, "%s\n", vmsg_bus_state_name(READ_ONCE(bus->state)));
}
static DEVICE_ATTR_RO(state);

static ssize_t transport_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%s\n", vmsg_dev_to_bus(dev)->desc->name);
}
static DEVICE_ATTR_RO(transport);

static ssize_t wire_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	struct virtio_msg_bus *bus = vmsg_dev_to_bus(dev);
	unsigned int wire;
	bool up;

	spin_lock_irq(&bus->lock);
	up = bus->state == VMSG_BUS_RUNNING;
	wire = bus->link.wire;
	spin_unlock_irq(&bus->lock);
	if (!up)
		return -ENOTCONN;
	return sysfs_emit(buf, "%s\n", virtio_msg_wire_name(wire));
}
static DEVICE_ATTR_RO(wire);

static ssize_t timeout_ms_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%u\n", READ_ONCE(vmsg_dev_to_bus(dev)->engine.timeout_ms));
}

static ssize_t timeout_ms_store(struct device *dev, struct device_attribute *attr,
				const char *buf, size_t count)
{
	unsigned int ms;
	int ret = kstrtouint(buf, 0, &ms);

	if (ret)
		return ret;
	if (!ms || ms > VMSG_TIMEOUT_MAX_MS)
		return -ERANGE;
	WRITE_ONCE(vmsg_dev_to_bus(dev)->engine.timeout_ms, ms);
	return count;
}
static DEVICE_ATTR_RW(timeout_ms);

static ssize_t keepalive_ms_show(struct device *dev, struct device_attribute *attr,
				 char *buf)
{
	return sysfs_emit(buf, "%u\n", READ_ONCE(vmsg_dev_to_bus(dev)->keepalive_ms));
}

static ssize_t keepalive_ms_store(struct device *dev, struct device_attribute *attr,
				  const char *buf, size_t count)
{
	unsigned int ms;
	int ret = kstrtouint(buf, 0, &ms);

	if (ret)
		return ret;
	if (ms > VMSG_TIMEOUT_MAX_MS)
		return -ERANGE;
	WRITE_ONCE(vmsg_dev_to_bus(dev)->keepalive_ms, ms);
	return count;
}
static DEVICE_ATTR_RW(keepalive_ms);

static ssize_t recover_s_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	unsigned int s = READ_ONCE(vmsg_dev_to_bus(dev)->recover_s);

	return s == VMSG_RECOVER_NEVER ? sysfs_emit(buf, "never\n") :
	       sysfs_emit(buf, "%u\n", s);
}

static ssize_t recover_s_store(struct device *dev, struct device_attribute *attr,
			       const char *buf, size_t count)
{
	unsigned int s;
	int ret;

	if (sysfs_streq(buf, "never")) {
		s = VMSG_RECOVER_NEVER;
	} else {
		ret = kstrtouint(buf, 0, &s);
		if (ret)
			return ret;
		if (s > VMSG_RECOVER_MAX)
			return -ERANGE;
	}
	vmsg_recover_set(vmsg_dev_to_bus(dev), s);
	return count;
}
static DEVICE_ATTR_RW(recover_s);

static ssize_t rescan_store(struct device *dev, struct device_attribute *attr,
			    const char *buf, size_t count)
{
	bool yes;
	int ret = kstrtobool(buf, &yes);

	if (ret)
		return ret;
	if (yes)
		virtio_msg_rescan(vmsg_dev_to_bus(dev));
	return count;
}
static DEVICE_ATTR_WO(rescan);

static ssize_t ping_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	u64 ns;
	int ret = vmsg_bus_ping(vmsg_dev_to_bus(dev), &ns);

	return ret ?: sysfs_emit(buf, "%llu ns\n", ns);
}
static DEVICE_ATTR_ADMIN_RO(ping);

static struct attribute *vmsg_bus_attrs[] = {
	&dev_attr_state.attr,
	&dev_attr_transport.attr,
	&dev_attr_wire.attr,
	&dev_attr_timeout_ms.attr,
	&dev_attr_keepalive_ms.attr,
	&dev_attr_recover_s.attr,
	&dev_attr_rescan.attr,
	&dev_attr_ping.attr,
	NULL
};

/* Where the transport itself knows how long, the bus is not asked. */
static umode_t vmsg_bus_attr_visible(struct kobject *kobj, struct attribute *attr, int n)
{
	struct virtio_msg_bus *bus = vmsg_dev_to_bus(kobj_to_dev(kobj));

	if (attr == &dev_attr_recover_s.attr &&
	    !(bus->desc->flags & VIRTIO_MSG_T_RECOVERS))
		return 0;
	return attr->mode;
}

static const struct attribute_group vmsg_bus_group = {
	.attrs = vmsg_bus_attrs,
	.is_visible = vmsg_bus_attr_visible,
};

const struct attribute_group *vmsg_bus_groups[] = {
	&vmsg_bus_group,
	NULL
};
