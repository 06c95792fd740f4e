/* math.c - see math.h. */
#include "aggregator/query/text/math.h"
#include "common/lang/number.h"
#include "common/lang/words.h"
#include <errno.h>
#include <math.h>

#define ARGS_MAX 32

/* One row: args[k] is the value of argument k. */
typedef double math_fn(const double *args, size_t nargs);

enum math_kind { MATH_NUMBER, MATH_FIELD, MATH_CALL };

struct math_op {
	const char *name;
	math_fn *fn;
	unsigned priority; /* of a binary operator, smaller binds tighter; 0 = function */
	unsigned min_args, max_args;
};

struct math_expr {
	enum math_kind kind;
	double number;
	struct span text; /* of the number as it was written; of the field */
	const struct math_op *op;
	struct math_expr *args[ARGS_MAX];
	size_t nargs;
	bool parens;
	bool quoted; /* a number that was, or a name that must be: "12.34.56.78", "4xx" */
};

static double math_pow(const double *a, size_t n)
{
	(void)n;
	return pow(a[0], a[1]);
}

static double math_mul(const double *a, size_t n)
{
	(void)n;
	return a[0] * a[1];
}

static double math_div(const double *a, size_t n)
{
	(void)n;
	return a[0] / a[1];
}

static double math_mod(const double *a, size_t n)
{
	(void)n;
	return fmod(a[0], a[1]);
}

static double math_plus(const double *a, size_t n)
{
	(void)n;
	return a[0] + a[1];
}

static double math_minus(const double *a, size_t n)
{
	(void)n;
	return a[0] - a[1];
}

/* Bits of numbers that are whole and fit; NaN otherwise. */
static bool as_bits(double d, uint64_t *ret)
{
	if (!(d >= 0 && d < 18446744073709551616.0))
		return false;
	*ret = (uint64_t)d;
	return true;
}

static double math_and(const double *a, size_t n)
{
	uint64_t x, y;

	(void)n;
	return as_bits(a[0], &x) && as_bits(a[1], &y) ? (double)(x & y) : NAN;
}

static double math_xor(const double *a, size_t n)
{
	uint64_t x, y;

	(void)n;
	return as_bits(a[0], &x) && as_bits(a[1], &y) ? (double)(x ^ y) : NAN;
}

static double math_or(const double *a, size_t n)
{
	uint64_t x, y;

	(void)n;
	return as_bits(a[0], &x) && as_bits(a[1], &y) ? (double)(x | y) : NAN;
}

static double math_default(const double *a, size_t n)
{
	(void)n;
	return isnan(a[0]) ? a[1] : a[0];
}

static double math_negate(const double *a, size_t n)
{
	(void)n;
	return -a[0];
}

static double math_abs(const double *a, size_t n)
{
	(void)n;
	return fabs(a[0]);
}

static double math_ceil(const double *a, size_t n)
{
	(void)n;
	return ceil(a[0]);
}

static double math_exp(const double *a, size_t n)
{
	(void)n;
	return exp(a[0]);
}

static double math_floor(const double *a, size_t n)
{
	(void)n;
	return floor(a[0]);
}

static double math_ln(const double *a, size_t n)
{
	(void)n;
	return log(a[0]);
}

static double math_max(const double *a, size_t n)
{
	double max = NAN;

	for (size_t i = 0; i < n; i++)
		max = isnan(max) || a[i] > max ? a[i] : max;
	return max;
}

static double math_min(const double *a, size_t n)
{
	double min = NAN;

	for (size_t i = 0; i < n; i++)
		min = isnan(min) || a[i] < min ? a[i] : min;
	return min;
}

/* To a whole number, or to the nearest multiple of the second argument. */
static double math_round(const double *a, size_t n)
{
	if (n == 1)
		return round(a[0]);
	double step = fabs(a[1]), whole = round(a[0] / step);

	/* 0.1 is not exact, 10 is: divide by the inverse where that is whole. */
	return step < 1 && round(1 / step) == 1 / step ? whole / (1 / step) : whole * step;
}

/* xorshift64* (Vigna 2014); a stream a thread, good enough for sampling rows. */
static double math_rand(const double *a, size_t n)
{
	static _Thread_local uint64_t state = UINT64_C(0x9e3779b97f4a7c15);

	(void)a, (void)n;
	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return (double)(state * UINT64_C(0x2545f4914f6cdd1d) >> 11) * 0x1p-53;
}

static const struct math_op operators[] = {
	{"^", math_pow, 1, 2, 2},  {"*", math_mul, 2, 2, 2},
	{"/", math_div, 2, 2, 2},  {"%", math_mod, 2, 2, 2},
	{"+", math_plus, 3, 2, 2}, {"-", math_minus, 3, 2, 2},
	{"&", math_and, 4, 2, 2},  {"xor", math_xor, 5, 2, 2},
	{"or", math_or, 6, 2, 2},  {"default", math_default, 10, 2, 2},
};

/* now() has no function: it is the same number for all rows. */
static const struct math_op functions[] = {
	{"abs", math_abs, 0, 1, 1},        {"ceil", math_ceil, 0, 1, 1},
	{"exp", math_exp, 0, 1, 1},        {"floor", math_floor, 0, 1, 1},
	{"ln", math_ln, 0, 1, 1},          {"max", math_max, 0, 2, ARGS_MAX},
	{"min", math_min, 0, 2, ARGS_MAX}, {"now", NULL, 0, 0, 0},
	{"rand", math_rand, 0, 0, 0},      {"round", math_round, 0, 1, 2},
};

static const struct math_op negate = {"-", math_negate, 0, 1, 1};

#define COUNT(array) (sizeof(array) / sizeof *(array))

static const struct math_op *find_op(const struct lex *lex, const struct math_op *ops, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (lex_is(lex, ops[i].name))
			return &ops[i];
	return NULL;
}

static struct math_expr *new_expr(struct lex *lex, enum math_kind kind)
{
	struct math_expr *expr = ARENA_NEW(lex->arena, struct math_expr);

	if (expr)
		expr->kind = kind;
	return expr;
}

static int parse_args(struct lex *lex, struct math_expr *call)
{
	size_t pos = lex->pos;
	int r = lex_expect(lex, "(", "behind the function's name");

	while (r >= 0 && !lex_is(lex, ")")) {
		if (call->nargs == ARGS_MAX)
			return lex_error(lex, "at most %d arguments", ARGS_MAX);
		r = math_parse(lex, &call->args[call->nargs]);
		if (r < 0)
			return r;
		call->nargs++;
		if (!lex_is(lex, ")"))
			r = lex_expect(lex, ",", "between arguments");
	}
	if (r < 0)
		return r;
	lex_next(lex);
	const char *more = call->op->max_args == call->op->min_args ? ""
			   : call->op->max_args == ARGS_MAX         ? " or more"
								    : " or 2";

	if (call->nargs < call->op->min_args || call->nargs > call->op->max_args)
		return lex_error_at(lex, pos, "%s() takes %u%s argument%s, not %zu", call->op->name,
				    call->op->min_args, more, call->op->max_args == 1 ? "" : "s",
				    call->nargs);
	return 0;
}

/* `1e` was read and `-7` follows: the sign is no operator. */
static void join_exponent(struct lex *lex, size_t pos, struct span *text)
{
	if ((!span_ends(*text, SPAN("e")) && !span_ends(*text, SPAN("E"))) || lex->space ||
	    !lex_is_any(lex, "+ -"))
		return;
	lex_next(lex);
	if (lex->space || lex->kind != LEX_WORD)
		return;
	*text = span_take(span_skip(lex->query, pos), lex->next - pos);
	lex_next(lex);
}

/*
 * A number or the name of a field: tokens without space up to an operator.  In
 * quotes it is a number if it reads as one: "2024-05-15T10:20:30Z".
 */
static int parse_leaf(struct lex *lex, struct math_expr **ret)
{
	struct math_expr *expr = new_expr(lex, MATH_FIELD);
	bool quoted = lex->kind == LEX_QUOTED;
	char c = lex->raw.len ? lex->raw.ptr[0] : 0;
	size_t pos = lex->pos;
	int r = lex_compound(lex, "a number or a field", "=+-/%^!", expr ? &expr->text : NULL);

	if (!expr)
		return -ENOMEM;
	if (r < 0)
		return r;
	bool number = lang_number(expr->text, &expr->number);

	if (!quoted && c >= '0' && c <= '9' && !number) {
		join_exponent(lex, pos, &expr->text);
		number = lang_number(expr->text, &expr->number);
		if (!number)
			return lex_error_at(lex, pos, "`%.*s` is not a number",
					    SPAN_FMT(expr->text));
	}
	if (number && (quoted || (c >= '0' && c <= '9'))) {
		expr->kind = MATH_NUMBER;
		expr->quoted = quoted;
	} else {
		expr->quoted = expr->text.len && strchr("0123456789", expr->text.ptr[0]);
	}
	*ret = expr;
	return 0;
}

static int parse_operand(struct lex *lex, struct math_expr **ret)
{
	const struct math_op *function = find_op(lex, functions, COUNT(functions));
	struct math_expr *expr = NULL;
	int r = lex_enter(lex);

	if (r < 0)
		return r;
	while (lex_accept(lex, "+"))
		;
	if (lex_accept(lex, "(")) {
		r = math_parse(lex, &expr);
		if (r >= 0)
			r = lex_expect(lex, ")", "behind the expression");
		if (r >= 0)
			expr->parens = true;
	} else if (function || lex_is(lex, "-")) {
		expr = new_expr(lex, MATH_CALL);
		if (!expr)
			return -ENOMEM;
		expr->op = function ? function : &negate;
		expr->nargs = !function;
		lex_next(lex);
		r = function ? parse_args(lex, expr) : parse_operand(lex, &expr->args[0]);
	} else {
		r = parse_leaf(lex, &expr);
	}
	if (r < 0)
		return r;
	lex_leave(lex);
	*ret = expr;
	return 0;
}

static unsigned priority_of(const struct math_expr *expr)
{
	return expr->kind == MATH_CALL && !expr->parens ? expr->op->priority : 0;
}

/*
 * Put `op right` behind `left`: down its right edge as long as the operators
 * there bind less tightly.
 */
static int append(struct lex *lex, struct math_expr **left, const struct math_op *op,
		  struct math_expr *right)
{
	struct math_expr **at = left, *call = new_expr(lex, MATH_CALL);

	if (!call)
		return -ENOMEM;
	while (priority_of(*at) > op->priority)
		at = &(*at)->args[1];
	call->op = op;
	call->args[0] = *at;
	call->args[1] = right;
	call->nargs = 2;
	*at = call;
	return 0;
}

int math_parse(struct lex *lex, struct math_expr **ret)
{
	struct math_expr *left, *right;
	int r = parse_operand(lex, &left);

	while (r >= 0) {
		const struct math_op *op = find_op(lex, operators, COUNT(operators));

		if (!op) {
			*ret = left;
			return 0;
		}
		lex_next(lex);
		r = parse_operand(lex, &right);
		if (r >= 0)
			r = append(lex, &left, op, right);
	}
	return r;
}

static void print_operand(const struct math_expr *expr, bool parens, struct buf *out)
{
	if (parens)
		buf_putc(out, '(');
	math_print(expr, out);
	if (parens)
		buf_putc(out, ')');
}

static unsigned print_priority(const struct math_expr *expr)
{
	return expr->kind == MATH_CALL ? expr->op->priority : 0;
}

void math_print(const struct math_expr *expr, struct buf *out)
{
	if (expr->quoted) {
		text_print_quoted(out, expr->text);
	} else if (expr->kind == MATH_NUMBER) {
		buf_puts(out, expr->text);
	} else if (expr->kind == MATH_FIELD) {
		text_print(out, expr->text);
	} else if (expr->op->priority) {
		print_operand(expr->args[0], print_priority(expr->args[0]) > expr->op->priority,
			      out);
		buf_printf(out, " %s ", expr->op->name);
		print_operand(expr->args[1], print_priority(expr->args[1]) >= expr->op->priority,
			      out);
	} else if (expr->op == &negate) {
		buf_putc(out, '-');
		print_operand(expr->args[0], print_priority(expr->args[0]) > 0, out);
	} else {
		buf_printf(out, "%s(", expr->op->name);
		for (size_t i = 0; i < expr->nargs; i++) {
			if (i)
				buf_puts(out, SPAN(", "));
			math_print(expr->args[i], out);
		}
		buf_putc(out, ')');
	}
}

void math_fields(const struct math_expr *expr, math_field_fn *fn, void *ctx)
{
	if (expr->kind == MATH_FIELD)
		fn(ctx, expr->text);
	for (size_t i = 0; i < expr->nargs; i++)
		math_fields(expr->args[i], fn, ctx);
}

static const double *constant(double number, size_t n, struct arena *arena)
{
	double *numbers = ARENA_ARRAY(arena, double, n + 1);

	for (size_t i = 0; numbers && i < n; i++)
		numbers[i] = number;
	return numbers;
}

const double *math_eval(const struct math_expr *expr, size_t n, int64_t now_ns, struct arena *arena,
			math_column_fn *column, void *ctx)
{
	const double *columns[ARGS_MAX];
	double args[ARGS_MAX];

	if (expr->kind == MATH_NUMBER)
		return constant(expr->number, n, arena);
	if (expr->kind == MATH_FIELD)
		return column(ctx, expr->text);
	if (!expr->op->fn)
		return constant((double)now_ns, n, arena);
	for (size_t k = 0; k < expr->nargs; k++) {
		columns[k] = math_eval(expr->args[k], n, now_ns, arena, column, ctx);
		if (!columns[k])
			return NULL;
	}
	double *result = ARENA_ARRAY(arena, double, n + 1);

	for (size_t i = 0; result && i < n; i++) {
		for (size_t k = 0; k < expr->nargs; k++)
			args[k] = columns[k][i];
		result[i] = expr->op->fn(args, expr->nargs);
	}
	return result;
}
