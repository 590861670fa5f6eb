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

#include "vmsgd.h"

static struct vmsg_seg seg;
static const char *path;
static bool running;

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

	if (write(p->fd, &one, sizeof(one)) < 0 && errno != EAGAIN)
		debug("doorbell of peer %u: %m", p->id);
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
		if (running)
			vmsg_seg_peer_gone(&seg, (uint16_t)id, now_ms());
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
	setsockopt(server.fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	if (server_read(&value, &fd, true) != 1 || value || fd >= 0 ||
	    server_read(&own_id, &fd, true) != 1 || own_id < 0 ||
	    own_id >= VIRTIO_MSG_PEER_NONE || fd >= 0 ||
	    server_read(&value, &shm_fd, true) != 1 || value != -1 ||
	    shm_fd < 0) {
		info("%s does not speak the ivshmem protocol", path);
		return false;
	}
	/* Our own vectors come last, so all that are there are known then. */
	while (!nvectors) {
		if (server_read(&value, &fd, true) != 1) {
			info("%s: no doorbell vector", path);
			return false;
		}
		peer_message(value, fd);
	}
	if (fstat(shm_fd, &st) < 0 || st.st_size < 4096) {
		info("the shared memory has no size");
		return false;
	}
	shm_size = (uint64_t)st.st_size;
	seg.size = shm_size;
	seg.mem = mmap(NULL, shm_size, PROT_READ | PROT_WRITE, MAP_SHARED,
		       shm_fd, 0);
	if (seg.mem == MAP_FAILED) {
		info("mmap: %m");
		return false;
	}
	return loop_add(&server, EPOLLIN) == 0;
}

/*
 * One daemon at a time, and no writer left over from the last one: its block
 * back ends hold this lock until they are gone.  The memory is opened once more
 * for it, as locks belong to what open() returns, which all clients share.
 */
static bool take_lock(void)
{
	char again[64];

	snprintf(again, sizeof(again), "/proc/self/fd/%d", shm_fd);
	lock_fd = open(again, O_RDWR | O_CLOEXEC);
	if (lock_fd < 0) {
		info("cannot open the memory again to lock it: %m");
		return false;
	}
	return lock_wait("this memory");
}

static uint32_t seg_random(struct vmsg_seg *s)
{
	(void)s;
	return random32();
}

static bool make_segment(void)
{
	int ret;

	seg.bus = &bus;
	seg.wire_offered = wires;
	seg.device_peer = (uint16_t)own_id;
	seg.doorbell = doorbell;
	seg.random = seg_random;
	seg.bare_wire = VIRTIO_MSG_WIRE_V2;
	while (!(wires >> seg.bare_wire & 1))
		seg.bare_wire = (seg.bare_wire + 1) % VIRTIO_MSG_WIRE_COUNT;
	ret = vmsg_seg_init(&seg);
	if (ret == -VMSG_ENOENT) {
		info("no virtio-msg segment in the memory of %s", path);
		return false;
	}
	if (ret) {
		info("the segment's layout is impossible, or too small for the wire revisions asked for");
		return false;
	}
	if (seg.l.bare) {
		/* Nobody says where the window is: all that is left. */
		uint64_t end = seg.l.drv_elems + (uint64_t)seg.l.num_elems *
			       seg.l.elem_size;

		seg.bare_window_offset = (end + 4095) & ~4095ULL;
		seg.bare_window_length = seg.size - seg.bare_window_offset;
		if (vmsg_seg_init(&seg))
			return false;
	}
	window_offset = seg.l.window_offset;
	window_length = seg.l.window_length;
	bus_init(seg.l.elem_size);
	return true;
}

static bool join(struct spec *where)
{
	path = xstrdup(where->kind);
	if (!join_server() || !take_lock() || !make_segment())
		return false;
	info("peer %d on %s, %llu KiB of memory", (int)own_id, path,
	     (unsigned long long)shm_size >> 10);
	return true;
}

static bool start(void)
{
	running = true;
	vmsg_seg_start(&seg, now_ms());
	return true;
}

static unsigned int poll(void)
{
	return vmsg_seg_poll(&seg, now_ms());
}

static void stop(void)
{
	if (running)
		vmsg_seg_stop(&seg);
}

static const char *state(void)
{
	static const char *const names[] = {
		[VMSG_SEG_STOPPED] = "stopped", [VMSG_SEG_CLEANUP] = "cleanup",
		[VMSG_SEG_HOLD] = "hold", [VMSG_SEG_INIT] = "init",
		[VMSG_SEG_READY] = "ready", [VMSG_SEG_HALF] = "half",
		[VMSG_SEG_RUN] = "run",
	};

	return names[seg.state];
}

static void print(FILE *f, bool json)
{
	int driver = seg.driver_peer == VIRTIO_MSG_PEER_NONE ? -1 : seg.driver_peer;

	if (json)
		fprintf(f, "\"own_peer\":%d,\"driver_peer\":%d,\"device_instance\":%u,\"driver_instance\":%u,\"losses\":%u,\"doorbells\":%llu,",
			(int)own_id, driver, seg.device_instance,
			seg.driver_instance, seg.drops,
			(unsigned long long)seg.doorbells_out);
	else
		fprintf(f, "ivshmem: our peer id %d, the driver's %d, lost %u times, doorbells rung %llu\n",
			(int)own_id, driver, seg.drops,
			(unsigned long long)seg.doorbells_out);
}

const struct link_ops ivshmem_link = {
	.name = "ivshmem",
	.join = join,
	.start = start,
	.poll = poll,
	.stop = stop,
	.state = state,
	.print = print,
};
