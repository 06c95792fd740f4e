#include "aggregator/query/group.h"

#include <errno.h>

/* Combinations of dictionary codes that are worth a table of their own. */
#define CODES_MAX  4096
#define LEN_BYTES  4
#define MERGE_LEAP 0x9e3779b1u /* odd, so that every slot comes once */
#define STOP_LOOK  16384       /* slots between two looks at whether to stop */

void group_table_init(struct group_table *table, size_t state_size)
{
	*table = (struct group_table){.state_size = (state_size + 7) & ~(size_t)7};
	stage_arena_init(&table->arena);
}

void group_table_release(struct group_table *table)
{
	map_release(&table->map);
	stage_arena_release(&table->arena);
}

/* What the table takes from now on is the query's. */
static int charge(struct group_table *table, struct stage *stage)
{
	table->map.shared = stage_budget(stage);
	return stage_arena_charge(stage, &table->arena);
}

/* The state of `key`, which may die after the call. */
static char *find(struct group_table *table, struct span key, bool *ret_added)
{
	struct arena *arena = &table->arena.arena;
	union map_value *value = map_put(&table->map, key, ret_added);

	if (!value)
		return NULL;
	if (!*ret_added)
		return value->ptr;
	value->ptr = arena_calloc(arena, 1, table->state_size ? table->state_size : 8);
	struct span copy = key.len ? arena_dup(arena, key) : SPAN("");

	if (!value->ptr || !copy.ptr) {
		map_remove(&table->map, key);
		return NULL;
	}
	char *state = value->ptr;

	map_rekey(&table->map, key, copy);
	return state;
}

int group_put(struct group_table *table, struct stage *stage, struct span key, char **ret_state,
	      bool *ret_added)
{
	int r = charge(table, stage);
	char *state = r < 0 ? NULL : find(table, key.ptr ? key : SPAN(""), ret_added);

	if (!state)
		return stage_no_memory(stage);
	*ret_state = state;
	return 0;
}

int group_only(struct group_table *table, struct stage *stage, char **ret_state)
{
	bool added;

	return group_put(table, stage, SPAN(""), ret_state, &added);
}

/*
 * A key of one column is its text; of several, each text behind its length:
 *
 *	| 5 0 0 0 | e r r o r | 3 0 0 0 | a p i |
 */
static size_t put_text(char *at, struct span text)
{
	uint32_t len = (uint32_t)text.len;

	memcpy(at, &len, LEN_BYTES);
	if (len)
		memcpy(at + LEN_BYTES, text.ptr, len);
	return LEN_BYTES + len;
}

void group_key_texts(struct span key, size_t ncolumns, struct span *texts)
{
	if (ncolumns == 1) {
		texts[0] = key;
		return;
	}
	for (size_t i = 0; i < ncolumns; i++) {
		uint32_t len;

		memcpy(&len, key.ptr, LEN_BYTES);
		texts[i] = span_of(key.ptr + LEN_BYTES, len);
		key = span_skip(key, LEN_BYTES + len);
	}
}

/* Builds the keys of rows in one growing piece of scratch memory. */
struct key_maker {
	const struct column *columns;
	size_t ncolumns;
	struct arena *scratch;
	char *buffer;
	size_t cap;
};

static int key_of(struct key_maker *maker, uint32_t row, struct span *ret)
{
	char number[64];
	size_t at = 0;

	for (size_t i = 0; i < maker->ncolumns; i++) {
		struct span text = column_text(&maker->columns[i], row, number);
		size_t need = at + LEN_BYTES + text.len;

		if (maker->ncolumns == 1 && text.ptr != number) {
			*ret = text.len ? text : SPAN("");
			return 0;
		}
		if (need > maker->cap) {
			char *larger = arena_alloc(maker->scratch, need * 2);

			if (!larger)
				return -ENOMEM;
			if (at)
				memcpy(larger, maker->buffer, at);
			maker->buffer = larger;
			maker->cap = need * 2;
		}
		at += put_text(maker->buffer + at, text);
	}
	*ret = span_of(maker->buffer, at);
	if (maker->ncolumns == 1)
		*ret = span_skip(*ret, LEN_BYTES);
	return 0;
}

struct span group_key(const struct column *columns, size_t ncolumns, uint32_t row,
		      struct arena *scratch)
{
	struct key_maker maker = {.columns = columns, .ncolumns = ncolumns, .scratch = scratch};
	struct span key;

	return key_of(&maker, row, &key) < 0 ? (struct span){0} : key;
}

static int find_row(struct group_table *table, struct key_maker *maker, uint32_t row,
		    char **ret_state)
{
	struct span key;
	bool added;
	int r = key_of(maker, row, &key);

	if (r < 0)
		return r;
	*ret_state = find(table, key, &added);
	return *ret_state ? 0 : -ENOMEM;
}

static size_t code_combinations(const struct column *columns, size_t n)
{
	size_t product = 1;

	for (size_t i = 0; i < n && product <= CODES_MAX; i++) {
		if (columns[i].kind == COLUMN_DICT)
			product *= columns[i].ndict;
		else if (columns[i].kind != COLUMN_CONST)
			return CODES_MAX + 1;
	}
	return product;
}

/* All columns are dictionaries or constants: one look a combination. */
static int find_codes(struct group_table *table, struct key_maker *maker, size_t combinations,
		      uint32_t nrows, char **states)
{
	char **known = ARENA_ARRAY(maker->scratch, char *, combinations + 1);

	if (!known)
		return -ENOMEM;
	for (uint32_t row = 0; row < nrows; row++) {
		size_t code = 0;

		for (size_t i = 0; i < maker->ncolumns; i++)
			if (maker->columns[i].kind == COLUMN_DICT)
				code = code * maker->columns[i].ndict +
				       maker->columns[i].codes[row];
		if (!known[code] && find_row(table, maker, row, &known[code]) < 0)
			return -ENOMEM;
		states[row] = known[code];
	}
	return 0;
}

static bool same_value(const struct column *column, uint32_t a, uint32_t b)
{
	switch (column->kind) {
	case COLUMN_CONST:
		return true;
	case COLUMN_DICT:
		return column->codes[a] == column->codes[b];
	case COLUMN_INT:
	case COLUMN_TIME:
		return column->ints[a] == column->ints[b] && !column->absent;
	case COLUMN_TEXT:
		return column->texts[a].ptr == column->texts[b].ptr &&
		       column->texts[a].len == column->texts[b].len;
	}
	return false;
}

static bool same_row(const struct key_maker *maker, uint32_t a, uint32_t b)
{
	for (size_t i = 0; i < maker->ncolumns; i++)
		if (!same_value(&maker->columns[i], a, b))
			return false;
	return true;
}

static int find_rows(struct group_table *table, struct key_maker *maker, uint32_t nrows,
		     char **states)
{
	int r = 0;

	for (uint32_t row = 0; r >= 0 && row < nrows; row++) {
		if (row && same_row(maker, row, row - 1))
			states[row] = states[row - 1];
		else
			r = find_row(table, maker, row, &states[row]);
	}
	return r;
}

int group_find(struct group_table *table, struct stage *stage, const struct column *columns,
	       size_t ncolumns, uint32_t nrows, struct arena *scratch, char ***ret_states)
{
	struct key_maker maker = {.columns = columns, .ncolumns = ncolumns, .scratch = scratch};
	char **states = arena_alloc(scratch, (nrows + 1) * sizeof(*states));
	size_t combinations = code_combinations(columns, ncolumns);
	int r = charge(table, stage);

	if (r >= 0 && !states)
		r = -ENOMEM;
	if (r >= 0 && combinations <= CODES_MAX)
		r = find_codes(table, &maker, combinations, nrows, states);
	else if (r >= 0)
		r = find_rows(table, &maker, nrows, states);
	if (r < 0)
		return stage_no_memory(stage);
	*ret_states = states;
	return 0;
}

bool group_next(const struct group_table *table, size_t *at, struct span *ret_key, char **ret_state)
{
	union map_value *value;

	while (map_next(&table->map, at, ret_key, &value))
		if (value->ptr) {
			*ret_state = value->ptr;
			return true;
		}
	return false;
}

/*
 * What was moved leaves a NULL behind, so that nobody releases it twice.  In
 * leaps: in the order of their hashes, keys would fill the front of a smaller
 * map, and each would be probed for past those before it.
 */
int group_merge(struct group_table *to, struct group_table *from, struct stage *stage,
		int (*merge)(void *ctx, char *to, char *from), void *ctx)
{
	const struct map *map = &from->map;
	int r = charge(to, stage);

	for (size_t i = 0; r >= 0 && i < map->cap; i++) {
		if (i % STOP_LOOK == 0 && (r = stage_stopped(stage)) < 0)
			break;
		struct map_slot *slot = &map->slots[i * MERGE_LEAP & (map->cap - 1)];
		bool added;

		if (!slot->key.ptr)
			continue;
		union map_value *ours = map_put(&to->map, slot->key, &added);
		char *state = slot->value.ptr;

		if (!ours)
			return stage_no_memory(stage);
		slot->value.ptr = NULL;
		if (added)
			ours->ptr = state;
		else
			r = merge(ctx, ours->ptr, state);
	}
	return r;
}
