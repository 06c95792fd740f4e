/*
 * pipe_format.c - format [if (…)] "text <field> <option:field>" [as field]
 *                 [keep_original_fields|skip_empty_results]
 */
#include "aggregator/query/pipes/pipes.h"
#include "aggregator/query/text/template.h"
#include "common/lang/words.h"
#include <errno.h>

#define FORMAT_TEXT_MAX (64u << 20)

struct pipe_format {
	struct pipe pipe;
	struct filter *condition;
	struct span text, to;
	struct template template;
	bool keep_original, skip_empty;
};

static int format_parse(struct lex *lex, struct pipe **ret)
{
	struct pipe_format *pipe = PIPE_NEW(lex, struct pipe_format, &pipe_format_ops);
	struct err err;

	if (!pipe)
		return -ENOMEM;
	int r = pipe_parse_if(lex, &pipe->condition);
	size_t pos = lex->pos;

	if (r >= 0)
		r = lex_parse_text(lex, "the format", &pipe->text);
	pipe->to = SPAN("_msg");
	if (r >= 0 && lex_accept(lex, "as"))
		r = lex_parse_field(lex, &pipe->to);
	if (r < 0)
		return r;
	pipe->keep_original = lex_accept(lex, "keep_original_fields");
	pipe->skip_empty = !pipe->keep_original && lex_accept(lex, "skip_empty_results");
	r = template_parse(pipe->text, lex->arena, &pipe->template, &err);
	if (r >= 0)
		r = template_check_format(&pipe->template, &err);
	if (r < 0)
		return lex_error_at(lex, pos, "%s", err.text);
	*ret = &pipe->pipe;
	return 0;
}

static void format_print(const struct pipe *pipe, struct buf *out)
{
	const struct pipe_format *f = (const struct pipe_format *)pipe;

	buf_puts(out, SPAN("format"));
	pipe_print_if(f->condition, out);
	buf_putc(out, ' ');
	text_print_quoted(out, f->text);
	if (!span_eq(f->to, SPAN("_msg"))) {
		buf_puts(out, SPAN(" as "));
		text_print(out, f->to);
	}
	if (f->keep_original)
		buf_puts(out, SPAN(" keep_original_fields"));
	if (f->skip_empty)
		buf_puts(out, SPAN(" skip_empty_results"));
}

static void format_needs(const struct pipe *pipe, struct field_set *set)
{
	const struct pipe_format *f = (const struct pipe_format *)pipe;

	if (!field_set_has(set, f->to))
		return;
	if (!f->condition && !f->keep_original && !f->skip_empty)
		field_set_remove(set, f->to);
	for (size_t i = 0; i < f->template.nsteps; i++)
		if (f->template.steps[i].field.len)
			field_set_add(set, f->template.steps[i].field);
	field_set_add_filter(set, f->condition);
}

static int format_filters(const struct pipe *pipe, pipe_filter_fn *fn, void *ctx)
{
	const struct pipe_format *f = (const struct pipe_format *)pipe;

	return f->condition ? fn(ctx, f->condition) : 0;
}

static int format_rows(const struct pipe_format *pipe, struct rows *rows, const uint64_t *bits,
		       struct buf *scratch)
{
	const struct template *template = &pipe->template;
	const struct span **columns =
		ARENA_ARRAY(rows->arena, const struct span *, template->nsteps + 1);
	const struct span *before = rows_texts(rows, pipe->to);
	struct span *to = ARENA_ARRAY(rows->arena, struct span, (size_t)rows->n + 1);

	if (!columns || !to)
		return -ENOMEM;
	for (size_t s = 0; s < template->nsteps; s++)
		columns[s] = rows_texts(rows, template->steps[s].field);
	for (uint32_t i = 0; i < rows->n; i++) {
		to[i] = before[i];
		if ((bits && !bit_get(bits, i)) || (pipe->keep_original && before[i].len))
			continue;
		buf_reset(scratch);
		for (size_t s = 0; s < template->nsteps; s++)
			template_format_step(&template->steps[s], columns[s][i], scratch);
		if (scratch->failed)
			return scratch->failed;
		if (scratch->len || !pipe->skip_empty)
			to[i] = arena_dup(rows->arena, buf_span(scratch));
	}
	return rows->arena->overflowed ? -ENOMEM : rows_set_texts(rows, pipe->to, to);
}

static int format_push(struct stage *stage, unsigned worker, struct rows *rows)
{
	const struct pipe_format *pipe = stage_pipe(stage);
	struct buf scratch = BUF_INIT(FORMAT_TEXT_MAX);
	const uint64_t *bits;
	int r = rows_match_if(rows, pipe->condition, &bits);

	if (r >= 0)
		r = format_rows(pipe, rows, bits, &scratch);
	buf_release(&scratch);
	return r < 0 ? r : stage_push(stage->next, worker, rows);
}

const struct pipe_ops pipe_format_ops = {
	.names = "format",
	.streams = true,
	.parse = format_parse,
	.print = format_print,
	.needs = format_needs,
	.filters = format_filters,
	.push = format_push,
};
