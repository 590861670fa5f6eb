/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A small driver side, for tests of the device side
 *
 * Written from the wire format's description and not from the kernel's code: so
 * each is a check of the other.
 */
#ifndef DRV_H
#define DRV_H

#include <stdbool.h>
#include <stdint.h>

#include "vmsg.h"

#define DRV_DEVS	32

struct drv {
	/* the test's */
	uint8_t *mem;
	uint64_t size;
	uint16_t peer;
	void (*doorbell)(struct drv *d);
	void (*wait)(struct drv *d);	/* let the other side work */
	unsigned int patience;		/* calls of @wait until giving up */
	void *priv;

	/* its own */
	struct vmsg_seg_layout l;
	int status;
	unsigned int wire;
	uint16_t head, tail;
	uint32_t instance, dev_instance;
	uint64_t tx[64], rx[64];
	uint32_t xid;
	bool got_reply;
	uint8_t frame[65536];
	uint32_t frame_len;
	uint64_t brk;			/* next free byte of the window */
	/* what came */
	unsigned int used[DRV_DEVS][16];
	unsigned int config[DRV_DEVS];
	uint32_t config_status[DRV_DEVS];
	unsigned int ready[DRV_DEVS], removed[DRV_DEVS];
	unsigned int pings, stray;
};

void drv_init(struct drv *d);
/* One step of the bring-up; true in RUN. @wires: bitmap of what is acceptable. */
bool drv_step(struct drv *d, uint32_t wires);
bool drv_up(struct drv *d, uint32_t wires);
void drv_down(struct drv *d);
/* Take in what is there. */
void drv_poll(struct drv *d);
bool drv_send(struct drv *d, const uint8_t *frame, uint32_t len);
uint64_t drv_alloc(struct drv *d, uint64_t len, uint64_t align);
#define drv_ptr(d, off)		((d)->mem + (off))
#define drv_addr(off)		((1ULL << 48) + (off))

/*
 * A request, and the payload of its answer in @out. Return: its length; the
 * negative result of a refusal (-100 in revisions that name no reason); -1000
 * without an answer.
 */
int drv_request(struct drv *d, bool bus, uint16_t dev, uint8_t msg_id,
		const void *in, uint32_t len, void *out);
int drv_get_status(struct drv *d, uint16_t dev);
int drv_set_status(struct drv *d, uint16_t dev, uint32_t status);
int drv_get_features(struct drv *d, uint16_t dev, uint64_t *f);
int drv_set_features(struct drv *d, uint16_t dev, uint64_t f);
int drv_get_config(struct drv *d, uint16_t dev, uint32_t off, void *buf,
		   uint32_t len, uint32_t *gen);
/* Reset, negotiate what is offered of @want (and what must be); FEATURES_OK. */
int drv_negotiate(struct drv *d, uint16_t dev, uint64_t want, uint64_t *got);
void drv_kick(struct drv *d, uint16_t dev, uint16_t q);

/* A virtqueue. */
struct drv_vq {
	struct drv *d;
	uint16_t dev, index, size;
	bool packed, event_idx, indirect;
	uint64_t desc, driver, device;
	uint16_t next, last_used, kicked, free;
	bool wrap, used_wrap;
	uint16_t count[256];	/* descriptors of a chain, by id */
	bool busy[256];
	uint64_t table;		/* room for indirect tables */
};

struct drv_sg {
	uint64_t addr;
	uint32_t len;
	bool write;
};

int drv_vq_setup(struct drv *d, struct drv_vq *vq, uint16_t dev, uint16_t index,
		 uint16_t size, uint64_t features);
int drv_vq_set(struct drv_vq *vq);
int drv_vq_add(struct drv_vq *vq, const struct drv_sg *sg, unsigned int n);
bool drv_vq_need_kick(struct drv_vq *vq);
/* Return: id or -1. */
int drv_vq_get(struct drv_vq *vq, uint32_t *len);
int drv_vq_wait(struct drv_vq *vq, uint32_t *len);

/* KTAP */
void plan(const char *name);
void ok(bool good, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
int done(void);

#define CHECK(cond) ok(cond, "%s:%d %s", __func__, __LINE__, #cond)

#endif
