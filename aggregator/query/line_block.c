/* line_block.c - records of parsed lines, read as columns. */
#include "aggregator/query/line_block.h"
#include "aggregator/store/streams.h"
#include "common/base/map.h"
#include "common/base/utf8.h"
#include "common/data/json_scan.h"
#include "common/data/json_write.h"
#include "common/data/wire.h"
#include "common/parse/format.h"
#include <errno.h>
#include <inttypes.h>

/* Memory of one block's records: a line of one byte takes some 800 bytes. */
#define ARENA_BUDGET ((size_t)512 << 20)
#define STREAM_MAX   8192

#define MAX_LINE_DEFAULT (1u << 20) /* as in the shipper */

int line_rules_init(struct line_rules *rules, struct span format, struct span multiline,
		    struct err *reterr)
{
	struct line_rules new = {.joining = {.pause_ns = JOINING_PAUSE_NS},
				 .max_line = MAX_LINE_DEFAULT};
	int r = parser_new(format.len ? format : SPAN("auto"), &new.parser, reterr);

	if (r == 0)
		r = multiline_init(&new.joining.multiline, multiline.len ? multiline : SPAN("none"),
				   reterr);
	if (r < 0) {
		line_rules_release(&new);
		return r;
	}
	new.joining.cri = parser_takes_containers(new.parser);
	*rules = new;
	return 0;
}

void line_rules_release(struct line_rules *rules)
{
	parser_free(rules->parser);
	multiline_release(&rules->joining.multiline);
}

int line_block_new(const struct line_rules *rules, size_t text_max, struct line_block **ret)
{
	struct line_block *b = calloc(1, sizeof(*b));

	if (!b)
		return -ENOMEM;
	b->rules = rules;
	buf_init(&b->text, text_max);
	arena_init(&b->arena, ARENA_BUDGET);
	if (events_init(&b->events, rules->max_line) < 0) {
		line_block_free(b);
		return -ENOMEM;
	}
	*ret = b;
	return 0;
}

void line_block_free(struct line_block *b)
{
	if (!b)
		return;
	buf_release(&b->text);
	events_release(&b->events);
	arena_release(&b->arena);
	vec_release(&b->records);
	free(b);
}

/*
 * What lies between two newlines, by the rules of common/parse/lines.h: without the
 * carriage return and a hole of NULs in front, cut to the limit but not in a
 * character.
 */
static struct span trim_line(struct span line, uint64_t max_line, bool *ret_cut)
{
	size_t n = max_line;

	if (line.len && line.ptr[line.len - 1] == '\r')
		line.len--;
	while (line.len && line.ptr[0] == '\0')
		line = span_skip(line, 1);
	*ret_cut = line.len > n;
	if (!*ret_cut)
		return line;
	for (int i = 0; i < 3 && n > 1 && (line.ptr[n] & 0xc0) == 0x80; i++)
		n--;
	return span_take(line, n);
}

/* `start`: in the block's text. */
static int parse_text(struct line_block *b, int64_t now_ns, struct span text, unsigned flags,
		      uint64_t start)
{
	struct record *rec;

	if (vec_reserve(&b->records, b->records.len + 1) < 0)
		return -ENOMEM;
	rec = &b->records.ptr[b->records.len];
	record_init(rec, &b->arena, text);
	rec->flags |= flags;
	rec->start = b->offset + start;
	if (parser_line(b->rules->parser, text, now_ns, rec) < 0 || wire_add_marks(rec) < 0)
		return -ENOMEM;
	b->records.len++;
	if (rec->time_ns < b->block.min_time)
		b->block.min_time = rec->time_ns;
	if (rec->time_ns > b->block.max_time)
		b->block.max_time = rec->time_ns;
	return 0;
}

/*
 * The next line that may match: the nearer one of the literal and a backslash,
 * behind which it may be spelled otherwise.  Each is searched for once a hit,
 * not once a line, so a rare word costs what memmem() and memchr() do.
 */
struct line_hunt {
	struct span literal;
	const char *hit, *slash; /* NULL = no more of them */
};

static bool next_line(struct line_hunt *hunt, struct span *rest, struct span *ret_line)
{
	const char *at = rest->ptr, *next, *start;

	if (!hunt->literal.len)
		return span_cut(rest, '\n', ret_line);
	if (hunt->hit && hunt->hit < at)
		hunt->hit = memmem(at, rest->len, hunt->literal.ptr, hunt->literal.len);
	if (hunt->slash && hunt->slash < at)
		hunt->slash = rest->len ? memchr(at, '\\', rest->len) : NULL;
	next = hunt->hit;
	if (!next || (hunt->slash && hunt->slash < next))
		next = hunt->slash;
	if (!next)
		return false;
	start = memrchr(at, '\n', (size_t)(next - at));
	*rest = span_skip(*rest, start ? (size_t)(start + 1 - at) : 0);
	return span_cut(rest, '\n', ret_line);
}

/* Where each line is a row. */
static int parse_lines(struct line_block *b, int64_t now_ns, bool spread, struct span literal)
{
	struct span rest = buf_span(&b->text), line;
	struct line_hunt hunt = {.literal = literal};
	int r = 0;

	hunt.hit = literal.len ? memmem(rest.ptr, rest.len, literal.ptr, literal.len) : NULL;
	hunt.slash = literal.len ? memchr(rest.ptr, '\\', rest.len) : NULL;
	while (r == 0 && next_line(&hunt, &rest, &line)) {
		uint64_t start = (uint64_t)(line.ptr - b->text.ptr);
		bool cut;

		line = trim_line(line, b->rules->max_line, &cut);
		r = parse_text(b, now_ns + (spread ? (int64_t)start : 0), line,
			       cut ? RECORD_TRUNCATED : 0, start);
	}
	return r;
}

static void begin_events(struct line_block *b, size_t len)
{
	events_begin(&b->events, &b->rules->joining, span_take(buf_span(&b->text), len),
		     b->rules->max_line, b->flags);
	b->events.lines.at_zero = b->at_zero;
}

/* Parsing it can't find what is searched.  Of a line in parts the literal may be cut in two. */
static bool lacks(const struct line_block *b, struct span text, struct span literal)
{
	return literal.len && !b->events.cri && span_find(text, literal) < 0 &&
	       span_chr(text, '\\') < 0;
}

static unsigned record_flags(const struct line *event)
{
	return (event->flags & LINE_TRUNCATED ? RECORD_TRUNCATED : 0) |
	       (event->flags & LINE_CONTINUED ? RECORD_CONTINUED : 0);
}

/* Where lines join. */
static int parse_events(struct line_block *b, int64_t now_ns, bool spread, struct span literal)
{
	struct span all = buf_span(&b->text);
	struct line event;
	int r = 0;

	begin_events(b, b->text.len);
	while (r == 0 && events_next(&b->events, EVENTS_FLUSH_ALL, &event)) {
		struct span text = event.text;

		if (lacks(b, text, literal))
			continue;
		/* What was copied to join it is overwritten by the next one. */
		if (text.ptr < all.ptr || (size_t)(text.ptr - all.ptr) > all.len)
			text = arena_dup(&b->arena, text);
		if (!text.ptr)
			return -ENOMEM;
		r = parse_text(b, now_ns + (spread ? (int64_t)event.start : 0), text,
			       record_flags(&event), event.start);
	}
	return r;
}

static bool has_docker_part(struct span lines)
{
	struct span line;

	while (span_cut(&lines, '\n', &line))
		if (container_is_partial(line))
			return true;
	return false;
}

/* Files of a container runtime have nothing but its lines, so the first one tells. */
static bool has_parts(struct span lines)
{
	struct span rest = lines, line = {0};
	struct cri_line first;

	if (!span_cut(&rest, '\n', &line) || !container_read(line, &first))
		return false;
	if (line.ptr[0] == '{')
		return has_docker_part(lines);
	return span_find(lines, SPAN(" stdout P ")) >= 0 ||
	       span_find(lines, SPAN(" stderr P ")) >= 0;
}

size_t line_block_cut(struct line_block *b, size_t len, bool flush, unsigned *ret_flags)
{
	const struct joining *joining = &b->rules->joining;
	struct line event;

	*ret_flags = 0;
	b->joins = joining->multiline.kinds || b->flags ||
		   (joining->cri && has_parts(span_take(buf_span(&b->text), len)));
	if (!b->joins)
		return len;
	begin_events(b, len);
	while (events_next(&b->events, flush ? EVENTS_FLUSH_ALL : EVENTS_HOLD, &event))
		;
	*ret_flags = events_flags(&b->events);
	return b->events.lines.at;
}

int line_block_parse(struct line_block *b, int64_t now_ns, bool spread, struct span literal)
{
	int r;

	arena_reset(&b->arena);
	b->records.len = 0;
	b->block.min_time = INT64_MAX;
	b->block.max_time = INT64_MIN;
	r = b->joins ? parse_events(b, now_ns, spread, literal)
		     : parse_lines(b, now_ns, spread, literal);
	b->block.nrows = (uint32_t)b->records.len;
	b->block.bytes = b->text.len;
	return r;
}

/* Objects have no value of their own, their leaves do; null is absent. */
static struct span text_of(const struct field *field)
{
	if (field->type == VALUE_NULL ||
	    (field->type == VALUE_JSON && field->text.len && field->text.ptr[0] == '{'))
		return SPAN("");
	return field->text;
}

/*
 * `wanted` in the records, the empty text where they don't have it; neighbors
 * mostly have it at the same place.  NULL = no memory.
 */
static struct span *find_texts(struct line_block *b, struct span wanted, struct arena *arena,
			       bool *ret_any)
{
	struct span *texts = arena_alloc(arena, (b->records.len + 1) * sizeof(*texts));
	bool dotted = span_chr(wanted, '.') >= 0;
	uint32_t guess = 0;

	*ret_any = false;
	for (size_t i = 0; texts && i < b->records.len; i++) {
		const struct record *rec = &b->records.ptr[i];
		struct field found;

		texts[i] = SPAN("");
		if (guess < rec->nfields && span_eq(rec->fields[guess].key, wanted)) {
			texts[i] = text_of(&rec->fields[guess]);
		} else if (dotted) {
			if (record_find(rec, wanted, &found) == 0)
				texts[i] = text_of(&found);
		} else {
			const struct field *field = record_get(rec, wanted);

			if (field) {
				texts[i] = text_of(field);
				guess = (uint32_t)(field - rec->fields);
			}
		}
		*ret_any |= texts[i].len > 0;
	}
	return b->arena.overflowed ? NULL : texts;
}

static int load_texts(struct line_block *b, struct span wanted, struct arena *arena,
		      struct column *ret)
{
	bool any;
	struct span *texts = find_texts(b, wanted, arena, &any);

	if (!texts)
		return -ENOMEM;
	if (!any)
		return 0; /* the empty constant */
	ret->kind = COLUMN_TEXT;
	ret->texts = texts;
	return 0;
}

/* Of lines that say themselves where they stood (logq -o json wrote them), that. */
static int load_file(struct line_block *b, struct arena *arena, struct column *ret)
{
	bool any;
	struct span *texts = find_texts(b, SPAN("log.file"), arena, &any);

	if (!texts)
		return -ENOMEM;
	ret->value = b->file;
	if (!any)
		return 0;
	for (size_t i = 0; i < b->records.len; i++)
		texts[i] = texts[i].len ? texts[i] : b->file;
	ret->kind = COLUMN_TEXT;
	ret->texts = texts;
	return 0;
}

static int load_offsets(struct line_block *b, struct arena *arena, struct column *ret)
{
	bool any;
	struct span *texts = find_texts(b, SPAN("log.offset"), arena, &any);
	int64_t *ints = any ? NULL : arena_alloc(arena, (b->records.len + 1) * sizeof(*ints));

	if (!texts || (!any && !ints))
		return -ENOMEM;
	for (size_t i = 0; i < b->records.len; i++)
		if (!any)
			ints[i] = (int64_t)b->records.ptr[i].start;
		else if (!texts[i].len)
			texts[i] = arena_printf(arena, "%" PRIu64, b->records.ptr[i].start);
	ret->kind = any ? COLUMN_TEXT : COLUMN_INT;
	ret->texts = any ? texts : NULL;
	ret->ints = ints;
	return arena->overflowed ? -ENOMEM : 0;
}

static int load_times(struct line_block *b, struct arena *arena, struct column *ret)
{
	int64_t *times = arena_alloc(arena, (b->records.len + 1) * sizeof(*times));

	if (!times)
		return -ENOMEM;
	for (size_t i = 0; i < b->records.len; i++)
		times[i] = b->records.ptr[i].time_ns;
	ret->kind = COLUMN_TIME;
	ret->ints = times;
	return 0;
}

static void put_label(struct buf *out, const char *name, struct span value)
{
	if (!value.len)
		return;
	if (out->len > 1)
		buf_putc(out, ',');
	buf_puts(out, span_cstr(name));
	buf_putc(out, '=');
	json_write_string(out, value);
}

/* {host="h",service="s"}, as the index writes it. */
static int load_streams(struct line_block *b, struct arena *arena, struct column *ret)
{
	struct span *texts = arena_alloc(arena, (b->records.len + 1) * sizeof(*texts));
	struct buf text = BUF_INIT(STREAM_MAX);
	struct span host = SPAN(""), service = SPAN(""), last = SPAN("");

	if (!texts)
		return -ENOMEM;
	for (size_t i = 0; i < b->records.len; i++) {
		struct span h = record_text(&b->records.ptr[i], SPAN("host"));
		struct span s = record_text(&b->records.ptr[i], SPAN("service"));

		if (!last.len || !span_eq(h, host) || !span_eq(s, service)) {
			buf_reset(&text);
			buf_putc(&text, '{');
			put_label(&text, "host", h);
			put_label(&text, "service", s);
			buf_putc(&text, '}');
			last = text.failed ? SPAN("{}") : arena_dup(arena, buf_span(&text));
			host = h;
			service = s;
		}
		texts[i] = last;
	}
	buf_release(&text);
	ret->kind = COLUMN_TEXT;
	ret->texts = texts;
	return arena->overflowed ? -ENOMEM : 0;
}

int line_block_load(struct row_block *block, struct span name, struct arena *arena,
		    struct column *ret, struct err *reterr)
{
	struct line_block *b = (struct line_block *)block;
	struct span wanted = span_eq(name, SPAN("_msg")) ? SPAN("message") : name;
	int r = 0;

	column_init_empty(ret, name, block->nrows);
	if (span_eq(name, SPAN("_time")))
		r = load_times(b, arena, ret);
	else if (span_eq(name, SPAN("_stream")) || span_eq(name, SPAN("_stream_id")))
		r = load_streams(b, arena, ret);
	else if (b->file.len && span_eq(name, SPAN("log.file")))
		r = load_file(b, arena, ret);
	else if (b->file.len && span_eq(name, SPAN("log.offset")))
		r = load_offsets(b, arena, ret);
	else if (!span_eq(name, SPAN("message")) && !span_eq(name, SPAN("timestamp")))
		r = load_texts(b, wanted, arena, ret);
	if (r == 0 && span_eq(name, SPAN("_stream_id")))
		r = stream_id_column(ret, arena);
	return r < 0 ? err_set(reterr, r, "a block of lines needs more memory than a query has")
		     : 0;
}

/* The names that were met, in their order. */
struct names {
	struct map map;
	VEC(struct span) list;
	struct arena *arena;
};

static int add_name(struct names *names, struct span name)
{
	bool added;

	if (!map_put(&names->map, name.ptr ? name : SPAN(""), &added))
		return -ENOMEM;
	return added ? vec_push(&names->list, name) : 0;
}

static int add_leaf(void *ctx, struct span key, enum value_type type, struct span text)
{
	struct names *names = ctx;
	struct span copy;

	(void)type;
	if (!text.len || map_get(&names->map, key))
		return 0;
	copy = arena_dup(names->arena, key);
	return copy.ptr ? add_name(names, copy) : -ENOMEM;
}

static int add_field(struct names *names, const struct field *field, struct arena *scratch)
{
	if (field->type == VALUE_JSON && field->text.len && field->text.ptr[0] == '{')
		return json_flatten(field->text, field->key, scratch, add_leaf, names);
	if (span_eq(field->key, SPAN("timestamp")) || !field->text.len)
		return 0;
	return add_name(names, span_eq(field->key, SPAN("message")) ? SPAN("_msg") : field->key);
}

/* Records of one service have the same keys in the same places: only what differs is looked up. */
static int add_names(struct line_block *b, struct names *names)
{
	const struct record *last = NULL;
	int r = 0;

	for (size_t i = 0; i < b->records.len; i++) {
		const struct record *rec = &b->records.ptr[i];

		for (uint32_t k = 0; k < rec->nfields && r == 0; k++) {
			const struct field *field = &rec->fields[k];

			if (last && k < last->nfields && field->type != VALUE_JSON &&
			    last->fields[k].text.len && span_eq(last->fields[k].key, field->key))
				continue;
			r = add_field(names, field, &b->arena);
		}
		if (r < 0)
			break;
		last = rec;
	}
	return r;
}

int line_block_names(struct row_block *block, struct arena *arena, const struct span **ret_names,
		     size_t *ret_n, struct err *reterr)
{
	static const struct span own[] = {{"_time", 5},
					  {"_stream", 7},
					  {"_stream_id", 10},
					  {"log.file", 8},
					  {"log.offset", 10}};
	const struct line_block *b = (const struct line_block *)block;
	size_t nown = sizeof(own) / sizeof(own[0]) - (b->file.len ? 0 : 2);
	struct names names = {.arena = arena};
	struct span *copy;
	int r = 0;

	for (size_t i = 0; i < nown && r == 0; i++)
		r = add_name(&names, own[i]);
	if (r == 0)
		r = add_names((struct line_block *)block, &names);
	copy = arena_alloc(arena, (names.list.len + 1) * sizeof(*copy));
	if (r == 0 && copy) {
		memcpy(copy, names.list.ptr, names.list.len * sizeof(*copy));
		*ret_names = copy;
		*ret_n = names.list.len;
	}
	map_release(&names.map);
	vec_release(&names.list);
	return r < 0 || !copy ? err_set(reterr, -ENOMEM, "too many field names") : 0;
}
