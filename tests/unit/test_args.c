/* Command lines by table. */
#include "common/base/cleanup.h"
#include "common/conf/args.h"
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

struct opts {
	struct sl_str config;
	struct sl_list fields, rest;
	int64_t lines, since;
	int reverse, follow, output, lines_given;
	struct sl_str histogram, when;
};

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
	 .given = offsetof(struct opts, lines_given)},
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
static int parse(const char *line, struct opts *ret)
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
	return args_parse(&args, argc, argv, &mem, ret, &err);
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
		assert_int_equal(o.lines_given, 1);
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
	assert_int_equal(o.lines_given, 2);
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
		cmocka_unit_test(test_environment), cmocka_unit_test(test_help),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
