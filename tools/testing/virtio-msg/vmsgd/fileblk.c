// SPDX-License-Identifier: GPL-2.0-only
/*
 * vmsgd: a block device in a file, worked on by this process
 *
 * For tests of crashes.  Whatever was acknowledged is in the file, or with
 * cache=volatile what was flushed; all else dies with the process.  Requests that
 * are there together are done in any order, as a disk does.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "vmsgd.h"
#include "../device/vmsg_devs.h"

#define BLK_F_SEG_MAX		VMSG_F(2)
#define BLK_F_FLUSH		VMSG_F(9)
#define BLK_F_DISCARD		VMSG_F(13)
#define BLK_F_WRITE_ZEROES	VMSG_F(14)

#define T_IN		0
#define T_OUT		1
#define T_FLUSH		4
#define T_GET_ID	8
#define T_DISCARD	11
#define T_WRITE_ZEROES	13

#define S_OK		0
#define S_IOERR		1
#define S_UNSUPP	2

#define SECTOR		512U
#define BLOCK		4096U
#define DEPTH		32
#define SEG_MAX		126
#define HASH		1024
#define CONFIG_LEN	60

bool volatile_cache;

enum cache { DURABLE, VOLATILE, LIES };

/* A block that is not in the file yet. */
struct dirty {
	uint64_t block;
	uint8_t data[BLOCK];
	struct dirty *next;
};

struct fileblk {
	struct device d;
	struct vmsg_dev dev;
	struct vmsg_vq vq[1];
	struct vmsg_chain chain[DEPTH];
	enum cache cache;
	int fd;
	uint64_t sectors;
	uint32_t rnd;
	struct dirty *dirty[HASH];
	uint8_t config[CONFIG_LEN];
};

static struct dirty *dirty_find(struct fileblk *b, uint64_t block)
{
	struct dirty *e;

	for (e = b->dirty[block % HASH]; e; e = e->next)
		if (e->block == block)
			return e;
	return NULL;
}

/* What the file and what is above it say. */
static bool block_read(struct fileblk *b, uint64_t block, uint8_t *data)
{
	const struct dirty *e = dirty_find(b, block);
	ssize_t n;

	if (e) {
		memcpy(data, e->data, BLOCK);
		return true;
	}
	n = pread(b->fd, data, BLOCK, (off_t)(block * BLOCK));
	return n == BLOCK;
}

static bool file_write(struct fileblk *b, const struct iovec *iov, int n, uint64_t at,
		       size_t len)
{
	ssize_t done;

	vmsg_crash_point();
	done = pwritev(b->fd, iov, n, (off_t)at);
	vmsg_crash_point();
	return done == (ssize_t)len;
}

static bool block_write(struct fileblk *b, uint64_t block, const uint8_t *data)
{
	struct iovec iov = { .iov_base = (void *)data, .iov_len = BLOCK };
	struct dirty *e;

	if (b->cache == DURABLE)
		return file_write(b, &iov, 1, block * BLOCK, BLOCK);
	e = dirty_find(b, block);
	if (!e) {
		e = xzalloc(sizeof(*e));
		e->block = block;
		e->next = b->dirty[block % HASH];
		b->dirty[block % HASH] = e;
	}
	memcpy(e->data, data, BLOCK);
	return true;
}

static uint8_t flush(struct fileblk *b)
{
	struct dirty *e;
	unsigned int i;

	if (b->cache == LIES)
		return S_OK;
	for (i = 0; i < HASH; i++) {
		while ((e = b->dirty[i])) {
			struct iovec iov = { .iov_base = e->data, .iov_len = BLOCK };

			if (!file_write(b, &iov, 1, e->block * BLOCK, BLOCK))
				return S_IOERR;
			b->dirty[i] = e->next;
			free(e);
		}
	}
	return fdatasync(b->fd) ? S_IOERR : S_OK;
}

static bool in_range(const struct fileblk *b, uint64_t sector, uint64_t len)
{
	return len % BLOCK == 0 && sector % (BLOCK / SECTOR) == 0 &&
	       sector <= b->sectors && len / SECTOR <= b->sectors - sector;
}

/* The chain's memory from @off on, as far as @len. */
static int vector(const struct vmsg_sg *sg, unsigned int n, uint32_t off, uint32_t len,
		  struct iovec *iov)
{
	unsigned int i;
	int k = 0;

	for (i = 0; i < n && len; i++) {
		uint32_t part;

		if (off >= sg[i].len) {
			off -= sg[i].len;
			continue;
		}
		part = sg[i].len - off < len ? sg[i].len - off : len;
		iov[k].iov_base = sg[i].ptr + off;
		iov[k++].iov_len = part;
		len -= part;
		off = 0;
	}
	return k;
}

static uint8_t do_write(struct fileblk *b, struct vmsg_chain *c, uint64_t sector,
			uint32_t len)
{
	struct iovec iov[VMSG_MAX_SG];
	uint8_t data[BLOCK];
	uint32_t off;

	if (!in_range(b, sector, len))
		return S_IOERR;
	b->dev.stats.bytes_in += len;
	if (b->cache == DURABLE)
		return file_write(b, iov, vector(c->sg, c->nout, 16, len, iov),
				  sector * SECTOR, len) ? S_OK : S_IOERR;
	for (off = 0; off < len; off += BLOCK) {
		vmsg_chain_read(c, 16 + off, data, BLOCK);
		block_write(b, (sector * SECTOR + off) / BLOCK, data);
	}
	return S_OK;
}

static uint8_t do_read(struct fileblk *b, struct vmsg_chain *c, uint64_t sector,
		       uint32_t len)
{
	uint8_t data[BLOCK];
	uint32_t off;

	if (!in_range(b, sector, len))
		return S_IOERR;
	b->dev.stats.bytes_out += len;
	for (off = 0; off < len; off += BLOCK) {
		if (!block_read(b, (sector * SECTOR + off) / BLOCK, data))
			return S_IOERR;
		vmsg_chain_write(c, off, data, BLOCK);
	}
	return S_OK;
}

/* DISCARD, too: what was discarded reads as zeroes. */
static uint8_t do_zeroes(struct fileblk *b, struct vmsg_chain *c)
{
	static const uint8_t zero[BLOCK];
	uint64_t sector, len, off;
	uint8_t range[16];

	if (vmsg_chain_read(c, 16, range, sizeof(range)) != sizeof(range))
		return S_IOERR;
	sector = vmsg_get64(range);
	len = (uint64_t)vmsg_get32(range + 8) * SECTOR;
	if (!in_range(b, sector, len))
		return S_IOERR;
	for (off = 0; off < len; off += BLOCK)
		if (!block_write(b, (sector * SECTOR + off) / BLOCK, zero))
			return S_IOERR;
	return S_OK;
}

static void one(struct fileblk *b, struct vmsg_chain *c)
{
	static const char id[20] = "virtio-msg-file";
	uint32_t in_data, out_data;
	uint8_t head[16], status;

	if (c->out_len < sizeof(head) || !c->in_len) {
		vmsg_dev_fault(&b->dev, "block request without header or status",
			       c->out_len);
		return;
	}
	vmsg_chain_read(c, 0, head, sizeof(head));
	in_data = c->in_len - 1;
	out_data = c->out_len - (uint32_t)sizeof(head);
	switch (vmsg_get32(head)) {
	case T_IN:
		status = do_read(b, c, vmsg_get64(head + 8), in_data);
		break;
	case T_OUT:
		status = do_write(b, c, vmsg_get64(head + 8), out_data);
		break;
	case T_FLUSH:
		status = flush(b);
		break;
	case T_DISCARD:
	case T_WRITE_ZEROES:
		status = do_zeroes(b, c);
		break;
	case T_GET_ID:
		vmsg_chain_write(c, 0, id, in_data < sizeof(id) ? in_data : sizeof(id));
		status = S_OK;
		break;
	default:
		status = S_UNSUPP;
		break;
	}
	vmsg_chain_write(c, in_data, &status, 1);
	vmsg_vq_push(&b->vq[0], c, status == S_OK ? in_data + 1 : 0);
}

static void kick(struct vmsg_dev *dev, struct vmsg_vq *vq)
{
	struct fileblk *b = dev->priv;
	unsigned int n, i, k, order[DEPTH];

	vmsg_vq_kick_off(vq);
	for (n = 0; n < DEPTH && vmsg_vq_pop(vq, &b->chain[n]); n++) {
		b->rnd = b->rnd * 1103515245 + 12345;
		k = (b->rnd >> 16) % (n + 1);
		order[n] = order[k];
		order[k] = n;
	}
	for (i = 0; i < n; i++) {
		one(b, &b->chain[order[i]]);
		vmsg_vq_flush(vq);
	}
	if (n == DEPTH || vmsg_vq_kick_on(vq))
		vmsg_dev_again(dev, vq->index);
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

static void fileblk_destroy(struct device *d)
{
	struct fileblk *b = container_of(d, struct fileblk, d);
	struct dirty *e;
	unsigned int i;

	/* An end in order is no crash. */
	if (b->cache == VOLATILE)
		flush(b);
	for (i = 0; i < HASH; i++) {
		while ((e = b->dirty[i])) {
			b->dirty[i] = e->next;
			free(e);
		}
	}
	if (b->fd >= 0)
		close(b->fd);
	free(b);
}

static bool choose_cache(struct fileblk *b, const char *name, char **err)
{
	b->cache = volatile_cache ? VOLATILE : DURABLE;
	if (!name)
		return true;
	if (!strcmp(name, "durable"))
		b->cache = DURABLE;
	else if (!strcmp(name, "volatile"))
		b->cache = VOLATILE;
	else if (!strcmp(name, "lies"))
		b->cache = LIES;
	else
		*err = xasprintf("cache=%s is none of durable, volatile, lies", name);
	return !*err;
}

static struct device *fileblk_create(struct spec *spec, char **err)
{
	const char *file = spec_get(spec, "file");
	struct fileblk *b = xzalloc(sizeof(*b));
	struct stat st;

	b->fd = -1;
	if (!choose_cache(b, spec_get(spec, "cache"), err))
		goto fail;
	if (!file) {
		*err = xasprintf("fileblk needs file=PATH, an image that can be written");
		goto fail;
	}
	b->fd = open(file, O_RDWR | O_CLOEXEC);
	if (b->fd < 0 || fstat(b->fd, &st) < 0) {
		*err = xasprintf("file=%s: %s; it must be a file that can be written",
				 file, strerror(errno));
		goto fail;
	}
	if (!st.st_size || st.st_size % BLOCK) {
		*err = xasprintf("file=%s: its size, %lld, must be a multiple of %u bytes (truncate -s makes it so)",
				 file,
				 (long long)st.st_size, BLOCK);
		goto fail;
	}
	b->sectors = (uint64_t)st.st_size / SECTOR;
	b->rnd = random32();
	b->dev.ops = &ops;
	b->dev.device_id = VMSG_ID_BLOCK;
	b->dev.features = VMSG_F_BUILTIN | BLK_F_SEG_MAX | BLK_F_FLUSH | VMSG_F(6) |
			  BLK_F_DISCARD | BLK_F_WRITE_ZEROES;
	b->dev.config = b->config;
	b->dev.config_len = CONFIG_LEN;
	b->dev.vqs = b->vq;
	b->dev.nvqs = 1;
	b->dev.priv = b;
	vmsg_put64(b->config, b->sectors);
	vmsg_put32(b->config + 12, SEG_MAX);
	vmsg_put32(b->config + 20, BLOCK);
	vmsg_put32(b->config + 36, 1024);	/* discard: sectors, segments, alignment */
	vmsg_put32(b->config + 40, 1);
	vmsg_put32(b->config + 44, BLOCK / SECTOR);
	vmsg_put32(b->config + 48, 1024);	/* write zeroes: sectors, segments */
	vmsg_put32(b->config + 52, 1);
	b->vq[0].max_size = 128;
	b->d.vd = &b->dev;
	b->d.identity = xasprintf("fileblk:%s", file);
	b->d.volatile_state = b->cache == VOLATILE;
	return &b->d;
fail:
	fileblk_destroy(&b->d);
	return NULL;
}

static void fileblk_open(struct device *d)
{
	device_ready(d);
}

const struct device_type fileblk_type = {
	.name = "fileblk",
	.help = "fileblk,file=PATH[,cache=durable|volatile|lies]",
	.create = fileblk_create,
	.open = fileblk_open,
	.destroy = fileblk_destroy,
};
