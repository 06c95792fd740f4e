/* options.c - the table of flags. */
#include "aggregator/logq/options.h"
#include "common/base/clock.h"
#include "common/lang/number.h"
#include "common/lang/time_arg.h"
#include "common/parse/multiline.h"
#include "common/parse/parse.h"
#include <errno.h>
#include <stddef.h>

#define AT(member) .offset = offsetof(struct options, member)

/* Of each of them one may be given: where rows are from, and what is made of them. */
enum { GROUP_NONE, GROUP_SOURCE, GROUP_VIEW };

static int check_time(struct span text, struct err *reterr)
{
	int64_t ns;

	return time_arg_parse(text, clock_real_ns(), false, &ns, reterr);
}

static int check_output(struct span text, struct err *reterr)
{
	enum output_format format;
	struct span template;

	return output_parse(text, &format, &template, reterr);
}

/* A pattern that does not compile says where, all else is about the whole text. */
static int where_in_pattern(int r, struct err *reterr)
{
	return r < 0 && reterr->offset
		       ? err_prefix(reterr, r, "byte %zu of the pattern", reterr->offset)
		       : r;
}

static int check_parse(struct span text, struct err *reterr)
{
	struct parser *parser = NULL;
	int r = parser_new(text, &parser, reterr);

	parser_free(parser);
	return where_in_pattern(r, reterr);
}

static int check_multiline(struct span text, struct err *reterr)
{
	struct multiline multiline;
	int r = multiline_init(&multiline, text, reterr);

	multiline_release(&multiline);
	return where_in_pattern(r, reterr);
}

/* A number alone would be nanoseconds, of which nobody wants a line each. */
static int check_step(struct span text, struct err *reterr)
{
	uint64_t number;

	if (!lang_u64(text, &number))
		return 0;
	return err_set(reterr, -EINVAL, "the step needs a unit: 30s, 5m, 1d");
}

static const struct arg table[] = {
	{.opt = {.name = "since",
		 .type = SL_OPT_STR,
		 AT(since),
		 .help = "from then on: 10m, 2d, today, 12:30, RFC 3339, @epoch (default 1h)"},
	 .letter = 'S',
	 .value = "TIME",
	 .heading = "Which rows",
	 .aliases = "since-time",
	 .origin = offsetof(struct options, since_origin),
	 .check = check_time},
	{.opt = {.name = "until", .type = SL_OPT_STR, AT(until), .help = "up to then"},
	 .letter = 'U',
	 .value = "TIME",
	 .flags = ARG_PER_RUN,
	 .aliases = "until-time",
	 .check = check_time},
	{.opt = {.name = "lines",
		 .type = SL_OPT_INT,
		 AT(lines),
		 .def = "-1",
		 .min = -1,
		 .max = INT64_C(1) << 40,
		 .help = "the last N rows"},
	 .letter = 'n',
	 .value = "N",
	 .aliases = "tail|limit",
	 .flags = ARG_PER_RUN},
	{.opt = {.name = "max-count",
		 .type = SL_OPT_INT,
		 AT(max_rows),
		 .def = "-1",
		 .min = -1,
		 .max = INT64_C(1) << 40,
		 .help = "stop after N rows"},
	 .letter = 'm',
	 .value = "N",
	 .flags = ARG_PER_RUN},
	{.opt = {.name = "follow",
		 .type = SL_OPT_BOOL,
		 AT(follow),
		 .help = "new rows as they come"},
	 .letter = 'f',
	 .flags = ARG_PER_RUN},
	{.opt = {.name = "reverse", .type = SL_OPT_BOOL, AT(reverse), .help = "newest first"},
	 .letter = 'r',
	 .flags = ARG_PER_RUN},
	{.opt = {.name = "priority",
		 .type = SL_OPT_STR,
		 AT(priority),
		 .help = "this level and worse: err, warning, info … or 0 to 7; a..b is a range"},
	 .letter = 'p',
	 .value = "LEVEL",
	 .aliases = "level",
	 .flags = ARG_PER_RUN},
	{.opt = {.name = "service",
		 .type = SL_OPT_LIST,
		 AT(services),
		 .help = "of this service (name*); may be repeated"},
	 .letter = 'u',
	 .value = "NAME",
	 .aliases = "unit",
	 .flags = ARG_PER_RUN},
	{.opt = {.name = "host",
		 .type = SL_OPT_LIST,
		 AT(hosts),
		 .help = "of this host (name*); may be repeated"},
	 .letter = 'H',
	 .value = "NAME",
	 .flags = ARG_PER_RUN},
	{.opt = {.name = "trace", .type = SL_OPT_LIST, AT(traces), .help = "of this trace"},
	 .letter = 't',
	 .value = "ID",
	 .flags = ARG_PER_RUN},
	{.opt = {.name = "grep",
		 .type = SL_OPT_STR,
		 AT(grep),
		 .help = "whose message matches the regular expression"},
	 .letter = 'g',
	 .value = "RE",
	 .flags = ARG_PER_RUN,
	 .aliases = "regexp"},
	{.opt = {.name = "ignore-case",
		 .type = SL_OPT_BOOL,
		 AT(ignore_case),
		 .help = "… in any case"},
	 .letter = 'i',
	 .flags = ARG_PER_RUN},
	{.opt = {.name = "invert-match",
		 .type = SL_OPT_BOOL,
		 AT(invert),
		 .help = "… does not match"},
	 .letter = 'v',
	 .flags = ARG_PER_RUN},
	{.opt = {.name = "after-context",
		 .type = SL_OPT_INT,
		 AT(after),
		 .min = 0,
		 .max = 10000,
		 .help = "and N rows after each, of the same stream"},
	 .letter = 'A',
	 .value = "N",
	 .flags = ARG_PER_RUN},
	{.opt = {.name = "before-context",
		 .type = SL_OPT_INT,
		 AT(before),
		 .min = 0,
		 .max = 10000,
		 .help = "and N rows before each"},
	 .letter = 'B',
	 .value = "N",
	 .flags = ARG_PER_RUN},
	{.opt = {.name = "context",
		 .type = SL_OPT_INT,
		 AT(context),
		 .min = 0,
		 .max = 10000,
		 .help = "both"},
	 .letter = 'C',
	 .value = "N",
	 .flags = ARG_PER_RUN},

	{.opt = {.name = "count", .type = SL_OPT_BOOL, AT(count), .help = "how many"},
	 .letter = 'c',
	 .heading = "What of them",
	 .flags = ARG_PER_RUN,
	 .group = GROUP_VIEW},
	{.opt = {.name = "field",
		 .type = SL_OPT_STR,
		 AT(field),
		 .help = "the values of a field, and how often each occurs"},
	 .letter = 'F',
	 .value = "FIELD",
	 .flags = ARG_PER_RUN,
	 .group = GROUP_VIEW},
	{.opt = {.name = "fields",
		 .type = SL_OPT_BOOL,
		 AT(names),
		 .help = "the names of all fields"},
	 .letter = 'N',
	 .flags = ARG_PER_RUN,
	 .group = GROUP_VIEW},
	{.opt = {.name = "patterns",
		 .type = SL_OPT_BOOL,
		 AT(patterns),
		 .help = "messages that differ in numbers and ids only, counted"},
	 .flags = ARG_PER_RUN,
	 .group = GROUP_VIEW},
	{.opt = {.name = "histogram",
		 .type = SL_OPT_STR,
		 AT(histogram),
		 .help = "how many over time, as bars"},
	 .value = "STEP",
	 .flags = ARG_PER_RUN | ARG_OPTIONAL,
	 .bare = "auto",
	 .group = GROUP_VIEW,
	 .check = check_step},

	{.opt = {.name = "dir",
		 .type = SL_OPT_STR,
		 AT(dir),
		 .help = "an index on disk, also while an aggregator writes it"},
	 .letter = 'D',
	 .value = "DIR",
	 .heading = "From where (default: the local aggregator)",
	 .origin = offsetof(struct options, source_origin),
	 .group = GROUP_SOURCE,
	 .aliases = "directory"},
	{.opt = {.name = "server",
		 .type = SL_OPT_LIST,
		 AT(servers),
		 .help = "an aggregator: http://HOST:PORT or unix:PATH; several are merged"},
	 .value = "URL",
	 .origin = offsetof(struct options, source_origin),
	 .group = GROUP_SOURCE},
	{.opt = {.name = "bus",
		 .type = SL_OPT_STR,
		 AT(bus),
		 .help = "what is on a bus now: kafka://HOST:PORT/TOPIC or dir:///PATH"},
	 .value = "URI",
	 .aliases = "kafka",
	 .origin = offsetof(struct options, source_origin),
	 .group = GROUP_SOURCE},
	{.opt = {.name = "parse",
		 .type = SL_OPT_STR,
		 AT(parse),
		 .def = "auto",
		 .help = "format of the lines of files: auto, json, logfmt, plain, cri, syslog, "
			 "access, klog or regex:PATTERN"},
	 .value = "FORMAT",
	 .origin = offsetof(struct options, parse_origin),
	 .check = check_parse},
	{.opt = {.name = "multiline",
		 .type = SL_OPT_STR,
		 AT(multiline),
		 .def = "none",
		 .help = "which of them are one row: none, auto, java, python, go, indent or "
			 "start:REGEX"},
	 .value = "MODE",
	 .origin = offsetof(struct options, multiline_origin),
	 .check = check_multiline},
	{.opt = {.name = "cursor-file",
		 .type = SL_OPT_STR,
		 AT(cursor_file),
		 .help = "go on where the run before ended; the place is kept in FILE"},
	 .value = "FILE",
	 .flags = ARG_PER_RUN},

	{.opt = {.name = "output",
		 .type = SL_OPT_STR,
		 AT(output),
		 .def = "auto",
		 .help = "auto, short, short-iso, pretty, verbose, json, logfmt, csv, cat, table "
			 "or template='…<field>…'"},
	 .letter = 'o',
	 .value = "FORMAT",
	 .heading = "How",
	 .check = check_output},
	{.opt = {.name = "utc", .type = SL_OPT_BOOL, AT(utc), .help = "times in UTC"},
	 .letter = 'z'},
	{.opt = {.name = "color",
		 .type = SL_OPT_ENUM,
		 AT(color),
		 .def = "auto",
		 .choices = "auto|always|never",
		 .help = "colors"},
	 .value = "WHEN",
	 .aliases = "colour"},
	{.opt = {.name = "highlight",
		 .type = SL_OPT_BOOL,
		 AT(highlight),
		 .def = "true",
		 .help = "paint what matched, where there are colors (default)"}},
	{.opt = {.name = "no-pager",
		 .type = SL_OPT_BOOL,
		 AT(no_pager),
		 .help = "never through a pager"}},
	{.opt = {.name = "window",
		 .type = SL_OPT_DURATION,
		 AT(window),
		 .def = "10s",
		 .min = 1000000000,
		 .max = INT64_C(3600000000000),
		 .help = "-f with stats: the time that an answer is about"},
	 .value = "TIME"},
	{.opt = {.name = "timeout",
		 .type = SL_OPT_DURATION,
		 AT(timeout),
		 .min = 0,
		 .max = 0,
		 .help = "give up after this time"},
	 .value = "TIME"},
	{.opt = {.name = "explain",
		 .type = SL_OPT_BOOL,
		 AT(explain),
		 .help = "say what would be done, and don't"},
	 .flags = ARG_PER_RUN},
	{.opt = {.name = "stats",
		 .type = SL_OPT_BOOL,
		 AT(stats),
		 .help = "say what it cost, on stderr"}},
	{.opt = {.name = "check-query",
		 .type = SL_OPT_BOOL,
		 AT(check_query),
		 .help = "only check the query's text"},
	 .flags = ARG_PER_RUN},
	{.opt = {.name = "print-query",
		 .type = SL_OPT_BOOL,
		 AT(print_query),
		 .help = "print the query as it is understood, with what flags add"},
	 .flags = ARG_PER_RUN},
	{.opt = {.name = "complete",
		 .type = SL_OPT_STR,
		 AT(complete),
		 .help = "what may come next in a query, behind a dot; for shells"},
	 .value = ".QUERY",
	 .flags = ARG_PER_RUN | ARG_HIDDEN},
	{.opt = {.name = "patience",
		 .type = SL_OPT_DURATION,
		 AT(patience),
		 .def = "60ms",
		 .min = 1000000,
		 .max = INT64_C(3600000000000),
		 .help = "how long a completion or a hint may look at all rows, then at some"},
	 .value = "TIME",
	 .flags = ARG_PER_RUN | ARG_HIDDEN},
	{.opt = {0}},
};

static const struct args spec = {
	.program = "logq",
	.usage = "[OPTION…] [QUERY…] [FILE…|-]\n"
		 "       logq [OPTION…] trace ID",
	.about = "Searches logs with LogsQL: an aggregator, an index, a bus, files or stdin.",
	.table = table,
	.rest = offsetof(struct options, words),
	.rest_max = 10000,
	.env = "LOGQ_",
	.file = "logq/config.yaml",
	.usage_code = LOGQ_ERROR,
	.dashed = "a query that begins with '-' stands behind '--', or write '!' for '-'",
	.epilog =
		"--no-NAME turns a switch off.  Each option may be set as LOGQ_NAME, and those\n"
		"that are not about one run in ~/.config/logq/config.yaml.\n\n"
		"Exit status: 0 found, 1 none, 2 error, 3 the answer is partial, 130 interrupted.\n"
		"\n"
		"Examples:\n"
		"  logq -S 10m -p err\n"
		"  logq -f -u payment 'http.status:>=500'\n"
		"  logq 'error | stats by (service) count() n | sort by (n desc)'\n"
		"  logq -o json 'order_id:=A-1009' app.log old.log.gz\n",
};

int logq_options_parse(int argc, char *const argv[], struct option_mem *mem, struct options *ret)
{
	return args_run(&spec, argc, argv, mem, ret);
}

int output_parse(struct span text, enum output_format *ret, struct span *ret_template,
		 struct err *reterr)
{
	static const char *const names[] = {
		[OUTPUT_AUTO] = "auto",
		[OUTPUT_SHORT] = "short",
		[OUTPUT_SHORT_ISO] = "short-iso",
		[OUTPUT_PRETTY] = "pretty",
		[OUTPUT_VERBOSE] = "verbose",
		[OUTPUT_JSON] = "json",
		[OUTPUT_LOGFMT] = "logfmt",
		[OUTPUT_CSV] = "csv",
		[OUTPUT_CAT] = "cat",
		[OUTPUT_TABLE] = "table",
	};
	struct nearest near;

	if (span_starts(text, SPAN("template="))) {
		*ret = OUTPUT_TEMPLATE;
		*ret_template = span_skip(text, strlen("template="));
		return 0;
	}
	nearest_init(&near, text);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (span_eq(text, span_cstr(names[i]))) {
			*ret = (enum output_format)i;
			return 0;
		}
		nearest_try(&near, span_cstr(names[i]));
	}
	return err_set(reterr, -EINVAL,
		       "'%.*s' is no format: expected auto, short, short-iso, pretty, verbose, "
		       "json, logfmt, csv, cat, table or template=…%s%.*s%s",
		       SPAN_FMT(text), near.best.len ? " (did you mean '" : "", SPAN_FMT(near.best),
		       near.best.len ? "'?)" : "");
}

/* What contradicts. */

enum {
	HAS_FOLLOW = 1,
	HAS_REVERSE = 2,
	HAS_UNTIL = 4,
	HAS_LINES = 8,
	HAS_MAX = 16,
	HAS_CURSOR = 32,
	HAS_BUS = 64,
	HAS_CONTEXT = 128,
	HAS_COUNT = 256,
	HAS_HISTOGRAM = 512,
	HAS_LIST = 1024, /* -F, -N, --patterns */
};

static unsigned flags_given(const struct options *opts)
{
	return (opts->follow ? HAS_FOLLOW : 0) | (opts->reverse ? HAS_REVERSE : 0) |
	       (opts->until.len ? HAS_UNTIL : 0) | (opts->lines >= 0 ? HAS_LINES : 0) |
	       (opts->max_rows >= 0 ? HAS_MAX : 0) | (opts->cursor_file.len ? HAS_CURSOR : 0) |
	       (opts->bus.len ? HAS_BUS : 0) |
	       (opts->after || opts->before || opts->context ? HAS_CONTEXT : 0) |
	       (opts->count ? HAS_COUNT : 0) | (opts->histogram.len ? HAS_HISTOGRAM : 0) |
	       (opts->field.len || opts->names || opts->patterns ? HAS_LIST : 0);
}

int options_check(const struct options *opts, struct err *reterr)
{
	static const struct {
		unsigned one, others;
		const char *text;
	} conflicts[] = {
		{HAS_FOLLOW, HAS_REVERSE | HAS_UNTIL, "-f has no end: it doesn't go with -r or -U"},
		{HAS_FOLLOW, HAS_CONTEXT,
		 "-f doesn't go with -A, -B or -C: what comes after a row isn't known yet"},
		{HAS_CURSOR, HAS_REVERSE | HAS_LINES,
		 "--cursor-file goes forward in time: it doesn't go with -r or -n (-m stops after "
		 "N rows)"},
		{HAS_CURSOR, HAS_CONTEXT,
		 "--cursor-file doesn't go with -A, -B or -C: rows around others would come twice"},
		{HAS_CURSOR, HAS_UNTIL, "--cursor-file doesn't go with -U"},
		{HAS_CURSOR, HAS_BUS, "--cursor-file doesn't go with --bus"},
		{HAS_CONTEXT, HAS_COUNT | HAS_HISTOGRAM | HAS_LIST,
		 "-A, -B and -C show rows: they don't go with -c, -F, -N, --patterns or "
		 "--histogram"},
		{HAS_COUNT, HAS_LINES | HAS_MAX | HAS_REVERSE,
		 "-c counts all rows: it doesn't go with -n, -m or -r"},
		{HAS_HISTOGRAM, HAS_LINES | HAS_MAX | HAS_REVERSE,
		 "--histogram counts all rows: it doesn't go with -n, -m or -r"},
		{HAS_LIST, HAS_REVERSE,
		 "-F, -N and --patterns have an order of their own: they don't go with -r"},
	};
	unsigned given = flags_given(opts);

	for (size_t i = 0; i < sizeof(conflicts) / sizeof(conflicts[0]); i++)
		if ((given & conflicts[i].one) && (given & conflicts[i].others))
			return err_set(reterr, -EINVAL, "%s", conflicts[i].text);
	if (opts->lines == 0 || opts->max_rows == 0)
		return err_set(reterr, -EINVAL,
			       "-%c 0 shows nothing: give 1 or more, or -c to count",
			       opts->lines == 0 ? 'n' : 'm');
	return 0;
}
