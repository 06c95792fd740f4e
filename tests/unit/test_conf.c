/*
 * Configuration: each tests/cases/conf/NAME.yaml is loaded with a schema like a
 * shipper's; NAME.err is the exact report, or NAME.out what --print-config says.
 */
#include "common/base/io.h"
#include "common/conf/conf.h"
#include "tests/unit/scratch.h"
#include <errno.h>
#include <glob.h>
#include <json-c/json.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define CASES "tests/cases/conf/"

struct tls {
	struct sl_str ca, key;
};
struct input {
	int type;
	struct sl_list paths, exclude;
	uint64_t max_line_bytes;
	struct sl_str unit;
	const void *pattern;
};
struct settings {
	struct sl_str data_dir, topic;
	struct sl_list labels, kafka;
	int64_t flush, workers;
	int compress, level;
	struct conf_list inputs;
	struct tls tls;
	struct conf_node *filters;
};

static const struct sl_option input_options[] = {
	{.name = "type",
	 .type = SL_OPT_ENUM,
	 .offset = offsetof(struct input, type),
	 .choices = "file|journald|stdin",
	 .def = "file"},
	{.name = "max_line_bytes",
	 .type = SL_OPT_SIZE,
	 .def = "1MiB",
	 .min = 16,
	 .max = 64 << 20,
	 .offset = offsetof(struct input, max_line_bytes),
	 .help = "longer lines are cut"},
	{.name = "pattern", .type = SL_OPT_REGEX, .offset = offsetof(struct input, pattern)},
	{0},
};
static const struct sl_option file_options[] = {
	{.name = "paths",
	 .type = SL_OPT_LIST,
	 .flags = SL_OPT_REQUIRED,
	 .offset = offsetof(struct input, paths)},
	{.name = "exclude",
	 .type = SL_OPT_LIST,
	 .offset = offsetof(struct input, exclude),
	 .def = "[*.gz, *.zst]"},
	{0},
};
static const struct sl_option journald_options[] = {
	{.name = "unit", .type = SL_OPT_STR, .offset = offsetof(struct input, unit)},
	{0},
};
static const struct conf_schema file_schema = {.options = file_options};
static const struct conf_schema journald_schema = {.options = journald_options};
static const struct conf_schema input_schema = {
	.size = sizeof(struct input),
	.options = input_options,
	.variants = (const struct conf_schema *const[]){&file_schema, &journald_schema, NULL},
};

static void check_tls(struct conf *conf, const struct conf_node *node, void *target)
{
	const struct tls *tls = target;

	if (tls->key.len && !tls->ca.len)
		conf_error(conf, node, "tls.key needs tls.ca");
}

static const struct sl_option tls_options[] = {
	{.name = "ca", .type = SL_OPT_STR, .offset = offsetof(struct tls, ca)},
	{.name = "key",
	 .type = SL_OPT_STR,
	 .flags = SL_OPT_SECRET,
	 .offset = offsetof(struct tls, key)},
	{0},
};
static const struct conf_schema tls_schema = {
	.size = sizeof(struct tls), .options = tls_options, .check = check_tls};

static const struct sl_option options[] = {
	{.name = "data_dir",
	 .type = SL_OPT_STR,
	 .def = "/var/lib/shipper",
	 .offset = offsetof(struct settings, data_dir)},
	{.name = "topic", .type = SL_OPT_STR, .offset = offsetof(struct settings, topic)},
	{.name = "labels", .type = SL_OPT_PAIRS, .offset = offsetof(struct settings, labels)},
	{.name = "kafka",
	 .type = SL_OPT_PAIRS,
	 .flags = SL_OPT_SECRET,
	 .offset = offsetof(struct settings, kafka)},
	{.name = "flush",
	 .type = SL_OPT_DURATION,
	 .def = "1s",
	 .min = 1000000,
	 .max = INT64_C(60000000000),
	 .offset = offsetof(struct settings, flush)},
	{.name = "workers",
	 .type = SL_OPT_INT,
	 .def = "2",
	 .min = 1,
	 .max = 64,
	 .offset = offsetof(struct settings, workers)},
	{.name = "compress",
	 .type = SL_OPT_BOOL,
	 .def = "true",
	 .offset = offsetof(struct settings, compress)},
	{.name = "level",
	 .type = SL_OPT_ENUM,
	 .choices = "fast|balanced|small",
	 .offset = offsetof(struct settings, level)},
	{0},
};
static const struct conf_sub subs[] = {
	{.name = "inputs",
	 .kind = CONF_MANY,
	 .offset = offsetof(struct settings, inputs),
	 .schema = &input_schema},
	{.name = "tls",
	 .kind = CONF_ONE,
	 .offset = offsetof(struct settings, tls),
	 .schema = &tls_schema},
	{.name = "filters", .kind = CONF_RAW, .offset = offsetof(struct settings, filters)},
	{0},
};
static const struct conf_schema schema = {
	.size = sizeof(struct settings), .options = options, .subs = subs};

static struct conf *load(const char *text, struct settings *ret)
{
	struct conf *conf;

	assert_int_equal(conf_new(&conf), 0);
	conf_load_text(conf, "t.yaml", span_cstr(text));
	conf_apply(conf, conf_root(conf), &schema, ret);
	return conf;
}

static void assert_report(const struct conf *conf, const char *expected)
{
	_cleanup_(buf_release) struct buf out = BUF_INIT(1 << 20);

	conf_report(conf, &out);
	assert_string_equal(out.len ? buf_cstr(&out) : "", expected);
}

static void assert_text(struct sl_str text, const char *expected)
{
	assert_int_equal(text.len, strlen(expected));
	assert_memory_equal(text.ptr, expected, text.len);
}

/* The file's text without its folder, for messages that name it. */
static void run_case(const char *path)
{
	_cleanup_(buf_release) struct buf got = BUF_INIT(1 << 20), want = BUF_INIT(1 << 20);
	struct settings s;
	struct conf *conf;
	char expected[256];
	struct err err;

	assert_int_equal(conf_new(&conf), 0);
	conf_load_file(conf, path);
	conf_apply(conf, conf_root(conf), &schema, &s);
	conf_report(conf, &got);
	bool good = conf_nerrors(conf) == 0;

	if (good)
		conf_print(conf, &got);
	snprintf(expected, sizeof(expected), "%.*s.%s", (int)strlen(path) - 5, path,
		 good ? "out" : "err");
	if (io_read_file(expected, &want, &err) < 0)
		fail_msg("%s; got:\n%s", err.text, buf_cstr(&got));
	if (!span_eq(buf_span(&got), buf_span(&want)))
		fail_msg("%s:\n%s\ngot:\n%s", expected, buf_cstr(&want), buf_cstr(&got));
	conf_free(conf);
}

static void test_cases(void **state)
{
	glob_t found;

	(void)state;
	assert_int_equal(chdir("tests/cases/conf"), 0);
	assert_int_equal(glob("*.yaml", 0, NULL, &found), 0);
	assert_true(found.gl_pathc > 10);
	for (size_t i = 0; i < found.gl_pathc; i++)
		run_case(found.gl_pathv[i]);
	globfree(&found);
	assert_int_equal(chdir("../../.."), 0);
}

/* What --print-config says is a configuration again, and says the same. */
static void test_print_again(void **state)
{
	_cleanup_(buf_release) struct buf first = BUF_INIT(1 << 20), second = BUF_INIT(1 << 20);
	struct settings s;
	struct conf *conf, *again;

	(void)state;
	conf = load("labels: {env: prod, \"a b\": \"1\"}\nlevel: small\n"
		    "inputs:\n  - paths: [\"/a b/*.log\", /x]\n  - {type: journald, unit: \"no\"}\n"
		    "filters:\n  - {type: grep, drop: \"^\\\"x\\\\d\"}\n  - [1, {}, []]\n",
		    &s);
	assert_int_equal(conf_nerrors(conf), 0);
	conf_print(conf, &first);
	again = load(buf_cstr(&first), &s);
	assert_report(again, "");
	assert_int_equal(s.level, 2);
	assert_int_equal(s.inputs.len, 2);
	const struct input *in = s.inputs.items;

	assert_text(in[0].paths.items[0], "/a b/*.log");
	assert_text(in[1].unit, "no");
	assert_text(s.labels.items[2], "a b");
	conf_print(again, &second);
	/* Defaults have become values; nothing else differs. */
	assert_non_null(strstr(buf_cstr(&second), "drop: \"^\\\"x\\\\d\"\n"));
	conf_free(again);
	conf_free(conf);
}

static void test_values(void **state)
{
	struct settings s;
	struct conf *conf = load("flush: 1.5s\nworkers: 8\ncompress: off\nlevel: balanced\n"
				 "labels:\n  env: prod\n  zone: eu-1\n"
				 "inputs:\n  - paths: /var/log/*.log\n    max_line_bytes: 64KiB\n"
				 "    pattern: ^\\d+$\n"
				 "  - {type: journald, unit: ssh.service}\n  - type: stdin\n",
				 &s);
	const struct input *in = s.inputs.items;

	(void)state;
	assert_report(conf, "");
	assert_int_equal(s.flush, 1500000000);
	assert_int_equal(s.workers, 8);
	assert_int_equal(s.compress, 0);
	assert_int_equal(s.level, 1);
	assert_int_equal(s.labels.len, 4);
	assert_text(s.labels.items[3], "eu-1");
	assert_int_equal(s.inputs.len, 3);
	assert_int_equal(in[0].paths.len, 1);
	assert_text(in[0].paths.items[0], "/var/log/*.log");
	assert_int_equal(in[0].max_line_bytes, 65536);
	assert_int_equal(in[0].exclude.len, 2);
	assert_text(in[0].exclude.items[1], "*.zst");
	assert_int_equal(regex_match(in[0].pattern, SPAN("123")), 1);
	assert_int_equal(regex_match(in[0].pattern, SPAN("12a")), 0);
	assert_int_equal(in[1].type, 1);
	assert_text(in[1].unit, "ssh.service");
	assert_int_equal(in[2].max_line_bytes, 1 << 20);
	assert_text(s.data_dir, "/var/lib/shipper");
	assert_null(s.filters);
	conf_free(conf);
}

static void test_defaults_without_a_file(void **state)
{
	struct settings s;
	struct conf *conf;

	(void)state;
	assert_int_equal(conf_new(&conf), 0);
	assert_int_equal(conf_apply(conf, conf_root(conf), &schema, &s), 0);
	assert_int_equal(s.workers, 2);
	assert_int_equal(s.inputs.len, 0);
	assert_int_equal(conf_apply(conf, NULL, &tls_schema, &s.tls), 0);
	conf_free(conf);
}

static void test_environment(void **state)
{
	struct settings s;
	struct conf *conf;

	(void)state;
	setenv("CONF_TEST", "from env", 1);
	setenv("CONF_EMPTY", "", 1);
	unsetenv("CONF_NONE");
	conf = load("data_dir: '${CONF_TEST}/x${CONF_EMPTY}'\n"
		    "topic: ${CONF_NONE:-a}${CONF_EMPTY:-b}$${CONF_TEST}$\n",
		    &s);
	assert_report(conf, "");
	assert_text(s.data_dir, "from env/x");
	assert_text(s.topic, "ab${CONF_TEST}$");
	conf_free(conf);

	conf = load("data_dir: /x\ntopic: a ${CONF_NONE} ${1} ${CONF_TEST\n", &s);
	assert_report(conf,
		      "t.yaml:2:8: error: environment variable 'CONF_NONE' is not set "
		      "(${CONF_NONE:-default} gives it a default)\n"
		      "t.yaml:2:8: error: '${1}' is no variable (write $${ for a literal ${)\n"
		      "t.yaml:2:8: error: '${' without '}' (write $${ for a literal ${)\n");
	conf_free(conf);
}

static void write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void test_secrets(void **state)
{
	_cleanup_(buf_release) struct buf out = BUF_INIT(1 << 20);
	char dir[SCRATCH_MAX], path[SCRATCH_MAX + 32], text[2 * SCRATCH_MAX + 192];
	struct settings s;
	struct conf *conf;

	(void)state;
	scratch_make(dir);
	snprintf(path, sizeof(path), "%s/kafka.password", dir);
	write_file(path, "hunter2\n");
	snprintf(text, sizeof(text), "tls: {ca: x, key: {file: %s}}\n", path);
	conf = load(text, &s);
	assert_report(conf, "");
	assert_text(s.tls.key, "hunter2");
	conf_print(conf, &out);
	assert_null(strstr(buf_cstr(&out), "hunter2"));
	assert_non_null(strstr(buf_cstr(&out), path));
	conf_free(conf);

	/* Inside of pairs: what sounds like a secret must be a reference, the rest may be. */
	snprintf(text, sizeof(text),
		 "kafka: {client.id: x, sasl.username: {file: %s}, sasl.password: {file: %s}}\n",
		 path, path);
	conf = load(text, &s);
	assert_report(conf, "");
	assert_int_equal(s.kafka.len, 6);
	assert_text(s.kafka.items[1], "x");
	assert_text(s.kafka.items[5], "hunter2");
	buf_reset(&out);
	conf_print(conf, &out);
	assert_null(strstr(buf_cstr(&out), "hunter2"));
	conf_free(conf);
	conf = load("kafka:\n  sasl.password: hunter2\n  a: [x]\n  ssl.key.pem: hunter2\n", &s);
	assert_report(conf, "t.yaml:2:18: error: kafka.sasl.password: a secret is given as "
			    "{file: PATH} or {credential: NAME}, never itself\n"
			    "t.yaml:3:6: error: kafka.a: expected a text\n"
			    "t.yaml:4:16: error: kafka.ssl.key.pem: a secret is given as "
			    "{file: PATH} or {credential: NAME}, never itself\n");
	conf_free(conf);

	setenv("CREDENTIALS_DIRECTORY", dir, 1);
	conf = load("tls: {ca: x, key: {credential: kafka.password}}\n", &s);
	assert_report(conf, "");
	assert_text(s.tls.key, "hunter2");
	conf_free(conf);
	conf = load("tls: {ca: x, key: {credential: ../x}}\n", &s);
	assert_report(conf, "t.yaml:1:32: error: tls.key.credential: a credential is a name, "
			    "not a path\n");
	conf_free(conf);
	unsetenv("CREDENTIALS_DIRECTORY");
	conf = load("tls: {ca: x, key: {credential: kafka.password}}\n", &s);
	assert_report(conf, "t.yaml:1:32: error: tls.key.credential: CREDENTIALS_DIRECTORY is "
			    "not set (LoadCredential= of the unit sets it)\n");
	conf_free(conf);
	scratch_remove(dir);
}

static void test_flags_override(void **state)
{
	struct settings s;
	struct conf *conf;

	(void)state;
	assert_int_equal(conf_new(&conf), 0);
	conf_load_text(conf, "t.yaml", SPAN("topic: a\ninputs: [{paths: /a}]\n"));
	assert_int_equal(conf_set(conf, "topic", SPAN("b"), "--topic"), 0);
	assert_int_equal(conf_set(conf, "inputs[+].paths[+]", SPAN("/b"), "FILE"), 0);
	assert_int_equal(conf_set(conf, "inputs[1].paths[+]", SPAN("/c"), "FILE"), 0);
	assert_int_equal(conf_set(conf, "workers", SPAN("many"), "--workers"), 0);
	assert_int_equal(conf_set(conf, "tls.ca", SPAN("/ca"), "--ca"), 0);
	assert_int_equal(conf_apply(conf, conf_root(conf), &schema, &s), -EINVAL);
	assert_report(conf, "--workers: error: workers: expected a whole number, got 'many'\n");
	assert_text(s.topic, "b");
	assert_text(s.tls.ca, "/ca");
	assert_int_equal(s.inputs.len, 2);
	const struct input *in = s.inputs.items;

	assert_int_equal(in[1].paths.len, 2);
	assert_text(in[1].paths.items[1], "/c");
	assert_true(conf_set(conf, "a[x", SPAN(""), "--bad") < 0);
	conf_free(conf);
}

static void test_includes(void **state)
{
	char dir[SCRATCH_MAX], path[SCRATCH_MAX + 32], expected[8 * SCRATCH_MAX + 512];
	static const char *const files[][2] = {
		{"main.yaml", "topic: t\ninclude: [conf.d/*.yaml, none.d/*.yaml]\n"
			      "inputs: [{paths: /main}]\n"},
		{"conf.d/10.yaml", "inputs: [{paths: /ten}]\ntls: {ca: /ca}\n"},
		{"conf.d/20.yaml", "inputs:\n- paths: /twenty\nlabels: {a: b}\n"},
		{"bad.yaml", "topic: t\ninclude:\n  - missing.yaml\n  - again.yaml\n"},
		{"again.yaml", "workers: 0\ninclude: bad.yaml\ntopic: u\n"},
	};
	struct settings s;
	struct conf *conf;

	(void)state;
	scratch_make(dir);
	snprintf(path, sizeof(path), "%s/conf.d", dir);
	assert_int_equal(io_make_dirs(path, 0700, NULL), 0);
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, files[i][0]);
		write_file(path, files[i][1]);
	}
	assert_int_equal(conf_new(&conf), 0);
	snprintf(path, sizeof(path), "%s/main.yaml", dir);
	conf_load_file(conf, path);
	conf_apply(conf, conf_root(conf), &schema, &s);
	assert_report(conf, "");
	assert_int_equal(s.inputs.len, 3);
	assert_text(((struct input *)s.inputs.items)[2].paths.items[0], "/twenty");
	assert_text(s.tls.ca, "/ca");
	assert_int_equal(s.labels.len, 2);
	conf_free(conf);

	assert_int_equal(conf_new(&conf), 0);
	snprintf(path, sizeof(path), "%s/bad.yaml", dir);
	conf_load_file(conf, path);
	conf_apply(conf, conf_root(conf), &schema, &s);
	snprintf(expected, sizeof(expected),
		 "%s/bad.yaml:3:5: error: include: cannot read %s/missing.yaml: "
		 "No such file or directory\n"
		 "%s/again.yaml:1:10: error: workers: 0 is below the minimum of 1\n"
		 "%s/again.yaml:2:10: error: include: '%s/bad.yaml' is loaded already\n"
		 "%s/again.yaml:3:1: error: 'topic' is set already at %s/bad.yaml:1:1\n",
		 dir, dir, dir, dir, dir, dir, dir);
	assert_report(conf, expected);
	conf_free(conf);
	scratch_remove(dir);
}

/* Aliases that double at each level, and a list that contains itself. */
static void test_bombs(void **state)
{
	_cleanup_(buf_release) struct buf text = BUF_INIT(1 << 20);
	struct settings s;
	struct conf *conf;

	(void)state;
	buf_puts(&text, SPAN("a0: &a0 [xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx]\n"));
	for (int i = 1; i < 30; i++)
		buf_printf(&text, "a%d: &a%d [*a%d,*a%d,*a%d,*a%d]\n", i, i, i - 1, i - 1, i - 1,
			   i - 1);
	conf = load(buf_cstr(&text), &s);
	assert_true(conf_nerrors(conf) > 0);
	conf_free(conf);
	conf = load("topic: &t [*t]\n", &s);
	assert_true(conf_nerrors(conf) > 0);
	conf_free(conf);

	buf_reset(&text);
	for (int i = 0; i < 200; i++)
		buf_printf(&text, "wrong%d: 1\n", i);
	conf = load(buf_cstr(&text), &s);
	assert_int_equal(conf_nerrors(conf), 200);
	buf_reset(&text);
	conf_report(conf, &text);
	assert_non_null(strstr(buf_cstr(&text), "error: 100 more\n"));
	conf_free(conf);
}

static void test_json_schema(void **state)
{
	_cleanup_(buf_release) struct buf out = BUF_INIT(1 << 20);
	enum json_tokener_error error;

	(void)state;
	conf_json_schema(&schema, "test.yaml", &out);
	struct json_object *root = json_tokener_parse_verbose(buf_cstr(&out), &error);

	assert_int_equal(error, json_tokener_success);
	struct json_object *properties = json_object_object_get(root, "properties");
	struct json_object *inputs = json_object_object_get(properties, "inputs");
	struct json_object *items = json_object_object_get(inputs, "items");

	assert_non_null(json_object_object_get(properties, "include"));
	assert_non_null(json_object_object_get(properties, "filters"));
	assert_int_equal(json_object_array_length(json_object_object_get(items, "allOf")), 2);
	json_object_put(root);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),
		cmocka_unit_test(test_print_again),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_defaults_without_a_file),
		cmocka_unit_test(test_environment),
		cmocka_unit_test(test_secrets),
		cmocka_unit_test(test_flags_override),
		cmocka_unit_test(test_includes),
		cmocka_unit_test(test_bombs),
		cmocka_unit_test(test_json_schema),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
