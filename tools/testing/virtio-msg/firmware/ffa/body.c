// SPDX-License-Identifier: GPL-2.0-only
/*
 * The body of the partition: what becomes of a message
 *
 * A direct message is a call: the answer is given before anything else happens.
 * Linux asks for events with EVENT_POLL, and is told by a notification, where
 * there are any, that asking is worth while.
 *
 * Where a message has room for transport messages they come in registers.  Else
 * they go through the segment that Linux shares as area 1; then EVENT_POLL is the
 * doorbell, and everything that was found is done when it returns.
 *
 * Linux may also choose indirect messages, both ways, where there are any.
 */
#include "body.h"

#define ELEMS		32
#define ELEM_SIZE	128
#define BACKLOG		16
/* The least direct message that transport messages fit into */
#define DIRECT_ROOM	112
/* Rounds that one call may take; the rest is done in the next. */
#define ROUNDS		64

struct body body;
struct trouble trouble;

static uint8_t frames[2 * FRAME_SIZE];
static uint8_t backlog[BACKLOG * (FRAME_SIZE + 8)];

/* ---------------------------------------------------------------- the bus */

/* Give an answer an impossible size; of one revision or another, this is where it is. */
static void misshape(uint8_t *frame)
{
	if (!trouble.size)
		return;
	trouble.size--;
	vmsg_put16(frame + 4, 0xfff1);
	vmsg_put16(frame + 6, 0xfff1);
}

/* There is an event: bench-ffa counts instructions from here. */
static void mark(void)
{
	if (trouble.mark)
		__asm__ volatile("hint #100" : : : "memory");
}

/*
 * The link of direct messages.  There is one answer to give: responses have it to
 * themselves, and an event may be it if Linux polls.
 */
static int direct_send(struct vmsg_bus *bus, const uint8_t *frame, uint32_t len)
{
	bool response = frame[0] & VIRTIO_MSG_TYPE_RESPONSE;

	(void)bus;
	if (!response && !body.polling)
		mark();
	if (body.reply_len || response == body.polling || len > sizeof(body.reply))
		return -VMSG_EAGAIN;
	memcpy(body.reply, frame, len);
	body.reply_len = len;
	return 0;
}

static const struct vmsg_link_ops direct_link = {
	.send = direct_send,
};

/*
 * The link of indirect messages.  While Linux has not read the last one there is
 * no room; body_run() tries again.
 */
static int indirect_send(struct vmsg_bus *bus, const uint8_t *frame, uint32_t len)
{
	uint8_t padded[INDIRECT_SIZE];

	(void)bus;
	if (len > sizeof(padded))
		return -VMSG_EINVAL;
	memset(padded, 0, sizeof(padded));
	memcpy(padded, frame, len);
	misshape(padded);
	return home.send(padded, sizeof(padded)) ? -VMSG_EAGAIN : 0;
}

static const struct vmsg_link_ops indirect_link = {
	.send = indirect_send,
};

static void use_areas(void)
{
	body.bus.areas = body.areas;
	body.bus.nareas = AREA_SLOTS;
	body.bus.link = body.indirect ? &indirect_link : &direct_link;
}

/* VERSION has come to its end: the bus is there, unless it takes a segment. */
void bus_up(void)
{
	use_areas();
	if (body.agreed && body.room >= DIRECT_ROOM)
		vmsg_bus_link_up(&body.bus, body.bus.wire,
				 body.indirect ? INDIRECT_SIZE : DIRECT_ROOM);
}

/*
 * All devices let go of Linux's memory.  @polite: say so in the segment, which is
 * what one that crashes does not do.
 */
void bus_down(bool polite)
{
	if (body.ring && polite)
		vmsg_seg_stop(&body.seg);
	body.seg.state = VMSG_SEG_STOPPED;
	body.ring = false;
	body.indirect = false;
	vmsg_bus_link_down(&body.bus);
	use_areas();
	body.told = false;
	body.kicked = false;
}

static void notify(void)
{
	if (home.notify(1ULL << body.notification))
		say("cannot notify, bit", body.notification);
	else
		body.stats.notifications++;
}

/* The segment's doorbell */
static void rang(struct vmsg_seg *seg, uint16_t peer)
{
	(void)seg;
	(void)peer;
	mark();
	if (body.method == METHOD_NOTIFICATION && !body.told) {
		/* Once for all that this call does. */
		body.told = true;
		notify();
	}
}

static uint32_t instance(struct vmsg_seg *seg)
{
	(void)seg;
	return random32();
}

/* Area 1 is there, in this slot. */
void ring_start(unsigned int slot)
{
	static const struct vmsg_seg_params params = {
		.num_notif = 4, .vq_per_dev = 4,
		.num_elems = ELEMS, .elem_size = ELEM_SIZE,
	};
	struct vmsg_seg *seg = &body.seg;
	unsigned int wire = body.bus.wire;

	bus_down(false);
	memset(seg, 0, sizeof(*seg));
	seg->bus = &body.bus;
	seg->mem = body.areas[slot].ptr;
	seg->size = body.areas[slot].len;
	seg->wire_offered = 1U << wire;
	seg->device_peer = VIRTIO_MSG_PEER_NONE;
	seg->doorbell = rang;
	seg->random = instance;
	/*
	 * Linux may know this memory from our life before a reset: what is fit for
	 * use stays as it is.
	 */
	if (vmsg_seg_init(seg) || seg->l.elem_size != ELEM_SIZE) {
		vmsg_seg_format(seg->mem, seg->size, &params);
		seg->wire_offered = 1U << wire;
		if (vmsg_seg_init(seg)) {
			say("no segment fits into this many bytes:", seg->size);
			use_areas();
			return;
		}
	}
	body.ring = true;
	vmsg_seg_start(seg, now_ms());
}

/* A notification has no room for the name of a queue: look at all of them. */
static void take_kick(void)
{
	struct vmsg_dev *dev;

	if (!__atomic_exchange_n(&body.kicked, false, __ATOMIC_RELAXED))
		return;
	body.stats.kicks++;
	/* The words of a ring say which it was. */
	if (!body.ring)
		for (dev = body.bus.devs; dev; dev = dev->next)
			vmsg_bus_kick(&body.bus, dev->num, 0, VMSG_MAX_VQS - 1);
}

/* Do what there is to do. */
void body_run(void)
{
	unsigned int n = ROUNDS, next;

	take_kick();
	if (body.ring) {
		do
			next = vmsg_seg_poll(&body.seg, now_ms());
		while (!next && --n);
		body.told = false;
		if (body.method == METHOD_NOTIFICATION)
			home.alarm(next ? next : 1);
		return;
	}
	while (vmsg_bus_run(&body.bus) && --n)
		;
	if (body.indirect)
		vmsg_bus_flush(&body.bus);
	if (body.bus.kicks_pending)
		home.alarm(1);
	if (body.method == METHOD_NOTIFICATION && body.bus.events_pending && !body.told) {
		body.told = true;
		notify();
	}
}

/* Everything as it was before Linux said anything. */
static void forget(bool polite)
{
	bus_down(polite);
	areas_drop();
	body.agreed = false;
	body.method = METHOD_POLL;
	body.event_reset = false;
	body.event_release = 0;
}

/* ------------------------------------------------------------- messages */

static void answer(uint8_t type, uint8_t msg_id, uint16_t dev_num, uint32_t xid,
		   uint16_t result, const uint8_t *payload, uint32_t len)
{
	unsigned int hl = vmsg_hdr_len(body.bus.wire);
	struct vmsg_hdr h = {
		.type = type,
		.msg_id = msg_id,
		.dev_num = dev_num,
		.size = (uint16_t)(hl + len),
		.result = result,
		.xid = xid,
	};

	vmsg_hdr_put(body.bus.wire, body.reply, &h);
	if (len)
		memcpy(body.reply + hl, payload, len);
	body.reply_len = hl + len;
}

/* An answer that has the header of eight bytes, whatever was agreed. */
static void answer_short(uint8_t type, uint8_t msg_id, const uint8_t *frame)
{
	memset(body.reply, 0, 8);
	body.reply[0] = type;
	body.reply[1] = msg_id;
	memcpy(body.reply + 4, frame + 4, 2);
	vmsg_put16(body.reply + 6, 8);
	body.reply_len = 8;
}

static void version(const uint8_t *frame)
{
	unsigned int wire;
	bool agreed;

	body.reply_len = version_answer(frame, body.reply, &agreed, &wire);
	if (!body.reply_len) {
		answer_short(VIRTIO_MSG_TYPE_BUS | VIRTIO_MSG_TYPE_RESPONSE, MSG_ERROR, frame);
		return;
	}
	if (!agreed)
		return;
	forget(true);
	body.agreed = true;
	body.bus.wire = (uint8_t)wire;
	bus_up();
	say("agreed on wire", wire);
}

static void share(uint16_t sender, const struct vmsg_hdr *h, const uint8_t *p, uint32_t len)
{
	uint16_t id, result;
	uint8_t out[4];

	if (len < 26) {
		answer(h->type | VIRTIO_MSG_TYPE_RESPONSE, h->msg_id, 0, h->xid,
		       VIRTIO_MSG_RESULT_BAD_ARG, NULL, 0);
		return;
	}
	id = vmsg_get16(p);
	result = area_share(sender, id, vmsg_get64(p + 2), vmsg_get64(p + 10),
			    vmsg_get32(p + 18));
	vmsg_put16(out, id);
	vmsg_put16(out + 2, result);
	answer(h->type | VIRTIO_MSG_TYPE_RESPONSE, h->msg_id, 0, h->xid, 0, out, 4);
}

static void unshare(const struct vmsg_hdr *h, const uint8_t *p, uint32_t len)
{
	uint8_t out[4];

	if (len < 2) {
		answer(h->type | VIRTIO_MSG_TYPE_RESPONSE, h->msg_id, 0, h->xid,
		       VIRTIO_MSG_RESULT_BAD_ARG, NULL, 0);
		return;
	}
	vmsg_put16(out, vmsg_get16(p));
	vmsg_put16(out + 2, area_unshare(vmsg_get16(p)));
	answer(h->type | VIRTIO_MSG_TYPE_RESPONSE, h->msg_id, 0, h->xid, 0, out, 4);
}

static void configure(const struct vmsg_hdr *h, const uint8_t *p, uint32_t len)
{
	uint16_t result = 1, kicks = NO_NOTIFICATION;
	uint8_t out[4];

	if (len >= 4 && p[0] == METHOD_POLL) {
		body.method = METHOD_POLL;
		result = 0;
	} else if (len >= 4 && p[0] == METHOD_NOTIFICATION && home.notifications &&
		   !trouble.no_events && vmsg_get16(p + 2) < 64) {
		body.method = METHOD_NOTIFICATION;
		body.notification = vmsg_get16(p + 2);
		body.told = false;
		result = 0;
	} else if (len >= 4 && p[0] == METHOD_INDIRECT && home.send) {
		bus_down(true);
		body.method = METHOD_INDIRECT;
		body.indirect = true;
		bus_up();
		result = 0;
	}
	if (!result && home.notifications && !trouble.no_kicks)
		kicks = KICK_NOTIFICATION;
	vmsg_put16(out, result);
	vmsg_put16(out + 2, kicks);
	answer(h->type | VIRTIO_MSG_TYPE_RESPONSE, h->msg_id, 0, h->xid, 0, out, 4);
}

static void poll(const struct vmsg_hdr *h, const uint8_t *frame)
{
	uint8_t id[2];

	body.stats.polls++;
	if (body.event_reset) {
		answer_short(VIRTIO_MSG_TYPE_BUS, MSG_RESET, frame);
		forget(false);
		return;
	}
	if (body.event_release) {
		vmsg_put16(id, body.slots[body.event_release - 1].id);
		body.event_release = 0;
		answer(VIRTIO_MSG_TYPE_BUS, MSG_AREA_RELEASE, 0, 0, 0, id, 2);
		return;
	}
	if (body.ring) {
		/* Linux drains the ring when this returns: nobody need be told. */
		body.told = true;
		body_run();
	} else {
		body.polling = true;
		vmsg_bus_flush(&body.bus);
		body.polling = false;
		if (body.reply_len) {
			body.stats.poll_events++;
			return;
		}
		body.told = false;
	}
	answer(h->type | VIRTIO_MSG_TYPE_RESPONSE, h->msg_id, 0, h->xid, 0, NULL, 0);
}

/* Our binding's own messages; they have the header that was agreed on. */
static bool private(uint16_t sender, const struct vmsg_hdr *h, const uint8_t *frame)
{
	unsigned int hl = vmsg_hdr_len(body.bus.wire);
	uint32_t len = h->size - hl;

	switch (h->msg_id) {
	case MSG_AREA_SHARE:
		share(sender, h, frame + hl, len);
		return true;
	case MSG_AREA_UNSHARE:
		unshare(h, frame + hl, len);
		return true;
	case MSG_EVENT_CONFIGURE:
		configure(h, frame + hl, len);
		return true;
	case MSG_EVENT_POLL:
		poll(h, frame);
		return true;
	}
	return false;
}

static void dispatch(uint16_t sender, const uint8_t *frame)
{
	unsigned int hl = vmsg_hdr_len(body.bus.wire);
	bool bus = frame[0] & VIRTIO_MSG_TYPE_BUS;
	uint8_t type = VIRTIO_MSG_TYPE_RESPONSE | (bus ? VIRTIO_MSG_TYPE_BUS : 0);
	struct vmsg_hdr h;

	if (bus && frame[1] == MSG_VERSION) {
		version(frame);
		return;
	}
	if (bus && frame[1] == MSG_RESET) {
		forget(true);
		answer_short(type, MSG_RESET, frame);
		return;
	}
	if (!body.agreed) {
		answer_short(VIRTIO_MSG_TYPE_BUS | VIRTIO_MSG_TYPE_RESPONSE, MSG_ERROR, frame);
		return;
	}
	vmsg_hdr_get(body.bus.wire, frame, &h);
	if (bus && h.size >= hl && h.size <= body.room && private(sender, &h, frame))
		return;
	if (body.bus.up && !body.ring && !body.indirect) {
		vmsg_bus_receive(&body.bus, frame, body.room);
		if (body.reply_len)
			return;
		/* An event, or a request that cannot be answered: a call is. */
		answer(type, h.msg_id, h.dev_num, 0, 0, NULL, 0);
		return;
	}
	answer(type, h.msg_id, h.dev_num, h.xid, VIRTIO_MSG_RESULT_BAD_STATE, NULL, 0);
}

/* Return: whether the message is treated as the bench wants it to be. */
static bool mistreated(uint8_t *frame, uint32_t room)
{
	if (trouble.silent || trouble.busy) {
		if (!trouble.silent)
			trouble.busy--;
		body.stats.busy++;
		memset(frame, 0, room);
		return true;
	}
	if (trouble.garbage) {
		trouble.garbage--;
		while (room--)
			*frame++ = (uint8_t)random32();
		return true;
	}
	return false;
}

void body_message(uint16_t sender, uint8_t *frame, uint32_t room)
{
	body.stats.messages++;
	if (mistreated(frame, room))
		return;
	/* Who agreed with room for 112 bytes cannot be answered in 40. */
	body.room = room;
	body.reply_len = 0;
	dispatch(sender, frame);
	misshape(body.reply);
	if (body.reply_len > room)
		body.reply_len = room;
	memset(frame, 0, room);
	memcpy(frame, body.reply, body.reply_len);
	body_run();
}

static bool is_private(const uint8_t *frame)
{
	return frame[0] & VIRTIO_MSG_TYPE_BUS && frame[1] >= VIRTIO_MSG_IMPL_REQUEST_BASE;
}

/* A message that is not answered by the call that brings it. */
int body_indirect(uint16_t sender, const uint8_t *frame, uint32_t len)
{
	body.stats.messages++;
	if (trouble.silent || trouble.busy) {
		if (!trouble.silent)
			trouble.busy--;
		body.stats.busy++;
		return FFA_BUSY;
	}
	if (body.indirect && !is_private(frame)) {
		if (!vmsg_bus_can_receive(&body.bus))
			return FFA_BUSY;
		vmsg_bus_receive(&body.bus, frame, len);
	} else {
		body.reply_len = 0;
		dispatch(sender, frame);
		memset(body.reply + body.reply_len, 0, sizeof(body.reply) - body.reply_len);
		if (home.send(body.reply, INDIRECT_SIZE))
			say("an answer is lost, message", frame[1]);
	}
	body_run();
	return 0;
}

/* Any processor, at any time: the work is done when body_run() has its turn. */
void body_doorbell(void)
{
	__atomic_store_n(&body.kicked, true, __ATOMIC_RELAXED);
	home.alarm(0);
}

/* Time for what nobody has called us for. */
void body_alarm(void)
{
	body.stats.alarms++;
	if (trouble.storm && body.method == METHOD_NOTIFICATION) {
		trouble.storm--;
		notify();
		home.alarm(1);
	}
	if (trouble.silent)
		return;
	body_run();
}

void body_init(void)
{
	struct vmsg_bus *bus = &body.bus;

	bus->frame = frames;
	bus->frame_size = FRAME_SIZE;
	bus->backlog = backlog;
	bus->backlog_slots = BACKLOG;
	bus->random = random32();
	/* Descriptors hold wire addresses, never Linux's own. */
	bus->require = VMSG_F_VERSION_1 | VMSG_F_ACCESS_PLATFORM;
	use_areas();
	devices_init(bus);
}

/* ------------------------------------------------- what control.c may ask for */

/* As if the partition had died and were started anew. */
void body_forget(void)
{
	forget(false);
}

void body_event_reset(void)
{
	body.event_reset = body.agreed;
	if (body.method == METHOD_NOTIFICATION)
		notify();
}

/* Return: whether there is an area. */
bool body_event_release(void)
{
	unsigned int i;

	for (i = 0; i < AREA_SLOTS; i++)
		if (body.slots[i].used && body.slots[i].id) {
			body.event_release = i + 1;
			if (body.method == METHOD_NOTIFICATION)
				notify();
			return true;
		}
	return false;
}
