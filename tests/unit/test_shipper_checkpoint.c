/* What outlives a crash: rows come back as they were, or are missed loudly. */
#include "common/base/clock.h"
#include "common/base/io.h"
#include "common/base/log.h"
#include "shipper/checkpoint.h"
#include "tests/unit/scratch.h"
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/stat.h>

#include <cmocka.h>

#define ROWS 20

static int setup(void **state)
{
	char *dir = calloc(1, SCRATCH_MAX);

	scratch_make(dir);
	log_init("test", 0); /* damage is said on stderr; not here */
	*state = dir;
	return 0;
}

static int teardown(void **state)
{
	scratch_remove(*state);
	free(*state);
	return 0;
}

static struct checkpoint_row row_of(unsigned n)
{
	struct checkpoint_row row = {
		.key = {{(uint8_t)n, 7}},
		.ino = n,
		.birth_ns = 1000 + n,
		.seen_ns = 2000 + n,
		.truncations = n % 3,
		.partition = n % 4,
	};

	mark_init(&row.mark);
	for (unsigned i = 0; i < 10 * n; i++)
		XXH64_update(&row.mark.hash, "abc", 3);
	row.mark.offset = 30 * n;
	row.mark.sent_end = 30 * n - n;
	row.mark.tail = n * UINT64_C(0x9e3779b97f4a7c15);
	row.mark.flags = n & 7;
	snprintf(row.path, sizeof(row.path), "/var/log/%u.log", n);
	return row;
}

static void assert_row(const struct checkpoint_row *got, unsigned n)
{
	struct checkpoint_row want = row_of(n);

	assert_memory_equal(&got->key, &want.key, sizeof(want.key));
	assert_int_equal(got->ino, want.ino);
	assert_int_equal(got->birth_ns, want.birth_ns);
	assert_int_equal(got->seen_ns, want.seen_ns);
	assert_int_equal(got->truncations, want.truncations);
	assert_int_equal(got->partition, want.partition);
	assert_int_equal(got->mark.offset, want.mark.offset);
	assert_int_equal(got->mark.sent_end, want.mark.sent_end);
	assert_true(got->mark.tail == want.mark.tail);
	assert_int_equal(got->mark.flags, want.mark.flags);
	assert_true(XXH64_digest(&got->mark.hash) == XXH64_digest(&want.mark.hash));
	assert_string_equal(got->path, want.path);
}

static struct checkpoint *open_in(const char *dir)
{
	struct checkpoint *cp = NULL;
	struct err err = {.text = ""};

	if (checkpoint_open(dir, &cp, &err) < 0)
		fail_msg("%s", err.text);
	return cp;
}

static void put_rows(struct checkpoint *cp, unsigned from, unsigned to)
{
	assert_int_equal(checkpoint_begin(cp), 0);
	for (unsigned n = from; n < to; n++) {
		struct checkpoint_row row = row_of(n);

		assert_int_equal(checkpoint_put(cp, &row), 0);
	}
	assert_int_equal(checkpoint_commit(cp), 0);
}

static void test_rows_come_back(void **state)
{
	struct checkpoint *cp = open_in(*state);
	struct checkpoint_row row;

	assert_false(checkpoint_was_lost(cp));
	put_rows(cp, 1, ROWS);
	put_rows(cp, 1, ROWS); /* again: replaced, not added */
	checkpoint_close(cp);
	cp = open_in(*state);
	for (unsigned n = 1; n < ROWS; n++) {
		struct checkpoint_row want = row_of(n);

		assert_int_equal(checkpoint_get(cp, &want.key, &row), 1);
		assert_row(&row, n);
	}
	struct source_id unknown = {{200}};

	assert_int_equal(checkpoint_get(cp, &unknown, &row), 0);
	checkpoint_close(cp);
}

static int count(void *ctx, const struct checkpoint_row *row)
{
	(void)row;
	++*(int *)ctx;
	return 0;
}

static void test_delete_expire_abort(void **state)
{
	struct checkpoint *cp = open_in(*state);
	struct checkpoint_row row = row_of(3);
	int rows = 0;

	put_rows(cp, 1, 11);
	assert_int_equal(checkpoint_begin(cp), 0);
	assert_int_equal(checkpoint_delete(cp, &row.key), 0);
	checkpoint_abort(cp);
	assert_int_equal(checkpoint_get(cp, &row.key, &row), 1);
	assert_int_equal(checkpoint_begin(cp), 0);
	assert_int_equal(checkpoint_delete(cp, &row.key), 0);
	assert_int_equal(checkpoint_commit(cp), 0);
	assert_int_equal(checkpoint_expire(cp, 2006), 0); /* seen_ns is 2000 + n */
	assert_int_equal(checkpoint_each(cp, count, &rows), 0);
	assert_int_equal(rows, 5);
	checkpoint_close(cp);
}

static void test_one_shipper_a_directory(void **state)
{
	struct checkpoint *cp = open_in(*state), *second = NULL;
	struct err err;

	assert_int_equal(checkpoint_open(*state, &second, &err), -EAGAIN);
	assert_non_null(strstr(err.text, "in use by another shipper"));
	checkpoint_close(cp);
	checkpoint_close(open_in(*state));
}

static void test_truncations_outlive_the_database(void **state)
{
	struct source_id a = {{1}}, b = {{2}};
	struct checkpoint *cp = open_in(*state);
	char path[SCRATCH_MAX + 32];

	assert_int_equal(checkpoint_truncations(cp, &a), 0);
	assert_int_equal(checkpoint_truncated(cp, &a, 1), 0);
	assert_int_equal(checkpoint_truncated(cp, &b, 1), 0);
	assert_int_equal(checkpoint_truncated(cp, &a, 2), 0);
	checkpoint_close(cp);
	snprintf(path, sizeof(path), "%s/checkpoint.db", (char *)*state);
	assert_int_equal(unlink(path), 0);
	cp = open_in(*state);
	assert_true(checkpoint_was_lost(cp));
	assert_int_equal(checkpoint_truncations(cp, &a), 2);
	assert_int_equal(checkpoint_truncations(cp, &b), 1);
	checkpoint_close(cp);
}

/* Cut and garble the journal at every byte: never a wrong count, never a crash. */
static void test_journal_cut_and_garbled(void **state)
{
	struct source_id keys[3] = {{{1}}, {{2}}, {{3}}};
	struct checkpoint *cp = open_in(*state);
	struct buf text = BUF_INIT(4096);
	char path[SCRATCH_MAX + 32];

	for (int i = 0; i < 3; i++)
		assert_int_equal(checkpoint_truncated(cp, &keys[i], 5), 0);
	checkpoint_close(cp);
	snprintf(path, sizeof(path), "%s/truncations", (char *)*state);
	assert_int_equal(io_read_file(path, &text, NULL), 0);
	for (size_t at = 0; at < text.len; at += 3) {
		struct span cut = span_take(buf_span(&text), at);
		unsigned right = 0;

		assert_int_equal(io_replace_file(path, cut, 0600, NULL), 0);
		cp = open_in(*state);
		assert_int_equal(checkpoint_truncated(cp, &keys[0], 6), 0);
		checkpoint_close(cp);
		cp = open_in(*state);
		assert_int_equal(checkpoint_truncations(cp, &keys[0]), 6);
		checkpoint_close(cp);

		text.ptr[at] ^= 0x21;
		assert_int_equal(io_replace_file(path, buf_span(&text), 0600, NULL), 0);
		text.ptr[at] ^= 0x21;
		cp = open_in(*state);
		for (int i = 0; i < 3; i++) {
			uint32_t n = checkpoint_truncations(cp, &keys[i]);

			assert_true(n == 5 || n == 0);
			right += n == 5;
		}
		assert_true(right >= 1);
		checkpoint_close(cp);
	}
	buf_release(&text);
}

/* Every row that is found is right; the database opens, or is set aside. */
static unsigned survivors(const char *dir)
{
	struct checkpoint *cp = open_in(dir);
	unsigned found = 0;

	for (unsigned n = 1; n < ROWS; n++) {
		struct checkpoint_row want = row_of(n), row;

		if (checkpoint_get(cp, &want.key, &row) == 1) {
			assert_row(&row, n);
			found++;
		}
	}
	if (found < ROWS - 1)
		assert_true(checkpoint_was_lost(cp));
	put_rows(cp, 1, ROWS); /* and it works */
	checkpoint_close(cp);
	return found;
}

static void test_garbled_at_many_bytes(void **state)
{
	struct checkpoint *cp = open_in(*state);
	struct buf good = BUF_INIT(4 << 20);
	char path[SCRATCH_MAX + 32];
	unsigned lost = 0, seed = 3;

	put_rows(cp, 1, ROWS);
	checkpoint_close(cp);
	snprintf(path, sizeof(path), "%s/checkpoint.db", (char *)*state);
	assert_int_equal(io_read_file(path, &good, NULL), 0);
	assert_true(good.len >= 8192);
	for (size_t at = 0; at < good.len; at += at < 128 ? 1 : 1 + (size_t)rand_r(&seed) % 150) {
		char old = good.ptr[at];

		good.ptr[at] = (char)(old ^ (1 + rand_r(&seed) % 255));
		assert_int_equal(io_replace_file(path, buf_span(&good), 0600, NULL), 0);
		good.ptr[at] = old;
		lost += survivors(*state) < ROWS - 1;
	}
	assert_true(lost > 0);
	for (size_t len = 0; len < good.len; len += 1 + (size_t)rand_r(&seed) % 500) {
		assert_int_equal(io_replace_file(path, span_take(buf_span(&good), len), 0600, NULL),
				 0);
		survivors(*state);
	}
	assert_int_equal(io_replace_file(path, buf_span(&good), 0600, NULL), 0);
	memset(good.ptr + 4096, 0, 4096);
	assert_int_equal(io_replace_file(path, buf_span(&good), 0600, NULL), 0);
	assert_int_equal(survivors(*state), 0);
	buf_release(&good);
}

/* A kill leaves a write-ahead log behind; cut at any byte it gives an older state. */
static void test_garbled_log(void **state)
{
	struct checkpoint *cp = open_in(*state);
	struct buf db = BUF_INIT(4 << 20), wal = BUF_INIT(4 << 20);
	char path[SCRATCH_MAX + 32], wal_path[SCRATCH_MAX + 32];
	unsigned seed = 5;

	put_rows(cp, 1, ROWS / 2);
	put_rows(cp, ROWS / 2, ROWS);
	snprintf(path, sizeof(path), "%s/checkpoint.db", (char *)*state);
	snprintf(wal_path, sizeof(wal_path), "%s/checkpoint.db-wal", (char *)*state);
	assert_int_equal(io_read_file(path, &db, NULL), 0);
	assert_int_equal(io_read_file(wal_path, &wal, NULL), 0);
	checkpoint_close(cp);
	for (size_t at = 0; at < wal.len; at += 1 + (size_t)rand_r(&seed) % 400) {
		struct checkpoint_row row, want = row_of(1);

		unlink(wal_path);
		assert_int_equal(io_replace_file(path, buf_span(&db), 0600, NULL), 0);
		assert_int_equal(
			io_replace_file(wal_path, span_take(buf_span(&wal), at), 0600, NULL), 0);
		cp = open_in(*state);
		int r = checkpoint_get(cp, &want.key, &row);

		assert_true(r == 0 || r == 1);
		if (r == 1)
			assert_row(&row, 1);
		checkpoint_close(cp);
	}
	buf_release(&db);
	buf_release(&wal);
}

static void test_unusable_directory(void **state)
{
	struct checkpoint *cp = NULL;
	struct err err;
	char path[SCRATCH_MAX + 32];

	snprintf(path, sizeof(path), "%s/file", (char *)*state);
	assert_int_equal(io_replace_file(path, SPAN("x"), 0600, NULL), 0);
	assert_true(checkpoint_open(path, &cp, &err) < 0);
	assert_true(strlen(err.text) > 0);
	assert_null(cp);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_rows_come_back),
		TEST(test_delete_expire_abort),
		TEST(test_one_shipper_a_directory),
		TEST(test_truncations_outlive_the_database),
		TEST(test_journal_cut_and_garbled),
		TEST(test_garbled_at_many_bytes),
		TEST(test_garbled_log),
		TEST(test_unusable_directory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
