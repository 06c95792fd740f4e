#include "common/base/clock.h"
#include "common/parse/canon.h"
#include "common/parse/format.h"
#include "common/parse/level.h"
#include "common/parse/when.h"

/*
 * What is cut off in front of the message: a time, and a level that stands
 * right behind it.
 *
 *	[2016-12-19 16:00:00,123] INFO [main] Starting (kafka.Server)
 *	 time                     level message ...
 *	ERROR [2016-12-19 16:00:00,123] o.x.Main: stopped
 *	level  time                     message …
 *
 * A level further on ("[main] INFO com.x - …") is noted and stays in the text,
 * and so does one without a time in front: "Error: no such file" is a sentence.
 */
struct prefix {
	struct span rest;
	int64_t ns;        /* TIME_UNKNOWN: none */
	uint32_t severity; /* of a level in front of the time; 0 = none */
};

/* `ERROR`, `[ERROR]` or Ruby's `E,` in front of a time: its length, 0 = none. */
static size_t read_level(struct span text, uint32_t *ret_severity)
{
	size_t bracket = text.len && text.ptr[0] == '[', end = bracket;

	while (end < text.len && end < 16 && text.ptr[end] >= 'A' && text.ptr[end] <= 'Z')
		end++;
	struct span word = span_skip(span_take(text, end), bracket);
	char after = end < text.len ? text.ptr[end] : '\0';

	if (word.len == 1 ? bracket || after != ',' : word.len < 3)
		return 0;
	*ret_severity = severity_parse(word);
	if (!*ret_severity || (bracket && after != ']'))
		return 0;
	return end + bracket;
}

static struct prefix cut_time(struct span text, int64_t observed_ns)
{
	struct prefix prefix = {.rest = text, .ns = TIME_UNKNOWN};
	struct span at = level_skip_filling(text, SPAN(" \t"));
	size_t level = read_level(at, &prefix.severity);

	at = level ? level_skip_filling(span_skip(at, level), SPAN(" \t:,-")) : at;
	bool bracket = at.len && (at.ptr[0] == '[' || at.ptr[0] == '(');
	size_t n = when_front(span_skip(at, bracket), observed_ns, &prefix.ns);

	if (!n)
		return (struct prefix){.rest = text, .ns = TIME_UNKNOWN};
	at = span_skip(at, n + bracket);
	if (at.len && at.ptr[0] == ' ') {
		int32_t zone = 0;
		size_t len = when_zone_name(span_skip(at, 1), &zone);

		at = span_skip(at, len ? len + 1 : 0);
		prefix.ns -= zone * NS_PER_SEC;
	}
	if (bracket && at.len && (at.ptr[0] == ']' || at.ptr[0] == ')'))
		at = span_skip(at, 1);
	prefix.rest = level_skip_filling(at, SPAN(" \t:|,-"));
	return prefix;
}

int format_plain(struct span text, int64_t observed_ns, struct record *rec)
{
	struct prefix prefix = cut_time(text, observed_ns);
	struct span message = prefix.rest;
	size_t level_end = 0;
	uint32_t severity = prefix.severity;

	if (!severity)
		severity = level_find(prefix.rest, prefix.ns != TIME_UNKNOWN, &level_end);

	if (prefix.ns != TIME_UNKNOWN) {
		canon_time(rec, prefix.ns);
		if (severity && level_end)
			message = level_skip_filling(span_skip(message, level_end),
						     SPAN(" \t:|,-])>"));
	}
	if (!rec->severity)
		rec->severity = severity;
	int r = canon_text(rec, SPAN("message"), message.len ? message : text);

	return r < 0 ? r : 1;
}
