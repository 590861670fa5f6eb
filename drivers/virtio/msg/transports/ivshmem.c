// SPDX-License-Identifier: GPL-2.0-only
/*
 * virtio-msg over IVSHMEM: the PCI function 1af4:1110 with a doorbell
 *
 * BAR0 has the registers, BAR2 the memory that is shared with the other clients
 * of the ivshmem server; each doorbell is an MSI-X vector of ours.  The segment
 * lies at the start of BAR2 and says who the device side is, so nothing is
 * configured here.  Nothing but BAR2 is ever exposed.
 */

#include <linux/interrupt.h>
#include <linux/io.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/virtio_msg.h>

#define IVSHMEM_VENDOR		0x1af4
#define IVSHMEM_DEVICE		0x1110

#define IVSHMEM_BAR_REGS	0
#define IVSHMEM_BAR_MEM		2

/* Registers in BAR0 */
#define IVSHMEM_IVPOSITION	8	/* own peer id */
#define IVSHMEM_DOORBELL	12	/* peer id << 16 | vector */

/* One vector for everything, see segment.rst. */
#define IVSHMEM_VECTOR		0

static bool wait;
module_param(wait, bool, 0444);
MODULE_PARM_DESC(wait,
		 "stay bound to a function whose memory has no segment yet and look again each second (default off)");

static char *wire = "xid32,v2,v1,rfc2";
module_param(wire, charp, 0444);
MODULE_PARM_DESC(wire, "wire revisions to accept (default xid32,v2,v1,rfc2)");

/**
 * struct vmsg_ivshmem - one function
 * @regs: BAR0
 * @link: the segment; NULL until it is registered, and read by the interrupt
 */
struct vmsg_ivshmem {
	void __iomem *regs;
	struct virtio_msg_segment *link;
};

static void vmsg_ivshmem_ring(void *priv, u16 peer)
{
	struct vmsg_ivshmem *iv = priv;

	if (peer == VIRTIO_MSG_PEER_NONE)
		return;
	/* writel() orders it behind what was stored to the segment. */
	writel((u32)peer << 16 | IVSHMEM_VECTOR, iv->regs + IVSHMEM_DOORBELL);
}

static irqreturn_t vmsg_ivshmem_interrupt(int irq, void *data)
{
	struct vmsg_ivshmem *iv = data;
	/* Pairs with the release in probe. */
	struct virtio_msg_segment *link = smp_load_acquire(&iv->link);

	/* Rung before we are ready: the segment is looked at then anyway. */
	if (link)
		virtio_msg_segment_interrupt(link);
	return IRQ_HANDLED;
}

static int vmsg_ivshmem_irq(struct pci_dev *pdev, struct vmsg_ivshmem *iv)
{
	int ret;

	ret = pci_alloc_irq_vectors(pdev, 1, 1, PCI_IRQ_MSIX);
	if (ret < 0) {
		/* ivshmem-plain: no doorbell, so nobody could tell us anything. */
		pci_dbg(pdev, "no doorbell\n");
		return -ENODEV;
	}
	ret = request_irq(pci_irq_vector(pdev, IVSHMEM_VECTOR),
			  vmsg_ivshmem_interrupt, 0, "virtio_msg_ivshmem", iv);
	if (ret)
		pci_free_irq_vectors(pdev);
	return ret;
}

static int vmsg_ivshmem_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct virtio_msg_segment_desc desc = {
		.name = "ivshmem",
		.owner = THIS_MODULE,
		.ring = vmsg_ivshmem_ring,
	};
	struct virtio_msg_segment *link;
	struct vmsg_ivshmem *iv;
	int ret;

	ret = virtio_msg_wire_mask(wire, &desc.wire_mask);
	if (ret)
		return dev_err_probe(&pdev->dev, ret, "wire=%s: not known\n", wire);
	iv = devm_kzalloc(&pdev->dev, sizeof(*iv), GFP_KERNEL);
	if (!iv)
		return -ENOMEM;
	ret = pcim_enable_device(pdev);
	if (ret)
		return ret;
	ret = pcim_request_region(pdev, IVSHMEM_BAR_MEM, "virtio_msg_ivshmem");
	if (ret)
		return ret;

	/*
	 * The memory is RAM of the host.  Write-back gives normal cached memory
	 * on arm64 and x86 alike; a Device mapping would fault on unaligned
	 * copies.
	 */
	desc.phys = pci_resource_start(pdev, IVSHMEM_BAR_MEM);
	desc.size = pci_resource_len(pdev, IVSHMEM_BAR_MEM);
	if (!desc.size)
		return -ENODEV;
	desc.va = devm_memremap(&pdev->dev, desc.phys, desc.size, MEMREMAP_WB);
	if (IS_ERR(desc.va))
		return PTR_ERR(desc.va);
	ret = virtio_msg_segment_check(desc.va, desc.size);
	if (ret == -ENODEV && !wait)
		return -ENODEV;	/* somebody else's */
	if (ret == -EINVAL && !wait)
		return dev_err_probe(&pdev->dev, ret, "the segment's layout is wrong\n");

	iv->regs = pcim_iomap(pdev, IVSHMEM_BAR_REGS, 0);
	if (!iv->regs)
		return -ENOMEM;
	/* For the doorbell's MSI-X messages. */
	pci_set_master(pdev);
	ret = vmsg_ivshmem_irq(pdev, iv);
	if (ret)
		return ret;
	desc.own_peer = readl(iv->regs + IVSHMEM_IVPOSITION);
	desc.priv = iv;
	pci_set_drvdata(pdev, iv);

	link = virtio_msg_segment_register(&pdev->dev, &desc);
	if (IS_ERR(link)) {
		free_irq(pci_irq_vector(pdev, IVSHMEM_VECTOR), iv);
		pci_free_irq_vectors(pdev);
		return PTR_ERR(link);
	}
	/* What the interrupt will look at is written before. */
	smp_store_release(&iv->link, link);
	/* What was rung in between. */
	virtio_msg_segment_interrupt(link);
	return 0;
}

static void vmsg_ivshmem_remove(struct pci_dev *pdev)
{
	struct vmsg_ivshmem *iv = pci_get_drvdata(pdev);
	struct virtio_msg_segment *link = iv->link;
	int irq = pci_irq_vector(pdev, IVSHMEM_VECTOR);

	/* The devices need the interrupt while they go ... */
	virtio_msg_segment_stop(link);
	/* ... and the interrupt needs the segment. */
	free_irq(irq, iv);
	pci_free_irq_vectors(pdev);
	virtio_msg_segment_free(link);
}

static int vmsg_ivshmem_suspend(struct device *dev)
{
	struct vmsg_ivshmem *iv = dev_get_drvdata(dev);

	return virtio_msg_segment_suspend(iv->link);
}

static int vmsg_ivshmem_resume(struct device *dev)
{
	struct vmsg_ivshmem *iv = dev_get_drvdata(dev);

	return virtio_msg_segment_resume(iv->link);
}

static DEFINE_SIMPLE_DEV_PM_OPS(vmsg_ivshmem_pm, vmsg_ivshmem_suspend,
				vmsg_ivshmem_resume);

static const struct pci_device_id vmsg_ivshmem_ids[] = {
	{ PCI_DEVICE(IVSHMEM_VENDOR, IVSHMEM_DEVICE) },
	{ }
};
MODULE_DEVICE_TABLE(pci, vmsg_ivshmem_ids);

static struct pci_driver vmsg_ivshmem_driver = {
	.name = "virtio_msg_ivshmem",
	.id_table = vmsg_ivshmem_ids,
	.probe = vmsg_ivshmem_probe,
	.remove = vmsg_ivshmem_remove,
	.driver.pm = pm_sleep_ptr(&vmsg_ivshmem_pm),
};
module_pci_driver(vmsg_ivshmem_driver);

MODULE_DESCRIPTION("virtio-msg over IVSHMEM");
MODULE_LICENSE("GPL");
