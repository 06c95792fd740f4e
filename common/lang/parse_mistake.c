/*
 * parse_mistake.c - what people write who come from other languages, and what it is here.
 *
 *	level=ERROR  level == "x"     level:=ERROR
 *	status > 500                  status:>500
 *	a && b   a, b                 a and b
 *	foo*bar  *foo                 ~"foo.*bar"  *foo*
 *	count()  regex(x)  limit(5)   | stats count()  ~"x"  | limit 5
 *	status:[1 TO 5]               status:range[1, 5]
 *
 * Looked at only where the parser can't go on, so a query that is right never
 * comes here.
 */
#include "common/lang/number.h"
#include "common/lang/parse.h"
#include "common/lang/quote.h"
#include "common/lang/token.h"
#include "common/lang/words.h"
#include <errno.h>

/* Bytes of the query that are shown in a piece of advice. */
#define SHOWN_MAX 60

static bool ends_text(char c)
{
	return (uint8_t)c <= ' ' || strchr("()|\"'`,", c);
}

/* What stands before byte `at` without a space, or "" if it is longer than what is shown. */
static struct span text_before(const struct lex *lex, size_t at)
{
	size_t begin = at;

	while (begin > 0 && lex->query.ptr[begin - 1] == ' ')
		at = --begin;
	while (begin > 0 && !ends_text(lex->query.ptr[begin - 1]))
		begin--;
	return at - begin > SHOWN_MAX ? SPAN("")
				      : span_take(span_skip(lex->query, begin), at - begin);
}

/* The same behind it; a quoted text as a whole. */
static struct span text_behind(const struct lex *lex, size_t at)
{
	struct span rest = span_skip(lex->query, at);

	while (span_starts(rest, SPAN(" ")))
		rest = span_skip(rest, 1);
	size_t n = quote_len(rest);

	while (n == 0 || (n < rest.len && !ends_text(rest.ptr[n]))) {
		if (n == rest.len || ends_text(rest.ptr[n]))
			break;
		n++;
	}
	return n > SHOWN_MAX ? SPAN("") : span_take(rest, n);
}

/* Signs between a field and a value elsewhere; longer ones first. */
static const struct {
	const char *sign, *here;
} operators[] = {
	{"==", ":="},  {"=~", ":~"},  {"=>", ":>="}, {"<>", ":!="}, {"!==", ":!="},
	{"!=", ":!="}, {"!~", ":!~"}, {">=", ":>="}, {"<=", ":<="}, {"=", ":="},
	{">", ":>"},   {"<", ":<"},   {"~", ":~"},
};

static int wrong_operator(struct lex *lex)
{
	double number;
	struct span rest = span_skip(lex->query, lex->pos), field = text_before(lex, lex->pos),
		    value;
	size_t i = 0, n = sizeof(operators) / sizeof(operators[0]);

	while (i < n && !span_starts(rest, span_cstr(operators[i].sign)))
		i++;
	if (i == n)
		return 0;
	value = text_behind(lex, lex->pos + strlen(operators[i].sign));
	if (span_ends(field, SPAN(":")))
		field.len--;
	if (!text_ends_with_word(field) || !text_starts_with_word(field) ||
	    span_chr(field, ':') >= 0 || lang_plain_number(field, &number))
		field = SPAN("field");
	if (!text_starts_with_word(value) && !quote_len(value))
		value = SPAN("value");
	if (!lex->space && span_eq(lex->previous, SPAN("|")))
		return lex_error_at(
			lex, lex->pos,
			"filters stand in front of the pipes and need no `|`: *\"text\"* for "
			"a text anywhere, ~\"text\" for a regular expression");
	return lex_error_at(lex, lex->pos,
			    "between a field and its filter stands a colon; write %.*s%s%.*s",
			    SPAN_FMT(field), operators[i].here, SPAN_FMT(value));
}

static int wrong_star(struct lex *lex)
{
	return lex_error_at(
		lex, lex->pos,
		"a `*` stands behind a prefix (foo*) or on both sides of a text (*foo*); "
		"for more use a regular expression: ~\"foo.*bar\"");
}

/* Signs that mean something elsewhere. */
static const struct {
	struct span sign;
	const char *advice;
} signs[] = {
	{SPAN("&"), "filters are joined by `and`, or by a space alone"},
	{SPAN(","), "filters are joined by `and` and `or`; one of several values is in(a, b)"},
	{SPAN("["), "a range is written range[1, 5], or >=1 and <=5 with the field before each"},
	{SPAN("“"), NULL},
	{SPAN("”"), NULL},
	{SPAN("‘"), NULL},
	{SPAN("’"), NULL},
	{SPAN("„"), NULL},
	{SPAN("«"), NULL},
	{SPAN("»"), NULL},
};

int parse_mistake(struct lex *lex)
{
	struct span rest = span_skip(lex->query, lex->pos);
	int r;

	if (lex->kind != LEX_SIGN)
		return 0;
	r = wrong_operator(lex);
	if (r < 0)
		return r;
	if (lex_is(lex, "*"))
		return wrong_star(lex);
	for (size_t i = 0; i < sizeof(signs) / sizeof(signs[0]); i++) {
		if (!span_starts(rest, signs[i].sign) ||
		    (lex_is(lex, "[") && !span_eq(lex->previous, SPAN(":"))))
			continue;
		if (signs[i].advice)
			return lex_error_at(lex, lex->pos, "%s", signs[i].advice);
		return lex_error_at(lex, lex->pos,
				    "`%.*s` is no quote of the language; use \" ' or `",
				    SPAN_FMT(signs[i].sign));
	}
	return 0;
}

/* What other languages call by another name. */
static const struct {
	const char *names, *advice;
} functions[] = {
	{"regex regexp match matches rlike", "a regular expression is ~\"…\""},
	{"contains substring substr like has strpos instr", "a text anywhere is *text*"},
	{"icontains ilike lower upper lcase ucase", "a text in letters of any case is i(text)"},
	{"equals equal eq", "a whole value is field:=value"},
	{"starts_with startswith prefix", "how a value starts is field:=\"text\"*"},
	{"exists isset notnull isnotnull", "a field with a value is field:*"},
	{"isnull missing empty isempty", "a field without a value is field:\"\""},
	{"cidr cidrmatch cidr_match inet subnet", "a network is ipv4_range(10.0.0.0/8)"},
	{"between", "a range is field:range[1, 5]"},
	{"any all one_of oneof any_of", "one of several values is field:in(a, b)"},
	{"day_range week_range", "it stands behind `_time:`, as in _time:day_range[08:00, 18:00)"},
};

static const char *advice_for(struct span name)
{
	for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++)
		if (words_have(functions[i].names, name))
			return functions[i].advice;
	return NULL;
}

static bool behind_pipe(const struct lex *lex, size_t pos)
{
	struct span before = span_trim(span_take(lex->query, pos));

	return span_ends(before, SPAN("|"));
}

static int unknown_pipe(struct lex *lex, struct span name, size_t pos)
{
	const char *const lists[] = {words_stats, words_pipes, words_filters};
	size_t i = 0;

	lex_error_at(lex, pos, "`%.*s` is no pipe, no function of stats and none of filters",
		     SPAN_FMT(name));
	while (i < 2 && words_nearest(lists[i], name).len == 0)
		i++;
	return lex_suggest(lex, name, lists[i]);
}

/* A word in front of a parenthesis or bracket that is no filter function. */
static int wrong_function(struct lex *lex, struct span name)
{
	size_t pos = (size_t)(name.ptr - lex->query.ptr);
	const char *advice = advice_for(name);

	if (advice)
		return lex_error_at(lex, pos, "`%.*s` is no filter function; %s", SPAN_FMT(name),
				    advice);
	if (words_have(words_filters, name))
		return lex_error_at(lex, pos, "the arguments of %.*s() stand in parentheses",
				    SPAN_FMT(name));
	if (words_have(words_stats, name))
		return lex_error_at(lex, pos,
				    "`%.*s` is a function of a pipe: write … | stats %.*s(…)",
				    SPAN_FMT(name), SPAN_FMT(name));
	if (words_have(words_pipes, name))
		return lex_error_at(lex, pos, "`%.*s` is a pipe: write … | %.*s …", SPAN_FMT(name),
				    SPAN_FMT(name));
	if (behind_pipe(lex, pos))
		return unknown_pipe(lex, name, pos);
	lex_error_at(lex, pos,
		     "`%.*s` is no filter function; put a space before the parenthesis if it is "
		     "a word to look for",
		     SPAN_FMT(name));
	bool option = pos == 0 && words_nearest(words_filters, name).len == 0;

	return lex_suggest(lex, name, option ? "options" : words_filters);
}

/* The text around the token, up to spaces and what parts filters; "" if quotes don't mend it. */
static struct span text_around(const struct lex *lex)
{
	size_t begin = lex->pos, end = lex->pos;
	struct span text;

	while (begin > 0 && !ends_text(lex->query.ptr[begin - 1]))
		begin--;
	while (end < lex->query.len && !ends_text(lex->query.ptr[end]))
		end++;
	text = span_take(span_skip(lex->query, begin), end - begin);
	bool cut = (begin > 0 && strchr("\"'`", lex->query.ptr[begin - 1])) ||
		   (end < lex->query.len && strchr("\"'`", lex->query.ptr[end]));

	return cut || text.len > SHOWN_MAX || span_chr(text, '\\') >= 0 ? SPAN("") : text;
}

int parse_touching(struct lex *lex)
{
	struct span before = lex->previous, text = text_around(lex);
	int r;

	if (span_eq(before, SPAN("*")))
		return wrong_star(lex);
	if (lex_is(lex, "(") || (lex_is(lex, "[") && text_ends_with_word(before)))
		return wrong_function(lex, before);
	if (lex_at_open_quote(lex))
		return lex_error(lex, "expected a space behind `%.*s`", SPAN_FMT(before));
	r = parse_mistake(lex);
	if (r < 0)
		return r;
	lex_error_at(lex, lex->pos,
		     "expected a space or `:` between `%.*s` and `%.*s`; if it is one "
		     "text, put all of it in quotes%s%.*s%s",
		     SPAN_FMT(before), SPAN_FMT(lex->raw), text.len ? ": \"" : "", SPAN_FMT(text),
		     text.len ? "\"" : "");
	return -EINVAL;
}

int parse_bounds_comma(struct lex *lex)
{
	if (lex_accept(lex, ","))
		return 0;
	if (lex_is(lex, "to"))
		return lex_error_at(lex, lex->pos, "between two bounds stands a comma: [1, 5]");
	if (lex->kind == LEX_WORD && lex->space &&
	    span_starts(span_skip(lex->query, lex->next), SPAN(":")))
		return lex_error_at(lex, lex->pos,
				    "between a date and its time stands a T: 2024-05-01T10:00");
	return lex_error(lex, "expected `,` behind the lower bound");
}
