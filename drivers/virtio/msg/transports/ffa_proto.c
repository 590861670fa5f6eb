// SPDX-License-Identifier: GPL-2.0-only
/*
 * virtio-msg over FF-A: the messages of the binding, packed and checked
 *
 * See Documentation/driver-api/virtio/virtio-msg/ffa.rst.  Frames are in memory
 * of ours; nothing here looks behind the length it is given.
 */

#include <linux/bitops.h>
#include <linux/errno.h>
#include <linux/log2.h>
#include <linux/string.h>
#include <linux/unaligned.h>
#include <uapi/linux/virtio_msg.h>
#include <kunit/visibility.h>

#include "ffa_proto.h"

/* A header of v1 and v2, which some messages have in any case. */
#define HDR_TOKEN	sizeof(struct virtio_msg_hdr_token)

/* Payloads, bytes */
#define VERSION_22	22
#define VERSION_18	18
#define SHARE_LEN	26
#define UNSHARE_LEN	2
#define AREA_RSP_LEN	4
#define CONFIGURE_LEN	4

/**
 * vmsg_ffa_to_regs() - a frame as registers carry it
 * @frame: @num times 8 bytes
 * @regs: receives them
 * @num: registers
 *
 * Context: any.
 */
void vmsg_ffa_to_regs(const u8 *frame, unsigned long *regs, unsigned int num)
{
	unsigned int i;

	for (i = 0; i < num; i++)
		regs[i] = get_unaligned_le64(frame + 8 * i);
}
EXPORT_SYMBOL_IF_KUNIT(vmsg_ffa_to_regs);

/**
 * vmsg_ffa_from_regs() - the other way round
 * @regs: the registers
 * @frame: receives @num times 8 bytes
 * @num: registers
 *
 * Context: any.
 */
void vmsg_ffa_from_regs(const unsigned long *regs, u8 *frame, unsigned int num)
{
	unsigned int i;

	for (i = 0; i < num; i++)
		put_unaligned_le64(regs[i], frame + 8 * i);
}
EXPORT_SYMBOL_IF_KUNIT(vmsg_ffa_from_regs);

/**
 * vmsg_ffa_hdr_len() - bytes of a header
 * @wire: VIRTIO_MSG_WIRE_*
 * @msg_id: message number, of a message of this binding
 *
 * Context: any.
 * Return: bytes.
 */
unsigned int vmsg_ffa_hdr_len(unsigned int wire, u8 msg_id)
{
	if (msg_id == VMSG_FFA_MSG_VERSION || msg_id == VMSG_FFA_MSG_RESET ||
	    msg_id == VMSG_FFA_MSG_ERROR)
		return HDR_TOKEN;
	switch (wire) {
	case VIRTIO_MSG_WIRE_RFC2:
		return sizeof(struct virtio_msg_hdr_rfc2);
	case VIRTIO_MSG_WIRE_XID32:
		return sizeof(struct virtio_msg_hdr_xid32);
	default:
		return HDR_TOKEN;
	}
}

static void hdr_put(u8 *frame, unsigned int hdr_len, u8 msg_id, u32 xid, u16 size)
{
	memset(frame, 0, size);
	frame[0] = VIRTIO_MSG_TYPE_BUS;
	frame[1] = msg_id;
	switch (hdr_len) {
	case sizeof(struct virtio_msg_hdr_rfc2):
		put_unaligned_le16(size, frame + 4);
		break;
	case sizeof(struct virtio_msg_hdr_xid32):
		put_unaligned_le16(size, frame + 4);
		put_unaligned_le32(xid, frame + 8);
		break;
	default:
		put_unaligned_le16(xid, frame + 4);
		put_unaligned_le16(size, frame + 6);
	}
}

/**
 * vmsg_ffa_put() - the header of a request of this binding
 * @frame: VMSG_FFA_REGS_1_1 bytes at least; the payload is zeroed
 * @wire: VIRTIO_MSG_WIRE_* that was agreed on
 * @msg_id: message number
 * @xid: transaction ID, as much of it as there is room for
 * @payload: bytes of payload
 *
 * Context: any.
 * Return: bytes of the whole message.
 */
unsigned int vmsg_ffa_put(u8 *frame, unsigned int wire, u8 msg_id, u32 xid,
			  unsigned int payload)
{
	unsigned int hdr_len = vmsg_ffa_hdr_len(wire, msg_id);

	hdr_put(frame, hdr_len, msg_id, xid, hdr_len + payload);
	return hdr_len + payload;
}
EXPORT_SYMBOL_IF_KUNIT(vmsg_ffa_put);

static int hdr_get(const u8 *frame, size_t len, unsigned int hdr_len,
		   struct vmsg_ffa_hdr *hdr)
{
	if (len < hdr_len)
		return -EBADMSG;
	hdr->type = frame[0] & (VIRTIO_MSG_TYPE_RESPONSE | VIRTIO_MSG_TYPE_BUS);
	hdr->msg_id = frame[1];
	hdr->len = hdr_len;
	hdr->xid = 0;
	hdr->size = get_unaligned_le16(frame + 4);
	if (hdr_len == sizeof(struct virtio_msg_hdr_xid32))
		hdr->xid = get_unaligned_le32(frame + 8);
	if (hdr_len == HDR_TOKEN) {
		hdr->xid = hdr->size;
		hdr->size = get_unaligned_le16(frame + 6);
	}
	return hdr->size < hdr_len || hdr->size > len ? -EBADMSG : 0;
}

/**
 * vmsg_ffa_get() - read the header of a message of this binding
 * @frame: the message
 * @len: bytes of it that there are
 * @wire: VIRTIO_MSG_WIRE_* that was agreed on
 * @hdr: receives it
 *
 * Context: any.
 * Return: 0, or -EBADMSG if its size does not fit @len.
 */
int vmsg_ffa_get(const u8 *frame, size_t len, unsigned int wire,
		 struct vmsg_ffa_hdr *hdr)
{
	if (len < 2)
		return -EBADMSG;
	return hdr_get(frame, len, vmsg_ffa_hdr_len(wire, frame[1]), hdr);
}

static int match(const u8 *frame, size_t len, unsigned int hdr_len, u8 msg_id,
		 u32 xid, const u8 **payload)
{
	struct vmsg_ffa_hdr hdr;

	if (hdr_get(frame, len, hdr_len, &hdr) ||
	    hdr.type != (VIRTIO_MSG_TYPE_BUS | VIRTIO_MSG_TYPE_RESPONSE) ||
	    hdr.msg_id != msg_id)
		return -EBADMSG;
	if (hdr_len == HDR_TOKEN)
		xid = (u16)xid;
	if (hdr_len != sizeof(struct virtio_msg_hdr_rfc2) && hdr.xid != xid)
		return -EBADMSG;
	*payload = frame + hdr_len;
	return hdr.size - hdr_len;
}

/**
 * vmsg_ffa_match() - is this the response to a request of this binding?
 * @frame: what came back
 * @len: bytes of it
 * @wire: VIRTIO_MSG_WIRE_* that was agreed on
 * @msg_id: message number of the request
 * @xid: its transaction ID
 * @payload: receives where the payload is
 *
 * Context: any.
 * Return: bytes of payload, or -EBADMSG.
 */
int vmsg_ffa_match(const u8 *frame, size_t len, unsigned int wire, u8 msg_id,
		   u32 xid, const u8 **payload)
{
	return match(frame, len, vmsg_ffa_hdr_len(wire, msg_id), msg_id, xid,
		     payload);
}
EXPORT_SYMBOL_IF_KUNIT(vmsg_ffa_match);

/**
 * vmsg_ffa_is_private() - is this a bus message of this binding?
 * @frame: the first two bytes of a message
 *
 * Context: any.
 * Return: true for one that virtio-msg does not know.
 */
bool vmsg_ffa_is_private(const u8 *frame)
{
	return (frame[0] & VIRTIO_MSG_TYPE_BUS) &&
	       frame[1] >= VIRTIO_MSG_IMPL_REQUEST_BASE;
}

/**
 * vmsg_ffa_wants_answer() - is this a request?
 * @frame: the first two bytes of a message
 *
 * Context: any.
 * Return: false for events and responses, which are answered by a header that
 * means nothing.
 */
bool vmsg_ffa_wants_answer(const u8 *frame)
{
	if (frame[0] & VIRTIO_MSG_TYPE_RESPONSE)
		return false;
	return frame[1] < VIRTIO_MSG_EVENT_BASE ||
	       (frame[1] >= VIRTIO_MSG_IMPL_REQUEST_BASE &&
		frame[1] < VIRTIO_MSG_IMPL_EVENT_BASE);
}
EXPORT_SYMBOL_IF_KUNIT(vmsg_ffa_wants_answer);

/**
 * vmsg_ffa_classify() - what kind of answer is this?
 * @frame: what came back, padding included
 * @len: its bytes, 2 at least
 *
 * The first two bytes are the same in all headers.
 *
 * Context: any.
 * Return: the kind.
 */
enum vmsg_ffa_answer vmsg_ffa_classify(const u8 *frame, size_t len)
{
	if (!memchr_inv(frame, 0, len))
		return VMSG_FFA_A_BUSY;
	if (frame[0] & VIRTIO_MSG_TYPE_RESPONSE)
		return vmsg_ffa_is_private(frame) &&
		       frame[1] == VMSG_FFA_MSG_ERROR ?
		       VMSG_FFA_A_FORGOT : VMSG_FFA_A_RESPONSE;
	if (!vmsg_ffa_is_private(frame))
		return VMSG_FFA_A_EVENT;
	if (frame[1] == VMSG_FFA_MSG_RESET || frame[1] == VMSG_FFA_MSG_RELEASE ||
	    frame[1] == VMSG_FFA_MSG_ERROR)
		return VMSG_FFA_A_FORGOT;
	return VMSG_FFA_A_BAD;
}
EXPORT_SYMBOL_IF_KUNIT(vmsg_ffa_classify);

/**
 * vmsg_ffa_put_version() - pack VERSION
 * @frame: VMSG_FFA_REGS_1_1 bytes
 * @form: its form
 * @v: what it says
 * @token: for the header, if there is room
 *
 * Context: any.
 * Return: bytes of the whole message.
 */
unsigned int vmsg_ffa_put_version(u8 *frame, enum vmsg_ffa_form form,
				  const struct vmsg_ffa_version *v, u16 token)
{
	unsigned int hdr_len = form == VMSG_FFA_FORM_OLD ?
			       sizeof(struct virtio_msg_hdr_rfc2) : HDR_TOKEN;
	unsigned int payload = form == VMSG_FFA_FORM_22 ? 12 :
			       form == VMSG_FFA_FORM_18 ? 8 : VERSION_18;
	u8 *p = frame + hdr_len;

	hdr_put(frame, hdr_len, VMSG_FFA_MSG_VERSION, token, hdr_len + payload);
	put_unaligned_le32(v->bus_version, p);
	put_unaligned_le32(v->revision, p + 4);
	if (form == VMSG_FFA_FORM_22)
		put_unaligned_le32(v->ffa_version, p + 8);
	if (form == VMSG_FFA_FORM_OLD) {
		put_unaligned_le32(v->bus_features, p + 12);
		put_unaligned_le16(v->max_areas, p + 16);
	}
	return hdr_len + payload;
}
EXPORT_SYMBOL_IF_KUNIT(vmsg_ffa_put_version);

/**
 * vmsg_ffa_get_version() - unpack the answer to VERSION
 * @frame: what came back
 * @len: bytes of it
 * @form: the form in which it was asked
 * @token: of the request
 * @v: receives what it says
 *
 * Context: any.
 * Return: 0, or -EBADMSG for what is no answer of this form.
 */
int vmsg_ffa_get_version(const u8 *frame, size_t len, enum vmsg_ffa_form form,
			 u16 token, struct vmsg_ffa_version *v)
{
	unsigned int hdr_len = form == VMSG_FFA_FORM_OLD ?
			       sizeof(struct virtio_msg_hdr_rfc2) : HDR_TOKEN;
	const u8 *p;
	int n;

	n = match(frame, len, hdr_len, VMSG_FFA_MSG_VERSION, token, &p);
	if (n < (form == VMSG_FFA_FORM_22 ? VERSION_22 : VERSION_18))
		return -EBADMSG;
	memset(v, 0, sizeof(*v));
	v->bus_version = get_unaligned_le32(p);
	v->revision = get_unaligned_le32(p + 4);
	if (form == VMSG_FFA_FORM_22) {
		v->ffa_version = get_unaligned_le32(p + 8);
		p += 4;
	}
	/* At @p + 8 are feature bits, of which none is defined. */
	v->bus_features = get_unaligned_le32(p + 12);
	v->max_areas = get_unaligned_le16(p + 16);
	return 0;
}
EXPORT_SYMBOL_IF_KUNIT(vmsg_ffa_get_version);

/**
 * vmsg_ffa_agree() - one step of the negotiation
 * @form: form of VERSION
 * @wire_mask: wire revisions that we accept, a bitmap
 * @asked: what we said last; a bus_version of 0 was the first question
 * @said: the answer
 * @next: receives what to say next; may be @asked
 * @wire: receives the wire revision when all is agreed on
 * @why: receives a reason, a string constant, when nothing can be
 *
 * First the partition is asked what it has; then it is offered our wire
 * revisions and chooses one; then that is said until both say the same.  Who
 * knows nothing of wire revisions there speaks the one of its form of VERSION.
 *
 * Context: any.
 * Return: 1 when all is agreed on, 0 if @next is to be said, -EPROTO.
 */
int vmsg_ffa_agree(enum vmsg_ffa_form form, u32 wire_mask,
		   const struct vmsg_ffa_version *asked,
		   const struct vmsg_ffa_version *said,
		   struct vmsg_ffa_version *next, unsigned int *wire,
		   const char **why)
{
	static const u8 implied[] = {
		[VMSG_FFA_FORM_22] = VIRTIO_MSG_WIRE_V2,
		[VMSG_FFA_FORM_18] = VIRTIO_MSG_WIRE_V1,
		[VMSG_FFA_FORM_OLD] = VIRTIO_MSG_WIRE_RFC2,
	};
	bool first = !asked->bus_version;
	u32 bits = said->revision >> 16;
	bool same = said->bus_version == asked->bus_version &&
		    said->revision == asked->revision;

	if (said->bus_version != VMSG_FFA_BUS_VERSION &&
	    said->bus_version != VMSG_FFA_BUS_VERSION_1) {
		*why = said->bus_version ? "its bus version is not 1.0" :
					   "it refuses what was offered";
		return -EPROTO;
	}
	if ((u16)said->revision != VMSG_FFA_REVISION) {
		*why = "its transport revision is not 1";
		return -EPROTO;
	}
	*next = *asked;
	next->bus_version = said->bus_version;
	next->revision = said->revision;
	if (first) {
		next->revision = VMSG_FFA_REVISION | wire_mask << 16;
		return 0;
	}
	if (!bits) {
		bits = BIT(implied[form]);
	} else if (!is_power_of_2(bits)) {
		*why = "it chooses more than one wire revision";
		return -EPROTO;
	}
	if (!(bits & wire_mask)) {
		*why = "its wire revision is not one of the parameter wire=";
		return -EPROTO;
	}
	*wire = __ffs(bits);
	return same;
}
EXPORT_SYMBOL_IF_KUNIT(vmsg_ffa_agree);

/**
 * vmsg_ffa_put_share() - pack AREA_SHARE
 * @frame: VMSG_FFA_REGS_1_1 bytes
 * @wire: VIRTIO_MSG_WIRE_* that was agreed on
 * @xid: transaction ID
 * @area: area id
 * @handle: handle of the memory
 * @pages: its size, pages of 4 KiB
 *
 * Context: any.
 * Return: bytes of the whole message.
 */
unsigned int vmsg_ffa_put_share(u8 *frame, unsigned int wire, u32 xid, u16 area,
				u64 handle, u32 pages)
{
	unsigned int n = vmsg_ffa_put(frame, wire, VMSG_FFA_MSG_SHARE, xid, SHARE_LEN);
	u8 *p = frame + n - SHARE_LEN;

	put_unaligned_le16(area, p);
	put_unaligned_le64(handle, p + 2);
	/* At @p + 10 is the tag of the memory, which is 0. */
	put_unaligned_le32(pages, p + 18);
	put_unaligned_le32(VMSG_FFA_ATTRIBUTES, p + 22);
	return n;
}
EXPORT_SYMBOL_IF_KUNIT(vmsg_ffa_put_share);

/**
 * vmsg_ffa_put_unshare() - pack AREA_UNSHARE
 * @frame: VMSG_FFA_REGS_1_1 bytes
 * @wire: VIRTIO_MSG_WIRE_* that was agreed on
 * @xid: transaction ID
 * @area: area id
 *
 * Context: any.
 * Return: bytes of the whole message.
 */
unsigned int vmsg_ffa_put_unshare(u8 *frame, unsigned int wire, u32 xid, u16 area)
{
	unsigned int n = vmsg_ffa_put(frame, wire, VMSG_FFA_MSG_UNSHARE, xid,
				      UNSHARE_LEN);

	put_unaligned_le16(area, frame + n - UNSHARE_LEN);
	return n;
}
EXPORT_SYMBOL_IF_KUNIT(vmsg_ffa_put_unshare);

/**
 * vmsg_ffa_area_result() - what became of AREA_SHARE or AREA_UNSHARE
 * @payload: of the response
 * @len: its bytes
 * @area: area id that was asked for
 *
 * Context: any.
 * Return: 0, -EAGAIN for busy, -EACCES for refused, -EBADMSG.
 */
int vmsg_ffa_area_result(const u8 *payload, int len, u16 area)
{
	/* A bare header means refused, as everywhere. */
	if (!len)
		return -EACCES;
	if (len < AREA_RSP_LEN || get_unaligned_le16(payload) != area)
		return -EBADMSG;
	switch (get_unaligned_le16(payload + 2)) {
	case VMSG_FFA_OK:
		return 0;
	case VMSG_FFA_BUSY:
		return -EAGAIN;
	default:
		return -EACCES;
	}
}
EXPORT_SYMBOL_IF_KUNIT(vmsg_ffa_area_result);

/**
 * vmsg_ffa_put_configure() - pack EVENT_CONFIGURE
 * @frame: VMSG_FFA_REGS_1_1 bytes
 * @wire: VIRTIO_MSG_WIRE_* that was agreed on
 * @xid: transaction ID
 * @method: VMSG_FFA_EVENTS_*
 * @id: notification that we take
 *
 * Context: any.
 * Return: bytes of the whole message.
 */
unsigned int vmsg_ffa_put_configure(u8 *frame, unsigned int wire, u32 xid,
				    u8 method, u16 id)
{
	unsigned int n = vmsg_ffa_put(frame, wire, VMSG_FFA_MSG_CONFIGURE, xid,
				      CONFIGURE_LEN);
	u8 *p = frame + n - CONFIGURE_LEN;

	p[0] = method;
	put_unaligned_le16(id, p + 2);
	return n;
}
EXPORT_SYMBOL_IF_KUNIT(vmsg_ffa_put_configure);

/**
 * vmsg_ffa_configure_result() - what became of EVENT_CONFIGURE
 * @payload: of the response
 * @len: its bytes
 * @device_id: receives the notification by which the partition takes kicks, or
 *	VMSG_FFA_NO_NOTIFY
 *
 * Context: any.
 * Return: 0, -EAGAIN for busy, -EACCES for refused.
 */
int vmsg_ffa_configure_result(const u8 *payload, int len, u16 *device_id)
{
	*device_id = VMSG_FFA_NO_NOTIFY;
	if (len < 2)
		return -EACCES;
	switch (get_unaligned_le16(payload)) {
	case VMSG_FFA_OK:
		break;
	case VMSG_FFA_BUSY:
		return -EAGAIN;
	default:
		return -EACCES;
	}
	/* Our own addition. */
	if (len >= 4)
		*device_id = get_unaligned_le16(payload + 2);
	return 0;
}
EXPORT_SYMBOL_IF_KUNIT(vmsg_ffa_configure_result);

/**
 * vmsg_ffa_indirect_len() - how much of an indirect message may be read
 * @frame: the message
 * @room: bytes that are safe to read
 * @wire: VIRTIO_MSG_WIRE_*; the header of a VERSION is no longer than any
 *
 * The core of FF-A does not say how long a message is, only the message does.
 * So the header is believed as far as there is room, and no further.
 *
 * Context: any.
 * Return: bytes, at most @room and VMSG_FFA_MESSAGE; -EBADMSG if the message
 * claims to be longer, or shorter than its header.
 */
int vmsg_ffa_indirect_len(const u8 *frame, size_t room, unsigned int wire)
{
	unsigned int hdr_len;
	struct vmsg_ffa_hdr hdr;

	if (room > VMSG_FFA_MESSAGE)
		room = VMSG_FFA_MESSAGE;
	if (room < 2)
		return -EBADMSG;
	hdr_len = vmsg_ffa_is_private(frame) ? vmsg_ffa_hdr_len(wire, frame[1]) :
					       vmsg_ffa_hdr_len(wire, 0);
	return hdr_get(frame, room, hdr_len, &hdr) ?: hdr.size;
}
EXPORT_SYMBOL_IF_KUNIT(vmsg_ffa_indirect_len);
