# SPDX-License-Identifier: GPL-2.0-only
#
# Included where modules are made, outside of the kernel tree only: their version.

vmsg-version-dir := $(abspath $(dir $(lastword $(MAKEFILE_LIST))))
vmsg-version := -include $(vmsg-version-dir)/version.h \
	-DVIRTIO_MSG_VERSION=\"$(or $(shell cat $(vmsg-version-dir)/../../../../VERSION 2>/dev/null),unknown)\"

# The file of each module that has its MODULE_LICENSE()
$(foreach f,main ivshmem user mbox amp_pci xen ffa,$(eval CFLAGS_$(f).o := $(vmsg-version)))
