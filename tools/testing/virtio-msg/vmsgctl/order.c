// SPDX-License-Identifier: GPL-2.0-only
/*
 * vmsgctl: events in the order of their time
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "order.h"
#include "vmsgctl.h"

#define HOLD_NS		200000000ULL
#define POLL_NS		50000000L

static struct ev *held;		/* by time; each owns its data */
static size_t num, room;

static void hold(const struct ev *ev, void *unused)
{
	uint8_t *data = xrealloc(NULL, ev->data_len + 1);
	size_t at;

	(void)unused;
	if (ev->data_len)
		memcpy(data, ev->data, ev->data_len);
	if (num == room) {
		room = room ? 2 * room : 256;
		held = xrealloc(held, room * sizeof(*held));
	}
	/* Nearly always the last place. */
	for (at = num; at && held[at - 1].ns > ev->ns; at--)
		;
	memmove(&held[at + 1], &held[at], (num - at) * sizeof(*held));
	held[at] = *ev;
	held[at].data = data;
	num++;
}

/* Pass on what is older than @before; false once @fn has had enough. */
static bool pass_on(uint64_t before, bool (*fn)(const struct ev *ev))
{
	bool more = true;
	size_t n;

	for (n = 0; n < num && held[n].ns < before && more; n++) {
		more = fn(&held[n]);
		free((void *)held[n].data);
	}
	num -= n;
	memmove(held, held + n, num * sizeof(*held));
	return more;
}

bool order_run(struct events *e, bool (*fn)(const struct ev *ev), bool (*again)(void))
{
	const struct timespec nap = { .tv_nsec = POLL_NS };
	uint64_t end = opt.duration ? mono_ns() + (uint64_t)(opt.duration * 1e9) : UINT64_MAX;
	bool good = true, more = true;

	while (good && more && !stopped && mono_ns() < end) {
		uint64_t now;

		nanosleep(&nap, NULL);
		now = mono_ns();
		good = events_read(e, hold, NULL);
		more = pass_on(now - HOLD_NS, fn) && (!again || again());
	}
	events_stop(e);
	if (good && more) {
		good = events_read(e, hold, NULL);
		pass_on(UINT64_MAX, fn);
	}
	return good;
}
