/* rename a as b, c* as d*; and copy, which leaves the source where it is. */
#include "aggregator/query/pipes/pipes.h"

#include <errno.h>
#include <stdlib.h>

struct rename_pair {
	struct span from, to; /* names or prefix* */
};

struct pipe_rename {
	struct pipe pipe;
	struct rename_pair *pairs;
	size_t npairs, cappairs;
	bool copy;
};

static int add_pair(struct lex *lex, struct pipe_rename *rename, struct rename_pair pair)
{
	if (rename->npairs == rename->cappairs) {
		size_t cap = rename->cappairs ? rename->cappairs * 2 : 4;
		struct rename_pair *pairs = ARENA_ARRAY(lex->arena, struct rename_pair, cap);

		if (!pairs)
			return pipe_no_memory(lex);
		if (rename->npairs)
			memcpy(pairs, rename->pairs, rename->npairs * sizeof(*pairs));
		rename->pairs = pairs;
		rename->cappairs = cap;
	}
	rename->pairs[rename->npairs++] = pair;
	return 0;
}

static int parse_pairs(struct lex *lex, struct pipe_rename *rename)
{
	int r;

	do {
		struct rename_pair pair;

		r = lex_parse_field_filter(lex, &pair.from);
		if (r < 0)
			return r;
		lex_accept(lex, "as");
		r = lex_parse_field_filter(lex, &pair.to);
		if (r >= 0)
			r = add_pair(lex, rename, pair);
	} while (r >= 0 && lex_accept(lex, ","));
	return r;
}

static int rename_parse(struct lex *lex, struct pipe **ret)
{
	struct pipe_rename *rename = PIPE_NEW(lex, struct pipe_rename, &pipe_rename_ops);

	if (!rename)
		return pipe_no_memory(lex);
	*ret = &rename->pipe;
	return parse_pairs(lex, rename);
}

static int copy_parse(struct lex *lex, struct pipe **ret)
{
	struct pipe_rename *rename = PIPE_NEW(lex, struct pipe_rename, &pipe_copy_ops);

	if (!rename)
		return pipe_no_memory(lex);
	rename->copy = true;
	*ret = &rename->pipe;
	return parse_pairs(lex, rename);
}

static void rename_print(const struct pipe *pipe, struct buf *out)
{
	const struct pipe_rename *rename = (const struct pipe_rename *)pipe;

	buf_puts(out, rename->copy ? SPAN("copy ") : SPAN("rename "));
	for (size_t i = 0; i < rename->npairs; i++) {
		struct span_list from = {&rename->pairs[i].from, 1, 1};
		struct span_list to = {&rename->pairs[i].to, 1, 1};

		buf_puts(out, i ? SPAN(", ") : SPAN(""));
		pipe_print_fields(&from, out);
		buf_puts(out, SPAN(" as "));
		pipe_print_fields(&to, out);
	}
}

static void pair_needs(const struct rename_pair *pair, bool copy, struct field_set *set)
{
	bool from_wild = field_filter_is_wild(pair->from), needed;

	if (field_filter_is_wild(pair->to)) {
		/* Which source a name came from depends on its rest: take them all. */
		if (field_set_may_have_prefix(set, span_take(pair->to, pair->to.len - 1)))
			field_set_add(set, pair->from);
		return;
	}
	needed = field_set_has(set, pair->to);
	if (!from_wild)
		field_set_remove(set, pair->to);
	if (!copy && !from_wild)
		field_set_remove(set, pair->from);
	if (needed)
		field_set_add(set, pair->from);
}

static void rename_needs(const struct pipe *pipe, struct field_set *set)
{
	const struct pipe_rename *rename = (const struct pipe_rename *)pipe;

	for (size_t i = rename->npairs; i-- > 0;)
		pair_needs(&rename->pairs[i], rename->copy, set);
}

static int move(struct rows *rows, struct span from, struct span to, bool copy)
{
	return copy ? rows_copy(rows, from, to) : rows_rename(rows, from, to);
}

static int compare_lens(const void *a, const void *b)
{
	const struct span *x = a, *y = b;

	return (x->len > y->len) - (x->len < y->len);
}

/* The names that begin with `prefix`, in an array of their own. */
static int find_names(struct rows *rows, struct span prefix, struct span **ret, size_t *ret_n)
{
	const struct span *names;
	size_t n, found = 0;
	int r = rows_names(rows, &names, &n);
	struct span *own = r < 0 ? NULL : ARENA_ARRAY(rows->arena, struct span, n + 1);

	if (!own)
		return r < 0 ? r : -ENOMEM;
	for (size_t i = 0; i < n; i++)
		if (span_starts(names[i], prefix))
			own[found++] = names[i];
	*ret = own;
	*ret_n = found;
	return 0;
}

/*
 * a* as b*: the rest of each name stays, all at once.  In `a* as aa*`, ax becomes
 * what aax was, so aax has to go first: the longest before the others, or the
 * shortest where names get shorter.
 */
static int move_prefix(struct rows *rows, const struct rename_pair *pair, struct span *names,
		       size_t n, bool copy)
{
	size_t prefix = pair->from.len - 1;
	int r = 0;

	qsort(names, n, sizeof(*names), compare_lens);
	for (size_t i = 0; r >= 0 && i < n; i++) {
		struct span name = names[pair->to.len > pair->from.len ? n - 1 - i : i];
		struct span to = arena_printf(rows->arena, "%.*s%.*s", (int)pair->to.len - 1,
					      pair->to.ptr, SPAN_FMT(span_skip(name, prefix)));

		r = to.ptr ? move(rows, name, to, copy) : -ENOMEM;
	}
	return r;
}

/* a* as b: the last one wins. */
static int move_wild(struct rows *rows, const struct rename_pair *pair, bool copy)
{
	struct span *names;
	size_t n;
	int r = find_names(rows, span_take(pair->from, pair->from.len - 1), &names, &n);

	if (r >= 0 && field_filter_is_wild(pair->to))
		return move_prefix(rows, pair, names, n, copy);
	for (size_t i = 0; r >= 0 && i < n; i++)
		r = move(rows, names[i], pair->to, copy);
	return r;
}

static int rename_push(struct stage *stage, unsigned worker, struct rows *rows)
{
	const struct pipe_rename *rename = stage_pipe(stage);
	int r = 0;

	for (size_t i = 0; r >= 0 && i < rename->npairs; i++) {
		const struct rename_pair *pair = &rename->pairs[i];

		r = field_filter_is_wild(pair->from)
			    ? move_wild(rows, pair, rename->copy)
			    : move(rows, pair->from, pair->to, rename->copy);
	}
	return r < 0 ? r : stage_push(stage->next, worker, rows);
}

const struct pipe_ops pipe_rename_ops = {
	.names = "rename mv",
	.streams = true,
	.parse = rename_parse,
	.print = rename_print,
	.needs = rename_needs,
	.push = rename_push,
};

const struct pipe_ops pipe_copy_ops = {
	.names = "copy cp",
	.streams = true,
	.parse = copy_parse,
	.print = rename_print,
	.needs = rename_needs,
	.push = rename_push,
};
