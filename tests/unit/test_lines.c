/* Bytes to lines, whole and cut at every byte. */
#include "common/parse/lines.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#define OUT_MAX 4096

/* Lines as text: each in [], with ~ in front when continued, ! behind when truncated. */
struct output {
	char text[OUT_MAX];
	size_t len;
	size_t covered; /* bytes of all lines */
};

static void put(struct output *out, const char *bytes, size_t n)
{
	assert_true(out->len + n < OUT_MAX);
	memcpy(out->text + out->len, bytes, n);
	out->len += n;
	out->text[out->len] = '\0';
}

static void put_line(struct output *out, const struct line *line)
{
	if (line->flags & LINE_CONTINUED)
		put(out, "~", 1);
	put(out, "[", 1);
	put(out, line->text.ptr, line->text.len);
	put(out, "]", 1);
	if (line->flags & LINE_TRUNCATED)
		put(out, "!", 1);
	assert_true(line->end > line->start);
	assert_true(line->end - line->start >= line->text.len);
	out->covered += line->end - line->start;
}

/* Feed `bytes` as a tail does: what is not consumed comes again, with more behind it. */
static struct output feed(struct span bytes, size_t max, const size_t *cuts, size_t ncuts,
			  bool flush)
{
	struct output out = {.len = 0};
	unsigned flags = 0;
	size_t from = 0;

	for (size_t i = 0; i <= ncuts; i++) {
		size_t to = i < ncuts ? cuts[i] : bytes.len;
		struct lines lines;
		struct line line;

		lines_init(&lines, span_take(span_skip(bytes, from), to - from), max, flags);
		lines.at_zero = from == 0;
		while (lines_next(&lines, flush && i == ncuts, &line)) {
			assert_true(line.end <= lines.at);
			put_line(&out, &line);
		}
		from += lines.at;
		flags = lines.flags;
	}
	return out;
}

static void expect(struct span bytes, size_t max, bool flush, const char *want)
{
	struct output whole = feed(bytes, max, NULL, 0, flush);

	assert_string_equal(whole.text, want);
	for (size_t i = 0; i <= bytes.len; i++) {
		struct output split = feed(bytes, max, &i, 1, flush);

		assert_string_equal(split.text, want);
		assert_int_equal(split.covered, whole.covered);
		for (size_t j = i; j <= bytes.len; j++)
			assert_string_equal(feed(bytes, max, (size_t[]){i, j}, 2, flush).text,
					    want);
	}
}

static void test_plain_lines(void **state)
{
	(void)state;
	expect(SPAN("one\ntwo\n"), 100, false, "[one][two]");
	expect(SPAN("\n\na\n"), 100, false, "[][][a]");
	expect(SPAN("one\nhalf"), 100, false, "[one]");
	expect(SPAN("one\nhalf"), 100, true, "[one][half]");
	expect(SPAN(""), 100, true, "");
}

static void test_carriage_returns(void **state)
{
	(void)state;
	expect(SPAN("one\r\ntwo\r\n\r\n"), 100, false, "[one][two][]");
	expect(SPAN("a\rb\n"), 100, false, "[a\rb]");
}

static void test_utf8_is_not_cut(void **state)
{
	(void)state;
	expect(SPAN("p\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\n"), 100, false,
	       "[p\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80]");
	expect(SPAN("ab\xe2\x82\xac long\nx\n"), 4, false, "[ab]![x]");
	expect(SPAN("ab\xe2\x82\xac long\nx\n"), 5, false, "[ab\xe2\x82\xac]![x]");
}

static void test_bom_is_not_text_at_the_start_only(void **state)
{
	(void)state;
	expect(SPAN("\xef\xbb\xbfone\n\xef\xbb\xbftwo\n"), 100, false, "[one][\xef\xbb\xbftwo]");
	expect(SPAN("\xef\xbb\xbf"), 100, true, "");
	expect(SPAN("\xef\xbb\xbf\0\0one\n"), 100, false, "[one]");
}

static void test_a_long_line_is_cut_and_its_rest_goes_by(void **state)
{
	(void)state;
	expect(SPAN("aaaaaaaaaa\nbb\n"), 4, false, "[aaaa]![bb]");
	expect(SPAN("aaaaaaaaaa"), 4, false, "[aaaa]!");
	expect(SPAN("aaaa\nbbbbb\ncccc\n"), 4, false, "[aaaa][bbbb]![cccc]");
}

static void test_holes_before_a_line_are_not_text(void **state)
{
	(void)state;
	expect(SPAN("\0\0\0abc\nx\0y\n"), 100, false, "[abc][x");
	/* NULs up to the end may be filled in later: they stay. */
	struct lines lines;
	struct line line;

	lines_init(&lines, SPAN("\0\0\0"), 100, 0);
	assert_false(lines_next(&lines, true, &line));
	assert_int_equal(lines.at, 0);
	lines_init(&lines, SPAN("\0\0\0"), 2, 0);
	assert_false(lines_next(&lines, true, &line));
	assert_int_equal(lines.at, 3);
}

static void test_flushed_half_is_continued(void **state)
{
	struct lines lines;
	struct line line;
	(void)state;

	lines_init(&lines, SPAN("half"), 100, 0);
	assert_true(lines_next(&lines, true, &line));
	assert_int_equal(line.flags, 0);
	assert_int_equal(lines.flags, LINES_CONTINUED);

	unsigned flags = lines.flags;

	lines_init(&lines, SPAN(" of it\nnext\n"), 100, flags);
	assert_true(lines_next(&lines, false, &line));
	assert_int_equal(line.flags, LINE_CONTINUED);
	assert_true(span_eq(line.text, SPAN(" of it")));
	assert_true(lines_next(&lines, false, &line));
	assert_int_equal(line.flags, 0);

	/* Only its newline was missing: no record of nothing. */
	lines_init(&lines, SPAN("\r\nnext\n"), 100, flags);
	assert_true(lines_next(&lines, false, &line));
	assert_int_equal(line.flags, 0);
	assert_true(span_eq(line.text, SPAN("next")));
}

static void test_random_bytes_are_all_accounted_for(void **state)
{
	unsigned seed = 7;
	(void)state;

	for (int round = 0; round < 3000; round++) {
		char bytes[64];
		size_t n = (size_t)rand_r(&seed) % sizeof(bytes), end = 0;
		struct lines lines;
		struct line line;

		for (size_t i = 0; i < n; i++)
			bytes[i] = "ab\n\r\0\xc3\xa4z"[rand_r(&seed) % 8];
		lines_init(&lines, span_of(bytes, n), 5, 0);
		while (lines_next(&lines, true, &line)) {
			assert_true(line.start >= end);
			assert_true(line.text.len <= 5);
			end = line.end;
		}
		assert_true(lines.at <= n);
		/* What is left can only be NULs that wait for text. */
		for (size_t i = lines.at; i < n; i++)
			assert_int_equal(bytes[i], 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain_lines),
		cmocka_unit_test(test_carriage_returns),
		cmocka_unit_test(test_utf8_is_not_cut),
		cmocka_unit_test(test_bom_is_not_text_at_the_start_only),
		cmocka_unit_test(test_a_long_line_is_cut_and_its_rest_goes_by),
		cmocka_unit_test(test_holes_before_a_line_are_not_text),
		cmocka_unit_test(test_flushed_half_is_continued),
		cmocka_unit_test(test_random_bytes_are_all_accounted_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
