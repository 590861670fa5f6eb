// SPDX-License-Identifier: GPL-2.0-only
/*
 * vmsgd: one daemon at a time
 *
 * What a daemon drives it has locked. Its back ends hold the lock open, so that
 * whoever comes next waits for those that are left over, too.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#include "vmsgd.h"

#define LOCK_MS		5000	/* an earlier daemon's back ends may linger */

int lock_fd = -1;

/* Whoever shares the lock with us shares what it is for: our back ends. */
bool lock_wait(const char *what)
{
	uint64_t until = now_ms() + LOCK_MS;
	bool told = false;

	while (flock(lock_fd, LOCK_EX | LOCK_NB) < 0) {
		if (errno != EWOULDBLOCK && errno != EINTR) {
			info("cannot lock %s: %m", what);
			return false;
		}
		if (now_ms() > until) {
			info("another vmsgd, or a back end that it left, uses %s: end it first",
			     what);
			return false;
		}
		if (!told)
			debug("waiting for another vmsgd to end");
		told = true;
		usleep(5000);
	}
	return true;
}

/* @name is ours to free: the file stays, so that all lock the same one. */
bool lock_file(char *name)
{
	bool ok = false;

	lock_fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (lock_fd < 0)
		info("cannot open the lock %s: %m", name);
	else
		ok = lock_wait(name);
	free(name);
	return ok;
}
