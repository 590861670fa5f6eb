// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests of the bus, its devices and their virtqueues, against a scripted
 * transport and with a small virtio driver
 */
#include <kunit/test.h>
#include <linux/bitmap.h>
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/errno.h>
#include <linux/kobject.h>
#include <linux/kthread.h>
#include <linux/prandom.h>
#include <linux/scatterlist.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/unaligned.h>
#include <linux/virtio.h>
#include <linux/virtio_blk.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_ring.h>
#include <linux/virtio_scsi.h>
#include <linux/vmalloc.h>

#include "../internal.h"
#include "fake_transport.h"

#define BT_ID		0xfff1	/* a device type that nobody else drives */
#define BT_NUM		5	/* device number of most tests */
#define BT_VQS		4
#define BT_BUFS		64
#define BT_OUT		16	/* bytes for the device */
#define BT_IN		64	/* bytes from the device */
#define BT_FILL		4	/* buffers that a probe function adds */
#define BT_FEATURE	70	/* one above 63 */
#define BT_MAX_DEVICES	64	/* instead of the module's, in all tests */
#define BT_SHORT_MS	10

/**
 * struct bt_buf - a buffer of the driver
 * @q: on which queue
 * @out: it is in a queue
 * @done: how often it came back
 * @detached: how often it was taken out of a dead queue
 * @len: bytes written, as the queue says
 * @data: for the device, and then from it
 */
struct bt_buf {
	struct virtqueue *q;
	bool out;
	unsigned int done;
	unsigned int detached;
	u32 len;
	u8 data[BT_OUT + BT_IN];
};

/* What the test driver keeps for a device. */
struct bt_dev {
	struct bt *bt;
	struct virtio_device *vdev;
	u16 num;
	struct virtqueue *vq[BT_VQS];
	int found;
	bool asleep;
	struct bt_buf fill[BT_FILL];
};

/**
 * struct bt - a test
 * @test: the test
 * @f: the peer
 * @bus: the bus
 * @lock: serialises the driver's use of its queues
 * @dev: the driver's last devices, in the order of probing
 * @num_probes: how many there were
 * @num_devs: likewise, for tests whose probes do not overlap
 * @nvqs: how many queues the driver asks for
 * @names: their names
 * @fill: the probe function adds buffers
 * @not_once: those of them that did not come back once
 * @bad_context: callbacks that ran where NAPI may not be scheduled, or where
 *	they may not sleep
 * @sleep_ms: they sleep so long; 0: they do not
 * @wait_in_probe: the probe function adds a buffer and waits for it
 * @probe_waits: it does so now
 * @wait_in_remove: the remove function waits for the first buffer
 * @probed: how many probe functions came to their end
 * @removed: how many remove functions
 * @broken: queues that were found broken by them
 * @config_changes: calls of config_changed
 * @callbacks: calls of queue callbacks
 * @collect: the callback collects buffers
 * @storm: so many used events come while the callback runs, one each time
 * @inside: callbacks that run now
 * @twice: callbacks that ran while another one did
 * @here: callbacks in the context of @task
 * @task: who makes the first used event of a storm
 * @freezes: calls of freeze
 * @restores: calls of restore
 * @fail_restores: so many of them fail, the queues made
 * @removed_asleep: calls of remove with nothing but freeze before
 * @awake_broken: queues that were broken when restore had made them
 * @bufs: buffers
 * @calls: for single tests
 * @torn: reads of the configuration that are to be torn
 * @slots: pages that can be shared where they are
 * @shared: bitmap of those that are
 */
struct bt {
	struct kunit *test;
	struct fake *f;
	struct virtio_msg_bus *bus;
	spinlock_t lock; /* see above */
	struct bt_dev *dev[16];
	atomic_t num_probes;
	unsigned int num_devs;
	unsigned int nvqs;
	const char *names[BT_VQS];
	bool fill;
	unsigned int not_once;
	unsigned int bad_context;
	unsigned int sleep_ms;
	bool wait_in_probe;
	bool probe_waits;
	bool wait_in_remove;
	atomic_t probed;
	atomic_t removed;
	unsigned int broken;
	atomic_t config_changes;
	atomic_t callbacks;
	bool collect;
	atomic_t storm;
	atomic_t inside;
	atomic_t twice;
	unsigned int here;
	struct task_struct *task;
	unsigned int freezes;
	unsigned int restores;
	unsigned int fail_restores;
	unsigned int removed_asleep;
	unsigned int awake_broken;
	struct bt_buf *bufs;
	unsigned int calls;
	unsigned int torn;
	u32 slots;
	unsigned long shared;
};

/* The driver. */

static struct bt *bt_of(struct virtio_device *vdev)
{
	struct fake *f = virtio_msg_bus_priv(to_vmsg_device(vdev)->bus);

	return f->priv;
}

static void bt_collect(struct bt *bt, struct virtqueue *vq)
{
	struct bt_buf *b;
	unsigned long flags;
	unsigned int len;

	spin_lock_irqsave(&bt->lock, flags);
	while ((b = virtqueue_get_buf(vq, &len))) {
		b->done++;
		b->len = len;
		b->out = false;
	}
	spin_unlock_irqrestore(&bt->lock, flags);
}

/* While a callback runs, another used event comes: as if it did on another CPU. */
static void bt_storm(struct bt *bt)
{
	if (atomic_read(&bt->storm) <= 0)
		return;
	atomic_dec(&bt->storm);
	if (current == bt->task)
		bt->here++;
	if (atomic_inc_return(&bt->inside) > 1)
		atomic_inc(&bt->twice);
	else
		virtio_msg_rx_used(bt->bus, BT_NUM, 0, false);
	atomic_dec(&bt->inside);
}

static void bt_callback(struct virtqueue *vq)
{
	struct bt *bt = bt_of(vq->vdev);

	atomic_inc(&bt->callbacks);
	bt_storm(bt);
	if (bt->sleep_ms) {
		if (!(current->flags & PF_WQ_WORKER) || irqs_disabled() || in_interrupt())
			bt->bad_context++;
		else
			msleep(bt->sleep_ms);
	} else if (!in_hardirq() && !irqs_disabled() && !softirq_count()) {
		bt->bad_context++;
	}
	if (READ_ONCE(bt->collect))
		bt_collect(bt, vq);
}

static int bt_find_vqs(struct bt_dev *d)
{
	struct virtqueue_info info[BT_VQS] = {};
	unsigned int i;

	for (i = 0; i < d->bt->nvqs; i++) {
		info[i].name = d->bt->names[i];
		info[i].callback = bt_callback;
	}
	return virtio_find_vqs(d->vdev, d->bt->nvqs, d->vq, info, NULL);
}

/* One buffer: some bytes for the device, then some from it. */
static int bt_add_buf(struct bt *bt, struct virtqueue *vq, struct bt_buf *b)
{
	struct scatterlist out, in, *sgs[2] = { &out, &in };
	unsigned long flags;
	int ret;

	memset(b->data, 0x11, BT_OUT);
	memset(b->data + BT_OUT, 0x22, BT_IN);
	sg_init_one(&out, b->data, BT_OUT);
	sg_init_one(&in, b->data + BT_OUT, BT_IN);
	spin_lock_irqsave(&bt->lock, flags);
	ret = virtqueue_add_sgs(vq, sgs, 1, 1, b, GFP_ATOMIC);
	if (!ret) {
		b->q = vq;
		b->out = true;
	}
	spin_unlock_irqrestore(&bt->lock, flags);
	return ret;
}

static int bt_add(struct bt *bt, struct virtqueue *vq, unsigned int n)
{
	return bt_add_buf(bt, vq, &bt->bufs[n]);
}

static int bt_probe(struct virtio_device *vdev)
{
	struct bt *bt = bt_of(vdev);
	unsigned int i, n;
	struct bt_dev *d;

	d = kunit_kzalloc(bt->test, sizeof(*d), GFP_KERNEL);
	if (!d)
		return -ENOMEM;
	d->bt = bt;
	d->vdev = vdev;
	d->num = to_vmsg_device(vdev)->num;
	/* Probes may overlap. */
	n = atomic_inc_return(&bt->num_probes) - 1;
	bt->dev[n % ARRAY_SIZE(bt->dev)] = d;
	bt->num_devs = n + 1;
	if (bt->nvqs)
		d->found = bt_find_vqs(d);
	if (d->found)
		return d->found;
	vdev->priv = d;
	virtio_device_ready(vdev);
	for (i = 0; bt->fill && i < BT_FILL; i++)
		if (!bt_add_buf(bt, d->vq[0], &d->fill[i]))
			virtqueue_kick(d->vq[0]);
	if (bt->wait_in_probe) {
		/* As a partition scan does, or a request for an identity. */
		bt_add(bt, d->vq[0], 0);
		virtqueue_kick(d->vq[0]);
		WRITE_ONCE(bt->probe_waits, true);
		fake_until(READ_ONCE(bt->bufs[0].done));
		WRITE_ONCE(bt->probe_waits, false);
	}
	atomic_inc(&bt->probed);
	return 0;
}

static void bt_shut_down(struct bt *bt, struct virtio_device *vdev)
{
	struct virtqueue *vq;
	struct bt_buf *b;

	virtio_device_for_each_vq(vdev, vq)
		bt->broken += virtqueue_is_broken(vq);
	virtio_reset_device(vdev);
	virtio_device_for_each_vq(vdev, vq)
		while ((b = virtqueue_detach_unused_buf(vq))) {
			b->detached++;
			b->out = false;
		}
	vdev->config->del_vqs(vdev);
}

static void bt_remove(struct virtio_device *vdev)
{
	struct bt *bt = bt_of(vdev);
	struct bt_dev *d = vdev->priv;
	unsigned int i;

	/* What it would free is free already, as with virtio_rng. */
	bt->removed_asleep += d->asleep;
	/* As del_gendisk() does. */
	if (bt->wait_in_remove)
		fake_until(READ_ONCE(bt->bufs[0].done));
	bt_shut_down(bt, vdev);
	d->vdev = NULL;
	for (i = 0; i < BT_FILL; i++)
		if (d->fill[i].out || (d->fill[i].q && d->fill[i].done +
				       d->fill[i].detached != 1))
			bt->not_once++;
	atomic_inc(&bt->removed);
}

static void bt_config_changed(struct virtio_device *vdev)
{
	atomic_inc(&bt_of(vdev)->config_changes);
}

static int bt_freeze(struct virtio_device *vdev)
{
	struct bt *bt = bt_of(vdev);

	struct bt_dev *d = vdev->priv;

	bt_shut_down(bt, vdev);
	bt->freezes++;
	d->asleep = true;
	return 0;
}

static int bt_restore(struct virtio_device *vdev)
{
	struct bt *bt = bt_of(vdev);
	struct bt_dev *d = vdev->priv;
	int ret = bt_find_vqs(d);
	struct virtqueue *vq;

	bt->restores++;
	if (!ret && bt->fail_restores) {
		bt->fail_restores--;
		ret = -ENOMEM;
	}
	if (ret)
		return ret;
	virtio_device_ready(vdev);
	virtio_device_for_each_vq(vdev, vq)
		bt->awake_broken += virtqueue_is_broken(vq);
	d->asleep = false;
	return 0;
}

static const unsigned int bt_features[] = { 3, BT_FEATURE };

static const struct virtio_device_id bt_ids[] = {
	{ BT_ID, VIRTIO_DEV_ANY_ID },
	{ VIRTIO_ID_RPMSG, VIRTIO_DEV_ANY_ID },
	{}
};

static struct virtio_driver bt_driver = {
	.driver.name = "virtio-msg-kunit",
	.id_table = bt_ids,
	.feature_table = bt_features,
	.feature_table_size = ARRAY_SIZE(bt_features),
	.probe = bt_probe,
	.remove = bt_remove,
	.config_changed = bt_config_changed,
	.freeze = pm_sleep_ptr(bt_freeze),
	.restore = pm_sleep_ptr(bt_restore),
};

/* The tests' own. */

static u64 bt_counter(struct kunit *test, enum vmsg_counter c)
{
	struct bt *bt = test->priv;

	return atomic64_read(&bt->bus->stats.c[c]);
}

static struct bt *bt_new(struct kunit *test, unsigned int wire)
{
	struct bt *bt = test->priv;

	bt->f = fake_new(test, wire);
	bt->f->priv = bt;
	return bt;
}

static void bt_go(struct kunit *test)
{
	struct bt *bt = test->priv;

	KUNIT_ASSERT_EQ(test, fake_register(bt->f), 0);
	bt->bus = bt->f->bus;
}

/* A bus with a window and one device that the driver takes. */
static struct fake_dev *bt_one(struct kunit *test, unsigned int wire,
			       unsigned int nvqs)
{
	struct bt *bt = bt_new(test, wire);

	fake_window(bt->f, SZ_1M);
	bt->nvqs = nvqs;
	return fake_add(bt->f, BT_NUM, BT_ID);
}

static struct vmsg_device *bt_vd(struct bt *bt, u16 num)
{
	struct vmsg_slot *slot = xa_load(&bt->f->bus->slots, num);

	return slot ? rcu_access_pointer(slot->vd) : NULL;
}

static unsigned int bt_probed(struct bt *bt)
{
	return atomic_read(&bt->probed);
}

static unsigned int bt_removed(struct bt *bt)
{
	return atomic_read(&bt->removed);
}

static struct bt_dev *bt_last(struct bt *bt)
{
	return bt->num_devs ? bt->dev[(bt->num_devs - 1) % ARRAY_SIZE(bt->dev)] : NULL;
}

static int bt_init(struct kunit *test)
{
	struct bt *bt = kunit_kzalloc(test, sizeof(*bt), GFP_KERNEL);
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, bt);
	test->priv = bt;
	bt->test = test;
	spin_lock_init(&bt->lock);
	bt->collect = true;
	for (i = 0; i < BT_VQS; i++)
		bt->names[i] = "q";
	bt->bufs = kunit_kcalloc(test, BT_BUFS, sizeof(*bt->bufs), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, bt->bufs);
	return 0;
}

static void bt_exit(struct kunit *test)
{
	struct bt *bt = test->priv;

	vmsg_resume_type = 0;
	if (!bt)
		return;
	fake_free(bt->f);
	KUNIT_EXPECT_EQ(test, bt->removed_asleep, 0);
	KUNIT_EXPECT_EQ(test, bt->bad_context, 0);
	KUNIT_EXPECT_EQ(test, bt->not_once, 0);
}

static unsigned int bt_max_devices;

static int bt_suite_init(struct kunit_suite *suite)
{
	bt_max_devices = vmsg_max_devices;
	vmsg_max_devices = BT_MAX_DEVICES;
	return register_virtio_driver(&bt_driver);
}

static void bt_suite_exit(struct kunit_suite *suite)
{
	unregister_virtio_driver(&bt_driver);
	vmsg_max_devices = bt_max_devices;
}

static const unsigned int bt_wires[] = {
	VIRTIO_MSG_WIRE_RFC2, VIRTIO_MSG_WIRE_V1, VIRTIO_MSG_WIRE_V2,
	VIRTIO_MSG_WIRE_XID32,
};

static void bt_wire_desc(const unsigned int *wire, char *desc)
{
	strscpy(desc, virtio_msg_wire_name(*wire), KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(bt_wire, bt_wires, bt_wire_desc);

static unsigned int bt_wire(struct kunit *test)
{
	return *(const unsigned int *)test->param_value;
}

/* States */

static void test_states(struct kunit *test)
{
	static const struct {
		enum vmsg_bus_state from;
		const char *to;		/* first letters */
	} table[] = {
		{ VMSG_BUS_NEW, "W-STO" },
		{ VMSG_BUS_WAITING, "R-DEA-STO" },
		{ VMSG_BUS_RUNNING, "SUS-Y-L-DEA-STO" },
		{ VMSG_BUS_SUSPENDED, "R-L-DEA-STO" },
		{ VMSG_BUS_AWAY, "R-L-DEA-STO" },
		{ VMSG_BUS_LOST, "W-DEA-STO" },
		{ VMSG_BUS_DEAD, "STO" },
		{ VMSG_BUS_STOPPED, "" },
	};
	static const char * const letters[VMSG_BUS_STATES] = {
		[VMSG_BUS_NEW] = "NEW",
		[VMSG_BUS_WAITING] = "W",
		[VMSG_BUS_RUNNING] = "R",
		[VMSG_BUS_SUSPENDED] = "SUS",
		[VMSG_BUS_AWAY] = "Y",
		[VMSG_BUS_LOST] = "L",
		[VMSG_BUS_DEAD] = "DEA",
		[VMSG_BUS_STOPPED] = "STO",
	};
	struct bt *bt = bt_new(test, VIRTIO_MSG_WIRE_XID32);
	struct virtio_msg_bus *bus;
	unsigned int i, to;

	KUNIT_ASSERT_EQ(test, ARRAY_SIZE(table), VMSG_BUS_STATES);
	bus = virtio_msg_bus_alloc(bt->f->parent, &bt->f->desc, bt->f);
	KUNIT_ASSERT_FALSE(test, IS_ERR(bus));
	KUNIT_EXPECT_EQ(test, bus->state, VMSG_BUS_NEW);
	for (i = 0; i < ARRAY_SIZE(table); i++) {
		for (to = 0; to < VMSG_BUS_STATES; to++) {
			bool ok = strstr(table[i].to, letters[to]);

			bus->state = table[i].from;
			KUNIT_EXPECT_EQ_MSG(test, vmsg_bus_set_state(bus, to), ok,
					    "%s to %s",
					    vmsg_bus_state_name(table[i].from),
					    vmsg_bus_state_name(to));
			KUNIT_EXPECT_EQ(test, bus->state, ok ? to : table[i].from);
		}
		KUNIT_EXPECT_STRNEQ(test, vmsg_bus_state_name(i), "?");
	}
	KUNIT_EXPECT_STREQ(test, vmsg_bus_state_name(VMSG_BUS_STATES), "?");
	virtio_msg_bus_put(bus);
}

/* Bring-up */

static void test_bring_up(struct kunit *test)
{
	struct fake_dev *d = bt_one(test, bt_wire(test), 2);
	struct bt *bt = test->priv;
	struct vmsg_device *vd;
	struct vmsg_vq *q;
	unsigned int i;

	bt_go(test);
	KUNIT_EXPECT_EQ(test, bt->bus->state, VMSG_BUS_RUNNING);
	KUNIT_ASSERT_EQ(test, bt_probed(bt), 1);
	vd = bt_vd(bt, BT_NUM);
	KUNIT_ASSERT_NOT_NULL(test, vd);
	KUNIT_EXPECT_EQ(test, vd->vdev.id.device, BT_ID);
	KUNIT_EXPECT_EQ(test, vd->vdev.id.vendor, 0x1af4);
	KUNIT_EXPECT_STREQ(test, virtio_bus_name(&vd->vdev), dev_name(&bt->bus->ctx.dev));
	KUNIT_EXPECT_EQ(test, d->status, VIRTIO_CONFIG_S_ACKNOWLEDGE |
			VIRTIO_CONFIG_S_DRIVER | VIRTIO_CONFIG_S_FEATURES_OK |
			VIRTIO_CONFIG_S_DRIVER_OK);
	KUNIT_EXPECT_EQ(test, d->driver_features[1], d->features[1]);
	for (i = 0; i < 2; i++) {
		q = bt_last(bt)->vq[i]->priv;
		KUNIT_EXPECT_EQ(test, q->index, i);
		KUNIT_EXPECT_EQ(test, d->vq[i].size, 16);
		KUNIT_EXPECT_EQ(test, d->vq[i].desc, virtqueue_get_desc_addr(q->vq));
		KUNIT_EXPECT_EQ(test, d->vq[i].driver, virtqueue_get_avail_addr(q->vq));
		KUNIT_EXPECT_EQ(test, d->vq[i].device, virtqueue_get_used_addr(q->vq));
		/* In the window, and nowhere else. */
		KUNIT_EXPECT_GE(test, d->vq[i].desc, bt->f->link.window.wire);
		KUNIT_EXPECT_LT(test, d->vq[i].device, bt->f->link.window.wire +
				bt->f->link.window.size);
	}
	fake_unregister(bt->f);
	KUNIT_EXPECT_EQ(test, bt_removed(bt), 1);
	KUNIT_EXPECT_EQ(test, bt->broken, 0);
	/* Reset, and acknowledged once more by the virtio core. */
	KUNIT_EXPECT_EQ(test, d->status, VIRTIO_CONFIG_S_ACKNOWLEDGE);
	KUNIT_EXPECT_FALSE(test, d->vq[0].enabled);
	KUNIT_EXPECT_EQ(test, bt->f->stopped, 1);
}

/* A device without a driver, and one that is gone when it is asked. */
static void test_bring_up_absent(struct kunit *test)
{
	struct bt *bt = bt_new(test, bt_wire(test));

	bt->f->ghosts = bitmap_zalloc(65536, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, bt->f->ghosts);
	__set_bit(1, bt->f->ghosts);
	__set_bit(65535, bt->f->ghosts);
	fake_add(bt->f, 3, BT_ID + 1);
	bt_go(test);
	KUNIT_EXPECT_EQ(test, fake_count(bt->f, false, VIRTIO_MSG_GET_DEVICE_INFO), 3);
	KUNIT_EXPECT_NULL(test, bt_vd(bt, 1));
	KUNIT_EXPECT_NULL(test, bt_vd(bt, 65535));
	KUNIT_EXPECT_NOT_NULL(test, bt_vd(bt, 3));
	KUNIT_EXPECT_EQ(test, bt_probed(bt), 0);
}

/* Links that are of no use. */
static void test_bad_link(struct kunit *test)
{
	struct bt *bt = bt_new(test, VIRTIO_MSG_WIRE_XID32);
	static const char * const why[] = {
		"unknown revision", "short messages", "no window", "small window",
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(why); i++) {
		bt->f->link.wire = i == 0 ? 99 : VIRTIO_MSG_WIRE_XID32;
		bt->f->link.max_msg_size = i == 1 ? 63 : 64;
		bt->f->desc.flags = VIRTIO_MSG_T_ATOMIC_SEND |
				    (i == 2 ? VIRTIO_MSG_T_NEEDS_WINDOW : 0);
		if (i == 3)
			fake_window(bt->f, PAGE_SIZE);
		bt_go(test);
		KUNIT_EXPECT_EQ_MSG(test, bt->bus->state, VMSG_BUS_DEAD, "%s", why[i]);
		bt->f->link.wire = VIRTIO_MSG_WIRE_XID32;
		fake_unregister(bt->f);
		KUNIT_EXPECT_EQ(test, bt->bus->state, VMSG_BUS_STOPPED);
		virtio_msg_bus_put(bt->bus);
		bt->f->bus = NULL;
	}
}

static void test_start_fails(struct kunit *test)
{
	struct bt *bt = bt_new(test, VIRTIO_MSG_WIRE_XID32);

	bt->f->start_ret = -EIO;
	KUNIT_EXPECT_EQ(test, fake_register(bt->f), -EIO);
	KUNIT_EXPECT_EQ(test, bt->f->bus->state, VMSG_BUS_STOPPED);
	/* The reference is still ours: fake_free() drops it. */
}

/* Calls that come too early, too late, or for nothing. */
static void test_out_of_turn(struct kunit *test)
{
	struct bt *bt = bt_new(test, VIRTIO_MSG_WIRE_XID32);
	u64 ns;

	bt->f->up_at_start = false;
	bt->f->come_back = false;
	fake_add(bt->f, BT_NUM, BT_ID);
	bt_go(test);
	KUNIT_EXPECT_EQ(test, bt->bus->state, VMSG_BUS_WAITING);
	fake_event_device(bt->f, BT_NUM, VIRTIO_MSG_DEVICE_READY);
	fake_event_used(bt->f, BT_NUM, 0);
	virtio_msg_rx_used(bt->bus, BT_NUM, 0, true);
	virtio_msg_tx_space(bt->bus);
	virtio_msg_rescan(bt->bus);
	KUNIT_EXPECT_EQ(test, vmsg_bus_ping(bt->bus, &ns), -ENOTCONN);
	fake_settle(bt->f);
	KUNIT_EXPECT_EQ(test, bt->bus->state, VMSG_BUS_WAITING);
	KUNIT_EXPECT_EQ(test, bt_counter(test, VMSG_C_RX_UNEXPECTED), 2);
	/* Lost before it was there; up twice. */
	virtio_msg_peer_lost(bt->bus, "test");
	fake_settle(bt->f);
	KUNIT_EXPECT_EQ(test, bt->f->lost, 1);
	virtio_msg_peer_up(bt->bus, &bt->f->link);
	virtio_msg_peer_up(bt->bus, &bt->f->link);
	fake_settle(bt->f);
	KUNIT_EXPECT_EQ(test, bt->bus->state, VMSG_BUS_RUNNING);
	KUNIT_EXPECT_EQ(test, bt_probed(bt), 1);
	/* Up and lost before anybody looked. */
	virtio_msg_peer_lost(bt->bus, "test");
	virtio_msg_peer_up(bt->bus, &bt->f->link);
	virtio_msg_peer_lost(bt->bus, "test");
	fake_settle(bt->f);
	KUNIT_EXPECT_EQ(test, bt->bus->state, VMSG_BUS_WAITING);
	KUNIT_EXPECT_NULL(test, bt_vd(bt, BT_NUM));
}

/* Enumeration */

static void bt_scan_sizes(struct kunit *test, u16 max)
{
	static const u16 nums[] = { 0, 1, 7, 8, 1983, 1984, 65528, 65535 };
	struct bt *bt = test->priv;
	struct fake_msg *m;
	unsigned int i;
	u32 last = 0;

	bt->f->link.max_msg_size = max;
	for (i = 0; i < ARRAY_SIZE(nums); i++)
		fake_add(bt->f, nums[i], BT_ID + 1);
	bt_go(test);
	for (i = 0; i < ARRAY_SIZE(nums); i++)
		KUNIT_EXPECT_NOT_NULL_MSG(test, bt_vd(bt, nums[i]), "device %u",
					  nums[i]);
	KUNIT_EXPECT_EQ(test, bt->bus->num_slots, ARRAY_SIZE(nums));
	/* Windows that follow one another, multiples of 8, none too wide. */
	list_for_each_entry(m, &bt->f->sent, node) {
		u16 offset, count;

		if (!(m->type & VIRTIO_MSG_TYPE_BUS) ||
		    m->msg_id != VIRTIO_MSG_BUS_GET_DEVICES)
			continue;
		offset = get_unaligned_le16(m->payload);
		count = get_unaligned_le16(m->payload + 2);
		KUNIT_EXPECT_EQ(test, offset, last);
		KUNIT_EXPECT_EQ(test, count % 8, 0);
		KUNIT_EXPECT_GT(test, count, 0);
		last = offset + count;
	}
	KUNIT_EXPECT_EQ(test, last, 65536);
}

static void test_scan_small(struct kunit *test)
{
	bt_new(test, bt_wire(test));
	bt_scan_sizes(test, 64);
}

static void test_scan_middle(struct kunit *test)
{
	bt_new(test, bt_wire(test));
	bt_scan_sizes(test, 264);
}

static void test_scan_large(struct kunit *test)
{
	bt_new(test, bt_wire(test));
	bt_scan_sizes(test, 60000);
}

static void bt_set_next(struct fake *f, struct fake_msg *r, u16 next)
{
	unsigned int at = f->link.wire >= VIRTIO_MSG_WIRE_V2 ? 2 : 4;

	put_unaligned_le16(next, r->payload + at);
}

static bool bt_is_scan(const struct fake_msg *rq)
{
	return (rq->type & VIRTIO_MSG_TYPE_BUS) &&
	       rq->msg_id == VIRTIO_MSG_BUS_GET_DEVICES;
}

static void bt_next_jumps(struct fake *f, const struct fake_msg *rq,
			  struct fake_msg *r)
{
	if (bt_is_scan(rq) && !get_unaligned_le16(rq->payload))
		bt_set_next(f, r, 60000);
}

static void test_scan_jump(struct kunit *test)
{
	struct bt *bt = bt_new(test, bt_wire(test));

	bt->f->mangle = bt_next_jumps;
	fake_add(bt->f, 3, BT_ID + 1);
	fake_add(bt->f, 30000, BT_ID + 1);
	fake_add(bt->f, 60003, BT_ID + 1);
	bt_go(test);
	KUNIT_EXPECT_NOT_NULL(test, bt_vd(bt, 3));
	KUNIT_EXPECT_NULL(test, bt_vd(bt, 30000));
	KUNIT_EXPECT_NOT_NULL(test, bt_vd(bt, 60003));
}

static void bt_next_back(struct fake *f, const struct fake_msg *rq,
			 struct fake_msg *r)
{
	if (bt_is_scan(rq) && get_unaligned_le16(rq->payload))
		bt_set_next(f, r, 8);
}

static void bt_next_stays(struct fake *f, const struct fake_msg *rq,
			  struct fake_msg *r)
{
	u16 offset = get_unaligned_le16(rq->payload);

	if (bt_is_scan(rq) && offset)
		bt_set_next(f, r, offset);
}

static void bt_next_odd(struct fake *f, const struct fake_msg *rq,
			struct fake_msg *r)
{
	if (bt_is_scan(rq))
		bt_set_next(f, r, 2001);
}

/* The scan ends; the devices that were found stay. */
static void test_scan_bad_next(struct kunit *test)
{
	void (*const mangles[])(struct fake *f, const struct fake_msg *rq,
				struct fake_msg *r) = {
		bt_next_back, bt_next_stays, bt_next_odd,
	};
	struct bt *bt = bt_new(test, bt_wire(test));
	unsigned int i;

	fake_add(bt->f, 3, BT_ID + 1);
	bt_go(test);
	for (i = 0; i < ARRAY_SIZE(mangles); i++) {
		bt->f->mangle = mangles[i];
		fake_forget(bt->f);
		virtio_msg_rescan(bt->bus);
		fake_settle(bt->f);
		KUNIT_EXPECT_LE(test, fake_count(bt->f, true, VIRTIO_MSG_BUS_GET_DEVICES), 2);
		KUNIT_EXPECT_NOT_NULL(test, bt_vd(bt, 3));
	}
	KUNIT_EXPECT_EQ(test, bt->bus->state, VMSG_BUS_RUNNING);
}

static void bt_refuse_scan(struct fake *f, const struct fake_msg *rq,
			   struct fake_msg *r)
{
	if (!bt_is_scan(rq))
		return;
	r->len = 0;
	if (f->link.wire == VIRTIO_MSG_WIRE_XID32)
		r->result = VIRTIO_MSG_RESULT_UNKNOWN;
}

/* A peer that cannot list its devices may still announce them. */
static void test_scan_refused(struct kunit *test)
{
	struct bt *bt = bt_new(test, bt_wire(test));

	bt->f->mangle = bt_refuse_scan;
	fake_add(bt->f, 3, BT_ID);
	bt_go(test);
	KUNIT_EXPECT_EQ(test, bt->bus->state, VMSG_BUS_RUNNING);
	KUNIT_EXPECT_NULL(test, bt_vd(bt, 3));
	fake_event_device(bt->f, 3, VIRTIO_MSG_DEVICE_READY);
	fake_settle(bt->f);
	KUNIT_EXPECT_NOT_NULL(test, bt_vd(bt, 3));
}

/* More than the module takes: the rest is ignored, not the whole. */
static void test_scan_too_many(struct kunit *test)
{
	struct bt *bt = bt_new(test, VIRTIO_MSG_WIRE_XID32);

	bt->f->record = false;
	bt->f->link.max_msg_size = 9000;
	bt->f->ghosts = bitmap_alloc(65536, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, bt->f->ghosts);
	bitmap_fill(bt->f->ghosts, 65536);
	fake_add(bt->f, 7, BT_ID);
	bt_go(test);
	KUNIT_EXPECT_EQ(test, bt->bus->state, VMSG_BUS_RUNNING);
	KUNIT_EXPECT_EQ(test, bt->bus->num_slots, BT_MAX_DEVICES);
	KUNIT_EXPECT_EQ(test, fake_count(bt->f, false, VIRTIO_MSG_GET_DEVICE_INFO),
			BT_MAX_DEVICES);
	KUNIT_EXPECT_EQ(test, bt_probed(bt), 1);
}

/* Devices that come and go between two scans. */
static void test_rescan(struct kunit *test)
{
	struct bt *bt = bt_new(test, bt_wire(test));
	struct fake_dev *d = fake_add(bt->f, 1, BT_ID);

	fake_add(bt->f, 2, BT_ID);
	bt_go(test);
	KUNIT_EXPECT_EQ(test, bt_probed(bt), 2);
	d->present = false;
	fake_add(bt->f, 9, BT_ID);
	virtio_msg_rescan(bt->bus);
	fake_settle(bt->f);
	KUNIT_EXPECT_NULL(test, bt_vd(bt, 1));
	KUNIT_EXPECT_NOT_NULL(test, bt_vd(bt, 2));
	KUNIT_EXPECT_NOT_NULL(test, bt_vd(bt, 9));
	KUNIT_EXPECT_EQ(test, bt_removed(bt), 1);
	KUNIT_EXPECT_EQ(test, bt_probed(bt), 3);
}

/* The number is the same, the device is not. */
static void test_other_device(struct kunit *test)
{
	struct bt *bt = bt_new(test, bt_wire(test));
	bool uuid = bt_wire(test) >= VIRTIO_MSG_WIRE_V2;
	struct fake_dev *d = fake_add(bt->f, 1, BT_ID);

	bt_go(test);
	virtio_msg_rescan(bt->bus);
	fake_settle(bt->f);
	KUNIT_EXPECT_EQ(test, bt_probed(bt), 1);
	d->uuid[15] = 77;
	virtio_msg_rescan(bt->bus);
	fake_settle(bt->f);
	KUNIT_EXPECT_EQ(test, bt_probed(bt), 1 + uuid);
	KUNIT_EXPECT_EQ(test, bt_removed(bt), uuid);
	d->id = BT_ID + 1;
	virtio_msg_rescan(bt->bus);
	fake_settle(bt->f);
	KUNIT_EXPECT_EQ(test, bt_removed(bt), 1 + uuid);
	KUNIT_ASSERT_NOT_NULL(test, bt_vd(bt, 1));
	KUNIT_EXPECT_EQ(test, bt_vd(bt, 1)->vdev.id.device, BT_ID + 1);
}

/* Requests to different devices overlap. */
static enum fake_reply bt_hold_info(struct fake *f, const struct fake_msg *rq)
{
	return !(rq->type & VIRTIO_MSG_TYPE_BUS) &&
	       rq->msg_id == VIRTIO_MSG_GET_DEVICE_INFO ? FAKE_HOLD : FAKE_IN_SEND;
}

static void test_probes_overlap(struct kunit *test)
{
	struct bt *bt = bt_new(test, VIRTIO_MSG_WIRE_XID32);
	unsigned int i;

	bt->f->up_at_start = false;
	for (i = 0; i < FAKE_DEVS; i++)
		fake_add(bt->f, 10 * i, BT_ID);
	bt_go(test);
	bt->f->script = bt_hold_info;
	virtio_msg_peer_up(bt->bus, &bt->f->link);
	KUNIT_EXPECT_TRUE(test, fake_until(fake_held(bt->f) == FAKE_DEVS));
	/* The last first. */
	for (i = FAKE_DEVS; i--;)
		fake_reply(bt->f, fake_take(bt->f, i));
	fake_settle(bt->f);
	KUNIT_EXPECT_EQ(test, bt_probed(bt), FAKE_DEVS);
}

/* Hotplug */

static void test_hotplug(struct kunit *test)
{
	struct bt *bt = bt_new(test, bt_wire(test));
	struct fake_dev *d;
	unsigned int i;

	bt_go(test);
	d = fake_add(bt->f, 65535, BT_ID);
	for (i = 1; i <= 5; i++) {
		d->present = true;
		fake_event_device(bt->f, 65535, VIRTIO_MSG_DEVICE_READY);
		fake_settle(bt->f);
		KUNIT_EXPECT_EQ(test, bt_probed(bt), i);
		d->present = false;
		fake_event_device(bt->f, 65535, VIRTIO_MSG_DEVICE_REMOVED);
		fake_settle(bt->f);
		KUNIT_EXPECT_EQ(test, bt_removed(bt), i);
		KUNIT_EXPECT_NULL(test, bt_vd(bt, 65535));
	}
}

/* Announced again: the same device stays; removed and ready: another comes. */
static void test_hotplug_pairs(struct kunit *test)
{
	struct bt *bt = bt_new(test, bt_wire(test));
	unsigned int i;

	fake_add(bt->f, 1, BT_ID);
	bt_go(test);
	for (i = 0; i < 10; i++)
		fake_event_device(bt->f, 1, VIRTIO_MSG_DEVICE_READY);
	fake_settle(bt->f);
	KUNIT_EXPECT_EQ(test, bt_probed(bt), 1);
	KUNIT_EXPECT_EQ(test, bt_removed(bt), 0);
	fake_event_device(bt->f, 1, VIRTIO_MSG_DEVICE_REMOVED);
	fake_event_device(bt->f, 1, VIRTIO_MSG_DEVICE_READY);
	fake_settle(bt->f);
	KUNIT_EXPECT_EQ(test, bt_probed(bt), 2);
	KUNIT_EXPECT_EQ(test, bt_removed(bt), 1);
	KUNIT_EXPECT_NOT_NULL(test, bt_vd(bt, 1));
	fake_event_device(bt->f, 1, VIRTIO_MSG_DEVICE_READY);
	fake_event_device(bt->f, 1, VIRTIO_MSG_DEVICE_REMOVED);
	fake_settle(bt->f);
	KUNIT_EXPECT_NULL(test, bt_vd(bt, 1));
}

static void test_hotplug_nonsense(struct kunit *test)
{
	struct bt *bt = bt_new(test, bt_wire(test));

	fake_add(bt->f, 1, BT_ID);
	bt_go(test);
	fake_event_device(bt->f, 1, 0);
	fake_event_device(bt->f, 1, 3);
	fake_event_device(bt->f, 1, 0xffff);
	KUNIT_EXPECT_EQ(test, bt_counter(test, VMSG_C_RX_MALFORMED), 3);
	/* Nobody is there: one question, no more. */
	fake_forget(bt->f);
	fake_event_device(bt->f, 777, VIRTIO_MSG_DEVICE_REMOVED);
	fake_event_device(bt->f, 778, VIRTIO_MSG_DEVICE_READY);
	fake_settle(bt->f);
	KUNIT_EXPECT_EQ(test, fake_count(bt->f, false, VIRTIO_MSG_GET_DEVICE_INFO), 1);
	KUNIT_EXPECT_NOT_NULL(test, bt_vd(bt, 1));
	KUNIT_EXPECT_EQ(test, bt_removed(bt), 0);
}

static void test_hotplug_storm(struct kunit *test)
{
	struct bt *bt = bt_new(test, VIRTIO_MSG_WIRE_XID32);
	unsigned int i;

	bt->f->record = false;
	fake_add(bt->f, 1, BT_ID + 1);
	bt_go(test);
	for (i = 0; i < 3000; i++)
		fake_event_device(bt->f, 1, i & 1 ? VIRTIO_MSG_DEVICE_READY :
				  VIRTIO_MSG_DEVICE_REMOVED);
	for (i = 0; i < 65536; i += 7)
		fake_event_device(bt->f, i, VIRTIO_MSG_DEVICE_READY);
	fake_settle(bt->f);
	KUNIT_EXPECT_NOT_NULL(test, bt_vd(bt, 1));
	KUNIT_EXPECT_EQ(test, bt->bus->num_slots, BT_MAX_DEVICES);
	KUNIT_EXPECT_EQ(test, bt->bus->state, VMSG_BUS_RUNNING);
}

/* A driver's probe waits for a buffer that the device will never use. */
static void bt_probe_waits(struct kunit *test)
{
	struct bt *bt;

	bt_one(test, bt_wire(test), 1);
	bt = test->priv;
	bt->f->up_at_start = false;
	bt->wait_in_probe = true;
	bt_go(test);
	virtio_msg_peer_up(bt->bus, &bt->f->link);
	KUNIT_ASSERT_TRUE(test, fake_until(READ_ONCE(bt->probe_waits)));
	bt->wait_in_probe = false;
}

static void test_remove_in_probe(struct kunit *test)
{
	struct bt *bt;

	bt_probe_waits(test);
	bt = test->priv;
	bt->f->devs[0].present = false;
	fake_event_device(bt->f, BT_NUM, VIRTIO_MSG_DEVICE_REMOVED);
	fake_settle(bt->f);
	KUNIT_EXPECT_EQ(test, bt->bufs[0].done, 1);
	KUNIT_EXPECT_EQ(test, bt->bufs[0].len, 0);
	KUNIT_EXPECT_EQ(test, bt_removed(bt), 1);
	KUNIT_EXPECT_NULL(test, bt_vd(bt, BT_NUM));
}

static void test_lost_in_probe(struct kunit *test)
{
	struct bt *bt;

	bt_probe_waits(test);
	bt = test->priv;
	virtio_msg_peer_lost(bt->bus, "test");
	fake_settle(bt->f);
	KUNIT_EXPECT_EQ(test, bt->bufs[0].done, 1);
	KUNIT_EXPECT_EQ(test, bt->bufs[0].len, 0);
	KUNIT_EXPECT_EQ(test, bt_removed(bt), 1);
	/* It is back. */
	KUNIT_EXPECT_EQ(test, bt_probed(bt), 2);
	KUNIT_EXPECT_EQ(test, bt->bus->state, VMSG_BUS_RUNNING);
}

/* The peer is lost, or the device removed, while a question is open. */

static u8 bt_held_id;
static bool bt_held_bus;

static enum fake_reply bt_hold_one(struct fake *f, const struct fake_msg *rq)
{
	if (rq->msg_id == bt_held_id &&
	    !!(rq->type & VIRTIO_MSG_TYPE_BUS) == bt_held_bus)
		return FAKE_HOLD;
	return FAKE_IN_SEND;
}

static const struct bt_step {
	const char *name;
	bool bus;
	u8 msg_id;
} bt_steps[] = {
	{ "get_devices", true, VIRTIO_MSG_BUS_GET_DEVICES },
	{ "get_device_info", false, VIRTIO_MSG_GET_DEVICE_INFO },
	{ "get_device_features", false, VIRTIO_MSG_GET_DEVICE_FEATURES },
	{ "set_device_status", false, VIRTIO_MSG_SET_DEVICE_STATUS },
	{ "set_driver_features", false, VIRTIO_MSG_SET_DRIVER_FEATURES },
	{ "get_vqueue", false, VIRTIO_MSG_GET_VQUEUE },
	{ "set_vqueue", false, VIRTIO_MSG_SET_VQUEUE },
};

static void bt_step_desc(const struct bt_step *step, char *desc)
{
	strscpy(desc, step->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(bt_step, bt_steps, bt_step_desc);

static struct bt *bt_stop_at_step(struct kunit *test)
{
	const struct bt_step *step = test->param_value;
	struct bt *bt;

	bt_one(test, VIRTIO_MSG_WIRE_XID32, 2);
	bt = test->priv;
	bt->f->up_at_start = false;
	bt->f->link.may_return = vmsg_resume_type;
	bt_held_bus = step->bus;
	bt_held_id = step->msg_id;
	bt_go(test);
	bt->f->script = bt_hold_one;
	virtio_msg_peer_up(bt->bus, &bt->f->link);
	KUNIT_ASSERT_TRUE(test, fake_until(fake_held(bt->f)));
	return bt;
}

static void test_lost_at_step(struct kunit *test)
{
	struct bt *bt = bt_stop_at_step(test);

	bt->f->script = NULL;
	virtio_msg_peer_lost(bt->bus, "test");
	/* The answers are too late. */
	fake_reply_all(bt->f);
	KUNIT_EXPECT_TRUE(test, fake_until(bt_probed(bt) == 1));
	fake_settle(bt->f);
	KUNIT_EXPECT_EQ(test, bt->bus->state, VMSG_BUS_RUNNING);
	KUNIT_EXPECT_EQ(test, bt->f->lost, 1);
	KUNIT_EXPECT_NOT_NULL(test, bt_vd(bt, BT_NUM));
}

static void test_removed_at_step(struct kunit *test)
{
	struct bt *bt = bt_stop_at_step(test);

	bt->f->script = NULL;
	fake_event_device(bt->f, BT_NUM, VIRTIO_MSG_DEVICE_REMOVED);
	bt->f->devs[0].present = false;
	/* Some of these let others follow. */
	fake_reply_all(bt->f);
	fake_settle(bt->f);
	KUNIT_EXPECT_NULL(test, bt_vd(bt, BT_NUM));
	bt->f->devs[0].present = true;
	fake_event_device(bt->f, BT_NUM, VIRTIO_MSG_DEVICE_READY);
	fake_settle(bt->f);
	KUNIT_EXPECT_NOT_NULL(test, bt_vd(bt, BT_NUM));
}

/* The same question again, after another link. */
static bool bt_stops_again(struct bt *bt)
{
	unsigned int tries, i;

	for (tries = 0; tries < 15; tries++) {
		for (i = 0; i < 100; i++) {
			if (fake_held(bt->f) >= 2)
				return true;
			msleep(20);
		}
		/* On a busy machine an earlier one was too late, and that was it. */
		virtio_msg_rescan(bt->bus);
	}
	return false;
}

/* No answer: the bus goes on, with or without this device. */
static void test_timeout_at_step(struct kunit *test)
{
	struct bt *bt = bt_stop_at_step(test);

	/* Those that wait have the long time-out. */
	WRITE_ONCE(bt->bus->engine.timeout_ms, BT_SHORT_MS);
	virtio_msg_peer_lost(bt->bus, "test");
	KUNIT_EXPECT_TRUE(test, bt_stops_again(bt));
	KUNIT_EXPECT_TRUE(test, fake_until(bt_counter(test, VMSG_C_TIMEOUT)));
	bt->f->script = NULL;
	WRITE_ONCE(bt->bus->engine.timeout_ms, 10000);
	fake_settle(bt->f);
	KUNIT_EXPECT_EQ(test, bt->bus->state, VMSG_BUS_RUNNING);
	fake_event_device(bt->f, BT_NUM, VIRTIO_MSG_DEVICE_REMOVED);
	fake_event_device(bt->f, BT_NUM, VIRTIO_MSG_DEVICE_READY);
	fake_settle(bt->f);
	KUNIT_EXPECT_GE(test, bt_probed(bt), 1);
}

static void test_unregister_at_step(struct kunit *test)
{
	struct bt *bt = bt_stop_at_step(test);

	WRITE_ONCE(bt->bus->engine.timeout_ms, BT_SHORT_MS);
	/* It answers again: fake_unregister() sees to that. */
	fake_unregister(bt->f);
	KUNIT_EXPECT_EQ(test, bt->bus->state, VMSG_BUS_STOPPED);
	KUNIT_EXPECT_EQ(test, bt->bus->num_slots, 0);
	KUNIT_EXPECT_EQ(test, bt_removed(bt), bt_probed(bt));
}

/* Loss and return. */
static void test_come_back(struct kunit *test)
{
	struct bt *bt = bt_new(test, bt_wire(test));
	unsigned int i, epoch;

	fake_window(bt->f, SZ_1M);
	bt->nvqs = 2;
	fake_add(bt->f, 1, BT_ID);
	fake_add(bt->f, 2, BT_ID);
	bt_go(test);
	for (i = 1; i <= 5; i++) {
		epoch = bt->bus->engine.epoch;
		KUNIT_EXPECT_EQ(test, bt_probed(bt), 2 * i);
		virtio_msg_peer_lost(bt->bus, "test");
		virtio_msg_peer_lost(bt->bus, "twice");
		fake_settle(bt->f);
		KUNIT_EXPECT_EQ(test, bt->bus->state, VMSG_BUS_RUNNING);
		KUNIT_EXPECT_EQ(test, bt->bus->engine.epoch, epoch + 1);
		KUNIT_EXPECT_EQ(test, bt_removed(bt), 2 * i);
		KUNIT_EXPECT_EQ(test, bt->f->lost, i);
	}
	KUNIT_EXPECT_EQ(test, bt_counter(test, VMSG_C_PEER_LOST), 5);
}

/* The next peer has its window elsewhere. */
static void test_other_window(struct kunit *test)
{
	struct bt *bt;
	void *old;

	bt_one(test, VIRTIO_MSG_WIRE_XID32, 1);
	bt = test->priv;
	bt_go(test);
	bt->f->come_back = false;
	virtio_msg_peer_lost(bt->bus, "test");
	fake_settle(bt->f);
	KUNIT_EXPECT_EQ(test, bt->bus->state, VMSG_BUS_WAITING);
	old = bt->f->link.window.va;
	fake_window(bt->f, SZ_2M);
	memset(old, 0xee, SZ_1M);
	virtio_msg_peer_up(bt->bus, &bt->f->link);
	fake_settle(bt->f);
	KUNIT_EXPECT_EQ(test, bt_probed(bt), 2);
	KUNIT_EXPECT_FALSE(test, memchr_inv(old, 0xee, SZ_1M));
	vfree(old);
}

/* Register fails: the name is taken. */
static void test_register_fails(struct kunit *test)
{
	struct bt *bt = bt_new(test, VIRTIO_MSG_WIRE_XID32);
	struct kobject *taken[16];
	char name[16];
	unsigned int i;

	bt_go(test);
	for (i = 0; i < ARRAY_SIZE(taken); i++) {
		snprintf(name, sizeof(name), "virtio%u", i);
		taken[i] = kobject_create_and_add(name, &bt->bus->ctx.dev.kobj);
	}
	fake_add(bt->f, 1, BT_ID);
	fake_event_device(bt->f, 1, VIRTIO_MSG_DEVICE_READY);
	fake_settle(bt->f);
	KUNIT_EXPECT_NULL(test, bt_vd(bt, 1));
	KUNIT_EXPECT_EQ(test, bt_probed(bt), 0);
	for (i = 0; i < ARRAY_SIZE(taken); i++)
		kobject_put(taken[i]);
	fake_event_device(bt->f, 1, VIRTIO_MSG_DEVICE_READY);
	fake_settle(bt->f);
	KUNIT_EXPECT_EQ(test, bt_probed(bt), 1);
}

/* Keep-alive */
static enum fake_reply bt_no_pong(struct fake *f, const struct fake_msg *rq)
{
	return rq->msg_id == VIRTIO_MSG_BUS_PING && rq->type & VIRTIO_MSG_TYPE_BUS ?
	       FAKE_SILENT : FAKE_IN_SEND;
}

static void test_keepalive(struct kunit *test)
{
	struct bt *bt = bt_new(test, bt_wire(test));

	bt->f->keepalive_ms = 5;
	bt->f->come_back = false;
	fake_add(bt->f, 1, BT_ID);
	bt_go(test);
	WRITE_ONCE(bt->bus->engine.timeout_ms, 1000);
	KUNIT_EXPECT_TRUE(test, fake_until(fake_count(bt->f, true, VIRTIO_MSG_BUS_PING) > 3));
	KUNIT_EXPECT_EQ(test, bt->bus->state, VMSG_BUS_RUNNING);
	WRITE_ONCE(bt->bus->engine.timeout_ms, BT_SHORT_MS);
	bt->f->script = bt_no_pong;
	KUNIT_EXPECT_TRUE(test, fake_until(READ_ONCE(bt->bus->state) != VMSG_BUS_RUNNING));
	/* The state is the first of what changes. */
	KUNIT_EXPECT_TRUE(test, fake_until(bt_removed(bt)));
	fake_settle(bt->f);
	KUNIT_EXPECT_EQ(test, bt_removed(bt), 1);
}

/* Features */

static const struct bt_count {
	unsigned int bits;
	bool works;
} bt_counts[] = {
	{ 0, false }, { 32, false }, { 64, true }, { 96, true }, { 128, true },
	{ 160, true }, { 256, true }, { 0xffffffff, true },
};

static void bt_count_desc(const struct bt_count *c, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "%u bits", c->bits);
}

KUNIT_ARRAY_PARAM(bt_count, bt_counts, bt_count_desc);

static void bt_feature_count(struct kunit *test, unsigned int wire, u16 max)
{
	const struct bt_count *c = test->param_value;
	struct fake_dev *d = bt_one(test, wire, 0);
	struct bt *bt = test->priv;
	struct vmsg_device *vd;
	unsigned int i;

	d->feature_bits = c->bits;
	d->features[0] = BIT(3) | BIT(4);
	d->features[2] = BIT(BT_FEATURE - 64) | BIT(1);
	d->features[3] = BIT(31);
	d->features[4] = ~0;
	bt->f->link.max_msg_size = max;
	bt_go(test);
	vd = bt_vd(bt, BT_NUM);
	KUNIT_ASSERT_NOT_NULL(test, vd);
	KUNIT_EXPECT_EQ(test, bt_probed(bt), c->works);
	for (i = 0; i < 4; i++) {
		u32 expect = c->bits > 32 * i ? d->features[i] : 0;

		KUNIT_EXPECT_EQ(test, (u32)(vd->features[i / 2] >> 32 * (i % 2)), expect);
	}
	if (!c->works)
		return;
	KUNIT_EXPECT_EQ(test, d->driver_features[0], BIT(3));
	KUNIT_EXPECT_EQ(test, d->driver_features[1], d->features[1]);
	KUNIT_EXPECT_EQ(test, d->driver_features[2],
			c->bits > 64 ? BIT(BT_FEATURE - 64) : 0);
	KUNIT_EXPECT_EQ(test, d->driver_features[3], 0);
	KUNIT_EXPECT_EQ(test, d->driver_features[4], 0);
}

static void test_feature_count(struct kunit *test)
{
	bt_feature_count(test, VIRTIO_MSG_WIRE_XID32, 264);
}

static void test_feature_count_rfc2(struct kunit *test)
{
	bt_feature_count(test, VIRTIO_MSG_WIRE_RFC2, 264);
}

static void test_no_version_1(struct kunit *test)
{
	struct fake_dev *d = bt_one(test, bt_wire(test), 0);
	struct bt *bt = test->priv;

	d->features[1] &= ~BIT(VIRTIO_F_VERSION_1 - 32);
	bt_go(test);
	KUNIT_EXPECT_EQ(test, bt->num_devs, 0);
	KUNIT_EXPECT_TRUE(test, d->status & VIRTIO_CONFIG_S_FAILED);
	KUNIT_EXPECT_EQ(test, fake_count(bt->f, false, VIRTIO_MSG_SET_DRIVER_FEATURES), 0);
}

/* With a window raw addresses would be handed to the device. */
static void test_no_access_platform(struct kunit *test)
{
	struct fake_dev *d = bt_one(test, bt_wire(test), 1);
	struct bt *bt = test->priv;

	d->features[1] &= ~BIT(VIRTIO_F_ACCESS_PLATFORM - 32);
	bt_go(test);
	KUNIT_EXPECT_EQ(test, bt->num_devs, 0);
	KUNIT_EXPECT_TRUE(test, d->status & VIRTIO_CONFIG_S_FAILED);
	KUNIT_EXPECT_EQ(test, fake_count(bt->f, false, VIRTIO_MSG_SET_VQUEUE), 0);
}

static void test_no_access_platform_no_window(struct kunit *test)
{
	struct bt *bt = bt_new(test, bt_wire(test));

	fake_add(bt->f, BT_NUM, BT_ID);
	bt_go(test);
	KUNIT_EXPECT_EQ(test, bt_probed(bt), 1);
}

static void bt_no_features_ok(struct fake *f, const struct fake_msg *rq,
			      struct fake_msg *r)
{
	if (rq->msg_id == VIRTIO_MSG_SET_DEVICE_STATUS)
		r->payload[0] &= ~VIRTIO_CONFIG_S_FEATURES_OK;
}

static void test_features_refused(struct kunit *test)
{
	struct bt *bt;

	bt_one(test, bt_wire(test), 0);
	bt = test->priv;
	bt->f->mangle = bt_no_features_ok;
	bt_go(test);
	KUNIT_EXPECT_EQ(test, bt->num_devs, 0);
}

/* What the ring code does not know and we do, and the other way round. */
static void test_transport_features(struct kunit *test)
{
	struct fake_dev *d = bt_one(test, VIRTIO_MSG_WIRE_XID32, 1);
	struct bt *bt = test->priv;

	d->features[0] = BIT(VIRTIO_RING_F_INDIRECT_DESC) | BIT(VIRTIO_RING_F_EVENT_IDX);
	d->features[1] |= BIT(VIRTIO_F_RING_RESET - 32) | BIT(VIRTIO_F_IN_ORDER - 32) |
			  BIT(VIRTIO_F_NOTIFICATION_DATA - 32) |
			  BIT(VIRTIO_F_SR_IOV - 32) | BIT(VIRTIO_F_ADMIN_VQ - 32);
	bt_go(test);
	KUNIT_ASSERT_EQ(test, bt_probed(bt), 1);
	KUNIT_EXPECT_EQ(test, d->driver_features[0], d->features[0]);
	KUNIT_EXPECT_EQ(test, d->driver_features[1],
			BIT(VIRTIO_F_VERSION_1 - 32) | BIT(VIRTIO_F_ACCESS_PLATFORM - 32) |
			BIT(VIRTIO_F_RING_RESET - 32) |
			BIT(VIRTIO_F_NOTIFICATION_DATA - 32));
}

static void test_no_notification_data(struct kunit *test)
{
	struct fake_dev *d = bt_one(test, VIRTIO_MSG_WIRE_XID32, 1);
	struct bt *bt = test->priv;

	d->features[1] |= BIT(VIRTIO_F_NOTIFICATION_DATA - 32);
	bt->f->link.kick_words = true;
	bt_go(test);
	KUNIT_ASSERT_EQ(test, bt_probed(bt), 1);
	KUNIT_EXPECT_FALSE(test, d->driver_features[1] & BIT(VIRTIO_F_NOTIFICATION_DATA - 32));
}

/* Configuration */

static void bt_read(struct bt *bt, unsigned int offset, void *buf, unsigned int len)
{
	struct virtio_device *vdev = bt_last(bt)->vdev;

	/* It may be the last that is heard of the device. */
	get_device(&vdev->dev);
	vdev->config->get(vdev, offset, buf, len);
	put_device(&vdev->dev);
}

static void test_config_read(struct kunit *test)
{
	struct fake_dev *d = bt_one(test, bt_wire(test), 0);
	struct bt *bt = test->priv;
	u8 buf[200];
	unsigned int i;

	d->config_size = 200;
	d->generation = 0x80000000;
	bt->f->link.max_msg_size = 64;
	bt_go(test);
	KUNIT_ASSERT_EQ(test, bt_probed(bt), 1);
	fake_forget(bt->f);
	bt_read(bt, 0, buf, 200);
	KUNIT_EXPECT_MEMEQ(test, buf, d->config, 200);
	KUNIT_EXPECT_GE(test, fake_count(bt->f, false, VIRTIO_MSG_GET_CONFIG), 4);
	/* Each byte alone costs nothing more. */
	fake_forget(bt->f);
	for (i = 0; i < 200; i++) {
		bt_read(bt, i, buf, 1);
		KUNIT_EXPECT_EQ(test, buf[0], d->config[i]);
	}
	KUNIT_EXPECT_EQ(test, fake_count(bt->f, false, VIRTIO_MSG_GET_CONFIG), 0);
	KUNIT_EXPECT_EQ(test, bt_last(bt)->vdev->config->generation(bt_last(bt)->vdev),
			0x80000000);
}

static void test_config_out_of_range(struct kunit *test)
{
	static const struct {
		unsigned int offset, len;
	} cases[] = {
		{ 32, 1 }, { 31, 2 }, { 0, 33 }, { 0xffffffff, 1 }, { 0xffffffff, 8 },
		{ 4096, 4 },
	};
	struct fake_dev *d = bt_one(test, bt_wire(test), 0);
	struct bt *bt = test->priv;
	u8 buf[64];
	unsigned int i;

	d->config_size = 32;
	bt_go(test);
	KUNIT_ASSERT_EQ(test, bt_probed(bt), 1);
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		memset(buf, 0x5a, sizeof(buf));
		bt_read(bt, cases[i].offset, buf, cases[i].len);
		KUNIT_EXPECT_FALSE(test, memchr_inv(buf, 0, cases[i].len));
		KUNIT_EXPECT_EQ(test, buf[cases[i].len], 0x5a);
	}
	KUNIT_EXPECT_EQ(test, bt_counter(test, VMSG_C_BROKEN), 0);
}

static void test_config_none(struct kunit *test)
{
	struct fake_dev *d = bt_one(test, bt_wire(test), 0);
	struct bt *bt = test->priv;
	u8 buf[4] = { 1, 2, 3, 4 };

	d->config_size = 0;
	bt_go(test);
	KUNIT_ASSERT_EQ(test, bt_probed(bt), 1);
	bt_read(bt, 0, buf, 4);
	KUNIT_EXPECT_FALSE(test, memchr_inv(buf, 0, 4));
}

/* The block layer warns of a size_max below a page, and takes 0 for 64 KiB. */
static void test_config_size_max(struct kunit *test)
{
	static const u32 cases[] = { 0, 1, 512, PAGE_SIZE - 1, PAGE_SIZE, 1 << 20 };
	struct fake_dev *d = bt_one(test, bt_wire(test), 0);
	const unsigned int at = offsetof(struct virtio_blk_config, size_max);
	struct bt *bt = test->priv;
	struct vmsg_device *vd;
	unsigned int i;
	u8 buf[4];

	d->config_size = sizeof(struct virtio_blk_config);
	bt_go(test);
	KUNIT_ASSERT_EQ(test, bt_probed(bt), 1);
	vd = to_vmsg_device(bt_last(bt)->vdev);
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		put_unaligned_le32(cases[i], d->config + at);
		vmsg_config_invalidate(vd);
		/* Another type's bytes are its own affair. */
		bt_read(bt, at, buf, 4);
		KUNIT_EXPECT_EQ(test, get_unaligned_le32(buf), cases[i]);
		vd->info.device_id = VIRTIO_ID_BLOCK;
		bt_read(bt, at, buf, 4);
		if (cases[i] < PAGE_SIZE)
			KUNIT_EXPECT_EQ(test, get_unaligned_le32(buf),
					vd->limits.max_mapping);
		else
			KUNIT_EXPECT_EQ(test, get_unaligned_le32(buf), cases[i]);
		bt_read(bt, at + 8, buf, 4);
		KUNIT_EXPECT_MEMEQ(test, buf, d->config + at + 8, 4);
		vd->info.device_id = BT_ID;
	}
}

/* No request has more segments, or is larger, than the window promises room for. */
static void test_config_segments(struct kunit *test)
{
	static const u32 cases[] = { 0, 1, 126, 128, 254, 65535, U32_MAX };
	static const struct { u32 id; size_t at; bool size; } fields[] = {
		{ VIRTIO_ID_BLOCK, offsetof(struct virtio_blk_config, seg_max) },
		{ VIRTIO_ID_SCSI, offsetof(struct virtio_scsi_config, seg_max) },
		{ VIRTIO_ID_SCSI, offsetof(struct virtio_scsi_config, max_sectors), true },
	};
	struct fake_dev *d = bt_one(test, bt_wire(test), 0);
	struct bt *bt = test->priv;
	struct vmsg_device *vd;
	unsigned int i, k;
	u32 most, want;
	u8 buf[4];

	d->config_size = sizeof(struct virtio_blk_config);
	bt_go(test);
	KUNIT_ASSERT_EQ(test, bt_probed(bt), 1);
	vd = to_vmsg_device(bt_last(bt)->vdev);
	KUNIT_ASSERT_NOT_NULL(test, vd->bus->win);
	for (k = 0; k < ARRAY_SIZE(fields); k++) {
		most = fields[k].size ? vd->limits.max_mapping / 512 * 64 : VMSG_SEGS_DEFAULT;
		for (i = 0; i < ARRAY_SIZE(cases); i++) {
			put_unaligned_le32(cases[i], d->config + fields[k].at);
			vmsg_config_invalidate(vd);
			vd->info.device_id = fields[k].id;
			bt_read(bt, fields[k].at, buf, 4);
			vd->info.device_id = BT_ID;
			want = min(cases[i], most);
			/* virtio_scsi takes 0 for any size. */
			if (fields[k].size && !cases[i])
				want = most;
			KUNIT_EXPECT_EQ(test, get_unaligned_le32(buf), want);
		}
	}
}

/* The configuration changes between two chunks of a read. */
static enum fake_reply bt_tear(struct fake *f, const struct fake_msg *rq)
{
	struct bt *bt = f->priv;
	struct fake_dev *d = fake_dev(f, BT_NUM);

	if (!(rq->type & VIRTIO_MSG_TYPE_BUS) &&
	    rq->msg_id == VIRTIO_MSG_GET_CONFIG && get_unaligned_le32(rq->payload) &&
	    bt->torn) {
		bt->torn--;
		d->generation++;
		memset(d->config, d->generation, FAKE_CONFIG);
	}
	return FAKE_IN_SEND;
}

static void bt_torn(struct kunit *test, u32 generation, unsigned int torn)
{
	struct fake_dev *d = bt_one(test, bt_wire(test), 0);
	struct bt *bt = test->priv;
	u8 buf[100];

	d->config_size = 100;
	d->generation = generation;
	memset(d->config, d->generation, FAKE_CONFIG);
	bt->f->link.max_msg_size = 64;
	bt_go(test);
	KUNIT_ASSERT_EQ(test, bt_probed(bt), 1);
	bt->f->script = bt_tear;
	bt->torn = torn;
	bt_read(bt, 0, buf, 100);
	if (torn < 1000) {
		KUNIT_EXPECT_EQ(test, buf[0], (u8)d->generation);
		KUNIT_EXPECT_EQ(test, bt->torn, 0);
		KUNIT_EXPECT_EQ(test, bt_counter(test, VMSG_C_BROKEN), 0);
	}
	/* All of one generation. */
	KUNIT_EXPECT_FALSE(test, memchr_inv(buf, buf[0], 100));
	KUNIT_EXPECT_GT(test, bt_counter(test, VMSG_C_CONFIG_RETRY), 0);
}

static void test_config_torn(struct kunit *test)
{
	/* Two chunks or three: two tears in one pass count once. */
	bt_torn(test, 5, 4);
}

static void test_config_torn_wrap(struct kunit *test)
{
	bt_torn(test, 0xffffffff, 1);
}

static void test_config_torn_for_ever(struct kunit *test)
{
	struct bt *bt;

	bt_torn(test, 5, UINT_MAX);
	bt = test->priv;
	/* The device is reported as broken, and comes again. */
	KUNIT_EXPECT_EQ(test, bt_counter(test, VMSG_C_BROKEN), 1);
	fake_settle(bt->f);
	KUNIT_EXPECT_EQ(test, bt_probed(bt), 2);
}

static void test_config_write(struct kunit *test)
{
	struct fake_dev *d = bt_one(test, bt_wire(test), 0);
	struct bt *bt = test->priv;
	struct virtio_device *vdev;
	u8 buf[150], back[150];
	unsigned int i;

	d->config_size = 200;
	bt->f->link.max_msg_size = 64;
	bt_go(test);
	KUNIT_ASSERT_EQ(test, bt_probed(bt), 1);
	vdev = bt_last(bt)->vdev;
	for (i = 0; i < sizeof(buf); i++)
		buf[i] = 200 - i;
	vdev->config->set(vdev, 20, buf, sizeof(buf));
	KUNIT_EXPECT_MEMEQ(test, d->config + 20, buf, sizeof(buf));
	KUNIT_EXPECT_EQ(test, d->config[19], 19);
	KUNIT_EXPECT_EQ(test, d->config[170], 170);
	bt_read(bt, 20, back, sizeof(back));
	KUNIT_EXPECT_MEMEQ(test, back, buf, sizeof(buf));
}

/* The generation moved since we read: the device rejects, we read, it takes. */
static void test_config_write_rejected(struct kunit *test)
{
	struct fake_dev *d = bt_one(test, bt_wire(test), 0);
	bool strict = bt_wire(test) != VIRTIO_MSG_WIRE_V2;
	struct bt *bt = test->priv;
	struct virtio_device *vdev;
	u8 buf[4] = { 0xaa, 0xbb, 0xcc, 0xdd };

	d->generation = 0xffffffff;
	bt_go(test);
	KUNIT_ASSERT_EQ(test, bt_probed(bt), 1);
	vdev = bt_last(bt)->vdev;
	bt_read(bt, 0, buf + 3, 1);
	d->generation++;
	d->config[0] = 0x77;
	vdev->config->set(vdev, 4, buf, 4);
	KUNIT_EXPECT_MEMEQ(test, d->config + 4, buf, 4);
	KUNIT_EXPECT_EQ(test, bt_counter(test, VMSG_C_CONFIG_RETRY), strict);
	bt_read(bt, 0, buf, 1);
	KUNIT_EXPECT_EQ(test, buf[0], 0x77);
}

static void bt_reject(struct fake *f, const struct fake_msg *rq, struct fake_msg *r)
{
	if (rq->type & VIRTIO_MSG_TYPE_BUS || rq->msg_id != VIRTIO_MSG_SET_CONFIG)
		return;
	if (f->link.wire == VIRTIO_MSG_WIRE_XID32) {
		r->len = 8;
	} else {
		put_unaligned_le32(0, r->payload + 8);
		r->len = 12;
	}
}

/* For ever: it ends. */
static void test_config_write_always_rejected(struct kunit *test)
{
	struct bt *bt;
	struct virtio_device *vdev;
	u32 word = 1;

	bt_one(test, bt_wire(test), 0);
	bt = test->priv;
	bt->f->mangle = bt_reject;
	bt_go(test);
	KUNIT_ASSERT_EQ(test, bt_probed(bt), 1);
	vdev = bt_last(bt)->vdev;
	vdev->config->set(vdev, 4, &word, 4);
	KUNIT_EXPECT_LE(test, fake_count(bt->f, false, VIRTIO_MSG_SET_CONFIG), 10);
	KUNIT_EXPECT_GE(test, fake_count(bt->f, false, VIRTIO_MSG_SET_CONFIG), 2);
}

static void test_config_event(struct kunit *test)
{
	struct fake_dev *d = bt_one(test, bt_wire(test), 0);
	struct bt *bt = test->priv;
	u8 byte;

	bt_go(test);
	KUNIT_ASSERT_EQ(test, bt_probed(bt), 1);
	bt_read(bt, 0, &byte, 1);
	d->config[0] = 0x99;
	d->generation++;
	/* Without a word of the device the old one is good. */
	bt_read(bt, 0, &byte, 1);
	KUNIT_EXPECT_EQ(test, byte, 0);
	fake_event_config(bt->f, BT_NUM, d->status);
	KUNIT_EXPECT_TRUE(test, fake_until(atomic_read(&bt->config_changes)));
	bt_read(bt, 0, &byte, 1);
	KUNIT_EXPECT_EQ(test, byte, 0x99);
	/* For nobody, and for nonsense. */
	fake_event_config(bt->f, BT_NUM + 1, 0);
	fake_event_config(bt->f, 65535, 0);
	KUNIT_EXPECT_EQ(test, bt_counter(test, VMSG_C_RX_STALE_EVENT), 2);
}

static void test_config_storm(struct kunit *test)
{
	struct fake_dev *d = bt_one(test, VIRTIO_MSG_WIRE_XID32, 0);
	struct bt *bt = test->priv;
	unsigned int i, before;
	u8 byte;

	bt_go(test);
	KUNIT_ASSERT_EQ(test, bt_probed(bt), 1);
	for (i = 0; i < 2000; i++) {
		d->config[0] = i;
		d->generation++;
		fake_event_config(bt->f, BT_NUM, d->status);
	}
	KUNIT_EXPECT_EQ(test, bt_counter(test, VMSG_C_CONFIG_CHANGE) +
			bt_counter(test, VMSG_C_CONFIG_COALESCED), 2000);
	KUNIT_EXPECT_GT(test, bt_counter(test, VMSG_C_CONFIG_COALESCED), 0);
	KUNIT_EXPECT_LT(test, atomic_read(&bt->config_changes), 2000);
	/* The last of them is not lost. */
	fake_event_config(bt->f, BT_NUM, d->status);
	before = atomic_read(&bt->config_changes);
	fake_event_config(bt->f, BT_NUM, d->status);
	KUNIT_EXPECT_TRUE(test, fake_until(atomic_read(&bt->config_changes) > before));
	bt_read(bt, 0, &byte, 1);
	KUNIT_EXPECT_EQ(test, byte, (u8)1999);
}

static void test_needs_reset(struct kunit *test)
{
	struct bt *bt;

	bt_one(test, bt_wire(test), 1);
	bt = test->priv;
	bt_go(test);
	KUNIT_ASSERT_EQ(test, bt_probed(bt), 1);
	fake_event_config(bt->f, BT_NUM, VIRTIO_CONFIG_S_NEEDS_RESET);
	fake_settle(bt->f);
	KUNIT_EXPECT_EQ(test, bt_counter(test, VMSG_C_BROKEN), 1);
	KUNIT_EXPECT_EQ(test, bt_removed(bt), 1);
	KUNIT_EXPECT_EQ(test, bt_probed(bt), 2);
}

static void test_config_too_large(struct kunit *test)
{
	struct fake_dev *d = bt_one(test, VIRTIO_MSG_WIRE_XID32, 0);
	struct bt *bt = test->priv;
	u32 word = 7;

	d->config_size = 0xffffffff;
	bt_go(test);
	KUNIT_ASSERT_EQ(test, bt_probed(bt), 1);
	/* The fake has less than it says: its answer is short of what was asked. */
	d->config_size = FAKE_CONFIG;
	bt_read(bt, 0, &word, 4);
	KUNIT_EXPECT_EQ(test, word, 0);
	fake_settle(bt->f);
}

/* The peer is lost in the middle of a read: zeroes, and nobody is to blame. */
static enum fake_reply bt_lose_in_config(struct fake *f, const struct fake_msg *rq)
{
	if (!(rq->type & VIRTIO_MSG_TYPE_BUS) &&
	    rq->msg_id == VIRTIO_MSG_GET_CONFIG && get_unaligned_le32(rq->payload)) {
		virtio_msg_peer_lost(f->bus, "test");
		return FAKE_SILENT;
	}
	return FAKE_IN_SEND;
}

static void test_config_lost(struct kunit *test)
{
	struct fake_dev *d = bt_one(test, bt_wire(test), 0);
	struct bt *bt = test->priv;
	u8 buf[100];

	d->config_size = 100;
	memset(d->config, 0x77, 100);
	bt->f->link.max_msg_size = 64;
	bt_go(test);
	KUNIT_ASSERT_EQ(test, bt_probed(bt), 1);
	bt->f->script = bt_lose_in_config;
	memset(buf, 0x5a, sizeof(buf));
	bt_read(bt, 0, buf, sizeof(buf));
	KUNIT_EXPECT_FALSE(test, memchr_inv(buf, 0, sizeof(buf)));
	bt->f->script = NULL;
	fake_settle(bt->f);
	KUNIT_EXPECT_EQ(test, bt_counter(test, VMSG_C_BROKEN), 0);
	KUNIT_EXPECT_EQ(test, bt_probed(bt), 2);
}

/* Shared memory regions */
static void test_shm(struct kunit *test)
{
	bool wide = bt_wire(test) >= VIRTIO_MSG_WIRE_V2;
	struct virtio_shm_region region = {};
	struct virtio_device *vdev;
	struct bt *bt;

	bt_one(test, bt_wire(test), 0);
	bt = test->priv;
	bt->f->link.shm_phys = 0x40000000;
	bt->f->link.shm_size = SZ_1M;
	bt_go(test);
	KUNIT_ASSERT_EQ(test, bt_probed(bt), 1);
	vdev = bt_last(bt)->vdev;
	KUNIT_EXPECT_EQ(test, virtio_get_shm_region(vdev, &region, 1), wide);
	if (wide) {
		KUNIT_EXPECT_EQ(test, region.addr, 0x40000000 + 8192);
		KUNIT_EXPECT_EQ(test, region.len, 4096);
	}
	KUNIT_EXPECT_FALSE(test, virtio_get_shm_region(vdev, &region, 0));
	KUNIT_EXPECT_FALSE(test, virtio_get_shm_region(vdev, &region, 2));
}

/* Reset */

static void test_reset_slow(struct kunit *test)
{
	struct fake_dev *d = bt_one(test, bt_wire(test), 0);
	struct bt *bt = test->priv;
	struct virtio_device *vdev;

	bt_go(test);
	KUNIT_ASSERT_EQ(test, bt_probed(bt), 1);
	vdev = bt_last(bt)->vdev;
	d->slow_reset = 4;
	fake_forget(bt->f);
	virtio_reset_device(vdev);
	KUNIT_EXPECT_EQ(test, d->status, 0);
	KUNIT_EXPECT_EQ(test, fake_count(bt->f, false, VIRTIO_MSG_SET_DEVICE_STATUS), 1);
	KUNIT_EXPECT_EQ(test, fake_count(bt->f, false, VIRTIO_MSG_GET_DEVICE_STATUS), 4);
	KUNIT_EXPECT_EQ(test, vdev->config->get_status(vdev), 0);
	KUNIT_EXPECT_EQ(test, bt_counter(test, VMSG_C_BROKEN), 0);
	d->slow_reset = 0;
}

/* Never: each attempt ends, and so do the attempts. */
static void test_reset_never(struct kunit *test)
{
	struct fake_dev *d = bt_one(test, VIRTIO_MSG_WIRE_XID32, 0);
	unsigned int old = vmsg_reset_ms;
	struct bt *bt = test->priv;

	vmsg_reset_ms = 5;
	bt_go(test);
	d->slow_reset = UINT_MAX;
	d->status = 1;
	fake_event_device(bt->f, BT_NUM, VIRTIO_MSG_DEVICE_REMOVED);
	fake_event_device(bt->f, BT_NUM, VIRTIO_MSG_DEVICE_READY);
	KUNIT_EXPECT_TRUE(test, fake_until(!bt_vd(bt, BT_NUM) &&
					   bt_counter(test, VMSG_C_BROKEN) > 3));
	fake_settle(bt->f);
	vmsg_reset_ms = old;
	KUNIT_EXPECT_NULL(test, bt_vd(bt, BT_NUM));
	KUNIT_EXPECT_LT(test, bt_counter(test, VMSG_C_BROKEN), 20);
	KUNIT_EXPECT_EQ(test, bt->bus->state, VMSG_BUS_RUNNING);
	d->slow_reset = 0;
	d->resetting = 0;
}

/* Sleep */

static void test_suspend(struct kunit *test)
{
	struct bt *bt;

	bt_one(test, bt_wire(test), 1);
	bt = test->priv;
	bt_go(test);
	KUNIT_EXPECT_EQ(test, virtio_msg_bus_suspend(bt->bus), 0);
	KUNIT_EXPECT_EQ(test, bt->bus->state, VMSG_BUS_SUSPENDED);
	KUNIT_EXPECT_EQ(test, bt->freezes, IS_ENABLED(CONFIG_PM_SLEEP));
	/* Scans and hotplug wait. */
	fake_add(bt->f, 9, BT_ID);
	virtio_msg_rescan(bt->bus);
	fake_settle(bt->f);
	KUNIT_EXPECT_NULL(test, bt_vd(bt, 9));
	KUNIT_EXPECT_EQ(test, virtio_msg_bus_resume(bt->bus), 0);
	fake_settle(bt->f);
	KUNIT_EXPECT_EQ(test, bt->bus->state, VMSG_BUS_RUNNING);
	KUNIT_EXPECT_EQ(test, bt->restores, IS_ENABLED(CONFIG_PM_SLEEP));
	KUNIT_EXPECT_NOT_NULL(test, bt_vd(bt, 9));
	KUNIT_EXPECT_EQ(test, bt_removed(bt), 0);
}

static void test_lost_in_suspend(struct kunit *test)
{
	struct bt *bt;

	bt_one(test, bt_wire(test), 1);
	bt = test->priv;
	bt_go(test);
	KUNIT_EXPECT_EQ(test, virtio_msg_bus_suspend(bt->bus), 0);
	virtio_msg_peer_lost(bt->bus, "test");
	fake_settle(bt->f);
	KUNIT_EXPECT_EQ(test, bt->bus->state, VMSG_BUS_LOST);
	virtio_msg_bus_resume(bt->bus);
	fake_settle(bt->f);
	KUNIT_EXPECT_EQ(test, bt->bus->state, VMSG_BUS_RUNNING);
	/* Its driver was restored, so that it could be removed: against nobody. */
	KUNIT_EXPECT_EQ(test, bt->removed_asleep, 0);
	KUNIT_EXPECT_EQ(test, bt->restores, IS_ENABLED(CONFIG_PM_SLEEP));
	KUNIT_EXPECT_EQ(test, bt->awake_broken, IS_ENABLED(CONFIG_PM_SLEEP));
	KUNIT_EXPECT_EQ(test, bt_removed(bt), 1);
	KUNIT_EXPECT_EQ(test, bt_probed(bt), 2);
}

/* The peer has the device no more when the system wakes up. */
static void test_removed_in_suspend(struct kunit *test)
{
	struct fake_dev *d = bt_one(test, bt_wire(test), 1);
	struct bt *bt = test->priv;

	bt_go(test);
	KUNIT_EXPECT_EQ(test, virtio_msg_bus_suspend(bt->bus), 0);
	d->present = false;
	fake_event_device(bt->f, BT_NUM, VIRTIO_MSG_DEVICE_REMOVED);
	fake_settle(bt->f);
	KUNIT_EXPECT_EQ(test, bt_removed(bt), 0);
	KUNIT_EXPECT_NOT_NULL(test, bt_vd(bt, BT_NUM));
	KUNIT_EXPECT_EQ(test, virtio_msg_bus_resume(bt->bus), 0);
	fake_settle(bt->f);
	KUNIT_EXPECT_EQ(test, bt->removed_asleep, 0);
	KUNIT_EXPECT_EQ(test, bt->restores, IS_ENABLED(CONFIG_PM_SLEEP));
	KUNIT_EXPECT_EQ(test, bt_removed(bt), 1);
	KUNIT_EXPECT_NULL(test, bt_vd(bt, BT_NUM));
	KUNIT_EXPECT_EQ(test, bt->bus->state, VMSG_BUS_RUNNING);
}

/* It asks for a reset: its driver cannot be removed before it is awake. */
static void test_broken_in_suspend(struct kunit *test)
{
	struct bt *bt;

	bt_one(test, bt_wire(test), 1);
	bt = test->priv;
	bt_go(test);
	KUNIT_EXPECT_EQ(test, virtio_msg_bus_suspend(bt->bus), 0);
	fake_event_config(bt->f, BT_NUM, VIRTIO_CONFIG_S_NEEDS_RESET);
	fake_settle(bt->f);
	KUNIT_EXPECT_EQ(test, bt_counter(test, VMSG_C_BROKEN), 1);
	KUNIT_EXPECT_EQ(test, bt_removed(bt), 0);
	KUNIT_EXPECT_NOT_NULL(test, bt_vd(bt, BT_NUM));
	KUNIT_EXPECT_EQ(test, virtio_msg_bus_resume(bt->bus), 0);
	fake_settle(bt->f);
	KUNIT_EXPECT_EQ(test, bt->removed_asleep, 0);
	KUNIT_EXPECT_EQ(test, bt_removed(bt), 1);
	KUNIT_EXPECT_EQ(test, bt_probed(bt), 2);
	KUNIT_EXPECT_NOT_NULL(test, bt_vd(bt, BT_NUM));
}

/* The bus goes, and its devices with it, while they sleep. */
static void test_unregister_in_suspend(struct kunit *test)
{
	struct bt *bt;

	bt_one(test, bt_wire(test), 1);
	bt = test->priv;
	bt_go(test);
	KUNIT_EXPECT_EQ(test, virtio_msg_bus_suspend(bt->bus), 0);
	fake_unregister(bt->f);
	KUNIT_EXPECT_EQ(test, bt->removed_asleep, 0);
	KUNIT_EXPECT_EQ(test, bt->restores, IS_ENABLED(CONFIG_PM_SLEEP));
	KUNIT_EXPECT_EQ(test, bt_removed(bt), 1);
}

/* The device is there, but its driver fails half way: it gets another. */
static void test_restore_fails(struct kunit *test)
{
	struct bt *bt;

	bt_one(test, bt_wire(test), 2);
	bt = test->priv;
	bt_go(test);
	KUNIT_EXPECT_EQ(test, virtio_msg_bus_suspend(bt->bus), 0);
	bt->fail_restores = 1;
	KUNIT_EXPECT_EQ(test, virtio_msg_bus_resume(bt->bus), 0);
	fake_settle(bt->f);
	KUNIT_EXPECT_EQ(test, bt->removed_asleep, 0);
	KUNIT_EXPECT_EQ(test, bt->restores, 2 * IS_ENABLED(CONFIG_PM_SLEEP));
	KUNIT_EXPECT_EQ(test, bt->awake_broken, 2 * IS_ENABLED(CONFIG_PM_SLEEP));
	KUNIT_EXPECT_EQ(test, bt_removed(bt), IS_ENABLED(CONFIG_PM_SLEEP));
	KUNIT_EXPECT_EQ(test, bt_probed(bt), 1 + IS_ENABLED(CONFIG_PM_SLEEP));
	KUNIT_EXPECT_EQ(test, bt->bus->state, VMSG_BUS_RUNNING);
}

/*
 * Drivers of the kernel, where it has them, of which two free in freeze() what they free
 * when they are removed, and one waits then for what it has stopped.
 */
static void test_sleep_kernels(struct kunit *test)
{
	static const u32 ids[] = { VIRTIO_ID_RNG, VIRTIO_ID_NET, VIRTIO_ID_BLOCK };
	struct bt *bt = bt_new(test, VIRTIO_MSG_WIRE_XID32);
	unsigned int i;

	fake_window(bt->f, SZ_1M);
	for (i = 0; i < ARRAY_SIZE(ids); i++)
		/* A disk of no size: nobody serves it. */
		memset(fake_add(bt->f, i, ids[i])->config, 0, FAKE_CONFIG);
	bt_go(test);
	for (i = 0; i < ARRAY_SIZE(ids); i++)
		KUNIT_ASSERT_NOT_NULL(test, bt_vd(bt, i));
	KUNIT_EXPECT_EQ(test, virtio_msg_bus_suspend(bt->bus), 0);
	virtio_msg_peer_lost(bt->bus, "test");
	fake_settle(bt->f);
	virtio_msg_bus_resume(bt->bus);
	fake_settle(bt->f);
	KUNIT_EXPECT_EQ(test, bt->bus->state, VMSG_BUS_RUNNING);
	for (i = 0; i < ARRAY_SIZE(ids); i++)
		KUNIT_EXPECT_NOT_NULL(test, bt_vd(bt, i));
	/* The same while the bus goes. */
	KUNIT_EXPECT_EQ(test, virtio_msg_bus_suspend(bt->bus), 0);
}

/* The driver of a husk finds the configuration that it went to sleep with. */
static void test_husk_config(struct kunit *test)
{
	struct fake_dev *d = bt_one(test, bt_wire(test), 1);
	struct bt *bt = test->priv;
	struct vmsg_device *vd;
	u32 x = 0;

	put_unaligned_le32(4, d->config);
	bt_go(test);
	vd = bt_vd(bt, BT_NUM);
	KUNIT_ASSERT_NOT_NULL(test, vd);
	vd->vdev.config->get(&vd->vdev, 0, &x, sizeof(x));
	KUNIT_EXPECT_EQ(test, x, 4);
	set_bit(VMSG_DEV_FROZEN, &vd->flags);
	put_unaligned_le32(1, d->config);
	vmsg_config_invalidate(vd);
	vd->vdev.config->get(&vd->vdev, 0, &x, sizeof(x));
	KUNIT_EXPECT_EQ(test, x, 1);
	set_bit(VMSG_DEV_HUSK, &vd->flags);
	vd->vdev.config->get(&vd->vdev, 0, &x, sizeof(x));
	KUNIT_EXPECT_EQ(test, x, 4);
	/* It is told to nobody. */
	vd->vdev.config->set(&vd->vdev, 0, &x, sizeof(x));
	KUNIT_EXPECT_EQ(test, fake_count(bt->f, false, VIRTIO_MSG_SET_CONFIG), 0);
}

/* Queues */

static void test_vq_none(struct kunit *test)
{
	struct fake_dev *d = bt_one(test, bt_wire(test), 2);
	struct bt *bt = test->priv;

	d->vq[1].max_size = 0;
	bt_go(test);
	KUNIT_ASSERT_EQ(test, bt->num_devs, 1);
	KUNIT_EXPECT_EQ(test, bt_last(bt)->found, -ENOENT);
	KUNIT_EXPECT_EQ(test, bt_probed(bt), 0);
}

static void test_vq_too_many(struct kunit *test)
{
	struct fake_dev *d = bt_one(test, bt_wire(test), 4);
	struct bt *bt = test->priv;

	d->max_vqs = 3;
	bt_go(test);
	KUNIT_ASSERT_EQ(test, bt->num_devs, 1);
	KUNIT_EXPECT_EQ(test, bt_last(bt)->found, -ENOENT);
	/* It is not even asked for. */
	KUNIT_EXPECT_LE(test, fake_count(bt->f, false, VIRTIO_MSG_GET_VQUEUE), 3);
}

static void test_vq_odd_size(struct kunit *test)
{
	struct fake_dev *d = bt_one(test, bt_wire(test), 3);
	struct bt *bt = test->priv;

	d->vq[0].max_size = 12;
	d->vq[1].max_size = 1;
	d->vq[2].max_size = 0xffffffff;
	bt_go(test);
	KUNIT_ASSERT_EQ(test, bt_probed(bt), 1);
	KUNIT_EXPECT_EQ(test, d->vq[0].size, 8);
	KUNIT_EXPECT_EQ(test, d->vq[1].size, 1);
	KUNIT_EXPECT_GT(test, d->vq[2].size, 0);
	KUNIT_EXPECT_LE(test, d->vq[2].size, 32768);
	KUNIT_EXPECT_TRUE(test, is_power_of_2(d->vq[2].size));
}

static void test_vq_names(struct kunit *test)
{
	struct fake_dev *d = bt_one(test, bt_wire(test), 4);
	struct bt *bt = test->priv;
	struct bt_dev *b;

	bt->names[1] = NULL;
	bt->names[2] = NULL;
	bt_go(test);
	KUNIT_ASSERT_EQ(test, bt_probed(bt), 1);
	b = bt_last(bt);
	KUNIT_EXPECT_NULL(test, b->vq[1]);
	KUNIT_EXPECT_NULL(test, b->vq[2]);
	KUNIT_ASSERT_NOT_NULL(test, b->vq[3]);
	/* Queues are counted without those that have no name. */
	KUNIT_EXPECT_EQ(test, b->vq[3]->index, 1);
	KUNIT_EXPECT_TRUE(test, d->vq[1].enabled);
	KUNIT_EXPECT_FALSE(test, d->vq[2].enabled);
	KUNIT_EXPECT_FALSE(test, d->vq[3].enabled);
}

static void test_vq_admin(struct kunit *test)
{
	struct fake_dev *d = bt_one(test, bt_wire(test), 3);
	struct bt *bt = test->priv;
	struct vmsg_vq *q;

	d->max_vqs = 3;
	d->admin_start = 1;
	d->admin_count = 2;
	bt_go(test);
	KUNIT_ASSERT_EQ(test, bt_probed(bt), 1);
	q = bt_last(bt)->vq[1]->priv;
	KUNIT_EXPECT_EQ(test, q->index, 3);
	KUNIT_EXPECT_TRUE(test, d->vq[0].enabled);
	KUNIT_EXPECT_FALSE(test, d->vq[1].enabled);
	KUNIT_EXPECT_FALSE(test, d->vq[2].enabled);
	KUNIT_EXPECT_TRUE(test, d->vq[3].enabled);
	KUNIT_EXPECT_TRUE(test, d->vq[4].enabled);
	/* A used event for a queue that nobody drives. */
	virtio_msg_rx_used(bt->bus, BT_NUM, 1, false);
	virtio_msg_rx_used(bt->bus, BT_NUM, 0, true);
	KUNIT_EXPECT_EQ(test, bt_probed(bt), 1);
}

/* The numbers of a liar do not overflow anything. */
static void test_vq_liar(struct kunit *test)
{
	struct fake_dev *d = bt_one(test, VIRTIO_MSG_WIRE_XID32, 2);
	struct bt *bt = test->priv;

	d->max_vqs = 0xffffffff;
	d->admin_start = 1;
	d->admin_count = 0xffffffff;
	bt_go(test);
	KUNIT_ASSERT_EQ(test, bt->num_devs, 1);
	/* Queue 1 + 2^32 - 1 is none, or at least no wild one. */
	if (!bt_last(bt)->found)
		KUNIT_EXPECT_LT(test, bt_last(bt)->vq[1]->index, VMSG_MAX_VQS);
}

static void bt_refuse_vq(struct fake *f, const struct fake_msg *rq, struct fake_msg *r)
{
	if (rq->type & VIRTIO_MSG_TYPE_BUS || rq->msg_id != VIRTIO_MSG_SET_VQUEUE ||
	    !get_unaligned_le32(rq->payload))
		return;
	r->result = VIRTIO_MSG_RESULT_BAD_ARG;
}

static void test_vq_refused(struct kunit *test)
{
	struct bt *bt;

	bt_one(test, VIRTIO_MSG_WIRE_XID32, 3);
	bt = test->priv;
	bt->f->mangle = bt_refuse_vq;
	bt_go(test);
	KUNIT_ASSERT_EQ(test, bt->num_devs, 1);
	KUNIT_EXPECT_EQ(test, bt_last(bt)->found, -EREMOTEIO);
	KUNIT_EXPECT_NULL(test, rcu_access_pointer(bt_vd(bt, BT_NUM)->vqs));
}

/* A window that cannot back them: refused with an error. */
static void test_vq_no_room(struct kunit *test)
{
	struct fake_dev *d;
	struct bt *bt = bt_new(test, VIRTIO_MSG_WIRE_XID32);

	fake_window(bt->f, 16 * PAGE_SIZE);
	bt->nvqs = 4;
	d = fake_add(bt->f, BT_NUM, BT_ID);
	d->vq[0].max_size = 1024;
	d->vq[3].max_size = 1024;
	bt_go(test);
	KUNIT_ASSERT_EQ(test, bt->num_devs, 1);
	KUNIT_EXPECT_EQ(test, bt_last(bt)->found, -ENOSPC);
	KUNIT_EXPECT_EQ(test, bt_vd(bt, BT_NUM)->bus->state, VMSG_BUS_RUNNING);
}

/* The device side of a queue. */

struct bt_side {
	struct kunit *test;
	u8 *win;
	u64 wire;
	struct fake_vq *vq;
	bool packed;
	u16 avail;
	bool avail_wrap;
	u16 used;
	bool used_wrap;
};

struct bt_chain {
	u16 id;
	u16 num;	/* descriptors */
	u8 *in;
};

static void bt_side_init(struct kunit *test, struct bt_side *s, unsigned int queue)
{
	struct bt *bt = test->priv;
	struct fake_dev *d = fake_dev(bt->f, BT_NUM);

	memset(s, 0, sizeof(*s));
	s->test = test;
	s->win = bt->f->link.window.va;
	s->wire = bt->f->link.window.wire;
	s->vq = &d->vq[queue];
	s->packed = d->driver_features[1] & BIT(VIRTIO_F_RING_PACKED - 32);
	s->avail_wrap = true;
	s->used_wrap = true;
}

static u8 *bt_ptr(struct bt_side *s, u64 addr)
{
	return s->win + (addr - s->wire);
}

static void bt_step_ring(struct bt_side *s, u16 n, u16 *pos, bool *wrap)
{
	*pos += n;
	if (*pos >= s->vq->size) {
		*pos -= s->vq->size;
		*wrap = !*wrap;
	}
}

/* Take the next buffer that the driver has made available. */
static bool bt_fetch(struct bt_side *s, struct bt_chain *c)
{
	u8 *ring = bt_ptr(s, s->vq->desc), *second;
	u16 flags;

	memset(c, 0, sizeof(*c));
	c->num = 1;
	if (s->packed) {
		u8 *desc = ring + 16 * s->avail;

		flags = get_unaligned_le16(desc + 14);
		if (!!(flags & BIT(VRING_PACKED_DESC_F_AVAIL)) != s->avail_wrap ||
		    !!(flags & BIT(VRING_PACKED_DESC_F_USED)) == s->avail_wrap)
			return false;
		c->id = get_unaligned_le16(desc + 12);
		if (flags & VRING_DESC_F_INDIRECT) {
			second = bt_ptr(s, get_unaligned_le64(desc)) + 16;
		} else {
			c->num = 2;
			second = ring + 16 * ((s->avail + 1) % s->vq->size);
			c->id = get_unaligned_le16(second + 12);
		}
		bt_step_ring(s, c->num, &s->avail, &s->avail_wrap);
	} else {
		u8 *avail = bt_ptr(s, s->vq->driver), *desc;

		if (get_unaligned_le16(avail + 2) == s->avail)
			return false;
		c->id = get_unaligned_le16(avail + 4 + 2 * (s->avail++ % s->vq->size));
		desc = ring + 16 * c->id;
		flags = get_unaligned_le16(desc + 12);
		if (flags & VRING_DESC_F_INDIRECT)
			second = bt_ptr(s, get_unaligned_le64(desc)) + 16;
		else
			second = ring + 16 * get_unaligned_le16(desc + 14);
	}
	c->in = bt_ptr(s, get_unaligned_le64(second));
	return true;
}

/* Give one back, @len bytes of it written. */
static void bt_use(struct bt_side *s, const struct bt_chain *c, u32 len)
{
	memset(c->in, 0x33, len);
	if (s->packed) {
		u8 *desc = bt_ptr(s, s->vq->desc) + 16 * s->used;

		put_unaligned_le16(c->id, desc + 12);
		put_unaligned_le32(len, desc + 8);
		smp_wmb(); /* the flags last */
		put_unaligned_le16(s->used_wrap ? BIT(VRING_PACKED_DESC_F_AVAIL) |
				   BIT(VRING_PACKED_DESC_F_USED) : 0, desc + 14);
		bt_step_ring(s, c->num, &s->used, &s->used_wrap);
	} else {
		u8 *used = bt_ptr(s, s->vq->device);
		u8 *elem = used + 4 + 8 * (s->used % s->vq->size);

		put_unaligned_le32(c->id, elem);
		put_unaligned_le32(len, elem + 4);
		smp_wmb(); /* the index last */
		put_unaligned_le16(++s->used, used + 2);
	}
}

/* Kinds of rings */

static const struct bt_ring {
	const char *name;
	bool packed;
	bool indirect;
} bt_rings[] = {
	{ "split", false, false },
	{ "split, indirect", false, true },
	{ "packed", true, false },
	{ "packed, indirect", true, true },
};

static void bt_ring_desc(const struct bt_ring *r, char *desc)
{
	strscpy(desc, r->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(bt_ring, bt_rings, bt_ring_desc);

/* For a test that has to wait. */
static const struct bt_ring bt_one_ring[] = {
	{ "split", false, false },
};

KUNIT_ARRAY_PARAM(bt_one_ring, bt_one_ring, bt_ring_desc);

#define BT_SLOTS_WIRE	BIT_ULL(63)

static void bt_share(struct virtio_msg_bus *bus, u32 slot, phys_addr_t phys, bool write)
{
	struct fake *f = virtio_msg_bus_priv(bus);
	struct bt *bt = f->priv;

	/* Of two pages of one buffer only the driver writes. */
	KUNIT_EXPECT_FALSE(bt->test, write);
	KUNIT_EXPECT_FALSE(bt->test, test_and_set_bit(slot, &bt->shared));
}

static bool bt_unshare(struct virtio_msg_bus *bus, u32 slot, phys_addr_t phys)
{
	struct fake *f = virtio_msg_bus_priv(bus);
	struct bt *bt = f->priv;

	KUNIT_EXPECT_TRUE(bt->test, test_and_clear_bit(slot, &bt->shared));
	return true;
}

static struct virtqueue *bt_with_ring(struct kunit *test)
{
	const struct bt_ring *r = test->param_value;
	struct fake_dev *d = bt_one(test, VIRTIO_MSG_WIRE_XID32, 2);
	struct bt *bt = test->priv;

	if (r->packed)
		d->features[1] |= BIT(VIRTIO_F_RING_PACKED - 32);
	if (r->indirect)
		d->features[0] |= BIT(VIRTIO_RING_F_INDIRECT_DESC);
	d->features[1] |= BIT(VIRTIO_F_RING_RESET - 32);
	bt->f->desc.share_slots = bt->slots;
	bt->f->desc.share_wire = BT_SLOTS_WIRE;
	bt->f->ops.share = bt_share;
	bt->f->ops.unshare = bt_unshare;
	bt_go(test);
	KUNIT_ASSERT_EQ(test, bt_probed(bt), 1);
	return bt_last(bt)->vq[0];
}

static bool bt_all(const u8 *p, u8 byte, size_t len)
{
	return !memchr_inv(p, byte, len);
}

/* The plain case: buffers go to the device and come back. */
static void test_io(struct kunit *test)
{
	struct virtqueue *vq = bt_with_ring(test);
	struct bt *bt = test->priv;
	struct bt_chain c[4], none;
	struct bt_side s;
	unsigned int round, i;

	bt_side_init(test, &s, 0);
	for (round = 0; round < 30; round++) {
		for (i = 0; i < 4; i++)
			KUNIT_ASSERT_EQ(test, bt_add(bt, vq, i), 0);
		KUNIT_EXPECT_TRUE(test, virtqueue_kick(vq));
		for (i = 0; i < 4; i++) {
			KUNIT_ASSERT_TRUE(test, bt_fetch(&s, &c[i]));
			/* No stale bytes for the device to see, or to leave. */
			KUNIT_EXPECT_TRUE(test, bt_all(c[i].in, 0xff, BT_IN));
		}
		KUNIT_EXPECT_FALSE(test, bt_fetch(&s, &none));
		for (i = 0; i < 4; i++)
			bt_use(&s, &c[(i + round) % 4], 10 + (i + round) % 4);
		fake_event_used(bt->f, BT_NUM, 0);
		for (i = 0; i < 4; i++) {
			KUNIT_EXPECT_EQ(test, bt->bufs[i].done, round + 1);
			KUNIT_EXPECT_EQ(test, bt->bufs[i].len, 10 + i);
			KUNIT_EXPECT_TRUE(test, bt_all(bt->bufs[i].data + BT_OUT, 0x33, 10 + i));
		}
	}
	KUNIT_EXPECT_EQ(test, bt_counter(test, VMSG_C_USED), 30);
	KUNIT_EXPECT_EQ(test, fake_count(bt->f, false, VIRTIO_MSG_EVENT_AVAIL), 30);
	KUNIT_EXPECT_FALSE(test, ((struct vmsg_vq *)vq->priv)->track.lost);
	KUNIT_EXPECT_EQ(test, ((struct vmsg_vq *)vq->priv)->track.count, 0);
}

/* Used events */

static enum fake_reply bt_used_early(struct fake *f, const struct fake_msg *rq)
{
	if (!(rq->type & VIRTIO_MSG_TYPE_BUS) && rq->msg_id == VIRTIO_MSG_SET_VQUEUE)
		fake_event_used(f, BT_NUM, 0);
	return FAKE_IN_SEND;
}

static void test_used_stale(struct kunit *test)
{
	struct bt *bt;
	u64 stale;

	bt_one(test, bt_wire(test), 2);
	bt = test->priv;
	bt->f->script = bt_used_early;
	bt_go(test);
	KUNIT_ASSERT_EQ(test, bt_probed(bt), 1);
	KUNIT_EXPECT_EQ(test, bt_counter(test, VMSG_C_RX_STALE_EVENT), 2);
	KUNIT_EXPECT_EQ(test, atomic_read(&bt->callbacks), 0);
	/* No such device, no such queue. */
	fake_event_used(bt->f, BT_NUM + 1, 0);
	fake_event_used(bt->f, 65535, 0);
	fake_event_used(bt->f, BT_NUM, 2);
	fake_event_used(bt->f, BT_NUM, VMSG_MAX_VQS - 1);
	virtio_msg_rx_used(bt->bus, BT_NUM, 65535, true);
	KUNIT_EXPECT_EQ(test, bt_counter(test, VMSG_C_RX_STALE_EVENT), 7);
	fake_event_used(bt->f, BT_NUM, VMSG_MAX_VQS);
	fake_event_used(bt->f, BT_NUM, 0x10000);
	fake_event_used(bt->f, BT_NUM, 0xffffffff);
	KUNIT_EXPECT_EQ(test, bt_counter(test, VMSG_C_RX_MALFORMED), 3);
	KUNIT_EXPECT_EQ(test, atomic_read(&bt->callbacks), 0);
	/* After a reset. */
	stale = bt_counter(test, VMSG_C_RX_STALE_EVENT);
	virtio_reset_device(bt_last(bt)->vdev);
	fake_event_used(bt->f, BT_NUM, 0);
	KUNIT_EXPECT_EQ(test, bt_counter(test, VMSG_C_RX_STALE_EVENT), stale + 1);
}

/* From hard interrupts, and from where they are on. */
static void test_used_context(struct kunit *test)
{
	struct virtqueue *vq = bt_with_ring(test);
	struct bt *bt = test->priv;
	struct bt_chain c;
	unsigned long flags;
	struct bt_side s;

	bt_side_init(test, &s, 0);
	bt_add(bt, vq, 0);
	bt_add(bt, vq, 1);
	virtqueue_kick(vq);
	KUNIT_ASSERT_TRUE(test, bt_fetch(&s, &c));
	bt_use(&s, &c, 1);
	local_irq_save(flags);
	virtio_msg_rx_used(bt->bus, BT_NUM, 0, false);
	local_irq_restore(flags);
	KUNIT_EXPECT_EQ(test, bt->bufs[0].done, 1);
	KUNIT_ASSERT_TRUE(test, bt_fetch(&s, &c));
	bt_use(&s, &c, 1);
	/* "This queue and all behind it." */
	virtio_msg_rx_used(bt->bus, BT_NUM, 0, true);
	KUNIT_EXPECT_EQ(test, bt->bufs[1].done, 1);
}

/* A used event while the driver is called: it is called again, but not at the same time. */
static void test_used_in_turn(struct kunit *test)
{
	struct virtqueue *vq = bt_with_ring(test);
	struct bt *bt = test->priv;
	struct bt_chain c;
	struct bt_side s;
	int calls;

	bt_side_init(test, &s, 0);
	bt_add(bt, vq, 0);
	virtqueue_kick(vq);
	KUNIT_ASSERT_TRUE(test, bt_fetch(&s, &c));
	/* It is left there, so each event is one of use. */
	bt->collect = false;
	bt_use(&s, &c, 1);
	bt->task = current;
	calls = atomic_read(&bt->callbacks);
	atomic_set(&bt->storm, 3);
	virtio_msg_rx_used(bt->bus, BT_NUM, 0, false);
	KUNIT_EXPECT_EQ(test, atomic_read(&bt->twice), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&bt->callbacks) - calls, 4);
	/* Without an end: whoever was first is let go, a worker goes on. */
	bt->here = 0;
	atomic_set(&bt->storm, 1000);
	virtio_msg_rx_used(bt->bus, BT_NUM, 0, false);
	KUNIT_EXPECT_LE(test, bt->here, 100);
	KUNIT_EXPECT_TRUE(test, fake_until(!atomic_read(&bt->storm)));
	KUNIT_EXPECT_TRUE(test, fake_until(atomic_read(&bt->callbacks) - calls == 1005));
	KUNIT_EXPECT_EQ(test, atomic_read(&bt->twice), 0);
	/* And that ends with a reset. */
	atomic_set(&bt->storm, INT_MAX);
	virtio_msg_rx_used(bt->bus, BT_NUM, 0, false);
	virtio_reset_device(bt_last(bt)->vdev);
	calls = atomic_read(&bt->callbacks);
	msleep(20);
	KUNIT_EXPECT_EQ(test, atomic_read(&bt->callbacks), calls);
	atomic_set(&bt->storm, 0);
	bt->collect = true;
}

/*
 * A driver whose callbacks sleep gets them where it may, and none once its queues
 * are gone.
 */
static void test_used_sleeps(struct kunit *test)
{
	struct fake_dev *d = bt_one(test, VIRTIO_MSG_WIRE_XID32, 2);
	struct bt *bt = test->priv;
	struct bt_chain c;
	unsigned long flags;
	struct bt_side s;
	unsigned int i;

	d->id = VIRTIO_ID_RPMSG;
	bt->sleep_ms = 20;
	bt_go(test);
	KUNIT_ASSERT_EQ(test, bt_probed(bt), 1);
	bt_side_init(test, &s, 0);
	for (i = 0; i < 2; i++)
		bt_add(bt, bt_last(bt)->vq[0], i);
	virtqueue_kick(bt_last(bt)->vq[0]);
	KUNIT_ASSERT_TRUE(test, bt_fetch(&s, &c));
	bt_use(&s, &c, 1);
	local_irq_save(flags);
	virtio_msg_rx_used(bt->bus, BT_NUM, 0, false);
	local_irq_restore(flags);
	KUNIT_EXPECT_TRUE(test, fake_until(READ_ONCE(bt->bufs[0].done)));
	/* One is on its way when the device is reset: that waits for it. */
	KUNIT_ASSERT_TRUE(test, bt_fetch(&s, &c));
	bt_use(&s, &c, 1);
	virtio_msg_rx_used(bt->bus, BT_NUM, 0, true);
	virtio_reset_device(bt_last(bt)->vdev);
	KUNIT_EXPECT_EQ(test, bt->bufs[1].done, 1);
	KUNIT_EXPECT_EQ(test, bt->bad_context, 0);
}

/* Kicks */

static void test_kick_full(struct kunit *test)
{
	struct virtqueue *vq, *other;
	struct bt *bt;
	unsigned long flags;
	unsigned int i;

	bt_one(test, bt_wire(test), 2);
	bt = test->priv;
	bt_go(test);
	KUNIT_ASSERT_EQ(test, bt_probed(bt), 1);
	vq = bt_last(bt)->vq[0];
	other = bt_last(bt)->vq[1];
	bt->f->room = 0;
	for (i = 0; i < 5; i++) {
		KUNIT_ASSERT_EQ(test, bt_add(bt, vq, i), 0);
		local_irq_save(flags);
		/* False would break the queue for good. */
		KUNIT_EXPECT_TRUE(test, virtqueue_kick(vq));
		local_irq_restore(flags);
	}
	bt_add(bt, other, 5);
	KUNIT_EXPECT_TRUE(test, virtqueue_kick(other));
	KUNIT_EXPECT_FALSE(test, virtqueue_is_broken(vq));
	KUNIT_EXPECT_EQ(test, bt_counter(test, VMSG_C_KICK), 6);
	KUNIT_EXPECT_EQ(test, bt_counter(test, VMSG_C_KICK_COALESCED), 4);
	KUNIT_EXPECT_EQ(test, fake_count(bt->f, false, VIRTIO_MSG_EVENT_AVAIL), 0);
	KUNIT_EXPECT_EQ(test, bt->f->full, 1);
	bt->f->room = 1;
	virtio_msg_tx_space(bt->bus);
	KUNIT_EXPECT_EQ(test, fake_count(bt->f, false, VIRTIO_MSG_EVENT_AVAIL), 1);
	bt->f->room = FAKE_ROOM;
	virtio_msg_tx_space(bt->bus);
	/* One for each queue. */
	KUNIT_EXPECT_EQ(test, fake_count(bt->f, false, VIRTIO_MSG_EVENT_AVAIL), 2);
	virtio_msg_tx_space(bt->bus);
	KUNIT_EXPECT_EQ(test, fake_count(bt->f, false, VIRTIO_MSG_EVENT_AVAIL), 2);
	KUNIT_EXPECT_EQ(test, bt_counter(test, VMSG_C_KICK_MSG), 2);
}

/* Two CPUs, two queues, and a transport that is full most of the time. */

struct bt_kicker {
	struct kunit *test;
	struct completion done;
	unsigned int queue;
	bool failed;
};

static int bt_kick_thread(void *data)
{
	struct bt_kicker *k = data;
	struct bt *bt = k->test->priv;
	struct virtqueue *vq = bt_last(bt)->vq[k->queue];
	unsigned int i;

	for (i = 0; i < 500; i++) {
		if (!virtqueue_notify(vq))
			k->failed = true;
		virtio_msg_tx_space(bt->bus);
		if (i % 16 == 0)
			usleep_range(10, 50);
	}
	complete(&k->done);
	return 0;
}

static int bt_mostly_full(struct fake *f)
{
	struct bt *bt = f->priv;

	return ++bt->calls % 4 ? -EAGAIN : 0;
}

static void test_kick_race(struct kunit *test)
{
	struct bt_kicker kicker[2];
	unsigned int i, n[2] = {};
	struct fake_msg *m;
	struct bt *bt;

	bt_one(test, bt_wire(test), 2);
	bt = test->priv;
	bt_go(test);
	KUNIT_ASSERT_EQ(test, bt_probed(bt), 1);
	bt->f->before_send = bt_mostly_full;
	for (i = 0; i < 2; i++) {
		kicker[i].test = test;
		kicker[i].queue = i;
		kicker[i].failed = false;
		init_completion(&kicker[i].done);
		if (IS_ERR(kthread_run(bt_kick_thread, &kicker[i], "vmsg-kick%u", i)))
			complete(&kicker[i].done);
	}
	for (i = 0; i < 2; i++)
		wait_for_completion(&kicker[i].done);
	bt->f->before_send = NULL;
	virtio_msg_tx_space(bt->bus);
	fake_settle(bt->f);
	KUNIT_EXPECT_FALSE(test, kicker[0].failed);
	KUNIT_EXPECT_FALSE(test, kicker[1].failed);
	/* Each is well-formed, and none is left. */
	KUNIT_EXPECT_TRUE(test, list_empty(&bt->bus->engine.kicks));
	list_for_each_entry(m, &bt->f->sent, node) {
		if (m->type || m->msg_id != VIRTIO_MSG_EVENT_AVAIL)
			continue;
		KUNIT_ASSERT_EQ(test, m->dev_num, BT_NUM);
		KUNIT_ASSERT_LT(test, get_unaligned_le32(m->payload), 2);
		KUNIT_ASSERT_EQ(test, get_unaligned_le32(m->payload + 4), 0);
		n[get_unaligned_le32(m->payload)]++;
	}
	KUNIT_EXPECT_GT(test, n[0], 0);
	KUNIT_EXPECT_GT(test, n[1], 0);
	/* One that was refused may be covered by one that came meanwhile. */
	KUNIT_EXPECT_LE(test, n[0] + n[1] + bt_counter(test, VMSG_C_KICK_COALESCED), 1000);
}

/* A transport that sleeps, and a kick with interrupts off. */
static void test_kick_atomic(struct kunit *test)
{
	static DEFINE_SPINLOCK(lock);
	struct virtqueue *vq;
	struct bt *bt;
	unsigned long flags;

	bt_one(test, bt_wire(test), 1);
	bt = test->priv;
	bt->f->desc.flags = 0;
	bt_go(test);
	KUNIT_ASSERT_EQ(test, bt_probed(bt), 1);
	vq = bt_last(bt)->vq[0];
	bt_add(bt, vq, 0);
	spin_lock_irqsave(&lock, flags);
	KUNIT_EXPECT_TRUE(test, virtqueue_kick(vq));
	spin_unlock_irqrestore(&lock, flags);
	KUNIT_EXPECT_TRUE(test, fake_until(fake_count(bt->f, false, VIRTIO_MSG_EVENT_AVAIL) == 1));
}

/* Kicks that are no messages. */
static void test_kick_op(struct kunit *test)
{
	struct virtqueue *vq;
	struct bt *bt;

	bt_one(test, bt_wire(test), 1);
	bt = test->priv;
	fake_kick_words(bt->f, 0);
	bt_go(test);
	KUNIT_ASSERT_EQ(test, bt_probed(bt), 1);
	vq = bt_last(bt)->vq[0];
	bt_add(bt, vq, 0);
	KUNIT_EXPECT_TRUE(test, virtqueue_kick(vq));
	KUNIT_EXPECT_EQ(test, bt->f->kicked, 1);
	KUNIT_EXPECT_EQ(test, fake_count(bt->f, false, VIRTIO_MSG_EVENT_AVAIL), 0);
	bt->f->kick_op = -EOPNOTSUPP;
	bt_add(bt, vq, 1);
	KUNIT_EXPECT_TRUE(test, virtqueue_kick(vq));
	KUNIT_EXPECT_EQ(test, bt->f->kicked, 2);
	KUNIT_EXPECT_EQ(test, fake_count(bt->f, false, VIRTIO_MSG_EVENT_AVAIL), 1);
}

static void bt_last_kick(struct kunit *test, u32 vq, u32 next)
{
	struct bt *bt = test->priv;
	struct fake_msg m;
	u8 data[8];

	KUNIT_ASSERT_TRUE(test, fake_last(bt->f, false, VIRTIO_MSG_EVENT_AVAIL, &m,
					  data, 8));
	KUNIT_EXPECT_EQ(test, m.type, 0);
	KUNIT_EXPECT_EQ(test, m.dev_num, BT_NUM);
	KUNIT_EXPECT_EQ(test, m.xid, 0);
	KUNIT_EXPECT_EQ(test, m.len, 8);
	KUNIT_EXPECT_EQ(test, get_unaligned_le32(data), vq);
	KUNIT_EXPECT_EQ(test, get_unaligned_le32(data + 4), next);
}

static void test_kick_plain(struct kunit *test)
{
	struct bt *bt;

	bt_one(test, bt_wire(test), 2);
	bt = test->priv;
	bt_go(test);
	KUNIT_ASSERT_EQ(test, bt_probed(bt), 1);
	bt_add(bt, bt_last(bt)->vq[1], 0);
	virtqueue_kick(bt_last(bt)->vq[1]);
	bt_last_kick(test, 1, 0);
}

static void bt_notification_data(struct kunit *test, bool packed)
{
	struct fake_dev *d = bt_one(test, VIRTIO_MSG_WIRE_XID32, 2);
	struct bt *bt = test->priv;
	struct virtqueue *vq;
	struct bt_chain c;
	struct bt_side s;
	unsigned int i, total = 0;

	d->features[1] |= BIT(VIRTIO_F_NOTIFICATION_DATA - 32);
	if (packed)
		d->features[1] |= BIT(VIRTIO_F_RING_PACKED - 32);
	bt_go(test);
	KUNIT_ASSERT_EQ(test, bt_probed(bt), 1);
	vq = bt_last(bt)->vq[1];
	bt_side_init(test, &s, 1);
	/* 16 entries, two a buffer: several rounds of the ring. */
	for (i = 0; i < 40; i++) {
		KUNIT_ASSERT_EQ(test, bt_add(bt, vq, 0), 0);
		KUNIT_EXPECT_TRUE(test, virtqueue_kick(vq));
		total++;
		if (packed)
			bt_last_kick(test, 1, (2 * total) % 16 |
				     ((2 * total / 16) % 2 ? 0 : BIT(31)));
		else
			bt_last_kick(test, 1, total);
		KUNIT_ASSERT_TRUE(test, bt_fetch(&s, &c));
		bt_use(&s, &c, 1);
		bt_collect(bt, vq);
	}
}

/* These two take a packed ring's -EIO for an I/O error. */
static void test_storage_is_split(struct kunit *test)
{
	struct fake_dev *d = bt_one(test, VIRTIO_MSG_WIRE_XID32, 1);
	const u64 packed = BIT_ULL(VIRTIO_F_RING_PACKED);
	struct bt *bt = test->priv;
	struct vmsg_window *win;
	struct vmsg_device *vd;

	d->features[1] |= BIT(VIRTIO_F_RING_PACKED - 32);
	bt_go(test);
	KUNIT_ASSERT_EQ(test, bt_probed(bt), 1);
	vd = to_vmsg_device(bt_last(bt)->vdev);
	KUNIT_EXPECT_TRUE(test, d->driver_features[1] & BIT(VIRTIO_F_RING_PACKED - 32));
	KUNIT_EXPECT_TRUE(test, vmsg_offered_features(vd) & packed);
	vd->info.device_id = VIRTIO_ID_SCSI;
	KUNIT_EXPECT_FALSE(test, vmsg_offered_features(vd) & packed);
	vd->info.device_id = VIRTIO_ID_BLOCK;
	KUNIT_EXPECT_FALSE(test, vmsg_offered_features(vd) & packed);
	/* Without a window nothing can be full. */
	win = bt->f->bus->win;
	bt->f->bus->win = NULL;
	KUNIT_EXPECT_TRUE(test, vmsg_offered_features(vd) & packed);
	bt->f->bus->win = win;
	vd->info.device_id = BT_ID;
}

static void test_notification_data_split(struct kunit *test)
{
	bt_notification_data(test, false);
}

static void test_notification_data_packed(struct kunit *test)
{
	bt_notification_data(test, true);
}

/* Bit 15 of a split ring's index is no wrap counter. */
static void test_notification_data_wide(struct kunit *test)
{
	struct fake_dev *d = bt_one(test, VIRTIO_MSG_WIRE_XID32, 1);
	struct bt *bt = test->priv;
	unsigned int i, j, len;
	struct scatterlist sg;
	struct virtqueue *vq;
	struct bt_chain c;
	struct bt_side s;

	d->features[1] |= BIT(VIRTIO_F_NOTIFICATION_DATA - 32);
	bt_go(test);
	KUNIT_ASSERT_EQ(test, bt_probed(bt), 1);
	vq = bt_last(bt)->vq[0];
	bt_side_init(test, &s, 0);
	sg_init_one(&sg, bt->bufs[0].data, BT_OUT);
	for (i = 0; i < 0x8000; i += 16) {
		for (j = 0; j < 16; j++)
			if (virtqueue_add_outbuf(vq, &sg, 1, bt, GFP_KERNEL))
				break;
		while (bt_fetch(&s, &c))
			bt_use(&s, &c, 0);
		while (virtqueue_get_buf(vq, &len))
			j--;
		if (j)
			break;
	}
	KUNIT_ASSERT_EQ(test, i, 0x8000);
	virtqueue_kick(vq);
	bt_last_kick(test, 0, 0x8000);
	KUNIT_EXPECT_EQ(test, bt_add(bt, vq, 0), 0);
	virtqueue_kick(vq);
	bt_last_kick(test, 0, 0x8001);
}

/* Reset of one queue */
static void bt_recycle(struct virtqueue *vq, void *buf)
{
	struct bt_buf *b = buf;

	b->detached++;
	b->out = false;
}

static void test_queue_reset(struct kunit *test)
{
	struct virtqueue *vq = bt_with_ring(test);
	struct bt *bt = test->priv;
	struct fake_dev *d = fake_dev(bt->f, BT_NUM);
	struct bt_chain c;
	struct bt_side s;
	unsigned int i;

	for (i = 0; i < 4; i++)
		bt_add(bt, vq, i);
	bt->f->room = 0;
	virtqueue_kick(vq);
	/* It may be sent before or after the reset, but is of no use then. */
	bt->f->room = FAKE_ROOM;
	virtio_msg_tx_space(bt->bus);
	KUNIT_ASSERT_EQ(test, virtqueue_reset(vq, bt_recycle, NULL), 0);
	KUNIT_EXPECT_EQ(test, fake_count(bt->f, false, VIRTIO_MSG_RESET_VQUEUE), 1);
	KUNIT_EXPECT_TRUE(test, d->vq[0].enabled);
	for (i = 0; i < 4; i++)
		KUNIT_EXPECT_EQ(test, bt->bufs[i].detached, 1);
	KUNIT_ASSERT_EQ(test, virtqueue_resize(vq, 8, bt_recycle, NULL), 0);
	KUNIT_EXPECT_EQ(test, d->vq[0].size, 8);
	/* As good as new, its tracking included. */
	bt_side_init(test, &s, 0);
	bt_add(bt, vq, 4);
	bt_add(bt, vq, 5);
	KUNIT_EXPECT_TRUE(test, virtqueue_kick(vq));
	KUNIT_ASSERT_TRUE(test, bt_fetch(&s, &c));
	bt_use(&s, &c, 5);
	fake_event_used(bt->f, BT_NUM, 0);
	KUNIT_EXPECT_EQ(test, bt->bufs[4].done, 1);
	virtio_msg_peer_lost(bt->bus, "test");
	fake_settle(bt->f);
	KUNIT_EXPECT_EQ(test, bt->bufs[5].done, 1);
	KUNIT_EXPECT_EQ(test, bt->bufs[5].len, 0);
	KUNIT_EXPECT_EQ(test, bt->bufs[5].detached, 0);
}

/* Drain */

static void bt_came_back(struct kunit *test, unsigned int n, u32 len)
{
	struct bt *bt = test->priv;
	struct bt_buf *b = &bt->bufs[n];

	KUNIT_EXPECT_EQ_MSG(test, b->done, 1, "buffer %u", n);
	KUNIT_EXPECT_EQ_MSG(test, b->detached, 0, "buffer %u", n);
	KUNIT_EXPECT_EQ_MSG(test, b->len, len, "buffer %u", n);
	/* What nobody wrote is poisoned: a status byte there is an error. */
	KUNIT_EXPECT_TRUE(test, bt_all(b->data + BT_OUT, 0x33, len));
	KUNIT_EXPECT_TRUE_MSG(test, bt_all(b->data + BT_OUT + len, 0xff, BT_IN - len),
			      "buffer %u", n);
}

static void test_drain(struct kunit *test)
{
	struct virtqueue *vq = bt_with_ring(test);
	struct bt *bt = test->priv;
	struct vmsg_vq *q = vq->priv;
	struct bt_chain c[8];
	struct bt_side s;
	unsigned int i;

	bt_side_init(test, &s, 0);
	for (i = 0; i < 6; i++)
		KUNIT_ASSERT_EQ(test, bt_add(bt, vq, i), 0);
	virtqueue_kick(vq);
	for (i = 0; i < 6; i++)
		KUNIT_ASSERT_TRUE(test, bt_fetch(&s, &c[i]));
	/* Out of order, and collected. */
	bt_use(&s, &c[3], 7);
	bt_use(&s, &c[1], 8);
	fake_event_used(bt->f, BT_NUM, 0);
	KUNIT_EXPECT_EQ(test, bt->bufs[3].done, 1);
	KUNIT_EXPECT_EQ(test, bt->bufs[1].done, 1);
	/* Two more, of which the device never hears. */
	KUNIT_ASSERT_EQ(test, bt_add(bt, vq, 6), 0);
	KUNIT_ASSERT_EQ(test, bt_add(bt, vq, 7), 0);
	/* Written and published, and not collected. */
	bt_use(&s, &c[5], 9);
	KUNIT_EXPECT_FALSE(test, q->track.lost);
	virtio_msg_peer_lost(bt->bus, "test");
	KUNIT_EXPECT_EQ(test, bt->bus->state, VMSG_BUS_LOST);
	fake_settle(bt->f);
	bt_came_back(test, 3, 7);
	bt_came_back(test, 1, 8);
	bt_came_back(test, 5, 9);
	bt_came_back(test, 0, 0);
	bt_came_back(test, 2, 0);
	bt_came_back(test, 4, 0);
	bt_came_back(test, 6, 0);
	bt_came_back(test, 7, 0);
	KUNIT_EXPECT_EQ(test, bt_counter(test, VMSG_C_DRAINED), 5);
	/* Broken afterwards, both, and gone; and the next is there. */
	KUNIT_EXPECT_EQ(test, bt->broken, 2);
	KUNIT_EXPECT_EQ(test, bt_removed(bt), 1);
	KUNIT_EXPECT_EQ(test, bt_probed(bt), 2);
}

/* A buffer whose first piece is two pages, which are shared where they are. */
static int bt_add_pages(struct bt *bt, struct virtqueue *vq, struct bt_buf *b,
			struct page *pages)
{
	struct scatterlist out, in, *sgs[2] = { &out, &in };
	unsigned long flags;
	int ret;

	memset(b->data + BT_OUT, 0x22, BT_IN);
	sg_init_table(&out, 1);
	sg_set_page(&out, pages, 2 * VIRTIO_MSG_SHARE_SIZE, 0);
	sg_init_one(&in, b->data + BT_OUT, BT_IN);
	spin_lock_irqsave(&bt->lock, flags);
	ret = virtqueue_add_sgs(vq, sgs, 1, 1, b, GFP_ATOMIC);
	if (!ret) {
		b->q = vq;
		b->out = true;
	}
	spin_unlock_irqrestore(&bt->lock, flags);
	return ret;
}

/*
 * Buffers that begin in a slot, in the window, and, once the slots are used up,
 * in the window again: they come back, and are drained.
 */
static void test_shared(struct kunit *test)
{
	struct page *pages = alloc_pages(GFP_KERNEL | __GFP_COMP, 1);
	struct bt *bt = test->priv;
	struct bt_chain c[5];
	struct virtqueue *vq;
	struct bt_side s;
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, pages);
	bt->slots = 4;
	vq = bt_with_ring(test);
	bt_side_init(test, &s, 0);
	for (i = 0; i < 5; i++) {
		if (i == 2)
			KUNIT_ASSERT_EQ(test, bt_add(bt, vq, i), 0);
		else
			KUNIT_ASSERT_EQ(test, bt_add_pages(bt, vq, &bt->bufs[i],
							   pages), 0);
		virtqueue_kick(vq);
		KUNIT_ASSERT_TRUE(test, bt_fetch(&s, &c[i]));
	}
	KUNIT_EXPECT_EQ(test, bt->shared, 0xf);
	bt_use(&s, &c[1], 7);
	bt_use(&s, &c[2], 8);
	fake_event_used(bt->f, BT_NUM, 0);
	bt_came_back(test, 1, 7);
	bt_came_back(test, 2, 8);
	KUNIT_EXPECT_EQ(test, hweight_long(bt->shared), 2);
	KUNIT_EXPECT_FALSE(test, ((struct vmsg_vq *)vq->priv)->track.lost);
	KUNIT_EXPECT_EQ(test, ((struct vmsg_vq *)vq->priv)->track.count, 3);
	bt_use(&s, &c[4], 9);
	virtio_msg_peer_lost(bt->bus, "test");
	fake_settle(bt->f);
	bt_came_back(test, 0, 0);
	bt_came_back(test, 3, 0);
	bt_came_back(test, 4, 9);
	KUNIT_EXPECT_EQ(test, bt_counter(test, VMSG_C_DRAINED), 2);
	KUNIT_EXPECT_EQ(test, bt->shared, 0);
	__free_pages(pages, 1);
}

/* The driver collects late, and kicks and adds meanwhile as drivers do. */
static void test_drain_kick(struct kunit *test)
{
	struct virtqueue *vq = bt_with_ring(test);
	struct bt *bt = test->priv;
	struct vmsg_vq *q = vq->priv;
	unsigned int i;

	for (i = 0; i < 4; i++)
		KUNIT_ASSERT_EQ(test, bt_add(bt, vq, i), 0);
	bt->collect = false;
	virtio_msg_peer_lost(bt->bus, "test");
	KUNIT_ASSERT_TRUE(test, fake_until(atomic_read(&bt->callbacks)));
	/* Nothing more is taken, and the kick does not break the queue. */
	KUNIT_EXPECT_TRUE(test, test_bit(VMSG_DEV_DEAD, &q->vd->flags));
	KUNIT_EXPECT_LT(test, bt_add(bt, vq, 9), 0);
	virtqueue_kick(vq);
	bt_collect(bt, vq);
	fake_settle(bt->f);
	for (i = 0; i < 4; i++)
		bt_came_back(test, i, 0);
	KUNIT_EXPECT_EQ(test, bt_removed(bt), 1);
}

/* A driver that never collects does not hold the bus up. */
static void test_drain_not_collected(struct kunit *test)
{
	struct virtqueue *vq = bt_with_ring(test);
	struct bt *bt = test->priv;
	unsigned int i;

	bt->collect = false;
	for (i = 0; i < 4; i++)
		KUNIT_ASSERT_EQ(test, bt_add(bt, vq, i), 0);
	virtio_msg_peer_lost(bt->bus, "test");
	fake_settle(bt->f);
	KUNIT_EXPECT_EQ(test, bt_removed(bt), 1);
	KUNIT_EXPECT_EQ(test, bt_probed(bt), 2);
	for (i = 0; i < 4; i++) {
		KUNIT_EXPECT_EQ(test, bt->bufs[i].done, 0);
		KUNIT_EXPECT_EQ(test, bt->bufs[i].detached, 1);
	}
}

/* Any history, then a loss: every buffer comes back exactly once. */
static void test_drain_random(struct kunit *test)
{
	struct virtqueue *vq = bt_with_ring(test);
	struct bt *bt = test->priv;
	struct rnd_state rnd;
	unsigned int round, step, i, adds[BT_BUFS];
	struct bt_chain held[32];
	unsigned int num_held;
	struct bt_side s;

	prandom_seed_state(&rnd, 99);
	memset(adds, 0, sizeof(adds));
	for (round = 0; round < 8; round++) {
		num_held = 0;
		bt_side_init(test, &s, 0);
		vq = bt_last(bt)->vq[0];
		for (step = 0; step < 150; step++) {
			switch (prandom_u32_state(&rnd) % 5) {
			case 0:
			case 1:
				i = prandom_u32_state(&rnd) % BT_BUFS;
				if (!bt->bufs[i].out && !bt_add(bt, vq, i))
					adds[i]++;
				if (i & 1)
					virtqueue_kick(vq);
				break;
			case 2:
				virtqueue_kick(vq);
				if (num_held < ARRAY_SIZE(held) &&
				    bt_fetch(&s, &held[num_held]))
					num_held++;
				break;
			case 3:
				if (!num_held)
					break;
				i = prandom_u32_state(&rnd) % num_held;
				bt_use(&s, &held[i], 3);
				held[i] = held[--num_held];
				break;
			default:
				fake_event_used(bt->f, BT_NUM, 0);
			}
		}
		KUNIT_EXPECT_FALSE(test, ((struct vmsg_vq *)vq->priv)->track.lost);
		virtio_msg_peer_lost(bt->bus, "test");
		fake_settle(bt->f);
		/* By what was known, and not one by one because it was wrong. */
		KUNIT_EXPECT_EQ(test, bt_counter(test, VMSG_C_TRACK_LOST), 0);
		KUNIT_ASSERT_EQ(test, bt_probed(bt), round + 2);
		for (i = 0; i < BT_BUFS; i++) {
			KUNIT_EXPECT_EQ(test, bt->bufs[i].done, adds[i]);
			KUNIT_EXPECT_EQ(test, bt->bufs[i].detached, 0);
			KUNIT_EXPECT_FALSE(test, bt->bufs[i].out);
		}
	}
}

/* A peer that writes nonsense into the rings: the tracking ends, no more. */

static void bt_scribble_all(struct bt_side *s, u8 byte)
{
	unsigned int i, len = 16;
	u8 *ring = bt_ptr(s, s->vq->desc);

	/*
	 * The ring code trusts the flags that it finds in the table of a split
	 * ring when a driver takes its buffers out: nothing that a transport
	 * could help.
	 */
	if (!s->packed)
		len = 12;
	for (i = 0; i < s->vq->size; i++)
		memset(ring + 16 * i, byte, len);
	memset(bt_ptr(s, s->vq->driver), byte, 4);
	memset(bt_ptr(s, s->vq->device), byte, 4);
}

static void bt_scribble(struct kunit *test, unsigned int what, struct bt_side *s)
{
	const struct bt_ring *r = test->param_value;
	u8 *ring = bt_ptr(s, s->vq->desc);

	switch (what) {
	case 0: /* index of the avail ring, or flags */
		if (r->packed)
			put_unaligned_le16(0xffff, ring + 14);
		else
			put_unaligned_le16(0x7777, bt_ptr(s, s->vq->driver) + 2);
		break;
	case 1: /* heads, ids */
		if (r->packed)
			put_unaligned_le16(0x8000, ring + 12);
		else
			put_unaligned_le16(0x8000, bt_ptr(s, s->vq->driver) + 4);
		break;
	case 2: /* address of a descriptor */
		put_unaligned_le64(0x123456789abcdef0ULL, ring);
		break;
	case 3: /* index of the used ring, or the used entry */
		if (r->packed)
			put_unaligned_le16(0x1234, ring + 16 * s->used + 12);
		else
			put_unaligned_le16(0x9999, bt_ptr(s, s->vq->device) + 2);
		break;
	case 4: /* everything */
		bt_scribble_all(s, 0xa5);
		break;
	case 5:
		bt_scribble_all(s, 0xff);
		break;
	}
}

static void test_drain_scribbled(struct kunit *test)
{
	struct virtqueue *vq = bt_with_ring(test);
	struct bt *bt = test->priv;
	unsigned int what, i;
	struct bt_chain c;
	struct bt_side s;

	for (what = 0; what <= 5; what++) {
		vq = bt_last(bt)->vq[0];
		bt_side_init(test, &s, 0);
		for (i = 0; i < 6; i++)
			KUNIT_ASSERT_EQ(test, bt_add(bt, vq, i), 0);
		KUNIT_ASSERT_TRUE(test, bt_fetch(&s, &c));
		bt->bufs[6].out = false;
		bt_scribble(test, what, &s);
		/* More work looks at the rings once more. */
		bt_add(bt, vq, 6);
		virtqueue_kick(vq);
		virtio_msg_peer_lost(bt->bus, "test");
		fake_settle(bt->f);
		KUNIT_EXPECT_EQ(test, bt_removed(bt), what + 1);
		KUNIT_ASSERT_EQ(test, bt_probed(bt), what + 2);
		for (i = 0; i < 7; i++)
			/* One way or the other they are all back, once. */
			KUNIT_EXPECT_FALSE_MSG(test, bt->bufs[i].out,
					       "case %u, buffer %u", what, i);
	}
	for (i = 0; i < 6; i++)
		KUNIT_EXPECT_EQ(test, bt->bufs[i].done + bt->bufs[i].detached, 6);
}

/*
 * A used entry that is none breaks the queue, as far as the ring code is concerned:
 * the device is broken, and all that it had comes back.
 */
static void test_used_nonsense(struct kunit *test)
{
	struct virtqueue *vq = bt_with_ring(test);
	struct bt *bt = test->priv;
	struct bt_chain c;
	struct bt_side s;
	unsigned int i;

	/* Else remove may take them out before they are drained. */
	bt->wait_in_remove = true;
	bt_side_init(test, &s, 0);
	for (i = 0; i < 4; i++)
		KUNIT_ASSERT_EQ(test, bt_add(bt, vq, i), 0);
	virtqueue_kick(vq);
	KUNIT_ASSERT_TRUE(test, bt_fetch(&s, &c));
	c.id = 0x7fff;
	bt_use(&s, &c, 0);
	fake_event_used(bt->f, BT_NUM, 0);
	fake_settle(bt->f);
	KUNIT_EXPECT_EQ(test, bt_counter(test, VMSG_C_BROKEN), 1);
	KUNIT_EXPECT_EQ(test, bt->bus->state, VMSG_BUS_RUNNING);
	KUNIT_EXPECT_EQ(test, bt_probed(bt), 2);
	for (i = 0; i < 4; i++)
		bt_came_back(test, i, 0);
}

/* What comes from the old peer after the loss is not looked at. */
static void test_drain_late_used(struct kunit *test)
{
	struct virtqueue *vq = bt_with_ring(test);
	struct bt *bt = test->priv;
	struct bt_chain c;
	struct bt_side s;

	bt_side_init(test, &s, 0);
	bt_add(bt, vq, 0);
	KUNIT_ASSERT_TRUE(test, bt_fetch(&s, &c));
	bt->f->come_back = false;
	virtio_msg_peer_lost(bt->bus, "test");
	fake_settle(bt->f);
	bt_came_back(test, 0, 0);
	virtio_msg_rx_used(bt->bus, BT_NUM, 0, true);
	fake_event_used(bt->f, BT_NUM, 0);
	/* Its slots are in quarantine until the next peer is confirmed. */
	memset(c.in, 0x44, BT_IN);
	KUNIT_EXPECT_FALSE(test, memchr(bt->bufs[0].data, 0x44, sizeof(bt->bufs[0].data)));
	virtio_msg_peer_up(bt->bus, &bt->f->link);
	fake_settle(bt->f);
	KUNIT_EXPECT_EQ(test, bt_probed(bt), 2);
}

/* One device goes under I/O, the other is not touched. */
static void test_remove_busy(struct kunit *test)
{
	struct virtqueue *vq = bt_with_ring(test);
	struct bt *bt = test->priv;
	struct fake_dev *d;
	unsigned int i;

	bt->fill = true;
	d = fake_add(bt->f, BT_NUM + 1, BT_ID);
	d->features[0] = bt->f->devs[0].features[0];
	d->features[1] = bt->f->devs[0].features[1];
	fake_event_device(bt->f, BT_NUM + 1, VIRTIO_MSG_DEVICE_READY);
	fake_settle(bt->f);
	KUNIT_ASSERT_EQ(test, bt_probed(bt), 2);
	for (i = 0; i < 4; i++)
		KUNIT_ASSERT_EQ(test, bt_add(bt, vq, i), 0);
	virtqueue_kick(vq);
	bt->f->devs[0].present = false;
	fake_event_device(bt->f, BT_NUM, VIRTIO_MSG_DEVICE_REMOVED);
	fake_settle(bt->f);
	KUNIT_EXPECT_EQ(test, bt_removed(bt), 1);
	/* Drained, or taken out by the driver's remove function: who is first. */
	for (i = 0; i < 4; i++)
		KUNIT_EXPECT_EQ(test, bt->bufs[i].done + bt->bufs[i].detached, 1);
	for (i = 0; i < BT_FILL; i++)
		KUNIT_EXPECT_TRUE(test, bt->dev[1]->fill[i].out);
	KUNIT_EXPECT_EQ(test, bt->bus->state, VMSG_BUS_RUNNING);
}

/*
 * Its driver resets a device that its peer has taken away: that is in order, and what
 * it had is free at once.
 */
static void test_reset_absent(struct kunit *test)
{
	struct virtqueue *vq = bt_with_ring(test);
	struct bt *bt = test->priv;
	struct vmsg_window_stats st;

	KUNIT_ASSERT_EQ(test, bt_add(bt, vq, 0), 0);
	virtqueue_kick(vq);
	bt->f->devs[0].present = false;
	device_release_driver(&vq->vdev->dev);
	KUNIT_EXPECT_EQ(test, bt_removed(bt), 1);
	KUNIT_EXPECT_EQ(test, bt_counter(test, VMSG_C_BROKEN), 0);
	vmsg_window_get_stats(bt->bus->win, &st);
	KUNIT_EXPECT_EQ(test, st.quarantined, 0);
	fake_event_device(bt->f, BT_NUM, VIRTIO_MSG_DEVICE_REMOVED);
	fake_settle(bt->f);
}

/* The device that had the buffers is not there any more; another one is. */
static void test_other_device_busy(struct kunit *test)
{
	struct virtqueue *vq = bt_with_ring(test);
	struct bt *bt = test->priv;

	bt->collect = true;
	KUNIT_ASSERT_EQ(test, bt_add(bt, vq, 0), 0);
	virtqueue_kick(vq);
	bt->wait_in_remove = true;
	bt->f->devs[0].id = BT_ID + 1;
	virtio_msg_rescan(bt->bus);
	fake_settle(bt->f);
	KUNIT_EXPECT_EQ(test, bt->bufs[0].done, 1);
	KUNIT_EXPECT_EQ(test, bt->bufs[0].len, 0);
	KUNIT_EXPECT_EQ(test, bt_removed(bt), 1);
	KUNIT_ASSERT_NOT_NULL(test, bt_vd(bt, BT_NUM));
	KUNIT_EXPECT_EQ(test, bt_vd(bt, BT_NUM)->vdev.id.device, BT_ID + 1);
	KUNIT_EXPECT_EQ(test, bt->bus->state, VMSG_BUS_RUNNING);
}

/*
 * A device that broke while its peer is alive: it is told to reset before
 * anybody else writes its used rings, and whether it listens or not, what it
 * held comes back and a device comes again.
 */
static void bt_broken(struct kunit *test, bool mute)
{
	struct virtqueue *vq = bt_with_ring(test);
	struct bt *bt = test->priv;
	unsigned int i;

	for (i = 0; i < 4; i++)
		KUNIT_ASSERT_EQ(test, bt_add(bt, vq, i), 0);
	virtqueue_kick(vq);
	if (mute) {
		bt_held_bus = false;
		bt_held_id = VIRTIO_MSG_SET_DEVICE_STATUS;
		bt->f->script = bt_hold_one;
	}
	fake_event_config(bt->f, BT_NUM, VIRTIO_CONFIG_S_NEEDS_RESET);
	if (mute) {
		KUNIT_EXPECT_TRUE(test, fake_until(fake_held(bt->f)));
		WRITE_ONCE(bt->bus->engine.timeout_ms, BT_SHORT_MS);
		KUNIT_EXPECT_TRUE(test, fake_until(bt_removed(bt)));
		bt->f->script = NULL;
		WRITE_ONCE(bt->bus->engine.timeout_ms, 10000);
		fake_reply_all(bt->f);
	}
	fake_settle(bt->f);
	KUNIT_EXPECT_EQ(test, bt->bus->state, VMSG_BUS_RUNNING);
	KUNIT_EXPECT_GE(test, bt_removed(bt), 1);
	KUNIT_EXPECT_EQ(test, bt_counter(test, VMSG_C_PEER_LOST), 0);
	for (i = 0; i < 4; i++)
		KUNIT_EXPECT_EQ(test, bt->bufs[i].done + bt->bufs[i].detached, 1);
}

static void test_broken(struct kunit *test)
{
	struct bt *bt;

	bt_broken(test, false);
	bt = test->priv;
	KUNIT_EXPECT_EQ(test, bt_probed(bt), 2);
}

static void test_broken_mute(struct kunit *test)
{
	bt_broken(test, true);
}

/* One that breaks again and again is given up, and the others stay. */
static void test_broken_often(struct kunit *test)
{
	struct bt *bt;
	unsigned int i;

	bt_one(test, VIRTIO_MSG_WIRE_XID32, 1);
	bt = test->priv;
	fake_add(bt->f, BT_NUM + 1, BT_ID);
	bt_go(test);
	KUNIT_ASSERT_EQ(test, bt_probed(bt), 2);
	for (i = 0; i < 20; i++) {
		fake_event_config(bt->f, BT_NUM, VIRTIO_CONFIG_S_NEEDS_RESET);
		fake_settle(bt->f);
	}
	KUNIT_EXPECT_NULL(test, bt_vd(bt, BT_NUM));
	KUNIT_EXPECT_NOT_NULL(test, bt_vd(bt, BT_NUM + 1));
	KUNIT_EXPECT_LT(test, bt_counter(test, VMSG_C_BROKEN), 20);
	KUNIT_EXPECT_EQ(test, bt_removed(bt), bt_counter(test, VMSG_C_BROKEN));
}

/* All at once, from several contexts, and in the end all is as it should be. */

struct bt_troll {
	struct kunit *test;
	struct completion done;
	unsigned int kind;
};

#define BT_TROLL_DEVS	4

static int bt_troll_thread(void *data)
{
	struct bt_troll *t = data;
	struct bt *bt = t->test->priv;
	struct rnd_state rnd;
	unsigned int i, num;

	prandom_seed_state(&rnd, 31 + t->kind);
	for (i = 0; i < 400; i++) {
		u32 r = prandom_u32_state(&rnd);

		num = r % BT_TROLL_DEVS;
		r /= BT_TROLL_DEVS;
		switch (t->kind) {
		case 0:
			fake_event_device(bt->f, num, r & 1 ? VIRTIO_MSG_DEVICE_READY :
					  VIRTIO_MSG_DEVICE_REMOVED);
			break;
		case 1:
			if (r % 2)
				fake_event_config(bt->f, num, r % 16 == 1 ?
						  VIRTIO_CONFIG_S_NEEDS_RESET : 0);
			else
				virtio_msg_rx_used(bt->bus, num, 0, r & 2);
			break;
		default:
			if (r % 32 == 0)
				virtio_msg_peer_lost(bt->bus, "test");
			else if (r % 4 == 0)
				virtio_msg_rescan(bt->bus);
			else
				virtio_msg_tx_space(bt->bus);
		}
		usleep_range(20, 200);
	}
	complete(&t->done);
	return 0;
}

static int bt_sometimes_full(struct fake *f)
{
	struct bt *bt = f->priv;

	return ++bt->calls % 5 ? 0 : -EAGAIN;
}

static void test_trolls(struct kunit *test)
{
	struct bt *bt = bt_new(test, VIRTIO_MSG_WIRE_XID32);
	struct bt_troll troll[3];
	unsigned int i;

	fake_window(bt->f, SZ_2M);
	bt->nvqs = 2;
	bt->fill = true;
	bt->f->record = false;
	for (i = 0; i < BT_TROLL_DEVS; i++)
		fake_add(bt->f, i, BT_ID);
	bt_go(test);
	KUNIT_ASSERT_EQ(test, bt_probed(bt), BT_TROLL_DEVS);
	bt->f->reply = FAKE_WORK;
	bt->f->before_send = bt_sometimes_full;
	for (i = 0; i < ARRAY_SIZE(troll); i++) {
		troll[i].test = test;
		troll[i].kind = i;
		init_completion(&troll[i].done);
		if (IS_ERR(kthread_run(bt_troll_thread, &troll[i], "vmsg-troll%u", i)))
			complete(&troll[i].done);
	}
	/* Room does not announce itself. */
	for (i = 0; i < ARRAY_SIZE(troll); i++)
		while (!wait_for_completion_timeout(&troll[i].done, 1))
			virtio_msg_tx_space(bt->bus);
	bt->f->before_send = NULL;
	virtio_msg_tx_space(bt->bus);
	KUNIT_EXPECT_TRUE(test, fake_until(READ_ONCE(bt->bus->state) == VMSG_BUS_RUNNING));
	/* What broke too often is given up, until the peer comes anew. */
	fake_settle(bt->f);
	virtio_msg_rescan(bt->bus);
	fake_settle(bt->f);
	KUNIT_EXPECT_EQ(test, bt_counter(test, VMSG_C_TIMEOUT), 0);
	fake_unregister(bt->f);
	KUNIT_EXPECT_EQ(test, bt_removed(bt), bt_probed(bt));
	KUNIT_EXPECT_GE(test, bt_probed(bt), BT_TROLL_DEVS);
}

/* The bus goes while the device holds buffers: the driver resets as usual. */
static void test_unregister_busy(struct kunit *test)
{
	struct virtqueue *vq = bt_with_ring(test);
	struct bt *bt = test->priv;
	unsigned int i;

	for (i = 0; i < 4; i++)
		bt_add(bt, vq, i);
	virtqueue_kick(vq);
	fake_unregister(bt->f);
	KUNIT_EXPECT_EQ(test, bt_removed(bt), 1);
	for (i = 0; i < 4; i++) {
		KUNIT_EXPECT_EQ(test, bt->bufs[i].done, 0);
		KUNIT_EXPECT_EQ(test, bt->bufs[i].detached, 1);
	}
}

static void test_unregister_lost(struct kunit *test)
{
	struct virtqueue *vq = bt_with_ring(test);
	struct bt *bt = test->priv;
	unsigned int i;

	for (i = 0; i < 4; i++)
		bt_add(bt, vq, i);
	bt->f->come_back = false;
	virtio_msg_peer_lost(bt->bus, "test");
	fake_unregister(bt->f);
	KUNIT_EXPECT_EQ(test, bt_removed(bt), 1);
	for (i = 0; i < 4; i++)
		bt_came_back(test, i, 0);
}

/*
 * A peer that goes and has a successor
 */

/* A device of a type that can go on, on a link that may return. */
static struct virtqueue *bt_may_return(struct kunit *test)
{
	const struct bt_ring *r = test->param_value;
	struct fake_dev *d = bt_one(test, VIRTIO_MSG_WIRE_XID32, 2);
	struct bt *bt = test->priv;

	vmsg_resume_type = BT_ID;
	bt->f->link.may_return = true;
	d->features[1] |= BIT(VIRTIO_F_RING_PACKED - 32) | BIT(VIRTIO_F_RING_RESET - 32);
	if (r->indirect)
		d->features[0] |= BIT(VIRTIO_RING_F_INDIRECT_DESC);
	bt_go(test);
	KUNIT_ASSERT_EQ(test, bt_probed(bt), 1);
	/* From a packed ring a successor could not tell what is left to do. */
	KUNIT_ASSERT_FALSE(test, d->driver_features[1] & BIT(VIRTIO_F_RING_PACKED - 32));
	return bt_last(bt)->vq[0];
}

static const struct bt_ring bt_split_rings[] = {
	{ "split", false, false },
	{ "split, indirect", false, true },
};

KUNIT_ARRAY_PARAM(bt_split_ring, bt_split_rings, bt_ring_desc);

/* The successor knows nothing of what its predecessor was told. */
static void bt_successor(struct kunit *test, bool continues)
{
	struct bt *bt = test->priv;
	struct fake_dev *d = &bt->f->devs[0];
	struct virtio_msg_link link = bt->f->link;
	unsigned int i;

	d->status = 0;
	memset(d->driver_features, 0, sizeof(d->driver_features));
	for (i = 0; i < FAKE_VQS; i++) {
		d->vq[i].enabled = false;
		d->vq[i].size = 0;
	}
	link.continues = continues;
	virtio_msg_peer_up(bt->bus, &link);
	fake_settle(bt->f);
}

/* As a device side does: it begins at the used index. */
static void bt_side_continue(struct kunit *test, struct bt_side *s)
{
	bt_side_init(test, s, 0);
	s->used = get_unaligned_le16(bt_ptr(s, s->vq->device) + 2);
	s->avail = s->used;
}

/*
 * A successor that vouches is gone again, and one that does not is there, before the bus
 * work has done with the first: nothing goes on with the second.
 */
static void test_away_other_successor(struct kunit *test)
{
	struct virtqueue *vq = bt_may_return(test);
	struct bt *bt = test->priv;
	struct virtio_msg_link link = bt->f->link;

	KUNIT_ASSERT_EQ(test, bt_add(bt, vq, 0), 0);
	virtio_msg_peer_away(bt->bus, "test");
	fake_settle(bt->f);
	KUNIT_ASSERT_EQ(test, bt->bus->state, VMSG_BUS_AWAY);
	mutex_lock(&bt->bus->win_lock);
	link.continues = true;
	virtio_msg_peer_up(bt->bus, &link);
	KUNIT_EXPECT_TRUE(test, fake_until(!test_bit(VMSG_EV_UP, &bt->bus->events)));
	virtio_msg_peer_away(bt->bus, "test");
	link.continues = false;
	virtio_msg_peer_up(bt->bus, &link);
	mutex_unlock(&bt->bus->win_lock);
	fake_settle(bt->f);
	KUNIT_EXPECT_EQ(test, bt_counter(test, VMSG_C_RESUMED), 0);
	KUNIT_EXPECT_EQ(test, bt_removed(bt), 1);
	KUNIT_EXPECT_EQ(test, bt_probed(bt), 2);
	KUNIT_EXPECT_EQ(test, bt->bus->state, VMSG_BUS_RUNNING);
}

/* A second time without a loss: the transport has made its link anew. */
static void test_up_again(struct kunit *test)
{
	struct bt *bt;

	bt_one(test, VIRTIO_MSG_WIRE_XID32, 1);
	bt = test->priv;
	bt_go(test);
	KUNIT_ASSERT_EQ(test, bt_probed(bt), 1);
	virtio_msg_peer_up(bt->bus, &bt->f->link);
	fake_settle(bt->f);
	KUNIT_EXPECT_EQ(test, bt->bus->state, VMSG_BUS_RUNNING);
	KUNIT_EXPECT_EQ(test, bt_removed(bt), 1);
	KUNIT_EXPECT_EQ(test, bt_probed(bt), 2);
	KUNIT_EXPECT_EQ(test, bt_counter(test, VMSG_C_PEER_LOST), 1);
	/* It need not begin again once more. */
	KUNIT_EXPECT_EQ(test, bt->f->lost, 0);
}

/* Those that wait do so for as long as they are told to, and no longer. */
static void test_recover_times(struct kunit *test)
{
	struct virtqueue *vq = bt_may_return(test);
	struct bt *bt = test->priv;
	unsigned long begin;

	KUNIT_ASSERT_EQ(test, bt_add(bt, vq, 0), 0);
	virtqueue_kick(vq);
	/* A successor in time; nobody gives up when the time is over. */
	vmsg_recover_set(bt->bus, 1);
	KUNIT_ASSERT_TRUE(test, vmsg_recover_begin(bt->bus, "test"));
	fake_settle(bt->f);
	KUNIT_EXPECT_EQ(test, bt->bus->state, VMSG_BUS_AWAY);
	bt_successor(test, true);
	KUNIT_ASSERT_EQ(test, bt->bus->state, VMSG_BUS_RUNNING);
	msleep(1100);
	KUNIT_ASSERT_EQ(test, bt->bus->state, VMSG_BUS_RUNNING);

	/* A successor that goes again has no time of its own, for ever has no end. */
	vmsg_recover_set(bt->bus, VMSG_RECOVER_NEVER);
	begin = jiffies;
	KUNIT_ASSERT_TRUE(test, vmsg_recover_begin(bt->bus, "test"));
	msleep(600);
	KUNIT_ASSERT_TRUE(test, vmsg_recover_begin(bt->bus, "again"));
	vmsg_recover_set(bt->bus, 1);
	KUNIT_EXPECT_TRUE(test, fake_until(READ_ONCE(bt->bus->state) != VMSG_BUS_AWAY));
	KUNIT_EXPECT_TRUE(test, time_after_eq(jiffies, begin + HZ));
	KUNIT_EXPECT_EQ(test, bt_counter(test, VMSG_C_PEER_LOST), 1);
	/* The state is the first of what changes. */
	KUNIT_EXPECT_TRUE(test, fake_until(READ_ONCE(bt->f->lost)));
	fake_settle(bt->f);
	KUNIT_EXPECT_EQ(test, bt->f->lost, 1);
	KUNIT_EXPECT_EQ(test, bt_removed(bt), 1);
}

/* Not at all: that is what a loss was before there was any waiting. */
static void test_recover_not(struct kunit *test)
{
	struct bt *bt = test->priv;

	bt_may_return(test);
	vmsg_recover_set(bt->bus, 0);
	KUNIT_ASSERT_FALSE(test, vmsg_recover_begin(bt->bus, "test"));
	fake_settle(bt->f);
	KUNIT_EXPECT_EQ(test, bt->f->lost, 1);
	KUNIT_EXPECT_EQ(test, bt_removed(bt), 1);
}

/* To freeze, a driver waits for its buffers; but nothing comes from a successor now. */
static void test_away_suspend(struct kunit *test)
{
	struct virtqueue *vq = bt_may_return(test);
	struct bt *bt = test->priv;

	KUNIT_ASSERT_EQ(test, bt_add(bt, vq, 0), 0);
	virtqueue_kick(vq);
	virtio_msg_peer_away(bt->bus, "test");
	fake_settle(bt->f);
	KUNIT_ASSERT_TRUE(test, bt->bufs[0].out);
	KUNIT_EXPECT_EQ(test, virtio_msg_bus_suspend(bt->bus), 0);
	KUNIT_EXPECT_EQ(test, bt->bufs[0].done, 1);
	KUNIT_EXPECT_EQ(test, bt_removed(bt), 0);
	KUNIT_EXPECT_EQ(test, virtio_msg_bus_resume(bt->bus), 0);
	fake_settle(bt->f);
	KUNIT_EXPECT_EQ(test, bt->bus->state, VMSG_BUS_AWAY);
	KUNIT_EXPECT_EQ(test, bt->removed_asleep, 0);
	KUNIT_EXPECT_EQ(test, bt_removed(bt), IS_ENABLED(CONFIG_PM_SLEEP));
	bt_successor(test, true);
	KUNIT_EXPECT_EQ(test, bt->bus->state, VMSG_BUS_RUNNING);
	KUNIT_EXPECT_EQ(test, bt_removed(bt), 1);
	KUNIT_EXPECT_EQ(test, bt_probed(bt), 2);
}

static void test_away(struct kunit *test)
{
	static const unsigned int left[] = { 0, 2, 4, 6, 7, 8 };
	struct virtqueue *vq = bt_may_return(test);
	struct bt *bt = test->priv;
	struct fake_dev *d = &bt->f->devs[0];
	struct bt_chain c[8];
	unsigned int i, kicks;
	struct bt_side s;
	u32 features;

	features = d->driver_features[1];
	bt_side_init(test, &s, 0);
	for (i = 0; i < 6; i++)
		KUNIT_ASSERT_EQ(test, bt_add(bt, vq, i), 0);
	virtqueue_kick(vq);
	for (i = 0; i < 6; i++)
		KUNIT_ASSERT_TRUE(test, bt_fetch(&s, &c[i]));
	/* Out of order, and collected. */
	bt_use(&s, &c[3], 7);
	bt_use(&s, &c[1], 8);
	fake_event_used(bt->f, BT_NUM, 0);
	/* Two more, of which it never hears; one published, and not collected. */
	KUNIT_ASSERT_EQ(test, bt_add(bt, vq, 6), 0);
	KUNIT_ASSERT_EQ(test, bt_add(bt, vq, 7), 0);
	bt_use(&s, &c[5], 9);

	virtio_msg_peer_away(bt->bus, "test");
	fake_settle(bt->f);
	KUNIT_EXPECT_EQ(test, bt->bus->state, VMSG_BUS_AWAY);
	KUNIT_EXPECT_EQ(test, bt_removed(bt), 0);
	/* The driver goes on, and waits. */
	fake_forget(bt->f);
	kicks = fake_count(bt->f, false, VIRTIO_MSG_EVENT_AVAIL);
	KUNIT_ASSERT_EQ(test, bt_add(bt, vq, 8), 0);
	virtqueue_kick(vq);
	KUNIT_EXPECT_EQ(test, fake_count(bt->f, false, VIRTIO_MSG_EVENT_AVAIL), kicks);
	for (i = 0; i < ARRAY_SIZE(left); i++)
		KUNIT_EXPECT_TRUE(test, bt->bufs[left[i]].out);

	bt_successor(test, true);
	KUNIT_EXPECT_EQ(test, bt->bus->state, VMSG_BUS_RUNNING);
	KUNIT_EXPECT_EQ(test, d->status, VIRTIO_CONFIG_S_ACKNOWLEDGE |
			VIRTIO_CONFIG_S_DRIVER | VIRTIO_CONFIG_S_FEATURES_OK |
			VIRTIO_CONFIG_S_DRIVER_OK);
	KUNIT_EXPECT_EQ(test, d->driver_features[1], features);
	KUNIT_EXPECT_TRUE(test, d->vq[0].enabled && d->vq[1].enabled);
	/* Both queues were kicked, and what was used has been seen. */
	KUNIT_EXPECT_EQ(test, fake_count(bt->f, false, VIRTIO_MSG_EVENT_AVAIL), kicks + 2);
	bt_came_back(test, 5, 9);

	/* What is left, in the old order, and no more. */
	bt_side_continue(test, &s);
	for (i = 0; i < ARRAY_SIZE(left); i++) {
		KUNIT_ASSERT_TRUE(test, bt_fetch(&s, &c[0]));
		bt_use(&s, &c[0], 20 + i);
	}
	KUNIT_EXPECT_FALSE(test, bt_fetch(&s, &c[0]));
	fake_event_used(bt->f, BT_NUM, 0);
	for (i = 0; i < ARRAY_SIZE(left); i++)
		bt_came_back(test, left[i], 20 + i);
	bt_came_back(test, 3, 7);
	bt_came_back(test, 1, 8);
	KUNIT_EXPECT_EQ(test, bt_counter(test, VMSG_C_RESUMED), 1);
	KUNIT_EXPECT_EQ(test, bt_counter(test, VMSG_C_REPLAYED), ARRAY_SIZE(left));
	KUNIT_EXPECT_EQ(test, bt_counter(test, VMSG_C_DRAINED), 0);
	KUNIT_EXPECT_EQ(test, bt_counter(test, VMSG_C_PEER_AWAY), 1);
	KUNIT_EXPECT_EQ(test, bt_probed(bt), 1);
	KUNIT_EXPECT_EQ(test, bt_removed(bt), 0);
	KUNIT_EXPECT_EQ(test, bt->f->lost, 0);
	/* And it is an ordinary queue again. */
	KUNIT_ASSERT_EQ(test, bt_add(bt, vq, 10), 0);
	virtqueue_kick(vq);
	KUNIT_ASSERT_TRUE(test, bt_fetch(&s, &c[0]));
	bt_use(&s, &c[0], 5);
	fake_event_used(bt->f, BT_NUM, 0);
	bt_came_back(test, 10, 5);
}

/* Any history, many successors: every buffer comes back exactly once. */
static void test_away_random(struct kunit *test)
{
	struct virtqueue *vq = bt_may_return(test);
	struct bt *bt = test->priv;
	unsigned int round, step, i, adds[BT_BUFS];
	struct bt_chain held[32], c;
	struct rnd_state rnd;
	unsigned int num_held;
	struct bt_side s;

	prandom_seed_state(&rnd, 7);
	memset(adds, 0, sizeof(adds));
	bt_side_init(test, &s, 0);
	for (round = 0; round < 24; round++) {
		num_held = 0;
		for (step = 0; step < 150; step++) {
			switch (prandom_u32_state(&rnd) % 5) {
			case 0:
			case 1:
				i = prandom_u32_state(&rnd) % BT_BUFS;
				if (!bt->bufs[i].out && !bt_add(bt, vq, i))
					adds[i]++;
				break;
			case 2:
				virtqueue_kick(vq);
				if (num_held < ARRAY_SIZE(held) &&
				    bt_fetch(&s, &held[num_held]))
					num_held++;
				break;
			case 3:
				/* The oldest is slow: its place is taken by others. */
				if (num_held < 2)
					break;
				i = 1 + prandom_u32_state(&rnd) % (num_held - 1);
				bt_use(&s, &held[i], 3);
				held[i] = held[--num_held];
				break;
			default:
				fake_event_used(bt->f, BT_NUM, 0);
			}
		}
		virtio_msg_peer_away(bt->bus, "test");
		fake_settle(bt->f);
		bt_successor(test, true);
		KUNIT_ASSERT_EQ(test, bt_counter(test, VMSG_C_RESUMED), round + 1);
		bt_side_continue(test, &s);
	}
	while (bt_fetch(&s, &c))
		bt_use(&s, &c, 3);
	fake_event_used(bt->f, BT_NUM, 0);
	for (i = 0; i < BT_BUFS; i++) {
		KUNIT_EXPECT_EQ(test, bt->bufs[i].done, adds[i]);
		KUNIT_EXPECT_FALSE(test, bt->bufs[i].out);
	}
	KUNIT_EXPECT_EQ(test, bt_probed(bt), 1);
	KUNIT_EXPECT_EQ(test, bt_counter(test, VMSG_C_DRAINED), 0);
}

/* One that does not vouch for anything, and none at all. */
static void bt_away_ends(struct kunit *test, bool give_up)
{
	struct virtqueue *vq = bt_may_return(test);
	struct bt *bt = test->priv;
	unsigned int i;

	for (i = 0; i < 4; i++)
		KUNIT_ASSERT_EQ(test, bt_add(bt, vq, i), 0);
	virtio_msg_peer_away(bt->bus, "test");
	fake_settle(bt->f);
	KUNIT_EXPECT_EQ(test, bt_removed(bt), 0);
	if (give_up) {
		bt->f->come_back = false;
		virtio_msg_peer_lost(bt->bus, "test");
		fake_settle(bt->f);
		KUNIT_EXPECT_EQ(test, bt->bus->state, VMSG_BUS_WAITING);
		KUNIT_EXPECT_EQ(test, bt->f->lost, 1);
	} else {
		bt_successor(test, false);
		KUNIT_EXPECT_EQ(test, bt->bus->state, VMSG_BUS_RUNNING);
		/* Its link is up already: nothing to bring up. */
		KUNIT_EXPECT_EQ(test, bt->f->lost, 0);
		KUNIT_EXPECT_EQ(test, bt_probed(bt), 2);
	}
	for (i = 0; i < 4; i++)
		bt_came_back(test, i, 0);
	KUNIT_EXPECT_EQ(test, bt_removed(bt), 1);
	KUNIT_EXPECT_EQ(test, bt_counter(test, VMSG_C_DRAINED), 4);
	KUNIT_EXPECT_EQ(test, bt_counter(test, VMSG_C_RESUMED), 0);
}

static void test_away_anew(struct kunit *test)
{
	bt_away_ends(test, false);
}

static void test_away_given_up(struct kunit *test)
{
	bt_away_ends(test, true);
}

static void test_away_unregister(struct kunit *test)
{
	struct virtqueue *vq = bt_may_return(test);
	struct bt *bt = test->priv;
	unsigned int i;

	for (i = 0; i < 4; i++)
		bt_add(bt, vq, i);
	virtio_msg_peer_away(bt->bus, "test");
	fake_unregister(bt->f);
	KUNIT_EXPECT_EQ(test, bt_removed(bt), 1);
	for (i = 0; i < 4; i++)
		bt_came_back(test, i, 0);
}

/* A device that cannot go on does not wait; nor does anybody on other links. */
static void test_away_cannot(struct kunit *test)
{
	struct virtqueue *vq = bt_may_return(test);
	struct bt *bt = test->priv;
	unsigned int i;

	vmsg_resume_type = 0;
	for (i = 0; i < 4; i++)
		KUNIT_ASSERT_EQ(test, bt_add(bt, vq, i), 0);
	virtio_msg_peer_away(bt->bus, "test");
	fake_settle(bt->f);
	KUNIT_EXPECT_EQ(test, bt->bus->state, VMSG_BUS_AWAY);
	KUNIT_EXPECT_EQ(test, bt_removed(bt), 1);
	for (i = 0; i < 4; i++)
		bt_came_back(test, i, 0);
	bt_successor(test, true);
	KUNIT_EXPECT_EQ(test, bt_probed(bt), 2);
}

static void test_away_not_allowed(struct kunit *test)
{
	struct bt *bt;

	bt_one(test, VIRTIO_MSG_WIRE_XID32, 1);
	bt = test->priv;
	vmsg_resume_type = BT_ID;
	bt_go(test);
	virtio_msg_peer_away(bt->bus, "test");
	KUNIT_EXPECT_EQ(test, bt->bus->state, VMSG_BUS_LOST);
	fake_settle(bt->f);
	KUNIT_EXPECT_EQ(test, bt_probed(bt), 2);
}

/* Another device, or the same with less: no driver is left with it. */

static void bt_other_uuid(struct fake_dev *d)
{
	d->uuid[3] ^= 1;
}

static void bt_fewer_features(struct fake_dev *d)
{
	d->features[1] &= ~BIT(VIRTIO_F_RING_RESET - 32);
}

static void bt_other_config(struct fake_dev *d)
{
	d->config[1] ^= 1;
}

static void bt_smaller_queue(struct fake_dev *d)
{
	d->vq[1].max_size = 8;
}

static void bt_absent(struct fake_dev *d)
{
	d->present = false;
}

static const struct bt_change {
	const char *name;
	void (*change)(struct fake_dev *d);
} bt_changes[] = {
	{ "uuid", bt_other_uuid },
	{ "features", bt_fewer_features },
	{ "config", bt_other_config },
	{ "queue", bt_smaller_queue },
	{ "absent", bt_absent },
};

static void bt_change_desc(const struct bt_change *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(bt_change, bt_changes, bt_change_desc);

static void test_away_changed(struct kunit *test)
{
	const struct bt_change *change = test->param_value;
	struct fake_dev *d = bt_one(test, VIRTIO_MSG_WIRE_XID32, 2);
	struct bt *bt = test->priv;
	struct virtqueue *vq;
	unsigned int i;
	u8 byte;

	vmsg_resume_type = BT_ID;
	bt->f->link.may_return = true;
	d->features[1] |= BIT(VIRTIO_F_RING_RESET - 32);
	d->config_size = 8;
	bt_go(test);
	KUNIT_ASSERT_EQ(test, bt_probed(bt), 1);
	vq = bt_last(bt)->vq[0];
	virtio_cread_bytes(bt_last(bt)->vdev, 1, &byte, 1);
	for (i = 0; i < 4; i++)
		KUNIT_ASSERT_EQ(test, bt_add(bt, vq, i), 0);
	virtio_msg_peer_away(bt->bus, "test");
	fake_settle(bt->f);
	KUNIT_EXPECT_EQ(test, bt_removed(bt), 0);
	change->change(d);
	bt_successor(test, true);
	KUNIT_EXPECT_EQ(test, bt->bus->state, VMSG_BUS_RUNNING);
	KUNIT_EXPECT_EQ(test, bt_counter(test, VMSG_C_RESUMED), 0);
	KUNIT_EXPECT_EQ(test, bt_removed(bt), 1);
	KUNIT_EXPECT_EQ(test, bt_probed(bt), d->present ? 2 : 1);
	/* Drained, or taken out by the driver on its way out: once. */
	for (i = 0; i < 4; i++) {
		KUNIT_EXPECT_EQ(test, bt->bufs[i].done + bt->bufs[i].detached, 1);
		KUNIT_EXPECT_EQ(test, bt->bufs[i].len, 0);
	}
}

/* The same, and unchanged: what makes the others fail is the change. */
static void test_away_same_config(struct kunit *test)
{
	struct fake_dev *d = bt_one(test, VIRTIO_MSG_WIRE_XID32, 2);
	struct bt *bt = test->priv;
	u8 byte;

	vmsg_resume_type = BT_ID;
	bt->f->link.may_return = true;
	d->config_size = 8;
	bt_go(test);
	virtio_cread_bytes(bt_last(bt)->vdev, 1, &byte, 1);
	virtio_msg_peer_away(bt->bus, "test");
	fake_settle(bt->f);
	/* Served from what is known. */
	virtio_cread_bytes(bt_last(bt)->vdev, 1, &byte, 1);
	KUNIT_EXPECT_EQ(test, byte, d->config[1]);
	bt_successor(test, true);
	KUNIT_EXPECT_EQ(test, bt_counter(test, VMSG_C_RESUMED), 1);
	KUNIT_EXPECT_EQ(test, bt_probed(bt), 1);
}

/* The rings as a dying or a hostile device left them. */
static void test_away_scribbled(struct kunit *test)
{
	struct virtqueue *vq = bt_may_return(test);
	struct bt *bt = test->priv;
	struct bt_chain c;
	struct bt_side s;
	unsigned int i;

	bt_side_init(test, &s, 0);
	for (i = 0; i < 4; i++)
		KUNIT_ASSERT_EQ(test, bt_add(bt, vq, i), 0);
	KUNIT_ASSERT_TRUE(test, bt_fetch(&s, &c));
	/* Used twice, says the ring. */
	bt_use(&s, &c, 3);
	bt_use(&s, &c, 3);
	virtio_msg_peer_away(bt->bus, "test");
	fake_settle(bt->f);
	bt_successor(test, true);
	KUNIT_EXPECT_EQ(test, bt_counter(test, VMSG_C_RESUMED), 0);
	KUNIT_EXPECT_EQ(test, bt_removed(bt), 1);
	KUNIT_EXPECT_EQ(test, bt_probed(bt), 2);
	for (i = 0; i < 4; i++)
		KUNIT_EXPECT_EQ(test, bt->bufs[i].done + bt->bufs[i].detached, 1);
}

/* The successor goes, too, at any step of its way; the next one gets there. */

static int bt_away_at(struct fake *f)
{
	struct bt *bt = f->priv;

	if (!bt->calls || --bt->calls)
		return 0;
	virtio_msg_peer_away(bt->bus, "test");
	return -ENOTCONN;
}

static void test_away_again(struct kunit *test)
{
	struct virtqueue *vq = bt_may_return(test);
	struct bt *bt = test->priv;
	unsigned int i, step;
	struct bt_chain c;
	struct bt_side s;
	u64 resumed;

	for (i = 0; i < 4; i++)
		KUNIT_ASSERT_EQ(test, bt_add(bt, vq, i), 0);
	bt->f->before_send = bt_away_at;
	for (step = 1; step < 100; step++) {
		virtio_msg_peer_away(bt->bus, "test");
		fake_settle(bt->f);
		resumed = bt_counter(test, VMSG_C_RESUMED);
		bt->calls = step;
		bt_successor(test, true);
		if (bt->calls)
			break;	/* it got through */
		KUNIT_EXPECT_EQ(test, bt->bus->state, VMSG_BUS_AWAY);
	}
	/* Every request of the way was cut off once. */
	KUNIT_EXPECT_GE(test, step, 12);
	KUNIT_EXPECT_LT(test, step, 100);
	KUNIT_EXPECT_EQ(test, bt_counter(test, VMSG_C_RESUMED), resumed + 1);
	bt->calls = 0;
	KUNIT_EXPECT_EQ(test, bt->bus->state, VMSG_BUS_RUNNING);
	KUNIT_EXPECT_EQ(test, bt_probed(bt), 1);
	bt_side_continue(test, &s);
	for (i = 0; i < 4; i++) {
		KUNIT_ASSERT_TRUE(test, bt_fetch(&s, &c));
		bt_use(&s, &c, i);
	}
	fake_event_used(bt->f, BT_NUM, 0);
	for (i = 0; i < 4; i++)
		bt_came_back(test, i, i);
}

/* A driver's probe waits for a buffer, and gets it from the successor. */
static void test_away_in_probe(struct kunit *test)
{
	struct bt *bt;
	struct bt_chain c;
	struct bt_side s;

	bt_one(test, VIRTIO_MSG_WIRE_XID32, 1);
	bt = test->priv;
	vmsg_resume_type = BT_ID;
	bt->f->link.may_return = true;
	bt->f->up_at_start = false;
	bt->wait_in_probe = true;
	bt_go(test);
	virtio_msg_peer_up(bt->bus, &bt->f->link);
	KUNIT_ASSERT_TRUE(test, fake_until(READ_ONCE(bt->probe_waits)));
	bt->wait_in_probe = false;
	virtio_msg_peer_away(bt->bus, "test");
	flush_work(&bt->bus->work);
	bt->f->devs[0].status = 0;
	bt->f->link.continues = true;
	virtio_msg_peer_up(bt->bus, &bt->f->link);
	KUNIT_ASSERT_TRUE(test, fake_until(bt_counter(test, VMSG_C_RESUMED) == 1));
	bt_side_continue(test, &s);
	KUNIT_ASSERT_TRUE(test, bt_fetch(&s, &c));
	bt_use(&s, &c, 6);
	fake_event_used(bt->f, BT_NUM, 0);
	fake_settle(bt->f);
	bt_came_back(test, 0, 6);
	KUNIT_EXPECT_EQ(test, bt_probed(bt), 1);
}

/* The peer goes while a question is open, and its successor is there at once. */
static void test_away_at_step(struct kunit *test)
{
	struct bt *bt;
	struct bt_chain c;
	struct bt_side s;

	vmsg_resume_type = BT_ID;
	bt = bt_stop_at_step(test);
	bt->f->script = NULL;
	virtio_msg_peer_away(bt->bus, "test");
	bt_successor(test, true);
	/* The answers are too late. */
	fake_reply_all(bt->f);
	KUNIT_EXPECT_TRUE(test, fake_until(bt_probed(bt) == 1));
	fake_settle(bt->f);
	KUNIT_EXPECT_EQ(test, bt->bus->state, VMSG_BUS_RUNNING);
	KUNIT_ASSERT_NOT_NULL(test, bt_vd(bt, BT_NUM));
	/* It is not one of before that nobody serves. */
	KUNIT_ASSERT_EQ(test, bt_add(bt, bt_last(bt)->vq[0], 0), 0);
	bt_side_continue(test, &s);
	KUNIT_ASSERT_TRUE(test, bt_fetch(&s, &c));
	bt_use(&s, &c, 4);
	fake_event_used(bt->f, BT_NUM, 0);
	bt_came_back(test, 0, 4);
}

/* Taken away just before the peer went: it does not wait, nor go much later. */
static void test_away_removed(struct kunit *test)
{
	struct virtqueue *vq = bt_may_return(test);
	struct bt *bt = test->priv;

	KUNIT_ASSERT_EQ(test, bt_add(bt, vq, 0), 0);
	set_bit(BT_NUM, bt->bus->hot_removed);
	virtio_msg_peer_away(bt->bus, "test");
	fake_settle(bt->f);
	KUNIT_EXPECT_EQ(test, bt_removed(bt), 1);
	bt_successor(test, true);
	KUNIT_EXPECT_EQ(test, bt_probed(bt), 2);
	fake_event_device(bt->f, BT_NUM + 1, VIRTIO_MSG_DEVICE_REMOVED);
	fake_settle(bt->f);
	KUNIT_EXPECT_EQ(test, bt_removed(bt), 1);
	KUNIT_EXPECT_EQ(test, bt->bufs[0].done + bt->bufs[0].detached, 1);
}

/* What is written to nobody is not known to the successor: it begins anew. */
static void test_away_config_written(struct kunit *test)
{
	struct fake_dev *d = bt_one(test, VIRTIO_MSG_WIRE_XID32, 2);
	struct bt *bt = test->priv;
	u8 byte;

	vmsg_resume_type = BT_ID;
	bt->f->link.may_return = true;
	d->config_size = 8;
	bt_go(test);
	KUNIT_ASSERT_EQ(test, bt_probed(bt), 1);
	virtio_cread_bytes(bt_last(bt)->vdev, 1, &byte, 1);
	virtio_msg_peer_away(bt->bus, "test");
	fake_settle(bt->f);
	byte ^= 1;
	bt_last(bt)->vdev->config->set(bt_last(bt)->vdev, 1, &byte, 1);
	bt_successor(test, true);
	KUNIT_EXPECT_EQ(test, bt_counter(test, VMSG_C_RESUMED), 0);
	KUNIT_EXPECT_EQ(test, bt_removed(bt), 1);
	KUNIT_EXPECT_EQ(test, bt_probed(bt), 2);
}

/* What comes in is judged, for transports that can tell their peer. */
static void test_rx_verdict(struct kunit *test)
{
	struct bt *bt;
	u8 frame[32] = {};

	bt_one(test, VIRTIO_MSG_WIRE_XID32, 0);
	bt = test->priv;
	bt->f->up_at_start = false;
	bt_go(test);
	put_unaligned_le16(12, frame + 4);
	KUNIT_EXPECT_EQ(test, virtio_msg_rx(bt->bus, frame, 12), -ENOTCONN);
	virtio_msg_peer_up(bt->bus, &bt->f->link);
	fake_settle(bt->f);
	KUNIT_EXPECT_EQ(test, virtio_msg_rx(bt->bus, frame, 11), -EBADMSG);
	/* A response that nobody waits for. */
	frame[0] = VIRTIO_MSG_TYPE_RESPONSE;
	frame[1] = VIRTIO_MSG_GET_CONFIG;
	frame[8] = 0x77;
	KUNIT_EXPECT_EQ(test, virtio_msg_rx(bt->bus, frame, 12), -ENOENT);
	/* An event that there is not. */
	frame[0] = 0;
	frame[1] = 0x55;
	frame[8] = 0;
	KUNIT_EXPECT_EQ(test, virtio_msg_rx(bt->bus, frame, 12), -ENOENT);
	/* A used event, with its queue and without. */
	frame[1] = VIRTIO_MSG_EVENT_USED;
	frame[2] = BT_NUM;
	KUNIT_EXPECT_EQ(test, virtio_msg_rx(bt->bus, frame, 12), -EBADMSG);
	put_unaligned_le16(16, frame + 4);
	KUNIT_EXPECT_EQ(test, virtio_msg_rx(bt->bus, frame, 16), 0);
}

/* A link may allow fewer devices than the module. */
static void test_link_max_devices(struct kunit *test)
{
	struct bt *bt = bt_new(test, VIRTIO_MSG_WIRE_XID32);
	unsigned int i;

	fake_window(bt->f, SZ_1M);
	bt->f->link.max_devices = 3;
	for (i = 0; i < 5; i++)
		fake_add(bt->f, i, BT_ID);
	bt_go(test);
	KUNIT_EXPECT_EQ(test, bt_probed(bt), 3);
	KUNIT_EXPECT_EQ(test, bt->bus->num_slots, 3);
}

static struct kunit_case bt_cases[] = {
	KUNIT_CASE(test_states),
	KUNIT_CASE_PARAM(test_bring_up, bt_wire_gen_params),
	KUNIT_CASE_PARAM(test_bring_up_absent, bt_wire_gen_params),
	KUNIT_CASE(test_bad_link),
	KUNIT_CASE(test_start_fails),
	KUNIT_CASE(test_out_of_turn),
	KUNIT_CASE_PARAM(test_scan_small, bt_wire_gen_params),
	KUNIT_CASE_PARAM(test_scan_middle, bt_wire_gen_params),
	KUNIT_CASE_PARAM(test_scan_large, bt_wire_gen_params),
	KUNIT_CASE_PARAM(test_scan_jump, bt_wire_gen_params),
	KUNIT_CASE_PARAM(test_scan_bad_next, bt_wire_gen_params),
	KUNIT_CASE_PARAM(test_scan_refused, bt_wire_gen_params),
	KUNIT_CASE(test_scan_too_many),
	KUNIT_CASE_PARAM(test_rescan, bt_wire_gen_params),
	KUNIT_CASE_PARAM(test_other_device, bt_wire_gen_params),
	KUNIT_CASE(test_probes_overlap),
	KUNIT_CASE_PARAM(test_hotplug, bt_wire_gen_params),
	KUNIT_CASE_PARAM(test_hotplug_pairs, bt_wire_gen_params),
	KUNIT_CASE_PARAM(test_hotplug_nonsense, bt_wire_gen_params),
	KUNIT_CASE(test_hotplug_storm),
	KUNIT_CASE_PARAM(test_remove_in_probe, bt_wire_gen_params),
	KUNIT_CASE_PARAM(test_lost_in_probe, bt_wire_gen_params),
	KUNIT_CASE_PARAM(test_lost_at_step, bt_step_gen_params),
	KUNIT_CASE_PARAM(test_removed_at_step, bt_step_gen_params),
	KUNIT_CASE_PARAM(test_timeout_at_step, bt_step_gen_params),
	KUNIT_CASE_PARAM(test_unregister_at_step, bt_step_gen_params),
	KUNIT_CASE_PARAM(test_come_back, bt_wire_gen_params),
	KUNIT_CASE(test_other_window),
	KUNIT_CASE(test_register_fails),
	KUNIT_CASE_PARAM(test_keepalive, bt_wire_gen_params),
	KUNIT_CASE_PARAM(test_feature_count, bt_count_gen_params),
	KUNIT_CASE_PARAM(test_feature_count_rfc2, bt_count_gen_params),
	KUNIT_CASE_PARAM(test_no_version_1, bt_wire_gen_params),
	KUNIT_CASE_PARAM(test_no_access_platform, bt_wire_gen_params),
	KUNIT_CASE_PARAM(test_no_access_platform_no_window, bt_wire_gen_params),
	KUNIT_CASE_PARAM(test_features_refused, bt_wire_gen_params),
	KUNIT_CASE(test_transport_features),
	KUNIT_CASE(test_no_notification_data),
	KUNIT_CASE_PARAM(test_config_read, bt_wire_gen_params),
	KUNIT_CASE_PARAM(test_config_out_of_range, bt_wire_gen_params),
	KUNIT_CASE_PARAM(test_config_none, bt_wire_gen_params),
	KUNIT_CASE_PARAM(test_config_size_max, bt_wire_gen_params),
	KUNIT_CASE_PARAM(test_config_segments, bt_wire_gen_params),
	KUNIT_CASE_PARAM(test_config_torn, bt_wire_gen_params),
	KUNIT_CASE_PARAM(test_config_torn_wrap, bt_wire_gen_params),
	KUNIT_CASE_PARAM(test_config_torn_for_ever, bt_wire_gen_params),
	KUNIT_CASE_PARAM(test_config_write, bt_wire_gen_params),
	KUNIT_CASE_PARAM(test_config_write_rejected, bt_wire_gen_params),
	KUNIT_CASE_PARAM(test_config_write_always_rejected, bt_wire_gen_params),
	KUNIT_CASE_PARAM(test_config_event, bt_wire_gen_params),
	KUNIT_CASE(test_config_storm),
	KUNIT_CASE_PARAM(test_needs_reset, bt_wire_gen_params),
	KUNIT_CASE(test_config_too_large),
	KUNIT_CASE_PARAM(test_config_lost, bt_wire_gen_params),
	KUNIT_CASE_PARAM(test_shm, bt_wire_gen_params),
	KUNIT_CASE_PARAM(test_reset_slow, bt_wire_gen_params),
	KUNIT_CASE(test_reset_never),
	KUNIT_CASE_PARAM(test_suspend, bt_wire_gen_params),
	KUNIT_CASE_PARAM(test_lost_in_suspend, bt_wire_gen_params),
	KUNIT_CASE_PARAM(test_removed_in_suspend, bt_wire_gen_params),
	KUNIT_CASE_PARAM(test_broken_in_suspend, bt_wire_gen_params),
	KUNIT_CASE_PARAM(test_unregister_in_suspend, bt_wire_gen_params),
	KUNIT_CASE_PARAM(test_restore_fails, bt_wire_gen_params),
	KUNIT_CASE(test_sleep_kernels),
	KUNIT_CASE_PARAM(test_husk_config, bt_wire_gen_params),
	KUNIT_CASE_PARAM(test_vq_none, bt_wire_gen_params),
	KUNIT_CASE_PARAM(test_vq_too_many, bt_wire_gen_params),
	KUNIT_CASE_PARAM(test_vq_odd_size, bt_wire_gen_params),
	KUNIT_CASE_PARAM(test_vq_names, bt_wire_gen_params),
	KUNIT_CASE_PARAM(test_vq_admin, bt_wire_gen_params),
	KUNIT_CASE(test_vq_liar),
	KUNIT_CASE(test_vq_refused),
	KUNIT_CASE(test_vq_no_room),
	KUNIT_CASE_PARAM(test_io, bt_ring_gen_params),
	KUNIT_CASE_PARAM(test_used_stale, bt_wire_gen_params),
	KUNIT_CASE_PARAM(test_used_context, bt_ring_gen_params),
	KUNIT_CASE_PARAM(test_used_in_turn, bt_ring_gen_params),
	KUNIT_CASE(test_used_sleeps),
	KUNIT_CASE_PARAM(test_kick_full, bt_wire_gen_params),
	KUNIT_CASE_PARAM(test_kick_race, bt_wire_gen_params),
	KUNIT_CASE_PARAM(test_kick_atomic, bt_wire_gen_params),
	KUNIT_CASE_PARAM(test_kick_op, bt_wire_gen_params),
	KUNIT_CASE_PARAM(test_kick_plain, bt_wire_gen_params),
	KUNIT_CASE(test_notification_data_split),
	KUNIT_CASE(test_notification_data_packed),
	KUNIT_CASE(test_notification_data_wide),
	KUNIT_CASE_PARAM(test_queue_reset, bt_ring_gen_params),
	KUNIT_CASE_PARAM(test_drain, bt_ring_gen_params),
	KUNIT_CASE_PARAM(test_shared, bt_ring_gen_params),
	KUNIT_CASE_PARAM(test_drain_kick, bt_ring_gen_params),
	KUNIT_CASE_PARAM(test_drain_not_collected, bt_one_ring_gen_params),
	KUNIT_CASE_PARAM(test_drain_random, bt_ring_gen_params),
	KUNIT_CASE_PARAM(test_drain_scribbled, bt_ring_gen_params),
	KUNIT_CASE_PARAM(test_used_nonsense, bt_ring_gen_params),
	KUNIT_CASE_PARAM(test_drain_late_used, bt_ring_gen_params),
	KUNIT_CASE_PARAM(test_remove_busy, bt_ring_gen_params),
	KUNIT_CASE_PARAM(test_reset_absent, bt_ring_gen_params),
	KUNIT_CASE_PARAM(test_other_device_busy, bt_ring_gen_params),
	KUNIT_CASE_PARAM(test_broken, bt_ring_gen_params),
	KUNIT_CASE_PARAM(test_broken_mute, bt_one_ring_gen_params),
	KUNIT_CASE(test_broken_often),
	KUNIT_CASE(test_trolls),
	KUNIT_CASE_PARAM(test_unregister_busy, bt_ring_gen_params),
	KUNIT_CASE_PARAM(test_unregister_lost, bt_ring_gen_params),
	KUNIT_CASE(test_up_again),
	KUNIT_CASE_PARAM_ATTR(test_recover_times, bt_split_ring_gen_params,
			      { .speed = KUNIT_SPEED_SLOW }),
	KUNIT_CASE_PARAM(test_recover_not, bt_split_ring_gen_params),
	KUNIT_CASE_PARAM(test_away_suspend, bt_split_ring_gen_params),
	KUNIT_CASE_PARAM(test_away, bt_split_ring_gen_params),
	KUNIT_CASE_PARAM(test_away_other_successor, bt_split_ring_gen_params),
	KUNIT_CASE_PARAM(test_away_random, bt_split_ring_gen_params),
	KUNIT_CASE_PARAM(test_away_anew, bt_split_ring_gen_params),
	KUNIT_CASE_PARAM(test_away_given_up, bt_split_ring_gen_params),
	KUNIT_CASE_PARAM(test_away_unregister, bt_split_ring_gen_params),
	KUNIT_CASE_PARAM(test_away_cannot, bt_split_ring_gen_params),
	KUNIT_CASE(test_away_not_allowed),
	KUNIT_CASE_PARAM(test_away_changed, bt_change_gen_params),
	KUNIT_CASE(test_away_same_config),
	KUNIT_CASE_PARAM(test_away_scribbled, bt_split_ring_gen_params),
	KUNIT_CASE_PARAM(test_away_again, bt_split_ring_gen_params),
	KUNIT_CASE(test_away_in_probe),
	KUNIT_CASE_PARAM(test_away_at_step, bt_step_gen_params),
	KUNIT_CASE_PARAM(test_away_removed, bt_split_ring_gen_params),
	KUNIT_CASE(test_away_config_written),
	KUNIT_CASE(test_rx_verdict),
	KUNIT_CASE(test_storage_is_split),
	KUNIT_CASE(test_link_max_devices),
	{}
};

static struct kunit_suite bt_suite = {
	.name = "virtio_msg_bus",
	.suite_init = bt_suite_init,
	.suite_exit = bt_suite_exit,
	.init = bt_init,
	.exit = bt_exit,
	.test_cases = bt_cases,
};

kunit_test_suite(bt_suite);
