// SPDX-License-Identifier: GPL-2.0-only
/*
 * virtio-msg over /dev/virtio-msg: the device side is a process of this kernel
 *
 * An open file becomes a bus by an ioctl.  Frames go through read() and write(),
 * rings and buffers lie in a memory file that the process maps and that we have
 * mapped for ever: what it does to the file afterwards changes its own view
 * only.  Kicks and used events may go through eventfds.  See
 * Documentation/userspace-api/virtio-msg.rst.
 *
 * Who has a bus is a state (enum vmsg_user_state) under vmsg_user_lock: the file
 * that set it up, then maybe nobody for a while, then a successor.  It belongs
 * to the struct file, so fork, dup and SCM_RIGHTS need no care, and whatever
 * runs in a system call on the file has it for that long.  The last close never
 * waits for the devices, which may need this very process; what takes time
 * happens in a work item.
 */

#include <linux/capability.h>
#include <linux/cleanup.h>
#include <linux/cred.h>
#include <linux/eventfd.h>
#include <linux/fcntl.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/jiffies.h>
#include <linux/kstrtox.h>
#include <linux/list.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/poll.h>
#include <linux/sched/signal.h>
#include <linux/seq_file.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/uaccess.h>
#include <linux/uio.h>
#include <linux/user_namespace.h>
#include <linux/virtio_msg.h>
#include <linux/workqueue.h>

#include "user.h"

/* How long write() waits for the link of a bus that has just been set up. */
#define VMSG_USER_UP_TIMEOUT	(5 * HZ)

/* write() looks at the frames in a copy, piece by piece. */
#define VMSG_USER_PIECE		SZ_4K
static_assert(ALIGN(VMSG_USER_MAX_MSG, VIRTIO_MSG_USER_ALIGN) <= VMSG_USER_PIECE);

static unsigned int max_buses = 4;
module_param(max_buses, uint, 0644);
MODULE_PARM_DESC(max_buses, "buses of one user without CAP_SYS_ADMIN (default 4)");

static unsigned int max_devices = 64;
module_param(max_devices, uint, 0644);
MODULE_PARM_DESC(max_devices,
		 "devices of one bus without CAP_SYS_ADMIN (default 64)");

static unsigned int max_window_mb = 64;
module_param(max_window_mb, uint, 0644);
MODULE_PARM_DESC(max_window_mb,
		 "MiB of one window without CAP_SYS_ADMIN (default 64)");

/* Guards the list, and who has each bus.  Never held over an access to user memory. */
static DEFINE_MUTEX(vmsg_user_lock);
static LIST_HEAD(vmsg_user_list);
static struct workqueue_struct *vmsg_user_wq;
static struct miscdevice vmsg_user_misc;

static void vmsg_user_wake(struct vmsg_user *u, __poll_t what)
{
	lockdep_assert_held(&u->lock);
	if (u->server)
		wake_up_interruptible_poll(&u->server->wait, what);
}

/*
 * Operations of the transport
 */

static void vmsg_user_link_up(struct vmsg_user *u, bool continues)
{
	struct virtio_msg_link link = {
		.wire = u->setup.wire,
		.max_msg_size = u->setup.max_msg_size,
		.kick_words = u->setup.flags & VIRTIO_MSG_USER_F_KICKFD,
		.max_devices = u->setup.max_devices,
		.may_return = u->setup.recover_ms,
		.continues = continues,
		.peer = ~0U,
		.window = {
			.va = u->va,
			.phys = ~(phys_addr_t)0,
			.size = u->setup.window_size,
			.wire = VIRTIO_MSG_USER_WINDOW,
		},
		.shm_phys = ~(phys_addr_t)0,
	};

	virtio_msg_peer_up(u->bus, &link);
}

static int vmsg_user_start(struct virtio_msg_bus *bus)
{
	vmsg_user_link_up(virtio_msg_bus_priv(bus), false);
	return 0;
}

static void vmsg_user_stop(struct virtio_msg_bus *bus)
{
	/* A bus ends after its file: nobody writes, and the eventfds are gone. */
}

static int vmsg_user_send(struct virtio_msg_bus *bus, const void *frame, size_t len)
{
	struct vmsg_user *u = virtio_msg_bus_priv(bus);
	unsigned long flags;
	int ret = -ENOTCONN;

	spin_lock_irqsave(&u->lock, flags);
	if (u->server) {
		ret = vmsg_user_ring_put(&u->ring, frame, len);
		/* The first message tells that the core takes some, too. */
		if (!u->up) {
			WRITE_ONCE(u->up, true);
			vmsg_user_wake(u, EPOLLIN | EPOLLRDNORM | EPOLLOUT | EPOLLWRNORM);
		} else if (!ret) {
			vmsg_user_wake(u, EPOLLIN | EPOLLRDNORM);
		}
	}
	spin_unlock_irqrestore(&u->lock, flags);
	return ret;
}

/* The core has given the peer up, all devices are gone. */
static void vmsg_user_lost(struct virtio_msg_bus *bus)
{
	struct vmsg_user *u = virtio_msg_bus_priv(bus);
	unsigned long flags;

	/*
	 * Without @up it was the predecessor who was lost.  The link does not
	 * come back on its own: what the process does not know to have ended it
	 * may still write to the window for.
	 */
	spin_lock_irqsave(&u->lock, flags);
	if (u->up) {
		WRITE_ONCE(u->gone, true);
		vmsg_user_wake(u, EPOLLERR | EPOLLHUP | EPOLLIN | EPOLLOUT);
	}
	spin_unlock_irqrestore(&u->lock, flags);
}

/* The core has given the bus up, whoever served it. */
static void vmsg_user_dead(struct virtio_msg_bus *bus)
{
	struct vmsg_user *u = virtio_msg_bus_priv(bus);
	unsigned long flags;

	spin_lock_irqsave(&u->lock, flags);
	WRITE_ONCE(u->gone, true);
	vmsg_user_wake(u, EPOLLERR | EPOLLHUP | EPOLLIN | EPOLLOUT);
	spin_unlock_irqrestore(&u->lock, flags);
}

static void vmsg_user_show(struct virtio_msg_bus *bus, struct seq_file *s)
{
	static const char * const names[] = {
		[VMSG_USER_SERVED] = "served",
		[VMSG_USER_AWAY] = "waiting for a successor",
		[VMSG_USER_TAKEN] = "being taken over",
		[VMSG_USER_ENDING] = "ending",
	};
	struct vmsg_user *u = virtio_msg_bus_priv(bus);

	seq_printf(s, "name: %s\n", u->setup.name[0] ? u->setup.name : "-");
	seq_printf(s, "owner: uid %u, process %d\n",
		   from_kuid_munged(seq_user_ns(s), u->owner), READ_ONCE(u->pid));
	seq_printf(s, "server: %s\n", READ_ONCE(u->gone) ? "lost" :
		   names[READ_ONCE(u->state)]);
	seq_printf(s, "recovery: %u ms\n", u->setup.recover_ms);
	seq_printf(s, "frames waiting: %u of %u\n", READ_ONCE(u->ring.count),
		   u->ring.slots);
	seq_printf(s, "eventfds: %u\n", READ_ONCE(u->num_events));
	seq_printf(s, "window: %llu bytes\n", u->setup.window_size);
}

static const struct virtio_msg_transport_ops vmsg_user_ops = {
	.start = vmsg_user_start,
	.stop = vmsg_user_stop,
	.send = vmsg_user_send,
	.kick = vmsg_user_kick,
	.lost = vmsg_user_lost,
	.dead = vmsg_user_dead,
	.show = vmsg_user_show,
};

static const struct virtio_msg_transport_desc vmsg_user_desc = {
	.name = "user",
	.owner = THIS_MODULE,
	.ops = &vmsg_user_ops,
	.flags = VIRTIO_MSG_T_ATOMIC_SEND | VIRTIO_MSG_T_NEEDS_WINDOW,
	/* The device side is a process that may be on the CPU that waits for it. */
	.quirks = VIRTIO_MSG_Q_WORKER_KICK,
};

/*
 * A bus from its birth to its end
 */

static void vmsg_user_limits(struct vmsg_user_limits *lim)
{
	if (capable(CAP_SYS_ADMIN)) {
		lim->max_window = VMSG_USER_MAX_WINDOW;
		lim->max_devices = VMSG_USER_MAX_DEVICES;
		lim->max_buses = UINT_MAX;
		return;
	}
	lim->max_window = min_t(u64, (u64)READ_ONCE(max_window_mb) << 20,
				VMSG_USER_MAX_WINDOW);
	lim->max_devices = clamp(READ_ONCE(max_devices), 1, VMSG_USER_MAX_DEVICES);
	lim->max_buses = READ_ONCE(max_buses);
}

static struct vmsg_user *vmsg_user_find(const char *name)
{
	struct vmsg_user *u;

	lockdep_assert_held(&vmsg_user_lock);
	list_for_each_entry(u, &vmsg_user_list, node)
		if (u->state != VMSG_USER_ENDING && u->setup.name[0] &&
		    !strcmp(u->setup.name, name))
			return u;
	return NULL;
}

/* The name is free, and the user has not too much. */
static int vmsg_user_add(struct vmsg_user *u, const struct vmsg_user_limits *lim)
{
	unsigned long limit = rlimit(RLIMIT_MEMLOCK) >> PAGE_SHIFT;
	unsigned long locked = u->locked;
	unsigned int buses = 1;
	struct vmsg_user *other;
	int ret = 0;

	mutex_lock(&vmsg_user_lock);
	list_for_each_entry(other, &vmsg_user_list, node)
		if (uid_eq(other->owner, u->owner)) {
			/* One that waits is on no living process's account. */
			locked += other->locked;
			buses++;
		}
	if (vmsg_user_find(u->setup.name))
		ret = -EEXIST;
	else if (buses > lim->max_buses)
		ret = -EDQUOT;
	else if (locked > limit && !capable(CAP_IPC_LOCK))
		ret = -ENOMEM;
	else
		list_add_tail(&u->node, &vmsg_user_list);
	mutex_unlock(&vmsg_user_lock);
	return ret;
}

static void vmsg_user_free(struct vmsg_user *u)
{
	if (!IS_ERR_OR_NULL(u->bus))
		virtio_msg_bus_put(u->bus);
	vmsg_user_unmap(u);
	vmsg_user_uncharge(u->mm, u->locked);
	mutex_lock(&vmsg_user_lock);
	list_del(&u->node);
	mutex_unlock(&vmsg_user_lock);
	kvfree(u->ring.mem);
	kvfree(u->ring.len);
	kfree(u->piece);
	xa_destroy(&u->kicks);
	xa_destroy(&u->calls);
	kfree(u);
}

static void vmsg_user_end(struct work_struct *work)
{
	struct vmsg_user *u = container_of(to_delayed_work(work), struct vmsg_user, end);
	bool ending;

	mutex_lock(&vmsg_user_lock);
	/* Was it taken over, and maybe left again, while we came here? */
	if (u->state == VMSG_USER_AWAY && time_after_eq(jiffies, u->deadline))
		WRITE_ONCE(u->state, VMSG_USER_ENDING);
	ending = u->state == VMSG_USER_ENDING;
	/* It may have been queued once more meanwhile; nobody does that any more. */
	if (ending)
		cancel_delayed_work(&u->end);
	mutex_unlock(&vmsg_user_lock);
	if (!ending)
		return;
	virtio_msg_peer_lost(u->bus, "no successor came");
	virtio_msg_bus_unregister(u->bus);
	vmsg_user_free(u);
}

/* Nobody has it now.  The work frees it, unless a successor is faster. */
static void vmsg_user_leave(struct vmsg_user *u, enum vmsg_user_state state,
			    unsigned long deadline)
{
	unsigned long now = jiffies;

	mutex_lock(&vmsg_user_lock);
	WRITE_ONCE(u->state, state);
	u->deadline = deadline;
	mod_delayed_work(vmsg_user_wq, &u->end,
			 time_after(deadline, now) ? deadline - now : 0);
	mutex_unlock(&vmsg_user_lock);
}

static struct vmsg_user *vmsg_user_new(const struct virtio_msg_user_setup *setup)
{
	u32 stride = vmsg_user_stride(setup->max_msg_size);
	struct vmsg_user *u = kzalloc_obj(*u, GFP_KERNEL_ACCOUNT);

	if (!u)
		return NULL;
	u->setup = *setup;
	u->state = VMSG_USER_SERVED;
	u->owner = current_euid();
	u->pid = task_tgid_nr(current);
	INIT_LIST_HEAD(&u->node);
	INIT_DELAYED_WORK(&u->end, vmsg_user_end);
	spin_lock_init(&u->lock);
	mutex_init(&u->read_lock);
	mutex_init(&u->write_lock);
	mutex_init(&u->event_lock);
	xa_init(&u->kicks);
	xa_init(&u->calls);
	u->ring.slots = setup->frames;
	u->ring.size = setup->frames * stride;
	u->locked = (setup->window_size >> PAGE_SHIFT) + PFN_UP(u->ring.size);
	return u;
}

/* What takes memory, once the user may have it. */
static int vmsg_user_fill(struct vmsg_user *u)
{
	int ret = vmsg_user_charge(u);

	if (ret)
		return ret;
	u->ring.mem = kvzalloc(u->ring.size, GFP_KERNEL_ACCOUNT);
	u->ring.len = kvcalloc(u->ring.slots, sizeof(*u->ring.len), GFP_KERNEL_ACCOUNT);
	u->piece = kmalloc(VMSG_USER_PIECE, GFP_KERNEL_ACCOUNT);
	if (!u->ring.mem || !u->ring.len || !u->piece)
		return -ENOMEM;
	ret = vmsg_user_map(u);
	if (ret)
		return ret;
	u->bus = virtio_msg_bus_alloc(vmsg_user_misc.this_device, &vmsg_user_desc, u);
	if (IS_ERR(u->bus))
		return PTR_ERR(u->bus);
	return kstrtouint(dev_name(virtio_msg_bus_dev(u->bus)) + strlen("virtio-msg"),
			  10, &u->setup.bus);
}

/* From here on the file has the bus. */
static void vmsg_user_serve(struct vmsg_user *u, struct vmsg_user_file *f)
{
	spin_lock_irq(&u->lock);
	vmsg_user_ring_reset(&u->ring);
	WRITE_ONCE(u->up, false);
	u->server = f;
	spin_unlock_irq(&u->lock);
}

static void vmsg_user_publish(struct vmsg_user *u, struct vmsg_user_file *f)
{
	/* Pairs with vmsg_user_get(). */
	smp_store_release(&f->u, u);
	wake_up_interruptible_poll(&f->wait, EPOLLIN | EPOLLOUT);
}

static struct vmsg_user *vmsg_user_get(struct vmsg_user_file *f)
{
	/* Pairs with vmsg_user_publish(). */
	return smp_load_acquire(&f->u);
}

/*
 * ioctl
 */

/*
 * A structure that begins with its size.  Read twice: the second time it is the
 * first that counts.
 */
static int vmsg_user_copy_in(void *to, size_t have, u32 first,
			     const void __user *from, u32 *size)
{
	int ret;

	if (get_user(*size, (const u32 __user *)from))
		return -EFAULT;
	ret = vmsg_user_check_size(*size, first);
	if (!ret)
		ret = copy_struct_from_user(to, have, from, *size);
	*(u32 *)to = *size;
	return ret;
}

static int vmsg_user_copy_out(void __user *to, const void *from, size_t have, u32 size)
{
	return copy_to_user(to, from, min_t(size_t, have, size)) ? -EFAULT : 0;
}

static int vmsg_user_get_info(void __user *arg)
{
	struct virtio_msg_user_info info;
	struct vmsg_user_limits lim;
	u32 size;
	int ret;

	ret = vmsg_user_copy_in(&info, sizeof(info), VMSG_USER_INFO_V1, arg, &size);
	if (ret)
		return ret;
	vmsg_user_limits(&lim);
	info = (struct virtio_msg_user_info){
		.size = size,
		.version = VIRTIO_MSG_USER_VERSION,
		.setup_flags = VMSG_USER_F_KNOWN,
		.wires = VMSG_USER_WIRES,
		.max_msg_size = VMSG_USER_MAX_MSG,
		.max_frames = VMSG_USER_MAX_FRAMES,
		.max_devices = lim.max_devices,
		.max_window = lim.max_window,
	};
	return vmsg_user_copy_out(arg, &info, sizeof(info), size);
}

static int vmsg_user_do_setup(struct vmsg_user_file *f, void __user *arg)
{
	struct virtio_msg_user_setup setup;
	struct vmsg_user_limits lim;
	struct vmsg_user *u;
	int ret, fd;
	u32 size;

	lockdep_assert_held(&f->lock);
	if (f->u)
		return -EISCONN;
	ret = vmsg_user_copy_in(&setup, sizeof(setup), VMSG_USER_SETUP_V1, arg, &size);
	if (ret)
		return ret;
	vmsg_user_limits(&lim);
	ret = vmsg_user_check_setup(&setup, &lim);
	if (ret)
		return ret;
	vmsg_user_defaults(&setup, &lim);

	u = vmsg_user_new(&setup);
	if (!u)
		return -ENOMEM;
	ret = vmsg_user_add(u, &lim);
	if (ret) {
		kfree(u);
		return ret;
	}
	ret = vmsg_user_fill(u);
	if (ret)
		goto err_free;
	fd = get_unused_fd_flags(O_RDWR | O_CLOEXEC);
	if (fd < 0) {
		ret = fd;
		goto err_free;
	}
	u->setup.size = size;
	u->setup.window_fd = fd;
	ret = vmsg_user_copy_out(arg, &u->setup, sizeof(u->setup), size);
	if (ret)
		goto err_fd;
	/* The core may send as soon as it is registered. */
	vmsg_user_serve(u, f);
	ret = virtio_msg_bus_register(u->bus);
	if (ret)
		goto err_fd;
	vmsg_user_publish(u, f);
	fd_install(fd, get_file(u->window));
	return 0;

err_fd:
	put_unused_fd(fd);
err_free:
	vmsg_user_free(u);
	return ret;
}

/* The bus of that name, if the caller may take it over and it is free. */
static struct vmsg_user *vmsg_user_takeable(const char *name)
{
	struct vmsg_user *u;
	bool owner;
	int ret;

	lockdep_assert_held(&vmsg_user_lock);
	u = vmsg_user_find(name);
	if (!u)
		return ERR_PTR(-ENOENT);
	owner = uid_eq(u->owner, current_euid());
	ret = vmsg_user_may_take(u->state, owner, !owner && capable(CAP_SYS_ADMIN));
	if (!ret)
		ret = vmsg_user_window_free(u);
	return ret ? ERR_PTR(ret) : u;
}

/* What taking it over would give. */
static int vmsg_user_look(const char *name, struct virtio_msg_user_setup *setup)
{
	struct vmsg_user *u;

	guard(mutex)(&vmsg_user_lock);
	u = vmsg_user_takeable(name);
	if (IS_ERR(u))
		return PTR_ERR(u);
	*setup = u->setup;
	return 0;
}

/* Keep others away from it; @seen is what vmsg_user_look() has found. */
static struct vmsg_user *vmsg_user_grab(const char *name,
					const struct virtio_msg_user_setup *seen)
{
	struct vmsg_user *u;

	guard(mutex)(&vmsg_user_lock);
	u = vmsg_user_takeable(name);
	if (IS_ERR(u))
		return u;
	/* That one has ended, and another has its name. */
	if (memcmp(&u->setup, seen, sizeof(*seen)))
		return ERR_PTR(-EAGAIN);
	WRITE_ONCE(u->state, VMSG_USER_TAKEN);
	return u;
}

static int vmsg_user_do_take_over(struct vmsg_user_file *f, void __user *arg)
{
	struct virtio_msg_user_take_over t;
	struct virtio_msg_user_setup seen;
	struct mm_struct *mm;
	struct vmsg_user *u;
	int ret, fd;
	u32 size;

	lockdep_assert_held(&f->lock);
	if (f->u)
		return -EISCONN;
	ret = vmsg_user_copy_in(&t, sizeof(t), VMSG_USER_TAKE_OVER_V1, arg, &size);
	if (ret)
		return ret;
	ret = vmsg_user_check_take_over(&t);
	if (ret)
		return ret;
	fd = get_unused_fd_flags(O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return fd;
	/*
	 * The answer goes out before the bus is grabbed: the caller decides how
	 * long that takes, and meanwhile the deadline goes on and another
	 * successor may come.
	 */
	ret = vmsg_user_look(t.name, &seen);
	if (ret)
		goto err_fd;
	t.setup = seen;
	t.setup.size = sizeof(t.setup);
	t.setup.window_fd = fd;
	ret = vmsg_user_copy_out(arg, &t, sizeof(t), size);
	if (ret)
		goto err_fd;
	u = vmsg_user_grab(t.name, &seen);
	if (IS_ERR(u)) {
		ret = PTR_ERR(u);
		goto err_fd;
	}

	/* Nobody else looks at it now. */
	mm = u->mm;
	ret = vmsg_user_charge(u);
	if (ret) {
		vmsg_user_leave(u, VMSG_USER_AWAY, u->deadline);
		goto err_fd;
	}
	vmsg_user_uncharge(mm, u->locked);
	WRITE_ONCE(u->pid, task_tgid_nr(current));
	vmsg_user_serve(u, f);
	mutex_lock(&vmsg_user_lock);
	WRITE_ONCE(u->state, VMSG_USER_SERVED);
	mutex_unlock(&vmsg_user_lock);
	/* If it runs already it sees that there is nothing to do. */
	cancel_delayed_work(&u->end);
	vmsg_user_link_up(u, t.flags & VIRTIO_MSG_USER_TAKE_OVER_F_INTACT);
	vmsg_user_publish(u, f);
	fd_install(fd, get_file(u->window));
	return 0;

err_fd:
	put_unused_fd(fd);
	return ret;
}

static int vmsg_user_do_eventfd(struct vmsg_user *u, void __user *arg)
{
	struct virtio_msg_user_eventfd e;
	struct file *file = NULL;
	int ret;
	u32 size;

	ret = vmsg_user_copy_in(&e, sizeof(e), VMSG_USER_EVENTFD_V1, arg, &size);
	if (ret)
		return ret;
	ret = vmsg_user_check_eventfd(&e, u->setup.flags);
	if (ret)
		return ret;
	if (e.fd >= 0) {
		file = eventfd_fget(e.fd);
		if (IS_ERR(file))
			return PTR_ERR(file);
	}
	ret = mutex_lock_interruptible(&u->event_lock);
	if (!ret) {
		ret = vmsg_user_set_event(u, &e, file);
		mutex_unlock(&u->event_lock);
	}
	if (file)
		fput(file);
	return ret;
}

static long vmsg_user_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct vmsg_user_file *f = file->private_data;
	void __user *p = (void __user *)arg;
	struct vmsg_user *u;
	int ret;

	if (_IOC_TYPE(cmd) != VIRTIO_MSG_USER_IOC)
		return -ENOTTY;
	/* A structure that grows changes the size in @cmd. */
	switch (_IOC_NR(cmd)) {
	case _IOC_NR(VIRTIO_MSG_USER_GET_INFO):
		return vmsg_user_get_info(p);
	case _IOC_NR(VIRTIO_MSG_USER_SETUP):
	case _IOC_NR(VIRTIO_MSG_USER_TAKE_OVER):
		ret = mutex_lock_interruptible(&f->lock);
		if (ret)
			return ret;
		if (_IOC_NR(cmd) == _IOC_NR(VIRTIO_MSG_USER_SETUP))
			ret = vmsg_user_do_setup(f, p);
		else
			ret = vmsg_user_do_take_over(f, p);
		mutex_unlock(&f->lock);
		return ret;
	case _IOC_NR(VIRTIO_MSG_USER_SET_EVENTFD):
		u = vmsg_user_get(f);
		return u ? vmsg_user_do_eventfd(u, p) : -ENOTCONN;
	default:
		return -ENOTTY;
	}
}

/*
 * read, write, poll
 */

static bool vmsg_user_nowait(const struct kiocb *iocb)
{
	return iocb->ki_filp->f_flags & O_NONBLOCK || iocb->ki_flags & IOCB_NOWAIT;
}

static int vmsg_user_mutex(struct mutex *lock, bool nowait)
{
	if (nowait)
		return mutex_trylock(lock) ? 0 : -EAGAIN;
	return mutex_lock_interruptible(lock);
}

/* Deliver what fits.  Only we take frames out, so what is there stays there. */
static ssize_t vmsg_user_take(struct vmsg_user *u, struct iov_iter *to)
{
	struct vmsg_user_ring *r = &u->ring;
	struct vmsg_user_batch b;
	size_t part;
	bool full;
	int ret;

	lockdep_assert_held(&u->read_lock);
	if (READ_ONCE(u->gone))
		return -ENOTCONN;
	spin_lock_irq(&u->lock);
	ret = vmsg_user_ring_peek(r, iov_iter_count(to), &b);
	spin_unlock_irq(&u->lock);
	if (ret)
		return ret;

	part = min(b.bytes, r->size - b.at);
	if (copy_to_iter(r->mem + b.at, part, to) != part)
		return -EFAULT;
	if (copy_to_iter(r->mem, b.bytes - part, to) != b.bytes - part)
		return -EFAULT;

	spin_lock_irq(&u->lock);
	full = vmsg_user_ring_drop(r, &b);
	spin_unlock_irq(&u->lock);
	if (full)
		virtio_msg_tx_space(u->bus);
	return b.bytes;
}

static ssize_t vmsg_user_read_iter(struct kiocb *iocb, struct iov_iter *to)
{
	struct vmsg_user_file *f = iocb->ki_filp->private_data;
	struct vmsg_user *u = vmsg_user_get(f);
	bool nowait = vmsg_user_nowait(iocb);
	ssize_t ret;

	if (!u)
		return -ENOTCONN;
	for (;;) {
		ret = vmsg_user_mutex(&u->read_lock, nowait);
		if (ret)
			return ret;
		ret = vmsg_user_take(u, to);
		mutex_unlock(&u->read_lock);
		if (ret != -EAGAIN || nowait)
			return ret;
		ret = wait_event_interruptible(f->wait, READ_ONCE(u->ring.count) ||
					       READ_ONCE(u->gone));
		if (ret)
			return ret;
	}
}

/* Hand in the frames of one copy.  Bytes that were used, or the errno of the first. */
static ssize_t vmsg_user_give(struct vmsg_user *u, u32 have, bool last)
{
	int ret = 0, n;
	u32 off = 0, len;

	lockdep_assert_held(&u->write_lock);
	while (off < have) {
		n = vmsg_user_frame(u->setup.wire, u->setup.max_msg_size,
				    u->piece + off, have - off, last, &len);
		if (n <= 0) {
			ret = n;
			break;
		}
		ret = virtio_msg_rx(u->bus, u->piece + off, len);
		if (ret)
			break;
		off += n;
	}
	return off ? (ssize_t)off : ret;
}

/* Until the core takes frames. */
static int vmsg_user_wait_up(struct vmsg_user_file *f, struct vmsg_user *u, bool nowait)
{
	long ret;

	if (READ_ONCE(u->gone))
		return -ENOTCONN;
	if (READ_ONCE(u->up))
		return 0;
	if (nowait)
		return -EAGAIN;
	ret = wait_event_interruptible_timeout(f->wait, READ_ONCE(u->up) ||
					       READ_ONCE(u->gone),
					       VMSG_USER_UP_TIMEOUT);
	if (ret < 0)
		return ret;
	return ret && !READ_ONCE(u->gone) ? 0 : -ENOTCONN;
}

static ssize_t vmsg_user_write_iter(struct kiocb *iocb, struct iov_iter *from)
{
	struct vmsg_user_file *f = iocb->ki_filp->private_data;
	struct vmsg_user *u = vmsg_user_get(f);
	bool nowait = vmsg_user_nowait(iocb);
	ssize_t done = 0, ret;
	size_t left, n;

	if (!u)
		return -ENOTCONN;
	ret = vmsg_user_wait_up(f, u, nowait);
	if (ret)
		return ret;
	ret = vmsg_user_mutex(&u->write_lock, nowait);
	if (ret)
		return ret;
	while ((left = iov_iter_count(from))) {
		n = copy_from_iter(u->piece, min_t(size_t, left, VMSG_USER_PIECE), from);
		if (n != min_t(size_t, left, VMSG_USER_PIECE)) {
			ret = -EFAULT;
			break;
		}
		ret = vmsg_user_give(u, n, n == left);
		if (ret <= 0)
			break;
		done += ret;
		/* A frame that goes on behind the copy begins the next one. */
		if (ret < n) {
			if (n == left)
				break;
			iov_iter_revert(from, n - ret);
		}
		ret = 0;
		if (fatal_signal_pending(current)) {
			ret = -EINTR;
			break;
		}
		cond_resched();
	}
	mutex_unlock(&u->write_lock);
	return done ?: ret;
}

static __poll_t vmsg_user_poll(struct file *file, poll_table *wait)
{
	struct vmsg_user_file *f = file->private_data;
	struct vmsg_user *u;
	__poll_t what = 0;

	poll_wait(file, &f->wait, wait);
	u = vmsg_user_get(f);
	if (!u)
		return 0;
	if (READ_ONCE(u->gone))
		return EPOLLERR | EPOLLHUP;
	if (READ_ONCE(u->ring.count))
		what |= EPOLLIN | EPOLLRDNORM;
	if (READ_ONCE(u->up))
		what |= EPOLLOUT | EPOLLWRNORM;
	return what;
}

/*
 * open and close
 */

static int vmsg_user_open(struct inode *inode, struct file *file)
{
	struct vmsg_user_file *f = kzalloc_obj(*f, GFP_KERNEL_ACCOUNT);

	if (!f)
		return -ENOMEM;
	mutex_init(&f->lock);
	init_waitqueue_head(&f->wait);
	file->private_data = f;
	return stream_open(inode, file);
}

static int vmsg_user_release(struct inode *inode, struct file *file)
{
	struct vmsg_user_file *f = file->private_data;
	struct vmsg_user *u = f->u;
	unsigned long wait;

	if (!u) {
		kfree(f);
		return 0;
	}
	/* Nothing of ours waits for the devices: we may be in their way. */
	spin_lock_irq(&u->lock);
	u->server = NULL;
	WRITE_ONCE(u->up, false);
	spin_unlock_irq(&u->lock);
	kfree(f);
	if (u->setup.recover_ms && !READ_ONCE(u->gone)) {
		virtio_msg_peer_away(u->bus, "its process has closed the file");
		vmsg_user_drop_events(u);
		wait = msecs_to_jiffies(u->setup.recover_ms);
		vmsg_user_leave(u, VMSG_USER_AWAY, jiffies + wait);
	} else {
		virtio_msg_peer_lost(u->bus, "its process has closed the file");
		vmsg_user_drop_events(u);
		vmsg_user_leave(u, VMSG_USER_ENDING, jiffies);
	}
	return 0;
}

static const struct file_operations vmsg_user_fops = {
	.owner = THIS_MODULE,
	.open = vmsg_user_open,
	.release = vmsg_user_release,
	.read_iter = vmsg_user_read_iter,
	.write_iter = vmsg_user_write_iter,
	.poll = vmsg_user_poll,
	.unlocked_ioctl = vmsg_user_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
};

static struct miscdevice vmsg_user_misc = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "virtio-msg",
	.fops = &vmsg_user_fops,
	.mode = 0600,
};

static int __init vmsg_user_init(void)
{
	int ret;

	vmsg_user_wq = alloc_workqueue("virtio_msg_user", WQ_UNBOUND, 0);
	if (!vmsg_user_wq)
		return -ENOMEM;
	ret = misc_register(&vmsg_user_misc);
	if (ret)
		destroy_workqueue(vmsg_user_wq);
	return ret;
}

static void __exit vmsg_user_exit(void)
{
	struct vmsg_user *u;

	/* No file is open.  What waits for a successor waits no longer. */
	mutex_lock(&vmsg_user_lock);
	list_for_each_entry(u, &vmsg_user_list, node) {
		/* The others are on their way. */
		if (u->state != VMSG_USER_AWAY)
			continue;
		WRITE_ONCE(u->state, VMSG_USER_ENDING);
		mod_delayed_work(vmsg_user_wq, &u->end, 0);
	}
	mutex_unlock(&vmsg_user_lock);
	destroy_workqueue(vmsg_user_wq);
	/* Their parent is the node. */
	misc_deregister(&vmsg_user_misc);
	/* Eventfds are freed late. */
	rcu_barrier();
}

module_init(vmsg_user_init);
module_exit(vmsg_user_exit);

MODULE_DESCRIPTION("virtio-msg over /dev/virtio-msg, served by a process");
MODULE_LICENSE("GPL");
