/*
 * group.h - rows to groups by the values of some columns.
 *
 * A group is a zeroed state of fixed size, found by its key: one text for each
 * column.  group_find() takes a batch and gives the state of each row:
 *
 *	by (level, service)        level: dict of 4      service: dict of 8
 *	                            32 combinations of codes, each looked up once a batch
 *	by (trace_id)               each text of a list (rows_listed()) once a batch
 *	by (duration)               each run of equal values
 *
 *	group_find(&table, stage, columns, 2, rows->n, rows->arena, &states);
 *	for (i) (*(uint64_t *)states[i])++;
 *
 * Groups and keys live in table->arena, charged to the stage after each batch,
 * in the order in which they were found: going over them walks through memory,
 * where slots, which have only hashes, are all over it.
 */
#ifndef SLUICE_QUERY_GROUP_H
#define SLUICE_QUERY_GROUP_H

#include "aggregator/query/pipe.h"

struct group;
struct group_slot;

struct group_table {
	struct group_slot *slots;
	size_t cap; /* 0 or a power of two */
	size_t len;
	struct group *first, *last;
	struct stage_arena arena;
	size_t state_size;
	struct budget *shared; /* its slots count there; NULL = nowhere */
};

void group_table_init(struct group_table *table, size_t state_size);
void group_table_release(struct group_table *table);

/* The state of each row's group; *ret_states in `scratch`.  0 or a negative errno. */
int group_find(struct group_table *table, struct stage *stage, const struct column *columns,
	       size_t ncolumns, uint32_t nrows, struct arena *scratch, char ***ret_states);
/* The state of the group without columns: all rows. */
int group_only(struct group_table *table, struct stage *stage, char **ret_state);
/* The state of a key of group_key(), or NULL. */
char *group_get(const struct group_table *table, struct span key);

/* The key of a row, in `scratch` or the column; ptr NULL = no memory. */
struct span group_key(const struct column *columns, size_t ncolumns, uint32_t row,
		      struct arena *scratch);

/* Iterate, first found first; *at starts as NULL. */
bool group_next(const struct group_table *table, struct group **at, struct span *ret_key,
		char **ret_state);
/* The texts of a key; they point into it. */
void group_key_texts(struct span key, size_t ncolumns, struct span *texts);

/*
 * Move all groups of `from` into `to`: missing ones are adopted with their
 * state, others handed to `merge`; `from` is empty then, but must live as
 * long as `to`.
 */
int group_merge(struct group_table *to, struct group_table *from, struct stage *stage,
		int (*merge)(void *ctx, char *to, char *from), void *ctx);

static inline size_t group_count(const struct group_table *table)
{
	return table->len;
}

#endif
