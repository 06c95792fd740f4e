/*
 * nearest.h - the nearest of some names, for "did you mean".
 *
 * A name is near when the word is a start of it, or when at most a third of the
 * word's letters (at least one) have to be inserted, deleted, replaced or
 * swapped.  Case counts.  Words and names of more than 64 bytes are near to
 * nothing.  No memory of its own; `best` borrows from the names.
 *
 *	nearest_init(&near, word);
 *	nearest_try(&near, name);	for each name
 *	near.best			empty while nothing is near
 */
#ifndef SLUICE_BASE_NEAREST_H
#define SLUICE_BASE_NEAREST_H

#include "common/base/span.h"

struct nearest {
	struct span word, best;
	size_t distance;
};

void nearest_init(struct nearest *nearest, struct span word);
void nearest_try(struct nearest *nearest, struct span name);

#endif
