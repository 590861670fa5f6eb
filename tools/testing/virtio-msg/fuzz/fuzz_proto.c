// SPDX-License-Identifier: GPL-2.0-only
/*
 * Fuzz what transports take out of messages of their own, without the transports:
 * the FF-A binding, and what a process writes to /dev/virtio-msg. The first byte of
 * an input says which; the rest is what came.
 */
#include <string.h>
#include <linux/errno.h>
#include <linux/unaligned.h>
#include <env/env.h>

#include "ffa_proto.h"
#include "user_check.h"
#include "fuzz.h"

static const u8 *in, *in_end;

static u8 take(void)
{
	return in < in_end ? *in++ : 0;
}

static u32 take32(void)
{
	u32 v = 0, i;

	for (i = 0; i < 4; i++)
		v = v << 8 | take();
	return v;
}

/* So that not all of them end at the header. */
static void mend(u8 *frame, size_t len, enum vmsg_ffa_form form, u8 id, u16 xid)
{
	static const u8 ids[] = {
		VMSG_FFA_MSG_VERSION, VMSG_FFA_MSG_SHARE, VMSG_FFA_MSG_CONFIGURE,
	};

	frame[0] = VIRTIO_MSG_TYPE_BUS | VIRTIO_MSG_TYPE_RESPONSE;
	frame[1] = ids[id % ARRAY_SIZE(ids)];
	put_unaligned_le16(form == VMSG_FFA_FORM_OLD ? len : xid, frame + 4);
	put_unaligned_le16(len, frame + 6);
}

static void ffa(u8 *frame, size_t len)
{
	unsigned int wire = take() % VIRTIO_MSG_WIRE_COUNT, next;
	enum vmsg_ffa_form form = take() % VMSG_FFA_FORMS;
	struct vmsg_ffa_version asked = {}, said = {}, then = {};
	unsigned long regs[VMSG_FFA_REGS / 8];
	u8 back[VMSG_FFA_REGS], id = take();
	const char *why = NULL;
	struct vmsg_ffa_hdr h;
	const u8 *payload;
	u16 token = take();
	u32 xid = take();
	int n;

	/* Less is not received. */
	if (len < 2)
		return;
	if (len >= 8 && take() & 1) {
		mend(frame, len, form, id, token);
		id = frame[1];
		xid = token;
	}
	if (!vmsg_ffa_get(frame, len, wire, &h))
		MUST(h.size <= len && h.len <= h.size);
	n = vmsg_ffa_match(frame, len, wire, id, xid, &payload);
	if (n >= 0) {
		MUST(payload >= frame && payload + n <= frame + len);
		vmsg_ffa_area_result(payload, n, token);
		vmsg_ffa_configure_result(payload, n, &token);
	}
	MUST(vmsg_ffa_classify(frame, len) <= VMSG_FFA_A_BAD);
	n = vmsg_ffa_indirect_len(frame, len, wire);
	MUST(n < 0 || (size_t)n <= len);
	if (!vmsg_ffa_get_version(frame, len, form, token, &said)) {
		asked.revision = take32();
		n = vmsg_ffa_agree(form, take() & 0xf, &asked, &said, &then, &next, &why);
		MUST(n < 0 ? !!why : next < VIRTIO_MSG_WIRE_COUNT);
	}
	if (len >= VMSG_FFA_REGS) {
		vmsg_ffa_is_private(frame);
		vmsg_ffa_wants_answer(frame);
		vmsg_ffa_to_regs(frame, regs, VMSG_FFA_REGS / 8);
		vmsg_ffa_from_regs(regs, back, VMSG_FFA_REGS / 8);
		MUST(!memcmp(frame, back, VMSG_FFA_REGS));
	}
}

static void user(const u8 *buf, size_t len)
{
	unsigned int wire = take() % VIRTIO_MSG_WIRE_COUNT;
	u32 max = 44 + take() * 16, at = 0, n;
	bool last = take() & 1;

	/* As write() does: one frame after the other, as long as there are bytes. */
	while (at < len) {
		int ret = vmsg_user_frame(wire, max, buf + at, len - at, last, &n);

		if (ret <= 0)
			break;
		MUST(n && n <= max && n <= (u32)ret && (u32)ret <= len - at);
		at += ret;
	}
}

/* What one side puts in the other takes out, in order and whole. */
static void ring(void)
{
	struct vmsg_user_batch b;
	struct vmsg_user_ring r = { .slots = 4 };
	u8 frame[64], seen = 0, put = 0;
	u32 i, n;

	r.size = r.slots * vmsg_user_stride(sizeof(frame));
	r.mem = calloc(1, r.size);
	r.len = calloc(r.slots, sizeof(*r.len));
	for (i = 0; i < 40; i++) {
		if (take() & 1) {
			n = 8 + take() % (sizeof(frame) - 7);
			memset(frame, put, sizeof(frame));
			if (!vmsg_user_ring_put(&r, frame, n))
				put++;
			continue;
		}
		if (vmsg_user_ring_peek(&r, take(), &b) || !b.frames)
			continue;
		MUST(b.frames <= r.count && b.bytes <= b.taken && b.taken <= r.used &&
		     b.at < r.size && r.mem[b.at] == seen);
		seen += b.frames;
		vmsg_user_ring_drop(&r, &b);
	}
	MUST((u8)(put - seen) == r.count);
	free(r.mem);
	free(r.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct vmsg_user_limits lim = { 1 << 30, 4096, 4 };
	struct virtio_msg_user_setup setup;
	struct virtio_msg_user_take_over t;
	struct virtio_msg_user_eventfd e;
	u8 what, *exact;

	in = data;
	in_end = data + size;
	what = take();
	/* Its arguments are the last bytes of it. */
	size = in_end - in;
	exact = malloc(size ? size : 1);
	memcpy(exact, in, size);
	in = size > 12 ? in_end - 12 : in;
	switch (what % 4) {
	case 0:
		ffa(exact, size);
		break;
	case 1:
		user(exact, size);
		break;
	case 2:
		ring();
		break;
	default:
		memset(&setup, 0, sizeof(setup));
		memset(&t, 0, sizeof(t));
		memset(&e, 0, sizeof(e));
		memcpy(&setup, exact, min(size, sizeof(setup)));
		memcpy(&t, exact, min(size, sizeof(t)));
		memcpy(&e, exact, min(size, sizeof(e)));
		if (!vmsg_user_check_setup(&setup, &lim)) {
			vmsg_user_defaults(&setup, &lim);
			MUST(setup.max_msg_size <= VMSG_USER_MAX_MSG &&
			     setup.max_devices <= lim.max_devices);
		}
		vmsg_user_check_take_over(&t);
		vmsg_user_check_eventfd(&e, take());
		vmsg_user_check_size(take32(), 16);
	}
	free(exact);
	return 0;
}
