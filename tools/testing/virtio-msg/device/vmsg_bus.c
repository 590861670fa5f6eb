// SPDX-License-Identifier: GPL-2.0-only
/*
 * virtio-msg device side: a bus, its devices, and the answer to every message
 *
 * A request always gets an answer: an xid32 request one with a result, a
 * request of an older revision at least a header.  Responses wait in a bounded
 * backlog when the link is full, events in bits that cannot overflow, so
 * neither is ever lost.
 */
#include "vmsg_vq.h"

/* dev->events */
#define EV_READY	0x1
#define EV_REMOVED	0x2
#define EV_CONFIG	0x4

/* 64 feature bits: two blocks of 32. All above reads as zero. */
#define FEATURE_BLOCKS	2

#define BACKLOG_HEADER	8	/* u32 length, 4 bytes to stay aligned */

/* ------------------------------------------------------------- sending */

static bool backlog_full(const struct vmsg_bus *bus)
{
	return bus->backlog_count >= bus->backlog_slots;
}

static uint8_t *backlog_slot(struct vmsg_bus *bus, uint32_t i)
{
	i = (bus->backlog_head + i) % bus->backlog_slots;
	return bus->backlog + (size_t)i * (bus->frame_size + BACKLOG_HEADER);
}

static void count_tx(struct vmsg_bus *bus, const uint8_t *frame)
{
	bus->stats.tx[!!(frame[0] & VIRTIO_MSG_TYPE_BUS)][frame[1]]++;
}

/* A response: goes out now or into the backlog, which has room. */
static void send_response(struct vmsg_bus *bus, const uint8_t *frame,
			  uint32_t len)
{
	uint8_t *slot;

	if (!bus->backlog_count && !bus->link->send(bus, frame, len)) {
		count_tx(bus, frame);
		return;
	}
	if (!bus->up || backlog_full(bus))
		return;
	slot = backlog_slot(bus, bus->backlog_count);
	memcpy(slot, &len, sizeof(len));
	memcpy(slot + BACKLOG_HEADER, frame, len);
	bus->backlog_count++;
	bus->stats.backlogged++;
}

/* An event or a request of ours: goes out now, or the caller keeps it. */
static int send_event(struct vmsg_bus *bus, uint8_t type, uint8_t msg_id,
		      uint16_t dev_num, uint32_t xid, const uint8_t *payload,
		      uint32_t len)
{
	unsigned int hl = vmsg_hdr_len(bus->wire);
	uint8_t frame[VMSG_MIN_FRAME];
	struct vmsg_hdr h = {
		.type = type,
		.msg_id = msg_id,
		.dev_num = dev_num,
		.size = (uint16_t)(hl + len),
		.xid = xid,
	};
	int ret;

	if (!bus->up)
		return -VMSG_ENOTCONN;
	if (bus->backlog_count)
		return -VMSG_EAGAIN;
	vmsg_hdr_put(bus->wire, frame, &h);
	memcpy(frame + hl, payload, len);
	ret = bus->link->send(bus, frame, hl + len);
	if (!ret)
		count_tx(bus, frame);
	return ret;
}

static int send_device_event(struct vmsg_dev *dev, uint16_t state)
{
	uint8_t p[4];

	vmsg_put16(p, dev->num);
	vmsg_put16(p + 2, state);
	return send_event(dev->bus, VIRTIO_MSG_TYPE_BUS,
			  VIRTIO_MSG_BUS_EVENT_DEVICE, 0, 0, p, 4);
}

static int send_config_event(struct vmsg_dev *dev)
{
	uint8_t p[16];

	/* No data: the driver reads again what it wants to know. */
	memset(p, 0, sizeof(p));
	vmsg_put32(p, dev->status);
	vmsg_put32(p + 4, dev->generation);
	return send_event(dev->bus, 0, VIRTIO_MSG_EVENT_CONFIG, dev->num, 0, p,
			  dev->bus->wire == VIRTIO_MSG_WIRE_XID32 ? 12 : 16);
}

static int send_used_event(struct vmsg_dev *dev, uint16_t queue)
{
	uint8_t p[4];

	vmsg_put32(p, queue);
	return send_event(dev->bus, 0, VIRTIO_MSG_EVENT_USED, dev->num, 0, p, 4);
}

/* ------------------------------------------------------------- devices */

static struct vmsg_dev *find(struct vmsg_bus *bus, uint16_t num)
{
	struct vmsg_dev *dev;

	for (dev = bus->hash[num & 255]; dev; dev = dev->hash_next)
		if (dev->num == num)
			return dev;
	return NULL;
}

/**
 * vmsg_bus_find - the device with a number
 * @bus: the bus
 * @num: its number
 */
struct vmsg_dev *vmsg_bus_find(struct vmsg_bus *bus, uint16_t num)
{
	struct vmsg_dev *dev = find(bus, num);

	return dev && !dev->removing ? dev : NULL;
}

static void unlink_dev(struct vmsg_bus *bus, struct vmsg_dev *dev)
{
	struct vmsg_dev **p;

	for (p = &bus->hash[dev->num & 255]; *p; p = &(*p)->hash_next)
		if (*p == dev) {
			*p = dev->hash_next;
			break;
		}
	for (p = &bus->devs; *p; p = &(*p)->next)
		if (*p == dev) {
			*p = dev->next;
			break;
		}
	bus->ndevs--;
}

/* A device that is going leaves when it is still and the driver was told. */
static void try_release(struct vmsg_dev *dev)
{
	struct vmsg_bus *bus = dev->bus;

	if (!dev->removing || dev->resetting)
		return;
	if (bus->up && dev->events & EV_REMOVED)
		return;
	unlink_dev(bus, dev);
	dev->bus = NULL;
	if (dev->release)
		dev->release(dev);
}

static void post(struct vmsg_dev *dev, uint8_t event)
{
	if (!dev->bus->up)
		return;
	dev->events |= event;
	dev->bus->events_pending = true;
	vmsg_bus_flush(dev->bus);
}

/**
 * vmsg_dev_reset_done - the device has let go of all rings and buffers
 * @dev: the device whose reset operation returned false
 */
void vmsg_dev_reset_done(struct vmsg_dev *dev)
{
	uint32_t i;

	if (!dev->resetting)
		return;
	for (i = 0; i < dev->nvqs; i++)
		vmsg_vq_clear(&dev->vqs[i]);
	dev->status = 0;
	dev->driver_features = 0;
	dev->foreign_features = false;
	dev->kick_again = 0;
	dev->used_pending = 0;
	dev->events &= (uint8_t)~EV_CONFIG;
	dev->resetting = false;
	dev->stats.resets++;
	if (dev->removing) {
		if (dev->bus->up)
			post(dev, EV_REMOVED);
		else
			try_release(dev);
	}
}

static void dev_reset(struct vmsg_dev *dev)
{
	if (dev->resetting)
		return;
	dev->resetting = true;
	dev->kick_again = 0;
	dev->used_pending = 0;
	dev->events &= (uint8_t)~EV_CONFIG;
	if (!dev->ops->reset || dev->ops->reset(dev)) {
		vmsg_dev_reset_done(dev);
		return;
	}
	/* As long as it takes, the status must not read 0. */
	if (!dev->status)
		dev->status = VMSG_S_ACKNOWLEDGE;
}

/**
 * vmsg_bus_add - add a device and tell the driver
 * @bus: the bus
 * @dev: the device, its first part filled in
 *
 * Return: 0, -VMSG_EEXIST if the number is taken (also by a device that is
 * still leaving), -VMSG_EINVAL.
 */
int vmsg_bus_add(struct vmsg_bus *bus, struct vmsg_dev *dev)
{
	uint32_t i;

	if (dev->nvqs > VMSG_MAX_VQS)
		return -VMSG_EINVAL;
	if (find(bus, dev->num))
		return -VMSG_EEXIST;
	dev->bus = bus;
	dev->features |= bus->require;
	if (!dev->ops->queue_reset)
		dev->features &= ~VMSG_F_RING_RESET;
	for (i = 0; i < dev->nvqs; i++) {
		dev->vqs[i].dev = dev;
		dev->vqs[i].index = (uint16_t)i;
	}
	dev->hash_next = bus->hash[dev->num & 255];
	bus->hash[dev->num & 255] = dev;
	dev->next = bus->devs;
	bus->devs = dev;
	bus->ndevs++;
	post(dev, EV_READY);
	return 0;
}

/**
 * vmsg_bus_remove - take a device away
 * @bus: the bus
 * @dev: the device
 *
 * The device is reset first, so that nothing is written into buffers the driver
 * takes back; then the driver is told; then @dev->release is called, maybe
 * before this function returns.
 */
void vmsg_bus_remove(struct vmsg_bus *bus, struct vmsg_dev *dev)
{
	(void)bus;
	if (dev->removing)
		return;
	dev->removing = true;
	dev->events = 0;
	if (dev->resetting)
		return;
	dev_reset(dev);
}

/**
 * vmsg_dev_fault - the device can go on only after a reset
 * @dev: the device
 * @why: for the log
 * @value: for the log
 */
void vmsg_dev_fault(struct vmsg_dev *dev, const char *why, uint32_t value)
{
	if (dev->status & VMSG_S_NEEDS_RESET || dev->resetting || dev->removing)
		return;
	dev->status |= VMSG_S_NEEDS_RESET;
	dev->stats.faults++;
	if (dev->bus->log)
		dev->bus->log(dev->bus, dev, why, value);
	if (dev->status & VMSG_S_DRIVER_OK)
		post(dev, EV_CONFIG);
}

/**
 * vmsg_dev_used - tell the driver of used buffers
 * @dev: the device
 * @queue: index of the queue
 */
void vmsg_dev_used(struct vmsg_dev *dev, uint16_t queue)
{
	struct vmsg_bus *bus = dev->bus;

	if (!bus || !bus->up || dev->resetting || dev->removing ||
	    !(dev->status & VMSG_S_DRIVER_OK) || queue >= dev->nvqs)
		return;
	dev->stats.used_events++;
	dev->vqs[queue].used_events++;
	if (bus->link->used && bus->link->used(bus, dev->num, queue))
		return;
	dev->used_pending |= 1ULL << queue;
	bus->events_pending = true;
	vmsg_bus_flush(bus);
}

/**
 * vmsg_dev_config_changed - the device's configuration is not what it was
 * @dev: the device
 *
 * Called together with the change, before any other message is handled.
 */
void vmsg_dev_config_changed(struct vmsg_dev *dev)
{
	dev->generation++;
	if (dev->bus && dev->status & VMSG_S_DRIVER_OK && !dev->resetting &&
	    !dev->removing)
		post(dev, EV_CONFIG);
}

static void service(struct vmsg_dev *dev, uint32_t queue)
{
	struct vmsg_vq *vq = &dev->vqs[queue];

	if (vq->enabled && vmsg_dev_running(dev))
		dev->ops->kick(dev, vq);
}

/**
 * vmsg_dev_kick - look at a queue as if the driver had kicked it
 * @dev: the device
 * @queue: index of the queue
 */
void vmsg_dev_kick(struct vmsg_dev *dev, uint16_t queue)
{
	if (dev->bus && queue < dev->nvqs)
		service(dev, queue);
}

/**
 * vmsg_dev_again - go on with a queue after others had their turn
 * @dev: the device
 * @queue: index of the queue
 */
void vmsg_dev_again(struct vmsg_dev *dev, uint16_t queue)
{
	dev->kick_again |= 1ULL << queue;
	dev->bus->kicks_pending = true;
}

/**
 * vmsg_bus_kick - the driver kicked
 * @bus: the bus
 * @dev_num: number of a device
 * @first: index of a queue
 * @last: the kick is for all queues from @first to this one
 */
void vmsg_bus_kick(struct vmsg_bus *bus, uint16_t dev_num, uint16_t first,
		   uint16_t last)
{
	struct vmsg_dev *dev = vmsg_bus_find(bus, dev_num);
	uint32_t q;

	if (!dev || first >= dev->nvqs) {
		bus->stats.stray++;
		return;
	}
	dev->stats.kicks++;
	for (q = first; q <= last && q < dev->nvqs; q++) {
		dev->vqs[q].kicks++;
		service(dev, q);
	}
}

/**
 * vmsg_bus_run - go on with queues that were left for fairness
 * @bus: the bus
 *
 * Return: true if there is more to do.
 */
bool vmsg_bus_run(struct vmsg_bus *bus)
{
	struct vmsg_dev *dev;
	uint32_t q;

	if (!bus->kicks_pending)
		return false;
	bus->kicks_pending = false;
	for (dev = bus->devs; dev; dev = dev->next) {
		uint64_t again = dev->kick_again;

		dev->kick_again = 0;
		for (q = 0; again; q++, again >>= 1)
			if (again & 1)
				service(dev, q);
	}
	return bus->kicks_pending;
}

/* ------------------------------------------------------------ requests */

/*
 * One request on its way to an answer.  Handlers return the length of the
 * answer's payload, written to @out, or the negative result of a refusal.
 */
struct request {
	struct vmsg_bus *bus;
	struct vmsg_dev *dev;
	unsigned int wire;
	const uint8_t *in;
	uint32_t in_len;
	uint8_t *out;
	uint32_t out_max;
};

#define BAD_ARG		(-VIRTIO_MSG_RESULT_BAD_ARG)
#define BAD_STATE	(-VIRTIO_MSG_RESULT_BAD_STATE)
#define BUSY		(-VIRTIO_MSG_RESULT_BUSY)
#define UNKNOWN		(-VIRTIO_MSG_RESULT_UNKNOWN)

static bool xid32(const struct request *r)
{
	return r->wire == VIRTIO_MSG_WIRE_XID32;
}

/* A payload of fixed size: exact in xid32, at least that long before. */
static bool fits(const struct request *r, uint32_t n)
{
	return xid32(r) ? r->in_len == n : r->in_len >= n;
}

static int do_get_info(struct request *r)
{
	const struct vmsg_dev *dev = r->dev;
	uint8_t *o = r->out;

	if (!fits(r, 0))
		return BAD_ARG;
	if (r->wire == VIRTIO_MSG_WIRE_RFC2 || r->wire == VIRTIO_MSG_WIRE_V1) {
		memset(o, 0, 24);
		if (!dev)
			return 24;
		vmsg_put32(o, dev->device_id);
		vmsg_put32(o + 4, dev->vendor_id);
		vmsg_put32(o + 8, 32 * FEATURE_BLOCKS);
		vmsg_put32(o + 12, dev->config_len);
		vmsg_put32(o + 16, dev->nvqs);
		return 24;
	}
	memset(o, 0, 44);
	if (!dev)
		return 44;
	vmsg_put32(o, dev->device_id);
	vmsg_put32(o + 4, dev->vendor_id);
	memcpy(o + 8, dev->uuid, 16);
	vmsg_put32(o + 24, FEATURE_BLOCKS);
	vmsg_put32(o + 28, dev->config_len);
	vmsg_put32(o + 32, dev->nvqs);
	return 44;
}

static int do_get_features(struct request *r)
{
	uint32_t head = xid32(r) ? 4 : 8;
	uint32_t block, n, i;

	if (!fits(r, 8))
		return BAD_ARG;
	block = vmsg_get32(r->in);
	n = vmsg_get32(r->in + 4);
	if (!n || n > (r->out_max - head) / 4)
		return BAD_ARG;
	vmsg_put32(r->out, block);
	if (!xid32(r))
		vmsg_put32(r->out + 4, n);
	for (i = 0; i < n; i++) {
		uint64_t b = (uint64_t)block + i;

		vmsg_put32(r->out + head + 4 * i, b < FEATURE_BLOCKS ?
			   (uint32_t)(r->dev->features >> 32 * b) : 0);
	}
	return (int)(head + 4 * n);
}

static int do_set_features(struct request *r)
{
	struct vmsg_dev *dev = r->dev;
	uint32_t block, n, i;
	const uint8_t *data;

	if (xid32(r)) {
		if (r->in_len < 8 || r->in_len % 4)
			return BAD_ARG;
		data = r->in + 4;
		n = (r->in_len - 4) / 4;
	} else {
		if (r->in_len < 8)
			return BAD_ARG;
		data = r->in + 8;
		n = vmsg_get32(r->in + 4);
		if (n > (r->in_len - 8) / 4)
			return BAD_ARG;
	}
	if (dev->status & VMSG_S_FEATURES_OK)
		return BAD_STATE;
	block = vmsg_get32(r->in);
	for (i = 0; i < n; i++) {
		uint64_t b = (uint64_t)block + i;
		uint32_t v = vmsg_get32(data + 4 * i);

		if (b < FEATURE_BLOCKS) {
			dev->driver_features &= ~(0xffffffffULL << 32 * b);
			dev->driver_features |= (uint64_t)v << 32 * b;
		} else if (v) {
			/* Remembered, because FEATURES_OK must be refused. */
			dev->foreign_features = true;
		}
	}
	return 0;
}

static int do_get_config(struct request *r)
{
	const struct vmsg_dev *dev = r->dev;
	uint32_t head = xid32(r) ? 8 : 12;
	uint32_t off, len;

	if (!fits(r, 8))
		return BAD_ARG;
	off = vmsg_get32(r->in);
	len = vmsg_get32(r->in + 4);
	if (off > dev->config_len || len > dev->config_len - off ||
	    len > r->out_max - head)
		return BAD_ARG;
	vmsg_put32(r->out, dev->generation);
	vmsg_put32(r->out + 4, off);
	if (!xid32(r))
		vmsg_put32(r->out + 8, len);
	if (len)
		memcpy(r->out + head, dev->config + off, len);
	return (int)(head + len);
}

static int do_set_config(struct request *r)
{
	uint32_t head = xid32(r) ? 8 : 12;
	struct vmsg_dev *dev = r->dev;
	uint32_t gen, off, len;
	bool ok;

	if (r->in_len < head)
		return BAD_ARG;
	gen = vmsg_get32(r->in);
	off = vmsg_get32(r->in + 4);
	len = xid32(r) ? r->in_len - head : vmsg_get32(r->in + 8);
	if (len > r->in_len - head || !len)
		return BAD_ARG;
	if (off > dev->config_len || len > dev->config_len - off ||
	    len > r->out_max - head)
		return BAD_ARG;

	/* v2 sends 0 always, so there it cannot be held against anybody. */
	ok = r->wire == VIRTIO_MSG_WIRE_V2 || gen == dev->generation;
	if (ok)
		ok = dev->ops->set_config &&
		     dev->ops->set_config(dev, off, r->in + head, len);
	if (!ok)
		len = 0;
	vmsg_put32(r->out, dev->generation);
	vmsg_put32(r->out + 4, off);
	if (!xid32(r))
		vmsg_put32(r->out + 8, len);
	if (len)
		memcpy(r->out + head, dev->config + off, len);
	return (int)(head + len);
}

static int put_status(struct request *r)
{
	vmsg_put32(r->out, r->dev->status);
	return 4;
}

static int do_get_status(struct request *r)
{
	return fits(r, 0) ? put_status(r) : BAD_ARG;
}

static bool features_ok(const struct vmsg_dev *dev)
{
	uint64_t f = dev->driver_features;

	return !dev->foreign_features && !(f & ~dev->features) &&
	       !(dev->bus->require & ~f);
}

/*
 * What cannot be granted is left out of the status that the answer carries; a
 * driver reads it there.  Bits are never taken back but by a reset.
 */
static int do_set_status(struct request *r)
{
	struct vmsg_dev *dev = r->dev;
	uint32_t want, i;
	uint8_t set;

	if (!fits(r, 4))
		return BAD_ARG;
	want = vmsg_get32(r->in);
	if (!want) {
		dev_reset(dev);
		return put_status(r);
	}
	if (dev->resetting)
		return put_status(r);
	if (want > 0xff)
		return xid32(r) ? BAD_ARG : put_status(r);

	set = (uint8_t)(want & ~dev->status & (uint8_t)~VMSG_S_NEEDS_RESET);
	if (set & VMSG_S_FEATURES_OK && !features_ok(dev))
		set &= (uint8_t)~VMSG_S_FEATURES_OK;
	if (set & VMSG_S_DRIVER_OK &&
	    !((dev->status | set) & VMSG_S_FEATURES_OK))
		set &= (uint8_t)~VMSG_S_DRIVER_OK;
	dev->status |= set;
	if (set & VMSG_S_DRIVER_OK && !(dev->status & VMSG_S_NEEDS_RESET)) {
		if (dev->ops->start && dev->ops->start(dev) < 0) {
			vmsg_dev_fault(dev, "cannot start", 0);
			return put_status(r);
		}
		/* What was made available before came without a kick. */
		for (i = 0; i < dev->nvqs; i++)
			vmsg_dev_again(dev, (uint16_t)i);
	}
	return put_status(r);
}

static int do_get_vqueue(struct request *r)
{
	uint32_t len = r->wire == VIRTIO_MSG_WIRE_RFC2 ? 36 : 40;
	uint32_t a = len - 24;
	const struct vmsg_vq *vq;
	uint32_t index;

	if (!fits(r, 4))
		return BAD_ARG;
	index = vmsg_get32(r->in);
	memset(r->out, 0, len);
	vmsg_put32(r->out, index);
	if (index >= r->dev->nvqs)
		return (int)len;
	vq = &r->dev->vqs[index];
	vmsg_put32(r->out + 4, vq->max_size);
	vmsg_put32(r->out + 8, vq->size);
	if (r->wire >= VIRTIO_MSG_WIRE_V2)
		vmsg_put32(r->out + 12, vq->enabled ? VIRTIO_MSG_VQ_ENABLE : 0);
	vmsg_put64(r->out + a, vq->desc_addr);
	vmsg_put64(r->out + a + 8, vq->driver_addr);
	vmsg_put64(r->out + a + 16, vq->device_addr);
	return (int)len;
}

static int set_vqueue(struct request *r)
{
	uint32_t len = r->wire == VIRTIO_MSG_WIRE_RFC2 ? 36 : 40;
	uint32_t op = VIRTIO_MSG_VQ_ENABLE;
	const uint8_t *a = r->in + len - 24;
	struct vmsg_dev *dev = r->dev;
	struct vmsg_vq *vq;
	uint32_t index;

	if (!fits(r, len))
		return BAD_ARG;
	index = vmsg_get32(r->in);
	if (r->wire >= VIRTIO_MSG_WIRE_V2)
		op = vmsg_get32(r->in + 4);
	if (index >= dev->nvqs || op & ~(uint32_t)VIRTIO_MSG_VQ_ENABLE)
		return BAD_ARG;
	vq = &dev->vqs[index];
	/* The features say which kind of ring it is. */
	if (!(dev->status & VMSG_S_FEATURES_OK) || vq->enabled)
		return BAD_STATE;
	if (dev->status & VMSG_S_DRIVER_OK &&
	    !(dev->driver_features & VMSG_F_RING_RESET))
		return BAD_STATE;
	if (vmsg_vq_set(vq, vmsg_get32(r->in + 8), vmsg_get64(a),
			vmsg_get64(a + 8), vmsg_get64(a + 16),
			dev->driver_features))
		return BAD_ARG;
	if (!op)
		return 0;
	vmsg_vq_enable(vq);
	if (vmsg_dev_running(dev)) {
		if (dev->ops->queue_enable && dev->ops->queue_enable(dev, vq)) {
			vmsg_dev_fault(dev, "cannot enable queue", index);
			return 0;
		}
		vmsg_dev_again(dev, (uint16_t)index);
	}
	return 0;
}

static int do_set_vqueue(struct request *r)
{
	int ret = set_vqueue(r);

	/*
	 * The older answer is empty either way: only the status can tell that
	 * there is no queue where the driver believes it has one.
	 */
	if (ret < 0 && !xid32(r))
		vmsg_dev_fault(r->dev, "queue refused", (uint32_t)-ret);
	return ret;
}

static int do_reset_vqueue(struct request *r)
{
	struct vmsg_dev *dev = r->dev;
	struct vmsg_vq *vq;
	uint32_t index;

	if (!fits(r, 4))
		return BAD_ARG;
	index = vmsg_get32(r->in);
	if (index >= dev->nvqs)
		return BAD_ARG;
	vq = &dev->vqs[index];
	if (dev->status & VMSG_S_DRIVER_OK) {
		if (!(dev->driver_features & VMSG_F_RING_RESET))
			return BAD_STATE;
		if (vq->enabled)
			dev->ops->queue_reset(dev, vq);
	}
	vmsg_vq_clear(vq);
	dev->used_pending &= ~(1ULL << index);
	dev->kick_again &= ~(1ULL << index);
	return 0;
}

static int do_get_shm(struct request *r)
{
	uint64_t addr = 0, len = 0;
	uint32_t id;

	if (!fits(r, 4))
		return BAD_ARG;
	id = vmsg_get32(r->in);
	if (!r->dev->ops->get_shm || !r->dev->ops->get_shm(r->dev, id, &addr, &len)) {
		addr = 0;
		len = 0;
	}
	vmsg_put32(r->out, id);
	if (r->wire < VIRTIO_MSG_WIRE_V2) {
		/* 32 bits hold no area id: only what fits can be said. */
		if (addr > UINT32_MAX || len > UINT32_MAX)
			return BAD_ARG;
		vmsg_put32(r->out + 4, (uint32_t)len);
		vmsg_put32(r->out + 8, (uint32_t)addr);
		return 12;
	}
	vmsg_put32(r->out + 4, 0);
	vmsg_put64(r->out + 8, len);
	vmsg_put64(r->out + 16, addr);
	return 24;
}

static int do_get_devices(struct request *r)
{
	uint32_t head = xid32(r) ? 4 : 6;
	uint32_t off, count, end, next = UINT32_MAX;
	const struct vmsg_dev *dev;
	uint8_t *map = r->out + head;

	if (!fits(r, 4))
		return BAD_ARG;
	off = vmsg_get16(r->in);
	count = vmsg_get16(r->in + 2);
	if (off % 8 || count % 8 || !count)
		return BAD_ARG;
	if (count > 8 * (r->out_max - head))
		count = 8 * (r->out_max - head);
	if (count > 65536 - off)
		count = 65536 - off;
	end = off + count;

	memset(map, 0, count / 8);
	for (dev = r->bus->devs; dev; dev = dev->next) {
		if (dev->removing || dev->num < off)
			continue;
		if (dev->num < end)
			map[(dev->num - off) / 8] |=
				(uint8_t)(1 << (dev->num - off) % 8);
		else if (dev->num < next)
			next = dev->num;
	}
	next = next == UINT32_MAX ? 0 : next & ~7U;

	vmsg_put16(r->out, (uint16_t)off);
	switch (r->wire) {
	case VIRTIO_MSG_WIRE_XID32:
		vmsg_put16(r->out + 2, (uint16_t)next);
		break;
	case VIRTIO_MSG_WIRE_V2:
		vmsg_put16(r->out + 2, (uint16_t)next);
		vmsg_put16(r->out + 4, (uint16_t)count);
		break;
	default:
		vmsg_put16(r->out + 2, (uint16_t)count);
		vmsg_put16(r->out + 4, (uint16_t)next);
		break;
	}
	return (int)(head + count / 8);
}

static int do_ping(struct request *r)
{
	if (!fits(r, 4))
		return BAD_ARG;
	memcpy(r->out, r->in, 4);
	return 4;
}

/* What a device that is being reset still answers. */
#define DURING_RESET	0x1
/* What is answered for a device that is not there. */
#define WITHOUT_DEVICE	0x2

static const struct {
	int (*fn)(struct request *r);
	unsigned int flags;
} transport_requests[] = {
	[VIRTIO_MSG_GET_DEVICE_INFO] = { do_get_info, DURING_RESET | WITHOUT_DEVICE },
	[VIRTIO_MSG_GET_DEVICE_FEATURES] = { do_get_features, DURING_RESET },
	[VIRTIO_MSG_SET_DRIVER_FEATURES] = { do_set_features, 0 },
	[VIRTIO_MSG_GET_CONFIG] = { do_get_config, DURING_RESET },
	[VIRTIO_MSG_SET_CONFIG] = { do_set_config, 0 },
	[VIRTIO_MSG_GET_DEVICE_STATUS] = { do_get_status, DURING_RESET },
	[VIRTIO_MSG_SET_DEVICE_STATUS] = { do_set_status, DURING_RESET },
	[VIRTIO_MSG_GET_VQUEUE] = { do_get_vqueue, 0 },
	[VIRTIO_MSG_SET_VQUEUE] = { do_set_vqueue, 0 },
	[VIRTIO_MSG_RESET_VQUEUE] = { do_reset_vqueue, 0 },
	[VIRTIO_MSG_GET_SHM] = { do_get_shm, 0 },
};

#define NUM_REQUESTS (sizeof(transport_requests) / sizeof(transport_requests[0]))

static int handle_request(struct request *r, const struct vmsg_hdr *h)
{
	struct vmsg_bus *bus = r->bus;
	unsigned int flags;

	if (h->type & VIRTIO_MSG_TYPE_BUS) {
		if (xid32(r) && h->dev_num)
			return BAD_ARG;
		switch (h->msg_id) {
		case VIRTIO_MSG_BUS_GET_DEVICES:
			return do_get_devices(r);
		case VIRTIO_MSG_BUS_PING:
			return do_ping(r);
		}
		return UNKNOWN;
	}
	if (h->msg_id >= NUM_REQUESTS || !transport_requests[h->msg_id].fn)
		return UNKNOWN;
	flags = transport_requests[h->msg_id].flags;
	r->dev = vmsg_bus_find(bus, h->dev_num);
	if (!r->dev) {
		if (flags & WITHOUT_DEVICE && !xid32(r))
			return transport_requests[h->msg_id].fn(r);
		return -VIRTIO_MSG_RESULT_NO_DEVICE;
	}
	r->dev->stats.messages++;
	if (r->dev->resetting && !(flags & DURING_RESET))
		return BUSY;
	return transport_requests[h->msg_id].fn(r);
}

static void handle_event(struct vmsg_bus *bus, const struct vmsg_hdr *h,
			 const uint8_t *in, uint32_t len)
{
	struct vmsg_dev *dev = vmsg_bus_find(bus, h->dev_num);
	uint32_t queue;

	if (h->type & VIRTIO_MSG_TYPE_BUS ||
	    h->msg_id != VIRTIO_MSG_EVENT_AVAIL || !dev || len < 8 ||
	    (bus->wire == VIRTIO_MSG_WIRE_XID32 && (len != 8 || h->xid))) {
		bus->stats.stray++;
		return;
	}
	dev->stats.messages++;
	queue = vmsg_get32(in);
	if (queue >= dev->nvqs) {
		bus->stats.stray++;
		return;
	}
	/* Nonsense is a kick all the same: the ring says what there is. */
	if (dev->driver_features & VMSG_F_NOTIFICATION_DATA &&
	    dev->vqs[queue].enabled &&
	    !vmsg_vq_next_ok(&dev->vqs[queue], vmsg_get32(in + 4)))
		bus->stats.stray++;
	vmsg_bus_kick(bus, h->dev_num, (uint16_t)queue, (uint16_t)queue);
}

static void handle_response(struct vmsg_bus *bus, const struct vmsg_hdr *h,
			    const uint8_t *in, uint32_t len)
{
	if (!bus->ping_sent || !(h->type & VIRTIO_MSG_TYPE_BUS) ||
	    h->msg_id != VIRTIO_MSG_BUS_PING || h->xid != bus->ping_xid ||
	    h->result || len < 4 || vmsg_get32(in) != bus->ping_value) {
		bus->stats.stray++;
		return;
	}
	bus->ping_sent = false;
	if (bus->pong)
		bus->pong(bus, bus->ping_value);
}

static bool is_request(uint8_t msg_id)
{
	return msg_id < VIRTIO_MSG_EVENT_BASE ||
	       (msg_id >= VIRTIO_MSG_IMPL_REQUEST_BASE &&
		msg_id < VIRTIO_MSG_IMPL_EVENT_BASE);
}

/**
 * vmsg_bus_receive - one frame came from the driver
 * @bus: the bus
 * @frame: the frame, in private memory
 * @len: its length, padding included
 *
 * Not to be called while vmsg_bus_can_receive() says no.
 */
void vmsg_bus_receive(struct vmsg_bus *bus, const uint8_t *frame, uint32_t len)
{
	unsigned int hl = vmsg_hdr_len(bus->wire);
	struct request r = { .bus = bus, .wire = bus->wire };
	struct vmsg_hdr h;
	int ret;

	if (!bus->up)
		return;
	if (len < hl) {
		bus->stats.malformed++;
		return;
	}
	vmsg_hdr_get(bus->wire, frame, &h);
	bus->stats.rx[!!(h.type & VIRTIO_MSG_TYPE_BUS)][h.msg_id]++;

	if (h.type & VIRTIO_MSG_TYPE_RESPONSE || !is_request(h.msg_id)) {
		if (h.size < hl || h.size > len)
			bus->stats.malformed++;
		else if (h.type & VIRTIO_MSG_TYPE_RESPONSE)
			handle_response(bus, &h, frame + hl, h.size - hl);
		else
			handle_event(bus, &h, frame + hl, h.size - hl);
		return;
	}

	/* An answer to ID 0 could not be matched to anything. */
	if (bus->wire == VIRTIO_MSG_WIRE_XID32 && !h.xid) {
		bus->stats.malformed++;
		return;
	}
	r.out = bus->frame + hl;
	r.out_max = bus->max_msg - hl;
	if (h.size < hl || h.size > len || h.result) {
		bus->stats.malformed++;
		ret = BAD_ARG;
	} else {
		r.in = frame + hl;
		r.in_len = h.size - hl;
		ret = handle_request(&r, &h);
	}
	/* A handler may have ended the link, but not this frame's buffer. */
	h.type = VIRTIO_MSG_TYPE_RESPONSE | (h.type & VIRTIO_MSG_TYPE_BUS);
	h.result = 0;
	if (ret < 0) {
		bus->stats.refused++;
		h.result = (uint16_t)-ret;
		ret = 0;
	}
	h.size = (uint16_t)(hl + (unsigned int)ret);
	vmsg_hdr_put(bus->wire, bus->frame, &h);
	send_response(bus, bus->frame, h.size);
}

/**
 * vmsg_bus_can_receive - whether there is room for one more answer
 * @bus: the bus
 */
bool vmsg_bus_can_receive(const struct vmsg_bus *bus)
{
	return bus->up && !backlog_full(bus);
}

/**
 * vmsg_bus_flush - send what had to wait
 * @bus: the bus
 *
 * Return: true if nothing is left.
 */
bool vmsg_bus_flush(struct vmsg_bus *bus)
{
	struct vmsg_dev *dev, *next;

	if (!bus->up)
		return true;
	while (bus->backlog_count) {
		uint8_t *slot = backlog_slot(bus, 0);
		uint32_t len;

		memcpy(&len, slot, sizeof(len));
		if (bus->link->send(bus, slot + BACKLOG_HEADER, len))
			return false;
		count_tx(bus, slot + BACKLOG_HEADER);
		bus->backlog_head = (bus->backlog_head + 1) % bus->backlog_slots;
		bus->backlog_count--;
	}
	if (!bus->events_pending)
		return true;
	for (dev = bus->devs; dev; dev = next) {
		next = dev->next;
		if (dev->events & EV_READY) {
			if (send_device_event(dev, VIRTIO_MSG_DEVICE_READY))
				return false;
			dev->events &= (uint8_t)~EV_READY;
		}
		if (dev->events & EV_REMOVED) {
			if (send_device_event(dev, VIRTIO_MSG_DEVICE_REMOVED))
				return false;
			dev->events &= (uint8_t)~EV_REMOVED;
			try_release(dev);
			continue;
		}
		if (dev->events & EV_CONFIG) {
			if (send_config_event(dev))
				return false;
			dev->events &= (uint8_t)~EV_CONFIG;
		}
		while (dev->used_pending) {
			uint16_t q = (uint16_t)__builtin_ctzll(dev->used_pending);

			if (send_used_event(dev, q))
				return false;
			dev->used_pending &= ~(1ULL << q);
		}
	}
	bus->events_pending = false;
	return true;
}

/**
 * vmsg_bus_ping - ask the driver side whether it is there
 * @bus: the bus
 * @value: what it shall echo
 *
 * One at a time; @bus->pong is called when the answer comes.
 */
int vmsg_bus_ping(struct vmsg_bus *bus, uint32_t value)
{
	uint8_t p[4];
	int ret;

	/* 16 bits of it are a token, for which 0 and 1 are reserved. */
	do {
		bus->ping_xid = ++bus->random;
		if (bus->wire == VIRTIO_MSG_WIRE_RFC2)
			bus->ping_xid = 0;
		else if (bus->wire != VIRTIO_MSG_WIRE_XID32)
			bus->ping_xid &= 0xffff;
	} while (bus->wire != VIRTIO_MSG_WIRE_RFC2 && bus->ping_xid < 2);
	bus->ping_value = value;
	vmsg_put32(p, value);
	ret = send_event(bus, VIRTIO_MSG_TYPE_BUS, VIRTIO_MSG_BUS_PING, 0,
			 bus->ping_xid, p, 4);
	bus->ping_sent = !ret;
	return ret;
}

/* ---------------------------------------------------------------- link */

/**
 * vmsg_bus_link_up - messages may flow
 * @bus: the bus
 * @wire: the wire revision both sides speak
 * @max_msg: the longest message the link takes
 */
void vmsg_bus_link_up(struct vmsg_bus *bus, unsigned int wire, uint32_t max_msg)
{
	bus->wire = (uint8_t)wire;
	bus->max_msg = max_msg > 65535 ? 65535 : max_msg;
	if (bus->max_msg > bus->frame_size)
		bus->max_msg = bus->frame_size;
	bus->backlog_head = 0;
	bus->backlog_count = 0;
	bus->ping_sent = false;
	bus->events_pending = false;
	bus->kicks_pending = false;
	bus->stats.links++;
	bus->up = true;
}

/**
 * vmsg_bus_link_down - the driver side is gone or starts anew
 * @bus: the bus
 *
 * All devices are reset.  The memory they share with the driver must stay until
 * vmsg_bus_quiet() says yes.
 */
void vmsg_bus_link_down(struct vmsg_bus *bus)
{
	struct vmsg_dev *dev, *next;

	bus->up = false;
	bus->backlog_count = 0;
	bus->ping_sent = false;
	bus->events_pending = false;
	bus->kicks_pending = false;
	for (dev = bus->devs; dev; dev = next) {
		next = dev->next;
		dev->events = 0;
		if (dev->removing)
			try_release(dev);
		else
			dev_reset(dev);
	}
}

/**
 * vmsg_bus_quiet - whether no device touches shared memory any more
 * @bus: the bus, its link down
 */
bool vmsg_bus_quiet(struct vmsg_bus *bus)
{
	struct vmsg_dev *dev;

	for (dev = bus->devs; dev; dev = dev->next)
		if (dev->resetting)
			return false;
	return true;
}
