#include "common/data/json_scan.h"
#include "common/data/timestamp.h"
#include "common/data/wire.h"

static uint32_t log_flag(const struct json_item *item)
{
	static const struct {
		struct span name, text;
		uint32_t flag;
	} marks[] = {
		{{"time_source", 11}, {"observed", 8}, RECORD_TIME_OBSERVED},
		{{"parse_error", 11}, {"true", 4}, RECORD_PARSE_ERROR},
		{{"invalid_utf8", 12}, {"true", 4}, RECORD_INVALID_UTF8},
		{{"truncated", 9}, {"true", 4}, RECORD_TRUNCATED},
		{{"continued", 9}, {"true", 4}, RECORD_CONTINUED},
	};

	for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++)
		if (span_eq(item->key, marks[i].name) && span_eq(item->text, marks[i].text))
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
