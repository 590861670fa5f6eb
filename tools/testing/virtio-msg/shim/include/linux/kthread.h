/* SPDX-License-Identifier: GPL-2.0-only */
/* Shim: see env/kunit.h */
#include <env/kunit.h>
