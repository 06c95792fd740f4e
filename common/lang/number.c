/*
 * number.c - texts as numbers, sizes, durations and addresses; see number.h.
 */
#include "common/lang/number.h"
#include "common/base/num.h"
#include <arpa/inet.h>
#include <math.h>

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* More digits and separators than any 64-bit number has. */
#define DIGITS_MAX 26

bool lang_u64(struct span text, uint64_t *ret)
{
	uint64_t n = 0;
	bool any = false;

	if (text.len == 0 || text.len > DIGITS_MAX || (text.len > 1 && text.ptr[0] == '0'))
		return false;
	for (size_t i = 0; i < text.len; i++) {
		if (text.ptr[i] == '_')
			continue;
		if (!is_digit(text.ptr[i]) || __builtin_mul_overflow(n, 10, &n) ||
		    __builtin_add_overflow(n, (uint64_t)(text.ptr[i] - '0'), &n))
			return false;
		any = true;
	}
	*ret = n;
	return any;
}

bool lang_i64(struct span text, int64_t *ret)
{
	bool minus = span_starts(text, SPAN("-"));
	uint64_t n;

	if (!lang_u64(span_skip(text, minus), &n) || n > (uint64_t)INT64_MAX + minus)
		return false;
	*ret = minus ? (int64_t)(0 - n) : (int64_t)n;
	return true;
}

/* digits.digits, correctly rounded: below 2^53 and 10^22 both sides of the division are exact. */
static bool parse_fraction(struct span text, size_t point, double *ret)
{
	static const double power[] = {1e0, 1e1, 1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
				       1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};
	char digits[DIGITS_MAX + 2];
	uint64_t n = 0;
	size_t kept = 0, decimals = 0;

	for (size_t i = 0; i < text.len; i++) {
		if (text.ptr[i] == '_')
			continue;
		digits[kept++] = text.ptr[i];
		if (i == point)
			continue;
		if (!is_digit(text.ptr[i]))
			return false;
		n = n * 10 + (uint64_t)(text.ptr[i] - '0');
		decimals += i > point;
	}
	if (kept <= 16 && decimals <= 15) {
		*ret = (double)n / power[decimals];
		return true;
	}
	return num_parse_double(span_of(digits, kept), ret) >= 0;
}

bool lang_float(struct span text, double *ret)
{
	bool minus = span_starts(text, SPAN("-"));
	struct span body = span_skip(text, minus);
	uint64_t n;

	if (body.len == 0 || body.len > DIGITS_MAX)
		return false;
	ptrdiff_t point = span_chr(body, '.');

	if (point < 0) {
		if (!lang_u64(body, &n))
			return false;
		*ret = (double)n;
	} else {
		if (point == 0 || (size_t)point == body.len - 1 ||
		    (point > 1 && body.ptr[0] == '0') || !parse_fraction(body, (size_t)point, ret))
			return false;
	}
	if (minus)
		*ret = -*ret;
	return true;
}

struct unit {
	struct span name;
	double factor;
};

/* Longer names first. */
static const struct unit byte_units[] = {
	{SPAN("KiB"), 1 << 10}, {SPAN("MiB"), 1 << 20},
	{SPAN("GiB"), 1 << 30}, {SPAN("TiB"), 1099511627776.0},
	{SPAN("Ki"), 1 << 10},  {SPAN("Mi"), 1 << 20},
	{SPAN("Gi"), 1 << 30},  {SPAN("Ti"), 1099511627776.0},
	{SPAN("KB"), 1e3},      {SPAN("MB"), 1e6},
	{SPAN("GB"), 1e9},      {SPAN("TB"), 1e12},
	{SPAN("B"), 1},         {SPAN("K"), 1e3},
	{SPAN("M"), 1e6},       {SPAN("G"), 1e9},
	{SPAN("T"), 1e12},      {{0}, 0},
};

static const struct unit time_units[] = {
	{SPAN("µs"), 1e3},
	{SPAN("μs"), 1e3},
	{SPAN("ms"), 1e6},
	{SPAN("ns"), 1},
	{SPAN("y"), 365 * 86400e9},
	{SPAN("w"), 7 * 86400e9},
	{SPAN("d"), 86400e9},
	{SPAN("h"), 3600e9},
	{SPAN("m"), 60e9},
	{SPAN("s"), 1e9},
	{{0}, 0},
};

/* The digits, points and '_' at the front. */
static bool cut_float(struct span *rest, double *ret)
{
	size_t n = 0;

	while (n < rest->len &&
	       (is_digit(rest->ptr[n]) || rest->ptr[n] == '.' || rest->ptr[n] == '_'))
		n++;
	if (n == 0 || !lang_float(span_take(*rest, n), ret))
		return false;
	*rest = span_skip(*rest, n);
	return true;
}

static const struct unit *cut_unit(struct span *rest, const struct unit *units)
{
	for (; units->name.len; units++) {
		if (span_starts(*rest, units->name)) {
			*rest = span_skip(*rest, units->name.len);
			return units;
		}
	}
	return NULL;
}

static int64_t add_clamped(int64_t sum, double more)
{
	if (!(more < 9223372036854775808.0) || (int64_t)more > INT64_MAX - sum)
		return INT64_MAX;
	return sum + (int64_t)more;
}

/* 1h30m, 2MB100KB: numbers with a unit each, added up. */
static bool parse_units(struct span text, const struct unit *units, bool bare, int64_t *ret)
{
	bool minus = span_starts(text, SPAN("-"));
	int64_t sum = 0;
	double number;

	text = span_skip(text, minus);
	if (text.len == 0)
		return false;
	while (text.len) {
		if (!cut_float(&text, &number))
			return false;
		const struct unit *unit = cut_unit(&text, units);

		if (!unit && (text.len || !bare || number != floor(number)))
			return false;
		sum = add_clamped(sum, number * (unit ? unit->factor : 1));
	}
	*ret = minus ? -sum : sum;
	return true;
}

bool lang_bytes(struct span text, int64_t *ret)
{
	return parse_units(text, byte_units, true, ret);
}

bool lang_duration(struct span text, int64_t *ret_ns)
{
	return parse_units(text, time_units, false, ret_ns);
}

/* 0x1f 0b11 0o17 with '_' between digits; only when the prefix is there. */
static bool parse_radix(struct span text, uint64_t *ret)
{
	unsigned shift;
	uint64_t n = 0;
	bool any = false;

	if (text.len < 3 || text.ptr[0] != '0')
		return false;
	switch (text.ptr[1] | 0x20) {
	case 'x':
		shift = 4;
		break;
	case 'o':
		shift = 3;
		break;
	case 'b':
		shift = 1;
		break;
	default:
		return false;
	}
	for (size_t i = 2; i < text.len; i++) {
		char c = text.ptr[i];
		unsigned digit = is_digit(c) ? (unsigned)(c - '0')
				 : (c | 0x20) >= 'a' && (c | 0x20) <= 'f'
					 ? (unsigned)((c | 0x20) - 'a') + 10
					 : 99;

		if (c == '_')
			continue;
		if (digit >= 1u << shift || n >> (64 - shift))
			return false;
		n = n << shift | digit;
		any = true;
	}
	*ret = n;
	return any;
}

bool lang_unsigned(struct span text, uint64_t *ret)
{
	int64_t n;

	if (span_ieq(text, SPAN("inf")) || span_ieq(text, SPAN("+inf"))) {
		*ret = UINT64_MAX;
		return true;
	}
	if (num_parse_u64(text, ret) >= 0 || parse_radix(text, ret))
		return true;
	if ((!lang_bytes(text, &n) && !lang_duration(text, &n)) || n < 0)
		return false;
	*ret = (uint64_t)n;
	return true;
}

static bool is_inf(struct span text)
{
	return span_ieq(
		span_skip(text, span_starts(text, SPAN("-")) || span_starts(text, SPAN("+"))),
		SPAN("inf"));
}

/* Rules out addresses and dates that a lenient float parser might cut short. */
static bool looks_like_number(struct span text)
{
	struct span body = span_skip(text, text.ptr[0] == '-' || text.ptr[0] == '+');
	unsigned points = 0, dashes = 0;

	if (is_inf(text))
		return true;
	body = span_skip(body, span_starts(body, SPAN(".")));
	if (body.len == 0 || !is_digit(body.ptr[0]))
		return false;
	for (size_t i = 0; i < text.len; i++) {
		points += text.ptr[i] == '.';
		dashes += text.ptr[i] == '-';
		if (text.ptr[i] == ':' || points > 1 || dashes > 2)
			return false;
	}
	return true;
}

/* The longest number with exponent or fraction that is worth reading. */
#define NUMBER_TEXT_MAX 400

/* 1e3, .5 and 5., of which JSON would write but the first: the others get a 0 at their point. */
static bool parse_decimal(struct span text, bool minus, double *ret)
{
	char digits[NUMBER_TEXT_MAX + 2] = "0";
	bool bare = text.ptr[0] == '.';
	ptrdiff_t point = span_chr(text, '.');
	size_t behind = point < 0 ? text.len : (size_t)point + 1, len = text.len + bare;

	memcpy(digits + bare, text.ptr, text.len);
	if (point >= 0 && (behind == text.len || !is_digit(text.ptr[behind]))) {
		memmove(digits + bare + behind + 1, digits + bare + behind, text.len - behind);
		digits[bare + behind] = '0';
		len++;
	}
	if (num_parse_double(span_of(digits, len), ret) < 0 || isnan(*ret))
		return false;
	if (minus)
		*ret = -*ret;
	return true;
}

bool lang_plain_number(struct span text, double *ret)
{
	int64_t n;
	uint64_t u;

	if (text.len == 0 || text.len > NUMBER_TEXT_MAX ||
	    !(is_digit(text.ptr[0]) || strchr("-+.iI", text.ptr[0])))
		return false;
	if (lang_float(text, ret))
		return true;
	if (lang_duration(text, &n) || lang_bytes(text, &n)) {
		*ret = (double)n;
		return true;
	}
	if (!looks_like_number(text))
		return false;
	if (is_inf(text)) {
		*ret = text.ptr[0] == '-' ? -INFINITY : INFINITY;
		return true;
	}
	bool minus = text.ptr[0] == '-', sign = minus || text.ptr[0] == '+';

	if (parse_radix(span_skip(text, sign), &u)) {
		*ret = minus ? -(double)u : (double)u;
		return true;
	}
	return parse_decimal(span_skip(text, sign), minus, ret);
}

bool lang_number(struct span text, double *ret)
{
	int64_t ns;
	uint32_t address;

	if (lang_plain_number(text, ret))
		return true;
	if (text.len == 0 || !is_digit(text.ptr[0]))
		return false;
	if (lang_time(text, &ns)) {
		*ret = (double)ns;
		return true;
	}
	if (lang_ipv4(text, &address)) {
		*ret = address;
		return true;
	}
	return false;
}

bool lang_ipv4(struct span text, uint32_t *ret)
{
	uint32_t address = 0;
	size_t at = 0;

	/* A pass over the bytes: cutting at the points first takes twice as long. */
	if (text.len < 7 || text.len > 15)
		return false;
	for (int parts = 0; parts < 4; parts++) {
		uint32_t octet = 0;
		size_t begin = at += parts > 0;

		for (; at < text.len && is_digit(text.ptr[at]); at++)
			octet = octet * 10 + (uint32_t)(text.ptr[at] - '0');
		if (at == begin || at - begin > 3 || octet > 255)
			return false;
		if (parts < 3 && (at == text.len || text.ptr[at] != '.'))
			return false;
		address = address << 8 | octet;
	}
	if (at != text.len)
		return false;
	*ret = address;
	return true;
}

bool lang_ipv6(struct span text, uint8_t ret[16])
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
	char name[INET6_ADDRSTRLEN + 1];
	ptrdiff_t zone = span_chr(text, '%');

	if (zone > 0 && (size_t)zone + 1 < text.len && span_chr(text, ':') >= 0)
		text = span_take(text, (size_t)zone);
	if (text.len < 2 || text.len >= sizeof(name) || span_chr(text, '\0') >= 0)
		return false;
	memcpy(name, text.ptr, text.len);
	name[text.len] = 0;
	if (inet_pton(AF_INET6, name, ret) == 1)
		return true;
	if (inet_pton(AF_INET, name, ret + 12) != 1)
		return false;
	memcpy(ret, mapped, sizeof(mapped));
	return true;
}
