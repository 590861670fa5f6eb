// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests of single devices: one that claims a status that it cannot have, or a
 * configuration that never stands still, both of which the virtio core believes; one
 * that does not reset; which of its queues are looked at, and when it is asked.
 */
#include <kunit/test.h>
#include <linux/delay.h>
#include <linux/device.h>
#include <linux/mutex.h>
#include <linux/ratelimit.h>
#include <linux/scatterlist.h>
#include <linux/sizes.h>
#include <linux/unaligned.h>
#include <linux/virtio.h>
#include <linux/virtio_config.h>

#include "../internal.h"
#include "fake_transport.h"

#define DK_ID		0xfff6	/* a device type that nobody else drives */
#define DK_NUM		4
#define DK_VQS		3
#define DK_BUF		64	/* bytes of a buffer */
#define DK_ROUNDS	100	/* more than the core puts up with */

/**
 * struct dk - a test
 * @f: the peer
 * @vq: queues of the device that was probed last
 * @done: buffers that came back, of each
 * @buf: a buffer
 * @probed: how many probe functions came to their end
 * @removed: how many remove functions
 * @early: the status as the driver saw it before it started its device
 * @lies: what the device adds to each status but 0
 * @lies_at: only to one that has this bit
 * @sending: the transport has a message in hand
 * @go_on: it may go on
 */
struct dk {
	struct fake *f;
	struct virtqueue *vq[DK_VQS];
	unsigned int done[DK_VQS];
	u8 buf[DK_BUF];
	atomic_t probed;
	atomic_t removed;
	u8 early;
	u8 lies;
	u8 lies_at;
	bool sending;
	bool go_on;
};

static struct dk *dk_of(struct virtio_device *vdev)
{
	struct fake *f = virtio_msg_bus_priv(to_vmsg_device(vdev)->bus);

	return f->priv;
}

static void dk_callback(struct virtqueue *vq)
{
	struct dk *dk = dk_of(vq->vdev);
	unsigned int len;

	while (virtqueue_get_buf(vq, &len))
		dk->done[vq->index]++;
}

static int dk_probe(struct virtio_device *vdev)
{
	struct virtqueue_info info[DK_VQS] = {
		{ "first", dk_callback }, { "second", dk_callback }, { "third", dk_callback },
	};
	struct dk *dk = dk_of(vdev);
	int ret;

	ret = virtio_find_vqs(vdev, DK_VQS, dk->vq, info, NULL);
	if (ret)
		return ret;
	dk->early = vdev->config->get_status(vdev);
	virtio_device_ready(vdev);
	atomic_inc(&dk->probed);
	return 0;
}

static void dk_remove(struct virtio_device *vdev)
{
	struct virtqueue *vq;

	virtio_reset_device(vdev);
	virtio_device_for_each_vq(vdev, vq)
		while (virtqueue_detach_unused_buf(vq))
			;
	vdev->config->del_vqs(vdev);
	atomic_inc(&dk_of(vdev)->removed);
}

static const struct virtio_device_id dk_ids[] = {
	{ DK_ID, VIRTIO_DEV_ANY_ID },
	{}
};

static struct virtio_driver dk_driver = {
	.driver.name = "virtio-msg-kunit-device",
	.id_table = dk_ids,
	.probe = dk_probe,
	.remove = dk_remove,
};

/* A device that adds to the status that it is to have. */
static void dk_lie(struct fake *f, const struct fake_msg *rq, struct fake_msg *r)
{
	struct dk *dk = f->priv;
	u8 asked = rq->payload[0];

	if (rq->type & VIRTIO_MSG_TYPE_BUS || rq->msg_id != VIRTIO_MSG_SET_DEVICE_STATUS)
		return;
	if (asked && (asked & dk->lies_at) == dk->lies_at)
		r->payload[0] |= dk->lies;
}

static struct dk *dk_new(struct kunit *test)
{
	struct dk *dk = test->priv;

	dk->f = fake_new(test, VIRTIO_MSG_WIRE_XID32);
	dk->f->priv = dk;
	dk->f->mangle = dk_lie;
	fake_window(dk->f, SZ_1M);
	fake_add(dk->f, DK_NUM, DK_ID);
	return dk;
}

/* The driver gives its device a buffer, on queue @n. */
static int dk_add(struct dk *dk, unsigned int n)
{
	struct scatterlist sg;

	sg_init_one(&sg, dk->buf, DK_BUF);
	return virtqueue_add_inbuf(dk->vq[n], &sg, 1, dk, GFP_KERNEL);
}

/* The device uses it, and says nothing. */
static void dk_use(struct dk *dk, unsigned int n)
{
	struct fake_vq *q = &fake_dev(dk->f, DK_NUM)->vq[n];
	struct virtio_msg_window *w = &dk->f->link.window;
	u8 *avail = (u8 *)w->va + (q->driver - w->wire);
	u8 *used = (u8 *)w->va + (q->device - w->wire);

	put_unaligned_le32(get_unaligned_le16(avail + 4), used + 4);
	put_unaligned_le32(0, used + 8);
	put_unaligned_le16(1, used + 2);
}

static u64 dk_counter(struct dk *dk, enum vmsg_counter c)
{
	return atomic64_read(&dk->f->bus->stats.c[c]);
}

/* Bits that no driver has set yet: the virtio core would warn of them. */
static void dk_case_too_much(struct kunit *test)
{
	struct dk *dk = dk_new(test);

	dk->lies = VIRTIO_CONFIG_S_DRIVER_OK | VIRTIO_CONFIG_S_FAILED;
	KUNIT_ASSERT_EQ(test, fake_register(dk->f), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&dk->probed), 1);
	KUNIT_EXPECT_EQ(test, dk->early, VIRTIO_CONFIG_S_ACKNOWLEDGE |
			VIRTIO_CONFIG_S_DRIVER | VIRTIO_CONFIG_S_FEATURES_OK);
	KUNIT_EXPECT_EQ(test, dk_counter(dk, VMSG_C_BROKEN), 0);
}

/* One that asks for a reset in its answer to DRIVER_OK is not in use. */
static void dk_case_asks(struct kunit *test)
{
	struct dk *dk = dk_new(test);

	dk->lies = VIRTIO_CONFIG_S_NEEDS_RESET;
	dk->lies_at = VIRTIO_CONFIG_S_DRIVER_OK;
	KUNIT_ASSERT_EQ(test, fake_register(dk->f), 0);
	KUNIT_EXPECT_TRUE(test, fake_until(atomic_read(&dk->removed)));
	dk->lies = 0;
	fake_settle(dk->f);
	KUNIT_EXPECT_GE(test, dk_counter(dk, VMSG_C_BROKEN), 1);
	KUNIT_EXPECT_EQ(test, atomic_read(&dk->removed), dk_counter(dk, VMSG_C_BROKEN));
	KUNIT_EXPECT_EQ(test, dk->f->bus->state, VMSG_BUS_RUNNING);
}

/*
 * The virtio core reads until it has found the same generation twice.  A device that
 * has a new one each time is broken, and whoever waits for it gets on.
 */
static void dk_case_restless(struct kunit *test)
{
	struct dk *dk = dk_new(test);
	unsigned int rounds = 0;
	struct virtio_device *vdev;
	struct vmsg_device *vd;
	u32 gen, old;

	KUNIT_ASSERT_EQ(test, fake_register(dk->f), 0);
	vd = vmsg_device_get(xa_load(&dk->f->bus->slots, DK_NUM));
	KUNIT_ASSERT_NOT_NULL(test, vd);
	vdev = &vd->vdev;
	gen = vdev->config->generation(vdev);
	do {
		old = gen;
		fake_dev(dk->f, DK_NUM)->generation++;
		vmsg_config_invalidate(vd);
		gen = vdev->config->generation(vdev);
	} while (gen != old && ++rounds < DK_ROUNDS);
	vmsg_device_put(vd);
	KUNIT_EXPECT_GT(test, rounds, 2);
	KUNIT_EXPECT_LT(test, rounds, DK_ROUNDS);
	KUNIT_EXPECT_EQ(test, dk_counter(dk, VMSG_C_BROKEN), 1);
	fake_settle(dk->f);
	KUNIT_EXPECT_EQ(test, atomic_read(&dk->removed), 1);
	KUNIT_EXPECT_EQ(test, atomic_read(&dk->probed), 2);
}

/* One that has a new one now and then is not. */
static void dk_case_moves(struct kunit *test)
{
	struct dk *dk = dk_new(test);
	struct virtio_device *vdev;
	struct vmsg_device *vd;
	unsigned int i;
	u32 gen;

	KUNIT_ASSERT_EQ(test, fake_register(dk->f), 0);
	vd = vmsg_device_get(xa_load(&dk->f->bus->slots, DK_NUM));
	KUNIT_ASSERT_NOT_NULL(test, vd);
	vdev = &vd->vdev;
	for (i = 0; i < DK_ROUNDS; i++) {
		fake_dev(dk->f, DK_NUM)->generation++;
		vmsg_config_invalidate(vd);
		gen = vdev->config->generation(vdev);
		KUNIT_ASSERT_EQ(test, gen, fake_dev(dk->f, DK_NUM)->generation);
		KUNIT_ASSERT_EQ(test, vdev->config->generation(vdev), gen);
	}
	vmsg_device_put(vd);
	KUNIT_EXPECT_EQ(test, dk_counter(dk, VMSG_C_BROKEN), 0);
}

static enum fake_reply dk_hold_info(struct fake *f, const struct fake_msg *rq)
{
	return !(rq->type & VIRTIO_MSG_TYPE_BUS) &&
	       rq->msg_id == VIRTIO_MSG_GET_DEVICE_INFO ? FAKE_HOLD : FAKE_IN_SEND;
}

/* A successor is not asked by the driver of a device that still has to become its own. */
static void dk_case_not_yet(struct kunit *test)
{
	struct virtio_shm_region region = {};
	struct dk *dk = dk_new(test);
	struct virtio_msg_link next;
	struct vmsg_device *vd;

	vmsg_resume_type = DK_ID;
	dk->f->link.may_return = true;
	dk->f->link.shm_phys = SZ_1G;
	dk->f->link.shm_size = SZ_1M;
	fake_add(dk->f, DK_NUM + 1, DK_ID);
	KUNIT_ASSERT_EQ(test, fake_register(dk->f), 0);
	KUNIT_ASSERT_EQ(test, atomic_read(&dk->probed), 2);
	vd = vmsg_device_get(xa_load(&dk->f->bus->slots, DK_NUM + 1));
	KUNIT_ASSERT_NOT_NULL(test, vd);
	virtio_msg_peer_away(dk->f->bus, "test");
	fake_settle(dk->f);

	/* It is up, and the first of the two is compared. */
	dk->f->devs[0].status = 0;
	dk->f->devs[1].status = 0;
	dk->f->script = dk_hold_info;
	fake_forget(dk->f);
	next = dk->f->link;
	next.continues = true;
	virtio_msg_peer_up(dk->f->bus, &next);
	KUNIT_EXPECT_TRUE(test, fake_until(fake_held(dk->f)));
	KUNIT_EXPECT_FALSE(test, virtio_get_shm_region(&vd->vdev, &region, 1));
	KUNIT_EXPECT_EQ(test, fake_count(dk->f, false, VIRTIO_MSG_GET_SHM), 0);

	dk->f->script = NULL;
	fake_reply_all(dk->f);
	fake_settle(dk->f);
	KUNIT_EXPECT_EQ(test, dk_counter(dk, VMSG_C_RESUMED), 2);
	KUNIT_EXPECT_EQ(test, atomic_read(&dk->removed), 0);
	KUNIT_EXPECT_TRUE(test, virtio_get_shm_region(&vd->vdev, &region, 1));
	KUNIT_EXPECT_EQ(test, region.len, 4096);
	vmsg_device_put(vd);
}

/* Nor is a peer asked for any that was lost while all was made ready for it. */
static void dk_case_lost_meanwhile(struct kunit *test)
{
	struct dk *dk = dk_new(test);
	struct virtio_msg_bus *bus;

	dk->f->up_at_start = false;
	KUNIT_ASSERT_EQ(test, fake_register(dk->f), 0);
	bus = dk->f->bus;
	mutex_lock(&bus->win_lock);
	virtio_msg_peer_up(bus, &dk->f->link);
	/* The bus is on its way, and waits for us. */
	KUNIT_EXPECT_TRUE(test, fake_until(!test_bit(VMSG_EV_UP, &bus->events)));
	dk->f->come_back = false;
	virtio_msg_peer_lost(bus, "test");
	mutex_unlock(&bus->win_lock);
	fake_settle(dk->f);
	KUNIT_EXPECT_EQ(test, bus->state, VMSG_BUS_WAITING);
	KUNIT_EXPECT_EQ(test, fake_count(dk->f, true, VIRTIO_MSG_BUS_GET_DEVICES), 0);
	virtio_msg_peer_up(bus, &dk->f->link);
	fake_settle(dk->f);
	KUNIT_EXPECT_EQ(test, bus->state, VMSG_BUS_RUNNING);
	KUNIT_EXPECT_EQ(test, atomic_read(&dk->probed), 1);
}

/* "This queue and all behind it", and "something was lost": each of them is looked at. */
static void dk_case_all_queues(struct kunit *test)
{
	struct dk *dk = dk_new(test);
	unsigned int i;

	KUNIT_ASSERT_EQ(test, fake_register(dk->f), 0);
	KUNIT_ASSERT_EQ(test, atomic_read(&dk->probed), 1);
	for (i = 0; i < DK_VQS; i++) {
		KUNIT_ASSERT_EQ(test, dk_add(dk, i), 0);
		dk_use(dk, i);
	}
	virtio_msg_rx_used(dk->f->bus, DK_NUM, 1, false);
	KUNIT_EXPECT_EQ(test, dk->done[0], 0);
	KUNIT_EXPECT_EQ(test, dk->done[1], 1);
	KUNIT_EXPECT_EQ(test, dk->done[2], 0);
	virtio_msg_rx_used(dk->f->bus, DK_NUM, 1, true);
	KUNIT_EXPECT_EQ(test, dk->done[0], 0);
	KUNIT_EXPECT_EQ(test, dk->done[2], 1);
	virtio_msg_rx_overrun(dk->f->bus);
	KUNIT_EXPECT_EQ(test, dk->done[0], 1);
}

static enum fake_reply dk_hold_scan(struct fake *f, const struct fake_msg *rq)
{
	return rq->type & VIRTIO_MSG_TYPE_BUS && rq->msg_id == VIRTIO_MSG_BUS_GET_DEVICES ?
	       FAKE_HOLD : FAKE_IN_SEND;
}

/*
 * A device that does not reset may go on writing.  Its driver has done all it can, and
 * takes its buffers back; where they were is not used again while this link lasts.
 */
static void dk_case_no_reset(struct kunit *test)
{
	unsigned int old = vmsg_reset_ms;
	struct dk *dk = dk_new(test);
	struct fake_dev *d = fake_dev(dk->f, DK_NUM);
	struct vmsg_window_stats st;
	struct vmsg_device *vd;

	KUNIT_ASSERT_EQ(test, fake_register(dk->f), 0);
	vd = vmsg_device_get(xa_load(&dk->f->bus->slots, DK_NUM));
	KUNIT_ASSERT_NOT_NULL(test, vd);
	KUNIT_ASSERT_EQ(test, dk_add(dk, 0), 0);
	vmsg_window_get_stats(dk->f->bus->win, &st);
	KUNIT_EXPECT_EQ(test, st.quarantined, 0);
	/* The bus, which fails it later, has something else to do. */
	dk->f->script = dk_hold_scan;
	virtio_msg_rescan(dk->f->bus);
	KUNIT_ASSERT_TRUE(test, fake_until(fake_held(dk->f)));
	vmsg_reset_ms = 5;
	d->slow_reset = UINT_MAX;
	device_release_driver(&vd->vdev.dev);
	vmsg_window_get_stats(dk->f->bus->win, &st);
	KUNIT_EXPECT_GT(test, st.quarantined, 0);
	KUNIT_EXPECT_EQ(test, dk_counter(dk, VMSG_C_BROKEN), 1);
	vmsg_reset_ms = old;
	d->slow_reset = 0;
	d->resetting = 0;
	vmsg_device_put(vd);
	dk->f->script = NULL;
	fake_reply_all(dk->f);
	fake_settle(dk->f);
	KUNIT_EXPECT_EQ(test, dk->f->bus->state, VMSG_BUS_RUNNING);
}

/* A kick that waits for room goes with its queue. */
static void dk_case_kick_waits(struct kunit *test)
{
	struct dk *dk = dk_new(test);
	struct vmsg_device *vd;

	dk->f->desc.request_timeout_ms = 20;
	KUNIT_ASSERT_EQ(test, fake_register(dk->f), 0);
	vd = vmsg_device_get(xa_load(&dk->f->bus->slots, DK_NUM));
	KUNIT_ASSERT_NOT_NULL(test, vd);
	KUNIT_ASSERT_EQ(test, dk_add(dk, 0), 0);
	dk->f->room = 0;
	virtqueue_kick(dk->vq[0]);
	KUNIT_EXPECT_FALSE(test, list_empty(&dk->f->bus->engine.kicks));
	/* Nothing is said to the device, nor heard of it. */
	device_release_driver(&vd->vdev.dev);
	KUNIT_EXPECT_TRUE(test, list_empty(&dk->f->bus->engine.kicks));
	vmsg_device_put(vd);
	dk->f->room = FAKE_ROOM;
	virtio_msg_tx_space(dk->f->bus);
	fake_settle(dk->f);
}

static int dk_kick_in_send(struct fake *f)
{
	struct dk *dk = f->priv;

	if (dk->sending)
		return 0;
	dk->sending = true;
	dk_add(dk, 0);
	virtqueue_kick(dk->vq[0]);
	return 0;
}

/* One that comes while another is sent may be for a buffer that this came too early for. */
static void dk_case_kick_in_kick(struct kunit *test)
{
	struct dk *dk = dk_new(test);

	KUNIT_ASSERT_EQ(test, fake_register(dk->f), 0);
	KUNIT_ASSERT_EQ(test, dk_add(dk, 0), 0);
	dk->f->before_send = dk_kick_in_send;
	fake_forget(dk->f);
	virtqueue_kick(dk->vq[0]);
	KUNIT_EXPECT_TRUE(test, dk->sending);
	KUNIT_EXPECT_EQ(test, fake_count(dk->f, false, VIRTIO_MSG_EVENT_AVAIL), 2);
}

static int dk_send_slowly(struct fake *f)
{
	struct dk *dk = f->priv;

	WRITE_ONCE(dk->sending, true);
	fake_until(READ_ONCE(dk->go_on));
	return 0;
}

/* And its queue stays while the transport has a kick in hand, also when the peer is lost. */
static void dk_case_kick_in_hand(struct kunit *test)
{
	struct dk *dk = dk_new(test);

	dk->f->desc.flags = 0;
	dk->f->come_back = false;
	KUNIT_ASSERT_EQ(test, fake_register(dk->f), 0);
	KUNIT_ASSERT_EQ(test, dk_add(dk, 0), 0);
	dk->f->before_send = dk_send_slowly;
	virtqueue_kick(dk->vq[0]);
	KUNIT_ASSERT_TRUE(test, fake_until(READ_ONCE(dk->sending)));
	virtio_msg_peer_lost(dk->f->bus, "test");
	KUNIT_EXPECT_TRUE(test, fake_until(READ_ONCE(dk->done[0])));
	/* Time enough for all but this. */
	msleep(100);
	KUNIT_EXPECT_EQ(test, dk->done[0], 1);
	KUNIT_EXPECT_EQ(test, atomic_read(&dk->removed), 0);
	WRITE_ONCE(dk->go_on, true);
	KUNIT_EXPECT_TRUE(test, fake_until(atomic_read(&dk->removed)));
	fake_settle(dk->f);
}

/* Whatever a device or its driver do wrong, and how often: the log says so now and then. */
static void dk_case_log(struct kunit *test)
{
	struct dk *dk = dk_new(test);
	unsigned int i, round = 0;
	struct vmsg_device *vd;
	bool more = true;
	u8 byte;

	KUNIT_ASSERT_EQ(test, fake_register(dk->f), 0);
	vd = vmsg_device_get(xa_load(&dk->f->bus->slots, DK_NUM));
	KUNIT_ASSERT_NOT_NULL(test, vd);
	/* It has said all that it may for a while; unless that has just passed. */
	while (more && round++ < VMSG_LOG_BURST / 2) {
		for (i = 0; i < 2 * VMSG_LOG_BURST; i++)
			vd->vdev.config->get(&vd->vdev, 0x10000, &byte, 1);
		more = __ratelimit(&dk->f->bus->log);
	}
	KUNIT_EXPECT_FALSE(test, more);
	vmsg_device_put(vd);
}

static int dk_init(struct kunit *test)
{
	test->priv = kunit_kzalloc(test, sizeof(struct dk), GFP_KERNEL);
	return test->priv ? 0 : -ENOMEM;
}

static void dk_exit(struct kunit *test)
{
	struct dk *dk = test->priv;

	vmsg_resume_type = 0;
	if (dk)
		fake_free(dk->f);
}

static int dk_suite_init(struct kunit_suite *suite)
{
	return register_virtio_driver(&dk_driver);
}

static void dk_suite_exit(struct kunit_suite *suite)
{
	unregister_virtio_driver(&dk_driver);
}

static struct kunit_case dk_cases[] = {
	KUNIT_CASE(dk_case_too_much),
	KUNIT_CASE(dk_case_asks),
	KUNIT_CASE(dk_case_restless),
	KUNIT_CASE(dk_case_moves),
	KUNIT_CASE(dk_case_not_yet),
	KUNIT_CASE(dk_case_lost_meanwhile),
	KUNIT_CASE(dk_case_all_queues),
	KUNIT_CASE(dk_case_no_reset),
	KUNIT_CASE(dk_case_kick_waits),
	KUNIT_CASE(dk_case_kick_in_kick),
	KUNIT_CASE(dk_case_kick_in_hand),
	KUNIT_CASE(dk_case_log),
	{}
};

static struct kunit_suite dk_suite = {
	.name = "virtio_msg_device",
	.suite_init = dk_suite_init,
	.suite_exit = dk_suite_exit,
	.init = dk_init,
	.exit = dk_exit,
	.test_cases = dk_cases,
};

kunit_test_suite(dk_suite);
