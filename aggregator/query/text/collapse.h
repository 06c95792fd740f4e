/*
 * collapse.h - numbers in a text become <N>, so that equal messages look equal.
 *
 *	"took 17ms at 10.0.0.3, id=5f0c9a12"  →  "took <N>ms at <N>.<N>.<N>.<N>, id=<N>"
 *
 * A number is a run of decimal digits, or of hex digits if they are at least 4
 * and even in number, that does not begin or end inside a word; letters that
 * units and times put next to numbers (T x v s h m before, T Z s m h u n µ
 * behind) don't count as word.
 */
#ifndef SLUICE_QUERY_TEXT_COLLAPSE_H
#define SLUICE_QUERY_TEXT_COLLAPSE_H

#include "common/base/buf.h"
#include "common/data/text_list.h"

void text_collapse_nums(struct span text, struct buf *out);
/* Append what all texts of the shape collapse to; false, and nothing, where they may differ. */
bool text_collapse_shape(const struct text_shape *shape, struct buf *out);

/*
 * Name what groups of <N> stand for: <UUID>, <IP4>, <TIME>, <DATE>, <DATETIME>.
 * Rewrites out->ptr[from …] in place; the result is never longer.
 */
void text_prettify_nums(struct buf *out, size_t from);

#endif
