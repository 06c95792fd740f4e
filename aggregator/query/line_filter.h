/*
 * line_filter.h - lines that can't match, told without parsing them.
 *
 * A filter such as `payment declined` can only match a line that has these
 * bytes somewhere, so memmem() over a whole chunk finds the few lines that are
 * worth parsing.  That holds as long as the line is written plainly: a line
 * with a backslash may spell its text otherwise and is always parsed, and so
 * are fields that the parsers rewrite (level, time, ids).
 *
 *	level:error _msg:"timed out"  →  literal `timed out`
 *	a:foo or b:bar                →  none: all lines are parsed
 */
#ifndef SLUICE_QUERY_LINE_FILTER_H
#define SLUICE_QUERY_LINE_FILTER_H

#include "common/lang/ast/filter.h"

/*
 * The longest text that each line must have to match; empty = can't tell.  It
 * lives as long as the filter.
 */
struct span line_filter_literal(const struct filter *filter);

#endif
