/* json_scan, json_write, jsonc: the cases that matter one by one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/data/json_scan.h"
#include "common/data/json_write.h"
#include "common/data/jsonc.h"
#include <errno.h>

static struct arena arena;

static int setup(void **state)
{
	(void)state;
	arena_init(&arena, 4 << 20);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	arena_release(&arena);
	return 0;
}

static int scan(struct span text, struct record *rec, size_t *ret_at)
{
	record_init(rec, &arena, text);
	return json_scan_record(text, rec, ret_at);
}

/* offset of the first error; -1: must be accepted */
static const struct {
	struct span text;
	int at;
} validity[] = {
#define CASE(literal, at)                                                                          \
	{                                                                                          \
		{literal, sizeof(literal) - 1}, at                                                 \
	}
	CASE("{}", -1),
	CASE(" \t\r\n[ ] ", -1),
	CASE("\"\\ud83d\\ude00\"", -1),
	CASE("\"\\ud83d\"", -1), /* half a pair is U+FFFD */
	CASE("-0.0e-0", -1),
	CASE("", 0),
	CASE(" ", 1),
	CASE("{", 1),
	CASE("[1,]", 3),
	CASE("{\"a\":1,}", 7),
	CASE("{,}", 1),
	CASE("[,]", 1),
	CASE("{\"a\" 1}", 5),
	CASE("{a:1}", 1),
	CASE("{\"a\":1{\"b\":2}}", 6),
	CASE("{\"a\":1,{}}", 7),
	CASE("[1}", 2),
	CASE("{\"a\":[1}}", 7),
	CASE("{}x", 2),
	CASE("{}\0", 2),
	CASE("\"\0\"", 1),
	CASE("\"a\nb\"", 2),
	CASE("\"\\x\"", 2),
	CASE("\"\\u12g4\"", 5),
	CASE("\"\\u12", 5),
	CASE("\"\\", 2),
	CASE("\"abc", 4),
	CASE("\"\xff\"", 1),
	CASE("\"0123456789abcdef\xc3\"", 17),
	CASE("\"a\xed\xa0\x80\"", 2),
	CASE("\"\xff\n", 1), /* the first of two errors */
	CASE("01", 1),
	CASE("-", 1),
	CASE("+1", 0),
	CASE(".5", 0),
	CASE("1.", 2),
	CASE("1e", 2),
	CASE("1e+", 3),
	CASE("NaN", 0),
	CASE("-Infinity", 1),
	CASE("nul", 3),
	CASE("True", 0),
	CASE("trueish", 4),
	CASE("'a'", 0),
	CASE("[1 2]", 3),
	CASE("/**/1", 0),
#undef CASE
};

static void errors_are_at_their_byte(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(validity) / sizeof(validity[0]); i++) {
		size_t at = 777;
		int r = json_validate(validity[i].text, &at);

		if (validity[i].at < 0 ? r != 0 : r != -EBADMSG || at != (size_t)validity[i].at)
			fail_msg("%.*s: %d at %zu, not %d", SPAN_FMT(validity[i].text), r, at,
				 validity[i].at);
	}
}

static void depth_is_64(void **state)
{
	char text[200];
	struct record rec;
	size_t at;

	(void)state;
	for (size_t depth = 63; depth <= 66; depth++) {
		memset(text, '[', depth);
		memset(text + depth, ']', depth);
		assert_int_equal(json_validate(span_of(text, 2 * depth), &at),
				 depth <= 64 ? 0 : -E2BIG);
		/* A record's own braces are the first level. */
		char object[300] = "{\"a\":";

		memcpy(object + 5, text, 2 * depth);
		object[5 + 2 * depth] = '}';
		assert_int_equal(scan(span_of(object, 6 + 2 * depth), &rec, &at),
				 depth <= 63 ? 0 : -E2BIG);
	}
}

static void fields_borrow_and_know_their_bytes(void **state)
{
	struct span line =
		SPAN(" {\"a\" : \"x\", \"n\":-1.50,\"o\":{\"k\":[1]} ,\"e\":\"\\u00e9\\n\"} ");
	struct record rec;
	size_t at;

	(void)state;
	assert_int_equal(scan(line, &rec, &at), 0);
	assert_int_equal(rec.nfields, 4);
	assert_true(span_eq(rec.fields[0].text, SPAN("x")));
	assert_true(rec.fields[0].text.ptr > line.ptr &&
		    rec.fields[0].text.ptr < line.ptr + line.len);
	assert_int_equal(rec.fields[1].type, VALUE_NUMBER);
	assert_true(span_eq(rec.fields[1].text, SPAN("-1.50")));
	assert_int_equal(rec.fields[2].type, VALUE_JSON);
	assert_true(span_eq(rec.fields[3].text, SPAN("\xc3\xa9\n")));
	assert_true(span_eq(span_of(line.ptr + rec.fields[0].raw_off, rec.fields[0].raw_len),
			    SPAN("\"a\" : \"x\"")));
	assert_true(span_eq(rec.json, line));
}

static void the_last_of_duplicate_keys_wins(void **state)
{
	struct record rec;
	size_t at;

	(void)state;
	assert_int_equal(scan(SPAN("{\"a\":1,\"b\":2,\"\\u0061\":3,\"\":4,\"\":5}"), &rec, &at), 0);
	assert_int_equal(rec.nfields, 3);
	assert_true(span_eq(record_text(&rec, SPAN("a")), SPAN("3")));
	assert_true(span_eq(record_text(&rec, SPAN("")), SPAN("5")));
}

static void failure_leaves_the_fields_alone(void **state)
{
	struct record rec;
	size_t at;

	(void)state;
	record_init(&rec, &arena, SPAN(""));
	assert_int_equal(record_add(&rec, (struct field){.key = SPAN("k"), .text = SPAN("v")}), 0);
	assert_int_equal(json_scan_record(SPAN("{\"a\":1,\"b\":}"), &rec, &at), -EBADMSG);
	assert_int_equal(at, 11);
	assert_int_equal(rec.nfields, 1);
	assert_int_equal(json_scan_record(SPAN("[1]"), &rec, &at), -EBADMSG);
	assert_int_equal(at, 0);
	assert_int_equal(json_scan_record((struct span){0}, &rec, &at), -EBADMSG);
}

static void too_many_fields_are_refused(void **state)
{
	struct buf text = BUF_INIT(1 << 20);
	struct record rec;
	size_t at;

	(void)state;
	buf_putc(&text, '{');
	for (int i = 0; i < RECORD_FIELDS_HARD + 1; i++)
		buf_printf(&text, "%s\"k%d\":%d", i ? "," : "", i, i);
	buf_putc(&text, '}');
	arena_reset(&arena);
	assert_int_equal(scan(buf_span(&text), &rec, &at), -E2BIG);
	assert_int_equal(rec.nfields, 0);
	buf_release(&text);
}

static void a_small_arena_is_said(void **state)
{
	struct arena tiny;
	struct record rec;
	size_t at;

	(void)state;
	arena_init(&tiny, 64);
	record_init(&rec, &tiny, SPAN(""));
	assert_int_equal(json_scan_record(SPAN("{\"a\":1}"), &rec, &at), -ENOMEM);
	arena_release(&tiny);
}

/* In raw text a line feed would end the record on the wire. */
static void line_feeds_between_tokens_become_spaces(void **state)
{
	struct record rec;
	size_t at;

	(void)state;
	assert_int_equal(scan(SPAN("{\n\"a\":\n[1,\n2],\n\"b\":\"\\n\"}\n"), &rec, &at), 0);
	assert_true(span_eq(rec.fields[0].text, SPAN("[1, 2]")));
	assert_true(span_eq(rec.fields[1].text, SPAN("\n")));
	assert_int_equal(span_chr(rec.json, '\n'), -1);
	assert_int_equal(scan(SPAN("{\"a\":\"x\ny\"}"), &rec, &at), -EBADMSG);
	assert_int_equal(at, 7);
}

static int join_leaf(void *ctx, struct span key, enum value_type type, struct span text)
{
	buf_printf(ctx, "%.*s(%d)=%.*s;", SPAN_FMT(key), (int)type, SPAN_FMT(text));
	return 0;
}

static int stop_leaf(void *ctx, struct span key, enum value_type type, struct span text)
{
	(void)key, (void)type, (void)text;
	return ++*(int *)ctx == 2 ? -ECANCELED : 0;
}

static void objects_flatten_with_dots(void **state)
{
	struct span object =
		SPAN("{\"a\":{\"b\":{\"c\":1},\"e\":{}},\"l\":[{\"x\":1}],\"s\":\"\\t\"}");
	struct buf out = BUF_INIT(1000);
	int calls = 0;

	(void)state;
	assert_int_equal(json_flatten(object, SPAN("p"), &arena, join_leaf, &out), 0);
	assert_string_equal(buf_cstr(&out), "p.a.b.c(2)=1;p.l(4)=[{\"x\":1}];p.s(3)=\t;");
	buf_reset(&out);
	assert_int_equal(json_flatten(SPAN("{\"k\":null}"), SPAN(""), &arena, join_leaf, &out), 0);
	assert_string_equal(buf_cstr(&out), "k(0)=null;");
	assert_int_equal(json_flatten(SPAN("{\"a\":1,\"b\":2,\"c\":3}"), SPAN(""), &arena,
				      stop_leaf, &calls),
			 -ECANCELED);
	assert_int_equal(calls, 2);
	assert_int_equal(json_flatten(SPAN("[1]"), SPAN(""), &arena, join_leaf, &out), -EINVAL);
	buf_release(&out);
}

static void strings_are_escaped_and_come_back(void **state)
{
	struct buf out = BUF_INIT(10000);
	char text[256];
	struct record rec;
	size_t at;
	bool first = true;

	(void)state;
	for (int i = 0; i < 128; i++)
		text[i] = (char)i;
	json_write_string(&out, span_of(text, 128));
	assert_true(span_starts(buf_span(&out), SPAN("\"\\u0000\\u0001")));
	assert_true(span_find(buf_span(&out), SPAN("\\b\\t\\n\\u000b\\f\\r")) > 0);
	buf_reset(&out);
	buf_putc(&out, '{');
	json_write_field(&out, &first, SPAN("k\"1"), VALUE_STRING, span_of(text, 128));
	json_write_field(&out, &first, SPAN("n"), VALUE_NUMBER, SPAN("1.0"));
	buf_putc(&out, '}');
	assert_int_equal(scan(buf_span(&out), &rec, &at), 0);
	assert_true(span_eq(record_text(&rec, SPAN("k\"1")), span_of(text, 128)));
	assert_true(span_eq(record_text(&rec, SPAN("n")), SPAN("1.0")));
	buf_release(&out);
}

static void the_bridge_to_jsonc(void **state)
{
	_cleanup_(jsonc_putp) struct json_object *object = NULL;
	struct buf out = BUF_INIT(1000);
	struct json_object *member;
	struct err err;

	(void)state;
	assert_int_equal(jsonc_parse(SPAN("{\"a\":\"x/y\",\"n\":5}"), &object, &err), 0);
	assert_int_equal(jsonc_set_text(object, "t", SPAN("q\"")), 0);
	jsonc_write(object, &out);
	assert_string_equal(buf_cstr(&out), "{\"a\":\"x/y\",\"n\":5,\"t\":\"q\\\"\"}");
	assert_true(json_object_object_get_ex(object, "a", &member));
	assert_true(span_eq(jsonc_text(member), SPAN("x/y")));
	assert_true(json_object_object_get_ex(object, "n", &member));
	assert_int_equal(jsonc_text(member).len, 0);
	member = NULL;
	assert_int_equal(jsonc_parse(SPAN("{\"a\":01}"), &member, &err), -EBADMSG);
	assert_int_equal(err.offset, 6);
	assert_null(member);
	assert_int_equal(jsonc_parse(SPAN("12"), &member, &err), 0);
	assert_int_equal(json_object_get_int(member), 12);
	json_object_put(member);
	buf_release(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(errors_are_at_their_byte),
		cmocka_unit_test(depth_is_64),
		cmocka_unit_test(fields_borrow_and_know_their_bytes),
		cmocka_unit_test(the_last_of_duplicate_keys_wins),
		cmocka_unit_test(failure_leaves_the_fields_alone),
		cmocka_unit_test(too_many_fields_are_refused),
		cmocka_unit_test(a_small_arena_is_said),
		cmocka_unit_test(line_feeds_between_tokens_become_spaces),
		cmocka_unit_test(objects_flatten_with_dots),
		cmocka_unit_test(strings_are_escaped_and_come_back),
		cmocka_unit_test(the_bridge_to_jsonc),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
