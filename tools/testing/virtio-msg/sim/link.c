// SPDX-License-Identifier: GPL-2.0-only
/*
 * Two links: one that carries frames, and loses, doubles, delays, reorders and
 * changes them; and the real shared-memory segment of seglink.c, with doorbells
 * that get lost and memory that somebody scribbles over. And the device side at
 * their other end, which can be killed between any two of its steps.
 */
#include "sim.h"

#define FIFO_ROOM	32
#define MAX_OUTSTANDING	65536

struct sim_bus sim_buses[SIM_BUSES];

static bool happens(u32 of)
{
	return of && !shim_rnd(of);
}

/* Everything that calls the core on behalf of the transport counts itself. */
static bool no_calls(void *arg)
{
	struct sim_bus *b = arg;

	return !b->calls && !b->receiving;
}

/* ------------------------------------------------------------- transactions */

/* I3: what may still be answered is not asked again. */
static void note_request(struct sim_bus *b, const void *frame, size_t len)
{
	const struct vmsg_wire *w = b->bus->engine.wire;
	struct vmsg_pdu pdu;
	u32 i;

	if (!w || vmsg_pdu_get(w, frame, len, &pdu))
		return;
	if (pdu.hdr.type & VIRTIO_MSG_TYPE_RESPONSE || (pdu.hdr.msg_id & 0x40))
		return;
	if (w->xid_bits)
		SHIM_MUST(pdu.hdr.xid >= (w->xid_bits == 16 ? 2 : 1));
	else
		return;
	for (i = 0; i < b->num_outstanding; i++)
		SHIM_MUST(b->outstanding[i] != pdu.hdr.xid);
	if (b->num_outstanding < MAX_OUTSTANDING)
		b->outstanding[b->num_outstanding++] = pdu.hdr.xid;
}

static void note_response(struct sim_bus *b, const void *frame, size_t len)
{
	const struct vmsg_wire *w = b->bus->engine.wire;
	struct vmsg_pdu pdu;
	u32 i;

	/* A 32-bit ID does not come back in this life. */
	if (!w || w->xid_bits != 16 || vmsg_pdu_get(w, frame, len, &pdu) ||
	    !(pdu.hdr.type & VIRTIO_MSG_TYPE_RESPONSE))
		return;
	for (i = 0; i < b->num_outstanding; i++)
		if (b->outstanding[i] == pdu.hdr.xid)
			b->outstanding[i] = b->outstanding[--b->num_outstanding];
}

/* -------------------------------------------------------------- frames */

static void deliver(void *arg);
static void arrive(void *arg);

static void put_one(struct sim_bus *b, struct sim_fifo *q, bool to_driver,
		    const void *data, u32 len)
{
	struct sim_frame *f = malloc(sizeof(*f) + len), **p = &q->first;
	u64 delay = 1000 + shim_rnd(100000);
	u32 place, i;

	f->link = b->link;
	f->len = len;
	memcpy(f->data, data, len);
	if (happens(b->now.corrupt) && len) {
		b->tainted = true;
		sim_totals.corrupted++;
		if (shim_chance(1, 4))
			f->len = shim_rnd(len + 1);
		else
			f->data[shim_rnd(len)] ^= 1 + shim_rnd(255);
	}
	if (happens(b->now.late)) {
		sim_totals.late++;
		delay += (u64)b->timeout * SIM_MS * shim_rnd(200) / 100;
	}
	/* In order, unless it overtakes. */
	place = q->count;
	if (happens(b->now.reorder))
		place = shim_rnd(q->count + 1);
	for (i = 0; i < place; i++)
		p = &(*p)->next;
	f->next = *p;
	*p = f;
	q->count++;
	q->last = max(q->last, shim_now() + delay);
	shim_after(q->last - shim_now(), to_driver ? "frame for the driver" :
		   "frame for the peer", SHIM_IRQ, to_driver ? deliver : arrive, b);
}

static void put(struct sim_bus *b, bool to_driver, const void *data, u32 len)
{
	struct sim_fifo *q = to_driver ? &b->to_driver : &b->to_peer;

	sim_totals.frames++;
	if (happens(b->now.dup)) {
		sim_totals.duplicated++;
		put_one(b, q, to_driver, data, len);
	}
	put_one(b, q, to_driver, data, len);
}

static struct sim_frame *pop(struct sim_fifo *q)
{
	struct sim_frame *f = q->first;

	if (f) {
		q->first = f->next;
		q->count--;
	}
	return f;
}

static void empty(struct sim_fifo *q)
{
	struct sim_frame *f;

	while ((f = pop(q)))
		free(f);
}

/* A frame has come to the driver's end. One context at a time receives. */
static void deliver(void *arg)
{
	struct sim_bus *b = arg;
	struct sim_frame *f;

	b->to_driver.due++;
	if (b->receiving)
		return;
	b->receiving = true;
	while (b->to_driver.due) {
		b->to_driver.due--;
		f = pop(&b->to_driver);
		/* What is left of an earlier link is not received any more. */
		if (f && b->started && f->link == b->link) {
			note_response(b, f->data, f->len);
			virtio_msg_rx(b->bus, f->data, f->len);
		}
		free(f);
	}
	b->receiving = false;
}

/* And to the device side's: its own context takes it. */
static void arrive(void *arg)
{
	struct sim_bus *b = arg;

	b->to_peer.due++;
}

static void space(void *arg)
{
	struct sim_bus *b = arg;

	if (b->started) {
		b->blocked = false;
		virtio_msg_tx_space(b->bus);
	}
	b->calls--;
}

static void announce_space(struct sim_bus *b)
{
	if (!b->blocked || !b->started)
		return;
	b->calls++;
	shim_after(1000 + shim_rnd(50000), "space", SHIM_IRQ, space, b);
}

static void overrun(void *arg)
{
	struct sim_bus *b = arg;

	if (b->started && b->up)
		virtio_msg_rx_overrun(b->bus);
	b->calls--;
}

/* May it be lost? What nobody asks again is not, or the loss is announced. */
static bool lose_frame(struct sim_bus *b, const void *frame, u32 len, bool to_driver)
{
	const struct vmsg_wire *w = b->bus ? b->bus->engine.wire : NULL;
	const u8 *p = frame;

	if (!w || len < 2 || !happens(b->now.drop))
		return false;
	if (p[0] & VIRTIO_MSG_TYPE_RESPONSE || !(p[1] & 0x40)) {
		sim_totals.dropped++;
		return true;
	}
	/* An event. For lost hotplug the script scans at the end. */
	if (!to_driver)
		return false;
	sim_totals.dropped++;
	b->calls++;
	shim_after(1000 + shim_rnd(SIM_MS), "overrun", SHIM_IRQ, overrun, b);
	return true;
}

static int frames_start(struct virtio_msg_bus *bus)
{
	struct sim_bus *b = virtio_msg_bus_priv(bus);

	b->started = true;
	b->wants_up = true;
	b->continues = false;
	sim_link_try_up(b);
	return 0;
}

static void frames_stop(struct virtio_msg_bus *bus)
{
	struct sim_bus *b = virtio_msg_bus_priv(bus);

	b->started = false;
	b->up = false;
	b->link++;
	b->cmd_down = true;
	shim_block(no_calls, b, SHIM_FOREVER);
}

static int frames_send(struct virtio_msg_bus *bus, const void *frame, size_t len)
{
	struct sim_bus *b = virtio_msg_bus_priv(bus);

	if (!(b->desc.flags & VIRTIO_MSG_T_ATOMIC_SEND) && shim_chance(1, 4))
		shim_sleep(shim_rnd(20000));
	shim_point();
	if (!b->up)
		return -ENOTCONN;
	if (b->to_peer.count >= FIFO_ROOM || happens(b->now.full)) {
		b->blocked = true;
		/* Else the peer says so when it has taken some. */
		if (b->to_peer.count < FIFO_ROOM)
			announce_space(b);
		return -EAGAIN;
	}
	note_request(b, frame, len);
	if (!lose_frame(b, frame, len, false))
		put(b, false, frame, len);
	return 0;
}

static void frames_lost(struct virtio_msg_bus *bus)
{
	struct sim_bus *b = virtio_msg_bus_priv(bus);

	/* Who was given up for no reason has to begin anew, too. */
	if (b->up) {
		b->up = false;
		b->link++;
		b->cmd_down = true;
	}
	b->wants_up = true;
	b->continues = false;
	sim_link_try_up(b);
}

static const struct virtio_msg_transport_ops frames_ops = {
	.start = frames_start,
	.stop = frames_stop,
	.send = frames_send,
	.lost = frames_lost,
};

/* The device side says that it is ready; the driver is told. */
static void notify_up(void *arg)
{
	struct sim_bus *b = arg;
	struct virtio_msg_link link = {
		.max_msg_size = b->max_msg,
		.peer = ~0U,
		.window = {
			.va = b->cfg.mem,
			.phys = (unsigned long)b->cfg.mem,
			.size = b->cfg.size,
			.wire = (u64)VIRTIO_MSG_AREA_SEGMENT << VIRTIO_MSG_AREA_SHIFT,
		},
		.shm_phys = ~(phys_addr_t)0,
		.may_return = b->may_return,
		.continues = b->continues,
	};
	bool now = b->notify == b->link;

	link.wire = b->wire;
	/* It has come, whether somebody is there to hear of it or not. */
	if (now)
		b->notify = 0;
	if (b->started && !b->up && b->alive && now) {
		b->up = true;
		sim_totals.links++;
		virtio_msg_peer_up(b->bus, &link);
	}
	b->calls--;
}

void sim_link_try_up(struct sim_bus *b)
{
	if (b->seg || !b->started || !b->alive || b->up || b->cmd_up || !b->wants_up)
		return;
	b->wants_up = false;
	/* It is on its way: another link would take away what is sent on this one. */
	if (b->link && b->notify == b->link)
		return;
	b->cmd_up = true;
}

void sim_link_clear(struct sim_bus *b)
{
	empty(&b->to_peer);
	empty(&b->to_driver);
	b->to_peer.due = 0;
}

/* ------------------------------------------------------------- segment */

static void doorbell(void *arg)
{
	struct sim_bus *b = arg;

	b->to_driver.due++;
	if (b->receiving)
		return;
	b->receiving = true;
	while (b->to_driver.due) {
		b->to_driver.due = 0;
		/* Its handler is requested when it is registered. */
		if (b->started && b->segment)
			virtio_msg_segment_interrupt(b->segment);
	}
	b->receiving = false;
}

void sim_peer_ring(unsigned int n)
{
	struct sim_bus *b = &sim_buses[n];

	if (!b->started || happens(b->now.drop))
		return;
	shim_after(1000 + shim_rnd(50000), "doorbell", SHIM_IRQ, doorbell, b);
}

static void peer_doorbell(void *arg)
{
	struct sim_bus *b = arg;

	b->rung = true;
}

static void ring_peer(void *priv, u16 peer)
{
	struct sim_bus *b = priv;

	(void)peer;
	if (happens(b->now.drop))
		return;
	shim_after(1000 + shim_rnd(50000), "doorbell for the peer", SHIM_IRQ,
		   peer_doorbell, b);
}

/* Somebody writes where he should not. */
void sim_scribble(struct sim_bus *b)
{
	u32 span = shim_chance(1, 2) ? 8192 : b->cfg.size;
	u32 n = 1 + shim_rnd(8);

	b->tainted = true;
	sim_totals.corrupted++;
	while (n--)
		b->cfg.mem[shim_rnd(span)] = shim_rnd(256);
}

/* --------------------------------------------------------- device side */

void sim_peer_log(unsigned int n, int dev, const char *what, uint32_t value)
{
	sim_log(&sim_buses[n], "peer, device %d: %s %u", dev, what, value);
}

int sim_peer_send(unsigned int n, const void *frame, uint32_t len)
{
	struct sim_bus *b = &sim_buses[n];

	if (b->to_driver.count >= FIFO_ROOM)
		return -EAGAIN;
	if (!lose_frame(b, frame, len, true))
		put(b, true, frame, len);
	return 0;
}

static u32 take(u32 *cmd)
{
	u32 v = *cmd;

	*cmd = 0;
	return v;
}

static bool commands(struct sim_bus *b)
{
	u32 unplug, plug, config, broken, ping;
	bool any = false;
	unsigned int i;

	if (b->cmd_stop) {
		b->cmd_stop = false;
		peer_stop(b->n);
		return true;
	}
	if (b->cmd_down) {
		b->cmd_down = false;
		sim_link_clear(b);
		peer_link_down(b->n);
		any = true;
	}
	if (b->cmd_up) {
		b->cmd_up = false;
		b->link++;
		sim_link_clear(b);
		b->num_outstanding = b->wire == VIRTIO_MSG_WIRE_XID32 ?
				     b->num_outstanding : 0;
		peer_link_down(b->n);
		peer_link_up(b->n);
		b->calls++;
		b->notify = b->link;
		shim_after(1000 + shim_rnd(2 * SIM_MS), "peer up", SHIM_IRQ, notify_up, b);
		any = true;
	}
	/* Others may follow meanwhile. */
	unplug = take(&b->cmd_unplug);
	plug = take(&b->cmd_plug);
	config = take(&b->cmd_config);
	broken = take(&b->cmd_break);
	ping = take(&b->cmd_ping);
	for (i = 0; i < PEER_DEVS; i++) {
		if (unplug >> i & 1)
			peer_unplug(b->n, i);
		if (plug >> i & 1 && !peer_plug(b->n, i, b->cfg.identity[i]))
			b->cmd_plug |= 1 << i;
		if (config >> i & 1)
			peer_config_changed(b->n, i);
		if (broken >> i & 1)
			peer_break(b->n, i);
	}
	if (ping)
		peer_ping(b->n, ping);
	return any || unplug || plug || config || broken || ping;
}

static bool peer_has_work(void *arg)
{
	struct sim_bus *b = arg;

	return b->to_peer.due || b->rung || b->cmd_up || b->cmd_down || b->cmd_stop ||
	       b->cmd_plug || b->cmd_unplug || b->cmd_config || b->cmd_break ||
	       b->cmd_ping;
}

static void frames_peer(struct sim_bus *b)
{
	struct sim_frame *f;

	for (;;) {
		commands(b);
		while (b->to_peer.due && (!b->to_peer.first || peer_can_receive(b->n) ||
					  b->to_peer.first->link != b->link)) {
			b->to_peer.due--;
			f = pop(&b->to_peer);
			if (b->blocked && b->to_peer.count < FIFO_ROOM / 2)
				announce_space(b);
			if (f && f->link == b->link && peer_can_receive(b->n))
				peer_receive(b->n, f->data, f->len);
			free(f);
		}
		while (peer_run(b->n))
			;
		/* The time is for what waits for room. */
		shim_block(peer_has_work, b, shim_now() + 10 * SIM_MS);
	}
}

static void segment_peer(struct sim_bus *b)
{
	unsigned int ms;

	for (;;) {
		commands(b);
		b->rung = false;
		ms = peer_poll(b->n, shim_now() / SIM_MS);
		if (ms)
			shim_block(peer_has_work, b, shim_now() + ms * SIM_MS);
		else
			shim_sleep(1000);
	}
}

static void peer_main(void *arg)
{
	struct sim_bus *b = arg;

	if (b->seg)
		segment_peer(b);
	else
		frames_peer(b);
}

void sim_peer_start(struct sim_bus *b, bool format)
{
	SHIM_MUST(!b->alive);
	b->cfg.format = format;
	b->cfg.continues = b->continues && !format;
	b->cfg.random = get_random_u32();
	b->cmd_up = false;
	b->cmd_down = false;
	b->cmd_stop = false;
	b->cmd_plug = 0;
	b->cmd_unplug = 0;
	b->cmd_config = 0;
	b->cmd_break = 0;
	b->cmd_ping = 0;
	peer_boot(b->n, &b->cfg, shim_now() / SIM_MS);
	b->alive = true;
	shim_spawn("peer", SHIM_PEER(b->n), peer_main, b);
	sim_link_try_up(b);
}

/* Between any two of its steps. */
void sim_peer_kill(struct sim_bus *b)
{
	shim_kill_peer(b->n);
	b->alive = false;
	b->cmd_up = false;
	b->link++;
	sim_totals.restarts++;
}

/* The transport has noticed. */
void sim_peer_lose(struct sim_bus *b, bool away)
{
	if (b->seg || !b->started)
		return;
	if (b->up) {
		b->up = false;
		b->link++;
	}
	b->calls++;
	if (away) {
		virtio_msg_peer_away(b->bus, "it was killed");
		/* No lost() follows if its devices wait. */
		b->wants_up = true;
	} else {
		virtio_msg_peer_lost(b->bus, "it was killed");
		/* Or after lost(), which comes in any case. */
		if (shim_chance(1, 3))
			b->wants_up = true;
	}
	b->calls--;
}

/* ------------------------------------------------------------ transport */

void sim_link_bind(struct sim_bus *b)
{
	struct virtio_msg_segment_desc seg = {
		.name = "segment",
		.va = b->cfg.mem,
		.phys = (unsigned long)b->cfg.mem,
		.size = b->cfg.size,
		.own_peer = 2,
		.wire_mask = 0xf,
		.ring = ring_peer,
		.priv = b,
	};
	struct virtio_msg_segment *link;
	struct virtio_msg_bus *bus;
	int ret;

	device_initialize(&b->parent);
	b->parent.release = NULL;
	b->num_outstanding = 0;
	b->blocked = false;
	vmsg_timeout_ms = b->timeout;
	vmsg_keepalive_ms = 4 * b->timeout;
	vmsg_recover_s = b->may_return;
	if (b->seg) {
		b->started = true;
		b->segment = NULL;
		do {
			link = virtio_msg_segment_register(&b->parent, &seg);
			/* For lack of memory, if they fail. */
			SHIM_MUST(!IS_ERR(link) || b->now.nomem);
		} while (IS_ERR(link));
		b->segment = link;
		/* Its tracepoint has told. */
		SHIM_MUST(virtio_msg_bus_priv(b->bus) == b->segment);
		return;
	}
	b->desc.name = "frames";
	b->desc.ops = &frames_ops;
	b->desc.max_inflight = 8;
	b->desc.request_timeout_ms = b->timeout;
	do {
		bus = virtio_msg_bus_alloc(&b->parent, &b->desc, b);
		SHIM_MUST(!IS_ERR(bus) || b->now.nomem);
	} while (IS_ERR(bus));
	b->bus = bus;
	ret = virtio_msg_bus_register(b->bus);
	SHIM_MUST(!ret);
}

static bool no_users(void *arg)
{
	return !((struct sim_bus *)arg)->users;
}

void sim_link_unbind(struct sim_bus *b)
{
	b->closing = true;
	if (b->seg) {
		virtio_msg_segment_stop(b->segment);
		b->started = false;
		/* As free_irq() does. */
		shim_block(no_calls, b, SHIM_FOREVER);
	} else {
		virtio_msg_bus_unregister(b->bus);
	}
	/* Its last transactions have ended. */
	shim_block(no_users, b, SHIM_FOREVER);
	sim_totals.resumed += atomic64_read(&b->bus->stats.c[VMSG_C_RESUMED]);
	sim_totals.replayed += atomic64_read(&b->bus->stats.c[VMSG_C_REPLAYED]);
	sim_totals.drained += atomic64_read(&b->bus->stats.c[VMSG_C_DRAINED]);
	sim_totals.timeouts += atomic64_read(&b->bus->stats.c[VMSG_C_TIMEOUT]);
	if (b->seg)
		virtio_msg_segment_free(b->segment);
	else
		virtio_msg_bus_put(b->bus);
	b->bus = NULL;
	b->segment = NULL;
	b->closing = false;
}
