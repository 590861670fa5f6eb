// SPDX-License-Identifier: GPL-2.0-only
/*
 * virtio-msg: what known peers do otherwise
 *
 * A bus has its own copy of the table of wire revisions, in which its quirks
 * have changed a few numbers.  Nobody else asks for a quirk, except for those
 * that are not a matter of formats: those change the initial state of the bus
 * or of a device, and the paths that everybody takes find that.
 */

#include <linux/bits.h>

#include "internal.h"

static void vmsg_quirk_short(struct vmsg_wire *w)
{
	w->max_size = w->min_max_size;
}

static void vmsg_quirk_bus_token0(struct vmsg_wire *w)
{
	w->bus_xid_bits = 0;
}

static void vmsg_quirk_devices_32(struct vmsg_wire *w)
{
	w->devs_max = 32;
}

static void vmsg_quirk_one_device(struct vmsg_wire *w)
{
	w->devs_max = 1;
	w->dev_mask = 0;
}

static void vmsg_quirk_no_shm(struct vmsg_wire *w)
{
	w->shm_len = 0;
}

static void vmsg_quirk_config_u64(struct vmsg_wire *w)
{
	w->cfg_unit = 4;
}

static void vmsg_quirk_features_u64(struct vmsg_wire *w)
{
	w->feat_blocks = 2;
}

static void vmsg_quirk_devices_once(struct vmsg_wire *w)
{
	w->devs_once = true;
}

static const struct {
	unsigned long quirk;
	void (*apply)(struct vmsg_wire *w);
} vmsg_quirks[] = {
	{ VIRTIO_MSG_Q_SHORT, vmsg_quirk_short },
	{ VIRTIO_MSG_Q_BUS_TOKEN0, vmsg_quirk_bus_token0 },
	{ VIRTIO_MSG_Q_DEVICES_32, vmsg_quirk_devices_32 },
	{ VIRTIO_MSG_Q_ONE_DEVICE, vmsg_quirk_one_device },
	{ VIRTIO_MSG_Q_NO_SHM, vmsg_quirk_no_shm },
	{ VIRTIO_MSG_Q_CONFIG_U64, vmsg_quirk_config_u64 },
	{ VIRTIO_MSG_Q_FEATURES_U64, vmsg_quirk_features_u64 },
	{ VIRTIO_MSG_Q_DEVICES_ONCE, vmsg_quirk_devices_once },
};

/**
 * vmsg_quirks_init() - let a new bus know what its peers do otherwise
 * @bus: the bus
 *
 * Context: any.
 */
void vmsg_quirks_init(struct virtio_msg_bus *bus)
{
	unsigned int rev, i;

	for (rev = 0; rev < VIRTIO_MSG_WIRE_COUNT; rev++) {
		bus->wires[rev] = *vmsg_wire_by_rev(rev);
		for (i = 0; i < ARRAY_SIZE(vmsg_quirks); i++)
			if (bus->desc->quirks & vmsg_quirks[i].quirk)
				vmsg_quirks[i].apply(&bus->wires[rev]);
	}
	bus->keepalive_ms = bus->desc->quirks & VIRTIO_MSG_Q_NO_KEEPALIVE ?
			    0 : vmsg_keepalive_ms;
}

/**
 * vmsg_bus_wire() - a wire revision as the peers of a bus speak it
 * @bus: the bus
 * @rev: VIRTIO_MSG_WIRE_*
 *
 * Context: any.
 * Return: the row, valid as long as the bus, or NULL if there is no such
 * revision.
 */
const struct vmsg_wire *vmsg_bus_wire(const struct virtio_msg_bus *bus,
				      unsigned int rev)
{
	return rev < VIRTIO_MSG_WIRE_COUNT ? &bus->wires[rev] : NULL;
}
