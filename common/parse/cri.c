#include "common/data/timestamp.h"
#include "common/parse/canon.h"
#include "common/parse/format.h"

/*
 * Kubernetes container runtimes (containerd, CRI-O):
 *
 *	2026-03-01T12:00:00.123456789Z stderr F the service's own line
 *
 * F is a full line, P a part of one that the runtime cut at 16 KiB; parts are
 * joined before they come here (multiline.h).
 */
int format_cri(struct span text, int64_t observed_ns, struct record *rec)
{
	int64_t ns;
	size_t n;

	if (text.len < 28 || timestamp_parse_iso(text, &ns, &n) < 0)
		return 0;
	struct span rest = span_skip(text, n);
	bool out = span_starts(rest, SPAN(" stdout ")), err = span_starts(rest, SPAN(" stderr "));

	if ((!out && !err) || rest.len < 9 || (rest.ptr[8] != 'F' && rest.ptr[8] != 'P') ||
	    (rest.len > 9 && rest.ptr[9] != ' '))
		return 0;
	struct span stream = span_take(span_skip(rest, 1), 6);
	int r = format_inner(span_skip(rest, 10), observed_ns, rec);

	if (r >= 0)
		r = envelope_add(rec, SPAN("log.stream"), VALUE_STRING, stream);
	canon_time(rec, ns);
	return r < 0 ? r : 1;
}
