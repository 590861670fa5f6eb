// SPDX-License-Identifier: GPL-2.0-only
/*
 * virtio-msg over shared memory and a mailbox: another core of the chip
 *
 * The device tree names a carve-out, which holds one segment, and mailbox
 * channels.  A mailbox is a doorbell here and nothing more: what it carries is
 * not looked at, and an interrupt may come early, late, twice, or for nothing.
 * The rings in the segment are the truth.
 *
 * There are no doorbells of single queues: the notification words say which
 * queue it is, and cost no interrupt.
 */

#include <linux/cleanup.h>
#include <linux/io.h>
#include <linux/jiffies.h>
#include <linux/mailbox_client.h>
#include <linux/mailbox_controller.h>
#include <linux/module.h>
#include <linux/of.h>
#include <linux/of_address.h>
#include <linux/of_reserved_mem.h>
#include <linux/platform_device.h>
#include <linux/virtio_msg.h>
#include <kunit/static_stub.h>
#include <kunit/visibility.h>

VISIBLE_IF_KUNIT int vmsg_mbox_map(struct device *dev,
				   struct virtio_msg_segment_desc *desc);

/*
 * A mailbox that has not passed on a doorbell after this many milliseconds is
 * asked to try again at the next one: its interrupt was lost, or the other core
 * was not there.
 */
#define VMSG_MBOX_STUCK		1000

/*
 * Messages that wait in the mailbox framework at most, which has room for 20.  It
 * is never more than one, unless a polled controller refuses one for seconds.
 */
#define VMSG_MBOX_QUEUED	16

static char *wire = "xid32,v2,v1,rfc2";
module_param(wire, charp, 0444);
MODULE_PARM_DESC(wire, "wire revisions to accept (default xid32,v2,v1,rfc2)");

/*
 * What a doorbell carries.  Controllers take it for a pointer to a word, to a
 * few words, or to a length and bytes: all of them find a one, and zeroes.
 */
static u32 vmsg_mbox_word[16] = { 1 };

/**
 * struct vmsg_mbox - one link
 * @dev: its platform device
 * @link: the segment; NULL until it is registered, and read by the interrupt
 * @client: of both channels
 * @tx: rings the other core
 * @rx: is rung by it; NULL where @tx does that too
 * @ack: nobody tells this mailbox when a message is through but we
 * @lock: guards @queued, @again, @since.  Taken with interrupts off
 * @queued: messages that the mailbox has and has not passed on
 * @again: rung since then
 * @since: when the last one was given to it, in jiffies
 */
struct vmsg_mbox {
	struct device *dev;
	struct virtio_msg_segment *link;
	struct mbox_client client;
	struct mbox_chan *tx;
	struct mbox_chan *rx;
	bool ack;
	/* guards the state of the sending channel */
	spinlock_t lock;
	unsigned int queued;
	bool again;
	unsigned long since;
};

/* With the lock held. */
static void vmsg_mbox_send(struct vmsg_mbox *mb)
{
	lockdep_assert_held(&mb->lock);
	mb->again = false;
	mb->since = jiffies;
	mb->queued++;
	if (mbox_send_message(mb->tx, vmsg_mbox_word) < 0)
		mb->queued--;
}

/*
 * Ring the other core.  The mailbox has one doorbell at a time: while it has
 * not passed on the last one, another is only noted, and follows it.
 */
static void vmsg_mbox_ring(void *priv, u16 peer)
{
	struct vmsg_mbox *mb = priv;
	bool stuck = false;

	/*
	 * What was stored to the segment is there before the doorbell rings,
	 * ours or the one that is under way.  A controller may use relaxed
	 * accesses.
	 */
	mb();
	scoped_guard(spinlock_irqsave, &mb->lock) {
		if (mb->ack) {
			if (!mb->queued)
				vmsg_mbox_send(mb);
			/* Calls tx_done(), or has a refused one tried again ... */
			mbox_client_txdone(mb->tx, 0);
			/* ... which is done then, if it was taken. */
			if (mb->queued)
				mbox_client_txdone(mb->tx, 0);
		} else if (!mb->queued) {
			vmsg_mbox_send(mb);
		} else {
			mb->again = true;
			stuck = time_after(jiffies, mb->since +
					   msecs_to_jiffies(VMSG_MBOX_STUCK));
			if (stuck)
				mb->since = jiffies;
			/* Polled: with a second message it tries the first. */
			if (stuck && !mb->tx->mbox->txdone_irq &&
			    mb->queued < VMSG_MBOX_QUEUED)
				vmsg_mbox_send(mb);
		}
	}
	/* The interrupt that was lost, without the lock: tx_done() follows. */
	if (stuck && mb->tx->mbox->txdone_irq)
		mbox_chan_txdone(mb->tx, -ETIME);
}

/* The mailbox has passed on a message.  Interrupt or timer. */
static void vmsg_mbox_tx_done(struct mbox_client *client, void *msg, int ret)
{
	struct vmsg_mbox *mb = container_of(client, struct vmsg_mbox, client);

	if (mb->ack) {
		/* From vmsg_mbox_ring(), under the lock. */
		mb->queued--;
		return;
	}
	scoped_guard(spinlock_irqsave, &mb->lock) {
		if (mb->queued)
			mb->queued--;
		if (mb->again && !mb->queued)
			vmsg_mbox_send(mb);
	}
}

/* The other core has rung.  Atomic context, in most cases its interrupt. */
static void vmsg_mbox_rx(struct mbox_client *client, void *msg)
{
	struct vmsg_mbox *mb = container_of(client, struct vmsg_mbox, client);
	/* Pairs with the release in probe. */
	struct virtio_msg_segment *link = smp_load_acquire(&mb->link);

	/* Rung before we are ready: the segment is looked at then anyway. */
	if (link)
		virtio_msg_segment_interrupt(link);
}

/**
 * vmsg_mbox_map() - find and map the carve-out
 * @dev: the link's device
 * @desc: receives address and size
 *
 * A peer whose accesses are kept coherent with our caches gets write-back
 * memory, any other one write-combining memory: it is not cached, so nothing
 * has to be cleaned or invalidated.  Barriers are the mandatory ones in both
 * cases.
 *
 * Context: may sleep.
 * Return: 0 or a negative errno, which has been said.
 */
VISIBLE_IF_KUNIT int vmsg_mbox_map(struct device *dev,
				   struct virtio_msg_segment_desc *desc)
{
	struct device_node *np __free(device_node) = NULL;
	struct reserved_mem *rmem;
	unsigned long flags;

	KUNIT_STATIC_STUB_REDIRECT(vmsg_mbox_map, dev, desc);
	np = of_parse_phandle(dev->of_node, "memory-region", 0);
	if (!np)
		return dev_err_probe(dev, -EINVAL, "no memory-region\n");
	rmem = of_reserved_mem_lookup(np);
	if (!rmem || !rmem->size)
		return dev_err_probe(dev, -EINVAL,
				     "%pOF is not reserved memory\n", np);
	/* The kernel's own mapping of it would be in the way. */
	if (!of_property_read_bool(np, "no-map"))
		return dev_err_probe(dev, -EINVAL, "%pOF lacks no-map\n", np);
	flags = of_dma_is_coherent(dev->of_node) ? MEMREMAP_WB : MEMREMAP_WC;
	desc->phys = rmem->base;
	desc->size = rmem->size;
	desc->va = devm_memremap(dev, desc->phys, desc->size, flags);
	if (IS_ERR(desc->va))
		return dev_err_probe(dev, PTR_ERR(desc->va),
				     "cannot map %pOF\n", np);
	dev_dbg(dev, "segment at %pa, %s\n", &desc->phys,
		flags == MEMREMAP_WB ? "coherent" : "not coherent");
	return 0;
}
EXPORT_SYMBOL_IF_KUNIT(vmsg_mbox_map);

static void vmsg_mbox_free_channels(struct vmsg_mbox *mb)
{
	if (mb->rx)
		mbox_free_channel(mb->rx);
	mbox_free_channel(mb->tx);
}

static struct mbox_chan *vmsg_mbox_request(struct vmsg_mbox *mb, const char *name)
{
	struct mbox_chan *chan;

	/*
	 * Where nobody else tells that a message is through, the client must
	 * claim that it does.  Where the controller is polled, the claim keeps
	 * it from being polled, and it knows better than we.
	 */
	mb->client.knows_txdone = true;
	chan = mbox_request_channel_byname(&mb->client, name);
	if (IS_ERR(chan) || !chan->mbox->txdone_poll)
		return chan;
	mbox_free_channel(chan);
	mb->client.knows_txdone = false;
	return mbox_request_channel_byname(&mb->client, name);
}

static int vmsg_mbox_channels(struct vmsg_mbox *mb)
{
	struct mbox_chan *chan;

	if (device_property_match_string(mb->dev, "mbox-names", "tx") < 0)
		return dev_err_probe(mb->dev, -EINVAL, "no mailbox named tx\n");
	mb->client.dev = mb->dev;
	mb->client.rx_callback = vmsg_mbox_rx;
	mb->client.tx_done = vmsg_mbox_tx_done;

	/* Some channels are good for both directions. */
	if (device_property_match_string(mb->dev, "mbox-names", "rx") >= 0) {
		chan = mbox_request_channel_byname(&mb->client, "rx");
		if (IS_ERR(chan))
			return dev_err_probe(mb->dev, PTR_ERR(chan), "mailbox rx\n");
		mb->rx = chan;
	}
	chan = vmsg_mbox_request(mb, "tx");
	if (IS_ERR(chan)) {
		if (mb->rx)
			mbox_free_channel(mb->rx);
		return dev_err_probe(mb->dev, PTR_ERR(chan), "mailbox tx\n");
	}
	mb->tx = chan;
	mb->ack = !chan->mbox->txdone_irq && !chan->mbox->txdone_poll;
	return 0;
}

static int vmsg_mbox_probe(struct platform_device *pdev)
{
	struct virtio_msg_segment_desc desc = {
		.name = "mbox",
		.owner = THIS_MODULE,
		.own_peer = VIRTIO_MSG_PEER_NONE,
		.ring = vmsg_mbox_ring,
	};
	struct device *dev = &pdev->dev;
	struct virtio_msg_segment *link;
	struct vmsg_mbox *mb;
	int ret;

	ret = virtio_msg_wire_mask(wire, &desc.wire_mask);
	if (ret)
		return dev_err_probe(dev, ret, "wire=%s: not known\n", wire);
	mb = devm_kzalloc(dev, sizeof(*mb), GFP_KERNEL);
	if (!mb)
		return -ENOMEM;
	mb->dev = dev;
	spin_lock_init(&mb->lock);
	desc.priv = mb;
	ret = vmsg_mbox_map(dev, &desc);
	if (ret)
		return ret;
	ret = vmsg_mbox_channels(mb);
	if (ret)
		return ret;
	platform_set_drvdata(pdev, mb);

	/* Without a segment yet, the other core has not been started. */
	link = virtio_msg_segment_register(dev, &desc);
	if (IS_ERR(link)) {
		vmsg_mbox_free_channels(mb);
		return PTR_ERR(link);
	}
	/* What the interrupt will look at is written before. */
	smp_store_release(&mb->link, link);
	/* What was rung in between. */
	virtio_msg_segment_interrupt(link);
	return 0;
}

static void vmsg_mbox_remove(struct platform_device *pdev)
{
	struct vmsg_mbox *mb = platform_get_drvdata(pdev);

	/* The devices need the doorbell while they go ... */
	virtio_msg_segment_stop(mb->link);
	/* ... and the doorbell needs the segment. */
	vmsg_mbox_free_channels(mb);
	virtio_msg_segment_free(mb->link);
}

static int vmsg_mbox_suspend(struct device *dev)
{
	struct vmsg_mbox *mb = dev_get_drvdata(dev);

	return virtio_msg_segment_suspend(mb->link);
}

static int vmsg_mbox_resume(struct device *dev)
{
	struct vmsg_mbox *mb = dev_get_drvdata(dev);

	return virtio_msg_segment_resume(mb->link);
}

static DEFINE_SIMPLE_DEV_PM_OPS(vmsg_mbox_pm, vmsg_mbox_suspend,
				vmsg_mbox_resume);

static const struct of_device_id vmsg_mbox_of_match[] = {
	{ .compatible = "virtio,msg-mbox" },
	{ }
};
MODULE_DEVICE_TABLE(of, vmsg_mbox_of_match);

static struct platform_driver vmsg_mbox_driver = {
	.probe = vmsg_mbox_probe,
	.remove = vmsg_mbox_remove,
	.driver = {
		.name = "virtio_msg_mbox",
		.of_match_table = vmsg_mbox_of_match,
		.pm = pm_sleep_ptr(&vmsg_mbox_pm),
	},
};
module_platform_driver(vmsg_mbox_driver);

MODULE_DESCRIPTION("virtio-msg over shared memory and a mailbox");
MODULE_LICENSE("GPL");
