/* SPDX-License-Identifier: GPL-2.0-only */
/* Shim: lets pure kernel files build as ordinary user-space objects. */
#ifndef _SHIM_LINUX_MINMAX_H
#define _SHIM_LINUX_MINMAX_H

#define __shim_pick(x, op, y) ({		\
	__typeof__(x) __a = (x);		\
	__typeof__(y) __b = (y);		\
	__a op __b ? __a : __b; })

#define min(x, y)	__shim_pick(x, <, y)
#define max(x, y)	__shim_pick(x, >, y)
#define min3(x, y, z)	min(min(x, y), z)
#define min_t(t, x, y)	min((t)(x), (t)(y))
#define max_t(t, x, y)	max((t)(x), (t)(y))

#endif
