#include "common/base/num.h"
#include <errno.h>
#include <locale.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

int num_parse_u64(struct span text, uint64_t *ret)
{
	uint64_t n = 0;

	if (text.len == 0)
		return -EINVAL;
	for (size_t i = 0; i < text.len; i++)
		if (!is_digit(text.ptr[i]))
			return -EINVAL;
	for (size_t i = 0; i < text.len; i++)
		if (__builtin_mul_overflow(n, UINT64_C(10), &n) ||
		    __builtin_add_overflow(n, (uint64_t)(text.ptr[i] - '0'), &n))
			return -ERANGE;
	*ret = n;
	return 0;
}

int num_parse_i64(struct span text, int64_t *ret)
{
	bool negative = text.len && text.ptr[0] == '-';
	bool sign = negative || (text.len && text.ptr[0] == '+');
	uint64_t n;
	int r = num_parse_u64(span_skip(text, sign), &n);

	if (r < 0)
		return r;
	if (n > (uint64_t)INT64_MAX + negative)
		return -ERANGE;
	*ret = (int64_t)(negative ? 0 - n : n);
	return 0;
}

/* Made once; the process keeps it: LC_NUMERIC of the user must not change what we read. */
static locale_t c_locale;
static pthread_once_t c_locale_once = PTHREAD_ONCE_INIT;

static void make_c_locale(void)
{
	c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
}

#define DOUBLE_TEXT_MAX 1100 /* the longest exact double has 1,077 characters */

static int parse_by_strtod(struct span text, double *ret)
{
	char copy[DOUBLE_TEXT_MAX];

	if (text.len >= sizeof(copy))
		return -ERANGE;
	memcpy(copy, text.ptr, text.len);
	copy[text.len] = '\0';
	pthread_once(&c_locale_once, make_c_locale);
	double d = c_locale ? strtod_l(copy, NULL, c_locale) : strtod(copy, NULL);

	if (isinf(d))
		return -ERANGE;
	*ret = d;
	return 0;
}

static int parse_special(struct span text, double *ret)
{
	bool negative = text.len && text.ptr[0] == '-';
	struct span word = span_skip(text, negative || (text.len && text.ptr[0] == '+'));

	if (span_ieq(word, SPAN("inf")) || span_ieq(word, SPAN("infinity")))
		*ret = negative ? -HUGE_VAL : HUGE_VAL;
	else if (span_ieq(word, SPAN("nan")))
		*ret = NAN;
	else
		return -EINVAL;
	return 0;
}

/* What the text says: mantissa * 10^exponent; `exact` if mantissa holds all digits. */
struct decimal {
	uint64_t mantissa;
	int exponent;
	bool negative, exact;
};

static const char *take_digits(const char *p, const char *end, struct decimal *d, int scale)
{
	for (; p < end && is_digit(*p); p++) {
		if (d->mantissa > (UINT64_MAX - 9) / 10) {
			d->exact = false;
			continue;
		}
		d->mantissa = d->mantissa * 10 + (uint64_t)(*p - '0');
		d->exponent += scale;
	}
	return p;
}

/* sign? digits ('.' digits)? ([eE] sign? digits)? */
static bool read_decimal(struct span text, struct decimal *ret)
{
	const char *p = text.ptr, *end = span_end(text), *from;
	struct decimal d = {.exact = true};

	if (p < end && (*p == '-' || *p == '+'))
		d.negative = *p++ == '-';
	from = p;
	p = take_digits(p, end, &d, 0);
	if (p == from)
		return false;
	if (p < end && *p == '.') {
		from = ++p;
		p = take_digits(p, end, &d, -1);
		if (p == from)
			return false;
	}
	if (p < end && (*p == 'e' || *p == 'E')) {
		int sign = 1, exponent = 0;

		p++;
		if (p < end && (*p == '-' || *p == '+'))
			sign = *p++ == '-' ? -1 : 1;
		from = p;
		for (; p < end && is_digit(*p); p++)
			if (exponent < 100000)
				exponent = exponent * 10 + (*p - '0');
		if (p == from)
			return false;
		d.exponent += sign * exponent;
	}
	*ret = d;
	return p == end;
}

int num_parse_double(struct span text, double *ret)
{
	/* Powers of ten that a double holds exactly: one rounding, so the result is right. */
	static const double exact_power[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
					     1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
					     1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
	struct decimal d;

	if (text.len == 0)
		return -EINVAL;
	if (!read_decimal(text, &d))
		return parse_special(text, ret);
	if (!d.exact || d.mantissa > UINT64_C(1) << 53 || d.exponent > 22 || d.exponent < -22)
		return parse_by_strtod(text, ret);
	double value = (double)d.mantissa;

	value = d.exponent < 0 ? value / exact_power[-d.exponent] : value * exact_power[d.exponent];
	*ret = d.negative ? -value : value;
	return 0;
}

struct unit {
	struct span name;
	uint64_t factor;
};

/* `12.5` at the front of *text, times `unit` → *ret; false = no number or too large. */
static int scale_decimal(struct decimal d, uint64_t factor, uint64_t *ret)
{
	unsigned __int128 n = d.mantissa;

	if (!d.exact || d.exponent < -18)
		return -ERANGE;
	n *= factor;
	for (int i = d.exponent; i < 0; i++)
		n /= 10;
	if (n > UINT64_MAX)
		return -ERANGE;
	*ret = (uint64_t)n;
	return 0;
}

/* Split `12.5GiB` into number and word; the number has no sign and no exponent. */
static int cut_quantity(struct span *rest, struct decimal *ret_number, struct span *ret_word)
{
	size_t n = 0, w;

	while (n < rest->len && (is_digit(rest->ptr[n]) || rest->ptr[n] == '.'))
		n++;
	if (n == 0 || !read_decimal(span_take(*rest, n), ret_number))
		return -EINVAL;
	for (w = n; w < rest->len && !is_digit(rest->ptr[w]) && rest->ptr[w] != '.'; w++)
		;
	*ret_word = span_between(rest->ptr + n, rest->ptr + w);
	*rest = span_skip(*rest, w);
	return 0;
}

int num_parse_duration(struct span text, int64_t *ret_ns)
{
	static const struct unit units[] = {
		{{"ns", 2}, 1},
		{{"us", 2}, 1000},
		{{"\xc2\xb5s", 3}, 1000}, /* U+00B5 */
		{{"\xce\xbcs", 3}, 1000}, /* U+03BC */
		{{"ms", 2}, 1000000},
		{{"s", 1}, UINT64_C(1000000000)},
		{{"m", 1}, UINT64_C(60000000000)},
		{{"h", 1}, UINT64_C(3600000000000)},
		{{"d", 1}, UINT64_C(86400000000000)},
		{{"w", 1}, UINT64_C(604800000000000)},
		{{"y", 1}, UINT64_C(31536000000000000)},
	};
	bool negative = text.len && text.ptr[0] == '-';
	struct span rest = span_skip(text, negative || (text.len && text.ptr[0] == '+'));
	uint64_t total = 0, part;

	if (rest.len == 0)
		return -EINVAL;
	if (span_eq(rest, SPAN("0"))) {
		*ret_ns = 0;
		return 0;
	}
	while (rest.len) {
		struct decimal number;
		struct span word;
		size_t u = 0, n = sizeof(units) / sizeof(units[0]);
		int r = cut_quantity(&rest, &number, &word);

		while (r == 0 && u < n && !span_eq(word, units[u].name))
			u++;
		if (r < 0 || u == n)
			return -EINVAL;
		r = scale_decimal(number, units[u].factor, &part);
		if (r < 0 || __builtin_add_overflow(total, part, &total))
			return -ERANGE;
	}
	if (total > INT64_MAX)
		return -ERANGE;
	*ret_ns = negative ? -(int64_t)total : (int64_t)total;
	return 0;
}

int num_parse_size(struct span text, uint64_t *ret_bytes)
{
	static const struct unit units[] = {
		{{"", 0}, 1},
		{{"b", 1}, 1},
		{{"k", 1}, 1000},
		{{"kb", 2}, 1000},
		{{"ki", 2}, 1024},
		{{"kib", 3}, 1024},
		{{"m", 1}, 1000000},
		{{"mb", 2}, 1000000},
		{{"mi", 2}, 1 << 20},
		{{"mib", 3}, 1 << 20},
		{{"g", 1}, 1000000000},
		{{"gb", 2}, 1000000000},
		{{"gi", 2}, 1 << 30},
		{{"gib", 3}, 1 << 30},
		{{"t", 1}, UINT64_C(1000000000000)},
		{{"tb", 2}, UINT64_C(1000000000000)},
		{{"ti", 2}, UINT64_C(1) << 40},
		{{"tib", 3}, UINT64_C(1) << 40},
	};
	struct decimal number;
	struct span word, rest = text;
	int r = cut_quantity(&rest, &number, &word);

	if (r < 0 || rest.len)
		return -EINVAL;
	for (size_t u = 0; u < sizeof(units) / sizeof(units[0]); u++)
		if (span_ieq(word, units[u].name))
			return scale_decimal(number, units[u].factor, ret_bytes);
	return -EINVAL;
}

static size_t digits_of(uint64_t n)
{
	size_t digits = 1;

	for (; n >= 10000; n /= 10000)
		digits += 4;
	return digits + (n >= 10) + (n >= 100) + (n >= 1000);
}

static size_t put_digits(char *text, uint64_t n)
{
	size_t len = digits_of(n), at = len;

	do
		text[--at] = (char)('0' + n % 10);
	while (n /= 10);
	return len;
}

size_t num_format_u64(char text[NUM_TEXT_MAX], uint64_t n)
{
	return put_digits(text, n);
}

size_t num_format_i64(char text[NUM_TEXT_MAX], int64_t n)
{
	if (n >= 0)
		return put_digits(text, (uint64_t)n);
	text[0] = '-';
	return 1 + put_digits(text + 1, 0 - (uint64_t)n);
}

size_t num_format_double(char text[NUM_TEXT_MAX], double d)
{
	if (fabs(d) < 1e15 && d == (double)(int64_t)d && !(d == 0 && signbit(d)))
		return num_format_i64(text, (int64_t)d);
	pthread_once(&c_locale_once, make_c_locale);
	locale_t before = c_locale ? uselocale(c_locale) : (locale_t)0;
	int n = 0;

	for (int digits = 15; digits <= 17; digits++) {
		n = snprintf(text, NUM_TEXT_MAX, "%.*g", digits, d);
		if (strtod(text, NULL) == d)
			break;
	}
	if (before)
		uselocale(before);
	if (isnan(d)) { /* glibc prints the sign of a NaN */
		memcpy(text, "nan", 3);
		return 3;
	}
	return (size_t)n;
}

/* `n` thousandths of a unit as "1.5", at most three digits behind the point. */
static size_t put_thousandths(char *text, uint64_t n)
{
	size_t len = put_digits(text, n / 1000);
	unsigned rest = (unsigned)(n % 1000);

	if (!rest)
		return len;
	text[len++] = '.';
	for (unsigned place = 100; rest; place /= 10) {
		text[len++] = (char)('0' + rest / place);
		rest %= place;
	}
	return len;
}

size_t num_format_duration(char text[NUM_TEXT_MAX], int64_t ns)
{
	static const struct unit large[] = {
		{{"d", 1}, UINT64_C(86400000000000)},
		{{"h", 1}, UINT64_C(3600000000000)},
		{{"m", 1}, UINT64_C(60000000000)},
	};
	uint64_t left = ns < 0 ? 0 - (uint64_t)ns : (uint64_t)ns;
	size_t len = 0;

	if (ns < 0)
		text[len++] = '-';
	for (size_t u = 0; u < 3; u++) {
		if (left < large[u].factor)
			continue;
		len += put_digits(text + len, left / large[u].factor);
		text[len++] = large[u].name.ptr[0];
		left %= large[u].factor;
	}
	bool long_one = len > (size_t)(ns < 0);

	if (long_one) /* nobody reads milliseconds behind minutes */
		left -= left % 1000000;
	if (left == 0 && long_one)
		return len;
	if (left >= 1000000000 || left == 0 || long_one) {
		len += put_thousandths(text + len, left / 1000000);
	} else if (left >= 1000000) {
		len += put_thousandths(text + len, left / 1000);
		text[len++] = 'm';
	} else {
		len += put_thousandths(text + len, left >= 1000 ? left : left * 1000);
		text[len++] = left >= 1000 ? 'u' : 'n';
	}
	text[len++] = 's';
	return len;
}

size_t num_format_size(char text[NUM_TEXT_MAX], uint64_t bytes)
{
	static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
	unsigned u = 0;
	uint64_t tenths;

	if (bytes < 1024)
		return (size_t)snprintf(text, NUM_TEXT_MAX, "%u B", (unsigned)bytes);
	while (u < 6 && bytes >> (10 * u) >= 1024)
		u++;
	/* Rounded down, so that 1023.99 KiB never prints as "1024.0 KiB". */
	tenths = (uint64_t)((unsigned __int128)bytes * 10 >> (10 * u));
	return (size_t)snprintf(text, NUM_TEXT_MAX, "%u.%u %s", (unsigned)(tenths / 10),
				(unsigned)(tenths % 10), units[u]);
}

unsigned char *varint_put(unsigned char *at, uint64_t n)
{
	while (n >= 0x80) {
		*at++ = (unsigned char)(n | 0x80);
		n >>= 7;
	}
	*at++ = (unsigned char)n;
	return at;
}

const unsigned char *varint_get(const unsigned char *at, const unsigned char *end, uint64_t *ret)
{
	uint64_t n = 0;

	for (unsigned shift = 0; at < end && shift < 70; shift += 7) {
		unsigned char byte = *at++;

		if (shift == 63 && byte > 1)
			return NULL;
		n |= (uint64_t)(byte & 0x7f) << shift;
		if (byte < 0x80) {
			*ret = n;
			return at;
		}
	}
	return NULL;
}
