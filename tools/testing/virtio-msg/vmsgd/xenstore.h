/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * vmsgd: xenstore, as much as a back end needs
 */
#ifndef VMSGD_XENSTORE_H
#define VMSGD_XENSTORE_H

#include "util.h"

/* Connect; false was said why. */
bool store_open(void);
/* Whether something that is watched may have changed since the last call. */
bool store_events(void);
/* The value of a node, allocated; NULL with errno set. */
char *store_read(const char *path);
/* A number that is all of a node's value; false: there is none. */
bool store_number(const char *path, uint32_t *value);
bool store_write(const char *path, const char *value);
bool store_watch(const char *path);
/* The names of the children, one after the other, each ended by 0, then "". */
char *store_list(const char *path);

#endif
