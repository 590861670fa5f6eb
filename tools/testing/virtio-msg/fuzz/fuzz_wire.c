// SPDX-License-Identifier: GPL-2.0-only
/*
 * Fuzz the wire formats: any frame into every parser, whose result has to be that
 * of a second decoder, and what was packed back through the header.
 *
 * Input: byte 0 chooses the revision, byte 1 what is mended of the header so
 * that the payload is reached, bytes 2 to 15 are the arguments of the parsers,
 * the rest is the frame.
 */
#include <string.h>
#include <linux/errno.h>
#include <linux/unaligned.h>

#include "wire.h"
#include "fuzz.h"
#include "ref.h"

#define ARGS	14

struct args {
	u32 a;
	u32 b;
	u16 dev;
	u32 c;
};

static void check_error(int ret)
{
	MUST(ret == -EBADMSG || ret == -EREMOTEIO || ret == -ENODEV ||
	     ret == -EBUSY);
}

static void parse_all(const struct vmsg_wire *w, const struct vmsg_pdu *p,
		      const struct args *x)
{
	static u32 blocks[64];
	struct vmsg_device_info info;
	struct vmsg_vq_info vq;
	u32 num = x->b % 64, gen, word, len = x->b % 4096;
	u16 next, dev, state;
	const u8 *map;
	u64 addr, size;
	u8 *data;
	int ret;

	ret = vmsg_get_empty(w, p);
	if (ret)
		check_error(ret);

	ret = vmsg_get_device_info(w, p, &info);
	if (ret)
		check_error(ret);
	else
		MUST(info.device_id && info.num_feature_blocks <=
		     (w->info_uuid ? 0xffffffff : 0x08000000));

	ret = vmsg_get_features(w, p, x->a, num, blocks);
	if (ret < 0)
		check_error(ret);
	else
		MUST((u32)ret <= num &&
		     w->feat_hdr + 4 * (u32)ret <= p->len);

	/* In a block of just its size. */
	data = malloc(len ? len : 1);
	MUST(data);
	ret = vmsg_get_config(w, p, x->a, len, data, &gen);
	if (ret)
		check_error(ret);
	else
		MUST(w->cfg_hdr + len <= p->len);
	free(data);
	/* A length that no payload has fails before it is used. */
	if (x->b > 0xffff) {
		ret = vmsg_get_config(w, p, x->a, x->b, NULL, &gen);
		check_error(ret);
	}

	ret = vmsg_get_set_config(w, p, x->a, x->b, &gen);
	if (ret && ret != -EAGAIN)
		check_error(ret);

	ret = vmsg_get_status(w, p, &word);
	if (ret)
		check_error(ret);

	ret = vmsg_get_vq(w, p, x->a, &vq);
	if (ret)
		check_error(ret);
	else
		MUST(vq.index == x->a);

	ret = vmsg_get_shm(w, p, x->a, &addr, &size);
	if (ret)
		check_error(ret);

	ret = vmsg_get_devices(w, p, x->dev, &next, &map);
	if (ret < 0) {
		check_error(ret);
	} else {
		volatile u8 sum = 0;
		int i;

		MUST(!next || next > x->dev);
		MUST(!(next & 7));
		MUST(x->dev + ret <= 0x10000);
		for (i = 0; i < ret; i++)
			sum += map[i / 8] >> (i % 8);
	}

	ret = vmsg_get_ping(w, p, &word);
	if (ret)
		check_error(ret);
	ret = vmsg_get_event_config(w, p, &word, &gen);
	if (ret)
		MUST(ret == -EBADMSG);
	ret = vmsg_get_event_used(w, p, &word);
	if (ret)
		MUST(ret == -EBADMSG);
	ret = vmsg_get_event_device(w, p, &dev, &state);
	if (ret)
		MUST(ret == -EBADMSG);

	vmsg_wire_min_response(w, p->hdr.type & VIRTIO_MSG_TYPE_BUS,
			       p->hdr.msg_id);
	MUST(vmsg_msg_name(p->hdr.type & VIRTIO_MSG_TYPE_BUS, p->hdr.msg_id));
}

/* Both say the same; of the errors, those that callers act on. */
static bool agree(int ret, int ref)
{
	switch (ref) {
	case REF_NO_DEVICE:
		return ret == -ENODEV;
	case REF_BUSY:
		return ret == -EBUSY;
	case REF_AGAIN:
		return ret == -EAGAIN;
	case REF_BAD:
		return ret == -EBADMSG || ret == -EREMOTEIO;
	}
	return ret == ref;
}

static void compare_info(const struct vmsg_wire *w, const struct vmsg_pdu *p,
			 const struct ref_msg *m)
{
	struct vmsg_device_info i;
	struct ref_info r;
	int ref = ref_info(m, &r);

	MUST(agree(vmsg_get_device_info(w, p, &i), ref));
	if (ref)
		return;
	MUST(i.device_id == r.device && i.vendor_id == r.vendor);
	MUST(i.num_feature_blocks == r.blocks && i.config_size == r.config);
	MUST(i.max_vqs == r.vqs && i.admin_vq_start == r.admin_start &&
	     i.admin_vq_count == r.admin_count);
	MUST(!memcmp(i.uuid, r.uuid, sizeof(i.uuid)));
}

static void compare_queues(const struct vmsg_wire *w, const struct vmsg_pdu *p,
			   const struct ref_msg *m, const struct args *x)
{
	struct vmsg_vq_info q;
	uint64_t raddr, rlen;
	u64 addr, len;
	struct ref_vq r;
	int ref;

	ref = ref_vq(m, x->a, &r);
	MUST(agree(vmsg_get_vq(w, p, x->a, &q), ref));
	if (!ref)
		MUST(q.max_size == r.max && q.cur_size == r.cur && q.enabled == r.enabled &&
		     q.desc == r.addr[0] && q.driver == r.addr[1] && q.device == r.addr[2]);

	ref = ref_shm(m, x->a, &raddr, &rlen);
	MUST(agree(vmsg_get_shm(w, p, x->a, &addr, &len), ref));
	if (!ref)
		MUST(addr == raddr && len == rlen);
}

static void compare_config(const struct vmsg_wire *w, const struct vmsg_pdu *p,
			   const struct ref_msg *m, const struct args *x)
{
	u32 num = x->b % 64, len = x->b % 4096, blocks[64], gen, rgen, word, rword, i;
	u8 data[4096];
	size_t at;
	int ref;

	ref = ref_features(m, x->a, num, &at);
	MUST(agree(vmsg_get_features(w, p, x->a, num, blocks), ref));
	for (i = 0; ref >= 0 && i < num; i++)
		MUST(blocks[i] == ((int)i < ref ? get_unaligned_le32(m->payload + at + 4 * i) : 0));

	ref = ref_config(m, x->a, len, &at, &rgen);
	MUST(agree(vmsg_get_config(w, p, x->a, len, data, &gen), ref));
	if (!ref)
		MUST(gen == rgen && !memcmp(data, m->payload + at, len));

	ref = ref_set_config(m, x->a, x->b, &rgen);
	MUST(agree(vmsg_get_set_config(w, p, x->a, x->b, &gen), ref));
	if (!ref)
		MUST(gen == rgen);

	ref = ref_word(m, &rword);
	MUST(agree(vmsg_get_status(w, p, &word), ref));
	if (!ref)
		MUST(word == rword);
	MUST(agree(vmsg_get_empty(w, p), ref_empty(m)));
}

static void compare_bus(const struct vmsg_wire *w, const struct vmsg_pdu *p,
			const struct ref_msg *m, const struct args *x)
{
	u32 status, gen, rstatus, rgen, word, rword, rnext;
	u16 next, dev, state;
	const u8 *map;
	size_t at;
	int ref;

	ref = ref_devices(m, x->dev, &rnext, &at);
	MUST(agree(vmsg_get_devices(w, p, x->dev, &next, &map), ref));
	if (ref >= 0)
		MUST(next == rnext && map == m->payload + at);

	ref = m->response ? ref_word(m, &rword) : ref_event_word(m, &rword);
	MUST(agree(vmsg_get_ping(w, p, &word), ref));
	if (!ref)
		MUST(word == rword);

	ref = ref_event_config(m, &rstatus, &rgen);
	MUST(agree(vmsg_get_event_config(w, p, &status, &gen), ref));
	if (!ref)
		MUST(status == rstatus && gen == rgen);

	ref = ref_event_word(m, &rword);
	MUST(agree(vmsg_get_event_used(w, p, &word), ref));
	if (!ref)
		MUST(word == rword);
	MUST(agree(vmsg_get_event_device(w, p, &dev, &state), ref));
	if (!ref)
		MUST((dev | (u32)state << 16) == rword);
}

static void compare(const struct vmsg_wire *w, const u8 *frame, size_t size,
		    const struct args *x)
{
	struct ref_msg m;
	struct vmsg_pdu p;
	int ref = ref_open(w->rev, frame, size, &m);

	MUST(agree(vmsg_pdu_get(w, frame, size, &p), ref));
	if (ref)
		return;
	MUST(!(p.hdr.type & VIRTIO_MSG_TYPE_RESPONSE) == !m.response);
	MUST(!(p.hdr.type & VIRTIO_MSG_TYPE_BUS) == !m.bus);
	MUST(p.hdr.msg_id == m.id && p.hdr.dev_num == m.dev && p.hdr.result == m.result);
	MUST(p.hdr.xid == m.xid && p.payload == m.payload && p.len == m.len);
	compare_info(w, &p, &m);
	compare_queues(w, &p, &m, x);
	compare_config(w, &p, &m, x);
	compare_bus(w, &p, &m, x);
}

/* A frame that was packed opens again, with the same header. */
static void reopen(const struct vmsg_wire *w, u8 *buf, int ret, size_t cap,
		   u8 type, u8 msg_id, u16 dev)
{
	struct vmsg_pdu p;
	u32 xid = w->xid_bits == 32 ? 0x89abcdef : w->xid_bits ? 0x4567 : 0;

	if (ret < 0) {
		MUST(ret == -EMSGSIZE || ret == -EINVAL);
		return;
	}
	MUST((size_t)ret <= cap);
	vmsg_frame_set_xid(w, buf, xid);
	MUST(!vmsg_pdu_get(w, buf, ret, &p));
	MUST(p.hdr.type == type && p.hdr.msg_id == msg_id);
	MUST(p.hdr.dev_num == dev && p.hdr.msg_size == ret);
	MUST(p.hdr.xid == xid && !p.hdr.result);
	MUST(p.payload == buf + w->hdr_len && p.len == ret - w->hdr_len);
	MUST(vmsg_pdu_get(w, buf, ret - 1, &p) == -EBADMSG);
}

static void pack_all(const struct vmsg_wire *w, const struct args *x,
		     const u8 *data, size_t size)
{
	static const u32 blocks[64] = { 1, 2, 3 };
	size_t cap = x->c % 160;
	struct vmsg_pdu p;
	u32 num = x->b % 65;
	u16 dev = x->dev;
	u32 gen, word;
	u8 back[160];
	u8 *buf;
	int ret;

	buf = malloc(cap ? cap : 1);
	MUST(buf);
#define REQ(id, call) reopen(w, buf, call, cap, 0, id, dev)
	REQ(2, vmsg_req_device_info(w, buf, cap, dev));
	REQ(3, vmsg_req_get_features(w, buf, cap, dev, x->a, x->b));
	REQ(4, vmsg_req_set_features(w, buf, cap, dev, x->a, num, blocks));
	REQ(5, vmsg_req_get_config(w, buf, cap, dev, x->a, x->b));
	ret = vmsg_req_set_config(w, buf, cap, dev, x->b, x->a, data, size);
	REQ(6, ret);
	if (ret > 0) {
		/* Seen as an answer, it carries what was written. */
		buf[0] |= VIRTIO_MSG_TYPE_RESPONSE;
		MUST(!vmsg_pdu_get(w, buf, ret, &p));
		MUST(!vmsg_get_config(w, &p, x->a, size, back, &gen));
		MUST(!memcmp(back, data, size));
		MUST(gen == (w->set_cfg_gen ? x->b : 0));
		MUST(!vmsg_get_set_config(w, &p, x->a, size, &gen));
	}
	REQ(7, vmsg_req_get_status(w, buf, cap, dev));
	ret = vmsg_req_set_status(w, buf, cap, dev, x->a);
	REQ(8, ret);
	if (ret > 0) {
		MUST(!vmsg_pdu_get(w, buf, ret, &p));
		MUST(!vmsg_get_status(w, &p, &word) && word == x->a);
	}
	REQ(9, vmsg_req_get_vq(w, buf, cap, dev, x->a));
	REQ(10, vmsg_req_set_vq(w, buf, cap, dev, x->a, x->b, x->a, x->b,
				x->c));
	REQ(11, vmsg_req_reset_vq(w, buf, cap, dev, x->a));
	REQ(12, vmsg_req_get_shm(w, buf, cap, dev, x->a));
	REQ(0x41, vmsg_evt_avail(w, buf, cap, dev, x->a, x->b));
	dev = 0;
	reopen(w, buf, vmsg_req_get_devices(w, buf, cap, x->a, x->b), cap, 2,
	       2, 0);
	ret = vmsg_req_ping(w, buf, cap, x->b);
	reopen(w, buf, ret, cap, 2, 3, 0);
	reopen(w, buf, vmsg_rsp_ping(w, buf, cap, x->c, x->b), cap, 3, 3, 0);
#undef REQ
	free(buf);
}

int LLVMFuzzerTestOneInput(const uint8_t *in, size_t size)
{
	const struct vmsg_wire *w;
	struct vmsg_pdu p;
	struct args x;
	u8 mend;
	u8 *frame;

	if (size < 2 + ARGS)
		return 0;
	w = vmsg_wire_by_rev(in[0] % VIRTIO_MSG_WIRE_COUNT);
	mend = in[1];
	x.a = get_unaligned_le32(in + 2);
	x.b = get_unaligned_le32(in + 6);
	x.dev = get_unaligned_le16(in + 10);
	x.c = get_unaligned_le32(in + 12);
	in += 2 + ARGS;
	size -= 2 + ARGS;

	pack_all(w, &x, in, size);

	frame = malloc(size ? size : 1);
	MUST(frame);
	memcpy(frame, in, size);
	if (size >= w->hdr_len) {
		u8 *d = frame + w->hdr_len;

		if (mend & 1)
			put_unaligned_le16(size, frame + w->size_at);
		if (w->result_at && (mend & 2))
			put_unaligned_le16(0, frame + w->result_at);
		if (mend & 4)
			frame[0] |= VIRTIO_MSG_TYPE_RESPONSE;
		/* Answers to what was asked for, in each place. */
		if ((mend & 8) && size >= w->hdr_len + 12U) {
			put_unaligned_le32(x.a, d + (mend & 16 ? 4 : 0));
			if (mend & 32)
				put_unaligned_le32(x.b % 4096, d + 8);
		} else if ((mend & 64) && size >= w->hdr_len + 2U) {
			put_unaligned_le16(x.dev, d);
		}
	}
	compare(w, frame, size, &x);
	if (!vmsg_pdu_get(w, frame, size, &p)) {
		MUST(p.payload == frame + w->hdr_len);
		MUST(w->hdr_len + p.len <= size);
		parse_all(w, &p, &x);
	} else if (size >= w->hdr_len) {
		u16 len = get_unaligned_le16(frame + w->size_at);

		MUST(len < w->hdr_len || len > size || w->result_at);
	}
	free(frame);
	return 0;
}
