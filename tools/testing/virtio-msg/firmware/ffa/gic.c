// SPDX-License-Identifier: GPL-2.0-only
/*
 * The secure world's few interrupts, and the one that it raises for Linux
 *
 * Trusted Firmware-A has set the controller up and owns it.  An interrupt of
 * secure group 1 that comes while Linux runs makes it enter us, with
 * FFA_INTERRUPT.  The priority mask is Linux's and is left alone.
 */
#include "sp.h"

#define GICD_IGROUPR(n)		(GICD_BASE + 0x80 + (n) / 32 * 4)
#define GICD_ISENABLER(n)	(GICD_BASE + 0x100 + (n) / 32 * 4)
#define GICD_IPRIORITYR(n)	(GICD_BASE + 0x400 + (n))
#define GICD_ICFGR(n)		(GICD_BASE + 0xc00 + (n) / 16 * 4)
#define GICD_IGRPMODR(n)	(GICD_BASE + 0xd00 + (n) / 32 * 4)
#define GICD_IROUTER(n)		(GICD_BASE + 0x6000 + (n) * 8)

/* The page of a redistributor for the interrupts of its processor */
#define GICR(cpu, off)		(GICR_BASE + GICR_STRIDE * (uint64_t)(cpu) + 0x10000 + (off))
#define GICR_IGROUPR0		0x80
#define GICR_ISENABLER0		0x100
#define GICR_ISPENDR0		0x200
#define GICR_IPRIORITYR(n)	(0x400 + (n))
#define GICR_IGRPMODR0		0xd00

#define PRIORITY		0x20	/* the secure half */

static void byte(uint64_t reg, uint8_t v)
{
	*(volatile uint8_t *)reg = v;
}

static void set(uint64_t reg, unsigned int irq, bool on)
{
	uint32_t bit = 1U << irq % 32;

	REG32(reg) = on ? REG32(reg) | bit : REG32(reg) & ~bit;
}

/* Let this processor's secure interrupts through: ICC_IGRPEN1_EL1 of this world. */
void gic_enable_cpu(void)
{
	sysreg_write(S3_0_C12_C12_7, 1);
	isb();
}

/* A processor's own: the timer is ours, and the software interrupt Linux's. */
void gic_init_cpu(unsigned int cpu)
{
	set(GICR(cpu, GICR_IGROUPR0), SRI_IRQ, true);
	set(GICR(cpu, GICR_IGRPMODR0), SRI_IRQ, false);
	set(GICR(cpu, GICR_IGROUPR0), TIMER_IRQ, false);
	set(GICR(cpu, GICR_IGRPMODR0), TIMER_IRQ, true);
	byte(GICR(cpu, GICR_IPRIORITYR(TIMER_IRQ)), PRIORITY);
	REG32(GICR(cpu, GICR_ISENABLER0)) = 1U << TIMER_IRQ;
}

/* The serial port interrupts the first processor. */
void gic_route_uart(void)
{
	set(GICD_IGROUPR(UART_IRQ), UART_IRQ, false);
	set(GICD_IGRPMODR(UART_IRQ), UART_IRQ, true);
	byte(GICD_IPRIORITYR(UART_IRQ), PRIORITY);
	REG32(GICD_ICFGR(UART_IRQ)) &= ~(2U << UART_IRQ % 16 * 2);
	REG64(GICD_IROUTER(UART_IRQ)) = 0;
	REG32(GICD_ISENABLER(UART_IRQ)) = 1U << UART_IRQ % 32;
}

void gic_raise_sri(unsigned int cpu)
{
	dsb();
	REG32(GICR(cpu, GICR_ISPENDR0)) = 1U << SRI_IRQ;
}

/* ICC_IAR1_EL1 */
unsigned int gic_take(void)
{
	unsigned int irq = sysreg_read(S3_0_C12_C12_0) & 0xffffff;

	dsb();
	return irq >= 1020 ? GIC_NONE : irq;
}

/* ICC_EOIR1_EL1 */
void gic_done(unsigned int irq)
{
	sysreg_write(S3_0_C12_C12_1, irq);
	isb();
}
