/* test_logq_ask.c - flags and words to the query that they mean. */
#include "aggregator/logq/ask.h"
#include "common/base/clock.h"
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
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

#define LAST5 "service:=payment err | sort by (_time desc, log.offset desc) limit 5"

static const struct {
	const char *line, *query; /* as --print-query prints it */
} queries[] = {
	{"-S 1h", "* | sort by (_time, log.offset)"},
	{"-S 1h error", "error | sort by (_time, log.offset)"},
	{"-S 1h error timeout", "error timeout | sort by (_time, log.offset)"},
	{"-S 1h -u payment a or b", "service:=payment (a or b) | sort by (_time, log.offset)"},
	{"-S 1h -u pay* x", "service:=pay* x | sort by (_time, log.offset)"},
	{"-S 1h -u a -u b", "service:=a or service:=b | sort by (_time, log.offset)"},
	{"-S 1h -p err", "level:in(ERROR,FATAL) | sort by (_time, log.offset)"},
	{"-S 1h -p 4", "level:in(ERROR,FATAL,WARN) | sort by (_time, log.offset)"},
	{"-S 1h -p info..warning", "level:in(INFO,WARN) | sort by (_time, log.offset)"},
	{"-S 1h -g a.*b", "~\"a.*b\" | sort by (_time, log.offset)"},
	{"-S 1h -v -i -g x", "!~\"(?i)x\" | sort by (_time, log.offset)"},
	{"-S 1h -v error", "!error | sort by (_time, log.offset)"},
	{"-S 1h -n 5", "* | sort by (_time desc, log.offset desc) limit 5"},
	{"-S 1h -r", "* | sort by (_time desc, log.offset desc)"},
	{"-S 1h -n 5 x~|~fields~a", "x | sort by (_time desc, log.offset desc) | fields a"},
	{"-S 1h x~|~fields~a", "x | sort by (_time, log.offset) | fields a"},
	{"-S 1h -c x", "x | stats count(*) as \"count\""},
	{"-S 1h x~|~stats~count()~n", "x | stats count(*) as n"},
	{"-S 1h -N", "* | field_names"},
	{"-f x", "x"},
	{"-S 1h -C 2 x", "x | stream_context before 2 after 2"},
	{"-S 1h -A 1 -B 3 x~|~fields~a", "x | stream_context before 3 after 1 | fields a"},
	{"-S 1h -A 1 -C 3 x", "x | stream_context before 3 after 3"},
	{"-S 1h -F a", "* | stats by (a) count(*) as \"count\" | sort by (\"count\" desc, a)"},
	{"-S 1h --patterns -n 3", "* | patterns limit 10"},

	/* Each spelling is the same. */
	{"--since=1h --service=payment --tail=5 err", LAST5},
	{"--since 1h --unit payment --limit 5 err", LAST5},
	{"--since-time 1h -upayment -n5 err", LAST5},
	{"-S1h -u payment --lines 5 err", LAST5},
	{"err -n 5 -S 1h -u payment", LAST5},
	{"-S 1h -n 9 -n 5 -u payment -- err", LAST5},
	{"-S 1h -rn 5 -u payment err", LAST5},
	{"-S 1h --reverse --no-reverse -n 5 -u payment err", LAST5},
	{"-S 1h --regexp=a.*b", "~\"a.*b\" | sort by (_time, log.offset)"},
	{"-S 1h --level=error", "level:in(ERROR,FATAL) | sort by (_time, log.offset)"},
	{"-S 1h -ivg x", "!~\"(?i)x\" | sort by (_time, log.offset)"},
	{"-cS 1h x", "x | stats count(*) as \"count\""},
	{"-S 1h -- -x", "!x | sort by (_time, log.offset)"},
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
	{"-i x", "-i belongs to -g", false},
	{"x ./no-such-file", "there is no file", false},
	{"x no-such.log", "there is no file", false},
	{"x~|~limit~y", "limit", true},
	{"(a", "", true},
	{"-g (", "in what the flags mean", false},

	/* What contradicts. */
	{"-f -r", "-f has no end", false},
	{"-f -U now", "-f has no end", false},
	{"--cursor-file x -r", "--cursor-file goes forward", false},
	{"--cursor-file x -n 5", "--cursor-file goes forward", false},
	{"--cursor-file x -U now", "doesn't go with -U", false},
	{"--cursor-file x --bus dir:///x", "doesn't go with --bus", false},
	{"--cursor-file x -", "goes with -D or a server", false},
	{"--cursor-file x /dev/null", "goes with -D or a server", false},
	{"-D /x -", "'-' is a file to search", false},
	{"--parse=json x", "--parse is about lines of files", false},
	{"--multiline=go -D /x", "--multiline is about lines of files", false},
	{"-f --multiline=go - /dev/null", "-f with --multiline takes one file", false},
	{"--server=unix:/x /dev/null", "'/dev/null' is a file to search", false},
	{"--bus=dir:///x /dev/null", "'/dev/null' is a file to search", false},
	{"-A 1 -c", "-A, -B and -C show rows", false},
	{"-C 1 -F a", "-A, -B and -C show rows", false},
	{"-B 1 --histogram", "-A, -B and -C show rows", false},
	{"-f -A 1", "-f doesn't go with -A, -B or -C", false},
	{"--cursor-file x -C 1", "doesn't go with -A, -B or -C", false},
	{"-c -n 5", "-c counts all", false},
	{"-c -m 5", "-c counts all", false},
	{"-c -r", "-c counts all", false},
	{"--histogram -n 5", "--histogram counts all", false},
	{"-F a -r", "order of their own", false},
	{"-r x~|~stats~count()", "`stats` has an order of its own", false},
	{"-n 0", "-n 0 shows nothing", false},
	{"-m 0", "-m 0 shows nothing", false},
	{"-S now -U 1h", "-S is not before -U", false},
	{"-S today -U today", "-S is not before -U", false},
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

/* Mistakes that need no query to be seen: all of them name the flag. */
static const struct {
	const char *line, *message;
} wrong[] = {
	{"-S sometimes", "logq: -S: 'sometimes' is no time"},
	{"--until later", "logq: --until: 'later' is no time"},
	{"-n many", "logq: -n: expected a whole number, got 'many'"},
	{"-n -2", "logq: -n: -2 is below the minimum of -1"},
	{"-n", "logq: -n needs a value: N"},
	{"-A x", "logq: -A: expected a whole number"},
	{"-o jsn", "logq: -o: 'jsn' is no format"},
	{"-o jsn", "(did you mean 'json'?)"},
	{"--color=sometimes", "logq: --color: expected one of auto, always, never"},
	{"--timeout soon", "logq: --timeout: expected a duration"},
	{"--window 1ms", "logq: --window: 1ms is below the minimum of 1s"},
	{"--sinse 1h", "logq: unknown option '--sinse' (did you mean '--since'?)"},
	{"--no-folow", "logq: unknown option '--no-folow'"},
	{"-Z", "logq: unknown option '-Z'"},
	{"--histogram=5", "logq: --histogram: the step needs a unit: 30s, 5m, 1d"},
	{"-error", "logq: unknown option '-e'; a query that begins with '-' stands behind '--', or "
		   "write '!' for '-'"},
	{"-fZ", "logq: unknown option '-Z'"},
	{"-D /x --server=unix:/y", "logq: --server doesn't go with --dir"},
	{"--bus dir:///x -D /y", "logq: -D doesn't go with --bus"},
	{"-c -N", "logq: -N doesn't go with --count"},
	{"-F a --patterns", "logq: --patterns doesn't go with --field"},
	{"--histogram -F a", "logq: -F doesn't go with --histogram"},
};

static void test_wrong_flags(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		int before = dup(STDERR_FILENO), fd = memfd_create("err", 0), code;
		struct option_mem mem;
		struct options opts;
		char text[4096];
		ssize_t n;

		dup2(fd, STDERR_FILENO);
		code = parse(wrong[i].line, &mem, &opts);
		dup2(before, STDERR_FILENO);
		close(before);
		option_mem_release(&mem);
		n = pread(fd, text, sizeof(text) - 1, 0);
		close(fd);
		text[n > 0 ? n : 0] = 0;
		if (code != LOGQ_ERROR || !strstr(text, wrong[i].message))
			fail_msg("%s: %d, got '%s'", wrong[i].line, code, text);
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
		cmocka_unit_test(test_wrong_flags),
		cmocka_unit_test(test_times_files_and_limits),
	};

	setenv("XDG_CONFIG_HOME", "/nonexistent", 1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
