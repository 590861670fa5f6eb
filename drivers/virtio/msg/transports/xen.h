/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * virtio-msg over Xen: what the files of the transport share
 *
 * Layers, each calling only downwards: xen_dt.c, xen_bus.c (the two ways in) ->
 * xen_link.c (one link) -> xen_mem.c (memory that is granted) -> the calls of
 * the hypervisor, which stand in a table so that tests can play its part.
 */
#ifndef _DRIVERS_VIRTIO_MSG_XEN_H
#define _DRIVERS_VIRTIO_MSG_XEN_H

#include <linux/atomic.h>
#include <linux/interrupt.h>
#include <linux/types.h>

struct device;
struct page;
struct virtio_msg_segment;

/* A grant opens this much, whatever the pages of the kernel are. */
#define VMSG_XEN_PAGE		4096U

/*
 * References 2 to 7 are the ones that can be agreed on beforehand: Xen uses 0
 * and 1, and Linux gives out those from 8 on.
 */
#define VMSG_XEN_REF_FIRST	2U
#define VMSG_XEN_REF_END	8U

/**
 * struct vmsg_xen_calls - what is asked of the hypervisor
 * @present: is there one, and are we its guest?  Any context.
 * @alloc_refs: take @count grant references in a row; 0 or -ENOSPC.  May sleep.
 * @free_ref: give one of them back, which grants nothing.  Any context.
 * @grant: let domain @domid reach the VMSG_XEN_PAGE bytes at @phys by @ref.  Any
 *	context.
 * @end: end that, and keep the reference.  False if the domain still has the page
 *	mapped: nothing has changed then.  Any context.
 * @release: as @end, but give the reference back, if it was not agreed on.  To be
 *	asked again and again.  Any context.
 * @defer: end it, give the reference back and drop a reference of @page as soon
 *	as the domain has unmapped the page.  Not for a reference that was agreed
 *	on.  Any context.
 * @alloc_port: make an event channel that domain @domid may bind; 0 or a
 *	negative errno, -ESRCH if there is no such domain.  May sleep.
 * @close_port: close one that was never bound to a handler.  May sleep.
 * @check_port: is static port @port one that leads to domain @domid?  0 or
 *	-ENODEV.  May sleep.
 * @bind: have @handler called when @port is rung; it ends with @eoi.  A port
 *	that is @fixed outlives @unbind, any other is closed by it.  The number of
 *	the interrupt, which may be 0, or a negative errno; then, too, a port that
 *	is not fixed was closed.  May sleep.
 * @unbind: undo @bind.  May sleep.
 * @notify: ring @port.  Any context.
 * @eoi: the interrupt has been served; the next one may come late if it was
 *	@spurious.  Any context.
 */
struct vmsg_xen_calls {
	bool (*present)(void);
	int (*alloc_refs)(unsigned int count, u32 *first);
	void (*free_ref)(u32 ref);
	void (*grant)(u32 ref, u16 domid, phys_addr_t phys, bool readonly);
	bool (*end)(u32 ref);
	bool (*release)(u32 ref);
	void (*defer)(u32 ref, struct page *page);
	int (*alloc_port)(u16 domid, u32 *port);
	void (*close_port)(u32 port);
	int (*check_port)(u32 port, u16 domid);
	int (*bind)(u32 port, bool fixed, irq_handler_t handler, void *data);
	void (*unbind)(int irq, void *data);
	void (*notify)(u32 port);
	void (*eoi)(int irq, bool spurious);
};

/* The hypervisor's, or those of a test.  NULL where Xen is not built in. */
extern const struct vmsg_xen_calls *vmsg_xen_calls;
extern const struct vmsg_xen_calls vmsg_xen_real_calls;

/*
 * Page 0 of the segment, behind the header: how a peer that was granted this one
 * page gets at the rest.  All little-endian, written by the driver side.  See
 * Documentation/driver-api/virtio/virtio-msg/xen.rst, "The bootstrap page".
 */
#define VMSG_XEN_BOOT_OFFSET	128
#define VMSG_XEN_BOOT_MAGIC	0x564e4558	/* "XENV" */
#define VMSG_XEN_BOOT_VERSION	1
#define VMSG_XEN_BOOT_LENGTH	64
#define VMSG_XEN_OPEN		1
#define VMSG_XEN_CLOSED		2

#define VMSG_XEN_MAX_RANGES	216

struct vmsg_xen_range {
	__le32 first;
	__le32 count;
};

struct vmsg_xen_boot {
	__le32 magic;
	__le16 length;
	__le16 version;
	__le32 state;
	__le32 port;
	__le32 pages;
	__le32 ranges;
	__le32 share_ref;
	__le32 share_count;
	__le32 reserved[8];
	struct vmsg_xen_range range[VMSG_XEN_MAX_RANGES];
};

/* The rest of page 0. */
#define VMSG_XEN_DEV_HEAD	1920
#define VMSG_XEN_DRV_HEAD	1984
#define VMSG_XEN_DEV_NOTIF	2048
#define VMSG_XEN_DRV_NOTIF	3072

/* xen_mem.c */

/**
 * struct vmsg_xen_mem - memory that is granted to a domain, page by page
 * @va: kernel mapping of it
 * @pages: the kernel's pages
 * @num_pages: of these
 * @num: pages of VMSG_XEN_PAGE bytes
 * @fixed: the first reference is one that was agreed on
 * @refs: the reference of each of @num pages
 * @granted: bitmap: granted, and not known to have been ended
 */
struct vmsg_xen_mem {
	void *va;
	struct page **pages;
	unsigned int num_pages;
	unsigned int num;
	bool fixed;
	u32 *refs;
	unsigned long *granted;
};

int vmsg_xen_mem_init(struct vmsg_xen_mem *mem, size_t size, u32 fixed_ref);
void vmsg_xen_mem_grant(struct vmsg_xen_mem *mem, unsigned int from,
			unsigned int to, u16 domid);
unsigned int vmsg_xen_mem_free(struct vmsg_xen_mem *mem, unsigned int ms);
unsigned int vmsg_xen_mem_ranges(const struct vmsg_xen_mem *mem,
				 struct vmsg_xen_range *range, unsigned int max);
int vmsg_xen_ref_claim(u32 ref);
void vmsg_xen_ref_disclaim(u32 ref);
void vmsg_xen_mem_exit(void);

/* xen_link.c */

/**
 * struct vmsg_xen_stats - what happened on a link
 * @rung: events that came
 * @spurious: of these, for nothing
 * @rings: events that were sent
 * @grants: pages that were granted for a buffer
 * @ends: of these, ended
 * @kept: of these, held on to by the device side
 */
struct vmsg_xen_stats {
	atomic64_t rung;
	atomic64_t spurious;
	atomic64_t rings;
	atomic64_t grants;
	atomic64_t ends;
	atomic64_t kept;
};

/**
 * struct vmsg_xen - one link to a domain
 * @dev: its device
 * @domid: the domain
 * @fixed_ref: reference of the bootstrap page, 0: any
 * @static_port: event channel that exists already, 0: one is made
 * @size: bytes of the segment
 * @share: references for buffers of their own, 0: none
 * @wire: wire revisions to accept
 * @mem: the segment
 * @share_ref: the first of @share references
 * @share_lost: bitmap: the device side holds on to what was granted
 * @port: the event channel; 0: none.  Read without a lock by whoever rings
 * @irq: interrupt of @port, if @bound
 * @bound: @irq is valid
 * @seg: the segment's bus; NULL until it is registered, and read by the interrupt
 * @stats: numbers
 */
struct vmsg_xen {
	struct device *dev;
	u16 domid;
	u32 fixed_ref;
	u32 static_port;
	size_t size;
	unsigned int share;
	u32 wire;
	struct vmsg_xen_mem mem;
	u32 share_ref;
	unsigned long *share_lost;
	u32 port;
	int irq;
	bool bound;
	struct virtio_msg_segment *seg;
	struct vmsg_xen_stats stats;
};

int vmsg_xen_init(struct vmsg_xen *x, struct device *dev, u16 domid);
bool vmsg_xen_present(void);
int vmsg_xen_open(struct vmsg_xen *x, u16 domid);
unsigned int vmsg_xen_close(struct vmsg_xen *x);
int vmsg_xen_restore(struct vmsg_xen *x, u16 domid);
#if IS_ENABLED(CONFIG_KUNIT)
void vmsg_xen_share(void *priv, u32 slot, phys_addr_t phys, bool write);
bool vmsg_xen_unshare(void *priv, u32 slot, phys_addr_t phys);
#endif

/* xen_dt.c */
int vmsg_xen_dt_init(void);
void vmsg_xen_dt_exit(void);

/* xen_bus.c */
#if IS_ENABLED(CONFIG_XEN_XENBUS_FRONTEND)
int vmsg_xen_bus_init(void);
void vmsg_xen_bus_exit(void);
#else
static inline int vmsg_xen_bus_init(void)
{
	return 0;
}

static inline void vmsg_xen_bus_exit(void)
{
}
#endif

#endif /* _DRIVERS_VIRTIO_MSG_XEN_H */
