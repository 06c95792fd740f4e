/*
 * Formats: the tables of tests/cases/parse, line by line.
 *
 *	# comment
 *	@logfmt               the format from here on; a table begins with auto
 *	the line as a service wrote it
 *	= the record on the wire
 *
 * Time of reading is 2026-03-01T12:00:00Z.  SLUICE_RECORD=1 prints the tables
 * anew in place of comparing, to be read before they are kept.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/base/io.h"
#include "common/data/wire.h"
#include "common/parse/parse.h"
#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>

#define NOW INT64_C(1772366400000000000)

static struct arena arena;
static struct buf out = BUF_INIT(1 << 20);

static void switch_parser(struct parser **parser, struct span format)
{
	struct err err;

	parser_free(*parser);
	*parser = NULL;
	if (parser_new(format, parser, &err) < 0)
		fail_msg("%s", err.text);
}

static void check_line(const char *file, int number, const struct parser *parser, struct span line,
		       struct span expected)
{
	struct record rec;

	arena_reset(&arena);
	buf_reset(&out);
	record_init(&rec, &arena, line);
	assert_int_equal(parser_line(parser, line, NOW, &rec), 0);
	wire_write_record(&out, &rec, NULL);
	assert_int_equal(out.failed, 0);
	if (getenv("SLUICE_RECORD"))
		printf("%.*s\n= %.*s", SPAN_FMT(line), SPAN_FMT(buf_span(&out)));
	else if (!span_eq(expected, span_take(buf_span(&out), out.len - 1)))
		fail_msg("%s:%d: %.*s\n gives %.*s not   %.*s", file, number, SPAN_FMT(line),
			 SPAN_FMT(buf_span(&out)), SPAN_FMT(expected));
}

static void check_table(const char *file)
{
	struct buf text = BUF_INIT(1 << 20);
	struct parser *parser = NULL;
	struct err err;
	int number = 0, lines = 0;

	if (io_read_file(file, &text, &err) < 0)
		fail_msg("%s", err.text);
	switch_parser(&parser, SPAN("auto"));
	for (struct span rest = buf_span(&text), line, expected; span_cut(&rest, '\n', &line);) {
		number++;
		if (span_starts(line, SPAN("# ")) || span_starts(line, SPAN("@"))) {
			if (line.ptr[0] == '@')
				switch_parser(&parser, span_skip(line, 1));
			if (getenv("SLUICE_RECORD"))
				printf("%.*s\n", SPAN_FMT(line));
			continue;
		}
		expected = (struct span){0};
		if (span_starts(rest, SPAN("= "))) {
			span_cut(&rest, '\n', &expected);
			number++;
		}
		check_line(file, number, parser, line, span_skip(expected, 2));
		lines++;
	}
	assert_true(lines > 0);
	parser_free(parser);
	buf_release(&text);
}

static void tables(void **state)
{
	glob_t found;

	(void)state;
	if (glob(getenv("SLUICE_RECORD") ? getenv("SLUICE_RECORD") : "tests/cases/parse/*.txt", 0,
		 NULL, &found))
		fail_msg("no tests/cases/parse/*.txt: run at the top of the tree");
	for (size_t i = 0; i < found.gl_pathc; i++)
		check_table(found.gl_pathv[i]);
	globfree(&found);
}

static struct record parse(const char *format, struct span line)
{
	struct parser *parser = NULL;
	struct record rec;

	switch_parser(&parser, span_cstr(format));
	arena_reset(&arena);
	record_init(&rec, &arena, line);
	assert_int_equal(parser_line(parser, line, NOW, &rec), 0);
	parser_free(parser);
	return rec;
}

static void formats_are_named(void **state)
{
	struct parser *parser = NULL;
	struct err err;

	(void)state;
	assert_int_equal(parser_new(SPAN("jsn"), &parser, &err), -EINVAL);
	assert_non_null(strstr(err.text, "unknown format 'jsn': auto, json, logfmt"));
	assert_null(parser);
	parser_free(NULL);
}

static void invalid_utf8_is_replaced_and_flagged(void **state)
{
	struct record rec;

	(void)state;
	rec = parse("auto", SPAN("bad \xff\xfe byte"));
	assert_true(rec.flags & RECORD_INVALID_UTF8);
	assert_true(span_eq(record_text(&rec, SPAN("message")),
			    SPAN("bad \xef\xbf\xbd\xef\xbf\xbd byte")));
	rec = parse("auto", SPAN("{\"msg\":\"a\xc3\",\"n\":1}"));
	assert_true(rec.flags & RECORD_INVALID_UTF8);
	assert_false(rec.flags & RECORD_PARSE_ERROR);
	assert_true(span_eq(record_text(&rec, SPAN("message")), SPAN("a\xef\xbf\xbd")));
	/* Raw extents are of the repaired text. */
	assert_true(span_eq(span_of(rec.json.ptr + record_get(&rec, SPAN("n"))->raw_off, 5),
			    SPAN("\"n\":1")));
}

static void joined_lines_of_a_container_become_the_services_line(void **state)
{
	struct record rec;

	(void)state;
	rec = parse("auto", SPAN("2026-03-01T12:00:00.000000001Z stdout P {\"level\":\"warn\",\n"
				 "2026-03-01T12:00:00.000000002Z stdout P \"msg\":\"a\n"
				 "2026-03-01T12:00:00.000000003Z stdout F b\"}"));
	assert_int_equal(rec.flags, 0);
	assert_int_equal(rec.severity, 13);
	assert_true(span_eq(record_text(&rec, SPAN("message")), SPAN("ab")));
	rec = parse("auto", SPAN("2026-03-01T12:00:00.000000001Z stderr F java.lang.Error: x\n"
				 "2026-03-01T12:00:00.000000002Z stderr F \tat a.B.c(B.java:1)"));
	assert_true(span_eq(record_text(&rec, SPAN("message")),
			    SPAN("java.lang.Error: x\n\tat a.B.c(B.java:1)")));
	/* A joined trace of plain lines is one message too. */
	rec = parse("auto", SPAN("2026-03-01 12:00:00 ERROR failed\n\tat a.B.c(B.java:1)"));
	assert_true(
		span_eq(record_text(&rec, SPAN("message")), SPAN("failed\n\tat a.B.c(B.java:1)")));
}

static void what_stands_around_a_line_goes(void **state)
{
	struct record rec;

	(void)state;
	rec = parse("auto", SPAN("hello\r"));
	assert_true(span_eq(record_text(&rec, SPAN("message")), SPAN("hello")));
	rec = parse("auto", SPAN("\xef\xbb\xbf{\"msg\":\"x\"}"));
	assert_true(span_eq(record_text(&rec, SPAN("message")), SPAN("x")));
	rec = parse("auto", SPAN("\r"));
	assert_int_equal(record_text(&rec, SPAN("message")).len, 0);
	rec = parse("auto", (struct span){0});
	assert_int_equal(record_text(&rec, SPAN("message")).len, 0);
	rec = parse("plain", span_of("a\0b", 3));
	assert_int_equal(record_text(&rec, SPAN("message")).len, 3);
}

static void a_format_that_was_asked_for_says_when_it_does_not_fit(void **state)
{
	static const char *const formats[] = {"json", "logfmt", "cri", "syslog", "access", "klog"};

	(void)state;
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		struct record rec = parse(formats[i], SPAN("not at all of this shape"));

		assert_true(rec.flags & RECORD_PARSE_ERROR);
		assert_true(rec.flags & RECORD_TIME_OBSERVED);
		assert_true(rec.time_ns == NOW);
		assert_true(span_eq(record_text(&rec, SPAN("message")),
				    SPAN("not at all of this shape")));
	}
}

static void a_used_up_arena_is_said(void **state)
{
	static const char *const lines[] = {
		"{\"msg\":\"\\n\"}",
		"a=1 b=\"\\n\"",
		"plain",
		"<34>1 2026-03-01T12:00:00Z h a - - [i k=\"v\"] x",
		"1.2.3.4 - - [01/Mar/2026:12:00:00 +0000] \"GET / HTTP/1.1\" 200 5 \"-\" \"-\"",
		"bad \xff"};
	struct parser *parser = NULL;

	(void)state;
	switch_parser(&parser, SPAN("auto"));
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		for (size_t budget = 0; budget < 6000; budget += 40) {
			struct arena tiny;
			struct record rec;

			arena_init(&tiny, budget);
			record_init(&rec, &tiny, span_cstr(lines[i]));
			int r = parser_line(parser, rec.line, NOW, &rec);

			assert_true(r == 0 || r == -ENOMEM);
			if (budget > 5000)
				assert_int_equal(r, 0);
			arena_release(&tiny);
		}
	parser_free(parser);
}

static int setup(void **state)
{
	(void)state;
	arena_init(&arena, 8 << 20);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	buf_release(&out);
	arena_release(&arena);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tables),
		cmocka_unit_test(formats_are_named),
		cmocka_unit_test(invalid_utf8_is_replaced_and_flagged),
		cmocka_unit_test(joined_lines_of_a_container_become_the_services_line),
		cmocka_unit_test(what_stands_around_a_line_goes),
		cmocka_unit_test(a_format_that_was_asked_for_says_when_it_does_not_fit),
		cmocka_unit_test(a_used_up_arena_is_said),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
