/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * virtio-msg device side: the library
 *
 * A bus (struct vmsg_bus) holds devices (struct vmsg_dev) and answers messages.
 * It is fed by a link: the shared-memory segment (struct vmsg_seg), a pair of
 * raw SPSC pages (struct vmsg_spsc), a stream of frames (struct vmsg_stream), or
 * anything else that delivers frames.
 * The library allocates nothing, never blocks and has no locks: its caller
 * serialises all calls that concern one bus.
 */
#ifndef VMSG_H
#define VMSG_H

#include <linux/virtio_msg.h>

#include "vmsg_plat.h"

#define VMSG_MAX_VQS		64	/* queues of one device */
#define VMSG_MAX_SG		256	/* buffers of one descriptor chain */
#define VMSG_MIN_FRAME		64	/* a buffer of this size fits any header */

/* Device status */
#define VMSG_S_ACKNOWLEDGE	0x01
#define VMSG_S_DRIVER		0x02
#define VMSG_S_DRIVER_OK	0x04
#define VMSG_S_FEATURES_OK	0x08
#define VMSG_S_NEEDS_RESET	0x40
#define VMSG_S_FAILED		0x80

/* Feature bits that the library itself understands */
#define VMSG_F(bit)		(1ULL << (bit))
#define VMSG_F_INDIRECT_DESC	VMSG_F(28)
#define VMSG_F_EVENT_IDX	VMSG_F(29)
#define VMSG_F_VERSION_1	VMSG_F(32)
#define VMSG_F_ACCESS_PLATFORM	VMSG_F(33)
#define VMSG_F_RING_PACKED	VMSG_F(34)
#define VMSG_F_ORDER_PLATFORM	VMSG_F(36)
#define VMSG_F_NOTIFICATION_DATA	VMSG_F(38)
#define VMSG_F_RING_RESET	VMSG_F(40)

/* What every device built on this library's own virtqueues can offer. */
#define VMSG_F_BUILTIN		(VMSG_F_VERSION_1 | VMSG_F_INDIRECT_DESC | \
				 VMSG_F_EVENT_IDX | VMSG_F_RING_PACKED | \
				 VMSG_F_NOTIFICATION_DATA | VMSG_F_RING_RESET)

struct vmsg_bus;
struct vmsg_dev;
struct vmsg_vq;

/* ------------------------------------------------------------- headers */

/**
 * struct vmsg_hdr - a message header of any wire revision
 * @type: VIRTIO_MSG_TYPE_*
 * @msg_id: message number
 * @dev_num: device number, 0 for bus messages
 * @size: header and payload
 * @result: xid32 only
 * @xid: transaction ID of xid32, token of v1 and v2, 0 for rfc2
 */
struct vmsg_hdr {
	uint8_t type;
	uint8_t msg_id;
	uint16_t dev_num;
	uint16_t size;
	uint16_t result;
	uint32_t xid;
};

unsigned int vmsg_hdr_len(unsigned int wire);
unsigned int vmsg_wire_min(unsigned int wire);
void vmsg_hdr_get(unsigned int wire, const uint8_t *buf, struct vmsg_hdr *h);
void vmsg_hdr_put(unsigned int wire, uint8_t *buf, const struct vmsg_hdr *h);

/* --------------------------------------------------------------- areas */

/**
 * struct vmsg_area - memory that descriptors may point into
 * @id: bits 63:48 of a wire address
 * @start: first valid offset
 * @len: number of valid bytes
 * @ptr: where the byte at @start is mapped
 */
struct vmsg_area {
	uint16_t id;
	uint64_t start;
	uint64_t len;
	uint8_t *ptr;
};

void *vmsg_map(struct vmsg_bus *bus, uint64_t addr, uint64_t len);

/* ---------------------------------------------------------- virtqueues */

/**
 * struct vmsg_sg - one buffer of a chain, checked against the areas
 * @ptr: first byte; the peer may write there at any time
 * @len: length
 */
struct vmsg_sg {
	uint8_t *ptr;
	uint32_t len;
};

/**
 * struct vmsg_chain - one descriptor chain taken from a queue
 * @id: what goes into the used entry
 * @ndesc: ring slots it took (packed)
 * @nout: buffers the device reads, first in @sg
 * @nin: buffers the device writes, after them
 * @out_len: bytes in the first
 * @in_len: bytes in the second
 * @foreign: what the link keeps for buffers that are not in an area; 0: nothing
 * @sg: the buffers
 */
struct vmsg_chain {
	uint16_t id;
	uint16_t ndesc;
	uint16_t nout;
	uint16_t nin;
	uint32_t out_len;
	uint32_t in_len;
	uint32_t foreign;
	struct vmsg_sg sg[VMSG_MAX_SG];
};

/**
 * struct vmsg_vq - the device side of one virtqueue
 *
 * The caller sets @max_size (0: the queue does not exist) before the device is
 * added; all else belongs to the library.
 */
struct vmsg_vq {
	struct vmsg_dev *dev;
	uint16_t index;
	uint16_t max_size;
	uint16_t size;
	bool enabled;
	bool packed;
	bool event_idx;
	bool indirect;
	bool wrap_avail;
	bool wrap_used;
	bool signalled_valid;
	uint16_t last_avail;
	uint16_t used_idx;
	uint16_t signalled;
	uint16_t inuse;
	uint32_t unsignalled;
	/* wire addresses as the driver gave them, and where they are mapped */
	uint64_t desc_addr;
	uint64_t driver_addr;
	uint64_t device_addr;
	uint8_t *desc;
	uint8_t *driver;
	uint8_t *device;
	uint64_t kicks;
	uint64_t used_events;
};

bool vmsg_vq_pop(struct vmsg_vq *vq, struct vmsg_chain *chain);
void vmsg_vq_push(struct vmsg_vq *vq, const struct vmsg_chain *chain,
		  uint32_t len);
bool vmsg_vq_need_notify(struct vmsg_vq *vq);
bool vmsg_vq_next_ok(const struct vmsg_vq *vq, uint32_t next);
void vmsg_vq_kick_off(struct vmsg_vq *vq);
bool vmsg_vq_kick_on(struct vmsg_vq *vq);
void vmsg_vq_flush(struct vmsg_vq *vq);
void vmsg_vq_drain(struct vmsg_vq *vq, bool (*may)(struct vmsg_vq *vq),
		   void (*one)(struct vmsg_vq *vq, struct vmsg_chain *chain),
		   struct vmsg_chain *chain);
uint32_t vmsg_chain_read(const struct vmsg_chain *chain, uint32_t off,
			 void *buf, uint32_t len);
uint32_t vmsg_chain_write(const struct vmsg_chain *chain, uint32_t off,
			  const void *buf, uint32_t len);

/* ------------------------------------------------------------- devices */

/**
 * struct vmsg_dev_ops - what makes a device
 * @start: DRIVER_OK was set; a negative value faults the device
 * @reset: let go of all rings and buffers.  False if that takes time: then
 *	vmsg_dev_reset_done() must follow, and the status stays as it is so long
 * @kick: there may be something in this queue
 * @queue_reset: let go of this queue's ring and buffers at once; a device that
 *	lacks it cannot offer RING_RESET
 * @queue_enable: a queue was enabled while the device runs
 * @set_config: the driver writes its configuration; the bytes are in range.
 *	False rejects it, true means that @config holds what is to be held now
 * @get_shm: shared memory region @id; false if there is none
 */
struct vmsg_dev_ops {
	int (*start)(struct vmsg_dev *dev);
	bool (*reset)(struct vmsg_dev *dev);
	void (*kick)(struct vmsg_dev *dev, struct vmsg_vq *vq);
	void (*queue_reset)(struct vmsg_dev *dev, struct vmsg_vq *vq);
	int (*queue_enable)(struct vmsg_dev *dev, struct vmsg_vq *vq);
	bool (*set_config)(struct vmsg_dev *dev, uint32_t off,
			   const uint8_t *data, uint32_t len);
	bool (*get_shm)(struct vmsg_dev *dev, uint32_t id, uint64_t *addr,
			uint64_t *len);
};

struct vmsg_dev_stats {
	uint64_t messages;	/* requests and events received for it */
	uint64_t kicks;
	uint64_t used_events;
	uint64_t bytes_in;	/* from the driver */
	uint64_t bytes_out;	/* to the driver */
	uint64_t requests;	/* chains completed */
	uint64_t resets;
	uint64_t faults;
};

/**
 * struct vmsg_dev - a device on a bus
 *
 * The caller fills in the first part and keeps the memory until @release says
 * that the bus has forgotten the device.
 */
struct vmsg_dev {
	const struct vmsg_dev_ops *ops;
	uint16_t num;
	uint32_t device_id;
	uint32_t vendor_id;
	uint8_t uuid[16];
	uint64_t features;
	uint8_t *config;
	uint32_t config_len;
	struct vmsg_vq *vqs;
	uint32_t nvqs;
	void *priv;
	void (*release)(struct vmsg_dev *dev);

	/* the library's */
	struct vmsg_bus *bus;
	struct vmsg_dev *hash_next;
	struct vmsg_dev *next;
	uint64_t driver_features;
	bool foreign_features;
	bool resetting;
	bool removing;
	uint8_t status;
	uint8_t events;
	uint32_t generation;
	uint64_t kick_again;
	uint64_t used_pending;
	struct vmsg_dev_stats stats;
};

int vmsg_bus_add(struct vmsg_bus *bus, struct vmsg_dev *dev);
void vmsg_bus_remove(struct vmsg_bus *bus, struct vmsg_dev *dev);
struct vmsg_dev *vmsg_bus_find(struct vmsg_bus *bus, uint16_t num);
void vmsg_dev_fault(struct vmsg_dev *dev, const char *why, uint32_t value);
void vmsg_dev_reset_done(struct vmsg_dev *dev);
void vmsg_dev_used(struct vmsg_dev *dev, uint16_t queue);
void vmsg_dev_kick(struct vmsg_dev *dev, uint16_t queue);
void vmsg_dev_again(struct vmsg_dev *dev, uint16_t queue);
void vmsg_dev_config_changed(struct vmsg_dev *dev);

static inline bool vmsg_dev_running(const struct vmsg_dev *dev)
{
	return (dev->status & (VMSG_S_DRIVER_OK | VMSG_S_NEEDS_RESET)) ==
		VMSG_S_DRIVER_OK && !dev->resetting;
}

/* ----------------------------------------------------------------- bus */

/**
 * struct vmsg_link_ops - how a bus reaches its driver side
 * @send: put one frame on the way; -VMSG_EAGAIN if there is no room: then the
 *	link calls vmsg_bus_flush() when there is
 * @used: tell of used buffers without a message; false if that is not possible
 * @foreign: optional.  Private memory for a buffer of @chain whose address has bit
 *	63 set: with what is in the buffer, or (@write) to be filled; also for each
 *	that is to be written in an area.  NULL if there is no such buffer
 * @foreign_end: needed with @foreign.  The chain is about to be given back, with
 *	@len bytes written, or is forgotten (0): write back in order, let go.  A handle
 *	may come once more after that, and means nothing then
 * @popped: optional.  A chain was taken; false keeps it from the device
 * @push: optional.  A chain is about to be given back; true if that is done, or is
 *	not to be done
 */
struct vmsg_link_ops {
	int (*send)(struct vmsg_bus *bus, const uint8_t *frame, uint32_t len);
	bool (*used)(struct vmsg_bus *bus, uint16_t dev_num, uint16_t queue);
	void *(*foreign)(struct vmsg_bus *bus, struct vmsg_chain *chain,
			 uint64_t addr, uint32_t len, bool write);
	void (*foreign_end)(struct vmsg_bus *bus, uint32_t handle, uint32_t len);
	bool (*popped)(struct vmsg_vq *vq, struct vmsg_chain *chain);
	bool (*push)(struct vmsg_vq *vq, const struct vmsg_chain *chain,
		     uint32_t len);
};

struct vmsg_bus_stats {
	uint64_t rx[2][256];	/* messages received: transport, bus */
	uint64_t tx[2][256];	/* messages sent */
	uint64_t malformed;	/* not even a header, or sizes that lie */
	uint64_t refused;	/* requests answered with an error */
	uint64_t stray;		/* responses and events nobody waits for */
	uint64_t backlogged;	/* frames that had to wait for room */
	uint64_t links;		/* times the link came up */
};

/**
 * struct vmsg_bus - a bus
 *
 * The caller fills in the first part.  @frame holds two frames of @frame_size
 * bytes; @backlog holds @backlog_slots of them, each preceded by 8 bytes.
 * Backlog space bounds what an impolite driver can make us keep: with the
 * backlog full no further request is taken from the link.
 */
struct vmsg_bus {
	const struct vmsg_link_ops *link;
	void *link_priv;
	struct vmsg_area *areas;
	unsigned int nareas;
	struct vmsg_area ram;	/* of the driver side, besides; len 0: none */
	uint64_t require;	/* features without which FEATURES_OK is refused */
	uint8_t *frame;
	uint32_t frame_size;
	uint8_t *backlog;
	uint32_t backlog_slots;
	uint32_t random;	/* seed of our own transaction IDs */
	void (*log)(struct vmsg_bus *bus, struct vmsg_dev *dev,
		    const char *what, uint32_t value);
	void (*pong)(struct vmsg_bus *bus, uint32_t value);
	void *priv;

	/* the library's */
	bool up;
	bool events_pending;
	bool kicks_pending;
	bool ping_sent;
	uint8_t wire;
	uint32_t max_msg;
	uint32_t ping_xid;
	uint32_t ping_value;
	uint32_t backlog_head;
	uint32_t backlog_count;
	uint32_t ndevs;
	struct vmsg_dev *hash[256];
	struct vmsg_dev *devs;
	struct vmsg_bus_stats stats;
};

void vmsg_bus_link_up(struct vmsg_bus *bus, unsigned int wire, uint32_t max_msg);
void vmsg_bus_link_down(struct vmsg_bus *bus);
bool vmsg_bus_quiet(struct vmsg_bus *bus);
bool vmsg_bus_can_receive(const struct vmsg_bus *bus);
void vmsg_bus_receive(struct vmsg_bus *bus, const uint8_t *frame, uint32_t len);
bool vmsg_bus_flush(struct vmsg_bus *bus);
bool vmsg_bus_run(struct vmsg_bus *bus);
void vmsg_bus_kick(struct vmsg_bus *bus, uint16_t dev_num, uint16_t first,
		   uint16_t last);
int vmsg_bus_ping(struct vmsg_bus *bus, uint32_t value);

/* ------------------------------------------------------------- segment */

/**
 * struct vmsg_seg_params - how fresh memory is to be divided
 * @num_notif: notification words each way, 0 to 64
 * @vq_per_dev: 1, 2, 4, 8 or 16
 * @num_elems: elements of each message ring, at least 2
 * @elem_size: at least 64, a multiple of 8
 * @window_offset: start of the window, page aligned; 0 chooses
 * @window_length: its length; 0 means up to the end
 * @bare: leave out our extension: the layout of the public peers
 */
struct vmsg_seg_params {
	uint32_t num_notif;
	uint32_t vq_per_dev;
	uint32_t num_elems;
	uint32_t elem_size;
	uint64_t window_offset;
	uint64_t window_length;
	bool bare;
};

/**
 * struct vmsg_seg_layout - a layout that was checked, in private memory
 */
struct vmsg_seg_layout {
	uint8_t num_notif;
	uint8_t vq_per_dev;
	uint16_t num_elems;
	uint16_t elem_size;
	bool bare;
	uint64_t dev_notif, dev_head, dev_elems;
	uint64_t drv_notif, drv_head, drv_elems;
	uint64_t window_offset, window_length;
};

int vmsg_seg_format(void *mem, uint64_t size, const struct vmsg_seg_params *p);
int vmsg_seg_check(const void *mem, uint64_t size, struct vmsg_seg_layout *l);

/* Where the device side stands. */
enum vmsg_seg_state {
	VMSG_SEG_STOPPED,	/* before vmsg_seg_start() */
	VMSG_SEG_CLEANUP,	/* said SHUTDOWN; devices are letting go */
	VMSG_SEG_HOLD,		/* said SHUTDOWN; waits before it tries again */
	VMSG_SEG_INIT,		/* waits for the peer to leave RUN */
	VMSG_SEG_READY,		/* waits for the peer's READY */
	VMSG_SEG_HALF,		/* we say RUN, the peer still says READY */
	VMSG_SEG_RUN,		/* both in RUN */
};

/**
 * struct vmsg_seg - the device side of one segment
 *
 * The caller fills in the first part; @bus must have frames of at least the
 * segment's element size.
 */
struct vmsg_seg {
	struct vmsg_bus *bus;
	uint8_t *mem;
	uint64_t size;
	uint32_t wire_offered;
	uint16_t device_peer;
	uint32_t device_flags;
	uint32_t bare_wire;	/* wire revision spoken on a bare layout */
	uint64_t bare_window_offset;
	uint64_t bare_window_length;
	void (*doorbell)(struct vmsg_seg *seg, uint16_t peer);
	uint32_t (*random)(struct vmsg_seg *seg);
	void *priv;

	/* the library's */
	enum vmsg_seg_state state;
	struct vmsg_seg_layout l;
	struct vmsg_area area;
	uint16_t driver_peer;
	uint16_t tail;
	uint16_t head;
	uint32_t device_instance;
	uint32_t driver_instance;
	uint32_t drops;		/* times the peer was lost */
	bool tx_full;
	uint64_t now;
	uint64_t hold_until;
	uint64_t next_status_poll;
	uint64_t doorbells_out;
	uint64_t tx_bits[VIRTIO_MSG_SEG_MAX_NOTIF];
	uint64_t rx_bits[VIRTIO_MSG_SEG_MAX_NOTIF];
};

extern const struct vmsg_link_ops vmsg_seg_link;

int vmsg_seg_init(struct vmsg_seg *seg);
void vmsg_seg_start(struct vmsg_seg *seg, uint64_t now_ms);
unsigned int vmsg_seg_poll(struct vmsg_seg *seg, uint64_t now_ms);
void vmsg_seg_peer_gone(struct vmsg_seg *seg, uint16_t peer, uint64_t now_ms);
void vmsg_seg_stop(struct vmsg_seg *seg);

/* ---------------------------------------------------------- SPSC pages */

/**
 * struct vmsg_spsc - a pair of raw SPSC pages
 * @bus: its bus
 * @rx: what the driver side writes
 * @tx: what we write
 * @rx_size: bytes of @rx
 * @tx_size: bytes of @tx
 * @doorbell: tell the driver side
 */
struct vmsg_spsc {
	struct vmsg_bus *bus;
	uint8_t *rx;
	uint8_t *tx;
	uint32_t rx_size;
	uint32_t tx_size;
	void (*doorbell)(struct vmsg_spsc *spsc);
	void *priv;
};

extern const struct vmsg_link_ops vmsg_spsc_link;

uint32_t vmsg_spsc_slots(uint32_t size);
int vmsg_spsc_start(struct vmsg_spsc *spsc, unsigned int wire);
bool vmsg_spsc_poll(struct vmsg_spsc *spsc);

/* ------------------------------------------------- streams of frames */

/**
 * struct vmsg_stream - a link whose frames are read and written many at a time
 * @bus: its bus, whose link_priv is this
 * @rx: room for what one read gives
 * @tx: room for what one write takes, at least one frame
 * @rx_size: bytes of @rx
 * @tx_size: bytes of @tx
 * @read: bytes that were read, whole frames; 0 or less if there is nothing
 * @write: bytes of whole frames that were taken; -VMSG_EAGAIN to try it later;
 *	another error if the first frame was refused
 * @priv: the caller's
 * @tx_blocked: write() said that it is full
 * @reads: that gave something
 * @writes: that were not told to try it later
 * @frames_in: frames of all reads
 * @frames_out: frames of all writes
 * @rejected: frames that the driver side refused
 */
struct vmsg_stream {
	struct vmsg_bus *bus;
	uint8_t *rx;
	uint8_t *tx;
	uint32_t rx_size;
	uint32_t tx_size;
	int (*read)(struct vmsg_stream *s, uint8_t *buf, uint32_t len);
	int (*write)(struct vmsg_stream *s, const uint8_t *buf, uint32_t len);
	void *priv;

	/* the library's */
	bool tx_blocked;
	uint32_t rx_pos;
	uint32_t rx_len;
	uint32_t tx_pos;
	uint32_t tx_len;
	uint64_t reads;
	uint64_t writes;
	uint64_t frames_in;
	uint64_t frames_out;
	uint64_t rejected;
};

extern const struct vmsg_link_ops vmsg_stream_link;

bool vmsg_stream_poll(struct vmsg_stream *s);

#endif /* VMSG_H */
