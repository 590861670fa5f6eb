/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Faults on purpose, for tests; nothing at all without
 * CONFIG_VIRTIO_MSG_FAULT_INJECTION
 */
#ifndef _DRIVERS_VIRTIO_MSG_FAULT_H
#define _DRIVERS_VIRTIO_MSG_FAULT_H

#include <linux/atomic.h>
#include <linux/kconfig.h>
#include <linux/list.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/workqueue.h>

struct dentry;
struct virtio_msg_bus;

/**
 * enum vmsg_fault_kind - what goes wrong
 * @VMSG_FAULT_FAIL: the transport fails to send a message, with -EIO
 * @VMSG_FAULT_DROP: a message, of either direction, is lost
 * @VMSG_FAULT_DELAY: a message that has come is late by @late_ms
 * @VMSG_FAULT_DUPLICATE: a message that has come comes twice
 * @VMSG_FAULT_CORRUPT: a byte of a message that has come is another
 * @VMSG_FAULT_EXHAUST: the transport is full for a while, or the window is
 * @VMSG_FAULT_NOMEM: an allocation fails
 * @VMSG_FAULT_KINDS: how many kinds there are
 */
enum vmsg_fault_kind {
	VMSG_FAULT_FAIL,
	VMSG_FAULT_DROP,
	VMSG_FAULT_DELAY,
	VMSG_FAULT_DUPLICATE,
	VMSG_FAULT_CORRUPT,
	VMSG_FAULT_EXHAUST,
	VMSG_FAULT_NOMEM,
	VMSG_FAULT_KINDS
};

/**
 * struct vmsg_fault_point - how often one of them happens; all may be written at
 *	any time, by debugfs or a test
 * @probability: of a thousand; 0: never
 * @skip: so many chances first come to nothing
 * @count: and then so many are taken; negative: all
 * @hits: how often it has happened
 */
struct vmsg_fault_point {
	u32 probability;
	atomic_t skip;
	atomic_t count;
	atomic_t hits;
};

/**
 * struct vmsg_faults - those of a bus
 * @bus: the bus
 * @point: each kind
 * @late_ms: by how much a message is late
 * @lock: guards @late; taken with interrupts off
 * @late: messages that are late, in order
 * @work: hands them on
 * @space: announces room that a full transport did not have
 */
struct vmsg_faults {
	struct virtio_msg_bus *bus;
	struct vmsg_fault_point point[VMSG_FAULT_KINDS];
	u32 late_ms;
	/* guards late */
	spinlock_t lock;
	struct list_head late;
	struct delayed_work work;
	struct delayed_work space;
};

#if IS_ENABLED(CONFIG_VIRTIO_MSG_FAULT_INJECTION)
int vmsg_fault_init(struct virtio_msg_bus *bus);
void vmsg_fault_exit(struct virtio_msg_bus *bus);
void vmsg_fault_free(struct virtio_msg_bus *bus);
void vmsg_fault_debugfs(struct virtio_msg_bus *bus, struct dentry *dir);
bool vmsg_fault(struct virtio_msg_bus *bus, enum vmsg_fault_kind kind);
bool vmsg_fault_send(struct virtio_msg_bus *bus, int *ret);
bool vmsg_fault_rx(struct virtio_msg_bus *bus, const void *frame, size_t len, int *ret);
#else
static inline int vmsg_fault_init(struct virtio_msg_bus *bus)
{
	return 0;
}

static inline void vmsg_fault_exit(struct virtio_msg_bus *bus)
{
}

static inline void vmsg_fault_free(struct virtio_msg_bus *bus)
{
}

static inline void vmsg_fault_debugfs(struct virtio_msg_bus *bus, struct dentry *dir)
{
}

static inline bool vmsg_fault(struct virtio_msg_bus *bus, enum vmsg_fault_kind kind)
{
	return false;
}

static inline bool vmsg_fault_send(struct virtio_msg_bus *bus, int *ret)
{
	return false;
}

static inline bool vmsg_fault_rx(struct virtio_msg_bus *bus, const void *frame,
				 size_t len, int *ret)
{
	return false;
}
#endif

/* For allocations: @call, or NULL instead. */
#define vmsg_alloc(bus, call) \
	(vmsg_fault(bus, VMSG_FAULT_NOMEM) ? NULL : (call))

#endif /* _DRIVERS_VIRTIO_MSG_FAULT_H */
