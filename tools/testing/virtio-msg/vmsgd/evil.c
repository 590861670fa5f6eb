// SPDX-License-Identifier: GPL-2.0-only
/*
 * vmsgd: a device side that is wrong or hostile, on purpose
 *
 * It stands between the bus and its link, and so sees each answer before it
 * leaves, and each chain before a device does.  One behaviour is on at a time,
 * about one device, the victim; what the others say is true.  Beside what it
 * does it keeps books: by how much each counter of the driver side must have
 * moved, so that a test can tell a rejection from luck.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "evil.h"

#define TICK_MS		5
#define PER_TICK	8
#define MAX_FRAME	1024
#define MAX_HELD	64

struct evil evil;

static struct vmsg_link_ops ops;
static struct timer tick_timer;
static uint64_t low[EC_COUNT], high[EC_COUNT];

static const char *const counter_names[EC_COUNT] = {
	[EC_MALFORMED] = "rx_malformed",
	[EC_UNKNOWN_ID] = "rx_unknown_id",
	[EC_LATE] = "rx_late",
	[EC_MISMATCH] = "rx_mismatch",
	[EC_UNEXPECTED] = "rx_unexpected",
	[EC_STALE_EVENT] = "rx_stale_event",
	[EC_TIMEOUT] = "timeout",
	[EC_BROKEN] = "broken",
	[EC_PEER_LOST] = "peer_lost",
};

/* Answers that are to come later. */
static struct held {
	uint64_t due;
	uint32_t len;
	uint8_t frame[MAX_FRAME];
} held[MAX_HELD];

static unsigned int nheld;

/* ----------------------------------------------------- for behaviours */

uint32_t evil_random(void)
{
	evil.rnd ^= evil.rnd << 13;
	evil.rnd ^= evil.rnd >> 7;
	evil.rnd ^= evil.rnd << 17;
	return (uint32_t)(evil.rnd >> 16);
}

/* Once more?  Then it is counted. */
bool evil_more(void)
{
	if (evil.b->limit && evil.done >= evil.b->limit)
		return false;
	evil.done++;
	return true;
}

/* An answer about the victim that grants what was asked for. */
bool evil_about(const struct vmsg_hdr *h, uint8_t msg_id)
{
	return !(h->type & VIRTIO_MSG_TYPE_BUS) && h->dev_num == evil.dev &&
	       h->msg_id == msg_id && !h->result;
}

struct vmsg_dev *evil_victim(void)
{
	return vmsg_bus_find(&bus, evil.dev);
}

void evil_book(enum evil_counter c, uint64_t n)
{
	low[c] += n;
	evil_may(c, n);
}

void evil_may(enum evil_counter c, uint64_t n)
{
	if (high[c] != UINT64_MAX)
		high[c] += n;
}

void evil_any(enum evil_counter c)
{
	high[c] = UINT64_MAX;
}

/* The victim may go: then nobody waits any more for the answers that it still gives. */
void evil_leaves(void)
{
	evil_any(EC_UNKNOWN_ID);
}

/* The victim may break so often; then it goes, and is looked at again. */
void evil_breaks(uint64_t most)
{
	if (most == UINT64_MAX)
		evil_any(EC_BROKEN);
	else
		evil_may(EC_BROKEN, most);
	evil_leaves();
}

/* A frame of our own; @h->size stands as it is.  False if there is no room. */
bool evil_send(const struct vmsg_hdr *h, const void *payload, uint32_t len)
{
	unsigned int hl = vmsg_hdr_len(bus.wire);
	uint8_t frame[MAX_FRAME];

	/* Behind what waits, for the order counts. */
	if (!bus.up || bus.backlog_count || hl + len > sizeof(frame))
		return false;
	vmsg_hdr_put(bus.wire, frame, h);
	if (len)
		memcpy(frame + hl, payload, len);
	return !evil.real->send(&bus, frame, hl + len);
}

/* An event with up to two words. */
bool evil_event(uint8_t type, uint8_t msg_id, uint16_t dev, uint32_t a, uint32_t b,
		uint32_t len)
{
	struct vmsg_hdr h = {
		.type = type,
		.msg_id = msg_id,
		.dev_num = dev,
		.size = (uint16_t)(vmsg_hdr_len(bus.wire) + len),
	};
	uint8_t p[16] = { 0 };

	vmsg_put32(p, a);
	vmsg_put32(p + 4, b);
	return evil_send(&h, p, len);
}

void evil_hold(const struct vmsg_hdr *h, const uint8_t *p, uint32_t len,
	       unsigned int ms)
{
	unsigned int hl = vmsg_hdr_len(bus.wire);
	struct held *e = &held[nheld];

	if (nheld == MAX_HELD || hl + len > MAX_FRAME)
		return;
	vmsg_hdr_put(bus.wire, e->frame, h);
	memcpy(e->frame + hl, p, len);
	e->len = hl + len;
	e->due = now_ms() + ms;
	nheld++;
}

void evil_ring(void)
{
	if (seg.doorbell)
		seg.doorbell(&seg, seg.driver_peer);
}

/* ------------------------------------------------------ in between */

static void release_held(void)
{
	unsigned int i, left = 0;

	for (i = 0; i < nheld; i++) {
		if (held[i].due <= now_ms() &&
		    (!bus.up || !evil.real->send(&bus, held[i].frame, held[i].len)))
			continue;
		held[left++] = held[i];
	}
	nheld = left;
}

static int on_send(struct vmsg_bus *b, const uint8_t *frame, uint32_t len)
{
	unsigned int hl = vmsg_hdr_len(b->wire);
	uint8_t copy[MAX_FRAME];
	struct vmsg_hdr h;
	int ret;

	vmsg_hdr_get(b->wire, frame, &h);
	if (!evil.n || !(h.type & VIRTIO_MSG_TYPE_RESPONSE) || len > sizeof(copy))
		return evil.real->send(b, frame, len);
	memcpy(copy, frame, len);
	if (evil.b->answer && !evil.b->answer(&h, copy + hl, len - hl))
		return 0;
	vmsg_hdr_put(b->wire, copy, &h);
	if (h.size >= hl && h.size <= sizeof(copy))
		len = h.size;
	ret = evil.real->send(b, copy, len);
	if (!ret) {
		evil.xid = h.xid;
		if (evil.b->sent)
			evil.b->sent(&h);
	}
	return ret;
}

static bool on_popped(struct vmsg_vq *vq, struct vmsg_chain *chain)
{
	if (evil.n && evil.b->popped && vq->dev->num == evil.dev)
		return evil.b->popped(vq, chain);
	return !evil.real->popped || evil.real->popped(vq, chain);
}

static bool on_push(struct vmsg_vq *vq, const struct vmsg_chain *chain, uint32_t len)
{
	static bool inside;
	bool done = false;

	/* A behaviour may give chains back itself. */
	if (evil.n && evil.b->push && vq->dev->num == evil.dev && !inside) {
		inside = true;
		done = evil.b->push(vq, chain, len);
		inside = false;
	}
	return done || (evil.real->push && evil.real->push(vq, chain, len));
}

static void on_tick(struct timer *t)
{
	unsigned int i;

	release_held();
	/* What is held comes when it is due, also after the end of it. */
	if (evil.n || nheld)
		timer_arm(t, TICK_MS);
	for (i = 0; evil.n && evil.b->tick && i < PER_TICK; i++)
		evil.b->tick();
}

static void install(void)
{
	if (evil.real)
		return;
	evil.real = bus.link;
	ops = *evil.real;
	ops.send = on_send;
	ops.popped = on_popped;
	ops.push = on_push;
	bus.link = &ops;
	tick_timer.fn = on_tick;
}

/* --------------------------------------------------------- on and off */

static const struct behaviour *find(unsigned long n)
{
	size_t m = sizeof(evil_messages) / sizeof(evil_messages[0]);
	size_t q = sizeof(evil_memory) / sizeof(evil_memory[0]);

	if (n - 1 < m)
		return &evil_messages[n - 1];
	return n - 1 - m < q ? &evil_memory[n - 1 - m] : NULL;
}

static void off(void)
{
	if (!evil.n)
		return;
	if (evil.b->end)
		evil.b->end();
	evil.n = 0;
}

/**
 * evil_set - turn a behaviour on, or off
 * @arg: "N[,SEED[,DEVICE]]"; N is 0 to turn it off
 * @err: receives what is wrong
 *
 * What was booked stays until the next one is turned on.
 */
bool evil_set(const char *arg, char **err)
{
	unsigned long long v[3] = { 0, 1, 1 };
	const struct behaviour *b;
	const char *p = arg;
	char *end;
	int i;

	for (i = 0; i < 3; i++) {
		v[i] = strtoull(p, &end, 0);
		if (end == p || (*end && *end != ','))
			break;
		p = end + 1;
		if (!*end)
			break;
	}
	if (i == 3 || *end || end == p || v[2] > 0xffff) {
		*err = xasprintf("evil '%s': it must be N[,SEED[,DEVICE]], with numbers",
				 arg);
		return false;
	}
	off();
	if (!v[0])
		return true;
	b = find((unsigned long)v[0]);
	if (!b) {
		*err = xasprintf("evil %llu: there are 1 to 40, and 0 for none", v[0]);
		return false;
	}
	if (b->segment && !seg.mem) {
		*err = xasprintf("evil %llu: %s: it needs a segment, as ivshmem has",
				 v[0], b->name);
		return false;
	}
	if (wires != 1U << VIRTIO_MSG_WIRE_XID32) {
		*err = xasprintf("evil %llu: the forms of messages that it knows are those of xid32: use --wire xid32",
				 v[0]);
		return false;
	}
	install();
	memset(low, 0, sizeof(low));
	memset(high, 0, sizeof(high));
	/*
	 * Whoever tests drivers takes theirs away, and what is true of used buffers may
	 * come just after that.
	 */
	evil_any(EC_STALE_EVENT);
	evil.b = b;
	evil.seed = v[1];
	evil.rnd = (v[1] + 1) * 0x9e3779b97f4a7c15ULL | 1;
	evil.dev = (uint16_t)v[2];
	evil.done = 0;
	if (b->begin && !b->begin()) {
		*err = xasprintf("evil %llu: %s: no memory or no process for it", v[0],
				 b->name);
		return false;
	}
	evil.n = (unsigned int)v[0];
	timer_arm(&tick_timer, TICK_MS);
	info("evil %u, seed %llu, device %u: %s", evil.n, v[1], evil.dev, b->name);
	return true;
}

/**
 * evil_print - what was done, and what of it has to be in the driver's counters
 * @f: where to
 *
 * A line "injected N", then lines "COUNTER AT-LEAST AT-MOST", "-" for no limit.
 */
void evil_print(FILE *f)
{
	int c;

	fprintf(f, "injected %llu\n", (unsigned long long)evil.done);
	for (c = 0; c < EC_COUNT; c++) {
		fprintf(f, "%s %llu ", counter_names[c], (unsigned long long)low[c]);
		if (high[c] == UINT64_MAX)
			fputs("-\n", f);
		else
			fprintf(f, "%llu\n", (unsigned long long)high[c]);
	}
}

void evil_help(FILE *f)
{
	unsigned long n;

	fputs("Evil behaviours, for tests of drivers:\n\n", f);
	for (n = 1; find(n); n++)
		fprintf(f, "  %2lu  %s\n", n, find(n)->name);
	fputc('\n', f);
}
