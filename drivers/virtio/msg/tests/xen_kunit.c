// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests of the Xen transport, against a hypervisor of their own
 *
 * The hypervisor has a grant table and event channels; the peer reaches memory
 * only by what the table says.  What it finds there is read here once more, by
 * hand, from what xen.rst and segment.rst say.  All else is the driver as it is,
 * probed and removed by the driver core.
 */
#include <kunit/device.h>
#include <kunit/test.h>
#include <linux/atomic.h>
#include <linux/bitmap.h>
#include <linux/delay.h>
#include <linux/interrupt.h>
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/platform_device.h>
#include <linux/prandom.h>
#include <linux/property.h>
#include <linux/slab.h>
#include <linux/unaligned.h>
#include <linux/virtio_msg.h>
#include <linux/vmalloc.h>
#include <linux/workqueue.h>

#include "../transports/xen.h"

#define PEER		5
#define REF		3
#define PORT		10

#define REFS		16384
#define PORTS		32
#define FIRST_REF	8

/* Of a segment of the default size. */
#define PAGES		4096

/* Offsets that xen.rst and segment.rst name. */
#define WIRE_OFFERED	72
#define DEV_INSTANCE	96
#define DRV_INSTANCE	100
#define DEV_SEEN	116
#define DRV_SEEN	120
#define BOOT_STATE	136
#define BOOT_PORT	140
#define BOOT_PAGES	144
#define BOOT_RANGES	148
#define BOOT_SHARE	152
#define RANGES		192
#define STATUS		2

/* Wait for what another context does; there is no assertion on the time. */
#define until(cond)							\
({									\
	unsigned long __end = jiffies + 30 * HZ;			\
	bool __ok;							\
									\
	while (!(__ok = !!(cond)) && time_before(jiffies, __end))	\
		usleep_range(200, 1000);				\
	__ok;								\
})

/**
 * struct ref - an entry of the grant table
 * @taken: somebody has it
 * @granted: somebody may map it
 * @readonly: but not write
 * @mapped: somebody has mapped it
 * @domid: who
 * @phys: what
 * @deferred: a page that waits for being unmapped
 */
struct ref {
	bool taken;
	bool granted;
	bool readonly;
	bool mapped;
	u16 domid;
	phys_addr_t phys;
	struct page *deferred;
};

/**
 * struct port - an event channel
 * @open: it exists
 * @domid: for whom
 * @fixed: it must not be closed
 * @handler: who is called
 * @data: with what
 */
struct port {
	bool open;
	u16 domid;
	bool fixed;
	irq_handler_t handler;
	void *data;
};

/**
 * struct hv - the hypervisor, and the driver's kernel around it
 * @test: the test
 * @absent: there is none
 * @no_domain: the peer's domain does not exist
 * @longest: most references in a row that it gives
 * @refs_left: references that it still gives
 * @bind_fails: no interrupt can be had
 * @lock: guards the table, which interrupts use as well
 * @ref: the grant table
 * @port: event channels
 * @closed: ports that were closed
 * @notified: events that were sent
 * @eois: interrupts that were ended
 * @spurious: of these, for nothing
 * @defers: pages that were handed over
 */
struct hv {
	struct kunit *test;
	bool absent;
	bool no_domain;
	unsigned int longest;
	unsigned int refs_left;
	bool bind_fails;
	/* guards the table */
	spinlock_t lock;
	struct ref ref[REFS];
	struct port port[PORTS];
	unsigned int closed;
	atomic_t notified;
	unsigned int eois;
	unsigned int spurious;
	unsigned int defers;
};

/**
 * struct xt - one test
 * @real: the calls that were there before
 * @node: of the link's device
 * @props: what the device tree says
 * @pdev: the link's device
 * @mem: the peer's mapping of the segment
 * @pages: its pages
 * @map: their references
 * @num: how many
 */
struct xt {
	const struct vmsg_xen_calls *real;
	struct software_node node[2];
	struct property_entry props[2][4];
	struct platform_device *pdev[2];
	u8 *mem;
	struct page **pages;
	u32 *map;
	unsigned int num;
};

static struct hv *hv;

static bool hv_present(void)
{
	return !hv->absent;
}

static int hv_alloc_refs(unsigned int count, u32 *first)
{
	unsigned int i, run = 0;
	int ret = -ENOSPC;

	spin_lock_irq(&hv->lock);
	if (count > hv->longest || count > hv->refs_left)
		goto out;
	for (i = FIRST_REF; i < REFS; i++) {
		run = hv->ref[i].taken ? 0 : run + 1;
		if (run < count)
			continue;
		*first = i - count + 1;
		for (i = 0; i < count; i++)
			hv->ref[*first + i].taken = true;
		/* The next ones do not follow. */
		if (hv->longest < REFS)
			hv->ref[*first + count].taken = true;
		hv->refs_left -= count;
		ret = 0;
		break;
	}
out:
	spin_unlock_irq(&hv->lock);
	return ret;
}

static void put_ref(u32 ref)
{
	struct ref *r = &hv->ref[ref];

	if (ref < FIRST_REF)
		return;
	KUNIT_EXPECT_TRUE(hv->test, r->taken);
	KUNIT_EXPECT_FALSE(hv->test, r->granted);
	r->taken = false;
	hv->refs_left++;
}

static void hv_free_ref(u32 ref)
{
	unsigned long flags;

	spin_lock_irqsave(&hv->lock, flags);
	put_ref(ref);
	spin_unlock_irqrestore(&hv->lock, flags);
}

static void hv_grant(u32 ref, u16 domid, phys_addr_t phys, bool readonly)
{
	unsigned long flags;

	spin_lock_irqsave(&hv->lock, flags);
	/* What is mapped must not be granted to anybody else. */
	KUNIT_EXPECT_FALSE(hv->test, hv->ref[ref].mapped);
	hv->ref[ref].granted = true;
	hv->ref[ref].domid = domid;
	hv->ref[ref].phys = phys;
	hv->ref[ref].readonly = readonly;
	spin_unlock_irqrestore(&hv->lock, flags);
}

static bool hv_end(u32 ref)
{
	unsigned long flags;
	bool ok;

	spin_lock_irqsave(&hv->lock, flags);
	ok = !hv->ref[ref].mapped;
	if (ok)
		hv->ref[ref].granted = false;
	spin_unlock_irqrestore(&hv->lock, flags);
	return ok;
}

static bool hv_release(u32 ref)
{
	if (!hv_end(ref))
		return false;
	hv_free_ref(ref);
	return true;
}

static void hv_defer(u32 ref, struct page *page)
{
	unsigned long flags;

	/* Later drivers grant anew by these. */
	KUNIT_EXPECT_GE(hv->test, ref, FIRST_REF);
	spin_lock_irqsave(&hv->lock, flags);
	hv->ref[ref].deferred = page;
	hv->defers++;
	spin_unlock_irqrestore(&hv->lock, flags);
}

static int hv_alloc_port(u16 domid, u32 *port)
{
	unsigned int i;

	if (hv->no_domain)
		return -ESRCH;
	for (i = 1; i < PORTS; i++) {
		if (hv->port[i].open)
			continue;
		hv->port[i] = (struct port){ .open = true, .domid = domid };
		*port = i;
		return 0;
	}
	return -ENOSPC;
}

static void hv_close_port(u32 port)
{
	KUNIT_EXPECT_TRUE(hv->test, hv->port[port].open);
	KUNIT_EXPECT_FALSE(hv->test, hv->port[port].fixed);
	hv->port[port].open = false;
	hv->closed++;
}

static int hv_check_port(u32 port, u16 domid)
{
	return port < PORTS && hv->port[port].open &&
	       hv->port[port].domid == domid ? 0 : -ENODEV;
}

/* Interrupts count from 0, which is one like any other. */
static int hv_bind(u32 port, bool fixed, irq_handler_t handler, void *data)
{
	KUNIT_EXPECT_TRUE(hv->test, hv->port[port].open);
	KUNIT_EXPECT_EQ(hv->test, hv->port[port].fixed, fixed);
	if (hv->bind_fails) {
		if (!fixed)
			hv_close_port(port);
		return -ENOMEM;
	}
	hv->port[port].data = data;
	/* Pairs with the acquire in ring(): the data comes first. */
	smp_store_release(&hv->port[port].handler, handler);
	return port - 1;
}

static void hv_unbind(int irq, void *data)
{
	struct port *p = &hv->port[irq + 1];

	KUNIT_EXPECT_PTR_EQ(hv->test, p->data, data);
	p->handler = NULL;
	if (!p->fixed)
		hv_close_port(irq + 1);
}

static void hv_notify(u32 port)
{
	atomic_inc(&hv->notified);
}

static void hv_eoi(int irq, bool spurious)
{
	hv->eois++;
	hv->spurious += spurious;
}

static const struct vmsg_xen_calls hv_calls = {
	.present = hv_present,
	.alloc_refs = hv_alloc_refs,
	.free_ref = hv_free_ref,
	.grant = hv_grant,
	.end = hv_end,
	.release = hv_release,
	.defer = hv_defer,
	.alloc_port = hv_alloc_port,
	.close_port = hv_close_port,
	.check_port = hv_check_port,
	.bind = hv_bind,
	.unbind = hv_unbind,
	.notify = hv_notify,
	.eoi = hv_eoi,
};

/* The peer rings. */
static void ring(u32 port)
{
	/* Pairs with the release in hv_bind(). */
	irq_handler_t handler = smp_load_acquire(&hv->port[port].handler);

	if (!handler)
		return;
	local_irq_disable();
	handler(port - 1, hv->port[port].data);
	local_irq_enable();
}

static unsigned int refs_taken(void)
{
	unsigned int i, n = 0;

	for (i = 0; i < REFS; i++)
		n += hv->ref[i].taken || hv->ref[i].granted;
	return n;
}

/* The kernel's timer looks at what was deferred. */
static void reap(void)
{
	unsigned int i;

	for (i = 0; i < REFS; i++) {
		if (!hv->ref[i].deferred || !hv_release(i))
			continue;
		put_page(hv->ref[i].deferred);
		hv->ref[i].deferred = NULL;
	}
}

/* The peer's view: memory by reference, if it may. */
static struct page *peer_page(struct kunit *test, u32 ref)
{
	KUNIT_ASSERT_LT(test, ref, REFS);
	KUNIT_ASSERT_TRUE(test, hv->ref[ref].granted);
	KUNIT_ASSERT_EQ(test, hv->ref[ref].domid, PEER);
	KUNIT_ASSERT_FALSE(test, hv->ref[ref].readonly);
	hv->ref[ref].mapped = true;
	return pfn_to_page(PHYS_PFN(hv->ref[ref].phys));
}

/* The tests' kernels have pages as small as Xen's. */
static u8 *peer_boot(struct kunit *test, u32 ref)
{
	return page_address(peer_page(test, ref));
}

static void peer_unmap(struct xt *t)
{
	unsigned int i;

	if (t->mem)
		vunmap(t->mem);
	t->mem = NULL;
	for (i = 0; i < t->num; i++)
		hv->ref[t->map[i]].mapped = false;
	t->num = 0;
}

/* Map all of the segment, as the bootstrap page says. */
static void peer_map(struct kunit *test, u32 ref)
{
	struct xt *t = test->priv;
	u8 *boot = peer_boot(test, ref);
	u32 pages, ranges, first, count, i, k, n = 0;

	KUNIT_ASSERT_EQ(test, get_unaligned_le16(boot), 0x4c4f);
	KUNIT_ASSERT_EQ(test, get_unaligned_le32(boot + 128), 0x564e4558);
	KUNIT_ASSERT_EQ(test, get_unaligned_le16(boot + 132), 64);
	KUNIT_ASSERT_EQ(test, get_unaligned_le16(boot + 134), 1);
	KUNIT_ASSERT_EQ(test, get_unaligned_le32(boot + BOOT_STATE), 1);
	pages = get_unaligned_le32(boot + BOOT_PAGES);
	ranges = get_unaligned_le32(boot + BOOT_RANGES);
	KUNIT_ASSERT_GE(test, pages, 2);
	KUNIT_ASSERT_LE(test, pages, REFS);
	KUNIT_ASSERT_GE(test, ranges, 1);
	KUNIT_ASSERT_LE(test, ranges, 216);
	t->pages = kunit_kcalloc(test, pages, sizeof(*t->pages), GFP_KERNEL);
	t->map = kunit_kcalloc(test, pages, sizeof(*t->map), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, t->pages);
	KUNIT_ASSERT_NOT_NULL(test, t->map);
	t->map[n] = ref;
	t->pages[n++] = peer_page(test, ref);
	for (i = 0; i < ranges; i++) {
		first = get_unaligned_le32(boot + RANGES + 8 * i);
		count = get_unaligned_le32(boot + RANGES + 8 * i + 4);
		KUNIT_ASSERT_LE(test, count, pages - n);
		for (k = 0; k < count; k++) {
			t->map[n] = first + k;
			t->pages[n++] = peer_page(test, first + k);
		}
	}
	KUNIT_ASSERT_EQ(test, n, pages);
	t->num = n;
	t->mem = vmap(t->pages, n, VM_MAP, PAGE_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, t->mem);
}

static u64 peer_offset(struct xt *t, unsigned int field)
{
	return get_unaligned_le64(t->mem + field);
}

static u16 driver_status(struct xt *t)
{
	return le16_to_cpu(READ_ONCE(*(__le16 *)(t->mem + peer_offset(t, 48) +
						 STATUS)));
}

static void peer_status(struct xt *t, u16 status)
{
	u64 head = peer_offset(t, 24);

	/* All that the status vouches for comes before it. */
	smp_wmb();
	WRITE_ONCE(*(__le16 *)(t->mem + head + STATUS), cpu_to_le16(status));
}

/* The device side's half of the bring-up, segment.rst. */
static void peer_handshake(struct kunit *test, u32 port, u32 instance)
{
	struct xt *t = test->priv;

	KUNIT_ASSERT_TRUE(test, until(driver_status(t) != VIRTIO_MSG_ST_RUN));
	put_unaligned_le32(BIT(VIRTIO_MSG_WIRE_XID32), t->mem + WIRE_OFFERED);
	put_unaligned_le32(instance, t->mem + DEV_INSTANCE);
	peer_status(t, VIRTIO_MSG_ST_READY);
	ring(port);
	KUNIT_ASSERT_TRUE(test, until(driver_status(t) == VIRTIO_MSG_ST_READY &&
				      get_unaligned_le32(t->mem + DRV_SEEN) == instance));
	put_unaligned_le32(get_unaligned_le32(t->mem + DRV_INSTANCE), t->mem + DEV_SEEN);
	peer_status(t, VIRTIO_MSG_ST_RUN);
	ring(port);
	KUNIT_ASSERT_TRUE(test, until(driver_status(t) == VIRTIO_MSG_ST_RUN));
}

/* The link's device; @port 0: none is named. */
static bool add_link(struct kunit *test, unsigned int i, u32 domid, u32 ref, int port)
{
	struct xt *t = test->priv;
	struct platform_device_info info = {
		.name = "virtio_msg_xen",
		.id = PLATFORM_DEVID_AUTO,
		.swnode = &t->node[i],
	};
	struct property_entry *p = t->props[i];

	memset(p, 0, sizeof(t->props[i]));
	*p++ = PROPERTY_ENTRY_U32("xen,remote-domid", domid);
	*p++ = PROPERTY_ENTRY_U32("xen,grant-ref", ref);
	if (port >= 0)
		*p++ = PROPERTY_ENTRY_U32("xen,evtchn-port", port);
	t->node[i].properties = t->props[i];
	t->pdev[i] = platform_device_register_full(&info);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, t->pdev[i]);
	return device_is_bound(&t->pdev[i]->dev);
}

/*
 * Whoever still holds the device holds its software node; one that is on its way
 * out would be found by the next that is made at the same address.
 */
static void remove_link(struct xt *t, unsigned int i)
{
	platform_device_unregister(t->pdev[i]);
	t->pdev[i] = NULL;
	until(!software_node_fwnode(&t->node[i]));
}

static void static_port(u32 port, u16 domid)
{
	hv->port[port] = (struct port){ .open = true, .domid = domid, .fixed = true };
}

static void all_clean(struct kunit *test)
{
	unsigned int i, open = 0;

	for (i = 0; i < PORTS; i++)
		open += hv->port[i].open && !hv->port[i].fixed;
	KUNIT_EXPECT_EQ(test, refs_taken(), 0);
	KUNIT_EXPECT_EQ(test, open, 0);
}

static void xen_test_bootstrap(struct kunit *test)
{
	struct xt *t = test->priv;
	u8 *boot;

	KUNIT_ASSERT_TRUE(test, add_link(test, 0, PEER, REF, -1));
	boot = peer_boot(test, REF);
	KUNIT_EXPECT_EQ(test, get_unaligned_le32(boot + BOOT_PORT), 1);
	KUNIT_EXPECT_EQ(test, get_unaligned_le32(boot + BOOT_SHARE), 0);
	KUNIT_EXPECT_EQ(test, hv->port[1].domid, PEER);
	peer_map(test, REF);
	KUNIT_EXPECT_EQ(test, t->num, PAGES);
	/* It is the same memory from both sides. */
	KUNIT_EXPECT_EQ(test, driver_status(t), VIRTIO_MSG_ST_INIT);
	peer_handshake(test, 1, 4711);
	peer_unmap(t);
	remove_link(t, 0);
	all_clean(test);
}

static void xen_test_properties(struct kunit *test)
{
	struct xt *t = test->priv;

	static_port(PORT, PEER);
	/* Xen's own, and what Linux gives out. */
	KUNIT_EXPECT_FALSE(test, add_link(test, 0, PEER, 1, -1));
	remove_link(t, 0);
	KUNIT_EXPECT_FALSE(test, add_link(test, 0, PEER, 8, -1));
	remove_link(t, 0);
	KUNIT_EXPECT_FALSE(test, add_link(test, 0, 0x7ff0, REF, -1));
	remove_link(t, 0);
	KUNIT_EXPECT_FALSE(test, add_link(test, 0, PEER, REF, 0));
	remove_link(t, 0);
	/* A port that leads to somebody else, and one that leads nowhere. */
	KUNIT_EXPECT_FALSE(test, add_link(test, 0, PEER + 1, REF, PORT));
	remove_link(t, 0);
	KUNIT_EXPECT_FALSE(test, add_link(test, 0, PEER, REF, PORT + 1));
	remove_link(t, 0);
	hv->absent = true;
	KUNIT_EXPECT_FALSE(test, add_link(test, 0, PEER, REF, -1));
	remove_link(t, 0);
	all_clean(test);
}

/* Both name reference 3: the first has it, and keeps it. */
static void xen_test_same_reference(struct kunit *test)
{
	struct xt *t = test->priv;

	KUNIT_ASSERT_TRUE(test, add_link(test, 0, PEER, REF, -1));
	KUNIT_EXPECT_FALSE(test, add_link(test, 1, PEER, REF, -1));
	KUNIT_EXPECT_TRUE(test, hv->ref[REF].granted);
	remove_link(t, 1);
	KUNIT_EXPECT_TRUE(test, hv->ref[REF].granted);
	peer_map(test, REF);
	peer_handshake(test, 1, 1);
	peer_unmap(t);
	remove_link(t, 0);
	all_clean(test);
	/* And then it is free again. */
	KUNIT_EXPECT_TRUE(test, add_link(test, 1, PEER, REF, -1));
	remove_link(t, 1);
	all_clean(test);
}

/* The module is loaded anew over a static port, and there is traffic. */
static void xen_test_static_port(struct kunit *test)
{
	struct xt *t = test->priv;
	unsigned int i;

	static_port(PORT, PEER);
	for (i = 0; i < 3; i++) {
		KUNIT_ASSERT_TRUE(test, add_link(test, 0, PEER, REF, PORT));
		/* One that is pending from before announces nothing. */
		ring(PORT);
		peer_map(test, REF);
		KUNIT_EXPECT_EQ(test, get_unaligned_le32(t->mem + BOOT_PORT), 0);
		peer_handshake(test, PORT, 4711 + i);
		peer_unmap(t);
		remove_link(t, 0);
		KUNIT_ASSERT_TRUE(test, hv->port[PORT].open);
		all_clean(test);
	}
	KUNIT_EXPECT_EQ(test, hv->closed, 0);
}

static void xen_test_wait_for_domain(struct kunit *test)
{
	struct xt *t = test->priv;

	hv->no_domain = true;
	KUNIT_ASSERT_TRUE(test, add_link(test, 0, PEER, REF, -1));
	KUNIT_EXPECT_EQ(test, refs_taken(), 0);
	WRITE_ONCE(hv->no_domain, false);
	KUNIT_ASSERT_TRUE(test, until(READ_ONCE(hv->ref[REF].granted)));
	/* The page is the last to be granted. */
	peer_map(test, REF);
	peer_unmap(t);
	remove_link(t, 0);
	all_clean(test);
	/* Removed while it waits. */
	hv->no_domain = true;
	KUNIT_ASSERT_TRUE(test, add_link(test, 0, PEER, REF, -1));
	remove_link(t, 0);
	all_clean(test);
}

/* Who rings for nothing is marked; who rings for something is not. */
static void xen_test_spurious(struct kunit *test)
{
	struct xt *t = test->priv;
	unsigned int n, i;

	KUNIT_ASSERT_TRUE(test, add_link(test, 0, PEER, REF, -1));
	peer_map(test, REF);
	n = hv->spurious;
	for (i = 0; i < 100; i++)
		ring(1);
	/* All but those that met the driver's own poll. */
	KUNIT_EXPECT_GE(test, hv->spurious, n + 50);
	put_unaligned_le32(BIT(VIRTIO_MSG_WIRE_XID32), t->mem + WIRE_OFFERED);
	put_unaligned_le32(77, t->mem + DEV_INSTANCE);
	/*
	 * The driver's poll may find it first, but then this doorbell finds
	 * nothing: each of the two is seen to happen.
	 */
	n = hv->spurious;
	for (i = 0; i < 50 && hv->spurious == n + i; i++) {
		peer_status(t, VIRTIO_MSG_ST_INIT);
		KUNIT_ASSERT_TRUE(test, until(driver_status(t) !=
					      VIRTIO_MSG_ST_RUN));
		put_unaligned_le32(77 + i, t->mem + DEV_INSTANCE);
		peer_status(t, VIRTIO_MSG_ST_READY);
		ring(1);
	}
	KUNIT_EXPECT_LT(test, i, 50);
	KUNIT_EXPECT_GT(test, hv->eois, hv->spurious);
	peer_unmap(t);
	remove_link(t, 0);
	all_clean(test);
}

/* A peer that does not unmap: nothing it can reach is used for anything else. */
static void xen_test_held(struct kunit *test)
{
	struct xt *t = test->priv;
	struct page *first, *last;
	unsigned int num;

	KUNIT_ASSERT_TRUE(test, add_link(test, 0, PEER, REF, -1));
	peer_map(test, REF);
	peer_handshake(test, 1, 1);
	num = t->num;
	first = t->pages[0];
	last = t->pages[num - 1];
	/* References of our own, to see who else has one. */
	get_page(first);
	get_page(last);
	remove_link(t, 0);
	/* It was asked to leave. */
	KUNIT_EXPECT_EQ(test, get_unaligned_le32(t->mem + BOOT_STATE), 2);
	KUNIT_EXPECT_EQ(test, driver_status(t), VIRTIO_MSG_ST_SHUTDOWN);
	KUNIT_EXPECT_EQ(test, page_count(first), 2);
	KUNIT_EXPECT_EQ(test, page_count(last), 2);
	KUNIT_EXPECT_EQ(test, hv->defers, num - 1);
	reap();
	KUNIT_EXPECT_EQ(test, page_count(last), 2);

	/* The next driver waits for it. */
	KUNIT_ASSERT_TRUE(test, add_link(test, 0, PEER, REF, -1));
	msleep(20);
	KUNIT_EXPECT_PTR_EQ(test, pfn_to_page(PHYS_PFN(hv->ref[REF].phys)), first);
	peer_unmap(t);
	KUNIT_ASSERT_TRUE(test, until(hv->ref[REF].granted &&
				      pfn_to_page(PHYS_PFN(hv->ref[REF].phys)) != first));
	KUNIT_EXPECT_EQ(test, page_count(first), 1);
	reap();
	KUNIT_EXPECT_EQ(test, page_count(last), 1);
	put_page(first);
	put_page(last);

	peer_map(test, REF);
	peer_handshake(test, 1, 2);
	peer_unmap(t);
	remove_link(t, 0);
	all_clean(test);
}

static void unmap_all(struct work_struct *work)
{
	unsigned int i;

	for (i = 0; i < REFS; i++)
		WRITE_ONCE(hv->ref[i].mapped, false);
}

static DECLARE_DELAYED_WORK(unmap_work, unmap_all);

/* A peer that unmaps when it is told to is waited for; one that does not is not. */
static void xen_test_held_for_a_while(struct kunit *test)
{
	struct vmsg_xen_mem mem;
	unsigned int i;

	KUNIT_ASSERT_EQ(test, vmsg_xen_mem_init(&mem, 16 * VMSG_XEN_PAGE, 0), 0);
	vmsg_xen_mem_grant(&mem, 0, mem.num, PEER);
	for (i = 0; i < mem.num; i++)
		KUNIT_EXPECT_TRUE(test, hv->ref[mem.refs[i]].granted);
	hv->ref[mem.refs[3]].mapped = true;
	schedule_delayed_work(&unmap_work, msecs_to_jiffies(50));
	KUNIT_EXPECT_EQ(test, vmsg_xen_mem_free(&mem, 30000), 0);
	cancel_delayed_work_sync(&unmap_work);
	KUNIT_EXPECT_EQ(test, hv->defers, 0);
	all_clean(test);

	KUNIT_ASSERT_EQ(test, vmsg_xen_mem_init(&mem, 16 * VMSG_XEN_PAGE, 0), 0);
	vmsg_xen_mem_grant(&mem, 0, mem.num, PEER);
	hv->ref[mem.refs[3]].mapped = true;
	KUNIT_EXPECT_EQ(test, vmsg_xen_mem_free(&mem, 30), 1);
	KUNIT_EXPECT_EQ(test, hv->defers, 1);
	KUNIT_EXPECT_EQ(test, refs_taken(), 1);
	unmap_all(NULL);
	reap();
	all_clean(test);
}

static void xen_test_fragmented(struct kunit *test)
{
	struct xt *t = test->priv;

	hv->longest = 64;
	KUNIT_ASSERT_TRUE(test, add_link(test, 0, PEER, REF, -1));
	peer_map(test, REF);
	KUNIT_EXPECT_GE(test, get_unaligned_le32(t->mem + BOOT_RANGES), 64);
	peer_handshake(test, 1, 1);
	peer_unmap(t);
	remove_link(t, 0);
	KUNIT_EXPECT_EQ(test, hv->refs_left, REFS - FIRST_REF);
}

static void xen_test_too_fragmented(struct kunit *test)
{
	struct xt *t = test->priv;

	hv->longest = 2;
	KUNIT_EXPECT_FALSE(test, add_link(test, 0, PEER, REF, -1));
	KUNIT_EXPECT_FALSE(test, hv->ref[REF].granted);
	KUNIT_EXPECT_EQ(test, hv->refs_left, REFS - FIRST_REF);
	remove_link(t, 0);
}

static void xen_test_no_references(struct kunit *test)
{
	struct xt *t = test->priv;

	hv->refs_left = PAGES - 2;
	KUNIT_EXPECT_FALSE(test, add_link(test, 0, PEER, REF, -1));
	KUNIT_EXPECT_EQ(test, hv->refs_left, PAGES - 2);
	remove_link(t, 0);
	all_clean(test);
	hv->refs_left = PAGES - 1;
	KUNIT_EXPECT_TRUE(test, add_link(test, 0, PEER, REF, -1));
	KUNIT_EXPECT_EQ(test, hv->refs_left, 0);
	remove_link(t, 0);
	KUNIT_EXPECT_EQ(test, hv->refs_left, PAGES - 1);
	all_clean(test);
}

static void xen_test_bind_fails(struct kunit *test)
{
	struct xt *t = test->priv;

	static_port(PORT, PEER);
	hv->bind_fails = true;
	KUNIT_EXPECT_FALSE(test, add_link(test, 0, PEER, REF, -1));
	KUNIT_EXPECT_EQ(test, hv->closed, 1);
	remove_link(t, 0);
	KUNIT_EXPECT_FALSE(test, add_link(test, 0, PEER, REF, PORT));
	KUNIT_EXPECT_EQ(test, hv->closed, 1);
	KUNIT_EXPECT_TRUE(test, hv->port[PORT].open);
	remove_link(t, 0);
	all_clean(test);
}

/* Garbage all over the segment, again and again: the driver lives, and leaves. */
static void xen_test_hostile(struct kunit *test)
{
	struct xt *t = test->priv;
	struct rnd_state rnd;
	unsigned int i, k;
	u32 port = 1;

	prandom_seed_state(&rnd, 42);
	KUNIT_ASSERT_TRUE(test, add_link(test, 0, PEER, REF, -1));
	peer_map(test, REF);
	peer_handshake(test, port, 1);
	for (i = 0; i < 200; i++) {
		for (k = 0; k < 64; k++)
			t->mem[prandom_u32_state(&rnd) % 4096] = prandom_u32_state(&rnd);
		ring(port);
		if (i % 50 == 49) {
			prandom_bytes_state(&rnd, t->mem, 4096);
			ring(port);
			msleep(60);
		}
	}
	peer_unmap(t);
	remove_link(t, 0);
	all_clean(test);
}

/* The domain was restored: the table is empty, the ports are gone. */
static void xen_test_restore(struct kunit *test)
{
	struct xt *t = test->priv;
	struct vmsg_xen *x;
	unsigned int i;

	KUNIT_ASSERT_TRUE(test, add_link(test, 0, PEER, REF, -1));
	x = platform_get_drvdata(t->pdev[0]);
	peer_map(test, REF);
	peer_handshake(test, 1, 1);
	peer_unmap(t);
	for (i = 0; i < REFS; i++)
		hv->ref[i].granted = false;
	KUNIT_ASSERT_EQ(test, vmsg_xen_restore(x, PEER), 0);
	peer_map(test, REF);
	KUNIT_EXPECT_EQ(test, get_unaligned_le32(t->mem + BOOT_PORT), x->port);
	peer_handshake(test, x->port, 2);
	peer_unmap(t);
	remove_link(t, 0);
	all_clean(test);
}

/* Closed by one peer's wish, and opened for another, as after a migration. */
static void xen_test_other_peer(struct kunit *test)
{
	struct device *dev = kunit_device_register(test, "virtio_msg_xen_kunit");
	struct vmsg_xen *x = kunit_kzalloc(test, sizeof(*x), GFP_KERNEL);
	unsigned int i;

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, dev);
	KUNIT_ASSERT_NOT_NULL(test, x);
	KUNIT_ASSERT_EQ(test, vmsg_xen_init(x, dev, PEER), 0);
	KUNIT_ASSERT_EQ(test, vmsg_xen_open(x, PEER), 0);
	KUNIT_EXPECT_EQ(test, hv->port[x->port].domid, PEER);
	KUNIT_EXPECT_EQ(test, vmsg_xen_close(x), 0);
	all_clean(test);
	KUNIT_ASSERT_EQ(test, vmsg_xen_open(x, PEER + 1), 0);
	KUNIT_EXPECT_EQ(test, hv->port[x->port].domid, PEER + 1);
	for (i = 0; i < x->mem.num; i++)
		KUNIT_EXPECT_EQ(test, hv->ref[x->mem.refs[i]].domid, PEER + 1);
	/* Who opens it next is told what is held on to. */
	hv->ref[x->mem.refs[1]].mapped = true;
	KUNIT_EXPECT_EQ(test, vmsg_xen_close(x), 1);
	unmap_all(NULL);
	reap();
	all_clean(test);
}

static void xen_test_share(struct kunit *test)
{
	struct page *page = alloc_page(GFP_KERNEL);
	struct vmsg_xen x = { .domid = PEER, .share = 4 };
	phys_addr_t phys;

	KUNIT_ASSERT_NOT_NULL(test, page);
	phys = page_to_phys(page);
	KUNIT_ASSERT_EQ(test, hv_alloc_refs(4, &x.share_ref), 0);
	x.share_lost = bitmap_zalloc(4, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, x.share_lost);

	vmsg_xen_share(&x, 2, phys, false);
	KUNIT_EXPECT_TRUE(test, hv->ref[x.share_ref + 2].granted);
	KUNIT_EXPECT_TRUE(test, hv->ref[x.share_ref + 2].readonly);
	KUNIT_EXPECT_EQ(test, hv->ref[x.share_ref + 2].domid, PEER);
	KUNIT_EXPECT_EQ(test, hv->ref[x.share_ref + 2].phys, phys);
	KUNIT_EXPECT_TRUE(test, vmsg_xen_unshare(&x, 2, phys));
	KUNIT_EXPECT_FALSE(test, hv->ref[x.share_ref + 2].granted);
	/* The reference is kept for the next buffer. */
	KUNIT_EXPECT_TRUE(test, hv->ref[x.share_ref + 2].taken);
	KUNIT_EXPECT_EQ(test, page_count(page), 1);

	vmsg_xen_share(&x, 2, phys, true);
	KUNIT_EXPECT_FALSE(test, hv->ref[x.share_ref + 2].readonly);
	hv->ref[x.share_ref + 2].mapped = true;
	KUNIT_EXPECT_FALSE(test, vmsg_xen_unshare(&x, 2, phys));
	KUNIT_EXPECT_EQ(test, page_count(page), 2);
	KUNIT_EXPECT_TRUE(test, test_bit(2, x.share_lost));
	hv->ref[x.share_ref + 2].mapped = false;
	reap();
	KUNIT_EXPECT_EQ(test, page_count(page), 1);
	KUNIT_EXPECT_EQ(test, atomic64_read(&x.stats.grants), 2);
	KUNIT_EXPECT_EQ(test, atomic64_read(&x.stats.ends), 1);
	KUNIT_EXPECT_EQ(test, atomic64_read(&x.stats.kept), 1);
	bitmap_free(x.share_lost);
	__free_page(page);
}

static int xen_test_init(struct kunit *test)
{
	struct xt *t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, t);
	if (PAGE_SIZE != VMSG_XEN_PAGE)
		kunit_skip(test, "the peer's part is written for pages of 4 KiB");
	hv = kvzalloc_obj(*hv);
	KUNIT_ASSERT_NOT_NULL(test, hv);
	spin_lock_init(&hv->lock);
	hv->longest = REFS;
	hv->refs_left = REFS - FIRST_REF;
	hv->test = test;
	t->real = vmsg_xen_calls;
	test->priv = t;
	vmsg_xen_calls = &hv_calls;
	return 0;
}

static void xen_test_exit(struct kunit *test)
{
	struct xt *t = test->priv;
	unsigned int i;

	if (!t)
		return;
	for (i = 0; i < REFS; i++)
		hv->ref[i].mapped = false;
	for (i = 0; i < ARRAY_SIZE(t->pdev); i++)
		if (!IS_ERR_OR_NULL(t->pdev[i]))
			remove_link(t, i);
	if (t->mem)
		vunmap(t->mem);
	reap();
	vmsg_xen_mem_exit();
	vmsg_xen_calls = t->real;
	kvfree(hv);
	hv = NULL;
}

static struct kunit_case xen_test_cases[] = {
	KUNIT_CASE(xen_test_bootstrap),
	KUNIT_CASE(xen_test_properties),
	KUNIT_CASE(xen_test_same_reference),
	KUNIT_CASE(xen_test_static_port),
	KUNIT_CASE_SLOW(xen_test_wait_for_domain),
	KUNIT_CASE(xen_test_spurious),
	KUNIT_CASE_SLOW(xen_test_held),
	KUNIT_CASE(xen_test_held_for_a_while),
	KUNIT_CASE(xen_test_fragmented),
	KUNIT_CASE(xen_test_too_fragmented),
	KUNIT_CASE(xen_test_no_references),
	KUNIT_CASE(xen_test_bind_fails),
	KUNIT_CASE(xen_test_hostile),
	KUNIT_CASE(xen_test_restore),
	KUNIT_CASE_SLOW(xen_test_other_peer),
	KUNIT_CASE(xen_test_share),
	{}
};

static struct kunit_suite xen_test_suite = {
	.name = "virtio_msg_xen",
	.init = xen_test_init,
	.exit = xen_test_exit,
	.test_cases = xen_test_cases,
};

kunit_test_suite(xen_test_suite);

MODULE_DESCRIPTION("KUnit tests of virtio_msg_xen");
MODULE_LICENSE("GPL");
MODULE_IMPORT_NS("EXPORTED_FOR_KUNIT_TESTING");
