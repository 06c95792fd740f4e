/* peek.c - the same options, another query. */
#include "aggregator/logq/peek.h"
#include "aggregator/logq/local.h"
#include "aggregator/logq/remote.h"
#include "common/base/cleanup.h"
#include "common/base/clock.h"
#include "common/lang/lex.h"
#include <errno.h>
#include <sys/stat.h>

#define WORDS_MAX 256

struct peek {
	struct row_sink sink;
	peek_fn *put;
	void *ctx;
	bool any;
};

static int take_row(struct row_sink *sink, const struct span *names, const struct span *texts,
		    size_t n)
{
	struct peek *peek = (struct peek *)sink;

	(void)names;
	peek->any = true;
	return n ? peek->put(peek->ctx, texts[0]) : 0;
}

static int take_pause(struct row_sink *sink)
{
	(void)sink;
	return 0;
}

/* Can be opened and read again; standard input and pipes are the query's. */
static bool is_regular(struct span path)
{
	_cleanup_free_ char *name = strndup(path.ptr, path.len);
	struct stat st;

	return name && stat(name, &st) == 0 && S_ISREG(st.st_mode);
}

static struct sl_str str_of(struct span text)
{
	return (struct sl_str){.ptr = text.ptr, .len = text.len};
}

/* What `opts` say of the source, and nothing else. */
static int write_options(const struct options *opts, const struct span *files, size_t nfiles,
			 struct span query, struct sl_str *words, struct options *ret)
{
	size_t n = 0;

	if (opts->bus.len && !nfiles)
		return -ENOTSUP;
	words[n++] = str_of(query);
	for (size_t i = 0; i < nfiles && n < WORDS_MAX; i++)
		if (is_regular(files[i]))
			words[n++] = str_of(files[i]);
	if (nfiles && n == 1)
		return -ENOTSUP;
	*ret = (struct options){.since = opts->since.len ? opts->since : str_of(SPAN("1d")),
				.since_origin = ARG_FLAG,
				.until = opts->until,
				.utc = opts->utc,
				.lines = -1,
				.max_rows = -1,
				.dir = opts->dir,
				.servers = opts->servers,
				.parse = opts->parse,
				.multiline = opts->multiline,
				.timeout = opts->patience,
				.words = {.items = words, .len = n}};
	/* Files are read whole unless the line itself says since when. */
	if (nfiles && opts->since_origin != ARG_FLAG)
		ret->since = (struct sl_str){0};
	return 0;
}

static int ask_it(const struct options *opts, struct ask *ask, struct row_sink *sink,
		  struct err *reterr)
{
	_cleanup_free_ struct span *servers = calloc(opts->servers.len + 1, sizeof(*servers));
	size_t n = opts->servers.len;
	struct answer answer;
	int r = 0;

	if (!servers)
		return -ENOMEM;
	answer_init(&answer);
	for (size_t i = 0; i < n; i++)
		servers[i] = opt_text(opts->servers.items[i]);
	if (opts->dir.len || ask->files.len)
		r = local_run(opts, ask, sink, &answer, reterr);
	else if (!n && !remote_default())
		r = -ENOENT;
	else if (!n)
		servers[n++] = span_cstr(remote_default());
	if (r == 0 && !opts->dir.len && !ask->files.len)
		r = remote_run(opts, ask, servers, n, sink, &answer, reterr);
	answer_release(&answer);
	return r;
}

static int run(const struct options *opts, const struct span *files, size_t nfiles,
	       struct span query, const struct ask *range, struct peek *peek)
{
	struct sl_str words[WORDS_MAX];
	struct options own;
	struct ask ask = {0};
	struct err err;
	int r = write_options(opts, files, nfiles, query, words, &own);

	if (r == 0)
		r = ask_init(&ask, &own, clock_real_ns(), &err);
	if (r == 0 && range) {
		ask.has_time_range = range->has_time_range;
		ask.min_time = range->min_time;
		ask.max_time = range->max_time;
	}
	if (r == 0)
		r = ask_it(&own, &ask, &peek->sink, &err);
	ask_release(&ask);
	return r;
}

int peek(const struct options *opts, const struct span *files, size_t nfiles, const char *filter,
	 const char *pipes, const struct ask *range, peek_fn *put, void *ctx)
{
	_cleanup_(buf_release) struct buf query = BUF_INIT(QUERY_TEXT_MAX);
	struct peek peek = {.sink = {.row = take_row, .pause = take_pause}, .put = put, .ctx = ctx};
	int r;

	buf_printf(&query, "%s | %s", filter, pipes);
	r = run(opts, files, nfiles, buf_span(&query), range, &peek);
	if (r == 0 || peek.any)
		return r;
	buf_reset(&query);
	buf_printf(&query, "* | limit %d | filter %s | %s", PEEK_SOME, filter, pipes);
	r = run(opts, files, nfiles, buf_span(&query), range, &peek);
	return r < 0 ? r : 1;
}
