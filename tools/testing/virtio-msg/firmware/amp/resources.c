// SPDX-License-Identifier: GPL-2.0-only
/*
 * The table that remoteproc looks for: what firmware wants to be given
 *
 * This one wants nothing.  The links are in the device tree, where Linux finds
 * them without knowing who is at their other end.
 */
#include <stdint.h>

struct resource_table {
	uint32_t version;
	uint32_t entries;
	uint32_t reserved[2];
};

__attribute__((section(".resource_table"), used))
static const struct resource_table table = {
	.version = 1,
};
