#include "aggregator/query/filter_exec.h"

#include "aggregator/query/filter_column.h"
#include "aggregator/query/pipe.h"
#include "common/lang/match.h"
#include "common/lang/number.h"
#include <errno.h>
#include <stdlib.h>

#define TOKENS_MAX 16
/* Alternatives of in(…) that are asked of the block's word filter; more say "maybe". */
#define ALTERNATIVES_MAX 64

void bits_fill(uint64_t *bits, size_t n)
{
	size_t words = BITMAP_WORDS(n);

	for (size_t i = 0; i < words; i++)
		bits[i] = ~UINT64_C(0);
	if (n % 64)
		bits[words - 1] = (UINT64_C(1) << (n % 64)) - 1;
}

bool bits_any(const uint64_t *bits, size_t n)
{
	for (size_t i = 0; i < BITMAP_WORDS(n); i++)
		if (bits[i])
			return true;
	return false;
}

/* Which leaves are dear; what is not listed costs 4. */
static const unsigned leaf_costs[] = {
	[FILTER_ALL] = 1,          [FILTER_NONE] = 1,
	[FILTER_TIME] = 1,         [FILTER_DAY_RANGE] = 2,
	[FILTER_WEEK_RANGE] = 2,   [FILTER_STREAM] = 2,
	[FILTER_STREAM_ID] = 2,    [FILTER_RANGE] = 3,
	[FILTER_EXACT] = 3,        [FILTER_EXACT_PREFIX] = 3,
	[FILTER_IN] = 4,           [FILTER_PHRASE] = 5,
	[FILTER_PREFIX] = 5,       [FILTER_SUBSTRING] = 5,
	[FILTER_SEQ] = 8,          [FILTER_CONTAINS_ANY] = 8,
	[FILTER_CONTAINS_ALL] = 8, [FILTER_ANY_CASE_PHRASE] = 12,
	[FILTER_PATTERN] = 12,     [FILTER_ANY_CASE_PREFIX] = 12,
	[FILTER_REGEX] = 20,       [FILTER_EQ_FIELD] = 8,
	[FILTER_LE_FIELD] = 10,    [FILTER_LT_FIELD] = 10,
	[FILTER_VALUE_TYPE] = 30,
};

unsigned filter_cost(const struct filter *filter)
{
	unsigned cost = 0;

	if (!filter_is_leaf(filter)) {
		for (size_t i = 0; i < filter->nkids; i++)
			cost += filter_cost(filter->kids[i]);
		return cost;
	}
	if (filter->kind < sizeof(leaf_costs) / sizeof(*leaf_costs))
		cost = leaf_costs[filter->kind];
	if (!cost)
		cost = 4;
	return filter->wild ? cost * 16 : cost;
}

static bool may_have_tokens(struct rows *rows, const struct filter *leaf)
{
	struct row_block *block = rows->block;
	uint64_t tokens[TOKENS_MAX];
	size_t n = filter_required_tokens(leaf, tokens, TOKENS_MAX);

	if (n)
		return block->ops->may_have_tokens(block, leaf->field, tokens, n);
	if (!filter_has_alternatives(leaf) || leaf->values.len > ALTERNATIVES_MAX)
		return true;
	for (size_t i = 0; i < leaf->values.len; i++) {
		n = filter_alternative_tokens(leaf, i, tokens, TOKENS_MAX);
		if (!n || block->ops->may_have_tokens(block, leaf->field, tokens, n))
			return true;
	}
	return leaf->values.len == 0;
}

/* A value that is a number, as all of the block are. */
static bool value_in_range(struct span value, double min, double max)
{
	double number;

	return lang_number(value, &number) && number >= min && number <= max;
}

/* False when no number from `min` to `max`, as they are stored, matches. */
static bool range_may_match(const struct filter *leaf, double min, double max)
{
	switch (leaf->kind) {
	case FILTER_RANGE:
		return max >= leaf->min && min <= leaf->max;
	case FILTER_IPV4_RANGE:
		return max >= (double)leaf->umin && min <= (double)leaf->umax;
	case FILTER_EXACT:
		return !leaf->text.len || value_in_range(leaf->text, min, max);
	case FILTER_IN:
		for (size_t i = 0; i < leaf->values.len && i < ALTERNATIVES_MAX; i++)
			if (!leaf->values.ptr[i].len ||
			    value_in_range(leaf->values.ptr[i], min, max))
				return true;
		return leaf->values.len > ALTERNATIVES_MAX;
	default:
		return true;
	}
}

/* False when certainly no row of the block matches; nothing is read. */
static bool leaf_may_match(struct rows *rows, const struct filter *leaf)
{
	struct row_block *block = rows->block;
	enum filter_class class = filter_class(leaf);
	double min, max;

	if (leaf->kind == FILTER_TIME && rows_is_stored(rows, SPAN("_time")))
		return leaf->tmin <= block->max_time && leaf->tmax >= block->min_time;
	if (class != FILTER_ON_TEXT || leaf->wild || !rows_is_stored(rows, leaf->field))
		return true;
	if (block->ops->range && block->ops->range(block, leaf->field, &min, &max) &&
	    !range_may_match(leaf, min, max))
		return false;
	return !block->ops->may_have_tokens || filter_matches_empty(leaf) ||
	       may_have_tokens(rows, leaf);
}

static int match_time(const struct filter *leaf, struct rows *rows, uint64_t *bits)
{
	struct span name = SPAN("_time");
	const struct row_block *block = rows->block;
	uint32_t row;

	if (leaf->kind == FILTER_TIME && rows_is_stored(rows, name) &&
	    block->min_time >= leaf->tmin && block->max_time <= leaf->tmax)
		return 0;
	const struct column *column = rows_column(rows, name);

	if (column->kind == COLUMN_TIME) {
		each_bit (bits, rows->n, row)
			if (!filter_match_time(leaf, column->ints[row]))
				bit_clear(bits, row);
		return rows->failed;
	}
	const struct span *texts = rows_texts(rows, name);

	if (!texts)
		return rows->failed;
	each_bit (bits, rows->n, row) {
		int64_t ns;

		if (!lang_time(texts[row], &ns) || !filter_match_time(leaf, ns))
			bit_clear(bits, row);
	}
	return rows->failed;
}

static int match_pair(const struct filter *leaf, struct rows *rows, struct span name,
		      uint64_t *bits)
{
	const struct span *texts = rows_texts(rows, name);
	const struct span *others = rows_texts(rows, leaf->text);
	uint32_t row;

	if (!texts || !others)
		return rows->failed;
	each_bit (bits, rows->n, row)
		if (!filter_match_pair(leaf, texts[row], others[row]))
			bit_clear(bits, row);
	return rows->failed;
}

static int match_type(const struct filter *leaf, struct rows *rows, struct span name,
		      uint64_t *bits)
{
	const struct span *texts = rows_texts(rows, name);

	if (texts && !span_eq(value_type_of(texts, rows->n), leaf->text))
		bits_clear_all(bits, rows->n);
	return rows->failed;
}

static int match_field(const struct filter *leaf, struct rows *rows, struct span name,
		       uint64_t *bits)
{
	switch (filter_class(leaf)) {
	case FILTER_ON_PAIR:
		return match_pair(leaf, rows, name, bits);
	case FILTER_ON_TYPE:
		return match_type(leaf, rows, name, bits);
	default:
		return filter_match_column(leaf, rows, name, bits);
	}
}

/*
 * `foo*:bar`: a field whose name starts so has a value that matches.  What is
 * empty is no field: else it would count which fields other rows of the block have.
 */
static int match_wild(const struct filter *leaf, struct rows *rows, uint64_t *bits)
{
	static const struct filter has_value = {.kind = FILTER_PREFIX};
	size_t words = BITMAP_WORDS(rows->n), n;
	uint64_t *left = ARENA_ARRAY(rows->arena, uint64_t, words * 2);
	uint64_t *found = left ? left + words : NULL;
	const struct span *names;
	int r = left ? rows_names(rows, &names, &n) : -ENOMEM;

	if (r < 0)
		return r;
	for (size_t i = 0; i < n && r >= 0; i++) {
		if (!span_starts(names[i], leaf->field))
			continue;
		for (size_t w = 0; w < words; w++)
			left[w] = bits[w] & ~found[w];
		r = filter_match_column(&has_value, rows, names[i], left);
		if (r >= 0)
			r = match_field(leaf, rows, names[i], left);
		for (size_t w = 0; w < words; w++)
			found[w] |= left[w];
	}
	for (size_t w = 0; w < words; w++)
		bits[w] &= found[w];
	return r;
}

static int exec_leaf(const struct filter *leaf, struct rows *rows, uint64_t *bits)
{
	if (rows->block && !leaf_may_match(rows, leaf)) {
		bits_clear_all(bits, rows->n);
		return 0;
	}
	switch (filter_class(leaf)) {
	case FILTER_ON_NOTHING:
		if (leaf->kind != FILTER_ALL)
			bits_clear_all(bits, rows->n);
		return 0;
	case FILTER_ON_TIME:
		return match_time(leaf, rows, bits);
	case FILTER_ON_STREAM:
		return filter_match_column(leaf, rows, SPAN("_stream"), bits);
	default:
		return leaf->wild ? match_wild(leaf, rows, bits)
				  : match_field(leaf, rows, leaf->field, bits);
	}
}

struct kid {
	const struct filter *filter;
	size_t at;
	unsigned cost;
};

static int compare_costs(const void *a, const void *b)
{
	const struct kid *x = a, *y = b;

	if (x->cost != y->cost)
		return x->cost < y->cost ? -1 : 1;
	return x->at < y->at ? -1 : 1;
}

/* The kids of an AND, cheapest first, of equal ones the first first. */
static const struct kid *by_cost(const struct filter *filter, struct arena *arena)
{
	struct kid *kids = ARENA_ARRAY(arena, struct kid, filter->nkids + 1);

	for (size_t i = 0; kids && i < filter->nkids; i++)
		kids[i] = (struct kid){filter->kids[i], i, filter_cost(filter->kids[i])};
	if (kids)
		qsort(kids, filter->nkids, sizeof(*kids), compare_costs);
	return kids;
}

static int exec_and(const struct filter *filter, struct rows *rows, uint64_t *bits)
{
	const struct kid *order = by_cost(filter, rows->arena);
	int r = order ? 0 : -ENOMEM;

	for (size_t i = 0; rows->block && r >= 0 && i < filter->nkids; i++)
		if (filter_is_leaf(order[i].filter) && !leaf_may_match(rows, order[i].filter)) {
			bits_clear_all(bits, rows->n);
			return 0;
		}
	for (size_t i = 0; r >= 0 && i < filter->nkids && bits_any(bits, rows->n); i++)
		r = filter_exec(order[i].filter, rows, bits);
	return r;
}

static int exec_or(const struct filter *filter, struct rows *rows, uint64_t *bits)
{
	size_t words = BITMAP_WORDS(rows->n);
	uint64_t *found = ARENA_ARRAY(rows->arena, uint64_t, words * 2);
	uint64_t *left = found ? found + words : NULL;
	int r = found ? 0 : -ENOMEM;

	for (size_t i = 0; r >= 0 && i < filter->nkids; i++) {
		for (size_t w = 0; w < words; w++)
			left[w] = bits[w] & ~found[w];
		if (!bits_any(left, rows->n))
			break;
		r = filter_exec(filter->kids[i], rows, left);
		for (size_t w = 0; w < words; w++)
			found[w] |= left[w];
	}
	for (size_t w = 0; r >= 0 && w < words; w++)
		bits[w] = found[w];
	return r;
}

static int exec_not(const struct filter *filter, struct rows *rows, uint64_t *bits)
{
	size_t words = BITMAP_WORDS(rows->n);
	uint64_t *matched = ARENA_ARRAY(rows->arena, uint64_t, words);
	int r;

	if (!matched)
		return -ENOMEM;
	memcpy(matched, bits, words * sizeof(*bits));
	r = filter_exec(filter->kids[0], rows, matched);
	for (size_t w = 0; r >= 0 && w < words; w++)
		bits[w] &= ~matched[w];
	return r;
}

/* Depth is bounded by QUERY_DEPTH_MAX of the parser. */
int filter_exec(const struct filter *filter, struct rows *rows, uint64_t *bits)
{
	int r = rows->stopped ? rows->stopped(rows->stopped_ctx) : 0;

	if (r < 0)
		return r;
	switch (filter->kind) {
	case FILTER_AND:
		r = exec_and(filter, rows, bits);
		break;
	case FILTER_OR:
		r = exec_or(filter, rows, bits);
		break;
	case FILTER_NOT:
		r = exec_not(filter, rows, bits);
		break;
	default:
		r = exec_leaf(filter, rows, bits);
	}
	if (r == -ENOMEM && !rows->failed)
		rows->failed = err_set(&rows->err, r, "no memory for a block's filters");
	return r;
}

int rows_match(struct rows *rows, const struct filter *filter, uint64_t *bits)
{
	bits_fill(bits, rows->n);
	return filter ? filter_exec(filter, rows, bits) : 0;
}

int rows_match_if(struct rows *rows, const struct filter *condition, const uint64_t **ret_bits)
{
	uint64_t *bits = NULL;
	int r = 0;

	if (condition) {
		bits = ARENA_ARRAY(rows->arena, uint64_t, BITMAP_WORDS(rows->n) + 1);
		r = bits ? rows_match(rows, condition, bits) : -ENOMEM;
	}
	if (r >= 0)
		*ret_bits = bits;
	return r;
}
