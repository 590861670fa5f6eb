// SPDX-License-Identifier: GPL-2.0-only
/*
 * A partition for the unit tests; see the header
 */
#include <kunit/test.h>
#include <linux/delay.h>
#include <linux/device.h>
#include <linux/mm.h>
#include <linux/random.h>
#include <linux/slab.h>
#include <linux/unaligned.h>
#include <linux/virtio_ring.h>
#include <linux/vmalloc.h>

#include "../internal.h"
#include "../transports/ffa.h"
#include "ffa_partition.h"

/* The segment that it makes. */
#define DEV_HEAD	128
#define DRV_HEAD	192
#define DEV_ELEMS	256
#define DRV_ELEMS	(DEV_ELEMS + PART_ELEM * PART_ELEMS)
#define SEG_END		(DRV_ELEMS + PART_ELEM * PART_ELEMS)

/* FF-A has operations without a device. */
static struct part *part_now;

static struct part *to_part(struct ffa_device *fdev)
{
	return container_of(fdev, struct part, fdev);
}

/* Memory */

static void unmap_area(struct part *p)
{
	if (p->mem)
		vunmap(p->mem);
	p->mem = NULL;
	p->area = 0;
}

static void *part_mem(struct part *p, u64 addr, size_t len)
{
	u64 off = addr & GENMASK_ULL(47, 0);

	if (p->mem && addr >> 48 == p->area &&
	    off + len <= (u64)p->npages << PAGE_SHIFT)
		return p->mem + off;
	p->wrong++;
	return NULL;
}

static int op_memory_share(struct ffa_mem_ops_args *args)
{
	struct part *p = part_now;
	struct scatterlist *sg;
	unsigned int n = 0, i;

	might_sleep();
	if (args->nattrs != 1 || args->attrs->receiver != p->fdev.vm_id ||
	    args->attrs->attrs != FFA_MEM_RW || !args->use_txbuf || p->handle)
		p->wrong++;
	if (p->share_ret)
		return p->share_ret;
	p->ranges = sg_nents(args->sg);
	for (sg = args->sg; sg; sg = sg_next(sg)) {
		if (sg->offset || sg->length % PAGE_SIZE)
			p->wrong++;
		for (i = 0; i < sg->length / PAGE_SIZE; i++)
			n++;
	}
	kvfree(p->pages);
	p->pages = kvmalloc_objs(*p->pages, n);
	if (!p->pages)
		return -ENOMEM;
	p->npages = 0;
	/* As FF-A does it, nothing is left of the list. */
	for (; args->sg; args->sg = sg_next(args->sg))
		for (i = 0; i < args->sg->length / PAGE_SIZE; i++)
			p->pages[p->npages++] = sg_page(args->sg) + i;
	p->handle = p->next_handle++;
	args->g_handle = p->handle;
	if (p->half_share)
		return -ENXIO;
	p->shares++;
	return 0;
}

static int op_memory_reclaim(u64 handle, u32 flags)
{
	struct part *p = part_now;

	might_sleep();
	if (!p->handle || handle != p->handle || flags) {
		p->wrong++;
		return -EINVAL;
	}
	if (p->mem || p->keep)
		return -EACCES;
	p->handle = 0;
	p->reclaims++;
	return 0;
}

/* Events */

static void push(struct part *p, const u8 *frame, size_t len)
{
	struct part_event *e = &p->events[(p->first + p->nevents) % PART_EVENTS];

	if (p->nevents == PART_EVENTS)
		return;
	e->len = len;
	memcpy(e->frame, frame, len);
	p->nevents++;
}

/* Tell the driver of events: in atomic context, as FF-A may. */
static void notify(struct part *p)
{
	unsigned long flags;

	spin_lock_irqsave(&p->lock, flags);
	if (p->notify_cb)
		p->notify_cb(p->notify_id, p->notify_data);
	spin_unlock_irqrestore(&p->lock, flags);
}

static void tell(struct part *p)
{
	bool ring = p->mem && p->area == 1;

	lockdep_assert_held(&p->state);
	if (p->method != 1 || p->deaf || p->told || (!p->nevents && !ring))
		return;
	p->told = !ring;
	notify(p);
}

/* Queues */

static void ring_put(struct part *p, const u8 *frame, size_t len);

static void emit(struct part *p, const u8 *frame, size_t len)
{
	if (p->area == 1) {
		ring_put(p, frame, len);
	} else if (p->method == 2) {
		if (p->nout < PART_EVENTS) {
			p->outbox[p->nout].len = PART_MESSAGE;
			memset(p->outbox[p->nout].frame, 0, PART_MESSAGE);
			memcpy(p->outbox[p->nout++].frame, frame, len);
		}
		schedule_work(&p->mailbox);
	} else {
		push(p, frame, len);
	}
}

static void put_event(struct part *p, u8 type, u8 msg_id, u16 dev, u32 word)
{
	/* These two have the same header in all revisions. */
	const u8 plain[8] = { type, msg_id, 0, 0, 0, 0, 8, 0 };
	struct fake_msg *m;

	if (msg_id == 0x83 || msg_id == 0x87) {
		emit(p, plain, sizeof(plain));
		return;
	}
	m = fake_msg(p->peer, type, msg_id, dev, 0, 4);
	put_unaligned_le32(word, m->payload);
	emit(p, m->frame, fake_header(p->peer, m));
	kfree(m);
}

static void serve(struct part *p, struct fake_dev *d, unsigned int index)
{
	u16 *next = &p->avail_idx[d - p->peer->devs][index];
	struct fake_vq *q = &d->vq[index];
	unsigned int served = 0;
	struct vring_avail *av;
	struct vring_used *used;
	struct vring_desc *t;
	u16 head, uidx;
	void *buf;

	if (!q->enabled || !(d->status & VIRTIO_CONFIG_S_DRIVER_OK) || p->hold)
		return;
	t = part_mem(p, q->desc, 16 * q->size);
	av = part_mem(p, q->driver, 6 + 2 * q->size);
	used = part_mem(p, q->device, 6 + 8 * q->size);
	if (!t || !av || !used)
		return;
	while (*next != le16_to_cpu(READ_ONCE(av->idx))) {
		/* The index before the entry. */
		smp_rmb();
		head = le16_to_cpu(av->ring[(*next)++ % q->size]) % q->size;
		buf = part_mem(p, le64_to_cpu(t[head].addr), le32_to_cpu(t[head].len));
		if (!buf)
			return;
		memset(buf, PART_FILL, le32_to_cpu(t[head].len));
		uidx = le16_to_cpu(used->idx);
		used->ring[uidx % q->size].id = cpu_to_le32(head);
		used->ring[uidx % q->size].len = t[head].len;
		/* The entry before the index. */
		smp_wmb();
		WRITE_ONCE(used->idx, cpu_to_le16(uidx + 1));
		served++;
	}
	p->served += served;
	if (served)
		put_event(p, 0, VIRTIO_MSG_EVENT_USED, d->num, index);
}

static void serve_all(struct part *p)
{
	unsigned int i, j;

	for (i = 0; i < FAKE_DEVS; i++)
		for (j = 0; p->peer->devs[i].present && j < FAKE_VQS; j++)
			serve(p, &p->peer->devs[i], j);
}

/* As at power-on. */
static void start_over(struct part *p)
{
	unsigned int i, j;

	p->agreed = false;
	unmap_area(p);
	p->method = 0;
	p->nevents = 0;
	p->nout = 0;
	p->told = false;
	memset(p->avail_idx, 0, sizeof(p->avail_idx));
	for (i = 0; i < FAKE_DEVS; i++) {
		p->peer->devs[i].status = 0;
		for (j = 0; j < FAKE_VQS; j++)
			p->peer->devs[i].vq[j].enabled = false;
	}
}

/* virtio-msg */

static void make_lie(struct part *p, struct fake_msg *m, u8 *frame, size_t size)
{
	bool token = p->peer->link.wire == VIRTIO_MSG_WIRE_V1 ||
		     p->peer->link.wire == VIRTIO_MSG_WIRE_V2;
	u8 *sz = frame + (token ? 6 : 4);
	u8 *xid = frame + (token ? 4 : 8);

	switch (p->lie) {
	case PART_RANDOM:
		get_random_bytes(frame, PART_REGS);
		/* Not the one thing that means something. */
		frame[0] &= ~VIRTIO_MSG_TYPE_BUS;
		break;
	case PART_TOO_LONG:
		put_unaligned_le16(0xffff, sz);
		break;
	case PART_TOO_SHORT:
		put_unaligned_le16(3, sz);
		break;
	case PART_NO_PAYLOAD:
		put_unaligned_le16(fake_hdr_len(p->peer->link.wire) + 1, sz);
		break;
	case PART_OTHER_ID:
		frame[1] ^= 1;
		break;
	case PART_OTHER_XID:
		xid[0] ^= 1;
		break;
	default:
		frame[0] &= ~VIRTIO_MSG_TYPE_RESPONSE;
	}
}

/* One message; the answer to it is @answer.  Returns its length. */
static size_t virtio_msg(struct part *p, const u8 *frame, size_t room, u8 *answer)
{
	struct fake_msg *m = fake_parse(p->peer, frame, room), *r;
	struct fake_dev *d = fake_dev(p->peer, m->dev_num);
	size_t size;
	u32 index;

	p->messages++;
	if (!(m->type & VIRTIO_MSG_TYPE_BUS) && m->msg_id == VIRTIO_MSG_EVENT_AVAIL) {
		index = get_unaligned_le32(m->payload);
		if (d && index < FAKE_VQS)
			serve(p, d, index);
		else
			p->wrong++;
		r = fake_msg(p->peer, m->type | VIRTIO_MSG_TYPE_RESPONSE, m->msg_id,
			     m->dev_num, 0, 0);
	} else {
		r = fake_answer(p->peer, m);
		if (d && m->msg_id == VIRTIO_MSG_SET_DEVICE_STATUS && !d->status)
			memset(p->avail_idx[d - p->peer->devs], 0,
			       sizeof(p->avail_idx[0]));
	}
	size = fake_header(p->peer, r);
	if (size > room)
		p->wrong++;
	size = min(size, room);
	memcpy(answer, r->frame, size);
	if (p->lies && fake_hdr_len(p->peer->link.wire) + r->len == size &&
	    m->msg_id < VIRTIO_MSG_EVENT_BASE) {
		if (p->lies != PART_EVER)
			p->lies--;
		make_lie(p, r, answer, size);
	}
	kfree(r);
	kfree(m);
	return size;
}

/* The segment */

static u8 *seg(struct part *p, u32 off)
{
	return p->mem + off;
}

static void ring_put(struct part *p, const u8 *frame, size_t len)
{
	u16 next = (p->dev_tail + 1) % PART_ELEMS;

	/* Small as it is, no test fills it. */
	if (next == get_unaligned_le16(seg(p, DRV_HEAD + 6))) {
		p->wrong++;
		return;
	}
	memset(seg(p, DEV_ELEMS + p->dev_tail * PART_ELEM), 0, PART_ELEM);
	memcpy(seg(p, DEV_ELEMS + p->dev_tail * PART_ELEM), frame, len);
	/* The message before the index. */
	smp_wmb();
	p->dev_tail = next;
	put_unaligned_le16(next, seg(p, DEV_HEAD + 4));
}

static void ring_restart(struct part *p)
{
	p->dev_tail = 0;
	p->drv_tail = 0;
	put_unaligned_le16(0, seg(p, DEV_HEAD + 4));
	put_unaligned_le16(0, seg(p, DEV_HEAD + 6));
	put_unaligned_le32(BIT(p->peer->link.wire), seg(p, 72));
	put_unaligned_le16(0xffff, seg(p, 104));
	put_unaligned_le32(++p->instance, seg(p, 96));
	put_unaligned_le16(VIRTIO_MSG_ST_READY, seg(p, DEV_HEAD + 2));
}

static void ring_format(struct part *p)
{
	u64 size = (u64)p->npages << PAGE_SHIFT;

	put_unaligned_le16(64, seg(p, 2));
	put_unaligned_le16(1, seg(p, 4));
	seg(p, 0)[9] = 1;
	put_unaligned_le16(PART_ELEMS, seg(p, 10));
	put_unaligned_le16(PART_ELEM, seg(p, 12));
	put_unaligned_le64(SEG_END, seg(p, 16));
	put_unaligned_le64(DEV_HEAD, seg(p, 24));
	put_unaligned_le64(DEV_ELEMS, seg(p, 32));
	put_unaligned_le64(SEG_END, seg(p, 40));
	put_unaligned_le64(DRV_HEAD, seg(p, 48));
	put_unaligned_le64(DRV_ELEMS, seg(p, 56));
	put_unaligned_le32(VIRTIO_MSG_EXT_MAGIC, seg(p, 64));
	put_unaligned_le16(64, seg(p, 68));
	put_unaligned_le16(1, seg(p, 70));
	put_unaligned_le64(PAGE_ALIGN(SEG_END), seg(p, 80));
	put_unaligned_le64(size - PAGE_ALIGN(SEG_END), seg(p, 88));
	put_unaligned_le16(0xffff, seg(p, 106));
	put_unaligned_le16(VIRTIO_MSG_QHEAD_MAGIC, seg(p, DEV_HEAD));
	put_unaligned_le16(VIRTIO_MSG_QHEAD_MAGIC, seg(p, DRV_HEAD));
	ring_restart(p);
	put_unaligned_le16(VIRTIO_MSG_SEG_MAGIC, seg(p, 0));
}

/* All that there is to do when the doorbell rings. */
static void ring_run(struct part *p)
{
	u16 drv = get_unaligned_le16(seg(p, DRV_HEAD + 2));
	u32 instance = get_unaligned_le32(seg(p, 100));
	u8 frame[PART_ELEM], answer[PART_ELEM];
	size_t len;
	u8 *e;

	switch (get_unaligned_le16(seg(p, DEV_HEAD + 2))) {
	case VIRTIO_MSG_ST_RUN:
		if (instance != p->driver_instance ||
		    (drv != VIRTIO_MSG_ST_RUN && drv != VIRTIO_MSG_ST_READY)) {
			put_unaligned_le16(VIRTIO_MSG_ST_SHUTDOWN, seg(p, DEV_HEAD + 2));
			return;
		}
		while (drv == VIRTIO_MSG_ST_RUN &&
		       p->drv_tail != get_unaligned_le16(seg(p, DRV_HEAD + 4))) {
			/* The index before the message. */
			smp_rmb();
			e = seg(p, DRV_ELEMS + p->drv_tail * PART_ELEM);
			memcpy(frame, e, sizeof(frame));
			p->drv_tail = (p->drv_tail + 1) % PART_ELEMS;
			put_unaligned_le16(p->drv_tail, seg(p, DEV_HEAD + 6));
			len = virtio_msg(p, frame, sizeof(frame), answer);
			/* Events are not answered there. */
			if (frame[1] < VIRTIO_MSG_EVENT_BASE)
				ring_put(p, answer, len);
		}
		return;
	case VIRTIO_MSG_ST_READY:
		if (drv != VIRTIO_MSG_ST_READY ||
		    get_unaligned_le32(seg(p, 120)) != p->instance)
			return;
		p->driver_instance = instance;
		put_unaligned_le32(instance, seg(p, 116));
		put_unaligned_le16(VIRTIO_MSG_ST_RUN, seg(p, DEV_HEAD + 2));
		return;
	default:
		if (drv != VIRTIO_MSG_ST_RUN)
			ring_restart(p);
		else
			put_unaligned_le16(VIRTIO_MSG_ST_INIT, seg(p, DEV_HEAD + 2));
	}
}

/* The binding: bus messages of its own */

static unsigned int private_header(struct part *p, u8 *a, const u8 *frame, u16 payload)
{
	unsigned int hdr = fake_hdr_len(p->peer->link.wire);

	if (frame[1] == 0x83)
		hdr = 8;
	memset(a, 0, hdr + payload);
	a[0] = VIRTIO_MSG_TYPE_BUS | VIRTIO_MSG_TYPE_RESPONSE;
	a[1] = frame[1];
	put_unaligned_le16(hdr + payload, a + (hdr == 8 ? 6 : 4));
	if (hdr == 8)
		memcpy(a + 4, frame + 4, 2);
	else if (hdr == 12)
		memcpy(a + 8, frame + 8, 4);
	return hdr;
}

static void error(u8 *a)
{
	memset(a, 0, 8);
	a[0] = VIRTIO_MSG_TYPE_BUS | VIRTIO_MSG_TYPE_RESPONSE;
	a[1] = 0x87;
	put_unaligned_le16(8, a + 6);
}

static void version(struct part *p, const u8 *frame, u8 *a)
{
	bool old = get_unaligned_le16(frame + 4) == 24 &&
		   get_unaligned_le16(frame + 6) != 16 &&
		   get_unaligned_le16(frame + 6) != 20;
	u16 size = get_unaligned_le16(frame + (old ? 4 : 6));
	unsigned int form = old ? PART_FORM_OLD :
			    size == 20 ? PART_FORM_22 : PART_FORM_18;
	const u8 *q = frame + (old ? 6 : 8);
	u32 bus_version = get_unaligned_le32(q);
	u32 revision = get_unaligned_le32(q + 4);
	u16 offered = revision >> 16;
	u8 *r = a + (old ? 6 : 8);
	u32 says;

	if (!(p->forms & form) || (form == PART_FORM_18 && size != 16)) {
		error(a);
		return;
	}
	says = p->revision;
	if (!bus_version)
		says |= (u32)p->wires << 16;
	else if (p->says)
		says |= (u32)p->says << 16;
	else if (p->wires & offered)
		says |= (u32)BIT(fls(p->wires & offered) - 1) << 16;
	else if (p->wires)
		bus_version = 0;
	if (p->restless)
		bus_version = p->calls & 1 ? 1 : 0x10000;
	memset(a, 0, 30);
	a[0] = VIRTIO_MSG_TYPE_BUS | VIRTIO_MSG_TYPE_RESPONSE;
	a[1] = 0x80;
	size = old ? 24 : form == PART_FORM_22 ? 30 : 26;
	put_unaligned_le16(size, a + (old ? 4 : 6));
	if (!old)
		memcpy(a + 4, frame + 4, 2);
	put_unaligned_le32(p->restless || (p->wires && offered && !bus_version) ?
			   bus_version : p->bus_version, r);
	put_unaligned_le32(says, r + 4);
	if (form == PART_FORM_22) {
		put_unaligned_le32(FFA_VERSION_1_2, r + 8);
		r += 4;
	}
	put_unaligned_le32(p->bus_features, r + 12);
	put_unaligned_le16(p->max_areas, r + 16);
	if (bus_version != p->bus_version || revision != says)
		return;
	start_over(p);
	p->agreed = true;
	p->form = form;
	p->versions++;
	if (says >> 16)
		p->peer->link.wire = fls(says >> 16) - 1;
}

static u16 share_area(struct part *p, const u8 *q)
{
	u64 handle = get_unaligned_le64(q + 2);

	if (get_unaligned_le64(q + 10) || get_unaligned_le32(q + 22) != 0x6f4 ||
	    get_unaligned_le32(q + 18) != ((u64)p->npages << PAGE_SHIFT) / 4096)
		p->wrong++;
	if (p->share_busy) {
		p->share_busy--;
		return 2;
	}
	if (p->share_refuse) {
		if (p->share_refuse != PART_EVER)
			p->share_refuse--;
		return 1;
	}
	if (handle != p->handle || p->mem || (p->old_handles && handle == p->had))
		return 1;
	p->had = handle;
	/* Memory of the test is never freed by the other side before its end. */
	p->mem = vmap(p->pages, p->npages, VM_MAP, PAGE_KERNEL);
	if (!p->mem)
		return 1;
	p->area = get_unaligned_le16(q);
	if (p->area != 1 || !p->format)
		return 0;
	if (get_unaligned_le16(seg(p, 0)) == VIRTIO_MSG_SEG_MAGIC)
		ring_restart(p);
	else
		ring_format(p);
	return 0;
}

static void private(struct part *p, const u8 *frame, u8 *a)
{
	const u8 *q = frame + fake_hdr_len(p->peer->link.wire);
	unsigned int hdr;
	u16 result = 0;

	switch (frame[1]) {
	case 0x81:
		result = share_area(p, q);
		hdr = private_header(p, a, frame, 4);
		put_unaligned_le16(get_unaligned_le16(q) + p->share_other, a + hdr);
		put_unaligned_le16(result, a + hdr + 2);
		return;
	case 0x82:
		if (p->unshare_busy) {
			p->unshare_busy--;
			result = 2;
		} else if (p->unshare_refuse || get_unaligned_le16(q) != p->area) {
			result = 1;
		} else {
			unmap_area(p);
		}
		hdr = private_header(p, a, frame, 4);
		put_unaligned_le16(get_unaligned_le16(q), a + hdr);
		put_unaligned_le16(result, a + hdr + 2);
		return;
	case 0x83:
		p->resets++;
		start_over(p);
		private_header(p, a, frame, 0);
		return;
	case 0x84:
		p->polls++;
		if (p->area == 1 && p->mem && get_unaligned_le16(seg(p, 0)))
			ring_run(p);
		if (p->endless && !p->nevents)
			put_event(p, 0, VIRTIO_MSG_EVENT_USED, 0, 0);
		if (p->nevents) {
			struct part_event *e = &p->events[p->first];

			memcpy(a, e->frame, e->len);
			if (p->event_lies) {
				p->event_lies--;
				memset(a, 0xff, PART_MESSAGE);
				a[0] = p->event_lies & 1 ? 0 : 0xff;
			}
			p->first = (p->first + 1) % PART_EVENTS;
			p->nevents--;
			return;
		}
		p->told = false;
		private_header(p, a, frame, 0);
		return;
	case 0x85:
		p->method = q[0];
		if (p->method == 1 && get_unaligned_le16(q + 2) != p->notify_id)
			p->wrong++;
		if (p->configure_busy) {
			p->configure_busy--;
			result = 2;
		}
		hdr = private_header(p, a, frame, 4);
		put_unaligned_le16(result, a + hdr);
		put_unaligned_le16(p->kicks_by, a + hdr + 2);
		return;
	default:
		p->wrong++;
		private_header(p, a, frame, 0);
	}
}

/* One message of the driver, and the answer to it. */
static void message(struct part *p, u8 *frame, size_t room)
{
	u8 answer[PART_ELEM] = { };
	bool bus = frame[0] & VIRTIO_MSG_TYPE_BUS;

	if (p->busy) {
		if (p->busy != PART_EVER)
			p->busy--;
	} else if (bus && frame[1] == 0x80) {
		version(p, frame, answer);
	} else if (!p->agreed && !(bus && frame[1] == 0x83)) {
		error(answer);
	} else if (bus && frame[1] >= 0x80) {
		private(p, frame, answer);
	} else if (room < PART_MESSAGE || p->area == 1) {
		p->wrong++;
	} else {
		if (p->avail_lies && frame[1] == VIRTIO_MSG_EVENT_AVAIL) {
			if (p->avail_lies != PART_EVER)
				p->avail_lies--;
			memset(answer, 0xfe, room);
		} else {
			virtio_msg(p, frame, room, answer);
		}
	}
	memcpy(frame, answer, room);
}

/* FF-A's operations */

static int direct(struct part *p, u8 *frame, size_t room)
{
	bool company = atomic_inc_return(&p->in_call) > 1;
	int ret = 0;

	might_sleep();
	if (p->slow)
		usleep_range(500, 1000);
	mutex_lock(&p->state);
	p->calls++;
	if (p->single && company) {
		p->overlaps++;
		ret = -EBUSY;
	} else if (p->refuse) {
		if (p->refuse != PART_EVER)
			p->refuse--;
		ret = p->refuse_with;
	} else {
		message(p, frame, room);
	}
	if (p->kick_waits && !p->busy)
		schedule_work(&p->kicked);
	tell(p);
	mutex_unlock(&p->state);
	atomic_dec(&p->in_call);
	return ret;
}

static int op_sync_send_receive(struct ffa_device *fdev, struct ffa_send_direct_data *d)
{
	u8 frame[PART_REGS_1_1];
	int ret;

	put_unaligned_le64(d->data0, frame);
	put_unaligned_le64(d->data1, frame + 8);
	put_unaligned_le64(d->data2, frame + 16);
	put_unaligned_le64(d->data3, frame + 24);
	put_unaligned_le64(d->data4, frame + 32);
	ret = direct(to_part(fdev), frame, sizeof(frame));
	if (ret)
		return ret;
	d->data0 = get_unaligned_le64(frame);
	d->data1 = get_unaligned_le64(frame + 8);
	d->data2 = get_unaligned_le64(frame + 16);
	d->data3 = get_unaligned_le64(frame + 24);
	d->data4 = get_unaligned_le64(frame + 32);
	return 0;
}

static int op_sync_send_receive2(struct ffa_device *fdev,
				 struct ffa_send_direct_data2 *d)
{
	struct part *p = to_part(fdev);
	u8 frame[PART_REGS];
	unsigned int i;
	int ret;

	if (p->no_req2)
		return -EOPNOTSUPP;
	for (i = 0; i < ARRAY_SIZE(d->data); i++)
		put_unaligned_le64(d->data[i], frame + 8 * i);
	ret = direct(p, frame, sizeof(frame));
	for (i = 0; !ret && i < ARRAY_SIZE(d->data); i++)
		d->data[i] = get_unaligned_le64(frame + 8 * i);
	return ret;
}

/* The length of what is in @buf is not said. */
static void deliver(struct part *p, const void *data, size_t len)
{
	void *buf = kmemdup(data, len, GFP_KERNEL);
	ffa_fwk_notifier_cb cb;
	void *cb_data;

	spin_lock_irq(&p->lock);
	cb = p->fwk_cb;
	cb_data = p->fwk_data;
	spin_unlock_irq(&p->lock);
	if (buf && cb)
		cb(0, cb_data, buf);
	kfree(buf);
}

static void mailbox(struct work_struct *work)
{
	struct part *p = container_of(work, struct part, mailbox);
	struct part_event e;

	for (;;) {
		mutex_lock(&p->state);
		if (!p->nout) {
			mutex_unlock(&p->state);
			return;
		}
		e = p->outbox[0];
		memmove(&p->outbox[0], &p->outbox[1], --p->nout * sizeof(e));
		mutex_unlock(&p->state);
		deliver(p, e.frame, e.len);
	}
}

static int op_indirect_send(struct ffa_device *fdev, void *buf, size_t len)
{
	struct part *p = to_part(fdev);
	u8 frame[PART_MESSAGE];
	int ret = 0;

	might_sleep();
	mutex_lock(&p->state);
	if (len != PART_MESSAGE)
		p->wrong++;
	if (p->refuse) {
		if (p->refuse != PART_EVER)
			p->refuse--;
		ret = p->refuse_with;
		goto out;
	}
	memcpy(frame, buf, min(len, sizeof(frame)));
	if (p->busy) {
		/* Lost: nobody says so. */
		if (p->busy != PART_EVER)
			p->busy--;
		goto out;
	}
	message(p, frame, sizeof(frame));
	/* Events have no answer there. */
	if (p->nout < PART_EVENTS && memchr_inv(frame, 0, sizeof(frame)) &&
	    (frame[1] < VIRTIO_MSG_EVENT_BASE || frame[1] >= 0x80)) {
		p->outbox[p->nout].len = PART_MESSAGE;
		memcpy(p->outbox[p->nout++].frame, frame, PART_MESSAGE);
	}
	schedule_work(&p->mailbox);
out:
	mutex_unlock(&p->state);
	return ret;
}

static int op_notify_request(struct ffa_device *fdev, bool per_vcpu,
			     ffa_notifier_cb cb, void *data, int id)
{
	struct part *p = to_part(fdev);

	might_sleep();
	if (per_vcpu || id < 0 || id > 63)
		p->wrong++;
	if (p->no_notify)
		return -EOPNOTSUPP;
	if (p->notify_cb || p->taken & BIT_ULL(id))
		return -EINVAL;
	spin_lock_irq(&p->lock);
	p->notify_id = id;
	p->notify_data = data;
	p->notify_cb = cb;
	spin_unlock_irq(&p->lock);
	return 0;
}

static int op_notify_relinquish(struct ffa_device *fdev, int id)
{
	struct part *p = to_part(fdev);

	might_sleep();
	if (!p->notify_cb || id != p->notify_id) {
		p->wrong++;
		return -EINVAL;
	}
	spin_lock_irq(&p->lock);
	p->notify_cb = NULL;
	spin_unlock_irq(&p->lock);
	return 0;
}

static int op_fwk_request(struct ffa_device *fdev, ffa_fwk_notifier_cb cb,
			  void *data, int id)
{
	struct part *p = to_part(fdev);

	might_sleep();
	if (p->no_notify)
		return -EOPNOTSUPP;
	if (p->fwk_cb || id)
		p->wrong++;
	spin_lock_irq(&p->lock);
	p->fwk_data = data;
	p->fwk_cb = cb;
	spin_unlock_irq(&p->lock);
	return 0;
}

static int op_fwk_relinquish(struct ffa_device *fdev, int id)
{
	struct part *p = to_part(fdev);

	might_sleep();
	if (!p->fwk_cb || id)
		p->wrong++;
	spin_lock_irq(&p->lock);
	p->fwk_cb = NULL;
	spin_unlock_irq(&p->lock);
	return 0;
}

static void kicked(struct work_struct *work)
{
	struct part *p = container_of(work, struct part, kicked);

	mutex_lock(&p->state);
	/* A bit that was set while it was busy is still set afterwards. */
	p->kick_waits = p->busy;
	if (p->agreed && p->mem && !p->busy) {
		if (p->area == 1)
			ring_run(p);
		serve_all(p);
	}
	tell(p);
	mutex_unlock(&p->state);
}

/* From any context; so it only makes a note. */
static int op_notify_send(struct ffa_device *fdev, int id, bool per_vcpu, u16 vcpu)
{
	struct part *p = to_part(fdev);

	if (per_vcpu || id != p->kicks_by)
		p->wrong++;
	if (READ_ONCE(p->no_kicks))
		return -EBUSY;
	if (irqs_disabled())
		atomic_inc(&p->atomic_kicks);
	schedule_work(&p->kicked);
	return 0;
}

static u32 op_version(void)
{
	return part_now->no_req2 ? FFA_VERSION_1_1 : FFA_VERSION_1_2;
}

static const struct ffa_ops part_ops = {
	.info_ops = &(const struct ffa_info_ops) {
		.api_version_get = op_version,
	},
	.msg_ops = &(const struct ffa_msg_ops) {
		.sync_send_receive = op_sync_send_receive,
		.sync_send_receive2 = op_sync_send_receive2,
		.indirect_send = op_indirect_send,
	},
	.mem_ops = &(const struct ffa_mem_ops) {
		.memory_share = op_memory_share,
		.memory_reclaim = op_memory_reclaim,
	},
	.notifier_ops = &(const struct ffa_notifier_ops) {
		.notify_request = op_notify_request,
		.notify_relinquish = op_notify_relinquish,
		.fwk_notify_request = op_fwk_request,
		.fwk_notify_relinquish = op_fwk_relinquish,
		.notify_send = op_notify_send,
	},
};

static void release(struct device *dev)
{
}

/**
 * part_new() - a partition with one device, of the type PART_ID
 * @test: the test
 * @properties: FFA_PARTITION_*
 *
 * It speaks xid32, polls, and has nothing to hide.
 *
 * Context: may sleep.
 * Return: the partition.
 */
struct part *part_new(struct kunit *test, u32 properties)
{
	struct part *p = kzalloc_obj(*p);
	struct fake_dev *d;

	KUNIT_ASSERT_NOT_NULL(test, p);
	test->priv = p;
	part_now = p;
	p->test = test;
	p->peer = fake_new(test, VIRTIO_MSG_WIRE_XID32);
	p->peer->link.max_msg_size = PART_ELEM;
	/* Devices want their buffers in a window. */
	p->peer->link.window.size = 1;
	spin_lock_init(&p->lock);
	mutex_init(&p->state);
	INIT_WORK(&p->mailbox, mailbox);
	INIT_WORK(&p->kicked, kicked);
	p->forms = PART_FORM_22 | PART_FORM_18 | PART_FORM_OLD;
	p->bus_version = 0x10000;
	p->revision = 1;
	p->wires = BIT(VIRTIO_MSG_WIRE_COUNT) - 1;
	p->bus_features = 1;
	p->max_areas = 8;
	p->refuse_with = -EBUSY;
	p->next_handle = 0x100000001ULL;
	p->kicks_by = 0xffff;
	p->format = true;
	p->instance = 0x1000;
	d = fake_add(p->peer, 3, PART_ID);
	KUNIT_ASSERT_NOT_NULL(test, d);
	d->max_vqs = 1;

	p->fdev.vm_id = 0x8001;
	p->fdev.properties = properties;
	p->fdev.ops = &part_ops;
	device_initialize(&p->fdev.dev);
	p->fdev.dev.release = release;
	KUNIT_ASSERT_EQ(test, dev_set_name(&p->fdev.dev, "ffa-kunit"), 0);
	KUNIT_ASSERT_EQ(test, device_add(&p->fdev.dev), 0);
	return p;
}

/**
 * part_bind() - bind the driver
 * @p: the partition
 *
 * Context: may sleep.
 * Return: as probe().
 */
int part_bind(struct part *p)
{
	int ret = vmsg_ffa_probe(&p->fdev);

	p->bound = !ret;
	return ret;
}

/**
 * part_unbind() - unbind it, if it is bound
 * @p: the partition
 *
 * Context: may sleep.
 */
void part_unbind(struct part *p)
{
	if (p->bound)
		vmsg_ffa_remove(&p->fdev);
	p->bound = false;
}

/**
 * part_free() - free a partition
 * @p: the partition, may be NULL
 *
 * Context: may sleep.
 */
void part_free(struct part *p)
{
	if (!p)
		return;
	p->busy = 0;
	p->refuse = 0;
	p->unshare_refuse = false;
	p->keep = false;
	part_unbind(p);
	cancel_work_sync(&p->mailbox);
	cancel_work_sync(&p->kicked);
	KUNIT_EXPECT_EQ(p->test, p->wrong, 0);
	KUNIT_EXPECT_PTR_EQ(p->test, p->notify_cb, NULL);
	KUNIT_EXPECT_PTR_EQ(p->test, p->fwk_cb, NULL);
	unmap_area(p);
	kvfree(p->pages);
	device_unregister(&p->fdev.dev);
	fake_free(p->peer);
	part_now = NULL;
	kfree(p);
}

/**
 * part_driver() - what the driver keeps
 * @p: the partition, bound
 *
 * Context: any.
 * Return: it.
 */
struct vmsg_ffa *part_driver(struct part *p)
{
	return ffa_dev_get_drvdata(&p->fdev);
}

static int is_bus(struct device *dev, void *data)
{
	struct device **found = data;

	if (!dev->class || strcmp(dev->class->name, "virtio-msg"))
		return 0;
	*found = dev;
	return 1;
}

/**
 * part_bus() - the bus
 * @p: the partition, bound
 *
 * Context: may sleep.
 * Return: the bus, as long as it is there.
 */
struct virtio_msg_bus *part_bus(struct part *p)
{
	struct device *dev = NULL;

	device_for_each_child(&p->fdev.dev, &dev, is_bus);
	KUNIT_ASSERT_NOT_NULL(p->test, dev);
	return container_of(dev, struct virtio_msg_bus, ctx.dev);
}

/**
 * part_forget() - the partition crashes and comes back
 * @p: the partition
 *
 * Context: may sleep.
 */
void part_forget(struct part *p)
{
	mutex_lock(&p->state);
	start_over(p);
	mutex_unlock(&p->state);
}

/**
 * part_event() - send an event of four bytes
 * @p: the partition
 * @type: of the header
 * @msg_id: message number
 * @dev: device number
 * @word: payload
 *
 * Context: may sleep.
 */
void part_event(struct part *p, u8 type, u8 msg_id, u16 dev, u32 word)
{
	mutex_lock(&p->state);
	put_event(p, type, msg_id, dev, word);
	tell(p);
	mutex_unlock(&p->state);
}

/**
 * part_notify() - a notification for nothing
 * @p: the partition
 *
 * Context: any.
 */
void part_notify(struct part *p)
{
	notify(p);
}

/**
 * part_serve_all() - use all buffers that wait
 * @p: the partition
 *
 * Context: may sleep.
 */
void part_serve_all(struct part *p)
{
	mutex_lock(&p->state);
	serve_all(p);
	tell(p);
	mutex_unlock(&p->state);
}

/**
 * part_indirect() - send an indirect message of any content
 * @p: the partition
 * @data: it
 * @len: its bytes
 *
 * Context: may sleep.
 */
void part_indirect(struct part *p, const void *data, size_t len)
{
	deliver(p, data, len);
}
