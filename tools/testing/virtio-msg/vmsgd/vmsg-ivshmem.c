// SPDX-License-Identifier: GPL-2.0-only
/*
 * vmsg-ivshmem: a small ivshmem server that formats a virtio-msg segment
 *
 * It owns the socket, the memory and the eventfds, and does nothing else: so it
 * outlives both QEMU, which cannot reconnect to a server that died, and the
 * daemon with the devices.  Both are clients like any other.
 *
 * The protocol is that of QEMU's ivshmem specification: 8-byte little-endian
 * numbers from the server to the client, some with a file descriptor.
 */
#define _GNU_SOURCE
#include <argp.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util.h"
#include "../device/vmsg.h"

#define PROTOCOL_VERSION	0
#define MAX_VECTORS		64
#define MAX_PEERS		64
#define QUEUE_LIMIT		8192	/* messages a slow client may owe us */

struct message {
	int64_t value;
	int fd;			/* a duplicate of our own, or -1 */
	struct message *next;
};

struct peer {
	struct source src;
	int64_t id;
	int vector[MAX_VECTORS];
	struct message *first, **last;
	unsigned int queued;
	bool doomed;
	struct peer *next;
};

static struct {
	const char *socket;
	const char *mem;
	uint64_t size;
	unsigned int vectors;
	struct vmsg_seg_params seg;
} opt = {
	.mem = "memfd",
	.size = 64 << 20,
	.vectors = 1,
	.seg = {
		.num_notif = 64,
		.vq_per_dev = 8,
		.num_elems = 128,
		.elem_size = 256,
	},
};

static struct peer *peers;
static unsigned int npeers;
static int64_t next_id;
static int shm_fd = -1;
static char *seg_mem;
static struct virtio_msg_seg_ext *seg_ext;
static uint64_t dev_head, drv_head;
static bool stopping;

/* ------------------------------------------------------------- clients */

static void doom(struct peer *p, const char *why)
{
	if (p->doomed)
		return;
	debug("peer %lld: %s", (long long)p->id, why);
	p->doomed = true;
}

static void queue_message(struct peer *p, int64_t value, int fd)
{
	struct message *m;

	if (p->doomed)
		return;
	if (p->queued >= QUEUE_LIMIT) {
		doom(p, "does not read what it is sent");
		return;
	}
	m = xzalloc(sizeof(*m));
	m->value = value;
	m->fd = -1;
	if (fd >= 0) {
		m->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
		if (m->fd < 0) {
			free(m);
			doom(p, "no file descriptor left for it");
			return;
		}
	}
	*p->last = m;
	p->last = &m->next;
	p->queued++;
}

static void drop_first(struct peer *p)
{
	struct message *m = p->first;

	p->first = m->next;
	if (!p->first)
		p->last = &p->first;
	p->queued--;
	if (m->fd >= 0)
		close(m->fd);
	free(m);
}

/* Send what fits; the rest goes when the client has read something. */
static void pump(struct peer *p)
{
	while (p->first && !p->doomed) {
		int64_t le = (int64_t)htole64((uint64_t)p->first->value);
		char control[CMSG_SPACE(sizeof(int))] = { 0 };
		struct iovec iov = { .iov_base = &le, .iov_len = sizeof(le) };
		struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
		struct cmsghdr *cm;
		ssize_t n;

		if (p->first->fd >= 0) {
			msg.msg_control = control;
			msg.msg_controllen = sizeof(control);
			cm = CMSG_FIRSTHDR(&msg);
			cm->cmsg_level = SOL_SOCKET;
			cm->cmsg_type = SCM_RIGHTS;
			cm->cmsg_len = CMSG_LEN(sizeof(int));
			memcpy(CMSG_DATA(cm), &p->first->fd, sizeof(int));
		}
		n = sendmsg(p->src.fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0 && errno == EINTR)
			continue;
		/* ETOOMANYREFS: it holds too many of our descriptors unread. */
		if (n < 0 && (errno == EAGAIN || errno == ETOOMANYREFS))
			break;
		if (n != sizeof(le)) {
			doom(p, "sending failed");
			return;
		}
		drop_first(p);
	}
	loop_mod(&p->src, EPOLLIN | (p->first ? EPOLLOUT : 0));
}

/*
 * A client that was killed says no last word, so the server leaves it in its
 * stead: SHUTDOWN, as a crashing side may, and a doorbell.  The other side
 * learns of the loss at once and not by a time-out.  Where the head lies was
 * noted when the memory was formatted; what clients write is not trusted.
 */
static void last_word(const struct peer *dead)
{
	const uint64_t one = 1;
	uint64_t head = 0;
	struct peer *q;

	/* The bare layout does not say who is who. */
	if (opt.seg.bare || dead->id < 0 || dead->id >= VIRTIO_MSG_PEER_NONE)
		return;
	if (le16toh(__atomic_load_n(&seg_ext->device_peer, __ATOMIC_ACQUIRE)) == dead->id)
		head = dev_head;
	else if (le16toh(__atomic_load_n(&seg_ext->driver_peer, __ATOMIC_ACQUIRE)) == dead->id)
		head = drv_head;
	if (!head)
		return;
	__atomic_store_n(&((struct virtio_msg_qhead *)(seg_mem + head))->status,
			 htole16(VIRTIO_MSG_ST_SHUTDOWN), __ATOMIC_SEQ_CST);
	for (q = peers; q; q = q->next)
		if (q != dead && !q->doomed &&
		    write(q->vector[0], &one, sizeof(one)) != sizeof(one))
			info("peer %lld: its doorbell does not work: %m",
			     (long long)q->id);
}

static void bury(void)
{
	struct peer **pp, *p, *q;
	unsigned int v;

again:
	for (pp = &peers; (p = *pp); pp = &p->next) {
		if (!p->doomed)
			continue;
		*pp = p->next;
		npeers--;
		info("peer %lld disconnected", (long long)p->id);
		loop_del(&p->src);
		close(p->src.fd);
		last_word(p);
		for (v = 0; v < opt.vectors; v++)
			close(p->vector[v]);
		while (p->first)
			drop_first(p);
		for (q = peers; q; q = q->next)
			queue_message(q, p->id, -1);
		free(p);
		for (q = peers; q; q = q->next)
			pump(q);
		goto again;
	}
}

static void on_peer(struct source *src, uint32_t events)
{
	struct peer *p = container_of(src, struct peer, src);
	char buf[64];
	ssize_t n;

	if (events & EPOLLOUT)
		pump(p);
	if (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) {
		/* Clients have nothing to say; only their end is of interest. */
		n = recv(src->fd, buf, sizeof(buf), MSG_DONTWAIT);
		if (!n || (n < 0 && errno != EAGAIN && errno != EINTR))
			doom(p, "closed");
	}
	bury();
}

static bool id_in_use(int64_t id)
{
	struct peer *p;

	for (p = peers; p; p = p->next)
		if (p->id == id)
			return true;
	return false;
}

static void on_connect(struct source *src, uint32_t events)
{
	struct peer *p, *q;
	unsigned int v;
	int fd;

	(void)events;
	fd = accept4(src->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd < 0)
		return;
	if (npeers >= MAX_PEERS) {
		info("more than %d peers: refused", MAX_PEERS);
		close(fd);
		return;
	}
	p = xzalloc(sizeof(*p));
	p->src.fd = fd;
	p->src.fn = on_peer;
	p->last = &p->first;
	/* A number is not used again soon: it may still be on someone's mind. */
	while (id_in_use(next_id))
		next_id = (next_id + 1) % VIRTIO_MSG_PEER_NONE;
	p->id = next_id;
	next_id = (next_id + 1) % VIRTIO_MSG_PEER_NONE;
	for (v = 0; v < opt.vectors; v++) {
		p->vector[v] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		if (p->vector[v] < 0) {
			info("eventfd: %m");
			while (v--)
				close(p->vector[v]);
			close(fd);
			free(p);
			return;
		}
	}
	if (loop_add(&p->src, EPOLLIN) < 0) {
		info("epoll: %m");
		for (v = 0; v < opt.vectors; v++)
			close(p->vector[v]);
		close(fd);
		free(p);
		return;
	}

	queue_message(p, PROTOCOL_VERSION, -1);
	queue_message(p, p->id, -1);
	queue_message(p, -1, shm_fd);
	for (q = peers; q; q = q->next)
		for (v = 0; v < opt.vectors; v++) {
			queue_message(p, q->id, q->vector[v]);
			queue_message(q, p->id, p->vector[v]);
		}
	for (v = 0; v < opt.vectors; v++)
		queue_message(p, p->id, p->vector[v]);
	p->next = peers;
	peers = p;
	npeers++;
	info("peer %lld connected", (long long)p->id);
	for (q = peers; q; q = q->next)
		pump(q);
	bury();
}

static void on_signal(struct source *src, uint32_t events)
{
	struct signalfd_siginfo si;

	(void)events;
	if (read(src->fd, &si, sizeof(si)) == sizeof(si))
		stopping = true;
}

/* -------------------------------------------------------------- memory */

static void *make_memory(void)
{
	void *mem;

	if (!strcmp(opt.mem, "memfd")) {
		shm_fd = memfd_create("vmsg-ivshmem", MFD_CLOEXEC | MFD_ALLOW_SEALING);
		if (shm_fd < 0) {
			info("memfd_create: %m");
			return NULL;
		}
	} else {
		shm_fd = open(opt.mem, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
		if (shm_fd < 0) {
			info("--mem %s: %m; expected is a file that can be written, or memfd",
			     opt.mem);
			return NULL;
		}
		/* What an earlier server left is of no use to anybody. */
		if (ftruncate(shm_fd, 0) < 0) {
			info("--mem %s: %m; expected is a file that can be written, or memfd",
			     opt.mem);
			return NULL;
		}
	}
	if (ftruncate(shm_fd, (off_t)opt.size) < 0) {
		info("--size %llu: no such shared memory: %m", (unsigned long long)opt.size);
		return NULL;
	}
	/* No client can make the others die of SIGBUS. */
	if (!strcmp(opt.mem, "memfd") &&
	    fcntl(shm_fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0) {
		info("sealing: %m");
		return NULL;
	}
	mem = mmap(NULL, opt.size, PROT_READ | PROT_WRITE, MAP_SHARED, shm_fd, 0);
	if (mem == MAP_FAILED) {
		info("mmap: %m");
		return NULL;
	}
	return mem;
}

/* ------------------------------------------------------------- options */

enum { O_SIZE = 256, O_VECTORS, O_MEM, O_ELEMS, O_ELEM_SIZE, O_WORDS,
	O_VQ_PER_DEV, O_WINDOW, O_BARE, O_SOCKET };

static const struct argp_option options[] = {
	{ "socket", O_SOCKET, "PATH", 0, "Unix socket to listen on (required)", 1 },
	{ "size", O_SIZE, "BYTES", 0,
	  "Size of the memory, a power of two; K, M and G may follow (64M)", 1 },
	{ "vectors", O_VECTORS, "N", 0,
	  "Doorbell vectors of each peer, as in QEMU's vectors= (1)", 1 },
	{ "mem", O_MEM, "FILE", 0,
	  "File to use as memory, or memfd for a sealed anonymous one (memfd)", 1 },
	{ "elems", O_ELEMS, "N", 0, "Elements of each message ring (128)", 2 },
	{ "elem-size", O_ELEM_SIZE, "BYTES", 0,
	  "Size of one element, 64 to 65528, a multiple of 8 (256)", 2 },
	{ "words", O_WORDS, "N", 0, "Notification words each way, 0 to 64 (64)", 2 },
	{ "vq-per-dev", O_VQ_PER_DEV, "N", 0,
	  "Notification bits of one device: 1, 2, 4, 8 or 16 (8)", 2 },
	{ "window", O_WINDOW, "OFFSET[,LENGTH]", 0,
	  "Where rings and buffers go (all that the rest leaves)", 2 },
	{ "bare", O_BARE, NULL, 0,
	  "The public layout alone, without instances, window and wire revisions", 2 },
	{ "verbose", 'v', NULL, 0, "Tell more", 3 },
	{ 0 }
};

static uint64_t number(const char *arg, struct argp_state *state,
		       const char *what, char **end)
{
	unsigned long long v;
	char *e;

	errno = 0;
	v = strtoull(arg, &e, 0);
	if (errno || e == arg || *arg == '-')
		argp_error(state, "%s: '%s' is not a number such as 4096, 64K or 16M", what, arg);
	switch (*e) {
	case 'G': case 'g':
		v *= 1024;
		/* fall through */
	case 'M': case 'm':
		v *= 1024;
		/* fall through */
	case 'K': case 'k':
		v *= 1024;
		e++;
	}
	if (end)
		*end = e;
	else if (*e)
		argp_error(state, "%s: '%s' is not a number such as 4096, 64K or 16M", what, arg);
	return v;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	uint64_t v;
	char *end;

	switch (key) {
	case O_SOCKET:
		opt.socket = arg;
		break;
	case O_SIZE:
		opt.size = number(arg, state, "--size", NULL);
		if (opt.size < 65536 || opt.size & (opt.size - 1))
			argp_error(state, "--size: '%s' must be a power of two from 64K on", arg);
		break;
	case O_VECTORS:
		v = number(arg, state, "--vectors", NULL);
		if (!v || v > MAX_VECTORS)
			argp_error(state, "--vectors: '%s' must be 1 to %d", arg, MAX_VECTORS);
		opt.vectors = (unsigned int)v;
		break;
	case O_MEM:
		opt.mem = arg;
		break;
	case O_ELEMS:
		v = number(arg, state, "--elems", NULL);
		opt.seg.num_elems = v > 65536 ? 65536 : (uint32_t)v;
		break;
	case O_ELEM_SIZE:
		v = number(arg, state, "--elem-size", NULL);
		opt.seg.elem_size = v > 65536 ? 65536 : (uint32_t)v;
		break;
	case O_WORDS:
		v = number(arg, state, "--words", NULL);
		opt.seg.num_notif = v > 65 ? 65 : (uint32_t)v;
		break;
	case O_VQ_PER_DEV:
		v = number(arg, state, "--vq-per-dev", NULL);
		opt.seg.vq_per_dev = v > 17 ? 17 : (uint32_t)v;
		break;
	case O_WINDOW:
		opt.seg.window_offset = number(arg, state, "--window", &end);
		if (*end == ',')
			opt.seg.window_length = number(end + 1, state,
						       "--window", NULL);
		else if (*end)
			argp_error(state, "--window: '%s' is not OFFSET[,LENGTH]", arg);
		break;
	case O_BARE:
		opt.seg.bare = true;
		break;
	case 'v':
		verbose = true;
		break;
	case ARGP_KEY_ARG:
		argp_error(state, "unexpected argument '%s'", arg);
		break;
	case ARGP_KEY_END:
		if (!opt.socket)
			argp_error(state, "--socket PATH is required, where QEMU and vmsgd connect");
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

const char *argp_program_version = "vmsg-ivshmem " VMSG_VERSION;

static const struct argp argp = {
	.options = options,
	.parser = parse,
	.doc = "Serve one ivshmem memory with a virtio-msg segment in it.\v"
	"Examples:\n"
	"  vmsg-ivshmem --socket /run/vm.ivshmem &\n"
	"  vmsgd --ivshmem /run/vm.ivshmem --dev rng &\n"
	"  qemu-system-aarch64 ... -chardev socket,path=/run/vm.ivshmem,id=iv \\\n"
	"      -device ivshmem-doorbell,vectors=1,chardev=iv\n\n"
	"SIGTERM ends it; the socket is removed.",
};

int main(int argc, char **argv)
{
	struct source listener = { .fn = on_connect };
	struct source signals = { .fn = on_signal };
	sigset_t set;
	void *mem;

	argp_parse(&argp, argc, argv, 0, NULL, NULL);
	loop_init();
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	signals.fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (signals.fd < 0 || loop_add(&signals, EPOLLIN) < 0) {
		info("signalfd: %m");
		return 1;
	}

	mem = make_memory();
	if (!mem)
		return 1;
	if (vmsg_seg_format(mem, opt.size, &opt.seg)) {
		info("this layout of %llu bytes is not possible: see --help for the bounds, and the window must follow the rings and fit",
		     (unsigned long long)opt.size);
		return 1;
	}

	seg_mem = mem;
	seg_ext = (void *)(seg_mem + VIRTIO_MSG_EXT_OFFSET);
	dev_head = le64toh(((struct virtio_msg_seg_hdr *)mem)->dev_head);
	drv_head = le64toh(((struct virtio_msg_seg_hdr *)mem)->drv_head);

	listener.fd = unix_listen(opt.socket);
	if (listener.fd < 0 || loop_add(&listener, EPOLLIN) < 0) {
		info("--socket %s: no socket can be made there: %m", opt.socket);
		return 1;
	}
	info("serving %llu KiB on %s", (unsigned long long)opt.size >> 10,
	     opt.socket);
	while (!stopping)
		loop_round(-1);
	unlink(opt.socket);
	info("ended");
	return 0;
}
