/* Command lines by table. */
#include "common/base/cleanup.h"
#include "common/base/io.h"
#include "common/conf/args.h"
#include "tests/unit/scratch.h"
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

struct opts {
	struct sl_str config;
	struct sl_list fields, rest;
	int64_t lines, since;
	int reverse, follow, output, lines_origin;
	struct sl_str histogram, when, place;
	struct sl_list servers;
};

static int check_place(struct span text, struct err *reterr)
{
	return span_starts(text, SPAN("/")) ? 0 : err_set(reterr, -EINVAL, "expected a whole path");
}

static const struct arg table[] = {
	{.opt = {.name = "config",
		 .type = SL_OPT_STR,
		 .offset = offsetof(struct opts, config),
		 .def = "/etc/x.yaml",
		 .help = "configuration file"},
	 .letter = 'c',
	 .value = "FILE"},
	{.opt = {.name = "lines",
		 .type = SL_OPT_INT,
		 .offset = offsetof(struct opts, lines),
		 .min = 1,
		 .max = 1000,
		 .help = "how many lines of the end are printed, which may be a long story that "
			 "needs a second line"},
	 .letter = 'n',
	 .value = "N",
	 .aliases = "tail|limit",
	 .flags = ARG_PER_RUN,
	 .origin = offsetof(struct opts, lines_origin)},
	{.opt = {.name = "reverse", .type = SL_OPT_BOOL, .offset = offsetof(struct opts, reverse)},
	 .letter = 'r',
	 .heading = "Output"},
	{.opt = {.name = "no-follow", .type = SL_OPT_BOOL, .offset = offsetof(struct opts, follow)},
	 .letter = 'f',
	 .flags = ARG_HIDDEN},
	{.opt = {.name = "since", .type = SL_OPT_DURATION, .offset = offsetof(struct opts, since)}},
	{.opt = {.name = "output",
		 .type = SL_OPT_ENUM,
		 .offset = offsetof(struct opts, output),
		 .choices = "short|json|table",
		 .help = "format"},
	 .letter = 'o'},
	{.opt = {.name = "field", .type = SL_OPT_LIST, .offset = offsetof(struct opts, fields)},
	 .letter = 'F',
	 .value = "NAME"},
	{.opt = {.name = "histogram",
		 .type = SL_OPT_STR,
		 .offset = offsetof(struct opts, histogram)},
	 .flags = ARG_OPTIONAL,
	 .bare = "auto",
	 .value = "STEP"},
	{.opt = {.name = "place", .type = SL_OPT_STR, .offset = offsetof(struct opts, place)},
	 .flags = ARG_HIDDEN,
	 .group = 1,
	 .check = check_place},
	{.opt = {.name = "server", .type = SL_OPT_LIST, .offset = offsetof(struct opts, servers)},
	 .flags = ARG_HIDDEN,
	 .group = 1},
	{.opt = {0}},
};

static struct args args = {
	.program = "logq",
	.usage = "[OPTION…] [QUERY…]",
	.about = "Searches logs.",
	.table = table,
	.rest = offsetof(struct opts, rest),
	.rest_max = 2,
	.env = "ARGS_TEST_",
	.epilog = "Examples: none",
};

static struct option_mem mem;
static struct err err;

static int setup(void **state)
{
	(void)state;
	option_mem_init(&mem, 1 << 20);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	option_mem_release(&mem);
	return 0;
}

/* Words separated by spaces. */
static int parse_with(const struct args *with, const char *line, struct opts *ret)
{
	char program[] = "logq", copy[512], *argv[32] = {program};
	struct span rest, word;
	int argc = 1;

	snprintf(copy, sizeof(copy), "%s", line);
	rest = span_cstr(copy);
	while (span_cut(&rest, ' ', &word)) {
		argv[argc] = copy + (word.ptr - copy);
		argv[argc++][word.len] = '\0';
	}
	*ret = (struct opts){0};
	err.text[0] = '\0';
	return args_parse(with, argc, argv, &mem, ret, &err);
}

static int parse(const char *line, struct opts *ret)
{
	return parse_with(&args, line, ret);
}

static void assert_text(struct sl_str text, const char *expected)
{
	assert_int_equal(text.len, strlen(expected));
	assert_memory_equal(text.ptr, expected, text.len);
}

static void test_spellings(void **state)
{
	static const char *const lines[] = {"-n 5 -r -o json a b",
					    "-n5 -ojson a -r b",
					    "--lines=5 -r --output json a b",
					    "-rn5 a --output=json b",
					    "--tail 5 -rojson a b",
					    "a b --limit=5 --reverse -o json"};
	struct opts o;

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		assert_int_equal(parse(lines[i], &o), 0);
		assert_int_equal(o.lines, 5);
		assert_int_equal(o.lines_origin, ARG_FLAG);
		assert_int_equal(o.reverse, 1);
		assert_int_equal(o.output, 1);
		assert_int_equal(o.rest.len, 2);
		assert_text(o.rest.items[1], "b");
		assert_text(o.config, "/etc/x.yaml");
	}
}

static void test_values(void **state)
{
	struct opts o;

	(void)state;
	assert_int_equal(parse("-F a --field=b -F c --since 1h30m", &o), 0);
	assert_int_equal(o.fields.len, 3);
	assert_text(o.fields.items[2], "c");
	assert_int_equal(o.since, INT64_C(5400000000000));
	assert_int_equal(parse("--histogram x", &o), 0);
	assert_text(o.histogram, "auto");
	assert_text(o.rest.items[0], "x");
	assert_int_equal(parse("--histogram=5m", &o), 0);
	assert_text(o.histogram, "5m");
	assert_int_equal(parse("-- -n --lines", &o), 0);
	assert_text(o.rest.items[0], "-n");
	assert_int_equal(parse("-", &o), 0);
	assert_text(o.rest.items[0], "-");
	assert_int_equal(parse("-r --reverse=no", &o), 0);
	assert_int_equal(o.reverse, 0);
	assert_int_equal(parse("-c=x --config=", &o), 0);
	assert_text(o.config, "");
	assert_int_equal(parse("-n 1 -n 7", &o), 0);
	assert_int_equal(o.lines, 7);
	assert_int_equal(o.lines_origin, ARG_FLAG);
	assert_int_equal(parse("", &o), 0);
	assert_int_equal(o.lines_origin, ARG_DEFAULT);
	assert_int_equal(parse("-r --no-reverse --no-follow", &o), 0);
	assert_int_equal(o.reverse, 0);
	assert_int_equal(o.follow, 1); /* its own name, and not a switch called follow */
	assert_int_equal(parse("--no-follow --follow", &o), 0);
	assert_int_equal(o.follow, 0);
}

static void test_errors(void **state)
{
	static const struct {
		const char *line, *text;
	} cases[] = {
		{"--sinse 1h", "unknown option '--sinse' (did you mean '--since'?)"},
		{"--rev", "unknown option '--rev' (did you mean '--reverse'?)"},
		{"--zzz=1", "unknown option '--zzz'"},
		{"-rz", "unknown option '-z'"},
		{"-n", "-n needs a value: N"},
		{"--since", "--since needs a value: VALUE"},
		{"--lines=many", "--lines: expected a whole number, got 'many'"},
		{"-n 0", "-n: 0 is below the minimum of 1"},
		{"-o jsn",
		 "-o: expected one of short, json, table, got 'jsn' (did you mean 'json'?)"},
		{"--reverse=maybe", "--reverse: expected true or false, got 'maybe'"},
		{"a b c", "unexpected argument 'c'"},
		{"--no-reverse=1", "--no-reverse takes no value"},
		{"--no-since", "unknown option '--no-since'"},
		{"--no-help", "unknown option '--no-help'"},
		{"--place=x", "--place: expected a whole path"},
		{"--place=/x --server=y", "--server doesn't go with --place"},
	};
	struct opts o;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_true(parse(cases[i].line, &o) < 0);
		assert_string_equal(err.text, cases[i].text);
	}
}

static void test_asked(void **state)
{
	struct opts o;

	(void)state;
	assert_int_equal(parse("-h", &o), ARGS_HELP);
	assert_int_equal(parse("a --help --zzz", &o), ARGS_HELP);
	assert_int_equal(parse("-V", &o), ARGS_VERSION);
	assert_int_equal(parse("--version", &o), ARGS_VERSION);
}

/* A flag goes over the environment, that over the default. */
static void test_environment(void **state)
{
	struct opts o;

	(void)state;
	setenv("ARGS_TEST_NO_FOLLOW", "1", 1);
	setenv("ARGS_TEST_LINES", "9", 1);
	setenv("ARGS_TEST_CONFIG", "/env", 1);
	setenv("ARGS_TEST_SINCE", "", 1);
	assert_int_equal(parse("-n 3", &o), 0);
	assert_int_equal(o.follow, 1);
	assert_int_equal(o.lines, 3);
	assert_text(o.config, "/env");
	setenv("ARGS_TEST_LINES", "x", 1);
	assert_true(parse("", &o) < 0);
	assert_string_equal(err.text, "ARGS_TEST_LINES: expected a whole number, got 'x'");
	unsetenv("ARGS_TEST_NO_FOLLOW");
	unsetenv("ARGS_TEST_LINES");
	unsetenv("ARGS_TEST_CONFIG");
	unsetenv("ARGS_TEST_SINCE");
}

/* A list in the environment is split at commas, and is silenced by a flag's. */
static void test_environment_lists(void **state)
{
	struct opts o;

	(void)state;
	setenv("ARGS_TEST_SERVER", "http://a:1, http://b:2", 1);
	assert_int_equal(parse("", &o), 0);
	assert_int_equal(o.servers.len, 2);
	assert_text(o.servers.items[1], "http://b:2");
	assert_int_equal(parse("--server=x", &o), 0);
	assert_int_equal(o.servers.len, 1);
	assert_int_equal(parse("--place=/x", &o), 0);
	assert_int_equal(o.servers.len, 0);
	setenv("ARGS_TEST_PLACE", "/y", 1);
	assert_true(parse("", &o) < 0);
	assert_string_equal(err.text, "ARGS_TEST_SERVER doesn't go with --place");
	assert_int_equal(parse("--server=x", &o), 0);
	assert_int_equal(o.place.len, 0);
	unsetenv("ARGS_TEST_SERVER");
	unsetenv("ARGS_TEST_PLACE");
}

/* The file. */

static const struct arg file_table[] = {
	{.opt = {.name = "lines",
		 .type = SL_OPT_INT,
		 .offset = offsetof(struct opts, lines),
		 .def = "-1",
		 .min = -1,
		 .max = 1000},
	 .letter = 'n',
	 .flags = ARG_PER_RUN},
	{.opt = {.name = "reverse", .type = SL_OPT_BOOL, .offset = offsetof(struct opts, reverse)},
	 .letter = 'r'},
	{.opt = {.name = "since",
		 .type = SL_OPT_DURATION,
		 .offset = offsetof(struct opts, since),
		 .def = "1h"}},
	{.opt = {.name = "output",
		 .type = SL_OPT_ENUM,
		 .offset = offsetof(struct opts, output),
		 .choices = "short|json|table"},
	 .letter = 'o'},
	{.opt = {.name = "place", .type = SL_OPT_STR, .offset = offsetof(struct opts, place)},
	 .group = 1,
	 .check = check_place},
	{.opt = {.name = "server", .type = SL_OPT_LIST, .offset = offsetof(struct opts, servers)},
	 .group = 1},
	{.opt = {0}},
};

static const struct args file_args = {.program = "logq",
				      .usage = "",
				      .table = file_table,
				      .rest = offsetof(struct opts, rest),
				      .rest_max = 2,
				      .env = "ARGS_TEST_",
				      .file = "logq/config.yaml",
				      .usage_code = 2};

static char dir[SCRATCH_MAX], path[SCRATCH_MAX + 32];

static void write_file(const char *text)
{
	assert_int_equal(io_replace_file(path, span_cstr(text), 0600, NULL), 0);
}

static int setup_file(void **state)
{
	char below[SCRATCH_MAX + 8];

	setup(state);
	scratch_make(dir);
	setenv("XDG_CONFIG_HOME", dir, 1);
	snprintf(below, sizeof(below), "%s/logq", dir);
	snprintf(path, sizeof(path), "%s/config.yaml", below);
	return mkdir(below, 0700);
}

static int teardown_file(void **state)
{
	scratch_remove(dir);
	unsetenv("XDG_CONFIG_HOME");
	return teardown(state);
}

static int parse_file(const char *line, struct opts *ret)
{
	return parse_with(&file_args, line, ret);
}

/* Flag over environment over file over default, for each row by itself. */
static void test_file_order(void **state)
{
	struct opts o;

	(void)state;
	unlink(path);
	assert_int_equal(parse_file("", &o), 0);
	assert_int_equal(o.since, INT64_C(3600000000000));
	write_file("since: 5m\noutput: json\nreverse: true\nserver: [http://a, http://b]\n");
	assert_int_equal(parse_file("", &o), 0);
	assert_int_equal(o.since, INT64_C(300000000000));
	assert_int_equal(o.output, 1);
	assert_int_equal(o.servers.len, 2);
	setenv("ARGS_TEST_OUTPUT", "table", 1);
	setenv("ARGS_TEST_SERVER", "c", 1);
	assert_int_equal(parse_file("--no-reverse", &o), 0);
	assert_int_equal(o.output, 2);
	assert_int_equal(o.reverse, 0);
	assert_int_equal(o.servers.len, 1);
	assert_int_equal(parse_file("-o short --place=/x", &o), 0);
	assert_int_equal(o.output, 0);
	assert_int_equal(o.reverse, 1);
	assert_int_equal(o.servers.len, 0);
	unsetenv("ARGS_TEST_OUTPUT");
	unsetenv("ARGS_TEST_SERVER");
	write_file("server: ${ARGS_TEST_HOST:-http://d}\n");
	assert_int_equal(parse_file("", &o), 0);
	assert_text(o.servers.items[0], "http://d");
	assert_int_equal(parse_file("--config=", &o), 0);
	assert_int_equal(o.servers.len, 0);
	setenv("ARGS_TEST_CONFIG", "/nonexistent/file", 1);
	assert_true(parse_file("", &o) < 0);
	assert_non_null(strstr(err.text, "/nonexistent/file"));
	assert_int_equal(parse_file("--help", &o), ARGS_HELP);
	assert_int_equal(parse_file("--config=", &o), 0);
	unsetenv("ARGS_TEST_CONFIG");
}

static void test_file_errors(void **state)
{
	static const struct {
		const char *text, *error; /* behind the path */
	} cases[] = {
		{"sinse: 5m\n", ":1:1: error: unknown key 'sinse' (did you mean 'since'?)"},
		{"since: 5m\nsince: 6m\n", ":2:1: error: duplicate key 'since' (first at line 1)"},
		{"lines: 5\n", ":1:1: error: 'lines' is about one run: give it as --lines"},
		{"since: soon\n", ":1:8: error: since: expected a duration"},
		{"output: [json]\n", ":1:9: error: output: expected one of short, json, table"},
		{"output: jsn\n", "(did you mean 'json'?)"},
		{"place: x\n", ":1:8: error: place: expected a whole path"},
		{"place: /x\nserver: y\n", ":2:9: error: server doesn't go with --place"},
		{"server: ${ARGS_TEST_NONE}\n", "'ARGS_TEST_NONE' is not set"},
		{"- a\n", ":1:1: error: expected keys and values"},
		{"a: [\n", "not YAML"},
		{"sinse: 5m\noutput: jsn\n", ":2:9: error: output:"},
		{"sinse: 5m\noutput: jsn\n", ":1:1: error: unknown key 'sinse'"},
	};
	struct opts o;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		write_file(cases[i].text);
		assert_int_equal(parse_file("", &o), -EINVAL);
		if (!strstr(err.text, cases[i].error) || !strstr(err.text, path))
			fail_msg("%s: got %s", cases[i].text, err.text);
		assert_int_equal(parse_file("--config=", &o), 0);
	}
}

/* --print-config: a file that says the same, and where each value is from. */
static void test_file_print(void **state)
{
	_cleanup_(buf_release) struct buf expected = BUF_INIT(4096);
	_cleanup_(buf_release) struct buf got = BUF_INIT(1 << 16);
	char *argv[] = {(char[]){"logq"}, (char[]){"--print-config"}, (char[]){"-n5"},
			(char[]){"--server=x"}, (char[]){"--server=y z"}};
	int before = dup(STDOUT_FILENO), fd = memfd_create("out", 0);
	struct opts o = {0};
	char self[64];

	(void)state;
	write_file("since: 5m\nplace: /x\n");
	setenv("ARGS_TEST_OUTPUT", "table", 1);
	buf_printf(&expected,
		   "# lines: 5  # --lines\n"
		   "reverse: false  # default\n"
		   "since: 5m  # %s:1\n"
		   "output: table  # ARGS_TEST_OUTPUT\n"
		   "server:  # --server\n  - x\n  - \"y z\"\n",
		   path);
	fflush(stdout);
	dup2(fd, STDOUT_FILENO);
	int code = args_run(&file_args, 5, argv, &mem, &o);

	dup2(before, STDOUT_FILENO);
	close(before);
	unsetenv("ARGS_TEST_OUTPUT");
	assert_int_equal(code, 0);
	snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
	assert_int_equal(io_read_file(self, &got, NULL), 0);
	assert_string_equal(buf_cstr(&got), buf_cstr(&expected));
	close(fd);
}

static void test_help(void **state)
{
	_cleanup_(buf_release) struct buf out = BUF_INIT(1 << 16);

	(void)state;
	args_help(&args, &out);
	assert_string_equal(
		buf_cstr(&out),
		"Usage: logq [OPTION…] [QUERY…]\n"
		"Searches logs.\n"
		"\n"
		"Options:\n"
		"  -c, --config FILE           configuration file (default /etc/x.yaml)\n"
		"  -n, --lines N               how many lines of the end are printed, which may\n"
		"                              be a long story that needs a second line\n"
		"\n"
		"Output:\n"
		"  -r, --reverse\n"
		"      --since VALUE\n"
		"  -o, --output VALUE          format: one of short, json, table\n"
		"  -F, --field NAME\n"
		"      --histogram[=STEP]\n"
		"  -h, --help                  print this help\n"
		"  -V, --version               print the version\n"
		"\n"
		"Examples: none\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_spellings),   cmocka_unit_test(test_values),
		cmocka_unit_test(test_errors),      cmocka_unit_test(test_asked),
		cmocka_unit_test(test_environment), cmocka_unit_test(test_environment_lists),
		cmocka_unit_test(test_help),
	};
	const struct CMUnitTest file_tests[] = {
		cmocka_unit_test(test_file_order),
		cmocka_unit_test(test_file_errors),
		cmocka_unit_test(test_file_print),
	};

	return cmocka_run_group_tests(tests, setup, teardown) +
	       cmocka_run_group_tests(file_tests, setup_file, teardown_file);
}
