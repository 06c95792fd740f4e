/*
 * Collecting and compressing one block.
 *
 * The header sits in a skippable frame, which zstd does not compress; the ranges
 * in it are two bytes a record and would be 4 to 11 % of a block.  As a frame of
 * their own they are 0.5 to 2.5 % (100,000 lines of loggen, eight services, blocks
 * of 256 KiB, ratio 5.5 to 8.8), so they are packed wherever that is shorter.
 */
#include "common/flow/block.h"

#include "common/base/check.h"
#include "common/base/hash.h"
#include "common/base/num.h"
#include "common/flow/block_wire.h"
#include <errno.h>
#include <stdlib.h>
#include <zstd.h>

#define VARINT_MAX 10
#define RANGES_MAX ((size_t)BLOCK_RECORDS_MAX * BLOCK_RANGE_MAX)

struct range {
	uint64_t start, end;
};

struct block_writer {
	ZSTD_CCtx *zstd;
	struct buf text;
	struct buf ranges;  /* of all records but the first, whose gap needs `base` */
	struct buf table;   /* of all records, then packed behind that; used by finish */
	struct range first; /* valid when nrecords > 0 */
	uint64_t last_end;
	size_t text_len; /* text up to the last record that was counted */
	size_t nrecords;
	int64_t min_time, max_time;
};

int block_writer_new(int zstd_level, struct block_writer **ret)
{
	struct block_writer *writer = calloc(1, sizeof(*writer));

	if (!writer)
		return -ENOMEM;
	writer->zstd = ZSTD_createCCtx();
	if (!writer->zstd ||
	    ZSTD_isError(ZSTD_CCtx_setParameter(writer->zstd, ZSTD_c_compressionLevel,
						zstd_level ? zstd_level : 1))) {
		block_writer_free(writer);
		return -ENOMEM;
	}
	buf_init(&writer->text, BLOCK_RAW_MAX);
	buf_init(&writer->ranges, RANGES_MAX);
	buf_init(&writer->table, 3 * RANGES_MAX);
	*ret = writer;
	return 0;
}

void block_writer_free(struct block_writer *writer)
{
	if (!writer)
		return;
	ZSTD_freeCCtx(writer->zstd);
	buf_release(&writer->text);
	buf_release(&writer->ranges);
	buf_release(&writer->table);
	free(writer);
}

void block_writer_reset(struct block_writer *writer)
{
	buf_reset(&writer->text);
	buf_reset(&writer->ranges);
	writer->text_len = writer->nrecords = 0;
	writer->last_end = 0;
	writer->min_time = writer->max_time = 0;
}

struct buf *block_writer_text(struct block_writer *writer)
{
	return &writer->text;
}

size_t block_writer_records(const struct block_writer *writer)
{
	return writer->nrecords;
}

static void put_range(struct buf *out, uint64_t before, struct range range)
{
	unsigned char bytes[BLOCK_RANGE_MAX], *at;
	uint64_t gap = range.start - before;

	at = varint_put(bytes, (range.end - range.start) << 1 | (gap != 0));
	if (gap)
		at = varint_put(at, gap);
	buf_put(out, bytes, (size_t)(at - bytes));
}

/* Lengths are doubled in the table, so they stay below 2^63. */
static bool range_is_valid(const struct block_writer *writer, struct range range)
{
	return range.start < range.end && range.end <= INT64_MAX &&
	       (writer->nrecords == 0 || range.start >= writer->last_end);
}

static int check_line(const struct block_writer *writer, struct range range)
{
	if (writer->text.failed)
		return writer->text.failed == -ENOMEM ? -ENOMEM : -E2BIG;
	CHECK(writer->text.len > writer->text_len);
	CHECK(writer->text.ptr[writer->text.len - 1] == '\n');
	if (writer->nrecords == BLOCK_RECORDS_MAX)
		return -E2BIG;
	return range_is_valid(writer, range) ? 0 : -EINVAL;
}

int block_writer_record(struct block_writer *writer, uint64_t start, uint64_t end, int64_t time_ns)
{
	struct range range = {start, end};
	int r = check_line(writer, range);

	if (r == 0 && writer->nrecords > 0) {
		put_range(&writer->ranges, writer->last_end, range);
		r = writer->ranges.failed;
		writer->ranges.failed = 0;
	}
	if (r < 0) {
		writer->text.len = writer->text_len;
		writer->text.failed = 0;
		return r;
	}
	if (writer->nrecords == 0) {
		writer->first = range;
		writer->min_time = writer->max_time = time_ns;
	}
	if (time_ns < writer->min_time)
		writer->min_time = time_ns;
	if (time_ns > writer->max_time)
		writer->max_time = time_ns;
	writer->text_len = writer->text.len;
	writer->last_end = end;
	writer->nrecords++;
	return 0;
}

static void put_label(struct buf *out, struct span label)
{
	unsigned char bytes[VARINT_MAX];

	buf_put(out, bytes, (size_t)(varint_put(bytes, label.len) - bytes));
	buf_puts(out, label);
}

static int check_header(const struct block_writer *writer, const struct block_header *header)
{
	if (header->prev_end > header->base || header->base > header->end)
		return -EINVAL;
	if (writer->nrecords > 0 &&
	    (writer->first.start < header->base || writer->last_end > header->end))
		return -EINVAL;
	if (header->host.len + header->service.len + header->file.len + 3 * VARINT_MAX >
	    BLOCK_LABELS_MAX)
		return -E2BIG;
	return 0;
}

/* What the fixed part of the header says about what follows it. */
struct tables {
	size_t labels_len, ranges_len;
	uint16_t flags;
};

/* The whole ranges table, packed if that is shorter; in writer->table. */
static int make_ranges(struct block_writer *writer, uint64_t base, struct span *ret,
		       uint16_t *ret_flags)
{
	struct buf *table = &writer->table;

	buf_reset(table);
	if (writer->nrecords > 0)
		put_range(table, base, writer->first);
	buf_puts(table, buf_span(&writer->ranges));
	size_t plain = table->len, bound = ZSTD_compressBound(plain);
	int r = table->failed ? table->failed : buf_reserve(table, bound);

	if (r < 0)
		return r;
	size_t packed = ZSTD_compress2(writer->zstd, table->ptr + plain, bound, table->ptr, plain);
	bool pack = !ZSTD_isError(packed) && packed < plain;

	*ret = pack ? span_of(table->ptr + plain, packed) : span_of(table->ptr, plain);
	*ret_flags = pack ? BLOCK_RANGES_ZSTD : 0;
	return 0;
}

/* Labels and ranges, with the fixed part left blank before them. */
static int put_tables(struct block_writer *writer, const struct block_header *header,
		      struct buf *out, struct tables *ret)
{
	static const char blank[BLOCK_AT_LABELS];
	struct span ranges;
	int r = make_ranges(writer, header->base, &ranges, &ret->flags);

	if (r < 0)
		return r;
	buf_put(out, blank, sizeof(blank));
	size_t labels = out->len;

	put_label(out, header->host);
	put_label(out, header->service);
	put_label(out, header->file);
	ret->labels_len = out->len - labels;
	ret->ranges_len = ranges.len;
	buf_puts(out, ranges);
	return out->failed;
}

static int put_frame(struct block_writer *writer, struct buf *out)
{
	size_t room = out->max - out->len, bound = ZSTD_compressBound(writer->text_len);
	size_t n = bound < room ? bound : room;
	int r = buf_reserve(out, n);

	if (r < 0)
		return r;
	n = ZSTD_compress2(writer->zstd, out->ptr + out->len, n, writer->text.ptr,
			   writer->text_len);
	if (ZSTD_isError(n)) /* only lack of room or of memory is left as a reason */
		return bound > room ? -ENOBUFS : -ENOMEM;
	out->len += n;
	return 0;
}

static void fill_fixed(const struct block_header *header, const struct tables *tables, char *at,
		       size_t len)
{
	put_le32(at, BLOCK_FRAME_MAGIC);
	put_le32(at + BLOCK_AT_LENGTH,
		 (uint32_t)(BLOCK_HEAD_SIZE + tables->labels_len + tables->ranges_len));
	put_le32(at + BLOCK_AT_MAGIC, BLOCK_MAGIC);
	put_le16(at + BLOCK_AT_VERSION, BLOCK_VERSION);
	put_le16(at + BLOCK_AT_FLAGS, tables->flags);
	memcpy(at + BLOCK_AT_SOURCE, header->source.bytes, sizeof(header->source.bytes));
	put_le32(at + BLOCK_AT_GENERATION, header->generation);
	put_le32(at + BLOCK_AT_NRECORDS, header->nrecords);
	put_le64(at + BLOCK_AT_PREV_END, header->prev_end);
	put_le64(at + BLOCK_AT_BASE, header->base);
	put_le64(at + BLOCK_AT_END, header->end);
	put_le32(at + BLOCK_AT_RAW_LEN, header->raw_len);
	put_le32(at + BLOCK_AT_LABELS_LEN, (uint32_t)tables->labels_len);
	put_le32(at + BLOCK_AT_RANGES_LEN, (uint32_t)tables->ranges_len);
	put_le64(at + BLOCK_AT_MIN_TIME, (uint64_t)header->min_time);
	put_le64(at + BLOCK_AT_MAX_TIME, (uint64_t)header->max_time);
	put_le64(at + BLOCK_AT_HASH_BASE, header->hash_base);
	put_le64(at + BLOCK_AT_HASH_END, header->hash_end);
	put_le32(at + BLOCK_AT_CRC, crc32c(0, at + BLOCK_AT_SOURCE, len - BLOCK_AT_SOURCE));
}

int block_writer_finish(struct block_writer *writer, struct block_header *header, struct buf *out)
{
	size_t begin = out->len;
	struct tables tables;
	int r = out->failed ? out->failed : check_header(writer, header);

	if (r < 0)
		return r;
	r = put_tables(writer, header, out, &tables);
	if (r == 0)
		r = put_frame(writer, out);
	if (r < 0) {
		out->len = begin;
		out->failed = 0;
		return r;
	}
	header->nrecords = (uint32_t)writer->nrecords;
	header->raw_len = (uint32_t)writer->text_len;
	header->min_time = writer->min_time;
	header->max_time = writer->max_time;
	fill_fixed(header, &tables, out->ptr + begin, out->len - begin);
	block_writer_reset(writer);
	return 0;
}
