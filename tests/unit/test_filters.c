/* Each builtin filter, by table: options, a record, what becomes of it. */
#include "common/base/cleanup.h"
#include "common/data/json_scan.h"
#include "common/data/json_write.h"
#include "filters/builtin.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static const struct chain_env env = {.builtins = filters_builtin};

struct run {
	struct conf *conf;
	struct chain *chain;
	struct arena arena;
};

static struct run start(const char *options)
{
	_cleanup_(buf_release) struct buf yaml = BUF_INIT(1 << 16), report = BUF_INIT(1 << 16);
	struct run run = {0};

	buf_printf(&yaml, "filters:\n  - %s\n", options);
	arena_init(&run.arena, 1 << 20);
	assert_int_equal(conf_new(&run.conf), 0);
	conf_load_text(run.conf, "t.yaml", buf_span(&yaml));
	chain_new(&env, run.conf, conf_get(conf_root(run.conf), "filters"), &run.chain);
	conf_report(run.conf, &report);
	if (!run.chain)
		fail_msg("%s", buf_cstr(&report));
	return run;
}

static void stop(struct run *run)
{
	chain_free(run->chain);
	conf_free(run->conf);
	arena_release(&run->arena);
}

/* The record as flat JSON, or "dropped". */
static void pass(struct run *run, const char *json, struct buf *out)
{
	struct record rec;
	bool first = true;
	size_t at;

	buf_reset(out);
	record_init(&rec, &run->arena, span_cstr(json));
	assert_int_equal(json_scan_record(rec.line, &rec, &at), 0);
	if (chain_process(run->chain, &rec) == SL_DROP) {
		buf_puts(out, SPAN("dropped"));
		return;
	}
	buf_putc(out, '{');
	for (uint32_t i = 0; i < rec.nfields; i++)
		json_write_field(out, &first, rec.fields[i].key, rec.fields[i].type,
				 rec.fields[i].text);
	buf_putc(out, '}');
}

static const struct {
	const char *options, *in, *out;
} cases[] = {
	/* rename */
	{"{type: rename, fields: {svc: service, n: count}}", "{\"svc\":\"a\",\"n\":1.50}",
	 "{\"service\":\"a\",\"count\":1.50}"},
	{"{type: rename, fields: {a: b}}", "{\"a\":1,\"b\":2}", "{\"a\":1,\"b\":2}"},
	{"{type: rename, fields: {a: b}, overwrite: true}", "{\"a\":1,\"b\":2}", "{\"b\":1}"},
	{"{type: rename, fields: {a: a}, overwrite: true}", "{\"a\":1}", "{\"a\":1}"},
	{"{type: rename, fields: {a: b, b: c}}", "{\"a\":{\"x\":[1]}}", "{\"c\":{\"x\":[1]}}"},
	{"{type: rename, fields: {none: b}}", "{\"a\":null}", "{\"a\":null}"},

	/* redact */
	{"{type: redact, pattern: '\\d{4,}'}", "{\"message\":\"pin 1234, 99, 56789\",\"n\":12345}",
	 "{\"message\":\"pin ***, 99, ***\",\"n\":12345}"},
	{"{type: redact, pattern: '[\\w.]+@\\w+', with: <mail>, fields: [message, user.mail]}",
	 "{\"message\":\"a.b@c\",\"user\":{\"mail\":\"x@y\",\"id\":7}}",
	 "{\"message\":\"<mail>\",\"user\":{\"mail\":\"<mail>\",\"id\":7}}"},
	{"{type: redact, pattern: x, fields: [a.b.c]}", "{\"a.b\":{\"c\":\"x\"},\"a\":\"x\"}",
	 "{\"a.b\":{\"c\":\"***\"},\"a\":\"x\"}"},
	{"{type: redact, pattern: secret, with: ''}", "{\"message\":\"secret\"}",
	 "{\"message\":\"\"}"},
	{"{type: redact, pattern: 'x*', with: y}", "{\"message\":\"ä xx ö\"}",
	 "{\"message\":\"ä y ö\"}"},
	{"{type: redact, pattern: '^'}", "{\"message\":\"ab\"}", "{\"message\":\"ab\"}"},
	{"{type: redact, pattern: ab}", "{\"message\":\"xabababx\"}",
	 "{\"message\":\"x*********x\"}"},
	{"{type: redact, pattern: '12', fields: n, with: '0'}", "{\"n\":3124}", "{\"n\":304}"},
	{"{type: redact, pattern: '12', fields: n}", "{\"n\":3124}", "{\"n\":\"3***4\"}"},
	/* The match limit: what can't be searched is not let through. */
	{"{type: redact, pattern: '^(a+)+$'}",
	 "{\"message\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab\"}",
	 "{\"message\":\"***\"}"},

	/* sample */
	{"{type: sample, one_in: 1}", "{\"a\":1}", "{\"a\":1}"},
	{"{type: sample, one_in: 1, by: a}", "{\"a\":1}", "{\"a\":1}"},
};

static void test_cases(void **state)
{
	_cleanup_(buf_release) struct buf out = BUF_INIT(1 << 16);

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct run run = start(cases[i].options);

		pass(&run, cases[i].in, &out);
		if (!span_eq(buf_span(&out), span_cstr(cases[i].out)))
			fail_msg("%s\n%s\nexpected %s\ngot      %s", cases[i].options, cases[i].in,
				 cases[i].out, buf_cstr(&out));
		stop(&run);
	}
}

static void test_sample_counts(void **state)
{
	_cleanup_(buf_release) struct buf out = BUF_INIT(1 << 16);
	struct run run = start("{type: sample, one_in: 10}");
	int kept = 0;

	(void)state;
	for (int i = 0; i < 1000; i++) {
		pass(&run, "{\"a\":1}", &out);
		kept += !span_eq(buf_span(&out), SPAN("dropped"));
		arena_reset(&run.arena);
	}
	assert_int_equal(kept, 100);
	stop(&run);
}

/* The same text has the same fate, here and in another process; about one in N. */
static void test_sample_by(void **state)
{
	_cleanup_(buf_release) struct buf out = BUF_INIT(1 << 16), again = BUF_INIT(1 << 16);
	struct run run = start("{type: sample, one_in: 10, by: trace_id}");
	struct run other = start("{type: sample, one_in: 10, by: trace_id}");
	int kept = 0;

	(void)state;
	for (int i = 0; i < 10000; i++) {
		char json[64];

		snprintf(json, sizeof(json), "{\"trace_id\":\"%08x\"}", i);
		pass(&run, json, &out);
		pass(&other, json, &again);
		assert_true(span_eq(buf_span(&out), buf_span(&again)));
		kept += !span_eq(buf_span(&out), SPAN("dropped"));
		arena_reset(&run.arena);
		arena_reset(&other.arena);
	}
	assert_in_range(kept, 850, 1150);
	stop(&run);
	stop(&other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),
		cmocka_unit_test(test_sample_counts),
		cmocka_unit_test(test_sample_by),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
