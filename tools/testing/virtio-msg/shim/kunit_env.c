// SPDX-License-Identifier: GPL-2.0-only
/*
 * Shim: run KUnit suites of the core in the kernel of one thread of env.c, and print
 * KTAP. Time is virtual, and which context runs when is decided by a seed: argument 1.
 */
#include <kunit/test.h>
#include "env.h"
#include "virtio.h"

/* What main.c of the module has. */
struct workqueue_struct *vmsg_wq;
struct workqueue_struct *vmsg_cpu_wq;
struct workqueue_struct *system_percpu_wq;
unsigned int vmsg_timeout_ms = 5000;
unsigned int vmsg_max_devices = 4096;
unsigned int vmsg_keepalive_ms = 2000;
unsigned int vmsg_recover_s = 30;

/* These suites need none. */
const struct virtio_driver *const shim_drivers[] = { NULL };

static int failed;
static bool done;

int kunit_add_action_or_reset(struct kunit *test, void (*fn)(void *arg), void *arg)
{
	SHIM_MUST(test->num_actions < ARRAY_SIZE(test->actions));
	test->actions[test->num_actions].fn = fn;
	test->actions[test->num_actions++].arg = arg;
	return 0;
}

struct device *kunit_device_register(struct kunit *test, const char *name)
{
	struct device *dev = kunit_kzalloc(test, sizeof(*dev), 0);

	device_initialize(dev);
	dev_set_name(dev, "%s", name);
	return dev;
}

void *shim_alloc_pages(size_t n)
{
	void *p = aligned_alloc(PAGE_SIZE, PAGE_ALIGN(n));

	SHIM_MUST(p);
	return memset(p, 0, PAGE_ALIGN(n));
}

void shim_free_pages(void *p)
{
	free(p);
}

/* -------------------------------------------------------------- threads */

struct task_struct {
	struct task_struct *next;
	int (*fn)(void *data);
	void *data;
	void *self;
	bool stop;
	bool ended;
	int ret;
};

static struct task_struct *threads;

static void thread_main(void *arg)
{
	struct task_struct *t = arg;

	t->self = shim_self();
	t->ret = t->fn(t->data);
	/* As a kthread does, it is there until somebody has asked. */
	t->ended = true;
}

struct task_struct *shim_kthread(int (*fn)(void *data), void *data)
{
	struct task_struct *t = calloc(1, sizeof(*t));

	t->fn = fn;
	t->data = data;
	t->next = threads;
	threads = t;
	shim_spawn("thread", 0, thread_main, t);
	return t;
}

bool kthread_should_stop(void)
{
	struct task_struct *t;

	shim_point();
	for (t = threads; t; t = t->next)
		if (!t->ended && t->self == shim_self())
			return t->stop;
	return false;
}

static bool has_ended(void *arg)
{
	return ((struct task_struct *)arg)->ended;
}

int kthread_stop(struct task_struct *t)
{
	struct task_struct **p = &threads;
	int ret;

	t->stop = true;
	shim_block(has_ended, t, SHIM_FOREVER);
	while (*p != t)
		p = &(*p)->next;
	*p = t->next;
	ret = t->ret;
	free(t);
	return ret;
}

/* -------------------------------------------------------------- numbers */

void prandom_seed_state(struct rnd_state *r, u64 seed)
{
	r->s = seed;
}

u32 prandom_u32_state(struct rnd_state *r)
{
	r->s = r->s * 6364136223846793005ULL + 1442695040888963407ULL;
	return r->s >> 32;
}

void prandom_bytes_state(struct rnd_state *r, void *buf, size_t n)
{
	u8 *p = buf;

	while (n--)
		*p++ = prandom_u32_state(r);
}

/* ----------------------------------------------------------------- runs */

static void run_all(void *arg)
{
	(void)arg;
	failed = kunit_shim_run();
	done = true;
}

int main(int argc, char **argv)
{
	struct shim_opts opts = { .window = 200 };

	opts.seed = argc > 1 ? strtoull(argv[1], NULL, 0) : 1;
	shim_start(&opts);
	vmsg_wq = alloc_workqueue("virtio_msg", 0, 0);
	vmsg_cpu_wq = alloc_workqueue("virtio_msg_cpu", 0, 0);
	system_percpu_wq = alloc_workqueue("events", 0, 0);
	shim_spawn("tests", 0, run_all, NULL);
	shim_run(SHIM_FOREVER, NULL);
	SHIM_MUST(done);
	return failed ? 1 : 0;
}
