/* Rows in memory as a row_block: what queries see; see memtable.h. */
#include "aggregator/store/memtable.h"
#include "aggregator/store/overflow.h"
#include <errno.h>
#include <stdatomic.h>

#define FEW_VALUES 255

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

static struct span text_of(const struct memtable *table, const struct mem_value *value)
{
	return span_of(table->text + value->off, value->len);
}

/* Values of the first `nrows` rows. */
static uint32_t count_values(const struct mem_column *column, uint32_t nrows)
{
	size_t n = column->values.len;

	while (n && column->values.ptr[n - 1].row >= nrows)
		n--;
	return (uint32_t)n;
}

static int load_dense(const struct memtable *table, const struct mem_column *column, uint32_t n,
		      uint32_t nrows, struct arena *arena, struct column *ret)
{
	struct span *texts = ARENA_ARRAY(arena, struct span, nrows);

	if (!texts)
		return -ENOMEM;
	for (uint32_t i = 0; i < n; i++)
		texts[column->values.ptr[i].row] = text_of(table, &column->values.ptr[i]);
	*ret = (struct column){
		.name = column->name, .kind = COLUMN_TEXT, .nrows = nrows, .texts = texts};
	return 0;
}

/* A number a row, or a byte where values are few: a table may have very many such columns. */
static int load_sparse(const struct memtable *table, const struct mem_column *column, uint32_t n,
		       uint32_t nrows, struct arena *arena, struct column *ret)
{
	struct span *texts = ARENA_ARRAY(arena, struct span, (size_t)n + 1);
	uint32_t *rows = arena_alloc(arena, n * sizeof(*rows));

	if (!texts || !rows)
		return -ENOMEM;
	for (uint32_t i = 0; i < n; i++) {
		rows[i] = column->values.ptr[i].row;
		texts[i] = text_of(table, &column->values.ptr[i]);
	}
	if (n <= FEW_VALUES)
		return column_of_rare(&(struct rare_column){column->name, n, rows, texts}, nrows,
				      arena, ret);
	struct text_list *list = ARENA_NEW(arena, struct text_list);
	uint32_t *numbers = arena_alloc(arena, nrows * sizeof(*numbers));

	if (!list || !numbers)
		return -ENOMEM;
	for (uint32_t i = 0; i < nrows; i++)
		numbers[i] = n;
	for (uint32_t i = 0; i < n; i++)
		numbers[rows[i]] = i;
	*list = (struct text_list){.n = n, .made = true, .texts = texts};
	*ret = (struct column){.name = column->name,
			       .kind = COLUMN_TEXT,
			       .nrows = nrows,
			       .list = list,
			       .numbers = numbers};
	return 0;
}

static int load_values(const struct memtable *table, const struct mem_column *column,
		       uint32_t nrows, struct arena *arena, struct column *ret)
{
	uint32_t n = count_values(column, nrows);

	return n < nrows / 2 ? load_sparse(table, column, n, nrows, arena, ret)
			     : load_dense(table, column, n, nrows, arena, ret);
}

/* With the table's lock held.  1: the column is there; 0: the overflow may have it. */
static int load_locked(struct memtable *table, uint32_t nrows, struct span name,
		       struct arena *arena, struct column *ret)
{
	int r;

	if (span_eq(name, SPAN("_time"))) {
		r = load_times(table, nrows, arena, ret);
		return r < 0 ? r : 1;
	}
	if (span_eq(name, SPAN("_stream")) || span_eq(name, SPAN("_stream_id"))) {
		r = load_streams(table, nrows, arena, ret);
		if (r == 0 && name.len > strlen("_stream"))
			r = stream_id_column(ret, arena);
		return r < 0 ? r : 1;
	}
	union map_value *known = map_get(&table->by_name, name);

	r = known ? load_values(table, known->ptr, nrows, arena, ret) : 0;
	return r < 0 ? r : known != NULL;
}

/*
 * The overflow column's texts, which stay where they are, and are read without
 * the lock: who appends need not wait.  1, 0 when there is none, or -ENOMEM.
 */
static int load_objects(struct memtable *table, uint32_t nrows, struct arena *arena,
			struct column *ret)
{
	pthread_mutex_lock(&table->lock);
	union map_value *known = map_get(&table->by_name, OVERFLOW_NAME);
	int r = known ? load_values(table, known->ptr, nrows, arena, ret) : 0;

	pthread_mutex_unlock(&table->lock);
	return r < 0 ? r : known != NULL;
}

/* The view's overflow; NULL = there is none.  Its memory is of the arena's budget. */
static int overflow_of(struct row_block *block, const struct arena *arena,
		       const struct overflow **ret)
{
	struct mem_view *view = view_of(block);
	struct overflow *read = atomic_load(&view->overflow);
	struct column objects;
	int r;

	*ret = read;
	if (read)
		return 0;
	r = overflow_new(arena->shared, &read);
	if (r < 0)
		return r;
	r = load_objects(view->table, block->nrows, &read->arena, &objects);
	if (r > 0)
		r = overflow_read(read, &objects) < 0 ? -ENOMEM : 1;
	if (r > 0)
		*ret = overflow_keep(&view->overflow, read);
	else
		overflow_free(read);
	return r < 0 ? r : 0;
}

static int view_load(struct row_block *block, struct span name, struct arena *arena,
		     struct column *ret, struct err *reterr)
{
	struct memtable *table = view_of(block)->table;
	const struct overflow *overflow = NULL;

	pthread_mutex_lock(&table->lock);
	int r = load_locked(table, block->nrows, name, arena, ret);

	pthread_mutex_unlock(&table->lock);
	if (r == 0) {
		r = overflow_of(block, arena, &overflow);
		column_init_empty(ret, name, block->nrows);
	}
	if (r == 0 && overflow)
		r = overflow_column(overflow, name, arena, ret);
	if (r < 0)
		return err_set(reterr, r, "the memory limit is too low for field %.*s",
			       SPAN_FMT(name));
	return 0;
}

static int names_locked(struct memtable *table, uint32_t nrows, struct names *names)
{
	int r = names_add(names, SPAN("_time"));

	r = r < 0 ? r : names_add(names, SPAN("_stream"));
	r = r < 0 ? r : names_add(names, SPAN("_stream_id"));
	for (size_t i = 0; r == 0 && i < table->columns.len; i++) {
		const struct mem_column *column = table->columns.ptr[i];

		if (column->values.len && column->values.ptr[0].row < nrows &&
		    !span_eq(column->name, OVERFLOW_NAME))
			r = names_add(names, column->name);
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
	int r = names_locked(table, block->nrows, &names);

	pthread_mutex_unlock(&table->lock);
	r = r < 0 ? r : names_list(&names, ret_names, ret_n);
	names_release(&names);
	return r < 0 ? err_set(reterr, r, "the memory limit is too low for the field names") : 0;
}

static int view_rare(struct row_block *block, const uint32_t *at, uint32_t n, struct arena *arena,
		     const struct rare_column **ret, size_t *ret_n, struct err *reterr)
{
	const struct overflow *overflow;
	int r = overflow_of(block, arena, &overflow);

	*ret_n = 0;
	if (r == 0 && overflow)
		r = overflow_rare(overflow, at, n, arena, ret, ret_n);
	return r < 0 ? err_set(reterr, r, "the memory limit is too low for the rare fields") : 0;
}

static void view_release(struct row_block *block)
{
	mem_view_release(view_of(block)); /* the view itself is the snapshot's */
}

static const struct row_block_ops view_ops = {
	.load = view_load,
	.names = view_names,
	.rare = view_rare,
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

void mem_view_release(struct mem_view *view)
{
	overflow_free(atomic_exchange(&view->overflow, NULL));
}
