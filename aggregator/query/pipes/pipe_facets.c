/*
 * facets [N] [max_values_per_field M] [max_value_len K] [keep_const_fields]:
 * the N most frequent values of every field that has few enough.
 *
 * field_names [filter text] [as name]: every field with the number of its rows.
 *
 * Both look at all fields, so values are counted a column at a time: a
 * constant at once, a dictionary by its codes.  A field that was found to have
 * too many values is not read any more: ids, times and most messages are read
 * from one block a worker.
 */
#include "aggregator/query/pipes/pipes.h"
#include "common/base/map.h"
#include "common/lang/words.h"
#include <errno.h>
#include <stdlib.h>

#define FACETS_DEFAULT     10
#define MAX_VALUES_DEFAULT 1000
#define MAX_LEN_DEFAULT    128
#define STOP_LOOK          4096 /* values between two looks at whether to stop */

struct pipe_facets {
	struct pipe pipe;
	uint64_t n, max_values, max_len;
	bool keep_const;
	bool names_only;      /* field_names */
	struct span as;       /* field_names */
	struct span contains; /* field_names; ptr NULL = all */
};

/* The values of one field. */
struct facet {
	struct map values; /* value → rows */
	uint64_t rows;     /* with a value */
	bool too_many;
};

struct facets_worker {
	bool open;
	struct stage_arena arena;
	struct map fields; /* name → struct facet */
	uint64_t rows;
};

static int facets_parse(struct lex *lex, struct pipe **ret)
{
	struct pipe_facets *facets = PIPE_NEW(lex, struct pipe_facets, &pipe_facets_ops);
	int r = 0;

	if (!facets)
		return pipe_no_memory(lex);
	*ret = &facets->pipe;
	facets->n = FACETS_DEFAULT;
	facets->max_values = MAX_VALUES_DEFAULT;
	facets->max_len = MAX_LEN_DEFAULT;
	if (!lex_at_pipe_end(lex) &&
	    !lex_is_any(lex, "max_values_per_field max_value_len keep_const_fields"))
		r = pipe_parse_above_zero(lex, "a number of values", &facets->n);
	while (r >= 0) {
		if (lex_accept(lex, "max_values_per_field"))
			r = pipe_parse_above_zero(lex, "max_values_per_field", &facets->max_values);
		else if (lex_accept(lex, "max_value_len"))
			r = pipe_parse_above_zero(lex, "max_value_len", &facets->max_len);
		else if (lex_accept(lex, "keep_const_fields"))
			facets->keep_const = true;
		else
			break;
	}
	return r;
}

static void facets_print(const struct pipe *pipe, struct buf *out)
{
	const struct pipe_facets *facets = (const struct pipe_facets *)pipe;

	buf_puts(out, SPAN("facets "));
	buf_put_u64(out, facets->n);
	if (facets->max_values != MAX_VALUES_DEFAULT) {
		buf_puts(out, SPAN(" max_values_per_field "));
		buf_put_u64(out, facets->max_values);
	}
	if (facets->max_len != MAX_LEN_DEFAULT) {
		buf_puts(out, SPAN(" max_value_len "));
		buf_put_u64(out, facets->max_len);
	}
	buf_puts(out, facets->keep_const ? SPAN(" keep_const_fields") : SPAN(""));
}

static int field_names_parse(struct lex *lex, struct pipe **ret)
{
	struct pipe_facets *facets = PIPE_NEW(lex, struct pipe_facets, &pipe_field_names_ops);
	int r = 0;

	if (!facets)
		return pipe_no_memory(lex);
	*ret = &facets->pipe;
	facets->names_only = true;
	facets->as = SPAN("name");
	if (lex_accept(lex, "filter"))
		r = lex_parse_text(lex, "filter", &facets->contains);
	if (r >= 0 && !lex_at_pipe_end(lex))
		r = pipe_parse_as(lex, &facets->as);
	return r;
}

static void field_names_print(const struct pipe *pipe, struct buf *out)
{
	const struct pipe_facets *facets = (const struct pipe_facets *)pipe;

	buf_puts(out, SPAN("field_names"));
	if (facets->contains.ptr) {
		buf_puts(out, SPAN(" filter "));
		text_print(out, facets->contains);
	}
	if (!span_eq(facets->as, SPAN("name"))) {
		buf_puts(out, SPAN(" as "));
		text_print(out, facets->as);
	}
}

static void facets_needs(const struct pipe *pipe, struct field_set *set)
{
	(void)pipe;
	field_set_reset(set, true);
}

static int facets_open(struct stage *stage)
{
	int r = stage_new_states(stage, sizeof(struct facets_worker));

	for (unsigned i = 0; r >= 0 && i < stage_workers(stage); i++) {
		struct facets_worker *worker = stage_state(stage, i);

		stage_arena_init(&worker->arena);
		worker->open = true;
		worker->fields.shared = stage_budget(stage);
		r = stage_arena_charge(stage, &worker->arena);
	}
	return r;
}

static struct facet *find_facet(struct facets_worker *worker, struct span name)
{
	struct arena *arena = &worker->arena.arena;
	bool added;
	union map_value *value = map_put(&worker->fields, name, &added);

	if (!value)
		return NULL;
	if (added) {
		struct facet *facet = ARENA_NEW(arena, struct facet);
		struct span copy = name.len ? arena_dup(arena, name) : SPAN("");

		if (!facet || !copy.ptr) {
			map_remove(&worker->fields, name);
			return NULL;
		}
		facet->values.shared = worker->fields.shared;
		value->ptr = facet;
		map_rekey(&worker->fields, name, copy);
	}
	return value->ptr;
}

static void give_up(struct facet *facet)
{
	facet->too_many = true;
	map_release(&facet->values);
}

static int count_value(struct facets_worker *worker, const struct pipe_facets *facets,
		       struct facet *facet, struct span value, uint64_t n)
{
	bool added;
	union map_value *count;

	if (!value.len || !n)
		return 0;
	facet->rows += n;
	if (facet->too_many || facets->names_only)
		return 0;
	if (value.len > facets->max_len) {
		give_up(facet);
		return 0;
	}
	count = map_put(&facet->values, value, &added);
	if (!count)
		return -ENOMEM;
	count->n += n;
	if (!added)
		return 0;
	struct span copy = arena_dup(&worker->arena.arena, value);

	if (!copy.ptr) {
		map_remove(&facet->values, value);
		return -ENOMEM;
	}
	map_rekey(&facet->values, value, copy);
	if (facet->values.len > facets->max_values)
		give_up(facet);
	return 0;
}

static int count_dict(struct facets_worker *worker, const struct pipe_facets *facets,
		      struct facet *facet, const struct column *column)
{
	uint64_t counts[256] = {0};
	int r = 0;

	for (uint32_t i = 0; i < column->nrows; i++)
		counts[column->codes[i]]++;
	for (uint32_t i = 0; r >= 0 && i < column->ndict; i++)
		r = count_value(worker, facets, facet, column->dict[i], counts[i]);
	return r;
}

static int count_column(struct facets_worker *worker, struct stage *stage,
			const struct column *column)
{
	const struct pipe_facets *facets = stage_pipe(stage);
	struct facet *facet = find_facet(worker, column->name);
	char scratch[COLUMN_SCRATCH];
	int r = 0;

	if (!facet)
		return -ENOMEM;
	if (column->kind == COLUMN_CONST)
		return count_value(worker, facets, facet, column->value, column->nrows);
	if (column->kind == COLUMN_DICT)
		return count_dict(worker, facets, facet, column);
	for (uint32_t i = 0; r >= 0 && i < column->nrows; i++) {
		if (facet->too_many && !facets->names_only)
			break;
		r = count_value(worker, facets, facet, column_text(column, i, scratch), 1);
		if (r >= 0 && i % STOP_LOOK == 0)
			r = stage_stopped(stage);
	}
	return r;
}

/* A field that few rows have: nothing is made of its values. */
static int count_rare(struct facets_worker *worker, struct stage *stage, struct span name,
		      const struct rare_column *rare)
{
	struct facet *facet = find_facet(worker, name);
	int r = facet ? 0 : -ENOMEM;

	for (uint32_t i = 0; r >= 0 && i < rare->n; i++)
		r = count_value(worker, stage_pipe(stage), facet, rare->texts[i], 1);
	return r;
}

/* Nothing that rows hold can change what will be said of the field. */
static bool is_settled(const struct facets_worker *worker, struct span name)
{
	const union map_value *value = map_get(&worker->fields, name);

	return value && ((const struct facet *)value->ptr)->too_many;
}

/*
 * The columns of the names, NULL where the field is settled or rare; all are read
 * before any is counted.
 */
static int facets_read(const struct facets_worker *worker, struct rows *rows,
		       const struct span *names, size_t n, struct column ***ret)
{
	struct column **columns = ARENA_ARRAY(rows->arena, struct column *, n + 1);

	for (size_t i = 0; columns && i < n && !rows->failed; i++) {
		if (rows_rare(rows, names[i]) || is_settled(worker, names[i]))
			continue;
		columns[i] = ARENA_NEW(rows->arena, struct column);
		if (!columns[i])
			return -ENOMEM;
		*columns[i] = *rows_column(rows, names[i]);
		columns[i]->name = names[i];
	}
	*ret = columns;
	return columns ? rows->failed : -ENOMEM;
}

static int facets_push(struct stage *stage, unsigned number, struct rows *rows)
{
	struct facets_worker *worker = stage_state(stage, number);
	struct column **columns;
	const struct span *names;
	size_t n;
	int r = rows_names(rows, &names, &n);

	if (r >= 0)
		r = facets_read(worker, rows, names, n, &columns);
	if (r == -EBADMSG)
		return r;
	worker->rows += rows->n;
	for (size_t i = 0; r >= 0 && i < n; i++) {
		const struct rare_column *rare = rows_rare(rows, names[i]);

		if (rare)
			r = count_rare(worker, stage, names[i], rare);
		else if (columns[i])
			r = count_column(worker, stage, columns[i]);
	}
	return r == -ENOMEM ? stage_no_memory(stage) : r;
}

static int merge_facet(struct facets_worker *to, struct stage *stage, struct span name,
		       struct facet *from)
{
	const struct pipe_facets *facets = stage_pipe(stage);
	struct facet *facet = find_facet(to, name);
	uint64_t rows = facet ? facet->rows + from->rows : 0;
	union map_value *count;
	struct span value;
	size_t at = 0;
	int r = facet ? 0 : -ENOMEM;

	if (r >= 0 && from->too_many && !facet->too_many)
		give_up(facet);
	while (r >= 0 && map_next(&from->values, &at, &value, &count)) {
		r = count_value(to, facets, facet, value, count->n);
		if (r >= 0 && facet->values.len % STOP_LOOK == 0)
			r = stage_stopped(stage);
	}
	if (r >= 0)
		facet->rows = rows;
	return r;
}

static int merge_workers(struct stage *stage)
{
	struct facets_worker *all = stage_state(stage, 0);
	int r = 0;

	for (unsigned i = 1; r >= 0 && i < stage_workers(stage); i++) {
		struct facets_worker *worker = stage_state(stage, i);
		union map_value *value;
		struct span name;
		size_t at = 0;

		all->rows += worker->rows;
		while (r >= 0 && map_next(&worker->fields, &at, &name, &value))
			r = merge_facet(all, stage, name, value->ptr);
	}
	return r == -ENOMEM ? stage_no_memory(stage) : r;
}

struct facet_row {
	struct span name, value;
	uint64_t hits;
};

static int compare_names(const void *a, const void *b)
{
	return span_cmp(((const struct facet_row *)a)->name, ((const struct facet_row *)b)->name);
}

static int compare_hits(const void *left, const void *right, void *ctx)
{
	const struct facet_row *a = left, *b = right;

	(void)ctx;
	return a->hits != b->hits ? (a->hits < b->hits) - (a->hits > b->hits)
				  : span_cmp(a->value, b->value);
}

/* The fields in order of their names; freed by the caller. */
static struct facet_row *sorted_names(const struct facets_worker *all)
{
	struct facet_row *names = calloc(all->fields.len + 1, sizeof(*names));
	union map_value *value;
	size_t at = 0, n = 0;

	while (names && map_next(&all->fields, &at, &names[n].name, &value))
		names[n++].hits = ((const struct facet *)value->ptr)->rows;
	if (names)
		qsort(names, n, sizeof(*names), compare_names);
	return names;
}

static int push_rows(struct stage *stage, const struct facet_row *found, size_t n)
{
	const struct pipe_facets *facets = stage_pipe(stage);
	struct arena *arena = stage_rows_arena(stage, 0);
	struct rows rows;
	int r;

	arena_reset(arena);
	rows_init(&rows, arena, (uint32_t)n);
	struct span *names = ARENA_ARRAY(arena, struct span, n + 1);
	struct span *values = ARENA_ARRAY(arena, struct span, n + 1);
	int64_t *hits = ARENA_ARRAY(arena, int64_t, n + 1);

	if (!names || !values || !hits)
		return stage_no_memory(stage);
	for (size_t i = 0; i < n; i++) {
		names[i] = found[i].name;
		values[i] = found[i].value;
		hits[i] = (int64_t)found[i].hits;
	}
	r = rows_set_texts(&rows, facets->names_only ? facets->as : SPAN("field_name"), names);
	if (r >= 0 && !facets->names_only)
		r = rows_set_texts(&rows, SPAN("field_value"), values);
	if (r >= 0)
		r = rows_set_ints(&rows, SPAN("hits"), hits);
	return r < 0 ? r : stage_push(stage->next, 0, &rows);
}

/* The most frequent values of one field. */
static int push_facet(struct stage *stage, struct span name, const struct facet *facet,
		      uint64_t rows)
{
	const struct pipe_facets *facets = stage_pipe(stage);
	struct facet_row *found;
	union map_value *count;
	size_t at = 0, n = 0, bytes = (facet->values.len + 1) * sizeof(*found);
	int r;

	if (facet->too_many ||
	    (facet->values.len == 1 && facet->rows == rows && !facets->keep_const))
		return 0;
	r = stage_charge(stage, bytes);
	if (r < 0)
		return r;
	found = calloc(facet->values.len + 1, sizeof(*found));
	if (!found)
		return stage_no_memory(stage);
	while (map_next(&facet->values, &at, &found[n].value, &count)) {
		found[n].name = name;
		found[n++].hits = count->n;
	}
	r = stage_sort(stage, found, n, sizeof(*found), compare_hits, NULL);
	if (r >= 0)
		r = push_rows(stage, found, n < facets->n ? n : facets->n);
	free(found);
	stage_uncharge(stage, bytes);
	return r;
}

static int facets_finish(struct stage *stage)
{
	struct facets_worker *all = stage_state(stage, 0);
	int r = merge_workers(stage);
	struct facet_row *names = r < 0 ? NULL : sorted_names(all);

	if (r >= 0 && !names)
		r = stage_fail(stage, -ENOMEM, "out of memory");
	for (size_t i = 0; r == 0 && i < all->fields.len; i++)
		r = push_facet(stage, names[i].name, map_get(&all->fields, names[i].name)->ptr,
			       all->rows);
	free(names);
	return r < 0 ? r : 0;
}

static int field_names_finish(struct stage *stage)
{
	const struct pipe_facets *facets = stage_pipe(stage);
	struct facets_worker *all = stage_state(stage, 0);
	int r = merge_workers(stage);
	struct facet_row *names = r < 0 ? NULL : sorted_names(all);
	size_t kept = 0;

	if (r >= 0 && !names)
		r = stage_fail(stage, -ENOMEM, "out of memory");
	for (size_t i = 0; r >= 0 && i < all->fields.len; i++)
		if (names[i].hits &&
		    (!facets->contains.ptr || span_find(names[i].name, facets->contains) >= 0))
			names[kept++] = names[i];
	if (r >= 0 && kept)
		r = push_rows(stage, names, kept);
	free(names);
	return r < 0 ? r : 0;
}

static void facets_close(struct stage *stage)
{
	for (unsigned i = 0; stage->state && i < stage_workers(stage); i++) {
		struct facets_worker *worker = stage_state(stage, i);
		union map_value *value;
		struct span name;
		size_t at = 0;

		if (!worker->open)
			continue;
		while (map_next(&worker->fields, &at, &name, &value))
			if (value->ptr)
				map_release(&((struct facet *)value->ptr)->values);
		map_release(&worker->fields);
		stage_arena_release(&worker->arena);
	}
}

const struct pipe_ops pipe_facets_ops = {
	.names = "facets",
	.lazy = true,
	.lists = true,
	.parse = facets_parse,
	.print = facets_print,
	.needs = facets_needs,
	.open = facets_open,
	.push = facets_push,
	.finish = facets_finish,
	.close = facets_close,
};

static bool field_names_single_field(const struct pipe *pipe, struct span *ret_field)
{
	*ret_field = ((const struct pipe_facets *)pipe)->as;
	return true;
}

const struct pipe_ops pipe_field_names_ops = {
	.names = "field_names",
	.lazy = true,
	.lists = true,
	.parse = field_names_parse,
	.print = field_names_print,
	.needs = facets_needs,
	.single_field = field_names_single_field,
	.open = facets_open,
	.push = facets_push,
	.finish = field_names_finish,
	.close = facets_close,
};
