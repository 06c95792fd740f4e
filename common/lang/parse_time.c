/*
 * parse_time.c - what may stand behind `_time:`.
 *
 *	5m  =5m               the last five minutes: (now-5m, now]
 *	2024-05  =2024-05     all of that month, here or in the zone behind it
 *	>5m  >=5m             before five minutes ago
 *	<5m  <=5m             in the last five minutes
 *	>2024-05  <=2024-05   after its start; before its end
 *	[2024-05, now)        brackets take the bound in (all of it), parentheses leave it out
 *	… offset 1h           all of it an hour earlier
 *	day_range[08:00, 18:00) offset 2h
 *	week_range[Mon, Fri] offset 2h
 */
#include "common/data/timestamp.h"
#include "common/lang/number.h"
#include "common/lang/parse.h"
#include "common/lang/time_text.h"
#include "common/lang/words.h"
#include <errno.h>

#define NS_PER_S   INT64_C(1000000000)
#define NS_PER_DAY (86400 * NS_PER_S)

/* A point in time as it was written: [first, last] is what it covers. */
struct moment {
	struct span text;
	int64_t first, last;
};

static bool is_all_digits(struct span text)
{
	for (size_t i = 0; i < text.len; i++)
		if (text.ptr[i] < '0' || text.ptr[i] > '9')
			return false;
	return text.len > 0;
}

/* The last ns of the year or month that begins at `first`. */
static int64_t calendar_end(int64_t first, bool is_year)
{
	int64_t year, days = first / NS_PER_DAY - (first % NS_PER_DAY < 0), end;
	unsigned month, day;

	timestamp_civil(days, &year, &month, &day);
	if (is_year || month == 12)
		days = timestamp_days(year + 1, is_year ? month : 1, 1);
	else
		days = timestamp_days(year, month + 1, 1);
	return __builtin_mul_overflow(days, NS_PER_DAY, &end) ? INT64_MAX : end - 1;
}

static int64_t moment_end(int64_t first, enum time_unit unit)
{
	static const int64_t length[] = {
		[TIME_UNIT_DAY] = NS_PER_DAY,
		[TIME_UNIT_HOUR] = 3600 * NS_PER_S,
		[TIME_UNIT_MINUTE] = 60 * NS_PER_S,
		[TIME_UNIT_SECOND] = NS_PER_S,
		[TIME_UNIT_MILLI] = 1000000,
		[TIME_UNIT_MICRO] = 1000,
		[TIME_UNIT_NANO] = 1,
	};

	if (unit <= TIME_UNIT_MONTH)
		return calendar_end(first, unit == TIME_UNIT_YEAR);
	return time_earlier(first, 1 - length[unit]);
}

/* 1714556789, 1714556789.5: seconds, or by size ms, µs, ns. */
static bool parse_unix(struct span text, struct moment *ret)
{
	ptrdiff_t point = span_chr(text, '.');
	struct span whole = point < 0 ? text : span_take(text, (size_t)point);
	size_t decimals = point < 0 ? 0 : text.len - (size_t)point - 1;
	double seconds;

	if (!is_all_digits(whole) ||
	    (decimals && !is_all_digits(span_skip(text, (size_t)point + 1)))) {
		/* 1.7e9 */
		if (!lang_plain_number(text, &seconds) || seconds < 0 || seconds > 9e9)
			return false;
		ret->first = (int64_t)seconds * NS_PER_S;
		ret->last = ret->first + NS_PER_S - 1;
		return true;
	}
	if (timestamp_parse_number(text, &ret->first) < 0)
		return false;
	enum time_unit unit = decimals > 6 || whole.len > 16   ? TIME_UNIT_NANO
			      : decimals > 3 || whole.len > 13 ? TIME_UNIT_MICRO
			      : decimals || whole.len > 10     ? TIME_UNIT_MILLI
							       : TIME_UNIT_SECOND;

	ret->last = moment_end(ret->first, unit);
	return true;
}

/* now-5m, now+5m, -5m and 5m, which is in the past too. */
static bool parse_relative(struct span text, int64_t now, struct moment *ret)
{
	bool from_now = span_starts(text, SPAN("now"));
	struct span rest = span_skip(text, from_now ? 3 : 0);
	bool plus = from_now && span_starts(rest, SPAN("+"));
	int64_t distance;

	if (!lang_duration(span_skip(rest, plus), &distance))
		return false;
	if (!plus)
		distance = distance < 0 ? distance : -distance;
	ret->first = ret->last = time_earlier(now, -distance);
	return true;
}

/* A time of the clock on the wall: of the zone that was written, or of this host's. */
static int64_t to_real(int64_t wall, bool zoned, int64_t zone)
{
	if (wall == INT64_MAX)
		return wall;
	return zoned ? time_earlier(wall, zone) : time_text_local(wall);
}

static int parse_calendar(struct span text, struct moment *ret)
{
	int64_t zone = 0, first;
	bool zoned = time_text_cut_zone(&text, &zone);
	enum time_unit unit;
	int r = time_text_parse(text, false, &first, &unit);

	if (r < 0)
		return r;
	/* With a fraction it is RFC 3339, which wants a zone. */
	if (unit > TIME_UNIT_SECOND && !zoned)
		return -EINVAL;
	ret->first = to_real(first, zoned, zone);
	ret->last = to_real(moment_end(first, unit), zoned, zone);
	return 0;
}

static int read_moment(struct span text, int64_t now, struct moment *ret)
{
	char last = text.len ? text.ptr[text.len - 1] : 0;

	if (span_eq(text, SPAN("now"))) {
		ret->first = ret->last = now;
		return 0;
	}
	if (text.len == 0)
		return -EINVAL;
	if (span_starts(text, SPAN("now")) || text.ptr[0] == '-' || (last > '9' && last != 'Z'))
		return parse_relative(text, now, ret) ? 0 : -EINVAL;
	/*
	 * Four digits are a year, with or without a zone; more without a dash count
	 * seconds.  Of fewer only 0 does: 5 lacks its unit.
	 */
	bool long_enough = text.len > 5 && span_chr(text, '-') < 0 && span_chr(text, '+') < 0;

	if ((long_enough && last != 'Z') || span_eq(text, SPAN("0")))
		return parse_unix(text, ret) ? 0 : -EINVAL;
	return parse_calendar(text, ret);
}

static int parse_moment(struct lex *lex, struct moment *ret)
{
	size_t pos = lex->pos;
	int r = lex_parse_text(lex, "a time like 2024-05-01T10:00:00Z or now-5m", &ret->text);

	if (r < 0)
		return r;
	r = read_moment(ret->text, lex->now_ns, ret);
	if (r == -ERANGE)
		return lex_error_at(lex, pos, "`%.*s` is outside of 1677 to 2262",
				    SPAN_FMT(ret->text));
	if (r < 0)
		return lex_error_at(lex, pos,
				    "expected a time like 2024-05, 2024-05-01T10:00:00Z, now-5m or "
				    "1714556789, found `%.*s`",
				    SPAN_FMT(ret->text));
	return 0;
}

/* Does the token begin a time? Else it is a duration. */
static bool at_moment(const struct lex *lex)
{
	struct span text = lex->text;

	if (span_starts(text, SPAN("now")))
		return true;
	return text.len >= 4 && is_all_digits(span_take(text, 4)) &&
	       (text.len == 4 || strchr("-+Zz", text.ptr[4]));
}

/* Seconds since 1970, where a duration, which has a unit, may stand too. */
static bool at_unix(const struct lex *lex)
{
	struct lex ahead = *lex;
	struct moment moment;
	struct span text;

	ahead.reterr = NULL;
	return lex_parse_text(&ahead, "", &text) >= 0 && text.len >= 9 &&
	       is_all_digits(span_take(text, 9)) && parse_unix(text, &moment);
}

static int parse_ago(struct lex *lex, int64_t *ret_ns, struct span *ret_text)
{
	int r = lex_parse_duration(lex, "a time like 2024-05-01", ret_ns, ret_text);

	if (r >= 0 && *ret_ns < 0)
		*ret_ns = -*ret_ns;
	return r;
}

static int show(struct lex *lex, struct filter *leaf, struct buf *text)
{
	leaf->shown = arena_dup(lex->arena, buf_span(text));
	buf_release(text);
	return leaf->shown.ptr ? 0 : -ENOMEM;
}

static int parse_after_or_before(struct lex *lex, struct filter *leaf, struct buf *shown)
{
	bool greater = lex_is(lex, ">");
	bool inclusive;
	struct moment moment;
	int64_t ago;
	int r;

	lex_next(lex);
	inclusive = lex_accept(lex, "=");
	buf_printf(shown, "%c%s", greater ? '>' : '<', inclusive ? "=" : "");
	if (at_moment(lex) || at_unix(lex)) {
		r = parse_moment(lex, &moment);
		if (r < 0)
			return r;
		if (greater)
			leaf->tmin = inclusive ? moment.first : time_earlier(moment.first, -1);
		else
			leaf->tmax = inclusive ? moment.last : time_earlier(moment.first, 1);
		text_print_bare(shown, moment.text);
		return 0;
	}
	r = parse_ago(lex, &ago, &moment.text);
	if (r < 0)
		return r;
	/* An age: more than 5m is before now-5m. */
	if (greater) {
		leaf->tmax = time_earlier(lex->now_ns, inclusive ? ago : ago + 1);
	} else {
		leaf->tmin = time_earlier(lex->now_ns, inclusive ? ago : ago - 1);
		leaf->tmax = lex->now_ns;
	}
	text_print_bare(shown, moment.text);
	return 0;
}

static int parse_same(struct lex *lex, struct filter *leaf, struct buf *shown)
{
	struct moment moment = {0};
	int64_t ago = 0;
	int r;

	if (lex_accept(lex, "="))
		buf_putc(shown, '=');
	if (at_moment(lex)) {
		r = parse_moment(lex, &moment);
		leaf->tmin = moment.first;
		leaf->tmax = moment.last;
	} else {
		r = parse_ago(lex, &ago, &moment.text);
		leaf->tmin = time_earlier(lex->now_ns, ago - 1);
		leaf->tmax = lex->now_ns;
	}
	if (r >= 0)
		text_print_bare(shown, moment.text);
	return r;
}

/* The bracket that the lexer stands on, stepped over. */
static int parse_bracket(struct lex *lex, const char *with, const char *without, bool *ret_with)
{
	*ret_with = lex_is(lex, with);
	if (!lex_accept(lex, with) && !lex_accept(lex, without))
		return lex_error(lex, "expected `%s` (with the bound) or `%s` (without it)", with,
				 without);
	return 0;
}

typedef int bound_parser(struct lex *lex, struct moment *ret);

/* [a, b)   both bounds, and which of them are taken in */
static int parse_bounds(struct lex *lex, bound_parser *parse, struct moment bounds[2],
			bool inclusive[2], struct buf *shown)
{
	int r = parse_bracket(lex, "[", "(", &inclusive[0]);

	if (r >= 0)
		r = parse(lex, &bounds[0]);
	if (r >= 0)
		r = parse_bounds_comma(lex);
	if (r >= 0)
		r = parse(lex, &bounds[1]);
	if (r >= 0)
		r = parse_bracket(lex, "]", ")", &inclusive[1]);
	if (r < 0)
		return r;
	buf_putc(shown, inclusive[0] ? '[' : '(');
	text_print_bare(shown, bounds[0].text);
	buf_puts(shown, SPAN(", "));
	text_print_bare(shown, bounds[1].text);
	buf_putc(shown, inclusive[1] ? ']' : ')');
	return 0;
}

static int parse_between(struct lex *lex, struct filter *leaf, struct buf *shown)
{
	struct moment bounds[2] = {0};
	bool inclusive[2];
	int r = parse_bounds(lex, parse_moment, bounds, inclusive, shown);

	if (r < 0)
		return r;
	leaf->tmin = inclusive[0] ? bounds[0].first : time_earlier(bounds[0].first, -1);
	leaf->tmax = inclusive[1] ? bounds[1].last : time_earlier(bounds[1].first, 1);
	return 0;
}

/* [ "offset" duration ] */
static int parse_offset(struct lex *lex, int64_t *ret_ns, struct buf *shown)
{
	struct span text;
	int r;

	*ret_ns = 0;
	if (!lex_accept(lex, "offset"))
		return 0;
	r = lex_parse_duration(lex, "an offset", ret_ns, &text);
	if (r < 0)
		return r;
	buf_puts(shown, shown->len ? SPAN(" offset ") : SPAN("offset "));
	text_print_bare(shown, text);
	return 0;
}

static int parse_time_range(struct lex *lex, struct filter *leaf, struct buf *shown)
{
	int64_t offset;
	int r = 0;

	leaf->tmin = INT64_MIN;
	leaf->tmax = INT64_MAX;
	if (lex_is(lex, "offset"))
		leaf->tmax = lex->now_ns;
	else if (lex_is(lex, ">") || lex_is(lex, "<"))
		r = parse_after_or_before(lex, leaf, shown);
	else if (lex_is(lex, "[") || lex_is(lex, "("))
		r = parse_between(lex, leaf, shown);
	else
		r = parse_same(lex, leaf, shown);
	if (r >= 0)
		r = parse_offset(lex, &offset, shown);
	if (r < 0)
		return r;
	leaf->tmin = time_earlier(leaf->tmin, offset);
	leaf->tmax = time_earlier(leaf->tmax, offset);
	return 0;
}

static int parse_clock(struct lex *lex, struct moment *ret)
{
	size_t pos = lex->pos;
	int r = lex_parse_text(lex, "a time of day like 08:30", &ret->text);

	if (r < 0)
		return r;
	if (!lang_hhmm(ret->text, &ret->first))
		return lex_error_at(lex, pos, "expected a time of day like 08:30, found `%.*s`",
				    SPAN_FMT(ret->text));
	if (ret->first > NS_PER_DAY)
		ret->first = NS_PER_DAY;
	return 0;
}

static const char weekdays[] = "sun mon tue wed thu fri sat";
static const char weekdays_long[] = "sunday monday tuesday wednesday thursday friday saturday";

static int weekday_number(const char *names, struct span text)
{
	struct span rest = span_cstr(names), name;

	for (int day = 0; span_cut(&rest, ' ', &name); day++)
		if (span_ieq(name, text))
			return day;
	return -1;
}

static int parse_weekday(struct lex *lex, struct moment *ret)
{
	size_t pos = lex->pos;
	int r = lex_parse_text(lex, "a day like Mon", &ret->text), day;

	if (r < 0)
		return r;
	day = weekday_number(weekdays, ret->text);
	if (day < 0)
		day = weekday_number(weekdays_long, ret->text);
	if (day < 0) {
		lex_error_at(lex, pos, "expected a day like Mon or Monday, found `%.*s`",
			     SPAN_FMT(ret->text));
		return lex_suggest(lex, ret->text, ret->text.len < 5 ? weekdays : weekdays_long);
	}
	ret->first = day;
	return 0;
}

/*
 * Parentheses leave the bound out; past the end it goes on at the other one.
 * What is left of no length gets bounds that no time has.
 */
static int parse_cycle(struct lex *lex, struct filter *leaf, bound_parser *parse, int64_t cycle,
		       struct buf *shown)
{
	struct moment bounds[2] = {0};
	bool inclusive[2];
	int r = parse_bounds(lex, parse, bounds, inclusive, shown);

	if (r < 0)
		return r;
	int64_t from = bounds[0].first, to = bounds[1].first;
	int64_t length = (from <= to ? 0 : cycle) + to - from + 1 - !inclusive[0] - !inclusive[1];

	leaf->tmin = length > 0 ? (from + !inclusive[0]) % cycle : cycle;
	leaf->tmax = length > 0 ? (to - !inclusive[1] + cycle) % cycle : cycle;
	if (to == cycle && inclusive[1])
		leaf->tmax = cycle - 1;
	return parse_offset(lex, &leaf->offset, shown);
}

int parse_time(struct lex *lex, struct filter **ret)
{
	struct field_ref field = {SPAN("_time"), false};
	struct filter *leaf = parse_new_leaf(lex, field, FILTER_TIME);
	struct buf shown = BUF_INIT(QUERY_TEXT_MAX * 4);
	int r;

	if (!leaf)
		return -ENOMEM;
	if (lex_accept(lex, "day_range")) {
		leaf->kind = FILTER_DAY_RANGE;
		r = parse_cycle(lex, leaf, parse_clock, NS_PER_DAY, &shown);
	} else if (lex_accept(lex, "week_range")) {
		leaf->kind = FILTER_WEEK_RANGE;
		r = parse_cycle(lex, leaf, parse_weekday, 7, &shown);
	} else {
		r = parse_time_range(lex, leaf, &shown);
	}
	*ret = leaf;
	if (r >= 0)
		return show(lex, leaf, &shown);
	buf_release(&shown);
	return r;
}
