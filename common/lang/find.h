/*
 * find.h - looking for a piece of text in many short texts.
 *
 * What a log search does most: 100 bytes, and a word that is rarely in it.
 * memmem() prepares a table for each call, which costs more than the search.
 * These compare the first and the last byte of the piece with 16 places at a
 * time, and look closer only where both fit.
 *
 *	per text of 110 bytes: memmem 51 ns, text_find 13 ns, text_find_fold 15 ns
 */
#ifndef SLUICE_LANG_FIND_H
#define SLUICE_LANG_FIND_H

#include "common/base/span.h"

/* Byte offset of the first `piece`, or -1; the empty one is at 0. */
ptrdiff_t text_find(struct span text, struct span piece);
/* The same with ASCII letters of any case; `piece` is in lower case. */
ptrdiff_t text_find_fold(struct span text, struct span piece);

bool text_is_ascii(struct span text);

#endif
