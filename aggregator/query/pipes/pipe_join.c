/*
 * join by (a, b) (query) [inner] [prefix p]: each row with the fields of those
 * rows of another query that have the same values.
 *
 * The other query runs first; its rows are kept, grouped by key.  A row with
 * several partners comes out several times, one with none once, or not at all
 * with `inner`.
 */
#include "aggregator/query/group.h"
#include "aggregator/query/kept.h"
#include "aggregator/query/pipes/pipes.h"
#include "aggregator/query/pipes/subrows.h"
#include "common/lang/words.h"
#include <errno.h>
#include <stdlib.h>

struct pipe_join {
	struct pipe pipe;
	struct span_list by;
	struct subrows other;
	bool inner;
	struct span prefix;
};

/* Rows of the same key are a list through `next`. */
struct join_row {
	struct kept_ref ref;
	size_t next; /* place + 1; 0 = the end */
};

struct join_key {
	size_t first, last; /* place + 1 */
};

struct join_state {
	struct stage *stage;
	struct kept kept;
	struct group_table keys;
	VEC(struct join_row) rows;
	struct span *names; /* of the other rows' fields with the prefix; NULL = a field of `by` */
};

static int parse_suffixes(struct lex *lex, struct pipe_join *join)
{
	if (lex_accept(lex, "inner"))
		join->inner = true;
	return lex_accept(lex, "prefix") ? lex_compound(lex, "prefix", "", &join->prefix) : 0;
}

static int join_parse(struct lex *lex, struct pipe **ret)
{
	struct pipe_join *join = PIPE_NEW(lex, struct pipe_join, &pipe_join_ops);
	int r;

	if (!join)
		return pipe_no_memory(lex);
	*ret = &join->pipe;
	if (!lex_accept(lex, "by"))
		lex_accept(lex, "on");
	r = lex_parse_fields_in_parens(lex, &join->by);
	if (r < 0)
		return r;
	if (!join->by.len)
		return lex_error(lex, "expected at least one field to join by");
	r = subrows_parse(lex, &join->other);
	return r < 0 ? r : parse_suffixes(lex, join);
}

static void join_print(const struct pipe *pipe, struct buf *out)
{
	const struct pipe_join *join = (const struct pipe_join *)pipe;

	buf_puts(out, SPAN("join"));
	pipe_print_by("by", &join->by, out);
	buf_putc(out, ' ');
	subrows_print(&join->other, out);
	buf_puts(out, join->inner ? SPAN(" inner") : SPAN(""));
	if (join->prefix.ptr) {
		buf_puts(out, SPAN(" prefix "));
		text_print(out, join->prefix);
	}
}

/* What others read may come from either side. */
static void join_needs(const struct pipe *pipe, struct field_set *set)
{
	field_set_add_list(set, &((const struct pipe_join *)pipe)->by);
}

static int key_columns(const struct span_list *by, struct rows *rows, struct column **ret)
{
	struct column *columns = ARENA_ARRAY(rows->arena, struct column, by->len);

	if (!columns)
		return -ENOMEM;
	for (size_t i = 0; i < by->len; i++)
		columns[i] = *rows_listed(rows, by->ptr[i]);
	*ret = columns;
	return rows->failed;
}

static int add_row(struct join_state *state, struct join_key *key, struct kept_ref ref)
{
	size_t place = state->rows.len + 1;

	if (vec_push(&state->rows, (struct join_row){.ref = ref}) < 0)
		return -ENOMEM;
	if (key->last)
		state->rows.ptr[key->last - 1].next = place;
	else
		key->first = place;
	key->last = place;
	return 0;
}

static int add_other(void *ctx, struct rows *rows)
{
	struct join_state *state = ctx;
	const struct pipe_join *join = stage_pipe(state->stage);
	size_t batch = state->kept.batches.len;
	struct column *columns;
	char **keys;
	int r = stage_charge(state->stage, rows->n * sizeof(struct join_row));

	if (r >= 0)
		r = kept_add(&state->kept, state->stage, rows);
	if (r >= 0)
		r = key_columns(&join->by, rows, &columns);
	if (r >= 0)
		r = group_find(&state->keys, state->stage, columns, join->by.len, rows->n,
			       rows->arena, &keys);
	for (uint32_t i = 0; r >= 0 && i < rows->n; i++)
		r = add_row(state, (struct join_key *)(void *)keys[i],
			    (struct kept_ref){(uint32_t)batch, i});
	return r;
}

static int name_fields(struct join_state *state, const struct pipe_join *join)
{
	struct arena *arena = &state->kept.arena.arena;

	state->names = ARENA_ARRAY(arena, struct span, state->kept.names.len + 1);
	for (size_t i = 0; state->names && i < state->kept.names.len; i++) {
		struct span name = state->kept.names.ptr[i];

		if (span_list_has(&join->by, name))
			continue;
		state->names[i] =
			arena_printf(arena, "%.*s%.*s", SPAN_FMT(join->prefix), SPAN_FMT(name));
	}
	return arena->overflowed ? -ENOMEM : 0;
}

static int join_open(struct stage *stage)
{
	const struct pipe_join *join = stage_pipe(stage);
	struct join_state *state = calloc(1, sizeof(*state));
	int r;

	if (!state)
		return stage_fail(stage, -ENOMEM, "out of memory");
	stage->state = state;
	state->stage = stage;
	kept_init(&state->kept);
	group_table_init(&state->keys, sizeof(struct join_key));
	r = subrows_run(&join->other, stage, add_other, state);
	return r < 0 ? r : name_fields(state, join);
}

static void join_close(struct stage *stage)
{
	struct join_state *state = stage->state;

	if (!state)
		return;
	kept_release(&state->kept);
	group_table_release(&state->keys);
	vec_release(&state->rows);
}

/* Pairs of rows: one of ours and the place + 1 of its partner, 0 = none. */
struct pairs {
	uint32_t *ours;
	size_t *theirs;
	size_t n, cap;
};

static int add_pair(struct pairs *pairs, struct arena *arena, uint32_t our, size_t their)
{
	if (pairs->n == pairs->cap) {
		size_t cap = pairs->cap * 2;
		uint32_t *ours = arena_alloc(arena, cap * sizeof(*ours));
		size_t *theirs = arena_alloc(arena, cap * sizeof(*theirs));

		if (!ours || !theirs || cap > UINT32_MAX)
			return -ENOMEM;
		memcpy(ours, pairs->ours, pairs->n * sizeof(*ours));
		memcpy(theirs, pairs->theirs, pairs->n * sizeof(*theirs));
		*pairs = (struct pairs){ours, theirs, pairs->n, cap};
	}
	pairs->ours[pairs->n] = our;
	pairs->theirs[pairs->n++] = their;
	return 0;
}

static const struct join_key *find_key(const struct join_state *state, const struct column *columns,
				       size_t n, uint32_t row, struct arena *arena)
{
	struct span key = group_key(columns, n, row, arena);

	return key.ptr ? (const struct join_key *)(void *)group_get(&state->keys, key) : NULL;
}

static int find_pairs(struct join_state *state, const struct pipe_join *join, struct rows *rows,
		      struct pairs *pairs)
{
	struct column *columns;
	int r = key_columns(&join->by, rows, &columns);

	pairs->cap = rows->n + 1;
	pairs->ours = arena_alloc(rows->arena, pairs->cap * sizeof(*pairs->ours));
	pairs->theirs = arena_alloc(rows->arena, pairs->cap * sizeof(*pairs->theirs));
	if (!pairs->ours || !pairs->theirs)
		return -ENOMEM;
	for (uint32_t i = 0; r >= 0 && i < rows->n; i++) {
		if (i % 256 == 0 && (r = stage_stopped(state->stage)) < 0)
			break;
		const struct join_key *key = find_key(state, columns, join->by.len, i, rows->arena);

		if (!key && !join->inner)
			r = add_pair(pairs, rows->arena, i, 0);
		for (size_t at = key ? key->first : 0; r >= 0 && at;
		     at = state->rows.ptr[at - 1].next)
			r = add_pair(pairs, rows->arena, i, at);
	}
	return r;
}

/* The field of the partners, in rows that have no value of their own. */
static int add_field(const struct join_state *state, size_t field, const struct pairs *pairs,
		     struct rows *rows)
{
	const struct span *own = rows_texts(rows, state->names[field]);
	struct span *texts = ARENA_ARRAY(rows->arena, struct span, rows->n + 1);
	char scratch[COLUMN_SCRATCH];

	if (!own || !texts)
		return -ENOMEM;
	for (size_t i = 0; i < pairs->n; i++) {
		texts[i] = own[i];
		if (!pairs->theirs[i] || own[i].len)
			continue;
		struct kept_ref ref = state->rows.ptr[pairs->theirs[i] - 1].ref;
		const struct column *column =
			kept_column(&state->kept, ref.batch, state->kept.names.ptr[field]);

		if (!column)
			continue;
		texts[i] = column_text(column, ref.row, scratch);
		if (texts[i].ptr == scratch)
			texts[i] = arena_dup(rows->arena, texts[i]);
	}
	return rows_set_texts(rows, state->names[field], texts);
}

static int join_push(struct stage *stage, unsigned worker, struct rows *rows)
{
	const struct pipe_join *join = stage_pipe(stage);
	struct join_state *state = stage->state;
	struct pairs pairs = {0};
	int r = find_pairs(state, join, rows, &pairs);

	if (r >= 0)
		r = rows_gather(rows, pairs.ours, (uint32_t)pairs.n);
	for (size_t i = 0; r >= 0 && i < state->kept.names.len; i++)
		if (state->names[i].ptr)
			r = add_field(state, i, &pairs, rows);
	return r < 0 ? r : stage_push(stage->next, worker, rows);
}

const struct pipe_ops pipe_join_ops = {
	.names = "join",
	.streams = true,
	.parse = join_parse,
	.print = join_print,
	.needs = join_needs,
	.open = join_open,
	.push = join_push,
	.close = join_close,
};
