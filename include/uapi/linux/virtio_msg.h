/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * virtio-msg: virtio devices over messages
 *
 * What both sides of a bus agree on: message numbers, headers, and the layout
 * of the shared-memory segment, all integers little-endian; and, at the end,
 * the interface of /dev/virtio-msg.
 */
#ifndef _UAPI_LINUX_VIRTIO_MSG_H
#define _UAPI_LINUX_VIRTIO_MSG_H

#include <linux/ioctl.h>
#include <linux/types.h>

/* Wire revisions, and the bits that offer and select them in a segment. */
#define VIRTIO_MSG_WIRE_RFC2		0
#define VIRTIO_MSG_WIRE_V1		1
#define VIRTIO_MSG_WIRE_V2		2
#define VIRTIO_MSG_WIRE_XID32		3
#define VIRTIO_MSG_WIRE_COUNT		4

/* Byte 0 of every header: type. Bits 2 to 7 are sent as zero. */
#define VIRTIO_MSG_TYPE_RESPONSE	0x01
#define VIRTIO_MSG_TYPE_BUS		0x02

/* Transport messages: requests */
#define VIRTIO_MSG_GET_DEVICE_INFO	0x02
#define VIRTIO_MSG_GET_DEVICE_FEATURES	0x03
#define VIRTIO_MSG_SET_DRIVER_FEATURES	0x04
#define VIRTIO_MSG_GET_CONFIG		0x05
#define VIRTIO_MSG_SET_CONFIG		0x06
#define VIRTIO_MSG_GET_DEVICE_STATUS	0x07
#define VIRTIO_MSG_SET_DEVICE_STATUS	0x08
#define VIRTIO_MSG_GET_VQUEUE		0x09
#define VIRTIO_MSG_SET_VQUEUE		0x0a
#define VIRTIO_MSG_RESET_VQUEUE		0x0b
#define VIRTIO_MSG_GET_SHM		0x0c

/* Transport messages: events */
#define VIRTIO_MSG_EVENT_CONFIG		0x40	/* device to driver */
#define VIRTIO_MSG_EVENT_AVAIL		0x41	/* driver to device */
#define VIRTIO_MSG_EVENT_USED		0x42	/* device to driver */

/* Bus messages */
#define VIRTIO_MSG_BUS_GET_DEVICES	0x02
#define VIRTIO_MSG_BUS_PING		0x03
#define VIRTIO_MSG_BUS_EVENT_DEVICE	0x40

/* Message numbers at and above this one, up to 0x7f, are events. */
#define VIRTIO_MSG_EVENT_BASE		0x40
#define VIRTIO_MSG_IMPL_REQUEST_BASE	0x80
#define VIRTIO_MSG_IMPL_EVENT_BASE	0xc0

/* EVENT_DEVICE: state */
#define VIRTIO_MSG_DEVICE_READY		1
#define VIRTIO_MSG_DEVICE_REMOVED	2

/* EVENT_AVAIL: word 1 is the next-available offset and, in bit 31, the wrap. */
#define VIRTIO_MSG_AVAIL_WRAP		0x80000000U

/* SET_VQUEUE and GET_VQUEUE of v2 and xid32 */
#define VIRTIO_MSG_VQ_ENABLE		0x1

/* The result field of an xid32 response */
#define VIRTIO_MSG_RESULT_OK		0
#define VIRTIO_MSG_RESULT_NO_DEVICE	1
#define VIRTIO_MSG_RESULT_UNKNOWN	2
#define VIRTIO_MSG_RESULT_BAD_ARG	3
#define VIRTIO_MSG_RESULT_BAD_STATE	4
#define VIRTIO_MSG_RESULT_BUSY		5

/* Header of rfc2 */
struct virtio_msg_hdr_rfc2 {
	__u8 type;
	__u8 msg_id;
	__le16 dev_num;
	__le16 msg_size;
} __attribute__((packed));

/* Header of v1 and v2 */
struct virtio_msg_hdr_token {
	__u8 type;
	__u8 msg_id;
	__le16 dev_num;
	__le16 token;
	__le16 msg_size;
} __attribute__((packed));

/* Header of xid32 */
struct virtio_msg_hdr_xid32 {
	__u8 type;
	__u8 msg_id;
	__le16 dev_num;
	__le16 msg_size;
	__le16 result;
	__le32 transaction_id;
} __attribute__((packed));

/* Wire addresses: area id in bits 63:48, byte offset below. */
#define VIRTIO_MSG_AREA_SHIFT		48
#define VIRTIO_MSG_AREA_DRIVER_PHYS	0
#define VIRTIO_MSG_AREA_SEGMENT		1

/*
 * The shared-memory segment.  Bytes 0 to 63 describe the layout; bytes 64 to
 * 127, our extension, carry what a restart needs.
 */
#define VIRTIO_MSG_SEG_MAGIC		0x4c4f
#define VIRTIO_MSG_SEG_VERSION		1
#define VIRTIO_MSG_SEG_LENGTH		64
#define VIRTIO_MSG_SEG_F_MASKS		0x1	/* features: masks present */
#define VIRTIO_MSG_SEG_MAX_NOTIF	64

struct virtio_msg_seg_hdr {
	__le16 magic;
	__le16 length;
	__le16 version;
	__le16 features;
	__u8 num_notif;
	__u8 vq_notif_per_dev;
	__le16 num_elems;
	__le16 elem_size;
	__le16 reserved;
	__le64 dev_notif;
	__le64 dev_head;
	__le64 dev_elems;
	__le64 drv_notif;
	__le64 drv_head;
	__le64 drv_elems;
};

#define VIRTIO_MSG_EXT_OFFSET		64
#define VIRTIO_MSG_EXT_MAGIC		0x58534d56	/* "VMSX" */
#define VIRTIO_MSG_EXT_VERSION		1
#define VIRTIO_MSG_EXT_LENGTH		64
#define VIRTIO_MSG_PEER_NONE		0xffff

/* device_flags: this device side continues the last one, caches intact. */
#define VIRTIO_MSG_DEV_F_CONTINUES	0x1
/* driver_flags: the driver resumes the same rings. */
#define VIRTIO_MSG_DRV_F_RESUMES	0x1

struct virtio_msg_seg_ext {
	__le32 magic;
	__le16 length;
	__le16 version;
	__le32 wire_offered;
	__le32 wire_selected;
	__le64 window_offset;
	__le64 window_length;
	__le32 device_instance;
	__le32 driver_instance;
	__le16 device_peer;
	__le16 driver_peer;
	__le32 device_flags;
	__le32 driver_flags;
	__le32 device_seen;
	__le32 driver_seen;
	__le32 reserved;
};

/* Queue head, one a side, written by its owner alone. */
#define VIRTIO_MSG_QHEAD_MAGIC		0x514f
#define VIRTIO_MSG_ST_INIT		0
#define VIRTIO_MSG_ST_READY		1
#define VIRTIO_MSG_ST_RUN		2
#define VIRTIO_MSG_ST_SHUTDOWN		3
#define VIRTIO_MSG_ST_PEER_DEAD		4
#define VIRTIO_MSG_ST_DEBUGGABLE	0x8000	/* flag beside the status */

struct virtio_msg_qhead {
	__le16 magic;
	__le16 status;
	__le16 tail;
	__le16 head;
};

/* The raw pages of the older public peers: one SPSC queue a page. */
#define VIRTIO_MSG_SPSC_HEAD		0
#define VIRTIO_MSG_SPSC_TAIL		64
#define VIRTIO_MSG_SPSC_SLOTS		128
#define VIRTIO_MSG_SPSC_SLOT_SIZE	64

/*
 * /dev/virtio-msg: buses whose device side is a process.
 *
 * An open file becomes a bus by VIRTIO_MSG_USER_SETUP or by
 * VIRTIO_MSG_USER_TAKE_OVER, once.  Then read() takes whole frames that the
 * driver side sent, write() gives whole frames to it; each frame begins on a
 * multiple of VIRTIO_MSG_USER_ALIGN bytes, the bytes between are zero and may
 * be left out behind the last one.  Rings and buffers lie in the window, a
 * sealed memory file; its first byte has the wire address
 * VIRTIO_MSG_USER_WINDOW.
 *
 * Every structure begins with its own size, so that it can grow: what a newer
 * caller adds must be zero for an older kernel, else the call is refused with
 * E2BIG.  Reserved fields and unknown flags must be zero, else EINVAL.
 */
#define VIRTIO_MSG_USER_VERSION		1
#define VIRTIO_MSG_USER_ALIGN		8
#define VIRTIO_MSG_USER_NAME_LEN	32	/* with its terminating zero */
#define VIRTIO_MSG_USER_WINDOW		((__u64)VIRTIO_MSG_AREA_SEGMENT << \
					 VIRTIO_MSG_AREA_SHIFT)

/**
 * struct virtio_msg_user_info - what this kernel offers the caller
 * @size: of this structure, set by the caller
 * @version: VIRTIO_MSG_USER_VERSION
 * @setup_flags: VIRTIO_MSG_USER_F_* that are known
 * @wires: bitmap of wire revisions, bit VIRTIO_MSG_WIRE_*
 * @max_msg_size: longest frame, bytes
 * @max_frames: most frames that may wait for read()
 * @max_devices: most devices of one bus
 * @reserved: zero
 * @max_window: largest window, bytes
 */
struct virtio_msg_user_info {
	__u32 size;
	__u32 version;
	__u32 setup_flags;
	__u32 wires;
	__u32 max_msg_size;
	__u32 max_frames;
	__u32 max_devices;
	__u32 reserved;
	__aligned_u64 max_window;
};

/*
 * Kicks go to the eventfd of their queue where one is set.  An eventfd has no
 * room for a position, so that VIRTIO_F_NOTIFICATION_DATA is not offered then.
 */
#define VIRTIO_MSG_USER_F_KICKFD	0x1

/**
 * struct virtio_msg_user_setup - make this file a bus
 * @size: of this structure, set by the caller
 * @flags: VIRTIO_MSG_USER_F_*
 * @wire: the wire revision, VIRTIO_MSG_WIRE_*
 * @max_msg_size: longest frame of either side, bytes
 * @window_size: bytes, a multiple of the page size
 * @frames: frames that may wait for read(); 0 chooses
 * @max_devices: devices that the bus may have; 0 chooses
 * @recover_ms: how long the devices wait for a successor when this file is
 *	closed, milliseconds; 0: they are removed at once
 * @reserved: zero
 * @name: by which a successor finds the bus; may be empty if @recover_ms is 0
 * @window_fd: set by the kernel: the window, to be mapped with MAP_SHARED
 * @bus: set by the kernel: N of /sys/class/virtio-msg/virtio-msgN
 */
struct virtio_msg_user_setup {
	__u32 size;
	__u32 flags;
	__u32 wire;
	__u32 max_msg_size;
	__aligned_u64 window_size;
	__u32 frames;
	__u32 max_devices;
	__u32 recover_ms;
	__u32 reserved;
	char name[VIRTIO_MSG_USER_NAME_LEN];
	__s32 window_fd;
	__u32 bus;
};

/*
 * Nothing that the predecessor acknowledged is lost: the devices' state and
 * write caches are intact.  Block devices, network cards and entropy sources
 * then go on with the rings that they have; without the flag, and all others,
 * they are removed and come back as new ones.
 */
#define VIRTIO_MSG_USER_TAKE_OVER_F_INTACT	0x1

/**
 * struct virtio_msg_user_take_over - go on with a bus whose file was closed
 * @size: of this structure, set by the caller
 * @flags: VIRTIO_MSG_USER_TAKE_OVER_F_*
 * @name: of the bus
 * @setup: set by the kernel: what the bus was set up with, and a new window_fd
 */
struct virtio_msg_user_take_over {
	__u32 size;
	__u32 flags;
	char name[VIRTIO_MSG_USER_NAME_LEN];
	struct virtio_msg_user_setup setup;
};

#define VIRTIO_MSG_USER_KICK	1	/* the kernel signals: new buffers */
#define VIRTIO_MSG_USER_CALL	2	/* the device side signals: used buffers */

/**
 * struct virtio_msg_user_eventfd - an eventfd in place of EVENT_AVAIL or EVENT_USED
 * @size: of this structure, set by the caller
 * @what: VIRTIO_MSG_USER_KICK, which needs VIRTIO_MSG_USER_F_KICKFD, or
 *	VIRTIO_MSG_USER_CALL
 * @dev_num: device number
 * @vq: queue of the device
 * @fd: the eventfd, or -1 for none any more
 */
struct virtio_msg_user_eventfd {
	__u32 size;
	__u32 what;
	__u16 dev_num;
	__u16 vq;
	__s32 fd;
};

#define VIRTIO_MSG_USER_IOC		0xBB
#define VIRTIO_MSG_USER_GET_INFO	_IOWR(VIRTIO_MSG_USER_IOC, 0x00, \
					      struct virtio_msg_user_info)
#define VIRTIO_MSG_USER_SETUP		_IOWR(VIRTIO_MSG_USER_IOC, 0x01, \
					      struct virtio_msg_user_setup)
#define VIRTIO_MSG_USER_TAKE_OVER	_IOWR(VIRTIO_MSG_USER_IOC, 0x02, \
					      struct virtio_msg_user_take_over)
#define VIRTIO_MSG_USER_SET_EVENTFD	_IOW(VIRTIO_MSG_USER_IOC, 0x03, \
					     struct virtio_msg_user_eventfd)

#endif /* _UAPI_LINUX_VIRTIO_MSG_H */
