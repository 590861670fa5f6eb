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
	ramblk_type, i2c_type, rpmsg_type, fileblk_type;

/* The default of fileblk: only what was flushed outlives this process. */
extern bool volatile_cache;

/**
 * struct device - a device of this daemon
 * @type: its kind
 * @vd: what the library knows of it
 * @spec: how it was asked for
 * @identity: what makes it the same device after a restart
 * @num: its number
 * @announced: it is on the bus
 * @leaving: it is on its way out
 * @volatile_state: it loses what was acknowledged when this process ends
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
	bool volatile_state;
	void (*waiter)(void *priv, const char *err);
	void *waiter_priv;
	struct device *next;
};

void device_ready(struct device *d);
void device_failed(struct device *d, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

struct device *device_create(const char *text, char **err);
void device_open(struct device *d);
/* @waiter is called when it is gone, maybe before this returns. */
void device_remove(struct device *d, void (*waiter)(void *priv, const char *err),
		   void *priv);

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

/**
 * struct link_ops - what links the daemon's bus to the driver side
 * @name: of its kind
 * @join: find the other side and call bus_init(); false was said why
 * @start: the devices are there, so that the driver side can be let in
 * @poll: called once in each round of the loop; when next, in milliseconds
 * @stop: no driver side any more; devices may not be quiet yet
 * @leave: they are
 * @state: one word
 * @print: what only this kind of link has, as a line or as members of an object
 * @window: a descriptor for a back end, that of the caller, whose bytes from
 *	*@offset on are the window; -1 with errno set.  Without it, shm_fd is
 *	the one, and the window lies where it does in the shared memory
 * @eventfd: have the driver side use these for kicks and calls of a queue from
 *	now on, -1 for messages; false if it does not
 */
struct link_ops {
	const char *name;
	bool (*join)(struct spec *where);
	bool (*start)(void);
	unsigned int (*poll)(void);
	void (*stop)(void);
	void (*leave)(void);
	const char *(*state)(void);
	void (*print)(FILE *f, bool json);
	int (*window)(uint64_t *offset);
	bool (*eventfd)(struct vmsg_dev *dev, uint16_t vq, int kick, int call);
};

extern const struct link_ops ivshmem_link, user_link, vfio_link, xen_link;

/* For the links: the bus, the wire revisions to offer, and what they share. */
extern struct vmsg_bus bus;
extern uint32_t wires;

void bus_init(uint32_t frame_size);
bool lock_wait(const char *what);
bool lock_file(char *name);
void link_ended(const char *why);
bool devices_intact(void);

/* For the devices */
bool link_eventfd(struct vmsg_dev *dev, uint16_t vq, int kick, int call);
int link_window(uint64_t *offset);

/* The shared memory, for those who pass it on. */
extern int shm_fd, lock_fd, alive_fd;
extern uint64_t shm_size;
extern uint64_t window_offset, window_length;

bool churn_start(const char *arg, void (*fn)(void *priv), void *priv);
void churn_forget(void *priv);
void churn_print(FILE *f);

bool crash_set(const char *arg);
uint64_t crash_passed(void);

/*
 * Memory of the driver side that its descriptors may name by physical address,
 * besides the window; ram_fd is -1 where there is none.
 */
extern int ram_fd;
extern uint64_t ram_start, ram_length;

void get_random(void *buf, size_t len);
uint32_t random32(void);

#endif
