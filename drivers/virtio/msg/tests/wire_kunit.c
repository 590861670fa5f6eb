// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests of the wire formats
 */
#include <kunit/test.h>
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/limits.h>
#include <linux/string.h>
#include <linux/unaligned.h>

#include "../wire.h"
#include "wire_golden.h"

#define DEV		0x1234
#define TOKEN		0xbeef
#define XID		0xdeadbeefU
#define GUARD		0x5a

#define VQ_DESC		0x0001000000100000ULL
#define VQ_DRIVER	0x0001000000101000ULL
#define VQ_DEVICE	0x0001000000102000ULL

static const u8 cfg_data[] = { 0xa1, 0xb2, 0xc3, 0xd4 };

/* What goes into the correlation field of a response. */
static u32 wire_xid(const struct vmsg_wire *w)
{
	switch (w->xid_bits) {
	case 32:
		return XID;
	case 16:
		return TOKEN;
	}
	return 0;
}

/* True if all of @p still holds the guard byte. */
static bool untouched(const void *p, size_t len)
{
	const u8 *b = p;
	size_t i;

	for (i = 0; i < len; i++)
		if (b[i] != GUARD)
			return false;
	return true;
}

/*
 * Packers, each with the arguments that its golden vectors were written for.
 */
static int pack_device_info(const struct vmsg_wire *w, void *buf, size_t cap)
{
	return vmsg_req_device_info(w, buf, cap, DEV);
}

static int pack_get_features(const struct vmsg_wire *w, void *buf, size_t cap)
{
	return vmsg_req_get_features(w, buf, cap, DEV, 1, 2);
}

static int pack_set_features(const struct vmsg_wire *w, void *buf, size_t cap)
{
	static const u32 blocks[] = { 0x11223344, 0x55667788 };

	return vmsg_req_set_features(w, buf, cap, DEV, 0, 2, blocks);
}

static int pack_get_config(const struct vmsg_wire *w, void *buf, size_t cap)
{
	return vmsg_req_get_config(w, buf, cap, DEV, 0x10, 4);
}

static int pack_set_config(const struct vmsg_wire *w, void *buf, size_t cap)
{
	return vmsg_req_set_config(w, buf, cap, DEV, 0x01020304, 0x10,
				   cfg_data, sizeof(cfg_data));
}

static int pack_get_status(const struct vmsg_wire *w, void *buf, size_t cap)
{
	return vmsg_req_get_status(w, buf, cap, DEV);
}

static int pack_set_status(const struct vmsg_wire *w, void *buf, size_t cap)
{
	return vmsg_req_set_status(w, buf, cap, DEV, 0x0f);
}

static int pack_get_vq(const struct vmsg_wire *w, void *buf, size_t cap)
{
	return vmsg_req_get_vq(w, buf, cap, DEV, 3);
}

static int pack_set_vq(const struct vmsg_wire *w, void *buf, size_t cap)
{
	return vmsg_req_set_vq(w, buf, cap, DEV, 3, 256, VQ_DESC, VQ_DRIVER,
			       VQ_DEVICE);
}

static int pack_reset_vq(const struct vmsg_wire *w, void *buf, size_t cap)
{
	return vmsg_req_reset_vq(w, buf, cap, DEV, 3);
}

static int pack_get_shm(const struct vmsg_wire *w, void *buf, size_t cap)
{
	return vmsg_req_get_shm(w, buf, cap, DEV, 1);
}

static int pack_get_devices(const struct vmsg_wire *w, void *buf, size_t cap)
{
	return vmsg_req_get_devices(w, buf, cap, 64, 128);
}

static int pack_ping(const struct vmsg_wire *w, void *buf, size_t cap)
{
	return vmsg_req_ping(w, buf, cap, 0xcafef00d);
}

static int pack_pong(const struct vmsg_wire *w, void *buf, size_t cap)
{
	return vmsg_rsp_ping(w, buf, cap, wire_xid(w), 0xcafef00d);
}

static int pack_avail(const struct vmsg_wire *w, void *buf, size_t cap)
{
	return vmsg_evt_avail(w, buf, cap, DEV, 3, VIRTIO_MSG_AVAIL_WRAP | 5);
}

static const struct {
	const char *name;
	int (*pack)(const struct vmsg_wire *w, void *buf, size_t cap);
	const struct vmsg_golden *golden;
} packers[] = {
	{ "GET_DEVICE_INFO", pack_device_info, golden_req_device_info },
	{ "GET_DEVICE_FEATURES", pack_get_features, golden_req_get_features },
	{ "SET_DRIVER_FEATURES", pack_set_features, golden_req_set_features },
	{ "GET_CONFIG", pack_get_config, golden_req_get_config },
	{ "SET_CONFIG", pack_set_config, golden_req_set_config },
	{ "GET_DEVICE_STATUS", pack_get_status, golden_req_get_status },
	{ "SET_DEVICE_STATUS", pack_set_status, golden_req_set_status },
	{ "GET_VQUEUE", pack_get_vq, golden_req_get_vq },
	{ "SET_VQUEUE", pack_set_vq, golden_req_set_vq },
	{ "RESET_VQUEUE", pack_reset_vq, golden_req_reset_vq },
	{ "GET_SHM", pack_get_shm, golden_req_get_shm },
	{ "GET_DEVICES", pack_get_devices, golden_req_get_devices },
	{ "PING", pack_ping, golden_req_ping },
	{ "PING response", pack_pong, golden_rsp_ping },
	{ "EVENT_AVAIL", pack_avail, golden_evt_avail },
};

/* Every message that the driver side sends, byte for byte, at odd addresses. */
static void wire_pack_golden(struct kunit *test)
{
	unsigned int rev, i, odd;
	u8 buf[80];

	for (rev = 0; rev < VIRTIO_MSG_WIRE_COUNT; rev++) {
		const struct vmsg_wire *w = vmsg_wire_by_rev(rev);

		for (i = 0; i < ARRAY_SIZE(packers); i++) {
			const struct vmsg_golden *g = &packers[i].golden[rev];

			odd = i % 4;
			memset(buf, GUARD, sizeof(buf));
			KUNIT_EXPECT_EQ_MSG(test,
					    packers[i].pack(w, buf + odd,
							    g->len),
					    g->len, "%s %s", w->name,
					    packers[i].name);
			KUNIT_EXPECT_MEMEQ_MSG(test, buf + odd, g->bytes,
					       g->len, "%s %s", w->name,
					       packers[i].name);
			KUNIT_EXPECT_TRUE_MSG(test,
					      untouched(buf + odd + g->len,
							sizeof(buf) - odd -
							g->len),
					      "%s %s: overrun", w->name,
					      packers[i].name);
		}
	}
}

/* One byte too few, and none at all: an error, and not one byte written. */
static void wire_pack_no_room(struct kunit *test)
{
	unsigned int rev, i, cap;
	u8 buf[80];

	for (rev = 0; rev < VIRTIO_MSG_WIRE_COUNT; rev++) {
		const struct vmsg_wire *w = vmsg_wire_by_rev(rev);

		for (i = 0; i < ARRAY_SIZE(packers); i++) {
			memset(buf, GUARD, sizeof(buf));
			for (cap = 0; cap < packers[i].golden[rev].len; cap++)
				KUNIT_EXPECT_EQ_MSG(test,
						    packers[i].pack(w, buf,
								    cap),
						    -EMSGSIZE, "%s %s %u",
						    w->name, packers[i].name,
						    cap);
			KUNIT_EXPECT_TRUE_MSG(test,
					      untouched(buf, sizeof(buf)),
					      "%s %s", w->name,
					      packers[i].name);
		}
	}
}

/* Arguments that a message cannot carry. */
static void wire_pack_bad_args(struct kunit *test)
{
	unsigned int rev;
	u32 *blocks;
	u8 *buf;

	buf = kunit_kzalloc(test, 0x10100, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, buf);
	blocks = kunit_kzalloc(test, 0x10000, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, blocks);

	for (rev = 0; rev < VIRTIO_MSG_WIRE_COUNT; rev++) {
		const struct vmsg_wire *w = vmsg_wire_by_rev(rev);
		u32 most = U16_MAX - w->hdr_len - w->cfg_hdr;
		u32 num = (U16_MAX - w->hdr_len - w->feat_hdr) / 4;
		const size_t cap = 0x10100;

		KUNIT_EXPECT_EQ(test, -EINVAL,
				vmsg_req_get_features(w, buf, cap, DEV, 0, 0));
		KUNIT_EXPECT_EQ(test, -EINVAL,
				vmsg_req_get_features(w, buf, cap, DEV,
						      U32_MAX, 2));
		KUNIT_EXPECT_EQ(test, w->hdr_len + 8,
				vmsg_req_get_features(w, buf, cap, DEV,
						      U32_MAX, 1));

		KUNIT_EXPECT_EQ(test, -EINVAL,
				vmsg_req_set_features(w, buf, cap, DEV, 0, 0,
						      blocks));
		/* 4 * num wraps to a small number. */
		KUNIT_EXPECT_EQ(test, -EINVAL,
				vmsg_req_set_features(w, buf, cap, DEV, 0,
						      0x40000001, blocks));
		KUNIT_EXPECT_EQ(test, -EINVAL,
				vmsg_req_set_features(w, buf, cap, DEV, 0,
						      num + 1, blocks));
		KUNIT_EXPECT_EQ(test, w->hdr_len + w->feat_hdr + 4 * num,
				vmsg_req_set_features(w, buf, cap, DEV, 0,
						      num, blocks));

		KUNIT_EXPECT_EQ(test, -EINVAL,
				vmsg_req_get_config(w, buf, cap, DEV, 0,
						    most + 1));
		KUNIT_EXPECT_EQ(test, w->hdr_len + 8,
				vmsg_req_get_config(w, buf, cap, DEV, 0,
						    most));
		KUNIT_EXPECT_EQ(test, -EINVAL,
				vmsg_req_get_config(w, buf, cap, DEV,
						    U32_MAX, 1));
		KUNIT_EXPECT_EQ(test, w->hdr_len + 8,
				vmsg_req_get_config(w, buf, cap, DEV,
						    U32_MAX - 4, 4));
		KUNIT_EXPECT_EQ(test, -EINVAL,
				vmsg_req_get_config(w, buf, cap, DEV, 0,
						    U32_MAX));
		/* Nothing to read but the generation. */
		KUNIT_EXPECT_EQ(test, w->hdr_len + 8,
				vmsg_req_get_config(w, buf, cap, DEV, 8, 0));

		KUNIT_EXPECT_EQ(test, -EINVAL,
				vmsg_req_set_config(w, buf, cap, DEV, 0, 0,
						    cfg_data, 0));
		KUNIT_EXPECT_EQ(test, -EINVAL,
				vmsg_req_set_config(w, buf, cap, DEV, 0, 0,
						    cfg_data, most + 1));
		KUNIT_EXPECT_EQ(test, -EINVAL,
				vmsg_req_set_config(w, buf, cap, DEV, 0,
						    U32_MAX - 2, cfg_data, 4));

		KUNIT_EXPECT_EQ(test, -EINVAL,
				vmsg_req_get_devices(w, buf, cap, 0, 0));
		KUNIT_EXPECT_EQ(test, -EINVAL,
				vmsg_req_get_devices(w, buf, cap, 4, 8));
		KUNIT_EXPECT_EQ(test, -EINVAL,
				vmsg_req_get_devices(w, buf, cap, 8, 12));
		KUNIT_EXPECT_EQ(test, -EINVAL,
				vmsg_req_get_devices(w, buf, cap, 65528, 16));
		KUNIT_EXPECT_EQ(test, w->hdr_len + 4,
				vmsg_req_get_devices(w, buf, cap, 65528, 8));

		if (w->xid_bits < 32)
			KUNIT_EXPECT_EQ(test, -EINVAL,
					vmsg_rsp_ping(w, buf, cap, 0x10000,
						      0));
	}
}

/*
 * Parsers.  Each compares the outputs with what its golden vectors say, and on
 * failure checks that nothing was written.  -EUCLEAN stands for "wrong".
 */
static int parse_device_info(const struct vmsg_wire *w,
			     const struct vmsg_pdu *p)
{
	struct vmsg_device_info i;
	u8 uuid[VMSG_UUID_LEN] = {};
	bool wide = w->rev >= VIRTIO_MSG_WIRE_V2;
	unsigned int n;
	int ret;

	memset(&i, GUARD, sizeof(i));
	ret = vmsg_get_device_info(w, p, &i);
	if (ret)
		return untouched(&i, sizeof(i)) ? ret : -EUCLEAN;
	if (wide)
		for (n = 0; n < sizeof(uuid); n++)
			uuid[n] = 0xf0 + n;
	if (i.device_id != 2 || i.vendor_id != 0x1af4 ||
	    memcmp(i.uuid, uuid, sizeof(uuid)) || i.num_feature_blocks != 3 ||
	    i.config_size != 60 || i.max_vqs != 4 ||
	    i.admin_vq_start != (wide ? 0x10005 : 5) ||
	    i.admin_vq_count != (wide ? 0x10006 : 6))
		return -EUCLEAN;
	return 0;
}

static int parse_get_features(const struct vmsg_wire *w,
			      const struct vmsg_pdu *p)
{
	u32 b[3];
	int ret;

	memset(b, GUARD, sizeof(b));
	ret = vmsg_get_features(w, p, 1, 2, b);
	if (ret < 0)
		return untouched(b, sizeof(b)) ? ret : -EUCLEAN;
	if (!untouched(b + 2, sizeof(b[2])))
		return -EUCLEAN;
	/* Fewer blocks than asked for are an answer, too. */
	if (ret > 2 || b[0] != (ret > 0 ? 0x11223344 : 0) ||
	    b[1] != (ret > 1 ? 0x55667788 : 0))
		return -EUCLEAN;
	return ret == 2 ? 0 : -ENODATA;
}

static int parse_empty(const struct vmsg_wire *w, const struct vmsg_pdu *p)
{
	return vmsg_get_empty(w, p);
}

static int parse_get_config(const struct vmsg_wire *w,
			    const struct vmsg_pdu *p)
{
	u8 data[5];
	u32 gen;
	int ret;

	memset(data, GUARD, sizeof(data));
	memset(&gen, GUARD, sizeof(gen));
	ret = vmsg_get_config(w, p, 0x10, 4, data, &gen);
	if (ret)
		return untouched(data, sizeof(data)) &&
		       untouched(&gen, sizeof(gen)) ? ret : -EUCLEAN;
	if (memcmp(data, cfg_data, 4) || data[4] != GUARD || gen != 0x01020304)
		return -EUCLEAN;
	return 0;
}

static int parse_set_config(const struct vmsg_wire *w,
			    const struct vmsg_pdu *p)
{
	u32 gen;
	int ret;

	memset(&gen, GUARD, sizeof(gen));
	ret = vmsg_get_set_config(w, p, 0x10, 4, &gen);
	if (ret)
		return untouched(&gen, sizeof(gen)) ? ret : -EUCLEAN;
	return gen == 0x01020304 ? 0 : -EUCLEAN;
}

static int parse_status(const struct vmsg_wire *w, const struct vmsg_pdu *p,
			u32 want)
{
	u32 status;
	int ret;

	memset(&status, GUARD, sizeof(status));
	ret = vmsg_get_status(w, p, &status);
	if (ret)
		return untouched(&status, sizeof(status)) ? ret : -EUCLEAN;
	return status == want ? 0 : -EUCLEAN;
}

static int parse_get_status(const struct vmsg_wire *w,
			    const struct vmsg_pdu *p)
{
	return parse_status(w, p, 0x8f);
}

static int parse_set_status(const struct vmsg_wire *w,
			    const struct vmsg_pdu *p)
{
	return parse_status(w, p, 0x0b);
}

static int parse_get_vq(const struct vmsg_wire *w, const struct vmsg_pdu *p)
{
	bool enabled = w->rev >= VIRTIO_MSG_WIRE_V2;
	struct vmsg_vq_info i;
	int ret;

	memset(&i, GUARD, sizeof(i));
	ret = vmsg_get_vq(w, p, 3, &i);
	if (ret)
		return untouched(&i, sizeof(i)) ? ret : -EUCLEAN;
	if (i.index != 3 || i.max_size != 1024 || i.cur_size != 256 ||
	    i.enabled != enabled || i.desc != VQ_DESC ||
	    i.driver != VQ_DRIVER || i.device != VQ_DEVICE)
		return -EUCLEAN;
	return 0;
}

static int parse_get_shm(const struct vmsg_wire *w, const struct vmsg_pdu *p)
{
	bool wide = w->rev >= VIRTIO_MSG_WIRE_V2;
	u64 addr, len;
	int ret;

	memset(&addr, GUARD, sizeof(addr));
	memset(&len, GUARD, sizeof(len));
	ret = vmsg_get_shm(w, p, 1, &addr, &len);
	if (ret)
		return untouched(&addr, sizeof(addr)) &&
		       untouched(&len, sizeof(len)) ? ret : -EUCLEAN;
	if (addr != (wide ? 0x0001000000400000ULL : 0x87654321) ||
	    len != (wide ? 0x100000000ULL : 0x2000))
		return -EUCLEAN;
	return 0;
}

static int parse_get_devices(const struct vmsg_wire *w,
			     const struct vmsg_pdu *p)
{
	static const u8 want[] = { 0x01, 0x80, 0x00, 0xff };
	const u8 *map = NULL;
	u16 next = 0x5a5a;
	int ret;

	ret = vmsg_get_devices(w, p, 64, &next, &map);
	if (ret < 0)
		return next == 0x5a5a && !map ? ret : -EUCLEAN;
	if (next != 256 || map < p->payload ||
	    map + (ret + 7) / 8 > p->payload + p->len)
		return -EUCLEAN;
	if (ret < 32)
		return -ENODATA;
	return memcmp(map, want, 4) ? -EUCLEAN : 0;
}

static int parse_ping(const struct vmsg_wire *w, const struct vmsg_pdu *p)
{
	u32 data;
	int ret;

	memset(&data, GUARD, sizeof(data));
	ret = vmsg_get_ping(w, p, &data);
	if (ret)
		return untouched(&data, sizeof(data)) ? ret : -EUCLEAN;
	return data == 0xcafef00d ? 0 : -EUCLEAN;
}

static int parse_event_config(const struct vmsg_wire *w,
			      const struct vmsg_pdu *p)
{
	u32 status, gen;
	int ret;

	memset(&status, GUARD, sizeof(status));
	memset(&gen, GUARD, sizeof(gen));
	ret = vmsg_get_event_config(w, p, &status, &gen);
	if (ret)
		return untouched(&status, sizeof(status)) &&
		       untouched(&gen, sizeof(gen)) ? ret : -EUCLEAN;
	return status == 0x0f && gen == 0x01020304 ? 0 : -EUCLEAN;
}

static int parse_event_used(const struct vmsg_wire *w,
			    const struct vmsg_pdu *p)
{
	u32 vq;
	int ret;

	memset(&vq, GUARD, sizeof(vq));
	ret = vmsg_get_event_used(w, p, &vq);
	if (ret)
		return untouched(&vq, sizeof(vq)) ? ret : -EUCLEAN;
	return vq == 7 ? 0 : -EUCLEAN;
}

static int parse_event_device(const struct vmsg_wire *w,
			      const struct vmsg_pdu *p)
{
	u16 dev = 0x5a5a, state = 0x5a5a;
	int ret;

	ret = vmsg_get_event_device(w, p, &dev, &state);
	if (ret)
		return dev == 0x5a5a && state == 0x5a5a ? ret : -EUCLEAN;
	return dev == DEV && state == VIRTIO_MSG_DEVICE_READY ? 0 : -EUCLEAN;
}

static const struct {
	const char *name;
	bool bus;
	u8 msg_id;
	int (*parse)(const struct vmsg_wire *w, const struct vmsg_pdu *p);
	const struct vmsg_golden *golden;
	u8 need[VIRTIO_MSG_WIRE_COUNT];	/* least payload, from wire.rst */
	bool data;			/* data of any length follows */
} parsers[] = {
	{ "GET_DEVICE_INFO", false, 0x02, parse_device_info,
	  golden_rsp_device_info, { 24, 24, 44, 44 } },
	{ "GET_DEVICE_FEATURES", false, 0x03, parse_get_features,
	  golden_rsp_get_features, { 16, 16, 16, 4 }, true },
	{ "SET_DRIVER_FEATURES", false, 0x04, parse_empty,
	  golden_rsp_set_features, { 0, 0, 0, 0 } },
	{ "GET_CONFIG", false, 0x05, parse_get_config,
	  golden_rsp_get_config, { 16, 16, 16, 12 } },
	{ "SET_CONFIG", false, 0x06, parse_set_config,
	  golden_rsp_set_config, { 12, 12, 12, 8 }, true },
	{ "GET_DEVICE_STATUS", false, 0x07, parse_get_status,
	  golden_rsp_get_status, { 4, 4, 4, 4 } },
	{ "SET_DEVICE_STATUS", false, 0x08, parse_set_status,
	  golden_rsp_set_status, { 4, 4, 4, 4 } },
	{ "GET_VQUEUE", false, 0x09, parse_get_vq,
	  golden_rsp_get_vq, { 36, 40, 40, 40 } },
	{ "SET_VQUEUE", false, 0x0a, parse_empty,
	  golden_rsp_set_vq, { 0, 0, 0, 0 } },
	{ "RESET_VQUEUE", false, 0x0b, parse_empty,
	  golden_rsp_reset_vq, { 0, 0, 0, 0 } },
	{ "GET_SHM", false, 0x0c, parse_get_shm,
	  golden_rsp_get_shm, { 12, 12, 24, 24 } },
	{ "GET_DEVICES", true, 0x02, parse_get_devices,
	  golden_rsp_get_devices, { 10, 10, 10, 4 }, true },
	{ "PING", true, 0x03, parse_ping,
	  golden_req_ping, { 4, 4, 4, 4 } },
	{ "PING response", true, 0x03, parse_ping,
	  golden_rsp_ping, { 4, 4, 4, 4 } },
	{ "EVENT_CONFIG", false, 0x40, parse_event_config,
	  golden_evt_config, { 8, 8, 8, 12 }, true },
	{ "EVENT_USED", false, 0x42, parse_event_used,
	  golden_evt_used, { 4, 4, 4, 4 } },
	{ "EVENT_DEVICE", true, 0x40, parse_event_device,
	  golden_evt_device, { 4, 4, 4, 4 } },
};

/* Every message that the driver side receives, from odd addresses, padded. */
static void wire_parse_golden(struct kunit *test)
{
	struct vmsg_pdu p;
	unsigned int rev, i, odd;
	u8 buf[80];

	for (rev = 0; rev < VIRTIO_MSG_WIRE_COUNT; rev++) {
		const struct vmsg_wire *w = vmsg_wire_by_rev(rev);

		for (i = 0; i < ARRAY_SIZE(parsers); i++) {
			const struct vmsg_golden *g = &parsers[i].golden[rev];
			bool rsp = g->bytes[0] & VIRTIO_MSG_TYPE_RESPONSE;

			odd = i % 4;
			memset(buf, 0xff, sizeof(buf));
			memcpy(buf + odd, g->bytes, g->len);
			KUNIT_ASSERT_EQ_MSG(test, 0,
					    vmsg_pdu_get(w, buf + odd,
							 sizeof(buf) - odd,
							 &p),
					    "%s %s", w->name, parsers[i].name);
			KUNIT_EXPECT_EQ(test, p.hdr.type, g->bytes[0]);
			KUNIT_EXPECT_EQ(test, p.hdr.msg_id, parsers[i].msg_id);
			KUNIT_EXPECT_EQ(test, p.hdr.dev_num,
					parsers[i].bus ? 0 : DEV);
			KUNIT_EXPECT_EQ(test, p.hdr.msg_size, g->len);
			KUNIT_EXPECT_EQ(test, p.hdr.result, 0);
			KUNIT_EXPECT_EQ(test, p.hdr.xid,
					rsp ? wire_xid(w) : 0);
			KUNIT_EXPECT_EQ(test, p.len, g->len - w->hdr_len);
			KUNIT_EXPECT_PTR_EQ(test, p.payload,
					    (const u8 *)buf + odd +
					    w->hdr_len);
			KUNIT_EXPECT_EQ_MSG(test, 0, parsers[i].parse(w, &p),
					    "%s %s", w->name, parsers[i].name);
		}
	}
}

/*
 * Every length that is too short, in a buffer of just that length: the
 * sanitizers see an over-read, the test sees a wrong error.
 */
static void wire_parse_short(struct kunit *test)
{
	unsigned int rev, i, len;
	struct vmsg_pdu p;

	for (rev = 0; rev < VIRTIO_MSG_WIRE_COUNT; rev++) {
		const struct vmsg_wire *w = vmsg_wire_by_rev(rev);

		for (i = 0; i < ARRAY_SIZE(parsers); i++) {
			const struct vmsg_golden *g = &parsers[i].golden[rev];
			bool rsp = g->bytes[0] & VIRTIO_MSG_TYPE_RESPONSE;

			for (len = w->hdr_len;
			     len < w->hdr_len + parsers[i].need[rev]; len++) {
				int want = rsp && len == w->hdr_len ?
					   -EREMOTEIO : -EBADMSG;
				u8 *buf = kunit_kzalloc(test, len, GFP_KERNEL);

				KUNIT_ASSERT_NOT_NULL(test, buf);
				memcpy(buf, g->bytes, len);
				put_unaligned_le16(len, buf + w->size_at);
				KUNIT_ASSERT_EQ(test, 0,
						vmsg_pdu_get(w, buf, len, &p));
				KUNIT_EXPECT_EQ_MSG(test, want,
						    parsers[i].parse(w, &p),
						    "%s %s %u", w->name,
						    parsers[i].name, len);
				kunit_kfree(test, buf);
			}
		}
	}
}

/* xid32 is exact; the older revisions take a longer message. */
static void wire_parse_long(struct kunit *test)
{
	unsigned int rev, i;
	struct vmsg_pdu p;
	u8 buf[80];
	int ret;

	for (rev = 0; rev < VIRTIO_MSG_WIRE_COUNT; rev++) {
		const struct vmsg_wire *w = vmsg_wire_by_rev(rev);

		for (i = 0; i < ARRAY_SIZE(parsers); i++) {
			const struct vmsg_golden *g = &parsers[i].golden[rev];

			memset(buf, 0xff, sizeof(buf));
			memcpy(buf, g->bytes, g->len);
			put_unaligned_le16(g->len + 1, buf + w->size_at);
			KUNIT_ASSERT_EQ(test, 0,
					vmsg_pdu_get(w, buf, sizeof(buf), &p));
			ret = parsers[i].parse(w, &p);
			if (!w->exact)
				KUNIT_EXPECT_EQ_MSG(test, 0, ret, "%s %s",
						    w->name, parsers[i].name);
			else if (!parsers[i].data)
				KUNIT_EXPECT_EQ_MSG(test, -EBADMSG, ret,
						    "%s %s", w->name,
						    parsers[i].name);
		}
	}
}

/* A response whose result is not 0, in every kind of response. */
static void wire_parse_refused(struct kunit *test)
{
	static const struct {
		u16 result;
		int err;
	} r[] = {
		{ VIRTIO_MSG_RESULT_NO_DEVICE, -ENODEV },
		{ VIRTIO_MSG_RESULT_UNKNOWN, -EREMOTEIO },
		{ VIRTIO_MSG_RESULT_BAD_ARG, -EREMOTEIO },
		{ VIRTIO_MSG_RESULT_BAD_STATE, -EREMOTEIO },
		{ VIRTIO_MSG_RESULT_BUSY, -EBUSY },
		{ 6, -EREMOTEIO },
		{ 0xffff, -EREMOTEIO },
	};
	const struct vmsg_wire *w = vmsg_wire_by_rev(VIRTIO_MSG_WIRE_XID32);
	struct vmsg_pdu p;
	unsigned int i, j;
	u8 buf[80];

	for (i = 0; i < ARRAY_SIZE(parsers); i++) {
		const struct vmsg_golden *g = &parsers[i].golden[w->rev];

		if (!(g->bytes[0] & VIRTIO_MSG_TYPE_RESPONSE)) {
			/* Requests and events carry none. */
			memcpy(buf, g->bytes, g->len);
			buf[6] = 1;
			KUNIT_EXPECT_EQ(test, -EBADMSG,
					vmsg_pdu_get(w, buf, g->len, &p));
			continue;
		}
		for (j = 0; j < ARRAY_SIZE(r); j++) {
			memcpy(buf, g->bytes, g->len);
			buf[4] = 12;
			buf[5] = 0;
			put_unaligned_le16(r[j].result, buf + 6);
			KUNIT_ASSERT_EQ(test, 0,
					vmsg_pdu_get(w, buf, 12, &p));
			KUNIT_EXPECT_EQ(test, p.hdr.result, r[j].result);
			KUNIT_EXPECT_EQ_MSG(test, r[j].err,
					    parsers[i].parse(w, &p), "%s %u",
					    parsers[i].name, r[j].result);

			/* A refusal with a payload contradicts itself. */
			buf[4] = 16;
			KUNIT_ASSERT_EQ(test, 0,
					vmsg_pdu_get(w, buf, 16, &p));
			KUNIT_EXPECT_EQ_MSG(test, -EBADMSG,
					    parsers[i].parse(w, &p), "%s %u",
					    parsers[i].name, r[j].result);
		}
	}
}

/* msg_size and length of the frame against each other and the header. */
static void wire_pdu_malformed(struct kunit *test)
{
	unsigned int rev, len, i;
	struct vmsg_pdu p;
	u8 buf[80];

	for (rev = 0; rev < VIRTIO_MSG_WIRE_COUNT; rev++) {
		const struct vmsg_wire *w = vmsg_wire_by_rev(rev);
		const struct vmsg_golden *g = &golden_rsp_get_status[rev];
		const u16 bad[] = {
			0, 1, w->hdr_len - 1, g->len + 1, 0x7fff, 0x8000,
			0xffff
		};

		memset(&p, GUARD, sizeof(p));
		memcpy(buf, g->bytes, g->len);
		for (len = 0; len < g->len; len++)
			KUNIT_EXPECT_EQ_MSG(test, -EBADMSG,
					    vmsg_pdu_get(w, buf, len, &p),
					    "%s %u", w->name, len);
		for (i = 0; i < ARRAY_SIZE(bad); i++) {
			put_unaligned_le16(bad[i], buf + w->size_at);
			KUNIT_EXPECT_EQ_MSG(test, -EBADMSG,
					    vmsg_pdu_get(w, buf, g->len, &p),
					    "%s %u", w->name, bad[i]);
		}
		KUNIT_EXPECT_TRUE(test, untouched(&p, sizeof(p)));

		/* The largest message in a frame that is larger still. */
		put_unaligned_le16(0xffff, buf + w->size_at);
		KUNIT_EXPECT_EQ(test, 0, vmsg_pdu_get(w, buf, 0x10000, &p));
		KUNIT_EXPECT_EQ(test, p.len, 0xffff - w->hdr_len);

		/* Unknown bits of the type are ignored. */
		memcpy(buf, g->bytes, g->len);
		buf[0] |= 0xfc;
		KUNIT_EXPECT_EQ(test, 0, vmsg_pdu_get(w, buf, g->len, &p));
		KUNIT_EXPECT_EQ(test, p.hdr.type, VIRTIO_MSG_TYPE_RESPONSE);

		/* Header only is a frame. */
		put_unaligned_le16(w->hdr_len, buf + w->size_at);
		KUNIT_EXPECT_EQ(test, 0, vmsg_pdu_get(w, buf, w->hdr_len, &p));
		KUNIT_EXPECT_EQ(test, p.len, 0);
	}
}

/* Headers that a revision cannot carry, and what it can. */
static void wire_hdr(struct kunit *test)
{
	unsigned int rev;
	struct vmsg_pdu p;
	u8 buf[16];

	for (rev = 0; rev < VIRTIO_MSG_WIRE_COUNT; rev++) {
		const struct vmsg_wire *w = vmsg_wire_by_rev(rev);
		struct vmsg_hdr h = {
			.type = 0xff,
			.msg_id = 0x80,
			.dev_num = 0xfedc,
			.msg_size = w->hdr_len,
		};

		KUNIT_EXPECT_EQ(test, -EMSGSIZE,
				vmsg_hdr_put(w, buf, w->hdr_len - 1, &h));
		KUNIT_EXPECT_EQ(test, w->hdr_len,
				vmsg_hdr_put(w, buf, sizeof(buf), &h));
		KUNIT_EXPECT_EQ(test, buf[0], 0x03);
		KUNIT_EXPECT_EQ(test, 0, vmsg_pdu_get(w, buf, w->hdr_len, &p));
		KUNIT_EXPECT_EQ(test, p.hdr.dev_num, 0xfedc);
		KUNIT_EXPECT_EQ(test, p.hdr.msg_id, 0x80);

		h.msg_size = w->hdr_len - 1;
		KUNIT_EXPECT_EQ(test, -EINVAL,
				vmsg_hdr_put(w, buf, sizeof(buf), &h));
		h.msg_size = w->hdr_len;

		h.result = VIRTIO_MSG_RESULT_BUSY;
		KUNIT_EXPECT_EQ(test, w->result_at ? w->hdr_len : -EINVAL,
				vmsg_hdr_put(w, buf, sizeof(buf), &h));
		h.result = 0;

		h.xid = 1;
		KUNIT_EXPECT_EQ(test, w->xid_bits ? w->hdr_len : -EINVAL,
				vmsg_hdr_put(w, buf, sizeof(buf), &h));
		h.xid = 0x10000;
		KUNIT_EXPECT_EQ(test, w->xid_bits == 32 ? w->hdr_len : -EINVAL,
				vmsg_hdr_put(w, buf, sizeof(buf), &h));
	}
}

/* The ID goes into a finished frame and changes nothing else. */
static void wire_set_xid(struct kunit *test)
{
	static const struct {
		u8 len;
		u8 bytes[16];
	} want[] = {
		[VIRTIO_MSG_WIRE_RFC2] = { 10, {
			0x02, 0x03, 0x00, 0x00, 0x0a, 0x00,
			0x0d, 0xf0, 0xfe, 0xca,
		} },
		[VIRTIO_MSG_WIRE_V1] = { 12, {
			0x02, 0x03, 0x00, 0x00, 0xef, 0xbe, 0x0c, 0x00,
			0x0d, 0xf0, 0xfe, 0xca,
		} },
		[VIRTIO_MSG_WIRE_V2] = { 12, {
			0x02, 0x03, 0x00, 0x00, 0xef, 0xbe, 0x0c, 0x00,
			0x0d, 0xf0, 0xfe, 0xca,
		} },
		[VIRTIO_MSG_WIRE_XID32] = { 16, {
			0x02, 0x03, 0x00, 0x00, 0x10, 0x00, 0x00, 0x00,
			0xef, 0xbe, 0xad, 0xde, 0x0d, 0xf0, 0xfe, 0xca,
		} },
	};
	unsigned int rev;
	u8 buf[17];

	for (rev = 0; rev < VIRTIO_MSG_WIRE_COUNT; rev++) {
		const struct vmsg_wire *w = vmsg_wire_by_rev(rev);

		memset(buf, GUARD, sizeof(buf));
		KUNIT_ASSERT_EQ(test, want[rev].len,
				vmsg_req_ping(w, buf, sizeof(buf),
					      0xcafef00d));
		vmsg_frame_set_xid(w, buf, wire_xid(w));
		KUNIT_EXPECT_MEMEQ(test, buf, want[rev].bytes, want[rev].len);
		KUNIT_EXPECT_EQ(test, buf[want[rev].len], GUARD);
	}
}

static void wire_table(struct kunit *test)
{
	unsigned int rev;

	for (rev = 0; rev < VIRTIO_MSG_WIRE_COUNT; rev++) {
		const struct vmsg_wire *w = vmsg_wire_by_rev(rev);

		KUNIT_ASSERT_NOT_NULL(test, w);
		KUNIT_EXPECT_EQ(test, w->rev, rev);
		KUNIT_EXPECT_PTR_EQ(test, w, vmsg_wire_by_name(w->name));
		KUNIT_EXPECT_LE(test, w->hdr_len, VMSG_HDR_MAX);
		KUNIT_EXPECT_PTR_EQ(test, w, vmsg_wire_best(1U << rev));
		/* Whatever is older, or unknown, does not matter. */
		KUNIT_EXPECT_PTR_EQ(test, w,
				    vmsg_wire_best(0xfffffff0 |
						   ((2U << rev) - 1)));
		/* The fixed messages fit in the smallest bus maximum. */
		KUNIT_EXPECT_LE(test, w->hdr_len + w->vq_len, w->min_max_size);
		KUNIT_EXPECT_LE(test, w->hdr_len + w->info_len,
				w->min_max_size);
		KUNIT_EXPECT_LE(test, w->hdr_len + w->shm_len,
				w->min_max_size);
		KUNIT_EXPECT_GT(test, vmsg_wire_config_chunk(w,
							     w->min_max_size),
				0);
		KUNIT_EXPECT_GT(test, vmsg_wire_feature_chunk(w,
							      w->min_max_size),
				1);
		KUNIT_EXPECT_GT(test, vmsg_wire_devices_chunk(w,
							      w->min_max_size),
				7);
	}
	KUNIT_EXPECT_NULL(test, vmsg_wire_by_rev(VIRTIO_MSG_WIRE_COUNT));
	KUNIT_EXPECT_NULL(test, vmsg_wire_by_rev(UINT_MAX));
	KUNIT_EXPECT_NULL(test, vmsg_wire_by_name("v3"));
	KUNIT_EXPECT_NULL(test, vmsg_wire_by_name(""));
	KUNIT_EXPECT_NULL(test, vmsg_wire_best(0));
	KUNIT_EXPECT_NULL(test, vmsg_wire_best(0xfffffff0));
}

/* The least payload of each response, and what fits in a frame. */
static void wire_sizes(struct kunit *test)
{
	static const struct {
		u16 max_size;
		u32 config[VIRTIO_MSG_WIRE_COUNT];
		u32 features[VIRTIO_MSG_WIRE_COUNT];
		u32 devices[VIRTIO_MSG_WIRE_COUNT];
	} c[] = {
		{ 0, { 0, 0, 0, 0 }, { 0, 0, 0, 0 }, { 0, 0, 0, 0 } },
		{ 18, { 0, 0, 0, 0 }, { 1, 0, 0, 0 }, { 48, 32, 32, 16 } },
		{ 20, { 2, 0, 0, 0 }, { 1, 1, 1, 1 }, { 64, 48, 48, 32 } },
		{ 48, { 30, 28, 28, 28 }, { 8, 8, 8, 8 },
		  { 288, 272, 272, 256 } },
		{ 64, { 46, 44, 44, 44 }, { 12, 12, 12, 12 },
		  { 416, 400, 400, 384 } },
		{ 65535, { 65517, 65515, 65515, 65515 },
		  { 16380, 16379, 16379, 16379 },
		  { 65528, 65528, 65528, 65528 } },
	};
	unsigned int rev, i;

	for (rev = 0; rev < VIRTIO_MSG_WIRE_COUNT; rev++) {
		const struct vmsg_wire *w = vmsg_wire_by_rev(rev);

		for (i = 0; i < ARRAY_SIZE(c); i++) {
			u16 m = c[i].max_size;

			KUNIT_EXPECT_EQ_MSG(test, c[i].config[rev],
					    vmsg_wire_config_chunk(w, m),
					    "%s %u", w->name, m);
			KUNIT_EXPECT_EQ_MSG(test, c[i].features[rev],
					    vmsg_wire_feature_chunk(w, m),
					    "%s %u", w->name, m);
			KUNIT_EXPECT_EQ_MSG(test, c[i].devices[rev],
					    vmsg_wire_devices_chunk(w, m),
					    "%s %u", w->name, m);
		}

#define LEAST(bus, id)	vmsg_wire_min_response(w, bus, id)
		KUNIT_EXPECT_EQ(test, LEAST(false, 0x00), 0);
		KUNIT_EXPECT_EQ(test, LEAST(false, 0x02), rev < 2 ? 24 : 44);
		KUNIT_EXPECT_EQ(test, LEAST(false, 0x03), rev < 3 ? 8 : 4);
		KUNIT_EXPECT_EQ(test, LEAST(false, 0x04), 0);
		KUNIT_EXPECT_EQ(test, LEAST(false, 0x05), rev < 3 ? 12 : 8);
		KUNIT_EXPECT_EQ(test, LEAST(false, 0x06), rev < 3 ? 12 : 8);
		KUNIT_EXPECT_EQ(test, LEAST(false, 0x07), 4);
		KUNIT_EXPECT_EQ(test, LEAST(false, 0x08), 4);
		KUNIT_EXPECT_EQ(test, LEAST(false, 0x09), rev < 1 ? 36 : 40);
		KUNIT_EXPECT_EQ(test, LEAST(false, 0x0a), 0);
		KUNIT_EXPECT_EQ(test, LEAST(false, 0x0b), 0);
		KUNIT_EXPECT_EQ(test, LEAST(false, 0x0c), rev < 2 ? 12 : 24);
		KUNIT_EXPECT_EQ(test, LEAST(false, 0xff), 0);
		KUNIT_EXPECT_EQ(test, LEAST(true, 0x02), rev < 3 ? 6 : 4);
		KUNIT_EXPECT_EQ(test, LEAST(true, 0x03), 4);
		KUNIT_EXPECT_EQ(test, LEAST(true, 0x05), 0);
#undef LEAST
	}
}

/*
 * Make a response of @rev with @len bytes of payload, open it.  The payload is
 * then changed by the test.
 */
static u8 *response(struct kunit *test, unsigned int rev, u8 type, u8 msg_id,
		    u16 len, struct vmsg_pdu *p)
{
	const struct vmsg_wire *w = vmsg_wire_by_rev(rev);
	struct vmsg_hdr h = {
		.type = type | VIRTIO_MSG_TYPE_RESPONSE,
		.msg_id = msg_id,
		.msg_size = w->hdr_len + len,
		.xid = wire_xid(w),
	};
	u8 *buf = kunit_kzalloc(test, w->hdr_len + len, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, buf);
	KUNIT_ASSERT_EQ(test, w->hdr_len,
			vmsg_hdr_put(w, buf, w->hdr_len + len, &h));
	KUNIT_ASSERT_EQ(test, 0, vmsg_pdu_get(w, buf, w->hdr_len + len, p));
	return buf + w->hdr_len;
}

/* An absent device: all zeroes, or result 1 (wire_parse_refused). */
static void wire_absent_device(struct kunit *test)
{
	struct vmsg_device_info info;
	struct vmsg_pdu p;
	unsigned int rev;
	u8 *d;

	for (rev = 0; rev < VIRTIO_MSG_WIRE_COUNT; rev++) {
		const struct vmsg_wire *w = vmsg_wire_by_rev(rev);

		d = response(test, rev, 0, VIRTIO_MSG_GET_DEVICE_INFO,
			     w->info_len, &p);
		memset(&info, GUARD, sizeof(info));
		KUNIT_EXPECT_EQ(test, -ENODEV,
				vmsg_get_device_info(w, &p, &info));
		/* Whatever else it claims. */
		memset(d + 4, 0xff, w->info_len - 4);
		KUNIT_EXPECT_EQ(test, -ENODEV,
				vmsg_get_device_info(w, &p, &info));
		KUNIT_EXPECT_TRUE(test, untouched(&info, sizeof(info)));
	}
}

/* Bits become blocks without a wrap; blocks are taken as they are. */
static void wire_feature_counts(struct kunit *test)
{
	static const u32 bits[][2] = {
		{ 0, 0 }, { 1, 1 }, { 31, 1 }, { 32, 1 }, { 33, 2 }, { 64, 2 },
		{ 65, 3 }, { 96, 3 }, { 128, 4 }, { 160, 5 },
		{ 0xffffffe0, 0x07ffffff }, { 0xffffffe1, 0x08000000 },
		{ 0xffffffff, 0x08000000 },
	};
	struct vmsg_device_info info;
	struct vmsg_pdu p;
	unsigned int rev, i;
	u8 *d;

	for (rev = 0; rev < VIRTIO_MSG_WIRE_COUNT; rev++) {
		const struct vmsg_wire *w = vmsg_wire_by_rev(rev);
		bool wide = rev >= VIRTIO_MSG_WIRE_V2;

		d = response(test, rev, 0, VIRTIO_MSG_GET_DEVICE_INFO,
			     w->info_len, &p);
		d[0] = 1;
		for (i = 0; i < ARRAY_SIZE(bits); i++) {
			put_unaligned_le32(bits[i][0], d + (wide ? 24 : 8));
			KUNIT_ASSERT_EQ(test, 0,
					vmsg_get_device_info(w, &p, &info));
			KUNIT_EXPECT_EQ(test, info.num_feature_blocks,
					bits[i][wide ? 0 : 1]);
		}
	}
}

static void wire_features(struct kunit *test)
{
	const struct vmsg_wire *w;
	struct vmsg_pdu p;
	unsigned int rev;
	u32 b[4];
	u8 *d;

	for (rev = 0; rev < VIRTIO_MSG_WIRE_XID32; rev++) {
		w = vmsg_wire_by_rev(rev);
		d = response(test, rev, 0, VIRTIO_MSG_GET_DEVICE_FEATURES,
			     8 + 8, &p);
		put_unaligned_le32(2, d);
		put_unaligned_le32(0xaaaaaaaa, d + 8);
		put_unaligned_le32(0xbbbbbbbb, d + 12);

		/* No blocks at all: all read as zero. */
		memset(b, GUARD, sizeof(b));
		KUNIT_EXPECT_EQ(test, 0, vmsg_get_features(w, &p, 2, 3, b));
		KUNIT_EXPECT_EQ(test, b[0] | b[1] | b[2], 0);
		KUNIT_EXPECT_TRUE(test, untouched(b + 3, 4));

		/* One of three. */
		put_unaligned_le32(1, d + 4);
		KUNIT_EXPECT_EQ(test, 1, vmsg_get_features(w, &p, 2, 3, b));
		KUNIT_EXPECT_EQ(test, b[0], 0xaaaaaaaa);
		KUNIT_EXPECT_EQ(test, b[1] | b[2], 0);

		/* More than was asked for: no more than that is taken. */
		put_unaligned_le32(2, d + 4);
		memset(b, GUARD, sizeof(b));
		KUNIT_EXPECT_EQ(test, 1, vmsg_get_features(w, &p, 2, 1, b));
		KUNIT_EXPECT_EQ(test, b[0], 0xaaaaaaaa);
		KUNIT_EXPECT_TRUE(test, untouched(b + 1, 12));

		/* More than is there, also where 4 * n wraps. */
		put_unaligned_le32(3, d + 4);
		KUNIT_EXPECT_EQ(test, -EBADMSG,
				vmsg_get_features(w, &p, 2, 4, b));
		put_unaligned_le32(0x40000001, d + 4);
		KUNIT_EXPECT_EQ(test, -EBADMSG,
				vmsg_get_features(w, &p, 2, 4, b));
		put_unaligned_le32(U32_MAX, d + 4);
		KUNIT_EXPECT_EQ(test, -EBADMSG,
				vmsg_get_features(w, &p, 2, 4, b));

		/* Another block than was asked for. */
		put_unaligned_le32(2, d + 4);
		KUNIT_EXPECT_EQ(test, -EBADMSG,
				vmsg_get_features(w, &p, 0, 2, b));
	}

	w = vmsg_wire_by_rev(VIRTIO_MSG_WIRE_XID32);
	response(test, w->rev, 0, VIRTIO_MSG_GET_DEVICE_FEATURES, 4, &p);
	KUNIT_EXPECT_EQ(test, 0, vmsg_get_features(w, &p, 0, 2, b));
	KUNIT_EXPECT_EQ(test, b[0] | b[1], 0);
	response(test, w->rev, 0, VIRTIO_MSG_GET_DEVICE_FEATURES, 8, &p);
	KUNIT_EXPECT_EQ(test, 1, vmsg_get_features(w, &p, 0, 2, b));
	KUNIT_EXPECT_EQ(test, -EBADMSG, vmsg_get_features(w, &p, 1, 2, b));
	/* More than was asked for. */
	KUNIT_EXPECT_EQ(test, -EBADMSG, vmsg_get_features(w, &p, 0, 0, b));
	/* Not a multiple of a block. */
	response(test, w->rev, 0, VIRTIO_MSG_GET_DEVICE_FEATURES, 10, &p);
	KUNIT_EXPECT_EQ(test, -EBADMSG, vmsg_get_features(w, &p, 0, 4, b));
}

static void wire_config(struct kunit *test)
{
	const struct vmsg_wire *w;
	struct vmsg_pdu p;
	unsigned int rev;
	u8 data[8];
	u32 gen;
	u8 *d;

	for (rev = 0; rev < VIRTIO_MSG_WIRE_COUNT; rev++) {
		w = vmsg_wire_by_rev(rev);
		d = response(test, rev, 0, VIRTIO_MSG_GET_CONFIG,
			     w->cfg_hdr + 4, &p);
		put_unaligned_le32(U32_MAX, d);
		put_unaligned_le32(8, d + 4);
		if (!w->exact)
			put_unaligned_le32(4, d + 8);

		KUNIT_EXPECT_EQ(test, 0,
				vmsg_get_config(w, &p, 8, 4, data, &gen));
		KUNIT_EXPECT_EQ(test, gen, U32_MAX);
		/* Another offset, less, more, nothing. */
		KUNIT_EXPECT_EQ(test, -EBADMSG,
				vmsg_get_config(w, &p, 0, 4, data, &gen));
		KUNIT_EXPECT_EQ(test, -EBADMSG,
				vmsg_get_config(w, &p, 8, 3, data, &gen));
		KUNIT_EXPECT_EQ(test, -EBADMSG,
				vmsg_get_config(w, &p, 8, 5, data, &gen));
		KUNIT_EXPECT_EQ(test, -EBADMSG,
				vmsg_get_config(w, &p, 8, 0, data, &gen));

		/* A length that the payload does not have. */
		if (!w->exact) {
			put_unaligned_le32(5, d + 8);
			KUNIT_EXPECT_EQ(test, -EBADMSG,
					vmsg_get_config(w, &p, 8, 5, data,
							&gen));
			put_unaligned_le32(U32_MAX, d + 8);
			KUNIT_EXPECT_EQ(test, -EBADMSG,
					vmsg_get_config(w, &p, 8, U32_MAX,
							data, &gen));
		}

		/* The generation alone. */
		d = response(test, rev, 0, VIRTIO_MSG_GET_CONFIG, w->cfg_hdr,
			     &p);
		put_unaligned_le32(7, d);
		KUNIT_EXPECT_EQ(test, 0,
				vmsg_get_config(w, &p, 0, 0, data, &gen));
		KUNIT_EXPECT_EQ(test, gen, 7);
	}
}

/* A write that was accepted, rejected, or done by halves. */
static void wire_set_config(struct kunit *test)
{
	const struct vmsg_wire *w;
	struct vmsg_pdu p;
	unsigned int rev;
	u32 gen;
	u8 *d;

	for (rev = 0; rev < VIRTIO_MSG_WIRE_XID32; rev++) {
		w = vmsg_wire_by_rev(rev);
		d = response(test, rev, 0, VIRTIO_MSG_SET_CONFIG, 12, &p);

		/* All zero. */
		KUNIT_EXPECT_EQ(test, -EAGAIN,
				vmsg_get_set_config(w, &p, 8, 4, &gen));
		put_unaligned_le32(3, d);
		put_unaligned_le32(8, d + 4);
		KUNIT_EXPECT_EQ(test, -EAGAIN,
				vmsg_get_set_config(w, &p, 8, 4, &gen));
		put_unaligned_le32(4, d + 8);
		KUNIT_EXPECT_EQ(test, 0,
				vmsg_get_set_config(w, &p, 8, 4, &gen));
		KUNIT_EXPECT_EQ(test, gen, 3);
		KUNIT_EXPECT_EQ(test, -EBADMSG,
				vmsg_get_set_config(w, &p, 9, 4, &gen));
		put_unaligned_le32(3, d + 8);
		KUNIT_EXPECT_EQ(test, -EBADMSG,
				vmsg_get_set_config(w, &p, 8, 4, &gen));
		put_unaligned_le32(5, d + 8);
		KUNIT_EXPECT_EQ(test, -EBADMSG,
				vmsg_get_set_config(w, &p, 8, 4, &gen));
	}

	w = vmsg_wire_by_rev(VIRTIO_MSG_WIRE_XID32);
	d = response(test, w->rev, 0, VIRTIO_MSG_SET_CONFIG, 8, &p);
	put_unaligned_le32(8, d + 4);
	KUNIT_EXPECT_EQ(test, -EAGAIN,
			vmsg_get_set_config(w, &p, 8, 4, &gen));
	KUNIT_EXPECT_EQ(test, -EBADMSG,
			vmsg_get_set_config(w, &p, 0, 4, &gen));
	d = response(test, w->rev, 0, VIRTIO_MSG_SET_CONFIG, 12, &p);
	put_unaligned_le32(8, d + 4);
	KUNIT_EXPECT_EQ(test, 0, vmsg_get_set_config(w, &p, 8, 4, &gen));
	KUNIT_EXPECT_EQ(test, -EBADMSG,
			vmsg_get_set_config(w, &p, 8, 5, &gen));
	KUNIT_EXPECT_EQ(test, -EBADMSG,
			vmsg_get_set_config(w, &p, 8, 3, &gen));
}

/* Answers about another queue or region than was asked for. */
static void wire_wrong_index(struct kunit *test)
{
	struct vmsg_vq_info info;
	struct vmsg_pdu p;
	unsigned int rev;
	u64 addr, len;
	u8 *d;

	for (rev = 0; rev < VIRTIO_MSG_WIRE_COUNT; rev++) {
		const struct vmsg_wire *w = vmsg_wire_by_rev(rev);

		d = response(test, rev, 0, VIRTIO_MSG_GET_VQUEUE, w->vq_len,
			     &p);
		KUNIT_EXPECT_EQ(test, 0, vmsg_get_vq(w, &p, 0, &info));
		KUNIT_EXPECT_EQ(test, info.max_size, 0);
		KUNIT_EXPECT_EQ(test, -EBADMSG, vmsg_get_vq(w, &p, 1, &info));
		/* Other flags than "enabled" are none of ours. */
		if (rev) {
			put_unaligned_le32(0xfffffffe, d + 12);
			KUNIT_EXPECT_EQ(test, 0, vmsg_get_vq(w, &p, 0, &info));
			KUNIT_EXPECT_FALSE(test, info.enabled);
		}

		d = response(test, rev, 0, VIRTIO_MSG_GET_SHM, w->shm_len, &p);
		put_unaligned_le32(5, d);
		KUNIT_EXPECT_EQ(test, 0, vmsg_get_shm(w, &p, 5, &addr, &len));
		KUNIT_EXPECT_EQ(test, len, 0);
		KUNIT_EXPECT_EQ(test, -EBADMSG,
				vmsg_get_shm(w, &p, 0, &addr, &len));
	}
}

/* Write offset, next and count where @w has them. */
static void devices_put(const struct vmsg_wire *w, u8 *d, u16 offset, u16 next,
			u16 count)
{
	put_unaligned_le16(offset, d);
	switch (w->rev) {
	case VIRTIO_MSG_WIRE_V2:
		put_unaligned_le16(next, d + 2);
		put_unaligned_le16(count, d + 4);
		break;
	case VIRTIO_MSG_WIRE_XID32:
		put_unaligned_le16(next, d + 2);
		break;
	default:
		put_unaligned_le16(count, d + 2);
		put_unaligned_le16(next, d + 4);
	}
}

static void wire_get_devices(struct kunit *test)
{
	struct vmsg_pdu p;
	const u8 *map;
	unsigned int rev;
	u16 next;
	u8 *d;

	for (rev = 0; rev < VIRTIO_MSG_WIRE_COUNT; rev++) {
		const struct vmsg_wire *w = vmsg_wire_by_rev(rev);

#define GET(offset)	vmsg_get_devices(w, &p, offset, &next, &map)
		d = response(test, rev, VIRTIO_MSG_TYPE_BUS,
			     VIRTIO_MSG_BUS_GET_DEVICES, w->devs_hdr + 2, &p);

		/* The end. */
		devices_put(w, d, 64, 0, 16);
		KUNIT_EXPECT_EQ(test, 16, GET(64));
		KUNIT_EXPECT_EQ(test, next, 0);
		/* A skip over empty ranges, up to the last one. */
		devices_put(w, d, 64, 65528, 16);
		KUNIT_EXPECT_EQ(test, 16, GET(64));
		KUNIT_EXPECT_EQ(test, next, 65528);
		/* Even one that overlaps moves on. */
		devices_put(w, d, 64, 72, 16);
		KUNIT_EXPECT_EQ(test, 16, GET(64));

		/* A next that stays, goes back, or cannot be asked for. */
		devices_put(w, d, 64, 64, 16);
		KUNIT_EXPECT_EQ(test, -EBADMSG, GET(64));
		devices_put(w, d, 64, 56, 16);
		KUNIT_EXPECT_EQ(test, -EBADMSG, GET(64));
		devices_put(w, d, 64, 8, 16);
		KUNIT_EXPECT_EQ(test, -EBADMSG, GET(64));
		devices_put(w, d, 64, 83, 16);
		KUNIT_EXPECT_EQ(test, -EBADMSG, GET(64));

		/* Another offset. */
		devices_put(w, d, 0, 0, 16);
		KUNIT_EXPECT_EQ(test, -EBADMSG, GET(64));

		/* Past the last device number, and just not. */
		devices_put(w, d, 65528, 0, 16);
		KUNIT_EXPECT_EQ(test, -EBADMSG, GET(65528));
		devices_put(w, d, 65520, 0, 16);
		KUNIT_EXPECT_EQ(test, 16, GET(65520));

		if (!w->exact) {
			/* Fewer bits than bytes would hold, and none. */
			devices_put(w, d, 64, 0, 3);
			KUNIT_EXPECT_EQ(test, 3, GET(64));
			devices_put(w, d, 64, 128, 0);
			KUNIT_EXPECT_EQ(test, 0, GET(64));
			/* More than there is. */
			devices_put(w, d, 64, 0, 17);
			KUNIT_EXPECT_EQ(test, -EBADMSG, GET(64));
			devices_put(w, d, 0, 0, 65535);
			KUNIT_EXPECT_EQ(test, -EBADMSG, GET(0));
		} else {
			/* An empty bitmap. */
			d = response(test, rev, VIRTIO_MSG_TYPE_BUS,
				     VIRTIO_MSG_BUS_GET_DEVICES, 4, &p);
			devices_put(w, d, 0, 128, 0);
			KUNIT_EXPECT_EQ(test, 0, GET(0));
			KUNIT_EXPECT_EQ(test, next, 128);
		}

		/* All of them in one answer. */
		d = response(test, rev, VIRTIO_MSG_TYPE_BUS,
			     VIRTIO_MSG_BUS_GET_DEVICES, w->devs_hdr + 8191,
			     &p);
		devices_put(w, d, 0, 65528, 65528);
		KUNIT_EXPECT_EQ(test, 65528, GET(0));
#undef GET
	}
}

/* A public peer ends EVENT_CONFIG after the generation. */
static void wire_short_event_config(struct kunit *test)
{
	static const u8 frame[] = {
		0x00, 0x40, 0x00, 0x00, 0x00, 0x00, 0x10, 0x00,
		0x0f, 0x00, 0x00, 0x00, 0x02, 0x00, 0x00, 0x00,
	};
	const struct vmsg_wire *w = vmsg_wire_by_rev(VIRTIO_MSG_WIRE_V1);
	struct vmsg_pdu p;
	u32 status, gen;

	KUNIT_ASSERT_EQ(test, 0, vmsg_pdu_get(w, frame, sizeof(frame), &p));
	KUNIT_EXPECT_EQ(test, 0, vmsg_get_event_config(w, &p, &status, &gen));
	KUNIT_EXPECT_EQ(test, status, 0x0f);
	KUNIT_EXPECT_EQ(test, gen, 2);
}

static void wire_names(struct kunit *test)
{
	unsigned int id;

	for (id = 0; id < 256; id++) {
		KUNIT_EXPECT_NOT_NULL(test, vmsg_msg_name(false, id));
		KUNIT_EXPECT_NOT_NULL(test, vmsg_msg_name(true, id));
	}
	KUNIT_EXPECT_STREQ(test, "GET_CONFIG", vmsg_msg_name(false, 5));
	KUNIT_EXPECT_STREQ(test, "EVENT_USED", vmsg_msg_name(false, 0x42));
	KUNIT_EXPECT_STREQ(test, "PING", vmsg_msg_name(true, 3));
	KUNIT_EXPECT_STREQ(test, "EVENT_DEVICE", vmsg_msg_name(true, 0x40));
	KUNIT_EXPECT_STREQ(test, "UNKNOWN", vmsg_msg_name(true, 0));
	KUNIT_EXPECT_STREQ(test, "UNKNOWN", vmsg_msg_name(false, 0x43));
	KUNIT_EXPECT_STREQ(test, "IMPLEMENTATION", vmsg_msg_name(true, 0x80));
}

static struct kunit_case virtio_msg_wire_cases[] = {
	KUNIT_CASE(wire_table),
	KUNIT_CASE(wire_sizes),
	KUNIT_CASE(wire_pack_golden),
	KUNIT_CASE(wire_pack_no_room),
	KUNIT_CASE(wire_pack_bad_args),
	KUNIT_CASE(wire_hdr),
	KUNIT_CASE(wire_set_xid),
	KUNIT_CASE(wire_pdu_malformed),
	KUNIT_CASE(wire_parse_golden),
	KUNIT_CASE(wire_parse_short),
	KUNIT_CASE(wire_parse_long),
	KUNIT_CASE(wire_parse_refused),
	KUNIT_CASE(wire_absent_device),
	KUNIT_CASE(wire_feature_counts),
	KUNIT_CASE(wire_features),
	KUNIT_CASE(wire_config),
	KUNIT_CASE(wire_set_config),
	KUNIT_CASE(wire_wrong_index),
	KUNIT_CASE(wire_get_devices),
	KUNIT_CASE(wire_short_event_config),
	KUNIT_CASE(wire_names),
	{}
};

static struct kunit_suite virtio_msg_wire_suite = {
	.name = "virtio_msg_wire",
	.test_cases = virtio_msg_wire_cases,
};

kunit_test_suite(virtio_msg_wire_suite);
