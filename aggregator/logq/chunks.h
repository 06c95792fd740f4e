/*
 * chunks.h - context (-A -B -C): what stands together is printed together.
 *
 * The pipe `stream_context` gives the chunks of one stream after those of
 * another, parted by rows whose _msg is `---`; several servers mix theirs.
 * Here rows are kept, and chunks go on in the order of their first rows, with
 * the same parting row between them:
 *
 *	web  a b --- c d        web  a b
 *	db   x y         ──▶    ---
 *	                        db   x y
 *	                        ---
 *	                        web  c d
 *
 * Not more than CHUNKS_BYTES are kept.
 */
#ifndef SLUICE_LOGQ_CHUNKS_H
#define SLUICE_LOGQ_CHUNKS_H

#include "aggregator/logq/row_sink.h"
#include "common/base/err.h"

#define CHUNKS_BYTES (256u << 20)

struct chunks;

int chunks_open(struct row_sink *next, struct chunks **ret, struct err *reterr);
struct row_sink *chunks_sink(struct chunks *chunks);
/* No more rows: all of them to the next sink. */
int chunks_finish(struct chunks *chunks, struct err *reterr);
void chunks_free(struct chunks *chunks);

#endif
