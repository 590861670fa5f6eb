// SPDX-License-Identifier: GPL-2.0-only
/*
 * virtio-msg: the version of a module from outside of the tree; within it, the
 * kernel's is enough
 */

#include <linux/module.h>

MODULE_VERSION(VIRTIO_MSG_VERSION);
