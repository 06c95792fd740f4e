/*
 * eval.c - a tree of filters on one row or record.
 */
#include "common/lang/match.h"
#include "common/lang/number.h"
#include "common/lang/stream.h"

/* A row that has no _stream is matched by the fields that the labels name. */
static struct span get_label(const void *ctx, struct span name, struct buf *scratch)
{
	const struct row_view *row = ctx;

	(void)scratch;
	return row->get(row, name);
}

static bool match_stream(const struct filter *leaf, const struct row_view *row)
{
	struct span stream = row->get(row, SPAN("_stream"));

	return stream.len ? filter_match_text(leaf, stream) : stream_match(leaf, get_label, row);
}

static bool match_time(const struct filter *leaf, const struct row_view *row)
{
	int64_t ns;

	if (row->time ? row->time(row, &ns) : lang_time(row->get(row, SPAN("_time")), &ns))
		return filter_match_time(leaf, ns);
	return false;
}

static bool match_value(const struct filter *leaf, const struct row_view *row, struct span text)
{
	if (filter_class(leaf) == FILTER_ON_PAIR)
		return filter_match_pair(leaf, text, row->get(row, leaf->text));
	return filter_match_text(leaf, text);
}

/* One of the fields whose names start so; an empty one is none. */
static bool match_any_field(const struct filter *leaf, const struct row_view *row)
{
	struct span name, text;

	for (size_t i = 0; row->at && row->at(row, i, &name, &text); i++)
		if (text.len && span_starts(name, leaf->field) && match_value(leaf, row, text))
			return true;
	return false;
}

static bool match_leaf(const struct filter *leaf, const struct row_view *row)
{
	switch (filter_class(leaf)) {
	case FILTER_ON_NOTHING:
		return leaf->kind == FILTER_ALL;
	case FILTER_ON_STREAM:
		return match_stream(leaf, row);
	case FILTER_ON_TIME:
		return match_time(leaf, row);
	default:
		return leaf->wild ? match_any_field(leaf, row)
				  : match_value(leaf, row, row->get(row, leaf->field));
	}
}

/* Depth is bounded by the parser. */
bool filter_match_row(const struct filter *filter, const struct row_view *row)
{
	if (filter_is_leaf(filter))
		return match_leaf(filter, row);
	if (filter->kind == FILTER_NOT)
		return !filter_match_row(filter->kids[0], row);
	/* AND ends at the first that doesn't match, OR at the first that does. */
	bool ends_with = filter->kind == FILTER_OR;

	for (size_t i = 0; i < filter->nkids; i++)
		if (filter_match_row(filter->kids[i], row) == ends_with)
			return ends_with;
	return !ends_with;
}

/* Names of LogsQL for what records call otherwise. */
static struct span record_key(struct span field)
{
	if (span_eq(field, SPAN("_msg")))
		return SPAN("message");
	if (span_eq(field, SPAN("_time")))
		return SPAN("timestamp");
	return field;
}

static struct span field_text(const struct field *field)
{
	return field->type == VALUE_NULL ? (struct span){0} : field->text;
}

static struct span record_row_get(const struct row_view *row, struct span name)
{
	const struct record *record = row->ctx;
	struct field field;

	if (record_find(record, record_key(name), &field) < 0)
		return (struct span){0};
	return field_text(&field);
}

static bool record_row_at(const struct row_view *row, size_t i, struct span *ret_name,
			  struct span *ret_text)
{
	const struct record *record = row->ctx;

	if (i >= record->nfields)
		return false;
	*ret_name = record->fields[i].key;
	if (span_eq(*ret_name, SPAN("message")))
		*ret_name = SPAN("_msg");
	*ret_text = field_text(&record->fields[i]);
	return true;
}

static bool record_row_time(const struct row_view *row, int64_t *ret_ns)
{
	*ret_ns = ((const struct record *)row->ctx)->time_ns;
	return true;
}

bool filter_match_record(const struct filter *filter, const struct record *record)
{
	struct row_view row = {record_row_get, record_row_at, record_row_time, record};

	return filter_match_row(filter, &row);
}

static int leaf_fields(const struct filter *leaf, filter_field_fn *fn, void *ctx)
{
	int r;

	if (filter_class(leaf) == FILTER_ON_NOTHING)
		return 0;
	r = fn(ctx, leaf->field, leaf->wild);
	if (r >= 0 && filter_class(leaf) == FILTER_ON_PAIR)
		r = fn(ctx, leaf->text, false);
	return r;
}

int filter_fields(const struct filter *filter, filter_field_fn *fn, void *ctx)
{
	int r = 0;

	if (filter_is_leaf(filter))
		return leaf_fields(filter, fn, ctx);
	for (size_t i = 0; r >= 0 && i < filter->nkids; i++)
		r = filter_fields(filter->kids[i], fn, ctx);
	return r;
}
