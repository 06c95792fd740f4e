/* stats_count.c - count(), count_empty(). */
#include "aggregator/query/stats/stats_common.h"
#include "aggregator/query/stats/stats_funcs.h"
#include <errno.h>

struct count {
	uint64_t n;
};

static int count_parse(struct lex *lex, struct stats_func **ret)
{
	return stats_parse_fields(lex, &stats_count_ops, 0, sizeof(struct stats_of_fields),
				  (struct stats_of_fields **)ret);
}

static int count_empty_parse(struct lex *lex, struct stats_func **ret)
{
	return stats_parse_fields(lex, &stats_count_empty_ops, 0, sizeof(struct stats_of_fields),
				  (struct stats_of_fields **)ret);
}

/* Set the bits of rows that have a value in `name`. */
static void mark_present(struct rows *rows, struct span name, uint64_t *bits)
{
	const struct column *column = rows_column(rows, name);

	if (column->kind == COLUMN_TIME || (column->kind == COLUMN_CONST && column->value.len)) {
		for (uint32_t i = 0; i < rows->n; i++)
			bit_set(bits, i);
	} else if (column->kind == COLUMN_DICT) {
		for (uint32_t i = 0; i < rows->n; i++)
			if (column->dict[column->codes[i]].len)
				bit_set(bits, i);
	} else if (column->kind == COLUMN_INT) {
		for (uint32_t i = 0; i < rows->n; i++)
			if (!column->absent || !bit_get(column->absent, i))
				bit_set(bits, i);
	} else if (column->kind == COLUMN_TEXT) {
		for (uint32_t i = 0; i < rows->n; i++)
			if (column->texts[i].len)
				bit_set(bits, i);
	}
}

/* Rows where some field of the list has a value; NULL past the arena's budget. */
static uint64_t *present_rows(const struct stats_func *func, struct rows *rows)
{
	const struct stats_of_fields *f = (const struct stats_of_fields *)func;
	uint64_t *bits = ARENA_ARRAY(rows->arena, uint64_t, BITMAP_WORDS(rows->n) + 1);
	struct span *names;
	size_t n;

	if (!bits || stats_columns(rows, &f->fields, &names, &n) < 0)
		return NULL;
	for (size_t i = 0; i < n; i++)
		mark_present(rows, names[i], bits);
	return bits;
}

static int count_rows(const struct stats_batch *batch, const uint64_t *bits, bool wanted)
{
	uint32_t row;

	stats_each_row (batch, row)
		((struct count *)stats_state(batch, row))->n += bit_get(bits, row) == wanted;
	return 0;
}

static int count_update(const struct stats_func *func, const struct stats_batch *batch)
{
	uint32_t row;

	if (!stats_counts_rows(func)) {
		const uint64_t *bits = present_rows(func, batch->rows);

		return bits ? count_rows(batch, bits, true) : -ENOMEM;
	}
	if (batch->only && !batch->selected) {
		((struct count *)stats_state(batch, 0))->n += batch->rows->n;
		return 0;
	}
	stats_each_row (batch, row)
		((struct count *)stats_state(batch, row))->n++;
	return 0;
}

static int count_empty_update(const struct stats_func *func, const struct stats_batch *batch)
{
	const uint64_t *bits = present_rows(func, batch->rows);

	return bits ? count_rows(batch, bits, false) : -ENOMEM;
}

bool stats_counts_rows(const struct stats_func *func)
{
	return func->ops == &stats_count_ops &&
	       stats_all_fields(&((const struct stats_of_fields *)func)->fields);
}

/* count(*) reads nothing. */
static void count_needs(const struct stats_func *func, struct field_set *set)
{
	if (!stats_counts_rows(func))
		stats_needs_fields(func, set);
}

static int count_merge(const struct stats_func *func, struct stage *stage, struct arena *arena,
		       void *to, void *from)
{
	(void)func, (void)stage, (void)arena;
	((struct count *)to)->n += ((const struct count *)from)->n;
	return 0;
}

static int count_result(const struct stats_func *func, const struct stats_env *env, void *state,
			struct buf *out)
{
	(void)func, (void)env;
	buf_put_u64(out, ((const struct count *)state)->n);
	return 0;
}

const struct stats_func_ops stats_count_ops = {
	.names = "count",
	.state_size = sizeof(struct count),
	.parse = count_parse,
	.print = stats_print_fields,
	.needs = count_needs,
	.update = count_update,
	.merge = count_merge,
	.result = count_result,
};

const struct stats_func_ops stats_count_empty_ops = {
	.names = "count_empty",
	.state_size = sizeof(struct count),
	.parse = count_empty_parse,
	.print = stats_print_fields,
	.needs = stats_needs_fields,
	.update = count_empty_update,
	.merge = count_merge,
	.result = count_result,
};
