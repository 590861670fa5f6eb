// SPDX-License-Identifier: GPL-2.0-only
/*
 * An ivshmem server and, in the same process, its first client, which answers
 * each doorbell: what a round trip costs without any message
 *
 *	doorbell SOCKET
 *
 * Counts in the second word of the memory what the guest counts in the first one;
 * rings back unless the third word says that the guest looks at the memory.
 */
#define _GNU_SOURCE
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define SIZE	(1 << 20)

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

/* One message of the protocol: a number and maybe a descriptor. */
static void tell(int sock, int64_t value, int fd)
{
	char control[CMSG_SPACE(sizeof(int))] = "";
	struct iovec iov = { &value, sizeof(value) };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *c;

	if (fd >= 0) {
		m.msg_control = control;
		m.msg_controllen = sizeof(control);
		c = CMSG_FIRSTHDR(&m);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	}
	if (sendmsg(sock, &m, 0) != sizeof(value))
		fail("sendmsg");
}

/* The socket has its name when it listens, and not before. */
static int wait_for_guest(const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int s = socket(AF_UNIX, SOCK_STREAM, 0), c;
	size_t len = sizeof(a.sun_path);

	if (s < 0 || snprintf(a.sun_path, len, "%s.new", path) >= (int)len)
		fail(path);
	if (bind(s, (struct sockaddr *)&a, sizeof(a)) || listen(s, 1) ||
	    rename(a.sun_path, path))
		fail(path);
	c = accept(s, NULL, NULL);
	if (c < 0)
		fail("accept");
	close(s);
	return c;
}

int main(int argc, char **argv)
{
	int mem, ours, theirs, sock;
	uint32_t *words;
	uint64_t n;

	if (argc != 2) {
		fprintf(stderr, "Usage: doorbell SOCKET\n");
		return 2;
	}
	mem = memfd_create("doorbell", MFD_CLOEXEC);
	ours = eventfd(0, 0);
	theirs = eventfd(0, 0);
	if (mem < 0 || ours < 0 || theirs < 0 || ftruncate(mem, SIZE))
		fail("memory");
	words = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, mem, 0);
	if (words == MAP_FAILED)
		fail("mmap");
	sock = wait_for_guest(argv[1]);
	tell(sock, 0, -1);	/* version */
	tell(sock, 1, -1);	/* the guest's number */
	tell(sock, -1, mem);
	tell(sock, 0, ours);	/* ours, one vector */
	tell(sock, 1, theirs);
	for (;;) {
		struct pollfd p[2] = { { ours, POLLIN, 0 }, { sock, POLLIN, 0 } };

		if (poll(p, 2, -1) < 0)
			fail("poll");
		if (p[1].revents)
			return 0;
		if (read(ours, &n, sizeof(n)) != sizeof(n))
			fail("read");
		__atomic_store_n(&words[1], __atomic_load_n(&words[0], __ATOMIC_ACQUIRE),
				 __ATOMIC_RELEASE);
		n = 1;
		if (!__atomic_load_n(&words[2], __ATOMIC_ACQUIRE) &&
		    write(theirs, &n, sizeof(n)) != sizeof(n))
			fail("write");
	}
}
