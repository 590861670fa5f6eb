// SPDX-License-Identifier: GPL-2.0-only
/*
 * virtio-msg over an AMP card: the PCI functions 10ee:9038 and 10ee:9039
 *
 * BAR0 has the registers, BAR1 the memory of the FIFOs; each FIFO has an MSI-X
 * vector.  The card reaches memory by DMA of this function, so an IOMMU limits
 * it to what its devices were given.  What is not PCI is in amp_fifo.c.
 */

#include <linux/dma-mapping.h>
#include <linux/interrupt.h>
#include <linux/io.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/virtio_msg.h>

#include "amp_fifo.h"

#define VMSG_AMP_VENDOR		0x10ee

#define VMSG_AMP_BAR_REGS	0
#define VMSG_AMP_BAR_MEM	1

/* A wire address has 48 bits for it. */
#define VMSG_AMP_DMA_BITS	48

static char *wire = "";
module_param(wire, charp, 0444);
MODULE_PARM_DESC(wire,
		 "wire revisions to accept from a self-describing layout (default: what it offers, v1 if it does not say)");

static bool wc;
module_param(wc, bool, 0444);
MODULE_PARM_DESC(wc,
		 "map FIFO memory write-combining, for a card whose memory is not RAM of the host (default off)");

/**
 * struct vmsg_amp_pci - one function
 * @amp: the card
 * @pdev: the function
 * @regs: BAR0
 */
struct vmsg_amp_pci {
	struct vmsg_amp amp;
	struct pci_dev *pdev;
	void __iomem *regs;
};

static struct vmsg_amp_pci *vmsg_amp_pci(struct vmsg_amp *amp)
{
	return container_of(amp, struct vmsg_amp_pci, amp);
}

static u32 vmsg_amp_pci_read(struct vmsg_amp *amp, unsigned int reg)
{
	return readl(vmsg_amp_pci(amp)->regs + reg);
}

static void vmsg_amp_pci_write(struct vmsg_amp *amp, unsigned int reg, u32 val)
{
	/* writel() orders it behind what was stored to the FIFO. */
	writel(val, vmsg_amp_pci(amp)->regs + reg);
}

static void vmsg_amp_pci_master(struct vmsg_amp *amp, bool on)
{
	if (on)
		pci_set_master(vmsg_amp_pci(amp)->pdev);
	else
		pci_clear_master(vmsg_amp_pci(amp)->pdev);
}

static irqreturn_t vmsg_amp_pci_interrupt(int irq, void *data)
{
	vmsg_amp_interrupt(data);
	return IRQ_HANDLED;
}

static void vmsg_amp_pci_free_irqs(struct vmsg_amp_pci *ap, unsigned int num)
{
	while (num--)
		free_irq(pci_irq_vector(ap->pdev, num), &ap->amp.fifo[num]);
	pci_free_irq_vectors(ap->pdev);
}

static int vmsg_amp_pci_irqs(struct vmsg_amp_pci *ap)
{
	unsigned int n;
	int ret;

	ret = pci_alloc_irq_vectors(ap->pdev, ap->amp.num, ap->amp.num, PCI_IRQ_MSIX);
	if (ret < 0)
		return ret;
	for (n = 0; n < ap->amp.num; n++) {
		ret = request_irq(pci_irq_vector(ap->pdev, n), vmsg_amp_pci_interrupt,
				  0, "virtio_msg_amp_pci", &ap->amp.fifo[n]);
		if (ret) {
			vmsg_amp_pci_free_irqs(ap, n);
			return ret;
		}
	}
	return 0;
}

static int vmsg_amp_pci_map(struct vmsg_amp_pci *ap)
{
	struct pci_dev *pdev = ap->pdev;
	int ret;

	ret = pcim_request_region(pdev, VMSG_AMP_BAR_MEM, "virtio_msg_amp_pci");
	if (ret)
		return ret;
	/* Messages are copied by memcpy(): never a Device mapping. */
	ap->amp.size = pci_resource_len(pdev, VMSG_AMP_BAR_MEM);
	if (!ap->amp.size)
		return -ENODEV;
	ap->amp.mem = devm_memremap(&pdev->dev,
				    pci_resource_start(pdev, VMSG_AMP_BAR_MEM),
				    ap->amp.size, wc ? MEMREMAP_WC : MEMREMAP_WB);
	if (IS_ERR(ap->amp.mem))
		return PTR_ERR(ap->amp.mem);
	if (pci_resource_len(pdev, VMSG_AMP_BAR_REGS) <
	    VMSG_AMP_NOTIFY(VMSG_AMP_MAX_FIFOS))
		return -ENODEV;
	ap->regs = pcim_iomap(pdev, VMSG_AMP_BAR_REGS, 0);
	return ap->regs ? 0 : -ENOMEM;
}

static int vmsg_amp_pci_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct vmsg_amp_pci *ap;
	int ret;

	ap = devm_kzalloc(&pdev->dev, sizeof(*ap), GFP_KERNEL);
	if (!ap)
		return -ENOMEM;
	ap->pdev = pdev;
	ap->amp.dev = &pdev->dev;
	ap->amp.owner = THIS_MODULE;
	ap->amp.card = (const struct vmsg_amp_card *)id->driver_data;
	ap->amp.read = vmsg_amp_pci_read;
	ap->amp.write = vmsg_amp_pci_write;
	ap->amp.master = vmsg_amp_pci_master;
	if (*wire) {
		ret = virtio_msg_wire_mask(wire, &ap->amp.wire_mask);
		if (ret)
			return dev_err_probe(&pdev->dev, ret, "wire=%s: not known\n", wire);
	}
	ret = pcim_enable_device(pdev);
	if (ret)
		return ret;
	ret = dma_set_mask_and_coherent(&pdev->dev, DMA_BIT_MASK(VMSG_AMP_DMA_BITS));
	if (ret)
		return ret;
	ret = vmsg_amp_pci_map(ap);
	if (ret)
		return dev_err_probe(&pdev->dev, ret, "BARs of no use\n");
	ret = pci_msix_vec_count(pdev);
	if (ret < 0)
		return dev_err_probe(&pdev->dev, ret, "no MSI-X\n");
	ret = vmsg_amp_survey(&ap->amp, ret);
	if (ret < 0)
		return ret;
	pci_set_drvdata(pdev, ap);
	/* For MSI-X messages as much as for what the devices read and write. */
	pci_set_master(pdev);
	ret = vmsg_amp_pci_irqs(ap);
	if (ret)
		goto err_master;
	ret = vmsg_amp_start(&ap->amp);
	if (ret)
		goto err_irqs;
	return 0;

err_irqs:
	vmsg_amp_pci_free_irqs(ap, ap->amp.num);
err_master:
	pci_clear_master(pdev);
	return ret;
}

static void vmsg_amp_pci_remove(struct pci_dev *pdev)
{
	struct vmsg_amp_pci *ap = pci_get_drvdata(pdev);

	/* The devices need the interrupts while they go ... */
	vmsg_amp_stop(&ap->amp);
	pci_clear_master(pdev);
	/* ... and the interrupts need the FIFOs. */
	vmsg_amp_pci_free_irqs(ap, ap->amp.num);
	vmsg_amp_free(&ap->amp);
}

static int vmsg_amp_pci_suspend(struct device *dev)
{
	struct vmsg_amp_pci *ap = dev_get_drvdata(dev);

	return vmsg_amp_suspend(&ap->amp);
}

static int vmsg_amp_pci_resume(struct device *dev)
{
	struct vmsg_amp_pci *ap = dev_get_drvdata(dev);

	return vmsg_amp_resume(&ap->amp);
}

static DEFINE_SIMPLE_DEV_PM_OPS(vmsg_amp_pci_pm, vmsg_amp_pci_suspend,
				vmsg_amp_pci_resume);

static const struct pci_device_id vmsg_amp_pci_ids[] = {
	{ PCI_DEVICE(VMSG_AMP_VENDOR, 0x9038),
	  .driver_data = (kernel_ulong_t)&vmsg_amp_9038 },
	{ PCI_DEVICE(VMSG_AMP_VENDOR, 0x9039),
	  .driver_data = (kernel_ulong_t)&vmsg_amp_9039 },
	{ }
};
MODULE_DEVICE_TABLE(pci, vmsg_amp_pci_ids);

static struct pci_driver vmsg_amp_pci_driver = {
	.name = "virtio_msg_amp_pci",
	.id_table = vmsg_amp_pci_ids,
	.probe = vmsg_amp_pci_probe,
	.remove = vmsg_amp_pci_remove,
	.driver.pm = pm_sleep_ptr(&vmsg_amp_pci_pm),
};
module_pci_driver(vmsg_amp_pci_driver);

MODULE_DESCRIPTION("virtio-msg over an AMP PCI card");
MODULE_LICENSE("GPL");
