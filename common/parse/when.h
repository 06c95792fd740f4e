/*
 * when.h - times in the shapes that are not ISO: web servers, syslog, mail,
 * and a number of seconds.
 *
 *	17/May/2015:10:05:03 +0000     Mar  1 12:00:00[.123]
 *	Mon, 02 Jan 2006 15:04:05 GMT  Mon Jan  2 15:04:05 [UTC] 2006
 *	17/06/09 20:10:40              20120702.102240,672
 */
#ifndef SLUICE_PARSE_WHEN_H
#define SLUICE_PARSE_WHEN_H

#include "common/data/timestamp.h"

/*
 * The whole text, as the value of a field: ISO, a number (≥ 1e8 s: a smaller
 * one is a duration or a counter), or one of the above with a year.
 */
bool when_parse(struct span text, int64_t *ret_ns);

/*
 * A time at the front of `text`: ISO or one of the above.  Where the year is
 * missing it is the one that puts the time nearest before `observed_ns`, up to
 * two days after it for clocks that run ahead.  Returns its length, 0 = none.
 */
size_t when_front(struct span text, int64_t observed_ns, int64_t *ret_ns);

/* The pieces for single formats; same return. */
size_t when_access(struct span text, int64_t *ret_ns);
size_t when_syslog(struct span text, int64_t observed_ns, int64_t *ret_ns);

/* The name of a time zone, PDT or CEST, at the front: its length, 0 = none we know. */
size_t when_zone_name(struct span text, int32_t *ret_seconds);
/* Set the year that is missing in `t`. */
bool when_infer_year(struct civil_time *t, int64_t observed_ns, int64_t *ret_ns);

#endif
