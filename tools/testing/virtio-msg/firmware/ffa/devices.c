// SPDX-License-Identifier: GPL-2.0-only
/*
 * The devices: entropy, a console that sends back what it is sent, and a disk in
 * secure memory
 */
#include "body.h"
#include "echo.h"
#include "vmsg_devs.h"

#define SECTOR		512

enum { RNG = 1, CONSOLE, DISK };

static struct vmsg_rng rng;
static struct vmsg_console console;
static struct vmsg_ramblk disk;

/* Not for secrets: see random32(). */
static void fill(struct vmsg_rng *r, uint8_t *buf, uint32_t len)
{
	(void)r;
	while (len--)
		*buf++ = (uint8_t)random32();
}

static void set_up(unsigned int num)
{
	switch (num) {
	case RNG:
		memset(&rng, 0, sizeof(rng));
		vmsg_rng_init(&rng);
		rng.fill = fill;
		break;
	case CONSOLE:
		memset(&console, 0, sizeof(console));
		echo_init(&console);
		break;
	case DISK:
		memset(&disk, 0, sizeof(disk));
		vmsg_ramblk_init(&disk, (void *)DISK_BASE, DISK_SIZE / SECTOR, false);
		break;
	}
}

static struct vmsg_dev *device(unsigned int num)
{
	switch (num) {
	case RNG: return &rng.dev;
	case CONSOLE: return &console.dev;
	case DISK: return &disk.dev;
	}
	return NULL;
}

/* Take a device away, or bring it (back).  Return: whether that could be. */
bool devices_plug(struct vmsg_bus *bus, unsigned int num, bool in)
{
	struct vmsg_dev *dev = device(num);
	unsigned int i;

	if (!dev)
		return false;
	if (!in) {
		if (!vmsg_bus_find(bus, (uint16_t)num))
			return false;
		vmsg_bus_remove(bus, dev);
		return true;
	}
	/* Still there, or Linux was not told yet that it goes. */
	if (dev->bus)
		return false;
	set_up(num);
	/* The same device each time */
	for (i = 0; i < sizeof(dev->uuid); i++)
		dev->uuid[i] = (uint8_t)("virtio-msg-ffa-"[i]);
	dev->uuid[15] = (uint8_t)num;
	dev->num = (uint16_t)num;
	return !vmsg_bus_add(bus, dev);
}

void devices_init(struct vmsg_bus *bus)
{
	devices_plug(bus, RNG, true);
	devices_plug(bus, CONSOLE, true);
	devices_plug(bus, DISK, true);
}
