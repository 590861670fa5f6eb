/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * vmsgd: event loop, children, logging
 */
#ifndef VMSGD_UTIL_H
#define VMSGD_UTIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/types.h>

#define container_of(ptr, type, member) \
	((type *)((char *)(ptr) - offsetof(type, member)))

/* A file descriptor the loop watches.  The structure is the owner's. */
struct source {
	int fd;
	void (*fn)(struct source *src, uint32_t events);
	void *priv;
};

void loop_init(void);
int loop_add(struct source *src, uint32_t events);
void loop_mod(struct source *src, uint32_t events);
void loop_del(struct source *src);
/* One round: waits at most @timeout_ms, less if a timer is due. */
void loop_round(int timeout_ms);

/* A single shot; arming an armed timer moves it. */
struct timer {
	uint64_t when;
	bool armed;
	void (*fn)(struct timer *t);
	void *priv;
	struct timer *next;
};

void timer_arm(struct timer *t, unsigned int ms);
void timer_cancel(struct timer *t);
uint64_t now_ms(void);

/* A process started by us, killed when we die. */
struct child {
	pid_t pid;		/* 0: not running */
	bool quiet;		/* its stderr is of interest to --verbose only */
	void (*exited)(struct child *c, int status);
	void *priv;
	struct child *next;
};

int child_start(struct child *c, char *const argv[], const int *keep_fds,
		int nkeep);
void child_kill(struct child *c, int sig);
void child_forget(struct child *c);
void children_reap(void);
void children_end(unsigned int ms);

extern bool verbose;
void info(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void debug(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

int set_nonblock(int fd);
int unix_connect(const char *path);
int unix_listen(const char *path);
void *xzalloc(size_t size);
char *xstrdup(const char *s);
char *xasprintf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void json_string(FILE *f, const char *s);

#endif
