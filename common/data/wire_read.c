#include "common/data/json_scan.h"
#include "common/data/timestamp.h"
#include "common/data/wire.h"
#include <errno.h>

/* The members of `log` that are a flag of the record. */
static const struct mark {
	struct span name, text; /* name: as a field of its own, log.… */
	uint32_t flag, type;
} marks[] = {
	{{"log.time_source", 15}, {"observed", 8}, RECORD_TIME_OBSERVED, VALUE_STRING},
	{{"log.parse_error", 15}, {"true", 4}, RECORD_PARSE_ERROR, VALUE_BOOL},
	{{"log.invalid_utf8", 16}, {"true", 4}, RECORD_INVALID_UTF8, VALUE_BOOL},
	{{"log.truncated", 13}, {"true", 4}, RECORD_TRUNCATED, VALUE_BOOL},
	{{"log.continued", 13}, {"true", 4}, RECORD_CONTINUED, VALUE_BOOL},
};
#define MARKS (sizeof(marks) / sizeof(marks[0]))

static uint32_t log_flag(const struct json_item *item)
{
	for (size_t i = 0; i < MARKS; i++)
		if (span_eq(item->key, span_skip(marks[i].name, 4)) &&
		    span_eq(item->text, marks[i].text))
			return marks[i].flag;
	return 0;
}

static void read_log(struct record *rec, struct span object)
{
	struct json_iter iter;
	struct json_item item;

	if (!json_iter_init(&iter, object) || !iter.object)
		return;
	while (json_iter_next(&iter, &item))
		rec->flags |= log_flag(&item);
}

/* The number behind `level`: 1 to 24, else 0. */
static uint32_t read_severity(const struct field *field)
{
	uint32_t n = 0;

	if (field->type != VALUE_NUMBER || field->text.len > 2)
		return 0;
	for (size_t i = 0; i < field->text.len; i++)
		n = n * 10 + (uint32_t)(field->text.ptr[i] - '0');
	return n <= 24 ? n : 0;
}

static bool read_canonical(struct record *rec, const struct field *field)
{
	int64_t ns;

	if (field->type != VALUE_STRING || !record_key_is_canonical(field->key))
		return false;
	if (field->key.len == 5)
		rec->severity = severity_parse(field->text);
	if (field->key.len != 9)
		return field->key.len != 5 || rec->severity;
	if (timestamp_parse(field->text, &ns) < 0)
		return false;
	rec->time_ns = ns;
	return true;
}

int wire_read_record(struct span line, struct record *rec, size_t *ret_at)
{
	uint32_t step = 0;

	rec->line = line;
	int r = json_scan_record(line, rec, ret_at);

	if (r < 0)
		return r;
	for (uint32_t i = 0; i < rec->nfields; i++) {
		struct field *field = &rec->fields[i];

		if (read_canonical(rec, field))
			field->flags |= FIELD_CANONICAL;
		else if (span_eq(field->key, SPAN("log")))
			read_log(rec, field->text);
		else if (span_eq(field->key, SPAN("severity")))
			step = read_severity(field);
	}
	/* `severity` refines the word of `level`; a service's own may mean something else. */
	if (step && rec->severity && (step - 1) / 4 == (rec->severity - 1) / 4)
		rec->severity = step;
	return 0;
}

/* Where a service has such a field itself, it stays and the mark is left out. */
static int add_mark(struct record *rec, struct span key, enum value_type type, struct span text)
{
	struct field own;

	if (record_find(rec, key, &own) == 0)
		return 0;
	return record_add(rec, (struct field){.key = key, .text = text, .type = type});
}

int wire_add_marks(struct record *rec)
{
	int r = 0;

	if (rec->severity && (rec->severity - 1) % 4) {
		struct span text = arena_printf(rec->arena, "%u", rec->severity);

		r = text.ptr ? add_mark(rec, SPAN("severity"), VALUE_NUMBER, text) : -ENOMEM;
	}
	for (size_t i = 0; i < MARKS && r == 0; i++)
		if (rec->flags & marks[i].flag)
			r = add_mark(rec, marks[i].name, (enum value_type)marks[i].type,
				     marks[i].text);
	return r;
}
