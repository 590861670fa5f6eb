// SPDX-License-Identifier: GPL-2.0-only
/*
 * The fuzzers of the whole core: the drivers. They read configuration as Linux's
 * do, until the generation stands, wait for all of their requests before they let
 * go, and look whether something was written behind their buffers.
 */
#include "core.h"

#define MAX_VQS		3
#define MAX_LIVE	16
#define GUARD		16
#define GUARD_BYTE	0xc3

struct drv {
	struct virtio_device *vdev;
	unsigned int nvqs;
	struct virtqueue *vqs[MAX_VQS];
	spinlock_t lock;		/* serialises the use of the queues */
	bool closing;
	bool removed;
	unsigned int users;
};

struct request {
	struct drv *d;
	struct virtqueue *vq;
	bool done;
	u8 bytes[4][1024 + GUARD];
};

static struct drv *live[MAX_LIVE];
static unsigned int running;

void drv_reset(void)
{
	memset(live, 0, sizeof(live));
	running = 0;
}

bool drv_idle(void)
{
	return !running;
}

static struct drv *drv_get(unsigned int nth)
{
	unsigned int i;

	for (i = 0; i < MAX_LIVE; i++)
		if (live[(nth + i) % MAX_LIVE] && !live[(nth + i) % MAX_LIVE]->closing)
			return live[(nth + i) % MAX_LIVE];
	return NULL;
}

static void callback(struct virtqueue *vq)
{
	struct drv *d = vq->vdev->priv;
	struct request *r;
	unsigned long flags;
	u32 len;

	/* I9 */
	SHIM_MUST(d && !d->removed);
	spin_lock_irqsave(&d->lock, flags);
	while ((r = shim_get(vq, &len))) {
		SHIM_MUST(!r->done && r->d == d && r->vq == vq);
		r->done = true;
	}
	spin_unlock_irqrestore(&d->lock, flags);
}

/* As virtio_cread(): whoever is at the other end, this comes to an end. */
static void read_config(struct virtio_device *vdev, unsigned int off, unsigned int len)
{
	u8 buf[128 + 1];
	unsigned int n = 0;
	u32 gen, old;

	len = min(len, 128U);
	gen = vdev->config->generation(vdev);
	do {
		SHIM_MUST(++n < 64);
		old = gen;
		buf[len] = GUARD_BYTE;
		vdev->config->get(vdev, off, buf, len);
		SHIM_MUST(buf[len] == GUARD_BYTE);
		gen = vdev->config->generation(vdev);
	} while (gen != old);
}

static bool request_done(void *arg)
{
	struct request *r = arg;

	/* What the peer can write is a ring that the ring code has given up. */
	return r->done || shim_broken(r->vq);
}

static void request_main(void *arg)
{
	struct request *r = arg;
	unsigned int i, n = 1 + tape() % 3;
	struct shim_sg sg[4];
	unsigned long flags;
	int ret;

	memset(r->bytes, GUARD_BYTE, sizeof(r->bytes));
	memset(r->bytes[0], 0, 16);
	r->bytes[0][0] = tape() & 1;
	sg[0] = (struct shim_sg){ r->bytes[0], 16, r->d->vdev->id.device == 4 };
	for (i = 1; i < n; i++)
		sg[i] = (struct shim_sg){ r->bytes[i], i + 1 < n ? 1 + tape16() % 1024 : 1,
					  i + 1 == n || tape() & 1 };
	spin_lock_irqsave(&r->d->lock, flags);
	ret = r->d->closing ? -EIO : shim_add(r->vq, sg, n, r);
	spin_unlock_irqrestore(&r->d->lock, flags);
	if (!ret) {
		shim_kick(r->vq);
		shim_block(request_done, r, SHIM_FOREVER);
		/* I8 */
		for (i = 0; i < n; i++)
			SHIM_MUST(r->bytes[i][sg[i].len] == GUARD_BYTE);
		if (!r->done) {
			/* It is the ring code's until the queue is detached. */
			r->d->users--;
			running--;
			return;
		}
	}
	r->d->users--;
	running--;
	free(r);
}

void drv_request(unsigned int nth)
{
	struct drv *d = drv_get(nth);
	struct request *r;

	if (!d || running > 32)
		return;
	r = calloc(1, sizeof(*r));
	r->d = d;
	r->vq = d->vqs[nth % d->nvqs];
	if (!r->vq) {
		free(r);
		return;
	}
	d->users++;
	running++;
	shim_spawn("request", 0, request_main, r);
}

static void config_main(void *arg)
{
	struct drv *d = arg;
	struct virtio_shm_region region;
	u8 buf[64];
	u8 what = tape();

	memset(buf, what, sizeof(buf));
	switch (what % 4) {
	case 0:
		d->vdev->config->set(d->vdev, tape(), buf, tape() % sizeof(buf));
		break;
	case 1:
		if (d->vdev->config->get_shm_region(d->vdev, &region, tape()))
			SHIM_MUST(region.len && region.len <= MEM_SIZE);
		break;
	default:
		read_config(d->vdev, tape16(), tape());
	}
	d->users--;
	running--;
}

void drv_config(unsigned int nth)
{
	struct drv *d = drv_get(nth);

	if (!d)
		return;
	d->users++;
	running++;
	shim_spawn("config", 0, config_main, d);
}

static bool unused(void *arg)
{
	return !((struct drv *)arg)->users;
}

static bool one_user(void *arg)
{
	return ((struct drv *)arg)->users == 1;
}

static void detach(struct virtqueue *vq)
{
	struct request *r;

	while ((r = shim_detach(vq)))
		free(r);
}

static void vq_reset_main(void *arg)
{
	struct drv *d = arg;
	struct virtqueue *vq = d->vqs[0];

	/* No requests meanwhile, as virtio_net sees to it. */
	shim_block(one_user, d, SHIM_FOREVER);
	if (!d->vdev->config->disable_vq_and_reset(vq)) {
		detach(vq);
		d->vdev->config->enable_vq_after_reset(vq);
	}
	d->closing = false;
	d->users--;
	running--;
}

void drv_vq_reset(unsigned int nth)
{
	struct drv *d = drv_get(nth);

	if (!d || !d->vqs[0] || !shim_virtio_has(d->vdev, VIRTIO_F_RING_RESET))
		return;
	d->closing = true;
	d->users++;
	running++;
	shim_spawn("queue reset", 0, vq_reset_main, d);
}

static int probe(struct virtio_device *vdev)
{
	struct virtqueue_info info[MAX_VQS] = {
		{ .name = "first", .callback = callback },
		{ .name = "second", .callback = callback },
		{ .name = "third", .callback = callback },
	};
	struct drv *d = shim_alloc(sizeof(*d), GFP_KERNEL);
	unsigned int i;
	int ret;

	d->vdev = vdev;
	vdev->priv = d;
	d->nvqs = 1 + tape() % MAX_VQS;
	if (tape() % 4 == 3)
		info[d->nvqs / 2].name = NULL;
	ret = vdev->config->find_vqs(vdev, d->nvqs, d->vqs, info, NULL);
	if (ret && d->nvqs > 1) {
		d->nvqs = 1;
		info[0].name = "only";
		ret = vdev->config->find_vqs(vdev, 1, d->vqs, info, NULL);
	}
	if (ret) {
		vdev->priv = NULL;
		kfree(d);
		return ret;
	}
	read_config(vdev, 0, vdev->id.device == 4 ? 0 : 8);
	shim_device_ready(vdev);
	for (i = 0; i < MAX_LIVE && live[i]; i++)
		;
	if (i < MAX_LIVE)
		live[i] = d;
	return 0;
}

static void remove_dev(struct virtio_device *vdev)
{
	struct drv *d = vdev->priv;
	unsigned int i;

	for (i = 0; i < MAX_LIVE; i++)
		if (live[i] == d)
			live[i] = NULL;
	d->closing = true;
	/* As del_gendisk() does, and whatever the peer did, it does not take for ever. */
	SHIM_MUST(shim_block(unused, d, shim_now() + 600000 * MS));
	shim_device_reset(vdev);
	d->removed = true;
	for (i = 0; i < d->nvqs; i++)
		if (d->vqs[i])
			detach(d->vqs[i]);
	vdev->config->del_vqs(vdev);
	vdev->priv = NULL;
	kfree(d);
}

static void config_changed(struct virtio_device *vdev)
{
	(void)vdev;
}

/* 7 is one whose callbacks may sleep. */
#define DRIVER(n)							\
	static const struct virtio_driver driver_##n = {		\
		.device = n,						\
		.features = ~0ULL,					\
		.probe = probe,						\
		.remove = remove_dev,					\
		.config_changed = config_changed,			\
	}

DRIVER(1);
DRIVER(2);
DRIVER(3);
DRIVER(4);
DRIVER(7);
DRIVER(19);

const struct virtio_driver *const shim_drivers[] = {
	&driver_1, &driver_2, &driver_3, &driver_4, &driver_7, &driver_19, NULL
};
