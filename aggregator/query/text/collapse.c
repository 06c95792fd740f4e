/* collapse.c - see collapse.h. */
#include "aggregator/query/text/collapse.h"
#include "common/lang/pattern.h"

/* By the rule of pattern_match(), so that what comes out matches what went in. */
void text_collapse_nums(struct span text, struct buf *out)
{
	size_t at = 0;
	ssize_t start;

	while ((start = number_start(text, at)) >= 0) {
		size_t end = number_end(text, (size_t)start);
		bool valid = number_is_valid(text, (size_t)start, end);

		buf_put(out, text.ptr + at, (valid ? (size_t)start : end) - at);
		if (valid)
			buf_puts(out, SPAN("<N>"));
		at = end;
	}
	buf_puts(out, span_skip(text, at));
}

/* What may stand behind a match and goes with it. */
static const struct span no_tails[] = {{0}};
static const struct span subsecond_tails[] = {{".<N>", 4}, {",<N>", 4}, {0}};
static const struct span zone_tails[] = {{"Z", 1}, {"-<N>:<N>", 8}, {"+<N>:<N>", 8}, {0}};

static const struct {
	struct span nums, name;
	const struct span *tails;
} pretty[] = {
	{{"<N>-<N>-<N>-<N>-<N>", 19}, {"<UUID>", 6}, no_tails},
	{{"<N>.<N>.<N>.<N>", 15}, {"<IP4>", 5}, no_tails},
	{{"<N>:<N>:<N>", 11}, {"<TIME>", 6}, subsecond_tails},
	{{"<N>-<N>-<N>", 11}, {"<DATE>", 6}, no_tails},
	{{"<N>/<N>/<N>", 11}, {"<DATE>", 6}, no_tails},
	{{"<DATE>T<TIME>", 13}, {"<DATETIME>", 10}, zone_tails},
	{{"<DATE> <TIME>", 13}, {"<DATETIME>", 10}, zone_tails},
};

void text_prettify_nums(struct buf *out, size_t from)
{
	for (size_t p = 0; p < sizeof pretty / sizeof *pretty; p++) {
		struct span rest = span_skip(buf_span(out), from);
		size_t len = from;

		for (ptrdiff_t at; (at = span_find(rest, pretty[p].nums)) >= 0;) {
			memmove(out->ptr + len, rest.ptr, (size_t)at);
			len += (size_t)at;
			memcpy(out->ptr + len, pretty[p].name.ptr, pretty[p].name.len);
			len += pretty[p].name.len;
			rest = span_skip(rest, (size_t)at + pretty[p].nums.len);
			for (const struct span *tail = pretty[p].tails; tail->ptr; tail++)
				if (span_starts(rest, *tail)) {
					rest = span_skip(rest, tail->len);
					break;
				}
		}
		if (rest.len)
			memmove(out->ptr + len, rest.ptr, rest.len);
		out->len = len + rest.len;
	}
}
