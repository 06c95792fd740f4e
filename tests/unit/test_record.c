/* record, severity, column. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/base/clock.h"
#include "common/data/column.h"
#include "common/data/json_scan.h"
#include "common/data/record.h"
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

static void scan(struct record *rec, struct span text)
{
	size_t at;

	record_init(rec, &arena, text);
	assert_int_equal(json_scan_record(text, rec, &at), 0);
}

static void fields_are_added_changed_and_deleted(void **state)
{
	struct record rec;

	(void)state;
	scan(&rec, SPAN("{\"a\":1,\"b\":\"x\"}"));
	assert_int_equal(record_set(&rec, SPAN("a"), VALUE_STRING, SPAN("new")), 0);
	assert_int_equal(record_set(&rec, SPAN("c"), VALUE_NUMBER, SPAN("5")), 0);
	assert_true(rec.flags & RECORD_CHANGED);
	assert_int_equal(rec.nfields, 3);
	assert_true(span_eq(record_text(&rec, SPAN("a")), SPAN("new")));
	assert_int_equal(record_get(&rec, SPAN("a"))->raw_len, 0);
	assert_int_equal(record_del(&rec, SPAN("b")), 0);
	assert_int_equal(record_del(&rec, SPAN("b")), -ENOENT);
	assert_null(record_get(&rec, SPAN("b")));
	assert_int_equal(record_text(&rec, SPAN("b")).len, 0);
	for (int i = 0; i < 500; i++)
		assert_int_equal(
			record_set(&rec, arena_printf(&arena, "k%d", i), VALUE_NUMBER, SPAN("1")),
			0);
	assert_int_equal(rec.nfields, 502);
	assert_true(span_eq(record_text(&rec, SPAN("a")), SPAN("new")));
}

static void what_is_set_can_be_written(void **state)
{
	struct record rec;

	(void)state;
	scan(&rec, SPAN("{}"));
	assert_int_equal(record_set(&rec, SPAN("bad"), VALUE_JSON, SPAN("{oops")), 0);
	assert_int_equal(record_get(&rec, SPAN("bad"))->type, VALUE_STRING);
	assert_int_equal(record_set(&rec, SPAN("n"), VALUE_NUMBER, SPAN("007")), 0);
	assert_int_equal(record_get(&rec, SPAN("n"))->type, VALUE_STRING);
	assert_int_equal(record_set(&rec, SPAN("j"), VALUE_JSON, SPAN("{\n}")), 0);
	assert_true(span_eq(record_text(&rec, SPAN("j")), SPAN("{ }")));
	assert_int_equal(record_set(&rec, SPAN("u\xff"), VALUE_STRING, SPAN("x\xff")), 0);
	assert_true(span_eq(record_text(&rec, SPAN("u\xef\xbf\xbd")), SPAN("x\xef\xbf\xbd")));
}

static void setting_a_canonical_field_sets_the_record(void **state)
{
	struct record rec;

	(void)state;
	scan(&rec, SPAN("{\"level\":\"x\"}"));
	assert_int_equal(record_set(&rec, SPAN("level"), VALUE_STRING, SPAN("warning")), 0);
	assert_int_equal(rec.severity, 13);
	assert_true(span_eq(record_text(&rec, SPAN("level")), SPAN("WARN")));
	assert_true(record_get(&rec, SPAN("level"))->flags & FIELD_CANONICAL);
	rec.flags |= RECORD_TIME_OBSERVED;
	assert_int_equal(record_set(&rec, SPAN("timestamp"), VALUE_STRING, SPAN("1700000000")), 0);
	assert_true(rec.time_ns == 1700000000 * NS_PER_SEC);
	assert_false(rec.flags & RECORD_TIME_OBSERVED);
	assert_int_equal(record_set(&rec, SPAN("timestamp"), VALUE_STRING, SPAN("soon")), -EINVAL);
	assert_int_equal(record_del(&rec, SPAN("level")), 0);
	assert_int_equal(rec.severity, 0);
}

static void paths_reach_into_objects(void **state)
{
	static const struct {
		const char *path, *text;
	} cases[] = {
		{"a", "1"},        {"h.s", "200"},    {"h.d.e", "x\n"},  {"h.x.y", "dotted"},
		{"p.q", "flat"},   {"p.r.s", "deep"}, {"h", NULL},       {"h.none", NULL},
		{"h.s.t", NULL},   {"none.s", NULL},  {"h.", NULL},      {"l.0", NULL},
		{"d.k", "second"}, {"", NULL},        {"e.", "no name"}, {"s.t.u", "last"},
	};
	struct record rec;
	struct field field;

	(void)state;
	scan(&rec,
	     SPAN("{\"a\":1,\"h\":{\"s\":200,\"d\":{\"\\u0065\":\"x\\n\"},\"x.y\":\"dotted\"},"
		  "\"p.q\":\"flat\",\"p\":{\"r.s\":\"deep\"},\"l\":[1],"
		  "\"d\":{\"k\":\"first\",\"k\":\"second\"},\"e\":{\"\":\"no name\"},"
		  "\"s\":{\"t.u\":\"first\"},\"s.t\":{\"u\":\"last\"}}"));
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int r = record_find(&rec, span_cstr(cases[i].path), &field);

		if (strcmp(cases[i].path, "h") == 0) {
			assert_int_equal(field.type, VALUE_JSON);
			continue;
		}
		if (r != (cases[i].text ? 0 : -ENOENT))
			fail_msg("%s: %d", cases[i].path, r);
		if (r == 0)
			assert_true(span_eq(field.text, span_cstr(cases[i].text)));
	}
}

static void levels_in_all_spellings(void **state)
{
	static const struct {
		const char *text;
		uint32_t severity;
	} cases[] = {
		{"trace", 1},
		{"DEBUG", 5},
		{"Info", 9},
		{"INFORMATION", 9},
		{"notice", 10},
		{"warn", 13},
		{"WARNING", 13},
		{"E", 17},
		{"err", 17},
		{"error", 17},
		{"critical", 18},
		{"crit", 18},
		{"alert", 19},
		{"emerg", 21},
		{"fatal", 21},
		{"panic", 24},
		{"10", 1},
		{"20", 5},
		{"30", 9},
		{"40", 13},
		{"50", 17},
		{"60", 21},
		{"0", 21},
		{"3", 17},
		{"6", 9},
		{"7", 5},
		{"200", 9},
		{"550", 19},
		{"INFO+2", 11},
		{"DEBUG-4", 1},
		{"ERROR+4", 21},
		{"WARN3", 15},
		{"", 0},
		{"8", 0},
		{"70", 0},
		{"404", 0},
		{"unknown", 0},
		{"errors", 0},
		{"default", 0},
		{"x+1", 0},
		{"a very long text that is no level", 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (severity_parse(span_cstr(cases[i].text)) != cases[i].severity)
			fail_msg("%s: %u", cases[i].text, severity_parse(span_cstr(cases[i].text)));
	for (uint32_t severity = 1; severity <= 24; severity++)
		assert_int_equal(severity_parse(severity_name(severity)),
				 (severity - 1) / 4 * 4 + 1);
	assert_int_equal(severity_name(0).len, 0);
	assert_int_equal(severity_name(25).len, 0);
}

static void columns_print_their_values(void **state)
{
	static const int64_t ints[] = {150, -5, 0, 12345, INT64_MIN, 7};
	static const char *const decimals[] = {
		"1.5", "-0.05", "0", "123.45", "-92233720368547758.08", ""};
	uint64_t absent[1] = {0};
	struct column column = {
		.kind = COLUMN_INT, .nrows = 6, .scale = 2, .ints = ints, .absent = absent};
	char scratch[COLUMN_SCRATCH];

	(void)state;
	bit_set(absent, 5);
	for (size_t row = 0; row < 6; row++)
		assert_true(span_eq(column_text(&column, row, scratch), span_cstr(decimals[row])));
	const struct span *texts = column_texts(&column, &arena);

	assert_non_null(texts);
	assert_ptr_equal(column_texts(&column, &arena), texts);
	for (size_t row = 0; row < 6; row++)
		assert_true(span_eq(texts[row], span_cstr(decimals[row])));
}

static void columns_of_other_kinds(void **state)
{
	static const uint8_t codes[] = {1, 0, 1};
	static const struct span dict[] = {{"a", 1}, {"b", 1}};
	static const int64_t times[] = {0, -1, 1};
	struct column column = {
		.kind = COLUMN_DICT, .nrows = 3, .codes = codes, .dict = dict, .ndict = 2};
	char scratch[COLUMN_SCRATCH];
	struct arena tiny;

	(void)state;
	assert_true(span_eq(column_text(&column, 0, scratch), SPAN("b")));
	assert_true(span_eq(column_texts(&column, &arena)[1], SPAN("a")));
	column = (struct column){.kind = COLUMN_TIME, .nrows = 3, .ints = times};
	assert_true(
		span_eq(column_text(&column, 1, scratch), SPAN("1969-12-31T23:59:59.999999999Z")));
	column_init_empty(&column, SPAN("x"), 3);
	assert_int_equal(column_text(&column, 2, scratch).len, 0);
	arena_init(&tiny, 16);
	assert_null(column_texts(&column, &tiny));
	arena_release(&tiny);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fields_are_added_changed_and_deleted),
		cmocka_unit_test(what_is_set_can_be_written),
		cmocka_unit_test(setting_a_canonical_field_sets_the_record),
		cmocka_unit_test(paths_reach_into_objects),
		cmocka_unit_test(levels_in_all_spellings),
		cmocka_unit_test(columns_print_their_values),
		cmocka_unit_test(columns_of_other_kinds),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
