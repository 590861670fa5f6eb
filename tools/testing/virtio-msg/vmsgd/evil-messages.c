// SPDX-License-Identifier: GPL-2.0-only
/*
 * vmsgd: evil behaviours that are messages: enumeration, framing, IDs, sizes,
 * features, configuration, status
 *
 * The comments say what a driver side has to make of each.
 */
#define _GNU_SOURCE
#include <string.h>

#include "evil.h"
#include "../device/vmsg_devs.h"

#define NOBODY		0xf000	/* number of a device that does not exist */
#define LATE_MS		3000	/* too late for a driver that waits a second */

#define RESPONSE	VIRTIO_MSG_TYPE_RESPONSE
#define BUS		VIRTIO_MSG_TYPE_BUS

static unsigned int header(void)
{
	return vmsg_hdr_len(bus.wire);
}

static struct vmsg_hdr response(uint32_t xid)
{
	struct vmsg_hdr h = {
		.type = RESPONSE,
		.msg_id = VIRTIO_MSG_GET_DEVICE_STATUS,
		.dev_num = evil.dev,
		.size = (uint16_t)(header() + 4),
		.xid = xid,
	};

	return h;
}

/* An ID that is not under way, and will not be for a while. */
static uint32_t foreign_xid(void)
{
	return (evil.xid + 0x10000 + evil_random() % 0x10000000) | 1;
}

/* One that counts only if there was room for it. */
static void once(bool sent, enum evil_counter c)
{
	if (!sent) {
		evil.done--;
		return;
	}
	evil_book(c, 1);
}

/* -------------------------------------------------------- enumeration */

/* 1: to nobody, so dropped */
static void early_reply(void)
{
	struct vmsg_hdr h = response(evil.xid + 1000 + (uint32_t)evil.done);
	static const uint8_t p[4];

	if (evil_more())
		once(evil_send(&h, p, 4), EC_UNKNOWN_ID);
}

/* 2: dropped */
static void event_for_nobody(void)
{
	if (!evil_more())
		return;
	if (evil_random() & 1)
		once(evil_event(0, VIRTIO_MSG_EVENT_USED, NOBODY, 0, 0, 4),
		     EC_STALE_EVENT);
	else
		once(evil_event(0, VIRTIO_MSG_EVENT_CONFIG, NOBODY, 0xf, 1, 12),
		     EC_STALE_EVENT);
}

static bool event_too_early(struct vmsg_hdr *h, uint8_t *p, uint32_t len)
{
	(void)len;
	if (evil_about(h, VIRTIO_MSG_SET_DEVICE_STATUS) &&
	    !(vmsg_get32(p) & VMSG_S_DRIVER_OK) &&
	    evil_event(0, VIRTIO_MSG_EVENT_USED, evil.dev, 0, 0, 4)) {
		evil.done++;
		evil_book(EC_STALE_EVENT, 1);
	}
	return true;
}

/* 3: it ends, in an error or at the last number; devices that are there stay */
static bool endless_devices(struct vmsg_hdr *h, uint8_t *p, uint32_t len)
{
	uint16_t off, next;

	if (!(h->type & BUS) || h->msg_id != VIRTIO_MSG_BUS_GET_DEVICES || len < 4)
		return true;
	off = vmsg_get16(p);
	switch (evil.seed % 4) {
	case 0:		/* the same */
		next = off ? off : 8;
		break;
	case 1:		/* back */
		next = off == 64 ? 8 : 64;
		break;
	case 2:		/* between two bytes */
		next = (uint16_t)(off + 3);
		break;
	default:	/* one byte of the map at a time, to the end and again */
		next = (uint16_t)(off + 8) ? (uint16_t)(off + 8) : 8;
		break;
	}
	vmsg_put16(p + 2, next);
	evil.done++;
	return true;
}

/* 4: as many as are allowed are looked at, and are not there */
static bool all_devices(struct vmsg_hdr *h, uint8_t *p, uint32_t len)
{
	uint32_t next;

	if (!(h->type & BUS) || h->msg_id != VIRTIO_MSG_BUS_GET_DEVICES || len < 5)
		return true;
	next = vmsg_get16(p) + 8 * (len - 4);
	vmsg_put16(p + 2, next > 65528 ? 0 : (uint16_t)next);
	memset(p + 4, 0xff, len - 4);
	evil.done++;
	return true;
}

static bool device_event(uint16_t num, uint16_t state)
{
	return evil_event(BUS, VIRTIO_MSG_BUS_EVENT_DEVICE, 0,
			  num | (uint32_t)state << 16, 0, 4);
}

/* 5: its probe fails; it comes when it is there again */
static uint64_t absent_until;

static bool vanish(struct vmsg_hdr *h, uint8_t *p, uint32_t len)
{
	static const uint8_t stages[] = {
		VIRTIO_MSG_GET_DEVICE_FEATURES, VIRTIO_MSG_GET_VQUEUE,
		VIRTIO_MSG_SET_VQUEUE, VIRTIO_MSG_SET_DEVICE_STATUS,
	};

	(void)p;
	(void)len;
	if (h->type & BUS || h->dev_num != evil.dev)
		return true;
	if (!absent_until && h->msg_id == stages[evil.seed % sizeof(stages)] &&
	    evil_more()) {
		evil_leaves();
		device_event(evil.dev, VIRTIO_MSG_DEVICE_REMOVED);
		absent_until = now_ms() + 100;
	}
	if (!absent_until)
		return true;
	h->result = VIRTIO_MSG_RESULT_NO_DEVICE;
	h->size = (uint16_t)header();
	return true;
}

static void appear(void)
{
	if (absent_until && now_ms() >= absent_until &&
	    device_event(evil.dev, VIRTIO_MSG_DEVICE_READY))
		absent_until = 0;
}

static void stay(void)
{
	if (absent_until)
		device_event(evil.dev, VIRTIO_MSG_DEVICE_READY);
	absent_until = 0;
}

/* 6: who is there is there once, and who is gone is gone */
static void added_twice(void)
{
	static const uint16_t script[] = {
		VIRTIO_MSG_DEVICE_READY, VIRTIO_MSG_DEVICE_READY,
		VIRTIO_MSG_DEVICE_REMOVED, VIRTIO_MSG_DEVICE_REMOVED,
		VIRTIO_MSG_DEVICE_READY, VIRTIO_MSG_DEVICE_REMOVED,
		VIRTIO_MSG_DEVICE_READY, VIRTIO_MSG_DEVICE_READY,
	};

	if (!evil_more())
		return;
	evil_leaves();
	/* The last word is that it is there. */
	if (!device_event(evil.dev, script[(evil.done - 1) % 8]) ||
	    !device_event(NOBODY, VIRTIO_MSG_DEVICE_REMOVED))
		evil.done--;
}

/* ------------------------------------------------------------ framing */

/* 7: dropped */
static void odd_sizes(void)
{
	const uint16_t sizes[] = {
		0, 1, (uint16_t)(header() - 1), 65535,
		(uint16_t)(bus.max_msg + 1), (uint16_t)header(),
	};
	struct vmsg_hdr h = response(foreign_xid());
	unsigned int i = evil_random() % 6;

	if (!evil_more())
		return;
	h.size = sizes[i];
	/* The last one is in order, and an answer to nobody. */
	once(evil_send(&h, NULL, 0), i == 5 ? EC_UNKNOWN_ID : EC_MALFORMED);
}

/* 8: dropped; the answer that comes along with one counts */
static void odd_types(void)
{
	struct vmsg_hdr h = response(7);
	static const uint8_t p[12];

	if (!evil_more())
		return;
	switch (evil_random() % 4) {
	case 0:		/* a request from the wrong side */
		h.type = 0;
		once(evil_send(&h, p, 4), EC_UNEXPECTED);
		break;
	case 1:		/* reserved bits mean nothing */
		once(evil_event(0xfc, VIRTIO_MSG_EVENT_USED, NOBODY, 0, 0, 4),
		     EC_STALE_EVENT);
		break;
	case 2:		/* an event with a result */
		h.type = 0;
		h.msg_id = VIRTIO_MSG_EVENT_USED;
		h.xid = 0;
		h.result = 5;
		once(evil_send(&h, p, 4), EC_MALFORMED);
		break;
	default:	/* and one with an ID */
		h.type = 0;
		h.msg_id = VIRTIO_MSG_EVENT_USED;
		once(evil_send(&h, p, 4), EC_MALFORMED);
		break;
	}
}

static bool flipped_bus(struct vmsg_hdr *h, uint8_t *p, uint32_t len)
{
	struct vmsg_hdr wrong = *h;

	wrong.type ^= BUS;
	if (!evil_send(&wrong, p, len))
		return true;
	evil.done++;
	/* Bus messages have no device number. */
	evil_book(wrong.type & BUS && h->dev_num ? EC_MALFORMED : EC_MISMATCH, 1);
	return true;
}

/* Not what a neighbour waits for. */
static bool may_suffer(const struct vmsg_hdr *h)
{
	if (h->type & BUS)
		return h->msg_id == VIRTIO_MSG_BUS_PING;
	return h->dev_num == evil.dev;
}

/*
 * A request that is never answered; where it was a reset, the device that was to be
 * reset is broken.
 */
static void unanswered(void (*how)(enum evil_counter c, uint64_t n))
{
	how(EC_TIMEOUT, 1);
	evil_breaks(1);
}

/*
 * 9 and 10: of what changes while it is read, one state is believed.  The element
 * of the last answer, over and over; at the end stands what is right, or not.
 */
static void change_element(const struct vmsg_hdr *h, unsigned int at, unsigned int n,
			   uint8_t with)
{
	unsigned int i = (seg.tail + seg.l.num_elems - 1U) % seg.l.num_elems;
	uint8_t *e = seg.mem + seg.l.dev_elems + (uint64_t)i * seg.l.elem_size + at;
	unsigned int turn, k, turns = 20000 + (evil_random() & 1);

	if (seg.state != VMSG_SEG_RUN || !may_suffer(h) || !evil_more())
		return;
	for (turn = 0; turn < turns; turn++)
		for (k = 0; k < n; k++)
			*(volatile uint8_t *)(e + k) ^= with;
	evil_may(EC_MALFORMED, 1);
	unanswered(evil_may);
}

static void change_size(const struct vmsg_hdr *h)
{
	change_element(h, 4, 2, 0xf1);
}

static void change_payload(const struct vmsg_hdr *h)
{
	evil_breaks(UINT64_MAX);
	change_element(h, header(), 24, (uint8_t)(evil_random() | 1));
}

/* 11: the link is lost, and comes up again; or old messages come once more */
static void odd_tail(void)
{
	static uint64_t next;
	uint16_t n = seg.l.num_elems, tail;

	if (seg.state != VMSG_SEG_RUN || now_ms() < next || !evil_more())
		return;
	next = now_ms() + 300;
	switch (evil_random() % 3) {
	case 0:
		tail = 0xffff;
		break;
	case 1:
		tail = n;
		break;
	default:
		tail = (uint16_t)((seg.tail + n - 1U - evil_random() % (n - 2U)) % n);
		break;
	}
	vmsg_st16(seg.mem + seg.l.dev_head + 4, tail);
	evil_ring();
	evil_any(EC_PEER_LOST);
	evil_any(EC_MALFORMED);
	/* What is left in the ring when the link is lost */
	evil_any(EC_UNEXPECTED);
	evil_any(EC_TIMEOUT);
	evil_breaks(UINT64_MAX);
}

/* 12: nobody looks there any more */
static uint8_t layout[96];

static bool save_layout(void)
{
	memcpy(layout, seg.mem, sizeof(layout));
	return true;
}

static void odd_layout(void)
{
	if (seg.state == VMSG_SEG_RUN && evil_more())
		seg.mem[evil_random() % sizeof(layout)] = (uint8_t)evil_random();
}

static void restore_layout(void)
{
	memcpy(seg.mem, layout, sizeof(layout));
}

/* ---------------------------------------------------------------- IDs */

/* 13: dropped */
static void unknown_id(void)
{
	struct vmsg_hdr h = response(foreign_xid());
	static const uint8_t p[4];

	if (evil_more())
		once(evil_send(&h, p, 4), EC_UNKNOWN_ID);
}

/* 14: the first counts */
static void reply_again(void)
{
	struct vmsg_hdr h = response(evil.xid);
	static const uint8_t p[4];

	/* Only what has been answered before. */
	if (evil.xid && evil_more())
		once(evil_send(&h, p, 4), EC_UNKNOWN_ID);
}

/* 15: the request has timed out, and its answer is nobody's any more */
static bool late_reply(struct vmsg_hdr *h, uint8_t *p, uint32_t len)
{
	if (!may_suffer(h) || !evil_more())
		return true;
	evil_hold(h, p, len, LATE_MS);
	unanswered(evil_book);
	evil_book(EC_UNKNOWN_ID, 1);
	return false;
}

/* 16: dropped; the request times out */
static bool wrong_reply(struct vmsg_hdr *h, uint8_t *p, uint32_t len)
{
	(void)p;
	(void)len;
	if (!may_suffer(h) || !evil_more())
		return true;
	if (h->type & BUS)
		h->msg_id = VIRTIO_MSG_BUS_GET_DEVICES;
	else if (evil_random() & 1)
		h->dev_num = (uint16_t)(h->dev_num + 7);
	else
		h->msg_id = h->msg_id == VIRTIO_MSG_GET_DEVICE_STATUS ?
			    VIRTIO_MSG_GET_CONFIG : VIRTIO_MSG_GET_DEVICE_STATUS;
	evil_book(EC_MISMATCH, 1);
	unanswered(evil_book);
	return true;
}

/* -------------------------------------------------------------- sizes */

/* 17: what there is more than the driver knows does not matter */
static bool many_features(struct vmsg_hdr *h, uint8_t *p, uint32_t len)
{
	if (evil_about(h, VIRTIO_MSG_GET_DEVICE_INFO) && len >= 44) {
		vmsg_put32(p + 24, UINT32_MAX);
		evil.done++;
	}
	return true;
}

/* 18: the device is broken, or lacks what its driver asks for */
static bool odd_config_size(struct vmsg_hdr *h, uint8_t *p, uint32_t len)
{
	evil_breaks(UINT64_MAX);
	if (evil_about(h, VIRTIO_MSG_GET_DEVICE_INFO) && len >= 44) {
		static const uint32_t sizes[] = { UINT32_MAX, 1U << 31, 0, 3 };

		vmsg_put32(p + 28, sizes[evil.seed % 4]);
		evil.done++;
	} else if (evil_about(h, VIRTIO_MSG_GET_CONFIG) && evil.seed & 4) {
		h->result = VIRTIO_MSG_RESULT_BAD_ARG;
		h->size = (uint16_t)header();
		evil.done++;
	}
	return true;
}

/* 19: it gets no driver, or one with smaller queues */
static bool odd_queues(struct vmsg_hdr *h, uint8_t *p, uint32_t len)
{
	static const uint32_t sizes[] = { 0, 100, 1U << 31, UINT32_MAX, 1, 3 };

	if (evil_about(h, VIRTIO_MSG_GET_DEVICE_INFO) && len >= 44 &&
	    evil.seed % 8 >= 6) {
		vmsg_put32(p + 32, evil.seed & 1 ? UINT32_MAX : 0);
		evil.done++;
	} else if (evil_about(h, VIRTIO_MSG_GET_VQUEUE) && len >= 40 &&
		   evil.seed % 8 < 6) {
		vmsg_put32(p + 4, sizes[evil.seed % 8]);
		evil.done++;
	}
	return true;
}

/*
 * 20: it gets no region.  The victim must have two queues (a console): it says
 * that it is a file system, whose driver asks for shared memory.
 */
static bool odd_region(struct vmsg_hdr *h, uint8_t *p, uint32_t len)
{
	uint64_t area = (uint64_t)VIRTIO_MSG_AREA_SEGMENT << VIRTIO_MSG_AREA_SHIFT;
	const uint64_t at[] = {
		UINT64_MAX - 4095, area + 0xffffffffffffULL - 4095, area + shm_size,
		0, area,
	};

	if (evil_about(h, VIRTIO_MSG_GET_DEVICE_INFO) && len >= 44) {
		vmsg_put32(p, 26);
		vmsg_put32(p + 28, 40);
	} else if (evil_about(h, VIRTIO_MSG_GET_DEVICE_FEATURES) && len >= 12) {
		/* What the console has of its own means something else there. */
		vmsg_put32(p + 4, vmsg_get32(p + 4) & 0xff000000);
	} else if (h->msg_id == VIRTIO_MSG_GET_CONFIG && h->dev_num == evil.dev &&
		   !(h->type & BUS)) {
		/* Not the console's, which is shorter: a tag, and one queue. */
		memset(p, 0, 48);
		memcpy(p + 8, "evil", 4);
		p[44] = 1;
		h->result = 0;
		h->size = (uint16_t)(header() + 48);
	} else if (evil_about(h, VIRTIO_MSG_GET_SHM) && len >= 24) {
		vmsg_put64(p + 8, evil.seed & 1 ? UINT64_MAX : 1ULL << 40);
		vmsg_put64(p + 16, at[evil_random() % 5]);
		evil.done++;
	}
	return true;
}

/* --------------------------------------- features and configuration */

/* 21: the driver gives the device up, and may try again */
static bool features_refused(struct vmsg_hdr *h, uint8_t *p, uint32_t len)
{
	(void)len;
	if ((evil_about(h, VIRTIO_MSG_SET_DEVICE_STATUS) ||
	     evil_about(h, VIRTIO_MSG_GET_DEVICE_STATUS)) &&
	    vmsg_get32(p) & VMSG_S_FEATURES_OK && evil_more())
		vmsg_put32(p, vmsg_get32(p) & ~(uint32_t)VMSG_S_FEATURES_OK);
	return true;
}

/* 22: what was read first is what counts */
static bool features_change(struct vmsg_hdr *h, uint8_t *p, uint32_t len)
{
	if (evil_about(h, VIRTIO_MSG_GET_DEVICE_FEATURES) && len >= 8 &&
	    !vmsg_get32(p) && ++evil.done % 2 == 0)
		vmsg_put32(p + 4, vmsg_get32(p + 4) ^ (evil_random() & 0xffffff));
	return true;
}

/* 23: it gets no driver */
static bool features_missing(struct vmsg_hdr *h, uint8_t *p, uint32_t len)
{
	uint32_t at = 4;

	if (!evil_about(h, VIRTIO_MSG_GET_DEVICE_FEATURES))
		return true;
	/* VERSION_1 and ACCESS_PLATFORM are bits 0 and 1 of block 1. */
	if (!vmsg_get32(p))
		at = 8;
	if (len >= at + 4) {
		vmsg_put32(p + at, vmsg_get32(p + at) & ~(evil.seed & 1 ? 1U : 2U));
		evil.done++;
	}
	return true;
}

/* 24: the driver side gives up after some tries */
static bool restless_config(struct vmsg_hdr *h, uint8_t *p, uint32_t len)
{
	evil_breaks(UINT64_MAX);
	if (evil_about(h, VIRTIO_MSG_GET_CONFIG) && len >= 8) {
		vmsg_put32(p, (uint32_t)(++evil.done));
		evil_event(0, VIRTIO_MSG_EVENT_CONFIG, evil.dev, 0xf,
			   (uint32_t)evil.done, 12);
	}
	return true;
}

/* 25: drivers survive it */
static uint8_t true_config[64];
static uint64_t true_features;

static const struct {
	uint32_t device, at, len;
	uint64_t value, features;
} hostile[] = {
	{ VMSG_ID_BLOCK, 32, 1, 7, VMSG_F(11) },		/* wce */
	{ VMSG_ID_BLOCK, 12, 4, 0, 0 },				/* seg_max */
	{ VMSG_ID_BLOCK, 12, 4, UINT32_MAX, 0 },
	{ VMSG_ID_BLOCK, 20, 4, 3, VMSG_F(6) },			/* blk_size */
	{ VMSG_ID_BLOCK, 20, 4, 1U << 31, VMSG_F(6) },
	{ VMSG_ID_BLOCK, 0, 8, UINT64_MAX, 0 },			/* capacity */
	{ VMSG_ID_BLOCK, 0, 8, 0, 0 },
	{ VMSG_ID_BLOCK, 8, 4, 1, VMSG_F(1) },			/* size_max */
	{ VMSG_ID_BLOCK, 24, 1, 255, VMSG_F(10) },		/* topology */
	{ VMSG_ID_BLOCK, 36, 4, UINT32_MAX, VMSG_F(13) },	/* discard */
	{ VMSG_ID_NET, 10, 2, 0, VMSG_F(3) },			/* mtu */
	{ VMSG_ID_NET, 8, 2, 0xffff, VMSG_F(17) | VMSG_F(22) },	/* pairs */
	{ VMSG_ID_NET, 8, 2, 0, VMSG_F(17) | VMSG_F(22) },
	{ VMSG_ID_CONSOLE, 4, 4, UINT32_MAX, VMSG_F(1) },	/* ports */
};

#define HOSTILE (sizeof(hostile) / sizeof(hostile[0]))

static struct vmsg_dev *tampered;

static void tamper(struct vmsg_dev *d)
{
	unsigned int i, k, n = 0, tried;

	for (i = 0; i < HOSTILE; i++)
		n += hostile[i].device == d->device_id;
	if (!n || d->config_len > sizeof(true_config))
		return;
	memcpy(true_config, d->config, d->config_len);
	true_features = d->features;
	tampered = d;
	/* Which of those for this kind says the seed. */
	tried = (unsigned int)(evil.seed % n);
	for (i = 0; i < HOSTILE; i++) {
		if (hostile[i].device != d->device_id || tried--)
			continue;
		d->features |= hostile[i].features;
		for (k = 0; k < hostile[i].len && hostile[i].at + k < d->config_len; k++)
			d->config[hostile[i].at + k] =
				(uint8_t)(hostile[i].value >> 8 * k);
	}
	evil.done++;
	evil_breaks(UINT64_MAX);
	vmsg_dev_config_changed(d);
}

/* It may come later, and go. */
static bool hostile_config(struct vmsg_hdr *h, uint8_t *p, uint32_t len)
{
	struct vmsg_dev *d = evil_victim();

	(void)p;
	(void)len;
	if (d && tampered != d && evil_about(h, VIRTIO_MSG_GET_DEVICE_INFO))
		tamper(d);
	return true;
}

static bool hostile_at_once(void)
{
	tampered = NULL;
	if (evil_victim())
		tamper(evil_victim());
	return true;
}

static void true_again(void)
{
	struct vmsg_dev *d = evil_victim();

	if (!d || d != tampered)
		return;
	memcpy(d->config, true_config, d->config_len);
	d->features = true_features;
	vmsg_dev_config_changed(d);
}

/* 26: the device is broken, and what it may still write stays in quarantine */
static bool never_reset(struct vmsg_hdr *h, uint8_t *p, uint32_t len)
{
	evil_breaks(UINT64_MAX);
	if (len >= 4 && (evil_about(h, VIRTIO_MSG_SET_DEVICE_STATUS) ||
			 evil_about(h, VIRTIO_MSG_GET_DEVICE_STATUS)) &&
	    !vmsg_get32(p)) {
		vmsg_put32(p, VMSG_S_ACKNOWLEDGE);
		evil.done++;
	}
	return true;
}

/* 27: the device is broken, again and again, and then left alone */
static void needs_reset(void)
{
	if (!evil_more())
		return;
	if (!evil_event(0, VIRTIO_MSG_EVENT_CONFIG, evil.dev,
			VMSG_S_NEEDS_RESET | 0xf, 1, 12))
		evil.done--;
	evil_breaks(UINT64_MAX);
}

static bool failed_at_random(struct vmsg_hdr *h, uint8_t *p, uint32_t len)
{
	if (len >= 4 && evil_about(h, VIRTIO_MSG_SET_DEVICE_STATUS) &&
	    evil_random() & 1)
		vmsg_put32(p, vmsg_get32(p) | VMSG_S_FAILED);
	return true;
}

const struct behaviour evil_messages[27] = {
	{ .name = "answers before the request", .limit = 100, .tick = early_reply },
	{ .name = "events for unknown devices, and before DRIVER_OK", .limit = 100,
	  .tick = event_for_nobody, .answer = event_too_early },
	{ .name = "GET_DEVICES never ends, goes back or stands still",
	  .answer = endless_devices },
	{ .name = "GET_DEVICES claims every number", .answer = all_devices },
	{ .name = "a device vanishes while it is probed", .limit = 5,
	  .answer = vanish, .tick = appear, .end = stay },
	{ .name = "a device is added twice and removed twice", .limit = 40,
	  .tick = added_twice },
	{ .name = "impossible msg_size", .limit = 100, .tick = odd_sizes },
	{ .name = "wrong type bits", .limit = 100, .tick = odd_types,
	  .answer = flipped_bus },
	{ .name = "msg_size changes while it is read", .limit = 200,
	  .segment = true, .sent = change_size },
	{ .name = "the payload changes while it is read", .limit = 200,
	  .segment = true, .sent = change_payload },
	{ .name = "ring indices out of range, and backwards", .limit = 5,
	  .segment = true, .tick = odd_tail },
	{ .name = "the layout is rewritten while in use", .limit = 2000,
	  .segment = true, .begin = save_layout, .tick = odd_layout,
	  .end = restore_layout },
	{ .name = "answers with unknown IDs", .limit = 100, .tick = unknown_id },
	{ .name = "an answer a thousand times", .limit = 1000, .tick = reply_again },
	{ .name = "answers that come too late", .limit = 2, .answer = late_reply },
	{ .name = "the right ID, another message or device", .limit = 2,
	  .answer = wrong_reply },
	{ .name = "2^32-1 blocks of features", .answer = many_features },
	{ .name = "a configuration of 4 GiB, of 0 bytes, or unreadable",
	  .answer = odd_config_size },
	{ .name = "impossible numbers and sizes of queues", .answer = odd_queues },
	{ .name = "shared memory that wraps or is elsewhere", .answer = odd_region },
	{ .name = "FEATURES_OK is refused, then granted", .limit = 2,
	  .answer = features_refused },
	{ .name = "other features with each read", .answer = features_change },
	{ .name = "VERSION_1 or ACCESS_PLATFORM is missing",
	  .answer = features_missing },
	{ .name = "another generation with each read", .answer = restless_config },
	{ .name = "configuration that is hostile to drivers",
	  .begin = hostile_at_once, .answer = hostile_config, .end = true_again },
	{ .name = "the status never returns to 0", .answer = never_reset },
	{ .name = "NEEDS_RESET and FAILED over and over", .limit = 50,
	  .tick = needs_reset, .answer = failed_at_random },
};
