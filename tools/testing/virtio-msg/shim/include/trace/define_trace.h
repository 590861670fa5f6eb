/* SPDX-License-Identifier: GPL-2.0-only */
/* Shim: see linux/tracepoint.h */
