/*
 * arena.h - memory that is freed all at once, with a budget.
 *
 * The batch lifetime of architecture.md: what belongs to a batch is allocated
 * here and goes with arena_reset(), which keeps the chunks for the next batch,
 * so that the steady state calls malloc never.  Past the budget alloc returns
 * NULL and the arena stays `overflowed` until the reset: check each result, or
 * check once at the end (varnish's workspace).
 *
 *	struct arena a;
 *	arena_init(&a, 8 << 20);
 *	struct span copy = arena_dup(&a, line);
 *	if (a.overflowed) …
 *	arena_reset(&a);
 *	arena_release(&a);
 */
#ifndef SLUICE_BASE_ARENA_H
#define SLUICE_BASE_ARENA_H

#include "common/base/budget.h"
#include "common/base/span.h"

struct arena_chunk;

struct arena {
	struct arena_chunk *head; /* the chunk being filled; full ones behind it */
	struct arena_chunk *idle; /* kept by reset for the next use */
	char *at, *end;           /* free bytes of head */
	size_t held;              /* bytes of all chunks, never above budget */
	size_t budget;
	struct budget *shared; /* its chunks count there too; NULL = nowhere */
	bool overflowed;
};

void arena_init(struct arena *arena, size_t budget);
/* Chunks go back to the arena; every pointer into it is dead. */
void arena_reset(struct arena *arena);
void arena_release(struct arena *arena);

/* Bytes handed out since init or reset, rounded up to 8 per call. */
size_t arena_used(const struct arena *arena);

void *arena_alloc_slow(struct arena *arena, size_t size);

/* `size` bytes aligned to 8, contents undefined; NULL past the budget. */
static inline void *arena_alloc(struct arena *arena, size_t size)
{
	size_t rounded = (size + 7) & ~(size_t)7;

	/* One test for three: too large, zero bytes, and a size that wrapped to zero. */
	if (rounded - 1 >= (size_t)(arena->end - arena->at))
		return arena_alloc_slow(arena, size);
	void *p = arena->at;

	arena->at += rounded;
	return p;
}

/* Zeroed array; NULL past the budget or when n * size overflows. */
void *arena_calloc(struct arena *arena, size_t n, size_t size);

/* A copy of the bytes; {NULL, 0} past the budget.  The empty span stays empty. */
struct span arena_dup(struct arena *arena, struct span text);
/* The same with a NUL behind it; NULL past the budget. */
char *arena_cstr(struct arena *arena, struct span text);
/* printf into the arena. */
struct span arena_printf(struct arena *arena, const char *fmt, ...)
	__attribute__((__format__(__printf__, 2, 3)));

#define ARENA_NEW(arena, type)      ((type *)arena_calloc((arena), 1, sizeof(type)))
#define ARENA_ARRAY(arena, type, n) ((type *)arena_calloc((arena), (n), sizeof(type)))

#endif
