/* Running a query: workers take blocks, filter them, push rows; then stages finish in turn. */
#include "aggregator/query/query.h"

#include "aggregator/query/filter_exec.h"
#include "aggregator/query/run.h"
#include "common/base/clock.h"
#include "common/base/num.h"
#include "common/conf/regex.h"
#include <errno.h>
#include <stdlib.h>

#define MEMORY_DEFAULT  (UINT64_C(512) << 20)
#define THREADS_DEFAULT 2
#define PARTIAL_MAX     (64 << 10)
#define SLICES          32 /* few enough rows for load_some() */

static int sink_push(struct stage *stage, unsigned worker, struct rows *rows)
{
	struct query_run *run = stage->run;
	int r = run->lists ? 0 : rows_order_names(rows);

	(void)worker;
	if (r < 0)
		return r;
	pthread_mutex_lock(&run->sink_lock);
	r = run->sink(run->sink_ctx, rows);
	run->rows_out += rows->n;
	pthread_mutex_unlock(&run->sink_lock);
	return r;
}

static const struct pipe_ops sink_ops = {.names = "output", .streams = true, .push = sink_push};

int run_read(struct query_run *run, struct rows *rows)
{
	const struct span *names;
	size_t n;

	if (rows_names(rows, &names, &n) < 0)
		return rows->failed;
	for (size_t i = 0; i < n && !rows->failed; i++)
		if (field_set_has(&run->needs, names[i]) && !rows_rare(rows, names[i]))
			rows_stored(rows, names[i]);
	return rows->failed;
}

/*
 * Hide what the stages don't need, and read the rest now, so that a damaged
 * column costs the block and nothing else.
 */
static int prepare(struct query_run *run, struct rows *rows)
{
	struct stage *first = &run->stages[0];

	if (field_set_is_list(&run->needs) &&
	    rows_select(rows, run->needs.allow.ptr, run->needs.allow.len) < 0)
		return rows->failed;
	if (first->ops->before && first->ops->before(first, rows) < 0)
		return rows->failed;
	return run->reads_late ? 0 : run_read(run, rows);
}

/* Rows outside the time range of the configuration don't exist. */
static int cut_time(struct query_run *run, struct rows *rows, uint64_t *bits)
{
	const struct row_block *block = rows->block;
	struct filter range = {.kind = FILTER_TIME, .field = SPAN("_time")};

	bool has_range =
		run->shared->conf->has_time_range && !run->query->options.ignore_global_time;

	if ((!has_range && !run->in_window) ||
	    (block->min_time >= run->min_time && block->max_time <= run->max_time))
		return 0;
	range.tmin = run->min_time;
	range.tmax = run->max_time;
	return filter_exec(&range, rows, bits);
}

static int filter_block(struct query_run *run, struct rows *rows)
{
	uint64_t *bits = ARENA_ARRAY(rows->arena, uint64_t, BITMAP_WORDS(rows->n) + 1);
	int r = bits ? 0 : -ENOMEM;

	if (r >= 0) {
		bits_fill(bits, rows->n);
		r = cut_time(run, rows, bits);
	}
	if (r >= 0)
		r = filter_exec(run->query->filter, rows, bits);
	if (r >= 0 && run->query->options.global_filter)
		r = filter_exec(run->query->options.global_filter, rows, bits);
	return r < 0 ? r : rows_keep(rows, bits);
}

/* What one block has cost so far. */
struct block_cost {
	int64_t start_ns;
	uint32_t matched, loads;
	uint64_t values;
};

static void note_cost(struct query_worker *worker, const struct row_block *block,
		      const struct block_cost *spent)
{
	struct query_progress *progress = worker->run->shared->conf->progress;
	struct query_cost *cost = &worker->stored;

	if (progress) {
		atomic_fetch_add(&progress->rows_scanned, block->nrows);
		atomic_fetch_add(&progress->rows_matched, spent->matched);
	}
	worker->blocks_scanned++;
	worker->rows_scanned += block->nrows;
	worker->bytes_scanned += block->bytes;
	worker->rows_matched += spent->matched;
	worker->columns_read += spent->loads;
	worker->values_read += spent->values;
	if (!block->bytes)
		return;
	cost->blocks++;
	cost->rows += block->nrows;
	cost->matched += spent->matched;
	cost->bytes += block->bytes;
	cost->values += spent->values;
	cost->ns += clock_mono_ns() - spent->start_ns;
}

/* Until all blocks before this worker's have gone through the stages. */
static void wait_turn(struct query_worker *worker)
{
	struct query_run *run = worker->run;

	if (!run->shared->conf->in_order)
		return;
	pthread_mutex_lock(&run->turn_lock);
	while (run->turn != worker->number)
		pthread_cond_wait(&run->turn_news, &run->turn_lock);
	pthread_mutex_unlock(&run->turn_lock);
}

static void end_turn(struct query_worker *worker)
{
	struct query_run *run = worker->run;

	if (!run->shared->conf->in_order)
		return;
	wait_turn(worker);
	pthread_mutex_lock(&run->turn_lock);
	run->turn++;
	pthread_cond_broadcast(&run->turn_news);
	pthread_mutex_unlock(&run->turn_lock);
}

/* No row of it can be in the answer, whatever its columns hold. */
static bool is_useless(struct query_worker *worker, struct row_block *block)
{
	const struct query_run *run = worker->run;
	const struct pipe_ops *ops = run->chooser->ops;
	bool in_time = block->min_time <= run->max_time && block->max_time >= run->min_time;
	bool worse = in_time && ops->skips && ops->skips(run->chooser, worker->index, block);

	worker->skipped_time += !in_time;
	worker->skipped_best += worse;
	return !in_time || worse || !block->nrows;
}

static int is_stopped(void *ctx)
{
	return run_stopped(ctx);
}

/*
 * Filter the `n` rows from `first` on and push what is left.  -ENOMEM with
 * nothing pushed: they don't fit in memory.
 */
static int scan_rows(struct query_worker *worker, struct row_block *block, uint32_t first,
		     uint32_t n, struct block_cost *cost)
{
	struct query_run *run = worker->run;
	int64_t start_ns = clock_mono_ns(), read_ns;
	struct rows rows;
	bool fits;
	int r;

	arena_reset(&worker->arena);
	rows_init_block(&rows, &worker->arena, block, NULL, block->nrows);
	rows.scratch = &worker->scratch;
	rows.stopped = is_stopped;
	rows.stopped_ctx = run;
	r = rows_slice(&rows, first, n);
	if (r >= 0)
		r = filter_block(run, &rows);
	if (r >= 0 && rows.n)
		r = prepare(run, &rows);
	read_ns = clock_mono_ns();
	fits = r != -ENOMEM;
	wait_turn(worker);
	/* In order, what comes behind the end isn't wanted though it was read. */
	if (r >= 0 && !(run->shared->conf->in_order && atomic_load(&run->stop))) {
		cost->matched += rows.n;
		r = stage_push(&run->stages[0], worker->index, &rows);
	}
	worker->read_ns += read_ns - start_ns;
	worker->push_ns += clock_mono_ns() - read_ns;
	cost->loads += rows.loads;
	cost->values += rows.values;
	if (r == -EBADMSG) {
		run_partial(run, rows.err.text);
		return 0;
	}
	return r < 0 && fits ? run_fail(run, r, rows.failed ? rows.err.text : NULL) : r;
}

/* A block that does not fit into the query's memory is read in slices. */
static int scan_slices(struct query_worker *worker, struct row_block *block,
		       struct block_cost *cost)
{
	uint32_t size = block->nrows / SLICES + 1;
	int r = 0;

	arena_release(&worker->scratch);
	for (uint32_t first = 0; r == 0 && first < block->nrows; first += size) {
		uint32_t left = block->nrows - first;

		r = scan_rows(worker, block, first, left < size ? left : size, cost);
	}
	return r == -ENOMEM ? run_no_memory(worker->run, "reading a block of rows") : r;
}

static int scan_block(struct query_worker *worker, struct row_block *block)
{
	struct block_cost cost = {.start_ns = clock_mono_ns()};
	int r;

	if (is_useless(worker, block)) {
		worker->blocks_skipped++;
		return 0;
	}
	r = scan_rows(worker, block, 0, block->nrows, &cost);
	if (r == -ENOMEM && !atomic_load(&worker->run->failed))
		r = scan_slices(worker, block, &cost);
	if (r == 0 && !cost.matched && !cost.loads)
		worker->blocks_skipped++;
	else
		note_cost(worker, block, &cost);
	return r;
}

static int take_block(struct query_worker *worker, struct row_block **ret, struct err *reterr)
{
	struct query_run *run = worker->run;
	const struct query_source_ops *ops = run->shared->source->ops;
	int r;

	if (!run->shared->conf->in_order)
		return ops->next(run->scan, worker->index, ret, reterr);
	pthread_mutex_lock(&run->take_lock);
	r = ops->next(run->scan, worker->index, ret, reterr);
	if (r > 0)
		worker->number = run->taken++;
	pthread_mutex_unlock(&run->take_lock);
	return r;
}

static int scan_next(struct query_worker *worker)
{
	struct query_run *run = worker->run;
	struct row_block *block = NULL;
	struct err err = {.text = ""};
	int r = run_stopped(run);

	if (r < 0)
		return r;
	r = take_block(worker, &block, &err);
	if (r == -EBADMSG) {
		run_partial(run, err.text);
		return 0;
	}
	if (r <= 0)
		return r < 0 ? run_fail(run, r, err.text) : 1;
	r = scan_block(worker, block);
	if (r != 0 && run->shared->conf->in_order)
		atomic_store(&run->stop, true); /* before those that wait have their turn */
	end_turn(worker);
	block->ops->release(block);
	return r;
}

static void *worker_main(void *ctx)
{
	struct query_worker *worker = ctx;
	struct query_run *run = worker->run;
	int r = 0;

	while (r == 0 && !atomic_load_explicit(&run->stop, memory_order_relaxed))
		r = scan_next(worker);
	/* At the end of the source the other workers go on with the blocks they have. */
	if (r > 0 && atomic_load(&run->stages[0].full))
		atomic_store(&run->stop, true);
	return NULL;
}

int run_scan(struct query_run *run)
{
	struct query_source *source = run->shared->source;
	const struct pipe_ops *chooser = run->chooser->ops;
	struct source_want want = {.min_time = run->min_time,
				   .max_time = run->max_time,
				   .filter = run->query->filter,
				   .fields = &run->reads,
				   .oldest_first = chooser->oldest_first &&
						   chooser->oldest_first(run->chooser->pipe),
				   .workers = run->nworkers,
				   .memory = &run->shared->memory};
	struct err err = {.text = ""};
	unsigned started = 1;
	int r = source->ops->scan(source, &want, &run->scan, &err);

	if (r < 0)
		return run_fail(run, r, err.text);
	for (; started < run->nworkers; started++)
		if (pthread_create(&run->workers[started].thread, NULL, worker_main,
				   &run->workers[started]))
			break; /* fewer workers do it too */
	worker_main(&run->workers[0]);
	while (--started)
		pthread_join(run->workers[started].thread, NULL);
	source->ops->close_scan(run->scan);
	return atomic_load(&run->failed);
}

static int finish_stages(struct query_run *run)
{
	int64_t start_ns = clock_mono_ns();

	for (size_t i = 0; i < run->nstages; i++) {
		struct stage *stage = &run->stages[i];
		int r = run_stopped(run);

		if (r >= 0 && stage->ops->finish)
			r = stage->ops->finish(stage);
		if (r == -ENOMEM)
			return stage_no_memory(stage);
		if (r < 0)
			return run_fail(run, r, NULL);
	}
	run->shared->result->finish_ns += clock_mono_ns() - start_ns;
	return 0;
}

static void find_chooser(struct query_run *run)
{
	run->reads_late = true;
	run->chooser = run->stages;
	for (; run->chooser->ops->picks; run->chooser++)
		run->reads_late &= run->chooser->ops->lazy;
	run->reads_late &= run->chooser->ops->lazy;
}

static int open_stages(struct query_run *run)
{
	size_t npipes = run->query->npipes;

	run->stages = calloc(npipes + 1, sizeof(*run->stages));
	if (!run->stages)
		return run_fail(run, -ENOMEM, "out of memory");
	run->nstages = npipes + 1;
	for (size_t i = 0; i <= npipes; i++) {
		struct stage *stage = &run->stages[i];

		stage->run = run;
		stage->pipe = i < npipes ? run->query->pipes[i] : NULL;
		stage->ops = i < npipes ? stage->pipe->ops : &sink_ops;
		stage->next = i < npipes ? stage + 1 : NULL;
	}
	find_chooser(run);
	for (size_t i = 0; i < npipes; i++) {
		struct stage *stage = &run->stages[i];
		int r = stage->ops->open ? stage->ops->open(stage) : 0;

		if (r < 0)
			return run_fail(run, r, NULL);
		/* No row can change what comes out: don't read any. */
		if (r > 0) {
			atomic_store(&stage->full, true);
			atomic_store(&run->stop, i == 0);
		}
	}
	return 0;
}

static int open_workers(struct query_run *run, unsigned n)
{
	run->workers = calloc(n, sizeof(*run->workers));
	if (!run->workers)
		return run_fail(run, -ENOMEM, "out of memory");
	run->nworkers = n;
	for (unsigned i = 0; i < n; i++) {
		run->workers[i].run = run;
		run->workers[i].index = i;
		arena_init(&run->workers[i].arena, SIZE_MAX / 4);
		run->workers[i].arena.shared = &run->shared->memory;
		arena_init(&run->workers[i].scratch, SIZE_MAX / 4);
		run->workers[i].scratch.shared = &run->shared->memory;
	}
	return 0;
}

static void add_result(struct query_run *run)
{
	struct query_result *result = run->shared->result;

	for (unsigned i = 0; i < run->nworkers; i++) {
		const struct query_worker *worker = &run->workers[i];

		result->rows_scanned += worker->rows_scanned;
		result->rows_matched += worker->rows_matched;
		result->bytes_scanned += worker->bytes_scanned;
		result->blocks_scanned += worker->blocks_scanned;
		result->blocks_skipped += worker->blocks_skipped;
		result->columns_read += worker->columns_read;
		result->values_read += worker->values_read;
		result->skipped_time += worker->skipped_time;
		result->skipped_best += worker->skipped_best;
		result->read_ns += worker->read_ns;
		result->push_ns += worker->push_ns;
	}
	/* The outermost run ends last. */
	result->rows_out = run->rows_out;
	result->threads = run->nworkers;
}

static void run_release(struct query_run *run)
{
	for (size_t i = 0; i < run->nstages; i++) {
		struct stage *stage = &run->stages[i];

		if (stage->ops->close)
			stage->ops->close(stage);
		free(stage->state);
		budget_give(&run->shared->memory, atomic_load(&stage->charged));
	}
	budget_give(&run->shared->memory, run->values_bytes);
	for (unsigned i = 0; i < run->nworkers; i++) {
		arena_release(&run->workers[i].arena);
		arena_release(&run->workers[i].scratch);
	}
	free(run->stages);
	free(run->workers);
	arena_release(&run->plan);
	pthread_mutex_destroy(&run->sink_lock);
	pthread_mutex_destroy(&run->take_lock);
	pthread_mutex_destroy(&run->turn_lock);
	pthread_cond_destroy(&run->turn_news);
}

int run_query(struct query *query, struct query_shared *shared, unsigned nworkers,
	      query_sink_fn *sink, void *ctx, struct err *reterr)
{
	struct query_run run = {.query = query, .shared = shared, .sink = sink, .sink_ctx = ctx};
	struct err err = {.text = ""};
	int r;

	arena_init(&run.plan, 16 << 20);
	pthread_mutex_init(&run.sink_lock, NULL);
	pthread_mutex_init(&run.take_lock, NULL);
	pthread_mutex_init(&run.turn_lock, NULL);
	pthread_cond_init(&run.turn_news, NULL);
	r = run_subqueries(&run, &err);
	if (r < 0)
		run_fail(&run, r, err.text);
	if (r >= 0 && (r = run_plan(&run)) < 0)
		run_fail(&run, r, "out of memory");
	if (r >= 0)
		r = open_workers(&run, nworkers);
	if (r >= 0)
		r = open_stages(&run);
	if (r >= 0 && !atomic_load(&run.stop))
		r = run_in_order(&run);
	if (r >= 0)
		r = finish_stages(&run);
	if (r < 0 && reterr)
		*reterr = run.err;
	add_result(&run);
	run_release(&run);
	return r < 0 ? r : 0;
}

/* Values on which a regular expression may run away before it isn't tried any more: half a second. */
#define RUNAWAYS_MAX 100

static void bound_regexes(struct query *query)
{
	for (size_t i = 0; i < query->root->regexes.len; i++)
		regex_bound_runaways(query->root->regexes.ptr[i], RUNAWAYS_MAX);
}

/* A value without an answer was left out of the result, or of what a `not` leaves. */
static void tell_runaways(const struct query *query, struct query_result *result)
{
	unsigned n = 0, limit = REGEX_QUERY_LIMIT;

	for (size_t i = 0; i < query->root->regexes.len; i++)
		n += regex_runaways(query->root->regexes.ptr[i]);
	if (!n)
		return;
	result->partial = true;
	buf_printf(&result->partial_why,
		   "a regular expression took more than %u steps on %s%u values, which count as "
		   "not matching; repetitions in repetitions, as in (a+)+, do that\n",
		   limit, n >= RUNAWAYS_MAX ? "at least " : "", n);
}

unsigned query_threads(const struct query *query, const struct query_conf *conf)
{
	uint64_t n = query->options.concurrency ? query->options.concurrency : conf->threads;

	return !n ? THREADS_DEFAULT : n < STAGE_WORKERS_MAX ? (unsigned)n : STAGE_WORKERS_MAX;
}

int query_execute(struct query *query, const struct query_conf *conf, struct query_source *source,
		  query_sink_fn *sink, void *ctx, struct query_result *ret, struct err *reterr)
{
	struct query_shared shared = {.conf = conf,
				      .source = source,
				      .start_ns = clock_mono_ns(),
				      .memory.limit = conf->memory_bytes ? conf->memory_bytes
									 : MEMORY_DEFAULT,
				      .result = ret};
	int64_t cpu_start = clock_cpu_ns();
	int r;

	*ret = (struct query_result){0};
	buf_init(&ret->partial_why, PARTIAL_MAX);
	if (conf->timeout_ns)
		shared.deadline_ns = shared.start_ns + conf->timeout_ns;
	pthread_mutex_init(&shared.lock, NULL);
	bound_regexes(query);
	r = run_query(query, &shared, query_threads(query, conf), sink, ctx, reterr);
	pthread_mutex_destroy(&shared.lock);
	tell_runaways(query, ret);
	ret->memory_peak = atomic_load(&shared.memory.peak);
	ret->elapsed_ns = clock_mono_ns() - shared.start_ns;
	ret->cpu_ns = clock_cpu_ns() - cpu_start;
	return r;
}

void query_result_release(struct query_result *result)
{
	if (result)
		buf_release(&result->partial_why);
}

static void put_ms(struct buf *out, int64_t ns, const char *what)
{
	buf_printf(out, "%.1f ms %s", (double)ns / NS_PER_MS, what);
}

static void put_bytes(struct buf *out, uint64_t bytes)
{
	char size[NUM_TEXT_MAX];
	size_t n = num_format_size(size, bytes);

	buf_puts(out, span_of(size, n));
}

void query_result_print(const struct query_result *result, struct buf *out)
{
	const struct query_result *r = result;
	uint64_t other = r->blocks_skipped - r->skipped_time - r->skipped_best;

	buf_printf(out, "%llu rows of %llu scanned (%llu matched), ",
		   (unsigned long long)r->rows_out, (unsigned long long)r->rows_scanned,
		   (unsigned long long)r->rows_matched);
	put_bytes(out, r->bytes_scanned);
	buf_printf(out, ", %llu of %llu blocks skipped, %.1f ms",
		   (unsigned long long)r->blocks_skipped,
		   (unsigned long long)(r->blocks_skipped + r->blocks_scanned),
		   (double)r->elapsed_ns / NS_PER_MS);
	if (r->blocks_skipped)
		buf_printf(out,
			   "\n  skipped: %llu by time, %llu by ranges or words, %llu behind the "
			   "best rows",
			   (unsigned long long)r->skipped_time, (unsigned long long)other,
			   (unsigned long long)r->skipped_best);
	buf_printf(out, "\n  read: %llu columns, %llu values; memory ",
		   (unsigned long long)r->columns_read, (unsigned long long)r->values_read);
	put_bytes(out, r->memory_peak);
	buf_printf(out, "\n  %u thread%s: ", r->threads, r->threads == 1 ? "" : "s");
	put_ms(out, r->read_ns, "filters and reading, ");
	put_ms(out, r->push_ns, "pipes, ");
	put_ms(out, r->finish_ns, "behind the last block; ");
	put_ms(out, r->cpu_ns, "CPU");
}
