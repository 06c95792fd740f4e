/* Patterns: groups, limits, bytes that are no UTF-8, many threads. */
#include "common/conf/option.h"
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static struct regex *compile(const char *pattern, unsigned flags)
{
	struct regex *re;
	struct err err;

	if (regex_new(span_cstr(pattern), flags, &re, &err) < 0)
		fail_msg("%s: %s", pattern, err.text);
	return re;
}

static int match(const char *pattern, unsigned flags, const char *subject)
{
	struct regex *re = compile(pattern, flags);
	int r = regex_match(re, span_cstr(subject));

	regex_free(re);
	return r;
}

static void test_match(void **state)
{
	(void)state;
	assert_int_equal(match("b+", 0, "abbc"), 1);
	assert_int_equal(match("b+", REGEX_ANCHORED, "abbc"), 0);
	assert_int_equal(match("ÄRGER", REGEX_ICASE, "viel ärger"), 1);
	assert_int_equal(match("a.c", 0, "a\nc"), 0);
	assert_int_equal(match("a.c", REGEX_DOTALL, "a\nc"), 1);
	assert_int_equal(match("^$", 0, ""), 1);
	assert_int_equal(match("^.$", 0, "ä"), 1);
	assert_int_equal(match("x", 0, "\xff\xfex"), 1);
	assert_int_equal(match("^\\xff", 0, "\xff"), 0); /* no character there */
	struct regex *re = compile("x", 0);

	assert_int_equal(regex_match(re, span_of(NULL, 0)), 0);
	regex_free(re);
	regex_free(NULL);
}

static void test_groups(void **state)
{
	struct regex *re = compile("(?<year>\\d+)-(\\d+)(?<rest>x)?", 0);
	struct span subject = SPAN("on 2026-03, 2027-04x"), g[4] = {{0}};

	(void)state;
	assert_int_equal(regex_groups(re), 3);
	assert_true(span_eq(regex_group_name(re, 1), SPAN("year")));
	assert_true(span_eq(regex_group_name(re, 3), SPAN("rest")));
	assert_null(regex_group_name(re, 2).ptr);
	assert_int_equal(regex_exec(re, subject, 0, g, 4), 4);
	assert_true(span_eq(g[0], SPAN("2026-03")));
	assert_true(span_eq(g[1], SPAN("2026")));
	assert_null(g[3].ptr);
	assert_int_equal(regex_exec(re, subject, 10, g, 2), 2);
	assert_true(span_eq(g[1], SPAN("2027")));
	assert_int_equal(regex_exec(re, subject, subject.len, g, 4), 0);
	assert_int_equal(regex_exec(re, subject, subject.len + 1, g, 4), 0);
	regex_free(re);
}

static void test_errors(void **state)
{
	static const struct {
		const char *pattern;
		size_t at;
	} cases[] = {{"a(b", 3}, {"a)b", 1}, {"[z-a]", 3}, {"*", 0}, {"\\", 1}, {"(?<1>a)", 3}};
	struct regex *re;
	struct err err;
	char large[REGEX_PATTERN_MAX + 1];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(regex_new(span_cstr(cases[i].pattern), 0, &re, &err), -EINVAL);
		assert_int_equal(err.offset, cases[i].at);
		assert_true(err.text[0]);
	}
	memset(large, 'a', sizeof(large));
	assert_int_equal(regex_new(span_of(large, sizeof(large)), 0, &re, &err), -E2BIG);
	for (size_t i = 0; i < 65; i++)
		memcpy(large + 3 * i, "(a)", 3);
	assert_int_equal(regex_new(span_of(large, 65 * 3), 0, &re, &err), -E2BIG);
	assert_int_equal(regex_new(span_of(large, 64 * 3), 0, &re, &err), 0);
	regex_free(re);
}

/* A catastrophe ends at the match limit: acceptance F26. */
static void test_match_limit(void **state)
{
	struct regex *re = compile("^(a+)+$", 0);
	char subject[200];

	(void)state;
	memset(subject, 'a', sizeof(subject));
	subject[sizeof(subject) - 1] = 'b';
	assert_int_equal(regex_match(re, span_of(subject, sizeof(subject))), -E2BIG);
	assert_int_equal(regex_match(re, SPAN("aaa")), 1);
	regex_free(re);
}

static void *match_many(void *arg)
{
	struct span g[3] = {{0}};
	intptr_t bad = 0;

	for (int i = 0; i < 2000; i++) {
		int r = regex_exec(arg, SPAN("key=value"), 0, g, 3);

		bad += r != 3 || !span_eq(g[2], SPAN("value"));
	}
	return (void *)bad;
}

static void test_threads(void **state)
{
	struct regex *re = compile("(\\w+)=(\\w+)", 0);
	pthread_t threads[4];
	void *bad;

	(void)state;
	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, match_many, re), 0);
	for (int i = 0; i < 4; i++) {
		pthread_join(threads[i], &bad);
		assert_null(bad);
	}
	regex_free(re);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_match),   cmocka_unit_test(test_groups),
		cmocka_unit_test(test_errors),  cmocka_unit_test(test_match_limit),
		cmocka_unit_test(test_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
