// SPDX-License-Identifier: GPL-2.0-only
/*
 * Write and read blocks of a disk or file at random and check what is read.
 *
 * Each thread owns a slice of the blocks and remembers for each block which
 * generation it must hold. A write that failed leaves the block with the old
 * or the new generation, and both are right from then on, until one is seen.
 * What is never right is other data, and success for a read that did not happen.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <linux/fs.h>

#define MAGIC 0x796669726576696fULL
#include "blocks.h"

struct slice {
	pthread_t thread;
	uint64_t first, count;
	uint64_t rnd;
	/* What a block may hold: from .sure to .maybe. 0 is "not ours yet". */
	uint32_t *sure, *maybe;
	uint64_t reads, writes, errors, wrong;
};

static const char *name;
static unsigned int threads = 4, max_blocks = 8;
static uint64_t ops = 1000, seconds, limit;
static const char *state;
static unsigned int linger;
static int fd, direct = 1, errors_ok, quiet, flush_every, stop, only_check;
static volatile sig_atomic_t enough;

static const char help[] =
	"Usage: ioverify [OPTION]... FILE\n"
	"\n"
	"Writes blocks of FILE (a disk or an existing file) at random, reads them back\n"
	"and checks them. What FILE held before is lost.\n"
	"\n"
	"  -t, --threads N    threads, each with its own slice (default 4)\n"
	"  -n, --ops N        operations per thread (default 1000)\n"
	"  -s, --seconds S    run this long instead\n"
	"  -z, --size BYTES   use only this much of FILE\n"
	"  -m, --max BLOCKS   largest request in blocks of 4096 bytes (default 8)\n"
	"  -f, --flush N      fdatasync after every N writes\n"
	"  -b, --buffered     through the page cache, not O_DIRECT\n"
	"  -e, --errors-ok    an I/O error is no failure: wait a little and go on\n"
	"  -x, --stop         the same, but end a thread at its first error\n"
	"  -r, --record FILE  go on where FILE says that the last run has ended, and\n"
	"                     keep what was acknowledged there; -t, -z and -S must be\n"
	"                     the same\n"
	"  -l, --linger MS    look at what was read again after so long: it must not change\n"
	"  -c, --check        read everything once, write nothing\n"
	"  -S, --seed N       seed of the random numbers; it tells blocks of this run\n"
	"                     from those of another\n"
	"  -q, --quiet        say nothing if all is well\n"
	"\n"
	"It runs with a nice value of 10, so that a test can do something meanwhile.\n"
	"SIGUSR1 is the end of its time: what comes after that still comes.\n"
	"\n"
	"Exit status: 0 all is well, 1 wrong data or an I/O error, 2 usage.\n"
	"\n"
	"  ioverify -t 32 -s 10 /dev/vda\n"
	"  ioverify -e -s 60 /dev/vda      (while the peer is killed and restarted)\n"
	"  ioverify -x -r acks -s 60 /dev/vda; ioverify -c -r acks /dev/vda\n";

static void usage(FILE *f)
{
	fputs(help, f);
}

static void check(struct slice *sl, const uint64_t *w, uint64_t block)
{
	uint64_t want[WORDS];
	uint64_t i = block - sl->first;
	uint32_t gen = (uint32_t)w[2];
	unsigned int at;

	if (!sl->maybe[i])
		return;		/* never written by us */
	if (!sl->sure[i] && w[0] != (MAGIC ^ seed))
		return;		/* no write of it has succeeded */
	if (w[1] != block || gen < sl->sure[i] || gen > sl->maybe[i]) {
		fprintf(stderr,
			"ioverify: block %llu: holds block %llu generation %llu, wanted generation %u..%u\n",
			(unsigned long long)block, (unsigned long long)w[1],
			(unsigned long long)w[2], sl->sure[i], sl->maybe[i]);
		sl->wrong++;
		return;
	}
	fill(want, block, gen);
	if (memcmp(want, w, BLOCK)) {
		for (at = 0; at < WORDS && want[at] == w[at]; at++)
			;
		fprintf(stderr, "ioverify: block %llu: wrong data from byte %zu on\n",
			(unsigned long long)block, at * sizeof(uint64_t));
		sl->wrong++;
		return;
	}
	/* A failed write may still land later, so only the floor is known. */
	sl->sure[i] = gen;
}

/* Whether to go on after an error. */
static int failed(struct slice *sl, const char *what, uint64_t block, ssize_t n)
{
	sl->errors++;
	if (stop)
		return 0;
	if (errors_ok) {
		usleep(20000);
		return 1;
	}
	fprintf(stderr, "ioverify: %s of block %llu: %s\n", what,
		(unsigned long long)block, n < 0 ? strerror(errno) : "short");
	return 0;
}

static int one_write(struct slice *sl, uint64_t *buf, uint64_t at, unsigned int n)
{
	unsigned int i;
	ssize_t got;

	for (i = 0; i < n; i++) {
		sl->maybe[at + i]++;
		fill(buf + i * WORDS, sl->first + at + i, sl->maybe[at + i]);
	}
	got = pwrite(fd, buf, n * BLOCK, (off_t)((sl->first + at) * BLOCK));
	if (got != (ssize_t)(n * BLOCK))
		return failed(sl, "write", sl->first + at, got);
	for (i = 0; i < n; i++)
		sl->sure[at + i] = sl->maybe[at + i];
	sl->writes++;
	if (flush_every && sl->writes % flush_every == 0 && fdatasync(fd))
		return failed(sl, "flush", sl->first + at, -1);
	return 1;
}

/* Nobody but us writes to a buffer that a read has filled. */
static void look_again(struct slice *sl, const uint64_t *buf, uint64_t at, unsigned int n)
{
	uint64_t *before = malloc(n * BLOCK);

	if (!before)
		abort();
	memcpy(before, buf, n * BLOCK);
	usleep(linger * 1000);
	if (memcmp(before, buf, n * BLOCK)) {
		fprintf(stderr, "ioverify: block %llu: what was read has changed later\n",
			(unsigned long long)(sl->first + at));
		sl->wrong++;
	}
	free(before);
}

static int one_read(struct slice *sl, uint64_t *buf, uint64_t at, unsigned int n)
{
	unsigned int i;
	ssize_t got;

	/* So that a read that did nothing is seen. */
	memset(buf, 0x5a, n * BLOCK);
	got = pread(fd, buf, n * BLOCK, (off_t)((sl->first + at) * BLOCK));
	if (got != (ssize_t)(n * BLOCK))
		return failed(sl, "read", sl->first + at, got);
	for (i = 0; i < n; i++)
		check(sl, buf + i * WORDS, sl->first + at + i);
	if (linger)
		look_again(sl, buf, at, n);
	sl->reads++;
	return 1;
}

static void on_enough(int signal)
{
	(void)signal;
	enough = 1;
}

static void *work(void *arg)
{
	struct slice *sl = arg;
	struct timespec start, now;
	uint64_t done, at, r;
	unsigned int n;
	void *buf;

	if (posix_memalign(&buf, BLOCK, (size_t)max_blocks * BLOCK))
		abort();
	clock_gettime(CLOCK_MONOTONIC, &start);
	for (done = 0; !only_check && !enough; done++) {
		if (seconds) {
			clock_gettime(CLOCK_MONOTONIC, &now);
			if ((uint64_t)(now.tv_sec - start.tv_sec) >= seconds)
				break;
		} else if (done >= ops) {
			break;
		}
		r = next(&sl->rnd);
		n = 1 + (r >> 8) % max_blocks;
		if (n > sl->count)
			n = sl->count;
		at = (r >> 16) % (sl->count - n + 1);
		if (r & 1 ? !one_write(sl, buf, at, n) : !one_read(sl, buf, at, n))
			break;
	}
	/* At the end everything once more. */
	for (at = 0; at < sl->count && !(sl->errors && (stop || !errors_ok)); at += n) {
		n = sl->count - at < max_blocks ? sl->count - at : max_blocks;
		if (!one_read(sl, buf, at, n))
			break;
	}
	free(buf);
	return NULL;
}

/* What each block may hold, in a file: all slices, one behind the other. */
static int record(struct slice *s, const char *mode)
{
	size_t (*io)(void *, size_t, size_t, FILE *) =
		*mode == 'r' ? fread : (size_t (*)(void *, size_t, size_t, FILE *))fwrite;
	FILE *f = fopen(state, mode);
	unsigned int i;
	int bad = 0;

	if (!f)
		return *mode == 'r' && errno == ENOENT ? 0 : -1;
	for (i = 0; i < threads; i++) {
		bad |= io(&s[i].rnd, sizeof(s[i].rnd), 1, f) != 1;
		bad |= io(s[i].sure, sizeof(*s[i].sure), s[i].count, f) != s[i].count;
		bad |= io(s[i].maybe, sizeof(*s[i].maybe), s[i].count, f) != s[i].count;
	}
	return fclose(f) || bad ? -1 : 0;
}

static uint64_t size_of(void)
{
	struct stat st;
	uint64_t size = 0;

	if (fstat(fd, &st))
		return 0;
	if (S_ISBLK(st.st_mode))
		return ioctl(fd, BLKGETSIZE64, &size) ? 0 : size;
	return (uint64_t)st.st_size;
}

int main(int argc, char **argv)
{
	const struct sigaction action = { .sa_handler = on_enough, .sa_flags = SA_RESTART };
	static const struct option options[] = {
		{ "threads", 1, NULL, 't' }, { "ops", 1, NULL, 'n' },
		{ "seconds", 1, NULL, 's' }, { "size", 1, NULL, 'z' },
		{ "max", 1, NULL, 'm' }, { "flush", 1, NULL, 'f' },
		{ "buffered", 0, NULL, 'b' }, { "errors-ok", 0, NULL, 'e' },
		{ "seed", 1, NULL, 'S' }, { "linger", 1, NULL, 'l' }, { "quiet", 0, NULL, 'q' },
		{ "stop", 0, NULL, 'x' }, { "record", 1, NULL, 'r' },
		{ "check", 0, NULL, 'c' }, { "help", 0, NULL, 'h' }, { }
	};
	uint64_t reads = 0, writes = 0, errors = 0, wrong = 0, blocks;
	struct slice *s;
	unsigned int i;
	int c;

	while ((c = getopt_long(argc, argv, "t:n:s:z:m:f:bexr:cS:l:qh", options, NULL)) != -1) {
		switch (c) {
		case 't':
			threads = number(optarg);
			break;
		case 'n':
			ops = number(optarg);
			break;
		case 's':
			seconds = number(optarg);
			break;
		case 'z':
			limit = number(optarg);
			break;
		case 'm':
			max_blocks = number(optarg);
			break;
		case 'f':
			flush_every = number(optarg);
			break;
		case 'b':
			direct = 0;
			break;
		case 'e':
			errors_ok = 1;
			break;
		case 'x':
			stop = errors_ok = 1;
			break;
		case 'r':
			state = optarg;
			break;
		case 'c':
			only_check = 1;
			break;
		case 'S':
			seed = number(optarg);
			break;
		case 'l':
			linger = number(optarg);
			break;
		case 'q':
			quiet = 1;
			break;
		case 'h':
			usage(stdout);
			return 0;
		default:
			return 2;
		}
	}
	if (optind + 1 != argc || !threads || !max_blocks) {
		usage(stderr);
		return 2;
	}
	name = argv[optind];
	fd = open(name, O_RDWR | (direct ? O_DIRECT : 0));
	if (fd < 0 && direct && errno == EINVAL)
		fd = open(name, O_RDWR);
	if (fd < 0) {
		perror(name);
		return 1;
	}
	blocks = size_of();
	if (limit && limit < blocks)
		blocks = limit;
	blocks /= BLOCK;
	if (blocks < threads) {
		fprintf(stderr, "ioverify: %s is too small\n", name);
		return 1;
	}
	s = calloc(threads, sizeof(*s));
	if (!s)
		return 1;
	for (i = 0; i < threads; i++) {
		s[i].first = blocks * i / threads;
		s[i].count = blocks * (i + 1) / threads - s[i].first;
		s[i].rnd = (seed * 7919 + i + 1) * 0x9e3779b97f4a7c15ULL | 1;
		s[i].sure = calloc(s[i].count, sizeof(*s[i].sure));
		s[i].maybe = calloc(s[i].count, sizeof(*s[i].maybe));
		if (!s[i].sure || !s[i].maybe)
			return 1;
	}
	if (state && record(s, "r")) {
		fprintf(stderr, "ioverify: %s is no record of such a run\n", state);
		return 2;
	}
	sigaction(SIGUSR1, &action, NULL);
	/*
	 * What a test does meanwhile gets the CPU: the disk keeps busy all the
	 * same.
	 */
	setpriority(PRIO_PROCESS, 0, 10);
	for (i = 0; i < threads; i++) {
		if (pthread_create(&s[i].thread, NULL, work, &s[i]))
			return 1;
	}
	for (i = 0; i < threads; i++) {
		pthread_join(s[i].thread, NULL);
		reads += s[i].reads;
		writes += s[i].writes;
		errors += s[i].errors;
		wrong += s[i].wrong;
	}
	if (state && !only_check && record(s, "w")) {
		perror(state);
		return 2;
	}
	if (fsync(fd) && !errors_ok) {
		perror("ioverify: fsync");
		errors++;
	}
	if (!quiet || wrong || (errors && !errors_ok))
		printf("ioverify: %llu writes, %llu reads, %llu I/O errors, %llu blocks wrong\n",
		       (unsigned long long)writes, (unsigned long long)reads,
		       (unsigned long long)errors, (unsigned long long)wrong);
	return wrong || (errors && !errors_ok);
}
