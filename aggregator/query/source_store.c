/* The index as a source: each scan is a snapshot, damaged parts are told first. */
#include "aggregator/query/source.h"
#include "aggregator/store/store.h"
#include "common/data/timestamp.h"
#include <errno.h>
#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>

struct source_store {
	struct query_source source;
	struct store *store;
};

struct store_scan {
	struct source_scan scan;
	struct store_snapshot *snapshot;
	bool oldest_first;
	atomic_size_t next; /* damages first, then blocks */
};

/*
 * The `_commit` up to which no durable row matches: what looks again and again
 * (tails, cursors) is not to read the whole index each time.
 */
static double passed_commit(const struct filter *filter)
{
	bool all = filter->kind == FILTER_AND;
	double passed = 0;

	if (filter->kind == FILTER_RANGE && !filter->wild && span_eq(filter->field, COMMIT_FIELD))
		return ceil(filter->min) - 1;
	if (filter->kind == FILTER_PHRASE && !filter->text.len && !filter->wild &&
	    span_eq(filter->field, COMMIT_FIELD))
		return INFINITY; /* `_commit:""`: rows in memory */
	if (!all && filter->kind != FILTER_OR)
		return 0;
	for (size_t i = 0; i < filter->nkids; i++) {
		double kid = passed_commit(filter->kids[i]);

		if (i == 0 || (all ? kid > passed : kid < passed))
			passed = kid;
	}
	return passed;
}

static uint64_t passed_by(const struct filter *filter)
{
	double passed = passed_commit(filter);

	return passed <= 0 ? 0 : passed < 1e18 ? (uint64_t)passed : UINT64_MAX;
}

static int store_scan(struct query_source *source, const struct source_want *want,
		      struct source_scan **ret, struct err *reterr)
{
	struct store_scan *scan = calloc(1, sizeof(*scan));
	int r;

	if (!scan)
		return err_set(reterr, -ENOMEM, "out of memory");
	scan->scan.source = source;
	scan->oldest_first = want->oldest_first;
	r = store_snapshot_after(((struct source_store *)source)->store, passed_by(want->filter),
				 want->min_time, want->max_time, &scan->snapshot);
	if (r < 0) {
		free(scan);
		return err_set(reterr, r, "no snapshot of the index: %s", strerror(-r));
	}
	*ret = &scan->scan;
	return 0;
}

static int tell_damage(const struct store_damage *damage, struct err *reterr)
{
	char from[TIMESTAMP_TEXT_LEN], to[TIMESTAMP_TEXT_LEN];

	timestamp_format(from, damage->min_time);
	timestamp_format(to, damage->max_time);
	return err_set(reterr, -EBADMSG, "%.*s: %.*s; %llu rows of %.*s to %.*s are missing",
		       SPAN_FMT(damage->file), SPAN_FMT(damage->why),
		       (unsigned long long)damage->rows, TIMESTAMP_TEXT_LEN, from,
		       TIMESTAMP_TEXT_LEN, to);
}

static int store_next(struct source_scan *base, unsigned worker, struct row_block **ret,
		      struct err *reterr)
{
	struct store_scan *scan = (struct store_scan *)base;
	const struct store_snapshot *snapshot = scan->snapshot;
	size_t i = atomic_fetch_add(&scan->next, 1);

	(void)worker;
	if (i < snapshot->ndamages)
		return tell_damage(&snapshot->damages[i], reterr);
	i -= snapshot->ndamages;
	if (i >= snapshot->nblocks)
		return 0;
	*ret = snapshot->blocks[scan->oldest_first ? snapshot->nblocks - 1 - i : i];
	return 1;
}

/* Rows of a block up to `ns`, as if they came at even intervals. */
static double rows_until(const struct row_block *block, int64_t ns)
{
	double span = (double)block->max_time - (double)block->min_time + 1;

	if (ns < block->min_time)
		return 0;
	if (ns >= block->max_time)
		return block->nrows;
	return block->nrows * (((double)ns - (double)block->min_time + 1) / span);
}

static double all_until(const struct store_snapshot *snapshot, int64_t ns)
{
	double n = 0;

	for (size_t i = 0; i < snapshot->nblocks; i++)
		n += rows_until(snapshot->blocks[i], ns);
	return n;
}

static int store_split(struct query_source *source, int64_t min, int64_t max, int64_t *ret_at)
{
	struct store_snapshot *snapshot;
	int64_t low = max, high = min;
	int r = store_snapshot(((struct source_store *)source)->store, min, max, &snapshot);

	if (r < 0)
		return r;
	for (size_t i = 0; i < snapshot->nblocks; i++) {
		const struct row_block *block = snapshot->blocks[i];

		low = block->min_time < low ? block->min_time : low;
		high = block->max_time > high ? block->max_time : high;
	}
	low = low < min ? min : low;
	high = high > max ? max : high;
	double before = low > INT64_MIN ? all_until(snapshot, low - 1) : 0;
	double half = (before + all_until(snapshot, high)) / 2;

	r = low < high;
	while (low + 1 < high) {
		int64_t middle = low + (int64_t)(((uint64_t)high - (uint64_t)low) / 2);

		if (all_until(snapshot, middle) < half)
			low = middle;
		else
			high = middle;
	}
	store_snapshot_free(snapshot);
	*ret_at = low;
	return r;
}

static void store_close_scan(struct source_scan *base)
{
	struct store_scan *scan = (struct store_scan *)base;

	store_snapshot_free(scan->snapshot);
	free(scan);
}

static uint64_t store_source_last_commit(struct query_source *source)
{
	return store_last_commit(((struct source_store *)source)->store);
}

static void source_store_close(struct query_source *source)
{
	free(source);
}

static const struct query_source_ops store_ops = {.scan = store_scan,
						  .next = store_next,
						  .close_scan = store_close_scan,
						  .split = store_split,
						  .last_commit = store_source_last_commit,
						  .close = source_store_close};

int source_store_open(struct store *store, struct query_source **ret)
{
	struct source_store *source = calloc(1, sizeof(*source));

	if (!source)
		return -ENOMEM;
	source->source.ops = &store_ops;
	source->store = store;
	*ret = &source->source;
	return 0;
}
