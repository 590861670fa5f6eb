/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Blocks of a disk that say of themselves what they are: ioverify and crashcheck
 */
#ifndef GUEST_BIN_BLOCKS_H
#define GUEST_BIN_BLOCKS_H

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define BLOCK 4096U
#define WORDS (BLOCK / sizeof(uint64_t))

static uint64_t seed = 1;

static inline uint64_t next(uint64_t *s)
{
	uint64_t x = *s;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return *s = x;
}

/* What write @gen makes of block @block: no two have anything in common. */
static inline void fill(uint64_t *w, uint64_t block, uint64_t gen)
{
	uint64_t s = (block + 1) * 0x9e3779b97f4a7c15ULL ^ gen << 32 ^ seed;
	unsigned int i;

	w[0] = MAGIC ^ seed;
	w[1] = block;
	w[2] = gen;
	if (!s)
		s = 1;
	for (i = 3; i < WORDS; i++)
		w[i] = next(&s);
}

/* The number that an option has; K, M and G multiply it. */
static inline uint64_t number(const char *s)
{
	char *end;
	uint64_t v;

	errno = 0;
	v = strtoull(s, &end, 0);
	if (end == s || *s == '-' || errno)
		goto bad;
	switch (*end) {
	case 'G':
		v <<= 10;
		/* fall through */
	case 'M':
		v <<= 10;
		/* fall through */
	case 'K':
		v <<= 10;
		end++;
	}
	if (!*end)
		return v;
bad:
	fprintf(stderr, "%s: '%s' is no number; expected is one like 4096, 64K or 16M\n",
		program_invocation_short_name, s);
	exit(2);
}

#endif
