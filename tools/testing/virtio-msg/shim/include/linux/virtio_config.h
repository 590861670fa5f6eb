/* SPDX-License-Identifier: GPL-2.0-only */
/* Shim: see linux/virtio.h */
#ifndef _SHIM_LINUX_VIRTIO_CONFIG_H
#define _SHIM_LINUX_VIRTIO_CONFIG_H

#include_next <linux/virtio_config.h>
#include <env/env.h>

#ifndef VIRTIO_F_NOTIFICATION_DATA
#define VIRTIO_F_NOTIFICATION_DATA	38
#endif
#ifndef VIRTIO_BLK_F_ZONED
#define VIRTIO_BLK_F_ZONED		17
#endif

struct virtio_device;
struct virtqueue;
struct irq_affinity;

struct virtqueue_info {
	const char *name;
	void (*callback)(struct virtqueue *vq);
	bool ctx;
};

struct virtio_shm_region {
	u64 addr;
	u64 len;
};

struct virtio_config_ops {
	void (*get)(struct virtio_device *vdev, unsigned int offset, void *buf,
		    unsigned int len);
	void (*set)(struct virtio_device *vdev, unsigned int offset, const void *buf,
		    unsigned int len);
	u32 (*generation)(struct virtio_device *vdev);
	u8 (*get_status)(struct virtio_device *vdev);
	void (*set_status)(struct virtio_device *vdev, u8 status);
	void (*reset)(struct virtio_device *vdev);
	int (*find_vqs)(struct virtio_device *vdev, unsigned int nvqs,
			struct virtqueue *vqs[], struct virtqueue_info vqs_info[],
			struct irq_affinity *desc);
	void (*del_vqs)(struct virtio_device *vdev);
	void (*synchronize_cbs)(struct virtio_device *vdev);
	u64 (*get_features)(struct virtio_device *vdev);
	void (*get_extended_features)(struct virtio_device *vdev, u64 *features);
	int (*finalize_features)(struct virtio_device *vdev);
	const char *(*bus_name)(struct virtio_device *vdev);
	bool (*get_shm_region)(struct virtio_device *vdev,
			       struct virtio_shm_region *region, u8 id);
	int (*disable_vq_and_reset)(struct virtqueue *vq);
	int (*enable_vq_after_reset)(struct virtqueue *vq);
};

bool shim_virtio_has(const struct virtio_device *vdev, unsigned int bit);
#define virtio_has_feature(v, b)	shim_virtio_has(v, b)

#endif
