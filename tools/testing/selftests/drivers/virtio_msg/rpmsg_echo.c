// SPDX-License-Identifier: GPL-2.0-only
/*
 * rpmsg_echo [-b] DEVICE COUNT [DEPTH]: messages of all sizes to the other end of an
 * RPMsg endpoint, which sends each of them back; up to DEPTH at a time are under way,
 * or as many as there are buffers.  With -b it is the kernel that waits for a buffer.
 *
 * With COUNT 0 it goes on until the endpoint is gone, and prints what it was told
 * then.  The exit status is 1 if anything else came back, 2 if nothing did.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define MAX	496	/* what the driver's buffers of 512 bytes have room for */
#define WAIT_MS	60000

static unsigned int len_of(unsigned long n)
{
	return 1 + (unsigned int)(n * 131 % MAX);
}

static void fill(unsigned char *buf, unsigned long n)
{
	uint32_t x = (uint32_t)n * 2654435761U + 1;
	unsigned int i;

	for (i = 0; i < len_of(n); i++) {
		x = x * 1664525 + 1013904223;
		buf[i] = x >> 24;
	}
}

/* Return: 0, or the errno that says that the endpoint is gone */
static int send_one(int fd, unsigned long n)
{
	unsigned char buf[MAX];

	fill(buf, n);
	return write(fd, buf, len_of(n)) < 0 ? errno : 0;
}

static int receive_one(int fd, unsigned long n)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	unsigned char buf[2 * MAX], want[MAX];
	ssize_t got;

	if (!poll(&p, 1, WAIT_MS)) {
		fprintf(stderr, "rpmsg_echo: message %lu did not come back\n", n);
		exit(2);
	}
	got = read(fd, buf, sizeof(buf));
	if (got < 0)
		return errno;
	fill(want, n);
	if (got != len_of(n) || memcmp(buf, want, len_of(n))) {
		fprintf(stderr, "rpmsg_echo: for message %lu of %u bytes %zd others came\n",
			n, len_of(n), got);
		exit(1);
	}
	return 0;
}

/* A message that does not fit is refused, and nothing is sent. */
static void too_long(int fd)
{
	unsigned char buf[MAX + 1] = { 0 };

	if (write(fd, buf, sizeof(buf)) >= 0 || errno != EMSGSIZE) {
		fprintf(stderr, "rpmsg_echo: %zu bytes: %s\n", sizeof(buf), strerror(errno));
		exit(1);
	}
}

int main(int argc, char **argv)
{
	unsigned long count, depth, sent = 0, received = 0, bytes = 0;
	struct timespec a, b;
	int fd, ret = 0, flags = O_RDWR | O_NONBLOCK;
	bool full = false;
	double s;

	if (argc > 1 && !strcmp(argv[1], "-b")) {
		flags = O_RDWR;
		argc--;
		argv++;
	}
	if (argc < 3 || argc > 4 || argv[1][0] == '-') {
		fprintf(stderr, "Usage: rpmsg_echo [-b] DEVICE COUNT [DEPTH]\n");
		return 2;
	}
	count = strtoul(argv[2], NULL, 0);
	depth = argc > 3 ? strtoul(argv[3], NULL, 0) : 1;
	fd = open(argv[1], flags);
	if (fd < 0) {
		fprintf(stderr, "rpmsg_echo: %s: %s\n", argv[1], strerror(errno));
		return 2;
	}
	if (count)
		too_long(fd);
	clock_gettime(CLOCK_MONOTONIC, &a);
	while (!ret && (!count || received < count)) {
		if (!full && sent - received < depth && (!count || sent < count)) {
			ret = send_one(fd, sent);
			sent += !ret;
			/* One that comes back makes room for another. */
			full = ret == EAGAIN && sent > received;
			ret = full ? 0 : ret;
			continue;
		}
		full = false;
		ret = receive_one(fd, received);
		bytes += ret ? 0 : len_of(received++);
	}
	clock_gettime(CLOCK_MONOTONIC, &b);
	s = b.tv_sec - a.tv_sec + (b.tv_nsec - a.tv_nsec) / 1e9;
	printf("%lu messages, %lu bytes, %.0f messages/s\n", received, bytes, received / s);
	if (ret)
		printf("then: %s\n", strerror(ret));
	/* Who sends without an end waits for the endpoint to go. */
	return ret && count;
}
