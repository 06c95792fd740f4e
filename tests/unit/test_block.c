/*
 * Blocks: round trips, and everything that must be refused.
 */
#include "common/base/cleanup.h"
#include "common/base/hash.h"
#include "common/flow/block.h"
#include "common/flow/block_wire.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <zstd.h>

#include <cmocka.h>

#define GOLDEN  "tests/cases/block/v1.block"
#define OUT_MAX (64u << 20)

struct fixture {
	struct block_writer *writer;
	struct block_reader *reader;
	struct buf out;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	assert_int_equal(block_writer_new(0, &f->writer), 0);
	assert_int_equal(block_reader_new(&f->reader), 0);
	buf_init(&f->out, OUT_MAX);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	block_writer_free(f->writer);
	block_reader_free(f->reader);
	buf_release(&f->out);
	free(f);
	return 0;
}

static struct block_header header_of(uint64_t base, uint64_t end)
{
	return (struct block_header){
		.source = {{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}},
		.generation = 3,
		.prev_end = base,
		.base = base,
		.end = end,
		.hash_base = UINT64_C(0x1122334455667788),
		.hash_end = UINT64_C(0x99aabbccddeeff00),
		.host = SPAN("node-17"),
		.service = SPAN("payment"),
		.file = SPAN("/var/log/payment.log"),
	};
}

static int add(struct block_writer *writer, const char *line, uint64_t start, uint64_t end,
	       int64_t time_ns)
{
	buf_puts(block_writer_text(writer), span_cstr(line));
	return block_writer_record(writer, start, end, time_ns);
}

/* The block of the golden file: a gap before, one between, one behind. */
static void write_sample(struct fixture *f)
{
	struct block_header header = header_of(1000, 2000);

	header.prev_end = 900;
	assert_int_equal(add(f->writer, "{\"message\":\"one\"}\n", 1000, 1018, 50), 0);
	assert_int_equal(add(f->writer, "{\"message\":\"two\"}\n", 1018, 1030, 40), 0);
	assert_int_equal(add(f->writer, "{\"message\":\"three\"}\n", 1530, 1990, 45), 0);
	assert_int_equal(block_writer_records(f->writer), 3);
	assert_int_equal(block_writer_finish(f->writer, &header, &f->out), 0);
	assert_int_equal(header.nrecords, 3);
	assert_int_equal(block_writer_records(f->writer), 0);
}

static void assert_sample(struct fixture *f, struct span message)
{
	static const uint64_t expected[3][2] = {{1000, 1018}, {1018, 1030}, {1530, 1990}};
	struct block block;
	struct block_range it;
	struct err err = {0};
	uint64_t start, end;

	if (block_read(f->reader, message, &block, &err) < 0)
		fail_msg("%s", err.text);
	const struct block_header *h = &block.header;
	struct block_header want = header_of(1000, 2000);

	assert_memory_equal(h->source.bytes, want.source.bytes, 16);
	assert_int_equal(h->generation, 3);
	assert_int_equal(h->nrecords, 3);
	assert_true(h->prev_end == 900 && h->base == 1000 && h->end == 2000);
	assert_true(h->min_time == 40 && h->max_time == 50);
	assert_true(h->hash_base == want.hash_base && h->hash_end == want.hash_end);
	assert_true(span_eq(h->host, want.host));
	assert_true(span_eq(h->service, want.service));
	assert_true(span_eq(h->file, want.file));
	assert_true(span_eq(block.text, SPAN("{\"message\":\"one\"}\n{\"message\":\"two\"}\n"
					     "{\"message\":\"three\"}\n")));
	block_ranges(&block, &it);
	for (int i = 0; i < 3; i++) {
		assert_true(block_range_next(&it, &start, &end));
		assert_true(start == expected[i][0] && end == expected[i][1]);
	}
	assert_false(block_range_next(&it, &start, &end));
}

static void test_round_trip(void **state)
{
	struct fixture *f = *state;
	struct block_header header;

	write_sample(f);
	assert_true(block_is_block(buf_span(&f->out)));
	assert_sample(f, buf_span(&f->out));
	assert_int_equal(block_read_header(buf_span(&f->out), &header, NULL), 0);
	assert_int_equal(header.end, 2000);
	assert_false(block_is_block(SPAN("{\"message\":\"a record of its own\"}")));
}

/* Many records of equal length, whose ranges are packed. */
#define MANY 200

static void write_many(struct fixture *f)
{
	struct block_header header = header_of(0, MANY * 10);

	for (unsigned i = 0; i < MANY; i++)
		assert_int_equal(add(f->writer, "{}\n", i * 10, i * 10 + 10, i), 0);
	assert_int_equal(block_writer_finish(f->writer, &header, &f->out), 0);
}

static void assert_many(struct fixture *f, struct span message)
{
	struct block block;
	struct block_range it;
	struct err err = {0};
	uint64_t start, end;

	assert_int_equal(get_le16(message.ptr + BLOCK_AT_FLAGS), BLOCK_RANGES_ZSTD);
	if (block_read(f->reader, message, &block, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(block.header.nrecords, MANY);
	assert_int_equal(block.text.len, 3 * MANY);
	block_ranges(&block, &it);
	for (unsigned i = 0; i < MANY; i++) {
		assert_true(block_range_next(&it, &start, &end));
		assert_true(start == i * 10 && end == i * 10 + 10);
	}
	assert_false(block_range_next(&it, &start, &end));
}

static void test_packed_ranges(void **state)
{
	struct fixture *f = *state;

	write_many(f);
	assert_true(get_le32(f->out.ptr + BLOCK_AT_RANGES_LEN) < MANY / 4);
	assert_many(f, buf_span(&f->out));
}

static struct span read_golden(const char *path, char *bytes, size_t size)
{
	_cleanup_close_ int fd = open(path, O_RDONLY);

	if (fd < 0)
		fail_msg("%s is missing", path);
	ssize_t n = read(fd, bytes, size);

	assert_true(n > 0);
	return span_of(bytes, (size_t)n);
}

/* Blocks of version 1 as they were written once.  Never write these files anew. */
static void test_golden(void **state)
{
	struct fixture *f = *state;
	char bytes[4096];

	assert_sample(f, read_golden("tests/cases/block/v1.block", bytes, sizeof(bytes)));
	assert_many(f, read_golden("tests/cases/block/v1-packed.block", bytes, sizeof(bytes)));
}

static void test_empty_block(void **state)
{
	struct fixture *f = *state;
	struct block_header header = header_of(5, 5);
	struct block block;
	struct block_range it;
	uint64_t start, end;

	assert_int_equal(block_writer_finish(f->writer, &header, &f->out), 0);
	assert_int_equal(block_read(f->reader, buf_span(&f->out), &block, NULL), 0);
	assert_int_equal(block.header.nrecords, 0);
	assert_int_equal(block.text.len, 0);
	block_ranges(&block, &it);
	assert_false(block_range_next(&it, &start, &end));
}

/* What the writer refuses leaves it as it was. */
static void test_writer_refuses(void **state)
{
	struct fixture *f = *state;
	struct block_header header = header_of(100, 200);
	struct buf small = BUF_INIT(100);
	struct block block;

	assert_int_equal(add(f->writer, "a\n", 100, 150, 1), 0);
	assert_int_equal(add(f->writer, "b\n", 149, 160, 1), -EINVAL);
	assert_int_equal(add(f->writer, "b\n", 150, 150, 1), -EINVAL);
	assert_int_equal(add(f->writer, "b\n", 160, 155, 1), -EINVAL);
	assert_int_equal(add(f->writer, "b\n", 160, UINT64_MAX, 1), -EINVAL);
	assert_int_equal(add(f->writer, "c\n", 150, 201, 1), 0);
	assert_int_equal(block_writer_finish(f->writer, &header, &f->out), -EINVAL);
	header.end = 201;
	header.base = 101;
	assert_int_equal(block_writer_finish(f->writer, &header, &f->out), -EINVAL);
	header.base = 100;
	header.prev_end = 101;
	assert_int_equal(block_writer_finish(f->writer, &header, &f->out), -EINVAL);
	header.prev_end = 0;
	assert_int_equal(block_writer_finish(f->writer, &header, &small), -ENOBUFS);
	assert_int_equal(small.len, 0);
	buf_release(&small);
	assert_int_equal(block_writer_finish(f->writer, &header, &f->out), 0);
	assert_int_equal(block_read(f->reader, buf_span(&f->out), &block, NULL), 0);
	assert_true(span_eq(block.text, SPAN("a\nc\n")));
}

static void test_writer_is_full(void **state)
{
	struct fixture *f = *state;
	struct block_header header = header_of(0, 100);
	_cleanup_free_ char *line = calloc(1, BLOCK_RAW_MAX + 1);

	assert_non_null(line);
	memset(line, 'x', BLOCK_RAW_MAX - 10);
	line[BLOCK_RAW_MAX - 11] = '\n';
	assert_int_equal(add(f->writer, line, 0, 50, 1), 0);
	assert_int_equal(add(f->writer, "eleven bytes\n", 50, 60, 1), -E2BIG);
	assert_int_equal(add(f->writer, "ten bytes\n", 60, 70, 1), 0);
	assert_int_equal(block_writer_finish(f->writer, &header, &f->out), 0);
	struct block block;

	assert_int_equal(block_read(f->reader, buf_span(&f->out), &block, NULL), 0);
	assert_int_equal(block.header.nrecords, 2);
	assert_int_equal(block.text.len, BLOCK_RAW_MAX);
}

static void sign(struct buf *out)
{
	uint32_t crc = crc32c(0, out->ptr + BLOCK_AT_SOURCE, out->len - BLOCK_AT_SOURCE);

	put_le32(out->ptr + BLOCK_AT_CRC, crc);
}

static void expect_cuts_refused(struct fixture *f)
{
	struct block block;

	for (size_t n = 0; n < f->out.len; n++) {
		/* In a buffer of that very size, so that a read past it is noticed. */
		char *cut = malloc(n + 1);
		struct err err = {0};

		assert_non_null(cut);
		memcpy(cut, f->out.ptr, n);
		assert_int_equal(block_read(f->reader, span_of(cut, n), &block, &err), -EBADMSG);
		assert_true(strncmp(err.text, "byte ", 5) == 0 && err.offset <= n);
		free(cut);
	}
	buf_putc(&f->out, 'x');
	assert_int_equal(block_read(f->reader, buf_span(&f->out), &block, NULL), -EBADMSG);
	buf_reset(&f->out);
}

static void test_every_cut(void **state)
{
	struct fixture *f = *state;

	write_sample(f);
	expect_cuts_refused(f);
	write_many(f);
	expect_cuts_refused(f);
}

static void expect_flips_refused(struct fixture *f)
{
	struct block block;

	for (size_t i = 0; i < f->out.len * 8; i++) {
		int r;

		f->out.ptr[i / 8] ^= (char)(1 << i % 8);
		r = block_read(f->reader, buf_span(&f->out), &block, NULL);
		f->out.ptr[i / 8] ^= (char)(1 << i % 8);
		if (r != -EBADMSG && r != -ENOTSUP)
			fail_msg("bit %zu: %d", i, r);
	}
}

static void test_every_bit(void **state)
{
	struct fixture *f = *state;

	write_sample(f);
	expect_flips_refused(f);
	assert_sample(f, buf_span(&f->out));
	buf_reset(&f->out);
	write_many(f);
	expect_flips_refused(f);
	assert_many(f, buf_span(&f->out));
}

/* The bits of packed ranges, with the checksum made right again. */
static void test_forged_ranges(void **state)
{
	struct fixture *f = *state;
	struct block block;

	write_many(f);
	size_t at = BLOCK_AT_LABELS + get_le32(f->out.ptr + BLOCK_AT_LABELS_LEN);
	size_t bits = get_le32(f->out.ptr + BLOCK_AT_RANGES_LEN) * 8;
	size_t refused = 0;

	for (size_t i = 0; i < bits; i++) {
		f->out.ptr[at + i / 8] ^= (char)(1 << i % 8);
		sign(&f->out);
		refused += block_read(f->reader, buf_span(&f->out), &block, NULL) < 0;
		f->out.ptr[at + i / 8] ^= (char)(1 << i % 8);
	}
	/* A few give other ranges that are valid too; none goes past the block. */
	assert_true(refused > bits / 2);
}

/* Someone who can compute checksums makes the header say what he wants. */
struct forgery {
	const char *name;
	size_t at, size;
	uint64_t value;
	int expected;
	const char *text;
};

static const struct forgery forgeries[] = {
	{"version", BLOCK_AT_VERSION, 2, 2, -ENOTSUP, "byte 12: block version 2 is newer"},
	{"version 0", BLOCK_AT_VERSION, 2, 0, -EBADMSG, "byte 12: block version 0"},
	{"flags", BLOCK_AT_FLAGS, 2, 0x8000, -ENOTSUP, "byte 14: unknown block flags 0x8000"},
	{"packed flag", BLOCK_AT_FLAGS, 2, 1, -EBADMSG, "bad zstd frame"},
	{"raw length", BLOCK_AT_RAW_LEN, 4, UINT32_MAX, -E2BIG, "byte 68: 4294967295 bytes"},
	{"more raw bytes", BLOCK_AT_RAW_LEN, 4, 1000, -EBADMSG, "the header says 1000"},
	{"fewer raw bytes", BLOCK_AT_RAW_LEN, 4, 10, -EBADMSG, "at most 10 bytes"},
	{"records", BLOCK_AT_NRECORDS, 4, UINT32_MAX, -E2BIG, "byte 40: 4294967295 records"},
	{"more records", BLOCK_AT_NRECORDS, 4, 4, -EBADMSG, "range of record 4 of 4"},
	{"fewer records", BLOCK_AT_NRECORDS, 4, 2, -EBADMSG, "bytes behind the ranges of 2"},
	{"prev_end", BLOCK_AT_PREV_END, 8, 1001, -EBADMSG, "are not in order"},
	{"base", BLOCK_AT_BASE, 8, 3000, -EBADMSG, "are not in order"},
	{"huge end", BLOCK_AT_END, 8, UINT64_MAX, -EBADMSG, "are not in order"},
	{"end", BLOCK_AT_END, 8, 1989, -EBADMSG, "range of record 3 of 3"},
	{"times", BLOCK_AT_MIN_TIME, 8, 51, -EBADMSG, "min_time is later"},
	{"labels", BLOCK_AT_LABELS_LEN, 4, UINT32_MAX, -EBADMSG, "header length"},
	{"ranges", BLOCK_AT_RANGES_LEN, 4, UINT32_MAX, -EBADMSG, "header length"},
	{"header length", BLOCK_AT_LENGTH, 4, UINT32_MAX, -EBADMSG, "header length"},
	{"label length", BLOCK_AT_LABELS, 1, 127, -EBADMSG, "label 1 of 3"},
	{"shorter label", BLOCK_AT_LABELS, 1, 6, -EBADMSG, "label"},
};

static void test_forgeries(void **state)
{
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(forgeries) / sizeof(*forgeries); i++) {
		const struct forgery *forgery = &forgeries[i];
		uint64_t value = htole64(forgery->value);
		struct block block;
		struct err err = {0};

		buf_reset(&f->out);
		write_sample(f);
		memcpy(f->out.ptr + forgery->at, &value, forgery->size);
		sign(&f->out);
		int r = block_read(f->reader, buf_span(&f->out), &block, &err);

		if (r != forgery->expected || !strstr(err.text, forgery->text))
			fail_msg("%s: %d, '%s'", forgery->name, r, err.text);
	}
}

/* Put another zstd frame behind the header of the sample. */
static void replace_frame(struct buf *out, const void *frame, size_t n, uint32_t raw_len)
{
	out->len = BLOCK_FRAME_HEAD + get_le32(out->ptr + BLOCK_AT_LENGTH);
	buf_put(out, frame, n);
	put_le32(out->ptr + BLOCK_AT_RAW_LEN, raw_len);
	sign(out);
}

static void expect_refused(struct fixture *f, int expected, const char *text)
{
	struct block block;
	struct err err = {0};
	int r = block_read(f->reader, buf_span(&f->out), &block, &err);

	if (r != expected || !strstr(err.text, text))
		fail_msg("%d, '%s' does not say '%s'", r, err.text, text);
}

/* 1 GiB of zeros in some 33 kB: refused by what the frame says it holds. */
static void test_bomb(void **state)
{
	struct fixture *f = *state;
	const size_t gib = 1u << 30, chunk = 1u << 20;
	_cleanup_free_ char *zeros = calloc(1, chunk), *bomb = malloc(chunk);
	ZSTD_CCtx *zstd = ZSTD_createCCtx();
	ZSTD_outBuffer to = {bomb, chunk, 0};

	assert_non_null(zeros);
	assert_non_null(bomb);
	ZSTD_CCtx_setPledgedSrcSize(zstd, gib);
	for (size_t n = 0; n < gib; n += chunk) {
		ZSTD_inBuffer from = {zeros, chunk, 0};

		assert_false(ZSTD_isError(ZSTD_compressStream2(
			zstd, &to, &from, n + chunk == gib ? ZSTD_e_end : ZSTD_e_continue)));
	}
	ZSTD_freeCCtx(zstd);
	assert_true(to.pos < 100000);
	write_sample(f);
	replace_frame(&f->out, bomb, to.pos, (uint32_t)gib);
	expect_refused(f, -E2BIG, "1073741824 bytes of records");
	replace_frame(&f->out, bomb, to.pos, 1000);
	expect_refused(f, -EBADMSG, "at most 1000 bytes");
}

static void test_bad_frames(void **state)
{
	struct fixture *f = *state;
	static const char lines[] = "one\ntwo\nthree\n";
	static const char cut_lines[] = "one\ntwo\nthree";
	static const char few_lines[] = "one\ntwo\n";
	char frame[200];
	size_t n;

	write_sample(f);
	n = ZSTD_compress(frame, sizeof(frame), cut_lines, strlen(cut_lines), 1);
	replace_frame(&f->out, frame, n, (uint32_t)strlen(cut_lines));
	expect_refused(f, -EBADMSG, "the last one cut");
	n = ZSTD_compress(frame, sizeof(frame), few_lines, strlen(few_lines), 1);
	replace_frame(&f->out, frame, n, (uint32_t)strlen(few_lines));
	expect_refused(f, -EBADMSG, "2 whole lines for 3 records");
	replace_frame(&f->out, "", 0, 0);
	expect_refused(f, -EBADMSG, "bad zstd frame");
	replace_frame(&f->out, "no frame at all", 15, 14);
	expect_refused(f, -EBADMSG, "bad zstd frame");

	/* A frame that says nothing about its size. */
	ZSTD_CCtx *zstd = ZSTD_createCCtx();

	ZSTD_CCtx_setParameter(zstd, ZSTD_c_contentSizeFlag, 0);
	n = ZSTD_compress2(zstd, frame, sizeof(frame), lines, strlen(lines));
	ZSTD_freeCCtx(zstd);
	replace_frame(&f->out, frame, n, (uint32_t)strlen(lines));
	expect_refused(f, -EBADMSG, "does not promise");

	/* A second frame behind the first, and a first that is right. */
	n = ZSTD_compress(frame, sizeof(frame), lines, strlen(lines), 1);
	memcpy(frame + n, frame, n);
	replace_frame(&f->out, frame, 2 * n, (uint32_t)strlen(lines));
	expect_refused(f, -EBADMSG, "bytes behind the zstd frame");
	replace_frame(&f->out, frame, n, (uint32_t)strlen(lines));
	struct block block;

	assert_int_equal(block_read(f->reader, buf_span(&f->out), &block, NULL), 0);
}

static uint64_t random_state = 1;

static uint64_t random_below(uint64_t n)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state % n;
}

/* Lengths and gaps of every magnitude. */
static uint64_t random_size(void)
{
	return random_below(UINT64_C(1) << random_below(50));
}

#define RANGES 400

static void random_block(struct fixture *f, uint64_t ranges[RANGES][2], size_t n,
			 struct block_header *header)
{
	uint64_t base = random_size(), at = base;

	for (size_t i = 0; i < n; i++) {
		at += random_below(3) ? 0 : random_size();
		ranges[i][0] = at;
		at += 1 + random_size();
		ranges[i][1] = at;
		buf_printf(block_writer_text(f->writer), "%" PRIu64 "\n", at);
		assert_int_equal(
			block_writer_record(f->writer, ranges[i][0], at, (int64_t)random_size()),
			0);
	}
	*header = header_of(base, at + random_size());
	header->prev_end = random_below(base + 1);
	assert_int_equal(block_writer_finish(f->writer, header, &f->out), 0);
}

static void test_random_ranges(void **state)
{
	struct fixture *f = *state;
	uint64_t ranges[RANGES][2], start, end;
	struct block_header header;
	struct block block;
	struct block_range it;

	for (int round = 0; round < 500; round++) {
		size_t n = random_below(RANGES);
		struct err err = {0};

		random_state = UINT64_C(0x9e3779b97f4a7c15) * (unsigned)(round + 1);
		buf_reset(&f->out);
		random_block(f, ranges, n, &header);
		if (block_read(f->reader, buf_span(&f->out), &block, &err) < 0)
			fail_msg("round %d: %s", round, err.text);
		assert_memory_equal(&block.header.prev_end, &header.prev_end, 3 * 8);
		assert_true(block.header.min_time == header.min_time);
		assert_true(block.header.max_time == header.max_time);
		block_ranges(&block, &it);
		for (size_t i = 0; i < n; i++) {
			assert_true(block_range_next(&it, &start, &end));
			assert_true(start == ranges[i][0] && end == ranges[i][1]);
		}
		assert_false(block_range_next(&it, &start, &end));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_round_trip, setup, teardown),
		cmocka_unit_test_setup_teardown(test_packed_ranges, setup, teardown),
		cmocka_unit_test_setup_teardown(test_golden, setup, teardown),
		cmocka_unit_test_setup_teardown(test_empty_block, setup, teardown),
		cmocka_unit_test_setup_teardown(test_writer_refuses, setup, teardown),
		cmocka_unit_test_setup_teardown(test_writer_is_full, setup, teardown),
		cmocka_unit_test_setup_teardown(test_every_cut, setup, teardown),
		cmocka_unit_test_setup_teardown(test_every_bit, setup, teardown),
		cmocka_unit_test_setup_teardown(test_forged_ranges, setup, teardown),
		cmocka_unit_test_setup_teardown(test_forgeries, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bomb, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bad_frames, setup, teardown),
		cmocka_unit_test_setup_teardown(test_random_ranges, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
