// SPDX-License-Identifier: GPL-2.0-only
/*
 * The remote core of the test bench: a mailbox controller and a remoteproc
 *
 * One processor of QEMU's "virt" machine is left out of the device tree, and
 * with it a few interrupts of the distributor.  To ring that core is to set one
 * of them pending; its doorbells are ordinary interrupts of ours.  PSCI starts
 * the core.  Nobody can stop it from outside: it is asked to turn itself off,
 * by a word in memory and one more doorbell.
 *
 * Channels and interrupts have the same numbers.  The even ones go to the
 * remote core, the odd ones come from there.  The last pair is no channel: the
 * first tells the core of a command, by the second it reports its own death.
 */

#include <linux/arm-smccc.h>
#include <linux/atomic.h>
#include <linux/interrupt.h>
#include <linux/io.h>
#include <linux/iopoll.h>
#include <linux/irq.h>
#include <linux/mailbox_controller.h>
#include <linux/module.h>
#include <linux/of.h>
#include <linux/of_reserved_mem.h>
#include <linux/platform_device.h>
#include <linux/remoteproc.h>
#include <uapi/linux/psci.h>

#define TR_FIRMWARE	"virtio-msg-amp.elf"

/* The control block, in memory that neither side caches. */
#define TR_COMMAND	0	/* ours */
#define TR_STATE	4	/* the remote core's */

#define TR_STOP		1	/* leave, and turn yourself off */
#define TR_CRASH	2	/* turn yourself off, at once, and tell nobody */
#define TR_HANG		3	/* serve nobody any more */

#define TR_RUNNING	1
#define TR_OFF		2
#define TR_WATCHDOG	3	/* the main loop was found dead */
#define TR_FAULT	4	/* an exception */

static bool autostart = true;
module_param(autostart, bool, 0444);
MODULE_PARM_DESC(autostart, "start the remote core at once (default on)");

/**
 * struct test_remote - the remote core
 * @dev: the platform device
 * @rproc: its remoteproc
 * @mbox: the mailbox controller
 * @code: the firmware's memory
 * @code_base: its address
 * @code_size: its size
 * @control: the control block
 * @cpu: as PSCI names it
 * @irqs: number of interrupts
 * @irq: for each channel, and the last pair
 * @rung: doorbells that went through each channel
 */
struct test_remote {
	struct device *dev;
	struct rproc *rproc;
	struct mbox_controller mbox;
	void *code;
	phys_addr_t code_base;
	size_t code_size;
	void *control;
	u32 cpu;
	int irqs;
	int *irq;
	atomic_t *rung;
};

/* QEMU's firmware is reached by HVC where the machine has no EL2. */
static int tr_psci(unsigned long fn, unsigned long a, unsigned long b)
{
	struct arm_smccc_res res;

	arm_smccc_1_1_hvc(fn, a, b, 0, &res);
	return (int)res.a0;
}

static bool tr_is_off(struct test_remote *tr)
{
	return tr_psci(PSCI_0_2_FN64_AFFINITY_INFO, tr->cpu, 0) ==
	       PSCI_0_2_AFFINITY_LEVEL_OFF;
}

static u32 tr_read(struct test_remote *tr, unsigned int off)
{
	return le32_to_cpu(READ_ONCE(*(__le32 *)(tr->control + off)));
}

static void tr_write(struct test_remote *tr, unsigned int off, u32 v)
{
	WRITE_ONCE(*(__le32 *)(tr->control + off), cpu_to_le32(v));
}

static int tr_ring(struct test_remote *tr, unsigned int n)
{
	/* The interrupt controller's driver uses relaxed accesses. */
	wmb();
	atomic_inc(&tr->rung[n]);
	return irq_set_irqchip_state(tr->irq[n], IRQCHIP_STATE_PENDING, true);
}

/* The mailbox */

static struct test_remote *tr_of_chan(struct mbox_chan *chan)
{
	return container_of(chan->mbox, struct test_remote, mbox);
}

static unsigned int tr_number(struct mbox_chan *chan)
{
	return chan - chan->mbox->chans;
}

static irqreturn_t tr_interrupt(int irq, void *data)
{
	struct mbox_chan *chan = data;

	atomic_inc(&tr_of_chan(chan)->rung[tr_number(chan)]);
	mbox_chan_received_data(chan, NULL);
	return IRQ_HANDLED;
}

static int tr_send_data(struct mbox_chan *chan, void *data)
{
	unsigned int n = tr_number(chan);

	return n & 1 ? -EINVAL : tr_ring(tr_of_chan(chan), n);
}

static int tr_startup(struct mbox_chan *chan)
{
	unsigned int n = tr_number(chan);

	if (!(n & 1))
		return 0;
	return request_irq(tr_of_chan(chan)->irq[n], tr_interrupt, 0,
			   "virtio_msg_test_remote", chan);
}

static void tr_shutdown(struct mbox_chan *chan)
{
	unsigned int n = tr_number(chan);

	if (n & 1)
		free_irq(tr_of_chan(chan)->irq[n], chan);
}

static const struct mbox_chan_ops tr_chan_ops = {
	.send_data = tr_send_data,
	.startup = tr_startup,
	.shutdown = tr_shutdown,
};

/* The remote core */

static int tr_start(struct rproc *rproc)
{
	struct test_remote *tr = rproc->priv;
	u32 state;
	int ret;

	if (!tr_is_off(tr))
		return -EBUSY;
	tr_write(tr, TR_COMMAND, 0);
	tr_write(tr, TR_STATE, 0);
	/* The core finds its code in memory, with its caches off. */
	mb();
	ret = tr_psci(PSCI_0_2_FN64_CPU_ON, tr->cpu, rproc->bootaddr);
	if (ret) {
		dev_err(tr->dev, "CPU_ON: %d\n", ret);
		return -EIO;
	}
	ret = read_poll_timeout(tr_read, state, state == TR_RUNNING, 200,
				5 * USEC_PER_SEC, false, tr, TR_STATE);
	if (ret)
		dev_err(tr->dev, "the firmware does not come up: state %u\n", state);
	return ret;
}

static int tr_stop(struct rproc *rproc)
{
	struct test_remote *tr = rproc->priv;
	bool off;
	int ret;

	tr_write(tr, TR_COMMAND, TR_STOP);
	tr_ring(tr, tr->irqs - 2);
	/* Should it not listen, its watchdog turns it off. */
	ret = read_poll_timeout(tr_is_off, off, off, 200, 10 * USEC_PER_SEC,
				false, tr);
	if (ret)
		dev_err(tr->dev, "the firmware does not turn itself off\n");
	return ret;
}

static void *tr_da_to_va(struct rproc *rproc, u64 da, size_t len, bool *is_iomem)
{
	struct test_remote *tr = rproc->priv;

	if (da < tr->code_base || da - tr->code_base > tr->code_size ||
	    len > tr->code_size - (da - tr->code_base))
		return NULL;
	return tr->code + (da - tr->code_base);
}

static const struct rproc_ops tr_rproc_ops = {
	.start = tr_start,
	.stop = tr_stop,
	.da_to_va = tr_da_to_va,
};

static irqreturn_t tr_died(int irq, void *data)
{
	struct test_remote *tr = data;

	rproc_report_crash(tr->rproc, tr_read(tr, TR_STATE) == TR_WATCHDOG ?
			   RPROC_WATCHDOG : RPROC_FATAL_ERROR);
	return IRQ_HANDLED;
}

static const char * const tr_commands[] = {
	[TR_CRASH] = "crash",
	[TR_HANG] = "hang",
};

static ssize_t command_store(struct device *dev, struct device_attribute *attr,
			     const char *buf, size_t len)
{
	struct test_remote *tr = dev_get_drvdata(dev);
	int i;

	for (i = TR_CRASH; i < ARRAY_SIZE(tr_commands); i++) {
		if (!sysfs_streq(buf, tr_commands[i]))
			continue;
		tr_write(tr, TR_COMMAND, i);
		return tr_ring(tr, tr->irqs - 2) ?: len;
	}
	return -EINVAL;
}
static DEVICE_ATTR_WO(command);

/* A line for each channel: its number, and how often it was rung. */
static ssize_t doorbells_show(struct device *dev, struct device_attribute *attr,
			      char *buf)
{
	struct test_remote *tr = dev_get_drvdata(dev);
	int i, n = 0;

	for (i = 0; i < tr->mbox.num_chans; i++)
		n += sysfs_emit_at(buf, n, "%d %u\n", i,
				   (u32)atomic_read(&tr->rung[i]));
	return n;
}
static DEVICE_ATTR_RO(doorbells);

static struct attribute *tr_attrs[] = {
	&dev_attr_command.attr,
	&dev_attr_doorbells.attr,
	NULL
};
ATTRIBUTE_GROUPS(tr);

static void *tr_map(struct device *dev, int index, phys_addr_t *base, size_t *size)
{
	struct device_node *np = of_parse_phandle(dev->of_node, "memory-region",
						  index);
	struct reserved_mem *rmem = np ? of_reserved_mem_lookup(np) : NULL;

	of_node_put(np);
	if (!rmem)
		return ERR_PTR(-EINVAL);
	*base = rmem->base;
	*size = rmem->size;
	/* Not cached: the remote core starts with its caches off. */
	return devm_memremap(dev, rmem->base, rmem->size, MEMREMAP_WC);
}

static int tr_probe(struct platform_device *pdev)
{
	struct device *dev = &pdev->dev;
	phys_addr_t control_base;
	struct test_remote *tr;
	struct rproc *rproc;
	size_t control_size;
	int i, ret;

	rproc = devm_rproc_alloc(dev, "amp", &tr_rproc_ops, TR_FIRMWARE,
				 sizeof(*tr));
	if (!rproc)
		return -ENOMEM;
	rproc->auto_boot = autostart;
	tr = rproc->priv;
	tr->dev = dev;
	tr->rproc = rproc;
	platform_set_drvdata(pdev, tr);
	ret = of_property_read_u32(dev->of_node, "cpu", &tr->cpu);
	if (ret)
		return dev_err_probe(dev, ret, "no cpu\n");
	tr->code = tr_map(dev, 0, &tr->code_base, &tr->code_size);
	tr->control = tr_map(dev, 1, &control_base, &control_size);
	if (IS_ERR(tr->code) || IS_ERR(tr->control))
		return dev_err_probe(dev, -EINVAL, "two memory regions are needed\n");

	tr->irqs = platform_irq_count(pdev);
	if (tr->irqs < 4 || tr->irqs & 1)
		return dev_err_probe(dev, -EINVAL, "%d interrupts\n", tr->irqs);
	tr->irq = devm_kcalloc(dev, tr->irqs, sizeof(*tr->irq), GFP_KERNEL);
	tr->rung = devm_kcalloc(dev, tr->irqs, sizeof(*tr->rung), GFP_KERNEL);
	tr->mbox.num_chans = tr->irqs - 2;
	tr->mbox.chans = devm_kcalloc(dev, tr->mbox.num_chans,
				      sizeof(*tr->mbox.chans), GFP_KERNEL);
	if (!tr->irq || !tr->rung || !tr->mbox.chans)
		return -ENOMEM;
	for (i = 0; i < tr->irqs; i++) {
		tr->irq[i] = platform_get_irq(pdev, i);
		if (tr->irq[i] < 0)
			return tr->irq[i];
	}
	ret = devm_request_irq(dev, tr->irq[tr->irqs - 1], tr_died, 0,
			       "virtio_msg_test_remote-died", tr);
	if (ret)
		return ret;

	/* A doorbell that is pending already is one: there is no queue. */
	tr->mbox.dev = dev;
	tr->mbox.ops = &tr_chan_ops;
	ret = devm_mbox_controller_register(dev, &tr->mbox);
	if (ret)
		return ret;
	return devm_rproc_add(dev, rproc);
}

static const struct of_device_id tr_of_match[] = {
	{ .compatible = "virtio-msg-test,remote" },
	{ }
};
MODULE_DEVICE_TABLE(of, tr_of_match);

static struct platform_driver tr_driver = {
	.probe = tr_probe,
	.driver = {
		.name = "virtio_msg_test_remote",
		.of_match_table = tr_of_match,
		.dev_groups = tr_groups,
	},
};
module_platform_driver(tr_driver);

MODULE_DESCRIPTION("Remote core of the virtio-msg test bench");
MODULE_FIRMWARE(TR_FIRMWARE);
MODULE_LICENSE("GPL");
