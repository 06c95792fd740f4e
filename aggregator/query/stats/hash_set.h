/*
 * hash_set.h - a set of values by their 128-bit XXH3 hash.
 *
 * 16 bytes a value however long it is.  Two of 2^32 values share a hash with a
 * chance of 2^-65, less than that of a memory error: count_uniq() counts
 * hashes and calls it exact.
 */
#ifndef SLUICE_QUERY_STATS_HASH_SET_H
#define SLUICE_QUERY_STATS_HASH_SET_H

#include "common/base/span.h"
#include <stdint.h>

struct hash128 {
	uint64_t low, high; /* both 0 = free slot */
};

/* Zeroed = empty.  Open addressing, at most 3/4 full. */
struct hash_set {
	struct hash128 *slots;
	size_t cap, len;
};

struct hash128 hash128_of(struct span value);
/* 1 added, 0 was there, -ENOMEM. */
int hash_set_add(struct hash_set *set, struct hash128 hash);
/*
 * Add the hashes of `most` slots of `from`, those from *at on, which starts at
 * 0.  1 there are more, 0 done, -ENOMEM.
 */
int hash_set_merge(struct hash_set *set, const struct hash_set *from, size_t *at, size_t most);
/* Bytes that it holds. */
static inline size_t hash_set_bytes(const struct hash_set *set)
{
	return set->cap * sizeof(struct hash128);
}
void hash_set_release(struct hash_set *set);

#endif
