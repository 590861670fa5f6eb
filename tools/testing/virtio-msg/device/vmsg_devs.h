/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * virtio-msg device side: the devices that firmware needs too
 *
 * Each is one structure that the caller provides, initialises with the function
 * of the same name, numbers (dev.num, dev.uuid), and adds to a bus.
 */
#ifndef VMSG_DEVS_H
#define VMSG_DEVS_H

#include "vmsg.h"

#define VMSG_ID_NET	1
#define VMSG_ID_BLOCK	2
#define VMSG_ID_CONSOLE	3
#define VMSG_ID_RNG	4
#define VMSG_ID_RPMSG	7
#define VMSG_ID_I2C	34

/**
 * struct vmsg_rng - entropy
 * @fill: provides @len random bytes
 */
struct vmsg_rng {
	struct vmsg_dev dev;
	struct vmsg_vq vq[1];
	struct vmsg_chain chain;
	void (*fill)(struct vmsg_rng *rng, uint8_t *buf, uint32_t len);
	void *priv;
};

void vmsg_rng_init(struct vmsg_rng *rng);

/**
 * struct vmsg_console - a console with one port
 * @write: takes bytes from the driver; returns how many.  After fewer than @len
 *	vmsg_console_resume() must be called when it takes more
 * @restart: the driver side let go of the device, or took it; may be NULL
 */
struct vmsg_console {
	struct vmsg_dev dev;
	struct vmsg_vq vq[2];
	struct vmsg_chain chain;	/* transmit queue: being written */
	bool held;
	uint32_t done;
	uint32_t (*write)(struct vmsg_console *con, const uint8_t *buf,
			  uint32_t len);
	void (*restart)(struct vmsg_console *con, bool running);
	void *priv;
	struct vmsg_chain rx_chain;
	uint8_t config[12];
	uint8_t bounce[512];
};

void vmsg_console_init(struct vmsg_console *con);
uint32_t vmsg_console_input(struct vmsg_console *con, const uint8_t *buf,
			    uint32_t len);
void vmsg_console_resume(struct vmsg_console *con);

/**
 * struct vmsg_net - an Ethernet card
 * @transmit: takes one frame; false: not now, then vmsg_net_resume() must follow
 * @rx_ready: the driver gave buffers after vmsg_net_receive() had found none
 */
#define VMSG_NET_MAX_FRAME	65550
struct vmsg_net {
	struct vmsg_dev dev;
	struct vmsg_vq vq[2];
	struct vmsg_chain tx_chain;
	struct vmsg_chain rx_chain;
	bool tx_blocked;
	bool rx_held;
	bool rx_wanted;
	bool rx_pushed;
	bool (*transmit)(struct vmsg_net *net, const uint8_t *frame,
			 uint32_t len);
	bool (*may_transmit)(struct vmsg_net *net);
	void (*rx_ready)(struct vmsg_net *net);
	void *priv;
	uint64_t rx_dropped;
	uint64_t tx_dropped;
	uint8_t config[12];	/* mac, status, max_virtqueue_pairs, mtu */
	uint8_t bounce[VMSG_NET_MAX_FRAME];
};

void vmsg_net_init(struct vmsg_net *net, const uint8_t mac[6], uint16_t mtu);
bool vmsg_net_receive(struct vmsg_net *net, const uint8_t *frame, uint32_t len);
void vmsg_net_flush(struct vmsg_net *net);
void vmsg_net_resume(struct vmsg_net *net);
void vmsg_net_link(struct vmsg_net *net, bool up);

/**
 * struct vmsg_ramblk - a block device in memory
 * @data: its contents
 * @sectors: of 512 bytes each
 * @read_only: writes are refused
 */
struct vmsg_ramblk {
	struct vmsg_dev dev;
	struct vmsg_vq vq[1];
	struct vmsg_chain chain;
	uint8_t *data;
	uint64_t sectors;
	bool read_only;
	uint8_t config[60];
};

void vmsg_ramblk_init(struct vmsg_ramblk *blk, void *data, uint64_t sectors,
		      bool read_only);

/**
 * struct vmsg_i2c_chip - something on an I2C bus
 * @addr: its address, of seven bits
 * @read: give @len bytes; false if it does not acknowledge
 * @write: take @len bytes, maybe none; likewise
 */
struct vmsg_i2c_chip {
	uint16_t addr;
	bool (*read)(struct vmsg_i2c_chip *chip, uint8_t *buf, uint32_t len);
	bool (*write)(struct vmsg_i2c_chip *chip, const uint8_t *buf,
		      uint32_t len);
	void *priv;
	struct vmsg_i2c_chip *next;
};

/**
 * struct vmsg_i2c - an I2C adapter
 * @chips: what is on its bus
 * @failing: the rest of a transfer fails
 */
struct vmsg_i2c {
	struct vmsg_dev dev;
	struct vmsg_vq vq[1];
	struct vmsg_chain chain;
	struct vmsg_i2c_chip *chips;
	bool failing;
	uint8_t bounce[512];
};

void vmsg_i2c_init(struct vmsg_i2c *i2c);
void vmsg_i2c_add(struct vmsg_i2c *i2c, struct vmsg_i2c_chip *chip);

/* Chips */
struct vmsg_24c02 {
	struct vmsg_i2c_chip chip;
	uint8_t *data;		/* 256 bytes */
	uint8_t pointer;
};

void vmsg_24c02_init(struct vmsg_24c02 *e, uint16_t addr, uint8_t *data);

struct vmsg_lm75 {
	struct vmsg_i2c_chip chip;
	uint8_t pointer;
	uint8_t conf;
	uint16_t hyst;
	uint16_t limit;
	int16_t half_degrees;
};

void vmsg_lm75_init(struct vmsg_lm75 *t, uint16_t addr, int16_t half_degrees);

/**
 * struct vmsg_rpmsg - a remote processor that echoes RPMsg messages
 * @name: of the service that it announces
 * @dropped: messages that were malformed, or to nobody
 */
struct vmsg_rpmsg {
	struct vmsg_dev dev;
	struct vmsg_vq vq[2];
	struct vmsg_chain in;
	struct vmsg_chain out;
	const char *name;
	bool held;		/* @in is to be written */
	bool announced;
	uint64_t dropped;
	uint8_t bounce[512];
};

void vmsg_rpmsg_init(struct vmsg_rpmsg *r, const char *name);

#endif /* VMSG_DEVS_H */
