// SPDX-License-Identifier: GPL-2.0-only
/*
 * virtio-msg device side: an I2C adapter, and two chips to put on its bus
 *
 * Each request is one message of a transfer: to one address, one direction.  A
 * driver that cannot go on after a failure says so in each message but the last.
 */
#include "vmsg_devs.h"

#define F_ZERO_LENGTH	VMSG_F(0)

#define FL_FAIL_NEXT	1
#define FL_READ		2

#define S_OK		0
#define S_ERR		1

#define HEADER		8
/* Longest message; an adapter may have a limit, and this is ours. */
#define MAX_MESSAGE	sizeof(((struct vmsg_i2c *)NULL)->bounce)

static struct vmsg_i2c_chip *find(struct vmsg_i2c *i2c, uint16_t addr)
{
	struct vmsg_i2c_chip *chip;

	for (chip = i2c->chips; chip; chip = chip->next)
		if (chip->addr == addr)
			return chip;
	return NULL;
}

/* One message.  Return: its status. */
static uint8_t message(struct vmsg_i2c *i2c, const struct vmsg_chain *c,
		       uint32_t flags, uint16_t addr, uint32_t *written)
{
	uint32_t out = c->out_len - HEADER, in = c->in_len - 1;
	struct vmsg_i2c_chip *chip;

	/* The low bit is not part of an address of seven bits. */
	if (addr & 1 || addr > 0xfe)
		return S_ERR;
	/* A message goes one way; without data its flag says which. */
	if ((flags & FL_READ) ? out : in)
		return S_ERR;
	if (out > MAX_MESSAGE || in > MAX_MESSAGE)
		return S_ERR;
	chip = find(i2c, addr >> 1);
	if (!chip)
		return S_ERR;	/* nobody acknowledges */
	if (flags & FL_READ) {
		if (!chip->read(chip, i2c->bounce, in))
			return S_ERR;
		vmsg_chain_write(c, 0, i2c->bounce, in);
		i2c->dev.stats.bytes_out += in;
		*written = in;
	} else {
		vmsg_chain_read(c, HEADER, i2c->bounce, out);
		if (!chip->write(chip, i2c->bounce, out))
			return S_ERR;
		i2c->dev.stats.bytes_in += out;
	}
	return S_OK;
}

static void one(struct vmsg_vq *vq, struct vmsg_chain *c)
{
	struct vmsg_i2c *i2c = vq->dev->priv;
	uint32_t flags, written = 0;
	uint8_t head[HEADER], status;

	if (c->out_len < HEADER || !c->in_len) {
		/* No place to say what is wrong. */
		vmsg_dev_fault(vq->dev, "I2C request without header or status",
			       c->out_len);
		return;
	}
	vmsg_chain_read(c, 0, head, HEADER);
	flags = vmsg_get32(head + 4);
	status = S_ERR;
	if (!i2c->failing)
		status = message(i2c, c, flags, vmsg_get16(head), &written);
	/* The rest of this transfer fails with it. */
	i2c->failing = status != S_OK && flags & FL_FAIL_NEXT;
	/* used.len covers what is written from the start, status included. */
	if (written < c->in_len - 1 && c->in_len - 1 <= MAX_MESSAGE) {
		memset(i2c->bounce, 0, c->in_len - 1 - written);
		vmsg_chain_write(c, written, i2c->bounce, c->in_len - 1 - written);
		written = c->in_len - 1;
	}
	vmsg_chain_write(c, c->in_len - 1, &status, 1);
	vmsg_vq_push(vq, c, written == c->in_len - 1 ? c->in_len : written);
}

static void kick(struct vmsg_dev *dev, struct vmsg_vq *vq)
{
	struct vmsg_i2c *i2c = dev->priv;

	vmsg_vq_drain(vq, NULL, one, &i2c->chain);
}

static bool reset(struct vmsg_dev *dev)
{
	struct vmsg_i2c *i2c = dev->priv;

	i2c->failing = false;
	return true;
}

static void queue_reset(struct vmsg_dev *dev, struct vmsg_vq *vq)
{
	(void)vq;
	reset(dev);
}

static const struct vmsg_dev_ops ops = {
	.reset = reset,
	.kick = kick,
	.queue_reset = queue_reset,
};

/**
 * vmsg_i2c_init - set up an adapter without chips
 * @i2c: the device
 */
void vmsg_i2c_init(struct vmsg_i2c *i2c)
{
	i2c->dev.ops = &ops;
	i2c->dev.device_id = VMSG_ID_I2C;
	i2c->dev.features = VMSG_F_BUILTIN | F_ZERO_LENGTH;
	i2c->dev.vqs = i2c->vq;
	i2c->dev.nvqs = 1;
	i2c->dev.priv = i2c;
	i2c->vq[0].max_size = 64;
}

/**
 * vmsg_i2c_add - solder a chip to the bus
 * @i2c: the adapter
 * @chip: the chip; its memory is kept
 */
void vmsg_i2c_add(struct vmsg_i2c *i2c, struct vmsg_i2c_chip *chip)
{
	chip->next = i2c->chips;
	i2c->chips = chip;
}

/* An EEPROM of 256 bytes, 24c02, in pages of eight. */

#define PAGE_SIZE	8

static bool eeprom_read(struct vmsg_i2c_chip *chip, uint8_t *buf, uint32_t len)
{
	struct vmsg_24c02 *e = chip->priv;

	while (len--)
		*buf++ = e->data[e->pointer++];
	return true;
}

/* The first byte is an address; what follows stays in the page, come what may. */
static bool eeprom_write(struct vmsg_i2c_chip *chip, const uint8_t *buf,
			 uint32_t len)
{
	struct vmsg_24c02 *e = chip->priv;

	if (!len)
		return true;
	e->pointer = *buf++;
	while (--len) {
		e->data[e->pointer] = *buf++;
		e->pointer = (uint8_t)((e->pointer & ~(PAGE_SIZE - 1)) |
				       ((e->pointer + 1) & (PAGE_SIZE - 1)));
	}
	return true;
}

/**
 * vmsg_24c02_init - set up an EEPROM
 * @e: the chip
 * @addr: its address, of seven bits
 * @data: its contents, 256 bytes
 */
void vmsg_24c02_init(struct vmsg_24c02 *e, uint16_t addr, uint8_t *data)
{
	e->chip.addr = addr;
	e->chip.read = eeprom_read;
	e->chip.write = eeprom_write;
	e->chip.priv = e;
	e->data = data;
	e->pointer = 0;
}

/* A temperature sensor, lm75: four registers, chosen by the first byte. */

#define LM75_TEMP	0
#define LM75_CONF	1
#define LM75_THYST	2
#define LM75_TOS	3

static uint16_t lm75_word(struct vmsg_lm75 *t)
{
	uint16_t mask = 0xff80;		/* nine bits */

	switch (t->pointer) {
	case LM75_TEMP:
		return (uint16_t)(t->half_degrees * 128) & mask;
	case LM75_THYST:
		return t->hyst & mask;
	default:
		return t->limit & mask;
	}
}

static bool lm75_read(struct vmsg_i2c_chip *chip, uint8_t *buf, uint32_t len)
{
	struct vmsg_lm75 *t = chip->priv;
	uint16_t word = lm75_word(t);
	uint32_t i;

	for (i = 0; i < len; i++) {
		if (t->pointer == LM75_CONF)
			buf[i] = t->conf;
		else
			buf[i] = (uint8_t)(i & 1 ? word : word >> 8);
	}
	return true;
}

static bool lm75_write(struct vmsg_i2c_chip *chip, const uint8_t *buf,
		       uint32_t len)
{
	struct vmsg_lm75 *t = chip->priv;

	if (!len)
		return true;
	t->pointer = buf[0] & 3;
	if (t->pointer == LM75_CONF && len >= 2)
		t->conf = buf[1] & 0x1f;
	if (t->pointer == LM75_THYST && len >= 3)
		t->hyst = (uint16_t)(buf[1] << 8 | buf[2]);
	if (t->pointer == LM75_TOS && len >= 3)
		t->limit = (uint16_t)(buf[1] << 8 | buf[2]);
	return true;
}

/**
 * vmsg_lm75_init - set up a temperature sensor
 * @t: the chip
 * @addr: its address, of seven bits
 * @half_degrees: what it measures; may be changed at any time
 */
void vmsg_lm75_init(struct vmsg_lm75 *t, uint16_t addr, int16_t half_degrees)
{
	t->chip.addr = addr;
	t->chip.read = lm75_read;
	t->chip.write = lm75_write;
	t->chip.priv = t;
	t->pointer = 0;
	t->conf = 0;
	t->hyst = 75 << 8;
	t->limit = 80 << 8;
	t->half_degrees = half_degrees;
}
