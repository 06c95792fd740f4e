/* pipe_len.c - len(field) as x, hash(field) as x, json_array_len(field) as x: a number of a text. */
#include "aggregator/query/pipes/json_array.h"
#include "aggregator/query/pipes/pipes.h"
#include "aggregator/query/pipes/update.h"
#include "common/lang/words.h"
#include <errno.h>
#include <xxhash.h>

/* (field) [as] field, parentheses may be left out; the result goes to _msg when it is not named */
static int parse_any(struct lex *lex, const struct pipe_ops *ops, struct pipe **ret)
{
	struct pipe_update *pipe = PIPE_NEW(lex, struct pipe_update, ops);

	if (!pipe)
		return -ENOMEM;
	bool parens = lex_accept(lex, "(");
	int r = lex_parse_field(lex, &pipe->from);

	if (r >= 0 && parens)
		r = lex_expect(lex, ")", "behind the field");
	pipe->to = SPAN("_msg");
	if (r >= 0 && !lex_at_pipe_end(lex))
		r = pipe_parse_as(lex, &pipe->to);
	*ret = &pipe->pipe;
	return r;
}

static void print_any(const struct pipe *pipe, struct buf *out)
{
	const struct pipe_update *u = (const struct pipe_update *)pipe;

	buf_puts(out, span_cstr(pipe->ops->names));
	buf_putc(out, '(');
	text_print(out, u->from);
	buf_putc(out, ')');
	if (span_eq(u->to, SPAN("_msg")))
		return;
	buf_puts(out, SPAN(" as "));
	text_print(out, u->to);
}

/* Bytes, not characters. */
static int len(const struct pipe_update *pipe, struct span text, struct buf *out)
{
	(void)pipe;
	buf_put_u64(out, text.len);
	return 0;
}

/* XXH64, cut to the 53 bits that a double holds exactly, so that math works on it. */
static int hash(const struct pipe_update *pipe, struct span text, struct buf *out)
{
	(void)pipe;
	buf_put_u64(out, XXH64(text.len ? text.ptr : "", text.len, 0) & ((UINT64_C(1) << 53) - 1));
	return 0;
}

static int json_array_len(const struct pipe_update *pipe, struct span text, struct buf *out)
{
	struct json_array array;
	struct span item;
	bool quoted;
	uint64_t n = 0;

	(void)pipe;
	if (json_array_init(&array, text))
		while (json_array_next(&array, &item, &quoted))
			n++;
	buf_put_u64(out, array.valid ? n : 0);
	return 0;
}

#define NUMBER_OF(name)                                                                            \
	static int name##_parse(struct lex *lex, struct pipe **ret)                                \
	{                                                                                          \
		return parse_any(lex, &pipe_##name##_ops, ret);                                    \
	}                                                                                          \
	static int name##_push(struct stage *stage, unsigned worker, struct rows *rows)            \
	{                                                                                          \
		return update_push(stage, worker, rows, name);                                     \
	}                                                                                          \
	const struct pipe_ops pipe_##name##_ops = {                                                \
		.names = #name,                                                                    \
		.streams = true,                                                                   \
		.parse = name##_parse,                                                             \
		.print = print_any,                                                                \
		.needs = update_needs,                                                             \
		.push = name##_push,                                                               \
	}
NUMBER_OF(len);
NUMBER_OF(hash);
NUMBER_OF(json_array_len);
