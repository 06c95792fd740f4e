/* stats_sum.c - sum(), avg(), stddev(), rate(), rate_sum(), sum_len(). */
#include "aggregator/query/stats/stats_common.h"
#include "aggregator/query/stats/stats_funcs.h"
#include "aggregator/query/text/long_sum.h"
#include "aggregator/query/text/number_text.h"
#include "common/lang/number.h"
#include <errno.h>
#include <math.h>

struct total {
	struct long_sum sum;
	uint64_t n; /* numbers; of rate() rows, of sum_len() bytes */
};

/*
 * For stddev(), by Welford's update.  The order of rows shows in the last digits
 * of such numbers, so they are counted from the first row's, which keeps them
 * small, and are longer than the result.
 */
struct spread {
	long double mean, m2; /* of the numbers less `first`; m2: squared distances from mean */
	double first;
	uint64_t n;
} __attribute__((__packed__, __aligned__(8))); /* as all states are */

#define PARSE(name, flags)                                                                         \
	static int name##_parse(struct lex *lex, struct stats_func **ret)                          \
	{                                                                                          \
		return stats_parse_fields(lex, &stats_##name##_ops, flags,                         \
					  sizeof(struct stats_of_fields),                          \
					  (struct stats_of_fields **)ret);                         \
	}
PARSE(sum, 0)
PARSE(avg, 0)
PARSE(stddev, 0)
PARSE(rate_sum, 0)
PARSE(sum_len, 0)

/* Of a column of decimals; false if there is a fraction. */
static bool whole_part(const struct column *column, uint32_t row, int64_t *ret)
{
	int64_t scale = 1;

	for (unsigned i = 0; i < column->scale; i++)
		scale *= 10;
	*ret = column->ints[row] / scale;
	return column->ints[row] % scale == 0;
}

/* What double has lost of a whole number. */
static double lost(double number, const struct column *column, const struct span *texts,
		   uint32_t row)
{
	int64_t whole;

	if (fabs(number) < LONG_SUM_EXACT ||
	    (texts ? !lang_i64(texts[row], &whole) : !whole_part(column, row, &whole)))
		return 0;
	return long_sum_rest(number, whole);
}

typedef int column_fn(const struct stats_batch *batch, struct span name);

static int update_columns(const struct stats_func *func, const struct stats_batch *batch,
			  column_fn *fn)
{
	const struct stats_of_fields *f = (const struct stats_of_fields *)func;
	struct span *names;
	size_t n;
	int r = stats_columns(batch->rows, &f->fields, &names, &n);

	for (size_t i = 0; i < n && r >= 0; i++)
		r = fn(batch, names[i]);
	return r;
}

static int sum_column(const struct stats_batch *batch, struct span name)
{
	const double *numbers = stats_numbers(batch->rows, name);
	const struct column *column = rows_column(batch->rows, name);
	const struct span *texts =
		column->kind == COLUMN_INT ? NULL : rows_texts(batch->rows, name);
	uint32_t row;

	if (!numbers)
		return -ENOMEM;
	stats_each_row (batch, row) {
		struct total *total = stats_state(batch, row);

		if (isnan(numbers[row]))
			continue;
		total->n++;
		long_sum_add(&total->sum, numbers[row], lost(numbers[row], column, texts, row));
	}
	return 0;
}

static int sum_update(const struct stats_func *func, const struct stats_batch *batch)
{
	return update_columns(func, batch, sum_column);
}

static int sum_merge(const struct stats_func *func, struct stage *stage, struct arena *arena,
		     void *to, void *from)
{
	struct total *a = to;
	const struct total *b = from;

	(void)func, (void)stage, (void)arena;
	long_sum_add(&a->sum, b->sum.sum, b->sum.low);
	a->n += b->n;
	return 0;
}

static int spread_column(const struct stats_batch *batch, struct span name)
{
	const double *numbers = stats_numbers(batch->rows, name);
	uint32_t row;

	if (!numbers)
		return -ENOMEM;
	stats_each_row (batch, row) {
		struct spread *spread = stats_state(batch, row);

		if (isnan(numbers[row]))
			continue;
		if (spread->n++ == 0)
			spread->first = numbers[row];
		long double number = (long double)numbers[row] - spread->first;
		long double apart = number - spread->mean;

		spread->mean += apart / (long double)spread->n;
		spread->m2 += apart * (number - spread->mean);
	}
	return 0;
}

static int stddev_update(const struct stats_func *func, const struct stats_batch *batch)
{
	return update_columns(func, batch, spread_column);
}

/* Chan's rule for two sets. */
static int stddev_merge(const struct stats_func *func, struct stage *stage, struct arena *arena,
			void *to, void *from)
{
	struct spread *a = to;
	const struct spread *b = from;

	(void)func, (void)stage, (void)arena;
	if (b->n == 0)
		return 0;
	if (a->n == 0) {
		*a = *b;
		return 0;
	}
	long double apart = (long double)b->first - a->first + b->mean - a->mean;
	long double share = (long double)b->n / (long double)(a->n + b->n);

	a->m2 += b->m2 + apart * apart * (long double)a->n * share;
	a->mean += apart * share;
	a->n += b->n;
	return 0;
}

/* NaN when there was no number. */
static void put_over(struct buf *out, const struct total *total, double n)
{
	number_put(out, total->n ? long_sum_over(&total->sum, n) : NAN);
}

static int sum_result(const struct stats_func *func, const struct stats_env *env, void *state,
		      struct buf *out)
{
	const struct total *total = state;

	(void)func, (void)env;
	if (total->n)
		long_sum_put(out, &total->sum);
	else
		number_put(out, NAN);
	return 0;
}

static int avg_result(const struct stats_func *func, const struct stats_env *env, void *state,
		      struct buf *out)
{
	const struct total *total = state;

	(void)func, (void)env;
	put_over(out, total, (double)total->n);
	return 0;
}

/* Of the whole population, as the reference has it. */
static int stddev_result(const struct stats_func *func, const struct stats_env *env, void *state,
			 struct buf *out)
{
	const struct spread *spread = state;

	(void)func, (void)env;
	number_put(out,
		   spread->n ? (double)sqrtl(spread->m2 / (long double)spread->n) : (double)NAN);
	return 0;
}

static int rate_sum_result(const struct stats_func *func, const struct stats_env *env, void *state,
			   struct buf *out)
{
	(void)func;
	put_over(out, state, env->seconds > 0 ? env->seconds : 1);
	return 0;
}

static int rate_parse(struct lex *lex, struct stats_func **ret)
{
	struct stats_func *func = ARENA_NEW(lex->arena, struct stats_func);
	int r = lex_expect(lex, "(", "behind rate");

	if (r >= 0)
		r = lex_expect(lex, ")", "here: rate() takes no field");
	if (r < 0)
		return r;
	if (!func)
		return -ENOMEM;
	func->ops = &stats_rate_ops;
	*ret = func;
	return 0;
}

static void rate_print(const struct stats_func *func, struct buf *out)
{
	(void)func;
	buf_puts(out, SPAN("rate()"));
}

static void rate_needs(const struct stats_func *func, struct field_set *set)
{
	(void)func, (void)set;
}

static int rate_update(const struct stats_func *func, const struct stats_batch *batch)
{
	uint32_t row;

	(void)func;
	stats_each_row (batch, row)
		((struct total *)stats_state(batch, row))->n++;
	return 0;
}

static int rate_result(const struct stats_func *func, const struct stats_env *env, void *state,
		       struct buf *out)
{
	(void)func;
	number_put(out, (double)((const struct total *)state)->n /
				(env->seconds > 0 ? env->seconds : 1));
	return 0;
}

/* Bytes, not characters. */
static int len_column(const struct stats_batch *batch, struct span name)
{
	const struct span *texts = rows_texts(batch->rows, name);
	uint32_t row;

	stats_each_row (batch, row)
		((struct total *)stats_state(batch, row))->n += texts[row].len;
	return 0;
}

static int sum_len_update(const struct stats_func *func, const struct stats_batch *batch)
{
	return update_columns(func, batch, len_column);
}

static int sum_len_result(const struct stats_func *func, const struct stats_env *env, void *state,
			  struct buf *out)
{
	(void)func, (void)env;
	buf_put_u64(out, ((const struct total *)state)->n);
	return 0;
}

#define OF_FIELDS(name, state, update_, merge_, result_)                                           \
	const struct stats_func_ops stats_##name##_ops = {                                         \
		.names = #name,                                                                    \
		.state_size = sizeof(struct state),                                                \
		.parse = name##_parse,                                                             \
		.print = stats_print_fields,                                                       \
		.needs = stats_needs_fields,                                                       \
		.update = update_,                                                                 \
		.merge = merge_,                                                                   \
		.result = result_,                                                                 \
	}
OF_FIELDS(sum, total, sum_update, sum_merge, sum_result);
OF_FIELDS(avg, total, sum_update, sum_merge, avg_result);
OF_FIELDS(stddev, spread, stddev_update, stddev_merge, stddev_result);
OF_FIELDS(rate_sum, total, sum_update, sum_merge, rate_sum_result);
OF_FIELDS(sum_len, total, sum_len_update, sum_merge, sum_len_result);

const struct stats_func_ops stats_rate_ops = {
	.names = "rate",
	.state_size = sizeof(struct total),
	.parse = rate_parse,
	.print = rate_print,
	.needs = rate_needs,
	.update = rate_update,
	.merge = sum_merge,
	.result = rate_result,
};
