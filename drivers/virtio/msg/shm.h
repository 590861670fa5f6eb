/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The one way to read memory that the peer can write
 *
 * Every load is a single access; the pointer type has its own address space,
 * so sparse finds a plain dereference.  A fuzz build defines VMSG_SHM_FUZZ and
 * answers each load with fresh bytes.
 */
#ifndef _DRIVERS_VIRTIO_MSG_SHM_H
#define _DRIVERS_VIRTIO_MSG_SHM_H

#include <linux/types.h>
#include <linux/compiler.h>
#include <linux/string.h>
#include <asm/byteorder.h>

#ifdef __CHECKER__
#define __vshm __attribute__((noderef, address_space(__vshm)))
#else
#define __vshm
#endif

#ifdef VMSG_SHM_FUZZ
u64 vmsg_shm_fuzz(const void *p, unsigned int size);
void vmsg_shm_fuzz_copy(void *dst, const void *src, size_t len);

static inline u8 vmsg_shm_load8(const __vshm u8 *p)
{
	return vmsg_shm_fuzz((const void __force *)p, 1);
}

static inline u16 vmsg_shm_load16(const __vshm __le16 *p)
{
	return vmsg_shm_fuzz((const void __force *)p, 2);
}

static inline u32 vmsg_shm_load32(const __vshm __le32 *p)
{
	return vmsg_shm_fuzz((const void __force *)p, 4);
}

static inline u64 vmsg_shm_load64(const __vshm __le64 *p)
{
	return vmsg_shm_fuzz((const void __force *)p, 8);
}

static inline void vmsg_shm_copy_from(void *dst, const __vshm void *src,
				      size_t len)
{
	vmsg_shm_fuzz_copy(dst, (const void __force *)src, len);
}
#else
static inline u8 vmsg_shm_load8(const __vshm u8 *p)
{
	return READ_ONCE(*(const u8 __force *)p);
}

static inline u16 vmsg_shm_load16(const __vshm __le16 *p)
{
	return le16_to_cpu(READ_ONCE(*(const __le16 __force *)p));
}

static inline u32 vmsg_shm_load32(const __vshm __le32 *p)
{
	return le32_to_cpu(READ_ONCE(*(const __le32 __force *)p));
}

static inline u64 vmsg_shm_load64(const __vshm __le64 *p)
{
	return le64_to_cpu(READ_ONCE(*(const __le64 __force *)p));
}

static inline void vmsg_shm_copy_from(void *dst, const __vshm void *src,
				      size_t len)
{
	/* What the peer writes meanwhile comes torn; only the copy is looked at. */
	data_race(memcpy(dst, (const void __force *)src, len));
}
#endif

static inline void vmsg_shm_store16(__vshm __le16 *p, u16 v)
{
	WRITE_ONCE(*(__le16 __force *)p, cpu_to_le16(v));
}

static inline void vmsg_shm_store32(__vshm __le32 *p, u32 v)
{
	WRITE_ONCE(*(__le32 __force *)p, cpu_to_le32(v));
}

static inline void vmsg_shm_store64(__vshm __le64 *p, u64 v)
{
	WRITE_ONCE(*(__le64 __force *)p, cpu_to_le64(v));
}

static inline void vmsg_shm_copy_to(__vshm void *dst, const void *src,
				    size_t len)
{
	memcpy((void __force *)dst, src, len);
}

static inline void vmsg_shm_fill(__vshm void *dst, int byte, size_t len)
{
	memset((void __force *)dst, byte, len);
}

#endif /* _DRIVERS_VIRTIO_MSG_SHM_H */
