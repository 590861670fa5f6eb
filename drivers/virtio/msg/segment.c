// SPDX-License-Identifier: GPL-2.0-only
/*
 * The shared-memory segment, driver side: layout, bring-up, rings, words
 *
 * The formats and the steps are defined by
 * Documentation/driver-api/virtio/virtio-msg/segment.rst; each function names
 * the section that it carries out.
 *
 * The peer may write any byte of the segment at any time, its own fields and
 * ours.  So every load goes through the accessors of shm.h, each value is
 * loaded once, checked and then used, and what we wrote is never read back:
 * the layout, the indices and the words have private copies in struct vmsg_seg.
 * No loop here depends on what the peer writes.
 *
 * Nothing here sleeps, allocates, locks or calls out.  The locks that segment.h
 * asks for are the caller's.
 *
 * Barriers: the peer may be another guest, a host process or a processor that
 * does not snoop, and the memory may lie behind a BAR.  Hence dma_wmb() and
 * dma_rmb() order accesses of one kind, dma_mb() orders loads before a store,
 * and mb() is the full barrier.  The doorbell that the caller rings after a
 * store is ordered behind it by the doorbell's own accessor.
 */
#include <linux/bitops.h>
#include <linux/compiler.h>
#include <linux/errno.h>
#include <linux/export.h>
#include <linux/kernel.h>
#include <linux/log2.h>
#include <linux/stddef.h>
#include <linux/string.h>
#include <linux/types.h>
#include <asm/barrier.h>
#include <kunit/visibility.h>

#include "segment.h"

/* "Page aligned" on the wire, whatever the pages of either side. */
#define VMSG_SEG_PAGE		4096

#define VMSG_SEG_MIN_ELEM	64
#define VMSG_SEG_MAX_VQ_BITS	16

/* Word 0, bit 0: the message ring. */
#define VMSG_SEG_RING_BIT	BIT_ULL(0)

#define HDR(field)	offsetof(struct virtio_msg_seg_hdr, field)
#define EXT(field)	(VIRTIO_MSG_EXT_OFFSET + \
			 offsetof(struct virtio_msg_seg_ext, field))
#define QHEAD(field)	offsetof(struct virtio_msg_qhead, field)

/*
 * Typed accesses at a byte offset that was checked before.  The segment itself
 * is page aligned and all fields are aligned to their size.
 */
static u8 vmsg_seg_ld8(const __vshm u8 *base, u64 off)
{
	return vmsg_shm_load8(base + off);
}

static u16 vmsg_seg_ld16(const __vshm u8 *base, u64 off)
{
	return vmsg_shm_load16((const void __vshm *)(base + off));
}

static u32 vmsg_seg_ld32(const __vshm u8 *base, u64 off)
{
	return vmsg_shm_load32((const void __vshm *)(base + off));
}

static u64 vmsg_seg_ld64(const __vshm u8 *base, u64 off)
{
	return vmsg_shm_load64((const void __vshm *)(base + off));
}

static void vmsg_seg_st16(struct vmsg_seg *seg, u64 off, u16 v)
{
	vmsg_shm_store16((void __vshm *)(seg->base + off), v);
}

static void vmsg_seg_st32(struct vmsg_seg *seg, u64 off, u32 v)
{
	vmsg_shm_store32((void __vshm *)(seg->base + off), v);
}

static void vmsg_seg_st64(struct vmsg_seg *seg, u64 off, u64 v)
{
	vmsg_shm_store64((void __vshm *)(seg->base + off), v);
}

/* Words of a notification area: tx[N], then rx[N]. */
static u64 vmsg_seg_dev_tx(const struct vmsg_seg *seg, unsigned int w)
{
	return vmsg_seg_ld64(seg->base, seg->geom.dev_notif + 8 * w);
}

static u64 vmsg_seg_dev_rx(const struct vmsg_seg *seg, unsigned int w)
{
	return vmsg_seg_ld64(seg->base, seg->geom.dev_notif +
			     8 * (seg->geom.num_notif + w));
}

static void vmsg_seg_put_tx(struct vmsg_seg *seg, unsigned int w)
{
	vmsg_seg_st64(seg, seg->geom.drv_notif + 8 * w, seg->tx[w]);
}

static void vmsg_seg_put_rx(struct vmsg_seg *seg, unsigned int w)
{
	vmsg_seg_st64(seg, seg->geom.drv_notif +
		      8 * (seg->geom.num_notif + w), seg->rx[w]);
}

/* A range of bytes that nothing else may touch. */
struct vmsg_seg_area {
	u64 off;
	u64 len;
	u32 align;
	const char *why;
};

/* True if every area is aligned, inside @size, and clear of all others. */
static bool vmsg_seg_areas_ok(const struct vmsg_seg_area *a, unsigned int n,
			      u64 size, const char **why)
{
	unsigned int i, j;

	for (i = 0; i < n; i++) {
		if (!a[i].len)
			continue;
		*why = a[i].why;
		if (a[i].off & (a[i].align - 1))
			return false;
		/* Written so that no sum can wrap. */
		if (a[i].len > size || a[i].off > size - a[i].len)
			return false;
		/* Those before @i passed the test above: their sums are fine. */
		for (j = 0; j < i; j++)
			if (a[j].len && a[i].off < a[j].off + a[j].len &&
			    a[j].off < a[i].off + a[i].len)
				return false;
	}
	return true;
}

/**
 * vmsg_seg_layout() - read the header of a segment and check all of it
 * @base: first byte of the segment
 * @size: bytes mapped at @base
 * @geom: receives the private copy of the layout; not written on failure
 * @why: receives a short reason on failure, a string constant
 *
 * Each field is loaded once.  A zero-length area (no notification words, no
 * window) is not placed, and its offset not looked at.  See segment.rst,
 * "Layout".
 *
 * Context: Any.
 * Return: 0, -ENODEV if there is no magic, or -EINVAL if the layout is
 * unusable.
 */
int vmsg_seg_layout(const __vshm u8 *base, u64 size,
		    struct vmsg_seg_geom *geom, const char **why)
{
	struct vmsg_seg_area a[8];
	struct vmsg_seg_geom g = {};
	u64 notif_len, elems_len;
	u16 features;

	*why = "smaller than a segment header";
	if (size < VIRTIO_MSG_SEG_LENGTH)
		return -EINVAL;

	*why = "no magic";
	if (vmsg_seg_ld16(base, HDR(magic)) != VIRTIO_MSG_SEG_MAGIC)
		return -ENODEV;
	/* Pairs with the release of the magic, which is formatted last. */
	dma_rmb();

	*why = "header length is not 64";
	if (vmsg_seg_ld16(base, HDR(length)) != VIRTIO_MSG_SEG_LENGTH)
		return -EINVAL;
	*why = "unknown layout version";
	if (vmsg_seg_ld16(base, HDR(version)) != VIRTIO_MSG_SEG_VERSION)
		return -EINVAL;
	features = vmsg_seg_ld16(base, HDR(features));

	*why = "more than 64 notification words";
	g.num_notif = vmsg_seg_ld8(base, HDR(num_notif));
	if (g.num_notif > VIRTIO_MSG_SEG_MAX_NOTIF)
		return -EINVAL;
	*why = "vq_notif_per_dev is none of 1, 2, 4, 8, 16";
	g.vq_per_dev = vmsg_seg_ld8(base, HDR(vq_notif_per_dev));
	if (!is_power_of_2(g.vq_per_dev) ||
	    g.vq_per_dev > VMSG_SEG_MAX_VQ_BITS)
		return -EINVAL;
	*why = "message ring of less than 2 elements";
	g.num_elems = vmsg_seg_ld16(base, HDR(num_elems));
	if (g.num_elems < 2)
		return -EINVAL;
	*why = "elements of less than 64 bytes or not a multiple of 8";
	g.elem_size = vmsg_seg_ld16(base, HDR(elem_size));
	if (g.elem_size < VMSG_SEG_MIN_ELEM || g.elem_size % 8)
		return -EINVAL;

	g.dev_notif = vmsg_seg_ld64(base, HDR(dev_notif));
	g.dev_head = vmsg_seg_ld64(base, HDR(dev_head));
	g.dev_elems = vmsg_seg_ld64(base, HDR(dev_elems));
	g.drv_notif = vmsg_seg_ld64(base, HDR(drv_notif));
	g.drv_head = vmsg_seg_ld64(base, HDR(drv_head));
	g.drv_elems = vmsg_seg_ld64(base, HDR(drv_elems));

	if (size >= VIRTIO_MSG_EXT_OFFSET + VIRTIO_MSG_EXT_LENGTH &&
	    vmsg_seg_ld32(base, EXT(magic)) == VIRTIO_MSG_EXT_MAGIC) {
		*why = "extension of unknown length or version";
		if (vmsg_seg_ld16(base, EXT(length)) != VIRTIO_MSG_EXT_LENGTH ||
		    vmsg_seg_ld16(base, EXT(version)) != VIRTIO_MSG_EXT_VERSION)
			return -EINVAL;
		g.ext = true;
		g.wire_offered = vmsg_seg_ld32(base, EXT(wire_offered));
		g.window_offset = vmsg_seg_ld64(base, EXT(window_offset));
		g.window_length = vmsg_seg_ld64(base, EXT(window_length));
		if (!g.window_length)
			g.window_offset = 0;
		*why = "window length is not a multiple of the page";
		if (g.window_length % VMSG_SEG_PAGE)
			return -EINVAL;
	}

	/* tx and rx words, and the masks that we ignore. */
	notif_len = 8 * g.num_notif * (features & VIRTIO_MSG_SEG_F_MASKS ?
				       3 : 2);
	/* Less than 2^32. */
	elems_len = (u64)g.num_elems * g.elem_size;

	a[0] = (struct vmsg_seg_area){
		0, VIRTIO_MSG_SEG_LENGTH + (g.ext ? VIRTIO_MSG_EXT_LENGTH : 0),
		8, "header does not fit"
	};
	a[1] = (struct vmsg_seg_area){
		g.dev_notif, notif_len, 8, "bad device notification area"
	};
	a[2] = (struct vmsg_seg_area){
		g.dev_head, sizeof(struct virtio_msg_qhead), 8,
		"bad device queue head"
	};
	a[3] = (struct vmsg_seg_area){
		g.dev_elems, elems_len, 8, "bad device elements"
	};
	a[4] = (struct vmsg_seg_area){
		g.drv_notif, notif_len, 8, "bad driver notification area"
	};
	a[5] = (struct vmsg_seg_area){
		g.drv_head, sizeof(struct virtio_msg_qhead), 8,
		"bad driver queue head"
	};
	a[6] = (struct vmsg_seg_area){
		g.drv_elems, elems_len, 8, "bad driver elements"
	};
	a[7] = (struct vmsg_seg_area){
		g.window_offset, g.window_length, VMSG_SEG_PAGE,
		"bad data window"
	};
	if (!vmsg_seg_areas_ok(a, ARRAY_SIZE(a), size, why))
		return -EINVAL;

	*why = NULL;
	*geom = g;
	return 0;
}
EXPORT_SYMBOL_IF_KUNIT(vmsg_seg_layout);

/**
 * vmsg_seg_init() - prepare the private state of a segment
 * @seg: the segment
 * @base: its first byte, page aligned
 * @size: bytes mapped at @base
 * @own_peer: own peer id for doorbells, or VIRTIO_MSG_PEER_NONE
 * @wire_wanted: bitmap of wire revisions that the caller accepts
 *
 * The memory is not touched; vmsg_seg_restart() comes next.
 *
 * Context: Any.
 */
void vmsg_seg_init(struct vmsg_seg *seg, __vshm u8 *base, u64 size,
		   u16 own_peer, u32 wire_wanted)
{
	memset(seg, 0, sizeof(*seg));
	seg->base = base;
	seg->size = size;
	seg->status = VIRTIO_MSG_ST_INIT;
	seg->own_peer = own_peer;
	seg->peer = VIRTIO_MSG_PEER_NONE;
	seg->wire_wanted = wire_wanted;
}
EXPORT_SYMBOL_IF_KUNIT(vmsg_seg_init);

/* Change the own status; everything stored before it is visible first. */
static void vmsg_seg_set_status(struct vmsg_seg *seg, u16 status)
{
	seg->status = status;
	if (status != VIRTIO_MSG_ST_RUN)
		seg->up = false;
	if (!seg->attached)
		return;
	/* Release: pairs with the peer's acquire after it read the status. */
	dma_wmb();
	vmsg_seg_st16(seg, seg->geom.drv_head + QHEAD(status), status);
}

/* The device side's status, without the flag. */
static u16 vmsg_seg_peer_status(const struct vmsg_seg *seg)
{
	u16 st = vmsg_seg_ld16(seg->base, seg->geom.dev_head + QHEAD(status));

	/*
	 * Acquire: pairs with the peer's release of its status.  What it
	 * vouches for is read behind it.
	 */
	dma_rmb();
	return st & ~VIRTIO_MSG_ST_DEBUGGABLE;
}

/* The device side's instance; always 0 in a bare layout. */
static u32 vmsg_seg_peer_instance(const struct vmsg_seg *seg)
{
	u32 inst;

	if (!seg->geom.ext)
		return 0;
	inst = vmsg_seg_ld32(seg->base, EXT(device_instance));
	/*
	 * Pairs with the peer's barrier between the fields that the instance
	 * vouches for, the instance and the status: an instance is read first.
	 */
	dma_rmb();
	return inst;
}

/*
 * Read the layout and say INIT by it.  Nothing happens while the segment is
 * not formatted yet.
 */
static unsigned int vmsg_seg_attach(struct vmsg_seg *seg)
{
	struct vmsg_seg_geom g;
	int ret;

	ret = vmsg_seg_layout(seg->base, seg->size, &g, &seg->why);
	if (ret)
		return ret == -ENODEV ? 0 : VMSG_SEG_REJECTED;

	seg->geom = g;
	WRITE_ONCE(seg->attached, true);
	WRITE_ONCE(seg->peer, VIRTIO_MSG_PEER_NONE);
	if (g.ext) {
		/*
		 * Ahead of the handshake, so that either side can ring the
		 * other from INIT on.  Both ids are exchanged again in READY.
		 */
		WRITE_ONCE(seg->peer, vmsg_seg_ld16(seg->base, EXT(device_peer)));
		vmsg_seg_st16(seg, EXT(driver_peer), seg->own_peer);
	}
	vmsg_seg_st16(seg, g.drv_head + QHEAD(magic), VIRTIO_MSG_QHEAD_MAGIC);
	vmsg_seg_set_status(seg, VIRTIO_MSG_ST_INIT);
	return VMSG_SEG_RING | VMSG_SEG_PEER_ID;
}

/**
 * vmsg_seg_restart() - say INIT
 * @seg: the segment
 * @new_instance: a random number, from which the next instance is made
 *
 * The first call for a segment, and the call after the caller has cleaned up
 * what a loss or a SHUTDOWN left.  A segment that is not formatted yet is
 * looked at again by each vmsg_seg_step().
 * See segment.rst, "Bring-up and restart", step 1.
 *
 * Model: bringup.pml.
 *
 * Context: Any.  The caller serialises with all other functions on @seg.
 * Return: VMSG_SEG_* bits.
 */
unsigned int vmsg_seg_restart(struct vmsg_seg *seg, u32 new_instance)
{
	seg->instance = new_instance;
	seg->fresh = true;
	WRITE_ONCE(seg->attached, false);
	vmsg_seg_set_status(seg, VIRTIO_MSG_ST_INIT);
	return vmsg_seg_attach(seg);
}
EXPORT_SYMBOL_IF_KUNIT(vmsg_seg_restart);

/*
 * Choose the wire revision into seg->wire: the newest that both sides know.  A
 * bare layout offers nothing: the newest public one stands until the caller
 * knows better, and xid32 only if the caller wants nothing else.
 */
static bool vmsg_seg_choose_wire(struct vmsg_seg *seg,
				 const struct vmsg_seg_geom *g)
{
	u32 both = seg->wire_wanted & (BIT(VIRTIO_MSG_WIRE_COUNT) - 1);
	unsigned int rev = VIRTIO_MSG_WIRE_COUNT;

	if (g->ext)
		both &= g->wire_offered;
	else if (both & ~BIT(VIRTIO_MSG_WIRE_XID32))
		both &= ~BIT(VIRTIO_MSG_WIRE_XID32);

	while (rev--) {
		if (both & BIT(rev)) {
			seg->wire = rev;
			return true;
		}
	}
	return false;
}

/*
 * An instance is never 0, never the one found in the segment, and never the
 * one that the device side saw last.  Three tries pass over all of them.
 */
static void vmsg_seg_take_instance(struct vmsg_seg *seg)
{
	u32 found, seen;
	int i;

	if (!seg->geom.ext || !seg->fresh)
		return;
	found = vmsg_seg_ld32(seg->base, EXT(driver_instance));
	seen = vmsg_seg_ld32(seg->base, EXT(device_seen));
	for (i = 0; i < 3; i++) {
		if (seg->instance && seg->instance != found &&
		    seg->instance != seen)
			break;
		seg->instance++;
	}
	seg->fresh = false;
}

/* Refuse what the peer offers, without a change of status. */
static unsigned int vmsg_seg_reject(struct vmsg_seg *seg, const char *why)
{
	seg->why = why;
	return VMSG_SEG_REJECTED;
}

/*
 * Step 3 of the bring-up, behind its first two reads: @inst is the
 * device_instance, and the status read after it was READY.
 * Model: bringup.pml.
 */
static unsigned int vmsg_seg_ready(struct vmsg_seg *seg, u32 inst)
{
	struct vmsg_seg_geom g;
	unsigned int w;
	u32 flags;

	if (vmsg_seg_layout(seg->base, seg->size, &g, &seg->why))
		return VMSG_SEG_REJECTED;
	if (g.ext != seg->geom.ext || g.dev_head != seg->geom.dev_head ||
	    g.drv_head != seg->geom.drv_head) {
		/* Formatted anew: instance and status were read elsewhere. */
		return vmsg_seg_attach(seg);
	}
	if (vmsg_seg_ld16(seg->base, g.dev_head + QHEAD(magic)) !=
	    VIRTIO_MSG_QHEAD_MAGIC)
		return vmsg_seg_reject(seg, "device queue head has no magic");
	if (g.ext && !inst)
		return vmsg_seg_reject(seg, "device instance is 0");
	if (!vmsg_seg_choose_wire(seg, &g))
		return vmsg_seg_reject(seg, "no common wire revision");
	seg->geom = g;

	seg->tail = 0;
	seg->head = 0;
	seg->polled_full = false;
	seg->scan_word = 0;
	seg->scan_words = 0;
	seg->scan_bits = 0;
	memset(seg->tx, 0, sizeof(seg->tx));
	memset(seg->rx, 0, sizeof(seg->rx));
	vmsg_seg_st16(seg, g.drv_head + QHEAD(tail), 0);
	vmsg_seg_st16(seg, g.drv_head + QHEAD(head), 0);
	for (w = 0; w < g.num_notif; w++) {
		vmsg_seg_put_tx(seg, w);
		vmsg_seg_put_rx(seg, w);
	}

	if (g.ext) {
		WRITE_ONCE(seg->peer, vmsg_seg_ld16(seg->base, EXT(device_peer)));
		seg->device_flags = vmsg_seg_ld32(seg->base,
						  EXT(device_flags));
		/* To resume takes both sides. */
		flags = seg->driver_flags;
		if (!(seg->device_flags & VIRTIO_MSG_DEV_F_CONTINUES))
			flags &= ~VIRTIO_MSG_DRV_F_RESUMES;
		vmsg_seg_take_instance(seg);

		vmsg_seg_st16(seg, EXT(driver_peer), seg->own_peer);
		vmsg_seg_st32(seg, EXT(wire_selected), BIT(seg->wire));
		vmsg_seg_st32(seg, EXT(driver_flags), flags);
		/*
		 * The instance vouches for the fields above.  Pairs with the
		 * peer's barrier after it read the instance, in step 4.
		 */
		dma_wmb();
		vmsg_seg_st32(seg, EXT(driver_instance), seg->instance);
		/*
		 * The peer takes driver_seen for the answer to its instance
		 * only together with the instance above; it reads them the
		 * other way round in step 4, with the barrier that pairs.
		 */
		dma_wmb();
		vmsg_seg_st32(seg, EXT(driver_seen), inst);
	}
	seg->peer_instance = inst;
	seg->why = NULL;
	vmsg_seg_set_status(seg, VIRTIO_MSG_ST_READY);
	return VMSG_SEG_RING | VMSG_SEG_PEER_ID;
}

/* The peer is lost: say so, once. */
static unsigned int vmsg_seg_lost(struct vmsg_seg *seg, const char *why)
{
	seg->why = why;
	vmsg_seg_set_status(seg, VIRTIO_MSG_ST_SHUTDOWN);
	return VMSG_SEG_LOST | VMSG_SEG_RING;
}

/* INIT and PEER_DEAD: wait for the peer's READY.  Step 3. */
static unsigned int vmsg_seg_step_init(struct vmsg_seg *seg)
{
	u32 inst;

	if (!seg->attached)
		return vmsg_seg_attach(seg);
	inst = vmsg_seg_peer_instance(seg);
	if (vmsg_seg_peer_status(seg) != VIRTIO_MSG_ST_READY)
		return 0;
	return vmsg_seg_ready(seg, inst);
}

/* READY: wait for the peer's answer to our instance.  Steps 3 and 5. */
static unsigned int vmsg_seg_step_ready(struct vmsg_seg *seg)
{
	u32 inst = vmsg_seg_peer_instance(seg);
	u16 st = vmsg_seg_peer_status(seg);

	if (inst != seg->peer_instance) {
		/* It restarted: answer the new instance with the same own. */
		if (st == VIRTIO_MSG_ST_READY)
			return vmsg_seg_ready(seg, inst);
		return 0;
	}

	if (seg->geom.ext) {
		if (st != VIRTIO_MSG_ST_RUN ||
		    vmsg_seg_ld32(seg->base, EXT(device_seen)) != seg->instance)
			return 0;
	} else if (st != VIRTIO_MSG_ST_RUN && st != VIRTIO_MSG_ST_READY) {
		return 0;
	}

	vmsg_seg_set_status(seg, VIRTIO_MSG_ST_RUN);
	if (st != VIRTIO_MSG_ST_RUN)
		return VMSG_SEG_RING;
	seg->up = true;
	return VMSG_SEG_RING | VMSG_SEG_UP;
}

/* RUN: is the peer still the one that we shook hands with?  Steps 5 and 6. */
static unsigned int vmsg_seg_step_run(struct vmsg_seg *seg)
{
	u32 inst = vmsg_seg_peer_instance(seg);
	u16 st = vmsg_seg_peer_status(seg);

	if (inst != seg->peer_instance)
		return vmsg_seg_lost(seg, "device side restarted");

	switch (st) {
	case VIRTIO_MSG_ST_RUN:
		if (seg->up)
			return 0;
		seg->up = true;
		return VMSG_SEG_UP;
	case VIRTIO_MSG_ST_READY:
		/* In a bare layout the driver may be in RUN first. */
		if (!seg->geom.ext && !seg->up)
			return 0;
		return vmsg_seg_lost(seg, "device side restarted");
	case VIRTIO_MSG_ST_INIT:
		return vmsg_seg_lost(seg, "device side restarts");
	case VIRTIO_MSG_ST_SHUTDOWN:
		return vmsg_seg_lost(seg, "device side shut down");
	case VIRTIO_MSG_ST_PEER_DEAD:
		return vmsg_seg_lost(seg, "device side gave us up");
	}
	return vmsg_seg_lost(seg, "device side has an unknown status");
}

/**
 * vmsg_seg_step() - look at the peer and take the next step
 * @seg: the segment
 *
 * To be called on each doorbell, often while not up, and once a second while
 * up.  At most one change of the own status is made; whoever gets
 * VMSG_SEG_RING may call again at once.  After VMSG_SEG_LOST nothing happens
 * until vmsg_seg_restart().
 * See segment.rst, "Bring-up and restart", steps 1, 3, 5 and 6.
 *
 * Model: bringup.pml.
 *
 * Context: Any.  The caller serialises with all other functions on @seg.
 * Return: VMSG_SEG_* bits.
 */
unsigned int vmsg_seg_step(struct vmsg_seg *seg)
{
	switch (seg->status) {
	case VIRTIO_MSG_ST_INIT:
	case VIRTIO_MSG_ST_PEER_DEAD:
		return vmsg_seg_step_init(seg);
	case VIRTIO_MSG_ST_READY:
		return vmsg_seg_step_ready(seg);
	case VIRTIO_MSG_ST_RUN:
		return vmsg_seg_step_run(seg);
	}
	return 0;
}
EXPORT_SYMBOL_IF_KUNIT(vmsg_seg_step);

/**
 * vmsg_seg_leave() - say SHUTDOWN or PEER_DEAD
 * @seg: the segment
 * @status: VIRTIO_MSG_ST_SHUTDOWN or VIRTIO_MSG_ST_PEER_DEAD
 *
 * PEER_DEAD is for a peer that does not answer within the caller's policy: it
 * is left by vmsg_seg_step() when the peer is READY again, with a new instance.
 * See segment.rst, "Bring-up and restart", step 6.
 *
 * Context: Any.  The caller serialises with all other functions on @seg.
 * Return: VMSG_SEG_RING if there is anybody to tell, else 0.
 */
unsigned int vmsg_seg_leave(struct vmsg_seg *seg, u16 status)
{
	if (status == VIRTIO_MSG_ST_PEER_DEAD) {
		seg->instance++;
		seg->fresh = true;
	}
	vmsg_seg_set_status(seg, status);
	return seg->attached ? VMSG_SEG_RING : 0;
}
EXPORT_SYMBOL_IF_KUNIT(vmsg_seg_leave);

/* The index that follows @i in a ring. */
static u16 vmsg_seg_next(const struct vmsg_seg *seg, u16 i)
{
	return i + 1 == seg->geom.num_elems ? 0 : i + 1;
}

/*
 * Toggle bit @bit of own word @w, unless the peer has not taken the last toggle
 * yet: then it will look anyway.  The barrier between what the bit announces
 * and the load of the peer's word is the caller's.  Returns true if toggled.
 */
static bool vmsg_seg_toggle(struct vmsg_seg *seg, unsigned int w, u64 bit)
{
	if ((seg->tx[w] ^ vmsg_seg_dev_rx(seg, w)) & bit)
		return false;
	seg->tx[w] ^= bit;
	vmsg_seg_put_tx(seg, w);
	return true;
}

/* Own consumer index as the peer's head says; -EPROTO if out of range. */
static int vmsg_seg_peer_index(const struct vmsg_seg *seg, u64 field)
{
	u16 i = vmsg_seg_ld16(seg->base, seg->geom.dev_head + field);

	return i < seg->geom.num_elems ? i : -EPROTO;
}

/**
 * vmsg_seg_send() - put one frame into the message ring
 * @seg: the segment
 * @frame: the frame
 * @len: its bytes; the rest of the element is zeroed
 *
 * See segment.rst, "Message ring".
 *
 * Model: ring.pml.
 *
 * Context: Any.  The caller holds the lock that serialises senders and the raw
 * spinlock that guards seg->tx, which may be one.
 * Return: VMSG_SEG_RING or 0; -EAGAIN if the ring is full (poll
 * vmsg_seg_tx_space() as well as waiting for the doorbell), -EMSGSIZE if the
 * frame is longer than an element, -EPROTO if the peer's index is out of range,
 * -ENOTCONN if the link is not up.
 */
int vmsg_seg_send(struct vmsg_seg *seg, const void *frame, size_t len)
{
	const struct vmsg_seg_geom *g = &seg->geom;
	u16 next;
	u64 elem;
	int head;

	if (!seg->up)
		return -ENOTCONN;
	if (len > g->elem_size)
		return -EMSGSIZE;

	next = vmsg_seg_next(seg, seg->tail);
	head = vmsg_seg_peer_index(seg, QHEAD(head));
	if (head == next) {
		seg->polled_full = true;
		/*
		 * Our last tail is out before head is read again: pairs with
		 * the consumer's barrier between its head and its second read
		 * of our tail.  One of the two sees the other.
		 */
		mb();
		head = vmsg_seg_peer_index(seg, QHEAD(head));
		if (head == next)
			return -EAGAIN;
	}
	if (head < 0)
		return head;
	seg->polled_full = false;

	/*
	 * No barrier between the load of head and these stores: they depend
	 * on it.
	 */
	elem = g->drv_elems + (u64)seg->tail * g->elem_size;
	vmsg_shm_copy_to(seg->base + elem, frame, len);
	vmsg_shm_fill(seg->base + elem + len, 0, g->elem_size - len);

	/* Release: pairs with the consumer's acquire after it read tail. */
	dma_wmb();
	seg->tail = next;
	vmsg_seg_st16(seg, g->drv_head + QHEAD(tail), next);

	if (!g->num_notif)
		return VMSG_SEG_RING;
	/*
	 * The tail is out before the peer's rx is read: pairs with the
	 * reader's barrier between its rx and its next look at the ring.
	 */
	mb();
	return vmsg_seg_toggle(seg, 0, VMSG_SEG_RING_BIT) ? VMSG_SEG_RING : 0;
}
EXPORT_SYMBOL_IF_KUNIT(vmsg_seg_send);

/**
 * vmsg_seg_tx_space() - has the message ring room again?
 * @seg: the segment
 *
 * See segment.rst, "Message ring".
 *
 * Model: ring.pml.
 *
 * Context: Any.  The caller serialises with vmsg_seg_send().
 * Return: true if a send is worth the try, also where it will report an error.
 */
bool vmsg_seg_tx_space(struct vmsg_seg *seg)
{
	if (!seg->up)
		return true;
	if (vmsg_seg_peer_index(seg, QHEAD(head)) ==
	    vmsg_seg_next(seg, seg->tail))
		return false;
	seg->polled_full = false;
	return true;
}
EXPORT_SYMBOL_IF_KUNIT(vmsg_seg_tx_space);

/* Take back the ring's bit in word 0, if it is pending.  True if it was. */
static bool vmsg_seg_ack_ring(struct vmsg_seg *seg)
{
	if (!seg->geom.num_notif ||
	    !((seg->rx[0] ^ vmsg_seg_dev_tx(seg, 0)) & VMSG_SEG_RING_BIT))
		return false;
	seg->rx[0] ^= VMSG_SEG_RING_BIT;
	vmsg_seg_put_rx(seg, 0);
	return true;
}

/**
 * vmsg_seg_recv() - take one frame out of the message ring
 * @seg: the segment
 * @buf: receives the whole element
 * @cap: bytes of room at @buf
 * @flags: gains VMSG_SEG_RING when the peer may be waiting for space
 *
 * Found empty, the ring's notification bit is taken back before the last look,
 * so a caller that goes on until 0 misses nothing.  A peer can keep the ring
 * filled for ever: give others their turn.  See segment.rst, "Message ring".
 *
 * Model: ring.pml.
 *
 * Context: Any.  The caller serialises receivers, vmsg_seg_scan() among them.
 * Return: bytes copied to @buf, 0 if the ring is empty or the link not up,
 * -EPROTO if the peer's index is out of range, -EMSGSIZE if @cap is less than
 * an element.
 */
int vmsg_seg_recv(struct vmsg_seg *seg, void *buf, size_t cap,
		  unsigned int *flags)
{
	const struct vmsg_seg_geom *g = &seg->geom;
	u16 old = seg->head;
	int tail;

	if (!seg->up)
		return 0;
	if (cap < g->elem_size)
		return -EMSGSIZE;

	tail = vmsg_seg_peer_index(seg, QHEAD(tail));
	if (tail == old && vmsg_seg_ack_ring(seg)) {
		/*
		 * The acknowledgment is out before tail is read again: pairs
		 * with the writer's barrier between its tail and its look at
		 * our rx.
		 */
		mb();
		tail = vmsg_seg_peer_index(seg, QHEAD(tail));
	}
	if (tail < 0)
		return tail;
	if (tail == old)
		return 0;

	/* Acquire: pairs with the producer's release of tail. */
	dma_rmb();
	vmsg_shm_copy_from(buf, seg->base + g->dev_elems +
			   (u64)old * g->elem_size, g->elem_size);

	/*
	 * Release: the element was read before the producer may fill it again.
	 * Pairs with the dependency of its stores on the load of head.
	 */
	dma_mb();
	seg->head = vmsg_seg_next(seg, old);
	vmsg_seg_st16(seg, g->drv_head + QHEAD(head), seg->head);

	/*
	 * Head is out before tail is read again: pairs with the producer's
	 * barrier between finding the ring full and its second look at head.
	 */
	mb();
	tail = vmsg_seg_peer_index(seg, QHEAD(tail));
	if (tail >= 0 && vmsg_seg_next(seg, tail) == old)
		*flags |= VMSG_SEG_RING;
	return g->elem_size;
}
EXPORT_SYMBOL_IF_KUNIT(vmsg_seg_recv);

/* Number of the notification bit of a queue, counted from word 1. */
static u32 vmsg_seg_bit(const struct vmsg_seg *seg, u16 dev, u16 vq)
{
	u8 n = seg->geom.vq_per_dev;

	return (u32)dev * n + min_t(u32, vq, n - 1);
}

/**
 * vmsg_seg_has_word() - has this queue a notification bit?
 * @seg: the segment
 * @dev: device number
 * @vq: queue
 *
 * Holds for both directions.  See segment.rst, "Notification area".
 *
 * Context: Any, when the link is up.
 * Return: true if it has, false if its events go through the message ring.
 */
bool vmsg_seg_has_word(const struct vmsg_seg *seg, u16 dev, u16 vq)
{
	return 1 + vmsg_seg_bit(seg, dev, vq) / 64 < seg->geom.num_notif;
}
EXPORT_SYMBOL_IF_KUNIT(vmsg_seg_has_word);

/**
 * vmsg_seg_kick() - tell the device side that a queue has new buffers
 * @seg: the segment
 * @dev: device number
 * @vq: queue
 *
 * Kicks of one queue coalesce until the device side takes the bit.  Without a
 * link the kick is dropped: the queue is looked at when it returns.
 * See segment.rst, "Notification area".
 *
 * Model: words.pml.
 *
 * Context: Any.  The caller holds the raw spinlock that guards seg->tx.
 * Return: VMSG_SEG_RING or 0, or -EOPNOTSUPP if the queue has no bit.
 */
int vmsg_seg_kick(struct vmsg_seg *seg, u16 dev, u16 vq)
{
	u32 i;
	unsigned int w;

	if (!vmsg_seg_has_word(seg, dev, vq))
		return -EOPNOTSUPP;
	if (!seg->up)
		return 0;
	i = vmsg_seg_bit(seg, dev, vq);
	w = 1 + i / 64;

	/*
	 * The virtqueue is out before the peer's rx is read: pairs with the
	 * reader's barrier between its rx and its scan of the queue.
	 */
	mb();
	if (!vmsg_seg_toggle(seg, w, BIT_ULL(i % 64)))
		return 0;
	/*
	 * Word w is out before word 0 says so, and before the peer's rx of
	 * word 0 is read: pairs with the reader's barrier between its
	 * acknowledgment of word 0 and its look at word w.
	 */
	mb();
	return vmsg_seg_toggle(seg, 0, BIT_ULL(w)) ? VMSG_SEG_RING : 0;
}
EXPORT_SYMBOL_IF_KUNIT(vmsg_seg_kick);

/*
 * Take what the peer has pending in word @w, of the bits in @mask.  After it,
 * and before what the bits announce is looked at, the caller needs mb().
 */
static u64 vmsg_seg_ack(struct vmsg_seg *seg, unsigned int w, u64 mask)
{
	u64 pending = (vmsg_seg_dev_tx(seg, w) ^ seg->rx[w]) & mask;

	if (pending) {
		seg->rx[w] ^= pending;
		vmsg_seg_put_rx(seg, w);
	}
	return pending;
}

/**
 * vmsg_seg_scan() - which queues has the device side used?
 * @seg: the segment
 * @out: receives what was found
 * @max: entries of room at @out
 *
 * What was acknowledged but found no room in @out is reported by the next
 * call, before the peer's words are looked at again: a busy queue cannot starve
 * the others.  The bit of the message ring is left to vmsg_seg_recv().
 * See segment.rst, "Notification area".
 *
 * Model: words.pml.
 *
 * Context: Any.  The caller serialises receivers, vmsg_seg_recv() among them.
 * Return: number of entries.
 */
int vmsg_seg_scan(struct vmsg_seg *seg, struct vmsg_seg_used *out, int max)
{
	const struct vmsg_seg_geom *g = &seg->geom;
	u64 words;
	int n = 0;
	u32 i;

	if (!seg->up || g->num_notif < 2)
		return 0;

	if (!seg->scan_words && !seg->scan_bits) {
		/* Word 0 bits that stand for a word, less bit 0. */
		words = g->num_notif < 64 ? BIT_ULL(g->num_notif) - 1 : ~0ULL;
		words &= ~VMSG_SEG_RING_BIT;
		seg->scan_words = vmsg_seg_ack(seg, 0, words);
		if (!seg->scan_words)
			return 0;
		/*
		 * Word 0 is acknowledged before the words behind it are read:
		 * pairs with the writer's barrier between word w and word 0.
		 */
		mb();
	}

	/* Each turn clears a bit of one of two private words, or returns. */
	while (n < max) {
		if (!seg->scan_bits) {
			if (!seg->scan_words)
				break;
			seg->scan_word = __ffs64(seg->scan_words);
			seg->scan_words &= seg->scan_words - 1;
			seg->scan_bits = vmsg_seg_ack(seg, seg->scan_word,
						      ~0ULL);
			if (!seg->scan_bits)
				continue;
			/*
			 * The word is acknowledged before the caller scans the
			 * queues: pairs with the writer's barrier between the
			 * virtqueue and its look at our rx.
			 */
			mb();
		}
		i = (seg->scan_word - 1) * 64 + __ffs64(seg->scan_bits);
		seg->scan_bits &= seg->scan_bits - 1;
		out[n].dev = i / g->vq_per_dev;
		out[n].vq = i % g->vq_per_dev;
		out[n].all = out[n].vq == g->vq_per_dev - 1;
		n++;
	}
	return n;
}
EXPORT_SYMBOL_IF_KUNIT(vmsg_seg_scan);
