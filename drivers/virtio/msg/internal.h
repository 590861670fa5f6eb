/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * virtio-msg core: what its files share
 *
 * Layers, each calling only downwards: config_ops, vq, device -> bus, xfer ->
 * wire.  A transport sees none of this, only <linux/virtio_msg.h>.
 */
#ifndef _DRIVERS_VIRTIO_MSG_INTERNAL_H
#define _DRIVERS_VIRTIO_MSG_INTERNAL_H

#include <linux/completion.h>
#include <linux/hashtable.h>
#include <linux/kref.h>
#include <linux/mutex.h>
#include <linux/ratelimit.h>
#include <linux/spinlock.h>
#include <linux/virtio.h>
#include <linux/virtio_config.h>
#include <linux/virtio_msg.h>
#include <linux/wait.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>

#include "dma.h"
#include "fault.h"
#include "share.h"
#include "window.h"
#include "wire.h"

#define VMSG_XID_HASH_BITS	8

/* Device numbers are 16 bit wide. */
#define VMSG_MAX_DEVS		65536

/* No queue table is larger, whatever GET_DEVICE_INFO claims. */
#define VMSG_MAX_VQS		1024

/* A configuration space above this is cut; virtio's largest has 4 KiB. */
#define VMSG_MAX_CONFIG		4096

/*
 * Event storms: two changes of configuration of one device are announced to
 * its driver at least this far apart, so that a driver that reads until the
 * generation stands still gets to the end.  Milliseconds.
 */
#define VMSG_CONFIG_QUIET_MS	20

/* Lines that one bus writes to the log in a second at most, whatever its peer does. */
#define VMSG_LOG_BURST		10

/* What is counted, per bus.  Names in debugfs.c. */
enum vmsg_counter {
	VMSG_C_TX_REQUEST,
	VMSG_C_TX_EVENT,
	VMSG_C_TX_BUSY,
	VMSG_C_TX_ERROR,
	VMSG_C_RX_RESPONSE,
	VMSG_C_RX_EVENT,
	VMSG_C_RX_REQUEST,
	VMSG_C_RX_REFUSED,
	VMSG_C_RX_MALFORMED,
	VMSG_C_RX_UNKNOWN_ID,
	VMSG_C_RX_LATE,
	VMSG_C_RX_MISMATCH,
	VMSG_C_RX_UNEXPECTED,
	VMSG_C_RX_STALE_EVENT,
	VMSG_C_RX_OVERRUN,
	VMSG_C_TIMEOUT,
	VMSG_C_CANCELLED,
	VMSG_C_PEER_LOST,
	VMSG_C_PEER_AWAY,
	VMSG_C_KICK,
	VMSG_C_KICK_MSG,
	VMSG_C_KICK_COALESCED,
	VMSG_C_USED,
	VMSG_C_CONFIG_CHANGE,
	VMSG_C_CONFIG_COALESCED,
	VMSG_C_CONFIG_RETRY,
	VMSG_C_DRAINED,
	VMSG_C_TRACK_LOST,
	VMSG_C_RESUMED,
	VMSG_C_REPLAYED,
	VMSG_C_BROKEN,
	VMSG_C_COUNT
};

struct vmsg_stats {
	atomic64_t c[VMSG_C_COUNT];
};

/**
 * enum vmsg_bus_state - life of a bus; allowed moves are a table in bus.c
 * @VMSG_BUS_NEW: allocated
 * @VMSG_BUS_WAITING: registered, no peer
 * @VMSG_BUS_RUNNING: the peer answers; devices come and go
 * @VMSG_BUS_SUSPENDED: as RUNNING, devices are frozen
 * @VMSG_BUS_AWAY: the peer is gone, its devices wait for a successor
 * @VMSG_BUS_LOST: the peer is gone, its devices are being removed
 * @VMSG_BUS_DEAD: out of step with its peer until the transport is bound anew
 * @VMSG_BUS_STOPPED: being unregistered; final
 * @VMSG_BUS_STATES: number of states
 */
enum vmsg_bus_state {
	VMSG_BUS_NEW,
	VMSG_BUS_WAITING,
	VMSG_BUS_RUNNING,
	VMSG_BUS_SUSPENDED,
	VMSG_BUS_AWAY,
	VMSG_BUS_LOST,
	VMSG_BUS_DEAD,
	VMSG_BUS_STOPPED,
	VMSG_BUS_STATES
};

/* Bits of vmsg_bus.events: what the bus work has to do. */
#define VMSG_EV_UP		0
#define VMSG_EV_LOST		1
#define VMSG_EV_SCAN		2
#define VMSG_EV_HOTPLUG		3
#define VMSG_EV_AWAY		4

/* virtio_msg_bus.recover_s: at most, in seconds, and for ever */
#define VMSG_RECOVER_MAX	600
#define VMSG_RECOVER_NEVER	UINT_MAX

/* Bits of virtio_msg_bus.alive_flags */
#define VMSG_ALIVE_ASKED	0	/* a PING is under way */

enum vmsg_xfer_state {
	VMSG_XFER_IDLE,		/* owned by its creator */
	VMSG_XFER_QUEUED,	/* on engine.queue */
	VMSG_XFER_SENT,		/* on engine.sent, and in the hash table */
	VMSG_XFER_DONE,		/* complete() was or is being called */
};

/**
 * struct vmsg_xfer - one transaction: a request and room for its response
 * @bus: the bus, pinned while the reference count is not zero
 * @ref: a reference for the creator and one while submitted
 * @node: on engine.queue or engine.sent; guarded by engine.lock
 * @hash: in engine.by_id while SENT; guarded by engine.lock
 * @state: enum vmsg_xfer_state; guarded by engine.lock
 * @wire: revision of the link for which the request was packed
 * @epoch: link for which the request was packed; stale ones are not sent
 * @xid: transaction ID, valid while SENT
 * @hdr: header of the request, what a response is matched against
 * @since: time of submission, jiffies
 * @started: the same in ns, for the tracepoint; 0 when nobody looks
 * @deadline: jiffies at which the reaper ends it
 * @internal: sent although the link is being brought back into step
 * @status: result, valid after completion
 * @pdu: the response, points into @rsp, valid after completion with status 0
 * @complete: called exactly once after submission: on response, refusal,
 *	time-out, cancel, loss of the peer and shutdown.  Any context, no lock
 *	held.
 * @wait: see vmsg_xfer_wait()
 * @done: for that
 * @cap: bytes of room for the request, and as many for the response
 * @req_len: bytes of request
 * @req: the request
 * @rsp: the response, a private copy
 * @data: where @req and @rsp lie
 */
struct vmsg_xfer {
	struct virtio_msg_bus *bus;
	struct kref ref;
	struct list_head node;
	struct hlist_node hash;
	enum vmsg_xfer_state state;
	const struct vmsg_wire *wire;
	unsigned int epoch;
	u32 xid;
	struct vmsg_hdr hdr;
	unsigned long since;
	u64 started;
	unsigned long deadline;
	bool internal;
	int status;
	struct vmsg_pdu pdu;
	void (*complete)(struct vmsg_xfer *x);
	atomic_t wait;
	struct completion done;
	u16 cap;
	u16 req_len;
	u8 *req;
	u8 *rsp;
	u8 data[];
};

/**
 * struct vmsg_engine - transactions of one bus
 * @lock: guards everything here that does not say otherwise, and the fields of
 *	transactions that say so.  Taken with interrupts off, from any context;
 *	never held while a transport or a completion is called.
 * @open: transactions may be submitted; false between two links
 * @epoch: counts links
 * @wire: revision of the link
 * @max_msg: longest message of the link, bytes
 * @timeout_ms: time-out of a transaction; read without the lock
 * @max_inflight: most transactions in SENT
 * @inflight: transactions in SENT
 * @queue: submitted, not yet sent, in order
 * @sent: waiting for their response, in order of sending
 * @by_id: @sent by transaction ID
 * @next_xid: next ID to try
 * @tokens: IDs in use or in quarantine; 16-bit revisions only
 * @tokens_free: IDs left; 16-bit revisions only
 * @pumping: somebody is sending; whoever finds it set leaves a note in @again
 * @again: there is more to send
 * @blocked: the transport is full; virtio_msg_tx_space() clears it
 * @progress: jiffies when the last message was sent or answered: who waits to
 *	be sent is not overdue while others get on
 * @space: how often the transport has announced room
 * @kicks: virtqueues whose EVENT_AVAIL waits to be sent
 * @kicking: the virtqueue whose EVENT_AVAIL is being sent
 * @pongs: PINGs of the device side that wait for their answer
 * @num_pongs: how many
 * @resync: no correlation field, and an answer is overdue: nothing but @ping
 *	is sent and everything but its echo is dropped
 * @nonce: what the echo must carry
 * @ping: the PING that brings both sides back into step
 * @pump_work: sends for transports whose send() sleeps, and what is left by those who
 *	have sent enough
 * @reaper: ends what is overdue
 * @reap_at: jiffies for which it is armed
 */
struct vmsg_engine {
	/* guards all of this and transactions; see above */
	spinlock_t lock;
	bool open;
	unsigned int epoch;
	const struct vmsg_wire *wire;
	u16 max_msg;
	unsigned int timeout_ms;
	unsigned int max_inflight;
	unsigned int inflight;
	struct list_head queue;
	struct list_head sent;
	DECLARE_HASHTABLE(by_id, VMSG_XID_HASH_BITS);
	u32 next_xid;
	unsigned long *tokens;
	unsigned int tokens_free;
	bool pumping;
	bool again;
	bool blocked;
	unsigned long progress;
	unsigned int space;
	struct list_head kicks;
	struct vmsg_vq *kicking;
	struct {
		u32 xid;
		u32 data;
	} pongs[8];
	unsigned int num_pongs;
	bool resync;
	u32 nonce;
	struct vmsg_xfer *ping;
	struct work_struct pump_work;
	struct delayed_work reaper;
	unsigned long reap_at;
};

/**
 * struct virtio_msg_bus - one running instance of a link to a peer
 * @ctx: the registered device (@ctx.dev), child of the transport's and parent
 *	of the virtio devices; a window context, because on kernels without
 *	virtio_map_ops the mapping interface looks at the parent
 * @desc: the transport
 * @priv: the transport's
 * @id: number in the name
 * @wires: the wire revisions as this transport's peers speak them
 * @engine: transactions
 * @lock: guards @state, @link, @next_link, @link_valid, @link_seq with VMSG_EV_UP, and
 *	@hot_removed against @hot_ready.  Taken with interrupts off.
 * @state: enum vmsg_bus_state
 * @link: what the running link has settled
 * @next_link: what the next one will be
 * @link_valid: @next_link is of a peer that has not been lost since
 * @link_seq: counts what @next_link has been
 * @events: VMSG_EV_*
 * @work: brings up, scans, cleans up; the only one that changes @slots
 * @probing: workqueue of the devices' works
 * @slots: struct vmsg_slot by device number
 * @num_slots: how many
 * @wanted: of these, where there should be a device
 * @found: how many devices a scan has found, while it makes their slots
 * @served: devices that have their queues
 * @busy: works of slots that are queued or run
 * @idle: woken when @busy falls to zero
 * @hot_ready: bitmap of the device numbers that were announced and wait for
 *	@work; a storm of events costs no memory
 * @hot_removed: likewise, of those that were removed
 * @alive: the keep-alive's work
 * @alive_flags: VMSG_ALIVE_*
 * @keepalive_ms: after how long a silence it asks; 0: never
 * @recover_s: how long devices wait for a successor of a peer that was lost;
 *	0: not at all, VMSG_RECOVER_NEVER: until one comes
 * @away_since: jiffies when they began to
 * @giveup: ends their waiting
 * @rx_count: frames received
 * @rx_last: what vmsg_bus_heard() said when @alive last looked
 * @rx_seen: what it said when the PING was sent
 * @dma_dev: the device whose DMA reaches memory, where there is no window
 * @dma_physical: its addresses are physical ones
 * @win_lock: guards the exchange of @win against readers of debugfs
 * @win: the window, NULL where the device reaches all of memory
 * @share: slots for buffers that are shared one by one, or NULL
 * @last_win: where it lies
 * @stats: counters
 * @log: limits what is written to the log
 * @debugfs: directory
 * @faults: that a test wants, or NULL
 * @stopping: unregister has begun
 * @frozen: suspended: neither @work nor those of the slots register or remove devices
 * @cut: the device side does not reach memory yet; bus work only
 */
struct virtio_msg_bus {
	struct vmsg_wctx ctx;
	const struct virtio_msg_transport_desc *desc;
	void *priv;
	int id;
	struct vmsg_wire wires[VIRTIO_MSG_WIRE_COUNT];
	struct vmsg_engine engine;
	/* guards state, link, next_link, link_valid, link_seq */
	spinlock_t lock;
	enum vmsg_bus_state state;
	struct virtio_msg_link link;
	struct virtio_msg_link next_link;
	bool link_valid;
	unsigned int link_seq;
	unsigned long events;
	struct work_struct work;
	struct workqueue_struct *probing;
	struct xarray slots;
	unsigned int num_slots;
	atomic_t wanted;
	unsigned int found;
	atomic_t served;
	atomic_t busy;
	wait_queue_head_t idle;
	unsigned long *hot_ready;
	unsigned long *hot_removed;
	struct delayed_work alive;
	unsigned long alive_flags;
	unsigned int keepalive_ms;
	unsigned int recover_s;
	unsigned long away_since;
	struct delayed_work giveup;
	atomic_t rx_count;
	u32 rx_last;
	u32 rx_seen;
	struct device *dma_dev;
	bool dma_physical;
	/* guards the exchange of win */
	struct mutex win_lock;
	struct vmsg_window *win;
	struct vmsg_share *share;
	struct virtio_msg_window last_win;
	struct vmsg_stats stats;
	struct ratelimit_state log;
	struct dentry *debugfs;
	struct vmsg_faults *faults;
	bool stopping;
	bool frozen;
	bool cut;
};

/**
 * struct vmsg_slot - one device number, whether a device answers there or not
 * @bus: the bus
 * @num: device number
 * @lock: guards @want, @recycle, @verify, @failures, @last_failure and changes
 *	of @vd.  Taken with interrupts off.
 * @want: the peer says that there is a device
 * @recycle: the device that is registered must go before another comes
 * @verify: see whether the device that is registered is still the same
 * @owed: it had buffers when the peer was cut off, and was not reset since;
 *	set by anybody, cleared by the bus work
 * @failures: how often the device broke; one that keeps breaking stays away
 * @last_failure: when, jiffies
 * @vd: the registered device; read under RCU
 * @work: registers and unregisters
 */
struct vmsg_slot {
	struct virtio_msg_bus *bus;
	u16 num;
	/* guards what is wanted, and changes of vd */
	spinlock_t lock;
	bool want;
	bool recycle;
	bool verify;
	bool owed;
	unsigned int failures;
	unsigned long last_failure;
	struct vmsg_device __rcu *vd;
	struct work_struct work;
};

/**
 * struct vmsg_vqs - a device's queue table, replaced as a whole
 * @num: entries
 * @calls: where the driver's callbacks run, if they sleep; else NULL
 * @q: by index of the device; NULL where the driver does not use the queue
 */
struct vmsg_vqs {
	unsigned int num;
	struct workqueue_struct *calls;
	struct vmsg_vq *q[];
};

/* Bits of vmsg_device.flags */
#define VMSG_DEV_DEAD		0	/* nothing is sent to it any more */
#define VMSG_DEV_LIVE		1	/* DRIVER_OK .. reset: used events count */
#define VMSG_DEV_READY		2	/* the virtio core has initialised it */
#define VMSG_DEV_BROKEN		3	/* reported as broken, once */
#define VMSG_DEV_FROZEN		4	/* its driver has been suspended */
#define VMSG_DEV_AWAY		5	/* it waits for a successor: no kicks */
#define VMSG_DEV_MUTE		6	/* kicks would break it: no kicks yet */
#define VMSG_DEV_EARLY		7	/* there was one, all the same */
#define VMSG_DEV_QUIET		8	/* DEAD, and known to write no memory */
#define VMSG_DEV_HUSK		9	/* no device for its driver, but it must be restored */

/* Any of these, and a queue is not kicked. */
#define VMSG_DEV_NO_KICKS	(BIT(VMSG_DEV_DEAD) | BIT(VMSG_DEV_AWAY) | \
				 BIT(VMSG_DEV_MUTE) | BIT(VMSG_DEV_HUSK))

/**
 * struct vmsg_device - a virtio device born from a GET_DEVICE_INFO response
 * @vdev: the virtio device
 * @ref: the slot's reference and the virtio device's
 * @failing: in a list of vmsg_devices_fail()
 * @quiet: the reset of a broken device, under way in vmsg_devices_fail()
 * @slot: its place on the bus
 * @bus: the bus
 * @num: device number
 * @epoch: link on which it was found
 * @info: the GET_DEVICE_INFO response
 * @features: what the device offers, as first read
 * @accepted: what its driver has accepted
 * @flags: VMSG_DEV_*
 * @status: the status as the device last reported it
 * @life_lock: guards the device's status, and its queues' activation, against a
 *	successor that is being given both; outside @vq_lock
 * @vq_lock: guards the making and deleting of queues
 * @vqs: queues by index; written under @vq_lock, read under RCU
 * @cfg_lock: guards the configuration snapshot below
 * @cfg: snapshot, and behind it another of what the driver could see when it was frozen
 * @cfg_len: bytes of each
 * @cfg_gen: its generation
 * @cfg_told: the generation that the driver was told last
 * @cfg_moves: how often in a row that was another one
 * @cfg_valid: it is a complete, untorn read
 * @cfg_stale: an event said that the device has newer; any context
 * @cfg_last: jiffies when the driver was last told of a change
 * @cfg_work: tells it again after a storm
 * @drain_work: goes on draining, where a peer that writes on has kept it from ending
 * @drain_ms: when it comes next
 * @limits: what max_mapping_size() is asked on; settled with the budget
 * @rcu: the memory goes after readers in interrupts have left
 * @messages: transactions made, for people
 * @kicks: kicks, for people
 * @used: used events, for people
 */
struct vmsg_device {
	struct virtio_device vdev;
	struct kref ref;
	struct list_head failing;
	struct vmsg_xfer *quiet;
	struct vmsg_slot *slot;
	struct virtio_msg_bus *bus;
	u16 num;
	unsigned int epoch;
	struct vmsg_device_info info;
	u64 features[2];
	u64 accepted[2];
	unsigned long flags;
	u8 status;
	/* guards status and activation against resume.c */
	struct mutex life_lock;
	/* guards the making and deleting of queues */
	struct mutex vq_lock;
	struct vmsg_vqs __rcu *vqs;
	/* guards cfg, cfg_len, cfg_gen, cfg_valid */
	struct mutex cfg_lock;
	u8 *cfg;
	u32 cfg_len;
	u32 cfg_gen;
	u32 cfg_told;
	unsigned int cfg_moves;
	bool cfg_valid;
	atomic_t cfg_stale;
	unsigned long cfg_last;
	struct delayed_work cfg_work;
	struct delayed_work drain_work;
	unsigned int drain_ms;
	struct vmsg_wctx limits;
	struct rcu_head rcu;
	atomic64_t messages;
	atomic64_t kicks;
	atomic64_t used;
};

/**
 * struct vmsg_track - which buffers of a queue the device has, known exactly
 * @lock: guards the rest, but for the @map_ fields; taken with interrupts off
 * @lost: which buffers are out is not known
 * @spoilt: nor is it any more, because the peer has changed descriptors
 * @doubt: the ring code had given back another number of buffers
 * @num: entries of the ring
 * @packed: ring format
 * @desc: descriptor table, or packed ring; like the next two it is memory that
 *	the peer can write
 * @avail: avail ring, or driver area
 * @used: used ring, or device area
 * @avail_idx: next entry of the avail ring (packed: next position) to look at
 * @avail_wrap: packed: wrap counter at @avail_idx
 * @done: buffers that came back to the driver, modulo 2^16; split: where the
 *	driver will look next in the used ring
 * @used_pos: packed: where the driver will look next
 * @used_wrap: packed: wrap counter at @used_pos
 * @out: bitmap of heads (packed: buffer ids) that are out
 * @seen: bitmap for draining: those of @out that are in the used ring
 * @count: how many
 * @num_free: split: what virtqueue.num_free was when all was settled
 * @len: descriptors of each buffer by head
 * @last: last entry of the free list that each buffer took, by head
 * @next: the free list
 * @free: its first entry
 * @back: split: head of the buffer that came back last, until it is settled
 * @map_next: where the next buffer will be, as found before it is mapped; written
 *	under the driver's lock
 * @map_at: where the buffer will be for which mappings are being made; this and
 *	the next three are written under the driver's lock, and read when that
 *	buffer has been added
 * @map_num: mappings that were made for it
 * @map_first: the first
 * @map_last: the last
 * @sweep: next head to try, where all have to be
 * @sweep_at: where it was offered
 * @offered: it was
 */
struct vmsg_track {
	/* guards all of this but map_* */
	spinlock_t lock;
	bool lost;
	bool spoilt;
	bool doubt;
	u16 num;
	bool packed;
	void *desc;
	void *avail;
	void *used;
	u16 avail_idx;
	bool avail_wrap;
	u16 done;
	u16 used_pos;
	bool used_wrap;
	unsigned long *out;
	unsigned long *seen;
	unsigned int count;
	unsigned int num_free;
	u16 *len;
	u16 *last;
	u16 *next;
	u16 free;
	u16 back;
	u16 map_next;
	u16 map_at;
	unsigned int map_num;
	u64 map_first;
	u64 map_last;
	unsigned int sweep;
	u16 sweep_at;
	bool offered;
};

/**
 * struct vmsg_track_state - how far a queue is, for people
 * @num: size
 * @out: buffers that the device has
 * @added: where the next buffer comes, of all that were added
 * @done: buffers that came back
 * @used: split: the ring's used index; else as @done
 * @used_event: split: the used index with which the driver wants to be told
 * @avail_event: split: the avail index with which the device wants to be kicked
 * @lost: it is not known which buffers are out, or the device changed descriptors
 */
struct vmsg_track_state {
	unsigned int num;
	unsigned int out;
	u16 added;
	u16 done;
	u16 used;
	u16 used_event;
	u16 avail_event;
	bool lost;
};

/**
 * struct vmsg_vq - a virtqueue of ours
 * @ctx: who maps
 * @vd: the device
 * @vq: the kernel's
 * @index: number of the queue on the device
 * @kick: on engine.kicks while an EVENT_AVAIL waits; guarded by engine.lock
 * @next: what NOTIFICATION_DATA adds; guarded by engine.lock
 * @stopped: reset by its driver, alone or with the device: no kicks, no callbacks
 * @called: times that the driver is to be called; whoever makes it 1 does so
 * @call: calls the driver, in a table with @calls; else goes on with it
 * @track: what the device has
 */
struct vmsg_vq {
	struct vmsg_wctx ctx;
	struct vmsg_device *vd;
	struct virtqueue *vq;
	u16 index;
	struct list_head kick;
	u32 next;
	bool stopped;
	atomic_t called;
	struct work_struct call;
	struct vmsg_track track;
};

static inline struct vmsg_device *to_vmsg_device(struct virtio_device *vdev)
{
	return container_of(vdev, struct vmsg_device, vdev);
}

static inline void vmsg_count(struct virtio_msg_bus *bus, enum vmsg_counter c)
{
	atomic64_inc(&bus->stats.c[c]);
}

/* For all that a peer can provoke; @level as in dev_*(). */
#define __vmsg_log(level, bus, dev, ...)				\
	do {								\
		if (__ratelimit(&(bus)->log))				\
			dev_##level(dev, __VA_ARGS__);			\
	} while (0)
#define vmsg_bus_log(level, bus, ...)					\
	do {								\
		struct virtio_msg_bus *__bus = (bus);			\
									\
		__vmsg_log(level, __bus, &__bus->ctx.dev, __VA_ARGS__);	\
	} while (0)
#define vmsg_dev_log(level, vd, ...)					\
	do {								\
		struct vmsg_device *__vd = (vd);			\
									\
		__vmsg_log(level, __vd->bus, &__vd->vdev.dev, __VA_ARGS__); \
	} while (0)

extern const struct class vmsg_class;
extern struct workqueue_struct *vmsg_wq;
extern unsigned int vmsg_timeout_ms;
extern unsigned int vmsg_max_devices;
extern unsigned int vmsg_keepalive_ms;
extern unsigned int vmsg_recover_s;

/* xfer.c */
void vmsg_engine_init(struct virtio_msg_bus *bus);
void vmsg_engine_exit(struct virtio_msg_bus *bus);
int vmsg_engine_open(struct virtio_msg_bus *bus, const struct vmsg_wire *wire,
		     u16 max_msg);
void vmsg_engine_close(struct virtio_msg_bus *bus, int status);
struct vmsg_xfer *vmsg_xfer_alloc(struct virtio_msg_bus *bus, gfp_t gfp);
void vmsg_xfer_put(struct vmsg_xfer *x);
int vmsg_xfer_submit(struct vmsg_xfer *x, int len);
int vmsg_xfer_call(struct vmsg_xfer *x, int len);
void vmsg_xfer_wait(struct vmsg_xfer *x);
bool vmsg_xfer_wait_timeout(struct vmsg_xfer *x, unsigned long timeout);
bool vmsg_xfer_cancel(struct vmsg_xfer *x);
int vmsg_engine_response(struct virtio_msg_bus *bus, const struct vmsg_pdu *pdu,
			 const void *frame);
void vmsg_engine_pong(struct virtio_msg_bus *bus, u32 xid, u32 data);
void vmsg_engine_kick(struct virtio_msg_bus *bus, struct vmsg_vq *q, u32 next);
void vmsg_engine_forget(struct virtio_msg_bus *bus, struct vmsg_vq *q);
void vmsg_engine_pump(struct virtio_msg_bus *bus);
void vmsg_engine_space(struct virtio_msg_bus *bus);

/* bus.c */
bool vmsg_bus_set_state(struct virtio_msg_bus *bus, enum vmsg_bus_state to);
const char *vmsg_bus_state_name(enum vmsg_bus_state state);
void vmsg_bus_queue(struct virtio_msg_bus *bus, unsigned int event);
void vmsg_bus_dead(struct virtio_msg_bus *bus, const char *why);
void vmsg_bus_give_up(struct virtio_msg_bus *bus);
int vmsg_bus_ping(struct virtio_msg_bus *bus, u64 *ns);
int vmsg_bus_rx(struct virtio_msg_bus *bus, const void *frame, size_t len);
extern const struct attribute_group *vmsg_bus_groups[];

/* quirks.c */
void vmsg_quirks_init(struct virtio_msg_bus *bus);
const struct vmsg_wire *vmsg_bus_wire(const struct virtio_msg_bus *bus,
				      unsigned int rev);

/* device.c */
struct vmsg_slot *vmsg_slot_get(struct virtio_msg_bus *bus, u16 num);
void vmsg_slot_set_want(struct vmsg_slot *slot, bool want);
void vmsg_slot_want(struct vmsg_slot *slot, bool want, bool recycle);
void vmsg_slot_init_bus(struct virtio_msg_bus *bus);
void vmsg_slots_queue(struct virtio_msg_bus *bus);
void vmsg_slots_flush(struct virtio_msg_bus *bus);
void vmsg_slots_free(struct virtio_msg_bus *bus);
struct vmsg_device *vmsg_device_get(struct vmsg_slot *slot);
void vmsg_device_put(struct vmsg_device *vd);
struct vmsg_xfer *vmsg_device_xfer(struct vmsg_device *vd);
int vmsg_read_info(struct virtio_msg_bus *bus, u16 num,
		   struct vmsg_device_info *info, unsigned int *epoch);
int vmsg_read_features(struct vmsg_device *vd, u64 features[2]);
void vmsg_device_broken(struct vmsg_device *vd, const char *why);
int vmsg_device_event_config(struct virtio_msg_bus *bus, const struct vmsg_wire *wire,
			     const struct vmsg_pdu *pdu);
int vmsg_device_event_used(struct virtio_msg_bus *bus, const struct vmsg_wire *wire,
			   const struct vmsg_pdu *pdu);
void vmsg_devices_fail(struct virtio_msg_bus *bus, bool all);
void vmsg_device_let_go(struct vmsg_device *vd);
bool vmsg_devices_uncut(struct virtio_msg_bus *bus);
int vmsg_devices_freeze(struct virtio_msg_bus *bus);
void vmsg_devices_thaw(struct virtio_msg_bus *bus);

/* resume.c */
void vmsg_devices_away(struct virtio_msg_bus *bus);
void vmsg_devices_resume(struct virtio_msg_bus *bus);
bool vmsg_type_resumes(u32 device_id);
void vmsg_recover_init(struct virtio_msg_bus *bus);
void vmsg_recover_set(struct virtio_msg_bus *bus, unsigned int s);
bool vmsg_recover_begin(struct virtio_msg_bus *bus, const char *why);
#if IS_ENABLED(CONFIG_KUNIT)
extern u32 vmsg_resume_type;
#endif

/* config_ops.c; the table itself is in vdev_glue.c */
void vmsg_config_get(struct virtio_device *vdev, unsigned int offset,
		     void *buf, unsigned int len);
void vmsg_config_set(struct virtio_device *vdev, unsigned int offset,
		     const void *buf, unsigned int len);
u32 vmsg_config_segs(struct vmsg_device *vd);
u32 vmsg_config_generation(struct virtio_device *vdev);
u8 vmsg_get_status_op(struct virtio_device *vdev);
void vmsg_set_status_op(struct virtio_device *vdev, u8 status);
void vmsg_reset_op(struct virtio_device *vdev);
const char *vmsg_bus_name_op(struct virtio_device *vdev);
bool vmsg_get_shm_region(struct virtio_device *vdev,
			 struct virtio_shm_region *region, u8 id);
u64 vmsg_offered_features(struct vmsg_device *vd);
int vmsg_set_features(struct vmsg_device *vd, u64 features, u64 features_hi);
int vmsg_send_features(struct vmsg_device *vd);
int vmsg_write_status(struct vmsg_device *vd, u32 status, u32 *now);
int vmsg_wait_for_reset(struct vmsg_device *vd);
void vmsg_config_invalidate(struct vmsg_device *vd);
int vmsg_config_verify(struct vmsg_device *vd);
#if IS_ENABLED(CONFIG_KUNIT)
extern unsigned int vmsg_reset_ms;
#endif

/* vq.c */

/* Segments of a request for which the window has room in any case. */
#define VMSG_SEGS_DEFAULT	128U

int vmsg_find_vqs(struct virtio_device *vdev, unsigned int nvqs,
		  struct virtqueue *vqs[], struct virtqueue_info vqs_info[],
		  struct irq_affinity *desc);
void vmsg_del_vqs(struct virtio_device *vdev);
void vmsg_synchronize_cbs(struct virtio_device *vdev);
int vmsg_disable_vq_and_reset(struct virtqueue *vq);
int vmsg_enable_vq_after_reset(struct virtqueue *vq);
void vmsg_vqs_used(struct vmsg_device *vd, u16 index, bool all);
void vmsg_vqs_quiet(struct vmsg_device *vd, bool ended);
void vmsg_vqs_condemn(struct vmsg_device *vd, bool gone);
unsigned int vmsg_vqs_drain(struct vmsg_device *vd, bool again);
bool vmsg_vqs_sure(struct vmsg_device *vd);
bool vmsg_vqs_can_resume(struct vmsg_device *vd);
int vmsg_vqs_resume(struct vmsg_device *vd);
void vmsg_vqs_go(struct vmsg_device *vd);
void vmsg_device_mute(struct vmsg_device *vd);
void vmsg_device_unmute(struct vmsg_device *vd);
void vmsg_vqs_break(struct vmsg_device *vd);
void vmsg_vqs_hush(struct vmsg_device *vd);

/* track.c */
int vmsg_track_init(struct vmsg_vq *q);
int vmsg_track_renew(struct vmsg_vq *q);
void vmsg_track_exit(struct vmsg_vq *q);
void vmsg_track_quiet(struct vmsg_vq *q);
unsigned int vmsg_track_drain(struct vmsg_vq *q);
bool vmsg_track_adding(const struct vmsg_vq *q);
bool vmsg_track_sweeps(const struct vmsg_vq *q);
unsigned int vmsg_track_sweep(struct vmsg_vq *q, bool again);
bool vmsg_track_swept(struct vmsg_vq *q);
bool vmsg_track_doubts(struct vmsg_vq *q);
int vmsg_track_resume(struct vmsg_vq *q);
bool vmsg_track_inspect(struct vmsg_vq *q, struct vmsg_track_state *st);
extern const struct vmsg_wctx_ops vmsg_track_ops;

/* vdev_glue.c, or compat/ on kernels without virtio_map_ops */
extern const struct virtio_config_ops vmsg_config_ops;
void vmsg_glue_init_vdev(struct vmsg_device *vd);
int vmsg_glue_init_bus(struct virtio_msg_bus *bus);
int vmsg_glue_init_vq(struct vmsg_vq *q);
struct virtqueue *vmsg_glue_create_ring(struct vmsg_vq *q, u32 num, bool ctx,
					bool (*notify)(struct virtqueue *vq),
					void (*callback)(struct virtqueue *vq),
					const char *name);

#define VMSG_CONFIG_OPS_COMMON \
	.get = vmsg_config_get, \
	.set = vmsg_config_set, \
	.generation = vmsg_config_generation, \
	.get_status = vmsg_get_status_op, \
	.set_status = vmsg_set_status_op, \
	.reset = vmsg_reset_op, \
	.find_vqs = vmsg_find_vqs, \
	.del_vqs = vmsg_del_vqs, \
	.synchronize_cbs = vmsg_synchronize_cbs, \
	.bus_name = vmsg_bus_name_op, \
	.get_shm_region = vmsg_get_shm_region, \
	.disable_vq_and_reset = vmsg_disable_vq_and_reset, \
	.enable_vq_after_reset = vmsg_enable_vq_after_reset

/* debugfs.c */
void vmsg_debugfs_init(void);
void vmsg_debugfs_exit(void);
void vmsg_debugfs_add(struct virtio_msg_bus *bus);
void vmsg_debugfs_remove(struct virtio_msg_bus *bus);

#endif /* _DRIVERS_VIRTIO_MSG_INTERNAL_H */
