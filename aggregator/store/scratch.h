/*
 * scratch.h - memory of a thread for the length of one call.
 *
 * To read a column takes some megabytes for a moment.  Fresh memory costs a
 * page fault every 4 KiB, which was a third of the time of a read; so each
 * thread keeps what it had, up to SCRATCH_KEPT.  It goes with its thread.
 *
 *	struct arena *tmp = scratch_take();
 *	if (!tmp)
 *		return -ENOMEM;
 *	r = read_chunk(group, entry, tmp, &chunk);
 *	scratch_give(tmp);
 *
 * Takes may nest: the memory is all given back by the outermost.
 */
#ifndef SLUICE_STORE_SCRATCH_H
#define SLUICE_STORE_SCRATCH_H

#include "common/base/arena.h"

#define SCRATCH_MAX_BYTES (1u << 30)
#define SCRATCH_KEPT      (8u << 20)

struct arena *scratch_take(void);
void scratch_give(struct arena *arena);

#endif
