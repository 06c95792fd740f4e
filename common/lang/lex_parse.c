/*
 * lex_parse.c - the small parsers that filters and pipes share; see lex.h.
 */
#include "common/base/num.h"
#include "common/lang/lex.h"
#include "common/lang/number.h"
#include "common/lang/token.h"
#include "common/lang/words.h"
#include <errno.h>
#include <math.h>

/* Signs that may be part of an unquoted text. */
static const char glue[] = "+-/:.$";

static bool is_glue(const struct lex *lex, const char *stop)
{
	return lex->kind == LEX_SIGN && lex->raw.len == 1 && strchr(glue, lex->raw.ptr[0]) &&
	       !strchr(stop, lex->raw.ptr[0]);
}

static bool is_text_part(const struct lex *lex, const char *stop)
{
	return lex->kind == LEX_WORD || is_glue(lex, stop);
}

/* a:b:=c   Only a field has a filter behind its colon, and `b:` stands where it is a text. */
static int check_colon(struct lex *lex, struct span text)
{
	if (lex->space || !span_ends(text, SPAN(":")) ||
	    !(lex->kind == LEX_QUOTED || lex_is_any(lex, "( [ { = != =~ ! !~ ~ < >")))
		return 0;
	return lex_error_at(lex, lex->pos - text.len,
			    "`%.*s` is a text here and no field; put it in quotes and a space "
			    "behind it if you mean the text, or write each field with a filter of "
			    "its own: a:x b:y",
			    SPAN_FMT(text));
}

int lex_compound(struct lex *lex, const char *what, const char *stop, struct span *ret)
{
	size_t start = lex->pos, end;

	if (lex->kind == LEX_QUOTED) {
		*ret = lex->text;
		lex_next(lex);
		return 0;
	}
	if (!lex->space && lex_is_any(lex, "/ . $") && text_ends_with_word(lex->previous))
		return lex_error(lex, "a space is missing behind `%.*s`", SPAN_FMT(lex->previous));
	if (!is_text_part(lex, stop))
		return lex_error(lex, "expected %s%s", what,
				 lex->kind == LEX_SIGN && !lex_at_open_quote(lex)
					 ? " (put it in quotes if you mean this sign)"
					 : "");
	do {
		end = lex->next;
		lex_next(lex);
	} while (!lex->space && is_text_part(lex, stop));
	*ret = span_take(span_skip(lex->query, start), end - start);
	if (ret->len == 1 && strchr(glue, ret->ptr[0]))
		return lex_error_at(lex, start, "expected %s; put `%c` in quotes if you mean it",
				    what, ret->ptr[0]);
	return check_colon(lex, *ret);
}

int lex_parse_text(struct lex *lex, const char *what, struct span *ret)
{
	return lex_compound(lex, what, "", ret);
}

static struct span canonical_field(struct span name)
{
	return name.len ? name : SPAN("_msg");
}

int lex_parse_field(struct lex *lex, struct span *ret)
{
	size_t pos = lex->pos;
	int r;

	if (lex_is(lex, "*"))
		return lex_error(lex, "expected one field name");
	r = lex_compound(lex, "a field name", "", ret);
	if (r < 0)
		return r;
	if (lex_is(lex, "*") && !lex->space)
		return lex_error_at(lex, pos, "expected one field name, `%.*s*` stands for several",
				    SPAN_FMT(*ret));
	*ret = canonical_field(*ret);
	return 0;
}

int lex_parse_field_filter(struct lex *lex, struct span *ret)
{
	int r;

	if (lex_accept(lex, "*")) {
		*ret = SPAN("*");
		return 0;
	}
	r = lex_compound(lex, "a field name", "", ret);
	if (r < 0)
		return r;
	if (lex->space || !lex_is(lex, "*")) {
		*ret = canonical_field(*ret);
		return 0;
	}
	lex_next(lex);
	*ret = arena_printf(lex->arena, "%.*s*", SPAN_FMT(*ret));
	return ret->ptr ? 0 : -ENOMEM;
}

int span_list_push(struct arena *arena, struct span_list *list, struct span text)
{
	if (list->len == list->cap) {
		size_t cap = list->cap ? list->cap * 2 : 4;
		struct span *grown = ARENA_ARRAY(arena, struct span, cap);

		if (!grown)
			return -ENOMEM;
		if (list->len)
			memcpy(grown, list->ptr, list->len * sizeof(*grown));
		list->ptr = grown;
		list->cap = cap;
	}
	list->ptr[list->len++] = text;
	return 0;
}

typedef int item_parser(struct lex *lex, struct span *ret);

static int parse_list(struct lex *lex, item_parser *parse, struct span_list *ret)
{
	struct span_list list = {0};
	struct span item;
	int r;

	do {
		r = parse(lex, &item);
		if (r >= 0)
			r = span_list_push(lex->arena, &list, item);
		if (r < 0)
			return r;
	} while (lex_accept(lex, ","));
	*ret = list;
	return 0;
}

/* What a list in parentheses may hold, and how it is called in errors. */
static int parse_list_in_parens(struct lex *lex, item_parser *parse, const char *what,
				struct span_list *ret)
{
	struct span_list list = {0};
	struct span item;
	int r;

	if (!lex_is(lex, "("))
		return lex_error(lex, "expected `(` and %s", what);
	lex_next(lex);
	while (!lex_is(lex, ")")) {
		r = parse(lex, &item);
		if (r >= 0)
			r = span_list_push(lex->arena, &list, item);
		if (r < 0)
			return r;
		if (!lex_is(lex, ")") && !lex_accept(lex, ","))
			return lex_error(lex, "expected `,` or `)` behind `%.*s`", SPAN_FMT(item));
	}
	lex_next(lex);
	*ret = list;
	return 0;
}

int lex_parse_fields(struct lex *lex, struct span_list *ret)
{
	return parse_list(lex, lex_parse_field, ret);
}

int lex_parse_fields_in_parens(struct lex *lex, struct span_list *ret)
{
	return parse_list_in_parens(lex, lex_parse_field, "field names", ret);
}

int lex_parse_field_filters(struct lex *lex, struct span_list *ret)
{
	return parse_list(lex, lex_parse_field_filter, ret);
}

int lex_parse_field_filters_in_parens(struct lex *lex, struct span_list *ret)
{
	return parse_list_in_parens(lex, lex_parse_field_filter, "field names", ret);
}

static int parse_arg(struct lex *lex, struct span *ret)
{
	return lex_parse_text(lex, "an argument", ret);
}

int lex_parse_args(struct lex *lex, struct span_list *ret)
{
	return parse_list_in_parens(lex, parse_arg, "arguments", ret);
}

int lex_parse_u64(struct lex *lex, const char *what, uint64_t *ret)
{
	struct span text;
	size_t pos = lex->pos;
	int r = lex_parse_text(lex, what, &text);

	if (r < 0)
		return r;
	if (!lang_unsigned(text, ret))
		return lex_error_at(lex, pos, "expected %s, a whole number from 0, found `%.*s`",
				    what, SPAN_FMT(text));
	return 0;
}

int lex_parse_number(struct lex *lex, const char *what, double *ret, struct span *ret_text)
{
	struct span text;
	size_t pos = lex->pos;
	int r = lex_parse_text(lex, what, &text);

	if (r < 0)
		return r;
	if (span_ieq(text, SPAN("nan")))
		*ret = NAN;
	else if (!lang_number(text, ret))
		return lex_error_at(
			lex, pos,
			"expected %s (like 10, 1.5e3, 5KiB, 250ms or 10.0.0.1), found `%.*s`", what,
			SPAN_FMT(text));
	*ret_text = text;
	return 0;
}

int lex_parse_duration(struct lex *lex, const char *what, int64_t *ret_ns, struct span *ret_text)
{
	struct span text;
	size_t pos = lex->pos;
	uint64_t number;
	int r = lex_parse_text(lex, what, &text);

	if (r < 0)
		return r;
	if (lang_u64(text, &number))
		return lex_error_at(
			lex, pos,
			"expected %s; a number needs its unit right behind it: %.*sm for "
			"minutes",
			what, SPAN_FMT(text));
	if (!lang_duration(text, ret_ns))
		return lex_error_at(
			lex, pos,
			"expected %s, a duration like 5m or 1h30m (units are ns µs ms s m "
			"h d w y), found `%.*s`",
			what, SPAN_FMT(text));
	*ret_text = text;
	return 0;
}
