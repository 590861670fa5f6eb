// SPDX-License-Identifier: GPL-2.0-only
/*
 * Run KUnit suites in user space and print KTAP; see include/kunit/test.h. Suites that
 * want more of the kernel are run by kunit_env.c, with what is here.
 */
#include <stdlib.h>
#include <kunit/test.h>

static struct kunit_suite *suites;

void kunit_shim_register(struct kunit_suite *suite)
{
	struct kunit_suite **p = &suites;

	/* By name, so that the output does not depend on the link order. */
	while (*p && strcmp((*p)->name, suite->name) < 0)
		p = &(*p)->next;
	suite->next = *p;
	*p = suite;
}

void *kunit_kzalloc(struct kunit *test, size_t size, int gfp)
{
	void **more = realloc(test->allocs,
			      (test->num_allocs + 1) * sizeof(*more));

	(void)gfp;
	if (!more)
		return NULL;
	test->allocs = more;
	return more[test->num_allocs++] = calloc(1, size ? size : 1);
}

void kunit_kfree(struct kunit *test, const void *p)
{
	size_t i;

	for (i = 0; i < test->num_allocs; i++) {
		if (test->allocs[i] == p) {
			free(test->allocs[i]);
			test->allocs[i] = NULL;
			return;
		}
	}
}

static int run_one(const struct kunit_suite *suite, const struct kunit_case *c,
		   const void *param)
{
	static struct kunit test;

	memset(&test, 0, sizeof(test));
	test.param_value = param;
	test.name = c->name;
	if (!setjmp(test.abort)) {
		if (suite->init && suite->init(&test))
			test.failed = true;
		else
			c->run_case(&test);
	}
	if (suite->exit)
		suite->exit(&test);
	while (test.num_actions) {
		test.num_actions--;
		test.actions[test.num_actions].fn(test.actions[test.num_actions].arg);
	}
	while (test.num_allocs)
		free(test.allocs[--test.num_allocs]);
	free(test.allocs);
	return test.failed;
}

static int run_case(const struct kunit_suite *suite, const struct kunit_case *c)
{
	char desc[KUNIT_PARAM_DESC_SIZE];
	const void *param = NULL;
	int bad = 0;

	if (!c->generate_params)
		return run_one(suite, c, NULL);
	while ((param = c->generate_params(NULL, param, desc)))
		bad |= run_one(suite, c, param);
	return bad;
}

int kunit_shim_run(void)
{
	const struct kunit_case *c;
	struct kunit_suite *s;
	int n = 0, failed = 0;

	for (s = suites; s; s = s->next)
		n++;
	printf("TAP version 14\n1..%d\n", n);
	for (n = 0, s = suites; s; s = s->next) {
		int cases = 0, bad = 0;

		printf("    # Subtest: %s\n", s->name);
		for (c = s->test_cases; c->run_case; c++)
			cases++;
		printf("    1..%d\n", cases);
		if (s->suite_init)
			s->suite_init(s);
		for (cases = 0, c = s->test_cases; c->run_case; c++) {
			bool ok = !run_case(s, c);

			printf("    %s %d %s\n", ok ? "ok" : "not ok", ++cases, c->name);
			bad += !ok;
		}
		if (s->suite_exit)
			s->suite_exit(s);
		printf("%s %d %s\n", bad ? "not ok" : "ok", ++n, s->name);
		failed += bad;
	}
	return failed;
}

#ifndef SHIM_ENV
int main(void)
{
	return kunit_shim_run() ? 1 : 0;
}
#endif
