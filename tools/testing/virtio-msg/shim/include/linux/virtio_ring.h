/* SPDX-License-Identifier: GPL-2.0-only */
/* Shim: see linux/virtio.h */
#ifndef _SHIM_LINUX_VIRTIO_RING_H
#define _SHIM_LINUX_VIRTIO_RING_H

#include_next <linux/virtio_ring.h>
#include <linux/virtio.h>

struct virtqueue;
struct virtio_device;
union virtio_map;

void vring_interrupt(int irq, void *vq);
void vring_del_virtqueue(struct virtqueue *vq);
void vring_transport_features(struct virtio_device *vdev);
u32 vring_notification_data(struct virtqueue *vq);
struct virtqueue *
vring_create_virtqueue_map(unsigned int index, unsigned int num, unsigned int align,
			   struct virtio_device *vdev, bool weak_barriers,
			   bool may_reduce_num, bool ctx,
			   bool (*notify)(struct virtqueue *vq),
			   void (*callback)(struct virtqueue *vq), const char *name,
			   union virtio_map map);

#endif
