#include "common/base/num.h"
#include "common/base/utf8.h"
#include "common/data/json_scan.h"
#include "common/parse/canon.h"
#include "common/parse/format.h"
#include <errno.h>

/* Where the next pair is read from. */
struct cursor {
	const char *at, *end;
};

static bool is_key_char(char c)
{
	return (unsigned char)c > ' ' && c != '=' && c != '"';
}

static const char *skip_key(const char *p, const char *end)
{
	while (p < end && is_key_char(*p))
		p++;
	return p;
}

/* n hex digits at p, or -1. */
static int64_t read_hex(const char *p, const char *end, int n)
{
	int64_t value = 0;

	if (end - p < n)
		return -1;
	for (int i = 0; i < n; i++) {
		if (num_hex_digit(p[i]) < 0)
			return -1;
		value = value << 4 | num_hex_digit(p[i]);
	}
	return value;
}

/* One escape of Go's strconv.Quote at p (a backslash); returns the byte behind it. */
static const char *unescape_one(const char *p, const char *end, char **out)
{
	static const char from[] = "abfnrtv", to[] = "\a\b\f\n\r\t\v";
	char c = p[1];
	const char *simple = c ? memchr(from, c, sizeof(from) - 1) : NULL;
	int n = c == 'x' ? 2 : c == 'u' ? 4 : c == 'U' ? 8 : 0;
	int64_t rune = n ? read_hex(p + 2, end, n) : -1;

	if (simple) {
		*(*out)++ = to[simple - from];
		return p + 2;
	}
	if (rune >= 0) {
		/* \xNN is a byte that was not UTF-8, so above 7F it is U+FFFD here. */
		*out += utf8_encode(*out, n == 2 && rune > 0x7f ? 0xfffd : (uint32_t)rune);
		return p + 2 + n;
	}
	*(*out)++ = c;
	return p + 2;
}

static struct span unescape(struct arena *arena, struct span body)
{
	/* \xNN, four bytes, may become the three of U+FFFD: never longer. */
	char *text = arena_alloc(arena, body.len), *out = text;
	const char *p = body.ptr, *end = p + body.len;

	if (!text)
		return (struct span){0};
	while (p < end) {
		if (*p == '\\' && end - p >= 2)
			p = unescape_one(p, end, &out);
		else
			*out++ = *p++;
	}
	return span_between(text, out);
}

/* Behind the opening quote; 1, 0 when the quote is never closed, -ENOMEM. */
static int read_quoted(struct cursor *c, struct record *rec, struct span *ret)
{
	const char *p = c->at;
	bool escaped = false;

	for (; p < c->end && *p != '"'; p++) {
		if (*p != '\\')
			continue;
		escaped = true;
		if (++p == c->end)
			return 0;
	}
	if (p >= c->end)
		return 0;
	struct span body = span_between(c->at, p);

	*ret = escaped ? unescape(rec->arena, body) : body;
	c->at = p + 1;
	return ret->ptr ? 1 : -ENOMEM;
}

enum value_type bare_value_type(struct span text)
{
	size_t at;

	if (span_eq(text, SPAN("true")) || span_eq(text, SPAN("false")))
		return VALUE_BOOL;
	if (text.len && (text.ptr[0] == '-' || (text.ptr[0] >= '0' && text.ptr[0] <= '9')) &&
	    json_validate(text, &at) == 0)
		return VALUE_NUMBER;
	return VALUE_STRING;
}

/* What a word without a value is given. */
static const struct span word_value = {"true", 4};

/* One pair: 1, 0 when it is not one, or a negative errno. */
static int read_pair(struct cursor *c, struct record *rec, bool bare_words, struct field *ret)
{
	const char *key = c->at, *p = skip_key(key, c->end);
	struct field field = {.key = span_between(key, p), .type = VALUE_STRING};

	if (p == key)
		return 0;
	if (p == c->end || *p != '=') {
		if (!bare_words || (p < c->end && *p == '"'))
			return 0;
		field.text = word_value;
		field.type = VALUE_BOOL;
	} else if (p + 1 < c->end && p[1] == '"') {
		c->at = p + 2;
		int r = read_quoted(c, rec, &field.text);

		if (r <= 0)
			return r;
		p = c->at;
		/* a="b"c is not a pair */
		if (p < c->end && !char_is_space(*p))
			return 0;
	} else {
		const char *value = ++p;

		while (p < c->end && !char_is_space(*p))
			p++;
		field.text = span_between(value, p);
		field.type = bare_value_type(field.text);
	}
	c->at = p;
	*ret = field;
	return 1;
}

/* Of duplicate keys the last wins, as in JSON. */
static int add_pair(struct record *rec, struct field field)
{
	struct field *earlier = record_get(rec, field.key);

	if (!earlier)
		return rec->nfields < RECORD_FIELDS_MAX ? record_add(rec, field) : -E2BIG;
	*earlier = field;
	return 0;
}

/* 1 when all of the text is pairs (`bare_words`: or words); *ret_pairs counts the former. */
static int read_pairs(struct span text, struct record *rec, bool bare_words, unsigned *ret_pairs)
{
	struct cursor c = {text.ptr, span_end(text)};
	unsigned pairs = 0;

	for (;;) {
		struct field field;

		while (c.at < c.end && char_is_space(*c.at))
			c.at++;
		if (c.at >= c.end)
			break;
		int r = read_pair(&c, rec, bare_words, &field);

		if (r <= 0)
			return r;
		pairs += field.text.ptr != word_value.ptr;
		r = add_pair(rec, field);
		if (r < 0)
			return r == -E2BIG ? 0 : r;
	}
	*ret_pairs = pairs;
	return 1;
}

int logfmt_pairs(struct span text, struct record *rec)
{
	unsigned pairs;

	return read_pairs(text, rec, false, &pairs);
}

static int parse(struct span text, struct record *rec, bool bare_words, unsigned least_pairs)
{
	uint32_t before = rec->nfields;
	unsigned pairs = 0;
	int r = read_pairs(text, rec, bare_words, &pairs);

	if (r <= 0 || pairs < least_pairs) {
		rec->nfields = before;
		return r < 0 ? r : 0;
	}
	r = canon_map(rec);
	return r < 0 ? r : 1;
}

int format_logfmt(struct span text, int64_t observed_ns, struct record *rec)
{
	(void)observed_ns;
	return parse(text, rec, true, 1);
}

int logfmt_strict(struct span text, int64_t observed_ns, struct record *rec)
{
	const char *end = span_end(text), *p = skip_key(text.ptr, end);

	(void)observed_ns;
	/* Most text is refused here, at its first word. */
	if (p == text.ptr || p == end || *p != '=' || memchr(text.ptr, '/', (size_t)(p - text.ptr)))
		return 0;
	return parse(text, rec, false, 2);
}
