/*
 * compare.c - the order of values; see number.h.
 */
#include "common/lang/number.h"

static int three_way(bool less, bool greater)
{
	return (int)greater - (int)less;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* The digits at the front as a number; false if it doesn't fit. */
static bool cut_digits(struct span *rest, uint64_t *ret, size_t *ret_len)
{
	size_t n = 0;

	*ret = 0;
	while (n < rest->len && is_digit(rest->ptr[n])) {
		if (__builtin_mul_overflow(*ret, 10, ret) ||
		    __builtin_add_overflow(*ret, (uint64_t)(rest->ptr[n] - '0'), ret))
			return false;
		n++;
	}
	*ret_len = n;
	*rest = span_skip(*rest, n);
	return true;
}

/*
 * Runs of digits by their value, all else by bytes; digits come before what
 * isn't one, and of two equal numbers the one with fewer zeros.
 */
static int compare_natural(struct span a, struct span b)
{
	uint64_t x, y;
	size_t xlen, ylen;

	while (a.len && b.len) {
		bool digit_a = is_digit(a.ptr[0]), digit_b = is_digit(b.ptr[0]);

		if (digit_a != digit_b)
			return digit_a ? -1 : 1;
		if (!digit_a) {
			if (a.ptr[0] != b.ptr[0])
				return (uint8_t)a.ptr[0] < (uint8_t)b.ptr[0] ? -1 : 1;
			a = span_skip(a, 1);
			b = span_skip(b, 1);
			continue;
		}
		struct span rest_a = a, rest_b = b;

		if (!cut_digits(&rest_a, &x, &xlen) || !cut_digits(&rest_b, &y, &ylen))
			return span_cmp(a, b);
		if (x != y)
			return x < y ? -1 : 1;
		if (xlen != ylen)
			return xlen < ylen ? -1 : 1;
		a = rest_a;
		b = rest_b;
	}
	return three_way(a.len<b.len, a.len> b.len);
}

int lang_compare(struct span a, struct span b)
{
	int64_t i, j;
	uint64_t u, v;
	double x, y;

	if (span_eq(a, b))
		return 0;
	if (lang_i64(a, &i) && lang_i64(b, &j))
		return three_way(i<j, i> j);
	if (lang_u64(a, &u) && lang_u64(b, &v))
		return three_way(u<v, u> v);
	if (lang_time(a, &i) && lang_time(b, &j))
		return three_way(i<j, i> j);
	if (lang_plain_number(a, &x) && lang_plain_number(b, &y))
		return three_way(x<y, x> y);
	return compare_natural(a, b);
}
