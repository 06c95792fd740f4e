/* What a tail shows: each row once, however late it comes, before and after its commit. */
#include "aggregator/query/tail.h"
#include "common/base/clock.h"
#include "tests/unit/query_fixture.h"
#include "tests/unit/store_fixture.h"

static char dir[SCRATCH_MAX];
static const struct store_conf quiet = {.no_background = true};

struct fixture {
	struct store *store;
	struct query_source *source;
	struct query *query;
	struct tail *tail;
	int64_t next; /* offset of the next commit */
};

static int64_t second(uint64_t n)
{
	int64_t ns;

	assert_int_equal(timestamp_parse(SPAN("2026-03-01T00:00:00Z"), &ns), 0);
	return ns + (int64_t)n * NS_PER_SEC;
}

static void follow(struct fixture *f, const char *text, int64_t since_ns)
{
	struct query_conf conf = {.threads = 2};
	struct err err;

	assert_int_equal(query_parse(span_cstr(text), NOW_NS, &query_lang_ops, &f->query, &err), 0);
	if (tail_open(f->query, &conf, f->source, since_ns, &f->tail, &err) < 0)
		fail_msg("%s", err.text);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	scratch_make(dir);
	f->store = open_store(dir, &quiet);
	assert_int_equal(source_store_open(f->store, &f->source), 0);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	tail_close(f->tail);
	query_free(f->query);
	source_close(f->source);
	store_close(f->store);
	free(f);
	scratch_remove(dir);
	return 0;
}

static void commit(struct fixture *f)
{
	struct err err;

	assert_int_equal(commit_at(f->store, ++f->next, &err), 0);
}

/* One look shows these rows. */
static void shows(struct fixture *f, const char *lines)
{
	struct answer answer = {.rows = 0};
	struct query_result result = {0};
	struct err err = {0};

	buf_init(&answer.text, 1 << 20);
	if (tail_look(f->tail, collect, &answer, &result, &err) < 0)
		fail_msg("%s", err.text);
	assert_string_equal(buf_cstr(&answer.text), lines);
	buf_release(&answer.text);
	query_result_release(&result);
}

static void begins_where_it_is_told(void **state)
{
	struct fixture *f = *state;

	for (uint64_t n = 0; n < 4; n++)
		assert_int_equal(append_row(f->store, n), 0);
	commit(f);
	for (uint64_t n = 4; n < 8; n++)
		assert_int_equal(append_row(f->store, n), 0);
	follow(f, "* | fields n", second(2));
	shows(f, "n=2;\nn=3;\nn=4;\nn=5;\nn=6;\nn=7;\n");
	shows(f, "");
	commit(f);
	shows(f, "");
}

/* Rows that were there, in memory too, are not new. */
static void shows_nothing_of_before(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(append_row(f->store, 1), 0);
	commit(f);
	assert_int_equal(append_row(f->store, 2), 0);
	follow(f, "* | fields n", second(100));
	shows(f, "");
	commit(f);
	shows(f, "");
	assert_int_equal(append_row(f->store, 3), 0);
	shows(f, "n=3;\n");
}

static void sees_rows_that_come_late(void **state)
{
	struct fixture *f = *state;

	follow(f, "* | fields n", second(10 * 3600));
	shows(f, "");
	assert_int_equal(append_row(f->store, 10 * 3600 + 1), 0);
	commit(f);
	shows(f, "n=36001;\n");
	assert_int_equal(append_row(f->store, 7), 0);
	shows(f, "n=7;\n");
	assert_int_equal(append_row(f->store, 6), 0);
	commit(f);
	shows(f, "n=6;\n");
	shows(f, "");
}

/* Two equal rows are two, on whichever side of a commit they are. */
static void counts_equal_rows(void **state)
{
	struct fixture *f = *state;

	follow(f, "* | fields n", second(0));
	shows(f, "");
	assert_int_equal(append_row(f->store, 5), 0);
	shows(f, "n=5;\n");
	assert_int_equal(append_row(f->store, 5), 0);
	commit(f);
	shows(f, "n=5;\n");
	assert_int_equal(append_row(f->store, 5), 0);
	assert_int_equal(append_row(f->store, 5), 0);
	shows(f, "n=5;\nn=5;\n");
	commit(f);
	assert_int_equal(append_row(f->store, 5), 0);
	shows(f, "n=5;\n");
	commit(f);
	shows(f, "");
}

static void merges_make_nothing_new(void **state)
{
	struct fixture *f = *state;
	struct store_stats stats;
	struct err err;

	follow(f, "* | fields n", second(0));
	shows(f, "");
	for (uint64_t n = 0; n < 40; n++) {
		char line[16];

		assert_int_equal(append_row(f->store, 40 - n), 0);
		commit(f);
		snprintf(line, sizeof(line), "n=%u;\n", (unsigned)(40 - n));
		if (n % 2 == 0)
			shows(f, line);
		else
			while (store_upkeep(f->store, &err) == 1)
				;
		if (n % 2)
			shows(f, line);
	}
	store_stats(f->store, &stats);
	assert_true(stats.merges > 0);
	shows(f, "");
}

/* A reader of the folder sees rows when they are durable. */
static void follows_a_folder(void **state)
{
	struct fixture *f = *state;
	struct fixture reader = {0};
	struct err err;

	assert_int_equal(append_row(f->store, 1), 0);
	commit(f);
	assert_int_equal(store_open(dir, true, &quiet, &reader.store, &err), 0);
	assert_int_equal(source_store_open(reader.store, &reader.source), 0);
	follow(&reader, "* | fields n", second(100));
	shows(&reader, "");
	for (uint64_t n = 50; n > 40; n--) {
		char line[16];

		assert_int_equal(append_row(f->store, n), 0);
		assert_int_equal(store_refresh(reader.store, &err), 0);
		shows(&reader, "");
		commit(f);
		assert_int_equal(store_refresh(reader.store, &err), 0);
		snprintf(line, sizeof(line), "n=%u;\n", (unsigned)n);
		shows(&reader, line);
	}
	tail_close(reader.tail);
	query_free(reader.query);
	source_close(reader.source);
	store_close(reader.store);
}

/* What was read before is not read again. */
static void reads_new_parts_only(void **state)
{
	struct fixture *f = *state;
	struct query_result result = {0};
	struct answer answer = {.rows = 0};
	struct err err = {0};

	for (uint64_t n = 0; n < 20; n++) {
		assert_int_equal(append_row(f->store, n), 0);
		commit(f);
	}
	follow(f, "* | fields n", second(100));
	shows(f, "");
	assert_int_equal(append_row(f->store, 30), 0);
	commit(f);
	buf_init(&answer.text, 1 << 20);
	assert_int_equal(tail_look(f->tail, collect, &answer, &result, &err), 0);
	assert_string_equal(buf_cstr(&answer.text), "n=30;\n");
	assert_int_equal(result.rows_scanned, 1);
	buf_release(&answer.text);
	query_result_release(&result);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(begins_where_it_is_told),  TEST(shows_nothing_of_before),
		TEST(sees_rows_that_come_late), TEST(counts_equal_rows),
		TEST(merges_make_nothing_new),  TEST(follows_a_folder),
		TEST(reads_new_parts_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
