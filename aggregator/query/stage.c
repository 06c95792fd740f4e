/* The chain of stages: handing rows on, memory, errors. */
#include "aggregator/query/filter_exec.h"
#include "aggregator/query/run.h"
#include "common/base/cleanup.h"
#include "common/base/clock.h"
#include "common/base/num.h"
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define FIELDS_MANY 128 /* rows of fewer fields go on as they are */
#define PART_MIN    64

static struct span stage_name(const struct stage *stage)
{
	struct span rest = span_cstr(stage->ops->names), name = SPAN("query");

	span_cut(&rest, ' ', &name);
	return name;
}

static int push_failed(struct stage *stage, const struct rows *rows, int code)
{
	if (code == -ENOMEM)
		return stage_no_memory(stage);
	return run_fail(stage->run, code, rows->failed ? rows->err.text : NULL);
}

/*
 * How many of the rows may go on at a time: to have a text of each field of each
 * row, which is what most stages come to, then takes a quarter of the query's memory.
 */
static uint32_t rows_at_a_time(struct stage *stage, const struct rows *rows)
{
	size_t cells = stage_budget(stage)->limit / (4 * sizeof(struct span));
	size_t n = cells / (rows->nfields + 1);

	if (rows->nfields < FIELDS_MANY || stage->ops->whole || n >= rows->n)
		return rows->n;
	return n < PART_MIN ? PART_MIN : (uint32_t)n;
}

static int push_rows(struct stage *stage, unsigned worker, struct rows *rows)
{
	int r = stage->ops->push(stage, worker, rows);

	return r >= 0 && rows->failed ? rows->failed : r;
}

/* One part after the other, each with the rare fields that its rows have. */
static int push_parts(struct stage *stage, unsigned worker, struct rows *rows, uint32_t size)
{
	_cleanup_(arena_release) struct arena arena;
	uint32_t *at = ARENA_ARRAY(rows->arena, uint32_t, size);
	int r = at ? 0 : -ENOMEM;

	arena_init(&arena, SIZE_MAX / 4);
	arena.shared = stage_budget(stage);
	for (uint32_t first = 0; r == 0 && first < rows->n; first += size) {
		uint32_t n = rows->n - first < size ? rows->n - first : size;
		struct rows part;

		arena_reset(&arena);
		for (uint32_t i = 0; i < n; i++)
			at[i] = first + i;
		r = rows_pick(rows, at, n, &arena, &part);
		if (r < 0)
			break;
		r = push_rows(stage, worker, &part);
		rows->failed = part.failed;
		rows->err = part.err;
		r = r == 0 ? stage_stopped(stage) : r;
	}
	return r;
}

int stage_push(struct stage *stage, unsigned worker, struct rows *rows)
{
	int r;

	if (atomic_load_explicit(&stage->full, memory_order_relaxed))
		return 1;
	if (rows->failed)
		return push_failed(stage, rows, rows->failed);
	/* Whoever made them may not have looked: no text that is missing goes on as an empty one. */
	if (rows->arena->overflowed)
		return push_failed(stage, rows, -ENOMEM);
	if (rows->n == 0)
		return 0;
	atomic_store_explicit(&stage->seen, true, memory_order_relaxed);
	uint32_t size = rows_at_a_time(stage, rows);

	r = size == rows->n ? push_rows(stage, worker, rows)
			    : push_parts(stage, worker, rows, size);
	if (r == -EBADMSG && rows->failed == r && stage->ops->lazy)
		return r;
	if (r < 0)
		return push_failed(stage, rows, r);
	if (r > 0)
		atomic_store_explicit(&stage->full, true, memory_order_relaxed);
	return r;
}

int stage_read(struct stage *stage, struct rows *rows)
{
	return run_read(stage->run, rows);
}

int stage_fail(struct stage *stage, int code, const char *fmt, ...)
{
	char text[400];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	return run_fail(stage->run, code, text);
}

struct budget *stage_budget(struct stage *stage)
{
	return &stage->run->shared->memory;
}

int stage_no_memory(struct stage *stage)
{
	char what[64];

	snprintf(what, sizeof(what), "pipe `%.*s`", SPAN_FMT(stage_name(stage)));
	return run_no_memory(stage->run, what);
}

int stage_charge(struct stage *stage, size_t bytes)
{
	if (!budget_take(stage_budget(stage), bytes))
		return stage_no_memory(stage);
	atomic_fetch_add(&stage->charged, bytes);
	return 0;
}

void stage_uncharge(struct stage *stage, size_t bytes)
{
	budget_give(stage_budget(stage), bytes);
	atomic_fetch_sub(&stage->charged, bytes);
}

int stage_stopped(struct stage *stage)
{
	return run_stopped(stage->run);
}

int stage_new_states(struct stage *stage, size_t size)
{
	/* A cache line between workers. */
	stage->state_size = (size + 127) & ~(size_t)63;
	stage->state = calloc(stage->run->nworkers, stage->state_size);
	return stage->state ? 0 : stage_fail(stage, -ENOMEM, "out of memory");
}

void *stage_state(const struct stage *stage, unsigned worker)
{
	return (char *)stage->state + worker * stage->state_size;
}

unsigned stage_workers(const struct stage *stage)
{
	return stage->run->nworkers;
}

struct arena *stage_rows_arena(struct stage *stage, unsigned worker)
{
	return &stage->run->workers[worker].arena;
}

/* The budget of the whole query is what counts; the arena's own is out of the way. */
void stage_arena_init(struct stage_arena *arena)
{
	arena_init(&arena->arena, SIZE_MAX / 4);
}

int stage_arena_charge(struct stage *stage, struct stage_arena *arena)
{
	struct budget *budget = stage_budget(stage);

	if (!arena->arena.shared) {
		if (!budget_take(budget, arena->arena.held))
			return stage_no_memory(stage);
		arena->arena.shared = budget;
	}
	return arena->arena.overflowed ? stage_no_memory(stage) : 0;
}

void stage_arena_release(struct stage_arena *arena)
{
	arena_release(&arena->arena);
}

int stage_run_query(struct stage *stage, struct query *query, query_sink_fn *sink, void *ctx)
{
	struct err err = {.text = ""};
	int r = run_query(query, stage->run->shared, 1, sink, ctx, &err);

	return r < 0 ? run_fail(stage->run, r, err.text) : r;
}

int stage_run_earlier(struct stage *stage, struct query *query, int64_t offset, query_sink_fn *sink,
		      void *ctx)
{
	struct query_shared *shared = stage->run->shared;
	const struct query_conf *conf = shared->conf;
	struct query_conf earlier = *conf;
	int64_t end = conf->max_time == INT64_MAX ? query->root->now_ns : conf->max_time;
	int r;

	earlier.min_time = time_earlier(conf->min_time, offset);
	earlier.max_time = time_earlier(end, offset);
	/* Nobody else reads it: finish() is called when all workers are through. */
	shared->conf = &earlier;
	r = stage_run_query(stage, query, sink, ctx);
	shared->conf = conf;
	return r;
}

int run_stopped(struct query_run *run)
{
	struct query_shared *shared = run->shared;
	int failed = atomic_load_explicit(&run->failed, memory_order_relaxed);

	if (failed)
		return failed;
	if (shared->conf->cancel &&
	    atomic_load_explicit(shared->conf->cancel, memory_order_relaxed))
		return run_fail(run, -ECANCELED, "the query was canceled");
	if (shared->deadline_ns && clock_mono_ns() > shared->deadline_ns)
		return run_fail(run, -ETIME, "the query took longer than its time limit");
	return 0;
}

int run_fail(struct query_run *run, int code, const char *text)
{
	pthread_mutex_lock(&run->shared->lock);
	if (!atomic_load(&run->failed)) {
		err_set(&run->err, code, "%s",
			text && *text ? text : "the query failed for lack of memory");
		atomic_store(&run->failed, code);
		atomic_store(&run->stop, true);
	}
	pthread_mutex_unlock(&run->shared->lock);
	return code;
}

void run_forgive(struct query_run *run)
{
	run->err = (struct err){.text = ""};
	atomic_store(&run->failed, 0);
	atomic_store(&run->stop, false);
}

int run_no_memory(struct query_run *run, const char *what)
{
	char text[200], size[NUM_TEXT_MAX];
	size_t n = num_format_size(size, run->shared->memory.limit);

	snprintf(text, sizeof(text),
		 "%s needs more than the %.*s of memory that a query may use; "
		 "select fewer rows or fields, or add a limit",
		 what, (int)n, size);
	return run_fail(run, -ENOMEM, text);
}

void run_partial(struct query_run *run, const char *why)
{
	const struct query_options *options = &run->query->root->options;
	struct query_result *result = run->shared->result;
	char refusal[sizeof(run->err.text)];

	pthread_mutex_lock(&run->shared->lock);
	result->partial = true;
	/* A part that is scanned again is as damaged as before. */
	if (span_find(buf_span(&result->partial_why), span_cstr(why)) < 0) {
		buf_puts(&result->partial_why, span_cstr(why));
		buf_putc(&result->partial_why, '\n');
	}
	pthread_mutex_unlock(&run->shared->lock);
	if (!options->has_allow_partial || options->allow_partial)
		return;
	snprintf(refusal, sizeof(refusal), "the answer would be partial, which is not allowed: %s",
		 why);
	run_fail(run, -EBADMSG, refusal);
}
