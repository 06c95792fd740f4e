/* pipe_decolorize.c - decolorize [field]: drop ANSI escape sequences. */
#include "aggregator/query/pipes/pipes.h"
#include "aggregator/query/pipes/update.h"
#include "aggregator/query/text/transform.h"
#include "common/lang/words.h"
#include <errno.h>

static int decolorize_parse(struct lex *lex, struct pipe **ret)
{
	struct pipe_update *pipe = PIPE_NEW(lex, struct pipe_update, &pipe_decolorize_ops);
	int r = 0;

	if (!pipe)
		return -ENOMEM;
	pipe->from = SPAN("_msg");
	if (!lex_at_pipe_end(lex))
		r = lex_parse_field(lex, &pipe->from);
	pipe->to = pipe->from;
	*ret = &pipe->pipe;
	return r;
}

static void decolorize_print(const struct pipe *pipe, struct buf *out)
{
	const struct pipe_update *u = (const struct pipe_update *)pipe;

	buf_puts(out, SPAN("decolorize"));
	if (span_eq(u->from, SPAN("_msg")))
		return;
	buf_putc(out, ' ');
	text_print(out, u->from);
}

static int decolorize(const struct pipe_update *pipe, struct span text, struct buf *out)
{
	(void)pipe;
	if (span_find(text, SPAN("\x1b[")) < 0)
		return -EAGAIN;
	transform_decolorize(text, out);
	return 0;
}

static int decolorize_push(struct stage *stage, unsigned worker, struct rows *rows)
{
	return update_push(stage, worker, rows, decolorize);
}

const struct pipe_ops pipe_decolorize_ops = {
	.names = "decolorize",
	.streams = true,
	.parse = decolorize_parse,
	.print = decolorize_print,
	.needs = update_needs,
	.push = decolorize_push,
};
