/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A second decoder of the wire formats. It is written from wire.rst and shares
 * nothing with wire.c: offsets are in tables that ref_tables.py makes out of the
 * document. Errors are all one, but for those that callers act on.
 */
#ifndef _FUZZ_REF_H
#define _FUZZ_REF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define REF_BAD		(-1)
#define REF_NO_DEVICE	(-2)
#define REF_BUSY	(-3)
#define REF_AGAIN	(-4)

struct ref_msg {
	unsigned int rev;
	bool response;
	bool bus;
	uint8_t id;
	uint16_t dev;
	uint16_t result;
	uint32_t xid;
	const uint8_t *payload;
	size_t len;
};

/* A frame: 0 or REF_BAD */
int ref_open(unsigned int rev, const uint8_t *frame, size_t size, struct ref_msg *m);

struct ref_info {
	uint32_t device, vendor, blocks, config, vqs, admin_start, admin_count;
	uint8_t uuid[16];
};

struct ref_vq {
	uint32_t max, cur;
	bool enabled;
	uint64_t addr[3];
};

int ref_info(const struct ref_msg *m, struct ref_info *i);
int ref_empty(const struct ref_msg *m);
/* The number of blocks sent, and the payload's offset of the first. */
int ref_features(const struct ref_msg *m, uint32_t block, uint32_t num, size_t *at);
int ref_config(const struct ref_msg *m, uint32_t off, uint32_t len, size_t *at,
	       uint32_t *gen);
int ref_set_config(const struct ref_msg *m, uint32_t off, uint32_t len, uint32_t *gen);
int ref_word(const struct ref_msg *m, uint32_t *word);
int ref_vq(const struct ref_msg *m, uint32_t index, struct ref_vq *vq);
int ref_shm(const struct ref_msg *m, uint32_t id, uint64_t *addr, uint64_t *len);
int ref_devices(const struct ref_msg *m, uint32_t off, uint32_t *next, size_t *at);
int ref_event_config(const struct ref_msg *m, uint32_t *status, uint32_t *gen);
int ref_event_word(const struct ref_msg *m, uint32_t *word);

#endif
