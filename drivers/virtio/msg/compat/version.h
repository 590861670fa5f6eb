/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * virtio-msg: the version of a module from outside of the tree; within it, the
 * kernel's is enough
 *
 * Included in front of one source file of each module, so it must do without
 * MODULE_VERSION(), whose header may not come before the file's own pr_fmt().
 */
static const char vmsg_version[] __used __section(".modinfo") __aligned(1) =
	"version=" VIRTIO_MSG_VERSION;
