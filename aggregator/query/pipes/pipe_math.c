/* pipe_math.c - math a + b as c, round(c) as d: fields computed from numbers. */
#include "aggregator/query/pipes/pipes.h"
#include "aggregator/query/text/math.h"
#include "aggregator/query/text/number_text.h"
#include "common/lang/number.h"
#include "common/lang/words.h"
#include <errno.h>
#include <math.h>

struct math_entry {
	struct math_expr *expr;
	struct span to;
};

struct pipe_math {
	struct pipe pipe;
	struct math_entry *entries;
	size_t nentries;
	int64_t now_ns;
};

/* Without a name the result is called as the expression is printed. */
static int parse_entry(struct lex *lex, struct math_entry *ret)
{
	int r = math_parse(lex, &ret->expr);

	if (r < 0)
		return r;
	if (!lex_at_pipe_end(lex) && !lex_is(lex, ","))
		return pipe_parse_as(lex, &ret->to);
	struct buf name = BUF_INIT(QUERY_TEXT_MAX);

	math_print(ret->expr, &name);
	ret->to = arena_dup(lex->arena, buf_span(&name));
	r = name.failed;
	buf_release(&name);
	return r;
}

static int math_pipe_parse(struct lex *lex, struct pipe **ret)
{
	struct pipe_math *pipe = PIPE_NEW(lex, struct pipe_math, &pipe_math_ops);
	size_t cap = 0;

	if (!pipe)
		return -ENOMEM;
	do {
		if (pipe->nentries == cap) {
			struct math_entry *more =
				ARENA_ARRAY(lex->arena, struct math_entry, cap * 2 + 4);

			if (!more)
				return -ENOMEM;
			if (cap)
				memcpy(more, pipe->entries, cap * sizeof *more);
			pipe->entries = more;
			cap = cap * 2 + 4;
		}
		int r = parse_entry(lex, &pipe->entries[pipe->nentries]);

		if (r < 0)
			return r;
		pipe->nentries++;
	} while (lex_accept(lex, ","));
	pipe->now_ns = lex->now_ns;
	*ret = &pipe->pipe;
	return 0;
}

static void math_pipe_print(const struct pipe *pipe, struct buf *out)
{
	const struct pipe_math *m = (const struct pipe_math *)pipe;

	buf_puts(out, SPAN("math "));
	for (size_t i = 0; i < m->nentries; i++) {
		buf_puts(out, i ? SPAN(", (") : SPAN("("));
		math_print(m->entries[i].expr, out);
		buf_puts(out, SPAN(") as "));
		text_print(out, m->entries[i].to);
	}
}

static void need_field(void *ctx, struct span field)
{
	field_set_add(ctx, field);
}

static void math_needs(const struct pipe *pipe, struct field_set *set)
{
	const struct pipe_math *m = (const struct pipe_math *)pipe;

	for (size_t i = m->nentries; i-- > 0;) {
		if (!field_set_has(set, m->entries[i].to))
			continue;
		field_set_remove(set, m->entries[i].to);
		math_fields(m->entries[i].expr, need_field, set);
	}
}

/* A number as math reads it: times and addresses count too. */
static double number_of(struct span text)
{
	double number;

	return lang_number(text, &number) ? number : NAN;
}

static const double *math_column(void *ctx, struct span field)
{
	struct rows *rows = ctx;
	const struct span *texts = rows_texts(rows, field);
	double *numbers = ARENA_ARRAY(rows->arena, double, (size_t)rows->n + 1);

	for (uint32_t i = 0; numbers && i < rows->n; i++)
		numbers[i] =
			i && span_eq(texts[i], texts[i - 1]) ? numbers[i - 1] : number_of(texts[i]);
	return numbers;
}

static int set_numbers(struct rows *rows, struct span name, const double *numbers)
{
	struct span *texts = ARENA_ARRAY(rows->arena, struct span, (size_t)rows->n + 1);
	struct buf scratch = BUF_INIT(4096);

	for (uint32_t i = 0; texts && i < rows->n; i++) {
		buf_reset(&scratch);
		number_put(&scratch, numbers[i]);
		texts[i] = arena_dup(rows->arena, buf_span(&scratch));
	}
	buf_release(&scratch);
	return !texts || rows->arena->overflowed ? -ENOMEM : rows_set_texts(rows, name, texts);
}

static int math_push(struct stage *stage, unsigned worker, struct rows *rows)
{
	const struct pipe_math *pipe = stage_pipe(stage);

	for (size_t i = 0; i < pipe->nentries; i++) {
		const double *numbers = math_eval(pipe->entries[i].expr, rows->n, pipe->now_ns,
						  rows->arena, math_column, rows);
		int r = numbers ? set_numbers(rows, pipe->entries[i].to, numbers) : -ENOMEM;

		if (r < 0)
			return r;
	}
	return stage_push(stage->next, worker, rows);
}

const struct pipe_ops pipe_math_ops = {
	.names = "math eval",
	.streams = true,
	.parse = math_pipe_parse,
	.print = math_pipe_print,
	.needs = math_needs,
	.push = math_push,
};
