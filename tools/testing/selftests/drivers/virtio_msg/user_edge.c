// SPDX-License-Identifier: GPL-2.0-only
/*
 * The edges of /dev/virtio-msg: each call that is refused gives the errno of
 * Documentation/userspace-api/virtio-msg.rst and changes nothing.
 *
 * Needs root and the module virtio_msg_user; prints KTAP.
 */
#define _GNU_SOURCE
#include <linux/falloc.h>
#include <linux/userfaultfd.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include "user_dev.h"

#ifndef F_ADD_SEALS
#define F_ADD_SEALS	1033
#define F_GET_SEALS	1034
#define F_SEAL_SEAL	1
#define F_SEAL_SHRINK	2
#define F_SEAL_GROW	4
#define F_SEAL_WRITE	8
#endif

static int bad;

/* Why a test could not be made, or NULL */
static const char *skipped;

/* An address where nothing is, and that the compiler does not know. */
static void *volatile nowhere;

static void __attribute__((format(printf, 2, 3)))
check(bool ok, const char *fmt, ...)
{
	va_list ap;

	if (ok)
		return;
	bad++;
	printf("# wrong: ");
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("\n");
	fflush(stdout);
}

/* A call that must fail, and how. */
#define FAILS(call, err)						\
do {									\
	int __want = (err);						\
	long __r;							\
									\
	errno = 0;							\
	__r = (call);							\
	check(__r == -1 && errno == __want, "line %d: %s: %ld, %s; want %s", \
	      __LINE__, #call, __r, strerrorname_np(errno),		\
	      strerrorname_np(__want));					\
} while (0)

#define WORKS(call)							\
do {									\
	long __r;							\
									\
	errno = 0;							\
	__r = (call);							\
	check(__r >= 0, "line %d: %s: %s", __LINE__, #call,		\
	      strerrorname_np(errno));					\
} while (0)

/* It lives, and takes frames in order: it answers a PING. */
static bool ponged(struct ud *d)
{
	return d->pong == 0x600d;
}

static bool alive(struct ud *d)
{
	uint8_t f[16];

	d->pong = 0;
	ud_hdr(f, VIRTIO_MSG_TYPE_BUS, VIRTIO_MSG_BUS_PING, 0, 4, 7);
	ud_put32(f + UD_HDR, 0x600d);
	if (write(d->fd, f, 16) != 16)
		return false;
	return ud_run(d, 5000, ponged);
}

static bool asked(struct ud *d)
{
	return d->requests;
}

/* A bus without devices, up. */
static bool bus(struct ud *d, const char *name)
{
	ud_init(d);
	d->absent = true;
	if (name)
		strcpy(d->s.name, name);
	if (ud_setup(d) < 0) {
		check(false, "SETUP %s: %s", name ?: "", strerrorname_np(errno));
		return false;
	}
	return ud_run(d, 5000, asked);
}

static bool gone(const char *fmt, unsigned int n)
{
	char path[64];
	int i;

	snprintf(path, sizeof(path), fmt, n);
	for (i = 0; i < 1000 && !access(path, F_OK); i++)
		usleep(10000);
	return access(path, F_OK);
}

static bool bus_gone(unsigned int n)
{
	return gone("/sys/class/virtio-msg/virtio-msg%u", n);
}

/* A child that runs @fn and says with its exit status whether all was well. */
static void child(void (*fn)(void *), void *arg)
{
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (!pid) {
		bad = 0;
		fn(arg);
		fflush(stdout);
		_exit(bad ? 1 : 0);
	}
	if (waitpid(pid, &status, 0) != pid || status)
		check(false, "the child failed (%#x)", status);
}

/*
 * Tests
 */

static void t_info(void)
{
	struct {
		struct virtio_msg_user_info i;
		uint64_t more;
	} b = { };
	int fd = ud_open(), devnull = 0;
	uint32_t page = 4097;
	uint8_t *big;

	b.i.size = sizeof(b.i);
	WORKS(ioctl(fd, VIRTIO_MSG_USER_GET_INFO, &b));
	check(b.i.version == VIRTIO_MSG_USER_VERSION, "version %u", b.i.version);
	check(b.i.wires == 15, "wires %#x", b.i.wires);
	check(b.i.setup_flags == VIRTIO_MSG_USER_F_KICKFD, "flags %#x", b.i.setup_flags);
	check(b.i.max_msg_size == 4096, "max_msg_size %u", b.i.max_msg_size);
	check(b.i.size == sizeof(b.i), "size %u", b.i.size);
	/* A newer caller: what he adds is zero, and stays. */
	b.i.size = sizeof(b);
	WORKS(ioctl(fd, VIRTIO_MSG_USER_GET_INFO, &b));
	check(!b.more && b.i.size == sizeof(b), "the tail was touched");
	b.more = 1;
	FAILS(ioctl(fd, VIRTIO_MSG_USER_GET_INFO, &b), E2BIG);
	check(b.more == 1, "the tail was touched");
	b.i.size = sizeof(b.i) - 1;
	FAILS(ioctl(fd, VIRTIO_MSG_USER_GET_INFO, &b), EINVAL);
	b.i.size = 0;
	FAILS(ioctl(fd, VIRTIO_MSG_USER_GET_INFO, &b), EINVAL);
	big = calloc(1, 1 << 17);
	page = getpagesize() + 1;
	memcpy(big, &page, 4);
	FAILS(ioctl(fd, VIRTIO_MSG_USER_GET_INFO, big), E2BIG);
	free(big);
	FAILS(ioctl(fd, VIRTIO_MSG_USER_GET_INFO, NULL), EFAULT);
	FAILS(ioctl(fd, _IOWR(0xbb, 0x20, int), &devnull), ENOTTY);
	FAILS(ioctl(fd, _IO('T', 1), &devnull), ENOTTY);
	close(fd);
}

static void t_before(void)
{
	struct virtio_msg_user_eventfd e = {
		.size = sizeof(e), .what = VIRTIO_MSG_USER_CALL, .fd = -1,
	};
	int fd = ud_open();
	struct pollfd p = { .fd = fd, .events = POLLIN | POLLOUT };
	char b[64] = "";

	FAILS(read(fd, b, sizeof(b)), ENOTCONN);
	FAILS(write(fd, b, sizeof(b)), ENOTCONN);
	FAILS(ioctl(fd, VIRTIO_MSG_USER_SET_EVENTFD, &e), ENOTCONN);
	check(!poll(&p, 1, 0), "poll says %#x", p.revents);
	FAILS(lseek(fd, 0, SEEK_SET), ESPIPE);
	check(mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0) == MAP_FAILED,
	      "the node can be mapped");
	close(fd);
}

/* A setup that is refused leaves the file as it was, and no descriptor. */
static void refused(int fd, struct virtio_msg_user_setup *s, int err, int line)
{
	struct virtio_msg_user_setup was = *s;
	int ret = ioctl(fd, VIRTIO_MSG_USER_SETUP, s);
	int got = errno;

	check(ret == -1 && got == err, "line %d: %d, %s; want %s", line, ret,
	      strerrorname_np(got), strerrorname_np(err));
	check(!memcmp(&was, s, sizeof(was)), "line %d: the structure has changed", line);
}

#define REFUSED(err, change)						\
do {									\
	struct virtio_msg_user_setup s = base.s;			\
									\
	change;								\
	refused(fd, &s, err, __LINE__);					\
} while (0)

static void t_setup(void)
{
	struct virtio_msg_user_take_over t = { .size = sizeof(t), .name = "x" };
	int fd = ud_open(), next, i;
	struct ud base, d;

	ud_init(&base);
	next = dup(fd);
	close(next);
	REFUSED(EINVAL, s.size--);
	REFUSED(EINVAL, s.size = 0);
	REFUSED(E2BIG, s.size = 1 << 20);
	REFUSED(EINVAL, s.flags = 2);
	REFUSED(EINVAL, s.wire = 4);
	REFUSED(EINVAL, s.max_msg_size = 63);
	REFUSED(EINVAL, s.max_msg_size = 4097);
	REFUSED(EINVAL, s.window_size = 0);
	REFUSED(EINVAL, s.window_size++);
	REFUSED(EINVAL, s.window_size = ~0ULL << 12);
	REFUSED(EINVAL, s.window_size = 1ULL << 40);
	REFUSED(EINVAL, s.frames = 7);
	REFUSED(EINVAL, s.frames = 1025);
	REFUSED(EINVAL, s.max_devices = 4097);
	REFUSED(EINVAL, s.recover_ms = 1000);
	REFUSED(EINVAL, s.recover_ms = ~0U; strcpy(s.name, "x"));
	REFUSED(EINVAL, s.reserved = 1);
	REFUSED(EINVAL, memset(s.name, 'x', sizeof(s.name)));
	REFUSED(EINVAL, strcpy(s.name, "a b"));
	REFUSED(EINVAL, s.name[31] = 1);
	FAILS(ioctl(fd, VIRTIO_MSG_USER_SETUP, NULL), EFAULT);
	FAILS(ioctl(fd, VIRTIO_MSG_USER_TAKE_OVER, NULL), EFAULT);
	FAILS(ioctl(fd, VIRTIO_MSG_USER_TAKE_OVER, &t), ENOENT);
	t.flags = 2;
	FAILS(ioctl(fd, VIRTIO_MSG_USER_TAKE_OVER, &t), EINVAL);
	t.flags = 0;
	t.name[0] = 0;
	FAILS(ioctl(fd, VIRTIO_MSG_USER_TAKE_OVER, &t), EINVAL);
	i = dup(fd);
	check(i == next, "descriptors were left: %d, %d before", i, next);
	close(i);
	close(fd);

	/* All of it at its limits works, each revision too. */
	for (i = 0; i < VIRTIO_MSG_WIRE_COUNT; i++) {
		ud_init(&d);
		d.s.wire = i;
		d.s.frames = i & 1 ? 8 : 1024;
		d.s.max_msg_size = i & 1 ? 64 : 4096;
		d.s.max_devices = 4096;
		d.s.window_size = 16 * (unsigned long)getpagesize();
		WORKS(ud_setup(&d));
		ud_run(&d, 100, NULL);
		ud_close(&d);
		check(bus_gone(d.s.bus), "virtio-msg%u is still there", d.s.bus);
	}

	if (!bus(&d, "twice"))
		return;
	check(d.s.frames == 256 && d.s.max_devices, "defaults: %u frames, %u devices",
	      d.s.frames, d.s.max_devices);
	FAILS(ioctl(d.fd, VIRTIO_MSG_USER_SETUP, &base.s), EISCONN);
	strcpy(t.name, "twice");
	FAILS(ioctl(d.fd, VIRTIO_MSG_USER_TAKE_OVER, &t), EISCONN);
	/* A name is given once. */
	fd = ud_open();
	strcpy(base.s.name, "twice");
	FAILS(ioctl(fd, VIRTIO_MSG_USER_SETUP, &base.s), EEXIST);
	FAILS(ioctl(fd, VIRTIO_MSG_USER_TAKE_OVER, &t), EBUSY);
	close(fd);
	check(alive(&d), "the bus does not answer");
	ud_close(&d);
	check(bus_gone(d.s.bus), "virtio-msg%u is still there", d.s.bus);
}

static sigjmp_buf jmp;

static void on_bus_error(int sig)
{
	(void)sig;
	siglongjmp(jmp, 1);
}

static bool faults(volatile uint8_t *p)
{
	bool ret = true;

	signal(SIGBUS, on_bus_error);
	if (!sigsetjmp(jmp, 1)) {
		(void)*p;
		ret = false;
	}
	signal(SIGBUS, SIG_DFL);
	return ret;
}

static void t_window(void)
{
	long page = getpagesize();
	uint8_t *p, *q, b = 1;
	struct stat st;
	char path[64];
	struct ud d;
	int fd, w;

	if (!bus(&d, NULL))
		return;
	w = d.s.window_fd;
	check(!fstat(w, &st) && st.st_size == 1 << 20, "size %lld", (long long)st.st_size);
	check(fcntl(w, F_GETFD) == FD_CLOEXEC, "not close-on-exec");
	check((fcntl(w, F_GETFL) & O_ACCMODE) == O_RDWR, "flags %#x", fcntl(w, F_GETFL));
	check(fcntl(w, F_GET_SEALS) == (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW),
	      "seals %#x", fcntl(w, F_GET_SEALS));
	FAILS(ftruncate(w, (1 << 20) - page), EPERM);
	FAILS(ftruncate(w, (1 << 20) + page), EPERM);
	FAILS(ftruncate(w, 0), EPERM);
	FAILS(fallocate(w, 0, 1 << 20, page), EPERM);
	FAILS(pwrite(w, &b, 1, 1 << 20), EPERM);
	FAILS(fcntl(w, F_ADD_SEALS, F_SEAL_WRITE), EPERM);
	WORKS(ftruncate(w, 1 << 20));

	/* Beyond the end there is nothing, whatever is mapped. */
	p = mmap(NULL, (1 << 20) + page, PROT_READ | PROT_WRITE, MAP_SHARED, w, 0);
	check(p != MAP_FAILED, "mmap: %m");
	check(faults(p + (1 << 20)), "memory beyond the window");
	check(!faults(p + (1 << 20) - 1), "no memory at the window's end");
	munmap(p, (1 << 20) + page);
	FAILS((long)mmap(NULL, page, PROT_READ, MAP_SHARED, w, 1), EINVAL);
	FAILS((long)mmap(NULL, page, PROT_READ, MAP_SHARED, w, ~0UL << 13 >> 1), EOVERFLOW);

	/* The same memory for all who map it; a private copy is private. */
	p = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED, w, page);
	q = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_PRIVATE, w, page);
	d.win[page + 5] = 0x77;
	check(p[5] == 0x77, "two mappings differ");
	q[5] = 0x11;
	check(p[5] == 0x77, "a private copy is not private");
	munmap(q, page);

	/* Opened again through /proc it has the same size, for ever. */
	snprintf(path, sizeof(path), "/proc/self/fd/%d", w);
	fd = open(path, O_RDWR | O_TRUNC);
	check(fd < 0 && errno == EPERM, "O_TRUNC: %d, %m", fd);
	fd = open(path, O_RDWR);
	check(fd >= 0, "%s: %m", path);
	FAILS(ftruncate(fd, 0), EPERM);
	close(fd);
	check(alive(&d), "the bus does not answer");

	/* Holes are cut into his view, not into the kernel's. */
	WORKS(fallocate(w, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 1 << 20));
	check(!d.win[page + 5], "there is no hole");
	WORKS(madvise(d.win, 1 << 20, MADV_REMOVE));
	check(alive(&d), "the bus does not answer");

	/* What was mapped outlives the bus. */
	close(d.fd);
	d.fd = -1;
	check(bus_gone(d.s.bus), "virtio-msg%u is still there", d.s.bus);
	p[5] = 0x33;
	check(p[5] == 0x33, "the memory went away");
	munmap(p, page);
	ud_close(&d);
}

static void t_frames(void)
{
	static __attribute__((aligned(8))) uint8_t f[65536];
	uint8_t ping[16], *p;
	struct ud d;
	int i, n, value, last = -1;

	if (!bus(&d, NULL))
		return;
	ud_hdr(ping, VIRTIO_MSG_TYPE_BUS, VIRTIO_MSG_BUS_PING, 0, 4, 9);
	ud_put32(ping + 12, 1);

	check(!write(d.fd, f, 0), "an empty write");
	FAILS(write(d.fd, nowhere, 16), EFAULT);
	FAILS(write(d.fd, ping, 1), EINVAL);
	FAILS(write(d.fd, ping, 11), EINVAL);
	FAILS(write(d.fd, ping, 12), EINVAL);
	FAILS(write(d.fd, ping, 15), EINVAL);
	memset(f, 0, sizeof(f));
	FAILS(write(d.fd, f, 16), EINVAL);
	FAILS(write(d.fd, f, sizeof(f)), EINVAL);
	memset(f, 0xff, sizeof(f));
	FAILS(write(d.fd, f, sizeof(f)), EINVAL);
	/* Longer than was agreed. */
	ud_hdr(f, 0, VIRTIO_MSG_EVENT_CONFIG, 1, UD_MSG - UD_HDR + 1, 0);
	FAILS(write(d.fd, f, 1024), EINVAL);
	/* What lies between frames is zero. */
	memset(f, 0, 64);
	ud_hdr(f, VIRTIO_MSG_TYPE_BUS | VIRTIO_MSG_TYPE_RESPONSE,
	       VIRTIO_MSG_BUS_PING, 0, 1, 9);
	f[13] = 1;
	FAILS(write(d.fd, f, 16), EINVAL);
	/* Unasked and malformed ones. */
	f[13] = 0;
	ud_hdr(f, VIRTIO_MSG_TYPE_BUS | VIRTIO_MSG_TYPE_RESPONSE,
	       VIRTIO_MSG_BUS_PING, 0, 4, 0x12345678);
	FAILS(write(d.fd, f, 16), ENOENT);
	ud_hdr(f, VIRTIO_MSG_TYPE_RESPONSE, VIRTIO_MSG_GET_VQUEUE, 1, 40, 0x12345678);
	FAILS(write(d.fd, f, 52), ENOENT);
	ud_hdr(f, 0, VIRTIO_MSG_GET_VQUEUE, 1, 4, 5);
	FAILS(write(d.fd, f, 16), ENOENT);
	ud_hdr(f, 0, 0x7f, 1, 4, 0);
	FAILS(write(d.fd, f, 16), ENOENT);
	/* A result, where there is no response; an event with an ID. */
	memcpy(f, ping, 16);
	ud_put16(f + 6, 1);
	FAILS(write(d.fd, f, 16), EBADMSG);
	ud_hdr(f, 0, VIRTIO_MSG_EVENT_USED, 1, 4, 5);
	FAILS(write(d.fd, f, 16), EBADMSG);
	check(alive(&d), "the bus does not answer");

	/* Good ones before a bad one are taken, it is not. */
	memset(f, 0, 64);
	memcpy(f, ping, 16);
	memcpy(f + 16, ping, 16);
	ud_put16(f + 32 + 4, 3);
	n = write(d.fd, f, 64);
	check(n == 32, "two good frames and a bad one: %d, %m", n);
	check(alive(&d), "the bus does not answer");
	ud_close(&d);

	/* Many, across the kernel's pieces: v2 may have longer ones than needed. */
	ud_init(&d);
	d.absent = true;
	d.s.wire = VIRTIO_MSG_WIRE_V2;
	d.s.frames = 1024;
	if (ud_setup(&d) < 0) {
		check(false, "SETUP: %m");
		return;
	}
	for (i = 0; i < 1000; i++) {
		struct pollfd pf = { .fd = d.fd, .events = POLLOUT };

		/* The kernel's own questions wait in the ring. */
		if (poll(&pf, 1, 10) == 1 && pf.revents & POLLOUT)
			break;
	}
	memset(f, 0, sizeof(f));
	for (i = 0, p = f; i < 900; i++, p += n) {
		n = 8 + 4 + i % 29;
		p[0] = VIRTIO_MSG_TYPE_BUS;
		p[1] = VIRTIO_MSG_BUS_PING;
		ud_put16(p + 4, 2 + i);
		ud_put16(p + 6, n);
		ud_put32(p + 8, i);
		n = (n + 7) & ~7;
	}
	n = write(d.fd, f, p - f);
	check(n == p - f, "900 frames of %td bytes: %d, %m", p - f, n);
	n = 0;
	i = 0;
	while ((n = read(d.fd, f, sizeof(f))) > 0) {
		for (p = f; p < f + n; p += (ud_get16(p + 6) + 7) & ~7) {
			if (p[0] != (VIRTIO_MSG_TYPE_BUS | VIRTIO_MSG_TYPE_RESPONSE))
				continue;
			value = (int)ud_get32(p + 8);
			check(value > last && value < 900 &&
			      ud_get16(p + 4) == 2 + value,
			      "answer %d, after that to %d, is for %d", i, last, value);
			last = value;
			i++;
		}
	}
	/*
	 * All, unless the kernel is sending something else meanwhile: then it
	 * remembers eight.
	 */
	check(i >= 8, "%d answers of 900", i);
	ud_close(&d);
}

static volatile int alarms;

static void on_alarm(int sig)
{
	(void)sig;
	alarms++;
}

static void t_read(void)
{
	static __attribute__((aligned(8))) uint8_t b[4096];
	struct sigaction sa = { .sa_handler = on_alarm };
	struct iovec v[3] = { { b, 10 }, { b + 10, 3 }, { b + 13, 100 } };
	uint8_t ping[16];
	struct pollfd p;
	struct ud d;
	int i, n, pos, value, last = 0;

	if (!bus(&d, NULL))
		return;
	/* All that it has said. */
	while (ud_run(&d, 50, NULL) && read(d.fd, b, sizeof(b)) > 0)
		;
	FAILS(read(d.fd, b, sizeof(b)), EAGAIN);
	p = (struct pollfd){ .fd = d.fd, .events = POLLIN | POLLOUT };
	check(poll(&p, 1, 0) == 1 && p.revents == POLLOUT, "poll says %#x", p.revents);

	ud_hdr(ping, VIRTIO_MSG_TYPE_BUS, VIRTIO_MSG_BUS_PING, 0, 4, 1);
	for (i = 0; i < 3; i++) {
		ping[8] = i + 1;
		check(write(d.fd, ping, 16) == 16, "write: %m");
	}
	check(poll(&p, 1, 0) == 1 && p.revents == (POLLIN | POLLOUT), "poll says %#x",
	      p.revents);
	FAILS(read(d.fd, b, 15), EMSGSIZE);
	FAILS(read(d.fd, b, 0), EMSGSIZE);
	FAILS(read(d.fd, nowhere, 4096), EFAULT);
	check(read(d.fd, b, 31) == 16 && b[8] == 1, "the first of three: %u", b[8]);
	n = readv(d.fd, v, 3);
	check(n == 32 && b[8] == 2 && b[24] == 3, "the other two: %d bytes", n);
	FAILS(read(d.fd, b, sizeof(b)), EAGAIN);

	/* Full: the kernel keeps what it has to say until there is room. */
	for (i = 0; i < 256; i++) {
		ping[8] = i;
		ping[9] = 1 + (i >> 8);
		if (write(d.fd, ping, 16) != 16)
			break;
	}
	check(i == 256, "write %d: %m", i);
	for (i = 0; i < 20; i++) {
		ping[8] = i;
		ping[9] = 2;
		if (write(d.fd, ping, 16) != 16)
			break;
	}
	/* All are taken; eight of them it remembers. */
	check(i == 20, "%d more: %m", i);
	n = 0;
	while ((i = read(d.fd, b, sizeof(b))) > 0)
		for (pos = 0; pos < i; pos += 16, n++) {
			value = ud_get16(b + pos + 8);
			check(value > last, "answer %d: %#x after %#x", n, value, last);
			last = value;
		}
	/* Fewer, if the kernel was sending something else meanwhile. */
	check(n >= 8 && n <= 264, "%d answers of 264", n);

	/* It waits, and a signal ends that. */
	fcntl(d.fd, F_SETFL, O_RDWR);
	sigaction(SIGALRM, &sa, NULL);
	ualarm(100000, 100000);
	/* An answer may still come. */
	do {
		errno = 0;
		i = read(d.fd, b, sizeof(b));
	} while (i > 0);
	check(i == -1 && errno == EINTR, "read with a signal: %d, %m", i);
	ualarm(0, 0);
	check(alarms > 0, "no alarm");
	fcntl(d.fd, F_SETFL, O_RDWR | O_NONBLOCK);
	check(alive(&d), "the bus does not answer");
	ud_close(&d);
}

static void t_eventfds(void)
{
	int e = eventfd(0, EFD_NONBLOCK), i;
	struct virtio_msg_user_eventfd a;
	struct ud d;

	if (!bus(&d, NULL))
		return;
	FAILS(ud_event_fd(&d, VIRTIO_MSG_USER_KICK, e), EINVAL);
	ud_close(&d);

	ud_init(&d);
	d.absent = true;
	d.s.flags = VIRTIO_MSG_USER_F_KICKFD;
	WORKS(ud_setup(&d));
	FAILS(ud_event_fd(&d, 0, e), EINVAL);
	FAILS(ud_event_fd(&d, 3, e), EINVAL);
	FAILS(ud_event_fd(&d, VIRTIO_MSG_USER_CALL, -2), EBADF);
	FAILS(ud_event_fd(&d, VIRTIO_MSG_USER_CALL, 999), EBADF);
	FAILS(ud_event_fd(&d, VIRTIO_MSG_USER_CALL, 0), EINVAL);
	FAILS(ud_event_fd(&d, VIRTIO_MSG_USER_KICK, d.fd), EINVAL);
	FAILS(ioctl(d.fd, VIRTIO_MSG_USER_SET_EVENTFD, NULL), EFAULT);
	WORKS(ud_event_fd(&d, VIRTIO_MSG_USER_KICK, -1));
	/* Again and again, the same for both. */
	for (i = 0; i < 100; i++) {
		WORKS(ud_event_fd(&d, VIRTIO_MSG_USER_KICK, e));
		WORKS(ud_event_fd(&d, VIRTIO_MSG_USER_CALL, e));
	}
	WORKS(ud_event_fd(&d, VIRTIO_MSG_USER_CALL, -1));
	WORKS(ud_event_fd(&d, VIRTIO_MSG_USER_KICK, -1));
	a = (struct virtio_msg_user_eventfd){
		.size = sizeof(a), .what = VIRTIO_MSG_USER_CALL, .fd = e,
	};
	for (i = 0; i < 1024; i++) {
		a.dev_num = i * 64;
		a.vq = i;
		if (ioctl(d.fd, VIRTIO_MSG_USER_SET_EVENTFD, &a))
			break;
	}
	check(i == 1024, "%d eventfds: %m", i);
	a.vq++;
	FAILS(ioctl(d.fd, VIRTIO_MSG_USER_SET_EVENTFD, &a), ENOSPC);
	/* One signal for 1024 queues that do not exist, and a closed one. */
	eventfd_write(e, 1);
	close(e);
	ud_run(&d, 5000, asked);
	check(alive(&d), "the bus does not answer");
	ud_close(&d);
}

static int hwrng_current(const char *want)
{
	char b[64] = "";
	int fd, i;

	for (i = 0; i < 500; i++) {
		fd = open("/sys/class/misc/hw_random/rng_current", O_RDWR);
		if (fd >= 0) {
			if (write(fd, want, strlen(want)) < 0)
				b[0] = 0;
			close(fd);
		}
		fd = open("/sys/class/misc/hw_random/rng_current", O_RDONLY);
		if (fd >= 0) {
			ssize_t n = read(fd, b, sizeof(b) - 1);

			close(fd);
			if (n > 0 && !strncmp(b, want, strlen(want)))
				return 0;
		}
		usleep(10000);
	}
	return -1;
}

/* Read the entropy source while we serve it; all bytes must be ours. */
static pid_t reader(size_t want)
{
	pid_t pid = fork();
	uint8_t b[64];
	ssize_t n;
	int fd;

	if (pid)
		return pid;
	if (hwrng_current("virtio_rng"))
		_exit(2);
	fd = open("/dev/hwrng", O_RDONLY);
	/* What an earlier device gave may be buffered. */
	while (want) {
		n = read(fd, b, want < sizeof(b) ? want : sizeof(b));
		if (n <= 0)
			_exit(3);
		want -= n;
	}
	if (read(fd, b, sizeof(b)) < 32)
		_exit(4);
	for (n = 0; n < 32; n++)
		if (b[n] != b[0])
			_exit(5);
	_exit(b[0]);
}

static pid_t waiting_for;
static int child_status;

static bool exited(struct ud *d)
{
	(void)d;
	return waitpid(waiting_for, &child_status, WNOHANG) == waiting_for;
}

static void entropy(struct ud *d, const char *how)
{
	unsigned int before = d->buffers;

	waiting_for = reader(512);
	if (!ud_run(d, 20000, exited)) {
		check(false, "%s: /dev/hwrng gives nothing", how);
		kill(waiting_for, SIGKILL);
		ud_run(d, 5000, exited);
		return;
	}
	check(WIFEXITED(child_status) && WEXITSTATUS(child_status) == d->fill,
	      "%s: the reader ended with %#x", how, child_status);
	check(d->buffers > before, "%s: no buffer was used", how);
}

static void t_entropy(void)
{
	struct ud d;

	ud_init(&d);
	d.fill = 0x5a;
	WORKS(ud_setup(&d));
	check(ud_run(&d, 10000, ud_ready), "no driver (status %#x)", d.status);
	entropy(&d, "messages");
	ud_close(&d);
	check(bus_gone(d.s.bus), "virtio-msg%u is still there", d.s.bus);
}

static void t_entropy_eventfds(void)
{
	struct ud d;

	ud_init(&d);
	d.fill = 0x3c;
	d.s.flags = VIRTIO_MSG_USER_F_KICKFD;
	WORKS(ud_setup(&d));
	d.kick = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	d.call = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	WORKS(ud_event_fd(&d, VIRTIO_MSG_USER_KICK, d.kick));
	WORKS(ud_event_fd(&d, VIRTIO_MSG_USER_CALL, d.call));
	check(ud_run(&d, 10000, ud_ready), "no driver (status %#x)", d.status);
	entropy(&d, "eventfds");
	check(d.used_events, "no call was made");

	/* A signal that stands when the eventfd is set is not lost. */
	WORKS(ud_event_fd(&d, VIRTIO_MSG_USER_CALL, -1));
	d.fill = 0x3d;
	waiting_for = reader(2048);
	check(!ud_run(&d, 1000, exited), "a used event without an event");
	WORKS(ud_event_fd(&d, VIRTIO_MSG_USER_CALL, d.call));
	check(ud_run(&d, 20000, exited), "the signal was lost");
	check(WIFEXITED(child_status) && WEXITSTATUS(child_status) == d.fill,
	      "the reader ended with %#x", child_status);
	ud_close(&d);
	check(bus_gone(d.s.bus), "virtio-msg%u is still there", d.s.bus);
}

static void t_two(void)
{
	struct ud a, b;
	int i;

	if (!bus(&a, "one"))
		return;
	if (!bus(&b, "two"))
		return;
	check(a.s.bus != b.s.bus, "one bus for two");
	a.win[100] = 1;
	b.win[100] = 2;
	check(a.win[100] == 1, "one window for two");
	for (i = 0; i < 20; i++)
		check(alive(&a) && alive(&b), "round %d", i);
	ud_close(&a);
	check(bus_gone(a.s.bus), "virtio-msg%u is still there", a.s.bus);
	check(alive(&b), "the other one does not answer");
	ud_close(&b);
}

static void serve_as_child(void *arg)
{
	check(alive(arg), "the bus does not answer to the child");
}

static void send_fd(int sock, int fd)
{
	char c[CMSG_SPACE(sizeof(int))] = "", x = 0;
	struct iovec v = { &x, 1 };
	struct msghdr m = {
		.msg_iov = &v, .msg_iovlen = 1, .msg_control = c, .msg_controllen = sizeof(c),
	};
	struct cmsghdr *h = CMSG_FIRSTHDR(&m);

	h->cmsg_level = SOL_SOCKET;
	h->cmsg_type = SCM_RIGHTS;
	h->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(h), &fd, sizeof(int));
	WORKS(sendmsg(sock, &m, 0));
}

static int receive_fd(int sock)
{
	char c[CMSG_SPACE(sizeof(int))], x;
	struct iovec v = { &x, 1 };
	struct msghdr m = {
		.msg_iov = &v, .msg_iovlen = 1, .msg_control = c, .msg_controllen = sizeof(c),
	};
	int fd = -1;

	if (recvmsg(sock, &m, 0) == 1 && CMSG_FIRSTHDR(&m))
		memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof(int));
	return fd;
}

static void t_descriptors(void)
{
	int sv[2], fd;
	struct ud d;

	if (!bus(&d, NULL))
		return;
	/* A copy, and the first one goes. */
	fd = dup(d.fd);
	close(d.fd);
	d.fd = fd;
	check(alive(&d), "dup: the bus does not answer");
	/* A child serves, and its end is not that of the bus. */
	child(serve_as_child, &d);
	check(alive(&d), "fork: the bus does not answer");
	/* On its way through a socket it stays. */
	WORKS(socketpair(AF_UNIX, SOCK_STREAM, 0, sv));
	send_fd(sv[0], d.fd);
	close(d.fd);
	usleep(100000);
	d.fd = receive_fd(sv[1]);
	check(alive(&d), "SCM_RIGHTS: the bus does not answer");
	/* Nobody takes it: it ends with the socket. */
	send_fd(sv[0], d.fd);
	close(d.fd);
	d.fd = -1;
	usleep(100000);
	check(!access("/sys/class/virtio-msg", F_OK), "no bus is left");
	close(sv[0]);
	close(sv[1]);
	check(bus_gone(d.s.bus), "virtio-msg%u is still there", d.s.bus);
	ud_close(&d);
}

static void take_as_nobody(void *arg)
{
	struct virtio_msg_user_take_over t = { .size = sizeof(t) };
	int fd = ud_open();

	(void)arg;
	strcpy(t.name, "heir");
	WORKS(setresuid(1234, 1234, 1234));
	FAILS(ioctl(fd, VIRTIO_MSG_USER_TAKE_OVER, &t), EPERM);
}

static int take(struct ud *d, const char *name, uint32_t flags)
{
	struct virtio_msg_user_take_over t = { .size = sizeof(t), .flags = flags };
	int i, ret = -1;

	strcpy(t.name, name);
	d->fd = ud_open();
	/* The files of a process that has just died go one by one. */
	for (i = 0; i < 200; i++) {
		ret = ioctl(d->fd, VIRTIO_MSG_USER_TAKE_OVER, &t);
		if (!ret || errno != EAGAIN)
			break;
		usleep(10000);
	}
	if (ret) {
		close(d->fd);
		d->fd = -1;
		return ret;
	}
	d->s = t.setup;
	d->requests = 0;
	return ud_map(d);
}

static void t_take_over(void)
{
	struct virtio_msg_user_take_over t = { .size = sizeof(t), .name = "heir" };
	int fd = ud_open(), keep, round, i;
	unsigned int number;
	struct ud d;
	void *p;

	ud_init(&d);
	strcpy(d.s.name, "heir");
	d.s.recover_ms = 20000;
	WORKS(ud_setup(&d));
	number = d.s.bus;
	check(ud_run(&d, 10000, ud_ready), "no driver (status %#x)", d.status);
	FAILS(ioctl(fd, VIRTIO_MSG_USER_TAKE_OVER, &t), EBUSY);

	for (round = 0; round < 4; round++) {
		bool intact = round & 1;

		/* Somebody has the window still: as a descriptor, mapped, or by name. */
		keep = dup(d.s.window_fd);
		p = mmap(NULL, 4096, PROT_READ, MAP_SHARED, keep, 0);
		ud_close(&d);
		FAILS(ioctl(fd, VIRTIO_MSG_USER_TAKE_OVER, &t), EAGAIN);
		close(keep);
		FAILS(ioctl(fd, VIRTIO_MSG_USER_TAKE_OVER, &t), EAGAIN);
		munmap(p, 4096);
		child(take_as_nobody, NULL);
		if (intact)
			d.status = 15;
		else
			d.status = 0;
		d.fill = 0x41 + round;
		WORKS(take(&d, "heir", intact ? VIRTIO_MSG_USER_TAKE_OVER_F_INTACT : 0));
		check(d.s.bus == number, "another bus: %u", d.s.bus);
		check(d.s.recover_ms == 20000 && !strcmp(d.s.name, "heir") &&
		      d.s.window_size == 1 << 20, "another setup");
		FAILS(ioctl(fd, VIRTIO_MSG_USER_TAKE_OVER, &t), EBUSY);
		d.status = 0;
		check(ud_run(&d, 10000, ud_ready), "round %d: no driver (status %#x)",
		      round, d.status);
		check(alive(&d), "the bus does not answer");
		entropy(&d, intact ? "intact" : "anew");
	}
	/* Holes in the window: nobody can go on with that. */
	WORKS(fallocate(d.s.window_fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 1 << 20));
	ud_close(&d);
	for (i = 0; i < 100; i++) {
		errno = 0;
		if (ioctl(fd, VIRTIO_MSG_USER_TAKE_OVER, &t) != -1 || errno != EAGAIN)
			break;
		usleep(10000);
	}
	check(errno == EIO, "with holes: %m");
	check(!access("/sys/class/virtio-msg", F_OK), "the class is gone");
	close(fd);
}

/*
 * A successor whose answer goes where a write stops until somebody else lets it
 * go on.  It must not keep others out.
 */
static void take_stalled(void *arg)
{
	struct uffdio_api api = { .api = UFFD_API, .features = UFFD_FEATURE_PAGEFAULT_FLAG_WP };
	struct virtio_msg_user_take_over *t;
	long page = sysconf(_SC_PAGESIZE);
	struct uffdio_writeprotect wp = { 0 };
	struct uffdio_register reg = { 0 };
	int sock = *(int *)arg, fd = ud_open();
	int uffd = syscall(SYS_userfaultfd, O_CLOEXEC);

	t = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	t->size = sizeof(*t);
	strcpy(t->name, "stalls");
	reg.range.start = wp.range.start = (uintptr_t)t;
	reg.range.len = wp.range.len = page;
	reg.mode = UFFDIO_REGISTER_MODE_WP;
	wp.mode = UFFDIO_WRITEPROTECT_MODE_WP;
	if (uffd < 0 || ioctl(uffd, UFFDIO_API, &api) ||
	    ioctl(uffd, UFFDIO_REGISTER, &reg) || ioctl(uffd, UFFDIO_WRITEPROTECT, &wp)) {
		close(sock);
		return;
	}
	send_fd(sock, uffd);
	WORKS(send(sock, &wp.range, sizeof(wp.range), 0));
	FAILS(ioctl(fd, VIRTIO_MSG_USER_TAKE_OVER, t), EBUSY);
}

static void t_stalled(void)
{
	struct uffdio_writeprotect wp = { 0 };
	struct pollfd pfd = { .events = POLLIN };
	int sv[2], status = 0;
	struct ud d;
	pid_t pid;

	ud_init(&d);
	strcpy(d.s.name, "stalls");
	d.s.recover_ms = 20000;
	WORKS(ud_setup(&d));
	check(ud_run(&d, 10000, ud_ready), "no driver (status %#x)", d.status);
	ud_close(&d);
	WORKS(socketpair(AF_UNIX, SOCK_STREAM, 0, sv));
	fflush(stdout);
	pid = fork();
	if (!pid) {
		bad = 0;
		close(sv[0]);
		take_stalled(&sv[1]);
		fflush(stdout);
		_exit(bad ? 1 : 0);
	}
	close(sv[1]);
	pfd.fd = receive_fd(sv[0]);
	if (pfd.fd < 0)
		skipped = "no userfaultfd with write protection";
	if (pfd.fd >= 0) {
		check(recv(sv[0], &wp.range, sizeof(wp.range), MSG_WAITALL) ==
		      sizeof(wp.range), "the child sent no range");
		check(poll(&pfd, 1, 10000) == 1, "the child does not stall");
	}
	d.status = 15;
	WORKS(take(&d, "stalls", VIRTIO_MSG_USER_TAKE_OVER_F_INTACT));
	d.status = 0;
	check(ud_run(&d, 10000, ud_ready), "no driver (status %#x)", d.status);
	if (pfd.fd >= 0) {
		WORKS(ioctl(pfd.fd, UFFDIO_WRITEPROTECT, &wp));
		close(pfd.fd);
	}
	close(sv[0]);
	if (waitpid(pid, &status, 0) != pid || status)
		check(false, "the child failed (%#x)", status);
	check(alive(&d), "the bus does not answer any more");
	ud_close(&d);
}

/* Its time runs out. */
static void t_no_successor(void)
{
	struct virtio_msg_user_take_over t = { .size = sizeof(t), .name = "late" };
	int fd = ud_open();
	uint64_t start;
	struct ud d;

	ud_init(&d);
	d.absent = true;
	strcpy(d.s.name, "late");
	d.s.recover_ms = 500;
	WORKS(ud_setup(&d));
	ud_run(&d, 5000, asked);
	start = ud_ms();
	ud_close(&d);
	check(bus_gone(d.s.bus), "virtio-msg%u is still there", d.s.bus);
	check(ud_ms() - start >= 450, "it ended after %d ms", (int)(ud_ms() - start));
	FAILS(ioctl(fd, VIRTIO_MSG_USER_TAKE_OVER, &t), ENOENT);
	close(fd);
}

static void as_user(void *arg)
{
	struct rlimit big = { 64 << 20, 64 << 20 }, small = { 3 << 20, 3 << 20 };
	struct virtio_msg_user_info i = { .size = sizeof(i) };
	struct ud d[6];
	int n, fd[6];

	(void)arg;
	/* Opened before: the node's mode is not what is tested. */
	for (n = 0; n < 6; n++)
		fd[n] = ud_open();
	setrlimit(RLIMIT_MEMLOCK, &big);
	WORKS(setresuid(4321, 4321, 4321));
	FAILS(ud_open(), EACCES);
	WORKS(ioctl(fd[0], VIRTIO_MSG_USER_GET_INFO, &i));
	for (n = 0; n < 6; n++)
		ud_init(&d[n]);
	d[0].s.window_size = i.max_window + 65536;
	FAILS(ioctl(fd[0], VIRTIO_MSG_USER_SETUP, &d[0].s), EPERM);
	d[0].s.window_size = 1 << 20;
	d[0].s.max_devices = i.max_devices + 1;
	FAILS(ioctl(fd[0], VIRTIO_MSG_USER_SETUP, &d[0].s), EPERM);
	d[0].s.max_devices = 0;
	for (n = 0; n < 4; n++)
		WORKS(ioctl(fd[n], VIRTIO_MSG_USER_SETUP, &d[n].s));
	FAILS(ioctl(fd[4], VIRTIO_MSG_USER_SETUP, &d[4].s), EDQUOT);
	close(fd[0]);
	check(bus_gone(d[0].s.bus), "virtio-msg%u is still there", d[0].s.bus);
	/* Three of them have more than 3 MiB together. */
	setrlimit(RLIMIT_MEMLOCK, &small);
	for (n = 0; n < 500; n++) {
		if (ioctl(fd[4], VIRTIO_MSG_USER_SETUP, &d[4].s) != -1 || errno != EDQUOT)
			break;
		usleep(10000);
	}
	check(errno == ENOMEM, "beyond RLIMIT_MEMLOCK: %m");
	for (n = 1; n < 4; n++) {
		close(fd[n]);
		check(bus_gone(d[n].s.bus), "virtio-msg%u is still there", d[n].s.bus);
	}
	for (n = 0; n < 500; n++) {
		if (!ioctl(fd[4], VIRTIO_MSG_USER_SETUP, &d[4].s))
			break;
		usleep(10000);
	}
	check(n < 500, "nothing was given back: %m");
}

static void t_user(void)
{
	child(as_user, NULL);
}

static void t_module(void)
{
	struct ud d;

	if (!bus(&d, NULL))
		return;
	FAILS(syscall(SYS_delete_module, "virtio_msg_user", O_NONBLOCK), EAGAIN);
	check(alive(&d), "the bus does not answer");
	ud_close(&d);
	check(bus_gone(d.s.bus), "virtio-msg%u is still there", d.s.bus);

	/* One that waits for a successor waits no longer. */
	ud_init(&d);
	d.absent = true;
	strcpy(d.s.name, "waits");
	d.s.recover_ms = 600000;
	WORKS(ud_setup(&d));
	ud_run(&d, 5000, asked);
	ud_close(&d);
	WORKS(syscall(SYS_delete_module, "virtio_msg_user", O_NONBLOCK));
	check(bus_gone(d.s.bus), "virtio-msg%u is still there", d.s.bus);
	check(access(UD_NODE, F_OK), "the node is still there");
	check(!system("modprobe virtio_msg_user"), "modprobe");
}

static const struct {
	const char *name;
	void (*fn)(void);
} tests[] = {
	{ "what the kernel offers", t_info },
	{ "a file that is no bus yet", t_before },
	{ "setups that are refused", t_setup },
	{ "the window", t_window },
	{ "frames that are refused", t_frames },
	{ "read, poll, and a full ring", t_read },
	{ "eventfds", t_eventfds },
	{ "an entropy source, by messages", t_entropy },
	{ "an entropy source, by eventfds", t_entropy_eventfds },
	{ "two device sides at once", t_two },
	{ "dup, fork, SCM_RIGHTS", t_descriptors },
	{ "take-over", t_take_over },
	{ "a successor that stalls", t_stalled },
	{ "no successor", t_no_successor },
	{ "limits of a user", t_user },
	{ "unloading the module", t_module },
};

int main(int argc, char **argv)
{
	unsigned int n = sizeof(tests) / sizeof(*tests), i, failed = 0;

	setvbuf(stdout, NULL, _IOLBF, 0);
	signal(SIGPIPE, SIG_IGN);
	if (access(UD_NODE, F_OK)) {
		printf("1..0 # SKIP no %s\n", UD_NODE);
		return 4;
	}
	printf("KTAP version 1\n1..%u\n", n);
	for (i = 0; i < n; i++) {
		/* One of them, by its number. */
		if (argc > 1 && atoi(argv[1]) != (int)i + 1) {
			printf("ok %u %s # SKIP\n", i + 1, tests[i].name);
			continue;
		}
		bad = 0;
		skipped = NULL;
		tests[i].fn();
		printf("%s %u %s%s%s\n", bad ? "not ok" : "ok", i + 1, tests[i].name,
		       skipped ? " # SKIP " : "", skipped ?: "");
		failed += !!bad;
	}
	return failed ? 1 : 0;
}
