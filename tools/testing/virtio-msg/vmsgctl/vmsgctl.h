/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * vmsgctl: its commands, and what they share
 */
#ifndef VMSGCTL_H
#define VMSGCTL_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What the command line said. */
struct options {
	const char *control;	/* a vmsgd is meant, not this machine's driver */
	bool json;
	const char *root;	/* look at files below it; NULL: at the machine's */
	double watch;		/* stats: seconds between two looks; 0: one look */
	const char *write;	/* capture: file, "-" for stdout */
	long bus;		/* -1: all */
	long count;		/* stop after so many packets; 0: never */
	double duration;	/* seconds; 0: for ever */
	long buffer_kb;		/* of each processor */
	bool words;		/* kicks and used events that are no messages */
	const char *command;
	const char *arg;	/* of the command, or NULL */
};

extern struct options opt;
/* Set by SIGINT and SIGTERM. */
extern volatile sig_atomic_t stopped;

/* Say what went wrong, with the program's name; print the line and go on. */
void complain(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* The same, and end. */
void die(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));
void *xrealloc(void *p, size_t size);
/* Nanoseconds of CLOCK_MONOTONIC. */
uint64_t mono_ns(void);

/* Each returns the exit status. */
int cmd_daemon(void);
int cmd_capture(void);
int cmd_list(void);
int cmd_show(void);
int cmd_stats(void);
int cmd_trace(void);
int cmd_doctor(void);

#endif
