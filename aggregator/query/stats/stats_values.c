/*
 * stats_values.c - values(), uniq_values(): a JSON array of what a field had.
 *
 * values() has empty ones too, of fields that are named: how many rows lack a
 * field that only `prefix*` finds depends on which rows came together.
 */
#include "aggregator/query/stats/stats_common.h"
#include "aggregator/query/stats/stats_funcs.h"
#include "common/base/map.h"
#include "common/data/json_write.h"
#include "common/lang/number.h"
#include <errno.h>
#include <stdlib.h>

/* Texts in the order they came, and for uniq_values the set of them. */
struct texts {
	struct span *ptr; /* malloced */
	size_t len, cap;
	struct map seen;
};

static int values_parse(struct lex *lex, struct stats_func **ret)
{
	return stats_parse_fields(lex, &stats_values_ops, STATS_LIMIT,
				  sizeof(struct stats_of_fields), (struct stats_of_fields **)ret);
}

static int uniq_values_parse(struct lex *lex, struct stats_func **ret)
{
	return stats_parse_fields(lex, &stats_uniq_values_ops, STATS_LIMIT,
				  sizeof(struct stats_of_fields), (struct stats_of_fields **)ret);
}

static int texts_push(struct stage *stage, struct texts *texts, struct span text)
{
	int r = stats_reserve(stage, (void **)&texts->ptr, texts->len, &texts->cap,
			      sizeof *texts->ptr);

	if (r < 0)
		return r;
	texts->ptr[texts->len++] = text;
	return 0;
}

/* Add a text that is kept already, unless the set has it. */
static int texts_push_unique(struct stage *stage, struct texts *texts, struct span text)
{
	bool added;

	texts->seen.shared = stage_budget(stage);
	if (!map_put(&texts->seen, text, &added))
		return -ENOMEM;
	return added ? texts_push(stage, texts, text) : 0;
}

static int push_value(const struct stats_batch *batch, struct texts *texts, struct span text,
		      bool unique)
{
	struct span kept;

	if (unique && map_get(&texts->seen, text))
		return 0;
	int r = stats_keep(batch, text, &kept);

	if (r < 0)
		return r;
	return unique ? texts_push_unique(batch->stage, texts, kept)
		      : texts_push(batch->stage, texts, kept);
}

static int update(const struct stats_func *func, const struct stats_batch *batch, bool unique)
{
	const struct stats_of_fields *f = (const struct stats_of_fields *)func;
	size_t n, with_empty = unique ? 0 : stats_plain_fields(&f->fields);
	struct span *names;
	uint32_t row;
	int r = stats_columns(batch->rows, &f->fields, &names, &n);

	for (size_t i = 0; i < n && r >= 0; i++) {
		const struct span *values = rows_texts(batch->rows, names[i]);

		stats_each_row (batch, row) {
			struct texts *texts = stats_state(batch, row);

			if (values[row].len == 0 && i >= with_empty)
				continue;
			if (f->limit && texts->len >= f->limit)
				continue;
			r = push_value(batch, texts, values[row], unique);
			if (r < 0)
				return r;
		}
	}
	return r;
}

static int values_update(const struct stats_func *func, const struct stats_batch *batch)
{
	return update(func, batch, false);
}

static int uniq_values_update(const struct stats_func *func, const struct stats_batch *batch)
{
	return update(func, batch, true);
}

static void release(const struct stats_func *func, void *state)
{
	struct texts *texts = state;

	(void)func;
	free(texts->ptr);
	map_release(&texts->seen);
	*texts = (struct texts){0};
}

static int merge(const struct stats_func *func, struct stage *stage, struct arena *arena, void *to,
		 void *from)
{
	bool unique = func->ops == &stats_uniq_values_ops;
	const struct texts *texts = from;
	int r = 0;

	for (size_t i = 0; i < texts->len && r >= 0; i++) {
		struct span kept = arena_dup(arena, texts->ptr[i]);

		if (texts->ptr[i].len && !kept.ptr)
			r = -ENOMEM;
		else
			r = unique ? texts_push_unique(stage, to, kept)
				   : texts_push(stage, to, kept);
	}
	stage_uncharge(stage, texts->cap * sizeof *texts->ptr);
	release(func, from);
	return r;
}

static int text_cmp(const void *a, const void *b, void *ctx)
{
	(void)ctx;
	int order = lang_compare(*(const struct span *)a, *(const struct span *)b);

	return order ? order : span_cmp(*(const struct span *)a, *(const struct span *)b);
}

static int result(const struct stats_func *func, const struct stats_env *env, void *state,
		  struct buf *out)
{
	const struct stats_of_fields *f = (const struct stats_of_fields *)func;
	struct texts *texts = state;
	size_t n = f->limit && texts->len > f->limit ? f->limit : texts->len;
	int r = func->ops == &stats_uniq_values_ops ? stage_sort(env->stage, texts->ptr, texts->len,
								 sizeof *texts->ptr, text_cmp, NULL)
						    : 0;

	buf_putc(out, '[');
	for (size_t i = 0; i < n; i++) {
		if (i)
			buf_putc(out, ',');
		json_write_string(out, texts->ptr[i]);
	}
	buf_putc(out, ']');
	return r;
}

const struct stats_func_ops stats_values_ops = {
	.names = "values",
	.state_size = sizeof(struct texts),
	.parse = values_parse,
	.print = stats_print_fields,
	.needs = stats_needs_fields,
	.update = values_update,
	.merge = merge,
	.result = result,
	.release = release,
};

const struct stats_func_ops stats_uniq_values_ops = {
	.names = "uniq_values",
	.state_size = sizeof(struct texts),
	.parse = uniq_values_parse,
	.print = stats_print_fields,
	.needs = stats_needs_fields,
	.update = uniq_values_update,
	.merge = merge,
	.result = result,
	.release = release,
};
