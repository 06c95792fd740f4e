/* update.c - see update.h. */
#include "aggregator/query/pipes/update.h"
#include "common/lang/words.h"
#include <errno.h>

#define UPDATE_TEXT_MAX (64u << 20)

/* What one text becomes, in the rows' arena. */
static int update_text(const struct pipe_update *pipe, struct span text, update_fn *fn,
		       struct buf *scratch, struct arena *arena, struct span *ret)
{
	buf_reset(scratch);
	int r = fn(pipe, text, scratch);

	if (r == -EAGAIN) {
		*ret = text;
		return 0;
	}
	if (r < 0 || scratch->failed)
		return r < 0 ? r : scratch->failed;
	*ret = arena_dup(arena, buf_span(scratch));
	return scratch->len && !ret->ptr ? -ENOMEM : 0;
}

static int update_rows(const struct pipe_update *pipe, struct rows *rows, const uint64_t *bits,
		       update_fn *fn, struct buf *scratch)
{
	const struct span *from = rows_texts(rows, pipe->from);
	const struct span *before = bits ? rows_texts(rows, pipe->to) : NULL;
	struct span *to = ARENA_ARRAY(rows->arena, struct span, (size_t)rows->n + 1);
	struct span last_from = {0}, last_to = {0};
	bool have_last = false;

	if (!to)
		return -ENOMEM;
	for (uint32_t i = 0; i < rows->n; i++) {
		if (bits && !bit_get(bits, i)) {
			to[i] = before[i];
			continue;
		}
		if (!have_last || !span_eq(from[i], last_from)) {
			int r = update_text(pipe, from[i], fn, scratch, rows->arena, &last_to);

			if (r < 0)
				return r;
			last_from = from[i];
			have_last = true;
		}
		to[i] = last_to;
	}
	return rows_set_texts(rows, pipe->to, to);
}

int update_push(struct stage *stage, unsigned worker, struct rows *rows, update_fn *fn)
{
	const struct pipe_update *pipe = stage_pipe(stage);
	const uint64_t *bits;
	struct buf scratch = BUF_INIT(UPDATE_TEXT_MAX);
	int r = rows_match_if(rows, pipe->condition, &bits);

	if (r >= 0)
		r = update_rows(pipe, rows, bits, fn, &scratch);
	buf_release(&scratch);
	return r < 0 ? r : stage_push(stage->next, worker, rows);
}

void update_needs(const struct pipe *pipe, struct field_set *set)
{
	const struct pipe_update *u = (const struct pipe_update *)pipe;

	if (!field_set_has(set, u->to))
		return;
	if (!u->condition)
		field_set_remove(set, u->to);
	field_set_add(set, u->from);
	field_set_add_filter(set, u->condition);
}

int update_filters(const struct pipe *pipe, pipe_filter_fn *fn, void *ctx)
{
	const struct pipe_update *u = (const struct pipe_update *)pipe;

	return u->condition ? fn(ctx, u->condition) : 0;
}

int update_parse_from_as(struct lex *lex, struct pipe_update *pipe)
{
	int r = 0;

	pipe->from = SPAN("_msg");
	if (lex_accept(lex, "from") || !(lex_at_pipe_end(lex) || lex_is(lex, "as")))
		r = lex_parse_field(lex, &pipe->from);
	pipe->to = pipe->from;
	bool as = r >= 0 && lex_accept(lex, "as");

	if (as || (r >= 0 && !lex_at_pipe_end(lex) && !lex_is(lex, "drop_duplicates")))
		r = lex_parse_field(lex, &pipe->to);
	return r;
}

int update_parse_at(struct lex *lex, struct pipe_update *pipe)
{
	int r = 0;

	pipe->from = SPAN("_msg");
	if (lex_accept(lex, "at"))
		r = lex_parse_field(lex, &pipe->from);
	pipe->to = pipe->from;
	return r;
}

static void print_field(struct buf *out, struct span word, struct span field)
{
	buf_puts(out, word);
	text_print(out, field);
}

void update_print_from_as(const struct pipe_update *pipe, struct buf *out)
{
	if (!span_eq(pipe->from, SPAN("_msg")))
		print_field(out, SPAN(" from "), pipe->from);
	if (!span_eq(pipe->to, pipe->from))
		print_field(out, SPAN(" as "), pipe->to);
}

void update_print_at(const struct pipe_update *pipe, struct span usual, struct buf *out)
{
	if (!span_eq(pipe->from, usual))
		print_field(out, SPAN(" at "), pipe->from);
}
