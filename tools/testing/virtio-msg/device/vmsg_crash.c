// SPDX-License-Identifier: GPL-2.0-only
/*
 * virtio-msg device side: crash points, in builds that have them
 */
#include "vmsg_plat.h"

#ifdef VMSG_CRASH_POINTS
/* Called at each of them; may not return. */
void (*vmsg_crash_hook)(void);
#endif
