/* stats_uniq.c - count_uniq(), count_uniq_hash(): how many different values, or tuples of them. */
#include "aggregator/query/stats/hash_set.h"
#include "aggregator/query/stats/stats_common.h"
#include "aggregator/query/stats/stats_funcs.h"
#include <errno.h>

#define MERGE_SLOTS 16384 /* between two looks at whether to stop */

static int count_uniq_parse(struct lex *lex, struct stats_func **ret)
{
	return stats_parse_fields(lex, &stats_count_uniq_ops,
				  STATS_NAMES_ONLY | STATS_SOME | STATS_LIMIT,
				  sizeof(struct stats_of_fields), (struct stats_of_fields **)ret);
}

static int count_uniq_hash_parse(struct lex *lex, struct stats_func **ret)
{
	return stats_parse_fields(lex, &stats_count_uniq_hash_ops,
				  STATS_NAMES_ONLY | STATS_SOME | STATS_LIMIT,
				  sizeof(struct stats_of_fields), (struct stats_of_fields **)ret);
}

/* Add to a group's set, charging what it grew by.  A set at its limit is left alone. */
static int add(const struct stats_batch *batch, struct hash_set *set, struct hash128 hash,
	       uint64_t limit)
{
	size_t before = hash_set_bytes(set);

	if (limit && set->len >= limit)
		return 0;
	int r = hash_set_add(set, hash);
	size_t grown = hash_set_bytes(set) - before;

	return r >= 0 && grown ? stage_charge(batch->stage, grown) : r;
}

/* The texts of a column that rows share, by number; a text a row where they share none. */
struct shared_texts {
	const struct span *texts;
	size_t n;                /* the number of row i is 0 where there is one text, … */
	const uint8_t *codes;    /* … or codes[i], … */
	const uint32_t *numbers; /* … or numbers[i], or i */
};

static struct shared_texts shared_texts(struct rows *rows, struct span name)
{
	const struct column *column = rows_listed(rows, name);

	if (column->kind == COLUMN_CONST)
		return (struct shared_texts){.texts = &column->value, .n = 1};
	if (column->kind == COLUMN_DICT)
		return (struct shared_texts){
			.texts = column->dict, .n = column->ndict, .codes = column->codes};
	if (column->list && column->list->n < rows->n)
		return (struct shared_texts){.texts = column->list->texts,
					     .n = (size_t)column->list->n + 1,
					     .numbers = column->numbers};
	return (struct shared_texts){.texts = rows_texts(rows, name), .n = rows->n};
}

static size_t text_number(const struct shared_texts *shared, uint32_t row)
{
	if (shared->codes)
		return shared->codes[row];
	if (shared->numbers)
		return shared->numbers[row];
	return shared->n == 1 ? 0 : row;
}

/* A shared text is hashed once, and goes once into the set of all rows. */
static int update_one(const struct stats_of_fields *f, const struct stats_batch *batch)
{
	struct shared_texts shared = shared_texts(batch->rows, f->fields.ptr[0]);
	struct arena *arena = batch->rows->arena;
	struct hash128 *hashes = arena_alloc(arena, (shared.n + 1) * sizeof(*hashes));
	uint64_t *known = ARENA_ARRAY(arena, uint64_t, BITMAP_WORDS(shared.n + 1));
	uint32_t row;

	if (!hashes || !known || !shared.texts)
		return -ENOMEM;
	stats_each_row (batch, row) {
		size_t number = text_number(&shared, row);
		bool seen = bit_get(known, number);

		if (shared.texts[number].len == 0 || (seen && batch->only))
			continue;
		if (!seen)
			hashes[number] = hash128_of(shared.texts[number]);
		bit_set(known, number);
		int r = add(batch, stats_state(batch, row), hashes[number], f->limit);

		if (r < 0)
			return r;
	}
	return 0;
}

/* Several fields: the tuple counts unless all of it is empty. */
static int update_tuple(const struct stats_of_fields *f, const struct stats_batch *batch)
{
	const struct span **columns =
		ARENA_ARRAY(batch->rows->arena, const struct span *, f->fields.len);
	struct hash128 *tuple = ARENA_ARRAY(batch->rows->arena, struct hash128, f->fields.len);
	uint32_t row;
	int r = 0;

	if (!columns || !tuple)
		return -ENOMEM;
	for (size_t i = 0; i < f->fields.len; i++)
		columns[i] = rows_texts(batch->rows, f->fields.ptr[i]);
	stats_each_row (batch, row) {
		size_t len = 0;

		for (size_t i = 0; i < f->fields.len; i++) {
			tuple[i] = hash128_of(columns[i][row]);
			len += columns[i][row].len;
		}
		if (len == 0)
			continue;
		r = add(batch, stats_state(batch, row),
			hash128_of(span_of((const char *)tuple, f->fields.len * sizeof *tuple)),
			f->limit);
		if (r < 0)
			return r;
	}
	return 0;
}

static int update(const struct stats_func *func, const struct stats_batch *batch)
{
	const struct stats_of_fields *f = (const struct stats_of_fields *)func;

	return f->fields.len == 1 ? update_one(f, batch) : update_tuple(f, batch);
}

static int merge(const struct stats_func *func, struct stage *stage, struct arena *arena, void *to,
		 void *from)
{
	struct hash_set *a = to, *b = from;
	size_t before, at = 0;
	int r;

	(void)func, (void)arena;
	if (a->len < b->len) {
		struct hash_set swap = *a;

		*a = *b;
		*b = swap;
	}
	before = hash_set_bytes(a);
	while ((r = hash_set_merge(a, b, &at, MERGE_SLOTS)) > 0)
		if ((r = stage_stopped(stage)) < 0)
			break;
	if (r >= 0 && hash_set_bytes(a) > before)
		r = stage_charge(stage, hash_set_bytes(a) - before);
	stage_uncharge(stage, hash_set_bytes(b));
	hash_set_release(b);
	return r;
}

static int result(const struct stats_func *func, const struct stats_env *env, void *state,
		  struct buf *out)
{
	const struct stats_of_fields *f = (const struct stats_of_fields *)func;
	uint64_t n = ((const struct hash_set *)state)->len;

	(void)env;
	buf_put_u64(out, f->limit && n > f->limit ? f->limit : n);
	return 0;
}

static void release(const struct stats_func *func, void *state)
{
	(void)func;
	hash_set_release(state);
}

const struct stats_func_ops stats_count_uniq_ops = {
	.names = "count_uniq",
	.state_size = sizeof(struct hash_set),
	.parse = count_uniq_parse,
	.print = stats_print_fields,
	.needs = stats_needs_fields,
	.update = update,
	.merge = merge,
	.result = result,
	.release = release,
};

/* The same: counting 128-bit hashes costs no more than counting 64-bit ones. */
const struct stats_func_ops stats_count_uniq_hash_ops = {
	.names = "count_uniq_hash",
	.state_size = sizeof(struct hash_set),
	.parse = count_uniq_hash_parse,
	.print = stats_print_fields,
	.needs = stats_needs_fields,
	.update = update,
	.merge = merge,
	.result = result,
	.release = release,
};
