/*
 * pack.h - bytes of one source to one block: the hot path.
 *
 *	tail_read ─▶ lines ─▶ parse ─▶ filter chain ─▶ wire ─▶ block_writer ─▶ message
 *
 * One packer, with one buffer, arena and zstd context, serves all sources in turn;
 * a record lives from its line to its place in the block's text, so nothing
 * is allocated per record and memory does not grow with the number of files.
 * The source's tail moves on; whoever sends the message remembers `before` to
 * be able to go back.
 *
 *	r = pack_block(&pack, source, flush, &packed);
 *	> 0: bytes consumed;  packed.records ? packed.message is to be sent
 *	0: nothing new, or half a line;  -ESTALE: truncated;  errno of the read
 *	-EMSGSIZE: one line makes more than a block holds: set source->line_max, try again
 */
#ifndef SLUICE_SHIPPER_PACK_H
#define SLUICE_SHIPPER_PACK_H

#include "shipper/source.h"

struct pack {
	struct reader reader;
	struct arena arena;
	struct block_writer *writer;
	struct buf message;
	struct chain *chain;
	struct parser *plain; /* for what the source's parser can't hold */
};

struct packed {
	struct mark before;
	struct span message; /* in pack->message until the next pack_block() */
	uint32_t records, filtered, errors;
	uint64_t skipped; /* bytes behind the cut of too long lines */
	uint64_t raw;     /* NDJSON bytes of the block */
	bool at_end;      /* the source has no more now */
	bool partial;     /* but for half a line */
	bool too_large;   /* a line that fits into no block as a record */
};

int pack_init(struct pack *pack, int level, uint64_t max_line_bytes);
void pack_release(struct pack *pack);
/* `flush`: half a line at the end is a record too. */
ssize_t pack_block(struct pack *pack, struct source *source, bool flush, struct packed *ret);

#endif
