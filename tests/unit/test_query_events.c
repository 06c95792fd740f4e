/* Queries over files whose lines join: an event is whole wherever a block ends. */
#include "common/base/cleanup.h"
#include "common/base/io.h"
#include "tests/unit/query_fixture.h"
#include "tests/unit/scratch.h"
#include <errno.h>
#include <pthread.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#define BLOCK (128u << 10) /* about where a block ends, and exactly where a read does */

static const char trace[] = "ERROR failed\n"
			    "java.lang.IllegalStateException: outer\n"
			    "\tat com.example.A.b(A.java:1)\n"
			    "Caused by: java.io.IOException: inner\n"
			    "\t... 7 more\n";

enum packing { PLAIN, GZIP, ZSTD, PACKINGS };

static void write_packed(const char *path, struct span text, enum packing packing)
{
	_cleanup_free_ char *packed = malloc(ZSTD_compressBound(text.len));
	struct err err;

	assert_non_null(packed);
	if (packing == GZIP) {
		gzFile gz = gzopen(path, "wb1");

		assert_int_equal(gzwrite(gz, text.ptr, (unsigned)text.len), text.len);
		assert_int_equal(gzclose(gz), Z_OK);
		return;
	}
	if (packing == ZSTD) {
		size_t n =
			ZSTD_compress(packed, ZSTD_compressBound(text.len), text.ptr, text.len, 1);

		assert_false(ZSTD_isError(n));
		text = span_of(packed, n);
	}
	assert_int_equal(io_replace_file(path, text, 0600, &err), 0);
}

static struct query_source *open_joined(const char *path, const char *multiline, bool streaming)
{
	struct span paths[] = {span_cstr(path)};
	struct source_files_conf conf = {
		.now_ns = NOW_NS, .multiline = span_cstr(multiline), .streaming = streaming};
	struct query_source *source;
	struct err err;

	if (source_files_open(paths, 1, &conf, &source, &err) < 0)
		fail_msg("%s", err.text);
	return source;
}

static void expect_threads(const char *query, struct query_source *source, unsigned threads,
			   const char *expected)
{
	struct answer answer = {.rows = 0};
	struct query_result result;
	struct err err;

	assert_int_equal(run_with(query, source, &(struct query_conf){.threads = threads}, &answer,
				  &result, &err),
			 0);
	assert_string_equal(buf_cstr(&answer.text), expected);
	buf_release(&answer.text);
	query_result_release(&result);
}

/* Lines of 1000 bytes, the last one shorter, `size` bytes together. */
static void put_filler(struct buf *out, size_t size)
{
	while (size) {
		size_t n = size > 1100 ? 1000 : size;

		size -= n;
		buf_puts(out, SPAN("INFO "));
		for (size_t i = 6; i < n; i++)
			buf_putc(out, 'f');
		buf_putc(out, '\n');
	}
}

/* An event `before` bytes of which are in front of where a block ends, between others. */
static void check_border(const char *path, size_t before, enum packing packing)
{
	_cleanup_(buf_release) struct buf text = BUF_INIT(1 << 20);
	struct query_source *source;

	put_filler(&text, BLOCK - before);
	buf_puts(&text, SPAN("\tat filler\n"));
	buf_puts(&text, span_of(trace, strlen(trace)));
	put_filler(&text, BLOCK / 2);
	write_packed(path, buf_span(&text), packing);
	source = open_joined(path, "java", false);
	for (unsigned threads = 1; threads <= 3; threads += 2) {
		expect_threads("inner | stats count() n, sum_len(_msg) len, any(level) level",
			       source, threads, "len=131;level=ERROR;n=1;\n");
		expect_threads("filler | stats count() n", source, threads, "n=1;\n");
		expect_threads("-INFO | stats count() n", source, threads, "n=1;\n");
	}
	source_close(source);
}

static void test_events_cross_blocks(void **state)
{
	char dir[SCRATCH_MAX], path[SCRATCH_MAX + 16];

	(void)state;
	scratch_make(dir);
	snprintf(path, sizeof(path), "%s/0.log", dir);
	assert_int_equal(strlen(trace), 132);
	for (enum packing packing = PLAIN; packing < PACKINGS; packing++)
		for (size_t before = 0; before <= strlen(trace) + 16; before++)
			check_border(path, before, packing);
	scratch_remove(dir);
}

/* At most 1000 lines are an event, as in the shipper; what continues it says so, and it ends with its file. */
static void test_events_have_a_length(void **state)
{
	_cleanup_(buf_release) struct buf text = BUF_INIT(8 << 20);
	char dir[SCRATCH_MAX], path[SCRATCH_MAX + 16];
	struct query_source *source;

	(void)state;
	scratch_make(dir);
	snprintf(path, sizeof(path), "%s/0.log", dir);
	buf_puts(&text, SPAN("first\n"));
	for (unsigned i = 0; i < 3000; i++)
		buf_printf(&text, "\tat %999u\n", i);
	write_packed(path, buf_span(&text), PLAIN);
	source = open_joined(path, "java", false);
	for (unsigned threads = 1; threads <= 2; threads++)
		expect_threads(
			"* | stats by (log.continued) count() n, sum_len(_msg) len | sort by (len)",
			source, threads,
			"len=1003001;n=1;\n"
			"len=2009001;log.continued=true;n=3;\n");
	source_close(source);

	struct span paths[] = {span_cstr(path), span_cstr(path)};
	struct err err;
	struct source_files_conf conf = {.now_ns = NOW_NS, .multiline = SPAN("auto")};

	write_packed(path, SPAN("\tbegins\n\tgoes on"), PLAIN);
	assert_int_equal(source_files_open(paths, 2, &conf, &source, &err), 0);
	expect_threads("* | fields _msg", source, 1,
		       "_msg=\tbegins\n\tgoes on;\n_msg=\tbegins\n\tgoes on;\n");
	source_close(source);
	scratch_remove(dir);
}

/* With a line that is longer than any may be, inside and behind an event. */
static void test_long_lines_in_events(void **state)
{
	_cleanup_(buf_release) struct buf text = BUF_INIT(16 << 20);
	char dir[SCRATCH_MAX], path[SCRATCH_MAX + 16];
	struct query_source *source;

	(void)state;
	scratch_make(dir);
	snprintf(path, sizeof(path), "%s/0.log", dir);
	for (unsigned i = 0; i < 900; i++)
		buf_printf(&text, i ? "\tat %999u\n" : "first %999u\n", i);
	for (unsigned i = 0; i < 3 << 20; i++)
		buf_putc(&text, i ? 'x' : '\t');
	buf_puts(&text, SPAN("\nlast\n"));
	write_packed(path, buf_span(&text), ZSTD);
	source = open_joined(path, "java", false);
	for (unsigned threads = 1; threads <= 2; threads++)
		expect_threads(
			"* | len(_msg) n | sort by (n) | fields n, log.continued, "
			"log.truncated",
			source, threads,
			"n=4;\nn=903601;\nlog.continued=true;log.truncated=true;n=1048576;\n");
	source_close(source);
	scratch_remove(dir);
}

/* Nothing but an event, as long as what is read at a time: it ends with its file. */
static void test_an_event_ends_with_its_file(void **state)
{
	_cleanup_(buf_release) struct buf text = BUF_INIT(1 << 20);
	char dir[SCRATCH_MAX], path[SCRATCH_MAX + 16];
	struct source_files_conf conf = {.now_ns = NOW_NS, .multiline = SPAN("java")};
	struct query_source *source;
	struct err err;

	(void)state;
	scratch_make(dir);
	snprintf(path, sizeof(path), "%s/0.log", dir);
	for (unsigned i = 0; i < BLOCK / 256; i++)
		buf_printf(&text, "\t%254u\n", i);
	assert_int_equal(text.len, BLOCK);
	write_packed(path, buf_span(&text), PLAIN);

	struct span paths[] = {span_cstr(path), span_cstr(path), span_cstr(path)};

	assert_int_equal(source_files_open(paths, 3, &conf, &source, &err), 0);
	for (unsigned threads = 1; threads <= 2; threads++)
		expect_threads("* | stats count() n, count_uniq(_msg) u, count(log.continued) c",
			       source, threads, "c=0;n=3;u=1;\n");
	source_close(source);
	scratch_remove(dir);
}

static void *write_bytes(void *arg)
{
	int fd = *(int *)arg;

	for (size_t i = 0; i < strlen(trace); i++)
		assert_int_equal(write(fd, trace + i, 1), 1);
	assert_int_equal(write(fd, "INFO next\n", 10), 10);
	close(fd);
	return NULL;
}

/* From a pipe that is read while it is written, byte by byte. */
static void test_a_stream_waits_for_the_end_of_an_event(void **state)
{
	char path[32];

	(void)state;
	for (unsigned threads = 1; threads <= 2; threads++) {
		struct query_source *source;
		pthread_t writer;
		int fds[2];

		assert_int_equal(pipe(fds), 0);
		assert_int_equal(pthread_create(&writer, NULL, write_bytes, &fds[1]), 0);
		snprintf(path, sizeof(path), "/dev/fd/%d", fds[0]);
		source = open_joined(path, "java", true);
		expect_threads("* | stats count() n, sum_len(_msg) len", source, threads,
			       "len=140;n=2;\n");
		source_close(source);
		pthread_join(writer, NULL);
		close(fds[0]);
	}
}

static void test_what_is_no_preset(void **state)
{
	struct source_files_conf conf = {.multiline = SPAN("cobol")};
	struct span path = SPAN("x");
	struct query_source *source;
	struct err err;

	(void)state;
	assert_int_equal(source_files_open(&path, 1, &conf, &source, &err), -EINVAL);
	assert_non_null(strstr(err.text, "cobol"));
	conf = (struct source_files_conf){.format = SPAN("regex:("), .multiline = SPAN("java")};
	assert_int_equal(source_files_open(&path, 1, &conf, &source, &err), -EINVAL);
	conf = (struct source_files_conf){.multiline = SPAN("start:(")};
	assert_int_equal(source_files_open(&path, 1, &conf, &source, &err), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_events_cross_blocks),
		cmocka_unit_test(test_events_have_a_length),
		cmocka_unit_test(test_long_lines_in_events),
		cmocka_unit_test(test_an_event_ends_with_its_file),
		cmocka_unit_test(test_a_stream_waits_for_the_end_of_an_event),
		cmocka_unit_test(test_what_is_no_preset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
