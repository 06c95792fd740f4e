/*
 * test_consume.c - the consume loop on a real directory bus, over a store of
 * ours that fails when it is told to.
 */
#include "aggregator/consume.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "tests/unit/scratch.h"
#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define ROWS_MAX 4096
#define RECORD   10 /* bytes of the source that a record is of */

/* The store: messages of rows; what is committed survives fake_crash(). */
struct store {
	char messages[ROWS_MAX][96];
	size_t rows, committed;
	size_t memory; /* rows that may wait for a commit */
	size_t message_max;
	size_t observed, unparsed; /* rows that say so */
	int fail_commits, fail_with;
	struct store_partition partitions[8];
	struct store_source sources[16];
	struct store_gap gaps[16][16];
	struct store_progress progress;
};

static struct store fake;

int store_stream_get(struct store *store, const struct span *labels, size_t nspans,
		     struct store_stream **ret)
{
	(void)labels, (void)nspans;
	*ret = (struct store_stream *)store;
	return 0;
}

int store_append(struct store *store, struct store_stream *stream, const struct record *rec)
{
	assert_ptr_equal(stream, store);
	if (store->rows - store->committed >= store->memory)
		return -ENOBUFS;
	assert_true(store->rows < ROWS_MAX);
	if (record_text(rec, SPAN("message")).len > store->message_max)
		return -EMSGSIZE;
	store->observed += record_text(rec, SPAN("log.time_source")).len > 0;
	store->unparsed += record_text(rec, SPAN("log.parse_error")).len > 0;
	snprintf(store->messages[store->rows++], sizeof(store->messages[0]), "%.*s",
		 SPAN_FMT(record_text(rec, SPAN("message"))));
	return 0;
}

bool store_commit_due(const struct store *store)
{
	return store->rows - store->committed >= store->memory;
}

const struct store_progress *store_progress(const struct store *store)
{
	return &store->progress;
}

static void put_source(struct store *store, const struct store_source *source)
{
	struct store_progress *p = &store->progress;
	size_t i = 0;

	while (i < p->nsources && (memcmp(&p->sources[i].source, &source->source, 16) != 0 ||
				   p->sources[i].generation != source->generation))
		i++;
	if (source->forgotten) {
		assert_true(i < p->nsources);
		p->sources[i] = p->sources[--p->nsources];
		return;
	}
	p->nsources += i == p->nsources;
	p->sources[i] = *source;
	p->sources[i].gaps = store->gaps[i];
	if (source->ngaps)
		memcpy(store->gaps[i], source->gaps, source->ngaps * sizeof(*source->gaps));
}

int store_commit(struct store *store, const struct store_progress *changed, struct err *reterr)
{
	struct store_progress *p = &store->progress;

	if (store->fail_commits > 0) {
		store->fail_commits--;
		return err_set(reterr, store->fail_with, "made up");
	}
	store->committed = store->rows;
	p->partitions = store->partitions;
	p->sources = store->sources;
	for (size_t i = 0; i < changed->npartitions; i++) {
		size_t k = 0;

		while (k < p->npartitions &&
		       p->partitions[k].partition != changed->partitions[i].partition)
			k++;
		p->npartitions += k == p->npartitions;
		p->partitions[k] = changed->partitions[i];
	}
	for (size_t i = 0; i < changed->nsources; i++)
		put_source(store, &changed->sources[i]);
	return 0;
}

static void fake_crash(void)
{
	fake.rows = fake.committed;
}

/* The bus, and what writes to it. */
struct world {
	char dir[SCRATCH_MAX], uri[SCRATCH_MAX + 16];
	struct producer *producer;
	struct block_writer *writer;
	struct consume_conf conf;
	struct consume *consume;
	struct health *health;
	bool stop;
};

/* Where it is not, `why` must be said. */
static bool is_ready(struct world *w, const char *why)
{
	struct buf text = BUF_INIT(4096);
	bool ready = health_write(w->health, HEALTH_READY, &text);

	if (!strstr(buf_cstr(&text), why))
		fail_msg("%s: not about '%s'", buf_cstr(&text), why);
	buf_release(&text);
	return ready;
}

static void on_report(void *ctx, void *cookie, int status, int64_t offset)
{
	(void)ctx, (void)cookie, (void)offset;
	assert_int_equal(status, 0);
}

static bool on_wait(void *ctx)
{
	return ((struct world *)ctx)->stop;
}

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	log_init("test", LOG_LEVEL_ERROR - 1);
	memset(&fake, 0, sizeof(fake));
	fake.memory = ROWS_MAX;
	fake.message_max = SIZE_MAX;
	scratch_make(w->dir);
	snprintf(w->uri, sizeof(w->uri), "dir://%s/bus", w->dir);
	const struct bus_conf bus = {.partitions = 1,
				     .segment_bytes = 1,
				     .message_max = BLOCK_RAW_MAX + 1,
				     .queue_bytes = 2 * BLOCK_RAW_MAX};

	assert_int_equal(
		producer_open(span_cstr(w->uri), &bus, on_report, NULL, &w->producer, NULL), 0);
	assert_int_equal(block_writer_new(1, &w->writer), 0);
	assert_int_equal(health_new(&w->health), 0);
	w->conf = (struct consume_conf){.uri = span_cstr(w->uri),
					.store_path = w->dir,
					.commit_age_ns = 3600 * NS_PER_SEC,
					.quarantine_bytes = 1 << 20,
					.sources_max = 100,
					.on_wait = on_wait,
					.ctx = w};
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;
	consume_close(w->consume);
	producer_close(w->producer);
	block_writer_free(w->writer);
	health_free(w->health);
	scratch_remove(w->dir);
	free(w);
	return 0;
}

static void start(struct world *w)
{
	assert_int_equal(consume_open(&w->conf, &fake, NULL, &w->consume, NULL), 0);
}

static void restart(struct world *w)
{
	consume_close(w->consume);
	w->consume = NULL;
	start(w);
}

static void send_bytes(struct world *w, struct span message)
{
	assert_int_equal(producer_send(w->producer, 0, message, NULL), 0);
	assert_int_equal(producer_flush(w->producer, 10000), 0);
}

/* Records first … last-1 of the source, record k being "record k" in [10k, 10k+10). */
static void send_records(struct world *w, unsigned first, unsigned last)
{
	struct block_header header = {.source.bytes = {7},
				      .prev_end = first * RECORD,
				      .base = first * RECORD,
				      .end = last * RECORD,
				      .service = SPAN("shop"),
				      .host = SPAN("h1"),
				      .file = SPAN("/var/log/shop.log")};
	struct buf out = BUF_INIT(1 << 20);

	for (unsigned k = first; k < last; k++) {
		buf_printf(block_writer_text(w->writer),
			   "{\"timestamp\":\"2026-03-01T12:00:00.000000000Z\",\"message\":"
			   "\"record %u\"}\n",
			   k);
		assert_int_equal(block_writer_record(w->writer, k * RECORD, (k + 1) * RECORD, 1),
				 0);
	}
	assert_int_equal(block_writer_finish(w->writer, &header, &out), 0);
	send_bytes(w, buf_span(&out));
	buf_release(&out);
}

/* Until nothing is left; then commit. */
static void drain(struct world *w)
{
	struct err err = {0};
	int r;

	while ((r = consume_step(w->consume, 20, &err)) > 0 || !consume_caught_up(w->consume))
		assert_true(r >= 0);
	assert_int_equal(consume_finish(w->consume, &err), 0);
}

/* Each of the records once and in order. */
static void expect_records(unsigned n)
{
	char expected[32];

	assert_int_equal(fake.rows, n);
	for (unsigned i = 0; i < n; i++) {
		snprintf(expected, sizeof(expected), "record %u", i);
		assert_string_equal(fake.messages[i], expected);
	}
}

static void test_blocks_in_order(void **state)
{
	struct world *w = *state;

	send_records(w, 0, 10);
	send_records(w, 10, 15);
	start(w);
	drain(w);
	expect_records(15);
	assert_int_equal(fake.progress.partitions[0].next_offset, 2);
	assert_int_equal(fake.progress.sources[0].watermark, 150);
}

static void test_resend_is_dropped(void **state)
{
	struct world *w = *state;

	send_records(w, 0, 10);
	send_records(w, 5, 12); /* the shipper was killed before its checkpoint */
	send_records(w, 0, 12);
	start(w);
	drain(w);
	expect_records(12);
	assert_int_equal(consume_counts(w->consume)->ingest.duplicates.n, 17);
}

static void test_crash_before_commit(void **state)
{
	struct world *w = *state;
	struct err err;

	send_records(w, 0, 10);
	start(w);
	drain(w);
	send_records(w, 10, 20);
	while (fake.rows < 20)
		assert_true(consume_step(w->consume, 20, &err) >= 0);
	fake_crash();
	restart(w);
	drain(w);
	expect_records(20);
}

/* The store is full in the middle of a block: commit, go on; a crash there loses nothing. */
static void test_full_in_the_middle(void **state)
{
	struct world *w = *state;

	fake.memory = 7;
	send_records(w, 0, 30);
	start(w);
	drain(w);
	expect_records(30);

	send_records(w, 30, 60);
	fake.fail_with = -ENOSPC;
	fake.fail_commits = 1000;
	w->stop = true; /* somebody stops us while the disk is full */
	struct err err;
	int r;

	while ((r = consume_step(w->consume, 20, &err)) >= 0)
		;
	assert_int_equal(r, -ECANCELED);
	fake_crash();
	fake.fail_commits = 0;
	w->stop = false;
	restart(w);
	drain(w);
	expect_records(60);
}

static void test_disk_full_then_works(void **state)
{
	struct world *w = *state;

	fake.memory = 5;
	fake.fail_commits = 1;
	fake.fail_with = -ENOSPC;
	send_records(w, 0, 12);
	start(w);
	drain(w);
	expect_records(12);
	assert_int_equal(consume_counts(w->consume)->commit_failures.n, 1);
}

static void test_taken_over_ends(void **state)
{
	struct world *w = *state;
	struct err err;
	int r;

	fake.memory = 5;
	fake.fail_commits = 1000;
	fake.fail_with = -ESTALE;
	send_records(w, 0, 12);
	start(w);
	while ((r = consume_step(w->consume, 20, &err)) >= 0)
		;
	assert_int_equal(r, -ESTALE);
}

static unsigned files_in(const char *dir)
{
	char path[SCRATCH_MAX + 32];
	unsigned n = 0;
	DIR *d;

	snprintf(path, sizeof(path), "%s/quarantine", dir);
	d = opendir(path);
	for (const struct dirent *e; d && (e = readdir(d));)
		n += e->d_name[0] != '.';
	if (d)
		closedir(d);
	return n;
}

static void test_poison(void **state)
{
	struct world *w = *state;
	static const char bad[] = "\x5b\x2a\x4d\x18\x04\x00\x00\x00SLB1 and then nothing good";

	send_records(w, 0, 3);
	send_bytes(w, span_of(bad, sizeof(bad) - 1));
	send_records(w, 3, 5);
	start(w);
	drain(w);
	assert_int_equal(fake.rows, 6);
	assert_string_equal(fake.messages[3], "a message of the bus can't be decoded");
	assert_string_equal(fake.messages[5], "record 4");
	assert_int_equal(files_in(w->dir), 2);
	assert_int_equal(fake.progress.partitions[0].next_offset, 3);
}

static void test_json_messages(void **state)
{
	struct world *w = *state;

	send_bytes(w, SPAN("{\"time\":\"2026-03-01T12:00:00Z\",\"msg\":\"one\"}"));
	send_bytes(w, SPAN("{\"message\":\"two\"}\n"));
	send_bytes(w, SPAN("just text"));
	send_bytes(w, SPAN("{\"broken\":"));
	send_bytes(w, SPAN("\n"));
	start(w);
	drain(w);
	assert_int_equal(fake.rows, 4);
	assert_string_equal(fake.messages[0], "one");
	assert_string_equal(fake.messages[1], "two");
	assert_string_equal(fake.messages[2], "just text");
	assert_string_equal(fake.messages[3], "{\"broken\":");
	assert_int_equal(fake.observed, 3);
	assert_int_equal(fake.unparsed, 1);
}

/* What is too large is cut or set aside: it never stops what comes after it. */
static void test_too_large(void **state)
{
	struct world *w = *state;
	struct buf message = BUF_INIT(BLOCK_RAW_MAX + 2);

	fake.message_max = 3 << 20; /* the first MiB, each byte of it repaired */
	buf_puts(&message, SPAN("{\"message\":\""));
	while (message.len < 4 << 20)
		buf_puts(&message, SPAN("much "));
	buf_puts(&message, SPAN("\"}"));
	send_bytes(w, buf_span(&message));
	buf_reset(&message);
	while (message.len < BLOCK_RAW_MAX)
		buf_puts(&message, SPAN("\xff\xff\xff\xff"));
	send_bytes(w, buf_span(&message)); /* its repair is three times as long */
	buf_putc(&message, 'x');
	send_bytes(w, buf_span(&message));
	buf_release(&message);
	send_records(w, 0, 1);
	w->conf.quarantine_bytes = 64 << 20;
	start(w);
	drain(w);
	assert_int_equal(fake.rows, 4);
	assert_memory_equal(fake.messages[0], "{\"message\":\"much ", 17);
	assert_memory_equal(fake.messages[1], "\xef\xbf\xbd\xef\xbf\xbd", 6);
	assert_string_equal(fake.messages[2], "a message of the bus can't be decoded");
	assert_string_equal(fake.messages[3], "record 0");
}

static void test_gap_becomes_a_row(void **state)
{
	struct world *w = *state;

	send_records(w, 0, 2);
	send_records(w, 4, 5);
	start(w);
	drain(w);
	assert_int_equal(fake.rows, 4);
	assert_string_equal(fake.messages[2], "bytes of a log file did not arrive");
	assert_int_equal(fake.progress.sources[0].ngaps, 1);
	assert_int_equal(fake.progress.sources[0].gaps[0].start, 20);
	assert_int_equal(fake.progress.sources[0].gaps[0].end, 40);

	restart(w);
	send_records(w, 2, 4); /* late, and after a restart */
	drain(w);
	assert_int_equal(fake.rows, 6);
	assert_string_equal(fake.messages[5], "record 3");
	assert_int_equal(fake.progress.sources[0].ngaps, 0);
}

/* Ready means: not too far behind. */
static void test_lag_is_not_ready(void **state)
{
	struct world *w = *state;

	w->conf.lag_health = health_add(w->health, "lag", HEALTH_READY);
	w->conf.lag_max = 1;
	for (unsigned i = 0; i < 4; i++)
		send_records(w, i, i + 1);
	start(w);
	assert_int_equal(consume_step(w->consume, 1000, NULL), 1);
	assert_false(consume_caught_up(w->consume));
	assert_false(is_ready(w, "lag: 3 messages wait on the bus, more than 1"));
	drain(w);
	assert_true(is_ready(w, ""));
}

/* The index is ahead of the bus: somebody made the topic anew. */
static void test_offset_above_the_end(void **state)
{
	struct world *w = *state;
	struct consume_partition part;

	send_records(w, 0, 2);
	fake.partitions[0] = (struct store_partition){.partition = 0, .next_offset = 99};
	fake.progress = (struct store_progress){.partitions = fake.partitions, .npartitions = 1};
	w->conf.partitions_health = health_add(w->health, "partitions", HEALTH_READY);
	start(w);
	drain(w);
	assert_int_equal(fake.rows, 0);
	assert_false(is_ready(w, "partitions: 1 of 1 partitions are not read any more"));
	assert_int_equal(consume_counts(w->consume)->stopped.n, 1);
	assert_int_equal(consume_partitions(w->consume, &part, 1), 1);
	assert_true(part.stopped);
}

/* The bus deleted what was not read yet: the loss is recorded, the rest is read. */
static void test_offset_below_the_start(void **state)
{
	struct world *w = *state;
	char path[SCRATCH_MAX + 64];

	send_records(w, 0, 2);
	start(w);
	drain(w);
	send_records(w, 2, 4);
	send_records(w, 4, 6);
	for (unsigned i = 0; i < 2; i++) { /* each message has a segment of its own */
		snprintf(path, sizeof(path), "%s/bus/0000/%020u.seg", w->dir, i);
		assert_int_equal(unlink(path), 0);
	}
	restart(w);
	drain(w);
	assert_int_equal(consume_counts(w->consume)->lost_offsets.n, 1);
	assert_string_equal(fake.messages[2],
			    "messages were deleted from the bus before they were read");
	assert_string_equal(fake.messages[3], "bytes of a log file did not arrive");
	assert_string_equal(fake.messages[5], "record 5");
	assert_int_equal(fake.progress.partitions[0].next_offset, 3);
}

/* The store forgets a source with the ledger. */
static void test_too_many_sources(void **state)
{
	struct world *w = *state;
	struct buf out = BUF_INIT(1 << 20);

	w->conf.sources_max = 9;
	start(w);
	for (uint8_t i = 0; i < 12; i++) {
		struct block_header header = {.source.bytes = {i}, .end = 5};

		buf_puts(block_writer_text(w->writer), SPAN("{\"message\":\"hello\"}\n"));
		assert_int_equal(block_writer_record(w->writer, 0, 5, 1), 0);
		assert_int_equal(block_writer_finish(w->writer, &header, &out), 0);
		send_bytes(w, buf_span(&out));
		buf_reset(&out);
		drain(w);
	}
	buf_release(&out);
	assert_int_equal(fake.rows, 12);
	assert_int_equal(fake.progress.nsources, 9);
	for (size_t i = 0; i < 9; i++)
		assert_in_range(fake.progress.sources[i].source.bytes[0], 3, 11);
	assert_int_equal(consume_counts(w->consume)->forgotten.n, 3);
}

/* A line that was shipped by a timeout, and again as a whole after a crash. */
static void test_continuation(void **state)
{
	struct world *w = *state;
	struct block_header header = {.source.bytes = {9}, .end = 5};
	struct buf out = BUF_INIT(1 << 20);

	buf_puts(block_writer_text(w->writer), SPAN("{\"message\":\"hello\"}\n"));
	assert_int_equal(block_writer_record(w->writer, 0, 5, 1), 0);
	assert_int_equal(block_writer_finish(w->writer, &header, &out), 0);
	send_bytes(w, buf_span(&out));
	buf_reset(&out);
	buf_puts(block_writer_text(w->writer), SPAN("{\"message\":\"hello world\"}\n"));
	assert_int_equal(block_writer_record(w->writer, 0, 12, 1), 0);
	header.end = 12;
	assert_int_equal(block_writer_finish(w->writer, &header, &out), 0);
	send_bytes(w, buf_span(&out));
	buf_release(&out);
	start(w);
	drain(w);
	assert_int_equal(fake.rows, 2);
	assert_string_equal(fake.messages[0], "hello");
	assert_string_equal(fake.messages[1], " world");
	assert_int_equal(consume_counts(w->consume)->ingest.continuations.n, 1);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_blocks_in_order, setup, teardown),
		cmocka_unit_test_setup_teardown(test_resend_is_dropped, setup, teardown),
		cmocka_unit_test_setup_teardown(test_crash_before_commit, setup, teardown),
		cmocka_unit_test_setup_teardown(test_full_in_the_middle, setup, teardown),
		cmocka_unit_test_setup_teardown(test_disk_full_then_works, setup, teardown),
		cmocka_unit_test_setup_teardown(test_taken_over_ends, setup, teardown),
		cmocka_unit_test_setup_teardown(test_poison, setup, teardown),
		cmocka_unit_test_setup_teardown(test_json_messages, setup, teardown),
		cmocka_unit_test_setup_teardown(test_too_large, setup, teardown),
		cmocka_unit_test_setup_teardown(test_gap_becomes_a_row, setup, teardown),
		cmocka_unit_test_setup_teardown(test_lag_is_not_ready, setup, teardown),
		cmocka_unit_test_setup_teardown(test_offset_above_the_end, setup, teardown),
		cmocka_unit_test_setup_teardown(test_offset_below_the_start, setup, teardown),
		cmocka_unit_test_setup_teardown(test_too_many_sources, setup, teardown),
		cmocka_unit_test_setup_teardown(test_continuation, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
