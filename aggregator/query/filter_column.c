/* A leaf on a column, in the form that the column has; see filter_exec.h. */
#include "aggregator/query/filter_column.h"

#include "common/lang/match.h"
#include "common/lang/number.h"
#include "common/lang/shape.h"
#include <errno.h>
#include <math.h>

#define FEW_CODES       4
#define STOP_LOOK_TEXTS 64

/* Leaves of which a block of rows may take seconds: they ask now and then whether to go on. */
static bool is_slow(const struct filter *leaf)
{
	return leaf->kind == FILTER_REGEX || leaf->kind == FILTER_PATTERN ||
	       leaf->values.len > 64 || leaf->text.len > 4096;
}

/* 0, or what the rows are to be given up with; `n` counts the texts looked at. */
static int look(const struct rows *rows, uint32_t *n)
{
	return (*n)++ % STOP_LOOK_TEXTS || !rows->stopped ? 0 : rows->stopped(rows->stopped_ctx);
}

static int match_texts(const struct filter *leaf, const struct rows *rows, const struct span *texts,
		       uint64_t *bits)
{
	bool slow = is_slow(leaf);
	uint32_t row, n = 0;
	int r;

	each_bit (bits, rows->n, row) {
		if (slow && (r = look(rows, &n)) < 0)
			return r;
		if (!filter_match_text(leaf, texts[row]))
			bit_clear(bits, row);
	}
	return 0;
}

/* Which entries of a dictionary match, as a table and, where they are few, as a list. */
struct dict_test {
	uint8_t match[256]; /* 0 or 1 */
	uint8_t few[FEW_CODES];
	size_t nfew;   /* > FEW_CODES: the list is not complete */
	uint64_t flip; /* all ones: the list has those that don't match */
};

static void list_few(struct dict_test *test, uint32_t ndict, uint8_t match)
{
	test->nfew = 0;
	test->flip = match ? 0 : ~UINT64_C(0);
	for (uint32_t i = 0; i < ndict; i++) {
		if (test->match[i] != match)
			continue;
		if (test->nfew < FEW_CODES)
			test->few[test->nfew] = (uint8_t)i;
		test->nfew++;
	}
}

static void test_dict(const struct filter *leaf, const struct column *column,
		      struct dict_test *test)
{
	for (uint32_t i = 0; i < column->ndict; i++)
		test->match[i] = filter_match_text(leaf, column->dict[i]);
	list_few(test, column->ndict, 1);
	if (test->nfew > FEW_CODES)
		list_few(test, column->ndict, 0);
}

static uint64_t match_codes(const struct dict_test *test, const uint8_t *codes, size_t n)
{
	uint64_t match = 0;

	for (size_t i = 0; i < n; i++)
		match |= (uint64_t)test->match[codes[i]] << i;
	return match;
}

#ifdef __SSE2__
#include <emmintrin.h>

/* 64 rows, 16 at a time: 0.1 ns a row and code, where the table takes 0.7 ns a row. */
static uint64_t match_few(const struct dict_test *test, const uint8_t *codes)
{
	uint64_t match = 0;

	for (size_t i = 0; i < 64; i += 16) {
		__m128i rows = _mm_loadu_si128((const __m128i *)(const void *)(codes + i));
		__m128i same = _mm_setzero_si128();

		for (size_t k = 0; k < test->nfew; k++) {
			__m128i code = _mm_set1_epi8((char)test->few[k]);

			same = _mm_or_si128(same, _mm_cmpeq_epi8(rows, code));
		}
		match |= (uint64_t)(unsigned)_mm_movemask_epi8(same) << i;
	}
	return match ^ test->flip;
}
#else
static uint64_t match_few(const struct dict_test *test, const uint8_t *codes)
{
	return match_codes(test, codes, 64);
}
#endif

static void match_dict(const struct filter *leaf, const struct column *column, uint64_t *bits)
{
	struct dict_test test;

	test_dict(leaf, column, &test);
	for (size_t w = 0; w < BITMAP_WORDS(column->nrows); w++) {
		const uint8_t *codes = column->codes + w * 64;
		size_t n = column->nrows - w * 64;

		if (!bits[w])
			continue;
		if (n >= 64 && test.nfew <= FEW_CODES)
			bits[w] &= match_few(&test, codes);
		else
			bits[w] &= match_codes(&test, codes, n < 64 ? n : 64);
	}
}

/* The double that a stored integer stands for grows with it: its bounds become integers. */
struct int_range {
	int64_t min, max;
	bool none;
};

/* Whether the number of `n` is at or beyond the bound; `above`: beyond. */
static bool reaches(int64_t n, double unit, double bound, bool above)
{
	double number = (double)n / unit;

	return above ? !(number <= bound) : number >= bound;
}

/* The smallest integer that does; false if none does. */
static bool find_bound(double unit, double bound, bool above, int64_t *ret)
{
	int64_t low = INT64_MIN, high = INT64_MAX;

	if (!reaches(high, unit, bound, above))
		return false;
	while (low < high) {
		int64_t mid = low + (int64_t)(((uint64_t)high - (uint64_t)low) / 2);

		if (reaches(mid, unit, bound, above))
			high = mid;
		else
			low = mid + 1;
	}
	*ret = low;
	return true;
}

static struct int_range int_range_of(const struct filter *leaf, double unit)
{
	struct int_range range = {.max = INT64_MAX};
	int64_t above;

	range.none = !find_bound(unit, leaf->min, false, &range.min);
	if (find_bound(unit, leaf->max, true, &above)) {
		range.none |= above == INT64_MIN;
		range.max = above - (above > INT64_MIN);
	}
	range.none |= range.min > range.max;
	return range;
}

/*
 * A word of 64 rows at a time, without branches: a bound that half of the rows
 * meet, in no order, costs as much as one that none do.
 */
static void match_numbers(const struct filter *leaf, const struct column *column, uint64_t *bits)
{
	double unit = column->kind == COLUMN_INT ? pow(10, column->scale) : 1;
	uint64_t empty = filter_matches_empty(leaf) ? ~UINT64_C(0) : 0;
	struct int_range range = int_range_of(leaf, unit);
	uint64_t width = (uint64_t)range.max - (uint64_t)range.min;

	for (size_t w = 0; w < BITMAP_WORDS(column->nrows); w++) {
		const int64_t *ints = column->ints + w * 64;
		size_t n = column->nrows - w * 64 < 64 ? column->nrows - w * 64 : 64;
		uint64_t match = 0, absent = column->absent ? column->absent[w] : 0;

		if (!bits[w])
			continue;
		for (size_t i = 0; i < n && !range.none; i++)
			match |= (uint64_t)((uint64_t)ints[i] - (uint64_t)range.min <= width) << i;
		bits[w] &= (match & ~absent) | (empty & absent);
	}
}

/* =123 on integers: the text can only be that number in its one spelling. */
static bool match_int(const struct filter *leaf, const struct column *column, uint64_t *bits)
{
	int64_t wanted;
	uint32_t row;

	if (column->kind != COLUMN_INT || column->scale || !leaf->text.len ||
	    !lang_i64(leaf->text, &wanted))
		return false;
	char scratch[64];
	struct column one = {.kind = COLUMN_INT, .nrows = 1, .ints = &wanted};

	if (!span_eq(column_text(&one, 0, scratch), leaf->text)) {
		bits_clear_all(bits, column->nrows);
		return true;
	}
	each_bit (bits, column->nrows, row)
		if (column->ints[row] != wanted || (column->absent && bit_get(column->absent, row)))
			bit_clear(bits, row);
	return true;
}

/* What is known of each text of a list: 0 or 1, or that it must be looked at. */
#define UNKNOWN 2

static void ask_shapes(const struct filter *leaf, const struct text_list *list, uint8_t *verdicts,
		       uint8_t *of_shape)
{
	static const uint8_t as_verdict[] = {
		[SHAPE_NO] = 0, [SHAPE_YES] = 1, [SHAPE_MAYBE] = UNKNOWN};

	for (uint32_t i = 0; i < list->nshapes; i++)
		of_shape[i] = as_verdict[filter_match_shape(leaf, &list->shapes[i])];
	for (uint32_t i = 0; i < list->n; i++)
		verdicts[i] = of_shape[list->shape_of[i]];
}

/* Make and look at the texts that are open, of those that rows have. */
static int ask_texts(const struct filter *leaf, const struct rows *rows,
		     const struct column *column, const uint64_t *bits, uint8_t *verdicts)
{
	struct text_list *list = column->list;
	uint64_t *wanted = ARENA_ARRAY(rows->arena, uint64_t, BITMAP_WORDS((size_t)list->n + 1));
	bool slow = is_slow(leaf);
	uint32_t row, i, n = 0;

	if (!wanted)
		return -ENOMEM;
	each_bit (bits, column->nrows, row) {
		uint32_t number = column->numbers ? column->numbers[row] : row;

		if (verdicts[number] == UNKNOWN)
			bit_set(wanted, number);
	}
	int r = text_list_make(list, wanted, rows->arena);

	if (r < 0)
		return r;
	each_bit (wanted, list->n, i) {
		if (slow && (r = look(rows, &n)) < 0)
			return r;
		verdicts[i] = filter_match_text(leaf, list->texts[i]);
	}
	return 0;
}

static void match_verdicts(const struct column *column, const uint8_t *verdicts, uint64_t *bits)
{
	for (size_t w = 0; w < BITMAP_WORDS(column->nrows); w++) {
		size_t from = w * 64, n = column->nrows - from < 64 ? column->nrows - from : 64;
		uint64_t match = 0;

		if (!bits[w])
			continue;
		for (size_t i = 0; i < n; i++) {
			size_t number = column->numbers ? column->numbers[from + i] : from + i;

			match |= (uint64_t)(verdicts[number] == 1) << i;
		}
		bits[w] &= match;
	}
}

static bool on_addresses(const struct filter *leaf, const struct text_list *list)
{
	return list->addresses && (leaf->kind == FILTER_IPV4_RANGE || leaf->kind == FILTER_RANGE);
}

static void ask_addresses(const struct filter *leaf, const struct text_list *list,
			  uint8_t *verdicts)
{
	for (uint32_t i = 0; i < list->n; i++) {
		uint32_t address = list->addresses[i];

		verdicts[i] = leaf->kind == FILTER_RANGE
				      ? filter_match_number(leaf, address)
				      : address >= leaf->umin && address <= leaf->umax;
	}
}

static int match_list(const struct filter *leaf, const struct rows *rows,
		      const struct column *column, uint64_t *bits)
{
	struct text_list *list = column->list;
	uint8_t *verdicts = arena_alloc(rows->arena, (size_t)list->n + 1 + list->nshapes);
	int r = 0;

	if (!verdicts)
		return -ENOMEM;
	verdicts[list->n] = filter_matches_empty(leaf);
	if (leaf->kind == FILTER_EXACT && list->equal) {
		list->equal(list, leaf->text, verdicts);
	} else if (on_addresses(leaf, list)) {
		ask_addresses(leaf, list, verdicts);
	} else if (list->shape_of) {
		ask_shapes(leaf, list, verdicts, verdicts + list->n + 1);
		r = ask_texts(leaf, rows, column, bits, verdicts);
	} else {
		memset(verdicts, UNKNOWN, list->n);
		r = ask_texts(leaf, rows, column, bits, verdicts);
	}
	if (r == 0)
		match_verdicts(column, verdicts, bits);
	return r;
}

int filter_match_column(const struct filter *leaf, struct rows *rows, struct span name,
			uint64_t *bits)
{
	const struct column *column = rows_stored(rows, name);
	int r;

	switch (column->kind) {
	case COLUMN_CONST:
		if (!filter_match_text(leaf, column->value))
			bits_clear_all(bits, rows->n);
		return rows->failed;
	case COLUMN_DICT:
		match_dict(leaf, column, bits);
		return rows->failed;
	case COLUMN_INT:
	case COLUMN_TIME:
		if (leaf->kind == FILTER_RANGE) {
			match_numbers(leaf, column, bits);
			return rows->failed;
		}
		if (leaf->kind == FILTER_EXACT && match_int(leaf, column, bits))
			return rows->failed;
		break;
	case COLUMN_TEXT:
		if (!column->list)
			break;
		r = match_list(leaf, rows, column, bits);
		if (r == -ENOMEM || r == -EBADMSG)
			return rows_list_failed(rows, name, r);
		return r < 0 ? r : rows->failed;
	}
	const struct span *texts = rows_texts(rows, name);

	r = texts ? match_texts(leaf, rows, texts, bits) : 0;

	return r < 0 ? r : rows->failed;
}
