// SPDX-License-Identifier: GPL-2.0-only
/*
 * virtio-msg: status, features and configuration over transactions
 *
 * The virtio core calls these in process context (struct virtio_config_ops
 * says which), so each is a transaction and waits for its answer.
 *
 * Configuration is read as a whole, under the generation rule, into a snapshot
 * per device; drivers are served from it until an event or a write of theirs
 * makes it stale.  So a driver that asks for one field at a time costs one
 * message, and one that reads until the generation stands still gets there
 * even if the device never stops changing it.
 */

#include <linux/delay.h>
#include <linux/slab.h>
#include <linux/unaligned.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_ring.h>
#include <uapi/linux/virtio_blk.h>
#include <uapi/linux/virtio_scsi.h>
#include <kunit/visibility.h>

#include "internal.h"

/* How often a read that was torn, or a write that was rejected, is repeated. */
#define VMSG_CONFIG_TRIES	8

/* How long a device may take to report status 0 after a reset.  Milliseconds. */
VISIBLE_IF_KUNIT unsigned int vmsg_reset_ms = 5000;
EXPORT_SYMBOL_IF_KUNIT(vmsg_reset_ms);

/* Bytes, of what virtio_scsi_config.max_sectors counts. */
#define VMSG_SECTOR		512

/*
 * How often in a row a driver may find another generation.  The virtio core
 * reads until two are equal, as long as that takes.
 */
#define VMSG_CONFIG_MOVES	16

/* Bits that the ring code does not know but this transport supports. */
#define VMSG_TRANSPORT_FEATURES	BIT_ULL(VIRTIO_F_RING_RESET)

/*
 * virtio_blk stops the system if this byte, when somebody asks for cache_type, is
 * neither 0 nor 1.  Then it has a cache: flushing what needs none costs only time.
 */
static void vmsg_config_tame(const struct vmsg_device *vd, u8 *buf, u32 len)
{
	const u32 wce = offsetof(struct virtio_blk_config, wce);

	if (vd->info.device_id == VIRTIO_ID_BLOCK && wce < len && buf[wce] > 1)
		buf[wce] = 1;
}

/*
 * One pass over the configuration.  -EAGAIN: the generation moved on the way.
 */
static int vmsg_config_read_once(struct vmsg_device *vd, u8 *buf, u32 len, u32 *gen)
{
	u32 off = 0, n, g, first = 0;
	struct vmsg_xfer *x;
	int ret = 0;

	while (off < len && !ret) {
		x = vmsg_device_xfer(vd);
		if (!x)
			return -ENOTCONN;
		n = vmsg_wire_config_piece(x->wire, x->cap, len - off);
		ret = vmsg_xfer_call(x, vmsg_req_get_config(x->wire, x->req,
							    x->cap, vd->num,
							    off, n));
		if (!ret)
			ret = vmsg_get_config(x->wire, &x->pdu, off, n, buf + off, &g);
		vmsg_xfer_put(x);
		if (ret)
			break;
		if (!off)
			first = g;
		else if (g != first)
			ret = -EAGAIN;
		off += n;
	}
	if (!ret)
		vmsg_config_tame(vd, buf, len);
	*gen = first;
	return ret;
}

/*
 * What the driver of a husk finds: the last that it could see before it was frozen.
 * virtio_blk does not restore without its number of queues, nor as it was with another.
 * But a balloon that was asked for pages would wait for their acknowledgment for ever.
 */
static void vmsg_config_husk(struct vmsg_device *vd)
{
	if (vd->info.device_id == VIRTIO_ID_BALLOON)
		memset(vd->cfg, 0, vd->cfg_len);
	else
		memcpy(vd->cfg, vd->cfg + vd->cfg_len, vd->cfg_len);
}

/* Make the snapshot valid.  The caller holds cfg_lock. */
static int vmsg_config_refresh(struct vmsg_device *vd)
{
	unsigned int tries = 0;
	u32 gen = 0;
	int ret;

	lockdep_assert_held(&vd->cfg_lock);
	if (!vd->cfg) {
		vd->cfg_len = min_t(u32, vd->info.config_size, VMSG_MAX_CONFIG);
		vd->cfg = vmsg_alloc(vd->bus, kzalloc(max(2 * vd->cfg_len, 1U), GFP_KERNEL));
		if (!vd->cfg)
			return -ENOMEM;
	}
	if (test_bit(VMSG_DEV_HUSK, &vd->flags)) {
		vmsg_config_husk(vd);
		return 0;
	}
	/* What a driver saw last serves it until there is somebody to ask. */
	if (vd->cfg_valid && test_bit(VMSG_DEV_AWAY, &vd->flags))
		return 0;
	if (!atomic_xchg(&vd->cfg_stale, 0) && vd->cfg_valid)
		return 0;
	do {
		ret = vmsg_config_read_once(vd, vd->cfg, vd->cfg_len, &gen);
		if (ret == -EAGAIN)
			vmsg_count(vd->bus, VMSG_C_CONFIG_RETRY);
	} while (ret == -EAGAIN && ++tries < VMSG_CONFIG_TRIES);
	vd->cfg_valid = !ret;
	if (!ret)
		vd->cfg_gen = gen;
	if (!ret && !test_bit(VMSG_DEV_FROZEN, &vd->flags))
		memcpy(vd->cfg + vd->cfg_len, vd->cfg, vd->cfg_len);
	return ret;
}

/**
 * vmsg_config_verify() - does a successor's device have the same configuration?
 * @vd: the device
 *
 * Context: may sleep.
 * Return: 0 if so, or if nobody ever looked at it; -ESTALE if not, or if what
 * the driver saw last is not known any more; the errno of the transaction.
 */
int vmsg_config_verify(struct vmsg_device *vd)
{
	u8 *now = NULL;
	int ret = 0;
	u32 gen;

	mutex_lock(&vd->cfg_lock);
	if (!vd->cfg)
		goto out;
	ret = -ESTALE;
	if (!vd->cfg_valid || atomic_read(&vd->cfg_stale))
		goto out;
	now = vmsg_alloc(vd->bus, kmalloc(max(vd->cfg_len, 1U), GFP_KERNEL));
	ret = now ? vmsg_config_read_once(vd, now, vd->cfg_len, &gen) : -ENOMEM;
	if (!ret && memcmp(now, vd->cfg, vd->cfg_len))
		ret = -ESTALE;
	if (!ret)
		vd->cfg_gen = gen;
out:
	mutex_unlock(&vd->cfg_lock);
	kfree(now);
	return ret;
}

static void vmsg_config_failed(struct vmsg_device *vd, int ret)
{
	/* Or its peer has taken it away, and is about to say so. */
	if (ret == -ENOTCONN || ret == -ENODEV)
		return;
	vmsg_dev_log(err, vd, "configuration unreadable: %d\n", ret);
	vmsg_device_broken(vd, "its configuration cannot be read");
}

/**
 * vmsg_config_invalidate() - the device has a newer configuration
 * @vd: the device
 *
 * Context: any.
 */
void vmsg_config_invalidate(struct vmsg_device *vd)
{
	atomic_set(&vd->cfg_stale, 1);
}
EXPORT_SYMBOL_IF_KUNIT(vmsg_config_invalidate);

static void vmsg_config_raise(void *buf, u32 least, size_t to)
{
	if (get_unaligned_le32(buf) < least)
		put_unaligned_le32(min_t(size_t, to, U32_MAX), buf);
}

static void vmsg_config_limit(void *buf, size_t most)
{
	if (get_unaligned_le32(buf) > most)
		put_unaligned_le32(most, buf);
}

/*
 * A request that finds no room in the window is tried again, for ever if it is larger
 * than what its queue was promised: so no driver may make such a one.
 *
 * virtio_blk hands what it reads as size_max to the block layer.  That warns of
 * less than a page, and takes 0 for 64 KiB.  virtio_scsi does not ask how large a
 * segment may be.
 */
static void vmsg_config_sane(struct vmsg_device *vd, unsigned int offset,
			     void *buf, unsigned int len)
{
	bool win = vd->bus->win;

	if (len != sizeof(__le32))
		return;
	if (vd->info.device_id == VIRTIO_ID_BLOCK) {
		if (offset == offsetof(struct virtio_blk_config, size_max))
			vmsg_config_raise(buf, PAGE_SIZE, vd->limits.max_mapping);
		else if (win && offset == offsetof(struct virtio_blk_config, seg_max))
			vmsg_config_limit(buf, VMSG_SEGS_DEFAULT);
	} else if (vd->info.device_id == VIRTIO_ID_SCSI && win) {
		if (offset == offsetof(struct virtio_scsi_config, seg_max)) {
			vmsg_config_limit(buf, VMSG_SEGS_DEFAULT);
		} else if (offset == offsetof(struct virtio_scsi_config, max_sectors)) {
			vmsg_config_raise(buf, 1, U32_MAX);
			/*
			 * The promise is one run of granules: whatever its pieces
			 * are, what counts is their sum.
			 */
			vmsg_config_limit(buf, max_t(size_t, vd->limits.max_mapping,
						     PAGE_SIZE) / VMSG_SECTOR *
					       (VMSG_SEGS_DEFAULT / 2));
		}
	}
}

/**
 * vmsg_config_get() - virtio_config_ops.get
 * @vdev: the device
 * @offset: first byte
 * @buf: receives the bytes; all zero if they cannot be read
 * @len: how many
 *
 * Never returns bytes of two generations, nor what would have a driver make requests
 * that the block layer does not take, or that never fit into the window.
 *
 * Context: may sleep.
 */
void vmsg_config_get(struct virtio_device *vdev, unsigned int offset, void *buf,
		     unsigned int len)
{
	struct vmsg_device *vd = to_vmsg_device(vdev);
	int ret;

	memset(buf, 0, len);
	mutex_lock(&vd->cfg_lock);
	ret = vmsg_config_refresh(vd);
	if (!ret) {
		if (offset <= vd->cfg_len && len <= vd->cfg_len - offset) {
			memcpy(buf, vd->cfg + offset, len);
			vmsg_config_sane(vd, offset, buf, len);
		} else {
			vmsg_dev_log(err, vd,
				     "no configuration at %u+%u: the device has %u bytes\n",
				     offset, len, vd->cfg_len);
		}
	}
	mutex_unlock(&vd->cfg_lock);
	if (ret)
		vmsg_config_failed(vd, ret);
}

/**
 * vmsg_config_segs() - how many segments may a request have?
 * @vd: the device, a block device or a SCSI host
 *
 * Context: may sleep.
 * Return: what its driver has found in seg_max; at least 1.
 */
u32 vmsg_config_segs(struct vmsg_device *vd)
{
	bool blk = vd->info.device_id == VIRTIO_ID_BLOCK;
	__le32 segs = 0;

	if (blk && !virtio_has_feature(&vd->vdev, VIRTIO_BLK_F_SEG_MAX))
		return 1;
	vmsg_config_get(&vd->vdev, blk ? offsetof(struct virtio_blk_config, seg_max) :
					 offsetof(struct virtio_scsi_config, seg_max),
			&segs, sizeof(segs));
	return max(le32_to_cpu(segs), 1U);
}

static int vmsg_config_write(struct vmsg_device *vd, u32 off, const u8 *buf, u32 len)
{
	struct vmsg_xfer *x = vmsg_device_xfer(vd);
	u32 gen;
	int ret;

	if (!x)
		return -ENOTCONN;
	ret = vmsg_xfer_call(x, vmsg_req_set_config(x->wire, x->req, x->cap,
						    vd->num, vd->cfg_gen, off,
						    buf, len));
	if (!ret)
		ret = vmsg_get_set_config(x->wire, &x->pdu, off, len, &gen);
	vmsg_xfer_put(x);
	return ret;
}

/**
 * vmsg_config_set() - virtio_config_ops.set
 * @vdev: the device
 * @offset: first byte
 * @buf: the bytes
 * @len: how many
 *
 * A write that the device rejects, because its configuration moved, is
 * repeated with the new generation.
 *
 * Context: may sleep.
 */
void vmsg_config_set(struct virtio_device *vdev, unsigned int offset,
		     const void *buf, unsigned int len)
{
	struct vmsg_device *vd = to_vmsg_device(vdev);
	unsigned int done = 0, n, tries = 0;
	const struct vmsg_wire *wire;
	struct vmsg_xfer *probe;
	int ret = 0;
	u16 cap;

	if (test_bit(VMSG_DEV_HUSK, &vd->flags))
		return;
	probe = vmsg_device_xfer(vd);
	if (!probe) {
		/* A successor does not know of it: resume.c must see that. */
		vmsg_config_invalidate(vd);
		return;
	}
	wire = probe->wire;
	cap = probe->cap;
	vmsg_xfer_put(probe);

	mutex_lock(&vd->cfg_lock);
	while (done < len) {
		/* Whose generation would we name else? */
		ret = vmsg_config_refresh(vd);
		if (ret)
			break;
		n = vmsg_wire_config_piece(wire, cap, len - done);
		ret = vmsg_config_write(vd, offset + done, buf + done, n);
		/* Written or rejected, what we know is old now. */
		vmsg_config_invalidate(vd);
		if (ret == -EAGAIN && ++tries < VMSG_CONFIG_TRIES) {
			vmsg_count(vd->bus, VMSG_C_CONFIG_RETRY);
			continue;
		}
		if (ret)
			break;
		done += n;
	}
	mutex_unlock(&vd->cfg_lock);
	if (ret && ret != -ENOTCONN)
		vmsg_dev_log(err, vd, "configuration at %u not written: %d\n",
			     offset + done, ret);
}

/**
 * vmsg_config_generation() - virtio_config_ops.generation
 * @vdev: the device
 *
 * Context: may sleep.
 * Return: the newest generation that is known.
 */
u32 vmsg_config_generation(struct virtio_device *vdev)
{
	struct vmsg_device *vd = to_vmsg_device(vdev);
	bool restless;
	int ret;
	u32 gen;

	mutex_lock(&vd->cfg_lock);
	/* Then the last one stands, so that whoever waits for it gets on. */
	restless = vd->cfg_moves > VMSG_CONFIG_MOVES;
	ret = restless ? 0 : vmsg_config_refresh(vd);
	gen = vd->cfg_gen;
	vd->cfg_moves = gen == vd->cfg_told ? 0 : vd->cfg_moves + 1;
	vd->cfg_told = gen;
	mutex_unlock(&vd->cfg_lock);
	if (ret)
		vmsg_config_failed(vd, ret);
	if (restless)
		vmsg_device_broken(vd, "its configuration never stands still");
	return gen;
}

/* Status */

/* Why there is no transaction: the device or the link is gone, or there is no memory. */
static int vmsg_no_xfer(struct vmsg_device *vd)
{
	struct virtio_msg_bus *bus = vd->bus;

	return test_bit(VMSG_DEV_DEAD, &vd->flags) ||
	       READ_ONCE(bus->state) != VMSG_BUS_RUNNING ||
	       READ_ONCE(vd->epoch) != READ_ONCE(bus->engine.epoch) ? -ENOTCONN : -ENOMEM;
}

/**
 * vmsg_write_status() - SET_DEVICE_STATUS
 * @vd: the device
 * @status: the new status; 0 resets
 * @now: receives the resulting status
 *
 * Context: may sleep; the caller holds life_lock.
 * Return: 0 or the errno of the transaction.
 */
int vmsg_write_status(struct vmsg_device *vd, u32 status, u32 *now)
{
	struct vmsg_xfer *x = vmsg_device_xfer(vd);
	int ret;

	if (!x)
		return vmsg_no_xfer(vd);
	ret = vmsg_xfer_call(x, vmsg_req_set_status(x->wire, x->req, x->cap,
						    vd->num, status));
	if (!ret)
		ret = vmsg_get_status(x->wire, &x->pdu, now);
	vmsg_xfer_put(x);
	return ret;
}

static int vmsg_read_status(struct vmsg_device *vd, u32 *now)
{
	struct vmsg_xfer *x = vmsg_device_xfer(vd);
	int ret;

	if (!x)
		return vmsg_no_xfer(vd);
	ret = vmsg_xfer_call(x, vmsg_req_get_status(x->wire, x->req, x->cap,
						    vd->num));
	if (!ret)
		ret = vmsg_get_status(x->wire, &x->pdu, now);
	vmsg_xfer_put(x);
	return ret;
}

/**
 * vmsg_get_status_op() - virtio_config_ops.get_status
 * @vdev: the device
 *
 * Every SET_DEVICE_STATUS is answered with the resulting status, so there is
 * nothing to ask for.
 *
 * Context: any.
 * Return: the status as the device last reported it.
 */
u8 vmsg_get_status_op(struct virtio_device *vdev)
{
	return READ_ONCE(to_vmsg_device(vdev)->status);
}

/**
 * vmsg_set_status_op() - virtio_config_ops.set_status
 * @vdev: the device
 * @status: the new status, not 0
 *
 * A device that does not answer keeps the status it had, which the virtio core
 * takes for a refusal of FEATURES_OK; it is broken when it should start.  A husk
 * takes any.
 *
 * Context: may sleep.
 */
void vmsg_set_status_op(struct virtio_device *vdev, u8 status)
{
	struct vmsg_device *vd = to_vmsg_device(vdev);
	bool started = false;
	u32 now;
	int ret;

	mutex_lock(&vd->life_lock);
	if (test_bit(VMSG_DEV_HUSK, &vd->flags)) {
		WRITE_ONCE(vd->status, status);
		/* The virtio core may just have mended its queues. */
		if (status & VIRTIO_CONFIG_S_DRIVER_OK)
			vmsg_vqs_hush(vd);
		mutex_unlock(&vd->life_lock);
		return;
	}
	/*
	 * Another driver, or the same once more, after one whose probe function has
	 * failed: the virtio core leaves the reset between them to nobody.
	 */
	if (READ_ONCE(vd->status) & status & VIRTIO_CONFIG_S_FAILED) {
		clear_bit(VMSG_DEV_LIVE, &vd->flags);
		vmsg_device_mute(vd);
		if (!vmsg_wait_for_reset(vd))
			status = VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER;
	}
	/* Used events may come before the answer. */
	if (status & VIRTIO_CONFIG_S_DRIVER_OK)
		set_bit(VMSG_DEV_LIVE, &vd->flags);
	ret = vmsg_write_status(vd, status, &now);
	if (!ret) {
		/*
		 * The virtio core warns of a DRIVER_OK that it has not set: what
		 * it has not set, the device cannot have.
		 */
		WRITE_ONCE(vd->status, now & (status | VIRTIO_CONFIG_S_NEEDS_RESET));
		if (now & VIRTIO_CONFIG_S_NEEDS_RESET)
			vmsg_device_broken(vd, "it asks for a reset");
		else
			started = status & VIRTIO_CONFIG_S_DRIVER_OK;
	} else if (ret != -ENOTCONN && ret != -ENODEV) {
		vmsg_dev_log(err, vd, "status %#x not set: %d\n", status, ret);
		if (status & VIRTIO_CONFIG_S_DRIVER_OK)
			vmsg_device_broken(vd, "it does not start");
	}
	mutex_unlock(&vd->life_lock);
	/* Kicks, and runs callbacks. */
	if (started)
		vmsg_device_unmute(vd);
}

/**
 * vmsg_wait_for_reset() - reset a device and see that it has
 * @vd: the device
 *
 * Polls with growing steps, from half a millisecond to a tenth of a second.  For
 * lack of memory nothing is given up either: a device that was not reset goes on
 * writing.
 *
 * Context: may sleep; the caller holds life_lock.
 * Return: 0; -ETIMEDOUT; the errno of the transaction.
 */
int vmsg_wait_for_reset(struct vmsg_device *vd)
{
	unsigned long end = jiffies + msecs_to_jiffies(vmsg_reset_ms);
	unsigned int us = 500;
	bool told = false;
	u32 now = 0;
	int ret;

	for (;;) {
		ret = told ? vmsg_read_status(vd, &now) : vmsg_write_status(vd, 0, &now);
		told |= !ret;
		if ((ret && ret != -ENOMEM) || (!ret && !now))
			return ret;
		if (time_after(jiffies, end))
			return ret ?: -ETIMEDOUT;
		usleep_range(us, 2 * us);
		us = min(2 * us, 100000U);
	}
}

/**
 * vmsg_reset_op() - virtio_config_ops.reset
 * @vdev: the device
 *
 * Returns when the device reports status 0 and no callback runs any more.  A
 * device that does not get there is broken.
 *
 * Context: may sleep.
 */
void vmsg_reset_op(struct virtio_device *vdev)
{
	struct vmsg_device *vd = to_vmsg_device(vdev);
	bool ended;
	int ret;

	/* register_virtio_device() resets first, once its locks exist. */
	set_bit(VMSG_DEV_READY, &vd->flags);
	mutex_lock(&vd->life_lock);
	clear_bit(VMSG_DEV_LIVE, &vd->flags);
	vmsg_device_mute(vd);
	ret = vmsg_wait_for_reset(vd);
	/*
	 * The driver takes its buffers back, but the device may still write them;
	 * not one that its peer has taken away, nor one that was broken, if it has
	 * reset.
	 */
	ended = !ret || ret == -ENODEV;
	if (ret)
		vmsg_device_let_go(vd);
	if (ret || test_bit(VMSG_DEV_BROKEN, &vd->flags))
		vmsg_vqs_condemn(vd, ended);
	if (ret && ret != -ENOTCONN && ret != -ENODEV) {
		vmsg_dev_log(err, vd, "not reset: %d\n", ret);
		vmsg_device_broken(vd, "it does not reset");
	}
	WRITE_ONCE(vd->status, 0);
	mutex_unlock(&vd->life_lock);
	vmsg_config_invalidate(vd);
	/* Those that are on their way still run. */
	vmsg_synchronize_cbs(vdev);
	vmsg_vqs_quiet(vd, ended);
}

/* Features */

/*
 * The ring code says -ENOMEM when a split ring's buffer cannot be mapped, and
 * -EIO when a packed ring's cannot.  virtio_blk and virtio_scsi try again after
 * the first, and end a request with an I/O error after the second.
 */
static bool vmsg_needs_enomem(const struct vmsg_device *vd)
{
	return vd->info.device_id == VIRTIO_ID_BLOCK ||
	       vd->info.device_id == VIRTIO_ID_SCSI;
}

/*
 * Drivers that kick and then wait, with interrupts off, until the device has used
 * their buffer.  virtio_console does so with each line, while others wait for its
 * locks in the same way: in the end there is no CPU left for a worker that the
 * kick needs.  virtio_iommu does so with each request.
 */
static bool vmsg_waits_with_irqs_off(const struct vmsg_device *vd)
{
	return vd->info.device_id == VIRTIO_ID_CONSOLE ||
	       vd->info.device_id == VIRTIO_ID_IOMMU;
}

/* Does a kick of this link need a worker, or a process, to reach the device side? */
static bool vmsg_kick_needs_worker(const struct virtio_msg_bus *bus)
{
	if (bus->desc->quirks & VIRTIO_MSG_Q_WORKER_KICK)
		return true;
	return !(bus->desc->flags & VIRTIO_MSG_T_ATOMIC_SEND) && !bus->link.kick_words;
}

/**
 * vmsg_offered_features() - bits 0 to 63 that drivers may see
 * @vd: the device
 *
 * Context: any.
 * Return: what the device offers, less what this bus cannot carry.
 */
u64 vmsg_offered_features(struct vmsg_device *vd)
{
	/*
	 * A device that uses buffers in order may report many in one entry;
	 * track.c counts on one entry each.
	 */
	u64 features = vd->features[0] & ~BIT_ULL(VIRTIO_F_IN_ORDER);

	/* A word has no room for the position that it adds to a kick. */
	if (vd->bus->link.kick_words)
		features &= ~BIT_ULL(VIRTIO_F_NOTIFICATION_DATA);
	/* What a successor has to do cannot be read from a packed ring. */
	if (vd->bus->link.may_return && vmsg_type_resumes(vd->info.device_id))
		features &= ~BIT_ULL(VIRTIO_F_RING_PACKED);
	/* A window may be full. */
	if (vd->bus->win && vmsg_needs_enomem(vd))
		features &= ~BIT_ULL(VIRTIO_F_RING_PACKED);
	return features;
}
EXPORT_SYMBOL_IF_KUNIT(vmsg_offered_features);

/**
 * vmsg_send_features() - SET_DRIVER_FEATURES
 * @vd: the device; what its driver has accepted is settled
 *
 * Context: may sleep.
 * Return: 0 or the errno of the transaction.
 */
int vmsg_send_features(struct vmsg_device *vd)
{
	const u32 blocks[4] = {
		lower_32_bits(vd->accepted[0]), upper_32_bits(vd->accepted[0]),
		lower_32_bits(vd->accepted[1]), upper_32_bits(vd->accepted[1]),
	};
	u32 total = min(vd->info.num_feature_blocks, 4U), done = 0, chunk;
	struct vmsg_xfer *x;
	int ret = 0;

	if (test_bit(VMSG_DEV_HUSK, &vd->flags))
		return 0;
	while (done < total && !ret) {
		x = vmsg_device_xfer(vd);
		if (!x)
			return -ENOTCONN;
		chunk = min(total - done,
			    max(vmsg_wire_feature_chunk(x->wire, x->cap), 1U));
		ret = vmsg_xfer_call(x, vmsg_req_set_features(x->wire, x->req,
							      x->cap, vd->num,
							      done, chunk,
							      blocks + done));
		if (!ret)
			ret = vmsg_get_empty(x->wire, &x->pdu);
		done += chunk;
		vmsg_xfer_put(x);
	}
	return ret;
}

/**
 * vmsg_set_features() - the end of virtio_config_ops.finalize_features
 * @vd: the device; vring_transport_features() has been called
 * @wanted: bits 0 to 63 as they were before that call
 * @high: bits 64 to 127
 *
 * Context: may sleep.
 * Return: 0; -EINVAL for a device that this transport cannot drive; the errno
 * of the transaction.
 */
int vmsg_set_features(struct vmsg_device *vd, u64 wanted, u64 high)
{
	struct virtio_device *vdev = &vd->vdev;

	/* The ring code has cleared what belongs to the transport: to us. */
	vdev->features |= wanted & vmsg_offered_features(vd) &
			  VMSG_TRANSPORT_FEATURES;

	if (!virtio_has_feature(vdev, VIRTIO_F_VERSION_1)) {
		vmsg_dev_log(err, vd, "the device is not of virtio version 1\n");
		return -EINVAL;
	}
	/*
	 * Without it the ring code puts raw physical addresses into
	 * descriptors, for a device that cannot see that memory.
	 */
	if (vd->bus->win && !virtio_has_feature(vdev, VIRTIO_F_ACCESS_PLATFORM)) {
		vmsg_dev_log(err, vd,
			     "device and driver must support ACCESS_PLATFORM\n");
		return -EINVAL;
	}
	if (vmsg_kick_needs_worker(vd->bus) && vmsg_waits_with_irqs_off(vd)) {
		vmsg_dev_log(err, vd,
			     "its driver would hang the system: it waits with interrupts off, and what kicks of this bus need, a worker or a process, may get no CPU meanwhile\n");
		return -EINVAL;
	}
	vd->accepted[0] = vdev->features;
	vd->accepted[1] = high;
	if (vd->bus->dma_dev) {
		u64 bit = BIT_ULL(VIRTIO_F_ACCESS_PLATFORM);

		vd->accepted[0] &= vd->features[0] | ~bit;
		if (!(vd->accepted[0] & bit) && !vd->bus->dma_physical) {
			vmsg_dev_log(err, vd,
				     "without ACCESS_PLATFORM it takes DMA addresses for physical ones, which they are not\n");
			return -EINVAL;
		}
		/*
		 * The device need not know.  But without it the ring code maps
		 * nothing, and what is not mapped is not tracked.
		 */
		vdev->features |= bit;
	}
	return vmsg_send_features(vd);
}

/* The rest */

/**
 * vmsg_bus_name_op() - virtio_config_ops.bus_name
 * @vdev: the device
 *
 * Context: any.
 * Return: the name of the bus, e.g. "virtio-msg0".
 */
const char *vmsg_bus_name_op(struct virtio_device *vdev)
{
	return dev_name(&to_vmsg_device(vdev)->bus->ctx.dev);
}

/**
 * vmsg_get_shm_region() - virtio_config_ops.get_shm_region
 * @vdev: the device
 * @region: receives the physical address and length
 * @id: number of the region
 *
 * Drivers take the address for one of this machine's, so only a region that
 * lies in the segment can be given out.
 *
 * Context: may sleep.
 * Return: true if there is such a region and it can be reached.
 */
bool vmsg_get_shm_region(struct virtio_device *vdev,
			 struct virtio_shm_region *region, u8 id)
{
	struct vmsg_device *vd = to_vmsg_device(vdev);
	const struct virtio_msg_link *link = &vd->bus->link;
	struct vmsg_xfer *x = vmsg_device_xfer(vd);
	u64 addr, len, off;
	int ret;

	if (!x)
		return false;
	ret = vmsg_xfer_call(x, vmsg_req_get_shm(x->wire, x->req, x->cap, vd->num, id));
	if (!ret)
		ret = vmsg_get_shm(x->wire, &x->pdu, id, &addr, &len);
	vmsg_xfer_put(x);
	if (ret || !len)
		return false;

	off = addr & GENMASK_ULL(VIRTIO_MSG_AREA_SHIFT - 1, 0);
	if (addr >> VIRTIO_MSG_AREA_SHIFT != VIRTIO_MSG_AREA_SEGMENT ||
	    link->shm_phys == ~(phys_addr_t)0 || off > link->shm_size ||
	    len > link->shm_size - off) {
		vmsg_dev_log(err, vd,
			     "shared memory region %u at %#llx+%#llx is out of reach\n",
			     id, addr, len);
		return false;
	}
	region->addr = link->shm_phys + off;
	region->len = len;
	return true;
}
