/* Sub-queries in filters: user:in(_time:1h error | fields user). */
#include "aggregator/query/run.h"
#include "common/base/map.h"
#include <errno.h>
#include <stdlib.h>

struct collect {
	struct span field;
	struct map seen;
	struct arena arena;
};

struct resolve {
	struct query_run *run;
	struct err *reterr;
};

/* The distinct values of one field of the sub-query's rows. */
static int collect_rows(void *ctx, struct rows *rows)
{
	struct collect *collect = ctx;
	const struct span *texts = rows_texts(rows, collect->field);

	if (!texts)
		return rows->failed;
	for (uint32_t i = 0; i < rows->n; i++) {
		struct span text = texts[i].ptr ? texts[i] : SPAN("");
		bool added;

		if (i && span_eq(text, texts[i - 1]))
			continue;
		if (!map_put(&collect->seen, text, &added))
			return -ENOMEM;
		if (!added || !text.len)
			continue;
		struct span copy = arena_dup(&collect->arena, text);

		if (!copy.ptr)
			return -ENOMEM;
		map_rekey(&collect->seen, text, copy);
	}
	return 0;
}

/* The filter has copies of its own; they count as long as the run goes on. */
static int set_values(struct query_run *run, struct filter *leaf, const struct collect *collect)
{
	size_t n = 0, at = 0, size = (collect->seen.len + 1) * sizeof(struct span);
	size_t bytes = 2 * size + arena_used(&collect->arena);
	struct span *values;
	union map_value *unused;
	int r;

	if (!budget_take(&run->shared->memory, bytes))
		return -ENOMEM;
	run->values_bytes += bytes;
	values = malloc(size);
	if (!values)
		return -ENOMEM;
	while (map_next(&collect->seen, &at, &values[n], &unused))
		n++;
	r = filter_set_values(run->query, leaf, values, n);
	free(values);
	return r;
}

static int resolve_leaf(void *ctx, struct filter *leaf)
{
	struct resolve *resolve = ctx;
	struct query_shared *shared = resolve->run->shared;
	struct collect collect = {.field = leaf->values.result_field};
	int r;

	if (!leaf->values.subquery)
		return 0;
	arena_init(&collect.arena, SIZE_MAX / 4);
	collect.arena.shared = collect.seen.shared = &shared->memory;
	r = run_query(leaf->values.subquery, shared, 1, collect_rows, &collect, resolve->reterr);
	if (r >= 0)
		r = set_values(resolve->run, leaf, &collect);
	if (r == -ENOMEM)
		run_no_memory(resolve->run, "a sub-query in a filter");
	map_release(&collect.seen);
	arena_release(&collect.arena);
	return r;
}

static int resolve_filter(void *ctx, struct filter *filter)
{
	return filter_walk(filter, resolve_leaf, ctx);
}

int run_subqueries(struct query_run *run, struct err *reterr)
{
	struct resolve resolve = {.run = run, .reterr = reterr};
	int r = resolve_filter(&resolve, run->query->filter);

	for (size_t i = 0; r >= 0 && i < run->query->npipes; i++) {
		const struct pipe *pipe = run->query->pipes[i];

		if (pipe->ops->filters)
			r = pipe->ops->filters(pipe, resolve_filter, &resolve);
	}
	return r;
}
