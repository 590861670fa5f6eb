// SPDX-License-Identifier: GPL-2.0-only
/*
 * Fuzz the whole core: transactions, bus, devices, configuration, queues, window,
 * with drivers above and the bench's own device side below. The input decides what
 * becomes of what the device side says, what else comes, and in which order all
 * happens; where it ends everybody is honest, and the bus is unregistered. Whatever
 * came before: it does not hang, it does not read or write where it must not, and
 * no byte of memory is left.
 *
 * Built with FUZZ_SHM the link is memory (a segment, or raw SPSC pages), and loads
 * of what the peer can write are answered with bytes of the input. Else it carries
 * frames, and these are changed.
 */
#include "core.h"
#include "fuzz.h"
#include "../sim/peer.h"
#include "spsc.h"

#define FRAME_MAX	1024
#define MAX_OPS		48
#define MAX_STEPS	4000000ULL
#define FIFO_ROOM	64
#define SPSC_SIZE	1024
#define SHARE_SLOTS	16

#ifdef FUZZ_SHM
#define SHM	true
#else
#define SHM	false
#endif

/* What main.c of the module has. */
struct workqueue_struct *vmsg_wq;
struct workqueue_struct *vmsg_cpu_wq;
unsigned int vmsg_timeout_ms = 200;
unsigned int vmsg_max_devices = 64;
unsigned int vmsg_keepalive_ms = 800;
unsigned int vmsg_recover_s = 1;

enum link_kind { FRAMES, SEGMENT, SPSC };

struct frame {
	struct frame *next;
	unsigned int link;
	u32 len;
	u8 bytes[FRAME_MAX];
};

struct fifo {
	struct frame *first, *last;
	unsigned int count;
};

static const u8 *in, *in_end;
static bool honest;		/* from here on nobody lies */
static bool done;
static enum link_kind kind;
static u8 *mem;
static u8 *disks[PEER_DEVS];
static struct peer_cfg cfg;
static struct device parent;
static struct virtio_msg_transport_desc desc;
static struct virtio_msg_bus *bus;
static struct virtio_msg_segment *segment;
static struct virtio_msg_spsc *spsc;
static unsigned int wire, max_msg, link_no;
static bool started, up, alive, rung, receiving, wants_up, may_return;
static bool again, want_link;
static unsigned int calls, refuse, cmds, pings;
static u32 cmd_arg;
static struct fifo to_peer, to_driver;
static u32 load_gap, load_mask;
static phys_addr_t shares[SHARE_SLOTS];

enum {
	CMD_UP = 1, CMD_PLUG = 2, CMD_UNPLUG = 4, CMD_CONFIG = 8, CMD_BREAK = 16,
	CMD_PING = 32
};

/* ----------------------------------------------------------------- input */

u8 tape(void)
{
	return !honest && in < in_end ? *in++ : 0;
}

u16 tape16(void)
{
	u16 lo = tape();

	return lo | tape() << 8;
}

u32 tape32(void)
{
	u32 lo = tape16();

	return lo | (u32)tape16() << 16;
}

bool tape_over(void)
{
	return honest || in >= in_end;
}

/* ------------------------------------------------------------ shared memory */

static bool shared_memory(const void *p, u64 len)
{
	u64 off = (const u8 *)p - mem;

	return (const u8 *)p >= mem && off < MEM_SIZE && len <= MEM_SIZE - off;
}

/* Bytes for the load of @size bytes where @v is; each time anew. */
static u64 lie(u64 v, unsigned int size)
{
	switch (tape() % 6) {
	case 0:
		return tape();
	case 1:
		return ~0ULL - tape();
	case 2:
		return tape32() | (u64)tape32() << 32;
	case 3:
		return v ^ 1ULL << tape() % (8 * size);
	case 4:
		return v + (s8)tape();
	default:
		return 0;
	}
}

/* Is it in the avail ring of a queue? Without a step to somebody else on the way. */
static bool in_avail(const void *p)
{
	const struct vmsg_track *t;
	struct vmsg_device *vd;
	unsigned int i, j;

	for (i = 0; bus && i < bus->slots.n; i++) {
		vd = ((struct vmsg_slot *)bus->slots.e[i].p)->vd;
		for (j = 0; vd && vd->vqs && j < vd->vqs->num; j++) {
			if (!vd->vqs->q[j])
				continue;
			t = &vd->vqs->q[j]->track;
			if (t->out && !t->packed &&
			    (unsigned long)p - (unsigned long)t->avail < 6 + 2 * t->num)
				return true;
		}
	}
	return false;
}

/* I5, for what the core has no use for but to check it: it is not loaded once more. */
static void check_again(const void *p)
{
	static const void *last;

	if (!in_avail(p))
		p = NULL;
	SHIM_MUST(!p || p != last);
	last = p;
}

u64 vmsg_shm_fuzz(const void *p, unsigned int size)
{
	u64 v = 0;

	shim_point();
	check_again(p);
	SHIM_MUST(shared_memory(p, size) && (unsigned long)p % size == 0);
	memcpy(&v, p, size);
	if (SHM && !tape_over() && !load_gap--) {
		load_gap = tape() & load_mask;
		v = lie(v, size);
	}
	return size == 8 ? v : v & ((1ULL << 8 * size) - 1);
}

void vmsg_shm_fuzz_copy(void *dst, const void *src, size_t len)
{
	shim_point();
	SHIM_MUST(shared_memory(src, len));
	memcpy(dst, src, len);
	if (SHM && !tape_over() && !load_gap--) {
		unsigned int n = 1 + tape() % 4;

		load_gap = tape() & load_mask;
		while (n-- && len)
			((u8 *)dst)[tape() % len] = tape();
	}
}

/* ---------------------------------------------------------------- frames */

static struct frame *push(struct fifo *q, const void *bytes, u32 len)
{
	struct frame *f = calloc(1, sizeof(*f));

	f->link = link_no;
	f->len = min_t(u32, len, FRAME_MAX);
	memcpy(f->bytes, bytes, f->len);
	if (q->first)
		q->last->next = f;
	else
		q->first = f;
	q->last = f;
	q->count++;
	return f;
}

static struct frame *pop(struct fifo *q)
{
	struct frame *f = q->first;

	if (f) {
		q->first = f->next;
		q->count--;
	}
	return f;
}

static void empty(struct fifo *q)
{
	struct frame *f;

	while ((f = pop(q)))
		free(f);
}

static void receive(const void *bytes, u32 len)
{
	/* In a block of just its size: an over-read shows. */
	u8 *exact = malloc(len ? len : 1);

	memcpy(exact, bytes, len);
	virtio_msg_rx(bus, exact, len);
	free(exact);
}

static void deliver(void *arg)
{
	struct frame *f;

	(void)arg;
	again = true;
	if (receiving)
		return;
	receiving = true;
	while (again) {
		again = false;
		if (!started)
			continue;
		if (kind == SEGMENT && segment)
			virtio_msg_segment_interrupt(segment);
		if (kind == SPSC && spsc)
			virtio_msg_spsc_interrupt(spsc);
		while ((f = pop(&to_driver))) {
			if (f->link == link_no)
				receive(f->bytes, f->len);
			free(f);
		}
	}
	receiving = false;
}

static void rx_soon(u64 ns)
{
	shim_after(1000 + ns, "receive", SHIM_IRQ, deliver, NULL);
}

/* One way or another it is not what the device side has said. */
static void mangle(struct frame *f)
{
	unsigned int n;

	switch (tape() % 8) {
	case 0:		/* bytes of the payload */
	case 1:
		for (n = 1 + tape() % 8; n; n--)
			f->bytes[8 + tape() % 56] = tape();
		break;
	case 2:		/* all of the payload */
		for (n = 8; n < f->len; n++)
			f->bytes[n] = tape();
		break;
	case 3:		/* bytes of the header */
		for (n = 1 + tape() % 3; n; n--)
			f->bytes[tape() % 12] = tape();
		break;
	case 4:		/* its length */
		f->len = tape16() % (FRAME_MAX + 1);
		break;
	case 5:		/* the length that it says */
		f->bytes[wire == VIRTIO_MSG_WIRE_RFC2 ? 4 : 6] = tape();
		break;
	case 6:		/* words that are numbers */
		n = 8 + 4 * (tape() % 12);
		f->bytes[n] = 0xff - tape();
		memset(f->bytes + n + 1, tape() & 1 ? 0xff : 0, 3);
		break;
	default:	/* a word is one more or less */
		f->bytes[8 + tape() % 56] += tape() & 1 ? 1 : -1;
	}
}

static void put_spsc(const u8 *frame, u32 len);

/* The device side says something. */
int sim_peer_send(unsigned int n, const void *frame, uint32_t len)
{
	struct frame *f;

	(void)n;
	if (kind == SPSC) {
		put_spsc(frame, len);
		return 0;
	}
	if (to_driver.count >= FIFO_ROOM)
		return -EAGAIN;
	switch (SHM ? 0 : tape() % 16) {
	case 9:		/* nothing */
		return 0;
	case 10:	/* twice */
		push(&to_driver, frame, len);
		break;
	case 11:	/* late */
		f = push(&to_driver, frame, len);
		rx_soon(tape() * 2 * MS);
		return 0;
	case 12:
	case 13:
	case 14:
	case 15:
		f = push(&to_driver, frame, len);
		mangle(f);
		rx_soon(0);
		return 0;
	}
	push(&to_driver, frame, len);
	rx_soon(shim_rnd(20000));
	return 0;
}

void sim_peer_ring(unsigned int n)
{
	(void)n;
	rx_soon(shim_rnd(20000));
}

void sim_peer_log(unsigned int n, int dev, const char *what, uint32_t value)
{
	(void)n;
	(void)dev;
	(void)what;
	(void)value;
}

/* --------------------------------------------------------- raw SPSC pages */

static u32 *page_word(unsigned int page, unsigned int off)
{
	return (u32 *)(mem + page * SPSC_SIZE + off);
}

#define SPSC_SLOTS_NUM	((SPSC_SIZE - VIRTIO_MSG_SPSC_SLOTS) / VIRTIO_MSG_SPSC_SLOT_SIZE)

static void put_spsc(const u8 *frame, u32 len)
{
	u32 head = *page_word(1, VIRTIO_MSG_SPSC_HEAD) % SPSC_SLOTS_NUM;
	u32 next = (head + 1) % SPSC_SLOTS_NUM;

	/* As known peers do: what does not fit is dropped. */
	if (next == *page_word(1, VIRTIO_MSG_SPSC_TAIL) || len > VIRTIO_MSG_SPSC_SLOT_SIZE)
		return;
	memcpy(mem + SPSC_SIZE + VIRTIO_MSG_SPSC_SLOTS + head * VIRTIO_MSG_SPSC_SLOT_SIZE,
	       frame, len);
	*page_word(1, VIRTIO_MSG_SPSC_HEAD) = next;
	rx_soon(shim_rnd(20000));
}

static bool get_spsc(u8 *frame)
{
	u32 tail = *page_word(0, VIRTIO_MSG_SPSC_TAIL) % SPSC_SLOTS_NUM;

	if (tail == *page_word(0, VIRTIO_MSG_SPSC_HEAD) || !peer_can_receive(0))
		return false;
	memcpy(frame, mem + VIRTIO_MSG_SPSC_SLOTS + tail * VIRTIO_MSG_SPSC_SLOT_SIZE,
	       VIRTIO_MSG_SPSC_SLOT_SIZE);
	*page_word(0, VIRTIO_MSG_SPSC_TAIL) = (tail + 1) % SPSC_SLOTS_NUM;
	return true;
}

/* --------------------------------------------------------------- the peer */

static void notify_up(void *arg)
{
	struct virtio_msg_link link = {
		.wire = wire,
		.max_msg_size = max_msg,
		.peer = ~0U,
		.window = {
			.va = mem,
			.phys = (unsigned long)mem,
			.size = MEM_SIZE,
			.wire = (u64)VIRTIO_MSG_AREA_SEGMENT << VIRTIO_MSG_AREA_SHIFT,
		},
		.shm_phys = (unsigned long)mem,
		.shm_size = MEM_SIZE,
		.may_return = may_return,
		.continues = may_return && arg,
	};

	if (started && !up && alive) {
		up = true;
		virtio_msg_peer_up(bus, &link);
	}
	calls--;
}

static void commands(void)
{
	unsigned int c = cmds;
	unsigned int dev = cmd_arg % PEER_DEVS;

	cmds = 0;
	if (c & CMD_UP) {
		link_no++;
		empty(&to_peer);
		peer_link_down(0);
		peer_link_up(0);
		if (kind == FRAMES) {
			calls++;
			shim_after(1000, "peer up", SHIM_IRQ, notify_up,
				   want_link ? &want_link : NULL);
		}
	}
	if (c & CMD_PLUG && !peer_plug(0, dev, 1 + (cmd_arg >> 4)))
		cmds |= CMD_PLUG;
	if (c & CMD_UNPLUG)
		peer_unplug(0, dev);
	if (c & CMD_CONFIG)
		peer_config_changed(0, dev);
	if (c & CMD_BREAK)
		peer_break(0, dev);
	if (c & CMD_PING)
		peer_ping(0, cmd_arg);
}

static bool peer_has_work(void *arg)
{
	(void)arg;
	return cmds || rung || to_peer.first;
}

static void peer_main(void *arg)
{
	u8 slot[VIRTIO_MSG_SPSC_SLOT_SIZE];
	struct frame *f;
	unsigned int ms = 10;

	(void)arg;
	for (;;) {
		commands();
		rung = false;
		switch (kind) {
		case SEGMENT:
			ms = peer_poll(0, shim_now() / MS);
			if (!ms)
				shim_sleep(1000);
			break;
		case SPSC:
			while (get_spsc(slot))
				peer_receive(0, slot, sizeof(slot));
			break;
		default:
			while (to_peer.first &&
			       (to_peer.first->link != link_no || peer_can_receive(0))) {
				f = pop(&to_peer);
				if (f->link == link_no)
					peer_receive(0, f->bytes, f->len);
				free(f);
			}
			/* It has no room for them: a while later. */
			if (to_peer.first)
				shim_sleep(MS);
		}
		if (kind != SEGMENT)
			while (peer_run(0))
				;
		if (ms)
			shim_block(peer_has_work, NULL, shim_now() + ms * MS);
	}
}

static void peer_start(bool format)
{
	cfg.format = format;
	cfg.random = get_random_u32();
	cmds = 0;
	peer_boot(0, &cfg, shim_now() / MS);
	alive = true;
	shim_spawn("peer", SHIM_PEER(0), peer_main, NULL);
	if (kind == SPSC || (kind == FRAMES && started && wants_up)) {
		wants_up = false;
		cmds = CMD_UP;
	}
}

static void peer_kill(void)
{
	shim_kill_peer(0);
	alive = false;
	link_no++;
}

/* ---------------------------------------------------------- the transport */

static void ask_up(void)
{
	if (alive)
		cmds |= CMD_UP;
	else
		wants_up = true;
}

static int frames_start(struct virtio_msg_bus *b)
{
	(void)b;
	started = true;
	ask_up();
	return 0;
}

static bool no_calls(void *arg)
{
	(void)arg;
	return !calls && !receiving;
}

static void frames_stop(struct virtio_msg_bus *b)
{
	(void)b;
	started = false;
	up = false;
	link_no++;
	shim_block(no_calls, NULL, SHIM_FOREVER);
}

static void space(void *arg)
{
	(void)arg;
	if (started)
		virtio_msg_tx_space(bus);
	calls--;
}

static int frames_send(struct virtio_msg_bus *b, const void *frame, size_t len)
{
	(void)b;
	if (!(desc.flags & VIRTIO_MSG_T_ATOMIC_SEND))
		shim_sleep(shim_rnd(20000));
	shim_point();
	if (!up)
		return -ENOTCONN;
	SHIM_MUST(len <= max_msg);
	if (refuse) {
		if (!--refuse && tape() & 1)
			return -EIO;
		calls++;
		shim_after(1000, "space", SHIM_IRQ, space, NULL);
		return -EAGAIN;
	}
	push(&to_peer, frame, len);
	return 0;
}

static void frames_lost(struct virtio_msg_bus *b)
{
	(void)b;
	up = false;
	link_no++;
	want_link = false;
	ask_up();
}

static void frames_share(struct virtio_msg_bus *b, u32 slot, phys_addr_t phys, bool write)
{
	(void)b;
	(void)write;
	SHIM_MUST(slot < SHARE_SLOTS && !shares[slot] && phys);
	shares[slot] = phys;
}

static bool frames_unshare(struct virtio_msg_bus *b, u32 slot, phys_addr_t phys)
{
	(void)b;
	SHIM_MUST(slot < SHARE_SLOTS && shares[slot] == phys);
	/* It may hold on to it; then nobody is let use that slot again. */
	if (tape() % 16 == 9)
		return false;
	shares[slot] = 0;
	return true;
}

static const struct virtio_msg_transport_ops frames_ops = {
	.share = frames_share,
	.unshare = frames_unshare,
	.start = frames_start,
	.stop = frames_stop,
	.send = frames_send,
	.lost = frames_lost,
};

static void ring_peer(void *priv, u16 peer)
{
	(void)priv;
	(void)peer;
	rung = true;
}

static void ring_spsc(void *priv)
{
	(void)priv;
	rung = true;
}

void shim_trace_vmsg_bus_state(struct virtio_msg_bus *b, unsigned int from,
			       unsigned int to);
void shim_trace_vmsg_bus_state(struct virtio_msg_bus *b, unsigned int from,
			       unsigned int to)
{
	/* So that one is known that somebody else makes and frees. */
	if (to == VMSG_BUS_STOPPED)
		bus = kind == FRAMES ? bus : NULL;
	else if (from == VMSG_BUS_NEW)
		bus = b;
}

static void bind(void)
{
	struct virtio_msg_segment_desc seg = {
		.name = "segment", .va = mem, .phys = (unsigned long)mem, .size = MEM_SIZE,
		.own_peer = 2, .wire_mask = 0xf, .ring = ring_peer,
	};
	struct virtio_msg_spsc_desc raw = {
		.name = "spsc", .tx = mem, .tx_size = SPSC_SIZE, .rx = mem + SPSC_SIZE,
		.rx_size = SPSC_SIZE, .wire = wire, .ring = ring_spsc,
	};

	device_initialize(&parent);
	parent.release = NULL;
	bus = NULL;
	segment = NULL;
	spsc = NULL;
	started = true;
	if (kind == SEGMENT) {
		segment = virtio_msg_segment_register(&parent, &seg);
		if (IS_ERR(segment)) {
			segment = NULL;
			bus = NULL;
		}
		return;
	}
	if (kind == SPSC) {
		spsc = virtio_msg_spsc_register(&parent, &raw);
		if (IS_ERR(spsc)) {
			spsc = NULL;
			bus = NULL;
		}
		return;
	}
	desc.name = "frames";
	desc.ops = &frames_ops;
	desc.max_inflight = 8;
	desc.request_timeout_ms = vmsg_timeout_ms;
	bus = virtio_msg_bus_alloc(&parent, &desc, NULL);
	SHIM_MUST(!IS_ERR(bus) && !virtio_msg_bus_register(bus));
}

static void unbind(void)
{
	if (kind == FRAMES) {
		virtio_msg_bus_unregister(bus);
		virtio_msg_bus_put(bus);
	} else if (segment) {
		virtio_msg_segment_stop(segment);
		started = false;
		shim_block(no_calls, NULL, SHIM_FOREVER);
		virtio_msg_segment_free(segment);
	} else if (spsc) {
		virtio_msg_spsc_stop(spsc);
		started = false;
		shim_block(no_calls, NULL, SHIM_FOREVER);
		virtio_msg_spsc_free(spsc);
	}
	started = false;
	bus = NULL;
}

static void lose(bool away)
{
	if (kind == SEGMENT) {
		virtio_msg_segment_lost(segment, "the input says so");
		return;
	}
	if (kind == SPSC) {
		virtio_msg_spsc_lost(spsc, "the input says so");
		return;
	}
	if (!up)
		return;
	up = false;
	link_no++;
	want_link = away;
	if (away) {
		wants_up = true;
		virtio_msg_peer_away(bus, "the input says so");
	} else {
		virtio_msg_peer_lost(bus, "the input says so");
	}
}

/* ---------------------------------------------------------------- script */

static void inject(u8 type, u8 id, u16 dev, u32 xid, const u8 *payload, u16 len)
{
	const struct vmsg_wire *w = vmsg_wire_by_rev(wire);
	struct vmsg_hdr h = {
		.type = type, .msg_id = id, .dev_num = dev, .xid = xid,
		.msg_size = w->hdr_len + len,
	};
	u8 buf[FRAME_MAX] = {};

	if (vmsg_hdr_put(w, buf, sizeof(buf), &h))
		return;
	memcpy(buf + w->hdr_len, payload, len);
	push(&to_driver, buf, w->hdr_len + len);
	rx_soon(0);
}

static void inject_event(u8 type, u8 id)
{
	u8 payload[64];
	unsigned int i, len = 8;
	u16 dev = type ? 0 : tape() % 4;

	if (tape() % 8 == 7)
		len = tape() % sizeof(payload);
	for (i = 0; i < len; i++)
		payload[i] = i < 2 || tape() & 0x80 ? tape() : 0;
	inject(type, id, dev, 0, payload, len);
}

static void inject_raw(void)
{
	u8 buf[FRAME_MAX];
	unsigned int i, len = tape() % 96;

	for (i = 0; i < len; i++)
		buf[i] = tape();
	push(&to_driver, buf, len);
	rx_soon(0);
}

static void inject_response(void)
{
	u8 payload[64], id = tape();
	unsigned int i, len = tape() % sizeof(payload);
	u32 xid = tape();

	/* As likely as not it is one that is under way. */
	if (bus->engine.inflight && xid & 1)
		xid = list_first_entry(&bus->engine.sent, struct vmsg_xfer, node)->xid;
	for (i = 0; i < len; i++)
		payload[i] = tape();
	inject(VIRTIO_MSG_TYPE_RESPONSE | (id & 0x80 ? VIRTIO_MSG_TYPE_BUS : 0), id & 0x7f,
	       tape() % 4, xid, payload, len);
}

static void ping_main(void *arg)
{
	struct vmsg_xfer *x = vmsg_xfer_alloc(bus, GFP_KERNEL);
	u8 how = tape();

	(void)arg;
	if (x && !vmsg_xfer_submit(x, vmsg_req_ping(x->wire, x->req, x->cap, how))) {
		shim_sleep(how * 10000);
		if (how & 1)
			vmsg_xfer_cancel(x);
		vmsg_xfer_wait(x);
	}
	vmsg_xfer_put(x);
	pings--;
}

static void suspend(void)
{
	int ret;

	if (kind == SEGMENT)
		ret = virtio_msg_segment_suspend(segment);
	else if (kind == SPSC)
		ret = virtio_msg_spsc_suspend(spsc);
	else
		ret = virtio_msg_bus_suspend(bus);
	shim_sleep(tape() * MS);
	if (ret)
		return;
	if (kind == SEGMENT)
		virtio_msg_segment_resume(segment);
	else if (kind == SPSC)
		virtio_msg_spsc_resume(spsc);
	else
		virtio_msg_bus_resume(bus);
}

static void command(unsigned int c)
{
	cmd_arg = tape();
	cmds |= c;
}

static void restart(bool away)
{
	peer_kill();
	shim_sleep(tape() * MS);
	if (kind != SEGMENT)
		lose(away);
	peer_start(kind == SEGMENT && tape() % 8 == 7);
}

static void op(void)
{
	u8 what = tape();

	if (what >= 240) {
		if (pings < 4) {
			pings++;
			shim_spawn("ping", 0, ping_main, NULL);
		}
		return;
	}
	switch (what % 24) {
	case 0:
	case 1:
	case 2:
		shim_sleep(tape() * MS / 4);
		break;
	case 3:
		shim_sleep(tape() * 10 * MS);
		break;
	case 4:
		inject_event(0, VIRTIO_MSG_EVENT_USED);
		break;
	case 5:
		inject_event(0, VIRTIO_MSG_EVENT_CONFIG);
		break;
	case 6:
		inject_event(VIRTIO_MSG_TYPE_BUS, VIRTIO_MSG_BUS_EVENT_DEVICE);
		break;
	case 7:
		inject_raw();
		break;
	case 8:
		inject_response();
		break;
	case 9:
		command(CMD_PING);
		break;
	case 10:
		command(tape() & 1 ? CMD_PLUG : CMD_UNPLUG);
		break;
	case 11:
		command(CMD_CONFIG);
		break;
	case 12:
		command(CMD_BREAK);
		break;
	case 13:
		restart(may_return && tape() & 1);
		break;
	case 14:
		virtio_msg_rescan(bus);
		break;
	case 15:
		if (up)
			virtio_msg_rx_overrun(bus);
		break;
	case 16:
		refuse = tape() % 16;
		break;
	case 17:
	case 18:
		drv_request(tape());
		break;
	case 19:
		drv_config(tape());
		break;
	case 20:
		suspend();
		break;
	case 21:
		drv_vq_reset(tape());
		break;
	case 22:
		virtio_msg_rx_used(bus, tape() % 4, tape() % 8, tape() & 1);
		break;
	default:
		if (tape() & 1)
			lose(false);
		else
			mem[tape32() % (tape() & 1 ? 8192 : MEM_SIZE)] = tape();
	}
}

/* As who reads debugfs does. */
static void look_at_queues(void)
{
	struct vmsg_track_state st;
	struct vmsg_device *vd;
	struct vmsg_slot *slot;
	struct vmsg_vqs *vqs;
	unsigned long index;
	unsigned int i;

	xa_for_each(&bus->slots, index, slot) {
		vd = vmsg_device_get(slot);
		if (!vd)
			continue;
		mutex_lock(&vd->vq_lock);
		vqs = rcu_dereference_protected(vd->vqs, lockdep_is_held(&vd->vq_lock));
		for (i = 0; vqs && i < vqs->num; i++)
			if (vqs->q[i] && vmsg_track_inspect(vqs->q[i], &st))
				SHIM_MUST(st.out <= st.num);
		mutex_unlock(&vd->vq_lock);
		vmsg_device_put(vd);
	}
}

static bool all_idle(void *arg)
{
	(void)arg;
	return drv_idle();
}

static bool no_pings(void *arg)
{
	(void)arg;
	return !pings;
}

static void script(void *arg)
{
	unsigned int n;

	(void)arg;
	peer_start(true);
	bind();
	shim_sleep(tape() * MS);
	for (n = 0; bus && n < MAX_OPS && !tape_over(); n++)
		op();
	shim_sleep(100 * MS);
	if (bus)
		look_at_queues();
	honest = true;
	/* Who knows of the bus has left it. */
	shim_block(no_pings, NULL, SHIM_FOREVER);
	unbind();
	/* Whoever used a device has come to an end with it. */
	SHIM_MUST(shim_block(all_idle, NULL, shim_now() + 1000 * MS));
	shim_kill_peer(0);
	done = true;
}

/* After each step. */
static bool check(void)
{
	SHIM_MUST(shim_steps() < MAX_STEPS);
	if (bus) {
		shim_check_engine(&bus->engine);
		if (!(shim_steps() & 63))
			shim_check_window(bus->win);
	}
	SHIM_MUST(shim_allocated() < 8 << 20);
	return done;
}

static void plan(u64 seed)
{
	static const u8 loads[] = { 0, 3, 15, 63, 255, 1, 7, 31 };
	unsigned int i;
	u8 how = tape(), more = tape();

	memset(&cfg, 0, sizeof(cfg));
	memset(&desc, 0, sizeof(desc));
	kind = FRAMES;
	if (SHM) {
		kind = how & 1 && (how >> 4) % 4 == 0 ? SPSC : SEGMENT;
		load_mask = loads[more >> 5];
		load_gap = tape() * (load_mask ? 4 : 1);
	}
	wire = (how >> 1) % VIRTIO_MSG_WIRE_COUNT;
	max_msg = kind == SPSC ? 64 : 64 << (how >> 4) % 4;
	may_return = kind == FRAMES && more & 1;
	desc.flags = VIRTIO_MSG_T_NEEDS_WINDOW;
	if (more & 2)
		desc.flags |= VIRTIO_MSG_T_ATOMIC_SEND;
	/* Now and then what a peer does otherwise, or pages shared one by one. */
	if (seed % 8 == 5)
		desc.quirks = 1UL << (seed >> 3) % 10;
	if (seed % 8 == 6) {
		desc.share_slots = SHARE_SLOTS;
		desc.share_wire = 3ULL << VIRTIO_MSG_AREA_SHIFT;
	}
	cfg.mem = mem;
	cfg.size = MEM_SIZE;
	cfg.seg = kind == SEGMENT;
	cfg.wires = 1 << wire;
	cfg.max_msg = max_msg;
	cfg.num_notif = more & 4 ? 2 : 0;
	cfg.num_elems = more & 8 ? 4 : 32;
	cfg.present = more & 16 ? 7 : 5;
	for (i = 0; i < PEER_DEVS; i++)
		cfg.disk[i] = disks[i];
	memset(mem, 0, MEM_SIZE);
}

static void say_nothing(void)
{
	fflush(stdout);
	/* So that whoever feeds us keeps the input. */
	abort();
}

const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "detect_stack_use_after_return=0:detect_leaks=0";
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct shim_opts opts = { .bug = say_nothing };
	size_t before = shim_allocated();
	unsigned int i;

	if (!mem) {
		mem = aligned_alloc(4096, MEM_SIZE);
		for (i = 0; i < PEER_DEVS; i++)
			disks[i] = calloc(PEER_SECTORS, 512);
	}
	in = data;
	in_end = data + size;
	honest = false;
	opts.seed = tape();
	opts.window = 3 + 4 * tape();
	shim_start(&opts);
	plan(opts.seed);
	drv_reset();
	done = false;
	up = false;
	started = false;
	alive = false;
	receiving = false;
	again = false;
	wants_up = false;
	want_link = false;
	calls = 0;
	refuse = 0;
	cmds = 0;
	pings = 0;
	memset(shares, 0, sizeof(shares));
	vmsg_wq = alloc_workqueue("virtio_msg", 0, 0);
	vmsg_cpu_wq = alloc_workqueue("virtio_msg_cpu", 0, 0);
	shim_spawn("script", 0, script, NULL);
	/* Nobody waits for what does not come. */
	shim_run(shim_now() + 3600 * 1000 * MS, check);
	SHIM_MUST(done);
	/* What is on its way arrives, and finds nobody. */
	shim_run(shim_now() + 60000 * MS, NULL);
	empty(&to_peer);
	empty(&to_driver);
	destroy_workqueue(vmsg_cpu_wq);
	destroy_workqueue(vmsg_wq);
	shim_finish();
	SHIM_MUST(shim_allocated() == before);
	return 0;
}
