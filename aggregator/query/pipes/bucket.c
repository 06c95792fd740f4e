#include "aggregator/query/pipes/bucket.h"

#include "common/base/clock.h"
#include "common/base/num.h"
#include "common/data/timestamp.h"
#include "common/lang/number.h"
#include <errno.h>
#include <math.h>
#include <stdio.h>

#define NS_PER_DAY (NS_PER_SEC * 86400)

static const struct {
	const char *name;
	enum bucket_unit unit;
	int64_t step;
} units[] = {
	{"nanosecond", BUCKET_STEP, 1},
	{"microsecond", BUCKET_STEP, NS_PER_US},
	{"millisecond", BUCKET_STEP, NS_PER_MS},
	{"second", BUCKET_STEP, NS_PER_SEC},
	{"minute", BUCKET_STEP, NS_PER_SEC * 60},
	{"hour", BUCKET_STEP, NS_PER_SEC * 3600},
	{"day", BUCKET_STEP, NS_PER_DAY},
	{"week", BUCKET_WEEK, NS_PER_DAY * 7},
	{"1w", BUCKET_WEEK, NS_PER_DAY * 7},
	{"month", BUCKET_MONTH, 1},
	{"year", BUCKET_YEAR, 1},
};

/* Far inside of an int64_t, which times and whole numbers are counted in. */
static bool parse_amount(struct span text, double *ret)
{
	int64_t whole;

	if (!lang_float(text, ret)) {
		if (!lang_duration(text, &whole) && !lang_bytes(text, &whole))
			return false;
		*ret = (double)whole;
	}
	return fabs(*ret) < 0x1p62;
}

static bool parse_step(struct span text, struct bucket *ret)
{
	uint64_t mask;

	for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++)
		if (span_eq(text, span_cstr(units[i].name))) {
			ret->unit = units[i].unit;
			ret->step = (double)units[i].step;
			return true;
		}
	ret->unit = BUCKET_STEP;
	if (span_starts(text, SPAN("/"))) {
		if (num_parse_u64(span_skip(text, 1), &mask) < 0 || mask > 32)
			return false;
		ret->step = (double)(UINT64_C(1) << (32 - mask));
		return true;
	}
	return parse_amount(text, &ret->step) && ret->step > 0;
}

int bucket_parse(struct lex *lex, struct bucket *ret)
{
	size_t pos = lex->pos;
	int r = lex_compound(lex, "step", "", &ret->step_text);

	if (r < 0)
		return r;
	if (!parse_step(ret->step_text, ret))
		return lex_error_at(lex, pos,
				    "expected a step above 0 as 5m, 10KiB, 100, /24, day or month, "
				    "found `%.*s`",
				    SPAN_FMT(ret->step_text));
	if (!lex_accept(lex, "offset"))
		return 0;
	pos = lex->pos;
	r = lex_compound(lex, "offset", "", &ret->offset_text);
	if (r < 0)
		return r;
	if (!parse_amount(ret->offset_text, &ret->offset))
		return lex_error_at(lex, pos, "expected an offset as 2h or 100, found `%.*s`",
				    SPAN_FMT(ret->offset_text));
	return 0;
}

void bucket_print(const struct bucket *bucket, struct buf *out)
{
	if (bucket->unit == BUCKET_NONE)
		return;
	buf_putc(out, ':');
	buf_puts(out, bucket->step_text);
	if (bucket->offset_text.len) {
		buf_puts(out, SPAN(" offset "));
		buf_puts(out, bucket->offset_text);
	}
}

/* As all that rounds down here: what would fall out of an int64_t stays. */
static int64_t floor_to(int64_t n, int64_t step, int64_t offset)
{
	int64_t shifted, rest, ret;

	if (step <= 0)
		step = 1;
	if (__builtin_sub_overflow(n, offset, &shifted))
		return n;
	rest = shifted % step;
	if (rest < 0)
		rest += step;
	return __builtin_sub_overflow(n, rest, &ret) ? n : ret;
}

static int64_t floor_to_calendar(int64_t ns, enum bucket_unit unit, int64_t offset)
{
	int64_t local, year, ret;
	unsigned month, day;

	if (__builtin_sub_overflow(ns, offset, &local))
		return ns;
	timestamp_civil(floor_to(local, NS_PER_DAY, 0) / NS_PER_DAY, &year, &month, &day);
	if (unit == BUCKET_YEAR)
		month = 1;
	if (__builtin_mul_overflow(timestamp_days(year, month, 1), NS_PER_DAY, &ret) ||
	    __builtin_add_overflow(ret, offset, &ret))
		return ns;
	return ret;
}

/* The offset is that of a time zone: days of UTC+2 begin at 22:00 UTC. */
int64_t bucket_time(const struct bucket *bucket, int64_t ns)
{
	int64_t offset = -(int64_t)bucket->offset;

	if (bucket->unit == BUCKET_MONTH || bucket->unit == BUCKET_YEAR)
		return floor_to_calendar(ns, bucket->unit, offset);
	/* 1970-01-01 was a Thursday: weeks begin four days later. */
	if (bucket->unit == BUCKET_WEEK)
		offset += 4 * NS_PER_DAY;
	return floor_to(ns, (int64_t)bucket->step, offset);
}

/* Whole numbers by whole steps stay exact; 7 by 2.5 is 5. */
static bool is_whole(const struct bucket *bucket)
{
	return bucket->step == rint(bucket->step) && bucket->offset == rint(bucket->offset);
}

int64_t bucket_length(const struct bucket *bucket, int64_t begin)
{
	int64_t longest = bucket->unit == BUCKET_YEAR ? 366 * NS_PER_DAY : 31 * NS_PER_DAY;
	int64_t end;

	if (bucket->unit != BUCKET_MONTH && bucket->unit != BUCKET_YEAR)
		return (int64_t)bucket->step;
	/* Whatever is so far behind is in the next bucket, or the first of it. */
	if (__builtin_add_overflow(begin, longest, &end))
		return longest;
	return bucket_time(bucket, end) - begin;
}

static double floor_real(double n, double step, double offset)
{
	int digits = 0;
	double scale = 1;

	if (step <= 0)
		step = 1;
	/* Steps as 0.1 are not exact in binary: count in units of their last digit. */
	while (digits < 15 && fabs(step * scale - rint(step * scale)) > 1e-9 * fabs(step * scale)) {
		digits++;
		scale *= 10;
	}
	double units_of_step = rint(step * scale);
	double shifted = floor((n - offset) * scale + 1e-9);
	double rest = fmod(shifted, units_of_step);

	if (!isfinite(shifted))
		return n;
	if (rest < 0)
		rest += units_of_step;
	return (shifted - rest) / scale + offset;
}

/* Times print with the digits they need: 2024-04-01T00:00:00Z. */
static struct span time_text(char *text, int64_t ns)
{
	size_t len = TIMESTAMP_TEXT_LEN - 1;

	timestamp_format(text, ns);
	while (text[len - 1] == '0')
		len--;
	if (text[len - 1] == '.')
		len--;
	text[len] = 'Z';
	return span_of(text, len + 1);
}

/* Formats into `text` (≥ 64 bytes), or gives the value back. */
static struct span bucket_text(const struct bucket *bucket, struct span value, char *text)
{
	int64_t step = (int64_t)bucket->step, offset = (int64_t)bucket->offset, n;
	uint32_t address;
	double real;

	if (!value.len || ((value.ptr[0] < '0' || value.ptr[0] > '9') && value.ptr[0] != '-'))
		return value;
	if (is_whole(bucket) && lang_i64(value, &n))
		return span_of(text, num_format_i64(text, floor_to(n, step, offset)));
	if (lang_float(value, &real))
		return span_of(text, num_format_double(
					     text, floor_real(real, bucket->step, bucket->offset)));
	if (lang_time(value, &n))
		return time_text(text, bucket_time(bucket, n));
	if (lang_ipv4(value, &address)) {
		address = (uint32_t)floor_to(address, step, offset);
		return span_of(text, (size_t)snprintf(text, 64, "%u.%u.%u.%u", address >> 24,
						      address >> 16 & 255, address >> 8 & 255,
						      address & 255));
	}
	if (lang_duration(value, &n))
		return span_of(text, lang_format_duration(text, floor_to(n, step, offset)));
	if (lang_bytes(value, &n))
		return span_of(text, num_format_i64(text, floor_to(n, step, offset)));
	return value;
}

static int bucket_texts(const struct bucket *bucket, const struct span *from, size_t n,
			struct arena *arena, struct span **ret)
{
	struct span *texts = arena_alloc(arena, (n + 1) * sizeof(*texts));
	char scratch[64];

	if (!texts)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		if (i && span_eq(from[i], from[i - 1])) {
			texts[i] = texts[i - 1];
			continue;
		}
		texts[i] = bucket_text(bucket, from[i], scratch);
		if (texts[i].ptr == scratch)
			texts[i] = arena_dup(arena, texts[i]);
	}
	*ret = texts;
	return arena->overflowed ? -ENOMEM : 0;
}

static int bucket_ints(const struct bucket *bucket, const struct column *from, struct arena *arena,
		       struct column *ret)
{
	int64_t *ints = arena_alloc(arena, (from->nrows + 1) * sizeof(*ints));

	if (!ints)
		return -ENOMEM;
	for (uint32_t i = 0; i < from->nrows; i++)
		ints[i] = from->kind == COLUMN_TIME ? bucket_time(bucket, from->ints[i])
						    : floor_to(from->ints[i], (int64_t)bucket->step,
							       (int64_t)bucket->offset);
	ret->ints = ints;
	ret->texts = NULL;
	return 0;
}

/* The times that share a bucket, both ends included. */
struct bucket_span {
	int64_t first, last;
};

/* Only `ns` itself where the end of its bucket is past what a time can be. */
static struct bucket_span bucket_around(const struct bucket *bucket, int64_t ns)
{
	struct bucket_span span = {.first = bucket_time(bucket, ns)};
	int64_t length = bucket_length(bucket, span.first);

	if (__builtin_add_overflow(span.first, length - 1, &span.last) || span.last < ns ||
	    bucket_time(bucket, span.last) != span.first)
		span.last = ns;
	return span;
}

/*
 * A time column becomes a list of texts, a bucket each, since buckets print
 * shorter than times.  Neighbours mostly share theirs: a run of those is an
 * entry of the list, and none of its rows but the first costs a division.
 */
static int bucket_times(const struct bucket *bucket, const struct column *from, struct arena *arena,
			struct column *ret)
{
	struct text_list *list = ARENA_NEW(arena, struct text_list);
	struct span *texts = arena_alloc(arena, (from->nrows + (size_t)1) * sizeof(*texts));
	uint32_t *numbers = arena_alloc(arena, (from->nrows + (size_t)1) * sizeof(*numbers));
	struct bucket_span span = {.first = 0, .last = -1};
	uint32_t n = 0;

	if (!list || !texts || !numbers)
		return -ENOMEM;
	for (uint32_t i = 0; i < from->nrows; i++) {
		int64_t ns = from->ints[i];
		char scratch[64];

		if (ns < span.first || ns > span.last) {
			span = bucket_around(bucket, ns);
			texts[n++] = arena_dup(arena, time_text(scratch, span.first));
		}
		numbers[i] = n - 1;
	}
	texts[n] = SPAN("");
	*list = (struct text_list){.n = n, .made = true, .texts = texts};
	*ret = (struct column){.name = from->name,
			       .kind = COLUMN_TEXT,
			       .nrows = from->nrows,
			       .list = list,
			       .numbers = numbers};
	return arena->overflowed ? -ENOMEM : 0;
}

struct span bucket_range(const struct bucket *bucket, int64_t min, int64_t max, struct arena *arena)
{
	struct bucket_span span = bucket_around(bucket, min);
	char scratch[64];

	return max > span.last ? SPAN("") : arena_dup(arena, time_text(scratch, span.first));
}

int bucket_column(const struct bucket *bucket, const struct column *from, struct arena *arena,
		  struct column *ret)
{
	struct column copy = *from;
	struct span *dict = NULL;
	int r = 0;

	*ret = copy;
	if (bucket->unit == BUCKET_NONE)
		return 0;
	if (from->kind == COLUMN_TIME)
		return bucket_times(bucket, from, arena, ret);
	if (from->kind == COLUMN_INT && from->scale == 0 && is_whole(bucket))
		return bucket_ints(bucket, from, arena, ret);
	if (from->kind == COLUMN_CONST) {
		r = bucket_texts(bucket, &from->value, 1, arena, &dict);
		if (r >= 0)
			ret->value = dict[0];
	} else if (from->kind == COLUMN_DICT) {
		r = bucket_texts(bucket, from->dict, from->ndict, arena, &dict);
		ret->dict = dict;
	} else {
		const struct span *texts = column_texts(&copy, arena);

		r = texts ? bucket_texts(bucket, texts, from->nrows, arena, &dict) : -ENOMEM;
		*ret = (struct column){.name = from->name,
				       .kind = COLUMN_TEXT,
				       .nrows = from->nrows,
				       .texts = dict};
		return r;
	}
	ret->texts = NULL;
	return r;
}
