/* pipe_pack.c - pack_json, pack_logfmt [fields (a, b*)] [as field]: a row as one text. */
#include "aggregator/query/pipes/pipes.h"
#include "aggregator/query/text/logfmt.h"
#include "common/data/json_write.h"
#include "common/lang/words.h"
#include <errno.h>

#define PACK_TEXT_MAX (64u << 20)

struct pipe_pack {
	struct pipe pipe;
	struct span_list fields; /* empty = all */
	struct span to;
};

static int parse_any(struct lex *lex, const struct pipe_ops *ops, struct pipe **ret)
{
	struct pipe_pack *pipe = PIPE_NEW(lex, struct pipe_pack, ops);
	int r = 0;

	if (!pipe)
		return -ENOMEM;
	if (lex_accept(lex, "fields"))
		r = lex_parse_field_filters_in_parens(lex, &pipe->fields);
	pipe->to = SPAN("_msg");
	if (r >= 0 && !lex_at_pipe_end(lex))
		r = pipe_parse_as(lex, &pipe->to);
	*ret = &pipe->pipe;
	return r;
}

static int pack_json_parse(struct lex *lex, struct pipe **ret)
{
	return parse_any(lex, &pipe_pack_json_ops, ret);
}

static int pack_logfmt_parse(struct lex *lex, struct pipe **ret)
{
	return parse_any(lex, &pipe_pack_logfmt_ops, ret);
}

static void pack_print(const struct pipe *pipe, struct buf *out)
{
	const struct pipe_pack *p = (const struct pipe_pack *)pipe;

	buf_puts(out, span_cstr(pipe->ops->names));
	if (p->fields.len) {
		buf_puts(out, SPAN(" fields ("));
		pipe_print_fields(&p->fields, out);
		buf_putc(out, ')');
	}
	if (span_eq(p->to, SPAN("_msg")))
		return;
	buf_puts(out, SPAN(" as "));
	text_print(out, p->to);
}

static void pack_needs(const struct pipe *pipe, struct field_set *set)
{
	const struct pipe_pack *p = (const struct pipe_pack *)pipe;

	if (!field_set_has(set, p->to))
		return;
	field_set_remove(set, p->to);
	if (p->fields.len)
		field_set_add_list(set, &p->fields);
	else
		field_set_add(set, SPAN("*"));
}

/* Columns to pack: names and their texts. */
struct pack_columns {
	const struct span *names;
	const struct span **texts;
	size_t n;
};

static void add_column(struct pack_columns *columns, struct span *names, struct rows *rows,
		       struct span name)
{
	for (size_t i = 0; i < columns->n; i++)
		if (span_eq(names[i], name))
			return;
	names[columns->n] = name;
	columns->texts[columns->n++] = rows_texts(rows, name);
}

/* In the order of `fields`, and what one of them stands for as the rows have it. */
static int pack_columns(const struct pipe_pack *pipe, struct rows *rows, struct pack_columns *ret)
{
	static struct span star[] = {SPAN("*")};
	const struct span_list everything = {star, 1, 1};
	const struct span_list *fields = pipe->fields.len ? &pipe->fields : &everything;
	const struct span *all;
	size_t nall;
	int r = rows_names(rows, &all, &nall);
	struct span *names = ARENA_ARRAY(rows->arena, struct span, nall + fields->len);
	struct pack_columns columns = {
		names, ARENA_ARRAY(rows->arena, const struct span *, nall + fields->len), 0};

	if (r < 0 || !names || !columns.texts)
		return r < 0 ? r : -ENOMEM;
	for (size_t f = 0; f < fields->len; f++) {
		const struct span_list one = {&fields->ptr[f], 1, 1};

		if (!field_filter_is_wild(fields->ptr[f]))
			add_column(&columns, names, rows, fields->ptr[f]);
		for (size_t i = 0; i < nall && field_filter_is_wild(fields->ptr[f]); i++)
			if (field_filters_have(&one, all[i]))
				add_column(&columns, names, rows, all[i]);
	}
	*ret = columns;
	return 0;
}

static void pack_row(const struct pack_columns *columns, uint32_t row, bool json, struct buf *out)
{
	bool first = true;

	if (json)
		buf_putc(out, '{');
	for (size_t i = 0; i < columns->n; i++) {
		struct span text = columns->texts[i][row];

		if (text.len == 0)
			continue;
		if (json)
			json_write_field(out, &first, columns->names[i], VALUE_STRING, text);
		else
			logfmt_write(out, &first, columns->names[i], text);
	}
	if (json)
		buf_putc(out, '}');
}

static int pack_push(struct stage *stage, unsigned worker, struct rows *rows)
{
	const struct pipe_pack *pipe = stage_pipe(stage);
	struct span *to = ARENA_ARRAY(rows->arena, struct span, (size_t)rows->n + 1);
	struct buf scratch = BUF_INIT(PACK_TEXT_MAX);
	struct pack_columns columns;
	int r = to ? pack_columns(pipe, rows, &columns) : -ENOMEM;

	for (uint32_t i = 0; r >= 0 && i < rows->n; i++) {
		buf_reset(&scratch);
		pack_row(&columns, i, pipe->pipe.ops == &pipe_pack_json_ops, &scratch);
		to[i] = arena_dup(rows->arena, buf_span(&scratch));
		r = scratch.failed;
	}
	buf_release(&scratch);
	if (r >= 0)
		r = rows->arena->overflowed ? -ENOMEM : rows_set_texts(rows, pipe->to, to);
	return r < 0 ? r : stage_push(stage->next, worker, rows);
}

const struct pipe_ops pipe_pack_json_ops = {
	.names = "pack_json",
	.streams = true,
	.parse = pack_json_parse,
	.print = pack_print,
	.needs = pack_needs,
	.push = pack_push,
};

const struct pipe_ops pipe_pack_logfmt_ops = {
	.names = "pack_logfmt",
	.streams = true,
	.parse = pack_logfmt_parse,
	.print = pack_print,
	.needs = pack_needs,
	.push = pack_push,
};
