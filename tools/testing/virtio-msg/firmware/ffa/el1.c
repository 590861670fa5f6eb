// SPDX-License-Identifier: GPL-2.0-only
/*
 * One home: a partition at S-EL1, below somebody else's partition manager
 *
 * That is the one inside of Trusted Firmware-A, which speaks FF-A 1.1, knows
 * direct messages and shared memory, and no notifications.  A direct request
 * runs on the processor that made it; while another one is inside, it is
 * answered with zeroes, which means busy.
 */
#include "sp.h"

#define DESC_SIZE	0xc000
#define HISTORY		16

static uint8_t tx[FFA_PAGE] __attribute__((aligned(4096)));
static uint8_t rx[FFA_PAGE] __attribute__((aligned(4096)));
/* A description of memory, put together of its fragments; aligned like @rx */
static uint8_t desc[DESC_SIZE] __attribute__((aligned(16)));
static uint16_t self;
static struct lock inside;

/* Handles that we were given: the manager is asked whether it knows them still. */
static struct {
	bool known;
	bool retrieved;
	uint16_t sender;
	uint64_t handle;
	uint64_t tag;
} history[HISTORY];
static unsigned int history_next;

static int call(struct ffa_regs *r, uint64_t fn, uint64_t x1, uint64_t x2, uint64_t x3,
		uint64_t x4)
{
	memset(r, 0, sizeof(*r));
	r->x[0] = fn;
	r->x[1] = x1;
	r->x[2] = x2;
	r->x[3] = x3;
	r->x[4] = x4;
	ffa_smc(r);
	return (uint32_t)r->x[0] == FFA_ERROR ? (int32_t)r->x[2] : 0;
}

static void release_rx(void)
{
	struct ffa_regs r;

	call(&r, FFA_RX_RELEASE, 0, 0, 0, 0);
}

/* Ask for memory.  Return: length of its description, in @desc, or an error. */
static int ask(uint16_t sender, uint64_t handle, uint64_t tag)
{
	struct ffa_mem *m = (struct ffa_mem *)tx;
	struct ffa_mem_access *a = (struct ffa_mem_access *)(m + 1);
	uint32_t len = sizeof(*m) + FFA_MEM_ACCESS_SIZE_1_1, total, got;
	struct ffa_regs r;
	int ret;

	memset(tx, 0, len);
	m->sender = sender;
	m->attributes = FFA_MEM_ATTR_NORMAL_WB;
	m->flags = FFA_MEM_TYPE_SHARE;
	m->handle = handle;
	m->tag = tag;
	m->access_size = FFA_MEM_ACCESS_SIZE_1_1;
	m->access_count = 1;
	m->access_offset = sizeof(*m);
	a->receiver = self;
	a->permissions = FFA_MEM_PERM_RW;
	ret = call(&r, FFA_MEM_RETRIEVE_REQ32, len, len, 0, 0);
	if (ret)
		return ret;
	if ((uint32_t)r.x[0] != FFA_MEM_RETRIEVE_RESP)
		return FFA_INVALID;
	total = (uint32_t)r.x[1];
	got = (uint32_t)r.x[2];
	if (total > sizeof(desc) || got > sizeof(rx) || got > total) {
		release_rx();
		return FFA_NO_MEMORY;
	}
	memcpy(desc, rx, got);
	release_rx();
	while (got < total) {
		ret = call(&r, FFA_MEM_FRAG_RX, (uint32_t)handle, handle >> 32, got, 0);
		if (ret)
			return ret;
		len = (uint32_t)r.x[3];
		if ((uint32_t)r.x[0] != FFA_MEM_FRAG_TX || !len || len > sizeof(rx) ||
		    len > total - got) {
			release_rx();
			return FFA_INVALID;
		}
		memcpy(desc + got, rx, len);
		release_rx();
		got += len;
	}
	return (int)total;
}

static int give_back(uint64_t handle)
{
	struct ffa_mem_relinquish *q = (struct ffa_mem_relinquish *)tx;
	struct ffa_regs r;

	memset(q, 0, sizeof(*q));
	q->handle = handle;
	q->count = 1;
	q->endpoint = self;
	return call(&r, FFA_MEM_RELINQUISH, 0, 0, 0, 0);
}

/* Map what @desc describes; @len bytes of it are there. */
static int map(uint32_t len, uint32_t pages, unsigned int slot)
{
	const struct ffa_mem *m = (const struct ffa_mem *)desc;
	const struct ffa_mem_access *a;
	const struct ffa_mem_composite *c;
	const struct ffa_mem_range *range;
	uint32_t i, done = 0;
	int ret = 0;

	if (len < sizeof(*m) || m->access_offset > len - sizeof(*a) || m->access_offset % 16)
		return FFA_INVALID;
	a = (const struct ffa_mem_access *)(desc + m->access_offset);
	if (a->composite_offset > len - sizeof(*c) || a->composite_offset % 8)
		return FFA_INVALID;
	c = (const struct ffa_mem_composite *)(desc + a->composite_offset);
	if (c->count > (len - a->composite_offset - sizeof(*c)) / sizeof(*range) ||
	    c->pages != pages)
		return FFA_INVALID;
	range = (const struct ffa_mem_range *)(c + 1);
	for (i = 0; i < c->count && !ret; i++) {
		if (range[i].pages > pages - done)
			ret = FFA_INVALID;
		else
			ret = mmu_map(area_va(slot) + (uint64_t)done * FFA_PAGE,
				      range[i].address, range[i].pages);
		if (!ret)
			done += range[i].pages;
	}
	if (!ret && done == pages)
		return 0;
	mmu_unmap(area_va(slot), done);
	return ret ? ret : FFA_INVALID;
}

static void remember(uint16_t sender, uint64_t handle, uint64_t tag, bool retrieved)
{
	unsigned int i;

	for (i = 0; i < HISTORY; i++)
		if (history[i].known && history[i].handle == handle)
			break;
	if (i == HISTORY)
		i = history_next++ % HISTORY;
	history[i].known = true;
	history[i].sender = sender;
	history[i].handle = handle;
	history[i].tag = tag;
	history[i].retrieved = retrieved;
}

static int el1_retrieve(uint16_t sender, uint64_t handle, uint64_t tag, uint32_t pages,
			unsigned int slot)
{
	int ret = ask(sender, handle, tag);

	if (ret < 0)
		return ret;
	ret = map((uint32_t)ret, pages, slot);
	if (ret)
		give_back(handle);
	remember(sender, handle, tag, !ret);
	return ret;
}

static int el1_relinquish(uint64_t handle, uint32_t pages, unsigned int slot)
{
	unsigned int i;

	mmu_unmap(area_va(slot), pages);
	for (i = 0; i < HISTORY; i++)
		if (history[i].known && history[i].handle == handle)
			history[i].retrieved = false;
	return give_back(handle);
}

static int el1_notify(uint64_t bits)
{
	(void)bits;
	return FFA_NOT_SUPPORTED;
}

static void el1_alarm(unsigned int ms)
{
	(void)ms;
}

/* The manager's table cannot be read, but it gives only what it knows. */
static unsigned int el1_show_shares(void)
{
	unsigned int i, n = 0;

	for (i = 0; i < HISTORY; i++) {
		if (!history[i].known)
			continue;
		if (!history[i].retrieved) {
			if (ask(history[i].sender, history[i].handle, history[i].tag) < 0)
				continue;
			give_back(history[i].handle);
		}
		put_string("> share ");
		put_hex(history[i].handle);
		put_string(history[i].retrieved ? " retrieved\n" : " shared\n");
		n++;
	}
	return n;
}

static void el1_show_calls(void)
{
	/* Each message is one, and the manager counts no others. */
}

const struct home home = {
	.name = "a1",
	.ffa_version = FFA_VERSION_1_1,
	.retrieve = el1_retrieve,
	.relinquish = el1_relinquish,
	.notify = el1_notify,
	.alarm = el1_alarm,
	.show_shares = el1_show_shares,
	.show_calls = el1_show_calls,
};

static void introduce(void)
{
	struct ffa_regs r;

	/* Exactly what the manifest says, or Trusted Firmware-A gives up. */
	call(&r, FFA_VERSION, FFA_VERSION_1_1, 0, 0, 0);
	say("S-EL1, the partition manager's version is", r.x[0]);
	if (call(&r, FFA_ID_GET, 0, 0, 0, 0))
		say("no id", r.x[2]);
	self = (uint16_t)r.x[2];
	if (call(&r, FFA_RXTX_MAP64, (uint64_t)tx, (uint64_t)rx, 1, 0))
		say("no message buffers", r.x[2]);
	if (call(&r, FFA_SECONDARY_EP_REGISTER, (uint64_t)_start, 0, 0, 0))
		say("other processors are not told", r.x[2]);
}

static void wait_for_work(struct ffa_regs *r)
{
	memset(r, 0, sizeof(*r));
	r->x[0] = FFA_MSG_WAIT;
}

/* A request, of which the registers become the answer. */
static void direct(struct ffa_regs *r)
{
	uint32_t ids = (uint32_t)r->x[1];

	r->x[1] = ids << 16 | ids >> 16;
	if ((uint32_t)r->x[2] & FFA_FRAMEWORK_MSG) {
		/* A processor goes or comes: nothing to do. */
		r->x[0] = FFA_DIRECT_RESP32;
		r->x[2] = FFA_FRAMEWORK_MSG | FFA_FM_PM_RESP;
		r->x[3] = 0;
		return;
	}
	r->x[0] = (uint32_t)r->x[0] == FFA_DIRECT_REQ32 ? FFA_DIRECT_RESP32 :
		FFA_DIRECT_RESP64;
	r->x[2] = 0;
	if (!lock_try(&inside)) {
		memset(&r->x[3], 0, 5 * sizeof(r->x[3]));
		return;
	}
	body_message((uint16_t)(ids >> 16), (uint8_t *)&r->x[3], 5 * sizeof(r->x[3]));
	lock_drop(&inside);
}

static void interrupted(void)
{
	unsigned int irq;

	while ((irq = gic_take()) != GIC_NONE) {
		lock_take(&inside);
		if (irq == UART_IRQ)
			control_input();
		lock_drop(&inside);
		gic_done(irq);
	}
}

void main(unsigned int cpu, bool first)
{
	struct ffa_regs r;

	(void)cpu;
	if (first)
		mmu_tables();
	mmu_on();
	gic_enable_cpu();
	if (first) {
		uart_init();
		introduce();
		body_init();
		gic_route_uart();
	}
	wait_for_work(&r);
	for (;;) {
		ffa_smc(&r);
		switch ((uint32_t)r.x[0]) {
		case FFA_DIRECT_REQ32:
		case FFA_DIRECT_REQ64:
			direct(&r);
			break;
		case FFA_INTERRUPT:
			interrupted();
			wait_for_work(&r);
			break;
		default:
			wait_for_work(&r);
			break;
		}
	}
}
