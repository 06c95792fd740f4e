#include "aggregator/query/pipes/pattern_texts.h"

#include "aggregator/query/text/collapse.h"
#include "common/base/cleanup.h"
#include "common/base/map.h"
#include <errno.h>

#define PATTERN_TEXT_MAX (1u << 20)
#define PATTERNS_FIRST   64

/*
 * The patterns of a batch.  Naming what groups of <N> stand for costs several
 * searches a text, so it is done once for each text without its numbers:
 *
 *	message ─ collapse ─▶ "user <N> from <N>.<N>.<N>.<N>" ─ map ─▶ pattern
 */
struct batch {
	struct rows *rows;
	struct map known; /* text without numbers → number of its pattern */
	struct buf text;
	struct span *list; /* the patterns, with room for one more */
	size_t nlist, cap;
};

static int batch_init(struct batch *batch, struct rows *rows)
{
	*batch = (struct batch){
		.rows = rows, .text = BUF_INIT(PATTERN_TEXT_MAX), .cap = PATTERNS_FIRST};
	batch->list = arena_alloc(rows->arena, batch->cap * sizeof(*batch->list));
	return batch->list ? 0 : -ENOMEM;
}

/* Shapes may be more than the rows that were picked: how many patterns come is not known. */
static int push_pattern(struct batch *batch, struct span pattern)
{
	batch->list[batch->nlist++] = pattern;
	if (batch->nlist < batch->cap)
		return 0;
	size_t bytes = batch->cap * sizeof(*batch->list);
	struct span *larger = arena_alloc(batch->rows->arena, 2 * bytes);

	if (!larger)
		return -ENOMEM;
	memcpy(larger, batch->list, bytes);
	batch->list = larger;
	batch->cap *= 2;
	return 0;
}

static void batch_release(struct batch *batch)
{
	map_release(&batch->known);
	buf_release(&batch->text);
}

/* A text that is too long when collapsed has the pattern of what fits. */
static int add_pattern(struct batch *batch, union map_value *value)
{
	struct arena *arena = batch->rows->arena;
	struct span collapsed = buf_span(&batch->text);
	struct span key = collapsed.len ? arena_dup(arena, collapsed) : SPAN("");

	if (!key.ptr)
		return -ENOMEM;
	value->n = batch->nlist;
	map_rekey(&batch->known, collapsed, key);
	if (!batch->text.failed)
		text_prettify_nums(&batch->text, 0);
	int r = push_pattern(batch, arena_dup(arena, buf_span(&batch->text)));

	return r < 0 || arena->overflowed ? -ENOMEM : 0;
}

/* The number of the pattern of the text in batch->text in the list, or -ENOMEM. */
static int64_t collapsed_pattern(struct batch *batch)
{
	bool added;
	union map_value *value = map_put(&batch->known, buf_span(&batch->text), &added);

	if (!value)
		return -ENOMEM;
	uint64_t number = added ? batch->nlist : value->n;

	return added && add_pattern(batch, value) < 0 ? -ENOMEM : (int64_t)number;
}

static int64_t pattern_of(struct batch *batch, struct span message)
{
	buf_reset(&batch->text);
	text_collapse_nums(message, &batch->text);
	return collapsed_pattern(batch);
}

/* The number of each row's pattern; equal messages in a row are looked at once. */
static int number_texts(struct batch *batch, const struct span *messages, uint32_t *numbers)
{
	for (uint32_t i = 0; i < batch->rows->n; i++) {
		if (i && span_eq(messages[i], messages[i - 1])) {
			numbers[i] = numbers[i - 1];
			continue;
		}
		int64_t number = pattern_of(batch, messages[i]);

		if (number < 0)
			return (int)number;
		numbers[i] = (uint32_t)number;
	}
	return 0;
}

/* Not numbered (yet). */
#define OPEN UINT32_MAX

/* A list's texts have the patterns of their shapes, where a shape has just one. */
static int number_shapes(struct batch *batch, const struct text_list *list, uint32_t *of_text)
{
	uint32_t *of_shape = ARENA_ARRAY(batch->rows->arena, uint32_t, (size_t)list->nshapes + 1);

	if (!of_shape)
		return -ENOMEM;
	for (uint32_t i = 0; i < list->nshapes; i++) {
		buf_reset(&batch->text);
		bool one = text_collapse_shape(&list->shapes[i], &batch->text);
		int64_t number = one ? collapsed_pattern(batch) : OPEN;

		if (number < 0)
			return (int)number;
		of_shape[i] = (uint32_t)number;
	}
	for (uint32_t i = 0; i < list->n; i++)
		of_text[i] = of_shape[list->shape_of[i]];
	return 0;
}

/* Those that rows have and that are still open. */
static int number_open_texts(struct batch *batch, const struct column *column, uint32_t *of_text)
{
	struct text_list *list = column->list;
	size_t words = BITMAP_WORDS((size_t)list->n + 1);
	uint64_t *open = ARENA_ARRAY(batch->rows->arena, uint64_t, words);

	if (!open)
		return -ENOMEM;
	for (uint32_t row = 0; row < column->nrows; row++) {
		uint32_t text = column->numbers ? column->numbers[row] : row;

		if (text < list->n && of_text[text] == OPEN)
			bit_set(open, text);
	}
	int r = text_list_make(list, open, batch->rows->arena);

	for (uint32_t i = 0; r >= 0 && i < list->n; i++) {
		if (!bit_get(open, i))
			continue;
		int64_t number = pattern_of(batch, list->texts[i]);

		if (number < 0)
			return (int)number;
		of_text[i] = (uint32_t)number;
	}
	return r;
}

static int number_list(struct batch *batch, const struct column *column, uint32_t *numbers)
{
	struct text_list *list = column->list;
	uint32_t *of_text =
		arena_alloc(batch->rows->arena, ((size_t)list->n + 1) * sizeof(*of_text));
	int64_t none = pattern_of(batch, SPAN(""));

	if (!of_text || none < 0)
		return -ENOMEM;
	memset(of_text, 0xff, ((size_t)list->n + 1) * sizeof(*of_text));
	of_text[list->n] = (uint32_t)none;
	int r = list->shape_of ? number_shapes(batch, list, of_text) : 0;

	if (r >= 0)
		r = number_open_texts(batch, column, of_text);
	for (uint32_t row = 0; r >= 0 && row < column->nrows; row++)
		numbers[row] = of_text[column->numbers ? column->numbers[row] : row];
	return r;
}

static int number_rows(struct batch *batch, struct span name, uint32_t *numbers)
{
	struct rows *rows = batch->rows;
	const struct column *column = rows_stored(rows, name);

	if (column->list) {
		int r = number_list(batch, column, numbers);

		return r < 0 ? rows_list_failed(rows, name, r) : 0;
	}
	const struct span *messages = rows_texts(rows, name);

	return messages ? number_texts(batch, messages, numbers) : -ENOMEM;
}

/* The number of each row's pattern in batch->list, and room for one row more. */
static int number_batch(struct batch *batch, struct span name, uint32_t **ret)
{
	uint32_t *numbers =
		arena_alloc(batch->rows->arena, ((size_t)batch->rows->n + 1) * sizeof(*numbers));
	int r = numbers ? number_rows(batch, name, numbers) : -ENOMEM;

	*ret = numbers;
	return r;
}

struct span *pattern_texts(struct rows *rows, struct span name)
{
	_cleanup_(batch_release) struct batch batch;
	int r = batch_init(&batch, rows);
	struct span *texts = arena_alloc(rows->arena, ((size_t)rows->n + 1) * sizeof(*texts));
	uint32_t *numbers;

	if (r < 0 || !texts || number_batch(&batch, name, &numbers) < 0)
		return NULL;
	for (uint32_t i = 0; i < rows->n; i++)
		texts[i] = batch.list[numbers[i]];
	return texts;
}

int pattern_column(struct rows *rows, struct span name, struct column *ret)
{
	_cleanup_(batch_release) struct batch batch;
	struct text_list *list = ARENA_NEW(rows->arena, struct text_list);
	int r = batch_init(&batch, rows);
	uint32_t *numbers;

	if (!list)
		r = -ENOMEM;
	if (r >= 0)
		r = number_batch(&batch, name, &numbers);
	if (r < 0)
		return r;
	batch.list[batch.nlist] = SPAN("");
	*list = (struct text_list){.n = (uint32_t)batch.nlist, .made = true, .texts = batch.list};
	*ret = (struct column){
		.kind = COLUMN_TEXT, .nrows = rows->n, .list = list, .numbers = numbers};
	return 0;
}
