/*
 * stats_quantile.c - quantile(phi, …), median(…).
 *
 * Exact up to QUANTILE_SAMPLES values a group; beyond, a uniform sample of them
 * (Vitter's algorithm R), with exact smallest and largest.
 */
#include "aggregator/query/stats/stats_common.h"
#include "aggregator/query/stats/stats_funcs.h"
#include "common/lang/number.h"
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#define QUANTILE_SAMPLES 100000

struct quantile_func {
	struct stats_of_fields of;
	double phi;
	struct span phi_text;
};

struct sample {
	double number; /* NaN if the text is none */
	struct span text;
};

struct samples {
	struct sample *ptr; /* malloced */
	size_t len, cap;
	uint64_t seen;
	struct sample min, max; /* text empty: none yet */
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

static int sample_cmp(const void *a, const void *b)
{
	const struct sample *x = a, *y = b;

	if (!isnan(x->number) && !isnan(y->number))
		return (x->number > y->number) - (x->number < y->number);
	return lang_compare(x->text, y->text);
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
	if (samples->len < samples->cap)
		return 0;
	size_t cap = samples->cap ? samples->cap * 2 : 16;
	struct sample *ptr = reallocarray(samples->ptr, cap, sizeof *ptr);

	if (!ptr)
		return -ENOMEM;
	samples->ptr = ptr;
	int r = stage_charge(stage, (cap - samples->cap) * sizeof *ptr);

	samples->cap = cap;
	return r;
}

static int keep(const struct stats_batch *batch, struct sample *to, double number, struct span text)
{
	int r = stats_keep(batch, text, &to->text);

	to->number = number;
	return r;
}

static int samples_add(const struct stats_batch *batch, struct samples *samples, double number,
		       struct span text)
{
	struct sample sample = {number, text};
	size_t at = samples->len;
	int r = 0;

	if (samples->seen == 0 || sample_cmp(&sample, &samples->min) < 0)
		r = keep(batch, &samples->min, number, text);
	if (r >= 0 && (samples->seen == 0 || sample_cmp(&sample, &samples->max) > 0))
		r = keep(batch, &samples->max, number, text);
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
	return keep(batch, &samples->ptr[at], number, text);
}

static int update(const struct stats_func *func, const struct stats_batch *batch)
{
	const struct stats_of_fields *f = (const struct stats_of_fields *)func;
	size_t n, plain = stats_plain_fields(&f->fields);
	struct span *names;
	uint32_t row;
	int r = stats_columns(batch->rows, &f->fields, &names, &n);

	for (size_t i = 0; i < n && r >= 0; i++) {
		const double *numbers = stats_numbers(batch->rows, names[i]);
		const struct span *texts = rows_texts(batch->rows, names[i]);

		if (!numbers)
			return -ENOMEM;
		stats_each_row (batch, row) {
			if (texts[row].len == 0 && i >= plain)
				continue;
			r = samples_add(batch, stats_state(batch, row), numbers[row], texts[row]);
			if (r < 0)
				return r;
		}
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
		if (r >= 0)
			a->ptr[a->len++] =
				(struct sample){b->ptr[i].number, arena_dup(arena, b->ptr[i].text)};
	}
	if (b->seen && (a->seen == 0 || sample_cmp(&b->min, &a->min) < 0))
		a->min = (struct sample){b->min.number, arena_dup(arena, b->min.text)};
	if (b->seen && (a->seen == 0 || sample_cmp(&b->max, &a->max) > 0))
		a->max = (struct sample){b->max.number, arena_dup(arena, b->max.text)};
	a->seen += b->seen;
	release(func, from);
	return arena->overflowed ? -ENOMEM : r;
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
	if (phi <= 0 || phi >= 1 || at >= samples->len) {
		buf_puts(out, phi <= 0 ? samples->min.text : samples->max.text);
		return 0;
	}
	qsort(samples->ptr, samples->len, sizeof *samples->ptr, sample_cmp);
	buf_puts(out, samples->ptr[at].text);
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
