/*
 * field_set.h - which fields somebody needs: names, prefixes, all but some.
 *
 * The planner walks the pipes from last to first; each turns the fields that
 * its successor reads into the fields that it reads itself, so that a source
 * extracts only those.  Too large a set costs time, too small a one is a bug.
 *
 *	all = false   the names and prefixes of `allow`
 *	all = true    every field
 *	              in both cases without the names of `deny`
 *
 * Lists live in the arena given to init; names are borrowed.
 *
 *	// rename a as b: who reads b reads a
 *	if (field_set_has(set, b)) { field_set_remove(set, b); field_set_add(set, a); }
 *	else field_set_remove(set, a) …
 */
#ifndef SLUICE_QUERY_FIELD_SET_H
#define SLUICE_QUERY_FIELD_SET_H

#include "common/lang/ast/filter.h"
#include "common/lang/lex.h"

struct field_set {
	struct arena *arena;
	bool all;
	struct span_list allow; /* `name` or `prefix*`, as field filters are written */
	struct span_list deny;  /* names */
	bool failed;            /* the arena is used up; the set holds too much, never too little */
};

/* Nothing, or everything. */
void field_set_init(struct field_set *set, struct arena *arena, bool all);
/* Forget the members; `all` as given. */
void field_set_reset(struct field_set *set, bool all);
void field_set_copy(struct field_set *set, const struct field_set *from);

/* `filter` is a name, `prefix*` or `*`. */
void field_set_add(struct field_set *set, struct span filter);
void field_set_add_list(struct field_set *set, const struct span_list *filters);
/* Take out one name, or with `prefix*` everything below it. */
void field_set_remove(struct field_set *set, struct span filter);
/* All fields that `filter` (a tree of LogsQL) reads; NULL = none. */
void field_set_add_filter(struct field_set *set, const struct filter *filter);

bool field_set_has(const struct field_set *set, struct span name);
/* Some name that starts with `prefix` may be in the set. */
bool field_set_may_have_prefix(const struct field_set *set, struct span prefix);
/* True if it is a finite list of names: then `allow` is that list. */
bool field_set_is_list(const struct field_set *set);
bool field_set_is_empty(const struct field_set *set);

/* Whether `name` is selected by `name`, `prefix*` or `*`. */
static inline bool field_filter_has(struct span filter, struct span name)
{
	if (filter.len && filter.ptr[filter.len - 1] == '*')
		return span_starts(name, span_take(filter, filter.len - 1));
	return span_eq(filter, name);
}

static inline bool field_filter_is_wild(struct span filter)
{
	return filter.len && filter.ptr[filter.len - 1] == '*';
}

bool field_filters_have(const struct span_list *filters, struct span name);

#endif
