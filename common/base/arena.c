#include "common/base/arena.h"
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/*
 * held counts every chunk, filled or idle:
 *
 *	head ──▶ chunk ──▶ chunk ──▶ NULL      in use; `used` of all but head is final
 *	idle ──▶ chunk ──▶ NULL                kept by the last reset
 */
struct arena_chunk {
	struct arena_chunk *next;
	size_t size; /* bytes behind this header */
	size_t used; /* set when the chunk stops being the head */
};

#define CHUNK_FIRST   (16u << 10)
#define CHUNK_LARGEST (4u << 20)

static char *chunk_data(struct arena_chunk *chunk)
{
	return (char *)(chunk + 1);
}

void arena_init(struct arena *arena, size_t budget)
{
	*arena = (struct arena){.budget = budget};
}

void arena_reset(struct arena *arena)
{
	while (arena->head) {
		struct arena_chunk *chunk = arena->head;

		arena->head = chunk->next;
		chunk->next = arena->idle;
		arena->idle = chunk;
	}
	arena->at = arena->end = NULL;
	arena->overflowed = false;
}

static void free_chunks(struct arena *arena, struct arena_chunk **list)
{
	while (*list) {
		struct arena_chunk *chunk = *list;

		*list = chunk->next;
		arena->held -= sizeof(*chunk) + chunk->size;
		if (arena->shared)
			budget_give(arena->shared, sizeof(*chunk) + chunk->size);
		free(chunk);
	}
}

void arena_release(struct arena *arena)
{
	if (!arena)
		return;
	free_chunks(arena, &arena->head);
	free_chunks(arena, &arena->idle);
	*arena = (struct arena){.budget = arena->budget, .shared = arena->shared};
}

size_t arena_used(const struct arena *arena)
{
	if (!arena->head)
		return 0;
	size_t used = (size_t)(arena->at - chunk_data(arena->head));

	for (const struct arena_chunk *chunk = arena->head->next; chunk; chunk = chunk->next)
		used += chunk->used;
	return used;
}

/* The first idle chunk that is large enough, taken off the list. */
static struct arena_chunk *take_idle(struct arena *arena, size_t size)
{
	for (struct arena_chunk **link = &arena->idle; *link; link = &(*link)->next) {
		struct arena_chunk *chunk = *link;

		if (chunk->size >= size) {
			*link = chunk->next;
			return chunk;
		}
	}
	return NULL;
}

/* Idle chunks are too small for what is wanted, so they make room for it. */
static bool take_shared(struct arena *arena, size_t bytes)
{
	if (!arena->shared || budget_take(arena->shared, bytes))
		return true;
	free_chunks(arena, &arena->idle);
	return budget_take(arena->shared, bytes);
}

/* Each chunk is as large as all before it, so that their number stays small. */
static struct arena_chunk *new_chunk(struct arena *arena, size_t size)
{
	size_t header = sizeof(struct arena_chunk);

	if (arena->budget < header || size > arena->budget - header)
		return NULL;
	if (header + size > arena->budget - arena->held)
		free_chunks(arena, &arena->idle);
	size_t room = arena->budget - arena->held;

	if (header + size > room)
		return NULL;
	size_t wanted = arena->held < CHUNK_FIRST     ? CHUNK_FIRST
			: arena->held > CHUNK_LARGEST ? CHUNK_LARGEST
						      : arena->held;

	wanted = (wanted > room ? room : wanted) - header;
	wanted = (wanted > size ? wanted : size) & ~(size_t)7;
	if (!take_shared(arena, header + wanted)) {
		wanted = size;
		if (!take_shared(arena, header + wanted))
			return NULL;
	}
	struct arena_chunk *chunk = malloc(header + wanted);

	if (!chunk) {
		if (arena->shared)
			budget_give(arena->shared, header + wanted);
		return NULL;
	}
	chunk->size = wanted;
	arena->held += header + wanted;
	return chunk;
}

void *arena_alloc_slow(struct arena *arena, size_t size)
{
	size_t rounded = size ? (size + 7) & ~(size_t)7 : 8;

	if (rounded < size)
		goto overflow;
	if (rounded > (size_t)(arena->end - arena->at)) {
		struct arena_chunk *chunk = take_idle(arena, rounded);

		if (!chunk)
			chunk = new_chunk(arena, rounded);
		if (!chunk)
			goto overflow;
		if (arena->head)
			arena->head->used = (size_t)(arena->at - chunk_data(arena->head));
		chunk->next = arena->head;
		arena->head = chunk;
		arena->at = chunk_data(chunk);
		arena->end = arena->at + chunk->size;
	}
	void *p = arena->at;

	arena->at += rounded;
	return p;
overflow:
	arena->overflowed = true;
	return NULL;
}

void *arena_calloc(struct arena *arena, size_t n, size_t size)
{
	size_t bytes;

	if (__builtin_mul_overflow(n, size, &bytes)) {
		arena->overflowed = true;
		return NULL;
	}
	void *p = arena_alloc(arena, bytes);

	return p ? memset(p, 0, bytes) : NULL;
}

struct span arena_dup(struct arena *arena, struct span text)
{
	char *p = arena_alloc(arena, text.len);

	if (!p)
		return (struct span){0};
	if (text.len)
		memcpy(p, text.ptr, text.len);
	return span_of(p, text.len);
}

char *arena_cstr(struct arena *arena, struct span text)
{
	char *p = text.len < SIZE_MAX ? arena_alloc(arena, text.len + 1) : NULL;

	if (!p)
		return NULL;
	if (text.len)
		memcpy(p, text.ptr, text.len);
	p[text.len] = '\0';
	return p;
}

struct span arena_printf(struct arena *arena, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	int n = vsnprintf(NULL, 0, fmt, args);

	va_end(args);
	char *p = n < 0 ? NULL : arena_alloc(arena, (size_t)n + 1);

	if (!p)
		return (struct span){0};
	va_start(args, fmt);
	vsnprintf(p, (size_t)n + 1, fmt, args);
	va_end(args);
	return span_of(p, (size_t)n);
}
