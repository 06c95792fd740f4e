#include "common/parse/canon.h"
#include "common/base/clock.h"
#include "common/base/num.h"
#include "common/base/utf8.h"
#include "common/data/json_scan.h"
#include "common/data/timestamp.h"
#include "common/parse/format.h"
#include "common/parse/when.h"
#include <errno.h>

/* A field that could play a role. */
struct candidate {
	uint32_t index;
	unsigned char role, rank;
};

#define CANDIDATES_MAX 24
#define CONTAINERS_MAX 4

struct mapping {
	struct record *rec;
	struct candidate candidates[CANDIDATES_MAX];
	unsigned ncandidates;
	uint32_t containers[CONTAINERS_MAX];
	unsigned container_roles[CONTAINERS_MAX], ncontainers;
	unsigned filled; /* bits by role */
};

static const struct span canonical[ROLE_COUNT] = {
	[ROLE_TIME] = {"timestamp", 9},  [ROLE_LEVEL] = {"level", 5},
	[ROLE_MESSAGE] = {"message", 7}, [ROLE_TRACE] = {"trace_id", 8},
	[ROLE_SPAN] = {"span_id", 7},
};

/* Without the color codes that some loggers leave in: ESC [ 32 m info ESC [ 39 m. */
static struct span without_colors(struct span text)
{
	if (text.len && text.ptr[0] == '\x1b') {
		ptrdiff_t m = span_chr(text, 'm');

		text = m < 0 ? text : span_skip(text, (size_t)m + 1);
	}
	ptrdiff_t escape = span_chr(text, '\x1b');

	return span_trim(escape < 0 ? text : span_take(text, (size_t)escape));
}

/* {"$date":…} (MongoDB), {"seconds":…,"nanos":…} (protobuf), {"epochSecond":…} (log4j2) */
static bool object_time(struct arena *arena, struct span object, int64_t *ret_ns)
{
	struct json_iter iter;
	struct json_item item;
	int64_t seconds = TIME_UNKNOWN, nanos = 0, n;

	if (!json_iter_init(&iter, object) || !iter.object)
		return false;
	while (json_iter_next(&iter, &item)) {
		if (span_eq(item.key, SPAN("$date"))) {
			struct span text =
				item.text_escaped ? json_unescape(arena, item.text) : item.text;

			return item.type != VALUE_JSON && when_parse(text, ret_ns);
		}
		if (span_eq(item.key, SPAN("nanos")) || span_eq(item.key, SPAN("nanoOfSecond"))) {
			if (num_parse_i64(item.text, &n) == 0 && n >= 0 && n < NS_PER_SEC)
				nanos = n;
		} else if (span_eq(item.key, SPAN("seconds")) ||
			   span_eq(item.key, SPAN("epochSecond"))) {
			if (when_parse(item.text, &n))
				seconds = n;
		}
	}
	return seconds != TIME_UNKNOWN && !__builtin_add_overflow(seconds, nanos, ret_ns);
}

/* A value that could play a role, from the record itself or an object in it. */
struct value {
	struct span key, text;
	enum value_type type;
};

/*
 * Each of these: 1 and the canonical text when the value makes sense in the
 * role, 0 when it does not, or -ENOMEM.
 */
static int take_time(struct record *rec, const struct value *value, struct span *ret)
{
	int64_t ns;
	bool ok = value->type == VALUE_JSON ? object_time(rec->arena, value->text, &ns)
					    : when_parse(value->text, &ns);

	if (!ok)
		return 0;
	rec->time_ns = ns;
	*ret = value->text;
	if (value->type == VALUE_STRING && timestamp_is_canonical(value->text))
		return 1;
	char *text = arena_alloc(rec->arena, TIMESTAMP_TEXT_LEN);

	if (!text)
		return -ENOMEM;
	timestamp_format(text, ns);
	*ret = span_of(text, TIMESTAMP_TEXT_LEN);
	return 1;
}

/* 0–7 are syslog's only where syslog's people wrote them; others count their own way. */
static bool digit_is_syslog(const struct record *rec, struct span key)
{
	return span_ieq(key, SPAN("priority")) || span_ieq(key, SPAN("syslog_level")) ||
	       record_get(rec, SPAN("short_message")); /* GELF */
}

static int take_level(struct record *rec, const struct value *value, struct span *ret)
{
	if (value->type != VALUE_STRING && value->type != VALUE_NUMBER)
		return 0;
	struct span text = without_colors(value->text);
	uint32_t severity = severity_parse(text);
	bool digit = text.len == 1 && text.ptr[0] >= '0' && text.ptr[0] <= '9';

	if (!severity || (digit && !digit_is_syslog(rec, value->key)))
		return 0;
	rec->severity = severity;
	*ret = severity_name(severity);
	return 1;
}

/*
 * journald writes a message that is not UTF-8 as an array of its bytes.  Any other
 * array stays what it is.  False past the arena's budget.
 */
static bool message_of_bytes(struct record *rec, struct span array, struct span *ret)
{
	char *bytes = arena_alloc(rec->arena, array.len);
	struct json_iter iter;
	struct json_item item;
	size_t n = 0;
	uint64_t byte;

	*ret = array;
	if (!bytes || !json_iter_init(&iter, array) || iter.object)
		return bytes;
	while (json_iter_next(&iter, &item)) {
		if (item.type != VALUE_NUMBER || num_parse_u64(item.text, &byte) < 0 || byte > 255)
			return true;
		bytes[n++] = (char)byte;
	}
	struct span text = span_of(bytes, n);
	char *copy = arena_alloc(rec->arena, utf8_repaired_len(text));

	if (!copy)
		return false;
	if (!utf8_valid(text))
		rec->flags |= RECORD_INVALID_UTF8;
	*ret = span_of(copy, utf8_repair_to(copy, text));
	return true;
}

static int take_message(struct record *rec, const struct value *value, struct span *ret)
{
	if (value->type == VALUE_NULL)
		return 0;
	*ret = value->text;
	if (value->type != VALUE_JSON || !span_eq(value->key, SPAN("MESSAGE")))
		return 1;
	return message_of_bytes(rec, value->text, ret) ? 1 : -ENOMEM;
}

static int take_id(struct record *rec, const struct value *value, unsigned digits, struct span *ret)
{
	bool decimal = value->type == VALUE_NUMBER || span_starts(value->key, SPAN("dd."));
	char hex[32];

	if (value->type == VALUE_JSON || !trace_id_parse(value->text, decimal, digits, hex))
		return 0;
	struct span text = span_of(hex, digits);

	*ret = span_eq(text, value->text) ? value->text : arena_dup(rec->arena, text);
	return ret->ptr ? 1 : -ENOMEM;
}

static int take(struct record *rec, enum role role, const struct value *value, struct span *ret)
{
	switch (role) {
	case ROLE_TIME:
		return take_time(rec, value, ret);
	case ROLE_LEVEL:
		return take_level(rec, value, ret);
	case ROLE_MESSAGE:
		return take_message(rec, value, ret);
	case ROLE_TRACE:
		return take_id(rec, value, 32, ret);
	case ROLE_SPAN:
		return take_id(rec, value, 16, ret);
	default:
		return 0;
	}
}

/* W3C trace context: 00-<32 hex>-<16 hex>-<flags>.  The field itself stays. */
static int take_parent(struct mapping *map, struct span text)
{
	static const struct {
		enum role role;
		unsigned at, len;
	} parts[] = {{ROLE_TRACE, 3, 32}, {ROLE_SPAN, 36, 16}};

	if (text.len < 55 || text.ptr[2] != '-' || text.ptr[35] != '-' || text.ptr[52] != '-')
		return 0;
	for (size_t i = 0; i < 2; i++) {
		struct value value = {.text = span_of(text.ptr + parts[i].at, parts[i].len),
				      .type = VALUE_STRING};
		struct span id;
		int r = map->filled & 1u << parts[i].role
				? 0
				: take(map->rec, parts[i].role, &value, &id);

		if (r > 0)
			r = canon_text(map->rec, canonical[parts[i].role], id);
		if (r < 0)
			return r;
		map->filled |= 1u << parts[i].role;
	}
	return 0;
}

static void note_field(struct mapping *map, uint32_t index)
{
	const struct field *field = &map->rec->fields[index];
	const struct alias *alias = alias_find(field->key);

	if (alias && map->ncandidates < CANDIDATES_MAX) {
		struct candidate *c = &map->candidates[map->ncandidates++];

		*c = (struct candidate){index, alias->role, alias->rank};
		/* {"message":{…},"msg":"…"}: text is what a message should be. */
		if (alias->role == ROLE_MESSAGE && field->type != VALUE_STRING)
			c->rank += 16;
	}
	if (field->type != VALUE_JSON || field->text.ptr[0] != '{')
		return;
	unsigned roles = alias_container(field->key);

	if (roles && map->ncontainers < CONTAINERS_MAX) {
		map->containers[map->ncontainers] = index;
		map->container_roles[map->ncontainers++] = roles;
	}
}

/* The candidate of lowest rank that is not used up; ranks of 255 are. */
static struct candidate *best(struct mapping *map, enum role role)
{
	struct candidate *found = NULL;

	for (unsigned i = 0; i < map->ncandidates; i++) {
		struct candidate *c = &map->candidates[i];

		if (c->role == role && c->rank < (found ? found->rank : 255))
			found = c;
	}
	return found;
}

static int fill_role(struct mapping *map, enum role role)
{
	struct candidate *c;

	while ((c = best(map, role))) {
		struct field *field = &map->rec->fields[c->index];
		struct value value = {field->key, field->text, field->type};
		struct span text;
		/* {"log":{…}} is a container, not a message. */
		bool skip = role == ROLE_MESSAGE && c->rank >= 16 + 5;
		int r = skip ? 0 : take(map->rec, role, &value, &text);

		c->rank = 255;
		if (r < 0)
			return r;
		if (r == 0)
			continue;
		*field = (struct field){.key = canonical[role],
					.text = text,
					.type = VALUE_STRING,
					.flags = FIELD_CANONICAL};
		map->filled |= 1u << role;
		break;
	}
	return 0;
}

/* The role of `key` inside `container`: id of "trace" and "span", else the alias. */
static int nested_role(struct span container, struct span key)
{
	if (span_eq(key, SPAN("id"))) {
		if (span_eq(container, SPAN("trace")))
			return ROLE_TRACE;
		return span_eq(container, SPAN("span")) ? ROLE_SPAN : -1;
	}
	const struct alias *alias = alias_find(key);

	return alias ? alias->role : -1;
}

static int fill_from_container(struct mapping *map, unsigned which)
{
	struct record *rec = map->rec;
	const struct field container = rec->fields[map->containers[which]];
	struct json_iter iter;
	struct json_item item;

	if (!json_iter_init(&iter, container.text))
		return 0;
	while (json_iter_next(&iter, &item)) {
		int role = nested_role(container.key, item.key);

		if (role < 0 || !(map->container_roles[which] & ~map->filled & 1u << role))
			continue;
		struct value value = {
			.key = item.key,
			.text = item.text_escaped ? json_unescape(rec->arena, item.text)
						  : item.text,
			.type = item.type,
		};
		struct span text;
		int r = role == ROLE_PARENT ? take_parent(map, value.text)
					    : take(rec, (enum role)role, &value, &text);

		if (r > 0) {
			r = canon_text(rec, canonical[role], text);
			map->filled |= 1u << role;
		}
		if (r < 0)
			return r;
	}
	return 0;
}

int canon_map(struct record *rec)
{
	struct mapping map = {.rec = rec};
	struct candidate *parent;
	int r = 0;

	for (uint32_t i = 0; i < rec->nfields; i++)
		note_field(&map, i);
	for (unsigned role = 0; role < ROLE_PARENT && r >= 0; role++)
		r = fill_role(&map, (enum role)role);
	for (unsigned i = 0; i < map.ncontainers && r >= 0; i++)
		r = fill_from_container(&map, i);
	parent = best(&map, ROLE_PARENT);
	if (r >= 0 && parent)
		r = take_parent(&map, rec->fields[parent->index].text);
	return r < 0 ? r : 0;
}

void canon_time(struct record *rec, int64_t ns)
{
	if (rec->time_ns == TIME_UNKNOWN)
		rec->time_ns = ns;
}

static bool has_canonical(const struct record *rec, struct span key)
{
	const struct field *field = record_get(rec, key);

	return field && field->flags & FIELD_CANONICAL;
}

int canon_text(struct record *rec, struct span key, struct span text)
{
	if (has_canonical(rec, key))
		return 0;
	return record_add(rec, (struct field){.key = key,
					      .text = text.ptr ? text : SPAN(""),
					      .type = VALUE_STRING,
					      .flags = FIELD_CANONICAL});
}

/* Own fields whose name another field or we ourselves need: log.own.NAME. */
static int displace(struct record *rec, unsigned needed)
{
	for (uint32_t i = 0; i < rec->nfields; i++) {
		struct field *field = &rec->fields[i];

		if (field->flags & FIELD_CANONICAL || !record_key_is_canonical(field->key))
			continue;
		for (unsigned role = 0; role < ROLE_PARENT; role++) {
			if (!(needed & 1u << role) || !span_eq(field->key, canonical[role]))
				continue;
			field->key =
				arena_printf(rec->arena, "log.own.%.*s", SPAN_FMT(canonical[role]));
			field->raw_len = 0;
			if (!field->key.ptr)
				return -ENOMEM;
		}
	}
	return 0;
}

/* Which roles have their canonical field (bits); *ret_clash: an own field has such a name. */
static unsigned roles_filled(const struct record *rec, bool *ret_clash)
{
	unsigned filled = 0;

	*ret_clash = false;
	for (uint32_t i = 0; i < rec->nfields; i++) {
		const struct field *field = &rec->fields[i];

		if (!record_key_is_canonical(field->key))
			continue;
		if (!(field->flags & FIELD_CANONICAL)) {
			*ret_clash = true;
			continue;
		}
		for (unsigned role = 0; role < ROLE_PARENT; role++)
			if (span_eq(field->key, canonical[role]))
				filled |= 1u << role;
	}
	return filled;
}

static int add_canonical(struct record *rec, enum role role, struct span text)
{
	return record_add(rec, (struct field){.key = canonical[role],
					      .text = text,
					      .type = VALUE_STRING,
					      .flags = FIELD_CANONICAL});
}

int canon_finish(struct record *rec, int64_t observed_ns)
{
	bool clash;
	unsigned filled = roles_filled(rec, &clash);
	unsigned needed = filled | 1u << ROLE_TIME | 1u << ROLE_MESSAGE;
	unsigned missing;
	int r = 0;

	if (rec->time_ns == TIME_UNKNOWN) {
		rec->time_ns = observed_ns;
		rec->flags |= RECORD_TIME_OBSERVED;
	}
	if (rec->severity)
		needed |= 1u << ROLE_LEVEL;
	if (clash)
		r = displace(rec, needed);
	missing = needed & ~filled;
	if (r >= 0 && missing & 1u << ROLE_MESSAGE)
		r = add_canonical(rec, ROLE_MESSAGE, SPAN(""));
	if (r >= 0 && missing & 1u << ROLE_LEVEL)
		r = add_canonical(rec, ROLE_LEVEL, severity_name(rec->severity));
	if (r < 0 || !(missing & 1u << ROLE_TIME))
		return r;
	char *text = arena_alloc(rec->arena, TIMESTAMP_TEXT_LEN);

	if (!text)
		return -ENOMEM;
	timestamp_format(text, rec->time_ns);
	return add_canonical(rec, ROLE_TIME, span_of(text, TIMESTAMP_TEXT_LEN));
}
