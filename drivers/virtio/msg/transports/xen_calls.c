// SPDX-License-Identifier: GPL-2.0-only
/*
 * virtio-msg over Xen: the calls of the hypervisor
 */

#include <linux/interrupt.h>
#include <xen/events.h>
#include <xen/grant_table.h>
#include <xen/interface/event_channel.h>
#include <xen/page.h>
#include <xen/xen.h>
#include <asm/xen/hypercall.h>

#include "xen.h"

static_assert(VMSG_XEN_PAGE == XEN_PAGE_SIZE);
static_assert(VMSG_XEN_REF_END == GNTTAB_NR_RESERVED_ENTRIES);

static bool vmsg_real_present(void)
{
	return xen_domain();
}

static int vmsg_real_alloc_refs(unsigned int count, u32 *first)
{
	return gnttab_alloc_grant_reference_seq(count, first);
}

static void vmsg_real_free_ref(u32 ref)
{
	gnttab_free_grant_reference(ref);
}

static void vmsg_real_grant(u32 ref, u16 domid, phys_addr_t phys, bool readonly)
{
	gnttab_grant_foreign_access_ref(ref, domid, pfn_to_gfn(XEN_PFN_DOWN(phys)),
					readonly);
}

static bool vmsg_real_end(u32 ref)
{
	return gnttab_end_foreign_access_ref(ref);
}

static bool vmsg_real_release(u32 ref)
{
	return gnttab_try_end_foreign_access(ref);
}

static void vmsg_real_defer(u32 ref, struct page *page)
{
	gnttab_end_foreign_access(ref, page);
}

static int vmsg_real_alloc_port(u16 domid, u32 *port)
{
	struct evtchn_alloc_unbound op = {
		.dom = DOMID_SELF,
		.remote_dom = domid,
	};
	int ret = HYPERVISOR_event_channel_op(EVTCHNOP_alloc_unbound, &op);

	if (!ret)
		*port = op.port;
	return ret;
}

static void vmsg_real_close_port(u32 port)
{
	struct evtchn_close op = { .port = port };

	HYPERVISOR_event_channel_op(EVTCHNOP_close, &op);
}

static int vmsg_real_check_port(u32 port, u16 domid)
{
	struct evtchn_status op = {
		.dom = DOMID_SELF,
		.port = port,
	};

	if (HYPERVISOR_event_channel_op(EVTCHNOP_status, &op))
		return -ENODEV;
	/* One whose other end was closed may be bound again. */
	if (op.status == EVTCHNSTAT_interdomain && op.u.interdomain.dom == domid)
		return 0;
	if (op.status == EVTCHNSTAT_unbound && op.u.unbound.dom == domid)
		return 0;
	return -ENODEV;
}

/*
 * A port of the device tree is there for good: who closes it cannot have it
 * again.  So it is marked as such before anything can fail.
 */
static int vmsg_real_bind(u32 port, bool fixed, irq_handler_t handler, void *data)
{
	int irq = bind_evtchn_to_irq_lateeoi(port);
	int ret;

	if (irq < 0) {
		if (!fixed)
			vmsg_real_close_port(port);
		return irq;
	}
	ret = evtchn_make_refcounted(port, fixed);
	if (!ret)
		ret = request_irq(irq, handler, 0, "virtio_msg_xen", data);
	if (!ret)
		return irq;
	/* The last reference: a port that is not fixed is closed by this. */
	evtchn_put(port);
	return ret;
}

static void vmsg_real_unbind(int irq, void *data)
{
	unbind_from_irqhandler(irq, data);
}

static void vmsg_real_notify(u32 port)
{
	notify_remote_via_evtchn(port);
}

static void vmsg_real_eoi(int irq, bool spurious)
{
	xen_irq_lateeoi(irq, spurious ? XEN_EOI_FLAG_SPURIOUS : 0);
}

const struct vmsg_xen_calls vmsg_xen_real_calls = {
	.present = vmsg_real_present,
	.alloc_refs = vmsg_real_alloc_refs,
	.free_ref = vmsg_real_free_ref,
	.grant = vmsg_real_grant,
	.end = vmsg_real_end,
	.release = vmsg_real_release,
	.defer = vmsg_real_defer,
	.alloc_port = vmsg_real_alloc_port,
	.close_port = vmsg_real_close_port,
	.check_port = vmsg_real_check_port,
	.bind = vmsg_real_bind,
	.unbind = vmsg_real_unbind,
	.notify = vmsg_real_notify,
	.eoi = vmsg_real_eoi,
};
