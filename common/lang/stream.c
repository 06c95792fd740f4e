/*
 * stream.c - labels of streams; see stream.h.
 */
#include "common/lang/stream.h"
#include "common/base/cleanup.h"
#include "common/conf/regex.h"
#include "common/lang/quote.h"

/* The next label; its value is raw, between its quotes. */
static bool next_label(struct span *rest, struct span *ret_name, struct span *ret_raw)
{
	ptrdiff_t equals = span_chr(*rest, '=');

	if (equals <= 0)
		return false;
	struct span value = span_skip(*rest, (size_t)equals + 1);
	size_t len = span_starts(value, SPAN("\"")) ? quote_len(value) : 0;

	if (len == 0 || (value.len > len && value.ptr[len] != ','))
		return false;
	*ret_name = span_take(*rest, (size_t)equals);
	*ret_raw = span_of(value.ptr + 1, len - 2);
	*rest = span_skip(value, len + 1);
	return true;
}

bool stream_text_parse(struct span text, struct stream_text *ret)
{
	struct span name, raw, rest;

	if (text.len < 2 || text.ptr[0] != '{' || text.ptr[text.len - 1] != '}')
		return false;
	ret->labels = rest = span_take(span_skip(text, 1), text.len - 2);
	while (rest.len)
		if (!next_label(&rest, &name, &raw))
			return false;
	return true;
}

struct span stream_text_get(const void *stream_text, struct span name, struct buf *scratch)
{
	struct span rest = ((const struct stream_text *)stream_text)->labels, found, raw;

	while (rest.len && next_label(&rest, &found, &raw)) {
		if (!span_eq(found, name))
			continue;
		if (span_chr(raw, '\\') < 0)
			return raw;
		buf_reset(scratch);
		return quote_unescape(raw, '"', scratch) < 0 ? (struct span){0} : buf_span(scratch);
	}
	return (struct span){0};
}

static bool tag_has(const struct stream_tag *tag, struct span value)
{
	for (size_t i = 0; i < tag->nvalues; i++)
		if (span_eq(tag->values[i], value))
			return true;
	return false;
}

static bool match_tag(const struct stream_tag *tag, struct span value)
{
	switch (tag->op) {
	case STREAM_EQ:
		return span_eq(tag->value, value);
	case STREAM_NE:
		return !span_eq(tag->value, value);
	case STREAM_MATCH:
		return regex_match(tag->regex, value) > 0;
	case STREAM_NO_MATCH:
		return regex_match(tag->regex, value) == 0;
	case STREAM_IN:
		return tag_has(tag, value);
	case STREAM_NOT_IN:
		return !tag_has(tag, value);
	}
	return false;
}

bool stream_match(const struct filter *leaf, stream_label_fn *get, const void *ctx)
{
	_cleanup_(buf_release) struct buf scratch = BUF_INIT(1 << 20);

	for (size_t i = 0; i < leaf->ngroups; i++) {
		const struct stream_group *group = &leaf->groups[i];
		size_t j = 0;

		while (j < group->ntags &&
		       match_tag(&group->tags[j], get(ctx, group->tags[j].name, &scratch)))
			j++;
		if (j == group->ntags)
			return true;
	}
	return false;
}
