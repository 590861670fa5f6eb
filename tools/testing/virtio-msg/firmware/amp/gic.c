// SPDX-License-Identifier: GPL-2.0-only
/*
 * The interrupt controller, of which Linux owns all but a few interrupts
 *
 * Linux sets up the distributor when it boots, and with it every shared
 * interrupt: so ours are set up after that, which is so because Linux starts
 * us.  The distributor's control register is not touched.  Registers with a bit
 * to set and another to clear, and those with a byte for each interrupt, can be
 * written from both sides; the trigger is in a word of sixteen interrupts, which
 * are all ours.
 */
#include "amp.h"

#define REG(base, off)	(*(volatile uint32_t *)((base) + (uint64_t)(off)))
#define BYTE(base, off)	(*(volatile uint8_t *)((base) + (uint64_t)(off)))

#define GICD_ISENABLER(n)	(0x100 + (n) / 32 * 4)
#define GICD_ICENABLER(n)	(0x180 + (n) / 32 * 4)
#define GICD_ISPENDR(n)		(0x200 + (n) / 32 * 4)
#define GICD_ICPENDR(n)		(0x280 + (n) / 32 * 4)
#define GICD_ICACTIVER(n)	(0x380 + (n) / 32 * 4)
#define GICD_IPRIORITYR(n)	(0x400 + (n))
#define GICD_ITARGETSR(n)	(0x800 + (n))
#define GICD_ICFGR(n)		(0xc00 + (n) / 16 * 4)

#define GICC_CTLR	0x00
#define GICC_PMR	0x04
#define GICC_BPR	0x08
#define GICC_IAR	0x0c
#define GICC_EOIR	0x10
#define GICC_RPR	0x14

#define PRIORITY	0x80
#define IDLE		0xff

static const uint8_t ours[] = {
	LINK0_DOORBELL, LINK1_DOORBELL, COMMAND_IRQ, TIMER_IRQ,
};

/*
 * A predecessor that died in an interrupt has not finished it, and turning the
 * core off does not do that either: as long as its priority is in force, no
 * interrupt gets through.
 */
static void finish_old(void)
{
	unsigned int i;

	for (i = 0; i < sizeof(ours) && (REG(GICC_BASE, GICC_RPR) & 0xff) != IDLE; i++)
		REG(GICC_BASE, GICC_EOIR) = ours[i];
}

void gic_init(void)
{
	/* The interrupts that each core has for itself: none but the timer. */
	REG(GICD_BASE, GICD_ICENABLER(0)) = ~0U;
	REG(GICD_BASE, GICD_ICPENDR(0)) = ~0U;
	REG(GICC_BASE, GICC_CTLR) = 1;
	finish_old();
	REG(GICD_BASE, GICD_ICACTIVER(0)) = ~0U;
	REG(GICC_BASE, GICC_PMR) = 0xf0;
	REG(GICC_BASE, GICC_BPR) = 0;
}

/*
 * Take an interrupt to this core.  It may be pending: somebody has rung before
 * we were here.  That is kept, although whoever starts looks anyway.
 */
void gic_enable(unsigned int irq)
{
	uint32_t bit = 1U << irq % 32;

	REG(GICD_BASE, GICD_ICENABLER(irq)) = bit;
	REG(GICD_BASE, GICD_ICACTIVER(irq)) = bit;
	BYTE(GICD_BASE, GICD_IPRIORITYR(irq)) = PRIORITY;
	if (irq >= 32) {
		/* The first bytes read as the mask of the core that reads. */
		BYTE(GICD_BASE, GICD_ITARGETSR(irq)) =
			BYTE(GICD_BASE, GICD_ITARGETSR(0));
		/* Edge: that is what a doorbell is. */
		REG(GICD_BASE, GICD_ICFGR(irq)) |= 2U << irq % 16 * 2;
	}
	REG(GICD_BASE, GICD_ISENABLER(irq)) = bit;
}

/* Ring: what was written before is there when the other side looks. */
void gic_raise(unsigned int irq)
{
	dsb();
	REG(GICD_BASE, GICD_ISPENDR(irq)) = 1U << irq % 32;
}

unsigned int gic_take(void)
{
	unsigned int irq = REG(GICC_BASE, GICC_IAR) & 0x3ff;

	return irq >= 1020 ? GIC_NONE : irq;
}

void gic_done(unsigned int irq)
{
	dsb();
	REG(GICC_BASE, GICC_EOIR) = irq;
}
