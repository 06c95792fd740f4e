/*
 * mark.h - a place in a source, with all that is needed to go on from there.
 *
 *	bytes   0 ......... sent_end ..... offset ......... EOF
 *	          in blocks        filtered       not read
 *
 * A mark is a value: the reader moves one along, each chunk in flight carries
 * the one at its end, the checkpoint stores the one of the watermark, and going
 * back is copying one.
 *
 * The running XXH64 of the bytes [0, offset) is kept as its state, not as a
 * digest, so that it goes on after a restart without reading the file again:
 * 88 bytes a source in the checkpoint against minutes for a large file.
 */
#ifndef SLUICE_SHIPPER_MARK_H
#define SLUICE_SHIPPER_MARK_H

#define XXH_STATIC_LINKING_ONLY
#include <stdbool.h>
#include <stdint.h>
#include <xxhash.h>

/* Bytes before a mark whose hash tells whether a file is still the same. */
#define MARK_TAIL 1024

/* Beside those of events_flags(): what continues a line or an event that was cut is marked. */
enum mark_flag {
	MARK_UNHASHED = 4, /* reading began behind byte 0: `hash` means nothing */
	MARK_DONE = 8,     /* of a rotated file: its end was reached, nobody writes to it */
};

struct mark {
	uint64_t offset;   /* next byte to read */
	uint64_t sent_end; /* end of the last block before it, ≤ offset */
	uint64_t tail;     /* hash64 of the ≤ MARK_TAIL bytes before offset */
	uint32_t flags;    /* enum mark_flag, events_flags() */
	XXH64_state_t hash;
};

/* The start of a source. */
void mark_init(struct mark *mark);
/* XXH64 of [0, offset) as blocks carry it; 0 = not known. */
uint64_t mark_digest(const struct mark *mark);

#endif
