/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * vmsgd: the segment, for the links that have one
 */
#ifndef VMSGD_SEGMENT_H
#define VMSGD_SEGMENT_H

#include "vmsgd.h"

extern struct vmsg_seg seg;

bool segment_join(const char *where);
void segment_peer_gone(uint16_t id);

/* Operations of such a link */
bool segment_start(void);
unsigned int segment_poll(void);
void segment_stop(void);
const char *segment_state(void);
void segment_print(FILE *f, bool json);

#endif
