/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * virtio-msg over FF-A: a bus and its partition
 */
#ifndef _DRIVERS_VIRTIO_MSG_FFA_H
#define _DRIVERS_VIRTIO_MSG_FFA_H

#include <linux/atomic.h>
#include <linux/completion.h>
#include <linux/hrtimer.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>
#include <linux/virtio_msg.h>
#include <linux/workqueue.h>

#include "ffa_mem.h"
#include "ffa_proto.h"

struct ffa_device;
struct seq_file;

/*
 * A partition that is busy is asked again after so many microseconds, twice as
 * many the next time, and so on.
 */
#define VMSG_FFA_BUSY_MIN_US	50
#define VMSG_FFA_BUSY_MAX_US	10000

/*
 * Milliseconds after which a partition that is busy, or does not answer an
 * indirect message, is given up while a bus is brought up or ended.  What a
 * virtio driver asks has the time-out of the transaction instead.
 */
#define VMSG_FFA_PATIENCE_MS	1000

/* Milliseconds between two attempts to bring a bus up again: first, and most. */
#define VMSG_FFA_RETRY_MIN_MS	100
#define VMSG_FFA_RETRY_MAX_MS	10000

/*
 * Events that are fetched in a row before others get the CPU: a partition that
 * never runs out of events does not keep it.
 */
#define VMSG_FFA_POLL_BUDGET	64

/*
 * Microseconds after which events are asked for although no notification came:
 * after a kick or an event, and at most.  One may have been lost, and a partition
 * that has forgotten us does not notify.
 */
#define VMSG_FFA_NET_MIN_US	100000
#define VMSG_FFA_NET_MAX_US	1000000

/* Bounds of the module parameters for polling, microseconds */
#define VMSG_FFA_POLL_LEAST_US	20
#define VMSG_FFA_POLL_MOST_US	10000000

/* How messages travel */
enum vmsg_ffa_mode {
	VMSG_FFA_AUTO,
	VMSG_FFA_DIRECT,	/* a message and its answer in registers */
	VMSG_FFA_RING,		/* in shared memory; registers ring */
	VMSG_FFA_INDIRECT,	/* in FF-A's own buffers */
	VMSG_FFA_MODES
};

/*
 * Of partitions that know nothing of our wire revisions, one that is public counts
 * devices where it should count bits, and answers GET_DEVICES from 0 only.  They
 * cannot be told apart; of the others, this takes the first some hundred devices.
 */
#define VMSG_FFA_STRANGER_QUIRKS	VIRTIO_MSG_Q_DEVICES_ONCE

/* Bits of vmsg_ffa.wants */
#define VMSG_FFA_CALL		0	/* call the partition */
#define VMSG_FFA_LOOK		1	/* look into the ring */

/* What is counted, for people */
enum vmsg_ffa_count {
	VMSG_FFA_C_CALLS,	/* direct messages */
	VMSG_FFA_C_SENDS,	/* indirect messages */
	VMSG_FFA_C_BUSY,	/* answers that said busy */
	VMSG_FFA_C_POLLS,	/* EVENT_POLL among the direct messages */
	VMSG_FFA_C_EVENTS,	/* events fetched */
	VMSG_FFA_C_KICKS,	/* notifications to the partition */
	VMSG_FFA_C_NOTIFIED,	/* and from it */
	VMSG_FFA_C_RECEIVED,	/* indirect messages from it */
	VMSG_FFA_C_BAD,		/* answers and messages that made no sense */
	VMSG_FFA_C_RESTARTS,	/* times it had forgotten us */
	VMSG_FFA_COUNTS
};

/**
 * struct vmsg_ffa - a partition and the bus that it serves
 * @fdev: the partition
 * @dev: its device
 * @wire_mask: wire revisions to accept
 * @asked_mode: what the user wants, and
 * @mode: how messages travel
 * @regs: bytes that a direct message carries, 0 if the partition takes none
 * @form: form of VERSION
 * @wire: wire revision that was agreed on
 * @peer: what the partition said of itself
 * @mem: the window
 * @area: its area id; 0: none yet
 * @taken: the partition has taken it
 * @notify_id: notification that the partition sends, -1: none
 * @kick_id: notification that it takes for kicks, -1: none
 * @indirect: indirect messages reach us
 * @bus: the bus, in the modes DIRECT and INDIRECT
 * @seg: the segment, in the mode RING; one of the two, NULL until registered
 * @talk: one context at a time brings up or ends the bus, and it has a private
 *	message under way; guards @peer, @form, @wire, @mem,
 *	@taken, @xid, @retry_ms, @told
 * @xid: last transaction ID of a private message
 * @retry_ms: until the next attempt
 * @told: the present trouble has been said
 * @up: both sides agree; messages may be sent.  Read without a lock
 * @dead: the core has given the bus up
 * @quiet: suspended, no polling
 * @connect: brings the bus up again
 * @busy_us: until a message is tried again that the partition did not take;
 *	sender only
 * @again: so is one whose answer made no sense, once; sender only
 * @space: tells the core to try it
 * @wants: VMSG_FFA_CALL, VMSG_FFA_LOOK
 * @poll: fetches events
 * @timer: queues @poll
 * @poll_us: until @timer next does; written by @poll only
 * @pause_us: the same, while the partition is busy; @poll only
 * @fast: something has happened since @timer was started
 * @lock: guards @expect and @reply
 * @expect: message number of the private message whose answer is waited for
 * @reply: that answer
 * @replied: it is there
 * @count: VMSG_FFA_C_*
 */
struct vmsg_ffa {
	struct ffa_device *fdev;
	struct device *dev;
	u32 wire_mask;
	enum vmsg_ffa_mode asked_mode;
	enum vmsg_ffa_mode mode;
	unsigned int regs;
	enum vmsg_ffa_form form;
	unsigned int wire;
	struct vmsg_ffa_version peer;
	struct vmsg_ffa_mem mem;
	u16 area;
	bool taken;
	int notify_id;
	int kick_id;
	bool indirect;
	struct virtio_msg_bus *bus;
	struct virtio_msg_segment *seg;
	/* one bring-up, one private message at a time */
	struct mutex talk;
	u32 xid;
	unsigned int retry_ms;
	bool told;
	u32 up;
	bool dead;
	bool quiet;
	struct delayed_work connect;
	unsigned int busy_us;
	bool again;
	struct hrtimer space;
	unsigned long wants;
	struct work_struct poll;
	struct hrtimer timer;
	unsigned int poll_us;
	unsigned int pause_us;
	u32 fast;
	/* guards the private message that waits for an indirect answer */
	spinlock_t lock;
	u8 expect;
	u8 reply[VMSG_FFA_MESSAGE];
	struct completion replied;
	atomic64_t count[VMSG_FFA_COUNTS];
};

/**
 * struct vmsg_ffa_patience - how long somebody has been busy
 * @end: when that is enough, jiffies
 * @us: pause before it is asked again; 0: it has not been busy yet
 */
struct vmsg_ffa_patience {
	unsigned long end;
	unsigned int us;
};

static inline void vmsg_ffa_count(struct vmsg_ffa *f, enum vmsg_ffa_count c)
{
	atomic64_inc(&f->count[c]);
}

/**
 * struct vmsg_ffa_params - module parameters that a probe looks at
 * @window: size of the window, KiB
 * @chunk: its largest piece, KiB
 * @wire: wire revisions to accept
 * @mode: how messages travel
 * @max_lost: when partitions have kept more than so much, they get no more; KiB
 */
struct vmsg_ffa_params {
	unsigned int window;
	unsigned int chunk;
	char *wire;
	char *mode;
	unsigned int max_lost;
};

extern struct vmsg_ffa_params vmsg_ffa_params;
extern struct workqueue_struct *vmsg_ffa_wq;
extern unsigned int vmsg_ffa_poll_fast_us;
extern unsigned int vmsg_ffa_poll_idle_us;

/* ffa.c */
void vmsg_ffa_lost(struct vmsg_ffa *f, const char *why);
void vmsg_ffa_reconnect(struct vmsg_ffa *f, unsigned int ms);
const char *vmsg_ffa_mode_name(enum vmsg_ffa_mode m);
#if IS_ENABLED(CONFIG_KUNIT)
int vmsg_ffa_probe(struct ffa_device *fdev);
void vmsg_ffa_remove(struct ffa_device *fdev);
int vmsg_ffa_sleep(struct device *dev);
int vmsg_ffa_wake(struct device *dev);
#endif

/* ffa_bringup.c */
int vmsg_ffa_bring_up(struct vmsg_ffa *f);
void vmsg_ffa_reset(struct vmsg_ffa *f);
void vmsg_ffa_take_down(struct vmsg_ffa *f);

/* ffa_link.c */
extern const struct virtio_msg_transport_desc vmsg_ffa_desc[];
void vmsg_ffa_link_init(struct vmsg_ffa *f);
int vmsg_ffa_call(struct vmsg_ffa *f, u8 *frame);
bool vmsg_ffa_patient(struct vmsg_ffa_patience *p);
int vmsg_ffa_ask(struct vmsg_ffa *f, u8 *frame, unsigned int len);
void vmsg_ffa_ring(void *priv, u16 peer);
void vmsg_ffa_go(struct vmsg_ffa *f);
void vmsg_ffa_quiesce(struct vmsg_ffa *f, bool quiet);
void vmsg_ffa_stop_polling(struct vmsg_ffa *f);
void vmsg_ffa_show(struct vmsg_ffa *f, struct seq_file *s);
void vmsg_ffa_link_of(struct vmsg_ffa *f, struct virtio_msg_link *link);
void vmsg_ffa_say_up(struct vmsg_ffa *f, struct virtio_msg_bus *bus,
		     const struct virtio_msg_link *link);
int vmsg_ffa_messages_on(struct vmsg_ffa *f);
void vmsg_ffa_notify_on(struct vmsg_ffa *f);
void vmsg_ffa_notify_off(struct vmsg_ffa *f);
void vmsg_ffa_settle(void);
void vmsg_ffa_events_off(struct vmsg_ffa *f);

#endif /* _DRIVERS_VIRTIO_MSG_FFA_H */
