/*
 * uniq by (a, b) [filter text] [with hits] [limit N]: distinct sets of values.
 * field_values a [filter text] [limit N]: the same of one field, with hits.
 */
#include "aggregator/query/pipes/hits.h"
#include "aggregator/query/pipes/pipes.h"
#include "common/lang/words.h"
#include <errno.h>
#include <stdlib.h>

struct pipe_uniq {
	struct pipe pipe;
	struct span_list by;
	struct span contains; /* only values with this text; ptr NULL = all */
	struct span hits;     /* ptr NULL = not wanted */
	uint64_t limit;       /* 0 = none */
	bool field_values;
};

/* [filter text] [with hits] [limit N], `hits` only where it is allowed */
static int parse_options(struct lex *lex, struct pipe_uniq *uniq)
{
	int r = 0;

	if (lex_is(lex, "filter") && uniq->by.len > 1)
		return lex_error(lex, "`filter` needs exactly one field");
	if (lex_accept(lex, "filter"))
		r = lex_parse_text(lex, "filter", &uniq->contains);
	if (r >= 0 && !uniq->field_values) {
		bool with = lex_accept(lex, "with");

		if (lex_accept(lex, "hits"))
			uniq->hits = SPAN("hits");
		else if (with)
			return lex_error(lex, "expected `hits` after `with`");
	}
	if (r >= 0 && lex_accept(lex, "limit"))
		r = lex_parse_u64(lex, "limit", &uniq->limit);
	if (r >= 0 && uniq->hits.ptr)
		r = pipe_free_name(lex, &uniq->by, &uniq->hits);
	return r;
}

static int uniq_parse(struct lex *lex, struct pipe **ret)
{
	struct pipe_uniq *uniq = PIPE_NEW(lex, struct pipe_uniq, &pipe_uniq_ops);
	int r;

	if (!uniq)
		return pipe_no_memory(lex);
	*ret = &uniq->pipe;
	r = pipe_parse_by(lex, "with hits limit filter", &uniq->by);
	if (r < 0)
		return r;
	if (!uniq->by.len || uniq->by.len > HITS_FIELDS_MAX)
		return lex_error(lex, "expected 1 to %d fields", HITS_FIELDS_MAX);
	return parse_options(lex, uniq);
}

static int field_values_parse(struct lex *lex, struct pipe **ret)
{
	struct pipe_uniq *uniq = PIPE_NEW(lex, struct pipe_uniq, &pipe_field_values_ops);
	bool parens = lex_accept(lex, "(");
	struct span field;
	int r;

	if (!uniq)
		return pipe_no_memory(lex);
	*ret = &uniq->pipe;
	uniq->field_values = true;
	uniq->hits = SPAN("hits");
	r = lex_parse_field(lex, &field);
	if (r >= 0 && parens)
		r = lex_expect(lex, ")", "behind the field");
	if (r >= 0 && span_list_push(lex->arena, &uniq->by, field) < 0)
		r = pipe_no_memory(lex);
	return r < 0 ? r : parse_options(lex, uniq);
}

static void print_options(const struct pipe_uniq *uniq, struct buf *out)
{
	if (uniq->contains.ptr) {
		buf_puts(out, SPAN(" filter "));
		text_print(out, uniq->contains);
	}
	if (uniq->hits.ptr && !uniq->field_values)
		buf_puts(out, SPAN(" with hits"));
	if (uniq->limit) {
		buf_puts(out, SPAN(" limit "));
		buf_put_u64(out, uniq->limit);
	}
}

static void uniq_print(const struct pipe *pipe, struct buf *out)
{
	const struct pipe_uniq *uniq = (const struct pipe_uniq *)pipe;

	buf_puts(out, SPAN("uniq"));
	pipe_print_by("by", &uniq->by, out);
	print_options(uniq, out);
}

static void field_values_print(const struct pipe *pipe, struct buf *out)
{
	const struct pipe_uniq *uniq = (const struct pipe_uniq *)pipe;

	buf_puts(out, SPAN("field_values "));
	text_print(out, uniq->by.ptr[0]);
	print_options(uniq, out);
}

static void uniq_needs(const struct pipe *pipe, struct field_set *set)
{
	field_set_reset(set, false);
	field_set_add_list(set, &((const struct pipe_uniq *)pipe)->by);
}

static bool uniq_single_field(const struct pipe *pipe, struct span *ret_field)
{
	const struct pipe_uniq *uniq = (const struct pipe_uniq *)pipe;

	if (uniq->by.len != 1 || (uniq->hits.ptr && !uniq->field_values))
		return false;
	*ret_field = uniq->by.ptr[0];
	return true;
}

static int uniq_push(struct stage *stage, unsigned worker, struct rows *rows)
{
	const struct pipe_uniq *uniq = stage_pipe(stage);
	int r = hits_push(stage, worker, rows, &uniq->by);

	if (r < 0 || !uniq->limit || uniq->contains.ptr)
		return r;
	return hits_len(stage, worker) > uniq->limit;
}

static int uniq_finish(struct stage *stage)
{
	const struct pipe_uniq *uniq = stage_pipe(stage);
	struct hits_entry *entries = NULL;
	size_t n = 0, kept = 0;
	int r = hits_merge(stage);

	if (r >= 0)
		r = hits_entries(stage, &entries, &n);
	for (size_t i = 0; i < n; i++)
		if (!uniq->contains.ptr || span_find(entries[i].key, uniq->contains) >= 0)
			entries[kept++] = entries[i];
	if (uniq->limit && kept > uniq->limit) {
		/* Not all rows were counted: no number is better than a wrong one. */
		kept = uniq->limit;
		for (size_t i = 0; i < kept; i++)
			entries[i].n = 0;
	}
	if (r >= 0)
		r = hits_emit(stage, &uniq->by, entries, kept, uniq->hits, (struct span){0});
	free(entries);
	return r;
}

const struct pipe_ops pipe_uniq_ops = {
	.names = "uniq",
	.parse = uniq_parse,
	.print = uniq_print,
	.needs = uniq_needs,
	.single_field = uniq_single_field,
	.open = hits_open,
	.push = uniq_push,
	.finish = uniq_finish,
	.close = hits_close,
};

const struct pipe_ops pipe_field_values_ops = {
	.names = "field_values",
	.parse = field_values_parse,
	.print = field_values_print,
	.needs = uniq_needs,
	.single_field = uniq_single_field,
	.open = hits_open,
	.push = uniq_push,
	.finish = uniq_finish,
	.close = hits_close,
};
