/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The window, or real DMA, behind struct dma_map_ops, for kernels without virtio_map_ops
 */
#ifndef _DRIVERS_VIRTIO_MSG_COMPAT_MAP_DMA_H
#define _DRIVERS_VIRTIO_MSG_COMPAT_MAP_DMA_H

struct device;
struct dma_map_ops;

extern const struct dma_map_ops vmsg_dma_ops;
extern const struct dma_map_ops vmsg_real_dma_ops;
extern const struct dma_map_ops vmsg_bus_dma_ops;

int vmsg_compat_setup_dma(struct device *dev, const struct dma_map_ops *ops);

#endif /* _DRIVERS_VIRTIO_MSG_COMPAT_MAP_DMA_H */
