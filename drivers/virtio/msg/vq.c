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

#include "internal.h"
#include "trace.h"

static void vmsg_vq_run(struct vmsg_vq *q)
{
	/*
	 * virtio-net schedules NAPI from here, which outside interrupts needs
	 * bottom halves off.
	 */
	if (in_hardirq() || irqs_disabled()) {
		vring_interrupt(0, q->vq);
	} else {
		local_bh_disable();
		vring_interrupt(0, q->vq);
		local_bh_enable();
	}
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
		if (q && !READ_ONCE(q->stopped))
			vmsg_vq_run(q);
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

	if (!rcu_access_pointer(vd->vqs))
		return;
	synchronize_rcu();
	if (bus->desc->ops->sync_rx)
		bus->desc->ops->sync_rx(bus);
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
	struct vmsg_xfer *x = vmsg_device_xfer(vd);
	int ret;

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
	struct vmsg_xfer *x = vmsg_device_xfer(q->vd);
	struct virtqueue *vq = q->vq;
	int ret;

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
 * when it is busy: what the window is to guarantee.  Types that are not listed
 * may make requests of as many segments as a ring has, within reason.
 */
static const struct {
	u32 device;
	u32 segs;
} vmsg_segs_table[] = {
	{ VIRTIO_ID_NET, 20 },
	{ VIRTIO_ID_CONSOLE, 4 },
	{ VIRTIO_ID_RNG, 1 },
	{ VIRTIO_ID_INPUT, 4 },
	{ VIRTIO_ID_VSOCK, 20 },
};

#define VMSG_SEGS_DEFAULT	128U

static u32 vmsg_vq_segs(const struct vmsg_device *vd, u32 size)
{
	u32 segs = VMSG_SEGS_DEFAULT;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(vmsg_segs_table); i++)
		if (vmsg_segs_table[i].device == vd->info.device_id)
			segs = vmsg_segs_table[i].segs;
	return min(size, segs);
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

static struct vmsg_vq *vmsg_vq_new(struct vmsg_device *vd, u32 index, u32 num,
				   size_t max_mapping,
				   const struct virtqueue_info *info)
{
	struct vmsg_vq *q = kzalloc_obj(*q);
	int ret;

	if (!q)
		return ERR_PTR(-ENOMEM);
	q->vd = vd;
	q->index = index;
	INIT_LIST_HEAD(&q->kick);
	if (vd->bus->win) {
		ret = vmsg_wctx_init(&q->ctx, vd->bus->win, vmsg_vq_segs(vd, num),
				     max_mapping, &vmsg_track_ops);
		if (ret) {
			kfree(q);
			return ERR_PTR(ret);
		}
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

	if (!vd->bus->win || !n)
		return 0;
	segs = kmalloc_array(n, sizeof(*segs), GFP_KERNEL);
	if (!segs)
		return -ENOMEM;
	for (i = 0; i < n; i++)
		segs[i] = vmsg_vq_segs(vd, sizes[i]);
	*max_mapping = vmsg_window_budget(vd->bus->win, segs, n);
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

	for (i = 0; vqs && i < vqs->num; i++)
		if (vqs->q[i])
			vmsg_vq_free(vqs->q[i]);
	kfree(vqs);
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
	struct vmsg_vqs *vqs = NULL;
	size_t max_mapping = 0;
	u32 *sizes;
	int n, ret;

	sizes = kcalloc(max(nvqs, 1U), sizeof(*sizes), GFP_KERNEL);
	if (!sizes)
		return -ENOMEM;

	mutex_lock(&vd->vq_lock);
	n = vmsg_size_vqs(vd, nvqs, infos, sizes);
	ret = n < 0 ? n : vmsg_budget(vd, sizes, n, &max_mapping);
	if (!ret && n) {
		unsigned int top = vmsg_vq_index(vd, n - 1) + 1;

		vqs = kzalloc_flex(*vqs, q, top);
		ret = -ENOMEM;
		if (vqs) {
			vqs->num = top;
			ret = vmsg_make_vqs(vd, nvqs, out, infos, sizes,
					    max_mapping, vqs);
		}
	}
	/* vmsg_devices_fail() sets it, then looks for queues under our lock. */
	if (!ret && test_bit(VMSG_DEV_DEAD, &vd->flags))
		ret = -ENODEV;
	if (!ret)
		rcu_assign_pointer(vd->vqs, vqs);
	else
		vmsg_free_table(vqs);
	mutex_unlock(&vd->vq_lock);
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
		/* By DMA there is no quarantine: the device was cut off. */
		if (gone || !vqs->q[i]->ctx.win)
			vmsg_wctx_close(&vqs->q[i]->ctx);
		else
			vmsg_wctx_condemn(&vqs->q[i]->ctx);
	}
	mutex_unlock(&vd->vq_lock);
}

/**
 * vmsg_vqs_drain() - give back what the device will never use
 * @vd: the device, condemned
 *
 * Context: any.
 * Return: how many buffers their driver has still to collect.
 */
unsigned int vmsg_vqs_drain(struct vmsg_device *vd)
{
	unsigned int i, left = 0;
	struct vmsg_vqs *vqs;
	struct vmsg_vq *q;

	/* As for a used event: no lock of ours is held while the driver runs. */
	rcu_read_lock();
	vqs = rcu_dereference(vd->vqs);
	for (i = 0; vqs && i < vqs->num; i++) {
		q = READ_ONCE(vqs->q[i]);
		if (!q || READ_ONCE(q->stopped) || !vmsg_track_drain(q))
			continue;
		vmsg_vq_run(q);
		left += READ_ONCE(q->track.count);
	}
	rcu_read_unlock();
	return left;
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
				  READ_ONCE(vqs->q[i]->track.lost) ||
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
		vmsg_vq_run(q);
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
