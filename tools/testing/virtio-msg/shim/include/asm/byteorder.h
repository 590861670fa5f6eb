/* SPDX-License-Identifier: GPL-2.0-only */
/* Shim: lets pure kernel files build as ordinary user-space objects. */
#ifndef _SHIM_ASM_BYTEORDER_H
#define _SHIM_ASM_BYTEORDER_H

#include <linux/types.h>

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define __shim_swap16(x)	((u16)(x))
#define __shim_swap32(x)	((u32)(x))
#define __shim_swap64(x)	((u64)(x))
#else
#define __shim_swap16(x)	__builtin_bswap16(x)
#define __shim_swap32(x)	__builtin_bswap32(x)
#define __shim_swap64(x)	__builtin_bswap64(x)
#endif

#define cpu_to_le16(x)	((__force __le16)__shim_swap16(x))
#define cpu_to_le32(x)	((__force __le32)__shim_swap32(x))
#define cpu_to_le64(x)	((__force __le64)__shim_swap64(x))
#define le16_to_cpu(x)	__shim_swap16((__force u16)(__le16)(x))
#define le32_to_cpu(x)	__shim_swap32((__force u32)(__le32)(x))
#define le64_to_cpu(x)	__shim_swap64((__force u64)(__le64)(x))

#endif
