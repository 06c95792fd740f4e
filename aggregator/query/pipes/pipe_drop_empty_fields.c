/* pipe_drop_empty_fields.c - drop_empty_fields: rows without any value go; absent is empty anyway. */
#include "aggregator/query/pipes/pipes.h"
#include <errno.h>

static int drop_empty_parse(struct lex *lex, struct pipe **ret)
{
	struct pipe *pipe = ARENA_NEW(lex->arena, struct pipe);

	if (!pipe)
		return -ENOMEM;
	pipe->ops = &pipe_drop_empty_fields_ops;
	*ret = pipe;
	return 0;
}

static void drop_empty_print(const struct pipe *pipe, struct buf *out)
{
	(void)pipe;
	buf_puts(out, SPAN("drop_empty_fields"));
}

/* Whether a row is empty depends on all of it. */
static void drop_empty_needs(const struct pipe *pipe, struct field_set *set)
{
	(void)pipe;
	field_set_add(set, SPAN("*"));
}

static int drop_empty_push(struct stage *stage, unsigned worker, struct rows *rows)
{
	uint64_t *bits = ARENA_ARRAY(rows->arena, uint64_t, BITMAP_WORDS(rows->n) + 1);
	const struct span *names;
	size_t n;
	int r = rows_names(rows, &names, &n);

	if (r < 0 || !bits)
		return r < 0 ? r : -ENOMEM;
	for (size_t c = 0; c < n; c++) {
		const struct span *texts = rows_texts(rows, names[c]);

		for (uint32_t i = 0; i < rows->n; i++)
			if (texts[i].len)
				bit_set(bits, i);
	}
	r = rows_keep(rows, bits);
	return r < 0 ? r : stage_push(stage->next, worker, rows);
}

const struct pipe_ops pipe_drop_empty_fields_ops = {
	.names = "drop_empty_fields",
	.streams = true,
	.parse = drop_empty_parse,
	.print = drop_empty_print,
	.needs = drop_empty_needs,
	.push = drop_empty_push,
};
