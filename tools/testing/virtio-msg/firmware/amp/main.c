// SPDX-License-Identifier: GPL-2.0-only
/*
 * Firmware of the remote core: the device side of two virtio-msg links
 *
 * Interrupts only wake the main loop up; it does all the work, so nothing here
 * needs a lock.
 */
#include "amp.h"

static volatile bool woken;

/* Sleep until an interrupt, or for this long, unless one has come already. */
static void wait(unsigned int ms)
{
	__asm__ volatile("msr daifset, #2" : : : "memory");
	timer_in(ms);
	/* A masked interrupt ends "wfi" as well, so none can slip through. */
	if (!woken)
		__asm__ volatile("dsb sy; wfi" : : : "memory");
	__asm__ volatile("msr daifclr, #2; isb" : : : "memory");
}

void interrupt(void)
{
	unsigned int irq = gic_take();

	if (irq == GIC_NONE)
		return;
	/* Finished before it is acted on: some actions do not return. */
	gic_done(irq);
	woken = true;
	if (irq == TIMER_IRQ)
		timer_interrupt();
	else if (irq == COMMAND_IRQ && CONTROL->command == COMMAND_CRASH)
		power_off(STATE_OFF);
}

/* An exception that should not be. */
void fault(void)
{
	die(STATE_FAULT);
}

void main(void)
{
	unsigned int next;

	mmu_on();
	gic_init();
	timer_init();
	links_init();
	devices_init();
	gic_enable(COMMAND_IRQ);
	links_start();
	CONTROL->state = STATE_RUNNING;
	__asm__ volatile("msr daifclr, #2" : : : "memory");

	while (CONTROL->command != COMMAND_STOP) {
		while (CONTROL->command == COMMAND_HANG)
			;	/* until the watchdog finds out */
		watchdog_pet();
		woken = false;
		next = links_poll();
		if (next)
			wait(next);
	}
	links_stop();
	power_off(STATE_OFF);
}
