/*
 * vec.h - a growable typed array.
 *
 * VEC(type) declares it, in a struct or on its own; a zeroed vec is empty.
 * vec_push() returns 0 or -ENOMEM and leaves the vec as it was on failure.
 *
 *	VEC(struct span) words = {0};
 *	if (vec_push(&words, SPAN("a")) < 0)
 *		return -ENOMEM;
 *	for (size_t i = 0; i < words.len; i++) use(words.ptr[i]);
 *	vec_release(&words);
 */
#ifndef SLUICE_BASE_VEC_H
#define SLUICE_BASE_VEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

#define VEC(type)                                                                                  \
	struct {                                                                                   \
		type *ptr;                                                                         \
		size_t len, cap;                                                                   \
	}

/* Make room for `n` elements in all.  Returns 0 or -ENOMEM. */
int vec_grow(void **ptr, size_t *cap, size_t n, size_t element_size);

#define vec_reserve(vec, n)                                                                        \
	((n) <= (vec)->cap                                                                         \
		 ? 0                                                                               \
		 : vec_grow((void **)&(vec)->ptr, &(vec)->cap, (n), sizeof(*(vec)->ptr)))

#define vec_push(vec, ...)                                                                         \
	(vec_reserve((vec), (vec)->len + 1) < 0 ? -12 /* -ENOMEM */                                \
						: ((vec)->ptr[(vec)->len++] = (__VA_ARGS__), 0))

#define vec_last(vec) (&(vec)->ptr[(vec)->len - 1])

#define vec_release(vec)                                                                           \
	do {                                                                                       \
		free((vec)->ptr);                                                                  \
		(vec)->ptr = NULL;                                                                 \
		(vec)->len = (vec)->cap = 0;                                                       \
	} while (0)

#endif
