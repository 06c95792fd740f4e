/*
 * decimal.h - decimal numbers as an integer and a scale: 12.5 is 125, scale 1.
 *
 * Only spellings that come back the same are read: no leading zeros, no plus
 * sign, no exponent, no "-0", at most 18 digits behind the point.
 */
#ifndef SLUICE_STORE_DECIMAL_H
#define SLUICE_STORE_DECIMAL_H

#include "common/base/num.h"
#include "common/base/span.h"

#define DECIMAL_SCALE_MAX 18

struct decimal {
	int64_t digits;
	unsigned scale;
};

bool decimal_parse(struct span text, struct decimal *ret);
/* The same value at a larger scale; false when it does not fit. */
bool decimal_rescale(struct decimal *decimal, unsigned scale);
double decimal_to_double(int64_t digits, unsigned scale);
/* True when every text is a decimal: the range of their values, rounded outwards. */
bool decimal_range(const struct span *texts, size_t n, double *ret_min, double *ret_max);

#endif
