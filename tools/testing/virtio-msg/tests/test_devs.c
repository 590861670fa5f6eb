// SPDX-License-Identifier: GPL-2.0-only
/*
 * Network card and console: back-pressure in both directions
 */
#include "host.h"

static uint8_t last[65536];
static unsigned int frames, last_len, ready;
static bool may = true;

static bool transmit(struct vmsg_net *n, const uint8_t *f, uint32_t len)
{
	(void)n;
	memcpy(last, f, len);
	last_len = len;
	frames++;
	return true;
}

static bool may_transmit(struct vmsg_net *n)
{
	(void)n;
	return may;
}

static void rx_ready(struct vmsg_net *n)
{
	(void)n;
	ready++;
}

static void net(uint64_t want, const char *what)
{
	static const uint8_t mac[6] = { 2, 1, 2, 3, 4, 5 };
	struct vmsg_net *n = calloc(1, sizeof(*n));
	struct host *h = host_new(8, 16, false);
	struct drv_vq rx, tx;
	uint8_t frame[1514], cfg[12];
	uint64_t got, buf;
	struct drv_sg sg[2];
	uint32_t len, gen;
	unsigned int i, told;

	frames = 0;
	ready = 0;
	may = true;
	vmsg_net_init(n, mac, 1500);
	n->transmit = transmit;
	n->may_transmit = may_transmit;
	n->rx_ready = rx_ready;
	n->dev.num = 1;
	vmsg_bus_add(&h->bus, &n->dev);
	vmsg_seg_start(&h->seg, 0);
	CHECK(drv_up(&h->d, 8));
	memset(frame, 0x42, sizeof(frame));
	ok(vmsg_net_receive(n, frame, 60) && n->rx_dropped == 1, "%s: no driver, no frame", what);
	CHECK(!drv_negotiate(&h->d, 1, want | VMSG_F(3) | VMSG_F(5) | VMSG_F(16), &got));
	CHECK(!drv_get_config(&h->d, 1, 0, cfg, 12, &gen));
	ok(!memcmp(cfg, mac, 6) && vmsg_get16(cfg + 6) == 1 && vmsg_get16(cfg + 10) == 1500,
	   "%s: configuration", what);
	CHECK(drv_vq_setup(&h->d, &rx, 1, 0, 8, got) >= 0);
	CHECK(drv_vq_setup(&h->d, &tx, 1, 1, 8, got) >= 0);
	CHECK(drv_set_status(&h->d, 1, 0xf) == 0xf);
	buf = drv_alloc(&h->d, 16 * 2048, 2048);

	/* no buffer: the frame waits at its source */
	host_poll(h);
	ok(!vmsg_net_receive(n, frame, 60), "%s: no buffer", what);
	sg[0] = (struct drv_sg){ drv_addr(buf), 1526, true };
	drv_vq_add(&rx, sg, 1);
	ok(drv_vq_need_kick(&rx), "%s: a kick is wanted", what);
	drv_kick(&h->d, 1, 0);
	host_poll(h);
	ok(ready == 1, "%s: told that there is a buffer", what);
	for (i = 0; i < 14; i++)
		frame[i] = (uint8_t)i;
	told = h->d.used[1][0];
	CHECK(vmsg_net_receive(n, frame, 1514));
	drv_poll(&h->d);
	ok(h->d.used[1][0] == told, "%s: not told of each frame", what);
	vmsg_net_flush(n);
	drv_poll(&h->d);
	ok(h->d.used[1][0] == told + 1, "%s: told of what is there", what);
	vmsg_net_flush(n);
	drv_poll(&h->d);
	ok(h->d.used[1][0] == told + 1, "%s: told once", what);
	ok(drv_vq_get(&rx, &len) >= 0 && len == 1526 &&
	   !memcmp(drv_ptr(&h->d, buf) + 12, frame, 1514) &&
	   drv_ptr(&h->d, buf)[10] == 1, "%s: received", what);
	/* too long for its buffer: dropped, and the buffer stays */
	sg[0].len = 100;
	drv_vq_add(&rx, sg, 1);
	CHECK(vmsg_net_receive(n, frame, 1000) && n->rx_dropped == 2);
	CHECK(drv_vq_get(&rx, &len) == -1);
	CHECK(vmsg_net_receive(n, frame, 60));
	ok(drv_vq_get(&rx, &len) >= 0 && len == 72, "%s: a short one after a long one", what);

	/* transmit, in two buffers */
	memset(drv_ptr(&h->d, buf), 0, 12);
	memcpy(drv_ptr(&h->d, buf + 2048), frame, 200);
	sg[0] = (struct drv_sg){ drv_addr(buf), 12, false };
	sg[1] = (struct drv_sg){ drv_addr(buf + 2048), 200, false };
	drv_vq_add(&tx, sg, 2);
	drv_kick(&h->d, 1, 1);
	ok(drv_vq_wait(&tx, &len) >= 0 && frames == 1 && last_len == 200 &&
	   !memcmp(last, frame, 200), "%s: transmitted", what);
	may = false;
	drv_vq_add(&tx, sg, 2);
	drv_kick(&h->d, 1, 1);
	host_poll(h);
	CHECK(frames == 1 && drv_vq_get(&tx, &len) == -1);
	may = true;
	vmsg_net_resume(n);
	ok(frames == 2 && drv_vq_get(&tx, &len) >= 0, "%s: transmitted when there was room", what);
	sg[1].len = 3;
	drv_vq_add(&tx, sg, 2);
	drv_kick(&h->d, 1, 1);
	CHECK(drv_vq_wait(&tx, &len) >= 0 && frames == 2 && n->tx_dropped == 1);

	i = h->d.config[1];
	vmsg_net_link(n, false);
	vmsg_net_link(n, false);
	drv_poll(&h->d);
	CHECK(!drv_get_config(&h->d, 1, 0, cfg, 12, &len));
	ok(h->d.config[1] == i + 1 && len == gen + 1 && !vmsg_get16(cfg + 6),
	   "%s: the cable is pulled", what);
	CHECK(!n->dev.stats.faults);
	host_delete(h);
	free(n);
}

static char printed[4096];
static unsigned int nprinted, space;

static uint32_t con_write(struct vmsg_console *c, const uint8_t *buf, uint32_t len)
{
	(void)c;
	if (len > space)
		len = space;
	memcpy(printed + nprinted, buf, len);
	nprinted += len;
	space -= len;
	return len;
}

static unsigned int restarts;

static void con_restart(struct vmsg_console *c, bool running)
{
	(void)c;
	restarts += running;
}

static void console(void)
{
	struct vmsg_console *c = calloc(1, sizeof(*c));
	struct host *h = host_new(0, 16, false);
	struct drv_vq rx, tx;
	struct drv_sg sg;
	uint64_t got, buf;
	uint32_t len;
	int i;

	vmsg_console_init(c);
	c->write = con_write;
	c->restart = con_restart;
	c->dev.num = 1;
	vmsg_bus_add(&h->bus, &c->dev);
	vmsg_seg_start(&h->seg, 0);
	CHECK(drv_up(&h->d, 8));
	CHECK(vmsg_console_input(c, (const uint8_t *)"x", 1) == 0);
	CHECK(!drv_negotiate(&h->d, 1, VMSG_F_EVENT_IDX, &got));
	CHECK(drv_vq_setup(&h->d, &rx, 1, 0, 4, got) >= 0);
	CHECK(drv_vq_setup(&h->d, &tx, 1, 1, 4, got) >= 0);
	CHECK(drv_set_status(&h->d, 1, 0xf) == 0xf);
	buf = drv_alloc(&h->d, 4096, 16);

	memset(drv_ptr(&h->d, buf), 'a', 600);
	sg = (struct drv_sg){ drv_addr(buf), 600, false };
	space = 550;
	drv_vq_add(&tx, &sg, 1);
	drv_vq_add(&tx, &sg, 1);
	drv_kick(&h->d, 1, 1);
	host_poll(h);
	ok(nprinted == 550 && drv_vq_get(&tx, &len) == -1, "output waits for its sink");
	space = 100;
	vmsg_console_resume(c);
	ok(nprinted == 650 && drv_vq_get(&tx, &len) >= 0, "and goes on where it was");
	space = 3000;
	vmsg_console_resume(c);
	ok(nprinted == 1200 && drv_vq_get(&tx, &len) >= 0, "to the end");
	for (i = 0; i < 1200 && printed[i] == 'a'; i++)
		;
	CHECK(i == 1200);

	CHECK(vmsg_console_input(c, (const uint8_t *)"hello", 5) == 0);
	sg = (struct drv_sg){ drv_addr(buf), 3, true };
	drv_vq_add(&rx, &sg, 1);
	i = (int)restarts;
	CHECK(drv_vq_need_kick(&rx));
	drv_kick(&h->d, 1, 0);
	host_poll(h);
	CHECK(restarts > (unsigned int)i);
	CHECK(vmsg_console_input(c, (const uint8_t *)"hello", 5) == 3);
	ok(drv_vq_wait(&rx, &len) >= 0 && len == 3 &&
	   !memcmp(drv_ptr(&h->d, buf), "hel", 3), "input takes what fits");

	/* reset with output in hand */
	space = 0;
	sg = (struct drv_sg){ drv_addr(buf), 600, false };
	drv_vq_add(&tx, &sg, 1);
	drv_kick(&h->d, 1, 1);
	host_poll(h);
	CHECK(drv_set_status(&h->d, 1, 0) == 0);
	space = 1000;
	vmsg_console_resume(c);
	ok(nprinted == 1200, "nothing is printed after a reset");
	host_delete(h);
	free(c);
}

int main(void)
{
	plan("network and console");
	net(0, "split");
	net(VMSG_F_EVENT_IDX | VMSG_F_INDIRECT_DESC, "split event_idx");
	net(VMSG_F_EVENT_IDX | VMSG_F_RING_PACKED, "packed event_idx");
	console();
	return done();
}
