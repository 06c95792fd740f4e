/*
 * json_scan.h - strict, flat, borrowed JSON scanning (RFC 8259).
 *
 * One pass validates everything (UTF-8, escapes, numbers, structure to a depth
 * of 64 without recursion) and yields the top-level fields; objects and arrays
 * below stay raw text.  Nothing is allocated but the decoded text of strings
 * that contain escapes, from the record's arena.
 *
 *	if (json_scan_record(line, &rec, &at) < 0)
 *		"not JSON at byte `at`"
 *
 * The unit tests hold it against json-c's strict mode; tests/fuzz too.
 */
#ifndef SLUICE_DATA_JSON_SCAN_H
#define SLUICE_DATA_JSON_SCAN_H

#include "common/data/record.h"

#define JSON_DEPTH_MAX 64

/*
 * Append the fields of the object `text` (surrounding space allowed) to `rec`
 * and set rec->json.  Returns 0; -EBADMSG with *ret_at the byte offset of the
 * first error; -E2BIG: deeper than 64 or more than RECORD_FIELDS_HARD fields;
 * -ENOMEM.  On failure rec's fields are as before.
 */
int json_scan_record(struct span text, struct record *rec, size_t *ret_at);

/* Any one JSON value.  0, -EBADMSG or -E2BIG as above. */
int json_validate(struct span text, size_t *ret_at);

/* Walk the members of a valid object or the elements of a valid array. */
struct json_iter {
	const char *at, *end;
	bool object;
};
struct json_item {
	struct span key;  /* raw, between the quotes; empty for array elements */
	struct span text; /* strings: raw, between the quotes; else the raw value */
	enum value_type type;
	bool key_escaped, text_escaped; /* json_unescape() before use */
};

/* `valid` must have passed json_validate().  False when it is neither. */
bool json_iter_init(struct json_iter *iter, struct span valid);
bool json_iter_next(struct json_iter *iter, struct json_item *ret);

/* Decode the escapes of a validated string body; NULL ptr past the arena's budget. */
struct span json_unescape(struct arena *arena, struct span body);

/*
 * Call `emit` for each leaf of a validated object, keys joined by dots under
 * `prefix` ("http" → "http.status").  Arrays are leaves (raw JSON), empty
 * objects give none.  Stops at the first negative return and hands it on.
 */
typedef int json_leaf_fn(void *ctx, struct span key, enum value_type type, struct span text);
int json_flatten(struct span object, struct span prefix, struct arena *arena, json_leaf_fn *emit,
		 void *ctx);

#endif
