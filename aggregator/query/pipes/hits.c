#include "aggregator/query/pipes/hits.h"

#include <errno.h>
#include <stdlib.h>

#define EMIT_ROWS 4096

int hits_open(struct stage *stage)
{
	int r = stage_new_states(stage, sizeof(struct hits_worker));

	for (unsigned i = 0; r >= 0 && i < stage_workers(stage); i++) {
		struct hits_worker *worker = stage_state(stage, i);

		group_table_init(&worker->groups, sizeof(uint64_t));
		worker->open = true;
	}
	return r;
}

void hits_close(struct stage *stage)
{
	for (unsigned i = 0; stage->state && i < stage_workers(stage); i++) {
		struct hits_worker *worker = stage_state(stage, i);

		if (worker->open)
			group_table_release(&worker->groups);
	}
}

int hits_push(struct stage *stage, unsigned number, struct rows *rows,
	      const struct span_list *fields)
{
	struct hits_worker *worker = stage_state(stage, number);
	struct column *columns = ARENA_ARRAY(rows->arena, struct column, fields->len + 1);
	char **states;
	int r;

	if (!columns)
		return -ENOMEM;
	for (size_t i = 0; i < fields->len; i++)
		columns[i] = *rows_listed(rows, fields->ptr[i]);
	if (rows->failed)
		return rows->failed;
	r = group_find(&worker->groups, stage, columns, fields->len, rows->n, rows->arena, &states);
	for (uint32_t i = 0; r >= 0 && i < rows->n; i++)
		++*(uint64_t *)(void *)states[i];
	return r;
}

size_t hits_len(struct stage *stage, unsigned worker)
{
	return group_count(&((struct hits_worker *)stage_state(stage, worker))->groups);
}

static int add(void *ctx, char *to, char *from)
{
	(void)ctx;
	*(uint64_t *)(void *)to += *(uint64_t *)(void *)from;
	return 0;
}

int hits_merge(struct stage *stage)
{
	struct hits_worker *all = stage_state(stage, 0);
	int r = 0;

	for (unsigned i = 1; r >= 0 && i < stage_workers(stage); i++) {
		struct hits_worker *worker = stage_state(stage, i);

		r = group_merge(&all->groups, &worker->groups, stage, add, NULL);
	}
	return r;
}

int hits_entries(struct stage *stage, struct hits_entry **ret, size_t *ret_n)
{
	struct hits_worker *all = stage_state(stage, 0);
	size_t most = group_count(&all->groups) + 1, n = 0;
	struct group *at = NULL;
	struct hits_entry *entries;
	char *state;
	int r = stage_charge(stage, most * sizeof(*entries));

	if (r < 0)
		return r;
	entries = calloc(most, sizeof(*entries));
	if (!entries)
		return stage_fail(stage, -ENOMEM, "out of memory");
	while (group_next(&all->groups, &at, &entries[n].key, &state)) {
		memcpy(&entries[n].n, state, sizeof(entries[n].n));
		n++;
	}
	*ret = entries;
	*ret_n = n;
	return 0;
}

static int emit_some(struct stage *stage, const struct span_list *fields,
		     const struct hits_entry *entries, size_t first, size_t n, struct span hits,
		     struct span rank)
{
	struct arena *arena = stage_rows_arena(stage, 0);
	struct span texts[HITS_FIELDS_MAX], *columns[HITS_FIELDS_MAX];
	struct rows rows;
	int r = 0;

	arena_reset(arena);
	rows_init(&rows, arena, (uint32_t)n);
	int64_t *counts = ARENA_ARRAY(arena, int64_t, n);
	int64_t *ranks = ARENA_ARRAY(arena, int64_t, n);

	for (size_t k = 0; k < fields->len; k++)
		columns[k] = ARENA_ARRAY(arena, struct span, n);
	if (arena->overflowed)
		return stage_no_memory(stage);
	for (size_t i = 0; i < n; i++) {
		group_key_texts(entries[first + i].key, fields->len, texts);
		for (size_t k = 0; k < fields->len; k++)
			columns[k][i] = texts[k];
		counts[i] = (int64_t)entries[first + i].n;
		ranks[i] = (int64_t)(first + i + 1);
	}
	for (size_t k = 0; r >= 0 && k < fields->len; k++)
		r = rows_set_texts(&rows, fields->ptr[k], columns[k]);
	if (r >= 0 && hits.ptr)
		r = rows_set_ints(&rows, hits, counts);
	if (r >= 0 && rank.ptr)
		r = rows_set_ints(&rows, rank, ranks);
	return r < 0 ? r : stage_push(stage->next, 0, &rows);
}

int hits_emit(struct stage *stage, const struct span_list *fields, const struct hits_entry *entries,
	      size_t n, struct span hits, struct span rank)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < n; i += EMIT_ROWS) {
		r = emit_some(stage, fields, entries, i, n - i < EMIT_ROWS ? n - i : EMIT_ROWS,
			      hits, rank);
		if (r == 0)
			r = stage_stopped(stage);
	}
	return r < 0 ? r : 0;
}
