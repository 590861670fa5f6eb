// SPDX-License-Identifier: GPL-2.0-only
/*
 * Kill the device side of a disk again and again, and see that nothing is lost
 *
 * Every block that is written has a number of its own.  A ledger in this process,
 * which the kills do not touch, knows for each block of the disk which writes may
 * stand there, by these rules:
 *
 *   - a write that was acknowledged before another one was issued is gone once
 *     that one was acknowledged, too; with --flushed, once that one was flushed
 *   - one that failed, or was cut off, may be there or not, until it was read
 *   - what was read stands there, if no write was under way
 *   - a block is all of one write
 *
 * Writes of several threads go to the same blocks at the same time.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <linux/fs.h>

#define MAGIC 0x6b63656863687363ULL
#include "blocks.h"
#define MAX_THREADS 256

enum state { PENDING, ACKED, FAILED };

/* A write: at the times that a counter of events shows. */
struct write {
	uint64_t seq;		/* 0: what was there before */
	uint64_t issued, ended;
	enum state state;
	bool zero;
	bool flushed;
};

struct lba {
	struct write *w;
	unsigned int n, room;
	unsigned int pending, readers;
	uint64_t moved;		/* the last time a write began or ended */
};

static const char help[] =
	"Usage: crashcheck [OPTION]...\n"
	"\n"
	"Writes, reads and flushes a disk while its device side is killed and started\n"
	"again, and checks that what was acknowledged is there. The disk is found by its\n"
	"size; all that it holds is lost.\n"
	"\n"
	"  -z, --size BYTES   the size of the disk\n"
	"  -u, --use BLOCKS   use so many blocks of 4096 bytes (default 128)\n"
	"  -n, --kills N      kill it so often (default 10)\n"
	"  -t, --threads N    requests at a time, at most; every other time only one\n"
	"                     (default 16)\n"
	"  -r, --resume       no request may fail, it goes on where it was; without this\n"
	"                     all requests that are under way must fail\n"
	"  -w, --wait         they fail when the next device side is there, and not before\n"
	"  -f, --flushed      only what was flushed must be there\n"
	"  -m, --max MS       a kill comes after up to so long (default 400)\n"
	"  -2, --again P      in P of 100 cases it is killed again while it comes back\n"
	"  -p, --points N     kill it at each crash point of short sequences of up to N\n"
	"                     requests instead, until a sequence survives\n"
	"  -k, --first K      begin with crash point K, -e, --last K: end with it\n"
	"  -S, --seed N\n"
	"  -q, --quiet\n"
	"\n"
	"It runs \"host kill\", \"host start\", \"host crash K\" and \"host pid\".\n"
	"\n"
	"Exit status: 0 all is well, 1 something was lost, torn, failed or stuck, 2 usage.\n";

static uint64_t size, kills = 10, points, first_point = 1, last_point;
static unsigned int blocks = 128, threads = 16, max_ms = 400, again;
static bool resume, waits, flushed, quiet;

/* guards all that follows */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static struct lba *ledger;
static uint64_t now, last_seq;
static unsigned int want, active;	/* threads that may run, that do */
static bool going;
static uint64_t ops, errors, acks, flushes;
static uint64_t lost, torn;
static int fd = -1;

static uint64_t rnd_state;

static uint64_t ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000ULL + t.tv_nsec / 1000000;
}

static void say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static void say(const char *fmt, ...)
{
	va_list ap;

	fputs("crashcheck: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
}

/* ------------------------------------------------------------- ledger */

static struct write *find(struct lba *l, uint64_t seq)
{
	unsigned int i;

	for (i = 0; i < l->n; i++)
		if (l->w[i].seq == seq)
			return &l->w[i];
	return NULL;
}

static bool is_sure(const struct write *w)
{
	return w->state == ACKED && (!flushed || w->flushed);
}

/* Is @w over, for a read that began at @when? */
static bool superseded(const struct lba *l, const struct write *w, uint64_t when,
		       bool sure)
{
	unsigned int i;

	if (w->state == PENDING || !w->ended)
		return false;
	for (i = 0; i < l->n; i++) {
		const struct write *x = &l->w[i];

		if (x->state == ACKED && (!sure || is_sure(x)) &&
		    x->issued > w->ended && x->ended < when)
			return true;
	}
	return false;
}

/* Drop what can never be seen again. */
static void prune(struct lba *l)
{
	unsigned int i, k = 0;
	bool gone[l->n];

	if (l->readers)
		return;
	for (i = 0; i < l->n; i++)
		gone[i] = superseded(l, &l->w[i], UINT64_MAX, flushed);
	for (i = 0; i < l->n; i++)
		if (!gone[i])
			l->w[k++] = l->w[i];
	l->n = k;
}

static uint64_t begin_write(unsigned int block, bool zero)
{
	struct lba *l = &ledger[block];
	struct write *w;

	if (l->n == l->room) {
		l->room = l->room ? 2 * l->room : 4;
		l->w = realloc(l->w, l->room * sizeof(*l->w));
		if (!l->w)
			abort();
	}
	w = &l->w[l->n++];
	memset(w, 0, sizeof(*w));
	w->seq = ++last_seq;
	w->zero = zero;
	w->issued = ++now;
	w->state = PENDING;
	l->pending++;
	l->moved = now;
	return w->seq;
}

static void end_write(unsigned int block, uint64_t seq, bool ok)
{
	struct lba *l = &ledger[block];
	struct write *w = find(l, seq);

	w->state = ok ? ACKED : FAILED;
	/* One that failed may still come, until the next device side is there. */
	w->ended = ok ? ++now : 0;
	l->pending--;
	l->moved = ++now;
	prune(l);
}

static void end_flush(uint64_t issued)
{
	unsigned int b, i;

	for (b = 0; b < blocks; b++)
		for (i = 0; i < ledger[b].n; i++)
			if (ledger[b].w[i].state == ACKED && ledger[b].w[i].ended < issued)
				ledger[b].w[i].flushed = true;
}

/* A device side has died, and another is there. */
static void new_epoch(void)
{
	unsigned int b, i;

	for (b = 0; b < blocks; b++) {
		struct lba *l = &ledger[b];

		for (i = 0; i < l->n; i++) {
			struct write *w = &l->w[i];

			if (w->state == FAILED && !w->ended)
				w->ended = ++now;
			if (flushed && w->state == ACKED && !w->flushed)
				w->state = FAILED;
		}
		prune(l);
	}
}

/* Which of the writes that may be there is this?  NULL: none; says why. */
static struct write *identify(struct lba *l, unsigned int block, const uint64_t *buf,
			      const char **why, bool *is_torn)
{
	uint64_t whole[WORDS];
	unsigned int i;

	*is_torn = false;
	if (buf[0] == (MAGIC ^ seed)) {
		*why = "is another block's";
		if (buf[1] != block)
			return NULL;
		fill(whole, block, buf[2]);
		*why = "is of two writes";
		*is_torn = memcmp(whole, buf, BLOCK);
		if (*is_torn)
			return NULL;
		*why = "is older than what was acknowledged";
		return find(l, buf[2]);
	}
	*why = "is what was there before, or zeroes";
	for (i = 0; i < WORDS && !buf[i]; i++)
		;
	if (i == WORDS)
		for (i = l->n; i-- > 0; )
			if (l->w[i].zero)
				return &l->w[i];
	return find(l, 0);
}

static void check_read(unsigned int block, const uint64_t *buf, uint64_t began,
		       bool fresh)
{
	struct lba *l = &ledger[block];
	struct write *w;
	const char *why;
	bool is_torn;

	w = identify(l, block, buf, &why, &is_torn);
	if (!w || superseded(l, w, began, false)) {
		lost += !is_torn;
		torn += is_torn;
		if (lost + torn < 10)
			say("block %u: what is there %s", block,
			    w ? "is older than what was acknowledged" : why);
		return;
	}
	/* Nobody wrote meanwhile: so that is what stands there. */
	if (l->pending || l->moved >= began || l->readers > 1 || (flushed && !fresh))
		return;
	l->w[0] = *w;
	l->w[0].state = ACKED;
	l->w[0].flushed |= fresh;
	if (!l->w[0].ended)
		l->w[0].ended = ++now;
	l->n = 1;
}

/* ------------------------------------------------------------- threads */

static bool do_write(unsigned int block, bool zero, uint64_t *buf)
{
	uint64_t range[2] = { (uint64_t)block * BLOCK, BLOCK };
	uint64_t seq;
	bool ok;

	pthread_mutex_lock(&lock);
	seq = begin_write(block, zero);
	pthread_mutex_unlock(&lock);
	if (zero) {
		ok = !ioctl(fd, BLKZEROOUT, range);
	} else {
		fill(buf, block, seq);
		ok = pwrite(fd, buf, BLOCK, (off_t)block * BLOCK) == BLOCK;
	}
	pthread_mutex_lock(&lock);
	end_write(block, seq, ok);
	acks += ok;
	pthread_mutex_unlock(&lock);
	return ok;
}

static bool do_read(unsigned int block, uint64_t *buf)
{
	uint64_t began;
	bool ok;

	pthread_mutex_lock(&lock);
	began = ++now;
	ledger[block].readers++;
	pthread_mutex_unlock(&lock);
	memset(buf, 0x5a, BLOCK);
	ok = pread(fd, buf, BLOCK, (off_t)block * BLOCK) == BLOCK;
	pthread_mutex_lock(&lock);
	if (ok)
		check_read(block, buf, began, false);
	ledger[block].readers--;
	pthread_mutex_unlock(&lock);
	return ok;
}

static bool do_flush(void)
{
	uint64_t issued;
	bool ok;

	pthread_mutex_lock(&lock);
	issued = ++now;
	pthread_mutex_unlock(&lock);
	ok = !fdatasync(fd);
	pthread_mutex_lock(&lock);
	if (ok) {
		end_flush(issued);
		flushes++;
	}
	pthread_mutex_unlock(&lock);
	return ok;
}

static void *work(void *arg)
{
	unsigned int me = (unsigned int)(uintptr_t)arg;
	uint64_t rnd = (seed + me + 1) * 0x9e3779b97f4a7c15ULL | 1;
	void *buf;

	if (posix_memalign(&buf, BLOCK, BLOCK))
		abort();
	for (;;) {
		uint64_t r = next(&rnd);
		unsigned int block = (unsigned int)((r >> 16) % blocks);
		bool ok;

		pthread_mutex_lock(&lock);
		while (!going || me >= want)
			pthread_cond_wait(&changed, &lock);
		active++;
		pthread_mutex_unlock(&lock);
		if (r % 100 < 60)
			ok = do_write(block, r % 100 < 4, buf);
		else if (r % 100 < 92)
			ok = do_read(block, buf);
		else
			ok = do_flush();
		pthread_mutex_lock(&lock);
		ops++;
		errors += !ok;
		/* The disk is gone. */
		if (!ok)
			going = false;
		active--;
		pthread_cond_broadcast(&changed);
		pthread_mutex_unlock(&lock);
	}
	return NULL;
}

/* Wait until no request is under way.  False if that takes too long. */
static bool all_still(unsigned int limit_ms)
{
	struct timespec t;
	bool ok = true;

	clock_gettime(CLOCK_REALTIME, &t);
	t.tv_sec += limit_ms / 1000;
	pthread_mutex_lock(&lock);
	going = false;
	while (active && ok)
		ok = !pthread_cond_timedwait(&changed, &lock, &t);
	pthread_mutex_unlock(&lock);
	return ok;
}

static void go(unsigned int n)
{
	pthread_mutex_lock(&lock);
	want = n;
	going = true;
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&lock);
}

/* ---------------------------------------------------------- device side */

/* Not system(): in a guest with all checks a shell takes long. */
static int host(const char *verb, const char *arg)
{
	pid_t pid = fork();
	int status, null;

	if (!pid) {
		null = open("/dev/null", O_RDWR);
		dup2(null, 0);
		dup2(null, 1);
		execlp("host", "host", verb, arg, NULL);
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static bool size_is(const char *name)
{
	char path[300];
	uint64_t sectors = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/sys/block/%s/size", name);
	f = fopen(path, "r");
	if (!f)
		return false;
	if (fscanf(f, "%llu", (unsigned long long *)&sectors) != 1)
		sectors = 0;
	fclose(f);
	return sectors * 512 == size;
}

static int open_disk(void)
{
	struct dirent *e;
	char path[300];
	int got = -1;
	DIR *d = opendir("/sys/block");

	while (d && got < 0 && (e = readdir(d))) {
		if (strncmp(e->d_name, "vd", 2) || !size_is(e->d_name))
			continue;
		snprintf(path, sizeof(path), "/dev/%s", e->d_name);
		got = open(path, O_RDWR | O_DIRECT);
	}
	if (d)
		closedir(d);
	return got;
}

static bool first_block_reads(void)
{
	bool ok;
	void *buf;

	if (posix_memalign(&buf, BLOCK, BLOCK))
		abort();
	ok = pread(fd, buf, BLOCK, 0) == BLOCK;
	free(buf);
	return ok;
}

/* One that reads: others are of a device side that is dead, and going. */
static bool find_disk(void)
{
	uint64_t until = ms() + 60000;

	for (;;) {
		fd = open_disk();
		if (fd >= 0 && first_block_reads())
			return true;
		if (fd >= 0)
			close(fd);
		if (ms() > until) {
			say("in 60 s there was no disk of %llu bytes that can be read",
			    (unsigned long long)size);
			return false;
		}
		usleep(10000);
	}
}

static bool verify(void)
{
	unsigned int b, i, n, max = 16;
	uint64_t *buf, began;
	bool ok = true;

	if (posix_memalign((void **)&buf, BLOCK, (size_t)max * BLOCK))
		abort();
	for (b = 0; b < blocks && ok; b += n) {
		n = blocks - b < max ? blocks - b : max;
		pthread_mutex_lock(&lock);
		began = ++now;
		pthread_mutex_unlock(&lock);
		memset(buf, 0x5a, n * BLOCK);
		if (pread(fd, buf, n * BLOCK, (off_t)b * BLOCK) != (ssize_t)(n * BLOCK)) {
			say("read of block %u: %s", b, strerror(errno));
			ok = false;
			break;
		}
		pthread_mutex_lock(&lock);
		for (i = 0; i < n; i++)
			check_read(b + i, buf + i * WORDS, began, true);
		pthread_mutex_unlock(&lock);
	}
	free(buf);
	return ok;
}

static bool start_again(uint64_t *killed)
{
	while (next(&rnd_state) % 100 < again) {
		if (host("start", NULL))
			return false;
		usleep(next(&rnd_state) % 300000);
		if (host("kill", NULL))
			return false;
		++*killed;
	}
	return !host("start", NULL);
}

/* What was open is of a device side that is dead: until that was noticed. */
static void wait_gone(void)
{
	while (first_block_reads())
		usleep(1000);
}

/* The device side is dead.  Return: false if that was the end. */
static bool recover(uint64_t *killed)
{
	/* Without a successor, all that is under way fails. */
	if (!resume && !waits && !all_still(60000)) {
		say("stuck: %u requests have not ended in 60 s", active);
		return false;
	}
	if (!resume && !waits)
		wait_gone();
	if (!start_again(killed)) {
		say("host start failed");
		return false;
	}
	if ((resume || waits) && !all_still(60000)) {
		say("stuck: with a successor, %u requests have not ended in 60 s", active);
		return false;
	}
	if (!resume) {
		close(fd);
		if (!find_disk())
			return false;
	}
	pthread_mutex_lock(&lock);
	new_epoch();
	pthread_mutex_unlock(&lock);
	return verify();
}

static bool random_kills(uint64_t *killed)
{
	while (*killed < kills) {
		go(next(&rnd_state) & 1 ? threads : 1);
		usleep(next(&rnd_state) % (max_ms * 1000ULL));
		if (host("kill", NULL)) {
			say("host kill failed");
			return false;
		}
		++*killed;
		if (!recover(killed))
			return false;
		if (resume && errors) {
			say("%llu requests have failed, none may",
			    (unsigned long long)errors);
			return false;
		}
	}
	return true;
}

/* -------------------------------------------------------- crash points */

/* Sequence @s: its digits, from the last, are requests. */
static bool run_sequence(uint64_t s, void *buf)
{
	uint64_t n;
	bool ok = true;

	for (n = 0; n < points && ok && s; n++, s /= 5) {
		unsigned int block = (unsigned int)(n % 2);

		switch (s % 5) {
		case 1:
			ok = do_write(block, false, buf);
			break;
		case 2:
			ok = do_read(block, buf);
			break;
		case 3:
			ok = do_flush();
			break;
		case 4:
			ok = do_write(block, true, buf);
			break;
		}
	}
	return ok;
}

static bool no_zero_digit(uint64_t s)
{
	for (; s; s /= 5)
		if (!(s % 5))
			return false;
	return true;
}

/* A sequence under way, in a thread: with a successor it waits for that. */
static struct {
	uint64_t s;
	bool ok, done;
} job;

static void *run_job(void *buf)
{
	bool ok = run_sequence(job.s, buf);

	pthread_mutex_lock(&lock);
	job.ok = ok;
	job.done = true;
	active--;
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&lock);
	return NULL;
}

static bool job_done(unsigned int wait_ms)
{
	struct timespec t;
	bool done;

	clock_gettime(CLOCK_REALTIME, &t);
	t.tv_nsec += wait_ms * 1000000L;
	t.tv_sec += t.tv_nsec / 1000000000;
	t.tv_nsec %= 1000000000;
	pthread_mutex_lock(&lock);
	while (!job.done && !pthread_cond_timedwait(&changed, &lock, &t))
		;
	done = job.done;
	pthread_mutex_unlock(&lock);
	return done;
}

/* Return: 1 it was killed, 0 it survived, -1 that was the end. */
static int one_point(uint64_t s, uint64_t k, void *buf, uint64_t *killed)
{
	pthread_t t;
	char arg[24];
	bool dead;
	int ret;

	snprintf(arg, sizeof(arg), "%llu", (unsigned long long)k);
	if (host("crash", arg)) {
		say("host crash %s failed", arg);
		return -1;
	}
	job.s = s;
	job.done = false;
	active = 1;
	if (pthread_create(&t, NULL, run_job, buf))
		return -1;
	pthread_detach(t);
	for (dead = false; !job_done(200) && !dead; )
		dead = host("pid", NULL);
	ops++;
	if (!dead && job.ok && !host("pid", NULL)) {
		host("crash", "0");
		return 0;
	}
	++*killed;
	ret = recover(killed) ? 1 : -1;
	if (ret == 1 && resume && !job.ok) {
		say("a request has failed, none may");
		ret = -1;
	}
	return ret;
}

static bool all_points(uint64_t *killed)
{
	uint64_t s, end = 1, k, i;
	void *buf;
	int did;

	if (posix_memalign(&buf, BLOCK, BLOCK))
		abort();
	for (i = 0; i < points; i++)
		end *= 5;
	for (s = 1; s < end; s++) {
		if (!no_zero_digit(s))
			continue;
		for (k = first_point; !last_point || k <= last_point; k++) {
			did = one_point(s, k, buf, killed);
			if (did < 0) {
				say("sequence %llu, crash point %llu",
				    (unsigned long long)s, (unsigned long long)k);
				return false;
			}
			if (!did)
				break;
		}
	}
	free(buf);
	return true;
}

/* -------------------------------------------------------------- program */

static void options(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "size", 1, NULL, 'z' }, { "use", 1, NULL, 'u' },
		{ "kills", 1, NULL, 'n' }, { "threads", 1, NULL, 't' },
		{ "resume", 0, NULL, 'r' }, { "flushed", 0, NULL, 'f' },
		{ "wait", 0, NULL, 'w' },
		{ "max", 1, NULL, 'm' }, { "again", 1, NULL, '2' },
		{ "points", 1, NULL, 'p' }, { "first", 1, NULL, 'k' },
		{ "last", 1, NULL, 'e' }, { "seed", 1, NULL, 'S' },
		{ "quiet", 0, NULL, 'q' }, { "help", 0, NULL, 'h' }, { }
	};
	int c;

	while ((c = getopt_long(argc, argv, "z:u:n:t:rwfm:2:p:k:e:S:qh", longs, NULL)) != -1) {
		switch (c) {
		case 'z':
			size = number(optarg);
			break;
		case 'u':
			blocks = number(optarg);
			break;
		case 'n':
			kills = number(optarg);
			break;
		case 't':
			threads = number(optarg);
			break;
		case 'r':
			resume = true;
			break;
		case 'w':
			waits = true;
			break;
		case 'f':
			flushed = true;
			break;
		case 'm':
			max_ms = number(optarg);
			break;
		case '2':
			again = number(optarg);
			break;
		case 'p':
			points = number(optarg);
			break;
		case 'k':
			first_point = number(optarg);
			break;
		case 'e':
			last_point = number(optarg);
			break;
		case 'S':
			seed = number(optarg);
			break;
		case 'q':
			quiet = true;
			break;
		case 'h':
			fputs(help, stdout);
			exit(0);
		default:
			exit(2);
		}
	}
	if (optind != argc || !size || !blocks || (uint64_t)blocks * BLOCK > size ||
	    !threads || threads > MAX_THREADS || !max_ms || again > 90 || points > 4 ||
	    !first_point) {
		fputs(help, stderr);
		exit(2);
	}
}

int main(int argc, char **argv)
{
	uint64_t killed = 0, began = ms();
	pthread_attr_t attr;
	unsigned int i;
	bool ok;

	options(argc, argv);
	rnd_state = (seed + 77) * 0x9e3779b97f4a7c15ULL | 1;
	ledger = calloc(blocks, sizeof(*ledger));
	if (!ledger || !find_disk())
		return 1;
	for (i = 0; i < blocks; i++) {
		begin_write(i, false);
		ledger[i].w[0].seq = 0;
		end_write(i, 0, true);
		ledger[i].w[0].flushed = true;
	}
	setpriority(PRIO_PROCESS, 0, 10);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 128 << 10);
	for (i = 0; i < threads && !points; i++) {
		pthread_t t;

		if (pthread_create(&t, &attr, work, (void *)(uintptr_t)i)) {
			say("no %u threads", threads);
			return 2;
		}
	}
	ok = points ? all_points(&killed) : random_kills(&killed);
	if (ok && !points) {
		ok = all_still(60000) && verify();
		if (!ok)
			say("at the end the disk is of no use");
	}
	if (!quiet || !ok || lost || torn)
		printf("crashcheck: %llu kills in %llu ms, %llu requests, %llu writes and %llu flushes acknowledged, %llu errors, %llu lost, %llu torn\n",
		       (unsigned long long)killed, (unsigned long long)(ms() - began),
		       (unsigned long long)ops, (unsigned long long)acks,
		       (unsigned long long)flushes, (unsigned long long)errors,
		       (unsigned long long)lost, (unsigned long long)torn);
	fflush(stdout);
	/* A thread that is stuck keeps nobody here. */
	_exit(ok && !lost && !torn ? 0 : 1);
}
