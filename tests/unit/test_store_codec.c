/* Every encoding gives back the exact text, for values of every kind. */
#include "aggregator/store/decimal.h"
#include "aggregator/store/group.h"
#include "aggregator/store/ints.h"
#include "common/base/cleanup.h"
#include "common/lang/token.h"
#include "tests/unit/store_fixture.h"

/* Values of one kind; `out` is one value of a column. */
typedef void make_value(uint64_t *seed, struct buf *out);

static uint64_t below(uint64_t *seed, uint64_t n)
{
	return next_random(seed) % n;
}

static void put_chars(uint64_t *seed, struct buf *out, const char *alphabet, size_t n)
{
	for (size_t i = 0; i < n; i++)
		buf_putc(out, alphabet[below(seed, strlen(alphabet))]);
}

static void make_const(uint64_t *seed, struct buf *out)
{
	(void)seed;
	buf_puts(out, SPAN("always the same 17"));
}

static void make_level(uint64_t *seed, struct buf *out)
{
	static const char *const levels[] = {"INFO", "WARN", "ERROR", "debug"};

	buf_puts(out, span_cstr(levels[below(seed, 4)]));
}

static void make_small_int(uint64_t *seed, struct buf *out)
{
	buf_put_i64(out, (int64_t)below(seed, 100000) - 50000);
}

static void make_any_int(uint64_t *seed, struct buf *out)
{
	buf_put_i64(out, (int64_t)next_random(seed) >> below(seed, 64));
}

static void make_sequence(uint64_t *seed, struct buf *out)
{
	static uint64_t at;

	at += 100 + below(seed, 50);
	buf_put_u64(out, at);
}

static void make_huge_digits(uint64_t *seed, struct buf *out)
{
	put_chars(seed, out, "123456789", 18 + below(seed, 4));
}

static void make_padded(uint64_t *seed, struct buf *out)
{
	buf_printf(out, "%03u", (unsigned)below(seed, 2000));
}

static void make_odd_number(uint64_t *seed, struct buf *out)
{
	static const char *const odd[] = {"-0",  "+1",  "1e5", "01",   "1.",   ".5",   "0x10",
					  "NaN", "1,5", "-",   "0.00", "-0.0", "00.1", "1.2.3"};

	if (below(seed, 3))
		buf_put_u64(out, below(seed, 1000));
	else
		buf_puts(out, span_cstr(odd[below(seed, 14)]));
}

static void make_decimal(uint64_t *seed, struct buf *out)
{
	char text[NUM_TEXT_MAX];
	size_t n = num_format_double(text, (double)below(seed, 1000000) / 1000);

	buf_put(out, text, n);
}

static void make_fixed_decimal(uint64_t *seed, struct buf *out)
{
	buf_printf(out, "%s%u.%03u", below(seed, 2) ? "-1" : "", (unsigned)below(seed, 90) + 10,
		   (unsigned)below(seed, 1000));
}

static void make_mixed_decimal(uint64_t *seed, struct buf *out)
{
	buf_printf(out, "%u.%0*u", (unsigned)below(seed, 90), 1 + (int)below(seed, 4),
		   (unsigned)below(seed, 10));
}

static void make_trace(uint64_t *seed, struct buf *out)
{
	uint64_t id = below(seed, 500) + 1;

	buf_printf(out, "%016" PRIx64 "%016" PRIx64, id * UINT64_C(0x9e3779b97f4a7c15),
		   id * UINT64_C(0xbf58476d1ce4e5b9));
}

static void make_span_id(uint64_t *seed, struct buf *out)
{
	buf_printf(out, "%016" PRIx64, next_random(seed));
}

static void make_upper_hex(uint64_t *seed, struct buf *out)
{
	put_chars(seed, out, "0123456789ABCDEF", 16);
}

static void make_uuid(uint64_t *seed, struct buf *out)
{
	static const unsigned groups[] = {8, 4, 4, 4, 12};

	for (int i = 0; i < 5; i++) {
		if (i)
			buf_putc(out, '-');
		put_chars(seed, out, "0123456789abcdef", groups[i]);
	}
}

static void make_address(uint64_t *seed, struct buf *out)
{
	buf_printf(out, "10.%u.%u.%u", (unsigned)below(seed, 4), (unsigned)below(seed, 256),
		   (unsigned)below(seed, 256));
}

static void make_any_address(uint64_t *seed, struct buf *out)
{
	uint64_t n = next_random(seed);

	buf_printf(out, "%u.%u.%u.%u", (unsigned)(n & 255), (unsigned)(n >> 8 & 255),
		   (unsigned)(n >> 16 & 255), (unsigned)(n >> 24 & 255));
}

static void make_odd_address(uint64_t *seed, struct buf *out)
{
	static const char *const odd[] = {"10.0.0",    "10.0.0.256", "010.0.0.1",   "1.2.3.4.",
					  "1.2.3.4.5", "1..2.3",     "10.0.0.0001", "1.2.3.x"};

	if (below(seed, 3))
		make_any_address(seed, out);
	else
		buf_puts(out, span_cstr(odd[below(seed, 8)]));
}

static void make_time(uint64_t *seed, struct buf *out)
{
	char text[TIMESTAMP_TEXT_LEN];

	timestamp_format(text, (int64_t)below(seed, UINT64_C(1) << 60));
	buf_put(out, text, sizeof(text));
}

static void make_message(uint64_t *seed, struct buf *out)
{
	switch (below(seed, 6)) {
	case 0:
		buf_printf(out, "order A-%u paid in %ums", (unsigned)below(seed, 9999),
			   (unsigned)below(seed, 400));
		break;
	case 1:
		buf_printf(out, "request %08x of 0x%x failed: code=%03u",
			   (unsigned)below(seed, ~0u), (unsigned)below(seed, ~0u),
			   (unsigned)below(seed, 20));
		break;
	case 2:
		buf_printf(out, "Größe %u µs für Зима%u 日本%u", (unsigned)below(seed, 99),
			   (unsigned)below(seed, 9), (unsigned)below(seed, 9));
		break;
	case 3:
		buf_printf(out, "%u%u%u%u", (unsigned)below(seed, 9), (unsigned)below(seed, 99999),
			   (unsigned)below(seed, 99999), (unsigned)below(seed, 99999));
		break;
	default:
		buf_puts(out, SPAN("started"));
	}
}

static void make_many_variables(uint64_t *seed, struct buf *out)
{
	for (uint64_t i = below(seed, 100); i > 0; i--)
		buf_printf(out, "%u,", (unsigned)below(seed, 100));
}

static void make_noise(uint64_t *seed, struct buf *out)
{
	for (uint64_t i = 1 + below(seed, 60); i > 0; i--)
		buf_putc(out, (char)below(seed, 256));
}

static void make_long_text(uint64_t *seed, struct buf *out)
{
	put_chars(seed, out, "abcdefgh  \n", below(seed, 100) == 0 ? 20000 : 1);
}

static void make_word(uint64_t *seed, struct buf *out)
{
	buf_printf(out, "user-%u", (unsigned)below(seed, 3000));
}

static make_value *const makers[] = {
	make_const,         make_level,  make_small_int,   make_any_int,        make_sequence,
	make_huge_digits,   make_padded, make_odd_number,  make_decimal,        make_fixed_decimal,
	make_mixed_decimal, make_trace,  make_span_id,     make_upper_hex,      make_uuid,
	make_address,       make_time,   make_message,     make_many_variables, make_noise,
	make_long_text,     make_word,   make_any_address, make_odd_address,
};

#define MAKERS (sizeof(makers) / sizeof(makers[0]))

/* One column: values of one kind, of which some may be missing. */
static void make_column(uint64_t *seed, make_value *make, uint32_t n, bool sparse,
			struct arena *arena, struct span *texts)
{
	for (uint32_t i = 0; i < n; i++) {
		_cleanup_(buf_release) struct buf value = BUF_INIT(1 << 20);

		texts[i] = SPAN("");
		if (sparse && below(seed, 3) == 0)
			continue;
		make(seed, &value);
		assert_int_equal(value.failed, 0);
		texts[i] = arena_dup(arena, buf_span(&value));
	}
}

struct sample {
	struct arena arena;
	struct memtable *table;
	struct stream_table streams;
	struct span *texts[MAKERS];
	int64_t *times;
	const struct store_stream **rows;
	uint32_t n;
};

static void sample_name(size_t i, char name[16])
{
	snprintf(name, 16, "c%zu", i);
}

static void add_times(struct sample *s, uint64_t *seed)
{
	s->times = ARENA_ARRAY(&s->arena, int64_t, s->n);
	s->rows = ARENA_ARRAY(&s->arena, const struct store_stream *, s->n);
	for (uint32_t i = 0; i < s->n; i++) {
		struct store_stream *stream;
		char host[16];

		snprintf(host, sizeof(host), "h%u", (unsigned)below(seed, 5));
		struct span labels[] = {SPAN("host"), span_cstr(host)};

		assert_int_equal(stream_table_labels(&s->streams, labels, 2, &stream), 0);
		s->rows[i] = stream;
		s->times[i] = (int64_t)(below(seed, 1000) * 1000) - 500000;
	}
}

static void sample_make(struct sample *s, uint64_t seed, uint32_t n, bool sparse)
{
	uint32_t first;

	*s = (struct sample){.n = n};
	arena_init(&s->arena, 1ul << 30);
	stream_table_init(&s->streams);
	assert_int_equal(memtable_new(&s->table), 0);
	add_times(s, &seed);
	assert_int_equal(memtable_add_rows(s->table, n, s->times, s->rows, &first), 0);
	for (size_t i = 0; i < MAKERS; i++) {
		char name[16];

		sample_name(i, name);
		s->texts[i] = ARENA_ARRAY(&s->arena, struct span, n);
		make_column(&seed, makers[i], n, sparse, &s->arena, s->texts[i]);
		assert_int_equal(
			memtable_add_column(s->table, 0, n, span_cstr(name), s->texts[i], 0), 0);
	}
	/* Which row is which, after the group ordered them. */
	struct span *ids = ARENA_ARRAY(&s->arena, struct span, n);

	for (uint32_t i = 0; i < n; i++)
		ids[i] = arena_printf(&s->arena, "%u", i);
	assert_int_equal(memtable_add_column(s->table, 0, n, SPAN("id"), ids, 0), 0);
	memtable_freeze(s->table);
}

static void sample_release(struct sample *s)
{
	memtable_unref(s->table);
	stream_table_release(&s->streams);
	arena_release(&s->arena);
}

static uint32_t row_of(const struct column *ids, uint32_t i)
{
	char scratch[64], number[16] = {0};
	struct span text = column_text(ids, i, scratch);

	memcpy(number, text.ptr, text.len < 15 ? text.len : 15);
	return (uint32_t)strtoul(number, NULL, 10);
}

/* Three rows, of which a list makes no other texts. */
static void check_some(const struct sample *s, struct row_block *block, size_t c,
		       const struct column *ids)
{
	uint32_t at[] = {s->n - 1, s->n / 3, s->n / 2}, numbers[3];
	struct column column;
	struct arena arena;
	struct err err;
	char name[16], scratch[64];

	sample_name(c, name);
	arena_init(&arena, 1 << 30);
	if (block->ops->load_some(block, span_cstr(name), at, 3, &arena, &column, &err) < 0)
		fail_msg("%s: %s", name, err.text);
	bool listed = column.list != NULL;

	for (size_t i = 0; listed && i < 3; i++)
		numbers[i] = column.numbers ? column.numbers[at[i]] : at[i];
	if (listed) {
		column.numbers = numbers;
		column.nrows = 3;
	}
	assert_int_equal(column_make(&column, &arena), 0);
	for (size_t i = 0; i < 3; i++)
		assert_true(span_eq(column_text(&column, listed ? i : at[i], scratch),
				    s->texts[c][row_of(ids, at[i])]));
	arena_release(&arena);
}

static void check_column(const struct sample *s, struct row_block *block, size_t c,
			 const struct column *ids)
{
	struct column column;
	struct arena arena;
	struct err err;
	char name[16], scratch[64];

	sample_name(c, name);
	arena_init(&arena, 1 << 30);
	if (block->ops->load(block, span_cstr(name), &arena, &column, &err) < 0)
		fail_msg("%s: %s", name, err.text);
	assert_int_equal(column.nrows, s->n);
	check_some(s, block, c, ids);
	assert_int_equal(column_make(&column, &arena), 0);
	for (uint32_t i = 0; i < s->n; i++) {
		struct span text = column_text(&column, i, scratch);
		struct span expected = s->texts[c][row_of(ids, i)];

		if (!span_eq(text, expected))
			fail_msg("%s row %u: \"%.*s\" came back as \"%.*s\"", name, i,
				 SPAN_FMT(expected), SPAN_FMT(text));
	}
	arena_release(&arena);
}

/* Rows are ordered by stream, then time. */
static void check_order(const struct sample *s, const struct column *ids)
{
	for (uint32_t i = 1; i < s->n; i++) {
		uint32_t a = row_of(ids, i - 1), b = row_of(ids, i);
		int r = span_cmp(s->rows[a]->text, s->rows[b]->text);

		assert_true(r < 0 || (r == 0 && (s->times[a] < s->times[b] ||
						 (s->times[a] == s->times[b] && a < b))));
	}
}

/* No word that a value has may be missing in the filter. */
static void check_tokens(const struct sample *s, struct row_block *block)
{
	uint64_t seed = 5;

	for (size_t c = 0; c < MAKERS; c++) {
		char name[16];

		sample_name(c, name);
		for (int i = 0; i < 50; i++) {
			struct span rest = s->texts[c][below(&seed, s->n)], word;

			while (token_next(&rest, &word)) {
				uint64_t token = token_hash(word);

				assert_true(block->ops->may_have_tokens(block, span_cstr(name),
									&token, 1));
			}
		}
	}
}

static void check_sample(uint64_t seed, uint32_t n, bool sparse)
{
	_cleanup_(sample_release) struct sample s;
	_cleanup_(buf_release) struct buf bytes = BUF_INIT(1 << 30);
	struct group_maker *maker;
	struct group_info info;
	struct column ids;
	struct arena arena;

	sample_make(&s, seed, n, sparse);
	assert_int_equal(group_maker_new(&maker), 0);
	assert_int_equal(group_make(maker, s.table, &bytes, &info), 0);
	group_maker_free(maker);
	struct group_source source = {.fd = -1, .mem = bytes.ptr, .size = bytes.len};
	struct group_view view;
	struct err err;

	group_view_init(&view, &source, &info);
	if (group_verify(&view.group, true, &err) < 0)
		fail_msg("group_verify: %s", err.text);
	arena_init(&arena, 1 << 30);
	assert_int_equal(view.base.ops->load(&view.base, SPAN("id"), &arena, &ids, NULL), 0);
	check_order(&s, &ids);
	for (size_t c = 0; c < MAKERS; c++)
		check_column(&s, &view.base, c, &ids);
	check_tokens(&s, &view.base);
	view.base.ops->release(&view.base);
	arena_release(&arena);
}

/*
 * Decoders see only bytes whose checksum was right; should the writer have had
 * a bug, or a hash a collision, they still stay within their memory.
 */
static void spoil_column(const struct group *group, const struct column_entry *entry,
			 uint64_t *seed)
{
	char *chunk = malloc(entry->len + INTS_SLACK);

	for (int round = 0; chunk && round < 60; round++) {
		struct arena tmp, keep;
		struct column column;

		memcpy(chunk, group->source->mem + group->info.off + entry->off, entry->len);
		memset(chunk + entry->len, 0, INTS_SLACK);
		for (uint64_t i = 1 + below(seed, 3); i > 0; i--)
			chunk[below(seed, round % 2 ? entry->len : 16) % entry->len] =
				(char)next_random(seed);
		struct cursor in = cursor_of(span_of(chunk, entry->len));

		arena_init(&tmp, 64 << 20);
		arena_init(&keep, 64 << 20);
		int r = codecs[entry->codec]->get(entry, &in, group->info.nrows, NULL, &tmp, &keep,
						  &column);

		r = r < 0 ? r : column_make(&column, &keep);
		assert_true(r == 0 || r == -EBADMSG || r == -ENOMEM);
		arena_release(&tmp);
		arena_release(&keep);
	}
	free(chunk);
}

static void spoiled_chunks_do_no_harm(void **state)
{
	_cleanup_(sample_release) struct sample s;
	_cleanup_(buf_release) struct buf bytes = BUF_INIT(1 << 30);
	struct group_maker *maker;
	struct group group = {0};
	struct directory directory;
	struct arena arena;
	uint64_t seed = 9;

	(void)state;
	sample_make(&s, 12, 700, true);
	assert_int_equal(group_maker_new(&maker), 0);
	assert_int_equal(group_make(maker, s.table, &bytes, &group.info), 0);
	group_maker_free(maker);
	struct group_source source = {.fd = -1, .mem = bytes.ptr, .size = bytes.len};

	group.source = &source;
	arena_init(&arena, 1 << 24);
	assert_int_equal(group_directory(&group, &arena, &directory), 0);
	for (size_t i = 0; i < directory.ncolumns; i++)
		if (directory.columns[i].len)
			spoil_column(&group, &directory.columns[i], &seed);
	arena_release(&arena);
}

static void all_kinds_of_values_come_back(void **state)
{
	static const uint32_t sizes[] = {1, 2, 3, 33, 63, 64, 65, 300, 2000, 9000};

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		check_sample(100 + i, sizes[i], false);
		check_sample(200 + i, sizes[i], true);
	}
}

static void a_full_group_comes_back(void **state)
{
	(void)state;
	check_sample(7, 40000, true);
}

/* Each alone, and each with the first: what is skipped does not matter. */
static void check_wanted(struct cursor packed, const int64_t *values, size_t n)
{
	for (size_t i = 0; i < 2 * n; i++) {
		uint64_t wanted[11] = {i >= n};
		int64_t back[700];
		struct cursor in = packed;

		memset(back, 0x55, sizeof(back));
		bit_set(wanted, i % n);
		assert_int_equal(ints_get(&in, wanted, back, n), 0);
		assert_int_equal(cursor_left(&in), 0);
		assert_int_equal(back[i % n], values[i % n]);
		if (i >= n)
			assert_int_equal(back[0], values[0]);
	}
}

static void check_ints(const int64_t *values, size_t n)
{
	_cleanup_(buf_release) struct buf out = BUF_INIT(1 << 20);
	int64_t back[700];

	ints_put(&out, values, n);
	size_t len = out.len;

	buf_put(&out, "\xff\xff\xff\xff\xff\xff\xff\xff", INTS_SLACK);
	assert_int_equal(out.failed, 0);
	struct cursor in = cursor_of(span_of(out.ptr, len));

	assert_int_equal(ints_get(&in, NULL, back, n), 0);
	assert_int_equal(cursor_left(&in), 0);
	assert_memory_equal(values, back, n * sizeof(*values));
	check_wanted(cursor_of(span_of(out.ptr, len)), values, n);
	for (size_t cut = 0; cut < len; cut++) {
		struct cursor shorter = cursor_of(span_of(out.ptr, cut));

		assert_int_equal(ints_get(&shorter, NULL, back, n), -EBADMSG);
	}
}

static void integers_of_every_width_come_back(void **state)
{
	int64_t values[700];
	uint64_t seed = 3;

	(void)state;
	for (unsigned width = 0; width <= 64; width++) {
		for (size_t i = 0; i < 700; i++)
			values[i] = width ? (int64_t)(next_random(&seed) >> (64 - width)) : -5;
		check_ints(values, 300);
		for (size_t i = 1; i < 700; i++) /* the same as steps */
			values[i] = (int64_t)((uint64_t)values[i] + (uint64_t)values[i - 1]);
		check_ints(values, 130);
	}
	int64_t edges[] = {INT64_MIN, INT64_MAX, 0, -1, 1, INT64_MAX, INT64_MIN, INT64_MIN};

	check_ints(edges, 8);
}

/* Runs of all orders of steps and others. */
static void runs_are_skipped(void **state)
{
	uint64_t seed = 7;
	int64_t values[5 * 128 + 30];

	(void)state;
	for (unsigned steps = 0; steps < 64; steps++) {
		for (size_t i = 0; i < 5 * 128 + 30; i++)
			values[i] = steps >> (i / 128) & 1 ? (int64_t)(i * 1000)
							   : (int64_t)(next_random(&seed) >> 40);
		check_ints(values, 5 * 128 + 30);
	}
}

static void decimals_are_read_only_as_they_are_written(void **state)
{
	static const char *const good[] = {"0",
					   "-1",
					   "12.5",
					   "0.001",
					   "-0.5",
					   "1.50",
					   "9223372036854775807",
					   "-9223372036854775807"};
	static const char *const bad[] = {"",
					  "-",
					  "-0",
					  "00",
					  "01",
					  "1.",
					  ".1",
					  "1e3",
					  "+1",
					  " 1",
					  "1 ",
					  "-0.00",
					  "0x1",
					  "1.2.3",
					  "9223372036854775808",
					  "0.1234567890123456789"};

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		char scratch[COLUMN_SCRATCH];
		struct decimal d;

		assert_true(decimal_parse(span_cstr(good[i]), &d));
		struct column column = {.kind = COLUMN_INT,
					.nrows = 1,
					.ints = &d.digits,
					.scale = d.scale,
					.fixed = true};
		struct span text = column_text(&column, 0, scratch);

		if (!span_eq(text, span_cstr(good[i])))
			fail_msg("\"%s\" came back as \"%.*s\"", good[i], SPAN_FMT(text));
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct decimal d;

		if (decimal_parse(span_cstr(bad[i]), &d))
			fail_msg("\"%s\" was taken for a number", bad[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(integers_of_every_width_come_back),
		cmocka_unit_test(runs_are_skipped),
		cmocka_unit_test(decimals_are_read_only_as_they_are_written),
		cmocka_unit_test(all_kinds_of_values_come_back),
		cmocka_unit_test(a_full_group_comes_back),
		cmocka_unit_test(spoiled_chunks_do_no_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
