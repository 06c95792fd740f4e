/*
 * pipe_patterns.c - patterns [at field] [by (a, b)] [limit N]: what kinds of messages there are.
 *
 * Messages that differ only in their numbers are one pattern.  For each, most
 * frequent first:
 *
 *	pattern      "user <N> logged in from <IP4>"
 *	count        how many
 *	first, last  when, if the rows have a time
 *	trend        hits over the time of all rows in eight steps, as a bar each
 *	example      one message of it
 *
 * Hits are kept in 64 slots of equal length, which doubles as the time grows,
 * so a pattern costs the same whatever the query's time range is.
 */
#include "aggregator/query/group.h"
#include "aggregator/query/pipes/pattern_texts.h"
#include "aggregator/query/pipes/pipes.h"
#include "aggregator/query/text/number_text.h"
#include "common/base/clock.h"
#include "common/lang/number.h"
#include "common/lang/words.h"
#include <errno.h>
#include <stdlib.h>

#define DEFAULT_LIMIT 10
#define SLOTS         64
#define BARS          8

struct pipe_patterns {
	struct pipe pipe;
	struct span at;
	struct span_list by;
	uint64_t limit;
};

/* The state of one group of {by, pattern}. */
struct pattern {
	struct span example;
	uint64_t count;
	bool timed; /* some row had a time; then: */
	int64_t first, last;
	int64_t slot_ns; /* length of a slot; slots[0] begins at a multiple of it */
	int64_t slot_from;
	int64_t hit_from; /* where the slot begins that was hit last … */
	int hit;          /* … and its number: rows near in time are near in a block */
	uint64_t slots[SLOTS];
};

/* What one worker has. */
struct patterns {
	struct group_table groups;
	bool started;
};

static int patterns_parse(struct lex *lex, struct pipe **ret)
{
	struct pipe_patterns *pipe = PIPE_NEW(lex, struct pipe_patterns, &pipe_patterns_ops);
	int r = 0;

	if (!pipe)
		return -ENOMEM;
	pipe->at = SPAN("_msg");
	pipe->limit = DEFAULT_LIMIT;
	if (lex_accept(lex, "at"))
		r = lex_parse_field(lex, &pipe->at);
	if (r >= 0 && lex_accept(lex, "by"))
		r = lex_parse_fields_in_parens(lex, &pipe->by);
	if (r >= 0 && lex_accept(lex, "limit"))
		r = lex_parse_u64(lex, "limit", &pipe->limit);
	*ret = &pipe->pipe;
	return r;
}

static void patterns_print(const struct pipe *pipe, struct buf *out)
{
	const struct pipe_patterns *p = (const struct pipe_patterns *)pipe;

	buf_puts(out, SPAN("patterns"));
	if (!span_eq(p->at, SPAN("_msg"))) {
		buf_puts(out, SPAN(" at "));
		text_print(out, p->at);
	}
	pipe_print_by("by", &p->by, out);
	buf_printf(out, " limit %llu", (unsigned long long)p->limit);
}

static void patterns_needs(const struct pipe *pipe, struct field_set *set)
{
	const struct pipe_patterns *p = (const struct pipe_patterns *)pipe;

	field_set_reset(set, false);
	field_set_add(set, p->at);
	field_set_add(set, SPAN("_time"));
	field_set_add_list(set, &p->by);
}

static int patterns_open(struct stage *stage)
{
	int r = stage_new_states(stage, sizeof(struct patterns));

	for (unsigned w = 0; r >= 0 && w < stage_workers(stage); w++) {
		struct patterns *patterns = stage_state(stage, w);

		group_table_init(&patterns->groups, sizeof(struct pattern));
		patterns->started = true;
	}
	return r;
}

/* Slots begin in 1860 to 2079: what is beyond goes to the first or last, and nothing overflows. */
static int64_t slot_time(int64_t ns)
{
	const int64_t far = INT64_MAX / 8 * 3;

	return ns < -far ? -far : ns > far ? far : ns;
}

/* a - b, which may be more than an int64_t holds. */
static double distance(int64_t a, int64_t b)
{
	return a < b ? -(double)((uint64_t)b - (uint64_t)a) : (double)((uint64_t)a - (uint64_t)b);
}

/* The multiple of `step` at or below `ns`. */
static int64_t floor_to(int64_t ns, int64_t step)
{
	int64_t rest = ns % step;

	return ns - (rest < 0 ? rest + step : rest);
}

/* Make room for `ns`: double the slots until it falls into them. */
static void pattern_widen(struct pattern *p, int64_t ns)
{
	while (ns < p->slot_from || ns - p->slot_from >= p->slot_ns * SLOTS) {
		int64_t wider = p->slot_ns * 2, from = floor_to(p->slot_from, wider);
		uint64_t slots[SLOTS] = {0};

		if (wider > INT64_MAX / (4 * SLOTS))
			return;
		if (ns < from)
			from = floor_to(ns, wider) > from - wider * (SLOTS / 2)
				       ? floor_to(ns, wider)
				       : from - wider * (SLOTS / 2);
		for (int i = 0; i < SLOTS; i++) {
			int64_t at = (p->slot_from + i * p->slot_ns - from) / wider;

			slots[at < SLOTS ? at : SLOTS - 1] += p->slots[i];
		}
		memcpy(p->slots, slots, sizeof slots);
		p->slot_ns = wider;
		p->slot_from = p->hit_from = from;
		p->hit = 0;
	}
}

static void pattern_find_slot(struct pattern *p, int64_t ns)
{
	ns = slot_time(ns);
	pattern_widen(p, ns);
	int64_t at = (ns - p->slot_from) / p->slot_ns;

	p->hit = at < 0 ? 0 : at < SLOTS ? (int)at : SLOTS - 1;
	p->hit_from = p->slot_from + p->hit * p->slot_ns;
}

/* Count into the slot of `ns`. */
static void pattern_count(struct pattern *p, int64_t ns, uint64_t hits)
{
	/* No division for most rows: it was a quarter of the pipe's time. */
	if (ns < p->hit_from || (uint64_t)ns - (uint64_t)p->hit_from >= (uint64_t)p->slot_ns)
		pattern_find_slot(p, ns);
	p->slots[p->hit] += hits;
}

/* A row of this time. */
static void pattern_see(struct pattern *p, int64_t ns)
{
	if (!p->timed) {
		p->timed = true;
		p->first = p->last = ns;
		p->slot_ns = NS_PER_MS;
		p->slot_from = p->hit_from = floor_to(slot_time(ns), NS_PER_MS);
	}
	p->first = ns < p->first ? ns : p->first;
	p->last = ns > p->last ? ns : p->last;
}

/* The columns that make a group: those of `by`, then the pattern. */
static struct column *group_columns(const struct pipe_patterns *pipe, struct rows *rows)
{
	struct column *columns = ARENA_ARRAY(rows->arena, struct column, pipe->by.len + 1);
	struct column *pattern = columns ? &columns[pipe->by.len] : NULL;

	if (!columns || pattern_column(rows, pipe->at, pattern) < 0)
		return NULL;
	pattern->name = SPAN("pattern");
	for (size_t i = 0; i < pipe->by.len; i++)
		columns[i] = *rows_listed(rows, pipe->by.ptr[i]);
	return columns;
}

static int patterns_push(struct stage *stage, unsigned worker, struct rows *rows)
{
	const struct pipe_patterns *pipe = stage_pipe(stage);
	struct patterns *patterns = stage_state(stage, worker);
	const struct column *time = rows_column(rows, SPAN("_time"));
	const struct span *times =
		time->kind == COLUMN_TIME ? NULL : rows_texts(rows, SPAN("_time"));
	const int64_t *stamps = time->kind == COLUMN_TIME ? time->ints : NULL;
	struct column *columns = rows->failed ? NULL : group_columns(pipe, rows);
	char **states;

	if (!columns)
		return rows->failed ? rows->failed : -ENOMEM;
	int r = group_find(&patterns->groups, stage, columns, pipe->by.len + 1, rows->n,
			   rows->arena, &states);

	for (uint32_t i = 0; r >= 0 && i < rows->n; i++) {
		struct pattern *p = (struct pattern *)states[i];

		if (p->count++ == 0)
			p->example = arena_dup(&patterns->groups.arena.arena,
					       rows_text(rows, pipe->at, i));
		int64_t ns = stamps ? stamps[i] : 0;

		if (!stamps && !lang_time(times[i], &ns))
			continue;
		pattern_see(p, ns);
		pattern_count(p, ns, 1);
	}
	if (r >= 0)
		r = stage_arena_charge(stage, &patterns->groups.arena);
	return r;
}

static int pattern_merge(void *ctx, char *to, char *from)
{
	struct pattern *a = (struct pattern *)to;
	const struct pattern *b = (const struct pattern *)from;

	(void)ctx;
	a->count += b->count;
	if (!b->timed)
		return 0;
	pattern_see(a, b->first);
	pattern_see(a, b->last);
	/* A slot begins before the first row in it: its begin is no row's time. */
	for (int i = 0; i < SLOTS; i++)
		if (b->slots[i])
			pattern_count(a, b->slot_from + i * b->slot_ns, b->slots[i]);
	return 0;
}

/* A group with its key, for sorting. */
struct ranked {
	const struct pattern *pattern;
	struct span key;
};

static int ranked_cmp(const void *a, const void *b)
{
	const struct ranked *x = a, *y = b;

	if (x->pattern->count != y->pattern->count)
		return x->pattern->count < y->pattern->count ? 1 : -1;
	return span_cmp(x->key, y->key);
}

/* Eight bars of the hits between `from` and `to`, the highest of them full. */
static struct span trend(const struct pattern *p, int64_t from, int64_t to, struct arena *arena)
{
	static const char bars[BARS][4] = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
	uint64_t hits[BARS] = {0}, max = 0;
	struct buf text = BUF_INIT(64);

	for (int i = 0; i < SLOTS; i++) {
		double middle =
			distance(p->slot_from, from) + ((double)i + 0.5) * (double)p->slot_ns;
		double at = to > from ? middle / (distance(to, from) + 1) * BARS : 0;

		hits[at < 0 ? 0 : at < BARS ? (int)at : BARS - 1] += p->slots[i];
	}
	for (int i = 0; i < BARS; i++)
		max = hits[i] > max ? hits[i] : max;
	for (int i = 0; i < BARS; i++)
		buf_put(&text, hits[i] ? bars[(hits[i] * (BARS - 1)) / max] : " ", hits[i] ? 3 : 1);
	struct span copy = arena_dup(arena, buf_span(&text));

	buf_release(&text);
	return copy;
}

static struct span time_span(bool timed, int64_t ns, struct arena *arena)
{
	struct buf text = BUF_INIT(64);

	if (timed)
		number_put_time(&text, ns);
	struct span copy = arena_dup(arena, buf_span(&text));

	buf_release(&text);
	return copy;
}

/* Names of the results, behind those of `by`. */
static const struct span result_names[] = {{"pattern", 7}, {"count", 5}, {"first", 5},
					   {"last", 4},    {"trend", 5}, {"example", 7}};
#define RESULTS (sizeof result_names / sizeof *result_names)

/* The texts of row i, `by` first. */
static void put_row(const struct ranked *ranked, size_t nby, int64_t from, int64_t to,
		    struct arena *arena, struct span **columns, size_t i)
{
	const struct pattern *p = ranked->pattern;
	struct span *key = ARENA_ARRAY(arena, struct span, nby + 1);

	if (!key)
		return;
	group_key_texts(ranked->key, nby + 1, key);
	for (size_t k = 0; k <= nby; k++)
		columns[k][i] = key[k];
	columns += nby + 1;
	columns[0][i] = arena_printf(arena, "%llu", (unsigned long long)p->count);
	columns[1][i] = time_span(p->timed, p->first, arena);
	columns[2][i] = time_span(p->timed, p->last, arena);
	columns[3][i] = p->timed ? trend(p, from, to, arena) : SPAN("");
	columns[4][i] = p->example;
}

static int emit(struct stage *stage, const struct ranked *ranked, size_t n, int64_t from,
		int64_t to)
{
	const struct pipe_patterns *pipe = stage_pipe(stage);
	struct arena *arena = stage_rows_arena(stage, 0);
	size_t ncolumns = pipe->by.len + RESULTS;
	struct span **columns = ARENA_ARRAY(arena, struct span *, ncolumns);
	struct rows rows;
	int r = 0;

	for (size_t c = 0; columns && c < ncolumns; c++)
		columns[c] = ARENA_ARRAY(arena, struct span, n + 1);
	for (size_t i = 0; i < n && !arena->overflowed; i++)
		put_row(&ranked[i], pipe->by.len, from, to, arena, columns, i);
	if (arena->overflowed)
		return -ENOMEM;
	rows_init(&rows, arena, (uint32_t)n);
	for (size_t c = 0; c < ncolumns && r >= 0; c++)
		r = rows_set_texts(
			&rows, c < pipe->by.len ? pipe->by.ptr[c] : result_names[c - pipe->by.len],
			columns[c]);
	return r < 0 ? r : stage_push(stage->next, 0, &rows);
}

static int patterns_finish(struct stage *stage)
{
	const struct pipe_patterns *pipe = stage_pipe(stage);
	struct group_table *all = &((struct patterns *)stage_state(stage, 0))->groups;
	int64_t from = INT64_MAX, to = INT64_MIN;
	struct group *at = NULL;
	size_t n = 0;
	char *state;
	int r = 0;

	for (unsigned w = 1; w < stage_workers(stage) && r >= 0; w++)
		r = group_merge(all, &((struct patterns *)stage_state(stage, w))->groups, stage,
				pattern_merge, NULL);
	struct ranked *ranked = ARENA_ARRAY(&all->arena.arena, struct ranked, group_count(all) + 1);

	if (r < 0 || !ranked)
		return r < 0 ? r : -ENOMEM;
	while (group_next(all, &at, &ranked[n].key, &state)) {
		const struct pattern *p = (const struct pattern *)state;

		ranked[n++].pattern = p;
		if (p->timed) {
			from = p->first < from ? p->first : from;
			to = p->last > to ? p->last : to;
		}
	}
	qsort(ranked, n, sizeof *ranked, ranked_cmp);
	if (pipe->limit && n > pipe->limit)
		n = pipe->limit;
	r = emit(stage, ranked, n < ROW_BLOCK_MAX ? n : ROW_BLOCK_MAX, from, to);
	return r < 0 ? r : 0;
}

static void patterns_close(struct stage *stage)
{
	for (unsigned w = 0; stage->state && w < stage_workers(stage); w++) {
		struct patterns *patterns = stage_state(stage, w);

		if (patterns->started)
			group_table_release(&patterns->groups);
	}
}

const struct pipe_ops pipe_patterns_ops = {
	.names = "patterns",
	.lists = true,
	.parse = patterns_parse,
	.print = patterns_print,
	.needs = patterns_needs,
	.open = patterns_open,
	.push = patterns_push,
	.finish = patterns_finish,
	.close = patterns_close,
};
