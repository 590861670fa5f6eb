// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests of the AMP card transport, with a card of a few pages: it does
 * what the two public ones do, oddities and all, and rings back.
 *
 * The card answers inside of the write to its doorbell register, reads and
 * writes rings by the addresses it was given, keeps its queue indices to
 * itself, and drops what does not fit.  What it must never be asked is counted.
 * The formats are written here once more, by hand.
 */

#include <kunit/device.h>
#include <kunit/static_stub.h>
#include <kunit/test.h>
#include <linux/delay.h>
#include <linux/device.h>
#include <linux/dma-mapping.h>
#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/prandom.h>
#include <linux/scatterlist.h>
#include <linux/slab.h>
#include <linux/unaligned.h>
#include <linux/virtio.h>
#include <linux/virtio_blk.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_ring.h>
#include <linux/vmalloc.h>

#include "../dma.h"
#include "../internal.h"
#include "../transports/amp_fifo.h"
#include "fake_transport.h"

#define KA_ID		0xfff2	/* a device type that nobody else drives */
#define KA_SLOTS	62
#define KA_SHORT	48	/* longest message of 9039 */
#define KA_FIXED	44	/* every message of 9038 */
#define KA_DEVS		32
#define KA_VQS		4
#define KA_CONFIG	64
#define KA_QSIZE	16
#define KA_BUFS		8
#define KA_BUF		64
#define KA_PARTS	4
#define KA_FILL		0x77
#define KA_GONE		0xffffffffU
#define KA_NEVER	0x100	/* no message number */

/* The self-describing layout: offsets, and elements. */
#define KA_SEG_DEV	128
#define KA_SEG_DRV	192
#define KA_SEG_ELEMS	16
#define KA_SEG_DEV_EL	256
#define KA_SEG_DRV_EL	(KA_SEG_DEV_EL + 64 * KA_SEG_ELEMS)
#define KA_SEG_END	(KA_SEG_DRV_EL + 64 * KA_SEG_ELEMS)

struct ka_vq {
	u32 size;
	u64 desc, driver, device;
	u16 avail, used;
};

struct ka_dev {
	bool present;
	u32 id;
	u64 features;
	u64 driver_features;
	u32 feature_bits;
	u32 config_size;
	u32 generation;
	u32 nvqs;
	u32 status;
	bool broken;
	bool hold;		/* buffers are taken, and never used */
	unsigned int resets;
	unsigned int starts;
	unsigned int kicks;
	unsigned int served;
	u8 config[KA_CONFIG];
	struct ka_vq vq[KA_VQS];
};

/* What the card keeps for a FIFO: its own copies of its indices. */
struct ka_fifo {
	u32 tail;
	u32 head;
	struct ka_dev dev[KA_DEVS];
};

/**
 * struct ka - a card
 * @test: the test
 * @amp: as the transport knows it
 * @running: the transport has started
 * @rfc2: it is a 9038
 * @seg: it has the self-describing layout
 * @dev: the device whose DMA it does
 * @dma_mask: its mask
 * @pages: FIFO memory
 * @npages: how many
 * @nfifos: FIFOs
 * @lock: guards the card's state
 * @fifo: FIFOs
 * @version: register
 * @gone: nothing of it answers any more
 * @silent: it takes messages and answers nothing
 * @mute: the message number that it does not answer
 * @mute_bus: that is one of bus messages
 * @mute_left: how often, 0: always
 * @master: it may reach memory
 * @cuts: how often it was kept from it
 * @quiet: it does not interrupt
 * @late: it interrupts from elsewhere, later
 * @irq: for that
 * @unanswered: messages that a public card does not answer
 * @aborted: messages that end a public card
 * @early: kicks before DRIVER_OK
 * @foreign: memory was touched while @master was false
 * @dropped: messages that found the queue full
 * @longest: longest message that came
 */
struct ka {
	struct kunit *test;
	struct vmsg_amp amp;
	bool running;
	bool rfc2;
	bool seg;
	struct device *dev;
	u64 dma_mask;
	struct page **pages;
	unsigned int npages;
	unsigned int nfifos;
	spinlock_t lock; /* see above */
	struct ka_fifo fifo[VMSG_AMP_MAX_FIFOS];
	u32 version;
	bool gone;
	bool silent;
	unsigned int mute;
	bool mute_bus;
	unsigned int mute_left;
	bool master;
	unsigned int cuts;
	bool quiet;
	bool late;
	struct work_struct irq;
	unsigned int unanswered;
	unsigned int aborted;
	unsigned int early;
	unsigned int foreign;
	unsigned int dropped;
	unsigned int longest;
};

/* The driver of the private device type. */

struct ka_buf {
	bool out;
	unsigned int done;
	unsigned int detached;
	u32 len;
	u8 data[KA_BUF];
};

struct ka_drv {
	struct virtio_device *vdev;
	struct virtqueue *vq[2];
	unsigned int config_size;
	u8 config[KA_CONFIG];
	struct ka_buf buf[KA_BUFS];
};

static atomic_t ka_probed, ka_removed, ka_changes;
static bool ka_kick_early;
static unsigned int ka_fill;
static struct ka_drv *ka_last;
static DEFINE_SPINLOCK(ka_drv_lock);

static void ka_collect(struct virtqueue *vq)
{
	unsigned long flags;
	struct ka_buf *b;
	unsigned int len;

	spin_lock_irqsave(&ka_drv_lock, flags);
	while ((b = virtqueue_get_buf(vq, &len))) {
		b->done++;
		b->len = len;
		b->out = false;
	}
	spin_unlock_irqrestore(&ka_drv_lock, flags);
}

/* In so many descriptors */
static int ka_add_parts(struct ka_drv *d, unsigned int q, unsigned int n,
			unsigned int parts)
{
	struct ka_buf *b = &d->buf[n];
	struct scatterlist sg[KA_PARTS];
	unsigned long flags;
	unsigned int i;
	int ret;

	memset(b->data, 0, sizeof(b->data));
	sg_init_table(sg, parts);
	for (i = 0; i < parts; i++)
		sg_set_buf(&sg[i], b->data + i * (KA_BUF / parts), KA_BUF / parts);
	spin_lock_irqsave(&ka_drv_lock, flags);
	ret = virtqueue_add_inbuf(d->vq[q], sg, parts, b, GFP_ATOMIC);
	if (!ret)
		b->out = true;
	virtqueue_kick(d->vq[q]);
	spin_unlock_irqrestore(&ka_drv_lock, flags);
	return ret;
}

static int ka_add(struct ka_drv *d, unsigned int q, unsigned int n)
{
	return ka_add_parts(d, q, n, 1);
}

static int ka_probe(struct virtio_device *vdev)
{
	struct virtqueue_info info[2] = {
		{ .name = "work", .callback = ka_collect },
		{ .name = "hold", .callback = ka_collect },
	};
	struct ka_drv *d = kzalloc_obj(*d);
	unsigned int i;
	int ret;

	if (!d)
		return -ENOMEM;
	d->vdev = vdev;
	vdev->priv = d;
	d->config_size = to_vmsg_device(vdev)->info.config_size;
	if (d->config_size)
		virtio_cread_bytes(vdev, 0, d->config, min(d->config_size, KA_CONFIG));
	ret = virtio_find_vqs(vdev, 2, d->vq, info, NULL);
	if (ret) {
		kfree(d);
		return ret;
	}
	/* As no driver should. */
	if (ka_kick_early)
		ka_add(d, 0, 0);
	virtio_device_ready(vdev);
	for (i = 0; i < ka_fill; i++)
		ka_add(d, 1, i);
	WRITE_ONCE(ka_last, d);
	atomic_inc(&ka_probed);
	return 0;
}

static unsigned int ka_not_once;

static void ka_remove(struct virtio_device *vdev)
{
	struct ka_drv *d = vdev->priv;
	struct virtqueue *vq;
	unsigned int i;
	struct ka_buf *b;

	virtio_reset_device(vdev);
	spin_lock_irq(&ka_drv_lock);
	virtio_device_for_each_vq(vdev, vq)
		while ((b = virtqueue_detach_unused_buf(vq))) {
			b->detached++;
			b->out = false;
		}
	spin_unlock_irq(&ka_drv_lock);
	vdev->config->del_vqs(vdev);
	for (i = 0; i < KA_BUFS; i++)
		ka_not_once += d->buf[i].out;
	WRITE_ONCE(ka_last, NULL);
	atomic_inc(&ka_removed);
	kfree(d);
}

static void ka_changed(struct virtio_device *vdev)
{
	atomic_inc(&ka_changes);
}

static const struct virtio_device_id ka_ids[] = {
	{ KA_ID, VIRTIO_DEV_ANY_ID },
	{}
};

static struct virtio_driver ka_driver = {
	.driver.name = "virtio-msg-amp-kunit",
	.id_table = ka_ids,
	.probe = ka_probe,
	.remove = ka_remove,
	.config_changed = ka_changed,
};

/* The card: its queues. */

static u8 *ka_page(struct ka *c, unsigned int n, u32 off)
{
	return (u8 *)c->amp.mem + n * c->amp.card->stride + off;
}

/* The self-describing layout, in its bare form: queue heads. */

static u16 ka_seg_get(struct ka *c, unsigned int n, u32 off)
{
	return get_unaligned_le16(ka_page(c, n, c->amp.card->tx) + off);
}

static void ka_seg_set(struct ka *c, unsigned int n, u32 off, u16 v)
{
	put_unaligned_le16(v, ka_page(c, n, c->amp.card->tx) + KA_SEG_DEV + off);
}

static void ka_seg_put(struct ka *c, unsigned int n, const void *msg, size_t len)
{
	struct ka_fifo *f = &c->fifo[n];
	u32 next = (f->head + 1) % KA_SEG_ELEMS;

	if (next == ka_seg_get(c, n, KA_SEG_DRV + 6)) {
		c->dropped++;
		return;
	}
	memcpy(ka_page(c, n, c->amp.card->tx) + KA_SEG_DEV_EL + f->head * 64, msg, len);
	/* The message before the index. */
	smp_wmb();
	f->head = next;
	ka_seg_set(c, n, 4, next);
}

static void ka_seg_format(struct ka *c, unsigned int n)
{
	u8 *h = ka_page(c, n, c->amp.card->tx);

	put_unaligned_le16(VIRTIO_MSG_SEG_MAGIC, h);
	put_unaligned_le16(VIRTIO_MSG_SEG_LENGTH, h + 2);
	put_unaligned_le16(1, h + 4);
	h[9] = 1;
	put_unaligned_le16(KA_SEG_ELEMS, h + 10);
	put_unaligned_le16(64, h + 12);
	put_unaligned_le64(KA_SEG_END, h + 16);
	put_unaligned_le64(KA_SEG_DEV, h + 24);
	put_unaligned_le64(KA_SEG_DEV_EL, h + 32);
	put_unaligned_le64(KA_SEG_END, h + 40);
	put_unaligned_le64(KA_SEG_DRV, h + 48);
	put_unaligned_le64(KA_SEG_DRV_EL, h + 56);
	put_unaligned_le16(VIRTIO_MSG_QHEAD_MAGIC, h + KA_SEG_DEV);
	put_unaligned_le16(VIRTIO_MSG_QHEAD_MAGIC, h + KA_SEG_DRV);
}

static void ka_message(struct ka *c, unsigned int n, const u8 *m);

static void ka_seg_run(struct ka *c, unsigned int n)
{
	u8 *h = ka_page(c, n, c->amp.card->tx);
	struct ka_fifo *f = &c->fifo[n];
	u16 drv = ka_seg_get(c, n, KA_SEG_DRV + 2);
	u8 m[64];

	switch (ka_seg_get(c, n, KA_SEG_DEV + 2)) {
	case VIRTIO_MSG_ST_RUN:
		while (drv == VIRTIO_MSG_ST_RUN &&
		       f->tail != ka_seg_get(c, n, KA_SEG_DRV + 4)) {
			/* The index before the message. */
			smp_rmb();
			memcpy(m, h + KA_SEG_DRV_EL + f->tail * 64, 64);
			f->tail = (f->tail + 1) % KA_SEG_ELEMS;
			ka_seg_set(c, n, 6, f->tail);
			ka_message(c, n, m);
		}
		if (drv == VIRTIO_MSG_ST_RUN || drv == VIRTIO_MSG_ST_READY)
			break;
		fallthrough;
	case VIRTIO_MSG_ST_INIT:
		f->tail = 0;
		f->head = 0;
		ka_seg_set(c, n, 4, 0);
		ka_seg_set(c, n, 6, 0);
		ka_seg_set(c, n, 2, drv == VIRTIO_MSG_ST_RUN ? VIRTIO_MSG_ST_INIT :
								VIRTIO_MSG_ST_READY);
		break;
	case VIRTIO_MSG_ST_READY:
		if (drv == VIRTIO_MSG_ST_RUN || drv == VIRTIO_MSG_ST_READY)
			ka_seg_set(c, n, 2, VIRTIO_MSG_ST_RUN);
		break;
	}
}

static void ka_put(struct ka *c, unsigned int n, const void *msg, size_t len)
{
	u8 *q = ka_page(c, n, c->amp.card->rx);
	struct ka_fifo *f = &c->fifo[n];
	u32 next = (f->head + 1) % KA_SLOTS;

	lockdep_assert_held(&c->lock);
	if (c->seg) {
		ka_seg_put(c, n, msg, len);
		return;
	}
	if (next == get_unaligned_le32(q + 64)) {
		c->dropped++;
		return;
	}
	memset(q + 128 + f->head * 64, 0xee, 64);
	memcpy(q + 128 + f->head * 64, msg, len);
	/* The message before the index. */
	smp_wmb();
	f->head = next;
	put_unaligned_le32(next, q);
}

static void ka_header(struct ka *c, u8 *m, u8 type, u8 id, u16 dev, u16 token, u16 len)
{
	m[0] = type;
	m[1] = id;
	if (c->rfc2) {
		/* Whatever it was: it does not look, and says nonsense. */
		put_unaligned_le16(0xbeef, m + 2);
		put_unaligned_le16(KA_FIXED, m + 4);
	} else {
		put_unaligned_le16(dev, m + 2);
		put_unaligned_le16(token, m + 4);
		put_unaligned_le16(8 + len, m + 6);
	}
}

static size_t ka_len(struct ka *c, size_t len)
{
	return c->rfc2 ? KA_FIXED : 8 + len;
}

static void ka_event(struct ka *c, unsigned int n, u16 dev, u8 id, u32 w0, u32 w1)
{
	u8 m[64] = {};
	u8 *p = m + (c->rfc2 ? 6 : 8);
	size_t len = id == VIRTIO_MSG_EVENT_CONFIG ? 8 : 4;

	ka_header(c, m, 0, id, dev, 0, len);
	put_unaligned_le32(w0, p);
	if (id == VIRTIO_MSG_EVENT_CONFIG) {
		put_unaligned_le32(w1, p + 4);
		/* 9038: offset, length 0, and then 16 bytes all the same. */
		if (c->rfc2)
			memset(p + 16, 0xa5, 16);
	}
	ka_put(c, n, m, ka_len(c, len));
}

/* The card: its rings. */

static void *ka_mem(struct ka *c, u64 addr)
{
	/* It reaches memory by DMA, which here is the address as it is. */
	if (!c->master)
		c->foreign++;
	return phys_to_virt(addr);
}

static u32 ka_serve_blk(struct ka *c, const struct vring_desc *d, unsigned int num)
{
	u32 written = 0;
	unsigned int i;

	for (i = 1; i < num; i++) {
		u32 len = le32_to_cpu(d[i].len);

		if (!(le16_to_cpu(d[i].flags) & VRING_DESC_F_WRITE))
			continue;
		/* Zeroes, the status among them: VIRTIO_BLK_S_OK. */
		memset(ka_mem(c, le64_to_cpu(d[i].addr)), 0, len);
		written += len;
	}
	return written;
}

static u32 ka_serve_fill(struct ka *c, const struct vring_desc *d, unsigned int num)
{
	u32 written = 0;
	unsigned int i;

	for (i = 0; i < num; i++) {
		u32 len = le32_to_cpu(d[i].len);

		if (!(le16_to_cpu(d[i].flags) & VRING_DESC_F_WRITE))
			continue;
		memset(ka_mem(c, le64_to_cpu(d[i].addr)), KA_FILL, len);
		written += len;
	}
	return written;
}

static void ka_serve(struct ka *c, unsigned int n, unsigned int num, unsigned int index)
{
	struct ka_dev *d = &c->fifo[n].dev[num];
	struct ka_vq *q = &d->vq[index];
	struct vring_desc chain[KA_QSIZE];
	unsigned int len, served = 0;
	struct vring_used *used;
	struct vring_avail *av;
	struct vring_desc *t;
	u32 written;
	u16 head, i;

	if (!q->size || d->hold || !c->master)
		return;
	/* Receive queue; queue 1 of the private type. */
	if ((d->id == VIRTIO_ID_NET && !index) || (d->id == KA_ID && index))
		return;
	t = ka_mem(c, q->desc);
	av = ka_mem(c, q->driver);
	used = ka_mem(c, q->device);
	while (q->avail != le16_to_cpu(READ_ONCE(av->idx))) {
		/* The index before the entry. */
		smp_rmb();
		head = le16_to_cpu(av->ring[q->avail++ % q->size]);
		len = 0;
		for (i = head; len < KA_QSIZE; i = le16_to_cpu(t[i].next)) {
			chain[len++] = t[i % q->size];
			if (!(le16_to_cpu(t[i].flags) & VRING_DESC_F_NEXT))
				break;
		}
		written = d->id == VIRTIO_ID_BLOCK ? ka_serve_blk(c, chain, len) :
						     ka_serve_fill(c, chain, len);
		used->ring[q->used % q->size].id = cpu_to_le32(head);
		used->ring[q->used % q->size].len = cpu_to_le32(written);
		q->used++;
		/* The entry before the index. */
		smp_wmb();
		WRITE_ONCE(used->idx, cpu_to_le16(q->used));
		served++;
	}
	d->served += served;
	if (served)
		ka_event(c, n, num, VIRTIO_MSG_EVENT_USED, index, 0);
}

/* The card: its messages.  Returns the payload's length, or -1: no answer. */

static int ka_unanswered(struct ka *c)
{
	c->unanswered++;
	return -1;
}

static int ka_bus_message(struct ka *c, unsigned int n, u8 id, const u8 *p, u8 *r)
{
	u32 offset, num, bits = 0;
	unsigned int i;

	switch (c->rfc2 ? KA_NEVER : id) {
	case VIRTIO_MSG_BUS_GET_DEVICES:
		offset = get_unaligned_le16(p);
		num = get_unaligned_le16(p + 2);
		if (offset + num > KA_DEVS)
			return ka_unanswered(c);
		for (i = 0; i < num; i++)
			bits |= c->fifo[n].dev[offset + i].present << i;
		put_unaligned_le16(offset, r);
		put_unaligned_le16(num, r + 2);
		/* For ever. */
		put_unaligned_le16(offset + num, r + 4);
		put_unaligned_le32(bits, r + 6);
		/* Bytes, where it means bits. */
		return 6 + num;
	case VIRTIO_MSG_BUS_PING:
		memcpy(r, p, 4);
		return 4;
	}
	/* 9038: nobody knows whether it answers; this one does not. */
	return ka_unanswered(c);
}

static int ka_get_config(struct ka *c, struct ka_dev *d, const u8 *p, u8 *r)
{
	u32 offset = get_unaligned_le32(p), len = get_unaligned_le32(p + 4);

	if (c->rfc2 && len != 0 && len != 1 && len != 2 && len != 4) {
		c->aborted++;
		return -1;
	}
	if (len > 28 || offset > d->config_size || len > d->config_size - offset)
		return ka_unanswered(c);
	put_unaligned_le32(d->generation, r);
	put_unaligned_le32(offset, r + 4);
	/* 9038: one u64, and its length. */
	put_unaligned_le32(c->rfc2 ? 8 : len, r + 8);
	memcpy(r + 12, d->config + offset, len);
	return 12 + len;
}

static int ka_set_config(struct ka *c, struct ka_dev *d, const u8 *p, u8 *r)
{
	u32 offset = get_unaligned_le32(p + 4), len = get_unaligned_le32(p + 8);

	if (len > 28 || offset > d->config_size || len > d->config_size - offset)
		return ka_unanswered(c);
	/* Whatever the generation. */
	memcpy(d->config + offset, p + 12, len);
	d->generation++;
	put_unaligned_le32(d->generation, r);
	memcpy(r + 4, p + 4, 8 + len);
	return 12 + len;
}

static int ka_queue(struct ka *c, struct ka_dev *d, u8 id, const u8 *p, u8 *r)
{
	unsigned int at = c->rfc2 ? 12 : 16;
	u32 index = get_unaligned_le32(p);
	struct ka_vq *q = index < d->nvqs ? &d->vq[index] : NULL;

	switch (id) {
	case VIRTIO_MSG_GET_VQUEUE:
		put_unaligned_le32(index, r);
		if (q) {
			put_unaligned_le32(KA_QSIZE, r + 4);
			/* Before it was set, too. */
			put_unaligned_le32(q->size ?: KA_QSIZE, r + 8);
			put_unaligned_le64(q->desc, r + at);
		}
		return at + 24;
	case VIRTIO_MSG_SET_VQUEUE:
		if (q) {
			memset(q, 0, sizeof(*q));
			q->size = get_unaligned_le32(p + 8);
			q->desc = get_unaligned_le64(p + at);
			q->driver = get_unaligned_le64(p + at + 8);
			q->device = get_unaligned_le64(p + at + 16);
		}
		/* 9038 echoes. */
		memcpy(r, p, c->rfc2 ? at + 24 : 0);
		return 0;
	default:
		if (q)
			memset(q, 0, sizeof(*q));
		return 0;
	}
}

static void ka_kick(struct ka *c, unsigned int n, unsigned int num, u32 index)
{
	struct ka_dev *d = &c->fifo[n].dev[num];

	if (!d->present || index >= d->nvqs)
		return;
	d->kicks++;
	if (!(d->status & VIRTIO_CONFIG_S_DRIVER_OK)) {
		c->early++;
		d->broken = true;
	}
	if (!d->broken)
		ka_serve(c, n, num, index);
}

static int ka_status(struct ka *c, struct ka_dev *d, u8 id, const u8 *p, u8 *r)
{
	if (id == VIRTIO_MSG_SET_DEVICE_STATUS) {
		u32 status = get_unaligned_le32(p);

		if (!status) {
			d->resets++;
			d->broken = false;
			memset(d->vq, 0, sizeof(d->vq));
		}
		if (status & ~d->status & VIRTIO_CONFIG_S_DRIVER_OK)
			d->starts++;
		d->status = status;
	}
	put_unaligned_le32(d->status | (d->broken ? VIRTIO_CONFIG_S_NEEDS_RESET : 0), r);
	return 4;
}

static int ka_dev_message(struct ka *c, unsigned int n, unsigned int num, u8 id,
			  const u8 *p, u8 *r)
{
	struct ka_dev *d = num < KA_DEVS ? &c->fifo[n].dev[num] : NULL;

	if (!d)
		return ka_unanswered(c);
	if (id == VIRTIO_MSG_GET_DEVICE_INFO) {
		if (d->present) {
			put_unaligned_le32(d->id, r);
			put_unaligned_le32(0x1af4, r + 4);
			put_unaligned_le32(d->feature_bits, r + 8);
			put_unaligned_le32(d->config_size, r + 12);
			put_unaligned_le32(d->nvqs, r + 16);
		}
		return 24;
	}
	if (!d->present)
		return ka_unanswered(c);
	switch (id) {
	case VIRTIO_MSG_GET_DEVICE_FEATURES:
		memcpy(r, p, 4);
		/* 9038: one u64, and no block. */
		put_unaligned_le32(c->rfc2 ? 0 : get_unaligned_le32(p + 4), r + 4);
		put_unaligned_le64(d->features, r + 8);
		return 8 + 4 * (c->rfc2 ? 2 : get_unaligned_le32(p + 4));
	case VIRTIO_MSG_SET_DRIVER_FEATURES:
		d->driver_features = get_unaligned_le64(p + 8);
		/* 9038 echoes. */
		memcpy(r, p, c->rfc2 ? 16 : 0);
		return 0;
	case VIRTIO_MSG_GET_CONFIG:
		return ka_get_config(c, d, p, r);
	case VIRTIO_MSG_SET_CONFIG:
		return ka_set_config(c, d, p, r);
	case VIRTIO_MSG_GET_DEVICE_STATUS:
	case VIRTIO_MSG_SET_DEVICE_STATUS:
		return ka_status(c, d, id, p, r);
	case VIRTIO_MSG_GET_VQUEUE:
	case VIRTIO_MSG_SET_VQUEUE:
	case VIRTIO_MSG_RESET_VQUEUE:
		return ka_queue(c, d, id, p, r);
	}
	return ka_unanswered(c);
}

static bool ka_muted(struct ka *c, bool bus, u8 id)
{
	if (c->silent)
		return true;
	if (c->mute != id || c->mute_bus != bus)
		return false;
	if (c->mute_left && !--c->mute_left)
		c->mute = KA_NEVER;
	return true;
}

static void ka_message(struct ka *c, unsigned int n, const u8 *m)
{
	unsigned int hdr = c->rfc2 ? 6 : 8;
	u16 size = get_unaligned_le16(m + (c->rfc2 ? 4 : 6));
	u16 dev = c->rfc2 ? 0 : get_unaligned_le16(m + 2);
	u16 token = c->rfc2 ? 0 : get_unaligned_le16(m + 4);
	bool bus = m[0] & VIRTIO_MSG_TYPE_BUS;
	/* A claimed length may be longer than it sends. */
	u8 r[256] = {};
	int len;

	c->longest = max(c->longest, size);
	if (size > (c->rfc2 ? KA_FIXED : KA_SHORT)) {
		ka_unanswered(c);
		return;
	}
	if (!bus && m[1] == VIRTIO_MSG_EVENT_AVAIL) {
		ka_kick(c, n, dev, get_unaligned_le32(m + hdr));
		return;
	}
	if (ka_muted(c, bus, m[1]))
		return;
	len = bus ? ka_bus_message(c, n, m[1], m + hdr, r + hdr) :
		    ka_dev_message(c, n, dev, m[1], m + hdr, r + hdr);
	if (len < 0)
		return;
	ka_header(c, r, m[0] | VIRTIO_MSG_TYPE_RESPONSE, m[1], dev, bus ? 0 : token, len);
	ka_put(c, n, r, min_t(size_t, ka_len(c, len), 64));
}

static void ka_interrupt(struct ka *c, unsigned int n)
{
	unsigned long flags;

	/* MSI-X is a write to memory. */
	if (c->quiet || !c->master || n >= c->amp.num)
		return;
	/* Where interrupts are off it gets another CPU. */
	if (c->late || irqs_disabled()) {
		schedule_work(&c->irq);
		return;
	}
	local_irq_save(flags);
	vmsg_amp_interrupt(&c->amp.fifo[n]);
	local_irq_restore(flags);
}

static void ka_irq_work(struct work_struct *work)
{
	struct ka *c = container_of(work, struct ka, irq);
	unsigned int n;

	for (n = 0; n < c->amp.num; n++) {
		local_bh_disable();
		vmsg_amp_interrupt(&c->amp.fifo[n]);
		local_bh_enable();
	}
}

/* The doorbell. */
static void ka_run(struct ka *c, unsigned int n)
{
	struct ka_fifo *f = &c->fifo[n];
	unsigned long flags;
	unsigned int i;
	const u8 *q;
	u8 m[64];

	spin_lock_irqsave(&c->lock, flags);
	if (c->seg) {
		ka_seg_run(c, n);
		spin_unlock_irqrestore(&c->lock, flags);
		ka_interrupt(c, n);
		return;
	}
	q = ka_page(c, n, c->amp.card->tx);
	/* It believes the driver's index, and its own copy of the other. */
	for (i = 0; i < KA_SLOTS && f->tail != get_unaligned_le32(q); i++) {
		/* The index before the message. */
		smp_rmb();
		memcpy(m, q + 128 + f->tail * 64, 64);
		f->tail = (f->tail + 1) % KA_SLOTS;
		put_unaligned_le32(f->tail, ka_page(c, n, c->amp.card->tx) + 64);
		ka_message(c, n, m);
	}
	spin_unlock_irqrestore(&c->lock, flags);
	ka_interrupt(c, n);
}

static u32 ka_read(struct vmsg_amp *amp, unsigned int reg)
{
	struct ka *c = container_of(amp, struct ka, amp);

	if (READ_ONCE(c->gone))
		return KA_GONE;
	return reg == VMSG_AMP_VERSION ? c->version : 0;
}

static void ka_write(struct vmsg_amp *amp, unsigned int reg, u32 val)
{
	struct ka *c = container_of(amp, struct ka, amp);

	if (!READ_ONCE(c->gone) && reg >= VMSG_AMP_NOTIFY(0))
		ka_run(c, (reg - VMSG_AMP_NOTIFY(0)) / 4);
}

static void ka_master(struct vmsg_amp *amp, bool on)
{
	struct ka *c = container_of(amp, struct ka, amp);

	unsigned int n, i;

	c->cuts += c->master && !on;
	/* What its devices had was given back: none of them may still run. */
	for (n = 0; on && !c->master && n < c->nfifos; n++)
		for (i = 0; i < KA_DEVS; i++)
			c->foreign += c->fifo[n].dev[i].present &&
				      c->fifo[n].dev[i].status;
	WRITE_ONCE(c->master, on);
}

/* Life of a card. */

static struct ka *ka_new(struct kunit *test, const struct vmsg_amp_card *card,
			 unsigned int nfifos, bool alias)
{
	struct ka *c = test->priv;
	struct page **map;
	unsigned int i, per = card->stride / PAGE_SIZE ?: 1;

	if (PAGE_SIZE > 4096)
		kunit_skip(test, "pages of 4 KiB only");
	c->rfc2 = card->wire == VIRTIO_MSG_WIRE_RFC2;
	c->nfifos = nfifos;
	c->npages = nfifos * per;
	c->pages = kunit_kcalloc(test, c->npages, sizeof(*c->pages), GFP_KERNEL);
	map = kunit_kcalloc(test, c->npages, sizeof(*map), GFP_KERNEL);
	KUNIT_ASSERT_TRUE(test, c->pages && map);
	for (i = 0; i < c->npages; i++) {
		c->pages[i] = alloc_page(GFP_KERNEL | __GFP_ZERO);
		KUNIT_ASSERT_NOT_NULL(test, c->pages[i]);
		map[i] = c->pages[alias ? i % per : i];
	}
	c->amp.mem = vmap(map, c->npages, VM_MAP, PAGE_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, c->amp.mem);
	c->amp.size = (u64)nfifos * card->stride;
	c->amp.dev = c->dev;
	c->amp.owner = THIS_MODULE;
	c->amp.card = card;
	c->amp.read = ka_read;
	c->amp.write = ka_write;
	c->amp.master = ka_master;
	return c;
}

static struct ka_dev *ka_device(struct ka *c, unsigned int n, unsigned int num, u32 id)
{
	struct ka_dev *d = &c->fifo[n].dev[num];
	unsigned int i;

	memset(d, 0, sizeof(*d));
	d->present = true;
	d->id = id;
	d->feature_bits = 64;
	d->features = BIT_ULL(VIRTIO_F_VERSION_1) | BIT_ULL(VIRTIO_F_ACCESS_PLATFORM);
	d->nvqs = 2;
	/* Longer than one message, and with a rest of every size. */
	d->config_size = 63;
	for (i = 0; i < KA_CONFIG; i++)
		d->config[i] = i + num;
	if (id == VIRTIO_ID_BLOCK) {
		d->nvqs = 1;
		memset(d->config, 0, KA_CONFIG);
		d->config[0] = 8;
	} else if (id == VIRTIO_ID_RNG) {
		d->nvqs = 1;
		d->config_size = 0;
	}
	return d;
}

static int ka_start(struct ka *c)
{
	int ret = vmsg_amp_survey(&c->amp, c->nfifos);

	if (ret < 0)
		return ret;
	c->master = true;
	ret = vmsg_amp_start(&c->amp);
	c->running = !ret;
	return ret;
}

static void ka_stop(struct ka *c)
{
	if (!c->running)
		return;
	vmsg_amp_stop(&c->amp);
	cancel_work_sync(&c->irq);
	c->master = false;
	vmsg_amp_free(&c->amp);
	c->running = false;
}

struct ka_nth {
	unsigned int n;
	struct device *dev;
};

static int ka_is_nth(struct device *dev, void *data)
{
	struct ka_nth *nth = data;

	if (!dev->class || strcmp(dev->class->name, "virtio-msg") || nth->n--)
		return 0;
	nth->dev = dev;
	return 1;
}

/* The bus of the nth FIFO that was registered, as long as it is. */
static struct virtio_msg_bus *ka_bus(struct ka *c, unsigned int n)
{
	struct ka_nth nth = { .n = n };

	device_for_each_child(c->dev, &nth, ka_is_nth);
	KUNIT_ASSERT_NOT_NULL(c->test, nth.dev);
	return container_of(nth.dev, struct virtio_msg_bus, ctx.dev);
}

static bool ka_started(struct ka *c, unsigned int n, unsigned int num)
{
	return READ_ONCE(c->fifo[n].dev[num].status) & VIRTIO_CONFIG_S_DRIVER_OK;
}

static void ka_settle(struct ka *c, unsigned int n)
{
	struct virtio_msg_bus *bus = ka_bus(c, n);
	unsigned int i;

	for (i = 0; i < 3; i++) {
		flush_work(&c->irq);
		flush_work(&bus->work);
		flush_workqueue(bus->probing);
	}
}

/* What no test may do to a card. */
static void ka_well_treated(struct ka *c)
{
	KUNIT_EXPECT_EQ(c->test, c->unanswered, 0);
	KUNIT_EXPECT_EQ(c->test, c->aborted, 0);
	KUNIT_EXPECT_EQ(c->test, c->early, 0);
	KUNIT_EXPECT_EQ(c->test, c->foreign, 0);
	KUNIT_EXPECT_LE(c->test, c->longest, c->rfc2 ? KA_FIXED : KA_SHORT);
}

static u64 ka_counter(struct ka *c, unsigned int n, enum vmsg_counter counter)
{
	return atomic64_read(&ka_bus(c, n)->stats.c[counter]);
}

static int ka_init(struct kunit *test)
{
	struct ka *c = kzalloc_obj(*c);

	KUNIT_ASSERT_NOT_NULL(test, c);
	test->priv = c;
	c->test = test;
	c->version = 1;
	c->mute = KA_NEVER;
	spin_lock_init(&c->lock);
	INIT_WORK(&c->irq, ka_irq_work);
	c->dev = kunit_device_register(test, "virtio-msg-card");
	KUNIT_ASSERT_FALSE(test, IS_ERR(c->dev));
	c->dev->dma_mask = &c->dma_mask;
	if (dma_coerce_mask_and_coherent(c->dev, DMA_BIT_MASK(48)))
		kunit_skip(test, "no DMA here");
	atomic_set(&ka_probed, 0);
	atomic_set(&ka_removed, 0);
	atomic_set(&ka_changes, 0);
	ka_kick_early = false;
	ka_fill = 0;
	ka_not_once = 0;
	return 0;
}

static void ka_exit(struct kunit *test)
{
	struct ka *c = test->priv;
	unsigned int i;

	if (!c)
		return;
	c->silent = false;
	c->mute = KA_NEVER;
	c->quiet = false;
	ka_stop(c);
	cancel_work_sync(&c->irq);
	KUNIT_EXPECT_EQ(test, ka_not_once, 0);
	KUNIT_EXPECT_EQ(test, c->foreign, 0);
	if (c->amp.mem)
		vunmap(c->amp.mem);
	for (i = 0; c->pages && i < c->npages; i++)
		if (c->pages[i])
			__free_page(c->pages[i]);
	c->dev->dma_mask = NULL;
	kfree(c);
}

static int ka_suite_init(struct kunit_suite *suite)
{
	return register_virtio_driver(&ka_driver);
}

static void ka_suite_exit(struct kunit_suite *suite)
{
	unregister_virtio_driver(&ka_driver);
}

static const struct vmsg_amp_card * const ka_cards[] = {
	&vmsg_amp_9039,
	&vmsg_amp_9038,
};

static void ka_card_desc(const struct vmsg_amp_card * const *card, char *desc)
{
	strscpy(desc, (*card)->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(ka_card, ka_cards, ka_card_desc);

static const struct vmsg_amp_card *ka_param(struct kunit *test)
{
	const struct vmsg_amp_card * const *card = test->param_value;

	return *card;
}

/*
 * Tests
 */

/* Built in, or loaded. */
static bool ka_has_driver(const char *name)
{
	return driver_find(name, ka_driver.driver.bus);
}

/* The real drivers.  On a 9038 each device has a FIFO of its own. */
static void test_amp_drivers(struct kunit *test)
{
	const u32 ids[] = { VIRTIO_ID_RNG, VIRTIO_ID_BLOCK, VIRTIO_ID_NET };
	const char * const drivers[] = { "virtio_rng", "virtio_blk", "virtio_net" };
	const struct vmsg_amp_card *card = ka_param(test);
	bool rfc2 = card == &vmsg_amp_9038;
	struct ka *c = ka_new(test, card, rfc2 ? 3 : 1, false);
	unsigned int i, num;

	for (i = 0; i < ARRAY_SIZE(ids); i++)
		if (!ka_has_driver(drivers[i]))
			kunit_skip(test, "there is no driver %s", drivers[i]);
	for (i = 0; i < ARRAY_SIZE(ids); i++)
		ka_device(c, rfc2 ? i : 0, rfc2 ? 0 : 3 * i, ids[i]);
	KUNIT_ASSERT_EQ(test, ka_start(c), 0);
	for (i = 0; i < ARRAY_SIZE(ids); i++) {
		num = rfc2 ? 0 : 3 * i;
		KUNIT_EXPECT_TRUE_MSG(test, fake_until(ka_started(c, rfc2 ? i : 0, num)),
				      "device type %u", ids[i]);
	}
	for (i = 0; i < c->amp.num; i++)
		ka_settle(c, i);
	/* Partitions were looked for, and entropy asked for. */
	KUNIT_EXPECT_GT(test, c->fifo[rfc2 ? 1 : 0].dev[rfc2 ? 0 : 3].served, 0);
	KUNIT_EXPECT_TRUE(test, fake_until(READ_ONCE(c->fifo[0].dev[0].served)));
	ka_well_treated(c);
	ka_stop(c);
	for (i = 0; i < ARRAY_SIZE(ids); i++) {
		struct ka_dev *d = &c->fifo[rfc2 ? i : 0].dev[rfc2 ? 0 : 3 * i];

		KUNIT_EXPECT_EQ(test, d->status & VIRTIO_CONFIG_S_DRIVER_OK, 0);
		KUNIT_EXPECT_FALSE(test, d->broken);
	}
	ka_well_treated(c);
}

/*
 * A buffer goes there and comes back, by the addresses that the card was given; it is
 * known all the time which ones the card has, of whatever pieces they are.
 */
static void test_amp_io(struct kunit *test)
{
	struct ka *c = ka_new(test, ka_param(test), 1, false);
	struct ka_dev *d = ka_device(c, 0, 0, KA_ID);
	unsigned int i, round;
	struct ka_drv *drv;

	KUNIT_ASSERT_EQ(test, ka_start(c), 0);
	KUNIT_ASSERT_TRUE(test, fake_until(atomic_read(&ka_probed)));
	ka_settle(c, 0);
	drv = ka_last;
	/* More often than the queues have slots, in both ways to be interrupted. */
	for (round = 0; round < 40; round++) {
		c->late = round & 1;
		for (i = 0; i < 4; i++)
			KUNIT_ASSERT_EQ(test, ka_add_parts(drv, 0, i, 1 << round % 3), 0);
		for (i = 0; i < 4; i++) {
			KUNIT_ASSERT_TRUE(test, fake_until(READ_ONCE(drv->buf[i].done) ==
							   round + 1));
			KUNIT_ASSERT_EQ(test, drv->buf[i].len, KA_BUF);
			KUNIT_ASSERT_EQ(test, drv->buf[i].data[KA_BUF - 1], KA_FILL);
		}
	}
	KUNIT_EXPECT_EQ(test, d->served, 160);
	KUNIT_EXPECT_EQ(test, ka_counter(c, 0, VMSG_C_TRACK_LOST), 0);
	KUNIT_EXPECT_EQ(test, d->driver_features & ~BIT_ULL(VIRTIO_F_ACCESS_PLATFORM),
			BIT_ULL(VIRTIO_F_VERSION_1));
	ka_well_treated(c);
}

/* Memory that a driver allocated from the parent of its device, as for RPMsg. */
static void test_amp_parent(struct kunit *test)
{
	struct ka *c = ka_new(test, ka_param(test), 1, false);
	struct scatterlist sg;
	struct ka_drv *drv;
	struct device *bus;
	dma_addr_t addr;
	u8 *mem;

	ka_device(c, 0, 0, KA_ID);
	KUNIT_ASSERT_EQ(test, ka_start(c), 0);
	KUNIT_ASSERT_TRUE(test, fake_until(atomic_read(&ka_probed)));
	ka_settle(c, 0);
	drv = ka_last;
	bus = get_device(drv->vdev->dev.parent);
	mem = dma_alloc_coherent(bus, KA_BUF, &addr, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, mem);
	KUNIT_EXPECT_FALSE(test, is_vmalloc_addr(mem));
	sg_init_one(&sg, mem, KA_BUF);
	KUNIT_EXPECT_EQ(test, virtqueue_add_inbuf(drv->vq[0], &sg, 1, &drv->buf[0], GFP_KERNEL),
			0);
	virtqueue_kick(drv->vq[0]);
	KUNIT_EXPECT_TRUE(test, fake_until(READ_ONCE(drv->buf[0].done)));
	KUNIT_EXPECT_EQ(test, mem[KA_BUF - 1], KA_FILL);
	/* Whatever has happened, nobody writes to it any more. */
	ka_stop(c);
	dma_free_coherent(bus, KA_BUF, mem, addr);
	put_device(bus);
}

static void test_amp_32(struct kunit *test)
{
	struct ka *c = ka_new(test, &vmsg_amp_9039, 1, false);
	unsigned int i;

	for (i = 0; i < KA_DEVS; i++)
		ka_device(c, 0, i, KA_ID);
	KUNIT_ASSERT_EQ(test, ka_start(c), 0);
	KUNIT_EXPECT_TRUE(test, fake_until(atomic_read(&ka_probed) == KA_DEVS));
	ka_settle(c, 0);
	for (i = 0; i < KA_DEVS; i++)
		KUNIT_EXPECT_TRUE(test, ka_started(c, 0, i));
	KUNIT_EXPECT_EQ(test, c->dropped, 0);
	ka_well_treated(c);
	/* Nobody announces anything: a device that comes is found by looking. */
	c->fifo[0].dev[31].present = false;
	virtio_msg_rescan(ka_bus(c, 0));
	ka_settle(c, 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&ka_removed), 1);
	/* One that is not there needs no reset, and is no reason to worry. */
	KUNIT_EXPECT_EQ(test, c->cuts, 0);
	KUNIT_EXPECT_EQ(test, ka_bus(c, 0)->state, VMSG_BUS_RUNNING);
	ka_device(c, 0, 31, KA_ID);
	virtio_msg_rescan(ka_bus(c, 0));
	ka_settle(c, 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&ka_probed), KA_DEVS + 1);
}

static void test_amp_config(struct kunit *test)
{
	struct ka *c = ka_new(test, ka_param(test), 1, false);
	struct ka_dev *d = ka_device(c, 0, 0, KA_ID);
	struct ka_drv *drv;
	u8 buf[KA_CONFIG];
	unsigned int i;

	KUNIT_ASSERT_EQ(test, ka_start(c), 0);
	KUNIT_ASSERT_TRUE(test, fake_until(atomic_read(&ka_probed)));
	ka_settle(c, 0);
	drv = ka_last;
	KUNIT_EXPECT_EQ(test, drv->config_size, 63);
	KUNIT_EXPECT_MEMEQ(test, drv->config, d->config, 63);
	/* A write that no message holds. */
	for (i = 0; i < sizeof(buf); i++)
		buf[i] = 0xc0 + i;
	drv->vdev->config->set(drv->vdev, 5, buf, 51);
	KUNIT_EXPECT_MEMEQ(test, d->config + 5, buf, 51);
	KUNIT_EXPECT_EQ(test, d->config[4], 4);
	KUNIT_EXPECT_EQ(test, d->config[56], 56);
	/* A change is announced without data, or with nonsense. */
	d->config[7] = 0xdd;
	d->generation++;
	spin_lock_irq(&c->lock);
	ka_event(c, 0, 0, VIRTIO_MSG_EVENT_CONFIG, d->status, d->generation);
	spin_unlock_irq(&c->lock);
	ka_interrupt(c, 0);
	KUNIT_EXPECT_TRUE(test, fake_until(atomic_read(&ka_changes) == 1));
	drv->vdev->config->get(drv->vdev, 0, buf, 63);
	KUNIT_EXPECT_MEMEQ(test, buf, d->config, 63);
	ka_well_treated(c);
}

/* A driver that is unbound and bound again, and memory regions never asked for. */
static void test_amp_rebind(struct kunit *test)
{
	struct ka *c = ka_new(test, ka_param(test), 1, false);
	struct virtio_shm_region region;
	struct virtio_device *vdev;
	unsigned int i;

	ka_device(c, 0, 0, KA_ID);
	KUNIT_ASSERT_EQ(test, ka_start(c), 0);
	KUNIT_ASSERT_TRUE(test, fake_until(atomic_read(&ka_probed)));
	ka_settle(c, 0);
	vdev = ka_last->vdev;
	KUNIT_EXPECT_FALSE(test, virtio_get_shm_region(vdev, &region, 0));
	for (i = 0; i < 5; i++) {
		device_release_driver(&vdev->dev);
		KUNIT_EXPECT_FALSE(test, ka_started(c, 0, 0));
		KUNIT_EXPECT_EQ(test, device_attach(&vdev->dev), 1);
		KUNIT_EXPECT_TRUE(test, ka_started(c, 0, 0));
	}
	KUNIT_EXPECT_EQ(test, atomic_read(&ka_probed), 6);
	KUNIT_EXPECT_EQ(test, atomic_read(&ka_removed), 5);
	ka_well_treated(c);
}

/* The module is loaded anew: the card still has its indices, and what it sent. */
static void test_amp_reload(struct kunit *test)
{
	struct ka *c = ka_new(test, ka_param(test), 1, false);
	unsigned int i, j;
	u8 stale[48] = {};

	ka_device(c, 0, 0, KA_ID);
	for (i = 0; i < 6; i++) {
		KUNIT_ASSERT_EQ(test, ka_start(c), 0);
		KUNIT_ASSERT_TRUE(test, fake_until(atomic_read(&ka_probed) == i + 1));
		ka_settle(c, 0);
		KUNIT_EXPECT_TRUE(test, ka_started(c, 0, 0));
		KUNIT_EXPECT_EQ(test, ka_counter(c, 0, VMSG_C_RX_UNKNOWN_ID) +
				ka_counter(c, 0, VMSG_C_RX_MISMATCH) +
				ka_counter(c, 0, VMSG_C_RX_MALFORMED), 0);
		ka_stop(c);
		KUNIT_EXPECT_EQ(test, atomic_read(&ka_removed), i + 1);
		/* Left behind: an answer to a GET_DEVICE_INFO of nobody. */
		ka_header(c, stale, VIRTIO_MSG_TYPE_RESPONSE, VIRTIO_MSG_GET_DEVICE_INFO,
			  0, 2 + i, 24);
		spin_lock_irq(&c->lock);
		for (j = 0; j < i; j++)
			ka_put(c, 0, stale, c->rfc2 ? KA_FIXED : 32);
		spin_unlock_irq(&c->lock);
		/* And a request that the card has not looked at. */
		if (i & 1) {
			u8 *q = ka_page(c, 0, c->amp.card->tx);
			u32 head = get_unaligned_le32(q);

			memset(q + 128 + head * 64, 0, 64);
			ka_header(c, q + 128 + head * 64, 0,
				  VIRTIO_MSG_GET_DEVICE_STATUS, 0, 3, 0);
			put_unaligned_le32((head + 1) % KA_SLOTS, q);
		}
	}
	ka_well_treated(c);
}

static void ka_short(struct ka *c)
{
	WRITE_ONCE(ka_bus(c, 0)->engine.timeout_ms, 50);
}

/* An answer that never comes: an error, in time, and no more than that. */
static void test_amp_no_answer(struct kunit *test)
{
	struct ka *c = ka_new(test, &vmsg_amp_9039, 1, false);
	unsigned long end;
	u64 ns;

	ka_device(c, 0, 0, KA_ID);
	KUNIT_ASSERT_EQ(test, ka_start(c), 0);
	KUNIT_ASSERT_TRUE(test, fake_until(atomic_read(&ka_probed) == 1));
	ka_settle(c, 0);
	ka_short(c);
	/* A second device, whose features nobody can read. */
	ka_device(c, 0, 1, KA_ID);
	c->mute = VIRTIO_MSG_GET_DEVICE_FEATURES;
	end = jiffies + 5 * HZ;
	virtio_msg_rescan(ka_bus(c, 0));
	ka_settle(c, 0);
	KUNIT_EXPECT_TRUE(test, time_before(jiffies, end));
	KUNIT_EXPECT_EQ(test, atomic_read(&ka_probed), 1);
	KUNIT_EXPECT_GE(test, ka_counter(c, 0, VMSG_C_TIMEOUT), 1);
	c->mute = KA_NEVER;
	virtio_msg_rescan(ka_bus(c, 0));
	ka_settle(c, 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&ka_probed), 2);
	/* Answers to bus messages cannot be told apart: the next is a PING. */
	c->mute = VIRTIO_MSG_BUS_GET_DEVICES;
	c->mute_bus = true;
	c->mute_left = 1;
	virtio_msg_rescan(ka_bus(c, 0));
	ka_settle(c, 0);
	KUNIT_EXPECT_TRUE(test, fake_until(!READ_ONCE(ka_bus(c, 0)->engine.resync)));
	KUNIT_EXPECT_EQ(test, vmsg_bus_ping(ka_bus(c, 0), &ns), 0);
	KUNIT_EXPECT_EQ(test, ka_bus(c, 0)->state, VMSG_BUS_RUNNING);
	/* Every token came home. */
	KUNIT_EXPECT_LE(test, 65536 - 2 - ka_bus(c, 0)->engine.tokens_free, 2);
	ka_well_treated(c);
}

/* A 9038 has no token at all, and may not answer PING either: dead, not hung. */
static void test_amp_no_answer_9038(struct kunit *test)
{
	struct ka *c = ka_new(test, &vmsg_amp_9038, 1, false);
	struct ka_drv *drv;
	u8 byte;

	ka_device(c, 0, 0, KA_ID);
	ka_fill = 4;
	KUNIT_ASSERT_EQ(test, ka_start(c), 0);
	KUNIT_ASSERT_TRUE(test, fake_until(atomic_read(&ka_probed) == 1));
	ka_settle(c, 0);
	ka_short(c);
	drv = ka_last;
	/* What is known of it is old from now on. */
	spin_lock_irq(&c->lock);
	ka_event(c, 0, 0, VIRTIO_MSG_EVENT_CONFIG, 0, 1);
	spin_unlock_irq(&c->lock);
	ka_interrupt(c, 0);
	KUNIT_ASSERT_TRUE(test, fake_until(atomic_read(&ka_changes) == 1));
	c->mute = VIRTIO_MSG_GET_CONFIG;
	drv->vdev->config->get(drv->vdev, 0, &byte, 1);
	KUNIT_EXPECT_EQ(test, byte, 0);
	KUNIT_EXPECT_TRUE(test, fake_until(READ_ONCE(ka_bus(c, 0)->state) == VMSG_BUS_DEAD));
	KUNIT_EXPECT_TRUE(test, fake_until(atomic_read(&ka_removed) == 1));
	KUNIT_EXPECT_EQ(test, c->unanswered, 1);
	/* Until it is bound anew. */
	c->mute = KA_NEVER;
	c->unanswered = 0;
	ka_stop(c);
	KUNIT_ASSERT_EQ(test, ka_start(c), 0);
	KUNIT_EXPECT_TRUE(test, fake_until(atomic_read(&ka_probed) == 2));
	ka_well_treated(c);
}

/* A card that stops answering, as the keep-alive finds out, and comes back. */
static void test_amp_silent(struct kunit *test)
{
	struct ka *c = ka_new(test, &vmsg_amp_9039, 1, false);

	ka_device(c, 0, 0, KA_ID);
	ka_fill = 4;
	KUNIT_ASSERT_EQ(test, ka_start(c), 0);
	KUNIT_ASSERT_TRUE(test, fake_until(atomic_read(&ka_probed) == 1));
	ka_settle(c, 0);
	ka_short(c);
	KUNIT_EXPECT_NE(test, ka_bus(c, 0)->keepalive_ms, 0);
	WRITE_ONCE(ka_bus(c, 0)->keepalive_ms, 20);
	c->silent = true;
	KUNIT_EXPECT_TRUE(test, fake_until(atomic_read(&ka_removed) == 1));
	KUNIT_EXPECT_EQ(test, ka_counter(c, 0, VMSG_C_DRAINED), 4);
	KUNIT_EXPECT_EQ(test, c->cuts, 1);
	WRITE_ONCE(ka_bus(c, 0)->keepalive_ms, 2000);
	c->silent = false;
	KUNIT_EXPECT_TRUE(test, fake_until(atomic_read(&ka_probed) == 2));
	KUNIT_EXPECT_TRUE(test, c->master);
	ka_well_treated(c);
}

/* A card that is pulled out: what it had comes back, once it cannot be written. */
static void test_amp_gone(struct kunit *test)
{
	struct ka *c = ka_new(test, ka_param(test), 1, false);

	ka_device(c, 0, 0, KA_ID);
	ka_fill = 5;
	KUNIT_ASSERT_EQ(test, ka_start(c), 0);
	KUNIT_ASSERT_TRUE(test, fake_until(atomic_read(&ka_probed) == 1));
	ka_settle(c, 0);
	c->gone = true;
	KUNIT_EXPECT_TRUE(test, fake_until(atomic_read(&ka_removed) == 1));
	KUNIT_EXPECT_EQ(test, ka_counter(c, 0, VMSG_C_DRAINED), 5);
	KUNIT_EXPECT_EQ(test, ka_counter(c, 0, VMSG_C_TRACK_LOST), 0);
	KUNIT_EXPECT_FALSE(test, c->master);
	c->gone = false;
	KUNIT_EXPECT_TRUE(test, fake_until(atomic_read(&ka_probed) == 2));
	KUNIT_EXPECT_TRUE(test, c->master);
	ka_settle(c, 0);
	/* And again, with the driver on its way out. */
	c->gone = true;
	ka_stop(c);
	KUNIT_EXPECT_EQ(test, atomic_read(&ka_removed), 2);
	c->gone = false;
	ka_well_treated(c);
}

/* virtio_blk waits in its probe function for partitions that never come. */
static void test_amp_gone_blk(struct kunit *test)
{
	struct ka *c = ka_new(test, ka_param(test), 1, false);
	struct ka_dev *d = ka_device(c, 0, 0, VIRTIO_ID_BLOCK);

	if (!ka_has_driver("virtio_blk"))
		kunit_skip(test, "there is no driver virtio_blk");
	d->hold = true;
	KUNIT_ASSERT_EQ(test, ka_start(c), 0);
	KUNIT_ASSERT_TRUE(test, fake_until(READ_ONCE(d->kicks)));
	c->gone = true;
	KUNIT_EXPECT_TRUE(test, fake_until(READ_ONCE(ka_bus(c, 0)->state) ==
					   VMSG_BUS_WAITING));
	KUNIT_EXPECT_GE(test, ka_counter(c, 0, VMSG_C_DRAINED), 1);
	d->hold = false;
	c->gone = false;
	KUNIT_EXPECT_TRUE(test, fake_until(ka_started(c, 0, 0)));
	KUNIT_EXPECT_TRUE(test, fake_until(READ_ONCE(d->served)));
	ka_settle(c, 0);
	ka_well_treated(c);
}

/* A device that does not reset may write memory for ever: the card is cut off. */
static void test_amp_no_reset(struct kunit *test)
{
	struct ka *c = ka_new(test, &vmsg_amp_9039, 1, false);
	struct virtio_device *vdev;

	ka_device(c, 0, 0, KA_ID);
	ka_fill = 3;
	KUNIT_ASSERT_EQ(test, ka_start(c), 0);
	KUNIT_ASSERT_TRUE(test, fake_until(atomic_read(&ka_probed) == 1));
	ka_settle(c, 0);
	ka_short(c);
	vdev = ka_last->vdev;
	get_device(&vdev->dev);
	c->mute = VIRTIO_MSG_SET_DEVICE_STATUS;
	device_release_driver(&vdev->dev);
	KUNIT_EXPECT_EQ(test, c->cuts, 1);
	KUNIT_EXPECT_EQ(test, atomic_read(&ka_removed), 1);
	c->mute = KA_NEVER;
	KUNIT_EXPECT_TRUE(test, fake_until(atomic_read(&ka_probed) == 2));
	put_device(&vdev->dev);
	ka_well_treated(c);
}

static void test_amp_late_kick(struct kunit *test)
{
	struct ka *c = ka_new(test, ka_param(test), 1, false);
	struct ka_dev *d = ka_device(c, 0, 0, KA_ID);

	ka_kick_early = true;
	KUNIT_ASSERT_EQ(test, ka_start(c), 0);
	KUNIT_ASSERT_TRUE(test, fake_until(atomic_read(&ka_probed)));
	ka_settle(c, 0);
	KUNIT_EXPECT_FALSE(test, d->broken);
	/* Held back, not lost. */
	KUNIT_EXPECT_TRUE(test, fake_until(READ_ONCE(ka_last->buf[0].done) == 1));
	ka_well_treated(c);
}

/* The card drops what does not fit, the one used event that matters as well. */
static void test_amp_overrun(struct kunit *test)
{
	struct ka *c = ka_new(test, ka_param(test), 1, false);
	struct ka_dev *d = ka_device(c, 0, 0, KA_ID);
	unsigned int i;

	KUNIT_ASSERT_EQ(test, ka_start(c), 0);
	KUNIT_ASSERT_TRUE(test, fake_until(atomic_read(&ka_probed)));
	ka_settle(c, 0);
	c->quiet = true;
	spin_lock_irq(&c->lock);
	for (i = 0; i < 80; i++)
		ka_event(c, 0, 0, VIRTIO_MSG_EVENT_CONFIG, d->status, d->generation);
	spin_unlock_irq(&c->lock);
	KUNIT_ASSERT_GT(test, c->dropped, 0);
	i = c->dropped;
	KUNIT_ASSERT_EQ(test, ka_add(ka_last, 0, 0), 0);
	KUNIT_ASSERT_EQ(test, d->served, 1);
	KUNIT_ASSERT_EQ(test, c->dropped, i + 1);
	KUNIT_EXPECT_EQ(test, ka_last->buf[0].done, 0);
	c->quiet = false;
	ka_interrupt(c, 0);
	KUNIT_EXPECT_EQ(test, ka_last->buf[0].done, 1);
	KUNIT_EXPECT_EQ(test, ka_counter(c, 0, VMSG_C_RX_OVERRUN), 1);
	ka_well_treated(c);
}

/* A lost interrupt costs a second, at most. */
static void test_amp_lost_interrupt(struct kunit *test)
{
	struct ka *c = ka_new(test, ka_param(test), 1, false);

	ka_device(c, 0, 0, KA_ID);
	KUNIT_ASSERT_EQ(test, ka_start(c), 0);
	KUNIT_ASSERT_TRUE(test, fake_until(atomic_read(&ka_probed)));
	ka_settle(c, 0);
	c->quiet = true;
	KUNIT_ASSERT_EQ(test, ka_add(ka_last, 0, 0), 0);
	KUNIT_EXPECT_TRUE(test, fake_until(READ_ONCE(ka_last->buf[0].done) == 1));
	c->quiet = false;
}

/* Whatever a mad card sends, and however much: the others go on. */
static void test_amp_storm(struct kunit *test)
{
	struct ka *c = ka_new(test, ka_param(test), 1, false);
	struct rnd_state rnd;
	unsigned int i, j;
	u8 m[64];

	ka_device(c, 0, 0, KA_ID);
	KUNIT_ASSERT_EQ(test, ka_start(c), 0);
	KUNIT_ASSERT_TRUE(test, fake_until(atomic_read(&ka_probed)));
	ka_settle(c, 0);
	prandom_seed_state(&rnd, 11);
	for (i = 0; i < 4000; i++) {
		spin_lock_irq(&c->lock);
		for (j = 0; j < prandom_u32_state(&rnd) % 70; j++) {
			prandom_bytes_state(&rnd, m, sizeof(m));
			switch (prandom_u32_state(&rnd) % 4) {
			case 0:
				ka_event(c, 0, 0, VIRTIO_MSG_EVENT_CONFIG, 0, i);
				break;
			case 1:
				ka_event(c, 0, m[0] % 40, VIRTIO_MSG_EVENT_USED, m[1] % 5, 0);
				break;
			default:
				/* No EVENT_CONFIG: it may well ask for a reset. */
				m[1] &= ~VIRTIO_MSG_EVENT_CONFIG;
				ka_put(c, 0, m, sizeof(m));
			}
		}
		spin_unlock_irq(&c->lock);
		ka_interrupt(c, 0);
	}
	ka_settle(c, 0);
	KUNIT_EXPECT_EQ(test, ka_bus(c, 0)->state, VMSG_BUS_RUNNING);
	KUNIT_EXPECT_EQ(test, atomic_read(&ka_removed), 0);
	KUNIT_ASSERT_EQ(test, ka_add(ka_last, 0, 0), 0);
	KUNIT_EXPECT_TRUE(test, fake_until(READ_ONCE(ka_last->buf[0].done) == 1));
	KUNIT_EXPECT_EQ(test, c->aborted, 0);
	KUNIT_EXPECT_EQ(test, c->early, 0);
}

/* An index out of range is not believed. */
static void test_amp_bad_index(struct kunit *test)
{
	struct ka *c = ka_new(test, ka_param(test), 1, false);
	u8 *q;

	ka_device(c, 0, 0, KA_ID);
	KUNIT_ASSERT_EQ(test, ka_start(c), 0);
	KUNIT_ASSERT_TRUE(test, fake_until(atomic_read(&ka_probed)));
	ka_settle(c, 0);
	q = ka_page(c, 0, c->amp.card->rx);
	put_unaligned_le32(KA_SLOTS, q);
	ka_interrupt(c, 0);
	KUNIT_EXPECT_TRUE(test, fake_until(atomic_read(&ka_removed) == 1));
	put_unaligned_le32(c->fifo[0].head, q);
	KUNIT_EXPECT_TRUE(test, fake_until(atomic_read(&ka_probed) == 2));
	ka_stop(c);
	/* And from the start. */
	put_unaligned_le32(KA_GONE, ka_page(c, 0, c->amp.card->tx));
	KUNIT_EXPECT_EQ(test, ka_start(c), -EPROTO);
	put_unaligned_le32(c->fifo[0].tail, ka_page(c, 0, c->amp.card->tx));
	ka_well_treated(c);
}

/* A bitmap that promises too much, and a device with no address to its memory. */
static void test_amp_absent(struct kunit *test)
{
	struct ka *c = ka_new(test, ka_param(test), 1, false);
	struct ka_dev *d = ka_device(c, 0, 0, KA_ID);

	d->id = 0;
	KUNIT_ASSERT_EQ(test, ka_start(c), 0);
	ka_settle(c, 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&ka_probed), 0);
	KUNIT_EXPECT_EQ(test, d->resets, 0);
	KUNIT_EXPECT_EQ(test, ka_bus(c, 0)->state, VMSG_BUS_RUNNING);
	ka_well_treated(c);
}

/* Without ACCESS_PLATFORM the addresses must be what the device takes them for. */
static void test_amp_access_platform(struct kunit *test)
{
	struct ka *c = ka_new(test, ka_param(test), 1, false);
	struct ka_dev *d = ka_device(c, 0, 0, KA_ID);

	d->features &= ~BIT_ULL(VIRTIO_F_ACCESS_PLATFORM);
	KUNIT_ASSERT_EQ(test, ka_start(c), 0);
	ka_settle(c, 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&ka_probed), ka_bus(c, 0)->dma_physical);
	KUNIT_EXPECT_FALSE(test, !!(d->driver_features & BIT_ULL(VIRTIO_F_ACCESS_PLATFORM)));
	if (atomic_read(&ka_probed)) {
		KUNIT_ASSERT_EQ(test, ka_add(ka_last, 0, 0), 0);
		KUNIT_EXPECT_TRUE(test, fake_until(READ_ONCE(ka_last->buf[0].done) == 1));
	}
	ka_stop(c);
	/* Elsewhere it is refused. */
	atomic_set(&ka_probed, 0);
	d->starts = 0;
	d->id = 0;
	KUNIT_ASSERT_EQ(test, ka_start(c), 0);
	ka_settle(c, 0);
	ka_bus(c, 0)->dma_physical = false;
	d->id = KA_ID;
	virtio_msg_rescan(ka_bus(c, 0));
	ka_settle(c, 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&ka_probed), 0);
	KUNIT_EXPECT_EQ(test, d->starts, 0);
	ka_stop(c);
	ka_well_treated(c);
}

static void test_amp_fifos(struct kunit *test)
{
	const struct vmsg_amp_card *card = ka_param(test);
	struct ka *c = ka_new(test, card, 3, false);
	unsigned int n;

	for (n = 0; n < 3; n++)
		ka_device(c, n, 0, KA_ID);
	ka_fill = 2;
	KUNIT_ASSERT_EQ(test, ka_start(c), 0);
	KUNIT_EXPECT_EQ(test, c->amp.num, 3);
	KUNIT_EXPECT_TRUE(test, fake_until(atomic_read(&ka_probed) == 3));
	for (n = 0; n < 3; n++)
		ka_settle(c, n);
	/* One is lost: the card is cut off, so the others are, and all come back. */
	virtio_msg_peer_lost(ka_bus(c, 1), "test");
	KUNIT_EXPECT_TRUE(test, fake_until(atomic_read(&ka_removed) == 3));
	KUNIT_EXPECT_TRUE(test, fake_until(atomic_read(&ka_probed) == 6));
	KUNIT_EXPECT_TRUE(test, c->master);
	KUNIT_EXPECT_GE(test, c->cuts, 1);
	ka_well_treated(c);
}

/* A card that comes back, and a device of before that does not reset. */
static void test_amp_owed(struct kunit *test)
{
	struct ka *c = ka_new(test, &vmsg_amp_9039, 2, false);

	ka_device(c, 0, 0, KA_ID);
	ka_device(c, 1, 3, KA_ID);
	ka_fill = 3;
	KUNIT_ASSERT_EQ(test, ka_start(c), 0);
	KUNIT_ASSERT_TRUE(test, fake_until(atomic_read(&ka_probed) == 2));
	ka_settle(c, 0);
	ka_settle(c, 1);
	ka_short(c);
	WRITE_ONCE(ka_bus(c, 1)->engine.timeout_ms, 50);
	c->gone = true;
	KUNIT_EXPECT_TRUE(test, fake_until(atomic_read(&ka_removed) == 2));
	c->mute = VIRTIO_MSG_SET_DEVICE_STATUS;
	c->gone = false;
	KUNIT_EXPECT_TRUE(test, fake_until(ka_counter(c, 0, VMSG_C_PEER_LOST) >= 3));
	KUNIT_EXPECT_FALSE(test, c->master);
	KUNIT_EXPECT_TRUE(test, c->fifo[1].dev[3].status & VIRTIO_CONFIG_S_DRIVER_OK);
	c->mute = KA_NEVER;
	KUNIT_EXPECT_TRUE(test, fake_until(atomic_read(&ka_probed) == 4));
	KUNIT_EXPECT_TRUE(test, c->master);
	ka_well_treated(c);
}

/* Every FIFO has the memory of the first one, also when it is in use. */
static void test_amp_alias(struct kunit *test)
{
	struct ka *c = ka_new(test, &vmsg_amp_9039, 4, true);
	unsigned int i;

	ka_device(c, 0, 0, KA_ID);
	for (i = 0; i < 3; i++) {
		KUNIT_ASSERT_EQ(test, ka_start(c), 0);
		KUNIT_EXPECT_EQ(test, c->amp.num, 1);
		KUNIT_EXPECT_TRUE(test, fake_until(atomic_read(&ka_probed) == i + 1));
		ka_settle(c, 0);
		ka_stop(c);
	}
	ka_well_treated(c);
}

/* The self-describing layout in its bare form, which both sides begin anew. */
static void test_amp_segment(struct kunit *test)
{
	struct ka *c = ka_new(test, &vmsg_amp_9039, 1, false);
	struct ka_buf *b;
	unsigned int i, j;

	c->seg = true;
	ka_seg_format(c, 0);
	ka_device(c, 0, 0, KA_ID);
	ka_device(c, 0, 7, KA_ID);
	for (i = 0; i < 3; i++) {
		KUNIT_ASSERT_EQ(test, ka_start(c), 0);
		KUNIT_ASSERT_NOT_NULL(test, c->amp.fifo[0].segment);
		KUNIT_ASSERT_TRUE(test, fake_until(atomic_read(&ka_probed) == 2 * (i + 1)));
		ka_settle(c, 0);
		KUNIT_EXPECT_EQ(test, ka_bus(c, 0)->link.wire, VIRTIO_MSG_WIRE_V1);
		KUNIT_EXPECT_TRUE(test, ka_started(c, 0, 0) && ka_started(c, 0, 7));
		b = &ka_last->buf[0];
		for (j = 0; j < 20; j++) {
			KUNIT_ASSERT_EQ(test, ka_add(ka_last, 0, 0), 0);
			KUNIT_ASSERT_TRUE(test, fake_until(READ_ONCE(b->done) == j + 1));
		}
		ka_stop(c);
		KUNIT_EXPECT_EQ(test, atomic_read(&ka_removed), 2 * (i + 1));
	}
	ka_well_treated(c);
}

static void test_amp_survey(struct kunit *test)
{
	struct ka *c = ka_new(test, ka_param(test), 2, false);

	KUNIT_EXPECT_EQ(test, vmsg_amp_survey(&c->amp, 2), 2);
	KUNIT_EXPECT_EQ(test, vmsg_amp_survey(&c->amp, 1), 1);
	KUNIT_EXPECT_EQ(test, vmsg_amp_survey(&c->amp, 64), 2);
	KUNIT_EXPECT_EQ(test, vmsg_amp_survey(&c->amp, 0), -ENODEV);
	c->amp.size = c->amp.card->stride - 1;
	KUNIT_EXPECT_EQ(test, vmsg_amp_survey(&c->amp, 2), -ENODEV);
	c->amp.size = 2 * c->amp.card->stride;
	c->version = 2;
	KUNIT_EXPECT_EQ(test, vmsg_amp_survey(&c->amp, 2), -ENODEV);
	c->gone = true;
	KUNIT_EXPECT_EQ(test, vmsg_amp_survey(&c->amp, 2), -ENODEV);
}

/* What happens to a link just before the core hears that it is up. */
static void ka_lost_first(struct virtio_msg_bus *bus, const struct virtio_msg_link *link)
{
	kunit_deactivate_static_stub(kunit_get_current_test(), virtio_msg_peer_up);
	virtio_msg_spsc_lost(virtio_msg_bus_priv(bus), "test");
	virtio_msg_peer_up(bus, link);
}

static void test_amp_lost_while_up(struct kunit *test)
{
	struct ka *c = ka_new(test, ka_param(test), 1, false);

	ka_device(c, 0, 0, KA_ID);
	kunit_activate_static_stub(test, virtio_msg_peer_up, ka_lost_first);
	KUNIT_ASSERT_EQ(test, ka_start(c), 0);
	KUNIT_EXPECT_TRUE(test, fake_until(atomic_read(&ka_probed)));
	ka_settle(c, 0);
	KUNIT_EXPECT_EQ(test, ka_bus(c, 0)->state, VMSG_BUS_RUNNING);
	ka_well_treated(c);
}

/*
 * Whatever is mapped to find out about a card can be read by it: nothing of anybody
 * is left in it.  The page that was freed last is the one that is used.
 */
static void test_amp_nothing_shown(struct kunit *test)
{
	struct ka *c = ka_new(test, &vmsg_amp_9039, 1, false);
	unsigned int i, same = 0, dirty = 0;
	unsigned long was;
	bool physical;
	u8 *p;

	if (page_poisoning_enabled_static())
		kunit_skip(test, "freed pages are written over");
	for (i = 0; i < 100 && same < 10; i++) {
		p = (u8 *)__get_free_page(GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, p);
		memset(p, KA_FILL, PAGE_SIZE);
		was = (unsigned long)p;
		free_page(was);
		KUNIT_EXPECT_EQ(test, vmsg_dma_check(c->dev, &physical), 0);
		p = (u8 *)__get_free_page(GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, p);
		if ((unsigned long)p == was) {
			same++;
			dirty += !!memchr_inv(p, 0, PAGE_SIZE);
		}
		free_page((unsigned long)p);
	}
	if (same < 3)
		kunit_skip(test, "pages were not used twice");
	/* Somebody else may have had one in between. */
	KUNIT_EXPECT_LE(test, 2 * dirty, same);
}

static struct kunit_case ka_cases[] = {
	KUNIT_CASE_PARAM(test_amp_survey, ka_card_gen_params),
	KUNIT_CASE_PARAM(test_amp_io, ka_card_gen_params),
	KUNIT_CASE_PARAM(test_amp_drivers, ka_card_gen_params),
	KUNIT_CASE_PARAM(test_amp_parent, ka_card_gen_params),
	KUNIT_CASE(test_amp_32),
	KUNIT_CASE_PARAM(test_amp_config, ka_card_gen_params),
	KUNIT_CASE_PARAM(test_amp_rebind, ka_card_gen_params),
	KUNIT_CASE_PARAM(test_amp_reload, ka_card_gen_params),
	KUNIT_CASE(test_amp_no_answer),
	KUNIT_CASE(test_amp_no_answer_9038),
	KUNIT_CASE_SLOW(test_amp_silent),
	KUNIT_CASE_PARAM_ATTR(test_amp_gone, ka_card_gen_params,
			      { .speed = KUNIT_SPEED_SLOW }),
	KUNIT_CASE_PARAM_ATTR(test_amp_gone_blk, ka_card_gen_params,
			      { .speed = KUNIT_SPEED_SLOW }),
	KUNIT_CASE_SLOW(test_amp_no_reset),
	KUNIT_CASE_PARAM(test_amp_late_kick, ka_card_gen_params),
	KUNIT_CASE_PARAM(test_amp_overrun, ka_card_gen_params),
	KUNIT_CASE_PARAM(test_amp_lost_interrupt, ka_card_gen_params),
	KUNIT_CASE_PARAM(test_amp_storm, ka_card_gen_params),
	KUNIT_CASE_PARAM(test_amp_bad_index, ka_card_gen_params),
	KUNIT_CASE_PARAM(test_amp_absent, ka_card_gen_params),
	KUNIT_CASE_PARAM(test_amp_access_platform, ka_card_gen_params),
	KUNIT_CASE_PARAM(test_amp_fifos, ka_card_gen_params),
	KUNIT_CASE_SLOW(test_amp_owed),
	KUNIT_CASE(test_amp_alias),
	KUNIT_CASE(test_amp_segment),
	KUNIT_CASE_PARAM(test_amp_lost_while_up, ka_card_gen_params),
	KUNIT_CASE(test_amp_nothing_shown),
	{}
};

static struct kunit_suite ka_suite = {
	.name = "virtio_msg_amp_pci",
	.suite_init = ka_suite_init,
	.suite_exit = ka_suite_exit,
	.init = ka_init,
	.exit = ka_exit,
	.test_cases = ka_cases,
};

kunit_test_suite(ka_suite);
