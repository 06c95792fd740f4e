/* stats_sum.c - sum(), avg(), stddev(), rate(), rate_sum(), sum_len(). */
#include "aggregator/query/stats/stats_common.h"
#include "aggregator/query/stats/stats_funcs.h"
#include "aggregator/query/text/long_sum.h"
#include "aggregator/query/text/number_text.h"
#include "common/lang/number.h"
#include <errno.h>
#include <math.h>

/* Count, sum, mean and squared distance from it (Welford's update). */
struct moments {
	struct long_sum sum;
	double mean, m2;
	uint64_t n;
};

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

/* `spread`: for stddev(), else for the sum. */
static int moments_update(const struct stats_func *func, const struct stats_batch *batch,
			  bool spread)
{
	const struct stats_of_fields *f = (const struct stats_of_fields *)func;
	struct span *names;
	size_t n;
	int r = stats_columns(batch->rows, &f->fields, &names, &n);

	for (size_t i = 0; i < n && r >= 0; i++) {
		const double *numbers = stats_numbers(batch->rows, names[i]);
		const struct column *column = rows_column(batch->rows, names[i]);
		const struct span *texts =
			column->kind == COLUMN_INT ? NULL : rows_texts(batch->rows, names[i]);
		uint32_t row;

		if (!numbers)
			return -ENOMEM;
		stats_each_row (batch, row) {
			struct moments *m = stats_state(batch, row);
			double number = numbers[row], before = number - m->mean;

			if (isnan(number))
				continue;
			m->n++;
			if (!spread) {
				long_sum_add(&m->sum, number, lost(number, column, texts, row));
				continue;
			}
			m->mean += before / (double)m->n;
			m->m2 += before * (number - m->mean);
		}
	}
	return r;
}

static int sum_update(const struct stats_func *func, const struct stats_batch *batch)
{
	return moments_update(func, batch, false);
}

static int stddev_update(const struct stats_func *func, const struct stats_batch *batch)
{
	return moments_update(func, batch, true);
}

static int moments_merge(const struct stats_func *func, struct stage *stage, struct arena *arena,
			 void *to, void *from)
{
	struct moments *a = to;
	const struct moments *b = from;
	double n = (double)(a->n + b->n), apart = b->mean - a->mean;

	(void)func, (void)stage, (void)arena;
	if (b->n == 0)
		return 0;
	long_sum_add(&a->sum, b->sum.sum, b->sum.low);
	a->m2 += b->m2 + apart * apart * (double)a->n * (double)b->n / n;
	a->mean += apart * (double)b->n / n;
	a->n += b->n;
	return 0;
}

/* NaN when there was no number. */
static void put_over(struct buf *out, const struct moments *m, double n)
{
	number_put(out, m->n ? long_sum_over(&m->sum, n) : NAN);
}

static int sum_result(const struct stats_func *func, const struct stats_env *env, void *state,
		      struct buf *out)
{
	const struct moments *m = state;

	(void)func, (void)env;
	if (m->n)
		long_sum_put(out, &m->sum);
	else
		number_put(out, NAN);
	return 0;
}

static int avg_result(const struct stats_func *func, const struct stats_env *env, void *state,
		      struct buf *out)
{
	const struct moments *m = state;

	(void)func, (void)env;
	put_over(out, m, (double)m->n);
	return 0;
}

/* Of the whole population, as the reference has it. */
static int stddev_result(const struct stats_func *func, const struct stats_env *env, void *state,
			 struct buf *out)
{
	const struct moments *m = state;

	(void)func, (void)env;
	number_put(out, m->n ? sqrt(m->m2 / (double)m->n) : NAN);
	return 0;
}

static int rate_sum_result(const struct stats_func *func, const struct stats_env *env, void *state,
			   struct buf *out)
{
	const struct moments *m = state;

	(void)func;
	put_over(out, m, env->seconds > 0 ? env->seconds : 1);
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
		((struct moments *)stats_state(batch, row))->n++;
	return 0;
}

static int rate_result(const struct stats_func *func, const struct stats_env *env, void *state,
		       struct buf *out)
{
	(void)func;
	number_put(out, (double)((const struct moments *)state)->n /
				(env->seconds > 0 ? env->seconds : 1));
	return 0;
}

/* Bytes, not characters. */
static int sum_len_update(const struct stats_func *func, const struct stats_batch *batch)
{
	const struct stats_of_fields *f = (const struct stats_of_fields *)func;
	struct span *names;
	size_t n;
	int r = stats_columns(batch->rows, &f->fields, &names, &n);

	for (size_t i = 0; i < n && r >= 0; i++) {
		const struct span *texts = rows_texts(batch->rows, names[i]);
		uint32_t row;

		stats_each_row (batch, row)
			((struct moments *)stats_state(batch, row))->n += texts[row].len;
	}
	return r;
}

static int sum_len_result(const struct stats_func *func, const struct stats_env *env, void *state,
			  struct buf *out)
{
	(void)func, (void)env;
	buf_put_u64(out, ((const struct moments *)state)->n);
	return 0;
}

#define OF_FIELDS(name, update_, result_)                                                          \
	const struct stats_func_ops stats_##name##_ops = {                                         \
		.names = #name,                                                                    \
		.state_size = sizeof(struct moments),                                              \
		.parse = name##_parse,                                                             \
		.print = stats_print_fields,                                                       \
		.needs = stats_needs_fields,                                                       \
		.update = update_,                                                                 \
		.merge = moments_merge,                                                            \
		.result = result_,                                                                 \
	}
OF_FIELDS(sum, sum_update, sum_result);
OF_FIELDS(avg, sum_update, avg_result);
OF_FIELDS(stddev, stddev_update, stddev_result);
OF_FIELDS(rate_sum, sum_update, rate_sum_result);
OF_FIELDS(sum_len, sum_len_update, sum_len_result);

const struct stats_func_ops stats_rate_ops = {
	.names = "rate",
	.state_size = sizeof(struct moments),
	.parse = rate_parse,
	.print = rate_print,
	.needs = rate_needs,
	.update = rate_update,
	.merge = moments_merge,
	.result = rate_result,
};
