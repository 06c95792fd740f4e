/*
 * lex.h - LogsQL text to tokens, and the small parsers that everything shares.
 *
 * A lexer stands on one token; lex_next() moves on.  A token is
 *
 *	WORD    letters, digits (of Unicode) and '_'          error  status_code  5m
 *	QUOTED  "…" and '…' with escapes, `…` without          "a b"  `\d+`
 *	SIGN    one character, or != =~ !~                     |  (  ,  :  .
 *	END     behind the last byte
 *
 * Comments run from # to the end of the line.  lex->space says that space or a
 * comment stood before the token.  Unquoted, `foo-bar/2.log` is one text,
 * because no space is in it: lex_compound() joins words and  + - / : . $  that
 * touch.  A lone one of these signs must be quoted, and so must all else.
 *
 * A lexer owns nothing: `text` of a quoted token lives in lex->arena, all else
 * borrows from the query.  So a lexer can be copied, and a copy put back, to
 * try something (`struct lex saved = *lex; … *lex = saved;`).
 *
 * Every parser returns 0 or a negative errno (-EINVAL, -E2BIG too deep, -ENOMEM)
 * and on failure has called lex_error(), which points at the token that it
 * stands on.
 *
 *	// limit 10
 *	if (lex_is(lex, "limit")) {
 *		lex_next(lex);
 *		r = lex_parse_u64(lex, "limit", &pipe->limit);
 *		if (r < 0)
 *			return r;
 *	}
 */
#ifndef SLUICE_LANG_LEX_H
#define SLUICE_LANG_LEX_H

#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/base/err.h"
#include "common/base/span.h"
#include <stdint.h>

#define QUERY_TEXT_MAX  (1 << 20) /* bytes a query may have */
#define QUERY_DEPTH_MAX 200       /* nested parentheses, nots and sub-queries */
#define QUERY_PIPES_MAX 1000      /* rows go through all of a query on one stack */
#define QUERY_REGEX_MAX 10000     /* regular expressions: some 10 KiB each when compiled */

enum lex_kind { LEX_END, LEX_WORD, LEX_QUOTED, LEX_SIGN };

struct lang_ops;
struct query;

struct lex {
	struct span query; /* the whole text */
	size_t next;       /* where lex_next() goes on */

	enum lex_kind kind;
	size_t pos;           /* byte of the token in the query */
	struct span raw;      /* as it was written, quotes included */
	struct span text;     /* without quotes and escapes */
	bool space;           /* space, a comment or nothing before it */
	struct span previous; /* raw text of the token before; empty at the start */

	int64_t now_ns;             /* what relative times are relative to */
	struct arena *arena;        /* of the query: tokens, filters, pipes */
	const struct lang_ops *ops; /* pipes; NULL = filters only */
	struct query *owner;        /* the (sub-)query that is being parsed */
	unsigned depth;
	struct err *reterr;
};

/* Stand on the first token.  -E2BIG when the text is longer than QUERY_TEXT_MAX. */
int lex_init(struct lex *lex, struct span query, int64_t now_ns, struct arena *arena,
	     struct err *reterr);
void lex_next(struct lex *lex);

static inline bool lex_at_end(const struct lex *lex)
{
	return lex->kind == LEX_END;
}

/* An unquoted token of this text, whatever its case ("by", "(", "|"). */
bool lex_is(const struct lex *lex, const char *keyword);
/* One of several, separated by spaces: lex_is_any(lex, "asc desc ,"). */
bool lex_is_any(const struct lex *lex, const char *keywords);
/* A quote that begins no text: it has no end, or an escape in it is wrong. */
bool lex_at_open_quote(const struct lex *lex);
/* The end of a pipe's text: the end, `|` or `)`. */
bool lex_at_pipe_end(const struct lex *lex);
/* Step over `keyword` if it is there. */
bool lex_accept(struct lex *lex, const char *keyword);
/* Step over `keyword` or say: expected `keyword` <where>, e.g. "after the field list". */
int lex_expect(struct lex *lex, const char *keyword, const char *where);

/* -EINVAL at the current token; ", found X" is appended. */
int lex_error(struct lex *lex, const char *fmt, ...) __attribute__((__format__(__printf__, 2, 3)));
/* -EINVAL at byte `pos` of the query, nothing appended. */
int lex_error_at(struct lex *lex, size_t pos, const char *fmt, ...)
	__attribute__((__format__(__printf__, 3, 4)));
/* Bound recursion: 0, or -E2BIG with an error.  lex_leave() after success. */
int lex_enter(struct lex *lex);

static inline void lex_leave(struct lex *lex)
{
	lex->depth--;
}

/*
 * A text: one quoted token, or words and + - / : . $ that touch.  `stop` lists
 * signs of these that end it (":" for what may be a field name, "+-/" in math).
 * `what` names it in errors: "a regular expression".
 */
int lex_compound(struct lex *lex, const char *what, const char *stop, struct span *ret);
/* The same without stops. */
int lex_parse_text(struct lex *lex, const char *what, struct span *ret);
/* A field name; "" means _msg; `*` and `prefix*` are refused. */
int lex_parse_field(struct lex *lex, struct span *ret);
/* A field name, `*` or `prefix*` (the '*' stays in the text). */
int lex_parse_field_filter(struct lex *lex, struct span *ret);

struct span_list {
	struct span *ptr;
	size_t len, cap;
};
int span_list_push(struct arena *arena, struct span_list *list, struct span text);

/* a, b, c   at least one */
int lex_parse_fields(struct lex *lex, struct span_list *ret);
/* (a, b, c)   maybe empty; a trailing comma is allowed */
int lex_parse_fields_in_parens(struct lex *lex, struct span_list *ret);
/* The two above with `*` and `prefix*` allowed. */
int lex_parse_field_filters(struct lex *lex, struct span_list *ret);
int lex_parse_field_filters_in_parens(struct lex *lex, struct span_list *ret);
/* (a, "b c", d)   texts, maybe none; a trailing comma is allowed */
int lex_parse_args(struct lex *lex, struct span_list *ret);

/* 10, 0x1f, 5KiB, 1_000 and so on, as the reference reads unsigned numbers. */
int lex_parse_u64(struct lex *lex, const char *what, uint64_t *ret);
/* A number, duration, size, IPv4 address or time: what `>` and range() take. */
int lex_parse_number(struct lex *lex, const char *what, double *ret, struct span *ret_text);
/* -1h30m  → ns */
int lex_parse_duration(struct lex *lex, const char *what, int64_t *ret_ns, struct span *ret_text);

/*
 * Append "; did you mean `limit`?" to the error already set, if one of the
 * space-separated `words` is near to what was given.  Returns -EINVAL.
 *
 *	lex_error(lex, "unknown pipe");
 *	return lex_suggest(lex, lex->raw, pipe_names);
 */
int lex_suggest(struct lex *lex, struct span given, const char *words);

/*
 * The line of the query that the error is in, a caret under the byte, and the
 * text; right for UTF-8 (columns are characters, wide ones count two) and long
 * lines (cut around the caret to `width` columns; 0 = no limit):
 *
 *	_time:5m | stats cout() by (level)
 *	                 ^ unknown function `cout`; did you mean `count`?
 *
 * Where that is wider than `width` the message has a line of its own.
 */
void lex_print_error(struct buf *out, struct span query, const struct err *err, unsigned width);

#endif
