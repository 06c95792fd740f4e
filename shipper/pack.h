/*
 * pack.h - bytes of one source to one block: the hot path.
 *
 *	tail_read ─▶ lines ─▶ events ─▶ parse ─▶ filter chain ─▶ wire ─▶ block_writer ─▶ message
 *
 * One packer, with one buffer, arena and zstd context, serves all sources in turn;
 * a record lives from its line to its place in the block's text, so nothing
 * is allocated per record and memory does not grow with the number of files.
 * The source's tail moves on; whoever sends the message remembers `before` to
 * be able to go back.
 *
 *	r = pack_block(&pack, source, flush, len, &packed);
 *	> 0: bytes consumed;  packed.records ? packed.message is to be sent
 *	0: nothing new, or half a line or event;  -ESTALE: truncated;  errno of the read
 *	-EMSGSIZE: one event, or those that interleave, make more than a block holds: set
 *	source->line_max, try again
 */
#ifndef SLUICE_SHIPPER_PACK_H
#define SLUICE_SHIPPER_PACK_H

#include "shipper/source.h"

struct pack {
	struct reader reader;
	struct events events;
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
	bool partial;     /* but for half a line, or an event whose end was not seen */
	bool held;        /* the latter */
	bool held_cri;    /* … of a container runtime */
	bool too_large;   /* events that fit into no block as records */
};

int pack_init(struct pack *pack, int level, uint64_t max_line_bytes);
void pack_release(struct pack *pack);
/* `flush`: what of the end of the file is a record too, when no more than `len` bytes are left. */
ssize_t pack_block(struct pack *pack, struct source *source, enum events_flush flush, size_t len,
		   struct packed *ret);

#endif
