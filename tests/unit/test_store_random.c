/*
 * Rows of random and awkward values go through everything that a row goes
 * through (memory, a group, a part, a merge, another open) and are compared
 * with what was appended, each time.
 */
#include "common/base/clock.h"
#include "common/base/num.h"
#include "tests/unit/store_fixture.h"

#define COMMITS 6
#define ROWS    150 /* of a commit */
#define FIELDS  14
#define LONG    70000

static char long_text[LONG], long_name[300];

#define BYTES(literal)                                                                             \
	{                                                                                          \
		literal, sizeof(literal) - 1                                                       \
	}

/* What numbers, ids and addresses look like, and what only nearly does. */
static const struct span awkward[] = {
	BYTES("9223372036854775807"),
	BYTES("-9223372036854775808"),
	BYTES("-9223372036854775807"),
	BYTES("9223372036854775808"),
	BYTES("18446744073709551615"),
	BYTES("0"),
	BYTES("-0"),
	BYTES("+1"),
	BYTES("007"),
	BYTES("1."),
	BYTES(".5"),
	BYTES("0.5"),
	BYTES("-0.0"),
	BYTES("1.50"),
	BYTES("1.5"),
	BYTES("0.000000000000000001"),
	BYTES("0.0000000000000000001"),
	BYTES("922337203685477580.8"),
	BYTES("1e400"),
	BYTES("NaN"),
	BYTES("123456789012345678901234567890.5"),
	BYTES("10.0.0.1"),
	BYTES("010.0.0.1"),
	BYTES("255.255.255.255"),
	BYTES("256.0.0.1"),
	BYTES("1.2.3"),
	BYTES("1.2.3.4."),
	BYTES("5d9dc9f8"),
	BYTES("5D9DC9F8"),
	BYTES("5d9dc9f"),
	BYTES("00000000-0000-0000-0000-00000000000g"),
	BYTES("01234567-89ab-cdef-0123-456789abcdef"),
	BYTES("2026-03-01T00:00:00.000000000Z"),
	BYTES("\xff"),
	BYTES("\xff\xfe 17 \x80"),
	BYTES("nul \0 17"),
	BYTES("\0"),
	BYTES(" "),
	BYTES("\"\\{}[]\n\t"),
	BYTES("Зима 17"),
};
#define AWKWARD (sizeof(awkward) / sizeof(*awkward))

struct model {
	struct arena arena;
	struct span cells[COMMITS * ROWS][FIELDS];
	int64_t times[COMMITS * ROWS];
	size_t n;
	bool overflows; /* rows have the field that no column may have: their groups stay apart */
};

static struct span field_name(size_t field, char name[16])
{
	if (field == FIELDS - 1)
		return span_of(long_name, sizeof(long_name)); /* beyond what a column may have */
	return span_of(name, (size_t)snprintf(name, 16, "f%zu", field));
}

/* Each field has ways of its own, so that each way to store a column is taken. */
static struct span make_value(struct model *m, size_t field, size_t commit, uint64_t *seed)
{
	uint64_t n = next_random(seed);

	if ((n % 5 == 0 && field > 2) || (field == FIELDS - 1 && !m->overflows))
		return SPAN("");
	switch (field + (commit % 2 ? 0 : 100)) {
	case 3:
	case 103: /* whole numbers, and in odd commits one that is none */
		if (n % 97 == 1 && commit % 2)
			return awkward[(n >> 8) % AWKWARD];
		return arena_printf(&m->arena, "%" PRId64, (int64_t)next_random(seed) >> (n % 64));
	case 4:
		return arena_printf(&m->arena, "%u.%u", (unsigned)(n % 100), (unsigned)(n >> 60));
	case 5:
	case 105:
		return arena_printf(&m->arena, "%016" PRIx64, next_random(seed) % 40 * n);
	case 6:
		return arena_printf(&m->arena, "%u.%u.0.%u", (unsigned)(n & 255),
				    (unsigned)(n >> 8 & 255), (unsigned)(n >> 16 & 255));
	case 7:
	case 107:
		return arena_printf(&m->arena, "user %u paid %03u of 0x%x", (unsigned)(n % 50),
				    (unsigned)(n >> 8 & 127), (unsigned)(n >> 20 & 0xffff));
	case 8:
		return n % 40 == 1 ? span_of(long_text, LONG - n % 100) : awkward[n % 3];
	default:
		return awkward[(n >> 8) % AWKWARD];
	}
}

static void append_random(struct store *store, struct model *m, size_t commit, uint64_t *seed)
{
	char names[FIELDS][16], number[NUM_TEXT_MAX];
	struct field fields[FIELDS];
	struct record rec = {.fields = fields};
	struct store_stream *stream;
	struct span *cells = m->cells[m->n];
	struct span labels[] = {SPAN("s"), next_random(seed) % 3 ? SPAN("a") : SPAN("b")};

	cells[0] = arena_dup(&m->arena, span_of(number, num_format_u64(number, m->n)));
	for (size_t f = 1; f < FIELDS; f++)
		cells[f] = make_value(m, f, commit, seed);
	for (size_t f = 0; f < FIELDS; f++) {
		if (!cells[f].len && next_random(seed) % 2)
			continue; /* absent, not empty: the same */
		fields[rec.nfields++] = (struct field){
			.key = field_name(f, names[f]), .type = VALUE_STRING, .text = cells[f]};
	}
	rec.time_ns = m->times[m->n++] = (int64_t)(next_random(seed) % NS_PER_SEC);
	assert_int_equal(store_stream_get(store, labels, 2, &stream), 0);
	assert_int_equal(store_append(store, stream, &rec), 0);
}

static size_t row_number(const struct column *ids, uint32_t row)
{
	char scratch[COLUMN_SCRATCH];
	uint64_t n;

	assert_int_equal(num_parse_u64(column_text(ids, row, scratch), &n), 0);
	return n;
}

static void check_block(const struct model *m, struct row_block *block, uint8_t *seen)
{
	char scratch[COLUMN_SCRATCH], name[16];
	struct column ids, times, column;
	struct arena arena;

	arena_init(&arena, 256 << 20);
	assert_int_equal(block->ops->load(block, SPAN("f0"), &arena, &ids, NULL), 0);
	assert_int_equal(column_make(&ids, &arena), 0);
	assert_int_equal(block->ops->load(block, SPAN("_time"), &arena, &times, NULL), 0);
	for (size_t f = 0; f < FIELDS; f++) {
		assert_int_equal(
			block->ops->load(block, field_name(f, name), &arena, &column, NULL), 0);
		assert_int_equal(column_make(&column, &arena), 0);
		for (uint32_t row = 0; row < block->nrows; row++) {
			size_t n = row_number(&ids, row);
			struct span text = column_text(&column, row, scratch);

			assert_true(n < m->n && times.ints[row] == m->times[n]);
			if (!span_eq(text, m->cells[n][f]))
				fail_msg("row %zu, field %zu: %.*s came back as %.*s", n, f,
					 SPAN_FMT(m->cells[n][f]), SPAN_FMT(text));
			seen[n] += f == 0;
		}
	}
	block->ops->release(block);
	arena_release(&arena);
}

/* Each row is there once and as it was. */
static void check(const struct model *m, struct store *store)
{
	struct store_snapshot *snap = all_rows(store);
	uint8_t seen[COMMITS * ROWS] = {0};

	assert_int_equal(snap->ndamages, 0);
	for (size_t b = 0; b < snap->nblocks; b++)
		check_block(m, snap->blocks[b], seen);
	for (size_t n = 0; n < m->n; n++)
		assert_int_equal(seen[n], 1);
	store_snapshot_free(snap);
}

static void rows_stay_as_they_were(void **state)
{
	const struct store_conf conf = {.no_background = true};
	struct model *m = calloc(1, sizeof(*m));

	(void)state;
	assert_non_null(m);
	memset(long_name, 'n', sizeof(long_name));
	for (size_t i = 0; i < LONG; i++)
		long_text[i] = (char)(i % 7 ? 'a' + i % 26 : ' ');
	for (uint64_t round = 1; round <= 12; round++) {
		struct store_stats stats;
		uint64_t seed = round;
		char dir[SCRATCH_MAX];

		scratch_make(dir);
		struct store *store = open_store(dir, &conf);

		m->n = 0;
		m->overflows = round % 2;
		arena_init(&m->arena, 64 << 20);
		for (size_t c = 0; c < COMMITS; c++) {
			for (size_t i = 0; i < ROWS; i++)
				append_random(store, m, c, &seed);
			check(m, store);
			assert_int_equal(commit_at(store, (int64_t)c + 1, NULL), 0);
			check(m, store);
		}
		while (store_upkeep(store, NULL) > 0)
			check(m, store);
		store_stats(store, &stats);
		assert_int_not_equal(stats.merges, 0);
		store_close(store);
		store = open_store(dir, &conf);
		check(m, store);
		store_close(store);
		arena_release(&m->arena);
		scratch_remove(dir);
	}
	free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_stay_as_they_were),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
