/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The shared-memory segment, driver side: layout, bring-up, rings, words
 *
 * Pure code: it calls nobody.  Functions that change what the peer watches say
 * so in their result, and the caller rings the doorbell.  The caller also
 * provides the locking, named at each function.
 */
#ifndef _DRIVERS_VIRTIO_MSG_SEGMENT_H
#define _DRIVERS_VIRTIO_MSG_SEGMENT_H

#include <linux/types.h>
#include <uapi/linux/virtio_msg.h>
#include "shm.h"

/**
 * struct vmsg_seg_geom - the layout, checked once and then private
 * @num_elems: elements of each message ring
 * @elem_size: bytes of one element
 * @num_notif: notification words each way
 * @vq_per_dev: notification bits of one device
 * @ext: true if the "VMSX" extension is present
 * @dev_notif: device side's notification area, offset in bytes
 * @dev_head: device side's queue head
 * @dev_elems: device side's elements
 * @drv_notif: driver side's notification area
 * @drv_head: driver side's queue head
 * @drv_elems: driver side's elements
 * @window_offset: first byte of the data window (0 without the extension)
 * @window_length: bytes of the data window
 * @wire_offered: bitmap of wire revisions (0 without the extension)
 */
struct vmsg_seg_geom {
	u16 num_elems;
	u16 elem_size;
	u8 num_notif;
	u8 vq_per_dev;
	bool ext;
	u64 dev_notif;
	u64 dev_head;
	u64 dev_elems;
	u64 drv_notif;
	u64 drv_head;
	u64 drv_elems;
	u64 window_offset;
	u64 window_length;
	u32 wire_offered;
};

/* What vmsg_seg_step() and the others ask of the caller. */
#define VMSG_SEG_RING		0x01	/* ring the peer's doorbell */
#define VMSG_SEG_UP		0x02	/* both sides are now in RUN: messages may flow */
#define VMSG_SEG_LOST		0x04	/* the peer is lost: clean up, then vmsg_seg_restart() */
#define VMSG_SEG_PEER_ID	0x08	/* seg->peer may have changed: look it up again */
#define VMSG_SEG_REJECTED	0x10	/* the layout or the offer is unusable; seg->why says so */

/**
 * struct vmsg_seg - one side's view of a segment
 * @base: first byte of the segment
 * @size: bytes mapped at @base
 * @geom: private copy of the layout, valid from READY on
 * @status: own status (VIRTIO_MSG_ST_*)
 * @own_peer: own peer id for doorbells, or VIRTIO_MSG_PEER_NONE
 * @peer: the device side's peer id, as read at the last bring-up
 * @instance: own instance number
 * @peer_instance: the device side's instance that was shaken hands with
 * @wire_wanted: bitmap of wire revisions that the caller accepts
 * @wire: VIRTIO_MSG_WIRE_* that was selected
 * @device_flags: VIRTIO_MSG_DEV_F_* of the peer at the last bring-up
 * @driver_flags: VIRTIO_MSG_DRV_F_* that the next READY announces
 * @why: short reason of the last rejection or loss, a string constant
 * @tail: own producer index
 * @head: own consumer index
 * @tx: own transmit words (private copy)
 * @rx: own acknowledge words (private copy)
 * @polled_full: the last send met a full ring: poll for space as well
 *
 * The other fields are private to segment.c.
 */
struct vmsg_seg {
	u8 __vshm *base;
	u64 size;
	struct vmsg_seg_geom geom;
	u16 status;
	u16 own_peer;
	u16 peer;
	u32 instance;
	u32 peer_instance;
	u32 wire_wanted;
	u8 wire;
	u32 device_flags;
	u32 driver_flags;
	const char *why;
	u16 tail;
	u16 head;
	u64 tx[VIRTIO_MSG_SEG_MAX_NOTIF];
	u64 rx[VIRTIO_MSG_SEG_MAX_NOTIF];
	bool polled_full;

	/* private: of segment.c */
	bool attached;		/* geom is valid and INIT was written by it */
	bool fresh;		/* instance was not announced yet */
	bool up;		/* both were seen in RUN */
	u8 scan_word;		/* scan_bits belong to this word */
	u64 scan_words;		/* acknowledged in word 0, not looked at yet */
	u64 scan_bits;		/* acknowledged, not reported yet */
};

/*
 * vmsg_seg_scan(): one thing that the peer's words report.
 * @vq is the first queue; @all says that every queue of @dev from there on may
 * have moved.
 */
struct vmsg_seg_used {
	u16 dev;
	u16 vq;
	bool all;
};

/* -ENODEV: no magic (not ours, or not formatted yet); -EINVAL: bad layout. */
int vmsg_seg_layout(const u8 __vshm *base, u64 size,
		    struct vmsg_seg_geom *geom, const char **why);

/*
 * Bring-up, segment.rst "Bring-up and restart", driver side.  Callers serialise
 * these three among themselves and against all functions below.
 */
void vmsg_seg_init(struct vmsg_seg *seg, u8 __vshm *base, u64 size,
		   u16 own_peer, u32 wire_wanted);
/* Write INIT with a new instance to come; the first call and after LOST. */
unsigned int vmsg_seg_restart(struct vmsg_seg *seg, u32 new_instance);
/*
 * Look at the peer and act; VMSG_SEG_* bits.  UP and LOST are said once, when
 * it happens; REJECTED at every look while it lasts.
 */
unsigned int vmsg_seg_step(struct vmsg_seg *seg);
/*
 * Say SHUTDOWN or PEER_DEAD.  After SHUTDOWN comes vmsg_seg_restart(), after
 * PEER_DEAD just vmsg_seg_step().
 */
unsigned int vmsg_seg_leave(struct vmsg_seg *seg, u16 status);

/*
 * Message ring.  Senders are serialised by the caller, receivers too; one
 * sender and one receiver may run together.  send toggles a bit of word 0, as
 * kick does: both are called under the one raw spinlock that guards tx.
 *
 * send: VMSG_SEG_RING or 0 on success, -EAGAIN when full, -EMSGSIZE, -EPROTO
 *	when the peer's index is out of range, -ENOTCONN when not up.
 * recv: bytes copied to @buf (the whole element), 0 when empty, -EPROTO when
 *	the peer's index is out of range, -EMSGSIZE when @cap is less than an
 *	element.  *@flags gains VMSG_SEG_RING when the peer may be waiting for
 *	space.  A return of 0 has also acknowledged the ring's bit in word 0.
 */
int vmsg_seg_send(struct vmsg_seg *seg, const void *frame, size_t len);
int vmsg_seg_recv(struct vmsg_seg *seg, void *buf, size_t cap,
		  unsigned int *flags);
bool vmsg_seg_tx_space(struct vmsg_seg *seg);

/*
 * Notification words.  kick: VMSG_SEG_RING or 0, or -EOPNOTSUPP when this
 * queue has no word (EVENT_AVAIL goes through the ring then).  The caller
 * holds a raw spinlock that guards the private copies of tx.
 */
bool vmsg_seg_has_word(const struct vmsg_seg *seg, u16 dev, u16 vq);
int vmsg_seg_kick(struct vmsg_seg *seg, u16 dev, u16 vq);

/*
 * Scan the peer's words: acknowledge what is pending, then report it through
 * up to @max entries.  Returns the number of entries; call again until 0, but
 * not for ever: a peer that toggles without end is served again at the next
 * doorbell or poll.  Serialised by the caller (receivers).
 */
int vmsg_seg_scan(struct vmsg_seg *seg, struct vmsg_seg_used *out, int max);

#endif /* _DRIVERS_VIRTIO_MSG_SEGMENT_H */
