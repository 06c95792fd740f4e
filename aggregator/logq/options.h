/*
 * options.h - the command line of logq.
 *
 * journalctl's spelling first, grep's second.  Positional arguments are the
 * query and files: `-`, and what exists as a file and has a dot or a slash in
 * its name, is a file; everything else is joined to the query.  `logq trace ID`
 * shows a request as it walked through the services.
 *
 *	code = logq_options_parse(argc, argv, &mem, &opts);	≥ 0: exit with it
 */
#ifndef SLUICE_LOGQ_OPTIONS_H
#define SLUICE_LOGQ_OPTIONS_H

#include "common/conf/args.h"
#include <stdint.h>

/* What logq says by its exit status, as grep does. */
enum { LOGQ_FOUND = 0, LOGQ_NONE = 1, LOGQ_ERROR = 2, LOGQ_PARTIAL = 3, LOGQ_INTERRUPTED = 130 };

enum output_format {
	OUTPUT_AUTO, /* short, or a table where rows are no log records */
	OUTPUT_SHORT,
	OUTPUT_SHORT_ISO,
	OUTPUT_PRETTY,
	OUTPUT_VERBOSE,
	OUTPUT_JSON,
	OUTPUT_LOGFMT,
	OUTPUT_CSV,
	OUTPUT_CAT,
	OUTPUT_TABLE,
	OUTPUT_TEMPLATE, /* template=<_time> <_msg> */
};

enum color_when { COLOR_AUTO, COLOR_ALWAYS, COLOR_NEVER };

struct options {
	/* which rows */
	struct sl_str since, until, priority, grep;
	struct sl_list services, hosts, traces;
	int ignore_case, invert;
	int64_t lines, max_rows; /* -1 = all */
	int follow, reverse;
	int64_t after, before, context;
	/* what of them */
	int count, names, patterns;
	struct sl_str field, histogram;
	/* from where */
	struct sl_str dir, bus, cursor_file;
	struct sl_list servers;
	struct sl_list words;
	struct sl_str parse, multiline; /* of files and standard input */
	/* how */
	struct sl_str output; /* a format's name, see output_parse() */
	int color;            /* enum color_when */
	int utc, no_pager, highlight;
	int explain, stats, check_query, print_query;
	struct sl_str complete; /* a query so far, in a text that begins with a dot */
	int64_t patience;       /* of what is asked beside the query, see peek.h; ns */
	int64_t timeout;
	int64_t window;  /* of -f with pipes that sum up, ns */
	int asked_ahead; /* no flag: of fetch_ahead(), which says nothing of its own */
	/* enum arg_origin: of `since`; of `dir`, `bus` or `servers`, whichever is set; … */
	int since_origin, source_origin, parse_origin, multiline_origin;
};

int logq_options_parse(int argc, char *const argv[], struct option_mem *mem, struct options *ret);

/* What -o says; the text behind template= to ret_template.  -EINVAL with text. */
int output_parse(struct span text, enum output_format *ret, struct span *ret_template,
		 struct err *reterr);

/* -EINVAL with text when flags contradict each other. */
int options_check(const struct options *opts, struct err *reterr);

/* How many rows -n and -m let through; UINT64_MAX = all. */
static inline uint64_t options_most(const struct options *opts)
{
	uint64_t last = (uint64_t)opts->lines, first = (uint64_t)opts->max_rows; /* -1 = all */

	return last < first ? last : first;
}

static inline struct span opt_text(struct sl_str text)
{
	return span_of(text.ptr, text.len);
}

#endif
