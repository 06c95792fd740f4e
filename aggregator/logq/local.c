/* local.c - open what is asked, run the query, print its rows. */
#include "aggregator/logq/local.h"
#include "aggregator/logq/backlog.h"
#include "aggregator/logq/feed.h"
#include "aggregator/logq/notice.h"
#include "aggregator/logq/place.h"
#include "aggregator/logq/relay.h"
#include "aggregator/query/tail.h"
#include "aggregator/store/store.h"
#include "common/base/cleanup.h"
#include "common/base/clock.h"
#include "common/base/io.h"
#include <errno.h>
#include <poll.h>

#define MEMORY  (UINT64_C(1) << 30)
#define LOOK_MS 200

/* How far it is looked back for the last rows at first, then 8 times as far. */
#define REACH_BYTES    (1u << 20)
#define REACH_MESSAGES 64
#define REACH_GROWS    8

struct local {
	const struct options *opts;
	struct row_sink *sink;
	struct store *store;         /* of -D */
	struct feed *feed;           /* of --bus, and of -f FILE */
	struct query_source *source; /* without a feed */
};

static int take_rows(void *ctx, struct rows *rows)
{
	struct local *local = ctx;
	int r = rows_to_sink(rows, local->sink);

	/* A look at an index is one, in how many pieces it may come. */
	return r == 0 && local->opts->follow && !local->store ? local->sink->pause(local->sink) : r;
}

static int open_index(struct local *local, struct err *reterr)
{
	struct span dir = opt_text(local->opts->dir);
	_cleanup_free_ char *path = strndup(dir.ptr, dir.len);
	const struct span *notices;
	size_t n;
	int r;

	if (!path)
		return err_set(reterr, -ENOMEM, "out of memory");
	io_raise_file_limit(); /* each part of the store holds a file open */
	r = store_open(path, true, &(struct store_conf){0}, &local->store, reterr);
	if (r < 0)
		return r;
	notices = store_notices(local->store, &n);
	for (size_t i = 0; i < n; i++)
		notice("%s: %.*s", path, SPAN_FMT(notices[i]));
	r = source_store_open(local->store, &local->source);
	return r < 0 ? err_set(reterr, r, "out of memory") : 0;
}

static struct source_files_conf files_conf(const struct options *opts, const struct ask *ask)
{
	bool rescans = query_rescans(ask->query);
	/* What is on a bus are records, whatever the configuration says of files. */
	struct sl_str none = {0}, parse = opts->bus.len ? none : opts->parse;
	struct sl_str multiline = opts->bus.len ? none : opts->multiline;

	return (struct source_files_conf){.format = opt_text(parse),
					  .multiline = opt_text(multiline),
					  .cancel = &logq_cancel,
					  .streaming = opts->follow || query_streams(ask->query),
					  .rescans = rescans,
					  .now_ns = rescans ? clock_real_ns() : 0};
}

static int open_source(struct local *local, struct ask *ask, struct err *reterr)
{
	bool only_stdin = ask->files.len == 1 && span_eq(ask->files.ptr[0], SPAN("-"));
	struct source_files_conf conf;

	if (local->opts->dir.len)
		return open_index(local, reterr);
	/* A bus, or files that grow, come through a pipe. */
	if (local->opts->bus.len)
		return feed_bus(opt_text(local->opts->bus), local->opts->follow, &local->feed,
				reterr);
	if (local->opts->follow && (!only_stdin || ask->backlog))
		return feed_files(ask->files.ptr, ask->files.len, &local->feed, reterr);
	conf = files_conf(local->opts, ask);
	return source_files_open(ask->files.ptr, ask->files.len, &conf, &local->source, reterr);
}

/* An index that an aggregator writes: look again and again. */
static int follow_index(struct local *local, struct ask *ask, const struct query_conf *conf,
			struct query_result *result, struct err *reterr)
{
	int64_t since = ask->has_time_range && ask->since_given ? ask->min_time : clock_real_ns();
	struct tail *tail;
	int r = tail_open(ask->query, conf, local->source, since, &tail, reterr);

	if (r < 0)
		return r;
	while (r == 0 && !logq_cancel) {
		query_result_release(result);
		r = tail_look(tail, take_rows, local, result, reterr);
		if (r == 0)
			r = local->sink->pause(local->sink);
		if (r == 0)
			poll(NULL, 0, LOOK_MS);
		if (r == 0)
			r = store_refresh(local->store, reterr);
	}
	tail_close(tail);
	return r;
}

/* The query over what the feed has begun to give. */
static int query_feed(struct local *local, struct ask *ask, const struct query_conf *conf,
		      struct query_result *result, struct err *reterr)
{
	const struct source_files_conf files = files_conf(local->opts, ask);
	struct span path = feed_path(local->feed);
	struct query_source *source;
	int r = source_files_open(&path, 1, &files, &source, reterr), fed;

	if (r < 0)
		return r;
	query_result_release(result);
	r = query_execute(ask->query, conf, source, take_rows, local, result, reterr);
	source_close(source);
	fed = feed_end(local->feed, r == 0 ? reterr : NULL);
	return r == 0 ? fed : r;
}

/* The last rows of one unit: so many bytes from its end, and more while they are too few. */
static int look_back_at(struct local *local, struct ask *ask, size_t unit,
			const struct query_conf *conf, struct query_result *result,
			struct err *reterr)
{
	uint64_t reach = local->opts->bus.len ? REACH_MESSAGES : REACH_BYTES;
	int whole, r;

	if (backlog_wanted(ask->backlog) == BACKLOG_ALL)
		reach = UINT64_MAX;
	for (;; reach = reach > UINT64_MAX / REACH_GROWS ? UINT64_MAX : reach * REACH_GROWS) {
		backlog_begin(ask->backlog, unit);
		whole = feed_look_back(local->feed, unit, reach, reterr);
		r = whole < 0 ? whole : query_feed(local, ask, conf, result, reterr);
		if (r == -ENOBUFS)
			return err_set(reterr, r,
				       "the rows to begin with take more than %u MiB: give a "
				       "smaller -n, or a later -S",
				       BACKLOG_BYTES >> 20);
		if (r != 0 || whole || backlog_seen(ask->backlog) >= backlog_wanted(ask->backlog))
			return r;
	}
}

static int run_feed(struct local *local, struct ask *ask, const struct query_conf *conf,
		    struct query_result *result, struct err *reterr)
{
	int r = 0;

	for (size_t i = 0; ask->backlog && i < feed_units(local->feed) && r == 0; i++)
		r = look_back_at(local, ask, i, conf, result, reterr);
	if (ask->backlog && r == 0)
		r = backlog_end(ask->backlog, reterr);
	if (r == 0)
		r = feed_follow(local->feed, reterr);
	return r == 0 ? query_feed(local, ask, conf, result, reterr) : r;
}

static void describe(const struct query_result *result, struct answer *answer)
{
	answer->partial = result->partial;
	buf_puts(&answer->why, buf_span(&result->partial_why));
	query_result_print(result, &answer->cost);
}

static int run(struct local *local, struct ask *ask, struct answer *answer, struct err *reterr)
{
	bool follow_feed = local->opts->follow && !local->store;
	const struct query_conf conf = {
		.memory_bytes = MEMORY,
		/* Following has no end. */
		.timeout_ns = local->opts->follow ? 0 : local->opts->timeout,
		.cancel = &logq_cancel,
		.progress = answer->progress,
		.threads = follow_feed ? 1 : 0,
		.in_order = ask->files.len == 1 && query_streams(ask->query),
		.has_time_range = ask->has_time_range,
		.min_time = ask->min_time,
		.max_time = ask->max_time};
	struct query_result result = {0};
	int r;

	if (ask->place) {
		r = ask_resume(ask, place_commit(ask->place, 0), reterr);
		if (r < 0)
			return r;
		local->sink->source = 0;
	}
	if (local->opts->follow && local->store)
		r = follow_index(local, ask, &conf, &result, reterr);
	else if (local->feed)
		r = run_feed(local, ask, &conf, &result, reterr);
	else
		r = query_execute(ask->query, &conf, local->source, take_rows, local, &result,
				  reterr);
	describe(&result, answer);
	query_result_release(&result);
	return r;
}

int local_run(const struct options *opts, struct ask *ask, struct row_sink *sink,
	      struct answer *ret, struct err *reterr)
{
	struct local local = {.opts = opts, .sink = sink};
	int r = open_source(&local, ask, reterr);

	if (r == 0)
		r = run(&local, ask, ret, reterr);
	if (local.source)
		source_close(local.source);
	feed_free(local.feed);
	store_close(local.store);
	return r > 0 ? 0 : r;
}
