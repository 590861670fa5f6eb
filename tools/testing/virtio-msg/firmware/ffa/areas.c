// SPDX-License-Identifier: GPL-2.0-only
/*
 * Areas: memory of Linux's, by the number that is in wire addresses
 *
 * A slot is a piece of our address space.  The library is told of an area when
 * it is mapped, and forgets it before it is unmapped.
 */
#include "body.h"

#define MAX_ID	0x7fff

static int find(uint16_t id)
{
	unsigned int i;

	for (i = 0; i < AREA_SLOTS; i++)
		if (body.slots[i].used && body.slots[i].id == id)
			return (int)i;
	return -1;
}

static int free_slot(void)
{
	unsigned int i;

	for (i = 0; i < AREA_SLOTS; i++)
		if (!body.slots[i].used)
			return (int)i;
	return -1;
}

/* Return: AREA_OK, or what AREA_SHARE is to be answered with */
uint16_t area_share(uint16_t sender, uint16_t id, uint64_t handle, uint64_t tag,
		    uint32_t pages)
{
	int slot = free_slot();
	struct area *a;
	int ret;

	if (trouble.busy_share) {
		trouble.busy_share--;
		return AREA_BUSY;
	}
	if (trouble.refuse_share) {
		trouble.refuse_share--;
		return AREA_ERROR;
	}
	if (slot < 0 || !id || id > MAX_ID || find(id) >= 0 || !pages ||
	    pages > AREA_SLOT_SIZE / FFA_PAGE)
		return AREA_ERROR;
	ret = home.retrieve(sender, handle, tag, pages, (unsigned int)slot);
	if (ret) {
		say("memory cannot be had, error", (uint64_t)-ret);
		return AREA_ERROR;
	}
	a = &body.slots[slot];
	a->used = true;
	a->id = id;
	a->handle = handle;
	a->pages = pages;
	body.areas[slot] = (struct vmsg_area) {
		.id = id,
		.len = (uint64_t)pages * FFA_PAGE,
		.ptr = (uint8_t *)area_va((unsigned int)slot),
	};
	if (id == VIRTIO_MSG_AREA_SEGMENT)
		ring_start((unsigned int)slot);
	return AREA_OK;
}

/* No device uses it any more. */
static void drop(unsigned int slot)
{
	struct area *a = &body.slots[slot];
	int ret;

	memset(&body.areas[slot], 0, sizeof(body.areas[slot]));
	if (trouble.keep) {
		/* It stays ours, and its slot with it. */
		a->id = 0;
		return;
	}
	ret = home.relinquish(a->handle, a->pages, slot);
	if (ret)
		say("memory cannot be given back, error", (uint64_t)-ret);
	a->used = false;
}

uint16_t area_unshare(uint16_t id)
{
	int slot = find(id);

	if (trouble.refuse_unshare) {
		trouble.refuse_unshare--;
		return AREA_ERROR;
	}
	if (slot < 0 || !id)
		return AREA_ERROR;
	/* Which rings lie there is not worth knowing: all devices let go. */
	bus_down(true);
	drop((unsigned int)slot);
	bus_up();
	return AREA_OK;
}

/* All of them; the bus is down. */
void areas_drop(void)
{
	unsigned int i;

	/* What was kept before is given back as soon as that is allowed. */
	for (i = 0; i < AREA_SLOTS; i++)
		if (body.slots[i].used)
			drop(i);
}
