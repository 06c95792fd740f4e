/*
 * map.h - a hash map from a span to a 64-bit value or a pointer.
 *
 * Open addressing, XXH3, grows at 3/4.  Keys are borrowed: the caller keeps
 * their bytes alive (usually in an arena) as long as the map.  Slots move when
 * the map grows, so a slot is good until the next map_put().
 *
 *	struct map m = {0};
 *	bool added;
 *	union map_value *v = map_put(&m, key, &added);
 *	if (!v) return -ENOMEM;
 *	if (added) v->n = 0;
 *	v->n++;
 *	map_release(&m);
 */
#ifndef SLUICE_BASE_MAP_H
#define SLUICE_BASE_MAP_H

#include "common/base/budget.h"
#include "common/base/span.h"
#include <stdint.h>

union map_value {
	uint64_t n;
	void *ptr;
};

struct map_slot {
	struct span key; /* key.ptr NULL = free slot; the empty key has a non-NULL ptr */
	uint64_t hash;
	union map_value value;
};

struct map {
	struct map_slot *slots;
	size_t cap; /* 0 or a power of two */
	size_t len;
	struct budget *shared; /* its slots count there; NULL = nowhere */
};

/* The value of `key`, or NULL. */
union map_value *map_get(const struct map *map, struct span key);
/* The value of `key`, added (zeroed) if it was not there; NULL = out of memory. */
union map_value *map_put(struct map *map, struct span key, bool *ret_added);
/*
 * After map_put() said `added`: replace the borrowed key by an equal copy that
 * lives longer.
 */
void map_rekey(struct map *map, struct span key, struct span longer_lived);
bool map_remove(struct map *map, struct span key);
/* Iterate: *at starts at 0; false at the end.  Order is unspecified. */
bool map_next(const struct map *map, size_t *at, struct span *ret_key, union map_value **ret_value);
/* Empty it, keep the memory. */
void map_reset(struct map *map);
void map_release(struct map *map);

#endif
