/* SPDX-License-Identifier: GPL-2.0-only */
/* Shim: the machine's own header. */
#include <linux/virtio_scsi.h>
