/*
 * fuzz_block.c - no message crashes the block reader, and what it accepts holds
 * its promises: as many lines as ranges, ranges in order and inside the block.
 *
 * Each input is read as it is, and once more with its checksum made right, so
 * that what lies behind the checksum is reached.
 */
#include "common/base/check.h"
#include "common/base/cleanup.h"
#include "common/base/hash.h"
#include "common/flow/block.h"
#include "common/flow/block_wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_promises(const struct block *block)
{
	const struct block_header *h = &block->header;
	struct span text = block->text, line;
	uint64_t start, end, before = h->base;
	struct block_range it;
	uint32_t n = 0;

	CHECK(h->prev_end <= h->base && h->base <= h->end && h->min_time <= h->max_time);
	CHECK(text.len == h->raw_len);
	for (block_ranges(block, &it); block_range_next(&it, &start, &end); n++) {
		CHECK(before <= start && start < end && end <= h->end);
		CHECK(span_cut(&text, '\n', &line));
		before = end;
	}
	CHECK(n == h->nrecords && text.len == 0);
}

static void try_message(struct block_reader *reader, struct span message)
{
	struct block_header header;
	struct block block;
	struct err err = {0};

	if (block_read(reader, message, &block, &err) == 0) {
		CHECK(block_read_header(message, &header, &err) == 0);
		check_promises(&block);
		return;
	}
	CHECK(err.text[0] && err.offset <= message.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct block_reader *reader; /* one for all inputs, as in a program */
	_cleanup_free_ char *copy = malloc(size + 1);

	if (!copy || (!reader && block_reader_new(&reader) < 0))
		return 0;
	memcpy(copy, data, size);
	try_message(reader, span_of(copy, size));
	if (size >= BLOCK_AT_SOURCE) {
		put_le32(copy + BLOCK_AT_CRC,
			 crc32c(0, copy + BLOCK_AT_SOURCE, size - BLOCK_AT_SOURCE));
		try_message(reader, span_of(copy, size));
	}
	return 0;
}
