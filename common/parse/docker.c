#include "common/base/clock.h"
#include "common/data/json_scan.h"
#include "common/parse/canon.h"
#include "common/parse/format.h"
#include "common/parse/when.h"
#include <errno.h>

/*
 * Docker's json-file:
 *
 *	{"log":"the line\n","stream":"stderr","time":"2026-03-01T12:00:00.123Z"}
 *
 * The service's own line is inside, decoded; the rest is about the container,
 * with labels of the container in "attrs" between stream and time.  A line of
 * more than 16 KiB is cut into parts, of which only the last has the \n.  Parts
 * that were joined come here as one text of several lines.
 */
#define LOG    SPAN("{\"log\":\"")
#define STREAM SPAN("\",\"stream\":\"std")
#define TIME   SPAN("\"time\":\"")

/* Where `what` is in the text for the last time; -1 = nowhere. */
static ptrdiff_t find_last(struct span text, struct span what)
{
	for (size_t at = text.len < what.len ? 0 : text.len - what.len + 1; at--;)
		if (memcmp(text.ptr + at, what.ptr, what.len) == 0)
			return (ptrdiff_t)at;
	return -1;
}

/* The string, still escaped, ends with a line feed: `\n` behind an even number of `\`. */
static bool ends_line(struct span string)
{
	size_t slashes = 0;

	if (!span_ends(string, SPAN("\\n")))
		return false;
	while (slashes + 1 < string.len && string.ptr[string.len - 2 - slashes] == '\\')
		slashes++;
	return slashes % 2;
}

/* Enough of it to tell which stream goes on; the parser reads the line in earnest. */
bool docker_read(struct span line, struct cri_line *ret)
{
	ptrdiff_t stream, time;

	if (!span_starts(line, LOG))
		return false;
	stream = find_last(line, STREAM);
	time = find_last(line, TIME);
	if (stream < (ptrdiff_t)LOG.len - 1 || time < stream)
		return false;
	struct span value = span_skip(span_take(line, (size_t)stream), LOG.len);
	struct span stamp = span_skip(line, (size_t)time + TIME.len);

	if (!when_front(stamp, 0, &ret->ns))
		return false;
	ret->stream = span_take(span_skip(line, (size_t)stream + STREAM.len - 3), 6);
	ret->partial = !ends_line(value);
	ret->body = ret->partial ? value : span_take(value, value.len - 2);
	/* A line of a stack trace begins with a tab, which is escaped here. */
	if (span_starts(ret->body, SPAN("\\t")))
		ret->body = SPAN("\tat");
	return true;
}

/* The three fields of one line: 1, 0 = none of Docker's, -ENOMEM. */
static int read_fields(struct span line, struct arena *arena, struct span *ret_log,
		       struct record *ret)
{
	size_t at;

	record_init(ret, arena, line);
	int r = json_scan_record(line, ret, &at);

	if (r < 0)
		return r == -ENOMEM ? r : 0;
	const struct field *log = record_get(ret, SPAN("log"));
	bool attrs = record_get(ret, SPAN("attrs"));

	if (!log || log->type != VALUE_STRING || !record_get(ret, SPAN("stream")) ||
	    !record_get(ret, SPAN("time")) || ret->nfields != 3u + attrs)
		return 0;
	*ret_log = log->text;
	return 1;
}

/* What the service wrote: the texts of all lines behind one another.  Same return. */
static int join_lines(struct span rest, struct arena *arena, struct span *ret)
{
	char *joined = arena_alloc(arena, rest.len), *out = joined;
	struct record scratch;
	struct span line, log;

	if (!joined)
		return -ENOMEM;
	while (span_cut(&rest, '\n', &line)) {
		int r = read_fields(line, arena, &log, &scratch);

		if (r <= 0)
			return r;
		memcpy(out, log.ptr, log.len);
		out += log.len;
	}
	*ret = span_between(joined, out);
	return 1;
}

int format_docker(struct span text, int64_t observed_ns, struct record *rec)
{
	struct span rest = text, first, log;
	struct record envelope;
	int64_t ns;

	if (!span_starts(text, LOG) || !span_cut(&rest, '\n', &first))
		return 0;
	int r = read_fields(first, rec->arena, &log, &envelope);

	if (r > 0 && rest.len)
		r = join_lines(text, rec->arena, &log);
	if (r <= 0)
		return r;
	if (span_ends(log, SPAN("\n")))
		log.len--;
	r = format_inner(log, observed_ns, rec);
	if (r >= 0)
		r = envelope_add(rec, SPAN("log.stream"), VALUE_STRING,
				 record_text(&envelope, SPAN("stream")));
	if (r >= 0)
		r = envelope_add(rec, SPAN("attrs"), VALUE_JSON,
				 record_text(&envelope, SPAN("attrs")));
	if (r >= 0 && when_parse(record_text(&envelope, SPAN("time")), &ns))
		canon_time(rec, ns);
	return r < 0 ? r : 1;
}
