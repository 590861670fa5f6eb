// SPDX-License-Identifier: GPL-2.0-only
/*
 * virtio-msg device side: a console with one port, without multiport
 *
 * Queue 0 takes input to the driver, queue 1 its output.  No byte is dropped in
 * either direction: output waits in the ring while the sink is full, input at
 * its source while there are no buffers.
 */
#include "vmsg_devs.h"

#define RX	0
#define TX	1

/* Bytes of one chain in one go: others want to be served too. */
#define OUTPUT_BUDGET	65536

/* Return: true if the chain in hand was written to its end. */
static bool output(struct vmsg_console *con)
{
	struct vmsg_vq *vq = &con->vq[TX];
	uint32_t end = con->done + OUTPUT_BUDGET;

	while (con->done < con->chain.out_len) {
		uint32_t n = vmsg_chain_read(&con->chain, con->done, con->bounce,
					     sizeof(con->bounce));
		uint32_t took = con->write(con, con->bounce, n);

		con->done += took;
		con->dev.stats.bytes_in += took;
		if (took < n)
			return false;
		if (con->done >= end && con->done < con->chain.out_len) {
			vmsg_dev_again(&con->dev, TX);
			return false;
		}
	}
	con->held = false;
	vmsg_vq_push(vq, &con->chain, 0);
	return true;
}

static bool may(struct vmsg_vq *vq)
{
	struct vmsg_console *con = vq->dev->priv;

	return !con->held;
}

static void one(struct vmsg_vq *vq, struct vmsg_chain *c)
{
	struct vmsg_console *con = vq->dev->priv;

	(void)c;
	con->held = true;
	con->done = 0;
	output(con);
}

static void kick(struct vmsg_dev *dev, struct vmsg_vq *vq)
{
	struct vmsg_console *con = dev->priv;

	if (vq->index == RX) {
		/* Whoever has input for us is told that it may try again. */
		if (con->restart)
			con->restart(con, true);
		return;
	}
	if (!con->held || output(con))
		vmsg_vq_drain(vq, may, one, &con->chain);
}

/**
 * vmsg_console_resume - the sink takes bytes again
 * @con: the console
 */
void vmsg_console_resume(struct vmsg_console *con)
{
	if (vmsg_dev_running(&con->dev))
		vmsg_dev_kick(&con->dev, TX);
}

/**
 * vmsg_console_input - bytes for the driver
 * @con: the console
 * @buf: the bytes
 * @len: how many
 *
 * Return: how many were taken.  The rest is to be offered again when @restart
 * is called.
 */
uint32_t vmsg_console_input(struct vmsg_console *con, const uint8_t *buf,
			    uint32_t len)
{
	struct vmsg_vq *vq = &con->vq[RX];
	uint32_t done = 0, n;

	while (done < len) {
		if (!vmsg_vq_pop(vq, &con->rx_chain)) {
			if (!vmsg_vq_kick_on(vq))
				break;
			continue;
		}
		n = vmsg_chain_write(&con->rx_chain, 0, buf + done, len - done);
		vmsg_vq_push(vq, &con->rx_chain, n);
		con->dev.stats.bytes_out += n;
		done += n;
	}
	vmsg_vq_flush(vq);
	return done;
}

static int start(struct vmsg_dev *dev)
{
	struct vmsg_console *con = dev->priv;

	con->held = false;
	return 0;
}

static bool reset(struct vmsg_dev *dev)
{
	struct vmsg_console *con = dev->priv;

	con->held = false;
	if (con->restart)
		con->restart(con, false);
	return true;
}

static void queue_reset(struct vmsg_dev *dev, struct vmsg_vq *vq)
{
	struct vmsg_console *con = dev->priv;

	if (vq->index == TX)
		con->held = false;
}

static const struct vmsg_dev_ops ops = {
	.start = start,
	.reset = reset,
	.kick = kick,
	.queue_reset = queue_reset,
};

/**
 * vmsg_console_init - set up a console
 * @con: the device; its callbacks are set by the caller
 */
void vmsg_console_init(struct vmsg_console *con)
{
	con->dev.ops = &ops;
	con->dev.device_id = VMSG_ID_CONSOLE;
	con->dev.features = VMSG_F_BUILTIN;
	con->dev.config = con->config;
	con->dev.config_len = sizeof(con->config);
	con->dev.vqs = con->vq;
	con->dev.nvqs = 2;
	con->dev.priv = con;
	vmsg_put32(con->config + 4, 1);		/* max_nr_ports */
	con->vq[RX].max_size = 64;
	con->vq[TX].max_size = 64;
}
