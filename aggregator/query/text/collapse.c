/* collapse.c - see collapse.h. */
#include "aggregator/query/text/collapse.h"
#include "common/base/utf8.h"
#include "common/lang/token.h"

static bool is_hex_letter(uint32_t rune)
{
	return (rune >= 'a' && rune <= 'f') || (rune >= 'A' && rune <= 'F');
}

static bool is_digit(uint32_t rune)
{
	return (rune >= '0' && rune <= '9') || is_hex_letter(rune);
}

/* Runes that a number may follow though they are part of a word. */
static bool may_precede(uint32_t rune)
{
	return rune && rune < 128 && strchr("TXxvshm", (int)rune);
}

static bool may_follow(uint32_t rune)
{
	return rune == 0xb5 || rune == 0x3bc ||
	       (rune && rune < 128 && strchr("TZsmhun", (int)rune));
}

/* Short or odd runs with letters are words: be, add, cafe5. */
static bool is_number(struct span run)
{
	bool letters = false;

	for (size_t i = 0; i < run.len; i++)
		letters |= is_hex_letter((unsigned char)run.ptr[i]);
	return !letters || (run.len >= 4 && run.len % 2 == 0);
}

void text_collapse_nums(struct span text, struct buf *out)
{
	const char *end = text.ptr + text.len, *copied = text.ptr, *start = NULL;
	uint32_t before = 0;

	for (const char *at = text.ptr; at < end;) {
		uint32_t rune;
		size_t len = utf8_decode(span_between(at, end), &rune);

		if (is_digit(rune)) {
			if (!start && (may_precede(before) || !rune_is_word(before)))
				start = at;
		} else if (start) {
			if ((may_follow(rune) || !rune_is_word(rune)) &&
			    is_number(span_between(start, at))) {
				buf_put(out, copied, (size_t)(start - copied));
				buf_puts(out, SPAN("<N>"));
				copied = at;
			}
			start = NULL;
		}
		before = rune;
		at += len;
	}
	if (start && is_number(span_between(start, end))) {
		buf_put(out, copied, (size_t)(start - copied));
		buf_puts(out, SPAN("<N>"));
	} else if (copied) {
		buf_put(out, copied, (size_t)(end - copied));
	}
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
