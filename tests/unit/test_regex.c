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
	assert_int_equal(match("a|ab|b", REGEX_WHOLE, "ab"), 1);
	assert_int_equal(match("a|b", REGEX_WHOLE, "ab"), 0);
	assert_int_equal(match("a", REGEX_WHOLE, "a\n"), 0);
	assert_int_equal(match("^.$", 0, "ä"), 1);
	assert_int_equal(match("x", 0, "\xff\xfex"), 1);
	assert_int_equal(match("^\\xff", 0, "\xff"), 0); /* no character there */
	/* What is no digit, space or word may be beyond ASCII, wherever it stands. */
	assert_int_equal(match("^\\D\\S+\\W{2}$", REGEX_RE2, "日本語テ"), 1);
	assert_int_equal(match("^[\\S\\]]\\[\\Q[\\S\\E\\S$", 0, "][[\\Sж"), 1);
	assert_int_equal(match("[[:^alpha:]\\S]]\\W", 0, "ж]ж"), 1);
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

/* A query counts them and gives up behind some. */
static void test_runaways(void **state)
{
	struct regex *re = compile("^(a+)+$", REGEX_RE2);
	char subject[200];

	(void)state;
	memset(subject, 'a', sizeof(subject));
	subject[sizeof(subject) - 1] = 'b';
	regex_bound_runaways(re, 3);
	for (int i = 0; i < 5; i++)
		assert_int_equal(regex_match(re, span_of(subject, sizeof(subject))), -E2BIG);
	assert_int_equal(regex_runaways(re), 3);
	assert_int_equal(regex_match(re, SPAN("aaa")), -E2BIG);
	regex_bound_runaways(re, 3);
	assert_int_equal(regex_match(re, SPAN("aaa")), 1);
	assert_int_equal(regex_runaways(re), 0);
	regex_free(re);
}

static void test_re2(void **state)
{
	static const char *const taken[] = {
		"(?i)a|(?-s:b.)",
		"(?P<x>a)(?<y>b)(?:c)",
		"a??b*?c+?d{2,3}?",
		"[]a-z]",
		"[^]\\d\\n-]",
		"[[:alpha:][:^digit:]]",
		"\\pL\\p{Greek}\\PN",
		"\\x41\\x{1F600}\\101\\0",
		"\\Qa+(b\\E+",
		"\\x{2014}+",
		"[\\x{41}\\pL]*\\p{L}{2}",
		"a{,5}",
		"{",
		"a{x}",
		"\\bfoo\\B\\A\\z",
		"\\.\\/\\-\\\\",
		"a{1000}",
		"é+",
		"",
		"x{2}(y{3})+",
		"\\t\\r\\f\\v\\a\\s\\S\\w\\W\\D",
	};
	static const struct {
		const char *pattern;
		size_t at;
		const char *says;
	} refused[] = {
		{"a(?=b)", 1, "look-ahead"},
		{"(?!a)", 0, "look-ahead"},
		{"(?<=a)b", 0, "look-behind"},
		{"x(?<!a)b", 1, "look-behind"},
		{"(a)\\1", 3, "references"},
		{"(?P<n>a)(?P=n)", 8, "references"},
		{"(?>a)", 0, "atomic"},
		{"a++", 2, "quantifier"},
		{"a**", 2, "quantifier"},
		{"a{2}{3}", 4, "quantifier"},
		{"a*?+", 3, "quantifier"},
		{"(?#x)a", 0, "may follow"},
		{"(?x)a", 0, "may follow"},
		{"(?R)", 0, "may follow"},
		{"(?|a)", 0, "may follow"},
		{"(*UTF)a", 0, "nothing before it"},
		{"\\Ka", 0, "no escape"},
		{"a\\Z", 1, "\\z"},
		{"\\h", 0, "no escape"},
		{"[\\b]", 1, "no escape"},
		{"\\x4", 0, "hex"},
		{"a{1001}", 1, "1000"},
		{"\\Qa\\E\\R", 5, "no escape"},
	};
	struct regex *re;
	struct err err;

	(void)state;
	for (size_t i = 0; i < sizeof(taken) / sizeof(taken[0]); i++)
		regex_free(compile(taken[i], REGEX_RE2));
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		const char *pattern = refused[i].pattern;

		if (regex_new(span_cstr(pattern), REGEX_RE2, &re, &err) != -EINVAL)
			fail_msg("%s is taken", pattern);
		if (err.offset != refused[i].at || !strstr(err.text, refused[i].says))
			fail_msg("%s: at %zu: %s", pattern, err.offset, err.text);
	}
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

static void test_needle(void **state)
{
	static const struct {
		const char *pattern, *needle;
		bool whole;
	} cases[] = {
		{"user [0-9]+7,", "user ", false},
		{"timed? out\\.", " out.", false},
		{"plain text", "plain text", true},
		{"a\\.b", "a.b", true},
		{"ab+cd", "ab", false},
		{"a*bcd?e", "bc", false},
		{"Größe?", "Größ", false},
		{"xä?yz", "yz", false},
		{"ab{0,2}cde", "cde", false},
		{"a(b|c)def", "def", false},
		{"(a(?:b)[)])long\\d", "long", false},
		{"[^]x]yes", "yes", false},
		{"[\\]x]yes", "yes", false},
		{"^yes$", "yes", false},
		{"no|yes", "", false},
		{"(?i)no", "", false},
		{"no(?i)no", "", false},
		{"no(?=no)", "", false},
		{"\\Qno", "", false},
		{"\\x6eo", "", false},
		{"[[:alpha:]]no", "", false},
		{"no{", "", false},
		{"", "", false},
		{".*", "", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct regex *re = compile(cases[i].pattern, REGEX_DOTALL);
		bool whole;
		struct span needle = regex_needle(re, &whole);

		if (!span_eq(needle, span_cstr(cases[i].needle)) || whole != cases[i].whole)
			fail_msg("%s: needle \"%.*s\"", cases[i].pattern, SPAN_FMT(needle));
		regex_free(re);
		re = compile(cases[i].pattern, REGEX_ICASE);
		assert_int_equal(regex_needle(re, &whole).len, 0);
		assert_false(whole);
		regex_free(re);
	}
}

static void put_random(uint64_t *seed, const char *const *pieces, size_t npieces, size_t n,
		       struct buf *out)
{
	for (; n; n--) {
		*seed = *seed * UINT64_C(6364136223846793005) + 1442695040888963407;
		buf_puts(out, span_cstr(pieces[(*seed >> 33) % npieces]));
	}
}

/* Whatever matches has the needle; of a pattern that is all needle, the reverse too. */
static void test_needle_of_random_patterns(void **state)
{
	static const char *const parts[] = {
		"a",   "b",   "ab",  "é",   "(",     ")",    "[",  "]",   "^",   "$",
		"|",   "?",   "*",   "+",   "{2}",   "{1,}", ".",  "\\.", "\\d", "\\b",
		"(?:", "(?i", "\\Q", "\\E", "[^ab]", "-",    "\\", "{"};
	static const char *const texts[] = {"a", "b", "A", "é", ".", "1", " ", "-", "{", "B"};
	uint64_t seed = 11;
	size_t compiled = 0, matched = 0;

	(void)state;
	for (int i = 0; i < 20000; i++) {
		_cleanup_(buf_release) struct buf pattern = BUF_INIT(1 << 10);
		struct regex *re;
		struct err err;
		bool whole;

		put_random(&seed, parts, sizeof(parts) / sizeof(*parts), 1 + i % 7, &pattern);
		if (regex_new(buf_span(&pattern), REGEX_DOTALL, &re, &err) < 0)
			continue;
		compiled++;
		struct span needle = regex_needle(re, &whole);

		for (int k = 0; k < 30; k++) {
			_cleanup_(buf_release) struct buf text = BUF_INIT(1 << 10);

			put_random(&seed, texts, sizeof(texts) / sizeof(*texts), 1 + k % 9, &text);
			bool has = span_find(buf_span(&text), needle) >= 0;
			bool match = regex_match(re, buf_span(&text)) > 0;

			matched += match && needle.len;
			if ((match && !has) || (whole && has && !match))
				fail_msg("%.*s on %.*s", SPAN_FMT(buf_span(&pattern)),
					 SPAN_FMT(buf_span(&text)));
		}
		regex_free(re);
	}
	assert_true(compiled > 5000 && matched > 5000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_match),
		cmocka_unit_test(test_needle),
		cmocka_unit_test(test_needle_of_random_patterns),
		cmocka_unit_test(test_groups),
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_match_limit),
		cmocka_unit_test(test_runaways),
		cmocka_unit_test(test_re2),
		cmocka_unit_test(test_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
