/* SPDX-License-Identifier: GPL-2.0-only */
/* Stubs are for tests in a kernel. */
#ifndef SHIM_KUNIT_STATIC_STUB_H
#define SHIM_KUNIT_STATIC_STUB_H

#define KUNIT_STATIC_STUB_REDIRECT(fn, ...)	do {} while (0)

#endif
