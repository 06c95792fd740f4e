/*
 * highlight.h - what of a row has matched, so that it can be shown in color.
 *
 * Each leaf of the filter that is about a text, and is not negated, becomes a
 * pattern for its field.  Numbers, times and what compares fields have none.
 *
 *	error -debug level:ERROR "time out"	_msg: error, time out   level: ERROR
 *
 *	highlight_new(query->filter, &h);
 *	style.highlight = h;			style_color only
 *	highlight_lines(&style, SPAN("_msg"), text, 4, &out);
 *	highlight_free(h);
 */
#ifndef SLUICE_LOGQ_HIGHLIGHT_H
#define SLUICE_LOGQ_HIGHLIGHT_H

#include "aggregator/logq/style.h"

struct filter;
struct highlight;

/* The filter must outlive it.  0 or -ENOMEM. */
int highlight_new(struct filter *filter, struct highlight **ret);
void highlight_free(struct highlight *highlight);

/* As style_text() and style_lines(), with what matched of that field painted. */
void highlight_text(const struct style *style, struct span field, struct span text,
		    struct buf *out);
void highlight_lines(const struct style *style, struct span field, struct span text,
		     unsigned indent, struct buf *out);

#endif
