/*
 * match.h - what each filter leaf means.  The one definition.
 *
 * The columnar executor, `when:` conditions and rows inside pipes all call
 * these functions, so an answer can't depend on who asks.
 *
 *	filter_match_text()    a leaf on the text of its field
 *	filter_match_time()    TIME, DAY_RANGE, WEEK_RANGE on a time
 *	filter_match_number()  RANGE on a number that is at hand already
 *	filter_match_row()     a whole tree on one row, through a getter
 *
 * Values are texts, and absent is the same as empty.  How a text is read as a
 * number is in number.h.
 */
#ifndef SLUICE_LANG_MATCH_H
#define SLUICE_LANG_MATCH_H

#include "common/data/record.h"
#include "common/lang/ast/filter.h"

/* How a leaf is to be evaluated. */
enum filter_class {
	FILTER_ON_TEXT,   /* filter_match_text() on the value of `field` */
	FILTER_ON_TIME,   /* filter_match_time() on _time */
	FILTER_ON_STREAM, /* filter_match_text() on the text of _stream: {a="b",c="d"} */
	FILTER_ON_PAIR,   /* filter_match_pair() on `field` and `text` */
	FILTER_ON_TYPE, /* VALUE_TYPE: by value_type_of() the column; rows alone: filter_match_text() */
	FILTER_ON_NOTHING, /* ALL, NONE: filter->kind == FILTER_ALL is the answer */
};
enum filter_class filter_class(const struct filter *leaf);

/* Leaves of class ON_TEXT and ON_STREAM.  NUL bytes and broken UTF-8 are fine. */
bool filter_match_text(const struct filter *leaf, struct span text);
bool filter_match_time(const struct filter *leaf, int64_t ns);
/* EQ_FIELD, LE_FIELD, LT_FIELD: `text` is the field's, `other` that of leaf->text. */
bool filter_match_pair(const struct filter *leaf, struct span text, struct span other);

/* RANGE: the same as filter_match_text() on a text that reads as this number. */
static inline bool filter_match_number(const struct filter *leaf, double number)
{
	return number >= leaf->min && number <= leaf->max;
}

/*
 * Hashes of the words that a text must have for the leaf (ON_TEXT) to match:
 * all of them.  Returns how many were written, at most `max`; 0 = can't tell.
 * For OR-like leaves see filter_token_alternatives().
 */
size_t filter_required_tokens(const struct filter *leaf, uint64_t *tokens, size_t max);
/*
 * IN, CONTAINS_ANY and the like: a text must have all words of one value.
 * The words of value `i` of leaf->values.
 */
bool filter_has_alternatives(const struct filter *leaf);
size_t filter_alternative_tokens(const struct filter *leaf, size_t i, uint64_t *tokens, size_t max);

/* True if a leaf of class ON_TEXT matches the empty text, so absent fields too. */
bool filter_matches_empty(const struct filter *leaf);

/* What a tree reads.  `fn` is called for each field (prefix* if wild), with repetitions. */
typedef int filter_field_fn(void *ctx, struct span field, bool wild);
int filter_fields(const struct filter *filter, filter_field_fn *fn, void *ctx);

/* One row, wherever it lives. */
struct row_view {
	/* The text of a field; empty if absent. */
	struct span (*get)(const struct row_view *row, struct span field);
	/* For `foo*:bar`: the i-th field; false behind the last.  NULL = no such filters. */
	bool (*at)(const struct row_view *row, size_t i, struct span *ret_name,
		   struct span *ret_text);
	/* _time of the row; false if it has none.  NULL = parse the text of _time. */
	bool (*time)(const struct row_view *row, int64_t *ret_ns);
	const void *ctx;
};

bool filter_match_row(const struct filter *filter, const struct row_view *row);

/*
 * A record of the pipeline: _msg is its message, _time its time, `http.status`
 * is looked up in nested objects, {service="x"} looks at the field.
 */
bool filter_match_record(const struct filter *filter, const struct record *record);

/*
 * The type that the reference gives a column of these values: const dict uint8
 * uint16 uint32 uint64 int64 float64 ipv4 iso8601 string; empty for no rows.
 */
struct span value_type_of(const struct span *values, size_t n);
/* The same for a value without its column: never const or dict. */
struct span value_type_alone(struct span value);

#endif
