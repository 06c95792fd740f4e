/*
 * bloom.h - which words a column has: split-block Bloom filters.
 *
 * A word sets eight bits of one 32-byte line, one in each of its eight 32-bit
 * lanes, so that a probe touches one cache line (the scheme of Parquet's
 * filters; Putze, Sanders, Singler, "Cache-, Hash- and Space-Efficient Bloom
 * Filters", 2007).  At 10 bits a word 1 probe in 100 is a false "maybe".
 *
 * Stored in pages, so that a probe of one word reads and verifies 4 KiB, not
 * the filter:
 *
 *	page := up to 127 lines of 32 bytes · hash64 of them
 *	filter := page …      all full but the last; the directory knows its length
 */
#ifndef SLUICE_STORE_BLOOM_H
#define SLUICE_STORE_BLOOM_H

#include "aggregator/store/bytes.h"
#include <stdint.h>

#define BLOOM_LINE       32
#define BLOOM_PAGE_LINES 127
#define BLOOM_PAGE_MAX   (BLOOM_PAGE_LINES * BLOOM_LINE + 8)

/* Append the filter of these hashes; returns its lines (0 for no hashes). */
size_t bloom_put(struct buf *out, const uint64_t *hashes, size_t n);

/* Which page a hash is on: offset and length within the filter's bytes. */
struct bloom_page {
	uint64_t off;
	size_t len;
	size_t line; /* of the hash, within the page */
};
struct bloom_page bloom_page_of(uint64_t hash, size_t nlines);
/* Stored bytes of a filter of so many lines. */
uint64_t bloom_bytes(size_t nlines);
bool bloom_page_intact(struct span page);
/* Probe an intact page. */
bool bloom_page_has(struct span page, size_t line, uint64_t hash);

#endif
