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
 * Hits are kept in 16 slots of equal length, which doubles as the time grows,
 * so a pattern costs the same whatever the query's time range is.
 */
#include "aggregator/query/pipes/pipes.h"
#include "aggregator/query/text/collapse.h"
#include "aggregator/query/text/number_text.h"
#include "common/base/clock.h"
#include "common/base/map.h"
#include "common/lang/number.h"
#include "common/lang/words.h"
#include <errno.h>
#include <stdlib.h>

#define PATTERN_TEXT_MAX (1u << 20)
#define DEFAULT_LIMIT    10
#define SLOTS            16
#define BARS             8

struct pipe_patterns {
	struct pipe pipe;
	struct span at;
	struct span_list by;
	uint64_t limit;
};

struct pattern {
	struct span key;     /* texts of `by` and the pattern, each with its length in front */
	struct span *values; /* of `by` */
	struct span text, example;
	uint64_t count;
	int64_t first, last; /* first > last: no row had a time */
	int64_t slot_ns;     /* length of a slot; slots[0] begins at a multiple of it */
	int64_t slot_from;
	uint64_t slots[SLOTS];
};

struct patterns {
	struct stage_arena arena;
	struct map map; /* key → struct pattern */
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
	if (p->by.len) {
		buf_puts(out, SPAN(" by ("));
		pipe_print_fields(&p->by, out);
		buf_putc(out, ')');
	}
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
	return stage_new_states(stage, sizeof(struct patterns));
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
		p->slot_from = from;
	}
}

static void pattern_hit(struct pattern *p, int64_t ns, uint64_t hits)
{
	if (p->first > p->last) {
		p->first = p->last = ns;
		p->slot_ns = NS_PER_SEC;
		p->slot_from = floor_to(ns, NS_PER_SEC);
	}
	p->first = ns < p->first ? ns : p->first;
	p->last = ns > p->last ? ns : p->last;
	pattern_widen(p, ns);
	int64_t at = (ns - p->slot_from) / p->slot_ns;

	p->slots[at < 0 ? 0 : at < SLOTS ? at : SLOTS - 1] += hits;
}

/* The pattern of a row whose key is in `key`; NULL = out of memory. */
static struct pattern *pattern_get(struct patterns *patterns, struct span key, bool *ret_added)
{
	struct arena *arena = &patterns->arena.arena;
	union map_value *slot = map_put(&patterns->map, key, ret_added);

	if (!slot || !*ret_added)
		return slot ? slot->ptr : NULL;
	struct pattern *p = ARENA_NEW(arena, struct pattern);
	struct span copy = arena_dup(arena, key);

	if (!p || !copy.ptr) {
		map_remove(&patterns->map, key);
		return NULL;
	}
	slot->ptr = p;
	map_rekey(&patterns->map, key, copy);
	p->key = copy;
	p->first = 1;
	return p;
}

static int pattern_fill(struct arena *arena, struct pattern *p, const struct span *values, size_t n,
			struct span text, struct span example)
{
	p->values = ARENA_ARRAY(arena, struct span, n + 1);
	for (size_t i = 0; p->values && i < n; i++)
		p->values[i] = arena_dup(arena, values[i]);
	p->text = arena_dup(arena, text);
	p->example = arena_dup(arena, example);
	return arena->overflowed ? -ENOMEM : 0;
}

static void key_put(struct buf *key, struct span text)
{
	buf_put(key, &text.len, sizeof text.len);
	buf_puts(key, text);
}

/* One push: the columns it reads, and buffers. */
struct patterns_input {
	const struct span *messages, *times;
	const struct span **by;
	struct span *values;
	struct buf text, key;
};

static int take_row(const struct pipe_patterns *pipe, struct patterns *patterns,
		    struct patterns_input *in, uint32_t row)
{
	bool added;
	int64_t ns;

	buf_reset(&in->text);
	buf_reset(&in->key);
	text_collapse_nums(in->messages[row], &in->text);
	text_prettify_nums(&in->text, 0);
	for (size_t i = 0; i < pipe->by.len; i++) {
		in->values[i] = in->by[i][row];
		key_put(&in->key, in->values[i]);
	}
	key_put(&in->key, buf_span(&in->text));
	if (in->text.failed || in->key.failed)
		return in->text.failed ? in->text.failed : in->key.failed;
	struct pattern *p = pattern_get(patterns, buf_span(&in->key), &added);
	int r = p ? 0 : -ENOMEM;

	if (r >= 0 && added)
		r = pattern_fill(&patterns->arena.arena, p, in->values, pipe->by.len,
				 buf_span(&in->text), in->messages[row]);
	if (r < 0)
		return r;
	p->count++;
	if (lang_time(in->times[row], &ns))
		pattern_hit(p, ns, 1);
	return 0;
}

static int patterns_push(struct stage *stage, unsigned worker, struct rows *rows)
{
	const struct pipe_patterns *pipe = stage_pipe(stage);
	struct patterns *patterns = stage_state(stage, worker);
	struct patterns_input in = {
		.messages = rows_texts(rows, pipe->at),
		.times = rows_texts(rows, SPAN("_time")),
		.by = ARENA_ARRAY(rows->arena, const struct span *, pipe->by.len + 1),
		.values = ARENA_ARRAY(rows->arena, struct span, pipe->by.len + 1),
		.text = BUF_INIT(PATTERN_TEXT_MAX * 4),
		.key = BUF_INIT(PATTERN_TEXT_MAX * 8),
	};
	int r = in.by && in.values ? 0 : -ENOMEM;

	if (!patterns->started) {
		stage_arena_init(&patterns->arena);
		patterns->started = true;
	}
	for (size_t i = 0; r >= 0 && i < pipe->by.len; i++)
		in.by[i] = rows_texts(rows, pipe->by.ptr[i]);
	for (uint32_t i = 0; r >= 0 && i < rows->n; i++)
		if (in.messages[i].len)
			r = take_row(pipe, patterns, &in, i);
	buf_release(&in.text);
	buf_release(&in.key);
	return r < 0 ? r : stage_arena_charge(stage, &patterns->arena);
}

/* Add the patterns of another worker to those of the first. */
static int patterns_merge(const struct pipe_patterns *pipe, struct patterns *to,
			  const struct patterns *from)
{
	union map_value *value;
	struct span key;
	size_t at = 0;
	bool added;

	while (map_next(&from->map, &at, &key, &value)) {
		const struct pattern *p = value->ptr;
		struct pattern *q = pattern_get(to, key, &added);

		if (!q || (added && pattern_fill(&to->arena.arena, q, p->values, pipe->by.len,
						 p->text, p->example) < 0))
			return -ENOMEM;
		q->count += p->count;
		for (int i = 0; i < SLOTS && p->first <= p->last; i++)
			if (p->slots[i])
				pattern_hit(q, p->slot_from + i * p->slot_ns, p->slots[i]);
		if (p->first <= p->last) {
			q->first = p->first < q->first ? p->first : q->first;
			q->last = p->last > q->last ? p->last : q->last;
		}
	}
	return 0;
}

static int pattern_cmp(const void *a, const void *b)
{
	const struct pattern *x = *(struct pattern *const *)a, *y = *(struct pattern *const *)b;

	if (x->count != y->count)
		return x->count < y->count ? 1 : -1;
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
			(double)(p->slot_from - from) + ((double)i + 0.5) * (double)p->slot_ns;
		double at = to > from ? middle / (double)(to - from + 1) * BARS : 0;

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

static struct span time_span(const struct pattern *p, int64_t ns, struct arena *arena)
{
	struct buf text = BUF_INIT(64);

	if (p->first <= p->last)
		number_put_time(&text, ns);
	struct span copy = arena_dup(arena, buf_span(&text));

	buf_release(&text);
	return copy;
}

static int emit(struct stage *stage, struct pattern **sorted, size_t n, int64_t from, int64_t to)
{
	const struct pipe_patterns *pipe = stage_pipe(stage);
	struct arena *arena = stage_rows_arena(stage, 0);
	static const struct span names[] = {{"pattern", 7}, {"count", 5}, {"first", 5},
					    {"last", 4},    {"trend", 5}, {"example", 7}};
	struct span *columns[6];
	struct rows rows;
	int r = 0;

	rows_init(&rows, arena, (uint32_t)n);
	for (size_t f = 0; f < pipe->by.len && r >= 0; f++) {
		struct span *texts = ARENA_ARRAY(arena, struct span, n + 1);

		for (size_t i = 0; texts && i < n; i++)
			texts[i] = sorted[i]->values[f];
		r = texts ? rows_set_texts(&rows, pipe->by.ptr[f], texts) : -ENOMEM;
	}
	for (size_t c = 0; c < 6; c++)
		columns[c] = ARENA_ARRAY(arena, struct span, n + 1);
	for (size_t i = 0; i < n && !arena->overflowed; i++) {
		const struct pattern *p = sorted[i];

		columns[0][i] = p->text;
		columns[1][i] = arena_printf(arena, "%llu", (unsigned long long)p->count);
		columns[2][i] = time_span(p, p->first, arena);
		columns[3][i] = time_span(p, p->last, arena);
		columns[4][i] = p->first <= p->last ? trend(p, from, to, arena) : SPAN("");
		columns[5][i] = p->example;
	}
	for (size_t c = 0; c < 6 && r >= 0; c++)
		r = arena->overflowed ? -ENOMEM : rows_set_texts(&rows, names[c], columns[c]);
	return r < 0 ? r : stage_push(stage->next, 0, &rows);
}

static int patterns_finish(struct stage *stage)
{
	const struct pipe_patterns *pipe = stage_pipe(stage);
	struct patterns *all = stage_state(stage, 0);
	int64_t from = INT64_MAX, to = INT64_MIN;
	union map_value *value;
	struct span key;
	size_t at = 0, n = 0;
	int r = 0;

	if (!all->started)
		stage_arena_init(&all->arena);
	all->started = true;
	for (unsigned w = 1; w < stage_workers(stage) && r >= 0; w++)
		r = patterns_merge(pipe, all, stage_state(stage, w));
	struct pattern **sorted =
		r < 0 ? NULL : ARENA_ARRAY(&all->arena.arena, struct pattern *, all->map.len + 1);

	if (!sorted)
		return r < 0 ? r : -ENOMEM;
	while (map_next(&all->map, &at, &key, &value)) {
		sorted[n] = value->ptr;
		if (sorted[n]->first <= sorted[n]->last) {
			from = sorted[n]->first < from ? sorted[n]->first : from;
			to = sorted[n]->last > to ? sorted[n]->last : to;
		}
		n++;
	}
	qsort(sorted, n, sizeof(struct pattern *), pattern_cmp);
	if (pipe->limit && n > pipe->limit)
		n = pipe->limit;
	n = n < ROW_BLOCK_MAX ? n : ROW_BLOCK_MAX;
	r = emit(stage, sorted, n, from, to);
	return r < 0 ? r : 0;
}

static void patterns_close(struct stage *stage)
{
	for (unsigned w = 0; stage->state && w < stage_workers(stage); w++) {
		struct patterns *patterns = stage_state(stage, w);

		map_release(&patterns->map);
		if (patterns->started)
			stage_arena_release(&patterns->arena);
	}
}

const struct pipe_ops pipe_patterns_ops = {
	.names = "patterns",
	.parse = patterns_parse,
	.print = patterns_print,
	.needs = patterns_needs,
	.open = patterns_open,
	.push = patterns_push,
	.finish = patterns_finish,
	.close = patterns_close,
};
