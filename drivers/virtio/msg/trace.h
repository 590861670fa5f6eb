/* SPDX-License-Identifier: GPL-2.0-only */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM virtio_msg

#if !defined(_DRIVERS_VIRTIO_MSG_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define _DRIVERS_VIRTIO_MSG_TRACE_H

#include <linux/ktime.h>
#include <linux/tracepoint.h>
#include "internal.h"

/* Longer frames are cut: an event must fit a page of the ring buffer. */
#define VMSG_TRACE_BYTES	1024

/* In words that programs outside the kernel can evaluate, too. */
#define vmsg_show_msg(type, msg_id)						\
	__print_symbolic(((type) & VIRTIO_MSG_TYPE_BUS) << 8 | (msg_id),	\
		{ VIRTIO_MSG_GET_DEVICE_INFO, "GET_DEVICE_INFO" },		\
		{ VIRTIO_MSG_GET_DEVICE_FEATURES, "GET_DEVICE_FEATURES" },	\
		{ VIRTIO_MSG_SET_DRIVER_FEATURES, "SET_DRIVER_FEATURES" },	\
		{ VIRTIO_MSG_GET_CONFIG, "GET_CONFIG" },			\
		{ VIRTIO_MSG_SET_CONFIG, "SET_CONFIG" },			\
		{ VIRTIO_MSG_GET_DEVICE_STATUS, "GET_DEVICE_STATUS" },		\
		{ VIRTIO_MSG_SET_DEVICE_STATUS, "SET_DEVICE_STATUS" },		\
		{ VIRTIO_MSG_GET_VQUEUE, "GET_VQUEUE" },			\
		{ VIRTIO_MSG_SET_VQUEUE, "SET_VQUEUE" },			\
		{ VIRTIO_MSG_RESET_VQUEUE, "RESET_VQUEUE" },			\
		{ VIRTIO_MSG_GET_SHM, "GET_SHM" },				\
		{ VIRTIO_MSG_EVENT_CONFIG, "EVENT_CONFIG" },			\
		{ VIRTIO_MSG_EVENT_AVAIL, "EVENT_AVAIL" },			\
		{ VIRTIO_MSG_EVENT_USED, "EVENT_USED" },			\
		{ 0x200 | VIRTIO_MSG_BUS_GET_DEVICES, "GET_DEVICES" },		\
		{ 0x200 | VIRTIO_MSG_BUS_PING, "PING" },			\
		{ 0x200 | VIRTIO_MSG_BUS_EVENT_DEVICE, "EVENT_DEVICE" })

/*
 * The header @h is NULL for a frame that has none that makes sense; its bytes
 * are recorded all the same.
 */
DECLARE_EVENT_CLASS(vmsg_frame,
	TP_PROTO(struct virtio_msg_bus *bus, const struct vmsg_wire *wire,
		 const struct vmsg_hdr *h, const void *frame, size_t len, int ret,
		 u64 begin, u64 end),
	TP_ARGS(bus, wire, h, frame, len, ret, begin, end),
	TP_STRUCT__entry(
		__field(int, bus)
		__field(u8, wire)
		__field(u8, type)
		__field(u8, msg_id)
		__field(u16, dev)
		__field(u16, size)
		__field(u16, result)
		__field(u32, xid)
		__field(u32, len)
		__field(int, ret)
		__field(u64, begin)
		__field(u64, took)
		__dynamic_array(u8, frame, min_t(size_t, len, VMSG_TRACE_BYTES))
	),
	TP_fast_assign(
		__entry->bus = bus->id;
		__entry->wire = wire ? wire->rev : VIRTIO_MSG_WIRE_COUNT;
		__entry->type = h ? h->type : 0;
		__entry->msg_id = h ? h->msg_id : 0;
		__entry->dev = h ? h->dev_num : 0;
		__entry->size = h ? h->msg_size : 0;
		__entry->result = h ? h->result : 0;
		__entry->xid = h ? h->xid : 0;
		__entry->len = len;
		__entry->ret = ret;
		__entry->begin = begin;
		__entry->took = end - begin;
		memcpy(__get_dynamic_array(frame), frame,
		       min_t(size_t, len, VMSG_TRACE_BYTES));
	),
	TP_printk("bus=%d dev=%u type=%#x id=%#x %s size=%u xid=%u result=%u ret=%d took=%lluns len=%u frame={%s}",
		  __entry->bus, __entry->dev, __entry->type, __entry->msg_id,
		  vmsg_show_msg(__entry->type, __entry->msg_id),
		  __entry->size, __entry->xid, __entry->result, __entry->ret,
		  __entry->took, __entry->len,
		  __print_hex(__get_dynamic_array(frame), __get_dynamic_array_len(frame)))
);

/*
 * After the transport's send(), whose @begin and @end are times of
 * CLOCK_MONOTONIC: the answer may have been traced before, even long before, if
 * the sender was preempted.
 */
DEFINE_EVENT(vmsg_frame, vmsg_tx,
	TP_PROTO(struct virtio_msg_bus *bus, const struct vmsg_wire *wire,
		 const struct vmsg_hdr *h, const void *frame, size_t len, int ret,
		 u64 begin, u64 end),
	TP_ARGS(bus, wire, h, frame, len, ret, begin, end));

/* Before anything is done with the frame; @begin and @end are 0. */
DEFINE_EVENT(vmsg_frame, vmsg_rx,
	TP_PROTO(struct virtio_msg_bus *bus, const struct vmsg_wire *wire,
		 const struct vmsg_hdr *h, const void *frame, size_t len, int ret,
		 u64 begin, u64 end),
	TP_ARGS(bus, wire, h, frame, len, ret, begin, end));

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
		/* 0: nobody was looking when it was submitted. */
		__entry->ns = x->started ? ktime_get_ns() - x->started : 0;
	),
	TP_printk("bus=%d dev=%u %s xfer=%p xid=%u status=%d age=%lluns",
		  __entry->bus, __entry->dev,
		  vmsg_show_msg(__entry->type, __entry->msg_id),
		  __entry->xfer, __entry->xid, __entry->status, __entry->ns)
);

DEFINE_EVENT(vmsg_xfer, vmsg_xfer_start,
	TP_PROTO(struct virtio_msg_bus *bus, const struct vmsg_xfer *x),
	TP_ARGS(bus, x));

DEFINE_EVENT(vmsg_xfer, vmsg_xfer_end,
	TP_PROTO(struct virtio_msg_bus *bus, const struct vmsg_xfer *x),
	TP_ARGS(bus, x));

/* The numbers of an enum are known to the kernel only, unless they are told. */
TRACE_DEFINE_ENUM(VMSG_BUS_NEW);
TRACE_DEFINE_ENUM(VMSG_BUS_WAITING);
TRACE_DEFINE_ENUM(VMSG_BUS_RUNNING);
TRACE_DEFINE_ENUM(VMSG_BUS_SUSPENDED);
TRACE_DEFINE_ENUM(VMSG_BUS_AWAY);
TRACE_DEFINE_ENUM(VMSG_BUS_LOST);
TRACE_DEFINE_ENUM(VMSG_BUS_DEAD);
TRACE_DEFINE_ENUM(VMSG_BUS_STOPPED);

#define vmsg_show_state(state)				\
	__print_symbolic(state,				\
		{ VMSG_BUS_NEW, "new" },		\
		{ VMSG_BUS_WAITING, "waiting" },	\
		{ VMSG_BUS_RUNNING, "running" },	\
		{ VMSG_BUS_SUSPENDED, "suspended" },	\
		{ VMSG_BUS_AWAY, "away" },		\
		{ VMSG_BUS_LOST, "lost" },		\
		{ VMSG_BUS_DEAD, "dead" },		\
		{ VMSG_BUS_STOPPED, "stopped" })

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
	TP_printk("bus=%d %s -> %s", __entry->bus, vmsg_show_state(__entry->from),
		  vmsg_show_state(__entry->to))
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
