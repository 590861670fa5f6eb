// SPDX-License-Identifier: GPL-2.0-only
/*
 * A driver side made of fuzz: it writes where the input says, rings, waits, and
 * now and then behaves, so that states deep in the device side are reached.
 *
 * Built with -fsanitize=fuzzer; see "make device-fuzz".
 */
#define HOST_SIZE	(192u << 10)

#include "host.h"

static struct host *h;
static struct vmsg_ramblk *blk;
static struct vmsg_rng *rng;
static struct vmsg_console *con;
static struct vmsg_net *net;

static void fill(struct vmsg_rng *r, uint8_t *buf, uint32_t len)
{
	(void)r;
	memset(buf, 0x77, len);
}

static uint32_t con_write(struct vmsg_console *c, const uint8_t *buf, uint32_t len)
{
	(void)c;
	return buf[0] & 1 ? len : len / 2;
}

static bool transmit(struct vmsg_net *n, const uint8_t *f, uint32_t len)
{
	(void)n;
	return len && f[0] != 1;
}

static void setup(void)
{
	static const uint8_t mac[6] = { 2 };

	h = host_new(4, 4, false);
	blk = host_ramblk(h, 0);
	rng = calloc(1, sizeof(*rng));
	vmsg_rng_init(rng);
	rng->fill = fill;
	rng->dev.num = 1;
	con = calloc(1, sizeof(*con));
	vmsg_console_init(con);
	con->write = con_write;
	con->dev.num = 2;
	net = calloc(1, sizeof(*net));
	vmsg_net_init(net, mac, 1500);
	net->transmit = transmit;
	net->dev.num = 3;
	vmsg_bus_add(&h->bus, &rng->dev);
	vmsg_bus_add(&h->bus, &con->dev);
	vmsg_bus_add(&h->bus, &net->dev);
	h->d.patience = 4;
	vmsg_seg_start(&h->seg, 0);
}

static void teardown(void)
{
	host_delete(h);
	ramblk_free(blk);
	free(rng);
	free(con);
	free(net);
}

/* Where a write is of interest: the parts of the segment, and its window. */
static uint64_t place(uint8_t where, uint16_t off)
{
	const struct vmsg_seg_layout *l = &h->d.l;

	switch (where % 8) {
	case 0:
		return off % 128;
	case 1:
		return l->drv_head + off % 8;
	case 2:
		return l->drv_notif + off % 64;
	case 3:
	case 4:
		return l->drv_elems + off % 512;
	default:
		return l->window_offset + off % 32768;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *in, size_t len)
{
	uint64_t features[4] = { 0 }, got;
	struct drv_vq vq[4][2];
	unsigned int dev;

	memset(vq, 0, sizeof(vq));
	setup();
	drv_up(&h->d, 1u << (len ? in[0] & 3 : 3));
	while (len >= 4) {
		uint16_t off = (uint16_t)(in[1] | in[2] << 8);

		dev = in[1] & 3;
		switch (in[0] & 15) {
		case 0:
		case 1:
		case 2:
		case 3:
		case 4:
			h->d.mem[place(in[0] >> 4, off)] = in[3];
			break;
		case 5:
			vmsg_put64(&h->d.mem[place(5, off & 0xfff8)],
				   drv_addr(h->d.l.window_offset + in[3] * 64u));
			break;
		case 6:
			/* a whole frame of input */
			if (len >= 4 + 32) {
				drv_send(&h->d, in + 4, 32);
				in += 32;
				len -= 32;
			}
			break;
		case 7:
			drv_kick(&h->d, (uint16_t)dev, in[2] & 3);
			break;
		case 8:
			if (h->bus.up)
				drv_negotiate(&h->d, (uint16_t)dev,
					      (uint64_t)in[2] << 28 | in[3], &features[dev]);
			break;
		case 9:
			if (h->bus.up && h->d.brk < HOST_SIZE - 8192)
				drv_vq_setup(&h->d, &vq[dev][in[2] & 1], (uint16_t)dev,
					     in[2] & 1, 8, features[dev]);
			break;
		case 10:
			if (h->bus.up)
				drv_set_status(&h->d, (uint16_t)dev, in[2] & 16 ? in[3] : 0xf);
			break;
		case 11:
			vmsg_net_receive(net, in, 60);
			if (in[2] & 1)
				vmsg_net_flush(net);
			vmsg_console_input(con, in, 4);
			vmsg_console_resume(con);
			break;
		case 12:
			if (in[2] & 1)
				vmsg_seg_peer_gone(&h->seg, 0, h->now);
			drv_step(&h->d, 15);
			break;
		case 13:
			h->now += in[2] * 8u;
			drv_poll(&h->d);
			break;
		default:
			host_poll(h);
			break;
		}
		in += 4;
		len -= 4;
	}
	host_poll(h);
	/* Whatever it was, an honest driver can work after it. */
	h->now += 1000;
	h->d.patience = 200;
	vmsg_st16(h->d.mem + h->d.l.drv_head + 2, VIRTIO_MSG_ST_INIT);
	h->d.status = VIRTIO_MSG_ST_INIT;
	host_poll(h);
	host_poll(h);
	if (!drv_up(&h->d, 8) || drv_negotiate(&h->d, 1, 0, &got))
		abort();
	teardown();
	return 0;
}
