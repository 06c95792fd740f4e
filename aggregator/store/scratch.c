/* A thread's memory for one call; see scratch.h. */
#include "aggregator/store/scratch.h"
#include "common/base/check.h"
#include <pthread.h>
#include <stdlib.h>

struct scratch {
	struct arena arena; /* first: it stands for all of it */
	unsigned taken;
};

static pthread_key_t scratch_key;
static pthread_once_t scratch_once = PTHREAD_ONCE_INIT;

static void free_scratch(void *pointer)
{
	struct scratch *scratch = pointer;

	arena_release(&scratch->arena);
	free(scratch);
}

static void make_key(void)
{
	CHECK(pthread_key_create(&scratch_key, free_scratch) == 0);
}

static struct scratch *of_thread(void)
{
	pthread_once(&scratch_once, make_key);
	struct scratch *scratch = pthread_getspecific(scratch_key);

	if (scratch)
		return scratch;
	scratch = calloc(1, sizeof(*scratch));
	if (!scratch)
		return NULL;
	arena_init(&scratch->arena, SCRATCH_MAX_BYTES);
	if (pthread_setspecific(scratch_key, scratch) != 0) {
		free(scratch);
		return NULL;
	}
	return scratch;
}

struct arena *scratch_take(void)
{
	struct scratch *scratch = of_thread();

	if (!scratch)
		return NULL;
	scratch->taken++;
	return &scratch->arena;
}

void scratch_give(struct arena *arena)
{
	struct scratch *scratch = (struct scratch *)arena;

	if (--scratch->taken > 0)
		return;
	if (scratch->arena.held > SCRATCH_KEPT)
		arena_release(&scratch->arena);
	else
		arena_reset(&scratch->arena);
}
