// SPDX-License-Identifier: GPL-2.0-only
/*
 * virtio-msg: what depends on how the virtio core maps and counts features
 *
 * Mainline: struct virtio_map_ops and 128 feature bits.
 */

#include <linux/dma-mapping.h>
#include <linux/virtio_features.h>
#include <linux/virtio_ring.h>

#include "internal.h"
#include "map_ops.h"

static u64 vmsg_get_features_op(struct virtio_device *vdev)
{
	return vmsg_offered_features(to_vmsg_device(vdev));
}

static void vmsg_get_extended_features_op(struct virtio_device *vdev, u64 *features)
{
	struct vmsg_device *vd = to_vmsg_device(vdev);

	virtio_features_from_u64(features, vmsg_offered_features(vd));
	features[1] = vd->features[1];
}

static int vmsg_finalize_features_op(struct virtio_device *vdev)
{
	u64 wanted = vdev->features;

	vring_transport_features(vdev);
	return vmsg_set_features(to_vmsg_device(vdev), wanted,
				 vdev->features_array[1]);
}

const struct virtio_config_ops vmsg_config_ops = {
	VMSG_CONFIG_OPS_COMMON,
	.get_features = vmsg_get_features_op,
	.get_extended_features = vmsg_get_extended_features_op,
	.finalize_features = vmsg_finalize_features_op,
};

/**
 * vmsg_glue_init_vdev() - place a device's buffers
 * @vd: the device, before it is registered
 *
 * Context: any.
 */
void vmsg_glue_init_vdev(struct vmsg_device *vd)
{
	if (!vd->bus->win && !vd->bus->dma_dev)
		return;
	vd->vdev.map = vd->bus->win ? &vmsg_map_ops : &vmsg_dma_map_ops;
	vd->vdev.vmap.dma_dev = &vd->limits.dev;
}

/**
 * vmsg_glue_init_bus() - the bus has got a window, or does DMA
 * @bus: the bus
 *
 * There are drivers that allocate buffers with dma_alloc_coherent() from the
 * parent of their device, which is the bus, and then add them to a queue like
 * any others (virtio_rpmsg_bus).  There they are copied or mapped, so what they
 * get is ordinary memory: the bus "does DMA" with the processor.
 *
 * Context: may sleep.
 * Return: 0.
 */
int vmsg_glue_init_bus(struct virtio_msg_bus *bus)
{
	dev_set_dma_coherent(&bus->ctx.dev);
	/* Where there is no DMA at all, nobody asks for it. */
	dma_coerce_mask_and_coherent(&bus->ctx.dev, DMA_BIT_MASK(64));
	return 0;
}

/**
 * vmsg_glue_init_vq() - the queue has got its context
 * @q: the queue
 *
 * Context: may sleep.
 * Return: 0.
 */
int vmsg_glue_init_vq(struct vmsg_vq *q)
{
	return 0;
}

/**
 * vmsg_glue_create_ring() - make the ring of a queue
 * @q: the queue
 * @num: entries; fewer are made if the window is short
 * @ctx: the driver adds a context to its buffers
 * @notify: kick
 * @callback: the driver's
 * @name: the driver's
 *
 * The peer is another CPU, maybe behind PCI: barriers are the mandatory ones.
 *
 * Context: may sleep.
 * Return: the virtqueue or NULL.
 */
struct virtqueue *vmsg_glue_create_ring(struct vmsg_vq *q, u32 num, bool ctx,
					bool (*notify)(struct virtqueue *vq),
					void (*callback)(struct virtqueue *vq),
					const char *name)
{
	struct virtio_device *vdev = &q->vd->vdev;
	union virtio_map map = {
		.dma_dev = q->ctx.win || q->ctx.dma ? &q->ctx.dev :
						      vdev->dev.parent,
	};

	return vring_create_virtqueue_map(q->index, num, PAGE_SIZE, vdev, false,
					  true, ctx, notify, callback, name, map);
}
