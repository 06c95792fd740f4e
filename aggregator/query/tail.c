/* tail.c - looks again and again; see tail.h. */
#include "aggregator/query/tail.h"
#include "common/base/cleanup.h"
#include "common/base/hash.h"
#include "common/base/map.h"
#include "common/base/num.h"
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#define SEEN_MAX    (1u << 20) /* rows that wait for their commit */
#define SEEN_BUDGET (SEEN_MAX * 16)

/* Rows of one look that are in memory yet, as hash → how often. */
struct seen {
	struct map map; /* keys live in `arena` */
	struct arena arena;
};

/* What a run of the query is about. */
enum look {
	LOOK_BEFORE, /* the first one: rows that were there before it begins, to know them */
	LOOK_FIRST,  /* … and those that it shows */
	LOOK_NEW,
};

struct tail {
	struct pipe pipe;     /* the stage that knows which rows are new: pipes[0] */
	struct query query;   /* the one that is followed, with more pipes in front */
	struct query *sorted; /* has the second of them */
	struct query_conf conf;
	struct query_source *source;
	int64_t since_ns;
	bool began;
	enum look look;
	uint64_t passed;      /* durable rows up to this commit were seen by earlier looks */
	uint64_t durable;     /* … will have been, after this one */
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

static int seen_add(struct seen *seen, uint64_t hash)
{
	struct span key = span_of((const char *)&hash, sizeof(hash));
	union map_value *value;
	bool added;

	if (seen->map.len >= SEEN_MAX)
		return -ENOBUFS;
	value = map_put(&seen->map, key, &added);
	if (!value)
		return -ENOMEM;
	if (added) {
		struct span copy = arena_dup(&seen->arena, key);

		if (!copy.ptr)
			return -ENOBUFS;
		map_rekey(&seen->map, key, copy);
	}
	value->n++;
	return 0;
}

/* True if it was there; then once less from now on. */
static bool seen_take(struct seen *seen, uint64_t hash)
{
	union map_value *value = map_get(&seen->map, span_of((const char *)&hash, sizeof(hash)));

	if (!value || !value->n)
		return false;
	value->n--;
	return true;
}

struct columns {
	size_t n;
	const struct span *names;
	const struct span **texts;
};

/* All but the number, which a row gets later. */
static int load(struct rows *rows, struct columns *ret)
{
	int r = rows_delete(rows, COMMIT_FIELD);

	r = r < 0 ? r : rows_names(rows, &ret->names, &ret->n);

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

/* In memory, or of a commit after this look began: the next look meets it again. */
static bool comes_again(const struct tail *tail, struct span commit)
{
	uint64_t number;

	return num_parse_u64(commit, &number) < 0 || number > tail->durable;
}

/* With the lock held: 1 if this row is to be shown. */
static int take_row(struct tail *tail, uint64_t hash, struct span commit, bool in_time)
{
	bool again = comes_again(tail, commit);
	bool new = tail->look == LOOK_NEW ? !seen_take(&tail->before, hash)
					  : in_time && tail->look == LOOK_FIRST;
	int r = again && (tail->look != LOOK_FIRST || in_time) ? seen_add(&tail->now, hash) : 0;

	return r < 0 ? r : new;
}

/* The rows of `bits` are those to be shown. */
static int find_new(struct tail *tail, struct rows *rows, uint64_t *bits)
{
	const struct span *commits = rows_texts(rows, COMMIT_FIELD);
	const struct column *time;
	struct columns columns;
	int r = commits ? load(rows, &columns) : -ENOMEM;

	if (r < 0)
		return r;
	time = rows_column(rows, SPAN("_time"));
	pthread_mutex_lock(&tail->lock);
	for (uint32_t row = 0; row < rows->n && r >= 0; row++) {
		bool in_time = time->kind != COLUMN_TIME || time->ints[row] >= tail->since_ns;

		r = take_row(tail, row_hash(&columns, row), commits[row], in_time);
		if (r > 0)
			bit_set(bits, row);
	}
	pthread_mutex_unlock(&tail->lock);
	return r < 0 ? r : 0;
}

static int new_push(struct stage *stage, unsigned worker, struct rows *rows)
{
	struct tail *tail = (struct tail *)(uintptr_t)stage->pipe;
	uint64_t *bits = ARENA_ARRAY(rows->arena, uint64_t, BITMAP_WORDS(rows->n) + 1);
	int r = bits ? find_new(tail, rows, bits) : -ENOMEM;

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
	      int64_t since_ns, struct tail **ret, struct err *reterr)
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

/* Rows of [from, to] that became durable after `passed`, and those in memory. */
static int run(struct tail *tail, enum look look, uint64_t passed, int64_t from, int64_t to,
	       struct query_result *ret, struct err *reterr)
{
	struct filter *asked = tail->query.filter, *kids[2] = {NULL, asked};
	struct filter both = {.kind = FILTER_AND, .kids = kids, .nkids = 2};
	struct query *later;
	char text[80];
	int r;

	snprintf(text, sizeof(text), "_commit:>%llu or _commit:\"\"", (unsigned long long)passed);
	r = query_parse(span_cstr(text), 0, &query_lang_ops, &later, reterr);
	if (r < 0)
		return r;
	kids[0] = later->filter;
	tail->query.filter = passed ? &both : asked;
	tail->look = look;
	tail->conf.has_time_range = true;
	tail->conf.min_time = from;
	tail->conf.max_time = to;
	r = query_execute(&tail->query, &tail->conf, tail->source, pass_on, tail, ret, reterr);
	tail->query.filter = asked;
	query_free(later);
	return r;
}

static int first_look(struct tail *tail, struct query_result *ret, struct err *reterr)
{
	int r = 0;

	if (tail->since_ns > INT64_MIN)
		r = run(tail, LOOK_BEFORE, tail->durable, INT64_MIN, tail->since_ns - 1, ret,
			reterr);
	if (r < 0)
		return r;
	query_result_release(ret);
	return run(tail, LOOK_FIRST, 0, tail->since_ns, INT64_MAX, ret, reterr);
}

int tail_look(struct tail *tail, query_sink_fn *sink, void *ctx, struct query_result *ret,
	      struct err *reterr)
{
	const struct query_source_ops *ops = tail->source->ops;
	uint64_t last = ops->last_commit ? ops->last_commit(tail->source) : 0;
	struct seen swap = tail->before;
	int r;

	tail->before = tail->now;
	tail->now = swap;
	map_reset(&tail->now.map);
	arena_reset(&tail->now.arena);
	tail->sink = sink;
	tail->ctx = ctx;
	tail->durable = last > tail->passed ? last : tail->passed;
	if (tail->began)
		r = run(tail, LOOK_NEW, tail->passed, INT64_MIN, INT64_MAX, ret, reterr);
	else
		r = first_look(tail, ret, reterr);
	tail->began = true;
	tail->passed = tail->durable;
	return r < 0 ? r : tail->enough;
}
