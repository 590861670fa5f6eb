/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A small device side on /dev/virtio-msg for the tests: wire revision xid32, one
 * entropy source that fills buffers with a byte of the test's choice.
 */
#ifndef USER_DEV_H
#define USER_DEV_H

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>
#include <linux/virtio_msg.h>

#define UD_NODE		"/dev/virtio-msg"
#define UD_NUM		1
#define UD_HDR		12
#define UD_MSG		256
#define UD_QUEUE	8

struct ud {
	int fd;
	int kick;
	int call;
	uint8_t *win;
	struct virtio_msg_user_setup s;
	uint8_t fill;
	bool absent;
	uint32_t status;
	uint32_t size;
	uint64_t area[3];
	bool on;
	uint16_t next;
	unsigned int requests;
	unsigned int buffers;
	unsigned int used_events;
	uint32_t pong;
	uint8_t uuid[16];
};

static inline uint32_t ud_get32(const uint8_t *p)
{
	return p[0] | p[1] << 8 | p[2] << 16 | (uint32_t)p[3] << 24;
}

static inline uint64_t ud_get64(const uint8_t *p)
{
	return ud_get32(p) | (uint64_t)ud_get32(p + 4) << 32;
}

static inline uint16_t ud_get16(const uint8_t *p)
{
	return p[0] | p[1] << 8;
}

static inline void ud_put16(uint8_t *p, uint16_t v)
{
	p[0] = v;
	p[1] = v >> 8;
}

static inline void ud_put32(uint8_t *p, uint32_t v)
{
	ud_put16(p, v);
	ud_put16(p + 2, v >> 16);
}

static inline uint64_t ud_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000ULL + t.tv_nsec / 1000000;
}

static inline void ud_hdr(uint8_t *f, uint8_t type, uint8_t id, uint16_t dev,
			  uint16_t len, uint32_t xid)
{
	f[0] = type;
	f[1] = id;
	ud_put16(f + 2, dev);
	ud_put16(f + 4, UD_HDR + len);
	ud_put16(f + 6, 0);
	ud_put32(f + 8, xid);
}

static inline void ud_init(struct ud *d)
{
	memset(d, 0, sizeof(*d));
	d->fd = -1;
	d->kick = -1;
	d->call = -1;
	d->s.window_fd = -1;
	d->s.size = sizeof(d->s);
	d->s.wire = VIRTIO_MSG_WIRE_XID32;
	d->s.max_msg_size = UD_MSG;
	d->s.window_size = 1 << 20;
	d->fill = 0x5a;
	d->uuid[0] = 1;
}

static inline int ud_open(void)
{
	return open(UD_NODE, O_RDWR | O_NONBLOCK | O_CLOEXEC);
}

static inline int ud_map(struct ud *d)
{
	d->win = mmap(NULL, d->s.window_size, PROT_READ | PROT_WRITE, MAP_SHARED,
		      d->s.window_fd, 0);
	if (d->win == MAP_FAILED) {
		d->win = NULL;
		return -1;
	}
	return 0;
}

/* The setup that is in @d->s. */
static inline int ud_setup(struct ud *d)
{
	d->fd = ud_open();
	if (d->fd < 0)
		return -1;
	if (ioctl(d->fd, VIRTIO_MSG_USER_SETUP, &d->s) < 0) {
		int err = errno;

		close(d->fd);
		d->fd = -1;
		errno = err;
		return -1;
	}
	return ud_map(d);
}

static inline void ud_close(struct ud *d)
{
	if (d->win)
		munmap(d->win, d->s.window_size);
	if (d->s.window_fd >= 0)
		close(d->s.window_fd);
	if (d->fd >= 0)
		close(d->fd);
	if (d->kick >= 0)
		close(d->kick);
	if (d->call >= 0)
		close(d->call);
	d->win = NULL;
	d->s.window_fd = -1;
	d->fd = -1;
	d->kick = -1;
	d->call = -1;
}

static inline void *ud_ptr(struct ud *d, uint64_t addr, uint64_t len)
{
	uint64_t off = addr - VIRTIO_MSG_USER_WINDOW;

	if (addr < VIRTIO_MSG_USER_WINDOW || off > d->s.window_size ||
	    len > d->s.window_size - off)
		return NULL;
	return d->win + off;
}

static inline int ud_event_fd(struct ud *d, uint32_t what, int fd)
{
	struct virtio_msg_user_eventfd e = {
		.size = sizeof(e), .what = what, .dev_num = UD_NUM, .fd = fd,
	};

	return ioctl(d->fd, VIRTIO_MSG_USER_SET_EVENTFD, &e);
}

/* Used buffers: what the driver has made available since the last time. */
static inline void ud_buffers(struct ud *d)
{
	uint64_t one = 1;
	uint8_t *desc, *avail, *used, *buf, f[16];
	uint16_t idx, head, at;
	unsigned int did = 0;
	uint32_t len;

	if (!d->on || !d->win)
		return;
	desc = ud_ptr(d, d->area[0], 16ULL * d->size);
	avail = ud_ptr(d, d->area[1], 4 + 2ULL * d->size);
	used = ud_ptr(d, d->area[2], 4 + 8ULL * d->size);
	if (!desc || !avail || !used)
		return;
	idx = __atomic_load_n((uint16_t *)(avail + 2), __ATOMIC_ACQUIRE);
	while (d->next != idx) {
		at = d->next % d->size;
		head = ud_get16(avail + 4 + 2 * at) % d->size;
		len = ud_get32(desc + 16 * head + 8);
		buf = ud_ptr(d, ud_get64(desc + 16 * head), len);
		if (buf)
			memset(buf, d->fill, len);
		ud_put32(used + 4 + 8 * at, head);
		ud_put32(used + 8 + 8 * at, buf ? len : 0);
		d->next++;
		__atomic_store_n((uint16_t *)(used + 2), d->next, __ATOMIC_RELEASE);
		d->buffers++;
		did++;
	}
	if (!did)
		return;
	d->used_events++;
	if (d->call >= 0) {
		if (write(d->call, &one, sizeof(one)) != sizeof(one))
			perror("call");
		return;
	}
	ud_hdr(f, 0, VIRTIO_MSG_EVENT_USED, UD_NUM, 4, 0);
	ud_put32(f + UD_HDR, 0);
	if (write(d->fd, f, 16) != 16 && errno != ENOTCONN)
		perror("EVENT_USED");
}

/* One frame of the driver side.  The answer is written to @out; its length. */
static inline int ud_answer(struct ud *d, const uint8_t *f, uint8_t *out)
{
	const uint8_t *p = f + UD_HDR;
	uint32_t xid = ud_get32(f + 8), n = 0, i, count;
	uint16_t dev = ud_get16(f + 2);
	uint8_t *o = out + UD_HDR;

	memset(out, 0, UD_MSG);
	if (f[0] & VIRTIO_MSG_TYPE_RESPONSE) {
		if (f[1] == VIRTIO_MSG_BUS_PING)
			d->pong = ud_get32(p);
		return 0;
	}
	if (f[1] == VIRTIO_MSG_EVENT_AVAIL && !(f[0] & VIRTIO_MSG_TYPE_BUS)) {
		ud_buffers(d);
		return 0;
	}
	d->requests++;
	ud_hdr(out, f[0] | VIRTIO_MSG_TYPE_RESPONSE, f[1], dev, 0, xid);
	if (f[0] & VIRTIO_MSG_TYPE_BUS) {
		switch (f[1]) {
		case VIRTIO_MSG_BUS_GET_DEVICES:
			ud_put16(o, ud_get16(p));
			n = 5;
			if (!ud_get16(p) && !d->absent)
				o[4] = 1 << UD_NUM;
			break;
		case VIRTIO_MSG_BUS_PING:
			memcpy(o, p, 4);
			n = 4;
			break;
		default:
			ud_put16(out + 6, VIRTIO_MSG_RESULT_UNKNOWN);
		}
	} else if (dev != UD_NUM || d->absent) {
		ud_put16(out + 6, VIRTIO_MSG_RESULT_NO_DEVICE);
	} else {
		switch (f[1]) {
		case VIRTIO_MSG_GET_DEVICE_INFO:
			ud_put32(o, 4);
			ud_put32(o + 4, 0x1af4);
			memcpy(o + 8, d->uuid, 16);
			ud_put32(o + 24, 2);
			ud_put32(o + 32, 1);
			n = 44;
			break;
		case VIRTIO_MSG_GET_DEVICE_FEATURES:
			count = ud_get32(p + 4);
			ud_put32(o, ud_get32(p));
			n = 4;
			for (i = 0; i < count && i < 4; i++, n += 4)
				/* VERSION_1 and ACCESS_PLATFORM */
				ud_put32(o + n, ud_get32(p) + i == 1 ? 3 : 0);
			break;
		case VIRTIO_MSG_SET_DRIVER_FEATURES:
			break;
		case VIRTIO_MSG_GET_CONFIG:
			ud_put32(o + 4, ud_get32(p));
			n = 8;
			break;
		case VIRTIO_MSG_SET_DEVICE_STATUS:
			d->status = ud_get32(p);
			if (!d->status)
				d->on = false;
			/* fall through */
		case VIRTIO_MSG_GET_DEVICE_STATUS:
			ud_put32(o, d->status);
			n = 4;
			break;
		case VIRTIO_MSG_GET_VQUEUE:
			ud_put32(o, ud_get32(p));
			if (!ud_get32(p)) {
				ud_put32(o + 4, UD_QUEUE);
				ud_put32(o + 8, d->on ? d->size : 0);
				ud_put32(o + 12, d->on);
			}
			n = 40;
			break;
		case VIRTIO_MSG_SET_VQUEUE:
			d->size = ud_get32(p + 8);
			d->area[0] = ud_get64(p + 16);
			d->area[1] = ud_get64(p + 24);
			d->area[2] = ud_get64(p + 32);
			d->on = d->size && d->size <= UD_QUEUE && d->win &&
				ud_ptr(d, d->area[2], 4 + 8ULL * d->size);
			/* A successor goes on where the ring is. */
			if (d->on)
				d->next = ud_get16(ud_ptr(d, d->area[2] + 2, 2));
			break;
		case VIRTIO_MSG_RESET_VQUEUE:
			d->on = false;
			break;
		default:
			ud_put16(out + 6, VIRTIO_MSG_RESULT_UNKNOWN);
		}
	}
	ud_put16(out + 4, UD_HDR + n);
	return UD_HDR + n;
}

/* What has come.  Returns frames, or -errno of read(). */
static inline int ud_step(struct ud *d)
{
	static __attribute__((aligned(8))) uint8_t in[8192], out[UD_MSG];
	ssize_t n = read(d->fd, in, sizeof(in));
	int frames = 0, len;
	ssize_t pos = 0;

	if (n < 0)
		return -errno;
	while (pos + UD_HDR <= n) {
		len = ud_answer(d, in + pos, out);
		if (len && write(d->fd, out, len) != len && errno != ENOENT &&
		    errno != ENOTCONN)
			perror("response");
		/* Other revisions have something else there: go on all the same. */
		len = (ud_get16(in + pos + 4) + 7) & ~7;
		pos += len ? len : 8;
		frames++;
	}
	return frames;
}

/* Serve for so long, or until @done says so. */
static inline bool ud_run(struct ud *d, int ms, bool (*done)(struct ud *d))
{
	uint64_t end = ud_ms() + ms, count;
	struct pollfd p[2];

	for (;;) {
		p[0] = (struct pollfd){ .fd = d->fd, .events = POLLIN };
		p[1] = (struct pollfd){ .fd = d->kick, .events = POLLIN };
		if (done && done(d))
			return true;
		if (ud_ms() >= end)
			return !done;
		if (poll(p, 2, 10) <= 0)
			continue;
		if (p[0].revents & (POLLERR | POLLHUP))
			return false;
		if (p[1].revents & POLLIN &&
		    read(d->kick, &count, sizeof(count)) == sizeof(count))
			ud_buffers(d);
		if (p[0].revents & POLLIN)
			ud_step(d);
	}
}

static inline bool ud_ready(struct ud *d)
{
	return d->status & 4;
}

#endif /* USER_DEV_H */
