/* pipe_set_stream_fields.c - set_stream_fields [if (…)] a, b: _stream becomes {a="…",b="…"}. */
#include "aggregator/query/pipes/pipes.h"
#include "common/data/json_write.h"
#include <errno.h>
#include <stdlib.h>

#define STREAM_TEXT_MAX (64u << 10)

struct pipe_set_stream_fields {
	struct pipe pipe;
	struct filter *condition;
	struct span_list fields;
};

static int stream_parse(struct lex *lex, struct pipe **ret)
{
	struct pipe_set_stream_fields *pipe =
		PIPE_NEW(lex, struct pipe_set_stream_fields, &pipe_set_stream_fields_ops);

	if (!pipe)
		return -ENOMEM;
	int r = pipe_parse_if(lex, &pipe->condition);

	if (r >= 0)
		r = lex_parse_field_filters(lex, &pipe->fields);
	*ret = &pipe->pipe;
	return r;
}

static void stream_print(const struct pipe *pipe, struct buf *out)
{
	const struct pipe_set_stream_fields *s = (const struct pipe_set_stream_fields *)pipe;

	buf_puts(out, SPAN("set_stream_fields"));
	pipe_print_if(s->condition, out);
	buf_putc(out, ' ');
	pipe_print_fields(&s->fields, out);
}

static void stream_needs(const struct pipe *pipe, struct field_set *set)
{
	const struct pipe_set_stream_fields *s = (const struct pipe_set_stream_fields *)pipe;

	field_set_add_list(set, &s->fields);
	field_set_add_filter(set, s->condition);
}

static int stream_filters(const struct pipe *pipe, pipe_filter_fn *fn, void *ctx)
{
	const struct pipe_set_stream_fields *s = (const struct pipe_set_stream_fields *)pipe;

	return s->condition ? fn(ctx, s->condition) : 0;
}

static int name_cmp(const void *a, const void *b)
{
	return span_cmp(*(const struct span *)a, *(const struct span *)b);
}

/* The names of the columns that make the stream, sorted. */
static int stream_names(const struct pipe_set_stream_fields *pipe, struct rows *rows,
			struct span **ret, size_t *ret_n)
{
	const struct span *all;
	size_t nall, n = 0;
	int r = rows_names(rows, &all, &nall);
	struct span *names = ARENA_ARRAY(rows->arena, struct span, nall + 1);

	if (r < 0 || !names)
		return r < 0 ? r : -ENOMEM;
	for (size_t i = 0; i < nall; i++)
		if (field_filters_have(&pipe->fields, all[i]))
			names[n++] = all[i];
	qsort(names, n, sizeof *names, name_cmp);
	*ret = names;
	*ret_n = n;
	return 0;
}

static void put_stream(struct rows *rows, const struct span *names, size_t n, uint32_t row,
		       struct buf *out)
{
	bool first = true;

	buf_putc(out, '{');
	for (size_t i = 0; i < n; i++) {
		struct span text = rows_text(rows, names[i], row);

		if (text.len == 0)
			continue;
		if (!first)
			buf_putc(out, ',');
		first = false;
		buf_puts(out, names[i]);
		buf_putc(out, '=');
		json_write_string(out, text);
	}
	buf_putc(out, '}');
}

static int set_streams(const struct pipe_set_stream_fields *pipe, struct rows *rows,
		       const uint64_t *bits, struct buf *scratch)
{
	const struct span *before = rows_texts(rows, SPAN("_stream"));
	const struct span *ids_before = rows_texts(rows, SPAN("_stream_id"));
	struct span *streams = ARENA_ARRAY(rows->arena, struct span, (size_t)rows->n + 1);
	struct span *ids = ARENA_ARRAY(rows->arena, struct span, (size_t)rows->n + 1);
	struct span *names;
	size_t n;
	int r = streams && ids ? stream_names(pipe, rows, &names, &n) : -ENOMEM;

	for (uint32_t i = 0; r >= 0 && i < rows->n; i++) {
		if (bits && !bit_get(bits, i)) {
			streams[i] = before[i];
			ids[i] = ids_before[i];
			continue;
		}
		buf_reset(scratch);
		put_stream(rows, names, n, i, scratch);
		streams[i] = arena_dup(rows->arena, buf_span(scratch));
		r = rows->arena->overflowed ? -ENOMEM : scratch->failed;
	}
	if (r >= 0)
		r = rows_set_texts(rows, SPAN("_stream"), streams);
	return r < 0 ? r : rows_set_texts(rows, SPAN("_stream_id"), ids);
}

static int stream_push(struct stage *stage, unsigned worker, struct rows *rows)
{
	const struct pipe_set_stream_fields *pipe = stage_pipe(stage);
	struct buf scratch = BUF_INIT(STREAM_TEXT_MAX);
	const uint64_t *bits;
	int r = rows_match_if(rows, pipe->condition, &bits);

	if (r >= 0)
		r = set_streams(pipe, rows, bits, &scratch);
	buf_release(&scratch);
	return r < 0 ? r : stage_push(stage->next, worker, rows);
}

const struct pipe_ops pipe_set_stream_fields_ops = {
	.names = "set_stream_fields",
	.streams = true,
	.parse = stream_parse,
	.print = stream_print,
	.needs = stream_needs,
	.filters = stream_filters,
	.push = stream_push,
};
