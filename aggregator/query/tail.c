/* tail.c - looks again and again; see tail.h. */
#include "aggregator/query/tail.h"
#include "common/base/cleanup.h"
#include "common/base/clock.h"
#include "common/base/hash.h"
#include "common/base/map.h"
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#define SEEN_MAX    (1u << 20) /* rows in the lookback */
#define SEEN_BUDGET (SEEN_MAX * 16)

/* Rows of one look, as hash → how often. */
struct seen {
	struct map map; /* keys live in `arena` */
	struct arena arena;
};

struct tail {
	struct pipe pipe;     /* the stage that knows which rows are new: pipes[0] */
	struct query query;   /* the one that is followed, with more pipes in front */
	struct query *sorted; /* has the second of them */
	struct query_conf conf;
	struct query_source *source;
	int64_t lookback_ns;
	int64_t since_ns;     /* of the first look; INT64_MIN afterwards */
	pthread_mutex_t lock; /* of what follows, in a look */
	struct seen now, before;
	query_sink_fn *sink;
	void *ctx;
	bool enough; /* said the sink */
};

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
	pthread_mutex_destroy(&tail->lock);
	query_free(tail->sorted);
	free(tail->query.pipes);
	free(tail);
}
DEFINE_CLEANUP(struct tail *, tail_close);

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

/* The rows of `bits` are those that are new and not before the first look's begin. */
static int find_new(struct tail *tail, struct rows *rows, const struct columns *columns,
		    uint64_t *bits)
{
	const struct column *time = rows_column(rows, SPAN("_time"));
	int r = 0;

	pthread_mutex_lock(&tail->lock);
	for (uint32_t row = 0; row < rows->n && r >= 0; row++) {
		r = is_new(tail, row_hash(columns, row));
		if (r > 0 && (time->kind != COLUMN_TIME || time->ints[row] >= tail->since_ns))
			bit_set(bits, row);
	}
	pthread_mutex_unlock(&tail->lock);
	return r < 0 ? r : 0;
}

static int new_push(struct stage *stage, unsigned worker, struct rows *rows)
{
	struct tail *tail = (struct tail *)(uintptr_t)stage->pipe;
	uint64_t *bits = ARENA_ARRAY(rows->arena, uint64_t, BITMAP_WORDS(rows->n) + 1);
	struct columns columns;
	int r = bits ? load(rows, &columns) : -ENOMEM;

	if (r == 0)
		r = find_new(tail, rows, &columns, bits);
	if (r == -ENOBUFS)
		return stage_fail(stage, r,
				  "too many rows at a time to follow them: narrow the query");
	if (r == 0)
		r = rows_keep(rows, bits);
	return r < 0 ? r : stage_push(stage->next, worker, rows);
}

static void new_needs(const struct pipe *pipe, struct field_set *set)
{
	(void)pipe;
	field_set_reset(set, true);
}

static const struct pipe_ops new_ops = {
	.names = "new", .streams = true, .needs = new_needs, .push = new_push};

/* The new rows, in order of time, in front of the query's pipes. */
static int put_in_front(struct tail *tail, const struct query *query, struct err *reterr)
{
	int r = query_parse_pipes(SPAN("sort by (_time, log.offset)"), 0, &query_lang_ops,
				  &tail->sorted, reterr);

	if (r < 0)
		return r;
	tail->pipe.ops = &new_ops;
	tail->query = *query;
	tail->query.npipes = query->npipes + 2;
	tail->query.pipes = calloc(tail->query.npipes, sizeof(*tail->query.pipes));
	if (!tail->query.pipes)
		return err_set(reterr, -ENOMEM, "out of memory");
	tail->query.pipes[0] = &tail->pipe;
	tail->query.pipes[1] = tail->sorted->pipes[0];
	if (query->npipes)
		memcpy(tail->query.pipes + 2, query->pipes, query->npipes * sizeof(*query->pipes));
	return 0;
}

int tail_open(struct query *query, const struct query_conf *conf, struct query_source *source,
	      int64_t lookback_ns, int64_t since_ns, struct tail **ret, struct err *reterr)
{
	_cleanup_(tail_closep) struct tail *tail = NULL;
	struct span blocking = query_first_blocking_pipe(query);

	if (blocking.len)
		return err_set(
			reterr, -EINVAL,
			"pipe `%.*s` needs all rows before it can answer, so the query can't "
			"be followed",
			SPAN_FMT(blocking));
	tail = calloc(1, sizeof(*tail));
	if (!tail)
		return err_set(reterr, -ENOMEM, "out of memory");
	tail->conf = *conf;
	tail->source = source;
	tail->lookback_ns = lookback_ns;
	tail->since_ns = since_ns;
	pthread_mutex_init(&tail->lock, NULL);
	arena_init(&tail->now.arena, SEEN_BUDGET);
	arena_init(&tail->before.arena, SEEN_BUDGET);
	int r = put_in_front(tail, query, reterr);

	if (r < 0)
		return r;
	*ret = TAKE(tail);
	return 0;
}

static int pass_on(void *ctx, struct rows *rows)
{
	struct tail *tail = ctx;
	int r = tail->sink(tail->ctx, rows);

	tail->enough |= r == 1;
	return r;
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
	tail->sink = sink;
	tail->ctx = ctx;
	tail->conf.has_time_range = true;
	tail->conf.min_time = clock_real_ns() - tail->lookback_ns;
	if (tail->since_ns != INT64_MIN && tail->since_ns < tail->conf.min_time)
		tail->conf.min_time = tail->since_ns;
	tail->conf.max_time = INT64_MAX;
	r = query_execute(&tail->query, &tail->conf, tail->source, pass_on, tail, ret, reterr);
	tail->since_ns = INT64_MIN;
	return r < 0 ? r : tail->enough;
}
