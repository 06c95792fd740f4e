#include "common/flow/batch.h"

#include <errno.h>
#include <stdlib.h>

int batch_init(struct batch *batch, size_t records_max, size_t arena_budget)
{
	*batch = (struct batch){.cap = records_max};
	arena_init(&batch->arena, arena_budget);
	batch->records = calloc(records_max, sizeof(*batch->records));
	return batch->records || records_max == 0 ? 0 : -ENOMEM;
}

void batch_reset(struct batch *batch)
{
	arena_reset(&batch->arena);
	batch->len = 0;
	batch->base = batch->end = 0;
}

void batch_release(struct batch *batch)
{
	arena_release(&batch->arena);
	free(batch->records);
	*batch = (struct batch){0};
}

struct record *batch_add(struct batch *batch, struct span line)
{
	if (batch->len == batch->cap)
		return NULL;
	struct record *rec = &batch->records[batch->len++];

	record_init(rec, &batch->arena, line);
	return rec;
}
