#include "aggregator/query/line_filter.h"

/* Fields that are not in the line as the parsers give them. */
static bool is_rewritten(struct span field)
{
	static const struct span names[] = {
		SPAN("_time"),    SPAN("_stream"),  SPAN("_stream_id"),
		SPAN("level"),    SPAN("severity"), SPAN("timestamp"),
		SPAN("trace_id"), SPAN("span_id"),  SPAN("parent_span_id"),
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (span_eq(field, names[i]))
			return true;
	return span_starts(field, SPAN("log."));
}

/*
 * Parsers replace broken UTF-8, formats as logfmt have escapes of their own,
 * and a number of a format that is no JSON may be written anew: the literal has
 * letters of ASCII, nothing that is ever escaped.
 */
static bool is_plain(struct span text)
{
	for (size_t i = 0; i < text.len; i++)
		if (text.ptr[i] < ' ' || text.ptr[i] > '~' || text.ptr[i] == '"' ||
		    text.ptr[i] == '\\')
			return false;
	return text.len > 0;
}

static struct span leaf_literal(const struct filter *leaf)
{
	struct span text = {0};

	switch (leaf->kind) {
	case FILTER_PHRASE:
	case FILTER_PREFIX:
	case FILTER_SUBSTRING:
	case FILTER_EXACT:
	case FILTER_EXACT_PREFIX:
		text = leaf->text;
		break;
	case FILTER_IN:
	case FILTER_CONTAINS_ANY:
		if (!leaf->values.subquery && leaf->values.len == 1)
			text = leaf->values.ptr[0];
		break;
	default:
		break;
	}
	if (leaf->wild || is_rewritten(leaf->field) || !is_plain(text))
		return (struct span){0};
	return text;
}

/* Depth is bounded by the parser's QUERY_DEPTH_MAX. */
struct span line_filter_literal(const struct filter *filter)
{
	struct span best = {0};

	if (!filter)
		return best;
	if (filter_is_leaf(filter))
		return leaf_literal(filter);
	if (filter->kind != FILTER_AND)
		return best;
	for (size_t i = 0; i < filter->nkids; i++) {
		struct span text = line_filter_literal(filter->kids[i]);

		if (text.len > best.len)
			best = text;
	}
	return best;
}
