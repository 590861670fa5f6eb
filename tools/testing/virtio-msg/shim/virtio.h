/* SPDX-License-Identifier: GPL-2.0-only */
/* Shim: what a driver of a virtio device sees; the transport's side is in linux/virtio.h. */
#ifndef _SHIM_VIRTIO_H
#define _SHIM_VIRTIO_H

#include <linux/virtio.h>

struct virtio_driver {
	u32 device;
	u64 features;
	int (*probe)(struct virtio_device *vdev);
	void (*remove)(struct virtio_device *vdev);
	void (*config_changed)(struct virtio_device *vdev);
};

/* All of them, ended by one without a probe function. */
extern const struct virtio_driver *const shim_drivers[];

#define SHIM_MAX_SG	4

struct shim_sg {
	void *p;
	u32 len;
	bool in;
};

void shim_device_ready(struct virtio_device *vdev);
void shim_device_reset(struct virtio_device *vdev);
/* As virtqueue_add_sgs(): 0, -ENOSPC, -ENOMEM, -EIO.  The driver's lock is held. */
int shim_add(struct virtqueue *vq, const struct shim_sg *sg, unsigned int n, void *data);
bool shim_kick(struct virtqueue *vq);
void *shim_get(struct virtqueue *vq, u32 *len);
void *shim_detach(struct virtqueue *vq);
bool shim_broken(const struct virtqueue *vq);

#endif
