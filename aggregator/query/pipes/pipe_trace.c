/*
 * pipe_trace.c - trace [by (field)] [limit N]: requests as they walked through the services.
 *
 * Rows of one trace_id become one row a hop (a span; without span ids, a
 * service), each below the hop that called it:
 *
 *	trace_id hop depth service  offset latency duration rows errors note         _msg
 *	5d9dc9f8 1   0     edge     0s     0s      0s       1    0                   GET /order
 *	5d9dc9f8 2   1     checkout 2ms    2ms     31ms     3    1      first error  order failed
 *	5d9dc9f8 3   2              7ms    5ms     0s       0    0      silent
 *	5d9dc9f8 4   3     payment  9ms    2ms     1ms      2    0                   charging card
 *
 * Traces come in the order of their first rows; the limit keeps the latest.
 *
 * offset is since the trace's first row, latency since the caller's first row,
 * duration from a hop's first row to its last.  A hop is silent when others
 * name it as their parent but nothing of it was found.
 */
#include "aggregator/query/pipes/pipes.h"
#include "common/base/vec.h"
#include "common/lang/number.h"
#include "common/lang/words.h"
#include <errno.h>
#include <stdlib.h>

#define DEFAULT_LIMIT 20
#define HOPS_MAX      4096 /* of one trace; hops are looked for one by one */
#define NO_HOP        SIZE_MAX

struct pipe_trace {
	struct pipe pipe;
	struct span by;
	uint64_t limit; /* traces */
};

/* One row, as much of it as matters. */
struct step {
	struct span trace, service, span, parent, message;
	int64_t time;
	bool error;
};

/* What one worker has. */
struct trace_state {
	struct stage_arena arena;
	VEC(struct step) steps;
	bool started;
};

struct hop {
	struct span service, span, parent, message;
	int64_t start, end;
	uint64_t rows, errors;
	size_t caller; /* hop, or NO_HOP */
	unsigned depth;
	bool silent, first_error, placed;
};

/* One trace that is being laid out. */
struct trace {
	VEC(struct hop) hops;
	VEC(size_t) order; /* hops, callers before those they called */
};

static int trace_parse(struct lex *lex, struct pipe **ret)
{
	struct pipe_trace *pipe = PIPE_NEW(lex, struct pipe_trace, &pipe_trace_ops);
	int r = 0;

	if (!pipe)
		return -ENOMEM;
	pipe->by = SPAN("trace_id");
	pipe->limit = DEFAULT_LIMIT;
	if (lex_accept(lex, "by")) {
		r = lex_expect(lex, "(", "before the field that names the trace");
		if (r >= 0)
			r = lex_parse_field(lex, &pipe->by);
		if (r >= 0)
			r = lex_expect(lex, ")", "behind the field");
	}
	if (r >= 0 && lex_accept(lex, "limit"))
		r = lex_parse_u64(lex, "limit", &pipe->limit);
	*ret = &pipe->pipe;
	return r;
}

static void trace_print(const struct pipe *pipe, struct buf *out)
{
	const struct pipe_trace *t = (const struct pipe_trace *)pipe;

	buf_puts(out, SPAN("trace"));
	if (!span_eq(t->by, SPAN("trace_id"))) {
		buf_puts(out, SPAN(" by ("));
		text_print(out, t->by);
		buf_putc(out, ')');
	}
	buf_printf(out, " limit %llu", (unsigned long long)t->limit);
}

static void trace_needs(const struct pipe *pipe, struct field_set *set)
{
	static const struct span names[] = {{"_time", 5}, {"_msg", 4},    {"service", 7},
					    {"level", 5}, {"span_id", 7}, {"parent_span_id", 14}};

	field_set_reset(set, false);
	field_set_add(set, ((const struct pipe_trace *)pipe)->by);
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		field_set_add(set, names[i]);
}

static int trace_open(struct stage *stage)
{
	int r = stage_new_states(stage, sizeof(struct trace_state));

	for (unsigned w = 0; r >= 0 && w < stage_workers(stage); w++) {
		struct trace_state *state = stage_state(stage, w);

		stage_arena_init(&state->arena);
		state->started = true;
		r = stage_arena_charge(stage, &state->arena);
	}
	return r;
}

static bool is_error(struct span level)
{
	return span_ieq(level, SPAN("error")) || span_ieq(level, SPAN("fatal"));
}

/* "" and "0000000000000000" are none. */
static struct span keep_span_id(struct arena *arena, struct span id)
{
	for (size_t i = 0; i < id.len; i++)
		if (id.ptr[i] != '0')
			return arena_dup(arena, id);
	return SPAN("");
}

static int trace_push(struct stage *stage, unsigned worker, struct rows *rows)
{
	const struct pipe_trace *pipe = stage_pipe(stage);
	struct trace_state *state = stage_state(stage, worker);
	struct arena *arena = &state->arena.arena;
	const struct span *traces = rows_texts(rows, pipe->by);
	const struct span *times = rows_texts(rows, SPAN("_time"));
	const struct span *services = rows_texts(rows, SPAN("service"));
	const struct span *spans = rows_texts(rows, SPAN("span_id"));
	const struct span *parents = rows_texts(rows, SPAN("parent_span_id"));
	const struct span *levels = rows_texts(rows, SPAN("level"));
	const struct span *messages = rows_texts(rows, SPAN("_msg"));
	int r = rows->failed ? rows->failed : stage_charge(stage, rows->n * sizeof(struct step));

	for (uint32_t i = 0; r >= 0 && i < rows->n; i++) {
		struct step step = {.error = is_error(levels[i])};

		if (traces[i].len == 0 || !lang_time(times[i], &step.time))
			continue;
		step.trace = arena_dup(arena, traces[i]);
		step.service = arena_dup(arena, services[i]);
		step.span = keep_span_id(arena, spans[i]);
		step.parent = keep_span_id(arena, parents[i]);
		step.message = arena_dup(arena, messages[i]);
		if (arena->overflowed || vec_push(&state->steps, step) < 0)
			return -ENOMEM;
	}
	return r;
}

static int step_cmp(const void *a, const void *b, void *ctx)
{
	const struct step *x = a, *y = b;
	int order = span_cmp(x->trace, y->trace);

	(void)ctx;
	if (order == 0)
		order = (x->time > y->time) - (x->time < y->time);
	/* What is equal so far came in any order. */
	if (order == 0)
		order = span_cmp(x->span, y->span);
	return order ? order : span_cmp(x->message, y->message);
}

/* The steps of one trace. */
struct run {
	const struct step *steps;
	size_t n;
};

static int run_cmp(const void *a, const void *b, void *ctx)
{
	const struct run *x = a, *y = b;
	int64_t i = x->steps->time, j = y->steps->time;

	(void)ctx;
	return i != j ? (i > j) - (i < j) : span_cmp(x->steps->trace, y->steps->trace);
}

/* The hop that a row belongs to: of its span, else of its service. */
static size_t find_hop(const struct trace *trace, struct span span, struct span service)
{
	for (size_t i = 0; i < trace->hops.len; i++) {
		const struct hop *hop = &trace->hops.ptr[i];

		if (span.len ? span_eq(hop->span, span)
			     : hop->span.len == 0 && span_eq(hop->service, service))
			return i;
	}
	return NO_HOP;
}

static int add_step(struct trace *trace, const struct step *step, bool *seen_error)
{
	size_t at = find_hop(trace, step->span, step->service);

	if (at == NO_HOP && trace->hops.len == HOPS_MAX)
		return -E2BIG;
	if (at == NO_HOP) {
		struct hop hop = {.service = step->service,
				  .span = step->span,
				  .parent = step->parent,
				  .message = step->message,
				  .start = step->time,
				  .caller = NO_HOP};

		if (vec_push(&trace->hops, hop) < 0)
			return -ENOMEM;
		at = trace->hops.len - 1;
	}
	struct hop *hop = &trace->hops.ptr[at];

	hop->rows++;
	hop->end = step->time;
	if (hop->parent.len == 0)
		hop->parent = step->parent;
	/* The first error says more than the first message. */
	if (step->error && hop->errors++ == 0)
		hop->message = step->message;
	if (step->error && !*seen_error)
		hop->first_error = *seen_error = true;
	return 0;
}

/* Who called whom; parents that nobody heard of become silent hops. */
static int link_hops(struct trace *trace)
{
	for (size_t i = 0; i < trace->hops.len; i++) {
		struct hop *hop = &trace->hops.ptr[i];

		if (hop->parent.len == 0 || span_eq(hop->parent, hop->span))
			continue;
		hop->caller = find_hop(trace, hop->parent, SPAN(""));
		if (hop->caller != NO_HOP)
			continue;
		struct hop silent = {.span = hop->parent,
				     .start = hop->start,
				     .end = hop->start,
				     .caller = NO_HOP,
				     .silent = true};

		hop->caller = trace->hops.len;
		if (vec_push(&trace->hops, silent) < 0)
			return -ENOMEM;
	}
	return 0;
}

/* The earliest hop below `caller` that has no place yet. */
static size_t next_below(const struct trace *trace, size_t caller)
{
	size_t best = NO_HOP;

	for (size_t i = 0; i < trace->hops.len; i++) {
		const struct hop *hop = &trace->hops.ptr[i];

		if (!hop->placed && hop->caller == caller &&
		    (best == NO_HOP || hop->start < trace->hops.ptr[best].start))
			best = i;
	}
	return best;
}

static int place(struct trace *trace, size_t at, unsigned depth)
{
	trace->hops.ptr[at].placed = true;
	trace->hops.ptr[at].depth = depth;
	return vec_push(&trace->order, at);
}

/* Depth first; hops that call each other in a ring are entered at the earliest. */
static int order_hops(struct trace *trace)
{
	while (trace->order.len < trace->hops.len) {
		size_t at = next_below(trace, NO_HOP);

		for (size_t i = 0; at == NO_HOP && i < trace->hops.len; i++)
			if (!trace->hops.ptr[i].placed)
				at = i;
		if (place(trace, at, 0) < 0)
			return -ENOMEM;
		while (at != NO_HOP) {
			size_t below = next_below(trace, at);

			if (below == NO_HOP) {
				at = trace->hops.ptr[at].depth ? trace->hops.ptr[at].caller
							       : NO_HOP;
				continue;
			}
			if (place(trace, below, trace->hops.ptr[at].depth + 1) < 0)
				return -ENOMEM;
			at = below;
		}
	}
	return 0;
}

enum {
	TRACE_ID,
	HOP,
	DEPTH,
	SERVICE,
	TIME,
	OFFSET,
	LATENCY,
	DURATION,
	ROWS,
	ERRORS,
	NOTE,
	SPAN_ID,
	PARENT_ID,
	MESSAGE,
	COLUMNS
};
static const char *const column_names[COLUMNS] = {
	"trace_id", "hop",  "depth",  "service", "_time",   "offset",         "latency",
	"duration", "rows", "errors", "note",    "span_id", "parent_span_id", "_msg"};

static struct span duration(struct arena *arena, int64_t ns)
{
	char text[LANG_DURATION_MAX];

	return arena_dup(arena, span_of(text, lang_format_duration(text, ns)));
}

static struct span number(struct arena *arena, uint64_t n)
{
	return arena_printf(arena, "%llu", (unsigned long long)n);
}

static void put_hop(const struct trace *trace, size_t place_in_order, struct span id,
		    struct arena *arena, struct span *row, int64_t *ret_time)
{
	const struct hop *hop = &trace->hops.ptr[trace->order.ptr[place_in_order]];
	int64_t first = trace->hops.ptr[0].start;
	int64_t called = hop->caller == NO_HOP ? hop->start : trace->hops.ptr[hop->caller].start;

	row[TRACE_ID] = id;
	row[HOP] = number(arena, place_in_order + 1);
	row[DEPTH] = number(arena, hop->depth);
	row[SERVICE] = hop->service;
	row[OFFSET] = duration(arena, hop->start - first);
	row[LATENCY] = duration(arena, hop->start - called);
	row[DURATION] = duration(arena, hop->end - hop->start);
	row[ROWS] = number(arena, hop->rows);
	row[ERRORS] = number(arena, hop->errors);
	row[NOTE] = hop->silent        ? SPAN("silent")
		    : hop->first_error ? SPAN("first error")
				       : SPAN("");
	row[SPAN_ID] = hop->span;
	row[PARENT_ID] = hop->parent;
	row[MESSAGE] = hop->message;
	*ret_time = hop->start;
}

static int push_trace(struct stage *stage, const struct trace *trace, struct span id)
{
	struct span by = ((const struct pipe_trace *)stage_pipe(stage))->by;
	struct arena *arena = stage_rows_arena(stage, 0);
	size_t n = trace->order.len < ROW_BLOCK_MAX ? trace->order.len : ROW_BLOCK_MAX;
	struct span *columns[COLUMNS], row[COLUMNS];
	int64_t *times = ARENA_ARRAY(arena, int64_t, n + 1);
	struct rows rows;
	int r = 0;

	for (int c = 0; c < COLUMNS; c++)
		columns[c] = ARENA_ARRAY(arena, struct span, n + 1);
	for (size_t i = 0; i < n && !arena->overflowed; i++) {
		put_hop(trace, i, id, arena, row, &times[i]);
		for (int c = 0; c < COLUMNS; c++)
			columns[c][i] = row[c];
	}
	if (arena->overflowed)
		return -ENOMEM;
	rows_init(&rows, arena, (uint32_t)n);
	for (int c = 0; c < COLUMNS && r >= 0; c++)
		r = c == TIME
			    ? rows_set_times(&rows, SPAN("_time"), times)
			    : rows_set_texts(&rows, c == TRACE_ID ? by : span_cstr(column_names[c]),
					     columns[c]);
	return r < 0 ? r : stage_push(stage->next, 0, &rows);
}

/* Steps of one trace, in the order of time. */
static int emit_trace(struct stage *stage, const struct step *steps, size_t n)
{
	struct trace trace = {0};
	bool seen_error = false;
	int r = 0;

	for (size_t i = 0; i < n && r >= 0; i++)
		r = add_step(&trace, &steps[i], &seen_error);
	if (r >= 0)
		r = link_hops(&trace);
	if (r >= 0)
		r = order_hops(&trace);
	if (r == -E2BIG)
		stage_fail(stage, r,
			   "trace %.*s has more than %d spans; narrow the query to a part of it",
			   SPAN_FMT(steps[0].trace), HOPS_MAX);
	if (r >= 0)
		r = push_trace(stage, &trace, steps[0].trace);
	vec_release(&trace.hops);
	vec_release(&trace.order);
	arena_reset(stage_rows_arena(stage, 0));
	return r;
}

static int trace_finish(struct stage *stage)
{
	const struct pipe_trace *pipe = stage_pipe(stage);
	struct trace_state *all = stage_state(stage, 0);
	VEC(struct run) runs = {0};
	int r = 0;

	for (unsigned w = 1; r >= 0 && w < stage_workers(stage); w++) {
		const struct trace_state *state = stage_state(stage, w);

		r = stage_charge(stage, state->steps.len * sizeof(struct step));
		for (size_t i = 0; r >= 0 && i < state->steps.len; i++)
			if (vec_push(&all->steps, state->steps.ptr[i]) < 0)
				r = stage_no_memory(stage);
	}
	if (r >= 0)
		r = stage_sort(stage, all->steps.ptr, all->steps.len, sizeof(struct step), step_cmp,
			       NULL);
	for (size_t i = 0; i < all->steps.len && r >= 0; i++) {
		const struct step *step = &all->steps.ptr[i];

		if ((i == 0 || !span_eq(step->trace, step[-1].trace)) &&
		    vec_push(&runs, ((struct run){step, 0})) < 0)
			r = stage_no_memory(stage);
		else
			vec_last(&runs)->n++;
	}
	if (r >= 0)
		r = stage_charge(stage, runs.len * sizeof(struct run));
	if (r >= 0)
		r = stage_sort(stage, runs.ptr, runs.len, sizeof(struct run), run_cmp, NULL);
	for (size_t i = pipe->limit && runs.len > pipe->limit ? runs.len - pipe->limit : 0;
	     i < runs.len && r == 0; i++) {
		r = stage_stopped(stage);
		if (r >= 0)
			r = emit_trace(stage, runs.ptr[i].steps, runs.ptr[i].n);
	}
	vec_release(&runs);
	return r < 0 ? r : 0;
}

static void trace_close(struct stage *stage)
{
	for (unsigned w = 0; stage->state && w < stage_workers(stage); w++) {
		struct trace_state *state = stage_state(stage, w);

		vec_release(&state->steps);
		if (state->started)
			stage_arena_release(&state->arena);
	}
}

const struct pipe_ops pipe_trace_ops = {
	.names = "trace",
	.lists = true,
	.parse = trace_parse,
	.print = trace_print,
	.needs = trace_needs,
	.open = trace_open,
	.push = trace_push,
	.finish = trace_finish,
	.close = trace_close,
};
