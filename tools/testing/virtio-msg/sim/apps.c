// SPDX-License-Identifier: GPL-2.0-only
/*
 * What uses the devices: a driver of disks and of entropy sources, with the
 * habits of Linux's, applications that remember what was acknowledged, and
 * direct users of transactions.
 */
#include "sim.h"

#define SECTOR		512
#define GUARD		16
#define GUARD_BYTE	0xc3

/* A disk, or an entropy source. */
struct user_dev {
	struct virtio_device *vdev;
	struct sim_bus *b;
	unsigned int num;
	bool rng;
	struct virtqueue *vq;
	spinlock_t lock;		/* serialises the use of the queue */
	bool closing;
	bool removed;
	unsigned int users;
};

struct request {
	u8 head[16];
	u8 data[SECTOR + GUARD];
	/* As in virtio_blk, nobody writes it but the device. */
	u8 status;
	bool write;
	bool done;
	u32 len;
	struct user_dev *d;
};

/* One sector, and what may be in it. */
struct ledger {
	u64 next;
	u64 acked;
	u64 maybe[64];
	unsigned int num_maybe;
	u64 good;
	u64 mark;
	u64 errors;
};

static struct user_dev *devs[SIM_BUSES][PEER_DEVS];
static struct ledger ledgers[SIM_BUSES][SIM_APPS];
static bool ending;
static unsigned int running;

struct sim_bus *sim_bus_of(const struct virtio_device *vdev)
{
	const struct device *parent = vdev->dev.parent->parent;
	unsigned int i;

	for (i = 0; i < SIM_BUSES; i++)
		if (parent == &sim_buses[i].parent)
			return &sim_buses[i];
	SHIM_MUST(!"bus");
}

/* ---------------------------------------------------------------- driver */

static void callback(struct virtqueue *vq)
{
	struct user_dev *d = vq->vdev->priv;
	struct request *r;
	unsigned long flags;
	u32 len;

	/* I9 */
	SHIM_MUST(d && !d->removed);
	spin_lock_irqsave(&d->lock, flags);
	while ((r = shim_get(vq, &len))) {
		/* I1, for buffers */
		SHIM_MUST(!r->done && r->d == d);
		r->len = len;
		r->done = true;
		sim_totals.completions++;
	}
	spin_unlock_irqrestore(&d->lock, flags);
}

static bool request_done(void *arg)
{
	struct request *r = arg;

	/*
	 * Where shared memory was scribbled over the ring code may have given
	 * the queue up, with what is in it; see testing.rst.
	 */
	return r->done || (r->d->b->tainted && shim_broken(r->d->vq));
}

/* 0: the device says it is done; else it says that it is not, or nobody does. */
static int do_request(struct user_dev *d, struct request *r, bool write, u64 sector)
{
	struct shim_sg sg[3];
	unsigned int n = 0;
	unsigned long flags;
	int ret;

	r->d = d;
	r->write = write;
	r->done = false;
	memset(r->data + SECTOR, GUARD_BYTE, GUARD);
	if (d->rng) {
		sg[n++] = (struct shim_sg){ r->data, SECTOR, true };
	} else {
		memset(r->head, 0, sizeof(r->head));
		r->head[0] = write;
		memcpy(r->head + 8, &sector, sizeof(sector));
		sg[n++] = (struct shim_sg){ r->head, sizeof(r->head), false };
		sg[n++] = (struct shim_sg){ r->data, SECTOR, !write };
		sg[n++] = (struct shim_sg){ &r->status, 1, true };
	}
	for (;;) {
		spin_lock_irqsave(&d->lock, flags);
		ret = d->closing ? -EIO : shim_add(d->vq, sg, n, r);
		spin_unlock_irqrestore(&d->lock, flags);
		if (ret != -ENOSPC && ret != -ENOMEM)
			break;
		shim_sleep(SIM_MS);
	}
	if (ret)
		return ret;
	shim_kick(d->vq);
	shim_block(request_done, r, SHIM_FOREVER);
	/* I8 */
	for (n = 0; n < GUARD; n++)
		SHIM_MUST(r->data[SECTOR + n] == GUARD_BYTE);
	if (!r->done)
		return -EIO;
	if (d->rng)
		return r->len ? 0 : -EIO;
	return r->status ? -EIO : 0;
}

static bool unused(void *arg)
{
	return !((struct user_dev *)arg)->users;
}

static void probe_read(struct user_dev *d)
{
	struct request *r = calloc(1, sizeof(*r));

	/* As the block layer does, which looks for partitions. */
	d->users++;
	do_request(d, r, false, 0);
	d->users--;
	free(r);
}

static int probe(struct virtio_device *vdev)
{
	struct user_dev *d = shim_alloc(sizeof(*d), GFP_KERNEL);
	struct virtqueue_info info = { .name = "requests", .callback = callback };
	u64 capacity = 0;
	int ret;

	if (!d)
		return -ENOMEM;
	d->vdev = vdev;
	d->b = sim_bus_of(vdev);
	d->num = to_vmsg_device(vdev)->num;
	d->rng = vdev->id.device == 4;
	vdev->priv = d;
	ret = vdev->config->find_vqs(vdev, 1, &d->vq, &info, NULL);
	if (ret)
		goto err;
	if (!d->rng)
		vdev->config->get(vdev, 0, &capacity, sizeof(capacity));
	shim_device_ready(vdev);
	if (!d->rng)
		probe_read(d);
	if (d->num < PEER_DEVS)
		devs[d->b->n][d->num] = d;
	return 0;

err:
	vdev->priv = NULL;
	kfree(d);
	return ret;
}

static void remove_dev(struct virtio_device *vdev)
{
	struct user_dev *d = vdev->priv;
	struct request *r;

	if (d->num < PEER_DEVS && devs[d->b->n][d->num] == d)
		devs[d->b->n][d->num] = NULL;
	d->closing = true;
	/* As del_gendisk(): whatever is under way has to end. */
	shim_block(unused, d, SHIM_FOREVER);
	shim_device_reset(vdev);
	d->removed = true;
	while ((r = shim_detach(d->vq)))
		SHIM_MUST(d->b->tainted);
	vdev->config->del_vqs(vdev);
	vdev->priv = NULL;
	kfree(d);
}

static void config_changed(struct virtio_device *vdev)
{
	(void)vdev;
}

static const struct virtio_driver disk_driver = {
	.device = 2,
	.features = 1 << 2 | 1 << 6 | 1 << 9,
	.probe = probe,
	.remove = remove_dev,
	.config_changed = config_changed,
};

static const struct virtio_driver rng_driver = {
	.device = 4,
	.probe = probe,
	.remove = remove_dev,
};

const struct virtio_driver *const shim_drivers[] = { &disk_driver, &rng_driver, NULL };

/* ---------------------------------------------------------- applications */

static void check_read(const struct sim_bus *b, struct ledger *l,
		       const struct request *r, u64 tag)
{
	const u64 *w = (const u64 *)r->data;
	u64 v = w[0];
	unsigned int i;
	bool ok;

	for (i = 0; i < SECTOR / 8; i++)
		SHIM_MUST(w[i] == v);			/* not torn */
	SHIM_MUST(!v || v >> 32 == tag);		/* not another's */
	ok = v == l->acked;
	for (i = 0; i < l->num_maybe; i++)
		ok |= v == l->maybe[i];
	if (!ok)
		sim_log(b, "sector %llu holds %#llx, acknowledged was %#llx",
			(unsigned long long)tag, (unsigned long long)v,
			(unsigned long long)l->acked);
	SHIM_MUST(ok);					/* not lost */
}

static void one_request(struct sim_bus *b, unsigned int app, struct user_dev *d,
			struct request *r)
{
	struct ledger *l = &ledgers[b->n][app];
	u64 tag = 1 + app, v = 0;
	bool write = shim_chance(1, 2);
	unsigned int i;
	int ret;

	if (!d->rng && write) {
		/* No more than can be remembered. */
		if (l->num_maybe == ARRAY_SIZE(l->maybe))
			write = false;
		else
			v = tag << 32 | ++l->next;
	}
	for (i = 0; i < SECTOR / 8; i++)
		((u64 *)r->data)[i] = v;
	if (v)
		l->maybe[l->num_maybe++] = v;
	ret = do_request(d, r, write && !d->rng, app);
	sim_totals.requests++;
	if (ret) {
		l->errors++;
		sim_totals.errors++;
		return;
	}
	l->good++;
	if (d->rng || b->tainted)
		return;
	if (v) {
		l->acked = v;
		l->num_maybe = 0;
	} else {
		check_read(b, l, r, tag);
	}
}

struct app {
	struct sim_bus *b;
	unsigned int n;
};

static struct app apps[SIM_BUSES][SIM_APPS];

static void app_main(void *arg)
{
	struct app *a = arg;
	struct request *r = calloc(1, sizeof(*r));
	struct user_dev *d;

	while (!ending) {
		d = devs[a->b->n][a->n % PEER_DEVS];
		if (d && !d->closing) {
			d->users++;
			one_request(a->b, a->n, d, r);
			d->users--;
		}
		shim_sleep(shim_rnd(60 * SIM_MS));
	}
	free(r);
	running--;
}

/* -------------------------------------------------- direct transactions */

struct ping {
	struct vmsg_xfer *x;
	struct sim_bus *b;
	u32 data;
	unsigned int ended;
	bool taken;
};

static struct ping pings[SIM_BUSES][4];

static void ping_done(struct vmsg_xfer *x)
{
	struct ping *p = NULL;
	unsigned int i, j;
	u32 echo;

	for (i = 0; i < SIM_BUSES; i++)
		for (j = 0; j < ARRAY_SIZE(pings[0]); j++)
			if (pings[i][j].taken && pings[i][j].x == x)
				p = &pings[i][j];
	SHIM_MUST(p);
	/* I1 */
	SHIM_MUST(!p->ended);
	p->ended++;
	sim_totals.pings++;
	if (x->status)
		return;
	/* I2 */
	SHIM_MUST(p->b->tainted || (!vmsg_get_ping(x->wire, &x->pdu, &echo) && echo == p->data));
}

static bool ping_ended(void *arg)
{
	return ((struct ping *)arg)->ended;
}

static void one_ping(struct sim_bus *b, struct ping *p)
{
	u64 limit;
	int len;

	p->x = vmsg_xfer_alloc(b->bus, GFP_KERNEL);
	if (!p->x)
		return;
	p->b = b;
	p->ended = 0;
	p->taken = true;
	p->data = get_random_u32();
	p->x->complete = ping_done;
	len = vmsg_req_ping(p->x->wire, p->x->req, p->x->cap, p->data);
	if (!vmsg_xfer_submit(p->x, len)) {
		/* Not on the bus that is to have no late answers. */
		if (!b->n && shim_chance(1, 4)) {
			shim_sleep(shim_rnd(2 * SIM_MS));
			vmsg_xfer_cancel(p->x);
		}
		/* I4: where one goes at a time it may wait for all the others. */
		limit = shim_now() + 120000 * SIM_MS;
		SHIM_MUST(shim_block(ping_ended, p, limit));
	} else {
		SHIM_MUST(!p->ended);
	}
	p->taken = false;
	vmsg_xfer_put(p->x);
}

static void pinger_main(void *arg)
{
	struct app *a = arg;
	struct sim_bus *b = a->b;

	while (!ending) {
		if (b->bus && !b->closing) {
			b->users++;
			one_ping(b, &pings[b->n][a->n]);
			b->users--;
		}
		shim_sleep(shim_rnd(80 * SIM_MS));
	}
	running--;
}

/* ----------------------------------------------------------------- whole */

void sim_apps_start(void)
{
	unsigned int i, j;

	for (i = 0; i < SIM_BUSES; i++) {
		for (j = 0; j < SIM_APPS; j++) {
			apps[i][j] = (struct app){ &sim_buses[i], j };
			running++;
			shim_spawn("application", 0, app_main, &apps[i][j]);
		}
		for (j = 0; j < 2; j++) {
			running++;
			shim_spawn("pinger", 0, pinger_main, &apps[i][j]);
		}
	}
}

void sim_apps_stop(void)
{
	ending = true;
}

bool sim_apps_ended(void)
{
	return !running;
}

void sim_apps_reset(void)
{
	memset(devs, 0, sizeof(devs));
	memset(ledgers, 0, sizeof(ledgers));
	memset(pings, 0, sizeof(pings));
	ending = false;
	running = 0;
}

void sim_apps_mark(const struct sim_bus *b)
{
	unsigned int i;

	for (i = 0; i < SIM_APPS; i++)
		ledgers[b->n][i].mark = ledgers[b->n][i].good;
}

bool sim_apps_moved(const struct sim_bus *b)
{
	unsigned int i;

	for (i = 0; i < SIM_APPS; i++)
		if (ledgers[b->n][i].good == ledgers[b->n][i].mark)
			return false;
	return true;
}

u64 sim_apps_errors(const struct sim_bus *b)
{
	u64 n = 0;
	unsigned int i;

	for (i = 0; i < SIM_APPS; i++)
		n += ledgers[b->n][i].errors;
	return n;
}

void sim_apps_show(const struct sim_bus *b)
{
	unsigned int i;

	for (i = 0; i < PEER_DEVS; i++)
		printf("#   bus%u device %u: %s\n", b->n, i,
		       !devs[b->n][i] ? "no driver" :
		       devs[b->n][i]->closing ? "closing" :
		       shim_broken(devs[b->n][i]->vq) ? "broken" : "in use");
	for (i = 0; i < SIM_APPS; i++)
		printf("#   bus%u application %u: %llu done, %llu errors\n", b->n, i,
		       (unsigned long long)ledgers[b->n][i].good,
		       (unsigned long long)ledgers[b->n][i].errors);
}
