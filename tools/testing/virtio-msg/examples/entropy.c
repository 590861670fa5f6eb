// SPDX-License-Identifier: GPL-2.0-only
/*
 * An entropy device for this kernel, in one file: what a device model needs to
 * know of virtio-msg.  Run it as root and read /dev/hwrng.
 */
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>
#include <linux/virtio_msg.h>

#define DEV	1			/* our device's number on the bus */
#define MAX	64			/* entries of its only queue, at most */
#define WINDOW	(1 << 20)		/* memory for rings and buffers */
#define HDR	sizeof(struct virtio_msg_hdr_xid32)
#define ALIGN(n) (((n) + 7) & ~7u)	/* where the next frame begins */

static uint8_t *window;
static uint32_t status, vq_size, vq_enabled;
static uint64_t ring[3];		/* descriptors, available, used */
static uint16_t last;			/* how many available buffers we took */

/* All integers are little-endian, and in messages they are not aligned. */
static uint32_t get32(const uint8_t *p)
{
	return p[0] | p[1] << 8 | p[2] << 16 | (uint32_t)p[3] << 24;
}

static uint64_t get64(const uint8_t *p)
{
	return get32(p) | (uint64_t)get32(p + 4) << 32;
}

static void put32(uint8_t *p, uint32_t v)
{
	v = htole32(v);
	memcpy(p, &v, 4);
}

/* The memory behind an address of the bus; a wrong one must not hurt us. */
static void *map(uint64_t addr, uint64_t len)
{
	uint64_t off = addr - VIRTIO_MSG_USER_WINDOW;

	return off <= WINDOW && len <= WINDOW - off ? window + off : NULL;
}

/* The device itself: fill what the driver made available.  Was there any? */
static int serve(void)
{
	uint8_t *desc = map(ring[0], 16 * vq_size);
	uint16_t *avail = map(ring[1], 6 + 2 * vq_size);
	uint16_t *used = map(ring[2], 6 + 8 * vq_size);
	uint16_t first = last;

	if (!vq_enabled || !(status & 4))	/* DRIVER_OK */
		return 0;
	/* Whoever sees the index sees what was written before it. */
	while (le16toh(__atomic_load_n(&avail[1], __ATOMIC_ACQUIRE)) != last) {
		uint32_t head = le16toh(avail[2 + last % vq_size]) % vq_size;
		uint32_t len = get32(desc + 16 * head + 8);
		uint8_t *buf = map(get64(desc + 16 * head), len);
		uint8_t *entry = (uint8_t *)&used[2 + 4 * (last % vq_size)];
		ssize_t n = buf ? getrandom(buf, len < 256 ? len : 256, 0) : 0;

		put32(entry, head);
		put32(entry + 4, n > 0 ? n : 0);
		__atomic_store_n(&used[1], htole16(++last), __ATOMIC_RELEASE);
	}
	return first != last;
}

static int set_queue(const uint8_t *in)
{
	vq_size = get32(in + 8);
	vq_enabled = get32(in + 4) & VIRTIO_MSG_VQ_ENABLE;
	for (int i = 0; i < 3; i++)
		ring[i] = get64(in + 16 + 8 * i);
	if (get32(in) || vq_size < 1 || vq_size > MAX || vq_size & (vq_size - 1) ||
	    !map(ring[0], 16 * vq_size) || !map(ring[1], 6 + 2 * vq_size) ||
	    !map(ring[2], 6 + 8 * vq_size) || (ring[1] | ring[2]) & 3) {
		vq_enabled = 0;
		return -VIRTIO_MSG_RESULT_BAD_ARG;
	}
	/* 0 in a new ring; else where an earlier device side came to its end. */
	last = le16toh(((uint16_t *)map(ring[2], 4))[1]);
	return 0;
}

/* Answer a request: the length of the answer's payload, or minus a result. */
static int request(const struct virtio_msg_hdr_xid32 *h, const uint8_t *in, uint8_t *out)
{
	uint32_t first = get32(in), n = get32(in + 4);

	if (h->type & VIRTIO_MSG_TYPE_BUS) {
		switch (h->msg_id) {
		case VIRTIO_MSG_BUS_GET_DEVICES:	/* asks for a part of the bitmap */
			n = (first >> 16) / 8;
			memcpy(out, in, 2);
			out[4] = first & 0xffff ? 0 : 1 << DEV;
			return 4 + (n < 32 ? n : 32);
		case VIRTIO_MSG_BUS_PING:
			memcpy(out, in, 4);
			return 4;
		}
		return -VIRTIO_MSG_RESULT_UNKNOWN;
	}
	if (le16toh(h->dev_num) != DEV)
		return -VIRTIO_MSG_RESULT_NO_DEVICE;
	switch (h->msg_id) {
	case VIRTIO_MSG_GET_DEVICE_INFO:
		put32(out, 4);				/* an entropy source */
		put32(out + 24, 2);			/* words of feature bits */
		put32(out + 32, 1);			/* queues */
		return 44;
	case VIRTIO_MSG_GET_DEVICE_FEATURES:
		n = n < 8 ? n : 8;
		put32(out, first);
		/* Bits 32 and 33: VERSION_1; addresses are those of the bus. */
		if (first <= 1 && first + n > 1)
			put32(out + 4 + 4 * (1 - first), 3);
		return 4 + 4 * n;
	case VIRTIO_MSG_SET_DRIVER_FEATURES:
		return 0;
	case VIRTIO_MSG_SET_DEVICE_STATUS:
		status = first;
		if (!status)				/* a reset */
			vq_enabled = 0;
		/* fall through */
	case VIRTIO_MSG_GET_DEVICE_STATUS:
		put32(out, status);
		return 4;
	case VIRTIO_MSG_GET_VQUEUE:
		put32(out, first);
		put32(out + 4, first ? 0 : MAX);
		return 40;
	case VIRTIO_MSG_SET_VQUEUE:
		return set_queue(in);
	}
	return -VIRTIO_MSG_RESULT_UNKNOWN;
}

/* One frame; what there is to say to it goes to @out.  Return: its length there. */
static uint32_t handle(const uint8_t *frame, uint32_t size, uint8_t *out)
{
	struct virtio_msg_hdr_xid32 h;
	uint8_t in[40] = { 0 };		/* no request of ours is longer */
	int n;

	memcpy(&h, frame, HDR);
	size -= HDR;
	memcpy(in, frame + HDR, size < sizeof(in) ? size : sizeof(in));
	memset(out, 0, 80);
	if (h.msg_id == VIRTIO_MSG_EVENT_AVAIL) {
		if (!serve())
			return 0;
		h.msg_id = VIRTIO_MSG_EVENT_USED;	/* its payload: the queue, 0 */
		n = 4;
	} else {
		n = request(&h, in, out + HDR);
		h.type |= VIRTIO_MSG_TYPE_RESPONSE;
		h.result = htole16(n < 0 ? -n : 0);
		n = n < 0 ? 0 : n;
	}
	h.msg_size = htole16(HDR + n);
	memcpy(out, &h, HDR);
	return ALIGN(HDR + n);
}

int main(void)
{
	struct virtio_msg_user_setup setup = {
		.size = sizeof(setup),
		.wire = VIRTIO_MSG_WIRE_XID32,
		.max_msg_size = 256,
		.window_size = WINDOW,
	};
	/* No answer is longer than five times the shortest request. */
	static uint8_t in[4096], out[5 * 4096 + 80];
	int fd = open("/dev/virtio-msg", O_RDWR | O_CLOEXEC);

	if (fd < 0 || ioctl(fd, VIRTIO_MSG_USER_SETUP, &setup) < 0) {
		perror("/dev/virtio-msg");
		return 1;
	}
	window = mmap(NULL, WINDOW, PROT_READ | PROT_WRITE, MAP_SHARED, setup.window_fd, 0);
	if (window == MAP_FAILED) {
		perror("mmap");
		return 1;
	}
	printf("an entropy source is device %d of virtio-msg%u\n", DEV, setup.bus);
	fflush(stdout);
	for (;;) {
		/* As many frames as there are; all answers in one write. */
		ssize_t n = read(fd, in, sizeof(in)), off, size;
		uint32_t len = 0;

		if (n < 0) {
			perror("read");
			return 1;
		}
		for (off = 0; off < n; off += ALIGN(size)) {
			size = in[off + 4] | in[off + 5] << 8;
			len += handle(in + off, size, out + len);
		}
		/* An answer that comes too late is refused: no reason to end. */
		if (len && write(fd, out, len) < 0 && errno != ENOENT)
			perror("write");
	}
}
