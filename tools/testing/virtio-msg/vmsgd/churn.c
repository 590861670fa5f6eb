// SPDX-License-Identifier: GPL-2.0-only
/*
 * vmsgd: devices that come and go, each as soon as its driver has come so far
 *
 * For tests of drivers: only the device side knows how far a probe is.  Some lanes at
 * a time each add a device, wait until its driver has reached a stage that was drawn,
 * and take the device away; often the next one has the same number at once, and is
 * another device.
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>

#include "vmsgd.h"

#define LANES		4
#define FIRST		100
#define NUMBERS		64
#define TICK_MS		2
#define PATIENCE_MS	5000

enum stage { AT_ONCE, DRIVER, FEATURES, QUEUES, RUNNING, WORKING, STAGES };

static const char *const stage_names[STAGES] = {
	"announced", "has a driver", "features accepted", "queues made", "running",
	"at work",
};

static struct lane {
	struct device *d;
	bool leaving;
	int num;
	enum stage stage;
	uint64_t since;
	uint64_t leave_at;	/* 0: not there yet */
} lanes[LANES];

static struct {
	uint64_t left;		/* to be begun */
	uint64_t done;
	uint64_t late;		/* whose driver did not come so far */
	uint64_t reached[STAGES];
	uint64_t rnd;
	void (*fn)(void *priv);
	void *priv;
	struct timer timer;
} churn;

static uint32_t draw(uint32_t n)
{
	churn.rnd ^= churn.rnd << 13;
	churn.rnd ^= churn.rnd >> 7;
	churn.rnd ^= churn.rnd << 17;
	return (uint32_t)(churn.rnd >> 16) % n;
}

static bool number_free(int num)
{
	unsigned int i;

	for (i = 0; i < LANES; i++)
		if (lanes[i].d && lanes[i].num == num)
			return false;
	return true;
}

static bool reached(const struct lane *l)
{
	const struct vmsg_dev *vd = l->d->vd;

	switch (l->stage) {
	case AT_ONCE:
		return true;
	case DRIVER:
		return vd->status & VMSG_S_DRIVER;
	case FEATURES:
		return vd->status & VMSG_S_FEATURES_OK;
	case QUEUES:
		return vd->vqs[0].enabled;
	case RUNNING:
		return vd->status & VMSG_S_DRIVER_OK;
	default:
		return vd->stats.requests;
	}
}

static void on_gone(void *priv, const char *err)
{
	struct lane *l = priv;

	(void)err;
	l->d = NULL;
	churn.done++;
}

static void add(struct lane *l)
{
	char *spec, *err = NULL;

	/* Every other time the number is that of the last one. */
	if (!l->num || draw(2) || !number_free(l->num)) {
		do {
			l->num = FIRST + (int)draw(NUMBERS);
		} while (!number_free(l->num));
	}
	spec = draw(3) ? xasprintf("ramblk,size=%uM,num=%d", 1 + draw(8), l->num) :
	       xasprintf("rng,num=%d", l->num);
	l->d = device_create(spec, &err);
	free(spec);
	/* One that somebody else has added. */
	free(err);
	if (!l->d)
		return;
	churn.left--;
	l->stage = draw(STAGES);
	l->since = now_ms();
	l->leave_at = 0;
	l->leaving = false;
	device_open(l->d);
}

static void look(struct lane *l)
{
	if (!l->d || l->leaving)
		return;
	if (!l->leave_at && reached(l)) {
		churn.reached[l->stage]++;
		l->leave_at = now_ms() + draw(10);
	} else if (!l->leave_at && now_ms() - l->since > PATIENCE_MS) {
		churn.late++;
		l->leave_at = now_ms();
	}
	if (!l->leave_at || now_ms() < l->leave_at)
		return;
	l->leaving = true;
	/* Maybe at once. */
	device_remove(l->d, on_gone, l);
}

static void on_tick(struct timer *t)
{
	void (*fn)(void *) = churn.fn;
	bool busy = false;
	unsigned int i;

	for (i = 0; i < LANES; i++) {
		if (!lanes[i].d && churn.left)
			add(&lanes[i]);
		look(&lanes[i]);
		busy |= !!lanes[i].d;
	}
	if (busy || churn.left) {
		timer_arm(t, TICK_MS);
		return;
	}
	churn.fn = NULL;
	if (fn)
		fn(churn.priv);
}

/**
 * churn_start - begin
 * @arg: "N[,SEED]": how many devices
 * @fn: called at the end
 * @priv: for @fn
 *
 * Return: false if @arg is wrong, or it is under way.
 */
bool churn_start(const char *arg, void (*fn)(void *priv), void *priv)
{
	unsigned long long n, seed = 1;
	char *end;

	n = strtoull(arg, &end, 0);
	if (end == arg || !n)
		return false;
	if (*end == ',')
		seed = strtoull(end + 1, &end, 0);
	if (*end || churn.timer.armed)
		return false;
	churn.left = n;
	churn.done = 0;
	churn.late = 0;
	memset(churn.reached, 0, sizeof(churn.reached));
	churn.rnd = (seed + 1) * 0x9e3779b97f4a7c15ULL | 1;
	churn.fn = fn;
	churn.priv = priv;
	churn.timer.fn = on_tick;
	timer_arm(&churn.timer, 0);
	return true;
}

/* Nobody wants to know any more. */
void churn_forget(void *priv)
{
	if (churn.priv == priv)
		churn.fn = NULL;
}

void churn_print(FILE *f)
{
	int i;

	fprintf(f, "cycles %llu", (unsigned long long)churn.done);
	for (i = 0; i < STAGES; i++)
		fprintf(f, ", %s %llu", stage_names[i],
			(unsigned long long)churn.reached[i]);
	fprintf(f, ", late %llu\n", (unsigned long long)churn.late);
}
