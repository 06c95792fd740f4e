#include "common/data/text_list.h"
#include <errno.h>

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
	int r = list->make(list, wanted, arena);

	if (r == 0)
		list->made = all;
	return r;
}
