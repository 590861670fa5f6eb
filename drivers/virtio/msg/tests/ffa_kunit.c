// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests of the FF-A transport, with a partition of a table of operations
 */

#include <kunit/static_stub.h>
#include <kunit/test.h>
#include <linux/delay.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/unaligned.h>
#include <linux/virtio.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ids.h>

#include "../internal.h"
#include "../transports/ffa.h"
#include "ffa_partition.h"

#define DIRECT		(FFA_PARTITION_DIRECT_RECV | FFA_PARTITION_DIRECT_REQ2_RECV)
#define RING		FFA_PARTITION_DIRECT_RECV
#define INDIRECT	FFA_PARTITION_INDIRECT_MSG

#define BUFS		4
#define BUF		64

/* A driver of the private device type: buffers to be filled. */

struct kd {
	struct virtio_device *vdev;
	struct virtqueue *vq;
	unsigned int done[BUFS];
	unsigned int out;
	u8 data[BUFS][BUF];
};

static struct kd *kd_last;
static atomic_t kd_probed, kd_removed;
static DEFINE_SPINLOCK(kd_lock);

static void kd_collect(struct virtqueue *vq)
{
	struct kd *d = vq->vdev->priv;
	unsigned long flags;
	unsigned int len;
	u8 *data;

	spin_lock_irqsave(&kd_lock, flags);
	while ((data = virtqueue_get_buf(vq, &len))) {
		if (len == BUF && data[0] == PART_FILL && data[BUF - 1] == PART_FILL)
			d->done[(data - d->data[0]) / BUF]++;
		d->out--;
	}
	spin_unlock_irqrestore(&kd_lock, flags);
}

/* From atomic context, as drivers do it. */
static int kd_add(struct kd *d, unsigned int n)
{
	struct scatterlist sg;
	unsigned long flags;
	int ret;

	sg_init_one(&sg, d->data[n], BUF);
	spin_lock_irqsave(&kd_lock, flags);
	memset(d->data[n], 0, BUF);
	ret = virtqueue_add_inbuf(d->vq, &sg, 1, d->data[n], GFP_ATOMIC);
	if (!ret)
		d->out++;
	virtqueue_kick(d->vq);
	spin_unlock_irqrestore(&kd_lock, flags);
	return ret;
}

static int kd_probe(struct virtio_device *vdev)
{
	struct virtqueue_info info = { .name = "fill", .callback = kd_collect };
	struct kd *d = kzalloc_obj(*d);
	int ret;

	if (!d)
		return -ENOMEM;
	d->vdev = vdev;
	vdev->priv = d;
	ret = virtio_find_vqs(vdev, 1, &d->vq, &info, NULL);
	if (ret) {
		kfree(d);
		return ret;
	}
	virtio_device_ready(vdev);
	WRITE_ONCE(kd_last, d);
	atomic_inc(&kd_probed);
	return 0;
}

static void kd_remove(struct virtio_device *vdev)
{
	struct kd *d = vdev->priv;

	virtio_reset_device(vdev);
	while (virtqueue_detach_unused_buf(d->vq))
		d->out--;
	vdev->config->del_vqs(vdev);
	WRITE_ONCE(kd_last, NULL);
	atomic_inc(&kd_removed);
	kfree(d);
}

static const struct virtio_device_id kd_ids[] = {
	{ PART_ID, VIRTIO_DEV_ANY_ID },
	/* For test_ffa_irqs_off() */
	{ VIRTIO_ID_CONSOLE, VIRTIO_DEV_ANY_ID },
	{ VIRTIO_ID_IOMMU, VIRTIO_DEV_ANY_ID },
	{ }
};

static struct virtio_driver kd_driver = {
	.driver.name = "virtio-msg-ffa-kunit",
	.id_table = kd_ids,
	.probe = kd_probe,
	.remove = kd_remove,
};

/* Help */

static struct vmsg_ffa_params kf_params;
static unsigned int kf_fast, kf_idle;

static int kf_init(struct kunit *test)
{
	kf_params = vmsg_ffa_params;
	kf_fast = vmsg_ffa_poll_fast_us;
	kf_idle = vmsg_ffa_poll_idle_us;
	vmsg_ffa_params.window = 512;
	atomic_set(&kd_probed, 0);
	atomic_set(&kd_removed, 0);
	return 0;
}

static void kf_exit(struct kunit *test)
{
	part_free(test->priv);
	vmsg_ffa_params = kf_params;
	vmsg_ffa_poll_fast_us = kf_fast;
	vmsg_ffa_poll_idle_us = kf_idle;
}

static int kf_suite_init(struct kunit_suite *suite)
{
	return register_virtio_driver(&kd_driver);
}

static void kf_suite_exit(struct kunit_suite *suite)
{
	unregister_virtio_driver(&kd_driver);
}

static u64 kf_count(struct part *p, enum vmsg_ffa_count c)
{
	return atomic64_read(&part_driver(p)->count[c]);
}

/* Wait for the nth probe of the device's driver. */
static struct kd *kf_driver(struct part *p, unsigned int n)
{
	KUNIT_ASSERT_TRUE(p->test, fake_until(atomic_read(&kd_probed) >= n &&
					      READ_ONCE(kd_last)));
	return READ_ONCE(kd_last);
}

static struct kd *kf_start(struct part *p)
{
	KUNIT_ASSERT_EQ(p->test, part_bind(p), 0);
	return kf_driver(p, 1);
}

/* Buffers go there and come back filled. */
static void kf_io(struct part *p, struct kd *d, unsigned int rounds)
{
	unsigned int i, want;

	while (rounds--) {
		want = d->done[0] + 1;
		for (i = 0; i < BUFS; i++)
			KUNIT_ASSERT_EQ(p->test, kd_add(d, i), 0);
		for (i = 0; i < BUFS; i++)
			KUNIT_ASSERT_TRUE(p->test,
					  fake_until(READ_ONCE(d->done[i]) == want));
	}
}

/* The memory is the driver's again, all of it. */
static void kf_end(struct part *p)
{
	part_unbind(p);
	KUNIT_EXPECT_PTR_EQ(p->test, p->mem, NULL);
	KUNIT_EXPECT_EQ(p->test, p->handle, 0);
	KUNIT_EXPECT_EQ(p->test, p->shares, p->reclaims);
	KUNIT_EXPECT_FALSE(p->test, p->agreed);
	KUNIT_EXPECT_EQ(p->test, atomic_read(&kd_probed), atomic_read(&kd_removed));
}

/*
 * VERSION
 */

struct kf_version {
	const char *name;
	unsigned int forms;
	u16 wires;
	char *accept;
	unsigned int wire;
	u32 bus_version;
};

static const struct kf_version kf_versions[] = {
	{ "22 xid32", PART_FORM_22, 15, "xid32,v2,v1,rfc2", VIRTIO_MSG_WIRE_XID32 },
	{ "22 xid32 only", PART_FORM_22, 15, "xid32", VIRTIO_MSG_WIRE_XID32 },
	{ "22 v2", PART_FORM_22, 4, "xid32,v2,v1,rfc2", VIRTIO_MSG_WIRE_V2 },
	{ "22 v1", PART_FORM_22, 15, "v1", VIRTIO_MSG_WIRE_V1 },
	{ "22 rfc2", PART_FORM_22, 15, "rfc2", VIRTIO_MSG_WIRE_RFC2 },
	{ "22 public", PART_FORM_22, 0, "xid32,v2", VIRTIO_MSG_WIRE_V2 },
	{ "18 xid32", PART_FORM_18, 15, "xid32,v2,v1,rfc2", VIRTIO_MSG_WIRE_XID32 },
	{ "18 public", PART_FORM_18, 0, "xid32,v1", VIRTIO_MSG_WIRE_V1 },
	{ "18 public 1", PART_FORM_18, 0, "xid32,v1", VIRTIO_MSG_WIRE_V1, 1 },
	{ "old public", PART_FORM_OLD, 0, "xid32,rfc2", VIRTIO_MSG_WIRE_RFC2 },
	{ "old xid32", PART_FORM_OLD, 15, "xid32,rfc2", VIRTIO_MSG_WIRE_XID32 },
};

static void kf_version_desc(const struct kf_version *v, char *desc)
{
	strscpy(desc, v->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(kf_version, kf_versions, kf_version_desc);

static void test_ffa_versions(struct kunit *test)
{
	const struct kf_version *v = test->param_value;
	struct part *p = part_new(test, DIRECT);
	struct kd *d;

	p->forms = v->forms;
	p->wires = v->wires;
	/* As a public one does that knows of no wire revisions. */
	p->peer->counts_present = !v->wires;
	p->peer->link.wire = v->wire;
	if (v->bus_version)
		p->bus_version = v->bus_version;
	vmsg_ffa_params.wire = v->accept;
	d = kf_start(p);
	KUNIT_EXPECT_EQ(test, part_driver(p)->wire, v->wire);
	KUNIT_EXPECT_EQ(test, p->form, v->forms);
	KUNIT_EXPECT_EQ(test, p->versions, 1);
	kf_io(p, d, 3);
	kf_end(p);
}

enum kf_wrong {
	KF_BUS_VERSION,
	KF_REVISION,
	KF_NO_WIRE,
	KF_TWO_WIRES,
	KF_FOREIGN_WIRE,
	KF_IMPLIED_WIRE,
	KF_RESTLESS,
	KF_NO_FORM,
	KF_NO_AREAS,
	KF_WRONGS
};

static const char * const kf_wrong_names[KF_WRONGS] = {
	[KF_BUS_VERSION] = "bus version",
	[KF_REVISION] = "revision",
	[KF_NO_WIRE] = "no wire in common",
	[KF_TWO_WIRES] = "two wires",
	[KF_FOREIGN_WIRE] = "a wire that was not offered",
	[KF_IMPLIED_WIRE] = "the wire of the form is not accepted",
	[KF_RESTLESS] = "never the same",
	[KF_NO_FORM] = "no form known",
	[KF_NO_AREAS] = "no areas",
};

static void test_ffa_wrong_version(struct kunit *test)
{
	struct part *p = part_new(test, DIRECT);
	unsigned int i;

	for (i = 0; i < KF_WRONGS; i++) {
		p->forms = PART_FORM_22;
		p->bus_version = 0x10000;
		p->revision = 1;
		p->wires = 15;
		p->says = 0;
		p->restless = false;
		p->max_areas = 8;
		vmsg_ffa_params.wire = "xid32,v1";
		switch (i) {
		case KF_BUS_VERSION:
			p->bus_version = 0x20000;
			break;
		case KF_REVISION:
			p->revision = 2;
			break;
		case KF_NO_WIRE:
			p->wires = BIT(VIRTIO_MSG_WIRE_V2);
			break;
		case KF_TWO_WIRES:
			p->says = 15;
			break;
		case KF_FOREIGN_WIRE:
			p->says = BIT(VIRTIO_MSG_WIRE_RFC2);
			break;
		case KF_IMPLIED_WIRE:
			p->wires = 0;
			break;
		case KF_RESTLESS:
			p->restless = true;
			break;
		case KF_NO_FORM:
			p->forms = 0;
			break;
		case KF_NO_AREAS:
			p->max_areas = 0;
			break;
		}
		KUNIT_EXPECT_NE_MSG(test, part_bind(p), 0, "%s", kf_wrong_names[i]);
		KUNIT_EXPECT_FALSE(test, p->handle);
		part_unbind(p);
	}
	/* And it can still be used. */
	p->forms = PART_FORM_22;
	p->says = 0;
	p->max_areas = 8;
	kf_io(p, kf_start(p), 1);
	kf_end(p);
}

/*
 * Each way for messages, kicks and events
 */

struct kf_way {
	const char *name;
	u32 properties;
	u32 bus_features;
	char *mode;
	u16 kicks_by;
	enum vmsg_ffa_mode expect;
};

static const struct kf_way kf_ways[] = {
	{ "direct polled", DIRECT, 1, "auto", 0xffff, VMSG_FFA_DIRECT },
	{ "direct notified", DIRECT, 0x21, "auto", 0xffff, VMSG_FFA_DIRECT },
	{ "direct notified both ways", DIRECT, 0x31, "auto", 5, VMSG_FFA_DIRECT },
	{ "direct kicked by notification, polled", DIRECT, 0x11, "direct", 5,
	  VMSG_FFA_DIRECT },
	{ "direct without a word", DIRECT, 0, "auto", 0xffff, VMSG_FFA_DIRECT },
	{ "ring polled", RING, 1, "auto", 0xffff, VMSG_FFA_RING },
	{ "ring notified", RING, 0x21, "auto", 0xffff, VMSG_FFA_RING },
	{ "ring notified both ways", RING, 0x31, "auto", 7, VMSG_FFA_RING },
	{ "ring in wide registers", DIRECT, 1, "ring", 0xffff, VMSG_FFA_RING },
	{ "indirect", INDIRECT, 0xc, "auto", 0xffff, VMSG_FFA_INDIRECT },
	{ "indirect, brought up directly", DIRECT | INDIRECT, 0xd, "indirect",
	  0xffff, VMSG_FFA_INDIRECT },
};

static void kf_way_desc(const struct kf_way *w, char *desc)
{
	strscpy(desc, w->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(kf_way, kf_ways, kf_way_desc);

static struct part *kf_way_new(struct kunit *test)
{
	const struct kf_way *w = test->param_value;
	struct part *p = part_new(test, w->properties);

	p->bus_features = w->bus_features;
	p->kicks_by = w->kicks_by;
	vmsg_ffa_params.mode = w->mode;
	return p;
}

static void test_ffa_io(struct kunit *test)
{
	const struct kf_way *w = test->param_value;
	struct part *p = kf_way_new(test);
	struct kd *d = kf_start(p);
	struct vmsg_ffa *f = part_driver(p);

	KUNIT_EXPECT_EQ(test, f->mode, w->expect);
	KUNIT_EXPECT_EQ(test, f->notify_id >= 0, !!(w->bus_features & 0x20));
	KUNIT_EXPECT_EQ(test, f->kick_id, w->kicks_by == 0xffff ? -1 : w->kicks_by);
	kf_io(p, d, 25);
	KUNIT_EXPECT_EQ(test, p->served, 100);
	if (w->kicks_by != 0xffff)
		KUNIT_EXPECT_GT(test, atomic_read(&p->atomic_kicks), 0);
	if (f->notify_id >= 0)
		KUNIT_EXPECT_GT(test, kf_count(p, VMSG_FFA_C_NOTIFIED), 0);
	KUNIT_EXPECT_EQ(test, kf_count(p, VMSG_FFA_C_BAD), 0);
	KUNIT_EXPECT_EQ(test, p->npages * PAGE_SIZE, 512 * 1024);
	kf_end(p);
}

/* Unbound, and bound again. */
static void test_ffa_rebind(struct kunit *test)
{
	struct part *p = kf_way_new(test);
	unsigned int i;

	for (i = 0; i < 3; i++) {
		KUNIT_ASSERT_EQ(test, part_bind(p), 0);
		kf_io(p, kf_driver(p, i + 1), 2);
		part_unbind(p);
		KUNIT_EXPECT_EQ(test, p->handle, 0);
		KUNIT_EXPECT_EQ(test, p->resets, i + 1);
	}
	kf_end(p);
}

/* It crashes under I/O, and comes back knowing nobody. */
static void test_ffa_forget(struct kunit *test)
{
	struct part *p = kf_way_new(test);
	struct kd *d = kf_start(p);
	unsigned int i;

	for (i = 0; i < 3; i++) {
		kf_io(p, d, 2);
		p->hold = true;
		KUNIT_ASSERT_EQ(test, kd_add(d, 0), 0);
		p->hold = false;
		part_forget(p);
		/* Nobody may be about to say anything. */
		if (part_driver(p)->mode == VMSG_FFA_INDIRECT)
			WRITE_ONCE(part_bus(p)->keepalive_ms, 50);
		d = kf_driver(p, i + 2);
		KUNIT_EXPECT_EQ(test, p->versions, i + 2);
		/* The same memory, as FF-A sees it. */
		KUNIT_EXPECT_EQ(test, p->shares, 1);
	}
	kf_io(p, d, 2);
	KUNIT_EXPECT_EQ(test, kf_count(p, VMSG_FFA_C_RESTARTS), 3);
	kf_end(p);
}

/* The system sleeps, and the partition does not. */
static void test_ffa_sleep(struct kunit *test)
{
	struct part *p = kf_way_new(test);
	struct kd *d = kf_start(p);
	unsigned int polls;

	kf_io(p, d, 2);
	/* This driver has no freeze(), so that it is not asked. */
	KUNIT_ASSERT_EQ(test, vmsg_ffa_sleep(&p->fdev.dev), 0);
	/* A kick of before may still be followed by a look: that is not by the clock. */
	msleep(50);
	polls = READ_ONCE(p->polls);
	msleep(20);
	KUNIT_EXPECT_EQ(test, READ_ONCE(p->polls), polls);
	KUNIT_ASSERT_EQ(test, vmsg_ffa_wake(&p->fdev.dev), 0);
	kf_end(p);
}

/*
 * A partition that is busy
 */

static void test_ffa_busy(struct kunit *test)
{
	struct part *p = part_new(test, DIRECT);
	unsigned int i;
	struct kd *d;

	/* While it is brought up, and in both ways to say so. */
	p->busy = 5;
	p->refuse = 5;
	p->share_busy = 5;
	p->configure_busy = 5;
	p->bus_features = 0x31;
	p->kicks_by = 5;
	d = kf_start(p);
	KUNIT_EXPECT_GE(test, part_driver(p)->notify_id, 0);
	KUNIT_EXPECT_EQ(test, part_driver(p)->kick_id, 5);
	for (i = 0; i < 20; i++) {
		p->busy = i % 4;
		p->refuse = i / 4;
		kf_io(p, d, 1);
	}
	KUNIT_EXPECT_GE(test, kf_count(p, VMSG_FFA_C_BUSY), 10);
	KUNIT_EXPECT_EQ(test, kf_count(p, VMSG_FFA_C_BAD), 0);
	KUNIT_EXPECT_EQ(test, p->served, 80);
	p->unshare_busy = 5;
	kf_end(p);
	KUNIT_EXPECT_EQ(test, p->unshare_busy, 0);
}

/* For ever, from the beginning: the probe gives up. */
static void test_ffa_always_busy(struct kunit *test)
{
	struct part *p = part_new(test, DIRECT);

	p->busy = PART_EVER;
	KUNIT_EXPECT_EQ(test, part_bind(p), -EBUSY);
	p->busy = 0;
	p->refuse = PART_EVER;
	p->refuse_with = -EAGAIN;
	KUNIT_EXPECT_EQ(test, part_bind(p), -EBUSY);
	KUNIT_EXPECT_EQ(test, p->shares, 0);
}

/* For ever, from then on: it stops answering.  And then it is back. */
static void test_ffa_silent(struct kunit *test)
{
	struct part *p = kf_way_new(test);
	struct kd *d = kf_start(p);

	kf_io(p, d, 2);
	WRITE_ONCE(part_bus(p)->engine.timeout_ms, 100);
	WRITE_ONCE(part_bus(p)->keepalive_ms, 50);
	cancel_delayed_work_sync(&part_bus(p)->alive);
	schedule_delayed_work(&part_bus(p)->alive, 0);
	p->hold = true;
	KUNIT_ASSERT_EQ(test, kd_add(d, 0), 0);
	WRITE_ONCE(p->busy, PART_EVER);
	KUNIT_EXPECT_TRUE(test, fake_until(atomic_read(&kd_removed) == 1));
	WRITE_ONCE(part_bus(p)->engine.timeout_ms, 10000);
	WRITE_ONCE(part_bus(p)->keepalive_ms, 0);
	p->hold = false;
	WRITE_ONCE(p->busy, 0);
	d = kf_driver(p, 2);
	kf_io(p, d, 2);
	kf_end(p);
}

/* One call at a time: another one finds it busy, and nothing is lost. */
static void test_ffa_single(struct kunit *test)
{
	struct part *p = part_new(test, DIRECT);
	struct kd *d;

	vmsg_ffa_poll_fast_us = VMSG_FFA_POLL_LEAST_US;
	vmsg_ffa_poll_idle_us = VMSG_FFA_POLL_LEAST_US;
	p->single = true;
	p->slow = true;
	d = kf_start(p);
	KUNIT_EXPECT_TRUE(test, fake_until(({
		kf_io(p, d, 1);
		READ_ONCE(p->overlaps) > 10;
	})));
	KUNIT_EXPECT_GE(test, kf_count(p, VMSG_FFA_C_BUSY), 10);
	KUNIT_EXPECT_EQ(test, kf_count(p, VMSG_FFA_C_BAD), 0);
	kf_end(p);
}

/*
 * Garbage
 */

static void test_ffa_lies(struct kunit *test)
{
	struct part *p = part_new(test, DIRECT);
	struct vmsg_xfer *x;
	unsigned int i, n = 0;
	u64 ns;
	int ret;

	kf_io(p, kf_start(p), 1);
	WRITE_ONCE(part_bus(p)->keepalive_ms, 0);
	for (i = 0; i < 10 * PART_LIES; i++) {
		x = vmsg_xfer_alloc(part_bus(p), GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, x);
		mutex_lock(&p->state);
		p->lie = i % PART_LIES;
		p->lies = 1;
		mutex_unlock(&p->state);
		/* It ends at once, not after the time-out of a minute. */
		WRITE_ONCE(part_bus(p)->engine.timeout_ms, 60000);
		ret = vmsg_xfer_call(x, vmsg_req_ping(x->wire, x->req, x->cap, i));
		KUNIT_EXPECT_LT_MSG(test, ret, 0, "lie %u", p->lie);
		KUNIT_EXPECT_NE_MSG(test, ret, -ETIMEDOUT, "lie %u", p->lie);
		vmsg_xfer_put(x);
		n += ret == -EBADMSG;
		KUNIT_EXPECT_EQ_MSG(test, vmsg_bus_ping(part_bus(p), &ns), 0,
				    "after lie %u", p->lie);
	}
	KUNIT_EXPECT_GT(test, n, 0);
	KUNIT_EXPECT_GT(test, kf_count(p, VMSG_FFA_C_BAD), 0);
	kf_end(p);
}

/* Nonsense instead of an event, or of an answer to one: nothing waits for ever. */
static void test_ffa_event_lies(struct kunit *test)
{
	struct part *p = part_new(test, DIRECT);
	struct kd *d = kf_start(p);
	unsigned int i;

	for (i = 0; i < 20; i++) {
		mutex_lock(&p->state);
		p->event_lies = i % 3;
		p->avail_lies = i & 1;
		mutex_unlock(&p->state);
		KUNIT_ASSERT_EQ(test, kd_add(d, 0), 0);
		KUNIT_ASSERT_TRUE(test, fake_until(READ_ONCE(d->done[0]) == i + 1));
	}
	KUNIT_EXPECT_GE(test, kf_count(p, VMSG_FFA_C_BAD), 10);
	/* One that never does better is not in the way of anything else. */
	mutex_lock(&p->state);
	p->event_lies = 0;
	p->avail_lies = PART_EVER;
	mutex_unlock(&p->state);
	KUNIT_ASSERT_EQ(test, kd_add(d, 0), 0);
	kf_end(p);
}

/* Answers to the binding's own messages. */
static void test_ffa_wrong_size(struct kunit *test)
{
	static const u8 good[] = {
		3, 0x80, 0, 0, 9, 0, 30, 0, 0, 0, 1, 0, 1, 0, 8, 0, 2, 0, 1, 0,
		0, 0, 0, 0, 0x31, 0, 0, 0, 8, 0, 0, 0,
	};
	struct vmsg_ffa_version v;
	u8 frame[PART_REGS] = { };
	const u8 *payload;
	unsigned int i;
	u16 id;

	memcpy(frame, good, sizeof(good));
	KUNIT_EXPECT_EQ(test, vmsg_ffa_get_version(frame, 40, VMSG_FFA_FORM_22, 9, &v), 0);
	KUNIT_EXPECT_EQ(test, v.bus_version, 0x10000);
	KUNIT_EXPECT_EQ(test, v.revision, 0x80001);
	KUNIT_EXPECT_EQ(test, v.ffa_version, 0x10002);
	KUNIT_EXPECT_EQ(test, v.bus_features, 0x31);
	KUNIT_EXPECT_EQ(test, v.max_areas, 8);
	/* Longer than it says is padding, longer than needed is tolerated. */
	frame[6] = 31;
	KUNIT_EXPECT_EQ(test, vmsg_ffa_get_version(frame, 40, VMSG_FFA_FORM_22, 9, &v), 0);
	for (i = 0; i < 30; i++) {
		frame[6] = i;
		KUNIT_EXPECT_EQ(test, vmsg_ffa_get_version(frame, 40, VMSG_FFA_FORM_22,
							   9, &v), -EBADMSG);
	}
	frame[6] = 41;
	KUNIT_EXPECT_EQ(test, vmsg_ffa_get_version(frame, 40, VMSG_FFA_FORM_22, 9, &v),
			-EBADMSG);
	frame[6] = 30;
	KUNIT_EXPECT_EQ(test, vmsg_ffa_get_version(frame, 40, VMSG_FFA_FORM_22, 8, &v),
			-EBADMSG);
	frame[0] = 2;
	KUNIT_EXPECT_EQ(test, vmsg_ffa_get_version(frame, 40, VMSG_FFA_FORM_22, 9, &v),
			-EBADMSG);

	memset(frame, 0, sizeof(frame));
	vmsg_ffa_put(frame, VIRTIO_MSG_WIRE_XID32, VMSG_FFA_MSG_SHARE, 7, 4);
	frame[0] |= VIRTIO_MSG_TYPE_RESPONSE;
	frame[12] = 2;
	KUNIT_EXPECT_EQ(test, vmsg_ffa_match(frame, 40, VIRTIO_MSG_WIRE_XID32,
					     VMSG_FFA_MSG_SHARE, 7, &payload), 4);
	KUNIT_EXPECT_EQ(test, vmsg_ffa_area_result(payload, 4, 2), 0);
	KUNIT_EXPECT_EQ(test, vmsg_ffa_area_result(payload, 4, 3), -EBADMSG);
	KUNIT_EXPECT_EQ(test, vmsg_ffa_area_result(payload, 3, 2), -EBADMSG);
	KUNIT_EXPECT_EQ(test, vmsg_ffa_area_result(payload, 0, 2), -EACCES);
	frame[14] = 2;
	KUNIT_EXPECT_EQ(test, vmsg_ffa_area_result(payload, 4, 2), -EAGAIN);
	frame[14] = 1;
	KUNIT_EXPECT_EQ(test, vmsg_ffa_area_result(payload, 4, 2), -EACCES);
	KUNIT_EXPECT_EQ(test, vmsg_ffa_match(frame, 40, VIRTIO_MSG_WIRE_XID32,
					     VMSG_FFA_MSG_SHARE, 6, &payload), -EBADMSG);
	KUNIT_EXPECT_EQ(test, vmsg_ffa_match(frame, 40, VIRTIO_MSG_WIRE_XID32,
					     VMSG_FFA_MSG_UNSHARE, 7, &payload), -EBADMSG);
	KUNIT_EXPECT_EQ(test, vmsg_ffa_match(frame, 15, VIRTIO_MSG_WIRE_XID32,
					     VMSG_FFA_MSG_SHARE, 7, &payload), -EBADMSG);
	frame[4] = 11;
	KUNIT_EXPECT_EQ(test, vmsg_ffa_match(frame, 40, VIRTIO_MSG_WIRE_XID32,
					     VMSG_FFA_MSG_SHARE, 7, &payload), -EBADMSG);

	memset(frame, 0, sizeof(frame));
	frame[2] = 5;
	KUNIT_EXPECT_EQ(test, vmsg_ffa_configure_result(frame, 0, &id), -EACCES);
	KUNIT_EXPECT_EQ(test, vmsg_ffa_configure_result(frame, 2, &id), 0);
	KUNIT_EXPECT_EQ(test, id, VMSG_FFA_NO_NOTIFY);
	KUNIT_EXPECT_EQ(test, vmsg_ffa_configure_result(frame, 4, &id), 0);
	KUNIT_EXPECT_EQ(test, id, 5);
	frame[0] = 1;
	KUNIT_EXPECT_EQ(test, vmsg_ffa_configure_result(frame, 4, &id), -EACCES);
	KUNIT_EXPECT_EQ(test, id, VMSG_FFA_NO_NOTIFY);
}

/* What the binding's messages look like, by hand. */
static void test_ffa_golden(struct kunit *test)
{
	static const u8 version[] = {
		2, 0x80, 0, 0, 0x34, 0x12, 20, 0, 0, 0, 1, 0, 1, 0, 15, 0, 1, 0, 1, 0,
	};
	static const u8 version_old[] = {
		2, 0x80, 0, 0, 24, 0, 0, 0, 1, 0, 1, 0, 15, 0, 0, 0, 0, 0, 0x32, 0,
		0, 0, 0, 0,
	};
	static const u8 share[] = {
		2, 0x81, 0, 0, 38, 0, 0, 0, 0x78, 0x56, 0x34, 0x12, 9, 0,
		8, 7, 6, 5, 4, 3, 2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0,
		0xf4, 6, 0, 0,
	};
	static const u8 configure[] = { 2, 0x85, 0, 0, 10, 0, 1, 0, 48, 0 };
	static const u8 reset[] = { 2, 0x83, 0, 0, 3, 0, 8, 0 };
	struct vmsg_ffa_version v = {
		.bus_version = 0x10000,
		.revision = 0xf0001,
		.ffa_version = 0x10001,
		.bus_features = 0x32,
	};
	unsigned long regs[14];
	u8 frame[PART_REGS];

	KUNIT_EXPECT_EQ(test, vmsg_ffa_put_version(frame, VMSG_FFA_FORM_22, &v, 0x1234),
			sizeof(version));
	KUNIT_EXPECT_MEMEQ(test, frame, version, sizeof(version));
	KUNIT_EXPECT_EQ(test, vmsg_ffa_put_version(frame, VMSG_FFA_FORM_18, &v, 0x1234), 16);
	KUNIT_EXPECT_EQ(test, frame[6], 16);
	KUNIT_EXPECT_EQ(test, vmsg_ffa_put_version(frame, VMSG_FFA_FORM_OLD, &v, 0x1234),
			sizeof(version_old));
	KUNIT_EXPECT_MEMEQ(test, frame, version_old, sizeof(version_old));
	KUNIT_EXPECT_EQ(test, vmsg_ffa_put_share(frame, VIRTIO_MSG_WIRE_XID32, 0x12345678,
						 9, 0x0102030405060708ULL, 1024),
			sizeof(share));
	KUNIT_EXPECT_MEMEQ(test, frame, share, sizeof(share));
	/* The longest that goes through the registers of 1.1. */
	KUNIT_EXPECT_LE(test, sizeof(share), PART_REGS_1_1);
	KUNIT_EXPECT_EQ(test, vmsg_ffa_put_configure(frame, VIRTIO_MSG_WIRE_RFC2, 1, 1, 48),
			sizeof(configure));
	KUNIT_EXPECT_MEMEQ(test, frame, configure, sizeof(configure));
	/* Its header does not depend on the wire revision. */
	KUNIT_EXPECT_EQ(test, vmsg_ffa_put(frame, VIRTIO_MSG_WIRE_XID32,
					   VMSG_FFA_MSG_RESET, 3, 0), sizeof(reset));
	KUNIT_EXPECT_MEMEQ(test, frame, reset, sizeof(reset));

	memset(frame, 0, sizeof(frame));
	memcpy(frame, share, sizeof(share));
	vmsg_ffa_to_regs(frame, regs, 14);
	KUNIT_EXPECT_EQ(test, regs[0], 0x0000002600008102UL);
	KUNIT_EXPECT_EQ(test, regs[1], 0x0708000912345678UL);
	memset(frame, 0, sizeof(frame));
	vmsg_ffa_from_regs(regs, frame, 14);
	KUNIT_EXPECT_MEMEQ(test, frame, share, sizeof(share));
}

static void test_ffa_classify(struct kunit *test)
{
	static const struct {
		u8 type, id;
		enum vmsg_ffa_answer kind;
	} kinds[] = {
		{ 1, 2, VMSG_FFA_A_RESPONSE },
		{ 3, 3, VMSG_FFA_A_RESPONSE },
		{ 0, 0x42, VMSG_FFA_A_EVENT },
		{ 2, 0x40, VMSG_FFA_A_EVENT },
		{ 2, 3, VMSG_FFA_A_EVENT },
		{ 3, 0x87, VMSG_FFA_A_FORGOT },
		{ 2, 0x87, VMSG_FFA_A_FORGOT },
		{ 2, 0x83, VMSG_FFA_A_FORGOT },
		{ 2, 0xc0, VMSG_FFA_A_FORGOT },
		{ 3, 0x83, VMSG_FFA_A_RESPONSE },
		{ 3, 0x84, VMSG_FFA_A_RESPONSE },
		{ 2, 0x84, VMSG_FFA_A_BAD },
		{ 2, 0xff, VMSG_FFA_A_BAD },
		{ 1, 0x87, VMSG_FFA_A_RESPONSE },
	};
	u8 frame[PART_REGS] = { };
	unsigned int i;

	KUNIT_EXPECT_EQ(test, vmsg_ffa_classify(frame, 112), VMSG_FFA_A_BUSY);
	frame[111] = 1;
	KUNIT_EXPECT_EQ(test, vmsg_ffa_classify(frame, 111), VMSG_FFA_A_BUSY);
	KUNIT_EXPECT_EQ(test, vmsg_ffa_classify(frame, 112), VMSG_FFA_A_EVENT);
	for (i = 0; i < ARRAY_SIZE(kinds); i++) {
		frame[0] = kinds[i].type;
		frame[1] = kinds[i].id;
		KUNIT_EXPECT_EQ_MSG(test, vmsg_ffa_classify(frame, 112), kinds[i].kind,
				    "%u %#x", kinds[i].type, kinds[i].id);
	}
}

/*
 * Memory
 */

/* As many pieces as there can be, and as few. */
static void test_ffa_pieces(struct kunit *test)
{
	struct part *p = part_new(test, DIRECT);
	struct kd *d;

	vmsg_ffa_params.window = 8192;
	vmsg_ffa_params.chunk = PAGE_SIZE / 1024;
	d = kf_start(p);
	KUNIT_EXPECT_EQ(test, p->npages * PAGE_SIZE, 8192 * 1024);
	KUNIT_EXPECT_EQ(test, p->ranges, p->npages);
	kf_io(p, d, 5);
	part_unbind(p);
	vmsg_ffa_params.chunk = 4096;
	KUNIT_ASSERT_EQ(test, part_bind(p), 0);
	kf_io(p, kf_driver(p, 2), 1);
	KUNIT_EXPECT_LT(test, p->ranges, p->npages);
	kf_end(p);
}

static void test_ffa_params(struct kunit *test)
{
	static const unsigned int windows[] = { 0, 1, 63, 65, 1024 * 1024 + 64, UINT_MAX };
	struct part *p = part_new(test, DIRECT);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(windows); i++) {
		vmsg_ffa_params.window = windows[i];
		KUNIT_EXPECT_EQ_MSG(test, part_bind(p), -EINVAL, "%u", windows[i]);
	}
	vmsg_ffa_params.window = 512;
	vmsg_ffa_params.chunk = 0;
	KUNIT_EXPECT_EQ(test, part_bind(p), -EINVAL);
	vmsg_ffa_params.chunk = UINT_MAX;
	KUNIT_EXPECT_EQ(test, part_bind(p), -EINVAL);
	vmsg_ffa_params.chunk = 4096;
	vmsg_ffa_params.mode = "fifo";
	KUNIT_EXPECT_EQ(test, part_bind(p), -EINVAL);
	vmsg_ffa_params.mode = "indirect";
	KUNIT_EXPECT_EQ(test, part_bind(p), -EOPNOTSUPP);
	vmsg_ffa_params.mode = "auto";
	vmsg_ffa_params.wire = "v3";
	KUNIT_EXPECT_EQ(test, part_bind(p), -EINVAL);
	KUNIT_EXPECT_EQ(test, p->shares, 0);
	/* 32-bit registers, and no messages at all. */
	vmsg_ffa_params.wire = "xid32";
	p->fdev.mode_32bit = true;
	KUNIT_EXPECT_EQ(test, part_bind(p), -EOPNOTSUPP);
	p->fdev.mode_32bit = false;
	p->fdev.properties = FFA_PARTITION_NOTIFICATION_RECV;
	KUNIT_EXPECT_EQ(test, part_bind(p), -EOPNOTSUPP);
}

/* FF-A does not share it, or not all of it, or the partition does not take it. */
static void test_ffa_no_share(struct kunit *test)
{
	struct part *p = part_new(test, DIRECT);

	p->share_ret = -ENOMEM;
	KUNIT_EXPECT_EQ(test, part_bind(p), -ENOMEM);
	p->share_ret = 0;
	p->half_share = true;
	KUNIT_EXPECT_EQ(test, part_bind(p), -ENXIO);
	/* The half is taken back. */
	KUNIT_EXPECT_EQ(test, p->reclaims, 1);
	KUNIT_EXPECT_EQ(test, p->handle, 0);
	p->half_share = false;
	p->share_refuse = PART_EVER;
	KUNIT_EXPECT_EQ(test, part_bind(p), -EACCES);
	KUNIT_EXPECT_EQ(test, p->handle, 0);
	p->share_refuse = 0;
	p->share_busy = PART_EVER;
	KUNIT_EXPECT_EQ(test, part_bind(p), -EBUSY);
	KUNIT_EXPECT_EQ(test, p->handle, 0);
	p->share_busy = 0;
	p->share_other = true;
	KUNIT_EXPECT_EQ(test, part_bind(p), -EBADMSG);
	KUNIT_EXPECT_EQ(test, p->handle, 0);
	p->share_other = false;
	p->reclaims = 0;
	p->shares = 0;
	kf_io(p, kf_start(p), 1);
	kf_end(p);
}

/* It takes it, and makes no segment of it. */
static void test_ffa_no_segment(struct kunit *test)
{
	struct part *p = part_new(test, RING);

	p->format = false;
	KUNIT_EXPECT_EQ(test, part_bind(p), -ENODEV);
	KUNIT_EXPECT_EQ(test, p->handle, 0);
}

/* It refuses AREA_UNSHARE; a RESET makes it let go. */
static void test_ffa_unshare_refused(struct kunit *test)
{
	struct part *p = part_new(test, DIRECT);

	kf_io(p, kf_start(p), 1);
	p->unshare_refuse = true;
	kf_end(p);
}

/* It never lets go: what it may write is not given to anybody else. */
static void test_ffa_keep(struct kunit *test)
{
	struct part *p = part_new(test, DIRECT);
	unsigned int i;

	kf_io(p, kf_start(p), 1);
	p->keep = true;
	part_unbind(p);
	KUNIT_EXPECT_NE(test, p->handle, 0);
	for (i = 0; i < p->npages; i++) {
		KUNIT_EXPECT_EQ(test, page_count(p->pages[i]), 1);
		__free_page(p->pages[i]);
	}
	p->keep = false;
	p->handle = 0;
	p->shares = 0;
	/* There is a limit to that. */
	vmsg_ffa_params.max_lost = 0;
	KUNIT_EXPECT_EQ(test, part_bind(p), -ENOSPC);
	KUNIT_EXPECT_EQ(test, p->shares, 0);
	vmsg_ffa_params.max_lost = kf_params.max_lost;
	/* The next one gets memory of its own. */
	KUNIT_ASSERT_EQ(test, part_bind(p), 0);
	kf_io(p, kf_driver(p, 2), 1);
	kf_end(p);
}

/* After a reset it wants to know nothing of the handle from before. */
static void test_ffa_new_handle(struct kunit *test)
{
	struct part *p = kf_way_new(test);
	struct kd *d = kf_start(p);

	kf_io(p, d, 1);
	p->old_handles = true;
	part_forget(p);
	if (part_driver(p)->mode == VMSG_FFA_INDIRECT)
		WRITE_ONCE(part_bus(p)->keepalive_ms, 50);
	d = kf_driver(p, 2);
	KUNIT_EXPECT_EQ(test, p->shares, 2);
	kf_io(p, d, 2);
	kf_end(p);
}

/*
 * Events
 */

/* "I was reset", "I have no memory any more", as events. */
static void test_ffa_reset_event(struct kunit *test)
{
	static const u8 ids[] = { 0x83, 0xc0, 0x87 };
	struct part *p = kf_way_new(test);
	struct kd *d = kf_start(p);
	unsigned int i;

	if (part_driver(p)->mode == VMSG_FFA_RING)
		kunit_skip(test, "events are in the ring");
	for (i = 0; i < ARRAY_SIZE(ids); i++) {
		kf_io(p, d, 1);
		part_event(p, VIRTIO_MSG_TYPE_BUS, ids[i], 0, 0);
		d = kf_driver(p, i + 2);
		KUNIT_EXPECT_EQ(test, p->versions, i + 2);
	}
	kf_io(p, d, 1);
	kf_end(p);
}

/* Notifications without end, and for nothing. */
static void test_ffa_storm(struct kunit *test)
{
	struct part *p = kf_way_new(test);
	struct kd *d = kf_start(p);
	unsigned int i;
	u64 ns;

	if (part_driver(p)->notify_id < 0)
		kunit_skip(test, "no notifications");
	kf_io(p, d, 2);
	for (i = 0; i < 100000; i++) {
		part_notify(p);
		if (i % 1000 == 0)
			kf_io(p, d, 1);
	}
	KUNIT_EXPECT_GE(test, kf_count(p, VMSG_FFA_C_NOTIFIED), 100000);
	/* Far fewer calls than notifications. */
	KUNIT_EXPECT_LT(test, kf_count(p, VMSG_FFA_C_POLLS), 90000);
	KUNIT_EXPECT_EQ(test, vmsg_bus_ping(part_bus(p), &ns), 0);
	kf_end(p);
}

/* Events without end: others get through. */
static void test_ffa_endless(struct kunit *test)
{
	struct part *p = part_new(test, DIRECT);
	struct kd *d = kf_start(p);
	unsigned int i;
	u64 ns;

	WRITE_ONCE(p->endless, true);
	for (i = 0; i < 20; i++) {
		KUNIT_EXPECT_EQ(test, vmsg_bus_ping(part_bus(p), &ns), 0);
		kf_io(p, d, 1);
	}
	kf_end(p);
}

/* It promised notifications and sends none. */
static void test_ffa_deaf(struct kunit *test)
{
	struct part *p = kf_way_new(test);
	ktime_t start;
	struct kd *d;

	p->deaf = true;
	d = kf_start(p);
	if (part_driver(p)->notify_id < 0) {
		part_unbind(p);
		kunit_skip(test, "no notifications");
	}
	/* Until it is asked once a second only. */
	KUNIT_EXPECT_TRUE(test, fake_until(READ_ONCE(part_driver(p)->poll_us) ==
					   VMSG_FFA_NET_MAX_US));
	start = ktime_get();
	kf_io(p, d, 5);
	/* With something under way it is asked after a tenth of that. */
	KUNIT_EXPECT_LT(test, ktime_us_delta(ktime_get(), start),
			3 * VMSG_FFA_NET_MAX_US);
	kf_end(p);
}

/* Ids that others have; none at all; and kicks that are refused. */
static void test_ffa_notify_ids(struct kunit *test)
{
	struct part *p = part_new(test, DIRECT);

	p->bus_features = 0x31;
	p->kicks_by = 3;
	p->taken = GENMASK_ULL(50, 0);
	kf_io(p, kf_start(p), 2);
	KUNIT_EXPECT_EQ(test, part_driver(p)->notify_id, 51);
	WRITE_ONCE(p->no_kicks, true);
	kf_io(p, kd_last, 5);
	part_unbind(p);
	p->no_kicks = false;

	p->taken = ~0ULL;
	KUNIT_ASSERT_EQ(test, part_bind(p), 0);
	kf_io(p, kf_driver(p, 2), 2);
	KUNIT_EXPECT_EQ(test, part_driver(p)->notify_id, -1);
	part_unbind(p);

	p->no_notify = true;
	p->kicks_by = 99;
	KUNIT_ASSERT_EQ(test, part_bind(p), 0);
	kf_io(p, kf_driver(p, 3), 2);
	KUNIT_EXPECT_EQ(test, part_driver(p)->notify_id, -1);
	KUNIT_EXPECT_EQ(test, part_driver(p)->kick_id, -1);
	kf_end(p);
}

/* Fast while there is something, then slower, and fast again. */
static void test_ffa_adaptive(struct kunit *test)
{
	struct part *p = kf_way_new(test);
	struct kd *d = kf_start(p);
	struct vmsg_ffa *f = part_driver(p);

	if (f->notify_id >= 0 || f->mode == VMSG_FFA_INDIRECT)
		kunit_skip(test, "not polled");
	vmsg_ffa_poll_fast_us = 20000;
	vmsg_ffa_poll_idle_us = 1000000;
	kf_io(p, d, 1);
	KUNIT_EXPECT_TRUE(test, fake_until(READ_ONCE(f->poll_us) == 1000000));
	/* Nothing but the clock asks for this event. */
	p->hold = true;
	KUNIT_ASSERT_EQ(test, kd_add(d, 0), 0);
	/* It stays below for more than a second. */
	KUNIT_EXPECT_TRUE(test, fake_until(READ_ONCE(f->poll_us) < 1000000));
	p->hold = false;
	part_serve_all(p);
	KUNIT_EXPECT_TRUE(test, fake_until(READ_ONCE(d->done[0]) == 2));
	KUNIT_EXPECT_TRUE(test, fake_until(READ_ONCE(f->poll_us) == 1000000));
	kf_end(p);
}

/* Device 3 is there; so many times a driver has had one by now. */
static void kf_expect_probes(struct part *p, int probed)
{
	struct virtio_msg_bus *bus = part_bus(p);
	struct kunit *test = p->test;
	unsigned int i;

	KUNIT_EXPECT_TRUE(test, fake_until(xa_load(&bus->slots, 3)));
	for (i = 0; i < 3; i++) {
		flush_work(&bus->work);
		flush_workqueue(bus->probing);
	}
	KUNIT_EXPECT_EQ(test, atomic_read(&kd_probed), probed);
}

/* A driver that waits with interrupts off needs kicks that do not. */
static void test_ffa_irqs_off(struct kunit *test)
{
	static const u32 ids[] = { VIRTIO_ID_CONSOLE, VIRTIO_ID_IOMMU };
	struct part *p = kf_way_new(test);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(ids); i++) {
		p->peer->devs[0].id = ids[i];
		KUNIT_ASSERT_EQ(test, part_bind(p), 0);
		if (part_driver(p)->kick_id >= 0)
			kf_io(p, kf_driver(p, i + 1), 2);
		else
			kf_expect_probes(p, 0);
		part_unbind(p);
	}
	kf_end(p);
}

/* It had notifications for kicks, crashes, and comes back without. */
static void test_ffa_kicks_lost(struct kunit *test)
{
	struct part *p = kf_way_new(test);
	struct vmsg_ffa *f;
	struct kd *d;

	p->peer->devs[0].id = VIRTIO_ID_CONSOLE;
	KUNIT_ASSERT_EQ(test, part_bind(p), 0);
	f = part_driver(p);
	if (f->kick_id < 0) {
		part_unbind(p);
		kunit_skip(test, "no kicks by notification");
	}
	d = kf_driver(p, 1);
	kf_io(p, d, 2);
	WRITE_ONCE(p->kicks_by, 0xffff);
	part_forget(p);
	KUNIT_EXPECT_TRUE(test, fake_until(atomic_read(&kd_removed) == 1));
	if (f->mode == VMSG_FFA_RING) {
		/* The bus stays away. */
		KUNIT_EXPECT_TRUE(test, fake_until(READ_ONCE(p->versions) >= 3));
		KUNIT_EXPECT_FALSE(test, READ_ONCE(f->up));
		KUNIT_EXPECT_EQ(test, atomic_read(&kd_probed), 1);
	} else {
		/* The bus is there, for others. */
		KUNIT_EXPECT_TRUE(test, fake_until(READ_ONCE(f->up)));
		kf_expect_probes(p, 1);
		part_forget(p);
	}
	WRITE_ONCE(p->kicks_by, 5);
	kf_io(p, kf_driver(p, 2), 2);
	kf_end(p);
}

/*
 * Other firmware
 */

/* A partition takes direct messages of 1.2, the firmware below it does not. */
static void test_ffa_no_req2(struct kunit *test)
{
	struct part *p = part_new(test, DIRECT);

	p->no_req2 = true;
	kf_io(p, kf_start(p), 2);
	KUNIT_EXPECT_EQ(test, part_driver(p)->mode, VMSG_FFA_RING);
	KUNIT_EXPECT_EQ(test, part_driver(p)->regs, PART_REGS_1_1);
	part_unbind(p);
	/* And none of 1.1, either. */
	p->fdev.properties = FFA_PARTITION_DIRECT_REQ2_RECV;
	KUNIT_EXPECT_EQ(test, part_bind(p), -EOPNOTSUPP);
}

/* FF-A itself says no: the partition is gone, and comes back. */
static void test_ffa_denied(struct kunit *test)
{
	struct part *p = part_new(test, DIRECT);
	struct kd *d;

	kf_io(p, kf_start(p), 1);
	mutex_lock(&p->state);
	p->refuse_with = -ECANCELED;
	p->refuse = 4;
	mutex_unlock(&p->state);
	d = kf_driver(p, 2);
	kf_io(p, d, 2);
	kf_end(p);
}

/* It comes back as another one. */
static void test_ffa_changed(struct kunit *test)
{
	struct part *p = part_new(test, DIRECT);
	struct kd *d;

	kf_io(p, kf_start(p), 1);
	p->bus_version = 0x20000;
	part_forget(p);
	KUNIT_EXPECT_TRUE(test, fake_until(atomic_read(&kd_removed) == 1));
	KUNIT_EXPECT_TRUE(test, fake_until(READ_ONCE(part_driver(p)->told)));
	/* Another wire revision is fine. */
	mutex_lock(&p->state);
	p->wires = BIT(VIRTIO_MSG_WIRE_V2);
	p->bus_version = 0x10000;
	mutex_unlock(&p->state);
	d = kf_driver(p, 2);
	KUNIT_EXPECT_EQ(test, part_driver(p)->wire, VIRTIO_MSG_WIRE_V2);
	kf_io(p, d, 2);
	kf_end(p);
}

/*
 * Indirect messages, of which nobody says how long they are
 */

static void test_ffa_indirect_lies(struct kunit *test)
{
	struct part *p = part_new(test, INDIRECT);
	u8 m[PART_MESSAGE];
	struct kd *d;
	unsigned int i, bad;

	p->bus_features = 0xc;
	d = kf_start(p);
	kf_io(p, d, 2);
	bad = kf_count(p, VMSG_FFA_C_BAD);
	/* EVENT_USED of 104 bytes that says to be of any length. */
	for (i = 0; i < 0x10000; i += i < 128 ? 1 : 997) {
		memset(m, 0, sizeof(m));
		m[1] = VIRTIO_MSG_EVENT_USED;
		m[2] = 3;
		put_unaligned_le16(i, m + 4);
		part_indirect(p, m, sizeof(m));
	}
	KUNIT_EXPECT_GT(test, kf_count(p, VMSG_FFA_C_BAD), bad + 60);
	/* One of them was the event of buffers. */
	p->hold = true;
	for (i = 0; i < BUFS; i++)
		KUNIT_ASSERT_EQ(test, kd_add(d, i), 0);
	mutex_lock(&p->state);
	p->method = 0;
	p->hold = false;
	mutex_unlock(&p->state);
	part_serve_all(p);
	part_indirect(p, m, sizeof(m));
	for (i = 0; i < BUFS; i++)
		KUNIT_EXPECT_TRUE(test, fake_until(READ_ONCE(d->done[i]) == 3));
	mutex_lock(&p->state);
	p->method = 2;
	p->nevents = 0;
	mutex_unlock(&p->state);
	/* Answers that nobody waits for. */
	memset(m, 0, sizeof(m));
	m[0] = VIRTIO_MSG_TYPE_BUS | VIRTIO_MSG_TYPE_RESPONSE;
	for (i = 0x80; i < 0x87; i++) {
		m[1] = i;
		m[4] = 12;
		m[6] = 12;
		part_indirect(p, m, sizeof(m));
	}
	kf_io(p, d, 2);
	kf_end(p);
}

/*
 * A PING that is a header and nothing else: whatever lies behind it is not sent back.
 */
static void test_ffa_indirect_ping(struct kunit *test)
{
	struct part *p = part_new(test, INDIRECT);
	u8 m[12] = { VIRTIO_MSG_TYPE_BUS, VIRTIO_MSG_BUS_PING };
	struct kd *d;
	u64 bad;

	p->bus_features = 0xc;
	d = kf_start(p);
	kf_io(p, d, 2);
	m[4] = 16;
	m[8] = 1;
	bad = kf_count(p, VMSG_FFA_C_BAD);
	part_indirect(p, m, sizeof(m));
	KUNIT_EXPECT_EQ(test, kf_count(p, VMSG_FFA_C_BAD), bad + 1);
	KUNIT_EXPECT_EQ(test, atomic64_read(&part_bus(p)->stats.c[VMSG_C_RX_REQUEST]), 0);
	kf_io(p, d, 2);
	kf_end(p);
}

/* What happens to a partition just before the core hears that it is there. */
static void kf_lost_first(struct virtio_msg_bus *bus, const struct virtio_msg_link *link)
{
	kunit_deactivate_static_stub(kunit_get_current_test(), virtio_msg_peer_up);
	vmsg_ffa_lost(virtio_msg_bus_priv(bus), "test");
	virtio_msg_peer_up(bus, link);
}

static void test_ffa_lost_while_up(struct kunit *test)
{
	struct part *p = part_new(test, DIRECT);
	struct kd *d;

	kunit_activate_static_stub(test, virtio_msg_peer_up, kf_lost_first);
	d = kf_start(p);
	KUNIT_EXPECT_EQ(test, kf_count(p, VMSG_FFA_C_RESTARTS), 1);
	kf_io(p, d, 3);
	kf_end(p);
}

static void test_ffa_indirect_len(struct kunit *test)
{
	u8 m[PART_MESSAGE] = { 0, VIRTIO_MSG_EVENT_USED };
	unsigned int room, size;
	int want;

	for (room = 0; room <= 300; room++)
		for (size = 0; size < 300; size++) {
			put_unaligned_le16(size, m + 4);
			want = room < 12 || size < 12 ||
			       size > min_t(unsigned int, room, PART_MESSAGE) ?
			       -EBADMSG : size;
			if (vmsg_ffa_indirect_len(m, room, VIRTIO_MSG_WIRE_XID32) != want)
				KUNIT_FAIL(test, "room %u, size %u", room, size);
		}
}

static struct kunit_case kf_proto_cases[] = {
	KUNIT_CASE(test_ffa_golden),
	KUNIT_CASE(test_ffa_classify),
	KUNIT_CASE(test_ffa_wrong_size),
	KUNIT_CASE(test_ffa_indirect_len),
	{ }
};

static struct kunit_suite kf_proto_suite = {
	.name = "virtio_msg_ffa_proto",
	.test_cases = kf_proto_cases,
};

static struct kunit_case kf_cases[] = {
	KUNIT_CASE_PARAM(test_ffa_versions, kf_version_gen_params),
	KUNIT_CASE(test_ffa_wrong_version),
	KUNIT_CASE_PARAM(test_ffa_io, kf_way_gen_params),
	KUNIT_CASE_PARAM(test_ffa_rebind, kf_way_gen_params),
	KUNIT_CASE_PARAM(test_ffa_forget, kf_way_gen_params),
	KUNIT_CASE_PARAM(test_ffa_sleep, kf_way_gen_params),
	KUNIT_CASE(test_ffa_busy),
	KUNIT_CASE_SLOW(test_ffa_always_busy),
	KUNIT_CASE_PARAM_ATTR(test_ffa_silent, kf_way_gen_params,
			      { .speed = KUNIT_SPEED_SLOW }),
	KUNIT_CASE(test_ffa_single),
	KUNIT_CASE(test_ffa_lies),
	KUNIT_CASE(test_ffa_event_lies),
	KUNIT_CASE(test_ffa_pieces),
	KUNIT_CASE(test_ffa_params),
	KUNIT_CASE_SLOW(test_ffa_no_share),
	KUNIT_CASE(test_ffa_no_segment),
	KUNIT_CASE(test_ffa_unshare_refused),
	KUNIT_CASE(test_ffa_keep),
	KUNIT_CASE_PARAM(test_ffa_new_handle, kf_way_gen_params),
	KUNIT_CASE_PARAM(test_ffa_reset_event, kf_way_gen_params),
	KUNIT_CASE_PARAM(test_ffa_storm, kf_way_gen_params),
	KUNIT_CASE(test_ffa_endless),
	KUNIT_CASE_PARAM_ATTR(test_ffa_deaf, kf_way_gen_params,
			      { .speed = KUNIT_SPEED_SLOW }),
	KUNIT_CASE(test_ffa_notify_ids),
	KUNIT_CASE_PARAM_ATTR(test_ffa_adaptive, kf_way_gen_params,
			      { .speed = KUNIT_SPEED_SLOW }),
	KUNIT_CASE_PARAM(test_ffa_irqs_off, kf_way_gen_params),
	KUNIT_CASE_PARAM(test_ffa_kicks_lost, kf_way_gen_params),
	KUNIT_CASE(test_ffa_no_req2),
	KUNIT_CASE(test_ffa_denied),
	KUNIT_CASE(test_ffa_changed),
	KUNIT_CASE(test_ffa_indirect_lies),
	KUNIT_CASE(test_ffa_indirect_ping),
	KUNIT_CASE(test_ffa_lost_while_up),
	{ }
};

static struct kunit_suite kf_suite = {
	.name = "virtio_msg_ffa",
	.init = kf_init,
	.exit = kf_exit,
	.suite_init = kf_suite_init,
	.suite_exit = kf_suite_exit,
	.test_cases = kf_cases,
};

kunit_test_suites(&kf_proto_suite, &kf_suite);
