# SPDX-License-Identifier: GPL-2.0-only
################################################################################
#
# virtio-msg
#
################################################################################

VIRTIO_MSG_VERSION = $(file <$(VIRTIO_MSG_SITE)/VERSION)
VIRTIO_MSG_SITE = $(BR2_EXTERNAL_VIRTIO_MSG_PATH)/../..
VIRTIO_MSG_SITE_METHOD = local
VIRTIO_MSG_LICENSE = GPL-2.0
VIRTIO_MSG_LICENSE_FILES = COPYING
VIRTIO_MSG_MODULE_MAKE_OPTS = CONFIG_KUNIT= CONFIG_REMOTEPROC=

$(eval $(kernel-module))
$(eval $(generic-package))
