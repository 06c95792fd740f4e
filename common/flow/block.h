/*
 * block.h - the unit on the wire: a header and NDJSON in zstd frames.
 *
 *	+----------------------------+---------------------------------+
 *	| skippable frame 0x184D2A5B | zstd frame (content size known) |
 *	|  header, little endian     |  NDJSON records                 |
 *	+----------------------------+---------------------------------+
 *
 * Stock `zstd -dc` skips the header and prints the records.  The header's
 * CRC32C covers the header and the compressed bytes.  Version, lengths and
 * counts are checked before anything is allocated (a bomb is refused).
 *
 *	header: magic "SLB1" u32 · version u16 · flags u16 · crc32c u32 (of all that
 *	follows, with the zstd frame) · source_id 16 bytes · generation u32 ·
 *	nrecords u32 · prev_end, base, end u64 · raw_len u32 · labels_len u32 ·
 *	ranges_len u32 · reserved u32 · min_time, max_time i64 · hash_base, hash_end u64 ·
 *	labels (varint length + text: host, service, file) · ranges
 *
 * ranges: per record varint(length × 2 + g), and when g is 1 varint(gap), the
 * bytes between the record before it (the first: `base`) and this one.  With
 * BLOCK_RANGES_ZSTD in flags the table is a zstd frame of its own.
 *
 *	block_writer_new(0, &w);
 *	wire_write_record(block_writer_text(w), rec, &labels);
 *	block_writer_record(w, rec->start, rec->end, rec->time_ns);
 *	block_writer_finish(w, &header, &out);		→ producer_send(… buf_span(&out) …)
 *
 *	block_read(r, message.payload, &block, &err);
 *	block_ranges(&block, &it);
 *	while (block_range_next(&it, &start, &end) && span_cut(&block.text, '\n', &line)) …
 */
#ifndef SLUICE_FLOW_BLOCK_H
#define SLUICE_FLOW_BLOCK_H

#include "common/base/buf.h"
#include "common/base/err.h"
#include <stdint.h>

#define BLOCK_VERSION     1
#define BLOCK_RAW_TARGET  (256u << 10) /* NDJSON bytes a producer aims at */
#define BLOCK_RAW_MAX     (32u << 20)  /* more is refused before allocation */
#define BLOCK_RECORDS_MAX (1u << 20)
#define BLOCK_LABELS_MAX  (16u << 10) /* host, service and file together */

/* Bits of flags; a reader refuses those that it does not know. */
enum block_flag {
	BLOCK_RANGES_ZSTD = 1,
};

struct source_id {
	uint8_t bytes[16];
};

struct block_header {
	struct source_id source;
	uint32_t generation; /* truncation counter */
	uint32_t nrecords;
	uint64_t prev_end; /* end of the block before it; ≤ base: bytes between were filtered out */
	uint64_t base, end;
	uint32_t raw_len;
	int64_t min_time, max_time;
	uint64_t hash_base, hash_end; /* XXH64 of the source's bytes [0, base), [0, end) */
	struct span host, service, file;
};

/* Collects one block.  Owns its buffers and its zstd context; reused for each block. */
struct block_writer;
/* zstd_level 0 = the default, 1. */
int block_writer_new(int zstd_level, struct block_writer **ret);
void block_writer_free(struct block_writer *writer);

/* Where the NDJSON goes: append whole lines, and after each line call …_record(). */
struct buf *block_writer_text(struct block_writer *writer);
/*
 * The line just appended came from [start, end) of the source, not empty and
 * behind the record before it.  -EINVAL when it is not so, -E2BIG when the block is full,
 * -ENOMEM; then the line is taken back and the block is as it was.
 */
int block_writer_record(struct block_writer *writer, uint64_t start, uint64_t end, int64_t time_ns);
size_t block_writer_records(const struct block_writer *writer);

/*
 * Compress and append the block to `out`.  The caller fills source, generation,
 * prev_end, base, end, hashes and labels; counts, lengths and times are the
 * writer's.  The writer is empty again.  On failure writer and `out` stay as they
 * were: -ENOBUFS (out's cap), -ENOMEM, -EINVAL (a record outside [base, end)),
 * -E2BIG (labels).
 */
int block_writer_finish(struct block_writer *writer, struct block_header *header, struct buf *out);
/* Forget what was collected. */
void block_writer_reset(struct block_writer *writer);

/* A block taken apart. */
struct block {
	struct block_header header;
	struct span text;   /* NDJSON; in the reader's buffer until the next read */
	struct span ranges; /* validated, in the reader's buffer; walk with block_range_next() */
};
struct block_range {
	struct span rest;
	uint64_t at;
};

struct block_reader;
int block_reader_new(struct block_reader **ret);
void block_reader_free(struct block_reader *reader);

/* True when `message` begins like a block (else: one JSON record a message). */
bool block_is_block(struct span message);
/*
 * Check and decompress.  `ret` borrows from `message` and the reader.
 * -EBADMSG (with what and where in reterr), -E2BIG, -ENOTSUP (newer version).
 */
int block_read(struct block_reader *reader, struct span message, struct block *ret,
	       struct err *reterr);
/* Header only: checksum verified, nothing decompressed, ranges not looked at. */
int block_read_header(struct span message, struct block_header *ret, struct err *reterr);

/* The ranges in record order. */
void block_ranges(const struct block *block, struct block_range *iter);
bool block_range_next(struct block_range *iter, uint64_t *ret_start, uint64_t *ret_end);

#endif
