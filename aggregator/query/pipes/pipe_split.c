/*
 * pipe_split.c - split "sep" [from] field [as field]
 *                unpack_words [from] field [as field] [drop_duplicates]
 *
 * Both put the pieces of a text into a JSON array.
 */
#include "aggregator/query/pipes/pipes.h"
#include "aggregator/query/pipes/update.h"
#include "common/base/map.h"
#include "common/base/utf8.h"
#include "common/data/json_write.h"
#include "common/lang/token.h"
#include "common/lang/words.h"
#include <errno.h>

struct pipe_split {
	struct pipe_update update;
	struct span separator;
	bool drop_duplicates;
};

static int split_parse(struct lex *lex, struct pipe **ret)
{
	struct pipe_split *pipe = PIPE_NEW(lex, struct pipe_split, &pipe_split_ops);

	if (!pipe)
		return -ENOMEM;
	if (lex_is(lex, "as") || lex_is(lex, "from"))
		return lex_error(lex, "expected the text to split at, in quotes");
	int r = lex_parse_text(lex, "the text to split at", &pipe->separator);

	if (r >= 0)
		r = update_parse_from_as(lex, &pipe->update);
	*ret = &pipe->update.pipe;
	return r;
}

static void split_print(const struct pipe *pipe, struct buf *out)
{
	const struct pipe_split *s = (const struct pipe_split *)pipe;

	buf_puts(out, SPAN("split "));
	text_print(out, s->separator);
	update_print_from_as(&s->update, out);
}

static void put_item(struct buf *out, size_t *n, struct span item)
{
	if ((*n)++)
		buf_putc(out, ',');
	json_write_string(out, item);
}

/* An empty separator cuts between characters. */
static int split(const struct pipe_update *pipe, struct span text, struct buf *out)
{
	struct span separator = ((const struct pipe_split *)pipe)->separator;
	size_t n = 0;

	buf_putc(out, '[');
	while (separator.len == 0 && text.len) {
		uint32_t rune;
		size_t len = utf8_decode(text, &rune);

		put_item(out, &n, span_take(text, len));
		text = span_skip(text, len);
	}
	for (ptrdiff_t at; separator.len && (at = span_find(text, separator)) >= 0;) {
		put_item(out, &n, span_take(text, (size_t)at));
		text = span_skip(text, (size_t)at + separator.len);
	}
	if (separator.len)
		put_item(out, &n, text);
	buf_putc(out, ']');
	return 0;
}

static int split_push(struct stage *stage, unsigned worker, struct rows *rows)
{
	return update_push(stage, worker, rows, split);
}

static int words_parse(struct lex *lex, struct pipe **ret)
{
	struct pipe_split *pipe = PIPE_NEW(lex, struct pipe_split, &pipe_unpack_words_ops);
	int r = 0;

	if (!pipe)
		return -ENOMEM;
	pipe->update.from = pipe->update.to = SPAN("_msg");
	if (!lex_is(lex, "drop_duplicates"))
		r = update_parse_from_as(lex, &pipe->update);
	pipe->drop_duplicates = r >= 0 && lex_accept(lex, "drop_duplicates");
	*ret = &pipe->update.pipe;
	return r;
}

static void words_print(const struct pipe *pipe, struct buf *out)
{
	const struct pipe_split *s = (const struct pipe_split *)pipe;

	buf_puts(out, SPAN("unpack_words"));
	update_print_from_as(&s->update, out);
	if (s->drop_duplicates)
		buf_puts(out, SPAN(" drop_duplicates"));
}

static int unpack_words(const struct pipe_update *pipe, struct span text, struct buf *out)
{
	bool unique = ((const struct pipe_split *)pipe)->drop_duplicates;
	struct map seen = {0};
	struct span word;
	size_t n = 0;
	int r = 0;

	buf_putc(out, '[');
	while (r >= 0 && token_next(&text, &word)) {
		bool added = true;

		if (unique && !map_put(&seen, word, &added))
			r = -ENOMEM;
		else if (added)
			put_item(out, &n, word);
	}
	buf_putc(out, ']');
	map_release(&seen);
	return r;
}

static int words_push(struct stage *stage, unsigned worker, struct rows *rows)
{
	return update_push(stage, worker, rows, unpack_words);
}

const struct pipe_ops pipe_split_ops = {
	.names = "split",
	.streams = true,
	.parse = split_parse,
	.print = split_print,
	.needs = update_needs,
	.push = split_push,
};

const struct pipe_ops pipe_unpack_words_ops = {
	.names = "unpack_words",
	.streams = true,
	.parse = words_parse,
	.print = words_print,
	.needs = update_needs,
	.push = words_push,
};
