/*
 * filter_column.h - one leaf on one column: the inside of filter_exec.h.
 */
#ifndef SLUICE_QUERY_FILTER_COLUMN_H
#define SLUICE_QUERY_FILTER_COLUMN_H

#include "aggregator/query/rows.h"
#include "common/lang/ast/filter.h"

/* For each set bit of `bits`; `row` is its number.  The body may clear it. */
#define each_bit(bits, nrows, row)                                                                 \
	for (size_t each_word = 0; each_word < BITMAP_WORDS(nrows); each_word++)                   \
		for (uint64_t each_left = (bits)[each_word];                                       \
		     each_left &&                                                                  \
		     ((row) = (uint32_t)(each_word * 64 + (size_t)__builtin_ctzll(each_left)),     \
		     true);                                                                        \
		     each_left &= each_left - 1)

static inline void bits_clear_all(uint64_t *bits, size_t n)
{
	memset(bits, 0, BITMAP_WORDS(n) * sizeof(*bits));
}

/* Clear the bits of rows whose `name` a leaf on texts does not match.  0, or rows->failed. */
int filter_match_column(const struct filter *leaf, struct rows *rows, struct span name,
			uint64_t *bits);

#endif
