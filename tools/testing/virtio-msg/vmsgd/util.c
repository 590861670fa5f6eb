// SPDX-License-Identifier: GPL-2.0-only
/*
 * vmsgd: event loop, children, logging
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "util.h"

#define BATCH	64

bool verbose;

static int epfd = -1;
static struct epoll_event batch[BATCH];
static int batch_len, batch_pos;
static struct timer *timers;
static struct child *children;

static void say(const char *fmt, va_list ap)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	fprintf(stderr, "%s [%5lld.%06ld] ", program_invocation_short_name,
		(long long)ts.tv_sec, ts.tv_nsec / 1000);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
}

void info(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(fmt, ap);
	va_end(ap);
}

void debug(const char *fmt, ...)
{
	va_list ap;

	if (!verbose)
		return;
	va_start(ap, fmt);
	say(fmt, ap);
	va_end(ap);
}

void *xzalloc(size_t size)
{
	void *p = calloc(1, size);

	if (!p) {
		info("out of memory");
		exit(1);
	}
	return p;
}

char *xstrdup(const char *s)
{
	return xasprintf("%s", s);
}

char *xasprintf(const char *fmt, ...)
{
	va_list ap;
	char *s;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&s, fmt, ap);
	va_end(ap);
	if (n < 0) {
		info("out of memory");
		exit(1);
	}
	return s;
}

/* ---------------------------------------------------------------- loop */

uint64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

void loop_init(void)
{
	epfd = epoll_create1(EPOLL_CLOEXEC);
	if (epfd < 0) {
		info("epoll_create1: %m");
		exit(1);
	}
}

int loop_add(struct source *src, uint32_t events)
{
	struct epoll_event ev = { .events = events, .data.ptr = src };

	return epoll_ctl(epfd, EPOLL_CTL_ADD, src->fd, &ev);
}

void loop_mod(struct source *src, uint32_t events)
{
	struct epoll_event ev = { .events = events, .data.ptr = src };

	epoll_ctl(epfd, EPOLL_CTL_MOD, src->fd, &ev);
}

void loop_del(struct source *src)
{
	int i;

	epoll_ctl(epfd, EPOLL_CTL_DEL, src->fd, NULL);
	/* What was already fetched must not reach memory about to be freed. */
	for (i = batch_pos; i < batch_len; i++)
		if (batch[i].data.ptr == src)
			batch[i].data.ptr = NULL;
}

static void run_timers(void)
{
	uint64_t now = now_ms();
	struct timer *t;

	while ((t = timers) && t->when <= now) {
		timers = t->next;
		t->armed = false;
		t->fn(t);
	}
}

void loop_round(int timeout_ms)
{
	uint64_t now = now_ms();

	if (timers) {
		uint64_t left = timers->when > now ? timers->when - now : 0;

		if (timeout_ms < 0 || left < (uint64_t)timeout_ms)
			timeout_ms = (int)left;
	}
	batch_len = epoll_wait(epfd, batch, BATCH, timeout_ms);
	for (batch_pos = 0; batch_pos < batch_len;) {
		struct epoll_event ev = batch[batch_pos++];
		struct source *src = ev.data.ptr;

		if (src)
			src->fn(src, ev.events);
	}
	batch_len = 0;
	run_timers();
}

void timer_arm(struct timer *t, unsigned int ms)
{
	struct timer **p;

	timer_cancel(t);
	t->when = now_ms() + ms;
	t->armed = true;
	for (p = &timers; *p && (*p)->when <= t->when; p = &(*p)->next)
		;
	t->next = *p;
	*p = t;
}

void timer_cancel(struct timer *t)
{
	struct timer **p;

	if (!t->armed)
		return;
	t->armed = false;
	for (p = &timers; *p; p = &(*p)->next)
		if (*p == t) {
			*p = t->next;
			return;
		}
}

/* ------------------------------------------------------------ children */

static void redirect(int fd, int flags)
{
	int null = open("/dev/null", flags);

	if (null < 0)
		return;
	dup2(null, fd);
	if (null != fd)
		close(null);
}

int child_start(struct child *c, char *const argv[], const int *keep_fds,
		int nkeep)
{
	pid_t parent = getpid(), pid;
	sigset_t none;
	int i;

	pid = fork();
	if (pid < 0)
		return -errno;
	if (!pid) {
		/* Killed with us, even when nobody can be told to clean up. */
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(127);
		sigemptyset(&none);
		sigprocmask(SIG_SETMASK, &none, NULL);
		signal(SIGPIPE, SIG_DFL);
		redirect(0, O_RDONLY);
		redirect(1, O_WRONLY);
		if (c->quiet && !verbose)
			redirect(2, O_WRONLY);
		for (i = 0; i < nkeep; i++)
			fcntl(keep_fds[i], F_SETFD, 0);
		execvp(argv[0], argv);
		_exit(127);
	}
	c->pid = pid;
	c->next = children;
	children = c;
	debug("started %s, pid %d", argv[0], (int)pid);
	return 0;
}

void child_kill(struct child *c, int sig)
{
	if (c->pid > 0)
		kill(c->pid, sig);
}

static void child_unlink(struct child *c)
{
	struct child **p;

	for (p = &children; *p; p = &(*p)->next)
		if (*p == c) {
			*p = c->next;
			return;
		}
}

/* End a child for good, and reap it here. */
void child_forget(struct child *c)
{
	if (c->pid <= 0)
		return;
	kill(c->pid, SIGKILL);
	while (waitpid(c->pid, NULL, 0) < 0 && errno == EINTR)
		;
	child_unlink(c);
	c->pid = 0;
}

void children_reap(void)
{
	struct child *c, *next;
	int status;

	for (c = children; c; c = next) {
		next = c->next;
		if (waitpid(c->pid, &status, WNOHANG) != c->pid)
			continue;
		child_unlink(c);
		c->pid = 0;
		if (c->exited)
			c->exited(c, status);
		/* The callback may have changed the list. */
		next = children;
	}
}

/* SIGTERM for all, SIGKILL for those that do not go within @ms. */
void children_end(unsigned int ms)
{
	uint64_t until = now_ms() + ms;
	struct child *c;

	for (c = children; c; c = c->next)
		kill(c->pid, SIGTERM);
	while (children && now_ms() < until) {
		children_reap();
		if (children)
			usleep(2000);
	}
	while ((c = children)) {
		child_forget(c);
		if (c->exited)
			c->exited(c, SIGKILL);
	}
}

/* ---------------------------------------------------------------- misc */

int set_nonblock(int fd)
{
	int fl = fcntl(fd, F_GETFL);

	return fl < 0 ? fl : fcntl(fd, F_SETFL, fl | O_NONBLOCK);
}

static int unix_address(const char *path, struct sockaddr_un *a)
{
	memset(a, 0, sizeof(*a));
	a->sun_family = AF_UNIX;
	if (strlen(path) >= sizeof(a->sun_path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(a->sun_path, path, strlen(path) + 1);
	return 0;
}

int unix_connect(const char *path)
{
	struct sockaddr_un a;
	int fd, e;

	if (unix_address(path, &a) < 0)
		return -1;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	if (connect(fd, (struct sockaddr *)&a, sizeof(a)) < 0) {
		e = errno;
		close(fd);
		errno = e;
		return -1;
	}
	return fd;
}

/*
 * A socket that nobody listens on any more is replaced; one that is in use is
 * an error.  The name appears only once connecting to it works.
 */
int unix_listen(const char *path)
{
	struct sockaddr_un a;
	struct stat st;
	char *tmp;
	int fd, e;

	if (!stat(path, &st)) {
		if (!S_ISSOCK(st.st_mode)) {
			errno = EEXIST;
			return -1;
		}
		fd = unix_connect(path);
		if (fd >= 0) {
			close(fd);
			errno = EADDRINUSE;
			return -1;
		}
	}
	tmp = xasprintf("%s.%d", path, (int)getpid());
	if (unix_address(path, &a) < 0 || unix_address(tmp, &a) < 0) {
		free(tmp);
		return -1;
	}
	unlink(tmp);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd >= 0 && (bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0 ||
			listen(fd, 16) < 0 || rename(tmp, path) < 0)) {
		e = errno;
		close(fd);
		unlink(tmp);
		errno = e;
		fd = -1;
	}
	free(tmp);
	return fd;
}

void json_string(FILE *f, const char *s)
{
	fputc('"', f);
	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;

		if (c == '"' || c == '\\')
			fprintf(f, "\\%c", c);
		else if (c < 0x20)
			fprintf(f, "\\u%04x", c);
		else
			fputc(c, f);
	}
	fputc('"', f);
}
