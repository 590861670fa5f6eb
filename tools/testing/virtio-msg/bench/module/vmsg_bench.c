// SPDX-License-Identifier: GPL-2.0-only
/*
 * Round trips, measured from inside the kernel, for bench-goals
 *
 * Loaded into a guest under the plugin vmsg_insn.  Each window is one line in the
 * kernel log, "w NAME COUNT NANOSECONDS", in the order of the windows.
 *
 * id=N	take virtio devices of that type, and set the status of each of them many
 *	times: each time is one transaction and nothing else
 * peer=1	be a transport whose device, of type id=, answers inside of send()
 * dma=1	drive an IVSHMEM function with a segment, as virtio_msg_ivshmem does, whose
 *	device side reaches all memory, so that nothing is copied through the window
 * raw=1	drive an IVSHMEM function behind whose doorbell is the program
 *	doorbell: the round trip that every message needs, by interrupt, and
 *	waiting for the memory to change
 */
#include <linux/completion.h>
#include <linux/device.h>
#include <linux/dma-mapping.h>
#include <linux/interrupt.h>
#include <linux/io.h>
#include <linux/ktime.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/unaligned.h>
#include <linux/virtio.h>
#include <linux/virtio_config.h>
#include <linux/virtio_msg.h>
#include <uapi/linux/virtio_msg.h>

#define BEGIN()	asm volatile("hint #100" : : : "memory")
#define END()	asm volatile("hint #101" : : : "memory")

static int id = 63;
module_param(id, int, 0444);
MODULE_PARM_DESC(id, "type of the virtio devices to take");

static bool peer;
module_param(peer, bool, 0444);
MODULE_PARM_DESC(peer, "be a transport, too");

static bool raw;
module_param(raw, bool, 0444);
MODULE_PARM_DESC(raw, "drive an IVSHMEM function, too");

static bool dma;
module_param(dma, bool, 0444);
MODULE_PARM_DESC(dma, "drive an IVSHMEM function without copying");

static int rounds = 7;
module_param(rounds, int, 0444);
MODULE_PARM_DESC(rounds, "windows of each kind");

static int count = 1000;
module_param(count, int, 0444);
MODULE_PARM_DESC(count, "round trips in a window");

static void line(const char *name, s64 ns)
{
	pr_info("w %s %d %lld\n", name, count, ns);
}

/* Transactions of a virtio device. */

static int vb_probe(struct virtio_device *vdev)
{
	/* What it has already, so that nothing changes; FEATURES_OK among it. */
	u8 status = vdev->config->get_status(vdev);
	ktime_t begin;
	int r, i;

	for (i = 0; i < 100; i++)
		vdev->config->set_status(vdev, status);
	for (r = 0; r < rounds; r++) {
		begin = ktime_get();
		BEGIN();
		for (i = 0; i < count; i++)
			vdev->config->set_status(vdev, status);
		END();
		line(peer ? "at-once:virtio-msg" : "interrupt:virtio-msg",
		     ktime_to_ns(ktime_sub(ktime_get(), begin)));
	}
	return 0;
}

static void vb_remove(struct virtio_device *vdev)
{
	virtio_reset_device(vdev);
}

/* The first entry is written when the module is loaded. */
static struct virtio_device_id vb_ids[] = {
	{ .device = 0, .vendor = VIRTIO_DEV_ANY_ID },
	{ }
};

static struct virtio_driver vb_driver = {
	.driver.name = "vmsg_bench",
	.id_table = vb_ids,
	.probe = vb_probe,
	.remove = vb_remove,
};

/* A device side that answers at once, in xid32; one device, without queues. */

#define VB_HDR		12
#define VB_MSG		64
#define VB_DEV		1

static struct device *vb_parent;
static struct virtio_msg_bus *vb_bus;
static u32 vb_status;

static size_t vb_answer(const u8 *req, u8 *p)
{
	u16 first;

	if (req[0] & VIRTIO_MSG_TYPE_BUS) {
		switch (req[1]) {
		case VIRTIO_MSG_BUS_GET_DEVICES:
			first = get_unaligned_le16(req + VB_HDR);
			put_unaligned_le16(first, p);
			put_unaligned_le16(0, p + 2);
			p[4] = first ? 0 : BIT(VB_DEV);
			return 5;
		case VIRTIO_MSG_BUS_PING:
			memcpy(p, req + VB_HDR, 4);
			return 4;
		}
		return 0;
	}
	switch (req[1]) {
	case VIRTIO_MSG_GET_DEVICE_INFO:
		memset(p, 0, 44);
		put_unaligned_le32(id, p);
		put_unaligned_le32(2, p + 24);		/* feature blocks */
		return 44;
	case VIRTIO_MSG_GET_DEVICE_FEATURES:
		memcpy(p, req + VB_HDR, 4);
		put_unaligned_le32(0, p + 4);
		put_unaligned_le32(BIT(VIRTIO_F_VERSION_1 - 32), p + 8);
		return 12;
	case VIRTIO_MSG_SET_DEVICE_STATUS:
		vb_status = get_unaligned_le32(req + VB_HDR);
		fallthrough;
	case VIRTIO_MSG_GET_DEVICE_STATUS:
		put_unaligned_le32(vb_status, p);
		return 4;
	}
	return 0;
}

static int vb_send(struct virtio_msg_bus *bus, const void *frame, size_t len)
{
	u8 rsp[VB_MSG] = { };
	const u8 *req = frame;
	size_t n;

	/* Events need no answer. */
	if (req[1] >= VIRTIO_MSG_EVENT_BASE)
		return 0;
	memcpy(rsp, req, VB_HDR);
	rsp[0] |= VIRTIO_MSG_TYPE_RESPONSE;
	n = VB_HDR + vb_answer(req, rsp + VB_HDR);
	put_unaligned_le16(n, rsp + 4);
	virtio_msg_rx(bus, rsp, n);
	return 0;
}

static int vb_start(struct virtio_msg_bus *bus)
{
	static const struct virtio_msg_link link = {
		.wire = VIRTIO_MSG_WIRE_XID32,
		.max_msg_size = VB_MSG,
		.peer = ~0U,
	};

	virtio_msg_peer_up(bus, &link);
	return 0;
}

static void vb_stop(struct virtio_msg_bus *bus)
{
}

static const struct virtio_msg_transport_ops vb_ops = {
	.start = vb_start,
	.stop = vb_stop,
	.send = vb_send,
};

static const struct virtio_msg_transport_desc vb_desc = {
	.name = "bench",
	.owner = THIS_MODULE,
	.ops = &vb_ops,
	.flags = VIRTIO_MSG_T_ATOMIC_SEND,
};

static int vb_peer_init(void)
{
	int ret;

	vb_parent = root_device_register("vmsg-bench");
	if (IS_ERR(vb_parent))
		return PTR_ERR(vb_parent);
	vb_bus = virtio_msg_bus_alloc(vb_parent, &vb_desc, NULL);
	if (IS_ERR(vb_bus)) {
		ret = PTR_ERR(vb_bus);
		goto err_root;
	}
	ret = virtio_msg_bus_register(vb_bus);
	if (ret)
		goto err_bus;
	return 0;

err_bus:
	virtio_msg_bus_put(vb_bus);
err_root:
	root_device_unregister(vb_parent);
	return ret;
}

static void vb_peer_exit(void)
{
	virtio_msg_bus_unregister(vb_bus);
	virtio_msg_bus_put(vb_bus);
	root_device_unregister(vb_parent);
}

/*
 * The raw doorbell.  The program doorbell counts in the second word of the memory
 * what we count in the first one, and rings back unless the third one says not to.
 */

#define VB_IVPOSITION	8
#define VB_DOORBELL	12
#define VB_SPIN_MAX	100000000UL

struct vb_raw {
	u32 __iomem *regs;
	u32 *mem;
	struct completion rung;
};

static irqreturn_t vb_interrupt(int irq, void *data)
{
	struct vb_raw *r = data;

	complete(&r->rung);
	return IRQ_HANDLED;
}

static bool vb_raw_trip(struct vb_raw *r, bool spin)
{
	u32 want = READ_ONCE(r->mem[0]) + 1;
	unsigned long left = VB_SPIN_MAX;

	WRITE_ONCE(r->mem[0], want);
	/* To client 0, vector 0; writel() orders it behind the memory. */
	writel(0, (u8 __iomem *)r->regs + VB_DOORBELL);
	if (!spin)
		return wait_for_completion_timeout(&r->rung, HZ) &&
		       READ_ONCE(r->mem[1]) == want;
	while (READ_ONCE(r->mem[1]) != want && --left)
		cpu_relax();
	return left;
}

static bool vb_raw_window(struct vb_raw *r, const char *name, bool spin)
{
	ktime_t begin;
	int i;

	WRITE_ONCE(r->mem[2], spin);
	for (i = 0; i < 100; i++)
		if (!vb_raw_trip(r, spin))
			return false;
	begin = ktime_get();
	BEGIN();
	for (i = 0; i < count; i++)
		if (!vb_raw_trip(r, spin))
			break;
	END();
	line(name, ktime_to_ns(ktime_sub(ktime_get(), begin)));
	return i == count;
}

static int vb_raw_probe(struct pci_dev *pdev)
{
	struct vb_raw *r = devm_kzalloc(&pdev->dev, sizeof(*r), GFP_KERNEL);
	int ret, i;

	if (!r)
		return -ENOMEM;
	init_completion(&r->rung);
	ret = pcim_enable_device(pdev);
	if (ret)
		return ret;
	pci_set_master(pdev);
	r->regs = pcim_iomap(pdev, 0, 0);
	r->mem = devm_memremap(&pdev->dev, pci_resource_start(pdev, 2),
			       pci_resource_len(pdev, 2), MEMREMAP_WB);
	if (!r->regs || IS_ERR(r->mem))
		return -ENOMEM;
	ret = pci_alloc_irq_vectors(pdev, 1, 1, PCI_IRQ_MSIX);
	if (ret < 0)
		return ret;
	ret = devm_request_irq(&pdev->dev, pci_irq_vector(pdev, 0), vb_interrupt, 0,
			       "vmsg_bench", r);
	if (ret)
		return ret;
	for (i = 0; i < rounds; i++)
		if (!vb_raw_window(r, "interrupt:raw-doorbell", false) ||
		    !vb_raw_window(r, "spin:raw-doorbell", true))
			return dev_err_probe(&pdev->dev, -EIO, "no answer to the doorbell\n");
	return 0;
}

/* A segment whose device side is vmsgd with --driver-ram. */

struct vb_dma {
	u8 __iomem *regs;
	struct virtio_msg_segment *link;
};

static void vb_dma_ring(void *priv, u16 to)
{
	struct vb_dma *d = priv;

	/* Where the segment does not say: vmsgd has come first. */
	if (to == VIRTIO_MSG_PEER_NONE)
		to = 0;
	writel((u32)to << 16, d->regs + VB_DOORBELL);
}

/*
 * Nothing keeps that vmsgd from the memory, which it has mapped: the bench, not the
 * driver, sees to it that it does not die.
 */
static void vb_dma_cut(void *priv)
{
}

static bool vb_dma_uncut(void *priv)
{
	return true;
}

static irqreturn_t vb_dma_interrupt(int irq, void *data)
{
	struct vb_dma *d = data;
	/* Pairs with the release in vb_dma_probe(). */
	struct virtio_msg_segment *link = smp_load_acquire(&d->link);

	if (link)
		virtio_msg_segment_interrupt(link);
	return IRQ_HANDLED;
}

static int vb_dma_probe(struct pci_dev *pdev)
{
	struct vb_dma *d = devm_kzalloc(&pdev->dev, sizeof(*d), GFP_KERNEL);
	struct virtio_msg_segment_desc desc = {
		.name = "bench-dma",
		.owner = THIS_MODULE,
		.ring = vb_dma_ring,
		.flags = VIRTIO_MSG_T_DMA,
		.cut = vb_dma_cut,
		.uncut = vb_dma_uncut,
		.wire_mask = BIT(VIRTIO_MSG_WIRE_XID32),
		.priv = d,
	};
	struct virtio_msg_segment *link;
	int ret;

	if (!d)
		return -ENOMEM;
	ret = pcim_enable_device(pdev);
	if (ret)
		return ret;
	pci_set_master(pdev);
	ret = dma_set_mask_and_coherent(&pdev->dev, DMA_BIT_MASK(48));
	if (ret)
		return ret;
	d->regs = pcim_iomap(pdev, 0, 0);
	desc.phys = pci_resource_start(pdev, 2);
	desc.size = pci_resource_len(pdev, 2);
	desc.va = devm_memremap(&pdev->dev, desc.phys, desc.size, MEMREMAP_WB);
	if (!d->regs || IS_ERR(desc.va))
		return -ENOMEM;
	ret = pci_alloc_irq_vectors(pdev, 1, 1, PCI_IRQ_MSIX);
	if (ret < 0)
		return ret;
	ret = request_irq(pci_irq_vector(pdev, 0), vb_dma_interrupt, 0, "vmsg_bench", d);
	if (ret)
		goto err_vectors;
	desc.own_peer = readl(d->regs + VB_IVPOSITION);
	link = virtio_msg_segment_register(&pdev->dev, &desc);
	if (IS_ERR(link)) {
		ret = PTR_ERR(link);
		goto err_irq;
	}
	smp_store_release(&d->link, link);
	virtio_msg_segment_interrupt(link);
	pci_set_drvdata(pdev, d);
	return 0;

err_irq:
	free_irq(pci_irq_vector(pdev, 0), d);
err_vectors:
	pci_free_irq_vectors(pdev);
	return ret;
}

static void vb_dma_remove(struct pci_dev *pdev)
{
	struct vb_dma *d = pci_get_drvdata(pdev);

	if (!dma)
		return;
	virtio_msg_segment_stop(d->link);
	free_irq(pci_irq_vector(pdev, 0), d);
	pci_free_irq_vectors(pdev);
	virtio_msg_segment_free(d->link);
}

static int vb_pci_probe(struct pci_dev *pdev, const struct pci_device_id *pci_id)
{
	return dma ? vb_dma_probe(pdev) : vb_raw_probe(pdev);
}

static const struct pci_device_id vb_pci_ids[] = {
	{ PCI_DEVICE(0x1af4, 0x1110) },
	{ }
};

static struct pci_driver vb_pci_driver = {
	.name = "vmsg_bench",
	.id_table = vb_pci_ids,
	.probe = vb_pci_probe,
	.remove = vb_dma_remove,
};

static int __init vb_init(void)
{
	int ret;

	if (raw || dma)
		return pci_register_driver(&vb_pci_driver);
	vb_ids[0].device = id;
	ret = register_virtio_driver(&vb_driver);
	if (ret || !peer)
		return ret;
	ret = vb_peer_init();
	if (ret)
		unregister_virtio_driver(&vb_driver);
	return ret;
}

static void __exit vb_exit(void)
{
	if (raw || dma) {
		pci_unregister_driver(&vb_pci_driver);
		return;
	}
	if (peer)
		vb_peer_exit();
	unregister_virtio_driver(&vb_driver);
}

module_init(vb_init);
module_exit(vb_exit);
MODULE_DESCRIPTION("Round trips of virtio-msg, for the bench");
MODULE_LICENSE("GPL");
