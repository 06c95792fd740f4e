/* pipe_time_add.c - time_add 1h [at field]: move a time; what is no time stays. */
#include "aggregator/query/pipes/pipes.h"
#include "aggregator/query/pipes/update.h"
#include "aggregator/query/text/number_text.h"
#include "common/lang/number.h"
#include <errno.h>

struct pipe_time_add {
	struct pipe_update update;
	int64_t offset_ns;
	struct span offset;
};

static int time_add_parse(struct lex *lex, struct pipe **ret)
{
	struct pipe_time_add *pipe = PIPE_NEW(lex, struct pipe_time_add, &pipe_time_add_ops);

	if (!pipe)
		return -ENOMEM;
	int r = lex_parse_duration(lex, "what is added", &pipe->offset_ns, &pipe->offset);

	pipe->update.from = SPAN("_time");
	if (r >= 0 && lex_accept(lex, "at"))
		r = lex_parse_field(lex, &pipe->update.from);
	pipe->update.to = pipe->update.from;
	*ret = &pipe->update.pipe;
	return r;
}

static void time_add_print(const struct pipe *pipe, struct buf *out)
{
	const struct pipe_time_add *t = (const struct pipe_time_add *)pipe;

	buf_puts(out, SPAN("time_add "));
	buf_puts(out, t->offset);
	update_print_at(&t->update, SPAN("_time"), out);
}

static int time_add(const struct pipe_update *pipe, struct span text, struct buf *out)
{
	int64_t ns;

	if (!lang_time(text, &ns) ||
	    __builtin_add_overflow(ns, ((const struct pipe_time_add *)pipe)->offset_ns, &ns))
		return -EAGAIN;
	number_put_time(out, ns);
	return 0;
}

static int time_add_push(struct stage *stage, unsigned worker, struct rows *rows)
{
	return update_push(stage, worker, rows, time_add);
}

const struct pipe_ops pipe_time_add_ops = {
	.names = "time_add",
	.streams = true,
	.parse = time_add_parse,
	.print = time_add_print,
	.needs = update_needs,
	.push = time_add_push,
};
