/*
 * stats.h - functions of `stats`: count(), sum(x), quantile(0.5, y) …
 *
 * A function is a row in a table (stats/), parsed into a struct that begins
 * with `struct stats_func func`, and a state of fixed size for each group.
 * The pipe keeps the states of all functions of a group side by side
 *
 *	group ──▶ | state of func 0 | state of func 1 | …      8-byte aligned, zeroed
 *	            offset 0          offset 16
 *
 * and hands a function whole batches of rows with the group of each, so a
 * function loops over a column, not the pipe over functions:
 *
 *	static int sum_len_update(const struct stats_func *func, const struct stats_batch *batch)
 *	{
 *		const struct span *texts = rows_texts(batch->rows, name);
 *		uint32_t row;
 *
 *		stats_each_row(batch, row)
 *			((struct sum_len *)stats_state(batch, row))->bytes += texts[row].len;
 *		return 0;
 *	}
 *
 * Each worker has groups of its own; at the end merge() adds one to another.
 * State that grows comes from batch->arena (goes with the worker's groups,
 * charged to the query by the pipe after each batch) or from malloc, then
 * charged with stage_charge(batch->stage, …) and freed in release().
 */
#ifndef SLUICE_QUERY_STATS_H
#define SLUICE_QUERY_STATS_H

#include "aggregator/query/pipe.h"

struct stats_func_ops;

struct stats_func {
	const struct stats_func_ops *ops;
};

struct stats_batch {
	struct stage *stage;
	struct arena *arena; /* where states may grow, of this worker */
	struct rows *rows;
	char *only;               /* the group of all rows, or NULL: */
	char *const *groups;      /* the group of each row */
	size_t offset;            /* of this function's state in a group */
	const uint64_t *selected; /* rows to look at (`if`), NULL = all */
};

/* What is known at the end, for result(). */
struct stats_env {
	struct stage *stage;
	double seconds; /* the time that one group stands for, for rate(); 0 = unknown */
};

static inline void *stats_state(const struct stats_batch *batch, uint32_t row)
{
	return (batch->groups ? batch->groups[row] : batch->only) + batch->offset;
}

static inline bool stats_selected(const struct stats_batch *batch, uint32_t row)
{
	return !batch->selected || bit_get(batch->selected, row);
}

#define stats_each_row(batch, row)                                                                 \
	for ((row) = 0; (row) < (batch)->rows->n; (row)++)                                         \
		if (!stats_selected((batch), (row)))                                               \
			continue;                                                                  \
		else

struct stats_func_ops {
	const char *names; /* "row_any any"; the first is canonical */
	size_t state_size; /* of one group; 0 is fine */

	/* The lexer stands behind the name; leave it behind the last argument and option. */
	int (*parse)(struct lex *lex, struct stats_func **ret);
	/* Canonical text, name included; it is the name of the result too: count(*) */
	void (*print)(const struct stats_func *func, struct buf *out);
	void (*needs)(const struct stats_func *func, struct field_set *set);
	/* 0 or a negative errno (stage_fail(), stage_charge() have set the text). */
	int (*update)(const struct stats_func *func, const struct stats_batch *batch);
	/* Add `from` to `to`; `from` is not used (nor released) afterwards. */
	int (*merge)(const struct stats_func *func, struct stage *stage, struct arena *arena,
		     void *to, void *from);
	/* Append the text of the result. */
	int (*result)(const struct stats_func *func, const struct stats_env *env, void *state,
		      struct buf *out);
	/* Free what was malloced.  May be NULL. */
	void (*release)(const struct stats_func *func, void *state);
};

/* stats/stats_table.c */
const struct stats_func_ops *stats_func_find(struct span name);
/* The lexer stands on the name.  An unknown function is an error with a suggestion. */
int stats_func_parse(struct lex *lex, struct stats_func **ret);

#endif
