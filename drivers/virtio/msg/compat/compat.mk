# SPDX-License-Identifier: GPL-2.0-only
#
# Included by the Makefile above, where this directory exists. Upstream it does
# not, and neither does it change anything on a kernel with virtio_map_ops,
# which came after virtio_features.h.

ifeq ($(wildcard $(srctree)/include/linux/virtio_features.h),)
vmsg-map-objs := compat/map_dma.o compat/vdev_glue.o
subdir-ccflags-y += -include $(abspath $(src))/compat/compat.h
endif
