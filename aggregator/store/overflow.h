/*
 * overflow.h - fields beyond the cap on columns, and sets of field names.
 *
 * A group has at most MEMTABLE_COLUMNS columns.  A row's further fields are
 * one JSON object in the overflow column; a query for such a field looks in
 * there, so that it is slower but never wrong.
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

/* Memory to read the overflow column of one group. */
#define OVERFLOW_SCRATCH ((size_t)512 << 20)

/*
 * The column of field `name`, from the overflow column (TEXT or CONST).  That one
 * is large and read anew for each field, so it lives in `scratch`, which may go
 * afterwards; only the values of `name` are kept in `arena`.
 */
int overflow_column(struct column *overflow, struct span name, struct arena *scratch,
		    struct arena *arena, struct column *ret);
/* Add the fields that it has. */
int overflow_names(const struct column *column, struct names *names);

#endif
