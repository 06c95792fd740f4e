/*
 * batch.h - records that travel together, with the memory they live in.
 *
 * A batch has one owner thread at any moment and moves by pointer.  Its arena
 * holds the bytes read (text), fields and copies; reset gives all of it back at
 * once and keeps the memory.  The record array is allocated once, by init.
 *
 *	[base ................................ end)   bytes of the source
 *	 | rec 0 | rec 1 |  filtered  | rec 2 |       prev_end = end of the batch before
 *
 *	batch_init(&b, 1024, 4 << 20);
 *	while ((rec = batch_add(&b, line)))
 *		parse(rec);
 *	batch_reset(&b);	the next batch, without malloc
 *	batch_release(&b);
 */
#ifndef SLUICE_FLOW_BATCH_H
#define SLUICE_FLOW_BATCH_H

#include "common/base/arena.h"
#include "common/data/record.h"

struct batch {
	struct arena arena;
	struct record *records;
	size_t len, cap;
	uint64_t base, end; /* byte range of the source that was read for it */
};

/* Room for `records_max` records and `arena_budget` bytes.  0 or -ENOMEM. */
int batch_init(struct batch *batch, size_t records_max, size_t arena_budget);
void batch_reset(struct batch *batch);
void batch_release(struct batch *batch);

/* The next record, initialised for `line`; NULL when the batch is full. */
struct record *batch_add(struct batch *batch, struct span line);

#endif
