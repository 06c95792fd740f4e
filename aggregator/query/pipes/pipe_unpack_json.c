/*
 * pipe_unpack_json.c - unpack_json [if (…)] [from field] [fields (…)] [preserve_keys (…)]
 *                      [result_prefix p] [keep_original_fields|skip_empty_results]
 *
 * Nested objects become dotted names, except those that preserve_keys names.
 */
#include "aggregator/query/pipes/pipes.h"
#include "aggregator/query/pipes/unpack.h"
#include "common/data/json_scan.h"
#include "common/lang/words.h"
#include <errno.h>

struct pipe_unpack_json {
	struct pipe_unpack unpack;
	struct span_list preserve;
};

static int unpack_json_parse(struct lex *lex, struct pipe **ret)
{
	struct pipe_unpack_json *pipe =
		PIPE_NEW(lex, struct pipe_unpack_json, &pipe_unpack_json_ops);

	if (!pipe)
		return -ENOMEM;
	int r = pipe_parse_if(lex, &pipe->unpack.condition);

	if (r >= 0)
		r = unpack_parse_from(lex, &pipe->unpack);
	if (r >= 0)
		r = unpack_parse_fields(lex, &pipe->unpack);
	if (r >= 0 && lex_accept(lex, "preserve_keys"))
		r = lex_parse_fields_in_parens(lex, &pipe->preserve);
	if (r >= 0)
		r = unpack_parse_prefix(lex, &pipe->unpack);
	if (r < 0)
		return r;
	unpack_parse_keep(lex, &pipe->unpack);
	*ret = &pipe->unpack.pipe;
	return 0;
}

static void unpack_json_print(const struct pipe *pipe, struct buf *out)
{
	const struct pipe_unpack_json *u = (const struct pipe_unpack_json *)pipe;

	buf_puts(out, SPAN("unpack_json"));
	pipe_print_if(u->unpack.condition, out);
	unpack_print_from(&u->unpack, out);
	unpack_print_fields(&u->unpack, out);
	pipe_print_by("preserve_keys", &u->preserve, out);
	unpack_print_rest(&u->unpack, out);
}

static int add_leaf(void *ctx, struct span key, enum value_type type, struct span text)
{
	struct unpack *unpack = ctx;

	unpack_add(unpack, key, type == VALUE_NULL ? SPAN("") : text);
	return unpack->failed;
}

static void add_member(struct unpack *unpack, const struct field *field)
{
	const struct pipe_unpack_json *pipe = (const struct pipe_unpack_json *)unpack->pipe;
	bool object = field->type == VALUE_JSON && field->text.ptr[0] == '{';

	if (!object || field_filters_have(&pipe->preserve, field->key))
		add_leaf(unpack, field->key, field->type, field->text);
	else if (json_flatten(field->text, field->key, unpack->rows->arena, add_leaf, unpack) < 0)
		unpack->failed = -ENOMEM;
}

static void unpack_json(struct unpack *unpack, struct span text)
{
	struct record record;
	size_t at;

	text = span_trim(text);
	if (text.len == 0 || text.ptr[0] != '{')
		return;
	record_init(&record, unpack->rows->arena, text);
	int r = json_scan_record(text, &record, &at);

	if (r == -ENOMEM)
		unpack->failed = r;
	for (uint32_t i = 0; r >= 0 && i < record.nfields; i++)
		add_member(unpack, &record.fields[i]);
}

static int unpack_json_push(struct stage *stage, unsigned worker, struct rows *rows)
{
	return unpack_push(stage, worker, rows, unpack_json);
}

const struct pipe_ops pipe_unpack_json_ops = {
	.names = "unpack_json",
	.streams = true,
	.parse = unpack_json_parse,
	.print = unpack_json_print,
	.needs = unpack_needs,
	.filters = unpack_filters,
	.push = unpack_json_push,
};
