/*
 * More rows in order of time than fit into memory: one span of time after the other.
 *
 * A sort by time that keeps all rows is tried at once.  If it runs out of
 * memory, what it has gathered is dropped, the time is cut in two where half of
 * the rows lie on each side, and each half is done on its own, in order; and so
 * on.  Nothing was handed on before, so the answer is the same:
 *
 *	|-------------------- too much --------------------|
 *	|----- fits: out -----|--------- too much ---------|
 *	                      |-- fits: out --|- fits: out-|
 *
 * Blocks on both sides of a cut are read twice.
 */
#include "aggregator/query/run.h"
#include "common/base/clock.h"
#include <errno.h>

#define CUTS_MAX 24

/* It sorts by the rows' own time, which nothing before it hides. */
static bool is_in_windows(const struct query_run *run)
{
	const struct stage *chooser = run->chooser;
	struct field_set set;

	if (!run->shared->source->ops->split || !chooser->ops->by_time ||
	    !chooser->ops->by_time(chooser->pipe))
		return false;
	field_set_init(&set, run->needs.arena, false);
	field_set_add(&set, SPAN("_time"));
	for (const struct stage *stage = chooser; stage-- > run->stages;)
		if (stage->ops->needs)
			stage->ops->needs(stage->pipe, &set);
	return field_set_has(&set, SPAN("_time"));
}

static int flush(struct query_run *run)
{
	struct stage *chooser = run->chooser;
	int64_t start_ns = clock_mono_ns();
	int r = chooser->ops->finish(chooser);

	run->shared->result->finish_ns += clock_mono_ns() - start_ns;
	if (r == -ENOMEM)
		r = stage_no_memory(chooser);
	else if (r < 0)
		r = run_fail(run, r, NULL);
	if (r >= 0)
		chooser->ops->forget(chooser);
	return r;
}

/* After it ran out of memory: where to cut, and all as if nothing had been. */
static bool may_cut(struct query_run *run, int64_t *ret_at)
{
	struct query_source *source = run->shared->source;

	if (atomic_load(&run->chooser->next->seen) ||
	    source->ops->split(source, run->min_time, run->max_time, ret_at) <= 0)
		return false;
	run->chooser->ops->forget(run->chooser);
	run_forgive(run);
	return true;
}

static int run_window(struct query_run *run, int64_t min, int64_t max, unsigned cuts)
{
	const struct stage *chooser = run->chooser;
	bool oldest_first = chooser->ops->oldest_first(chooser->pipe);
	int64_t at;
	int r;

	run->min_time = min;
	run->max_time = max;
	run->in_window = cuts > 0;
	atomic_store(&chooser->next->seen, false);
	r = run_scan(run);
	if (r >= 0)
		r = flush(run);
	if (r != -ENOMEM || cuts == CUTS_MAX || !may_cut(run, &at))
		return r;
	r = oldest_first ? run_window(run, min, at, cuts + 1)
			 : run_window(run, at + 1, max, cuts + 1);
	if (r < 0 || atomic_load(&chooser->next->full))
		return r;
	return oldest_first ? run_window(run, at + 1, max, cuts + 1)
			    : run_window(run, min, at, cuts + 1);
}

int run_in_order(struct query_run *run)
{
	int64_t min = run->min_time, max = run->max_time;
	int r;

	if (!is_in_windows(run))
		return run_scan(run);
	r = run_window(run, min, max, 0);
	run->min_time = min;
	run->max_time = max;
	return r;
}
