/*
 * stats_common.h - what most stats functions are made of: a list of fields.
 *
 *	sum(a, b*) limit 5
 *	    fields       limit
 */
#ifndef SLUICE_QUERY_STATS_COMMON_H
#define SLUICE_QUERY_STATS_COMMON_H

#include "aggregator/query/stats.h"

/* A function of fields; `fields` are names, `prefix*` or `*`. */
struct stats_of_fields {
	struct stats_func func;
	struct span_list fields;
	uint64_t limit; /* 0 = none */
};

enum stats_parse_flag {
	STATS_NAMES_ONLY = 1, /* no `*`, no `prefix*` */
	STATS_SOME = 2,       /* at least one; otherwise none means `*` */
	STATS_LIMIT = 4,      /* `limit N` may follow */
};

/* (fields) [limit N]   into a struct of `size` bytes that begins with stats_of_fields. */
int stats_parse_fields(struct lex *lex, const struct stats_func_ops *ops, unsigned flags,
		       size_t size, struct stats_of_fields **ret);
/* name(fields) limit N */
void stats_print_fields(const struct stats_func *func, struct buf *out);
void stats_needs_fields(const struct stats_func *func, struct field_set *set);

/*
 * The columns of `rows` that the list selects, plain names first: these always
 * give one each, a wildcard those that are there, and none comes twice.  So a
 * row that lacks a plain field has an empty value, one that lacks a field of a
 * wildcard has none.  Names in the rows' arena; 0 or -ENOMEM.
 */
int stats_columns(struct rows *rows, const struct span_list *fields, struct span **ret_names,
		  size_t *ret_n);
/* How many of those are of plain names. */
size_t stats_plain_fields(const struct span_list *fields);
/* True for a list that has `*`. */
bool stats_all_fields(const struct span_list *fields);

/* The column as numbers, NaN where it is none; NULL past the arena's budget. */
const double *stats_numbers(struct rows *rows, struct span name);

/* One text of a row as it can be kept: copied into batch->arena; 0 or -ENOMEM. */
int stats_keep(const struct stats_batch *batch, struct span text, struct span *ret);

/*
 * Room for one more element of `size` bytes in a malloced array, charged to the
 * query.  0 or -ENOMEM.  Who frees it before the end of the run gives it back:
 * stage_uncharge(stage, cap * size).
 */
int stats_reserve(struct stage *stage, void **ptr, size_t len, size_t *cap, size_t size);

/* The selected fields of one row as JSON, names in order, empty values left out. */
int stats_row_json(struct rows *rows, const struct span *names, size_t n, uint32_t row,
		   struct arena *arena, struct span *ret);

#endif
