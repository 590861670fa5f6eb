/* SPDX-License-Identifier: GPL-2.0-only */
/* Shim: lets pure kernel files build as ordinary user-space objects. */
#ifndef _SHIM_LINUX_COMPILER_H
#define _SHIM_LINUX_COMPILER_H

#include <linux/types.h>

/* In an environment with contexts, another one may run before each; see env/. */
#ifdef SHIM_ENV
void shim_point(void);
#else
#define shim_point()		((void)0)
#endif

#define READ_ONCE(x) \
	({ shim_point(); *(const volatile __typeof__(x) *)&(x); })
#define WRITE_ONCE(x, v) \
	({ shim_point(); *(volatile __typeof__(x) *)&(x) = (v); })
#define data_race(x)		(x)
#define likely(x)		__builtin_expect(!!(x), 1)
#define unlikely(x)		__builtin_expect(!!(x), 0)

#endif
