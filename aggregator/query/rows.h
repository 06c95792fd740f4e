/*
 * rows.h - the rows that travel through the pipes, as columns.
 *
 * Rows are dense: row 0 … n-1, all of them count.  A column is one of
 *
 *	LOADED   its values are here (struct column of common/data/column.h)
 *	LAZY     it will be read from the block when somebody asks, and gathered
 *	         for the rows that the filter picked
 *	RARE     few rows have it: their values are here, a column is made of
 *	         them when somebody asks
 *	HIDDEN   deleted: reads as empty
 *
 * and while `open` is set, any name that is not listed is a LAZY column of the
 * block.  So `fields`, `delete`, `rename` and `copy` touch no value.
 *
 * Ownership: columns, names and texts live in `arena` or in the block until
 * whoever made the rows resets the arena, which is after the push that handed
 * them over returned.  A stage may change the rows it was given (add columns,
 * keep some rows) and hand them on; what it wants to keep it copies.
 *
 * A column that fails to load reads as empty, and `failed` holds the errno:
 * the executor drops the block and says that the answer is partial.
 *
 *	const struct span *user = rows_texts(rows, SPAN("user"));
 *	struct span *out = ARENA_ARRAY(rows->arena, struct span, rows->n);
 *	for (uint32_t i = 0; i < rows->n; i++)
 *		out[i] = lower(user[i]);
 *	r = rows_set_texts(rows, SPAN("user"), out);
 *	return r < 0 ? r : stage_push(stage->next, worker, rows);
 */
#ifndef SLUICE_QUERY_ROWS_H
#define SLUICE_QUERY_ROWS_H

#include "common/data/column.h"

enum rows_field_state { ROWS_LOADED, ROWS_LAZY, ROWS_RARE, ROWS_HIDDEN };

struct rows_field {
	struct span name;
	struct span source; /* LAZY: the block's name of it */
	enum rows_field_state state;
	struct column column;           /* LOADED */
	const struct rare_column *rare; /* RARE */
};

struct rows {
	uint32_t n;
	struct arena *arena;
	struct arena *scratch; /* of one load; NULL = all goes into the arena */
	struct rows_field *fields;
	size_t nfields, capfields;
	uint32_t *slots; /* hash of the names: 1 + a place in `fields`; NULL while they are few */
	size_t nslots;
	struct row_block *block; /* NULL: all columns are LOADED */
	const uint32_t *picked;  /* row of the block of each row; NULL = 0, 1, 2 … */
	bool open;
	bool lists_rare;    /* the block's rare fields of these rows are in `fields` */
	uint32_t loads;     /* columns that were read from the block … */
	uint64_t values;    /* … and their values */
	struct column none; /* what rows_column() gives for a name that is hidden */
	int failed;         /* 0, or the negative errno of the first column that did not load */
	struct err err;
	/* What long work on them asks now and then; < 0: stop and return it.  NULL = never. */
	int (*stopped)(void *ctx);
	void *stopped_ctx;
};

/* `n` rows without any column. */
void rows_init(struct rows *rows, struct arena *arena, uint32_t n);
/*
 * The `n` rows `picked` of a block; NULL = its first n.  With a scratch arena
 * set, a column of few rows of a large block is read there and copied.
 */
void rows_init_block(struct rows *rows, struct arena *arena, struct row_block *block,
		     const uint32_t *picked, uint32_t n);

/* The column of that name; never NULL, empty for a field that no row has. */
const struct column *rows_column(struct rows *rows, struct span name);
/*
 * The same in the form it is stored in: a TEXT column may have a list in place
 * of texts.  For filters, and whoever can tell by shapes what texts are.
 */
const struct column *rows_stored(struct rows *rows, struct span name);
/*
 * The same, but a list has numbers and the texts that rows have: row i has
 * list->texts[numbers[i]].  For what can be done once for all rows of a text.
 */
const struct column *rows_listed(struct rows *rows, struct span name);
/* Note that texts of a list of column `name` could not be made; returns rows->failed. */
int rows_list_failed(struct rows *rows, struct span name, int code);
/*
 * Its values as n texts; all empty when the arena is used up (then failed is
 * set), and NULL if there are more than ROW_BLOCK_MAX of those.
 */
const struct span *rows_texts(struct rows *rows, struct span name);
/* One value; prefer the two above in loops. */
struct span rows_text(struct rows *rows, struct span name, uint32_t row);

/*
 * The names of all columns that are not hidden, in a stable order, in the arena.
 * A name is there though no row may have a value (absent is empty).
 */
int rows_names(struct rows *rows, const struct span **ret_names, size_t *ret_n);

/*
 * In which order fields are shown where no pipe has listed them: _time, level,
 * service, host, _msg, trace_id, span_id, then by name.  For qsort() of spans.
 */
int rows_compare_names(const void *a, const void *b);
/* Put the columns into that order. */
int rows_order_names(struct rows *rows);

/* The column of that name is as the block has it, and not read yet. */
bool rows_is_stored(const struct rows *rows, struct span name);

/*
 * Add a column or replace the one of its name.  Values must be in the arena or
 * live as long as the rows.  The name is borrowed too.  0 or -ENOMEM.
 */
int rows_set(struct rows *rows, const struct column *column);
int rows_set_texts(struct rows *rows, struct span name, const struct span *texts);
int rows_set_const(struct rows *rows, struct span name, struct span value);
int rows_set_times(struct rows *rows, struct span name, const int64_t *times);
/* Integers whose text is their decimal digits. */
int rows_set_ints(struct rows *rows, struct span name, const int64_t *ints);

int rows_delete(struct rows *rows, struct span name);
/* Only these names stay, others read as empty; names without a column become empty ones. */
int rows_select(struct rows *rows, const struct span *names, size_t n);
/* `to` is what `from` was; an existing `to` is replaced. */
int rows_copy(struct rows *rows, struct span from, struct span to);
int rows_rename(struct rows *rows, struct span from, struct span to);

/* The rare field of that name, while no column was made of it; or NULL. */
const struct rare_column *rows_rare(const struct rows *rows, struct span name);

/* The entry of a name, or NULL: for who must know in which of the four states it is. */
const struct rows_field *rows_field(const struct rows *rows, struct span name);

/*
 * Rows at[0 … n-1] as rows of their own, in `arena`; `rows` stay as they were,
 * and must live as long, as must `at`.  0 or -ENOMEM.
 */
int rows_pick(const struct rows *rows, const uint32_t *at, uint32_t n, struct arena *arena,
	      struct rows *ret);

/* Keep the rows whose bit is set; n changes. */
int rows_keep(struct rows *rows, const uint64_t *bits);
/* Keep rows at[0 … n-1] of now, in this order, repetitions allowed. */
int rows_gather(struct rows *rows, const uint32_t *at, uint32_t n);
/* Keep rows [from, from + n). */
int rows_slice(struct rows *rows, uint32_t from, uint32_t n);

#endif
