/*
 * utf8.h - validity, repair and iteration (Unicode 15, table 3-7).
 */
#ifndef SLUICE_BASE_UTF8_H
#define SLUICE_BASE_UTF8_H

#include "common/base/buf.h"
#include <stdint.h>

/* Length of the longest valid prefix; equal to len when all is valid. */
size_t utf8_valid_prefix(struct span text);

static inline bool utf8_valid(struct span text)
{
	return utf8_valid_prefix(text) == text.len;
}

/* Append `text` with each maximal invalid subpart replaced by U+FFFD. */
void utf8_repair(struct span text, struct buf *out);
/* The same into memory of the caller's, who asks first how much it will be. */
size_t utf8_repaired_len(struct span text);
size_t utf8_repair_to(char *out, struct span text);

/*
 * Decode the character at the front.  Returns its length in bytes (≥ 1 when
 * text is not empty); an invalid byte counts 1 and gives U+FFFD.
 */
size_t utf8_decode(struct span text, uint32_t *ret_rune);
/* Writes 1 to 4 bytes, returns how many. */
size_t utf8_encode(char text[4], uint32_t rune);

#endif
