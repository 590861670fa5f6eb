// SPDX-License-Identifier: GPL-2.0-only
/*
 * vmsgctl: talk to a running vmsgd through its control socket
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "vmsgctl.h"

/**
 * cmd_daemon() - send the command to a vmsgd, and print its answer
 *
 * Return: the exit status.
 */
int cmd_daemon(void)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	struct timeval tv = { .tv_sec = 60 };
	char line[4096], *nl;
	char buf[8192];
	size_t have = 0;
	int fd, status = 1, head = 1;
	ssize_t n;

	if (strlen(opt.control) >= sizeof(a.sun_path)) {
		complain("--control %s: has %zu bytes, a socket's name has at most %zu; use a shorter path",
			 opt.control, strlen(opt.control), sizeof(a.sun_path) - 1);
		return 1;
	}
	snprintf(a.sun_path, sizeof(a.sun_path), "%s", opt.control);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&a, sizeof(a)) < 0) {
		complain("%s: %m (is vmsgd running?)", opt.control);
		return 1;
	}
	if (!strcmp(opt.command, "ping"))
		tv.tv_sec = 5;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	n = snprintf(line, sizeof(line), "%s%s%s\n", opt.command,
		     opt.arg ? " " : opt.json ? " json" : "",
		     opt.arg ? opt.arg : "");
	if (n >= (ssize_t)sizeof(line) || strchr(line, '\n') != line + n - 1) {
		complain("%s '%s': one line of less than %zu bytes is expected", opt.command,
			 opt.arg ? opt.arg : "", sizeof(line));
		return 1;
	}
	if (send(fd, line, (size_t)n, MSG_NOSIGNAL) != n) {
		complain("%s: cannot send: %m", opt.control);
		return 1;
	}

	/* The first line says how it went; the rest is what was asked for. */
	while ((n = recv(fd, buf + have, sizeof(buf) - 1 - have, 0)) > 0) {
		have += (size_t)n;
		buf[have] = 0;
		if (head) {
			nl = strchr(buf, '\n');
			if (!nl && have < sizeof(buf) - 1)
				continue;
			if (nl)
				*nl++ = 0;
			head = 0;
			if (strcmp(buf, "ok")) {
				complain("%s", !strncmp(buf, "error ", 6) ? buf + 6 : buf);
				return 1;
			}
			status = 0;
			have -= (size_t)(nl - buf);
			memmove(buf, nl, have);
		}
		fwrite(buf, 1, have, stdout);
		have = 0;
	}
	if (n < 0) {
		complain("%s: %s", opt.control, errno == EAGAIN ? "no answer" : strerror(errno));
		return 1;
	}
	if (status)
		complain("%s: vmsgd hung up before it had answered", opt.control);
	return status;
}
