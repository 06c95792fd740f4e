/* The number of the commit that each row came with: what cursors stand on. */
#include "common/base/clock.h"
#include "tests/unit/store_fixture.h"

#define FIRST_NS (INT64_C(1772366400) * NS_PER_SEC)
#define ROWS_MAX 4096

static char dir[SCRATCH_MAX];
static const struct store_conf quiet = {.no_background = true};

static int setup(void **state)
{
	(void)state;
	scratch_make(dir);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	clock_unfake();
	scratch_remove(dir);
	return 0;
}

static uint64_t number(struct row_block *block, const char *name, uint32_t row, struct arena *arena)
{
	char scratch[64], text[32] = {0};
	struct column column;

	assert_int_equal(block->ops->load(block, span_cstr(name), arena, &column, NULL), 0);
	struct span value = column_text(&column, row, scratch);

	assert_true(value.len < sizeof(text));
	memcpy(text, value.ptr ? value.ptr : "", value.len);
	return strtoull(text, NULL, 10);
}

/* commits[n] = the number of row n, 0 while it has none. */
static void commits_of(struct store *store, uint64_t commits[ROWS_MAX])
{
	struct store_snapshot *snap = all_rows(store);

	memset(commits, 0, ROWS_MAX * sizeof(*commits));
	for (size_t b = 0; b < snap->nblocks; b++) {
		struct row_block *block = snap->blocks[b];

		for (uint32_t row = 0; row < block->nrows; row++) {
			struct arena arena;

			arena_init(&arena, 64 << 20);
			uint64_t n = number(block, "n", row, &arena);

			assert_true(n < ROWS_MAX && commits[n] == 0);
			commits[n] = number(block, "_commit", row, &arena);
			arena_release(&arena);
		}
	}
	store_snapshot_free(snap);
}

static void commit_rows(struct store *store, uint64_t first, uint64_t n)
{
	struct err err;

	for (uint64_t i = 0; i < n; i++)
		assert_int_equal(append_row(store, first + i), 0);
	assert_int_equal(commit_at(store, (int64_t)(first + n), &err), 0);
}

static void rows_in_memory_have_none(void **state)
{
	struct store *store = open_store(dir, &quiet);
	uint64_t commits[ROWS_MAX];

	(void)state;
	commit_rows(store, 0, 10);
	assert_int_equal(append_row(store, 10), 0);
	commits_of(store, commits);
	for (int i = 0; i < 10; i++)
		assert_true(commits[i] > 0 && commits[i] == commits[0]);
	assert_int_equal(commits[10], 0);
	commit_rows(store, 11, 5);
	uint64_t first = commits[0];

	commits_of(store, commits);
	assert_int_equal(commits[9], first);
	assert_true(commits[10] > first);
	assert_int_equal(commits[10], commits[15]);
	store_close(store);
}

/* Also when there are many commits in a tenth of a second, or the clock is set back. */
static void numbers_grow(void **state)
{
	uint64_t commits[ROWS_MAX], last;

	(void)state;
	for (uint64_t round = 0; round < 6; round++) {
		clock_fake(FIRST_NS - (int64_t)round * 86400 * NS_PER_SEC, 0);
		struct store *store = open_store(dir, &quiet);

		for (uint64_t i = round * 20; i < round * 20 + 20; i++) {
			last = store_last_commit(store);
			commit_rows(store, i, 1);
			commits_of(store, commits);
			assert_true(commits[i] > last);
			assert_true(commits[i] <= store_last_commit(store));
		}
		store_close(store);
	}
}

static void merges_keep_them(void **state)
{
	struct store *store = open_store(dir, &quiet);
	uint64_t before[ROWS_MAX], after[ROWS_MAX];
	struct store_stats stats;
	struct err err;

	(void)state;
	for (uint64_t i = 0; i < 40; i++)
		commit_rows(store, i * 100, 100);
	commits_of(store, before);
	while (store_upkeep(store, &err) == 1)
		;
	store_stats(store, &stats);
	assert_true(stats.merges > 0 && stats.parts < 40);
	commits_of(store, after);
	assert_memory_equal(before, after, sizeof(before));
	store_close(store);

	/* As readers of the folder see it. */
	assert_int_equal(store_open(dir, true, &quiet, &store, &err), 0);
	commits_of(store, after);
	assert_memory_equal(before, after, sizeof(before));
	store_close(store);
}

static void it_is_in_no_list_and_not_a_services_to_set(void **state)
{
	struct store *store = open_store(dir, &quiet);
	struct err err;

	(void)state;
	assert_int_equal(append_line(store, "{\"timestamp\":\"2026-03-01T12:00:00Z\",\"message\":"
					    "\"m\",\"_commit\":\"mine\"}"),
			 0);
	for (int committed = 0; committed < 2; committed++) {
		struct store_snapshot *snap = all_rows(store);
		struct row_block *block = snap->blocks[0];
		const struct span *names;
		bool moved = false;
		struct arena arena;
		size_t n;

		arena_init(&arena, 1 << 20);
		assert_int_equal(block->ops->names(block, &arena, &names, &n, &err), 0);
		for (size_t i = 0; i < n; i++) {
			assert_false(span_eq(names[i], SPAN("_commit")));
			moved |= span_eq(names[i], SPAN("fields._commit"));
		}
		assert_true(moved);
		assert_int_equal(number(block, "_commit", 0, &arena) > 0, committed);
		arena_release(&arena);
		store_snapshot_free(snap);
		assert_int_equal(commit_at(store, 1, &err), 0);
	}
	store_close(store);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(rows_in_memory_have_none),
		TEST(numbers_grow),
		TEST(merges_keep_them),
		TEST(it_is_in_no_list_and_not_a_services_to_set),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
