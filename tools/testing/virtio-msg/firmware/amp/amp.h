/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Firmware of the remote core: what its files offer each other
 */
#ifndef AMP_H
#define AMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "board.h"

#define NLINKS		2

/* The control block; virtio_msg_test_remote has the other end. */
struct control {
	uint32_t command;	/* theirs */
	uint32_t state;		/* ours */
};

#define CONTROL		((volatile struct control *)CONTROL_BASE)

enum { COMMAND_STOP = 1, COMMAND_CRASH, COMMAND_HANG };
enum { STATE_RUNNING = 1, STATE_OFF, STATE_WATCHDOG, STATE_FAULT };

#define sysreg_read(reg) ({						\
	uint64_t __v;							\
	__asm__ volatile("mrs %0, " #reg : "=r"(__v));			\
	__v;								\
})
#define sysreg_write(reg, v)						\
	__asm__ volatile("msr " #reg ", %0" : : "r"((uint64_t)(v)))
#define isb()		__asm__ volatile("isb" : : : "memory")
/* Everything before is there, for everybody, before an interrupt is raised. */
#define dsb()		__asm__ volatile("dsb sy" : : : "memory")

/* mmu.c */
void mmu_on(void);

/* gic.c */
void gic_init(void);
void gic_enable(unsigned int irq);
void gic_raise(unsigned int irq);
unsigned int gic_take(void);
void gic_done(unsigned int irq);
#define GIC_NONE	1023

/* timer.c */
void timer_init(void);
uint64_t now_ms(void);
uint32_t random32(void);
void timer_in(unsigned int ms);
void timer_interrupt(void);
void watchdog_pet(void);

/* power.c */
void power_off(uint32_t state);
void die(uint32_t state);

/* links.c */
struct vmsg_dev;
void links_init(void);
void links_start(void);
unsigned int links_poll(void);
void links_stop(void);
void link_add(unsigned int n, struct vmsg_dev *dev, uint16_t num);

/* devices.c */
void devices_init(void);

/* main.c */
void main(void);
void interrupt(void);
void fault(void);

#endif /* AMP_H */
