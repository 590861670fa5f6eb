/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * FF-A: what of the interface of Arm's Firmware Framework is used here
 *
 * The numbers and structures of the specification (DEN0077A, 1.1 and 1.2), as
 * seen by a partition and by a partition manager.
 */
#ifndef FFA_H
#define FFA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FFA_VERSION_1_1		0x10001U
#define FFA_VERSION_1_2		0x10002U

#define FFA_FN32(n)		(0x84000000U | (n))
#define FFA_FN64(n)		(0xc4000000U | (n))

#define FFA_ERROR		FFA_FN32(0x60)
#define FFA_SUCCESS		FFA_FN32(0x61)
#define FFA_SUCCESS64		FFA_FN64(0x61)
#define FFA_INTERRUPT		FFA_FN32(0x62)
#define FFA_VERSION		FFA_FN32(0x63)
#define FFA_FEATURES		FFA_FN32(0x64)
#define FFA_RX_RELEASE		FFA_FN32(0x65)
#define FFA_RXTX_MAP64		FFA_FN64(0x66)
#define FFA_RXTX_UNMAP		FFA_FN32(0x67)
#define FFA_PARTITION_INFO_GET	FFA_FN32(0x68)
#define FFA_ID_GET		FFA_FN32(0x69)
#define FFA_MSG_WAIT		FFA_FN32(0x6b)
#define FFA_RUN			FFA_FN32(0x6d)
#define FFA_DIRECT_REQ32	FFA_FN32(0x6f)
#define FFA_DIRECT_REQ64	FFA_FN64(0x6f)
#define FFA_DIRECT_RESP32	FFA_FN32(0x70)
#define FFA_DIRECT_RESP64	FFA_FN64(0x70)
#define FFA_MEM_SHARE32		FFA_FN32(0x73)
#define FFA_MEM_SHARE64		FFA_FN64(0x73)
#define FFA_MEM_RETRIEVE_REQ32	FFA_FN32(0x74)
#define FFA_MEM_RETRIEVE_RESP	FFA_FN32(0x75)
#define FFA_MEM_RELINQUISH	FFA_FN32(0x76)
#define FFA_MEM_RECLAIM		FFA_FN32(0x77)
#define FFA_MEM_FRAG_RX		FFA_FN32(0x7a)
#define FFA_MEM_FRAG_TX		FFA_FN32(0x7b)
#define FFA_NORMAL_WORLD_RESUME	FFA_FN32(0x7c)
#define FFA_NOTIF_BITMAP_CREATE	FFA_FN32(0x7d)
#define FFA_NOTIF_BITMAP_DESTROY FFA_FN32(0x7e)
#define FFA_NOTIF_BIND		FFA_FN32(0x7f)
#define FFA_NOTIF_UNBIND	FFA_FN32(0x80)
#define FFA_NOTIF_SET		FFA_FN32(0x81)
#define FFA_NOTIF_GET		FFA_FN32(0x82)
#define FFA_NOTIF_INFO_GET32	FFA_FN32(0x83)
#define FFA_NOTIF_INFO_GET64	FFA_FN64(0x83)
#define FFA_SPM_ID_GET		FFA_FN32(0x85)
#define FFA_MSG_SEND2		FFA_FN32(0x86)
#define FFA_SECONDARY_EP_REGISTER FFA_FN64(0x87)
#define FFA_PARTITION_INFO_GET_REGS FFA_FN64(0x8b)
#define FFA_DIRECT_REQ2		FFA_FN64(0x8d)
#define FFA_DIRECT_RESP2	FFA_FN64(0x8e)

/* Errors, as they stand in x2 */
#define FFA_NOT_SUPPORTED	-1
#define FFA_INVALID		-2
#define FFA_NO_MEMORY		-3
#define FFA_BUSY		-4
#define FFA_DENIED		-6
#define FFA_NO_DATA		-9

/* FFA_FEATURES: the interrupt that has a receiver scheduled */
#define FFA_FEATURE_SRI		2

/* Properties of a partition */
#define FFA_PROP_DIRECT_RECV	(1U << 0)
#define FFA_PROP_INDIRECT	(1U << 2)
#define FFA_PROP_NOTIF_RECV	(1U << 3)
#define FFA_PROP_AARCH64	(1U << 8)
#define FFA_PROP_DIRECT2_RECV	(1U << 9)

/* x2 of a direct message: it is from the framework, not from a partition. */
#define FFA_FRAMEWORK_MSG	(1U << 31)
#define FFA_FM_PM_RESP		2
#define FFA_FM_VERSION_REQ	8
#define FFA_FM_VERSION_RESP	9

/* The registers of a call, both ways */
struct ffa_regs {
	uint64_t x[18];
};

/* A memory transaction, version 1.1 and later */
struct ffa_mem {
	uint16_t sender;
	uint16_t attributes;
	uint32_t flags;
	uint64_t handle;
	uint64_t tag;
	uint32_t access_size;
	uint32_t access_count;
	uint32_t access_offset;
	uint32_t reserved[3];
};

#define FFA_MEM_TYPE_SHARE	(1U << 3)
#define FFA_MEM_ATTR_NORMAL_WB	((2U << 4) | (3U << 2) | 3U)

/* One receiver; version 1.2 adds 16 bytes of its implementation's choice. */
struct ffa_mem_access {
	uint16_t receiver;
	uint8_t permissions;
	uint8_t flags;
	uint32_t composite_offset;
	uint64_t reserved;
};

#define FFA_MEM_ACCESS_SIZE_1_1	16
#define FFA_MEM_ACCESS_SIZE_1_2	32
#define FFA_MEM_PERM_RW		2

struct ffa_mem_composite {
	uint32_t pages;
	uint32_t count;
	uint64_t reserved;
};

struct ffa_mem_range {
	uint64_t address;
	uint32_t pages;
	uint32_t reserved;
};

struct ffa_mem_relinquish {
	uint64_t handle;
	uint32_t flags;
	uint32_t count;
	uint16_t endpoint;
};

/* What precedes an indirect message in a buffer, version 1.2 */
struct ffa_indirect {
	uint32_t flags;
	uint32_t reserved;
	uint32_t offset;
	uint32_t ids;		/* sender above, receiver below */
	uint32_t size;
	uint32_t reserved2;
	uint8_t uuid[16];
};

#define FFA_PAGE		4096U

#endif /* FFA_H */
