/*
 * json_array.h - the items of a JSON array as logs hold it.
 *
 * Lenient where services are: NaN, +1 and .5 are items, and strings may have
 * line ends and wrong escapes in them.  Strings come raw, between their quotes;
 * objects and arrays, which must be valid, as they stand.  `valid` is cleared
 * when the text turns out to be no array; items before that were given out, so
 * walk it once before use where that matters.
 */
#ifndef SLUICE_QUERY_PIPES_JSON_ARRAY_H
#define SLUICE_QUERY_PIPES_JSON_ARRAY_H

#include "common/base/arena.h"
#include "common/base/span.h"

struct json_array {
	struct span rest;
	bool first, valid;
};

/* False if `text` does not begin like an array. */
bool json_array_init(struct json_array *array, struct span text);
/* The next item; *ret_quoted: a string.  False at the end. */
bool json_array_next(struct json_array *array, struct span *ret_item, bool *ret_quoted);
/*
 * What an item says: a string without its escapes, as it stands if one of them is
 * wrong.  Borrows where it can; NULL ptr past the arena's budget.
 */
struct span json_array_text(struct arena *arena, struct span item, bool quoted);

#endif
