// SPDX-License-Identifier: GPL-2.0-only
/*
 * The device side in the simulator. It is built with -finstrument-functions, so
 * that it may be put aside, or killed, before every access to shared memory:
 * each is a call of an inline function.
 */
#include <string.h>
#include "../device/vmsg_devs.h"
#include "peer.h"

#define FRAME	4096
#define BACKLOG	16

struct peer {
	struct vmsg_bus bus;
	struct vmsg_seg seg;
	struct vmsg_area area;
	struct peer_cfg cfg;
	struct vmsg_ramblk blk[2];
	struct vmsg_rng rng;
	uint8_t frame[2 * FRAME];
	uint8_t backlog[BACKLOG * (FRAME + 8)];
	uint32_t random;
};

static struct peer peers[PEER_MAX];

void __cyg_profile_func_enter(void *fn, void *site)
{
	(void)fn;
	(void)site;
	shim_point();
}

void __cyg_profile_func_exit(void *fn, void *site)
{
	(void)fn;
	(void)site;
}

static unsigned int number(const struct peer *p)
{
	return (unsigned int)(p - peers);
}

static int link_send(struct vmsg_bus *bus, const uint8_t *frame, uint32_t len)
{
	struct peer *p = bus->priv;

	return sim_peer_send(number(p), frame, len);
}

static bool link_used(struct vmsg_bus *bus, uint16_t dev, uint16_t queue)
{
	(void)bus;
	(void)dev;
	(void)queue;
	return false;
}

static const struct vmsg_link_ops frames = {
	.send = link_send,
	.used = link_used,
};

static uint32_t next_random(struct peer *p)
{
	p->random = p->random * 1664525 + 1013904223;
	return p->random >> 8 | p->random << 24;
}

static uint32_t seg_random(struct vmsg_seg *seg)
{
	return next_random(seg->priv);
}

static void seg_doorbell(struct vmsg_seg *seg, uint16_t to)
{
	(void)to;
	sim_peer_ring(number(seg->priv));
}

static void bus_log(struct vmsg_bus *bus, struct vmsg_dev *dev, const char *what,
		    uint32_t value)
{
	struct peer *p = bus->priv;

	sim_peer_log(number(p), dev ? dev->num : -1, what, value);
}

static void fill(struct vmsg_rng *rng, uint8_t *buf, uint32_t len)
{
	(void)rng;
	memset(buf, 0x5a, len);
}

static struct vmsg_dev *device(struct peer *p, unsigned int dev)
{
	return dev < 2 ? &p->blk[dev].dev : &p->rng.dev;
}

bool peer_has(unsigned int bus, unsigned int dev)
{
	struct vmsg_dev *d = vmsg_bus_find(&peers[bus].bus, dev);

	return d && !d->removing;
}

bool peer_plug(unsigned int bus, unsigned int dev, uint8_t identity)
{
	struct peer *p = &peers[bus];
	struct vmsg_dev *d = device(p, dev);

	/* Still there; or on its way out: until the driver was told. */
	if (d->bus)
		return !d->removing;
	if (dev < 2) {
		memset(&p->blk[dev], 0, sizeof(p->blk[dev]));
		vmsg_ramblk_init(&p->blk[dev], p->cfg.disk[dev], PEER_SECTORS, false);
		p->blk[dev].vq[0].max_size = 8;
	} else {
		memset(&p->rng, 0, sizeof(p->rng));
		p->rng.fill = fill;
		vmsg_rng_init(&p->rng);
		p->rng.vq[0].max_size = 4;
	}
	d->num = dev;
	d->vendor_id = 0x1af4;
	d->uuid[0] = 1 + identity;
	d->uuid[15] = dev;
	d->features |= VMSG_F_ACCESS_PLATFORM;
	p->cfg.identity[dev] = identity;
	vmsg_bus_add(&p->bus, d);
	return true;
}

void peer_unplug(unsigned int bus, unsigned int dev)
{
	struct vmsg_dev *d = vmsg_bus_find(&peers[bus].bus, dev);

	if (d && !d->removing)
		vmsg_bus_remove(&peers[bus].bus, d);
}

void peer_config_changed(unsigned int bus, unsigned int dev)
{
	struct vmsg_dev *d = vmsg_bus_find(&peers[bus].bus, dev);

	if (d && !d->removing)
		vmsg_dev_config_changed(d);
}

void peer_break(unsigned int bus, unsigned int dev)
{
	struct vmsg_dev *d = vmsg_bus_find(&peers[bus].bus, dev);

	if (d && !d->removing)
		vmsg_dev_fault(d, "it was told to", 0);
}

void peer_ping(unsigned int bus, uint32_t value)
{
	if (peers[bus].bus.up)
		vmsg_bus_ping(&peers[bus].bus, value);
}

void peer_boot(unsigned int bus, const struct peer_cfg *cfg, uint64_t now_ms)
{
	struct peer *p = &peers[bus];
	unsigned int i;

	memset(p, 0, sizeof(*p));
	p->cfg = *cfg;
	p->random = cfg->random;
	p->bus.frame = p->frame;
	p->bus.frame_size = FRAME;
	p->bus.backlog = p->backlog;
	p->bus.backlog_slots = BACKLOG;
	p->bus.random = cfg->random;
	p->bus.require = VMSG_F_VERSION_1 | VMSG_F_ACCESS_PLATFORM;
	p->bus.log = bus_log;
	p->bus.priv = p;
	for (i = 0; i < PEER_DEVS; i++)
		if (cfg->present >> i & 1)
			peer_plug(bus, i, cfg->identity[i]);
	if (!cfg->seg) {
		p->area.id = VIRTIO_MSG_AREA_SEGMENT;
		p->area.len = cfg->size;
		p->area.ptr = cfg->mem;
		p->bus.areas = &p->area;
		p->bus.nareas = 1;
		p->bus.link = &frames;
		return;
	}
	if (cfg->format || vmsg_seg_check(cfg->mem, cfg->size, &p->seg.l)) {
		struct vmsg_seg_params params = {
			.num_notif = cfg->num_notif,
			.vq_per_dev = 1,
			.num_elems = cfg->num_elems,
			.elem_size = cfg->max_msg,
		};

		vmsg_seg_format(cfg->mem, cfg->size, &params);
	}
	p->seg.bus = &p->bus;
	p->seg.mem = cfg->mem;
	p->seg.size = cfg->size;
	p->seg.wire_offered = cfg->wires;
	p->seg.device_peer = 1;
	p->seg.device_flags = cfg->continues ? VIRTIO_MSG_DEV_F_CONTINUES : 0;
	p->seg.doorbell = seg_doorbell;
	p->seg.random = seg_random;
	p->seg.priv = p;
	if (!vmsg_seg_init(&p->seg))
		vmsg_seg_start(&p->seg, now_ms);
}

unsigned int peer_poll(unsigned int bus, uint64_t now_ms)
{
	return vmsg_seg_poll(&peers[bus].seg, now_ms);
}

void peer_link_up(unsigned int bus)
{
	struct peer *p = &peers[bus];
	unsigned int wire = 0;

	while (!(p->cfg.wires >> wire & 1))
		wire++;
	vmsg_bus_link_up(&p->bus, wire, p->cfg.max_msg);
}

void peer_link_down(unsigned int bus)
{
	vmsg_bus_link_down(&peers[bus].bus);
}

bool peer_can_receive(unsigned int bus)
{
	return vmsg_bus_can_receive(&peers[bus].bus);
}

void peer_receive(unsigned int bus, const void *frame, uint32_t len)
{
	vmsg_bus_receive(&peers[bus].bus, frame, len);
}

bool peer_run(unsigned int bus)
{
	bool more = vmsg_bus_run(&peers[bus].bus);

	vmsg_bus_flush(&peers[bus].bus);
	return more;
}

void peer_stop(unsigned int bus)
{
	if (peers[bus].cfg.seg)
		vmsg_seg_stop(&peers[bus].seg);
	else
		vmsg_bus_link_down(&peers[bus].bus);
}
