// SPDX-License-Identifier: GPL-2.0-only
/*
 * A transport for the unit tests; see the header
 */
#include <kunit/device.h>
#include <kunit/test.h>
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/unaligned.h>
#include <linux/virtio_config.h>
#include <linux/vmalloc.h>

#include "../internal.h"
#include "fake_transport.h"

/* The public header layouts, once more. */
unsigned int fake_hdr_len(unsigned int wire)
{
	static const u8 len[] = {
		[VIRTIO_MSG_WIRE_RFC2] = 6,
		[VIRTIO_MSG_WIRE_V1] = 8,
		[VIRTIO_MSG_WIRE_V2] = 8,
		[VIRTIO_MSG_WIRE_XID32] = 12,
	};

	return len[wire];
}

static bool fake_new_layout(struct fake *f)
{
	return f->link.wire >= VIRTIO_MSG_WIRE_V2;
}

static bool fake_is_xid32(struct fake *f)
{
	return f->link.wire == VIRTIO_MSG_WIRE_XID32;
}

/**
 * fake_msg() - make a message
 * @f: the fake
 * @type: VIRTIO_MSG_TYPE_*
 * @msg_id: message number
 * @dev_num: device number
 * @xid: transaction ID or token
 * @len: bytes of payload, zeroed
 *
 * Context: any.
 * Return: the message, for fake_deliver(), which frees it.
 */
struct fake_msg *fake_msg(struct fake *f, u8 type, u8 msg_id, u16 dev_num,
			  u32 xid, u16 len)
{
	size_t cap = max_t(size_t, f->link.max_msg_size, 16 + len);
	struct fake_msg *m = kzalloc(struct_size(m, frame, cap), GFP_ATOMIC);

	/* A test that has no memory for this tells nothing. */
	if (!m)
		panic("fake transport: no memory");
	m->type = type;
	m->msg_id = msg_id;
	m->dev_num = dev_num;
	m->xid = xid;
	m->len = len;
	m->cap = cap;
	m->payload = m->frame + fake_hdr_len(f->link.wire);
	return m;
}

/**
 * fake_header() - write the header of a message into its frame
 * @f: the fake
 * @m: the message
 *
 * Context: any.
 * Return: bytes of the whole frame.
 */
size_t fake_header(struct fake *f, struct fake_msg *m)
{
	u16 size = fake_hdr_len(f->link.wire) + m->len;
	u8 *p = m->frame;

	p[0] = m->type;
	p[1] = m->msg_id;
	put_unaligned_le16(m->dev_num, p + 2);
	switch (f->link.wire) {
	case VIRTIO_MSG_WIRE_RFC2:
		put_unaligned_le16(size, p + 4);
		break;
	case VIRTIO_MSG_WIRE_XID32:
		put_unaligned_le16(size, p + 4);
		put_unaligned_le16(m->result, p + 6);
		put_unaligned_le32(m->xid, p + 8);
		break;
	default:
		put_unaligned_le16(m->xid, p + 4);
		put_unaligned_le16(size, p + 6);
		break;
	}
	return size;
}

/**
 * fake_parse() - a message out of a frame that the core has sent
 * @f: the fake
 * @frame: the frame
 * @len: its bytes, padding included
 *
 * Context: any.
 * Return: the message, for kfree().
 */
struct fake_msg *fake_parse(struct fake *f, const void *frame, size_t len)
{
	struct fake_msg *m = fake_msg(f, 0, 0, 0, 0, len);
	unsigned int hdr = fake_hdr_len(f->link.wire);
	const u8 *p = frame;

	memcpy(m->frame, frame, len);
	m->type = p[0];
	m->msg_id = p[1];
	m->dev_num = get_unaligned_le16(p + 2);
	if (fake_is_xid32(f)) {
		m->len = get_unaligned_le16(p + 4) - hdr;
		m->result = get_unaligned_le16(p + 6);
		m->xid = get_unaligned_le32(p + 8);
	} else if (f->link.wire == VIRTIO_MSG_WIRE_RFC2) {
		m->len = get_unaligned_le16(p + 4) - hdr;
	} else {
		m->xid = get_unaligned_le16(p + 4);
		m->len = get_unaligned_le16(p + 6) - hdr;
	}
	return m;
}

/**
 * fake_deliver() - give a message to the core, and free it
 * @f: the fake
 * @m: the message
 *
 * Context: any.
 */
void fake_deliver(struct fake *f, struct fake_msg *m)
{
	size_t len = fake_header(f, m);

	virtio_msg_rx(f->bus, m->frame, len);
	kfree(m);
}

/* The honest peer. */

/**
 * fake_dev() - a device of the honest peer
 * @f: the fake
 * @num: device number
 *
 * Context: any.
 * Return: the device, or NULL.
 */
struct fake_dev *fake_dev(struct fake *f, u16 num)
{
	unsigned int i;

	for (i = 0; i < FAKE_DEVS; i++)
		if (f->devs[i].present && f->devs[i].num == num)
			return &f->devs[i];
	return NULL;
}

/**
 * fake_add() - add a device that every driver can be content with
 * @f: the fake
 * @num: device number
 * @id: virtio device ID
 *
 * Context: any.
 * Return: the device.
 */
struct fake_dev *fake_add(struct fake *f, u16 num, u32 id)
{
	unsigned int i, j;

	for (i = 0; i < FAKE_DEVS; i++) {
		struct fake_dev *d = &f->devs[i];

		if (d->present)
			continue;
		memset(d, 0, sizeof(*d));
		d->num = num;
		d->id = id;
		d->uuid[0] = 1 + i;
		d->feature_bits = 64;
		d->features[1] = BIT(VIRTIO_F_VERSION_1 - 32);
		if (f->link.window.size)
			d->features[1] |= BIT(VIRTIO_F_ACCESS_PLATFORM - 32);
		d->config_size = 32;
		for (j = 0; j < FAKE_CONFIG; j++)
			d->config[j] = j;
		d->max_vqs = 4;
		for (j = 0; j < FAKE_VQS; j++)
			d->vq[j].max_size = 16;
		d->present = true;
		return d;
	}
	return NULL;
}

static void fake_get_info(struct fake *f, struct fake_dev *d, struct fake_msg *r)
{
	u8 *p = r->payload;

	if (!d) {
		if (fake_is_xid32(f)) {
			r->result = VIRTIO_MSG_RESULT_NO_DEVICE;
			return;
		}
		r->len = fake_new_layout(f) ? 44 : 24;
		return;
	}
	put_unaligned_le32(d->id, p);
	put_unaligned_le32(0x1af4, p + 4);
	if (fake_new_layout(f)) {
		memcpy(p + 8, d->uuid, 16);
		put_unaligned_le32(DIV_ROUND_UP_ULL(d->feature_bits, 32), p + 24);
		put_unaligned_le32(d->config_size, p + 28);
		put_unaligned_le32(d->max_vqs, p + 32);
		put_unaligned_le32(d->admin_start, p + 36);
		put_unaligned_le32(d->admin_count, p + 40);
		r->len = 44;
	} else {
		put_unaligned_le32(d->feature_bits, p + 8);
		put_unaligned_le32(d->config_size, p + 12);
		put_unaligned_le32(d->max_vqs, p + 16);
		put_unaligned_le16(d->admin_start, p + 20);
		put_unaligned_le16(d->admin_count, p + 22);
		r->len = 24;
	}
}

static void fake_get_features(struct fake *f, struct fake_dev *d,
			      const struct fake_msg *rq, struct fake_msg *r)
{
	u32 block = get_unaligned_le32(rq->payload);
	u32 num = get_unaligned_le32(rq->payload + 4);
	unsigned int at = fake_is_xid32(f) ? 4 : 8;
	u32 i;

	put_unaligned_le32(block, r->payload);
	if (!fake_is_xid32(f))
		put_unaligned_le32(num, r->payload + 4);
	for (i = 0; i < num; i++)
		put_unaligned_le32(block + i < FAKE_BLOCKS ? d->features[block + i] : 0,
				   r->payload + at + 4 * i);
	r->len = at + 4 * num;
}

static void fake_set_features(struct fake *f, struct fake_dev *d,
			      const struct fake_msg *rq)
{
	u32 block = get_unaligned_le32(rq->payload);
	unsigned int at = fake_is_xid32(f) ? 4 : 8;
	u32 num = fake_is_xid32(f) ? (rq->len - 4) / 4 :
				     get_unaligned_le32(rq->payload + 4);
	u32 i;

	for (i = 0; i < num && block + i < FAKE_BLOCKS; i++)
		d->driver_features[block + i] =
			get_unaligned_le32(rq->payload + at + 4 * i);
}

/* Header of a configuration answer; returns where the data goes. */
static u8 *fake_config_header(struct fake *f, struct fake_dev *d,
			      struct fake_msg *r, u32 offset, u32 len)
{
	put_unaligned_le32(d->generation, r->payload);
	put_unaligned_le32(offset, r->payload + 4);
	if (fake_is_xid32(f)) {
		r->len = 8 + len;
		return r->payload + 8;
	}
	put_unaligned_le32(len, r->payload + 8);
	r->len = 12 + len;
	return r->payload + 12;
}

static void fake_get_config(struct fake *f, struct fake_dev *d,
			    const struct fake_msg *rq, struct fake_msg *r)
{
	u32 offset = get_unaligned_le32(rq->payload);
	u32 len = get_unaligned_le32(rq->payload + 4);
	u8 *data;

	if (offset > d->config_size || len > d->config_size - offset) {
		r->result = VIRTIO_MSG_RESULT_BAD_ARG;
		return;
	}
	data = fake_config_header(f, d, r, offset, len);
	memcpy(data, d->config + offset, len);
}

static void fake_set_config(struct fake *f, struct fake_dev *d,
			    const struct fake_msg *rq, struct fake_msg *r)
{
	u32 gen = get_unaligned_le32(rq->payload);
	u32 offset = get_unaligned_le32(rq->payload + 4);
	unsigned int at = fake_is_xid32(f) ? 8 : 12;
	u32 len = fake_is_xid32(f) ? rq->len - 8 :
				     get_unaligned_le32(rq->payload + 8);
	u8 *data;

	if (offset > d->config_size || len > d->config_size - offset ||
	    (gen != d->generation && f->link.wire != VIRTIO_MSG_WIRE_V2)) {
		fake_config_header(f, d, r, offset, 0);
		return;
	}
	memcpy(d->config + offset, rq->payload + at, len);
	data = fake_config_header(f, d, r, offset, len);
	memcpy(data, d->config + offset, len);
}

static void fake_status(struct fake_dev *d, const struct fake_msg *rq,
			struct fake_msg *r)
{
	unsigned int i;

	if (rq->msg_id == VIRTIO_MSG_SET_DEVICE_STATUS) {
		u32 status = get_unaligned_le32(rq->payload);

		if (!status) {
			d->resetting = d->slow_reset;
			for (i = 0; i < FAKE_VQS; i++)
				d->vq[i].enabled = false;
		}
		if (status || !d->resetting)
			d->status = status;
	} else if (d->resetting && !--d->resetting) {
		d->status = 0;
	}
	put_unaligned_le32(d->status, r->payload);
	r->len = 4;
}

static void fake_queue(struct fake *f, struct fake_dev *d,
		       const struct fake_msg *rq, struct fake_msg *r)
{
	u32 index = get_unaligned_le32(rq->payload);
	/* There is a word more before the addresses. */
	unsigned int at = f->link.wire == VIRTIO_MSG_WIRE_RFC2 ? 12 : 16;
	struct fake_vq *q = index < FAKE_VQS ? &d->vq[index] : NULL;
	u8 *p;

	switch (rq->msg_id) {
	case VIRTIO_MSG_GET_VQUEUE:
		p = r->payload;
		put_unaligned_le32(index, p);
		r->len = at + 24;
		if (!q)
			break;
		put_unaligned_le32(q->max_size, p + 4);
		put_unaligned_le32(q->size, p + 8);
		if (fake_new_layout(f))
			put_unaligned_le32(q->enabled, p + 12);
		put_unaligned_le64(q->desc, p + at);
		put_unaligned_le64(q->driver, p + at + 8);
		put_unaligned_le64(q->device, p + at + 16);
		break;
	case VIRTIO_MSG_SET_VQUEUE:
		p = rq->payload;
		if (!q || (fake_new_layout(f) && get_unaligned_le32(p + 4) != 1)) {
			r->result = VIRTIO_MSG_RESULT_BAD_ARG;
			break;
		}
		q->size = get_unaligned_le32(p + 8);
		q->desc = get_unaligned_le64(p + at);
		q->driver = get_unaligned_le64(p + at + 8);
		q->device = get_unaligned_le64(p + at + 16);
		q->enabled = true;
		break;
	default:
		if (q)
			q->enabled = false;
	}
}

static void fake_get_shm(struct fake *f, struct fake_dev *d,
			 const struct fake_msg *rq, struct fake_msg *r)
{
	u32 id = get_unaligned_le32(rq->payload);

	put_unaligned_le32(id, r->payload);
	if (!fake_new_layout(f)) {
		r->len = 12;
		return;
	}
	/* Region 1 is a page in the segment, region 2 lies outside. */
	put_unaligned_le64(id == 1 || id == 2 ? 4096 : 0, r->payload + 8);
	put_unaligned_le64(id == 2 ? ~0ULL << 12 : (1ULL << 48) + 8192,
			   r->payload + 16);
	r->len = 24;
}

static void fake_get_devices(struct fake *f, const struct fake_msg *rq,
			     struct fake_msg *r)
{
	u32 offset = get_unaligned_le16(rq->payload);
	u32 count = get_unaligned_le16(rq->payload + 2);
	unsigned int at = fake_is_xid32(f) ? 4 : 6;
	u32 next = offset + count, claim, i;

	if (next > 65535)
		next = 0;
	put_unaligned_le16(offset, r->payload);
	claim = count;
	if (f->counts_present) {
		claim = 0;
		for (i = 0; i < FAKE_DEVS; i++)
			claim += f->devs[i].present;
		next = 8;
	}
	switch (f->link.wire) {
	case VIRTIO_MSG_WIRE_XID32:
		put_unaligned_le16(next, r->payload + 2);
		break;
	case VIRTIO_MSG_WIRE_V2:
		put_unaligned_le16(next, r->payload + 2);
		put_unaligned_le16(claim, r->payload + 4);
		break;
	default:
		put_unaligned_le16(claim, r->payload + 2);
		put_unaligned_le16(next, r->payload + 4);
	}
	for (i = 0; i < count && offset + i < 65536; i++)
		if (f->ghosts && test_bit(offset + i, f->ghosts))
			r->payload[at + i / 8] |= 1 << (i % 8);
	for (i = 0; i < FAKE_DEVS; i++) {
		struct fake_dev *d = &f->devs[i];

		if (d->present && d->num >= offset && d->num < offset + count)
			r->payload[at + (d->num - offset) / 8] |=
				1 << ((d->num - offset) % 8);
	}
	r->len = at + count / 8;
}

/**
 * fake_answer() - what the honest peer answers
 * @f: the fake
 * @rq: the request
 *
 * Context: any.
 * Return: the answer, for fake_deliver().
 */
struct fake_msg *fake_answer(struct fake *f, const struct fake_msg *rq)
{
	struct fake_msg *r = fake_msg(f, rq->type | VIRTIO_MSG_TYPE_RESPONSE,
				      rq->msg_id, rq->dev_num, rq->xid, 0);
	struct fake_dev *d = fake_dev(f, rq->dev_num);

	if (rq->type & VIRTIO_MSG_TYPE_BUS) {
		if (rq->msg_id == VIRTIO_MSG_BUS_GET_DEVICES) {
			fake_get_devices(f, rq, r);
		} else if (rq->msg_id == VIRTIO_MSG_BUS_PING) {
			memcpy(r->payload, rq->payload, 4);
			r->len = 4;
		} else {
			r->result = VIRTIO_MSG_RESULT_UNKNOWN;
		}
	} else if (rq->msg_id == VIRTIO_MSG_GET_DEVICE_INFO) {
		fake_get_info(f, d, r);
	} else if (!d) {
		r->result = VIRTIO_MSG_RESULT_NO_DEVICE;
	} else {
		switch (rq->msg_id) {
		case VIRTIO_MSG_GET_DEVICE_FEATURES:
			fake_get_features(f, d, rq, r);
			break;
		case VIRTIO_MSG_SET_DRIVER_FEATURES:
			fake_set_features(f, d, rq);
			break;
		case VIRTIO_MSG_GET_CONFIG:
			fake_get_config(f, d, rq, r);
			break;
		case VIRTIO_MSG_SET_CONFIG:
			fake_set_config(f, d, rq, r);
			break;
		case VIRTIO_MSG_GET_DEVICE_STATUS:
		case VIRTIO_MSG_SET_DEVICE_STATUS:
			fake_status(d, rq, r);
			break;
		case VIRTIO_MSG_GET_VQUEUE:
		case VIRTIO_MSG_SET_VQUEUE:
		case VIRTIO_MSG_RESET_VQUEUE:
			fake_queue(f, d, rq, r);
			break;
		case VIRTIO_MSG_GET_SHM:
			fake_get_shm(f, d, rq, r);
			break;
		default:
			r->result = VIRTIO_MSG_RESULT_UNKNOWN;
		}
	}
	return r;
}

/**
 * fake_reply() - answer a request, and free it
 * @f: the fake
 * @rq: the request
 *
 * Context: any.
 */
void fake_reply(struct fake *f, struct fake_msg *rq)
{
	struct fake_msg *r;

	if (!rq) {
		KUNIT_FAIL(f->test, "no request is held");
		return;
	}
	r = fake_answer(f, rq);
	if (f->mangle)
		f->mangle(f, rq, r);
	fake_deliver(f, r);
	kfree(rq);
}

static void fake_worker(struct work_struct *work)
{
	struct fake *f = container_of(work, struct fake, work);
	struct fake_msg *m;

	for (;;) {
		spin_lock_irq(&f->lock);
		m = list_first_entry_or_null(&f->for_work, struct fake_msg, node);
		if (m)
			list_del(&m->node);
		spin_unlock_irq(&f->lock);
		if (!m)
			return;
		fake_reply(f, m);
	}
}

/**
 * fake_take() - take a request that is held
 * @f: the fake
 * @n: which, the oldest is 0
 *
 * Context: any.
 * Return: the request, for fake_reply() or kfree(); NULL if there is none.
 */
struct fake_msg *fake_take(struct fake *f, unsigned int n)
{
	struct fake_msg *m, *found = NULL;
	unsigned long flags;

	spin_lock_irqsave(&f->lock, flags);
	list_for_each_entry(m, &f->held, node) {
		if (n--)
			continue;
		found = m;
		list_del(&m->node);
		f->num_held--;
		break;
	}
	spin_unlock_irqrestore(&f->lock, flags);
	return found;
}

/**
 * fake_reply_all() - answer everything that is held, oldest first
 * @f: the fake
 *
 * Context: any.
 */
void fake_reply_all(struct fake *f)
{
	struct fake_msg *m;

	while ((m = fake_take(f, 0)))
		fake_reply(f, m);
}

/**
 * fake_held() - how many requests are held
 * @f: the fake
 *
 * Context: any.
 * Return: the number.
 */
unsigned int fake_held(struct fake *f)
{
	return READ_ONCE(f->num_held);
}

/**
 * fake_count() - how often a message was sent
 * @f: the fake
 * @bus: it is a bus message
 * @msg_id: message number
 *
 * Context: any.
 * Return: the number.
 */
unsigned int fake_count(struct fake *f, bool bus, u8 msg_id)
{
	return READ_ONCE(f->requests[bus][msg_id]);
}

/**
 * fake_last() - the last message of a kind that was sent
 * @f: the fake
 * @bus: it is a bus message
 * @msg_id: message number
 * @copy: receives the message without its frame, may be NULL
 * @payload: receives the begin of its payload, may be NULL
 * @len: how much of it
 *
 * Context: any.
 * Return: false if there was none.
 */
bool fake_last(struct fake *f, bool bus, u8 msg_id, struct fake_msg *copy,
	       void *payload, size_t len)
{
	struct fake_msg *m;
	unsigned long flags;
	bool found = false;

	spin_lock_irqsave(&f->lock, flags);
	list_for_each_entry_reverse(m, &f->sent, node) {
		if (m->msg_id != msg_id || !(m->type & VIRTIO_MSG_TYPE_BUS) == bus)
			continue;
		if (copy)
			memcpy(copy, m, sizeof(*copy));
		if (payload)
			memcpy(payload, m->payload, len);
		found = true;
		break;
	}
	spin_unlock_irqrestore(&f->lock, flags);
	return found;
}

/**
 * fake_forget() - forget what was sent so far
 * @f: the fake
 *
 * Context: any.
 */
void fake_forget(struct fake *f)
{
	struct fake_msg *m, *tmp;
	unsigned long flags;

	spin_lock_irqsave(&f->lock, flags);
	list_for_each_entry_safe(m, tmp, &f->sent, node) {
		list_del(&m->node);
		kfree(m);
	}
	memset(f->requests, 0, sizeof(f->requests));
	spin_unlock_irqrestore(&f->lock, flags);
}

static bool fake_is_request(const struct fake_msg *m)
{
	return !(m->type & VIRTIO_MSG_TYPE_RESPONSE) &&
	       m->msg_id < VIRTIO_MSG_EVENT_BASE;
}

static int fake_take_frame(struct fake *f, const void *frame, size_t len)
{
	enum fake_reply reply = FAKE_SILENT;
	struct fake_msg *m;
	unsigned long flags;

	if (!(f->desc.flags & VIRTIO_MSG_T_ATOMIC_SEND))
		might_sleep();
	if (f->before_send) {
		int ret = f->before_send(f);

		if (ret)
			return ret;
	}
	spin_lock_irqsave(&f->lock, flags);
	if (!f->room || f->send_ret) {
		int ret = f->room ? f->send_ret : -EAGAIN;

		f->full += !f->room;
		spin_unlock_irqrestore(&f->lock, flags);
		return ret;
	}
	if (f->room != FAKE_ROOM)
		f->room--;
	m = fake_parse(f, frame, len);
	f->requests[!!(m->type & VIRTIO_MSG_TYPE_BUS)][m->msg_id]++;
	if (f->record)
		list_add_tail(&m->node, &f->sent);
	spin_unlock_irqrestore(&f->lock, flags);
	if (f->record)
		m = fake_parse(f, frame, len);

	if (fake_is_request(m))
		reply = f->script ? f->script(f, m) : READ_ONCE(f->reply);
	switch (reply) {
	case FAKE_IN_SEND:
		fake_reply(f, m);
		break;
	case FAKE_WORK:
		spin_lock_irqsave(&f->lock, flags);
		list_add_tail(&m->node, &f->for_work);
		spin_unlock_irqrestore(&f->lock, flags);
		schedule_work(&f->work);
		break;
	case FAKE_HOLD:
		spin_lock_irqsave(&f->lock, flags);
		list_add_tail(&m->node, &f->held);
		f->num_held++;
		spin_unlock_irqrestore(&f->lock, flags);
		break;
	default:
		kfree(m);
	}
	return 0;
}

static int fake_send(struct virtio_msg_bus *bus, const void *frame, size_t len)
{
	struct fake *f = virtio_msg_bus_priv(bus);
	int ret;

	if (atomic_inc_return(&f->sending) != 1)
		f->overlaps++;
	ret = fake_take_frame(f, frame, len);
	atomic_dec(&f->sending);
	return ret;
}

static int fake_kick(struct virtio_msg_bus *bus, u16 dev_num, u16 vq)
{
	struct fake *f = virtio_msg_bus_priv(bus);

	f->kicked++;
	return f->kick_op;
}

static int fake_start(struct virtio_msg_bus *bus)
{
	struct fake *f = virtio_msg_bus_priv(bus);

	if (f->start_ret)
		return f->start_ret;
	if (f->up_at_start)
		virtio_msg_peer_up(bus, &f->link);
	return 0;
}

static void fake_stop(struct virtio_msg_bus *bus)
{
	struct fake *f = virtio_msg_bus_priv(bus);

	cancel_work_sync(&f->work);
	f->stopped++;
}

static void fake_lost(struct virtio_msg_bus *bus)
{
	struct fake *f = virtio_msg_bus_priv(bus);

	f->lost++;
	if (f->come_back)
		virtio_msg_peer_up(bus, &f->link);
}

/* Events of the device side. */

/**
 * fake_event_device() - send EVENT_DEVICE
 * @f: the fake
 * @num: device number
 * @state: VIRTIO_MSG_DEVICE_*
 *
 * Context: any.
 */
void fake_event_device(struct fake *f, u16 num, u16 state)
{
	struct fake_msg *m = fake_msg(f, VIRTIO_MSG_TYPE_BUS,
				      VIRTIO_MSG_BUS_EVENT_DEVICE, 0, 0, 4);

	put_unaligned_le16(num, m->payload);
	put_unaligned_le16(state, m->payload + 2);
	fake_deliver(f, m);
}

/**
 * fake_event_used() - send EVENT_USED
 * @f: the fake
 * @num: device number
 * @vq: queue number
 *
 * Context: any.
 */
void fake_event_used(struct fake *f, u16 num, u32 vq)
{
	struct fake_msg *m = fake_msg(f, 0, VIRTIO_MSG_EVENT_USED, num, 0, 4);

	put_unaligned_le32(vq, m->payload);
	fake_deliver(f, m);
}

/**
 * fake_event_config() - send EVENT_CONFIG without data
 * @f: the fake
 * @num: device number
 * @status: device status in the event
 *
 * Context: any.
 */
void fake_event_config(struct fake *f, u16 num, u32 status)
{
	struct fake_msg *m = fake_msg(f, 0, VIRTIO_MSG_EVENT_CONFIG, num, 0,
				      fake_is_xid32(f) ? 12 : 16);
	struct fake_dev *d = fake_dev(f, num);

	put_unaligned_le32(status, m->payload);
	put_unaligned_le32(d ? d->generation : 0, m->payload + 4);
	fake_deliver(f, m);
}

/* Life. */

/**
 * fake_new() - make a fake, with a peer that answers honestly inside of send()
 * @test: the test
 * @wire: VIRTIO_MSG_WIRE_*
 *
 * Its fields may be changed before fake_register().
 *
 * Context: may sleep.
 * Return: the fake, for fake_free().
 */
struct fake *fake_new(struct kunit *test, unsigned int wire)
{
	struct device *parent = kunit_device_register(test, "virtio-msg-fake");
	struct fake *f;

	KUNIT_ASSERT_FALSE(test, IS_ERR(parent));
	f = kzalloc_obj(*f);
	KUNIT_ASSERT_NOT_NULL(test, f);
	f->test = test;
	f->parent = parent;
	spin_lock_init(&f->lock);
	INIT_LIST_HEAD(&f->sent);
	INIT_LIST_HEAD(&f->held);
	INIT_LIST_HEAD(&f->for_work);
	INIT_WORK(&f->work, fake_worker);
	f->ops.start = fake_start;
	f->ops.stop = fake_stop;
	f->ops.send = fake_send;
	f->ops.lost = fake_lost;
	f->desc.name = "fake";
	f->desc.owner = THIS_MODULE;
	f->desc.ops = &f->ops;
	f->desc.max_inflight = 256;
	f->desc.request_timeout_ms = 10000;
	f->desc.flags = VIRTIO_MSG_T_ATOMIC_SEND;
	f->link.wire = wire;
	f->link.max_msg_size = 264;
	f->link.peer = ~0;
	f->link.shm_phys = ~(phys_addr_t)0;
	f->link.window.phys = ~(phys_addr_t)0;
	f->up_at_start = true;
	f->come_back = true;
	f->record = true;
	f->room = FAKE_ROOM;
	return f;
}

/**
 * fake_window() - give the fake a window
 * @f: the fake, not registered
 * @size: bytes
 *
 * Context: may sleep.
 */
void fake_window(struct fake *f, size_t size)
{
	f->link.window.va = vzalloc(size);
	KUNIT_ASSERT_NOT_NULL(f->test, f->link.window.va);
	f->link.window.size = size;
	f->link.window.wire = (1ULL << 48) + 0x10000;
}

/**
 * fake_kick_words() - kicks of the fake are no messages
 * @f: the fake, not registered
 * @ret: what kick() returns
 *
 * Context: any.
 */
void fake_kick_words(struct fake *f, int ret)
{
	f->ops.kick = fake_kick;
	f->kick_op = ret;
}

/**
 * fake_register() - make and register the bus
 * @f: the fake
 *
 * Context: may sleep.
 * Return: as virtio_msg_bus_register().
 */
int fake_register(struct fake *f)
{
	int ret;

	if (!f->bus) {
		f->bus = virtio_msg_bus_alloc(f->parent, &f->desc, f);
		if (IS_ERR(f->bus)) {
			ret = PTR_ERR(f->bus);
			f->bus = NULL;
			return ret;
		}
	}
	/* A PING that the test knows nothing of would be in its way. */
	f->bus->keepalive_ms = f->keepalive_ms;
	ret = virtio_msg_bus_register(f->bus);
	f->registered = !ret;
	if (!ret)
		fake_settle(f);
	return ret;
}

/**
 * fake_settle() - wait until the core has done all it wants to do
 * @f: the fake; nothing is held
 *
 * Context: may sleep.
 */
void fake_settle(struct fake *f)
{
	unsigned int i;

	/* Each may leave work for the other. */
	for (i = 0; i < 3; i++) {
		flush_work(&f->bus->engine.pump_work);
		flush_work(&f->work);
		flush_work(&f->bus->work);
		flush_workqueue(f->bus->probing);
	}
}

/**
 * fake_unregister() - unregister the bus, with a peer that is honest again
 * @f: the fake
 *
 * Context: may sleep.
 */
void fake_unregister(struct fake *f)
{
	if (!f->registered)
		return;
	f->registered = false;
	f->script = NULL;
	f->mangle = NULL;
	f->before_send = NULL;
	f->send_ret = 0;
	f->room = FAKE_ROOM;
	f->reply = FAKE_IN_SEND;
	virtio_msg_tx_space(f->bus);
	fake_reply_all(f);
	virtio_msg_bus_unregister(f->bus);
}

/**
 * fake_free() - the end
 * @f: the fake, may be NULL
 *
 * Context: may sleep.
 */
void fake_free(struct fake *f)
{
	struct fake_msg *m;

	if (!f)
		return;
	fake_unregister(f);
	KUNIT_EXPECT_EQ(f->test, f->overlaps, 0);
	if (f->bus)
		virtio_msg_bus_put(f->bus);
	cancel_work_sync(&f->work);
	fake_forget(f);
	list_splice_init(&f->for_work, &f->held);
	while ((m = fake_take(f, 0)))
		kfree(m);
	vfree(f->link.window.va);
	bitmap_free(f->ghosts);
	/* A test may make another, and names are used once at a time. */
	kunit_device_unregister(f->test, f->parent);
	kfree(f);
}
