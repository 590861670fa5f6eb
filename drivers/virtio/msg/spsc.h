/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Raw SPSC pages: the message queues of the older public peers
 *
 * Pure code, as segment.h: it calls nobody, and the caller rings and locks.
 */
#ifndef _DRIVERS_VIRTIO_MSG_SPSC_H
#define _DRIVERS_VIRTIO_MSG_SPSC_H

#include <linux/types.h>
#include <uapi/linux/virtio_msg.h>
#include "shm.h"

/**
 * struct vmsg_spsc - one queue, seen from one end
 * @base: its first byte
 * @slots: slots of VIRTIO_MSG_SPSC_SLOT_SIZE bytes; one always stays empty
 * @own: own index (the producer's head or the consumer's tail); what is in
 *	memory is for the peer
 */
struct vmsg_spsc {
	__vshm u8 *base;
	u32 slots;
	u32 own;
};

int vmsg_spsc_init_tx(struct vmsg_spsc *q, __vshm u8 *base, size_t size);
int vmsg_spsc_init_rx(struct vmsg_spsc *q, __vshm u8 *base, size_t size);
int vmsg_spsc_send(struct vmsg_spsc *q, const void *frame, size_t len);
int vmsg_spsc_recv(struct vmsg_spsc *q, void *buf, size_t cap);
bool vmsg_spsc_tx_space(const struct vmsg_spsc *q);
bool vmsg_spsc_tx_empty(const struct vmsg_spsc *q);
bool vmsg_spsc_rx_full(const struct vmsg_spsc *q);
u32 vmsg_spsc_num_slots(size_t size);

#endif /* _DRIVERS_VIRTIO_MSG_SPSC_H */
