/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a partition and we say to each other beside virtio-msg: pure code, which
 * calls nobody and is told all that it needs
 */
#ifndef _DRIVERS_VIRTIO_MSG_FFA_PROTO_H
#define _DRIVERS_VIRTIO_MSG_FFA_PROTO_H

#include <linux/types.h>

/* Bytes that a direct message carries: FF-A 1.2, and before. */
#define VMSG_FFA_REGS		112
#define VMSG_FFA_REGS_1_1	40

/* Every indirect message is as long as this; what is not used is zero. */
#define VMSG_FFA_MESSAGE	104

/* Bus messages of this binding */
#define VMSG_FFA_MSG_VERSION	0x80
#define VMSG_FFA_MSG_SHARE	0x81
#define VMSG_FFA_MSG_UNSHARE	0x82
#define VMSG_FFA_MSG_RESET	0x83
#define VMSG_FFA_MSG_POLL	0x84
#define VMSG_FFA_MSG_CONFIGURE	0x85
#define VMSG_FFA_MSG_ERROR	0x87
#define VMSG_FFA_MSG_RELEASE	0xc0

/* Forms of VERSION, in the order in which they are tried */
enum vmsg_ffa_form {
	VMSG_FFA_FORM_22,	/* 12 bytes, answered by 22 */
	VMSG_FFA_FORM_18,	/* 8 bytes, answered by 18 */
	VMSG_FFA_FORM_OLD,	/* header of 6 bytes, 18 bytes both ways */
	VMSG_FFA_FORMS
};

#define VMSG_FFA_BUS_VERSION	0x00010000
/* A peer that is known says this for the same. */
#define VMSG_FFA_BUS_VERSION_1	1
#define VMSG_FFA_REVISION	1

/* bus_features: what the one who says so takes and sends */
#define VMSG_FFA_F_DIRECT_RX	0x01
#define VMSG_FFA_F_DIRECT_TX	0x02
#define VMSG_FFA_F_INDIRECT_RX	0x04
#define VMSG_FFA_F_INDIRECT_TX	0x08
#define VMSG_FFA_F_NOTIFY_RX	0x10
#define VMSG_FFA_F_NOTIFY_TX	0x20

/* EVENT_CONFIGURE: how events reach us */
#define VMSG_FFA_EVENTS_POLL	0
#define VMSG_FFA_EVENTS_NOTIFY	1
#define VMSG_FFA_EVENTS_MESSAGE	2

/* Results of AREA_SHARE and the others */
#define VMSG_FFA_OK		0
#define VMSG_FFA_REFUSED	1
#define VMSG_FFA_BUSY		2

/* Shared, writable, normal memory: write-back, inner shareable, non-secure. */
#define VMSG_FFA_ATTRIBUTES	0x6f4

/* No notification, in an answer to EVENT_CONFIGURE */
#define VMSG_FFA_NO_NOTIFY	0xffff

/**
 * struct vmsg_ffa_hdr - a header of any wire revision
 * @type: VIRTIO_MSG_TYPE_*
 * @msg_id: message number
 * @size: header and payload, bytes
 * @len: bytes of the header
 * @xid: transaction ID or token
 */
struct vmsg_ffa_hdr {
	u8 type;
	u8 msg_id;
	u16 size;
	u8 len;
	u32 xid;
};

/**
 * struct vmsg_ffa_version - what VERSION says
 * @bus_version: VMSG_FFA_BUS_VERSION; 0 asks, or refuses
 * @revision: bits 15:0 the public revision, bits 31:16 wire revisions
 * @ffa_version: as FFA_VERSION() has it; not in all forms
 * @bus_features: VMSG_FFA_F_*
 * @max_areas: areas that the partition takes
 */
struct vmsg_ffa_version {
	u32 bus_version;
	u32 revision;
	u32 ffa_version;
	u32 bus_features;
	u16 max_areas;
};

/**
 * enum vmsg_ffa_answer - what came back
 * @VMSG_FFA_A_BUSY: all zero: the partition has not taken the message
 * @VMSG_FFA_A_RESPONSE: a response
 * @VMSG_FFA_A_EVENT: an event, or a request of the partition
 * @VMSG_FFA_A_FORGOT: the partition does not know us, or not any more
 * @VMSG_FFA_A_BAD: something that has no place there
 */
enum vmsg_ffa_answer {
	VMSG_FFA_A_BUSY,
	VMSG_FFA_A_RESPONSE,
	VMSG_FFA_A_EVENT,
	VMSG_FFA_A_FORGOT,
	VMSG_FFA_A_BAD,
};

void vmsg_ffa_to_regs(const u8 *frame, unsigned long *regs, unsigned int num);
void vmsg_ffa_from_regs(const unsigned long *regs, u8 *frame, unsigned int num);

unsigned int vmsg_ffa_hdr_len(unsigned int wire, u8 msg_id);
unsigned int vmsg_ffa_put(u8 *frame, unsigned int wire, u8 msg_id, u32 xid,
			  unsigned int payload);
int vmsg_ffa_get(const u8 *frame, size_t len, unsigned int wire,
		 struct vmsg_ffa_hdr *hdr);
int vmsg_ffa_match(const u8 *frame, size_t len, unsigned int wire, u8 msg_id,
		   u32 xid, const u8 **payload);
enum vmsg_ffa_answer vmsg_ffa_classify(const u8 *frame, size_t len);
bool vmsg_ffa_is_private(const u8 *frame);
bool vmsg_ffa_wants_answer(const u8 *frame);

unsigned int vmsg_ffa_put_version(u8 *frame, enum vmsg_ffa_form form,
				  const struct vmsg_ffa_version *v, u16 token);
int vmsg_ffa_get_version(const u8 *frame, size_t len, enum vmsg_ffa_form form,
			 u16 token, struct vmsg_ffa_version *v);
int vmsg_ffa_agree(enum vmsg_ffa_form form, u32 wire_mask,
		   const struct vmsg_ffa_version *asked,
		   const struct vmsg_ffa_version *said,
		   struct vmsg_ffa_version *next, unsigned int *wire,
		   const char **why);

unsigned int vmsg_ffa_put_share(u8 *frame, unsigned int wire, u32 xid, u16 area,
				u64 handle, u32 pages);
unsigned int vmsg_ffa_put_unshare(u8 *frame, unsigned int wire, u32 xid, u16 area);
int vmsg_ffa_area_result(const u8 *payload, int len, u16 area);
unsigned int vmsg_ffa_put_configure(u8 *frame, unsigned int wire, u32 xid,
				    u8 method, u16 id);
int vmsg_ffa_configure_result(const u8 *payload, int len, u16 *device_id);

int vmsg_ffa_indirect_len(const u8 *frame, size_t room, unsigned int wire);

#endif /* _DRIVERS_VIRTIO_MSG_FFA_PROTO_H */
