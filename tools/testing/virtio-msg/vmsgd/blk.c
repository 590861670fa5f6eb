// SPDX-License-Identifier: GPL-2.0-only
/*
 * vmsgd: block devices through vhost-user
 *
 * The rings that the guest made are handed to the back end as they are: a wire
 * address is what vhost-user calls a guest address, and the window is the one
 * memory region.  So the data path is the back end's alone, and we carry kicks
 * and calls, unless the driver side takes the eventfds themselves.
 *
 * What follows from that: a descriptor that points outside the window makes the
 * back end drop the connection without a word.  It reaches no other memory and
 * no other device, but it is noticed by a watchdog only, which then sets
 * DEVICE_NEEDS_RESET.
 *
 * Whenever the rings must be let go, the connection is closed: the back end
 * drains what it has begun before it answers the next connection, and so the
 * first answer there is the proof that nothing is written any more.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "vmsgd.h"
#include "../device/vmsg_devs.h"

/* vhost-user requests */
#define VU_GET_FEATURES		1
#define VU_SET_FEATURES		2
#define VU_SET_OWNER		3
#define VU_SET_MEM_TABLE	5
#define VU_SET_VRING_NUM	8
#define VU_SET_VRING_ADDR	9
#define VU_SET_VRING_BASE	10
#define VU_SET_VRING_KICK	12
#define VU_SET_VRING_CALL	13
#define VU_GET_PROTOCOL_FEATURES 15
#define VU_SET_PROTOCOL_FEATURES 16
#define VU_GET_QUEUE_NUM	17
#define VU_SET_VRING_ENABLE	18
#define VU_GET_CONFIG		24
#define VU_SET_CONFIG		25
#define VU_GET_INFLIGHT_FD	31
#define VU_SET_INFLIGHT_FD	32

#define VU_VERSION		0x1
#define VU_REPLY		0x4
#define VU_NEED_REPLY		0x8

#define VU_F_NOTIFY_ON_EMPTY	(1ULL << 24)
#define VU_F_LOG_ALL		(1ULL << 26)
#define VU_F_PROTOCOL		(1ULL << 30)

#define VU_PF_MQ		(1ULL << 0)
#define VU_PF_REPLY_ACK		(1ULL << 3)
#define VU_PF_CONFIG		(1ULL << 9)
#define VU_PF_INFLIGHT		(1ULL << 12)

#define BLK_F_CONFIG_WCE	VMSG_F(11)
#define BLK_CONFIG_LEN		60
#define BLK_CONFIG_WCE		32

#define RING_SIZE	256
#define MAX_COUNTED	256	/* descriptors of a request, for statistics */
#define REPLY_MS	3000	/* for one answer on a connection that works */
#define FIRST_REPLY_MS	15000	/* the back end may have to drain first */
#define PROBE_MS	5000	/* from question to verdict */
#define OPEN_MS		10000	/* until the device is given up */

enum state {
	ST_DOWN,	/* no connection; the retry timer runs */
	ST_WAIT,	/* connected; no answer so far */
	ST_READY,	/* the back end is ours */
	ST_RUN,		/* it has the rings */
};

struct ring {
	int kick;
	struct source call;	/* its priv is the device */
	bool direct;		/* the driver side uses the two itself */
	uint16_t told;		/* used index of which the driver was told */
	uint16_t counted;	/* used index up to which statistics go */
	uint16_t last_used;	/* at the last look of the watchdog */
};

struct blk {
	struct device d;
	struct vmsg_dev dev;
	struct vmsg_vq vq[VMSG_MAX_VQS];
	struct ring ring[VMSG_MAX_VQS];
	uint8_t config[BLK_CONFIG_LEN];

	/* one of the two */
	char *file, *format;
	char *socket;
	bool read_only;
	unsigned int queues;
	bool inflight;
	bool indirect;

	enum state state;
	struct source conn;
	struct timer retry;
	struct timer watch;
	uint64_t since;			/* when the state was entered */
	uint64_t opened;
	bool opening;
	bool start_pending;
	bool resume;
	bool told;
	bool given;			/* a back end may be using the rings */
	uint64_t probe_at;		/* 0: no probe under way */
	uint64_t features;		/* of the back end */
	int inflight_fd;
	uint64_t inflight_args[3];

	struct child *child;
	int listen_fd;
	int path_fd;			/* O_PATH: the socket without a name */
	unsigned int failures;
	uint64_t started;
};

static void connect_backend(struct blk *b);

/* ---------------------------------------------------------- vhost-user */

struct vu_msg {
	uint32_t request;
	uint32_t flags;
	uint32_t size;
	union {
		uint64_t u64;
		uint32_t u32[2];
		uint64_t q[16];
		uint8_t raw[256];
	};
} __attribute__((packed, aligned(4)));

#define VU_HDR	12

/* With up to two descriptors, each -1 for none. */
static int vu_send_two(struct blk *b, struct vu_msg *m, int fd, int second)
{
	char control[CMSG_SPACE(2 * sizeof(int))] = { 0 };
	int fds[2] = { fd, second };
	size_t len = second >= 0 ? sizeof(fds) : sizeof(fd);
	struct iovec iov = { .iov_base = m, .iov_len = VU_HDR + m->size };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *cm;
	ssize_t n;

	if (fd >= 0) {
		msg.msg_control = control;
		msg.msg_controllen = CMSG_SPACE(len);
		cm = CMSG_FIRSTHDR(&msg);
		cm->cmsg_level = SOL_SOCKET;
		cm->cmsg_type = SCM_RIGHTS;
		cm->cmsg_len = CMSG_LEN(len);
		memcpy(CMSG_DATA(cm), fds, len);
	}
	do {
		n = sendmsg(b->conn.fd, &msg, MSG_NOSIGNAL);
	} while (n < 0 && errno == EINTR);
	return n == (ssize_t)iov.iov_len ? 0 : -1;
}

static int vu_send(struct blk *b, struct vu_msg *m, int fd)
{
	return vu_send_two(b, m, fd, -1);
}

static int vu_read(struct blk *b, void *buf, size_t len, int *fd)
{
	char control[CMSG_SPACE(sizeof(int))];
	uint8_t *p = buf;

	while (len) {
		struct iovec iov = { .iov_base = p, .iov_len = len };
		struct msghdr msg = {
			.msg_iov = &iov, .msg_iovlen = 1,
			.msg_control = control, .msg_controllen = sizeof(control),
		};
		struct cmsghdr *cm;
		ssize_t n = recvmsg(b->conn.fd, &msg, MSG_CMSG_CLOEXEC);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return -1;
		cm = CMSG_FIRSTHDR(&msg);
		if (cm && cm->cmsg_level == SOL_SOCKET &&
		    cm->cmsg_type == SCM_RIGHTS) {
			int got;

			memcpy(&got, CMSG_DATA(cm), sizeof(int));
			if (fd && *fd < 0)
				*fd = got;
			else
				close(got);
		}
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

/* The receive time-out of the socket bounds each of these. */
static int vu_recv(struct blk *b, struct vu_msg *m, int *fd)
{
	if (vu_read(b, m, VU_HDR, fd) < 0)
		return -1;
	if (m->size > sizeof(m->raw) || !(m->flags & VU_REPLY))
		return -1;
	return vu_read(b, m->raw, m->size, fd);
}

static int vu_reply(struct blk *b, struct vu_msg *m, uint32_t request, int *fd)
{
	do {
		if (vu_recv(b, m, fd) < 0)
			return -1;
		/* The answer to a probe may come first. */
		if (m->request != VU_GET_FEATURES || !b->probe_at ||
		    request == VU_GET_FEATURES)
			break;
		b->probe_at = 0;
	} while (1);
	return m->request == request ? 0 : -1;
}

static int vu_get(struct blk *b, uint32_t request, uint64_t *value)
{
	struct vu_msg m = { .request = request, .flags = VU_VERSION };

	if (vu_send(b, &m, -1) < 0 || vu_reply(b, &m, request, NULL) < 0 ||
	    m.size != 8)
		return -1;
	*value = m.u64;
	return 0;
}

/* Every one with an answer; 0 in it does not prove much, but that it lives. */
static int vu_set_two(struct blk *b, uint32_t request, const void *payload,
		      uint32_t size, int fd, int second)
{
	struct vu_msg m = {
		.request = request,
		.flags = VU_VERSION | VU_NEED_REPLY,
		.size = size,
	};

	memcpy(m.raw, payload, size);
	if (vu_send_two(b, &m, fd, second) < 0 || vu_reply(b, &m, request, NULL) < 0 ||
	    m.size != 8 || m.u64) {
		debug("device %d: vhost-user request %u failed", b->d.num, request);
		return -1;
	}
	return 0;
}

static int vu_set(struct blk *b, uint32_t request, const void *payload,
		  uint32_t size, int fd)
{
	return vu_set_two(b, request, payload, size, fd, -1);
}

static int vu_set_ring(struct blk *b, uint32_t request, uint32_t index,
		       uint32_t value)
{
	uint32_t p[2] = { index, value };

	return vu_set(b, request, p, sizeof(p), -1);
}

static int vu_set_fd(struct blk *b, uint32_t request, uint32_t index, int fd)
{
	uint64_t p = index;

	return vu_set(b, request, &p, sizeof(p), fd);
}

/* ---------------------------------------------------------- connection */

static void enter(struct blk *b, enum state st)
{
	b->state = st;
	b->since = now_ms();
}

static void close_rings(struct blk *b)
{
	unsigned int q;

	for (q = 0; q < b->queues; q++) {
		struct ring *r = &b->ring[q];

		if (r->kick < 0)
			continue;
		if (r->direct)
			link_eventfd(&b->dev, (uint16_t)q, -1, -1);
		else
			loop_del(&r->call);
		r->direct = false;
		close(r->kick);
		close(r->call.fd);
		r->kick = -1;
		r->call.fd = -1;
	}
	timer_cancel(&b->watch);
}

static void disconnect(struct blk *b)
{
	close_rings(b);
	if (b->conn.fd >= 0) {
		loop_del(&b->conn);
		close(b->conn.fd);
		b->conn.fd = -1;
	}
	b->probe_at = 0;
	enter(b, ST_DOWN);
}

/* Has everything that was made available been used? */
static bool idle(struct blk *b)
{
	unsigned int q;

	for (q = 0; q < b->queues; q++) {
		struct vmsg_vq *vq = &b->vq[q];

		if (vq->enabled && vmsg_ld16(vq->driver + 2) !=
		    vmsg_ld16(vq->device + 2))
			return false;
	}
	return true;
}

static void lost(struct blk *b, const char *why)
{
	bool ran = b->state == ST_RUN;

	info("device %d: back end: %s", b->d.num, why);
	disconnect(b);
	if (ran && !b->dev.resetting) {
		/*
		 * With nothing in flight the rings themselves say where to go
		 * on.  Otherwise only the in-flight record can: without it a
		 * request might be done twice, or never.
		 */
		if (vmsg_dev_running(&b->dev) && (b->inflight || idle(b)))
			b->resume = true;
		else
			vmsg_dev_fault(&b->dev, why, 0);
	}
	timer_arm(&b->retry, 10);
}

static void account(struct blk *b, unsigned int q, uint16_t to)
{
	struct vmsg_vq *vq = &b->vq[q];
	uint16_t from = b->ring[q].counted;
	uint16_t n = (uint16_t)(to - from);

	b->ring[q].counted = to;
	b->dev.stats.requests += n;
	if (n > vq->size)
		from = (uint16_t)(to - vq->size);
	/*
	 * Statistics only: the guest may be reusing the descriptors already.
	 * Header and status, 17 bytes, are no data.
	 */
	for (; from != to; from++) {
		const uint8_t *u = vq->device + 4 + 8 * (from & (vq->size - 1));
		uint32_t i = vmsg_ld32(u), steps;
		const uint8_t *table = vq->desc;
		uint32_t n_desc = vq->size;
		uint64_t in = 0, out = 0;

		for (steps = 0; steps < n_desc && i < n_desc; steps++) {
			const uint8_t *d = table + 16 * i;
			uint32_t len = vmsg_ld32(d + 8);
			uint16_t flags = vmsg_ld16(d + 12);

			if (flags & 4) {
				if (table != vq->desc)
					break;
				table = vmsg_map(b->dev.bus, vmsg_ld64(d), len);
				if (!table)
					break;
				n_desc = len / 16;
				if (n_desc > MAX_COUNTED)
					n_desc = MAX_COUNTED;
				i = 0;
				steps = UINT32_MAX;
				continue;
			}
			if (flags & 2)
				in += len;
			else
				out += len;
			if (!(flags & 1))
				break;
			i = vmsg_ld16(d + 14);
		}
		b->dev.stats.bytes_in += out > 16 ? out - 16 : 0;
		b->dev.stats.bytes_out += in > 1 ? in - 1 : 0;
	}
}

static void on_call(struct source *src, uint32_t events)
{
	struct ring *r = container_of(src, struct ring, call);
	struct blk *b = src->priv;
	unsigned int q = (unsigned int)(r - b->ring);
	uint64_t count;
	uint16_t used;

	(void)events;
	if (read(src->fd, &count, sizeof(count)) != sizeof(count))
		return;
	/* A call may mean nothing: the first comes with the set-up. */
	used = vmsg_ld16(b->vq[q].device + 2);
	if (used == r->told)
		return;
	vmsg_rmb();
	r->told = used;
	account(b, q, used);
	vmsg_dev_used(&b->dev, (uint16_t)q);
}

static int start_ring(struct blk *b, unsigned int q)
{
	struct vmsg_vq *vq = &b->vq[q];
	struct ring *r = &b->ring[q];
	uint64_t addr[5] = { q, vq->desc_addr, vq->device_addr, vq->driver_addr };
	/* 0 in a fresh ring, else where the last device side came to its end. */
	uint16_t base = vmsg_ld16(vq->device + 2);

	r->kick = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	r->call.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (r->kick < 0 || r->call.fd < 0)
		return -1;
	r->call.fn = on_call;
	r->call.priv = b;
	r->told = base;
	r->counted = base;
	r->last_used = base;
	r->direct = link_eventfd(&b->dev, (uint16_t)q, r->kick, r->call.fd);
	if (!r->direct && loop_add(&r->call, EPOLLIN) < 0)
		return -1;
	/* Call before kick: what is replayed is so from the kick on. */
	return vu_set_ring(b, VU_SET_VRING_NUM, q, vq->size) < 0 ||
	       vu_set_ring(b, VU_SET_VRING_BASE, q, base) < 0 ||
	       vu_set(b, VU_SET_VRING_ADDR, addr, sizeof(addr), -1) < 0 ||
	       vu_set_fd(b, VU_SET_VRING_CALL, q, r->call.fd) < 0 ||
	       vu_set_fd(b, VU_SET_VRING_KICK, q, r->kick) < 0 ||
	       vu_set_ring(b, VU_SET_VRING_ENABLE, q, 1) < 0 ? -1 : 0;
}

static int set_inflight(struct blk *b)
{
	if (!b->resume) {
		struct vu_msg m = {
			.request = VU_GET_INFLIGHT_FD, .flags = VU_VERSION, .size = 24,
		};

		if (b->inflight_fd >= 0)
			close(b->inflight_fd);
		b->inflight_fd = -1;
		m.q[2] = b->queues | RING_SIZE << 16;
		if (vu_send(b, &m, -1) < 0 ||
		    vu_reply(b, &m, VU_GET_INFLIGHT_FD, &b->inflight_fd) < 0 ||
		    m.size < 20 || b->inflight_fd < 0)
			return -1;
		memcpy(b->inflight_args, m.raw, 24);
		b->inflight_args[2] = b->queues | RING_SIZE << 16;
	}
	return vu_set(b, VU_SET_INFLIGHT_FD, b->inflight_args, 24, b->inflight_fd);
}

static void kick_ring(struct blk *b, unsigned int q)
{
	uint64_t one = 1;

	/* EAGAIN: a kick the back end has not taken yet says it all. */
	if (b->state == ST_RUN && b->ring[q].kick >= 0 &&
	    write(b->ring[q].kick, &one, sizeof(one)) < 0 && errno != EAGAIN)
		info("device %d: kick: %m", b->d.num);
}

/* Give the rings to the back end. */
static int run(struct blk *b)
{
	uint64_t area = (uint64_t)VIRTIO_MSG_AREA_SEGMENT << VIRTIO_MSG_AREA_SHIFT;
	/* number of regions; of each guest address, size, our address, file offset */
	uint64_t mem[9] = { 1, area + window_offset, window_length,
			    area + window_offset, 0,
			    ram_start, ram_length, ram_start, 0 };
	uint32_t mem_size = 5 * sizeof(mem[0]);
	uint64_t f = (b->dev.driver_features & b->features) | VU_F_PROTOCOL;
	bool resumed = b->resume;
	unsigned int q;
	int fd;

	fd = link_window(&mem[4]);
	if (fd < 0) {
		info("device %d: the window: %m", b->d.num);
		goto fail;
	}
	if (ram_fd >= 0) {
		mem[0] = 2;
		mem_size = sizeof(mem);
	}
	b->given = true;
	if (vu_set(b, VU_SET_FEATURES, &f, sizeof(f), -1) < 0 ||
	    vu_set_two(b, VU_SET_MEM_TABLE, mem, mem_size, fd, ram_fd) < 0) {
		close(fd);
		goto fail;
	}
	close(fd);
	if (b->inflight && set_inflight(b) < 0)
		goto fail;
	for (q = 0; q < b->queues; q++)
		if (b->vq[q].enabled && start_ring(b, q) < 0)
			goto fail;
	/* An answer after all that shows that nothing of it was disliked. */
	if (vu_get(b, VU_GET_FEATURES, &f) < 0)
		goto fail;
	b->resume = false;
	b->start_pending = false;
	enter(b, ST_RUN);
	timer_arm(&b->watch, 1000);
	for (q = 0; q < b->queues; q++) {
		if (!b->vq[q].enabled)
			continue;
		kick_ring(b, q);
		if (resumed)
			vmsg_dev_used(&b->dev, (uint16_t)q);
	}
	return 0;
fail:
	b->resume = false;
	b->start_pending = false;
	disconnect(b);
	timer_arm(&b->retry, 100);
	return -1;
}

/* Whether writes may be acknowledged before they are durable. */
static int set_write_cache(struct blk *b, uint8_t wce)
{
	struct {
		uint32_t off, len, flags;
		uint8_t wce;
	} __attribute__((packed)) p = { BLK_CONFIG_WCE, 1, 0, wce };

	if (vu_set(b, VU_SET_CONFIG, &p, sizeof(p), -1) < 0)
		return -1;
	b->config[BLK_CONFIG_WCE] = wce;
	return 0;
}

/* The first answer is there: this connection is served, the last one is over. */
static int greet(struct blk *b)
{
	struct vu_msg m = {
		.request = VU_GET_CONFIG, .flags = VU_VERSION,
		.size = 12 + BLK_CONFIG_LEN,
	};
	uint64_t pf, want, n = 1;
	uint32_t head[3] = { 0, BLK_CONFIG_LEN, 0 };

	if (!(b->features & VMSG_F_VERSION_1) || !(b->features & VU_F_PROTOCOL))
		return -1;
	if (vu_get(b, VU_GET_PROTOCOL_FEATURES, &pf) < 0)
		return -1;
	if ((pf & (VU_PF_REPLY_ACK | VU_PF_CONFIG)) !=
	    (VU_PF_REPLY_ACK | VU_PF_CONFIG))
		return -1;
	want = pf & (VU_PF_MQ | VU_PF_REPLY_ACK | VU_PF_CONFIG);
	if (b->inflight)
		want |= VU_PF_INFLIGHT;
	m.request = VU_SET_PROTOCOL_FEATURES;
	m.size = 8;
	m.u64 = want;
	if (vu_send(b, &m, -1) < 0)
		return -1;
	if (pf & VU_PF_MQ && vu_get(b, VU_GET_QUEUE_NUM, &n) < 0)
		return -1;
	m.request = VU_SET_OWNER;
	m.flags = VU_VERSION | VU_NEED_REPLY;
	m.size = 0;
	if (vu_send(b, &m, -1) < 0 || vu_reply(b, &m, VU_SET_OWNER, NULL) < 0)
		return -1;
	memset(&m, 0, sizeof(m));
	m.request = VU_GET_CONFIG;
	m.flags = VU_VERSION;
	m.size = 12 + BLK_CONFIG_LEN;
	memcpy(m.raw, head, sizeof(head));
	if (vu_send(b, &m, -1) < 0 || vu_reply(b, &m, VU_GET_CONFIG, NULL) < 0 ||
	    m.size != 12 + BLK_CONFIG_LEN)
		return -1;

	if (!b->d.announced) {
		uint16_t queues = vmsg_get16(m.raw + 12 + 34);

		if (queues < 1)
			queues = 1;
		if (n && queues > n)
			queues = (uint16_t)n;
		if (!b->queues || b->queues > queues)
			b->queues = queues;
		if (b->queues > VMSG_MAX_VQS)
			b->queues = VMSG_MAX_VQS;
		memcpy(b->config, m.raw + 12, BLK_CONFIG_LEN);
		vmsg_put16(b->config + 34, (uint16_t)b->queues);
		b->dev.nvqs = b->queues;
		b->dev.features = b->features & ~(VU_F_NOTIFY_ON_EMPTY |
						  VU_F_LOG_ALL | VU_F_PROTOCOL);
		if (!b->indirect)
			b->dev.features &= ~VMSG_F_INDIRECT_DESC;
	} else if (memcmp(b->config, m.raw + 12, 32)) {
		/* The image has another size now, for one. */
		memcpy(b->config, m.raw + 12, 32);
		vmsg_dev_config_changed(&b->dev);
	}
	/*
	 * A new qemu-storage-daemon has a write cache and says that it has none;
	 * the driver would believe it and never flush.  A later one must go on as
	 * the driver wants it, too.
	 */
	if (b->file && b->features & BLK_F_CONFIG_WCE &&
	    set_write_cache(b, b->d.announced ? b->config[BLK_CONFIG_WCE] : 1) < 0)
		return -1;
	return 0;
}

static void ready(struct blk *b)
{
	enter(b, ST_READY);
	b->given = false;
	b->failures = 0;
	if (!b->d.announced) {
		b->opening = false;
		device_ready(&b->d);
		return;
	}
	if (b->dev.resetting) {
		vmsg_dev_reset_done(&b->dev);	/* may be the end of b */
		return;
	}
	if ((b->resume || b->start_pending) && run(b) < 0)
		vmsg_dev_fault(&b->dev, "the back end did not take the rings", 0);
}

static void on_conn(struct source *src, uint32_t events)
{
	struct blk *b = src->priv;
	struct vu_msg m;

	(void)events;
	if (vu_recv(b, &m, NULL) < 0) {
		lost(b, b->state == ST_RUN ? "connection lost while running" :
		     "connection lost");
		return;
	}
	if (m.request != VU_GET_FEATURES || m.size != 8) {
		lost(b, "an answer without a question");
		return;
	}
	b->probe_at = 0;
	if (b->state != ST_WAIT)
		return;
	b->features = m.u64;
	if (greet(b) < 0) {
		lost(b, "it does not speak what is needed");
		return;
	}
	ready(b);
}

/* No process is behind the socket: nobody writes to the window any more. */
static void unreachable(struct blk *b)
{
	b->given = false;
	timer_arm(&b->retry, 100);
	if (b->dev.resetting) {
		vmsg_dev_reset_done(&b->dev);	/* may be the end of b */
		return;
	}
	if (b->opening && now_ms() - b->opened > OPEN_MS) {
		b->opening = false;
		device_failed(&b->d, "no back end at %s",
			      b->socket ? b->socket : "its socket");
	}
}

static int connect_path(struct blk *b)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	struct timeval tv = { .tv_sec = REPLY_MS / 1000 };
	int fd, e, fl;

	if (b->socket)
		snprintf(a.sun_path, sizeof(a.sun_path), "%s", b->socket);
	else
		snprintf(a.sun_path, sizeof(a.sun_path), "/proc/self/fd/%d",
			 b->path_fd);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -1;
	if (connect(fd, (struct sockaddr *)&a, sizeof(a)) < 0) {
		e = errno;
		close(fd);
		errno = e;
		return -1;
	}
	fl = fcntl(fd, F_GETFL);
	fcntl(fd, F_SETFL, fl & ~O_NONBLOCK);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv));
	return fd;
}

static void connect_backend(struct blk *b)
{
	struct vu_msg m = { .request = VU_GET_FEATURES, .flags = VU_VERSION };

	b->conn.fd = connect_path(b);
	if (b->conn.fd < 0) {
		if (errno == ECONNREFUSED || errno == ENOENT)
			unreachable(b);
		else
			timer_arm(&b->retry, 50);
		return;
	}
	b->conn.fn = on_conn;
	b->conn.priv = b;
	if (loop_add(&b->conn, EPOLLIN) < 0 || vu_send(b, &m, -1) < 0) {
		disconnect(b);
		timer_arm(&b->retry, 50);
		return;
	}
	enter(b, ST_WAIT);
	b->told = false;
	timer_arm(&b->retry, 1000);
}

static void spawn(struct blk *b);

static void on_retry(struct timer *t)
{
	struct blk *b = t->priv;

	if (b->state == ST_WAIT) {
		timer_arm(&b->retry, 1000);
		if (now_ms() - b->since < FIRST_REPLY_MS || b->told)
			return;
		b->told = true;
		info("device %d: the back end does not answer", b->d.num);
		if (b->child)
			child_kill(b->child, SIGKILL);
		return;
	}
	if (b->state != ST_DOWN)
		return;
	if (b->file && !b->child) {
		spawn(b);
		return;
	}
	connect_backend(b);
}

/* Once a second while it runs: is there work, and does nothing come of it? */
static void on_watch(struct timer *t)
{
	struct vu_msg m = { .request = VU_GET_FEATURES, .flags = VU_VERSION };
	struct blk *b = t->priv;
	bool stuck = false;
	unsigned int q;

	if (b->state != ST_RUN)
		return;
	for (q = 0; q < b->queues; q++) {
		struct vmsg_vq *vq = &b->vq[q];
		struct ring *r = &b->ring[q];
		uint16_t used;

		if (!vq->enabled)
			continue;
		used = vmsg_ld16(vq->device + 2);
		/* Used entries that the driver did not want to hear of. */
		account(b, q, used);
		if (used == r->last_used && vmsg_ld16(vq->driver + 2) != used)
			stuck = true;
		r->last_used = used;
	}
	timer_arm(&b->watch, 1000);
	if (b->probe_at) {
		if (now_ms() - b->probe_at > PROBE_MS)
			lost(b, "no answer to a probe");
		return;
	}
	if (!stuck)
		return;
	/* A connection given up by the back end shows at the next message. */
	if (vu_send(b, &m, -1) < 0)
		lost(b, "it gave up the connection");
	else
		b->probe_at = now_ms();
}

/* -------------------------------------------------------------- process */

static void on_exit_child(struct child *c, int status)
{
	struct blk *b = c->priv;

	if (WIFSIGNALED(status))
		info("device %d: qemu-storage-daemon died of signal %d",
		     b->d.num, WTERMSIG(status));
	else
		info("device %d: qemu-storage-daemon exited with status %d",
		     b->d.num, WEXITSTATUS(status));
	free(c);
	b->child = NULL;
	b->given = false;
	b->failures = now_ms() - b->started > 2000 ? 0 : b->failures + 1;
	if (b->state == ST_READY || b->state == ST_RUN)
		lost(b, "process died");
	else
		/* A connection waiting in the queue is for the next one. */
		timer_arm(&b->retry, b->failures > 4 ? 1000 : 20);
	if (b->state == ST_WAIT)
		disconnect(b);
	if (b->opening && b->failures >= 3) {
		b->opening = false;
		timer_cancel(&b->retry);
		device_failed(&b->d, "qemu-storage-daemon cannot serve %s", b->file);
		return;
	}
	if (b->dev.resetting)
		vmsg_dev_reset_done(&b->dev);	/* may be the end of b */
}

/* The text of a JSON object for --blockdev, whatever is in the name. */
static char *blockdev(const char *fmt_driver, const char *file, bool ro)
{
	struct stat st;
	bool disk = !stat(file, &st) && S_ISBLK(st.st_mode);
	char *out;
	size_t len;
	FILE *f = open_memstream(&out, &len);

	if (!f)
		exit(1);
	fprintf(f, "{\"node-name\":\"disk\",\"read-only\":%s,\"driver\":",
		ro ? "true" : "false");
	json_string(f, fmt_driver);
	fprintf(f, ",\"discard\":\"unmap\",\"file\":{\"driver\":\"%s\",\"read-only\":%s,\"discard\":\"unmap\",\"filename\":",
		disk ? "host_device" : "file", ro ? "true" : "false");
	json_string(f, file);
	fprintf(f, "}}");
	fclose(f);
	return out;
}

static void spawn(struct blk *b)
{
	char *bd = blockdev(b->format, b->file, b->read_only);
	char *ex = xasprintf("type=vhost-user-blk,id=vmsg,node-name=disk,addr.type=fd,addr.str=%d,writable=%s,num-queues=%u",
			     b->listen_fd, b->read_only ? "off" : "on",
			     b->queues ? b->queues : 1);
	char *argv[] = { "qemu-storage-daemon", "--blockdev", bd, "--export",
			 ex, NULL };
	int keep[3] = { b->listen_fd };
	int nkeep = 1, ret;

	b->child = xzalloc(sizeof(*b->child));
	b->child->exited = on_exit_child;
	b->child->priv = b;
	b->started = now_ms();
	/*
	 * It holds the lock on the memory too: who comes after us must wait
	 * until the last writer is gone.  And it holds that by whose end the
	 * driver side learns of ours: when that happens buffers go back to
	 * their owners, and nobody may write them to a disk any more.
	 */
	if (lock_fd >= 0)
		keep[nkeep++] = lock_fd;
	if (alive_fd >= 0)
		keep[nkeep++] = alive_fd;
	ret = child_start(b->child, argv, keep, nkeep);
	free(bd);
	free(ex);
	if (ret < 0) {
		info("device %d: fork: %s", b->d.num, strerror(-ret));
		free(b->child);
		b->child = NULL;
		timer_arm(&b->retry, 1000);
		return;
	}
	connect_backend(b);
}

/*
 * A listening socket without a name: made here, it outlives the process that
 * serves it, so that there is no race to connect and nothing to clean up.
 */
static int make_listener(struct blk *b)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	const char *tmp = getenv("TMPDIR");
	char *dir = xasprintf("%s/vmsgd-XXXXXX", tmp && strlen(tmp) < 64 ? tmp : "/tmp");
	int ret = -1;

	if (!mkdtemp(dir))
		goto out;
	snprintf(a.sun_path, sizeof(a.sun_path), "%s/s", dir);
	b->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (b->listen_fd >= 0 &&
	    !bind(b->listen_fd, (struct sockaddr *)&a, sizeof(a)) &&
	    !listen(b->listen_fd, 4)) {
		b->path_fd = open(a.sun_path, O_PATH | O_CLOEXEC);
		ret = b->path_fd < 0 ? -1 : 0;
	}
	unlink(a.sun_path);
	rmdir(dir);
out:
	free(dir);
	return ret;
}

/* ----------------------------------------------------------- operations */

static int dev_start(struct vmsg_dev *dev)
{
	struct blk *b = dev->priv;

	b->resume = false;
	if (b->state != ST_READY) {
		/* On its way back: the rings are handed over when it is there. */
		b->start_pending = true;
		return 0;
	}
	return run(b);
}

static bool dev_reset(struct vmsg_dev *dev)
{
	struct blk *b = dev->priv;

	b->start_pending = false;
	b->resume = false;
	if (!b->given || (b->file && !b->child)) {
		b->given = false;
		return true;
	}
	if (b->state == ST_RUN) {
		disconnect(b);
		timer_arm(&b->retry, 0);
	}
	return false;
}

static void dev_kick(struct vmsg_dev *dev, struct vmsg_vq *vq)
{
	kick_ring(dev->priv, vq->index);
}

static bool dev_set_config(struct vmsg_dev *dev, uint32_t off,
			   const uint8_t *data, uint32_t len)
{
	struct blk *b = dev->priv;

	if (off != BLK_CONFIG_WCE || len != 1 || data[0] > 1 ||
	    !(dev->driver_features & BLK_F_CONFIG_WCE))
		return false;
	return b->state >= ST_READY && !set_write_cache(b, data[0]);
}

static const struct vmsg_dev_ops ops = {
	.start = dev_start,
	.reset = dev_reset,
	.kick = dev_kick,
	.set_config = dev_set_config,
};

static void child_free(struct child *c, int status)
{
	(void)status;
	free(c);
}

static void blk_destroy(struct device *d)
{
	struct blk *b = container_of(d, struct blk, d);

	timer_cancel(&b->retry);
	disconnect(b);
	if (b->child) {
		/* It may have to write back what an image format caches. */
		b->child->exited = child_free;
		child_kill(b->child, SIGTERM);
	}
	if (b->listen_fd >= 0)
		close(b->listen_fd);
	if (b->path_fd >= 0)
		close(b->path_fd);
	if (b->inflight_fd >= 0)
		close(b->inflight_fd);
	free(b->file);
	free(b->format);
	free(b->socket);
	free(b);
}

static struct device *blk_create(struct spec *spec, char **err)
{
	const char *file = spec_get(spec, "file");
	const char *socket = spec_get(spec, "socket");
	const char *format = spec_get(spec, "format");
	struct blk *b;
	unsigned int q;
	char *real;

	if (!file == !socket) {
		*err = xasprintf("blk needs either file=PATH, an image, or socket=PATH, of a vhost-user back end");
		return NULL;
	}
	b = xzalloc(sizeof(*b));
	b->conn.fd = -1;
	b->listen_fd = -1;
	b->path_fd = -1;
	b->inflight_fd = -1;
	for (q = 0; q < VMSG_MAX_VQS; q++) {
		b->ring[q].kick = -1;
		b->ring[q].call.fd = -1;
		b->vq[q].max_size = RING_SIZE;
	}
	b->retry.fn = on_retry;
	b->retry.priv = b;
	b->watch.fn = on_watch;
	b->watch.priv = b;
	b->read_only = spec_bool(spec, "ro", false, err);
	b->inflight = spec_bool(spec, "inflight", false, err);
	b->indirect = spec_bool(spec, "indirect", true, err);
	b->queues = (unsigned int)spec_number(spec, "queues", 0, 1, VMSG_MAX_VQS,
					      err);
	if (*err)
		goto fail;
	if (file) {
		if (access(file, b->read_only ? R_OK : R_OK | W_OK) < 0) {
			*err = xasprintf("file=%s: %s; it must be a file that can be %s",
					 file, strerror(errno),
					 b->read_only ? "read" : "written, or with ro=on be read");
			goto fail;
		}
		real = realpath(file, NULL);
		if (!real || make_listener(b) < 0) {
			*err = xasprintf("%s: %s", file, strerror(errno));
			free(real);
			goto fail;
		}
		b->file = real;
		b->format = xstrdup(format ? format : "raw");
		/* What other formats know is not all in the file at any time. */
		b->d.volatile_state = strcmp(b->format, "raw");
	} else {
		if (strlen(socket) >= sizeof(((struct sockaddr_un *)0)->sun_path)) {
			*err = xasprintf("socket=%s: the name is too long: at most %zu bytes",
					 socket,
					 sizeof(((struct sockaddr_un *)0)->sun_path) - 1);
			goto fail;
		}
		b->socket = xstrdup(socket);
	}
	b->dev.ops = &ops;
	b->dev.device_id = VMSG_ID_BLOCK;
	b->dev.config = b->config;
	b->dev.config_len = BLK_CONFIG_LEN;
	b->dev.vqs = b->vq;
	b->dev.priv = b;
	b->d.vd = &b->dev;
	b->d.identity = xasprintf("blk:%s", b->file ? b->file : b->socket);
	return &b->d;
fail:
	blk_destroy(&b->d);
	return NULL;
}

static void blk_open(struct device *d)
{
	struct blk *b = container_of(d, struct blk, d);

	b->opening = true;
	b->opened = now_ms();
	if (b->file)
		spawn(b);
	else
		connect_backend(b);
}

const struct device_type blk_type = {
	.name = "blk",
	.help = "blk,file=PATH[,ro=on][,queues=N][,format=raw][,inflight=on][,indirect=off]\n"
		"blk,socket=PATH[,queues=N][,inflight=on][,indirect=off]",
	.create = blk_create,
	.open = blk_open,
	.destroy = blk_destroy,
};
