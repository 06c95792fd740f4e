/*
 * compare.c - the order of values; see number.h.
 *
 * It is one order of all values, so that min, sort and whoever merges their
 * results say the same in whatever order values come: nothing, then numbers,
 * then times, then texts.  `10a` is a text and so behind 11.
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

enum rank { RANK_EMPTY, RANK_NUMBER, RANK_TIME, RANK_TEXT };

struct value {
	enum rank rank;
	double number;
	int64_t ns;
};

static struct value value_of(struct span text)
{
	struct value value = {.rank = RANK_TEXT};

	if (!text.len)
		value.rank = RANK_EMPTY;
	else if (lang_plain_number(text, &value.number))
		value.rank = RANK_NUMBER;
	else if (lang_time(text, &value.ns))
		value.rank = RANK_TIME;
	return value;
}

int lang_compare(struct span a, struct span b)
{
	int64_t i, j;
	uint64_t u, v;

	if (span_eq(a, b))
		return 0;
	if (lang_i64(a, &i) && lang_i64(b, &j))
		return three_way(i<j, i> j);
	if (lang_u64(a, &u) && lang_u64(b, &v))
		return three_way(u<v, u> v);
	struct value x = value_of(a), y = value_of(b);

	if (x.rank != y.rank)
		return x.rank < y.rank ? -1 : 1;
	if (x.rank == RANK_NUMBER)
		return three_way(x.number<y.number, x.number> y.number);
	if (x.rank == RANK_TIME)
		return three_way(x.ns<y.ns, x.ns> y.ns);
	return compare_natural(a, b);
}
