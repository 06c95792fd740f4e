/* Flipped bits, cut files, lost and garbled manifests, a full disk: noticed, and survived. */
#include "aggregator/store/manifest.h"
#include "aggregator/store/part.h"
#include "common/base/cleanup.h"
#include "common/base/io.h"
#include "tests/unit/scratch_dir.h"
#include "tests/unit/store_fixture.h"
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#define ROWS 200

static const struct store_conf quiet = {.no_background = true};

static const char *file(const char *name)
{
	static char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

#define MANIFEST   file("manifest.db")
#define FIRST_PART file("parts/0000000000000001.part")

/* Rows 0 … ROWS - 1 in `parts` parts, with positions. */
static void make_store(int parts)
{
	struct store *store = open_store(dir, &quiet);
	struct err err;

	for (int p = 0; p < parts; p++) {
		struct store_partition partition = {0, (p + 1) * 10};
		struct store_gap gap = {5, 9};
		struct store_source source = {.source = {{9, 9}},
					      .watermark = 1000 + (uint64_t)p,
					      .hash = 77,
					      .gaps = &gap,
					      .ngaps = 1};
		struct store_progress progress = {&partition, 1, &source, 1};

		for (int i = p * ROWS / parts; i < (p + 1) * ROWS / parts; i++)
			assert_int_equal(append_row(store, (uint64_t)i), 0);
		assert_int_equal(store_commit(store, &progress, &err), 0);
	}
	store_close(store);
}

static const int64_t all = (int64_t)ROWS * (ROWS - 1) / 2;

static void flip(const char *path, size_t at, unsigned bit)
{
	_cleanup_close_ int fd = open(path, O_RDWR | O_CLOEXEC);
	unsigned char byte;

	assert_true(fd >= 0);
	assert_int_equal(pread(fd, &byte, 1, (off_t)at), 1);
	byte ^= (unsigned char)(1u << bit);
	assert_int_equal(pwrite(fd, &byte, 1, (off_t)at), 1);
}

static size_t file_size(const char *path)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	return (size_t)st.st_size;
}

/* Everything a part says, read with all checks. */
static int read_part(int dir_fd)
{
	struct part *part;
	int r = part_open(dir_fd, 1, NULL, &part, NULL);

	if (r < 0)
		return r;
	for (size_t i = 0; r == 0 && i < part->ngroups; i++) {
		struct group group = {.source = &part->source, .info = part->groups[i]};

		r = group_verify(&group, false, NULL);
	}
	part_unref(part);
	return r;
}

static void every_flipped_bit_of_a_part_is_noticed(void **state)
{
	_cleanup_close_ int fd = -1;

	(void)state;
	make_store(1);
	fd = open(file("parts"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(read_part(fd), 0);
	size_t size = file_size(FIRST_PART);

	for (size_t at = 0; at < size; at++) {
		for (unsigned bit = 0; bit < 8; bit++) {
			flip(FIRST_PART, at, bit);
			if (read_part(fd) >= 0)
				fail_msg("bit %u of byte %zu went unnoticed", bit, at);
			flip(FIRST_PART, at, bit);
		}
	}
	assert_int_equal(read_part(fd), 0);
}

static void a_part_cut_anywhere_is_noticed(void **state)
{
	_cleanup_close_ int fd = -1;

	(void)state;
	make_store(1);
	fd = open(file("parts"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (size_t size = file_size(FIRST_PART); size-- > 0;) {
		assert_int_equal(truncate(FIRST_PART, (off_t)size), 0);
		assert_true(read_part(fd) < 0);
	}
}

/* Flip a byte in the middle of a chunk: the store opens, the load fails. */
static void a_damaged_column_fails_its_load_and_no_other(void **state)
{
	struct store_snapshot *snap;
	struct store *store;
	int failed = 0;

	(void)state;
	make_store(1);
	flip(FIRST_PART, PART_HEADER_LEN + 2, 3); /* in the first chunk, _time */
	store = open_store(dir, &quiet);
	snap = all_rows(store);
	assert_int_equal(snap->ndamages, 0);
	static const struct span names[] = {{"_time", 5}, {"n", 1}, {"_msg", 4}};

	for (size_t i = 0; i < 3; i++) {
		struct column column;
		struct arena arena;
		struct err err;

		arena_init(&arena, 1 << 24);
		int r = snap->blocks[0]->ops->load(snap->blocks[0], names[i], &arena, &column,
						   &err);

		assert_true(r == 0 || r == -EBADMSG);
		failed += r < 0;
		arena_release(&arena);
	}
	assert_int_equal(failed, 1);
	store_snapshot_free(snap);
	store_close(store);
}

static void count_problem(void *ctx, bool problem, const char *line)
{
	(void)line;
	*(int *)ctx += problem;
}

static void a_damaged_part_is_told_and_the_others_are_read(void **state)
{
	struct store_snapshot *snap;
	struct store *store;
	struct err err;
	int problems = 0;
	size_t n;

	(void)state;
	make_store(4);
	flip(FIRST_PART, file_size(FIRST_PART) - 1, 0);
	store = open_store(dir, &quiet);
	snap = all_rows(store);
	assert_int_equal(snap->ndamages, 1);
	assert_int_equal(snap->damages[0].rows, ROWS / 4);
	assert_true(snap->damages[0].min_time < snap->damages[0].max_time);
	assert_non_null(strstr(snap->damages[0].why.ptr, "checksum"));
	assert_int_equal(snap->rows, ROWS - ROWS / 4);
	store_snapshot_free(snap);
	assert_int_equal(store_snapshot(store, INT64_MAX - 1, INT64_MAX, &snap), 0);
	assert_int_equal(snap->ndamages, 0); /* not in this range */
	store_snapshot_free(snap);
	store_notices(store, &n);
	assert_int_equal(n, 1);
	assert_int_equal(store_upkeep(store, &err), 0); /* no merge touches it */
	store_close(store);
	assert_true(store_fsck(dir, count_problem, &problems, &err) > 0);
	assert_true(problems > 0);
}

static void check_recovered(struct store *store)
{
	const struct store_progress *p = store_progress(store);
	struct store_snapshot *snap = all_rows(store);
	size_t n;

	assert_int_equal(snap->rows, ROWS);
	assert_int_equal(sum_of_n(snap), all);
	store_snapshot_free(snap);
	assert_int_equal(p->npartitions, 1);
	assert_int_equal(p->partitions[0].next_offset, 40);
	assert_int_equal(p->nsources, 1);
	assert_int_equal(p->sources[0].watermark, 1003);
	assert_int_equal(p->sources[0].ngaps, 1);
	const struct span *notices = store_notices(store, &n);

	assert_true(n >= 1);
	assert_non_null(memmem(notices[0].ptr, notices[0].len, "rebuilt", 7));
}

/* After what `spoil` did to the manifest, reader and writer come back with everything. */
static void check_rebuilt(void (*spoil)(void))
{
	struct store *store;
	struct err err;
	size_t n;

	make_store(4);
	spoil();
	assert_int_equal(store_open(dir, true, &quiet, &store, &err), 0);
	check_recovered(store);
	store_close(store);
	store = open_store(dir, &quiet);
	check_recovered(store);
	store_close(store);
	store = open_store(dir, &quiet); /* and now it is written down */
	store_notices(store, &n);
	assert_int_equal(n, 0);
	store_close(store);
	int problems = 0;

	assert_int_equal(store_fsck(dir, count_problem, &problems, &err), 0);
}

static void garble(void)
{
	_cleanup_close_ int fd = open(MANIFEST, O_RDWR | O_CLOEXEC);
	char noise[5000];

	memset(noise, 'x', sizeof(noise));
	assert_int_equal(pwrite(fd, noise, sizeof(noise), 0), (ssize_t)sizeof(noise));
}

static void change_a_row(void)
{
	_cleanup_(buf_release) struct buf bytes = BUF_INIT(1 << 20);

	assert_int_equal(io_read_file(MANIFEST, &bytes, NULL), 0);
	char *at = memmem(bytes.ptr, bytes.len, "\x09\x09\0\0\0\0\0\0\0\0\0\0", 12);

	assert_non_null(at);
	flip(MANIFEST, (size_t)(at - bytes.ptr) + 4, 2);
}

static void lose(void)
{
	assert_int_equal(unlink(MANIFEST), 0);
}

static void empty(void)
{
	assert_int_equal(truncate(MANIFEST, 0), 0);
}

static void half(void)
{
	assert_int_equal(truncate(MANIFEST, (off_t)file_size(MANIFEST) / 2), 0);
}

static void a_garbled_manifest_is_rebuilt(void **state)
{
	(void)state;
	check_rebuilt(garble);
}

static void a_changed_row_of_the_manifest_is_noticed(void **state)
{
	(void)state;
	check_rebuilt(change_a_row);
}

static void a_lost_manifest_is_rebuilt(void **state)
{
	(void)state;
	check_rebuilt(lose);
}

static void an_empty_manifest_is_rebuilt(void **state)
{
	(void)state;
	check_rebuilt(empty);
}

static void half_a_manifest_is_rebuilt(void **state)
{
	(void)state;
	check_rebuilt(half);
}

/* A manifest that can't be looked at is not lost: nothing is made in its place. */
static void a_manifest_out_of_reach_is_left_alone(void **state)
{
	struct store *store = NULL;
	char kept[PATH_MAX];
	struct err err;

	(void)state;
	make_store(2);
	snprintf(kept, sizeof(kept), "%s/kept", dir);
	assert_int_equal(rename(MANIFEST, kept), 0);
	assert_int_equal(symlink("manifest.db", MANIFEST), 0); /* points at itself */
	assert_int_equal(store_open(dir, false, &quiet, &store, &err), -ELOOP);
	assert_non_null(strstr(err.text, "manifest.db"));
	assert_int_equal(rename(kept, MANIFEST), 0);
	store = open_store(dir, &quiet);
	assert_int_equal(store_progress(store)->sources[0].watermark, 1001);
	store_close(store);
}

/* What must be the same after a flip that went unnoticed: it was in bytes without meaning. */
static bool same_state(const struct manifest_state *s)
{
	const struct store_progress *p = &s->progress.all;

	return s->parts.len == 4 && s->parts.ptr[0].rows == ROWS / 4 && p->npartitions == 1 &&
	       p->partitions[0].next_offset == 40 && p->nsources == 1 &&
	       p->sources[0].watermark == 1003 && p->sources[0].ngaps == 1;
}

static void a_flipped_bit_of_the_manifest_is_noticed_or_harmless(void **state)
{
	_cleanup_(buf_release) struct buf bytes = BUF_INIT(1 << 20);
	uint64_t seed = 1;
	size_t noticed = 0;

	(void)state;
	make_store(4);
	assert_int_equal(io_read_file(MANIFEST, &bytes, NULL), 0);
	for (size_t at = 0; at < bytes.len; at++) {
		/* Most of the file is free space: zeros. */
		if (bytes.ptr[at] == 0 && next_random(&seed) % 64)
			continue;
		_cleanup_(manifest_state_release) struct manifest_state found;
		struct manifest *manifest = NULL;
		struct err err;
		unsigned bit = next_random(&seed) % 8;

		manifest_state_init(&found);
		flip(MANIFEST, at, bit);
		int r = manifest_open(MANIFEST, true, &manifest, &err);

		r = r < 0 ? r : manifest_load(manifest, &found, &err);
		manifest_close(manifest);
		noticed += r < 0;
		if (r == 0 && !same_state(&found))
			fail_msg("bit %u of byte %zu: a wrong state was believed", bit, at);
		flip(MANIFEST, at, bit);
	}
	assert_true(noticed > 100);
}

static void orphans_of_a_crash_are_removed(void **state)
{
	struct store *store;

	(void)state;
	make_store(2);
	assert_int_equal(io_replace_file(file("parts/0000000000000063.part"), SPAN("half a part"),
					 0600, NULL),
			 0);
	store = open_store(dir, &quiet);
	assert_int_equal(access(file("parts/0000000000000063.part"), F_OK), -1);
	struct store_snapshot *snap = all_rows(store);

	assert_int_equal(sum_of_n(snap), all);
	store_snapshot_free(snap);
	store_close(store);
}

/*
 * With a limit on the size of files a commit fails as on a full disk; with
 * the limit gone the same rows are committed.
 */
static void a_full_disk_fails_the_commit_and_keeps_the_rows(void **state)
{
	struct store *store = open_store(dir, &quiet);
	struct rlimit old, limit;
	struct store_snapshot *snap;
	struct err err = {0};
	int r;

	(void)state;
	for (uint64_t i = 0; i < ROWS; i++)
		assert_int_equal(append_row(store, i), 0);
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	for (rlim_t size = 0; size < 40000; size += 1500) {
		limit = (struct rlimit){size, old.rlim_max};
		assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
		r = commit_at(store, 40, &err);
		assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
		snap = all_rows(store);
		assert_int_equal(sum_of_n(snap), all);
		store_snapshot_free(snap);
		if (r == 0)
			break;
		assert_true(err.text[0] != 0);
		assert_int_equal(store_progress(store)->npartitions, 0);
	}
	if (r < 0)
		r = commit_at(store, 40, &err);
	assert_int_equal(r, 0);
	store_close(store);
	store = open_store(dir, &quiet);
	snap = all_rows(store);
	assert_int_equal(sum_of_n(snap), all);
	store_snapshot_free(snap);
	store_close(store);
	int problems = 0;

	assert_int_equal(store_fsck(dir, count_problem, &problems, &err), 0);
}

static void the_space_to_keep_free_is_kept(void **state)
{
	struct store_conf conf = {.no_background = true, .free_bytes = UINT64_MAX / 2};
	struct store *store = open_store(dir, &conf);
	struct err err;

	(void)state;
	assert_int_equal(append_row(store, 1), 0);
	assert_int_equal(commit_at(store, 1, &err), -ENOSPC);
	assert_non_null(strstr(err.text, "free"));
	store_close(store);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
		TEST(every_flipped_bit_of_a_part_is_noticed),
		TEST(a_part_cut_anywhere_is_noticed),
		TEST(a_damaged_column_fails_its_load_and_no_other),
		TEST(a_damaged_part_is_told_and_the_others_are_read),
		TEST(a_garbled_manifest_is_rebuilt),
		TEST(a_changed_row_of_the_manifest_is_noticed),
		TEST(a_lost_manifest_is_rebuilt),
		TEST(an_empty_manifest_is_rebuilt),
		TEST(half_a_manifest_is_rebuilt),
		TEST(a_manifest_out_of_reach_is_left_alone),
		TEST(a_flipped_bit_of_the_manifest_is_noticed_or_harmless),
		TEST(orphans_of_a_crash_are_removed),
		TEST(a_full_disk_fails_the_commit_and_keeps_the_rows),
		TEST(the_space_to_keep_free_is_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
