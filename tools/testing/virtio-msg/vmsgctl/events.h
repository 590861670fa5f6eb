/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * vmsgctl: the tracepoints of virtio_msg, read through an instance of tracefs
 * that is ours alone
 */
#ifndef VMSGCTL_EVENTS_H
#define VMSGCTL_EVENTS_H

#include <stdbool.h>
#include <stdint.h>

/* Also the kinds of packets in a capture, see tracing.rst. */
enum ev_kind {
	EV_FRAME,		/* a frame was sent or received */
	EV_QUEUE,		/* a kick or used buffers, by a notification word */
	EV_STATE,		/* the bus has changed its state */
	EV_END,			/* a transaction has ended without an answer */
};

enum ev_dir { DIR_TO_DEVICE, DIR_TO_DRIVER, DIR_NONE };

struct ev {
	enum ev_kind kind;
	enum ev_dir dir;
	uint64_t ns;		/* CLOCK_MONOTONIC; of a sent frame, before the sending */
	uint32_t bus;
	int32_t result;		/* 0 or -errno: of the sending, the check, the transaction */
	uint32_t took;		/* EV_FRAME: nanoseconds of the sending, at most 2^32-1 */
	uint8_t wire;		/* EV_FRAME: VIRTIO_MSG_WIRE_*, above: not known */
	uint32_t len;		/* EV_FRAME: bytes that the frame had */
	uint32_t data_len;	/* bytes of data */
	const void *data;	/* valid until the callback returns */

	bool header;		/* EV_FRAME: what follows is known */
	uint8_t type, msg_id;	/* EV_FRAME, EV_END */
	uint16_t dev;		/* all but EV_STATE */
	uint32_t xid;		/* EV_FRAME, EV_END */
	uint16_t refusal;	/* EV_FRAME: result field of xid32 */
	uint16_t vq;		/* EV_QUEUE */
	uint8_t from, to;	/* EV_STATE */
	uint64_t age;		/* EV_END: nanoseconds */
};

struct events;

/* @words: also what travels in notification words. Ends the program on errors. */
struct events *events_open(long bus, bool words, long buffer_kb);
/* Give what is there to @fn; false once reading fails. */
bool events_read(struct events *e, void (*fn)(const struct ev *ev, void *priv), void *priv);
/* Nothing more is recorded; what was can still be read. */
void events_stop(struct events *e);
/* How many events the buffers had no room for. */
uint64_t events_lost(struct events *e);
void events_close(struct events *e);

#endif
