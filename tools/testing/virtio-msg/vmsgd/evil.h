/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * vmsgd: a device side that is wrong or hostile, on purpose
 */
#ifndef VMSGD_EVIL_H
#define VMSGD_EVIL_H

#include "segment.h"

/* Counters of the driver side, as its debugfs names them. */
enum evil_counter {
	EC_MALFORMED, EC_UNKNOWN_ID, EC_LATE, EC_MISMATCH, EC_UNEXPECTED,
	EC_STALE_EVENT, EC_TIMEOUT, EC_BROKEN, EC_PEER_LOST, EC_COUNT
};

/**
 * struct behaviour - one way to be evil
 * @name: in some words
 * @limit: how often at most; 0: as long as it is on
 * @segment: it needs a segment, not only messages
 * @begin: it is turned on
 * @end: it is turned off
 * @tick: every few milliseconds
 * @answer: before an answer leaves; may change @h and the @len bytes at @p.
 *	False keeps it back
 * @sent: after an answer has left
 * @popped: see struct vmsg_link_ops; of the victim only
 * @push: likewise
 * @used: before used buffers are told of; false: they are not
 */
struct behaviour {
	const char *name;
	unsigned int limit;
	bool segment;
	bool (*begin)(void);
	void (*end)(void);
	void (*tick)(void);
	bool (*answer)(struct vmsg_hdr *h, uint8_t *p, uint32_t len);
	void (*sent)(const struct vmsg_hdr *h);
	bool (*popped)(struct vmsg_vq *vq, struct vmsg_chain *chain);
	bool (*push)(struct vmsg_vq *vq, const struct vmsg_chain *chain,
		     uint32_t len);
};

/**
 * struct evil - what goes on
 * @n: number of the behaviour, 0: none
 * @b: the behaviour
 * @seed: as it was given
 * @rnd: state of random numbers made of it
 * @dev: number of the victim: the device that is evil, the others are not
 * @done: how often it was
 * @real: how frames really leave
 * @xid: ID of the last answer
 */
struct evil {
	unsigned int n;
	const struct behaviour *b;
	uint64_t seed;
	uint64_t rnd;
	uint16_t dev;
	uint64_t done;
	const struct vmsg_link_ops *real;
	uint32_t xid;
};

extern struct evil evil;
extern const struct behaviour evil_messages[27], evil_memory[13];

uint32_t evil_random(void);
bool evil_more(void);
bool evil_about(const struct vmsg_hdr *h, uint8_t msg_id);
struct vmsg_dev *evil_victim(void);
bool evil_send(const struct vmsg_hdr *h, const void *payload, uint32_t len);
bool evil_event(uint8_t type, uint8_t msg_id, uint16_t dev, uint32_t a, uint32_t b,
		uint32_t len);
void evil_hold(const struct vmsg_hdr *h, const uint8_t *p, uint32_t len,
	       unsigned int ms);
void evil_ring(void);
/* That counter goes up by @n; it may; nobody knows how far. */
void evil_book(enum evil_counter c, uint64_t n);
void evil_may(enum evil_counter c, uint64_t n);
void evil_any(enum evil_counter c);
void evil_leaves(void);
void evil_breaks(uint64_t most);

bool evil_set(const char *arg, char **err);
void evil_print(FILE *f);
void evil_help(FILE *f);

#endif
