/*
 * fuzz_query.c - no query crashes or hangs its run: parse and execute it, over
 * rows of every kind of value, with little memory and little time.
 *
 * A run may be refused or stopped, but then it says why.
 */
#include "aggregator/query/query.h"
#include "common/base/check.h"
#include "common/base/cleanup.h"
#include "common/base/clock.h"

#define NOW_NS INT64_C(1714556789123456789)
#define ROWS   8
#define PAIRS  8

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const table[ROWS][PAIRS * 2] = {
	{"_time", "2024-05-01T09:46:29Z", "_msg", "user 17 logged in from 10.0.0.3", "level",
	 "INFO", "a", "1", "service", "web", "trace_id", "t1", "span_id", "s1", "took", "1.50"},
	{"_time", "2024-05-01T09:46:28.5Z", "_msg", "", "level", "ERROR", "a",
	 "[1,\"x\",{\"y\":2}]", "service", "web", "trace_id", "t1", "span_id", "s2",
	 "parent_span_id", "s1"},
	{"_msg", "a=b c=\"d e\" f", "a", "-7", "took", "10s", "level", "WARN"},
	{"_msg", "{\"x\":{\"y\":[1,2]},\"z\":null}", "a", "5KiB", "took", "nan"},
	{"_msg", "<34>Oct 11 22:14:15 host su[42]: \xd0\x97\xd0\xb8\xd0\xbc\xd0\xb0", "a",
	 "10.1.2.3"},
	{"_time", "no time", "_msg", "\xff\xfe broken \x80", "a", "99999999999999999999"},
	{"_msg", "\x1b[31mred\x1b[m", "a", "2024-05-01T09:46:29Z", "b", "x"},
	{"b", "y"},
};

static struct query_source *open_rows(void)
{
	struct span pairs[ROWS][PAIRS * 2];
	struct source_row rows[ROWS];
	struct query_source *source;

	for (size_t i = 0; i < ROWS; i++) {
		size_t n = 0;

		for (; n < PAIRS * 2 && table[i][n]; n++)
			pairs[i][n] = span_cstr(table[i][n]);
		rows[i] = (struct source_row){pairs[i], n / 2};
	}
	CHECK(source_rows_open(rows, ROWS, &source) == 0);
	return source;
}

/* Look at each value, as a printer would. */
static int read_rows(void *ctx, struct rows *rows)
{
	uint64_t *bytes = ctx;
	const struct span *names;
	size_t n;

	if (rows_names(rows, &names, &n) < 0)
		return 0;
	for (size_t i = 0; i < n; i++) {
		const struct span *texts = rows_texts(rows, names[i]);

		for (uint32_t row = 0; row < rows->n; row++)
			*bytes += texts[row].len;
	}
	return *bytes > (1 << 20);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct query_conf conf = {
		.threads = 1, .memory_bytes = 8 << 20, .timeout_ns = 2 * NS_PER_SEC};
	struct query_result result = {0};
	struct query *query;
	struct err err = {0};
	uint64_t bytes = 0;

	if (query_parse(span_of((const char *)data, size), NOW_NS, &query_lang_ops, &query, &err) <
	    0)
		return 0;
	struct query_source *source = open_rows();

	err = (struct err){0};
	if (query_execute(query, &conf, source, read_rows, &bytes, &result, &err) < 0)
		CHECK(err.text[0]);
	query_result_release(&result);
	source_close(source);
	query_free(query);
	return 0;
}
