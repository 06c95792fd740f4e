/*
 * print_view.h - answers that are drawn: bars over time, shares, patterns, a trace.
 *
 * A view is what -o auto shows of rows that a flag or the last pipe made:
 *
 *	--histogram		time           hits
 *				Nov 28 01:53     12  ███▎
 *				       01:54      0
 *	-F FIELD, -N		level  count  share
 *				INFO   14672  73.2%  █████████████████████▉
 *	--patterns		count  trend     pattern
 *				 3121  ▂▂▃▄▇▇█▅  request completed
 *	stats by (_time:1m)	a table in order of time
 *	logq trace ID		see print_trace.c
 *
 * All of them fit the terminal's width, and are of ASCII where the locale is.
 * Rows that don't have the fields of a view are a table.
 */
#ifndef SLUICE_LOGQ_PRINT_VIEW_H
#define SLUICE_LOGQ_PRINT_VIEW_H

#include "aggregator/logq/print_row.h"
#include <stdint.h>

enum view_kind {
	VIEW_NONE,
	VIEW_HISTOGRAM,
	VIEW_VALUES,
	VIEW_NAMES,
	VIEW_PATTERNS,
	VIEW_TIMES,
	VIEW_TRACE
};

struct view {
	enum view_kind kind;
	int64_t step_ns;   /* of the histogram, so that empty steps are seen; 0: unknown */
	bool coarsen;      /* … it is finer than bars are to be */
	struct span field; /* whose values are counted */
};

int print_view(const struct style *style, const struct view *view, const struct out_row *rows,
	       size_t n, struct buf *out);

/* The parts of print_view() in other files. */
int print_trace(const struct style *style, const struct out_row *rows, size_t n, struct buf *out);

#endif
