// SPDX-License-Identifier: GPL-2.0-only
/*
 * What bench-goals has a guest do under the plugin vmsg_insn
 *
 * Each window is one line on stdout, in the order of the windows:
 *
 *	w NAME COUNT NANOSECONDS [COUNTER=DIFFERENCE]...
 *
 * NAME says what was done through what, COUNT how often; the counters are those
 * that changed in the file named by VMSG_COUNTERS.  The things to compare take
 * turns within one round, and every other round goes through them backwards, so
 * that whatever else the machine does meets all of them.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <linux/fs.h>
#include <linux/netlink.h>
#include <net/if.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#if defined(__aarch64__)
#define BEGIN()	__asm__ volatile("hint #100" : : : "memory")
#define END()	__asm__ volatile("hint #101" : : : "memory")
#else
#define BEGIN()	((void)0)
#define END()	((void)0)
#endif

#define MAX_SUBJECTS	32
#define MAX_DEPTH	256
#define MAX_COUNTERS	64
#define DEADLINE	120	/* seconds that any one step may take */
#define STALL		10	/* seconds after which a connection that stands still has failed */
#define MAX_FAILURES	3	/* in a row, after which a back end is left out */

static void die(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fprintf(stderr, "work: ");
	vfprintf(stderr, fmt, ap);
	fprintf(stderr, "\n");
	va_end(ap);
	exit(1);
}

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ULL + t.tv_nsec;
}

/* "NAME=WHERE" of the command line */
struct subject {
	char *name;
	char *where;
	bool out;	/* it is left out from here on */
};

static struct subject subjects[MAX_SUBJECTS];
static unsigned int num_subjects;

static void take_subjects(int argc, char **argv)
{
	int i;

	for (i = 0; i < argc; i++) {
		struct subject *s = &subjects[num_subjects++];

		if (num_subjects > MAX_SUBJECTS)
			die("more than %d things to compare", MAX_SUBJECTS);
		s->name = argv[i];
		s->where = strchr(argv[i], '=');
		if (!s->where)
			die("%s: expected NAME=WHERE", argv[i]);
		*s->where++ = 0;
	}
}

/* The driver's counters before and after a window. */

struct counters {
	unsigned int n;
	char name[MAX_COUNTERS][32];
	long long value[MAX_COUNTERS];
};

static void read_counters(struct counters *c)
{
	const char *path = getenv("VMSG_COUNTERS");
	FILE *f = path ? fopen(path, "r") : NULL;

	c->n = 0;
	if (!f)
		return;
	while (c->n < MAX_COUNTERS &&
	       fscanf(f, "%31s %lld", c->name[c->n], &c->value[c->n]) == 2)
		c->n++;
	fclose(f);
}

static void add_counter(struct counters *c, const char *name, long long value)
{
	if (c->n == MAX_COUNTERS)
		return;
	snprintf(c->name[c->n], sizeof(c->name[0]), "%s", name);
	c->value[c->n++] = value;
}

static struct counters before, after;

/* What else is counted before and after a window, if anything is. */
static void (*more_counters)(struct counters *c, unsigned int subject);

static void all_counters(struct counters *c, unsigned int subject)
{
	read_counters(c);
	if (more_counters)
		more_counters(c, subject);
}

static void print_window(const char *what, const char *name, unsigned long count, uint64_t ns)
{
	unsigned int i;

	printf("w %s:%s %lu %llu", what, name, count, (unsigned long long)ns);
	for (i = 0; i < after.n && i < before.n; i++)
		if (after.value[i] != before.value[i])
			printf(" %s=%lld", after.name[i], after.value[i] - before.value[i]);
	printf("\n");
	fflush(stdout);
}

static void window_line(const char *what, const char *name, unsigned long count, uint64_t ns)
{
	read_counters(&after);
	print_window(what, name, count, ns);
}

/*
 * Run @fn once a round for each subject; in every other round from the last one.  A
 * window in which it has come to nothing has a count of 0, which does not count.
 */
static void take_turns(const char *what, unsigned int rounds,
		       unsigned long (*fn)(unsigned int subject))
{
	unsigned int r, i, s, failures = 0;
	unsigned long n;
	uint64_t t;

	for (r = 0; r < rounds; r++) {
		for (i = 0; i < num_subjects;) {
			s = r & 1 ? num_subjects - 1 - i : i;
			if (subjects[s].out) {
				i++;
				continue;
			}
			all_counters(&before, s);
			usleep(20000);
			t = now();
			BEGIN();
			n = fn(s);
			END();
			t = now() - t;
			all_counters(&after, s);
			print_window(what, subjects[s].name, n, t);
			if (n) {
				failures = 0;
				i++;
			} else if (++failures == MAX_FAILURES) {
				fprintf(stderr, "work: %s is left out from round %u of %s on\n",
					subjects[s].name, r + 1, what);
				subjects[s].out = true;
				failures = 0;
			}
		}
	}
}

/* Disks */

static struct disk {
	int fd;
	unsigned long blocks;
	unsigned long next;
	uint32_t seed;
	aio_context_t ctx;
	struct iocb cb[MAX_DEPTH];
} disks[MAX_SUBJECTS];

static unsigned int depth, size;
static unsigned long count;
static bool writing, sequential;

/*
 * All disks use the same: how many pages in a row are neighbours in physical memory
 * says how many segments a request has.
 */
static void *buffer(unsigned int i)
{
	static void *buffers[MAX_DEPTH];

	if (!buffers[i]) {
		if (posix_memalign(&buffers[i], 4096, size))
			die("no memory");
		memset(buffers[i], i + 1, size);
	}
	return buffers[i];
}

static void next_io(struct disk *d, struct iocb *cb)
{
	unsigned long block;

	if (sequential) {
		block = d->next++ % d->blocks;
	} else {
		d->seed = d->seed * 1664525 + 1013904223;
		block = (d->seed >> 4) % d->blocks;
	}
	cb->aio_offset = (long long)block * size;
}

static void open_disk(struct disk *d, const char *path)
{
	unsigned long long bytes = 0;
	unsigned int i;

	d->fd = open(path, O_DIRECT | (writing ? O_RDWR : O_RDONLY));
	if (d->fd < 0 || ioctl(d->fd, BLKGETSIZE64, &bytes))
		die("%s: %s", path, strerror(errno));
	d->blocks = bytes / size;
	d->seed = 12345;
	if (syscall(SYS_io_setup, depth, &d->ctx))
		die("io_setup: %s", strerror(errno));
	for (i = 0; i < depth; i++) {
		d->cb[i].aio_fildes = d->fd;
		d->cb[i].aio_lio_opcode = writing ? IOCB_CMD_PWRITE : IOCB_CMD_PREAD;
		d->cb[i].aio_buf = (uintptr_t)buffer(i);
		d->cb[i].aio_nbytes = size;
	}
}

static void submit(struct disk *d, struct iocb **list, long n)
{
	long done = 0, ret;

	while (done < n) {
		ret = syscall(SYS_io_submit, d->ctx, n - done, list + done);
		if (ret <= 0)
			die("io_submit: %s", strerror(errno));
		done += ret;
	}
}

static long reap(struct disk *d, struct io_event *ev, long max)
{
	struct timespec limit = { .tv_sec = DEADLINE };
	long n, i;

	n = syscall(SYS_io_getevents, d->ctx, 1, max, ev, &limit);
	if (n <= 0)
		die("no I/O ended in %d s", DEADLINE);
	for (i = 0; i < n; i++)
		if (ev[i].res != size)
			die("an I/O of %u bytes returned %lld", size, (long long)ev[i].res);
	return n;
}

static unsigned long run_disk(unsigned int subject)
{
	struct disk *d = &disks[subject];
	struct io_event ev[MAX_DEPTH];
	struct iocb *list[MAX_DEPTH];
	unsigned long started = depth, done = 0;
	unsigned int i, k;
	long n;

	for (i = 0; i < depth; i++) {
		list[i] = &d->cb[i];
		next_io(d, list[i]);
	}
	submit(d, list, depth);
	while (done < started) {
		n = reap(d, ev, depth);
		done += n;
		for (i = 0, k = 0; i < n && started < count; i++, started++) {
			list[k] = (struct iocb *)(uintptr_t)ev[i].obj;
			next_io(d, list[k++]);
		}
		if (k)
			submit(d, list, k);
	}
	return done;
}

/* blk WHAT ROUNDS COUNT DEPTH SIZE read|write rand|seq NAME=DISK... */
static int blk(int argc, char **argv)
{
	unsigned int i;

	if (argc < 8)
		return 2;
	count = strtoul(argv[2], NULL, 0);
	depth = strtoul(argv[3], NULL, 0);
	size = strtoul(argv[4], NULL, 0);
	writing = !strcmp(argv[5], "write");
	sequential = !strcmp(argv[6], "seq");
	if (!depth || depth > MAX_DEPTH || !size || count < depth)
		return 2;
	take_subjects(argc - 7, argv + 7);
	for (i = 0; i < num_subjects; i++)
		open_disk(&disks[i], subjects[i].where);
	for (i = 0; i < num_subjects; i++)
		run_disk(i);
	take_turns(argv[0], atoi(argv[1]), run_disk);
	return 0;
}

/* many WHAT ROUNDS COUNT DEPTH SIZE NAME=DISK...: all disks at once */
static unsigned long run_many(unsigned int subject)
{
	struct io_event ev[MAX_DEPTH];
	struct iocb *list[MAX_DEPTH];
	unsigned long done = 0, round;
	unsigned int i, k;
	long n;

	(void)subject;
	for (round = 0; round < count; round++) {
		for (i = 0; i < num_subjects; i++) {
			for (k = 0; k < depth; k++) {
				list[k] = &disks[i].cb[k];
				next_io(&disks[i], list[k]);
			}
			submit(&disks[i], list, depth);
		}
		for (i = 0; i < num_subjects; i++)
			for (n = 0; n < depth;) {
				long got = reap(&disks[i], ev, depth - n);

				n += got;
				done += got;
			}
	}
	return done;
}

static int many(int argc, char **argv)
{
	unsigned int r, i;
	unsigned long n;
	uint64_t t;

	if (argc < 6)
		return 2;
	count = strtoul(argv[2], NULL, 0);
	depth = strtoul(argv[3], NULL, 0);
	size = strtoul(argv[4], NULL, 0);
	if (!depth || depth > MAX_DEPTH || !size)
		return 2;
	take_subjects(argc - 5, argv + 5);
	for (i = 0; i < num_subjects; i++)
		open_disk(&disks[i], subjects[i].where);
	run_many(0);
	for (r = 0; r < (unsigned int)atoi(argv[1]); r++) {
		read_counters(&before);
		usleep(20000);
		t = now();
		BEGIN();
		n = run_many(0);
		END();
		window_line(argv[0], "virtio-msg", n, now() - t);
	}
	return 0;
}

/* Network cards, each with a network of its own behind it */

static struct card {
	int fd;
	char name[IFNAMSIZ];
	struct sockaddr_in to;
} cards[MAX_SUBJECTS];

/* NULL, or why not */
static const char *open_card(struct card *c, const char *where, bool udp)
{
	struct timeval limit = { .tv_sec = STALL };
	char addr[64];
	int port;

	if (sscanf(where, "%15[^,],%63[^,],%d", c->name, addr, &port) != 3)
		die("%s: expected CARD,ADDRESS,PORT", where);
	c->to.sin_family = AF_INET;
	c->to.sin_port = htons(port);
	inet_pton(AF_INET, addr, &c->to.sin_addr);
	c->fd = socket(AF_INET, udp ? SOCK_DGRAM : SOCK_STREAM, 0);
	setsockopt(c->fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	setsockopt(c->fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	if (connect(c->fd, (struct sockaddr *)&c->to, sizeof(c->to)))
		return strerror(errno);
	return NULL;
}

static void card_counter(struct counters *c, unsigned int subject, const char *name,
			 const char *file)
{
	long long value;
	char path[256];
	FILE *f;

	snprintf(path, sizeof(path), "/sys/class/net/%s/statistics/%s",
		 cards[subject].name, file);
	f = fopen(path, "r");
	if (!f || fscanf(f, "%lld", &value) != 1)
		die("%s: %s", path, strerror(errno));
	fclose(f);
	add_counter(c, name, value);
}

/* Frames: how many of them share a doorbell, or an interrupt? */
static void card_counters(struct counters *c, unsigned int subject)
{
	card_counter(c, subject, "rx_frames", "rx_packets");
	card_counter(c, subject, "tx_frames", "tx_packets");
}

static unsigned long run_udp(unsigned int subject)
{
	struct card *c = &cards[subject];
	char buf[65536] = "";
	unsigned long i;
	unsigned int tries;

	for (i = 0; i < count; i++) {
		/* A datagram may be lost. */
		for (tries = 0;; tries++) {
			if (tries == 5)
				die("no answer to a datagram on %s", subjects[subject].name);
			if (send(c->fd, buf, size, 0) == (ssize_t)size &&
			    recv(c->fd, buf, sizeof(buf), 0) > 0)
				break;
		}
	}
	return count;
}

/* Send a count of kilobytes, or ask for as many, in one connection; NULL or why not. */
static const char *tcp(struct card *c)
{
	unsigned long left = count * 1024;
	static char buf[65536];
	uint32_t ask = htonl(count);
	ssize_t n;

	if (writing)
		ask |= htonl(1U << 31);
	n = send(c->fd, &ask, sizeof(ask), 0);
	while (left && n > 0) {
		n = left < sizeof(buf) ? left : sizeof(buf);
		n = writing ? send(c->fd, buf, n, 0) : recv(c->fd, buf, n, 0);
		left -= n > 0 ? n : 0;
	}
	/* It has all of it. */
	if (writing && n > 0)
		n = recv(c->fd, buf, 1, MSG_WAITALL);
	if (n > 0)
		return NULL;
	return n ? strerror(errno) : "the connection has ended";
}

static unsigned long run_tcp(unsigned int subject)
{
	const char *why = tcp(&cards[subject]);

	if (!why)
		return count;
	fprintf(stderr, "work: %s: %s; once more\n", subjects[subject].name, why);
	close(cards[subject].fd);
	/* If that fails, so does the next window. */
	open_card(&cards[subject], subjects[subject].where, false);
	return 0;
}

/* Once before it counts.  A back end that does not do it leaves its card out. */
static bool warm_up(unsigned int subject, bool udp)
{
	struct card *c = &cards[subject];
	const char *why;
	unsigned int i;

	for (i = 0; i < MAX_FAILURES; i++) {
		why = open_card(c, subjects[subject].where, udp);
		if (!why && udp)
			return run_udp(subject);
		why = why ?: tcp(c);
		if (!why)
			return true;
		close(c->fd);
	}
	fprintf(stderr, "work: %s is left out, %d connections failed: %s\n",
		subjects[subject].name, MAX_FAILURES, why);
	return false;
}

/* net WHAT ROUNDS COUNT udp|tcp-in|tcp-out SIZE NAME=CARD,ADDRESS,PORT... */
static int net(int argc, char **argv)
{
	unsigned int i, left = 0;
	bool udp;

	if (argc < 6)
		return 2;
	count = strtoul(argv[2], NULL, 0);
	signal(SIGPIPE, SIG_IGN);
	udp = !strcmp(argv[3], "udp");
	writing = !strcmp(argv[3], "tcp-out");
	size = strtoul(argv[4], NULL, 0);
	take_subjects(argc - 5, argv + 5);
	for (i = 0; i < num_subjects; i++) {
		subjects[i].out = !warm_up(i, udp);
		left += !subjects[i].out;
	}
	if (!left)
		die("no card is left");
	more_counters = card_counters;
	take_turns(argv[0], atoi(argv[1]), udp ? run_udp : run_tcp);
	return 0;
}

/* read WHAT ROUNDS COUNT SIZE NAME=FILE...: pread() at 0 of a file, many times */
static int files[MAX_SUBJECTS];

static unsigned long run_read(unsigned int subject)
{
	char buf[4096];
	unsigned long i;

	for (i = 0; i < count; i++)
		if (pread(files[subject], buf, size, 0) <= 0 && errno != ESPIPE)
			die("%s: %s", subjects[subject].where, strerror(errno));
	return count;
}

static int readfile(int argc, char **argv)
{
	unsigned int i;

	if (argc < 5)
		return 2;
	count = strtoul(argv[2], NULL, 0);
	size = strtoul(argv[3], NULL, 0);
	if (!size || size > 4096)
		return 2;
	take_subjects(argc - 4, argv + 4);
	for (i = 0; i < num_subjects; i++) {
		files[i] = open(subjects[i].where, O_RDONLY);
		if (files[i] < 0)
			die("%s: %s", subjects[i].where, strerror(errno));
		run_read(i);
	}
	take_turns(argv[0], atoi(argv[1]), run_read);
	return 0;
}

/* How many uevents say that a device of the virtio bus got its driver? */

static int uevents(void)
{
	struct sockaddr_nl a = { .nl_family = AF_NETLINK, .nl_groups = 1 };
	struct timeval limit = { .tv_sec = DEADLINE };
	int big = 16 << 20;
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_KOBJECT_UEVENT);

	if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)))
		die("uevents: %s", strerror(errno));
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &big, sizeof(big));
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	return fd;
}

static void wait_bound(int fd, unsigned long n)
{
	char buf[8192];
	ssize_t len;

	while (n) {
		len = recv(fd, buf, sizeof(buf) - 1, 0);
		if (len <= 0)
			die("%lu devices got no driver: %s", n, strerror(errno));
		buf[len] = 0;
		if (!strncmp(buf, "bind@", 5) && strstr(buf, "/virtio"))
			n--;
	}
}

static void put(const char *file, const char *text)
{
	int fd = open(file, O_WRONLY);

	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		die("%s: cannot write %s: %s", file, text, strerror(errno));
	close(fd);
}

/*
 * bind WHAT ROUNDS DEVICES DRIVER FUNCTION: bind a PCI function, again and again,
 * until all devices of its bus have their drivers
 */
static int bind_function(int argc, char **argv)
{
	char path[256];
	unsigned int r;
	uint64_t t;
	int fd;

	if (argc != 5)
		return 2;
	count = strtoul(argv[2], NULL, 0);
	fd = uevents();
	for (r = 0; r < (unsigned int)atoi(argv[1]); r++) {
		snprintf(path, sizeof(path), "%s/unbind", argv[3]);
		put(path, argv[4]);
		usleep(300000);
		while (recv(fd, path, sizeof(path), MSG_DONTWAIT) > 0)
			;
		/* The bus is new: its counters begin at 0. */
		read_counters(&before);
		memset(before.value, 0, sizeof(before.value));
		snprintf(path, sizeof(path), "%s/bind", argv[3]);
		t = now();
		BEGIN();
		put(path, argv[4]);
		wait_bound(fd, count);
		END();
		t = now() - t;
		/* What the last ones still have to say. */
		usleep(200000);
		if (!before.n) {
			read_counters(&before);
			memset(before.value, 0, sizeof(before.value));
		}
		window_line(argv[0], "virtio-msg", count, t);
	}
	return 0;
}

static const struct {
	const char *name;
	int (*fn)(int argc, char **argv);
	const char *args;
} jobs[] = {
	{ "blk", blk, "WHAT ROUNDS COUNT DEPTH SIZE read|write rand|seq NAME=DISK..." },
	{ "many", many, "WHAT ROUNDS COUNT DEPTH SIZE NAME=DISK..." },
	{ "net", net, "WHAT ROUNDS COUNT udp|tcp-in|tcp-out SIZE NAME=CARD,ADDRESS,PORT..." },
	{ "read", readfile, "WHAT ROUNDS COUNT SIZE NAME=FILE..." },
	{ "bind", bind_function, "WHAT ROUNDS DEVICES DRIVER FUNCTION" },
};

int main(int argc, char **argv)
{
	unsigned int i;
	int ret = 2;

	for (i = 0; argc > 2 && i < sizeof(jobs) / sizeof(jobs[0]); i++)
		if (!strcmp(argv[1], jobs[i].name))
			ret = jobs[i].fn(argc - 2, argv + 2);
	if (ret == 2) {
		fprintf(stderr, "Usage:\n");
		for (i = 0; i < sizeof(jobs) / sizeof(jobs[0]); i++)
			fprintf(stderr, "  work %s %s\n", jobs[i].name, jobs[i].args);
	}
	return ret;
}
