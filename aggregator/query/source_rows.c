/* Rows at hand as a source: one block of texts, every scan the same. */
#include "aggregator/query/source.h"
#include "common/base/map.h"
#include "common/lang/number.h"
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

struct rows_block {
	struct row_block block;
	size_t from;
	struct source_rows *source;
};

struct source_rows {
	struct query_source source;
	struct arena arena;
	struct span *names;
	struct span **columns; /* of all rows */
	size_t ncolumns, nrows;
	struct rows_block *blocks;
	size_t nblocks;
};

struct rows_scan {
	struct source_scan scan;
	atomic_size_t next;
};

static int block_load(struct row_block *block, struct span name, struct arena *arena,
		      struct column *ret, struct err *reterr)
{
	struct rows_block *own = (struct rows_block *)block;
	const struct source_rows *source = own->source;

	(void)arena;
	(void)reterr;
	column_init_empty(ret, name, block->nrows);
	for (size_t i = 0; i < source->ncolumns; i++)
		if (span_eq(source->names[i], name)) {
			ret->kind = COLUMN_TEXT;
			ret->texts = source->columns[i] + own->from;
		}
	return 0;
}

static int block_names(struct row_block *block, struct arena *arena, const struct span **ret_names,
		       size_t *ret_n, struct err *reterr)
{
	const struct source_rows *source = ((struct rows_block *)block)->source;

	(void)arena;
	(void)reterr;
	*ret_names = source->names;
	*ret_n = source->ncolumns;
	return 0;
}

static void block_release(struct row_block *block)
{
	(void)block;
}

static const struct row_block_ops block_ops = {
	.load = block_load, .names = block_names, .release = block_release};

static int rows_scan(struct query_source *source, const struct source_want *want,
		     struct source_scan **ret, struct err *reterr)
{
	struct rows_scan *scan = calloc(1, sizeof(*scan));

	(void)want;
	if (!scan)
		return err_set(reterr, -ENOMEM, "out of memory");
	scan->scan.source = source;
	*ret = &scan->scan;
	return 0;
}

static int rows_next(struct source_scan *scan, unsigned worker, struct row_block **ret,
		     struct err *reterr)
{
	struct source_rows *source = (struct source_rows *)scan->source;
	size_t i = atomic_fetch_add(&((struct rows_scan *)scan)->next, 1);

	(void)worker;
	(void)reterr;
	if (i >= source->nblocks)
		return 0;
	*ret = &source->blocks[i].block;
	return 1;
}

static void rows_close_scan(struct source_scan *scan)
{
	free(scan);
}

static void rows_close(struct query_source *source)
{
	arena_release(&((struct source_rows *)source)->arena);
	free(source);
}

static const struct query_source_ops rows_ops = {
	.scan = rows_scan, .next = rows_next, .close_scan = rows_close_scan, .close = rows_close};

/* Give each distinct name of the rows a number. */
static int number_names(struct source_rows *source, const struct source_row *rows, struct map *map)
{
	for (size_t i = 0; i < source->nrows; i++)
		for (size_t k = 0; k < rows[i].n; k++) {
			struct span name = rows[i].pairs[2 * k];
			bool added;
			union map_value *value = map_put(map, name.ptr ? name : SPAN(""), &added);

			if (!value)
				return -ENOMEM;
			if (added)
				value->n = source->ncolumns++;
		}
	return 0;
}

static int copy_rows(struct source_rows *source, const struct source_row *rows,
		     const struct map *map)
{
	struct arena *arena = &source->arena;

	source->names = ARENA_ARRAY(arena, struct span, source->ncolumns + 1);
	source->columns = ARENA_ARRAY(arena, struct span *, source->ncolumns + 1);
	if (!source->names || !source->columns)
		return -ENOMEM;
	for (size_t i = 0; i < source->ncolumns; i++)
		if (!(source->columns[i] = ARENA_ARRAY(arena, struct span, source->nrows + 1)))
			return -ENOMEM;
	for (size_t i = 0; i < source->nrows; i++)
		for (size_t k = 0; k < rows[i].n; k++) {
			size_t at = map_get(map, rows[i].pairs[2 * k])->n;

			if (!source->names[at].ptr)
				source->names[at] = arena_dup(arena, rows[i].pairs[2 * k]);
			source->columns[at][i] = arena_dup(arena, rows[i].pairs[2 * k + 1]);
		}
	return arena->overflowed ? -ENOMEM : 0;
}

/* The range of _time, open if some row has none that reads as a time. */
static void find_times(const struct source_rows *source, struct rows_block *own)
{
	struct row_block *block = &own->block;
	struct span *times = NULL;

	for (size_t i = 0; i < source->ncolumns; i++)
		if (span_eq(source->names[i], SPAN("_time")))
			times = source->columns[i] + own->from;
	block->min_time = INT64_MAX;
	block->max_time = INT64_MIN;
	for (size_t i = 0; i < block->nrows; i++) {
		int64_t ns;

		if (!times || !lang_time(times[i], &ns)) {
			block->min_time = INT64_MIN;
			block->max_time = INT64_MAX;
			return;
		}
		block->min_time = ns < block->min_time ? ns : block->min_time;
		block->max_time = ns > block->max_time ? ns : block->max_time;
	}
}

static int cut_blocks(struct source_rows *source)
{
	size_t n = (source->nrows + ROW_BLOCK_MAX - 1) / ROW_BLOCK_MAX;

	source->blocks = ARENA_ARRAY(&source->arena, struct rows_block, n + 1);
	if (!source->blocks)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		struct rows_block *block = &source->blocks[i];
		size_t left = source->nrows - i * ROW_BLOCK_MAX;

		block->from = i * ROW_BLOCK_MAX;
		block->source = source;
		block->block.ops = &block_ops;
		block->block.nrows = (uint32_t)(left < ROW_BLOCK_MAX ? left : ROW_BLOCK_MAX);
		find_times(source, block);
	}
	source->nblocks = n;
	return 0;
}

int source_rows_open(const struct source_row *rows, size_t nrows, struct query_source **ret)
{
	struct source_rows *source = calloc(1, sizeof(*source));
	struct map map = {0};
	int r;

	if (!source)
		return -ENOMEM;
	source->source.ops = &rows_ops;
	source->nrows = nrows;
	arena_init(&source->arena, SIZE_MAX / 4);
	r = number_names(source, rows, &map);
	if (r >= 0)
		r = copy_rows(source, rows, &map);
	if (r >= 0)
		r = cut_blocks(source);
	map_release(&map);
	if (r < 0)
		rows_close(&source->source);
	else
		*ret = &source->source;
	return r;
}

void source_close(struct query_source *source)
{
	if (source)
		source->ops->close(source);
}
