// SPDX-License-Identifier: GPL-2.0-only
/*
 * vmsgd: the segment of an ivshmem server as the link
 *
 * An ordinary client of the server, with a new peer id at each start.
 */
#define _GNU_SOURCE
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "segment.h"

static const char *path;

struct peer {
	uint16_t id;
	int fd;			/* of vector 0 */
	struct peer *next;
};

static struct source server;
static struct peer *peers;
static int64_t own_id = -1;
static struct source own_vector[64];
static unsigned int nvectors;

static void on_doorbell(struct source *src, uint32_t events)
{
	uint64_t count;
	ssize_t n;

	(void)events;
	/* What it is about is in the segment, which is looked at anyway. */
	n = read(src->fd, &count, sizeof(count));
	(void)n;
}

static void ring(struct peer *p)
{
	uint64_t one = 1;

	vmsg_crash_point();
	if (write(p->fd, &one, sizeof(one)) < 0 && errno != EAGAIN)
		debug("doorbell of peer %u: %m", p->id);
	vmsg_crash_point();
}

static void doorbell(struct vmsg_seg *s, uint16_t id)
{
	struct peer *p;

	(void)s;
	for (p = peers; p; p = p->next) {
		if (id != VIRTIO_MSG_PEER_NONE && p->id != id)
			continue;
		/* Nobody has said who it is: it is for whoever is there. */
		ring(p);
		if (id != VIRTIO_MSG_PEER_NONE)
			return;
	}
}

static void peer_message(int64_t id, int fd)
{
	struct peer *p, **pp;

	if (id == own_id) {
		struct source *v = &own_vector[nvectors];

		if (fd < 0 || nvectors == 64) {
			if (fd >= 0)
				close(fd);
			return;
		}
		v->fd = fd;
		v->fn = on_doorbell;
		set_nonblock(fd);
		if (loop_add(v, EPOLLIN) < 0) {
			info("doorbell: %m");
			close(fd);
			return;
		}
		nvectors++;
		return;
	}
	if (id < 0 || id >= VIRTIO_MSG_PEER_NONE) {
		if (fd >= 0)
			close(fd);
		return;
	}
	for (pp = &peers; (p = *pp); pp = &p->next)
		if (p->id == id)
			break;
	if (fd < 0) {
		if (!p)
			return;
		debug("peer %u left", p->id);
		*pp = p->next;
		close(p->fd);
		free(p);
		segment_peer_gone((uint16_t)id);
		return;
	}
	if (p) {
		/* A further vector; all our doorbells are vector 0. */
		close(fd);
		return;
	}
	p = xzalloc(sizeof(*p));
	p->id = (uint16_t)id;
	p->fd = fd;
	set_nonblock(fd);
	p->next = peers;
	peers = p;
	debug("peer %u is there", p->id);
}

/* Return: 1 got one, 0 nothing there, -1 end. */
static int server_read(int64_t *value, int *fd, bool wait)
{
	static uint8_t buf[8];
	static size_t have;
	static int pending = -1;

	while (have < sizeof(buf)) {
		char control[CMSG_SPACE(sizeof(int))];
		struct iovec iov = { .iov_base = buf + have,
				     .iov_len = sizeof(buf) - have };
		struct msghdr msg = {
			.msg_iov = &iov, .msg_iovlen = 1,
			.msg_control = control, .msg_controllen = sizeof(control),
		};
		struct cmsghdr *cm;
		ssize_t n = recvmsg(server.fd, &msg, MSG_CMSG_CLOEXEC |
				    (wait ? 0 : MSG_DONTWAIT));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return 0;
		if (n <= 0)
			return -1;
		cm = CMSG_FIRSTHDR(&msg);
		if (cm && cm->cmsg_level == SOL_SOCKET &&
		    cm->cmsg_type == SCM_RIGHTS) {
			if (pending >= 0)
				close(pending);
			memcpy(&pending, CMSG_DATA(cm), sizeof(int));
		}
		have += (size_t)n;
	}
	memcpy(value, buf, 8);
	*value = (int64_t)le64toh((uint64_t)*value);
	*fd = pending;
	pending = -1;
	have = 0;
	return 1;
}

static void on_server(struct source *src, uint32_t events)
{
	int64_t value;
	int fd, ret;

	(void)src;
	(void)events;
	while ((ret = server_read(&value, &fd, false)) > 0)
		peer_message(value, fd);
	if (ret < 0)
		link_ended("the ivshmem server is gone");
}

static bool join_server(void)
{
	struct timeval tv = { .tv_sec = 5 };
	struct stat st;
	int64_t value;
	int fd;

	server.fd = unix_connect(path);
	server.fn = on_server;
	if (server.fd < 0) {
		info("%s: %m (is vmsg-ivshmem running?)", path);
		return false;
	}
	alive_fd = server.fd;
	setsockopt(server.fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	if (server_read(&value, &fd, true) != 1 || value || fd >= 0 ||
	    server_read(&own_id, &fd, true) != 1 || own_id < 0 ||
	    own_id >= VIRTIO_MSG_PEER_NONE || fd >= 0 ||
	    server_read(&value, &shm_fd, true) != 1 || value != -1 ||
	    shm_fd < 0) {
		info("%s does not speak the ivshmem protocol; expected is the socket of vmsg-ivshmem",
		     path);
		return false;
	}
	/* Our own vectors come last, so all that are there are known then. */
	while (!nvectors) {
		if (server_read(&value, &fd, true) != 1) {
			info("%s: no doorbell vector came; start vmsg-ivshmem with --vectors 1 or more",
			     path);
			return false;
		}
		peer_message(value, fd);
	}
	if (fstat(shm_fd, &st) < 0 || st.st_size < 4096) {
		info("%s: the shared memory has %lld bytes; expected are 4096 or more", path,
		     (long long)st.st_size);
		return false;
	}
	shm_size = (uint64_t)st.st_size;
	seg.size = shm_size;
	seg.mem = mmap(NULL, shm_size, PROT_READ | PROT_WRITE, MAP_SHARED,
		       shm_fd, 0);
	if (seg.mem == MAP_FAILED) {
		info("%s: the shared memory cannot be mapped: %m", path);
		return false;
	}
	return loop_add(&server, EPOLLIN) == 0;
}

static bool join(struct spec *where)
{
	path = xstrdup(where->kind);
	if (!join_server())
		return false;
	seg.device_peer = (uint16_t)own_id;
	seg.doorbell = doorbell;
	return segment_join(path);
}

const struct link_ops ivshmem_link = {
	.name = "ivshmem",
	.join = join,
	.start = segment_start,
	.poll = segment_poll,
	.stop = segment_stop,
	.state = segment_state,
	.print = segment_print,
};
