/*
 * pipe_unpack_logfmt.c - unpack_logfmt [if (…)] [from field] [fields (…)] [result_prefix p]
 *                        [keep_original_fields|skip_empty_results]
 */
#include "aggregator/query/pipes/pipes.h"
#include "aggregator/query/pipes/unpack.h"
#include "aggregator/query/text/logfmt.h"
#include <errno.h>

static int unpack_logfmt_parse(struct lex *lex, struct pipe **ret)
{
	struct pipe_unpack *pipe = PIPE_NEW(lex, struct pipe_unpack, &pipe_unpack_logfmt_ops);

	if (!pipe)
		return -ENOMEM;
	int r = pipe_parse_if(lex, &pipe->condition);

	if (r >= 0)
		r = unpack_parse_from(lex, pipe);
	if (r >= 0)
		r = unpack_parse_fields(lex, pipe);
	if (r >= 0)
		r = unpack_parse_prefix(lex, pipe);
	if (r < 0)
		return r;
	unpack_parse_keep(lex, pipe);
	*ret = &pipe->pipe;
	return 0;
}

static void unpack_logfmt_print(const struct pipe *pipe, struct buf *out)
{
	const struct pipe_unpack *u = (const struct pipe_unpack *)pipe;

	buf_puts(out, SPAN("unpack_logfmt"));
	pipe_print_if(u->condition, out);
	unpack_print_from(u, out);
	unpack_print_fields(u, out);
	unpack_print_rest(u, out);
}

static void unpack_logfmt(struct unpack *unpack, struct span text)
{
	struct span key, value;

	while (logfmt_next(&text, unpack->rows->arena, &key, &value))
		unpack_add(unpack, key, value);
}

static int unpack_logfmt_push(struct stage *stage, unsigned worker, struct rows *rows)
{
	return unpack_push(stage, worker, rows, unpack_logfmt);
}

const struct pipe_ops pipe_unpack_logfmt_ops = {
	.names = "unpack_logfmt",
	.streams = true,
	.parse = unpack_logfmt_parse,
	.print = unpack_logfmt_print,
	.needs = unpack_needs,
	.filters = unpack_filters,
	.push = unpack_logfmt_push,
};
