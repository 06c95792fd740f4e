/* tail.c - looks again and again; see tail.h. */
#include "aggregator/query/tail.h"
#include "common/base/clock.h"
#include "common/base/hash.h"
#include "common/base/map.h"
#include "common/base/vec.h"
#include "common/data/timestamp.h"
#include <errno.h>

#define SEEN_MAX    (1u << 20)  /* rows in the lookback */
#define NEW_MAX     (64u << 20) /* bytes of the new rows of one look */
#define ROW_ARENA   (4u << 20)
#define SEEN_BUDGET (SEEN_MAX * 16)

/* Rows of one look, as hash → how often. */
struct seen {
	struct map map; /* keys live in `arena` */
	struct arena arena;
};

struct new_row {
	int64_t time;
	size_t order; /* of arrival, for equal times */
	size_t n;
	const struct span *pairs; /* name, text, name, text … */
};

struct tail {
	struct query *query;
	struct query_conf conf;
	struct query_source *source;
	int64_t lookback_ns;
	int64_t since_ns; /* of the first look; INT64_MIN afterwards */
	struct seen now, before;
	struct arena arena; /* of `rows` */
	VEC(struct new_row) rows;
	struct arena row_arena; /* of the one that is handed out */
};

int tail_open(struct query *query, const struct query_conf *conf, struct query_source *source,
	      int64_t lookback_ns, int64_t since_ns, struct tail **ret, struct err *reterr)
{
	struct span blocking = query_first_blocking_pipe(query);
	struct tail *tail;

	if (blocking.len)
		return err_set(
			reterr, -EINVAL,
			"pipe `%.*s` needs all rows before it can answer, so the query can't "
			"be followed",
			SPAN_FMT(blocking));
	tail = calloc(1, sizeof(*tail));
	if (!tail)
		return err_set(reterr, -ENOMEM, "out of memory");
	*tail = (struct tail){.query = query,
			      .conf = *conf,
			      .source = source,
			      .lookback_ns = lookback_ns,
			      .since_ns = since_ns};
	arena_init(&tail->now.arena, SEEN_BUDGET);
	arena_init(&tail->before.arena, SEEN_BUDGET);
	arena_init(&tail->arena, NEW_MAX);
	arena_init(&tail->row_arena, ROW_ARENA);
	*ret = tail;
	return 0;
}

static void seen_release(struct seen *seen)
{
	map_release(&seen->map);
	arena_release(&seen->arena);
}

void tail_close(struct tail *tail)
{
	if (!tail)
		return;
	seen_release(&tail->now);
	seen_release(&tail->before);
	arena_release(&tail->arena);
	arena_release(&tail->row_arena);
	vec_release(&tail->rows);
	free(tail);
}

/* How often this hash was seen, this time included; 0 = no memory. */
static uint64_t seen_count(struct seen *seen, uint64_t hash)
{
	struct span key = span_of((const char *)&hash, sizeof(hash));
	union map_value *value;
	bool added;

	if (seen->map.len >= SEEN_MAX)
		return 0;
	value = map_put(&seen->map, key, &added);
	if (!value)
		return 0;
	if (added) {
		struct span copy = arena_dup(&seen->arena, key);

		if (!copy.ptr)
			return 0;
		map_rekey(&seen->map, key, copy);
	}
	return ++value->n;
}

/* True if earlier looks had this row fewer times than this one has now. */
static int is_new(struct tail *tail, uint64_t hash)
{
	const union map_value *before =
		map_get(&tail->before.map, span_of((const char *)&hash, sizeof(hash)));
	uint64_t count = seen_count(&tail->now, hash);

	if (!count)
		return -ENOBUFS;
	return count > (before ? before->n : 0);
}

struct columns {
	size_t n;
	const struct span *names;
	const struct span **texts;
};

static int load(struct rows *rows, struct columns *ret)
{
	int r = rows_names(rows, &ret->names, &ret->n);

	if (r < 0)
		return r;
	ret->texts = ARENA_ARRAY(rows->arena, const struct span *, ret->n);
	if (!ret->texts)
		return -ENOMEM;
	for (size_t i = 0; i < ret->n; i++) {
		ret->texts[i] = rows_texts(rows, ret->names[i]);
		if (!ret->texts[i])
			return rows->failed ? rows->failed : -ENOMEM;
	}
	return 0;
}

static uint64_t row_hash(const struct columns *columns, uint32_t row)
{
	uint64_t hash = 0;

	for (size_t i = 0; i < columns->n; i++)
		if (columns->texts[i][row].len)
			hash += hash64(columns->names[i]) * 3 ^ hash64(columns->texts[i][row]);
	return hash;
}

static int keep(struct tail *tail, const struct columns *columns, uint32_t row)
{
	struct new_row new = {.order = tail->rows.len};
	struct span *pairs = ARENA_ARRAY(&tail->arena, struct span, 2 * columns->n);

	for (size_t i = 0; i < columns->n && pairs; i++) {
		struct span text = columns->texts[i][row];

		if (!text.len)
			continue;
		if (span_eq(columns->names[i], SPAN("_time")))
			(void)timestamp_parse(text, &new.time); /* else it stays 0 */
		pairs[2 * new.n] = arena_dup(&tail->arena, columns->names[i]);
		pairs[2 * new.n + 1] = arena_dup(&tail->arena, text);
		new.n++;
	}
	new.pairs = pairs;
	if (tail->arena.overflowed)
		return -ENOBUFS;
	if (new.n == 0 || (tail->since_ns != INT64_MIN && new.time < tail->since_ns))
		return 0;
	return vec_push(&tail->rows, new);
}

static int take(void *ctx, struct rows *rows)
{
	struct tail *tail = ctx;
	struct columns columns;
	int r = load(rows, &columns);

	for (uint32_t row = 0; row < rows->n && r >= 0; row++) {
		r = is_new(tail, row_hash(&columns, row));
		if (r > 0)
			r = keep(tail, &columns, row);
	}
	return r;
}

static int by_time(const void *left, const void *right)
{
	const struct new_row *a = left, *b = right;

	if (a->time != b->time)
		return a->time < b->time ? -1 : 1;
	return a->order < b->order ? -1 : a->order > b->order;
}

static int hand_out(struct tail *tail, const struct new_row *new, query_sink_fn *sink, void *ctx)
{
	struct rows rows;
	int r = 0;

	arena_reset(&tail->row_arena);
	rows_init(&rows, &tail->row_arena, 1);
	for (size_t i = 0; i < new->n &&r == 0; i++)
		r = rows_set_const(&rows, new->pairs[2 * i], new->pairs[2 * i + 1]);
	return r < 0 ? r : sink(ctx, &rows);
}

int tail_look(struct tail *tail, query_sink_fn *sink, void *ctx, struct query_result *ret,
	      struct err *reterr)
{
	struct seen swap = tail->before;
	int r;

	tail->before = tail->now;
	tail->now = swap;
	map_reset(&tail->now.map);
	arena_reset(&tail->now.arena);
	arena_reset(&tail->arena);
	tail->rows.len = 0;
	tail->conf.has_time_range = true;
	tail->conf.min_time = clock_real_ns() - tail->lookback_ns;
	if (tail->since_ns != INT64_MIN && tail->since_ns < tail->conf.min_time)
		tail->conf.min_time = tail->since_ns;
	tail->conf.max_time = INT64_MAX;
	r = query_execute(tail->query, &tail->conf, tail->source, take, tail, ret, reterr);
	if (r == -ENOBUFS)
		(void)err_set(reterr, r,
			      "too many rows at a time to follow them: narrow the query");
	tail->since_ns = INT64_MIN;
	if (tail->rows.len)
		qsort(tail->rows.ptr, tail->rows.len, sizeof(tail->rows.ptr[0]), by_time);
	for (size_t i = 0; i < tail->rows.len && r >= 0; i++) {
		r = hand_out(tail, &tail->rows.ptr[i], sink, ctx);
		if (r == 1)
			break;
	}
	return r;
}
