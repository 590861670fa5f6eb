// SPDX-License-Identifier: GPL-2.0-only
/*
 * The two functions of libc that the device library and the compiler need
 *
 * By words where both sides are aligned, which buffers mostly are.
 */
#include <stddef.h>
#include <stdint.h>

void *memcpy(void *dst, const void *src, size_t n);
void *memset(void *dst, int c, size_t n);

typedef uint64_t __attribute__((may_alias)) word;

void *memcpy(void *dst, const void *src, size_t n)
{
	const uint8_t *s = src;
	uint8_t *d = dst;

	if (!(((uintptr_t)d | (uintptr_t)s) & 7))
		for (; n >= 8; n -= 8, d += 8, s += 8)
			*(word *)d = *(const word *)s;
	while (n--)
		*d++ = *s++;
	return dst;
}

void *memset(void *dst, int c, size_t n)
{
	word w = (uint8_t)c * 0x0101010101010101ULL;
	uint8_t *d = dst;

	if (!((uintptr_t)d & 7))
		for (; n >= 8; n -= 8, d += 8)
			*(word *)d = w;
	while (n--)
		*d++ = (uint8_t)c;
	return dst;
}
