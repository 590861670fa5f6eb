/* SPDX-License-Identifier: GPL-2.0-only */
/* Shim: what the suites of the core need beyond what the core needs. */
#ifndef _SHIM_ENV_KUNIT_H
#define _SHIM_ENV_KUNIT_H

#include <env/env.h>

struct kunit;
struct task_struct;
extern struct workqueue_struct *system_percpu_wq;

struct task_struct *shim_kthread(int (*fn)(void *data), void *data);
bool kthread_should_stop(void);
int kthread_stop(struct task_struct *t);
#define kthread_run(fn, data, ...)	shim_kthread(fn, data)
#define kthread_create(fn, data, ...)	shim_kthread(fn, data)
#define wake_up_process(t)	((void)(t))
#define get_task_struct(t)	((void)(t))
#define kthread_stop_put(t)	kthread_stop(t)

void flush_delayed_work(struct delayed_work *d);
/* As if interrupts could not come: in this context another one runs all the same. */
void shim_irqs(bool off);
#define local_irq_save(f)	({ (f) = 0; shim_irqs(true); })
#define local_irq_restore(f)	({ (void)(f); shim_irqs(false); })
int kunit_add_action_or_reset(struct kunit *test, void (*fn)(void *arg), void *arg);

/* Numbers that are the same each time. */
struct rnd_state {
	u64 s;
};

void prandom_seed_state(struct rnd_state *r, u64 seed);
u32 prandom_u32_state(struct rnd_state *r);
void prandom_bytes_state(struct rnd_state *r, void *buf, size_t n);

#define DEFINE_SPINLOCK(l)	spinlock_t l = {}
#define DEFINE_MUTEX(l)		struct mutex l = {}
#define __GFP_ZERO		0u
#define SZ_64		0x40
#define SZ_128		0x80
#define SZ_256		0x100
#define SZ_512		0x200
#define SZ_1K		0x400
#define SZ_2K		0x800
#define SZ_8K		0x2000
#define SZ_16K		0x4000
#define SZ_32K		0x8000
#define SZ_128K		0x20000
#define SZ_256K		0x40000
#define SZ_512K		0x80000
#define SZ_1M		0x100000
#define SZ_2M		0x200000
#define SZ_4M		0x400000

#define panic(...)		SHIM_MUST(!"panic")
#define DIV_ROUND_UP_ULL(n, d)	DIV_ROUND_UP((u64)(n), d)
#define schedule_work(w)	queue_work(system_percpu_wq, w)
#define IS_ERR_OR_NULL(p)	(!(p) || IS_ERR(p))
#define phys_to_virt(a)		((void *)(unsigned long)(a))
#define get_order(n)							\
	({ unsigned int __o = 0; while ((PAGE_SIZE << __o) < (n)) __o++; __o; })
#define atomic64_set(a, n)	((void)((a)->v = (n)))
#define strscpy(d, s, n)	snprintf(d, n, "%s", s)
#define num_online_cpus()	2u
#define msleep(ms)		shim_sleep((ms) * 1000000ULL)
#define fsleep(us)		shim_sleep((us) * 1000ULL)
#define schedule_timeout_uninterruptible(t)	shim_sleep((t) * 1000000ULL)

void *shim_alloc_pages(size_t n);
void shim_free_pages(void *p);
#define __get_free_pages(gfp, order)	((unsigned long)shim_alloc_pages(PAGE_SIZE << (order)))
#define __get_free_page(gfp)		__get_free_pages(gfp, 0)
#define get_zeroed_page(gfp)		__get_free_pages(gfp, 0)
#define free_pages(p, order)		shim_free_pages((void *)(p))
#define free_page(p)			free_pages(p, 0)
#define alloc_pages(gfp, order)		((struct page *)shim_alloc_pages(PAGE_SIZE << (order)))
#define alloc_page(gfp)			alloc_pages(gfp, 0)
#define __free_pages(p, order)		shim_free_pages(p)
#define __free_page(p)			shim_free_pages(p)
#define page_address(p)			((void *)(p))
#define vzalloc(n)			shim_alloc_pages(n)
#define vmalloc(n)			shim_alloc_pages(n)
#define vfree(p)			shim_free_pages(p)
#define virt_to_phys(p)			((phys_addr_t)(unsigned long)(p))
#define list_for_each_entry_reverse(p, h, m)				\
	for (p = list_entry((h)->prev, __typeof__(*p), m); &p->m != (h);	\
	     p = list_entry(p->m.prev, __typeof__(*p), m))
#define list_splice_init(from, to)	list_splice_tail_init(from, to)

#define current	shim_self()

struct device *kunit_device_register(struct kunit *test, const char *name);
/* It is freed with the test. */
static inline void kunit_device_unregister(struct kunit *test, struct device *dev)
{
}

#endif
