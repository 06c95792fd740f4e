/*
 * pipe_unpack_syslog.c - unpack_syslog [if (…)] [from field] [offset 2h] [result_prefix p]
 *                        [keep_original_fields]
 */
#include "aggregator/query/pipes/pipes.h"
#include "aggregator/query/pipes/unpack.h"
#include "aggregator/query/text/syslog.h"
#include <errno.h>

struct pipe_unpack_syslog {
	struct pipe_unpack unpack;
	int64_t now_ns, offset_ns;
	struct span offset;
};

static int unpack_syslog_parse(struct lex *lex, struct pipe **ret)
{
	struct pipe_unpack_syslog *pipe =
		PIPE_NEW(lex, struct pipe_unpack_syslog, &pipe_unpack_syslog_ops);

	if (!pipe)
		return -ENOMEM;
	int r = pipe_parse_if(lex, &pipe->unpack.condition);

	if (r >= 0)
		r = unpack_parse_from(lex, &pipe->unpack);
	if (r >= 0 && lex_accept(lex, "offset"))
		r = lex_parse_duration(lex, "the zone's offset", &pipe->offset_ns, &pipe->offset);
	if (r >= 0)
		r = unpack_parse_prefix(lex, &pipe->unpack);
	if (r < 0)
		return r;
	pipe->unpack.keep_original = lex_accept(lex, "keep_original_fields");
	pipe->now_ns = lex->now_ns;
	*ret = &pipe->unpack.pipe;
	return 0;
}

static void unpack_syslog_print(const struct pipe *pipe, struct buf *out)
{
	const struct pipe_unpack_syslog *u = (const struct pipe_unpack_syslog *)pipe;

	buf_puts(out, SPAN("unpack_syslog"));
	pipe_print_if(u->unpack.condition, out);
	unpack_print_from(&u->unpack, out);
	if (u->offset.len) {
		buf_puts(out, SPAN(" offset "));
		buf_puts(out, u->offset);
	}
	unpack_print_rest(&u->unpack, out);
}

static void add_field(void *ctx, struct span name, struct span value)
{
	unpack_add(ctx, name, value);
}

static void unpack_syslog(struct unpack *unpack, struct span text)
{
	const struct pipe_unpack_syslog *pipe = (const struct pipe_unpack_syslog *)unpack->pipe;

	syslog_parse(text, pipe->now_ns, pipe->offset_ns, unpack->rows->arena, add_field, unpack);
}

static int unpack_syslog_push(struct stage *stage, unsigned worker, struct rows *rows)
{
	return unpack_push(stage, worker, rows, unpack_syslog);
}

const struct pipe_ops pipe_unpack_syslog_ops = {
	.names = "unpack_syslog",
	.streams = true,
	.parse = unpack_syslog_parse,
	.print = unpack_syslog_print,
	.needs = unpack_needs,
	.filters = unpack_filters,
	.push = unpack_syslog_push,
};
