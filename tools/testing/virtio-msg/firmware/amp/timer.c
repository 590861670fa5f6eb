// SPDX-License-Identifier: GPL-2.0-only
/*
 * Time, and the watchdog
 *
 * The core's timer interrupts at least ten times a second.  Each time the main
 * loop is alive it says so; when it has not for two seconds, the interrupt that
 * finds this out ends the firmware, and says why.  On a chip this is the job of
 * a watchdog that resets the core.
 */
#include "amp.h"

#define TICK_MS		100
#define PATIENCE	20	/* ticks */

static uint64_t ticks_per_ms;
static volatile unsigned int silent;

static uint64_t count(void)
{
	isb();
	return sysreg_read(cntvct_el0);
}

uint64_t now_ms(void)
{
	return count() / ticks_per_ms;
}

/*
 * Numbers that are not the same twice.  This core has no source of entropy: on
 * a chip that has one, it belongs here.
 */
uint32_t random32(void)
{
	static uint64_t x;

	x = (x ^ count()) * 6364136223846793005ULL + 1442695040888963407ULL;
	x ^= x >> 29;
	return (uint32_t)(x >> 24);
}

/* The next interrupt of the timer comes after this time, or before. */
void timer_in(unsigned int ms)
{
	if (ms > TICK_MS)
		ms = TICK_MS;
	sysreg_write(cntv_tval_el0, ms * ticks_per_ms);
	sysreg_write(cntv_ctl_el0, 1);
	isb();
}

void timer_interrupt(void)
{
	timer_in(TICK_MS);
	if (++silent > PATIENCE)
		die(STATE_WATCHDOG);
}

void watchdog_pet(void)
{
	silent = 0;
}

void timer_init(void)
{
	ticks_per_ms = sysreg_read(cntfrq_el0) / 1000;
	timer_in(TICK_MS);
	gic_enable(TIMER_IRQ);
}
