// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests with faults on purpose: each kind does what it says, as often as it
 * was told to, and whatever fails, the rest goes on and nothing is left.
 */
#include <kunit/test.h>
#include <linux/delay.h>
#include <linux/scatterlist.h>
#include <linux/slab.h>
#include <linux/virtio.h>
#include <linux/virtio_config.h>

#include "../internal.h"
#include "fake_transport.h"

#define FT_ID		0xfff2	/* a device type that nobody else drives */
#define FT_NUM		3
#define FT_VQS		2

struct ft_dev {
	struct virtqueue *vq[FT_VQS];
};

static atomic_t ft_probed, ft_removed;
static bool ft_fails;	/* the next probe function does, at its end */

static void ft_callback(struct virtqueue *vq)
{
}

static int ft_find_vqs(struct virtio_device *vdev, struct ft_dev *d)
{
	struct virtqueue_info info[FT_VQS] = {
		{ "first", ft_callback }, { "second", ft_callback },
	};

	return virtio_find_vqs(vdev, FT_VQS, d->vq, info, NULL);
}

static int ft_probe(struct virtio_device *vdev)
{
	struct ft_dev *d = kzalloc_obj(*d);
	u8 config[8];
	int ret;

	if (!d)
		return -ENOMEM;
	vdev->priv = d;
	ret = ft_find_vqs(vdev, d);
	if (ret) {
		kfree(d);
		return ret;
	}
	virtio_cread_bytes(vdev, 0, config, sizeof(config));
	virtio_device_ready(vdev);
	if (ft_fails) {
		ft_fails = false;
		vdev->config->del_vqs(vdev);
		kfree(d);
		return -EIO;
	}
	atomic_inc(&ft_probed);
	return 0;
}

static void ft_remove(struct virtio_device *vdev)
{
	virtio_reset_device(vdev);
	vdev->config->del_vqs(vdev);
	kfree(vdev->priv);
	atomic_inc(&ft_removed);
}

static const struct virtio_device_id ft_ids[] = {
	{ FT_ID, VIRTIO_DEV_ANY_ID },
	{}
};

static struct virtio_driver ft_driver = {
	.driver.name = "virtio-msg-kunit-fault",
	.id_table = ft_ids,
	.probe = ft_probe,
	.remove = ft_remove,
};

/* A bus with a window and a device; xid32, so that what comes twice is known. */
static struct fake *ft_new(struct kunit *test)
{
	struct fake *f = fake_new(test, VIRTIO_MSG_WIRE_XID32);
	struct fake_dev *d;

	test->priv = f;
	fake_window(f, SZ_1M);
	d = fake_add(f, FT_NUM, FT_ID);
	d->config_size = 16;
	f->desc.request_timeout_ms = 200;
	atomic_set(&ft_probed, 0);
	atomic_set(&ft_removed, 0);
	return f;
}

static struct fake *ft_running(struct kunit *test)
{
	struct fake *f = ft_new(test);

	KUNIT_ASSERT_EQ(test, fake_register(f), 0);
	KUNIT_ASSERT_EQ(test, atomic_read(&ft_probed), 1);
	return f;
}

static struct vmsg_fault_point *ft_point(struct fake *f, enum vmsg_fault_kind kind)
{
	return &f->bus->faults->point[kind];
}

/* The one after @skip others. */
static void ft_once(struct fake *f, enum vmsg_fault_kind kind, int skip)
{
	atomic_set(&ft_point(f, kind)->skip, skip);
	atomic_set(&ft_point(f, kind)->count, 1);
	WRITE_ONCE(ft_point(f, kind)->probability, 1000);
}

static unsigned int ft_hits(struct fake *f, enum vmsg_fault_kind kind)
{
	return atomic_read(&ft_point(f, kind)->hits);
}

static u64 ft_counter(struct fake *f, enum vmsg_counter c)
{
	return atomic64_read(&f->bus->stats.c[c]);
}

static int ft_ping(struct fake *f)
{
	u64 ns;

	return vmsg_bus_ping(f->bus, &ns);
}

static void ft_case_fail(struct kunit *test)
{
	struct fake *f = ft_running(test);

	ft_once(f, VMSG_FAULT_FAIL, 1);
	KUNIT_EXPECT_EQ(test, ft_ping(f), 0);
	KUNIT_EXPECT_EQ(test, ft_ping(f), -EIO);
	KUNIT_EXPECT_EQ(test, ft_ping(f), 0);
	KUNIT_EXPECT_EQ(test, ft_hits(f, VMSG_FAULT_FAIL), 1);
	KUNIT_EXPECT_EQ(test, ft_counter(f, VMSG_C_TX_ERROR), 1);
}

static void ft_case_drop(struct kunit *test)
{
	struct fake *f = ft_running(test);
	unsigned int sent = fake_count(f, true, VIRTIO_MSG_BUS_PING);

	/* The request; then, because chances count, the answer of another. */
	ft_once(f, VMSG_FAULT_DROP, 0);
	KUNIT_EXPECT_EQ(test, ft_ping(f), -ETIMEDOUT);
	KUNIT_EXPECT_EQ(test, fake_count(f, true, VIRTIO_MSG_BUS_PING), sent);
	ft_once(f, VMSG_FAULT_DROP, 1);
	KUNIT_EXPECT_EQ(test, ft_ping(f), -ETIMEDOUT);
	KUNIT_EXPECT_EQ(test, fake_count(f, true, VIRTIO_MSG_BUS_PING), sent + 1);
	KUNIT_EXPECT_EQ(test, ft_ping(f), 0);
	KUNIT_EXPECT_EQ(test, ft_hits(f, VMSG_FAULT_DROP), 2);
	KUNIT_EXPECT_EQ(test, ft_counter(f, VMSG_C_TIMEOUT), 2);
}

static void ft_case_delay(struct kunit *test)
{
	struct fake *f = ft_running(test);
	unsigned long start = jiffies;

	f->bus->faults->late_ms = 20;
	ft_once(f, VMSG_FAULT_DELAY, 0);
	KUNIT_EXPECT_EQ(test, ft_ping(f), 0);
	KUNIT_EXPECT_FALSE(test, time_before(jiffies, start + msecs_to_jiffies(20)));
	/* Later than its time-out it is of no use. */
	f->bus->faults->late_ms = 600;
	ft_once(f, VMSG_FAULT_DELAY, 0);
	KUNIT_EXPECT_EQ(test, ft_ping(f), -ETIMEDOUT);
	KUNIT_EXPECT_TRUE(test, fake_until(ft_counter(f, VMSG_C_RX_UNKNOWN_ID) == 1));
	/* And what is late when the bus goes is lost. */
	ft_once(f, VMSG_FAULT_DELAY, 0);
	KUNIT_EXPECT_EQ(test, ft_ping(f), -ETIMEDOUT);
	KUNIT_EXPECT_EQ(test, ft_hits(f, VMSG_FAULT_DELAY), 3);
}

static void ft_case_duplicate(struct kunit *test)
{
	struct fake *f = ft_running(test);

	ft_once(f, VMSG_FAULT_DUPLICATE, 0);
	KUNIT_EXPECT_EQ(test, ft_ping(f), 0);
	KUNIT_EXPECT_EQ(test, ft_counter(f, VMSG_C_RX_UNKNOWN_ID), 1);
	KUNIT_EXPECT_EQ(test, ft_ping(f), 0);
	KUNIT_EXPECT_EQ(test, ft_counter(f, VMSG_C_RX_UNKNOWN_ID), 1);
}

static void ft_case_corrupt(struct kunit *test)
{
	struct fake *f = ft_running(test);
	unsigned int i, good = 0;

	/* Some bytes of a PING matter to nobody; none of them is believed. */
	WRITE_ONCE(ft_point(f, VMSG_FAULT_CORRUPT)->probability, 1000);
	for (i = 0; i < 8; i++)
		good += !ft_ping(f);
	WRITE_ONCE(ft_point(f, VMSG_FAULT_CORRUPT)->probability, 0);
	KUNIT_EXPECT_LT(test, good, 8);
	KUNIT_EXPECT_GE(test, ft_hits(f, VMSG_FAULT_CORRUPT), 8);
	KUNIT_EXPECT_EQ(test, ft_ping(f), 0);
}

static void ft_case_exhaust(struct kunit *test)
{
	struct fake *f = ft_running(test);
	struct vmsg_slot *slot = xa_load(&f->bus->slots, FT_NUM);
	struct vmsg_device *vd = vmsg_device_get(slot);
	struct virtqueue *vq;
	struct scatterlist sg;
	u8 *buf;

	KUNIT_ASSERT_NOT_NULL(test, vd);
	/* A transport that is full holds a message up, and no longer. */
	ft_once(f, VMSG_FAULT_EXHAUST, 0);
	KUNIT_EXPECT_EQ(test, ft_ping(f), 0);
	KUNIT_EXPECT_EQ(test, ft_counter(f, VMSG_C_TX_BUSY), 1);
	/* A window that is full refuses a buffer, and takes the next. */
	buf = kunit_kzalloc(test, 64, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, buf);
	sg_init_one(&sg, buf, 64);
	vq = ((struct ft_dev *)vd->vdev.priv)->vq[0];
	ft_once(f, VMSG_FAULT_EXHAUST, 0);
	KUNIT_EXPECT_NE(test, virtqueue_add_inbuf(vq, &sg, 1, buf, GFP_KERNEL), 0);
	KUNIT_EXPECT_EQ(test, virtqueue_add_inbuf(vq, &sg, 1, buf, GFP_KERNEL), 0);
	virtqueue_disable_cb(vq);
	KUNIT_EXPECT_EQ(test, ft_hits(f, VMSG_FAULT_EXHAUST), 2);
	vmsg_device_put(vd);
	/* The driver takes it out. */
	virtio_reset_device(&vd->vdev);
	KUNIT_EXPECT_PTR_EQ(test, virtqueue_detach_unused_buf(vq), (void *)buf);
}

static void ft_case_probability(struct kunit *test)
{
	struct fake *f = ft_running(test);
	unsigned int i, failed = 0;

	WRITE_ONCE(ft_point(f, VMSG_FAULT_FAIL)->probability, 300);
	for (i = 0; i < 400; i++)
		failed += ft_ping(f) == -EIO;
	/* Nine standard deviations to either side. */
	KUNIT_EXPECT_GT(test, failed, 40);
	KUNIT_EXPECT_LT(test, failed, 200);
	KUNIT_EXPECT_EQ(test, ft_hits(f, VMSG_FAULT_FAIL), failed);
	atomic_set(&ft_point(f, VMSG_FAULT_FAIL)->count, 2);
	WRITE_ONCE(ft_point(f, VMSG_FAULT_FAIL)->probability, 1000);
	for (i = 0, failed = 0; i < 10; i++)
		failed += ft_ping(f) == -EIO;
	KUNIT_EXPECT_EQ(test, failed, 2);
}

/* A driver that has failed can be tried again, with a device that is as new. */
static void ft_case_probe_again(struct kunit *test)
{
	struct fake *f = ft_new(test);
	struct fake_dev *d = fake_dev(f, FT_NUM);
	struct vmsg_device *vd;

	ft_fails = true;
	KUNIT_ASSERT_EQ(test, fake_register(f), 0);
	KUNIT_EXPECT_FALSE(test, ft_fails);
	KUNIT_EXPECT_EQ(test, atomic_read(&ft_probed), 0);
	KUNIT_EXPECT_TRUE(test, d->status & VIRTIO_CONFIG_S_FAILED);
	vd = vmsg_device_get(xa_load(&f->bus->slots, FT_NUM));
	KUNIT_ASSERT_NOT_NULL(test, vd);
	KUNIT_EXPECT_EQ(test, device_attach(&vd->vdev.dev), 1);
	vmsg_device_put(vd);
	KUNIT_EXPECT_EQ(test, atomic_read(&ft_probed), 1);
	KUNIT_EXPECT_EQ(test, d->status, VIRTIO_CONFIG_S_ACKNOWLEDGE |
			VIRTIO_CONFIG_S_DRIVER | VIRTIO_CONFIG_S_FEATURES_OK |
			VIRTIO_CONFIG_S_DRIVER_OK);
}

/* A device is reset, even if there is no memory for the message at first. */
static void ft_case_nomem_reset(struct kunit *test)
{
	struct fake *f = ft_running(test);
	struct vmsg_device *vd = vmsg_device_get(xa_load(&f->bus->slots, FT_NUM));

	KUNIT_ASSERT_NOT_NULL(test, vd);
	ft_once(f, VMSG_FAULT_NOMEM, 0);
	virtio_reset_device(&vd->vdev);
	vmsg_device_put(vd);
	KUNIT_EXPECT_EQ(test, ft_hits(f, VMSG_FAULT_NOMEM), 1);
	KUNIT_EXPECT_EQ(test, fake_dev(f, FT_NUM)->status, 0);
	KUNIT_EXPECT_EQ(test, ft_counter(f, VMSG_C_BROKEN), 0);
}

/*
 * The sweeps: each allocation of ours fails once, one in each test. The first must be
 * there, and after the last there must be none.
 */
static const unsigned int ft_nth[] = {
	0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22,
	23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42,
	43, 44, 45, 46, 47, 48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 62,
	63, 64, 65, 66, 67, 68, 69, 120,
};

static void ft_nth_desc(const unsigned int *nth, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "allocation %u", *nth);
}

KUNIT_ARRAY_PARAM(ft_nth, ft_nth, ft_nth_desc);

static void ft_expect_hit(struct kunit *test, struct fake *f)
{
	const unsigned int *nth = test->param_value;

	if (*nth < 10)
		KUNIT_EXPECT_EQ(test, ft_hits(f, VMSG_FAULT_NOMEM), 1);
	if (nth == &ft_nth[ARRAY_SIZE(ft_nth) - 1])
		KUNIT_EXPECT_EQ(test, ft_hits(f, VMSG_FAULT_NOMEM), 0);
}

/* What failed for lack of memory is there after a restart of the peer. */
static void ft_expect_whole(struct kunit *test, struct fake *f)
{
	WRITE_ONCE(ft_point(f, VMSG_FAULT_NOMEM)->probability, 0);
	virtio_msg_peer_lost(f->bus, "the test says so");
	KUNIT_EXPECT_TRUE(test, fake_until(READ_ONCE(f->bus->state) == VMSG_BUS_RUNNING ||
					   READ_ONCE(f->bus->state) == VMSG_BUS_DEAD));
	fake_settle(f);
	/* Without a window, say, it has to be bound anew. */
	if (READ_ONCE(f->bus->state) == VMSG_BUS_DEAD)
		return;
	KUNIT_EXPECT_TRUE(test, fake_until(atomic_read(&ft_probed) ==
					   atomic_read(&ft_removed) + 1));
	KUNIT_EXPECT_EQ(test, ft_ping(f), 0);
}

static void ft_end(struct kunit *test)
{
	struct fake *f = test->priv;

	test->priv = NULL;
	fake_free(f);
	KUNIT_EXPECT_EQ(test, atomic_read(&ft_probed), atomic_read(&ft_removed));
}

/* In the bring-up and what follows of it, to the end of the driver's probe function. */
static void ft_case_nomem_probe(struct kunit *test)
{
	struct fake *f = ft_new(test);

	f->bus = virtio_msg_bus_alloc(f->parent, &f->desc, f);
	KUNIT_ASSERT_FALSE(test, IS_ERR(f->bus));
	ft_once(f, VMSG_FAULT_NOMEM, *(const unsigned int *)test->param_value);
	KUNIT_ASSERT_EQ(test, fake_register(f), 0);
	ft_expect_hit(test, f);
	ft_expect_whole(test, f);
	ft_end(test);
}

/*
 * Where a driver makes its queues anew, as after system sleep: if it gets none, nothing
 * of them is left, and the next time it does.
 */
static void ft_case_nomem_find_vqs(struct kunit *test)
{
	struct fake *f = ft_running(test);
	struct vmsg_device *vd = vmsg_device_get(xa_load(&f->bus->slots, FT_NUM));
	struct vmsg_window_stats before, after;
	struct virtio_device *vdev;

	KUNIT_ASSERT_NOT_NULL(test, vd);
	vdev = &vd->vdev;
	virtio_reset_device(vdev);
	vdev->config->del_vqs(vdev);
	vmsg_window_get_stats(f->bus->win, &before);
	KUNIT_EXPECT_EQ(test, before.ring_used, 0);
	ft_once(f, VMSG_FAULT_NOMEM, *(const unsigned int *)test->param_value);
	if (ft_find_vqs(vdev, vdev->priv)) {
		KUNIT_EXPECT_EQ(test, ft_hits(f, VMSG_FAULT_NOMEM), 1);
		vmsg_window_get_stats(f->bus->win, &after);
		KUNIT_EXPECT_EQ(test, after.ring_used, 0);
		KUNIT_EXPECT_EQ(test, after.guaranteed, before.guaranteed);
		KUNIT_EXPECT_EQ(test, ft_find_vqs(vdev, vdev->priv), 0);
	}
	ft_expect_hit(test, f);
	WRITE_ONCE(ft_point(f, VMSG_FAULT_NOMEM)->probability, 0);
	vmsg_device_put(vd);
	ft_end(test);
}

/* In a restart of the peer: removal of all devices, and what follows. */
static void ft_case_nomem_restart(struct kunit *test)
{
	struct fake *f = ft_running(test);

	ft_once(f, VMSG_FAULT_NOMEM, *(const unsigned int *)test->param_value);
	virtio_msg_peer_lost(f->bus, "the test says so");
	fake_settle(f);
	ft_expect_hit(test, f);
	ft_expect_whole(test, f);
	ft_end(test);
}

/* In the removal of a device by its peer, its return, and the removal of the bus. */
static void ft_case_nomem_remove(struct kunit *test)
{
	struct fake *f = ft_running(test);
	struct fake_dev *d = fake_dev(f, FT_NUM);

	ft_once(f, VMSG_FAULT_NOMEM, *(const unsigned int *)test->param_value);
	d->present = false;
	fake_event_device(f, FT_NUM, VIRTIO_MSG_DEVICE_REMOVED);
	fake_settle(f);
	KUNIT_EXPECT_EQ(test, atomic_read(&ft_removed), 1);
	d->present = true;
	fake_event_device(f, FT_NUM, VIRTIO_MSG_DEVICE_READY);
	fake_settle(f);
	fake_unregister(f);
	ft_expect_hit(test, f);
	ft_end(test);
}

static void ft_exit(struct kunit *test)
{
	fake_free(test->priv);
}

static int ft_suite_init(struct kunit_suite *suite)
{
	return register_virtio_driver(&ft_driver);
}

static void ft_suite_exit(struct kunit_suite *suite)
{
	unregister_virtio_driver(&ft_driver);
}

static struct kunit_case ft_cases[] = {
	KUNIT_CASE(ft_case_fail),
	KUNIT_CASE(ft_case_drop),
	KUNIT_CASE(ft_case_delay),
	KUNIT_CASE(ft_case_duplicate),
	KUNIT_CASE(ft_case_corrupt),
	KUNIT_CASE(ft_case_exhaust),
	KUNIT_CASE(ft_case_probability),
	KUNIT_CASE(ft_case_probe_again),
	KUNIT_CASE(ft_case_nomem_reset),
	KUNIT_CASE_PARAM(ft_case_nomem_probe, ft_nth_gen_params),
	KUNIT_CASE_PARAM(ft_case_nomem_find_vqs, ft_nth_gen_params),
	KUNIT_CASE_PARAM(ft_case_nomem_restart, ft_nth_gen_params),
	KUNIT_CASE_PARAM(ft_case_nomem_remove, ft_nth_gen_params),
	{}
};

static struct kunit_suite ft_suite = {
	.name = "virtio_msg_fault",
	.suite_init = ft_suite_init,
	.suite_exit = ft_suite_exit,
	.exit = ft_exit,
	.test_cases = ft_cases,
};

kunit_test_suite(ft_suite);
