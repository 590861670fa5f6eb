/* SPDX-License-Identifier: GPL-2.0-only */
/* The fuzzers of the whole core: what their files share. */
#ifndef _FUZZ_CORE_H
#define _FUZZ_CORE_H

#include "../shim/check.h"
#include "../shim/env.h"
#include "../shim/virtio.h"
#include "internal.h"

#define MEM_SIZE	(512 * 1024)
#define MS		1000000ULL

/* Whoever has to decide takes bytes of the input; behind its end all are 0. */
u8 tape(void);
u16 tape16(void);
u32 tape32(void);
bool tape_over(void);

/* core_drv.c: drivers with the habits of Linux's, and what uses them */
void drv_reset(void);
void drv_request(unsigned int nth);
void drv_config(unsigned int nth);
void drv_vq_reset(unsigned int nth);
bool drv_idle(void);

#endif
