// SPDX-License-Identifier: GPL-2.0-only
/*
 * virtio-msg device side: the headers of the four wire revisions
 */
#include "vmsg.h"

static const uint8_t hdr_len[VIRTIO_MSG_WIRE_COUNT] = { 6, 8, 8, 12 };

/* The smallest bus maximum with which every message of a revision fits. */
static const uint8_t wire_min[VIRTIO_MSG_WIRE_COUNT] = { 44, 48, 52, 64 };

/**
 * vmsg_hdr_len - length of the common header
 * @wire: wire revision
 */
unsigned int vmsg_hdr_len(unsigned int wire)
{
	return hdr_len[wire];
}

/**
 * vmsg_wire_min - the smallest maximum message size a revision can live with
 * @wire: wire revision
 */
unsigned int vmsg_wire_min(unsigned int wire)
{
	return wire_min[wire];
}

/**
 * vmsg_hdr_get - decode a header
 * @wire: wire revision
 * @buf: at least vmsg_hdr_len() bytes
 * @h: filled in
 */
void vmsg_hdr_get(unsigned int wire, const uint8_t *buf, struct vmsg_hdr *h)
{
	h->type = buf[0];
	h->msg_id = buf[1];
	h->dev_num = vmsg_get16(buf + 2);
	h->result = 0;
	h->xid = 0;
	switch (wire) {
	case VIRTIO_MSG_WIRE_RFC2:
		h->size = vmsg_get16(buf + 4);
		break;
	case VIRTIO_MSG_WIRE_XID32:
		h->size = vmsg_get16(buf + 4);
		h->result = vmsg_get16(buf + 6);
		h->xid = vmsg_get32(buf + 8);
		break;
	default:
		h->xid = vmsg_get16(buf + 4);
		h->size = vmsg_get16(buf + 6);
		break;
	}
}

/**
 * vmsg_hdr_put - encode a header
 * @wire: wire revision
 * @buf: at least vmsg_hdr_len() bytes
 * @h: what to encode
 */
void vmsg_hdr_put(unsigned int wire, uint8_t *buf, const struct vmsg_hdr *h)
{
	buf[0] = h->type;
	buf[1] = h->msg_id;
	vmsg_put16(buf + 2, h->dev_num);
	switch (wire) {
	case VIRTIO_MSG_WIRE_RFC2:
		vmsg_put16(buf + 4, h->size);
		break;
	case VIRTIO_MSG_WIRE_XID32:
		vmsg_put16(buf + 4, h->size);
		vmsg_put16(buf + 6, h->result);
		vmsg_put32(buf + 8, h->xid);
		break;
	default:
		vmsg_put16(buf + 4, (uint16_t)h->xid);
		vmsg_put16(buf + 6, h->size);
		break;
	}
}
