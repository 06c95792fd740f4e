/* remote.c - ask servers, hand on what they say. */
#include "aggregator/logq/remote.h"
#include "aggregator/logq/http_client.h"
#include "aggregator/logq/merge.h"
#include "aggregator/logq/place.h"
#include "common/base/cleanup.h"
#include "common/base/clock.h"
#include "common/base/num.h"
#include "common/data/timestamp.h"
#include <errno.h>

#define GRACE_NS NS_PER_SEC /* for the server to say that the time is over */

const char *remote_default(void)
{
	static const char *const sockets[] = {"/run/aggregator/aggregator.sock",
					      "/var/lib/aggregator/aggregator.sock"};

	for (size_t i = 0; i < sizeof(sockets) / sizeof(sockets[0]); i++)
		if (access(sockets[i], F_OK) == 0)
			return sockets[i];
	return NULL;
}

static void add_time(struct buf *form, const char *name, int64_t ns)
{
	char text[TIMESTAMP_TEXT_LEN];

	if (ns == INT64_MIN || ns == INT64_MAX)
		return;
	timestamp_format(text, ns);
	http_form_add(form, name, span_of(text, sizeof(text)));
}

static void write_form(const struct options *opts, const struct ask *ask, struct buf *form)
{
	_cleanup_(buf_release) struct buf text = BUF_INIT(QUERY_TEXT_MAX);
	char timeout[NUM_TEXT_MAX + 4];

	query_print(ask->query, &text);
	http_form_add(form, "query", buf_span(&text));
	http_form_add(form, "trailer", SPAN("1"));
	if (ask->has_time_range && (!opts->follow || ask->since_given))
		add_time(form, "end", ask->max_time);
	if (opts->timeout > 0 && !opts->follow) {
		snprintf(timeout, sizeof(timeout), "%lldns", (long long)opts->timeout);
		http_form_add(form, "timeout", span_cstr(timeout));
	}
}

/* A server is asked for its part of the last (or first) rows. */
static int write_share(const struct options *opts, const struct ask *whole, size_t i,
		       struct buf *form, struct err *reterr)
{
	struct options mine = *opts;
	struct ask ask;
	int r;

	mine.asked_ahead = true;
	if (opts->lines >= 0)
		mine.lines = (int64_t)whole->shares[i];
	else
		mine.max_rows = (int64_t)whole->shares[i];
	r = ask_init(&ask, &mine, whole->now_ns, reterr);
	if (r == 0)
		r = ask_split(&ask, &mine, whole->now_ns, reterr);
	if (r == 0)
		write_form(&mine, &ask, form);
	ask_release(&ask);
	return r;
}

/* What each server is asked; they differ in where a cursor stands in them, and in shares. */
static int write_forms(const struct options *opts, struct ask *ask, size_t n, struct arena *arena,
		       struct span *forms, struct err *reterr)
{
	_cleanup_(buf_release) struct buf form = BUF_INIT(4 * QUERY_TEXT_MAX);

	for (size_t i = 0; i < n; i++) {
		int r = ask->place ? ask_resume(ask, place_commit(ask->place, i), reterr) : 0;

		if (r < 0)
			return r;
		buf_reset(&form);
		if (ask->shares)
			r = write_share(opts, ask, i, &form, reterr);
		else
			write_form(opts, ask, &form);
		if (r < 0)
			return r;
		forms[i] = arena_dup(arena, buf_span(&form));
		if (form.failed || !forms[i].ptr)
			return err_set(reterr, -E2BIG, "the query is too long");
	}
	return 0;
}

/* 0 at the end of the answers, 1 when the sink has enough. */
static int take_rows(struct merge *merge, struct row_sink *sink, struct query_progress *progress)
{
	struct merge_row row;
	int r;

	for (;;) {
		r = merge_next(merge, &row);
		if (r == 1 && progress)
			atomic_fetch_add(&progress->rows_matched, 1);
		sink->source = r == 1 ? row.server : 0;
		if (r == 1)
			r = sink->row(sink, row.names, row.texts, row.n);
		else if (r == -EAGAIN)
			r = sink->pause(sink);
		else
			return r;
		if (r != 0)
			return r;
	}
}

/* How each of them ended.  The first error if there is no good one. */
static int sum_up(struct merge *merge, const struct span *servers, size_t n, int64_t start_ns,
		  struct answer *answer, struct err *reterr)
{
	uint64_t read = 0, matched = 0, skipped = 0, blocks = 0;
	struct err first = {0};
	size_t bad = 0;

	for (size_t i = 0; i < n; i++) {
		struct merge_status status;

		merge_status(merge, i, &status);
		read += status.rows_scanned;
		matched += status.rows_matched;
		skipped += status.blocks_skipped;
		blocks += status.blocks_skipped + status.blocks_scanned;
		answer->partial |= status.partial || status.result < 0;
		if (status.result < 0) {
			buf_printf(&answer->why, "%.*s: %s\n", SPAN_FMT(servers[i]),
				   status.err.text);
			first = bad++ ? first : status.err;
		} else if (status.partial) {
			buf_printf(&answer->why, "%.*s: %.*s\n", SPAN_FMT(servers[i]),
				   SPAN_FMT(span_trim(status.why)));
		}
	}
	buf_printf(
		&answer->cost, "%llu rows read, %llu matched; %llu of %llu blocks skipped; %.1f ms",
		(unsigned long long)read, (unsigned long long)matched, (unsigned long long)skipped,
		(unsigned long long)blocks, (double)(clock_mono_ns() - start_ns) / 1e6);
	if (bad == n)
		return err_set(reterr, first.code ? first.code : -EIO, "%s", first.text);
	return 0;
}

int remote_run(const struct options *opts, struct ask *ask, const struct span *servers, size_t n,
	       struct row_sink *sink, struct answer *ret, struct err *reterr)
{
	_cleanup_(arena_release) struct arena arena;
	_cleanup_free_ struct span *forms = calloc(n + 1, sizeof(*forms));
	int64_t start_ns = clock_mono_ns();
	struct merge_conf conf = {
		.servers = servers,
		.nservers = n,
		.path = opts->follow ? "/api/v1/tail" : "/api/v1/query",
		.since_ns = ask->has_time_range && (!opts->follow || ask->since_given)
				    ? ask->min_time
				    : INT64_MIN,
		.limit_ns = opts->timeout && !opts->follow ? opts->timeout + GRACE_NS : 0,
		.newest_first = ask->newest_first,
		.follow = opts->follow,
		.cancel = &logq_cancel};
	struct merge *merge;
	int r;

	arena_init(&arena, (n + 1) * 4 * QUERY_TEXT_MAX);
	if (!forms)
		return err_set(reterr, -ENOMEM, "out of memory");
	r = write_forms(opts, ask, n, &arena, forms, reterr);
	if (r < 0)
		return r;
	conf.forms = forms;
	r = merge_open(&conf, &merge, reterr);
	if (r < 0)
		return r;
	r = take_rows(merge, sink, ret->progress);
	if (r >= 0) /* one that failed is missing also from the first rows */
		r = sum_up(merge, servers, n, start_ns, ret, reterr);
	else if (r < 0)
		(void)err_set(reterr, r, "can't take a row: %s", strerror(-r));
	merge_close(merge);
	return r < 0 ? r : 0;
}
