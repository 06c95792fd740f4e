#include "common/parse/when.h"
#include "common/base/clock.h"
#include <errno.h>

/* Below this a number is a duration or a counter, not a time (1973). */
#define OLDEST_NUMBER (INT64_C(100000000) * NS_PER_SEC)

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool digits(const char *p, unsigned n, unsigned *ret)
{
	unsigned value = 0;

	for (unsigned i = 0; i < n; i++) {
		if (!is_digit(p[i]))
			return false;
		value = value * 10 + (unsigned)(p[i] - '0');
	}
	*ret = value;
	return true;
}

/* Jan … Dec; 0 = none of them. */
static unsigned month_of(const char *p)
{
	static const char names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

	for (unsigned i = 0; i < 12; i++)
		if (memcmp(p, names + 3 * i, 3) == 0)
			return i + 1;
	return 0;
}

/* "17" or " 7" or "7 "-less: one or two digits after optional padding; NULL = none. */
static const char *read_day(const char *p, const char *end, unsigned *ret)
{
	if (p < end && *p == ' ')
		p++;
	if (end - p >= 2 && digits(p, 2, ret))
		return p + 2;
	return end - p >= 1 && digits(p, 1, ret) ? p + 1 : NULL;
}

static size_t finish(struct span text, const char *at, const struct civil_time *t, int64_t *ret_ns)
{
	return at && timestamp_compose(t, ret_ns) == 0 ? (size_t)(at - text.ptr) : 0;
}

/* 17/May/2015:10:05:03 +0000 */
size_t when_access(struct span text, int64_t *ret_ns)
{
	const char *p = text.ptr, *end = p + text.len;
	struct civil_time t = {0};

	if (text.len < 20 || !digits(p, 2, &t.day) || p[2] != '/' || p[6] != '/' || p[11] != ':' ||
	    !digits(p + 7, 4, &t.year))
		return 0;
	t.month = month_of(p + 3);
	p = t.month ? timestamp_read_clock(p + 12, end, &t) : NULL;
	return finish(text, p ? timestamp_read_zone(p, end, &t) : NULL, &t, ret_ns);
}

/* The year that puts the time nearest before now, or at most two days after it. */
bool when_infer_year(struct civil_time *t, int64_t observed_ns, int64_t *ret_ns)
{
	int64_t days = observed_ns / NS_PER_SEC / 86400, year;
	unsigned month, day;

	timestamp_civil(days, &year, &month, &day);
	for (int64_t y = year + 1; y >= year - 4; y--) { /* 29 February waits for its year */
		t->year = (unsigned)y;
		if (timestamp_compose(t, ret_ns) == 0 &&
		    *ret_ns <= observed_ns + 2 * 86400 * NS_PER_SEC)
			return true;
	}
	return false;
}

/* Mar  1 12:00:00, Mar 1 12:00:00.123, Mar 01 2026 12:00:00 */
size_t when_syslog(struct span text, int64_t observed_ns, int64_t *ret_ns)
{
	const char *p = text.ptr, *end = p + text.len;
	struct civil_time t = {0};

	if (text.len < 14 || p[3] != ' ')
		return 0;
	t.month = month_of(p);
	p = t.month ? read_day(p + 4, end, &t.day) : NULL;
	if (!p || p == end || *p != ' ')
		return 0;
	p++;
	if (end - p > 5 && p[4] == ' ' && digits(p, 4, &t.year))
		p += 5;
	p = timestamp_read_clock(p, end, &t);
	if (!p)
		return 0;
	if (t.year)
		return finish(text, p, &t, ret_ns);
	return when_infer_year(&t, observed_ns, ret_ns) ? (size_t)(p - text.ptr) : 0;
}

static bool is_weekday(const char *p)
{
	static const char names[] = "MonTueWedThuFriSatSun";

	for (unsigned i = 0; i < 7; i++)
		if (memcmp(p, names + 3 * i, 3) == 0)
			return true;
	return false;
}

/* Mon, 02 Jan 2006 15:04:05 GMT */
static size_t when_mail(struct span text, int64_t *ret_ns)
{
	const char *p = text.ptr, *end = p + text.len;
	struct civil_time t = {0};

	if (text.len < 24 || !is_weekday(p) || p[3] != ',')
		return 0;
	p = read_day(p + 4, end, &t.day);
	if (!p || end - p < 18 || *p != ' ' || p[4] != ' ' || !digits(p + 5, 4, &t.year))
		return 0;
	t.month = month_of(p + 1);
	p = t.month && p[9] == ' ' ? timestamp_read_clock(p + 10, end, &t) : NULL;
	if (p && end - p >= 4 && (memcmp(p, " GMT", 4) == 0 || memcmp(p, " UTC", 4) == 0))
		return finish(text, p + 4, &t, ret_ns);
	return finish(text, p ? timestamp_read_zone(p, end, &t) : NULL, &t, ret_ns);
}

/* Mon Jan  2 15:04:05 2006, Mon Jan  2 15:04:05.123456 2006, Wed May 19 08:00:01 UTC 2021 */
static size_t when_ctime(struct span text, int64_t *ret_ns)
{
	const char *p = text.ptr, *end = p + text.len;
	struct civil_time t = {0};
	int32_t zone = 0;
	size_t n;

	if (text.len < 24 || !is_weekday(p) || p[3] != ' ')
		return 0;
	t.month = month_of(p + 4);
	p = t.month && p[7] == ' ' ? read_day(p + 8, end, &t.day) : NULL;
	p = p && p < end && *p == ' ' ? timestamp_read_clock(p + 1, end, &t) : NULL;
	if (!p)
		return 0;
	if (end - p >= 5 && *p == ' ' && !is_digit(p[1])) {
		when_zone_name(span_between(p + 1, end),
			       &zone); /* one we don't know is taken for UTC */
		for (p++; p < end && *p != ' '; p++)
			;
	}
	if (end - p < 5 || *p != ' ' || !digits(p + 1, 4, &t.year))
		return 0;
	n = finish(text, p + 5, &t, ret_ns);
	*ret_ns -= n ? zone * NS_PER_SEC : 0;
	return n;
}

/* 17/06/09 20:10:40 (Spark) */
static size_t when_short(struct span text, int64_t *ret_ns)
{
	const char *p = text.ptr, *end = p + text.len;
	struct civil_time t = {0};

	if (text.len < 17 || p[2] != '/' || p[5] != '/' || p[8] != ' ' || !digits(p, 2, &t.year) ||
	    !digits(p + 3, 2, &t.month) || !digits(p + 6, 2, &t.day))
		return 0;
	t.year += 2000;
	return finish(text, timestamp_read_clock(p + 9, end, &t), &t, ret_ns);
}

/* 20120702.102240,672 and 20120702T102240.672Z */
static size_t when_basic(struct span text, int64_t *ret_ns)
{
	const char *p = text.ptr, *end = p + text.len;
	struct civil_time t = {0};
	unsigned scale = 100000000;

	if (text.len < 15 || (p[8] != '.' && p[8] != 'T') || !digits(p, 4, &t.year) ||
	    !digits(p + 4, 2, &t.month) || !digits(p + 6, 2, &t.day) ||
	    !digits(p + 9, 2, &t.hour) || !digits(p + 11, 2, &t.minute) ||
	    !digits(p + 13, 2, &t.second))
		return 0;
	p += 15;
	if (end - p >= 2 && (*p == '.' || *p == ',') && is_digit(p[1]))
		for (p++; p < end && is_digit(*p); p++, scale /= 10)
			t.ns += (uint32_t)(*p - '0') * scale;
	return finish(text, timestamp_read_zone(p, end, &t), &t, ret_ns);
}

static size_t when_dated(struct span text, int64_t *ret_ns)
{
	size_t n = when_access(text, ret_ns);

	if (!n)
		n = when_mail(text, ret_ns);
	if (!n)
		n = when_ctime(text, ret_ns);
	if (!n)
		n = when_short(text, ret_ns);
	return n ? n : when_basic(text, ret_ns);
}

bool when_parse(struct span text, int64_t *ret_ns)
{
	int64_t ns;

	text = span_trim(text);
	int r = timestamp_parse(text, &ns);

	if (r == -EINVAL)
		return text.len >= 15 && when_dated(text, ret_ns) == text.len;
	/* An ISO time has a dash or slash at 4, a number may have a sign at 0 only. */
	bool iso = text.len > 4 && (text.ptr[4] == '-' || text.ptr[4] == '/');

	if (r < 0 || (!iso && ns < OLDEST_NUMBER))
		return false;
	*ret_ns = ns;
	return true;
}

/* 1428634687123 in front of a text: seconds, ms, µs or ns of this century. */
static size_t when_number(struct span text, int64_t *ret_ns)
{
	size_t n = 0;
	int64_t ns;

	while (n < text.len && (is_digit(text.ptr[n]) || text.ptr[n] == '.'))
		n++;
	/* Ten digits begin with September 2001. */
	if (n < 10 || n == text.len || text.ptr[n] != ' ' ||
	    timestamp_parse_number(span_take(text, n), &ns) < 0 || ns < 10 * OLDEST_NUMBER)
		return 0;
	*ret_ns = ns;
	return n;
}

size_t when_front(struct span text, int64_t observed_ns, int64_t *ret_ns)
{
	size_t n;

	if (text.len < 10)
		return 0;
	if (is_digit(text.ptr[0])) {
		if (timestamp_parse_iso(text, ret_ns, &n) == 0)
			return n;
		n = when_dated(text, ret_ns);
		return n ? n : when_number(text, ret_ns);
	}
	if (text.ptr[0] < 'A' || text.ptr[0] > 'W')
		return 0;
	n = when_syslog(text, observed_ns, ret_ns);
	return n ? n : when_dated(text, ret_ns);
}

/* RFC 822's names and the European ones; IST and BST mean several zones and are left alone. */
size_t when_zone_name(struct span text, int32_t *ret_seconds)
{
	static const struct {
		char name[5];
		signed char hours;
	} zones[] = {
		{"UTC", 0},  {"GMT", 0},  {"EST", -5}, {"EDT", -4},  {"CST", -6},
		{"CDT", -5}, {"MST", -7}, {"MDT", -6}, {"PST", -8},  {"PDT", -7},
		{"WET", 0},  {"WEST", 1}, {"CET", 1},  {"CEST", 2},  {"EET", 2},
		{"EEST", 3}, {"MSK", 3},  {"JST", 9},  {"AEST", 10}, {"AEDT", 11},
	};

	for (size_t i = 0; i < sizeof(zones) / sizeof(zones[0]); i++) {
		struct span name = span_cstr(zones[i].name);

		if (!span_starts(text, name) ||
		    (text.len > name.len && !strchr(" ]):,", text.ptr[name.len])))
			continue;
		*ret_seconds = zones[i].hours * 3600;
		return name.len;
	}
	return 0;
}
