// SPDX-License-Identifier: GPL-2.0-only
/*
 * virtio-msg device side: an Ethernet card without offloads
 */
#include "vmsg_devs.h"

#define F_MTU		VMSG_F(3)
#define F_MAC		VMSG_F(5)
#define F_STATUS	VMSG_F(16)
#define S_LINK_UP	1
#define HDR_LEN		12	/* VERSION_1: num_buffers is always there */
#define RX	0
#define TX	1

static void tx_one(struct vmsg_vq *vq, struct vmsg_chain *c)
{
	struct vmsg_net *net = vq->dev->priv;
	uint32_t len = c->out_len;

	/* A frame shorter than its addresses, or absurdly long, is dropped. */
	if (len < HDR_LEN + 14 || len - HDR_LEN > sizeof(net->bounce)) {
		net->tx_dropped++;
	} else {
		len = vmsg_chain_read(c, HDR_LEN, net->bounce,
				      sizeof(net->bounce));
		if (net->transmit(net, net->bounce, len))
			vq->dev->stats.bytes_in += len;
		else
			net->tx_dropped++;
	}
	vmsg_vq_push(vq, c, 0);
}

static bool tx_may(struct vmsg_vq *vq)
{
	struct vmsg_net *net = vq->dev->priv;

	net->tx_blocked = net->may_transmit && !net->may_transmit(net);
	return !net->tx_blocked;
}

static void kick(struct vmsg_dev *dev, struct vmsg_vq *vq)
{
	struct vmsg_net *net = dev->priv;

	if (vq->index == TX) {
		vmsg_vq_drain(vq, tx_may, tx_one, &net->tx_chain);
	} else if (net->rx_wanted) {
		net->rx_wanted = false;
		if (net->rx_ready)
			net->rx_ready(net);
	}
}

/**
 * vmsg_net_resume - frames can be transmitted again
 * @net: the card
 */
void vmsg_net_resume(struct vmsg_net *net)
{
	if (net->tx_blocked) {
		net->tx_blocked = false;
		vmsg_dev_kick(&net->dev, TX);
	}
}

/**
 * vmsg_net_receive - a frame for the driver
 * @net: the card
 * @frame: the frame
 * @len: its length
 *
 * A frame for a card that is not running, or too long for the driver's buffer,
 * is dropped: that counts as taken.  The driver is told by vmsg_net_flush(), once for
 * all frames that are there: so it can take them together.
 *
 * Return: false if there is no buffer; @net->rx_ready tells when there is.
 */
bool vmsg_net_receive(struct vmsg_net *net, const uint8_t *frame, uint32_t len)
{
	static const uint8_t hdr[HDR_LEN] = { [10] = 1 /* num_buffers */ };
	struct vmsg_vq *vq = &net->vq[RX];

	if (!vmsg_dev_running(&net->dev) || !vq->enabled) {
		net->rx_dropped++;
		return true;
	}
	while (!net->rx_held) {
		vmsg_vq_kick_off(vq);
		net->rx_held = vmsg_vq_pop(vq, &net->rx_chain);
		if (net->rx_held)
			break;
		if (!vmsg_vq_kick_on(vq)) {
			net->rx_wanted = vmsg_dev_running(&net->dev);
			return !net->rx_wanted;
		}
	}
	if (net->rx_chain.in_len < HDR_LEN ||
	    net->rx_chain.in_len - HDR_LEN < len) {
		net->rx_dropped++;
		return true;
	}
	vmsg_chain_write(&net->rx_chain, 0, hdr, HDR_LEN);
	vmsg_chain_write(&net->rx_chain, HDR_LEN, frame, len);
	vmsg_vq_push(vq, &net->rx_chain, HDR_LEN + len);
	net->rx_held = false;
	net->dev.stats.bytes_out += len;
	net->rx_pushed = true;
	return true;
}

/**
 * vmsg_net_flush - tell the driver of the frames that it was given
 * @net: the card
 */
void vmsg_net_flush(struct vmsg_net *net)
{
	if (net->rx_pushed)
		vmsg_vq_flush(&net->vq[RX]);
	net->rx_pushed = false;
}

/**
 * vmsg_net_link - the cable was plugged in, or pulled
 * @net: the card
 * @up: which
 */
void vmsg_net_link(struct vmsg_net *net, bool up)
{
	uint16_t status = up ? S_LINK_UP : 0;

	if (vmsg_get16(net->config + 6) == status)
		return;
	vmsg_put16(net->config + 6, status);
	vmsg_dev_config_changed(&net->dev);
}

static bool reset(struct vmsg_dev *dev)
{
	struct vmsg_net *net = dev->priv;

	net->rx_held = false;
	net->rx_wanted = false;
	net->rx_pushed = false;
	net->tx_blocked = false;
	return true;
}

static void queue_reset(struct vmsg_dev *dev, struct vmsg_vq *vq)
{
	struct vmsg_net *net = dev->priv;

	if (vq->index == RX) {
		net->rx_held = false;
		net->rx_pushed = false;
		net->rx_wanted = true;
	}
}

static const struct vmsg_dev_ops ops = {
	.reset = reset,
	.kick = kick,
	.queue_reset = queue_reset,
};

/**
 * vmsg_net_init - set up an Ethernet card
 * @net: the device; its callbacks are set by the caller
 * @mac: its address
 * @mtu: what the driver shall use; 0 leaves it to the driver
 */
void vmsg_net_init(struct vmsg_net *net, const uint8_t mac[6], uint16_t mtu)
{
	net->dev.ops = &ops;
	net->dev.device_id = VMSG_ID_NET;
	net->dev.features = VMSG_F_BUILTIN | F_MAC | F_STATUS | (mtu ? F_MTU : 0);
	net->dev.config = net->config;
	net->dev.config_len = sizeof(net->config);
	net->dev.vqs = net->vq;
	net->dev.nvqs = 2;
	net->dev.priv = net;
	memcpy(net->config, mac, 6);
	vmsg_put16(net->config + 6, S_LINK_UP);
	vmsg_put16(net->config + 8, 1);
	vmsg_put16(net->config + 10, mtu);
	net->vq[RX].max_size = 256;
	net->vq[TX].max_size = 256;
}
