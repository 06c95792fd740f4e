/* stats_minmax.c - min(), max(): by number where both are one, else by natural order of text. */
#include "aggregator/query/stats/stats_common.h"
#include "aggregator/query/stats/stats_funcs.h"
#include "common/lang/number.h"
#include <errno.h>
#include <math.h>

struct extreme {
	struct span text;
	double number; /* of the text; NaN if it is none */
	bool has;
};

static int min_parse(struct lex *lex, struct stats_func **ret)
{
	return stats_parse_fields(lex, &stats_min_ops, 0, sizeof(struct stats_of_fields),
				  (struct stats_of_fields **)ret);
}

static int max_parse(struct lex *lex, struct stats_func **ret)
{
	return stats_parse_fields(lex, &stats_max_ops, 0, sizeof(struct stats_of_fields),
				  (struct stats_of_fields **)ret);
}

/* From 2^53 on, doubles may be equal where the numbers aren't. */
static bool same_number(double a, double b)
{
	return a == b && fabs(a) < 0x1p53;
}

/*
 * Whether a value takes the place of what is held: `sign` -1 for min, 1 for max.
 * An empty text is a value, and the smallest: absent is empty.  Of 1.0 and 1 it is
 * always the same one, however rows come.
 */
static bool beats(const struct extreme *held, struct span text, double number, int sign)
{
	if (!held->has)
		return true;
	if (same_number(held->number, number))
		return span_cmp(text, held->text) < 0;
	if (!isnan(held->number) && !isnan(number) && number != held->number)
		return sign > 0 ? number > held->number : number < held->number;
	return lang_compare(text, held->text) * sign > 0;
}

static int update_column(const struct stats_batch *batch, struct span name, bool plain, int sign)
{
	const double *numbers = stats_numbers(batch->rows, name);
	const struct column *column = rows_column(batch->rows, name);
	/* Texts of an integer column are made only for the few rows that win. */
	bool ints = column->kind == COLUMN_INT;
	const struct span *texts = ints ? NULL : rows_texts(batch->rows, name);
	uint32_t row;
	int r = 0;

	if (!numbers)
		return -ENOMEM;
	stats_each_row (batch, row) {
		struct extreme *held = stats_state(batch, row);
		char scratch[COLUMN_SCRATCH];

		if (ints && held->has &&
		    (same_number(numbers[row], held->number) ||
		     (sign > 0 ? numbers[row] < held->number : numbers[row] > held->number)))
			continue;
		struct span text = ints ? column_text(column, row, scratch) : texts[row];

		if ((text.len == 0 && !plain) || !beats(held, text, numbers[row], sign))
			continue;
		held->has = true;
		held->number = numbers[row];
		r = stats_keep(batch, text, &held->text);
		if (r < 0)
			break;
	}
	return r;
}

static int update(const struct stats_func *func, const struct stats_batch *batch, int sign)
{
	const struct stats_of_fields *f = (const struct stats_of_fields *)func;
	struct span *names;
	size_t n;
	int r = stats_columns(batch->rows, &f->fields, &names, &n);

	for (size_t i = 0; i < n && r >= 0; i++)
		r = update_column(batch, names[i], i < stats_plain_fields(&f->fields), sign);
	return r;
}

static int min_update(const struct stats_func *func, const struct stats_batch *batch)
{
	return update(func, batch, -1);
}

static int max_update(const struct stats_func *func, const struct stats_batch *batch)
{
	return update(func, batch, 1);
}

static int merge(struct arena *arena, struct extreme *to, const struct extreme *from, int sign)
{
	if (!from->has || !beats(to, from->text, from->number, sign))
		return 0;
	*to = (struct extreme){arena_dup(arena, from->text), from->number, true};
	return arena->overflowed ? -ENOMEM : 0;
}

static int min_merge(const struct stats_func *func, struct stage *stage, struct arena *arena,
		     void *to, void *from)
{
	(void)func, (void)stage;
	return merge(arena, to, from, -1);
}

static int max_merge(const struct stats_func *func, struct stage *stage, struct arena *arena,
		     void *to, void *from)
{
	(void)func, (void)stage;
	return merge(arena, to, from, 1);
}

static int result(const struct stats_func *func, const struct stats_env *env, void *state,
		  struct buf *out)
{
	(void)func, (void)env;
	buf_puts(out, ((const struct extreme *)state)->text);
	return 0;
}

const struct stats_func_ops stats_min_ops = {
	.names = "min",
	.state_size = sizeof(struct extreme),
	.parse = min_parse,
	.print = stats_print_fields,
	.needs = stats_needs_fields,
	.update = min_update,
	.merge = min_merge,
	.result = result,
};

const struct stats_func_ops stats_max_ops = {
	.names = "max",
	.state_size = sizeof(struct extreme),
	.parse = max_parse,
	.print = stats_print_fields,
	.needs = stats_needs_fields,
	.update = max_update,
	.merge = max_merge,
	.result = result,
};
