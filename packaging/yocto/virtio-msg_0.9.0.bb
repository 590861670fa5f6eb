# SPDX-License-Identifier: GPL-2.0-only
#
# The driver, out of the tree of the kernel. Untested: no Yocto build has seen this.
# The archive is the source package that "make deb" makes; put it beside this file.
SUMMARY = "Virtio devices over messages: the driver side"
LICENSE = "GPL-2.0-only"
LIC_FILES_CHKSUM = "file://COPYING;md5=d43a2a37d46d65bfc1c108d8efb154df"

SRC_URI = "file://virtio-msg_${PV}.tar.xz"

inherit module

EXTRA_OEMAKE += "-C ${STAGING_KERNEL_DIR} M=${S} CONFIG_KUNIT= CONFIG_REMOTEPROC="
MAKE_TARGETS = "modules"
MODULES_INSTALL_TARGET = "modules_install"

# By PCI and device tree the modules load by themselves.
RPROVIDES:${PN} += "kernel-module-virtio-msg"
