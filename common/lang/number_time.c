/*
 * number_time.c - times and durations as texts; see number.h.
 */
#include "common/data/timestamp.h"
#include "common/lang/number.h"
#include "common/lang/time_text.h"
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#define NS_PER_S INT64_C(1000000000)

/* Exactly `digits` digits at `at`. */
static bool fixed_digits(struct span text, size_t at, size_t digits, unsigned *ret)
{
	unsigned n = 0;

	if (at + digits > text.len)
		return false;
	for (size_t i = at; i < at + digits; i++) {
		if (text.ptr[i] < '0' || text.ptr[i] > '9')
			return false;
		n = n * 10 + (unsigned)(text.ptr[i] - '0');
	}
	*ret = n;
	return true;
}

bool lang_hhmm(struct span text, int64_t *ret_ns)
{
	unsigned hours, minutes;

	if (text.len != 5 || text.ptr[2] != ':' || !fixed_digits(text, 0, 2, &hours) ||
	    !fixed_digits(text, 3, 2, &minutes) || hours > 24 || minutes > 60)
		return false;
	*ret_ns = (hours * 3600 + minutes * 60) * NS_PER_S;
	return true;
}

static bool days_of(unsigned year, unsigned month, unsigned day, int64_t *ret)
{
	int64_t y;
	unsigned m, d;

	if (month < 1 || month > 12 || day < 1 || day > 31)
		return false;
	*ret = timestamp_days(year, month, day);
	timestamp_civil(*ret, &y, &m, &d);
	return m == month;
}

/* Seconds and a fraction of up to nine digits to ns; false outside of int64_t. */
static bool to_ns(int64_t seconds, int64_t fraction, int64_t *ret)
{
	return !__builtin_mul_overflow(seconds, NS_PER_S, ret) &&
	       !__builtin_add_overflow(*ret, fraction, ret);
}

/* .5 .000123 → ns; false if it isn't a point and 1 to 9 digits. */
static bool parse_fraction(struct span text, int64_t *ret_ns)
{
	unsigned n;
	size_t digits = text.len - 1;

	if (text.len < 2 || digits > 9 || text.ptr[0] != '.' || !fixed_digits(text, 1, digits, &n))
		return false;
	*ret_ns = n;
	for (; digits < 9; digits++)
		*ret_ns *= 10;
	return true;
}

/* Shapes by length, each with the separators of the shape before. */
static const struct {
	size_t len;
	char separator; /* before its last two digits */
} shapes[] = {{4, 0}, {7, '-'}, {10, '-'}, {13, 'T'}, {16, ':'}, {19, ':'}};

int time_text_parse(struct span text, bool sql_space, int64_t *ret_ns, enum time_unit *ret_unit)
{
	unsigned part[6] = {0, 1, 1, 0, 0, 0};
	int64_t days, fraction = 0;
	int unit = -1;

	for (int i = 0; i < 6 && text.len >= shapes[i].len; i++) {
		size_t digits = i ? 2 : 4, at = shapes[i].len - digits;

		if (!fixed_digits(text, at, digits, &part[i]))
			return -EINVAL;
		if (i && text.ptr[at - 1] != shapes[i].separator &&
		    !(i == 3 && sql_space && text.ptr[at - 1] == ' '))
			return -EINVAL;
		unit = i;
	}
	if (unit < 0)
		return -EINVAL;
	struct span rest = span_skip(text, shapes[unit].len);

	if (rest.len && (unit != TIME_UNIT_SECOND || !parse_fraction(rest, &fraction)))
		return -EINVAL;
	if (!days_of(part[0], part[1], part[2], &days) || part[3] > 23 || part[4] > 59 ||
	    part[5] > 59)
		return -EINVAL;
	if (!to_ns(days * 86400 + part[3] * 3600 + part[4] * 60 + part[5], fraction, ret_ns))
		return -ERANGE;
	*ret_unit = rest.len == 0   ? (enum time_unit)unit
		    : rest.len <= 4 ? TIME_UNIT_MILLI
		    : rest.len <= 7 ? TIME_UNIT_MICRO
				    : TIME_UNIT_NANO;
	return 0;
}

/* libc knows the zones; this runs once a query, so its cost is no matter. */
int64_t time_text_local(int64_t wall_ns)
{
	int64_t rest = wall_ns % NS_PER_S, real;
	struct tm tm;

	rest += rest < 0 ? NS_PER_S : 0;
	time_t seconds = (time_t)((wall_ns - rest) / NS_PER_S);

	if (!gmtime_r(&seconds, &tm))
		return wall_ns;
	tm.tm_isdst = -1;
	return to_ns((int64_t)mktime(&tm), rest, &real) ? real : wall_ns;
}

bool time_text_cut_zone(struct span *text, int64_t *ret_offset_ns)
{
	if (span_ends(*text, SPAN("Z"))) {
		*text = span_take(*text, text->len - 1);
		*ret_offset_ns = 0;
		return true;
	}
	if (text->len < 10)
		return false;
	struct span zone = span_skip(*text, text->len - 6);

	if ((zone.ptr[0] != '+' && zone.ptr[0] != '-') ||
	    !lang_hhmm(span_skip(zone, 1), ret_offset_ns))
		return false;
	if (zone.ptr[0] == '-')
		*ret_offset_ns = -*ret_offset_ns;
	*text = span_take(*text, text->len - 6);
	return true;
}

bool lang_time(struct span text, int64_t *ret_ns)
{
	int64_t offset = 0;
	enum time_unit unit;

	if (text.len < 19 || text.len > 35 || text.ptr[4] != '-')
		return false;
	time_text_cut_zone(&text, &offset);
	return time_text_parse(text, true, ret_ns, &unit) >= 0 && unit >= TIME_UNIT_SECOND &&
	       !__builtin_sub_overflow(*ret_ns, offset, ret_ns);
}

size_t lang_format_duration(char text[LANG_DURATION_MAX], int64_t ns)
{
	static const struct {
		uint64_t ns;
		const char *name;
	} units[] = {{604800000000000, "w"}, {86400000000000, "d"},
		     {3600000000000, "h"},   {60000000000, "m"},
		     {1000000000, "s"},      {1000000, "ms"},
		     {1000, "µs"},           {1, "ns"}};
	uint64_t left = ns < 0 ? 0 - (uint64_t)ns : (uint64_t)ns;
	size_t n = 0;

	if (ns == 0)
		text[n++] = '0';
	if (ns < 0)
		text[n++] = '-';
	for (size_t i = 0; left; i++) {
		uint64_t count = left / units[i].ns;

		left %= units[i].ns;
		if (count == 0)
			continue;
		n += (size_t)snprintf(text + n, LANG_DURATION_MAX - n, "%" PRIu64, count);
		if (units[i].ns == (uint64_t)NS_PER_S && left) {
			n += (size_t)snprintf(text + n, LANG_DURATION_MAX - n, ".%09" PRIu64, left);
			while (text[n - 1] == '0')
				n--;
			left = 0;
		}
		n += (size_t)snprintf(text + n, LANG_DURATION_MAX - n, "%s", units[i].name);
	}
	return n;
}
