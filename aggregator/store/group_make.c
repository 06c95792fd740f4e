/* Making a row group of the rows in memory; see group.h for the layout. */
#include "aggregator/store/bloom.h"
#include "aggregator/store/group.h"
#include "common/base/check.h"
#include "common/base/hash.h"
#include "common/base/num.h"
#include "common/lang/token.h"
#include <errno.h>

#define ZSTD_LEVEL 1
#define ARENA_MAX  (1u << 30)

struct group_maker {
	struct codec_context ctx;
	uint32_t *rows;      /* rows[position] = row of the table */
	uint32_t *positions; /* the inverse */
	uint32_t *slots;     /* value of the row at a position, + 1 */
	struct span *texts;  /* of one column */
	uint64_t *present;
	int64_t *times;
	uint64_t *tokens; /* hash set of the column's words */
	size_t ntokens, captokens;
	bool in_order;             /* rows[i] == i */
	char commit[NUM_TEXT_MAX]; /* the value of COMMIT_NAME */
};

int group_maker_new(struct group_maker **ret)
{
	struct group_maker *m = calloc(1, sizeof(*m));

	if (!m)
		return -ENOMEM;
	arena_init(&m->ctx.arena, ARENA_MAX);
	buf_init(&m->ctx.plain, SECTION_MAX);
	m->rows = malloc(ROW_BLOCK_MAX * sizeof(*m->rows));
	m->positions = malloc(ROW_BLOCK_MAX * sizeof(*m->positions));
	m->slots = malloc(ROW_BLOCK_MAX * sizeof(*m->slots));
	m->texts = malloc(ROW_BLOCK_MAX * sizeof(*m->texts));
	m->times = malloc(ROW_BLOCK_MAX * sizeof(*m->times));
	m->present = malloc(BITMAP_WORDS(ROW_BLOCK_MAX) * sizeof(*m->present));
	int r = distinct_init(&m->ctx.distinct);

	r = r < 0 ? r : zip_new(ZSTD_LEVEL, &m->ctx.zip);
	if (r < 0 || !m->rows || !m->positions || !m->slots || !m->texts || !m->times ||
	    !m->present) {
		group_maker_free(m);
		return -ENOMEM;
	}
	*ret = m;
	return 0;
}

void group_maker_free(struct group_maker *m)
{
	if (!m)
		return;
	zip_free(m->ctx.zip);
	distinct_release(&m->ctx.distinct);
	arena_release(&m->ctx.arena);
	buf_release(&m->ctx.plain);
	free(m->rows);
	free(m->positions);
	free(m->slots);
	free(m->texts);
	free(m->times);
	free(m->present);
	free(m->tokens);
	free(m);
}

static int compare_rows(const void *a, const void *b, void *ctx)
{
	const struct memtable *table = ctx;
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	if (table->streams[x] != table->streams[y]) {
		int r = span_cmp(table->streams[x]->text, table->streams[y]->text);

		if (r)
			return r;
	}
	if (table->times[x] != table->times[y])
		return table->times[x] < table->times[y] ? -1 : 1;
	return x < y ? -1 : x > y; /* as they came */
}

static void sort_rows(struct group_maker *m, struct memtable *table)
{
	for (uint32_t i = 0; i < table->nrows; i++)
		m->rows[i] = i;
	qsort_r(m->rows, table->nrows, sizeof(*m->rows), compare_rows, table);
	m->in_order = true;
	for (uint32_t i = 0; i < table->nrows; i++) {
		m->positions[m->rows[i]] = i;
		m->in_order &= m->rows[i] == i;
	}
}

/* A column's values in the order of the group. */
static struct values gather(struct group_maker *m, const struct memtable *table,
			    const struct mem_column *column)
{
	const struct mem_value *stored = column->values.ptr;
	uint32_t nrows = table->nrows;
	size_t n = 0;
	bool all = column->values.len == nrows;

	memset(m->slots, 0, nrows * sizeof(*m->slots));
	memset(m->present, 0, BITMAP_WORDS(nrows) * sizeof(*m->present));
	for (size_t i = 0; i < column->values.len; i++)
		m->slots[m->positions[stored[i].row]] = (uint32_t)i + 1;
	for (uint32_t i = 0; i < nrows; i++) {
		if (m->slots[i] == 0)
			continue;
		const struct mem_value *value = &stored[m->slots[i] - 1];

		bit_set(m->present, i);
		m->texts[n++] = span_of(table->text + value->off, value->len);
	}
	return (struct values){.name = column->name,
			       .texts = m->texts,
			       .n = n,
			       .nrows = nrows,
			       .present = all ? NULL : m->present};
}

/* Add a hash to the set, which has more than twice the room that it needs. */
static void token_set_add(struct group_maker *m, uint64_t hash)
{
	size_t mask = m->captokens - 1, at = hash & mask;

	hash += hash == 0; /* 0 marks a free place */
	while (m->tokens[at] && m->tokens[at] != hash)
		at = (at + 1) & mask;
	m->ntokens += m->tokens[at] == 0;
	m->tokens[at] = hash;
}

static int token_set_grow(struct group_maker *m)
{
	size_t oldcap = m->captokens;
	uint64_t *old = m->tokens;

	if (m->ntokens * 2 < oldcap)
		return 0;
	m->tokens = calloc(oldcap ? oldcap * 2 : 1024, sizeof(*m->tokens));
	if (!m->tokens) {
		m->tokens = old;
		return -ENOMEM;
	}
	m->captokens = oldcap ? oldcap * 2 : 1024;
	m->ntokens = 0;
	for (size_t i = 0; i < oldcap; i++)
		if (old[i])
			token_set_add(m, old[i]);
	free(old);
	return 0;
}

/* The words of the column's texts, each once, at the front of m->tokens. */
static int collect_tokens(struct group_maker *m)
{
	memset(m->tokens, 0, m->captokens * sizeof(*m->tokens));
	m->ntokens = 0;
	for (size_t i = 0; i < m->ctx.nwords; i++) {
		struct span rest = m->ctx.words[i], word;

		while (token_next(&rest, &word)) {
			int r = token_set_grow(m);

			if (r < 0)
				return r;
			token_set_add(m, token_hash(word));
		}
	}
	for (size_t i = 0, n = 0; i < m->captokens; i++)
		if (m->tokens[i])
			m->tokens[n++] = m->tokens[i];
	return 0;
}

static int put_filter(struct group_maker *m, struct buf *out, size_t begin,
		      struct column_entry *entry)
{
	if (m->ctx.nwords == 0)
		return 0;
	int r = collect_tokens(m);

	if (r < 0)
		return r;
	entry->bloom_off = out->len - begin;
	entry->bloom_lines = (uint32_t)bloom_put(out, m->tokens, m->ntokens);
	return out->failed;
}

/* Store one column with the first codec that takes it. */
static int put_column(struct group_maker *m, const struct values *values, uint8_t types,
		      struct buf *out, size_t begin, struct column_entry *entry)
{
	static const uint8_t order[] = {CODEC_TIME, CODEC_CONST, CODEC_DICT, CODEC_INT,
					CODEC_HEX,  CODEC_IPV4,  CODEC_TEXT};
	size_t at = out->len;
	int r = 0;

	for (size_t i = 0; r == 0; i++) {
		CHECK(i < sizeof(order));
		arena_reset(&m->ctx.arena);
		m->ctx.words = NULL;
		m->ctx.nwords = 0;
		*entry = (struct column_entry){
			.name = values->name, .codec = order[i], .types = types};
		r = codecs[order[i]]->put(&m->ctx, values, out, entry);
	}
	if (r < 0 || out->failed)
		return r < 0 ? r : out->failed;
	entry->off = at - begin;
	entry->len = out->len - at;
	entry->sum = hash64(span_of(out->ptr + at, entry->len));
	return put_filter(m, out, begin, entry);
}

static int put_times(struct group_maker *m, const struct memtable *table, struct buf *out,
		     size_t begin, struct column_entry *entry)
{
	for (uint32_t i = 0; i < table->nrows; i++)
		m->times[i] = table->times[m->rows[i]];
	struct values values = {
		.name = SPAN("_time"), .n = table->nrows, .nrows = table->nrows, .times = m->times};

	return put_column(m, &values, 0, out, begin, entry);
}

static int put_streams(struct group_maker *m, const struct memtable *table, struct buf *out,
		       size_t begin, struct column_entry *entry)
{
	for (uint32_t i = 0; i < table->nrows; i++)
		m->texts[i] = table->streams[m->rows[i]]->text;
	struct values values = {.name = SPAN("_stream"),
				.texts = m->texts,
				.n = table->nrows,
				.nrows = table->nrows};

	return put_column(m, &values, 0, out, begin, entry);
}

static int put_commit(struct group_maker *m, const struct memtable *table, struct buf *out,
		      size_t begin, struct column_entry *entry)
{
	struct span number = span_of(m->commit, num_format_u64(m->commit, table->commit));

	for (uint32_t i = 0; i < table->nrows; i++)
		m->texts[i] = number;
	struct values values = {
		.name = COMMIT_NAME, .texts = m->texts, .n = table->nrows, .nrows = table->nrows};

	return put_column(m, &values, 1u << VALUE_NUMBER, out, begin, entry);
}

static int compare_entries(const void *a, const void *b)
{
	const struct column_entry *x = a, *y = b;

	return span_cmp(x->name, y->name);
}

static void put_entry(struct buf *out, const struct column_entry *entry)
{
	put_span(out, entry->name);
	put_u8(out, entry->codec);
	put_u8(out, entry->types);
	put_u8(out, entry->has_range ? ENTRY_RANGE : 0);
	if (entry->has_range) {
		put_double(out, entry->min);
		put_double(out, entry->max);
	}
	if (entry->codec == CODEC_CONST)
		put_span(out, entry->value);
	put_varint(out, entry->off);
	put_varint(out, entry->len);
	put_u64(out, entry->sum);
	put_varint(out, entry->bloom_off);
	put_varint(out, entry->bloom_lines);
}

static void put_directory(struct buf *out, uint32_t nrows, struct column_entry *entries, size_t n)
{
	qsort(entries, n, sizeof(*entries), compare_entries);
	put_varint(out, nrows);
	put_varint(out, n);
	for (size_t i = 0; i < n; i++)
		put_entry(out, &entries[i]);
}

/* All columns; `entries` has room for them and the three of our own. */
static int put_columns(struct group_maker *m, struct memtable *table, struct buf *out, size_t begin,
		       struct column_entry *entries, size_t *ret_n)
{
	size_t n = 0;
	int r = put_times(m, table, out, begin, &entries[n++]);

	r = r < 0 ? r : put_streams(m, table, out, begin, &entries[n++]);
	if (table->commit)
		r = r < 0 ? r : put_commit(m, table, out, begin, &entries[n++]);
	for (size_t i = 0; r == 0 && i < table->columns.len; i++) {
		const struct mem_column *column = table->columns.ptr[i];

		if (column->values.len == 0)
			continue;
		struct values values = gather(m, table, column);

		r = put_column(m, &values, column->types, out, begin, &entries[n++]);
	}
	*ret_n = n;
	return r;
}

int group_make(struct group_maker *m, struct memtable *table, struct buf *out,
	       struct group_info *ret)
{
	size_t begin = out->len, n = 0;
	struct column_entry *entries = calloc(table->columns.len + 3, sizeof(*entries));

	CHECK(table->frozen && table->nrows > 0);
	if (!entries)
		return -ENOMEM;
	sort_rows(m, table);
	int r = token_set_grow(m);

	r = r < 0 ? r : put_columns(m, table, out, begin, entries, &n);
	size_t dir = out->len;

	if (r == 0)
		put_directory(out, table->nrows, entries, n);
	free(entries);
	if (r == 0)
		r = out->failed;
	if (r == 0 && out->len - begin > GROUP_BYTES_MAX)
		r = -E2BIG;
	if (r < 0)
		return r;
	*ret = (struct group_info){
		.off = begin,
		.len = (uint32_t)(out->len - begin),
		.dir_len = (uint32_t)(out->len - dir),
		.dir_sum = hash64(span_of(out->ptr + dir, out->len - dir)),
		.nrows = table->nrows,
		.overflow = map_get(&table->by_name, OVERFLOW_NAME) != NULL,
		.min_time = table->min_time,
		.max_time = table->max_time,
	};
	return 0;
}
