/* Split-block Bloom filters in checksummed pages; see bloom.h. */
#include "aggregator/store/bloom.h"
#include "common/base/hash.h"

#define BITS_PER_WORD 10

/* Odd constants that spread the low half of a hash over the lanes (Parquet's). */
static const uint32_t salts[8] = {0x47b6137bu, 0x44974d91u, 0x8824ad5bu, 0xa2b7289du,
				  0x705495c7u, 0x2df1424bu, 0x9efc4947u, 0x5c6bfb31u};

/* The high half picks the line, without a division. */
static size_t line_of(uint64_t hash, size_t nlines)
{
	return (size_t)(((hash >> 32) * nlines) >> 32);
}

static void line_mask(uint64_t hash, uint32_t mask[8])
{
	for (int i = 0; i < 8; i++)
		mask[i] = htole32(UINT32_C(1) << (((uint32_t)hash * salts[i]) >> 27));
}

uint64_t bloom_bytes(size_t nlines)
{
	size_t pages = (nlines + BLOOM_PAGE_LINES - 1) / BLOOM_PAGE_LINES;

	return (uint64_t)nlines * BLOOM_LINE + pages * 8;
}

struct bloom_page bloom_page_of(uint64_t hash, size_t nlines)
{
	size_t line = line_of(hash, nlines), first = line - line % BLOOM_PAGE_LINES;
	size_t lines = nlines - first;

	if (lines > BLOOM_PAGE_LINES)
		lines = BLOOM_PAGE_LINES;
	return (struct bloom_page){bloom_bytes(first), lines * BLOOM_LINE + 8, line - first};
}

size_t bloom_put(struct buf *out, const uint64_t *hashes, size_t n)
{
	size_t nlines = (n * BITS_PER_WORD + BLOOM_LINE * 8 - 1) / (BLOOM_LINE * 8);
	size_t begin = out->len;

	if (n == 0 || buf_reserve(out, bloom_bytes(nlines)) < 0)
		return 0;
	memset(out->ptr + begin, 0, bloom_bytes(nlines));
	for (size_t i = 0; i < n; i++) {
		struct bloom_page page = bloom_page_of(hashes[i], nlines);
		char *line = out->ptr + begin + page.off + page.line * BLOOM_LINE;
		uint32_t mask[8], lanes[8];

		line_mask(hashes[i], mask);
		memcpy(lanes, line, BLOOM_LINE);
		for (int k = 0; k < 8; k++)
			lanes[k] |= mask[k];
		memcpy(line, lanes, BLOOM_LINE);
	}
	out->len += bloom_bytes(nlines);
	for (uint64_t off = 0; off < bloom_bytes(nlines); off += BLOOM_PAGE_MAX) {
		size_t len = bloom_bytes(nlines) - off;
		char *page = out->ptr + begin + off;

		len = len < BLOOM_PAGE_MAX ? len : BLOOM_PAGE_MAX;
		uint64_t sum = htole64(hash64(span_of(page, len - 8)));

		memcpy(page + len - 8, &sum, 8);
	}
	return nlines;
}

bool bloom_page_intact(struct span page)
{
	uint64_t sum;

	if (page.len < 8)
		return false;
	memcpy(&sum, page.ptr + page.len - 8, 8);
	return le64toh(sum) == hash64(span_take(page, page.len - 8));
}

bool bloom_page_has(struct span page, size_t line, uint64_t hash)
{
	uint32_t mask[8], lanes[8], missing = 0;

	line_mask(hash, mask);
	memcpy(lanes, page.ptr + line * BLOOM_LINE, BLOOM_LINE);
	for (int k = 0; k < 8; k++)
		missing |= mask[k] & ~lanes[k];
	return missing == 0;
}
