/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * qemu-plugin.h includes this for the names of two types, to which it has
 * pointers only: no reason to ask for the whole library.
 */
#ifndef VMSG_BENCH_GLIB_H
#define VMSG_BENCH_GLIB_H

#define GArray		void
#define GByteArray	void

#endif
