/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A transport of a few lists, for the unit tests: it remembers what the core
 * sent and plays the peer, an honest one or what a test makes of it.
 *
 * The formats are written here once more, by hand, so that a mistake of the
 * core's packers is not made twice.
 */
#ifndef _VIRTIO_MSG_TESTS_FAKE_TRANSPORT_H
#define _VIRTIO_MSG_TESTS_FAKE_TRANSPORT_H

#include <linux/jiffies.h>
#include <linux/list.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/virtio_msg.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

struct kunit;

#define FAKE_DEVS	8
#define FAKE_VQS	8
#define FAKE_CONFIG	256
#define FAKE_BLOCKS	8
#define FAKE_ROOM	UINT_MAX	/* send() is never full */

/* Wait for what another context does; there is no assertion on the time. */
#define FAKE_PATIENCE	(30 * HZ)
#define fake_until(cond)						\
({									\
	unsigned long __end = jiffies + FAKE_PATIENCE;			\
	bool __ok;							\
									\
	while (!(__ok = !!(cond)) && time_before(jiffies, __end))	\
		usleep_range(200, 1000);				\
	__ok;								\
})

/**
 * enum fake_reply - what becomes of a request
 * @FAKE_IN_SEND: answered before send() returns
 * @FAKE_WORK: answered in another context
 * @FAKE_HOLD: kept until the test takes it
 * @FAKE_SILENT: forgotten
 */
enum fake_reply {
	FAKE_IN_SEND,
	FAKE_WORK,
	FAKE_HOLD,
	FAKE_SILENT,
};

/**
 * struct fake_msg - a message in host order, and its frame
 * @node: in one of the fake's lists
 * @type: VIRTIO_MSG_TYPE_*
 * @msg_id: message number
 * @dev_num: device number
 * @result: xid32
 * @xid: transaction ID or token
 * @len: bytes of payload
 * @payload: points into @frame
 * @cap: bytes of @frame
 * @frame: the frame; its header is written by fake_deliver()
 */
struct fake_msg {
	struct list_head node;
	u8 type;
	u8 msg_id;
	u16 dev_num;
	u16 result;
	u32 xid;
	u16 len;
	u8 *payload;
	size_t cap;
	u8 frame[];
};

struct fake_vq {
	u32 max_size;
	u32 size;
	u64 desc;
	u64 driver;
	u64 device;
	bool enabled;
};

/**
 * struct fake_dev - a device of the honest peer
 * @present: it exists
 * @num: device number
 * @id: virtio device ID
 * @uuid: unique number; v2 and xid32
 * @feature_bits: how many it says to have
 * @features: them
 * @driver_features: what the driver has accepted
 * @config_size: bytes of configuration
 * @config: configuration
 * @generation: of @config
 * @max_vqs: how many queues
 * @admin_start: the first admin queue
 * @admin_count: how many admin queues
 * @status: status
 * @slow_reset: so many more reads of the status until it is 0
 * @resetting: reads left
 * @vq: queues
 */
struct fake_dev {
	bool present;
	u16 num;
	u32 id;
	u8 uuid[16];
	u32 feature_bits;
	u32 features[FAKE_BLOCKS];
	u32 driver_features[FAKE_BLOCKS];
	u32 config_size;
	u8 config[FAKE_CONFIG];
	u32 generation;
	u32 max_vqs;
	u32 admin_start;
	u32 admin_count;
	u32 status;
	unsigned int slow_reset;
	unsigned int resetting;
	struct fake_vq vq[FAKE_VQS];
};

/**
 * struct fake - a bus and its peer
 * @test: the test
 * @parent: device of the transport
 * @bus: the bus
 * @registered: it is registered
 * @desc: description of the transport
 * @ops: operations of the transport
 * @link: what a bring-up settles
 * @up_at_start: the link is up when start() returns
 * @start_ret: result of start()
 * @keepalive_ms: of the bus; 0 is off
 * @come_back: bring the link up again when it was lost
 * @lock: guards the rest
 * @record: keep what was sent in @sent
 * @sent: what was sent, in order
 * @held: requests that wait for the test
 * @num_held: how many
 * @for_work: requests that wait for @work
 * @work: answers them
 * @reply: what becomes of a request
 * @script: decides for one request instead; no lock held
 * @mangle: changes the answer to a request; no lock held
 * @before_send: runs first in send(); its result, if not 0, is that of send()
 * @room: how many frames send() takes before it is full
 * @send_ret: result of send()
 * @full: how often send() was full
 * @sending: send() runs
 * @overlaps: how often it was called while it ran
 * @requests: messages sent, by bus bit and number
 * @lost: how often lost() was called
 * @stopped: how often stop() was called
 * @kick_op: result of kick(), if there is that operation
 * @kicked: how often it was called
 * @devs: devices
 * @counts_present: GET_DEVICES counts devices, not bits, and next is nonsense
 * @ghosts: numbers that GET_DEVICES reports without a device; may be NULL
 * @priv: the test's
 */
struct fake {
	struct kunit *test;
	struct device *parent;
	struct virtio_msg_bus *bus;
	bool registered;
	struct virtio_msg_transport_desc desc;
	struct virtio_msg_transport_ops ops;
	struct virtio_msg_link link;
	bool up_at_start;
	int start_ret;
	unsigned int keepalive_ms;
	bool come_back;
	spinlock_t lock; /* see above */
	bool record;
	struct list_head sent;
	struct list_head held;
	unsigned int num_held;
	struct list_head for_work;
	struct work_struct work;
	enum fake_reply reply;
	enum fake_reply (*script)(struct fake *f, const struct fake_msg *rq);
	void (*mangle)(struct fake *f, const struct fake_msg *rq,
		       struct fake_msg *rsp);
	int (*before_send)(struct fake *f);
	unsigned int room;
	int send_ret;
	unsigned int full;
	atomic_t sending;
	unsigned int overlaps;
	unsigned int requests[2][256];
	unsigned int lost;
	unsigned int stopped;
	int kick_op;
	unsigned int kicked;
	struct fake_dev devs[FAKE_DEVS];
	bool counts_present;
	unsigned long *ghosts;
	void *priv;
};

struct fake *fake_new(struct kunit *test, unsigned int wire);
int fake_register(struct fake *f);
void fake_unregister(struct fake *f);
void fake_free(struct fake *f);
void fake_window(struct fake *f, size_t size);
void fake_kick_words(struct fake *f, int ret);
void fake_settle(struct fake *f);
struct fake_dev *fake_add(struct fake *f, u16 num, u32 id);
struct fake_dev *fake_dev(struct fake *f, u16 num);

unsigned int fake_hdr_len(unsigned int wire);
struct fake_msg *fake_msg(struct fake *f, u8 type, u8 msg_id, u16 dev_num,
			  u32 xid, u16 len);
size_t fake_header(struct fake *f, struct fake_msg *m);
struct fake_msg *fake_parse(struct fake *f, const void *frame, size_t len);
void fake_deliver(struct fake *f, struct fake_msg *m);
struct fake_msg *fake_answer(struct fake *f, const struct fake_msg *rq);
struct fake_msg *fake_take(struct fake *f, unsigned int n);
void fake_reply(struct fake *f, struct fake_msg *rq);
void fake_reply_all(struct fake *f);
unsigned int fake_held(struct fake *f);
unsigned int fake_count(struct fake *f, bool bus, u8 msg_id);
bool fake_last(struct fake *f, bool bus, u8 msg_id, struct fake_msg *copy,
	       void *payload, size_t len);
void fake_forget(struct fake *f);

void fake_event_device(struct fake *f, u16 num, u16 state);
void fake_event_used(struct fake *f, u16 num, u32 vq);
void fake_event_config(struct fake *f, u16 num, u32 status);

#endif /* _VIRTIO_MSG_TESTS_FAKE_TRANSPORT_H */
