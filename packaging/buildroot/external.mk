# SPDX-License-Identifier: GPL-2.0-only
#
# make BR2_EXTERNAL=THIS-DIRECTORY. Untested: no Buildroot has seen this.
include $(sort $(wildcard $(BR2_EXTERNAL_VIRTIO_MSG_PATH)/package/*/*.mk))
