/*
 * regex.h - PCRE2, the way all of Sluice uses it.
 *
 * UTF mode that also accepts invalid UTF-8 in the subject, JIT where the
 * system allows it (the interpreter elsewhere), a match limit so that no
 * pattern runs away (acceptance F26), no memory allocated per match: each
 * thread keeps one set of offsets.  As in Go, whose syntax LogsQL has, `$` is
 * the very end of the text, not the place before a last newline.  A compiled
 * regex may be used by many threads.
 *
 * Patterns of queries are REGEX_RE2: what RE2 can't do is refused, so that a
 * query means the same wherever LogsQL is spoken.  Matches that reach the limit
 * are counted, since they are no answer; a query says so, and stops trying.
 *
 *	struct regex *re;
 *	r = regex_new(SPAN("time(out|d out)"), REGEX_ICASE, &re, &err);
 *	hit = regex_match(re, text);		1, 0, or -E2BIG: match limit
 *	regex_free(re);
 */
#ifndef SLUICE_CONF_REGEX_H
#define SLUICE_CONF_REGEX_H

#include "common/base/cleanup.h"
#include "common/base/err.h"
#include "common/base/span.h"

#define REGEX_MATCH_LIMIT 100000  /* steps of a match */
#define REGEX_QUERY_LIMIT 1000000 /* the same for REGEX_RE2: some milliseconds */
#define REGEX_PATTERN_MAX (64u << 10)
#define REGEX_GROUPS_MAX  64

enum regex_flag {
	REGEX_ICASE = 1,
	REGEX_ANCHORED = 2, /* only at the start of the subject */
	REGEX_DOTALL = 4,   /* '.' matches newlines too */
	REGEX_RE2 = 8,      /* RE2's syntax only, see regex_re2.h */
	REGEX_WHOLE = 16,   /* the match is all of the subject */
};

struct regex;

/* -EINVAL with text and reterr->offset, the byte of the pattern; -E2BIG, -ENOMEM. */
int regex_new(struct span pattern, unsigned flags, struct regex **ret, struct err *reterr);
void regex_free(struct regex *regex);
DEFINE_CLEANUP(struct regex *, regex_free);

/* 1 match, 0 none, -E2BIG match limit, -ENOMEM. */
int regex_match(const struct regex *regex, struct span subject);
/* How many matches have reached the limit. */
unsigned regex_runaways(const struct regex *regex);
/* Count them anew, and answer -E2BIG at once behind `max` of them.  Not while others match. */
void regex_bound_runaways(struct regex *regex, unsigned max);
/*
 * The same with groups: groups[0] is the whole match; a group that took no
 * part has a NULL ptr.  Returns how many of `max` were filled, 0 for no match.
 * The search starts at byte `start`, with what is before it as context.
 */
int regex_exec(const struct regex *regex, struct span subject, size_t start, struct span *groups,
	       size_t max);

/*
 * A text that is in all that the regex matches; empty = unknown.  Lives as
 * long as the regex.  *ret_whole: and whatever has it in it matches.
 */
struct span regex_needle(const struct regex *regex, bool *ret_whole);
/* Groups of the pattern, the whole match not counted. */
size_t regex_groups(const struct regex *regex);
/* Name of group i (from 1), or the empty span; lives as long as the regex. */
struct span regex_group_name(const struct regex *regex, size_t i);

#endif
