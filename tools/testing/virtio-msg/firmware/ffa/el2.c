// SPDX-License-Identifier: GPL-2.0-only
/*
 * The other home: S-EL2, below Trusted Firmware-A's dispatcher
 *
 * The partition is part of a partition manager of our own, which speaks FF-A 1.2.
 * Each event of this processor is what an SMC returns with: a call of Linux's, a
 * message of the dispatcher, or a secure interrupt.
 */
#include "spmc.h"

#define SPMD_ID		0xffffU

/* When a processor's timer is to fire; it belongs to that processor. */
static struct {
	bool armed;
	uint64_t when;
} timers[MAX_CPUS];

unsigned int this_cpu(void)
{
	return sysreg_read(mpidr_el1) & 0xff;
}

static void el2_alarm(unsigned int ms)
{
	unsigned int cpu = this_cpu();
	uint64_t when = now_ms() + ms;

	if (timers[cpu].armed && timers[cpu].when <= when)
		return;
	timers[cpu].armed = true;
	timers[cpu].when = when;
	timer_in(ms);
}

const struct home home = {
	.name = "a3",
	.ffa_version = FFA_VERSION_1_2,
	.notifications = true,
	.retrieve = mem_retrieve,
	.relinquish = mem_relinquish,
	.notify = notify_client,
	.send = msg_client,
	.alarm = el2_alarm,
	.show_shares = mem_show,
	.show_calls = spmc_show_calls,
};

/* A message of the dispatcher: Linux's version, or a processor comes or goes. */
static void framework(struct ffa_regs *r)
{
	uint32_t ids = (uint32_t)r->x[1], fn = (uint32_t)r->x[2] & 0xff;
	uint64_t result = 0;

	if (fn == FFA_FM_VERSION_REQ)
		result = spmc_version((uint32_t)r->x[3]);
	memset(r, 0, sizeof(*r));
	r->x[0] = FFA_DIRECT_RESP32;
	r->x[1] = ids << 16 | ids >> 16;
	r->x[2] = FFA_FRAMEWORK_MSG |
		(fn == FFA_FM_VERSION_REQ ? FFA_FM_VERSION_RESP : FFA_FM_PM_RESP);
	r->x[3] = result;
}

static void interrupted(struct ffa_regs *r)
{
	unsigned int irq, cpu = this_cpu();

	while ((irq = gic_take()) != GIC_NONE) {
		if (irq == TIMER_IRQ) {
			timer_off();
			timers[cpu].armed = false;
			spmc_enter(body_alarm);
		} else if (irq == UART_IRQ) {
			spmc_enter(control_input);
		}
		gic_done(irq);
	}
	memset(r, 0, sizeof(*r));
	r->x[0] = FFA_NORMAL_WORLD_RESUME;
}

void main(unsigned int cpu, bool first)
{
	struct ffa_regs r;

	if (first)
		mmu_tables();
	mmu_on();
	gic_enable_cpu();
	gic_init_cpu(cpu);
	if (first) {
		uart_init();
		say("S-EL2, FF-A version", FFA_VERSION_1_2);
		body_init();
		gic_route_uart();
	}
	memset(&r, 0, sizeof(r));
	r.x[0] = FFA_MSG_WAIT;
	for (;;) {
		ffa_smc(&r);
		if ((uint32_t)r.x[0] == FFA_INTERRUPT)
			interrupted(&r);
		else if ((uint32_t)r.x[0] == FFA_DIRECT_REQ32 &&
			 (uint32_t)r.x[1] >> 16 == SPMD_ID)
			framework(&r);
		else
			spmc_call(&r);
	}
}
