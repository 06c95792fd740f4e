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
 * ranges: per record varint(gap before it) · varint(length), where the first
 * gap counts from `base`; a run of contiguous records costs one or two bytes each.
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
int block_writer_new(int zstd_level, struct block_writer **ret);
void block_writer_free(struct block_writer *writer);

/* Where the NDJSON goes: append whole lines, and after each line call …_record(). */
struct buf *block_writer_text(struct block_writer *writer);
/* The line just appended came from [start, end) of the source. */
int block_writer_record(struct block_writer *writer, uint64_t start, uint64_t end, int64_t time_ns);
size_t block_writer_records(const struct block_writer *writer);

/*
 * Compress and append the block to `out`.  The caller fills source, generation,
 * prev_end, base, end, hashes and labels; counts, lengths and times are the
 * writer's.  The writer is empty again.  0, -ENOBUFS (out's cap), -ENOMEM.
 */
int block_writer_finish(struct block_writer *writer, struct block_header *header, struct buf *out);

/* A block taken apart. */
struct block {
	struct block_header header;
	struct span text;   /* NDJSON; in the reader's buffer until the next read */
	struct span ranges; /* validated; walk with block_range_next() */
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
/* Header only: checksum verified, nothing decompressed. */
int block_read_header(struct span message, struct block_header *ret, struct err *reterr);

/* The ranges in record order. */
void block_ranges(const struct block *block, struct block_range *iter);
bool block_range_next(struct block_range *iter, uint64_t *ret_start, uint64_t *ret_end);

#endif
