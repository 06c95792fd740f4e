/* unpack.c - see unpack.h. */
#include "aggregator/query/pipes/unpack.h"
#include "common/lang/words.h"
#include <errno.h>

struct unpack_column {
	struct span name;
	const struct span *before; /* what the rows had */
	struct span *texts;
};

/* The column of `name`, which starts as what the rows have. */
static struct unpack_column *column_of(struct unpack *unpack, struct span name)
{
	bool added;
	union map_value *slot = map_put(&unpack->columns, name, &added);

	if (!slot)
		return NULL;
	if (!added)
		return slot->ptr;
	struct arena *arena = unpack->rows->arena;
	struct unpack_column *column = ARENA_NEW(arena, struct unpack_column);

	slot->ptr = column;
	if (!column)
		return NULL;
	column->name = name;
	column->before = rows_texts(unpack->rows, name);
	column->texts = ARENA_ARRAY(arena, struct span, (size_t)unpack->rows->n + 1);
	if (!column->before || !column->texts)
		return slot->ptr = NULL;
	memcpy(column->texts, column->before, unpack->rows->n * sizeof *column->texts);
	return column;
}

void unpack_add(struct unpack *unpack, struct span name, struct span value)
{
	const struct pipe_unpack *pipe = unpack->pipe;

	if (name.len == 0)
		name = SPAN("_msg");
	if (unpack->failed || (pipe->fields.len && !field_filters_have(&pipe->fields, name)))
		return;
	if (pipe->prefix.len)
		name = arena_printf(unpack->rows->arena, "%.*s%.*s", SPAN_FMT(pipe->prefix),
				    SPAN_FMT(name));
	struct unpack_column *column = name.ptr ? column_of(unpack, name) : NULL;

	if (!column) {
		unpack->failed = -ENOMEM;
		return;
	}
	struct span before = column->before[unpack->row];

	if ((pipe->keep_original && before.len) || (pipe->skip_empty && value.len == 0))
		return;
	column->texts[unpack->row] = value;
}

/* Fields that were asked for by name are there even if the text lacks them. */
static void add_missing(struct unpack *unpack)
{
	const struct span_list *fields = &unpack->pipe->fields;

	for (size_t i = 0; i < fields->len; i++)
		if (!field_filter_is_wild(fields->ptr[i]))
			unpack_add(unpack, fields->ptr[i], SPAN(""));
}

static int set_columns(struct unpack *unpack)
{
	union map_value *value;
	struct span name;
	size_t at = 0;
	int r = unpack->failed;

	while (r >= 0 && map_next(&unpack->columns, &at, &name, &value)) {
		const struct unpack_column *column = value->ptr;

		r = rows_set_texts(unpack->rows, column->name, column->texts);
	}
	return r;
}

int unpack_push(struct stage *stage, unsigned worker, struct rows *rows, unpack_fn *fn)
{
	const struct pipe_unpack *pipe = stage_pipe(stage);
	struct unpack unpack = {.pipe = pipe, .rows = rows};
	const struct span *texts = rows_texts(rows, pipe->from);
	const uint64_t *bits;
	int r = rows_match_if(rows, pipe->condition, &bits);

	for (uint32_t i = 0; r >= 0 && i < rows->n; i++) {
		if (bits && !bit_get(bits, i))
			continue;
		unpack.row = i;
		add_missing(&unpack);
		fn(&unpack, texts[i]);
		r = unpack.failed;
	}
	if (r >= 0)
		r = set_columns(&unpack);
	map_release(&unpack.columns);
	return r < 0 ? r : stage_push(stage->next, worker, rows);
}

void unpack_needs(const struct pipe *pipe, struct field_set *set)
{
	const struct pipe_unpack *u = (const struct pipe_unpack *)pipe;

	field_set_add(set, u->from);
	field_set_add_filter(set, u->condition);
}

int unpack_filters(const struct pipe *pipe, pipe_filter_fn *fn, void *ctx)
{
	const struct pipe_unpack *u = (const struct pipe_unpack *)pipe;

	return u->condition ? fn(ctx, u->condition) : 0;
}

int unpack_parse_from(struct lex *lex, struct pipe_unpack *pipe)
{
	pipe->from = SPAN("_msg");
	if (lex_accept(lex, "from"))
		return lex_parse_field(lex, &pipe->from);
	if (lex_at_pipe_end(lex) ||
	    lex_is_any(lex, "fields preserve_keys offset result_prefix keep_original_fields "
			    "skip_empty_results"))
		return 0;
	return lex_parse_field(lex, &pipe->from);
}

int unpack_parse_fields(struct lex *lex, struct pipe_unpack *pipe)
{
	return lex_accept(lex, "fields") ? lex_parse_field_filters_in_parens(lex, &pipe->fields)
					 : 0;
}

int unpack_parse_prefix(struct lex *lex, struct pipe_unpack *pipe)
{
	return lex_accept(lex, "result_prefix")
		       ? lex_parse_text(lex, "the prefix of the results", &pipe->prefix)
		       : 0;
}

void unpack_parse_keep(struct lex *lex, struct pipe_unpack *pipe)
{
	if (lex_accept(lex, "keep_original_fields"))
		pipe->keep_original = true;
	else if (lex_accept(lex, "skip_empty_results"))
		pipe->skip_empty = true;
}

void unpack_print_from(const struct pipe_unpack *pipe, struct buf *out)
{
	if (span_eq(pipe->from, SPAN("_msg")))
		return;
	buf_puts(out, SPAN(" from "));
	text_print(out, pipe->from);
}

void unpack_print_fields(const struct pipe_unpack *pipe, struct buf *out)
{
	if (!pipe->fields.len)
		return;
	buf_puts(out, SPAN(" fields ("));
	pipe_print_fields(&pipe->fields, out);
	buf_putc(out, ')');
}

void unpack_print_rest(const struct pipe_unpack *pipe, struct buf *out)
{
	if (pipe->prefix.len) {
		buf_puts(out, SPAN(" result_prefix "));
		text_print(out, pipe->prefix);
	}
	if (pipe->keep_original)
		buf_puts(out, SPAN(" keep_original_fields"));
	if (pipe->skip_empty)
		buf_puts(out, SPAN(" skip_empty_results"));
}
