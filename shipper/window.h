/*
 * window.h - what of one source is in flight, and how far it is acknowledged.
 *
 *	watermark          head                            tail
 *	    |  acked, popped | acked | in flight | acked | in flight |
 *	    0                ^ the watermark moves to head.end when head is acked
 *
 * A FIFO of chunks in file order.  A delivery report marks one; acked chunks
 * leave from the head only, so the watermark is the end of the longest prefix
 * of which every byte is stored.  After an error nothing more is pushed:
 * once all reports are in, window_rewind() forgets what was not acknowledged
 * and reading starts at the watermark again.  Pure: no I/O, no clock.
 *
 * The window owns its chunks; a chunk's address is its cookie on the bus and
 * stays good until its report.  Freed ones are kept for the next push, so the
 * steady state allocates nothing.
 *
 *	struct chunk *c = window_push(&w, &mark_at_its_end);
 *	producer_send(…, c);
 *	…
 *	moved = window_report(c, status);
 *	checkpoint(&w.mark);
 */
#ifndef SLUICE_SHIPPER_WINDOW_H
#define SLUICE_SHIPPER_WINDOW_H

#include "shipper/mark.h"
#include <stddef.h>

enum chunk_state { CHUNK_IN_FLIGHT, CHUNK_ACKED, CHUNK_FAILED };

struct chunk {
	unsigned magic;
	enum chunk_state state;
	struct window *window;
	struct chunk *next;
	uint64_t base;    /* first byte; its end is mark.offset */
	uint32_t records; /* in its block; 0 = nothing was sent */
	struct mark mark; /* at its end */
};

struct window {
	struct chunk *head, *tail;
	struct chunk *idle; /* to be used again */
	size_t len, in_flight;
	struct mark mark;                    /* the watermark */
	bool failed;                         /* rewind when in_flight is 0 */
	uint64_t acked_bytes, acked_records; /* that passed the watermark, ever */
};

/* All before `mark` is stored already. */
void window_init(struct window *window, const struct mark *mark);
/* Nothing may be in flight. */
void window_release(struct window *window);

/*
 * The bytes from the end of the last chunk up to mark->offset are on their
 * way.  NULL: no memory.  `window` must not have failed.
 */
struct chunk *window_push(struct window *window, const struct mark *mark, uint32_t records);
/* Take back the newest chunk, which was not sent after all. */
void window_unpush(struct window *window, struct chunk *chunk);
/* The fate of a chunk: 0 = stored.  True when the watermark moved. */
bool window_report(struct chunk *chunk, int status);
/* Forget what is not acknowledged; nothing may be in flight.  Bytes given back. */
uint64_t window_rewind(struct window *window);

/* End of the newest chunk, or the watermark. */
uint64_t window_end(const struct window *window);

#endif
