// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory attributes
 *
 * The firmware's own memory is ordinary cached memory.  A segment must have the
 * same attributes on both sides: that of a coherent link is cached and inner
 * shareable as Linux maps it, that of another link and the control block are
 * not cached by either.  Nothing else of Linux's memory is mapped here, so no
 * mistake of ours can reach it.
 */
#include "amp.h"

#define MAIR_DEVICE	0x04UL	/* 0: Device-nGnRE */
#define MAIR_WB		0xffUL	/* 1: Normal, write-back */
#define MAIR_NC		0x44UL	/* 2: Normal, not cached */

#define DESC_BLOCK	1UL
#define DESC_TABLE	3UL
#define DESC_ATTR(n)	((uint64_t)(n) << 2)
#define DESC_INNER	(3UL << 8)
#define DESC_AF		(1UL << 10)
#define DESC_NG_XN	(3UL << 53)	/* never executed */

#define BLOCK		0x200000UL
#define GIB		0x40000000UL

/* Level 1 has an entry for each GiB, level 2 for each 2 MiB of the second one. */
static uint64_t level1[512] __attribute__((aligned(4096)));
static uint64_t level2[512] __attribute__((aligned(4096)));

static void map(uint64_t base, uint64_t size, unsigned int attr, uint64_t flags)
{
	for (; size; base += BLOCK, size -= BLOCK)
		level2[(base - GIB) / BLOCK] = base | DESC_BLOCK |
			DESC_ATTR(attr) | DESC_INNER | DESC_AF | flags;
}

void mmu_on(void)
{
	level1[0] = DESC_BLOCK | DESC_ATTR(0) | DESC_AF | DESC_NG_XN;
	level1[1] = (uint64_t)level2 | DESC_TABLE;
	map(FW_BASE, FW_SIZE, 1, 0);
	map(CONTROL_BASE, CONTROL_SIZE, 2, DESC_NG_XN);
	map(LINK0_BASE, LINK0_SIZE, LINK0_COHERENT ? 1 : 2, DESC_NG_XN);
	map(LINK1_BASE, LINK1_SIZE, LINK1_COHERENT ? 1 : 2, DESC_NG_XN);
	map(DISK_BASE, DISK_SIZE, 1, DESC_NG_XN);
	map(NVRAM_BASE, NVRAM_SIZE, 1, DESC_NG_XN);
	dsb();

	sysreg_write(mair_el1, MAIR_DEVICE | MAIR_WB << 8 | MAIR_NC << 16);
	/* 39 bits of addresses, 4 KiB granule; tables cached, inner shareable. */
	sysreg_write(tcr_el1, 25UL | 1UL << 8 | 1UL << 10 | 3UL << 12 |
		     1UL << 23 /* nothing in the upper half */ |
		     2UL << 32 /* 40 bits of physical addresses */);
	sysreg_write(ttbr0_el1, (uint64_t)level1);
	isb();
	__asm__ volatile("tlbi vmalle1; ic iallu; dsb nsh; isb" : : : "memory");
	/* MMU, data and instruction cache; unaligned accesses are allowed. */
	sysreg_write(sctlr_el1, 0x30d00800UL | 1 | 1 << 2 | 1 << 12);
	isb();
}
