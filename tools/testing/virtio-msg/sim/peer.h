/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The device side in the simulator: the bench's own library, behind functions
 * whose names the driver's do not have.
 */
#ifndef _SIM_PEER_H
#define _SIM_PEER_H

#include <stdbool.h>
#include <stdint.h>

#define PEER_MAX	2		/* buses */
#define PEER_DEVS	3		/* two disks and an entropy source */
#define PEER_SECTORS	64

/**
 * struct peer_cfg - what a peer is made of
 * @disk: contents of the disks, which outlive it
 * @mem: memory of area 1, page aligned
 * @size: bytes
 * @seg: @mem is a segment; else it is all window, and frames come by
 *	peer_receive()
 * @wires: bitmap of wire revisions offered (segment), or one of them
 * @max_msg: longest message, without a segment
 * @format: format @mem first
 * @continues: it has all that its predecessor acknowledged, and says so in the
 *	segment
 * @num_notif: notification words
 * @num_elems: elements of a message ring
 * @random: seed of instances and IDs
 * @present: bitmap of devices
 * @identity: by which its devices are told from others'
 */
struct peer_cfg {
	uint8_t *disk[PEER_DEVS];
	uint8_t *mem;
	uint64_t size;
	bool seg;
	uint32_t wires;
	uint32_t max_msg;
	bool format;
	bool continues;
	uint32_t num_notif;
	uint32_t num_elems;
	uint32_t random;
	uint32_t present;
	uint8_t identity[PEER_DEVS];
};

void peer_boot(unsigned int bus, const struct peer_cfg *cfg, uint64_t now_ms);
unsigned int peer_poll(unsigned int bus, uint64_t now_ms);
void peer_link_up(unsigned int bus);
void peer_link_down(unsigned int bus);
bool peer_can_receive(unsigned int bus);
void peer_receive(unsigned int bus, const void *frame, uint32_t len);
bool peer_run(unsigned int bus);
void peer_stop(unsigned int bus);
/* False if it has to be tried again. */
bool peer_plug(unsigned int bus, unsigned int dev, uint8_t identity);
void peer_unplug(unsigned int bus, unsigned int dev);
bool peer_has(unsigned int bus, unsigned int dev);
void peer_config_changed(unsigned int bus, unsigned int dev);
void peer_break(unsigned int bus, unsigned int dev);
void peer_ping(unsigned int bus, uint32_t value);

/* The simulator's. */
int sim_peer_send(unsigned int bus, const void *frame, uint32_t len);
void sim_peer_ring(unsigned int bus);
void sim_peer_log(unsigned int bus, int dev, const char *what, uint32_t value);
void shim_point(void);

/* The compiler's, of -finstrument-functions. */
__attribute__((no_instrument_function))
void __cyg_profile_func_enter(void *fn, void *site);
__attribute__((no_instrument_function))
void __cyg_profile_func_exit(void *fn, void *site);

#endif
