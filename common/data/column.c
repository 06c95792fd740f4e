#include "common/data/column.h"
#include "common/base/check.h"
#include "common/base/num.h"
#include "common/data/timestamp.h"
#include <errno.h>

#define FEW 4 /* rows for so many texts of a list: not worth a table of them all */

void column_init_empty(struct column *column, struct span name, uint32_t nrows)
{
	*column = (struct column){
		.name = name, .kind = COLUMN_CONST, .nrows = nrows, .value = SPAN("")};
}

/*
 * ints/10^scale without trailing zeros: 150 at scale 2 is "1.5", -5 is "-0.05".
 * Fixed, 150 is "1.50".
 */
static size_t format_decimal(char *text, int64_t n, uint32_t scale, bool fixed)
{
	char digits[NUM_TEXT_MAX];
	uint64_t size = n < 0 ? 0 - (uint64_t)n : (uint64_t)n;

	while (!fixed && scale && size % 10 == 0) {
		size /= 10;
		scale--;
	}
	size_t ndigits = num_format_u64(digits, size), len = 0;

	if (n < 0)
		text[len++] = '-';
	if (!scale) {
		memcpy(text + len, digits, ndigits);
		return len + ndigits;
	}
	size_t whole = ndigits > scale ? ndigits - scale : 0;

	if (whole)
		memcpy(text + len, digits, whole);
	else
		text[len] = '0';
	len += whole ? whole : 1;
	text[len++] = '.';
	for (size_t zeros = scale - (ndigits - whole); zeros; zeros--)
		text[len++] = '0';
	memcpy(text + len, digits + whole, ndigits - whole);
	return len + ndigits - whole;
}

struct span column_text(const struct column *column, size_t row, char *scratch)
{
	if (column->texts)
		return column->texts[row];
	if (column->list) {
		CHECK(column->list->texts);
		return column->list->texts[column->numbers ? column->numbers[row] : row];
	}
	switch (column->kind) {
	case COLUMN_CONST:
		return column->value;
	case COLUMN_DICT:
		return column->dict[column->codes[row]];
	case COLUMN_INT:
		if (column->absent && bit_get(column->absent, row))
			return SPAN("");
		return span_of(scratch, format_decimal(scratch, column->ints[row], column->scale,
						       column->fixed));
	case COLUMN_TIME:
		timestamp_format(scratch, column->ints[row]);
		return span_of(scratch, TIMESTAMP_TEXT_LEN);
	case COLUMN_TEXT:
		break;
	}
	return SPAN("");
}

/* Which texts of the list the rows have; NULL past the budget. */
static uint64_t *used_texts(const struct column *column, struct arena *arena)
{
	uint64_t *bits = ARENA_ARRAY(arena, uint64_t, BITMAP_WORDS((size_t)column->list->n + 1));

	for (uint32_t row = 0; bits && row < column->nrows; row++)
		bit_set(bits, column->numbers[row]);
	if (bits)
		bit_clear(bits, column->list->n);
	return bits;
}

int column_make_list(struct column *column, struct arena *arena)
{
	struct text_list *list = column->list;

	if (column->texts || !list || list->made)
		return 0;
	uint64_t *used = column->numbers ? used_texts(column, arena) : NULL;

	if (column->numbers && !used)
		return -ENOMEM;
	return text_list_make(list, used, arena);
}

/* From the back, so that packed texts make room for themselves. */
static void spread_texts(const struct column *column, struct span *texts, uint32_t n)
{
	for (uint32_t row = column->nrows; row-- > 0;)
		texts[row] = column->numbers[row] < column->list->n ? texts[--n] : SPAN("");
}

/* A text for each row, of a list that is much longer. */
static int make_few(struct column *column, struct arena *arena)
{
	struct text_list *list = column->list;
	struct span *texts = arena_alloc(arena, column->nrows * sizeof(*texts));
	uint32_t *numbers = arena_alloc(arena, column->nrows * sizeof(*numbers)), n = 0;

	if (!texts || !numbers)
		return -ENOMEM;
	for (uint32_t row = 0; row < column->nrows; row++)
		if (column->numbers[row] < list->n)
			numbers[n++] = column->numbers[row];
	int r = text_list_some(list, numbers, n, arena, texts);

	if (r < 0)
		return r;
	spread_texts(column, texts, n);
	column->texts = texts;
	column->list = NULL;
	column->numbers = NULL;
	return 0;
}

int column_make(struct column *column, struct arena *arena)
{
	struct text_list *list = column->list;

	if (!column->texts && list && column->numbers && column->nrows < list->n / FEW)
		return make_few(column, arena);
	int r = column_make_list(column, arena);

	if (column->texts || !list || r < 0)
		return r;
	column->texts = list->texts;
	if (column->numbers) {
		struct span *texts = arena_alloc(arena, column->nrows * sizeof(*texts));

		if (!texts)
			return -ENOMEM;
		for (uint32_t row = 0; row < column->nrows; row++)
			texts[row] = list->texts[column->numbers[row]];
		column->texts = texts;
	}
	column->list = NULL;
	column->numbers = NULL;
	return 0;
}

const struct span *column_texts(struct column *column, struct arena *arena)
{
	char scratch[COLUMN_SCRATCH];

	if (column_make(column, arena) < 0)
		return NULL;
	if (column->texts)
		return column->texts;
	struct span *texts = arena_alloc(arena, column->nrows * sizeof(*texts));
	bool formatted = column->kind == COLUMN_INT || column->kind == COLUMN_TIME;

	if (!texts)
		return NULL;
	if (column->kind == COLUMN_DICT) {
		for (uint32_t row = 0; row < column->nrows; row++)
			texts[row] = column->dict[column->codes[row]];
		return column->texts = texts;
	}
	for (uint32_t row = 0; row < column->nrows; row++) {
		struct span text = column_text(column, row, scratch);

		texts[row] = formatted ? arena_dup(arena, text) : text;
		if (formatted && !texts[row].ptr)
			return NULL;
	}
	column->texts = texts;
	return texts;
}

#define DICT_MAX 256

/* The values as a dictionary, where the empty text is number 0; 0 = too many of them. */
static uint32_t number_values(const struct rare_column *rare, struct span *dict, uint8_t *codes)
{
	uint32_t ndict = 1;

	dict[0] = SPAN("");
	for (uint32_t i = 0; i < rare->n; i++) {
		uint32_t code = 0;

		while (code < ndict && !span_eq(dict[code], rare->texts[i]))
			code++;
		if (code == DICT_MAX)
			return 0;
		if (code == ndict)
			dict[ndict++] = rare->texts[i];
		codes[rare->rows[i]] = (uint8_t)code;
	}
	return ndict;
}

int column_of_rare(const struct rare_column *rare, uint32_t nrows, struct arena *arena,
		   struct column *ret)
{
	struct span dict[DICT_MAX];
	uint8_t *codes = ARENA_ARRAY(arena, uint8_t, nrows);
	uint32_t ndict = codes ? number_values(rare, dict, codes) : 0;

	*ret = (struct column){.name = rare->name, .nrows = nrows};
	if (!ndict) {
		struct span *texts = ARENA_ARRAY(arena, struct span, nrows);

		for (uint32_t i = 0; texts && i < rare->n; i++)
			texts[rare->rows[i]] = rare->texts[i];
		ret->kind = COLUMN_TEXT;
		ret->texts = texts;
		return texts ? 0 : -ENOMEM;
	}
	struct span *kept = arena_alloc(arena, ndict * sizeof(*kept));

	if (!kept)
		return -ENOMEM;
	memcpy(kept, dict, ndict * sizeof(*kept));
	ret->kind = COLUMN_DICT;
	ret->codes = codes;
	ret->dict = kept;
	ret->ndict = ndict;
	return 0;
}
