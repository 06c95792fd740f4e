/* local.c - open what is asked, run the query, print its rows. */
#include "aggregator/logq/local.h"
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

struct local {
	const struct options *opts;
	struct row_sink *sink;
	struct store *store; /* of -D */
	struct feed *feed;   /* of --bus, and of -f FILE */
	struct query_source *source;
};

static int take_rows(void *ctx, struct rows *rows)
{
	struct local *local = ctx;
	int r = rows_to_sink(rows, local->sink);

	return r == 0 && local->opts->follow ? local->sink->pause(local->sink) : r;
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

	return (struct source_files_conf){.format = opt_text(opts->parse),
					  .multiline = opt_text(opts->multiline),
					  .cancel = &logq_cancel,
					  .streaming = opts->follow || query_streams(ask->query),
					  .rescans = rescans,
					  .now_ns = rescans ? clock_real_ns() : 0};
}

/* A bus, or files that grow, come through a pipe. */
static int open_feed(struct local *local, struct ask *ask, struct err *reterr)
{
	struct source_files_conf conf;
	struct span path;
	int r;

	if (local->opts->bus.len)
		r = feed_bus(opt_text(local->opts->bus), local->opts->follow, &local->feed, reterr);
	else
		r = feed_files(ask->files.ptr, ask->files.len, &local->feed, reterr);
	if (r < 0)
		return r;
	path = feed_path(local->feed);
	conf = files_conf(local->opts, ask);
	return source_files_open(&path, 1, &conf, &local->source, reterr);
}

static int open_source(struct local *local, struct ask *ask, struct err *reterr)
{
	bool only_stdin = ask->files.len == 1 && span_eq(ask->files.ptr[0], SPAN("-"));
	struct source_files_conf conf;

	if (local->opts->dir.len)
		return open_index(local, reterr);
	if (local->opts->bus.len || (local->opts->follow && !only_stdin))
		return open_feed(local, ask, reterr);
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

static void describe(const struct query_result *result, struct answer *answer)
{
	answer->partial = result->partial;
	buf_puts(&answer->why, buf_span(&result->partial_why));
	query_result_print(result, &answer->cost);
}

static int run(struct local *local, struct ask *ask, struct answer *answer, struct err *reterr)
{
	bool follow_feed = local->opts->follow && !local->store;
	const struct query_conf conf = {.memory_bytes = MEMORY,
					.timeout_ns = local->opts->timeout,
					.cancel = &logq_cancel,
					.progress = answer->progress,
					.threads = follow_feed ? 1 : 0,
					.in_order =
						ask->files.len == 1 && query_streams(ask->query),
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
	else
		r = query_execute(ask->query, &conf, local->source, take_rows, local, &result,
				  reterr);
	describe(&result, answer);
	query_result_release(&result);
	if (r == 0 && local->feed)
		r = feed_result(local->feed, reterr);
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
