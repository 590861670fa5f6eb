/* SPDX-License-Identifier: GPL-2.0-only */
/* Shim: lets pure kernel files build as ordinary user-space objects. */
#ifndef _SHIM_LINUX_BITOPS_H
#define _SHIM_LINUX_BITOPS_H

#include <linux/bits.h>

/* As in the kernel, undefined for 0. */
#define __ffs64(x)	((unsigned long)__builtin_ctzll(x))

#define __ffs(x)		((unsigned int)__builtin_ctzl(x))

#endif
