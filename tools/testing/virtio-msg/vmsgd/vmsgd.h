/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * vmsgd: devices
 */
#ifndef VMSGD_H
#define VMSGD_H

#include "util.h"
#include "../device/vmsg.h"

struct device;
struct spec;

/**
 * struct device_type - a kind of device
 * @name: what a specification begins with
 * @help: its options, for --help
 * @create: allocate and fill in a device; on error NULL and *@err, allocated
 * @open: begin to get it ready; device_ready() or device_failed() follow,
 *	maybe before this returns
 * @destroy: end what belongs to it and free it
 */
struct device_type {
	const char *name;
	const char *help;
	struct device *(*create)(struct spec *spec, char **err);
	void (*open)(struct device *d);
	void (*destroy)(struct device *d);
};

extern const struct device_type blk_type, net_type, rng_type, console_type,
	ramblk_type, i2c_type;

/**
 * struct device - a device of this daemon
 * @type: its kind
 * @vd: what the library knows of it
 * @spec: how it was asked for
 * @identity: what makes it the same device after a restart
 * @num: its number
 * @announced: it is on the bus
 * @waiter: called once with NULL or an error when it is ready, failed or gone
 */
struct device {
	const struct device_type *type;
	struct vmsg_dev *vd;
	char *spec;
	char *identity;
	int num;
	bool announced;
	bool leaving;
	void (*waiter)(void *priv, const char *err);
	void *waiter_priv;
	struct device *next;
};

void device_ready(struct device *d);
void device_failed(struct device *d, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* A specification taken apart: KIND[,KEY[=VALUE]]... */
struct spec {
	char *text;
	char *kind;
	int n;
	char *key[32];
	char *value[32];	/* NULL without '=' */
	bool used[32];
};

/* The value of a key, "" if it has none; NULL if it is not there. */
const char *spec_get(struct spec *s, const char *key);
/* The next value of a key that may be given several times. */
const char *spec_next(struct spec *s, const char *key, int *pos);
bool spec_bool(struct spec *s, const char *key, bool dflt, char **err);
uint64_t spec_number(struct spec *s, const char *key, uint64_t dflt,
		     uint64_t min, uint64_t max, char **err);

/* The shared memory, for those who pass it on. */
extern int shm_fd, lock_fd;
extern uint64_t shm_size;
extern uint64_t window_offset, window_length;

void get_random(void *buf, size_t len);

#endif
