/* The index as a source: each scan is a snapshot, damaged parts are told first. */
#include "aggregator/query/source.h"
#include "aggregator/store/store.h"
#include "common/data/timestamp.h"
#include <errno.h>
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

static int store_scan(struct query_source *source, const struct source_want *want,
		      struct source_scan **ret, struct err *reterr)
{
	struct store_scan *scan = calloc(1, sizeof(*scan));
	int r;

	if (!scan)
		return err_set(reterr, -ENOMEM, "out of memory");
	scan->scan.source = source;
	scan->oldest_first = want->oldest_first;
	r = store_snapshot(((struct source_store *)source)->store, want->min_time, want->max_time,
			   &scan->snapshot);
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

static void store_close_scan(struct source_scan *base)
{
	struct store_scan *scan = (struct store_scan *)base;

	store_snapshot_free(scan->snapshot);
	free(scan);
}

static void source_store_close(struct query_source *source)
{
	free(source);
}

static const struct query_source_ops store_ops = {.scan = store_scan,
						  .next = store_next,
						  .close_scan = store_close_scan,
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
