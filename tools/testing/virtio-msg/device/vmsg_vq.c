// SPDX-License-Identifier: GPL-2.0-only
/*
 * virtio-msg device side: split and packed virtqueues
 *
 * The driver owns the memory and may change any of it at any time.  So each
 * descriptor is copied once and judged by the copy; indices are compared with
 * what we keep in private memory; every address goes through vmsg_map().  What
 * is wrong faults the device (DEVICE_NEEDS_RESET): nothing after it is believed.
 */
#include "vmsg_vq.h"

#define DESC_NEXT	0x1
#define DESC_WRITE	0x2
#define DESC_INDIRECT	0x4
#define DESC_AVAIL	0x80	/* packed: bit 7 */
#define DESC_USED	0x8000	/* packed: bit 15 */

#define EVENT_ENABLE	0
#define EVENT_DISABLE	1
#define EVENT_DESC	2

#define AVAIL_NO_INTERRUPT	0x1
#define USED_NO_NOTIFY		0x1

/* A descriptor in private memory.  Split: @link is next; packed: the id. */
struct desc {
	uint64_t addr;
	uint32_t len;
	uint16_t flags;
	uint16_t link;
};

/**
 * vmsg_map - the memory behind a wire address
 * @bus: the bus
 * @addr: wire address
 * @len: bytes that must be valid from there
 *
 * Return: a pointer, or NULL if any of the bytes lies outside all areas.
 */
void *vmsg_map(struct vmsg_bus *bus, uint64_t addr, uint64_t len)
{
	uint64_t off = addr & ((1ULL << VIRTIO_MSG_AREA_SHIFT) - 1);
	uint16_t id = (uint16_t)(addr >> VIRTIO_MSG_AREA_SHIFT);
	unsigned int i;

	for (i = 0; i <= bus->nareas; i++) {
		const struct vmsg_area *a = i < bus->nareas ? &bus->areas[i] : &bus->ram;

		if (a->id != id || off < a->start)
			continue;
		if (off - a->start > a->len || len > a->len - (off - a->start))
			continue;
		return a->ptr + (off - a->start);
	}
	return NULL;
}

static void get_desc_split(const uint8_t *p, struct desc *d)
{
	d->addr = vmsg_ld64(p);
	d->len = vmsg_ld32(p + 8);
	d->flags = vmsg_ld16(p + 12);
	d->link = vmsg_ld16(p + 14);
}

static void get_desc_packed(const uint8_t *p, struct desc *d)
{
	d->addr = vmsg_ld64(p);
	d->len = vmsg_ld32(p + 8);
	d->link = vmsg_ld16(p + 12);
	d->flags = vmsg_ld16(p + 14);
}

/*
 * Store and check what SET_VQUEUE brought.  A ring outside the areas or badly
 * aligned is refused here, once, so that nobody need check it again.
 */
int vmsg_vq_set(struct vmsg_vq *vq, uint32_t size, uint64_t desc,
		uint64_t driver, uint64_t device, uint64_t features)
{
	struct vmsg_bus *bus = vq->dev->bus;
	bool packed = features & VMSG_F_RING_PACKED;
	uint64_t dlen, rlen, ulen;

	if (!size || size > vq->max_size || size > 32768)
		return -VMSG_EINVAL;
	if (!packed && (size & (size - 1)))
		return -VMSG_EINVAL;
	dlen = 16ULL * size;
	rlen = packed ? 4 : 6 + 2ULL * size;
	ulen = packed ? 4 : 6 + 8ULL * size;
	if (desc & 15 || driver & (packed ? 3 : 1) || device & 3)
		return -VMSG_EINVAL;

	vq->desc = vmsg_map(bus, desc, dlen);
	vq->driver = vmsg_map(bus, driver, rlen);
	vq->device = vmsg_map(bus, device, ulen);
	if (!vq->desc || !vq->driver || !vq->device) {
		vmsg_vq_clear(vq);
		return -VMSG_EINVAL;
	}
	vq->desc_addr = desc;
	vq->driver_addr = driver;
	vq->device_addr = device;
	vq->size = (uint16_t)size;
	vq->packed = packed;
	vq->event_idx = features & VMSG_F_EVENT_IDX;
	vq->indirect = features & VMSG_F_INDIRECT_DESC;
	return 0;
}

/*
 * A split ring goes on where its used index stands: 0 in a fresh one.  In one
 * that an earlier device side has worked on, the driver has arranged that what
 * lies between there and the available index is what was never used.
 */
int vmsg_vq_enable(struct vmsg_vq *vq)
{
	uint16_t used = 0;

	if (!vq->size)
		return -VMSG_EINVAL;
	if (!vq->packed)
		used = vmsg_ld16(vq->device + 2);
	vq->enabled = true;
	vq->wrap_avail = true;
	vq->wrap_used = true;
	vq->signalled_valid = false;
	vq->last_avail = used;
	vq->used_idx = used;
	vq->signalled = used;
	vq->inuse = 0;
	vq->unsignalled = 0;
	return 0;
}

void vmsg_vq_clear(struct vmsg_vq *vq)
{
	vq->enabled = false;
	vq->size = 0;
	vq->desc_addr = 0;
	vq->driver_addr = 0;
	vq->device_addr = 0;
	vq->desc = NULL;
	vq->driver = NULL;
	vq->device = NULL;
	vq->inuse = 0;
}

static bool bad(struct vmsg_vq *vq, const char *why, uint32_t value)
{
	vmsg_dev_fault(vq->dev, why, value);
	return false;
}

/*
 * A buffer of a chain.  Rings are in the window, always; a link may know others
 * for what they point to.  Such a link is given all that is to be written: a status
 * in the window must not be there before the data that it speaks of.
 */
static uint8_t *map_buffer(struct vmsg_vq *vq, struct vmsg_chain *c,
			   const struct desc *d, bool write)
{
	struct vmsg_bus *bus = vq->dev->bus;

	if (bus->link->foreign && (d->addr >> 63 || write))
		return bus->link->foreign(bus, c, d->addr, d->len, write);
	return vmsg_map(bus, d->addr, d->len);
}

static bool add_buffer(struct vmsg_vq *vq, struct vmsg_chain *c,
		       const struct desc *d)
{
	unsigned int n = c->nout + c->nin;
	uint8_t *ptr;

	if (n >= VMSG_MAX_SG)
		return bad(vq, "descriptor chain too long", n);
	if (!d->len)
		return bad(vq, "descriptor of length 0", n);
	ptr = map_buffer(vq, c, d, d->flags & DESC_WRITE);
	if (!ptr)
		return bad(vq, "descriptor outside the window",
			   (uint32_t)d->addr);
	if (d->flags & DESC_WRITE) {
		if (d->len > UINT32_MAX - c->in_len)
			return bad(vq, "descriptor chain above 4 GiB", d->len);
		c->in_len += d->len;
		c->nin++;
	} else {
		if (c->nin)
			return bad(vq, "readable buffer after a writable one", n);
		if (d->len > UINT32_MAX - c->out_len)
			return bad(vq, "descriptor chain above 4 GiB", d->len);
		c->out_len += d->len;
		c->nout++;
	}
	c->sg[n].ptr = ptr;
	c->sg[n].len = d->len;
	return true;
}

/* An indirect table: @d is the copy of the descriptor that points to it. */
static bool add_table(struct vmsg_vq *vq, struct vmsg_chain *c,
		      const struct desc *d)
{
	uint32_t n = d->len / 16;
	uint32_t i, seen;
	uint8_t *table;
	struct desc t;

	if (!vq->indirect)
		return bad(vq, "indirect descriptor not negotiated", 0);
	if (!n || d->len % 16 || n > 65536)
		return bad(vq, "indirect table of odd length", d->len);
	if (d->addr & 7)
		return bad(vq, "indirect table not aligned", (uint32_t)d->addr);
	table = map_buffer(vq, c, d, false);
	if (!table)
		return bad(vq, "indirect table outside the window",
			   (uint32_t)d->addr);

	if (vq->packed) {
		if (n > VMSG_MAX_SG)
			return bad(vq, "descriptor chain too long", n);
		for (i = 0; i < n; i++) {
			get_desc_packed(table + 16 * i, &t);
			if (t.flags & DESC_INDIRECT)
				return bad(vq, "nested indirect table", i);
			if (!add_buffer(vq, c, &t))
				return false;
		}
		return true;
	}

	i = 0;
	for (seen = 0; seen < n; seen++) {
		get_desc_split(table + 16 * i, &t);
		if (t.flags & DESC_INDIRECT)
			return bad(vq, "nested indirect table", i);
		if (!add_buffer(vq, c, &t))
			return false;
		if (!(t.flags & DESC_NEXT))
			return true;
		i = t.link;
		if (i >= n)
			return bad(vq, "indirect table: next out of range", i);
	}
	return bad(vq, "indirect table: loop", n);
}

static bool pop_split(struct vmsg_vq *vq, struct vmsg_chain *c)
{
	uint16_t idx = vmsg_ld16(vq->driver + 2);
	unsigned int seen;
	struct desc d;
	uint16_t i;

	if (idx == vq->last_avail)
		return false;
	/* The ring entry and all behind it were written before the index. */
	vmsg_rmb();
	if ((uint16_t)(idx - vq->last_avail) > vq->size)
		return bad(vq, "available index jumped", idx);
	if (vq->inuse >= vq->size)
		return bad(vq, "more chains in flight than the ring has", idx);

	i = vmsg_ld16(vq->driver + 4 + 2 * (vq->last_avail & (vq->size - 1)));
	if (i >= vq->size)
		return bad(vq, "chain head out of range", i);
	c->id = i;
	c->ndesc = 1;
	for (seen = 0; ; seen++) {
		if (seen >= vq->size)
			return bad(vq, "descriptor loop", i);
		get_desc_split(vq->desc + 16 * i, &d);
		if (d.flags & DESC_INDIRECT) {
			if (d.flags & DESC_NEXT)
				return bad(vq, "indirect and next together", i);
			if (!add_table(vq, c, &d))
				return false;
			break;
		}
		if (!add_buffer(vq, c, &d))
			return false;
		if (!(d.flags & DESC_NEXT))
			break;
		i = d.link;
		if (i >= vq->size)
			return bad(vq, "next descriptor out of range", i);
	}
	vq->last_avail++;
	return true;
}

/**
 * vmsg_vq_next_ok - is what NOTIFICATION_DATA adds to a kick possible?
 * @vq: the queue, enabled
 * @next: offset in bits 30:0, wrap counter in bit 31
 *
 * Split: the available index as it was at the kick, so not ahead of what it is
 * and less than a ring behind.  Packed: a position and the wrap counter there.
 */
bool vmsg_vq_next_ok(const struct vmsg_vq *vq, uint32_t next)
{
	uint32_t offset = next & ~VIRTIO_MSG_AVAIL_WRAP;
	uint16_t idx;

	if (vq->packed)
		return offset < vq->size;
	idx = vmsg_ld16(vq->driver + 2);
	return offset == next && offset <= 0xffff &&
	       (uint16_t)(idx - offset) <= vq->size;
}

static bool packed_avail(const struct vmsg_vq *vq, uint16_t flags)
{
	return !!(flags & DESC_AVAIL) == vq->wrap_avail &&
	       !!(flags & DESC_USED) != vq->wrap_avail;
}

static bool pop_packed(struct vmsg_vq *vq, struct vmsg_chain *c)
{
	uint16_t i = vq->last_avail;
	bool wrap = vq->wrap_avail;
	uint16_t first, count = 0;
	struct desc d;

	first = vmsg_ld16(vq->desc + 16 * i + 14);
	if (!packed_avail(vq, first))
		return false;
	/* The head's flags are what publishes the whole chain. */
	vmsg_rmb();

	for (;;) {
		if (count + vq->inuse >= vq->size)
			return bad(vq, "more descriptors in flight than the ring has",
				   count);
		get_desc_packed(vq->desc + 16 * i, &d);
		count++;
		if (++i == vq->size) {
			i = 0;
			wrap = !wrap;
		}
		if (d.flags & DESC_INDIRECT) {
			if (d.flags & DESC_NEXT || count > 1)
				return bad(vq, "indirect and next together", i);
			if (!add_table(vq, c, &d))
				return false;
			break;
		}
		if (!add_buffer(vq, c, &d))
			return false;
		if (!(d.flags & DESC_NEXT))
			break;
	}
	c->id = d.link;
	c->ndesc = count;
	vq->last_avail = i;
	vq->wrap_avail = wrap;
	return true;
}

/**
 * vmsg_vq_pop - take the next chain from a queue
 * @vq: the queue
 * @chain: filled in
 *
 * Return: false if there is none, or if what is there is malformed and the
 * device was faulted for it.
 */
bool vmsg_vq_pop(struct vmsg_vq *vq, struct vmsg_chain *chain)
{
	bool got;

	if (!vq->enabled || !vmsg_dev_running(vq->dev))
		return false;
	/* One that was never given back, because its queue was reset. */
	if (vq->dev->bus->link->foreign && chain->foreign)
		vq->dev->bus->link->foreign_end(vq->dev->bus, chain->foreign, 0);
	chain->foreign = 0;
	chain->nout = 0;
	chain->nin = 0;
	chain->out_len = 0;
	chain->in_len = 0;
	got = vq->packed ? pop_packed(vq, chain) : pop_split(vq, chain);
	if (got) {
		vq->inuse += chain->ndesc;
		if (vq->dev->bus->link->popped)
			got = vq->dev->bus->link->popped(vq, chain);
	}
	return got;
}

/**
 * vmsg_vq_push - give a chain back
 * @vq: the queue
 * @chain: what vmsg_vq_pop() filled in
 * @len: bytes written to it
 */
void vmsg_vq_push(struct vmsg_vq *vq, const struct vmsg_chain *chain,
		  uint32_t len)
{
	uint8_t *p;

	if (!vq->enabled)
		return;
	if (vq->dev->bus->link->push && vq->dev->bus->link->push(vq, chain, len))
		return;
	if (vq->dev->bus->link->foreign && chain->foreign)
		vq->dev->bus->link->foreign_end(vq->dev->bus, chain->foreign, len);
	if (vq->packed) {
		uint16_t flags = chain->nin ? DESC_WRITE : 0;

		if (vq->wrap_used)
			flags |= DESC_AVAIL | DESC_USED;
		p = vq->desc + 16 * vq->used_idx;
		vmsg_st32(p + 8, len);
		vmsg_st16(p + 12, chain->id);
		vmsg_wmb();
		vmsg_st16(p + 14, flags);
		vq->used_idx += chain->ndesc;
		if (vq->used_idx >= vq->size) {
			vq->used_idx -= vq->size;
			vq->wrap_used = !vq->wrap_used;
			/* The distance to the last signal is lost. */
			vq->signalled_valid = false;
		}
	} else {
		p = vq->device + 4 + 8 * (vq->used_idx & (vq->size - 1));
		vmsg_st32(p, chain->id);
		vmsg_st32(p + 4, len);
		vmsg_wmb();
		vq->used_idx++;
		vmsg_st16(vq->device + 2, vq->used_idx);
	}
	vq->inuse -= chain->ndesc;
	vq->unsignalled++;
	vq->dev->stats.requests++;
}

static bool need_event(uint16_t event, uint16_t new, uint16_t old)
{
	return (uint16_t)(new - event - 1) < (uint16_t)(new - old);
}

/**
 * vmsg_vq_need_notify - whether the driver wants to hear of what was pushed
 * @vq: the queue
 */
bool vmsg_vq_need_notify(struct vmsg_vq *vq)
{
	uint16_t old = vq->signalled, new = vq->used_idx;
	bool valid = vq->signalled_valid;
	uint16_t off, flags;

	if (!vq->enabled || !vq->unsignalled)
		return false;
	vq->unsignalled = 0;
	/* Used entries before the driver's wish: it does it the other way. */
	vmsg_mb();

	if (!vq->packed) {
		if (!vq->event_idx)
			return !(vmsg_ld16(vq->driver) & AVAIL_NO_INTERRUPT);
		vq->signalled = new;
		vq->signalled_valid = true;
		off = vmsg_ld16(vq->driver + 4 + 2 * vq->size);
		return !valid || need_event(off, new, old);
	}

	vq->signalled = new;
	vq->signalled_valid = true;
	flags = vmsg_ld16(vq->driver + 2) & 3;
	if (flags == EVENT_DISABLE)
		return false;
	if (flags != EVENT_DESC || !vq->event_idx)
		return true;
	vmsg_rmb();
	off = vmsg_ld16(vq->driver);
	if (!valid)
		return true;
	if (vq->wrap_used != off >> 15)
		return need_event((uint16_t)((off & 0x7fff) - vq->size), new, old);
	return need_event(off & 0x7fff, new, old);
}

/**
 * vmsg_vq_kick_off - ask the driver not to kick
 * @vq: the queue
 */
void vmsg_vq_kick_off(struct vmsg_vq *vq)
{
	if (!vq->enabled)
		return;
	if (vq->packed)
		vmsg_st16(vq->device + 2, EVENT_DISABLE);
	else if (!vq->event_idx)
		vmsg_st16(vq->device, USED_NO_NOTIFY);
	/* split with EVENT_IDX: an index that is not moved on does the same */
}

/**
 * vmsg_vq_kick_on - ask the driver to kick for the next chain
 * @vq: the queue
 *
 * Return: true if there is one already, for which no kick may come.
 */
bool vmsg_vq_kick_on(struct vmsg_vq *vq)
{
	if (!vq->enabled || !vmsg_dev_running(vq->dev))
		return false;
	if (vq->packed) {
		if (vq->event_idx) {
			vmsg_st16(vq->device, vq->last_avail |
				  (uint16_t)(vq->wrap_avail << 15));
			vmsg_wmb();
			vmsg_st16(vq->device + 2, EVENT_DESC);
		} else {
			vmsg_st16(vq->device + 2, EVENT_ENABLE);
		}
		vmsg_mb();
		return packed_avail(vq, vmsg_ld16(vq->desc +
						  16 * vq->last_avail + 14));
	}
	if (vq->event_idx)
		vmsg_st16(vq->device + 4 + 8 * vq->size, vq->last_avail);
	else
		vmsg_st16(vq->device, 0);
	vmsg_mb();
	return vmsg_ld16(vq->driver + 2) != vq->last_avail;
}

/**
 * vmsg_vq_flush - tell the driver of what was pushed, if it wants to hear
 * @vq: the queue
 */
void vmsg_vq_flush(struct vmsg_vq *vq)
{
	if (vmsg_vq_need_notify(vq))
		vmsg_dev_used(vq->dev, vq->index);
}

/**
 * vmsg_vq_drain - work through a queue
 * @vq: the queue
 * @may: whether the device can take a chain now; NULL: always
 * @one: does one chain and pushes it
 * @chain: room for one chain
 *
 * No more chains at a time than twice the ring holds: a driver that never stops
 * must not keep us from everybody else.  The rest is done from vmsg_bus_run().
 * A device that said it may not must call vmsg_dev_kick() when it may.
 */
void vmsg_vq_drain(struct vmsg_vq *vq, bool (*may)(struct vmsg_vq *vq),
		   void (*one)(struct vmsg_vq *vq, struct vmsg_chain *chain),
		   struct vmsg_chain *chain)
{
	unsigned int budget = 2U * vq->size;

	do {
		vmsg_vq_kick_off(vq);
		for (;;) {
			if (may && !may(vq))
				goto out;
			if (!budget) {
				vmsg_dev_again(vq->dev, vq->index);
				goto out;
			}
			if (!vmsg_vq_pop(vq, chain))
				break;
			budget--;
			one(vq, chain);
		}
	} while (vmsg_vq_kick_on(vq));
out:
	vmsg_vq_flush(vq);
}

static uint32_t copy(const struct vmsg_sg *sg, unsigned int n, uint32_t off,
		     uint8_t *buf, uint32_t len, bool write)
{
	uint32_t done = 0;
	unsigned int i;

	for (i = 0; i < n && done < len; i++) {
		uint32_t part;

		if (off >= sg[i].len) {
			off -= sg[i].len;
			continue;
		}
		part = sg[i].len - off;
		if (part > len - done)
			part = len - done;
		if (write) {
			vmsg_crash_point();
			memcpy(sg[i].ptr + off, buf + done, part);
			vmsg_crash_point();
		} else {
			memcpy(buf + done, sg[i].ptr + off, part);
		}
		done += part;
		off = 0;
	}
	return done;
}

/**
 * vmsg_chain_read - copy from the buffers the driver filled
 * @chain: the chain
 * @off: where to start
 * @buf: where to
 * @len: how much
 *
 * Return: how much was there.
 */
uint32_t vmsg_chain_read(const struct vmsg_chain *chain, uint32_t off,
			 void *buf, uint32_t len)
{
	return copy(chain->sg, chain->nout, off, buf, len, false);
}

/**
 * vmsg_chain_write - copy to the buffers the driver wants filled
 * @chain: the chain
 * @off: where to start
 * @buf: where from
 * @len: how much
 *
 * Return: how much fitted.
 */
uint32_t vmsg_chain_write(const struct vmsg_chain *chain, uint32_t off,
			  const void *buf, uint32_t len)
{
	return copy(chain->sg + chain->nout, chain->nin, off, (uint8_t *)buf,
		    len, true);
}
