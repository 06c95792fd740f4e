/*
 * sort by (fields), first N, last N.
 *
 * Rows are kept as they came and sorted at the end.  With a limit only the
 * best `offset + limit` are of use: whenever twice as many have gathered, the
 * worse half is dropped, and from then on a row must be better than the worst
 * of those left to be looked at any further.  So the best 100 of 5 M rows cost
 * a comparison a row, and the memory of a few thousand.  All workers share the
 * best of their bounds, and a block whose times or numbers are all beyond it is
 * not read at all: the last 100 rows by time are those of the newest blocks.
 */
#include "aggregator/query/pipes/pipe_sort.h"

#include "aggregator/query/filter_exec.h"
#include "aggregator/query/kept.h"
#include "aggregator/query/pipes/pipes.h"
#include "common/base/cleanup.h"
#include "common/data/json_write.h"
#include "common/lang/words.h"
#include <errno.h>
#include <pthread.h>

#define PRUNE_MIN     4096
#define SELECT_SORT   32 /* so few are sorted at once */
#define SELECT_ROUNDS 64
#define ROW_TEXT_MAX  (64 << 20)

struct sort_row {
	struct kept_ref ref;
	struct order_key *keys;
	struct span partition;
};

/* What the first key of a row must reach; each worker may make it stricter. */
struct sort_bound {
	pthread_mutex_t lock;
	atomic_bool known;
	struct order_key key; /* a time, or a number; without text */
};

struct sort_worker {
	bool open;
	struct sort_bound *bound; /* of all workers; freed by the first */
	struct kept kept;
	VEC(struct sort_row) rows;
	size_t charged; /* of `rows` */
	struct order_key
		*worst; /* of the best: new rows must be before it; NULL = all are welcome */
	const struct pipe_sort *sort;
};

static const struct order_field all_fields = {.name = SPAN("")};

/* The fields to compare by: sorting by all fields has one key, the row as text. */
static const struct order_field *order_fields(const struct pipe_sort *sort, size_t *ret_n)
{
	*ret_n = sort->nfields ? sort->nfields : 1;
	return sort->nfields ? sort->fields : &all_fields;
}

static int compare_keys(const struct pipe_sort *sort, const struct order_key *a,
			const struct order_key *b)
{
	size_t n;
	const struct order_field *fields = order_fields(sort, &n);

	return order_compare_all(a, b, fields, n, sort->desc);
}

static int compare_rows(const void *left, const void *right, void *ctx)
{
	const struct sort_row *a = left, *b = right;
	const struct pipe_sort *sort = ctx;
	int r = sort->partition.len ? span_cmp(a->partition, b->partition) : 0;

	return r ? r : compare_keys(sort, a->keys, b->keys);
}

static int sort_open(struct stage *stage)
{
	int r = stage_new_states(stage, sizeof(struct sort_worker));
	struct sort_bound *bound = r < 0 ? NULL : calloc(1, sizeof(*bound));

	if (!bound)
		return r < 0 ? r : stage_fail(stage, -ENOMEM, "no memory to sort");
	pthread_mutex_init(&bound->lock, NULL);
	for (unsigned i = 0; r >= 0 && i < stage_workers(stage); i++) {
		struct sort_worker *worker = stage_state(stage, i);

		kept_init(&worker->kept);
		worker->open = true;
		worker->sort = stage_pipe(stage);
		worker->bound = bound;
	}
	return r;
}

/* The order that rows come in by the first field. */
static bool is_descending(const struct pipe_sort *sort)
{
	return sort->fields[0].desc != sort->desc;
}

static bool sort_oldest_first(const struct pipe *pipe)
{
	const struct pipe_sort *sort = (const struct pipe_sort *)pipe;

	return sort->nfields && span_eq(sort->fields[0].name, SPAN("_time")) &&
	       !is_descending(sort);
}

static void sort_explain(const struct pipe *pipe, struct buf *out)
{
	const struct pipe_sort *sort = (const struct pipe_sort *)pipe;

	if (!sort->has_limit || !sort->nfields || sort->partition.len)
		return;
	if (!span_eq(sort->fields[0].name, SPAN("_time")) && !is_descending(sort))
		return;
	buf_puts(out, SPAN(", those whose "));
	text_print(out, sort->fields[0].name);
	buf_puts(out, SPAN(" is behind the best "));
	buf_put_u64(out, sort->offset + sort->limit);
	buf_puts(out, SPAN(" rows are skipped"));
}

/* This worker has enough rows up to `worst`. */
static void share_bound(const struct sort_worker *worker)
{
	const struct pipe_sort *sort = worker->sort;
	struct sort_bound *bound = worker->bound;
	struct order_key key = worker->worst[0];
	bool is_time = key.kind == ORDER_TIME;

	if (!sort->nfields || key.kind == ORDER_TEXT)
		return;
	key.text = (struct span){0};
	pthread_mutex_lock(&bound->lock);
	if (!atomic_load(&bound->known) ||
	    (is_time == (bound->key.kind == ORDER_TIME) &&
	     order_compare_all(&key, &bound->key, sort->fields, 1, sort->desc) < 0))
		bound->key = key;
	atomic_store(&bound->known, true);
	pthread_mutex_unlock(&bound->lock);
}

/*
 * Rows of equal first keys are told apart by the next ones, so only a block
 * that is beyond the bound is skipped.  An empty value is before all numbers.
 */
static bool sort_skips(struct stage *stage, unsigned number, struct row_block *block)
{
	const struct sort_worker *worker = stage_state(stage, number);
	struct sort_bound *bound = worker->bound;
	const struct pipe_sort *sort = stage_pipe(stage);
	struct order_key key;
	double min, max;

	if (!atomic_load(&bound->known))
		return false;
	pthread_mutex_lock(&bound->lock);
	key = bound->key;
	pthread_mutex_unlock(&bound->lock);
	if (key.kind == ORDER_TIME)
		return span_eq(sort->fields[0].name, SPAN("_time")) &&
		       (is_descending(sort) ? block->max_time < key.integer
					    : block->min_time > key.integer);
	return is_descending(sort) && block->ops->range &&
	       block->ops->range(block, sort->fields[0].name, &min, &max) &&
	       max < (key.kind == ORDER_INT ? (double)key.integer : key.real);
}

static int compare_names(const void *a, const void *b)
{
	return span_cmp(*(const struct span *)a, *(const struct span *)b);
}

/* Each row as JSON with its names in order: what `sort` without fields compares. */
static int rows_as_texts(struct rows *rows, struct arena *arena, struct span **ret)
{
	_cleanup_(buf_release) struct buf text = BUF_INIT(ROW_TEXT_MAX);
	struct span *texts = ARENA_ARRAY(arena, struct span, rows->n + 1);
	const struct span *given;
	struct span *names;
	size_t n;
	int r = rows_names(rows, &given, &n);

	if (r < 0)
		return r;
	names = ARENA_ARRAY(rows->arena, struct span, n + 1);
	if (!texts || !names)
		return -ENOMEM;
	memcpy(names, given, n * sizeof(*names));
	qsort(names, n, sizeof(*names), compare_names);
	for (uint32_t row = 0; row < rows->n; row++) {
		bool first = true;

		buf_reset(&text);
		for (size_t i = 0; i < n; i++) {
			struct span value = rows_text(rows, names[i], row);

			if (value.len)
				json_write_field(&text, &first, names[i], VALUE_STRING, value);
		}
		texts[row] = text.failed ? (struct span){0} : arena_dup(arena, buf_span(&text));
		if (text.failed || (text.len && !texts[row].ptr))
			return -ENOMEM;
	}
	*ret = texts;
	return 0;
}

/* The columns that rows are compared by; arrays in rows->arena. */
static int order_columns(const struct pipe_sort *sort, struct rows *rows, struct arena *arena,
			 struct column **ret)
{
	size_t n;
	const struct order_field *fields = order_fields(sort, &n);
	struct column *columns = ARENA_ARRAY(rows->arena, struct column, n);
	struct span *texts;

	if (!columns)
		return -ENOMEM;
	if (!sort->nfields) {
		int r = rows_as_texts(rows, arena, &texts);

		if (r < 0)
			return r;
		columns[0] = (struct column){.kind = COLUMN_TEXT, .nrows = rows->n, .texts = texts};
	} else {
		for (size_t i = 0; i < n; i++)
			columns[i] = *rows_column(rows, fields[i].name);
	}
	*ret = columns;
	return rows->failed;
}

static void make_keys(const struct pipe_sort *sort, const struct column *columns, uint32_t row,
		      struct order_key *keys)
{
	size_t n;

	order_fields(sort, &n);
	for (size_t i = 0; i < n; i++)
		keys[i] = order_key_of(&columns[i], row);
}

/* Drop the rows that are worse than what we have enough of. */
static int drop_worse(struct sort_worker *worker, struct rows *rows)
{
	const struct pipe_sort *sort = worker->sort;
	uint64_t *bits = ARENA_ARRAY(rows->arena, uint64_t, BITMAP_WORDS(rows->n));
	struct column *columns;
	struct order_key *keys;
	size_t n;
	int r = order_columns(sort, rows, rows->arena, &columns);

	order_fields(sort, &n);
	keys = ARENA_ARRAY(rows->arena, struct order_key, n);
	if (r < 0 || !bits || !keys)
		return r < 0 ? r : -ENOMEM;
	for (uint32_t row = 0; row < rows->n; row++) {
		make_keys(sort, columns, row, keys);
		if (compare_keys(sort, keys, worker->worst) < 0)
			bit_set(bits, row);
	}
	return rows_keep(rows, bits);
}

/* Rows of a batch in an order that select_best() makes. */
struct best {
	const struct pipe_sort *sort;
	struct order_key *keys; /* nkeys a row */
	size_t nkeys;
	uint32_t *order;
};

/* Of equal rows the later one comes later. */
static int compare_best(const void *left, const void *right, void *ctx)
{
	const struct best *best = ctx;
	uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;
	int r = compare_keys(best->sort, best->keys + a * best->nkeys,
			     best->keys + b * best->nkeys);

	return r ? r : (a > b) - (a < b);
}

/*
 * The first `most` rows of `n` to the front, in no order (Hoare's FIND): two
 * or three comparisons a row.  A heap of the best takes seven times as many
 * when rows come worst first, as for the last rows by time.
 */
static void select_best(struct best *best, size_t n, size_t most)
{
	ptrdiff_t low = 0, high = (ptrdiff_t)n - 1, place = (ptrdiff_t)most;
	uint32_t *order = best->order;

	for (int round = 0; high - low >= SELECT_SORT && round < SELECT_ROUNDS; round++) {
		uint32_t pivot = order[low + (high - low) / 2];
		ptrdiff_t i = low, j = high;

		while (i <= j) {
			while (compare_best(&order[i], &pivot, best) < 0)
				i++;
			while (compare_best(&order[j], &pivot, best) > 0)
				j--;
			if (i <= j) {
				uint32_t saved = order[i];

				order[i++] = order[j];
				order[j--] = saved;
			}
		}
		if (place > j && place < i)
			return;
		low = place >= i ? i : low;
		high = place <= j ? j : high;
	}
	qsort_r(order + low, (size_t)(high - low + 1), sizeof(*order), compare_best, best);
}

/*
 * Keep the best `most` rows of a batch, looking only at the columns they are
 * compared by, so that the others are read for these rows alone.
 */
static int keep_best(const struct pipe_sort *sort, struct rows *rows, size_t most)
{
	struct best best = {.sort = sort};
	uint64_t *bits = ARENA_ARRAY(rows->arena, uint64_t, BITMAP_WORDS(rows->n));
	struct column *columns;
	int r = order_columns(sort, rows, rows->arena, &columns);

	order_fields(sort, &best.nkeys);
	best.keys = ARENA_ARRAY(rows->arena, struct order_key, best.nkeys * rows->n);
	best.order = ARENA_ARRAY(rows->arena, uint32_t, rows->n);
	if (r < 0 || !bits || !best.keys || !best.order)
		return r < 0 ? r : -ENOMEM;
	for (uint32_t row = 0; row < rows->n; row++) {
		make_keys(sort, columns, row, best.keys + row * best.nkeys);
		best.order[row] = row;
	}
	select_best(&best, rows->n, most);
	for (size_t i = 0; i < most; i++)
		bit_set(bits, best.order[i]);
	return rows_keep(rows, bits);
}

/* The values of the `partition by` fields as one text. */
static int partition_of(struct sort_worker *worker, struct kept_ref ref, struct span *ret)
{
	const struct span_list *fields = &worker->sort->partition;
	_cleanup_(buf_release) struct buf text = BUF_INIT(ROW_TEXT_MAX);
	char scratch[COLUMN_SCRATCH];

	for (size_t i = 0; i < fields->len; i++) {
		json_write_string(&text, kept_text(&worker->kept, ref, fields->ptr[i], scratch));
		buf_putc(&text, ',');
	}
	*ret = text.failed ? (struct span){0}
			   : arena_dup(&worker->kept.arena.arena, buf_span(&text));
	return ret->ptr || !fields->len ? 0 : -ENOMEM;
}

/* Room for `n` rows in all, paid for before it is taken. */
static int reserve(struct sort_worker *worker, struct stage *stage, size_t n)
{
	size_t cap = worker->rows.cap ? worker->rows.cap : 8, bytes;
	int r;

	if (n <= worker->rows.cap)
		return 0;
	while (cap < n)
		cap *= 2;
	bytes = (cap - worker->rows.cap) * sizeof(*worker->rows.ptr);
	r = stage_charge(stage, bytes);
	if (r < 0)
		return r;
	worker->charged += bytes;
	return vec_reserve(&worker->rows, cap) < 0 ? stage_no_memory(stage) : 0;
}

/* Note the rows of the last batch of kept, whose order columns are `columns`. */
static int note_rows(struct sort_worker *worker, struct stage *stage, const struct column *columns)
{
	uint32_t batch = (uint32_t)worker->kept.batches.len - 1;
	uint32_t nrows = worker->kept.batches.ptr[batch].nrows;
	struct order_key *keys;
	size_t n;

	order_fields(worker->sort, &n);
	keys = ARENA_ARRAY(&worker->kept.arena.arena, struct order_key, n * nrows);
	if (!keys || reserve(worker, stage, worker->rows.len + nrows) < 0)
		return -ENOMEM;
	for (uint32_t row = 0; row < nrows; row++, keys += n) {
		struct sort_row entry = {.ref = {batch, row}, .keys = keys};

		make_keys(worker->sort, columns, row, keys);
		if (worker->sort->partition.len &&
		    partition_of(worker, entry.ref, &entry.partition) < 0)
			return -ENOMEM;
		worker->rows.ptr[worker->rows.len++] = entry;
	}
	return 0;
}

/* The kept columns that rows are compared by; a field that the batch lacks is empty. */
static int kept_order_columns(struct sort_worker *worker, struct rows *rows, struct column **ret)
{
	uint32_t batch = (uint32_t)worker->kept.batches.len - 1;
	const struct pipe_sort *sort = worker->sort;
	struct column *columns;

	if (!sort->nfields)
		return order_columns(sort, rows, &worker->kept.arena.arena, ret);
	columns = ARENA_ARRAY(rows->arena, struct column, sort->nfields);
	if (!columns)
		return -ENOMEM;
	for (size_t i = 0; i < sort->nfields; i++) {
		const struct column *column =
			kept_column(&worker->kept, batch, sort->fields[i].name);

		if (column)
			columns[i] = *column;
		else
			column_init_empty(&columns[i], sort->fields[i].name, rows->n);
	}
	*ret = columns;
	return 0;
}

static int keep_rows(struct sort_worker *worker, struct stage *stage, struct rows *rows)
{
	struct column *columns;
	int r = kept_add(&worker->kept, stage, rows);

	if (r >= 0)
		r = kept_order_columns(worker, rows, &columns);
	if (r >= 0)
		r = note_rows(worker, stage, columns);
	if (r == -EBADMSG)
		return r;
	return r < 0 ? stage_no_memory(stage) : 0;
}

static int sort_rows(struct sort_worker *worker, struct stage *stage)
{
	return stage_sort(stage, worker->rows.ptr, worker->rows.len, sizeof(*worker->rows.ptr),
			  compare_rows, (void *)(uintptr_t)worker->sort);
}

/* Keep the best `most` rows of each partition; rows are sorted.  Returns how many. */
static size_t best_of_partitions(struct sort_row *rows, size_t n, uint64_t most)
{
	size_t kept = 0, start = 0;

	for (size_t i = 0; i < n; i++) {
		if (i && !span_eq(rows[i].partition, rows[start].partition))
			start = i;
		if (i - start < most)
			rows[kept++] = rows[i];
	}
	return kept;
}

/* Sort, drop what can't be in the answer, and give its memory back. */
static int prune(struct sort_worker *worker, struct stage *stage, uint64_t most)
{
	const struct pipe_sort *sort = worker->sort;
	struct sort_worker next = {.open = true, .bound = worker->bound, .sort = sort};
	struct stage_arena scratch;
	size_t n;
	int r = sort_rows(worker, stage);

	if (r < 0)
		return r;
	n = best_of_partitions(worker->rows.ptr, worker->rows.len, most);
	kept_init(&next.kept);
	stage_arena_init(&scratch);
	r = stage_arena_charge(stage, &scratch);
	for (size_t i = 0; r >= 0 && i < n; i += PRUNE_MIN) {
		size_t count = n - i < PRUNE_MIN ? n - i : PRUNE_MIN;
		struct kept_ref refs[PRUNE_MIN];
		struct rows rows;

		for (size_t k = 0; k < count; k++)
			refs[k] = worker->rows.ptr[i + k].ref;
		arena_reset(&scratch.arena);
		r = kept_rows(&worker->kept, refs, count, &scratch.arena, &rows);
		r = r < 0 ? stage_no_memory(stage) : keep_rows(&next, stage, &rows);
	}
	stage_arena_release(&scratch);
	stage_uncharge(stage, worker->charged);
	kept_release(&worker->kept);
	vec_release(&worker->rows);
	*worker = next;
	if (r >= 0 && !sort->partition.len && n && n == most)
		worker->worst = worker->rows.ptr[n - 1].keys;
	if (r >= 0 && worker->worst)
		share_bound(worker);
	return r;
}

static int sort_push(struct stage *stage, unsigned number, struct rows *rows)
{
	struct sort_worker *worker = stage_state(stage, number);
	const struct pipe_sort *sort = worker->sort;
	uint64_t most = sort->limit + sort->offset;
	bool few = sort->has_limit && most >= sort->limit && !sort->partition.len;
	int r = worker->worst ? drop_worse(worker, rows) : 0;

	if (r >= 0 && few && sort->nfields && most < rows->n / 2)
		r = keep_best(sort, rows, most);
	if (r >= 0 && rows->n)
		r = keep_rows(worker, stage, rows);
	if (r < 0)
		return r;
	if (!sort->has_limit || most < sort->limit || most >= SIZE_MAX / 4)
		return 0;
	/* As soon as there are enough, for a bound that later blocks are held to. */
	bool bound = few && !worker->worst && most && worker->rows.len >= most;

	if (bound || (worker->rows.len >= 2 * most && worker->rows.len >= PRUNE_MIN))
		return prune(worker, stage, most);
	return 0;
}

/* All rows of all workers in worker 0, sorted. */
static int merge_workers(struct stage *stage)
{
	struct sort_worker *all = stage_state(stage, 0);
	int r = 0;

	for (unsigned i = 1; r >= 0 && i < stage_workers(stage); i++) {
		struct sort_worker *worker = stage_state(stage, i);
		uint32_t first = 0;

		r = kept_absorb(&all->kept, stage, &worker->kept, &first);
		if (r >= 0)
			r = reserve(all, stage, all->rows.len + worker->rows.len);
		for (size_t k = 0; r >= 0 && k < worker->rows.len; k++) {
			struct sort_row row = worker->rows.ptr[k];

			row.ref.batch += first;
			all->rows.ptr[all->rows.len++] = row;
		}
	}
	return r < 0 ? r : sort_rows(all, stage);
}

struct ranks {
	const struct pipe_sort *sort;
	const int64_t *of; /* rank of each row of the answer */
};

static int set_ranks(void *ctx, struct rows *rows, size_t first)
{
	const struct ranks *ranks = ctx;

	return ranks->of ? rows_set_ints(rows, ranks->sort->rank, ranks->of + first) : 0;
}

/* From offset to limit of each partition, with the rank of each row. */
static size_t choose(const struct sort_worker *all, struct kept_ref *refs, int64_t *ranks)
{
	const struct pipe_sort *sort = all->sort;
	size_t n = 0, start = 0;

	for (size_t i = 0; i < all->rows.len; i++) {
		if (i && !span_eq(all->rows.ptr[i].partition, all->rows.ptr[start].partition))
			start = i;
		size_t place = i - start;

		if (place < sort->offset ||
		    (sort->has_limit && place - sort->offset >= sort->limit))
			continue;
		refs[n] = all->rows.ptr[i].ref;
		ranks[n++] = (int64_t)place + 1;
	}
	return n;
}

static int push_chosen(struct stage *stage, const struct sort_worker *all)
{
	struct ranks ranks = {.sort = all->sort};
	_cleanup_free_ struct kept_ref *refs = calloc(all->rows.len + 1, sizeof(*refs));
	_cleanup_free_ int64_t *numbers = calloc(all->rows.len + 1, sizeof(*numbers));

	if (!refs || !numbers)
		return stage_no_memory(stage);
	size_t n = choose(all, refs, numbers);

	if (all->sort->rank.ptr)
		ranks.of = numbers;
	return kept_push(&all->kept, refs, n, stage, set_ranks, &ranks);
}

static int sort_finish(struct stage *stage)
{
	const struct sort_worker *all = stage_state(stage, 0);
	int r = merge_workers(stage);
	size_t bytes = all->rows.len * (sizeof(struct kept_ref) + sizeof(int64_t));

	if (r >= 0)
		r = stage_charge(stage, bytes);
	if (r < 0)
		return r;
	r = push_chosen(stage, all);
	stage_uncharge(stage, bytes);
	return r;
}

static bool sort_by_time(const struct pipe *pipe)
{
	const struct pipe_sort *sort = (const struct pipe_sort *)pipe;

	return sort->nfields && span_eq(sort->fields[0].name, SPAN("_time")) && !sort->has_limit &&
	       !sort->offset && !sort->partition.len && !sort->rank.ptr;
}

static void sort_forget(struct stage *stage)
{
	for (unsigned i = 0; i < stage_workers(stage); i++) {
		struct sort_worker *worker = stage_state(stage, i);

		kept_release(&worker->kept);
		vec_release(&worker->rows);
		kept_init(&worker->kept);
		stage_uncharge(stage, worker->charged);
		worker->charged = 0;
	}
}

static void sort_close(struct stage *stage)
{
	for (unsigned i = 0; stage->state && i < stage_workers(stage); i++) {
		struct sort_worker *worker = stage_state(stage, i);

		if (!worker->open)
			continue;
		kept_release(&worker->kept);
		vec_release(&worker->rows);
		if (i == 0)
			pthread_mutex_destroy(&worker->bound->lock);
		if (i == 0)
			free(worker->bound);
	}
}

static void sort_needs(const struct pipe *pipe, struct field_set *set)
{
	const struct pipe_sort *sort = (const struct pipe_sort *)pipe;

	if (sort->rank.ptr)
		field_set_remove(set, sort->rank);
	if (!sort->nfields)
		field_set_reset(set, true);
	for (size_t i = 0; i < sort->nfields; i++)
		field_set_add(set, sort->fields[i].name);
	field_set_add_list(set, &sort->partition);
}

const struct pipe_ops pipe_sort_ops = {
	.names = "sort order",
	.by_time = sort_by_time,
	.forget = sort_forget,
	.lazy = true,
	.parse = sort_parse,
	.print = sort_print,
	.needs = sort_needs,
	.open = sort_open,
	.push = sort_push,
	.skips = sort_skips,
	.oldest_first = sort_oldest_first,
	.explain = sort_explain,
	.finish = sort_finish,
	.close = sort_close,
};

const struct pipe_ops pipe_first_ops = {
	.names = "first",
	.lazy = true,
	.parse = first_parse,
	.print = first_print,
	.needs = sort_needs,
	.open = sort_open,
	.push = sort_push,
	.skips = sort_skips,
	.oldest_first = sort_oldest_first,
	.explain = sort_explain,
	.finish = sort_finish,
	.close = sort_close,
};

const struct pipe_ops pipe_last_ops = {
	.names = "last",
	.lazy = true,
	.parse = last_parse,
	.print = first_print,
	.needs = sort_needs,
	.open = sort_open,
	.push = sort_push,
	.skips = sort_skips,
	.oldest_first = sort_oldest_first,
	.explain = sort_explain,
	.finish = sort_finish,
	.close = sort_close,
};
