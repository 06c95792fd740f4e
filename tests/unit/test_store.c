/* The store as its callers see it: rows, commits, snapshots, merges. */
#include "common/base/cleanup.h"
#include "common/base/clock.h"
#include "tests/unit/scratch_dir.h"
#include "tests/unit/store_fixture.h"

static const struct store_conf quiet = {.no_background = true};

static void assert_field(struct row_block *block, const char *name, uint32_t row,
			 const char *expected)
{
	char scratch[64];
	struct column column;
	struct arena arena;
	struct err err;

	arena_init(&arena, 64 << 20);
	assert_int_equal(block->ops->load(block, span_cstr(name), &arena, &column, &err), 0);
	assert_int_equal(column_make(&column, &arena), 0);
	struct span text = column_text(&column, row, scratch);

	if (!span_eq(text, span_cstr(expected)))
		fail_msg("%s of row %u is \"%.*s\", not \"%s\"", name, row, SPAN_FMT(text),
			 expected);
	arena_release(&arena);
}

static void check_fields(struct store *store)
{
	struct store_snapshot *snap = all_rows(store);

	assert_int_equal(snap->nblocks, 1);
	assert_int_equal(snap->rows, 2);
	struct row_block *block = snap->blocks[0];

	assert_field(block, "_time", 0, "2026-03-01T12:00:00.005306000Z");
	assert_field(block, "_msg", 0, "declined");
	assert_field(block, "http.status", 0, "402");
	assert_field(block, "http.path", 0, "/pay");
	assert_field(block, "log.offset", 0, "17");
	assert_field(block, "tags", 0, "[1,\"a\"]");
	assert_field(block, "_stream", 0, "{service=\"t\"}");
	assert_field(block, "http.status", 1, "");
	assert_field(block, "nothing", 0, "");
	assert_field(block, "fields._time", 1, "mine");
	assert_field(block, "null", 0, "");
	store_snapshot_free(snap);
}

static void rows_are_visible_at_once_and_the_same_after_a_commit(void **state)
{
	struct store *store = open_store(dir, &quiet);
	struct err err;

	(void)state;
	assert_int_equal(append_line(store, "{\"timestamp\":\"2026-03-01T12:00:00.005306Z\","
					    "\"message\":\"declined\",\"http\":{\"status\":402,"
					    "\"path\":\"/pay\"},\"tags\":[1,\"a\"],\"null\":null,"
					    "\"log\":{\"offset\":17}}"),
			 0);
	assert_int_equal(append_line(store, "{\"timestamp\":\"2026-03-01T12:00:01Z\","
					    "\"message\":\"ok\",\"_time\":\"mine\"}"),
			 0);
	check_fields(store);
	assert_int_equal(commit_at(store, 1, &err), 0);
	check_fields(store);
	store_close(store);
	store = open_store(dir, &quiet);
	check_fields(store);
	store_close(store);
}

static void positions_come_back(void **state)
{
	struct store *store = open_store(dir, &quiet);
	struct store_gap gaps[] = {{10, 20}, {30, 35}};
	struct store_source source = {.source = {{1, 2, 3}},
				      .generation = 7,
				      .watermark = 1234,
				      .hash = UINT64_MAX - 1,
				      .gaps = gaps,
				      .ngaps = 2,
				      .seen_ns = 99};
	struct store_partition partitions[] = {{0, 5}, {3, 8}};
	struct store_progress progress = {partitions, 2, &source, 1};
	struct err err;

	(void)state;
	assert_int_equal(store_commit(store, &progress, &err), 0);
	assert_int_equal(append_row(store, 1), 0);
	source.watermark = 2000;
	progress.partitions[0].next_offset = 6;
	assert_int_equal(store_commit(store, &progress, &err), 0);
	uint64_t epoch = store_epoch(store);

	for (int again = 0; again < 2; again++) {
		const struct store_progress *p = store_progress(store);

		assert_int_equal(p->npartitions, 2);
		assert_int_equal(p->partitions[0].next_offset, 6);
		assert_int_equal(p->partitions[1].partition, 3);
		assert_int_equal(p->partitions[1].next_offset, 8);
		assert_int_equal(p->nsources, 1);
		assert_int_equal(p->sources[0].watermark, 2000);
		assert_int_equal(p->sources[0].generation, 7);
		assert_true(p->sources[0].hash == UINT64_MAX - 1);
		assert_int_equal(p->sources[0].ngaps, 2);
		assert_int_equal(p->sources[0].gaps[1].start, 30);
		store_close(store);
		store = open_store(dir, &quiet);
		assert_true(store_epoch(store) > epoch);
	}
	store_close(store);
}

/* The sources that a store holds, as a set of bits. */
static unsigned sources_of(const struct store *store)
{
	const struct store_progress *p = store_progress(store);
	unsigned bits = 0;

	for (size_t i = 0; i < p->nsources; i++) {
		assert_int_equal(p->sources[i].watermark, 100 + p->sources[i].source.bytes[0]);
		bits |= 1u << p->sources[i].source.bytes[0];
	}
	return bits;
}

static void put_source(struct store *store, uint8_t name, bool forgotten)
{
	struct store_source source = {
		.source = {{name}}, .watermark = 100 + name, .forgotten = forgotten};
	struct store_progress progress = {.sources = &source, .nsources = 1};

	assert_int_equal(store_commit(store, &progress, NULL), 0);
}

static void forgotten_sources_are_gone(void **state)
{
	struct store *store = open_store(dir, &quiet);

	(void)state;
	for (uint8_t i = 0; i < 5; i++)
		put_source(store, i, false);
	put_source(store, 1, true);
	put_source(store, 1, true);
	put_source(store, 4, true);
	assert_int_equal(sources_of(store), 1 << 0 | 1 << 2 | 1 << 3);
	put_source(store, 7, false);
	put_source(store, 1, false);
	put_source(store, 7, false);
	for (int again = 0; again < 2; again++) {
		assert_int_equal(sources_of(store), 1 << 0 | 1 << 1 | 1 << 2 | 1 << 3 | 1 << 7);
		store_close(store);
		store = open_store(dir, &quiet);
	}
	store_close(store);
}

static void a_second_writer_is_refused(void **state)
{
	struct store *store = open_store(dir, &quiet), *other = NULL;
	struct err err;

	(void)state;
	assert_int_equal(store_open(dir, false, &quiet, &other, &err), -EAGAIN);
	assert_null(other);
	assert_int_equal(store_open(dir, true, &quiet, &other, &err), 0);
	store_close(other);
	store_close(store);
}

static void a_store_of_another_origin_is_refused(void **state)
{
	struct store_conf conf = {.no_background = true, .origin = SPAN("dir:///a")};
	struct store *store = open_store(dir, &conf), *other = NULL;
	struct err err;

	(void)state;
	store_close(store);
	conf.origin = SPAN("dir:///b");
	assert_int_equal(store_open(dir, false, &conf, &other, &err), -EINVAL);
	assert_non_null(strstr(err.text, "dir:///a"));
	conf.origin = (struct span){0};
	store_close(open_store(dir, &conf));
}

static void a_reader_sees_commits_of_a_running_writer(void **state)
{
	struct store *store = open_store(dir, &quiet), *reader = NULL;
	struct store_snapshot *snap;
	struct err err;

	(void)state;
	assert_int_equal(append_row(store, 1), 0);
	assert_int_equal(store_open(dir, true, &quiet, &reader, &err), 0);
	snap = all_rows(reader);
	assert_int_equal(snap->rows, 0);
	assert_int_equal(commit_at(store, 1, &err), 0);
	assert_int_equal(store_refresh(reader, &err), 0);
	store_snapshot_free(snap);
	snap = all_rows(reader);
	assert_int_equal(snap->rows, 1);
	store_snapshot_free(snap);
	store_close(reader);
	store_close(store);
}

/* `n` rows in parts of `each`. */
static int64_t fill(struct store *store, uint64_t n, uint64_t each)
{
	struct err err;
	int64_t sum = 0;

	for (uint64_t i = 0; i < n; i++) {
		assert_int_equal(append_row(store, i), 0);
		sum += (int64_t)i;
		if (i % each == each - 1)
			assert_int_equal(commit_at(store, (int64_t)i + 1, &err), 0);
	}
	return sum;
}

static void merges_keep_every_row_and_old_snapshots(void **state)
{
	struct store *store = open_store(dir, &quiet);
	int64_t sum = fill(store, 2000, 100);
	struct store_snapshot *before = all_rows(store), *after;
	struct store_stats stats;
	struct err err;
	int r;

	(void)state;
	while ((r = store_upkeep(store, &err)) > 0)
		;
	assert_int_equal(r, 0);
	store_stats(store, &stats);
	assert_true(stats.merges > 0 && stats.parts < 6);
	assert_int_equal(stats.rows, 2000);
	after = all_rows(store);
	assert_int_equal(sum_of_n(before), sum);
	assert_int_equal(sum_of_n(after), sum);
	store_snapshot_free(before);
	store_snapshot_free(after);
	store_close(store);
	store = open_store(dir, &quiet);
	after = all_rows(store);
	assert_int_equal(sum_of_n(after), sum);
	store_snapshot_free(after);
	store_close(store);
}

static void no_finding(void *ctx, bool problem, const char *line)
{
	(void)ctx;
	if (problem)
		fail_msg("fsck: %s", line);
}

static void fsck_finds_nothing_in_a_sound_store(void **state)
{
	struct store *store = open_store(dir, &quiet);
	struct err err;

	(void)state;
	fill(store, 1000, 50);
	assert_int_equal(commit_at(store, 1010, &err), 0); /* no rows: the offsets move alone */
	assert_int_equal(append_row(store, 5), 0);
	assert_int_equal(commit_at(store, 1020, &err), 0);
	assert_int_equal(store_fsck(dir, no_finding, NULL, &err), 0);
	while (store_upkeep(store, &err) > 0)
		;
	assert_int_equal(store_fsck(dir, no_finding, NULL, &err), 0);
	store_close(store);
}

static void retention_by_size_removes_the_oldest(void **state)
{
	struct store_conf conf = {.no_background = true, .retention_bytes = 6000};
	struct store *store = open_store(dir, &conf);
	struct store_stats stats;
	struct err err;

	(void)state;
	fill(store, 1000, 100);
	while (store_upkeep(store, &err) > 0)
		;
	store_stats(store, &stats);
	assert_true(stats.disk_bytes <= 6000);
	assert_true(stats.expired_parts > 0);
	assert_true(stats.max_time > stats.min_time);
	assert_int_equal(store_fsck(dir, no_finding, NULL, &err), 0);
	store_close(store);
}

/* 2026-03-01T00:00:00Z, where append_row() begins. */
#define FIRST_NS (INT64_C(1772323200) * NS_PER_SEC)

static void retention_by_age_goes_by_the_newest_row(void **state)
{
	struct store_conf conf = {.no_background = true, .retention_age_ns = 3600 * NS_PER_SEC};
	struct store *store = open_store(dir, &conf);
	struct store_stats stats;
	struct err err;

	(void)state;
	clock_fake(FIRST_NS + 3600 * NS_PER_SEC, 0);
	fill(store, 1000, 100); /* the first part's newest row is of second 99 */
	assert_int_equal(store_upkeep(store, &err), 1);
	store_stats(store, &stats);
	assert_int_equal(stats.expired_parts, 0); /* that was a merge */
	clock_fake(FIRST_NS + (3600 + 1000) * NS_PER_SEC, 0);
	while (store_upkeep(store, &err) > 0)
		;
	store_stats(store, &stats);
	assert_true(stats.expired_parts > 0);
	assert_int_equal(stats.rows, 0);
	clock_unfake();
	assert_int_equal(store_fsck(dir, no_finding, NULL, &err), 0);
	store_close(store);
}

static void parts_that_settled_are_merged_for_good(void **state)
{
	struct store_stats stats;
	struct err err;

	(void)state;
	clock_fake(FIRST_NS, 0);
	struct store *store = open_store(dir, &quiet);
	int64_t sum = fill(store, 200, 100);

	assert_int_equal(store_upkeep(store, &err), 0);
	clock_fake(FIRST_NS + 2 * 3600 * NS_PER_SEC, 0);
	assert_int_equal(store_upkeep(store, &err), 1);
	assert_int_equal(store_upkeep(store, &err), 0);
	clock_unfake();
	store_stats(store, &stats);
	assert_int_equal(stats.parts, 1);
	struct store_snapshot *snap = all_rows(store);

	assert_int_equal(sum_of_n(snap), sum);
	store_snapshot_free(snap);
	store_close(store);
}

static void more_rows_than_a_block_and_background_threads(void **state)
{
	struct store *store = open_store(dir, &(struct store_conf){.commit_rows = 1 << 30});
	struct store_snapshot *snap;
	int64_t sum = 0;
	struct err err;

	(void)state;
	for (uint64_t i = 0; i < 150000; i++) {
		assert_int_equal(append_row(store, i), 0);
		sum += (int64_t)i;
	}
	snap = all_rows(store);
	assert_int_equal(snap->rows, 150000);
	assert_int_equal(sum_of_n(snap), sum);
	assert_int_equal(commit_at(store, 150000, &err), 0);
	assert_int_equal(sum_of_n(snap), sum);
	store_snapshot_free(snap);
	snap = all_rows(store);
	assert_int_equal(snap->rows, 150000);
	assert_int_equal(sum_of_n(snap), sum);
	store_snapshot_free(snap);
	store_close(store);
}

static void uncommitted_rows_are_gone_after_close(void **state)
{
	struct store *store = open_store(dir, &quiet);
	struct store_stats stats;
	struct err err;

	(void)state;
	assert_int_equal(append_row(store, 1), 0);
	assert_int_equal(commit_at(store, 1, &err), 0);
	assert_int_equal(append_row(store, 2), 0);
	store_close(store);
	store = open_store(dir, &quiet);
	store_stats(store, &stats);
	assert_int_equal(stats.rows, 1);
	store_close(store);
}

/* A row of more fields than a group has columns keeps them all. */
static void fields_beyond_the_cap_are_found(void **state)
{
	struct store *store = open_store(dir, &quiet);
	struct err err;

	(void)state;
	for (int row = 0; row < 3; row++) {
		_cleanup_(buf_release) struct buf line = BUF_INIT(1 << 20);

		buf_printf(&line, "{\"timestamp\":\"2026-03-01T12:00:0%dZ\"", row);
		for (int i = 0; i < 600; i++)
			buf_printf(&line, ",\"f%d\":\"v %d \\\"%d\"", row * 600 + i, row, i);
		buf_putc(&line, '}');
		assert_int_equal(append_line(store, buf_cstr(&line)), 0);
	}
	for (int again = 0; again < 2; again++) {
		struct store_snapshot *snap = all_rows(store);

		assert_field(snap->blocks[0], "f7", 0, "v 0 \"7");
		assert_field(snap->blocks[0], "f999", 1, "v 1 \"399");
		assert_field(snap->blocks[0], "f1799", 2, "v 2 \"599");
		assert_field(snap->blocks[0], "f1799", 1, "");
		assert_field(snap->blocks[0], "f1800", 1, "");
		store_snapshot_free(snap);
		assert_int_equal(commit_at(store, 1, &err), 0);
	}
	store_close(store);
}

/* {"name…name":{"a":1,"a":1,…}}: names that outgrow any memory are refused, the store goes on. */
static void names_without_end_are_refused(void **state)
{
	_cleanup_(buf_release) struct buf line = BUF_INIT(1 << 20);
	struct store *store = open_store(dir, &quiet);

	(void)state;
	buf_puts(&line, SPAN("{\"message\":\"m\",\""));
	for (int i = 0; i < 100000; i++)
		buf_putc(&line, 'n');
	buf_puts(&line, SPAN("\":{\"a\":1"));
	for (int i = 0; i < 5000; i++)
		buf_puts(&line, SPAN(",\"a\":1"));
	buf_puts(&line, SPAN("}}"));
	assert_int_equal(append_line(store, buf_cstr(&line)), -EMSGSIZE);
	assert_int_equal(append_row(store, 1), 0);
	store_close(store);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
		TEST(rows_are_visible_at_once_and_the_same_after_a_commit),
		TEST(positions_come_back),
		TEST(forgotten_sources_are_gone),
		TEST(a_second_writer_is_refused),
		TEST(a_store_of_another_origin_is_refused),
		TEST(a_reader_sees_commits_of_a_running_writer),
		TEST(merges_keep_every_row_and_old_snapshots),
		TEST(fsck_finds_nothing_in_a_sound_store),
		TEST(retention_by_size_removes_the_oldest),
		TEST(retention_by_age_goes_by_the_newest_row),
		TEST(parts_that_settled_are_merged_for_good),
		TEST(more_rows_than_a_block_and_background_threads),
		TEST(uncommitted_rows_are_gone_after_close),
		TEST(fields_beyond_the_cap_are_found),
		TEST(names_without_end_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
