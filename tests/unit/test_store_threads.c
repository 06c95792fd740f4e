/*
 * Queries beside appends, commits, merges and retention.  Run it with
 * SAN=thread as well.
 */
#include "tests/unit/store_fixture.h"
#include <pthread.h>
#include <stdatomic.h>

#define ROWS    30000
#define COMMIT  700
#define READERS 2

struct shared {
	struct store *store;
	atomic_bool over;
	atomic_int wrong;
	atomic_long snapshots;
};

/*
 * Whenever a snapshot is taken it holds the rows 0 … k-1 for some k: none is
 * missing while it moves from memory to a part or from part to part, and none
 * is there twice.
 */
static void *read_on(void *ctx)
{
	struct shared *shared = ctx;
	int64_t before = 0;

	while (!shared->over) {
		struct store_snapshot *snap = NULL;

		if (store_snapshot(shared->store, INT64_MIN, INT64_MAX, &snap) < 0) {
			shared->wrong++;
			break;
		}
		int64_t k = (int64_t)snap->rows;

		if (sum_of_n(snap) != k * (k - 1) / 2 || k < before || snap->ndamages)
			shared->wrong++;
		before = k;
		shared->snapshots++;
		store_snapshot_free(snap);
	}
	return NULL;
}

static void *ask_stats(void *ctx)
{
	struct shared *shared = ctx;
	struct store_stats stats;

	while (!shared->over) {
		store_stats(shared->store, &stats);
		if (stats.rows + stats.memory_rows > ROWS)
			shared->wrong++;
	}
	return NULL;
}

static void snapshots_hold_each_row_once_at_any_time(void **state)
{
	pthread_t readers[READERS], asker;
	struct shared shared = {0};
	struct store_stats stats;
	char dir[SCRATCH_MAX];
	struct err err;

	(void)state;
	scratch_make(dir);
	shared.store = open_store(dir, &(struct store_conf){0});
	for (int i = 0; i < READERS; i++)
		assert_int_equal(pthread_create(&readers[i], NULL, read_on, &shared), 0);
	assert_int_equal(pthread_create(&asker, NULL, ask_stats, &shared), 0);
	for (uint64_t i = 0; i < ROWS; i++) {
		assert_int_equal(append_row(shared.store, i), 0);
		if (i % COMMIT == COMMIT - 1)
			assert_int_equal(commit_at(shared.store, (int64_t)i + 1, &err), 0);
	}
	shared.over = true;
	for (int i = 0; i < READERS; i++)
		pthread_join(readers[i], NULL);
	pthread_join(asker, NULL);
	assert_int_equal(shared.wrong, 0);
	assert_true(shared.snapshots > 0);
	store_stats(shared.store, &stats);
	assert_int_equal(stats.rows + stats.memory_rows, ROWS);
	store_close(shared.store);
	scratch_remove(dir);
}

/* Blocks that fill up go through the encoder's thread while others read them. */
static void full_blocks_are_encoded_beside_readers(void **state)
{
	pthread_t reader;
	struct shared shared = {0};
	char dir[SCRATCH_MAX];
	struct err err;

	(void)state;
	scratch_make(dir);
	shared.store = open_store(dir, &(struct store_conf){0});
	assert_int_equal(pthread_create(&reader, NULL, read_on, &shared), 0);
	for (uint64_t i = 0; i < 2 * ROW_BLOCK_MAX + 100; i++)
		assert_int_equal(append_row(shared.store, i), 0);
	assert_int_equal(commit_at(shared.store, 1, &err), 0);
	shared.over = true;
	pthread_join(reader, NULL);
	assert_int_equal(shared.wrong, 0);
	store_close(shared.store);
	scratch_remove(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(snapshots_hold_each_row_once_at_any_time),
		cmocka_unit_test(full_blocks_are_encoded_beside_readers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
