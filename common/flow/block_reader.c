/*
 * Taking a block apart, which may come from anybody: nothing in it is believed
 * before it was checked, and nothing is allocated for more than was checked.
 */
#include "common/flow/block.h"

#include "common/base/hash.h"
#include "common/base/num.h"
#include "common/flow/block_wire.h"
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <zstd.h>

/* An error with the byte it was found at, for programs and in the text. */
#define REFUSE(reterr, code, at, fmt, ...)                                                         \
	err_at(reterr, code, (size_t)(at), "byte %zu: " fmt, (size_t)(at), ##__VA_ARGS__)

struct block_reader {
	ZSTD_DCtx *zstd;
	struct buf text;
	struct buf ranges; /* unpacked */
};

/* A header with the extents of what follows it. */
struct parts {
	struct block_header header;
	unsigned flags;
	struct span labels, ranges, frame;
};

int block_reader_new(struct block_reader **ret)
{
	struct block_reader *reader = calloc(1, sizeof(*reader));

	if (!reader)
		return -ENOMEM;
	buf_init(&reader->text, BLOCK_RAW_MAX + 1);
	buf_init(&reader->ranges, (size_t)BLOCK_RECORDS_MAX * BLOCK_RANGE_MAX + 1);
	reader->zstd = ZSTD_createDCtx();
	if (!reader->zstd) {
		block_reader_free(reader);
		return -ENOMEM;
	}
	*ret = reader;
	return 0;
}

void block_reader_free(struct block_reader *reader)
{
	if (!reader)
		return;
	ZSTD_freeDCtx(reader->zstd);
	buf_release(&reader->text);
	buf_release(&reader->ranges);
	free(reader);
}

bool block_is_block(struct span message)
{
	return message.len >= BLOCK_AT_VERSION && get_le32(message.ptr) == BLOCK_FRAME_MAGIC &&
	       get_le32(message.ptr + BLOCK_AT_MAGIC) == BLOCK_MAGIC;
}

/* Magic numbers, version and the lengths that say where the parts are. */
static int split(struct span message, struct parts *parts, struct err *reterr)
{
	const char *at = message.ptr;

	if (!block_is_block(message))
		return REFUSE(reterr, -EBADMSG, 0, "not a block (%zu bytes)", message.len);
	if (message.len < BLOCK_AT_LABELS)
		return REFUSE(reterr, -EBADMSG, message.len, "block cut inside its header");
	unsigned version = get_le16(at + BLOCK_AT_VERSION), flags = get_le16(at + BLOCK_AT_FLAGS);

	if (version == 0)
		return REFUSE(reterr, -EBADMSG, BLOCK_AT_VERSION, "block version 0");
	if (version > BLOCK_VERSION)
		return REFUSE(reterr, -ENOTSUP, BLOCK_AT_VERSION,
			      "block version %u is newer than this program's %u", version,
			      BLOCK_VERSION);
	if (flags & ~(unsigned)BLOCK_RANGES_ZSTD)
		return REFUSE(reterr, -ENOTSUP, BLOCK_AT_FLAGS, "unknown block flags 0x%x", flags);
	uint64_t length = get_le32(at + BLOCK_AT_LENGTH);
	uint64_t labels = get_le32(at + BLOCK_AT_LABELS_LEN);
	uint64_t ranges = get_le32(at + BLOCK_AT_RANGES_LEN);

	if (BLOCK_HEAD_SIZE + labels + ranges != length)
		return REFUSE(reterr, -EBADMSG, BLOCK_AT_LENGTH,
			      "header length %" PRIu64 " is not 108 + labels %" PRIu64
			      " + ranges %" PRIu64,
			      length, labels, ranges);
	if (length > message.len - BLOCK_FRAME_HEAD)
		return REFUSE(reterr, -EBADMSG, message.len,
			      "block cut inside its header of %" PRIu64 " bytes", length);
	parts->flags = flags;
	parts->labels = span_of(at + BLOCK_AT_LABELS, labels);
	parts->ranges = span_of(parts->labels.ptr + labels, ranges);
	parts->frame = span_skip(message, BLOCK_FRAME_HEAD + length);
	return 0;
}

static int check_crc(struct span message, struct err *reterr)
{
	struct span covered = span_skip(message, BLOCK_AT_SOURCE);
	uint32_t stored = get_le32(message.ptr + BLOCK_AT_CRC);
	uint32_t computed = crc32c(0, covered.ptr, covered.len);

	if (stored == computed)
		return 0;
	return REFUSE(reterr, -EBADMSG, BLOCK_AT_CRC,
		      "checksum is %08" PRIx32 ", of these %zu bytes it would be %08" PRIx32,
		      stored, covered.len, computed);
}

static void get_fixed(const char *at, struct block_header *ret)
{
	*ret = (struct block_header){
		.generation = get_le32(at + BLOCK_AT_GENERATION),
		.nrecords = get_le32(at + BLOCK_AT_NRECORDS),
		.prev_end = get_le64(at + BLOCK_AT_PREV_END),
		.base = get_le64(at + BLOCK_AT_BASE),
		.end = get_le64(at + BLOCK_AT_END),
		.raw_len = get_le32(at + BLOCK_AT_RAW_LEN),
		.min_time = (int64_t)get_le64(at + BLOCK_AT_MIN_TIME),
		.max_time = (int64_t)get_le64(at + BLOCK_AT_MAX_TIME),
		.hash_base = get_le64(at + BLOCK_AT_HASH_BASE),
		.hash_end = get_le64(at + BLOCK_AT_HASH_END),
	};
	memcpy(ret->source.bytes, at + BLOCK_AT_SOURCE, sizeof(ret->source.bytes));
}

/* The numbers of a header that came with a right checksum, from whoever made it. */
static int check_fixed(const struct block_header *header, struct err *reterr)
{
	if (header->raw_len > BLOCK_RAW_MAX)
		return REFUSE(reterr, -E2BIG, BLOCK_AT_RAW_LEN,
			      "%" PRIu32 " bytes of records, more than %u", header->raw_len,
			      BLOCK_RAW_MAX);
	if (header->nrecords > BLOCK_RECORDS_MAX)
		return REFUSE(reterr, -E2BIG, BLOCK_AT_NRECORDS,
			      "%" PRIu32 " records, more than %u", header->nrecords,
			      BLOCK_RECORDS_MAX);
	if (header->prev_end > header->base || header->base > header->end ||
	    header->end > INT64_MAX)
		return REFUSE(reterr, -EBADMSG, BLOCK_AT_PREV_END,
			      "prev_end %" PRIu64 ", base %" PRIu64 ", end %" PRIu64
			      " are not in order",
			      header->prev_end, header->base, header->end);
	if (header->min_time > header->max_time)
		return REFUSE(reterr, -EBADMSG, BLOCK_AT_MIN_TIME,
			      "min_time is later than max_time");
	return 0;
}

static bool cut_label(struct span *rest, struct span *ret)
{
	const unsigned char *begin = (const unsigned char *)rest->ptr, *at;
	uint64_t len;

	at = varint_get(begin, begin + rest->len, &len);
	if (!at)
		return false;
	*rest = span_skip(*rest, (size_t)(at - begin));
	if (len > rest->len)
		return false;
	*ret = span_take(*rest, len);
	*rest = span_skip(*rest, len);
	return true;
}

static int check_labels(struct span message, struct parts *parts, struct err *reterr)
{
	struct span *const labels[] = {&parts->header.host, &parts->header.service,
				       &parts->header.file};
	struct span rest = parts->labels;

	if (rest.len > BLOCK_LABELS_MAX)
		return REFUSE(reterr, -E2BIG, BLOCK_AT_LABELS_LEN,
			      "%zu bytes of labels, more than %u", rest.len, BLOCK_LABELS_MAX);
	for (size_t i = 0; i < 3; i++)
		if (!cut_label(&rest, labels[i]))
			return REFUSE(reterr, -EBADMSG, rest.ptr - message.ptr,
				      "label %zu of 3 ends behind the labels", i + 1);
	if (rest.len)
		return REFUSE(reterr, -EBADMSG, rest.ptr - message.ptr,
			      "%zu bytes behind the labels", rest.len);
	return 0;
}

/*
 * Take one range off the table.  `at` moves to the end of the record.  False:
 * cut, empty, or past `limit`.
 */
static bool cut_range(struct span *rest, uint64_t limit, uint64_t *at, uint64_t *ret_start)
{
	const unsigned char *p = (const unsigned char *)rest->ptr, *end = p + rest->len;
	uint64_t length, gap = 0;

	p = varint_get(p, end, &length);
	if (p && (length & 1))
		p = varint_get(p, end, &gap);
	length >>= 1;
	if (!p || length == 0 || gap > limit - *at || length > limit - *at - gap)
		return false;
	*ret_start = *at + gap;
	*at = *ret_start + length;
	*rest = span_between((const char *)p, (const char *)end);
	return true;
}

/* `at` is where the table begins in the message, for the text. */
static int check_ranges(const struct block_header *header, struct span table, size_t at,
			struct err *reterr)
{
	struct span rest = table;
	uint64_t end = header->base, start;

	for (uint32_t i = 0; i < header->nrecords; i++)
		if (!cut_range(&rest, header->end, &end, &start))
			return REFUSE(reterr, -EBADMSG, at,
				      "range of record %" PRIu32 " of %" PRIu32
				      " is cut, empty or past the block's end",
				      i + 1, header->nrecords);
	if (rest.len)
		return REFUSE(reterr, -EBADMSG, at,
			      "%zu bytes behind the ranges of %" PRIu32 " records", rest.len,
			      header->nrecords);
	return 0;
}

/*
 * One whole frame that fills `frame` and says that it holds at most `max` bytes.
 * The window needs no check: we decompress in one call, for which the output is
 * the window.
 */
static int check_frame(struct span frame, size_t at, size_t max, size_t *ret_content,
		       struct err *reterr)
{
	size_t size = ZSTD_findFrameCompressedSize(frame.ptr, frame.len);

	if (ZSTD_isError(size))
		return REFUSE(reterr, -EBADMSG, at, "bad zstd frame: %s", ZSTD_getErrorName(size));
	if (size != frame.len)
		return REFUSE(reterr, -EBADMSG, at + size, "%zu bytes behind the zstd frame",
			      frame.len - size);
	unsigned long long content = ZSTD_getFrameContentSize(frame.ptr, frame.len);

	if (content > max) /* unknown and error are huge numbers */
		return REFUSE(reterr, -EBADMSG, at,
			      "zstd frame does not promise to be at most %zu bytes", max);
	*ret_content = (size_t)content;
	return 0;
}

/* Check and decompress one frame of at most `max` bytes. */
static int unpack(struct block_reader *reader, struct span frame, size_t at, size_t max,
		  struct buf *out, struct err *reterr)
{
	size_t content = 0;
	int r = check_frame(frame, at, max, &content, reterr);

	if (r < 0)
		return r;
	buf_reset(out);
	r = buf_reserve(out, content + 1); /* + 1: never a NULL pointer */
	if (r < 0)
		return err_set(reterr, r, "no memory for %zu bytes of a block", content);
	size_t n = ZSTD_decompressDCtx(reader->zstd, out->ptr, content, frame.ptr, frame.len);

	if (ZSTD_isError(n) || n != content)
		return REFUSE(reterr, -EBADMSG, at, "zstd frame does not decompress: %s",
			      ZSTD_isError(n) ? ZSTD_getErrorName(n) : "short");
	out->len = n;
	return 0;
}

static int check_header(struct span message, struct parts *parts, struct err *reterr)
{
	int r = split(message, parts, reterr);

	if (r == 0)
		r = check_crc(message, reterr);
	if (r < 0)
		return r;
	get_fixed(message.ptr, &parts->header);
	r = check_fixed(&parts->header, reterr);
	return r < 0 ? r : check_labels(message, parts, reterr);
}

int block_read_header(struct span message, struct block_header *ret, struct err *reterr)
{
	struct parts parts;
	int r = check_header(message, &parts, reterr);

	if (r == 0)
		*ret = parts.header;
	return r;
}

/* The checked table, in the message or in the reader's buffer. */
static int read_ranges(struct block_reader *reader, struct span message, const struct parts *parts,
		       struct span *ret, struct err *reterr)
{
	size_t at = (size_t)(parts->ranges.ptr - message.ptr);
	struct span table = parts->ranges;

	if (parts->flags & BLOCK_RANGES_ZSTD) {
		int r = unpack(reader, table, at, (size_t)parts->header.nrecords * BLOCK_RANGE_MAX,
			       &reader->ranges, reterr);

		if (r < 0)
			return r;
		table = buf_span(&reader->ranges);
	}
	*ret = table;
	return check_ranges(&parts->header, table, at, reterr);
}

/* As many lines as ranges, so that who walks both at once needs no more checks. */
static int check_lines(struct span text, uint32_t nrecords, size_t at, struct err *reterr)
{
	uint32_t lines = 0;
	const char *p = text.ptr, *end = p + text.len;

	while (p < end && (p = memchr(p, '\n', (size_t)(end - p)))) {
		lines++;
		p++;
	}
	if (lines != nrecords || (text.len && text.ptr[text.len - 1] != '\n'))
		return REFUSE(reterr, -EBADMSG, at,
			      "%" PRIu32 " whole lines for %" PRIu32 " records%s", lines, nrecords,
			      p ? "" : ", the last one cut");
	return 0;
}

int block_read(struct block_reader *reader, struct span message, struct block *ret,
	       struct err *reterr)
{
	struct parts parts;
	struct span ranges;
	int r = check_header(message, &parts, reterr);

	if (r == 0)
		r = read_ranges(reader, message, &parts, &ranges, reterr);
	if (r < 0)
		return r;
	size_t at = (size_t)(parts.frame.ptr - message.ptr);

	r = unpack(reader, parts.frame, at, parts.header.raw_len, &reader->text, reterr);
	if (r < 0)
		return r;
	if (reader->text.len != parts.header.raw_len)
		return REFUSE(reterr, -EBADMSG, at,
			      "%zu bytes of records, the header says %" PRIu32, reader->text.len,
			      parts.header.raw_len);
	r = check_lines(buf_span(&reader->text), parts.header.nrecords, at, reterr);
	if (r == 0)
		*ret = (struct block){
			.header = parts.header, .text = buf_span(&reader->text), .ranges = ranges};
	return r;
}

void block_ranges(const struct block *block, struct block_range *iter)
{
	*iter = (struct block_range){.rest = block->ranges, .at = block->header.base};
}

bool block_range_next(struct block_range *iter, uint64_t *ret_start, uint64_t *ret_end)
{
	if (!iter->rest.len || !cut_range(&iter->rest, UINT64_MAX, &iter->at, ret_start))
		return false;
	*ret_end = iter->at;
	return true;
}
