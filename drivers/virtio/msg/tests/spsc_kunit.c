// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests of the raw SPSC pages
 */

#include <kunit/test.h>
#include <linux/string.h>

#include "spsc.h"

#define SIZE	1024
#define SLOTS	14

struct spsc_page {
	__le32 head;
	u8 pad0[60];
	__le32 tail;
	u8 pad1[60];
	u8 slot[SLOTS][64];
};

static struct spsc_page *spsc_page(struct kunit *test)
{
	struct spsc_page *p = kunit_kzalloc(test, SIZE, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, p);
	KUNIT_ASSERT_EQ(test, sizeof(*p), SIZE);
	return p;
}

static __vshm u8 *spsc_base(struct spsc_page *p)
{
	return (__vshm u8 __force *)p;
}

static void spsc_slots(struct kunit *test)
{
	struct vmsg_spsc q;
	u8 *p = kunit_kzalloc(test, 4096, GFP_KERNEL);
	__vshm u8 *base = (__vshm u8 __force *)p;

	KUNIT_ASSERT_NOT_NULL(test, p);
	KUNIT_ASSERT_EQ(test, vmsg_spsc_init_tx(&q, base, 4096), 0);
	KUNIT_EXPECT_EQ(test, q.slots, 62U);
	KUNIT_ASSERT_EQ(test, vmsg_spsc_init_tx(&q, base, 1024), 0);
	KUNIT_EXPECT_EQ(test, q.slots, 14U);
	KUNIT_EXPECT_EQ(test, vmsg_spsc_init_tx(&q, base, 255), -EINVAL);
	KUNIT_EXPECT_EQ(test, vmsg_spsc_init_rx(&q, base, 0), -EINVAL);
	KUNIT_EXPECT_EQ(test, vmsg_spsc_init_rx(&q, base, 256), 0);
	KUNIT_EXPECT_EQ(test, q.slots, 2U);
}

static void spsc_layout(struct kunit *test)
{
	struct spsc_page *p = spsc_page(test);
	struct vmsg_spsc tx;
	u8 frame[48];

	memset(p->slot, 0x55, sizeof(p->slot));
	memset(frame, 0xa7, sizeof(frame));
	KUNIT_ASSERT_EQ(test, vmsg_spsc_init_tx(&tx, spsc_base(p), SIZE), 0);
	KUNIT_ASSERT_EQ(test, vmsg_spsc_send(&tx, frame, sizeof(frame)), 0);
	KUNIT_EXPECT_EQ(test, le32_to_cpu(p->head), 1U);
	KUNIT_EXPECT_EQ(test, le32_to_cpu(p->tail), 0U);
	KUNIT_EXPECT_MEMEQ(test, p->slot[0], frame, sizeof(frame));
	/* Padding is zero, the next slot is untouched. */
	KUNIT_EXPECT_PTR_EQ(test, memchr_inv(p->slot[0] + 48, 0, 16), NULL);
	KUNIT_EXPECT_EQ(test, p->slot[1][0], 0x55);
}

static void spsc_full_and_wrap(struct kunit *test)
{
	struct spsc_page *p = spsc_page(test);
	struct vmsg_spsc tx, rx;
	u8 frame[64] = {}, buf[64];
	unsigned int i, sent = 0, got = 0;

	KUNIT_ASSERT_EQ(test, vmsg_spsc_init_tx(&tx, spsc_base(p), SIZE), 0);
	KUNIT_ASSERT_EQ(test, vmsg_spsc_init_rx(&rx, spsc_base(p), SIZE), 0);
	for (i = 0; i < 5 * SLOTS; i++) {
		while (vmsg_spsc_tx_space(&tx)) {
			frame[0] = sent++;
			KUNIT_ASSERT_EQ(test, vmsg_spsc_send(&tx, frame, 64), 0);
		}
		KUNIT_EXPECT_EQ(test, sent - got, SLOTS - 1);
		KUNIT_EXPECT_EQ(test, vmsg_spsc_send(&tx, frame, 64), -EAGAIN);
		KUNIT_ASSERT_EQ(test, vmsg_spsc_recv(&rx, buf, 64), 64);
		KUNIT_EXPECT_EQ(test, buf[0], (u8)got++);
	}
	while (vmsg_spsc_recv(&rx, buf, 64) == 64)
		KUNIT_EXPECT_EQ(test, buf[0], (u8)got++);
	KUNIT_EXPECT_EQ(test, got, sent);
}

/* Peers cache the indices: who comes anew goes on from what is there. */
static void spsc_goes_on(struct kunit *test)
{
	struct spsc_page *p = spsc_page(test);
	struct vmsg_spsc tx, rx;
	u8 buf[64];

	p->head = cpu_to_le32(5);
	p->tail = cpu_to_le32(4);
	p->slot[4][0] = 0x44;
	KUNIT_ASSERT_EQ(test, vmsg_spsc_init_tx(&tx, spsc_base(p), SIZE), 0);
	KUNIT_ASSERT_EQ(test, vmsg_spsc_init_rx(&rx, spsc_base(p), SIZE), 0);
	KUNIT_EXPECT_EQ(test, vmsg_spsc_recv(&rx, buf, 64), 64);
	KUNIT_EXPECT_EQ(test, buf[0], 0x44);
	KUNIT_EXPECT_EQ(test, vmsg_spsc_recv(&rx, buf, 64), 0);
	KUNIT_EXPECT_EQ(test, vmsg_spsc_send(&tx, buf, 1), 0);
	KUNIT_EXPECT_EQ(test, le32_to_cpu(p->head), 6U);
}

static void spsc_hostile(struct kunit *test)
{
	static const u32 bad[] = { SLOTS, SLOTS + 1, 0x7fffffff, 0x80000000, U32_MAX };
	struct spsc_page *p = spsc_page(test);
	struct vmsg_spsc tx, rx, q;
	unsigned int i;
	u8 buf[65] = {};

	KUNIT_ASSERT_EQ(test, vmsg_spsc_init_tx(&tx, spsc_base(p), SIZE), 0);
	KUNIT_ASSERT_EQ(test, vmsg_spsc_init_rx(&rx, spsc_base(p), SIZE), 0);
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		p->head = cpu_to_le32(bad[i]);
		p->tail = cpu_to_le32(bad[i]);
		KUNIT_EXPECT_EQ(test, vmsg_spsc_recv(&rx, buf, 64), -EPROTO);
		KUNIT_EXPECT_EQ(test, vmsg_spsc_send(&tx, buf, 64), -EPROTO);
		KUNIT_EXPECT_EQ(test, vmsg_spsc_init_tx(&q, spsc_base(p), SIZE), -EPROTO);
		KUNIT_EXPECT_EQ(test, vmsg_spsc_init_rx(&q, spsc_base(p), SIZE), -EPROTO);
	}
	p->head = 0;
	p->tail = 0;
	KUNIT_EXPECT_EQ(test, vmsg_spsc_send(&tx, buf, 65), -EMSGSIZE);
	KUNIT_EXPECT_EQ(test, vmsg_spsc_recv(&rx, buf, 63), -EMSGSIZE);
	KUNIT_EXPECT_EQ(test, vmsg_spsc_recv(&rx, buf, 65), 0);
	/* What the peer writes over our index does not move us. */
	p->head = cpu_to_le32(7);
	KUNIT_EXPECT_EQ(test, vmsg_spsc_send(&tx, buf, 8), 0);
	KUNIT_EXPECT_EQ(test, le32_to_cpu(p->head), 1U);
}

static struct kunit_case spsc_cases[] = {
	KUNIT_CASE(spsc_slots),
	KUNIT_CASE(spsc_layout),
	KUNIT_CASE(spsc_full_and_wrap),
	KUNIT_CASE(spsc_goes_on),
	KUNIT_CASE(spsc_hostile),
	{}
};

static struct kunit_suite spsc_suite = {
	.name = "virtio_msg_spsc",
	.test_cases = spsc_cases,
};

kunit_test_suite(spsc_suite);
