/*
 * math.h - arithmetic over fields: what the math pipe computes.
 *
 *	round((now() - max_time) / 1s) as age
 *
 *	operators, tightest first:  ^   * / %   + -   &   xor   or   default
 *	functions: abs ceil exp floor ln max min now rand round
 *
 * Operands are numbers as LogsQL writes them (5KiB, 1h, 10.5), and fields; a
 * field that is no number is NaN, and `a default b` is b where a is NaN.
 * Expressions live in the query's arena and are read-only.
 */
#ifndef SLUICE_QUERY_TEXT_MATH_H
#define SLUICE_QUERY_TEXT_MATH_H

#include "common/base/buf.h"
#include "common/lang/lex.h"

struct math_expr;

/* The lexer is left behind the expression. */
int math_parse(struct lex *lex, struct math_expr **ret);
void math_print(const struct math_expr *expr, struct buf *out);

typedef void math_field_fn(void *ctx, struct span field);
/* Call `fn` for each field that is read. */
void math_fields(const struct math_expr *expr, math_field_fn *fn, void *ctx);

/* The numbers of a field for `n` rows, NaN where it has none; NULL = out of memory. */
typedef const double *math_column_fn(void *ctx, struct span field);

/*
 * Results for `n` rows, in the arena.  `now_ns` is what now() means.  NULL = out
 * of memory.
 */
const double *math_eval(const struct math_expr *expr, size_t n, int64_t now_ns, struct arena *arena,
			math_column_fn *column, void *ctx);

#endif
