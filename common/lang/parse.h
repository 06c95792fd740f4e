/*
 * parse.h - what the files of the filter parser share; nothing for others.
 *
 *	parse_filter.c    or, and, not, parentheses, field names, words
 *	parse_leaf.c      operators (= ~ > <) and functions with texts
 *	parse_range.c     functions with numbers and addresses
 *	parse_in.c        lists and sub-queries
 *	parse_time.c      _time:…
 *	parse_stream.c    {…} and _stream_id:…
 *	parse_mistake.c   advice where none of this can be read
 *	query.c           options, pipes, sub-queries, ownership
 */
#ifndef SLUICE_LANG_PARSE_H
#define SLUICE_LANG_PARSE_H

#include "common/lang/ast/query.h"

/* The field in front of a filter; `name` is empty if there was none. */
struct field_ref {
	struct span name;
	bool wild; /* a prefix of names */
};

/* A leaf on the field, which is _msg if none is given; NULL past the arena's budget. */
struct filter *parse_new_leaf(struct lex *lex, struct field_ref field, enum filter_kind kind);

/* NOT around `kid`; of a NOT its kid. */
int parse_negate(struct lex *lex, struct filter *kid, struct filter **ret);

/* Up to the end of the query part; `field` is what stood in front of a parenthesis. */
int parse_filter_or(struct lex *lex, struct field_ref field, struct filter **ret);
int parse_filter_generic(struct lex *lex, struct field_ref field, struct filter **ret);
/* A word, phrase or prefix, or a field name and what follows its colon. */
int parse_phrase(struct lex *lex, struct field_ref field, struct filter **ret);

/*
 * -EINVAL with advice if the sign that the lexer stands on is what another
 * language has; 0 if not.
 */
int parse_mistake(struct lex *lex);
/* The token touches what is before it: says what to write. */
int parse_touching(struct lex *lex);
/* The comma between the bounds of a range. */
int parse_bounds_comma(struct lex *lex);

/* An operator if the lexer stands on one: 1, 0 if not, or a negative errno. */
int parse_operator(struct lex *lex, struct field_ref field, struct filter **ret);

/* A function of the language: how it is called, and by whom it is parsed. */
struct filter_function {
	const char *name;
	enum filter_kind kind;
	/* The lexer stands on `(` or, for range, `[`. */
	int (*parse)(struct lex *lex, struct field_ref field,
		     const struct filter_function *function, struct filter **ret);
	bool quoted; /* the bare word must be in quotes */
	int option;
};
/* The function that the lexer stands on, if `(` or `[` follows; else NULL. */
const struct filter_function *parse_find_function(const struct lex *lex);

int parse_regex_leaf(struct lex *lex, struct field_ref field, struct span source, size_t pos,
		     struct filter **ret);
/* Compile; the root query owns it.  `.` is a newline too.  `whole`: all of the text. */
int parse_regex(struct lex *lex, struct span source, size_t pos, bool whole, struct regex **ret);

int parse_range(struct lex *lex, struct field_ref field, const struct filter_function *function,
		struct filter **ret);
int parse_len_range(struct lex *lex, struct field_ref field, const struct filter_function *function,
		    struct filter **ret);
int parse_ipv4_range(struct lex *lex, struct field_ref field,
		     const struct filter_function *function, struct filter **ret);
int parse_ipv6_range(struct lex *lex, struct field_ref field,
		     const struct filter_function *function, struct filter **ret);
/* > >= < <= : the lexer stands on the first sign. */
int parse_comparison(struct lex *lex, struct field_ref field, struct filter **ret);

int parse_in(struct lex *lex, struct field_ref field, const struct filter_function *function,
	     struct filter **ret);
int parse_common_case(struct lex *lex, struct field_ref field,
		      const struct filter_function *function, struct filter **ret);
/* (a, b, *)   *ret_any: a star was among them */
int parse_values(struct lex *lex, struct span_list *ret, bool *ret_any);
/* Sort, drop doubles. */
void parse_sort_values(struct filter_values *values);

/* Behind `_time:`. */
int parse_time(struct lex *lex, struct filter **ret);
/* The lexer stands on `{`. */
int parse_stream(struct lex *lex, struct filter **ret);
/* Behind `_stream_id:`. */
int parse_stream_id(struct lex *lex, struct filter **ret);

/* n arguments, or an error that says how many. */
int parse_args_exactly(struct lex *lex, const struct filter_function *function, size_t n,
		       struct span_list *ret);

#endif
