#include "common/data/record.h"
#include "common/base/utf8.h"
#include "common/data/json_scan.h"
#include "common/data/timestamp.h"
#include <errno.h>

#define FIELDS_FIRST 16

void record_init(struct record *rec, struct arena *arena, struct span line)
{
	*rec = (struct record){.arena = arena, .line = line};
}

struct field *record_get(const struct record *rec, struct span key)
{
	for (uint32_t i = 0; i < rec->nfields; i++)
		if (span_eq(rec->fields[i].key, key))
			return &rec->fields[i];
	return NULL;
}

struct span record_text(const struct record *rec, struct span key)
{
	const struct field *field = record_get(rec, key);

	return field ? field->text : (struct span){0};
}

/* Room for one more field: in place while nothing lies behind the array, else a copy. */
static int grow(struct record *rec)
{
	struct arena *arena = rec->arena;
	uint32_t cap = rec->capfields ? rec->capfields * 2 : FIELDS_FIRST;
	size_t old_bytes = rec->capfields * sizeof(*rec->fields);
	size_t more_bytes = cap * sizeof(*rec->fields) - old_bytes;

	if (rec->nfields >= RECORD_FIELDS_HARD)
		return -E2BIG;
	if (rec->fields && (char *)rec->fields + old_bytes == arena->at &&
	    (size_t)(arena->end - arena->at) >= more_bytes) {
		arena->at += more_bytes;
		rec->capfields = cap;
		return 0;
	}
	struct field *fields = arena_alloc(arena, cap * sizeof(*fields));

	if (!fields)
		return -ENOMEM;
	if (rec->nfields)
		memcpy(fields, rec->fields, rec->nfields * sizeof(*fields));
	rec->fields = fields;
	rec->capfields = cap;
	return 0;
}

int record_add(struct record *rec, struct field field)
{
	if (rec->nfields == rec->capfields) {
		int r = grow(rec);

		if (r < 0)
			return r;
	}
	rec->fields[rec->nfields++] = field;
	return 0;
}

bool record_key_is_canonical(struct span key)
{
	switch (key.len) {
	case 5:
		return memcmp(key.ptr, "level", 5) == 0;
	case 7:
		return memcmp(key.ptr, "message", 7) == 0 || memcmp(key.ptr, "span_id", 7) == 0;
	case 8:
		return memcmp(key.ptr, "trace_id", 8) == 0;
	case 9:
		return memcmp(key.ptr, "timestamp", 9) == 0;
	default:
		return false;
	}
}

/* What a canonical field says must be what the record says. */
static int follow_canonical(struct record *rec, struct span key, struct span *text)
{
	int64_t ns;

	if (span_eq(key, SPAN("level"))) {
		rec->severity = severity_parse(*text);
		if (rec->severity)
			*text = severity_name(rec->severity);
	}
	if (span_eq(key, SPAN("timestamp"))) {
		int r = timestamp_parse(*text, &ns);

		if (r < 0)
			return r;
		rec->time_ns = ns;
		rec->flags &= ~(uint32_t)RECORD_TIME_OBSERVED;
	}
	return 0;
}

/* The type that `text` really has: what is said to be JSON and is not becomes a string. */
static enum value_type true_type(enum value_type type, struct span text)
{
	size_t at;

	if (type == VALUE_STRING || json_validate(text, &at) < 0)
		return VALUE_STRING;
	switch (text.ptr[0]) {
	case '{':
	case '[':
		return VALUE_JSON;
	case 't':
	case 'f':
		return VALUE_BOOL;
	case 'n':
		return VALUE_NULL;
	case '-':
	case '0' ... '9':
		return VALUE_NUMBER;
	default: /* space in front, or quotes */
		return VALUE_STRING;
	}
}

/* A copy that may be written: valid UTF-8, and JSON on one line. */
static struct span copy_text(struct arena *arena, enum value_type type, struct span text)
{
	if (!utf8_valid(text)) {
		char *repaired = arena_alloc(arena, utf8_repaired_len(text));

		return span_of(repaired, repaired ? utf8_repair_to(repaired, text) : 0);
	}
	char *copy = arena_alloc(arena, text.len), *p = copy;

	if (!copy)
		return (struct span){0};
	if (text.len)
		memcpy(copy, text.ptr, text.len);
	while (type == VALUE_JSON && (p = memchr(p, '\n', (size_t)(copy + text.len - p))))
		*p++ = ' ';
	return span_of(copy, text.len);
}

int record_set(struct record *rec, struct span key, enum value_type type, struct span text)
{
	struct field *field = record_get(rec, key);
	bool canonical = record_key_is_canonical(key);
	int r = canonical ? follow_canonical(rec, key, &text) : 0;

	if (r < 0)
		return r;
	type = canonical ? VALUE_STRING : true_type(type, text);
	struct field set = {
		.key = field ? field->key : copy_text(rec->arena, VALUE_STRING, key),
		.text = copy_text(rec->arena, type, text),
		.type = type,
		.flags = canonical ? FIELD_CANONICAL : 0,
	};

	if (!set.key.ptr || !set.text.ptr)
		return -ENOMEM;
	rec->flags |= RECORD_CHANGED;
	if (!field)
		return record_add(rec, set);
	*field = set;
	return 0;
}

int record_del(struct record *rec, struct span key)
{
	struct field *field = record_get(rec, key);

	if (!field)
		return -ENOENT;
	if (field->flags & FIELD_CANONICAL && span_eq(key, SPAN("level")))
		rec->severity = 0;
	memmove(field, field + 1,
		(size_t)(rec->fields + rec->nfields - field - 1) * sizeof(*field));
	rec->nfields--;
	rec->flags |= RECORD_CHANGED;
	return 0;
}

/* `path` below `key`: "http.status" under "http" is "status". */
static bool path_below(struct span path, struct span key, struct span *ret_rest)
{
	if (path.len <= key.len || path.ptr[key.len] != '.' || !span_starts(path, key))
		return false;
	*ret_rest = span_skip(path, key.len + 1);
	return true;
}

/* One level of nesting a call, so at most JSON_DEPTH_MAX of them. */
static int find_below(struct arena *arena, struct span object, struct span path, struct field *ret)
{
	struct json_iter iter;
	struct json_item item;
	struct span rest;
	bool found = false;

	if (!json_iter_init(&iter, object) || !iter.object)
		return -ENOENT;
	while (json_iter_next(&iter, &item)) {
		struct span key = item.key_escaped ? json_unescape(arena, item.key) : item.key;

		if (span_eq(key, path)) {
			struct span text =
				item.text_escaped ? json_unescape(arena, item.text) : item.text;

			*ret = (struct field){.key = path, .text = text, .type = item.type};
			found = true;
		} else if (item.type == VALUE_JSON && path_below(path, key, &rest)) {
			found |= find_below(arena, item.text, rest, ret) == 0;
		}
	}
	return found ? 0 : -ENOENT;
}

int record_find(const struct record *rec, struct span path, struct field *ret)
{
	const struct field *field = record_get(rec, path);
	struct span rest;
	bool found = false;

	if (field) {
		*ret = *field;
		return 0;
	}
	for (uint32_t i = 0; i < rec->nfields; i++) {
		field = &rec->fields[i];
		if (field->type == VALUE_JSON && path_below(path, field->key, &rest))
			found |= find_below(rec->arena, field->text, rest, ret) == 0;
	}
	if (!found)
		return -ENOENT;
	ret->key = path;
	return 0;
}
