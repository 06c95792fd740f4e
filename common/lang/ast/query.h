/*
 * query.h - a parsed LogsQL query: options, a tree of filters, a list of pipes.
 *
 *	options(concurrency=2)  _time:5m level:(error or warn)  | stats by (host) count()
 *	   struct query_options       struct filter                  opaque pipes
 *
 *	              AND
 *	             /   \
 *	   TIME _time     OR
 *	                 /  \
 *	     PHRASE level   PHRASE level
 *
 * Pipes belong to whoever executes queries: a caller that knows pipes passes a
 * `struct lang_ops`, and parsing, printing and freeing them goes through it.
 * Without it (`when:` of filters, retention selectors) a query is filters only,
 * and a pipe or a sub-query is an error that says so.
 *
 * Ownership: a query owns an arena that holds its text and every node; compiled
 * regular expressions hang on a list of it.  Sub-queries (`in(…|fields x)`,
 * join, union) are queries of their own in the parent's arena, on the parent's
 * list, and go with it.  A parsed query is read-only and may be used by several
 * threads, once filter_set_values() has filled in the sub-queries' results.
 *
 *	struct query *q;
 *	struct err err;
 *	if (query_parse(text, clock_now(), &ops, &q, &err) < 0)
 *		lex_print_error(&out, text, &err, 0);
 *	…
 *	query_free(q);
 */
#ifndef SLUICE_LANG_AST_QUERY_H
#define SLUICE_LANG_AST_QUERY_H

#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/base/err.h"
#include "common/base/vec.h"
#include "common/lang/ast/filter.h"
#include "common/lang/lex.h"

struct query_options {
	bool given;           /* options(…) stood in front of this very query */
	uint64_t concurrency; /* 0 = not given */
	uint64_t parallel_readers;
	bool has_ignore_global_time, ignore_global_time;
	bool has_allow_partial, allow_partial;
	int64_t time_offset; /* ns; already applied to the _time filters */
	struct span time_offset_text;
	/* And-ed to the filter of this query and its sub-queries; theirs to it. */
	struct filter *global_filter;
};

struct query {
	struct query_options options;
	struct filter *filter; /* never NULL; FILTER_ALL for `*` */
	void **pipes;
	size_t npipes, cappipes;
	int64_t now_ns;
	struct span text; /* this query's part of what was parsed */

	struct query *root;         /* the outermost query; itself if it is that */
	struct query *parent;       /* whose options it inherits; NULL for the outermost */
	const struct lang_ops *ops; /* NULL = no pipes */

	/* Of the outermost query, for all of them: */
	struct arena arena;
	VEC(struct query *) children; /* sub-queries, at any depth */
	VEC(struct regex *) regexes;
};

/* What the owner of the pipes supplies. */
struct lang_ops {
	/*
	 * Parse one pipe; the lexer stands on its first token, and afterwards at
	 * the end, `|` or `)`.  Memory from lex->arena or the pipe's own.
	 */
	int (*parse_pipe)(struct lex *lex, void **ret_pipe);
	/* Canonical text, without the `|`. */
	void (*print_pipe)(const void *pipe, struct buf *out);
	/* Free what is not in the arena.  May be NULL. */
	void (*free_pipe)(void *pipe);
	/* For in(… | fields x): the one field of this last pipe (`fields x`, `uniq by (x)`). */
	bool (*single_field)(const void *pipe, struct span *ret_field);
};

/*
 * The whole text is one query, a `;` at its end is fine.  `ops` must outlive it.
 * -EINVAL with reterr->offset; -E2BIG too long or too deep; -ENOMEM.
 */
int query_parse(struct span text, int64_t now_ns, const struct lang_ops *ops, struct query **ret,
		struct err *reterr);
/* Only pipes: `count() | sort by (x)`, as if behind `* |`; for tests and for appending. */
int query_parse_pipes(struct span text, int64_t now_ns, const struct lang_ops *ops,
		      struct query **ret, struct err *reterr);
void query_free(struct query *query);

/* Canonical text; parses back to an equal query (relative times keep their words). */
void query_print(const struct query *query, struct buf *out);

/* For the parsers of pipes. */

/* A filter up to `|`, `)`, `;` or the end (pipe `filter`, conditions). */
int lang_parse_filter(struct lex *lex, struct filter **ret);
/* if (…): the lexer stands on `if`.  An empty condition is FILTER_ALL. */
int lang_parse_if(struct lex *lex, struct filter **ret);
/* ( query ): the lexer stands on `(`.  The sub-query belongs to lex->owner. */
int lang_parse_subquery(struct lex *lex, struct query **ret);

/*
 * The time that a query can match, inclusive, from the _time filters that all
 * rows must pass; INT64_MIN and INT64_MAX where it is open.
 */
void query_time_range(const struct query *query, int64_t *ret_min, int64_t *ret_max);

#endif
