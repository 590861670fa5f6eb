// SPDX-License-Identifier: GPL-2.0-only
/*
 * The partition manager: notifications
 *
 * Of the client there is one bitmap, of global notifications; those of single
 * virtual CPUs are refused.  The schedule receiver interrupt tells it to look.
 */
#include "spmc.h"

#define PER_VCPU	1U
#define FROM_PARTITIONS	1U
#define FROM_MANAGER	4U
#define RX_BUFFER_FULL	1U

static struct {
	bool created;
	bool told;	/* INFO_GET has named the pending ones */
	uint64_t bound;
	uint64_t pending;
	bool message;	/* of the framework: the receive buffer is full */
} bitmap;

static uint64_t bits_of(const struct ffa_regs *r)
{
	return (uint32_t)r->x[3] | r->x[4] << 32;
}

void notify_create(struct ffa_regs *r)
{
	if (bitmap.created) {
		spmc_error(r, FFA_DENIED);
		return;
	}
	memset(&bitmap, 0, sizeof(bitmap));
	bitmap.created = true;
	spmc_success(r, 0, 0);
}

void notify_destroy(struct ffa_regs *r)
{
	if (!bitmap.created || bitmap.pending) {
		spmc_error(r, bitmap.created ? FFA_DENIED : FFA_INVALID);
		return;
	}
	bitmap.created = false;
	spmc_success(r, 0, 0);
}

/* Partition above, client below; flags; bits */
static void bind_or_not(struct ffa_regs *r, bool bind)
{
	uint64_t bits = bits_of(r);

	if (!bitmap.created || (uint32_t)r->x[1] != (uint32_t)PARTITION_ID << 16 || !bits ||
	    r->x[2] & PER_VCPU) {
		spmc_error(r, FFA_INVALID);
		return;
	}
	/* None may be bound twice, and none that is pending let go. */
	if ((bind ? bitmap.bound : bitmap.pending) & bits) {
		spmc_error(r, FFA_DENIED);
		return;
	}
	if (bind)
		bitmap.bound |= bits;
	else
		bitmap.bound &= ~bits;
	spmc_success(r, 0, 0);
}

void notify_bind(struct ffa_regs *r)
{
	bind_or_not(r, true);
}

void notify_unbind(struct ffa_regs *r)
{
	bind_or_not(r, false);
}

/* By the client, for the partition, which has one notification bound. */
void notify_set(struct ffa_regs *r)
{
	if ((uint32_t)r->x[1] != PARTITION_ID || r->x[2] & PER_VCPU) {
		spmc_error(r, FFA_INVALID);
		return;
	}
	if (bits_of(r) != 1ULL << KICK_NOTIFICATION) {
		spmc_error(r, FFA_DENIED);
		return;
	}
	body_doorbell();
	spmc_success(r, 0, 0);
}

/* Virtual CPU above, client below; which */
void notify_get(struct ffa_regs *r)
{
	uint64_t bits;
	bool message;

	if (!bitmap.created) {
		spmc_error(r, FFA_INVALID);
		return;
	}
	bits = r->x[2] & FROM_PARTITIONS ? bitmap.pending : 0;
	bitmap.pending &= ~bits;
	message = bitmap.message && r->x[2] & FROM_MANAGER;
	if (message)
		bitmap.message = false;
	spmc_success(r, (uint32_t)bits, bits >> 32);
	r->x[6] = message ? RX_BUFFER_FULL : 0;
}

void notify_info_get(struct ffa_regs *r)
{
	bool wide = (uint32_t)r->x[0] == FFA_NOTIF_INFO_GET64;

	if ((!bitmap.pending && !bitmap.message) || bitmap.told) {
		spmc_error(r, FFA_NO_DATA);
		return;
	}
	bitmap.told = true;
	/* One list, of one endpoint: the client, 0. */
	spmc_success(r, 1U << 7, 0);
	if (wide)
		r->x[0] = FFA_SUCCESS64;
}

/* By the partition, for the client. */
int notify_client(uint64_t bits)
{
	int ret = FFA_DENIED;

	lock_take(&spmc_lock);
	if (bitmap.created && !(bits & ~bitmap.bound)) {
		bitmap.pending |= bits;
		bitmap.told = false;
		gic_raise_sri(this_cpu());
		ret = 0;
	}
	lock_drop(&spmc_lock);
	return ret;
}

void notify_message(void)
{
	if (!bitmap.created)
		return;
	bitmap.message = true;
	bitmap.told = false;
	gic_raise_sri(this_cpu());
}
