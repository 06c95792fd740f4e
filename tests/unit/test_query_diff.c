/*
 * The engine against a naive evaluator, on random rows and random queries.
 *
 * The evaluator goes row by row over texts and knows nothing of blocks,
 * columns, bitmaps, workers or merging.  It has its own idea of each filter,
 * pipe and function that it makes: what the two agree on is either right or
 * misunderstood twice.
 *
 * Some tables go into a store as well, half of their rows sealed into a part
 * and half in memory: the index must answer as the rows at hand do.
 */
#include "common/base/cleanup.h"
#include "common/base/num.h"
#include "common/base/vec.h"
#include "tests/unit/query_fixture.h"
#include "tests/unit/store_fixture.h"

#define FIELDS       5
#define ROWS         300
#define TABLES       48
#define QUERIES_EACH 40
#define ADDRESS_FROM (10l << 24)
#define SEED         UINT64_C(20261123)

static const char *const field_names[FIELDS] = {"a", "b", "n", "msg", "t_ip"};

struct row {
	struct span values[FIELDS];
};

struct table {
	struct row rows[ROWS];
	size_t n;
	struct arena arena;
};

static size_t pick(uint64_t *seed, size_t n)
{
	return (size_t)(next_random(seed) % n);
}

/*
 * Texts of a few forms, as a store keeps them: numbers, ids and addresses next
 * to the borders of words, and a byte that is no UTF-8 and marks slots there.
 */
static struct span random_message(uint64_t *seed, struct arena *arena)
{
	unsigned n = (unsigned)next_random(seed);

	switch (pick(seed, 12)) {
	case 0:
		return arena_printf(arena, "order %u red=%u5", n % 5000, n >> 8 & 3);
	case 1:
		return arena_printf(arena, "user12 from 10.0.%u.%u", n & 3, n >> 8 & 63);
	case 2:
		return arena_printf(arena, "blue%u 12", n & 15);
	case 3:
		return arena_printf(arena, "green-%08x,%03u red", n, n & 15);
	case 4:
		return arena_printf(arena, "%u5", n & 3);
	case 5:
		return arena_printf(arena, "took %ums, k%u x%u", n % 900, n >> 8 & 7, n >> 16 & 3);
	case 6:
		return arena_printf(arena, "0x%x:%uZ %us %ug %uf a%u", n & 0xfff, n % 60, n & 7,
				    n & 3, n >> 8 & 255, n >> 16 & 1023);
	case 7:
		return arena_printf(arena, "id %08x%s", n | 0xa0000000, n & 1 ? "s" : "h");
	default:
		return arena_printf(arena, "red order_%u", n % 2000);
	}
}

/* Addresses, of which some rows have none; now and then another spelling is among them. */
static struct span random_address(uint64_t *seed, bool forms, struct arena *arena)
{
	if (pick(seed, 9) == 0)
		return SPAN("");
	if (!forms && pick(seed, 50) == 0)
		return SPAN("010.0.1.7");
	return arena_printf(arena, "10.0.%zu.%zu", pick(seed, 2), pick(seed, 200));
}

/* Few values, so that rows meet: words, numbers, texts of several words, nothing. */
static struct span random_value(uint64_t *seed, size_t field, bool forms, struct arena *arena)
{
	static const char *const words[] = {"red", "green", "blue", "Red", ""};
	static const char *const texts[] = {"order red accepted", "user green",        "red",
					    "blue order",         "redder than green", ""};

	if (field < 2)
		return span_cstr(words[pick(seed, 5)]);
	if (field == 2)
		return pick(seed, 6) ? arena_printf(arena, "%zu", pick(seed, 30)) : SPAN("");
	if (field == 4)
		return random_address(seed, forms, arena);
	if (forms && pick(seed, 200) == 0)
		return SPAN("order \xff red");
	return forms && pick(seed, 8) ? random_message(seed, arena)
				      : span_cstr(texts[pick(seed, 6)]);
}

static void fill(struct table *table, bool forms, uint64_t *seed)
{
	arena_init(&table->arena, 1 << 20);
	table->n = 1 + pick(seed, ROWS);
	for (size_t i = 0; i < table->n; i++)
		for (size_t k = 0; k < FIELDS; k++)
			table->rows[i].values[k] = random_value(seed, k, forms, &table->arena);
}

/* The naive side: filters. */

enum naive_kind {
	NAIVE_EXACT,
	NAIVE_WORD,
	NAIVE_PREFIX,
	NAIVE_PIECE,
	NAIVE_ABOVE,
	NAIVE_ADDRESS,
	NAIVE_EMPTY,
	NAIVE_IN,
	NAIVE_KINDS
};

struct naive_leaf {
	enum naive_kind kind;
	size_t field;
	const char *text;
	long above;
	bool negated;
};

/* x and y, x or y, or x alone */
struct naive_filter {
	struct naive_leaf leaves[3];
	size_t n;
	bool any; /* or */
};

static bool is_word_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_';
}

/* `kind`: as a word, as the begin of one, or anywhere. */
static bool has(struct span text, const char *word, enum naive_kind kind)
{
	size_t len = strlen(word);

	for (size_t i = 0; i + len <= text.len; i++) {
		bool starts = i == 0 || !is_word_char(text.ptr[i - 1]);
		bool ends = i + len == text.len || !is_word_char(text.ptr[i + len]);

		starts |= kind == NAIVE_PIECE;
		ends |= kind != NAIVE_WORD;
		if (starts && ends && memcmp(text.ptr + i, word, len) == 0)
			return true;
	}
	return false;
}

static bool read_address(struct span text, uint64_t *ret)
{
	struct span part;
	uint64_t n;

	*ret = 0;
	for (int parts = 0; parts < 4; parts++) {
		if (!span_cut(&text, '.', &part) || num_parse_u64(part, &n) < 0)
			return false;
		*ret = *ret << 8 | n;
	}
	return text.len == 0;
}

static bool leaf_matches(const struct naive_leaf *leaf, const struct row *row)
{
	struct span value = row->values[leaf->field];
	uint64_t number;
	bool match = false;

	switch (leaf->kind) {
	case NAIVE_EXACT:
		match = span_eq(value, span_cstr(leaf->text));
		break;
	case NAIVE_WORD:
	case NAIVE_PREFIX:
	case NAIVE_PIECE:
		match = has(value, leaf->text, leaf->kind);
		break;
	case NAIVE_ABOVE:
		match = (num_parse_u64(value, &number) == 0 || read_address(value, &number)) &&
			(long)number > leaf->above;
		break;
	case NAIVE_ADDRESS:
		match = read_address(value, &number) &&
			(long)number >= ADDRESS_FROM + leaf->above &&
			number <= ADDRESS_FROM + 256 + 99;
		break;
	case NAIVE_EMPTY:
		match = value.len == 0;
		break;
	case NAIVE_IN:
		match = span_eq(value, span_cstr(leaf->text)) || span_eq(value, SPAN("7"));
		break;
	case NAIVE_KINDS:
		break;
	}
	return match != leaf->negated;
}

static bool filter_matches(const struct naive_filter *filter, const struct row *row)
{
	for (size_t i = 0; i < filter->n; i++)
		if (leaf_matches(&filter->leaves[i], row) == filter->any)
			return filter->any;
	return !filter->any;
}

static void print_leaf(const struct naive_leaf *leaf, struct buf *out)
{
	const char *field = field_names[leaf->field];

	buf_puts(out, leaf->negated ? SPAN("!") : SPAN(""));
	switch (leaf->kind) {
	case NAIVE_EXACT:
		buf_printf(out, "%s:=%s", field, leaf->text);
		break;
	case NAIVE_WORD:
		buf_printf(out, "%s:%s", field, leaf->text);
		break;
	case NAIVE_PREFIX:
		buf_printf(out, "%s:%s*", field, leaf->text);
		break;
	case NAIVE_PIECE:
		buf_printf(out, "%s:*%s*", field, leaf->text);
		break;
	case NAIVE_ABOVE:
		buf_printf(out, "%s:>%ld", field, leaf->above);
		break;
	case NAIVE_ADDRESS:
		buf_printf(out, "%s:ipv4_range(10.0.0.%ld, 10.0.1.99)", field, leaf->above);
		break;
	case NAIVE_EMPTY:
		buf_printf(out, "%s:\"\"", field);
		break;
	case NAIVE_IN:
		buf_printf(out, "%s:in(%s, 7)", field, leaf->text);
		break;
	case NAIVE_KINDS:
		break;
	}
}

static void random_filter(uint64_t *seed, struct naive_filter *filter, struct buf *out)
{
	static const char *const words[] = {"red", "green", "blue",     "order",
					    "5",   "12",    "10.0.1.7", "0"};

	filter->n = 1 + pick(seed, 3);
	filter->any = pick(seed, 2);
	for (size_t i = 0; i < filter->n; i++) {
		filter->leaves[i] = (struct naive_leaf){
			.kind = (enum naive_kind)pick(seed, NAIVE_KINDS),
			.field = pick(seed, FIELDS),
			.text = words[pick(seed, 8)],
			.above = (long)pick(seed, 30),
			.negated = pick(seed, 4) == 0,
		};
		buf_puts(out, !i ? SPAN("") : filter->any ? SPAN(" or ") : SPAN(" "));
		print_leaf(&filter->leaves[i], out);
	}
}

/* The naive side: answers as lines. */

struct lines {
	VEC(char *) list;
};

static void lines_add(struct lines *lines, struct buf *line)
{
	char *text = strndup(line->ptr ? line->ptr : "", line->len);

	assert_non_null(text);
	assert_int_equal(vec_push(&lines->list, text), 0);
	buf_reset(line);
}

static int compare_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void lines_sort(struct lines *lines)
{
	if (lines->list.len)
		qsort(lines->list.ptr, lines->list.len, sizeof(char *), compare_text);
}

static void lines_release(struct lines *lines)
{
	for (size_t i = 0; i < lines->list.len; i++)
		free(lines->list.ptr[i]);
	vec_release(&lines->list);
}

static void put(struct buf *line, const char *name, struct span value)
{
	if (value.len)
		buf_printf(line, "%s=%.*s;", name, SPAN_FMT(value));
}

/* Groups by the fields a, b with count, sum of n (numbers only) and largest n. */
struct naive_group {
	struct span a, b;
	unsigned count, numbers;
	uint64_t sum, max;
};

static struct naive_group *find_group(struct naive_group *groups, size_t *n, const struct row *row)
{
	for (size_t i = 0; i < *n; i++)
		if (span_eq(groups[i].a, row->values[0]) && span_eq(groups[i].b, row->values[1]))
			return &groups[i];
	groups[*n] = (struct naive_group){.a = row->values[0], .b = row->values[1]};
	return &groups[(*n)++];
}

static size_t group_rows(const struct table *table, const struct naive_filter *filter,
			 struct naive_group *groups)
{
	size_t n = 0;

	for (size_t i = 0; i < table->n; i++) {
		const struct row *row = &table->rows[i];
		uint64_t number;

		if (!filter_matches(filter, row))
			continue;
		struct naive_group *group = find_group(groups, &n, row);

		group->count++;
		if (num_parse_u64(row->values[2], &number) < 0)
			continue;
		group->numbers++;
		group->sum += number;
		group->max = number > group->max ? number : group->max;
	}
	return n;
}

static void naive_stats(const struct table *table, const struct naive_filter *filter,
			struct lines *ret)
{
	_cleanup_(buf_release) struct buf line = BUF_INIT(1 << 16);
	struct naive_group groups[ROWS];
	size_t n = group_rows(table, filter, groups);

	for (size_t i = 0; i < n; i++) {
		put(&line, "a", groups[i].a);
		put(&line, "b", groups[i].b);
		buf_printf(&line, "c=%u;", groups[i].count);
		if (groups[i].numbers)
			buf_printf(&line, "m=%u;s=%u;", (unsigned)groups[i].max,
				   (unsigned)groups[i].sum);
		lines_add(ret, &line);
	}
}

static void naive_uniq(const struct table *table, const struct naive_filter *filter,
		       struct lines *ret)
{
	_cleanup_(buf_release) struct buf line = BUF_INIT(1 << 16);
	struct naive_group groups[ROWS];
	size_t n = group_rows(table, filter, groups);

	for (size_t i = 0; i < n; i++) {
		put(&line, "a", groups[i].a);
		put(&line, "b", groups[i].b);
		buf_printf(&line, "hits=%u;", groups[i].count);
		lines_add(ret, &line);
	}
}

static void naive_rows(const struct table *table, const struct naive_filter *filter,
		       struct lines *ret)
{
	_cleanup_(buf_release) struct buf line = BUF_INIT(1 << 16);

	for (size_t i = 0; i < table->n; i++) {
		const struct row *row = &table->rows[i];

		if (!filter_matches(filter, row))
			continue;
		for (size_t k = 0; k < FIELDS; k++)
			if (k != 3)
				put(&line, field_names[k], row->values[k]);
		put(&line, "text", row->values[3]);
		lines_add(ret, &line);
	}
}

/* The n largest numbers: only the numbers, since rows of equal numbers may differ. */
static int compare_down(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x < y) - (x > y);
}

static void naive_top(const struct table *table, const struct naive_filter *filter,
		      struct lines *ret)
{
	_cleanup_(buf_release) struct buf line = BUF_INIT(1 << 16);
	uint64_t numbers[ROWS];
	size_t n = 0;

	for (size_t i = 0; i < table->n; i++)
		if (filter_matches(filter, &table->rows[i]) &&
		    num_parse_u64(table->rows[i].values[2], &numbers[n]) == 0)
			n++;
	qsort(numbers, n, sizeof(*numbers), compare_down);
	for (size_t i = 0; i < n && i < 5; i++) {
		buf_printf(&line, "n=%u;", (unsigned)numbers[i]);
		lines_add(ret, &line);
	}
}

static const struct {
	const char *pipes;
	void (*naive)(const struct table *table, const struct naive_filter *filter,
		      struct lines *ret);
} shapes[] = {
	{"stats by (a, b) count() c, sum(n) if (n:*) s, max(n) m | format if (s:NaN) \"\" as s",
	 naive_stats},
	{"uniq by (a, b) with hits", naive_uniq},
	{"rename msg as text", naive_rows},
	{"copy msg text | delete ms* | fields a, b, n, t*", naive_rows},
	{"filter n:* | sort by (n desc) limit 5 | fields n", naive_top},
	{"n:* | first 5 by (n desc) partition by (none) | keep n", naive_top},
};

#define NSHAPES (sizeof(shapes) / sizeof(*shapes))

/* The engine's side. */

static struct query_source *open_table(const struct table *table)
{
	struct source_row rows[ROWS];
	struct span pairs[ROWS][2 * FIELDS];
	struct query_source *source;

	for (size_t i = 0; i < table->n; i++) {
		for (size_t k = 0; k < FIELDS; k++) {
			pairs[i][2 * k] = span_cstr(field_names[k]);
			pairs[i][2 * k + 1] = table->rows[i].values[k];
		}
		rows[i] = (struct source_row){pairs[i], FIELDS};
	}
	assert_int_equal(source_rows_open(rows, table->n, &source), 0);
	return source;
}

static int collect_lines(void *ctx, struct rows *rows)
{
	_cleanup_(buf_release) struct buf line = BUF_INIT(1 << 16);
	struct span names[NAMES_MAX];
	size_t n = sorted_names(rows, names);

	for (uint32_t row = 0; row < rows->n; row++) {
		put_row(&line, rows, names, n, row);
		lines_add(ctx, &line);
	}
	return 0;
}

static void run_engine(struct span text, struct query_source *source, unsigned threads,
		       struct lines *ret)
{
	struct query_conf conf = {.threads = threads};
	struct query_result result;
	struct query *query;
	struct err err = {.text = ""};

	if (query_parse(text, 0, &query_lang_ops, &query, &err) < 0)
		fail_msg("%.*s: %s", SPAN_FMT(text), err.text);
	if (query_execute(query, &conf, source, collect_lines, ret, &result, &err) < 0)
		fail_msg("%.*s: %s", SPAN_FMT(text), err.text);
	assert_false(result.partial);
	query_result_release(&result);
	query_free(query);
}

static void compare(struct span text, struct lines *expected, struct lines *came)
{
	lines_sort(expected);
	lines_sort(came);
	if (expected->list.len != came->list.len)
		fail_msg("%.*s: %zu rows expected, %zu came", SPAN_FMT(text), expected->list.len,
			 came->list.len);
	for (size_t i = 0; i < came->list.len; i++)
		if (strcmp(expected->list.ptr[i], came->list.ptr[i]) != 0)
			fail_msg("%.*s: expected %s, came %s", SPAN_FMT(text),
				 expected->list.ptr[i], came->list.ptr[i]);
}

static void check_query(uint64_t *seed, const struct table *table, struct query_source *source,
			struct query_source *index)
{
	_cleanup_(buf_release) struct buf text = BUF_INIT(1 << 16);
	size_t shape = pick(seed, NSHAPES);
	struct lines expected = {0}, came = {0}, indexed = {0};
	struct naive_filter filter;

	random_filter(seed, &filter, &text);
	/* The index gives each row a time and a stream. */
	buf_printf(&text, " | delete _time, _stream, _stream_id | %s", shapes[shape].pipes);
	shapes[shape].naive(table, &filter, &expected);
	run_engine(buf_span(&text), source, 1 + (unsigned)pick(seed, 3), &came);
	compare(buf_span(&text), &expected, &came);
	if (index)
		run_engine(buf_span(&text), index, 2, &indexed);
	if (index)
		compare(buf_span(&text), &expected, &indexed);
	lines_release(&expected);
	lines_release(&came);
	lines_release(&indexed);
}

static void index_row(struct store *store, const struct row *row, size_t number)
{
	struct store_stream *stream;
	struct arena arena;
	struct record rec;

	arena_init(&arena, 64 << 10);
	record_init(&rec, &arena, SPAN(""));
	rec.time_ns = (int64_t)number * 1000;
	for (size_t k = 0; k < FIELDS; k++)
		assert_int_equal(record_add(&rec, (struct field){.key = span_cstr(field_names[k]),
								 .text = row->values[k],
								 .type = VALUE_STRING}),
				 0);
	assert_int_equal(store_stream_get(store, NULL, 0, &stream), 0);
	assert_int_equal(store_append(store, stream, &rec), 0);
	arena_release(&arena);
}

static struct store *index_table(const struct table *table, const char *dir)
{
	struct store *store = open_store(dir, &(struct store_conf){.no_background = true});
	struct store_progress none = {0};
	struct err err;

	for (size_t i = 0; i < table->n; i++) {
		index_row(store, &table->rows[i], i);
		if (i == table->n / 2)
			assert_int_equal(store_commit(store, &none, &err), 0);
	}
	return store;
}

/* Patterns of texts one by one, and of the shapes that a part keeps. */
static void check_patterns(struct query_source *source, struct query_source *index)
{
	struct span text = SPAN("* | delete _time | patterns at msg by (a) limit 0 | "
				"fields a, pattern, count");
	struct lines expected = {0}, came = {0};

	run_engine(text, source, 1, &expected);
	run_engine(text, index, 2, &came);
	compare(text, &expected, &came);
	lines_release(&expected);
	lines_release(&came);
}

static void check_table(uint64_t *seed, bool with_index)
{
	struct table *table = calloc(1, sizeof(*table));
	struct query_source *source, *index = NULL;
	struct store *store = NULL;
	char dir[SCRATCH_MAX];

	assert_non_null(table);
	fill(table, with_index, seed);
	source = open_table(table);
	if (with_index) {
		scratch_make(dir);
		store = index_table(table, dir);
		assert_int_equal(source_store_open(store, &index), 0);
	}
	for (unsigned i = 0; i < QUERIES_EACH; i++)
		check_query(seed, table, source, index);
	if (with_index) {
		check_patterns(source, index);
		source_close(index);
		store_close(store);
		scratch_remove(dir);
	}
	source_close(source);
	arena_release(&table->arena);
	free(table);
}

static void test_random_queries(void **state)
{
	uint64_t seed = SEED;

	(void)state;
	for (unsigned i = 0; i < TABLES; i++)
		check_table(&seed, i % 3 == 0);
}

#define MANY_SHAPES 60
#define SHAPE_ROWS  40

/* Many shapes in a block, of which the filter leaves two rows. */
static void test_patterns_of_few_rows(void **state)
{
	const struct span text = SPAN("n:in(41, 81) | patterns at msg limit 0 | fields pattern");
	struct lines expected = {0}, came = {0};
	_cleanup_(buf_release) struct buf line = BUF_INIT(1 << 10);
	struct store_progress none = {0};
	struct query_source *index;
	char dir[SCRATCH_MAX];
	struct store *store;
	struct err err;

	(void)state;
	scratch_make(dir);
	store = open_store(dir, &(struct store_conf){.no_background = true});
	for (int i = 0; i < MANY_SHAPES * SHAPE_ROWS; i++) {
		int shape = i / SHAPE_ROWS;
		char json[160];

		snprintf(json, sizeof(json),
			 "{\"n\":\"%d\",\"msg\":\"kind%c%c of event took %d ms of %d\"}", i,
			 'a' + shape / 10, 'a' + shape % 10, i * 7, i);
		assert_int_equal(append_line(store, json), 0);
	}
	assert_int_equal(store_commit(store, &none, &err), 0);
	assert_int_equal(source_store_open(store, &index), 0);
	buf_puts(&line, SPAN("pattern=kindab of event took <N> ms of <N>;"));
	lines_add(&expected, &line);
	buf_puts(&line, SPAN("pattern=kindac of event took <N> ms of <N>;"));
	lines_add(&expected, &line);
	run_engine(text, index, 1, &came);
	compare(text, &expected, &came);
	lines_release(&expected);
	lines_release(&came);
	source_close(index);
	store_close(store);
	scratch_remove(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random_queries),
		cmocka_unit_test(test_patterns_of_few_rows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
