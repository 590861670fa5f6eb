// SPDX-License-Identifier: GPL-2.0-only
/*
 * virtio-msg: what depends on how the virtio core maps and counts features
 *
 * Linux 6.12: DMA operations on devices of our own and 64 feature bits.
 */

#include <linux/virtio_ring.h>

#include "../internal.h"
#include "map_dma.h"

static u64 vmsg_get_features_op(struct virtio_device *vdev)
{
	struct vmsg_device *vd = to_vmsg_device(vdev);

	if (vd->features[1])
		dev_info_once(&vdev->dev,
			      "feature bits 64 to 127 need a newer kernel\n");
	return vmsg_offered_features(vd);
}

static int vmsg_finalize_features_op(struct virtio_device *vdev)
{
	u64 wanted = vdev->features;

	vring_transport_features(vdev);
	return vmsg_set_features(to_vmsg_device(vdev), wanted, 0);
}

const struct virtio_config_ops vmsg_config_ops = {
	VMSG_CONFIG_OPS_COMMON,
	.get_features = vmsg_get_features_op,
	.finalize_features = vmsg_finalize_features_op,
};

/**
 * vmsg_glue_init_vdev() - place a device's buffers
 * @vd: the device, before it is registered
 *
 * Nothing to do: limits are asked of the parent, which is the bus.
 *
 * Context: any.
 */
void vmsg_glue_init_vdev(struct vmsg_device *vd)
{
}

/**
 * vmsg_glue_init_bus() - the bus has got a window, or does DMA
 * @bus: the bus
 *
 * Context: may sleep.
 * Return: 0 or as vmsg_compat_setup_dma().
 */
int vmsg_glue_init_bus(struct virtio_msg_bus *bus)
{
	return vmsg_compat_setup_dma(&bus->ctx.dev, &vmsg_bus_dma_ops);
}

/**
 * vmsg_glue_init_vq() - the queue has got its context
 * @q: the queue
 *
 * Its device is never registered; what the DMA layer looks at is a name for
 * messages, masks and operations.
 *
 * Context: may sleep.
 * Return: 0 or as vmsg_compat_setup_dma().
 */
int vmsg_glue_init_vq(struct vmsg_vq *q)
{
	q->ctx.dev.init_name = "virtio-msg-queue";
	return vmsg_compat_setup_dma(&q->ctx.dev, q->ctx.dma ? &vmsg_real_dma_ops :
							       &vmsg_dma_ops);
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
 * Context: may sleep.
 * Return: the virtqueue or NULL.
 */
struct virtqueue *vmsg_glue_create_ring(struct vmsg_vq *q, u32 num, bool ctx,
					bool (*notify)(struct virtqueue *vq),
					void (*callback)(struct virtqueue *vq),
					const char *name)
{
	struct virtio_device *vdev = &q->vd->vdev;

	return vring_create_virtqueue_dma(q->index, num, PAGE_SIZE, vdev, false,
					  true, ctx, notify, callback, name,
					  q->ctx.win || q->ctx.dma ?
					  &q->ctx.dev : vdev->dev.parent);
}
