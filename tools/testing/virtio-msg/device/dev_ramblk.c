// SPDX-License-Identifier: GPL-2.0-only
/*
 * virtio-msg device side: a block device in memory
 */
#include "vmsg_devs.h"

#define F_SEG_MAX	VMSG_F(2)
#define F_RO		VMSG_F(5)
#define F_BLK_SIZE	VMSG_F(6)
#define F_FLUSH		VMSG_F(9)

#define T_IN		0
#define T_OUT		1
#define T_FLUSH		4
#define T_GET_ID	8

#define S_OK		0
#define S_IOERR		1
#define S_UNSUPP	2

#define SECTOR		512
#define MAX_FILL	(1U << 20)

/*
 * Data of a request: all that is readable after the header, or writable before
 * the status byte.  Copied straight between the buffers and the disk.
 */
static uint8_t transfer(struct vmsg_ramblk *blk, struct vmsg_chain *c,
			uint64_t sector, uint32_t len, bool write,
			uint32_t *written)
{
	uint8_t *disk;

	if (len % SECTOR || sector > blk->sectors ||
	    len / SECTOR > blk->sectors - sector)
		return S_IOERR;
	disk = blk->data + sector * SECTOR;
	if (write) {
		if (blk->read_only)
			return S_IOERR;
		vmsg_chain_read(c, 16, disk, len);
		blk->dev.stats.bytes_in += len;
	} else {
		vmsg_chain_write(c, 0, disk, len);
		blk->dev.stats.bytes_out += len;
		*written = len;
	}
	return S_OK;
}

static void one(struct vmsg_vq *vq, struct vmsg_chain *c)
{
	static const char id[20] = "virtio-msg-ram";
	struct vmsg_ramblk *blk = vq->dev->priv;
	uint32_t written = 0, in_data;
	uint8_t head[16], status;

	if (c->out_len < sizeof(head) || !c->in_len) {
		/* No place to say what is wrong. */
		vmsg_dev_fault(vq->dev, "block request without header or status",
			       c->out_len);
		return;
	}
	vmsg_chain_read(c, 0, head, sizeof(head));
	in_data = c->in_len - 1;
	switch (vmsg_get32(head)) {
	case T_IN:
		status = transfer(blk, c, vmsg_get64(head + 8), in_data, false,
				  &written);
		break;
	case T_OUT:
		status = transfer(blk, c, vmsg_get64(head + 8),
				  c->out_len - (uint32_t)sizeof(head), true,
				  &written);
		break;
	case T_FLUSH:
		status = S_OK;
		break;
	case T_GET_ID:
		written = in_data < sizeof(id) ? in_data : sizeof(id);
		vmsg_chain_write(c, 0, id, written);
		status = S_OK;
		break;
	default:
		status = S_UNSUPP;
		break;
	}
	/*
	 * used.len covers a prefix of what is writable, and the status is its
	 * last byte: so what a failed request leaves between is filled, unless
	 * it is absurdly much.
	 */
	while (written < in_data && in_data <= MAX_FILL) {
		static const uint8_t zero[SECTOR];
		uint32_t n = in_data - written;

		if (n > sizeof(zero))
			n = sizeof(zero);
		vmsg_chain_write(c, written, zero, n);
		written += n;
	}
	vmsg_chain_write(c, in_data, &status, 1);
	vmsg_vq_push(vq, c, written == in_data ? in_data + 1 : written);
}

static void kick(struct vmsg_dev *dev, struct vmsg_vq *vq)
{
	struct vmsg_ramblk *blk = dev->priv;

	vmsg_vq_drain(vq, NULL, one, &blk->chain);
}

static void queue_reset(struct vmsg_dev *dev, struct vmsg_vq *vq)
{
	/* Requests are done at once; none is kept. */
	(void)dev;
	(void)vq;
}

static const struct vmsg_dev_ops ops = {
	.kick = kick,
	.queue_reset = queue_reset,
};

/**
 * vmsg_ramblk_init - set up a block device in memory
 * @blk: the device
 * @data: its contents
 * @sectors: of 512 bytes each
 * @read_only: writes are refused
 */
void vmsg_ramblk_init(struct vmsg_ramblk *blk, void *data, uint64_t sectors,
		      bool read_only)
{
	blk->data = data;
	blk->sectors = sectors;
	blk->read_only = read_only;
	blk->dev.ops = &ops;
	blk->dev.device_id = VMSG_ID_BLOCK;
	blk->dev.features = VMSG_F_BUILTIN | F_SEG_MAX | F_BLK_SIZE | F_FLUSH |
			    (read_only ? F_RO : 0);
	blk->dev.config = blk->config;
	blk->dev.config_len = sizeof(blk->config);
	blk->dev.vqs = blk->vq;
	blk->dev.nvqs = 1;
	blk->dev.priv = blk;
	vmsg_put64(blk->config, sectors);
	vmsg_put32(blk->config + 12, 126);	/* seg_max */
	vmsg_put32(blk->config + 20, SECTOR);
	blk->vq[0].max_size = 128;
}
