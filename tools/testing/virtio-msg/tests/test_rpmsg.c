// SPDX-License-Identifier: GPL-2.0-only
/*
 * The remote processor that echoes RPMsg messages
 */
#include "host.h"

static struct vmsg_rpmsg *r;
static struct host *h;
static struct drv_vq in, out;
static uint64_t buf;
static uint32_t used;

/* Buffers 0 to 7 are for what comes, 8 to 15 for what goes. */
static uint8_t *data(unsigned int n)
{
	return drv_ptr(&h->d, buf + 512 * n);
}

static void start(uint64_t want)
{
	uint64_t got;

	h = host_new(8, 16, false);
	r = calloc(1, sizeof(*r));
	vmsg_rpmsg_init(r, "rpmsg-raw");
	r->dev.num = 1;
	vmsg_bus_add(&h->bus, &r->dev);
	vmsg_seg_start(&h->seg, 0);
	CHECK(drv_up(&h->d, 8));
	CHECK(!drv_negotiate(&h->d, 1, want | VMSG_F(0), &got));
	CHECK(drv_vq_setup(&h->d, &in, 1, 0, 8, got) >= 0);
	CHECK(drv_vq_setup(&h->d, &out, 1, 1, 8, got) >= 0);
	buf = drv_alloc(&h->d, 16 * 512, 512);
	CHECK(drv_set_status(&h->d, 1, 0xf) == 0xf);
}

static void stop(void)
{
	host_delete(h);
	free(r);
}

static void offer(unsigned int n)
{
	struct drv_sg sg = { drv_addr(buf + 512 * n), 512, true };

	memset(data(n), 0xee, 512);
	drv_vq_add(&in, &sg, 1);
	drv_kick(&h->d, 1, 0);
}

/* A message whose header says @len, in a buffer of @size. */
static void send(unsigned int n, uint32_t dst, uint16_t len, uint32_t size)
{
	struct drv_sg sg = { drv_addr(buf + 512 * n), size, false };
	uint8_t *m = data(n);
	unsigned int i;

	memset(m, 0, 16);
	vmsg_put32(m, 77);
	vmsg_put32(m + 4, dst);
	vmsg_put16(m + 12, len);
	for (i = 16; i < 512; i++)
		m[i] = (uint8_t)(i * 7 + n);
	drv_vq_add(&out, &sg, 1);
	drv_kick(&h->d, 1, 1);
}

static void test_echo(uint64_t want, const char *what)
{
	start(want);
	host_poll(h);
	ok(!r->announced, "%s: nothing is said without a buffer", what);
	offer(0);
	ok(drv_vq_wait(&in, &used) >= 0 && used == 56, "%s: the announcement", what);
	ok(vmsg_get32(data(0) + 4) == 53 && vmsg_get16(data(0) + 12) == 40 &&
	   !strcmp((char *)data(0) + 16, "rpmsg-raw") &&
	   vmsg_get32(data(0) + 48) == 1024 && !vmsg_get32(data(0) + 52),
	   "%s: of the service", what);
	/* A message that cannot be answered is not taken. */
	send(8, 1024, 5, 21);
	host_poll(h);
	ok(drv_vq_get(&out, &used) < 0, "%s: it waits for a buffer", what);
	offer(1);
	ok(drv_vq_wait(&out, &used) >= 0 && !used, "%s: it is taken", what);
	ok(drv_vq_wait(&in, &used) >= 0 && used == 21, "%s: the echo", what);
	ok(vmsg_get32(data(1)) == 1024 && vmsg_get32(data(1) + 4) == 77 &&
	   vmsg_get16(data(1) + 12) == 5 && !memcmp(data(1) + 16, data(8) + 16, 5) &&
	   data(1)[21] == 0xee, "%s: goes to who sent it", what);
	offer(2);
	send(9, 1024, 496, 512);
	ok(drv_vq_wait(&out, &used) >= 0 && drv_vq_wait(&in, &used) >= 0 && used == 512 &&
	   !memcmp(data(2) + 16, data(9) + 16, 496), "%s: as long as can be", what);
	stop();
}

static void test_nonsense(void)
{
	start(0);
	offer(0);
	CHECK(drv_vq_wait(&in, &used) >= 0);
	offer(1);
	send(8, 1025, 4, 20);
	CHECK(drv_vq_wait(&out, &used) >= 0);
	send(9, 1024, 5, 20);
	CHECK(drv_vq_wait(&out, &used) >= 0);
	send(10, 1024, 0xffff, 512);
	CHECK(drv_vq_wait(&out, &used) >= 0);
	send(11, 1024, 0, 15);
	CHECK(drv_vq_wait(&out, &used) >= 0);
	host_poll(h);
	ok(drv_vq_get(&in, &used) < 0 && r->dropped == 4,
	   "to nobody, longer than it is, without a header");
	send(12, 1024, 4, 20);
	ok(drv_vq_wait(&out, &used) >= 0 && drv_vq_wait(&in, &used) >= 0 && used == 20,
	   "and then one that is good");
	CHECK(!r->dev.stats.faults);
	stop();
}

static void test_again(void)
{
	uint64_t got;

	start(0);
	offer(0);
	CHECK(drv_vq_wait(&in, &used) >= 0);
	/* One buffer is held when it is reset. */
	send(8, 1024, 4, 20);
	offer(1);
	host_poll(h);
	CHECK(drv_set_status(&h->d, 1, 0) == 0);
	ok(!r->held && !r->announced, "a reset lets go");
	CHECK(!drv_negotiate(&h->d, 1, VMSG_F(0), &got));
	CHECK(drv_vq_setup(&h->d, &in, 1, 0, 8, got) >= 0);
	CHECK(drv_vq_setup(&h->d, &out, 1, 1, 8, got) >= 0);
	/* Buffers that are there at DRIVER_OK already: no kick says so. */
	{
		struct drv_sg sg = { drv_addr(buf), 512, true };

		drv_vq_add(&in, &sg, 1);
	}
	CHECK(drv_set_status(&h->d, 1, 0xf) == 0xf);
	ok(drv_vq_wait(&in, &used) >= 0 && used == 56, "announced anew, without a kick");
	stop();
}

int main(void)
{
	plan("rpmsg");
	test_echo(0, "split");
	test_echo(VMSG_F_EVENT_IDX | VMSG_F_INDIRECT_DESC, "split indirect");
	test_echo(VMSG_F_EVENT_IDX | VMSG_F_RING_PACKED, "packed");
	test_nonsense();
	test_again();
	return done();
}
