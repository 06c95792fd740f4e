/*
 * query.c - whole queries: options, pipes, sub-queries, and who owns what.
 */
#include "common/base/cleanup.h"
#include "common/conf/regex.h"
#include "common/lang/number.h"
#include "common/lang/parse.h"
#include "common/lang/words.h"
#include <errno.h>

/*
 * What a query may take while it is parsed: 1 MiB of text makes some 500,000
 * nodes at the very most.
 */
#define QUERY_ARENA_MAX ((size_t)256 << 20)

static const char option_names[] = "concurrency parallel_readers ignore_global_time_filter "
				   "allow_partial_response time_offset global_filter";

static int parse_bool(struct lex *lex, struct span name, bool *ret_given, bool *ret)
{
	struct span text;
	size_t pos = lex->pos;
	int r = lex_parse_text(lex, "true or false", &text);

	if (r < 0)
		return r;
	*ret = words_have("1 t true", text);
	*ret_given = true;
	if (!*ret && !words_have("0 f false", text))
		return lex_error_at(lex, pos, "%.*s is true or false, found `%.*s`", SPAN_FMT(name),
				    SPAN_FMT(text));
	return 0;
}

static int parse_count(struct lex *lex, struct span name, uint64_t *ret)
{
	struct span text;
	size_t pos = lex->pos;
	int r = lex_parse_text(lex, "a number", &text);

	if (r >= 0 && !lang_u64(text, ret))
		r = lex_error_at(lex, pos, "%.*s is a whole number, found `%.*s`", SPAN_FMT(name),
				 SPAN_FMT(text));
	return r;
}

static int has_subquery(void *ctx, struct filter *leaf)
{
	(void)ctx;
	return leaf->values.subquery ? -EINVAL : 0;
}

static struct filter *both_filters(struct lex *lex, struct filter *a, struct filter *b)
{
	struct filter *both = parse_new_leaf(lex, (struct field_ref){0}, FILTER_AND);
	struct filter **kids = ARENA_ARRAY(lex->arena, struct filter *, 2);

	if (!both || !kids)
		return NULL;
	kids[0] = a;
	kids[1] = b;
	both->kids = kids;
	both->nkids = 2;
	return both;
}

/*
 * It narrows what the query around this one has, and does not stand in its place.
 * A sub-query in it would be under the global filter itself, without an end.
 */
static int parse_global_filter(struct lex *lex, struct filter **ret)
{
	struct query *query;
	size_t pos = lex->pos;
	int r = lang_parse_subquery(lex, &query);

	if (r < 0)
		return r;
	if (query->npipes)
		return lex_error_at(lex, pos, "a global filter has no pipes");
	if (filter_walk(query->filter, has_subquery, NULL) < 0)
		return lex_error_at(lex, pos, "a global filter has no sub-queries");
	*ret = *ret ? both_filters(lex, *ret, query->filter) : query->filter;
	return *ret ? 0 : -ENOMEM;
}

static int parse_option(struct lex *lex, struct query_options *options)
{
	struct span name;
	size_t pos = lex->pos;
	int r = lex_compound(lex, "the name of an option", ":", &name);

	if (r >= 0)
		r = lex_expect(lex, "=", "behind the name of the option");
	if (r < 0)
		return r;
	if (span_eq(name, SPAN("concurrency")))
		return parse_count(lex, name, &options->concurrency);
	if (span_eq(name, SPAN("parallel_readers")))
		return parse_count(lex, name, &options->parallel_readers);
	if (span_eq(name, SPAN("ignore_global_time_filter")))
		return parse_bool(lex, name, &options->has_ignore_global_time,
				  &options->ignore_global_time);
	if (span_eq(name, SPAN("allow_partial_response")))
		return parse_bool(lex, name, &options->has_allow_partial, &options->allow_partial);
	if (span_eq(name, SPAN("time_offset")))
		return lex_parse_duration(lex, "a time offset", &options->time_offset,
					  &options->time_offset_text);
	if (span_eq(name, SPAN("global_filter")))
		return parse_global_filter(lex, &options->global_filter);
	if (words_nearest(option_names, name).len == 0)
		return lex_error_at(lex, pos, "unknown option `%.*s`; known are %s", SPAN_FMT(name),
				    option_names);
	lex_error_at(lex, pos, "unknown option `%.*s`", SPAN_FMT(name));
	return lex_suggest(lex, name, option_names);
}

/* options(a=b, c=d) in front of a query; what is not given comes from the parent. */
static int parse_options(struct lex *lex, struct query *query)
{
	int r;

	if (query->parent)
		query->options = query->parent->options;
	query->options.given = false;
	if (!lex_accept(lex, "options"))
		return 0;
	if (!lex_is(lex, "("))
		return lex_error(lex, "expected `(` and options; put `options` in quotes to look "
				      "for the word");
	lex_next(lex);
	while (!lex_is(lex, ")")) {
		r = parse_option(lex, &query->options);
		if (r < 0)
			return r;
		query->options.given = true;
		if (!lex_is(lex, ")") && !lex_accept(lex, ","))
			return lex_error(lex, "expected `,` or `)` behind the option");
	}
	lex_next(lex);
	return 0;
}

int64_t time_earlier(int64_t bound, int64_t offset)
{
	int64_t moved;

	if (bound == INT64_MIN || bound == INT64_MAX)
		return bound;
	if (__builtin_sub_overflow(bound, offset, &moved))
		return offset > 0 ? INT64_MIN : INT64_MAX;
	return moved;
}

static int shift_leaf(void *ctx, struct filter *leaf)
{
	int64_t offset = *(int64_t *)ctx;

	if (leaf->kind == FILTER_TIME) {
		leaf->tmin = time_earlier(leaf->tmin, offset);
		leaf->tmax = time_earlier(leaf->tmax, offset);
	} else if (leaf->kind == FILTER_DAY_RANGE || leaf->kind == FILTER_WEEK_RANGE) {
		leaf->offset = time_earlier(leaf->offset, -offset);
	}
	return 0;
}

void filter_shift_time(struct filter *filter, int64_t offset)
{
	filter_walk(filter, shift_leaf, &offset);
}

static int add_pipe(struct query *query, void *pipe)
{
	if (query->npipes == query->cappipes &&
	    vec_grow((void **)&query->pipes, &query->cappipes, query->npipes + 1, sizeof(pipe)) < 0)
		return -ENOMEM;
	query->pipes[query->npipes++] = pipe;
	return 0;
}

static int parse_pipes(struct lex *lex, struct query *query)
{
	void *pipe;
	int r;

	do {
		if (lex_is(lex, "|") && !lex->space)
			return lex_error_at(lex, lex->pos,
					    "filters of which one is enough are joined by `or`");
		if (lex_at_pipe_end(lex))
			return lex_error(lex, "expected a pipe behind `|`");
		if (query->npipes == QUERY_PIPES_MAX)
			return lex_error(lex, "at most %d pipes", QUERY_PIPES_MAX);
		r = query->ops->parse_pipe(lex, &pipe);
		if (r < 0)
			return r;
		r = add_pipe(query, pipe);
		if (r < 0) {
			if (query->ops->free_pipe)
				query->ops->free_pipe(pipe);
			return r;
		}
		if (!lex_at_pipe_end(lex))
			return lex_error(lex, "expected `|` or the end of the pipe");
	} while (lex_accept(lex, "|"));
	return 0;
}

static int parse_body(struct lex *lex, struct query *query)
{
	size_t start = lex->pos;
	int r = parse_options(lex, query);

	if (r >= 0)
		r = lang_parse_filter(lex, &query->filter);
	if (r < 0)
		return r;
	if (query->options.time_offset)
		filter_shift_time(query->filter, query->options.time_offset);
	if (lex_is(lex, "|")) {
		if (!query->ops)
			return lex_error(lex, "only filters can stand here, no pipes");
		lex_next(lex);
		r = parse_pipes(lex, query);
	}
	if (r >= 0)
		lex_accept(lex, ";");
	query->text = span_trim(span_take(span_skip(lex->query, start), lex->pos - start));
	return r;
}

static int parse_child(struct lex *lex, struct query *child)
{
	struct query *parent = lex->owner;
	int r;

	lex_next(lex);
	lex->owner = child;
	r = parse_body(lex, child);
	lex->owner = parent;
	return r < 0 ? r : lex_expect(lex, ")", "behind the sub-query");
}

int lang_parse_subquery(struct lex *lex, struct query **ret)
{
	struct query *root = lex->owner->root, *child;
	int r;

	if (!lex_is(lex, "("))
		return lex_error(lex, "expected `(` and a query");
	r = lex_enter(lex);
	if (r < 0)
		return r;
	child = ARENA_NEW(&root->arena, struct query);
	if (!child || vec_push(&root->children, child) < 0)
		return -ENOMEM;
	child->root = root;
	child->parent = lex->owner;
	child->ops = root->ops;
	child->now_ns = root->now_ns;
	r = parse_child(lex, child);
	lex_leave(lex);
	*ret = child;
	return r;
}

static struct query *new_query(struct span text, int64_t now_ns, const struct lang_ops *ops)
{
	struct query *query = calloc(1, sizeof(*query));

	if (!query)
		return NULL;
	arena_init(&query->arena, QUERY_ARENA_MAX);
	query->root = query;
	query->now_ns = now_ns;
	query->ops = ops;
	query->text = arena_dup(&query->arena, span_take(text, QUERY_TEXT_MAX));
	return query;
}

DEFINE_CLEANUP(struct query *, query_free);

static int parse_whole(struct span text, int64_t now_ns, const struct lang_ops *ops,
		       int (*parse)(struct lex *, struct query *), struct query **ret,
		       struct err *reterr)
{
	_cleanup_(query_freep) struct query *query = new_query(text, now_ns, ops);
	struct lex lex;
	int r;

	if (!query)
		return err_set(reterr, -ENOMEM, "out of memory");
	if (text.len > QUERY_TEXT_MAX)
		query->text = text; /* lex_init() says that it is too long */
	r = lex_init(&lex, query->text, now_ns, &query->arena, reterr);
	if (r < 0)
		return r;
	lex.ops = ops;
	lex.owner = query;
	r = parse(&lex, query);
	if (r == -ENOMEM || query->arena.overflowed)
		return err_set(reterr, -ENOMEM, "the query needs too much memory");
	if (r < 0)
		return r;
	if (lex_is(&lex, ")"))
		return lex_error_at(&lex, lex.pos, "this `)` has no `(` before it");
	if (!lex_at_end(&lex))
		return lex_error(&lex, "expected the end of the query");
	*ret = TAKE(query);
	return 0;
}

static int parse_only_pipes(struct lex *lex, struct query *query)
{
	query->filter = parse_new_leaf(lex, (struct field_ref){0}, FILTER_ALL);
	return query->filter ? parse_pipes(lex, query) : -ENOMEM;
}

int query_parse_pipes(struct span text, int64_t now_ns, const struct lang_ops *ops,
		      struct query **ret, struct err *reterr)
{
	return parse_whole(text, now_ns, ops, parse_only_pipes, ret, reterr);
}

/* limit 10: all of it can be read as pipes.  The words would be looked for, and hardly be found. */
static int check_begins_with_pipe(struct span text, int64_t now_ns, const struct lang_ops *ops,
				  struct err *reterr)
{
	struct query *pipes;
	struct lex lex;
	struct err err;
	struct arena arena;
	struct span name;

	arena_init(&arena, QUERY_TEXT_MAX);
	int r = lex_init(&lex, text, now_ns, &arena, reterr);

	name = lex.raw;
	if (r >= 0 && lex.kind == LEX_WORD && words_have(words_pipes, name)) {
		lex_next(&lex);
		bool alone = !lex.space || lex_at_pipe_end(&lex);

		if (!alone && query_parse_pipes(text, now_ns, ops, &pipes, &err) >= 0) {
			query_free(pipes);
			r = lex_error_at(&lex, (size_t)(name.ptr - text.ptr),
					 "`%.*s` is a pipe, which stands behind a filter: write "
					 "* | %.*s …, or put the word in quotes to look for it",
					 SPAN_FMT(name), SPAN_FMT(name));
		}
	}
	arena_release(&arena);
	return r;
}

int query_parse(struct span text, int64_t now_ns, const struct lang_ops *ops, struct query **ret,
		struct err *reterr)
{
	int r = ops ? check_begins_with_pipe(text, now_ns, ops, reterr) : 0;

	return r < 0 ? r : parse_whole(text, now_ns, ops, parse_body, ret, reterr);
}

static void free_pipes(struct query *query)
{
	for (size_t i = 0; i < query->npipes; i++)
		if (query->ops->free_pipe)
			query->ops->free_pipe(query->pipes[i]);
	free(query->pipes);
}

void query_free(struct query *query)
{
	if (!query)
		return;
	for (size_t i = 0; i < query->children.len; i++)
		free_pipes(query->children.ptr[i]);
	free_pipes(query);
	for (size_t i = 0; i < query->regexes.len; i++)
		regex_free(query->regexes.ptr[i]);
	vec_release(&query->children);
	vec_release(&query->regexes);
	arena_release(&query->arena);
	free(query);
}

static void narrow(const struct filter *filter, int64_t *min, int64_t *max)
{
	if (filter->kind == FILTER_TIME) {
		*min = filter->tmin > *min ? filter->tmin : *min;
		*max = filter->tmax < *max ? filter->tmax : *max;
	}
	for (size_t i = 0; filter->kind == FILTER_AND && i < filter->nkids; i++)
		narrow(filter->kids[i], min, max);
}

void query_time_range(const struct query *query, int64_t *ret_min, int64_t *ret_max)
{
	*ret_min = INT64_MIN;
	*ret_max = INT64_MAX;
	narrow(query->filter, ret_min, ret_max);
	if (query->options.global_filter)
		narrow(query->options.global_filter, ret_min, ret_max);
}
