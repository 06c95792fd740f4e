#include "common/data/json_scan.h"
#include "common/parse/canon.h"
#include "common/parse/format.h"
#include "common/parse/when.h"
#include <errno.h>

int json_service_line(struct span text, struct record *rec)
{
	uint32_t before = rec->nfields;
	size_t at;
	int r = json_scan_record(text, rec, &at);

	if (r < 0)
		return r == -ENOMEM ? r : 0;
	if (rec->nfields > RECORD_FIELDS_MAX) {
		rec->nfields = before;
		return 0;
	}
	r = canon_map(rec);
	/* Serilog's compact format leaves the level out where it is Information. */
	if (r >= 0 && !rec->severity && span_starts(text, SPAN("{\"@t\"")))
		rec->severity = severity_parse(SPAN("info"));
	return r < 0 ? r : 1;
}

/*
 * Docker's json-file: {"log":"the line\n","stream":"stderr","time":"2026-…Z"}.
 * The service's own line is inside, decoded; the rest is about the container.
 */
static int unwrap_docker(struct span line, struct span stream, struct span time,
			 int64_t observed_ns, struct record *rec)
{
	int64_t ns;

	if (line.len && line.ptr[line.len - 1] == '\n')
		line.len--;
	rec->nfields = 0;
	rec->json = (struct span){0};
	int r = format_inner(line, observed_ns, rec);

	if (r >= 0)
		r = envelope_add(rec, SPAN("log.stream"), VALUE_STRING, stream);
	if (r >= 0 && when_parse(time, &ns))
		canon_time(rec, ns);
	return r < 0 ? r : 1;
}

int format_json(struct span text, int64_t observed_ns, struct record *rec)
{
	size_t at;

	if (!span_starts(text, SPAN("{\"log\":\"")))
		return json_service_line(text, rec);
	int r = json_scan_record(text, rec, &at);

	if (r < 0)
		return r == -ENOMEM ? r : 0;
	const struct field *stream = record_get(rec, SPAN("stream"));
	const struct field *time = record_get(rec, SPAN("time"));

	if (rec->nfields == 3 && stream && time)
		return unwrap_docker(rec->fields[0].text, stream->text, time->text, observed_ns,
				     rec);
	rec->nfields = 0;
	return json_service_line(text, rec);
}
