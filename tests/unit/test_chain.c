/* The filter chain on real records, with the builtins and with plugins. */
#include "common/base/cleanup.h"
#include "common/base/io.h"
#include "common/data/json_scan.h"
#include "common/flow/chain.h"
#include "filters/builtin.h"
#include "tests/unit/scratch.h"
#include <errno.h>
#include <json-c/json.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/stat.h>

#include <cmocka.h>

static char plugin_dir[SCRATCH_MAX];
static const struct chain_env env = {.builtins = filters_builtin, .plugin_dir = plugin_dir};

struct fixture {
	struct conf *conf;
	struct chain *chain; /* NULL when it was refused */
	struct arena arena;
};

static struct fixture open_chain(const char *yaml)
{
	struct fixture f = {0};

	arena_init(&f.arena, 1 << 20);
	assert_int_equal(conf_new(&f.conf), 0);
	assert_int_equal(conf_load_text(f.conf, "t.yaml", span_cstr(yaml)), 0);
	chain_new(&env, f.conf, conf_get(conf_root(f.conf), "filters"), &f.chain);
	assert_int_equal(!f.chain, conf_nerrors(f.conf) > 0);
	return f;
}

static void close_chain(struct fixture *f)
{
	chain_free(f->chain);
	conf_free(f->conf);
	arena_release(&f->arena);
}

static struct record parse(struct fixture *f, const char *json)
{
	struct record rec;
	size_t at;

	record_init(&rec, &f->arena, span_cstr(json));
	assert_int_equal(json_scan_record(rec.line, &rec, &at), 0);
	return rec;
}

static int run(struct fixture *f, const char *json)
{
	struct record rec = parse(f, json);

	return chain_process(f->chain, &rec);
}

static void assert_field(const struct record *rec, const char *key, const char *text)
{
	struct span got = record_text(rec, span_cstr(key));

	if (!span_eq(got, span_cstr(text)))
		fail_msg("%s is '%.*s', expected '%s'", key, SPAN_FMT(got), text);
}

static void assert_refused(const char *yaml, const char *report)
{
	_cleanup_(buf_release) struct buf out = BUF_INIT(1 << 16);
	struct fixture f = open_chain(yaml);

	conf_report(f.conf, &out);
	assert_string_equal(buf_cstr(&out), report);
	assert_null(f.chain);
	close_chain(&f);
}

static void test_grep(void **state)
{
	struct fixture f = open_chain("filters:\n"
				      "  - {type: grep, field: level, keep: ^(warn|error)$}\n"
				      "  - {type: grep, drop: heartbeat}\n");

	(void)state;
	assert_int_equal(chain_len(f.chain), 2);
	assert_int_equal(run(&f, "{\"level\":\"warn\",\"message\":\"x\"}"), SL_KEEP);
	assert_int_equal(run(&f, "{\"level\":\"info\",\"message\":\"x\"}"), SL_DROP);
	assert_int_equal(run(&f, "{\"message\":\"no level\"}"), SL_DROP);
	assert_int_equal(run(&f, "{\"level\":\"error\",\"message\":\"a heartbeat\"}"), SL_DROP);
	assert_int_equal(run(&f, "{\"level\":\"error\"}"), SL_KEEP);
	struct chain_stats s;

	chain_stats(f.chain, 0, &s);
	assert_int_equal(s.in, 5);
	assert_int_equal(s.dropped, 2);
	chain_stats(f.chain, 1, &s);
	assert_int_equal(s.in, 3);
	assert_int_equal(s.dropped, 1);
	assert_int_equal(s.errors, 0);
	assert_true(span_eq(s.name, SPAN("grep")));
	close_chain(&f);
}

static void test_grep_inside_objects(void **state)
{
	struct fixture f = open_chain("filters: [{type: grep, field: http.status, drop: '^2'}]\n");

	(void)state;
	assert_int_equal(run(&f, "{\"http\":{\"status\":204}}"), SL_DROP);
	assert_int_equal(run(&f, "{\"http\":{\"status\":500}}"), SL_KEEP);
	assert_int_equal(run(&f, "{\"http.status\":200}"), SL_DROP);
	close_chain(&f);
}

static void test_add(void **state)
{
	struct fixture f = open_chain("filters:\n"
				      "  - {type: add, fields: {env: prod, zone: \"a\\\"b\"}}\n"
				      "  - {type: add, fields: {level: ERROR}, overwrite: true}\n");
	struct record rec = parse(&f, "{\"env\":\"dev\",\"level\":\"info\",\"n\":1}");

	(void)state;
	assert_int_equal(rec.flags & RECORD_CHANGED, 0);
	assert_int_equal(chain_process(f.chain, &rec), SL_KEEP);
	assert_true(rec.flags & RECORD_CHANGED);
	assert_field(&rec, "env", "dev");
	assert_field(&rec, "zone", "a\"b");
	assert_field(&rec, "level", "ERROR");
	assert_int_equal(rec.severity, severity_parse(SPAN("ERROR")));
	close_chain(&f);
}

/* A record that no filter writes to is not marked: it is copied to the wire. */
static void test_untouched(void **state)
{
	struct fixture f = open_chain("filters: [{type: add, fields: {env: prod}}]\n");
	struct record rec = parse(&f, "{\"env\":\"dev\"}");

	(void)state;
	chain_process(f.chain, &rec);
	assert_int_equal(rec.flags & RECORD_CHANGED, 0);
	close_chain(&f);
}

/* More fields than the record had room for: the array moves under the filter. */
static void test_many_fields(void **state)
{
	_cleanup_(buf_release) struct buf yaml = BUF_INIT(1 << 16);
	struct fixture f;
	struct record rec;

	(void)state;
	buf_puts(&yaml, SPAN("filters:\n- type: add\n  fields:\n"));
	for (int i = 0; i < 200; i++)
		buf_printf(&yaml, "    key%d: value%d\n", i, i);
	f = open_chain(buf_cstr(&yaml));
	rec = parse(&f, "{\"a\":1,\"key7\":\"mine\"}");
	assert_int_equal(chain_process(f.chain, &rec), SL_KEEP);
	assert_int_equal(rec.nfields, 201);
	assert_field(&rec, "a", "1");
	assert_field(&rec, "key7", "mine");
	assert_field(&rec, "key199", "value199");
	close_chain(&f);
}

static void test_memory_used_up(void **state)
{
	struct fixture f = open_chain("filters: [{type: add, fields: {env: prod}}]\n");
	struct record rec = parse(&f, "{\"a\":1}");
	struct chain_stats s;

	(void)state;
	while (arena_alloc(&f.arena, 8))
		;
	assert_int_equal(chain_process(f.chain, &rec), SL_KEEP);
	chain_stats(f.chain, 0, &s);
	assert_int_equal(s.errors, 1);
	assert_field(&rec, "a", "1");
	close_chain(&f);
}

static void test_when(void **state)
{
	struct fixture f =
		open_chain("filters:\n"
			   "  - type: grep\n"
			   "    when: service:payment and not http.status:>=500\n"
			   "    drop: ok\n"
			   "  - {type: add, when: '\"disk full\"', fields: {page: \"yes\"}}\n");
	struct chain_stats s;
	struct record rec;

	(void)state;
	assert_int_equal(run(&f, "{\"service\":\"payment\",\"message\":\"ok\"}"), SL_DROP);
	assert_int_equal(run(&f, "{\"service\":\"cart\",\"message\":\"ok\"}"), SL_KEEP);
	assert_int_equal(run(&f, "{\"service\":\"payment\",\"message\":\"ok\","
				 "\"http\":{\"status\":503}}"),
			 SL_KEEP);
	chain_stats(f.chain, 0, &s);
	assert_int_equal(s.in, 1);
	rec = parse(&f, "{\"message\":\"error: disk full on sda\"}");
	chain_process(f.chain, &rec);
	assert_field(&rec, "page", "yes");
	close_chain(&f);
}

static void test_refused(void **state)
{
	(void)state;
	assert_refused("filters:\n  - type: grpe\n",
		       "t.yaml:2:5: error: unknown filter 'grpe' (did you mean 'grep'?)\n");
	assert_refused("filters:\n  - type: grep\n",
		       "t.yaml:2:5: error: filter 'grep' refuses its options: it needs keep or "
		       "drop\n");
	assert_refused("filters:\n  - type: grep\n    drop: x\n    feild: y\n  - {type: add}\n",
		       "t.yaml:4:5: error: unknown key 'feild' in filters[0] (did you mean "
		       "'field'?)\n"
		       "t.yaml:5:5: error: missing key 'fields' in filters[1]\n");
	assert_refused("filters:\n  - type: grep\n    drop: (\n    when: 'level:('\n",
		       "t.yaml:3:11: error: filters[0].drop: missing closing parenthesis\n"
		       "    (\n     ^\n");
	assert_refused("filters: 5\n", "t.yaml:1:1: error: filters: expected a list\n");
	assert_refused("filters: [5]\n", "t.yaml:1:11: error: a filter has keys and values, at "
					 "least a type\n");
	assert_refused("filters: [{when: x}]\n",
		       "t.yaml:1:11: error: missing key 'type' in filters[0]\n");
}

static void test_when_refused(void **state)
{
	_cleanup_(buf_release) struct buf out = BUF_INIT(1 << 16);
	struct fixture f = open_chain("filters:\n  - {type: grep, drop: x, when: 'a | fields b'}\n"
				      "  - {type: grep, drop: x, when: 'level:in('}\n"
				      "  - type: grep\n    drop: x\n"
				      "    when: options(global_filter=(level:ERROR)) a\n");

	(void)state;
	conf_report(f.conf, &out);
	assert_int_equal(conf_nerrors(f.conf), 3);
	assert_non_null(strstr(buf_cstr(&out), "options(…) are about running a query"));
	assert_non_null(strstr(buf_cstr(&out), "t.yaml:2:33: error: filters[0].when: "));
	assert_non_null(strstr(buf_cstr(&out), "\n    a | fields b\n      ^\n"));
	assert_non_null(strstr(buf_cstr(&out), "\n    level:in(\n             ^\n"));
	close_chain(&f);
}

static void install(const char *fixture)
{
	_cleanup_(buf_release) struct buf bytes = BUF_INIT(16 << 20);
	const char *build = getenv("O");
	char from[256], to[SCRATCH_MAX + 32];

	snprintf(from, sizeof(from), "%s/fixtures/abi/%s.so", build ? build : "build/release",
		 fixture);
	snprintf(to, sizeof(to), "%s/%s.so", plugin_dir, fixture);
	if (io_read_file(from, &bytes, NULL) < 0)
		fail_msg("%s is not there: make builds it", from);
	assert_int_equal(io_replace_file(to, buf_span(&bytes), 0755, NULL), 0);
}

static void test_plugins(void **state)
{
	_cleanup_(buf_release) struct buf out = BUF_INIT(1 << 16), yaml = BUF_INIT(1 << 16);
	char report[1024];
	struct chain_stats s;
	struct fixture f;
	struct record rec;

	(void)state;
	scratch_make(plugin_dir);
	install("good");
	install("bad_verdict");
	install("open_fails");
	install("other_major");
	buf_printf(&yaml,
		   "filters:\n  - {type: good, field: \"x y\"}\n  - type: %s/good.so\n"
		   "  - type: bad_verdict\n",
		   plugin_dir);
	f = open_chain(buf_cstr(&yaml));
	conf_report(f.conf, &out);
	assert_string_equal(out.len ? buf_cstr(&out) : "", "");
	rec = parse(&f, "{\"a\":1}");
	assert_int_equal(chain_process(f.chain, &rec), SL_KEEP);
	assert_field(&rec, "plugin", "loaded"); /* the second one's default came last */
	chain_stats(f.chain, 2, &s);
	assert_int_equal(s.errors, 1);
	assert_int_equal(chain_errors(f.chain), 1);
	/* A plugin's options are printed like all others, as long as the chain is there. */
	conf_print(f.conf, &out);
	assert_non_null(strstr(buf_cstr(&out), "field: \"x y\"\n"));
	close_chain(&f);

	assert_refused("filters: [{type: open_fails}]\n",
		       "t.yaml:1:11: error: filter 'fixture' refuses its options: the moon is in "
		       "the wrong phase\n");
	snprintf(report, sizeof(report),
		 "t.yaml:1:12: error: plugin %s/other_major.so: built for plugin ABI 2.0, this "
		 "program has 1.0: rebuild it\n",
		 plugin_dir);
	assert_refused("filters: [{type: other_major}]\n", report);
	snprintf(report, sizeof(report),
		 "t.yaml:1:12: error: unknown filter 'zzz': not built in, and %s/zzz.so: No such "
		 "file or directory\n",
		 plugin_dir);
	assert_refused("filters: [{type: zzz}]\n", report);
	scratch_remove(plugin_dir);
}

static void test_none(void **state)
{
	struct fixture f = open_chain("filters:\n");

	(void)state;
	assert_int_equal(chain_len(f.chain), 0);
	assert_int_equal(run(&f, "{}"), SL_KEEP);
	close_chain(&f);
}

static void test_describe(void **state)
{
	_cleanup_(buf_release) struct buf out = BUF_INIT(1 << 16);

	(void)state;
	filters_describe(&out);
	struct json_object *root = json_tokener_parse(buf_cstr(&out));

	assert_non_null(root);
	assert_int_equal(json_object_get_type(root), json_type_object);
	assert_non_null(strstr(buf_cstr(&out), "\"overwrite\""));
	json_object_put(root);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_grep),         cmocka_unit_test(test_grep_inside_objects),
		cmocka_unit_test(test_add),          cmocka_unit_test(test_untouched),
		cmocka_unit_test(test_many_fields),  cmocka_unit_test(test_memory_used_up),
		cmocka_unit_test(test_when),         cmocka_unit_test(test_refused),
		cmocka_unit_test(test_when_refused), cmocka_unit_test(test_plugins),
		cmocka_unit_test(test_none),         cmocka_unit_test(test_describe),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
