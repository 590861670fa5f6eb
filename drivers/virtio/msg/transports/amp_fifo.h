/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The FIFOs of an AMP card, on plain pointers: all that is not PCI
 */
#ifndef _DRIVERS_VIRTIO_MSG_AMP_FIFO_H
#define _DRIVERS_VIRTIO_MSG_AMP_FIFO_H

#include <linux/mutex.h>
#include <linux/types.h>
#include <linux/virtio_msg.h>

struct device;
struct module;
struct vmsg_amp;

/* Registers */
#define VMSG_AMP_VERSION	0x00
#define VMSG_AMP_FEATURES	0x04
#define VMSG_AMP_NOTIFY(n)	(0x20 + 4 * (n))

#define VMSG_AMP_MAX_FIFOS	8

/**
 * struct vmsg_amp_card - a kind of card
 * @name: what users see
 * @stride: bytes of FIFO memory from one FIFO to the next
 * @tx: where in it the page to the card is
 * @rx: where the page from the card is
 * @max_fifos: FIFOs at most
 * @segment: it may have the self-describing layout at @tx instead
 * @wire: VIRTIO_MSG_WIRE_* of the raw queues and of a bare layout
 * @quirks: VIRTIO_MSG_Q_* likewise
 */
struct vmsg_amp_card {
	const char *name;
	u32 stride;
	u32 tx;
	u32 rx;
	unsigned int max_fifos;
	bool segment;
	unsigned int wire;
	unsigned long quirks;
};

/**
 * struct vmsg_amp_fifo - one FIFO: one bus
 * @amp: its card
 * @n: its number
 * @started: it has a bus, or is about to have one; guarded by @amp->lock
 * @cut: its devices have not been cleaned up since the card was cut off;
 *	guarded by @amp->lock
 * @spsc: raw queues, or
 * @segment: a segment; both NULL until registered, and read by the interrupt
 */
struct vmsg_amp_fifo {
	struct vmsg_amp *amp;
	unsigned int n;
	bool started;
	bool cut;
	struct virtio_msg_spsc *spsc;
	struct virtio_msg_segment *segment;
};

/**
 * struct vmsg_amp - a card
 * @dev: the device that does its DMA
 * @owner: the module
 * @card: its kind
 * @mem: FIFO memory
 * @size: its bytes
 * @wire_mask: wire revisions of a self-describing layout; 0: by the layout
 * @read: read a register.  Any context.
 * @write: write one, after all that was stored to @mem.  Any context.
 * @master: let the card reach memory and interrupt, or not.  May sleep.
 * @lock: guards the @cut of all FIFOs, and calls of @master
 * @num: FIFOs in use
 * @fifo: the FIFOs
 */
struct vmsg_amp {
	struct device *dev;
	struct module *owner;
	const struct vmsg_amp_card *card;
	void *mem;
	u64 size;
	u32 wire_mask;
	u32 (*read)(struct vmsg_amp *amp, unsigned int reg);
	void (*write)(struct vmsg_amp *amp, unsigned int reg, u32 val);
	void (*master)(struct vmsg_amp *amp, bool on);
	/* guards cut of the FIFOs, and master() */
	struct mutex lock;
	unsigned int num;
	struct vmsg_amp_fifo fifo[VMSG_AMP_MAX_FIFOS];
};

extern const struct vmsg_amp_card vmsg_amp_9038;
extern const struct vmsg_amp_card vmsg_amp_9039;

int vmsg_amp_survey(struct vmsg_amp *amp, unsigned int vectors);
int vmsg_amp_start(struct vmsg_amp *amp);
void vmsg_amp_interrupt(struct vmsg_amp_fifo *f);
void vmsg_amp_stop(struct vmsg_amp *amp);
void vmsg_amp_free(struct vmsg_amp *amp);
int vmsg_amp_suspend(struct vmsg_amp *amp);
int vmsg_amp_resume(struct vmsg_amp *amp);

#endif /* _DRIVERS_VIRTIO_MSG_AMP_FIFO_H */
