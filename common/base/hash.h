/*
 * hash.h - hashes, by purpose.
 *
 *	hash64	XXH3 (seed 0): maps, filters, and the checksum of store formats;
 *		its values are fixed since xxHash 0.8.0
 *	crc32c	Castagnoli (RFC 3720, B.4): for everything that is sent
 *
 * The running hash over the bytes of a source is XXH64, from <xxhash.h> itself.
 *
 *	uint32_t crc = crc32c(0, header, sizeof(header));
 *	crc = crc32c(crc, body.ptr, body.len);
 */
#ifndef SLUICE_BASE_HASH_H
#define SLUICE_BASE_HASH_H

#include "common/base/span.h"
#include <stdint.h>

uint64_t hash64(struct span bytes);

/* crc of the empty span is 0; pass the last result to go on. */
uint32_t crc32c(uint32_t crc, const void *bytes, size_t n);
/* The same by table, for processors without SSE4.2; here for the tests. */
uint32_t crc32c_portable(uint32_t crc, const void *bytes, size_t n);

#endif
