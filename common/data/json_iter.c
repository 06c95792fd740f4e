#include "common/base/utf8.h"
#include "common/data/json_scan.h"
#include "common/data/json_text.h"
#include <errno.h>

/* The text is known to be valid here, so nothing below can run past its end. */

/* p is behind the opening quote; returns where the closing one is. */
static const char *string_end(const char *p, const char *end, bool *ret_escaped)
{
	unsigned high = 0;

	*ret_escaped = false;
	while ((p = json_find_special(p, end, &high)) < end && *p == '\\') {
		*ret_escaped = true;
		p += 2;
	}
	return p;
}

/* p is at '{' or '['; returns the byte behind the matching close. */
static const char *container_end(const char *p, const char *end)
{
	unsigned depth = 0;
	bool escaped;

	do {
		if (*p == '{' || *p == '[')
			depth++;
		else if (*p == '}' || *p == ']')
			depth--;
		else if (*p == '"')
			p = string_end(p + 1, end, &escaped);
		p++;
	} while (depth && p < end);
	return p;
}

static const char *scalar_end(const char *p, const char *end)
{
	while (p < end && *p != ',' && *p != '}' && *p != ']' && !json_is_space(*p))
		p++;
	return p;
}

bool json_iter_init(struct json_iter *iter, struct span valid)
{
	struct span text = span_trim(valid);

	if (text.len < 2 || (text.ptr[0] != '{' && text.ptr[0] != '['))
		return false;
	iter->object = text.ptr[0] == '{';
	iter->at = text.ptr + 1;
	iter->end = text.ptr + text.len - 1;
	return true;
}

static const char *next_value(const char *p, const char *end, struct json_item *ret)
{
	switch (*p) {
	case '"':
		ret->type = VALUE_STRING;
		ret->text.ptr = p + 1;
		p = string_end(p + 1, end, &ret->text_escaped);
		ret->text = span_between(ret->text.ptr, p);
		return p + 1;
	case '{':
	case '[':
		ret->type = VALUE_JSON;
		ret->text = span_between(p, container_end(p, end));
		break;
	default:
		ret->type = *p == 't' || *p == 'f' ? VALUE_BOOL
			    : *p == 'n'            ? VALUE_NULL
						   : VALUE_NUMBER;
		ret->text = span_between(p, scalar_end(p, end));
	}
	return ret->text.ptr + ret->text.len;
}

bool json_iter_next(struct json_iter *iter, struct json_item *ret)
{
	const char *p = json_skip_space(iter->at, iter->end);

	if (p < iter->end && *p == ',')
		p = json_skip_space(p + 1, iter->end);
	if (p >= iter->end)
		return false;
	struct json_item item = {0};

	if (iter->object) {
		item.key.ptr = p + 1;
		p = string_end(p + 1, iter->end, &item.key_escaped);
		item.key = span_between(item.key.ptr, p);
		p = json_skip_space(p + 1, iter->end);
		p = json_skip_space(p + 1, iter->end); /* the colon */
	}
	iter->at = next_value(p, iter->end, &item);
	*ret = item;
	return true;
}

static unsigned hex4(const char *p)
{
	unsigned n = 0;

	for (int i = 0; i < 4; i++)
		n = n << 4 | (unsigned)(p[i] <= '9' ? p[i] - '0' : (p[i] | 0x20) - 'a' + 10);
	return n;
}

/*
 * \uXXXX at p, with the low half of a surrogate pair if it has one; half a pair
 * on its own becomes U+FFFD, as json-c and JavaScript's encoders have it.
 */
static const char *unescape_unicode(const char *p, const char *end, char **out)
{
	uint32_t rune = hex4(p + 2);

	p += 6;
	if (rune >= 0xd800 && rune < 0xdc00 && end - p >= 6 && p[0] == '\\' && p[1] == 'u') {
		uint32_t low = hex4(p + 2);

		if (low >= 0xdc00 && low < 0xe000) {
			rune = 0x10000 + ((rune - 0xd800) << 10) + (low - 0xdc00);
			p += 6;
		}
	}
	*out += utf8_encode(*out, rune);
	return p;
}

struct span json_unescape(struct arena *arena, struct span body)
{
	/* An escape is longer than what it stands for: \uXXXX is three bytes at most. */
	char *text = arena_alloc(arena, body.len), *out = text;
	const char *p = body.ptr, *end = span_end(body);

	if (!text)
		return (struct span){0};
	while (p < end) {
		unsigned high = 0;
		const char *escape = json_find_special(p, end, &high);

		memcpy(out, p, (size_t)(escape - p));
		out += escape - p;
		p = escape;
		if (p == end)
			break;
		if (p[1] == 'u') {
			p = unescape_unicode(p, end, &out);
			continue;
		}
		*out++ = p[1] == 'b'   ? '\b'
			 : p[1] == 'f' ? '\f'
			 : p[1] == 'n' ? '\n'
			 : p[1] == 'r' ? '\r'
			 : p[1] == 't' ? '\t'
				       : p[1];
		p += 2;
	}
	return span_between(text, out);
}

/* prefix.key in the arena; without a prefix the key itself. */
static struct span join(struct arena *arena, struct span prefix, struct span key)
{
	if (!prefix.len)
		return key;
	char *joined = arena_alloc(arena, prefix.len + 1 + key.len);

	if (!joined)
		return (struct span){0};
	memcpy(joined, prefix.ptr, prefix.len);
	joined[prefix.len] = '.';
	if (key.len)
		memcpy(joined + prefix.len + 1, key.ptr, key.len);
	return span_of(joined, prefix.len + 1 + key.len);
}

/* The objects that are open, outermost first. */
struct level {
	struct json_iter iter;
	struct span prefix;
};

int json_flatten(struct span object, struct span prefix, struct arena *arena, json_leaf_fn *emit,
		 void *ctx)
{
	struct level levels[JSON_DEPTH_MAX + 1], *top = levels;
	struct json_item item;

	top->prefix = prefix;
	if (!json_iter_init(&top->iter, object) || !top->iter.object)
		return -EINVAL;
	while (top >= levels) {
		if (!json_iter_next(&top->iter, &item)) {
			top--;
			continue;
		}
		struct span key = item.key_escaped ? json_unescape(arena, item.key) : item.key;
		struct span name = join(arena, top->prefix, key);
		struct span text = item.text_escaped ? json_unescape(arena, item.text) : item.text;

		if (!key.ptr || !name.ptr || !text.ptr)
			return -ENOMEM;
		if (item.type == VALUE_JSON && text.ptr[0] == '{' &&
		    top < levels + JSON_DEPTH_MAX) {
			top++;
			json_iter_init(&top->iter, text);
			top->prefix = name;
			continue;
		}
		int r = emit(ctx, name, item.type, text);

		if (r < 0)
			return r;
	}
	return 0;
}
