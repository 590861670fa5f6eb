/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The partition manager of our own: what its files offer each other
 */
#ifndef SPMC_H
#define SPMC_H

#include "sp.h"

/* What is kept of the one client, the other world (endpoint 0). */
struct client {
	uint32_t version;
	uint32_t rxtx_pages;	/* 0: there are no message buffers */
	bool rx_full;
};

extern struct client client;
/* Of all below, and of the client. */
extern struct lock spmc_lock;

/* spmc.c */
extern const uint32_t spmc_uuid[4];
uint32_t spmc_version(uint32_t wanted);
void spmc_call(struct ffa_regs *r);
void spmc_enter(void (*work)(void));
int spmc_deliver(const uint8_t *frame, uint32_t len);
void spmc_show_calls(void);
void spmc_error(struct ffa_regs *r, int error);
void spmc_success(struct ffa_regs *r, uint64_t x2, uint64_t x3);

static inline const uint8_t *client_tx(void)
{
	return (const uint8_t *)RXTX_VA;
}

static inline uint8_t *client_rx(void)
{
	return (uint8_t *)(RXTX_VA + RXTX_PAGES * (uint64_t)FFA_PAGE);
}

/* spmc_mem.c: calls of the client, then the partition's side */
void mem_share(struct ffa_regs *r);
void mem_fragment(struct ffa_regs *r);
void mem_reclaim(struct ffa_regs *r);
int mem_retrieve(uint16_t sender, uint64_t handle, uint64_t tag, uint32_t pages,
		 unsigned int slot);
int mem_relinquish(uint64_t handle, uint32_t pages, unsigned int slot);
unsigned int mem_show(void);

/* spmc_msg.c: likewise */
void msg_send(struct ffa_regs *r);
void msg_release(struct ffa_regs *r);
int msg_client(const uint8_t *frame, uint32_t len);

/* spmc_notify.c: likewise */
void notify_create(struct ffa_regs *r);
void notify_destroy(struct ffa_regs *r);
void notify_bind(struct ffa_regs *r);
void notify_unbind(struct ffa_regs *r);
void notify_set(struct ffa_regs *r);
void notify_get(struct ffa_regs *r);
void notify_info_get(struct ffa_regs *r);
int notify_client(uint64_t bits);
/* The receive buffer is full; the lock is held. */
void notify_message(void);

/* el2.c */
unsigned int this_cpu(void);

#endif /* SPMC_H */
