// SPDX-License-Identifier: GPL-2.0-only
/*
 * What one event costs on each path of /dev/virtio-msg, in guest instructions
 *
 * Runs in a guest under the plugin vmsg_insn, see bench-user.  Each window is
 * one line on stdout: its name, and how many events were in it.  The device is
 * the one of the examples.
 */
#define main entropy_main
#include "../examples/entropy.c"
#undef main

#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/wait.h>

#define ROUNDS	7
#define EVENTS	1024
#define BATCH	32
#define FRAME	16		/* a PING or EVENT_USED: header and one word */

static int fd, kick, call;
static uint8_t in[65536], out[65536];

#if defined(__aarch64__)
#define begin()	__asm__ volatile("hint #100" : : : "memory")
#define end()	__asm__ volatile("hint #101" : : : "memory")
#else
#define begin()	((void)0)
#define end()	((void)0)
#endif

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

static void xfer(ssize_t got, size_t want, const char *what)
{
	if (got != (ssize_t)want) {
		fprintf(stderr, "%s: %zd of %zu bytes: ", what, got, want);
		fail("");
	}
}

/*
 * Take in and answer what there is, until nothing came for @ms; once if that is 0;
 * once, and wait for it, if it is negative.
 */
static unsigned int answer(int ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	unsigned int events = 0;

	while (ms < 0 || poll(&p, 1, ms) > 0) {
		ssize_t n = read(fd, in, sizeof(in)), off = 0;
		uint32_t len = 0, size;

		if (n < 0)
			fail("read");
		for (; n - off >= (ssize_t)HDR; off += ALIGN(size)) {
			size = in[off + 4] | in[off + 5] << 8;
			events += in[off + 1] == VIRTIO_MSG_EVENT_AVAIL;
			len += handle(in + off, size, out + len);
		}
		if (len && write(fd, out, len) < 0 && errno != ENOENT)
			fail("write");
		if (ms <= 0)
			break;
	}
	return events;
}

static void frames(unsigned int n, uint8_t type, uint8_t msg_id, uint16_t dev)
{
	static uint32_t xid = 1;
	unsigned int i;

	memset(out, 0, FRAME * n);
	for (i = 0; i < n; i++) {
		struct virtio_msg_hdr_xid32 h = {
			.type = type, .msg_id = msg_id, .dev_num = htole16(dev),
			.msg_size = htole16(FRAME),
			.transaction_id = htole32(type ? xid++ : 0),
		};

		memcpy(out + FRAME * i, &h, HDR);
	}
}

static void eventfd_pair(void)
{
	uint64_t v = 1;
	int e = eventfd(0, 0);
	unsigned int i;

	begin();
	for (i = 0; i < EVENTS; i++)
		if (write(e, &v, 8) != 8 || read(e, &v, 8) != 8)
			fail("eventfd");
	end();
	close(e);
}

/* A PING and the kernel's answer: one frame each way. */
static void ping(unsigned int batch)
{
	unsigned int i;

	frames(batch, VIRTIO_MSG_TYPE_BUS, VIRTIO_MSG_BUS_PING, 0);
	begin();
	for (i = 0; i < EVENTS / batch; i++) {
		xfer(write(fd, out, FRAME * batch), FRAME * batch, "PING");
		xfer(read(fd, in, sizeof(in)), FRAME * batch, "answers");
	}
	end();
}

static void used(unsigned int batch)
{
	unsigned int i;

	frames(batch, 0, VIRTIO_MSG_EVENT_USED, DEV);
	begin();
	for (i = 0; i < EVENTS / batch; i++)
		xfer(write(fd, out, FRAME * batch), FRAME * batch, "EVENT_USED");
	end();
}

static void calls(void)
{
	uint64_t v = 1;
	unsigned int i;

	begin();
	for (i = 0; i < EVENTS; i++)
		if (write(call, &v, 8) != 8)
			fail("call");
	end();
}

static void set(uint32_t what, int e)
{
	struct virtio_msg_user_eventfd arg = {
		.size = sizeof(arg), .what = what, .dev_num = DEV, .fd = e,
	};

	if (ioctl(fd, VIRTIO_MSG_USER_SET_EVENTFD, &arg) < 0)
		fail("SET_EVENTFD");
}

static void signal_call(void)
{
	uint64_t v = 1;

	if (serve() && write(call, &v, 8) != 8)
		fail("call");
}

/* Somebody reads /dev/hwrng: whole requests, kick and used event among them. */
static unsigned int requests(int by_eventfd)
{
	unsigned int n = 0;
	uint64_t v;

	begin();
	while (n < EVENTS / 4) {
		if (!by_eventfd) {
			n += answer(-1);
			continue;
		}
		if (read(kick, &v, 8) != 8)
			fail("kick");
		if (!serve())
			continue;
		v = 1;
		if (write(call, &v, 8) != 8)
			fail("call");
		n++;
	}
	end();
	return n;
}

int main(void)
{
	struct virtio_msg_user_setup setup = {
		.size = sizeof(setup),
		.flags = VIRTIO_MSG_USER_F_KICKFD,
		.wire = VIRTIO_MSG_WIRE_XID32,
		.max_msg_size = 256,
		.window_size = WINDOW,
	};
	int round, i;
	pid_t child;

	fd = open("/dev/virtio-msg", O_RDWR | O_CLOEXEC);
	kick = eventfd(0, 0);
	call = eventfd(0, 0);
	if (fd < 0 || ioctl(fd, VIRTIO_MSG_USER_SETUP, &setup) < 0)
		fail("/dev/virtio-msg");
	window = mmap(NULL, WINDOW, PROT_READ | PROT_WRITE, MAP_SHARED, setup.window_fd, 0);
	if (window == MAP_FAILED)
		fail("mmap");
	for (i = 0; i < 100 && !(status & 4); i++)
		answer(100);
	if (!(status & 4)) {
		fprintf(stderr, "the driver did not come\n");
		return 1;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	for (round = 0; round < ROUNDS; round++) {
		/* Whoever reads entropy now waits for us until the end. */
		answer(300);
		begin();
		end();
		printf("nothing 1\n");
		eventfd_pair();
		printf("eventfd-write-read %d\n", EVENTS);
		ping(BATCH);
		printf("ping-answer-batch-%d %d\n", BATCH, EVENTS);
		ping(1);
		printf("ping-answer-batch-1 %d\n", EVENTS);
		used(BATCH);
		printf("used-message-batch-%d %d\n", BATCH, EVENTS);
		used(1);
		printf("used-message-batch-1 %d\n", EVENTS);
		set(VIRTIO_MSG_USER_CALL, call);
		calls();
		printf("used-eventfd %d\n", EVENTS);
		set(VIRTIO_MSG_USER_CALL, -1);
	}
	child = fork();
	if (!child) {
		int rng = open("/dev/hwrng", O_RDONLY);

		while (read(rng, in, 16) > 0)
			;
		_exit(1);
	}
	for (round = 0; round < ROUNDS; round++) {
		answer(0);
		i = requests(0);
		printf("request-by-messages %d\n", i);
		set(VIRTIO_MSG_USER_CALL, call);
		set(VIRTIO_MSG_USER_KICK, kick);
		/* What was kicked for before has an answer coming. */
		answer(0);
		signal_call();
		i = requests(1);
		printf("request-by-eventfds %d\n", i);
		set(VIRTIO_MSG_USER_KICK, -1);
		set(VIRTIO_MSG_USER_CALL, -1);
		if (serve()) {
			frames(1, 0, VIRTIO_MSG_EVENT_USED, DEV);
			xfer(write(fd, out, FRAME), FRAME, "EVENT_USED");
		}
	}
	kill(child, SIGKILL);
	return 0;
}
