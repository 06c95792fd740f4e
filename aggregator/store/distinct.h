/*
 * distinct.h - number the distinct texts of a list.
 *
 *	texts   GET POST GET PUT      →   list GET POST PUT   codes 0 1 0 2
 *
 * The memory is kept from column to column.
 */
#ifndef SLUICE_STORE_DISTINCT_H
#define SLUICE_STORE_DISTINCT_H

#include "common/data/column.h"

struct distinct {
	struct span *list; /* in order of first appearance */
	uint64_t *hashes;
	uint32_t *codes;
	uint32_t *slots; /* hash table of code + 1 */
	size_t len;
};

/* Room for ROW_BLOCK_MAX texts.  0 or -ENOMEM. */
int distinct_init(struct distinct *distinct);
void distinct_release(struct distinct *distinct);

/* False as soon as there are more than `limit`; list and codes are void then. */
bool distinct_run(struct distinct *distinct, const struct span *texts, size_t n, size_t limit);

#endif
