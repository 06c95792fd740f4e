#include "aggregator/query/group.h"

#include "common/base/hash.h"
#include <errno.h>
#include <stdlib.h>

/* Combinations of codes for which a small batch has a table of their own. */
#define CODES_MAX 4096
#define LEN_BYTES 4
#define SLOTS_MIN 16
#define AHEAD     16    /* keys whose slots are on their way into the cache */
#define STOP_LOOK 16384 /* groups between two looks at whether to stop */

/*
 * In the arena, one behind the other as they were made:
 *
 *	| struct group | state, zeroed at first | bytes of the key |
 */
struct group {
	struct group *next; /* made or adopted after it */
	uint64_t hash;
	size_t key_len;
};

/* Linear probing, at most 3/4 full; a free slot has no group. */
struct group_slot {
	uint64_t hash;
	struct group *group;
};

void group_table_init(struct group_table *table, size_t state_size)
{
	*table = (struct group_table){.state_size = (state_size + 7) & ~(size_t)7};
	stage_arena_init(&table->arena);
}

static void free_slots(struct group_table *table)
{
	if (table->shared)
		budget_give(table->shared, table->cap * sizeof(*table->slots));
	free(table->slots);
	table->slots = NULL;
	table->cap = 0;
}

void group_table_release(struct group_table *table)
{
	free_slots(table);
	stage_arena_release(&table->arena);
}

/* What the table takes from now on is the query's. */
static int charge(struct group_table *table, struct stage *stage)
{
	table->shared = stage_budget(stage);
	return stage_arena_charge(stage, &table->arena);
}

static char *state_of(struct group *group)
{
	return (char *)(group + 1);
}

static struct span key_of(const struct group_table *table, struct group *group)
{
	return span_of(state_of(group) + table->state_size, group->key_len);
}

/* The slot of `key`, or the free one where it belongs. */
static struct group_slot *find_slot(const struct group_table *table, struct span key, uint64_t hash)
{
	size_t mask = table->cap - 1;

	for (size_t i = hash & mask;; i = (i + 1) & mask) {
		struct group_slot *slot = &table->slots[i];

		if (!slot->group ||
		    (slot->hash == hash && span_eq(key_of(table, slot->group), key)))
			return slot;
	}
}

static bool grow(struct group_table *table)
{
	size_t cap = table->cap ? table->cap * 2 : SLOTS_MIN, bytes = cap * sizeof(*table->slots);

	if (table->shared && !budget_take(table->shared, bytes))
		return false;
	struct group_slot *slots = calloc(cap, sizeof(*slots));

	if (!slots) {
		if (table->shared)
			budget_give(table->shared, bytes);
		return false;
	}
	for (size_t i = 0; i < table->cap; i++) {
		size_t at = table->slots[i].hash & (cap - 1);

		if (!table->slots[i].group)
			continue;
		while (slots[at].group)
			at = (at + 1) & (cap - 1);
		slots[at] = table->slots[i];
	}
	free_slots(table);
	table->slots = slots;
	table->cap = cap;
	return true;
}

/* Room for one more group; then slots stay where they are until it is added. */
static bool make_room(struct group_table *table)
{
	return table->len + 1 <= table->cap - table->cap / 4 || grow(table);
}

static void add(struct group_table *table, struct group_slot *slot, struct group *group)
{
	*slot = (struct group_slot){group->hash, group};
	group->next = NULL;
	if (table->last)
		table->last->next = group;
	else
		table->first = group;
	table->last = group;
	table->len++;
}

/* The state of `key`, which may die after the call; NULL = no memory. */
static char *find(struct group_table *table, struct span key, uint64_t hash)
{
	if (!make_room(table))
		return NULL;
	struct group_slot *slot = find_slot(table, key, hash);

	if (slot->group)
		return state_of(slot->group);
	struct group *group =
		arena_alloc(&table->arena.arena, sizeof(*group) + table->state_size + key.len);

	if (!group)
		return NULL;
	*group = (struct group){.hash = hash, .key_len = key.len};
	memset(state_of(group), 0, table->state_size);
	if (key.len)
		memcpy(state_of(group) + table->state_size, key.ptr, key.len);
	add(table, slot, group);
	return state_of(group);
}

int group_only(struct group_table *table, struct stage *stage, char **ret_state)
{
	int r = charge(table, stage);
	char *state = r < 0 ? NULL : find(table, SPAN(""), hash64(SPAN("")));

	if (!state)
		return stage_no_memory(stage);
	*ret_state = state;
	return 0;
}

char *group_get(const struct group_table *table, struct span key)
{
	struct group_slot *slot = table->len ? find_slot(table, key, hash64(key)) : NULL;

	return slot && slot->group ? state_of(slot->group) : NULL;
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

/* Makes the keys of rows, each in a growing piece of scratch memory if it is not a text itself. */
struct key_maker {
	const struct column *columns;
	size_t ncolumns;
	struct arena *scratch;
	struct {
		char *buffer;
		size_t cap;
	} pieces[AHEAD];
};

static char *larger_piece(struct key_maker *maker, unsigned piece, size_t used, size_t need)
{
	char *larger = arena_alloc(maker->scratch, need * 2);

	if (!larger)
		return NULL;
	if (used)
		memcpy(larger, maker->pieces[piece].buffer, used);
	maker->pieces[piece].buffer = larger;
	maker->pieces[piece].cap = need * 2;
	return larger;
}

/* Good until the next one of this piece. */
static int make_key(struct key_maker *maker, unsigned piece, uint32_t row, struct span *ret)
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
		if (need > maker->pieces[piece].cap && !larger_piece(maker, piece, at, need))
			return -ENOMEM;
		at += put_text(maker->pieces[piece].buffer + at, text);
	}
	*ret = span_of(maker->pieces[piece].buffer, at);
	if (maker->ncolumns == 1)
		*ret = span_skip(*ret, LEN_BYTES);
	return 0;
}

struct span group_key(const struct column *columns, size_t ncolumns, uint32_t row,
		      struct arena *scratch)
{
	struct key_maker maker = {.columns = columns, .ncolumns = ncolumns, .scratch = scratch};
	struct span key;

	return make_key(&maker, 0, row, &key) < 0 ? (struct span){0} : key;
}

/* The rows of a batch by their keys: each key is looked up once, by one of its rows. */
struct batch {
	uint32_t *keys; /* the number of each row's key … */
	uint32_t *rows; /* … and a row that has it */
	uint32_t nkeys, nrows;
};

/* Texts that are known by a number: how many, 0 = they are not. */
static size_t column_codes(const struct column *column)
{
	if (column->kind == COLUMN_CONST)
		return 1;
	if (column->kind == COLUMN_DICT)
		return column->ndict;
	return column->list && column->numbers && !column->texts ? (size_t)column->list->n + 1 : 0;
}

/* 0 = rows can't be told by codes, or are fewer than the codes. */
static size_t code_combinations(const struct column *columns, size_t n, uint32_t nrows)
{
	size_t product = 1, most = nrows > CODES_MAX ? nrows : CODES_MAX;

	for (size_t i = 0; i < n && product && product <= most; i++)
		product *= column_codes(&columns[i]);
	return product <= most ? product : 0;
}

static int number_by_codes(struct batch *batch, const struct key_maker *maker, size_t combinations)
{
	uint32_t *numbers = ARENA_ARRAY(maker->scratch, uint32_t, combinations); /* 0 = not yet */

	if (!numbers)
		return -ENOMEM;
	memset(batch->keys, 0, batch->nrows * sizeof(*batch->keys));
	for (size_t i = 0; i < maker->ncolumns; i++) {
		const struct column *column = &maker->columns[i];
		uint32_t ncodes = (uint32_t)column_codes(column);

		for (uint32_t row = 0; column->kind == COLUMN_DICT && row < batch->nrows; row++)
			batch->keys[row] = batch->keys[row] * ncodes + column->codes[row];
		for (uint32_t row = 0; column->kind == COLUMN_TEXT && row < batch->nrows; row++)
			batch->keys[row] = batch->keys[row] * ncodes + column->numbers[row];
	}
	for (uint32_t row = 0; row < batch->nrows; row++) {
		uint32_t *number = &numbers[batch->keys[row]];

		if (!*number) {
			batch->rows[batch->nkeys] = row;
			*number = ++batch->nkeys;
		}
		batch->keys[row] = *number - 1;
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
		if (!column->texts)
			return column->numbers[a] == column->numbers[b];
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

/* Rows that are like the one before share its key. */
static void number_by_runs(struct batch *batch, const struct key_maker *maker)
{
	for (uint32_t row = 0; row < batch->nrows; row++) {
		if (!row || !same_row(maker, row, row - 1))
			batch->rows[batch->nkeys++] = row;
		batch->keys[row] = batch->nkeys - 1;
	}
}

/* `n` keys, at most AHEAD: a slot is fetched while the keys of others are hashed. */
static int look_up(struct group_table *table, struct key_maker *maker, const uint32_t *rows,
		   uint32_t n, char **states)
{
	struct span keys[AHEAD];
	uint64_t hashes[AHEAD];

	for (uint32_t i = 0; i < n; i++) {
		int r = make_key(maker, i, rows[i], &keys[i]);

		if (r < 0)
			return r;
		hashes[i] = hash64(keys[i]);
		if (table->cap)
			__builtin_prefetch(&table->slots[hashes[i] & (table->cap - 1)]);
	}
	for (uint32_t i = 0; i < n; i++) {
		states[i] = find(table, keys[i], hashes[i]);
		if (!states[i])
			return -ENOMEM;
	}
	return 0;
}

static int find_states(struct group_table *table, struct key_maker *maker, struct batch *batch,
		       char **states)
{
	size_t combinations = code_combinations(maker->columns, maker->ncolumns, batch->nrows);
	char **found;
	int r = 0;

	if (combinations)
		r = number_by_codes(batch, maker, combinations);
	else
		number_by_runs(batch, maker);
	found = arena_alloc(maker->scratch, (batch->nkeys + (size_t)1) * sizeof(*found));
	if (r < 0 || !found)
		return -ENOMEM;
	for (uint32_t i = 0; r >= 0 && i < batch->nkeys; i += AHEAD) {
		uint32_t n = batch->nkeys - i < AHEAD ? batch->nkeys - i : AHEAD;

		r = look_up(table, maker, batch->rows + i, n, found + i);
	}
	for (uint32_t row = 0; r >= 0 && row < batch->nrows; row++)
		states[row] = found[batch->keys[row]];
	return r;
}

int group_find(struct group_table *table, struct stage *stage, const struct column *columns,
	       size_t ncolumns, uint32_t nrows, struct arena *scratch, char ***ret_states)
{
	struct key_maker maker = {.columns = columns, .ncolumns = ncolumns, .scratch = scratch};
	char **states = arena_alloc(scratch, (nrows + (size_t)1) * sizeof(*states));
	struct batch batch = {
		.keys = arena_alloc(scratch, (nrows + (size_t)1) * sizeof(*batch.keys)),
		.rows = arena_alloc(scratch, (nrows + (size_t)1) * sizeof(*batch.rows)),
		.nrows = nrows,
	};
	int r = charge(table, stage);

	if (r >= 0)
		r = states && batch.keys && batch.rows ? 0 : -ENOMEM;
	if (r >= 0)
		r = find_states(table, &maker, &batch, states);
	if (r < 0)
		return stage_no_memory(stage);
	*ret_states = states;
	return 0;
}

bool group_next(const struct group_table *table, struct group **at, struct span *ret_key,
		char **ret_state)
{
	*at = *at ? (*at)->next : table->first;
	if (!*at)
		return false;
	*ret_key = key_of(table, *at);
	*ret_state = state_of(*at);
	return true;
}

/* Fetch the slot of the group that is a little further on. */
static struct group *fetch_next(const struct group_table *table, struct group *ahead)
{
	if (!ahead)
		return NULL;
	if (table->cap)
		__builtin_prefetch(&table->slots[ahead->hash & (table->cap - 1)]);
	return ahead->next;
}

int group_merge(struct group_table *to, struct group_table *from, struct stage *stage,
		int (*merge)(void *ctx, char *to, char *from), void *ctx)
{
	struct group *ahead = from->first;
	int r = charge(to, stage);

	free_slots(from);
	for (unsigned i = 0; i < AHEAD; i++)
		ahead = fetch_next(to, ahead);
	for (size_t i = 0; r >= 0 && from->first; i++) {
		struct group *group = from->first;

		if (i % STOP_LOOK == 0 && (r = stage_stopped(stage)) < 0)
			break;
		if (!make_room(to))
			return stage_no_memory(stage);
		struct group_slot *slot = find_slot(to, key_of(from, group), group->hash);

		/* From here on it is not released with `from`. */
		from->first = group->next;
		from->last = from->first ? from->last : NULL;
		from->len--;
		if (slot->group)
			r = merge(ctx, state_of(slot->group), state_of(group));
		else
			add(to, slot, group);
		ahead = fetch_next(to, ahead);
	}
	return r;
}
