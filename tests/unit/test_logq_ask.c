/* test_logq_ask.c - flags and words to the query that they mean. */
#include "aggregator/logq/ask.h"
#include "common/base/clock.h"
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* 2026-03-01T12:34:56Z */
#define NOW (INT64_C(1772368496) * NS_PER_SEC)

#define ARGS_MAX 16

/* A command line of words separated by spaces; `~` in a word is a space. */
static int parse(const char *line, struct option_mem *mem, struct options *opts)
{
	static char text[512];
	static char *argv[ARGS_MAX];
	int argc = 0;
	char *rest;

	snprintf(text, sizeof(text), "logq %s", line);
	for (char *word = strtok_r(text, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
		for (char *c = word; *c; c++)
			if (*c == '~')
				*c = ' ';
		assert_true(argc < ARGS_MAX - 1);
		argv[argc++] = word;
	}
	argv[argc] = NULL;
	*opts = (struct options){0};
	option_mem_init(mem, 1 << 20);
	return logq_options_parse(argc, argv, mem, opts);
}

static const struct {
	const char *line, *query; /* as --print-query prints it */
} queries[] = {
	{"-S 1h", "* | sort by (_time, \"log.offset\")"},
	{"-S 1h error", "error | sort by (_time, \"log.offset\")"},
	{"-S 1h error timeout", "error timeout | sort by (_time, \"log.offset\")"},
	{"-S 1h -u payment a or b", "service:=payment (a or b) | sort by (_time, \"log.offset\")"},
	{"-S 1h -u pay* x", "service:=pay* x | sort by (_time, \"log.offset\")"},
	{"-S 1h -u a -u b", "service:=a or service:=b | sort by (_time, \"log.offset\")"},
	{"-S 1h -p err", "level:in(ERROR, FATAL) | sort by (_time, \"log.offset\")"},
	{"-S 1h -p 4", "level:in(ERROR, FATAL, WARN) | sort by (_time, \"log.offset\")"},
	{"-S 1h -p info..warning", "level:in(INFO, WARN) | sort by (_time, \"log.offset\")"},
	{"-S 1h -g a.*b", "~\"a.*b\" | sort by (_time, \"log.offset\")"},
	{"-S 1h -v -i -g x", "!~\"(?i)x\" | sort by (_time, \"log.offset\")"},
	{"-S 1h -v error", "!error | sort by (_time, \"log.offset\")"},
	{"-S 1h -n 5", "* | sort by (_time desc, \"log.offset\" desc) limit 5"},
	{"-S 1h -r", "* | sort by (_time desc, \"log.offset\" desc)"},
	{"-S 1h -n 5 x~|~fields~a", "x | sort by (_time desc, \"log.offset\" desc) | fields a"},
	{"-S 1h x~|~fields~a", "x | sort by (_time, \"log.offset\") | fields a"},
	{"-S 1h -c x", "x | stats count(*) as \"count\""},
	{"-S 1h x~|~stats~count()~n", "x | stats count(*) as n"},
	{"-S 1h -N", "* | field_names"},
	{"-f x", "x"},
};

static void test_queries(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(queries) / sizeof(queries[0]); i++) {
		struct option_mem mem;
		struct options opts;
		struct ask ask;
		struct err err = {0};
		struct buf text = BUF_INIT(4096);

		assert_int_equal(parse(queries[i].line, &mem, &opts), -1);
		if (ask_init(&ask, &opts, NOW, &err) < 0)
			fail_msg("%s: %s", queries[i].line, err.text);
		query_print(ask.query, &text);
		if (strcmp(buf_cstr(&text), queries[i].query) != 0)
			fail_msg("%s: got %s, expected %s", queries[i].line, buf_cstr(&text),
				 queries[i].query);
		buf_release(&text);
		ask_release(&ask);
		option_mem_release(&mem);
	}
}

static const struct {
	const char *line, *message;
	bool syntax;
} errors[] = {
	{"-p loud", "is no level", false},
	{"-S sometimes", "-S: 'sometimes' is no time", false},
	{"-U later", "-U: 'later' is no time", false},
	{"-i x", "-i belongs to -g", false},
	{"--cursor-file x -r", "--cursor-file goes forward", false},
	{"-f -r", "-f has no end", false},
	{"x ./no-such-file", "there is no file", false},
	{"x no-such.log", "there is no file", false},
	{"x~|~limit~y", "limit", true},
	{"(a", "", true},
	{"-g (", "in what the flags mean", false},
};

static void test_errors(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		struct option_mem mem;
		struct options opts;
		struct ask ask;
		struct err err = {0};

		assert_int_equal(parse(errors[i].line, &mem, &opts), -1);
		if (ask_init(&ask, &opts, NOW, &err) == 0)
			fail_msg("%s: no error", errors[i].line);
		if (!strstr(err.text, errors[i].message) || ask.syntax != errors[i].syntax)
			fail_msg("%s: got '%s'", errors[i].line, err.text);
		ask_release(&ask);
		option_mem_release(&mem);
	}
}

static void test_times_files_and_limits(void **state)
{
	char path[] = "/tmp/test_logq_ask.XXXXXX.log", line[128];
	int fd = mkstemps(path, 4);
	struct option_mem mem;
	struct options opts;
	struct ask ask;

	(void)state;
	assert_true(fd >= 0);
	close(fd);
	snprintf(line, sizeof(line), "-z -S 10m -U 12:30 -n 3 -m 7 error %s -", path);
	assert_int_equal(parse(line, &mem, &opts), -1);
	assert_int_equal(ask_init(&ask, &opts, NOW, NULL), 0);
	assert_int_equal(ask.files.len, 2);
	assert_int_equal(ask.min_time, NOW - 600 * NS_PER_SEC);
	assert_int_equal(ask.max_time, NOW - 296 * NS_PER_SEC - 1);
	assert_int_equal(ask.limit, 3);
	assert_true(ask.reversed);
	ask_release(&ask);
	option_mem_release(&mem);
	unlink(path);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_queries),
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_times_files_and_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
