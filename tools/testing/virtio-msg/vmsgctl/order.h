/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * vmsgctl: events in the order of their time
 *
 * A sent frame is reported when it has been sent, and belongs where the sending
 * began; so events are held for a while before they are passed on.
 */
#ifndef VMSGCTL_ORDER_H
#define VMSGCTL_ORDER_H

#include <stdbool.h>
#include <stdint.h>

#include "events.h"

/*
 * Read events until SIGINT, SIGTERM, for opt.duration, or until @fn says that it has
 * seen enough, by false. @again is called about twenty times a second, may be NULL, and
 * may say the same. False if reading has failed.
 */
bool order_run(struct events *e, bool (*fn)(const struct ev *ev), bool (*again)(void));

#endif
