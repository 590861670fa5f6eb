/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * virtio-msg: virtio devices over messages
 *
 * What both sides of a bus agree on: message numbers, headers, and the layout
 * of the shared-memory segment.  All integers are little-endian.
 */
#ifndef _UAPI_LINUX_VIRTIO_MSG_H
#define _UAPI_LINUX_VIRTIO_MSG_H

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

#endif /* _UAPI_LINUX_VIRTIO_MSG_H */
