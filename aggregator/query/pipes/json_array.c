/* json_array.c - see json_array.h. */
#include "aggregator/query/pipes/json_array.h"
#include "common/data/json_scan.h"
#include "common/lang/words.h"

static void skip_space(struct span *rest)
{
	while (rest->len && char_is_space(rest->ptr[0]))
		*rest = span_skip(*rest, 1);
}

bool json_array_init(struct json_array *array, struct span text)
{
	text = span_trim(text);
	*array = (struct json_array){.rest = span_skip(text, 1), .first = true};
	array->valid = text.len && text.ptr[0] == '[';
	return array->valid;
}

/* Bytes of the string whose opening quote is in front; 0 if it has no end. */
static size_t string_len(struct span text)
{
	for (size_t i = 1; i < text.len; i++) {
		if (text.ptr[i] == '\\')
			i++;
		else if (text.ptr[i] == '"')
			return i + 1;
	}
	return 0;
}

/* 1, -.5, 1e9, true, null, NaN */
static bool is_scalar(struct span text)
{
	bool digit = false;

	for (size_t i = 0; i < text.len; i++) {
		digit = digit || (text.ptr[i] >= '0' && text.ptr[i] <= '9');
		if (span_chr(SPAN("0123456789+-.eE"), text.ptr[i]) < 0)
			return words_have("true false null nan inf +inf -inf", text);
	}
	return digit;
}

static bool is_value(struct span item)
{
	size_t unused;

	if (!item.len)
		return false;
	if (item.ptr[0] == '"')
		return string_len(item) == item.len;
	if (item.ptr[0] == '{' || item.ptr[0] == '[')
		return json_validate(item, &unused) >= 0;
	return is_scalar(item);
}

/* Bytes of the value in front, up to the comma or bracket behind it; 0 if cut. */
static size_t value_len(struct span text)
{
	size_t depth = 0;

	for (size_t i = 0; i < text.len;) {
		char c = text.ptr[i];

		if (c == '"') {
			size_t len = string_len(span_skip(text, i));

			if (len == 0)
				return 0;
			i += len;
			continue;
		}
		if (depth == 0 && (c == ',' || c == ']'))
			return i;
		depth += c == '[' || c == '{';
		depth -= depth && (c == ']' || c == '}');
		i++;
	}
	return 0;
}

bool json_array_next(struct json_array *array, struct span *ret_item, bool *ret_quoted)
{
	skip_space(&array->rest);
	if (array->first && array->rest.len && array->rest.ptr[0] == ']') {
		array->valid = array->rest.len == 1;
		return false;
	}
	if (!array->first) {
		if (array->rest.len == 0 || array->rest.ptr[0] != ',') {
			array->valid = span_eq(array->rest, SPAN("]"));
			return false;
		}
		array->rest = span_skip(array->rest, 1);
		skip_space(&array->rest);
	}
	array->first = false;
	size_t len = value_len(array->rest);
	struct span item = span_trim(span_take(array->rest, len));

	if (!is_value(item)) {
		array->valid = false;
		return false;
	}
	array->rest = span_skip(array->rest, len);
	*ret_quoted = item.ptr[0] == '"';
	*ret_item = *ret_quoted ? span_of(item.ptr + 1, item.len - 2) : item;
	return true;
}

struct span json_array_text(struct arena *arena, struct span item, bool quoted)
{
	size_t unused;

	if (!quoted || span_chr(item, '\\') < 0 ||
	    json_validate(span_of(item.ptr - 1, item.len + 2), &unused) < 0)
		return item;
	return json_unescape(arena, item);
}
