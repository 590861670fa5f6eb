/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef ECHO_H
#define ECHO_H

#include "vmsg_devs.h"

/* Set up @con, the one such console of a firmware. */
void echo_init(struct vmsg_console *con);

#endif /* ECHO_H */
