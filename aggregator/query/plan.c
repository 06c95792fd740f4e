/* What a run will read: time, fields; and how that is told to people. */
#include "aggregator/query/filter_exec.h"
#include "aggregator/query/line_filter.h"
#include "aggregator/query/run.h"
#include "common/data/timestamp.h"
#include "common/lang/match.h"
#include "common/lang/words.h"
#include <errno.h>

/* From the last pipe to the first: what does each read for its successor? */
static void plan_needs(const struct query *query, struct field_set *needs)
{
	for (size_t i = query->npipes; i-- > 0;) {
		const struct pipe *pipe = query->pipes[i];

		if (pipe->ops->needs)
			pipe->ops->needs(pipe, needs);
	}
}

bool query_lists_fields(const struct query *query)
{
	struct arena arena;
	bool lists = false;

	arena_init(&arena, 1 << 20);
	for (size_t i = 0; i < query->npipes && !lists; i++) {
		const struct pipe *pipe = query->pipes[i];
		struct field_set set;

		field_set_init(&set, &arena, true);
		if (pipe->ops->needs)
			pipe->ops->needs(pipe, &set);
		lists = pipe->ops->lists || field_set_is_list(&set);
	}
	arena_release(&arena);
	return lists;
}

static void plan_time(const struct query *query, const struct query_conf *conf, int64_t *ret_min,
		      int64_t *ret_max)
{
	query_time_range(query, ret_min, ret_max);
	if (!conf->has_time_range || query->options.ignore_global_time)
		return;
	if (*ret_min < conf->min_time)
		*ret_min = conf->min_time;
	if (*ret_max > conf->max_time)
		*ret_max = conf->max_time;
}

int run_plan(struct query_run *run)
{
	const struct query_conf *conf = run->shared->conf;

	plan_time(run->query, conf, &run->min_time, &run->max_time);
	field_set_init(&run->needs, &run->plan, true);
	plan_needs(run->query, &run->needs);
	run->lists = query_lists_fields(run->query);
	run->reads.arena = &run->plan;
	field_set_copy(&run->reads, &run->needs);
	field_set_add_filter(&run->reads, run->query->filter);
	field_set_add_filter(&run->reads, run->query->options.global_filter);
	if (conf->has_time_range)
		field_set_add(&run->reads, SPAN("_time"));
	return run->needs.failed || run->reads.failed ? -ENOMEM : 0;
}

static void explain_time(const char *name, int64_t ns, struct buf *out)
{
	char text[TIMESTAMP_TEXT_LEN];

	timestamp_format(text, ns);
	buf_printf(out, " %s %.*s", name, TIMESTAMP_TEXT_LEN, text);
}

static void explain_filter(const struct filter *filter, unsigned indent, struct buf *out)
{
	if (filter->kind != FILTER_AND || indent > 8) {
		buf_printf(out, "%*s%4u  ", (int)indent * 2, "", filter_cost(filter));
		filter_print(filter, out);
		buf_putc(out, '\n');
		return;
	}
	/* In the order that exec_and() takes: cheapest first, equal ones as written. */
	for (unsigned cost = 0, next; cost != UINT32_MAX; cost = next) {
		next = UINT32_MAX;
		for (size_t i = 0; i < filter->nkids; i++) {
			unsigned own = filter_cost(filter->kids[i]);

			if (own == cost)
				explain_filter(filter->kids[i], indent + 1, out);
			else if (own > cost && own < next)
				next = own;
		}
	}
}

static void explain_fields(const struct field_set *set, struct buf *out)
{
	buf_puts(out, SPAN("fields read: "));
	if (set->all)
		buf_puts(out, SPAN("all"));
	else if (field_set_is_empty(set))
		buf_puts(out, SPAN("none"));
	for (size_t i = 0; i < set->allow.len; i++) {
		buf_puts(out, i ? SPAN(", ") : SPAN(""));
		text_print_field_filter(out, set->allow.ptr[i]);
	}
	for (size_t i = 0; i < set->deny.len; i++) {
		buf_puts(out, i ? SPAN(", ") : SPAN(" but "));
		text_print_field_filter(out, set->deny.ptr[i]);
	}
	buf_putc(out, '\n');
}

/* Which blocks come first, and whether some needn't come at all. */
static void explain_order(const struct query *query, struct buf *out)
{
	const struct pipe *pipe = NULL;

	for (size_t i = 0; i < query->npipes && (!pipe || pipe->ops->picks); i++)
		pipe = query->pipes[i];
	bool oldest = pipe && pipe->ops->oldest_first && pipe->ops->oldest_first(pipe);

	buf_puts(out, oldest ? SPAN("blocks: oldest first") : SPAN("blocks: newest first"));
	if (pipe && pipe->ops->explain)
		pipe->ops->explain(pipe, out);
	buf_putc(out, '\n');
}

static void explain_lines(const struct filter *filter, struct buf *out)
{
	struct span literal = line_filter_literal(filter);

	if (!literal.len)
		return;
	buf_puts(out, SPAN("raw files: only lines with "));
	text_print(out, literal);
	buf_puts(out, SPAN(" are parsed\n"));
}

int query_explain(const struct query *query, const struct query_conf *conf, struct buf *out)
{
	struct arena arena;
	struct field_set needs;
	int64_t min, max;

	arena_init(&arena, 1 << 20);
	field_set_init(&needs, &arena, true);
	plan_needs(query, &needs);
	field_set_add_filter(&needs, query->filter);
	field_set_add_filter(&needs, query->options.global_filter);
	plan_time(query, conf, &min, &max);

	buf_puts(out, SPAN("query: "));
	query_print(query, out);
	buf_puts(out, SPAN("\ntime:"));
	if (min == INT64_MIN && max == INT64_MAX)
		buf_puts(out, SPAN(" all"));
	if (min != INT64_MIN)
		explain_time("from", min, out);
	if (max != INT64_MAX)
		explain_time("to", max, out);
	buf_printf(out, "\nthreads: %u", query_threads(query, conf));
	buf_puts(out, SPAN("\nfilters by cost, cheapest first:\n"));
	explain_filter(query->filter, 0, out);
	explain_fields(&needs, out);
	for (size_t i = 0; i < query->npipes; i++) {
		const struct pipe *pipe = query->pipes[i];

		buf_puts(out, SPAN("pipe: "));
		pipe->ops->print(pipe, out);
		buf_puts(out, pipe->ops->streams ? SPAN("\n") : SPAN("    (collects)\n"));
	}
	explain_order(query, out);
	explain_lines(query->filter, out);
	arena_release(&arena);
	return out->failed;
}

bool query_streams(const struct query *query)
{
	return query_first_blocking_pipe(query).len == 0;
}

bool query_rescans(const struct query *query)
{
	for (size_t i = 0; i < query->npipes; i++)
		if (((const struct pipe *)query->pipes[i])->ops->rescans)
			return true;
	return query->root->children.len > 0;
}

struct span query_first_blocking_pipe(const struct query *query)
{
	for (size_t i = 0; i < query->npipes; i++) {
		const struct pipe *pipe = query->pipes[i];
		struct span rest = span_cstr(pipe->ops->names), name = rest;

		span_cut(&rest, ' ', &name);
		if (!pipe->ops->streams)
			return name;
	}
	return (struct span){0};
}
