// SPDX-License-Identifier: GPL-2.0-only
/*
 * portmux TTY: three serial ports over one.
 *
 * A guest of the bench has four ports of a serial card; a Xen domain without PCI
 * has one UART.  This makes /dev/ttyS0, 1 and 2 pseudo terminals, and carries
 * what goes through them as pieces: the number of the port, a length from 1 to
 * 255, as many bytes.  The first thing sent is a line that says that it is there,
 * because a kernel or firmware may have written to the UART before.
 *
 * SIGUSR1: everything that was written goes out, then it ends.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#define PORTS	3
#define PIECE	255
#define HELLO	"\n@portmux\n"

static volatile sig_atomic_t ending;

static void on_end(int sig)
{
	(void)sig;
	ending = 1;
}

static void die(const char *what)
{
	fprintf(stderr, "portmux: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void raw(int fd, const char *what)
{
	struct termios t;

	if (tcgetattr(fd, &t) < 0)
		die(what);
	cfmakeraw(&t);
	t.c_cflag |= CLOCAL | CREAD;
	cfsetspeed(&t, B115200);
	if (tcsetattr(fd, TCSANOW, &t) < 0)
		die(what);
}

static void put(int fd, const unsigned char *p, size_t len)
{
	while (len) {
		ssize_t n = write(fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN) {
			struct pollfd room = { .fd = fd, .events = POLLOUT };

			/* Nobody reads there: it is lost, and nothing else waits. */
			if (poll(&room, 1, 10000) == 0)
				return;
			continue;
		}
		if (n < 0)
			die("write");
		p += n;
		len -= (size_t)n;
	}
}

/* Return: whether there was anything. */
static int out(int tty, int master, unsigned int port)
{
	unsigned char buf[2 + PIECE];
	ssize_t n = read(master, buf + 2, PIECE);

	if (n <= 0)
		return 0;
	buf[0] = (unsigned char)port;
	buf[1] = (unsigned char)n;
	put(tty, buf, 2 + (size_t)n);
	return 1;
}

/* What came from the other side, whole pieces or parts of them. */
static void in(int tty, const int *master)
{
	static unsigned char piece[2 + PIECE];
	static size_t have;
	unsigned char buf[512];
	ssize_t n = read(tty, buf, sizeof(buf)), i;

	for (i = 0; i < n; i++) {
		piece[have++] = buf[i];
		if (have < 2 || have < 2U + piece[1])
			continue;
		if (piece[0] < PORTS)
			put(master[piece[0]], piece + 2, piece[1]);
		have = 0;
	}
}

int main(int argc, char **argv)
{
	struct pollfd pfd[PORTS + 1];
	int master[PORTS], tty, i;

	if (argc != 2 || argv[1][0] == '-') {
		fprintf(stderr, "Usage: portmux TTY\n");
		return 2;
	}
	tty = open(argv[1], O_RDWR | O_NOCTTY);
	if (tty < 0)
		die(argv[1]);
	raw(tty, argv[1]);
	for (i = 0; i < PORTS; i++) {
		char name[32], *pts;
		int slave;

		master[i] = posix_openpt(O_RDWR | O_NOCTTY);
		if (master[i] < 0 || grantpt(master[i]) < 0 || unlockpt(master[i]) < 0)
			die("pseudo terminal");
		pts = ptsname(master[i]);
		/* Kept open: the last one that closes it would hang it up. */
		slave = open(pts, O_RDWR | O_NOCTTY);
		if (slave < 0)
			die(pts);
		raw(slave, pts);
		fcntl(master[i], F_SETFL, O_NONBLOCK);
		snprintf(name, sizeof(name), "/dev/ttyS%d", i);
		unlink(name);
		if (symlink(pts, name) < 0)
			die(name);
		pfd[i].fd = master[i];
		pfd[i].events = POLLIN;
	}
	pfd[PORTS].fd = tty;
	pfd[PORTS].events = POLLIN;
	signal(SIGUSR1, on_end);
	put(tty, (const unsigned char *)HELLO, strlen(HELLO));
	/* Who started us may go on: the ports are there. */
	if (daemon(1, 1) < 0)
		die("daemon");
	for (;;) {
		int any = 0;

		if (poll(pfd, PORTS + 1, ending ? 0 : -1) < 0 && errno != EINTR)
			die("poll");
		if (pfd[PORTS].revents & POLLIN)
			in(tty, master);
		for (i = 0; i < PORTS; i++)
			any |= out(tty, master[i], (unsigned int)i);
		if (ending && !any)
			break;
	}
	tcdrain(tty);
	return 0;
}
