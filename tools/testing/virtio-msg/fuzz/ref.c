// SPDX-License-Identifier: GPL-2.0-only
/* See ref.h. "See" and a section name in wire.rst. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "ref.h"

#define XID32 3

struct ref_field {
	const char *name;
	int bits;
	int off[4];
};

#include "ref_tables.h"

static uint64_t le(const uint8_t *p, int bits)
{
	uint64_t v = 0;

	while (bits) {
		bits -= 8;
		v = v << 8 | p[bits / 8];
	}
	return v;
}

static const struct ref_field *field(const struct ref_field *f, unsigned int rev,
				     const char *name)
{
	for (; f->name; f++)
		if (!strcmp(f->name, name) && f->off[rev] >= 0)
			return f;
	return NULL;
}

static int at(const struct ref_field *f, unsigned int rev, const char *name)
{
	f = field(f, rev, name);
	if (!f) {
		fprintf(stderr, "wire.rst has no field %s for revision %u\n", name, rev);
		abort();
	}
	return f->off[rev];
}

/* The payload is long enough, or it is a mistake of this file. */
static uint64_t get(const struct ref_msg *m, const struct ref_field *f, const char *name)
{
	f = field(f, m->rev, name);
	if (!f)
		return 0;
	if ((size_t)f->off[m->rev] + f->bits / 8 > m->len) {
		fprintf(stderr, "reference reads %s beyond the payload\n", name);
		abort();
	}
	return le(m->payload + f->off[m->rev], f->bits);
}

/* See "Headers". */
int ref_open(unsigned int rev, const uint8_t *frame, size_t size, struct ref_msg *m)
{
	static const struct {
		size_t len;
		int size, xid, xid_bits, result;
	} hdr[4] = {
		{ 6, 4, 0, 0, -1 },
		{ 8, 6, 4, 16, -1 },
		{ 8, 6, 4, 16, -1 },
		{ 12, 4, 8, 32, 6 },
	};
	size_t msg_size;

	if (size < hdr[rev].len)
		return REF_BAD;
	m->rev = rev;
	m->response = frame[0] & 1;
	m->bus = frame[0] >> 1 & 1;
	m->id = frame[1];
	m->dev = le(frame + 2, 16);
	msg_size = le(frame + hdr[rev].size, 16);
	m->xid = le(frame + hdr[rev].xid, hdr[rev].xid_bits);
	m->result = hdr[rev].result < 0 ? 0 : le(frame + hdr[rev].result, 16);
	if (msg_size < hdr[rev].len || msg_size > size || (m->result && !m->response))
		return REF_BAD;
	m->payload = frame + hdr[rev].len;
	m->len = msg_size - hdr[rev].len;
	return 0;
}

/* See "Refusals"; need is what the fixed part of the payload takes. */
static int refused(const struct ref_msg *m, size_t need)
{
	if (m->result) {
		if (m->len)
			return REF_BAD;
		return m->result == 1 ? REF_NO_DEVICE : m->result == 5 ? REF_BUSY : REF_BAD;
	}
	return m->len < need ? REF_BAD : 0;
}

/* As that, for a payload of fixed length: exact in xid32. */
static int fixed(const struct ref_msg *m, size_t need)
{
	int ret = refused(m, need);

	if (!ret && m->rev == XID32 && m->len != need)
		return REF_BAD;
	return ret;
}

int ref_info(const struct ref_msg *m, struct ref_info *i)
{
	const struct ref_field *f = ref_GET_DEVICE_INFO;
	int ret = fixed(m, ref_len_GET_DEVICE_INFO[m->rev]);

	if (ret)
		return ret;
	memset(i, 0, sizeof(*i));
	i->device = get(m, f, "device_id");
	i->vendor = get(m, f, "vendor_id");
	i->config = get(m, f, "config_size");
	i->vqs = get(m, f, "max_virtqueues");
	i->admin_start = get(m, f, "admin_vq_start");
	i->admin_count = get(m, f, "admin_vq_count");
	if (field(f, m->rev, "uuid"))
		memcpy(i->uuid, m->payload + at(f, m->rev, "uuid"), 16);
	if (field(f, m->rev, "num_feature_bits"))
		i->blocks = (get(m, f, "num_feature_bits") + 31) / 32;
	else
		i->blocks = get(m, f, "num_feature_blocks");
	return i->device ? 0 : REF_NO_DEVICE;
}

/* See "What is tolerated": a payload, but not in the exact revision. */
int ref_empty(const struct ref_msg *m)
{
	return fixed(m, 0);
}

int ref_features(const struct ref_msg *m, uint32_t block, uint32_t num, size_t *where)
{
	const struct ref_field *f = ref_GET_DEVICE_FEATURES;
	uint64_t sent, room;
	int ret;

	*where = at(f, m->rev, "blocks");
	ret = refused(m, *where);
	if (ret)
		return ret;
	room = (m->len - *where) / 4;
	if (get(m, f, "block") != block)
		return REF_BAD;
	if (field(f, m->rev, "num_blocks")) {
		sent = get(m, f, "num_blocks");
		if (sent > room)
			return REF_BAD;
		return sent < num ? sent : num;
	}
	if ((m->len - *where) % 4 || room > num)
		return REF_BAD;
	return room;
}

int ref_config(const struct ref_msg *m, uint32_t off, uint32_t len, size_t *where,
	       uint32_t *gen)
{
	const struct ref_field *f = ref_GET_CONFIG;
	size_t room;
	int ret;

	*where = at(f, m->rev, "data");
	ret = refused(m, *where);
	if (ret)
		return ret;
	room = m->len - *where;
	if (get(m, f, "offset") != off || room < len)
		return REF_BAD;
	if (field(f, m->rev, "length") ? get(m, f, "length") != len : room != len)
		return REF_BAD;
	*gen = get(m, f, "generation");
	return 0;
}

int ref_set_config(const struct ref_msg *m, uint32_t off, uint32_t len, uint32_t *gen)
{
	const struct ref_field *f = ref_GET_CONFIG;
	bool has_len = field(f, m->rev, "length");
	size_t data = at(f, m->rev, "data");
	uint64_t written;
	int ret;

	ret = refused(m, data);
	if (ret)
		return ret;
	written = has_len ? get(m, f, "length") : m->len - data;
	/* An older device may reject with zeroes all over. */
	if (get(m, f, "offset") != off && !(has_len && !written))
		return REF_BAD;
	if (!written)
		return REF_AGAIN;
	if (written != len)
		return REF_BAD;
	*gen = get(m, f, "generation");
	return 0;
}

/* Status, and the echo of a PING. */
int ref_word(const struct ref_msg *m, uint32_t *word)
{
	int ret = fixed(m, 4);

	if (!ret)
		*word = le(m->payload, 32);
	return ret;
}

int ref_vq(const struct ref_msg *m, uint32_t index, struct ref_vq *vq)
{
	const struct ref_field *f = ref_GET_VQUEUE;
	int ret = fixed(m, ref_len_GET_VQUEUE[m->rev]);

	if (ret)
		return ret;
	if (get(m, f, "index") != index)
		return REF_BAD;
	vq->max = get(m, f, "max_size");
	vq->cur = get(m, f, "cur_size");
	vq->enabled = get(m, f, "flags") & 1;
	vq->addr[0] = get(m, f, "descriptor_area");
	vq->addr[1] = get(m, f, "driver_area");
	vq->addr[2] = get(m, f, "device_area");
	return 0;
}

int ref_shm(const struct ref_msg *m, uint32_t id, uint64_t *addr, uint64_t *len)
{
	const struct ref_field *f = ref_GET_SHM;
	int ret = fixed(m, ref_len_GET_SHM[m->rev]);

	if (ret)
		return ret;
	if (get(m, f, "id") != id)
		return REF_BAD;
	*addr = get(m, f, "address");
	*len = get(m, f, "length");
	return 0;
}

int ref_devices(const struct ref_msg *m, uint32_t off, uint32_t *next, size_t *where)
{
	const struct ref_field *f = ref_GET_DEVICES;
	uint64_t count;
	int ret;

	*where = at(f, m->rev, "bitmap");
	ret = refused(m, *where);
	if (ret)
		return ret;
	*next = get(m, f, "next");
	count = 8 * (m->len - *where);
	if (field(f, m->rev, "count")) {
		if (get(m, f, "count") > count)
			return REF_BAD;
		count = get(m, f, "count");
	}
	if (get(m, f, "offset") != off || off + count > 0x10000)
		return REF_BAD;
	if (*next && (*next <= off || *next % 8))
		return REF_BAD;
	return count;
}

/* See "What is tolerated": the older ones may end after the generation. */
int ref_event_config(const struct ref_msg *m, uint32_t *status, uint32_t *gen)
{
	const struct ref_field *f = ref_EVENT_CONFIG;

	if (m->len < (m->rev == XID32 ? (size_t)at(f, m->rev, "data") : 8))
		return REF_BAD;
	*status = get(m, f, "status");
	*gen = get(m, f, "generation");
	return 0;
}

/* EVENT_USED, EVENT_DEVICE and the request PING are four bytes. */
int ref_event_word(const struct ref_msg *m, uint32_t *word)
{
	if (m->rev == XID32 ? m->len != 4 : m->len < 4)
		return REF_BAD;
	*word = le(m->payload, 32);
	return 0;
}
