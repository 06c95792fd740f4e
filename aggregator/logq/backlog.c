/* backlog.c - see backlog.h. */
#include "aggregator/logq/backlog.h"
#include "common/base/arena.h"
#include "common/base/clock.h"
#include "common/base/vec.h"
#include "common/data/timestamp.h"
#include <errno.h>
#include <stdlib.h>

#define PATIENCE_NS (2 * NS_PER_SEC) /* for rows that were counted, and are gone */
#define SPARE_ROWS  1024             /* kept beyond those that are wanted, before any are dropped */

struct backlog_row {
	const struct span *names, *texts;
	size_t n, unit;
	int64_t time;
	uint64_t place; /* the how manyth row of all */
};

struct backlog {
	struct row_sink sink, *next;
	uint64_t wanted;
	bool ended;
	struct arena arenas[2]; /* rows move to the other one when some are dropped */
	unsigned arena;
	VEC(struct backlog_row) rows;
	size_t unit;
	uint64_t seen, places;
	int64_t time; /* of the unit's row before */
	uint64_t expected;
	int64_t patience_ns; /* until then, monotonic; 0 = nothing is expected */
};

static int by_time(const void *left, const void *right)
{
	const struct backlog_row *a = left, *b = right;

	if (a->time != b->time)
		return a->time < b->time ? -1 : 1;
	return a->place < b->place ? -1 : a->place > b->place;
}

/* Those of one block mostly have the same names. */
static bool same_names(const struct backlog_row *row, const struct span *names, size_t n)
{
	if (row->n != n)
		return false;
	for (size_t i = 0; i < n; i++)
		if (!span_eq(row->names[i], names[i]))
			return false;
	return true;
}

static const struct span *copy(struct arena *arena, const struct span *texts, size_t n)
{
	struct span *copies = ARENA_ARRAY(arena, struct span, n + 1);

	for (size_t i = 0; copies && i < n; i++)
		copies[i] = arena_dup(arena, texts[i]);
	return copies;
}

/* `before`: a row in the same arena, whose names may be shared; or NULL. */
static int copy_row(struct arena *arena, const struct backlog_row *before, struct backlog_row *row)
{
	bool same = before && same_names(before, row->names, row->n);

	row->names = same ? before->names : copy(arena, row->names, row->n);
	row->texts = copy(arena, row->texts, row->n);
	return arena->overflowed ? -ENOBUFS : 0;
}

/* Drop all but the last ones. */
static int drop(struct backlog *backlog)
{
	struct arena *to = &backlog->arenas[!backlog->arena];
	size_t drop = backlog->rows.len > backlog->wanted ? backlog->rows.len - backlog->wanted : 0;
	int r = 0;

	if (!drop)
		return -ENOBUFS;
	qsort(backlog->rows.ptr, backlog->rows.len, sizeof(*backlog->rows.ptr), by_time);
	for (size_t i = drop; i < backlog->rows.len && r == 0; i++) {
		backlog->rows.ptr[i - drop] = backlog->rows.ptr[i];
		r = copy_row(to, i > drop ? &backlog->rows.ptr[i - drop - 1] : NULL,
			     &backlog->rows.ptr[i - drop]);
	}
	backlog->rows.len -= drop;
	arena_reset(&backlog->arenas[backlog->arena]);
	backlog->arena = !backlog->arena;
	return r;
}

static int keep(struct backlog *backlog, const struct backlog_row *row)
{
	struct arena *arena = &backlog->arenas[backlog->arena];
	struct backlog_row copied = *row;
	const struct backlog_row *before =
		backlog->rows.len ? &backlog->rows.ptr[backlog->rows.len - 1] : NULL;
	int r = copy_row(arena, before, &copied);

	if (r < 0) { /* only what was copied counts */
		r = drop(backlog);
		copied = *row;
		before = backlog->rows.len ? &backlog->rows.ptr[backlog->rows.len - 1] : NULL;
		r = r < 0 ? r : copy_row(&backlog->arenas[backlog->arena], before, &copied);
	}
	return r < 0 ? r : vec_push(&backlog->rows, copied);
}

/* Its time; without one of its own it belongs to the row before. */
static int64_t time_of(const struct backlog *backlog, const struct span *names,
		       const struct span *texts, size_t n)
{
	int64_t ns = backlog->time;

	for (size_t i = 0; i < n; i++) {
		if (span_eq(names[i], SPAN("log.time_source")) &&
		    span_eq(texts[i], SPAN("observed")) && backlog->time != INT64_MIN)
			return backlog->time;
		if (span_eq(names[i], SPAN("_time")) && timestamp_parse(texts[i], &ns) < 0)
			ns = backlog->time;
	}
	return ns;
}

static int take(struct row_sink *sink, const struct span *names, const struct span *texts, size_t n)
{
	struct backlog *backlog = (struct backlog *)sink;
	struct backlog_row row = {.names = names, .texts = texts, .n = n, .unit = backlog->unit};

	if (backlog->ended)
		return backlog->next->row(backlog->next, names, texts, n);
	backlog->time = row.time = time_of(backlog, names, texts, n);
	row.place = backlog->places++;
	backlog->seen++;
	if (backlog->wanted < BACKLOG_ALL / 4 &&
	    backlog->rows.len >= 2 * backlog->wanted + SPARE_ROWS) {
		int r = drop(backlog);

		if (r < 0)
			return r;
	}
	return keep(backlog, &row);
}

static int give(struct backlog *backlog)
{
	size_t n = backlog->rows.len;
	int r = 0;

	backlog->ended = true;
	if (n)
		qsort(backlog->rows.ptr, n, sizeof(*backlog->rows.ptr), by_time);
	for (size_t i = n > backlog->wanted ? n - backlog->wanted : 0; i < n && r == 0; i++) {
		const struct backlog_row *row = &backlog->rows.ptr[i];

		r = backlog->next->row(backlog->next, row->names, row->texts, row->n);
	}
	vec_release(&backlog->rows);
	arena_release(&backlog->arenas[0]);
	arena_release(&backlog->arenas[1]);
	return r;
}

static int pause_rows(struct row_sink *sink)
{
	struct backlog *backlog = (struct backlog *)sink;
	int r = 0;

	if (!backlog->ended && backlog->patience_ns &&
	    (backlog->seen >= backlog->expected || clock_mono_ns() > backlog->patience_ns))
		r = give(backlog);
	return r == 0 && backlog->ended ? backlog->next->pause(backlog->next) : r;
}

int backlog_open(uint64_t rows, struct row_sink *next, struct backlog **ret, struct err *reterr)
{
	struct backlog *backlog = calloc(1, sizeof(*backlog));

	if (!backlog)
		return err_set(reterr, -ENOMEM, "out of memory");
	*backlog = (struct backlog){.sink = {.row = take, .pause = pause_rows},
				    .next = next,
				    .wanted = rows,
				    .time = INT64_MIN};
	arena_init(&backlog->arenas[0], BACKLOG_BYTES / 2);
	arena_init(&backlog->arenas[1], BACKLOG_BYTES / 2);
	*ret = backlog;
	return 0;
}

struct row_sink *backlog_sink(struct backlog *backlog)
{
	return &backlog->sink;
}

void backlog_begin(struct backlog *backlog, size_t unit)
{
	size_t n = 0;

	for (size_t i = 0; i < backlog->rows.len; i++)
		if (backlog->rows.ptr[i].unit != unit)
			backlog->rows.ptr[n++] = backlog->rows.ptr[i];
	backlog->rows.len = n;
	if (!n)
		arena_reset(&backlog->arenas[backlog->arena]);
	backlog->unit = unit;
	backlog->seen = 0;
	backlog->time = INT64_MIN;
}

uint64_t backlog_seen(const struct backlog *backlog)
{
	return backlog->seen;
}

uint64_t backlog_wanted(const struct backlog *backlog)
{
	return backlog->wanted;
}

void backlog_expect(struct backlog *backlog, uint64_t rows)
{
	backlog->expected = rows;
	backlog->patience_ns = clock_mono_ns() + PATIENCE_NS;
}

int backlog_end(struct backlog *backlog, struct err *reterr)
{
	int r = give(backlog);

	if (r == 0)
		r = backlog->next->pause(backlog->next);
	return r < 0 ? err_set(reterr, r, "can't print: %s", strerror(-r)) : r;
}

void backlog_free(struct backlog *backlog)
{
	if (!backlog)
		return;
	vec_release(&backlog->rows);
	arena_release(&backlog->arenas[0]);
	arena_release(&backlog->arenas[1]);
	free(backlog);
}
