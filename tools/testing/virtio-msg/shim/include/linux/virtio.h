/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Shim: as much of the virtio core as a transport sees. virtio.c has a driver
 * and a split virtqueue behind it.
 */
#ifndef _SHIM_LINUX_VIRTIO_H
#define _SHIM_LINUX_VIRTIO_H

#include <env/env.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>

struct virtio_device;
struct virtqueue;

struct virtio_device_id {
	u32 device;
	u32 vendor;
};

union virtio_map {
	struct device *dma_dev;
};

struct virtio_map_ops {
	dma_addr_t (*map_page)(union virtio_map map, struct page *page,
			       unsigned long offset, size_t size,
			       enum dma_data_direction dir, unsigned long attrs);
	void (*unmap_page)(union virtio_map map, dma_addr_t handle, size_t size,
			   enum dma_data_direction dir, unsigned long attrs);
	void (*sync_single_for_cpu)(union virtio_map map, dma_addr_t handle,
				    size_t size, enum dma_data_direction dir);
	void (*sync_single_for_device)(union virtio_map map, dma_addr_t handle,
				       size_t size, enum dma_data_direction dir);
	void *(*alloc)(union virtio_map map, size_t size, dma_addr_t *handle, gfp_t gfp);
	void (*free)(union virtio_map map, size_t size, void *va, dma_addr_t handle,
		     unsigned long attrs);
	bool (*need_sync)(union virtio_map map, dma_addr_t handle);
	int (*mapping_error)(union virtio_map map, dma_addr_t handle);
	size_t (*max_mapping_size)(union virtio_map map);
};

struct virtio_device {
	struct device dev;
	int index;
	struct virtio_device_id id;
	const struct virtio_config_ops *config;
	const struct virtio_map_ops *map;
	union virtio_map vmap;
	union {
		u64 features;
		u64 features_array[2];
	};
	void *priv;
	/* the core's */
	bool config_enabled;
	bool config_pending;
	struct shim_lock config_lock;
};

#define dev_to_virtio(d)	container_of(d, struct virtio_device, dev)

struct virtqueue {
	void (*callback)(struct virtqueue *vq);
	const char *name;
	struct virtio_device *vdev;
	unsigned int index;
	unsigned int num_free;
	unsigned int num_max;
	bool reset;
	void *priv;
};

int register_virtio_device(struct virtio_device *vdev);
void unregister_virtio_device(struct virtio_device *vdev);
void virtio_config_changed(struct virtio_device *vdev);
void __virtqueue_break(struct virtqueue *vq);
void __virtqueue_unbreak(struct virtqueue *vq);
bool virtqueue_is_broken(const struct virtqueue *vq);
unsigned int virtqueue_enable_cb_prepare(struct virtqueue *vq);
unsigned int virtqueue_get_vring_size(const struct virtqueue *vq);
dma_addr_t virtqueue_get_desc_addr(const struct virtqueue *vq);
dma_addr_t virtqueue_get_avail_addr(const struct virtqueue *vq);
dma_addr_t virtqueue_get_used_addr(const struct virtqueue *vq);

#endif
