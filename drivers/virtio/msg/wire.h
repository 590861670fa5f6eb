/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * virtio-msg wire formats: pack, unpack, validate
 *
 * Pure code: no allocation, no lock, no device pointer.  The same file is
 * built as an ordinary user-space object by the fuzzers and the unit tests.
 */
#ifndef _DRIVERS_VIRTIO_MSG_WIRE_H
#define _DRIVERS_VIRTIO_MSG_WIRE_H

#include <linux/types.h>
#include <uapi/linux/virtio_msg.h>

/* Room for the largest header. */
#define VMSG_HDR_MAX		12
#define VMSG_UUID_LEN		16

/**
 * struct vmsg_wire - one wire revision: a row of the table in wire.c
 * @name: what users call it ("rfc2", "v1", "v2", "xid32")
 * @rev: VIRTIO_MSG_WIRE_*
 * @hdr_len: bytes of the common header
 * @xid_bits: width of the correlation field: 0, 16 or 32
 * @xid_at: offset of the correlation field in the header, if it has one
 * @size_at: offset of msg_size in the header
 * @result_at: offset of the result in the header, 0 where it has none
 * @min_max_size: smallest bus maximum the revision can work with, bytes
 * @exact: true if msg_size must be exactly what the message needs; payloads
 *	then carry no length of their own
 * @info_uuid: GET_DEVICE_INFO has a UUID and counts features in blocks
 * @vq_op: SET_VQUEUE has an operation and GET_VQUEUE has flags
 * @shm_wide: GET_SHM answers with 64-bit length and address
 * @set_cfg_gen: SET_CONFIG carries the generation, else always 0
 * @feat_hdr: bytes before the blocks in feature messages
 * @cfg_hdr: bytes before the data in GET_CONFIG and SET_CONFIG messages
 * @evt_cfg_hdr: bytes before the data in EVENT_CONFIG
 * @info_len: payload of a GET_DEVICE_INFO response, bytes
 * @vq_len: payload of SET_VQUEUE and of a GET_VQUEUE response, bytes
 * @shm_len: payload of a GET_SHM response, bytes
 * @devs_hdr: bytes before the bitmap in a GET_DEVICES response
 * @devs_count_at: offset of count in a GET_DEVICES response, if it has one
 * @devs_next_at: offset of next in a GET_DEVICES response
 *
 * These differ from peer to peer, not from revision to revision, see quirks.c:
 *
 * @bus_xid_bits: as @xid_bits, in responses to bus messages
 * @dev_mask: bits of dev_num in received messages that mean something
 * @max_size: longest message, whatever the link allows, bytes
 * @cfg_unit: 0, or pieces of configuration have 1, 2, ... up to this many
 *	bytes, and the length in a response means nothing
 * @feat_blocks: 0, or the blocks that the device has, that a read asks for and
 *	that every response holds, whatever is claimed
 * @devs_max: device numbers are below this; 1: there is one device, and
 *	GET_DEVICES is not asked
 * @devs_once: the first GET_DEVICES response is all there is; its bitmap ends
 *	with the message, whatever count and next say
 */
struct vmsg_wire {
	const char *name;
	u8 rev;
	u8 hdr_len;
	u8 xid_bits;
	u8 xid_at;
	u8 size_at;
	u8 result_at;
	u8 min_max_size;
	bool exact;
	bool info_uuid;
	bool vq_op;
	bool shm_wide;
	bool set_cfg_gen;
	u8 feat_hdr;
	u8 cfg_hdr;
	u8 evt_cfg_hdr;
	u8 info_len;
	u8 vq_len;
	u8 shm_len;
	u8 devs_hdr;
	u8 devs_count_at;
	u8 devs_next_at;
	u8 bus_xid_bits;
	u16 dev_mask;
	u16 max_size;
	u8 cfg_unit;
	u8 feat_blocks;
	u32 devs_max;
	bool devs_once;
};

/* Width of the correlation in the response to a message of this type. */
static inline unsigned int vmsg_wire_xid_bits(const struct vmsg_wire *w, u8 type)
{
	return type & VIRTIO_MSG_TYPE_BUS ? w->bus_xid_bits : w->xid_bits;
}

/**
 * struct vmsg_hdr - a header in host order, of any revision
 * @type: VIRTIO_MSG_TYPE_* bits; the other bits are ignored on receive
 * @msg_id: message number
 * @dev_num: device number, 0 for bus messages
 * @msg_size: header and payload, bytes
 * @result: xid32 only, else 0
 * @xid: transaction ID or token, 0 for events and for rfc2
 */
struct vmsg_hdr {
	u8 type;
	u8 msg_id;
	u16 dev_num;
	u16 msg_size;
	u16 result;
	u32 xid;
};

/**
 * struct vmsg_pdu - a received message, its header already checked
 * @hdr: the header in host order
 * @payload: first byte after the header
 * @len: bytes of payload (msg_size minus header)
 */
struct vmsg_pdu {
	struct vmsg_hdr hdr;
	const u8 *payload;
	u16 len;
};

/* GET_DEVICE_INFO, in host order, independent of the revision. */
struct vmsg_device_info {
	u32 device_id;
	u32 vendor_id;
	u8 uuid[VMSG_UUID_LEN];		/* all zero where the revision has none */
	u32 num_feature_blocks;		/* of 32 bits each; rounded up from bits */
	u32 config_size;		/* bytes */
	u32 max_vqs;			/* admin queues not counted */
	u32 admin_vq_start;
	u32 admin_vq_count;
};

/* GET_VQUEUE, in host order. */
struct vmsg_vq_info {
	u32 index;
	u32 max_size;
	u32 cur_size;
	bool enabled;			/* false where the revision cannot tell */
	u64 desc;
	u64 driver;
	u64 device;
};

const struct vmsg_wire *vmsg_wire_by_rev(unsigned int rev);
const struct vmsg_wire *vmsg_wire_by_name(const char *name);
/* Best revision (xid32 first) out of a bitmap of revisions; NULL if none. */
const struct vmsg_wire *vmsg_wire_best(u32 offered);

int vmsg_hdr_put(const struct vmsg_wire *w, void *buf, size_t cap,
		 const struct vmsg_hdr *hdr);
int vmsg_pdu_get(const struct vmsg_wire *w, const void *frame, size_t len,
		 struct vmsg_pdu *pdu);
void vmsg_frame_set_xid(const struct vmsg_wire *w, void *frame, u32 xid);

/* The least payload that a response of this kind may have, bytes. */
unsigned int vmsg_wire_min_response(const struct vmsg_wire *w, bool bus,
				    u8 msg_id);
/*
 * What one frame of at most max_size can hold: bytes of configuration data,
 * blocks of 32 feature bits, device numbers (a multiple of 8).
 */
unsigned int vmsg_wire_config_chunk(const struct vmsg_wire *w, u16 max_size);
unsigned int vmsg_wire_feature_chunk(const struct vmsg_wire *w, u16 max_size);
/* How many of @left bytes of configuration go into the next message. */
unsigned int vmsg_wire_config_piece(const struct vmsg_wire *w, u16 max_size,
				    unsigned int left);
unsigned int vmsg_wire_devices_chunk(const struct vmsg_wire *w, u16 max_size);

/*
 * Requests and events of the driver side.  Each writes header and payload into
 * @buf and returns the length of the frame, or -EMSGSIZE when @cap is too
 * small, or -EINVAL for an argument that the message cannot carry.  The
 * transaction ID is 0 until vmsg_frame_set_xid().
 */
int vmsg_req_device_info(const struct vmsg_wire *w, void *buf, size_t cap,
			 u16 dev);
int vmsg_req_get_features(const struct vmsg_wire *w, void *buf, size_t cap,
			  u16 dev, u32 block, u32 num);
int vmsg_req_set_features(const struct vmsg_wire *w, void *buf, size_t cap,
			  u16 dev, u32 block, u32 num, const u32 *blocks);
int vmsg_req_get_config(const struct vmsg_wire *w, void *buf, size_t cap,
			u16 dev, u32 offset, u32 len);
int vmsg_req_set_config(const struct vmsg_wire *w, void *buf, size_t cap,
			u16 dev, u32 generation, u32 offset, const void *data,
			u32 len);
int vmsg_req_get_status(const struct vmsg_wire *w, void *buf, size_t cap,
			u16 dev);
int vmsg_req_set_status(const struct vmsg_wire *w, void *buf, size_t cap,
			u16 dev, u32 status);
int vmsg_req_get_vq(const struct vmsg_wire *w, void *buf, size_t cap, u16 dev,
		    u32 index);
int vmsg_req_set_vq(const struct vmsg_wire *w, void *buf, size_t cap, u16 dev,
		    u32 index, u32 size, u64 desc, u64 driver, u64 device);
int vmsg_req_reset_vq(const struct vmsg_wire *w, void *buf, size_t cap,
		      u16 dev, u32 index);
int vmsg_req_get_shm(const struct vmsg_wire *w, void *buf, size_t cap, u16 dev,
		     u32 id);
int vmsg_req_get_devices(const struct vmsg_wire *w, void *buf, size_t cap,
			 u16 offset, u16 count);
int vmsg_req_ping(const struct vmsg_wire *w, void *buf, size_t cap, u32 data);
int vmsg_rsp_ping(const struct vmsg_wire *w, void *buf, size_t cap, u32 xid,
		  u32 data);
int vmsg_evt_avail(const struct vmsg_wire *w, void *buf, size_t cap, u16 dev,
		   u32 vq, u32 next);

/*
 * Responses and events of the device side.  0 (or a count where said), or
 * -EREMOTEIO for a refusal (nonzero result, or header only where a payload is
 * due), or -EBADMSG for a payload that is too short or contradicts the
 * request.  Of the results, "no such device" is -ENODEV and "busy" is -EBUSY.
 * Nothing is written to the outputs on failure.
 */
/* A response without payload: SET_DRIVER_FEATURES, SET_VQUEUE, RESET_VQUEUE. */
int vmsg_get_empty(const struct vmsg_wire *w, const struct vmsg_pdu *p);
/* -ENODEV also where the answer's device_id is 0. */
int vmsg_get_device_info(const struct vmsg_wire *w, const struct vmsg_pdu *p,
			 struct vmsg_device_info *info);
/* Returns the number of blocks written (at most @num); the rest stay zero. */
int vmsg_get_features(const struct vmsg_wire *w, const struct vmsg_pdu *p,
		      u32 block, u32 num, u32 *blocks);
/* @data receives exactly @len bytes. */
int vmsg_get_config(const struct vmsg_wire *w, const struct vmsg_pdu *p,
		    u32 offset, u32 len, void *data, u32 *generation);
/* -EAGAIN: the device rejected the write because the generation moved. */
int vmsg_get_set_config(const struct vmsg_wire *w, const struct vmsg_pdu *p,
			u32 offset, u32 len, u32 *generation);
int vmsg_get_status(const struct vmsg_wire *w, const struct vmsg_pdu *p,
		    u32 *status);
int vmsg_get_vq(const struct vmsg_wire *w, const struct vmsg_pdu *p, u32 index,
		struct vmsg_vq_info *info);
int vmsg_get_shm(const struct vmsg_wire *w, const struct vmsg_pdu *p, u32 id,
		 u64 *address, u64 *length);
/*
 * @next is 0 at the end; a @next that does not move on is -EBADMSG.  Returns
 * the number of bits (device numbers) that @bitmap describes, from @offset.
 */
int vmsg_get_devices(const struct vmsg_wire *w, const struct vmsg_pdu *p,
		     u16 offset, u16 *next, const u8 **bitmap);
int vmsg_get_ping(const struct vmsg_wire *w, const struct vmsg_pdu *p,
		  u32 *data);
int vmsg_get_event_config(const struct vmsg_wire *w, const struct vmsg_pdu *p,
			  u32 *status, u32 *generation);
int vmsg_get_event_used(const struct vmsg_wire *w, const struct vmsg_pdu *p,
			u32 *vq);
int vmsg_get_event_device(const struct vmsg_wire *w, const struct vmsg_pdu *p,
			  u16 *dev, u16 *state);

const char *vmsg_msg_name(bool bus, u8 msg_id);

#endif /* _DRIVERS_VIRTIO_MSG_WIRE_H */
