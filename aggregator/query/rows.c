#include "aggregator/query/rows.h"

#include "common/base/check.h"
#include "common/base/hash.h"
#include "common/base/num.h"
#include <errno.h>
#include <stdlib.h>

#define FEW 16 /* of so many rows, one is few: to copy what it has costs less than new memory */

/* What a column reads as when there is no memory for its texts. */
static const struct span no_texts[ROW_BLOCK_MAX];

void rows_init(struct rows *rows, struct arena *arena, uint32_t n)
{
	*rows = (struct rows){.n = n, .arena = arena};
}

void rows_init_block(struct rows *rows, struct arena *arena, struct row_block *block,
		     const uint32_t *picked, uint32_t n)
{
	*rows = (struct rows){
		.n = n, .arena = arena, .block = block, .picked = picked, .open = true};
}

static int fail(struct rows *rows, int code, const char *text)
{
	if (!rows->failed)
		rows->failed = err_set(&rows->err, code, "%s", text);
	return code;
}

static int fail_memory(struct rows *rows)
{
	return fail(rows, -ENOMEM, "the columns of one block do not fit in memory");
}

/* So many fields are looked through; more are hashed. */
#define FIELDS_FEW 24

static void put_slot(struct rows *rows, size_t field)
{
	size_t mask = rows->nslots - 1, at = hash64(rows->fields[field].name) & mask;

	while (rows->slots[at])
		at = (at + 1) & mask;
	rows->slots[at] = (uint32_t)field + 1;
}

/* Slots for the room that there is for fields, and twice that; without memory there are none. */
static void hash_fields(struct rows *rows)
{
	rows->slots = NULL;
	if (rows->nfields < FIELDS_FEW)
		return;
	for (rows->nslots = 64; rows->nslots < 2 * rows->capfields;)
		rows->nslots *= 2;
	rows->slots = ARENA_ARRAY(rows->arena, uint32_t, rows->nslots);
	for (size_t i = 0; rows->slots && i < rows->nfields; i++)
		put_slot(rows, i);
}

static struct rows_field *find(const struct rows *rows, struct span name)
{
	if (!rows->slots) {
		for (size_t i = 0; i < rows->nfields; i++)
			if (span_eq(rows->fields[i].name, name))
				return &rows->fields[i];
		return NULL;
	}
	size_t mask = rows->nslots - 1, at = hash64(name) & mask;

	for (; rows->slots[at]; at = (at + 1) & mask) {
		struct rows_field *field = &rows->fields[rows->slots[at] - 1];

		if (span_eq(field->name, name))
			return field;
	}
	return NULL;
}

bool rows_is_stored(const struct rows *rows, struct span name)
{
	const struct rows_field *field = find(rows, name);

	if (!rows->block || !field)
		return rows->block && rows->open;
	return field->state == ROWS_LAZY && span_eq(field->source, name);
}

static int grow_fields(struct rows *rows, size_t cap)
{
	struct rows_field *fields = ARENA_ARRAY(rows->arena, struct rows_field, cap);

	if (!fields)
		return fail_memory(rows);
	if (rows->nfields)
		memcpy(fields, rows->fields, rows->nfields * sizeof(*fields));
	rows->fields = fields;
	rows->capfields = cap;
	hash_fields(rows);
	return 0;
}

/* A new entry at the end; good until the next one is added. */
static struct rows_field *add_field(struct rows *rows, struct span name,
				    enum rows_field_state state)
{
	if (rows->nfields == rows->capfields &&
	    grow_fields(rows, rows->capfields ? rows->capfields * 2 : 16) < 0)
		return NULL;
	struct rows_field *field = &rows->fields[rows->nfields++];

	*field = (struct rows_field){.name = name, .source = name, .state = state};
	if (rows->slots)
		put_slot(rows, rows->nfields - 1);
	else if (rows->nfields == FIELDS_FEW)
		hash_fields(rows);
	return field;
}

/* The entry of `name`; for a name of an open block a LAZY one is made. */
static struct rows_field *find_or_lazy(struct rows *rows, struct span name)
{
	struct rows_field *field = find(rows, name);

	if (field || !rows->open)
		return field;
	return add_field(rows, name, ROWS_LAZY);
}

/* ints[at[i]] and the bits of `absent`, densely. */
static int gather_ints(struct rows *rows, struct column *column, const uint32_t *at, uint32_t n)
{
	int64_t *ints = arena_alloc(rows->arena, n * sizeof(*ints));
	uint64_t *absent = NULL;

	if (column->absent)
		absent = ARENA_ARRAY(rows->arena, uint64_t, BITMAP_WORDS(n));
	if (!ints || (column->absent && !absent))
		return fail_memory(rows);
	for (uint32_t i = 0; i < n; i++) {
		ints[i] = column->ints[at[i]];
		if (absent && bit_get(column->absent, at[i]))
			bit_set(absent, i);
	}
	column->ints = ints;
	column->absent = absent;
	return 0;
}

/* numbers[at[i]] of a list; without numbers, row i has text i. */
static int gather_numbers(struct rows *rows, struct column *column, const uint32_t *at, uint32_t n)
{
	uint32_t *numbers = arena_alloc(rows->arena, n * sizeof(*numbers));

	if (!numbers)
		return fail_memory(rows);
	for (uint32_t i = 0; i < n; i++)
		numbers[i] = column->numbers ? column->numbers[at[i]] : at[i];
	column->numbers = numbers;
	return 0;
}

static const struct span *copy_texts(struct arena *arena, const struct span *texts, uint32_t n)
{
	struct span *copy = arena_alloc(arena, n * sizeof(*copy));

	for (uint32_t i = 0; copy && i < n; i++)
		copy[i] = arena_dup(arena, texts[i]);
	return copy;
}

/* Rows at[0 … n-1] of a column, in place of all its rows. */
static int gather_column(struct rows *rows, struct column *column, const uint32_t *at, uint32_t n)
{
	int r = 0;

	if (column->kind == COLUMN_DICT) {
		uint8_t *codes = arena_alloc(rows->arena, n);

		if (!codes)
			return fail_memory(rows);
		for (uint32_t i = 0; i < n; i++)
			codes[i] = column->codes[at[i]];
		column->codes = codes;
	} else if (column->kind == COLUMN_INT || column->kind == COLUMN_TIME) {
		r = gather_ints(rows, column, at, n);
	} else if (column->list) {
		r = gather_numbers(rows, column, at, n);
	}
	if (r >= 0 && column->texts) {
		struct span *texts = arena_alloc(rows->arena, n * sizeof(*texts));

		if (!texts)
			return fail_memory(rows);
		for (uint32_t i = 0; i < n; i++)
			texts[i] = column->texts[at[i]];
		column->texts = texts;
	}
	column->nrows = n;
	return r;
}

/* Into the arena, texts that rows have in place of a list. */
static int copy_column(struct rows *rows, struct column *column)
{
	int r = column_make(column, rows->scratch);

	if (r < 0)
		return rows_list_failed(rows, column->name, r);
	if (column->kind == COLUMN_CONST)
		column->value = arena_dup(rows->arena, column->value);
	if (column->kind == COLUMN_DICT)
		column->dict = copy_texts(rows->arena, column->dict, column->ndict);
	if (column->texts)
		column->texts = copy_texts(rows->arena, column->texts, column->nrows);
	return rows->arena->overflowed ? fail_memory(rows) : 0;
}

/* In scratch memory, for the few rows that are picked. */
static int load_few(struct rows *rows, struct rows_field *field, struct column *column,
		    struct err *reterr)
{
	int r = rows->block->ops->load_some(rows->block, field->source, rows->picked, rows->n,
					    rows->scratch, column, reterr);

	if (r < 0)
		return fail(rows, r, reterr->text);
	rows->values += rows->n;
	r = gather_column(rows, column, rows->picked, rows->n);
	return r < 0 ? r : copy_column(rows, column);
}

static int load_all(struct rows *rows, struct rows_field *field, struct column *column,
		    struct err *reterr)
{
	int r = rows->block->ops->load(rows->block, field->source, rows->arena, column, reterr);

	if (r < 0)
		return fail(rows, r, reterr->text[0] ? reterr->text : "a column could not be read");
	/* Of a list, the texts of these rows will be made at most. */
	rows->values += column->list ? rows->n : column->nrows;
	if (rows->picked)
		return gather_column(rows, column, rows->picked, rows->n);
	column->nrows = rows->n;
	return 0;
}

static bool few_are_picked(const struct rows *rows)
{
	return rows->scratch && rows->picked && rows->n < rows->block->nrows / FEW &&
	       rows->block->ops->load_some;
}

static void load(struct rows *rows, struct rows_field *field)
{
	struct err err = {.text = ""};
	struct column column;
	bool few = few_are_picked(rows);

	rows->loads++;
	field->state = ROWS_LOADED;
	column_init_empty(&field->column, field->name, rows->n);
	int r = few ? load_few(rows, field, &column, &err) : load_all(rows, field, &column, &err);

	if (few)
		arena_reset(rows->scratch);
	if (r < 0)
		return;
	column.name = field->name;
	field->column = column;
}

static void make_column(struct rows *rows, struct rows_field *field)
{
	field->state = ROWS_LOADED;
	if (column_of_rare(field->rare, rows->n, rows->arena, &field->column) < 0) {
		fail_memory(rows);
		column_init_empty(&field->column, field->name, rows->n);
	}
	field->column.name = field->name;
}

static struct rows_field *loaded(struct rows *rows, struct span name)
{
	struct rows_field *field = find_or_lazy(rows, name);

	if (!field)
		return NULL;
	if (field->state == ROWS_LAZY)
		load(rows, field);
	if (field->state == ROWS_RARE)
		make_column(rows, field);
	return field->state == ROWS_LOADED ? field : NULL;
}

const struct column *rows_stored(struct rows *rows, struct span name)
{
	struct rows_field *field = loaded(rows, name);

	if (field)
		return &field->column;
	column_init_empty(&rows->none, name, rows->n);
	return &rows->none;
}

/* A list whose texts can't be made reads as empty. */
static void list_made(struct rows *rows, struct rows_field *field, int r)
{
	if (r == 0)
		return;
	rows_list_failed(rows, field->name, r);
	column_init_empty(&field->column, field->name, rows->n);
}

static void make_texts(struct rows *rows, struct rows_field *field)
{
	list_made(rows, field, column_make(&field->column, rows->arena));
}

int rows_list_failed(struct rows *rows, struct span name, int code)
{
	if (code == -ENOMEM)
		return fail_memory(rows);
	if (!rows->failed)
		rows->failed = err_set(&rows->err, code, "stored field %.*s makes no sense",
				       SPAN_FMT(name));
	return code;
}

const struct column *rows_listed(struct rows *rows, struct span name)
{
	struct rows_field *field = loaded(rows, name);

	if (!field || !field->column.numbers)
		return rows_column(rows, name);
	list_made(rows, field, column_make_list(&field->column, rows->arena));
	return &field->column;
}

const struct column *rows_column(struct rows *rows, struct span name)
{
	struct rows_field *field = loaded(rows, name);

	if (!field)
		return rows_stored(rows, name);
	make_texts(rows, field);
	return &field->column;
}

const struct span *rows_texts(struct rows *rows, struct span name)
{
	struct rows_field *field = loaded(rows, name);
	const struct span *texts;

	if (field) {
		make_texts(rows, field);
		texts = column_texts(&field->column, rows->arena);
	} else {
		column_init_empty(&rows->none, name, rows->n);
		texts = column_texts(&rows->none, rows->arena);
		rows->none.texts = NULL;
	}
	if (texts)
		return texts;
	fail_memory(rows);
	return rows->n <= ROW_BLOCK_MAX ? no_texts : NULL;
}

/* One text of a list; of the others none is made. */
static struct span list_text(struct rows *rows, const struct column *column, uint32_t row)
{
	struct text_list *list = column->list;
	uint32_t number = column->numbers ? column->numbers[row] : row;
	struct span text = SPAN("");
	int r = number == list->n ? 0 : text_list_some(list, &number, 1, rows->arena, &text);

	if (r < 0)
		rows_list_failed(rows, column->name, r);
	return r < 0 ? SPAN("") : text;
}

struct span rows_text(struct rows *rows, struct span name, uint32_t row)
{
	const struct column *column = rows_stored(rows, name);
	char scratch[64];

	if (column->list)
		return list_text(rows, column, row);
	struct span text = column_text(column, row, scratch);

	if (text.ptr == scratch)
		text = arena_dup(rows->arena, text);
	return text;
}

const struct rare_column *rows_rare(const struct rows *rows, struct span name)
{
	const struct rows_field *field = find(rows, name);

	return field && field->state == ROWS_RARE ? field->rare : NULL;
}

const struct rows_field *rows_field(const struct rows *rows, struct span name)
{
	return find(rows, name);
}

/* The block's rare fields of these rows become entries. */
static int list_rare(struct rows *rows)
{
	const struct rare_column *rare;
	struct row_block *block = rows->block;
	size_t n = 0;

	if (!rows->open || !block || !block->ops->rare || rows->lists_rare)
		return 0;
	int r = block->ops->rare(block, rows->picked, rows->n, rows->arena, &rare, &n, &rows->err);

	if (r < 0)
		return rows->failed = r;
	if (n && grow_fields(rows, rows->nfields + n) < 0)
		return rows->failed;
	for (size_t i = 0; i < n; i++) {
		struct rows_field *field = find(rows, rare[i].name);

		if (!field) {
			field = add_field(rows, rare[i].name, ROWS_RARE);
			field->rare = &rare[i];
		}
	}
	rows->lists_rare = true;
	return 0;
}

int rows_names(struct rows *rows, const struct span **ret_names, size_t *ret_n)
{
	const struct span *stored = NULL;
	size_t nstored = 0, n = 0;
	int r = list_rare(rows);

	if (r == 0 && rows->open && rows->block)
		r = rows->block->ops->names(rows->block, rows->arena, &stored, &nstored,
					    &rows->err);
	if (r < 0)
		return rows->failed = r;
	struct span *names = ARENA_ARRAY(rows->arena, struct span, nstored + rows->nfields + 1);

	if (!names)
		return fail_memory(rows);
	for (size_t i = 0; i < nstored; i++)
		if (!find(rows, stored[i]))
			names[n++] = stored[i];
	/* A LAZY entry of an open block may be a name that somebody only asked for. */
	for (size_t i = 0; i < rows->nfields; i++)
		if (rows->fields[i].state != ROWS_HIDDEN)
			names[n++] = rows->fields[i].name;
	*ret_names = names;
	*ret_n = n;
	return 0;
}

/* Place among the names that come first; behind them all others are equal. */
static size_t name_place(struct span name)
{
	static const struct span first[] = {SPAN("_time"),  SPAN("level"), SPAN("service"),
					    SPAN("host"),   SPAN("_msg"),  SPAN("trace_id"),
					    SPAN("span_id")};
	size_t n = sizeof(first) / sizeof(first[0]);

	for (size_t i = 0; i < n; i++)
		if (span_eq(first[i], name))
			return i;
	return n;
}

int rows_compare_names(const void *a, const void *b)
{
	const struct span *left = a, *right = b;
	size_t l = name_place(*left), r = name_place(*right);

	return l != r ? (l < r ? -1 : 1) : span_cmp(*left, *right);
}

int rows_order_names(struct rows *rows)
{
	const struct span *given;
	struct span *names;
	size_t n;
	int r = rows_names(rows, &given, &n);

	if (r < 0)
		return r;
	names = ARENA_ARRAY(rows->arena, struct span, n + 1);
	if (!names)
		return fail_memory(rows);
	if (n)
		memcpy(names, given, n * sizeof(*names));
	qsort(names, n, sizeof(*names), rows_compare_names);
	return rows_select(rows, names, n);
}

int rows_set(struct rows *rows, const struct column *column)
{
	struct rows_field *field = find(rows, column->name);

	CHECK(column->nrows == rows->n);
	if (!field)
		field = add_field(rows, column->name, ROWS_LOADED);
	if (!field)
		return -ENOMEM;
	field->state = ROWS_LOADED;
	field->column = *column;
	return 0;
}

int rows_set_texts(struct rows *rows, struct span name, const struct span *texts)
{
	return rows_set(
		rows, &(struct column){
			      .name = name, .kind = COLUMN_TEXT, .nrows = rows->n, .texts = texts});
}

int rows_set_const(struct rows *rows, struct span name, struct span value)
{
	return rows_set(rows, &(struct column){.name = name,
					       .kind = COLUMN_CONST,
					       .nrows = rows->n,
					       .value = value});
}

int rows_set_times(struct rows *rows, struct span name, const int64_t *times)
{
	return rows_set(
		rows, &(struct column){
			      .name = name, .kind = COLUMN_TIME, .nrows = rows->n, .ints = times});
}

int rows_set_ints(struct rows *rows, struct span name, const int64_t *ints)
{
	return rows_set(
		rows,
		&(struct column){.name = name, .kind = COLUMN_INT, .nrows = rows->n, .ints = ints});
}

int rows_delete(struct rows *rows, struct span name)
{
	struct rows_field *field = find(rows, name);

	if (!field && rows->open)
		field = add_field(rows, name, ROWS_HIDDEN);
	if (!field)
		return rows->open ? -ENOMEM : 0;
	field->state = ROWS_HIDDEN;
	return 0;
}

int rows_select(struct rows *rows, const struct span *names, size_t n)
{
	struct rows old = *rows;

	rows->fields = NULL;
	rows->slots = NULL;
	rows->nfields = rows->capfields = 0;
	for (size_t i = 0; i < n; i++) {
		if (find(rows, names[i]))
			continue;
		struct rows_field *from = find(&old, names[i]);
		struct rows_field *to =
			add_field(rows, names[i], old.open ? ROWS_LAZY : ROWS_LOADED);

		if (!to)
			return -ENOMEM;
		if (from && from->state != ROWS_HIDDEN)
			*to = *from;
		else if (from || !old.open)
			to->state = ROWS_LOADED;
		if (to->state == ROWS_LOADED && (!from || from->state == ROWS_HIDDEN))
			column_init_empty(&to->column, names[i], rows->n);
	}
	rows->open = false;
	return 0;
}

int rows_copy(struct rows *rows, struct span from, struct span to)
{
	struct rows_field *source = find_or_lazy(rows, from);
	struct rows_field copy = {.name = to, .state = ROWS_LOADED};

	if (span_eq(from, to))
		return source || !rows->failed ? 0 : -ENOMEM;
	if (source && source->state != ROWS_HIDDEN)
		copy = *source;
	else
		column_init_empty(&copy.column, to, rows->n);
	struct rows_field *target = find(rows, to);

	if (!target)
		target = add_field(rows, to, ROWS_LOADED);
	if (!target)
		return -ENOMEM;
	copy.name = copy.column.name = to;
	*target = copy;
	return 0;
}

int rows_rename(struct rows *rows, struct span from, struct span to)
{
	int r = rows_copy(rows, from, to);

	if (r < 0 || span_eq(from, to))
		return r;
	return rows_delete(rows, from);
}

static bool ascends(const uint32_t *at, uint32_t n)
{
	for (uint32_t i = 1; i < n; i++)
		if (at[i] <= at[i - 1])
			return false;
	return true;
}

/* The first of the rare rows that is not before `row`. */
static uint32_t first_from(const struct rare_column *rare, uint32_t row)
{
	uint32_t low = 0, high = rare->n;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;

		if (rare->rows[mid] < row)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

/* The values of rows at[0 … n-1], which ascend. */
static int gather_rare(struct rows *rows, struct rows_field *field, const uint32_t *at, uint32_t n)
{
	const struct rare_column *from = field->rare;
	uint32_t first = n ? first_from(from, at[0]) : 0;
	uint32_t end = n ? first_from(from, at[n - 1] + 1) : 0;
	struct rare_column *to = ARENA_NEW(rows->arena, struct rare_column);
	uint32_t *places = arena_alloc(rows->arena, (end - first) * sizeof(*places));
	struct span *texts = arena_alloc(rows->arena, (end - first) * sizeof(*texts));

	if (!to || !places || !texts)
		return fail_memory(rows);
	*to = (struct rare_column){.name = from->name, .rows = places, .texts = texts};
	for (uint32_t i = first, low = 0; i < end; i++) {
		uint32_t high = n;

		while (low < high) {
			uint32_t mid = low + (high - low) / 2;

			if (at[mid] < from->rows[i])
				low = mid + 1;
			else
				high = mid;
		}
		if (low == n || at[low] != from->rows[i])
			continue;
		places[to->n] = low;
		texts[to->n++] = from->texts[i];
	}
	field->rare = to;
	return 0;
}

/* Rare fields that no row has any more, and that would be read from the block as such. */
static void drop_rare(struct rows *rows)
{
	size_t kept = 0;

	for (size_t i = 0; i < rows->nfields; i++) {
		const struct rows_field *field = &rows->fields[i];
		bool empty = field->state == ROWS_RARE && field->rare->n == 0;

		if (!empty || (rows->open && !span_eq(field->name, field->source)))
			rows->fields[kept++] = *field;
	}
	if (kept == rows->nfields)
		return;
	rows->nfields = kept;
	hash_fields(rows);
}

static int gather_fields(struct rows *rows, const uint32_t *at, uint32_t n)
{
	bool ordered = rows->lists_rare && ascends(at, n);
	int r = 0;

	for (size_t i = 0; r == 0 && i < rows->nfields; i++) {
		struct rows_field *field = &rows->fields[i];

		if (field->state == ROWS_RARE && ordered) {
			r = gather_rare(rows, field, at, n);
			continue;
		}
		if (field->state == ROWS_RARE)
			make_column(rows, field);
		if (field->state == ROWS_LOADED)
			r = gather_column(rows, &field->column, at, n);
	}
	if (r == 0 && ordered)
		drop_rare(rows);
	return r;
}

int rows_gather(struct rows *rows, const uint32_t *at, uint32_t n)
{
	int r = gather_fields(rows, at, n);

	if (r < 0)
		return r;
	if (rows->block && rows->picked) {
		uint32_t *picked = arena_alloc(rows->arena, n * sizeof(*picked));

		if (!picked)
			return fail_memory(rows);
		for (uint32_t i = 0; i < n; i++)
			picked[i] = rows->picked[at[i]];
		rows->picked = picked;
	} else {
		rows->picked = at;
	}
	rows->n = n;
	return 0;
}

int rows_keep(struct rows *rows, const uint64_t *bits)
{
	uint32_t n = (uint32_t)bits_count(bits, BITMAP_WORDS(rows->n));

	if (n == rows->n)
		return 0;
	uint32_t *at = arena_alloc(rows->arena, (n + 1) * sizeof(*at));

	if (!at)
		return fail_memory(rows);
	for (uint32_t w = 0, found = 0; found < n; w++)
		for (uint64_t word = bits[w]; word; word &= word - 1)
			at[found++] = w * 64 + (uint32_t)__builtin_ctzll(word);
	return rows_gather(rows, at, n);
}

int rows_slice(struct rows *rows, uint32_t from, uint32_t n)
{
	CHECK(from <= rows->n && n <= rows->n - from);
	if (from == 0 && n == rows->n)
		return 0;
	uint32_t *at = arena_alloc(rows->arena, (n + 1) * sizeof(*at));

	if (!at)
		return fail_memory(rows);
	for (uint32_t i = 0; i < n; i++)
		at[i] = from + i;
	return rows_gather(rows, at, n);
}

int rows_pick(const struct rows *rows, const uint32_t *at, uint32_t n, struct arena *arena,
	      struct rows *ret)
{
	struct rows picked = *rows;
	int r;

	picked.arena = arena;
	r = grow_fields(&picked, rows->nfields + 1);
	r = r < 0 ? r : rows_gather(&picked, at, n);
	if (r == 0)
		*ret = picked;
	return r;
}
