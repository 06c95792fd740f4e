/*
 * stats_quantile.c - quantile(phi, …), median(…).
 *
 * Exact up to QUANTILE_SAMPLES values a group; beyond, a uniform sample of them
 * (Vitter's algorithm R), with exact smallest and largest.
 *
 * The answer is the text of one value as it was written.  A sample of a column
 * of decimals holds what makes that text, other samples a copy of it; and the
 * value at a place is selected, not all values sorted.  1 M decimals in 8
 * groups: 45 → 15 ms on one core.
 */
#include "aggregator/query/stats/stats_common.h"
#include "aggregator/query/stats/stats_funcs.h"
#include "common/lang/number.h"
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#define QUANTILE_SAMPLES 100000
#define SELECT_SORT      32 /* so few are sorted at once */
#define SELECT_ROUNDS    64

struct quantile_func {
	struct stats_of_fields of;
	double phi;
	struct span phi_text;
};

struct sample {
	double number; /* NaN if the text is none */
	union {
		const char *ptr;
		int64_t digits;
	};
	uint32_t len;  /* of the text at ptr; DECIMAL: it is digits/10^scale */
	uint8_t scale; /* see struct column */
	bool fixed;
};

#define DECIMAL UINT32_MAX

struct samples {
	struct sample *ptr; /* malloced */
	size_t len, cap;
	uint64_t seen;
	struct sample min, max; /* if seen */
	uint64_t random;
};

static int quantile_parse(struct lex *lex, struct stats_func **ret)
{
	struct quantile_func *func;
	size_t pos = lex->pos;
	int r = stats_parse_fields(lex, &stats_quantile_ops, STATS_SOME, sizeof *func,
				   (struct stats_of_fields **)&func);

	if (r < 0)
		return r;
	func->phi_text = func->of.fields.ptr[0];
	if (!lang_float(func->phi_text, &func->phi) || func->phi < 0 || func->phi > 1)
		return lex_error_at(lex, pos,
				    "quantile() begins with a number from 0 to 1, as in "
				    "quantile(0.99, took); `%.*s` is none",
				    SPAN_FMT(func->phi_text));
	if (func->of.fields.len == 1) {
		func->of.fields.ptr[0] = SPAN("*");
	} else {
		func->of.fields.ptr++;
		func->of.fields.len--;
	}
	*ret = &func->of.func;
	return 0;
}

static void quantile_print(const struct stats_func *func, struct buf *out)
{
	const struct quantile_func *q = (const struct quantile_func *)func;

	buf_puts(out, SPAN("quantile("));
	buf_puts(out, q->phi_text);
	if (!stats_all_fields(&q->of.fields)) {
		buf_puts(out, SPAN(", "));
		pipe_print_fields(&q->of.fields, out);
	}
	buf_putc(out, ')');
}

static int median_parse(struct lex *lex, struct stats_func **ret)
{
	struct quantile_func *func;
	int r = stats_parse_fields(lex, &stats_median_ops, 0, sizeof *func,
				   (struct stats_of_fields **)&func);

	if (r < 0)
		return r;
	func->phi = 0.5;
	*ret = &func->of.func;
	return 0;
}

static struct sample text_sample(double number, struct span text)
{
	return (struct sample){.number = number, .ptr = text.ptr, .len = (uint32_t)text.len};
}

static struct span sample_text(const struct sample *sample, char *scratch)
{
	struct column one = {.kind = COLUMN_INT,
			     .nrows = 1,
			     .ints = &sample->digits,
			     .scale = sample->scale,
			     .fixed = sample->fixed};

	return sample->len == DECIMAL ? column_text(&one, 0, scratch)
				      : span_of(sample->ptr, sample->len);
}

static int sample_cmp(const void *a, const void *b)
{
	const struct sample *x = a, *y = b;
	char scratch_x[COLUMN_SCRATCH], scratch_y[COLUMN_SCRATCH];

	if (!isnan(x->number) && !isnan(y->number))
		return (x->number > y->number) - (x->number < y->number);
	return lang_compare(sample_text(x, scratch_x), sample_text(y, scratch_y));
}

/* xorshift64 (Marsaglia 2003). */
static uint64_t random_next(uint64_t *state)
{
	*state = *state ? *state : UINT64_C(0x9e3779b97f4a7c15);
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static int samples_reserve(struct stage *stage, struct samples *samples)
{
	return stats_reserve(stage, (void **)&samples->ptr, samples->len, &samples->cap,
			     sizeof *samples->ptr);
}

/* Copy what the sample borrows. */
static int keep(struct arena *arena, struct sample *sample)
{
	if (sample->len == DECIMAL || sample->len == 0)
		return 0;
	sample->ptr = arena_dup(arena, span_of(sample->ptr, sample->len)).ptr;
	return sample->ptr ? 0 : -ENOMEM;
}

static int keep_extremes(struct arena *arena, struct samples *samples, const struct sample *sample)
{
	bool first = samples->seen == 0;
	int r = 0;

	if (first || sample_cmp(sample, &samples->min) < 0) {
		samples->min = *sample;
		r = keep(arena, &samples->min);
	}
	if (r >= 0 && (first || sample_cmp(sample, &samples->max) > 0)) {
		samples->max = *sample;
		r = keep(arena, &samples->max);
	}
	return r;
}

static int samples_add(const struct stats_batch *batch, struct samples *samples,
		       const struct sample *sample)
{
	size_t at = samples->len;
	int r = keep_extremes(batch->arena, samples, sample);

	samples->seen++;
	if (r < 0)
		return r;
	if (samples->seen > QUANTILE_SAMPLES) {
		at = random_next(&samples->random) % samples->seen;
		if (at >= samples->len)
			return 0;
	} else {
		r = samples_reserve(batch->stage, samples);
		if (r < 0)
			return r;
		samples->len++;
	}
	samples->ptr[at] = *sample;
	return keep(batch->arena, &samples->ptr[at]);
}

static int update_decimals(const struct stats_batch *batch, const struct column *column,
			   const double *numbers, bool skip_empty)
{
	uint32_t row;
	int r = 0;

	stats_each_row (batch, row) {
		struct sample sample = {.number = numbers[row],
					.digits = column->ints[row],
					.len = DECIMAL,
					.scale = (uint8_t)column->scale,
					.fixed = column->fixed};

		if (column->absent && bit_get(column->absent, row)) {
			if (skip_empty)
				continue;
			sample = text_sample(NAN, SPAN(""));
		}
		r = samples_add(batch, stats_state(batch, row), &sample);
		if (r < 0)
			break;
	}
	return r;
}

static int update_texts(const struct stats_batch *batch, const struct span *texts,
			const double *numbers, bool skip_empty)
{
	uint32_t row;
	int r = 0;

	stats_each_row (batch, row) {
		struct sample sample = text_sample(numbers[row], texts[row]);

		if (texts[row].len == 0 && skip_empty)
			continue;
		r = samples_add(batch, stats_state(batch, row), &sample);
		if (r < 0)
			break;
	}
	return r;
}

static int update(const struct stats_func *func, const struct stats_batch *batch)
{
	const struct stats_of_fields *f = (const struct stats_of_fields *)func;
	size_t n, plain = stats_plain_fields(&f->fields);
	struct span *names;
	int r = stats_columns(batch->rows, &f->fields, &names, &n);

	for (size_t i = 0; i < n && r >= 0; i++) {
		const double *numbers = stats_numbers(batch->rows, names[i]);
		const struct column *column = rows_column(batch->rows, names[i]);

		if (!numbers)
			return -ENOMEM;
		if (column->kind == COLUMN_INT)
			r = update_decimals(batch, column, numbers, i >= plain);
		else
			r = update_texts(batch, rows_texts(batch->rows, names[i]), numbers,
					 i >= plain);
	}
	return r;
}

static void release(const struct stats_func *func, void *state)
{
	struct samples *samples = state;

	(void)func;
	free(samples->ptr);
	*samples = (struct samples){0};
}

/* Samples of both count alike: a fair sample when the workers saw about as many values. */
static int merge(const struct stats_func *func, struct stage *stage, struct arena *arena, void *to,
		 void *from)
{
	struct samples *a = to;
	const struct samples *b = from;
	int r = 0;

	for (size_t i = 0; i < b->len && r >= 0; i++) {
		r = samples_reserve(stage, a);
		if (r < 0)
			break;
		a->ptr[a->len] = b->ptr[i];
		r = keep(arena, &a->ptr[a->len++]);
	}
	if (b->seen && r >= 0)
		r = keep_extremes(arena, a, &b->min);
	if (b->seen && r >= 0 && sample_cmp(&b->max, &a->max) > 0) {
		a->max = b->max;
		r = keep(arena, &a->max);
	}
	a->seen += b->seen;
	stage_uncharge(stage, b->cap * sizeof *b->ptr);
	release(func, from);
	return arena->overflowed ? -ENOMEM : r;
}

static void swap(struct sample *a, struct sample *b)
{
	struct sample saved = *a;

	*a = *b;
	*b = saved;
}

/*
 * Put the sample that sorting would put there to `at` (Hoare's FIND).  Each
 * scan ends at the latest at an element that was compared with the same pivot
 * before.  Unlucky pivots, or a short rest: sort it.
 */
static void select_at(struct sample *samples, size_t n, size_t at)
{
	ptrdiff_t low = 0, high = (ptrdiff_t)n - 1, place = (ptrdiff_t)at;

	for (int round = 0; high - low >= SELECT_SORT && round < SELECT_ROUNDS; round++) {
		struct sample pivot = samples[low + (high - low) / 2];
		ptrdiff_t i = low, j = high;

		while (i <= j) {
			while (sample_cmp(&samples[i], &pivot) < 0)
				i++;
			while (sample_cmp(&samples[j], &pivot) > 0)
				j--;
			if (i <= j)
				swap(&samples[i++], &samples[j--]);
		}
		if (place > j && place < i)
			return;
		low = place >= i ? i : low;
		high = place <= j ? j : high;
	}
	qsort(samples + low, (size_t)(high - low + 1), sizeof *samples, sample_cmp);
}

static int result(const struct stats_func *func, const struct stats_env *env, void *state,
		  struct buf *out)
{
	double phi = ((const struct quantile_func *)func)->phi;
	struct samples *samples = state;
	size_t at = (size_t)(phi * (double)samples->len);

	(void)env;
	if (samples->seen == 0)
		return 0;
	const struct sample *chosen = phi <= 0 ? &samples->min : &samples->max;
	char scratch[COLUMN_SCRATCH];

	if (phi > 0 && phi < 1 && at < samples->len) {
		select_at(samples->ptr, samples->len, at);
		chosen = &samples->ptr[at];
	}
	buf_puts(out, sample_text(chosen, scratch));
	return 0;
}

const struct stats_func_ops stats_quantile_ops = {
	.names = "quantile",
	.state_size = sizeof(struct samples),
	.parse = quantile_parse,
	.print = quantile_print,
	.needs = stats_needs_fields,
	.update = update,
	.merge = merge,
	.result = result,
	.release = release,
};

const struct stats_func_ops stats_median_ops = {
	.names = "median",
	.state_size = sizeof(struct samples),
	.parse = median_parse,
	.print = stats_print_fields,
	.needs = stats_needs_fields,
	.update = update,
	.merge = merge,
	.result = result,
	.release = release,
};
