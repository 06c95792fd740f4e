#include "common/base/map.h"
#include "common/base/check.h"
#include "common/base/hash.h"
#include <stdlib.h>

/*
 * Linear probing.  A key sits in the first free slot at or after hash % cap,
 * so a lookup ends at the first free slot; removal shifts the keys behind it
 * back in place of leaving tombstones.
 */

/* The slot that holds `key`, or the free one where it belongs. */
static struct map_slot *find_slot(const struct map *map, struct span key, uint64_t hash)
{
	size_t mask = map->cap - 1;

	for (size_t i = hash & mask;; i = (i + 1) & mask) {
		struct map_slot *slot = &map->slots[i];

		if (!slot->key.ptr || (slot->hash == hash && span_eq(slot->key, key)))
			return slot;
	}
}

static void free_slots(struct map *map)
{
	if (map->shared)
		budget_give(map->shared, map->cap * sizeof(*map->slots));
	free(map->slots);
}

static bool grow(struct map *map)
{
	struct map grown = {
		.cap = map->cap ? map->cap * 2 : 16, .len = map->len, .shared = map->shared};
	size_t bytes = grown.cap * sizeof(*grown.slots);

	if (grown.cap < map->cap || (map->shared && !budget_take(map->shared, bytes)))
		return false;
	grown.slots = calloc(grown.cap, sizeof(*grown.slots));
	if (!grown.slots) {
		if (map->shared)
			budget_give(map->shared, bytes);
		return false;
	}
	for (size_t i = 0; i < map->cap; i++) {
		const struct map_slot *slot = &map->slots[i];

		if (slot->key.ptr)
			*find_slot(&grown, slot->key, slot->hash) = *slot;
	}
	free_slots(map);
	*map = grown;
	return true;
}

union map_value *map_get(const struct map *map, struct span key)
{
	if (map->len == 0)
		return NULL;
	struct map_slot *slot = find_slot(map, key, hash64(key));

	return slot->key.ptr ? &slot->value : NULL;
}

union map_value *map_put(struct map *map, struct span key, bool *ret_added)
{
	uint64_t hash = hash64(key);

	if (map->cap == 0 && !grow(map))
		return NULL;
	struct map_slot *slot = find_slot(map, key, hash);
	bool added = !slot->key.ptr;

	if (added && map->len + 1 > map->cap - map->cap / 4) {
		if (!grow(map))
			return NULL;
		slot = find_slot(map, key, hash);
	}
	if (added) {
		slot->key = key.ptr ? key : SPAN("");
		slot->hash = hash;
		slot->value = (union map_value){0};
		map->len++;
	}
	if (ret_added)
		*ret_added = added;
	return &slot->value;
}

void map_rekey(struct map *map, struct span key, struct span longer_lived)
{
	CHECK(map->len > 0 && span_eq(key, longer_lived));
	struct map_slot *slot = find_slot(map, key, hash64(key));

	CHECK(slot->key.ptr);
	slot->key = longer_lived.ptr ? longer_lived : SPAN("");
}

bool map_remove(struct map *map, struct span key)
{
	if (map->len == 0)
		return false;
	struct map_slot *slot = find_slot(map, key, hash64(key));

	if (!slot->key.ptr)
		return false;
	size_t mask = map->cap - 1, hole = (size_t)(slot - map->slots);

	for (size_t i = (hole + 1) & mask; map->slots[i].key.ptr; i = (i + 1) & mask) {
		size_t home = map->slots[i].hash & mask;

		/* Keys whose home lies behind the hole must stay where they are. */
		if (((i - home) & mask) < ((i - hole) & mask))
			continue;
		map->slots[hole] = map->slots[i];
		hole = i;
	}
	map->slots[hole] = (struct map_slot){0};
	map->len--;
	return true;
}

bool map_next(const struct map *map, size_t *at, struct span *ret_key, union map_value **ret_value)
{
	while (*at < map->cap) {
		struct map_slot *slot = &map->slots[(*at)++];

		if (!slot->key.ptr)
			continue;
		*ret_key = slot->key;
		*ret_value = &slot->value;
		return true;
	}
	return false;
}

void map_reset(struct map *map)
{
	if (map->len)
		memset(map->slots, 0, map->cap * sizeof(*map->slots));
	map->len = 0;
}

void map_release(struct map *map)
{
	if (!map)
		return;
	free_slots(map);
	*map = (struct map){.shared = map->shared};
}
