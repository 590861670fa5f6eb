// SPDX-License-Identifier: GPL-2.0-only
/*
 * xenstorm PORT COUNT: ring a static event channel, for nothing.
 *
 * For dom0; nobody else may have it bound.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

typedef uint16_t domid_t;
#include <xen/evtchn.h>

#ifndef IOCTL_EVTCHN_BIND_STATIC
#define IOCTL_EVTCHN_BIND_STATIC \
	_IOC(_IOC_NONE, 'E', 7, sizeof(struct ioctl_evtchn_bind))
struct ioctl_evtchn_bind {
	unsigned int port;
};
#endif

int main(int argc, char **argv)
{
	struct ioctl_evtchn_bind b;
	struct ioctl_evtchn_notify n;
	unsigned long i, count;
	int fd;

	if (argc != 3 || argv[1][0] == '-') {
		fprintf(stderr, "Usage: xenstorm PORT COUNT\n");
		return 2;
	}
	b.port = strtoul(argv[1], NULL, 0);
	count = strtoul(argv[2], NULL, 0);
	fd = open("/dev/xen/evtchn", O_RDWR);
	if (fd < 0 || ioctl(fd, IOCTL_EVTCHN_BIND_STATIC, &b) < 0) {
		fprintf(stderr, "xenstorm: port %u: %s\n", b.port, strerror(errno));
		return 1;
	}
	n.port = b.port;
	for (i = 0; i < count; i++) {
		if (ioctl(fd, IOCTL_EVTCHN_NOTIFY, &n) < 0) {
			fprintf(stderr, "xenstorm: %s\n", strerror(errno));
			return 1;
		}
		/* One processor serves both domains. */
		if (i % 16 == 15)
			usleep(100);
	}
	return 0;
}
