// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests of what /dev/virtio-msg checks
 */
#include <kunit/test.h>
#include <linux/errno.h>
#include <linux/limits.h>
#include <linux/mm.h>
#include <linux/prandom.h>
#include <linux/string.h>
#include <linux/unaligned.h>

#include "../transports/user_check.h"

static const struct vmsg_user_limits ut_lim = {
	.max_window = 8 * SZ_1M,
	.max_devices = 64,
	.max_buses = 4,
};

static struct virtio_msg_user_setup ut_setup(void)
{
	return (struct virtio_msg_user_setup){
		.size = sizeof(struct virtio_msg_user_setup),
		.wire = VIRTIO_MSG_WIRE_XID32,
		.max_msg_size = 64,
		.window_size = SZ_1M,
		.name = "disks",
	};
}

#define UT_SETUP(test, expect, ...)					\
do {									\
	struct virtio_msg_user_setup s = ut_setup();			\
									\
	__VA_ARGS__;							\
	KUNIT_EXPECT_EQ_MSG(test, vmsg_user_check_setup(&s, &ut_lim),	\
			    expect, #__VA_ARGS__);			\
} while (0)

static void ut_sizes(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, vmsg_user_check_size(40, 40), 0);
	KUNIT_EXPECT_EQ(test, vmsg_user_check_size(41, 40), 0);
	KUNIT_EXPECT_EQ(test, vmsg_user_check_size(PAGE_SIZE, 40), 0);
	KUNIT_EXPECT_EQ(test, vmsg_user_check_size(39, 40), -EINVAL);
	KUNIT_EXPECT_EQ(test, vmsg_user_check_size(0, 40), -EINVAL);
	KUNIT_EXPECT_EQ(test, vmsg_user_check_size(PAGE_SIZE + 1, 40), -E2BIG);
	KUNIT_EXPECT_EQ(test, vmsg_user_check_size(U32_MAX, 40), -E2BIG);
}

static void ut_names(struct kunit *test)
{
	char name[VIRTIO_MSG_USER_NAME_LEN] = "";

	KUNIT_EXPECT_EQ(test, vmsg_user_check_name(name), 0);
	strscpy(name, "a");
	KUNIT_EXPECT_EQ(test, vmsg_user_check_name(name), 1);
	/* The longest, and one that has no end. */
	memset(name, 'x', sizeof(name));
	KUNIT_EXPECT_EQ(test, vmsg_user_check_name(name), -EINVAL);
	name[sizeof(name) - 1] = 0;
	KUNIT_EXPECT_EQ(test, vmsg_user_check_name(name),
			VIRTIO_MSG_USER_NAME_LEN - 1);
	/* Something behind the end. */
	name[5] = 0;
	KUNIT_EXPECT_EQ(test, vmsg_user_check_name(name), -EINVAL);
	memset(name, 0, sizeof(name));
	name[sizeof(name) - 1] = 1;
	KUNIT_EXPECT_EQ(test, vmsg_user_check_name(name), -EINVAL);
	/* What would make a mess of a log. */
	memset(name, 0, sizeof(name));
	strscpy(name, "a b");
	KUNIT_EXPECT_EQ(test, vmsg_user_check_name(name), -EINVAL);
	strscpy(name, "a\nb");
	KUNIT_EXPECT_EQ(test, vmsg_user_check_name(name), -EINVAL);
	strscpy(name, "a\xe4");
	KUNIT_EXPECT_EQ(test, vmsg_user_check_name(name), -EINVAL);
	strscpy(name, "!~");
	KUNIT_EXPECT_EQ(test, vmsg_user_check_name(name), 2);
}

static void ut_setup_fields(struct kunit *test)
{
	UT_SETUP(test, 0, s.reserved = 0);
	UT_SETUP(test, -EINVAL, s.reserved = 1);
	UT_SETUP(test, 0, s.flags = VIRTIO_MSG_USER_F_KICKFD);
	UT_SETUP(test, -EINVAL, s.flags = VIRTIO_MSG_USER_F_KICKFD << 1);
	UT_SETUP(test, -EINVAL, s.flags = 0x80000000);

	UT_SETUP(test, -EINVAL, s.wire = VIRTIO_MSG_WIRE_COUNT);
	UT_SETUP(test, -EINVAL, s.wire = U32_MAX);
	UT_SETUP(test, -EINVAL, s.max_msg_size = 63);
	UT_SETUP(test, 0, s.max_msg_size = VMSG_USER_MAX_MSG);
	UT_SETUP(test, -EINVAL, s.max_msg_size = VMSG_USER_MAX_MSG + 1);
	UT_SETUP(test, 0, s.wire = VIRTIO_MSG_WIRE_RFC2; s.max_msg_size = 44);
	UT_SETUP(test, -EINVAL, s.wire = VIRTIO_MSG_WIRE_RFC2; s.max_msg_size = 43);
	UT_SETUP(test, 0, s.wire = VIRTIO_MSG_WIRE_V1; s.max_msg_size = 48);
	UT_SETUP(test, -EINVAL, s.wire = VIRTIO_MSG_WIRE_V1; s.max_msg_size = 47);
	UT_SETUP(test, 0, s.wire = VIRTIO_MSG_WIRE_V2; s.max_msg_size = 52);
	UT_SETUP(test, -EINVAL, s.wire = VIRTIO_MSG_WIRE_V2; s.max_msg_size = 51);

	UT_SETUP(test, 0, s.frames = VMSG_USER_MIN_FRAMES);
	UT_SETUP(test, -EINVAL, s.frames = VMSG_USER_MIN_FRAMES - 1);
	UT_SETUP(test, 0, s.frames = VMSG_USER_MAX_FRAMES);
	UT_SETUP(test, -EINVAL, s.frames = VMSG_USER_MAX_FRAMES + 1);
	UT_SETUP(test, -EINVAL, s.frames = U32_MAX);
}

static void ut_setup_recovery(struct kunit *test)
{
	UT_SETUP(test, 0, s.recover_ms = 1);
	UT_SETUP(test, 0, s.recover_ms = VMSG_USER_MAX_RECOVER);
	UT_SETUP(test, -EINVAL, s.recover_ms = VMSG_USER_MAX_RECOVER + 1);
	/* Nobody could find it. */
	UT_SETUP(test, -EINVAL, s.recover_ms = 1; memset(s.name, 0, sizeof(s.name)));
	UT_SETUP(test, 0, memset(s.name, 0, sizeof(s.name)));
	UT_SETUP(test, -EINVAL, memset(s.name, 'x', sizeof(s.name)));
}

static void ut_setup_window(struct kunit *test)
{
	UT_SETUP(test, 0, s.window_size = VMSG_USER_MIN_WINDOW);
	UT_SETUP(test, -EINVAL, s.window_size = VMSG_USER_MIN_WINDOW - PAGE_SIZE);
	UT_SETUP(test, -EINVAL, s.window_size = 0);
	UT_SETUP(test, -EINVAL, s.window_size = SZ_1M + 1);
	UT_SETUP(test, -EINVAL, s.window_size = SZ_1M + PAGE_SIZE / 2);
	UT_SETUP(test, -EINVAL, s.window_size = VMSG_USER_MAX_WINDOW + PAGE_SIZE);
	UT_SETUP(test, -EINVAL, s.window_size = -(u64)PAGE_SIZE);
	UT_SETUP(test, -EINVAL, s.window_size = 1ULL << 63);
	UT_SETUP(test, -EINVAL, s.window_size = (1ULL << 32) + SZ_1M);
}

static void ut_setup_limits(struct kunit *test)
{
	UT_SETUP(test, 0, s.window_size = 8 * SZ_1M);
	UT_SETUP(test, -EPERM, s.window_size = 8 * SZ_1M + PAGE_SIZE);
	UT_SETUP(test, -EPERM, s.window_size = VMSG_USER_MAX_WINDOW);
	UT_SETUP(test, 0, s.max_devices = 64);
	UT_SETUP(test, -EPERM, s.max_devices = 65);
	UT_SETUP(test, -EPERM, s.max_devices = VMSG_USER_MAX_DEVICES);
	UT_SETUP(test, -EINVAL, s.max_devices = VMSG_USER_MAX_DEVICES + 1);
}

static void ut_defaults(struct kunit *test)
{
	struct virtio_msg_user_setup s = ut_setup();

	vmsg_user_defaults(&s, &ut_lim);
	KUNIT_EXPECT_EQ(test, s.frames, VMSG_USER_FRAMES);
	KUNIT_EXPECT_EQ(test, s.max_devices, 64U);
	s.frames = 9;
	s.max_devices = 3;
	vmsg_user_defaults(&s, &ut_lim);
	KUNIT_EXPECT_EQ(test, s.frames, 9U);
	KUNIT_EXPECT_EQ(test, s.max_devices, 3U);
}

static void ut_take_over(struct kunit *test)
{
	struct virtio_msg_user_take_over t = { .name = "disks" };

	KUNIT_EXPECT_EQ(test, vmsg_user_check_take_over(&t), 0);
	t.flags = VIRTIO_MSG_USER_TAKE_OVER_F_INTACT;
	KUNIT_EXPECT_EQ(test, vmsg_user_check_take_over(&t), 0);
	t.flags |= 2;
	KUNIT_EXPECT_EQ(test, vmsg_user_check_take_over(&t), -EINVAL);
	t.flags = 0;
	memset(t.name, 0, sizeof(t.name));
	KUNIT_EXPECT_EQ(test, vmsg_user_check_take_over(&t), -EINVAL);
	memset(t.name, 'x', sizeof(t.name));
	KUNIT_EXPECT_EQ(test, vmsg_user_check_take_over(&t), -EINVAL);
}

static void ut_may_take(struct kunit *test)
{
	static const struct {
		enum vmsg_user_state state;
		bool owner, admin;
		int expect;
	} c[] = {
		{ VMSG_USER_AWAY, true, false, 0 },
		{ VMSG_USER_AWAY, false, true, 0 },
		{ VMSG_USER_AWAY, false, false, -EPERM },
		{ VMSG_USER_SERVED, true, true, -EBUSY },
		{ VMSG_USER_SERVED, false, true, -EBUSY },
		{ VMSG_USER_SERVED, false, false, -EPERM },
		{ VMSG_USER_TAKEN, true, false, -EBUSY },
		{ VMSG_USER_TAKEN, false, false, -EPERM },
		{ VMSG_USER_ENDING, true, true, -ENOENT },
		{ VMSG_USER_ENDING, false, false, -ENOENT },
	};
	int i;

	for (i = 0; i < ARRAY_SIZE(c); i++)
		KUNIT_EXPECT_EQ_MSG(test, vmsg_user_may_take(c[i].state, c[i].owner,
							     c[i].admin),
				    c[i].expect, "case %d", i);
}

static void ut_eventfd(struct kunit *test)
{
	struct virtio_msg_user_eventfd e = { .what = VIRTIO_MSG_USER_CALL };

	KUNIT_EXPECT_EQ(test, vmsg_user_check_eventfd(&e, 0), 0);
	e.fd = -1;
	KUNIT_EXPECT_EQ(test, vmsg_user_check_eventfd(&e, 0), 0);
	e.fd = -2;
	KUNIT_EXPECT_EQ(test, vmsg_user_check_eventfd(&e, 0), -EBADF);
	e.fd = 0;
	e.what = VIRTIO_MSG_USER_KICK;
	KUNIT_EXPECT_EQ(test, vmsg_user_check_eventfd(&e, 0), -EINVAL);
	KUNIT_EXPECT_EQ(test, vmsg_user_check_eventfd(&e, VIRTIO_MSG_USER_F_KICKFD), 0);
	e.what = 0;
	KUNIT_EXPECT_EQ(test, vmsg_user_check_eventfd(&e, VIRTIO_MSG_USER_F_KICKFD),
			-EINVAL);
	e.what = 3;
	KUNIT_EXPECT_EQ(test, vmsg_user_check_eventfd(&e, VIRTIO_MSG_USER_F_KICKFD),
			-EINVAL);
}

/*
 * Frames out of a buffer
 */

static const struct {
	unsigned int wire;
	u32 hdr;	/* bytes */
	u32 at;		/* of the length */
} ut_wires[] = {
	{ VIRTIO_MSG_WIRE_RFC2, 6, 4 },
	{ VIRTIO_MSG_WIRE_V1, 8, 6 },
	{ VIRTIO_MSG_WIRE_V2, 8, 6 },
	{ VIRTIO_MSG_WIRE_XID32, 12, 4 },
};

static void ut_frame_lengths(struct kunit *test)
{
	u8 buf[64];
	u32 len, n, hdr;
	int w;

	static_assert(ARRAY_SIZE(ut_wires) == VIRTIO_MSG_WIRE_COUNT);
	for (w = 0; w < ARRAY_SIZE(ut_wires); w++) {
		hdr = ut_wires[w].hdr;
		for (n = 0; n <= sizeof(buf); n++) {
			int expect = n < hdr || n > 60 ? -EINVAL : ALIGN(n, 8);

			/* Every other byte would be another length. */
			memset(buf, 0x11, sizeof(buf));
			memset(buf + n, 0, sizeof(buf) - n);
			put_unaligned_le16(n, buf + ut_wires[w].at);
			len = 0;
			KUNIT_EXPECT_EQ_MSG(test,
					    vmsg_user_frame(ut_wires[w].wire, 60, buf,
							    sizeof(buf), true, &len),
					    expect, "wire %d, %u bytes", w, n);
			if (expect > 0)
				KUNIT_EXPECT_EQ(test, len, n);
		}
		put_unaligned_le16(0xffff, buf + ut_wires[w].at);
		KUNIT_EXPECT_EQ(test, vmsg_user_frame(ut_wires[w].wire, 4096, buf,
						      sizeof(buf), true, &len),
				-EINVAL);
	}
}

static void ut_frame_parts(struct kunit *test)
{
	u8 buf[32] = { };
	u32 have, len;

	put_unaligned_le16(20, buf + 4);
	for (have = 1; have < 32; have++) {
		int more = have < 24 ? 0 : 24;
		int last = have < 20 ? -EINVAL : min_t(int, have, 24);

		KUNIT_EXPECT_EQ_MSG(test, vmsg_user_frame(VIRTIO_MSG_WIRE_XID32, 64,
							  buf, have, false, &len),
				    more, "%u bytes", have);
		KUNIT_EXPECT_EQ_MSG(test, vmsg_user_frame(VIRTIO_MSG_WIRE_XID32, 64,
							  buf, have, true, &len),
				    last, "%u bytes", have);
	}
}

static void ut_frame_padding(struct kunit *test)
{
	u8 buf[32] = { };
	u32 len, i;

	put_unaligned_le16(20, buf + 4);
	for (i = 20; i < 24; i++) {
		buf[i] = 1;
		KUNIT_EXPECT_EQ(test, vmsg_user_frame(VIRTIO_MSG_WIRE_XID32, 64, buf,
						      32, false, &len), -EINVAL);
		buf[i] = 0;
	}
	/* The next frame's, and the frame's own. */
	buf[24] = 1;
	buf[19] = 1;
	KUNIT_EXPECT_EQ(test, vmsg_user_frame(VIRTIO_MSG_WIRE_XID32, 64, buf, 32,
					      false, &len), 24);
	KUNIT_EXPECT_EQ(test, len, 20U);
}

/*
 * Frames into a buffer
 */

#define UT_SLOTS	8
#define UT_MSG		60

static struct vmsg_user_ring *ut_ring(struct kunit *test)
{
	struct vmsg_user_ring *r = kunit_kzalloc(test, sizeof(*r), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, r);
	KUNIT_ASSERT_EQ(test, vmsg_user_stride(UT_MSG), 64U);
	r->slots = UT_SLOTS;
	r->size = UT_SLOTS * vmsg_user_stride(UT_MSG);
	r->mem = kunit_kzalloc(test, r->size, GFP_KERNEL);
	r->len = kunit_kcalloc(test, r->slots, sizeof(*r->len), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, r->mem);
	KUNIT_ASSERT_NOT_NULL(test, r->len);
	/* Stale bytes would be seen. */
	memset(r->mem, 0xee, r->size);
	return r;
}

static void ut_ring_full(struct kunit *test)
{
	struct vmsg_user_ring *r = ut_ring(test);
	struct vmsg_user_batch b;
	u8 frame[UT_MSG] = { };
	int i;

	KUNIT_EXPECT_EQ(test, vmsg_user_ring_peek(r, 1000, &b), -EAGAIN);
	KUNIT_EXPECT_EQ(test, vmsg_user_ring_put(r, frame, 0), -EMSGSIZE);
	KUNIT_EXPECT_EQ(test, vmsg_user_ring_put(r, frame, r->size + 1), -EMSGSIZE);
	for (i = 0; i < UT_SLOTS; i++)
		KUNIT_EXPECT_EQ(test, vmsg_user_ring_put(r, frame, 12), 0);
	KUNIT_EXPECT_FALSE(test, r->full);
	/* Slots are what is short here, and then room is. */
	KUNIT_EXPECT_EQ(test, vmsg_user_ring_put(r, frame, 12), -EAGAIN);
	KUNIT_EXPECT_TRUE(test, r->full);
	KUNIT_EXPECT_EQ(test, vmsg_user_ring_peek(r, 1000, &b), 0);
	KUNIT_EXPECT_TRUE(test, vmsg_user_ring_drop(r, &b));
	KUNIT_EXPECT_EQ(test, r->count, 0U);
	KUNIT_EXPECT_EQ(test, r->used, 0U);
	for (i = 0; i < UT_SLOTS; i++)
		KUNIT_EXPECT_EQ(test, vmsg_user_ring_put(r, frame, UT_MSG), 0);
	KUNIT_EXPECT_EQ(test, r->used, r->size);
	KUNIT_EXPECT_EQ(test, vmsg_user_ring_peek(r, 1000, &b), 0);
	/* Nobody was refused since: nobody is told. */
	KUNIT_EXPECT_FALSE(test, vmsg_user_ring_drop(r, &b));
	vmsg_user_ring_put(r, frame, 12);
	vmsg_user_ring_reset(r);
	KUNIT_EXPECT_EQ(test, vmsg_user_ring_peek(r, 1000, &b), -EAGAIN);
}

static void ut_ring_room(struct kunit *test)
{
	struct vmsg_user_ring *r = ut_ring(test);
	static const struct {
		u32 room;
		int ret;
		u32 frames, bytes, taken;
	} c[] = {
		{ 0, -EMSGSIZE }, { 11, -EMSGSIZE },
		{ 12, 0, 1, 12, 16 }, { 16, 0, 1, 12, 16 }, { 31, 0, 1, 12, 16 },
		{ 32, 0, 2, 32, 32 }, { 48, 0, 2, 32, 32 }, { 52, 0, 2, 32, 32 },
		{ 53, 0, 3, 53, 56 }, { 1000, 0, 3, 53, 56 },
	};
	struct vmsg_user_batch b;
	u8 frame[UT_MSG] = { };
	int i;

	vmsg_user_ring_put(r, frame, 12);
	vmsg_user_ring_put(r, frame, 16);
	vmsg_user_ring_put(r, frame, 21);
	for (i = 0; i < ARRAY_SIZE(c); i++) {
		KUNIT_EXPECT_EQ_MSG(test, vmsg_user_ring_peek(r, c[i].room, &b),
				    c[i].ret, "room %u", c[i].room);
		KUNIT_EXPECT_EQ(test, b.frames, c[i].frames);
		KUNIT_EXPECT_EQ(test, b.bytes, c[i].bytes);
		KUNIT_EXPECT_EQ(test, b.taken, c[i].taken);
	}
	KUNIT_EXPECT_EQ(test, r->count, 3U);
}

/* Frames of all lengths through a ring that wraps; each comes out as it went in. */
static void ut_ring_stream(struct kunit *test)
{
	struct vmsg_user_ring *r = ut_ring(test);
	u32 in = 0, out = 0, len, i, at, room, pos;
	struct vmsg_user_batch b;
	u8 frame[UT_MSG], *copy;
	struct rnd_state rnd;

	copy = kunit_kzalloc(test, r->size, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, copy);
	prandom_seed_state(&rnd, 7);
	while (out < 3000) {
		len = 8 + (in * 7) % (UT_MSG - 7);
		memset(frame, in, len);
		put_unaligned_le16(len, frame + 4);
		if (in < 3000 && prandom_u32_state(&rnd) % 5 < 3) {
			i = vmsg_user_ring_put(r, frame, len) ? 0 : 1;
			in += i;
			if (i)
				continue;
		}
		room = prandom_u32_state(&rnd) % 300;
		if (vmsg_user_ring_peek(r, room, &b))
			continue;
		KUNIT_ASSERT_LE(test, b.bytes, room);
		for (i = 0; i < b.bytes; i++)
			copy[i] = r->mem[(b.at + i) % r->size];
		for (i = 0, pos = 0; i < b.frames; i++, out++) {
			int n = vmsg_user_frame(VIRTIO_MSG_WIRE_RFC2, UT_MSG, copy + pos,
						b.bytes - pos, i + 1 == b.frames, &len);

			KUNIT_ASSERT_GT(test, n, 0);
			KUNIT_ASSERT_EQ(test, len, 8 + (out * 7) % (UT_MSG - 7));
			for (at = 6; at < len; at++)
				KUNIT_ASSERT_EQ(test, copy[pos + at], (u8)out);
			pos += n;
		}
		KUNIT_ASSERT_EQ(test, pos, b.bytes);
		vmsg_user_ring_drop(r, &b);
	}
	KUNIT_EXPECT_EQ(test, in, 3000U);
	KUNIT_EXPECT_EQ(test, r->used, 0U);
}

static struct kunit_case ut_cases[] = {
	KUNIT_CASE(ut_sizes),
	KUNIT_CASE(ut_names),
	KUNIT_CASE(ut_setup_fields),
	KUNIT_CASE(ut_setup_recovery),
	KUNIT_CASE(ut_setup_window),
	KUNIT_CASE(ut_setup_limits),
	KUNIT_CASE(ut_defaults),
	KUNIT_CASE(ut_take_over),
	KUNIT_CASE(ut_may_take),
	KUNIT_CASE(ut_eventfd),
	KUNIT_CASE(ut_frame_lengths),
	KUNIT_CASE(ut_frame_parts),
	KUNIT_CASE(ut_frame_padding),
	KUNIT_CASE(ut_ring_full),
	KUNIT_CASE(ut_ring_room),
	KUNIT_CASE(ut_ring_stream),
	{ }
};

static struct kunit_suite ut_suite = {
	.name = "virtio_msg_user",
	.test_cases = ut_cases,
};

kunit_test_suite(ut_suite);
