// SPDX-License-Identifier: GPL-2.0-only
/*
 * Time, numbers that are not the same twice, and the timer of the secure world
 */
#include "sp.h"

static uint64_t count(void)
{
	isb();
	return sysreg_read(cntpct_el0);
}

static uint64_t ticks_per_ms(void)
{
	return sysreg_read(cntfrq_el0) / 1000;
}

uint64_t now_ms(void)
{
	return count() / ticks_per_ms();
}

/*
 * There is no source of entropy here: on a chip that has one, it belongs here.
 */
uint32_t random32(void)
{
	static uint64_t x;

	x = (x ^ count()) * 6364136223846793005ULL + 1442695040888963407ULL;
	x ^= x >> 29;
	return (uint32_t)(x >> 24);
}

/* CNTHPS_TVAL_EL2 and CNTHPS_CTL_EL2, which no assembler for Armv8.0 knows. */
void timer_in(unsigned int ms)
{
	sysreg_write(S3_4_C14_C5_0, ms * ticks_per_ms());
	sysreg_write(S3_4_C14_C5_1, 1);
	isb();
}

void timer_off(void)
{
	sysreg_write(S3_4_C14_C5_1, 0);
	isb();
}
