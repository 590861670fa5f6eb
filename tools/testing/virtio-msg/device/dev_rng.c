// SPDX-License-Identifier: GPL-2.0-only
/*
 * virtio-msg device side: entropy
 */
#include "vmsg_devs.h"

/* A driver asks for little at a time; who asks for more gets what fits here. */
#define MAX_FILL	4096

static void one(struct vmsg_vq *vq, struct vmsg_chain *c)
{
	struct vmsg_rng *rng = vq->dev->priv;
	uint32_t done = 0;
	unsigned int i;

	for (i = c->nout; i < (unsigned int)c->nout + c->nin && done < MAX_FILL; i++) {
		uint32_t len = c->sg[i].len;

		if (len > MAX_FILL - done)
			len = MAX_FILL - done;
		rng->fill(rng, c->sg[i].ptr, len);
		done += len;
	}
	vq->dev->stats.bytes_out += done;
	vmsg_vq_push(vq, c, done);
}

static void kick(struct vmsg_dev *dev, struct vmsg_vq *vq)
{
	struct vmsg_rng *rng = dev->priv;

	vmsg_vq_drain(vq, NULL, one, &rng->chain);
}

static void queue_reset(struct vmsg_dev *dev, struct vmsg_vq *vq)
{
	/* Nothing is kept between kicks. */
	(void)dev;
	(void)vq;
}

static const struct vmsg_dev_ops ops = {
	.kick = kick,
	.queue_reset = queue_reset,
};

/**
 * vmsg_rng_init - set up an entropy device
 * @rng: the device; @rng->fill is set by the caller
 */
void vmsg_rng_init(struct vmsg_rng *rng)
{
	rng->dev.ops = &ops;
	rng->dev.device_id = VMSG_ID_RNG;
	rng->dev.features = VMSG_F_BUILTIN;
	rng->dev.vqs = rng->vq;
	rng->dev.nvqs = 1;
	rng->dev.priv = rng;
	rng->vq[0].max_size = 64;
}
