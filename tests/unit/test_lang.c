/*
 * LogsQL below the filters: words, quotes, tokens, numbers, times, order,
 * suggestions, carets; and limits that no query gets around.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/base/cleanup.h"
#include "common/lang/ast/query.h"

#include "common/lang/find.h"
#include "common/lang/match.h"
#include "common/lang/number.h"
#include "common/lang/quote.h"
#include "common/lang/time_text.h"
#include "common/lang/token.h"
#include "common/lang/words.h"
#include "tests/unit/sanitized.h"
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <time.h>

#define NOW_NS     INT64_C(1714556789123456789)
#define LEN(array) (sizeof(array) / sizeof((array)[0]))

#define assert_span(got, literal)                                                                  \
	do {                                                                                       \
		struct span got_span = (got);                                                      \
		assert_int_equal(got_span.len, sizeof(literal) - 1);                               \
		assert_memory_equal(got_span.ptr, literal, sizeof(literal) - 1);                   \
	} while (0)

static void test_words(void **state)
{
	static const struct {
		struct span text;
		const char *words; /* joined by | */
	} cases[] = {
		{SPAN(""), ""},
		{SPAN(" ,-"), ""},
		{SPAN("user-id=17, Зима_2"), "user|id|17|Зима_2"},
		{SPAN("a"), "a"},
		{SPAN("日本語テスト ok"), "日本語テスト|ok"},
		{SPAN("x\xff\xfey\xc3"), "x|y"},
		{SPAN("٣٤ ½ e\xcc\x81t"), "٣٤|e|t"},
		{SPAN("a\0b"), "a|b"},
	};

	(void)state;
	for (size_t i = 0; i < LEN(cases); i++) {
		struct buf joined = BUF_INIT(1000);
		struct span rest = cases[i].text, word;

		while (token_next(&rest, &word)) {
			if (joined.len)
				buf_putc(&joined, '|');
			buf_puts(&joined, word);
		}
		assert_string_equal(buf_cstr(&joined), cases[i].words);
		buf_release(&joined);
	}
	assert_true(text_ends_with_word(SPAN("- é")));
	assert_false(text_ends_with_word(SPAN("é-")));
	assert_false(text_ends_with_word(SPAN("")));
	assert_false(text_ends_with_word(SPAN("a\xff")));
	assert_true(text_starts_with_word(SPAN("_")));
}

static void test_case_mapping(void **state)
{
	struct buf out = BUF_INIT(100);

	(void)state;
	text_lower(SPAN("ÀÉÎ Ω Ж İ Ǆ ẞ 1\xff"), &out);
	assert_span(buf_span(&out), "àéî ω ж i ǆ ß 1\xff");
	buf_reset(&out);
	text_upper(SPAN("straße ж ÿ ω"), &out);
	assert_span(buf_span(&out), "STRAßE Ж Ÿ Ω");
	buf_release(&out);
}

static void test_quotes(void **state)
{
	static const struct {
		struct span raw, text;
	} good[] = {
		{SPAN("\"a b\"rest"), SPAN("a b")},
		{SPAN("''"), SPAN("")},
		{SPAN("\"\\x00\\n\\t\\\\\\\"\\101\\u00e9\\U0001F600\""), SPAN("\0\n\t\\\"Aé😀")},
		{SPAN("'it\\'s \"x\"'"), SPAN("it's \"x\"")},
		{SPAN("`a\\n\"'b`"), SPAN("a\\n\"'b")},
		{SPAN("'two\nlines'"), SPAN("two\nlines")},
	};
	static const struct span bad[] = {
		SPAN("\"open"),    SPAN("\"\\q\""),  SPAN("\"\\x1\""), SPAN("\"\\ud800\""),
		SPAN("\"\\777\""), SPAN("\"a\nb\""), SPAN("`a"),       SPAN("'\\\"'"),
		SPAN("x"),         SPAN(""),         SPAN("\"\\"),     SPAN("\"\\U00110000\""),
	};
	struct arena arena;
	struct span text;
	size_t len;

	(void)state;
	arena_init(&arena, 1 << 16);
	for (size_t i = 0; i < LEN(good); i++) {
		assert_int_equal(quote_parse(good[i].raw, &arena, &text, &len), 0);
		assert_true(span_eq(text, good[i].text));
		assert_int_equal(quote_len(good[i].raw), len);
	}
	assert_int_equal(quote_len(SPAN("\"a b\"rest")), 5);
	for (size_t i = 0; i < LEN(bad); i++)
		assert_int_equal(quote_parse(bad[i], &arena, &text, &len), -EINVAL);
	arena_release(&arena);
}

static void test_tokens(void **state)
{
	struct arena arena;
	struct lex lex, saved;
	struct span text;
	struct err err;

	(void)state;
	arena_init(&arena, 1 << 16);
	assert_int_equal(
		lex_init(&lex, SPAN("a.b-1/x:y  \"q\\t\" #note\n !~ )"), NOW_NS, &arena, &err), 0);
	assert_int_equal(lex.kind, LEX_WORD);
	assert_true(lex.space);
	saved = lex;
	assert_int_equal(lex_compound(&lex, "a text", ":", &text), 0);
	assert_span(text, "a.b-1/x");
	assert_true(lex_is(&lex, ":"));
	lex = saved;
	assert_int_equal(lex_parse_text(&lex, "a text", &text), 0);
	assert_span(text, "a.b-1/x:y");
	assert_int_equal(lex.kind, LEX_QUOTED);
	assert_false(lex_is(&lex, "q"));
	assert_int_equal(lex.pos, 11);
	assert_int_equal(lex_parse_text(&lex, "a text", &text), 0);
	assert_span(text, "q\t");
	assert_true(lex_is_any(&lex, "= !~"));
	assert_true(lex.space);
	assert_false(lex_accept(&lex, "!"));
	assert_true(lex_accept(&lex, "!~"));
	assert_true(lex_at_pipe_end(&lex));
	assert_false(lex_at_end(&lex));
	lex_next(&lex);
	assert_true(lex_at_end(&lex));
	lex_next(&lex);
	assert_true(lex_at_end(&lex));
	assert_int_equal(lex_parse_text(&lex, "a text", &text), -EINVAL);
	assert_string_equal(err.text, "expected a text, found the end of the query");
	arena_release(&arena);
}

static void test_lists(void **state)
{
	struct arena arena;
	struct lex lex;
	struct span_list list;
	struct err err;
	uint64_t n;
	int64_t ns;
	double number;
	struct span text;

	(void)state;
	arena_init(&arena, 1 << 16);
	lex_init(&lex, SPAN("a, \"b c\"*, * (x, y,) () 5KiB 1h30m 10.0.0.1 z"), NOW_NS, &arena,
		 &err);
	assert_int_equal(lex_parse_field_filters(&lex, &list), 0);
	assert_int_equal(list.len, 3);
	assert_span(list.ptr[1], "b c*");
	assert_span(list.ptr[2], "*");
	assert_int_equal(lex_parse_fields_in_parens(&lex, &list), 0);
	assert_int_equal(list.len, 2);
	assert_int_equal(lex_parse_args(&lex, &list), 0);
	assert_int_equal(list.len, 0);
	assert_int_equal(lex_parse_u64(&lex, "a size", &n), 0);
	assert_int_equal(n, 5120);
	assert_int_equal(lex_parse_duration(&lex, "a time", &ns, &text), 0);
	assert_int_equal(ns, INT64_C(5400000000000));
	assert_int_equal(lex_parse_number(&lex, "a number", &number, &text), 0);
	assert_true(number == 167772161);
	assert_int_equal(lex_parse_u64(&lex, "a limit", &n), -EINVAL);
	assert_string_equal(err.text, "expected a limit, a whole number from 0, found `z`");
	assert_int_equal(err.offset, 44);
	lex_init(&lex, SPAN("a* b"), NOW_NS, &arena, &err);
	assert_int_equal(lex_parse_field(&lex, &text), -EINVAL);
	lex_init(&lex, SPAN("(a b)"), NOW_NS, &arena, &err);
	assert_int_equal(lex_parse_fields_in_parens(&lex, &list), -EINVAL);
	assert_int_equal(err.offset, 3);
	arena_release(&arena);
}

static void test_numbers(void **state)
{
	static const struct {
		struct span text;
		double number;
	} good[] = {
		{SPAN("0"), 0},
		{SPAN("-17"), -17},
		{SPAN("1_000"), 1000},
		{SPAN("0.1"), 0.1},
		{SPAN("-1.50"), -1.5},
		{SPAN("1e3"), 1000},
		{SPAN("2.5E-3"), 0.0025},
		{SPAN("0x1F"), 31},
		{SPAN("-0b101"), -5},
		{SPAN("5KiB"), 5120},
		{SPAN("1.5MB"), 1.5e6},
		{SPAN("2MB100KB"), 2.1e6},
		{SPAN("1h30m"), 5.4e12},
		{SPAN("-250ms"), -2.5e8},
		{SPAN("3µs"), 3000},
		{SPAN("10.0.0.1"), 167772161.0},
		{SPAN("inf"), INFINITY},
		{SPAN("-inf"), -INFINITY},
		{SPAN("1970-01-01T00:00:01Z"), 1e9},
		{SPAN("1970-01-01 00:00:01.5"), 1.5e9},
		{SPAN("0.30000000000000004"), 0.30000000000000004},
		{SPAN("1y"), 3.1536e16},
		{SPAN("+5"), 5},
		{SPAN(".5"), 0.5},
		{SPAN("9007199254740993.5"), 9007199254740994.0},
	};
	static const struct span bad[] = {
		SPAN(""),
		SPAN("-"),
		SPAN("x"),
		SPAN("1x"),
		SPAN("1.2.3"),
		SPAN("10.0.0.256"),
		SPAN("0x"),
		SPAN("nan"),
		SPAN("1h30"),
		SPAN("infinite"),
		SPAN("2024-13-01T00:00:00Z"),
		SPAN("2024-02-30T00:00:00Z"),
		SPAN(" 1"),
		SPAN("1 "),
		SPAN("1K5"),
		SPAN("0x1g"),
		SPAN("--1"),
	};
	double number;

	(void)state;
	for (size_t i = 0; i < LEN(good); i++) {
		if (!lang_number(good[i].text, &number) || number != good[i].number)
			fail_msg("%.*s is %.17g", SPAN_FMT(good[i].text), number);
	}
	for (size_t i = 0; i < LEN(bad); i++)
		if (lang_number(bad[i], &number) && !span_eq(bad[i], SPAN("1K5")))
			fail_msg("`%.*s` is a number: %g", SPAN_FMT(bad[i]), number);
}

static void test_integers(void **state)
{
	uint64_t u;
	int64_t i;

	(void)state;
	assert_true(lang_u64(SPAN("18446744073709551615"), &u) && u == UINT64_MAX);
	assert_false(lang_u64(SPAN("18446744073709551616"), &u));
	assert_false(lang_u64(SPAN("007"), &u));
	assert_false(lang_u64(SPAN("_"), &u));
	assert_true(lang_i64(SPAN("-9223372036854775808"), &i) && i == INT64_MIN);
	assert_false(lang_i64(SPAN("-9223372036854775809"), &i));
	assert_false(lang_i64(SPAN("9223372036854775808"), &i));
	assert_true(lang_unsigned(SPAN("+inf"), &u) && u == UINT64_MAX);
	assert_false(lang_unsigned(SPAN("-1"), &u));
	assert_true(lang_bytes(SPAN("99999999999TB"), &i) && i == INT64_MAX);
	assert_true(lang_duration(SPAN("1d1h1m1s1ms"), &i) && i == INT64_C(90061001000000));
	assert_false(lang_duration(SPAN("5"), &i));
}

static void test_addresses(void **state)
{
	uint8_t six[16];
	uint32_t four;

	(void)state;
	assert_true(lang_ipv4(SPAN("255.255.255.255"), &four) && four == UINT32_MAX);
	assert_false(lang_ipv4(SPAN("1.2.3"), &four));
	assert_false(lang_ipv4(SPAN("1.2.3.4."), &four));
	assert_false(lang_ipv4(SPAN("1..2.3.4"), &four));
	assert_true(lang_ipv6(SPAN("fe80::1%eth0"), six) && six[0] == 0xfe && six[15] == 1);
	assert_true(lang_ipv6(SPAN("1.2.3.4"), six) && six[10] == 0xff && six[15] == 4);
	assert_false(lang_ipv6(SPAN("::1\0"), six));
	assert_false(lang_ipv6(SPAN("1:2"), six));
}

static void test_durations_print(void **state)
{
	static const struct {
		int64_t ns;
		const char *text;
	} cases[] = {
		{0, "0"},
		{1, "1ns"},
		{1500, "1µs500ns"},
		{250000000, "250ms"},
		{INT64_C(5500000000), "5.5s"},
		{INT64_C(5400000000000), "1h30m"},
		{INT64_C(-90061001000000), "-1d1h1m1.001s"},
		{INT64_C(60500000000), "1m500ms"},
		{INT64_MIN, "-15250w1d23h47m16.854775808s"},
	};
	char text[LANG_DURATION_MAX];

	(void)state;
	for (size_t i = 0; i < LEN(cases); i++) {
		size_t n = lang_format_duration(text, cases[i].ns);

		assert_int_equal(n, strlen(cases[i].text));
		assert_memory_equal(text, cases[i].text, n);
	}
}

static void test_order(void **state)
{
	static const struct span ordered[] = {
		SPAN("-5"), SPAN("0x2"), SPAN("3"), SPAN("10"), SPAN("1KiB"), SPAN("5ms"),
	};
	static const struct span natural[] = {
		SPAN(""),       SPAN("5 apples"), SPAN("a"),     SPAN("file2"), SPAN("file02"),
		SPAN("file10"), SPAN("file10b"),  SPAN("fileb"), SPAN("é"),
	};
	static const struct span kinds[] = {
		SPAN(""),
		SPAN("-3"),
		SPAN("0.5"),
		SPAN("11"),
		SPAN("2024-05-01T00:00:00Z"),
		SPAN("1.2.3.9"),
		SPAN("1.2.3.10"),
		SPAN("007x"),
		SPAN("10a"),
		SPAN("v1.9"),
		SPAN("v1.10"),
	};

	(void)state;
	for (size_t i = 0; i < LEN(ordered); i++)
		for (size_t j = 0; j < LEN(ordered); j++)
			assert_int_equal(lang_compare(ordered[i], ordered[j]) < 0, i < j);
	for (size_t i = 0; i < LEN(natural); i++)
		for (size_t j = 0; j < LEN(natural); j++)
			assert_int_equal(lang_compare(natural[i], natural[j]) < 0, i < j);
	assert_true(lang_compare(SPAN("2024-05-01T00:00:00Z"), SPAN("2024-05-01T00:00:00.1Z")) < 0);
	assert_int_equal(lang_compare(SPAN("1.0"), SPAN("1")), 0);
	/* One order of all kinds. */
	for (size_t i = 0; i < LEN(kinds); i++)
		for (size_t j = 0; j < LEN(kinds); j++)
			assert_int_equal(lang_compare(kinds[i], kinds[j]) < 0, i < j);
	/* Too large for 64 bits: by bytes. */
	assert_true(lang_compare(SPAN("x18446744073709551617"), SPAN("x28446744073709551617")) < 0);
}

static void test_nearest(void **state)
{
	(void)state;
	assert_span(words_nearest(words_pipes, SPAN("lmit")), "limit");
	assert_span(words_nearest(words_pipes, SPAN("STAST")), "stats");
	assert_span(words_nearest(words_stats, SPAN("cuont")), "count");
	assert_span(words_nearest(words_filters, SPAN("contain_any")), "contains_any");
	assert_int_equal(words_nearest(words_pipes, SPAN("zzzzz")).len, 0);
	assert_int_equal(words_nearest(words_pipes, SPAN("")).len, 0);
	assert_false(words_have(words_filters, SPAN("rang")));
}

static void expect_error(struct span query, unsigned width, const char *shown)
{
	struct buf out = BUF_INIT(1 << 16);
	struct query *parsed;
	struct err err;

	assert_int_equal(query_parse(query, NOW_NS, NULL, &parsed, &err), -EINVAL);
	lex_print_error(&out, query, &err, width);
	assert_string_equal(buf_cstr(&out), shown);
	buf_release(&out);
}

static void test_carets(void **state)
{
	(void)state;
	expect_error(SPAN("a (b"), 0,
		     "a (b\n"
		     "    ^ expected `)` for the `(` at byte 2, found the end of the query\n");
	/* Two bytes are one column, Chinese takes two, a tab one. */
	expect_error(
		SPAN("é\t日本 x:="), 0,
		"é 日本 x:=\n"
		"          ^ expected the value to compare with, found the end of the query\n");
	/* The line that it is in. */
	expect_error(SPAN("error\nlevel:in(a b)\nhost:c"), 0,
		     "level:in(a b)\n"
		     "           ^ expected `,` or `)` in the list of values, found `b`\n");
	/* Cut around the caret. */
	expect_error(
		SPAN("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa b:! cccccccccccccccccc |"),
		20,
		"…cccccccccccccc |\n"
		"                ^\n"
		"only filters can stand here, no pipes, found `|`\n");
}

static void test_limits(void **state)
{
	struct buf text = BUF_INIT(2 << 20);
	struct query *query;
	struct err err;

	(void)state;
	/* Deep: refused, not crashed; at the limit it parses. */
	for (int i = 0; i < 100000; i++)
		buf_putc(&text, i % 2 ? '!' : '(');
	assert_int_equal(query_parse(buf_span(&text), NOW_NS, NULL, &query, &err), -E2BIG);
	assert_int_equal(err.offset, QUERY_DEPTH_MAX);
	buf_reset(&text);
	for (int i = 0; i < QUERY_DEPTH_MAX - 1; i++)
		buf_putc(&text, '(');
	buf_putc(&text, 'a');
	for (int i = 0; i < QUERY_DEPTH_MAX - 1; i++)
		buf_putc(&text, ')');
	assert_int_equal(query_parse(buf_span(&text), NOW_NS, NULL, &query, &err), 0);
	query_free(query);
	/* So many regular expressions and no more. */
	for (int over = 0; over < 2; over++) {
		buf_reset(&text);
		for (int i = 0; i < QUERY_REGEX_MAX + over; i++)
			buf_puts(&text, SPAN("~a "));
		assert_int_equal(query_parse(buf_span(&text), NOW_NS, NULL, &query, &err),
				 over ? -EINVAL : 0);
		if (!over)
			query_free(query);
	}
	assert_non_null(strstr(err.text, "10000 regular expressions"));
	/* Sub-queries in each other. */
	buf_reset(&text);
	for (int i = 0; i < 100000; i++)
		buf_puts(&text, SPAN("in("));
	assert_true(query_parse(buf_span(&text), NOW_NS, NULL, &query, &err) < 0);
	/* Long. */
	buf_reset(&text);
	for (int i = 0; i < QUERY_TEXT_MAX / 2; i++)
		buf_puts(&text, SPAN("a "));
	assert_int_equal(query_parse(buf_span(&text), NOW_NS, NULL, &query, &err), 0);
	assert_int_equal(query->filter->nkids, QUERY_TEXT_MAX / 2);
	query_free(query);
	buf_putc(&text, 'a');
	assert_int_equal(query_parse(buf_span(&text), NOW_NS, NULL, &query, &err), -E2BIG);
	buf_release(&text);
}

/* The thread sanitizer takes 600 times as long for it. */
#define LONG_TEXT (THREAD_SANITIZED ? 1 << 13 : 1 << 20)

/* Texts that make a naive matcher go over them once for each of their bytes. */
static void test_long_values(void **state)
{
	static const char *const queries[] = {
		"pattern_match(\"a<UUID>\")",
		"pattern_match_suffix(\"<W>-\")",
		"i(AAAB)",
		"aaab",
		"seq(a, a, a)",
		"\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!a\"",
		"~\"a+b\"",
		"*aab*",
		"_msg:>5",
	};
	struct buf text = BUF_INIT(4 << 20);
	struct query *query;
	struct err err;

	(void)state;
	for (int i = 0; i < LONG_TEXT; i++)
		buf_putc(&text, 'a');
	for (size_t i = 0; i < LEN(queries); i++) {
		assert_int_equal(query_parse(span_cstr(queries[i]), NOW_NS, NULL, &query, &err), 0);
		assert_false(filter_match_text(query->filter, buf_span(&text)));
		query_free(query);
	}
	buf_release(&text);
}

/* Against the naive search, on texts of few letters, at each alignment and length. */
static void test_find(void **state)
{
	char text[80], piece[20], folded[80];
	unsigned seed = 1;

	(void)state;
	for (int round = 0; round < 200000; round++) {
		size_t len = (size_t)rand_r(&seed) % sizeof(text);
		size_t n = (size_t)rand_r(&seed) % sizeof(piece);

		for (size_t i = 0; i < len; i++) {
			text[i] = "abAB"[rand_r(&seed) % 4];
			folded[i] = (char)(text[i] | 0x20);
		}
		for (size_t i = 0; i < n; i++)
			piece[i] = "ab"[rand_r(&seed) % 2];
		struct span pattern = span_of(piece, n);

		assert_int_equal(text_find(span_of(text, len), pattern),
				 span_find(span_of(text, len), pattern));
		assert_int_equal(text_find_fold(span_of(text, len), pattern),
				 span_find(span_of(folded, len), pattern));
	}
	assert_true(text_is_ascii(SPAN("0123456789\x7f")));
	assert_false(text_is_ascii(SPAN("0123456789\x80")));
	assert_false(text_is_ascii(SPAN("é0123456789")));
	assert_int_equal(text_find_fold(SPAN("a@[`{B"), SPAN("`{b")), 3);
	assert_int_equal(text_find_fold(SPAN("a@[B"), SPAN("`{b")), -1);
}

struct time_case {
	const char *query;
	int64_t min, max;
};

static void check_time_ranges(const struct time_case *cases, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct query *query;
		struct err err;
		int64_t min, max;

		if (query_parse(span_cstr(cases[i].query), NOW_NS, NULL, &query, &err) < 0)
			fail_msg("%s: %s", cases[i].query, err.text);
		query_time_range(query, &min, &max);
		if (min != cases[i].min || max != cases[i].max)
			fail_msg("%s: %lld %lld", cases[i].query, (long long)min, (long long)max);
		query_free(query);
	}
}

static void test_time_range(void **state)
{
	static const struct time_case cases[] = {
		{"*", INT64_MIN, INT64_MAX},
		{"_time:1s x", NOW_NS - 999999999, NOW_NS},
		{"x (_time:>2024 _time:<=2024-01-01)", INT64_C(1704067200000000001),
		 INT64_C(1704153599999999999)},
		{"_time:1s or x", INT64_MIN, INT64_MAX},
		{"!_time:1s", INT64_MIN, INT64_MAX},
		{"options(global_filter=(_time:1s)) x", NOW_NS - 999999999, NOW_NS},
		{"_time:offset 1s", INT64_MIN, NOW_NS - 1000000000},
		{"_time:9999999w", NOW_NS - INT64_MAX + 1, NOW_NS},
		{"options(time_offset=1s) _time:1s", NOW_NS - 1999999999, NOW_NS - 1000000000},
	};

	(void)state;
	check_time_ranges(cases, LEN(cases));
}

/* A time without a zone is one of this host, where March and October are an hour short and long. */
static void test_local_time_range(void **state)
{
#define S(seconds) (INT64_C(seconds) * 1000000000)
	static const struct time_case cases[] = {
		{"_time:2024", S(1704063600), S(1735686000) - 1},
		{"_time:2024-03", S(1709247600), S(1711922400) - 1},
		{"_time:2024-03-31", S(1711839600), S(1711922400) - 1},
		{"_time:2024-10-27", S(1729980000), S(1730070000) - 1},
		{"_time:2024-07-01T10:30", S(1719822600), S(1719822660) - 1},
		{"_time:2024-07-01T10:30Z", S(1719829800), S(1719829860) - 1},
		{"_time:2024-07+02:00", S(1719784800), S(1722463200) - 1},
		{"_time:[2024-07-01, 2024-07-02)", S(1719784800), S(1719871200) - 1},
		{"_time:>=2024-07-01", S(1719784800), INT64_MAX},
	};
	const char *zone = getenv("TZ");
	char *saved = zone ? strdup(zone) : NULL;

	(void)state;
	setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1);
	tzset();
	check_time_ranges(cases, LEN(cases));
	if (saved)
		setenv("TZ", saved, 1);
	else
		unsetenv("TZ");
	tzset();
	free(saved);
}

static uint32_t next_random(uint32_t *state)
{
	return *state = *state * 1664525 + 1013904223;
}

/* A few words, signs and broken bytes. */
static struct span random_text(struct arena *arena, uint32_t *state, size_t pieces)
{
	static const char *const texts[] = {"a", "b", "ab",   " ",    "-", "é",
					    "_", "1", "\xc3", "\xa9", "."};
	struct buf text = BUF_INIT(1000);

	for (size_t n = (next_random(state) >> 16) % pieces; n; n--)
		buf_puts(&text, span_cstr(texts[(next_random(state) >> 16) % LEN(texts)]));
	struct span copy = arena_dup(arena, buf_span(&text));

	buf_release(&text);
	return copy;
}

/* A long list is looked up, a short one gone through: the answers are the same. */
static void test_long_lists(void **state)
{
	struct span values[100];
	struct arena arena;
	struct query *many, *one;
	uint32_t seed = 1;
	int found = 0;

	(void)state;
	arena_init(&arena, 1 << 20);
	for (int round = 0; round < 1000; round++) {
		struct span text = random_text(&arena, &seed, 12);
		size_t n = 17 + (next_random(&seed) >> 16) % 80;
		bool expected = false;

		assert_int_equal(query_parse(SPAN("contains_any(x, y)"), 0, NULL, &many, NULL), 0);
		assert_int_equal(query_parse(SPAN("contains_any(x, y)"), 0, NULL, &one, NULL), 0);
		for (size_t i = 0; i < n; i++) {
			do
				values[i] = random_text(&arena, &seed, 7);
			while (values[i].len < 2);
			assert_int_equal(filter_set_values(one, one->filter, &values[i], 1), 0);
			expected |= filter_match_text(one->filter, text);
		}
		assert_int_equal(filter_set_values(many, many->filter, values, n), 0);
		if (filter_match_text(many->filter, text) != expected)
			fail_msg("%.*s: %d", SPAN_FMT(text), expected);
		found += expected;
		query_free(many);
		query_free(one);
		arena_reset(&arena);
	}
	assert_in_range(found, 100, 900);
	arena_release(&arena);
}

static int collect_field(void *ctx, struct span field, bool wild)
{
	buf_puts(ctx, field);
	buf_puts(ctx, wild ? SPAN("* ") : SPAN(" "));
	return 0;
}

static void test_fields(void **state)
{
	struct buf fields = BUF_INIT(1000);
	struct query *query;
	struct err err;

	(void)state;
	assert_int_equal(query_parse(SPAN("a b:c !(d*:e or f:eq_field(g)) {h=i} _time:5m x:in(*)"),
				     NOW_NS, NULL, &query, &err),
			 0);
	assert_int_equal(filter_fields(query->filter, collect_field, &fields), 0);
	assert_string_equal(buf_cstr(&fields), "_msg b d* f g _stream _time ");
	query_free(query);
	buf_release(&fields);
}

static void test_record(void **state)
{
	static const struct {
		const char *query;
		bool matches;
	} cases[] = {
		{"\"card declined\"", true}, {"code:error", true},
		{"http.status:>=500", true}, {"http.status:<500", false},
		{"_time:2024", true},        {"_time:<1s", false},
		{"{service=\"pay\"}", true}, {"{service!=\"pay\"}", false},
		{"note:\"\"", true},         {"*:declined", true},
		{"ser*:pay", true},          {"missing:*", false},
	};
	struct arena arena;
	struct record record;

	(void)state;
	arena_init(&arena, 1 << 16);
	record_init(&record, &arena, (struct span){0});
	record.time_ns = NOW_NS - INT64_C(3600000000000);
	record_set(&record, SPAN("message"), VALUE_STRING, SPAN("card declined"));
	record_set(&record, SPAN("code"), VALUE_STRING, SPAN("error"));
	record_set(&record, SPAN("service"), VALUE_STRING, SPAN("pay"));
	record_set(&record, SPAN("note"), VALUE_NULL, SPAN("null"));
	record_set(&record, SPAN("http"), VALUE_JSON, SPAN("{\"status\":503}"));
	for (size_t i = 0; i < LEN(cases); i++) {
		struct query *query;
		struct err err;

		if (query_parse(span_cstr(cases[i].query), NOW_NS, NULL, &query, &err) < 0)
			fail_msg("%s: %s", cases[i].query, err.text);
		if (filter_match_record(query->filter, &record) != cases[i].matches)
			fail_msg("%s", cases[i].query);
		query_free(query);
	}
	arena_release(&arena);
}

static void test_value_types(void **state)
{
	static const struct span bytes[] = {SPAN("1"), SPAN("2"), SPAN("3"), SPAN("4"),  SPAN("5"),
					    SPAN("6"), SPAN("7"), SPAN("8"), SPAN("255")};
	struct span values[9];

	(void)state;
	memcpy(values, bytes, sizeof(bytes));
	assert_span(value_type_of(values, 9), "uint8");
	values[8] = SPAN("256");
	assert_span(value_type_of(values, 9), "uint16");
	values[8] = SPAN("-1");
	assert_span(value_type_of(values, 9), "int64");
	values[8] = SPAN("0.5");
	assert_span(value_type_of(values, 9), "float64");
	values[8] = SPAN("x");
	assert_span(value_type_of(values, 9), "string");
	values[8] = values[7];
	assert_span(value_type_of(values, 9), "dict");
	assert_span(value_type_of(values + 7, 2), "const");
	assert_int_equal(value_type_of(values, 0).len, 0);
	assert_span(value_type_alone(SPAN("10.0.0.1")), "ipv4");
	assert_span(value_type_alone(SPAN("2024-05-01T00:00:00.000Z")), "iso8601");
}

static void test_set_values(void **state)
{
	const struct span values[] = {SPAN("b"), SPAN("a"), SPAN("b")};
	struct query *query;
	struct err err;

	(void)state;
	assert_int_equal(query_parse(SPAN("x:in(z)"), NOW_NS, NULL, &query, &err), 0);
	assert_int_equal(filter_set_values(query, query->filter, values, 3), 0);
	assert_int_equal(query->filter->values.len, 2);
	assert_true(filter_match_text(query->filter, SPAN("b")));
	assert_false(filter_match_text(query->filter, SPAN("z")));
	query_free(query);
	query_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_case_mapping),
		cmocka_unit_test(test_quotes),
		cmocka_unit_test(test_tokens),
		cmocka_unit_test(test_lists),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_integers),
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_durations_print),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_nearest),
		cmocka_unit_test(test_carets),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_long_values),
		cmocka_unit_test(test_find),
		cmocka_unit_test(test_time_range),
		cmocka_unit_test(test_local_time_range),
		cmocka_unit_test(test_long_lists),
		cmocka_unit_test(test_fields),
		cmocka_unit_test(test_record),
		cmocka_unit_test(test_value_types),
		cmocka_unit_test(test_set_values),
	};

	return cmocka_run_group_tests_name("lang", tests, NULL, NULL);
}
