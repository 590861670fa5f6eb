// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory: our own, and what Linux shares
 *
 * The own memory and the registers are mapped as they lie.  Of Linux's memory
 * nothing is, but the pages that were shared, at addresses of our choice: an
 * area is one piece here, however scattered its pages are.  Their descriptors
 * have the NS bit, for such pages belong to the other world.
 */
#include "sp.h"

#define MAIR_DEVICE	0x04UL	/* 0: Device-nGnRE */
#define MAIR_WB		0xffUL	/* 1: Normal, write-back */

#define DESC_BLOCK	1UL
#define DESC_TABLE	3UL
#define DESC_PAGE	3UL
#define DESC_WB		(1UL << 2)
#define DESC_NS		(1UL << 5)
#define DESC_EL1	(1UL << 6)	/* must be one at EL2; at EL1: for EL0 too */
#define DESC_INNER	(3UL << 8)
#define DESC_AF		(1UL << 10)
#define DESC_XN		(3UL << 53)

#define BLOCK_SHIFT	21
#define BLOCK		(1UL << BLOCK_SHIFT)
#define ENTRIES		512

#define AREAS_SIZE	(RXTX_VA - AREA_VA + BLOCK)
/* Whole blocks, from that in which our code begins to that of the last byte */
#define SECURE		(FW_BASE & ~(BLOCK - 1))
#define SECURE_END	((DISK_BASE + DISK_SIZE + BLOCK - 1) & ~(BLOCK - 1))

static uint64_t level1[ENTRIES] __attribute__((aligned(4096)));
static uint64_t level2_own[ENTRIES] __attribute__((aligned(4096)));
static uint64_t level2_areas[ENTRIES] __attribute__((aligned(4096)));
static uint64_t level3[AREAS_SIZE / BLOCK][ENTRIES] __attribute__((aligned(4096)));

static bool at_el2(void)
{
	return sysreg_read(CurrentEL) >> 2 == 2;
}

static void own(uint64_t base, uint64_t size, uint64_t flags)
{
	if (at_el2())
		flags |= DESC_EL1;
	for (; size; base += BLOCK, size -= BLOCK)
		level2_own[base >> BLOCK_SHIFT] = base | DESC_BLOCK | DESC_AF | flags;
}

/* Once, before any processor turns its MMU on. */
void mmu_tables(void)
{
	unsigned int i;

	own(GICD_BASE, 2 * BLOCK, DESC_XN);
	own(UART_BASE & ~(BLOCK - 1), BLOCK, DESC_XN);
	/* From the block that our code begins in to the end of the disk. */
	own(SECURE, SECURE_END - SECURE, DESC_WB | DESC_INNER);
	level1[0] = (uint64_t)level2_own | DESC_TABLE;
	level1[AREA_VA >> 30] = (uint64_t)level2_areas | DESC_TABLE;
	for (i = 0; i < AREAS_SIZE / BLOCK; i++)
		level2_areas[i] = (uint64_t)level3[i] | DESC_TABLE;
	dsb();
}

static void on_el2(uint64_t tcr)
{
	sysreg_write(mair_el2, MAIR_DEVICE | MAIR_WB << 8);
	sysreg_write(tcr_el2, tcr | 1UL << 31 | 1UL << 23 /* res1 */ |
		     2UL << 16 /* 40 bits of physical addresses */);
	sysreg_write(ttbr0_el2, (uint64_t)level1);
	isb();
	__asm__ volatile("tlbi alle2; ic iallu; dsb nsh; isb" : : : "memory");
	sysreg_write(sctlr_el2, 0x30c50830UL | 1 | 1 << 2 | 1 << 12);
	isb();
}

static void on_el1(uint64_t tcr)
{
	sysreg_write(mair_el1, MAIR_DEVICE | MAIR_WB << 8);
	sysreg_write(tcr_el1, tcr | 1UL << 23 /* nothing in the upper half */ |
		     2UL << 32);
	sysreg_write(ttbr0_el1, (uint64_t)level1);
	isb();
	__asm__ volatile("tlbi vmalle1; ic iallu; dsb nsh; isb" : : : "memory");
	sysreg_write(sctlr_el1, 0x30d00800UL | 1 | 1 << 2 | 1 << 12);
	isb();
}

/* Each processor, when it enters. */
void mmu_on(void)
{
	/* 32 bits of addresses, 4 KiB granule; tables cached, inner shareable. */
	uint64_t tcr = 32UL | 1UL << 8 | 1UL << 10 | 3UL << 12;

	if (at_el2())
		on_el2(tcr);
	else
		on_el1(tcr);
}

static uint64_t *entry(uint64_t va)
{
	return &level3[(va - AREA_VA) >> BLOCK_SHIFT][va / FFA_PAGE % ENTRIES];
}

/*
 * Map pages of Linux's.  Whoever calls has made sure that the addresses are free
 * and within the areas.
 *
 * Return: 0, or FFA_INVALID if a physical address cannot be that of a page.
 */
int mmu_map(uint64_t va, uint64_t pa, uint32_t pages)
{
	uint64_t flags = DESC_PAGE | DESC_WB | DESC_NS | DESC_INNER | DESC_AF | DESC_XN;

	if (at_el2())
		flags |= DESC_EL1;
	if (pa % FFA_PAGE || pa >> 40 || (uint64_t)pages * FFA_PAGE > (1UL << 40) - pa)
		return FFA_INVALID;
	for (; pages; pages--, va += FFA_PAGE, pa += FFA_PAGE)
		*entry(va) = pa | flags;
	dsb();
	isb();
	return 0;
}

void mmu_unmap(uint64_t va, uint32_t pages)
{
	for (; pages; pages--, va += FFA_PAGE)
		*entry(va) = 0;
	dsb();
	if (at_el2())
		__asm__ volatile("tlbi alle2is" : : : "memory");
	else
		__asm__ volatile("tlbi vmalle1is" : : : "memory");
	dsb();
	isb();
}
