/*
 * token.h - the words of a text, as LogsQL and the store's filters see them.
 *
 * A word is a run of letters, digits (both in the sense of Unicode) and '_';
 * everything else separates.  "user-id=17, Зима" has the words  user  id  17
 * Зима.  Words keep their case.  A byte that isn't UTF-8 separates too.
 *
 * The store puts the hash of each word of each value into a filter per block;
 * a filter leaf says which words a matching value must have
 * (filter_required_tokens() in match.h), so most blocks need not be read.
 *
 *	struct span rest = value, word;
 *	while (token_next(&rest, &word))
 *		bloom_add(bloom, token_hash(word));
 */
#ifndef SLUICE_LANG_TOKEN_H
#define SLUICE_LANG_TOKEN_H

#include "common/base/buf.h"
#include "common/base/hash.h"
#include "common/base/span.h"
#include <stdint.h>

/* Letter or decimal digit of Unicode, or '_'. */
bool rune_is_word(uint32_t rune);
/* Simple (one to one) lower case of Unicode. */
uint32_t rune_lower(uint32_t rune);

extern const uint8_t char_word_class[256]; /* 1: ASCII word character, 2: byte of a longer one */

static inline bool char_is_word(char c)
{
	return char_word_class[(uint8_t)c] == 1;
}

/* The next word of `rest`, cut off its front.  False at the end. */
bool token_next(struct span *rest, struct span *ret_word);

static inline uint64_t token_hash(struct span word)
{
	return hash64(word);
}

/* Whether the first, or the last, character of `text` belongs to a word; false if it is empty. */
bool text_starts_with_word(struct span text);
bool text_ends_with_word(struct span text);
/* Whether it can stand only where a word of a text begins: a word in front, no half characters. */
bool phrase_begins_with_word(struct span phrase);
/* Bytes of the last character of `text` (≥ 1; an invalid byte counts 1 and is U+FFFD). */
size_t utf8_decode_last(struct span text, uint32_t *ret_rune);

/* The text in lower case, rune by rune; invalid bytes stay. */
void text_lower(struct span text, struct buf *out);
void text_upper(struct span text, struct buf *out);

#endif
