/*
 * time_text.h - RFC 3339 times, whole and cut short, as _time filters take them.
 *
 *	2024  2024-05  2024-05-01  2024-05-01T10  2024-05-01T10:20  …:30  …:30.5
 *
 * A time that was cut short means the whole year, month, day …, so its unit is
 * told.
 */
#ifndef SLUICE_LANG_TIME_TEXT_H
#define SLUICE_LANG_TIME_TEXT_H

#include "common/base/span.h"
#include <stdint.h>

enum time_unit {
	TIME_UNIT_YEAR,
	TIME_UNIT_MONTH,
	TIME_UNIT_DAY,
	TIME_UNIT_HOUR,
	TIME_UNIT_MINUTE,
	TIME_UNIT_SECOND,
	TIME_UNIT_MILLI, /* 1 to 3 digits of fraction */
	TIME_UNIT_MICRO, /* 4 to 6 */
	TIME_UNIT_NANO,
};

/* Without a zone, taken as UTC.  0, -EINVAL, or -ERANGE: outside of 1677 to 2262. */
int time_text_parse(struct span text, bool sql_space, int64_t *ret_ns, enum time_unit *ret_unit);

/*
 * What a clock on the wall here shows, read as if it were UTC, to real time.
 * An hour that summer time skips is that behind it.
 */
int64_t time_text_local(int64_t wall_ns);

/* Cut Z or ±hh:mm off the end; false, and text untouched, if there is none. */
bool time_text_cut_zone(struct span *text, int64_t *ret_offset_ns);

#endif
