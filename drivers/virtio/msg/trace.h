/* SPDX-License-Identifier: GPL-2.0-only */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM virtio_msg

#if !defined(_DRIVERS_VIRTIO_MSG_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define _DRIVERS_VIRTIO_MSG_TRACE_H

#include <linux/ktime.h>
#include <linux/tracepoint.h>
#include "internal.h"

DECLARE_EVENT_CLASS(vmsg_frame,
	TP_PROTO(struct virtio_msg_bus *bus, const struct vmsg_hdr *h, int ret),
	TP_ARGS(bus, h, ret),
	TP_STRUCT__entry(
		__field(int, bus)
		__field(u8, type)
		__field(u8, msg_id)
		__field(u16, dev)
		__field(u16, size)
		__field(u16, result)
		__field(u32, xid)
		__field(int, ret)
	),
	TP_fast_assign(
		__entry->bus = bus->id;
		__entry->type = h->type;
		__entry->msg_id = h->msg_id;
		__entry->dev = h->dev_num;
		__entry->size = h->msg_size;
		__entry->result = h->result;
		__entry->xid = h->xid;
		__entry->ret = ret;
	),
	TP_printk("bus=%d dev=%u type=%#x id=%#x %s size=%u xid=%u result=%u ret=%d",
		  __entry->bus, __entry->dev, __entry->type, __entry->msg_id,
		  vmsg_msg_name(__entry->type & VIRTIO_MSG_TYPE_BUS,
				__entry->msg_id),
		  __entry->size, __entry->xid, __entry->result, __entry->ret)
);

DEFINE_EVENT(vmsg_frame, vmsg_tx,
	TP_PROTO(struct virtio_msg_bus *bus, const struct vmsg_hdr *h, int ret),
	TP_ARGS(bus, h, ret));

DEFINE_EVENT(vmsg_frame, vmsg_rx,
	TP_PROTO(struct virtio_msg_bus *bus, const struct vmsg_hdr *h, int ret),
	TP_ARGS(bus, h, ret));

DECLARE_EVENT_CLASS(vmsg_xfer,
	TP_PROTO(struct virtio_msg_bus *bus, const struct vmsg_xfer *x),
	TP_ARGS(bus, x),
	TP_STRUCT__entry(
		__field(int, bus)
		__field(const void *, xfer)
		__field(u8, type)
		__field(u8, msg_id)
		__field(u16, dev)
		__field(u32, xid)
		__field(int, status)
		__field(u64, ns)
	),
	TP_fast_assign(
		__entry->bus = bus->id;
		__entry->xfer = x;
		__entry->type = x->hdr.type;
		__entry->msg_id = x->hdr.msg_id;
		__entry->dev = x->hdr.dev_num;
		__entry->xid = x->xid;
		__entry->status = x->status;
		__entry->ns = ktime_get_ns() - x->started;
	),
	TP_printk("bus=%d dev=%u %s xfer=%p xid=%u status=%d age=%lluns",
		  __entry->bus, __entry->dev,
		  vmsg_msg_name(__entry->type & VIRTIO_MSG_TYPE_BUS,
				__entry->msg_id),
		  __entry->xfer, __entry->xid, __entry->status, __entry->ns)
);

DEFINE_EVENT(vmsg_xfer, vmsg_xfer_start,
	TP_PROTO(struct virtio_msg_bus *bus, const struct vmsg_xfer *x),
	TP_ARGS(bus, x));

DEFINE_EVENT(vmsg_xfer, vmsg_xfer_end,
	TP_PROTO(struct virtio_msg_bus *bus, const struct vmsg_xfer *x),
	TP_ARGS(bus, x));

TRACE_EVENT(vmsg_bus_state,
	TP_PROTO(struct virtio_msg_bus *bus, unsigned int from, unsigned int to),
	TP_ARGS(bus, from, to),
	TP_STRUCT__entry(
		__field(int, bus)
		__field(unsigned int, from)
		__field(unsigned int, to)
	),
	TP_fast_assign(
		__entry->bus = bus->id;
		__entry->from = from;
		__entry->to = to;
	),
	TP_printk("bus=%d %u -> %u", __entry->bus, __entry->from, __entry->to)
);

DECLARE_EVENT_CLASS(vmsg_queue,
	TP_PROTO(struct virtio_msg_bus *bus, u16 dev, u16 vq, bool message),
	TP_ARGS(bus, dev, vq, message),
	TP_STRUCT__entry(
		__field(int, bus)
		__field(u16, dev)
		__field(u16, vq)
		__field(bool, message)
	),
	TP_fast_assign(
		__entry->bus = bus->id;
		__entry->dev = dev;
		__entry->vq = vq;
		__entry->message = message;
	),
	TP_printk("bus=%d dev=%u vq=%u by %s", __entry->bus, __entry->dev,
		  __entry->vq, __entry->message ? "message" : "word")
);

DEFINE_EVENT(vmsg_queue, vmsg_kick,
	TP_PROTO(struct virtio_msg_bus *bus, u16 dev, u16 vq, bool message),
	TP_ARGS(bus, dev, vq, message));

DEFINE_EVENT(vmsg_queue, vmsg_used,
	TP_PROTO(struct virtio_msg_bus *bus, u16 dev, u16 vq, bool message),
	TP_ARGS(bus, dev, vq, message));

#endif /* _DRIVERS_VIRTIO_MSG_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
