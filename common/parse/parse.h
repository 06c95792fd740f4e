/*
 * parse.h - one line to one record.
 *
 * `auto` tries JSON, then the shapes of operations.md by a look at the first
 * bytes, then plain text.  A line never fails: what no parser understands
 * becomes {message: the raw line} with RECORD_PARSE_ERROR where it looked like
 * a format and was not.
 *
 *	struct parser *p = parser_new(SPAN("auto"), &err);
 *	parser_line(p, line, now, &rec);
 *
 * A parser is immutable after new and may be used by several threads.
 */
#ifndef SLUICE_PARSE_PARSE_H
#define SLUICE_PARSE_PARSE_H

#include "common/base/err.h"
#include "common/data/record.h"

struct parser;

/*
 * auto, json, logfmt, plain, cri, syslog, access, klog, or regex:PATTERN whose
 * named groups become fields.  -EINVAL: no such name (reterr lists them), or
 * the pattern does not compile (reterr->offset is within it).
 */
int parser_new(struct span format, struct parser **ret, struct err *reterr);
void parser_free(struct parser *parser);
/* Whether lines of container runtimes are of this format, so that their parts are joined. */
bool parser_takes_containers(const struct parser *parser);

/*
 * Fill `rec` (after record_init) from `line`, which has no newline.  Canonical
 * fields are mapped, time and severity set, `observed_ns` used where the line
 * has no time.  Invalid UTF-8 is replaced (flag).  0, or -ENOMEM when the arena
 * is used up: nothing of the record is to be trusted then.
 */
int parser_line(const struct parser *parser, struct span line, int64_t observed_ns,
		struct record *rec);

#endif
