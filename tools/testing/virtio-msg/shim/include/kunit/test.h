/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Shim: enough of KUnit to run the suites of pure code in user space, where the
 * sanitizers of the compiler are cheap.  kunit.c has the rest.
 */
#ifndef _SHIM_KUNIT_TEST_H
#define _SHIM_KUNIT_TEST_H

#include <setjmp.h>
#include <stdio.h>
#include <string.h>
#include <linux/types.h>

#ifdef SHIM_ENV
#include <env/kunit.h>
#else
#define GFP_KERNEL	0
#endif

#define KUNIT_PARAM_DESC_SIZE	128

struct kunit {
	void *priv;
	const void *param_value;
	const char *name;
	jmp_buf abort;
	bool failed;
	void **allocs;
	size_t num_allocs;
	struct {
		void (*fn)(void *arg);
		void *arg;
	} actions[16];
	unsigned int num_actions;
};

struct kunit_case {
	void (*run_case)(struct kunit *test);
	const char *name;
	const void *(*generate_params)(struct kunit *test, const void *prev, char *desc);
};

struct kunit_suite {
	const char *name;
	int (*suite_init)(struct kunit_suite *suite);
	void (*suite_exit)(struct kunit_suite *suite);
	int (*init)(struct kunit *test);
	void (*exit)(struct kunit *test);
	struct kunit_case *test_cases;
	struct kunit_suite *next;
};

void *kunit_kzalloc(struct kunit *test, size_t size, int gfp);
void kunit_kfree(struct kunit *test, const void *p);
void kunit_shim_register(struct kunit_suite *suite);
/* All suites; returns how many failed. */
int kunit_shim_run(void);

#define KUNIT_CASE(fn)	{ .run_case = (fn), .name = #fn }
#define KUNIT_CASE_SLOW(fn)	KUNIT_CASE(fn)
#define KUNIT_CASE_PARAM(fn, gen) \
	{ .run_case = (fn), .name = #fn, .generate_params = (gen) }
#define KUNIT_ARRAY_PARAM(name, array, get_desc)			\
	static const void *name##_gen_params(struct kunit *test,	\
					     const void *prev, char *desc) \
	{								\
		__typeof__((array)[0]) *__next = prev ?			\
			(__typeof__(__next))prev + 1 : (array);		\
		void (*__desc)(__typeof__(__next), char *) = get_desc;	\
		(void)test;						\
		if (__next - (array) >= (long)(sizeof(array) / sizeof((array)[0]))) \
			return NULL;					\
		if (__desc)						\
			__desc(__next, desc);				\
		return __next;						\
	}

#define kunit_info(test, fmt, ...)	printf("    # " fmt, ##__VA_ARGS__)
#define kunit_kcalloc(t, n, s, gfp)	kunit_kzalloc(t, (size_t)(n) * (s), gfp)
#define kunit_kmalloc(t, s, gfp)	kunit_kzalloc(t, s, gfp)
#define kunit_kmalloc_array(t, n, s, gfp) kunit_kzalloc(t, (size_t)(n) * (s), gfp)
#define kunit_skip(t, ...)		longjmp((t)->abort, 2)
#define KUNIT_FAIL(t, ...)		__KUNIT_FAIL(t, 0, "", __VA_ARGS__)

#define kunit_test_suite(suite)						\
	__attribute__((constructor))					\
	static void kunit_shim_register_##suite(void)			\
	{								\
		kunit_shim_register(&(suite));				\
	}								\
	struct kunit_suite

#define __KUNIT_FAIL(test, stop, what, ...) do {			\
	printf("    # %s:%d: %s ", __FILE__, __LINE__, what);		\
	printf("" __VA_ARGS__);						\
	printf("\n");							\
	(test)->failed = true;						\
	if (stop)							\
		longjmp((test)->abort, 1);				\
} while (0)

#define __KUNIT_COND(test, stop, cond, what, ...) do {			\
	if (!(cond))							\
		__KUNIT_FAIL(test, stop, what, __VA_ARGS__);		\
} while (0)

#define __KUNIT_BIN(test, stop, l, op, r, ...) do {			\
	__typeof__(l) __l = (l);					\
	__typeof__(r) __r = (r);					\
	if (!((__int128)__l op (__int128)__r)) {			\
		printf("    # %lld, %lld\n", (long long)__l,		\
		       (long long)__r);					\
		__KUNIT_FAIL(test, stop, #l " " #op " " #r, __VA_ARGS__); \
	}								\
} while (0)

#define KUNIT_EXPECT_EQ(t, l, r)	__KUNIT_BIN(t, 0, l, ==, r, " ")
#define KUNIT_EXPECT_NE(t, l, r)	__KUNIT_BIN(t, 0, l, !=, r, " ")
#define KUNIT_EXPECT_LT(t, l, r)	__KUNIT_BIN(t, 0, l, <, r, " ")
#define KUNIT_EXPECT_LE(t, l, r)	__KUNIT_BIN(t, 0, l, <=, r, " ")
#define KUNIT_EXPECT_GT(t, l, r)	__KUNIT_BIN(t, 0, l, >, r, " ")
#define KUNIT_EXPECT_GE(t, l, r)	__KUNIT_BIN(t, 0, l, >=, r, " ")
#define KUNIT_ASSERT_EQ(t, l, r)	__KUNIT_BIN(t, 1, l, ==, r, " ")
#define KUNIT_ASSERT_LT(t, l, r)	__KUNIT_BIN(t, 1, l, <, r, " ")
#define KUNIT_ASSERT_LE(t, l, r)	__KUNIT_BIN(t, 1, l, <=, r, " ")
#define KUNIT_ASSERT_GE(t, l, r)	__KUNIT_BIN(t, 1, l, >=, r, " ")
#define KUNIT_ASSERT_NE(t, l, r)	__KUNIT_BIN(t, 1, l, !=, r, " ")
#define KUNIT_ASSERT_GT(t, l, r)	__KUNIT_BIN(t, 1, l, >, r, " ")
#define KUNIT_EXPECT_NE_MSG(t, l, r, ...) __KUNIT_BIN(t, 0, l, !=, r, __VA_ARGS__)
#define KUNIT_EXPECT_LE_MSG(t, l, r, ...) __KUNIT_BIN(t, 0, l, <=, r, __VA_ARGS__)
#define KUNIT_EXPECT_GE_MSG(t, l, r, ...) __KUNIT_BIN(t, 0, l, >=, r, __VA_ARGS__)
#define KUNIT_ASSERT_NE_MSG(t, l, r, ...) __KUNIT_BIN(t, 1, l, !=, r, __VA_ARGS__)
#define KUNIT_EXPECT_EQ_MSG(t, l, r, ...) \
	__KUNIT_BIN(t, 0, l, ==, r, __VA_ARGS__)
#define KUNIT_ASSERT_EQ_MSG(t, l, r, ...) \
	__KUNIT_BIN(t, 1, l, ==, r, __VA_ARGS__)

#define KUNIT_EXPECT_TRUE(t, c)		__KUNIT_COND(t, 0, c, #c, " ")
#define KUNIT_EXPECT_FALSE(t, c)	__KUNIT_COND(t, 0, !(c), "!" #c, " ")
#define KUNIT_ASSERT_TRUE(t, c)		__KUNIT_COND(t, 1, c, #c, " ")
#define KUNIT_ASSERT_FALSE(t, c)	__KUNIT_COND(t, 1, !(c), "!" #c, " ")
#define KUNIT_EXPECT_TRUE_MSG(t, c, ...) __KUNIT_COND(t, 0, c, #c, __VA_ARGS__)
#define KUNIT_ASSERT_TRUE_MSG(t, c, ...) __KUNIT_COND(t, 1, c, #c, __VA_ARGS__)
#define KUNIT_EXPECT_FALSE_MSG(t, c, ...) __KUNIT_COND(t, 0, !(c), #c, __VA_ARGS__)
#define KUNIT_EXPECT_PTR_NE(t, l, r) \
	__KUNIT_COND(t, 0, (l) != (r), #l " != " #r, " ")
#define KUNIT_ASSERT_PTR_EQ(t, l, r) \
	__KUNIT_COND(t, 1, (l) == (r), #l " == " #r, " ")
#define KUNIT_ASSERT_PTR_NE(t, l, r) \
	__KUNIT_COND(t, 1, (l) != (r), #l " != " #r, " ")
#define KUNIT_ASSERT_NULL(t, p)		__KUNIT_COND(t, 1, !(p), "!" #p, " ")
#define KUNIT_ASSERT_NOT_ERR_OR_NULL(t, p) \
	__KUNIT_COND(t, 1, (p) && (unsigned long)(p) < (unsigned long)-4095, #p, " ")
#define KUNIT_EXPECT_NULL(t, p)		__KUNIT_COND(t, 0, !(p), "!" #p, " ")
#define KUNIT_EXPECT_NOT_NULL(t, p)	__KUNIT_COND(t, 0, p, #p, " ")
#define KUNIT_ASSERT_NOT_NULL(t, p)	__KUNIT_COND(t, 1, p, #p, " ")
#define KUNIT_EXPECT_PTR_EQ(t, l, r) \
	__KUNIT_COND(t, 0, (l) == (r), #l " == " #r, " ")
#define KUNIT_EXPECT_STREQ(t, l, r) \
	__KUNIT_COND(t, 0, !strcmp(l, r), #l " == " #r, " ")
#define KUNIT_EXPECT_MEMEQ(t, l, r, n) \
	__KUNIT_COND(t, 0, !memcmp(l, r, n), #l " == " #r, " ")
#define KUNIT_ASSERT_MEMEQ(t, l, r, n) \
	__KUNIT_COND(t, 1, !memcmp(l, r, n), #l " == " #r, " ")
#define KUNIT_EXPECT_MEMEQ_MSG(t, l, r, n, ...) \
	__KUNIT_COND(t, 0, !memcmp(l, r, n), #l " == " #r, __VA_ARGS__)

#endif
