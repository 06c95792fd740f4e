/* delete a, b*: all but these. */
#include "aggregator/query/pipes/pipes.h"

struct pipe_delete {
	struct pipe pipe;
	struct span_list fields;
};

static int delete_parse(struct lex *lex, struct pipe **ret)
{
	struct pipe_delete *del = PIPE_NEW(lex, struct pipe_delete, &pipe_delete_ops);

	if (!del)
		return pipe_no_memory(lex);
	*ret = &del->pipe;
	return lex_parse_field_filters(lex, &del->fields);
}

static void delete_print(const struct pipe *pipe, struct buf *out)
{
	buf_puts(out, SPAN("delete "));
	pipe_print_fields(&((const struct pipe_delete *)pipe)->fields, out);
}

static void delete_needs(const struct pipe *pipe, struct field_set *set)
{
	const struct pipe_delete *del = (const struct pipe_delete *)pipe;

	for (size_t i = 0; i < del->fields.len; i++)
		field_set_remove(set, del->fields.ptr[i]);
}

static int delete_wild(struct rows *rows, struct span filter)
{
	const struct span *names;
	size_t n;
	int r = rows_names(rows, &names, &n);

	for (size_t i = 0; r >= 0 && i < n; i++)
		if (field_filter_has(filter, names[i]))
			r = rows_delete(rows, names[i]);
	return r;
}

static int delete_push(struct stage *stage, unsigned worker, struct rows *rows)
{
	const struct pipe_delete *del = stage_pipe(stage);
	int r = 0;

	for (size_t i = 0; r >= 0 && i < del->fields.len; i++)
		r = field_filter_is_wild(del->fields.ptr[i])
			    ? delete_wild(rows, del->fields.ptr[i])
			    : rows_delete(rows, del->fields.ptr[i]);
	return r < 0 ? r : stage_push(stage->next, worker, rows);
}

const struct pipe_ops pipe_delete_ops = {
	.names = "delete del rm drop",
	.streams = true,
	.lazy = true,
	.picks = true,
	.parse = delete_parse,
	.print = delete_print,
	.needs = delete_needs,
	.push = delete_push,
};
