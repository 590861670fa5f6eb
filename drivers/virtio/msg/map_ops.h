/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The window, or DMA, behind struct virtio_map_ops
 */
#ifndef _DRIVERS_VIRTIO_MSG_MAP_OPS_H
#define _DRIVERS_VIRTIO_MSG_MAP_OPS_H

struct virtio_map_ops;

/*
 * For vdev->map.  In vdev->vmap and in what vring_create_virtqueue_map() gets,
 * .dma_dev is the dev of a struct vmsg_wctx: one that answers for the device
 * and one of the queue.
 */
extern const struct virtio_map_ops vmsg_map_ops;
extern const struct virtio_map_ops vmsg_dma_map_ops;

#endif /* _DRIVERS_VIRTIO_MSG_MAP_OPS_H */
