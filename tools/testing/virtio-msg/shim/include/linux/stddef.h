/* SPDX-License-Identifier: GPL-2.0-only */
/* Shim: lets pure kernel files build as ordinary user-space objects. */
#include_next <linux/stddef.h>
#include <stddef.h>
