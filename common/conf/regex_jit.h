/*
 * regex_jit.h - a way around a fault of PCRE2's JIT.
 *
 * Compiled with PCRE2_MATCH_INVALID_UTF (10.42), \D, \S and \W match no
 * character beyond ASCII where they stand alone.  In brackets they do, and
 * [\S] is the same as \S.
 */
#ifndef SLUICE_CONF_REGEX_JIT_H
#define SLUICE_CONF_REGEX_JIT_H

#include "common/base/buf.h"
#include "common/base/span.h"

/* Appends the pattern with brackets around these.  True: there were any. */
bool regex_put_in_brackets(struct span pattern, struct buf *out);

#endif
