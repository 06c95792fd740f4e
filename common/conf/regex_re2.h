/*
 * regex_re2.h - whether a pattern is one of RE2, which is what LogsQL takes.
 *
 * PCRE2 has more: look-around, back-references, possessive quantifiers.  A
 * query that used them would mean something here only, and couldn't be matched
 * without backtracking.  What both have means the same.
 */
#ifndef SLUICE_CONF_REGEX_RE2_H
#define SLUICE_CONF_REGEX_RE2_H

#include "common/base/err.h"
#include "common/base/span.h"

/* 0, or -EINVAL with what it is and the byte of the pattern.  Says nothing of what PCRE2 refuses. */
int regex_check_re2(struct span pattern, struct err *reterr);

#endif
