// SPDX-License-Identifier: GPL-2.0-only
/*
 * The end: this core can be turned off by nobody but itself
 */
#include "amp.h"

#define PSCI_CPU_OFF	0x84000002UL

void power_off(uint32_t state)
{
	register uint64_t x0 __asm__("x0") = PSCI_CPU_OFF;

	CONTROL->state = state;
	dsb();
	/* Does not return. */
	for (;;)
		__asm__ volatile("hvc #0" : "+r"(x0) : : "x1", "x2", "x3", "memory");
}

/* Something is wrong: tell whoever started us, and go. */
void die(uint32_t state)
{
	CONTROL->state = state;
	gic_raise(DIED_IRQ);
	power_off(state);
}
