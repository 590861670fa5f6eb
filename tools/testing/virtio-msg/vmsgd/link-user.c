// SPDX-License-Identifier: GPL-2.0-only
/*
 * vmsgd: /dev/virtio-msg as the link: the driver side is this kernel
 *
 * The bus is set up when the devices are there, so that the kernel need not
 * wait for them.  A bus that has a name has a lock too: who comes after us must
 * wait until our back ends are gone, which write to the images (the kernel itself
 * sees to its memory).
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vmsgd.h"

#define FRAME_SIZE	512
#define BATCH_SIZE	32768
#define TAKE_OVER_MS	5000

static struct source dev = { .fd = -1 };
static struct vmsg_area area;
static struct virtio_msg_user_setup setup = { .size = sizeof(setup) };
static const char *path;
static bool take_over, taken, gone;
static uint32_t watched;

static int dev_read(struct vmsg_stream *s, uint8_t *buf, uint32_t len)
{
	ssize_t n;

	(void)s;
	do {
		n = read(dev.fd, buf, len);
	} while (n < 0 && errno == EINTR);
	if (n < 0 && errno != EAGAIN && !gone) {
		debug("read: %m");
		gone = true;
	}
	return n < 0 ? -errno : (int)n;
}

static int dev_write(struct vmsg_stream *s, const uint8_t *buf, uint32_t len)
{
	ssize_t n;

	(void)s;
	vmsg_crash_point();
	do {
		n = write(dev.fd, buf, len);
	} while (n < 0 && errno == EINTR);
	vmsg_crash_point();
	if (n >= 0)
		return (int)n;
	if (errno != EAGAIN)
		debug("a frame was refused: %m");
	return errno == EAGAIN ? -VMSG_EAGAIN : -errno;
}

static uint8_t rx[BATCH_SIZE] __attribute__((aligned(8)));
static uint8_t tx[BATCH_SIZE] __attribute__((aligned(8)));
static struct vmsg_stream stream = {
	.bus = &bus,
	.rx = rx,
	.tx = tx,
	.rx_size = sizeof(rx),
	.tx_size = sizeof(tx),
	.read = dev_read,
	.write = dev_write,
};

static void on_dev(struct source *src, uint32_t events)
{
	(void)src;
	/* All else is poll()'s, which comes next. */
	if (events & (EPOLLHUP | EPOLLERR))
		gone = true;
}

static char *lock_name(void)
{
	const char *dir = geteuid() ? getenv("XDG_RUNTIME_DIR") : "/run";

	return xasprintf("%s/virtio-msg.%s.lock", dir && *dir ? dir : "/tmp", setup.name);
}

static bool user_join(struct spec *where)
{
	struct virtio_msg_user_info inf = { .size = sizeof(inf) };
	const char *name = spec_get(where, "name");
	char *err = NULL;

	path = xstrdup(where->kind);
	setup.window_size = spec_number(where, "window", 64 << 20, 65536,
					1ULL << 40, &err);
	setup.recover_ms = (uint32_t)spec_number(where, "recover", 0, 0, 3600000,
						 &err);
	take_over = spec_bool(where, "take-over", false, &err);
	if (spec_bool(where, "kickfd", true, &err))
		setup.flags |= VIRTIO_MSG_USER_F_KICKFD;
	if (!err && !name && (setup.recover_ms || take_over))
		err = xasprintf("recover= and take-over need a name=");
	if (!err && name && (!*name || strchr(name, '/') ||
			     strlen(name) >= sizeof(setup.name)))
		err = xasprintf("name=%s: up to %zu bytes without a slash", name,
				sizeof(setup.name) - 1);
	if (err) {
		info("--on %s: %s", path, err);
		free(err);
		return false;
	}
	if (name)
		strcpy(setup.name, name);

	dev.fd = open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK);
	dev.fn = on_dev;
	if (dev.fd < 0) {
		info("%s: %m%s", path, errno == ENOENT || errno == ENXIO ?
		     " (is the module virtio_msg_user loaded?)" :
		     errno == EACCES ? " (root may, or whom the file's mode lets)" : "");
		return false;
	}
	alive_fd = dev.fd;
	if (ioctl(dev.fd, VIRTIO_MSG_USER_GET_INFO, &inf) < 0) {
		info("%s: %m: this is not /dev/virtio-msg", path);
		return false;
	}
	if (setup.window_size > inf.max_window) {
		info("--on %s: window= may be up to %llu bytes (the module's parameter max_window_mb)",
		     path,
		     (unsigned long long)inf.max_window);
		return false;
	}
	setup.flags &= inf.setup_flags;
	wires &= inf.wires;
	if (!wires) {
		info("%s knows none of the wire revisions asked for; leave --wire out", path);
		return false;
	}
	setup.wire = 31U - (uint32_t)__builtin_clz(wires);
	setup.max_msg_size = inf.max_msg_size < FRAME_SIZE ? inf.max_msg_size :
			     FRAME_SIZE;
	if (name && !lock_file(lock_name()))
		return false;
	bus.link = &vmsg_stream_link;
	bus.link_priv = &stream;
	bus_init(FRAME_SIZE);
	return true;
}

/* Return: 1 it is ours now, 0 there is none, -1 error. */
static int succeed(void)
{
	struct virtio_msg_user_take_over t = { .size = sizeof(t) };
	uint64_t until = now_ms() + TAKE_OVER_MS;

	if (devices_intact())
		t.flags |= VIRTIO_MSG_USER_TAKE_OVER_F_INTACT;
	strcpy(t.name, setup.name);
	/* A predecessor that is dying still has its memory for a moment. */
	while (ioctl(dev.fd, VIRTIO_MSG_USER_TAKE_OVER, &t) < 0) {
		if (errno == ENOENT)
			return 0;
		if ((errno == EAGAIN || errno == EBUSY) && now_ms() < until) {
			usleep(10000);
			continue;
		}
		info("%s: taking over %s: %m", path, setup.name);
		return -1;
	}
	setup = t.setup;
	if (setup.max_msg_size > FRAME_SIZE) {
		info("%s: frames of %u bytes are too long for us", setup.name,
		     setup.max_msg_size);
		return -1;
	}
	taken = true;
	info("took over %s%s", setup.name,
	     t.flags & VIRTIO_MSG_USER_TAKE_OVER_F_INTACT ? ", nothing is lost" : "");
	return 1;
}

static bool user_start(void)
{
	int ret = take_over ? succeed() : 0;

	if (ret < 0)
		return false;
	if (!ret && ioctl(dev.fd, VIRTIO_MSG_USER_SETUP, &setup) < 0) {
		info("%s: cannot set up a bus: %m%s", path, errno == EEXIST ?
		     " (that name is in use; take-over goes on with it)" : "");
		return false;
	}
	shm_fd = setup.window_fd;
	fcntl(shm_fd, F_SETFD, FD_CLOEXEC);
	shm_size = setup.window_size;
	window_offset = 0;
	window_length = shm_size;
	area.id = VIRTIO_MSG_AREA_SEGMENT;
	area.len = shm_size;
	area.ptr = mmap(NULL, shm_size, PROT_READ | PROT_WRITE, MAP_SHARED,
			shm_fd, 0);
	if (area.ptr == MAP_FAILED) {
		info("mmap: %m");
		return false;
	}
	bus.areas = &area;
	bus.nareas = 1;
	vmsg_bus_link_up(&bus, setup.wire, setup.max_msg_size);
	watched = EPOLLIN;
	if (loop_add(&dev, watched) < 0) {
		info("epoll: %m");
		return false;
	}
	info("virtio-msg%u on %s, %llu KiB of memory", setup.bus, path,
	     (unsigned long long)shm_size >> 10);
	return true;
}

static unsigned int user_poll(void)
{
	uint32_t want = 0;
	bool more;

	more = vmsg_stream_poll(&stream);
	if (gone) {
		link_ended("the kernel ended the bus");
		return 0;
	}
	/* Unread input must not wake us before there is room for an answer. */
	if (vmsg_bus_can_receive(&bus))
		want |= EPOLLIN;
	if (stream.tx_blocked)
		want |= EPOLLOUT;
	if (want != watched) {
		watched = want;
		loop_mod(&dev, want);
	}
	return more ? 0 : 1000;
}

static void user_stop(void)
{
	if (!bus.up)
		return;
	vmsg_stream_poll(&stream);
	loop_del(&dev);
	vmsg_bus_link_down(&bus);
}

/* Only now: as long as back ends write, the memory must not be anybody's. */
static void user_leave(void)
{
	if (dev.fd >= 0)
		close(dev.fd);
	dev.fd = -1;
}

static const char *user_state(void)
{
	return bus.up ? "run" : "stopped";
}

static void user_print(FILE *f, bool json)
{
	if (json)
		fprintf(f, "\"number\":%u,\"taken_over\":%s,\"reads\":%llu,\"writes\":%llu,\"frames_in\":%llu,\"frames_out\":%llu,\"rejected\":%llu,",
			setup.bus, taken ? "true" : "false",
			(unsigned long long)stream.reads,
			(unsigned long long)stream.writes,
			(unsigned long long)stream.frames_in,
			(unsigned long long)stream.frames_out,
			(unsigned long long)stream.rejected);
	else
		fprintf(f, "virtio-msg%u%s: %llu frames in %llu reads, %llu in %llu writes, rejected %llu\n",
			setup.bus, taken ? ", taken over" : "",
			(unsigned long long)stream.frames_in,
			(unsigned long long)stream.reads,
			(unsigned long long)stream.frames_out,
			(unsigned long long)stream.writes,
			(unsigned long long)stream.rejected);
}

static bool set_eventfd(struct vmsg_dev *vd, uint16_t vq, uint32_t what, int fd)
{
	struct virtio_msg_user_eventfd e = {
		.size = sizeof(e),
		.what = what,
		.dev_num = vd->num,
		.vq = vq,
		.fd = fd,
	};

	return !ioctl(dev.fd, VIRTIO_MSG_USER_SET_EVENTFD, &e);
}

static bool user_eventfd(struct vmsg_dev *vd, uint16_t vq, int kick, int call)
{
	bool kicks = setup.flags & VIRTIO_MSG_USER_F_KICKFD;

	if (dev.fd < 0 || !bus.up)
		return false;
	if (kick < 0) {
		if (kicks)
			set_eventfd(vd, vq, VIRTIO_MSG_USER_KICK, -1);
		set_eventfd(vd, vq, VIRTIO_MSG_USER_CALL, -1);
		return true;
	}
	/* Without the kick, kicks are messages that we pass on. */
	if (!set_eventfd(vd, vq, VIRTIO_MSG_USER_CALL, call)) {
		debug("device %u: no eventfd: %m", vd->num);
		return false;
	}
	if (kicks && !set_eventfd(vd, vq, VIRTIO_MSG_USER_KICK, kick))
		debug("device %u: no eventfd for kicks: %m", vd->num);
	return true;
}

const struct link_ops user_link = {
	.name = "user",
	.join = user_join,
	.start = user_start,
	.poll = user_poll,
	.stop = user_stop,
	.leave = user_leave,
	.state = user_state,
	.print = user_print,
	.eventfd = user_eventfd,
};
