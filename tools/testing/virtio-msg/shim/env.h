/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The environment of env.c, as a simulator sees it: who runs, and what the
 * time is.
 */
#ifndef _SHIM_ENV_H
#define _SHIM_ENV_H

#include <env/env.h>

/**
 * struct shim_opts - a run
 * @seed: decides everything
 * @window: another context runs after up to so many points
 * @fail_alloc: one of so many allocations fails; 0: none
 * @fail_nth: so manieth allocation fails, once; 0: none
 * @verbose: print the log
 * @bug: called before shim_bug() ends the program
 */
struct shim_opts {
	u64 seed;
	u32 window;
	u32 fail_alloc;
	u32 fail_nth;
	bool verbose;
	void (*bug)(void);
};

void shim_start(const struct shim_opts *opts);
void shim_finish(void);
void shim_fail_alloc(u32 of);
/* No more from here on: has the one that was to fail failed? */
bool shim_end_nth(void);

/* Run until @until, nanoseconds, or until nothing can happen any more. */
void shim_run(u64 until, bool (*stop)(void));
u64 shim_steps(void);

#define SHIM_IRQ	1	/* nothing in it may sleep */
#define SHIM_PEER(n)	(2u << (n))	/* it belongs to other side @n and may be killed */
void shim_spawn(const char *name, unsigned int flags, void (*fn)(void *arg), void *arg);
void shim_after(u64 ns, const char *name, unsigned int flags, void (*fn)(void *arg),
		void *arg);
/* All contexts of an other side, and what would begin one, end where they are. */
void shim_kill_peer(unsigned int n);
u64 shim_log_lines(void);
/* The names of the contexts that wait, for people. */
void shim_dump(void);
unsigned int shim_tasks(void);
/* Tells one context from another. */
void *shim_self(void);
bool shim_work_busy(const struct work_struct *w);

#endif
