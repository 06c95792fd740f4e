/*
 * Merging parts: small groups are put together anew, large ones are copied.
 *
 * Rows of small groups go through a memory table again, so that a merged group
 * is made by the same code as a fresh one.  A group of half a block or more is
 * verified and copied as it is: merging large parts costs I/O, not CPU.
 */
#include "aggregator/store/inside.h"
#include "common/base/cleanup.h"
#include <errno.h>

#define COPY_ROWS  (ROW_BLOCK_MAX / 2)
#define COPY_BYTES (8u << 20)
#define GROUP_MAX  (512u << 20)
#define ARENA_MAX  (2ul << 30)

struct merger {
	struct part_writer *writer;
	struct group_maker *maker;
	struct memtable *table; /* rows of small groups */
	struct stream_table streams;
	struct arena arena; /* of one group */
	struct err *reterr;
};

static int fail(struct merger *m, int code)
{
	return err_set(m->reterr, code, "merge: %s",
		       code == -EBADMSG ? "stored rows fail their checksum" : strerror(-code));
}

/* The table's rows become a group of the output. */
static int flush(struct merger *m)
{
	_cleanup_(buf_release) struct buf bytes = BUF_INIT(GROUP_MAX);
	struct group_info info;

	if (m->table->nrows == 0)
		return 0;
	memtable_freeze(m->table);
	int r = group_make(m->maker, m->table, &bytes, &info);

	if (r < 0)
		return fail(m, r);
	r = part_writer_group(m->writer, buf_span(&bytes), &info, m->reterr);
	if (r < 0)
		return r;
	memtable_unref(m->table);
	m->table = NULL;
	r = memtable_new(&m->table);
	return r < 0 ? fail(m, r) : 0;
}

static int copy_group(struct merger *m, const struct group *group)
{
	struct span bytes;
	int r = group_verify(group, false, m->reterr);

	if (r < 0)
		return r;
	r = source_read(group->source, group->info.off, group->info.len, &m->arena, &bytes);
	return r < 0 ? fail(m, r) : part_writer_group(m->writer, bytes, &group->info, m->reterr);
}

/* A small group, all of it in memory. */
struct rows {
	uint32_t n;
	struct column *columns; /* as texts, in the directory's order */
	const struct directory *directory;
	const int64_t *times;
	const struct store_stream **streams;
	size_t text_bytes;
};

static int load_streams(struct merger *m, struct column *column, struct rows *rows)
{
	rows->streams = ARENA_ARRAY(&m->arena, const struct store_stream *, rows->n);
	if (!rows->streams)
		return -ENOMEM;
	for (uint32_t i = 0; i < rows->n; i++) {
		struct store_stream *stream;
		bool same = i && span_eq(column->texts[i], column->texts[i - 1]);
		int r = same ? 0 : stream_table_text(&m->streams, column->texts[i], &stream);

		if (r < 0)
			return r;
		rows->streams[i] = same ? rows->streams[i - 1] : stream;
	}
	return 0;
}

static int load_column(struct merger *m, const struct group *group,
		       const struct column_entry *entry, struct column *column, struct rows *rows)
{
	int r = group_column(group, entry, NULL, &m->arena, column);

	if (r < 0)
		return r;
	if (entry->codec == CODEC_TIME) {
		rows->times = column->ints;
		return 0;
	}
	r = column_make(column, &m->arena);
	if (r < 0)
		return r;
	if (!column_texts(column, &m->arena))
		return -ENOMEM;
	if (span_eq(entry->name, SPAN("_stream")))
		return load_streams(m, column, rows);
	for (uint32_t i = 0; i < rows->n; i++)
		rows->text_bytes += column->texts[i].len;
	return 0;
}

static int load_rows(struct merger *m, const struct group *group, const struct directory *directory,
		     struct rows *rows)
{
	*rows = (struct rows){.n = directory->nrows, .directory = directory};
	rows->columns = ARENA_ARRAY(&m->arena, struct column, directory->ncolumns);
	if (!rows->columns)
		return -ENOMEM;
	for (size_t i = 0; i < directory->ncolumns; i++) {
		int r = load_column(m, group, &directory->columns[i], &rows->columns[i], rows);

		if (r < 0)
			return r;
	}
	return rows->times && rows->streams ? 0 : -EBADMSG;
}

static bool is_time_or_stream(struct span name)
{
	return span_eq(name, SPAN("_time")) || span_eq(name, SPAN("_stream"));
}

/* Whether the table takes all these rows and columns. */
static bool fits(const struct memtable *table, const struct rows *rows)
{
	size_t nfields = table->nfields;

	for (size_t i = 0; i < rows->directory->ncolumns; i++) {
		struct span name = rows->directory->columns[i].name;

		nfields += !is_time_or_stream(name) && !is_own_column(name) &&
			   !map_get(&table->by_name, name);
	}
	return nfields <= MEMTABLE_COLUMNS && rows->n <= ROW_BLOCK_MAX - table->nrows &&
	       table->text_len <= MEMTABLE_TEXT_FULL &&
	       rows->text_bytes <= MEMTABLE_TEXT_MAX - table->text_len;
}

static int add_rows(struct merger *m, const struct rows *rows)
{
	const struct directory *directory = rows->directory;
	uint32_t first;
	int r = memtable_add_rows(m->table, rows->n, rows->times, rows->streams, &first);

	for (size_t i = 0; r == 0 && i < directory->ncolumns; i++) {
		const struct column_entry *entry = &directory->columns[i];

		if (!is_time_or_stream(entry->name))
			r = memtable_add_column(m->table, first, rows->n, entry->name,
						rows->columns[i].texts, entry->types);
	}
	return r < 0 ? fail(m, r) : 0;
}

/*
 * Room for a stream of each of `nrows` rows.  Parts of several runs of the
 * program may have more in all than a table of streams takes; rows that refer to
 * the one that goes are written before.
 */
static int make_stream_room(struct merger *m, uint32_t nrows)
{
	if (m->streams.by_text.len + nrows <= STREAMS_MAX)
		return 0;
	int r = flush(m);

	stream_table_release(&m->streams);
	stream_table_init(&m->streams);
	return r;
}

static int join_group(struct merger *m, const struct group *group)
{
	struct directory directory;
	struct rows rows;
	int r = make_stream_room(m, group->info.nrows);

	if (r < 0)
		return r;
	r = group_directory(group, &m->arena, &directory);
	r = r < 0 ? r : load_rows(m, group, &directory, &rows);
	if (r < 0)
		return fail(m, r);
	r = fits(m->table, &rows) ? 0 : flush(m);
	return r < 0 ? r : add_rows(m, &rows);
}

static int merge_part(struct merger *m, const struct part *part)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < part->ngroups; i++) {
		struct group group = {.source = &part->source, .info = part->groups[i]};
		bool copy = group.info.overflow || group.info.nrows >= COPY_ROWS ||
			    group.info.len >= COPY_BYTES;

		arena_reset(&m->arena);
		r = copy ? copy_group(m, &group) : join_group(m, &group);
	}
	return r;
}

static int merge_all(struct merger *m, struct part *const *inputs, size_t n)
{
	int r = group_maker_new(&m->maker);

	r = r < 0 ? r : memtable_new(&m->table);
	if (r < 0)
		return fail(m, r);
	for (size_t i = 0; r == 0 && i < n; i++)
		r = merge_part(m, inputs[i]);
	return r < 0 ? r : flush(m);
}

/* The output says of itself what all inputs said, and that it replaces them. */
static int join_abouts(struct store *s, struct part *const *inputs, size_t n,
		       struct part_about *ret, struct err *reterr)
{
	for (size_t i = 0; i < n; i++) {
		_cleanup_(part_about_release) struct part_about about;
		struct part *again = NULL;

		part_about_init(&about);
		int r = part_open(s->parts_fd, inputs[i]->id, &about, &again, reterr);

		part_unref(again);
		if (r < 0)
			return r;
		for (size_t k = 0; r == 0 && k < about.ranges.len; k++)
			r = offset_ranges_add(&ret->ranges, about.ranges.ptr[k]);
		r = r < 0 ? r : progress_apply(&ret->progress, &about.progress.all, true);
		r = r < 0 ? r : vec_push(&ret->replaces, inputs[i]->id);
		if (r < 0)
			return err_set(reterr, r, "merge: out of memory");
		if (about.created_ns > ret->created_ns)
			ret->created_ns = about.created_ns;
	}
	return 0;
}

int store_merge(struct store *s, struct part *const *inputs, size_t n, uint64_t id,
		struct err *reterr)
{
	_cleanup_(part_about_release) struct part_about about;
	struct merger m = {.reterr = reterr};

	part_about_init(&about);
	about.id = id;
	about.epoch = s->epoch;
	int r = join_abouts(s, inputs, n, &about, reterr);

	r = r < 0 ? r : part_writer_open(s->parts_fd, id, &m.writer, reterr);
	if (r < 0)
		return r;
	stream_table_init(&m.streams);
	arena_init(&m.arena, ARENA_MAX);
	r = merge_all(&m, inputs, n);
	if (r == 0)
		r = part_writer_finish(m.writer, &about, reterr);
	else
		part_writer_abort(m.writer);
	memtable_unref(m.table);
	group_maker_free(m.maker);
	stream_table_release(&m.streams);
	arena_release(&m.arena);
	return r;
}
