/* SPDX-License-Identifier: GPL-2.0-only */
/* Shim: see linux/virtio.h */
#ifndef _SHIM_LINUX_VIRTIO_FEATURES_H
#define _SHIM_LINUX_VIRTIO_FEATURES_H

#include <linux/virtio.h>

static inline void virtio_features_from_u64(u64 *f, u64 from)
{
	f[0] = from;
	f[1] = 0;
}

#endif
