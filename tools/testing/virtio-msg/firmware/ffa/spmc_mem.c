// SPDX-License-Identifier: GPL-2.0-only
/*
 * The partition manager: memory that Linux shares
 *
 * A description comes in the client's buffer, in one piece or in fragments.  It
 * is copied from there once, and what is checked and used is the copy.
 */
#include "spmc.h"

#define SHARES		8
#define DESC_SIZE	0xc000

static struct share {
	bool used;
	bool retrieved;
	uint64_t handle;
	uint32_t total;
	uint32_t got;
	uint8_t desc[DESC_SIZE] __attribute__((aligned(16)));
} shares[SHARES];

static uint64_t next_handle = 0x100;

static struct share *find(uint64_t handle)
{
	unsigned int i;

	for (i = 0; i < SHARES; i++)
		if (shares[i].used && shares[i].handle == handle)
			return &shares[i];
	return NULL;
}

static const struct ffa_mem *header(const struct share *s)
{
	return (const struct ffa_mem *)s->desc;
}

/* Only of a description that was checked */
static const struct ffa_mem_composite *composite(const struct share *s)
{
	const struct ffa_mem_access *a =
		(const struct ffa_mem_access *)(s->desc + header(s)->access_offset);

	return (const struct ffa_mem_composite *)(s->desc + a->composite_offset);
}

static bool ranges_ok(const struct ffa_mem_composite *c)
{
	const struct ffa_mem_range *range = (const struct ffa_mem_range *)(c + 1);
	uint64_t pages = 0;
	uint32_t i;

	for (i = 0; i < c->count; i++) {
		if (range[i].address % FFA_PAGE || !range[i].pages)
			return false;
		pages += range[i].pages;
	}
	return pages == c->pages;
}

static bool description_ok(const struct share *s)
{
	uint32_t size = client.version >= FFA_VERSION_1_2 ? FFA_MEM_ACCESS_SIZE_1_2 :
		FFA_MEM_ACCESS_SIZE_1_1;
	const struct ffa_mem *m = header(s);
	const struct ffa_mem_composite *c;
	const struct ffa_mem_access *a;

	if (s->total < sizeof(*m) + size || m->sender || m->handle ||
	    m->access_count != 1 || m->access_size != size || m->access_offset % 16 ||
	    m->access_offset < sizeof(*m) || m->access_offset > s->total - size)
		return false;
	a = (const struct ffa_mem_access *)(s->desc + m->access_offset);
	if (a->receiver != PARTITION_ID || a->composite_offset % 8 ||
	    a->composite_offset > s->total - sizeof(*c))
		return false;
	c = composite(s);
	return c->count <= (s->total - a->composite_offset - sizeof(*c)) /
		sizeof(struct ffa_mem_range) && ranges_ok(c);
}

/* Take one more fragment; answer the call that brought it. */
static void take(struct ffa_regs *r, struct share *s, uint32_t len)
{
	memcpy(s->desc + s->got, client_tx(), len);
	s->got += len;
	if (s->got < s->total) {
		memset(r, 0, sizeof(*r));
		r->x[0] = FFA_MEM_FRAG_RX;
		r->x[1] = (uint32_t)s->handle;
		r->x[2] = s->handle >> 32;
		r->x[3] = s->got;
		return;
	}
	if (!description_ok(s)) {
		s->used = false;
		spmc_error(r, FFA_INVALID);
		return;
	}
	spmc_success(r, (uint32_t)s->handle, s->handle >> 32);
}

/* FFA_MEM_SHARE: total length, length of the first fragment; no other buffer */
void mem_share(struct ffa_regs *r)
{
	uint32_t total = (uint32_t)r->x[1], len = (uint32_t)r->x[2];
	unsigned int i;

	if (r->x[3] || r->x[4] || !len || len > total ||
	    len > client.rxtx_pages * FFA_PAGE) {
		spmc_error(r, FFA_INVALID);
		return;
	}
	for (i = 0; i < SHARES && shares[i].used; i++)
		;
	if (i == SHARES || total > DESC_SIZE) {
		spmc_error(r, FFA_NO_MEMORY);
		return;
	}
	shares[i].used = true;
	shares[i].retrieved = false;
	shares[i].handle = next_handle++;
	shares[i].total = total;
	shares[i].got = 0;
	take(r, &shares[i], len);
}

/* FFA_MEM_FRAG_TX: handle, length */
void mem_fragment(struct ffa_regs *r)
{
	struct share *s = find((uint32_t)r->x[1] | r->x[2] << 32);
	uint32_t len = (uint32_t)r->x[3];

	if (!s || s->got >= s->total || !len || len > s->total - s->got ||
	    len > client.rxtx_pages * FFA_PAGE) {
		spmc_error(r, FFA_INVALID);
		return;
	}
	take(r, s, len);
}

/* FFA_MEM_RECLAIM: handle, flags */
void mem_reclaim(struct ffa_regs *r)
{
	struct share *s = find((uint32_t)r->x[1] | r->x[2] << 32);

	if (!s || s->got != s->total) {
		spmc_error(r, FFA_INVALID);
	} else if (s->retrieved) {
		spmc_error(r, FFA_DENIED);
	} else {
		s->used = false;
		spmc_success(r, 0, 0);
	}
}

static int map(const struct share *s, unsigned int slot)
{
	const struct ffa_mem_composite *c = composite(s);
	const struct ffa_mem_range *range = (const struct ffa_mem_range *)(c + 1);
	uint32_t i, done = 0;

	for (i = 0; i < c->count; i++) {
		int ret = mmu_map(area_va(slot) + (uint64_t)done * FFA_PAGE,
				  range[i].address, range[i].pages);

		if (ret) {
			mmu_unmap(area_va(slot), done);
			return ret;
		}
		done += range[i].pages;
	}
	return 0;
}

int mem_retrieve(uint16_t sender, uint64_t handle, uint64_t tag, uint32_t pages,
		 unsigned int slot)
{
	struct share *s;
	int ret = FFA_INVALID;

	lock_take(&spmc_lock);
	s = find(handle);
	if (s && s->got == s->total && header(s)->sender == sender &&
	    header(s)->tag == tag && composite(s)->pages == pages) {
		ret = s->retrieved ? FFA_DENIED : map(s, slot);
		if (!ret)
			s->retrieved = true;
	}
	lock_drop(&spmc_lock);
	return ret;
}

int mem_relinquish(uint64_t handle, uint32_t pages, unsigned int slot)
{
	struct share *s;
	int ret = FFA_INVALID;

	lock_take(&spmc_lock);
	s = find(handle);
	if (s && s->retrieved) {
		mmu_unmap(area_va(slot), pages);
		s->retrieved = false;
		ret = 0;
	}
	lock_drop(&spmc_lock);
	return ret;
}

unsigned int mem_show(void)
{
	unsigned int i, n = 0;

	lock_take(&spmc_lock);
	for (i = 0; i < SHARES; i++) {
		if (!shares[i].used)
			continue;
		put_string("> share ");
		put_hex(shares[i].handle);
		put_string(shares[i].got != shares[i].total ? " incomplete\n" :
			   shares[i].retrieved ? " retrieved\n" : " shared\n");
		n++;
	}
	lock_drop(&spmc_lock);
	return n;
}
