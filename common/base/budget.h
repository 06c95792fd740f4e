/*
 * budget.h - bytes that several owners, of several threads, may use together.
 *
 * Arenas and maps with `shared` set take what they allocate from it and give it
 * back when they free it; others take before they allocate.  What is refused
 * was not taken.
 *
 *	struct budget b = {.limit = 512 << 20};
 *	arena.shared = map.shared = &b;
 *	if (!budget_take(&b, n)) return -ENOMEM;
 *	…
 *	budget_give(&b, n);
 */
#ifndef SLUICE_BASE_BUDGET_H
#define SLUICE_BASE_BUDGET_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

struct budget {
	size_t limit;
	atomic_size_t used, peak; /* peak: the most that was used at a time */
};

static inline void budget_give(struct budget *budget, size_t bytes)
{
	atomic_fetch_sub(&budget->used, bytes);
}

static inline bool budget_take(struct budget *budget, size_t bytes)
{
	size_t used = atomic_fetch_add(&budget->used, bytes) + bytes;
	size_t peak = atomic_load(&budget->peak);

	if (used > budget->limit || used < bytes) {
		budget_give(budget, bytes);
		return false;
	}
	while (used > peak && !atomic_compare_exchange_weak(&budget->peak, &peak, used))
		;
	return true;
}

#endif
