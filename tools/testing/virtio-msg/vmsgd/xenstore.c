// SPDX-License-Identifier: GPL-2.0-only
/*
 * vmsgd: xenstore, as much as a back end needs
 *
 * The wire protocol, over the kernel's device: no library, so that the daemon
 * can be linked without one.  One request at a time; what was watched may be
 * told of at any moment, also while an answer is waited for.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "xenstore.h"

#define XS_DIRECTORY	1
#define XS_READ		2
#define XS_WATCH	4
#define XS_WRITE	11
#define XS_WATCH_EVENT	15
#define XS_ERROR	16

#define PAYLOAD_MAX	4096
#define ANSWER_MS	10000

struct header {
	uint32_t type;
	uint32_t req_id;
	uint32_t tx_id;
	uint32_t len;
};

static const char *const nodes[] = { "/dev/xen/xenbus", "/proc/xen/xenbus" };

static struct source conn = { .fd = -1 };
static uint32_t last_id;
static bool event_seen;

/* Return: false if it is not all there within the time, or never. */
static bool get(void *buf, size_t len)
{
	uint8_t *p = buf;

	while (len) {
		struct pollfd pfd = { .fd = conn.fd, .events = POLLIN };
		ssize_t n = read(conn.fd, p, len);

		if (n > 0) {
			p += n;
			len -= (size_t)n;
			continue;
		}
		if (n == 0 || (errno != EAGAIN && errno != EINTR))
			return false;
		if (poll(&pfd, 1, ANSWER_MS) == 0) {
			errno = ETIMEDOUT;
			return false;
		}
	}
	return true;
}

/* One message; the payload gets two zeroes behind it. */
static bool receive(struct header *h, char *payload)
{
	if (!get(h, sizeof(*h)))
		return false;
	if (h->len > PAYLOAD_MAX) {
		errno = EPROTO;
		return false;
	}
	if (!get(payload, h->len))
		return false;
	payload[h->len] = 0;
	payload[h->len + 1] = 0;
	return true;
}

static const struct {
	const char *name;
	int number;
} errors[] = {
	{ "ENOENT", ENOENT }, { "EACCES", EACCES }, { "EINVAL", EINVAL },
	{ "EEXIST", EEXIST }, { "ENOSPC", ENOSPC }, { "EQUOTA", ENOSPC },
	{ "EBUSY", EBUSY }, { "ENOMEM", ENOMEM },
};

static void set_errno(const char *name)
{
	size_t i;

	errno = EIO;
	for (i = 0; i < sizeof(errors) / sizeof(errors[0]); i++)
		if (!strcmp(errors[i].name, name))
			errno = errors[i].number;
}

/* Return: the payload of the answer, allocated; or NULL. */
static char *request(uint32_t type, const char *payload, size_t size)
{
	struct header h = { .type = type, .req_id = ++last_id, .len = (uint32_t)size };
	char *message = xzalloc(sizeof(h) + size), *answer;
	ssize_t n;

	memcpy(message, &h, sizeof(h));
	memcpy(message + sizeof(h), payload, size);
	n = write(conn.fd, message, sizeof(h) + size);
	free(message);
	if (n != (ssize_t)(sizeof(h) + size)) {
		if (n >= 0)
			errno = EIO;
		return NULL;
	}
	answer = xzalloc(PAYLOAD_MAX + 2);
	for (;;) {
		if (!receive(&h, answer))
			break;
		if (h.type == XS_WATCH_EVENT) {
			event_seen = true;
			continue;
		}
		/* The answer to a request that was given up. */
		if (h.req_id != last_id)
			continue;
		if (h.type == XS_ERROR) {
			set_errno(answer);
			break;
		}
		if (h.type != type) {
			errno = EPROTO;
			break;
		}
		return answer;
	}
	free(answer);
	return NULL;
}

static void on_conn(struct source *src, uint32_t events)
{
	static char payload[PAYLOAD_MAX + 2];
	struct header h;

	(void)src;
	if (events & (EPOLLERR | EPOLLHUP) || !receive(&h, payload)) {
		info("xenstore: the connection is lost");
		loop_del(&conn);
		return;
	}
	if (h.type == XS_WATCH_EVENT)
		event_seen = true;
}

bool store_events(void)
{
	bool seen = event_seen;

	event_seen = false;
	return seen;
}

bool store_open(void)
{
	size_t i;

	for (i = 0; i < sizeof(nodes) / sizeof(nodes[0]) && conn.fd < 0; i++)
		conn.fd = open(nodes[i], O_RDWR | O_CLOEXEC | O_NONBLOCK);
	if (conn.fd < 0) {
		info("%s: %m (is this a Xen domain with a store?)", nodes[0]);
		return false;
	}
	conn.fn = on_conn;
	if (loop_add(&conn, EPOLLIN) < 0) {
		info("xenstore: %m");
		return false;
	}
	return true;
}

char *store_read(const char *path)
{
	return request(XS_READ, path, strlen(path) + 1);
}

bool store_number(const char *path, uint32_t *value)
{
	char *text = store_read(path), *end = NULL;
	unsigned long long n = 0;

	if (text && *text >= '0' && *text <= '9') {
		errno = 0;
		n = strtoull(text, &end, 10);
	}
	if (!end || *end || errno || n > UINT32_MAX) {
		free(text);
		return false;
	}
	free(text);
	*value = (uint32_t)n;
	return true;
}

bool store_write(const char *path, const char *value)
{
	size_t len = strlen(path) + 1, n = strlen(value);
	char *both = xzalloc(len + n), *answer;
	bool ok;

	memcpy(both, path, len);
	memcpy(both + len, value, n);
	answer = request(XS_WRITE, both, len + n);
	ok = answer;
	free(both);
	free(answer);
	return ok;
}

bool store_watch(const char *path)
{
	size_t len = strlen(path) + 1;
	char *both = xzalloc(len + 6), *answer;
	bool ok;

	memcpy(both, path, len);
	memcpy(both + len, "vmsgd", 6);
	answer = request(XS_WATCH, both, len + 6);
	ok = answer;
	free(both);
	free(answer);
	return ok;
}

char *store_list(const char *path)
{
	/* The zeroes that request() adds are the end. */
	return request(XS_DIRECTORY, path, strlen(path) + 1);
}
