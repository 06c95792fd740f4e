/* Fields in the overflow column; see overflow.h. */
#include "aggregator/store/overflow.h"
#include "common/data/json_scan.h"
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

void names_init(struct names *names, struct arena *arena)
{
	*names = (struct names){.arena = arena};
}

void names_release(struct names *names)
{
	map_release(&names->seen);
	free(names->list);
	names->list = NULL;
}

int names_add(struct names *names, struct span name)
{
	if (map_get(&names->seen, name))
		return 0;
	if (names->len == names->cap) {
		size_t cap = names->cap ? names->cap * 2 : 32;
		struct span *list = realloc(names->list, cap * sizeof(*list));

		if (!list)
			return -ENOMEM;
		names->list = list;
		names->cap = cap;
	}
	struct span copy = name.len ? arena_dup(names->arena, name) : SPAN("");
	bool added;

	if (!copy.ptr || !map_put(&names->seen, copy, &added))
		return -ENOMEM;
	names->list[names->len++] = copy;
	return 0;
}

int names_list(struct names *names, const struct span **ret, size_t *ret_n)
{
	struct span *list = ARENA_ARRAY(names->arena, struct span, names->len);

	if (!list)
		return -ENOMEM;
	memcpy(list, names->list, names->len * sizeof(*list));
	*ret = list;
	*ret_n = names->len;
	return 0;
}

#define OVERFLOW_MAX ((size_t)512 << 20)

int overflow_new(struct budget *shared, struct overflow **ret)
{
	struct overflow *o = calloc(1, sizeof(*o));

	if (!o)
		return -ENOMEM;
	arena_init(&o->arena, OVERFLOW_MAX);
	o->arena.shared = o->numbers.shared = shared;
	*ret = o;
	return 0;
}

void overflow_free(struct overflow *o)
{
	if (!o)
		return;
	map_release(&o->numbers);
	arena_release(&o->arena);
	free(o);
}

struct overflow *overflow_keep(_Atomic(struct overflow *) *slot, struct overflow *mine)
{
	struct overflow *first = NULL;

	if (atomic_compare_exchange_strong(slot, &first, mine))
		return mine;
	overflow_free(mine);
	return first;
}

/* An array in the arena with room for one more; the old one is left behind. */
static void *room_for(struct arena *arena, void *array, size_t len, size_t *cap, size_t size)
{
	if (len < *cap)
		return array;
	void *wider = arena_calloc(arena, 2 * *cap + 64, size);

	if (!wider)
		return NULL;
	if (len)
		memcpy(wider, array, len * size);
	*cap = 2 * *cap + 64;
	return wider;
}

static int number_of(struct overflow *o, struct span name, uint32_t *ret)
{
	union map_value *known = map_get(&o->numbers, name);
	bool added;

	if (known) {
		*ret = (uint32_t)known->n;
		return 0;
	}
	void *fields =
		room_for(&o->arena, o->fields, o->nfields, &o->capfields, sizeof(*o->fields));

	if (!fields)
		return -ENOMEM;
	o->fields = fields;
	known = map_put(&o->numbers, name, &added);
	if (!known)
		return -ENOMEM;
	o->fields[o->nfields].name = name;
	known->n = *ret = (uint32_t)o->nfields++;
	return 0;
}

/* Of several of one name the last. */
static int add_item(struct overflow *o, uint32_t row, struct span name, struct span text)
{
	uint32_t number, *len = &o->rows[row].n;
	int r = number_of(o, name, &number);

	if (r < 0)
		return r;
	struct overflow_field *field = &o->fields[number];

	if (field->row == row + 1) {
		o->row[field->at].text = text;
		return 0;
	}
	void *items = room_for(&o->arena, o->row, *len, &o->caprow, sizeof(*o->row));

	if (!items)
		return -ENOMEM;
	o->row = items;
	field->row = row + 1;
	field->at = *len;
	o->row[(*len)++] = (struct overflow_item){number, text};
	return 0;
}

static int read_object(struct overflow *o, uint32_t row, struct span object)
{
	struct arena *arena = &o->arena;
	struct json_iter iter;
	struct json_item item;

	if (object.len == 0 || !json_iter_init(&iter, object))
		return 0;
	while (json_iter_next(&iter, &item)) {
		struct span name = item.key_escaped ? json_unescape(arena, item.key) : item.key;
		struct span text = item.text_escaped ? json_unescape(arena, item.text) : item.text;
		int r = arena->overflowed ? -ENOMEM : add_item(o, row, name, text);

		if (r < 0)
			return r;
	}
	size_t bytes = o->rows[row].n * sizeof(*o->row);
	struct overflow_item *items = arena_alloc(arena, bytes);

	if (!items)
		return -ENOMEM;
	if (bytes)
		memcpy(items, o->row, bytes);
	o->rows[row].items = items;
	return 0;
}

int overflow_read(struct overflow *o, struct column *objects)
{
	int r = column_make(objects, &o->arena);

	o->nrows = objects->nrows;
	o->rows = ARENA_ARRAY(&o->arena, struct overflow_row, o->nrows);
	if (r == 0 && !o->rows)
		r = -ENOMEM;
	for (uint32_t row = 0; r == 0 && row < o->nrows; row++)
		r = read_object(o, row, column_text(objects, row, NULL));
	return r;
}

/* All values of one field. */
static int gather_field(const struct overflow *o, uint32_t number, struct arena *arena,
			struct rare_column *ret)
{
	uint32_t n = 0;

	for (uint32_t row = 0; row < o->nrows; row++)
		for (uint32_t i = 0; i < o->rows[row].n; i++)
			n += o->rows[row].items[i].field == number;
	uint32_t *rows = arena_alloc(arena, n * sizeof(*rows));
	struct span *texts = arena_alloc(arena, n * sizeof(*texts));

	if (!rows || !texts)
		return -ENOMEM;
	n = 0;
	for (uint32_t row = 0; row < o->nrows; row++)
		for (uint32_t i = 0; i < o->rows[row].n; i++)
			if (o->rows[row].items[i].field == number) {
				rows[n] = row;
				texts[n++] = o->rows[row].items[i].text;
			}
	*ret = (struct rare_column){o->fields[number].name, n, rows, texts};
	return 0;
}

int overflow_column(const struct overflow *o, struct span name, struct arena *arena,
		    struct column *ret)
{
	const union map_value *known = map_get(&o->numbers, name);
	struct rare_column rare;

	if (!known) {
		column_init_empty(ret, name, o->nrows);
		return 0;
	}
	int r = gather_field(o, (uint32_t)known->n, arena, &rare);

	return r < 0 ? r : column_of_rare(&rare, o->nrows, arena, ret);
}

static const struct overflow_row *row_at(const struct overflow *o, const uint32_t *at, uint32_t i)
{
	return &o->rows[at ? at[i] : i];
}

/* The fields' values, one field's behind the other's; `counts` become their ends. */
struct spread {
	uint32_t *counts, *rows;
	struct span *texts;
};

static void spread_values(const struct overflow *o, const uint32_t *at, uint32_t n,
			  struct spread *spread)
{
	for (uint32_t f = 0, begin = 0; f < o->nfields; f++) {
		uint32_t count = spread->counts[f];

		spread->counts[f] = begin;
		begin += count;
	}
	for (uint32_t i = 0; i < n; i++) {
		const struct overflow_row *row = row_at(o, at, i);

		for (uint32_t k = 0; k < row->n; k++) {
			uint32_t place = spread->counts[row->items[k].field]++;

			spread->rows[place] = i;
			spread->texts[place] = row->items[k].text;
		}
	}
}

int overflow_rare(const struct overflow *o, const uint32_t *at, uint32_t n, struct arena *arena,
		  const struct rare_column **ret, size_t *ret_n)
{
	struct spread spread = {.counts = ARENA_ARRAY(arena, uint32_t, o->nfields)};
	size_t total = 0, nfields = 0;

	for (uint32_t i = 0; spread.counts && i < n; i++) {
		const struct overflow_row *row = row_at(o, at, i);

		total += row->n;
		for (uint32_t k = 0; k < row->n; k++)
			nfields += spread.counts[row->items[k].field]++ == 0;
	}
	struct rare_column *list = ARENA_ARRAY(arena, struct rare_column, nfields);

	spread.rows = arena_alloc(arena, total * sizeof(*spread.rows));
	spread.texts = arena_alloc(arena, total * sizeof(*spread.texts));
	if (!spread.counts || !list || !spread.rows || !spread.texts)
		return -ENOMEM;
	spread_values(o, at, n, &spread);
	nfields = 0;
	for (uint32_t f = 0, begin = 0; f < o->nfields; begin = spread.counts[f++])
		if (spread.counts[f] > begin)
			list[nfields++] =
				(struct rare_column){o->fields[f].name, spread.counts[f] - begin,
						     spread.rows + begin, spread.texts + begin};
	*ret = list;
	*ret_n = nfields;
	return 0;
}
