/*
 * store_fixture.h - what the tests of the store share: a store in a scratch
 * folder, rows from JSON lines, and columns as texts.
 */
#ifndef SLUICE_TESTS_STORE_FIXTURE_H
#define SLUICE_TESTS_STORE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "aggregator/store/store.h"
#include "common/data/json_scan.h"
#include "common/data/timestamp.h"
#include "common/data/wire.h"
#include "tests/unit/scratch.h"
#include <errno.h>
#include <inttypes.h>

/* A small random generator, the same everywhere (splitmix64). */
static inline uint64_t next_random(uint64_t *seed)
{
	uint64_t z = (*seed += UINT64_C(0x9e3779b97f4a7c15));

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

static inline struct store *open_store(const char *path, const struct store_conf *conf)
{
	struct store *store = NULL;
	struct err err = {0};
	int r = store_open(path, false, conf, &store, &err);

	if (r < 0)
		fail_msg("store_open: %s", err.text);
	return store;
}

/* Append a JSON line as a row of service "t". */
static inline int append_line(struct store *store, const char *line)
{
	static const struct span labels[] = {{"service", 7}, {"t", 1}};
	struct store_stream *stream;
	struct arena arena;
	struct record rec;
	size_t at;

	arena_init(&arena, 64 << 20);
	record_init(&rec, &arena, span_cstr(line));
	assert_int_equal(wire_read_record(span_cstr(line), &rec, &at), 0);
	assert_int_equal(store_stream_get(store, labels, 2, &stream), 0);
	int r = store_append(store, stream, &rec);

	arena_release(&arena);
	return r;
}

/* {"timestamp":…,"message":"row N","n":N} of second N. */
static inline int append_row(struct store *store, uint64_t n)
{
	char line[256];

	snprintf(
		line, sizeof(line),
		"{\"timestamp\":\"2026-03-01T%02u:%02u:%02u.000000000Z\",\"message\":\"row %" PRIu64
		"\",\"n\":%" PRIu64 "}",
		(unsigned)(n / 3600 % 24), (unsigned)(n / 60 % 60), (unsigned)(n % 60), n, n);
	return append_line(store, line);
}

/* Commit with partition 0 at `next` and nothing else. */
static inline int commit_at(struct store *store, int64_t next, struct err *err)
{
	struct store_partition partition = {0, next};
	struct store_progress progress = {.partitions = &partition, .npartitions = 1};

	return store_commit(store, &progress, err);
}

static inline struct store_snapshot *all_rows(struct store *store)
{
	struct store_snapshot *snap = NULL;

	assert_int_equal(store_snapshot(store, INT64_MIN, INT64_MAX, &snap), 0);
	return snap;
}

/* The sum of field `n` over all rows; -1 when a block can't be read. */
static inline int64_t sum_of_n(const struct store_snapshot *snap)
{
	int64_t sum = 0;

	for (size_t b = 0; b < snap->nblocks; b++) {
		struct row_block *block = snap->blocks[b];
		struct column column;
		struct arena arena;

		arena_init(&arena, 256 << 20);
		int r = block->ops->load(block, SPAN("n"), &arena, &column, NULL);

		r = r < 0 ? r : column_make(&column, &arena);
		for (uint32_t i = 0; r == 0 && i < block->nrows; i++) {
			char scratch[64];
			struct span text = column_text(&column, i, scratch);
			char number[32] = {0};

			assert_true(text.len > 0 && text.len < sizeof(number));
			memcpy(number, text.ptr, text.len);
			sum += strtoll(number, NULL, 10);
		}
		arena_release(&arena);
		if (r < 0)
			return -1;
	}
	return sum;
}

#endif
