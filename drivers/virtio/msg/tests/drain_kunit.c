// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests of a peer that writes over the rings: whatever it wrote, every buffer
 * comes back to its driver once, and a driver that waits for that in its remove
 * function, as virtio_blk does, comes to its end.
 */
#include <kunit/test.h>
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/prandom.h>
#include <linux/scatterlist.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/unaligned.h>
#include <linux/virtio.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_ring.h>

#include "../internal.h"
#include "../share.h"
#include "fake_transport.h"

#define DT_ID		0xfff5	/* a device type that nobody else drives */
#define DT_NUM		2
#define DT_SIZE		16	/* entries of the ring */
#define DT_BUFS		6
#define DT_OUT		16	/* bytes for the device */
#define DT_IN		64	/* bytes from the device */

/**
 * struct dt_buf - a buffer of the driver
 * @out: it is in the queue
 * @done: how often it came back
 * @detached: how often it was taken out of a dead queue
 * @len: bytes that the device has written, as the queue says
 * @data: for the device, and then from it
 */
struct dt_buf {
	bool out;
	unsigned int done;
	unsigned int detached;
	unsigned int len;
	u8 data[DT_OUT + DT_IN];
};

/**
 * struct dt - a test
 * @f: the peer
 * @lock: serialises the driver's use of its queue
 * @vq: the queue of the device that is there
 * @collect: the callback collects buffers
 * @wait: the remove function waits for them
 * @linger: it waits before it takes them out
 * @forgets: it does not take them out
 * @reset: the device is reset: no callback may run
 * @late: those that did
 * @probed: how many probe functions came to their end
 * @removed: how many remove functions
 * @bufs: buffers, and one more
 */
struct dt {
	struct fake *f;
	spinlock_t lock; /* see above */
	struct virtqueue *vq;
	bool collect;
	bool wait;
	bool linger;
	bool forgets;
	bool reset;
	atomic_t late;
	atomic_t probed;
	atomic_t removed;
	struct dt_buf bufs[DT_BUFS + 1];
};

static struct dt *dt_of(struct virtio_device *vdev)
{
	struct fake *f = virtio_msg_bus_priv(to_vmsg_device(vdev)->bus);

	return f->priv;
}

static void dt_callback(struct virtqueue *vq)
{
	struct dt *dt = dt_of(vq->vdev);
	struct dt_buf *b;
	unsigned long flags;
	unsigned int len;

	if (READ_ONCE(dt->reset))
		atomic_inc(&dt->late);
	if (!READ_ONCE(dt->collect))
		return;
	spin_lock_irqsave(&dt->lock, flags);
	while ((b = virtqueue_get_buf(vq, &len))) {
		b->done++;
		b->len = len;
		WRITE_ONCE(b->out, false);
	}
	spin_unlock_irqrestore(&dt->lock, flags);
}

static int dt_probe(struct virtio_device *vdev)
{
	struct virtqueue_info info = { "q", dt_callback };
	struct dt *dt = dt_of(vdev);
	int ret;

	ret = virtio_find_vqs(vdev, 1, &dt->vq, &info, NULL);
	if (ret)
		return ret;
	virtio_device_ready(vdev);
	atomic_inc(&dt->probed);
	return 0;
}

static bool dt_any_out(struct dt *dt)
{
	unsigned int i;

	for (i = 0; i <= DT_BUFS; i++)
		if (READ_ONCE(dt->bufs[i].out))
			return true;
	return false;
}

static void dt_remove(struct virtio_device *vdev)
{
	struct dt *dt = dt_of(vdev);
	struct dt_buf *b;

	if (dt->wait)
		fake_until(!dt_any_out(dt));
	virtio_reset_device(vdev);
	WRITE_ONCE(dt->reset, true);
	/* Longer than until the next round of a drain. */
	if (dt->linger)
		msleep(150);
	while (!dt->forgets && (b = virtqueue_detach_unused_buf(dt->vq))) {
		b->detached++;
		b->out = false;
	}
	vdev->config->del_vqs(vdev);
	WRITE_ONCE(dt->reset, false);
	atomic_inc(&dt->removed);
}

static const struct virtio_device_id dt_ids[] = {
	{ DT_ID, VIRTIO_DEV_ANY_ID },
	{}
};

static struct virtio_driver dt_driver = {
	.driver.name = "virtio-msg-kunit-drain",
	.id_table = dt_ids,
	.probe = dt_probe,
	.remove = dt_remove,
};

/* The driver adds buffer @n: a piece for the device and one from it. */
static int dt_add(struct dt *dt, unsigned int n)
{
	struct scatterlist out, in, *sgs[2] = { &out, &in };
	struct dt_buf *b = &dt->bufs[n];
	unsigned long flags;
	int ret;

	sg_init_one(&out, b->data, DT_OUT);
	sg_init_one(&in, b->data + DT_OUT, DT_IN);
	spin_lock_irqsave(&dt->lock, flags);
	ret = virtqueue_add_sgs(dt->vq, sgs, 1, 1, b, GFP_ATOMIC);
	if (!ret)
		b->out = true;
	spin_unlock_irqrestore(&dt->lock, flags);
	return ret;
}

/* Kinds of rings */

static const struct dt_ring {
	const char *name;
	bool packed;
	bool indirect;
} dt_rings[] = {
	{ "split", false, false },
	{ "split, indirect", false, true },
	{ "packed", true, false },
	{ "packed, indirect", true, true },
};

static const struct dt_ring dt_split_rings[] = {
	{ "split", false, false },
	{ "split, indirect", false, true },
};

static const struct dt_ring dt_chains[] = {
	{ "split", false, false },
};

static void dt_ring_desc(const struct dt_ring *r, char *desc)
{
	strscpy(desc, r->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(dt_ring, dt_rings, dt_ring_desc);
KUNIT_ARRAY_PARAM(dt_split_ring, dt_split_rings, dt_ring_desc);
KUNIT_ARRAY_PARAM(dt_chain, dt_chains, dt_ring_desc);

/* A bus with one device, and all buffers in its queue. */
static struct dt *dt_new(struct kunit *test)
{
	const struct dt_ring *r = test->param_value;
	struct dt *dt = kunit_kzalloc(test, sizeof(*dt), GFP_KERNEL);
	struct fake *f = fake_new(test, VIRTIO_MSG_WIRE_XID32);
	struct fake_dev *d;
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, dt);
	test->priv = dt;
	spin_lock_init(&dt->lock);
	dt->collect = true;
	dt->wait = true;
	dt->f = f;
	f->priv = dt;
	f->come_back = true;
	fake_window(f, SZ_1M);
	d = fake_add(f, DT_NUM, DT_ID);
	d->vq[0].max_size = DT_SIZE;
	if (r->packed)
		d->features[1] |= BIT(VIRTIO_F_RING_PACKED - 32);
	if (r->indirect)
		d->features[0] |= BIT(VIRTIO_RING_F_INDIRECT_DESC);
	KUNIT_ASSERT_EQ(test, fake_register(f), 0);
	fake_settle(f);
	KUNIT_ASSERT_EQ(test, atomic_read(&dt->probed), 1);
	for (i = 0; i < DT_BUFS; i++)
		KUNIT_ASSERT_EQ(test, dt_add(dt, i), 0);
	return dt;
}

static void dt_exit(struct kunit *test)
{
	struct dt *dt = test->priv;

	if (dt)
		fake_free(dt->f);
}

static u8 *dt_ptr(struct dt *dt, u64 wire)
{
	return (u8 *)dt->f->link.window.va + (wire - dt->f->link.window.wire);
}

static struct fake_vq *dt_vq(struct dt *dt)
{
	return &fake_dev(dt->f, DT_NUM)->vq[0];
}

/* Split: what a descriptor's flags are. */
static u8 *dt_flags(struct dt *dt, unsigned int i)
{
	return dt_ptr(dt, dt_vq(dt)->desc) + 16 * i + 12;
}

/* Split: the device has used @n buffers, all of a queue's first. */
static void dt_use(struct dt *dt, unsigned int n)
{
	u8 *avail = dt_ptr(dt, dt_vq(dt)->driver), *used = dt_ptr(dt, dt_vq(dt)->device);
	unsigned int i;

	for (i = 0; i < n; i++) {
		put_unaligned_le32(get_unaligned_le16(avail + 4 + 2 * i), used + 4 + 8 * i);
		put_unaligned_le32(0, used + 8 + 8 * i);
	}
	smp_wmb(); /* the index last */
	put_unaligned_le16(n, used + 2);
	fake_event_used(dt->f, DT_NUM, 0);
}

static u64 dt_counter(struct dt *dt, enum vmsg_counter c)
{
	return atomic64_read(&dt->f->bus->stats.c[c]);
}

/* All are back, once, and not because the driver took them out. */
static void dt_all_back(struct kunit *test)
{
	struct dt *dt = test->priv;
	unsigned int i;

	fake_settle(dt->f);
	KUNIT_EXPECT_EQ(test, atomic_read(&dt->removed), 1);
	for (i = 0; i < DT_BUFS; i++) {
		KUNIT_EXPECT_FALSE_MSG(test, dt->bufs[i].out, "buffer %u", i);
		KUNIT_EXPECT_EQ_MSG(test, dt->bufs[i].done, 1, "buffer %u", i);
		KUNIT_EXPECT_EQ_MSG(test, dt->bufs[i].detached, 0, "buffer %u", i);
	}
}

/* Where the peer knows a ring. */
struct dt_ring_at {
	u8 *desc;
	u8 *driver;
	u8 *device;
	size_t area;
};

static struct dt_ring_at dt_ring_at(struct kunit *test)
{
	const struct dt_ring *r = test->param_value;
	struct dt *dt = test->priv;

	return (struct dt_ring_at) {
		.desc = dt_ptr(dt, dt_vq(dt)->desc),
		.driver = dt_ptr(dt, dt_vq(dt)->driver),
		.device = dt_ptr(dt, dt_vq(dt)->device),
		.area = r->packed ? 4 : 6 + 2 * DT_SIZE,
	};
}

/* Bytes that it writes over all of it. */
static void dt_scribble(const struct dt_ring_at *at, unsigned int what)
{
	struct rnd_state rnd;

	switch (what) {
	case 0:
	case 0xa5:
	case 0xff:
		memset(at->desc, what, 16 * DT_SIZE);
		memset(at->driver, what, at->area);
		memset(at->device, what, at->area);
		break;
	default:
		prandom_seed_state(&rnd, what);
		prandom_bytes_state(&rnd, at->desc, 16 * DT_SIZE);
		prandom_bytes_state(&rnd, at->driver, at->area);
		prandom_bytes_state(&rnd, at->device, at->area);
	}
}

/* Before a loss, and with work that comes later. */
static void dt_case_scribbled(struct kunit *test)
{
	static const unsigned int what[] = { 0, 0xa5, 0xff, 1, 2, 3, 4, 5, 6, 7 };
	struct dt_ring_at at;
	unsigned int i;
	struct dt *dt;

	for (i = 0; i < ARRAY_SIZE(what); i++) {
		dt = dt_new(test);
		at = dt_ring_at(test);
		dt_scribble(&at, what[i]);
		virtqueue_kick(dt->vq);
		virtio_msg_peer_lost(dt->f->bus, "test");
		dt_all_back(test);
		KUNIT_EXPECT_EQ(test, dt_counter(dt, VMSG_C_TRACK_LOST), 0);
		KUNIT_EXPECT_EQ(test, dt_counter(dt, VMSG_C_DRAINED), DT_BUFS);
		fake_free(dt->f);
		test->priv = NULL;
	}
}

static int dt_scribbler(void *arg)
{
	unsigned int what = 0;

	while (!kthread_should_stop()) {
		dt_scribble(arg, what++);
		usleep_range(20, 100);
	}
	return 0;
}

/* All the time, also while the queue is drained. */
static void dt_case_scribbler(struct kunit *test)
{
	struct dt *dt = dt_new(test);
	struct dt_ring_at at = dt_ring_at(test);
	struct task_struct *peer = kthread_run(dt_scribbler, &at, "virtio-msg-kunit");
	bool back;

	KUNIT_ASSERT_FALSE(test, IS_ERR(peer));
	usleep_range(500, 1000);
	virtio_msg_peer_lost(dt->f->bus, "test");
	back = fake_until(!dt_any_out(dt));
	kthread_stop(peer);
	KUNIT_EXPECT_TRUE(test, back);
	dt_all_back(test);
}

/* While the driver adds, and gives up what it has begun to add. */
static void dt_case_scribbled_add(struct kunit *test)
{
	struct dt *dt = dt_new(test);
	struct dt_ring_at at = dt_ring_at(test);
	struct vmsg_fault_point *full;
	unsigned int round;

	if (!dt->f->bus->faults)
		kunit_skip(test, "no faults on purpose in this kernel");
	full = &dt->f->bus->faults->point[VMSG_FAULT_EXHAUST];
	for (round = 0; round < 5; round++) {
		dt_scribble(&at, round);
		/* The second piece finds no room, nor does a second attempt. */
		atomic_set(&full->skip, 1);
		atomic_set(&full->count, -1);
		WRITE_ONCE(full->probability, 1000);
		KUNIT_EXPECT_NE(test, dt_add(dt, DT_BUFS), 0);
		WRITE_ONCE(full->probability, 0);
	}
	KUNIT_EXPECT_EQ(test, dt_add(dt, DT_BUFS), 0);
	virtio_msg_peer_lost(dt->f->bus, "test");
	dt_all_back(test);
	KUNIT_EXPECT_EQ(test, dt->bufs[DT_BUFS].done, 1);
	KUNIT_EXPECT_EQ(test, dt_counter(dt, VMSG_C_TRACK_LOST), 0);
}

/*
 * All descriptors say that another follows: the ring code would go round and round. The
 * device is broken, and has no effect on its bus.
 */
static void dt_case_endless(struct kunit *test)
{
	struct dt *dt = dt_new(test);
	unsigned int i;

	for (i = 0; i < DT_SIZE; i++)
		put_unaligned_le16(get_unaligned_le16(dt_flags(dt, i)) | VRING_DESC_F_NEXT,
				   dt_flags(dt, i));
	dt_use(dt, 1);
	dt_all_back(test);
	KUNIT_EXPECT_EQ(test, dt_counter(dt, VMSG_C_BROKEN), 1);
	KUNIT_EXPECT_EQ(test, dt->f->bus->state, VMSG_BUS_RUNNING);
	KUNIT_EXPECT_EQ(test, atomic_read(&dt->probed), 2);
}

/* Behind the last buffer are the free descriptors: round these it would go, too. */
static void dt_case_endless_free(struct kunit *test)
{
	struct dt *dt = dt_new(test);
	unsigned int i;

	dt_use(dt, DT_BUFS - 1);
	KUNIT_EXPECT_EQ(test, dt->bufs[DT_BUFS - 2].done, 1);
	for (i = 0; i < DT_SIZE; i++)
		put_unaligned_le16(VRING_DESC_F_NEXT, dt_flags(dt, i));
	dt_use(dt, DT_BUFS);
	dt_all_back(test);
	KUNIT_EXPECT_EQ(test, dt_counter(dt, VMSG_C_BROKEN), 1);
	KUNIT_EXPECT_EQ(test, atomic_read(&dt->probed), 2);
}

/* A chain that goes on into another buffer, which the ring code then unmaps. */
static void dt_case_into_another(struct kunit *test)
{
	const struct dt_ring *r = test->param_value;
	struct dt *dt = dt_new(test);
	u8 *last = dt_flags(dt, r->indirect ? 0 : 1);

	put_unaligned_le16(get_unaligned_le16(last) | VRING_DESC_F_NEXT, last);
	dt_use(dt, 1);
	KUNIT_EXPECT_EQ(test, dt->bufs[0].done, 1);
	KUNIT_EXPECT_EQ(test, dt->bufs[1].done, 0);
	virtio_msg_peer_lost(dt->f->bus, "test");
	dt_all_back(test);
}

/* One that ends too early; the driver adds one more, and it is found out. */
static void dt_case_cut(struct kunit *test)
{
	struct dt *dt = dt_new(test);

	put_unaligned_le16(0, dt_flags(dt, 0));
	dt_use(dt, 1);
	KUNIT_EXPECT_EQ(test, dt->bufs[0].done, 1);
	dt->bufs[0].done = 0;
	KUNIT_EXPECT_NE(test, dt_add(dt, 0), 0);
	dt->bufs[0].done = 1;
	dt_all_back(test);
	KUNIT_EXPECT_EQ(test, dt_counter(dt, VMSG_C_BROKEN), 1);
}

/* All of them, and the driver goes: the ring code finds its sums right. */
static void dt_case_cut_remove(struct kunit *test)
{
	struct dt *dt = dt_new(test);
	struct vmsg_device *vd = vmsg_device_get(xa_load(&dt->f->bus->slots, DT_NUM));
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, vd);
	for (i = 0; i < DT_SIZE; i++)
		put_unaligned_le16(0, dt_flags(dt, i));
	dt_use(dt, DT_BUFS);
	device_release_driver(&vd->vdev.dev);
	vmsg_device_put(vd);
	dt_all_back(test);
}

/* Nothing is known of the queue, for whatever reason; some is used, some collected. */
static void dt_case_sweep(struct kunit *test)
{
	struct dt *dt = dt_new(test);
	struct vmsg_vq *q = dt->vq->priv;
	bool packed = q->track.packed;

	spin_lock_irq(&q->track.lock);
	q->track.lost = true;
	spin_unlock_irq(&q->track.lock);
	if (!packed) {
		dt_use(dt, 2);
		KUNIT_EXPECT_EQ(test, dt->bufs[1].done, 1);
	}
	virtio_msg_peer_lost(dt->f->bus, "test");
	dt_all_back(test);
	KUNIT_EXPECT_EQ(test, dt_counter(dt, VMSG_C_DRAINED),
			packed ? DT_BUFS : DT_BUFS - 2);
	KUNIT_EXPECT_EQ(test, atomic_read(&dt->probed), 2);
}

/* To 9p no byte means that there is no answer yet: it gets one. */
static void dt_case_9p(struct kunit *test)
{
	struct dt *dt = dt_new(test);
	struct vmsg_device *vd = to_vmsg_device(dt->vq->vdev);
	unsigned int i;

	vd->info.device_id = VIRTIO_ID_9P;
	virtio_msg_peer_lost(dt->f->bus, "test");
	dt_all_back(test);
	for (i = 0; i < DT_BUFS; i++)
		KUNIT_EXPECT_EQ(test, dt->bufs[i].len, 1);
}

/*
 * A driver is between mapping a buffer and publishing it, and may be for long: the queue
 * is looked at until it has got on.
 */
static void dt_case_adding(struct kunit *test)
{
	struct dt *dt = dt_new(test);
	struct vmsg_device *vd = vmsg_device_get(xa_load(&dt->f->bus->slots, DT_NUM));
	struct dt_buf *b = &dt->bufs[DT_BUFS];
	struct vmsg_vq *q = dt->vq->priv;
	u64 wire;

	KUNIT_ASSERT_NOT_NULL(test, vd);
	/* Its remove function waits for it. */
	b->out = true;
	spin_lock_irq(&dt->lock);
	wire = vmsg_buf_map(&q->ctx, virt_to_page(b->data), offset_in_page(b->data), DT_OUT,
			    DMA_TO_DEVICE, false);
	spin_unlock_irq(&dt->lock);
	KUNIT_ASSERT_NE(test, wire, VMSG_WIN_ERROR);
	virtio_msg_peer_lost(dt->f->bus, "test");
	KUNIT_EXPECT_TRUE(test, fake_until(virtqueue_is_broken(dt->vq)));
	KUNIT_EXPECT_TRUE(test, fake_until(delayed_work_pending(&vd->drain_work)));
	msleep(2 * 150);
	KUNIT_EXPECT_TRUE(test, fake_until(delayed_work_pending(&vd->drain_work)));
	vmsg_buf_unmap(&q->ctx, wire, DT_OUT, DMA_TO_DEVICE, false);
	WRITE_ONCE(b->out, false);
	vmsg_device_put(vd);
	dt_all_back(test);
}

/* A driver that could not collect, until long after its queue was given up. */
static void dt_case_late(struct kunit *test)
{
	struct dt *dt = dt_new(test);

	WRITE_ONCE(dt->collect, false);
	virtio_msg_peer_lost(dt->f->bus, "test");
	KUNIT_ASSERT_TRUE(test, fake_until(virtqueue_is_broken(dt->vq)));
	KUNIT_EXPECT_EQ(test, atomic_read(&dt->removed), 0);
	WRITE_ONCE(dt->collect, true);
	dt_all_back(test);
}

/* One that does not collect, but resets its device: after that it is left alone. */
static void dt_case_reset(struct kunit *test)
{
	struct dt *dt = dt_new(test);
	unsigned int i;

	dt->wait = false;
	dt->linger = true;
	WRITE_ONCE(dt->collect, false);
	virtio_msg_peer_lost(dt->f->bus, "test");
	fake_settle(dt->f);
	KUNIT_EXPECT_EQ(test, atomic_read(&dt->removed), 1);
	KUNIT_EXPECT_EQ(test, atomic_read(&dt->late), 0);
	for (i = 0; i < DT_BUFS; i++)
		KUNIT_EXPECT_EQ(test, dt->bufs[i].detached, 1);
}

static enum fake_reply dt_hold_reset(struct fake *f, const struct fake_msg *rq)
{
	return rq->msg_id == VIRTIO_MSG_SET_DEVICE_STATUS ? FAKE_HOLD : FAKE_IN_SEND;
}

/*
 * A broken device is told to reset, and does so after its driver has begun to remove
 * it: nothing of it stays in quarantine, where it would be until the link ends.
 */
static void dt_case_quiet(struct kunit *test)
{
	struct dt *dt = dt_new(test);
	struct vmsg_window_stats st;
	struct fake *f = dt->f;
	unsigned int i;

	dt->wait = false;
	WRITE_ONCE(dt->collect, false);
	f->script = dt_hold_reset;
	fake_event_config(f, DT_NUM, VIRTIO_CONFIG_S_NEEDS_RESET);
	KUNIT_ASSERT_TRUE(test, fake_until(fake_held(f)));
	/* Time enough to take out all buffers. */
	msleep(50);
	f->script = NULL;
	fake_reply_all(f);
	fake_settle(f);
	KUNIT_EXPECT_EQ(test, atomic_read(&dt->removed), 1);
	KUNIT_EXPECT_EQ(test, f->bus->state, VMSG_BUS_RUNNING);
	for (i = 0; i < DT_BUFS; i++)
		KUNIT_EXPECT_EQ(test, dt->bufs[i].done + dt->bufs[i].detached, 1);
	vmsg_window_get_stats(f->bus->win, &st);
	KUNIT_EXPECT_EQ(test, st.quarantined, 0);
}

/* Some drivers forget what is in their queue when they go: it is free after a reset. */
static void dt_case_forgets(struct kunit *test)
{
	struct dt *dt = dt_new(test);
	struct vmsg_device *vd = vmsg_device_get(xa_load(&dt->f->bus->slots, DT_NUM));
	struct vmsg_window_stats st;

	KUNIT_ASSERT_NOT_NULL(test, vd);
	dt->wait = false;
	dt->forgets = true;
	device_release_driver(&vd->vdev.dev);
	KUNIT_EXPECT_EQ(test, atomic_read(&dt->removed), 1);
	vmsg_window_get_stats(dt->f->bus->win, &st);
	KUNIT_EXPECT_EQ(test, st.used, 0);
	KUNIT_EXPECT_EQ(test, st.quarantined, 0);
	KUNIT_EXPECT_EQ(test, st.bad, 0);
	vmsg_device_put(vd);
}

/* A lost peer was told nothing: all that is in quarantine until the next is confirmed. */
static void dt_case_forgets_lost(struct kunit *test)
{
	struct dt *dt = dt_new(test);
	struct vmsg_window_stats st;

	dt->wait = false;
	dt->forgets = true;
	dt->f->come_back = false;
	WRITE_ONCE(dt->collect, false);
	virtio_msg_peer_lost(dt->f->bus, "test");
	fake_settle(dt->f);
	KUNIT_EXPECT_EQ(test, atomic_read(&dt->removed), 1);
	vmsg_window_get_stats(dt->f->bus->win, &st);
	KUNIT_EXPECT_EQ(test, st.used, 0);
	KUNIT_EXPECT_GE(test, st.quarantined, 2 * DT_BUFS);
	KUNIT_EXPECT_EQ(test, st.bad, 2 * DT_BUFS);
}

static int dt_suite_init(struct kunit_suite *suite)
{
	return register_virtio_driver(&dt_driver);
}

static void dt_suite_exit(struct kunit_suite *suite)
{
	unregister_virtio_driver(&dt_driver);
}

static struct kunit_case dt_cases[] = {
	KUNIT_CASE_PARAM(dt_case_scribbled, dt_ring_gen_params),
	KUNIT_CASE_PARAM(dt_case_scribbler, dt_ring_gen_params),
	KUNIT_CASE_PARAM(dt_case_scribbled_add, dt_ring_gen_params),
	KUNIT_CASE_PARAM(dt_case_endless, dt_split_ring_gen_params),
	KUNIT_CASE_PARAM(dt_case_endless_free, dt_chain_gen_params),
	KUNIT_CASE_PARAM(dt_case_into_another, dt_split_ring_gen_params),
	KUNIT_CASE_PARAM(dt_case_cut, dt_chain_gen_params),
	KUNIT_CASE_PARAM(dt_case_cut_remove, dt_chain_gen_params),
	KUNIT_CASE_PARAM(dt_case_sweep, dt_ring_gen_params),
	KUNIT_CASE_PARAM(dt_case_9p, dt_ring_gen_params),
	KUNIT_CASE_PARAM(dt_case_adding, dt_ring_gen_params),
	KUNIT_CASE_PARAM(dt_case_late, dt_ring_gen_params),
	KUNIT_CASE_PARAM(dt_case_reset, dt_ring_gen_params),
	KUNIT_CASE_PARAM(dt_case_forgets, dt_chain_gen_params),
	KUNIT_CASE_PARAM(dt_case_forgets_lost, dt_chain_gen_params),
	KUNIT_CASE_PARAM(dt_case_quiet, dt_chain_gen_params),
	{}
};

static struct kunit_suite dt_suite = {
	.name = "virtio_msg_drain",
	.suite_init = dt_suite_init,
	.suite_exit = dt_suite_exit,
	.exit = dt_exit,
	.test_cases = dt_cases,
};

kunit_test_suite(dt_suite);
