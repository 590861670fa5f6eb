// SPDX-License-Identifier: GPL-2.0-only
/*
 * virtio-msg over Xen: one link, whichever way it was found
 *
 * A link is a segment whose pages are granted to the peer's domain, and an event
 * channel.  The first page of the segment is the bootstrap page: who was granted
 * it finds there what the others are granted by.  See
 * Documentation/driver-api/virtio/virtio-msg/xen.rst.
 *
 * The pages are granted once, and buffers are copied into them and out again;
 * so nothing but the segment is ever exposed.  With the parameter share_pages,
 * buffers that consist of whole pages are granted where they are instead.
 */

#include <linux/bitmap.h>
#include <linux/device.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/seq_file.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/virtio_msg.h>
#include <asm/barrier.h>
#include <kunit/visibility.h>

#include "xen.h"

/* How long a peer is waited for that is to unmap the segment, milliseconds. */
#define VMSG_XEN_UNMAP_MS	1000

/* The message rings: page 1 and up. */
#define VMSG_XEN_ELEMS		128
#define VMSG_XEN_ELEM_SIZE	512
#define VMSG_XEN_RING_SIZE	(VMSG_XEN_ELEMS * VMSG_XEN_ELEM_SIZE)
#define VMSG_XEN_WINDOW		(VMSG_XEN_PAGE + 2 * VMSG_XEN_RING_SIZE)

#define VMSG_XEN_NOTIF		64
#define VMSG_XEN_VQ_NOTIF	8

#define VMSG_XEN_SEGMENT_MIN	SZ_512K
#define VMSG_XEN_SEGMENT_MAX	SZ_256M

/* Bit 63 of a wire address: a grant reference and an offset. */
#define VMSG_XEN_WIRE_GRANT	BIT_ULL(63)

static unsigned int segment_kib = 16384;
module_param(segment_kib, uint, 0444);
MODULE_PARM_DESC(segment_kib,
		 "KiB of memory that each link grants to its peer (512 to 262144, default 16384)");

static unsigned int share_pages;
module_param(share_pages, uint, 0444);
MODULE_PARM_DESC(share_pages,
		 "pages of 4 KiB that each link may grant where buffers are, instead of copying them (0 to 65536, default 0)");

static char *wire = "xid32,v2,v1,rfc2";
module_param(wire, charp, 0444);
MODULE_PARM_DESC(wire, "wire revisions to accept (default xid32,v2,v1,rfc2)");

static_assert(sizeof(struct vmsg_xen_boot) ==
	      VMSG_XEN_DEV_HEAD - VMSG_XEN_BOOT_OFFSET);
static_assert(VMSG_XEN_DEV_NOTIF + 2 * 8 * VMSG_XEN_NOTIF <= VMSG_XEN_DRV_NOTIF);
static_assert(VMSG_XEN_DRV_NOTIF + 2 * 8 * VMSG_XEN_NOTIF <= VMSG_XEN_PAGE);

#if IS_ENABLED(CONFIG_XEN)
const struct vmsg_xen_calls *vmsg_xen_calls = &vmsg_xen_real_calls;
#else
const struct vmsg_xen_calls *vmsg_xen_calls;
#endif
EXPORT_SYMBOL_IF_KUNIT(vmsg_xen_calls);

/**
 * vmsg_xen_present() - is this a guest of Xen?
 *
 * Context: any.
 * Return: true if it is.
 */
bool vmsg_xen_present(void)
{
	return vmsg_xen_calls && vmsg_xen_calls->present();
}

/**
 * vmsg_xen_init() - what the parameters say about a link
 * @x: the link, zeroed
 * @dev: its device
 * @domid: the peer's domain
 *
 * Context: may sleep.
 * Return: 0 or -EINVAL, which has been said.
 */
int vmsg_xen_init(struct vmsg_xen *x, struct device *dev, u16 domid)
{
	int ret;

	x->dev = dev;
	x->domid = domid;
	if (segment_kib < VMSG_XEN_SEGMENT_MIN / SZ_1K ||
	    segment_kib > VMSG_XEN_SEGMENT_MAX / SZ_1K)
		return dev_err_probe(dev, -EINVAL,
				     "segment_kib=%u: not within %u and %u\n", segment_kib,
				     VMSG_XEN_SEGMENT_MIN / SZ_1K,
				     VMSG_XEN_SEGMENT_MAX / SZ_1K);
	x->size = PAGE_ALIGN((size_t)segment_kib * SZ_1K);
	if (share_pages > SZ_64K)
		return dev_err_probe(dev, -EINVAL,
				     "share_pages=%u: not within 0 and %u\n",
				     share_pages, SZ_64K);
	x->share = share_pages;
	ret = virtio_msg_wire_mask(wire, &x->wire);
	if (ret)
		return dev_err_probe(dev, ret, "wire=%s: not known\n", wire);
	return 0;
}
EXPORT_SYMBOL_IF_KUNIT(vmsg_xen_init);

static struct vmsg_xen_boot *vmsg_xen_boot(struct vmsg_xen *x)
{
	return x->mem.va + VMSG_XEN_BOOT_OFFSET;
}

/* What the peer looks at without being asked to. */
static void vmsg_xen_set_state(struct vmsg_xen *x, u32 state)
{
	/* All else is there first. */
	virt_wmb();
	WRITE_ONCE(vmsg_xen_boot(x)->state, cpu_to_le32(state));
	/* And so is this, before a grant or a doorbell. */
	virt_wmb();
}

/* Nobody but us sees the memory yet. */
static int vmsg_xen_format(struct vmsg_xen *x)
{
	struct virtio_msg_seg_hdr *hdr = x->mem.va;
	struct virtio_msg_seg_ext *ext = x->mem.va + VIRTIO_MSG_EXT_OFFSET;
	struct vmsg_xen_boot *boot = vmsg_xen_boot(x);
	struct virtio_msg_qhead *head;
	unsigned int ranges;

	hdr->length = cpu_to_le16(VIRTIO_MSG_SEG_LENGTH);
	hdr->version = cpu_to_le16(VIRTIO_MSG_SEG_VERSION);
	hdr->num_notif = VMSG_XEN_NOTIF;
	hdr->vq_notif_per_dev = VMSG_XEN_VQ_NOTIF;
	hdr->num_elems = cpu_to_le16(VMSG_XEN_ELEMS);
	hdr->elem_size = cpu_to_le16(VMSG_XEN_ELEM_SIZE);
	hdr->dev_notif = cpu_to_le64(VMSG_XEN_DEV_NOTIF);
	hdr->dev_head = cpu_to_le64(VMSG_XEN_DEV_HEAD);
	hdr->dev_elems = cpu_to_le64(VMSG_XEN_PAGE);
	hdr->drv_notif = cpu_to_le64(VMSG_XEN_DRV_NOTIF);
	hdr->drv_head = cpu_to_le64(VMSG_XEN_DRV_HEAD);
	hdr->drv_elems = cpu_to_le64(VMSG_XEN_PAGE + VMSG_XEN_RING_SIZE);

	ext->magic = cpu_to_le32(VIRTIO_MSG_EXT_MAGIC);
	ext->length = cpu_to_le16(VIRTIO_MSG_EXT_LENGTH);
	ext->version = cpu_to_le16(VIRTIO_MSG_EXT_VERSION);
	ext->window_offset = cpu_to_le64(VMSG_XEN_WINDOW);
	ext->window_length = cpu_to_le64((u64)x->mem.num * VMSG_XEN_PAGE - VMSG_XEN_WINDOW);
	ext->device_peer = cpu_to_le16(VIRTIO_MSG_PEER_NONE);
	ext->driver_peer = cpu_to_le16(VIRTIO_MSG_PEER_NONE);

	head = x->mem.va + VMSG_XEN_DEV_HEAD;
	head->magic = cpu_to_le16(VIRTIO_MSG_QHEAD_MAGIC);
	head = x->mem.va + VMSG_XEN_DRV_HEAD;
	head->magic = cpu_to_le16(VIRTIO_MSG_QHEAD_MAGIC);

	ranges = vmsg_xen_mem_ranges(&x->mem, boot->range, VMSG_XEN_MAX_RANGES);
	if (ranges > VMSG_XEN_MAX_RANGES) {
		dev_err(x->dev,
			"free grant references lie in %u pieces, at most %u can be told: reload when fewer are in use, or make segment_kib smaller\n",
			ranges, VMSG_XEN_MAX_RANGES);
		return -ENOSPC;
	}
	boot->magic = cpu_to_le32(VMSG_XEN_BOOT_MAGIC);
	boot->length = cpu_to_le16(VMSG_XEN_BOOT_LENGTH);
	boot->version = cpu_to_le16(VMSG_XEN_BOOT_VERSION);
	boot->port = cpu_to_le32(x->static_port ? 0 : x->port);
	boot->pages = cpu_to_le32(x->mem.num);
	boot->ranges = cpu_to_le32(ranges);
	boot->share_ref = cpu_to_le32(x->share ? x->share_ref : 0);
	boot->share_count = cpu_to_le32(x->share);
	vmsg_xen_set_state(x, VMSG_XEN_OPEN);
	WRITE_ONCE(hdr->magic, cpu_to_le16(VIRTIO_MSG_SEG_MAGIC));
	return 0;
}

/* The event channel. */

static void vmsg_xen_ring(void *priv, u16 peer)
{
	struct vmsg_xen *x = priv;
	u32 port = READ_ONCE(x->port);

	if (!port)
		return;
	/* What was stored to the segment is there before the event. */
	virt_mb();
	vmsg_xen_calls->notify(port);
	atomic64_inc(&x->stats.rings);
}

static irqreturn_t vmsg_xen_interrupt(int irq, void *data)
{
	struct vmsg_xen *x = data;
	/* Pairs with the release in vmsg_xen_open(). */
	struct virtio_msg_segment *seg = smp_load_acquire(&x->seg);
	/* Rung before we are ready: the segment is looked at then anyway. */
	bool found = seg && virtio_msg_segment_interrupt(seg);

	atomic64_inc(&x->stats.rung);
	if (!found)
		atomic64_inc(&x->stats.spurious);
	/* Who rings for nothing is let ring again after a while. */
	vmsg_xen_calls->eoi(irq, !found);
	return IRQ_HANDLED;
}

static int vmsg_xen_get_port(struct vmsg_xen *x)
{
	u32 port = x->static_port;
	int ret;

	if (port) {
		ret = vmsg_xen_calls->check_port(port, x->domid);
		if (ret)
			return dev_err_probe(x->dev, ret,
					     "port %u is no event channel to domain %u: see xen,evtchn-port\n",
					     port, x->domid);
	} else {
		ret = vmsg_xen_calls->alloc_port(x->domid, &port);
		/* It is being built, maybe. */
		if (ret == -ESRCH)
			return -EAGAIN;
		if (ret)
			return dev_err_probe(x->dev, ret,
					     "no event channel to domain %u\n",
					     x->domid);
	}
	WRITE_ONCE(x->port, port);
	return 0;
}

static int vmsg_xen_bind(struct vmsg_xen *x)
{
	int irq = vmsg_xen_calls->bind(x->port, x->static_port, vmsg_xen_interrupt, x);

	/* 0 is an interrupt like any other. */
	if (irq < 0) {
		dev_err(x->dev, "cannot bind port %u: %d\n", x->port, irq);
		WRITE_ONCE(x->port, 0);
		return irq;
	}
	x->irq = irq;
	x->bound = true;
	return 0;
}

static void vmsg_xen_put_port(struct vmsg_xen *x)
{
	u32 port = x->port;

	WRITE_ONCE(x->port, 0);
	if (x->bound)
		vmsg_xen_calls->unbind(x->irq, x);
	else if (port && !x->static_port)
		vmsg_xen_calls->close_port(port);
	x->bound = false;
}

/* Buffers that are granted where they are. */

VISIBLE_IF_KUNIT void vmsg_xen_share(void *priv, u32 slot, phys_addr_t phys,
				     bool write)
{
	struct vmsg_xen *x = priv;

	vmsg_xen_calls->grant(x->share_ref + slot, x->domid, phys, !write);
	atomic64_inc(&x->stats.grants);
}
EXPORT_SYMBOL_IF_KUNIT(vmsg_xen_share);

VISIBLE_IF_KUNIT bool vmsg_xen_unshare(void *priv, u32 slot, phys_addr_t phys)
{
	struct page *page = pfn_to_page(PHYS_PFN(phys));
	struct vmsg_xen *x = priv;

	if (vmsg_xen_calls->end(x->share_ref + slot)) {
		atomic64_inc(&x->stats.ends);
		return true;
	}
	atomic64_inc(&x->stats.kept);
	set_bit(slot, x->share_lost);
	get_page(page);
	vmsg_xen_calls->defer(x->share_ref + slot, page);
	return false;
}
EXPORT_SYMBOL_IF_KUNIT(vmsg_xen_unshare);

static int vmsg_xen_get_share(struct vmsg_xen *x)
{
	int ret;

	if (!x->share)
		return 0;
	x->share_lost = bitmap_zalloc(x->share, GFP_KERNEL);
	if (!x->share_lost)
		return -ENOMEM;
	ret = vmsg_xen_calls->alloc_refs(x->share, &x->share_ref);
	if (!ret)
		return 0;
	bitmap_free(x->share_lost);
	x->share_lost = NULL;
	return dev_err_probe(x->dev, ret,
			     "%u grant references in a row are not to be had: make share_pages smaller\n",
			     x->share);
}

static void vmsg_xen_put_share(struct vmsg_xen *x)
{
	unsigned int i;

	if (!x->share_lost)
		return;
	for_each_clear_bit(i, x->share_lost, x->share)
		vmsg_xen_calls->free_ref(x->share_ref + i);
	bitmap_free(x->share_lost);
	x->share_lost = NULL;
}

static void vmsg_xen_show(void *priv, struct seq_file *s)
{
	struct vmsg_xen *x = priv;
	const struct vmsg_xen_stats *st = &x->stats;

	seq_printf(s, "domain: %u\nport: %u\nreference: %u\n", x->domid,
		   READ_ONCE(x->port), x->mem.refs[0]);
	seq_printf(s, "pages granted: %u\n", x->mem.num);
	seq_printf(s, "events: %lld\nevents spurious: %lld\nevents sent: %lld\n",
		   atomic64_read(&st->rung), atomic64_read(&st->spurious),
		   atomic64_read(&st->rings));
	seq_printf(s, "grants: %lld\ngrants ended: %lld\ngrants kept: %lld\n",
		   atomic64_read(&st->grants), atomic64_read(&st->ends),
		   atomic64_read(&st->kept));
}

static int vmsg_xen_register(struct vmsg_xen *x)
{
	struct virtio_msg_segment_desc desc = {
		.name = "xen",
		.owner = THIS_MODULE,
		.va = x->mem.va,
		.phys = ~(phys_addr_t)0,
		.size = (u64)x->mem.num * VMSG_XEN_PAGE,
		.own_peer = VIRTIO_MSG_PEER_NONE,
		.wire_mask = x->wire,
		.ring = vmsg_xen_ring,
		.show = vmsg_xen_show,
		.share_slots = x->share,
		.share_wire = VMSG_XEN_WIRE_GRANT | (u64)x->share_ref << 12,
		.share = vmsg_xen_share,
		.unshare = vmsg_xen_unshare,
		.priv = x,
	};
	struct virtio_msg_segment *seg;

	seg = virtio_msg_segment_register(x->dev, &desc);
	if (IS_ERR(seg))
		return PTR_ERR(seg);
	/* What the interrupt will look at is written before. */
	smp_store_release(&x->seg, seg);
	return 0;
}

/* How many pages the peer holds on to. */
static unsigned int vmsg_xen_free(struct vmsg_xen *x, unsigned int ms)
{
	u32 fixed = x->mem.fixed ? x->fixed_ref : 0;
	unsigned int kept;

	vmsg_xen_put_port(x);
	if (x->seg)
		virtio_msg_segment_free(x->seg);
	x->seg = NULL;
	vmsg_xen_put_share(x);
	kept = vmsg_xen_mem_free(&x->mem, ms);
	if (kept)
		dev_warn(x->dev,
			 "domain %u still has %u pages mapped: they are freed when it has unmapped them\n",
			 x->domid, kept);
	if (fixed)
		vmsg_xen_ref_disclaim(fixed);
	return kept;
}

/**
 * vmsg_xen_open() - set a link up
 * @x: the link, closed
 * @domid: the peer's domain, which may be another than it was before
 *
 * The peer need not be there yet.
 *
 * Context: may sleep.
 * Return: 0; -EAGAIN if it is to be tried again later: the peer's domain does
 * not exist yet, or has not yet unmapped what an earlier driver granted by the
 * same reference; another errno, which has been said.
 */
int vmsg_xen_open(struct vmsg_xen *x, u16 domid)
{
	int ret;

	x->domid = domid;
	if (x->fixed_ref) {
		ret = vmsg_xen_ref_claim(x->fixed_ref);
		if (ret == -EBUSY)
			return dev_err_probe(x->dev, ret,
					     "reference %u is that of another link\n",
					     x->fixed_ref);
		if (ret)
			return ret;
	}
	ret = vmsg_xen_mem_init(&x->mem, x->size, x->fixed_ref);
	if (ret) {
		if (x->fixed_ref)
			vmsg_xen_ref_disclaim(x->fixed_ref);
		return dev_err_probe(x->dev, ret,
				     "no memory, or no grant references, for a segment of %zu KiB\n",
				     x->size / SZ_1K);
	}
	ret = vmsg_xen_get_share(x);
	if (!ret)
		ret = vmsg_xen_get_port(x);
	if (!ret)
		ret = vmsg_xen_format(x);
	if (!ret)
		ret = vmsg_xen_bind(x);
	if (!ret)
		ret = vmsg_xen_register(x);
	if (ret) {
		vmsg_xen_free(x, 0);
		return ret;
	}
	vmsg_xen_mem_grant(&x->mem, 1, x->mem.num, x->domid);
	/* The page that leads to the others comes last. */
	vmsg_xen_mem_grant(&x->mem, 0, 1, x->domid);
	vmsg_xen_ring(x, VIRTIO_MSG_PEER_NONE);
	/* What was rung in between. */
	virtio_msg_segment_interrupt(x->seg);
	dev_info(x->dev, "%u pages for domain %u, reference %u, port %u\n",
		 x->mem.num, x->domid, x->mem.refs[0], x->port);
	return 0;
}
EXPORT_SYMBOL_IF_KUNIT(vmsg_xen_open);

/**
 * vmsg_xen_close() - take a link down
 * @x: the link, open
 *
 * The peer is asked to unmap the segment, and waited for, for a second.
 *
 * Context: may sleep.
 * Return: pages that it still has mapped.
 */
unsigned int vmsg_xen_close(struct vmsg_xen *x)
{
	/* The devices need the doorbell while they go. */
	virtio_msg_segment_stop(x->seg);
	vmsg_xen_set_state(x, VMSG_XEN_CLOSED);
	vmsg_xen_ring(x, VIRTIO_MSG_PEER_NONE);
	return vmsg_xen_free(x, VMSG_XEN_UNMAP_MS);
}
EXPORT_SYMBOL_IF_KUNIT(vmsg_xen_close);

/**
 * vmsg_xen_restore() - this domain was restored, or has moved
 * @x: the link, open
 * @domid: the peer's domain now
 *
 * Grants and event channels have not come along; memory and references have.
 * What the peer had under way is lost, as it is with a peer that dies.
 *
 * Context: may sleep.
 * Return: 0 or a negative errno.
 */
int vmsg_xen_restore(struct vmsg_xen *x, u16 domid)
{
	int ret;

	vmsg_xen_put_port(x);
	x->domid = domid;
	ret = vmsg_xen_get_port(x);
	if (!ret)
		ret = vmsg_xen_bind(x);
	if (!ret) {
		WRITE_ONCE(vmsg_xen_boot(x)->port,
			   cpu_to_le32(x->static_port ? 0 : x->port));
		vmsg_xen_set_state(x, VMSG_XEN_OPEN);
		vmsg_xen_mem_grant(&x->mem, 1, x->mem.num, domid);
		vmsg_xen_mem_grant(&x->mem, 0, 1, domid);
	}
	virtio_msg_segment_lost(x->seg, "this domain was restored");
	return ret;
}
EXPORT_SYMBOL_IF_KUNIT(vmsg_xen_restore);
