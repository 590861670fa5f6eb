// SPDX-License-Identifier: GPL-2.0-only
/*
 * What has to hold between any two steps, seen from inside: the window's source is
 * part of this file, so that what it promises can be checked without its lock.
 */
#include "../../../../drivers/virtio/msg/window.c"
#include "internal.h"
#include "env.h"
#include "check.h"

/* I6 and I7: every granule is free, mapped or in quarantine, and only one. */
void shim_check_window(const struct vmsg_window *win)
{
	u32 g, n, mapped = 0;

	if (!win || win->lock.owner)
		return;
	SHIM_MUST(bitmap_weight(win->quar_map, win->total) == win->quarantined);
	SHIM_MUST(bitmap_weight(win->used_map, win->total) ==
		  win->used + win->quarantined);
	for (g = find_next_bit(win->head_map, win->total, 0); g < win->total;
	     g = find_next_bit(win->head_map, win->total, g + n)) {
		n = vmsg_granules(win->recs[g].size);
		SHIM_MUST(n && g + n <= win->total && win->recs[g].ctx);
		/* All of it is in use, and none of it in quarantine. */
		SHIM_MUST(find_next_zero_bit(win->used_map, g + n, g) == g + n);
		SHIM_MUST(find_next_bit(win->quar_map, g + n, g) == g + n);
		SHIM_MUST(n == 1 || find_next_bit(win->head_map, g + n, g + 1) == g + n);
		mapped += n;
	}
	/* What is being unmapped has no head any more. */
	SHIM_MUST(mapped <= win->used);
}

/* I3 and the engine's own books, while nobody has its lock. */
void shim_check_engine(struct vmsg_engine *e)
{
	const struct vmsg_xfer *x;
	unsigned int n = 0;

	if (e->lock.owner)
		return;
	list_for_each_entry(x, &e->sent, node) {
		n++;
		SHIM_MUST(x->state == VMSG_XFER_SENT);
		SHIM_MUST(x->epoch == e->epoch || !e->open);
		SHIM_MUST(x->deadline);
	}
	SHIM_MUST(n == e->inflight);
	SHIM_MUST(n <= e->max_inflight);
	list_for_each_entry(x, &e->queue, node)
		SHIM_MUST(x->state == VMSG_XFER_QUEUED);
	SHIM_MUST(e->open || (list_empty(&e->sent) && list_empty(&e->queue)));
	/* I4: somebody will look at them. */
	SHIM_MUST((!n && list_empty(&e->queue)) || shim_work_busy(&e->reaper.work));
}
