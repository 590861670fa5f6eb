/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * vmsgd: the segment, for the links that have one
 */
#ifndef VMSGD_SEGMENT_H
#define VMSGD_SEGMENT_H

#include "vmsgd.h"

extern struct vmsg_seg seg;
/* What our predecessor acknowledged is where we find it. A link may know better. */
extern bool segment_intact;

bool segment_join(const char *where);
void segment_peer_gone(uint16_t id);

/* Operations of such a link */
void segment_begin(void);
bool segment_start(void);
unsigned int segment_poll(void);
void segment_stop(void);
const char *segment_state(void);
void segment_print(FILE *f, bool json);

#endif
