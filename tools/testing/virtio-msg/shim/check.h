/* SPDX-License-Identifier: GPL-2.0-only */
/* Invariants of the core's books; each is looked at while nobody has its lock. */
#ifndef _SHIM_CHECK_H
#define _SHIM_CHECK_H

struct vmsg_engine;
struct vmsg_window;

void shim_check_window(const struct vmsg_window *win);
void shim_check_engine(struct vmsg_engine *e);

#endif
