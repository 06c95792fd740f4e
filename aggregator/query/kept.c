#include "aggregator/query/kept.h"

#include <errno.h>

#define PUSH_ROWS  4096
#define PUSH_CELLS (1u << 20) /* rows of very many columns go on in fewer rows */

void kept_init(struct kept *kept)
{
	*kept = (struct kept){.nrows = 0};
	stage_arena_init(&kept->arena);
}

void kept_release(struct kept *kept)
{
	stage_arena_release(&kept->arena);
	vec_release(&kept->batches);
	vec_release(&kept->names);
	map_release(&kept->numbers);
}

static int64_t number_of(struct kept *kept, struct span name)
{
	struct span key = name.ptr ? name : SPAN("");
	bool added;
	union map_value *value = map_put(&kept->numbers, key, &added);

	if (!value)
		return -ENOMEM;
	if (added) {
		struct span copy = key.len ? arena_dup(&kept->arena.arena, key) : SPAN("");

		if (!copy.ptr || vec_push(&kept->names, copy) < 0) {
			map_remove(&kept->numbers, key);
			return -ENOMEM;
		}
		value->n = kept->names.len - 1;
		map_rekey(&kept->numbers, key, copy);
		return (int64_t)kept->names.len - 1;
	}
	return (int64_t)value->n;
}

static void *copy_bytes(struct arena *arena, const void *bytes, size_t n)
{
	void *copy = arena_alloc(arena, n ? n : 1);

	if (copy && n)
		memcpy(copy, bytes, n);
	return copy;
}

/* The texts with their bytes in one piece. */
static struct span *copy_texts(struct arena *arena, const struct span *texts, size_t n)
{
	struct span *copy = arena_alloc(arena, (n + 1) * sizeof(*copy));
	size_t total = 0;
	char *at;

	for (size_t i = 0; i < n; i++)
		total += texts[i].len;
	at = arena_alloc(arena, total + 1);
	if (!copy || !at)
		return NULL;
	for (size_t i = 0; i < n; i++) {
		/* Runs of the same text are common: stack traces, streams, one trace. */
		if (i && texts[i].len && span_eq(texts[i], texts[i - 1])) {
			copy[i] = copy[i - 1];
			continue;
		}
		copy[i] = span_of(at, texts[i].len);
		if (texts[i].len)
			memcpy(at, texts[i].ptr, texts[i].len);
		at += texts[i].len;
	}
	return copy;
}

static int copy_column(struct arena *arena, const struct column *from, struct column *to)
{
	uint32_t n = from->nrows;
	bool ok = true;

	*to = *from;
	to->texts = NULL;
	switch (from->kind) {
	case COLUMN_CONST:
		to->value = from->value.len ? arena_dup(arena, from->value) : SPAN("");
		ok = to->value.ptr;
		break;
	case COLUMN_DICT:
		to->codes = copy_bytes(arena, from->codes, n);
		to->dict = copy_texts(arena, from->dict, from->ndict);
		ok = to->codes && to->dict;
		break;
	case COLUMN_INT:
	case COLUMN_TIME:
		to->ints = copy_bytes(arena, from->ints, n * sizeof(*from->ints));
		if (from->absent)
			to->absent = copy_bytes(arena, from->absent,
						BITMAP_WORDS(n) * sizeof(*from->absent));
		ok = to->ints && (!from->absent || to->absent);
		break;
	case COLUMN_TEXT:
		to->texts = copy_texts(arena, from->texts, n);
		ok = to->texts;
		break;
	}
	return ok ? 0 : -ENOMEM;
}

static int copy_rows(struct kept *kept, struct rows *rows, const struct span *names, size_t n,
		     struct kept_batch *ret)
{
	struct arena *arena = &kept->arena.arena;
	struct kept_batch batch = {.nrows = rows->n, .ncolumns = (uint32_t)n};

	batch.columns = ARENA_ARRAY(arena, struct column, n + 1);
	batch.names = ARENA_ARRAY(arena, uint32_t, n + 1);
	if (!batch.columns || !batch.names)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		int64_t number = number_of(kept, names[i]);

		if (number < 0)
			return (int)number;
		batch.names[i] = (uint32_t)number;
		if (copy_column(arena, rows_column(rows, names[i]), &batch.columns[i]) < 0)
			return -ENOMEM;
		batch.columns[i].name = kept->names.ptr[number];
	}
	*ret = batch;
	return rows->failed;
}

int kept_add(struct kept *kept, struct stage *stage, struct rows *rows)
{
	struct kept_batch batch;
	const struct span *names;
	size_t n;
	int r = stage_arena_charge(stage, &kept->arena);

	if (r >= 0)
		r = rows_names(rows, &names, &n);
	if (r >= 0)
		r = copy_rows(kept, rows, names, n, &batch);
	if (r >= 0)
		r = vec_push(&kept->batches, batch);
	if (r >= 0)
		kept->nrows += rows->n;
	if (rows->failed == -EBADMSG)
		return rows->failed;
	if (r == -ENOMEM)
		return stage_no_memory(stage);
	return r < 0 ? stage_fail(stage, r, "%s", rows->err.text) : 0;
}

int kept_absorb(struct kept *kept, struct stage *stage, const struct kept *from,
		uint32_t *ret_first)
{
	uint32_t first = (uint32_t)kept->batches.len;
	int r = stage_arena_charge(stage, &kept->arena);

	for (size_t i = 0; r >= 0 && i < from->batches.len; i++) {
		struct kept_batch batch = from->batches.ptr[i];
		uint32_t *names = ARENA_ARRAY(&kept->arena.arena, uint32_t, batch.ncolumns + 1);

		for (uint32_t k = 0; names && k < batch.ncolumns; k++) {
			int64_t number = number_of(kept, batch.columns[k].name);

			if (number < 0)
				return stage_no_memory(stage);
			names[k] = (uint32_t)number;
		}
		batch.names = names;
		r = names ? vec_push(&kept->batches, batch) : -ENOMEM;
	}
	if (r < 0)
		return stage_no_memory(stage);
	kept->nrows += from->nrows;
	*ret_first = first;
	return 0;
}

const struct column *kept_column(const struct kept *kept, uint32_t batch, struct span name)
{
	const struct kept_batch *b = &kept->batches.ptr[batch];

	for (uint32_t i = 0; i < b->ncolumns; i++)
		if (span_eq(b->columns[i].name, name))
			return &b->columns[i];
	return NULL;
}

struct span kept_text(const struct kept *kept, struct kept_ref ref, struct span name, char *scratch)
{
	const struct column *column = kept_column(kept, ref.batch, name);

	return column ? column_text(column, ref.row, scratch) : (struct span){0};
}

/* Where each batch has the column of name number `number`. */
static const struct column *numbered_column(const struct kept_batch *batch, uint32_t number)
{
	/* Columns of most batches come in the same order: look there first. */
	if (number < batch->ncolumns && batch->names[number] == number)
		return &batch->columns[number];
	for (uint32_t i = 0; i < batch->ncolumns; i++)
		if (batch->names[i] == number)
			return &batch->columns[i];
	return NULL;
}

static struct span value_of(const struct column *column, uint32_t row, struct arena *arena)
{
	char scratch[64];
	struct span text = column_text(column, row, scratch);

	return text.ptr == scratch ? arena_dup(arena, text) : text;
}

/* Times stay times if all rows have them, so that what follows can count on it. */
static bool gather_times(const struct kept *kept, const struct kept_ref *refs, size_t n,
			 const struct column **columns, int64_t *times)
{
	for (size_t i = 0; i < n; i++) {
		const struct column *column = columns[refs[i].batch];

		if (!column || column->kind != COLUMN_TIME)
			return false;
		times[i] = column->ints[refs[i].row];
	}
	return kept->nrows > 0;
}

static int gather_name(const struct kept *kept, uint32_t number, const struct kept_ref *refs,
		       size_t n, struct rows *rows)
{
	struct arena *arena = rows->arena;
	const struct column **columns =
		ARENA_ARRAY(arena, const struct column *, kept->batches.len + 1);
	struct span name = kept->names.ptr[number];
	bool any = false;

	if (!columns)
		return -ENOMEM;
	for (size_t i = 0; i < kept->batches.len; i++)
		columns[i] = numbered_column(&kept->batches.ptr[i], number);
	for (size_t i = 0; i < n && !any; i++)
		any = columns[refs[i].batch];
	if (!any)
		return 0;
	struct span *texts = arena_alloc(arena, (n + 1) * sizeof(*texts));

	if (!texts)
		return -ENOMEM;
	/* A span is as large as two times, so the array serves for either. */
	if (gather_times(kept, refs, n, columns, (int64_t *)texts))
		return rows_set_times(rows, name, (int64_t *)texts);
	for (size_t i = 0; i < n; i++) {
		const struct column *column = columns[refs[i].batch];

		texts[i] = column ? value_of(column, refs[i].row, arena) : (struct span){0};
	}
	return rows_set_texts(rows, name, texts);
}

int kept_rows(const struct kept *kept, const struct kept_ref *refs, size_t n, struct arena *arena,
	      struct rows *ret)
{
	int r = 0;

	rows_init(ret, arena, (uint32_t)n);
	for (uint32_t i = 0; r >= 0 && i < kept->names.len; i++)
		r = gather_name(kept, i, refs, n, ret);
	return r < 0 || arena->overflowed ? -ENOMEM : 0;
}

int kept_push(const struct kept *kept, const struct kept_ref *refs, size_t n, struct stage *stage,
	      int (*change)(void *ctx, struct rows *rows, size_t first), void *ctx)
{
	struct arena *arena = stage_rows_arena(stage, 0);
	size_t size = PUSH_CELLS / (kept->names.len + 1) + 1;
	int r = 0;

	size = size < PUSH_ROWS ? size : PUSH_ROWS;
	for (size_t i = 0; r == 0 && i < n; i += size) {
		struct rows rows;

		arena_reset(arena);
		r = kept_rows(kept, refs + i, n - i < size ? n - i : size, arena, &rows);
		if (r >= 0 && change)
			r = change(ctx, &rows, i);
		if (r >= 0)
			r = stage_push(stage->next, 0, &rows);
		if (r >= 0 && stage_stopped(stage) < 0)
			r = stage_stopped(stage);
	}
	return r < 0 ? r : 0;
}
