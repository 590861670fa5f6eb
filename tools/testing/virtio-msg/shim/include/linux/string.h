/* SPDX-License-Identifier: GPL-2.0-only */
/* Shim: lets pure kernel files build as ordinary user-space objects. */
#ifndef _SHIM_LINUX_STRING_H
#define _SHIM_LINUX_STRING_H

#include <string.h>
#include <linux/types.h>

static inline void *memchr_inv(const void *p, int c, size_t n)
{
	for (; n; n--, p = (const u8 *)p + 1)
		if (*(const u8 *)p != (u8)c)
			return (void *)p;
	return NULL;
}

#endif
