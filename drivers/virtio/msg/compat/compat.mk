# SPDX-License-Identifier: GPL-2.0-only
#
# Included by the Makefile above, where this directory exists. Upstream it does
# not, and neither does it change anything on a kernel with virtio_map_ops,
# which came after virtio_features.h.

ifeq ($(wildcard $(srctree)/include/linux/virtio_features.h),)
vmsg-map-objs := compat/map_dma.o compat/vdev_glue.o
# Stable updates bring some of what is newer: only what the headers lack is added.
vmsg-has = $(if $(shell grep -w -m 1 -e $(1) $(srctree)/include/linux/$(2) 2>/dev/null),-DVMSG_HAS_$(1))
vmsg-compat := -include $(abspath $(src))/compat/compat.h \
	$(call vmsg-has,default_gfp,gfp.h) $(call vmsg-has,kmalloc_obj,slab.h) \
	$(call vmsg-has,timer_container_of,timer.h) $(call vmsg-has,hrtimer_setup,hrtimer.h) \
	$(call vmsg-has,EMPTY_VMA_FLAGS,mm_types.h) $(call vmsg-has,secs_to_jiffies,jiffies.h) \
	$(call vmsg-has,WQ_PERCPU,workqueue.h)
subdir-ccflags-y += $(vmsg-compat)
endif

include $(dir $(lastword $(MAKEFILE_LIST)))version.mk
