/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * vmsgctl: buses and devices, as sysfs and debugfs tell of them
 */
#ifndef VMSGCTL_LOOK_H
#define VMSGCTL_LOOK_H

#include <stdbool.h>
#include <stddef.h>

#define CLASS	"/sys/class/virtio-msg"
#define DEBUG	"/sys/kernel/debug/virtio-msg"

struct look_device {
	char *name;		/* virtioN */
	char *driver;		/* NULL: none is bound */
	char *features;		/* a string of 0 and 1 */
	unsigned long id, vendor, status;
	/* From debugfs; false: they are not known. */
	bool detailed;
	unsigned long number;	/* on its bus */
	char *uuid;
	long long messages, kicks, used, max_mapping;
};

struct look_bus {
	char *name;		/* virtio-msgN */
	char *state, *transport;
	char *wire;		/* NULL: there is no peer */
	char *parent, *driver;	/* the transport's device */
	char *timeout_ms, *keepalive_ms;
	struct look_device *dev;
	size_t num;
};

struct look {
	struct look_bus *bus;
	size_t num;
	bool module;		/* the class is there */
};

struct look look(void);
void look_free(struct look *l);
const char *device_name(unsigned long id);
/* Like "ACKNOWLEDGE DRIVER", in a buffer that the next call uses again. */
const char *status_names(unsigned long status);

/* A name and a number per line; @num of them. NULL and errno if it cannot be read. */
struct counter {
	char name[32];
	long long value;
};

struct counter *read_counters(const char *bus, size_t *num);
/* A counter by its name, 0 if it is not there. */
long long counter(const struct counter *c, size_t num, const char *name);
/* Why a file of debugfs cannot be read, and what helps, after a failure with errno. */
const char *debugfs_advice(void);

#endif
