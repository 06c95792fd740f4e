/*
 * timestamp.h - times as services write them, to nanoseconds and back.
 *
 * No libc: strptime costs 64–400 ns and mktime without TZ 1.5 µs; these fixed
 * formats take about 10 ns.  Years 0001–9999; ns in an int64_t reach from 1677
 * to 2262, anything outside is -ERANGE.
 */
#ifndef SLUICE_DATA_TIMESTAMP_H
#define SLUICE_DATA_TIMESTAMP_H

#include "common/base/span.h"
#include <stdint.h>

#define TIMESTAMP_TEXT_LEN 30 /* 2026-03-01T12:00:00.005306000Z */

/* RFC 3339, 9 digits, UTC; writes exactly TIMESTAMP_TEXT_LEN bytes, no NUL. */
void timestamp_format(char text[TIMESTAMP_TEXT_LEN], int64_t ns);

/* True when `text`, a valid time, is written as timestamp_format() writes it: no second 60. */
static inline bool timestamp_is_canonical(struct span text)
{
	return text.len == TIMESTAMP_TEXT_LEN && text.ptr[4] == '-' && text.ptr[10] == 'T' &&
	       text.ptr[17] != '6' && text.ptr[19] == '.' && text.ptr[29] == 'Z';
}

/*
 * What a log line may carry: RFC 3339 and ISO 8601 (T or space, '-' or '/' in
 * the date, seconds may be missing, '.' or ',' and a fraction, cut after nine
 * digits, Z, ±hh:mm, ±hhmm, ±hh, none = UTC), and bare numbers (≥ 1e18 ns,
 * ≥ 1e15 µs, ≥ 1e12 ms, else s, with fraction).
 * 0, -EINVAL, or -ERANGE.  The whole text must be the time.
 */
int timestamp_parse(struct span text, int64_t *ret_ns);
/* RFC 3339/ISO only, from the front; *ret_len is where it stopped. */
int timestamp_parse_iso(struct span text, int64_t *ret_ns, size_t *ret_len);
/* A number by its magnitude, as above. */
int timestamp_parse_number(struct span text, int64_t *ret_ns);

/*
 * The pieces, for the formats of common/parse.  The readers take what they
 * know from [p, end) and return where they stopped, or NULL.
 */
struct civil_time {
	unsigned year, month, day; /* month and day from 1 */
	unsigned hour, minute, second;
	uint32_t ns;
	int32_t zone_seconds; /* east of Greenwich */
};
/* 12:34, 12:34:56, 12:34:56.789, 12:34:56,789 */
const char *timestamp_read_clock(const char *p, const char *end, struct civil_time *t);
/* Z, +01:00, +0100, +01, " +0100"; nothing is UTC; NULL when out of range. */
const char *timestamp_read_zone(const char *p, const char *end, struct civil_time *t);
/* 0, -EINVAL for a 30th of February, -ERANGE. */
int timestamp_compose(const struct civil_time *t, int64_t *ret_ns);

/* Days since 1970-01-01 of a proleptic Gregorian date; month 1–12. */
int64_t timestamp_days(int64_t year, unsigned month, unsigned day);
/* The inverse. */
void timestamp_civil(int64_t days, int64_t *ret_year, unsigned *ret_month, unsigned *ret_day);

#endif
