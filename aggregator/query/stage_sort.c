/* Sorting what a query has gathered: runs by qsort_r(), then merged. */
#include "aggregator/query/pipe.h"
#include <errno.h>
#include <stdlib.h>

#define RUN 16384 /* elements; a few ms between two looks at whether to stop */

struct sorter {
	struct stage *stage;
	size_t n, size;
	int (*compare)(const void *a, const void *b, void *ctx);
	void *ctx;
};

/* from[a … b-1] and from[b … c-1] are sorted: both to to[a …]. */
static int merge(const struct sorter *s, const char *from, char *to, size_t a, size_t b, size_t c)
{
	size_t left = a, right = b, size = s->size;
	int r = 0;

	for (size_t at = a; r >= 0 && at < c; at++) {
		bool take_right = left == b ||
				  (right < c &&
				   s->compare(from + left * size, from + right * size, s->ctx) > 0);
		size_t *taken = take_right ? &right : &left;

		memcpy(to + at * size, from + *taken * size, size);
		++*taken;
		if (at % RUN == 0)
			r = stage_stopped(s->stage);
	}
	return r;
}

static size_t at_most(size_t at, size_t n)
{
	return at < n ? at : n;
}

static int sort_runs(const struct sorter *s, char *base)
{
	int r = 0;

	for (size_t at = 0; r >= 0 && at < s->n; at += RUN) {
		qsort_r(base + at * s->size, at_most(RUN, s->n - at), s->size, s->compare, s->ctx);
		r = stage_stopped(s->stage);
	}
	return r;
}

/* Runs of `width` become half as many, twice as long, until there is one. */
static int merge_runs(const struct sorter *s, char *base, char *spare)
{
	char *from = base, *to = spare;
	int r = 0;

	for (size_t width = RUN; r >= 0 && width < s->n; width *= 2) {
		char *swap = from;

		for (size_t at = 0; r >= 0 && at < s->n; at += 2 * width)
			r = merge(s, from, to, at, at_most(at + width, s->n),
				  at_most(at + 2 * width, s->n));
		from = to;
		to = swap;
	}
	if (from != base)
		memcpy(base, from, s->n * s->size);
	return r;
}

int stage_sort(struct stage *stage, void *base, size_t n, size_t size,
	       int (*compare)(const void *a, const void *b, void *ctx), void *ctx)
{
	struct sorter s = {stage, n, size, compare, ctx};
	size_t bytes = n * size;
	char *spare;
	int r = n ? sort_runs(&s, base) : 0;

	if (r < 0 || n <= RUN)
		return r;
	r = stage_charge(stage, bytes);
	if (r < 0)
		return r;
	spare = malloc(bytes);
	r = spare ? merge_runs(&s, base, spare) : stage_no_memory(stage);
	free(spare);
	stage_uncharge(stage, bytes);
	return r;
}
