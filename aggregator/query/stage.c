/* The chain of stages: handing rows on, memory, errors. */
#include "aggregator/query/filter_exec.h"
#include "aggregator/query/run.h"
#include "common/base/clock.h"
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static struct span stage_name(const struct stage *stage)
{
	struct span rest = span_cstr(stage->ops->names), name = SPAN("query");

	span_cut(&rest, ' ', &name);
	return name;
}

int stage_push(struct stage *stage, unsigned worker, struct rows *rows)
{
	int r;

	if (atomic_load_explicit(&stage->full, memory_order_relaxed))
		return 1;
	if (rows->failed)
		return run_fail(stage->run, rows->failed, rows->err.text);
	if (rows->n == 0)
		return 0;
	r = stage->ops->push(stage, worker, rows);
	if (r == -EBADMSG && rows->failed == r && stage->ops->lazy)
		return r;
	if (r == -ENOMEM && !rows->failed)
		return stage_fail(stage, r,
				  "pipe `%.*s` needs too much memory for the rows of one block; "
				  "select fewer rows or fields",
				  SPAN_FMT(stage_name(stage)));
	if (r < 0)
		return run_fail(stage->run, r, rows->failed ? rows->err.text : NULL);
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

int stage_charge(struct stage *stage, size_t bytes)
{
	struct query_shared *shared = stage->run->shared;
	size_t used = atomic_fetch_add(&shared->memory_used, bytes) + bytes;
	size_t peak = atomic_load(&shared->memory_peak);

	atomic_fetch_add(&stage->charged, bytes);
	while (used > peak && !atomic_compare_exchange_weak(&shared->memory_peak, &peak, used))
		;
	if (used <= shared->memory_limit)
		return 0;
	return stage_fail(stage, -ENOMEM,
			  "pipe `%.*s` needs more than the %zu MiB of memory that a query may use; "
			  "select fewer rows or fields, or add a limit",
			  SPAN_FMT(stage_name(stage)), shared->memory_limit >> 20);
}

void stage_uncharge(struct stage *stage, size_t bytes)
{
	atomic_fetch_sub(&stage->run->shared->memory_used, bytes);
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
	arena->charged = 0;
}

int stage_arena_charge(struct stage *stage, struct stage_arena *arena)
{
	size_t more = arena->arena.held - arena->charged;

	if (arena->arena.overflowed)
		return stage_fail(stage, -ENOMEM, "out of memory");
	if (!more)
		return 0;
	arena->charged = arena->arena.held;
	return stage_charge(stage, more);
}

void stage_arena_release(struct stage_arena *arena)
{
	arena_release(&arena->arena);
	arena->charged = 0;
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

void run_partial(struct query_run *run, const char *why)
{
	struct query_result *result = run->shared->result;

	pthread_mutex_lock(&run->shared->lock);
	result->partial = true;
	buf_puts(&result->partial_why, span_cstr(why));
	buf_putc(&result->partial_why, '\n');
	pthread_mutex_unlock(&run->shared->lock);
}
