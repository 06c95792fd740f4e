/* time_arg.c - see time_arg.h for the forms. */
#include "common/lang/time_arg.h"
#include "common/base/clock.h"
#include "common/base/num.h"
#include "common/data/timestamp.h"
#include "common/lang/time_text.h"
#include <errno.h>
#include <time.h>

#define DAY (86400 * NS_PER_SEC)

/* Round towards the past, also before 1970. */
static int64_t floor_to(int64_t ns, int64_t unit)
{
	int64_t rest = ns % unit;

	return ns - (rest < 0 ? rest + unit : rest);
}

static int64_t wall_to_real(int64_t wall_ns, bool utc)
{
	return utc ? wall_ns : time_text_local(wall_ns);
}

static int64_t real_to_wall(int64_t real_ns, bool utc)
{
	time_t t = (time_t)(floor_to(real_ns, NS_PER_SEC) / NS_PER_SEC);
	struct tm tm;

	if (utc || !localtime_r(&t, &tm))
		return real_ns;
	return real_ns + tm.tm_gmtoff * NS_PER_SEC;
}

static bool parse_word(struct span text, int64_t now_ns, bool utc, int64_t *ret_ns)
{
	static const struct {
		struct span word;
		int days;
	} midnights[] = {{SPAN("today"), 0}, {SPAN("yesterday"), -1}, {SPAN("tomorrow"), 1}};

	if (span_eq(text, SPAN("now"))) {
		*ret_ns = now_ns;
		return true;
	}
	for (size_t i = 0; i < sizeof(midnights) / sizeof(midnights[0]); i++)
		if (span_eq(text, midnights[i].word)) {
			int64_t midnight = floor_to(real_to_wall(now_ns, utc), DAY);

			*ret_ns = wall_to_real(midnight + midnights[i].days * DAY, utc);
			return true;
		}
	return false;
}

/* 10m, -10m, now-10m; and now+10m. */
static bool parse_ago(struct span text, int64_t now_ns, int64_t *ret_ns)
{
	bool now = span_starts(text, SPAN("now")), later;
	int64_t ago;

	if (now)
		text = span_skip(text, strlen("now"));
	later = now && span_starts(text, SPAN("+"));
	if (later || span_starts(text, SPAN("-")))
		text = span_skip(text, 1);
	else if (now)
		return false;
	/* A number without a unit is an epoch, if anything. */
	if (span_eq(text, SPAN("0")) || num_parse_duration(text, &ago) < 0 || ago < 0)
		return false;
	return later ? !__builtin_add_overflow(now_ns, ago, ret_ns)
		     : !__builtin_sub_overflow(now_ns, ago, ret_ns);
}

/* @1772366400.5: seconds; a bare number by its size, if it can't be anything else. */
static bool parse_epoch(struct span text, int64_t *ret_ns)
{
	bool at = text.len && text.ptr[0] == '@';

	if (at)
		text = span_skip(text, 1);
	else if (text.len < 9 && !span_eq(text, SPAN("0")))
		return false;
	return timestamp_parse_number(text, ret_ns) == 0;
}

static int parse_time(struct span text, bool utc, int64_t *ret_ns)
{
	enum time_unit unit;
	int64_t offset = 0, wall;
	bool zone = time_text_cut_zone(&text, &offset);
	int r = time_text_parse(text, true, &wall, &unit);

	if (r < 0)
		return r;
	if (zone)
		return __builtin_sub_overflow(wall, offset, ret_ns) ? -ERANGE : 0;
	*ret_ns = wall_to_real(wall, utc);
	return 0;
}

/* 12:30: the date of today in front makes it a time like others. */
static int parse_clock(struct span text, int64_t now_ns, bool utc, int64_t *ret_ns)
{
	char date[TIMESTAMP_TEXT_LEN], whole[64];

	if (text.len < 4 || text.len > 24 || span_chr(text, ':') != 2)
		return -EINVAL;
	timestamp_format(date, real_to_wall(now_ns, utc));
	memcpy(whole, date, 11); /* up to the T */
	memcpy(whole + 11, text.ptr, text.len);
	return parse_time(span_of(whole, 11 + text.len), utc, ret_ns);
}

int time_arg_parse(struct span text, int64_t now_ns, bool utc, int64_t *ret_ns, struct err *reterr)
{
	int r;

	text = span_trim(text);
	if (parse_word(text, now_ns, utc, ret_ns) || parse_ago(text, now_ns, ret_ns) ||
	    parse_epoch(text, ret_ns))
		return 0;
	r = parse_clock(text, now_ns, utc, ret_ns);
	if (r < 0)
		r = parse_time(text, utc, ret_ns);
	if (r == -ERANGE)
		return err_set(reterr, r, "'%.*s' is outside of 1677 to 2262", SPAN_FMT(text));
	if (r < 0)
		return err_set(reterr, -EINVAL,
			       "'%.*s' is no time: expected 10m, 2d, today, 12:30, 2026-03-01, "
			       "2026-03-01T12:30:00Z or @1772366400",
			       SPAN_FMT(text));
	return 0;
}
