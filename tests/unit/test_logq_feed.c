/* test_logq_feed.c - what is on a bus, as lines. */
#include "aggregator/logq/answer.h"
#include "aggregator/logq/feed.h"
#include "common/base/io.h"
#include "tests/unit/bus_fixture.h"
#include "tests/unit/scratch.h"
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MESSAGES 100

atomic_bool logq_cancel; /* main.c has it in the program */

/* All that it gives, to its end; how many lines there are, and the first. */
static int read_lines(const struct feed *feed, char *ret_first, size_t size)
{
	int fd = open(feed_path(feed).ptr, O_RDONLY | O_CLOEXEC), lines = 0;
	FILE *in = fdopen(fd, "r");
	char line[128];

	assert_non_null(in);
	for (; fgets(line, sizeof(line), in); lines++)
		if (lines == 0)
			snprintf(ret_first, size, "%s", line);
	fclose(in);
	return lines;
}

/* Retention is faster than the reader: the rest is given, and no error is told. */
static void test_removed_before_read(void **state)
{
	struct bus_fixture bus = {.conf = {.partitions = 1, .segment_bytes = 500}};
	char dir[SCRATCH_MAX], path[SCRATCH_MAX + 64], first[128] = "", expected[128];
	struct reports reports = {0};
	struct err err = {0};
	struct consumer *c;
	struct feed *feed;
	int64_t low, high;

	(void)state;
	scratch_make(dir);
	snprintf(bus.uri, sizeof(bus.uri), "dir://%s/bus", dir);
	struct producer *p = open_producer(&bus, &reports);
	for (intptr_t n = 0; n < MESSAGES; n++)
		assert_int_equal(try_send(p, 0, n), 0);
	assert_int_equal(producer_flush(p, WAIT_MS), 0);
	producer_close(p);

	assert_int_equal(feed_bus(span_cstr(bus.uri), false, &feed, &err), 0);
	snprintf(path, sizeof(path), "%s/bus/0000/00000000000000000000.seg", dir);
	assert_int_equal(unlink(path), 0);
	c = open_consumer(&bus);
	assert_int_equal(consumer_watermarks(c, 0, &low, &high), 0);
	assert_true(low > 0 && low < MESSAGES);
	consumer_close(c);

	assert_int_equal(feed_follow(feed, &err), 0);
	assert_int_equal(read_lines(feed, first, sizeof(first)), MESSAGES - low);
	snprintf(expected, sizeof(expected), "message %d\n", (int)low);
	assert_string_equal(first, expected);
	if (feed_end(feed, &err) < 0)
		fail_msg("%s", err.text);
	feed_free(feed);
	scratch_remove(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_removed_before_read)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
