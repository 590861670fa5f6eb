/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Both sides of a segment in one process
 */
#ifndef HOST_H
#define HOST_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "drv.h"
#include "vmsg_devs.h"

#ifndef HOST_SIZE
#define HOST_SIZE	(4u << 20)
#endif
#define HOST_BACKLOG	8

struct host {
	struct vmsg_seg seg;
	struct vmsg_bus bus;
	struct drv d;
	uint64_t now;
	unsigned int doorbells;		/* rung by the device side */
	unsigned int delay;		/* what the last poll returned */
	bool frozen;			/* the device side does nothing */
};

static unsigned int host_faults;
static char host_why[128];

static void host_doorbell(struct vmsg_seg *seg, uint16_t peer)
{
	struct host *h = seg->priv;

	(void)peer;
	h->doorbells++;
}

static uint32_t host_random(struct vmsg_seg *seg)
{
	static uint32_t x = 4711;

	(void)seg;
	x = x * 1103515245u + 12345u;
	return x;
}

static void host_log(struct vmsg_bus *bus, struct vmsg_dev *dev, const char *what,
		     uint32_t value)
{
	(void)bus;
	if (dev)
		host_faults++;
	snprintf(host_why, sizeof(host_why), "%s (%u)", what, value);
}

static void host_poll(struct host *h)
{
	if (h->frozen)
		return;
	h->now += 10;
	h->delay = vmsg_seg_poll(&h->seg, h->now);
}

static void host_drv_doorbell(struct drv *d)
{
	(void)d;
}

static void host_drv_wait(struct drv *d)
{
	host_poll(d->priv);
}

/* A device side on memory that is there already: what a restart makes. */
static inline void host_device_side(struct host *h, uint8_t *mem)
{
	memset(&h->seg, 0, sizeof(h->seg));
	memset(&h->bus, 0, sizeof(h->bus));
	h->seg.bus = &h->bus;
	h->seg.mem = mem;
	h->seg.size = HOST_SIZE;
	h->seg.wire_offered = 0xf;
	h->seg.bare_wire = VIRTIO_MSG_WIRE_V2;
	h->seg.device_peer = 5;
	h->seg.doorbell = host_doorbell;
	h->seg.random = host_random;
	h->seg.priv = h;
	if (vmsg_seg_init(&h->seg)) {
		fprintf(stderr, "vmsg_seg_init\n");
		exit(1);
	}
	h->bus.require = VMSG_F_VERSION_1 | VMSG_F_ACCESS_PLATFORM;
	h->bus.frame_size = h->seg.l.elem_size;
	h->bus.frame = calloc(2, h->bus.frame_size);
	h->bus.backlog_slots = HOST_BACKLOG;
	h->bus.backlog = calloc(HOST_BACKLOG, h->bus.frame_size + 8);
	h->bus.random = 99;
	h->bus.log = host_log;
}

static inline void host_free(struct host *h)
{
	free(h->bus.frame);
	free(h->bus.backlog);
}

static inline struct host *host_new(unsigned int words, unsigned int elems,
				    bool bare)
{
	struct vmsg_seg_params p = {
		.num_notif = words, .vq_per_dev = 4, .num_elems = elems,
		.elem_size = 128, .bare = bare,
	};
	struct host *h = calloc(1, sizeof(*h));
	uint8_t *mem = aligned_alloc(4096, HOST_SIZE);

	memset(mem, 0xa5, HOST_SIZE);
	if (vmsg_seg_format(mem, HOST_SIZE, &p)) {
		fprintf(stderr, "vmsg_seg_format\n");
		exit(1);
	}
	host_device_side(h, mem);
	h->d.mem = mem;
	h->d.size = HOST_SIZE;
	h->d.peer = 0;
	h->d.doorbell = host_drv_doorbell;
	h->d.wait = host_drv_wait;
	h->d.patience = 50;
	h->d.priv = h;
	drv_init(&h->d);
	return h;
}

static inline void host_delete(struct host *h)
{
	free(h->d.mem);
	host_free(h);
	free(h);
}

static inline struct vmsg_ramblk *host_ramblk(struct host *h, uint16_t num)
{
	struct vmsg_ramblk *b = calloc(1, sizeof(*b));

	vmsg_ramblk_init(b, calloc(128, 512), 128, false);
	b->dev.num = num;
	if (vmsg_bus_add(&h->bus, &b->dev))
		exit(1);
	return b;
}

static inline void ramblk_free(struct vmsg_ramblk *b)
{
	free(b->data);
	free(b);
}

#endif
