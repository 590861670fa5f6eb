// SPDX-License-Identifier: GPL-2.0-only
/*
 * Shim: the virtio core, and virtqueues that map through the transport's
 * struct virtio_map_ops. Written from what the interfaces promise; where drivers
 * depend on a detail (a queue that is broken gives nothing back, a status byte
 * is not preset, a driver waits for its requests before it resets) it is as in
 * Linux.
 */
#include "env.h"
#include "virtio.h"

/* ------------------------------------------------------------------ core */

static struct ida ids;

bool shim_virtio_has(const struct virtio_device *vdev, unsigned int bit)
{
	return vdev->features >> bit & 1;
}

static void add_status(struct virtio_device *vdev, u8 status)
{
	shim_might_sleep();
	vdev->config->set_status(vdev, vdev->config->get_status(vdev) | status);
}

static const struct virtio_driver *driver_of(const struct virtio_device *vdev)
{
	unsigned int i;

	for (i = 0; shim_drivers[i]; i++)
		if (shim_drivers[i]->device == vdev->id.device)
			return shim_drivers[i];
	return NULL;
}

static void config_enable(struct virtio_device *vdev)
{
	const struct virtio_driver *drv = driver_of(vdev);
	bool pending;

	shim_spin_lock(&vdev->config_lock, true);
	vdev->config_enabled = true;
	pending = vdev->config_pending;
	vdev->config_pending = false;
	if (pending && drv->config_changed)
		drv->config_changed(vdev);
	shim_spin_unlock(&vdev->config_lock, true);
}

void virtio_config_changed(struct virtio_device *vdev)
{
	const struct virtio_driver *drv = driver_of(vdev);

	shim_spin_lock(&vdev->config_lock, true);
	if (!vdev->config_enabled)
		vdev->config_pending = true;
	else if (drv->config_changed)
		drv->config_changed(vdev);
	shim_spin_unlock(&vdev->config_lock, true);
}

void shim_device_ready(struct virtio_device *vdev)
{
	u8 status = vdev->config->get_status(vdev);

	SHIM_MUST(!(status & VIRTIO_CONFIG_S_DRIVER_OK));
	vdev->config->synchronize_cbs(vdev);
	vdev->config->set_status(vdev, status | VIRTIO_CONFIG_S_DRIVER_OK);
}

void shim_device_reset(struct virtio_device *vdev)
{
	vdev->config->reset(vdev);
}

static int bind(struct virtio_device *vdev, const struct virtio_driver *drv)
{
	u64 features[2] = {};
	int ret;

	add_status(vdev, VIRTIO_CONFIG_S_DRIVER);
	vdev->config->get_extended_features(vdev, features);
	vdev->features_array[0] = features[0] & (drv->features | ~0ULL << 28);
	vdev->features_array[1] = 0;
	ret = vdev->config->finalize_features(vdev);
	if (ret)
		return ret;
	add_status(vdev, VIRTIO_CONFIG_S_FEATURES_OK);
	if (!(vdev->config->get_status(vdev) & VIRTIO_CONFIG_S_FEATURES_OK))
		return -ENODEV;
	ret = drv->probe(vdev);
	if (ret)
		return ret;
	config_enable(vdev);
	return 0;
}

int register_virtio_device(struct virtio_device *vdev)
{
	const struct virtio_driver *drv = driver_of(vdev);

	device_initialize(&vdev->dev);
	vdev->index = ida_alloc(&ids, GFP_KERNEL);
	dev_set_name(&vdev->dev, "virtio%d", vdev->index);
	vdev->config_lock.owner = NULL;
	vdev->config_enabled = false;
	vdev->priv = NULL;
	vdev->config->reset(vdev);
	add_status(vdev, VIRTIO_CONFIG_S_ACKNOWLEDGE);
	device_add(&vdev->dev);
	/* A driver that fails leaves the device without one. */
	if (drv && bind(vdev, drv)) {
		add_status(vdev, VIRTIO_CONFIG_S_FAILED);
		vdev->priv = NULL;
	}
	return 0;
}

void unregister_virtio_device(struct virtio_device *vdev)
{
	const struct virtio_driver *drv = driver_of(vdev);
	int index = vdev->index;

	if (vdev->priv) {
		shim_spin_lock(&vdev->config_lock, true);
		vdev->config_enabled = false;
		shim_spin_unlock(&vdev->config_lock, true);
		drv->remove(vdev);
		add_status(vdev, VIRTIO_CONFIG_S_ACKNOWLEDGE);
	}
	device_del(&vdev->dev);
	put_device(&vdev->dev);
	ida_free(&ids, index);
}

/* ----------------------------------------------------------------- rings */

struct chain {
	void *data;
	unsigned int n;
	u16 last;
};

struct ring {
	struct virtqueue vq;
	union virtio_map map;
	bool (*notify)(struct virtqueue *vq);
	bool broken;
	bool called;		/* its callback runs */
	bool packed;
	bool avail_wrap;	/* packed: at @avail */
	bool used_wrap;		/* packed: at @used */
	u16 num;
	u16 free_head;
	u16 avail;		/* next index, or position, to publish */
	u16 used;		/* next one to collect */
	size_t size;
	void *mem;
	dma_addr_t addr;
	struct vring r;
	struct vring_packed_desc *pd;
	struct vring_packed_desc_event *driver_event;
	struct vring_packed_desc_event *device_event;
	struct chain *chains;
	/* Never read back from the ring, where the peer can write. */
	struct {
		dma_addr_t addr;
		u32 len;
		u16 next;
		bool in;
	} *desc;
};

static struct ring *to_ring(const struct virtqueue *vq)
{
	return container_of(vq, struct ring, vq);
}

/* Of bits 28 to 41, which are the transport's, those that this ring has. */
void vring_transport_features(struct virtio_device *vdev)
{
	vdev->features &= ~(0x3fffULL << 28) | 1ULL << VIRTIO_F_VERSION_1 |
			  1ULL << VIRTIO_F_ACCESS_PLATFORM |
			  1ULL << VIRTIO_F_RING_PACKED |
			  1ULL << VIRTIO_F_NOTIFICATION_DATA;
}

static size_t packed_size(unsigned int num)
{
	return num * sizeof(struct vring_packed_desc) +
	       2 * sizeof(struct vring_packed_desc_event);
}

struct virtqueue *
vring_create_virtqueue_map(unsigned int index, unsigned int num, unsigned int align,
			   struct virtio_device *vdev, bool weak_barriers,
			   bool may_reduce_num, bool ctx,
			   bool (*notify)(struct virtqueue *vq),
			   void (*callback)(struct virtqueue *vq), const char *name,
			   union virtio_map map)
{
	struct ring *r = shim_alloc(sizeof(*r), GFP_KERNEL);
	unsigned int i;

	(void)weak_barriers;
	(void)ctx;
	if (!r)
		return NULL;
	r->packed = shim_virtio_has(vdev, VIRTIO_F_RING_PACKED);
	/* No window: memory that this kernel has none of. */
	for (; num && vdev->map; num /= 2) {
		r->size = r->packed ? packed_size(num) : vring_size(num, align);
		r->mem = vdev->map->alloc(map, r->size, &r->addr, GFP_KERNEL);
		if (r->mem || !may_reduce_num)
			break;
	}
	if (!r->mem) {
		kfree(r);
		return NULL;
	}
	r->chains = shim_alloc(num * sizeof(*r->chains), GFP_KERNEL);
	r->desc = shim_alloc(num * sizeof(*r->desc), GFP_KERNEL);
	r->num = num;
	r->map = map;
	r->notify = notify;
	r->vq.vdev = vdev;
	r->vq.index = index;
	r->vq.callback = callback;
	r->vq.name = name;
	r->vq.num_free = num;
	r->avail_wrap = true;
	r->used_wrap = true;
	if (r->packed) {
		r->pd = r->mem;
		r->driver_event = (void *)(r->pd + num);
		r->device_event = r->driver_event + 1;
	} else {
		vring_init(&r->r, num, r->mem, align);
	}
	if (!r->chains || !r->desc) {
		vring_del_virtqueue(&r->vq);
		return NULL;
	}
	for (i = 0; i < num; i++)
		r->desc[i].next = i + 1;
	return &r->vq;
}

void vring_del_virtqueue(struct virtqueue *vq)
{
	struct ring *r = to_ring(vq);

	vq->vdev->map->free(r->map, r->size, r->mem, r->addr, 0);
	kfree(r->chains);
	kfree(r->desc);
	kfree(r);
}

static void unmap_one(struct ring *r, u16 i)
{
	r->vq.vdev->map->unmap_page(r->map, r->desc[i].addr, r->desc[i].len,
				    r->desc[i].in ? DMA_FROM_DEVICE : DMA_TO_DEVICE, 0);
}

static bool map_one(struct ring *r, u16 i, const struct shim_sg *sg)
{
	const struct virtio_map_ops *map = r->vq.vdev->map;

	SHIM_MUST(i < r->num);
	r->desc[i].addr = map->map_page(r->map, virt_to_page(sg->p), offset_in_page(sg->p),
					sg->len, sg->in ? DMA_FROM_DEVICE : DMA_TO_DEVICE, 0);
	if (map->mapping_error(r->map, r->desc[i].addr))
		return false;
	r->desc[i].len = sg->len;
	r->desc[i].in = sg->in;
	return true;
}

static u16 packed_flags(bool wrap)
{
	return wrap ? 1 << VRING_PACKED_DESC_F_AVAIL : 1 << VRING_PACKED_DESC_F_USED;
}

/* The first descriptor's flags come last: with them the device has the buffer. */
static void publish_packed(struct ring *r, u16 head, const struct shim_sg *sg, unsigned int n)
{
	u16 pos = r->avail, first = 0, flags, i = head;
	bool wrap = r->avail_wrap;
	unsigned int k;

	for (k = 0; k < n; k++, i = r->desc[i].next) {
		r->pd[pos].addr = cpu_to_le64(r->desc[i].addr);
		r->pd[pos].len = cpu_to_le32(sg[k].len);
		r->pd[pos].id = cpu_to_le16(head);
		flags = packed_flags(wrap) | (sg[k].in ? VRING_DESC_F_WRITE : 0) |
			(k + 1 < n ? VRING_DESC_F_NEXT : 0);
		if (k)
			WRITE_ONCE(r->pd[pos].flags, cpu_to_le16(flags));
		else
			first = flags;
		if (++pos == r->num) {
			pos = 0;
			wrap = !wrap;
		}
	}
	WRITE_ONCE(r->pd[r->avail].flags, cpu_to_le16(first));
	r->avail = pos;
	r->avail_wrap = wrap;
}

static void publish_split(struct ring *r, u16 head, const struct shim_sg *sg, unsigned int n)
{
	unsigned int k;
	u16 i = head;

	for (k = 0; k < n; k++, i = r->desc[i].next) {
		r->r.desc[i].addr = cpu_to_le64(r->desc[i].addr);
		r->r.desc[i].len = cpu_to_le32(sg[k].len);
		r->r.desc[i].flags = cpu_to_le16((sg[k].in ? VRING_DESC_F_WRITE : 0) |
						 (k + 1 < n ? VRING_DESC_F_NEXT : 0));
		r->r.desc[i].next = cpu_to_le16(k + 1 < n ? r->desc[i].next : 0);
	}
	r->r.avail->ring[r->avail % r->num] = cpu_to_le16(head);
	shim_point();
	r->avail++;
	WRITE_ONCE(r->r.avail->idx, cpu_to_le16(r->avail));
}

int shim_add(struct virtqueue *vq, const struct shim_sg *sg, unsigned int n, void *data)
{
	struct ring *r = to_ring(vq);
	u16 head = r->free_head, i = head;
	unsigned int k;

	SHIM_MUST(n && data);
	if (READ_ONCE(r->broken))
		return -EIO;
	if (vq->num_free < n)
		return -ENOSPC;
	for (k = 0; k < n; k++, i = r->desc[i].next) {
		if (!map_one(r, i, &sg[k]))
			goto undo;
		r->chains[head].last = i;
	}
	r->free_head = i;
	vq->num_free -= n;
	r->chains[head].data = data;
	r->chains[head].n = n;
	if (r->packed)
		publish_packed(r, head, sg, n);
	else
		publish_split(r, head, sg, n);
	shim_point();
	return 0;

undo:
	for (i = head; k--; i = r->desc[i].next)
		unmap_one(r, i);
	return r->packed ? -EIO : -ENOMEM;
}

static bool no_kicks(const struct ring *r)
{
	if (r->packed)
		return le16_to_cpu(READ_ONCE(r->device_event->flags)) ==
		       VRING_PACKED_EVENT_FLAG_DISABLE;
	return le16_to_cpu(READ_ONCE(r->r.used->flags)) & VRING_USED_F_NO_NOTIFY;
}

bool shim_kick(struct virtqueue *vq)
{
	struct ring *r = to_ring(vq);

	if (READ_ONCE(r->broken))
		return false;
	shim_point();
	if (no_kicks(r))
		return true;
	if (!r->notify(vq)) {
		WRITE_ONCE(r->broken, true);
		return false;
	}
	return true;
}

static bool more_used(struct ring *r)
{
	u16 flags;

	if (r->packed) {
		flags = le16_to_cpu(READ_ONCE(r->pd[r->used].flags));
		return !(flags & 1 << VRING_PACKED_DESC_F_AVAIL) == !r->used_wrap &&
		       !(flags & 1 << VRING_PACKED_DESC_F_USED) == !r->used_wrap;
	}
	return le16_to_cpu(READ_ONCE(r->r.used->idx)) != r->used;
}

static void *take_back(struct ring *r, u16 head)
{
	void *data = r->chains[head].data;
	unsigned int k;
	u16 i = head;

	for (k = 0; k < r->chains[head].n; k++, i = r->desc[i].next)
		unmap_one(r, i);
	r->desc[r->chains[head].last].next = r->free_head;
	r->free_head = head;
	r->vq.num_free += r->chains[head].n;
	r->chains[head].data = NULL;
	return data;
}

static void next_used(struct ring *r, u16 n)
{
	r->used += n;
	if (r->packed && r->used >= r->num) {
		r->used -= r->num;
		r->used_wrap = !r->used_wrap;
	}
}

void *shim_get(struct virtqueue *vq, u32 *len)
{
	struct ring *r = to_ring(vq);
	u32 id;

	if (READ_ONCE(r->broken) || !more_used(r))
		return NULL;
	if (r->packed) {
		id = le16_to_cpu(READ_ONCE(r->pd[r->used].id));
		*len = le32_to_cpu(READ_ONCE(r->pd[r->used].len));
	} else {
		id = le32_to_cpu(READ_ONCE(r->r.used->ring[r->used % r->num].id));
		*len = le32_to_cpu(READ_ONCE(r->r.used->ring[r->used % r->num].len));
	}
	if (id >= r->num || !r->chains[id].data) {
		shim_log(&vq->vdev->dev, "id %u is no head\n", id);
		WRITE_ONCE(r->broken, true);
		return NULL;
	}
	next_used(r, r->packed ? r->chains[id].n : 1);
	return take_back(r, id);
}

void *shim_detach(struct virtqueue *vq)
{
	struct ring *r = to_ring(vq);
	u16 i;

	for (i = 0; i < r->num; i++)
		if (r->chains[i].data)
			return take_back(r, i);
	return NULL;
}

bool shim_broken(const struct virtqueue *vq)
{
	return READ_ONCE(to_ring(vq)->broken);
}

void vring_interrupt(int irq, void *arg)
{
	struct virtqueue *vq = arg;
	struct ring *r = to_ring(vq);

	(void)irq;
	if (!more_used(r) || READ_ONCE(r->broken))
		return;
	/* Drivers take it for an interrupt: it does not come twice at a time. */
	SHIM_MUST(!r->called);
	r->called = true;
	if (vq->callback)
		vq->callback(vq);
	r->called = false;
}

void __virtqueue_break(struct virtqueue *vq)
{
	WRITE_ONCE(to_ring(vq)->broken, true);
}

void __virtqueue_unbreak(struct virtqueue *vq)
{
	WRITE_ONCE(to_ring(vq)->broken, false);
}

bool virtqueue_is_broken(const struct virtqueue *vq)
{
	return READ_ONCE(to_ring(vq)->broken);
}

unsigned int virtqueue_get_vring_size(const struct virtqueue *vq)
{
	return to_ring(vq)->num;
}

dma_addr_t virtqueue_get_desc_addr(const struct virtqueue *vq)
{
	return to_ring(vq)->addr;
}

dma_addr_t virtqueue_get_avail_addr(const struct virtqueue *vq)
{
	struct ring *r = to_ring(vq);

	return r->addr + (r->packed ? (char *)r->driver_event - (char *)r->mem :
				      (char *)r->r.avail - (char *)r->mem);
}

dma_addr_t virtqueue_get_used_addr(const struct virtqueue *vq)
{
	struct ring *r = to_ring(vq);

	return r->addr + (r->packed ? (char *)r->device_event - (char *)r->mem :
				      (char *)r->r.used - (char *)r->mem);
}

/* Callbacks are never off here; what counts is where the next one is looked for. */
unsigned int virtqueue_enable_cb_prepare(struct virtqueue *vq)
{
	struct ring *r = to_ring(vq);

	return r->used | (r->packed && r->used_wrap ? 1U << 15 : 0);
}

u32 vring_notification_data(struct virtqueue *vq)
{
	struct ring *r = to_ring(vq);

	return ((u32)READ_ONCE(r->avail) | (r->packed && r->avail_wrap) << 15) << 16 |
	       vq->index;
}
