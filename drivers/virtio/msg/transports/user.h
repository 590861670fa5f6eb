/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * virtio-msg over /dev/virtio-msg: a bus, and what its files share
 *
 * user.c has the file operations and the life of a bus, user_event.c the
 * eventfds, user_window.c the memory, user_check.c what can be checked without
 * a process.
 */
#ifndef _VIRTIO_MSG_TRANSPORTS_USER_H
#define _VIRTIO_MSG_TRANSPORTS_USER_H

#include <linux/irq_work.h>
#include <linux/mutex.h>
#include <linux/poll.h>
#include <linux/rcupdate.h>
#include <linux/spinlock.h>
#include <linux/uidgid.h>
#include <linux/virtio_msg.h>
#include <linux/wait.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>

#include "user_check.h"

struct eventfd_ctx;
struct file;
struct mm_struct;
struct page;
struct vmsg_user;

/**
 * struct vmsg_user_file - an open file
 * @lock: serialises what makes it a bus
 * @wait: who reads, writes or polls
 * @u: its bus; NULL until there is one, then for as long as the file is open
 */
struct vmsg_user_file {
	struct mutex lock; /* see above */
	wait_queue_head_t wait;
	struct vmsg_user *u;
};

/**
 * struct vmsg_user_event - an eventfd of a queue
 * @u: the bus
 * @ctx: the eventfd
 * @dev: device number
 * @vq: queue
 * @call: used buffers, else kicks
 * @wqh: where @wait is queued; call only
 * @wait: our entry there
 * @pt: to get it there
 * @work: tells the core
 * @rcu: a kick may be using it
 */
struct vmsg_user_event {
	struct vmsg_user *u;
	struct eventfd_ctx *ctx;
	u16 dev;
	u16 vq;
	bool call;
	wait_queue_head_t *wqh;
	wait_queue_entry_t wait;
	poll_table pt;
	struct irq_work work;
	struct rcu_head rcu;
};

/**
 * struct vmsg_user - a bus
 * @node: in vmsg_user_list
 * @state: who has it; under vmsg_user_lock
 * @deadline: when the wait for a successor ends, jiffies; under vmsg_user_lock
 * @end: gives the bus up and frees it
 * @owner: effective user ID of who set it up
 * @pid: process of the present server, for people
 * @bus: the core's half
 * @setup: as it was granted, window_fd aside
 * @mm: whose locked pages count ours
 * @locked: how many pages they are
 * @window: the memory file
 * @pages: its pages, each with a reference
 * @num_pages: how many
 * @va: where they are mapped
 * @lock: guards @server, @up, @ring
 * @server: the file that has the bus
 * @up: the core has sent something on this link
 * @gone: the core has given this link up
 * @ring: frames for read()
 * @read_lock: one reader at a time takes frames
 * @write_lock: one writer at a time uses @piece
 * @piece: the copy of what is being written
 * @event_lock: serialises changes of @kicks, @calls, @num_events
 * @kicks: struct vmsg_user_event by device and queue, read under RCU
 * @calls: likewise
 * @num_events: entries of both
 */
struct vmsg_user {
	struct list_head node;
	enum vmsg_user_state state;
	unsigned long deadline;
	struct delayed_work end;
	kuid_t owner;
	pid_t pid;
	struct virtio_msg_bus *bus;
	struct virtio_msg_user_setup setup;

	struct mm_struct *mm;
	unsigned long locked;
	struct file *window;
	struct page **pages;
	unsigned long num_pages;
	void *va;

	spinlock_t lock; /* see above */
	struct vmsg_user_file *server;
	bool up;
	bool gone;
	struct vmsg_user_ring ring;
	struct mutex read_lock; /* see above */
	struct mutex write_lock; /* see above */
	u8 *piece;

	struct mutex event_lock; /* see above */
	struct xarray kicks;
	struct xarray calls;
	unsigned int num_events;
};

int vmsg_user_kick(struct virtio_msg_bus *bus, u16 dev_num, u16 vq);
int vmsg_user_set_event(struct vmsg_user *u,
			const struct virtio_msg_user_eventfd *arg,
			struct file *file);
void vmsg_user_drop_events(struct vmsg_user *u);

int vmsg_user_map(struct vmsg_user *u);
void vmsg_user_unmap(struct vmsg_user *u);
int vmsg_user_window_free(struct vmsg_user *u);
int vmsg_user_charge(struct vmsg_user *u);
void vmsg_user_uncharge(struct mm_struct *mm, unsigned long pages);

#endif /* _VIRTIO_MSG_TRANSPORTS_USER_H */
