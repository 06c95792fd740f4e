/* chunks.c - see chunks.h. */
#include "aggregator/logq/chunks.h"
#include "common/base/arena.h"
#include "common/base/map.h"
#include "common/base/vec.h"
#include "common/data/timestamp.h"
#include <errno.h>

#define PARTING "---"

struct chunk_row {
	const struct span *names, *texts;
	size_t n;
	int64_t time;
	size_t chunk, place; /* of which chunk; the how manyth row of all */
};

struct chunks {
	struct row_sink sink, *next;
	struct arena arena;
	VEC(struct chunk_row) rows;
	VEC(int64_t) begins; /* of each chunk: the time of its first row */
	struct map current;  /* stream → its chunk + 1 */
};

static struct span field(const struct span *names, const struct span *texts, size_t n,
			 struct span name)
{
	for (size_t i = 0; i < n; i++)
		if (span_eq(names[i], name))
			return texts[i];
	return SPAN("");
}

/* The chunk that a row of `stream` belongs to, a new one if need be. */
static int chunk_of(struct chunks *chunks, struct span stream, int64_t time, size_t *ret)
{
	union map_value *value;
	bool added;

	value = map_put(&chunks->current, arena_dup(&chunks->arena, stream), &added);
	if (!value)
		return -ENOMEM;
	if (value->n == 0) {
		if (vec_push(&chunks->begins, time) < 0)
			return -ENOMEM;
		value->n = chunks->begins.len;
	}
	*ret = (size_t)value->n - 1;
	return 0;
}

static int keep(struct chunks *chunks, const struct span *names, const struct span *texts, size_t n,
		struct chunk_row *row)
{
	struct span *pairs = ARENA_ARRAY(&chunks->arena, struct span, 2 * n + 1);

	for (size_t i = 0; i < n && pairs; i++) {
		pairs[i] = arena_dup(&chunks->arena, names[i]);
		pairs[n + i] = arena_dup(&chunks->arena, texts[i]);
	}
	if (chunks->arena.overflowed)
		return -ENOBUFS;
	row->names = pairs;
	row->texts = pairs + n;
	row->n = n;
	return vec_push(&chunks->rows, *row);
}

static int take(struct row_sink *sink, const struct span *names, const struct span *texts, size_t n)
{
	struct chunks *chunks = (struct chunks *)sink;
	struct span stream = field(names, texts, n, SPAN("_stream"));
	struct chunk_row row = {.place = chunks->rows.len};
	int r;

	if (span_eq(field(names, texts, n, SPAN("_msg")), SPAN(PARTING)) && n <= 3) {
		union map_value *current = map_get(&chunks->current, stream);

		if (current)
			current->n = 0; /* the stream's next row begins a chunk */
		return 0;
	}
	if (timestamp_parse(field(names, texts, n, SPAN("_time")), &row.time) < 0)
		row.time = 0;
	r = chunk_of(chunks, stream, row.time, &row.chunk);
	if (r == 0)
		r = keep(chunks, names, texts, n, &row);
	return r;
}

static int pause_rows(struct row_sink *sink)
{
	(void)sink;
	return 0;
}

static int compare(const void *left, const void *right, void *ctx)
{
	const struct chunk_row *a = left, *b = right;
	const struct chunks *chunks = ctx;
	int64_t begin_a = chunks->begins.ptr[a->chunk], begin_b = chunks->begins.ptr[b->chunk];

	if (begin_a != begin_b)
		return begin_a < begin_b ? -1 : 1;
	if (a->chunk != b->chunk)
		return a->chunk < b->chunk ? -1 : 1;
	return a->place < b->place ? -1 : a->place > b->place;
}

static int put_parting(struct chunks *chunks, const struct chunk_row *row)
{
	const struct span names[] = {SPAN("_msg"), SPAN("_stream"), SPAN("_time")};
	const struct span texts[] = {SPAN(PARTING),
				     field(row->names, row->texts, row->n, SPAN("_stream")),
				     field(row->names, row->texts, row->n, SPAN("_time"))};

	return chunks->next->row(chunks->next, names, texts, 3);
}

int chunks_finish(struct chunks *chunks, struct err *reterr)
{
	int r = 0;

	if (chunks->rows.len)
		qsort_r(chunks->rows.ptr, chunks->rows.len, sizeof(*chunks->rows.ptr), compare,
			chunks);
	for (size_t i = 0; i < chunks->rows.len && r == 0; i++) {
		const struct chunk_row *row = &chunks->rows.ptr[i];

		if (i && row->chunk != row[-1].chunk)
			r = put_parting(chunks, row);
		if (r == 0)
			r = chunks->next->row(chunks->next, row->names, row->texts, row->n);
	}
	return r < 0 ? err_set(reterr, r, "can't print: %s", strerror(-r)) : 0;
}

struct row_sink *chunks_sink(struct chunks *chunks)
{
	return &chunks->sink;
}

void chunks_free(struct chunks *chunks)
{
	if (!chunks)
		return;
	arena_release(&chunks->arena);
	vec_release(&chunks->rows);
	vec_release(&chunks->begins);
	map_release(&chunks->current);
	free(chunks);
}

int chunks_open(struct row_sink *next, struct chunks **ret, struct err *reterr)
{
	struct chunks *chunks = calloc(1, sizeof(*chunks));

	if (!chunks)
		return err_set(reterr, -ENOMEM, "out of memory");
	chunks->sink = (struct row_sink){.row = take, .pause = pause_rows};
	chunks->next = next;
	arena_init(&chunks->arena, CHUNKS_BYTES);
	*ret = chunks;
	return 0;
}
