/* Queries over files: formats and packing, marks, many files, parts of lines, memory of lines. */
#include "aggregator/query/file_reader.h"
#include "aggregator/query/spool.h"
#include "common/base/cleanup.h"
#include "common/base/io.h"
#include "tests/unit/query_fixture.h"
#include "tests/unit/scratch.h"
#include <errno.h>
#include <sys/stat.h>
#include <zlib.h>
#include <zstd.h>

static const char log_lines[] =
	"{\"ts\":\"2023-11-14T22:00:00Z\",\"level\":\"error\",\"msg\":\"payment declined\","
	"\"http\":{\"status\":402},\"service\":\"pay\"}\n"
	"\n"
	"{\"ts\":\"2023-11-14T22:00:01Z\",\"level\":\"info\",\"msg\":\"payment \\u0064eclined "
	"later\"}\n"
	"{\"ts\":\"2023-11-14T22:00:02Z\",\"level\":\"info\",\"msg\":\"all is well\"}\n"
	"plain text without a time, declined";

static void write_file(const char *path, const void *bytes, size_t n)
{
	struct err err;

	assert_int_equal(io_replace_file(path, span_of(bytes, n), 0600, &err), 0);
}

static struct query_source *open_path(const char *path)
{
	struct span paths[] = {span_cstr(path)};
	struct query_source *source;
	struct err err;

	if (source_files_open(paths, 1, &(struct source_files_conf){.now_ns = NOW_NS}, &source,
			      &err) < 0)
		fail_msg("%s", err.text);
	return source;
}

/* A word is found by memmem and where an escape hides it; other fields by parsing. */
static void check_lines(const char *path)
{
	struct query_source *source = open_path(path);

	expect("declined | fields _msg", source,
	       "_msg=payment declined;\n_msg=payment declined later;\n"
	       "_msg=plain text without a time, declined;\n");
	expect("level:=ERROR | fields http.status, _stream", source,
	       "_stream={service=\"pay\"};http.status=402;\n");
	expect("_time:2023-11-14T22:00:02Z | fields _msg", source, "_msg=all is well;\n");
	expect("* | count() n", source, "n=5;\n"); /* the empty line is one */
	expect("log.time_source:observed | fields _msg, log.time_source", source,
	       "log.time_source=observed;\n"
	       "_msg=plain text without a time, declined;log.time_source=observed;\n");
	source_close(source);
}

/* What the index would say of these lines, they say as files. */
static void test_files_have_marks(void **state)
{
	static const char lines[] = "\xef\xbb\xbf{\"level\":\"notice\",\"msg\":\"a\"}\r\n"
				    "{\"msg\":\"cut off in the mid\n"
				    "\0\0\0{\"msg\":\"behind a hole\",\"log\":{\"truncated\":7}}\n"
				    "{\"msg\":\"\xff\"}\n"
				    "0123456789012345678901234567890123456789012345678\xc3\xa4\n"
				    "\0\0";
	struct span paths[1];
	char dir[SCRATCH_MAX], path[SCRATCH_MAX + 16];
	struct query_source *source;
	struct err err;

	(void)state;
	scratch_make(dir);
	snprintf(path, sizeof(path), "%s/marks.log", dir);
	paths[0] = span_cstr(path);
	write_file(path, lines, sizeof(lines) - 1);
	assert_int_equal(
		source_files_open(paths, 1,
				  &(struct source_files_conf){.now_ns = NOW_NS, .max_line = 50},
				  &source, &err),
		0);
	expect("* | delete _time, _stream, _stream_id, log.time_source, log.file, log.offset",
	       source,
	       "_msg=a;level=INFO;severity=10;\n"
	       "_msg={\"msg\":\"cut off in the mid;log.parse_error=true;\n"
	       "_msg=behind a hole;log.truncated=7;\n"
	       "_msg=\xef\xbf\xbd;log.invalid_utf8=true;\n"
	       "_msg=0123456789012345678901234567890123456789012345678;log.truncated=true;\n");
	expect("log.time_source:observed | stats count() n", source, "n=5;\n");
	expect("* | facets max_values_per_field 2 keep_const_fields | filter field_name:_time "
	       "| fields hits",
	       source, "hits=5;\n");
	source_close(source);
	scratch_remove(dir);
}

/* One line of test_places(): "17 ......"; every 50th is longer than a line may be. */
static size_t put_place(struct buf *lines, size_t i)
{
	size_t start = lines->len, n = i % 50 == 7 ? 200000 + i * 997 : i * i % 301;

	buf_printf(lines, "%zu ", i);
	for (size_t k = 0; k < n; k++)
		buf_putc(lines, '.');
	buf_putc(lines, '\n');
	return start;
}

static void expect_places(const char *path, struct span multiline, const char *lines)
{
	struct source_files_conf conf = {
		.now_ns = NOW_NS, .max_line = 1000, .multiline = multiline};
	struct query_source *source;
	struct err err;

	if (source_files_open(&(struct span){path, strlen(path)}, 1, &conf, &source, &err) < 0)
		fail_msg("%s", err.text);
	expect("* | extract \"<id> .\" | filter id:* | fields id, log.offset | sort by "
	       "(log.offset)",
	       source, lines);
	source_close(source);
}

/* A row says where its line begins, also behind lines that were cut. */
static void test_places(void **state)
{
	struct buf lines = BUF_INIT(64 << 20), places = BUF_INIT(1 << 20);
	char dir[SCRATCH_MAX], path[SCRATCH_MAX + 16];
	gzFile gz;

	(void)state;
	scratch_make(dir);
	for (size_t i = 0; i < 2000; i++) {
		size_t start = put_place(&lines, i);

		if (i * i % 301 || i % 50 == 7)
			buf_printf(&places, "id=%zu;log.offset=%zu;\n", i, start);
	}
	snprintf(path, sizeof(path), "%s/plain.log", dir);
	write_file(path, lines.ptr, lines.len);
	expect_places(path, SPAN("none"), buf_cstr(&places));
	expect_places(path, SPAN("java"), buf_cstr(&places));
	snprintf(path, sizeof(path), "%s/packed.log.gz", dir);
	gz = gzopen(path, "wb1");
	assert_int_equal(gzwrite(gz, lines.ptr, (unsigned)lines.len), (int)lines.len);
	gzclose(gz);
	expect_places(path, SPAN("none"), buf_cstr(&places));
	buf_release(&lines);
	buf_release(&places);
	scratch_remove(dir);
}

static void test_files(void **state)
{
	char dir[SCRATCH_MAX], path[SCRATCH_MAX + 16];
	char packed[4096];
	size_t n;
	gzFile gz;

	(void)state;
	scratch_make(dir);
	snprintf(path, sizeof(path), "%s/plain.log", dir);
	write_file(path, log_lines, strlen(log_lines));
	check_lines(path);

	snprintf(path, sizeof(path), "%s/packed.zst", dir);
	n = ZSTD_compress(packed, sizeof(packed), log_lines, strlen(log_lines), 1);
	write_file(path, packed, n);
	check_lines(path);
	write_file(path, packed, n - 5);
	struct query_source *source = open_path(path);
	struct answer answer = {.rows = 0};
	struct query_result result;
	struct err err;

	assert_int_equal(run_with("* | count() n", source, &(struct query_conf){.threads = 1},
				  &answer, &result, &err),
			 0);
	assert_true(result.partial);
	buf_release(&answer.text);
	query_result_release(&result);
	source_close(source);

	snprintf(path, sizeof(path), "%s/packed.gz", dir);
	gz = gzopen(path, "wb");
	assert_int_equal(gzwrite(gz, log_lines, (unsigned)strlen(log_lines)), strlen(log_lines));
	gzclose(gz);
	check_lines(path);
	scratch_remove(dir);
}

/* What lines take when they are parsed is the query's memory, too. */
static void test_lines_count_as_memory(void **state)
{
	_cleanup_(buf_release) struct buf text = BUF_INIT(1 << 20);
	char dir[SCRATCH_MAX], path[SCRATCH_MAX + 16];
	struct query_source *source;

	(void)state;
	scratch_make(dir);
	snprintf(path, sizeof(path), "%s/short.log", dir);
	for (unsigned i = 0; i < 50000; i++)
		buf_puts(&text, SPAN("x\n"));
	write_file(path, text.ptr, text.len);
	source = open_path(path);
	expect_failure("* | count()", source, &(struct query_conf){.memory_bytes = 4 << 20},
		       -ENOMEM, "more memory than a query may use");
	expect("* | count() n", source, "n=50000;\n");
	source_close(source);
	scratch_remove(dir);
}

#define FILES      7
#define FILE_LINES 3000

/* Workers read files of their own, then share what is left; one of them can't be read. */
static void test_many_files(void **state)
{
	_cleanup_(buf_release) struct buf text = BUF_INIT(16 << 20);
	char dir[SCRATCH_MAX], names[FILES + 1][SCRATCH_MAX + 16];
	struct span paths[FILES + 1];
	struct query_source *source;
	struct err err;

	(void)state;
	scratch_make(dir);
	for (unsigned i = 0; i <= FILES; i++) {
		snprintf(names[i], sizeof(names[i]), "%s/%u.log", dir, i);
		paths[i] = span_cstr(names[i]);
		buf_reset(&text);
		/* The first is longer than all others together; the last has no end of line. */
		for (unsigned k = 0; k < (i ? FILE_LINES : 10 * FILE_LINES); k++)
			buf_printf(&text, "%s{\"f\":\"%u\",\"msg\":\"line %u\"}", k ? "\n" : "", i,
				   k);
		if (i != 3)
			write_file(names[i], text.ptr, text.len);
	}
	assert_int_equal(source_files_open(paths, FILES + 1,
					   &(struct source_files_conf){.now_ns = NOW_NS}, &source,
					   &err),
			 0);
	for (unsigned threads = 1; threads <= 4; threads++) {
		struct query_conf conf = {.threads = threads};
		struct answer answer = {.rows = 0};
		struct query_result result;

		assert_int_equal(
			run_with("* | stats count() n, count_uniq(f) f, count_uniq(_msg) m", source,
				 &conf, &answer, &result, &err),
			0);
		assert_string_equal(buf_cstr(&answer.text), "f=7;m=30000;n=48000;\n");
		assert_true(result.partial);
		assert_non_null(strstr(buf_cstr(&result.partial_why), "3.log: No such file"));
		buf_release(&answer.text);
		query_result_release(&result);
	}
	source_close(source);
	scratch_remove(dir);
}

#define CRI_EVENTS 300

/* Part `part` of event `i`: long ones fill several blocks, and two streams take turns. */
static void put_part(struct buf *out, unsigned i, unsigned part, bool last, size_t len)
{
	buf_printf(out, "2026-03-01T12:%02u:%02u.%09uZ %s %c ", i / 120 % 60, i / 2 % 60, part,
		   i % 2 ? "stderr" : "stdout", last ? 'F' : 'P');
	if (part == 0)
		buf_printf(out, "{\"msg\":\"event%u ", i);
	for (size_t n = 0; n < len; n++)
		buf_putc(out, (char)('a' + n % 26));
	buf_puts(out, last ? SPAN("\"}\n") : SPAN("\n"));
}

static void check_parts(const char *path, size_t len, unsigned threads)
{
	_cleanup_(buf_release) struct buf text = BUF_INIT(256 << 20);
	struct answer answer = {.rows = 0};
	struct query_result result;
	struct query_source *source;
	char expected[128];
	struct err err;

	for (unsigned i = 0; i < CRI_EVENTS; i += 2)
		for (unsigned part = 0; part < 5; part++) {
			put_part(&text, i, part, part == 4, len);
			put_part(&text, i + 1, part, part == 4, len / 2);
		}
	write_file(path, text.ptr, text.len);
	source = open_path(path);
	assert_int_equal(run_with("* | len(_msg) as n | stats count() c, sum(n) n, count() if "
				  "(log.parse_error:*) bad",
				  source, &(struct query_conf){.threads = threads}, &answer,
				  &result, &err),
			 0);
	size_t head = 0;
	for (unsigned i = 0; i < CRI_EVENTS; i++)
		head += (size_t)snprintf(NULL, 0, "event%u ", i);
	snprintf(expected, sizeof(expected), "bad=0;c=%u;n=%zu;\n", CRI_EVENTS,
		 head + CRI_EVENTS / 2 * 5 * (len + len / 2));
	assert_string_equal(buf_cstr(&answer.text), expected);
	buf_release(&answer.text);
	query_result_release(&result);
	/* A word of the first part finds the whole. */
	expect("event17 | len(_msg) as n | fields n", source, len == 10 ? "n=33;\n" : "n=40008;\n");
	source_close(source);
}

static void test_parts_of_lines_are_joined(void **state)
{
	char dir[SCRATCH_MAX], path[SCRATCH_MAX + 16];

	(void)state;
	scratch_make(dir);
	snprintf(path, sizeof(path), "%s/0.log", dir);
	check_parts(path, 10, 1);
	check_parts(path, 16000, 2);
	/* No end: what is there is a row. */
	write_file(path,
		   "2026-03-01T12:00:00.000000000Z stdout P a\n"
		   "2026-03-01T12:00:00.000000001Z stdout P b\n",
		   84);
	struct query_source *source = open_path(path);

	expect("* | fields _msg", source, "_msg=ab;\n");
	source_close(source);
	scratch_remove(dir);
}

/* As in the index: what the word of the level does not say. */
static void test_fine_severity_is_a_field(void **state)
{
	static const char lines[] = "{\"level\":\"notice\",\"msg\":\"a\"}\n"
				    "{\"level\":\"info\",\"msg\":\"b\"}\n";
	char dir[SCRATCH_MAX], path[SCRATCH_MAX + 16];
	struct query_source *source;

	(void)state;
	scratch_make(dir);
	snprintf(path, sizeof(path), "%s/0.log", dir);
	write_file(path, lines, strlen(lines));
	source = open_path(path);
	expect("* | fields _msg, level, severity", source,
	       "_msg=a;level=INFO;severity=10;\n_msg=b;level=INFO;\n");
	expect("severity:>9 | delete _time, _stream*, log.time_source, log.file", source,
	       "_msg=a;level=INFO;log.offset=0;severity=10;\n");
	source_close(source);
	scratch_remove(dir);
}

/* Of both runtimes, per stream, and not over the end of a file. */
static void test_parts_join_per_stream(void **state)
{
	static const char cri[] = "2023-11-14T22:00:00.000000001Z stdout P {\"msg\":\n"
				  "2023-11-14T22:00:00.000000002Z stderr F other\n"
				  "2023-11-14T22:00:00.000000003Z stdout P \"jo\n"
				  "2023-11-14T22:00:00.000000004Z stdout F ined\"}\n"
				  "2023-11-14T22:00:00.000000005Z stderr P never\n";
	static const char docker[] =
		"{\"log\":\"{\\\"msg\\\":\",\"stream\":\"stdout\","
		"\"time\":\"2023-11-14T22:00:01Z\"}\n"
		"{\"log\":\"\\\"docker\\\"}\\n\",\"stream\":\"stdout\","
		"\"time\":\"2023-11-14T22:00:02Z\"}\n"
		"{\"log\":\"whole\\n\",\"stream\":\"stderr\",\"time\":\"2023-11-14T22:00:03Z\"}\n";
	char dir[SCRATCH_MAX], path[2][SCRATCH_MAX + 16];
	struct span paths[2];
	struct query_source *source;
	struct err err;

	(void)state;
	scratch_make(dir);
	for (int i = 0; i < 2; i++) {
		snprintf(path[i], sizeof(path[i]), "%s/%d.log", dir, i);
		paths[i] = span_cstr(path[i]);
	}
	write_file(path[0], cri, sizeof(cri) - 1);
	write_file(path[1], docker, sizeof(docker) - 1);
	assert_int_equal(source_files_open(paths, 2, &(struct source_files_conf){.now_ns = NOW_NS},
					   &source, &err),
			 0);
	expect("* | sort by (_time) | fields _time, _msg, log.stream", source,
	       "_msg=joined;_time=2023-11-14T22:00:00.000000001Z;log.stream=stdout;\n"
	       "_msg=other;_time=2023-11-14T22:00:00.000000002Z;log.stream=stderr;\n"
	       "_msg=never;_time=2023-11-14T22:00:00.000000005Z;log.stream=stderr;\n"
	       "_msg=docker;_time=2023-11-14T22:00:01.000000000Z;log.stream=stdout;\n"
	       "_msg=whole;_time=2023-11-14T22:00:03.000000000Z;log.stream=stderr;\n");
	expect("joined | fields _msg", source, "_msg=joined;\n");
	source_close(source);
	scratch_remove(dir);
}

/* Nobody writes into a named pipe: a cancel ends the wait, in whatever thread it is. */
static void test_a_pipe_without_a_writer(void **state)
{
	char dir[SCRATCH_MAX], path[SCRATCH_MAX + 16];
	atomic_bool cancel = true;
	struct file_reader *reader;
	struct err err;

	(void)state;
	scratch_make(dir);
	snprintf(path, sizeof(path), "%s/pipe", dir);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(file_reader_open(span_cstr(path), &cancel, &reader, &err), -ECANCELED);
	assert_int_equal(spool_stream(span_cstr(path), &cancel, &err), -ECANCELED);
	scratch_remove(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_files),
		cmocka_unit_test(test_files_have_marks),
		cmocka_unit_test(test_places),
		cmocka_unit_test(test_a_pipe_without_a_writer),
		cmocka_unit_test(test_many_files),
		cmocka_unit_test(test_lines_count_as_memory),
		cmocka_unit_test(test_parts_of_lines_are_joined),
		cmocka_unit_test(test_parts_join_per_stream),
		cmocka_unit_test(test_fine_severity_is_a_field),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
