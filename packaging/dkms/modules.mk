# SPDX-License-Identifier: GPL-2.0-only
#
# Which modules kbuild would make with the configuration CONFIG: used by dkms-modules.

include $(CONFIG)
CONFIG_KUNIT :=
CONFIG_REMOTEPROC :=

src := $(HERE)
include $(HERE)/Kbuild
include $(HERE)/drivers/virtio/msg/Makefile
core := $(filter virtio_msg%.o,$(obj-m))
include $(HERE)/drivers/virtio/msg/transports/Makefile
all := $(filter virtio_msg%.o,$(obj-m))

.PHONY: list
list:
	@$(foreach m,$(basename $(core)),echo module drivers/virtio/msg/ $(m);)
	@$(foreach m,$(basename $(filter-out $(core),$(all))),echo module drivers/virtio/msg/transports/ $(m);)
.DEFAULT_GOAL := list
