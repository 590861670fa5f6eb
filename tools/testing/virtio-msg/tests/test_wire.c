// SPDX-License-Identifier: GPL-2.0-only
/*
 * Headers, byte by byte
 */
#include <string.h>

#include "drv.h"

static const struct {
	unsigned int wire, len;
	uint8_t bytes[12];
} golden[] = {
	{ 0, 6, { 0x01, 0x42, 0x34, 0x12, 0x2c, 0x01 } },
	{ 1, 8, { 0x01, 0x42, 0x34, 0x12, 0xcd, 0xab, 0x2c, 0x01 } },
	{ 2, 8, { 0x01, 0x42, 0x34, 0x12, 0xcd, 0xab, 0x2c, 0x01 } },
	{ 3, 12, { 0x01, 0x42, 0x34, 0x12, 0x2c, 0x01, 0x03, 0x00,
		   0xcd, 0xab, 0x00, 0x80 } },
};

int main(void)
{
	unsigned int i;

	plan("headers");
	for (i = 0; i < 4; i++) {
		struct vmsg_hdr in = { .type = 1, .msg_id = 0x42, .dev_num = 0x1234,
			.size = 0x12c, .result = i == 3 ? 3 : 0,
			.xid = i == 0 ? 0 : i == 3 ? 0x8000abcd : 0xabcd }, h;
		uint8_t buf[12];

		ok(vmsg_hdr_len(i) == golden[i].len, "length of header %u", i);
		vmsg_hdr_put(i, buf, &in);
		ok(!memcmp(buf, golden[i].bytes, golden[i].len), "encode %u", i);
		vmsg_hdr_get(i, golden[i].bytes, &h);
		ok(h.type == in.type && h.msg_id == in.msg_id && h.size == in.size &&
		   h.dev_num == in.dev_num && h.result == in.result &&
		   h.xid == in.xid, "decode %u", i);
	}
	return done();
}
