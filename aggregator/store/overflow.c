/* Fields in the overflow column; see overflow.h. */
#include "aggregator/store/overflow.h"
#include "common/data/json_scan.h"
#include <errno.h>
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

static struct span item_key(const struct json_item *item, struct arena *arena)
{
	return item->key_escaped ? json_unescape(arena, item->key) : item->key;
}

static struct span item_text(const struct json_item *item, struct arena *arena)
{
	return item->text_escaped ? json_unescape(arena, item->text) : item->text;
}

/* The value of member `name` of one row's object, of several the last; or the empty text. */
static struct span find_member(struct span object, struct span name, struct arena *arena)
{
	struct span found = {0};
	struct json_iter iter;
	struct json_item item;

	if (object.len == 0 || !json_iter_init(&iter, object))
		return found;
	while (json_iter_next(&iter, &item))
		if (span_eq(item_key(&item, arena), name))
			found = item_text(&item, arena);
	return found;
}

/* Found in `scratch`, kept in `arena`. */
static struct span keep_member(struct span object, struct span name, struct arena *scratch,
			       struct arena *arena)
{
	struct span text = find_member(object, name, scratch);

	return text.len ? arena_dup(arena, text) : (struct span){0};
}

int overflow_column(struct column *overflow, struct span name, struct arena *scratch,
		    struct arena *arena, struct column *ret)
{
	*ret = *overflow;
	ret->name = name;
	if (overflow->kind == COLUMN_CONST) {
		ret->value = keep_member(overflow->value, name, scratch, arena);
		return arena->overflowed || scratch->overflowed ? -ENOMEM : 0;
	}
	int r = column_make(overflow, scratch);

	if (r < 0)
		return r;
	const struct span *objects = column_texts(overflow, scratch);
	struct span *texts = ARENA_ARRAY(arena, struct span, overflow->nrows);

	if (!objects || !texts)
		return -ENOMEM;
	for (uint32_t i = 0; i < overflow->nrows; i++)
		texts[i] = keep_member(objects[i], name, scratch, arena);
	*ret = (struct column){
		.name = name, .kind = COLUMN_TEXT, .nrows = overflow->nrows, .texts = texts};
	return arena->overflowed || scratch->overflowed ? -ENOMEM : 0;
}

int overflow_names(const struct column *column, struct names *names)
{
	struct json_iter iter;
	struct json_item item;

	for (uint32_t i = 0; i < column->nrows; i++) {
		struct span object = column_text(column, i, NULL);

		if (object.len == 0 || !json_iter_init(&iter, object))
			continue;
		while (json_iter_next(&iter, &item)) {
			int r = names_add(names, item_key(&item, names->arena));

			if (r < 0)
				return r;
		}
	}
	return 0;
}
