/*
 * pattern.h - pattern_match(): texts with placeholders for what changes.
 *
 *	<N>         a number, decimal or hex (hex: 4 digits or more, an even count)
 *	<UUID>      <N>-<N>-<N>-<N>-<N>
 *	<IP4>       <N>.<N>.<N>.<N>
 *	<TIME>      <N>:<N>:<N>, maybe with .<N> or ,<N>
 *	<DATE>      <N>-<N>-<N> or <N>/<N>/<N>
 *	<DATETIME>  <DATE>T<TIME> or <DATE> <TIME>, maybe with Z, +<N>:<N> or -<N>:<N>
 *	<W>         a word, or a quoted text
 *
 * The pipe collapse_nums writes these, and replaces numbers by the same rule:
 * number_start() and number_end() below.
 */
#ifndef SLUICE_LANG_PATTERN_H
#define SLUICE_LANG_PATTERN_H

#include "common/base/arena.h"
#include "common/base/span.h"
#include <sys/types.h>

enum pattern_place { PATTERN_ANYWHERE, PATTERN_FULL, PATTERN_START, PATTERN_END };

struct pattern;

/* Borrows `text`.  0 or -ENOMEM. */
int pattern_new(struct span text, enum pattern_place place, struct arena *arena,
		struct pattern **ret);
bool pattern_match(const struct pattern *pattern, struct span text);
enum pattern_place pattern_place(const struct pattern *pattern);
/* Fixed piece i of the pattern, the text between placeholders; false behind the last. */
bool pattern_piece(const struct pattern *pattern, size_t i, struct span *ret);

/*
 * The next byte from `at` on where a run of hex digits begins that nothing but
 * a separator or one of  _ T X x v s h m  stands before; -1 if there is none.
 */
ssize_t number_start(struct span text, size_t at);
/* The end of the run of hex digits at `start`. */
size_t number_end(struct span text, size_t start);
/* Whether the run is a number: what follows it and its digits decide. */
bool number_is_valid(struct span text, size_t start, size_t end);

#endif
