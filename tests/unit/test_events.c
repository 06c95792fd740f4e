/* Lines to events, whole and cut at every byte. */
#include "common/parse/events.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define OUT_MAX 8192
#define MAX     400

static struct joining joining;
static struct events events;

/* Events as text: each in [], with ~ in front when continued, ! behind when truncated. */
struct output {
	char text[OUT_MAX];
	size_t len;
	size_t end; /* of the last one, in the source */
	unsigned flags;
};

static void use(const char *preset, bool cri)
{
	assert_int_equal(multiline_init(&joining.multiline, span_cstr(preset), NULL), 0);
	joining.cri = cri;
	joining.pause_ns = 1000000000;
}

static void put(struct output *out, struct span text)
{
	assert_true(out->len + text.len < OUT_MAX);
	memcpy(out->text + out->len, text.ptr, text.len);
	out->len += text.len;
	out->text[out->len] = '\0';
}

/* What is there of a source from `from` on; the bytes that were consumed. */
static size_t feed(struct output *out, struct span bytes, size_t from, enum events_flush flush)
{
	struct line event;

	events_begin(&events, &joining, span_skip(bytes, from), MAX, out->flags);
	while (events_next(&events, flush, &event)) {
		assert_true(from + event.start >= out->end && event.end > event.start);
		out->end = from + event.end;
		put(out, event.flags & LINE_CONTINUED ? SPAN("~[") : SPAN("["));
		put(out, event.text);
		put(out, event.flags & LINE_TRUNCATED ? SPAN("]!") : SPAN("]"));
	}
	assert_int_equal(out->end == 0 || out->end <= from + events.lines.at, 1);
	out->flags = events_flags(&events);
	return from + events.lines.at;
}

/* The same whether it comes at once, in two pieces, or byte by byte. */
static void check(const char *source, const char *expected)
{
	struct span bytes = span_cstr(source);

	for (size_t cut = 0; cut <= bytes.len; cut++) {
		struct output out = {.text = ""};
		size_t at = feed(&out, span_take(bytes, cut), 0, EVENTS_HOLD);

		at = feed(&out, bytes, at, EVENTS_FLUSH_ALL);
		assert_string_equal(out.text, expected);
		assert_int_equal(at, bytes.len);
	}
	struct output out = {.text = ""};
	size_t at = 0;

	for (size_t n = 0; n <= bytes.len; n++)
		at = feed(&out, span_take(bytes, n), at, EVENTS_HOLD);
	feed(&out, bytes, at, EVENTS_FLUSH_ALL);
	assert_string_equal(out.text, expected);
}

#define T(ns) "2026-03-01T12:00:00." ns "Z "

static void traces_are_one_event(void **state)
{
	(void)state;
	use("java", true);
	check("ERROR a\njava.io.IOException: x\n\tat b\r\n\tat c\nCaused by: d\nINFO e\n",
	      "[ERROR a\njava.io.IOException: x\n\tat b\n\tat c\nCaused by: d][INFO e]");
	use("python", false);
	check("a\nTraceback (most recent call last):\n  File\n    b\nValueError: c\nd\ne",
	      "[a\nTraceback (most recent call last):\n  File\n    b\nValueError: c][d][e]");
	use("none", true);
	check("a\n\tb\nc", "[a][\tb][c]");
}

static void parts_join_per_stream(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		use(i ? "none" : "auto", true);
		check(T("000000001") "stdout P a\n" T("000000002") "stderr P b\n" T(
			      "000000003") "stdout F c\n" T("000000004") "stderr F d\n",
		      "[" T("000000001") "stdout P a\n" T("000000003") "stdout F c][" T(
			      "000000002") "stderr P b\n" T("000000004") "stderr F d]");
		check(T("000000001") "stdout P a\n" T("000000002") "stderr F b\nplain\n",
		      "[" T("000000001") "stdout P a][" T("000000002") "stderr F b][plain]");
	}
}

static void traces_in_lines_of_a_runtime(void **state)
{
	(void)state;
	use("java", true);
	check(T("000000001") "stderr F a\n" T("000000002") "stdout F x\n" T(
		      "000000003") "stderr F \tat b\n" T("000000004") "stderr F c\n",
	      "[" T("000000001") "stderr F a\n" T("000000003") "stderr F \tat b][" T(
		      "000000002") "stdout F x][" T("000000004") "stderr F c]");
}

/* Not by when it is read, but by its time: the same after a crash. */
static void a_part_that_comes_late_is_a_continuation(void **state)
{
	(void)state;
	use("none", true);
	check("2026-03-01T12:00:00.000000001Z stdout P a\n"
	      "2026-03-01T12:00:01.000000002Z stdout F b\n",
	      "[2026-03-01T12:00:00.000000001Z stdout P a]"
	      "~[2026-03-01T12:00:01.000000002Z stdout F b]");
}

static void a_flush_cuts_and_its_rest_is_marked(void **state)
{
	struct span bytes =
		SPAN("Traceback (most recent call last):\n  File\nValueError: x\nnext\n");
	struct output out = {.text = ""};

	(void)state;
	use("python", true);
	size_t at = feed(&out, span_take(bytes, 47), 0, EVENTS_HOLD);

	assert_int_equal(at, 0);
	assert_true(events.held && !events.cri);
	at = feed(&out, span_take(bytes, 47), at, EVENTS_FLUSH);
	assert_string_equal(out.text, "[Traceback (most recent call last):\n  File]");
	assert_int_equal(at, 42); /* half a line is left */
	assert_true(out.flags >> EVENTS_FLAG_SHIFT);
	feed(&out, bytes, at, EVENTS_FLUSH);
	assert_string_equal(out.text, "[Traceback (most recent call last):\n  File]"
				      "~[ValueError: x][next]");
	assert_int_equal(out.flags >> EVENTS_FLAG_SHIFT, MULTILINE_TEXT); /* of `next` */
}

static void both_streams_cut_by_a_flush(void **state)
{
	struct span first = SPAN(T("000000001") "stdout P a\n" T("000000002") "stderr P b\n");
	char source[400];
	struct output out = {.text = ""};

	(void)state;
	use("none", true);
	size_t at = feed(&out, first, 0, EVENTS_HOLD);

	assert_true(at == 0 && events.held && events.cri);
	at = feed(&out, first, 0, EVENTS_FLUSH);
	assert_int_equal(at, first.len);
	snprintf(source, sizeof(source),
		 "%.*s2026-03-01T12:00:03.000000001Z stderr F d\n"
		 "2026-03-01T12:00:03.000000002Z stdout F c\n"
		 "2026-03-01T12:00:03.000000003Z stdout F e\n",
		 SPAN_FMT(first));
	out.len = 0;
	feed(&out, span_cstr(source), at, EVENTS_HOLD);
	assert_string_equal(out.text, "~[2026-03-01T12:00:03.000000001Z stderr F d]"
				      "~[2026-03-01T12:00:03.000000002Z stdout F c]"
				      "[2026-03-01T12:00:03.000000003Z stdout F e]");
	assert_int_equal(out.flags, 0);
}

/* `n` lines of `width` bytes that join; the events they become. */
static unsigned count_events(unsigned n, unsigned width, unsigned *ret_continued)
{
	struct output out = {.text = ""};
	char *text = malloc((size_t)n * width + 8);
	size_t len = 0, at = 0;
	unsigned count = 0;

	assert_non_null(text);
	for (unsigned i = 0; i < n; i++) {
		memset(text + len, 'a', width - 1);
		text[len] = i ? ' ' : 'a';
		len += width;
		text[len - 1] = '\n';
	}
	*ret_continued = 0;
	while (at < len) {
		struct line event;

		events_begin(&events, &joining, span_of(text + at, len - at), 4000, out.flags);
		while (events_next(&events, EVENTS_FLUSH, &event)) {
			assert_true(event.text.len <= 4000);
			*ret_continued += event.flags & LINE_CONTINUED ? 1 : 0;
			count++;
		}
		assert_true(events.lines.at > 0);
		out.flags = events_flags(&events);
		at += events.lines.at;
	}
	free(text);
	return count;
}

static void limits_cut(void **state)
{
	unsigned continued;

	(void)state;
	use("indent", true);
	assert_int_equal(count_events(2500, 3, &continued), 3); /* by lines */
	assert_int_equal(continued, 2);
	assert_int_equal(count_events(100, 100, &continued), 3); /* by bytes */
	assert_int_equal(continued, 2);
}

static void a_group_without_end_is_cut_before_its_end_is_there(void **state)
{
	struct output out = {.text = ""};
	char text[MAX + 20];

	(void)state;
	use("indent", false);
	memset(text, 'x', sizeof(text));
	memcpy(text, "a\n b\n ", 6);
	assert_int_equal(feed(&out, span_of(text, MAX), 0, EVENTS_HOLD), 0);
	assert_int_equal(feed(&out, span_of(text, MAX + 1), 0, EVENTS_HOLD), 5);
	assert_string_equal(out.text, "[a\n b]");
}

static void undo_gives_back_whole_groups_only(void **state)
{
	struct span bytes = SPAN(T("000000001") "stdout P a\n" T("000000002") "stderr F b\n" T(
		"000000003") "stdout F c\n");
	struct line event;

	(void)state;
	use("none", true);
	events_begin(&events, &joining, bytes, MAX, 0);
	assert_true(events_next(&events, EVENTS_HOLD, &event) && events_rest(&events));
	assert_true(events_undo(&events));
	assert_int_equal(events.lines.at, 0);
	assert_true(events_next(&events, EVENTS_HOLD, &event));
	assert_true(events_next(&events, EVENTS_HOLD, &event));
	assert_false(events_undo(&events));
	assert_int_equal(events.lines.at, bytes.len);
}

static int begin(void **state)
{
	(void)state;
	return events_init(&events, 1 << 20);
}

static int end(void **state)
{
	(void)state;
	events_release(&events);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(traces_are_one_event),
		cmocka_unit_test(parts_join_per_stream),
		cmocka_unit_test(traces_in_lines_of_a_runtime),
		cmocka_unit_test(a_part_that_comes_late_is_a_continuation),
		cmocka_unit_test(a_flush_cuts_and_its_rest_is_marked),
		cmocka_unit_test(both_streams_cut_by_a_flush),
		cmocka_unit_test(limits_cut),
		cmocka_unit_test(a_group_without_end_is_cut_before_its_end_is_there),
		cmocka_unit_test(undo_gives_back_whole_groups_only),
	};

	return cmocka_run_group_tests(tests, begin, end);
}
