#include "common/data/text_list.h"
#include <errno.h>

#define BATCH 512 /* texts that are made by one call */

/* A bitmap of all. */
static uint64_t *all_of(uint32_t n, struct arena *arena)
{
	size_t words = ((size_t)n + 63) / 64;
	uint64_t *bits = arena_alloc(arena, (words + 1) * sizeof(*bits));

	if (!bits)
		return NULL;
	memset(bits, 0xff, words * sizeof(*bits));
	if (n % 64)
		bits[words - 1] = (UINT64_C(1) << (n % 64)) - 1;
	return bits;
}

/* Make texts `numbers` in their places. */
static int make_batch(struct text_list *list, const uint32_t *numbers, uint32_t n,
		      struct arena *arena)
{
	struct span texts[BATCH];
	int r = list->make(list, numbers, n, arena, texts);

	for (uint32_t i = 0; r == 0 && i < n; i++)
		list->texts[numbers[i]] = texts[i];
	return r;
}

static int make_wanted(struct text_list *list, const uint64_t *wanted, struct arena *arena)
{
	uint32_t numbers[BATCH], n = 0;
	int r = 0;

	for (size_t w = 0; r == 0 && w < ((size_t)list->n + 63) / 64; w++) {
		for (uint64_t left = wanted[w]; left; left &= left - 1) {
			uint32_t i = (uint32_t)(w * 64) + (uint32_t)__builtin_ctzll(left);

			if (!list->texts[i].ptr)
				numbers[n++] = i;
		}
		if (n > BATCH - 64) {
			r = make_batch(list, numbers, n, arena);
			n = 0;
		}
	}
	return r == 0 && n ? make_batch(list, numbers, n, arena) : r;
}

int text_list_make(struct text_list *list, const uint64_t *wanted, struct arena *arena)
{
	bool all = !wanted;

	if (list->made)
		return 0;
	if (!list->texts)
		list->texts = ARENA_ARRAY(arena, struct span, (size_t)list->n + 1);
	if (all)
		wanted = all_of(list->n, arena);
	if (!list->texts || !wanted)
		return -ENOMEM;
	int r = make_wanted(list, wanted, arena);

	if (r == 0)
		list->made = all;
	return r;
}

int text_list_some(struct text_list *list, const uint32_t *numbers, uint32_t n, struct arena *arena,
		   struct span *ret)
{
	if (!list->made)
		return list->make(list, numbers, n, arena, ret);
	for (uint32_t i = 0; i < n; i++)
		ret[i] = list->texts[numbers[i]];
	return 0;
}
