/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The secure partition: what its files offer each other
 *
 * The partition proper ("body": body.c, devices.c, control.c) knows nothing of
 * where it runs.  It has two homes: below a partition manager of somebody else's,
 * at S-EL1 (el1.c), and inside of one of our own, at S-EL2 (el2.c, spmc*.c).
 */
#ifndef SP_H
#define SP_H

#include "board.h"
#include "ffa.h"

#define sysreg_read(reg) ({						\
	uint64_t __v;							\
	__asm__ volatile("mrs %0, " #reg : "=r"(__v));			\
	__v;								\
})
#define sysreg_write(reg, v)						\
	__asm__ volatile("msr " #reg ", %0" : : "r"((uint64_t)(v)) : "memory")
#define isb()	__asm__ volatile("isb" : : : "memory")
#define dsb()	__asm__ volatile("dsb sy" : : : "memory")

#define REG32(a)	(*(volatile uint32_t *)(uintptr_t)(a))
#define REG64(a)	(*(volatile uint64_t *)(uintptr_t)(a))

/* entry.S */
extern char _start[];
void ffa_smc(struct ffa_regs *r);

/* lock.c */
struct lock {
	uint32_t taken;
};

bool lock_try(struct lock *l);
void lock_take(struct lock *l);
void lock_drop(struct lock *l);

/* mmu.c */
void mmu_tables(void);
void mmu_on(void);
int mmu_map(uint64_t va, uint64_t pa, uint32_t pages);
void mmu_unmap(uint64_t va, uint32_t pages);

/* uart.c */
void uart_init(void);
int uart_getc(void);
void put_string(const char *s);
void put_hex(uint64_t v);
void put_dec(uint64_t v);
/* A line of the log: @what, and @value in hexadecimal */
void say(const char *what, uint64_t value);

/* time.c */
uint64_t now_ms(void);
uint32_t random32(void);
void timer_in(unsigned int ms);
void timer_off(void);

/* gic.c */
void gic_enable_cpu(void);
void gic_init_cpu(unsigned int cpu);
void gic_route_uart(void);
void gic_raise_sri(unsigned int cpu);
unsigned int gic_take(void);
void gic_done(unsigned int irq);
#define GIC_NONE	1023

/*
 * What a home offers the body.  Errors are negative, those of FF-A.
 */
extern const struct home {
	const char *name;
	uint32_t ffa_version;
	/* notify() and alarm() work */
	bool notifications;
	/* Take memory that @sender shares, and have it appear in an area slot. */
	int (*retrieve)(uint16_t sender, uint64_t handle, uint64_t tag,
			uint32_t pages, unsigned int slot);
	/* Give it back. */
	int (*relinquish)(uint64_t handle, uint32_t pages, unsigned int slot);
	/* Set notifications for Linux. */
	int (*notify)(uint64_t bits);
	/* An indirect message for Linux; NULL where there are none */
	int (*send)(const uint8_t *frame, uint32_t len);
	/* body_alarm() is to be called in so many milliseconds, or before. */
	void (*alarm)(unsigned int ms);
	/*
	 * Print a line for each memory transaction that the partition manager
	 * knows of.  Return: their number.
	 */
	unsigned int (*show_shares)(void);
	/* Print the calls that it has had, "NAME NUMBER" each. */
	void (*show_calls)(void);
} home;

static inline uint64_t area_va(unsigned int slot)
{
	return AREA_VA + (uint64_t)slot * AREA_SLOT_SIZE;
}

/* The notification by which Linux kicks the partition, where there are any */
#define KICK_NOTIFICATION	0

/*
 * What the body offers its home.  All but body_doorbell() are called by one
 * processor at a time, which is the home's duty.
 */
void body_init(void);
/* A direct message: @frame, of @room bytes, becomes the answer. */
void body_message(uint16_t sender, uint8_t *frame, uint32_t room);
/* An indirect message, of INDIRECT_SIZE bytes.  Return: 0, or FFA_BUSY */
#define INDIRECT_SIZE	104
int body_indirect(uint16_t sender, const uint8_t *frame, uint32_t len);
/* Linux has set notifications: this must only take note of it. */
void body_doorbell(void);
void body_alarm(void);

/* devices.c */
struct vmsg_bus;
void devices_init(struct vmsg_bus *bus);
bool devices_plug(struct vmsg_bus *bus, unsigned int num, bool in);

/* control.c: the home calls it when the serial port has something */
void control_input(void);

/* Make the partition misbehave; each counts down to zero. */
struct trouble {
	unsigned int busy;		/* messages answered by nothing but zeroes */
	unsigned int garbage;		/* by random bytes */
	unsigned int size;		/* by an answer with an impossible size */
	unsigned int version;		/* VERSION by one that is not ours */
	unsigned int refuse_share;	/* AREA_SHARE refused */
	unsigned int busy_share;	/* AREA_SHARE "try again" */
	unsigned int refuse_unshare;
	unsigned int storm;		/* notifications for nothing */
	bool keep;			/* memory is not given back */
	bool silent;			/* nothing is served */
	bool no_kicks;			/* kicks by notification are not offered */
	bool no_events;			/* nor events */
	bool mark;			/* count instructions from an event on */
};

extern struct trouble trouble;

void body_forget(void);
void body_event_reset(void);
bool body_event_release(void);

void body_run(void);

/* libc of the firmware of the remote core */
void *memcpy(void *dst, const void *src, size_t n);
void *memset(void *dst, int c, size_t n);

/* What the first instructions call */
void main(unsigned int cpu, bool first);
void fault(uint64_t esr, uint64_t elr, uint64_t far);

#endif /* SP_H */
