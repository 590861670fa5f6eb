/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Shim: a kernel of one thread, in which everything that happens at the same
 * time happens in an order that a seed decides.
 *
 * Each context (a thread, a work that runs, an interrupt) is a coroutine, as if
 * it had a CPU of its own. It may be put aside at every point where it could
 * see what another one did: locks, atomic operations, READ_ONCE(), and every
 * access to memory that the peer shares. Time is virtual and passes when nobody
 * has anything to do. env.c has the rest.
 */
#ifndef _SHIM_ENV_ENV_H
#define _SHIM_ENV_ENV_H

#include <ctype.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <linux/align.h>
#include <linux/array_size.h>
#include <linux/bits.h>
#include <linux/compiler.h>
#include <linux/errno.h>
#include <linux/export.h>
#include <linux/kernel.h>
#include <linux/limits.h>
#include <linux/log2.h>
#include <linux/minmax.h>
#include <linux/types.h>
#include <asm/barrier.h>
#include <asm/byteorder.h>

/* ------------------------------------------------------------ simulation */

void shim_bug(const char *file, int line, const char *what) __attribute__((noreturn));

/* Not assert(): it must be there whatever the flags. */
#define SHIM_MUST(cond) do {						\
	if (!(cond))							\
		shim_bug(__FILE__, __LINE__, #cond);			\
} while (0)

u64 shim_now(void);			/* nanoseconds */
u32 shim_rnd(u32 below);		/* 0 .. below - 1 */
bool shim_chance(u32 n, u32 of);
void shim_point(void);			/* another context may run here */
void shim_sleep(u64 ns);
void shim_atomic_enter(void);
void shim_atomic_leave(void);
bool shim_in_atomic(void);
bool shim_irqs_off(void);
void shim_might_sleep(void);
/* Block until pred(arg) or the time comes; false if it was the time. */
bool shim_block(bool (*pred)(void *arg), void *arg, u64 until);
#define SHIM_FOREVER	(~0ULL)

/* ----------------------------------------------------------------- types */

typedef u64 phys_addr_t;
typedef u64 dma_addr_t;
typedef unsigned int gfp_t;
typedef long shim_ssize_t;
#ifndef container_of
#define container_of(p, type, member) \
	((type *)((char *)(p) - offsetof(type, member)))
#endif

#define __iomem
#define __rcu
#define __user
#define __init
#define __exit
#define __must_hold(x)
#define __must_check
#define __always_unused	__attribute__((unused))
#define __maybe_unused	__attribute__((unused))
#define fallthrough	__attribute__((fallthrough))
#define static_assert(x, ...)	_Static_assert(x, "static_assert")
#define IS_ENABLED(x)	0
#define lower_32_bits(n)	((u32)((n) & 0xffffffff))
#define upper_32_bits(n)	((u32)((u64)(n) >> 32))
#define DIV_ROUND_UP(n, d)	(((n) + (d) - 1) / (d))
#define round_down(x, y)	((x) / (y) * (y))
#define rounddown(x, y)		((x) / (y) * (y))
#define clamp_t(t, v, lo, hi)	min_t(t, max_t(t, v, lo), hi)
#define rounddown_pow_of_two(n)	(1UL << (63 - __builtin_clzl((unsigned long)(n))))
#define check_add_overflow(a, b, d)	__builtin_add_overflow(a, b, d)
#define div64_u64(a, b)	((u64)(a) / (u64)(b))
#define div_u64(a, b)	((u64)(a) / (u32)(b))
#define BITS_TO_LONGS(n)	DIV_ROUND_UP(n, 64)
#define SZ_4K		0x1000
#define SZ_64K		0x10000
#define SZ_32M		0x2000000
#define SZ_1G		0x40000000

#define might_sleep()	shim_might_sleep()
#define cond_resched()	shim_point()
#define WARN_ON_ONCE(c)	({ bool __w = !!(c); SHIM_MUST(!__w); __w; })
#define WARN_ON(c)	WARN_ON_ONCE(c)
#define BUG_ON(c)	SHIM_MUST(!(c))

#define MAX_ERRNO	4095
#define ERR_PTR(e)	((void *)(long)(e))
#define PTR_ERR(p)	((long)(p))
#define IS_ERR(p)	((unsigned long)(p) >= (unsigned long)-MAX_ERRNO)

/* ----------------------------------------------------------------- lists */

struct list_head {
	struct list_head *next, *prev;
};

struct hlist_node {
	struct hlist_node *next, **pprev;
};

struct hlist_head {
	struct hlist_node *first;
};

#define LIST_HEAD(name)	struct list_head name = { &(name), &(name) }

static inline void INIT_LIST_HEAD(struct list_head *l)
{
	l->next = l;
	l->prev = l;
}

static inline bool list_empty(const struct list_head *l)
{
	return l->next == l;
}

static inline void __shim_list_add(struct list_head *n, struct list_head *prev)
{
	n->prev = prev;
	n->next = prev->next;
	prev->next->prev = n;
	prev->next = n;
}

static inline void list_add(struct list_head *n, struct list_head *head)
{
	__shim_list_add(n, head);
}

static inline void list_add_tail(struct list_head *n, struct list_head *head)
{
	__shim_list_add(n, head->prev);
}

static inline void list_del(struct list_head *n)
{
	/* As CONFIG_LIST_HARDENED does. */
	SHIM_MUST(n->next->prev == n && n->prev->next == n);
	n->next->prev = n->prev;
	n->prev->next = n->next;
}

static inline void list_del_init(struct list_head *n)
{
	list_del(n);
	INIT_LIST_HEAD(n);
}

static inline void list_move(struct list_head *n, struct list_head *head)
{
	list_del(n);
	list_add(n, head);
}

static inline void list_move_tail(struct list_head *n, struct list_head *head)
{
	list_del(n);
	list_add_tail(n, head);
}

static inline void list_splice_tail_init(struct list_head *from,
					 struct list_head *to)
{
	if (list_empty(from))
		return;
	from->next->prev = to->prev;
	to->prev->next = from->next;
	from->prev->next = to;
	to->prev = from->prev;
	INIT_LIST_HEAD(from);
}

#define list_entry(p, type, m)	container_of(p, type, m)
#define list_first_entry(h, type, m)	list_entry((h)->next, type, m)
#define list_last_entry(h, type, m)	list_entry((h)->prev, type, m)
#define list_first_entry_or_null(h, type, m) \
	(list_empty(h) ? NULL : list_first_entry(h, type, m))
#define list_for_each_entry(p, h, m)					\
	for (p = list_entry((h)->next, __typeof__(*p), m); &p->m != (h);	\
	     p = list_entry(p->m.next, __typeof__(*p), m))
#define list_for_each_entry_safe(p, n, h, m)				\
	for (p = list_entry((h)->next, __typeof__(*p), m),		\
	     n = list_entry(p->m.next, __typeof__(*p), m); &p->m != (h);	\
	     p = n, n = list_entry(n->m.next, __typeof__(*n), m))

#define DECLARE_HASHTABLE(name, bits)	struct hlist_head name[1 << (bits)]
#define __shim_slot(t, key)	(&(t)[((u32)(key) * 2654435761U >> 8) % ARRAY_SIZE(t)])
#define hash_init(t)	memset(t, 0, sizeof(t))
#define hash_add(t, node, key)	__shim_hash_add(__shim_slot(t, key), node)
#define hash_for_each_possible(t, p, m, key)				\
	for (p = __shim_hentry(__shim_slot(t, key)->first, __typeof__(*p), m); p; \
	     p = __shim_hentry(p->m.next, __typeof__(*p), m))
#define __shim_hentry(n, type, m) \
	({ struct hlist_node *__n = (n); __n ? container_of(__n, type, m) : NULL; })

static inline void __shim_hash_add(struct hlist_head *h, struct hlist_node *n)
{
	SHIM_MUST(!n->pprev);
	n->next = h->first;
	if (n->next)
		n->next->pprev = &n->next;
	h->first = n;
	n->pprev = &h->first;
}

static inline void hash_del(struct hlist_node *n)
{
	if (!n->pprev)
		return;
	*n->pprev = n->next;
	if (n->next)
		n->next->pprev = n->pprev;
	n->next = NULL;
	n->pprev = NULL;
}

/* --------------------------------------------------------- atomic things */

typedef struct { int v; } atomic_t;
typedef struct { s64 v; } atomic64_t;

#define atomic_set(a, n)	({ shim_point(); (a)->v = (n); })
#define atomic_read(a)		({ shim_point(); (a)->v; })
#define atomic_inc(a)		({ shim_point(); (void)(a)->v++; })
#define atomic_dec(a)		({ shim_point(); (void)(a)->v--; })
#define atomic_add(n, a)	({ shim_point(); (void)((a)->v += (n)); })
#define atomic_inc_return(a)	({ shim_point(); ++(a)->v; })
#define atomic_sub_return(n, a)	({ shim_point(); (a)->v -= (n); })
#define atomic_xchg(a, n)	({ shim_point(); int __o = (a)->v; (a)->v = (n); __o; })
#define atomic_dec_and_test(a)	({ shim_point(); SHIM_MUST((a)->v > 0); !--(a)->v; })
#define atomic64_inc(a)		((void)(a)->v++)
#define atomic64_read(a)	((a)->v)
#define atomic64_add(n, a)	((void)((a)->v += (n)))
#define xchg(p, n)	({ shim_point(); __typeof__(*(p)) __o = *(p); *(p) = (n); __o; })
#define smp_rmb()		shim_point()
#define smp_load_acquire(p)	READ_ONCE(*(p))
#define smp_store_release(p, v)	WRITE_ONCE(*(p), v)
#define smp_wmb()		shim_point()
#define smp_mb()		shim_point()
#define smp_mb__after_atomic()	shim_point()
#define smp_mb__before_atomic()	shim_point()

#define __shim_word(nr, p)	((p) + (nr) / 64)
#define __shim_mask(nr)		(1UL << ((nr) % 64))

static inline void __set_bit(unsigned long nr, unsigned long *p)
{
	*__shim_word(nr, p) |= __shim_mask(nr);
}

static inline void __clear_bit(unsigned long nr, unsigned long *p)
{
	*__shim_word(nr, p) &= ~__shim_mask(nr);
}

static inline bool __test_and_set_bit(unsigned long nr, unsigned long *p)
{
	bool was = *__shim_word(nr, p) & __shim_mask(nr);

	__set_bit(nr, p);
	return was;
}

static inline bool __test_and_clear_bit(unsigned long nr, unsigned long *p)
{
	bool was = *__shim_word(nr, p) & __shim_mask(nr);

	__clear_bit(nr, p);
	return was;
}

#define set_bit(nr, p)		({ shim_point(); __set_bit(nr, p); })
#define clear_bit(nr, p)	({ shim_point(); __clear_bit(nr, p); })
#define test_bit(nr, p)		({ shim_point(); !!(*__shim_word(nr, p) & __shim_mask(nr)); })
#define test_and_set_bit(nr, p)	({ shim_point(); __test_and_set_bit(nr, p); })
#define test_and_clear_bit(nr, p) ({ shim_point(); __test_and_clear_bit(nr, p); })

unsigned long find_next_bit(const unsigned long *p, unsigned long size, unsigned long at);
unsigned long find_next_zero_bit(const unsigned long *p, unsigned long size,
				 unsigned long at);
unsigned long find_last_bit(const unsigned long *p, unsigned long size);
unsigned long bitmap_find_next_zero_area(unsigned long *map, unsigned long size,
					 unsigned long start, unsigned int nr,
					 unsigned long align_mask);
void bitmap_set(unsigned long *map, unsigned int start, unsigned int n);
void bitmap_clear(unsigned long *map, unsigned int start, unsigned int n);
unsigned int bitmap_weight(const unsigned long *map, unsigned int n);
unsigned long *bitmap_zalloc(unsigned int n, gfp_t gfp);
#define bitmap_free(m)		kfree(m)
#define bitmap_zero(m, n)	memset(m, 0, BITS_TO_LONGS(n) * 8)
#define bitmap_andnot(d, a, b, n) do {					\
	unsigned int __i;						\
	for (__i = 0; __i < BITS_TO_LONGS(n); __i++)			\
		(d)[__i] = (a)[__i] & ~(b)[__i];			\
} while (0)
#define for_each_set_bit(i, p, size)					\
	for ((i) = find_next_bit(p, size, 0); (i) < (size);		\
	     (i) = find_next_bit(p, size, (i) + 1))

/* ---------------------------------------------------------------- memory */

#define GFP_KERNEL	0u
#define GFP_ATOMIC	1u
#define GFP_NOIO	2u

void *shim_alloc(size_t n, gfp_t gfp);
void kfree(const void *p);
size_t shim_allocated(void);

#define kzalloc(n, gfp)		shim_alloc(n, gfp)
#define kmalloc(n, gfp)		shim_alloc(n, gfp)
#define kcalloc(n, s, gfp)	shim_alloc((size_t)(n) * (s), gfp)
#define kmalloc_array(n, s, gfp) shim_alloc((size_t)(n) * (s), gfp)
#define kvcalloc(n, s, gfp)	shim_alloc((size_t)(n) * (s), gfp)
#define kvfree(p)		kfree(p)
#define kzalloc_obj(o, ...)	((__typeof__(o) *)shim_alloc(sizeof(o), GFP_KERNEL))
#define struct_size(p, m, n)	(sizeof(*(p)) + sizeof(*(p)->m) * (n))
#define kzalloc_flex(o, m, n, ...) \
	((__typeof__(o) *)shim_alloc(sizeof(o) + sizeof(*(o).m) * (n), GFP_KERNEL))
#define memalloc_noio_save()	0u
#define memalloc_noio_restore(f)	((void)(f))

/* Addresses are their own physical addresses, and pages their own structs. */
struct page {
	u8 bytes[4096];
};

#define PAGE_SHIFT	12
#define PAGE_SIZE	4096UL
#define PAGE_MASK	(~(PAGE_SIZE - 1))
#define PAGE_ALIGN(x)	ALIGN(x, PAGE_SIZE)
#define PFN_UP(x)	(((x) + PAGE_SIZE - 1) >> PAGE_SHIFT)
#define PHYS_PFN(x)	((x) >> PAGE_SHIFT)
#define PAGE_ALIGNED(x)	IS_ALIGNED(x, PAGE_SIZE)
#define offset_in_page(p)	((unsigned long)(p) & ~PAGE_MASK)
#define virt_to_page(p)	((struct page *)((unsigned long)(p) & PAGE_MASK))
#define page_to_phys(p)	((phys_addr_t)(unsigned long)(p))
#define pfn_to_page(n)	((struct page *)(unsigned long)((n) << PAGE_SHIFT))
#define kmap_local_page(p)	((void *)(p))
#define kunmap_local(p)	((void)(p))
#define memset_page(p, off, val, n)	memset((p)->bytes + (off), val, n)
#define PageSlab(p)	((void)(p), false)
#define page_count(p)	((void)(p), 1)

/* ----------------------------------------------------------------- locks */

struct shim_task;

struct shim_lock {
	struct shim_task *owner;
};

typedef struct shim_lock spinlock_t;
typedef struct shim_lock raw_spinlock_t;
struct mutex {
	struct shim_lock l;
};

void shim_spin_lock(struct shim_lock *l, bool irqs);
void shim_spin_unlock(struct shim_lock *l, bool irqs);
void shim_mutex_lock(struct shim_lock *l);
void shim_mutex_unlock(struct shim_lock *l);
bool shim_lock_mine(const struct shim_lock *l);

#define spin_lock_init(l)	((l)->owner = NULL)
#define raw_spin_lock_init(l)	((l)->owner = NULL)
#define spin_lock(l)		shim_spin_lock(l, false)
#define spin_unlock(l)		shim_spin_unlock(l, false)
#define spin_lock_irq(l)	shim_spin_lock(l, true)
#define spin_unlock_irq(l)	shim_spin_unlock(l, true)
#define spin_lock_irqsave(l, f)	({ (f) = 0; shim_spin_lock(l, true); })
#define spin_unlock_irqrestore(l, f) ({ (void)(f); shim_spin_unlock(l, true); })
#define raw_spin_lock(l)	spin_lock(l)
#define raw_spin_unlock(l)	spin_unlock(l)
#define raw_spin_lock_irqsave(l, f)	spin_lock_irqsave(l, f)
#define raw_spin_unlock_irqrestore(l, f) spin_unlock_irqrestore(l, f)
#define mutex_init(m)		((m)->l.owner = NULL)
#define mutex_destroy(m)	SHIM_MUST(!(m)->l.owner)
#define mutex_lock(m)		shim_mutex_lock(&(m)->l)
#define mutex_unlock(m)		shim_mutex_unlock(&(m)->l)
#define __shim_lock_of(k)						\
	_Generic((k), struct mutex *: &((struct mutex *)(k))->l,	\
		 default: (struct shim_lock *)(k))
#define lockdep_is_held(l)	shim_lock_mine(__shim_lock_of(l))
#define lockdep_assert_held(l)	SHIM_MUST(lockdep_is_held(l))
#define lockdep_assert_not_held(l)	SHIM_MUST(!lockdep_is_held(l))
#define in_hardirq()		false
#define irqs_disabled()		shim_irqs_off()
#define local_bh_disable()	shim_atomic_enter()
#define local_bh_enable()	shim_atomic_leave()

/* RCU */
struct rcu_head {
	int unused;
};
void synchronize_rcu(void);
void shim_free_later(void *p);
#define rcu_read_lock()		shim_atomic_enter()
#define rcu_read_unlock()	shim_atomic_leave()
#define rcu_dereference(p)	({ SHIM_MUST(shim_in_atomic()); shim_point(); (p); })
#define rcu_dereference_protected(p, c)	({ SHIM_MUST(c); (p); })
#define rcu_access_pointer(p)	({ shim_point(); (p); })
#define rcu_assign_pointer(p, v)	({ shim_point(); (p) = (v); })
#define kfree_rcu(p, m)		shim_free_later(p)

/* ----------------------------------------------------------------- krefs */

struct kref {
	int n;
};

static inline void kref_init(struct kref *k)
{
	k->n = 1;
}

static inline unsigned int kref_read(const struct kref *k)
{
	return k->n;
}

static inline void kref_get(struct kref *k)
{
	shim_point();
	SHIM_MUST(k->n > 0);
	k->n++;
}

static inline int kref_put(struct kref *k, void (*release)(struct kref *k))
{
	shim_point();
	SHIM_MUST(k->n > 0);
	if (--k->n)
		return 0;
	release(k);
	return 1;
}

/* ------------------------------------------------------------------ time */

#define HZ		1000UL
#define jiffies		((unsigned long)(shim_now() / 1000000) + 4294000000UL)
#define msecs_to_jiffies(ms)	((unsigned long)(ms))
#define time_after(a, b)	((long)((b) - (a)) < 0)
#define time_before(a, b)	time_after(b, a)
#define ktime_get_ns()		shim_now()
#define usleep_range(a, b)						\
	({ shim_might_sleep(); shim_sleep(1000ULL * ((a) + shim_rnd((b) - (a) + 1))); })

struct completion {
	unsigned int done;
};

#define init_completion(c)	((c)->done = 0)
void complete(struct completion *c);
void wait_for_completion(struct completion *c);
unsigned long wait_for_completion_timeout(struct completion *c, unsigned long t);

typedef struct {
	unsigned int seq;
} wait_queue_head_t;

#define init_waitqueue_head(w)	((w)->seq = 0)
void wake_up_all(wait_queue_head_t *w);
bool shim_wait(wait_queue_head_t *w, unsigned int seq, u64 until);
#define wait_event_timeout(w, cond, t) ({				\
	u64 __end = shim_now() + 1000000ULL * (t);			\
	long __left = 1;						\
	shim_might_sleep();						\
	for (;;) {							\
		unsigned int __seq = (w).seq;				\
		if (cond)						\
			break;						\
		if (!shim_wait(&(w), __seq, __end)) {			\
			__left = (cond) ? 1 : 0;			\
			break;						\
		}							\
	}								\
	__left;								\
})

/* ---------------------------------------------------------- work queues */

struct work_struct {
	void (*func)(struct work_struct *work);
	struct list_head node;		/* queued */
	struct workqueue_struct *wq;	/* was last queued there */
	bool pending;
	unsigned int disabled;
};

struct delayed_work {
	struct work_struct work;
	struct list_head timer;		/* its timer runs */
	u64 expires;
};

struct workqueue_struct {
	int unused;
};

#define WQ_UNBOUND	0
#define WQ_MEM_RECLAIM	0
#define __shim_init_work(w, f) \
	({ memset(w, 0, sizeof(*(w))); (w)->func = (f); INIT_LIST_HEAD(&(w)->node); })
#define INIT_WORK(w, f)		__shim_init_work(w, f)
#define INIT_DELAYED_WORK(d, f) \
	({ __shim_init_work(&(d)->work, f); INIT_LIST_HEAD(&(d)->timer); })
#define to_delayed_work(w)	container_of(w, struct delayed_work, work)
#define delayed_work_pending(d)	((d)->work.pending)
struct workqueue_struct *alloc_workqueue(const char *fmt, unsigned int flags, int max, ...);
void destroy_workqueue(struct workqueue_struct *wq);
void flush_workqueue(struct workqueue_struct *wq);
bool queue_work(struct workqueue_struct *wq, struct work_struct *w);
bool queue_delayed_work(struct workqueue_struct *wq, struct delayed_work *d,
			unsigned long delay);
bool mod_delayed_work(struct workqueue_struct *wq, struct delayed_work *d,
		      unsigned long delay);
bool flush_work(struct work_struct *w);
bool cancel_work_sync(struct work_struct *w);
bool cancel_delayed_work_sync(struct delayed_work *d);
bool disable_work_sync(struct work_struct *w);
bool disable_delayed_work_sync(struct delayed_work *d);

/* ---------------------------------------------------------------- xarray */

struct xarray {
	unsigned int n, room;
	struct {
		unsigned long index;
		void *p;
	} *e;
};

#define xa_init(x)	memset(x, 0, sizeof(*(x)))
void *xa_load(struct xarray *x, unsigned long index);
void *xa_store(struct xarray *x, unsigned long index, void *p, gfp_t gfp);
void *xa_erase(struct xarray *x, unsigned long index);
void *shim_xa_next(struct xarray *x, unsigned long *index);
void xa_destroy(struct xarray *x);
#define xa_err(p)	(IS_ERR(p) ? (int)PTR_ERR(p) : 0)
#define xa_for_each(x, i, p)						\
	for ((i) = 0, (p) = shim_xa_next(x, &(i)); (p);			\
	     (i)++, (p) = shim_xa_next(x, &(i)))

struct ida {
	u64 used;
};
#define DEFINE_IDA(n)	struct ida n
int ida_alloc(struct ida *ida, gfp_t gfp);
void ida_free(struct ida *ida, unsigned int id);

/* --------------------------------------------------------------- devices */

struct device;
struct attribute_group;
struct class {
	const char *name;
	const struct attribute_group **dev_groups;
};

struct device {
	struct kref ref;
	struct device *parent;
	void (*release)(struct device *dev);
	const struct class *class;
	bool added;
	char name[24];
};

void device_initialize(struct device *dev);
int device_add(struct device *dev);
void device_del(struct device *dev);
void put_device(struct device *dev);
struct device *get_device(struct device *dev);
int dev_set_name(struct device *dev, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
#define dev_name(d)	((const char *)(d)->name)

void shim_log(const struct device *dev, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
#define dev_err(d, ...)		shim_log(d, __VA_ARGS__)
#define dev_warn(d, ...)	shim_log(d, __VA_ARGS__)
#define dev_info(d, ...)	shim_log(d, __VA_ARGS__)
#define dev_dbg(d, ...)		((void)(d))
#ifndef pr_fmt
#define pr_fmt(f) f
#endif
#define pr_err(...)		shim_log(NULL, __VA_ARGS__)
#define pr_err_ratelimited(...)	shim_log(NULL, __VA_ARGS__)

struct ratelimit_state {
	unsigned long interval, begin;
	int burst, printed;
};
#define RATELIMIT_MSG_ON_RELEASE	1
void ratelimit_state_init(struct ratelimit_state *rs, int interval, int burst);
#define ratelimit_set_flags(rs, f)	((void)(rs))
bool __ratelimit(struct ratelimit_state *rs);

struct module;
struct seq_file;
struct dentry;
#define THIS_MODULE	((struct module *)0)
#define __module_get(m)	((void)(m))
#define module_put(m)	((void)(m))

static inline void __attribute__((format(printf, 2, 3)))
seq_printf(struct seq_file *s, const char *fmt, ...)
{
	(void)s;
	(void)fmt;
}

u32 get_random_u32(void);
u32 get_random_u32_inclusive(u32 lo, u32 hi);

enum dma_data_direction {
	DMA_BIDIRECTIONAL,
	DMA_TO_DEVICE,
	DMA_FROM_DEVICE,
	DMA_NONE,
};
#define valid_dma_direction(d)	((d) <= DMA_FROM_DEVICE)
#define DMA_BIT_MASK(n)		(~0ULL >> (64 - (n)))
#define dev_set_dma_coherent(d)	((void)(d))
#define dma_coerce_mask_and_coherent(d, m)	((void)(d), 0)
#define DMA_MAPPING_ERROR	(~(dma_addr_t)0)
#define DMA_ATTR_SKIP_CPU_SYNC	(1UL << 5)
#define dma_max_mapping_size(d)	((size_t)4096)

#endif
