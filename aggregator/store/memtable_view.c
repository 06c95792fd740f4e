/* Rows in memory as a row_block: what queries see; see memtable.h. */
#include "aggregator/store/memtable.h"
#include "aggregator/store/overflow.h"
#include <errno.h>

static struct mem_view *view_of(struct row_block *block)
{
	return (struct mem_view *)block;
}

static int load_times(const struct memtable *table, uint32_t nrows, struct arena *arena,
		      struct column *ret)
{
	int64_t *times = arena_alloc(arena, nrows * sizeof(*times));

	if (!times)
		return -ENOMEM;
	memcpy(times, table->times, nrows * sizeof(*times));
	*ret = (struct column){
		.name = SPAN("_time"), .kind = COLUMN_TIME, .nrows = nrows, .ints = times};
	return 0;
}

static int load_streams(const struct memtable *table, uint32_t nrows, struct arena *arena,
			struct column *ret)
{
	struct span *texts = ARENA_ARRAY(arena, struct span, nrows);

	if (!texts)
		return -ENOMEM;
	for (uint32_t i = 0; i < nrows; i++)
		texts[i] = table->streams[i]->text;
	*ret = (struct column){
		.name = SPAN("_stream"), .kind = COLUMN_TEXT, .nrows = nrows, .texts = texts};
	return 0;
}

static int load_values(const struct memtable *table, const struct mem_column *column,
		       uint32_t nrows, struct arena *arena, struct column *ret)
{
	struct span *texts = ARENA_ARRAY(arena, struct span, nrows);

	if (!texts)
		return -ENOMEM;
	for (size_t i = 0; i < column->values.len; i++) {
		const struct mem_value *value = &column->values.ptr[i];

		if (value->row >= nrows)
			break;
		texts[value->row] = span_of(table->text + value->off, value->len);
	}
	*ret = (struct column){
		.name = column->name, .kind = COLUMN_TEXT, .nrows = nrows, .texts = texts};
	return 0;
}

/* With the table's lock held. */
static int load_locked(struct memtable *table, uint32_t nrows, struct span name,
		       struct arena *arena, struct column *ret)
{
	if (span_eq(name, SPAN("_time")))
		return load_times(table, nrows, arena, ret);
	if (span_eq(name, SPAN("_stream")) || span_eq(name, SPAN("_stream_id"))) {
		int r = load_streams(table, nrows, arena, ret);

		return r < 0 || name.len == strlen("_stream") ? r : stream_id_column(ret, arena);
	}
	union map_value *known = map_get(&table->by_name, name);

	if (known)
		return load_values(table, known->ptr, nrows, arena, ret);
	known = map_get(&table->by_name, OVERFLOW_NAME);
	if (!known) {
		column_init_empty(ret, name, nrows);
		return 0;
	}
	struct column overflow;
	struct arena scratch;

	arena_init(&scratch, OVERFLOW_SCRATCH);
	int r = load_values(table, known->ptr, nrows, &scratch, &overflow);

	r = r < 0 ? r : overflow_column(&overflow, name, &scratch, arena, ret);
	arena_release(&scratch);
	return r;
}

static int view_load(struct row_block *block, struct span name, struct arena *arena,
		     struct column *ret, struct err *reterr)
{
	struct memtable *table = view_of(block)->table;

	pthread_mutex_lock(&table->lock);
	int r = load_locked(table, block->nrows, name, arena, ret);

	pthread_mutex_unlock(&table->lock);
	if (r < 0)
		return err_set(reterr, r, "the memory limit is too low for field %.*s",
			       SPAN_FMT(name));
	return 0;
}

static int names_locked(struct memtable *table, uint32_t nrows, struct arena *arena,
			struct names *names)
{
	int r = names_add(names, SPAN("_time"));

	r = r < 0 ? r : names_add(names, SPAN("_stream"));
	r = r < 0 ? r : names_add(names, SPAN("_stream_id"));
	for (size_t i = 0; r == 0 && i < table->columns.len; i++) {
		const struct mem_column *column = table->columns.ptr[i];

		if (column->values.len == 0 || column->values.ptr[0].row >= nrows)
			continue;
		if (!span_eq(column->name, OVERFLOW_NAME)) {
			r = names_add(names, column->name);
			continue;
		}
		struct column overflow;

		r = load_values(table, column, nrows, arena, &overflow);
		r = r < 0 ? r : overflow_names(&overflow, names);
	}
	return r;
}

static int view_names(struct row_block *block, struct arena *arena, const struct span **ret_names,
		      size_t *ret_n, struct err *reterr)
{
	struct memtable *table = view_of(block)->table;
	struct names names;

	names_init(&names, arena);
	pthread_mutex_lock(&table->lock);
	int r = names_locked(table, block->nrows, arena, &names);

	pthread_mutex_unlock(&table->lock);
	r = r < 0 ? r : names_list(&names, ret_names, ret_n);
	names_release(&names);
	return r < 0 ? err_set(reterr, r, "the memory limit is too low for the field names") : 0;
}

static void view_release(struct row_block *block)
{
	(void)block; /* the snapshot's */
}

static const struct row_block_ops view_ops = {
	.load = view_load,
	.names = view_names,
	.release = view_release,
};

void mem_view_init(struct mem_view *view, struct memtable *table)
{
	pthread_mutex_lock(&table->lock);
	*view = (struct mem_view){
		.base = {.ops = &view_ops,
			 .nrows = table->nrows,
			 .min_time = table->min_time,
			 .max_time = table->max_time,
			 .bytes = table->text_len},
		.table = table,
	};
	pthread_mutex_unlock(&table->lock);
}
