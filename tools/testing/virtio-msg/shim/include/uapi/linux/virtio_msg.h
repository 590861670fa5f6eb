/* SPDX-License-Identifier: GPL-2.0-only */
/* Shim: the real header, whose own include of linux/types.h finds the shim. */
#include "../../../../../../../include/uapi/linux/virtio_msg.h"
