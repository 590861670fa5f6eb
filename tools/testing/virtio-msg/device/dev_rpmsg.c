// SPDX-License-Identifier: GPL-2.0-only
/*
 * virtio-msg device side: a remote processor that echoes RPMsg messages
 *
 * It announces one service by name, as the firmware of a remote processor does,
 * and sends back to its sender whatever comes to the address of that service.
 */
#include "vmsg_devs.h"

#define F_NS		VMSG_F(0)	/* services are announced */
#define IN		0		/* as the driver calls it: from us */
#define OUT		1

#define HDR_LEN		16		/* src, dst, reserved, len u16, flags u16 */
#define NS_ADDR		53		/* where announcements go */
#define NS_LEN		40		/* name[32], address, flags */
#define ECHO_ADDR	1024

/* A buffer of the driver's to write to; false if there is none. */
static bool hold(struct vmsg_rpmsg *r)
{
	struct vmsg_vq *vq = &r->vq[IN];

	while (!r->held) {
		vmsg_vq_kick_off(vq);
		r->held = vmsg_vq_pop(vq, &r->in);
		if (!r->held && !vmsg_vq_kick_on(vq))
			return false;
	}
	return true;
}

static void give(struct vmsg_rpmsg *r, const uint8_t *msg, uint32_t len)
{
	uint32_t n = vmsg_chain_write(&r->in, 0, msg, len);

	vmsg_vq_push(&r->vq[IN], &r->in, n);
	r->held = false;
	r->dev.stats.bytes_out += n;
	vmsg_vq_flush(&r->vq[IN]);
}

static void header(uint8_t *msg, uint32_t src, uint32_t dst, uint16_t len)
{
	memset(msg, 0, HDR_LEN);
	vmsg_put32(msg, src);
	vmsg_put32(msg + 4, dst);
	vmsg_put16(msg + 12, len);
}

static void announce(struct vmsg_rpmsg *r)
{
	uint8_t msg[HDR_LEN + NS_LEN] = { 0 };
	unsigned int i;

	if (r->announced || !(r->dev.driver_features & F_NS) || !hold(r))
		return;
	header(msg, NS_ADDR, NS_ADDR, NS_LEN);
	for (i = 0; r->name[i] && i < 31; i++)
		msg[HDR_LEN + i] = (uint8_t)r->name[i];
	vmsg_put32(msg + HDR_LEN + 32, ECHO_ADDR);
	give(r, msg, sizeof(msg));
	r->announced = true;
}

static bool may(struct vmsg_vq *vq)
{
	return hold(vq->dev->priv);
}

static void one(struct vmsg_vq *vq, struct vmsg_chain *c)
{
	struct vmsg_rpmsg *r = vq->dev->priv;
	uint32_t n = vmsg_chain_read(c, 0, r->bounce, sizeof(r->bounce));
	uint32_t src = 0, dst = 0;
	uint16_t len = 0;

	/* The copy is what counts. */
	if (n >= HDR_LEN) {
		src = vmsg_get32(r->bounce);
		dst = vmsg_get32(r->bounce + 4);
		len = vmsg_get16(r->bounce + 12);
	}
	vmsg_vq_push(vq, c, 0);
	if (n < HDR_LEN || len > n - HDR_LEN || dst != ECHO_ADDR ||
	    (uint32_t)HDR_LEN + len > r->in.in_len) {
		r->dropped++;
		return;
	}
	r->dev.stats.bytes_in += len;
	header(r->bounce, ECHO_ADDR, src, len);
	give(r, r->bounce, HDR_LEN + (uint32_t)len);
}

static void kick(struct vmsg_dev *dev, struct vmsg_vq *vq)
{
	struct vmsg_rpmsg *r = dev->priv;

	(void)vq;
	announce(r);
	if (r->vq[OUT].enabled)
		vmsg_vq_drain(&r->vq[OUT], may, one, &r->out);
}

static int start(struct vmsg_dev *dev)
{
	struct vmsg_rpmsg *r = dev->priv;

	r->announced = false;
	announce(r);
	return 0;
}

static bool reset(struct vmsg_dev *dev)
{
	struct vmsg_rpmsg *r = dev->priv;

	r->held = false;
	r->announced = false;
	return true;
}

static void queue_reset(struct vmsg_dev *dev, struct vmsg_vq *vq)
{
	struct vmsg_rpmsg *r = dev->priv;

	if (vq->index == IN)
		r->held = false;
}

static const struct vmsg_dev_ops ops = {
	.start = start,
	.reset = reset,
	.kick = kick,
	.queue_reset = queue_reset,
};

/**
 * vmsg_rpmsg_init - set up a remote processor that echoes
 * @r: the device
 * @name: of its service, up to 31 characters; it must stay where it is
 */
void vmsg_rpmsg_init(struct vmsg_rpmsg *r, const char *name)
{
	r->dev.ops = &ops;
	r->dev.device_id = VMSG_ID_RPMSG;
	r->dev.features = VMSG_F_BUILTIN | F_NS;
	r->dev.vqs = r->vq;
	r->dev.nvqs = 2;
	r->dev.priv = r;
	r->name = name;
	r->vq[IN].max_size = 64;
	r->vq[OUT].max_size = 64;
}
