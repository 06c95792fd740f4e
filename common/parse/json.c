#include "common/data/json_scan.h"
#include "common/parse/canon.h"
#include "common/parse/format.h"
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

int format_json(struct span text, int64_t observed_ns, struct record *rec)
{
	int r = format_docker(text, observed_ns, rec);

	return r ? r : json_service_line(text, rec);
}
