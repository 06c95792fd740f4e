/* top N by (a, b): the sets of values that most rows have. */
#include "aggregator/query/pipes/hits.h"
#include "aggregator/query/pipes/pipes.h"
#include "common/lang/words.h"
#include <errno.h>
#include <stdlib.h>

#define TOP_DEFAULT 10

struct pipe_top {
	struct pipe pipe;
	struct span_list by;
	uint64_t n;
	struct span hits, rank; /* rank.ptr NULL = not wanted */
};

/* [hits as n] [[with] rank [as r]] */
static int parse_names(struct lex *lex, struct pipe_top *top)
{
	int r = 0;

	while (r >= 0) {
		if (lex_accept(lex, "with") && !lex_is(lex, "rank")) {
			return lex_error(lex, "expected `rank` after `with`");
		} else if (lex_accept(lex, "hits")) {
			r = pipe_parse_as(lex, &top->hits);
		} else if (lex_accept(lex, "rank")) {
			r = pipe_parse_rank(lex, &top->rank);
		} else {
			break;
		}
	}
	if (r >= 0)
		r = pipe_free_name(lex, &top->by, &top->hits);
	if (r >= 0 && top->rank.ptr)
		r = pipe_free_name(lex, &top->by, &top->rank);
	return r;
}

static int top_parse(struct lex *lex, struct pipe **ret)
{
	struct pipe_top *top = PIPE_NEW(lex, struct pipe_top, &pipe_top_ops);
	int r = 0;

	if (!top)
		return pipe_no_memory(lex);
	*ret = &top->pipe;
	top->n = TOP_DEFAULT;
	top->hits = SPAN("hits");
	if (lex->kind == LEX_WORD && lex->raw.ptr[0] >= '0' && lex->raw.ptr[0] <= '9')
		r = pipe_parse_above_zero(lex, "a number of values", &top->n);
	if (r >= 0)
		r = pipe_parse_by(lex, "hits rank with", &top->by);
	if (r < 0)
		return r;
	if (!top->by.len || top->by.len > HITS_FIELDS_MAX)
		return lex_error(lex, "expected 1 to %d fields", HITS_FIELDS_MAX);
	return parse_names(lex, top);
}

static void top_print(const struct pipe *pipe, struct buf *out)
{
	const struct pipe_top *top = (const struct pipe_top *)pipe;

	buf_puts(out, SPAN("top "));
	buf_put_u64(out, top->n);
	pipe_print_by("by", &top->by, out);
	if (!span_eq(top->hits, SPAN("hits"))) {
		buf_puts(out, SPAN(" hits as "));
		text_print(out, top->hits);
	}
	if (top->rank.ptr) {
		buf_puts(out, SPAN(" rank as "));
		text_print(out, top->rank);
	}
}

static void top_needs(const struct pipe *pipe, struct field_set *set)
{
	field_set_reset(set, false);
	field_set_add_list(set, &((const struct pipe_top *)pipe)->by);
}

static int top_push(struct stage *stage, unsigned worker, struct rows *rows)
{
	return hits_push(stage, worker, rows, &((const struct pipe_top *)stage_pipe(stage))->by);
}

/* More hits first, then by value. */
static int compare_hits(const void *left, const void *right)
{
	const struct hits_entry *a = left, *b = right;

	return a->n != b->n ? (a->n < b->n) - (a->n > b->n) : span_cmp(a->key, b->key);
}

static void sift_down(struct hits_entry *heap, size_t n, size_t at)
{
	for (size_t kid; (kid = 2 * at + 1) < n; at = kid) {
		struct hits_entry saved;

		if (kid + 1 < n && compare_hits(&heap[kid + 1], &heap[kid]) > 0)
			kid++;
		if (compare_hits(&heap[kid], &heap[at]) <= 0)
			return;
		saved = heap[at];
		heap[at] = heap[kid];
		heap[kid] = saved;
	}
}

/* The best `wanted` to the front, sorted: a heap of the best with the worst on top. */
static size_t select_top(struct hits_entry *entries, size_t n, uint64_t wanted)
{
	size_t top = wanted < n ? (size_t)wanted : n;

	for (size_t i = top / 2; i-- > 0;)
		sift_down(entries, top, i);
	for (size_t i = top; i < n; i++)
		if (compare_hits(&entries[i], &entries[0]) < 0) {
			entries[0] = entries[i];
			sift_down(entries, top, 0);
		}
	qsort(entries, top, sizeof(*entries), compare_hits);
	return top;
}

static int top_finish(struct stage *stage)
{
	const struct pipe_top *top = stage_pipe(stage);
	struct hits_entry *entries = NULL;
	size_t n = 0;
	int r = hits_merge(stage);

	if (r >= 0)
		r = hits_entries(stage, &entries, &n);
	if (r >= 0)
		r = hits_emit(stage, &top->by, entries, select_top(entries, n, top->n), top->hits,
			      top->rank);
	free(entries);
	return r;
}

const struct pipe_ops pipe_top_ops = {
	.names = "top",
	.lists = true,
	.parse = top_parse,
	.print = top_print,
	.needs = top_needs,
	.open = hits_open,
	.push = top_push,
	.finish = top_finish,
	.close = hits_close,
};
