#include "common/data/json_scan.h"
#include "common/base/num.h"
#include "common/base/utf8.h"
#include "common/data/json_text.h"
#include <errno.h>

/*
 * All scanners below take the text from `p` and return where their piece ends,
 * or NULL after noting in the scan what was wrong and where.
 */
struct scan {
	const char *begin, *end;
	const char *error_at;
	int error;
};

/* A string, as scanned: its body lies between the quotes. */
struct body {
	const char *begin, *end;
	bool escaped;
};

static const char *fail(struct scan *scan, const char *at)
{
	scan->error = -EBADMSG;
	scan->error_at = at;
	return NULL;
}

/* p is at a backslash; returns the byte behind the escape. */
static const char *scan_escape(struct scan *scan, const char *p)
{
	if (scan->end - p < 2)
		return fail(scan, scan->end);
	switch (p[1]) {
	case '"':
	case '\\':
	case '/':
	case 'b':
	case 'f':
	case 'n':
	case 'r':
	case 't':
		return p + 2;
	case 'u':
		for (int i = 2; i < 6; i++)
			if (p + i >= scan->end || num_hex_digit(p[i]) < 0)
				return fail(scan, p + i);
		return p + 6;
	default:
		return fail(scan, p + 1);
	}
}

/* p is behind the opening quote; returns the byte behind the closing one. */
static const char *scan_string(struct scan *scan, const char *p, struct body *ret)
{
	unsigned high = 0;

	ret->begin = p;
	ret->escaped = false;
	for (;;) {
		p = json_find_special(p, scan->end, &high);
		if (p < scan->end && *p == '\\') {
			ret->escaped = true;
			p = scan_escape(scan, p);
			if (!p)
				break;
			continue;
		}
		if (p == scan->end || *p != '"')
			fail(scan, p); /* the text ends, or a bare control */
		break;
	}
	ret->end = scan->error ? scan->error_at : p;
	if (high) {
		struct span text = span_between(ret->begin, ret->end);
		size_t good = utf8_valid_prefix(text);

		if (good < text.len)
			return fail(scan, ret->begin + good);
	}
	return scan->error ? NULL : p + 1;
}

static const char *skip_digits(const char *p, const char *end)
{
	while (p < end && *p >= '0' && *p <= '9')
		p++;
	return p;
}

/* -? (0 | [1-9][0-9]*) (. [0-9]+)? ([eE] [+-]? [0-9]+)? */
static const char *scan_number(struct scan *scan, const char *p)
{
	const char *end = scan->end, *from;

	if (*p == '-')
		p++;
	from = p;
	p = p < end && *p == '0' ? p + 1 : skip_digits(p, end);
	if (p == from)
		return fail(scan, p);
	if (p < end && *p == '.') {
		from = ++p;
		p = skip_digits(p, end);
		if (p == from)
			return fail(scan, p);
	}
	if (p < end && (*p == 'e' || *p == 'E')) {
		p++;
		if (p < end && (*p == '+' || *p == '-'))
			p++;
		from = p;
		p = skip_digits(p, end);
		if (p == from)
			return fail(scan, p);
	}
	return p;
}

static const char *scan_word(struct scan *scan, const char *p, struct span word)
{
	for (size_t i = 0; i < word.len; i++)
		if (p + i >= scan->end || p[i] != word.ptr[i])
			return fail(scan, p + i);
	return p + word.len;
}

/* A string, number or word; containers are the caller's. */
static const char *scan_scalar(struct scan *scan, const char *p, enum value_type *ret_type,
			       struct body *ret_body)
{
	if (p == scan->end)
		return fail(scan, p);
	switch (*p) {
	case '"':
		*ret_type = VALUE_STRING;
		return scan_string(scan, p + 1, ret_body);
	case 't':
		*ret_type = VALUE_BOOL;
		return scan_word(scan, p, SPAN("true"));
	case 'f':
		*ret_type = VALUE_BOOL;
		return scan_word(scan, p, SPAN("false"));
	case 'n':
		*ret_type = VALUE_NULL;
		return scan_word(scan, p, SPAN("null"));
	case '-':
	case '0' ... '9':
		*ret_type = VALUE_NUMBER;
		return scan_number(scan, p);
	default:
		return fail(scan, p);
	}
}

/* `"key" :` with space around; returns the first byte of the value. */
static const char *scan_key(struct scan *scan, const char *p, struct body *ret)
{
	if (p == scan->end || *p != '"')
		return fail(scan, p);
	p = scan_string(scan, p + 1, ret);
	if (!p)
		return NULL;
	p = json_skip_space(p, scan->end);
	if (p == scan->end || *p != ':')
		return fail(scan, p);
	return json_skip_space(p + 1, scan->end);
}

/*
 * The nesting: one bit a level, 1 = object.  `depth` counts the levels open;
 * the first level of a record's value is 2, the record's own braces being 1.
 */
struct nesting {
	uint64_t objects;
	unsigned depth, base;
};

static const char *open_level(struct scan *scan, struct nesting *nest, const char *p)
{
	if (nest->depth == JSON_DEPTH_MAX) {
		fail(scan, p);
		scan->error = -E2BIG;
		return NULL;
	}
	nest->objects = nest->objects << 1 | (*p == '{');
	nest->depth++;
	return p + 1;
}

/* After a value: close what closes here.  *ret_more = a further value follows. */
static const char *close_levels(struct scan *scan, struct nesting *nest, const char *p,
				bool *ret_more)
{
	while (nest->depth > nest->base) {
		p = json_skip_space(p, scan->end);
		if (p < scan->end && *p == ',') {
			*ret_more = true;
			return p + 1;
		}
		if (p == scan->end || *p != (nest->objects & 1 ? '}' : ']'))
			return fail(scan, p);
		nest->objects >>= 1;
		nest->depth--;
		p++;
	}
	*ret_more = false;
	return p;
}

/* p is at '{' or '['; returns the byte behind the matching close. */
static const char *scan_container(struct scan *scan, const char *p, unsigned depth)
{
	struct nesting nest = {.depth = depth, .base = depth};
	enum value_type type;
	struct body body;
	bool more;

	for (;;) { /* a value is expected at p */
		bool opens = p < scan->end && (*p == '{' || *p == '['), empty = false;

		if (opens) {
			p = open_level(scan, &nest, p);
			if (!p)
				return NULL;
			p = json_skip_space(p, scan->end);
			empty = p < scan->end && *p == (nest.objects & 1 ? '}' : ']');
		} else {
			p = scan_scalar(scan, p, &type, &body);
		}
		if (p && (!opens || empty)) {
			p = close_levels(scan, &nest, p, &more);
			if (!p || !more)
				return p;
			p = json_skip_space(p, scan->end);
		}
		if (p && nest.objects & 1)
			p = scan_key(scan, p, &body);
		if (!p)
			return NULL;
	}
}

/* Any value, containers opened at `depth`. */
static const char *scan_value(struct scan *scan, const char *p, unsigned depth,
			      enum value_type *ret_type, struct body *ret_body)
{
	if (p < scan->end && (*p == '{' || *p == '[')) {
		*ret_type = VALUE_JSON;
		return scan_container(scan, p, depth);
	}
	return scan_scalar(scan, p, ret_type, ret_body);
}

static int report(const struct scan *scan, size_t *ret_at)
{
	if (scan->error && scan->error != -ENOMEM)
		*ret_at = (size_t)(scan->error_at - scan->begin);
	return scan->error;
}

int json_validate(struct span text, size_t *ret_at)
{
	struct scan scan = {.begin = text.ptr, .end = span_end(text)};
	enum value_type type;
	struct body body;
	const char *p = scan_value(&scan, json_skip_space(scan.begin, scan.end), 0, &type, &body);

	if (p) {
		p = json_skip_space(p, scan.end);
		if (p != scan.end)
			fail(&scan, p);
	}
	return report(&scan, ret_at);
}

/*
 * Which keys were seen: 256 bits by length and three bytes.  Most records need
 * no comparison of keys at all.
 */
struct key_filter {
	uint64_t bits[4];
};

static bool maybe_seen(struct key_filter *filter, struct span key)
{
	unsigned hash = (unsigned)key.len;

	if (key.len) {
		hash = hash * 31 + (unsigned char)key.ptr[0];
		hash = hash * 31 + (unsigned char)key.ptr[key.len / 2];
		hash = hash * 31 + (unsigned char)key.ptr[key.len - 1];
	}
	uint64_t *word = &filter->bits[hash >> 6 & 3], bit = UINT64_C(1) << (hash & 63);
	bool seen = *word & bit;

	*word |= bit;
	return seen;
}

/* Of duplicate keys the last wins: take the earlier one out. */
static void drop_earlier(struct record *rec, uint32_t from, struct span key)
{
	for (uint32_t i = from; i < rec->nfields; i++) {
		if (!span_eq(rec->fields[i].key, key))
			continue;
		memmove(&rec->fields[i], &rec->fields[i + 1],
			(rec->nfields - i - 1) * sizeof(*rec->fields));
		rec->nfields--;
		return;
	}
}

static struct span body_text(struct record *rec, const struct body *body)
{
	struct span raw = span_between(body->begin, body->end);

	return body->escaped ? json_unescape(rec->arena, raw) : raw;
}

/* One member from `p`; returns the byte behind it. */
static const char *scan_member(struct scan *scan, const char *p, struct record *rec, uint32_t first,
			       struct key_filter *filter)
{
	struct body key, body;
	enum value_type type;
	const char *value = scan_key(scan, p, &key);
	const char *end = value ? scan_value(scan, value, 1, &type, &body) : NULL;

	if (!end)
		return NULL;
	struct field field = {
		.key = body_text(rec, &key),
		.text = type == VALUE_STRING ? body_text(rec, &body) : span_between(value, end),
		.type = type,
		.raw_off = (uint32_t)(p - scan->begin),
		.raw_len = (uint32_t)(end - p),
	};

	if (!field.key.ptr || !field.text.ptr) {
		scan->error = -ENOMEM;
		return NULL;
	}
	if (maybe_seen(filter, field.key))
		drop_earlier(rec, first, field.key);
	int r = record_add(rec, field);

	if (r < 0) {
		fail(scan, p);
		scan->error = r;
		return NULL;
	}
	return end;
}

static int scan_members(struct scan *scan, struct record *rec)
{
	const char *p = json_skip_space(scan->begin, scan->end);
	struct key_filter filter = {{0}};
	uint32_t first = rec->nfields;

	if (p == scan->end || *p != '{')
		return fail(scan, p), scan->error;
	p = json_skip_space(p + 1, scan->end);
	if (p < scan->end && *p == '}')
		goto closed;
	for (;;) {
		p = scan_member(scan, p, rec, first, &filter);
		if (!p)
			return scan->error;
		p = json_skip_space(p, scan->end);
		if (p == scan->end || (*p != ',' && *p != '}'))
			return fail(scan, p), scan->error;
		if (*p == '}')
			break;
		p = json_skip_space(p + 1, scan->end);
	}
closed:
	p = json_skip_space(p + 1, scan->end);
	if (p != scan->end)
		fail(scan, p);
	return scan->error;
}

/* A copy of the text with spaces for newlines; {NULL, 0} past the budget. */
static struct span without_newlines(struct arena *arena, struct span text)
{
	char *copy = arena_alloc(arena, text.len), *p = copy;

	if (!copy)
		return (struct span){0};
	memcpy(copy, text.ptr, text.len);
	while ((p = memchr(p, '\n', (size_t)(copy + text.len - p))))
		*p++ = ' ';
	return span_of(copy, text.len);
}

int json_scan_record(struct span text, struct record *rec, size_t *ret_at)
{
	uint32_t before = rec->nfields;

	if (text.len > UINT32_MAX) {
		*ret_at = UINT32_MAX;
		return -E2BIG;
	}
	struct scan scan = {.begin = text.ptr, .end = span_end(text)};
	int r = scan_members(&scan, rec);

	if (r < 0) {
		rec->nfields = before;
		return report(&scan, ret_at);
	}
	/*
	 * Raw text goes to the wire, where a newline ends the record.  In valid
	 * JSON newlines are only white space: scan a copy that has none.
	 */
	if (span_chr(text, '\n') >= 0) {
		rec->nfields = before;
		text = without_newlines(rec->arena, text);
		return text.ptr ? json_scan_record(text, rec, ret_at) : -ENOMEM;
	}
	rec->json = text;
	return 0;
}
