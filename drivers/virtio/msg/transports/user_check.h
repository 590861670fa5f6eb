/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * virtio-msg over /dev/virtio-msg: what can be checked without a process
 *
 * What a caller gave, how a buffer of frames is cut up and put together, and
 * who may take over what.  No lock, no sleep, no file.
 */
#ifndef _VIRTIO_MSG_TRANSPORTS_USER_CHECK_H
#define _VIRTIO_MSG_TRANSPORTS_USER_CHECK_H

#include <linux/sizes.h>
#include <linux/types.h>
#include <uapi/linux/virtio_msg.h>

#define VMSG_USER_MAX_MSG	4096U
#define VMSG_USER_MIN_FRAMES	8U
#define VMSG_USER_FRAMES	256U
#define VMSG_USER_MAX_FRAMES	1024U
#define VMSG_USER_MAX_DEVICES	4096U
#define VMSG_USER_MAX_EVENTFDS	1024U
#define VMSG_USER_MAX_WINDOW	((u64)SZ_1G)
#define VMSG_USER_MIN_WINDOW	(16 * (u64)PAGE_SIZE)
#define VMSG_USER_MAX_RECOVER	(3600U * 1000)

#define VMSG_USER_WIRES		((1U << VIRTIO_MSG_WIRE_COUNT) - 1)
#define VMSG_USER_F_KNOWN	VIRTIO_MSG_USER_F_KICKFD

/* Sizes of the structures in their first version. */
#define VMSG_USER_INFO_V1	40
#define VMSG_USER_SETUP_V1	80
#define VMSG_USER_TAKE_OVER_V1	120
#define VMSG_USER_EVENTFD_V1	16

/**
 * struct vmsg_user_limits - what one caller may have
 * @max_window: bytes of one window
 * @max_devices: devices of one bus
 * @max_buses: buses of the user; UINT_MAX is any number
 */
struct vmsg_user_limits {
	u64 max_window;
	unsigned int max_devices;
	unsigned int max_buses;
};

/**
 * enum vmsg_user_state - who has a bus
 * @VMSG_USER_SERVED: an open file, or one that is being set up or closed
 * @VMSG_USER_AWAY: nobody; it waits for a successor
 * @VMSG_USER_TAKEN: a successor who is not done yet
 * @VMSG_USER_ENDING: nobody, and nobody will
 */
enum vmsg_user_state {
	VMSG_USER_SERVED,
	VMSG_USER_AWAY,
	VMSG_USER_TAKEN,
	VMSG_USER_ENDING,
};

/**
 * struct vmsg_user_ring - frames on their way to read()
 * @mem: the frames as read() delivers them: each begins on a multiple of
 *	VIRTIO_MSG_USER_ALIGN, zeroes between; may wrap anywhere
 * @len: bytes of each frame
 * @size: bytes of @mem
 * @slots: how many frames there may be
 * @head: where the first one is in @mem
 * @first: and in @len
 * @used: bytes of @mem in use
 * @count: frames
 * @full: one was refused since the last look
 */
struct vmsg_user_ring {
	u8 *mem;
	u16 *len;
	u32 size;
	u32 slots;
	u32 head;
	u32 first;
	u32 used;
	u32 count;
	bool full;
};

/**
 * struct vmsg_user_batch - frames that fit into a reader's buffer
 * @frames: how many
 * @bytes: without what is behind the last one
 * @taken: bytes of the ring, with that
 * @at: where they begin in the ring
 */
struct vmsg_user_batch {
	u32 frames;
	u32 bytes;
	u32 taken;
	u32 at;
};

int vmsg_user_check_size(u32 size, u32 first);
int vmsg_user_check_name(const char *name);
int vmsg_user_check_setup(const struct virtio_msg_user_setup *s,
			  const struct vmsg_user_limits *lim);
void vmsg_user_defaults(struct virtio_msg_user_setup *s,
			const struct vmsg_user_limits *lim);
int vmsg_user_check_take_over(const struct virtio_msg_user_take_over *t);
int vmsg_user_check_eventfd(const struct virtio_msg_user_eventfd *e, u32 flags);
int vmsg_user_may_take(enum vmsg_user_state state, bool owner, bool admin);

int vmsg_user_frame(unsigned int wire, u32 max, const u8 *buf, u32 have,
		    bool last, u32 *len);

u32 vmsg_user_stride(u32 max);
int vmsg_user_ring_put(struct vmsg_user_ring *r, const void *frame, u32 len);
int vmsg_user_ring_peek(const struct vmsg_user_ring *r, size_t room,
			struct vmsg_user_batch *b);
bool vmsg_user_ring_drop(struct vmsg_user_ring *r,
			 const struct vmsg_user_batch *b);
void vmsg_user_ring_reset(struct vmsg_user_ring *r);

#endif /* _VIRTIO_MSG_TRANSPORTS_USER_CHECK_H */
