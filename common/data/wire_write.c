#include "common/data/json_scan.h"
#include "common/data/json_write.h"
#include "common/data/timestamp.h"
#include "common/data/wire.h"
#include <errno.h>

/* A record about to be written: where its special fields are. */
struct writer {
	struct buf *out;
	const struct record *rec;
	const struct wire_labels *labels;
	const struct field *timestamp, *level, *message, *trace_id, *span_id; /* canonical */
	const struct field *severity, *service, *host, *log; /* the service's own */
	bool writes_log, service_taken, host_taken;
};

static void look_canonical(struct writer *w, const struct field *field)
{
	switch (field->key.len) {
	case 5:
		w->level = field;
		break;
	case 7:
		*(field->key.ptr[0] == 'm' ? &w->message : &w->span_id) = field;
		break;
	case 8:
		w->trace_id = field;
		break;
	default:
		w->timestamp = field;
	}
}

static void look_own(struct writer *w, const struct field *field)
{
	switch (field->key.len) {
	case 3:
		if (memcmp(field->key.ptr, "log", 3) == 0)
			w->log = field;
		break;
	case 4:
		if (memcmp(field->key.ptr, "host", 4) == 0)
			w->host = field;
		break;
	case 7:
		if (memcmp(field->key.ptr, "service", 7) == 0)
			w->service = field;
		break;
	case 8:
		if (memcmp(field->key.ptr, "severity", 8) == 0)
			w->severity = field;
		break;
	default:
		break;
	}
}

static bool is_object(const struct field *field)
{
	return field->type == VALUE_JSON && field->text.len && field->text.ptr[0] == '{';
}

/* An own field that stays under its name, so that a label must go elsewhere. */
static bool keeps_name(const struct field *field)
{
	return field && field->type != VALUE_NULL && !is_object(field);
}

#define LOG_FLAGS                                                                                  \
	(RECORD_TIME_OBSERVED | RECORD_PARSE_ERROR | RECORD_INVALID_UTF8 | RECORD_TRUNCATED |      \
	 RECORD_CONTINUED)

static void put_text(struct writer *w, struct span key, struct span text)
{
	buf_putc(w->out, ',');
	buf_puts(w->out, key);
	json_write_string(w->out, text);
}

/* `"k":"v",…` without the outer braces is what json_iter walks over. */
static struct json_iter resource_iter(const struct wire_labels *labels)
{
	struct span text = labels->resource;

	return (struct json_iter){.at = text.ptr, .end = span_end(text), .object = true};
}

static bool own_resource(const struct writer *w, struct span key)
{
	const struct field *own = record_get(w->rec, key);

	return own && !(own->flags & FIELD_CANONICAL);
}

static void put_resource(struct writer *w)
{
	struct json_iter iter = resource_iter(w->labels);
	struct json_item item;

	while (json_iter_next(&iter, &item)) {
		if (own_resource(w, item.key))
			continue;
		buf_putc(w->out, ',');
		buf_puts(w->out,
			 span_between(item.key.ptr - 1,
				      item.text.ptr + item.text.len + (item.type == VALUE_STRING)));
	}
}

/* timestamp … span_id: what every reader looks for, in front. */
static void put_front(struct writer *w)
{
	const struct record *rec = w->rec;
	char head[] = "{\"timestamp\":\"0000-00-00T00:00:00.000000000Z\"";

	/* A text in another form was parsed into time_ns, which is what counts. */
	if (w->timestamp && timestamp_is_canonical(w->timestamp->text))
		memcpy(head + strlen("{\"timestamp\":\""), w->timestamp->text.ptr,
		       TIMESTAMP_TEXT_LEN);
	else
		timestamp_format(head + strlen("{\"timestamp\":\""), rec->time_ns);
	head[sizeof(head) - 2] = '"';
	buf_put(w->out, head, sizeof(head) - 1);
	if (rec->severity || w->level)
		put_text(w, SPAN("\"level\":"),
			 rec->severity ? severity_name(rec->severity) : w->level->text);
	if (rec->severity && (rec->severity - 1) % 4 && !w->severity) {
		buf_puts(w->out, SPAN(",\"severity\":"));
		buf_put_u64(w->out, rec->severity);
	}
	put_text(w, SPAN("\"message\":"), w->message ? w->message->text : SPAN(""));
	if (w->labels->service.len && !w->service_taken)
		put_text(w, SPAN("\"service\":"), w->labels->service);
	if (w->labels->host.len && !w->host_taken)
		put_text(w, SPAN("\"host\":"), w->labels->host);
	if (w->labels->resource.len)
		put_resource(w);
	if (w->trace_id)
		put_text(w, SPAN("\"trace_id\":"), w->trace_id->text);
	if (w->span_id)
		put_text(w, SPAN("\"span_id\":"), w->span_id->text);
}

/* The members of `log` that are ours. */
static bool log_name_is_ours(struct span name)
{
	static const struct span ours[] = {
		{"file", 4},          {"offset", 6},       {"labels", 6},    {"parse_error", 11},
		{"invalid_utf8", 12}, {"time_source", 11}, {"truncated", 9}, {"continued", 9},
	};

	for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
		if (span_eq(name, ours[i]))
			return true;
	return false;
}

/* "log.offset" of the service itself → "log.own.offset". */
static int put_leaf(void *ctx, struct span key, enum value_type type, struct span text)
{
	struct writer *w = ctx;
	bool first = false;

	if (span_starts(key, SPAN("log.")) && log_name_is_ours(span_skip(key, 4))) {
		buf_puts(w->out, SPAN(",\"log.own."));
		buf_puts(w->out, span_skip(key, 4));
		buf_puts(w->out, SPAN("\":"));
		json_write_value(w->out, type, text);
	} else {
		json_write_field(w->out, &first, key, type, text);
	}
	return w->out->failed;
}

/* Its name is needed for something else. */
static bool is_displaced(const struct writer *w, const struct field *field)
{
	if (field == w->log)
		return w->writes_log;
	if (field == w->service)
		return w->labels->service.len && !w->service_taken;
	if (field == w->host)
		return w->labels->host.len && !w->host_taken;
	return w->writes_log && span_starts(field->key, SPAN("log.")) &&
	       log_name_is_ours(span_skip(field->key, 4));
}

/* More leaves than this stay one object: a reader has a cap of fields. */
#define LEAVES_MAX 256

static int count_leaf(void *ctx, struct span key, enum value_type type, struct span text)
{
	unsigned *count = ctx;

	(void)key;
	(void)type;
	(void)text;
	return ++*count > LEAVES_MAX ? -E2BIG : 0;
}

static void put_displaced(struct writer *w, const struct field *field)
{
	struct arena *arena = w->rec->arena;
	unsigned leaves = 0;
	bool first = false;
	int r = 0;

	if (field != w->log && field != w->service && field != w->host) {
		put_leaf(w, field->key, field->type, field->text);
		return;
	}
	if (field->type == VALUE_NULL)
		return;
	if (is_object(field)) {
		r = json_flatten(field->text, field->key, arena, count_leaf, &leaves);
		if (r == 0)
			r = json_flatten(field->text, field->key, arena, put_leaf, w);
	}
	if (!is_object(field) || r == -E2BIG)
		json_write_field(w->out, &first,
				 field == w->log       ? SPAN("log.own")
				 : field == w->service ? SPAN("log.own.service")
						       : SPAN("log.own.host"),
				 field->type, field->text);
	else if (r < 0 && !w->out->failed)
		w->out->failed = r;
}

/* Between two neighbours in the line lie a comma and perhaps space, nothing else. */
static bool is_neighbour(struct span json, size_t run_end, const struct field *next)
{
	if (next->raw_off <= run_end)
		return false;
	for (size_t i = run_end; i < next->raw_off; i++)
		if (json.ptr[i] != ',' && !char_is_space(json.ptr[i]))
			return false;
	return true;
}

/* Bytes of the line that go out as they are; none when begin == end. */
struct run {
	size_t begin, end;
};

static void put_run(struct writer *w, struct run *run)
{
	if (run->begin == run->end)
		return;
	buf_putc(w->out, ',');
	buf_put(w->out, w->rec->json.ptr + run->begin, run->end - run->begin);
	*run = (struct run){0};
}

/* What the service wrote, where it wrote it. */
static void put_rest(struct writer *w)
{
	const struct record *rec = w->rec;
	struct run run = {0};
	bool first = false;

	for (uint32_t i = 0; i < rec->nfields; i++) {
		const struct field *field = &rec->fields[i];

		if (field->flags & FIELD_CANONICAL)
			continue;
		if (is_displaced(w, field)) {
			put_run(w, &run);
			put_displaced(w, field);
		} else if (!field->raw_len) {
			put_run(w, &run);
			json_write_field(w->out, &first, field->key, field->type, field->text);
		} else {
			if (run.end == run.begin || !is_neighbour(rec->json, run.end, field)) {
				put_run(w, &run);
				run.begin = field->raw_off;
			}
			run.end = field->raw_off + field->raw_len;
		}
	}
	put_run(w, &run);
}

/* A label that the service's own field pushed out, unless both say the same. */
static void put_pushed_out(struct writer *w, bool *first, struct span name, struct span label,
			   enum value_type type)
{
	if (span_eq(record_text(w->rec, name), label))
		return;
	if (*first)
		buf_puts(w->out, SPAN("\"labels\":{"));
	json_write_field(w->out, first, name, type, label);
}

/* log.labels, the last member of `log`. */
static void put_labels(struct writer *w, bool first_of_log)
{
	size_t before = w->out->len;
	struct json_iter iter = resource_iter(w->labels);
	struct json_item item;
	bool first = true;

	if (!first_of_log)
		buf_putc(w->out, ',');
	if (w->labels->service.len && w->service_taken)
		put_pushed_out(w, &first, SPAN("service"), w->labels->service, VALUE_STRING);
	if (w->labels->host.len && w->host_taken)
		put_pushed_out(w, &first, SPAN("host"), w->labels->host, VALUE_STRING);
	while (json_iter_next(&iter, &item))
		if (own_resource(w, item.key))
			put_pushed_out(w, &first, item.key, item.text, item.type);
	if (!first)
		buf_putc(w->out, '}');
	else
		w->out->len = before; /* none: take the comma back */
}

static void put_log(struct writer *w)
{
	static const struct {
		unsigned flag;
		struct span text;
	} marks[] = {
#define MARK(flag, literal)                                                                        \
	{                                                                                          \
		flag,                                                                              \
		{                                                                                  \
			literal, sizeof(literal) - 1                                               \
		}                                                                                  \
	}
		MARK(RECORD_TIME_OBSERVED, "\"time_source\":\"observed\""),
		MARK(RECORD_PARSE_ERROR, "\"parse_error\":true"),
		MARK(RECORD_INVALID_UTF8, "\"invalid_utf8\":true"),
		MARK(RECORD_TRUNCATED, "\"truncated\":true"),
		MARK(RECORD_CONTINUED, "\"continued\":true"),
#undef MARK
	};
	struct buf *out = w->out;
	bool first = true;

	buf_puts(out, SPAN(",\"log\":{"));
	if (w->labels->file.len) {
		json_write_field(out, &first, SPAN("file"), VALUE_STRING, w->labels->file);
		buf_puts(out, SPAN(",\"offset\":"));
		buf_put_u64(out, w->rec->start);
	}
	for (size_t i = 0; w->rec->flags & LOG_FLAGS && i < sizeof(marks) / sizeof(marks[0]); i++) {
		if (!(w->rec->flags & marks[i].flag))
			continue;
		if (!first)
			buf_putc(out, ',');
		first = false;
		buf_puts(out, marks[i].text);
	}
	put_labels(w, first);
	buf_putc(out, '}');
}

void wire_write_record(struct buf *out, const struct record *rec, const struct wire_labels *labels)
{
	static const struct wire_labels no_labels;
	struct writer w = {.out = out, .rec = rec, .labels = labels ? labels : &no_labels};

	for (uint32_t i = 0; i < rec->nfields; i++) {
		if (rec->fields[i].flags & FIELD_CANONICAL)
			look_canonical(&w, &rec->fields[i]);
		else
			look_own(&w, &rec->fields[i]);
	}
	w.service_taken = keeps_name(w.service);
	w.host_taken = keeps_name(w.host);
	w.writes_log = w.labels->file.len || rec->flags & LOG_FLAGS ||
		       (w.labels->service.len && w.service_taken) ||
		       (w.labels->host.len && w.host_taken) || w.labels->resource.len;
	put_front(&w);
	put_rest(&w);
	if (w.writes_log)
		put_log(&w);
	buf_puts(out, SPAN("}\n"));
}
