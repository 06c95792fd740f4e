/* fields a, b*: only these. */
#include "aggregator/query/pipes/pipes.h"

#include <errno.h>

struct pipe_fields {
	struct pipe pipe;
	struct span_list fields; /* names and prefix* */
	bool wild;
};

static int fields_parse(struct lex *lex, struct pipe **ret)
{
	struct pipe_fields *fields = PIPE_NEW(lex, struct pipe_fields, &pipe_fields_ops);
	int r;

	if (!fields)
		return pipe_no_memory(lex);
	r = lex_parse_field_filters(lex, &fields->fields);
	for (size_t i = 0; i < fields->fields.len; i++)
		fields->wild |= field_filter_is_wild(fields->fields.ptr[i]);
	*ret = &fields->pipe;
	return r;
}

static void fields_print(const struct pipe *pipe, struct buf *out)
{
	buf_puts(out, SPAN("fields "));
	pipe_print_fields(&((const struct pipe_fields *)pipe)->fields, out);
}

static void fields_needs(const struct pipe *pipe, struct field_set *set)
{
	const struct pipe_fields *fields = (const struct pipe_fields *)pipe;
	struct field_set next = {.arena = set->arena};

	field_set_copy(&next, set);
	field_set_reset(set, false);
	for (size_t i = 0; i < fields->fields.len; i++) {
		struct span filter = fields->fields.ptr[i];

		if (field_filter_is_wild(filter)
			    ? field_set_may_have_prefix(&next, span_take(filter, filter.len - 1))
			    : field_set_has(&next, filter))
			field_set_add(set, filter);
	}
	/* `fields *` keeps what was denied behind it out. */
	for (size_t i = 0; set->all && i < next.deny.len; i++)
		field_set_remove(set, next.deny.ptr[i]);
}

static bool fields_single_field(const struct pipe *pipe, struct span *ret_field)
{
	const struct pipe_fields *fields = (const struct pipe_fields *)pipe;

	if (fields->fields.len != 1 || fields->wild)
		return false;
	*ret_field = fields->fields.ptr[0];
	return true;
}

static int select_wild(const struct pipe_fields *fields, struct rows *rows)
{
	const struct span *names;
	struct span *kept;
	size_t n, nkept = 0;
	int r = rows_names(rows, &names, &n);

	if (r < 0)
		return r;
	kept = ARENA_ARRAY(rows->arena, struct span, n + fields->fields.len);
	if (!kept)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		if (field_filters_have(&fields->fields, names[i]))
			kept[nkept++] = names[i];
	for (size_t i = 0; i < fields->fields.len; i++)
		if (!field_filter_is_wild(fields->fields.ptr[i]))
			kept[nkept++] = fields->fields.ptr[i];
	return rows_select(rows, kept, nkept);
}

static int fields_push(struct stage *stage, unsigned worker, struct rows *rows)
{
	const struct pipe_fields *fields = stage_pipe(stage);
	int r = 0;

	if (fields->wild)
		r = select_wild(fields, rows);
	else
		r = rows_select(rows, fields->fields.ptr, fields->fields.len);
	return r < 0 ? r : stage_push(stage->next, worker, rows);
}

const struct pipe_ops pipe_fields_ops = {
	.names = "fields keep",
	.streams = true,
	.lazy = true,
	.picks = true,
	.parse = fields_parse,
	.print = fields_print,
	.needs = fields_needs,
	.single_field = fields_single_field,
	.push = fields_push,
};
