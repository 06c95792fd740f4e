/*
 * long_sum.h - a sum of doubles with about twice their bits.
 *
 * What adding rounds off is carried along (Knuth's TwoSum), so that a sum is the
 * same in whatever order numbers come and partial sums are added, and whole
 * numbers below 2^63 add up exactly:
 *
 *	struct long_sum sum = {0};
 *
 *	long_sum_add(&sum, 9007199254740992, 1);	9007199254740993, see long_sum_rest()
 *	long_sum_add(&sum, 0.5, 0);
 *	long_sum_total(&sum)				the nearest double
 */
#ifndef SLUICE_QUERY_TEXT_LONG_SUM_H
#define SLUICE_QUERY_TEXT_LONG_SUM_H

#include "common/base/buf.h"
#include "common/base/span.h"
#include <math.h>
#include <stdint.h>

#define LONG_SUM_EXACT 0x1p53 /* doubles hold each whole number below */

struct long_sum {
	double sum, low; /* low is smaller than what sum can tell */
};

/* Add number + rest. */
static inline void long_sum_add(struct long_sum *s, double number, double rest)
{
	double sum = s->sum + number, added = sum - s->sum;

	s->low += (s->sum - (sum - added)) + (number - added) + rest;
	s->sum = sum;
}

static inline double long_sum_total(const struct long_sum *s)
{
	/* What was rounded off an infinite sum is no number. */
	return isfinite(s->sum) ? s->sum + s->low : s->sum;
}

/* Divided by `n`, to the last digit: 0.1 + 0.2 + 0.3 over 3 is 0.2. */
static inline double long_sum_over(const struct long_sum *s, double n)
{
	double quotient = long_sum_total(s) / n;
	double rest = (fma(-quotient, n, s->sum) + s->low) / n;

	return isfinite(rest) ? quotient + rest : quotient;
}

/* What `number` has lost of the whole number that it was made of. */
static inline double long_sum_rest(double number, int64_t whole)
{
	bool inside = fabs(number) >= LONG_SUM_EXACT && fabs(number) < 0x1p63;

	return inside ? (double)(whole - (int64_t)number) : 0;
}

/* As number_put(), with all digits of a whole number. */
void long_sum_put(struct buf *out, const struct long_sum *s);

#endif
