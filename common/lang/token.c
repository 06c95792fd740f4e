/*
 * token.c - words of a text; see token.h.
 */
#include "common/lang/token.h"
#include "common/base/utf8.h"
#include "common/lang/rune_table.h"

#define WORD_4(c) [c] = 1, [(c) + 1] = 1, [(c) + 2] = 1, [(c) + 3] = 1
#define WORD_26(c)                                                                                 \
	WORD_4(c), WORD_4((c) + 4), WORD_4((c) + 8), WORD_4((c) + 12), WORD_4((c) + 16),           \
		WORD_4((c) + 20), [(c) + 24] = 1, [(c) + 25] = 1

const uint8_t char_word_class[256] = {
	WORD_26('a'), WORD_26('A'), WORD_4('0'), WORD_4('4'),
	['8'] = 1,    ['9'] = 1,    ['_'] = 1,   [0x80 ... 0xff] = 2,
};

bool rune_is_word(uint32_t rune)
{
	size_t low = 0, high = sizeof(rune_words) / sizeof(rune_words[0]);

	if (rune < 0x80)
		return char_word_class[rune] == 1;
	while (low < high) {
		size_t mid = (low + high) / 2;

		if (rune > rune_words[mid].last)
			low = mid + 1;
		else if (rune < rune_words[mid].first)
			high = mid;
		else
			return true;
	}
	return false;
}

static uint32_t map_case(const struct rune_case *table, size_t n, uint32_t rune)
{
	size_t low = 0, high = n;

	while (low < high) {
		size_t mid = (low + high) / 2;
		const struct rune_case *entry = &table[mid];

		if (rune > entry->last)
			low = mid + 1;
		else if (rune < entry->first)
			high = mid;
		else if ((rune - entry->first) % entry->stride == 0)
			return (uint32_t)((int32_t)rune + entry->delta);
		else
			break;
	}
	return rune;
}

uint32_t rune_lower(uint32_t rune)
{
	if (rune < 0x80)
		return rune >= 'A' && rune <= 'Z' ? rune + 32 : rune;
	return map_case(rune_to_lower, sizeof(rune_to_lower) / sizeof(rune_to_lower[0]), rune);
}

static uint32_t rune_upper(uint32_t rune)
{
	if (rune < 0x80)
		return rune >= 'a' && rune <= 'z' ? rune - 32 : rune;
	return map_case(rune_to_upper, sizeof(rune_to_upper) / sizeof(rune_to_upper[0]), rune);
}

/* Bytes of the word character at the front of `text`, 0 if there is none. */
static size_t word_char_at(struct span text)
{
	uint32_t rune;
	size_t n;

	switch (char_word_class[(uint8_t)text.ptr[0]]) {
	case 0:
		return 0;
	case 1:
		return 1;
	}
	n = utf8_decode(text, &rune);
	return rune_is_word(rune) ? n : 0;
}

bool token_next(struct span *rest, struct span *ret_word)
{
	struct span text = *rest;
	uint32_t rune;
	size_t n;

	while (text.len && word_char_at(text) == 0)
		text = span_skip(text, (uint8_t)text.ptr[0] < 0x80 ? 1 : utf8_decode(text, &rune));
	if (text.len == 0) {
		*rest = text;
		return false;
	}
	ret_word->ptr = text.ptr;
	while (text.len && (n = word_char_at(text)) != 0)
		text = span_skip(text, n);
	ret_word->len = (size_t)(text.ptr - ret_word->ptr);
	*rest = text;
	return true;
}

size_t utf8_decode_last(struct span text, uint32_t *ret_rune)
{
	size_t limit = text.len < 4 ? text.len : 4;

	for (size_t n = 1; n <= limit; n++) {
		struct span tail = span_skip(text, text.len - n);

		if (((uint8_t)tail.ptr[0] & 0xc0) == 0x80)
			continue;
		if (utf8_decode(tail, ret_rune) == n)
			return n;
		break;
	}
	*ret_rune = 0xfffd;
	return 1;
}

bool text_starts_with_word(struct span text)
{
	return text.len && word_char_at(text) != 0;
}

bool text_ends_with_word(struct span text)
{
	uint32_t rune;

	if (text.len == 0)
		return false;
	if ((uint8_t)text.ptr[text.len - 1] < 0x80)
		return char_is_word(text.ptr[text.len - 1]);
	utf8_decode_last(text, &rune);
	return rune_is_word(rune);
}

bool phrase_begins_with_word(struct span phrase)
{
	return text_starts_with_word(phrase) && utf8_valid(phrase);
}

static void map_text(struct span text, uint32_t (*map)(uint32_t), struct buf *out)
{
	char bytes[4];
	uint32_t rune;

	while (text.len) {
		size_t n = utf8_decode(text, &rune);

		if (rune < 0x80)
			buf_putc(out, (char)map(rune));
		else if (rune == 0xfffd)
			buf_puts(out, span_take(text, n));
		else
			buf_put(out, bytes, utf8_encode(bytes, map(rune)));
		text = span_skip(text, n);
	}
}

void text_lower(struct span text, struct buf *out)
{
	map_text(text, rune_lower, out);
}

void text_upper(struct span text, struct buf *out)
{
	map_text(text, rune_upper, out);
}
