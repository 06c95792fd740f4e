/* running_stats and total_stats; what they are is in pipe_running.h. */
#include "aggregator/query/pipes/pipe_running.h"

#include "aggregator/query/group.h"
#include "aggregator/query/kept.h"
#include "aggregator/query/order.h"
#include "aggregator/query/pipes/pipes.h"
#include "common/lang/words.h"
#include <errno.h>
#include <stdlib.h>

#define NAME_BYTES (64 << 10)

static void print_func(const struct running_item *item, struct buf *out)
{
	buf_puts(out, span_cstr(item->func->name));
	buf_putc(out, '(');
	if (item->fields.len)
		pipe_print_fields(&item->fields, out);
	else
		buf_putc(out, '*');
	buf_putc(out, ')');
	if (item->offset) {
		buf_puts(out, SPAN(" offset "));
		buf_put_u64(out, item->offset);
	}
}

static int parse_args(struct lex *lex, struct running_item *item)
{
	int r = lex_parse_field_filters_in_parens(lex, &item->fields);

	if (r < 0)
		return r;
	for (size_t i = 0; i < item->fields.len; i++) {
		bool wild = field_filter_is_wild(item->fields.ptr[i]);

		if (item->func->one_field && (wild || item->fields.len > 1))
			return lex_error(lex, "`%s` takes exactly one field", item->func->name);
		if (wild && item->fields.ptr[i].len == 1)
			item->fields.len = 0;
	}
	if (item->func->one_field && !item->fields.len)
		return lex_error(lex, "`%s` takes exactly one field", item->func->name);
	if (item->func->one_field && lex_accept(lex, "offset"))
		r = lex_parse_u64(lex, "offset", &item->offset);
	return r;
}

static int parse_item(struct lex *lex, struct running_item *item)
{
	struct buf name = BUF_INIT(NAME_BYTES);
	int r;

	item->func = lex->kind == LEX_WORD ? running_func_find(lex->text) : NULL;
	if (!item->func) {
		lex_error(lex, "expected one of the functions %s", running_func_names);
		return lex_suggest(lex, lex->text, running_func_names);
	}
	lex_next(lex);
	r = parse_args(lex, item);
	if (r < 0)
		return r;
	if (!lex_at_pipe_end(lex) && !lex_is(lex, ","))
		return pipe_parse_as(lex, &item->result);
	print_func(item, &name);
	item->result = arena_dup(lex->arena, buf_span(&name));
	buf_release(&name);
	return item->result.ptr ? 0 : pipe_no_memory(lex);
}

static int parse_items(struct lex *lex, struct pipe_running *running)
{
	int r;

	running->items = ARENA_ARRAY(lex->arena, struct running_item, RUNNING_MAX);
	if (!running->items)
		return pipe_no_memory(lex);
	do {
		struct running_item *item = &running->items[running->nitems];
		size_t pos = lex->pos;

		if (running->nitems == RUNNING_MAX)
			return lex_error(lex, "at most %d functions", RUNNING_MAX);
		r = parse_item(lex, item);
		for (size_t i = 0; r >= 0 && i < running->nitems; i++)
			if (span_eq(running->items[i].result, item->result))
				r = lex_error_at(lex, pos, "`%.*s` is the name of another result",
						 SPAN_FMT(item->result));
		if (r >= 0 && span_list_has(&running->by, item->result))
			r = lex_error_at(lex, pos, "`%.*s` is a field to group by already",
					 SPAN_FMT(item->result));
		running->nitems++;
	} while (r >= 0 && lex_accept(lex, ","));
	return r;
}

static int parse_running(struct lex *lex, const struct pipe_ops *ops, struct pipe **ret)
{
	struct pipe_running *running = PIPE_NEW(lex, struct pipe_running, ops);
	bool by = lex_accept(lex, "by");
	int r = 0;

	if (!running)
		return pipe_no_memory(lex);
	*ret = &running->pipe;
	running->total = ops == &pipe_total_stats_ops;
	if (by || lex_is(lex, "("))
		r = lex_parse_fields_in_parens(lex, &running->by);
	return r < 0 ? r : parse_items(lex, running);
}

static int running_parse(struct lex *lex, struct pipe **ret)
{
	return parse_running(lex, &pipe_running_stats_ops, ret);
}

static int total_parse(struct lex *lex, struct pipe **ret)
{
	return parse_running(lex, &pipe_total_stats_ops, ret);
}

static void running_print(const struct pipe *pipe, struct buf *out)
{
	const struct pipe_running *running = (const struct pipe_running *)pipe;

	buf_puts(out, running->total ? SPAN("total_stats") : SPAN("running_stats"));
	pipe_print_by("by", &running->by, out);
	for (size_t i = 0; i < running->nitems; i++) {
		buf_puts(out, i ? SPAN(", ") : SPAN(" "));
		print_func(&running->items[i], out);
		buf_puts(out, SPAN(" as "));
		text_print(out, running->items[i].result);
	}
}

static void running_needs(const struct pipe *pipe, struct field_set *set)
{
	const struct pipe_running *running = (const struct pipe_running *)pipe;

	for (size_t i = 0; i < running->nitems; i++)
		field_set_remove(set, running->items[i].result);
	field_set_add(set, SPAN("_time"));
	field_set_add_list(set, &running->by);
	for (size_t i = 0; i < running->nitems; i++) {
		const struct running_item *item = &running->items[i];

		field_set_add_list(set, &item->fields);
		if (!item->fields.len && !span_eq(span_cstr(item->func->name), SPAN("count")))
			field_set_add(set, SPAN("*"));
	}
}

struct running_worker {
	bool open;
	struct kept kept;
};

static int running_open(struct stage *stage)
{
	int r = stage_new_states(stage, sizeof(struct running_worker));

	for (unsigned i = 0; r >= 0 && i < stage_workers(stage); i++) {
		struct running_worker *worker = stage_state(stage, i);

		kept_init(&worker->kept);
		worker->open = true;
	}
	return r;
}

static int running_push(struct stage *stage, unsigned number, struct rows *rows)
{
	struct running_worker *worker = stage_state(stage, number);

	return kept_add(&worker->kept, stage, rows);
}

/* A row, its time, its group. */
struct running_row {
	struct kept_ref ref;
	struct order_key time;
	struct running_state *states;
};

static int compare_times(const void *a, const void *b, void *ctx)
{
	(void)ctx;
	return order_compare(&((const struct running_row *)a)->time,
			     &((const struct running_row *)b)->time);
}

struct running {
	struct stage *stage;
	const struct pipe_running *pipe;
	struct kept *kept;
	struct running_row *rows;
	size_t nrows;
	struct group_table groups;
	struct stage_arena arena; /* results and what they were made of */
	struct span **results;    /* of each item, of each row */
};

static int merge_workers(struct stage *stage)
{
	struct running_worker *all = stage_state(stage, 0);
	uint32_t unused;
	int r = 0;

	for (unsigned i = 1; r >= 0 && i < stage_workers(stage); i++) {
		struct running_worker *worker = stage_state(stage, i);

		r = kept_absorb(&all->kept, stage, &worker->kept, &unused);
	}
	return r;
}

/* The columns of a batch to group by; a field that it lacks is empty. */
static void batch_columns(const struct running *run, uint32_t batch, struct column *columns)
{
	const struct span_list *by = &run->pipe->by;

	for (size_t i = 0; i < by->len; i++) {
		const struct column *column = kept_column(run->kept, batch, by->ptr[i]);

		if (column)
			columns[i] = *column;
		else
			column_init_empty(&columns[i], by->ptr[i],
					  run->kept->batches.ptr[batch].nrows);
	}
}

static int note_batch(struct running *run, uint32_t batch, struct arena *scratch)
{
	uint32_t nrows = run->kept->batches.ptr[batch].nrows;
	const struct column *time = kept_column(run->kept, batch, SPAN("_time"));
	struct column *columns = ARENA_ARRAY(scratch, struct column, run->pipe->by.len + 1);
	char **states = NULL, *only = NULL;
	int r;

	if (!columns)
		return stage_fail(run->stage, -ENOMEM, "out of memory");
	batch_columns(run, batch, columns);
	r = run->pipe->by.len ? group_find(&run->groups, run->stage, columns, run->pipe->by.len,
					   nrows, scratch, &states)
			      : group_only(&run->groups, run->stage, &only);
	for (uint32_t i = 0; r >= 0 && i < nrows; i++) {
		struct running_row *row = &run->rows[run->nrows++];

		row->ref = (struct kept_ref){batch, i};
		row->states = (struct running_state *)(void *)(states ? states[i] : only);
		row->time = time ? order_key_of(time, i) : (struct order_key){.kind = ORDER_TEXT};
	}
	return r;
}

/* The texts that an item sees of a row. */
static size_t item_texts(struct running *run, const struct running_item *item, struct kept_ref ref,
			 struct span *texts)
{
	const struct kept_batch *batch = &run->kept->batches.ptr[ref.batch];
	struct arena *arena = &run->arena.arena;
	size_t n = 0;

	/* A plain name is there even if the row lacks it. */
	for (size_t i = 0; i < item->fields.len; i++)
		if (!field_filter_is_wild(item->fields.ptr[i]) &&
		    !kept_column(run->kept, ref.batch, item->fields.ptr[i]))
			texts[n++] = (struct span){0};
	for (uint32_t i = 0; i < batch->ncolumns; i++) {
		char scratch[COLUMN_SCRATCH];

		if (item->fields.len && !field_filters_have(&item->fields, batch->columns[i].name))
			continue;
		texts[n] = column_text(&batch->columns[i], ref.row, scratch);
		if (texts[n].ptr == scratch)
			texts[n] = arena_dup(arena, texts[n]);
		n++;
	}
	return n;
}

/* The most texts that item_texts() finds for an item. */
static size_t most_texts(const struct running *run)
{
	size_t most = 0;

	for (size_t i = 0; i < run->pipe->nitems; i++)
		if (run->pipe->items[i].fields.len > most)
			most = run->pipe->items[i].fields.len;
	return most + run->kept->names.len;
}

static int update_row(struct running *run, struct running_row *row, struct span *texts)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < run->pipe->nitems; i++) {
		const struct running_item *item = &run->pipe->items[i];
		size_t n = item_texts(run, item, row->ref, texts);

		r = item->func->update(item, &row->states[i], texts, n, &run->arena.arena);
		if (r == -E2BIG)
			return stage_fail(run->stage, r, "the offset of `%s` is too large",
					  item->func->name);
	}
	return r;
}

static void note_results(struct running *run, size_t at)
{
	for (size_t i = 0; i < run->pipe->nitems; i++) {
		const struct running_item *item = &run->pipe->items[i];

		run->results[i][at] =
			item->func->result(item, &run->rows[at].states[i], &run->arena.arena);
	}
}

static int compute(struct running *run)
{
	struct arena *arena = &run->arena.arena;
	struct span *texts;
	int r = 0;

	texts = ARENA_ARRAY(arena, struct span, most_texts(run) + 1);
	run->results = ARENA_ARRAY(arena, struct span *, run->pipe->nitems);
	for (size_t i = 0; run->results && i < run->pipe->nitems; i++)
		run->results[i] = ARENA_ARRAY(arena, struct span, run->nrows + 1);
	if (!texts || arena->overflowed)
		return stage_fail(run->stage, -ENOMEM, "out of memory");
	for (size_t i = 0; r >= 0 && i < run->nrows; i++) {
		r = update_row(run, &run->rows[i], texts);
		if (r >= 0 && !run->pipe->total)
			note_results(run, i);
		if (r >= 0 && i % 4096 == 0)
			r = stage_stopped(run->stage);
		if (r >= 0 && i % 4096 == 0)
			r = stage_arena_charge(run->stage, &run->arena);
	}
	for (size_t i = 0; r >= 0 && run->pipe->total && i < run->nrows; i++)
		note_results(run, i);
	return r < 0 ? r : stage_arena_charge(run->stage, &run->arena);
}

static int set_results(void *ctx, struct rows *rows, size_t first)
{
	const struct running *run = ctx;
	int r = 0;

	for (size_t i = 0; r >= 0 && i < run->pipe->nitems; i++)
		r = rows_set_texts(rows, run->pipe->items[i].result, run->results[i] + first);
	return r;
}

static int push_results(struct running *run)
{
	struct kept_ref *refs = calloc(run->nrows + 1, sizeof(*refs));
	int r;

	if (!refs)
		return stage_fail(run->stage, -ENOMEM, "out of memory");
	for (size_t i = 0; i < run->nrows; i++)
		refs[i] = run->rows[i].ref;
	r = kept_push(run->kept, refs, run->nrows, run->stage, set_results, run);
	free(refs);
	return r;
}

static int run_over(struct running *run)
{
	struct arena *scratch = stage_rows_arena(run->stage, 0);
	size_t bytes = run->kept->nrows * (sizeof(*run->rows) + sizeof(struct kept_ref));
	int r = stage_charge(run->stage, bytes);

	if (r >= 0)
		run->rows = calloc(run->kept->nrows + 1, sizeof(*run->rows));
	if (r >= 0 && !run->rows)
		r = stage_fail(run->stage, -ENOMEM, "out of memory");
	for (uint32_t i = 0; r >= 0 && i < run->kept->batches.len; i++) {
		arena_reset(scratch);
		r = note_batch(run, i, scratch);
		if (r >= 0)
			r = stage_stopped(run->stage);
	}
	if (r >= 0)
		r = stage_sort(run->stage, run->rows, run->nrows, sizeof(*run->rows), compare_times,
			       NULL);
	if (r >= 0)
		r = compute(run);
	return r < 0 ? r : push_results(run);
}

static int running_finish(struct stage *stage)
{
	struct running_worker *all = stage_state(stage, 0);
	struct running run = {.stage = stage, .pipe = stage_pipe(stage), .kept = &all->kept};
	int r = merge_workers(stage);

	group_table_init(&run.groups, run.pipe->nitems * sizeof(struct running_state));
	stage_arena_init(&run.arena);
	run.groups.shared = stage_budget(stage);
	if (r >= 0)
		r = stage_arena_charge(stage, &run.arena);
	if (r >= 0)
		r = run_over(&run);
	free(run.rows);
	group_table_release(&run.groups);
	stage_arena_release(&run.arena);
	return r;
}

static void running_close(struct stage *stage)
{
	for (unsigned i = 0; stage->state && i < stage_workers(stage); i++) {
		struct running_worker *worker = stage_state(stage, i);

		if (worker->open)
			kept_release(&worker->kept);
	}
}

const struct pipe_ops pipe_running_stats_ops = {
	.names = "running_stats",
	.parse = running_parse,
	.print = running_print,
	.needs = running_needs,
	.open = running_open,
	.push = running_push,
	.finish = running_finish,
	.close = running_close,
};

const struct pipe_ops pipe_total_stats_ops = {
	.names = "total_stats",
	.parse = total_parse,
	.print = running_print,
	.needs = running_needs,
	.open = running_open,
	.push = running_push,
	.finish = running_finish,
	.close = running_close,
};
