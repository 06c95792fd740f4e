/* ask.c - words and flags to one query. */
#include "aggregator/logq/ask.h"
#include "aggregator/logq/folder.h"
#include "aggregator/logq/notice.h"
#include "aggregator/logq/shorthand.h"
#include "common/base/cleanup.h"
#include "common/base/clock.h"
#include "common/lang/number.h"
#include "common/lang/time_arg.h"
#include "common/lang/words.h"
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#define HOUR      (3600 * NS_PER_SEC)
#define NAMES_MAX (64u << 20) /* bytes of names of files in folders */

/* Rows with the number of their commit, which place.h takes out again. */
#define CURSOR_PIPES "copy _commit as log.commit | sort by (_time, log.offset)"

/* A word of the command line that names a file. */
static bool looks_like_file(struct span word)
{
	static const struct span endings[] = {SPAN(".log"),  SPAN(".gz"),    SPAN(".zst"),
					      SPAN(".json"), SPAN(".jsonl"), SPAN(".ndjson"),
					      SPAN(".txt")};

	if (span_starts(word, SPAN("/")) || span_starts(word, SPAN("./")) ||
	    span_starts(word, SPAN("../")))
		return true;
	if (span_chr(word, ' ') >= 0 || span_chr(word, ':') >= 0)
		return false;
	for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++)
		if (span_ends(word, endings[i]))
			return true;
	return false;
}

enum word_kind {
	WORD_QUERY,
	WORD_LIKE_FILE, /* the same, though a file of this name is here */
	WORD_FILE,
	WORD_FOLDER,
	WORD_NO_FILE
};

static enum word_kind word_kind(struct span word)
{
	_cleanup_free_ char *path = strndup(word.ptr ? word.ptr : "", word.len);
	bool looks = looks_like_file(word), slash = span_chr(word, '/') >= 0;
	struct stat st;

	if (span_eq(word, SPAN("-")))
		return WORD_FILE;
	if (!path || stat(path, &st) < 0)
		return looks ? WORD_NO_FILE : WORD_QUERY;
	if (S_ISDIR(st.st_mode))
		return looks || slash ? WORD_FOLDER : WORD_LIKE_FILE;
	return slash || span_chr(word, '.') >= 0 ? WORD_FILE : WORD_LIKE_FILE;
}

/* logq trace ID */
static bool is_trace_view(const struct options *opts)
{
	struct span id;

	if (opts->words.len != 2 || !span_eq(opt_text(opts->words.items[0]), SPAN("trace")))
		return false;
	id = opt_text(opts->words.items[1]);
	for (size_t i = 0; i < id.len; i++)
		if (!memchr("0123456789abcdefABCDEF-", id.ptr[i], 23))
			return false;
	return id.len >= 8;
}

static int add_logs(struct ask *ask, struct span word, struct err *reterr)
{
	size_t binary;
	int r = folder_logs(word, &ask->arena, &ask->files, &binary, reterr);

	if (r == 0 && binary)
		notice("%zu binary file%s in '%.*s' left out", binary, binary == 1 ? "" : "s",
		       SPAN_FMT(word));
	return r;
}

/* An index or a bus among the words is what -D or --bus would say. */
static int set_source(struct ask *ask, struct options *opts, struct span word, bool bus,
		      struct err *reterr)
{
	_cleanup_free_ char *name = strndup(word.ptr, word.len);
	_cleanup_free_ char *whole = name ? realpath(name, NULL) : NULL;
	struct span text;

	if (opts->source_origin == ARG_FLAG)
		return err_set(reterr, -EINVAL,
			       "'%.*s' is %s: one of them at a time, and no other source with it",
			       SPAN_FMT(word), bus ? "a bus" : "an index");
	text = whole ? arena_printf(&ask->arena, "%s%s", bus ? "dir://" : "", whole)
		     : (struct span){0};
	if (!text.ptr)
		return err_set(reterr, -ENOMEM, "out of memory");
	opts->dir = opts->bus = (struct sl_str){0};
	opts->servers = (struct sl_list){0};
	*(bus ? &opts->bus : &opts->dir) = (struct sl_str){text.ptr, text.len};
	opts->source_origin = ARG_FLAG;
	return 0;
}

static int add_folder(struct ask *ask, struct options *opts, struct span word, struct err *reterr)
{
	_cleanup_free_ char *path = strndup(word.ptr, word.len);
	enum folder_kind kind = path ? folder_kind(path) : FOLDER_LOGS;

	return kind == FOLDER_LOGS ? add_logs(ask, word, reterr)
				   : set_source(ask, opts, word, kind == FOLDER_BUS, reterr);
}

static int add_word(struct ask *ask, struct options *opts, struct span word, enum word_kind kind,
		    struct err *reterr)
{
	switch (kind) {
	case WORD_FOLDER:
		return add_folder(ask, opts, word, reterr);
	case WORD_LIKE_FILE:
		notice("'%.*s' is a word of the query; to search the file of this name write "
		       "./%.*s",
		       SPAN_FMT(word), SPAN_FMT(word));
		/* fall through */
	case WORD_QUERY:
		if (ask->text.len)
			buf_putc(&ask->text, ' ');
		buf_puts(&ask->text, word);
		return 0;
	default:
		return span_list_push(&ask->arena, &ask->files, word) < 0
			       ? err_set(reterr, -ENOMEM, "out of memory")
			       : 0;
	}
}

/* Words to query text and files. */
static int sort_words(struct ask *ask, struct options *opts, struct err *reterr)
{
	if (is_trace_view(opts)) {
		buf_puts(&ask->text, SPAN("trace_id:="));
		text_print_quoted(&ask->text, opt_text(opts->words.items[1]));
		buf_puts(&ask->text, SPAN(" | trace"));
		return ask->text.failed;
	}
	struct span missing = SPAN(""), empty = SPAN("");
	size_t nmissing = 0;

	for (size_t i = 0; i < opts->words.len; i++) {
		struct span word = opt_text(opts->words.items[i]);
		enum word_kind kind = word_kind(word);
		size_t before = ask->files.len;
		int r = add_word(ask, opts, word, kind, reterr);

		if (r < 0)
			return r;
		if (kind == WORD_NO_FILE && nmissing++ == 0)
			missing = word;
		if (kind == WORD_FOLDER && ask->files.len == before &&
		    opts->source_origin != ARG_FLAG)
			empty = word;
	}
	/* Some of a glob may be gone or be an empty folder: the answer is that of the others. */
	if (nmissing && nmissing == ask->files.len)
		return err_set(reterr, -ENOENT, "there is no file '%.*s'", SPAN_FMT(missing));
	if (empty.len && !ask->files.len)
		return err_set(reterr, -ENOENT, "there are no log files in '%.*s'",
			       SPAN_FMT(empty));
	if (!span_trim(buf_span(&ask->text)).len)
		buf_puts(&ask->text, SPAN("*"));
	return ask->text.failed ? err_set(reterr, -E2BIG, "the query is too long") : 0;
}

/* Files are the source: those of a configuration are for when there are none. */
static int check_files(const struct ask *ask, struct options *opts, struct err *reterr)
{
	struct span file;

	if (!ask->files.len &&
	    (opts->parse_origin == ARG_FLAG || opts->multiline_origin == ARG_FLAG))
		return err_set(reterr, -EINVAL,
			       "--%s is about lines of files, and there is no file: name one, or - "
			       "for standard input",
			       opts->parse_origin == ARG_FLAG ? "parse" : "multiline");
	if (!ask->files.len)
		return 0;
	if (opts->follow && ask->files.len > 1 && !span_eq(opt_text(opts->multiline), SPAN("none")))
		return err_set(reterr, -EINVAL,
			       "-f with --multiline takes one file, because lines of several come "
			       "between each other (--multiline none turns it off)");
	file = ask->files.ptr[0];
	if (opts->source_origin == ARG_FLAG)
		return err_set(
			reterr, -EINVAL,
			"'%.*s' is a file to search, which doesn't go with -D, --server or --bus",
			SPAN_FMT(file));
	if (opts->cursor_file.len)
		return err_set(
			reterr, -EINVAL,
			"--cursor-file goes with -D or a server: rows of '%.*s' have no place "
			"to come back to",
			SPAN_FMT(file));
	opts->dir = opts->bus = (struct sl_str){0};
	opts->servers = (struct sl_list){0};
	return 0;
}

static int set_times(struct ask *ask, const struct options *opts, int64_t now_ns,
		     struct err *reterr)
{
	int r = 0;

	ask->min_time = INT64_MIN;
	ask->max_time = INT64_MAX;
	ask->since_given = opts->since.len > 0 && opts->since_origin != ARG_FILE;
	ask->has_time_range = ask->since_given || opts->until.len;
	if (ask->since_given)
		r = time_arg_parse(opt_text(opts->since), now_ns, opts->utc, &ask->min_time,
				   reterr);
	if (r < 0)
		return err_prefix(reterr, r, "-S");
	if (opts->until.len) {
		r = time_arg_parse(opt_text(opts->until), now_ns, opts->utc, &ask->max_time,
				   reterr);
		if (r < 0)
			return err_prefix(reterr, r, "-U");
		ask->max_time--; /* up to, not including */
	}
	if (ask->min_time > ask->max_time)
		return err_set(reterr, -EINVAL, "-S is not before -U: no row can be between them");
	return 0;
}

/* A cursor file that is there says itself since when. */
static bool resumes(const struct options *opts)
{
	struct span path = opt_text(opts->cursor_file);
	_cleanup_free_ char *name = path.len ? strndup(path.ptr, path.len) : NULL;

	return name && access(name, F_OK) == 0;
}

/*
 * Where neither flag nor query says since when: what the configuration says, or
 * the last hour, of what grows without end.
 */
static int default_since(struct ask *ask, const struct options *opts, int64_t now_ns,
			 struct err *reterr)
{
	bool quiet = (opts->follow && opts->lines < 0) || opts->check_query || opts->print_query ||
		     opts->asked_ahead || resumes(opts);
	int64_t min, max;
	int r;

	query_time_range(ask->query, &min, &max);
	if (ask->has_time_range || ask->files.len || opts->bus.len || min != INT64_MIN ||
	    max != INT64_MAX)
		return 0;
	ask->has_time_range = true;
	ask->min_time = now_ns - HOUR;
	if (!opts->since.len) {
		if (!quiet)
			notice("the last hour; -S says since when");
		return 0;
	}
	r = time_arg_parse(opt_text(opts->since), now_ns, opts->utc, &ask->min_time, reterr);
	if (r == 0 && !quiet)
		notice("since %.*s, by the configuration; -S says otherwise",
		       SPAN_FMT(opt_text(opts->since)));
	return r;
}

static int join_filter(struct ask *ask, const struct options *opts, int64_t now_ns,
		       struct err *reterr)
{
	_cleanup_(buf_release) struct buf text = BUF_INIT(1 << 20);
	int r = shorthand_filter(opts, &text, reterr);

	ask->filter = ask->query->filter;
	if (opts->invert && !opts->grep.len) {
		ask->negated_kid[0] = ask->query->filter;
		ask->negated =
			(struct filter){.kind = FILTER_NOT, .kids = ask->negated_kid, .nkids = 1};
		ask->query->filter = &ask->negated;
	}
	if (r < 0 || !text.len)
		return r;
	r = query_parse(buf_span(&text), now_ns, &query_lang_ops, &ask->flags, reterr);
	if (r < 0)
		return err_set(reterr, r, "in what the flags mean, `%.*s`: %s",
			       SPAN_FMT(buf_span(&text)), reterr->text);
	if (ask->query->filter->kind == FILTER_ALL) {
		ask->query->filter = ask->flags->filter;
		return 0;
	}
	ask->kids[0] = ask->flags->filter;
	ask->kids[1] = ask->query->filter;
	ask->joined = (struct filter){.kind = FILTER_AND, .kids = ask->kids, .nkids = 2};
	ask->query->filter = &ask->joined;
	return 0;
}

/* Put pipes in front of those of the query. */
static int join_pipes(struct ask *ask, const char *text, int64_t now_ns, struct err *reterr)
{
	size_t more, n = ask->query->npipes;
	int r = query_parse_pipes(span_cstr(text), now_ns, &query_lang_ops, &ask->order, reterr);

	if (r < 0)
		return r;
	more = ask->order->npipes;
	ask->joined_pipes = calloc(more + n, sizeof(void *));
	if (!ask->joined_pipes)
		return err_set(reterr, -ENOMEM, "out of memory");
	memcpy(ask->joined_pipes, ask->order->pipes, more * sizeof(void *));
	if (n)
		memcpy(ask->joined_pipes + more, ask->query->pipes, n * sizeof(void *));
	ask->pipes = ask->query->pipes;
	ask->npipes = n;
	ask->query->pipes = ask->joined_pipes;
	ask->query->npipes = more + n;
	return 0;
}

/*
 * The order of rows.  Files are in order as they are, unless there are several.
 * Rows of one time go by their place in the file, since many services count in
 * seconds.  For the last N we ask for the newest first, stop after N, and print backwards.
 */
static int set_order(struct ask *ask, const struct options *opts, int64_t now_ns,
		     struct err *reterr)
{
	_cleanup_(buf_release) struct buf context = BUF_INIT(256);
	bool last = opts->lines >= 0 && !opts->follow;
	bool in_order = ask->files.len == 1;
	char pipe[80];

	if (opts->max_rows > 0)
		ask->limit = (uint64_t)opts->max_rows;
	if (last)
		ask->limit = options_most(opts);
	if (opts->cursor_file.len)
		return join_pipes(ask, CURSOR_PIPES, now_ns, reterr);
	ask->context = shorthand_context(opts, last || opts->reverse, &context);
	if (ask->context) {
		ask->limit = 0;
		ask->reversed = opts->reverse;
		return join_pipes(ask, buf_cstr(&context), now_ns, reterr);
	}
	if (opts->follow)
		return 0;
	if (!query_streams(ask->query) && opts->reverse)
		return err_set(reterr, -EINVAL,
			       "-r is about rows in order of time; `%.*s` has an order of its own, "
			       "which `| sort by (…)` changes",
			       SPAN_FMT(query_first_blocking_pipe(ask->query)));
	if (!query_streams(ask->query))
		return 0;
	ask->newest_first = last || opts->reverse;
	if (in_order && !ask->newest_first)
		return 0;
	if (!last && !opts->reverse)
		return join_pipes(ask, "sort by (_time, log.offset)", now_ns, reterr);
	ask->reversed = last && !opts->reverse;
	if (last && ask->query->npipes == 0) {
		snprintf(pipe, sizeof(pipe), "sort by (_time desc, log.offset desc) limit %lld",
			 (long long)opts->lines);
		return join_pipes(ask, pipe, now_ns, reterr);
	}
	return join_pipes(ask, "sort by (_time desc, log.offset desc)", now_ns, reterr);
}

/* Pipes that sum up, so that a window of rows has an answer of its own. */
static bool sums_up(struct span pipe)
{
	static const struct span names[] = {
		SPAN("stats"),        SPAN("top"),    SPAN("uniq"),        SPAN("patterns"),
		SPAN("field_values"), SPAN("facets"), SPAN("field_names"), SPAN("query_stats")};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (span_eq(pipe, names[i]))
			return true;
	return false;
}

/* Context comes from where the rows are, so it can't be had afterwards. */
static bool begins_with_context(const struct query *query)
{
	const struct pipe *first = query->npipes ? query->pipes[0] : NULL;

	return first && strcmp(first->ops->names, "stream_context") == 0;
}

/* Pipes `from` … of the query run here. */
static void cut_pipes(struct ask *ask, size_t from)
{
	struct query *query = ask->query;

	ask->all = (struct filter){.kind = FILTER_ALL};
	ask->rest = *query;
	ask->rest.options = (struct query_options){0};
	ask->rest.filter = &ask->all;
	if (from) /* a query without pipes has no array */
		ask->rest.pipes += from;
	ask->rest.npipes -= from;
	if (!ask->joined_pipes) {
		ask->pipes = query->pipes;
		ask->npipes = query->npipes;
		ask->cut = true;
	}
	query->npipes = from;
}

/*
 * A tail is asked again and again, so pipes that count rows must see all of
 * them in one run: here.
 */
static size_t first_counting_pipe(const struct query *query)
{
	static const char *const names[] = {"limit head", "offset skip", "sample"};
	size_t i = 0;

	for (; i < query->npipes; i++) {
		const struct pipe *pipe = query->pipes[i];

		for (size_t k = 0; k < sizeof(names) / sizeof(names[0]); k++)
			if (strcmp(pipe->ops->names, names[k]) == 0)
				return i;
	}
	return i;
}

/* Of the query as it was asked: those that a cursor joined to it don't count. */
static struct span blocking_pipe(struct ask *ask, const struct options *opts)
{
	struct query asked = *ask->query;

	if (opts->cursor_file.len) {
		asked.pipes += ask->order->npipes;
		asked.npipes -= ask->order->npipes;
	}
	return query_first_blocking_pipe(&asked);
}

bool ask_looks_back(const struct ask *ask, const struct options *opts)
{
	return opts->follow && (opts->lines >= 0 || (ask->since_given && ask->files.len));
}

/* Followed: rows up to the first pipe that sums up. */
static int split_follow(struct ask *ask, const struct options *opts, struct err *reterr)
{
	struct span name = blocking_pipe(ask, opts);
	size_t order = opts->cursor_file.len ? ask->order->npipes : 0;
	bool here = name.len || opts->servers.len > 1 || opts->cursor_file.len ||
		    ask_looks_back(ask, opts);
	size_t from = here ? order : first_counting_pipe(ask->query);

	if (name.len && !sums_up(name))
		return err_set(reterr, -EINVAL,
			       "pipe `%.*s` needs all rows before it can answer, so the query "
			       "can't be followed: leave out the pipe, or -f (stats, top, uniq and "
			       "patterns are answered anew for each --window)",
			       SPAN_FMT(name));
	if (name.len && opts->lines >= 0)
		return err_set(reterr, -EINVAL,
			       "-f -n N shows rows, but `%.*s` sums them up: -S says since when",
			       SPAN_FMT(name));
	ask->windowed = name.len > 0;
	if (here || from < ask->query->npipes)
		cut_pipes(ask, from);
	return 0;
}

int ask_split(struct ask *ask, const struct options *opts, int64_t now_ns, struct err *reterr)
{
	size_t order;
	int r = 0;

	if (opts->follow)
		return split_follow(ask, opts, reterr);
	if (opts->cursor_file.len) {
		cut_pipes(ask, ask->order->npipes);
		return opts->max_rows >= 0 && ask->rest.npipes
			       ? err_set(reterr, -EINVAL,
					 "--cursor-file with pipes doesn't go with -m: write "
					 "`| limit N`")
			       : 0;
	}
	if (opts->servers.len < 2 && !ask->context)
		return 0;
	if (!ask->order && begins_with_context(ask->query))
		ask->context = true;
	else if (!ask->order)
		r = join_pipes(ask, "sort by (_time, log.offset)", now_ns, reterr);
	order = ask->order ? ask->order->npipes : 1;
	if (r < 0)
		return r;
	cut_pipes(ask, order);
	return 0;
}

/* The step of --histogram. */
static const char *set_step(struct ask *ask, const struct options *opts, int64_t now_ns)
{
	int64_t end = ask->max_time < now_ns ? ask->max_time : now_ns, span = HOUR;
	bool known = ask->has_time_range && ask->min_time != INT64_MIN;

	if (!span_eq(opt_text(opts->histogram), SPAN("auto"))) {
		if (!lang_duration(opt_text(opts->histogram), &ask->view.step_ns))
			ask->view.step_ns = 0; /* a month has no length */
		return opts->histogram.ptr;
	}
	if (known && __builtin_sub_overflow(end, ask->min_time, &span))
		span = INT64_MAX;
	if (!ask->files.len && !opts->bus.len)
		known = true; /* by default_since() */
	return histogram_auto_step(span, known, &ask->view.step_ns, &ask->view.coarsen);
}

/* By the last flag that makes a pipe, else by the last pipe. */
static enum view_kind view_of(const struct ask *ask, const struct options *opts)
{
	const struct pipe *last = NULL;

	if (opts->count)
		return VIEW_NONE;
	if (opts->histogram.len)
		return VIEW_HISTOGRAM;
	if (ask->query->npipes)
		last = ask->query->pipes[ask->query->npipes - 1];
	if (last && strcmp(last->ops->names, "trace") == 0)
		return VIEW_TRACE;
	if (last && strcmp(last->ops->names, "patterns") == 0)
		return VIEW_PATTERNS;
	if (opts->names || opts->field.len)
		return opts->names ? VIEW_NAMES : VIEW_VALUES;
	return last && strcmp(last->ops->names, "stats") == 0 ? VIEW_TIMES : VIEW_NONE;
}

int ask_init(struct ask *ask, struct options *opts, int64_t now_ns, struct err *reterr)
{
	int r;

	*ask = (struct ask){.text = BUF_INIT(QUERY_TEXT_MAX), .now_ns = now_ns};
	arena_init(&ask->arena, NAMES_MAX);
	r = options_check(opts, reterr);
	if (r == 0)
		r = sort_words(ask, opts, reterr);
	if (r == 0)
		r = check_files(ask, opts, reterr);
	if (r == 0)
		r = set_times(ask, opts, now_ns, reterr);
	if (r < 0)
		return r;
	shorthand_pipes(opts, set_step(ask, opts, now_ns), &ask->text);
	if (ask->text.failed)
		return err_set(reterr, -E2BIG, "the query is too long");
	r = query_parse(buf_span(&ask->text), now_ns, &query_lang_ops, &ask->query, reterr);
	ask->syntax = r < 0;
	if (r < 0)
		return r;
	ask->view.kind = view_of(ask, opts);
	ask->view.field = opt_text(opts->field);
	r = join_filter(ask, opts, now_ns, reterr);
	if (r == 0)
		r = default_since(ask, opts, now_ns, reterr);
	if (r == 0)
		r = set_order(ask, opts, now_ns, reterr);
	return r;
}

int ask_resume(struct ask *ask, uint64_t commit, struct err *reterr)
{
	struct query *later;
	char text[64];
	int r;

	/* Rows in memory have no number yet, and are left to a later run. */
	snprintf(text, sizeof(text), "_commit:>%llu", (unsigned long long)commit);
	r = query_parse(span_cstr(text), 0, &query_lang_ops, &later, reterr);
	if (r < 0)
		return r;
	if (!ask->later)
		ask->resumed_kids[1] = ask->query->filter;
	query_free(ask->later);
	ask->later = later;
	ask->resumed_kids[0] = later->filter;
	ask->resumed = (struct filter){.kind = FILTER_AND, .kids = ask->resumed_kids, .nkids = 2};
	ask->query->filter = &ask->resumed;
	return 0;
}

void ask_release(struct ask *ask)
{
	if (ask->query && ask->filter)
		ask->query->filter = ask->filter;
	if (ask->query && (ask->joined_pipes || ask->cut)) {
		ask->query->pipes = ask->pipes;
		ask->query->npipes = ask->npipes;
	}
	query_free(ask->query);
	query_free(ask->flags);
	query_free(ask->order);
	query_free(ask->later);
	free(ask->joined_pipes);
	free(ask->shares);
	buf_release(&ask->text);
	arena_release(&ask->arena);
}
