/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VMSG_VQ_H
#define VMSG_VQ_H

#include "vmsg.h"

int vmsg_vq_set(struct vmsg_vq *vq, uint32_t size, uint64_t desc,
		uint64_t driver, uint64_t device, uint64_t features);
int vmsg_vq_enable(struct vmsg_vq *vq);
void vmsg_vq_clear(struct vmsg_vq *vq);

#endif
