/* hash_set.c - see hash_set.h. */
#include "aggregator/query/stats/hash_set.h"
#include <errno.h>
#include <stdlib.h>
#include <xxhash.h>

#define MERGE_LEAP 0x9e3779b1u /* odd, so that every slot comes once */
#define AHEAD      8           /* slots that are fetched before they are looked at */

struct hash128 hash128_of(struct span value)
{
	XXH128_hash_t h = XXH3_128bits(value.len ? value.ptr : "", value.len);

	return (struct hash128){h.low64 | (h.low64 == 0 && h.high64 == 0), h.high64};
}

static bool slot_free(const struct hash128 *slot)
{
	return slot->low == 0 && slot->high == 0;
}

/* Its slot, or the free one where it belongs. */
static struct hash128 *find(const struct hash_set *set, struct hash128 hash)
{
	size_t at = hash.low & (set->cap - 1);

	while (!slot_free(&set->slots[at]) &&
	       (set->slots[at].low != hash.low || set->slots[at].high != hash.high))
		at = (at + 1) & (set->cap - 1);
	return &set->slots[at];
}

static int grow(struct hash_set *set)
{
	struct hash_set bigger = {.cap = set->cap ? set->cap * 2 : 16, .len = set->len};

	bigger.slots = calloc(bigger.cap, sizeof *bigger.slots);
	if (!bigger.slots)
		return -ENOMEM;
	for (size_t i = 0; i < set->cap; i++)
		if (!slot_free(&set->slots[i]))
			*find(&bigger, set->slots[i]) = set->slots[i];
	free(set->slots);
	*set = bigger;
	return 0;
}

int hash_set_add(struct hash_set *set, struct hash128 hash)
{
	if (set->len + 1 > set->cap / 4 * 3 && grow(set) < 0)
		return -ENOMEM;
	struct hash128 *slot = find(set, hash);

	if (!slot_free(slot))
		return 0;
	*slot = hash;
	set->len++;
	return 1;
}

static const struct hash128 *leap(const struct hash_set *set, size_t i)
{
	return &set->slots[i * MERGE_LEAP & (set->cap - 1)];
}

int hash_set_merge(struct hash_set *set, const struct hash_set *from, size_t *at, size_t most)
{
	size_t end = from->cap - *at > most ? *at + most : from->cap;

	/*
	 * In leaps: in the order of their slots, the hashes would fill the front
	 * of a smaller table to the brim, and each would be probed for past all
	 * of those before it.
	 */
	for (size_t i = *at; i < end; i++) {
		const struct hash128 *slot = leap(from, i);

		__builtin_prefetch(leap(from, i + 2 * AHEAD));
		if (set->cap)
			__builtin_prefetch(
				&set->slots[leap(from, i + AHEAD)->low & (set->cap - 1)]);
		if (!slot_free(slot) && hash_set_add(set, *slot) < 0)
			return -ENOMEM;
	}
	*at = end;
	return end < from->cap;
}

void hash_set_release(struct hash_set *set)
{
	free(set->slots);
	*set = (struct hash_set){0};
}
