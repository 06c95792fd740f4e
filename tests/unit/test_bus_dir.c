/*
 * The directory bus: order, durability marks, damage, and writers that die.
 */
#include "common/base/cleanup.h"
#include "common/bus/dir_log.h"
#include "tests/unit/bus_fixture.h"
#include "tests/unit/scratch.h"
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define PATH_MAX_HERE (SCRATCH_MAX + 64)

struct fixture {
	struct bus_fixture bus;
	char dir[SCRATCH_MAX];
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	scratch_make(f->dir);
	snprintf(f->bus.uri, sizeof(f->bus.uri), "dir://%s/bus", f->dir);
	f->bus.conf.partitions = 3;
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	scratch_remove(f->dir);
	free(f);
	return 0;
}

static void expect_nothing(struct consumer *c)
{
	struct bus_message message;

	assert_int_equal(consumer_poll(c, 0, &message), 0);
}

/* Messages `first` … last - 1 of `partition`, then nothing. */
static void expect_numbered(const struct fixture *f, unsigned partition, intptr_t first,
			    intptr_t last)
{
	struct consumer *c = open_consumer(&f->bus);

	assert_int_equal(consumer_assign(c, partition, first), 0);
	for (intptr_t n = first; n < last; n++)
		expect_message(c, partition, n);
	expect_nothing(c);
	consumer_close(c);
}

static int open_file(const struct fixture *f, const char *name, int flags)
{
	char path[PATH_MAX_HERE + 64];

	snprintf(path, sizeof(path), "%s/bus/%s", f->dir, name);
	int fd = open(path, flags | O_CLOEXEC);

	if (fd < 0)
		fail_msg("%s: %s", path, strerror(errno));
	return fd;
}

static void flip_byte(const struct fixture *f, const char *name, off_t at)
{
	int fd = open_file(f, name, O_RDWR);
	char byte;

	assert_int_equal(pread(fd, &byte, 1, at), 1);
	byte ^= 0x20;
	assert_int_equal(pwrite(fd, &byte, 1, at), 1);
	close(fd);
}

#define SEGMENT_0 "0000/00000000000000000000.seg"

static void test_round_trip(void **state)
{
	const struct fixture *f = *state;
	struct consumer *c = open_consumer(&f->bus);
	intptr_t next[3] = {0};

	for (unsigned partition = 0; partition < 3; partition++)
		write_numbered(&f->bus, partition, 0, 50);
	assert_int_equal(consumer_partitions(c, NULL), 3);
	for (unsigned partition = 0; partition < 3; partition++)
		assert_int_equal(consumer_assign(c, partition, 0), 0);
	for (int i = 0; i < 150; i++) {
		struct bus_message m;

		assert_int_equal(consumer_poll(c, 5000, &m), 1);
		assert_int_equal(m.offset, next[m.partition]);
		assert_text(&m, next[m.partition]++);
		consumer_release(c, &m);
	}
	expect_nothing(c);
	consumer_close(c);
}

static void test_partitions_are_fixed_at_creation(void **state)
{
	struct fixture *f = *state;
	struct reports reports = {0};

	write_numbered(&f->bus, 0, 0, 1);
	f->bus.conf.partitions = 7;
	struct producer *p = open_producer(&f->bus, &reports);

	assert_int_equal(producer_partitions(p, NULL), 3);
	assert_int_equal(producer_send(p, 3, SPAN("x"), NULL), -EINVAL);
	producer_close(p);
}

static void test_consumer_before_bus(void **state)
{
	const struct fixture *f = *state;
	struct consumer *c = open_consumer(&f->bus);
	struct err err = {0};

	assert_int_equal(consumer_partitions(c, &err), -EAGAIN);
	assert_non_null(strstr(err.text, "no bus"));
	assert_int_equal(consumer_assign(c, 0, 0), -EAGAIN);
	write_numbered(&f->bus, 0, 0, 2);
	assert_int_equal(consumer_partitions(c, &err), 3);
	assert_int_equal(consumer_assign(c, 0, 0), 0);
	expect_message(c, 0, 0);
	expect_message(c, 0, 1);
	consumer_close(c);
}

static void test_segments(void **state)
{
	struct fixture *f = *state;
	int64_t low, high;
	struct stat st;

	f->bus.conf.segment_bytes = 500;
	write_numbered(&f->bus, 0, 0, 100);
	assert_int_equal(fstatat(AT_FDCWD, f->dir, &st, 0), 0);
	expect_numbered(f, 0, 0, 100);
	expect_numbered(f, 0, 57, 100);
	expect_numbered(f, 0, 100, 100);
	write_numbered(&f->bus, 0, 100, 130);
	expect_numbered(f, 0, 99, 130);

	/* The oldest segment is removed by hand: reading begins behind it. */
	struct consumer *c = open_consumer(&f->bus);
	struct bus_message m;
	int dirfd = open_file(f, "0000", O_RDONLY | O_DIRECTORY);

	assert_int_equal(unlinkat(dirfd, "00000000000000000000.seg", 0), 0);
	close(dirfd);
	assert_int_equal(consumer_assign(c, 0, 3), 0);
	assert_int_equal(consumer_poll(c, 0, &m), -ERANGE);
	assert_int_equal(m.offset, 3);
	assert_int_equal(m.partition, 0);
	expect_nothing(c);
	assert_int_equal(consumer_watermarks(c, 0, &low, &high), 0);
	assert_true(low > 3 && low < 20);
	assert_int_equal(high, 130);
	assert_int_equal(consumer_seek(c, 0, low), 0);
	for (int64_t n = low; n < high; n++)
		expect_message(c, 0, (intptr_t)n);
	consumer_close(c);
}

static void test_offset_past_the_end(void **state)
{
	const struct fixture *f = *state;
	struct consumer *c = open_consumer(&f->bus);
	struct bus_message m;

	write_numbered(&f->bus, 1, 0, 10);
	assert_int_equal(consumer_assign(c, 1, 11), 0);
	assert_int_equal(consumer_poll(c, 0, &m), -ERANGE);
	assert_int_equal(m.offset, 11);
	assert_int_equal(consumer_seek(c, 1, 10), 0);
	expect_nothing(c);
	write_numbered(&f->bus, 1, 10, 11);
	expect_message(c, 1, 10);
	consumer_close(c);
}

static void test_torn_tail(void **state)
{
	const struct fixture *f = *state;
	struct dir_entry entry = {.offset = 10, .time_ms = 1, .length = 1000};
	char head[DIR_ENTRY_HEAD];

	dir_entry_put(head, &entry);
	for (size_t cut = 1; cut <= sizeof(head); cut += 13) {
		intptr_t n = (intptr_t)cut / 13;

		write_numbered(&f->bus, 0, n, n + 1);
		int fd = open_file(f, SEGMENT_0, O_WRONLY | O_APPEND);

		assert_int_equal(write(fd, head, cut), cut);
		close(fd);
		expect_numbered(f, 0, 0, n + 1);
	}
	write_numbered(&f->bus, 0, 4, 8);
	expect_numbered(f, 0, 0, 8);
}

/* After a power loss the mark may be old, or bytes of nothing; the data is good. */
static void test_old_and_bad_marks(void **state)
{
	const struct fixture *f = *state;
	struct consumer *c = open_consumer(&f->bus);
	struct bus_message m;
	char mark[64];

	write_numbered(&f->bus, 0, 0, 5);
	int fd = open_file(f, "0000/committed", O_RDWR);
	ssize_t n = pread(fd, mark, sizeof(mark), 0);

	assert_true(n > 0);
	write_numbered(&f->bus, 0, 5, 9);
	assert_int_equal(pwrite(fd, mark, (size_t)n, 0), n);
	expect_numbered(f, 0, 0, 5); /* a reader stops at the mark */
	assert_int_equal(consumer_assign(c, 0, 9), 0);
	expect_nothing(c); /* one who was further on waits, and is not told it is lost */
	assert_int_equal(consumer_seek(c, 0, 10), 0);
	assert_int_equal(consumer_poll(c, 0, &m), -ERANGE);
	consumer_close(c);

	write_numbered(&f->bus, 0, 9, 10); /* the next writer takes what is there */
	expect_numbered(f, 0, 0, 10);
	flip_byte(f, "0000/committed", 9);
	expect_numbered(f, 0, 0, 10);
	assert_int_equal(ftruncate(fd, 0), 0);
	expect_numbered(f, 0, 0, 10);
	write_numbered(&f->bus, 0, 10, 12);
	expect_numbered(f, 0, 0, 12);
	close(fd);
}

static void expect_damage(struct consumer *c, int64_t offset)
{
	struct bus_message m;

	assert_int_equal(consumer_poll(c, 0, &m), -EBADMSG);
	assert_int_equal(m.offset, offset);
	assert_true(m.payload.len > 0);
	consumer_release(c, &m);
}

static void test_damage(void **state)
{
	const struct fixture *f = *state;
	const off_t entry = DIR_ENTRY_HEAD + (off_t)strlen("message 0");
	struct consumer *c = open_consumer(&f->bus);

	write_numbered(&f->bus, 0, 0, 10);
	flip_byte(f, SEGMENT_0, 2 * entry + DIR_ENTRY_HEAD + 3); /* payload of 2 */
	flip_byte(f, SEGMENT_0, 4 * entry + 20);                 /* head of 4 */
	flip_byte(f, SEGMENT_0, 9 * entry);                      /* head of the last */
	assert_int_equal(consumer_assign(c, 0, 0), 0);
	for (intptr_t n = 0; n < 10; n++)
		if (n == 2 || n == 4 || n == 9)
			expect_damage(c, n);
		else
			expect_message(c, 0, n);
	expect_nothing(c);

	/* From behind the damage, and right at it. */
	assert_int_equal(consumer_seek(c, 0, 7), 0);
	expect_message(c, 0, 7);
	assert_int_equal(consumer_seek(c, 0, 4), 0);
	expect_damage(c, 4);
	expect_message(c, 0, 5);
	consumer_close(c);
}

static void test_bus_file_damage(void **state)
{
	const struct fixture *f = *state;
	struct err err = {0};
	struct producer *p;

	write_numbered(&f->bus, 0, 0, 1);
	flip_byte(f, "bus", 15);
	assert_int_equal(
		producer_open(span_cstr(f->bus.uri), &f->bus.conf, on_report, NULL, &p, &err),
		-EBADMSG);
	assert_non_null(strstr(err.text, "damaged"));
	flip_byte(f, "bus", 15);
	flip_byte(f, "bus", 11);
	assert_int_equal(
		producer_open(span_cstr(f->bus.uri), &f->bus.conf, on_report, NULL, &p, &err),
		-ENOTSUP);
}

static void test_limits(void **state)
{
	struct fixture *f = *state;
	static char big[2000];
	struct reports reports = {0};
	int r, sent = 0;

	f->bus.conf.message_max = sizeof(big) - 1;
	f->bus.conf.queue_bytes = 10000;
	struct producer *p = open_producer(&f->bus, &reports);

	assert_int_equal(producer_send(p, 0, span_of(big, sizeof(big)), NULL), -EMSGSIZE);
	while ((r = producer_send(p, 0, span_of(big, 1999), NULL)) == 0)
		sent++;
	assert_int_equal(r, -EAGAIN);
	assert_int_equal(sent, 5);
	assert_int_equal(producer_flush(p, 10000), 0);
	assert_int_equal(reports.count, 5);
	assert_int_equal(producer_send(p, 0, (struct span){0}, NULL), 0);
	assert_true(producer_fd(p) >= 0);
	producer_close(p);
	assert_int_equal(reports.count, 6);
}

/* The disk is full in the middle of a group: none of it is there, later ones are. */
static void test_write_fails(void **state)
{
	const struct fixture *f = *state;
	struct reports reports = {0};
	struct rlimit before, limit;

	write_numbered(&f->bus, 0, 0, 10);
	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &before);
	limit = before;
	limit.rlim_cur = 1000;
	struct producer *p = open_producer(&f->bus, &reports);

	setrlimit(RLIMIT_FSIZE, &limit);
	send_numbered(p, 0, 10, 40);
	assert_int_equal(producer_flush(p, 10000), 0);
	setrlimit(RLIMIT_FSIZE, &before);
	assert_int_equal(reports.count, 30);
	assert_true(reports.failures > 0);
	assert_int_equal(reports.last_status, -EFBIG);
	intptr_t good = 10 + 30 - reports.failures;

	send_numbered(p, 0, good, good + 1);
	assert_int_equal(producer_flush(p, 10000), 0);
	assert_int_equal(reports.last_status, 0);
	assert_int_equal(reports.last_offset, good);
	producer_close(p);
	expect_numbered(f, 0, 0, good + 1);
}

static pid_t start_writer(const struct fixture *f, unsigned partition, intptr_t first,
			  intptr_t last)
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		write_numbered(&f->bus, partition, first, last);
		_exit(0);
	}
	return pid;
}

static void wait_for(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* A poll that began before the message was written ends with it. */
static void test_news(void **state)
{
	const struct fixture *f = *state;
	struct consumer *c = open_consumer(&f->bus);

	write_numbered(&f->bus, 2, 0, 1);
	assert_int_equal(consumer_assign(c, 2, 1), 0);
	expect_nothing(c);
	pid_t pid = start_writer(f, 2, 1, 2);

	expect_message(c, 2, 1);
	wait_for(pid);
	consumer_close(c);
}

static void test_pause(void **state)
{
	const struct fixture *f = *state;
	struct consumer *c = open_consumer(&f->bus);

	write_numbered(&f->bus, 0, 0, 3);
	assert_int_equal(consumer_assign(c, 0, 0), 0);
	expect_message(c, 0, 0);
	assert_int_equal(consumer_pause(c, true), 0);
	expect_nothing(c);
	assert_int_equal(consumer_pause(c, false), 0);
	expect_message(c, 0, 1);
	consumer_close(c);
}

/* A message of the tests with several writers: who, which, and filler to be checked. */
#define NOTE_MAX 3000

static size_t make_note(char note[NOTE_MAX], unsigned writer, unsigned seq)
{
	size_t len = 40 + (seq * 7919u + writer * 31u) % (NOTE_MAX - 40);
	int n = snprintf(note, NOTE_MAX, "%u %u ", writer, seq);

	for (size_t i = (size_t)n; i < len; i++)
		note[i] = (char)('a' + (i + seq) % 26);
	return len;
}

static void parse_note(struct span payload, unsigned *ret_writer, unsigned *ret_seq)
{
	char expected[NOTE_MAX], text[32] = {0};
	char *end;

	memcpy(text, payload.ptr, payload.len < 31 ? payload.len : 31);
	*ret_writer = (unsigned)strtoul(text, &end, 10);
	*ret_seq = (unsigned)strtoul(end, NULL, 10);
	size_t len = make_note(expected, *ret_writer, *ret_seq);

	assert_true(span_eq(payload, span_of(expected, len)));
}

static void report_to_pipe(void *ctx, void *cookie, int status, int64_t offset)
{
	uint64_t pair[2] = {(uintptr_t)cookie, (uint64_t)offset};

	if (status == 0 && write(*(int *)ctx, pair, sizeof(pair)) < 0)
		_exit(1);
}

/* Write without end, one report a pair {seq, offset} on the pipe. */
static _Noreturn void write_until_killed(const struct fixture *f, unsigned writer, unsigned seq,
					 unsigned end, int fd)
{
	struct producer *p;
	char note[NOTE_MAX];

	if (producer_open(span_cstr(f->bus.uri), &f->bus.conf, report_to_pipe, &fd, &p, NULL) < 0)
		_exit(1);
	for (; seq < end; seq++) {
		size_t len = make_note(note, writer, seq);

		while (producer_send(p, 0, span_of(note, len), (void *)(uintptr_t)seq) == -EAGAIN)
			producer_poll(p, 1);
		producer_poll(p, 0);
	}
	_exit(producer_flush(p, 60000) != 0);
}

static pid_t start_endless(const struct fixture *f, unsigned writer, unsigned seq, unsigned end,
			   int *ret_fd)
{
	int fds[2];

	assert_int_equal(pipe(fds), 0);
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0)
		write_until_killed(f, writer, seq, end, fds[1]);
	close(fds[1]);
	*ret_fd = fds[0];
	return pid;
}

#define KILLS   60
#define SEQ_MAX 100000

struct seen {
	int64_t offset_of[SEQ_MAX]; /* as reported; -1 = no report */
};

static unsigned random_below(unsigned n)
{
	static uint32_t state = 4711;

	state = state * 1664525u + 1013904223u; /* Numerical Recipes */
	return (state >> 8) % n;
}

/* Let it report a random number of messages, then kill it.  The next seq to send. */
static unsigned kill_after_some(pid_t pid, int fd, struct seen *seen, unsigned seq, unsigned want)
{
	uint64_t pair[2];

	while (read(fd, pair, sizeof(pair)) == sizeof(pair)) {
		assert_true(pair[0] < SEQ_MAX);
		seen->offset_of[pair[0]] = (int64_t)pair[1];
		seq = (unsigned)pair[0] + 1;
		if (want-- == 0)
			kill(pid, SIGKILL);
	}
	waitpid(pid, NULL, 0);
	close(fd);
	return seq;
}

/*
 * A writer is killed again and again, and goes on behind the last message that
 * was reported.  Whatever was reported is there, at its offset, whole.
 */
static void test_killed_writer(void **state)
{
	struct fixture *f = *state;
	struct seen *seen = calloc(1, sizeof(*seen));
	unsigned seq = 0, writer, got, found = 0, reported = 0;
	struct consumer *c = open_consumer(&f->bus);
	struct bus_message m;
	int r;

	assert_non_null(seen);
	memset(seen->offset_of, 0xff, sizeof(seen->offset_of));
	f->bus.conf.segment_bytes = 100000;
	for (int i = 0; i < KILLS; i++) {
		int fd;
		pid_t pid = start_endless(f, 1, seq, SEQ_MAX, &fd);

		seq = kill_after_some(pid, fd, seen, seq, random_below(40));
	}
	write_numbered(&f->bus, 1, 0, 1); /* an open that repairs */
	assert_int_equal(consumer_assign(c, 0, 0), 0);
	for (int64_t offset = 0; (r = consumer_poll(c, 0, &m)) == 1; offset++) {
		assert_int_equal(m.offset, offset);
		parse_note(m.payload, &writer, &got);
		found += seen->offset_of[got] == offset;
		consumer_release(c, &m);
	}
	assert_int_equal(r, 0);
	for (unsigned i = 0; i < SEQ_MAX; i++)
		reported += seen->offset_of[i] >= 0;
	assert_int_equal(found, reported);
	assert_true(reported >= KILLS);
	print_message("# %u messages reported in %d lives, all found\n", reported, KILLS);
	consumer_close(c);
	free(seen);
}

static void drain(int fd)
{
	char bytes[4096];

	while (read(fd, bytes, sizeof(bytes)) > 0)
		;
	close(fd);
}

/* Two processes write to one partition: each one's order holds, nothing is lost. */
static void test_two_writers(void **state)
{
	struct fixture *f = *state;
	struct consumer *c = open_consumer(&f->bus);
	unsigned next[2] = {0}, writer, seq;
	struct bus_message m;
	const unsigned each = 400;
	int fds[2];
	pid_t pids[2];

	f->bus.conf.segment_bytes = 50000;
	f->bus.conf.queue_bytes = 20000;
	for (unsigned i = 0; i < 2; i++)
		pids[i] = start_endless(f, i, 0, each, &fds[i]);
	for (unsigned i = 0; i < 2; i++) {
		drain(fds[i]);
		wait_for(pids[i]);
	}
	assert_int_equal(consumer_assign(c, 0, 0), 0);
	for (unsigned i = 0; i < 2 * each; i++) {
		assert_int_equal(consumer_poll(c, 0, &m), 1);
		assert_int_equal(m.offset, i);
		parse_note(m.payload, &writer, &seq);
		assert_int_equal(seq, next[writer]++);
		consumer_release(c, &m);
	}
	expect_nothing(c);
	consumer_close(c);
}

static void test_close_reports_all(void **state)
{
	const struct fixture *f = *state;
	struct reports reports = {0};
	struct producer *p = open_producer(&f->bus, &reports);

	send_numbered(p, 0, 0, 1000);
	producer_close(p);
	assert_int_equal(reports.count, 1000);
	expect_numbered(f, 0, 0, 1000 - reports.failures);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_round_trip, setup, teardown),
		cmocka_unit_test_setup_teardown(test_partitions_are_fixed_at_creation, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_consumer_before_bus, setup, teardown),
		cmocka_unit_test_setup_teardown(test_segments, setup, teardown),
		cmocka_unit_test_setup_teardown(test_offset_past_the_end, setup, teardown),
		cmocka_unit_test_setup_teardown(test_torn_tail, setup, teardown),
		cmocka_unit_test_setup_teardown(test_old_and_bad_marks, setup, teardown),
		cmocka_unit_test_setup_teardown(test_damage, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bus_file_damage, setup, teardown),
		cmocka_unit_test_setup_teardown(test_limits, setup, teardown),
		cmocka_unit_test_setup_teardown(test_write_fails, setup, teardown),
		cmocka_unit_test_setup_teardown(test_news, setup, teardown),
		cmocka_unit_test_setup_teardown(test_pause, setup, teardown),
		cmocka_unit_test_setup_teardown(test_killed_writer, setup, teardown),
		cmocka_unit_test_setup_teardown(test_two_writers, setup, teardown),
		cmocka_unit_test_setup_teardown(test_close_reports_all, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
