/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A partition for the unit tests of the FF-A transport: all that the driver
 * sees of FF-A is the table of operations of a device, so that this is one.
 *
 * Its devices are those of the fake transport.  Message formats of the binding
 * are written here once more, by hand.
 */
#ifndef _VIRTIO_MSG_TESTS_FFA_PARTITION_H
#define _VIRTIO_MSG_TESTS_FFA_PARTITION_H

#include <linux/arm_ffa.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>

#include "fake_transport.h"

struct kunit;

#define PART_ID		0xfff3	/* a device type that nobody else drives */
#define PART_FILL	0x77
#define PART_EVENTS	32
#define PART_EVER	UINT_MAX
#define PART_REGS	112
#define PART_REGS_1_1	40
#define PART_MESSAGE	104
#define PART_ELEM	128
#define PART_ELEMS	16

/* Forms of VERSION that it knows */
#define PART_FORM_22	BIT(0)
#define PART_FORM_18	BIT(1)
#define PART_FORM_OLD	BIT(2)

/**
 * enum part_lie - what is wrong with answers
 * @PART_RANDOM: all of it
 * @PART_TOO_LONG: the size goes beyond the registers
 * @PART_TOO_SHORT: the size is less than a header
 * @PART_NO_PAYLOAD: the payload is cut off after a byte
 * @PART_OTHER_ID: it is the answer to another message
 * @PART_OTHER_XID: or to another request
 * @PART_NO_RESPONSE: it says that it is a request
 * @PART_LIES: how many there are
 */
enum part_lie {
	PART_RANDOM,
	PART_TOO_LONG,
	PART_TOO_SHORT,
	PART_NO_PAYLOAD,
	PART_OTHER_ID,
	PART_OTHER_XID,
	PART_NO_RESPONSE,
	PART_LIES
};

struct part_event {
	u8 len;
	u8 frame[PART_MESSAGE];
};

/**
 * struct part - a partition, and the FF-A around it
 * @test: the test
 * @fdev: as the driver sees it
 * @peer: its devices; the wire revision is @peer->link.wire
 * @bound: the driver is bound
 * @lock: guards the callbacks; taken with interrupts off
 * @state: guards what a message changes; outside @lock
 * @no_req2: FF-A has no direct messages of version 1.2, whatever it said
 * @no_notify: nor notifications
 * @taken: notification ids that others have
 * @forms: forms of VERSION that it knows, PART_FORM_*
 * @bus_version: what it says
 * @revision: its public revision
 * @wires: wire revisions that it has; 0: it does not know that there are any
 * @says: wire revisions that it chooses, if not 0
 * @bus_features: what it says
 * @max_areas: what it says
 * @restless: it never repeats what it said
 * @agreed: it knows the driver
 * @form: form of VERSION in use
 * @busy: so many messages get registers of zeroes
 * @kick_waits: a kick came while it was busy
 * @refuse: so many calls end with -EBUSY
 * @refuse_with: or with this errno
 * @single: it serves one call at a time
 * @in_call: calls under way
 * @overlaps: calls that found it busy with another
 * @slow: calls take a while
 * @lies: so many answers to requests are wrong
 * @lie: in this way
 * @event_lies: so many events are nonsense when they are fetched
 * @avail_lies: so many EVENT_AVAIL are lost, and answered with nonsense
 * @share_ret: result of FFA_MEM_SHARE
 * @half_share: it fails after the first fragment
 * @share_refuse: so many AREA_SHARE are refused
 * @share_busy: so many are answered with busy
 * @unshare_busy: so many AREA_UNSHARE are, too
 * @configure_busy: and so many EVENT_CONFIGURE
 * @share_other: AREA_SHARE is answered for another area
 * @unshare_refuse: AREA_UNSHARE is refused
 * @keep: it does not let go of memory; FFA_MEM_RECLAIM is denied
 * @old_handles: it refuses a handle that it has had before
 * @pages: of the memory that is shared; no more than one at a time
 * @npages: how many
 * @ranges: pieces of the last descriptor
 * @handle: of the memory; 0 if there is none
 * @next_handle: of the next
 * @had: the handle that it has had
 * @shares: FFA_MEM_SHARE that succeeded
 * @reclaims: FFA_MEM_RECLAIM that succeeded
 * @mem: the memory, as it has mapped it; NULL if it has not
 * @area: its id
 * @wrong: things that a driver must never do
 * @method: how it tells of events
 * @kicks_by: notification that it takes for kicks; 0xffff for none
 * @notify_id: notification that it sends
 * @notify_cb: where it ends up
 * @notify_data: and with what
 * @told: the driver was told of events that it has not fetched
 * @fwk_cb: where indirect messages end up
 * @fwk_data: and with what
 * @mailbox: sends them
 * @outbox: indirect messages that wait for @mailbox
 * @nout: how many
 * @events: events that wait
 * @first: the first of them
 * @nevents: how many
 * @endless: there is always another event
 * @deaf: it sends no notifications
 * @hold: buffers are not used, until part_serve_all()
 * @atomic_kicks: kicks with interrupts off
 * @kicked: looks at all queues after a kick
 * @no_kicks: notifications to it are refused
 * @served: buffers used
 * @messages: virtio-msg messages served
 * @calls: direct messages
 * @polls: EVENT_POLL
 * @versions: VERSION that were agreed on
 * @resets: RESET
 * @avail_idx: next entry of each queue of each device
 * @format: it makes a segment of area 1
 * @drv_tail: ring: consumer index
 * @dev_tail: ring: producer index
 * @instance: ring: its instance number
 * @driver_instance: ring: and that of the driver
 */
struct part {
	struct kunit *test;
	struct ffa_device fdev;
	struct fake *peer;
	bool bound;
	spinlock_t lock; /* see above */
	struct mutex state; /* see above */
	bool no_req2;
	bool no_notify;
	u64 taken;
	unsigned int forms;
	u32 bus_version;
	u16 revision;
	u16 wires;
	u16 says;
	u32 bus_features;
	u16 max_areas;
	bool restless;
	bool agreed;
	unsigned int form;
	unsigned int busy;
	bool kick_waits;
	unsigned int refuse;
	int refuse_with;
	bool single;
	atomic_t in_call;
	unsigned int overlaps;
	bool slow;
	unsigned int lies;
	enum part_lie lie;
	unsigned int event_lies;
	unsigned int avail_lies;
	int share_ret;
	bool half_share;
	unsigned int share_refuse;
	unsigned int share_busy;
	unsigned int unshare_busy;
	unsigned int configure_busy;
	bool share_other;
	bool unshare_refuse;
	bool keep;
	bool old_handles;
	struct page **pages;
	unsigned int npages;
	unsigned int ranges;
	u64 handle;
	u64 next_handle;
	u64 had;
	unsigned int shares;
	unsigned int reclaims;
	u8 *mem;
	u16 area;
	unsigned int wrong;
	u8 method;
	u16 kicks_by;
	int notify_id;
	ffa_notifier_cb notify_cb;
	void *notify_data;
	bool told;
	ffa_fwk_notifier_cb fwk_cb;
	void *fwk_data;
	struct work_struct mailbox;
	struct part_event outbox[PART_EVENTS];
	unsigned int nout;
	struct part_event events[PART_EVENTS];
	unsigned int first;
	unsigned int nevents;
	bool endless;
	bool deaf;
	bool hold;
	atomic_t atomic_kicks;
	struct work_struct kicked;
	bool no_kicks;
	unsigned int served;
	unsigned int messages;
	unsigned int calls;
	unsigned int polls;
	unsigned int versions;
	unsigned int resets;
	u16 avail_idx[FAKE_DEVS][FAKE_VQS];
	bool format;
	u16 drv_tail;
	u16 dev_tail;
	u32 instance;
	u32 driver_instance;
};

struct part *part_new(struct kunit *test, u32 properties);
int part_bind(struct part *p);
void part_unbind(struct part *p);
void part_free(struct part *p);
struct vmsg_ffa *part_driver(struct part *p);
struct virtio_msg_bus *part_bus(struct part *p);
void part_forget(struct part *p);
void part_event(struct part *p, u8 type, u8 msg_id, u16 dev, u32 word);
void part_notify(struct part *p);
void part_serve_all(struct part *p);
void part_indirect(struct part *p, const void *data, size_t len);

#endif /* _VIRTIO_MSG_TESTS_FFA_PARTITION_H */
