/*
 * stats_histogram.c - histogram(x): hits per range of VictoriaMetrics' buckets.
 *
 *	[{"vmrange":"1.896e+00...2.154e+00","hits":2},…]
 *
 * 18 buckets a decade from 1e-9 to 1e18, each reaching from its lower bound,
 * which is not in it, to its upper bound, which is; one below and one above.
 * Negative numbers are not counted.
 */
#include "aggregator/query/stats/stats_common.h"
#include "aggregator/query/stats/stats_funcs.h"
#include <errno.h>
#include <math.h>

#define DECADE_MIN       (-9)
#define DECADE_MAX       18
#define BUCKETS_A_DECADE 18
#define BUCKETS          ((DECADE_MAX - DECADE_MIN) * BUCKETS_A_DECADE)

/* hits[0] is below, hits[BUCKETS + 1] above. */
struct histogram {
	uint64_t *hits; /* in the groups' arena; NULL while nothing was counted */
};

static int histogram_parse(struct lex *lex, struct stats_func **ret)
{
	struct stats_of_fields *func;
	size_t pos = lex->pos;
	int r = stats_parse_fields(lex, &stats_histogram_ops, STATS_NAMES_ONLY | STATS_SOME,
				   sizeof *func, &func);

	if (r < 0)
		return r;
	if (func->fields.len != 1)
		return lex_error_at(lex, pos, "histogram() takes one field");
	*ret = &func->func;
	return 0;
}

static size_t bucket_of(double number)
{
	double at = (log10(number) - DECADE_MIN) * BUCKETS_A_DECADE;

	if (number <= 0 || at < 0)
		return 0;
	if (at >= BUCKETS)
		return BUCKETS + 1;
	size_t bucket = (size_t)at;

	/* On a bound it belongs below. */
	if (at == (double)bucket)
		return bucket;
	return bucket + 1;
}

static uint64_t *hits_of(struct histogram *histogram, struct arena *arena)
{
	if (!histogram->hits)
		histogram->hits = ARENA_ARRAY(arena, uint64_t, BUCKETS + 2);
	return histogram->hits;
}

static int update(const struct stats_func *func, const struct stats_batch *batch)
{
	const struct stats_of_fields *f = (const struct stats_of_fields *)func;
	const double *numbers = stats_numbers(batch->rows, f->fields.ptr[0]);
	uint32_t row;

	if (!numbers)
		return -ENOMEM;
	stats_each_row (batch, row) {
		if (isnan(numbers[row]) || numbers[row] < 0)
			continue;
		uint64_t *hits = hits_of(stats_state(batch, row), batch->arena);

		if (!hits)
			return -ENOMEM;
		hits[bucket_of(numbers[row])]++;
	}
	return 0;
}

static int merge(const struct stats_func *func, struct stage *stage, struct arena *arena, void *to,
		 void *from)
{
	const uint64_t *other = ((const struct histogram *)from)->hits;
	uint64_t *hits = other ? hits_of(to, arena) : NULL;

	(void)func, (void)stage;
	if (other && !hits)
		return -ENOMEM;
	for (size_t i = 0; other && i < BUCKETS + 2; i++)
		hits[i] += other[i];
	return 0;
}

static double bound(size_t bucket)
{
	return pow(10, DECADE_MIN + (double)bucket / BUCKETS_A_DECADE);
}

static void put_range(struct buf *out, size_t bucket)
{
	if (bucket == 0)
		buf_printf(out, "0...%.3e", bound(0));
	else if (bucket == BUCKETS + 1)
		buf_printf(out, "%.3e...+Inf", bound(BUCKETS));
	else
		buf_printf(out, "%.3e...%.3e", bound(bucket - 1), bound(bucket));
}

static int result(const struct stats_func *func, const struct stats_env *env, void *state,
		  struct buf *out)
{
	const uint64_t *hits = ((const struct histogram *)state)->hits;
	bool first = true;

	(void)func, (void)env;
	buf_putc(out, '[');
	for (size_t i = 0; hits && i < BUCKETS + 2; i++) {
		if (!hits[i])
			continue;
		buf_puts(out, first ? SPAN("{\"vmrange\":\"") : SPAN(",{\"vmrange\":\""));
		put_range(out, i);
		buf_printf(out, "\",\"hits\":%llu}", (unsigned long long)hits[i]);
		first = false;
	}
	buf_putc(out, ']');
	return 0;
}

const struct stats_func_ops stats_histogram_ops = {
	.names = "histogram",
	.state_size = sizeof(struct histogram),
	.parse = histogram_parse,
	.print = stats_print_fields,
	.needs = stats_needs_fields,
	.update = update,
	.merge = merge,
	.result = result,
};
