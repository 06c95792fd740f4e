/* wire: what goes out for what came in, and that it comes back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/base/cleanup.h"
#include "common/data/json_scan.h"
#include "common/data/jsonc.h"
#include "common/data/wire.h"
#include "common/parse/parse.h"
#include "tests/unit/json_gen.h"
#include <errno.h>

#define NOW       INT64_C(1772366400000000000) /* 2026-03-01T12:00:00Z */
#define TIMESTAMP "\"timestamp\":\"2026-03-01T12:00:00.000000000Z\""

static struct arena arena;
static struct buf out = BUF_INIT(1 << 20);
static struct parser *parser;

static const struct wire_labels labels = {
	.service = {"shop", 4}, .host = {"node-1", 6}, .file = {"/var/log/a.log", 14}};

static int setup(void **state)
{
	(void)state;
	arena_init(&arena, 8 << 20);
	return parser_new(SPAN("json"), &parser, NULL);
}

static int teardown(void **state)
{
	(void)state;
	parser_free(parser);
	buf_release(&out);
	arena_release(&arena);
	return 0;
}

/* Parse as JSON, write with the labels; the text is in `out`. */
static void through(struct record *rec, struct span line, const struct wire_labels *with)
{
	arena_reset(&arena);
	buf_reset(&out);
	record_init(rec, &arena, line);
	rec->start = 918273;
	assert_int_equal(parser_line(parser, line, NOW, rec), 0);
	wire_write_record(&out, rec, with);
	assert_int_equal(out.failed, 0);
}

static void assert_out(const char *expected)
{
	assert_string_equal(buf_cstr(&out), expected);
}

#define LOG(more) "\"log\":{\"file\":\"/var/log/a.log\",\"offset\":918273" more "}}\n"

static void canonical_fields_come_first(void **state)
{
	struct record rec;

	(void)state;
	through(&rec,
		SPAN("{\"a\":1 , \"lvl\":\"error\",\"b\":[1, 2],\"c\":\"\\u00e9\",\"msg\":\"x\","
		     "\"time\":\"2026-03-01T12:00:00Z\",\"span_id\":\"0ed904759531985d\"}"),
		&labels);
	assert_out("{" TIMESTAMP ",\"level\":\"ERROR\",\"message\":\"x\",\"service\":\"shop\","
		   "\"host\":\"node-1\",\"span_id\":\"0ed904759531985d\",\"a\":1,\"b\":[1, 2],"
		   "\"c\":\"\\u00e9\"," LOG(""));
}

static void flags_are_said(void **state)
{
	struct record rec;

	(void)state;
	through(&rec, SPAN("{\"level\":\"notice\""), &labels);
	assert_out("{" TIMESTAMP ",\"message\":\"{\\\"level\\\":\\\"notice\\\"\","
		   "\"service\":\"shop\",\"host\":\"node-1\"," LOG(
			   ",\"time_source\":\"observed\",\"parse_error\":true"));
	rec.flags = RECORD_TRUNCATED | RECORD_CONTINUED | RECORD_INVALID_UTF8;
	buf_reset(&out);
	wire_write_record(&out, &rec, NULL);
	assert_non_null(strstr(buf_cstr(&out), "\"log\":{\"invalid_utf8\":true,\"truncated\":true,"
					       "\"continued\":true}}\n"));
}

static void the_step_of_a_level_is_kept(void **state)
{
	struct record rec, back;
	size_t at;

	(void)state;
	through(&rec, SPAN("{\"level\":\"critical\",\"time\":1772366400}"), NULL);
	assert_out("{" TIMESTAMP ",\"level\":\"ERROR\",\"severity\":18,\"message\":\"\"}\n");
	record_init(&back, &arena, SPAN(""));
	assert_int_equal(wire_read_record(span_take(buf_span(&out), out.len - 1), &back, &at), 0);
	assert_int_equal(back.severity, 18);
}

/* The rules of wire.h, one by one. */
static void names_that_clash(void **state)
{
	static const struct {
		const char *line, *expected;
	} cases[] = {
		{"{\"service\":\"own\",\"host\":\"node-1\"}",
		 "\"message\":\"\",\"service\":\"own\",\"host\":\"node-1\"," LOG(
			 ",\"labels\":{\"service\":\"shop\"}")},
		{"{\"service\":{\"name\":\"x\",\"v\":{\"n\":1}},\"z\":1}",
		 "\"message\":\"\",\"service\":\"shop\",\"host\":\"node-1\",\"service.name\":\"x\","
		 "\"service.v.n\":1,\"z\":1," LOG("")},
		{"{\"log\":{\"logger\":\"L\",\"offset\":7}}",
		 "\"message\":\"\",\"service\":\"shop\",\"host\":\"node-1\",\"log.logger\":\"L\","
		 "\"log.own.offset\":7," LOG("")},
		{"{\"log\":5,\"msg\":\"m\"}", "\"message\":\"m\",\"service\":\"shop\","
					      "\"host\":\"node-1\",\"log.own\":5," LOG("")},
		{"{\"log\":null,\"log.file\":\"f\"}",
		 "\"message\":\"\",\"service\":\"shop\",\"host\":\"node-1\",\"log.own.file\":"
		 "\"f\"," LOG("")},
		{"{\"msg\":\"a\",\"message\":{\"k\":1},\"level\":\"?\",\"severity\":\"info\"}",
		 "\"level\":\"INFO\",\"message\":\"a\",\"service\":\"shop\",\"host\":\"node-1\","
		 "\"log.own.message\":{\"k\":1},\"log.own.level\":\"?\"," LOG("")},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct record rec;
		char line[300];

		/* A time, so that log.time_source stays out of it. */
		snprintf(line, sizeof(line), "{\"time\":1772366400,%s", cases[i].line + 1);
		through(&rec, span_cstr(line), &labels);
		if (!strstr(buf_cstr(&out), cases[i].expected))
			fail_msg("%s\n gives %s not %s", line, buf_cstr(&out), cases[i].expected);
	}
}

static void resource_labels_give_way(void **state)
{
	struct wire_labels with = labels;
	struct record rec;

	(void)state;
	with.resource = SPAN("\"env\":\"prod\",\"zone\":\"a\"");
	through(&rec, SPAN("{\"time\":1772366400,\"env\":\"dev\"}"), &with);
	assert_out("{" TIMESTAMP ",\"message\":\"\",\"service\":\"shop\",\"host\":\"node-1\","
		   "\"zone\":\"a\",\"env\":\"dev\"," LOG(",\"labels\":{\"env\":\"prod\"}"));
}

static void changes_of_filters_go_out(void **state)
{
	struct record rec;

	(void)state;
	through(&rec, SPAN("{\"time\":1772366400,\"a\":1,\"b\":2,\"c\":3,\"d\":4}"), NULL);
	record_set(&rec, SPAN("b"), VALUE_STRING, SPAN("\"q\""));
	record_del(&rec, SPAN("c"));
	record_set(&rec, SPAN("e"), VALUE_BOOL, SPAN("true"));
	buf_reset(&out);
	wire_write_record(&out, &rec, NULL);
	assert_out("{" TIMESTAMP
		   ",\"message\":\"\",\"a\":1,\"b\":\"\\\"q\\\"\",\"d\":4,\"e\":true}\n");
}

static void a_line_at_the_cap_of_fields_comes_back(void **state)
{
	struct buf line = BUF_INIT(1 << 20);
	struct record rec, back;
	size_t at;

	(void)state;
	buf_puts(&line, SPAN("{\"log\":{"));
	for (int i = 0; i < 256; i++)
		buf_printf(&line, "%s\"x%d\":%d", i ? "," : "", i, i);
	buf_putc(&line, '}');
	for (int i = 0; i < RECORD_FIELDS_MAX - 1; i++)
		buf_printf(&line, ",\"k%d\":%d", i, i);
	buf_putc(&line, '}');
	through(&rec, buf_span(&line), &labels);
	assert_false(rec.flags & RECORD_PARSE_ERROR);
	record_init(&back, &arena, SPAN(""));
	assert_int_equal(wire_read_record(span_take(buf_span(&out), out.len - 1), &back, &at), 0);
	assert_true(span_eq(record_text(&back, SPAN("log.x255")), SPAN("255")));
	/* One more field in the line, and it keeps its raw text. */
	line.len--;
	buf_puts(&line, SPAN(",\"last\":1}"));
	through(&rec, buf_span(&line), &labels);
	assert_true(rec.flags & RECORD_PARSE_ERROR);
	assert_true(span_eq(record_text(&rec, SPAN("message")), buf_span(&line)));
	buf_release(&line);
}

static int count_leaf(void *ctx, struct span key, enum value_type type, struct span text)
{
	(void)key, (void)type, (void)text;
	++*(int *)ctx;
	return 0;
}

/* Whatever JSON comes in: a line that json-c takes, no key twice, time and flags kept. */
static void anything_survives_the_round_trip(void **state)
{
	struct json_gen gen = {.seed = 77};
	unsigned objects = 0;

	(void)state;
	for (int i = 0; i < 10000; i++) {
		struct span line = json_gen_text(&gen);
		struct record rec, back;
		struct err err;
		size_t at;
		int leaves = 0;

		through(&rec, line, &labels);
		struct span text = span_take(buf_span(&out), out.len - 1);

		assert_int_equal(span_chr(text, '\n'), -1);
		_cleanup_(jsonc_putp) struct json_object *object = NULL;

		assert_int_equal(jsonc_parse(text, &object, &err), 0);
		record_init(&back, &arena, SPAN(""));
		assert_int_equal(wire_read_record(text, &back, &at), 0);
		assert_true(back.time_ns == rec.time_ns);
		assert_int_equal(back.flags, rec.flags);
		assert_int_equal(back.severity, rec.severity);
		assert_true(span_eq(record_text(&back, SPAN("message")),
				    record_text(&rec, SPAN("message"))));
		/* Commas between top-level members: none was written twice. */
		struct json_iter iter;
		struct json_item item;
		unsigned members = 0;

		json_iter_init(&iter, text);
		while (json_iter_next(&iter, &item))
			members++;
		assert_int_equal(members, back.nfields);
		assert_int_equal(json_flatten(text, SPAN(""), &arena, count_leaf, &leaves), 0);
		objects += !(rec.flags & RECORD_PARSE_ERROR);
	}
	assert_true(objects > 1000);
}

static void a_full_buffer_is_said(void **state)
{
	struct buf small = BUF_INIT(50);
	struct record rec;

	(void)state;
	through(&rec, SPAN("{\"a\":1}"), NULL);
	wire_write_record(&small, &rec, NULL);
	assert_int_equal(small.failed, -ENOBUFS);
	buf_release(&small);
}

static void reading_refuses_what_is_no_record(void **state)
{
	struct record rec;
	size_t at;

	(void)state;
	record_init(&rec, &arena, SPAN(""));
	assert_int_equal(wire_read_record(SPAN("[]"), &rec, &at), -EBADMSG);
	assert_int_equal(wire_read_record(SPAN("{\"a\":1"), &rec, &at), -EBADMSG);
	assert_int_equal(at, 6);
	rec.time_ns = 5;
	assert_int_equal(wire_read_record(SPAN("{\"timestamp\":\"junk\"}"), &rec, &at), 0);
	assert_int_equal(rec.time_ns, 5);
	assert_false(rec.fields[0].flags & FIELD_CANONICAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(canonical_fields_come_first),
		cmocka_unit_test(flags_are_said),
		cmocka_unit_test(the_step_of_a_level_is_kept),
		cmocka_unit_test(names_that_clash),
		cmocka_unit_test(resource_labels_give_way),
		cmocka_unit_test(changes_of_filters_go_out),
		cmocka_unit_test(a_line_at_the_cap_of_fields_comes_back),
		cmocka_unit_test(anything_survives_the_round_trip),
		cmocka_unit_test(a_full_buffer_is_said),
		cmocka_unit_test(reading_refuses_what_is_no_record),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
