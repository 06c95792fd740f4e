/*
 * overflow.h - fields beyond the cap on columns, and sets of field names.
 *
 * A group has at most MEMTABLE_COLUMNS columns.  A row's further fields are
 * one JSON object in the overflow column, and a field of which no column is
 * may be in there: slower, but never wrong.
 *
 * The objects of a block are read once, by the first query that asks, into a
 * struct overflow that is kept with the block: which fields each row has.  From
 * it come single columns (overflow_column) and all fields of some rows
 * (overflow_rare), for which nothing is read again.
 *
 *	r = overflow_new(arena->shared, &mine);
 *	r = group_column(group, entry, NULL, &mine->arena, &objects);
 *	r = overflow_read(mine, &objects);
 *	overflow = overflow_keep(&view->overflow, mine);
 *
 * Its memory counts against the budget of who reads it, which lives longer than
 * the block: a block is of one query.
 */
#ifndef SLUICE_STORE_OVERFLOW_H
#define SLUICE_STORE_OVERFLOW_H

#include "common/base/map.h"
#include "common/data/column.h"

/* A set of names, copied into the arena, in the order of adding. */
struct names {
	struct map seen;
	struct span *list;
	size_t len, cap;
	struct arena *arena;
};

void names_init(struct names *names, struct arena *arena);
void names_release(struct names *names);
/* 0 or -ENOMEM. */
int names_add(struct names *names, struct span name);
/* The set as an array in the arena. */
int names_list(struct names *names, const struct span **ret, size_t *ret_n);

/* A value of a row. */
struct overflow_item {
	uint32_t field; /* its number */
	struct span text;
};

struct overflow_field {
	struct span name;
	uint32_t row, at; /* while reading: 1 + the last row that has it, and where */
};

struct overflow {
	struct arena arena; /* the column and all that follows */
	struct map numbers; /* name → number of the field */
	struct overflow_field *fields;
	size_t nfields, capfields;
	uint32_t nrows;
	struct overflow_row {
		const struct overflow_item *items;
		uint32_t n;
	} * rows;
	struct overflow_item *row; /* while reading: the items of one row */
	size_t caprow;
};

int overflow_new(struct budget *shared, struct overflow **ret);
void overflow_free(struct overflow *overflow);
/* Read the overflow column (in its arena, or as long-lived).  0, -ENOMEM, -EBADMSG. */
int overflow_read(struct overflow *overflow, struct column *objects);
/*
 * Keep `mine` in the slot, unless another thread was first: then its own stays and
 * `mine` is freed.  Returns the one that stays.
 */
struct overflow *overflow_keep(_Atomic(struct overflow *) *slot, struct overflow *mine);

/* The column of field `name`; texts stay in the overflow.  0 or -ENOMEM. */
int overflow_column(const struct overflow *overflow, struct span name, struct arena *arena,
		    struct column *ret);
/* The fields of the rows at[0 … n-1]: see row_block_ops.rare.  0 or -ENOMEM. */
int overflow_rare(const struct overflow *overflow, const uint32_t *at, uint32_t n,
		  struct arena *arena, const struct rare_column **ret, size_t *ret_n);

#endif
