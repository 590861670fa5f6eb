// SPDX-License-Identifier: GPL-2.0-only
/*
 * Shim: contexts, time, locks, work queues and memory of a kernel of one
 * thread; see include/env/env.h.
 */
#include <malloc.h>
#include <ucontext.h>
#include <env/kunit.h>
#include "env.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer) && !defined(__SANITIZE_ADDRESS__)
#define __SANITIZE_ADDRESS__ 1
#endif
#endif

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#define STACK_SIZE	(256 * 1024)
#else
#define STACK_SIZE	(64 * 1024)
#endif

#define MAX_TASKS	512
#define MAX_TIMERS	4096

/* More of these for one seed, and it does not get on. */
#define MAX_STEPS	20000000ULL

/*
 * A context that is put aside. On the machines where most of this runs a few
 * instructions do what swapcontext() needs two system calls for.
 */
#if defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__)
struct context {
	void *sp;
};

void shim_switch(struct context *from, struct context *to);
asm(".text\n"
    ".type shim_switch, @function\n"
    "shim_switch:\n"
    "	push %rbp\n"
    "	push %rbx\n"
    "	push %r12\n"
    "	push %r13\n"
    "	push %r14\n"
    "	push %r15\n"
    "	mov %rsp, (%rdi)\n"
    "	mov (%rsi), %rsp\n"
    "	pop %r15\n"
    "	pop %r14\n"
    "	pop %r13\n"
    "	pop %r12\n"
    "	pop %rbx\n"
    "	pop %rbp\n"
    "	ret\n"
    ".size shim_switch, . - shim_switch\n");

static void new_context(struct context *c, void *stack, void (*fn)(void))
{
	void **sp = (void **)((char *)stack + STACK_SIZE) - 1;

	/* As at the entry of a function: aligned but for the return address. */
	*sp-- = NULL;
	*sp-- = fn;
	c->sp = sp - 5;
}
#else
struct context {
	ucontext_t u;
};

static void shim_switch(struct context *from, struct context *to)
{
	swapcontext(&from->u, &to->u);
}

static void new_context(struct context *c, void *stack, void (*fn)(void))
{
	getcontext(&c->u);
	c->u.uc_stack.ss_sp = stack;
	c->u.uc_stack.ss_size = STACK_SIZE;
	c->u.uc_link = NULL;
	makecontext(&c->u, fn, 0);
}
#endif

struct shim_task {
	struct context ctx;
	void *stack;
	const char *name;
	unsigned int flags;
	void (*fn)(void *arg);
	void *arg;
	struct work_struct *work;
	struct workqueue_struct *wq;	/* of @work, which may be freed */
	bool used;
	bool killed;
	bool blocked;
	bool expired;
	bool (*pred)(void *arg);
	void *pred_arg;
	u64 until;
	unsigned int atomic;
	unsigned int irqs;
	unsigned int generation;	/* another task may use this place */
	unsigned int quiescent;		/* times it was in no atomic section */
	void *fake_stack;
};

struct timer {
	u64 when;
	u64 order;
	const char *name;
	unsigned int flags;
	void (*fn)(void *arg);
	void *arg;
};

static struct shim_opts opts;
static u64 rng;
static u64 now;
static u64 steps;
static u32 countdown;
static struct shim_task tasks[MAX_TASKS];
static unsigned int ntasks;		/* places that were ever used */
static struct shim_task *cur;
static struct context main_ctx;
static LIST_HEAD(queued);
static LIST_HEAD(delayed);
static struct timer timers[MAX_TIMERS];
static unsigned int ntimers;
static u64 timer_order;
static size_t allocated;
static u64 log_lines;
static u32 alloc_count;

struct later {
	struct later *next;
	void *p;
};
static struct later *later;

/* ------------------------------------------------------------------ odds */

static u32 rnd32(void)
{
	/* splitmix64 */
	u64 z = (rng += 0x9e3779b97f4a7c15ULL);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return (z ^ (z >> 31)) >> 32;
}

u32 shim_rnd(u32 below)
{
	return below ? rnd32() % below : 0;
}

bool shim_chance(u32 n, u32 of)
{
	return shim_rnd(of) < n;
}

u32 get_random_u32(void)
{
	return rnd32();
}

u32 get_random_u32_inclusive(u32 lo, u32 hi)
{
	return lo + shim_rnd(hi - lo + 1);
}

u64 shim_now(void)
{
	return now;
}

u64 shim_steps(void)
{
	return steps;
}

void shim_bug(const char *file, int line, const char *what)
{
	printf("# %s:%d: not true: %s\n", file, line, what);
	printf("# at %llu us in \"%s\"\n", (unsigned long long)now / 1000,
	       cur ? cur->name : "nobody");
	shim_dump();
	if (opts.bug)
		opts.bug();
	fflush(stdout);
#ifdef SHIM_ABORT
	abort();
#endif
	_Exit(1);
}

/* -------------------------------------------------------------- contexts */

static void to_main(void)
{
	struct shim_task *t = cur;

#if defined(__SANITIZE_ADDRESS__)
	__sanitizer_start_switch_fiber(&t->fake_stack, NULL, 0);
#endif
	shim_switch(&t->ctx, &main_ctx);
#if defined(__SANITIZE_ADDRESS__)
	__sanitizer_finish_switch_fiber(t->fake_stack, NULL, NULL);
#endif
}

static void to_task(struct shim_task *t)
{
#if defined(__SANITIZE_ADDRESS__)
	void *fake;

	__sanitizer_start_switch_fiber(&fake, t->stack, STACK_SIZE);
#endif
	cur = t;
	shim_switch(&main_ctx, &t->ctx);
	cur = NULL;
#if defined(__SANITIZE_ADDRESS__)
	__sanitizer_finish_switch_fiber(fake, NULL, NULL);
#endif
}

static void task_main(void)
{
	struct shim_task *t = cur;

#if defined(__SANITIZE_ADDRESS__)
	__sanitizer_finish_switch_fiber(NULL, NULL, NULL);
#endif
	for (;;) {
		t->fn(t->arg);
		SHIM_MUST(!t->atomic && !t->irqs);
		t->used = false;
		t->work = NULL;
		/* Its place, and this stack, may be used again. */
		to_main();
		t = cur;
	}
}

static struct shim_task *new_task(const char *name, unsigned int flags,
				  void (*fn)(void *arg), void *arg)
{
	struct shim_task *t = NULL;
	unsigned int i;

	for (i = 0; i < ntasks && !t; i++)
		if (!tasks[i].used)
			t = &tasks[i];
	if (!t) {
		SHIM_MUST(ntasks < MAX_TASKS);
		t = &tasks[ntasks++];
		t->stack = malloc(STACK_SIZE);
		SHIM_MUST(t->stack);
		t->killed = true;	/* needs a context */
	}
	if (t->killed) {
#if defined(__SANITIZE_ADDRESS__)
		__asan_unpoison_memory_region(t->stack, STACK_SIZE);
#endif
		new_context(&t->ctx, t->stack, task_main);
		t->killed = false;
	}
	t->name = name;
	t->flags = flags;
	t->fn = fn;
	t->arg = arg;
	t->work = NULL;
	t->used = true;
	t->blocked = false;
	t->atomic = 0;
	t->irqs = 0;
	t->generation++;
	return t;
}

void shim_spawn(const char *name, unsigned int flags, void (*fn)(void *arg), void *arg)
{
	new_task(name, flags, fn, arg);
}

void shim_after(u64 ns, const char *name, unsigned int flags, void (*fn)(void *arg),
		void *arg)
{
	struct timer *t = &timers[ntimers++];

	SHIM_MUST(ntimers < MAX_TIMERS);
	t->when = now + ns;
	t->order = timer_order++;
	t->name = name;
	t->flags = flags;
	t->fn = fn;
	t->arg = arg;
}

void shim_kill_peer(unsigned int n)
{
	unsigned int i;

	SHIM_MUST(!cur || !(cur->flags & SHIM_PEER(n)));
	for (i = 0; i < ntasks; i++) {
		if (!tasks[i].used || !(tasks[i].flags & SHIM_PEER(n)))
			continue;
		SHIM_MUST(!tasks[i].atomic);
		tasks[i].used = false;
		tasks[i].killed = true;
	}
	for (i = 0; i < ntimers; )
		if (timers[i].flags & SHIM_PEER(n))
			timers[i] = timers[--ntimers];
		else
			i++;
}

void *shim_self(void)
{
	return cur;
}

unsigned int shim_tasks(void)
{
	unsigned int i, n = 0;

	for (i = 0; i < ntasks; i++)
		n += tasks[i].used;
	return n;
}

void shim_dump(void)
{
	unsigned int i;

	for (i = 0; i < ntasks; i++)
		if (tasks[i].used)
			printf("#   \"%s\" %s\n", tasks[i].name,
			       tasks[i].blocked ? "waits" : "could run");
}

static void step(void)
{
	if (++steps > MAX_STEPS)
		shim_bug(__FILE__, __LINE__, "it gets on");
	countdown = 1 + shim_rnd(opts.window);
	to_main();
}

void shim_point(void)
{
	if (cur && !--countdown)
		step();
}

static bool wait_for(bool (*pred)(void *arg), void *arg, u64 until)
{
	struct shim_task *t = cur;

	t->pred = pred;
	t->pred_arg = arg;
	t->until = until;
	t->blocked = true;
	t->expired = false;
	step();
	return !t->expired;
}

bool shim_block(bool (*pred)(void *arg), void *arg, u64 until)
{
	shim_might_sleep();
	return wait_for(pred, arg, until);
}

void shim_might_sleep(void)
{
	SHIM_MUST(!cur || (!cur->atomic && !(cur->flags & SHIM_IRQ)));
}

void shim_sleep(u64 ns)
{
	shim_block(NULL, NULL, now + ns);
}

void shim_atomic_enter(void)
{
	shim_point();
	cur->atomic++;
}

void shim_atomic_leave(void)
{
	SHIM_MUST(cur->atomic);
	if (!--cur->atomic)
		cur->quiescent++;
	shim_point();
}

bool shim_in_atomic(void)
{
	return cur->atomic;
}

bool shim_irqs_off(void)
{
	return cur->irqs || cur->flags & SHIM_IRQ;
}

/* ------------------------------------------------------------- scheduler */

static bool work_runs(const struct work_struct *w)
{
	unsigned int i;

	for (i = 0; i < ntasks; i++)
		if (tasks[i].used && tasks[i].work == w)
			return true;
	return false;
}

bool shim_work_busy(const struct work_struct *w)
{
	return w->pending || work_runs(w);
}

static void work_main(void *arg)
{
	struct work_struct *w = arg;

	/* It may be freed in there. */
	w->func(w);
}

static void enqueue(struct work_struct *w)
{
	list_add_tail(&w->node, &queued);
}

static bool before(const struct timer *a, const struct timer *b)
{
	return a->when < b->when || (a->when == b->when && a->order < b->order);
}

/* What is due begins. */
static void fire(void)
{
	struct delayed_work *d, *tmp;
	unsigned int i, best;
	struct timer t;

	list_for_each_entry_safe(d, tmp, &delayed, timer)
		if (d->expires <= now) {
			list_del_init(&d->timer);
			enqueue(&d->work);
		}
	while (ntimers) {
		best = 0;
		for (i = 1; i < ntimers; i++)
			if (before(&timers[i], &timers[best]))
				best = i;
		if (timers[best].when > now)
			break;
		t = timers[best];
		timers[best] = timers[--ntimers];
		new_task(t.name, t.flags, t.fn, t.arg);
	}
}

/* When is there something to do next? */
static u64 next_event(void)
{
	struct delayed_work *d;
	u64 next = SHIM_FOREVER;
	unsigned int i;

	list_for_each_entry(d, &delayed, timer)
		next = min(next, d->expires);
	for (i = 0; i < ntimers; i++)
		next = min(next, timers[i].when);
	for (i = 0; i < ntasks; i++)
		if (tasks[i].used && tasks[i].blocked)
			next = min(next, tasks[i].until);
	return next;
}

static void free_later(void)
{
	struct later *l;
	unsigned int i;

	if (!later)
		return;
	for (i = 0; i < ntasks; i++)
		if (tasks[i].used && tasks[i].atomic)
			return;
	while (later) {
		l = later;
		later = l->next;
		kfree(l->p);
		free(l);
	}
}

static bool can_run(struct shim_task *t)
{
	if (!t->used)
		return false;
	if (!t->blocked)
		return true;
	return (t->pred && t->pred(t->pred_arg)) || t->until <= now;
}

void shim_run(u64 until, bool (*stop)(void))
{
	static struct shim_task *ready[MAX_TASKS];
	static struct work_struct *works[MAX_TASKS];
	unsigned int i, n, nw, pick;
	struct work_struct *w;
	struct shim_task *t;
	u64 next;

	while (!stop || !stop()) {
		fire();
		free_later();
		n = 0;
		nw = 0;
		for (i = 0; i < ntasks; i++)
			if (can_run(&tasks[i]))
				ready[n++] = &tasks[i];
		list_for_each_entry(w, &queued, node)
			if (nw < MAX_TASKS && !work_runs(w))
				works[nw++] = w;
		if (!n && !nw) {
			next = next_event();
			if (next == SHIM_FOREVER || next > until) {
				if (until != SHIM_FOREVER)
					now = max(now, until);
				return;
			}
			now = max(now, next);
			continue;
		}
		/* Nothing takes no time, and sometimes it takes long. */
		now += shim_chance(1, 200) ? shim_rnd(2000000) : 1 + shim_rnd(2000);
		pick = shim_rnd(n + nw);
		if (pick < n) {
			t = ready[pick];
			if (t->blocked) {
				t->expired = !(t->pred && t->pred(t->pred_arg));
				t->blocked = false;
			}
		} else {
			w = works[pick - n];
			list_del_init(&w->node);
			w->pending = false;
			t = new_task("work", 0, work_main, w);
			t->work = w;
			t->wq = w->wq;
		}
		to_task(t);
	}
}

void shim_start(const struct shim_opts *o)
{
	opts = *o;
	rng = o->seed * 0xd1342543de82ef95ULL + 1;
	/* Jiffies wrap in the 32-bit sense before long. */
	now = 1000000000;
	steps = 0;
	countdown = 1;
	timer_order = 0;
	alloc_count = 0;
}

void shim_fail_alloc(u32 of)
{
	opts.fail_alloc = of;
}

void shim_finish(void)
{
	unsigned int i;

	SHIM_MUST(list_empty(&queued));
	SHIM_MUST(list_empty(&delayed));
	free_later();
	SHIM_MUST(!later);
	for (i = 0; i < ntasks; i++)
		SHIM_MUST(!tasks[i].used);
	ntimers = 0;
}

/* ----------------------------------------------------------------- locks */

static bool lock_free(void *arg)
{
	return !((struct shim_lock *)arg)->owner;
}

void shim_spin_lock(struct shim_lock *l, bool irqs)
{
	shim_point();
	SHIM_MUST(l->owner != cur);
	cur->atomic++;
	cur->irqs += irqs;
	while (l->owner)
		wait_for(lock_free, l, SHIM_FOREVER);
	l->owner = cur;
}

void shim_spin_unlock(struct shim_lock *l, bool irqs)
{
	SHIM_MUST(l->owner == cur);
	l->owner = NULL;
	SHIM_MUST(cur->irqs >= irqs);
	cur->irqs -= irqs;
	shim_atomic_leave();
}

void shim_mutex_lock(struct shim_lock *l)
{
	shim_might_sleep();
	shim_point();
	SHIM_MUST(l->owner != cur);
	while (l->owner)
		wait_for(lock_free, l, SHIM_FOREVER);
	l->owner = cur;
}

void shim_mutex_unlock(struct shim_lock *l)
{
	SHIM_MUST(l->owner == cur);
	l->owner = NULL;
	shim_point();
}

bool shim_lock_mine(const struct shim_lock *l)
{
	return l->owner == cur;
}

struct grace {
	unsigned int n;
	struct {
		struct shim_task *t;
		unsigned int generation;
		unsigned int quiescent;
	} reader[MAX_TASKS];
};

static bool grace_over(void *arg)
{
	const struct grace *g = arg;
	unsigned int i;

	for (i = 0; i < g->n; i++) {
		const struct shim_task *t = g->reader[i].t;

		if (t->used && t->generation == g->reader[i].generation &&
		    t->quiescent == g->reader[i].quiescent)
			return false;
	}
	return true;
}

/* Whoever is in an atomic section, of whatever kind, has left it once. */
void synchronize_rcu(void)
{
	struct grace *g = malloc(sizeof(*g));
	unsigned int i;

	shim_might_sleep();
	shim_point();
	g->n = 0;
	for (i = 0; i < ntasks; i++)
		if (tasks[i].used && tasks[i].atomic) {
			g->reader[g->n].t = &tasks[i];
			g->reader[g->n].generation = tasks[i].generation;
			g->reader[g->n].quiescent = tasks[i].quiescent;
			g->n++;
		}
	if (g->n)
		wait_for(grace_over, g, SHIM_FOREVER);
	free(g);
}

void shim_free_later(void *p)
{
	struct later *l = malloc(sizeof(*l));

	l->p = p;
	l->next = later;
	later = l;
}

static bool completed(void *arg)
{
	return ((struct completion *)arg)->done;
}

void complete(struct completion *c)
{
	shim_point();
	c->done++;
}

void wait_for_completion(struct completion *c)
{
	shim_might_sleep();
	shim_point();
	while (!c->done)
		wait_for(completed, c, SHIM_FOREVER);
	c->done--;
}

unsigned long wait_for_completion_timeout(struct completion *c, unsigned long t)
{
	u64 end = now + 1000000ULL * t;

	shim_might_sleep();
	shim_point();
	while (!c->done)
		if (!wait_for(completed, c, end))
			break;
	if (!c->done)
		return 0;
	c->done--;
	return end > now + 1000000 ? (end - now) / 1000000 : 1;
}

struct waiter {
	wait_queue_head_t *w;
	unsigned int seq;
};

static bool woken(void *arg)
{
	struct waiter *w = arg;

	return w->w->seq != w->seq;
}

bool shim_wait(wait_queue_head_t *w, unsigned int seq, u64 until)
{
	struct waiter arg = { w, seq };

	return shim_block(woken, &arg, until);
}

void wake_up_all(wait_queue_head_t *w)
{
	shim_point();
	w->seq++;
}

/* ----------------------------------------------------------- work queues */

struct workqueue_struct *alloc_workqueue(const char *fmt, unsigned int flags, int max, ...)
{
	(void)fmt;
	(void)flags;
	(void)max;
	return shim_alloc(sizeof(struct workqueue_struct), GFP_KERNEL);
}

static bool workqueue_idle(void *arg)
{
	const struct workqueue_struct *wq = arg;
	const struct work_struct *w;
	unsigned int i;

	list_for_each_entry(w, &queued, node)
		if (w->wq == wq)
			return false;
	for (i = 0; i < ntasks; i++)
		if (tasks[i].used && tasks[i].work && tasks[i].wq == wq)
			return false;
	return true;
}

void flush_workqueue(struct workqueue_struct *wq)
{
	shim_might_sleep();
	shim_point();
	if (!workqueue_idle(wq)) {
		SHIM_MUST(!cur->work || cur->wq != wq);
		wait_for(workqueue_idle, wq, SHIM_FOREVER);
	}
}

void destroy_workqueue(struct workqueue_struct *wq)
{
	if (cur)
		flush_workqueue(wq);
	SHIM_MUST(workqueue_idle(wq));
	kfree(wq);
}

bool queue_work(struct workqueue_struct *wq, struct work_struct *w)
{
	shim_point();
	if (w->disabled || w->pending)
		return false;
	w->pending = true;
	w->wq = wq;
	enqueue(w);
	return true;
}

static void start_timer(struct delayed_work *d, unsigned long delay)
{
	d->work.pending = true;
	if (!delay) {
		enqueue(&d->work);
		return;
	}
	/* At a tick, so at least that long. */
	d->expires = (now / 1000000 + 1 + delay) * 1000000;
	list_add_tail(&d->timer, &delayed);
}

bool queue_delayed_work(struct workqueue_struct *wq, struct delayed_work *d,
			unsigned long delay)
{
	shim_point();
	if (d->work.disabled || d->work.pending)
		return false;
	d->work.wq = wq;
	start_timer(d, delay);
	return true;
}

static bool steal(struct work_struct *w, struct list_head *timer)
{
	if (!w->pending)
		return false;
	list_del_init(&w->node);
	if (timer)
		list_del_init(timer);
	w->pending = false;
	return true;
}

bool mod_delayed_work(struct workqueue_struct *wq, struct delayed_work *d,
		      unsigned long delay)
{
	bool was;

	shim_point();
	if (d->work.disabled)
		return false;
	was = steal(&d->work, &d->timer);
	d->work.wq = wq;
	start_timer(d, delay);
	return was;
}

static bool work_done(void *arg)
{
	struct work_struct *w = arg;

	return list_empty(&w->node) && !work_runs(w);
}

static bool work_idle(void *arg)
{
	return !work_runs(arg);
}

bool flush_work(struct work_struct *w)
{
	SHIM_MUST(cur->work != w);
	shim_might_sleep();
	shim_point();
	if (work_done(w))
		return false;
	wait_for(work_done, w, SHIM_FOREVER);
	return true;
}

void flush_delayed_work(struct delayed_work *d)
{
	shim_point();
	if (!list_empty(&d->timer)) {
		list_del_init(&d->timer);
		enqueue(&d->work);
	}
	flush_work(&d->work);
}

void shim_irqs(bool off)
{
	SHIM_MUST(off || cur->irqs);
	cur->irqs += off ? 1 : -1;
	cur->atomic += off ? 1 : -1;
	shim_point();
}

static bool cancel(struct work_struct *w, struct list_head *timer, bool for_good)
{
	bool was;

	SHIM_MUST(cur->work != w);
	shim_might_sleep();
	shim_point();
	w->disabled++;
	was = steal(w, timer);
	if (work_runs(w))
		wait_for(work_idle, w, SHIM_FOREVER);
	if (!for_good)
		w->disabled--;
	return was;
}

bool cancel_work_sync(struct work_struct *w)
{
	return cancel(w, NULL, false);
}

bool cancel_delayed_work_sync(struct delayed_work *d)
{
	return cancel(&d->work, &d->timer, false);
}

bool disable_work_sync(struct work_struct *w)
{
	return cancel(w, NULL, true);
}

bool disable_delayed_work_sync(struct delayed_work *d)
{
	return cancel(&d->work, &d->timer, true);
}

/* ---------------------------------------------------------------- memory */

static bool alloc_fails(void)
{
	if (opts.fail_nth && ++alloc_count == opts.fail_nth)
		return true;
	return opts.fail_alloc && !shim_rnd(opts.fail_alloc);
}

bool shim_end_nth(void)
{
	bool failed = alloc_count >= opts.fail_nth;

	opts.fail_nth = 0;
	return failed;
}

void *shim_alloc(size_t n, gfp_t gfp)
{
	void *p;

	if (gfp == GFP_KERNEL || gfp == GFP_NOIO)
		shim_might_sleep();
	if (alloc_fails())
		return NULL;
	p = calloc(1, n ? n : 1);
	SHIM_MUST(p);
	allocated += malloc_usable_size(p);
	return p;
}

/* Is there a work in it that is still to run? */
static bool holds_work(const void *p, size_t n)
{
	const struct delayed_work *d;
	const struct work_struct *w;
	unsigned int i;

	list_for_each_entry(w, &queued, node)
		if ((unsigned long)w - (unsigned long)p < n)
			return true;
	list_for_each_entry(d, &delayed, timer)
		if ((unsigned long)d - (unsigned long)p < n)
			return true;
	/* One may free what it is in itself. */
	for (i = 0; i < ntasks; i++)
		if (tasks[i].used && &tasks[i] != cur &&
		    (unsigned long)tasks[i].work - (unsigned long)p < n)
			return true;
	return false;
}

void kfree(const void *p)
{
	size_t n;

	if (!p)
		return;
	n = malloc_usable_size((void *)p);
	SHIM_MUST(!holds_work(p, n));
	allocated -= n;
	/* Whoever still uses it is to notice. */
	memset((void *)p, 0x6b, n);
	free((void *)p);
}

size_t shim_allocated(void)
{
	return allocated;
}

unsigned long *bitmap_zalloc(unsigned int n, gfp_t gfp)
{
	return shim_alloc(BITS_TO_LONGS(n) * 8, gfp);
}

static unsigned long find(const unsigned long *p, unsigned long size,
			  unsigned long at, unsigned long invert)
{
	unsigned long word, w;

	if (at >= size)
		return size;
	w = at / 64;
	word = (p[w] ^ invert) & (~0UL << (at % 64));
	while (!word) {
		if (++w * 64 >= size)
			return size;
		word = p[w] ^ invert;
	}
	at = w * 64 + __builtin_ctzl(word);
	return at < size ? at : size;
}

unsigned long find_next_bit(const unsigned long *p, unsigned long size, unsigned long at)
{
	return find(p, size, at, 0);
}

unsigned long find_next_zero_bit(const unsigned long *p, unsigned long size,
				 unsigned long at)
{
	return find(p, size, at, ~0UL);
}

unsigned long find_last_bit(const unsigned long *p, unsigned long size)
{
	unsigned long i = size;

	while (i--)
		if (p[i / 64] >> (i % 64) & 1)
			return i;
		else if (i % 64 == 63 && !p[i / 64])
			i -= 63;
	return size;
}

unsigned long bitmap_find_next_zero_area(unsigned long *map, unsigned long size,
					 unsigned long start, unsigned int nr,
					 unsigned long align_mask)
{
	unsigned long end;

	SHIM_MUST(!align_mask);
	for (;;) {
		start = find_next_zero_bit(map, size, start);
		if (start + nr > size)
			return start + nr;
		end = find_next_bit(map, start + nr, start);
		if (end >= start + nr)
			return start;
		start = end + 1;
	}
}

void bitmap_set(unsigned long *map, unsigned int start, unsigned int n)
{
	while (n--)
		__set_bit(start++, map);
}

void bitmap_clear(unsigned long *map, unsigned int start, unsigned int n)
{
	while (n--)
		__clear_bit(start++, map);
}

unsigned int bitmap_weight(const unsigned long *map, unsigned int n)
{
	unsigned int i, w = 0;

	for (i = 0; i < n / 64; i++)
		w += __builtin_popcountl(map[i]);
	if (n % 64)
		w += __builtin_popcountl(map[i] & (__shim_mask(n % 64) - 1));
	return w;
}

/* ---------------------------------------------------------------- xarray */

static unsigned int xa_find(struct xarray *x, unsigned long index)
{
	unsigned int i = 0;

	while (i < x->n && x->e[i].index < index)
		i++;
	return i;
}

void *xa_load(struct xarray *x, unsigned long index)
{
	unsigned int i;

	shim_point();
	i = xa_find(x, index);
	return i < x->n && x->e[i].index == index ? x->e[i].p : NULL;
}

void *shim_xa_next(struct xarray *x, unsigned long *index)
{
	unsigned int i;

	shim_point();
	i = xa_find(x, *index);
	if (i >= x->n)
		return NULL;
	*index = x->e[i].index;
	return x->e[i].p;
}

void *xa_store(struct xarray *x, unsigned long index, void *p, gfp_t gfp)
{
	unsigned int i;

	(void)gfp;
	shim_might_sleep();
	shim_point();
	if (alloc_fails())
		return ERR_PTR(-ENOMEM);
	i = xa_find(x, index);
	SHIM_MUST(i >= x->n || x->e[i].index != index);
	if (x->n == x->room) {
		x->room = x->room ? 2 * x->room : 8;
		x->e = realloc(x->e, x->room * sizeof(*x->e));
	}
	memmove(&x->e[i + 1], &x->e[i], (x->n - i) * sizeof(*x->e));
	x->e[i].index = index;
	x->e[i].p = p;
	x->n++;
	return NULL;
}

void *xa_erase(struct xarray *x, unsigned long index)
{
	unsigned int i = xa_find(x, index);
	void *p;

	if (i >= x->n || x->e[i].index != index)
		return NULL;
	p = x->e[i].p;
	memmove(&x->e[i], &x->e[i + 1], (x->n - i - 1) * sizeof(*x->e));
	x->n--;
	return p;
}

void xa_destroy(struct xarray *x)
{
	free(x->e);
	memset(x, 0, sizeof(*x));
}

int ida_alloc(struct ida *ida, gfp_t gfp)
{
	int id = 0;

	(void)gfp;
	while (ida->used >> id & 1)
		id++;
	ida->used |= 1ULL << id;
	return id;
}

void ida_free(struct ida *ida, unsigned int id)
{
	SHIM_MUST(ida->used >> id & 1);
	ida->used &= ~(1ULL << id);
}

/* --------------------------------------------------------------- devices */

void device_initialize(struct device *dev)
{
	kref_init(&dev->ref);
}

int device_add(struct device *dev)
{
	SHIM_MUST(!dev->added);
	dev->added = true;
	get_device(dev);
	return 0;
}

void device_del(struct device *dev)
{
	SHIM_MUST(dev->added);
	dev->added = false;
	put_device(dev);
}

static void dev_release(struct kref *ref)
{
	struct device *dev = container_of(ref, struct device, ref);

	if (dev->release)
		dev->release(dev);
}

void put_device(struct device *dev)
{
	kref_put(&dev->ref, dev_release);
}

struct device *get_device(struct device *dev)
{
	kref_get(&dev->ref);
	return dev;
}

int dev_set_name(struct device *dev, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(dev->name, sizeof(dev->name), fmt, ap);
	va_end(ap);
	return 0;
}

u64 shim_log_lines(void)
{
	return log_lines;
}

void shim_log(const struct device *dev, const char *fmt, ...)
{
	va_list ap;

	log_lines++;
	if (!opts.verbose)
		return;
	printf("# %10llu us %s: ", (unsigned long long)now / 1000, dev ? dev->name : "-");
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
}

void ratelimit_state_init(struct ratelimit_state *rs, int interval, int burst)
{
	memset(rs, 0, sizeof(*rs));
	rs->interval = interval;
	rs->burst = burst;
}

bool __ratelimit(struct ratelimit_state *rs)
{
	if (!rs->begin || time_after(jiffies, rs->begin + rs->interval)) {
		rs->begin = jiffies;
		rs->printed = 0;
	}
	if (rs->printed >= rs->burst)
		return false;
	rs->printed++;
	return true;
}
