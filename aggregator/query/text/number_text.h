/*
 * number_text.h - numbers that a query computed, as text of a field.
 */
#ifndef SLUICE_QUERY_TEXT_NUMBER_TEXT_H
#define SLUICE_QUERY_TEXT_NUMBER_TEXT_H

#include "common/base/buf.h"
#include <stdint.h>

/*
 * Shortest digits that read back as the same double, never with an exponent:
 * 1e21 is 1000000000000000000000.  NaN, +Inf and -Inf by name.
 */
void number_put(struct buf *out, double number);

/* RFC 3339 UTC, with as many of 9 digits behind the point as are not 0. */
void number_put_time(struct buf *out, int64_t ns);

#endif
