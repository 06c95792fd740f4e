#include "common/base/vec.h"
#include <errno.h>
#include <stdint.h>

int vec_grow(void **ptr, size_t *cap, size_t n, size_t element_size)
{
	size_t want = *cap ? *cap : 8, bytes;

	while (want < n)
		want = want > SIZE_MAX / 2 ? n : want * 2;
	if (__builtin_mul_overflow(want, element_size, &bytes))
		return -ENOMEM;
	void *grown = realloc(*ptr, bytes);

	if (!grown)
		return -ENOMEM;
	*ptr = grown;
	*cap = want;
	return 0;
}
