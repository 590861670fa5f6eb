// SPDX-License-Identifier: GPL-2.0-only
/*
 * virtio-msg virtqueues: make, kick, used events, reset, drain
 *
 * A device's queues are found by index in a table that is replaced as a whole
 * and read under RCU, so that a used event, in whatever context it arrives,
 * holds none of our locks while it calls the driver, and a queue is freed only
 * when no event can still be on its way to it.
 */

#include <linux/bitmap.h>
#include <linux/log2.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_ring.h>
#include <linux/workqueue.h>

#include "internal.h"
#include "trace.h"

/* Entries of the queues of a husk; see vmsg_device_husk(). */
#define VMSG_HUSK_RING		8

/*
 * Drivers whose callbacks sleep, though virtio lets them come in interrupts:
 * those of virtio_rpmsg_bus take mutexes and register devices.  They are called
 * in a worker, or else any device side could stop the system.
 */
static bool vmsg_callbacks_sleep(const struct vmsg_device *vd)
{
	return vd->vdev.id.device == VIRTIO_ID_RPMSG;
}

static void vmsg_vq_call(struct work_struct *work)
{
	struct vmsg_vq *q = container_of(work, struct vmsg_vq, call);

	if (!READ_ONCE(q->stopped))
		vring_interrupt(0, q->vq);
}

/* So often a driver is called in a row before a worker goes on. */
#define VMSG_CALLS_IN_A_ROW	64

/* Call the driver until all that it was to be called for before is done. */
static void vmsg_vq_serve(struct vmsg_vq *q)
{
	/*
	 * virtio-net schedules NAPI from its callbacks, which outside interrupts
	 * needs bottom halves off.
	 */
	bool bh = !in_hardirq() && !irqs_disabled();
	unsigned int rounds = 0;
	int n;

	if (bh)
		local_bh_disable();
	do {
		/* A peer that uses buffers all the time keeps nobody here. */
		if (rounds++ == VMSG_CALLS_IN_A_ROW) {
			queue_work(vmsg_wq, &q->call);
			break;
		}
		n = atomic_read(&q->called);
		if (!READ_ONCE(q->stopped))
			vring_interrupt(0, q->vq);
	} while (atomic_sub_return(n, &q->called));
	if (bh)
		local_bh_enable();
}

/* The ring code does not believe what the device wrote there. */
static void vmsg_vq_check(struct vmsg_vq *q)
{
	if (unlikely(virtqueue_is_broken(q->vq)))
		vmsg_device_broken(q->vd, "a queue of it makes no sense");
}

static void vmsg_vq_go_on(struct work_struct *work)
{
	struct vmsg_vq *q = container_of(work, struct vmsg_vq, call);

	vmsg_vq_serve(q);
	vmsg_vq_check(q);
}

/*
 * Drivers take the callback of a queue for an interrupt, which never comes twice at a
 * time, and many look for used buffers in it without a lock.  But a used event may
 * come while a device goes on with a successor or is drained, or by message while
 * there is one by word.  So whoever comes second leaves it to the first, who calls
 * the driver once more.
 */
static void vmsg_vq_run(struct vmsg_vqs *vqs, struct vmsg_vq *q)
{
	if (vqs->calls)
		queue_work(vqs->calls, &q->call);
	else if (atomic_inc_return(&q->called) == 1)
		vmsg_vq_serve(q);
}

static void vmsg_vq_used(struct vmsg_vqs *vqs, struct vmsg_vq *q)
{
	vmsg_vq_run(vqs, q);
	vmsg_vq_check(q);
}

/**
 * vmsg_vqs_used() - tell drivers that buffers were used
 * @vd: the device
 * @index: queue number, unchecked
 * @all: and of every queue behind it
 *
 * Context: any, under rcu_read_lock().
 */
void vmsg_vqs_used(struct vmsg_device *vd, u16 index, bool all)
{
	struct vmsg_vqs *vqs = rcu_dereference(vd->vqs);
	struct vmsg_vq *q;

	if (!vqs || index >= vqs->num) {
		vmsg_count(vd->bus, VMSG_C_RX_STALE_EVENT);
		return;
	}
	do {
		q = READ_ONCE(vqs->q[index]);
		if (!q || READ_ONCE(q->stopped))
			continue;
		vmsg_vq_used(vqs, q);
	} while (all && ++index < vqs->num);
}

/**
 * vmsg_synchronize_cbs() - virtio_config_ops.synchronize_cbs
 * @vdev: the device
 *
 * Context: may sleep.
 */
void vmsg_synchronize_cbs(struct virtio_device *vdev)
{
	struct vmsg_device *vd = to_vmsg_device(vdev);
	struct virtio_msg_bus *bus = vd->bus;
	struct vmsg_vqs *vqs;
	unsigned int i;

	/* The driver asks, and it has its queues. */
	vqs = rcu_dereference_protected(vd->vqs, true);
	if (!vqs)
		return;
	synchronize_rcu();
	if (bus->desc->ops->sync_rx)
		bus->desc->ops->sync_rx(bus);
	for (i = 0; i < vqs->num; i++)
		if (vqs->q[i])
			flush_work(&vqs->q[i]->call);
}

/*
 * A kick of a device that must not get it.  One that waits for a successor is
 * kicked when that is there, one that has not started when it has.
 */
static bool vmsg_kick_waits(struct vmsg_device *vd)
{
	if (!(READ_ONCE(vd->flags) & (BIT(VMSG_DEV_DEAD) | BIT(VMSG_DEV_AWAY)))) {
		set_bit(VMSG_DEV_EARLY, &vd->flags);
		/* Pairs with the barrier in vmsg_device_unmute(). */
		smp_mb__after_atomic();
	}
	return READ_ONCE(vd->flags) & VMSG_DEV_NO_KICKS;
}

/*
 * The virtio core's notify callback: atomic context, under the driver's lock.
 * "false" breaks the queue for good, and a queue that is broken before it is
 * drained never gives its buffers back.  So a dead device's kicks are just
 * dropped: vmsg_devices_fail() breaks its queues when their time has come.
 */
static bool vmsg_notify(struct virtqueue *vq)
{
	struct vmsg_vq *q = vq->priv;
	struct vmsg_device *vd = q->vd;
	struct virtio_msg_bus *bus = vd->bus;
	u32 next = 0;

	if ((READ_ONCE(vd->flags) & VMSG_DEV_NO_KICKS) && vmsg_kick_waits(vd))
		return true;
	vmsg_count(bus, VMSG_C_KICK);
	atomic64_inc(&vd->kicks);
	if (bus->desc->ops->kick && !bus->desc->ops->kick(bus, vd->num, q->index)) {
		trace_vmsg_kick(bus, vd->num, q->index, false);
		return true;
	}
	/* The upper half: offset, and the wrap counter of a packed ring. */
	if (virtio_has_feature(vq->vdev, VIRTIO_F_NOTIFICATION_DATA)) {
		next = vring_notification_data(vq) >> 16;
		if (virtio_has_feature(vq->vdev, VIRTIO_F_RING_PACKED) &&
		    (next & BIT(15)))
			next = (next & ~BIT(15)) | VIRTIO_MSG_AVAIL_WRAP;
	}
	trace_vmsg_kick(bus, vd->num, q->index, true);
	vmsg_engine_kick(bus, q, next);
	return true;
}

static int vmsg_read_vq(struct vmsg_device *vd, u32 index, struct vmsg_vq_info *info)
{
	struct vmsg_xfer *x;
	int ret;

	if (test_bit(VMSG_DEV_HUSK, &vd->flags)) {
		info->max_size = VMSG_HUSK_RING;
		return 0;
	}
	x = vmsg_device_xfer(vd);
	if (!x)
		return -ENOTCONN;
	ret = vmsg_xfer_call(x, vmsg_req_get_vq(x->wire, x->req, x->cap, vd->num, index));
	if (!ret)
		ret = vmsg_get_vq(x->wire, &x->pdu, index, info);
	vmsg_xfer_put(x);
	return ret;
}

/* SET_VQUEUE: size and addresses of the ring, and "enable". */
static int vmsg_activate_vq(struct vmsg_vq *q)
{
	struct virtqueue *vq = q->vq;
	struct vmsg_xfer *x;
	int ret;

	if (test_bit(VMSG_DEV_HUSK, &q->vd->flags))
		return 0;
	x = vmsg_device_xfer(q->vd);
	if (!x)
		return -ENOTCONN;
	ret = vmsg_xfer_call(x, vmsg_req_set_vq(x->wire, x->req, x->cap,
						q->vd->num, q->index,
						virtqueue_get_vring_size(vq),
						virtqueue_get_desc_addr(vq),
						virtqueue_get_avail_addr(vq),
						virtqueue_get_used_addr(vq)));
	if (!ret)
		ret = vmsg_get_empty(x->wire, &x->pdu);
	vmsg_xfer_put(x);
	return ret;
}

static int vmsg_reset_vq(struct vmsg_vq *q)
{
	struct vmsg_xfer *x = vmsg_device_xfer(q->vd);
	int ret;

	if (!x)
		return -ENOTCONN;
	ret = vmsg_xfer_call(x, vmsg_req_reset_vq(x->wire, x->req, x->cap,
						  q->vd->num, q->index));
	if (!ret)
		ret = vmsg_get_empty(x->wire, &x->pdu);
	vmsg_xfer_put(x);
	return ret;
}

/*
 * Device queue @n of those that drivers may use: the admin queues are left out,
 * the queues behind them move up.  Both numbers are the peer's: where the sum
 * would wrap, and so name a queue twice, there is no such queue.
 */
static u32 vmsg_vq_index(const struct vmsg_device *vd, u32 n)
{
	const struct vmsg_device_info *info = &vd->info;

	if (!info->admin_vq_count || n < info->admin_vq_start)
		return n;
	return n < U32_MAX - info->admin_vq_count ? n + info->admin_vq_count :
						    U32_MAX;
}

/*
 * How many mappings of the largest size a queue of a device type has under way
 * when it is busy: what the window is to guarantee; and how large its driver makes
 * them at most, if that is known.  Types that are not listed may make requests of as
 * many segments as a ring has, within reason.
 */
static const struct {
	u32 device;
	u32 segs;
	u32 most;
} vmsg_segs_table[] = {
	{ VIRTIO_ID_NET, 20, VMSG_WIN_MAX_MAPPING },
	{ VIRTIO_ID_CONSOLE, 4, VMSG_WIN_MAX_MAPPING },
	/* Its buffers are a cache line. */
	{ VIRTIO_ID_RNG, 1, PAGE_SIZE },
	/* Events of 8 bytes */
	{ VIRTIO_ID_INPUT, 4, PAGE_SIZE },
	{ VIRTIO_ID_VSOCK, 20, VMSG_WIN_MAX_MAPPING },
};

static u32 vmsg_vq_segs(struct vmsg_device *vd, u32 size)
{
	u32 segs = VMSG_SEGS_DEFAULT;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(vmsg_segs_table); i++)
		if (vmsg_segs_table[i].device == vd->info.device_id)
			segs = vmsg_segs_table[i].segs;
	/* A table that lies elsewhere may have more than the ring. */
	if (virtio_has_feature(&vd->vdev, VIRTIO_RING_F_INDIRECT_DESC) &&
	    (vd->info.device_id == VIRTIO_ID_BLOCK || vd->info.device_id == VIRTIO_ID_SCSI))
		size = max(size, vmsg_config_segs(vd));
	return min(size, segs);
}

static size_t vmsg_most(const struct vmsg_device *vd)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(vmsg_segs_table); i++)
		if (vmsg_segs_table[i].device == vd->info.device_id)
			return vmsg_segs_table[i].most;
	return VMSG_WIN_MAX_MAPPING;
}

/*
 * How many devices of the bus have no queues yet, but this one.  A moment later it may
 * be another number: a window is shared out a little less evenly then.
 */
static unsigned int vmsg_others(const struct virtio_msg_bus *bus)
{
	int all = max_t(int, READ_ONCE(bus->found), atomic_read(&bus->wanted));

	return max(all - atomic_read(&bus->served) - 1, 0);
}

static void vmsg_vq_free(struct vmsg_vq *q)
{
	if (q->vq)
		vring_del_virtqueue(q->vq);
	vmsg_track_exit(q);
	if (q->ctx.win)
		vmsg_wctx_exit(&q->ctx);
	vmsg_dma_exit(&q->ctx);
	kfree(q);
}

static int vmsg_vq_init_wctx(struct vmsg_vq *q, u32 num, size_t max_mapping)
{
	struct vmsg_device *vd = q->vd;

	if (!test_bit(VMSG_DEV_HUSK, &vd->flags))
		return vmsg_wctx_init(&q->ctx, vd->bus->win, vmsg_vq_segs(vd, num),
				      max_mapping, &vmsg_track_ops);
	/* Without a promise: what a lost peer had may be in quarantine. */
	vmsg_wctx_init_limits(&q->ctx, vd->bus->win, PAGE_SIZE);
	q->ctx.ops = &vmsg_track_ops;
	return 0;
}

static struct vmsg_vq *vmsg_vq_new(struct vmsg_device *vd, u32 index, u32 num,
				   size_t max_mapping,
				   const struct virtqueue_info *info)
{
	struct vmsg_vq *q = vmsg_alloc(vd->bus, kzalloc_obj(*q));
	int ret;

	if (!q)
		return ERR_PTR(-ENOMEM);
	q->vd = vd;
	q->index = index;
	INIT_LIST_HEAD(&q->kick);
	INIT_WORK(&q->call, vmsg_callbacks_sleep(vd) ? vmsg_vq_call : vmsg_vq_go_on);
	if (vd->bus->win) {
		ret = vmsg_vq_init_wctx(q, num, max_mapping);
		if (ret) {
			kfree(q);
			return ERR_PTR(ret);
		}
		q->ctx.share = vd->bus->share;
	} else if (vd->bus->dma_dev) {
		ret = vmsg_dma_init(&q->ctx, vd->bus->dma_dev, num,
				    &vmsg_track_ops);
		if (ret) {
			kfree(q);
			return ERR_PTR(ret);
		}
	}
	if (q->ctx.win || q->ctx.dma) {
		ret = vmsg_glue_init_vq(q);
		if (ret)
			goto err;
	}
	q->vq = vmsg_glue_create_ring(q, num, info->ctx, vmsg_notify,
				      info->callback, info->name);
	ret = -ENOMEM;
	if (!q->vq)
		goto err;
	q->vq->priv = q;
	q->vq->num_max = num;
	ret = vmsg_track_init(q);
	if (ret)
		goto err;
	return q;

err:
	vmsg_vq_free(q);
	return ERR_PTR(ret);
}

/* Sizes of all queues first: the window's budget is for the whole device. */
static int vmsg_size_vqs(struct vmsg_device *vd, unsigned int nvqs,
			 struct virtqueue_info infos[], u32 *sizes)
{
	unsigned int i, n = 0;
	struct vmsg_vq_info info;
	int ret;

	for (i = 0; i < nvqs; i++) {
		u32 index;

		if (!infos[i].name)
			continue;
		index = vmsg_vq_index(vd, n);
		if (n >= vd->info.max_vqs || index >= VMSG_MAX_VQS) {
			vmsg_dev_log(err, vd, "queue %s: the device has only %u\n",
				     infos[i].name, vd->info.max_vqs);
			return -ENOENT;
		}
		ret = vmsg_read_vq(vd, index, &info);
		if (ret)
			return ret;
		if (!info.max_size)
			return -ENOENT;
		sizes[n] = min(info.max_size, 32768U);
		/* Only a packed ring may have any size. */
		if (!virtio_has_feature(&vd->vdev, VIRTIO_F_RING_PACKED))
			sizes[n] = rounddown_pow_of_two(sizes[n]);
		if (vd->bus->win)
			sizes[n] = min(sizes[n],
				       vmsg_window_ring_limit(vd->bus->win, sizes[n]));
		if (!sizes[n])
			return -ENOSPC;
		n++;
	}
	return n;
}

static int vmsg_budget(struct vmsg_device *vd, u32 *sizes, unsigned int n,
		       size_t *max_mapping)
{
	u32 *segs;
	unsigned int i;

	if (!vd->bus->win || !n || test_bit(VMSG_DEV_HUSK, &vd->flags))
		return 0;
	segs = vmsg_alloc(vd->bus, kmalloc_array(n, sizeof(*segs), GFP_KERNEL));
	if (!segs)
		return -ENOMEM;
	for (i = 0; i < n; i++)
		segs[i] = vmsg_vq_segs(vd, sizes[i]);
	*max_mapping = vmsg_window_budget(vd->bus->win, segs, n, vmsg_most(vd),
					  vmsg_others(vd->bus));
	kfree(segs);
	if (!*max_mapping) {
		vmsg_dev_log(err, vd,
			     "the window is too small for %u more queues\n", n);
		return -ENOSPC;
	}
	vd->limits.max_mapping = *max_mapping;
	return 0;
}

static void vmsg_free_table(struct vmsg_vqs *vqs)
{
	unsigned int i;

	if (!vqs)
		return;
	for (i = 0; i < vqs->num; i++) {
		if (!vqs->q[i])
			continue;
		cancel_work_sync(&vqs->q[i]->call);
		vmsg_vq_free(vqs->q[i]);
	}
	if (vqs->calls)
		destroy_workqueue(vqs->calls);
	kfree(vqs);
}

static struct vmsg_vqs *vmsg_alloc_table(struct vmsg_device *vd, unsigned int num)
{
	struct vmsg_vqs *vqs = vmsg_alloc(vd->bus, kzalloc_flex(*vqs, q, num));

	if (!vqs)
		return NULL;
	vqs->num = num;
	if (!vmsg_callbacks_sleep(vd))
		return vqs;
	vqs->calls = alloc_workqueue("%s", WQ_UNBOUND, 0, dev_name(&vd->vdev.dev));
	if (!vqs->calls) {
		kfree(vqs);
		return NULL;
	}
	return vqs;
}

static int vmsg_make_vqs(struct vmsg_device *vd, unsigned int nvqs,
			 struct virtqueue *out[], struct virtqueue_info infos[],
			 const u32 *sizes, size_t max_mapping,
			 struct vmsg_vqs *vqs)
{
	unsigned int i, n = 0;
	struct vmsg_vq *q;
	int ret;

	for (i = 0; i < nvqs; i++) {
		u32 index;

		out[i] = NULL;
		if (!infos[i].name)
			continue;
		index = vmsg_vq_index(vd, n);
		q = vmsg_vq_new(vd, index, sizes[n], max_mapping, &infos[i]);
		if (IS_ERR(q))
			return PTR_ERR(q);
		vqs->q[index] = q;
		ret = vmsg_activate_vq(q);
		if (ret)
			return ret;
		out[i] = q->vq;
		n++;
	}
	return 0;
}

/**
 * vmsg_find_vqs() - virtio_config_ops.find_vqs
 * @vdev: the device
 * @nvqs: entries of @out and @infos
 * @out: receives the queues, NULL where @infos has no name
 * @infos: what the driver wants
 * @desc: ignored, there are no vectors to spread
 *
 * The queues of a husk are small, and nobody else knows of them.
 *
 * Model: life.pml.
 *
 * Context: may sleep.
 * Return: 0; -ENOENT for a queue that the device does not have; -ENOSPC when
 * the window cannot back the queues; -ENODEV when the device was lost; the
 * errno of a transaction.
 */
int vmsg_find_vqs(struct virtio_device *vdev, unsigned int nvqs,
		  struct virtqueue *out[], struct virtqueue_info infos[],
		  struct irq_affinity *desc)
{
	struct vmsg_device *vd = to_vmsg_device(vdev);
	bool husk = test_bit(VMSG_DEV_HUSK, &vd->flags);
	struct vmsg_vqs *vqs = NULL;
	size_t max_mapping = 0;
	u32 *sizes;
	int n, ret;

	sizes = vmsg_alloc(vd->bus, kcalloc(max(nvqs, 1U), sizeof(*sizes), GFP_KERNEL));
	if (!sizes)
		return -ENOMEM;

	/* Its driver may have left what it made when it was restored in vain. */
	if (husk)
		vmsg_del_vqs(vdev);
	mutex_lock(&vd->vq_lock);
	n = vmsg_size_vqs(vd, nvqs, infos, sizes);
	ret = n < 0 ? n : vmsg_budget(vd, sizes, n, &max_mapping);
	if (!ret && n) {
		unsigned int top = vmsg_vq_index(vd, n - 1) + 1;

		vqs = vmsg_alloc_table(vd, top);
		ret = -ENOMEM;
		if (vqs)
			ret = vmsg_make_vqs(vd, nvqs, out, infos, sizes,
					    max_mapping, vqs);
	}
	/* vmsg_devices_fail() sets it, then looks for queues under our lock. */
	if (!ret && test_bit(VMSG_DEV_DEAD, &vd->flags) && !husk)
		ret = -ENODEV;
	if (!ret && vqs)
		atomic_inc(&vd->bus->served);
	if (!ret)
		rcu_assign_pointer(vd->vqs, vqs);
	else
		vmsg_free_table(vqs);
	mutex_unlock(&vd->vq_lock);
	if (!ret && husk)
		vmsg_vqs_hush(vd);
	kfree(sizes);
	return ret;
}

/**
 * vmsg_del_vqs() - virtio_config_ops.del_vqs
 * @vdev: the device, reset
 *
 * Context: may sleep.
 */
void vmsg_del_vqs(struct virtio_device *vdev)
{
	struct vmsg_device *vd = to_vmsg_device(vdev);
	struct vmsg_vqs *vqs;
	unsigned int i;

	mutex_lock(&vd->vq_lock);
	vqs = rcu_dereference_protected(vd->vqs, lockdep_is_held(&vd->vq_lock));
	if (vqs) {
		vmsg_synchronize_cbs(vdev);
		rcu_assign_pointer(vd->vqs, NULL);
		synchronize_rcu();
		for (i = 0; i < vqs->num; i++) {
			if (!vqs->q[i])
				continue;
			WRITE_ONCE(vqs->q[i]->stopped, true);
			vmsg_engine_forget(vd->bus, vqs->q[i]);
		}
		vmsg_free_table(vqs);
		atomic_dec(&vd->bus->served);
	}
	mutex_unlock(&vd->vq_lock);
}

/**
 * vmsg_disable_vq_and_reset() - virtio_config_ops.disable_vq_and_reset
 * @vq: the queue
 *
 * Context: may sleep.
 * Return: 0; -ENOENT without VIRTIO_F_RING_RESET; the errno of the
 * transaction.
 */
int vmsg_disable_vq_and_reset(struct virtqueue *vq)
{
	struct vmsg_vq *q = vq->priv;
	int ret;

	if (!virtio_has_feature(vq->vdev, VIRTIO_F_RING_RESET))
		return -ENOENT;
	mutex_lock(&q->vd->life_lock);
	ret = vmsg_reset_vq(q);
	if (!ret)
		WRITE_ONCE(q->stopped, true);
	mutex_unlock(&q->vd->life_lock);
	if (ret)
		return ret;
	vmsg_synchronize_cbs(vq->vdev);
	vmsg_engine_forget(q->vd->bus, q);
	vmsg_track_quiet(q);
	vq->reset = true;
	return 0;
}

/**
 * vmsg_enable_vq_after_reset() - virtio_config_ops.enable_vq_after_reset
 * @vq: the queue, its ring empty and maybe of another size
 *
 * Context: may sleep.
 * Return: 0; -EBUSY for a queue that is not reset; the errno of the
 * transaction.
 */
int vmsg_enable_vq_after_reset(struct virtqueue *vq)
{
	struct vmsg_vq *q = vq->priv;
	int ret;

	if (!vq->reset)
		return -EBUSY;
	mutex_lock(&q->vd->life_lock);
	ret = vmsg_track_renew(q);
	if (!ret)
		ret = vmsg_activate_vq(q);
	if (!ret) {
		WRITE_ONCE(q->stopped, false);
		vq->reset = false;
	}
	mutex_unlock(&q->vd->life_lock);
	return ret;
}

/*
 * Failing a device, in three steps; see vmsg_devices_fail().
 */

/**
 * vmsg_vqs_condemn() - no buffer may be added any more
 * @vd: the device
 * @gone: it is known to write no more: what comes back may be used again
 *
 * Context: may sleep.
 */
void vmsg_vqs_condemn(struct vmsg_device *vd, bool gone)
{
	struct vmsg_vqs *vqs;
	unsigned int i;

	mutex_lock(&vd->vq_lock);
	vqs = rcu_dereference_protected(vd->vqs, lockdep_is_held(&vd->vq_lock));
	for (i = 0; vqs && i < vqs->num; i++) {
		if (!vqs->q[i])
			continue;
		/*
		 * By DMA there is no quarantine: the device was cut off.  Nor is
		 * there for one that was known to be gone before its driver, which
		 * resets it last, gets no answer.
		 */
		if (gone || !vqs->q[i]->ctx.win || READ_ONCE(vqs->q[i]->ctx.closed))
			vmsg_wctx_close(&vqs->q[i]->ctx);
		else
			vmsg_wctx_condemn(&vqs->q[i]->ctx);
	}
	mutex_unlock(&vd->vq_lock);
}

/**
 * vmsg_vqs_quiet() - a driver has reset its device, and takes its buffers back
 * @vd: the device
 * @ended: it is known to have reset, or to be gone: it uses no buffer any more
 *
 * From here on no callback runs, also of a queue that is being drained: it would
 * look for used buffers while they are taken out.  What the driver does not take
 * back, as virtio_rng does with a request that is under way, is free with its queue
 * if @ended.
 *
 * Context: may sleep.
 */
void vmsg_vqs_quiet(struct vmsg_device *vd, bool ended)
{
	struct vmsg_vqs *vqs;
	unsigned int i;

	mutex_lock(&vd->vq_lock);
	vqs = rcu_dereference_protected(vd->vqs, lockdep_is_held(&vd->vq_lock));
	for (i = 0; vqs && i < vqs->num; i++) {
		if (!vqs->q[i])
			continue;
		WRITE_ONCE(vqs->q[i]->stopped, true);
		WRITE_ONCE(vqs->q[i]->ctx.ended, ended);
	}
	vmsg_synchronize_cbs(&vd->vdev);
	for (i = 0; vqs && i < vqs->num; i++)
		if (vqs->q[i])
			vmsg_track_quiet(vqs->q[i]);
	mutex_unlock(&vd->vq_lock);
}

static void vmsg_vq_unbreak_run(struct vmsg_vqs *vqs, struct vmsg_vq *q)
{
	/* By what the device wrote; that is overwritten now. */
	if (virtqueue_is_broken(q->vq))
		__virtqueue_unbreak(q->vq);
	vmsg_vq_run(vqs, q);
}

/* So many heads are tried before others have their turn. */
#define VMSG_SWEEP_BATCH	64

/* As vmsg_vqs_drain(), of one queue. */
static unsigned int vmsg_vq_drain(struct vmsg_vqs *vqs, struct vmsg_vq *q, bool again)
{
	unsigned int n, left;

	if (!vmsg_track_sweeps(q)) {
		if (vmsg_track_drain(q))
			vmsg_vq_unbreak_run(vqs, q);
		left = READ_ONCE(q->track.count) + vmsg_track_doubts(q);
		/* Now it does? */
		return left + vmsg_track_sweeps(q) + vmsg_track_adding(q);
	}
	left = vmsg_track_sweep(q, again);
	for (n = 0; left && n < VMSG_SWEEP_BATCH; n++) {
		vmsg_vq_unbreak_run(vqs, q);
		if (!vmsg_track_swept(q))
			break;
		left = vmsg_track_sweep(q, false);
	}
	return left;
}

/**
 * vmsg_vqs_drain() - give back what the device will never use
 * @vd: the device, condemned
 * @again: where every head has to be tried, and was, do so again
 *
 * Context: any.
 * Return: how many buffers their driver has still to collect.
 */
unsigned int vmsg_vqs_drain(struct vmsg_device *vd, bool again)
{
	unsigned int i, left = 0;
	struct vmsg_vqs *vqs;
	struct vmsg_vq *q;

	/* As for a used event: no lock of ours is held while the driver runs. */
	rcu_read_lock();
	vqs = rcu_dereference(vd->vqs);
	for (i = 0; vqs && i < vqs->num; i++) {
		q = READ_ONCE(vqs->q[i]);
		if (q && !READ_ONCE(q->stopped))
			left += vmsg_vq_drain(vqs, q, again);
	}
	rcu_read_unlock();
	return left;
}

/**
 * vmsg_vqs_sure() - is it known that a drained device has nothing any more?
 * @vd: the device
 *
 * Context: any.
 * Return: false if every head of a queue had to be tried, or if a driver is adding a
 * buffer.
 */
bool vmsg_vqs_sure(struct vmsg_device *vd)
{
	struct vmsg_vqs *vqs;
	bool sure = true;
	unsigned int i;

	rcu_read_lock();
	vqs = rcu_dereference(vd->vqs);
	for (i = 0; vqs && i < vqs->num; i++)
		if (READ_ONCE(vqs->q[i]) && (vmsg_track_sweeps(vqs->q[i]) ||
					     vmsg_track_adding(vqs->q[i])))
			sure = false;
	rcu_read_unlock();
	return sure;
}

/**
 * vmsg_vqs_break() - let the drivers see that the device is gone
 * @vd: the device, drained
 *
 * Context: may sleep.
 */
void vmsg_vqs_break(struct vmsg_device *vd)
{
	struct vmsg_vqs *vqs;
	unsigned int i;

	mutex_lock(&vd->vq_lock);
	vqs = rcu_dereference_protected(vd->vqs, lockdep_is_held(&vd->vq_lock));
	for (i = 0; vqs && i < vqs->num; i++)
		if (vqs->q[i])
			__virtqueue_break(vqs->q[i]->vq);
	mutex_unlock(&vd->vq_lock);
}

/*
 * Drivers that are not restored if they cannot add their first buffers, and wait for
 * none of them then.
 */
static bool vmsg_fills_or_fails(const struct vmsg_device *vd)
{
	return vd->info.device_id == VIRTIO_ID_BALLOON ||
	       vd->info.device_id == VIRTIO_ID_CLOCK;
}

/**
 * vmsg_vqs_hush() - a husk gets nothing, and gives no answer
 * @vd: the husk, while its driver is restored
 *
 * Who waits for an answer (virtio_net) has to see that none comes.
 *
 * Context: may sleep.
 */
void vmsg_vqs_hush(struct vmsg_device *vd)
{
	if (vmsg_fills_or_fails(vd))
		return;
	vmsg_vqs_condemn(vd, true);
	vmsg_vqs_break(vd);
}

/*
 * Going on with a successor, see resume.c.
 */

/**
 * vmsg_vqs_can_resume() - is it known what each queue has under way?
 * @vd: the device
 *
 * Context: may sleep.
 * Return: true if so.
 */
bool vmsg_vqs_can_resume(struct vmsg_device *vd)
{
	struct vmsg_vqs *vqs;
	bool ok = true;
	unsigned int i;

	mutex_lock(&vd->vq_lock);
	vqs = rcu_dereference_protected(vd->vqs, lockdep_is_held(&vd->vq_lock));
	for (i = 0; vqs && i < vqs->num; i++)
		if (vqs->q[i] && (!vqs->q[i]->track.out ||
				  vmsg_track_sweeps(vqs->q[i]) ||
				  vqs->q[i]->track.packed))
			ok = false;
	mutex_unlock(&vd->vq_lock);
	return ok;
}

static int vmsg_vq_resume(struct vmsg_vq *q)
{
	struct vmsg_vq_info info;
	int ret;

	ret = vmsg_read_vq(q->vd, q->index, &info);
	if (ret)
		return ret;
	if (info.max_size < virtqueue_get_vring_size(q->vq))
		return -ESTALE;
	ret = vmsg_track_resume(q);
	return ret ?: vmsg_activate_vq(q);
}

/**
 * vmsg_vqs_resume() - give a successor the queues that its predecessor had
 * @vd: the device, its features settled
 *
 * A queue that its driver has reset is left to it.
 *
 * Context: may sleep; the caller holds life_lock.
 * Return: 0; -ESTALE where the queues or what is in them do not fit; the errno
 * of the transaction.
 */
int vmsg_vqs_resume(struct vmsg_device *vd)
{
	struct vmsg_vqs *vqs;
	unsigned int i;
	int ret = 0;

	mutex_lock(&vd->vq_lock);
	vqs = rcu_dereference_protected(vd->vqs, lockdep_is_held(&vd->vq_lock));
	for (i = 0; vqs && i < vqs->num && !ret; i++)
		if (vqs->q[i] && !READ_ONCE(vqs->q[i]->stopped))
			ret = vmsg_vq_resume(vqs->q[i]);
	mutex_unlock(&vd->vq_lock);
	return ret;
}

/**
 * vmsg_vqs_go() - look at all queues, on both sides
 * @vd: the device, running again
 *
 * Neither kicks nor used events of the time in between have arrived.
 *
 * Context: may sleep.
 */
void vmsg_vqs_go(struct vmsg_device *vd)
{
	struct vmsg_vqs *vqs;
	struct vmsg_vq *q;
	unsigned int i;

	/* As for a used event: no lock of ours is held while the driver runs. */
	rcu_read_lock();
	vqs = rcu_dereference(vd->vqs);
	for (i = 0; vqs && i < vqs->num; i++) {
		q = READ_ONCE(vqs->q[i]);
		if (!q || READ_ONCE(q->stopped))
			continue;
		vmsg_notify(q->vq);
		vmsg_vq_used(vqs, q);
	}
	rcu_read_unlock();
}

/**
 * vmsg_device_mute() - the device has not started: hold its kicks back
 * @vd: the device
 *
 * Context: any.
 */
void vmsg_device_mute(struct vmsg_device *vd)
{
	if (!(vd->bus->desc->quirks & VIRTIO_MSG_Q_LATE_KICK))
		return;
	set_bit(VMSG_DEV_MUTE, &vd->flags);
	clear_bit(VMSG_DEV_EARLY, &vd->flags);
}

/**
 * vmsg_device_unmute() - the device has started
 * @vd: the device
 *
 * If it was kicked before, all its queues are now.
 *
 * Context: may sleep.
 */
void vmsg_device_unmute(struct vmsg_device *vd)
{
	if (!test_and_clear_bit(VMSG_DEV_MUTE, &vd->flags))
		return;
	/* Who still found the bit set has left VMSG_DEV_EARLY. */
	smp_mb__after_atomic();
	if (test_and_clear_bit(VMSG_DEV_EARLY, &vd->flags))
		vmsg_vqs_go(vd);
}
