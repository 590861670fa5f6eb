// SPDX-License-Identifier: GPL-2.0-only
/*
 * VERSION: which revision of the wire format both sides speak
 *
 * Three forms are in use.  Two have the header of eight bytes and differ in
 * their length; the oldest has one of six, and the token where the others have
 * the size is its version, 0 or 1.
 */
#include "body.h"

#define MASK_SHIFT	16
#define REVISION	0xffffU

struct form {
	unsigned int wire;	/* spoken where no bitmap is sent */
	unsigned int header;
	uint32_t answer;	/* payload */
};

static const struct form form_22 = { VIRTIO_MSG_WIRE_V2, 8, 22 };
static const struct form form_18 = { VIRTIO_MSG_WIRE_V1, 8, 18 };
static const struct form form_old = { VIRTIO_MSG_WIRE_RFC2, 6, 18 };

static const struct form *form_of(const uint8_t *frame)
{
	uint16_t size = vmsg_get16(frame + 6);

	if (size >= 20 && size <= 30)
		return &form_22;
	if (size >= 16 && size < 20)
		return &form_18;
	if (size <= 1 && vmsg_get16(frame + 4) >= 24)
		return &form_old;
	return NULL;
}

/* The highest of the wires that are offered and that we know */
static uint32_t best(uint32_t mask)
{
	unsigned int w;

	for (w = VIRTIO_MSG_WIRE_COUNT; w--;)
		if (mask >> w & 1)
			return 1U << w;
	return 0;
}

static void answer(const struct form *f, uint8_t *reply, uint32_t version, uint32_t rev)
{
	uint32_t features = BUS_F_DIRECT_RX;
	uint8_t *p = reply + f->header;

	if (home.send)
		features |= BUS_F_INDIRECT_RX | BUS_F_INDIRECT_TX;
	if (home.notifications && !trouble.no_kicks)
		features |= BUS_F_NOTIF_RX;
	if (home.notifications && !trouble.no_events)
		features |= BUS_F_NOTIF_TX;
	vmsg_put32(p, version);
	vmsg_put32(p + 4, rev);
	p += 8;
	if (f->answer == 22) {
		vmsg_put32(p, home.ffa_version);
		p += 4;
	}
	vmsg_put32(p, 0);
	vmsg_put32(p + 4, features);
	vmsg_put16(p + 8, AREA_SLOTS);
}

/*
 * Answer it.  @agreed says whether this was the last step, @wire what was agreed.
 *
 * Return: length of the answer, 0 if this is no form that we know.
 */
uint32_t version_answer(const uint8_t *frame, uint8_t *reply, bool *agreed,
			unsigned int *wire)
{
	const struct form *f = form_of(frame);
	uint32_t version, rev, mask, pick;

	*agreed = false;
	if (!f)
		return 0;
	memset(reply, 0, FRAME_SIZE);
	memcpy(reply, frame, 6);
	reply[0] |= VIRTIO_MSG_TYPE_RESPONSE;
	vmsg_put16(reply + (f->header == 8 ? 6 : 4), (uint16_t)(f->header + f->answer));
	if (trouble.version) {
		trouble.version--;
		answer(f, reply, 7 * BUS_VERSION, PUBLIC_REVISION);
		return f->header + f->answer;
	}
	version = vmsg_get32(frame + f->header);
	rev = vmsg_get32(frame + f->header + 4);
	mask = rev >> MASK_SHIFT;
	pick = best(mask);
	if (version != BUS_VERSION || (rev & REVISION) != PUBLIC_REVISION) {
		/* What we know */
		answer(f, reply, BUS_VERSION, PUBLIC_REVISION |
		       ((1U << VIRTIO_MSG_WIRE_COUNT) - 1) << MASK_SHIFT);
	} else if (mask && !pick) {
		answer(f, reply, 0, 0);
	} else {
		answer(f, reply, version, PUBLIC_REVISION | pick << MASK_SHIFT);
		*agreed = pick == mask;
		*wire = pick ? (unsigned int)__builtin_ctz(pick) : f->wire;
	}
	return f->header + f->answer;
}
