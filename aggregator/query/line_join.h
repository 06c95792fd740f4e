/*
 * line_join.h - the parts of a line that a container runtime cut.
 *
 *	… stdout P {"level":"error",      held
 *	… stderr F another stream         comes out, as it is
 *	… stdout F "msg":"x"}             both parts come out, as one text of two lines
 *
 * Parsers read such a text as one line (common/parse/cri.c), so raw files give
 * the records that the shipper makes of them.
 *
 *	if (line_join_needed(text)) …
 *	while (span_cut(&text, '\n', &line))
 *		if (line_join_add(&join, line, &whole) == 1) …	good until the next call
 *	while (line_join_rest(&join, &whole)) …			parts whose end never came
 */
#ifndef SLUICE_QUERY_LINE_JOIN_H
#define SLUICE_QUERY_LINE_JOIN_H

#include "common/base/buf.h"
#include <stdbool.h>

#define LINE_JOIN_STREAMS 2 /* stdout, stderr */

struct line_join {
	struct buf held[LINE_JOIN_STREAMS];
	bool taken[LINE_JOIN_STREAMS]; /* it was handed out: the next call empties it */
};

/* `max`: of the lines that are added before line_join_rest(). */
void line_join_init(struct line_join *join, size_t max);
void line_join_release(struct line_join *join);

/* True if lines of a container runtime are there, and parts among them. */
bool line_join_needed(struct span lines);
/* 1 and what is to be parsed, 0 while more is to come, -ENOMEM. */
int line_join_add(struct line_join *join, struct span line, struct span *ret);
/* Hand out what is still held; false when there is nothing. */
bool line_join_rest(struct line_join *join, struct span *ret);

/*
 * Take the parts whose end is not there, of at most `max` bytes, out of the
 * whole lines in `lines` and append them to `ret_open`.  0 or -ENOMEM.
 */
int line_join_hold(struct buf *lines, size_t max, struct buf *ret_open);

#endif
