// SPDX-License-Identifier: GPL-2.0-only
/*
 * I2C adapter, EEPROM and temperature sensor
 */
#include "host.h"

#define RD	2
#define FAIL	1

static struct vmsg_i2c *i2c;
static struct vmsg_24c02 eeprom;
static struct vmsg_lm75 sensor;
static uint8_t contents[256];
static struct host *h;
static struct drv_vq vq;
static uint64_t buf;
static uint32_t used;

static void put(unsigned int slot, uint16_t addr, uint32_t flags)
{
	uint8_t *head = drv_ptr(&h->d, buf + 1024 * slot);

	memset(head, 0, 1024);
	vmsg_put16(head, (uint16_t)(addr << 1));
	vmsg_put32(head + 4, flags);
	head[900] = 0xee;	/* status */
}

static uint8_t *data(unsigned int slot)
{
	return drv_ptr(&h->d, buf + 1024 * slot + 8);
}

static uint8_t status(unsigned int slot)
{
	return drv_ptr(&h->d, buf + 1024 * slot)[900];
}

/* Queue what put() has prepared. */
static void add(unsigned int slot, uint32_t len, bool read)
{
	uint64_t at = buf + 1024 * slot;
	struct drv_sg sg[3];
	unsigned int n = 0;

	sg[n++] = (struct drv_sg){ drv_addr(at), 8, false };
	if (len)
		sg[n++] = (struct drv_sg){ drv_addr(at + 8), len, read };
	sg[n++] = (struct drv_sg){ drv_addr(at + 900), 1, true };
	drv_vq_add(&vq, sg, n);
}

/* One message, alone. Return: its status; -1 if there was no answer. */
static int message(uint16_t addr, bool read, const void *out, uint32_t len)
{
	put(0, addr, read ? RD : 0);
	if (out)
		memcpy(data(0), out, len);
	add(0, len, read);
	drv_kick(&h->d, 1, 0);
	return drv_vq_wait(&vq, &used) < 0 ? -1 : status(0);
}

static void start(uint64_t want)
{
	uint64_t got;

	h = host_new(8, 16, false);
	i2c = calloc(1, sizeof(*i2c));
	vmsg_i2c_init(i2c);
	vmsg_24c02_init(&eeprom, 0x50, contents);
	vmsg_lm75_init(&sensor, 0x48, 85);
	vmsg_i2c_add(i2c, &eeprom.chip);
	vmsg_i2c_add(i2c, &sensor.chip);
	i2c->dev.num = 1;
	vmsg_bus_add(&h->bus, &i2c->dev);
	vmsg_seg_start(&h->seg, 0);
	CHECK(drv_up(&h->d, 8));
	CHECK(!drv_negotiate(&h->d, 1, want | VMSG_F(0), &got));
	ok(got & VMSG_F(0), "zero-length requests are offered");
	CHECK(drv_vq_setup(&h->d, &vq, 1, 0, 16, got) >= 0);
	CHECK(drv_set_status(&h->d, 1, 0xf) == 0xf);
	buf = drv_alloc(&h->d, 8 * 1024, 1024);
}

static void stop(void)
{
	host_delete(h);
	free(i2c);
}

static void test_eeprom(uint64_t want, const char *what)
{
	static const uint8_t page[] = { 0x16, 1, 2, 3, 4 };
	uint8_t at;
	unsigned int i;

	for (i = 0; i < 256; i++)
		contents[i] = (uint8_t)(i ^ 0x5a);
	start(want);
	at = 0xfe;
	ok(message(0x50, false, &at, 1) == 0, "%s: set the address", what);
	ok(message(0x50, true, NULL, 4) == 0 && used == 5, "%s: read", what);
	ok(data(0)[0] == (0xfe ^ 0x5a) && data(0)[1] == (0xff ^ 0x5a) &&
	   data(0)[2] == 0x5a && data(0)[3] == (1 ^ 0x5a), "%s: it goes round", what);
	/* Three bytes from 0x16 on fill the page; the fourth is its first. */
	ok(message(0x50, false, page, 5) == 0, "%s: write a page", what);
	ok(contents[0x16] == 1 && contents[0x17] == 2 && contents[0x10] == 3 &&
	   contents[0x11] == 4 && contents[0x18] == (0x18 ^ 0x5a),
	   "%s: a write stays in its page", what);
	ok(message(0x50, false, NULL, 0) == 0, "%s: nothing at all is acknowledged", what);
	stop();
}

static void test_lm75(void)
{
	uint8_t reg[3] = { 0 };

	start(0);
	CHECK(message(0x48, false, reg, 1) == 0);
	ok(message(0x48, true, NULL, 2) == 0 && data(0)[0] == 42 && data(0)[1] == 0x80,
	   "42.5 degrees");
	sensor.half_degrees = -1;
	ok(message(0x48, true, NULL, 2) == 0 && data(0)[0] == 0xff && data(0)[1] == 0x80,
	   "half a degree below zero");
	reg[0] = 3;
	CHECK(message(0x48, false, reg, 1) == 0);
	ok(message(0x48, true, NULL, 2) == 0 && data(0)[0] == 80, "its limit");
	reg[1] = 99;
	CHECK(message(0x48, false, reg, 3) == 0);
	ok(message(0x48, true, NULL, 2) == 0 && data(0)[0] == 99, "another limit");
	reg[0] = 1;
	reg[1] = 1;
	CHECK(message(0x48, false, reg, 2) == 0);
	ok(message(0x48, true, NULL, 1) == 0 && data(0)[0] == 1, "its configuration");
	stop();
}

static void test_failures(void)
{
	uint8_t at = 0, big[600] = { 0 };
	unsigned int i, n;

	start(0);
	ok(message(0x51, false, &at, 1) == 1, "nobody has this address");
	ok(message(0x51, true, NULL, 4) == 1 && used == 5 && !data(0)[0],
	   "a read from nobody: all that is writable is written");
	ok(message(0x50, false, big, 600) == 1, "a message that is too long");
	ok(message(0x50, true, NULL, 600) == 1, "and one to be read");
	put(0, 0x50, RD);
	add(0, 4, false);
	drv_kick(&h->d, 1, 0);
	CHECK(drv_vq_wait(&vq, &used) >= 0);
	ok(status(0) == 1, "a read with data to be written");
	put(0, 0x50, 0);
	drv_ptr(&h->d, buf)[0] |= 1;
	add(0, 0, false);
	drv_kick(&h->d, 1, 0);
	CHECK(drv_vq_wait(&vq, &used) >= 0);
	ok(status(0) == 1, "an address of more than seven bits");

	/* Two transfers at once: the first fails at its second message. */
	put(0, 0x50, FAIL);
	put(1, 0x51, FAIL);
	put(2, 0x50, FAIL | RD);
	put(3, 0x50, RD);
	put(4, 0x50, RD);
	for (i = 0; i < 5; i++)
		add(i, i < 2 ? 1 : 2, i >= 2);
	drv_kick(&h->d, 1, 0);
	for (n = 0; n < 5 && drv_vq_wait(&vq, &used) >= 0; n++)
		;
	CHECK(n == 5);
	ok(status(0) == 0 && status(1) == 1 && status(2) == 1 && status(3) == 1,
	   "a failure takes the rest of its transfer along");
	ok(status(4) == 0, "and nothing of the next");
	CHECK(!i2c->dev.stats.faults);

	/* No room for a status */
	{
		struct drv_sg sg = { drv_addr(buf), 8, false };

		drv_vq_add(&vq, &sg, 1);
		drv_kick(&h->d, 1, 0);
		host_poll(h);
		ok(i2c->dev.stats.faults == 1, "a request without a status");
		ok(drv_get_status(&h->d, 1) & 0x40, "the device asks for a reset");
	}
	stop();
}

static void test_reset(void)
{
	start(0);
	put(0, 0x51, FAIL);
	add(0, 1, false);
	drv_kick(&h->d, 1, 0);
	CHECK(drv_vq_wait(&vq, &used) >= 0);
	CHECK(status(0) == 1 && i2c->failing);
	CHECK(drv_set_status(&h->d, 1, 0) == 0);
	ok(!i2c->failing, "a reset ends a transfer");
	stop();
}

int main(void)
{
	plan("i2c");
	test_eeprom(0, "split");
	test_eeprom(VMSG_F_EVENT_IDX | VMSG_F_INDIRECT_DESC, "split indirect");
	test_eeprom(VMSG_F_EVENT_IDX | VMSG_F_RING_PACKED, "packed");
	test_lm75();
	test_failures();
	test_reset();
	return done();
}
