/* Real files: who they are, and reading them while they grow, move and shrink. */
#include "common/base/hash.h"
#include "shipper/identity.h"
#include "shipper/tail.h"
#include "tests/unit/scratch.h"
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/stat.h>

#include <cmocka.h>

struct place {
	char dir[SCRATCH_MAX];
	char log[SCRATCH_MAX + 16], moved[SCRATCH_MAX + 16];
};

static int setup(void **state)
{
	struct place *place = calloc(1, sizeof(*place));

	scratch_make(place->dir);
	snprintf(place->log, sizeof(place->log), "%s/a.log", place->dir);
	snprintf(place->moved, sizeof(place->moved), "%s/a.log.1", place->dir);
	*state = place;
	return 0;
}

static int teardown(void **state)
{
	scratch_remove(((struct place *)*state)->dir);
	free(*state);
	return 0;
}

static void append(const char *path, const char *text)
{
	FILE *file = fopen(path, "a");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static struct tail open_tail(const char *path)
{
	struct tail tail = {.fd = tail_open_file(path, false, NULL)};

	assert_true(tail.fd >= 0);
	mark_init(&tail.mark);
	return tail;
}

static void expect(struct tail *tail, struct reader *reader, const char *want)
{
	ssize_t n = tail_read(tail, reader, 1 << 16);

	assert_int_equal(n, strlen(want));
	assert_true(span_eq(reader->bytes, span_cstr(want)));
	tail_consume(tail, reader, (size_t)n, 0);
}

static void test_grows(void **state)
{
	struct place *place = *state;
	struct reader reader = {0};

	append(place->log, "one\n");
	struct tail tail = open_tail(place->log);

	expect(&tail, &reader, "one\n");
	expect(&tail, &reader, "");
	append(place->log, "two\n");
	expect(&tail, &reader, "two\n");
	assert_true(mark_digest(&tail.mark) == XXH64("one\ntwo\n", 8, 0));
	close(tail.fd);
	reader_release(&reader);
}

static void test_what_is_not_consumed_comes_again(void **state)
{
	struct place *place = *state;
	struct reader reader = {0};

	append(place->log, "one\nhalf");
	struct tail tail = open_tail(place->log);

	assert_int_equal(tail_read(&tail, &reader, 100), 8);
	assert_true(reader.at_end);
	tail_consume(&tail, &reader, 4, 0);
	assert_true(span_eq(reader.bytes, SPAN("half")));
	append(place->log, " of it\n");
	expect(&tail, &reader, "half of it\n");
	close(tail.fd);
	reader_release(&reader);
}

static void test_rotation_is_read_to_its_end(void **state)
{
	struct place *place = *state;
	struct reader reader = {0};

	append(place->log, "one\n");
	struct tail tail = open_tail(place->log);

	expect(&tail, &reader, "one\n");
	assert_int_equal(rename(place->log, place->moved), 0);
	append(place->moved, "late\n");
	append(place->log, "new file\n");
	expect(&tail, &reader, "late\n");
	assert_int_equal(unlink(place->moved), 0);
	expect(&tail, &reader, "");
	close(tail.fd);
	reader_release(&reader);
}

static void test_truncation_is_noticed(void **state)
{
	struct place *place = *state;
	struct reader reader = {0};

	append(place->log, "one\ntwo\n");
	struct tail tail = open_tail(place->log);

	expect(&tail, &reader, "one\ntwo\n");
	assert_int_equal(truncate(place->log, 0), 0);
	assert_int_equal(tail_read(&tail, &reader, 100), -ESTALE);
	/* Grown again past the mark before anybody looked: its bytes are others. */
	append(place->log, "another text, longer than the one before\n");
	assert_int_equal(tail_read(&tail, &reader, 100), -ESTALE);
	assert_int_equal(tail_verify(tail.fd, &tail.mark), -ESTALE);
	close(tail.fd);
	reader_release(&reader);
}

static void test_every_split_gives_the_same_marks(void **state)
{
	struct place *place = *state;
	struct reader reader = {0};
	char text[3000];

	for (size_t i = 0; i < sizeof(text) - 1; i++)
		text[i] = (char)('a' + i * 7 % 26);
	text[sizeof(text) - 1] = '\0';
	append(place->log, text);
	for (size_t split = 0; split < sizeof(text); split += 13) {
		struct tail tail = open_tail(place->log);

		assert_int_equal(tail_read(&tail, &reader, 4000), sizeof(text) - 1);
		tail_consume(&tail, &reader, split, 0);
		assert_int_equal(tail_verify(tail.fd, &tail.mark), 0);
		assert_true(mark_digest(&tail.mark) == XXH64(text, split, 0));

		struct mark again;

		assert_int_equal(tail_rehash(tail.fd, split, &again), 0);
		assert_true(mark_digest(&again) == mark_digest(&tail.mark));
		assert_true(again.tail == tail.mark.tail);
		assert_int_equal(tail_read(&tail, &reader, 4000), sizeof(text) - 1 - split);
		close(tail.fd);
	}
	reader_release(&reader);
}

static void test_marks_in_the_middle(void **state)
{
	struct place *place = *state;
	struct mark mark;

	append(place->log, "0123456789");
	int fd = tail_open_file(place->log, false, NULL);

	assert_int_equal(tail_mark_at(fd, 4, &mark), 0);
	assert_int_equal(mark.offset, 4);
	assert_true(mark_digest(&mark) == 0); /* not known */
	assert_int_equal(tail_verify(fd, &mark), 0);
	assert_int_equal(tail_mark_at(fd, 11, &mark), -ESTALE);
	assert_int_equal(tail_rehash(fd, 11, &mark), -ESTALE);
	close(fd);
}

static void test_only_regular_files(void **state)
{
	struct place *place = *state;
	struct err err;

	assert_int_equal(mkfifo(place->log, 0600), 0);
	assert_int_equal(tail_open_file(place->log, true, &err), -EINVAL);
	assert_int_equal(tail_open_file(place->dir, true, &err), -EINVAL);
	assert_int_equal(tail_open_file("/nonexistent", true, &err), -ENOENT);
	append(place->moved, "x");
	assert_int_equal(unlink(place->log), 0);
	assert_int_equal(symlink(place->moved, place->log), 0);
	assert_int_equal(tail_open_file(place->log, false, &err), -ELOOP);
	int fd = tail_open_file(place->log, true, &err);

	assert_true(fd >= 0);
	close(fd);
}

static struct identity identify(const char *path)
{
	struct source_id host = {{1}};
	struct identity identity;
	int fd = open(path, O_RDONLY);

	assert_int_equal(identity_read(fd, &host, &identity), 0);
	close(fd);
	return identity;
}

static void test_identity_outlives_a_rename(void **state)
{
	struct place *place = *state;

	append(place->log, "x");
	struct identity before = identify(place->log);

	assert_int_equal(rename(place->log, place->moved), 0);
	append(place->moved, "y");
	struct identity after = identify(place->moved);

	assert_true(source_id_eq(&before.key, &after.key));
}

/* R5: ext4 hands out the inode of a deleted file at once; it is another file. */
static void test_identity_of_a_reused_inode_differs(void **state)
{
	struct place *place = *state;
	struct identity before, after;
	int reused = 0;

	append(place->log, "x");
	before = identify(place->log);
	for (int i = 0; i < 200; i++) {
		assert_int_equal(unlink(place->log), 0);
		append(place->log, "x");
		after = identify(place->log);
		reused += before.ino == after.ino;
		if (!after.weak)
			assert_false(source_id_eq(&before.key, &after.key));
		before = after;
	}
	print_message("# %d of 200 inodes were used again\n", reused);
}

static void test_identity_depends_on_all_it_is_made_of(void **state)
{
	struct place *place = *state;
	struct source_id here = {{1}}, there = {{2}};
	struct identity a, b;

	append(place->log, "x");
	int fd = open(place->log, O_RDONLY);

	assert_int_equal(identity_read(fd, &here, &a), 0);
	assert_int_equal(identity_read(fd, &there, &b), 0);
	assert_false(source_id_eq(&a.key, &b.key));
	close(fd);
	struct source_id zero = identity_source(&a.key, 0), one = identity_source(&a.key, 1);

	assert_false(source_id_eq(&zero, &one));
	assert_int_equal(identity_read(-1, &here, &a), -EBADF);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_grows),
		TEST(test_what_is_not_consumed_comes_again),
		TEST(test_rotation_is_read_to_its_end),
		TEST(test_truncation_is_noticed),
		TEST(test_every_split_gives_the_same_marks),
		TEST(test_marks_in_the_middle),
		TEST(test_only_regular_files),
		TEST(test_identity_outlives_a_rename),
		TEST(test_identity_of_a_reused_inode_differs),
		TEST(test_identity_depends_on_all_it_is_made_of),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
