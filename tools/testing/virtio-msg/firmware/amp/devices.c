// SPDX-License-Identifier: GPL-2.0-only
/*
 * The devices: entropy, a console and a disk on the first link; on the second an
 * I2C adapter with an EEPROM and a temperature sensor, and entropy once more
 */
#include "amp.h"
#include "echo.h"
#include "vmsg_devs.h"

#define SECTOR		512

static struct vmsg_rng rng[NLINKS];
static struct vmsg_console console;
static struct vmsg_ramblk disk;
static struct vmsg_i2c i2c;
static struct vmsg_24c02 eeprom;
static struct vmsg_lm75 sensor;

/* Not for secrets: see random32(). */
static void fill(struct vmsg_rng *r, uint8_t *buf, uint32_t len)
{
	(void)r;
	while (len--)
		*buf++ = (uint8_t)random32();
}

void devices_init(void)
{
	unsigned int n;

	for (n = 0; n < NLINKS; n++) {
		vmsg_rng_init(&rng[n]);
		rng[n].fill = fill;
	}
	echo_init(&console);
	vmsg_ramblk_init(&disk, (void *)DISK_BASE, DISK_SIZE / SECTOR, false);
	vmsg_i2c_init(&i2c);
	vmsg_24c02_init(&eeprom, 0x50, (uint8_t *)NVRAM_BASE);
	vmsg_lm75_init(&sensor, 0x48, 85);
	vmsg_i2c_add(&i2c, &eeprom.chip);
	vmsg_i2c_add(&i2c, &sensor.chip);

	link_add(0, &rng[0].dev, 1);
	link_add(0, &console.dev, 2);
	link_add(0, &disk.dev, 3);
	link_add(1, &i2c.dev, 1);
	link_add(1, &rng[1].dev, 2);
}
