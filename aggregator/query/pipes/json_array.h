/*
 * json_array.h - the items of a JSON array as logs hold it.
 *
 * Lenient where services are: bare words such as NaN are items.  Strings come
 * raw, between their quotes; objects and arrays as they stand.  `valid` is
 * cleared when the text turns out to be no array; items before that were given
 * out, so walk it once before use where that matters.
 */
#ifndef SLUICE_QUERY_PIPES_JSON_ARRAY_H
#define SLUICE_QUERY_PIPES_JSON_ARRAY_H

#include "common/base/span.h"

struct json_array {
	struct span rest;
	bool first, valid;
};

/* False if `text` does not begin like an array. */
bool json_array_init(struct json_array *array, struct span text);
/* The next item; *ret_quoted: a string, unescape it.  False at the end. */
bool json_array_next(struct json_array *array, struct span *ret_item, bool *ret_quoted);

#endif
