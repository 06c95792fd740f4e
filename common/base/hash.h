/*
 * hash.h - the three hashes of the project, by purpose.
 *
 *   hash64     XXH3, for maps and filters: fast, may change between versions
 *              of the in-memory layout, never between versions of a file format
 *   hash_stream  XXH64 running over the bytes of a source (delivery.md)
 *   crc32c     Castagnoli, for everything stored or sent (RFC 3720, B.4)
 *
 * Store formats use hash64 (seed 0) as their checksum too; XXH3 is stable
 * since xxHash 0.8.0.
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
