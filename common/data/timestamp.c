#include "common/data/timestamp.h"
#include "common/base/clock.h"
#include "common/base/num.h"
#include <errno.h>
#include <math.h>

/*
 * Dates: H. Hinnant, "chrono-compatible low-level date algorithms".  The year
 * is taken to begin in March, which puts the leap day last; an era is 400
 * years or 146,097 days; 719,468 days lie between 0000-03-01 and 1970-01-01.
 */
int64_t timestamp_days(int64_t year, unsigned month, unsigned day)
{
	year -= month <= 2;
	int64_t era = (year >= 0 ? year : year - 399) / 400;
	unsigned year_of_era = (unsigned)(year - era * 400);
	unsigned day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
	unsigned day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;

	return era * 146097 + (int64_t)day_of_era - 719468;
}

void timestamp_civil(int64_t days, int64_t *ret_year, unsigned *ret_month, unsigned *ret_day)
{
	days += 719468;
	int64_t era = (days >= 0 ? days : days - 146096) / 146097;
	unsigned day_of_era = (unsigned)(days - era * 146097);
	unsigned year_of_era =
		(day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
	unsigned day_of_year =
		day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	unsigned shifted_month = (5 * day_of_year + 2) / 153; /* March is 0 */

	*ret_day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
	*ret_month = shifted_month < 10 ? shifted_month + 3 : shifted_month - 9;
	*ret_year = era * 400 + (int64_t)year_of_era + (*ret_month <= 2);
}

static void put2(char *text, uint32_t n)
{
	text[0] = (char)('0' + n / 10);
	text[1] = (char)('0' + n % 10);
}

/* Two digits at a time from parts that do not wait for each other: half the time of a loop. */
static void put4(char *text, uint32_t n)
{
	put2(text, n / 100);
	put2(text + 2, n % 100);
}

void timestamp_format(char text[TIMESTAMP_TEXT_LEN], int64_t ns)
{
	int64_t seconds = ns / NS_PER_SEC, year;
	int32_t fraction = (int32_t)(ns % NS_PER_SEC);

	if (fraction < 0) {
		fraction += (int32_t)NS_PER_SEC;
		seconds--;
	}
	int64_t days = seconds / 86400;
	int32_t second = (int32_t)(seconds % 86400);

	if (second < 0) {
		second += 86400;
		days--;
	}
	unsigned month, day;

	timestamp_civil(days, &year, &month, &day);
	memcpy(text, "0000-00-00T00:00:00.000000000Z", TIMESTAMP_TEXT_LEN);
	put4(text, (uint32_t)year);
	put2(text + 5, month);
	put2(text + 8, day);
	put2(text + 11, (uint32_t)second / 3600);
	put2(text + 14, (uint32_t)second / 60 % 60);
	put2(text + 17, (uint32_t)second % 60);
	text[20] = (char)('0' + fraction / 100000000);
	put4(text + 21, (uint32_t)fraction / 10000 % 10000);
	put4(text + 25, (uint32_t)fraction % 10000);
}

int timestamp_compose(const struct civil_time *t, int64_t *ret_ns)
{
	static const unsigned char month_days[13] = {0,  31, 28, 31, 30, 31, 30,
						     31, 31, 30, 31, 30, 31};
	bool leap = t->year % 4 == 0 && (t->year % 100 != 0 || t->year % 400 == 0);
	int64_t ns;

	if (t->month < 1 || t->month > 12 || t->day < 1 ||
	    t->day > month_days[t->month] + (unsigned)(t->month == 2 && leap))
		return -EINVAL;
	/* Second 60 is a leap second; it becomes the first of the next minute. */
	if (t->hour > 23 || t->minute > 59 || t->second > 60)
		return -EINVAL;
	int64_t seconds = timestamp_days(t->year, t->month, t->day) * 86400 + t->hour * 3600 +
			  t->minute * 60 + t->second - t->zone_seconds;

	/* Before 1970 the product alone may leave the range that the sum is in. */
	if (seconds < 0)
		return __builtin_mul_overflow(seconds + 1, NS_PER_SEC, &ns) ||
				       __builtin_add_overflow(ns, t->ns - NS_PER_SEC, ret_ns)
			       ? -ERANGE
			       : 0;
	if (__builtin_mul_overflow(seconds, NS_PER_SEC, &ns) ||
	    __builtin_add_overflow(ns, t->ns, ret_ns))
		return -ERANGE;
	return 0;
}

static bool digits2(const char *p, unsigned *ret)
{
	unsigned tens = (unsigned)(p[0] - '0'), ones = (unsigned)(p[1] - '0');

	if (tens > 9 || ones > 9)
		return false;
	*ret = tens * 10 + ones;
	return true;
}

/* Digits behind the point; more than nine are read and cut off.  Returns the end. */
static const char *read_fraction(const char *p, const char *end, uint32_t *ret_ns)
{
	uint32_t ns = 0, scale = 100000000;

	for (; p < end && *p >= '0' && *p <= '9'; p++) {
		ns += (uint32_t)(*p - '0') * scale;
		scale /= 10;
	}
	*ret_ns = ns;
	return p;
}

const char *timestamp_read_clock(const char *p, const char *end, struct civil_time *t)
{
	if (end - p < 5 || p[2] != ':' || !digits2(p, &t->hour) || !digits2(p + 3, &t->minute))
		return NULL;
	p += 5;
	t->second = 0;
	t->ns = 0;
	if (end - p < 3 || p[0] != ':' || !digits2(p + 1, &t->second))
		return p;
	p += 3;
	if (end - p >= 2 && (*p == '.' || *p == ',') && p[1] >= '0' && p[1] <= '9')
		p = read_fraction(p + 1, end, &t->ns);
	return p;
}

const char *timestamp_read_zone(const char *p, const char *end, struct civil_time *t)
{
	unsigned hours, minutes = 0;

	t->zone_seconds = 0;
	if (p < end && (*p == 'Z' || *p == 'z'))
		return p + 1;
	const char *sign = p < end && *p == ' ' ? p + 1 : p;

	if (end - sign < 3 || (*sign != '+' && *sign != '-') || !digits2(sign + 1, &hours))
		return p;
	/* " -05 tasks" is a number behind a time, " -0500" a zone. */
	const char *at = sign + 3;

	if (end - at >= 3 && *at == ':' && digits2(at + 1, &minutes))
		at += 3;
	else if (end - at >= 2 && digits2(at, &minutes))
		at += 2;
	else if (sign != p)
		return p;
	if (hours > 23 || minutes > 59)
		return NULL;
	t->zone_seconds = (int32_t)(hours * 3600 + minutes * 60) * (*sign == '-' ? -1 : 1);
	return at;
}

/* 2026-03-01 or 2026/03/01; NULL = neither. */
static const char *read_date(const char *p, const char *end, struct civil_time *t)
{
	unsigned century, years;

	if (end - p < 10 || (p[4] != '-' && p[4] != '/') || p[7] != p[4])
		return NULL;
	if (!digits2(p, &century) || !digits2(p + 2, &years) || !digits2(p + 5, &t->month) ||
	    !digits2(p + 8, &t->day))
		return NULL;
	t->year = century * 100 + years;
	return t->year ? p + 10 : NULL;
}

int timestamp_parse_iso(struct span text, int64_t *ret_ns, size_t *ret_len)
{
	if (text.len < 16)
		return -EINVAL;
	const char *end = text.ptr + text.len;
	struct civil_time t;
	const char *p = read_date(text.ptr, end, &t);

	if (!p || p == end || (*p != 'T' && *p != ' ' && *p != 't'))
		return -EINVAL;
	p = timestamp_read_clock(p + 1, end, &t);
	if (p)
		p = timestamp_read_zone(p, end, &t);
	if (!p)
		return -EINVAL;
	int64_t ns;
	int r = timestamp_compose(&t, &ns);

	if (r < 0)
		return r;
	*ret_ns = ns;
	*ret_len = (size_t)(p - text.ptr);
	return 0;
}

/* Exponents and anything else unusual: 1.7e9. */
static int parse_float(struct span text, int64_t *ret_ns)
{
	double d;
	int r = num_parse_double(text, &d);

	if (r < 0)
		return r;
	double size = fabs(d);
	double unit = size >= 1e18 ? 1 : size >= 1e15 ? 1e3 : size >= 1e12 ? 1e6 : 1e9;

	d *= unit;
	if (!(d > -9.2e18 && d < 9.2e18))
		return isnan(d) ? -EINVAL : -ERANGE;
	*ret_ns = (int64_t)d;
	return 0;
}

int timestamp_parse_number(struct span text, int64_t *ret_ns)
{
	if (text.len == 0)
		return -EINVAL;
	bool negative = text.ptr[0] == '-';
	const char *p = text.ptr + negative, *end = text.ptr + text.len, *from = p;
	uint64_t whole = 0, unit;
	uint32_t fraction = 0;

	for (; p < end && *p >= '0' && *p <= '9'; p++)
		if (__builtin_mul_overflow(whole, UINT64_C(10), &whole) ||
		    __builtin_add_overflow(whole, (uint64_t)(*p - '0'), &whole))
			return -ERANGE;
	if (p == from)
		return -EINVAL;
	if (p < end && *p == '.') {
		if (++p == end)
			return -EINVAL;
		p = read_fraction(p, end, &fraction);
	}
	if (p != end)
		return parse_float(text, ret_ns);
	unit = whole >= UINT64_C(1000000000000000000) ? 1
	       : whole >= UINT64_C(1000000000000000)  ? 1000
	       : whole >= UINT64_C(1000000000000)     ? 1000000
						      : 1000000000;
	if (__builtin_mul_overflow(whole, unit, &whole))
		return -ERANGE;
	whole += (uint64_t)fraction * unit / 1000000000;
	if (whole > INT64_MAX)
		return -ERANGE;
	*ret_ns = negative ? -(int64_t)whole : (int64_t)whole;
	return 0;
}

int timestamp_parse(struct span text, int64_t *ret_ns)
{
	int64_t ns;
	size_t len;
	int r = timestamp_parse_iso(text, &ns, &len);

	if (r == -EINVAL)
		return text.len ? timestamp_parse_number(text, ret_ns) : -EINVAL;
	if (r < 0)
		return r;
	/* Go's time.String() and Ruby write the zone's name too. */
	if (len != text.len && !span_eq(span_skip(text, len), SPAN(" UTC")))
		return -EINVAL;
	*ret_ns = ns;
	return 0;
}
