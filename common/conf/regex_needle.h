/*
 * regex_needle.h - a text that whatever a pattern matches has in it.
 *
 *	user [0-9]+7,      "user "
 *	timed? out\.       " out."
 *	a|b  (?i)x  [ab]+  none
 *
 * A search for plain text is several times as fast as the pattern.  Only what
 * is certain counts: of anything unusual there is no needle.
 */
#ifndef SLUICE_CONF_REGEX_NEEDLE_H
#define SLUICE_CONF_REGEX_NEEDLE_H

#include "common/base/buf.h"

/* Set `out` to the longest, or to nothing.  *ret_whole: the pattern is that text and no more. */
void regex_find_needle(struct span pattern, struct buf *out, bool *ret_whole);

#endif
