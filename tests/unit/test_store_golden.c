/*
 * A part that an older version of the format wrote stays readable:
 *
 *	tests/cases/store/v1.jsonl	the rows
 *	tests/cases/store/v1.part	the part made of them, then
 *	tests/cases/store/v1.rows	what it holds: a JSON object a row
 *
 * Version 2 has ipv4 columns, and texts in slots by what they are.
 *
 * SLUICE_RECORD=1 writes the files of today's version anew, from today's
 * writer: only when the version is new and the files have new names too.
 */
#include "aggregator/store/part.h"
#include "common/base/cleanup.h"
#include "common/base/io.h"
#include "common/data/json_write.h"
#include "tests/unit/store_fixture.h"
#include <fcntl.h>

#define CASES    "tests/cases/store/"
#define TODAY    CASES "v2"
#define FILE_MAX (1u << 20)

static void read_whole(const char *path, struct buf *out)
{
	struct err err;

	if (io_read_file(path, out, &err) < 0)
		fail_msg("%s: %s", path, err.text);
}

/* All columns of a group as texts. */
struct table {
	struct directory directory;
	const struct span *texts[64];
};

static void load_table(struct part *part, size_t g, struct arena *arena, struct table *ret)
{
	struct group group = {.source = &part->source, .info = part->groups[g]};

	assert_int_equal(group_directory(&group, arena, &ret->directory), 0);
	assert_true(ret->directory.ncolumns <= 64);
	for (size_t c = 0; c < ret->directory.ncolumns; c++) {
		struct column column;

		assert_int_equal(
			group_column(&group, &ret->directory.columns[c], NULL, arena, &column), 0);
		ret->texts[c] = column_texts(&column, arena);
		assert_non_null(ret->texts[c]);
	}
}

static void dump_part(struct part *part, struct buf *out)
{
	for (size_t g = 0; g < part->ngroups; g++) {
		struct table table;
		struct arena arena;

		arena_init(&arena, 64 << 20);
		load_table(part, g, &arena, &table);
		for (uint32_t row = 0; row < table.directory.nrows; row++) {
			bool first = true;

			buf_putc(out, '{');
			for (size_t c = 0; c < table.directory.ncolumns; c++)
				if (table.texts[c][row].len &&
				    !span_eq(table.directory.columns[c].name, COMMIT_NAME))
					json_write_field(out, &first,
							 table.directory.columns[c].name,
							 VALUE_STRING, table.texts[c][row]);
			buf_puts(out, SPAN("}\n"));
		}
		arena_release(&arena);
	}
	assert_int_equal(out->failed, 0);
}

static void dump_file(const char *folder, struct buf *out)
{
	_cleanup_close_ int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct part *part = NULL;
	struct err err;

	if (part_open(fd, 1, NULL, &part, &err) < 0)
		fail_msg("%s", err.text);
	dump_part(part, out);
	part_unref(part);
}

/* Make a store of the rows in `dir`; its part is parts/0000000000000001.part. */
static void write_part(const char *dir)
{
	_cleanup_(buf_release) struct buf lines = BUF_INIT(FILE_MAX);
	struct store *store = open_store(dir, &(struct store_conf){.no_background = true});
	struct span rest, line;
	struct err err;

	read_whole(TODAY ".jsonl", &lines);
	rest = buf_span(&lines);
	while (span_cut(&rest, '\n', &line)) {
		_cleanup_(buf_release) struct buf text = BUF_INIT(FILE_MAX);

		buf_puts(&text, line);
		assert_int_equal(append_line(store, buf_cstr(&text)), 0);
	}
	assert_int_equal(commit_at(store, 1, &err), 0);
	store_close(store);
}

static void record(const char *part, struct span rows)
{
	_cleanup_(buf_release) struct buf bytes = BUF_INIT(FILE_MAX);

	read_whole(part, &bytes);
	assert_int_equal(io_replace_file(TODAY ".part", buf_span(&bytes), 0644, NULL), 0);
	assert_int_equal(io_replace_file(TODAY ".rows", rows, 0644, NULL), 0);
}

static void assert_same(struct span got, const char *path)
{
	_cleanup_(buf_release) struct buf expected = BUF_INIT(FILE_MAX);
	struct span left, line, want;
	int n = 1;

	read_whole(path, &expected);
	for (left = buf_span(&expected); span_cut(&left, '\n', &want); n++)
		if (!span_cut(&got, '\n', &line) || !span_eq(line, want))
			fail_msg("%s:%d: expected %.*s\nfound %.*s", path, n, SPAN_FMT(want),
				 SPAN_FMT(line));
	assert_int_equal(got.len, 0);
}

/* Today's writer and reader; with SLUICE_RECORD the files are made. */
static void rows_written_today_come_back(void **state)
{
	_cleanup_(buf_release) struct buf rows = BUF_INIT(FILE_MAX);
	char dir[SCRATCH_MAX], parts[SCRATCH_MAX + 64];

	(void)state;
	scratch_make(dir);
	write_part(dir);
	snprintf(parts, sizeof(parts), "%s/parts", dir);
	dump_file(parts, &rows);
	if (getenv("SLUICE_RECORD")) {
		snprintf(parts, sizeof(parts), "%s/parts/0000000000000001.part", dir);
		record(parts, buf_span(&rows));
	}
	assert_same(buf_span(&rows), TODAY ".rows");
	scratch_remove(dir);
}

static void check_part(const char *part, const char *expected)
{
	_cleanup_(buf_release) struct buf bytes = BUF_INIT(FILE_MAX), rows = BUF_INIT(FILE_MAX);
	char dir[SCRATCH_MAX], path[SCRATCH_MAX + 64];

	scratch_make(dir);
	read_whole(part, &bytes);
	snprintf(path, sizeof(path), "%s/0000000000000001.part", dir);
	assert_int_equal(io_replace_file(path, buf_span(&bytes), 0600, NULL), 0);
	dump_file(dir, &rows);
	assert_same(buf_span(&rows), expected);
	scratch_remove(dir);
}

static void parts_of_all_versions_are_read(void **state)
{
	(void)state;
	check_part(CASES "v1.part", CASES "v1.rows");
	check_part(CASES "v2.part", CASES "v2.rows");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_written_today_come_back),
		cmocka_unit_test(parts_of_all_versions_are_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
