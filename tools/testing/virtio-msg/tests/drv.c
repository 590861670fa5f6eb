// SPDX-License-Identifier: GPL-2.0-only
/*
 * A small driver side, for tests of the device side
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "drv.h"

#define EXT(f)		(64 + offsetof(struct virtio_msg_seg_ext, f))

/* -------------------------------------------------------------- segment */

static uint8_t *dev_head(struct drv *d)
{
	return d->mem + d->l.dev_head;
}

static uint8_t *drv_head(struct drv *d)
{
	return d->mem + d->l.drv_head;
}

void drv_init(struct drv *d)
{
	if (vmsg_seg_check(d->mem, d->size, &d->l)) {
		fprintf(stderr, "no segment\n");
		exit(1);
	}
	d->status = VIRTIO_MSG_ST_INIT;
	vmsg_st16(drv_head(d) + 2, d->status);
	d->doorbell(d);
	d->xid = 0x10000u + (uint32_t)(uintptr_t)d->l.dev_head;
	d->brk = d->l.window_offset;
	if (!d->patience)
		d->patience = 1000;
}

static void set_status(struct drv *d, int st)
{
	d->status = st;
	vmsg_mb();
	vmsg_st16(drv_head(d) + 2, (uint16_t)st);
	vmsg_mb();
	d->doorbell(d);
}

bool drv_step(struct drv *d, uint32_t wires)
{
	uint8_t *m = d->mem;
	uint32_t di, sel;
	int st, i;

	di = d->l.bare ? 0 : vmsg_ld32(m + EXT(device_instance));
	vmsg_rmb();
	st = vmsg_ld16(dev_head(d) + 2) & 0x7fff;
	switch (d->status) {
	case VIRTIO_MSG_ST_SHUTDOWN:
		set_status(d, VIRTIO_MSG_ST_INIT);
		return false;
	case VIRTIO_MSG_ST_READY:
		if (!d->l.bare && st == VIRTIO_MSG_ST_READY && di != d->dev_instance)
			goto ready;
		if (st == VIRTIO_MSG_ST_RUN &&
		    (d->l.bare || vmsg_ld32(m + EXT(device_seen)) == d->instance)) {
			set_status(d, VIRTIO_MSG_ST_RUN);
			return true;
		}
		return false;
	case VIRTIO_MSG_ST_RUN:
		if (st != VIRTIO_MSG_ST_RUN || (!d->l.bare && di != d->dev_instance)) {
			set_status(d, VIRTIO_MSG_ST_SHUTDOWN);
			return false;
		}
		return true;
	}
	/* INIT */
	if (st != VIRTIO_MSG_ST_READY)
		return false;
ready:
	d->head = 0;
	d->tail = 0;
	vmsg_st16(drv_head(d) + 4, 0);
	vmsg_st16(drv_head(d) + 6, 0);
	for (i = 0; i < d->l.num_notif; i++) {
		d->tx[i] = 0;
		d->rx[i] = 0;
		vmsg_st64(m + d->l.drv_notif + 8 * i, 0);
		vmsg_st64(m + d->l.drv_notif + 8 * (d->l.num_notif + i), 0);
	}
	if (!d->l.bare) {
		vmsg_st16(m + EXT(driver_peer), d->peer);
		sel = vmsg_ld32(m + EXT(wire_offered)) & wires;
		for (i = 3; i >= 0 && !(sel >> i & 1); i--)
			;
		d->wire = i < 0 ? 0 : (unsigned int)i;
		vmsg_st32(m + EXT(wire_selected), i < 0 ? wires : 1u << i);
		vmsg_st32(m + EXT(driver_flags), 0);
		if (d->status == VIRTIO_MSG_ST_INIT)
			d->instance = vmsg_ld32(m + EXT(driver_instance)) * 7 + 3;
		if (!d->instance)
			d->instance = 1;
		d->dev_instance = di;
		vmsg_wmb();
		vmsg_st32(m + EXT(driver_instance), d->instance);
		vmsg_wmb();
		vmsg_st32(m + EXT(driver_seen), di);
	}
	d->brk = d->l.window_offset;
	set_status(d, VIRTIO_MSG_ST_READY);
	return false;
}

bool drv_up(struct drv *d, uint32_t wires)
{
	unsigned int i;

	for (i = 0; i < d->patience; i++) {
		if (drv_step(d, wires)) {
			/* The device side must have seen our RUN too. */
			d->wait(d);
			return true;
		}
		d->wait(d);
	}
	return false;
}

void drv_down(struct drv *d)
{
	set_status(d, VIRTIO_MSG_ST_SHUTDOWN);
	set_status(d, VIRTIO_MSG_ST_INIT);
}

static bool toggle(struct drv *d, unsigned int w, unsigned int bit)
{
	uint64_t rx;

	vmsg_mb();
	rx = vmsg_ld64(d->mem + d->l.dev_notif + 8u * d->l.num_notif + 8u * w);
	if ((d->tx[w] ^ rx) >> bit & 1)
		return false;
	d->tx[w] ^= 1ULL << bit;
	vmsg_st64(d->mem + d->l.drv_notif + 8u * w, d->tx[w]);
	return true;
}

bool drv_send(struct drv *d, const uint8_t *frame, uint32_t len)
{
	uint16_t n = d->l.num_elems, next = (uint16_t)((d->tail + 1) % n);
	uint8_t *e;

	if (vmsg_ld16(dev_head(d) + 6) == next)
		return false;
	e = d->mem + d->l.drv_elems + (uint64_t)d->tail * d->l.elem_size;
	memset(e, 0, d->l.elem_size);
	memcpy(e, frame, len);
	d->tail = next;
	vmsg_wmb();
	vmsg_st16(drv_head(d) + 4, next);
	if (!d->l.num_notif || toggle(d, 0, 0))
		d->doorbell(d);
	return true;
}

static void used(struct drv *d, uint32_t dev, uint32_t q)
{
	if (dev < DRV_DEVS && q < 16)
		d->used[dev][q]++;
	else
		d->stray++;
}

static void handle(struct drv *d, const uint8_t *f)
{
	unsigned int hl = vmsg_hdr_len(d->wire);
	const uint8_t *p = f + hl;
	uint8_t pong[64];
	struct vmsg_hdr h;

	vmsg_hdr_get(d->wire, f, &h);
	if (h.type & VIRTIO_MSG_TYPE_RESPONSE) {
		if (d->wire != VIRTIO_MSG_WIRE_RFC2 &&
		    h.xid != (d->wire == VIRTIO_MSG_WIRE_XID32 ? d->xid : d->xid & 0xffff)) {
			d->stray++;
			return;
		}
		memcpy(d->frame, f, h.size);
		d->frame_len = h.size;
		d->got_reply = true;
		return;
	}
	if (h.type & VIRTIO_MSG_TYPE_BUS) {
		if (h.msg_id == VIRTIO_MSG_BUS_PING) {
			d->pings++;
			h.type |= VIRTIO_MSG_TYPE_RESPONSE;
			vmsg_hdr_put(d->wire, pong, &h);
			memcpy(pong + hl, p, 4);
			drv_send(d, pong, hl + 4);
		} else if (h.msg_id == VIRTIO_MSG_BUS_EVENT_DEVICE &&
			   vmsg_get16(p) < DRV_DEVS) {
			if (vmsg_get16(p + 2) == VIRTIO_MSG_DEVICE_READY)
				d->ready[vmsg_get16(p)]++;
			else
				d->removed[vmsg_get16(p)]++;
		} else {
			d->stray++;
		}
		return;
	}
	if (h.msg_id == VIRTIO_MSG_EVENT_USED) {
		used(d, h.dev_num, vmsg_get32(p));
	} else if (h.msg_id == VIRTIO_MSG_EVENT_CONFIG && h.dev_num < DRV_DEVS) {
		d->config[h.dev_num]++;
		d->config_status[h.dev_num] = vmsg_get32(p);
	} else {
		d->stray++;
	}
}

void drv_poll(struct drv *d)
{
	uint8_t *tx = d->mem + d->l.dev_notif, copy[65536];
	unsigned int n = d->l.num_notif, w, i, per = d->l.vq_per_dev;
	uint16_t tail;

	if (n) {
		uint64_t v = vmsg_ld64(tx), pend = v ^ d->rx[0];

		d->rx[0] = v;
		vmsg_st64(d->mem + d->l.drv_notif + 8u * n, v);
		vmsg_mb();
		for (w = 1; w < n; w++) {
			uint64_t bits;

			if (!(pend >> w & 1))
				continue;
			v = vmsg_ld64(tx + 8u * w);
			bits = v ^ d->rx[w];
			d->rx[w] = v;
			vmsg_st64(d->mem + d->l.drv_notif + 8u * (n + w), v);
			vmsg_mb();
			for (i = 0; i < 64; i++)
				if (bits >> i & 1)
					used(d, ((w - 1) * 64 + i) / per,
					     ((w - 1) * 64 + i) % per);
		}
	}
	while ((tail = vmsg_ld16(dev_head(d) + 4)) != d->head) {
		uint16_t old = d->head;

		vmsg_rmb();
		memcpy(copy, d->mem + d->l.dev_elems +
		       (uint64_t)d->head * d->l.elem_size, d->l.elem_size);
		d->head = (uint16_t)((d->head + 1) % d->l.num_elems);
		vmsg_mb();
		vmsg_st16(drv_head(d) + 6, d->head);
		vmsg_mb();
		tail = vmsg_ld16(dev_head(d) + 4);
		if ((tail + 1) % d->l.num_elems == old)
			d->doorbell(d);
		handle(d, copy);
	}
}

uint64_t drv_alloc(struct drv *d, uint64_t len, uint64_t align)
{
	uint64_t off = (d->brk + align - 1) & ~(align - 1);

	d->brk = off + len;
	if (d->brk > d->l.window_offset + d->l.window_length) {
		fprintf(stderr, "window exhausted\n");
		exit(1);
	}
	memset(d->mem + off, 0, len);
	return off;
}

/* ------------------------------------------------------------- requests */

int drv_request(struct drv *d, bool bus, uint16_t dev, uint8_t msg_id,
		const void *in, uint32_t len, void *out)
{
	unsigned int hl = vmsg_hdr_len(d->wire), i;
	uint8_t f[65536];
	struct vmsg_hdr h = {
		.type = bus ? VIRTIO_MSG_TYPE_BUS : 0, .msg_id = msg_id,
		.dev_num = dev, .size = (uint16_t)(hl + len),
	};

	d->xid++;
	h.xid = d->wire == VIRTIO_MSG_WIRE_XID32 ? d->xid : d->xid & 0xffff;
	vmsg_hdr_put(d->wire, f, &h);
	memcpy(f + hl, in, len);
	d->got_reply = false;
	if (!drv_send(d, f, hl + len))
		return -1000;
	for (i = 0; i < d->patience && !d->got_reply; i++) {
		drv_poll(d);
		if (!d->got_reply)
			d->wait(d);
	}
	if (!d->got_reply)
		return -1000;
	vmsg_hdr_get(d->wire, d->frame, &h);
	if (h.msg_id != msg_id || h.dev_num != dev ||
	    !!(h.type & VIRTIO_MSG_TYPE_BUS) != bus)
		return -999;
	if (h.result)
		return -h.result;
	if (out)
		memcpy(out, d->frame + hl, h.size - hl);
	return h.size - (int)hl;
}

int drv_get_status(struct drv *d, uint16_t dev)
{
	uint8_t out[64];
	int n = drv_request(d, false, dev, VIRTIO_MSG_GET_DEVICE_STATUS, "", 0, out);

	return n < 0 ? n : n == 4 ? (int)vmsg_get32(out) : -100;
}

int drv_set_status(struct drv *d, uint16_t dev, uint32_t status)
{
	uint8_t in[4], out[64];
	unsigned int i;
	int n;

	vmsg_put32(in, status);
	n = drv_request(d, false, dev, VIRTIO_MSG_SET_DEVICE_STATUS, in, 4, out);
	n = n < 0 ? n : n == 4 ? (int)vmsg_get32(out) : -100;
	for (i = 0; !status && n > 0 && i < d->patience; i++) {
		d->wait(d);
		n = drv_get_status(d, dev);
	}
	return n;
}

int drv_get_features(struct drv *d, uint16_t dev, uint64_t *f)
{
	unsigned int head = d->wire == VIRTIO_MSG_WIRE_XID32 ? 4 : 8;
	uint8_t in[8] = { 0, 0, 0, 0, 2 }, out[64];
	int n = drv_request(d, false, dev, VIRTIO_MSG_GET_DEVICE_FEATURES, in, 8, out);

	if (n != (int)head + 8)
		return n < 0 ? n : -100;
	*f = vmsg_get64(out + head);
	return 0;
}

int drv_set_features(struct drv *d, uint16_t dev, uint64_t f)
{
	bool x = d->wire == VIRTIO_MSG_WIRE_XID32;
	uint8_t in[16] = { 0, 0, 0, 0, 2 }, out[64];

	vmsg_put64(in + (x ? 4 : 8), f);
	return drv_request(d, false, dev, VIRTIO_MSG_SET_DRIVER_FEATURES, in,
			   x ? 12 : 16, out);
}

int drv_get_config(struct drv *d, uint16_t dev, uint32_t off, void *buf,
		   uint32_t len, uint32_t *gen)
{
	unsigned int head = d->wire == VIRTIO_MSG_WIRE_XID32 ? 8 : 12;
	uint8_t in[8], out[65536];
	int n;

	vmsg_put32(in, off);
	vmsg_put32(in + 4, len);
	n = drv_request(d, false, dev, VIRTIO_MSG_GET_CONFIG, in, 8, out);
	if (n != (int)(head + len))
		return n < 0 ? n : -100;
	if (gen)
		*gen = vmsg_get32(out);
	memcpy(buf, out + head, len);
	return 0;
}

int drv_negotiate(struct drv *d, uint16_t dev, uint64_t want, uint64_t *got)
{
	uint64_t f;
	int n;

	n = drv_set_status(d, dev, 0);
	if (n)
		return n < 0 ? n : -101;
	drv_set_status(d, dev, 1);
	drv_set_status(d, dev, 3);
	if (drv_get_features(d, dev, &f))
		return -102;
	f &= want | VMSG_F_VERSION_1 | VMSG_F_ACCESS_PLATFORM;
	if (got)
		*got = f;
	if (drv_set_features(d, dev, f) < 0)
		return -103;
	return drv_set_status(d, dev, 0xb) == 0xb ? 0 : -104;
}

void drv_kick(struct drv *d, uint16_t dev, uint16_t q)
{
	unsigned int per = d->l.vq_per_dev, i, w, hl = vmsg_hdr_len(d->wire);
	struct vmsg_hdr h = {
		.msg_id = VIRTIO_MSG_EVENT_AVAIL, .dev_num = dev,
		.size = (uint16_t)(hl + 8),
	};
	uint8_t f[64];

	if (d->l.num_notif) {
		i = dev * per + (q < per ? q : per - 1);
		w = 1 + i / 64;
		if (w < d->l.num_notif) {
			if (toggle(d, w, i % 64) && toggle(d, 0, w))
				d->doorbell(d);
			return;
		}
	}
	vmsg_hdr_put(d->wire, f, &h);
	vmsg_put32(f + hl, q);
	vmsg_put32(f + hl + 4, 0);
	drv_send(d, f, hl + 8);
}

/* ----------------------------------------------------------- virtqueues */

int drv_vq_set(struct drv_vq *vq)
{
	struct drv *d = vq->d;
	uint32_t len = d->wire == VIRTIO_MSG_WIRE_RFC2 ? 36 : 40;
	uint8_t in[40] = { 0 }, out[64];

	vmsg_put32(in, vq->index);
	if (d->wire >= VIRTIO_MSG_WIRE_V2)
		vmsg_put32(in + 4, 1);
	vmsg_put32(in + 8, vq->size);
	vmsg_put64(in + len - 24, drv_addr(vq->desc));
	vmsg_put64(in + len - 16, drv_addr(vq->driver));
	vmsg_put64(in + len - 8, drv_addr(vq->device));
	return drv_request(d, false, vq->dev, VIRTIO_MSG_SET_VQUEUE, in, len, out);
}

int drv_vq_setup(struct drv *d, struct drv_vq *vq, uint16_t dev, uint16_t index,
		 uint16_t size, uint64_t features)
{
	memset(vq, 0, sizeof(*vq));
	vq->d = d;
	vq->dev = dev;
	vq->index = index;
	vq->size = size;
	vq->packed = features & VMSG_F_RING_PACKED;
	vq->event_idx = features & VMSG_F_EVENT_IDX;
	vq->indirect = features & VMSG_F_INDIRECT_DESC;
	vq->wrap = true;
	vq->used_wrap = true;
	vq->free = size;
	vq->desc = drv_alloc(d, 16u * size, 16);
	vq->driver = drv_alloc(d, vq->packed ? 4 : 6 + 2u * size, 4);
	vq->device = drv_alloc(d, vq->packed ? 4 : 6 + 8u * size, 4);
	vq->table = drv_alloc(d, 16u * 16 * size, 16);
	if (vq->packed && vq->event_idx) {
		vmsg_st16(drv_ptr(d, vq->driver), 0x8000);
		vmsg_st16(drv_ptr(d, vq->driver) + 2, 2);
	}
	return drv_vq_set(vq);
}

static void put_desc(struct drv_vq *vq, uint64_t at, uint64_t addr, uint32_t len,
		     uint16_t a, uint16_t b)
{
	uint8_t *p = drv_ptr(vq->d, at);

	vmsg_st64(p, addr);
	vmsg_st32(p + 8, len);
	vmsg_st16(p + 12, a);
	vmsg_st16(p + 14, b);
}

int drv_vq_add(struct drv_vq *vq, const struct drv_sg *sg, unsigned int n)
{
	bool ind = vq->indirect && n > 1 && n <= 16;
	unsigned int i, used_desc = ind ? 1 : n;
	uint64_t table;
	uint16_t id;

	if (used_desc > vq->free)
		return -1;
	/* Direct split chains take the slots id..id+n-1, modulo the size. */
	if (!vq->packed && !ind) {
		for (id = 0; id < vq->size; id++) {
			for (i = 0; i < n && !vq->busy[(id + i) % vq->size]; i++)
				;
			if (i == n)
				break;
		}
		if (id == vq->size)
			return -1;
	} else {
		for (id = 0; vq->busy[id]; id++)
			;
	}
	table = vq->table + 256u * id;
	if (ind) {
		for (i = 0; i < n; i++) {
			uint16_t fl = (uint16_t)((sg[i].write ? 2 : 0) |
				(!vq->packed && i + 1 < n ? 1 : 0));

			if (vq->packed)
				put_desc(vq, table + 16 * i, sg[i].addr, sg[i].len, 0, fl);
			else
				put_desc(vq, table + 16 * i, sg[i].addr, sg[i].len, fl,
					 (uint16_t)(i + 1));
		}
	}
	if (vq->packed) {
		uint16_t head = vq->next, head_flags = 0, pos = vq->next;
		bool wrap = vq->wrap;

		for (i = 0; i < used_desc; i++) {
			uint16_t fl = wrap ? 0x80 : 0x8000;
			uint64_t at = vq->desc + 16u * pos;

			if (ind)
				fl |= 4;
			else
				fl |= (uint16_t)((sg[i].write ? 2 : 0) |
						 (i + 1 < n ? 1 : 0));
			if (ind)
				put_desc(vq, at, drv_addr(table), 16 * n, id, 0);
			else
				put_desc(vq, at, sg[i].addr, sg[i].len, id, 0);
			if (i)
				vmsg_st16(drv_ptr(vq->d, at) + 14, fl);
			else
				head_flags = fl;
			if (++pos == vq->size) {
				pos = 0;
				wrap = !wrap;
			}
		}
		/* The earlier content of the head is taken over by its flags. */
		vmsg_wmb();
		vmsg_st16(drv_ptr(vq->d, vq->desc + 16u * head) + 14, head_flags);
		vq->next = pos;
		vq->wrap = wrap;
		vq->busy[id] = true;
		vq->kicked = (uint16_t)(vq->kicked + used_desc);
	} else {
		uint16_t idx = vmsg_ld16(drv_ptr(vq->d, vq->driver) + 2);

		for (i = 0; i < used_desc; i++) {
			uint16_t at = (uint16_t)((id + i) % vq->size);

			if (ind)
				put_desc(vq, vq->desc + 16u * at, drv_addr(table),
					 16 * n, 4, 0);
			else
				put_desc(vq, vq->desc + 16u * at, sg[i].addr, sg[i].len,
					 (uint16_t)((sg[i].write ? 2 : 0) |
						    (i + 1 < n ? 1 : 0)),
					 (uint16_t)((at + 1) % vq->size));
			vq->busy[at] = true;
		}
		vmsg_st16(drv_ptr(vq->d, vq->driver) + 4 + 2 * (idx % vq->size), id);
		vmsg_wmb();
		vmsg_st16(drv_ptr(vq->d, vq->driver) + 2, (uint16_t)(idx + 1));
		vq->kicked++;
	}
	vq->count[id] = (uint16_t)used_desc;
	vq->free = (uint16_t)(vq->free - used_desc);
	return id;
}

bool drv_vq_need_kick(struct drv_vq *vq)
{
	uint8_t *dev = drv_ptr(vq->d, vq->device);
	uint16_t added = vq->kicked, new, old, ev;

	vq->kicked = 0;
	vmsg_mb();
	if (vq->packed) {
		uint16_t off = vmsg_ld16(dev), fl = vmsg_ld16(dev + 2) & 3;

		if (fl != 2)
			return fl == 0;
		new = vq->next;
		old = (uint16_t)(new - added);
		ev = off & 0x7fff;
		if ((off >> 15) != vq->wrap)
			ev = (uint16_t)(ev - vq->size);
		return (uint16_t)(new - ev - 1) < (uint16_t)(new - old);
	}
	if (!vq->event_idx)
		return !(vmsg_ld16(dev) & 1);
	new = vmsg_ld16(drv_ptr(vq->d, vq->driver) + 2);
	old = (uint16_t)(new - added);
	ev = vmsg_ld16(dev + 4 + 8 * vq->size);
	return (uint16_t)(new - ev - 1) < (uint16_t)(new - old);
}

int drv_vq_get(struct drv_vq *vq, uint32_t *len)
{
	uint16_t id, i;
	uint8_t *p;

	if (vq->packed) {
		uint16_t fl;

		p = drv_ptr(vq->d, vq->desc + 16u * vq->last_used);
		fl = vmsg_ld16(p + 14);
		if (!!(fl & 0x80) != !!(fl & 0x8000) ||
		    !!(fl & 0x80) != vq->used_wrap)
			return -1;
		vmsg_rmb();
		id = vmsg_ld16(p + 12);
		if (len)
			*len = vmsg_ld32(p + 8);
		if (id >= vq->size || !vq->busy[id])
			return -2;
		vq->last_used = (uint16_t)(vq->last_used + vq->count[id]);
		if (vq->last_used >= vq->size) {
			vq->last_used = (uint16_t)(vq->last_used - vq->size);
			vq->used_wrap = !vq->used_wrap;
		}
		vq->busy[id] = false;
		vq->free = (uint16_t)(vq->free + vq->count[id]);
		if (vq->event_idx) {
			vmsg_st16(drv_ptr(vq->d, vq->driver),
				  (uint16_t)(vq->last_used | vq->used_wrap << 15));
			vmsg_mb();
		}
		return id;
	}
	p = drv_ptr(vq->d, vq->device);
	if (vmsg_ld16(p + 2) == vq->last_used)
		return -1;
	vmsg_rmb();
	p += 4 + 8 * (vq->last_used % vq->size);
	id = (uint16_t)vmsg_ld32(p);
	if (len)
		*len = vmsg_ld32(p + 4);
	if (id >= vq->size || !vq->busy[id])
		return -2;
	vq->last_used++;
	for (i = 0; i < vq->count[id]; i++)
		vq->busy[(id + i) % vq->size] = false;
	vq->free = (uint16_t)(vq->free + vq->count[id]);
	if (vq->event_idx) {
		vmsg_st16(drv_ptr(vq->d, vq->driver) + 4 + 2 * vq->size,
			  vq->last_used);
		vmsg_mb();
	}
	return id;
}

int drv_vq_wait(struct drv_vq *vq, uint32_t *len)
{
	unsigned int i;
	int id;

	for (i = 0; i < vq->d->patience; i++) {
		drv_poll(vq->d);
		id = drv_vq_get(vq, len);
		if (id != -1)
			return id;
		vq->d->wait(vq->d);
	}
	return -1;
}

/* ------------------------------------------------------------------ KTAP */

static unsigned int tests, failed;

void plan(const char *name)
{
	printf("KTAP version 1\n# %s\n", name);
}

void ok(bool good, const char *fmt, ...)
{
	char text[512], *p;
	va_list ap;

	tests++;
	if (!good)
		failed++;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	/* One line, and no directive by accident. */
	for (p = text; *p; p++)
		if (*p == '\n' || *p == '#')
			*p = ' ';
	printf("%sok %u - %s\n", good ? "" : "not ", tests, text);
	fflush(stdout);
}

int done(void)
{
	printf("1..%u\n# pass:%u fail:%u\n", tests, tests - failed, failed);
	return failed ? 1 : 0;
}
