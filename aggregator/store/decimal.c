/* Decimal numbers; see decimal.h. */
#include "aggregator/store/decimal.h"
#include <math.h>

#define EXACT_MAX (INT64_C(1) << 53) /* integers up to it are exact as double */

static const int64_t powers[DECIMAL_SCALE_MAX + 1] = {
	1,
	10,
	100,
	1000,
	10000,
	100000,
	1000000,
	10000000,
	100000000,
	1000000000,
	10000000000,
	100000000000,
	1000000000000,
	10000000000000,
	100000000000000,
	1000000000000000,
	10000000000000000,
	100000000000000000,
	1000000000000000000,
};

/* Add digits to *n while there are any; false when it overflows. */
static bool read_digits(const char **at, const char *end, uint64_t *n)
{
	for (; *at < end && **at >= '0' && **at <= '9'; (*at)++) {
		if (*n > (uint64_t)INT64_MAX / 10)
			return false;
		*n = *n * 10 + (uint64_t)(**at - '0');
	}
	return true;
}

bool decimal_parse(struct span text, struct decimal *ret)
{
	const char *at = text.ptr, *end = span_end(text);
	bool negative = text.len && *at == '-';
	uint64_t n = 0;

	at += negative;
	const char *whole = at;

	if (text.len > 21 || !read_digits(&at, end, &n) || at == whole)
		return false;
	if (*whole == '0' && at - whole > 1)
		return false;
	const char *point = at;

	if (at < end) {
		if (*at++ != '.' || at == end || !read_digits(&at, end, &n) || at != end)
			return false;
	}
	size_t scale = point < end ? (size_t)(end - point - 1) : 0;

	if (scale > DECIMAL_SCALE_MAX || n > INT64_MAX || (negative && n == 0))
		return false;
	*ret = (struct decimal){negative ? -(int64_t)n : (int64_t)n, (unsigned)scale};
	return true;
}

bool decimal_rescale(struct decimal *decimal, unsigned scale)
{
	int64_t digits;

	if (scale == decimal->scale)
		return true;
	if (__builtin_mul_overflow(decimal->digits, powers[scale - decimal->scale], &digits))
		return false;
	*decimal = (struct decimal){digits, scale};
	return true;
}

double decimal_to_double(int64_t digits, unsigned scale)
{
	return (double)digits / (double)powers[scale];
}

bool decimal_range(const struct span *texts, size_t n, double *ret_min, double *ret_max)
{
	double min = INFINITY, max = -INFINITY;

	for (size_t i = 0; i < n; i++) {
		struct decimal d;

		if (!decimal_parse(texts[i], &d))
			return false;
		double value = decimal_to_double(d.digits, d.scale);
		bool exact = d.digits <= EXACT_MAX && d.digits >= -EXACT_MAX;

		min = fmin(min, exact ? value : nextafter(value, -INFINITY));
		max = fmax(max, exact ? value : nextafter(value, INFINITY));
	}
	*ret_min = min;
	*ret_max = max;
	return true;
}
