/* fetch.c - see fetch.h. */
#include "aggregator/logq/fetch.h"
#include "aggregator/logq/backlog.h"
#include "aggregator/logq/local.h"
#include "aggregator/logq/merge.h"
#include "aggregator/logq/place.h"
#include "aggregator/logq/remote.h"
#include "common/base/cleanup.h"
#include "common/lang/number.h"
#include <errno.h>

static int fetch_local(const struct options *opts, struct ask *ask, struct row_sink *sink,
		       struct answer *ret, struct err *reterr)
{
	struct span dir = opt_text(opts->dir);
	int r = ask->place ? place_sources(ask->place, &dir, 1, reterr) : 0;

	return r < 0 ? r : local_run(opts, ask, sink, ret, reterr);
}

/* The servers to be asked: all, or those that have a share.  How many. */
static size_t list_servers(const struct options *opts, struct ask *ask, struct span *ret)
{
	size_t n = 0;

	if (!opts->servers.len) {
		ret[0] = span_cstr(remote_default());
		return 1;
	}
	for (size_t i = 0; i < opts->servers.len; i++) {
		if (ask->shares && !ask->shares[i])
			continue;
		if (ask->shares)
			ask->shares[n] = ask->shares[i];
		ret[n++] = opt_text(opts->servers.items[i]);
	}
	return n;
}

int fetch(const struct options *opts, struct ask *ask, struct row_sink *sink, struct answer *ret,
	  struct err *reterr)
{
	_cleanup_free_ struct span *servers = calloc(opts->servers.len + 1, sizeof(*servers));
	size_t n;
	int r = 0;

	if (!servers)
		return err_set(reterr, -ENOMEM, "out of memory");
	if (opts->dir.len || opts->bus.len || ask->files.len)
		return fetch_local(opts, ask, sink, ret, reterr);
	if (!opts->servers.len && !remote_default())
		return err_set(reterr, -ENOENT,
			       "no aggregator runs here: name a file, -D DIR or --server URL");
	n = list_servers(opts, ask, servers);
	if (ask->place)
		r = place_sources(ask->place, servers, n, reterr);
	return r < 0 || n == 0 ? r : remote_run(opts, ask, servers, n, sink, ret, reterr);
}

/* The rows that are wanted, told by a sink that only looks. */
struct look {
	struct row_sink sink;
	uint64_t wanted, seen;
	int64_t since_ns; /* of the first of them */
	uint64_t *shares; /* how many of each server */
};

static int see_row(struct row_sink *sink, const struct span *names, const struct span *texts,
		   size_t n)
{
	struct look *look = (struct look *)sink;
	int64_t ns;

	for (size_t i = 0; i < n; i++)
		if (span_eq(names[i], SPAN("_time")) && lang_time(texts[i], &ns) &&
		    ns < look->since_ns)
			look->since_ns = ns;
	look->shares[sink->source]++;
	return ++look->seen >= look->wanted;
}

static int see_pause(struct row_sink *sink)
{
	(void)sink;
	return 0;
}

/* The rows that pipes are given, not what they make of them. */
static int look_ahead(const struct options *opts, int64_t now_ns, struct look *look,
		      int64_t *ret_min_time, struct answer *answer, struct err *reterr)
{
	struct options bare = *opts;
	struct ask ask = {0};
	int r;

	bare.follow = 0;
	bare.before = bare.after = bare.context = 0;
	bare.asked_ahead = true;
	r = ask_init(&ask, &bare, now_ns, reterr);
	if (r == 0)
		r = ask_split(&ask, &bare, now_ns, reterr);
	if (r == 0) {
		ask.query->npipes = ask.order ? ask.order->npipes : 0;
		r = fetch(&bare, &ask, &look->sink, answer, reterr);
	}
	*ret_min_time = ask.min_time;
	ask_release(&ask);
	return r < 0 ? r : 0;
}

/*
 * -f -n N of an index: following begins at the time of the first of the last N
 * rows, and the backlog drops those of that time that are too many.
 */
static void begin_following(struct ask *ask, const struct look *look, int64_t min_time)
{
	/* Fewer are all there are; one that comes just now is not to be missed. */
	ask->min_time = look->seen < look->wanted ? min_time : look->since_ns;
	ask->max_time = INT64_MAX;
	ask->has_time_range = ask->since_given = true;
	backlog_expect(ask->backlog, look->seen);
}

int fetch_ahead(const struct options *opts, struct ask *ask, int64_t now_ns, struct answer *ret,
		struct err *reterr)
{
	bool follows = ask->backlog && !opts->bus.len && !ask->files.len;
	bool shares =
		ask->context && opts->servers.len > 1 && (opts->lines >= 0 || opts->max_rows >= 0);
	struct look look = {.sink = {.row = see_row, .pause = see_pause},
			    .wanted = follows ? (uint64_t)opts->lines : options_most(opts),
			    .since_ns = INT64_MAX};
	int64_t min_time;
	int r;

	if (!follows && !shares)
		return 0;
	look.shares = calloc(MERGE_SERVERS_MAX, sizeof(*look.shares));
	if (!look.shares || opts->servers.len > MERGE_SERVERS_MAX) {
		free(look.shares);
		return err_set(reterr, -E2BIG, "at most %d servers", MERGE_SERVERS_MAX);
	}
	r = look_ahead(opts, now_ns, &look, &min_time, ret, reterr);
	if (r == 0 && follows)
		begin_following(ask, &look, min_time);
	if (r == 0 && shares)
		ask->shares = TAKE(look.shares);
	free(look.shares);
	return r;
}
