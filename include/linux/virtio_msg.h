/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * virtio-msg: what a transport is written against
 *
 * A transport carries messages of one bus to its peer and back.  It describes
 * itself with constant data (struct virtio_msg_transport_desc) and a few
 * operations (struct virtio_msg_transport_ops); everything that the core can
 * do for all transports is not an operation.
 *
 * A transport whose link is the shared-memory segment, or a pair of raw SPSC
 * queues, needs even less: see struct virtio_msg_segment_desc and struct
 * virtio_msg_spsc_desc at the end.
 */
#ifndef _LINUX_VIRTIO_MSG_H
#define _LINUX_VIRTIO_MSG_H

#include <linux/bits.h>
#include <linux/types.h>
#include <uapi/linux/virtio_msg.h>

struct device;
struct module;
struct seq_file;
struct virtio_msg_bus;

/* send() may be called in atomic context and never sleeps. */
#define VIRTIO_MSG_T_ATOMIC_SEND	BIT(0)
/* The device sees nothing but the window; a link without one is refused. */
#define VIRTIO_MSG_T_NEEDS_WINDOW	BIT(1)
/*
 * There is no window: the device side reaches memory by DMA of the device that
 * was given to virtio_msg_bus_alloc(), whose DMA mask is within 48 bits.
 */
#define VIRTIO_MSG_T_DMA		BIT(2)
/*
 * Devices may wait for a successor of their peer as long as the bus is told to
 * in sysfs.  Set by the core, for buses over a segment.
 */
#define VIRTIO_MSG_T_RECOVERS		BIT(3)

/* Bytes of a slot in which memory is shared, see struct virtio_msg_transport_desc. */
#define VIRTIO_MSG_SHARE_SIZE		4096

/*
 * What a peer does otherwise than wire.rst says, or must not be asked; see
 * "Quirks of known peers" there.
 */
/* No message is longer than the least bus maximum of the revision. */
#define VIRTIO_MSG_Q_SHORT		BIT(0)
/* Responses to bus messages carry token 0. */
#define VIRTIO_MSG_Q_BUS_TOKEN0		BIT(1)
/* Device numbers 0 to 31 are all there are; GET_DEVICES never says so. */
#define VIRTIO_MSG_Q_DEVICES_32		BIT(2)
/* Device 0 is all there is; device numbers received mean nothing. */
#define VIRTIO_MSG_Q_ONE_DEVICE		BIT(3)
/* GET_SHM is not answered. */
#define VIRTIO_MSG_Q_NO_SHM		BIT(4)
/* Configuration goes in pieces of 1, 2 or 4 bytes; a read answers with a u64. */
#define VIRTIO_MSG_Q_CONFIG_U64		BIT(5)
/* There are 64 feature bits, whatever the device and its responses claim. */
#define VIRTIO_MSG_Q_FEATURES_U64	BIT(6)
/* EVENT_AVAIL before DRIVER_OK breaks the device. */
#define VIRTIO_MSG_Q_LATE_KICK		BIT(7)
/* PING need not be answered: no keep-alive unless somebody turns it on. */
#define VIRTIO_MSG_Q_NO_KEEPALIVE	BIT(8)
/*
 * A kick needs a worker or a process of this system to reach the device side, so
 * that no driver may wait for the device with interrupts off.  The same holds where
 * send() sleeps and there are no @kick_words, and nobody need say so.
 */
#define VIRTIO_MSG_Q_WORKER_KICK	BIT(9)
/*
 * GET_DEVICES is answered once for all devices, with the number of those that
 * are present instead of that of the bits.
 */
#define VIRTIO_MSG_Q_DEVICES_ONCE	BIT(10)

/**
 * struct virtio_msg_window - the memory that the peer can see
 * @va: kernel mapping, cached or write-combining, never of Device type
 * @phys: physical address of the first byte, or ~0 where it has none
 * @size: bytes; 0 for a bus without a window
 * @wire: wire address of the first byte (area id in bits 63:48)
 */
struct virtio_msg_window {
	void *va;
	phys_addr_t phys;
	u64 size;
	u64 wire;
};

/**
 * struct virtio_msg_link - what a bring-up has settled
 * @wire: wire revision, VIRTIO_MSG_WIRE_*
 * @max_msg_size: longest message that both sides take, header included, bytes
 * @kick_words: kicks travel in notification words: NOTIFICATION_DATA has no
 *	room and is masked
 * @peer: number of the peer, for people; ~0 where it has none
 * @instance: the peer's instance number, 0 where it has none
 * @window: where rings and buffers go
 * @shm_phys: physical address of area 1, for device shared memory; ~0: none
 * @shm_size: bytes of area 1
 * @max_devices: devices that the bus may have; 0, or more than the module
 *	parameter allows: as many as that
 * @may_return: a successor of the peer may go on where the peer left off:
 *	virtio_msg_peer_away() may be called.  VIRTIO_F_RING_PACKED is not
 *	offered to devices that could go on, because only a split ring tells
 *	what is left to do.
 * @continues: this peer is such a successor, and vouches that the state and the
 *	write caches of its predecessor's devices are intact
 */
struct virtio_msg_link {
	unsigned int wire;
	u16 max_msg_size;
	bool kick_words;
	u32 peer;
	u32 instance;
	struct virtio_msg_window window;
	phys_addr_t shm_phys;
	u64 shm_size;
	unsigned int max_devices;
	bool may_return;
	bool continues;
};

/**
 * struct virtio_msg_transport_ops - operations of a transport
 * @start: bring the link up, or begin to; ends in virtio_msg_peer_up(), now or
 *	later.  May sleep.  0 or a negative errno, which fails the registration.
 * @stop: take the link down for good; no call of virtio_msg_rx() and friends
 *	may be running or follow when it returns.  May sleep.
 * @send: give one frame to the peer.  Calls are never concurrent on one bus and
 *	no lock of the core is held.  Atomic context if the transport claims
 *	VIRTIO_MSG_T_ATOMIC_SEND, else may sleep.  0; -EAGAIN when there is no
 *	room: the core keeps the frame and tries again after
 *	virtio_msg_tx_space(); -ENOTCONN when the peer is gone; another errno
 *	fails this one message.
 * @kick: optional.  Tell the device side that a virtqueue has new buffers,
 *	without a message.  Any context, never sleeps, never fails for lack of
 *	room.  0, or -EOPNOTSUPP when this queue's kicks travel as EVENT_AVAIL.
 * @sync_rx: optional.  Return when no virtio_msg_rx_used() that began before
 *	the call still runs, where synchronize_rcu() cannot tell.  May sleep.
 * @cut: needed with VIRTIO_MSG_T_DMA.  Keep the device side from reaching
 *	memory: buffers that it has are about to be given back to their drivers.
 *	More than once does no harm.  May sleep.
 * @uncut: needed with VIRTIO_MSG_T_DMA.  The link is up, and all devices that
 *	had buffers when it was cut were reset: let the device side reach memory.
 *	False if it may not yet; nothing is done with its devices then until
 *	virtio_msg_rescan().  May sleep.
 * @share: needed with @share_slots of struct virtio_msg_transport_desc.  Let the
 *	device side reach the VIRTIO_MSG_SHARE_SIZE bytes at @phys by the wire
 *	addresses of slot @slot: read them, and write them if @write.  Nothing is
 *	shared in that slot before.  Any context, never sleeps.
 * @unshare: likewise.  End that.  True when the device side does not reach the
 *	memory any more.  False when it holds on to it: the slot is not used again,
 *	and the transport sees to it that the page is not freed until the device
 *	side lets go.  Any context, never sleeps.
 * @lost: optional.  The core has ended all transactions and removed all
 *	devices of the lost peer: the link may be brought up again.  Not called
 *	where the next link is up already.  May sleep.
 * @dead: optional.  The core has given the link up for good, until the bus is
 *	registered anew: no @lost follows.  Any context, never sleeps.
 * @suspend: optional.  Devices are frozen; quiesce the link.  May sleep.
 * @resume: optional.  Undo @suspend.  May sleep.
 * @show: optional.  Print the transport's own lines for debugfs.  May sleep.
 */
struct virtio_msg_transport_ops {
	int (*start)(struct virtio_msg_bus *bus);
	void (*stop)(struct virtio_msg_bus *bus);
	int (*send)(struct virtio_msg_bus *bus, const void *frame, size_t len);
	int (*kick)(struct virtio_msg_bus *bus, u16 dev_num, u16 vq);
	void (*sync_rx)(struct virtio_msg_bus *bus);
	void (*cut)(struct virtio_msg_bus *bus);
	bool (*uncut)(struct virtio_msg_bus *bus);
	void (*share)(struct virtio_msg_bus *bus, u32 slot, phys_addr_t phys,
		      bool write);
	bool (*unshare)(struct virtio_msg_bus *bus, u32 slot, phys_addr_t phys);
	void (*lost)(struct virtio_msg_bus *bus);
	void (*dead)(struct virtio_msg_bus *bus);
	int (*suspend)(struct virtio_msg_bus *bus);
	int (*resume)(struct virtio_msg_bus *bus);
	void (*show)(struct virtio_msg_bus *bus, struct seq_file *s);
};

/**
 * struct virtio_msg_transport_desc - constant data of a transport
 * @name: what users see, e.g. in virtio_config_ops.bus_name()
 * @owner: the transport's module, named in debugfs; not pinned: its unloading
 *	ends its buses
 * @ops: its operations
 * @max_inflight: most transactions under way at once on one bus
 * @request_timeout_ms: default time-out of a transaction; 0 takes the module's
 * @flags: VIRTIO_MSG_T_*
 * @quirks: VIRTIO_MSG_Q_*
 * @share_slots: pages of memory outside of the window that the device side can be
 *	let reach at once; 0: none.  Buffers that fill their slots are shared
 *	where they are, all else is copied into the window.
 * @share_wire: wire address of the first slot; the others follow at distances of
 *	VIRTIO_MSG_SHARE_SIZE
 */
struct virtio_msg_transport_desc {
	const char *name;
	struct module *owner;
	const struct virtio_msg_transport_ops *ops;
	unsigned int max_inflight;
	unsigned int request_timeout_ms;
	unsigned long flags;
	unsigned long quirks;
	u32 share_slots;
	u64 share_wire;
};

struct virtio_msg_bus *
virtio_msg_bus_alloc(struct device *parent,
		     const struct virtio_msg_transport_desc *desc, void *priv);
int virtio_msg_bus_register(struct virtio_msg_bus *bus);
void virtio_msg_bus_unregister(struct virtio_msg_bus *bus);
void virtio_msg_bus_put(struct virtio_msg_bus *bus);
void *virtio_msg_bus_priv(struct virtio_msg_bus *bus);
struct device *virtio_msg_bus_dev(struct virtio_msg_bus *bus);
const char *virtio_msg_wire_name(unsigned int wire);

int virtio_msg_rx(struct virtio_msg_bus *bus, const void *frame, size_t len);
void virtio_msg_rx_used(struct virtio_msg_bus *bus, u16 dev_num, u16 vq,
			bool all);
void virtio_msg_rx_overrun(struct virtio_msg_bus *bus);
void virtio_msg_tx_space(struct virtio_msg_bus *bus);
void virtio_msg_peer_up(struct virtio_msg_bus *bus,
			const struct virtio_msg_link *link);
void virtio_msg_peer_lost(struct virtio_msg_bus *bus, const char *why);
void virtio_msg_peer_away(struct virtio_msg_bus *bus, const char *why);
void virtio_msg_rescan(struct virtio_msg_bus *bus);
int virtio_msg_bus_suspend(struct virtio_msg_bus *bus);
int virtio_msg_bus_resume(struct virtio_msg_bus *bus);

/* Transports whose link is the shared-memory segment. */

struct virtio_msg_segment;

/**
 * struct virtio_msg_segment_desc - a segment and its doorbell
 * @name: what users see
 * @owner: the transport's module, named in debugfs
 * @va: kernel mapping of the segment, cached or write-combining
 * @phys: its physical address
 * @size: bytes mapped at @va
 * @own_peer: own peer id, VIRTIO_MSG_PEER_NONE where there are none
 * @wire_mask: bitmap of wire revisions to accept
 * @ring: ring the doorbell of peer @peer (VIRTIO_MSG_PEER_NONE: there is but
 *	one).  Any context, never sleeps.  The segment has ordered its writes
 *	before the call.
 * @flags: VIRTIO_MSG_T_DMA where the device side is not confined to the
 *	segment's window, or else 0
 * @quirks: VIRTIO_MSG_Q_*
 * @max_inflight: most transactions under way at once; 0: 4096
 * @cut: as in struct virtio_msg_transport_ops; needed with VIRTIO_MSG_T_DMA
 * @uncut: likewise
 * @share_slots: as in struct virtio_msg_transport_desc
 * @share_wire: likewise
 * @share: as in struct virtio_msg_transport_ops; needed with @share_slots
 * @unshare: likewise
 * @show: optional.  As in struct virtio_msg_transport_ops
 * @priv: passed to the functions above
 */
struct virtio_msg_segment_desc {
	const char *name;
	struct module *owner;
	void *va;
	phys_addr_t phys;
	u64 size;
	u16 own_peer;
	u32 wire_mask;
	void (*ring)(void *priv, u16 peer);
	unsigned long flags;
	unsigned long quirks;
	unsigned int max_inflight;
	void (*cut)(void *priv);
	bool (*uncut)(void *priv);
	u32 share_slots;
	u64 share_wire;
	void (*share)(void *priv, u32 slot, phys_addr_t phys, bool write);
	bool (*unshare)(void *priv, u32 slot, phys_addr_t phys);
	void (*show)(void *priv, struct seq_file *s);
	void *priv;
};

int virtio_msg_segment_check(const void *va, u64 size);
int virtio_msg_wire_mask(const char *names, u32 *mask);
struct virtio_msg_segment *
virtio_msg_segment_register(struct device *parent,
			    const struct virtio_msg_segment_desc *desc);
void virtio_msg_segment_stop(struct virtio_msg_segment *link);
void virtio_msg_segment_free(struct virtio_msg_segment *link);
bool virtio_msg_segment_interrupt(struct virtio_msg_segment *link);
int virtio_msg_segment_suspend(struct virtio_msg_segment *link);
int virtio_msg_segment_resume(struct virtio_msg_segment *link);
void virtio_msg_segment_lost(struct virtio_msg_segment *link, const char *why);
void virtio_msg_segment_rescan(struct virtio_msg_segment *link);

/* Transports whose link is a pair of raw SPSC queues. */

struct virtio_msg_spsc;

/**
 * struct virtio_msg_spsc_desc - two queues and a doorbell
 * @name: what users see
 * @owner: the transport's module, named in debugfs
 * @tx: kernel mapping of the queue to the device side, cached or
 *	write-combining
 * @tx_size: its bytes
 * @rx: likewise, of the queue from it
 * @rx_size: its bytes
 * @wire: VIRTIO_MSG_WIRE_*, which nothing in the queues tells
 * @flags: VIRTIO_MSG_T_DMA or 0
 * @quirks: VIRTIO_MSG_Q_*
 * @ring: ring the doorbell.  Any context, never sleeps.
 * @present: optional.  Is the other side still there?  Asked once a second.
 *	Any context.
 * @cut: as in struct virtio_msg_transport_ops; needed with VIRTIO_MSG_T_DMA
 * @uncut: likewise
 * @priv: passed to @ring, @present, @cut and @uncut
 */
struct virtio_msg_spsc_desc {
	const char *name;
	struct module *owner;
	void *tx;
	size_t tx_size;
	void *rx;
	size_t rx_size;
	unsigned int wire;
	unsigned long flags;
	unsigned long quirks;
	void (*ring)(void *priv);
	bool (*present)(void *priv);
	void (*cut)(void *priv);
	bool (*uncut)(void *priv);
	void *priv;
};

struct virtio_msg_spsc *
virtio_msg_spsc_register(struct device *parent,
			 const struct virtio_msg_spsc_desc *desc);
void virtio_msg_spsc_stop(struct virtio_msg_spsc *link);
void virtio_msg_spsc_free(struct virtio_msg_spsc *link);
void virtio_msg_spsc_interrupt(struct virtio_msg_spsc *link);
void virtio_msg_spsc_lost(struct virtio_msg_spsc *link, const char *why);
void virtio_msg_spsc_rescan(struct virtio_msg_spsc *link);
int virtio_msg_spsc_suspend(struct virtio_msg_spsc *link);
int virtio_msg_spsc_resume(struct virtio_msg_spsc *link);

#endif /* _LINUX_VIRTIO_MSG_H */
