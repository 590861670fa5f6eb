// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests of the transactions, against a scripted transport
 */
#include <kunit/test.h>
#include <linux/bitmap.h>
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/errno.h>
#include <linux/kthread.h>
#include <linux/prandom.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/unaligned.h>

#include "../internal.h"
#include "fake_transport.h"

#define XT_MAX		1024
#define XT_DEV		7	/* of GET_VQUEUE requests */
#define XT_SHORT_MS	10	/* a time-out to wait for */

/**
 * struct xt_one - a transaction of a test
 * @x: with the creator's reference
 * @ended: how often complete() ran
 * @status: what it found
 * @order: as the how-many-th it ran, from 1
 */
struct xt_one {
	struct vmsg_xfer *x;
	atomic_t ended;
	int status;
	unsigned int order;
};

struct xt {
	struct fake *f;
	struct virtio_msg_bus *bus;
	struct vmsg_engine *e;
	atomic_t ended;
	struct xt_one one[XT_MAX];
	/* for single tests */
	void (*hook)(struct xt *xt, unsigned int i);
	unsigned int calls;
	u32 nonce;
	struct fake_msg *late;
	unsigned int asked;
	const void *task;
	unsigned int mine;
};

static struct xt *xt_of(struct vmsg_xfer *x)
{
	struct fake *f = virtio_msg_bus_priv(x->bus);

	return f->priv;
}

/* The first word of every request of ours is its number. */
static unsigned int xt_number(struct vmsg_xfer *x)
{
	return get_unaligned_le32(x->req + x->wire->hdr_len);
}

static void xt_complete(struct vmsg_xfer *x)
{
	struct xt *xt = xt_of(x);
	unsigned int i = xt_number(x);

	xt->one[i].status = x->status;
	xt->one[i].order = atomic_inc_return(&xt->ended);
	if (xt->hook)
		xt->hook(xt, i);
	atomic_inc(&xt->one[i].ended);
}

static struct vmsg_xfer *xt_alloc(struct kunit *test, unsigned int i, gfp_t gfp)
{
	struct xt *xt = test->priv;
	struct vmsg_xfer *x = vmsg_xfer_alloc(xt->bus, gfp);

	KUNIT_ASSERT_NOT_NULL(test, x);
	KUNIT_ASSERT_NULL(test, xt->one[i].x);
	x->complete = xt_complete;
	xt->one[i].x = x;
	return x;
}

static int xt_pack_ping(struct vmsg_xfer *x, unsigned int i)
{
	return vmsg_req_ping(x->wire, x->req, x->cap, i);
}

static int xt_pack_vq(struct vmsg_xfer *x, u16 dev, unsigned int i)
{
	return vmsg_req_get_vq(x->wire, x->req, x->cap, dev, i);
}

/* A PING with the number @i as its data. */
static void xt_ping(struct kunit *test, unsigned int i)
{
	struct vmsg_xfer *x = xt_alloc(test, i, GFP_KERNEL);

	KUNIT_ASSERT_EQ(test, vmsg_xfer_submit(x, xt_pack_ping(x, i)), 0);
}

static void xt_pings(struct kunit *test, unsigned int first, unsigned int n)
{
	while (n--)
		xt_ping(test, first++);
}

/* GET_VQUEUE for the queue @i of a device. */
static void xt_vq(struct kunit *test, u16 dev, unsigned int i)
{
	struct vmsg_xfer *x = xt_alloc(test, i, GFP_KERNEL);

	KUNIT_ASSERT_EQ(test, vmsg_xfer_submit(x, xt_pack_vq(x, dev, i)), 0);
}

static bool xt_ended(struct kunit *test, unsigned int i)
{
	struct xt *xt = test->priv;

	return atomic_read(&xt->one[i].ended);
}

static u64 xt_counter(struct kunit *test, enum vmsg_counter c)
{
	struct xt *xt = test->priv;

	return atomic64_read(&xt->bus->stats.c[c]);
}

static void xt_set_timeout(struct kunit *test, unsigned int ms)
{
	struct xt *xt = test->priv;

	WRITE_ONCE(xt->e->timeout_ms, ms);
}

static void xt_set_next(struct kunit *test, u32 next)
{
	struct xt *xt = test->priv;

	spin_lock_irq(&xt->e->lock);
	xt->e->next_xid = next;
	spin_unlock_irq(&xt->e->lock);
}

/* All that were submitted have ended, each once, and nothing is left. */
static void xt_all_once(struct kunit *test, unsigned int n)
{
	struct xt *xt = test->priv;
	unsigned int i;

	KUNIT_ASSERT_TRUE(test, fake_until(atomic_read(&xt->ended) == n));
	for (i = 0; i < XT_MAX; i++) {
		if (!xt->one[i].x)
			continue;
		KUNIT_ASSERT_TRUE(test, fake_until(xt_ended(test, i)));
		KUNIT_EXPECT_EQ(test, atomic_read(&xt->one[i].ended), 1);
		KUNIT_EXPECT_EQ(test, xt->one[i].x->state, VMSG_XFER_DONE);
	}
	KUNIT_EXPECT_EQ(test, atomic_read(&xt->ended), n);
	KUNIT_EXPECT_EQ(test, xt->e->inflight, 0);
	KUNIT_EXPECT_TRUE(test, list_empty(&xt->e->queue));
	KUNIT_EXPECT_TRUE(test, list_empty(&xt->e->sent));
}

static void xt_echo_ok(struct kunit *test, unsigned int i)
{
	struct xt *xt = test->priv;
	struct vmsg_xfer *x = xt->one[i].x;
	u32 data = ~i;

	KUNIT_ASSERT_EQ(test, xt->one[i].status, 0);
	KUNIT_EXPECT_EQ(test, vmsg_get_ping(x->wire, &x->pdu, &data), 0);
	KUNIT_EXPECT_EQ(test, data, i);
}

/* A bus without devices whose peer holds every request from now on. */
static struct xt *xt_start(struct kunit *test, unsigned int wire,
			   void (*change)(struct fake *f))
{
	struct xt *xt = test->priv;

	xt->f = fake_new(test, wire);
	xt->f->priv = xt;
	if (change)
		change(xt->f);
	KUNIT_ASSERT_EQ(test, fake_register(xt->f), 0);
	xt->bus = xt->f->bus;
	xt->e = &xt->bus->engine;
	KUNIT_ASSERT_EQ(test, xt->bus->state, VMSG_BUS_RUNNING);
	fake_forget(xt->f);
	atomic64_set(&xt->bus->stats.c[VMSG_C_TX_REQUEST], 0);
	atomic64_set(&xt->bus->stats.c[VMSG_C_RX_RESPONSE], 0);
	xt->f->reply = FAKE_HOLD;
	return xt;
}

static int xt_init(struct kunit *test)
{
	test->priv = kunit_kzalloc(test, sizeof(struct xt), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, test->priv);
	return 0;
}

static void xt_exit(struct kunit *test)
{
	struct xt *xt = test->priv;
	unsigned int i;

	if (!xt || !xt->f)
		return;
	xt->hook = NULL;
	fake_unregister(xt->f);
	kfree(xt->late);
	for (i = 0; i < XT_MAX; i++)
		vmsg_xfer_put(xt->one[i].x);
	fake_free(xt->f);
}

static const unsigned int xt_wires[] = {
	VIRTIO_MSG_WIRE_RFC2, VIRTIO_MSG_WIRE_V1, VIRTIO_MSG_WIRE_V2,
	VIRTIO_MSG_WIRE_XID32,
};

static void xt_wire_desc(const unsigned int *wire, char *desc)
{
	strscpy(desc, virtio_msg_wire_name(*wire), KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(xt_wire, xt_wires, xt_wire_desc);

/* Those with a correlation field. */
static const unsigned int xt_id_wires[] = {
	VIRTIO_MSG_WIRE_V1, VIRTIO_MSG_WIRE_V2, VIRTIO_MSG_WIRE_XID32,
};

KUNIT_ARRAY_PARAM(xt_id_wire, xt_id_wires, xt_wire_desc);

static unsigned int xt_wire(struct kunit *test)
{
	return *(const unsigned int *)test->param_value;
}

/* The plain case. */

static void test_call(struct kunit *test)
{
	struct xt *xt = xt_start(test, xt_wire(test), NULL);
	unsigned int mode, i;
	u32 data;

	for (mode = FAKE_IN_SEND; mode <= FAKE_WORK; mode++) {
		xt->f->reply = mode;
		for (i = 0; i < 10; i++) {
			struct vmsg_xfer *x = vmsg_xfer_alloc(xt->bus, GFP_KERNEL);

			KUNIT_ASSERT_NOT_NULL(test, x);
			KUNIT_EXPECT_EQ(test, vmsg_xfer_call(x, xt_pack_ping(x, 77 + i)), 0);
			KUNIT_EXPECT_EQ(test, vmsg_get_ping(x->wire, &x->pdu, &data), 0);
			KUNIT_EXPECT_EQ(test, data, 77 + i);
			vmsg_xfer_put(x);
		}
	}
	KUNIT_EXPECT_EQ(test, xt_counter(test, VMSG_C_TX_REQUEST), 20);
	KUNIT_EXPECT_EQ(test, xt_counter(test, VMSG_C_RX_RESPONSE), 20);
}

static void test_bus_ping(struct kunit *test)
{
	struct xt *xt = xt_start(test, xt_wire(test), NULL);
	u64 ns = 0;

	xt->f->reply = FAKE_WORK;
	KUNIT_EXPECT_EQ(test, vmsg_bus_ping(xt->bus, &ns), 0);
	KUNIT_EXPECT_GT(test, ns, 0);
}

static void xt_wrong_echo(struct fake *f, const struct fake_msg *rq,
			  struct fake_msg *rsp)
{
	rsp->payload[0] ^= 0xff;
}

static void test_bus_ping_wrong_echo(struct kunit *test)
{
	struct xt *xt = xt_start(test, xt_wire(test), NULL);
	u64 ns;

	xt->f->reply = FAKE_IN_SEND;
	xt->f->mangle = xt_wrong_echo;
	KUNIT_EXPECT_EQ(test, vmsg_bus_ping(xt->bus, &ns), -EBADMSG);
}

/* What the packer or the caller got wrong. */
static void test_submit_errors(struct kunit *test)
{
	struct xt *xt = xt_start(test, VIRTIO_MSG_WIRE_XID32, NULL);
	struct vmsg_xfer *x;

	KUNIT_EXPECT_EQ(test, vmsg_xfer_call(NULL, 0), -ENOTCONN);
	x = xt_alloc(test, 0, GFP_KERNEL);
	KUNIT_EXPECT_EQ(test, vmsg_xfer_submit(x, -EMSGSIZE), -EMSGSIZE);
	KUNIT_EXPECT_EQ(test, vmsg_xfer_call(x, -EINVAL), -EINVAL);
	/* Nothing happened to it: it can be used. */
	KUNIT_EXPECT_EQ(test, vmsg_xfer_submit(x, xt_pack_ping(x, 0)), 0);
	fake_reply_all(xt->f);
	xt_all_once(test, 1);
	xt_echo_ok(test, 0);
}

/* Many in flight. */

static void test_random_order(struct kunit *test)
{
	struct xt *xt = xt_start(test, xt_wire(test), NULL);
	struct rnd_state rnd;
	unsigned int i, left;

	prandom_seed_state(&rnd, 256);
	xt_pings(test, 0, 256);
	KUNIT_ASSERT_EQ(test, fake_held(xt->f), 256);
	KUNIT_EXPECT_EQ(test, xt->e->inflight, 256);
	for (left = 256; left; left--) {
		struct fake_msg *rq;

		rq = fake_take(xt->f, prandom_u32_state(&rnd) % left);
		KUNIT_ASSERT_NOT_NULL(test, rq);
		i = get_unaligned_le32(rq->payload);
		KUNIT_EXPECT_FALSE(test, xt_ended(test, i));
		fake_reply(xt->f, rq);
		KUNIT_EXPECT_TRUE(test, xt_ended(test, i));
		KUNIT_EXPECT_EQ(test, xt->one[i].order, 257 - left);
	}
	xt_all_once(test, 256);
	for (i = 0; i < 256; i++)
		xt_echo_ok(test, i);
}

static void test_more_than_fit(struct kunit *test)
{
	struct xt *xt = xt_start(test, xt_wire(test), NULL);
	unsigned int i;

	xt_pings(test, 0, 600);
	KUNIT_ASSERT_EQ(test, fake_held(xt->f), 256);
	for (i = 0; i < 600; i++) {
		struct fake_msg *rq = fake_take(xt->f, 0);

		/* They are sent in the order of submission. */
		KUNIT_ASSERT_NOT_NULL(test, rq);
		KUNIT_ASSERT_EQ(test, get_unaligned_le32(rq->payload), i);
		fake_reply(xt->f, rq);
		KUNIT_ASSERT_EQ(test, fake_held(xt->f), min(256U, 599 - i));
	}
	xt_all_once(test, 600);
}

static void xt_inflight_3(struct fake *f)
{
	f->desc.max_inflight = 3;
}

static void test_max_inflight(struct kunit *test)
{
	struct xt *xt = xt_start(test, xt_wire(test), xt_inflight_3);

	xt_pings(test, 0, 10);
	KUNIT_EXPECT_EQ(test, fake_held(xt->f), 3);
	fake_reply(xt->f, fake_take(xt->f, 1));
	KUNIT_EXPECT_EQ(test, fake_held(xt->f), 3);
	fake_reply_all(xt->f);
	xt_all_once(test, 10);
}

/* IDs */

static u32 xt_sent_id(struct kunit *test)
{
	struct xt *xt = test->priv;
	struct fake_msg m;

	KUNIT_ASSERT_TRUE(test, fake_last(xt->f, true, VIRTIO_MSG_BUS_PING, &m,
					  NULL, 0));
	return m.xid;
}

static void test_id_wrap(struct kunit *test)
{
	static const u32 expect[] = { 0xfffffffe, 0xffffffff, 1, 2, 3 };
	struct xt *xt = xt_start(test, VIRTIO_MSG_WIRE_XID32, NULL);
	unsigned int i;

	xt_set_next(test, 0xfffffffe);
	for (i = 0; i < ARRAY_SIZE(expect); i++) {
		xt_ping(test, i);
		KUNIT_EXPECT_EQ(test, xt_sent_id(test), expect[i]);
	}
	/* Those in flight are skipped, the others come again after a round. */
	fake_reply(xt->f, fake_take(xt->f, 3));
	xt_set_next(test, 0xfffffffe);
	xt_ping(test, 5);
	KUNIT_EXPECT_EQ(test, xt_sent_id(test), 2);
	xt_ping(test, 6);
	KUNIT_EXPECT_EQ(test, xt_sent_id(test), 4);
	fake_reply_all(xt->f);
	xt_all_once(test, 7);
	for (i = 0; i < 7; i++)
		xt_echo_ok(test, i);
}

/* An ID is not used again as long as others are left. */
static void test_id_not_reused(struct kunit *test)
{
	struct xt *xt = xt_start(test, VIRTIO_MSG_WIRE_XID32, NULL);
	u32 last = 0, id;
	unsigned int i;

	xt_set_next(test, 1000);
	for (i = 0; i < 500; i++) {
		xt_ping(test, i);
		id = xt_sent_id(test);
		KUNIT_EXPECT_GT(test, id, last);
		last = id;
		if (i % 3)
			fake_reply(xt->f, fake_take(xt->f, 0));
		else
			vmsg_xfer_cancel(xt->one[i].x);
	}
	fake_reply_all(xt->f);
	xt_all_once(test, 500);
}

/* Two buses, or two starts of one, do not begin with the same number. */
static void test_id_starts_anywhere(struct kunit *test)
{
	struct xt *xt = xt_start(test, VIRTIO_MSG_WIRE_XID32, NULL);
	unsigned int i, same = 0;
	u32 first = 0;

	for (i = 0; i < 4; i++) {
		struct virtio_msg_bus *bus;

		bus = virtio_msg_bus_alloc(xt->f->parent, &xt->f->desc, xt->f);
		KUNIT_ASSERT_FALSE(test, IS_ERR(bus));
		same += i && bus->engine.next_xid == first;
		first = bus->engine.next_xid;
		virtio_msg_bus_put(bus);
	}
	KUNIT_EXPECT_LT(test, same, 3);
}

static const unsigned int xt_token_wires[] = {
	VIRTIO_MSG_WIRE_V1, VIRTIO_MSG_WIRE_V2,
};

KUNIT_ARRAY_PARAM(xt_token_wire, xt_token_wires, xt_wire_desc);

static void test_token_wrap(struct kunit *test)
{
	static const u32 expect[] = { 65534, 65535, 2, 3 };
	struct xt *xt = xt_start(test, xt_wire(test), NULL);
	unsigned int i;

	xt_set_next(test, 65534);
	for (i = 0; i < ARRAY_SIZE(expect); i++) {
		xt_ping(test, i);
		KUNIT_EXPECT_EQ(test, xt_sent_id(test), expect[i]);
	}
	fake_reply(xt->f, fake_take(xt->f, 2));
	xt_set_next(test, 65534);
	xt_ping(test, 4);
	KUNIT_EXPECT_EQ(test, xt_sent_id(test), 2);
	xt_ping(test, 5);
	KUNIT_EXPECT_EQ(test, xt_sent_id(test), 4);
	fake_reply_all(xt->f);
	xt_all_once(test, 6);
	KUNIT_EXPECT_EQ(test, xt->e->tokens_free, 65534);
}

static void xt_timeout_in_flight(struct kunit *test, unsigned int i)
{
	struct xt *xt = test->priv;
	unsigned int old = xt->e->timeout_ms;

	xt_set_timeout(test, XT_SHORT_MS);
	xt_ping(test, i);
	xt_set_timeout(test, old);
	KUNIT_ASSERT_TRUE(test, fake_until(xt_ended(test, i)));
	KUNIT_EXPECT_EQ(test, xt->one[i].status, -ETIMEDOUT);
}

static void test_token_quarantine(struct kunit *test)
{
	struct xt *xt = xt_start(test, xt_wire(test), NULL);
	struct fake_msg *late;

	xt_set_next(test, 500);
	xt_timeout_in_flight(test, 0);
	KUNIT_EXPECT_EQ(test, xt->e->tokens_free, 65533);
	late = fake_take(xt->f, 0);
	KUNIT_ASSERT_NOT_NULL(test, late);
	KUNIT_EXPECT_EQ(test, late->xid, 500);

	/* In quarantine, the same after a cancel. */
	xt_set_next(test, 500);
	xt_ping(test, 1);
	KUNIT_EXPECT_EQ(test, xt_sent_id(test), 501);
	KUNIT_EXPECT_TRUE(test, vmsg_xfer_cancel(xt->one[1].x));
	xt_set_next(test, 500);
	xt_ping(test, 2);
	KUNIT_EXPECT_EQ(test, xt_sent_id(test), 502);
	KUNIT_EXPECT_EQ(test, xt->e->tokens_free, 65531);

	/* Its answer comes home, once, and completes nothing. */
	xt->late = fake_answer(xt->f, late);
	fake_reply(xt->f, late);
	KUNIT_EXPECT_EQ(test, xt_counter(test, VMSG_C_RX_LATE), 1);
	KUNIT_EXPECT_EQ(test, xt->e->tokens_free, 65532);
	fake_deliver(xt->f, xt->late);
	xt->late = NULL;
	KUNIT_EXPECT_EQ(test, xt_counter(test, VMSG_C_RX_LATE), 1);
	KUNIT_EXPECT_EQ(test, xt_counter(test, VMSG_C_RX_UNKNOWN_ID), 1);
	KUNIT_EXPECT_EQ(test, xt->e->tokens_free, 65532);
	KUNIT_EXPECT_FALSE(test, xt_ended(test, 2));

	xt_set_next(test, 500);
	xt_ping(test, 3);
	KUNIT_EXPECT_EQ(test, xt_sent_id(test), 500);
	fake_reply_all(xt->f);
	xt_all_once(test, 4);
	KUNIT_EXPECT_EQ(test, xt->e->tokens_free, 65534);
}

/* One that was never sent leaves no token in quarantine. */
static void test_token_not_sent(struct kunit *test)
{
	struct xt *xt = xt_start(test, xt_wire(test), NULL);

	xt->f->room = 0;
	xt_ping(test, 0);
	KUNIT_EXPECT_TRUE(test, vmsg_xfer_cancel(xt->one[0].x));
	xt_set_timeout(test, XT_SHORT_MS);
	xt_ping(test, 1);
	KUNIT_ASSERT_TRUE(test, fake_until(xt_ended(test, 1)));
	xt->f->room = FAKE_ROOM;
	xt->f->send_ret = -EIO;
	virtio_msg_tx_space(xt->bus);
	xt_ping(test, 2);
	KUNIT_EXPECT_EQ(test, xt->one[2].status, -EIO);
	xt->f->send_ret = 0;
	xt_all_once(test, 3);
	KUNIT_EXPECT_EQ(test, xt->e->tokens_free, 65534);
}

static void xt_lose_tokens(struct kunit *test, unsigned int left)
{
	struct xt *xt = test->priv;

	spin_lock_irq(&xt->e->lock);
	bitmap_set(xt->e->tokens, 0, 65536 - left);
	xt->e->tokens_free = left;
	spin_unlock_irq(&xt->e->lock);
}

static enum fake_reply xt_hold_pings(struct fake *f, const struct fake_msg *rq)
{
	return rq->msg_id == VIRTIO_MSG_BUS_PING ? FAKE_HOLD : FAKE_IN_SEND;
}

static void test_tokens_low(struct kunit *test)
{
	struct xt *xt = xt_start(test, xt_wire(test), NULL);
	unsigned int epoch = xt->e->epoch;

	xt_lose_tokens(test, 1000);
	/* The scan of the new link is answered. */
	xt->f->script = xt_hold_pings;
	xt_set_timeout(test, XT_SHORT_MS);
	xt_ping(test, 0);
	KUNIT_ASSERT_TRUE(test, fake_until(xt->f->lost == 1));
	KUNIT_ASSERT_TRUE(test, fake_until(READ_ONCE(xt->e->epoch) == epoch + 1));
	fake_settle(xt->f);
	xt_all_once(test, 1);
	KUNIT_EXPECT_EQ(test, xt->one[0].status, -ETIMEDOUT);
	KUNIT_ASSERT_TRUE(test, fake_until(xt->e->tokens_free == 65534));
	KUNIT_EXPECT_EQ(test, xt->bus->state, VMSG_BUS_RUNNING);
}

/* None left at all: what waits ends, and the link is restarted. */
static void test_tokens_gone(struct kunit *test)
{
	struct xt *xt = xt_start(test, xt_wire(test), NULL);

	xt_lose_tokens(test, 0);
	xt_set_timeout(test, XT_SHORT_MS);
	xt_pings(test, 0, 3);
	KUNIT_EXPECT_EQ(test, fake_held(xt->f), 0);
	xt->f->script = xt_hold_pings;
	KUNIT_ASSERT_TRUE(test, fake_until(xt->f->lost == 1));
	fake_settle(xt->f);
	xt_all_once(test, 3);
}

/* rfc2: no correlation field. */

static void test_rfc2_one_at_a_time(struct kunit *test)
{
	struct xt *xt = xt_start(test, VIRTIO_MSG_WIRE_RFC2, NULL);
	unsigned int i;

	xt_pings(test, 0, 20);
	for (i = 0; i < 20; i++) {
		KUNIT_ASSERT_EQ(test, fake_held(xt->f), 1);
		KUNIT_EXPECT_FALSE(test, xt_ended(test, i));
		fake_reply(xt->f, fake_take(xt->f, 0));
		KUNIT_EXPECT_TRUE(test, xt_ended(test, i));
	}
	KUNIT_EXPECT_EQ(test, fake_held(xt->f), 0);
	xt_all_once(test, 20);
	for (i = 0; i < 20; i++)
		xt_echo_ok(test, i);
}

/* Let number 0 time out; its request is kept, the PING that follows is held. */
static struct fake_msg *xt_rfc2_lose_step(struct kunit *test)
{
	struct xt *xt = test->priv;
	unsigned int old = xt->e->timeout_ms;
	struct fake_msg *overdue;

	xt_set_timeout(test, XT_SHORT_MS);
	xt_vq(test, XT_DEV, 0);
	overdue = fake_take(xt->f, 0);
	xt_set_timeout(test, old);
	KUNIT_ASSERT_NOT_NULL(test, overdue);
	KUNIT_ASSERT_TRUE(test, fake_until(xt_ended(test, 0)));
	KUNIT_EXPECT_EQ(test, xt->one[0].status, -ETIMEDOUT);
	KUNIT_ASSERT_TRUE(test, fake_until(fake_held(xt->f) == 1));
	return overdue;
}

static void test_rfc2_resync(struct kunit *test)
{
	struct xt *xt = xt_start(test, VIRTIO_MSG_WIRE_RFC2, NULL);
	struct fake_msg *overdue, *ping, *m;

	fake_add(xt->f, XT_DEV, 1);
	overdue = xt_rfc2_lose_step(test);
	/* The same question once more: the old answer must not be taken. */
	xt_vq(test, XT_DEV, 1);
	xt_vq(test, XT_DEV, 2);
	KUNIT_EXPECT_EQ(test, fake_held(xt->f), 1);
	ping = fake_take(xt->f, 0);
	KUNIT_EXPECT_EQ(test, ping->type, VIRTIO_MSG_TYPE_BUS);
	KUNIT_EXPECT_EQ(test, ping->msg_id, VIRTIO_MSG_BUS_PING);

	fake_reply(xt->f, overdue);
	KUNIT_EXPECT_EQ(test, xt_counter(test, VMSG_C_RX_MISMATCH), 1);
	/* An echo of something else. */
	m = fake_answer(xt->f, ping);
	m->payload[2] ^= 1;
	fake_deliver(xt->f, m);
	KUNIT_EXPECT_EQ(test, xt_counter(test, VMSG_C_RX_LATE), 1);
	KUNIT_EXPECT_EQ(test, fake_held(xt->f), 0);
	KUNIT_EXPECT_TRUE(test, xt->e->resync);

	fake_reply(xt->f, ping);
	KUNIT_EXPECT_FALSE(test, xt->e->resync);
	KUNIT_EXPECT_EQ(test, fake_held(xt->f), 1);
	fake_reply_all(xt->f);
	xt_all_once(test, 3);
	KUNIT_EXPECT_EQ(test, xt->one[1].status, 0);
	KUNIT_EXPECT_EQ(test, xt->one[2].status, 0);
	KUNIT_EXPECT_EQ(test, xt->bus->state, VMSG_BUS_RUNNING);
}

/* A kick that had to wait for that goes when it is over, though nothing else does. */
static void test_rfc2_resync_kick(struct kunit *test)
{
	struct xt *xt = xt_start(test, VIRTIO_MSG_WIRE_RFC2, NULL);
	struct vmsg_device *vd = kunit_kzalloc(test, sizeof(*vd), GFP_KERNEL);
	struct vmsg_vq *q = kunit_kzalloc(test, sizeof(*q), GFP_KERNEL);
	struct fake_msg *overdue, *ping;

	KUNIT_ASSERT_NOT_NULL(test, vd);
	KUNIT_ASSERT_NOT_NULL(test, q);
	vd->num = XT_DEV;
	q->vd = vd;
	INIT_LIST_HEAD(&q->kick);
	fake_add(xt->f, XT_DEV, 1);
	overdue = xt_rfc2_lose_step(test);
	ping = fake_take(xt->f, 0);
	vmsg_engine_kick(xt->bus, q, 0);
	KUNIT_EXPECT_EQ(test, fake_count(xt->f, false, VIRTIO_MSG_EVENT_AVAIL), 0);
	fake_reply(xt->f, overdue);
	fake_reply(xt->f, ping);
	KUNIT_EXPECT_FALSE(test, xt->e->resync);
	KUNIT_EXPECT_EQ(test, fake_count(xt->f, false, VIRTIO_MSG_EVENT_AVAIL), 1);
	KUNIT_EXPECT_TRUE(test, list_empty(&q->kick));
}

#define XT_PINGS	1000

/* The peer asks as soon as something was sent to it. */
static int xt_ask_back(struct fake *f)
{
	struct xt *xt = f->priv;
	struct fake_msg *m;

	if (xt->asked == XT_PINGS)
		return 0;
	xt->asked++;
	if (xt->task == current)
		xt->mine++;
	m = fake_msg(f, VIRTIO_MSG_TYPE_BUS, VIRTIO_MSG_BUS_PING, 0, xt->asked, 4);
	fake_deliver(f, m);
	return 0;
}

/* Whoever sends a request does not answer the peer for as long as it likes. */
static void test_pump_ends(struct kunit *test)
{
	struct xt *xt = xt_start(test, VIRTIO_MSG_WIRE_XID32, NULL);

	fake_add(xt->f, XT_DEV, 1);
	xt->task = current;
	xt->f->before_send = xt_ask_back;
	xt_vq(test, XT_DEV, 0);
	KUNIT_EXPECT_LE(test, xt->mine, 100);
	/* Others do. */
	KUNIT_EXPECT_TRUE(test, fake_until(READ_ONCE(xt->asked) == XT_PINGS));
	fake_settle(xt->f);
	xt->f->before_send = NULL;
	fake_reply_all(xt->f);
	xt_all_once(test, 1);
}

/* A peer that answers late, again and again, keeps its bus. */
static void test_rfc2_resync_again(struct kunit *test)
{
	struct xt *xt = xt_start(test, VIRTIO_MSG_WIRE_RFC2, NULL);
	u32 nonce[3];
	unsigned int i;

	fake_add(xt->f, XT_DEV, 1);
	for (i = 0; i < 3; i++) {
		struct fake_msg *overdue = xt_rfc2_lose_step(test);
		struct fake_msg *ping = fake_take(xt->f, 0);

		nonce[i] = get_unaligned_le32(ping->payload);
		fake_reply(xt->f, overdue);
		fake_reply(xt->f, ping);
		KUNIT_EXPECT_FALSE(test, xt->e->resync);
		vmsg_xfer_put(xt->one[0].x);
		memset(&xt->one[0], 0, sizeof(xt->one[0]));
	}
	KUNIT_EXPECT_FALSE(test, nonce[0] == nonce[1] && nonce[1] == nonce[2]);
	atomic_set(&xt->ended, 0);
	xt_vq(test, XT_DEV, 1);
	fake_reply_all(xt->f);
	xt_all_once(test, 1);
	KUNIT_EXPECT_EQ(test, xt->one[1].status, 0);
}

static void test_rfc2_no_echo(struct kunit *test)
{
	struct xt *xt = xt_start(test, VIRTIO_MSG_WIRE_RFC2, NULL);

	xt_set_timeout(test, XT_SHORT_MS);
	xt_vq(test, XT_DEV, 0);
	KUNIT_ASSERT_TRUE(test, fake_until(READ_ONCE(xt->bus->state) == VMSG_BUS_DEAD));
	/* The request and the PING, and then silence. */
	KUNIT_EXPECT_EQ(test, fake_held(xt->f), 2);
	xt_all_once(test, 1);
	KUNIT_ASSERT_TRUE(test, fake_until(!READ_ONCE(xt->e->open)));
	KUNIT_EXPECT_NULL(test, vmsg_xfer_alloc(xt->bus, GFP_KERNEL));
	/* Dead until the transport is bound anew. */
	virtio_msg_peer_up(xt->bus, &xt->f->link);
	fake_reply_all(xt->f);
	fake_settle(xt->f);
	KUNIT_EXPECT_EQ(test, xt->bus->state, VMSG_BUS_DEAD);
	KUNIT_EXPECT_EQ(test, xt->f->lost, 0);
}

/* The echo comes while the reaper ends what waited with the PING. */
static void xt_echo_now(struct xt *xt, unsigned int i)
{
	if (i == 1 && xt->late) {
		fake_deliver(xt->f, xt->late);
		xt->late = NULL;
	}
}

static void test_rfc2_echo_too_late(struct kunit *test)
{
	struct xt *xt = xt_start(test, VIRTIO_MSG_WIRE_RFC2, NULL);
	struct fake_msg *ping;

	xt->hook = xt_echo_now;
	xt_set_timeout(test, XT_SHORT_MS);
	xt_vq(test, XT_DEV, 0);
	kfree(fake_take(xt->f, 0));
	KUNIT_ASSERT_TRUE(test, fake_until(fake_held(xt->f) == 1));
	ping = fake_take(xt->f, 0);
	xt->late = fake_answer(xt->f, ping);
	kfree(ping);
	/* Due at the latest with the PING. */
	xt_set_timeout(test, 0);
	xt_vq(test, XT_DEV, 1);
	KUNIT_ASSERT_TRUE(test, fake_until(READ_ONCE(xt->bus->state) == VMSG_BUS_DEAD));
	xt_all_once(test, 2);
	KUNIT_EXPECT_EQ(test, xt->one[1].status, -ETIMEDOUT);
}

/* The answer to a request that was cancelled is not that to the next one. */
static void test_rfc2_cancel(struct kunit *test)
{
	struct xt *xt = xt_start(test, VIRTIO_MSG_WIRE_RFC2, NULL);
	struct fake_msg *overdue;

	fake_add(xt->f, XT_DEV, 1);
	xt_vq(test, XT_DEV, 0);
	overdue = fake_take(xt->f, 0);
	KUNIT_EXPECT_TRUE(test, vmsg_xfer_cancel(xt->one[0].x));
	xt_vq(test, XT_DEV, 1);
	fake_reply(xt->f, overdue);
	KUNIT_EXPECT_FALSE(test, xt_ended(test, 1));
	/* Back in step by the same means as after a time-out. */
	KUNIT_ASSERT_TRUE(test, fake_until(fake_held(xt->f) == 1));
	fake_reply_all(xt->f);
	KUNIT_ASSERT_TRUE(test, fake_until(xt_ended(test, 1)));
	KUNIT_EXPECT_EQ(test, xt->one[1].status, 0);
	xt_all_once(test, 2);
}

/* One that waits in the queue was never sent: nothing is out of step. */
static void test_rfc2_cancel_queued(struct kunit *test)
{
	struct xt *xt = xt_start(test, VIRTIO_MSG_WIRE_RFC2, NULL);

	xt_pings(test, 0, 3);
	KUNIT_EXPECT_TRUE(test, vmsg_xfer_cancel(xt->one[1].x));
	KUNIT_EXPECT_FALSE(test, xt->e->resync);
	fake_reply_all(xt->f);
	xt_all_once(test, 3);
	xt_echo_ok(test, 0);
	xt_echo_ok(test, 2);
	KUNIT_EXPECT_EQ(test, xt_counter(test, VMSG_C_RX_UNKNOWN_ID), 0);
}

/* Answers that are none. */

static void test_wrong_answers(struct kunit *test)
{
	struct xt *xt = xt_start(test, xt_wire(test), NULL);
	struct fake_msg *rq, *m;
	unsigned int i;

	fake_add(xt->f, XT_DEV, 1);
	fake_add(xt->f, XT_DEV + 1, 1);
	xt_vq(test, XT_DEV, 0);
	rq = fake_take(xt->f, 0);
	for (i = 0; i < 3; i++) {
		m = fake_answer(xt->f, rq);
		switch (i) {
		case 0:
			m->dev_num++;
			break;
		case 1:
			m->msg_id = VIRTIO_MSG_SET_VQUEUE;
			break;
		case 2:
			m->type |= VIRTIO_MSG_TYPE_BUS;
			break;
		}
		fake_deliver(xt->f, m);
		/* A bus message for a device is none at all in xid32. */
		KUNIT_EXPECT_EQ(test, xt_counter(test, VMSG_C_RX_MISMATCH) +
				xt_counter(test, VMSG_C_RX_MALFORMED), i + 1);
		KUNIT_EXPECT_FALSE(test, xt_ended(test, 0));
	}
	KUNIT_EXPECT_EQ(test, xt_counter(test, VMSG_C_RX_MALFORMED),
			xt_wire(test) == VIRTIO_MSG_WIRE_XID32);
	fake_reply(xt->f, rq);
	xt_all_once(test, 1);
	KUNIT_EXPECT_EQ(test, xt->one[0].status, 0);
	KUNIT_EXPECT_EQ(test, xt_counter(test, VMSG_C_RX_RESPONSE), 1);
}

static void test_foreign_ids(struct kunit *test)
{
	struct xt *xt = xt_start(test, xt_wire(test), NULL);
	u32 id, ids[4];
	unsigned int i;

	if (xt_wire(test) == VIRTIO_MSG_WIRE_RFC2) {
		/* A response while none is due. */
		fake_deliver(xt->f, fake_msg(xt->f, VIRTIO_MSG_TYPE_RESPONSE,
					     VIRTIO_MSG_GET_VQUEUE, XT_DEV, 0, 36));
		KUNIT_EXPECT_EQ(test, xt_counter(test, VMSG_C_RX_UNKNOWN_ID), 1);
		return;
	}
	xt_set_next(test, 5000);
	xt_ping(test, 0);
	id = xt_sent_id(test);
	ids[0] = 0;
	ids[1] = 1;
	ids[2] = id - 1;
	ids[3] = id + 1;
	for (i = 0; i < ARRAY_SIZE(ids); i++) {
		fake_deliver(xt->f, fake_msg(xt->f, VIRTIO_MSG_TYPE_RESPONSE |
					     VIRTIO_MSG_TYPE_BUS,
					     VIRTIO_MSG_BUS_PING, 0, ids[i], 4));
		KUNIT_EXPECT_EQ(test, xt_counter(test, VMSG_C_RX_UNKNOWN_ID), i + 1);
	}
	KUNIT_EXPECT_FALSE(test, xt_ended(test, 0));
	fake_reply_all(xt->f);
	xt_all_once(test, 1);
	if (xt_wire(test) != VIRTIO_MSG_WIRE_XID32)
		KUNIT_EXPECT_EQ(test, xt->e->tokens_free, 65534);
}

/* Half of the 32 bits is not enough. */
static void test_id_all_bits(struct kunit *test)
{
	struct xt *xt = xt_start(test, VIRTIO_MSG_WIRE_XID32, NULL);
	unsigned int bit;
	u32 id;

	xt_set_next(test, 0x12345678);
	xt_ping(test, 0);
	id = xt_sent_id(test);
	for (bit = 0; bit < 32; bit++)
		fake_deliver(xt->f, fake_msg(xt->f, VIRTIO_MSG_TYPE_RESPONSE |
					     VIRTIO_MSG_TYPE_BUS,
					     VIRTIO_MSG_BUS_PING, 0,
					     id ^ (1U << bit), 4));
	KUNIT_EXPECT_FALSE(test, xt_ended(test, 0));
	KUNIT_EXPECT_EQ(test, xt_counter(test, VMSG_C_RX_UNKNOWN_ID), 32);
	fake_reply_all(xt->f);
	xt_all_once(test, 1);
}

static void test_duplicate(struct kunit *test)
{
	struct xt *xt = xt_start(test, xt_wire(test), NULL);
	struct fake_msg *rq;
	unsigned int i;

	xt_pings(test, 0, 4);
	for (i = 0; i < 4; i++) {
		rq = fake_take(xt->f, 0);
		xt->late = fake_answer(xt->f, rq);
		fake_reply(xt->f, rq);
		fake_deliver(xt->f, xt->late);
		xt->late = NULL;
	}
	KUNIT_EXPECT_EQ(test, xt_counter(test, VMSG_C_RX_UNKNOWN_ID), 4);
	xt_all_once(test, 4);
	KUNIT_EXPECT_EQ(test, xt_counter(test, VMSG_C_RX_RESPONSE), 4);
}

/* The answer to a request of before a time-out, after it and for ever. */
static void test_late(struct kunit *test)
{
	struct xt *xt = xt_start(test, xt_wire(test), NULL);
	struct fake_msg *late;
	unsigned int i;

	xt_set_timeout(test, XT_SHORT_MS);
	xt_pings(test, 0, 100);
	for (i = 0; i < 100; i++)
		KUNIT_ASSERT_TRUE(test, fake_until(xt_ended(test, i)));
	xt_set_timeout(test, 10000);
	for (i = 100; i < 200; i++) {
		xt_ping(test, i);
		late = fake_take(xt->f, 0);
		KUNIT_ASSERT_EQ(test, get_unaligned_le32(late->payload), i - 100);
		fake_reply(xt->f, late);
		KUNIT_EXPECT_FALSE(test, xt_ended(test, i));
	}
	KUNIT_EXPECT_EQ(test, xt_counter(test, VMSG_C_RX_LATE) +
			xt_counter(test, VMSG_C_RX_UNKNOWN_ID), 100);
	KUNIT_EXPECT_EQ(test, xt_counter(test, VMSG_C_TIMEOUT), 100);
	fake_reply_all(xt->f);
	xt_all_once(test, 200);
	for (i = 0; i < 100; i++)
		KUNIT_EXPECT_EQ(test, xt->one[i].status, -ETIMEDOUT);
	for (; i < 200; i++)
		xt_echo_ok(test, i);
}

static void test_malformed(struct kunit *test)
{
	struct xt *xt = xt_start(test, xt_wire(test), NULL);
	unsigned int hdr = fake_hdr_len(xt_wire(test)), i, n = 0;
	unsigned int size_at = xt_wire(test) == VIRTIO_MSG_WIRE_V1 ||
			       xt_wire(test) == VIRTIO_MSG_WIRE_V2 ? 6 : 4;
	static const u16 sizes[] = { 0, 1, 5, 13, 264, 265, 0x7fff, 0xffff };
	struct fake_msg *rq, *rsp;
	u8 *frame;

	xt_ping(test, 0);
	rq = fake_take(xt->f, 0);
	rsp = fake_answer(xt->f, rq);
	frame = kunit_kzalloc(test, 264, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, frame);
	/* A right answer but for its size, which fake_deliver() would write. */
	frame[0] = rsp->type;
	frame[1] = rsp->msg_id;
	if (size_at == 6)
		put_unaligned_le16(rsp->xid, frame + 4);
	else if (hdr == 12)
		put_unaligned_le32(rsp->xid, frame + 8);
	memcpy(frame + hdr, rsp->payload, 4);
	kfree(rsp);

	/* Shorter than a header. */
	put_unaligned_le16(hdr + 4, frame + size_at);
	for (i = 0; i < hdr; i++, n++)
		virtio_msg_rx(xt->bus, frame, i);
	/* Less than its header, or more than was received. */
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		if (sizes[i] >= hdr && sizes[i] <= hdr + 4)
			continue;
		put_unaligned_le16(sizes[i], frame + size_at);
		virtio_msg_rx(xt->bus, frame, hdr + 4);
		n++;
	}
	put_unaligned_le16(hdr - 1, frame + size_at);
	virtio_msg_rx(xt->bus, frame, hdr + 4);
	n++;
	KUNIT_EXPECT_EQ(test, xt_counter(test, VMSG_C_RX_MALFORMED), n);
	KUNIT_EXPECT_FALSE(test, xt_ended(test, 0));
	/* With padding it is right. */
	put_unaligned_le16(hdr + 4, frame + size_at);
	virtio_msg_rx(xt->bus, frame, 264);
	kfree(rq);
	xt_all_once(test, 1);
	xt_echo_ok(test, 0);
}

/* Reserved bits of the type are ignored. */
static void test_type_bits(struct kunit *test)
{
	struct xt *xt = xt_start(test, xt_wire(test), NULL);
	struct fake_msg *rq, *m;

	xt_ping(test, 0);
	rq = fake_take(xt->f, 0);
	m = fake_answer(xt->f, rq);
	kfree(rq);
	m->type |= 0xfc;
	fake_deliver(xt->f, m);
	xt_all_once(test, 1);
	xt_echo_ok(test, 0);
}

static void test_refused(struct kunit *test)
{
	static const struct {
		u16 result;
		int err;
	} cases[] = {
		{ VIRTIO_MSG_RESULT_NO_DEVICE, -ENODEV },
		{ VIRTIO_MSG_RESULT_UNKNOWN, -EREMOTEIO },
		{ VIRTIO_MSG_RESULT_BAD_ARG, -EREMOTEIO },
		{ VIRTIO_MSG_RESULT_BAD_STATE, -EREMOTEIO },
		{ VIRTIO_MSG_RESULT_BUSY, -EBUSY },
		{ 6, -EREMOTEIO },
		{ 0xffff, -EREMOTEIO },
	};
	struct xt *xt = xt_start(test, xt_wire(test), NULL);
	struct fake_msg *rq, *m;
	unsigned int i, n = 0;

	if (xt_wire(test) == VIRTIO_MSG_WIRE_XID32) {
		for (i = 0; i < ARRAY_SIZE(cases); i++, n++) {
			xt_ping(test, n);
			rq = fake_take(xt->f, 0);
			m = fake_answer(xt->f, rq);
			kfree(rq);
			m->len = 0;
			m->result = cases[i].result;
			fake_deliver(xt->f, m);
			KUNIT_EXPECT_TRUE(test, xt_ended(test, n));
			KUNIT_EXPECT_EQ(test, xt->one[n].status, cases[i].err);
		}
	}
	/* A bare header where a payload is due. */
	xt_ping(test, n);
	rq = fake_take(xt->f, 0);
	m = fake_answer(xt->f, rq);
	kfree(rq);
	m->len = 0;
	fake_deliver(xt->f, m);
	KUNIT_EXPECT_TRUE(test, xt_ended(test, n));
	KUNIT_EXPECT_EQ(test, xt->one[n].status, -EREMOTEIO);
	n++;
	KUNIT_EXPECT_EQ(test, xt_counter(test, VMSG_C_RX_REFUSED), n);
	xt_all_once(test, n);
}

static void test_short_answer(struct kunit *test)
{
	struct xt *xt = xt_start(test, xt_wire(test), NULL);
	struct fake_msg *rq, *m;

	fake_add(xt->f, XT_DEV, 1);
	xt_vq(test, XT_DEV, 0);
	rq = fake_take(xt->f, 0);
	m = fake_answer(xt->f, rq);
	kfree(rq);
	m->len--;
	fake_deliver(xt->f, m);
	xt_all_once(test, 1);
	KUNIT_EXPECT_EQ(test, xt->one[0].status, -EBADMSG);
	KUNIT_EXPECT_EQ(test, xt_counter(test, VMSG_C_RX_MALFORMED), 1);
}

static void test_long_answer(struct kunit *test)
{
	struct xt *xt = xt_start(test, xt_wire(test), NULL);
	unsigned int room = 264 - fake_hdr_len(xt_wire(test));
	static const unsigned int more[] = { 0, 1, 700 };
	struct fake_msg *rq, *m;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(more); i++) {
		xt_ping(test, i);
		rq = fake_take(xt->f, 0);
		m = fake_msg(xt->f, rq->type | VIRTIO_MSG_TYPE_RESPONSE, rq->msg_id,
			     0, rq->xid, room + more[i]);
		kfree(rq);
		fake_deliver(xt->f, m);
		KUNIT_EXPECT_TRUE(test, xt_ended(test, i));
		KUNIT_EXPECT_EQ(test, xt->one[i].status, more[i] ? -EMSGSIZE : 0);
	}
	KUNIT_EXPECT_EQ(test, xt_counter(test, VMSG_C_RX_MALFORMED), 2);
	xt_all_once(test, 3);
}

/* What a device side may not send. */
static void test_unexpected(struct kunit *test)
{
	static const struct {
		u8 type;
		u8 msg_id;
		enum vmsg_counter counter;
	} cases[] = {
		{ 0, VIRTIO_MSG_GET_DEVICE_INFO, VMSG_C_RX_UNEXPECTED },
		{ 0, 0x03, VMSG_C_RX_UNEXPECTED },
		{ VIRTIO_MSG_TYPE_BUS, VIRTIO_MSG_BUS_GET_DEVICES, VMSG_C_RX_UNEXPECTED },
		{ VIRTIO_MSG_TYPE_BUS, 0x00, VMSG_C_RX_UNEXPECTED },
		{ VIRTIO_MSG_TYPE_BUS, 0x85, VMSG_C_RX_UNEXPECTED },
		{ VIRTIO_MSG_TYPE_BUS, 0xc5, VMSG_C_RX_UNEXPECTED },
		{ VIRTIO_MSG_TYPE_BUS, 0x41, VMSG_C_RX_UNEXPECTED },
		{ 0, VIRTIO_MSG_EVENT_AVAIL, VMSG_C_RX_UNEXPECTED },
		{ 0, 0x7f, VMSG_C_RX_UNEXPECTED },
		{ 0, 0xff, VMSG_C_RX_UNEXPECTED },
		/* A PING without data. */
		{ VIRTIO_MSG_TYPE_BUS, VIRTIO_MSG_BUS_PING, VMSG_C_RX_MALFORMED },
		{ VIRTIO_MSG_TYPE_BUS, VIRTIO_MSG_BUS_EVENT_DEVICE, VMSG_C_RX_MALFORMED },
		{ 0, VIRTIO_MSG_EVENT_USED, VMSG_C_RX_MALFORMED },
		{ 0, VIRTIO_MSG_EVENT_CONFIG, VMSG_C_RX_MALFORMED },
	};
	struct xt *xt = xt_start(test, xt_wire(test), NULL);
	unsigned int i;

	xt_ping(test, 0);
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		u64 before = xt_counter(test, cases[i].counter);
		/* Requests have an ID, events have none. */
		u8 id = cases[i].msg_id;
		u32 xid = id & 0x40 ? 0 : 7;

		fake_deliver(xt->f, fake_msg(xt->f, cases[i].type, id, 0, xid, 0));
		KUNIT_EXPECT_EQ_MSG(test, xt_counter(test, cases[i].counter),
				    before + 1, "case %u", i);
	}
	/* Nobody is answered, and our own request still waits. */
	KUNIT_EXPECT_EQ(test, fake_count(xt->f, true, VIRTIO_MSG_BUS_PING), 1);
	KUNIT_EXPECT_FALSE(test, xt_ended(test, 0));
	fake_reply_all(xt->f);
	xt_all_once(test, 1);
}

/* xid32 is strict where the older revisions cannot be. */
static void test_misaddressed(struct kunit *test)
{
	struct xt *xt = xt_start(test, VIRTIO_MSG_WIRE_XID32, NULL);
	static const struct {
		u8 type;
		u8 msg_id;
		u16 dev_num;
		u32 xid;
	} cases[] = {
		/* Events with an ID. */
		{ 0, VIRTIO_MSG_EVENT_USED, 0, 1 },
		{ 0, VIRTIO_MSG_EVENT_CONFIG, 0, 0x80000000 },
		{ VIRTIO_MSG_TYPE_BUS, VIRTIO_MSG_BUS_EVENT_DEVICE, 0, 5 },
		/* A request without one. */
		{ VIRTIO_MSG_TYPE_BUS, VIRTIO_MSG_BUS_PING, 0, 0 },
		/* Bus messages for a device. */
		{ VIRTIO_MSG_TYPE_BUS, VIRTIO_MSG_BUS_PING, 1, 5 },
		{ VIRTIO_MSG_TYPE_BUS, VIRTIO_MSG_BUS_EVENT_DEVICE, 0x100, 0 },
		{ VIRTIO_MSG_TYPE_BUS | VIRTIO_MSG_TYPE_RESPONSE, VIRTIO_MSG_BUS_PING, 1, 5 },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		fake_deliver(xt->f, fake_msg(xt->f, cases[i].type, cases[i].msg_id,
					     cases[i].dev_num, cases[i].xid, 4));
		KUNIT_EXPECT_EQ(test, xt_counter(test, VMSG_C_RX_MALFORMED), i + 1);
	}
	KUNIT_EXPECT_EQ(test, fake_count(xt->f, true, VIRTIO_MSG_BUS_PING), 0);
}

/* Random frames: no crash, and nothing completes that should not. */
static void test_noise(struct kunit *test)
{
	struct xt *xt = xt_start(test, xt_wire(test), NULL);
	struct rnd_state rnd;
	unsigned int i;
	u8 frame[80];

	prandom_seed_state(&rnd, 4711);
	xt_set_next(test, 0x20000);
	xt_ping(test, 0);
	for (i = 0; i < 5000; i++) {
		prandom_bytes_state(&rnd, frame, sizeof(frame));
		/* Otherwise most die of their size, or are events for nobody. */
		if (i & 1)
			put_unaligned_le16(frame[40] % 64, frame + 4);
		if (i & 2)
			put_unaligned_le16(frame[41] % 64, frame + 6);
		/* No good luck: PING is the only one that could be right. */
		if (frame[1] == VIRTIO_MSG_BUS_PING)
			frame[1] = 0;
		virtio_msg_rx(xt->bus, frame, sizeof(frame));
	}
	KUNIT_EXPECT_FALSE(test, xt_ended(test, 0));
	fake_settle(xt->f);
	/* EVENT_DEVICE may have let the core ask for devices. */
	fake_reply_all(xt->f);
	KUNIT_EXPECT_TRUE(test, fake_until(xt_ended(test, 0)));
}

/* Time-outs */

static void test_timeout(struct kunit *test)
{
	struct xt *xt = xt_start(test, xt_wire(test), xt_inflight_3);
	unsigned int i;

	xt_set_timeout(test, XT_SHORT_MS);
	/* In flight and in the queue. */
	xt_pings(test, 0, 8);
	xt_all_once(test, 8);
	for (i = 0; i < 8; i++)
		KUNIT_EXPECT_EQ(test, xt->one[i].status, -ETIMEDOUT);
	KUNIT_EXPECT_EQ(test, xt_counter(test, VMSG_C_TIMEOUT), 8);
	KUNIT_EXPECT_EQ(test, xt->bus->state, VMSG_BUS_RUNNING);
}

/* An earlier deadline arms the reaper anew; a later one is not forgotten. */
static void test_timeout_order(struct kunit *test)
{
	struct xt *xt = xt_start(test, VIRTIO_MSG_WIRE_XID32, NULL);

	xt_set_timeout(test, 100);
	xt_ping(test, 0);
	xt_set_timeout(test, XT_SHORT_MS);
	xt_ping(test, 1);
	xt_set_timeout(test, 60);
	xt_ping(test, 2);
	xt_all_once(test, 3);
	KUNIT_EXPECT_EQ(test, xt->one[1].order, 1);
}

/* One that waits for its turn is not overdue while others get on. */
static void test_timeout_turn(struct kunit *test)
{
	struct xt *xt = xt_start(test, VIRTIO_MSG_WIRE_RFC2, NULL);
	struct vmsg_xfer *x;
	unsigned int i;

	xt_pings(test, 0, 5);
	for (i = 0; i < 5; i++) {
		spin_lock_irq(&xt->e->lock);
		list_for_each_entry(x, &xt->e->queue, node)
			x->deadline = jiffies - 1;
		spin_unlock_irq(&xt->e->lock);
		mod_delayed_work(system_percpu_wq, &xt->e->reaper, 0);
		flush_delayed_work(&xt->e->reaper);
		KUNIT_EXPECT_FALSE(test, xt_ended(test, i));
		KUNIT_ASSERT_EQ(test, fake_held(xt->f), 1);
		fake_reply(xt->f, fake_take(xt->f, 0));
		KUNIT_EXPECT_TRUE(test, xt_ended(test, i));
	}
	xt_all_once(test, 5);
	KUNIT_EXPECT_EQ(test, xt_counter(test, VMSG_C_TIMEOUT), 0);
}

/* A synchronous caller comes back as well. */
static void test_timeout_call(struct kunit *test)
{
	struct xt *xt = xt_start(test, xt_wire(test), NULL);
	struct vmsg_xfer *x;

	xt->f->reply = FAKE_SILENT;
	xt_set_timeout(test, XT_SHORT_MS);
	x = vmsg_xfer_alloc(xt->bus, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, x);
	KUNIT_EXPECT_EQ(test, vmsg_xfer_call(x, xt_pack_ping(x, 0)), -ETIMEDOUT);
	vmsg_xfer_put(x);
}

/* The transport is full for ever: what waits in the queue ends as well. */
static void test_timeout_blocked(struct kunit *test)
{
	struct xt *xt = xt_start(test, xt_wire(test), NULL);

	xt->f->room = 0;
	xt_set_timeout(test, XT_SHORT_MS);
	xt_pings(test, 0, 4);
	xt_all_once(test, 4);
	KUNIT_EXPECT_EQ(test, xt->one[3].status, -ETIMEDOUT);
	/* Nothing was sent, so nothing is out of step. */
	KUNIT_EXPECT_FALSE(test, xt->e->resync);
	xt->f->room = FAKE_ROOM;
	virtio_msg_tx_space(xt->bus);
	xt_set_timeout(test, 10000);
	xt_ping(test, 4);
	fake_reply_all(xt->f);
	xt_all_once(test, 5);
	xt_echo_ok(test, 4);
}

/* Cancel */

static void xt_no_lock(struct xt *xt, unsigned int i)
{
	xt->calls += irqs_disabled();
}

static void test_cancel(struct kunit *test)
{
	struct xt *xt = xt_start(test, VIRTIO_MSG_WIRE_XID32, xt_inflight_3);

	xt->hook = xt_no_lock;
	xt_pings(test, 0, 5);
	/* In flight, in the queue, ended, and twice. */
	KUNIT_EXPECT_TRUE(test, vmsg_xfer_cancel(xt->one[0].x));
	KUNIT_EXPECT_TRUE(test, vmsg_xfer_cancel(xt->one[4].x));
	KUNIT_EXPECT_FALSE(test, vmsg_xfer_cancel(xt->one[4].x));
	fake_reply_all(xt->f);
	KUNIT_EXPECT_FALSE(test, vmsg_xfer_cancel(xt->one[1].x));
	xt_ping(test, 5);
	fake_reply_all(xt->f);
	xt_all_once(test, 6);
	KUNIT_EXPECT_EQ(test, xt->one[0].status, -ECANCELED);
	KUNIT_EXPECT_EQ(test, xt->one[4].status, -ECANCELED);
	xt_echo_ok(test, 1);
	xt_echo_ok(test, 5);
	KUNIT_EXPECT_EQ(test, xt_counter(test, VMSG_C_CANCELLED), 2);
	KUNIT_EXPECT_EQ(test, xt_counter(test, VMSG_C_RX_UNKNOWN_ID), 1);
	/* complete() has every freedom that its context leaves. */
	KUNIT_EXPECT_EQ(test, xt->calls, 0);
}

/* The place of one that was cancelled is free at once. */
static void test_cancel_makes_room(struct kunit *test)
{
	struct xt *xt = xt_start(test, VIRTIO_MSG_WIRE_XID32, xt_inflight_3);

	xt_pings(test, 0, 4);
	KUNIT_EXPECT_EQ(test, fake_held(xt->f), 3);
	KUNIT_EXPECT_TRUE(test, vmsg_xfer_cancel(xt->one[0].x));
	KUNIT_EXPECT_EQ(test, fake_held(xt->f), 4);
	fake_reply_all(xt->f);
	xt_all_once(test, 4);
}

/* The transport has no room, or no peer. */

static void test_full(struct kunit *test)
{
	struct xt *xt = xt_start(test, VIRTIO_MSG_WIRE_XID32, NULL);
	unsigned int i;

	xt->f->room = 3;
	xt_pings(test, 0, 10);
	KUNIT_EXPECT_EQ(test, fake_held(xt->f), 3);
	/* It is asked once, not all the time. */
	KUNIT_EXPECT_EQ(test, xt->f->full, 1);
	KUNIT_EXPECT_EQ(test, xt_counter(test, VMSG_C_TX_BUSY), 1);
	for (i = 0; i < 7; i++) {
		xt->f->room = 1;
		virtio_msg_tx_space(xt->bus);
		KUNIT_EXPECT_EQ(test, fake_held(xt->f), 4 + i);
	}
	for (i = 0; i < 10; i++) {
		struct fake_msg *rq = fake_take(xt->f, 0);

		KUNIT_EXPECT_EQ(test, get_unaligned_le32(rq->payload), i);
		fake_reply(xt->f, rq);
	}
	xt_all_once(test, 10);
	KUNIT_EXPECT_EQ(test, xt_counter(test, VMSG_C_TX_REQUEST), 10);
}

/* Room is announced before send() has said that there is none. */
static int xt_full_once(struct fake *f)
{
	struct xt *xt = f->priv;

	if (xt->calls++ % 2)
		return 0;
	virtio_msg_tx_space(f->bus);
	return -EAGAIN;
}

static void test_space_in_send(struct kunit *test)
{
	struct xt *xt = xt_start(test, xt_wire(test), NULL);

	xt->f->before_send = xt_full_once;
	xt_ping(test, 0);
	KUNIT_EXPECT_EQ(test, fake_held(xt->f), 1);
	fake_reply_all(xt->f);
	xt_ping(test, 1);
	fake_reply_all(xt->f);
	xt_all_once(test, 2);
	KUNIT_EXPECT_EQ(test, xt->calls, 4);
}

/* The same from another CPU, as often as it likes. */
static int xt_space_thread(void *data)
{
	struct xt *xt = data;

	while (!kthread_should_stop()) {
		virtio_msg_tx_space(xt->bus);
		cond_resched();
	}
	return 0;
}

static int xt_often_full(struct fake *f)
{
	struct xt *xt = f->priv;

	return ++xt->calls % 3 ? -EAGAIN : 0;
}

static void test_space_race(struct kunit *test)
{
	struct xt *xt = xt_start(test, VIRTIO_MSG_WIRE_XID32, NULL);
	struct task_struct *task;
	unsigned int i;

	xt->f->reply = FAKE_WORK;
	xt->f->before_send = xt_often_full;
	task = kthread_run(xt_space_thread, xt, "vmsg-space");
	KUNIT_ASSERT_FALSE(test, IS_ERR(task));
	for (i = 0; i < 500; i++)
		xt_ping(test, i);
	KUNIT_EXPECT_TRUE(test, fake_until(atomic_read(&xt->ended) == 500));
	kthread_stop(task);
	xt_all_once(test, 500);
	for (i = 0; i < 500; i++)
		xt_echo_ok(test, i);
}

static int xt_always_full(struct fake *f)
{
	return -EAGAIN;
}

/* A ring that is never as free as it looks does not keep anybody waiting for ever. */
static void test_full_in_time(struct kunit *test)
{
	struct xt *xt = xt_start(test, VIRTIO_MSG_WIRE_XID32, NULL);
	unsigned int i;

	xt_set_timeout(test, 50);
	xt->f->before_send = xt_always_full;
	xt_ping(test, 0);
	for (i = 0; i < 2000 && !xt_ended(test, 0); i++) {
		virtio_msg_tx_space(xt->bus);
		usleep_range(1000, 2000);
	}
	KUNIT_EXPECT_TRUE(test, xt_ended(test, 0));
	xt->f->before_send = NULL;
	xt_all_once(test, 1);
	KUNIT_EXPECT_EQ(test, xt->one[0].status, -ETIMEDOUT);
}

static void test_send_fails(struct kunit *test)
{
	static const int errs[] = { -ENOTCONN, -EIO, -EINVAL };
	struct xt *xt = xt_start(test, xt_wire(test), NULL);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(errs); i++) {
		xt->f->send_ret = errs[i];
		xt_ping(test, i);
		KUNIT_EXPECT_TRUE(test, xt_ended(test, i));
		KUNIT_EXPECT_EQ(test, xt->one[i].status, errs[i]);
	}
	KUNIT_EXPECT_EQ(test, xt_counter(test, VMSG_C_TX_ERROR), 3);
	xt->f->send_ret = 0;
	xt_ping(test, i);
	fake_reply_all(xt->f);
	xt_all_once(test, 4);
	xt_echo_ok(test, 3);
}

/* send() fails although the answer has come inside of it. */
static int xt_answer_and_fail(struct fake *f)
{
	struct xt *xt = f->priv;
	struct fake_msg *m;

	if (xt->calls++)
		return 0;
	m = fake_msg(f, VIRTIO_MSG_TYPE_RESPONSE | VIRTIO_MSG_TYPE_BUS,
		     VIRTIO_MSG_BUS_PING, 0, 300, 4);
	fake_deliver(f, m);
	return -EAGAIN;
}

static void test_answer_then_full(struct kunit *test)
{
	struct xt *xt = xt_start(test, VIRTIO_MSG_WIRE_XID32, NULL);

	xt->f->before_send = xt_answer_and_fail;
	xt_set_next(test, 300);
	xt_ping(test, 0);
	xt_all_once(test, 1);
	virtio_msg_tx_space(xt->bus);
	xt_ping(test, 1);
	KUNIT_EXPECT_EQ(test, fake_held(xt->f), 1);
	fake_reply_all(xt->f);
	xt_all_once(test, 2);
}

/* Nor does anybody but the sender know of it when send() returns. */
static int xt_forget_in_send(struct fake *f)
{
	struct xt *xt = f->priv;
	struct vmsg_xfer *x = xt->one[0].x;

	if (xt->calls)
		return 0;
	xt->calls = kref_read(&x->ref);
	xt->one[0].x = NULL;
	vmsg_xfer_cancel(x);
	vmsg_xfer_put(x);
	return -EIO;
}

static void xt_sleeping(struct fake *f)
{
	f->desc.flags = 0;
}

static void test_forgotten_in_send(struct kunit *test)
{
	struct xt *xt = xt_start(test, VIRTIO_MSG_WIRE_XID32, xt_sleeping);

	xt->f->before_send = xt_forget_in_send;
	xt_ping(test, 0);
	KUNIT_EXPECT_TRUE(test, fake_until(atomic_read(&xt->ended)));
	fake_settle(xt->f);
	/* The test's, that of who waits for an answer, the sender's. */
	KUNIT_EXPECT_EQ(test, xt->calls, 3);
	KUNIT_EXPECT_EQ(test, xt->one[0].status, -ECANCELED);
	xt_ping(test, 1);
	KUNIT_EXPECT_TRUE(test, fake_until(fake_held(xt->f)));
	fake_reply_all(xt->f);
	xt_all_once(test, 2);
	xt_echo_ok(test, 1);
}

/* Contexts */

static void test_submit_atomic(struct kunit *test)
{
	struct xt *xt = xt_start(test, xt_wire(test), NULL);
	static DEFINE_SPINLOCK(lock);
	struct vmsg_xfer *x;
	unsigned long flags;
	unsigned int i;

	xt->f->reply = FAKE_IN_SEND;
	for (i = 0; i < 10; i++) {
		spin_lock_irqsave(&lock, flags);
		x = vmsg_xfer_alloc(xt->bus, GFP_ATOMIC);
		if (x) {
			x->complete = xt_complete;
			xt->one[i].x = x;
			vmsg_xfer_submit(x, xt_pack_ping(x, i));
		}
		spin_unlock_irqrestore(&lock, flags);
		KUNIT_ASSERT_NOT_NULL(test, x);
	}
	xt_all_once(test, 10);
	for (i = 0; i < 10; i++)
		xt_echo_ok(test, i);
}

/* A transport that sleeps in send() is never called from where it may not. */
static void test_submit_atomic_sleeping(struct kunit *test)
{
	struct xt *xt = xt_start(test, xt_wire(test), xt_sleeping);
	struct vmsg_xfer *x;
	unsigned long flags;
	unsigned int i;

	xt->f->reply = FAKE_IN_SEND;
	for (i = 0; i < 10; i++) {
		local_irq_save(flags);
		x = vmsg_xfer_alloc(xt->bus, GFP_ATOMIC);
		if (x) {
			x->complete = xt_complete;
			xt->one[i].x = x;
			vmsg_xfer_submit(x, xt_pack_ping(x, i));
		}
		virtio_msg_tx_space(xt->bus);
		local_irq_restore(flags);
		KUNIT_ASSERT_NOT_NULL(test, x);
	}
	xt_all_once(test, 10);
	for (i = 0; i < 10; i++)
		xt_echo_ok(test, i);
}

/* complete() submits the next. */
static void xt_submit_next(struct xt *xt, unsigned int i)
{
	struct vmsg_xfer *x;

	if (i >= 99)
		return;
	x = vmsg_xfer_alloc(xt->bus, GFP_ATOMIC);
	if (!x)
		return;
	x->complete = xt_complete;
	xt->one[i + 1].x = x;
	vmsg_xfer_submit(x, xt_pack_ping(x, i + 1));
}

static void test_chain(struct kunit *test)
{
	struct xt *xt = xt_start(test, xt_wire(test), NULL);

	xt->hook = xt_submit_next;
	xt->f->reply = FAKE_IN_SEND;
	xt_ping(test, 0);
	xt_all_once(test, 100);
}

/* Requests to one device are sent in the order of their submission. */

struct xt_sender {
	struct kunit *test;
	struct completion done;
	u16 dev;
	unsigned int first;
	unsigned int num;
	bool failed;
};

static int xt_sender_thread(void *data)
{
	struct xt_sender *s = data;
	struct xt *xt = s->test->priv;
	unsigned int i;

	for (i = s->first; i < s->first + s->num; i++) {
		struct vmsg_xfer *x = vmsg_xfer_alloc(xt->bus, GFP_KERNEL);

		if (!x) {
			s->failed = true;
			break;
		}
		x->complete = xt_complete;
		xt->one[i].x = x;
		if (vmsg_xfer_submit(x, xt_pack_vq(x, s->dev, i)))
			s->failed = true;
	}
	complete(&s->done);
	return 0;
}

static void test_order(struct kunit *test)
{
	struct xt *xt = xt_start(test, xt_wire(test), NULL);
	struct xt_sender *s;
	u32 last[4] = {};
	struct fake_msg *m;
	unsigned int i;

	s = kunit_kcalloc(test, 4, sizeof(*s), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, s);
	for (i = 0; i < 4; i++)
		fake_add(xt->f, 1 + i, 1);
	xt->f->reply = FAKE_WORK;
	for (i = 0; i < 4; i++) {
		s[i].test = test;
		s[i].dev = 1 + i;
		s[i].first = 1 + 150 * i;
		s[i].num = 150;
		init_completion(&s[i].done);
		if (IS_ERR(kthread_run(xt_sender_thread, &s[i], "vmsg-send%u", i)))
			complete(&s[i].done);
	}
	for (i = 0; i < 4; i++) {
		wait_for_completion(&s[i].done);
		KUNIT_EXPECT_FALSE(test, s[i].failed);
	}
	xt_all_once(test, 600);
	list_for_each_entry(m, &xt->f->sent, node) {
		u32 n = get_unaligned_le32(m->payload);

		KUNIT_ASSERT_LE(test, m->dev_num, 4);
		KUNIT_ASSERT_GE(test, m->dev_num, 1);
		KUNIT_EXPECT_GT(test, n, last[m->dev_num - 1]);
		last[m->dev_num - 1] = n;
	}
}

/* Response, time-out, cancel and loss at the same time. */

struct xt_racer {
	struct kunit *test;
	struct completion done;
	u32 seed;
};

static int xt_cancel_thread(void *data)
{
	struct xt_racer *r = data;
	struct xt *xt = r->test->priv;
	struct rnd_state rnd;
	unsigned int i;

	prandom_seed_state(&rnd, r->seed);
	while (!kthread_should_stop()) {
		struct vmsg_xfer *x;

		i = prandom_u32_state(&rnd) % XT_MAX;
		/* Pairs with the submitter's release. */
		x = smp_load_acquire(&xt->one[i].x);
		if (x)
			vmsg_xfer_cancel(x);
		cond_resched();
	}
	return 0;
}

static int xt_answer_thread(void *data)
{
	struct xt_racer *r = data;
	struct xt *xt = r->test->priv;
	struct rnd_state rnd;

	prandom_seed_state(&rnd, r->seed);
	while (!kthread_should_stop()) {
		unsigned int held = fake_held(xt->f);
		struct fake_msg *m = NULL, *dup;

		if (held)
			m = fake_take(xt->f, prandom_u32_state(&rnd) % held);
		if (!m) {
			usleep_range(10, 50);
			continue;
		}
		/* Some never, some twice. */
		switch (prandom_u32_state(&rnd) % 8) {
		case 0:
			kfree(m);
			break;
		case 1:
			dup = fake_answer(xt->f, m);
			fake_reply(xt->f, m);
			fake_deliver(xt->f, dup);
			break;
		default:
			fake_reply(xt->f, m);
		}
	}
	return 0;
}

static void xt_race(struct kunit *test, unsigned int wire, bool lose)
{
	struct xt *xt = xt_start(test, wire, NULL);
	unsigned int i, n = 0, gone = 0, ok = 0;
	struct task_struct *task[4];
	struct xt_racer racer[4];

	xt->f->script = xt_hold_pings;
	xt->f->record = false;
	xt_set_timeout(test, 2);
	for (i = 0; i < 4; i++) {
		racer[i].test = test;
		racer[i].seed = 17 + i;
		task[i] = kthread_run(i < 2 ? xt_answer_thread : xt_cancel_thread,
				      &racer[i], "vmsg-race%u", i);
	}
	for (i = 0; i < XT_MAX; i++) {
		struct vmsg_xfer *x = vmsg_xfer_alloc(xt->bus, GFP_KERNEL);

		if (x) {
			int ret;

			x->complete = xt_complete;
			ret = vmsg_xfer_submit(x, xt_pack_ping(x, i));
			if (ret) {
				vmsg_xfer_put(x);
				gone++;
			} else {
				/* The cancellers may have it from now on. */
				smp_store_release(&xt->one[i].x, x);
				n++;
			}
		} else {
			gone++;
		}
		if (lose && i % 128 == 127)
			virtio_msg_peer_lost(xt->bus, "test");
		if (i % 16 == 15)
			usleep_range(100, 300);
	}
	KUNIT_EXPECT_TRUE(test, fake_until(atomic_read(&xt->ended) == n));
	for (i = 0; i < 4; i++)
		if (!IS_ERR(task[i]))
			kthread_stop(task[i]);
	/* The scan of a link that came last is none of ours. */
	fake_settle(xt->f);
	xt_all_once(test, n);
	for (i = 0; i < XT_MAX; i++) {
		if (!xt->one[i].x)
			continue;
		switch (xt->one[i].status) {
		case 0:
			xt_echo_ok(test, i);
			ok++;
			break;
		case -ETIMEDOUT:
		case -ECANCELED:
		case -ENOTCONN:
			break;
		default:
			KUNIT_FAIL(test, "status %d", xt->one[i].status);
		}
	}
	kunit_info(test, "%u answered, %u of %u not, %u not submitted\n", ok,
		   n - ok, n, gone);
}

static void test_race(struct kunit *test)
{
	xt_race(test, xt_wire(test), false);
}

static void test_race_lost(struct kunit *test)
{
	xt_race(test, xt_wire(test), true);
}

/* The device side's own requests: PING */

static void xt_device_ping(struct xt *xt, u32 xid, u32 data)
{
	struct fake_msg *m = fake_msg(xt->f, VIRTIO_MSG_TYPE_BUS,
				      VIRTIO_MSG_BUS_PING, 0, xid, 4);

	put_unaligned_le32(data, m->payload);
	fake_deliver(xt->f, m);
}

static void test_pong(struct kunit *test)
{
	struct xt *xt = xt_start(test, xt_wire(test), NULL);
	struct fake_msg m;
	u8 data[4];
	u32 xid;

	xid = xt_wire(test) == VIRTIO_MSG_WIRE_RFC2 ? 0 : 0xfff1;
	/* Each side has its own IDs: one of ours may be the same. */
	xt_set_next(test, 0xfff1);
	xt_ping(test, 0);
	xt_device_ping(xt, xid, 0xcafe1234);
	KUNIT_ASSERT_TRUE(test, fake_last(xt->f, true, VIRTIO_MSG_BUS_PING, &m,
					  data, 4));
	KUNIT_EXPECT_EQ(test, m.type, VIRTIO_MSG_TYPE_BUS | VIRTIO_MSG_TYPE_RESPONSE);
	KUNIT_EXPECT_EQ(test, m.dev_num, 0);
	KUNIT_EXPECT_EQ(test, m.result, 0);
	KUNIT_EXPECT_EQ(test, m.xid, xid);
	KUNIT_EXPECT_EQ(test, m.len, 4);
	KUNIT_EXPECT_EQ(test, get_unaligned_le32(data), 0xcafe1234);
	KUNIT_EXPECT_FALSE(test, xt_ended(test, 0));
	KUNIT_EXPECT_EQ(test, xt_counter(test, VMSG_C_RX_REQUEST), 1);
	fake_reply_all(xt->f);
	xt_all_once(test, 1);
}

static void test_ping_flood(struct kunit *test)
{
	struct xt *xt = xt_start(test, xt_wire(test), NULL);
	struct fake_msg *m;
	unsigned int i, n = 0;

	xt->f->room = 0;
	for (i = 0; i < 1000; i++)
		xt_device_ping(xt, 2 + i, i);
	KUNIT_EXPECT_EQ(test, xt_counter(test, VMSG_C_RX_UNEXPECTED),
			1000 - ARRAY_SIZE(xt->e->pongs));
	xt->f->room = FAKE_ROOM;
	virtio_msg_tx_space(xt->bus);
	KUNIT_EXPECT_EQ(test, fake_count(xt->f, true, VIRTIO_MSG_BUS_PING),
			ARRAY_SIZE(xt->e->pongs));
	list_for_each_entry(m, &xt->f->sent, node)
		KUNIT_EXPECT_EQ(test, get_unaligned_le32(m->payload), n++);
	/* The bus is as good as before. */
	xt_device_ping(xt, 9, 9);
	xt_ping(test, 0);
	fake_reply_all(xt->f);
	xt_all_once(test, 1);
}

/* A PING inside of each send(), and the answer to that, and so on. */
static int xt_ping_in_send(struct fake *f)
{
	struct xt *xt = f->priv;

	if (xt->calls++ < 100)
		xt_device_ping(xt, 2, xt->calls);
	return 0;
}

static void test_ping_in_send(struct kunit *test)
{
	struct xt *xt = xt_start(test, xt_wire(test), NULL);

	xt->f->before_send = xt_ping_in_send;
	xt_ping(test, 0);
	xt->f->before_send = NULL;
	fake_reply_all(xt->f);
	xt_all_once(test, 1);
	xt_echo_ok(test, 0);
}

/* The end of a link. */

static void test_lost(struct kunit *test)
{
	struct xt *xt = xt_start(test, xt_wire(test), xt_inflight_3);
	struct fake_msg *late;
	unsigned int i;

	xt->f->come_back = false;
	xt_pings(test, 0, 9);
	xt_device_ping(xt, 2, 2);
	late = fake_take(xt->f, 0);
	virtio_msg_peer_lost(xt->bus, "test");
	/* At once: not by a work, not by the reaper. */
	KUNIT_EXPECT_EQ(test, atomic_read(&xt->ended), 9);
	xt_all_once(test, 9);
	for (i = 0; i < 9; i++)
		KUNIT_EXPECT_EQ(test, xt->one[i].status, -ENOTCONN);
	KUNIT_EXPECT_NULL(test, vmsg_xfer_alloc(xt->bus, GFP_KERNEL));
	fake_reply(xt->f, late);
	KUNIT_EXPECT_EQ(test, xt_counter(test, VMSG_C_RX_UNEXPECTED), 1);
	fake_settle(xt->f);
	KUNIT_EXPECT_EQ(test, xt->f->lost, 1);
}

/* An answer of before the loss after the return. */
static void test_late_over_loss(struct kunit *test)
{
	struct xt *xt = xt_start(test, xt_wire(test), NULL);
	struct fake_msg *late;
	unsigned int i;

	xt_set_next(test, 1000);
	xt_pings(test, 0, 20);
	xt->f->script = xt_hold_pings;
	virtio_msg_peer_lost(xt->bus, "test");
	fake_settle(xt->f);
	KUNIT_ASSERT_EQ(test, xt->bus->state, VMSG_BUS_RUNNING);
	/* A token begins anywhere: not where the old ones are. */
	if (xt_wire(test) != VIRTIO_MSG_WIRE_XID32)
		xt_set_next(test, 2000);
	xt_pings(test, 20, 20);
	for (i = 0; i < 20; i++) {
		late = fake_take(xt->f, 0);
		KUNIT_ASSERT_EQ(test, get_unaligned_le32(late->payload), i);
		fake_reply(xt->f, late);
		KUNIT_EXPECT_FALSE(test, xt_ended(test, 20 + i));
	}
	KUNIT_EXPECT_EQ(test, xt_counter(test, VMSG_C_RX_UNKNOWN_ID), 20);
	fake_reply_all(xt->f);
	xt_all_once(test, 40);
	for (i = 20; i < 40; i++)
		xt_echo_ok(test, i);
}

/* Packed for one link, submitted on the next. */
static void test_stale_epoch(struct kunit *test)
{
	struct xt *xt = xt_start(test, xt_wire(test), NULL);
	struct vmsg_xfer *x = xt_alloc(test, 0, GFP_KERNEL);
	unsigned int sent;
	int len;

	len = xt_pack_ping(x, 0);
	xt->f->reply = FAKE_IN_SEND;
	virtio_msg_peer_lost(xt->bus, "test");
	fake_settle(xt->f);
	KUNIT_ASSERT_EQ(test, xt->bus->state, VMSG_BUS_RUNNING);
	KUNIT_EXPECT_NE(test, x->epoch, xt->e->epoch);
	sent = fake_count(xt->f, true, VIRTIO_MSG_BUS_PING);
	KUNIT_EXPECT_EQ(test, vmsg_xfer_submit(x, len), -ENOTCONN);
	KUNIT_EXPECT_FALSE(test, xt_ended(test, 0));
	KUNIT_EXPECT_EQ(test, fake_count(xt->f, true, VIRTIO_MSG_BUS_PING), sent);
}

/* The link goes down inside of send(). */
static int xt_lose_in_send(struct fake *f)
{
	struct xt *xt = f->priv;

	if (xt->calls++)
		return 0;
	virtio_msg_peer_lost(f->bus, "test");
	return -EAGAIN;
}

static void test_lost_in_send(struct kunit *test)
{
	struct xt *xt = xt_start(test, xt_wire(test), NULL);

	xt->f->reply = FAKE_IN_SEND;
	xt->f->before_send = xt_lose_in_send;
	xt_ping(test, 0);
	KUNIT_EXPECT_TRUE(test, xt_ended(test, 0));
	KUNIT_EXPECT_EQ(test, xt->one[0].status, -ENOTCONN);
	fake_settle(xt->f);
	KUNIT_ASSERT_TRUE(test, fake_until(READ_ONCE(xt->bus->state) == VMSG_BUS_RUNNING));
	fake_settle(xt->f);
	xt_ping(test, 1);
	xt_all_once(test, 2);
	xt_echo_ok(test, 1);
}

/* Unregistering ends what is left, and the transport is stopped once. */
static void test_unregister(struct kunit *test)
{
	struct xt *xt = xt_start(test, xt_wire(test), NULL);
	unsigned int i;

	xt_pings(test, 0, 300);
	xt->f->registered = false;
	virtio_msg_bus_unregister(xt->bus);
	KUNIT_EXPECT_EQ(test, xt->f->stopped, 1);
	xt_all_once(test, 300);
	for (i = 0; i < 300; i++)
		KUNIT_EXPECT_EQ(test, xt->one[i].status, -ESHUTDOWN);
	KUNIT_EXPECT_NULL(test, vmsg_xfer_alloc(xt->bus, GFP_KERNEL));
	virtio_msg_tx_space(xt->bus);
	fake_reply_all(xt->f);
}

static struct kunit_case xt_cases[] = {
	KUNIT_CASE_PARAM(test_call, xt_wire_gen_params),
	KUNIT_CASE_PARAM(test_bus_ping, xt_wire_gen_params),
	KUNIT_CASE_PARAM(test_bus_ping_wrong_echo, xt_wire_gen_params),
	KUNIT_CASE(test_submit_errors),
	KUNIT_CASE_PARAM(test_random_order, xt_id_wire_gen_params),
	KUNIT_CASE_PARAM(test_more_than_fit, xt_id_wire_gen_params),
	KUNIT_CASE_PARAM(test_max_inflight, xt_id_wire_gen_params),
	KUNIT_CASE(test_id_wrap),
	KUNIT_CASE(test_id_not_reused),
	KUNIT_CASE(test_id_starts_anywhere),
	KUNIT_CASE(test_id_all_bits),
	KUNIT_CASE_PARAM(test_token_wrap, xt_token_wire_gen_params),
	KUNIT_CASE_PARAM(test_token_quarantine, xt_token_wire_gen_params),
	KUNIT_CASE_PARAM(test_token_not_sent, xt_token_wire_gen_params),
	KUNIT_CASE_PARAM(test_tokens_low, xt_token_wire_gen_params),
	KUNIT_CASE_PARAM(test_tokens_gone, xt_token_wire_gen_params),
	KUNIT_CASE(test_rfc2_one_at_a_time),
	KUNIT_CASE(test_rfc2_resync),
	KUNIT_CASE(test_rfc2_resync_kick),
	KUNIT_CASE(test_pump_ends),
	KUNIT_CASE(test_rfc2_resync_again),
	KUNIT_CASE(test_rfc2_no_echo),
	KUNIT_CASE(test_rfc2_echo_too_late),
	KUNIT_CASE(test_rfc2_cancel),
	KUNIT_CASE(test_rfc2_cancel_queued),
	KUNIT_CASE_PARAM(test_wrong_answers, xt_wire_gen_params),
	KUNIT_CASE_PARAM(test_foreign_ids, xt_wire_gen_params),
	KUNIT_CASE_PARAM(test_duplicate, xt_id_wire_gen_params),
	KUNIT_CASE_PARAM(test_late, xt_id_wire_gen_params),
	KUNIT_CASE_PARAM(test_malformed, xt_wire_gen_params),
	KUNIT_CASE_PARAM(test_type_bits, xt_wire_gen_params),
	KUNIT_CASE_PARAM(test_refused, xt_wire_gen_params),
	KUNIT_CASE_PARAM(test_short_answer, xt_wire_gen_params),
	KUNIT_CASE_PARAM(test_long_answer, xt_wire_gen_params),
	KUNIT_CASE_PARAM(test_unexpected, xt_wire_gen_params),
	KUNIT_CASE(test_misaddressed),
	KUNIT_CASE_PARAM(test_noise, xt_wire_gen_params),
	KUNIT_CASE_PARAM(test_timeout, xt_id_wire_gen_params),
	KUNIT_CASE(test_timeout_order),
	KUNIT_CASE(test_timeout_turn),
	KUNIT_CASE_PARAM(test_timeout_call, xt_wire_gen_params),
	KUNIT_CASE_PARAM(test_timeout_blocked, xt_wire_gen_params),
	KUNIT_CASE(test_cancel),
	KUNIT_CASE(test_cancel_makes_room),
	KUNIT_CASE(test_full),
	KUNIT_CASE_PARAM(test_space_in_send, xt_wire_gen_params),
	KUNIT_CASE(test_space_race),
	KUNIT_CASE(test_full_in_time),
	KUNIT_CASE_PARAM(test_send_fails, xt_wire_gen_params),
	KUNIT_CASE(test_answer_then_full),
	KUNIT_CASE(test_forgotten_in_send),
	KUNIT_CASE_PARAM(test_submit_atomic, xt_wire_gen_params),
	KUNIT_CASE_PARAM(test_submit_atomic_sleeping, xt_wire_gen_params),
	KUNIT_CASE_PARAM(test_chain, xt_wire_gen_params),
	KUNIT_CASE_PARAM(test_order, xt_wire_gen_params),
	KUNIT_CASE_PARAM(test_race, xt_id_wire_gen_params),
	KUNIT_CASE_PARAM(test_race_lost, xt_id_wire_gen_params),
	KUNIT_CASE_PARAM(test_pong, xt_wire_gen_params),
	KUNIT_CASE_PARAM(test_ping_flood, xt_wire_gen_params),
	KUNIT_CASE_PARAM(test_ping_in_send, xt_wire_gen_params),
	KUNIT_CASE_PARAM(test_lost, xt_wire_gen_params),
	KUNIT_CASE_PARAM(test_late_over_loss, xt_id_wire_gen_params),
	KUNIT_CASE_PARAM(test_stale_epoch, xt_wire_gen_params),
	KUNIT_CASE_PARAM(test_lost_in_send, xt_wire_gen_params),
	KUNIT_CASE_PARAM(test_unregister, xt_wire_gen_params),
	{}
};

static struct kunit_suite xt_suite = {
	.name = "virtio_msg_xfer",
	.init = xt_init,
	.exit = xt_exit,
	.test_cases = xt_cases,
};

kunit_test_suite(xt_suite);
