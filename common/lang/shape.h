/*
 * shape.h - what a filter leaf says of all texts of a shape at once.
 *
 *	"user ¤ paid ¤ms"    paid   each text has the word
 *	                     42     no or yes: the texts must be looked at
 *	                     error  none has it, for digits are no letters
 *
 * Exactly filter_match_text() of match.h, or "maybe".
 */
#ifndef SLUICE_LANG_SHAPE_H
#define SLUICE_LANG_SHAPE_H

#include "common/data/text_list.h"
#include "common/lang/ast/filter.h"

enum shape_match { SHAPE_NO, SHAPE_YES, SHAPE_MAYBE };

/* Leaves of class FILTER_ON_TEXT. */
enum shape_match filter_match_shape(const struct filter *leaf, const struct text_shape *shape);

#endif
