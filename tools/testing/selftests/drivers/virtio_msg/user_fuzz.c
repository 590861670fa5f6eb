// SPDX-License-Identifier: GPL-2.0-only
/*
 * Random calls of /dev/virtio-msg: ioctls, frames, memory, life and death
 *
 * Some are valid, so that there is always something behind the door: buses with
 * a device, successors, eventfds.  The kernel log is what tells whether it went
 * well; the program itself says how far it came, and that is checked.
 *
 * Needs root and the module virtio_msg_user; prints KTAP.
 */
#define _GNU_SOURCE
#include <linux/falloc.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include "user_dev.h"

#define FILES	5
#define NAMES	3
#define EVENTS	4

static uint64_t state;
static struct ud files[FILES];
static int events[EVENTS];
static int epfd;
static uint8_t *junk;
static __attribute__((aligned(8))) uint8_t buf[65536];

enum {
	N_SETUP, N_TAKE, N_FRAMES, N_ACCEPTED, N_REFUSED, N_READY, N_EVENTFD,
	N_COUNT
};

static unsigned long count[N_COUNT];
static const char * const count_names[N_COUNT] = {
	"setups", "take-overs", "frames", "frames taken", "frames refused",
	"drivers", "eventfds",
};

static uint64_t rnd(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state * 0x2545f4914f6cdd1dULL >> 16;
}

static uint32_t below(uint32_t n)
{
	return rnd() % n;
}

static bool chance(uint32_t one_in)
{
	return !below(one_in);
}

static uint64_t odd_number(void)
{
	static const uint64_t n[] = {
		0, 1, 2, 7, 8, 12, 63, 64, 80, 120, 255, 256, 4095, 4096, 4097, 65535,
		65536, 1 << 20, 0x7fffffff, 0x80000000, 0xffffffff, 1ULL << 32,
		1ULL << 48, 1ULL << 63, ~0ULL, ~0ULL << 12,
	};

	return chance(3) ? rnd() : n[below(sizeof(n) / sizeof(*n))] + below(3) - 1;
}

static void scramble(void *p, size_t len, unsigned int times)
{
	uint8_t *b = p;
	uint64_t v;
	size_t at, n;

	while (times--) {
		v = odd_number();
		at = below(len);
		n = 1 << below(4);
		memcpy(b + at, &v, n < len - at ? n : len - at);
	}
}

static struct ud *any(void)
{
	return &files[below(FILES)];
}

static void name(char *to)
{
	memset(to, 0, VIRTIO_MSG_USER_NAME_LEN);
	if (!chance(4))
		sprintf(to, "fuzz%u", below(NAMES));
}

static void drop(struct ud *d)
{
	ud_close(d);
	ud_init(d);
}

static void do_open(struct ud *d)
{
	if (d->fd < 0)
		d->fd = ud_open();
}

/* The file has become the bus @n; memory of the one before is left. */
static void adopt(struct ud *d, struct ud *n)
{
	n->fd = d->fd;
	d->fd = -1;
	ud_close(d);
	if (ud_map(n) < 0)
		n->win = NULL;
	*d = *n;
}

static void do_setup(struct ud *d)
{
	struct virtio_msg_user_setup s;
	struct ud n;

	do_open(d);
	ud_init(&n);
	s = n.s;
	s.window_size = (16ULL + below(48)) * getpagesize();
	s.wire = chance(4) ? below(4) : VIRTIO_MSG_WIRE_XID32;
	s.flags = below(2);
	name(s.name);
	if (s.name[0] && !chance(3))
		s.recover_ms = below(3000);
	if (chance(4))
		s.frames = 8 + below(100);
	if (chance(5))
		scramble(&s, sizeof(s), 1 + below(3));
	if (ioctl(d->fd, VIRTIO_MSG_USER_SETUP, &s) < 0)
		return;
	count[N_SETUP]++;
	n.s = s;
	n.absent = chance(4);
	adopt(d, &n);
}

static void do_take(struct ud *d)
{
	struct virtio_msg_user_take_over t = { .size = sizeof(t), .flags = below(2) };
	struct ud n;

	do_open(d);
	name(t.name);
	if (chance(5))
		scramble(&t, sizeof(t), 1);
	if (ioctl(d->fd, VIRTIO_MSG_USER_TAKE_OVER, &t) < 0)
		return;
	count[N_TAKE]++;
	ud_init(&n);
	n.s = t.setup;
	n.absent = chance(6);
	adopt(d, &n);
}

static void do_eventfd(struct ud *d)
{
	struct virtio_msg_user_eventfd e = {
		.size = sizeof(e),
		.what = 1 + below(2),
		.dev_num = chance(3) ? rnd() : UD_NUM,
		.vq = chance(3) ? rnd() : 0,
		.fd = chance(5) ? -1 : events[below(EVENTS)],
	};

	if (chance(8))
		scramble(&e, sizeof(e), 1);
	if (!ioctl(d->fd, VIRTIO_MSG_USER_SET_EVENTFD, &e) && e.fd >= 0)
		count[N_EVENTFD]++;
}

static void do_signal(void)
{
	int *e = &events[below(EVENTS)];

	if (chance(50)) {
		close(*e);
		*e = eventfd(0, EFD_NONBLOCK | (chance(3) ? EFD_SEMAPHORE : 0));
	} else if (chance(4)) {
		eventfd_t v;

		eventfd_read(*e, &v);
	} else {
		eventfd_write(*e, chance(9) ? ~0ULL - 1 : 1);
	}
}

/* Any number, any structure, any size. */
static void do_ioctl(struct ud *d)
{
	unsigned int cmd = chance(3) ? (unsigned int)rnd() :
			   _IOC(below(4), VIRTIO_MSG_USER_IOC, below(6), below(200));
	uint64_t *p = (uint64_t *)junk;
	int i;

	for (i = 0; i < 30; i++)
		p[i] = chance(3) ? odd_number() : 0;
	if (!chance(3))
		*(uint32_t *)junk = chance(2) ? 40 + 40 * below(3) : below(5000);
	switch (below(6)) {
	case 0:
		ioctl(d->fd, cmd, odd_number());
		break;
	case 1:
		/* Across the end of what is mapped. */
		memmove(junk + 65536 - 60, junk, 60);
		ioctl(d->fd, cmd, junk + 65536 - 60);
		break;
	default:
		ioctl(d->fd, cmd, junk);
	}
}

static void do_read(struct ud *d)
{
	ssize_t n;

	switch (below(4)) {
	case 0:
		n = read(d->fd, (void *)odd_number(), odd_number());
		break;
	case 1:
		n = read(d->fd, junk + 65536 - below(200), 200);
		break;
	default:
		n = read(d->fd, buf, below(sizeof(buf)));
	}
	if (n > 0)
		count[N_FRAMES]++;
}

static void wrote(ssize_t n)
{
	count[n > 0 ? N_ACCEPTED : N_REFUSED]++;
}

static void do_write(struct ud *d)
{
	static const uint8_t ids[] = {
		2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 0x40, 0x41, 0x42, 0x43, 0x80, 0xc0,
	};
	uint32_t pos = 0, frames = 1 + below(chance(10) ? 400 : 4), len, i;

	switch (below(8)) {
	case 0:
		for (i = 0; i < 32; i++)
			((uint64_t *)buf)[i] = rnd();
		wrote(write(d->fd, buf, below(256)));
		return;
	case 1:
		wrote(write(d->fd, (void *)odd_number(), odd_number()));
		return;
	case 2:
		wrote(write(d->fd, junk + 65536 - below(100), 100));
		return;
	}
	memset(buf, 0, sizeof(buf));
	while (frames-- && pos < sizeof(buf) - 512) {
		len = chance(4) ? below(200) : 4;
		ud_hdr(buf + pos, below(4), ids[below(sizeof(ids))],
		       chance(2) ? UD_NUM : below(4), len,
		       chance(3) ? odd_number() : 0);
		for (i = 0; i < len; i++)
			buf[pos + UD_HDR + i] = chance(2) ? 0 : rnd();
		/* A PING, or news of a device, are good ones. */
		if (!chance(3)) {
			if (chance(3)) {
				ud_hdr(buf + pos, 2, VIRTIO_MSG_BUS_EVENT_DEVICE, 0, 4, 0);
				buf[pos + UD_HDR] = UD_NUM;
				buf[pos + UD_HDR + 2] = 1 + below(2);
				buf[pos + UD_HDR + 1] = 0;
				buf[pos + UD_HDR + 3] = 0;
			} else {
				ud_hdr(buf + pos, 2, VIRTIO_MSG_BUS_PING, 0, 4, 1 + below(9));
			}
			memset(buf + pos + 16, 0, 200);
			len = 4;
		}
		if (chance(20))
			scramble(buf + pos, UD_HDR, 1);
		pos += (UD_HDR + len + 7) & ~7;
	}
	wrote(write(d->fd, buf, chance(6) ? below(pos + 20) : pos));
}

/* Play the device, mostly well. */
static void do_serve(struct ud *d)
{
	static __attribute__((aligned(8))) uint8_t out[UD_MSG];
	uint32_t was = d->status;
	ssize_t n, pos = 0;
	uint64_t v;
	int len;

	if (d->fd < 0)
		return;
	if (d->s.wire != VIRTIO_MSG_WIRE_XID32) {
		do_read(d);
		return;
	}
	n = read(d->fd, buf, 4096);
	while (pos + UD_HDR <= n) {
		count[N_FRAMES]++;
		len = ud_answer(d, buf + pos, out);
		if (len && !chance(100)) {
			if (chance(40))
				scramble(out, len, 1);
			wrote(write(d->fd, out, len));
			if (chance(40))
				wrote(write(d->fd, out, len));
		}
		len = (ud_get16(buf + pos + 4) + 7) & ~7;
		pos += len ? len : 8;
	}
	if (chance(3)) {
		ud_buffers(d);
		v = 1;
		if (write(events[below(EVENTS)], &v, 8) < 0)
			return;
	}
	if (ud_ready(d) && !(was & 4))
		count[N_READY]++;
}

static void do_memory(struct ud *d)
{
	size_t len = odd_number() & ((1 << 22) - 1);
	int w = d->s.window_fd;
	void *p;

	if (w < 0)
		return;
	switch (below(10)) {
	case 0:
		p = mmap(NULL, len, 1 + below(3), 1 + below(2), w,
			 odd_number() & 0x1fffff & ~4095UL);
		if (p != MAP_FAILED)
			munmap(p, len);
		break;
	case 1:
		if (ftruncate(w, odd_number()) < 0)
			break;
		break;
	case 2:
		fallocate(w, below(4), odd_number() & 0xfffff, odd_number() & 0xfffff);
		break;
	case 3:
		fcntl(w, 1033, below(32));
		break;
	case 4:
		p = mmap(NULL, 4096, PROT_READ, MAP_SHARED, d->fd, odd_number() & ~4095ULL);
		if (p != MAP_FAILED)
			munmap(p, 4096);
		break;
	case 5:
		if (pwrite(w, buf, below(5000), odd_number() & 0x1fffff) < 0)
			break;
		break;
	default:
		/* Rings and buffers under the driver's hands. */
		if (d->win)
			scramble(d->win, d->s.window_size, below(20));
	}
}

static void do_life(struct ud *d)
{
	int fd, status;
	pid_t pid;

	switch (below(12)) {
	case 0:
		fd = dup(d->fd);
		if (fd >= 0) {
			close(d->fd);
			d->fd = fd;
		}
		break;
	case 1:
		pid = fork();
		if (!pid) {
			do_serve(d);
			do_write(d);
			_exit(0);
		}
		waitpid(pid, &status, 0);
		break;
	case 2:
		/* The file is closed, its memory stays. */
		close(d->fd);
		d->fd = -1;
		break;
	case 3:
		/* The other way round: it can be taken over. */
	case 4:
	case 5:
		drop(d);
		break;
	default:
		if (chance(8))
			drop(d);
	}
}

static void do_poll(struct ud *d)
{
	struct epoll_event e = { .events = EPOLLIN | EPOLLOUT | (chance(2) ? EPOLLET : 0) };
	struct epoll_event got[4];
	struct pollfd p = { .fd = d->fd, .events = rnd() };

	if (chance(2)) {
		poll(&p, 1, 0);
		return;
	}
	epoll_ctl(epfd, chance(2) ? EPOLL_CTL_ADD : EPOLL_CTL_DEL,
		  chance(2) ? d->fd : events[below(EVENTS)], &e);
	epoll_wait(epfd, got, 4, 0);
}

static void look(void)
{
	static const char * const paths[] = {
		"/sys/kernel/debug/virtio-msg/virtio-msg%u/bus",
		"/sys/kernel/debug/virtio-msg/virtio-msg%u/inflight",
		"/sys/class/virtio-msg/virtio-msg%u/state",
	};
	char path[80];
	int fd;

	snprintf(path, sizeof(path), paths[below(3)], below(6));
	fd = open(path, O_RDONLY);
	if (fd < 0)
		return;
	if (read(fd, buf, sizeof(buf)) < 0)
		perror(path);
	close(fd);
}

static void step(void)
{
	struct ud *d = any();
	uint32_t n = below(1000);

	if (d->fd < 0 || n < 8)
		do_setup(d);
	else if (n < 20)
		do_take(d);
	else if (n < 80)
		do_ioctl(d);
	else if (n < 160)
		do_eventfd(d);
	else if (n < 220)
		do_signal();
	else if (n < 300)
		do_read(d);
	else if (n < 450)
		do_write(d);
	else if (n < 500)
		do_memory(d);
	else if (n < 530)
		do_poll(d);
	else if (n < 532)
		look();
	else if (n < 552)
		do_life(d);
	else
		do_serve(d);
}

int main(int argc, char **argv)
{
	unsigned long n = 20000, i;
	uint64_t start = ud_ms();
	bool deep = true;
	int opt;

	state = 1;
	while ((opt = getopt(argc, argv, "n:s:")) != -1) {
		switch (opt) {
		case 'n':
			n = strtoul(optarg, NULL, 0);
			break;
		case 's':
			state = strtoull(optarg, NULL, 0);
			break;
		default:
			fprintf(stderr, "Usage: %s [-n CALLS] [-s SEED]\n", argv[0]);
			return 2;
		}
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (access(UD_NODE, F_OK)) {
		printf("1..0 # SKIP no %s\n", UD_NODE);
		return 4;
	}
	printf("KTAP version 1\n1..1\n# %lu calls, seed %llu\n", n,
	       (unsigned long long)state);
	/* Seeds that are alike are to differ soon, and none is zero. */
	state = (state + 1) * 0x9e3779b97f4a7c15ULL | 1;
	for (i = 0; i < 20; i++)
		rnd();

	signal(SIGPIPE, SIG_IGN);
	junk = mmap(NULL, 1 << 17, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	epfd = epoll_create1(EPOLL_CLOEXEC);
	if (junk == MAP_FAILED || epfd < 0 || munmap(junk + 65536, 65536)) {
		perror("mmap");
		return 1;
	}
	for (i = 0; i < FILES; i++)
		ud_init(&files[i]);
	for (i = 0; i < EVENTS; i++)
		events[i] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);

	for (i = 0; i < n; i++) {
		step();
		if (i && !(i % 100000))
			printf("# %lu calls, %llu ms\n", i,
			       (unsigned long long)(ud_ms() - start));
	}
	for (i = 0; i < FILES; i++)
		drop(&files[i]);
	for (i = 0; i < N_COUNT; i++) {
		printf("# %s: %lu\n", count_names[i], count[i]);
		/* In a short run by luck, in a long one for sure. */
		if (n >= 20000 && !count[i])
			deep = false;
	}
	printf("# %llu ms\n", (unsigned long long)(ud_ms() - start));
	printf("%s 1 random calls\n", deep ? "ok" : "not ok");
	return !deep;
}
