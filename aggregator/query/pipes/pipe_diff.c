/*
 * pipe_diff.c - diff offset 1d [by (pattern, service)] [limit N]: what is new, gone, more or less.
 *
 *	            ◀──────── offset ────────▶
 *	  ├──── before ────┤          ├──── now ────┤
 *
 * The rows that reach the pipe are compared with those that would have reached
 * it `offset` earlier: the same filters and pipes, every `_time:` in them moved
 * back.  Rows are counted by group, one row comes out for each, the greatest
 * change first:
 *
 *	pattern, service  the fields of `by`
 *	before, now       how many rows
 *	change            now - before
 *	state             new     there were none before
 *	                  gone    there are none now
 *	                  grown   now ≥ 1.5 × before
 *	                  shrunk  before ≥ 1.5 × now
 *	                  same    else
 *
 * Where a row has no field `pattern`, that is the pattern of its message; it is
 * also what groups are without `by`.  `limit 0` is no limit.
 *
 * The run needs a start.  An open end is now, for the earlier time.
 *
 * The earlier query is parsed from the text of this one, so that it is a tree
 * of its own with sub-queries of its own, and then all its times are moved.
 */
#include "aggregator/query/group.h"
#include "aggregator/query/pipes/pattern_texts.h"
#include "aggregator/query/pipes/pipes.h"
#include "aggregator/query/run.h"
#include "common/base/cleanup.h"
#include "common/lang/words.h"
#include <errno.h>
#include <stdlib.h>

#define DEFAULT_LIMIT 20

static const struct span pattern_name = SPAN("pattern");
static const struct span message_name = SPAN("_msg");

struct pipe_diff {
	struct pipe pipe;
	int64_t offset;
	struct span offset_text;
	struct span_list by;
	uint64_t limit;
};

/* The state of one group. */
struct counts {
	uint64_t before, now;
};

/* What one worker has. */
struct diff_state {
	struct group_table groups;
	bool started;
};

static int parse_offset(struct lex *lex, struct pipe_diff *diff)
{
	size_t pos;
	int r = lex_expect(lex, "offset", "and how much earlier, behind `diff`");

	if (r < 0)
		return r;
	pos = lex->pos;
	r = lex_parse_duration(lex, "an offset", &diff->offset, &diff->offset_text);
	if (r >= 0 && diff->offset <= 0)
		return lex_error_at(lex, pos, "the offset must be more than 0");
	return r;
}

static int diff_parse(struct lex *lex, struct pipe **ret)
{
	struct pipe_diff *diff = PIPE_NEW(lex, struct pipe_diff, &pipe_diff_ops);
	int r;

	if (!diff)
		return pipe_no_memory(lex);
	*ret = &diff->pipe;
	diff->limit = DEFAULT_LIMIT;
	r = parse_offset(lex, diff);
	if (r >= 0 && lex_accept(lex, "by"))
		r = lex_parse_fields_in_parens(lex, &diff->by);
	if (r >= 0 && !diff->by.len)
		r = span_list_push(lex->arena, &diff->by, pattern_name);
	if (r >= 0 && lex_accept(lex, "limit"))
		r = lex_parse_u64(lex, "limit", &diff->limit);
	return r;
}

static void diff_print(const struct pipe *pipe, struct buf *out)
{
	const struct pipe_diff *diff = (const struct pipe_diff *)pipe;

	buf_puts(out, SPAN("diff offset "));
	text_print_bare(out, diff->offset_text);
	pipe_print_by("by", &diff->by, out);
	buf_printf(out, " limit %llu", (unsigned long long)diff->limit);
}

static void diff_needs(const struct pipe *pipe, struct field_set *set)
{
	const struct pipe_diff *diff = (const struct pipe_diff *)pipe;

	field_set_reset(set, false);
	field_set_add_list(set, &diff->by);
	if (span_list_has(&diff->by, pattern_name))
		field_set_add(set, message_name);
}

static int diff_open(struct stage *stage)
{
	int r;

	if (stage->run->min_time == INT64_MIN)
		return stage_fail(stage, -EINVAL,
				  "pipe `diff` compares with an earlier time and so needs a time "
				  "range: say since when, or add _time:… to the query");
	r = stage_new_states(stage, sizeof(struct diff_state));
	for (unsigned w = 0; r >= 0 && w < stage_workers(stage); w++) {
		struct diff_state *state = stage_state(stage, w);

		group_table_init(&state->groups, sizeof(struct counts));
		state->started = true;
	}
	return r;
}

/* Rows without a value in the field `pattern` have the pattern of their message. */
static int fill_patterns(struct rows *rows, struct column *column)
{
	const struct span *given = rows_texts(rows, pattern_name);
	struct span *texts = given ? pattern_texts(rows, message_name) : NULL;

	if (!texts)
		return rows->failed ? rows->failed : -ENOMEM;
	for (uint32_t i = 0; i < rows->n; i++)
		if (given[i].len)
			texts[i] = given[i];
	*column = (struct column){
		.kind = COLUMN_TEXT, .nrows = rows->n, .name = pattern_name, .texts = texts};
	return 0;
}

static int group_columns(const struct pipe_diff *diff, struct rows *rows, struct column **ret)
{
	struct column *columns = ARENA_ARRAY(rows->arena, struct column, diff->by.len);
	int r = 0;

	if (!columns)
		return -ENOMEM;
	for (size_t i = 0; r >= 0 && i < diff->by.len; i++) {
		if (span_eq(diff->by.ptr[i], pattern_name))
			r = fill_patterns(rows, &columns[i]);
		else
			columns[i] = *rows_listed(rows, diff->by.ptr[i]);
	}
	*ret = columns;
	return r < 0 ? r : rows->failed;
}

static int count_rows(struct stage *stage, struct group_table *groups, struct rows *rows, bool now)
{
	const struct pipe_diff *diff = stage_pipe(stage);
	struct column *columns;
	char **states;
	int r = group_columns(diff, rows, &columns);

	if (r >= 0)
		r = group_find(groups, stage, columns, diff->by.len, rows->n, rows->arena, &states);
	for (uint32_t i = 0; r >= 0 && i < rows->n; i++) {
		struct counts *counts = (struct counts *)(void *)states[i];

		counts->now += now;
		counts->before += !now;
	}
	return r;
}

static int diff_push(struct stage *stage, unsigned worker, struct rows *rows)
{
	struct diff_state *state = stage_state(stage, worker);

	return count_rows(stage, &state->groups, rows, true);
}

static int count_earlier(void *ctx, struct rows *rows)
{
	struct stage *stage = ctx;

	return count_rows(stage, &((struct diff_state *)stage_state(stage, 0))->groups, rows,
			  false);
}

/* The query as it is up to this pipe, and of its rows no more fields than this pipe reads. */
static void print_earlier(const struct stage *stage, struct buf *out)
{
	const struct pipe_diff *diff = stage_pipe(stage);
	struct query query = *stage->run->query;

	/* Options that it has from the query around it are to be printed too. */
	query.options.given = true;
	query.parent = NULL;
	query.npipes = (size_t)(stage - stage->run->stages);
	query_print(&query, out);
	buf_puts(out, SPAN(" | fields "));
	text_print_list(out, diff->by.ptr, diff->by.len);
	if (span_list_has(&diff->by, pattern_name))
		buf_puts(out, SPAN(", _msg"));
}

static int shift_filter(void *ctx, struct filter *filter)
{
	filter_shift_time(filter, *(const int64_t *)ctx);
	return 0;
}

static void shift_query(struct query *query, int64_t offset)
{
	shift_filter(&offset, query->filter);
	for (size_t i = 0; i < query->npipes; i++) {
		const struct pipe *pipe = query->pipes[i];

		if (pipe->ops->filters)
			pipe->ops->filters(pipe, shift_filter, &offset);
	}
}

/* Also what is open in the query ends: at this run's bounds, moved. */
static void bound_query(struct query *query, const struct query_run *run, int64_t offset,
			struct filter *bounds, struct filter **kids, struct filter *both)
{
	int64_t end = run->max_time == INT64_MAX ? run->query->root->now_ns : run->max_time;

	*bounds = (struct filter){.kind = FILTER_TIME, .field = SPAN("_time")};
	bounds->tmin = time_earlier(run->min_time, offset);
	bounds->tmax = time_earlier(end, offset);
	kids[0] = bounds;
	kids[1] = query->filter;
	*both = (struct filter){.kind = FILTER_AND, .kids = kids, .nkids = 2};
	query->filter = both;
}

DEFINE_CLEANUP(struct query *, query_free);

static int run_earlier(struct stage *stage)
{
	const struct pipe_diff *diff = stage_pipe(stage);
	const struct query *own = stage->run->query;
	_cleanup_(buf_release) struct buf text = BUF_INIT(QUERY_TEXT_MAX);
	_cleanup_(query_freep) struct query *query = NULL;
	struct filter bounds, both, *kids[2];
	struct err err = {.text = ""};
	int r;

	print_earlier(stage, &text);
	if (text.failed)
		return stage_fail(stage, text.failed, "the query is too long to be compared");
	r = query_parse(buf_span(&text), own->root->now_ns, &query_lang_ops, &query, &err);
	if (r < 0)
		return stage_fail(stage, r, "the earlier query of pipe `diff`: %s", err.text);
	shift_query(query, diff->offset);
	for (size_t i = 0; i < query->children.len; i++)
		shift_query(query->children.ptr[i], diff->offset);
	bound_query(query, stage->run, diff->offset, &bounds, kids, &both);
	return stage_run_earlier(stage, query, diff->offset, count_earlier, stage);
}

/* A group with its key, for sorting. */
struct ranked {
	struct counts counts;
	struct span key;
};

static int64_t change_of(const struct ranked *ranked)
{
	return (int64_t)(ranked->counts.now - ranked->counts.before);
}

static int ranked_cmp(const void *a, const void *b, void *ctx)
{
	const struct ranked *x = a, *y = b;
	(void)ctx;
	int64_t cx = llabs(change_of(x)), cy = llabs(change_of(y));

	if (cx != cy)
		return cx < cy ? 1 : -1;
	return span_cmp(x->key, y->key);
}

static struct span state_of(struct counts counts)
{
	if (!counts.before)
		return SPAN("new");
	if (!counts.now)
		return SPAN("gone");
	if (2 * counts.now >= 3 * counts.before)
		return SPAN("grown");
	return 2 * counts.before >= 3 * counts.now ? SPAN("shrunk") : SPAN("same");
}

static int set_results(struct rows *rows, const struct ranked *ranked)
{
	struct span *states = ARENA_ARRAY(rows->arena, struct span, rows->n);
	int64_t *ints[3];
	int r;

	for (size_t i = 0; i < 3; i++)
		ints[i] = ARENA_ARRAY(rows->arena, int64_t, rows->n);
	if (rows->arena->overflowed)
		return -ENOMEM;
	for (uint32_t i = 0; i < rows->n; i++) {
		ints[0][i] = (int64_t)ranked[i].counts.before;
		ints[1][i] = (int64_t)ranked[i].counts.now;
		ints[2][i] = change_of(&ranked[i]);
		states[i] = state_of(ranked[i].counts);
	}
	r = rows_set_ints(rows, SPAN("before"), ints[0]);
	if (r >= 0)
		r = rows_set_ints(rows, SPAN("now"), ints[1]);
	if (r >= 0)
		r = rows_set_ints(rows, SPAN("change"), ints[2]);
	return r < 0 ? r : rows_set_texts(rows, SPAN("state"), states);
}

static int emit(struct stage *stage, const struct ranked *ranked, uint32_t n)
{
	const struct pipe_diff *diff = stage_pipe(stage);
	struct arena *arena = stage_rows_arena(stage, 0);
	size_t nby = diff->by.len;
	struct span *texts = ARENA_ARRAY(arena, struct span, nby * n);
	struct span *key = ARENA_ARRAY(arena, struct span, nby);
	struct rows rows;
	int r = 0;

	if (!texts || !key)
		return -ENOMEM;
	for (uint32_t i = 0; i < n; i++) {
		group_key_texts(ranked[i].key, nby, key);
		for (size_t k = 0; k < nby; k++)
			texts[k * n + i] = key[k];
	}
	rows_init(&rows, arena, n);
	for (size_t k = 0; k < nby && r >= 0; k++)
		r = rows_set_texts(&rows, diff->by.ptr[k], texts + k * n);
	if (r >= 0)
		r = set_results(&rows, ranked);
	if (r >= 0)
		r = stage_push(stage->next, 0, &rows);
	arena_reset(arena);
	return r;
}

static int emit_all(struct stage *stage, struct group_table *all)
{
	const struct pipe_diff *diff = stage_pipe(stage);
	struct ranked *ranked = ARENA_ARRAY(&all->arena.arena, struct ranked, group_count(all) + 1);
	struct group *at = NULL;
	size_t n = 0;
	char *state;
	int r = stage_arena_charge(stage, &all->arena);

	if (r < 0 || !ranked)
		return r < 0 ? r : -ENOMEM;
	for (; group_next(all, &at, &ranked[n].key, &state); n++)
		ranked[n].counts = *(const struct counts *)(void *)state;
	r = stage_sort(stage, ranked, n, sizeof(*ranked), ranked_cmp, NULL);
	if (diff->limit && n > diff->limit)
		n = (size_t)diff->limit;
	for (size_t i = 0; i < n && r == 0; i += ROW_BLOCK_MAX)
		r = emit(stage, ranked + i,
			 (uint32_t)(n - i < ROW_BLOCK_MAX ? n - i : ROW_BLOCK_MAX));
	return r < 0 ? r : 0;
}

static int add_counts(void *ctx, char *to, char *from)
{
	struct counts *a = (struct counts *)(void *)to;
	const struct counts *b = (const struct counts *)(void *)from;

	(void)ctx;
	a->before += b->before;
	a->now += b->now;
	return 0;
}

static int diff_finish(struct stage *stage)
{
	struct group_table *all = &((struct diff_state *)stage_state(stage, 0))->groups;
	int r = 0;

	if (atomic_load(&stage->next->full))
		return 0;
	for (unsigned w = 1; w < stage_workers(stage) && r >= 0; w++)
		r = group_merge(all, &((struct diff_state *)stage_state(stage, w))->groups, stage,
				add_counts, NULL);
	if (r >= 0)
		r = run_earlier(stage);
	return r < 0 ? r : emit_all(stage, all);
}

static void diff_close(struct stage *stage)
{
	for (unsigned w = 0; stage->state && w < stage_workers(stage); w++) {
		struct diff_state *state = stage_state(stage, w);

		if (state->started)
			group_table_release(&state->groups);
	}
}

const struct pipe_ops pipe_diff_ops = {
	.names = "diff",
	.lists = true,
	.rescans = true,
	.parse = diff_parse,
	.print = diff_print,
	.needs = diff_needs,
	.open = diff_open,
	.push = diff_push,
	.finish = diff_finish,
	.close = diff_close,
};
