// SPDX-License-Identifier: GPL-2.0-only
/*
 * vmsgd: to be killed at a chosen place
 *
 * Every store to shared memory or to the image of a "fileblk", and every doorbell,
 * has a crash point before and behind it.  They are counted; at one of them the
 * process kills itself, with all that it had in its own memory.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "vmsgd.h"

static uint64_t passed, at;

static void crash_hook(void)
{
	if (++passed == at)
		kill(getpid(), SIGKILL);
}

/**
 * crash_set - choose the point
 * @arg: how many points from now; 0: none
 *
 * Return: false if it is no number.
 */
bool crash_set(const char *arg)
{
	unsigned long long n;
	char *end;

	n = strtoull(arg, &end, 0);
	if (end == arg || *end)
		return false;
	at = n ? passed + n : 0;
	vmsg_crash_hook = crash_hook;
	return true;
}

/**
 * crash_passed - how many points were passed since one was chosen first
 */
uint64_t crash_passed(void)
{
	return passed;
}
