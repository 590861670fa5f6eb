// SPDX-License-Identifier: GPL-2.0-only
/*
 * The partition manager: every call that comes from the other world
 *
 * It knows one client, Linux, and one partition, which is part of it.  A call is
 * its registers, which become the answer.
 */
#include "spmc.h"

struct client client;
struct lock spmc_lock;

/* Of the partition, which is on one processor at a time */
static struct lock partition;

/* c66028b5-2498-4aa1-9de7-77da6122abf0, byte by byte */
const uint32_t spmc_uuid[4] = { 0xb52860c6, 0xa14a9824, 0xda77e79d, 0xf0ab2261 };

#define PROPERTIES	(FFA_PROP_DIRECT_RECV | FFA_PROP_INDIRECT | \
			 FFA_PROP_NOTIF_RECV | FFA_PROP_AARCH64 | FFA_PROP_DIRECT2_RECV)
#define CONTEXTS	1U

struct info {
	uint16_t id;
	uint16_t contexts;
	uint32_t properties;
	uint32_t uuid[4];
};

static const struct info info = {
	.id = PARTITION_ID,
	.contexts = CONTEXTS,
	.properties = PROPERTIES,
	.uuid = { 0xb52860c6, 0xa14a9824, 0xda77e79d, 0xf0ab2261 },
};

void spmc_error(struct ffa_regs *r, int error)
{
	memset(r, 0, sizeof(*r));
	r->x[0] = FFA_ERROR;
	r->x[2] = (uint32_t)error;
}

void spmc_success(struct ffa_regs *r, uint64_t x2, uint64_t x3)
{
	memset(r, 0, sizeof(*r));
	r->x[0] = FFA_SUCCESS;
	r->x[2] = x2;
	r->x[3] = x3;
}

/* Return: our version, or that there is none which both know. */
uint32_t spmc_version(uint32_t wanted)
{
	if (wanted >> 31 || wanted >> 16 != FFA_VERSION_1_2 >> 16)
		return (uint32_t)FFA_NOT_SUPPORTED;
	client.version = wanted < FFA_VERSION_1_2 ? wanted : FFA_VERSION_1_2;
	return FFA_VERSION_1_2;
}

static void version(struct ffa_regs *r)
{
	uint32_t v = spmc_version((uint32_t)r->x[1]);

	memset(r, 0, sizeof(*r));
	r->x[0] = v;
}

static void rxtx_map(struct ffa_regs *r)
{
	uint64_t tx = r->x[1], rx = r->x[2];
	uint32_t pages = (uint32_t)r->x[3];

	if (client.rxtx_pages) {
		spmc_error(r, FFA_DENIED);
		return;
	}
	if (!pages || pages > RXTX_PAGES || mmu_map((uint64_t)client_tx(), tx, pages)) {
		spmc_error(r, FFA_INVALID);
		return;
	}
	if (mmu_map((uint64_t)client_rx(), rx, pages)) {
		mmu_unmap((uint64_t)client_tx(), pages);
		spmc_error(r, FFA_INVALID);
		return;
	}
	client.rxtx_pages = pages;
	client.rx_full = false;
	spmc_success(r, 0, 0);
}

static void rxtx_unmap(struct ffa_regs *r)
{
	if (!client.rxtx_pages) {
		spmc_error(r, FFA_INVALID);
		return;
	}
	mmu_unmap((uint64_t)client_tx(), client.rxtx_pages);
	mmu_unmap((uint64_t)client_rx(), client.rxtx_pages);
	client.rxtx_pages = 0;
	spmc_success(r, 0, 0);
}

/* Is the partition among those that are asked for? */
static bool asked_for(uint32_t a, uint32_t b, uint32_t c, uint32_t d)
{
	return !(a | b | c | d) ||
		(a == spmc_uuid[0] && b == spmc_uuid[1] && c == spmc_uuid[2] &&
		 d == spmc_uuid[3]);
}

static void partition_info(struct ffa_regs *r)
{
	if (!asked_for((uint32_t)r->x[1], (uint32_t)r->x[2], (uint32_t)r->x[3],
		       (uint32_t)r->x[4])) {
		spmc_error(r, FFA_INVALID);
		return;
	}
	if (r->x[5] & 1) {
		/* Only how many */
		spmc_success(r, 1, 0);
		return;
	}
	if (!client.rxtx_pages || client.rx_full) {
		spmc_error(r, FFA_BUSY);
		return;
	}
	memcpy(client_rx(), &info, sizeof(info));
	client.rx_full = true;
	spmc_success(r, 1, sizeof(info));
}

static void partition_info_regs(struct ffa_regs *r)
{
	if (!asked_for((uint32_t)r->x[1], r->x[1] >> 32, (uint32_t)r->x[2], r->x[2] >> 32) ||
	    r->x[3] & 0xffff) {
		spmc_error(r, FFA_INVALID);
		return;
	}
	memset(r, 0, sizeof(*r));
	r->x[0] = FFA_SUCCESS64;
	/* One entry, number 0, of this size */
	r->x[2] = (uint64_t)sizeof(info) << 48;
	memcpy(&r->x[3], &info, sizeof(info));
}

static void id(struct ffa_regs *r)
{
	/* Linux is endpoint 0. */
	spmc_success(r, 0, 0);
}

static void manager_id(struct ffa_regs *r)
{
	spmc_success(r, SPMC_ID, 0);
}

static void run(struct ffa_regs *r)
{
	/* The partition never waits in the middle of something. */
	memset(r, 0, sizeof(*r));
	r->x[0] = FFA_MSG_WAIT;
}

/* One request runs at a time; FF-A has an answer for the others. */
static void direct(struct ffa_regs *r)
{
	uint32_t fn = (uint32_t)r->x[0], ids = (uint32_t)r->x[1];
	unsigned int first = fn == FFA_DIRECT_REQ2 ? 4 : 3;
	unsigned int n = fn == FFA_DIRECT_REQ2 ? 14 : 5;

	if (ids != PARTITION_ID || (first == 3 && r->x[2])) {
		spmc_error(r, FFA_INVALID);
		return;
	}
	if (!lock_try(&partition)) {
		spmc_error(r, FFA_BUSY);
		return;
	}
	body_message(0, (uint8_t *)&r->x[first], n * sizeof(r->x[0]));
	lock_drop(&partition);
	r->x[0] = fn == FFA_DIRECT_REQ2 ? FFA_DIRECT_RESP2 :
		fn == FFA_DIRECT_REQ64 ? FFA_DIRECT_RESP64 : FFA_DIRECT_RESP32;
	r->x[1] = (uint32_t)PARTITION_ID << 16;
	r->x[2] = 0;
	if (fn == FFA_DIRECT_REQ2)
		r->x[3] = 0;
	else
		memset(&r->x[8], 0, 10 * sizeof(r->x[0]));
}

static void features(struct ffa_regs *r);

/* What there is.  All but messages are handled with the lock held. */
static const struct {
	uint32_t function;
	void (*handle)(struct ffa_regs *r);
} functions[] = {
	{ FFA_VERSION, version },
	{ FFA_FEATURES, features },
	{ FFA_ID_GET, id },
	{ FFA_SPM_ID_GET, manager_id },
	{ FFA_RXTX_MAP64, rxtx_map },
	{ FFA_RXTX_UNMAP, rxtx_unmap },
	{ FFA_RX_RELEASE, msg_release },
	{ FFA_PARTITION_INFO_GET, partition_info },
	{ FFA_PARTITION_INFO_GET_REGS, partition_info_regs },
	{ FFA_RUN, run },
	{ FFA_DIRECT_REQ32, direct },
	{ FFA_DIRECT_REQ64, direct },
	{ FFA_DIRECT_REQ2, direct },
	{ FFA_MSG_SEND2, msg_send },
	{ FFA_MEM_SHARE32, mem_share },
	{ FFA_MEM_SHARE64, mem_share },
	{ FFA_MEM_FRAG_TX, mem_fragment },
	{ FFA_MEM_RECLAIM, mem_reclaim },
	{ FFA_NOTIF_BITMAP_CREATE, notify_create },
	{ FFA_NOTIF_BITMAP_DESTROY, notify_destroy },
	{ FFA_NOTIF_BIND, notify_bind },
	{ FFA_NOTIF_UNBIND, notify_unbind },
	{ FFA_NOTIF_SET, notify_set },
	{ FFA_NOTIF_GET, notify_get },
	{ FFA_NOTIF_INFO_GET32, notify_info_get },
	{ FFA_NOTIF_INFO_GET64, notify_info_get },
};

#define NFUNCTIONS	(sizeof(functions) / sizeof(functions[0]))

static uint64_t calls[NFUNCTIONS];

/* Return: its place in the table, or NFUNCTIONS */
static unsigned int find(uint32_t function)
{
	unsigned int i;

	for (i = 0; i < NFUNCTIONS && functions[i].function != function; i++)
		;
	return i;
}

static void features(struct ffa_regs *r)
{
	uint32_t what = (uint32_t)r->x[1];

	if (what == FFA_FEATURE_SRI)
		spmc_success(r, SRI_IRQ, 0);
	else if (what == FFA_RXTX_MAP64)
		spmc_success(r, RXTX_PAGES << 16, 0);
	else if (find(what) < NFUNCTIONS)
		spmc_success(r, 0, 0);
	else
		spmc_error(r, FFA_NOT_SUPPORTED);
}

void spmc_call(struct ffa_regs *r)
{
	unsigned int i = find((uint32_t)r->x[0]);
	bool message;

	if (i == NFUNCTIONS) {
		spmc_error(r, FFA_NOT_SUPPORTED);
		return;
	}
	__atomic_fetch_add(&calls[i], 1, __ATOMIC_RELAXED);
	message = functions[i].handle == direct || functions[i].handle == msg_send;
	if (!message)
		lock_take(&spmc_lock);
	functions[i].handle(r);
	if (!message)
		lock_drop(&spmc_lock);
}

/* An indirect message for the partition.  Return: 0, or FFA_BUSY */
int spmc_deliver(const uint8_t *frame, uint32_t len)
{
	int ret;

	if (!lock_try(&partition))
		return FFA_BUSY;
	ret = body_indirect(0, frame, len);
	lock_drop(&partition);
	return ret;
}

/* An interrupt for the partition */
void spmc_enter(void (*work)(void))
{
	lock_take(&partition);
	work();
	lock_drop(&partition);
}

void spmc_show_calls(void)
{
	unsigned int i;

	for (i = 0; i < NFUNCTIONS; i++) {
		if (!calls[i])
			continue;
		put_string("> call-");
		put_hex(functions[i].function);
		put_string(" ");
		put_dec(calls[i]);
		put_string("\n");
	}
}
