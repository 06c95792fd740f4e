/*
 * stream_context before B after A [time_window D]: grep -B -A for streams.
 *
 * The rows that matched are remembered as {stream, time, place}: many services
 * count in seconds or milliseconds, so that a time alone would be many rows.  The
 * place is log.offset or, in raw files, which have none, a hash of the message.
 * At the end each stream is read again around them, and what lies within B rows
 * before and A rows after a match comes out; chunks that don't touch are parted
 * by a row whose _msg is `---`.
 *
 *	stream   . . . . M . . . . . . . M . . .
 *	-B1 -A2        |-----|         |-----|
 */
#include "aggregator/query/group.h"
#include "aggregator/query/kept.h"
#include "aggregator/query/pipes/pipes.h"
#include "common/base/clock.h"
#include "common/base/hash.h"
#include "common/lang/number.h"
#include <errno.h>
#include <stdlib.h>

#define WINDOW_DEFAULT (NS_PER_SEC * 3600)
#define LINES_MAX      1000000

struct pipe_context {
	struct pipe pipe;
	uint64_t before, after;
	int64_t window;
};

/* Which row of a stream it is. */
struct context_key {
	int64_t ns;
	int64_t offset; /* or NO_OFFSET … */
	uint64_t hash;  /* … and then of the message */
};
#define NO_OFFSET (-1)

/* One stream's matches. */
struct context_keys {
	struct context_key *ptr;
	size_t len, cap;
};

struct context_worker {
	bool open;
	struct group_table streams; /* _stream → struct context_keys */
};

static int parse_lines(struct lex *lex, const char *what, uint64_t *ret)
{
	size_t pos = lex->pos;
	int r = lex_parse_u64(lex, what, ret);

	if (r >= 0 && *ret > LINES_MAX)
		return lex_error_at(lex, pos, "`%s` is at most %d", what, LINES_MAX);
	return r;
}

static int context_parse(struct lex *lex, struct pipe **ret)
{
	struct pipe_context *context = PIPE_NEW(lex, struct pipe_context, &pipe_stream_context_ops);
	bool given = false;
	struct span text;
	size_t pos;
	int r = 0;

	if (!context)
		return pipe_no_memory(lex);
	*ret = &context->pipe;
	context->window = WINDOW_DEFAULT;
	while (r >= 0 && lex_is_any(lex, "before after")) {
		given = true;
		if (lex_accept(lex, "before"))
			r = parse_lines(lex, "before", &context->before);
		else if (lex_accept(lex, "after"))
			r = parse_lines(lex, "after", &context->after);
	}
	if (r >= 0 && !given)
		return lex_error(lex, "expected `before N` or `after N`");
	if (r < 0 || !lex_accept(lex, "time_window"))
		return r;
	pos = lex->pos;
	r = lex_parse_duration(lex, "time_window", &context->window, &text);
	if (r >= 0 && context->window <= 0)
		return lex_error_at(lex, pos, "`time_window` must be above 0");
	return r;
}

static void context_print(const struct pipe *pipe, struct buf *out)
{
	const struct pipe_context *context = (const struct pipe_context *)pipe;
	char text[64];

	buf_puts(out, SPAN("stream_context before "));
	buf_put_u64(out, context->before);
	buf_puts(out, SPAN(" after "));
	buf_put_u64(out, context->after);
	if (context->window != WINDOW_DEFAULT) {
		buf_puts(out, SPAN(" time_window "));
		buf_put(out, text, lang_format_duration(text, context->window));
	}
}

static void context_needs(const struct pipe *pipe, struct field_set *set)
{
	(void)pipe;
	field_set_reset(set, false);
	field_set_add(set, SPAN("_stream"));
	field_set_add(set, SPAN("_time"));
	field_set_add(set, SPAN("log.offset"));
	field_set_add(set, SPAN("_msg"));
}

static int context_open(struct stage *stage)
{
	int r = stage_new_states(stage, sizeof(struct context_worker));

	for (unsigned i = 0; r >= 0 && i < stage_workers(stage); i++) {
		struct context_worker *worker = stage_state(stage, i);

		group_table_init(&worker->streams, sizeof(struct context_keys));
		worker->open = true;
	}
	return r;
}

static int add_key(struct stage *stage, struct context_keys *keys, struct context_key key)
{
	if (keys->len == keys->cap) {
		size_t cap = keys->cap ? keys->cap * 2 : 16;
		int r = stage_charge(stage, (cap - keys->cap) * sizeof(*keys->ptr));
		struct context_key *ptr;

		if (r < 0)
			return r;
		ptr = realloc(keys->ptr, cap * sizeof(*ptr));
		if (!ptr)
			return stage_fail(stage, -ENOMEM, "out of memory");
		keys->ptr = ptr;
		keys->cap = cap;
	}
	keys->ptr[keys->len++] = key;
	return 0;
}

/* The columns that tell rows apart. */
struct context_columns {
	struct column time, offset;
	const struct span *messages;
};

static int columns_of(struct rows *rows, struct context_columns *ret)
{
	ret->time = *rows_column(rows, SPAN("_time"));
	ret->offset = *rows_column(rows, SPAN("log.offset"));
	ret->messages = rows_texts(rows, SPAN("_msg"));
	return rows->failed;
}

/* False: the row has no time. */
static bool key_of(const struct context_columns *columns, uint32_t row, struct context_key *ret)
{
	char scratch[COLUMN_SCRATCH];

	ret->hash = 0;
	if (!lang_i64(column_text(&columns->offset, row, scratch), &ret->offset)) {
		ret->offset = NO_OFFSET;
		ret->hash = hash64(columns->messages[row]);
	}
	if (columns->time.kind != COLUMN_TIME)
		return lang_time(column_text(&columns->time, row, scratch), &ret->ns);
	ret->ns = columns->time.ints[row];
	return true;
}

static int context_push(struct stage *stage, unsigned number, struct rows *rows)
{
	struct context_worker *worker = stage_state(stage, number);
	struct column stream = *rows_column(rows, SPAN("_stream"));
	struct context_columns columns;
	char **states;
	int r = columns_of(rows, &columns);

	if (r >= 0)
		r = group_find(&worker->streams, stage, &stream, 1, rows->n, rows->arena, &states);
	for (uint32_t i = 0; r >= 0 && i < rows->n; i++) {
		struct context_key key;

		if (key_of(&columns, i, &key))
			r = add_key(stage, (struct context_keys *)(void *)states[i], key);
	}
	return r;
}

static int merge_keys(void *ctx, char *to, char *from)
{
	struct context_keys *theirs = (struct context_keys *)(void *)from;
	int r = 0;

	for (size_t i = 0; r >= 0 && i < theirs->len; i++)
		r = add_key(ctx, (struct context_keys *)(void *)to, theirs->ptr[i]);
	free(theirs->ptr);
	theirs->ptr = NULL;
	return r;
}

/* One row of the stream that was read again. */
struct context_row {
	struct kept_ref ref;
	struct context_key key;
	bool matched, wanted;
};

struct context_read {
	struct stage *stage;
	struct kept kept;
	VEC(struct context_row) rows;
	size_t charged; /* of `rows` */
};

static int read_rows(void *ctx, struct rows *rows)
{
	struct context_read *read = ctx;
	struct context_columns columns;
	uint32_t batch = (uint32_t)read->kept.batches.len;
	int r = columns_of(rows, &columns);

	if (r >= 0)
		r = stage_charge(read->stage, rows->n * sizeof(struct context_row));

	if (r >= 0) {
		read->charged += rows->n * sizeof(struct context_row);
		r = kept_add(&read->kept, read->stage, rows);
	}
	for (uint32_t i = 0; r >= 0 && i < rows->n; i++) {
		struct context_row row = {.ref = {batch, i}};

		if (key_of(&columns, i, &row.key) && vec_push(&read->rows, row) < 0)
			r = stage_fail(read->stage, -ENOMEM, "out of memory");
	}
	return r;
}

static int compare_places(const struct context_key *x, const struct context_key *y)
{
	if (x->ns != y->ns)
		return x->ns < y->ns ? -1 : 1;
	return (x->offset > y->offset) - (x->offset < y->offset);
}

static int compare_keys(const void *a, const void *b)
{
	const struct context_key *x = a, *y = b;
	int order = compare_places(x, y);

	return order ? order : (x->hash > y->hash) - (x->hash < y->hash);
}

/* Rows of one place stay as they were read. */
static int compare_rows(const void *a, const void *b, void *ctx)
{
	(void)ctx;
	return compare_places(&((const struct context_row *)a)->key,
			      &((const struct context_row *)b)->key);
}

/* All rows of the stream from `min` to `max`. */
static int read_stream(struct context_read *read, struct span stream, int64_t min, int64_t max)
{
	struct filter in_time = {.kind = FILTER_TIME, .field = SPAN("_time")};
	struct filter in_stream = {.kind = FILTER_EXACT, .field = SPAN("_stream"), .text = stream};
	struct filter *kids[] = {&in_time, &in_stream};
	struct filter both = {.kind = FILTER_AND, .kids = kids, .nkids = 2};
	struct query query = {.filter = &both, .root = &query};
	int r;

	in_time.tmin = min;
	in_time.tmax = max;
	r = stage_run_query(read->stage, &query, read_rows, read);
	return r < 0 ? r
		     : stage_sort(read->stage, read->rows.ptr, read->rows.len,
				  sizeof(*read->rows.ptr), compare_rows, NULL);
}

/*
 * Which of the `n` rows of one time matched.  All, if none is told by its place:
 * a pipe has changed the messages.
 */
static void find_matches(struct context_row *rows, size_t n, const struct context_keys *keys)
{
	bool any = false;

	for (size_t i = 0; i < n; i++) {
		rows[i].matched = bsearch(&rows[i].key, keys->ptr, keys->len, sizeof(*keys->ptr),
					  compare_keys) != NULL;
		any |= rows[i].matched;
	}
	for (size_t i = 0; i < n && !any; i++)
		rows[i].matched = true;
}

static void find_all_matches(struct context_read *read, const struct context_keys *keys)
{
	struct context_row *rows = read->rows.ptr;
	size_t at = 0, n = read->rows.len, to;

	for (size_t from = 0; from < n; from = to) {
		int64_t ns = rows[from].key.ns;

		for (to = from + 1; to < n && rows[to].key.ns == ns;)
			to++;
		while (at < keys->len && keys->ptr[at].ns < ns)
			at++;
		if (at < keys->len && keys->ptr[at].ns == ns)
			find_matches(rows + from, to - from, keys);
	}
}

/* Mark what lies around each match. */
static void mark_rows(struct context_read *read, const struct pipe_context *context)
{
	size_t end = 0;

	for (size_t i = 0; i < read->rows.len; i++) {
		struct context_row *row = &read->rows.ptr[i];

		if (row->matched) {
			size_t back = context->before < i ? i - (size_t)context->before : 0;

			for (size_t k = i; k-- > back && !read->rows.ptr[k].wanted;)
				read->rows.ptr[k].wanted = true;
			end = i + 1 + (size_t)context->after;
		}
		row->wanted |= i < end;
	}
}

static int push_delimiter(struct stage *stage, struct span stream, int64_t ns)
{
	struct arena *arena = stage_rows_arena(stage, 0);
	struct rows rows;
	int r;

	arena_reset(arena);
	rows_init(&rows, arena, 1);
	r = rows_set_const(&rows, SPAN("_msg"), SPAN("---"));
	if (r >= 0)
		r = rows_set_const(&rows, SPAN("_stream"), stream);
	if (r >= 0)
		r = rows_set_times(&rows, SPAN("_time"), &ns);
	return r < 0 ? r : stage_push(stage->next, 0, &rows);
}

static int push_chunks(struct context_read *read, struct span stream, bool *chunk_before)
{
	struct kept_ref *refs = calloc(read->rows.len + 1, sizeof(*refs));
	int r = refs ? 0 : stage_fail(read->stage, -ENOMEM, "out of memory");

	for (size_t i = 0; r == 0 && i < read->rows.len;) {
		size_t n = 0;
		int64_t ns = read->rows.ptr[i].key.ns;

		for (; i < read->rows.len && read->rows.ptr[i].wanted; i++)
			refs[n++] = read->rows.ptr[i].ref;
		if (n && *chunk_before)
			r = push_delimiter(read->stage, stream, ns);
		if (n && r == 0)
			r = kept_push(&read->kept, refs, n, read->stage, NULL, NULL);
		*chunk_before |= n > 0;
		i += n == 0;
	}
	free(refs);
	return r;
}

static int64_t add_saturated(int64_t a, int64_t b)
{
	int64_t sum;

	if (__builtin_add_overflow(a, b, &sum))
		return b < 0 ? INT64_MIN : INT64_MAX;
	return sum;
}

static int push_stream(struct stage *stage, struct span stream, struct context_keys *keys,
		       bool *chunk_before)
{
	const struct pipe_context *context = stage_pipe(stage);
	struct context_read read = {.stage = stage};
	int r;

	if (!keys->len)
		return 0;
	qsort(keys->ptr, keys->len, sizeof(*keys->ptr), compare_keys);
	kept_init(&read.kept);
	r = read_stream(&read, stream, add_saturated(keys->ptr[0].ns, -context->window),
			add_saturated(keys->ptr[keys->len - 1].ns, context->window));
	if (r >= 0) {
		find_all_matches(&read, keys);
		mark_rows(&read, context);
		r = push_chunks(&read, stream, chunk_before);
	}
	stage_uncharge(stage, read.charged);
	kept_release(&read.kept);
	vec_release(&read.rows);
	return r;
}

static int context_finish(struct stage *stage)
{
	struct context_worker *all = stage_state(stage, 0);
	bool chunk_before = false;
	struct span stream;
	struct group *at = NULL;
	char *state;
	int r = 0;

	for (unsigned i = 1; r >= 0 && i < stage_workers(stage); i++) {
		struct context_worker *worker = stage_state(stage, i);

		r = group_merge(&all->streams, &worker->streams, stage, merge_keys, stage);
	}
	while (r == 0 && group_next(&all->streams, &at, &stream, &state))
		r = push_stream(stage, stream, (struct context_keys *)(void *)state, &chunk_before);
	return r < 0 ? r : 0;
}

static void context_close(struct stage *stage)
{
	for (unsigned i = 0; stage->state && i < stage_workers(stage); i++) {
		struct context_worker *worker = stage_state(stage, i);
		struct span stream;
		struct group *at = NULL;
		char *state;

		if (!worker->open)
			continue;
		while (group_next(&worker->streams, &at, &stream, &state))
			free(((struct context_keys *)(void *)state)->ptr);
	}
	for (unsigned i = 0; stage->state && i < stage_workers(stage); i++) {
		struct context_worker *worker = stage_state(stage, i);

		if (worker->open)
			group_table_release(&worker->streams);
	}
}

const struct pipe_ops pipe_stream_context_ops = {
	.names = "stream_context",
	.rescans = true,
	.parse = context_parse,
	.print = context_print,
	.needs = context_needs,
	.open = context_open,
	.push = context_push,
	.finish = context_finish,
	.close = context_close,
};
