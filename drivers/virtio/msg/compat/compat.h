/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What Linux 6.12 lacks
 *
 * Its stable updates have some of it.  What they have, compat.mk finds in their
 * headers: VMSG_HAS_name.
 *
 * Included in front of each source file, by the build outside of the kernel
 * tree alone.  Macros only, and no header but of that kind: one that brings in
 * printk.h here would come before a file's own pr_fmt().
 */
#ifndef _DRIVERS_VIRTIO_MSG_COMPAT_COMPAT_H
#define _DRIVERS_VIRTIO_MSG_COMPAT_COMPAT_H

#include <linux/args.h>

/* linux/gfp.h */
#ifndef VMSG_HAS_default_gfp
#define __default_gfp_0()	GFP_KERNEL
#define __default_gfp_1(gfp)	(gfp)
#define default_gfp(...) \
	CONCATENATE(__default_gfp_, COUNT_ARGS(__VA_ARGS__))(__VA_ARGS__)
#endif

/* linux/slab.h */
#ifndef VMSG_HAS_kmalloc_obj
#define __alloc_objs(KMALLOC, GFP, TYPE, COUNT)				\
	((TYPE *)KMALLOC(size_mul(sizeof(TYPE), COUNT), GFP))
#define __alloc_flex(KMALLOC, GFP, TYPE, FAM, COUNT)			\
	((TYPE *)KMALLOC(struct_size_t(TYPE, FAM, COUNT), GFP))

#define kmalloc_obj(P, ...) \
	__alloc_objs(kmalloc, default_gfp(__VA_ARGS__), typeof(P), 1)
#define kmalloc_objs(P, COUNT, ...) \
	__alloc_objs(kmalloc, default_gfp(__VA_ARGS__), typeof(P), COUNT)
#define kmalloc_flex(P, FAM, COUNT, ...) \
	__alloc_flex(kmalloc, default_gfp(__VA_ARGS__), typeof(P), FAM, COUNT)
#define kzalloc_obj(P, ...) \
	__alloc_objs(kzalloc, default_gfp(__VA_ARGS__), typeof(P), 1)
#define kzalloc_objs(P, COUNT, ...) \
	__alloc_objs(kzalloc, default_gfp(__VA_ARGS__), typeof(P), COUNT)
#define kzalloc_flex(P, FAM, COUNT, ...) \
	__alloc_flex(kzalloc, default_gfp(__VA_ARGS__), typeof(P), FAM, COUNT)
#define kvmalloc_objs(P, COUNT, ...) \
	__alloc_objs(kvmalloc, default_gfp(__VA_ARGS__), typeof(P), COUNT)
#define kvzalloc_obj(P, ...) \
	__alloc_objs(kvzalloc, default_gfp(__VA_ARGS__), typeof(P), 1)
#define kvzalloc_objs(P, COUNT, ...) \
	__alloc_objs(kvzalloc, default_gfp(__VA_ARGS__), typeof(P), COUNT)
#endif

/* linux/timer.h */
#ifndef VMSG_HAS_timer_container_of
#define timer_container_of(var, callback_timer, timer_fieldname) \
	container_of(callback_timer, typeof(*(var)), timer_fieldname)
#endif

/* linux/hrtimer.h */
#ifndef VMSG_HAS_hrtimer_setup
#define hrtimer_setup(timer, func, clock, mode)				\
	do {								\
		struct hrtimer *__timer = (timer);			\
									\
		hrtimer_init(__timer, clock, mode);			\
		__timer->function = (func);				\
	} while (0)
#endif

/* linux/mm_types.h */
#ifndef VMSG_HAS_EMPTY_VMA_FLAGS
#define EMPTY_VMA_FLAGS 0
#endif

/* linux/jiffies.h */
#ifndef VMSG_HAS_secs_to_jiffies
#define secs_to_jiffies(secs)	((unsigned long)(secs) * HZ)
#endif

/* linux/workqueue.h: the default there */
#ifndef VMSG_HAS_WQ_PERCPU
#define WQ_PERCPU	0
#endif

#endif /* _DRIVERS_VIRTIO_MSG_COMPAT_COMPAT_H */
