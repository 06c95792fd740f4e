/*
 * test_ledger.c - the exactly-once rule: each case of delivery.md by hand, then
 * random resends of a byte stream, of which every byte must come out once.
 */
#include "aggregator/ledger.h"
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct block_header block_of(uint64_t prev_end, uint64_t base, uint64_t end)
{
	return (struct block_header){
		.source.bytes = {1}, .prev_end = prev_end, .base = base, .end = end};
}

static struct block_header hashed(uint64_t base, uint64_t hash_base, uint64_t end,
				  uint64_t hash_end)
{
	struct block_header block = block_of(base, base, end);

	block.hash_base = hash_base;
	block.hash_end = hash_end;
	return block;
}

/* The whole block is one record; what of it is new, as "from-to from-to". */
static const char *take(struct ledger *ledger, const struct block_header *block)
{
	static char text[256];
	struct ledger_note note;
	struct ledger_range part;
	uint64_t at = block->base;
	size_t len = 0;

	text[0] = 0;
	assert_int_equal(ledger_begin(ledger, block, &note), 0);
	while (ledger_new_part(note.source, &at, block->end, &part))
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%llu-%llu",
					len ? " " : "", (unsigned long long)part.from,
					(unsigned long long)part.to);
	assert_int_equal(ledger_end(ledger, note.source, block), 0);
	return text;
}

static const char *take_range(struct ledger *ledger, uint64_t prev_end, uint64_t base, uint64_t end)
{
	struct block_header block = block_of(prev_end, base, end);

	return take(ledger, &block);
}

static int setup(void **state)
{
	return ledger_new(1000, (struct ledger **)state);
}

static int teardown(void **state)
{
	ledger_free(*state);
	return 0;
}

static void test_in_order(void **state)
{
	assert_string_equal(take_range(*state, 0, 0, 10), "0-10");
	assert_string_equal(take_range(*state, 10, 10, 30), "10-30");
	/* Filtered out: 30 to 40 are accounted for without a record. */
	assert_string_equal(take_range(*state, 30, 40, 50), "40-50");
	assert_int_equal(ledger_missing(*state), 0);
}

static void test_duplicate_and_overlap(void **state)
{
	take_range(*state, 0, 0, 100);
	assert_string_equal(take_range(*state, 0, 0, 100), "");
	assert_string_equal(take_range(*state, 20, 20, 100), "");
	assert_string_equal(take_range(*state, 50, 50, 130), "100-130");
	assert_string_equal(take_range(*state, 0, 0, 130), "");
	assert_string_equal(take_range(*state, 130, 130, 131), "130-131");
}

static void test_gap_is_noted_and_closed(void **state)
{
	struct ledger_note note;
	struct block_header block = block_of(50, 50, 60);

	take_range(*state, 0, 0, 10);
	assert_int_equal(ledger_begin(*state, &block, &note), 0);
	assert_int_equal(note.gap.from, 10);
	assert_int_equal(note.gap.to, 50);
	assert_false(note.first);
	assert_string_equal(take(*state, &block), "50-60");
	assert_int_equal(ledger_missing(*state), 40);
	assert_int_equal(ledger_counts(*state)->gaps, 1);
	assert_int_equal(ledger_counts(*state)->gap_bytes, 40);

	assert_string_equal(take_range(*state, 20, 20, 30), "20-30");
	assert_int_equal(ledger_missing(*state), 30);
	assert_string_equal(take_range(*state, 5, 5, 55), "10-20 30-50");
	assert_int_equal(ledger_missing(*state), 0);
	assert_int_equal(ledger_counts(*state)->closed_bytes, 40);
	assert_string_equal(take_range(*state, 0, 0, 60), "");
}

/* A block without records behind a gap: the gap ends at the watermark. */
static void test_gap_at_the_watermark(void **state)
{
	struct ledger_note note;
	struct block_header block = block_of(50, 60, 70);

	take_range(*state, 0, 0, 10);
	take_range(*state, 50, 50, 50);
	assert_string_equal(take_range(*state, 20, 20, 55), "20-55");
	take_range(*state, 80, 80, 80);
	assert_int_equal(ledger_begin(*state, &block, &note), 0);
	assert_int_equal(note.source->gaps.len, 2);
	assert_string_equal(take(*state, &block), "60-70");
	assert_string_equal(take_range(*state, 0, 0, 90), "10-20 70-90");
}

/* Shipping began in the middle of the file: no alarm, but the start may still come. */
static void test_first_block(void **state)
{
	struct ledger_note note;
	struct block_header block = block_of(1000, 1000, 1100);

	assert_int_equal(ledger_begin(*state, &block, &note), 0);
	assert_true(note.first);
	assert_int_equal(note.gap.to, 1000);
	assert_int_equal(ledger_end(*state, note.source, &block), 0);
	assert_int_equal(ledger_counts(*state)->gaps, 0);
	assert_string_equal(take_range(*state, 0, 0, 1100), "0-1000");
}

static void test_given_up_block_changes_nothing(void **state)
{
	struct ledger_note note;
	struct block_header block = block_of(50, 50, 60);
	struct ledger_source *const *changed;

	take_range(*state, 0, 0, 10);
	ledger_committed(*state);
	assert_int_equal(ledger_begin(*state, &block, &note), 0);
	assert_int_equal(ledger_changed(*state, &changed), 0);
	assert_string_equal(take_range(*state, 10, 10, 60), "10-60");
	assert_int_equal(ledger_changed(*state, &changed), 1);
	assert_int_equal(changed[0]->watermark, 60);
}

static void test_sources_and_generations_are_apart(void **state)
{
	struct block_header block = block_of(0, 0, 10);

	assert_string_equal(take(*state, &block), "0-10");
	block.generation = 1;
	assert_string_equal(take(*state, &block), "0-10");
	block.source.bytes[15] = 9;
	assert_string_equal(take(*state, &block), "0-10");
	assert_string_equal(take(*state, &block), "");
	assert_int_equal(ledger_sources(*state), 3);
}

static void test_fork(void **state)
{
	struct block_header ours = hashed(0, 1, 100, 77);
	struct block_header stranger = hashed(100, 78, 150, 99);
	struct block_header next = hashed(100, 77, 200, 88);
	struct ledger_note note;

	assert_string_equal(take(*state, &ours), "0-100");
	assert_int_equal(ledger_begin(*state, &stranger, &note), 0);
	assert_true(note.forked);
	assert_int_equal(note.gap.from, note.gap.to);
	assert_int_equal(note.source->key.fork, 1);
	assert_string_equal(take(*state, &stranger), "100-150");
	assert_string_equal(take(*state, &next), "100-200");
	stranger = hashed(150, 99, 300, 11);
	assert_string_equal(take(*state, &stranger), "150-300");
	next = hashed(200, 88, 210, 12);
	assert_string_equal(take(*state, &next), "200-210");
	assert_int_equal(ledger_counts(*state)->forks, 1);
}

/* The stranger's block ends where ours did, with another content. */
static void test_fork_by_the_end(void **state)
{
	struct block_header ours = hashed(0, 1, 100, 77);
	struct block_header stranger = hashed(0, 1, 100, 78);

	take(*state, &ours);
	assert_string_equal(take(*state, &stranger), "0-100");
	assert_string_equal(take(*state, &stranger), "");
	assert_string_equal(take(*state, &ours), "");
}

static void test_unknown_hash_compares_with_nothing(void **state)
{
	struct block_header ours = hashed(0, 1, 100, 77);
	struct block_header blind = hashed(100, 0, 110, 0);

	take(*state, &ours);
	assert_string_equal(take(*state, &blind), "100-110");
	assert_int_equal(ledger_counts(*state)->forks, 0);
}

static void test_forks_are_bounded(void **state)
{
	take(*state, &(struct block_header){.end = 100, .hash_end = 1000});
	for (unsigned i = 1; i < 50; i++) {
		struct block_header block = {.end = 100, .hash_end = 1000 + i};

		assert_string_equal(take(*state, &block), "0-100");
	}
	assert_int_equal(ledger_sources(*state), LEDGER_FORKS_MAX);
}

static void test_gaps_are_bounded(void **state)
{
	take_range(*state, 0, 0, 1);
	for (uint64_t i = 1; i <= LEDGER_GAPS_MAX + 5; i++)
		take_range(*state, i * 10, i * 10, i * 10 + 1);
	assert_int_equal(ledger_counts(*state)->lost_gaps, 5);
	assert_string_equal(take_range(*state, 5, 5, 51), ""); /* given up */
	assert_string_equal(take_range(*state, 51, 51, 60), "51-60");
}

static void test_sources_are_bounded(void **state)
{
	struct ledger *ledger;
	const struct ledger_key *gone;

	(void)state;
	assert_int_equal(ledger_new(10, &ledger), 0);
	for (unsigned i = 0; i < 15; i++) {
		struct block_header block = block_of(0, 0, 10);

		block.generation = i;
		assert_string_equal(take(ledger, &block), "0-10");
		block.generation = 0; /* in use: not the one to go */
		take(ledger, &block);
	}
	assert_int_equal(ledger_sources(ledger), 10);
	assert_int_equal(ledger_forgotten(ledger, &gone), 5);
	assert_int_equal(gone[0].generation, 1);
	ledger_committed(ledger);
	assert_int_equal(ledger_forgotten(ledger, &gone), 0);
	ledger_free(ledger);
}

static void test_restore(void **state)
{
	static const struct ledger_range gaps[] = {{10, 20}, {30, 40}};
	static const struct ledger_range bad[][2] = {{{10, 20}, {15, 30}},
						     {{10, 10}, {20, 30}},
						     {{10, 20}, {90, 101}},
						     {{30, 40}, {10, 20}}};
	struct ledger_key key = {.source.bytes = {1}};
	struct ledger_source *const *changed;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(ledger_restore(*state, &key, 100, 7, bad[i], 2), -EINVAL);
	assert_int_equal(ledger_restore(*state, &key, 100, 7, gaps, 2), 0);
	assert_int_equal(ledger_restore(*state, &key, 100, 7, gaps, 2), -EINVAL);
	assert_int_equal(ledger_missing(*state), 20);
	assert_int_equal(ledger_changed(*state, &changed), 0);
	assert_string_equal(take_range(*state, 0, 0, 120), "10-20 30-40 100-120");
}

static void test_bad_header(void **state)
{
	struct ledger_note note;
	struct block_header block = block_of(20, 10, 30);

	assert_int_equal(ledger_begin(*state, &block, &note), -EBADMSG);
	block = block_of(0, 30, 10);
	assert_int_equal(ledger_begin(*state, &block, &note), -EBADMSG);
	assert_int_equal(ledger_sources(*state), 0);
}

#define STREAM_BYTES 4096

/* A stream of bytes in records; `count` says how often each byte was indexed. */
struct stream {
	struct ledger *ledger;
	unsigned seed;
	unsigned char count[STREAM_BYTES];
};

static unsigned dice(struct stream *stream, unsigned n)
{
	return (unsigned)rand_r(&stream->seed) % n;
}

/*
 * Send [from, to) as one block, cut into records at random places, which is how
 * a partial line that was flushed by a timeout looks after a restart.
 */
static void send(struct stream *stream, uint64_t from, uint64_t to)
{
	struct block_header block = block_of(from, from, to);
	struct ledger_note note;

	assert_int_equal(ledger_begin(stream->ledger, &block, &note), 0);
	for (uint64_t start = from, end; start < to; start = end) {
		struct ledger_range part;
		uint64_t at = start;

		end = start + 1 + dice(stream, 40);
		end = end < to ? end : to;
		while (ledger_new_part(note.source, &at, end, &part)) {
			assert_true(part.from >= start && part.to <= end && part.from < part.to);
			for (uint64_t i = part.from; i < part.to; i++)
				stream->count[i]++;
		}
	}
	if (dice(stream, 20) == 0) { /* given up in the middle: nothing may count */
		uint64_t watermark = note.source->watermark;

		assert_int_equal(ledger_begin(stream->ledger, &block, &note), 0);
		assert_int_equal(note.source->watermark, watermark);
	}
	assert_int_equal(ledger_end(stream->ledger, note.source, &block), 0);
}

/* Through the manifest and back: a restart between two commits. */
static void restart(struct stream *stream)
{
	struct block_header nothing = block_of(0, 0, 0);
	struct ledger_note note;
	struct ledger *next;

	assert_int_equal(ledger_begin(stream->ledger, &nothing, &note), 0);
	assert_int_equal(ledger_new(100, &next), 0);
	assert_int_equal(ledger_restore(next, &note.source->key, note.source->watermark,
					note.source->hash, note.source->gaps.ptr,
					note.source->gaps.len),
			 0);
	assert_int_equal(ledger_missing(next), ledger_missing(stream->ledger));
	ledger_free(stream->ledger);
	stream->ledger = next;
}

static void test_every_byte_once(void **state)
{
	(void)state;
	for (unsigned round = 0; round < 300; round++) {
		struct stream stream = {.seed = round};

		assert_int_equal(ledger_new(100, &stream.ledger), 0);
		for (unsigned i = 0; i < 60; i++) {
			uint64_t from = dice(&stream, STREAM_BYTES);
			uint64_t to = from + 1 + dice(&stream, 300);

			send(&stream, from, to < STREAM_BYTES ? to : STREAM_BYTES);
		}
		for (size_t i = 0; i < STREAM_BYTES; i++)
			assert_true(stream.count[i] <= 1);
		send(&stream, 0, STREAM_BYTES);
		for (size_t i = 0; i < STREAM_BYTES; i++)
			assert_int_equal(stream.count[i], 1);
		assert_int_equal(ledger_missing(stream.ledger), 0);
		ledger_free(stream.ledger);
	}
}

static void test_every_byte_once_over_restarts(void **state)
{
	(void)state;
	for (unsigned round = 0; round < 200; round++) {
		struct stream stream = {.seed = 1000 + round};
		uint64_t at = 0;

		assert_int_equal(ledger_new(100, &stream.ledger), 0);
		while (at < STREAM_BYTES) { /* a shipper that is killed now and then */
			uint64_t to = at + 1 + dice(&stream, 200);

			to = to < STREAM_BYTES ? to : STREAM_BYTES;
			send(&stream, at, to);
			at = dice(&stream, 3) ? to : at - at % 512;
			if (dice(&stream, 4) == 0)
				restart(&stream);
		}
		for (size_t i = 0; i < STREAM_BYTES; i++)
			assert_int_equal(stream.count[i], 1);
		ledger_free(stream.ledger);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_in_order, setup, teardown),
		cmocka_unit_test_setup_teardown(test_duplicate_and_overlap, setup, teardown),
		cmocka_unit_test_setup_teardown(test_gap_is_noted_and_closed, setup, teardown),
		cmocka_unit_test_setup_teardown(test_gap_at_the_watermark, setup, teardown),
		cmocka_unit_test_setup_teardown(test_first_block, setup, teardown),
		cmocka_unit_test_setup_teardown(test_given_up_block_changes_nothing, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_sources_and_generations_are_apart, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_fork, setup, teardown),
		cmocka_unit_test_setup_teardown(test_fork_by_the_end, setup, teardown),
		cmocka_unit_test_setup_teardown(test_unknown_hash_compares_with_nothing, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_forks_are_bounded, setup, teardown),
		cmocka_unit_test_setup_teardown(test_gaps_are_bounded, setup, teardown),
		cmocka_unit_test(test_sources_are_bounded),
		cmocka_unit_test_setup_teardown(test_restore, setup, teardown),
		cmocka_unit_test(test_every_byte_once),
		cmocka_unit_test(test_every_byte_once_over_restarts),
		cmocka_unit_test_setup_teardown(test_bad_header, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
