// SPDX-License-Identifier: GPL-2.0-only
/*
 * virtio-msg wire formats: pack, unpack, validate
 *
 * The four wire revisions differ in a handful of numbers, and those numbers are
 * the rows of one table.  Everything below reads the row; no function asks
 * which revision it is.  The formats themselves are defined by
 * Documentation/driver-api/virtio/virtio-msg/wire.rst; each function names the
 * section of that file which it carries out.
 *
 * The frames given to the parsers are private copies, but their content is the
 * peer's: every length and offset in them is checked against what was really
 * received before it is used.
 *
 * Nothing here sleeps, allocates, locks or keeps state, so every function may
 * be called in any context.
 */
#include <linux/errno.h>
#include <linux/export.h>
#include <linux/kernel.h>
#include <linux/limits.h>
#include <linux/string.h>
#include <linux/types.h>
#include <linux/unaligned.h>
#include <kunit/visibility.h>

#include "wire.h"

/* One past the highest device number. */
#define VMSG_DEV_NUMS		0x10000U

#define VMSG_TYPE_MASK		(VIRTIO_MSG_TYPE_RESPONSE | VIRTIO_MSG_TYPE_BUS)

/* wire.rst, "The wire revisions" and "Payloads": one row a revision. */
static const struct vmsg_wire vmsg_wires[VIRTIO_MSG_WIRE_COUNT] = {
	[VIRTIO_MSG_WIRE_RFC2] = {
		.name		= "rfc2",
		.rev		= VIRTIO_MSG_WIRE_RFC2,
		.hdr_len	= 6,
		.xid_bits	= 0,
		.size_at	= 4,
		.min_max_size	= 44,
		.set_cfg_gen	= true,
		.feat_hdr	= 8,
		.cfg_hdr	= 12,
		.evt_cfg_hdr	= 16,
		.info_len	= 24,
		.vq_len		= 36,
		.shm_len	= 12,
		.devs_hdr	= 6,
		.devs_count_at	= 2,
		.devs_next_at	= 4,
		.dev_mask	= U16_MAX,
		.max_size	= U16_MAX,
		.devs_max	= VMSG_DEV_NUMS,
	},
	[VIRTIO_MSG_WIRE_V1] = {
		.name		= "v1",
		.rev		= VIRTIO_MSG_WIRE_V1,
		.hdr_len	= 8,
		.xid_bits	= 16,
		.xid_at		= 4,
		.size_at	= 6,
		.min_max_size	= 48,
		.set_cfg_gen	= true,
		.feat_hdr	= 8,
		.cfg_hdr	= 12,
		.evt_cfg_hdr	= 16,
		.info_len	= 24,
		.vq_len		= 40,
		.shm_len	= 12,
		.devs_hdr	= 6,
		.devs_count_at	= 2,
		.devs_next_at	= 4,
		.bus_xid_bits	= 16,
		.dev_mask	= U16_MAX,
		.max_size	= U16_MAX,
		.devs_max	= VMSG_DEV_NUMS,
	},
	[VIRTIO_MSG_WIRE_V2] = {
		.name		= "v2",
		.rev		= VIRTIO_MSG_WIRE_V2,
		.hdr_len	= 8,
		.xid_bits	= 16,
		.xid_at		= 4,
		.size_at	= 6,
		.min_max_size	= 52,
		.info_uuid	= true,
		.vq_op		= true,
		.shm_wide	= true,
		.feat_hdr	= 8,
		.cfg_hdr	= 12,
		.evt_cfg_hdr	= 16,
		.info_len	= 44,
		.vq_len		= 40,
		.shm_len	= 24,
		.devs_hdr	= 6,
		.devs_count_at	= 4,
		.devs_next_at	= 2,
		.bus_xid_bits	= 16,
		.dev_mask	= U16_MAX,
		.max_size	= U16_MAX,
		.devs_max	= VMSG_DEV_NUMS,
	},
	[VIRTIO_MSG_WIRE_XID32] = {
		.name		= "xid32",
		.rev		= VIRTIO_MSG_WIRE_XID32,
		.hdr_len	= 12,
		.xid_bits	= 32,
		.xid_at		= 8,
		.size_at	= 4,
		.result_at	= 6,
		.min_max_size	= 64,
		.exact		= true,
		.info_uuid	= true,
		.vq_op		= true,
		.shm_wide	= true,
		.set_cfg_gen	= true,
		.feat_hdr	= 4,
		.cfg_hdr	= 8,
		.evt_cfg_hdr	= 12,
		.info_len	= 44,
		.vq_len		= 40,
		.shm_len	= 24,
		.devs_hdr	= 4,
		.devs_next_at	= 2,
		.bus_xid_bits	= 32,
		.dev_mask	= U16_MAX,
		.max_size	= U16_MAX,
		.devs_max	= VMSG_DEV_NUMS,
	},
};

/**
 * vmsg_wire_by_rev() - find a wire revision by its number
 * @rev: VIRTIO_MSG_WIRE_*
 *
 * See wire.rst, "The wire revisions".
 *
 * Context: Any.
 * Return: the row, or NULL if there is no such revision.
 */
const struct vmsg_wire *vmsg_wire_by_rev(unsigned int rev)
{
	if (rev >= VIRTIO_MSG_WIRE_COUNT)
		return NULL;
	return &vmsg_wires[rev];
}
EXPORT_SYMBOL_IF_KUNIT(vmsg_wire_by_rev);

/**
 * vmsg_wire_by_name() - find a wire revision by its name
 * @name: "rfc2", "v1", "v2" or "xid32"
 *
 * See wire.rst, "The wire revisions".
 *
 * Context: Any.
 * Return: the row, or NULL if there is no such revision.
 */
const struct vmsg_wire *vmsg_wire_by_name(const char *name)
{
	unsigned int i;

	for (i = 0; i < VIRTIO_MSG_WIRE_COUNT; i++)
		if (!strcmp(vmsg_wires[i].name, name))
			return &vmsg_wires[i];
	return NULL;
}
EXPORT_SYMBOL_IF_KUNIT(vmsg_wire_by_name);

/**
 * vmsg_wire_best() - choose the newest of the revisions offered
 * @offered: bitmap, bit n is revision n; unknown bits are ignored
 *
 * See segment.rst, "Layout", wire_offered.
 *
 * Context: Any.
 * Return: the row, or NULL if no known revision is offered.
 */
const struct vmsg_wire *vmsg_wire_best(u32 offered)
{
	unsigned int i = VIRTIO_MSG_WIRE_COUNT;

	while (i--)
		if (offered & (1U << i))
			return &vmsg_wires[i];
	return NULL;
}
EXPORT_SYMBOL_IF_KUNIT(vmsg_wire_best);

/**
 * vmsg_hdr_put() - write a header
 * @w: wire revision
 * @buf: where the frame starts; no alignment is needed
 * @cap: bytes of room at @buf
 * @hdr: the header in host order
 *
 * See wire.rst, "The wire revisions", header layouts.
 *
 * Context: Any.
 * Return: length of the header, -EMSGSIZE if @cap is too small, or -EINVAL if
 * the revision cannot carry a value of @hdr.
 */
int vmsg_hdr_put(const struct vmsg_wire *w, void *buf, size_t cap,
		 const struct vmsg_hdr *hdr)
{
	u8 *p = buf;

	if (cap < w->hdr_len)
		return -EMSGSIZE;
	if (hdr->msg_size < w->hdr_len)
		return -EINVAL;
	if (w->xid_bits < 32 && hdr->xid >> w->xid_bits)
		return -EINVAL;
	if (!w->result_at && hdr->result)
		return -EINVAL;

	p[0] = hdr->type & VMSG_TYPE_MASK;
	p[1] = hdr->msg_id;
	put_unaligned_le16(hdr->dev_num, p + 2);
	put_unaligned_le16(hdr->msg_size, p + w->size_at);
	if (w->result_at)
		put_unaligned_le16(hdr->result, p + w->result_at);
	vmsg_frame_set_xid(w, buf, hdr->xid);
	return w->hdr_len;
}
EXPORT_SYMBOL_IF_KUNIT(vmsg_hdr_put);

/**
 * vmsg_frame_set_xid() - write the correlation field of a finished frame
 * @w: wire revision
 * @frame: a frame that starts with a complete header
 * @xid: transaction ID or token; it must fit in the field
 *
 * Does nothing where the revision has no such field.
 * See wire.rst, "The wire revisions", transaction rules.
 *
 * Context: Any.
 */
void vmsg_frame_set_xid(const struct vmsg_wire *w, void *frame, u32 xid)
{
	u8 *p = frame;

	if (w->xid_bits == 32)
		put_unaligned_le32(xid, p + w->xid_at);
	else if (w->xid_bits == 16)
		put_unaligned_le16(xid, p + w->xid_at);
}
EXPORT_SYMBOL_IF_KUNIT(vmsg_frame_set_xid);

/**
 * vmsg_pdu_get() - check the header of a received frame and open it
 * @w: wire revision
 * @frame: private copy of what was received; no alignment is needed
 * @len: bytes received; a frame may be padded beyond its msg_size
 * @pdu: receives the header in host order and the bounds of the payload
 *
 * The payload is not looked at, and the message may be of any kind, known or
 * not.  See wire.rst, "The wire revisions", header layouts.
 *
 * Context: Any.
 * Return: 0, or -EBADMSG if the header is not complete, msg_size is less than
 * the header or more than was received, or a message that is not a response
 * carries a result.  @pdu is not written then.
 */
int vmsg_pdu_get(const struct vmsg_wire *w, const void *frame, size_t len,
		 struct vmsg_pdu *pdu)
{
	const u8 *p = frame;
	struct vmsg_hdr hdr = {};

	if (len < w->hdr_len)
		return -EBADMSG;

	hdr.type = p[0] & VMSG_TYPE_MASK;
	hdr.msg_id = p[1];
	hdr.dev_num = get_unaligned_le16(p + 2) & w->dev_mask;
	hdr.msg_size = get_unaligned_le16(p + w->size_at);
	if (w->result_at)
		hdr.result = get_unaligned_le16(p + w->result_at);
	if (w->xid_bits == 32)
		hdr.xid = get_unaligned_le32(p + w->xid_at);
	else if (w->xid_bits == 16)
		hdr.xid = get_unaligned_le16(p + w->xid_at);

	if (hdr.msg_size < w->hdr_len || hdr.msg_size > len)
		return -EBADMSG;
	if (hdr.result && !(hdr.type & VIRTIO_MSG_TYPE_RESPONSE))
		return -EBADMSG;

	pdu->hdr = hdr;
	pdu->payload = p + w->hdr_len;
	pdu->len = hdr.msg_size - w->hdr_len;
	return 0;
}
EXPORT_SYMBOL_IF_KUNIT(vmsg_pdu_get);

/**
 * vmsg_wire_min_response() - the least payload of a response
 * @w: wire revision
 * @bus: true for a bus message
 * @msg_id: message number
 *
 * See wire.rst, "Payloads".
 *
 * Context: Any.
 * Return: bytes; 0 for a response without payload and for an unknown message.
 */
unsigned int vmsg_wire_min_response(const struct vmsg_wire *w, bool bus,
				    u8 msg_id)
{
	if (bus) {
		switch (msg_id) {
		case VIRTIO_MSG_BUS_GET_DEVICES:
			return w->devs_hdr;
		case VIRTIO_MSG_BUS_PING:
			return 4;
		}
		return 0;
	}

	switch (msg_id) {
	case VIRTIO_MSG_GET_DEVICE_INFO:
		return w->info_len;
	case VIRTIO_MSG_GET_DEVICE_FEATURES:
		return w->feat_hdr;
	case VIRTIO_MSG_GET_CONFIG:
	case VIRTIO_MSG_SET_CONFIG:
		return w->cfg_hdr;
	case VIRTIO_MSG_GET_DEVICE_STATUS:
	case VIRTIO_MSG_SET_DEVICE_STATUS:
		return 4;
	case VIRTIO_MSG_GET_VQUEUE:
		return w->vq_len;
	case VIRTIO_MSG_GET_SHM:
		return w->shm_len;
	}
	return 0;
}
EXPORT_SYMBOL_IF_KUNIT(vmsg_wire_min_response);

/* Bytes that @max_size leaves behind the header and @hdr bytes of payload. */
static unsigned int vmsg_wire_room(const struct vmsg_wire *w, u16 max_size,
				   unsigned int hdr)
{
	hdr += w->hdr_len;
	return max_size > hdr ? max_size - hdr : 0;
}

/**
 * vmsg_wire_config_chunk() - most configuration data in one frame
 * @w: wire revision
 * @max_size: largest frame of the bus, bytes
 *
 * Holds for the answer to GET_CONFIG and for SET_CONFIG both ways.
 * See wire.rst, "Payloads".
 *
 * Context: Any.
 * Return: bytes of data, 0 if not even one fits.
 */
unsigned int vmsg_wire_config_chunk(const struct vmsg_wire *w, u16 max_size)
{
	return vmsg_wire_room(w, max_size, w->cfg_hdr);
}
EXPORT_SYMBOL_IF_KUNIT(vmsg_wire_config_chunk);

/**
 * vmsg_wire_config_piece() - how much configuration goes into the next message
 * @w: wire revision
 * @max_size: largest frame of the bus, bytes
 * @left: bytes that are left to read or write
 *
 * See wire.rst, "Quirks of known peers".
 *
 * Context: Any.
 * Return: bytes, at most @left; 0 if @left is, or if not even one fits.
 */
unsigned int vmsg_wire_config_piece(const struct vmsg_wire *w, u16 max_size,
				    unsigned int left)
{
	unsigned int chunk = min(left, vmsg_wire_config_chunk(w, max_size));
	unsigned int unit = w->cfg_unit;

	if (!unit)
		return chunk;
	while (unit > chunk)
		unit /= 2;
	return unit;
}
EXPORT_SYMBOL_IF_KUNIT(vmsg_wire_config_piece);

/**
 * vmsg_wire_feature_chunk() - most feature blocks in one frame
 * @w: wire revision
 * @max_size: largest frame of the bus, bytes
 *
 * See wire.rst, "Payloads".
 *
 * Context: Any.
 * Return: blocks of 32 feature bits, 0 if not even one fits.
 */
unsigned int vmsg_wire_feature_chunk(const struct vmsg_wire *w, u16 max_size)
{
	return vmsg_wire_room(w, max_size, w->feat_hdr) / 4;
}
EXPORT_SYMBOL_IF_KUNIT(vmsg_wire_feature_chunk);

/**
 * vmsg_wire_devices_chunk() - most device numbers in one GET_DEVICES answer
 * @w: wire revision
 * @max_size: largest frame of the bus, bytes
 *
 * See wire.rst, "Payloads".
 *
 * Context: Any.
 * Return: device numbers (bits of the bitmap), a multiple of 8 that fits in
 * the count field of a request; 0 if not even 8 fit.
 */
unsigned int vmsg_wire_devices_chunk(const struct vmsg_wire *w, u16 max_size)
{
	unsigned int bits = vmsg_wire_room(w, max_size, w->devs_hdr) * 8;

	/* Some have so few that one answer holds them all. */
	return min3(bits, U16_MAX & ~7U, w->devs_max);
}
EXPORT_SYMBOL_IF_KUNIT(vmsg_wire_devices_chunk);

/*
 * Start a frame with @len bytes of payload: write the header, clear the
 * payload.  Returns the length of the frame, -EMSGSIZE or -EINVAL.
 */
static int vmsg_start(const struct vmsg_wire *w, void *buf, size_t cap,
		      u8 type, u8 msg_id, u16 dev, u32 xid, size_t len)
{
	struct vmsg_hdr hdr = {
		.type = type,
		.msg_id = msg_id,
		.dev_num = dev,
		.xid = xid,
	};
	int ret;

	/* msg_size has 16 bits, whatever the room. */
	if (w->hdr_len + len > U16_MAX)
		return -EINVAL;
	if (cap < w->hdr_len + len)
		return -EMSGSIZE;

	hdr.msg_size = w->hdr_len + len;
	ret = vmsg_hdr_put(w, buf, cap, &hdr);
	if (ret < 0)
		return ret;
	memset((u8 *)buf + w->hdr_len, 0, len);
	return hdr.msg_size;
}

/* Start a request or event to one device, without a transaction ID yet. */
static int vmsg_start_dev(const struct vmsg_wire *w, void *buf, size_t cap,
			  u16 dev, u8 msg_id, size_t len)
{
	return vmsg_start(w, buf, cap, 0, msg_id, dev, 0, len);
}

/* A request to one device whose payload is one word. */
static int vmsg_req_word(const struct vmsg_wire *w, void *buf, size_t cap,
			 u16 dev, u8 msg_id, u32 word)
{
	int ret = vmsg_start_dev(w, buf, cap, dev, msg_id, 4);

	if (ret > 0)
		put_unaligned_le32(word, (u8 *)buf + w->hdr_len);
	return ret;
}

/**
 * vmsg_req_device_info() - pack GET_DEVICE_INFO
 * @w: wire revision
 * @buf: receives the frame
 * @cap: bytes of room at @buf
 * @dev: device number
 *
 * See wire.rst, "Payloads".
 *
 * Context: Any.
 * Return: length of the frame, or -EMSGSIZE if @cap is too small.
 */
int vmsg_req_device_info(const struct vmsg_wire *w, void *buf, size_t cap,
			 u16 dev)
{
	return vmsg_start_dev(w, buf, cap, dev, VIRTIO_MSG_GET_DEVICE_INFO, 0);
}
EXPORT_SYMBOL_IF_KUNIT(vmsg_req_device_info);

/**
 * vmsg_req_get_features() - pack GET_DEVICE_FEATURES
 * @w: wire revision
 * @buf: receives the frame
 * @cap: bytes of room at @buf
 * @dev: device number
 * @block: first block of 32 feature bits
 * @num: number of blocks; see vmsg_wire_feature_chunk() for what one answer
 *	can hold
 *
 * See wire.rst, "Payloads".
 *
 * Context: Any.
 * Return: length of the frame, -EMSGSIZE if @cap is too small, or -EINVAL if
 * @num is 0 or the blocks would run past the last number.
 */
int vmsg_req_get_features(const struct vmsg_wire *w, void *buf, size_t cap,
			  u16 dev, u32 block, u32 num)
{
	u8 *p = buf;
	int ret;

	if (!num || num - 1 > U32_MAX - block)
		return -EINVAL;
	ret = vmsg_start_dev(w, buf, cap, dev, VIRTIO_MSG_GET_DEVICE_FEATURES,
			     8);
	if (ret < 0)
		return ret;
	p += w->hdr_len;
	put_unaligned_le32(block, p);
	put_unaligned_le32(num, p + 4);
	return ret;
}
EXPORT_SYMBOL_IF_KUNIT(vmsg_req_get_features);

/**
 * vmsg_req_set_features() - pack SET_DRIVER_FEATURES
 * @w: wire revision
 * @buf: receives the frame
 * @cap: bytes of room at @buf
 * @dev: device number
 * @block: first block of 32 feature bits
 * @num: number of blocks
 * @blocks: the blocks, in host order
 *
 * See wire.rst, "Payloads".
 *
 * Context: Any.
 * Return: length of the frame, -EMSGSIZE if @cap is too small, or -EINVAL if
 * @num is 0, more than any frame can hold, or runs past the last block.
 */
int vmsg_req_set_features(const struct vmsg_wire *w, void *buf, size_t cap,
			  u16 dev, u32 block, u32 num, const u32 *blocks)
{
	u8 *p = buf;
	u32 i;
	int ret;

	if (!num || num - 1 > U32_MAX - block ||
	    num > vmsg_wire_feature_chunk(w, U16_MAX))
		return -EINVAL;
	ret = vmsg_start_dev(w, buf, cap, dev, VIRTIO_MSG_SET_DRIVER_FEATURES,
			     w->feat_hdr + num * 4);
	if (ret < 0)
		return ret;
	p += w->hdr_len;
	put_unaligned_le32(block, p);
	if (!w->exact)
		put_unaligned_le32(num, p + 4);
	p += w->feat_hdr;
	for (i = 0; i < num; i++)
		put_unaligned_le32(blocks[i], p + 4 * i);
	return ret;
}
EXPORT_SYMBOL_IF_KUNIT(vmsg_req_set_features);

/* True if [@offset, @offset + @len) is a range that one frame can carry. */
static bool vmsg_config_range_ok(const struct vmsg_wire *w, u32 offset,
				 u32 len)
{
	return len <= vmsg_wire_config_chunk(w, U16_MAX) &&
	       len <= U32_MAX - offset;
}

/**
 * vmsg_req_get_config() - pack GET_CONFIG
 * @w: wire revision
 * @buf: receives the frame
 * @cap: bytes of room at @buf
 * @dev: device number
 * @offset: first byte of the configuration space
 * @len: bytes to read, may be 0 to learn the generation alone; see
 *	vmsg_wire_config_chunk() for what one answer can hold
 *
 * See wire.rst, "Payloads".
 *
 * Context: Any.
 * Return: length of the frame, -EMSGSIZE if @cap is too small, or -EINVAL if
 * no answer can hold @len bytes or the range wraps.
 */
int vmsg_req_get_config(const struct vmsg_wire *w, void *buf, size_t cap,
			u16 dev, u32 offset, u32 len)
{
	u8 *p = buf;
	int ret;

	if (!vmsg_config_range_ok(w, offset, len))
		return -EINVAL;
	ret = vmsg_start_dev(w, buf, cap, dev, VIRTIO_MSG_GET_CONFIG, 8);
	if (ret < 0)
		return ret;
	p += w->hdr_len;
	put_unaligned_le32(offset, p);
	put_unaligned_le32(len, p + 4);
	return ret;
}
EXPORT_SYMBOL_IF_KUNIT(vmsg_req_get_config);

/**
 * vmsg_req_set_config() - pack SET_CONFIG
 * @w: wire revision
 * @buf: receives the frame
 * @cap: bytes of room at @buf
 * @dev: device number
 * @generation: the generation that the caller last saw; sent as 0 ("not
 *	strict") where the revision wants that
 * @offset: first byte of the configuration space
 * @data: what to write
 * @len: bytes to write
 *
 * See wire.rst, "Payloads".
 *
 * Context: Any.
 * Return: length of the frame, -EMSGSIZE if @cap is too small, or -EINVAL if
 * @len is 0 (its answer could not be told from a refusal), no frame can hold
 * @len bytes, or the range wraps.
 */
int vmsg_req_set_config(const struct vmsg_wire *w, void *buf, size_t cap,
			u16 dev, u32 generation, u32 offset, const void *data,
			u32 len)
{
	u8 *p = buf;
	int ret;

	if (!len || !vmsg_config_range_ok(w, offset, len))
		return -EINVAL;
	ret = vmsg_start_dev(w, buf, cap, dev, VIRTIO_MSG_SET_CONFIG,
			     w->cfg_hdr + len);
	if (ret < 0)
		return ret;
	p += w->hdr_len;
	put_unaligned_le32(w->set_cfg_gen ? generation : 0, p);
	put_unaligned_le32(offset, p + 4);
	if (!w->exact)
		put_unaligned_le32(len, p + 8);
	memcpy(p + w->cfg_hdr, data, len);
	return ret;
}
EXPORT_SYMBOL_IF_KUNIT(vmsg_req_set_config);

/**
 * vmsg_req_get_status() - pack GET_DEVICE_STATUS
 * @w: wire revision
 * @buf: receives the frame
 * @cap: bytes of room at @buf
 * @dev: device number
 *
 * See wire.rst, "Payloads".
 *
 * Context: Any.
 * Return: length of the frame, or -EMSGSIZE if @cap is too small.
 */
int vmsg_req_get_status(const struct vmsg_wire *w, void *buf, size_t cap,
			u16 dev)
{
	return vmsg_start_dev(w, buf, cap, dev, VIRTIO_MSG_GET_DEVICE_STATUS,
			      0);
}
EXPORT_SYMBOL_IF_KUNIT(vmsg_req_get_status);

/**
 * vmsg_req_set_status() - pack SET_DEVICE_STATUS
 * @w: wire revision
 * @buf: receives the frame
 * @cap: bytes of room at @buf
 * @dev: device number
 * @status: the new status, 0 to reset
 *
 * See wire.rst, "Payloads".
 *
 * Context: Any.
 * Return: length of the frame, or -EMSGSIZE if @cap is too small.
 */
int vmsg_req_set_status(const struct vmsg_wire *w, void *buf, size_t cap,
			u16 dev, u32 status)
{
	return vmsg_req_word(w, buf, cap, dev, VIRTIO_MSG_SET_DEVICE_STATUS,
			     status);
}
EXPORT_SYMBOL_IF_KUNIT(vmsg_req_set_status);

/**
 * vmsg_req_get_vq() - pack GET_VQUEUE
 * @w: wire revision
 * @buf: receives the frame
 * @cap: bytes of room at @buf
 * @dev: device number
 * @index: queue
 *
 * See wire.rst, "Payloads".
 *
 * Context: Any.
 * Return: length of the frame, or -EMSGSIZE if @cap is too small.
 */
int vmsg_req_get_vq(const struct vmsg_wire *w, void *buf, size_t cap, u16 dev,
		    u32 index)
{
	return vmsg_req_word(w, buf, cap, dev, VIRTIO_MSG_GET_VQUEUE, index);
}
EXPORT_SYMBOL_IF_KUNIT(vmsg_req_get_vq);

/**
 * vmsg_req_set_vq() - pack SET_VQUEUE, which enables a queue
 * @w: wire revision
 * @buf: receives the frame
 * @cap: bytes of room at @buf
 * @dev: device number
 * @index: queue
 * @size: descriptors
 * @desc: wire address of the descriptor table or ring
 * @driver: wire address of the available ring or driver event suppression
 * @device: wire address of the used ring or device event suppression
 *
 * See wire.rst, "Payloads" and "Wire addresses".
 *
 * Context: Any.
 * Return: length of the frame, or -EMSGSIZE if @cap is too small.
 */
int vmsg_req_set_vq(const struct vmsg_wire *w, void *buf, size_t cap, u16 dev,
		    u32 index, u32 size, u64 desc, u64 driver, u64 device)
{
	u8 *p = buf;
	int ret;

	ret = vmsg_start_dev(w, buf, cap, dev, VIRTIO_MSG_SET_VQUEUE,
			     w->vq_len);
	if (ret < 0)
		return ret;
	p += w->hdr_len;
	put_unaligned_le32(index, p);
	if (w->vq_op)
		put_unaligned_le32(VIRTIO_MSG_VQ_ENABLE, p + 4);
	put_unaligned_le32(size, p + 8);
	/* The three addresses end the payload in every revision. */
	p += w->vq_len - 24;
	put_unaligned_le64(desc, p);
	put_unaligned_le64(driver, p + 8);
	put_unaligned_le64(device, p + 16);
	return ret;
}
EXPORT_SYMBOL_IF_KUNIT(vmsg_req_set_vq);

/**
 * vmsg_req_reset_vq() - pack RESET_VQUEUE
 * @w: wire revision
 * @buf: receives the frame
 * @cap: bytes of room at @buf
 * @dev: device number
 * @index: queue
 *
 * See wire.rst, "Payloads".
 *
 * Context: Any.
 * Return: length of the frame, or -EMSGSIZE if @cap is too small.
 */
int vmsg_req_reset_vq(const struct vmsg_wire *w, void *buf, size_t cap,
		      u16 dev, u32 index)
{
	return vmsg_req_word(w, buf, cap, dev, VIRTIO_MSG_RESET_VQUEUE, index);
}
EXPORT_SYMBOL_IF_KUNIT(vmsg_req_reset_vq);

/**
 * vmsg_req_get_shm() - pack GET_SHM
 * @w: wire revision
 * @buf: receives the frame
 * @cap: bytes of room at @buf
 * @dev: device number
 * @id: shared-memory region of the device
 *
 * See wire.rst, "Payloads".
 *
 * Context: Any.
 * Return: length of the frame, -EMSGSIZE if @cap is too small, or -EOPNOTSUPP
 * for a peer that does not know this message.
 */
int vmsg_req_get_shm(const struct vmsg_wire *w, void *buf, size_t cap, u16 dev,
		     u32 id)
{
	if (!w->shm_len)
		return -EOPNOTSUPP;
	return vmsg_req_word(w, buf, cap, dev, VIRTIO_MSG_GET_SHM, id);
}
EXPORT_SYMBOL_IF_KUNIT(vmsg_req_get_shm);

/**
 * vmsg_req_get_devices() - pack GET_DEVICES
 * @w: wire revision
 * @buf: receives the frame
 * @cap: bytes of room at @buf
 * @offset: first device number, a multiple of 8
 * @count: device numbers to look at, a multiple of 8; see
 *	vmsg_wire_devices_chunk() for what one answer can hold
 *
 * See wire.rst, "Payloads".
 *
 * Context: Any.
 * Return: length of the frame, -EMSGSIZE if @cap is too small, or -EINVAL if
 * @offset or @count is not a multiple of 8, @count is 0, or the range runs
 * past the last device number.
 */
int vmsg_req_get_devices(const struct vmsg_wire *w, void *buf, size_t cap,
			 u16 offset, u16 count)
{
	u8 *p = buf;
	int ret;

	if ((offset | count) & 7 || !count ||
	    (u32)offset + count > VMSG_DEV_NUMS)
		return -EINVAL;
	ret = vmsg_start(w, buf, cap, VIRTIO_MSG_TYPE_BUS,
			 VIRTIO_MSG_BUS_GET_DEVICES, 0, 0, 4);
	if (ret < 0)
		return ret;
	p += w->hdr_len;
	put_unaligned_le16(offset, p);
	put_unaligned_le16(count, p + 2);
	return ret;
}
EXPORT_SYMBOL_IF_KUNIT(vmsg_req_get_devices);

/* PING either way. */
static int vmsg_ping(const struct vmsg_wire *w, void *buf, size_t cap, u8 type,
		     u32 xid, u32 data)
{
	int ret = vmsg_start(w, buf, cap, VIRTIO_MSG_TYPE_BUS | type,
			     VIRTIO_MSG_BUS_PING, 0, xid, 4);

	if (ret > 0)
		put_unaligned_le32(data, (u8 *)buf + w->hdr_len);
	return ret;
}

/**
 * vmsg_req_ping() - pack PING
 * @w: wire revision
 * @buf: receives the frame
 * @cap: bytes of room at @buf
 * @data: a word that the answer echoes
 *
 * See wire.rst, "Payloads".
 *
 * Context: Any.
 * Return: length of the frame, or -EMSGSIZE if @cap is too small.
 */
int vmsg_req_ping(const struct vmsg_wire *w, void *buf, size_t cap, u32 data)
{
	return vmsg_ping(w, buf, cap, 0, 0, data);
}
EXPORT_SYMBOL_IF_KUNIT(vmsg_req_ping);

/**
 * vmsg_rsp_ping() - pack the answer to the peer's PING
 * @w: wire revision
 * @buf: receives the frame
 * @cap: bytes of room at @buf
 * @xid: transaction ID of the request, in the peer's ID space
 * @data: the word of the request
 *
 * See wire.rst, "Payloads".
 *
 * Context: Any.
 * Return: length of the frame, -EMSGSIZE if @cap is too small, or -EINVAL if
 * @xid does not fit in the header.
 */
int vmsg_rsp_ping(const struct vmsg_wire *w, void *buf, size_t cap, u32 xid,
		  u32 data)
{
	return vmsg_ping(w, buf, cap, VIRTIO_MSG_TYPE_RESPONSE, xid, data);
}
EXPORT_SYMBOL_IF_KUNIT(vmsg_rsp_ping);

/**
 * vmsg_evt_avail() - pack EVENT_AVAIL
 * @w: wire revision
 * @buf: receives the frame
 * @cap: bytes of room at @buf
 * @dev: device number
 * @vq: queue
 * @next: next available offset and VIRTIO_MSG_AVAIL_WRAP; 0 without
 *	NOTIFICATION_DATA
 *
 * See wire.rst, "Payloads".
 *
 * Context: Any.
 * Return: length of the frame, or -EMSGSIZE if @cap is too small.
 */
int vmsg_evt_avail(const struct vmsg_wire *w, void *buf, size_t cap, u16 dev,
		   u32 vq, u32 next)
{
	u8 *p = buf;
	int ret;

	ret = vmsg_start_dev(w, buf, cap, dev, VIRTIO_MSG_EVENT_AVAIL, 8);
	if (ret < 0)
		return ret;
	p += w->hdr_len;
	put_unaligned_le32(vq, p);
	put_unaligned_le32(next, p + 4);
	return ret;
}
EXPORT_SYMBOL_IF_KUNIT(vmsg_evt_avail);

/* True if a payload that needs @need bytes may have @len. */
static bool vmsg_len_ok(const struct vmsg_wire *w, u16 len, size_t need)
{
	return w->exact ? len == need : len >= need;
}

/*
 * What the header of a response says.  @need is the least payload, 0 where
 * none is due.  Returns 0, -ENODEV, -EBUSY, -EREMOTEIO or -EBADMSG.
 */
static int vmsg_rsp_check(const struct vmsg_pdu *p, size_t need)
{
	if (p->hdr.result) {
		/* A refusal carries nothing. */
		if (p->len)
			return -EBADMSG;
		switch (p->hdr.result) {
		case VIRTIO_MSG_RESULT_NO_DEVICE:
			return -ENODEV;
		case VIRTIO_MSG_RESULT_BUSY:
			return -EBUSY;
		}
		return -EREMOTEIO;
	}
	if (p->len >= need)
		return 0;
	return p->len ? -EBADMSG : -EREMOTEIO;
}

/**
 * vmsg_get_empty() - check a response that has no payload
 * @w: wire revision
 * @p: the response to SET_DRIVER_FEATURES, SET_VQUEUE or RESET_VQUEUE
 *
 * The older revisions accept any payload: one public peer echoes the request.
 * See wire.rst, "Payloads".
 *
 * Context: Any.
 * Return: 0; -ENODEV, -EBUSY or -EREMOTEIO for a refusal; -EBADMSG for a
 * payload where the revision allows none.
 */
int vmsg_get_empty(const struct vmsg_wire *w, const struct vmsg_pdu *p)
{
	int ret = vmsg_rsp_check(p, 0);

	if (ret)
		return ret;
	return vmsg_len_ok(w, p->len, 0) ? 0 : -EBADMSG;
}
EXPORT_SYMBOL_IF_KUNIT(vmsg_get_empty);

/**
 * vmsg_get_device_info() - unpack the response to GET_DEVICE_INFO
 * @w: wire revision
 * @p: the response
 * @info: receives the device's properties, not checked further
 *
 * See wire.rst, "Payloads".
 *
 * Context: Any.
 * Return: 0; -ENODEV if there is no such device; -EBUSY or -EREMOTEIO for a
 * refusal; -EBADMSG for a payload of the wrong size.
 */
int vmsg_get_device_info(const struct vmsg_wire *w, const struct vmsg_pdu *p,
			 struct vmsg_device_info *info)
{
	struct vmsg_device_info i = {};
	const u8 *d = p->payload;
	u32 bits;
	int ret;

	ret = vmsg_rsp_check(p, w->info_len);
	if (ret)
		return ret;
	if (!vmsg_len_ok(w, p->len, w->info_len))
		return -EBADMSG;

	i.device_id = get_unaligned_le32(d);
	i.vendor_id = get_unaligned_le32(d + 4);
	if (w->info_uuid) {
		memcpy(i.uuid, d + 8, VMSG_UUID_LEN);
		i.num_feature_blocks = get_unaligned_le32(d + 24);
		i.config_size = get_unaligned_le32(d + 28);
		i.max_vqs = get_unaligned_le32(d + 32);
		i.admin_vq_start = get_unaligned_le32(d + 36);
		i.admin_vq_count = get_unaligned_le32(d + 40);
	} else {
		/* Rounded up without an addition that could wrap. */
		bits = get_unaligned_le32(d + 8);
		i.num_feature_blocks = bits / 32 + !!(bits % 32);
		i.config_size = get_unaligned_le32(d + 12);
		i.max_vqs = get_unaligned_le32(d + 16);
		i.admin_vq_start = get_unaligned_le16(d + 20);
		i.admin_vq_count = get_unaligned_le16(d + 22);
	}
	if (w->feat_blocks)
		i.num_feature_blocks = w->feat_blocks;
	if (!i.device_id)
		return -ENODEV;

	*info = i;
	return 0;
}
EXPORT_SYMBOL_IF_KUNIT(vmsg_get_device_info);

/**
 * vmsg_get_features() - unpack the response to GET_DEVICE_FEATURES
 * @w: wire revision
 * @p: the response
 * @block: first block that was asked for
 * @num: number of blocks that were asked for
 * @blocks: receives @num blocks in host order; those that the device did not
 *	send read as zero
 *
 * See wire.rst, "Payloads".
 *
 * Context: Any.
 * Return: number of blocks that the device sent, at most @num; -ENODEV, -EBUSY
 * or -EREMOTEIO for a refusal; -EBADMSG for a payload that is too short for
 * what it claims, or answers another question.
 */
int vmsg_get_features(const struct vmsg_wire *w, const struct vmsg_pdu *p,
		      u32 block, u32 num, u32 *blocks)
{
	const u8 *d = p->payload;
	u32 i, sent, room;
	int ret;

	ret = vmsg_rsp_check(p, w->feat_hdr);
	if (ret)
		return ret;
	if (get_unaligned_le32(d) != block)
		return -EBADMSG;

	room = p->len - w->feat_hdr;
	if (w->exact) {
		if (room % 4 || room / 4 > num)
			return -EBADMSG;
		sent = room / 4;
	} else {
		sent = w->feat_blocks ?: get_unaligned_le32(d + 4);
		if (sent > room / 4)
			return -EBADMSG;
		/* Longer than needed is allowed; take what was asked for. */
		sent = min(sent, num);
	}

	d += w->feat_hdr;
	for (i = 0; i < sent; i++)
		blocks[i] = get_unaligned_le32(d + 4 * i);
	for (; i < num; i++)
		blocks[i] = 0;
	return sent;
}
EXPORT_SYMBOL_IF_KUNIT(vmsg_get_features);

/**
 * vmsg_get_config() - unpack the response to GET_CONFIG
 * @w: wire revision
 * @p: the response
 * @offset: offset that was asked for
 * @len: bytes that were asked for
 * @data: receives exactly @len bytes
 * @generation: receives the generation to which the data belongs
 *
 * Whoever reads in several pieces compares the generations for equality: they
 * wrap.  See wire.rst, "Payloads".
 *
 * Context: Any.
 * Return: 0; -ENODEV, -EBUSY or -EREMOTEIO for a refusal; -EBADMSG for a
 * payload that is too short or answers another question.
 */
int vmsg_get_config(const struct vmsg_wire *w, const struct vmsg_pdu *p,
		    u32 offset, u32 len, void *data, u32 *generation)
{
	const u8 *d = p->payload;
	u32 room;
	int ret;

	ret = vmsg_rsp_check(p, w->cfg_hdr);
	if (ret)
		return ret;
	if (get_unaligned_le32(d + 4) != offset)
		return -EBADMSG;

	room = p->len - w->cfg_hdr;
	if (w->exact) {
		if (room != len)
			return -EBADMSG;
	} else if (room < len ||
		   (!w->cfg_unit && get_unaligned_le32(d + 8) != len)) {
		return -EBADMSG;
	}

	memcpy(data, d + w->cfg_hdr, len);
	*generation = get_unaligned_le32(d);
	return 0;
}
EXPORT_SYMBOL_IF_KUNIT(vmsg_get_config);

/**
 * vmsg_get_set_config() - unpack the response to SET_CONFIG
 * @w: wire revision
 * @p: the response
 * @offset: offset that was written
 * @len: bytes that were written, not 0
 * @generation: receives the generation after the write
 *
 * The data as the device now holds it, which some revisions send back, is not
 * looked at.  See wire.rst, "Payloads".
 *
 * Context: Any.
 * Return: 0; -EAGAIN if the device rejected the write, because the generation
 * had moved; -ENODEV, -EBUSY or -EREMOTEIO for a refusal; -EBADMSG for a
 * payload that is too short or answers another question.
 */
int vmsg_get_set_config(const struct vmsg_wire *w, const struct vmsg_pdu *p,
			u32 offset, u32 len, u32 *generation)
{
	const u8 *d = p->payload;
	u32 off, written;
	int ret;

	ret = vmsg_rsp_check(p, w->cfg_hdr);
	if (ret)
		return ret;

	off = get_unaligned_le32(d + 4);
	if (w->exact)
		written = p->len - w->cfg_hdr;
	else
		written = get_unaligned_le32(d + 8);

	/* An older device may reject with zeroes all over. */
	if (off != offset && (w->exact || written))
		return -EBADMSG;
	if (!written)
		return -EAGAIN;
	if (written != len)
		return -EBADMSG;

	*generation = get_unaligned_le32(d);
	return 0;
}
EXPORT_SYMBOL_IF_KUNIT(vmsg_get_set_config);

/**
 * vmsg_get_status() - unpack the response to GET_ or SET_DEVICE_STATUS
 * @w: wire revision
 * @p: the response
 * @status: receives the status that the device now has
 *
 * See wire.rst, "Payloads".
 *
 * Context: Any.
 * Return: 0; -ENODEV, -EBUSY or -EREMOTEIO for a refusal; -EBADMSG for a
 * payload of the wrong size.
 */
int vmsg_get_status(const struct vmsg_wire *w, const struct vmsg_pdu *p,
		    u32 *status)
{
	int ret = vmsg_rsp_check(p, 4);

	if (ret)
		return ret;
	if (!vmsg_len_ok(w, p->len, 4))
		return -EBADMSG;
	*status = get_unaligned_le32(p->payload);
	return 0;
}
EXPORT_SYMBOL_IF_KUNIT(vmsg_get_status);

/**
 * vmsg_get_vq() - unpack the response to GET_VQUEUE
 * @w: wire revision
 * @p: the response
 * @index: queue that was asked for
 * @info: receives the queue's properties, not checked further
 *
 * See wire.rst, "Payloads".
 *
 * Context: Any.
 * Return: 0; -ENODEV, -EBUSY or -EREMOTEIO for a refusal; -EBADMSG for a
 * payload of the wrong size or about another queue.
 */
int vmsg_get_vq(const struct vmsg_wire *w, const struct vmsg_pdu *p, u32 index,
		struct vmsg_vq_info *info)
{
	const u8 *d = p->payload;
	int ret;

	ret = vmsg_rsp_check(p, w->vq_len);
	if (ret)
		return ret;
	if (!vmsg_len_ok(w, p->len, w->vq_len) ||
	    get_unaligned_le32(d) != index)
		return -EBADMSG;

	info->index = index;
	info->max_size = get_unaligned_le32(d + 4);
	info->cur_size = get_unaligned_le32(d + 8);
	info->enabled = w->vq_op &&
			get_unaligned_le32(d + 12) & VIRTIO_MSG_VQ_ENABLE;
	/* The three addresses end the payload in every revision. */
	d += w->vq_len - 24;
	info->desc = get_unaligned_le64(d);
	info->driver = get_unaligned_le64(d + 8);
	info->device = get_unaligned_le64(d + 16);
	return 0;
}
EXPORT_SYMBOL_IF_KUNIT(vmsg_get_vq);

/**
 * vmsg_get_shm() - unpack the response to GET_SHM
 * @w: wire revision
 * @p: the response
 * @id: region that was asked for
 * @address: receives the wire address of the region, not checked further
 * @length: receives its length in bytes, 0 if there is no such region
 *
 * See wire.rst, "Payloads" and "Wire addresses".
 *
 * Context: Any.
 * Return: 0; -ENODEV, -EBUSY or -EREMOTEIO for a refusal; -EBADMSG for a
 * payload of the wrong size or about another region.
 */
int vmsg_get_shm(const struct vmsg_wire *w, const struct vmsg_pdu *p, u32 id,
		 u64 *address, u64 *length)
{
	const u8 *d = p->payload;
	int ret;

	ret = vmsg_rsp_check(p, w->shm_len);
	if (ret)
		return ret;
	if (!vmsg_len_ok(w, p->len, w->shm_len) || get_unaligned_le32(d) != id)
		return -EBADMSG;

	if (w->shm_wide) {
		*length = get_unaligned_le64(d + 8);
		*address = get_unaligned_le64(d + 16);
	} else {
		*length = get_unaligned_le32(d + 4);
		*address = get_unaligned_le32(d + 8);
	}
	return 0;
}
EXPORT_SYMBOL_IF_KUNIT(vmsg_get_shm);

/**
 * vmsg_get_devices() - unpack the response to GET_DEVICES
 * @w: wire revision
 * @p: the response
 * @offset: first device number that was asked for
 * @next: receives the device number to ask for next, 0 at the end
 * @bitmap: receives a pointer into @p: bit 0 of byte 0 stands for @offset
 *
 * A @next that is not 0 is above @offset and a multiple of 8, so that a loop
 * over it ends.  See wire.rst, "Payloads", GET_DEVICES.
 *
 * Context: Any.
 * Return: number of bits in @bitmap, all of them within the payload and none
 * past the last device number; -ENODEV, -EBUSY or -EREMOTEIO for a refusal;
 * -EBADMSG for a payload that is too short for what it claims, answers another
 * question, or whose next does not move on.
 */
int vmsg_get_devices(const struct vmsg_wire *w, const struct vmsg_pdu *p,
		     u16 offset, u16 *next, const u8 **bitmap)
{
	const u8 *d = p->payload;
	u32 bits;
	u16 nxt;
	int ret;

	ret = vmsg_rsp_check(p, w->devs_hdr);
	if (ret)
		return ret;
	if (get_unaligned_le16(d) != offset)
		return -EBADMSG;
	nxt = get_unaligned_le16(d + w->devs_next_at);
	/* The end, though the peer never says so. */
	if (nxt >= w->devs_max || w->devs_once)
		nxt = 0;
	if (nxt && (nxt <= offset || nxt & 7))
		return -EBADMSG;

	bits = (p->len - w->devs_hdr) * 8U;
	if (!w->exact && !w->devs_once) {
		u32 count = get_unaligned_le16(d + w->devs_count_at);

		if (count > bits)
			return -EBADMSG;
		bits = count;
	}
	if (bits > VMSG_DEV_NUMS - offset)
		return -EBADMSG;

	*next = nxt;
	*bitmap = d + w->devs_hdr;
	return bits;
}
EXPORT_SYMBOL_IF_KUNIT(vmsg_get_devices);

/**
 * vmsg_get_ping() - unpack a PING, request or response
 * @w: wire revision
 * @p: the message
 * @data: receives the word to echo, or the echo
 *
 * See wire.rst, "Payloads".
 *
 * Context: Any.
 * Return: 0; -ENODEV, -EBUSY or -EREMOTEIO for a refusal; -EBADMSG for a
 * payload of the wrong size.
 */
int vmsg_get_ping(const struct vmsg_wire *w, const struct vmsg_pdu *p,
		  u32 *data)
{
	int ret;

	if (p->hdr.type & VIRTIO_MSG_TYPE_RESPONSE) {
		ret = vmsg_rsp_check(p, 4);
		if (ret)
			return ret;
	}
	if (!vmsg_len_ok(w, p->len, 4))
		return -EBADMSG;
	*data = get_unaligned_le32(p->payload);
	return 0;
}
EXPORT_SYMBOL_IF_KUNIT(vmsg_get_ping);

/**
 * vmsg_get_event_config() - unpack EVENT_CONFIG
 * @w: wire revision
 * @p: the event
 * @status: receives the status that the device now has
 * @generation: receives the generation of its configuration
 *
 * The data that may follow is not looked at: whoever needs it reads it.  The
 * older revisions accept an event that ends after the generation.
 * See wire.rst, "Payloads".
 *
 * Context: Any.
 * Return: 0, or -EBADMSG if the payload is too short.
 */
int vmsg_get_event_config(const struct vmsg_wire *w, const struct vmsg_pdu *p,
			  u32 *status, u32 *generation)
{
	if (p->len < (w->exact ? w->evt_cfg_hdr : 8))
		return -EBADMSG;
	*status = get_unaligned_le32(p->payload);
	*generation = get_unaligned_le32(p->payload + 4);
	return 0;
}
EXPORT_SYMBOL_IF_KUNIT(vmsg_get_event_config);

/**
 * vmsg_get_event_used() - unpack EVENT_USED
 * @w: wire revision
 * @p: the event
 * @vq: receives the queue, not checked further
 *
 * See wire.rst, "Payloads".
 *
 * Context: Any.
 * Return: 0, or -EBADMSG if the payload has the wrong size.
 */
int vmsg_get_event_used(const struct vmsg_wire *w, const struct vmsg_pdu *p,
			u32 *vq)
{
	if (!vmsg_len_ok(w, p->len, 4))
		return -EBADMSG;
	*vq = get_unaligned_le32(p->payload);
	return 0;
}
EXPORT_SYMBOL_IF_KUNIT(vmsg_get_event_used);

/**
 * vmsg_get_event_device() - unpack EVENT_DEVICE
 * @w: wire revision
 * @p: the event
 * @dev: receives the device number
 * @state: receives VIRTIO_MSG_DEVICE_READY, _REMOVED or something unknown
 *
 * See wire.rst, "Payloads".
 *
 * Context: Any.
 * Return: 0, or -EBADMSG if the payload has the wrong size.
 */
int vmsg_get_event_device(const struct vmsg_wire *w, const struct vmsg_pdu *p,
			  u16 *dev, u16 *state)
{
	if (!vmsg_len_ok(w, p->len, 4))
		return -EBADMSG;
	*dev = get_unaligned_le16(p->payload);
	*state = get_unaligned_le16(p->payload + 2);
	return 0;
}
EXPORT_SYMBOL_IF_KUNIT(vmsg_get_event_device);

static const char * const vmsg_dev_names[] = {
	[VIRTIO_MSG_GET_DEVICE_INFO]		= "GET_DEVICE_INFO",
	[VIRTIO_MSG_GET_DEVICE_FEATURES]	= "GET_DEVICE_FEATURES",
	[VIRTIO_MSG_SET_DRIVER_FEATURES]	= "SET_DRIVER_FEATURES",
	[VIRTIO_MSG_GET_CONFIG]			= "GET_CONFIG",
	[VIRTIO_MSG_SET_CONFIG]			= "SET_CONFIG",
	[VIRTIO_MSG_GET_DEVICE_STATUS]		= "GET_DEVICE_STATUS",
	[VIRTIO_MSG_SET_DEVICE_STATUS]		= "SET_DEVICE_STATUS",
	[VIRTIO_MSG_GET_VQUEUE]			= "GET_VQUEUE",
	[VIRTIO_MSG_SET_VQUEUE]			= "SET_VQUEUE",
	[VIRTIO_MSG_RESET_VQUEUE]		= "RESET_VQUEUE",
	[VIRTIO_MSG_GET_SHM]			= "GET_SHM",
	[VIRTIO_MSG_EVENT_CONFIG]		= "EVENT_CONFIG",
	[VIRTIO_MSG_EVENT_AVAIL]		= "EVENT_AVAIL",
	[VIRTIO_MSG_EVENT_USED]			= "EVENT_USED",
};

static const char * const vmsg_bus_names[] = {
	[VIRTIO_MSG_BUS_GET_DEVICES]		= "GET_DEVICES",
	[VIRTIO_MSG_BUS_PING]			= "PING",
	[VIRTIO_MSG_BUS_EVENT_DEVICE]		= "EVENT_DEVICE",
};

/**
 * vmsg_msg_name() - name of a message, for people
 * @bus: true for a bus message
 * @msg_id: message number
 *
 * See wire.rst, "Message numbers".
 *
 * Context: Any.
 * Return: a string constant, never NULL.
 */
const char *vmsg_msg_name(bool bus, u8 msg_id)
{
	const char *name = NULL;

	if (bus && msg_id < ARRAY_SIZE(vmsg_bus_names))
		name = vmsg_bus_names[msg_id];
	else if (!bus && msg_id < ARRAY_SIZE(vmsg_dev_names))
		name = vmsg_dev_names[msg_id];
	if (name)
		return name;
	if (msg_id >= VIRTIO_MSG_IMPL_REQUEST_BASE)
		return "IMPLEMENTATION";
	return "UNKNOWN";
}
EXPORT_SYMBOL_IF_KUNIT(vmsg_msg_name);
