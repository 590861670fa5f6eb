// SPDX-License-Identifier: GPL-2.0-only
/*
 * An entropy device for this kernel, in one file: what a device model needs to
 * know of virtio-msg.  Build it with "gcc -O2 entropy.c", run it as root, and
 * read /dev/hwrng.  Ended, it takes its device away.
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
#define ALIGN(n) (((n) + 7) & ~7u)	/* where the next frame begins */
/* VERSION_1, and ACCESS_PLATFORM: addresses are those of the bus. */
static const uint32_t features[2] = { 0, 1 << 0 | 1 << 1 };

static uint8_t *window;
static uint32_t status, vq_size, vq_enabled;
static uint64_t ring[3];		/* descriptors, available, used */
static uint16_t last;			/* entries of the available ring that we took */

/* All integers are little-endian; frames are aligned, what is in them is not. */
static uint32_t get32(const uint8_t *p) { uint32_t v; memcpy(&v, p, 4); return le32toh(v); }
static uint64_t get64(const uint8_t *p) { uint64_t v; memcpy(&v, p, 8); return le64toh(v); }
static void put32(uint8_t *p, uint32_t v) { v = htole32(v); memcpy(p, &v, 4); }
static void put64(uint8_t *p, uint64_t v) { v = htole64(v); memcpy(p, &v, 8); }

/* The memory behind an address of the bus; a wrong one must not hurt us. */
static void *map(uint64_t addr, uint64_t len)
{
	uint64_t off = addr - VIRTIO_MSG_USER_WINDOW;

	return off <= WINDOW && len <= WINDOW - off ? window + off : NULL;
}

/* The device itself: fill what the driver made available.  True if there was any. */
static int serve(void)
{
	uint8_t *desc = map(ring[0], 16 * vq_size);
	uint16_t *avail = map(ring[1], 6 + 2 * vq_size);
	uint16_t *used = map(ring[2], 6 + 8 * vq_size);
	int any = 0;

	if (!vq_enabled || !(status & 4))	/* DRIVER_OK */
		return 0;
	/* Whoever sees the index sees what was written before it. */
	while (le16toh(__atomic_load_n(&avail[1], __ATOMIC_ACQUIRE)) != last) {
		uint32_t head = le16toh(avail[2 + last % vq_size]) % vq_size;
		uint32_t len = get32(desc + 16 * head + 8);
		void *buf = map(get64(desc + 16 * head), len);
		uint8_t *entry = (uint8_t *)&used[2 + 4 * (last % vq_size)];
		/* Flags 2: the device may write.  An entropy buffer is one piece. */
		ssize_t n = buf && desc[16 * head + 12] & 2 ?
			    getrandom(buf, len < 256 ? len : 256, 0) : 0;

		put32(entry, head);
		put32(entry + 4, n > 0 ? n : 0);
		last++;
		__atomic_store_n(&used[1], htole16(last), __ATOMIC_RELEASE);
		any = 1;
	}
	return any;
}

static int set_queue(const uint8_t *in)
{
	vq_size = get32(in + 8);
	for (int i = 0; i < 3; i++)
		ring[i] = get64(in + 16 + 8 * i);
	if (vq_size < 1 || vq_size > MAX || vq_size & (vq_size - 1) ||
	    !map(ring[0], 16 * vq_size) || !map(ring[1], 6 + 2 * vq_size) ||
	    !map(ring[2], 6 + 8 * vq_size) || (ring[1] | ring[2]) & 3)
		return -VIRTIO_MSG_RESULT_BAD_ARG;
	vq_enabled = get32(in + 4) & VIRTIO_MSG_VQ_ENABLE;
	/* 0 in a new ring; else where an earlier device side came to its end. */
	last = le16toh(((uint16_t *)map(ring[2], 4))[1]);
	return 0;
}

/* Answer a request: the length of the answer's payload, or minus a result. */
static int request(const struct virtio_msg_hdr_xid32 *h, const uint8_t *in,
		   uint32_t len, uint8_t *out)
{
	/* Our requests are short; a missing rest must not be read. */
	uint8_t a[40] = { 0 };
	uint32_t n;

	memcpy(a, in, len < sizeof(a) ? len : sizeof(a));
	memset(out, 0, 64);
	if (h->type & VIRTIO_MSG_TYPE_BUS) {
		switch (h->msg_id) {
		case VIRTIO_MSG_BUS_GET_DEVICES:	/* first number, how many */
			memcpy(out, a, 2);		/* then: next; a bitmap */
			n = (a[2] | a[3] << 8) / 8;
			out[4] = a[0] | a[1] ? 0 : 1 << DEV;
			return 4 + (n < 32 ? n : 32);
		case VIRTIO_MSG_BUS_PING:
			memcpy(out, a, 4);
			return 4;
		}
		return -VIRTIO_MSG_RESULT_UNKNOWN;
	}
	if (le16toh(h->dev_num) != DEV)
		return -VIRTIO_MSG_RESULT_NO_DEVICE;
	switch (h->msg_id) {
	case VIRTIO_MSG_GET_DEVICE_INFO:
		put32(out, 4);				/* an entropy source */
		put32(out + 24, 2);			/* blocks of feature bits */
		put32(out + 32, 1);			/* queues */
		return 44;
	case VIRTIO_MSG_GET_DEVICE_FEATURES:		/* first block, how many */
		n = get32(a + 4) < 8 ? get32(a + 4) : 8;
		put32(out, get32(a));
		for (uint32_t i = 0; i < n; i++)
			put32(out + 4 + 4 * i, get32(a) + i < 2 ? features[get32(a) + i] : 0);
		return 4 + 4 * n;
	case VIRTIO_MSG_SET_DRIVER_FEATURES:		/* all that we offer, or nothing */
		return 0;
	case VIRTIO_MSG_SET_DEVICE_STATUS:
		status = get32(a);
		if (!status)				/* a reset */
			vq_enabled = vq_size = 0;
		/* fall through */
	case VIRTIO_MSG_GET_DEVICE_STATUS:
		put32(out, status);
		return 4;
	case VIRTIO_MSG_GET_VQUEUE:
		put32(out, get32(a));
		put32(out + 4, get32(a) ? 0 : MAX);
		put32(out + 8, vq_size);
		put32(out + 12, vq_enabled);
		for (int i = 0; i < 3; i++)
			put64(out + 16 + 8 * i, ring[i]);
		return 40;
	case VIRTIO_MSG_SET_VQUEUE:
		return get32(a) ? -VIRTIO_MSG_RESULT_BAD_ARG : set_queue(a);
	}
	return -VIRTIO_MSG_RESULT_UNKNOWN;
}

/* One frame: what it takes to answer it is appended to @out.  Its length there. */
static uint32_t handle(const uint8_t *frame, uint32_t size, uint8_t *out)
{
	const uint32_t hl = sizeof(struct virtio_msg_hdr_xid32);
	struct virtio_msg_hdr_xid32 h;
	int n;

	memcpy(&h, frame, hl);
	if (h.msg_id == VIRTIO_MSG_EVENT_AVAIL && !(h.type & VIRTIO_MSG_TYPE_BUS)) {
		if (!serve())
			return 0;
		h.msg_id = VIRTIO_MSG_EVENT_USED;	/* its payload: the queue, 0 */
		memset(out + hl, 0, 4);
		n = 4;
	} else {
		n = request(&h, frame + hl, size - hl, out + hl);
		h.type |= VIRTIO_MSG_TYPE_RESPONSE;
		h.result = htole16(n < 0 ? -n : 0);
		n = n < 0 ? 0 : n;
	}
	h.msg_size = htole16(hl + n);
	memcpy(out, &h, hl);
	return ALIGN(hl + n);
}

int main(int argc, char **argv)
{
	struct virtio_msg_user_setup setup = {
		.size = sizeof(setup),
		.wire = VIRTIO_MSG_WIRE_XID32,
		.max_msg_size = 256,
		.window_size = WINDOW,
	};
	/* No answer is longer than five times the shortest request. */
	static uint8_t in[4096], out[5 * 4096];
	int fd = open(argc > 1 ? argv[1] : "/dev/virtio-msg", O_RDWR | O_CLOEXEC);

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
		/* As many frames as there are, all answers in one write. */
		ssize_t n = read(fd, in, sizeof(in)), off = 0;
		uint32_t len = 0, size;

		if (n < 0) {
			perror("read");
			return 1;
		}
		for (; off + 12 <= n; off += ALIGN(size)) {
			size = in[off + 4] | in[off + 5] << 8;
			if (size < 12 || size > n - off)
				break;
			len += handle(in + off, size, out + len);
		}
		/* An answer that comes too late is refused: no reason to end. */
		if (len && write(fd, out, len) < 0 && errno != ENOENT)
			perror("write");
	}
}
