/* SPDX-License-Identifier: GPL-2.0-only */
/* Shim: see env/env.h */
#include <env/env.h>
