/*
 * level.h - find a level word near the front of a text line.
 *
 *	INFO [main] …        [error] 12#0: …      - name - WARNING - …
 *	<warn>  [170…] …     ERROR: relation …    local.ERROR: …
 *
 * A word counts when it is written as levels are: all upper case, or between
 * brackets, or in front with a colon behind it, or right behind the time.
 */
#ifndef SLUICE_PARSE_LEVEL_H
#define SLUICE_PARSE_LEVEL_H

#include "common/base/span.h"
#include <stdint.h>

/*
 * The severity, 0 = none.  `timed`: a time stood in front of `text`.
 * *ret_end is where the word ends if nothing but brackets is before it, else 0.
 */
uint32_t level_find(struct span text, bool timed, size_t *ret_end);

/* Skip these characters and color codes. */
struct span level_skip_filling(struct span text, struct span filling);

#endif
