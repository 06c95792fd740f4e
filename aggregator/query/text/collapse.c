/* collapse.c - see collapse.h. */
#include "aggregator/query/text/collapse.h"
#include "common/base/cleanup.h"
#include "common/base/num.h"
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

static bool is_hex(char c)
{
	return num_hex_digit(c) >= 0;
}

/* What stands in a gap is a run of digits of its own: no digit is next to it. */
static bool stands_alone(const struct text_shape *shape, uint32_t gap)
{
	struct span before = shape->literals[gap], behind = shape->literals[gap + 1];

	if (shape->gaps[gap] != GAP_DIGITS && shape->gaps[gap] != GAP_HEX)
		return false;
	if (before.len ? is_hex(before.ptr[before.len - 1]) : gap > 0)
		return false;
	return behind.len ? !is_hex(behind.ptr[0]) : gap + 1 == shape->ngaps;
}

static void collapse_filled(const struct text_shape *shape, struct span digits, struct span hex,
			    struct buf *out)
{
	_cleanup_(buf_release) struct buf text = BUF_INIT(SIZE_MAX / 2);

	for (uint32_t i = 0; i <= shape->ngaps; i++) {
		if (i)
			buf_puts(&text, shape->gaps[i - 1] == GAP_HEX ? hex : digits);
		buf_puts(&text, shape->literals[i]);
	}
	text_collapse_nums(buf_span(&text), out);
	if (text.failed)
		out->failed = text.failed;
}

/*
 * Whether a run counts as a number depends on what is next to it, and on its
 * digits only if they are few or odd hex ones, which GAP_HEX has none of.  So
 * two texts with other digits tell: a gap that is a number is <N> in both.
 */
bool text_collapse_shape(const struct text_shape *shape, struct buf *out)
{
	_cleanup_(buf_release) struct buf other = BUF_INIT(out->max);
	size_t begin = out->len;

	for (uint32_t i = 0; i < shape->ngaps; i++)
		if (!stands_alone(shape, i))
			return false;
	collapse_filled(shape, SPAN("7"), SPAN("7777"), out);
	collapse_filled(shape, SPAN("12"), SPAN("abcdef"), &other);
	if (!out->failed && !other.failed &&
	    span_eq(span_skip(buf_span(out), begin), buf_span(&other)))
		return true;
	out->len = begin;
	return false;
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
