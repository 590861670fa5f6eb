// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests of the mailbox transport, against a mailbox controller of their own
 *
 * The carve-out is ordinary memory, by a stub; all else is the driver as it is,
 * probed and removed by the driver core.
 */
#include <kunit/static_stub.h>
#include <kunit/test.h>
#include <linux/atomic.h>
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/mailbox_controller.h>
#include <linux/module.h>
#include <linux/platform_device.h>
#include <linux/property.h>
#include <linux/unaligned.h>
#include <linux/virtio_msg.h>
#include <linux/vmalloc.h>

#include "../wire.h"
#include "mbox_kunit.h"

#define SEG_SIZE	0x200000U
#define WINDOW		0x4000U

/* Offsets that segment.rst names. */
#define DRIVER_INSTANCE	100
#define DEVICE_SEEN	116
#define DEV_HEAD	0x200U
#define DRV_HEAD	0x240U
#define DEV_ELEMS	0x400U
#define STATUS		2
#define TAIL		4
#define ELEMS		8

#define TX		0
#define RX		1

/**
 * struct ctrl - a mailbox controller with two channels
 * @mbox: for the framework
 * @chans: its channels
 * @sent: messages that it took, for each channel
 * @longest: most messages that waited in the framework
 * @refuse: it takes nothing
 * @done: polled: messages are through
 * @ring_at_startup: the other core rings as soon as there is a client
 * @started: clients of the channels
 * @meanwhile: the task whose next doorbell meets what the other core does just then
 */
struct ctrl {
	struct mbox_controller mbox;
	struct mbox_chan chans[2];
	atomic_t sent[2];
	unsigned int longest;
	bool refuse;
	bool done;
	bool ring_at_startup;
	int started;
	struct task_struct *meanwhile;
};

/* struct mt - one test: the controller, the link, and what the driver told us */
struct mt {
	struct ctrl ctrl;
	struct platform_device *cdev;
	struct platform_device *pdev;
	struct software_node cnode;
	struct software_node node;
	struct software_node_ref_args refs[2];
	struct property_entry props[3];
	bool registered;
	u8 *mem;
	struct virtio_msg_segment_desc desc;
};

static struct ctrl *chan_ctrl(struct mbox_chan *chan)
{
	return container_of(chan->mbox, struct ctrl, mbox);
}

/* The other core leaves, and rings. */
static void leave(struct ctrl *c)
{
	struct mt *t = container_of(c, struct mt, ctrl);

	WRITE_ONCE(*(__le16 *)(t->mem + DEV_HEAD + STATUS),
		   cpu_to_le16(VIRTIO_MSG_ST_SHUTDOWN));
	mbox_chan_received_data(&c->chans[RX], NULL);
}

static int ctrl_send(struct mbox_chan *chan, void *data)
{
	struct ctrl *c = chan_ctrl(chan);

	if (READ_ONCE(c->meanwhile) == current) {
		WRITE_ONCE(c->meanwhile, NULL);
		leave(c);
	}

	/* The message at hand is counted. */
	c->longest = max(c->longest, chan->msg_count);
	if (READ_ONCE(c->refuse))
		return -EBUSY;
	/* Whatever a controller takes it for, it must be a doorbell. */
	if (!data || *(u32 *)data != 1)
		return -EINVAL;
	atomic_inc(&c->sent[chan - c->chans]);
	return 0;
}

static bool ctrl_last_tx_done(struct mbox_chan *chan)
{
	return READ_ONCE(chan_ctrl(chan)->done);
}

static int ctrl_startup(struct mbox_chan *chan)
{
	struct ctrl *c = chan_ctrl(chan);

	c->started++;
	if (c->ring_at_startup)
		mbox_chan_received_data(chan, NULL);
	return 0;
}

static void ctrl_shutdown(struct mbox_chan *chan)
{
	chan_ctrl(chan)->started--;
}

static const struct mbox_chan_ops ctrl_ops = {
	.send_data = ctrl_send,
	.last_tx_done = ctrl_last_tx_done,
	.startup = ctrl_startup,
	.shutdown = ctrl_shutdown,
};

/* The framework wants the controller's device to have a driver. */
static int ctrl_probe(struct platform_device *pdev)
{
	return 0;
}

static struct platform_driver ctrl_driver = {
	.probe = ctrl_probe,
	.driver.name = "virtio_msg_mbox_kunit",
};

static struct mbox_chan *ctrl_xlate(struct mbox_controller *mbox,
				    const struct fwnode_reference_args *sp)
{
	if (sp->nargs != 1 || sp->args[0] >= mbox->num_chans)
		return ERR_PTR(-EINVAL);
	return &mbox->chans[sp->args[0]];
}

static int stub_map(struct device *dev, struct virtio_msg_segment_desc *desc)
{
	struct mt *t = kunit_get_current_test()->priv;

	desc->va = t->mem;
	desc->phys = ~(phys_addr_t)0;
	desc->size = SEG_SIZE;
	t->desc = *desc;
	return 0;
}

/* A device side that is READY: as segment.rst has it. */
static void format(struct mt *t)
{
	u8 *m = t->mem;

	put_unaligned_le16(64, m + 2);
	put_unaligned_le16(1, m + 4);
	m[8] = 0;
	m[9] = 1;
	put_unaligned_le16(ELEMS, m + 10);
	put_unaligned_le16(64, m + 12);
	put_unaligned_le64(DEV_HEAD, m + 24);
	put_unaligned_le64(DEV_ELEMS, m + 32);
	put_unaligned_le64(DRV_HEAD, m + 48);
	put_unaligned_le64(0x800, m + 56);
	put_unaligned_le32(VIRTIO_MSG_EXT_MAGIC, m + 64);
	put_unaligned_le16(64, m + 68);
	put_unaligned_le16(1, m + 70);
	put_unaligned_le32(BIT(VIRTIO_MSG_WIRE_XID32), m + 72);
	put_unaligned_le64(WINDOW, m + 80);
	put_unaligned_le64(SEG_SIZE - WINDOW, m + 88);
	put_unaligned_le32(4711, m + 96);
	put_unaligned_le16(VIRTIO_MSG_PEER_NONE, m + 104);
	put_unaligned_le16(VIRTIO_MSG_PEER_NONE, m + 106);
	put_unaligned_le16(VIRTIO_MSG_QHEAD_MAGIC, m + DEV_HEAD);
	put_unaligned_le16(VIRTIO_MSG_QHEAD_MAGIC, m + DRV_HEAD);
	put_unaligned_le16(VIRTIO_MSG_ST_READY, m + DEV_HEAD + STATUS);
	/* As the driver reads it: by one access, behind all else. */
	smp_wmb();
	WRITE_ONCE(*(__le16 *)m, cpu_to_le16(VIRTIO_MSG_SEG_MAGIC));
}

static u16 driver_status(struct mt *t)
{
	return le16_to_cpu(READ_ONCE(*(__le16 *)(t->mem + DRV_HEAD + STATUS)));
}

static void ring(struct mt *t)
{
	t->desc.ring(t->desc.priv, VIRTIO_MSG_PEER_NONE);
}

static int sent(struct mt *t)
{
	return atomic_read(&t->ctrl.sent[TX]);
}

static bool bound(struct mt *t)
{
	return device_is_bound(&t->pdev->dev);
}

static void add_controller(struct kunit *test)
{
	struct mt *t = test->priv;

	t->ctrl.mbox.dev = &t->cdev->dev;
	t->ctrl.mbox.ops = &ctrl_ops;
	t->ctrl.mbox.chans = t->ctrl.chans;
	t->ctrl.mbox.num_chans = ARRAY_SIZE(t->ctrl.chans);
	t->ctrl.mbox.txpoll_period = 1;
	t->ctrl.mbox.fw_xlate = ctrl_xlate;
	KUNIT_ASSERT_EQ(test, mbox_controller_register(&t->ctrl.mbox), 0);
	t->registered = true;
}

/* The link's device, with the mailboxes of these names in this order. */
static void add_link(struct kunit *test, const char * const *names, size_t n)
{
	struct mt *t = test->priv;
	struct platform_device_info info = {
		.name = "virtio_msg_mbox",
		.id = PLATFORM_DEVID_AUTO,
		.swnode = &t->node,
	};
	unsigned int i = 0;

	t->refs[TX] = SOFTWARE_NODE_REFERENCE(&t->cnode, TX);
	t->refs[RX] = SOFTWARE_NODE_REFERENCE(&t->cnode, RX);
	t->props[i++] = PROPERTY_ENTRY_REF_ARRAY_LEN("mboxes", t->refs, 2);
	if (n)
		t->props[i++] = PROPERTY_ENTRY_STRING_ARRAY_LEN("mbox-names", names, n);
	t->node.properties = t->props;
	t->pdev = platform_device_register_full(&info);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, t->pdev);
}

/*
 * Whoever still holds a device holds its software node; one that is on its way
 * out would be found by the next that is made at the same address.
 */
static void remove_device(struct kunit *test, struct platform_device *pdev,
			  const struct software_node *node)
{
	int i;

	platform_device_unregister(pdev);
	for (i = 0; i < 5000 && software_node_fwnode(node); i++)
		usleep_range(1000, 2000);
	KUNIT_EXPECT_NULL(test, software_node_fwnode(node));
}

static const char * const both[] = { "tx", "rx" };

/* A link over a controller of this kind. */
static struct mt *setup(struct kunit *test, bool irq, bool poll)
{
	struct mt *t = test->priv;

	t->ctrl.mbox.txdone_irq = irq;
	t->ctrl.mbox.txdone_poll = poll;
	add_controller(test);
	add_link(test, both, ARRAY_SIZE(both));
	KUNIT_ASSERT_TRUE(test, bound(t));
	KUNIT_ASSERT_EQ(test, t->ctrl.started, 2);
	/* Nobody is there whom the bring-up could have rung. */
	KUNIT_ASSERT_EQ(test, sent(t), 0);
	return t;
}

static void mbox_test_each_is_acknowledged(struct kunit *test)
{
	struct mt *t = setup(test, false, false);
	int i;

	for (i = 0; i < 100; i++)
		ring(t);
	KUNIT_EXPECT_EQ(test, sent(t), 100);
	KUNIT_EXPECT_LE(test, t->ctrl.longest, 1);
	KUNIT_EXPECT_EQ(test, t->ctrl.chans[TX].msg_count, 0);
}

/* While the last doorbell is under way, many more are one. */
static void mbox_test_coalesce_irq(struct kunit *test)
{
	struct mt *t = setup(test, true, false);
	int i;

	for (i = 0; i < 50; i++)
		ring(t);
	KUNIT_EXPECT_EQ(test, sent(t), 1);
	KUNIT_EXPECT_LE(test, t->ctrl.longest, 1);
	mbox_chan_txdone(&t->ctrl.chans[TX], 0);
	KUNIT_EXPECT_EQ(test, sent(t), 2);
	mbox_chan_txdone(&t->ctrl.chans[TX], 0);
	KUNIT_EXPECT_EQ(test, sent(t), 2);
	/* An interrupt for nothing */
	mbox_chan_txdone(&t->ctrl.chans[TX], 0);
	ring(t);
	KUNIT_EXPECT_EQ(test, sent(t), 3);
}

static void mbox_test_coalesce_poll(struct kunit *test)
{
	struct mt *t = setup(test, false, true);
	int i;

	for (i = 0; i < 50; i++)
		ring(t);
	KUNIT_EXPECT_EQ(test, sent(t), 1);
	WRITE_ONCE(t->ctrl.done, true);
	for (i = 0; i < 1000 && sent(t) < 2; i++)
		usleep_range(1000, 2000);
	msleep(20);
	KUNIT_EXPECT_EQ(test, sent(t), 2);
	KUNIT_EXPECT_LE(test, t->ctrl.longest, 1);
}

/* The interrupt that ends a message is lost: after a second it is given up. */
static void mbox_test_irq_lost(struct kunit *test)
{
	struct mt *t = setup(test, true, false);

	ring(t);
	ring(t);
	KUNIT_EXPECT_EQ(test, sent(t), 1);
	msleep(1100);
	ring(t);
	KUNIT_EXPECT_EQ(test, sent(t), 2);
	ring(t);
	KUNIT_EXPECT_EQ(test, sent(t), 2);
}

/* A controller that takes nothing does not fill the queue of the framework. */
static void refused(struct kunit *test, bool irq, bool poll)
{
	struct mt *t = setup(test, irq, poll);
	int i;

	t->ctrl.done = true;
	t->ctrl.refuse = true;
	for (i = 0; i < 60; i++) {
		ring(t);
		if (i % 30 == 29)
			msleep(1100);
	}
	KUNIT_EXPECT_EQ(test, sent(t), 0);
	/* Polled, each second of silence takes one more. */
	KUNIT_EXPECT_LE(test, t->ctrl.longest, poll ? 2 : 1);
	WRITE_ONCE(t->ctrl.refuse, false);
	ring(t);
	KUNIT_EXPECT_GE(test, sent(t), 1);
	/* And from then on all is well. */
	if (irq)
		for (i = 0; i < 4; i++)
			mbox_chan_txdone(&t->ctrl.chans[TX], 0);
	msleep(20);
	i = sent(t);
	ring(t);
	KUNIT_EXPECT_EQ(test, sent(t), i + 1);
}

static void mbox_test_refused_ack(struct kunit *test)
{
	refused(test, false, false);
}

static void mbox_test_refused_irq(struct kunit *test)
{
	refused(test, true, false);
}

static void mbox_test_refused_poll(struct kunit *test)
{
	refused(test, false, true);
}

static int ringer(void *data)
{
	int i;

	for (i = 0; i < 2000; i++)
		ring(data);
	while (!kthread_should_stop())
		usleep_range(1000, 2000);
	return 0;
}

static void mbox_test_many_at_once(struct kunit *test)
{
	struct mt *t = setup(test, false, false);
	struct task_struct *task[4];
	int i;

	for (i = 0; i < ARRAY_SIZE(task); i++) {
		task[i] = kthread_run(ringer, t, "mbox-ringer/%d", i);
		KUNIT_ASSERT_NOT_ERR_OR_NULL(test, task[i]);
	}
	for (i = 0; i < ARRAY_SIZE(task); i++)
		kthread_stop(task[i]);
	/* A thread that was stopped early may not have run at all. */
	KUNIT_EXPECT_LE(test, sent(t), 8000);
	KUNIT_EXPECT_LE(test, t->ctrl.longest, 1);
	KUNIT_EXPECT_EQ(test, t->ctrl.chans[TX].msg_count, 0);
	i = sent(t);
	ring(t);
	KUNIT_EXPECT_EQ(test, sent(t), i + 1);
}

/* Rung while the driver is being probed. */
static void mbox_test_rx_early(struct kunit *test)
{
	struct mt *t = test->priv;

	format(t);
	t->ctrl.ring_at_startup = true;
	add_controller(test);
	add_link(test, both, ARRAY_SIZE(both));
	KUNIT_ASSERT_TRUE(test, bound(t));
	/* The segment was looked at afterwards, without a doorbell. */
	KUNIT_EXPECT_EQ(test, driver_status(t), VIRTIO_MSG_ST_READY);
	KUNIT_EXPECT_GE(test, sent(t), 1);
}

/* For nothing, late, and twice */
static void mbox_test_rx(struct kunit *test)
{
	struct mt *t = setup(test, false, false);
	int i;

	for (i = 0; i < 10; i++)
		mbox_chan_received_data(&t->ctrl.chans[RX], NULL);
	KUNIT_EXPECT_EQ(test, driver_status(t), VIRTIO_MSG_ST_INIT);
	/* Where there is no segment yet, the driver looks once a second. */
	format(t);
	mbox_chan_received_data(&t->ctrl.chans[RX], NULL);
	KUNIT_EXPECT_EQ(test, driver_status(t), VIRTIO_MSG_ST_READY);
	i = sent(t);
	KUNIT_EXPECT_GE(test, i, 1);
	mbox_chan_received_data(&t->ctrl.chans[RX], t);
	mbox_chan_received_data(&t->ctrl.chans[RX], t);
	KUNIT_EXPECT_EQ(test, driver_status(t), VIRTIO_MSG_ST_READY);
	KUNIT_EXPECT_EQ(test, sent(t), i);
}

/*
 * Rung while what came before is still looked at, here by the doorbell that goes with
 * an answer: it is looked at before the interrupt ends, not when a timer comes.
 */
static void mbox_test_rx_meanwhile(struct kunit *test)
{
	const struct vmsg_wire *wire = vmsg_wire_by_rev(VIRTIO_MSG_WIRE_XID32);
	struct mt *t = setup(test, false, false);
	u8 *m = t->mem;
	int i;

	format(t);
	mbox_chan_received_data(&t->ctrl.chans[RX], NULL);
	KUNIT_ASSERT_EQ(test, driver_status(t), VIRTIO_MSG_ST_READY);
	put_unaligned_le32(get_unaligned_le32(m + DRIVER_INSTANCE), m + DEVICE_SEEN);
	WRITE_ONCE(*(__le16 *)(m + DEV_HEAD + STATUS), cpu_to_le16(VIRTIO_MSG_ST_RUN));
	mbox_chan_received_data(&t->ctrl.chans[RX], NULL);
	KUNIT_ASSERT_EQ(test, driver_status(t), VIRTIO_MSG_ST_RUN);
	/* With its first message the bus takes some, too. */
	for (i = 0; i < 5000 && !READ_ONCE(*(__le16 *)(m + DRV_HEAD + TAIL)); i++)
		usleep_range(1000, 2000);
	WRITE_ONCE(t->ctrl.meanwhile, current);
	for (i = 0; i < ELEMS - 2 && READ_ONCE(t->ctrl.meanwhile); i++) {
		u8 *e = m + DEV_ELEMS + 64 * i;

		/* One that was sending just then may have sent our answer, too. */
		if (i)
			usleep_range(1000, 2000);
		KUNIT_ASSERT_GT(test, vmsg_req_ping(wire, e, 64, 4711), 0);
		vmsg_frame_set_xid(wire, e, i + 1);
		/* The message before the index */
		smp_wmb();
		WRITE_ONCE(*(__le16 *)(m + DEV_HEAD + TAIL), cpu_to_le16(i + 1));
		mbox_chan_received_data(&t->ctrl.chans[RX], NULL);
	}
	KUNIT_EXPECT_NULL(test, t->ctrl.meanwhile);
	KUNIT_EXPECT_NE(test, driver_status(t), VIRTIO_MSG_ST_RUN);
	t->ctrl.meanwhile = NULL;
}

/* A channel that goes both ways needs no second one. */
static void mbox_test_one_channel(struct kunit *test)
{
	struct mt *t = test->priv;

	add_controller(test);
	add_link(test, both, 1);
	KUNIT_ASSERT_TRUE(test, bound(t));
	KUNIT_EXPECT_EQ(test, t->ctrl.started, 1);
	format(t);
	mbox_chan_received_data(&t->ctrl.chans[TX], NULL);
	KUNIT_EXPECT_EQ(test, driver_status(t), VIRTIO_MSG_ST_READY);
}

static void mbox_test_no_controller_yet(struct kunit *test)
{
	struct mt *t = test->priv;

	add_link(test, both, ARRAY_SIZE(both));
	KUNIT_EXPECT_FALSE(test, bound(t));
	add_controller(test);
	/* What the driver core does when another driver was bound. */
	KUNIT_EXPECT_EQ(test, device_attach(&t->pdev->dev), 1);
	KUNIT_EXPECT_TRUE(test, bound(t));
}

static void mbox_test_no_names(struct kunit *test)
{
	struct mt *t = test->priv;

	add_controller(test);
	add_link(test, NULL, 0);
	KUNIT_EXPECT_FALSE(test, bound(t));
	KUNIT_EXPECT_EQ(test, t->ctrl.started, 0);
}

static void mbox_test_no_tx(struct kunit *test)
{
	struct mt *t = test->priv;

	add_controller(test);
	add_link(test, both + 1, 1);
	KUNIT_EXPECT_FALSE(test, bound(t));
	KUNIT_EXPECT_EQ(test, t->ctrl.started, 0);
}

static void mbox_test_no_memory_region(struct kunit *test)
{
	struct mt *t = test->priv;

	kunit_deactivate_static_stub(test, vmsg_mbox_map);
	add_controller(test);
	add_link(test, both, ARRAY_SIZE(both));
	KUNIT_EXPECT_FALSE(test, bound(t));
	KUNIT_EXPECT_EQ(test, t->ctrl.started, 0);
}

static void removed(struct kunit *test, bool irq, bool poll)
{
	struct mt *t = setup(test, irq, poll);
	int i;

	WRITE_ONCE(t->ctrl.done, true);
	format(t);
	mbox_chan_received_data(&t->ctrl.chans[RX], NULL);
	remove_device(test, t->pdev, &t->node);
	t->pdev = NULL;
	KUNIT_EXPECT_EQ(test, t->ctrl.started, 0);
	KUNIT_EXPECT_EQ(test, driver_status(t), VIRTIO_MSG_ST_SHUTDOWN);
	add_link(test, both, ARRAY_SIZE(both));
	KUNIT_EXPECT_TRUE(test, bound(t));
	KUNIT_EXPECT_EQ(test, driver_status(t), VIRTIO_MSG_ST_READY);
	/* The framework forgets how a channel was told of its messages. */
	KUNIT_EXPECT_EQ(test, t->ctrl.chans[TX].txdone_method,
			irq ? MBOX_TXDONE_BY_IRQ :
			poll ? MBOX_TXDONE_BY_POLL : MBOX_TXDONE_BY_ACK);
	/* The bring-up has rung, and more than once. */
	for (i = 0; irq && i < 4; i++)
		mbox_chan_txdone(&t->ctrl.chans[TX], 0);
	msleep(20);
	i = sent(t);
	ring(t);
	KUNIT_EXPECT_EQ(test, sent(t), i + 1);
}

static void mbox_test_remove_ack(struct kunit *test)
{
	removed(test, false, false);
}

static void mbox_test_remove_irq(struct kunit *test)
{
	removed(test, true, false);
}

static void mbox_test_remove_poll(struct kunit *test)
{
	removed(test, false, true);
}

static int mbox_suite_init(struct kunit_suite *suite)
{
	return platform_driver_register(&ctrl_driver);
}

static void mbox_suite_exit(struct kunit_suite *suite)
{
	platform_driver_unregister(&ctrl_driver);
}

static const struct property_entry ctrl_props[] = {
	PROPERTY_ENTRY_U32("#mbox-cells", 1),
	{}
};

static int mbox_init(struct kunit *test)
{
	struct mt *t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);
	struct platform_device_info info = {
		.name = "virtio_msg_mbox_kunit",
		.id = PLATFORM_DEVID_AUTO,
	};

	KUNIT_ASSERT_NOT_NULL(test, t);
	test->priv = t;
	t->mem = vzalloc(SEG_SIZE);
	KUNIT_ASSERT_NOT_NULL(test, t->mem);
	t->cnode.properties = ctrl_props;
	info.swnode = &t->cnode;
	t->cdev = platform_device_register_full(&info);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, t->cdev);
	kunit_activate_static_stub(test, vmsg_mbox_map, stub_map);
	return 0;
}

static void mbox_exit(struct kunit *test)
{
	struct mt *t = test->priv;

	if (!IS_ERR_OR_NULL(t->pdev))
		remove_device(test, t->pdev, &t->node);
	if (t->registered)
		mbox_controller_unregister(&t->ctrl.mbox);
	if (!IS_ERR_OR_NULL(t->cdev))
		remove_device(test, t->cdev, &t->cnode);
	vfree(t->mem);
}

static struct kunit_case mbox_cases[] = {
	KUNIT_CASE(mbox_test_each_is_acknowledged),
	KUNIT_CASE(mbox_test_coalesce_irq),
	KUNIT_CASE(mbox_test_coalesce_poll),
	KUNIT_CASE_SLOW(mbox_test_irq_lost),
	KUNIT_CASE_SLOW(mbox_test_refused_ack),
	KUNIT_CASE_SLOW(mbox_test_refused_irq),
	KUNIT_CASE_SLOW(mbox_test_refused_poll),
	KUNIT_CASE(mbox_test_many_at_once),
	KUNIT_CASE(mbox_test_rx_early),
	KUNIT_CASE(mbox_test_rx),
	KUNIT_CASE(mbox_test_rx_meanwhile),
	KUNIT_CASE(mbox_test_one_channel),
	KUNIT_CASE(mbox_test_no_controller_yet),
	KUNIT_CASE(mbox_test_no_names),
	KUNIT_CASE(mbox_test_no_tx),
	KUNIT_CASE(mbox_test_no_memory_region),
	KUNIT_CASE(mbox_test_remove_ack),
	KUNIT_CASE(mbox_test_remove_irq),
	KUNIT_CASE(mbox_test_remove_poll),
	{}
};

static struct kunit_suite mbox_suite = {
	.name = "virtio_msg_mbox",
	.suite_init = mbox_suite_init,
	.suite_exit = mbox_suite_exit,
	.init = mbox_init,
	.exit = mbox_exit,
	.test_cases = mbox_cases,
};

kunit_test_suite(mbox_suite);

MODULE_DESCRIPTION("KUnit tests of virtio-msg over a mailbox");
MODULE_LICENSE("GPL");
MODULE_IMPORT_NS("EXPORTED_FOR_KUNIT_TESTING");
