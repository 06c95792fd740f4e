/*
 * parse_filter.c - or, and, not, parentheses, field names and words.
 *
 *	or:      and { "or" and }
 *	and:     generic { [ "and" ] generic }
 *	generic: ("not" | "!" | "-") generic | "(" or ")" | operator | function | phrase
 *	phrase:  text | text "*" | text [ "*" ] ":" generic
 *
 * Everything goes down with the field that stands in front of it, so that
 * field:(a or b) means field:a or field:b.
 */
#include "common/lang/parse.h"
#include "common/lang/token.h"
#include "common/lang/words.h"
#include <errno.h>

static struct filter *new_filter(struct lex *lex, enum filter_kind kind)
{
	struct filter *filter = ARENA_NEW(lex->arena, struct filter);

	if (filter) {
		filter->kind = kind;
		filter->pos = lex->pos;
	}
	return filter;
}

struct filter *parse_new_leaf(struct lex *lex, struct field_ref field, enum filter_kind kind)
{
	struct filter *leaf = new_filter(lex, kind);

	if (leaf) {
		leaf->field = field.name.len || field.wild ? field.name : SPAN("_msg");
		leaf->wild = field.wild;
	}
	return leaf;
}

/* Put `kid` behind the others; the array doubles at each power of two. */
static int add_kid(struct lex *lex, struct filter *list, struct filter *kid)
{
	size_t n = list->nkids;

	if ((n & (n - 1)) == 0) {
		struct filter **grown = ARENA_ARRAY(lex->arena, struct filter *, n ? n * 2 : 1);

		if (!grown)
			return -ENOMEM;
		if (n)
			memcpy(grown, list->kids, n * sizeof(struct filter *));
		list->kids = grown;
	}
	list->kids[list->nkids++] = kid;
	return 0;
}

/* Kids joined by `keyword` up to where `at_end` says; one kid stands for itself. */
static int parse_joined(struct lex *lex, struct field_ref field, enum filter_kind kind,
			const char *keyword, bool (*at_end)(const struct lex *),
			int (*parse)(struct lex *, struct field_ref, struct filter **),
			struct filter **ret)
{
	struct filter *list = new_filter(lex, kind), *kid;
	int r;

	if (!list)
		return -ENOMEM;
	do {
		r = parse(lex, field, &kid);
		if (r >= 0)
			r = add_kid(lex, list, kid);
		if (r < 0)
			return r;
		if (at_end(lex)) {
			*ret = list->nkids == 1 ? list->kids[0] : list;
			return 0;
		}
		lex_accept(lex, keyword);
	} while (true);
}

static bool at_and_end(const struct lex *lex)
{
	return lex_at_pipe_end(lex) || lex_is(lex, "or");
}

static int parse_filter_and(struct lex *lex, struct field_ref field, struct filter **ret)
{
	return parse_joined(lex, field, FILTER_AND, "and", at_and_end, parse_filter_generic, ret);
}

int parse_filter_or(struct lex *lex, struct field_ref field, struct filter **ret)
{
	return parse_joined(lex, field, FILTER_OR, "or", lex_at_pipe_end, parse_filter_and, ret);
}

static int parse_parens(struct lex *lex, struct field_ref field, struct filter **ret)
{
	size_t open = lex->pos;
	int r;

	lex_next(lex);
	r = parse_filter_or(lex, field, ret);
	if (r < 0 || lex_accept(lex, ")"))
		return r;
	return lex_error(lex, "expected `)` for the `(` at byte %zu", open);
}

int parse_negate(struct lex *lex, struct filter *kid, struct filter **ret)
{
	if (kid->kind == FILTER_NOT) {
		*ret = kid->kids[0];
		return 0;
	}
	struct filter *not = new_filter(lex, FILTER_NOT);

	if (!not )
		return -ENOMEM;
	not ->pos = kid->pos;
	*ret = not ;
	return add_kid(lex, not, kid);
}

static int parse_not(struct lex *lex, struct field_ref field, struct filter **ret)
{
	struct filter *kid;
	int r;

	lex_next(lex);
	r = parse_filter_generic(lex, field, &kid);
	return r < 0 ? r : parse_negate(lex, kid, ret);
}

/* A filter must not touch what is before it, or `a"b"c` would be three filters. */
static int check_touching(struct lex *lex)
{
	struct span before = lex->previous;

	if (lex->space || before.len == 0 || words_have("| : ( ! -", before))
		return 0;
	if (lex_is(lex, "(") && words_have("not and or", before))
		return 0;
	return parse_touching(lex);
}

static int parse_star(struct lex *lex, struct field_ref field, struct filter **ret)
{
	struct filter *leaf = parse_new_leaf(lex, field, FILTER_PREFIX);
	size_t pos = lex->pos;
	int r;

	if (!leaf)
		return -ENOMEM;
	lex_next(lex);
	if (field.name.len == 0 && !field.wild && lex_accept(lex, ":"))
		return parse_filter_generic(lex, (struct field_ref){.wild = true}, ret);
	*ret = leaf;
	if (lex->space || lex_at_pipe_end(lex)) {
		if (field.name.len == 0 && !field.wild)
			leaf->kind = FILTER_ALL;
		return 0;
	}
	leaf->kind = FILTER_SUBSTRING;
	r = lex_parse_text(lex, "the text of *substring*", &leaf->text);
	if (r < 0)
		return r;
	if (lex->space || !lex_is(lex, "*"))
		return lex_error_at(lex, pos,
				    "the `*` behind the text is missing: *%.*s* is this text "
				    "anywhere, %.*s* how a word starts",
				    SPAN_FMT(leaf->text), SPAN_FMT(leaf->text));
	lex_next(lex);
	if (!lex->space && !lex_at_pipe_end(lex))
		return lex_error(lex, "expected a space behind *%.*s*", SPAN_FMT(leaf->text));
	return 0;
}

/* Names whose filters have a syntax of their own, when they stand in front of a colon. */
static int parse_after_field(struct lex *lex, struct field_ref field, struct filter **ret)
{
	static const struct {
		struct span name;
		int (*parse)(struct lex *lex, struct filter **ret);
	} own[] = {
		{SPAN("_time"), parse_time},
		{SPAN("_stream_id"), parse_stream_id},
		{SPAN("_stream"), parse_stream},
	};

	for (size_t i = 0; !field.wild && i < sizeof(own) / sizeof(own[0]); i++) {
		if (!span_eq(field.name, own[i].name))
			continue;
		if (lex_is_any(lex, "! != !~ not"))
			return lex_error_at(lex, lex->pos,
					    "what negates it stands in front of the field: "
					    "!%.*s:…",
					    SPAN_FMT(field.name));
		return own[i].parse(lex, ret);
	}
	return parse_filter_generic(lex, field, ret);
}

int parse_phrase(struct lex *lex, struct field_ref field, struct filter **ret)
{
	bool named = field.name.len || field.wild;
	struct filter *leaf = parse_new_leaf(lex, field, FILTER_PHRASE);
	struct span text;
	bool star;
	int r;

	if (!leaf)
		return -ENOMEM;
	r = parse_mistake(lex);
	if (r >= 0)
		r = lex_compound(lex, "a filter", named ? "" : ":", &text);
	if (r < 0)
		return r;
	star = !lex->space && lex_accept(lex, "*");
	if (!named && lex_accept(lex, ":"))
		return parse_after_field(lex, (struct field_ref){text, star}, ret);
	leaf->kind = star ? FILTER_PREFIX : FILTER_PHRASE;
	leaf->text = text;
	*ret = leaf;
	return 0;
}

static int parse_dispatch(struct lex *lex, struct field_ref field, struct filter **ret)
{
	const struct filter_function *function;
	int r;

	if (lex_is(lex, "{")) {
		if (field.wild || (field.name.len && !span_eq(field.name, SPAN("_stream"))))
			return lex_error(lex, "a stream selector {…} has no field in front of it");
		return parse_stream(lex, ret);
	}
	if (lex_is(lex, "*"))
		return parse_star(lex, field, ret);
	if (lex_is(lex, "("))
		return parse_parens(lex, field, ret);
	if (lex_is_any(lex, "not ! -"))
		return parse_not(lex, field, ret);
	r = parse_operator(lex, field, ret);
	if (r != 0)
		return r;
	function = parse_find_function(lex);
	if (!function)
		return parse_phrase(lex, field, ret);
	struct lex ahead = *lex;

	lex_next(&ahead);
	if (!lex_is(&ahead, "(") && !lex_is(&ahead, "["))
		return lex_error_at(lex, lex->pos,
				    "`%s` is a function; write %s(…), or put the word in quotes to "
				    "look for it",
				    function->name, function->name);
	lex_next(lex);
	return function->parse(lex, field, function, ret);
}

int parse_filter_generic(struct lex *lex, struct field_ref field, struct filter **ret)
{
	int r;

	if (lex_at_end(lex))
		return lex_error(lex, "expected a filter");
	r = check_touching(lex);
	if (r >= 0)
		r = lex_enter(lex);
	if (r < 0)
		return r;
	r = parse_dispatch(lex, field, ret);
	lex_leave(lex);
	return r;
}

int lang_parse_filter(struct lex *lex, struct filter **ret)
{
	if (lex_at_pipe_end(lex))
		return lex_error(lex, "expected a filter; `*` matches everything");
	return parse_filter_or(lex, (struct field_ref){0}, ret);
}

int lang_parse_if(struct lex *lex, struct filter **ret)
{
	int r = lex_expect(lex, "if", "in front of a condition");

	if (r >= 0)
		r = lex_expect(lex, "(", "behind `if`");
	if (r < 0)
		return r;
	if (lex_accept(lex, ")")) {
		*ret = new_filter(lex, FILTER_ALL);
		return *ret ? 0 : -ENOMEM;
	}
	r = lang_parse_filter(lex, ret);
	return r < 0 ? r : lex_expect(lex, ")", "behind the condition");
}

int filter_walk(struct filter *filter, filter_visit_fn *visit, void *ctx)
{
	int r = 0;

	if (filter_is_leaf(filter))
		return visit(ctx, filter);
	for (size_t i = 0; r >= 0 && i < filter->nkids; i++)
		r = filter_walk(filter->kids[i], visit, ctx);
	return r;
}
