/*
 * lex.c - tokens and errors; see lex.h.
 */
#include "common/lang/lex.h"
#include "common/base/utf8.h"
#include "common/lang/quote.h"
#include "common/lang/token.h"
#include "common/lang/words.h"
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

int lex_init(struct lex *lex, struct span query, int64_t now_ns, struct arena *arena,
	     struct err *reterr)
{
	*lex = (struct lex){.query = query, .now_ns = now_ns, .arena = arena, .reterr = reterr};
	if (query.len > QUERY_TEXT_MAX)
		return err_set(reterr, -E2BIG, "the query has %zu bytes, at most %d are allowed",
			       query.len, QUERY_TEXT_MAX);
	lex_next(lex);
	return 0;
}

static bool rune_is_space(uint32_t rune)
{
	return rune == ' ' || (rune >= '\t' && rune <= '\r') || rune == 0x85 || rune == 0xa0 ||
	       rune == 0x1680 || (rune >= 0x2000 && rune <= 0x200a) || rune == 0x2028 ||
	       rune == 0x2029 || rune == 0x202f || rune == 0x205f || rune == 0x3000;
}

/* Step over space and comments; true if there was any. */
static bool skip_space(struct span *rest)
{
	struct span text = *rest;
	uint32_t rune;

	while (text.len) {
		size_t n = utf8_decode(text, &rune);

		if (rune == '#') {
			ptrdiff_t end = span_chr(text, '\n');

			text = span_skip(text, end < 0 ? text.len : (size_t)end + 1);
		} else if (rune_is_space(rune)) {
			text = span_skip(text, n);
		} else {
			break;
		}
	}
	bool any = text.len != rest->len;

	*rest = text;
	return any;
}

static size_t sign_len(struct span rest)
{
	uint32_t rune;

	if (span_starts(rest, SPAN("=~")) || span_starts(rest, SPAN("!~")) ||
	    span_starts(rest, SPAN("!=")))
		return 2;
	return utf8_decode(rest, &rune);
}

void lex_next(struct lex *lex)
{
	struct span rest = span_skip(lex->query, lex->next), word, tail;
	size_t len;

	lex->previous = lex->raw;
	lex->space = skip_space(&rest) || lex->next == 0;
	lex->pos = lex->query.len - rest.len;
	tail = rest;
	if (rest.len == 0) {
		lex->kind = LEX_END;
		len = 0;
	} else if (text_starts_with_word(rest) && token_next(&tail, &word)) {
		lex->kind = LEX_WORD;
		len = word.len;
	} else if (quote_parse(rest, lex->arena, &lex->text, &len) >= 0) {
		lex->kind = LEX_QUOTED;
	} else {
		lex->kind = LEX_SIGN;
		len = sign_len(rest);
	}
	lex->raw = span_take(rest, len);
	if (lex->kind != LEX_QUOTED)
		lex->text = lex->raw;
	lex->next = lex->pos + len;
}

bool lex_is(const struct lex *lex, const char *keyword)
{
	return lex->kind != LEX_QUOTED && lex->kind != LEX_END &&
	       span_ieq(lex->raw, span_cstr(keyword));
}

bool lex_is_any(const struct lex *lex, const char *keywords)
{
	return lex->kind != LEX_QUOTED && lex->kind != LEX_END && words_have(keywords, lex->raw);
}

bool lex_at_pipe_end(const struct lex *lex)
{
	return lex_at_end(lex) || lex_is_any(lex, "| ) ;");
}

bool lex_accept(struct lex *lex, const char *keyword)
{
	bool there = lex_is(lex, keyword);

	if (there)
		lex_next(lex);
	return there;
}

int lex_expect(struct lex *lex, const char *keyword, const char *where)
{
	if (lex_accept(lex, keyword))
		return 0;
	return lex_error(lex, "expected `%s` %s", keyword, where);
}

bool lex_at_open_quote(const struct lex *lex)
{
	return lex_is_any(lex, "\" ' `");
}

/* ", found `x`", or what is wrong with a quote that has no end. */
static void append_found(const struct lex *lex, struct err *err)
{
	size_t used = strlen(err->text), left = sizeof(err->text) - used;

	if (lex->kind == LEX_END)
		snprintf(err->text + used, left, ", found the end of the query");
	else if (lex_at_open_quote(lex))
		snprintf(err->text + used, left, ", found %s",
			 quote_problem(span_skip(lex->query, lex->pos)));
	else
		snprintf(err->text + used, left, ", found `%.*s`%s",
			 lex->raw.len > 40 ? 40 : SPAN_FMT(lex->raw), lex->raw.len > 40 ? "…" : "");
}

static int set_error(struct lex *lex, size_t pos, const char *fmt, va_list args)
	__attribute__((__format__(__printf__, 3, 0)));
static int set_error(struct lex *lex, size_t pos, const char *fmt, va_list args)
{
	char text[sizeof(lex->reterr->text)];

	vsnprintf(text, sizeof(text), fmt, args);
	return err_at(lex->reterr, -EINVAL, pos, "%s", text);
}

int lex_error(struct lex *lex, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	set_error(lex, lex->pos, fmt, args);
	va_end(args);
	if (lex->reterr)
		append_found(lex, lex->reterr);
	return -EINVAL;
}

int lex_error_at(struct lex *lex, size_t pos, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	set_error(lex, pos, fmt, args);
	va_end(args);
	return -EINVAL;
}

int lex_suggest(struct lex *lex, struct span given, const char *words)
{
	struct span near = words_nearest(words, given);
	struct err *err = lex->reterr;

	if (near.len && err) {
		size_t used = strlen(err->text);

		snprintf(err->text + used, sizeof(err->text) - used, "; did you mean `%.*s`?",
			 SPAN_FMT(near));
	}
	return -EINVAL;
}

int lex_enter(struct lex *lex)
{
	if (lex->depth >= QUERY_DEPTH_MAX) {
		lex_error_at(lex, lex->pos, "more than %d levels of parentheses and negations",
			     QUERY_DEPTH_MAX);
		return -E2BIG;
	}
	lex->depth++;
	return 0;
}
