#include "aggregator/query/field_set.h"

#include "common/lang/match.h"

void field_set_init(struct field_set *set, struct arena *arena, bool all)
{
	*set = (struct field_set){.arena = arena, .all = all};
}

void field_set_reset(struct field_set *set, bool all)
{
	set->all = all;
	set->allow.len = set->deny.len = 0;
}

/* The lists are append-only in an arena, so the copy gets arrays of its own. */
void field_set_copy(struct field_set *set, const struct field_set *from)
{
	struct arena *arena = set->arena ? set->arena : from->arena;

	field_set_init(set, arena, from->all);
	set->failed = from->failed;
	for (size_t i = 0; i < from->allow.len; i++)
		set->failed |= span_list_push(arena, &set->allow, from->allow.ptr[i]) < 0;
	for (size_t i = 0; i < from->deny.len; i++)
		set->failed |= span_list_push(arena, &set->deny, from->deny.ptr[i]) < 0;
	set->all |= set->failed;
}

static void list_remove(struct span_list *list, size_t i)
{
	list->ptr[i] = list->ptr[--list->len];
}

static void push(struct field_set *set, struct span_list *list, struct span text)
{
	if (span_list_push(set->arena, list, text) >= 0)
		return;
	set->failed = true;
	field_set_reset(set, true);
}

/* Whether all names that `inner` selects are selected by `outer`. */
static bool covers(struct span outer, struct span inner)
{
	if (!field_filter_is_wild(outer))
		return span_eq(outer, inner);
	struct span prefix = span_take(outer, outer.len - 1);

	if (field_filter_is_wild(inner))
		inner.len--;
	return span_starts(inner, prefix);
}

static bool overlaps(struct span a, struct span b)
{
	return covers(a, b) || covers(b, a);
}

void field_set_add(struct field_set *set, struct span filter)
{
	for (size_t i = set->deny.len; i-- > 0;)
		if (overlaps(filter, set->deny.ptr[i]))
			list_remove(&set->deny, i);
	if (set->all)
		return;
	for (size_t i = 0; i < set->allow.len; i++)
		if (covers(set->allow.ptr[i], filter))
			return;
	if (span_eq(filter, SPAN("*")))
		set->all = true;
	else
		push(set, &set->allow, filter);
}

void field_set_add_list(struct field_set *set, const struct span_list *filters)
{
	for (size_t i = 0; i < filters->len; i++)
		field_set_add(set, filters->ptr[i]);
}

/*
 * A wildcard that reaches beyond what is removed stays, and the removed filter
 * is remembered in `deny`.
 */
void field_set_remove(struct field_set *set, struct span filter)
{
	bool wider = set->all;

	if (span_eq(filter, SPAN("*"))) {
		field_set_reset(set, false);
		return;
	}
	for (size_t i = set->allow.len; i-- > 0;)
		if (covers(filter, set->allow.ptr[i]))
			list_remove(&set->allow, i);
		else if (overlaps(filter, set->allow.ptr[i]))
			wider = true;
	if (wider)
		push(set, &set->deny, filter);
}

static int add_field(void *ctx, struct span field, bool wild)
{
	struct field_set *set = ctx;

	if (!wild) {
		field_set_add(set, field);
		return 0;
	}
	struct span filter = arena_printf(set->arena, "%.*s*", SPAN_FMT(field));

	if (filter.ptr)
		field_set_add(set, filter);
	else
		field_set_reset(set, true);
	return 0;
}

void field_set_add_filter(struct field_set *set, const struct filter *filter)
{
	if (filter && filter_fields(filter, add_field, set) < 0)
		field_set_reset(set, true);
}

bool field_filters_have(const struct span_list *filters, struct span name)
{
	for (size_t i = 0; i < filters->len; i++)
		if (field_filter_has(filters->ptr[i], name))
			return true;
	return false;
}

bool field_set_has(const struct field_set *set, struct span name)
{
	return (set->all || field_filters_have(&set->allow, name)) &&
	       !field_filters_have(&set->deny, name);
}

bool field_set_may_have_prefix(const struct field_set *set, struct span prefix)
{
	for (size_t i = 0; i < set->deny.len; i++) {
		struct span deny = set->deny.ptr[i];

		if (field_filter_is_wild(deny) &&
		    span_starts(prefix, span_take(deny, deny.len - 1)))
			return false;
	}
	if (set->all)
		return true;
	for (size_t i = 0; i < set->allow.len; i++) {
		struct span allow = set->allow.ptr[i];

		if (span_starts(allow, prefix) ||
		    (field_filter_is_wild(allow) &&
		     span_starts(prefix, span_take(allow, allow.len - 1))))
			return true;
	}
	return false;
}

bool field_set_is_list(const struct field_set *set)
{
	if (set->all)
		return false;
	for (size_t i = 0; i < set->allow.len; i++)
		if (field_filter_is_wild(set->allow.ptr[i]))
			return false;
	return true;
}

bool field_set_is_empty(const struct field_set *set)
{
	return !set->all && set->allow.len == 0;
}
