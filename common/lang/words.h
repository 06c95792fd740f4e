/*
 * words.h - the words of LogsQL that mean something, and printing around them.
 *
 * A text that would be taken for one of them, or that holds anything but word
 * characters, is printed in quotes, so that it reads back as what it was.
 */
#ifndef SLUICE_LANG_WORDS_H
#define SLUICE_LANG_WORDS_H

#include "common/base/buf.h"
#include "common/base/span.h"

/* Space-separated lists, also for lex_suggest(). */
extern const char words_filters[]; /* in contains_all range … */
extern const char words_pipes[];   /* fields limit stats … with all their synonyms */
extern const char words_stats[];   /* count sum quantile … */

/* Whether `word` is in the list; case is ignored. */
bool words_have(const char *list, struct span word);
/* The word of the list that is nearest by nearest.h, case ignored.  Empty if none is near. */
struct span words_nearest(const char *list, struct span given);

/* As one text of the language, quoted if needed. */
void text_print(struct buf *out, struct span text);
/* Where no keyword can stand: bare if it is words and + - / : . $, as times and numbers are. */
void text_print_bare(struct buf *out, struct span text);
/* In quotes in any case. */
void text_print_quoted(struct buf *out, struct span text);
/* A field name, or `prefix*`. */
void text_print_field_filter(struct buf *out, struct span text);
/* (a, b, c) without the parentheses; field filters, too. */
void text_print_list(struct buf *out, const struct span *texts, size_t n);
void text_print_field_filters(struct buf *out, const struct span *texts, size_t n);

#endif
