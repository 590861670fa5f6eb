/* SPDX-License-Identifier: GPL-2.0-only */
/* The simulator: what its files share. */
#ifndef _SIM_SIM_H
#define _SIM_SIM_H

#include "../shim/check.h"
#include "../shim/env.h"
#include "../shim/virtio.h"
#include "internal.h"
#include "peer.h"

#define SIM_BUSES	2
#define SIM_APPS	5		/* users of devices, per bus */
#define SIM_MS		1000000ULL	/* nanoseconds */

/**
 * struct sim_faults - what goes wrong on a bus; each is one of so many, 0: never
 * @drop: frames, or doorbells of a segment, that get lost
 * @dup: frames that come twice
 * @reorder: frames that overtake others
 * @late: frames that come after the time-out, as often as not
 * @corrupt: frames, or bytes of shared memory, that change
 * @full: times that a link claims to be full
 * @restart: steps of the script that restart the device side
 * @plug: that add or remove a device
 * @config: that change a configuration
 * @broken: that make a device ask for a reset
 * @rebind: that bind the transport anew
 * @nomem: allocations that fail
 */
struct sim_faults {
	u32 drop, dup, reorder, late, corrupt, full;
	u32 restart, plug, config, broken, rebind, nomem;
};

struct sim_frame {
	struct sim_frame *next;
	unsigned int link;
	u32 len;
	u8 data[];
};

struct sim_fifo {
	struct sim_frame *first;
	unsigned int count;
	unsigned int due;
	u64 last;
};

struct sim_bus {
	unsigned int n;
	bool seg;
	struct sim_faults f;
	struct sim_faults now;		/* the same, or nothing once it is over */
	struct device parent;
	struct virtio_msg_transport_desc desc;
	struct virtio_msg_bus *bus;
	struct virtio_msg_segment *segment;
	unsigned int wire;
	u32 max_msg;
	u32 timeout;
	bool may_return;
	unsigned int users;		/* pingers that know @bus */
	bool closing;			/* no new ones */

	/* the link */
	bool started;
	bool up;
	bool wants_up;			/* the core has cleaned up */
	bool continues;
	unsigned int link;		/* counts them */
	unsigned int notify;		/* the one that the core is about to hear of */
	unsigned int calls;		/* of the core, under way */
	bool receiving;
	bool blocked;			/* a send was refused */
	struct sim_fifo to_peer;
	struct sim_fifo to_driver;
	u32 *outstanding;		/* IDs without an answer */
	unsigned int num_outstanding;

	/* the device side */
	struct peer_cfg cfg;
	bool alive;
	bool rung;
	bool cmd_up, cmd_down, cmd_stop;
	u32 cmd_plug, cmd_unplug, cmd_config, cmd_break, cmd_ping;
	bool tainted;			/* something was corrupted, ever */
};

extern struct sim_bus sim_buses[SIM_BUSES];
extern bool sim_verbose;

/* u64 all of them. */
struct sim_totals {
	u64 restarts, links, hotplugs, requests, errors, pings, frames, dropped,
	    duplicated, corrupted, late, resumed, replayed, drained, timeouts,
	    steps, completions, swept;
};

extern struct sim_totals sim_totals;

#define sim_log(b, fmt, ...) do {					\
	if (sim_verbose)						\
		printf("# %10llu us bus%u " fmt "\n",			\
		       (unsigned long long)shim_now() / 1000, (b)->n, ##__VA_ARGS__); \
} while (0)

/* link.c */
void sim_link_bind(struct sim_bus *b);
void sim_link_unbind(struct sim_bus *b);
void sim_peer_start(struct sim_bus *b, bool format);
void sim_peer_kill(struct sim_bus *b);
void sim_peer_lose(struct sim_bus *b, bool away);
void sim_link_try_up(struct sim_bus *b);
void sim_link_clear(struct sim_bus *b);
void sim_scribble(struct sim_bus *b);

/* apps.c */
struct sim_bus *sim_bus_of(const struct virtio_device *vdev);
void sim_apps_start(void);
void sim_apps_stop(void);
bool sim_apps_ended(void);
void sim_apps_reset(void);
/* From here on: has each app of a bus got what it wanted at least once? */
void sim_apps_mark(const struct sim_bus *b);
bool sim_apps_moved(const struct sim_bus *b);
void sim_apps_show(const struct sim_bus *b);
u64 sim_apps_errors(const struct sim_bus *b);

/* main.c: tracepoints that it has a use for */
void shim_trace_vmsg_xfer_start(struct virtio_msg_bus *bus, const struct vmsg_xfer *x);
void shim_trace_vmsg_xfer_end(struct virtio_msg_bus *bus, const struct vmsg_xfer *x);
void shim_trace_vmsg_rx(struct virtio_msg_bus *bus, const struct vmsg_wire *wire,
			const struct vmsg_hdr *h, const void *frame, size_t len, int ret,
			u64 begin, u64 end);
void shim_trace_vmsg_tx(struct virtio_msg_bus *bus, const struct vmsg_wire *wire,
			const struct vmsg_hdr *h, const void *frame, size_t len, int ret,
			u64 begin, u64 end);
void shim_trace_vmsg_bus_state(struct virtio_msg_bus *bus, unsigned int from,
			       unsigned int to);

#endif
