/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * virtio-msg device side: what the library needs from compiler and CPU
 *
 * Freestanding: nothing of libc but memcpy() and memset().  Memory that the
 * peer can write is read and written through the accessors below alone, one
 * access each, so that the list of untrusted inputs is complete.
 */
#ifndef VMSG_PLAT_H
#define VMSG_PLAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

void *memcpy(void *dst, const void *src, size_t n);
void *memset(void *dst, int c, size_t n);

/* Negative return values of the library; the numbers of Linux. */
#define VMSG_ENOENT	2
#define VMSG_EAGAIN	11
#define VMSG_ENOMEM	12
#define VMSG_EBUSY	16
#define VMSG_EEXIST	17
#define VMSG_EINVAL	22
#define VMSG_EPROTO	71
#define VMSG_ENOTCONN	107

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
#define vmsg_le16(x)	__builtin_bswap16(x)
#define vmsg_le32(x)	__builtin_bswap32(x)
#define vmsg_le64(x)	__builtin_bswap64(x)
#else
#define vmsg_le16(x)	((uint16_t)(x))
#define vmsg_le32(x)	((uint32_t)(x))
#define vmsg_le64(x)	((uint64_t)(x))
#endif

/*
 * VMSG_BARRIER_SYSTEM is for firmware whose peer is not in its inner shareable
 * domain.
 */
#if defined(__aarch64__) && defined(VMSG_BARRIER_SYSTEM)
#define vmsg_mb()	__asm__ volatile("dmb sy" : : : "memory")
#define vmsg_rmb()	__asm__ volatile("dmb ld" : : : "memory")
/* Not "dmb st": what was read from a buffer must be read before it is returned. */
#define vmsg_wmb()	__asm__ volatile("dmb sy" : : : "memory")
#else
#define vmsg_mb()	__atomic_thread_fence(__ATOMIC_SEQ_CST)
#define vmsg_rmb()	__atomic_thread_fence(__ATOMIC_ACQUIRE)
#define vmsg_wmb()	__atomic_thread_fence(__ATOMIC_RELEASE)
#endif

/*
 * Where a process may be killed, by its own wish: before and after each store that
 * somebody else can see.
 */
#ifdef VMSG_CRASH_POINTS
extern void (*vmsg_crash_hook)(void);

static inline void vmsg_crash_point(void)
{
	if (vmsg_crash_hook)
		vmsg_crash_hook();
}
#else
static inline void vmsg_crash_point(void)
{
}
#endif

/* Shared memory: one aligned access each. */
static inline uint8_t vmsg_ld8(const void *p)
{
	return *(const volatile uint8_t *)p;
}

static inline uint16_t vmsg_ld16(const void *p)
{
	return vmsg_le16(*(const volatile uint16_t *)p);
}

static inline uint32_t vmsg_ld32(const void *p)
{
	return vmsg_le32(*(const volatile uint32_t *)p);
}

static inline uint64_t vmsg_ld64(const void *p)
{
	return vmsg_le64(*(const volatile uint64_t *)p);
}

static inline void vmsg_st16(void *p, uint16_t v)
{
	vmsg_crash_point();
	*(volatile uint16_t *)p = vmsg_le16(v);
	vmsg_crash_point();
}

static inline void vmsg_st32(void *p, uint32_t v)
{
	vmsg_crash_point();
	*(volatile uint32_t *)p = vmsg_le32(v);
	vmsg_crash_point();
}

static inline void vmsg_st64(void *p, uint64_t v)
{
	vmsg_crash_point();
	*(volatile uint64_t *)p = vmsg_le64(v);
	vmsg_crash_point();
}

/* Private memory of any alignment. */
static inline uint16_t vmsg_get16(const uint8_t *p)
{
	return (uint16_t)(p[0] | p[1] << 8);
}

static inline uint32_t vmsg_get32(const uint8_t *p)
{
	return vmsg_get16(p) | (uint32_t)vmsg_get16(p + 2) << 16;
}

static inline uint64_t vmsg_get64(const uint8_t *p)
{
	return vmsg_get32(p) | (uint64_t)vmsg_get32(p + 4) << 32;
}

static inline void vmsg_put16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)v;
	p[1] = (uint8_t)(v >> 8);
}

static inline void vmsg_put32(uint8_t *p, uint32_t v)
{
	vmsg_put16(p, (uint16_t)v);
	vmsg_put16(p + 2, (uint16_t)(v >> 16));
}

static inline void vmsg_put64(uint8_t *p, uint64_t v)
{
	vmsg_put32(p, (uint32_t)v);
	vmsg_put32(p + 4, (uint32_t)(v >> 32));
}

#endif /* VMSG_PLAT_H */
