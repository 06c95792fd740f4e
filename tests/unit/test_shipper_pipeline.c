/*
 * The pipeline against a bus that fails in every way a bus can: full queues,
 * errors, lost answers, too large messages, a producer that dies; and a shipper that is
 * killed, while its files grow, rotate and are truncated.  What was stored
 * must give every line once and in order after the exactly-once rule, and the
 * checkpoint must never be ahead of what was stored.
 *
 * The bus of this test takes the place of common/bus by the same names.
 */
#include "aggregator/ledger.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/num.h"
#include "common/data/wire.h"
#include "shipper/discover.h"
#include "shipper/pipeline.h"
#include "tests/unit/sanitized.h"
#include "tests/unit/scratch.h"
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/stat.h>
#include <time.h>

#include <cmocka.h>

#define QUEUE_MAX 8
#define WRITERS   3
#define FILES     64 /* of one writer, by rotation */
#define LINES_MAX 32768

/* Runs of chaos.  All is done by one thread here, so that the thread sanitizer sees little. */
#define SEEDS(n) (THREAD_SANITIZED ? 1 : (n))

/* What is written: lines; events of several; what a container runtime makes of lines. */
static enum { PLAIN, INDENT, CRI } mode;

struct message {
	char *bytes;
	size_t len;
	void *cookie;
};

/* The bus: what is in flight, and what is stored for good. */
struct producer {
	producer_report_fn *report;
	void *ctx;
	struct message flying[QUEUE_MAX];
	size_t len;
	bool dead;
};

static struct {
	struct message *stored;
	size_t len, cap;
	size_t message_max;
	unsigned fault_percent;
	bool gaps; /* behind a failed message others are stored nevertheless */
	unsigned seed;
	size_t opened, failed, too_large;
} bus;

static unsigned pick(unsigned n)
{
	return (unsigned)rand_r(&bus.seed) % n;
}

static bool fault(unsigned percent)
{
	return bus.fault_percent && pick(100) < percent;
}

static void store(struct message *message)
{
	if (bus.len == bus.cap) {
		bus.cap = bus.cap ? 2 * bus.cap : 64;
		bus.stored = realloc(bus.stored, bus.cap * sizeof(*bus.stored));
		assert_non_null(bus.stored);
	}
	bus.stored[bus.len++] = *message;
}

int producer_open(struct span uri, const struct bus_conf *conf, producer_report_fn *report,
		  void *ctx, struct producer **ret, struct err *reterr)
{
	struct producer *p = calloc(1, sizeof(*p));

	(void)uri;
	(void)conf;
	if (fault(20)) {
		free(p);
		return err_set(reterr, -EIO, "injected");
	}
	*p = (struct producer){.report = report, .ctx = ctx};
	bus.opened++;
	*ret = p;
	return 0;
}

/* What is in flight may be stored or not: nobody will say. */
static void drop_flying(struct producer *p, bool tell)
{
	bool broken = false;

	while (p->len) {
		struct message message = p->flying[0];

		memmove(p->flying, p->flying + 1, --p->len * sizeof(message));
		broken = (broken && !bus.gaps) || pick(2);
		if (!broken)
			store(&message);
		else
			free(message.bytes);
		if (tell)
			p->report(p->ctx, message.cookie, -ECANCELED, -1);
	}
}

void producer_close(struct producer *p)
{
	if (!p)
		return;
	drop_flying(p, true);
	free(p);
}

int producer_partitions(struct producer *p, struct err *reterr)
{
	(void)p;
	if (fault(10))
		return err_set(reterr, -EAGAIN, "injected");
	return 4;
}

int producer_send(struct producer *p, unsigned partition, struct span message, void *cookie)
{
	assert_true(partition < 4);
	if (p->dead || fault(1)) {
		p->dead = true;
		return -ESHUTDOWN;
	}
	if (message.len > bus.message_max) {
		bus.too_large++;
		return -EMSGSIZE;
	}
	if (p->len == QUEUE_MAX)
		return -EAGAIN;
	char *copy = malloc(message.len);

	assert_non_null(copy);
	memcpy(copy, message.ptr, message.len);
	p->flying[p->len++] = (struct message){copy, message.len, cookie};
	return 0;
}

int producer_poll(struct producer *p, int timeout_ms)
{
	bool broken = false;
	int reports = 0;

	(void)timeout_ms;
	if (p->dead)
		return -ESHUTDOWN;
	for (size_t n = bus.fault_percent ? pick(4) : QUEUE_MAX; n && p->len; n--) {
		struct message message = p->flying[0];
		bool bad = broken || fault(bus.fault_percent);

		memmove(p->flying, p->flying + 1, --p->len * sizeof(message));
		if (!bad || (!broken && pick(2)))
			store(&message); /* an error may be an answer that was lost */
		else
			free(message.bytes);
		bus.failed += bad;
		broken = bad && !bus.gaps;
		if (broken)
			n = QUEUE_MAX + 1; /* the whole queue fails with it, in order */
		p->report(p->ctx, message.cookie, bad ? -EIO : 0, 0);
		reports++;
	}
	return reports;
}

int producer_flush(struct producer *p, int timeout_ms)
{
	producer_poll(p, timeout_ms);
	return (int)p->len;
}

int producer_fd(struct producer *p)
{
	(void)p;
	return -1;
}

/* The shipper, put together by hand; time is ours. */
struct ship {
	char dir[SCRATCH_MAX], state[SCRATCH_MAX + 16], pattern[SCRATCH_MAX + 16];
	struct setup *setup;
	struct checkpoint *checkpoint;
	struct sources sources;
	struct discover discover;
	struct pipeline pipeline;
	struct totals totals;
	int64_t now;
};

struct writer {
	char path[SCRATCH_MAX + 32];
	unsigned lines[FILES]; /* written to each file */
	unsigned file;         /* the current one: rotations so far */
};

static void set_time(struct ship *ship, int64_t add_ns)
{
	ship->now += add_ns;
	clock_fake(1700000000 * NS_PER_SEC + ship->now, ship->now);
}

static void ship_start(struct ship *ship)
{
	struct sl_str files[] = {sl_cstr(ship->pattern)};
	struct flags flags = {
		.state = sl_cstr(ship->state),
		.to = sl_cstr("dir:///fake"),
		.multiline = sl_cstr(mode == INDENT ? "indent" : "none"),
		.files = {files, 1},
	};
	struct err err;

	assert_int_equal(setup_new(&flags, &ship->setup), 0);
	memset(&ship->totals, 0, sizeof(ship->totals));
	assert_int_equal(checkpoint_open(ship->state, &ship->checkpoint, &err), 0);
	sources_init(&ship->sources, ship->checkpoint, ship->setup, &ship->totals);
	discover_init(&ship->discover, ship->setup, &ship->sources);
	unsigned faults = bus.fault_percent;

	bus.fault_percent = 0; /* the first open is the caller's to try again */
	assert_int_equal(pipeline_init(&ship->pipeline, ship->setup, &ship->sources,
				       ship->checkpoint, &ship->totals, &err),
			 0);
	bus.fault_percent = faults;
	discover_scan(&ship->discover);
}

/* As kill -9 would: nothing is saved, what is in flight has its own fate. */
static void ship_kill(struct ship *ship)
{
	if (ship->pipeline.producer)
		drop_flying(ship->pipeline.producer, true);
	pipeline_release(&ship->pipeline);
	discover_release(&ship->discover);
	sources_release(&ship->sources);
	checkpoint_close(ship->checkpoint);
	setup_free(ship->setup);
}

static void ship_turn(struct ship *ship, int64_t ns)
{
	set_time(ship, ns);
	discover_events(&ship->discover, ship->now + 200 * NS_PER_MS);
	if (ship->now >= discover_due(&ship->discover))
		discover_scan(&ship->discover);
	pipeline_turn(&ship->pipeline);
}

static void assert_books_balance(struct ship *ship)
{
	struct totals *t = &ship->totals;
	uint64_t pending = 0;

	for (size_t i = 0; i < ship->sources.list.len; i++) {
		const struct window *w = &ship->sources.list.ptr[i]->window;

		pending += window_end(w) - w->mark.offset;
	}
	assert_int_equal(total_get(t, TOTAL_READ_BYTES),
			 total_get(t, TOTAL_ACKED_BYTES) + total_get(t, TOTAL_REWOUND_BYTES) +
				 total_get(t, TOTAL_ABANDONED_BYTES) + pending);
}

/* Everything that is stored, by the aggregator's own rule. */
struct index {
	struct ledger *ledger;
	struct block_reader *reader;
	struct arena arena;
	size_t fed, joined, cut;
	unsigned next[WRITERS][FILES]; /* number of the line that is due of each file */
	int64_t sum;                   /* of all line numbers less what they should be */
	unsigned char seen[WRITERS][FILES][LINES_MAX / 8];
};

/* "w 1 2 000012 xxxx…": writer, file, line */
static void take_line(struct index *index, struct span line)
{
	struct span rest = span_skip(line, strlen("w ")), number;
	uint64_t n[3];

	if (!span_starts(line, SPAN("w ")))
		fail_msg("this is no line: %.*s", SPAN_FMT(span_take(line, 80)));
	for (int i = 0; i < 3; i++) {
		assert_true(span_cut(&rest, ' ', &number));
		assert_int_equal(num_parse_u64(number, &n[i]), 0);
	}
	assert_true(n[0] < WRITERS && n[1] < FILES && n[2] < LINES_MAX);
	unsigned char *seen = &index->seen[n[0]][n[1]][n[2] / 8], bit = 1u << n[2] % 8;

	if (*seen & bit)
		fail_msg("writer %d, file %d: line %d twice", (int)n[0], (int)n[1], (int)n[2]);
	*seen |= bit;
	if (!bus.gaps && mode != CRI && n[2] != index->next[n[0]][n[1]])
		fail_msg("writer %d, file %d: line %d where %d was due", (int)n[0], (int)n[1],
			 (int)n[2], (int)index->next[n[0]][n[1]]);
	index->sum += (int64_t)n[2] - index->next[n[0]][n[1]]++;
}

/*
 * The lines of one message: those of an event begin with a tab, but for its
 * first, which does only where the start of the event was shipped before; parts of a
 * runtime's line end with a semicolon.
 */
static void take_message(struct index *index, struct span message, bool continued)
{
	char end = mode == CRI ? ';' : '\n';
	struct span line;

	for (unsigned i = 0; message.len && span_cut(&message, end, &line); i++) {
		bool tab = span_starts(line, SPAN("\t"));

		if (tab ? i == 0 && !continued : i > 0 && mode != CRI)
			fail_msg("joined wrongly: %.*s", SPAN_FMT(span_take(line, 80)));
		index->joined += i > 0;
		take_line(index, tab ? span_skip(line, 1) : line);
	}
}

/* What of the record is new, as aggregator/ingest.c takes it. */
static void take_part(struct index *index, struct span line, uint64_t start, uint64_t end,
		      struct ledger_range part)
{
	bool whole = part.from == start && part.to == end;
	struct record rec;
	size_t bad_at;

	arena_reset(&index->arena);
	record_init(&rec, &index->arena, line);
	assert_int_equal(wire_read_record(line, &rec, &bad_at), 0);
	struct span message = record_text(&rec, SPAN("message"));
	bool continued = rec.flags & RECORD_CONTINUED;

	if (!whole) {
		assert_true(mode == INDENT && message.len + 1 == end - start);
		message = span_skip(message, part.from - start);
		message = span_take(message, part.to - part.from);
		if (message.len && message.ptr[message.len - 1] == '\n')
			message.len--;
		continued = part.from > start;
	}
	index->cut += continued;
	take_message(index, message, continued);
}

static void index_take(struct index *index, const struct message *message)
{
	struct block block;
	struct block_range ranges;
	struct ledger_note note;
	struct ledger_range part;
	struct span rest, line;
	struct err err;
	uint64_t start, end;

	assert_int_equal(
		block_read(index->reader, span_of(message->bytes, message->len), &block, &err), 0);
	assert_int_equal(ledger_begin(index->ledger, &block.header, &note), 0);
	assert_false(note.forked);
	rest = block.text;
	block_ranges(&block, &ranges);
	while (span_cut(&rest, '\n', &line)) {
		assert_true(block_range_next(&ranges, &start, &end));
		uint64_t at = start;

		while (ledger_new_part(note.source, &at, end, &part))
			take_part(index, line, start, end, part);
	}
	assert_int_equal(ledger_end(index->ledger, note.source, &block.header), 0);
}

static void index_feed(struct index *index)
{
	for (; index->fed < bus.len; index->fed++)
		index_take(index, &bus.stored[index->fed]);
}

static int row_is_stored(void *ctx, const struct checkpoint_row *row)
{
	struct index *index = ctx;
	struct ledger_source *const *changed;
	size_t n = ledger_changed(index->ledger, &changed);
	struct source_id id = identity_source(&row->key, row->truncations);

	if (row->mark.sent_end == 0)
		return 0;
	for (size_t i = 0; i < n; i++) {
		if (!source_id_eq(&changed[i]->key.source, &id))
			continue;
		assert_true(row->mark.sent_end <= changed[i]->watermark);
		for (size_t g = 0; g < changed[i]->gaps.len; g++)
			assert_true(changed[i]->gaps.ptr[g].from >= row->mark.sent_end);
		return 0;
	}
	fail_msg("%s: the checkpoint knows a source that nothing was stored of", row->path);
	return -1;
}

/* The prefix of a container runtime, at the time it is. */
static void write_prefix(FILE *file)
{
	time_t seconds = clock_real_ns() / NS_PER_SEC;
	char text[32];

	strftime(text, sizeof(text), "%FT%T", gmtime(&seconds));
	fprintf(file, "%s.%09dZ std%s %c ", text, (int)(clock_real_ns() % NS_PER_SEC),
		pick(2) ? "out" : "err", pick(2) ? 'P' : 'F');
}

static void write_lines(struct writer *writer, unsigned which, unsigned n)
{
	FILE *file = fopen(writer->path, "a");

	assert_non_null(file);
	assert_true(writer->lines[writer->file] + n <= LINES_MAX);
	for (unsigned i = 0; i < n; i++) {
		if (mode == CRI)
			write_prefix(file);
		if (mode == INDENT && writer->lines[writer->file] && pick(3))
			fputc('\t', file);
		fprintf(file, "w %u %u %06u ", which, writer->file, writer->lines[writer->file]++);
		for (unsigned fill = pick(10) ? pick(200) : pick(3000); fill; fill--)
			fputc('a' + (int)pick(26), file);
		fputs(mode == CRI ? ";\n" : "\n", file);
	}
	fclose(file);
}

static void rotate_file(struct writer *writer)
{
	char to[sizeof(writer->path) + 16];

	assert_true(writer->file + 1 < FILES);
	snprintf(to, sizeof(to), "%s.%u", writer->path, ++writer->file);
	assert_int_equal(rename(writer->path, to), 0);
	close(open(writer->path, O_CREAT | O_WRONLY, 0600));
}

static void save_and_check(struct ship *ship, struct index *index)
{
	unsigned faults = bus.fault_percent;

	pipeline_save(&ship->pipeline);
	index_feed(index);
	checkpoint_each(ship->checkpoint, row_is_stored, index);
	assert_books_balance(ship);
	bus.fault_percent = faults;
}

static bool all_arrived(const struct index *index, const struct writer *writers)
{
	for (unsigned i = 0; i < WRITERS; i++)
		if (memcmp(index->next[i], writers[i].lines, sizeof(index->next[i])) != 0)
			return false;
	return true;
}

static void ship_init(struct ship *ship)
{
	memset(ship, 0, sizeof(*ship));
	scratch_make(ship->dir);
	snprintf(ship->state, sizeof(ship->state), "%s/state", ship->dir);
	snprintf(ship->pattern, sizeof(ship->pattern), "%s/*.log*", ship->dir);
	ship->now = 1000 * NS_PER_SEC;
	set_time(ship, 0);
}

static void bus_reset(unsigned seed, unsigned fault_percent, size_t message_max)
{
	for (size_t i = 0; i < bus.len; i++)
		free(bus.stored[i].bytes);
	free(bus.stored);
	memset(&bus, 0, sizeof(bus));
	bus.seed = seed;
	bus.fault_percent = fault_percent;
	bus.message_max = message_max;
}

static void index_init(struct index *index)
{
	memset(index, 0, sizeof(*index));
	arena_init(&index->arena, 16 << 20);
	assert_int_equal(ledger_new(1000, &index->ledger), 0);
	assert_int_equal(block_reader_new(&index->reader), 0);
}

static void index_release(struct index *index)
{
	arena_release(&index->arena);
	ledger_free(index->ledger);
	block_reader_free(index->reader);
}

/* Without faults, until everything has arrived. */
static void settle_all(struct ship *ship, struct index *index, const struct writer *writers)
{
	bus.fault_percent = 0;
	for (int turns = 0; !all_arrived(index, writers); turns++) {
		if (turns > 20000)
			fail_msg("not all lines arrive");
		ship_turn(ship, 50 * NS_PER_MS);
		if (turns % 4 == 0)
			save_and_check(ship, index);
	}
	save_and_check(ship, index);
	assert_int_equal(ledger_missing(index->ledger), 0);
	assert_true(index->sum == 0);
}

static void chaos(unsigned seed, unsigned steps, bool gaps)
{
	struct ship ship;
	struct index index;
	struct writer writers[WRITERS] = {{.file = 0}};

	ship_init(&ship);
	bus_reset(seed, 10, 1000000);
	bus.gaps = gaps;
	index_init(&index);
	for (unsigned i = 0; i < WRITERS; i++) {
		snprintf(writers[i].path, sizeof(writers[i].path), "%s/w%u.log", ship.dir, i);
		write_lines(&writers[i], i, pick(20));
	}
	ship_start(&ship);
	for (unsigned step = 0; step < steps; step++) {
		unsigned which = pick(WRITERS), what = pick(100);

		if (what < 30)
			write_lines(&writers[which], which, pick(300));
		else if (what < 33 && writers[which].file + 1 < FILES)
			rotate_file(&writers[which]);
		else if (what < 36) {
			ship_kill(&ship);
			ship_start(&ship);
		} else if (what < 50)
			save_and_check(&ship, &index);
		else
			ship_turn(&ship, (int64_t)pick(300) * NS_PER_MS);
	}
	settle_all(&ship, &index, writers);
	if (mode != PLAIN)
		assert_true(index.joined > 100 && index.cut > 0);
	ship_kill(&ship);
	index_release(&index);
	scratch_remove(ship.dir);
}

static void test_chaos(void **state)
{
	(void)state;
	for (unsigned seed = 1; seed <= SEEDS(25); seed++)
		chaos(seed, 400, false);
	bus_reset(0, 0, 0);
}

/* A bus without the gapless guarantee: still each line once, in whatever order. */
static void test_chaos_with_gaps(void **state)
{
	(void)state;
	for (unsigned seed = 1; seed <= SEEDS(10); seed++)
		chaos(seed, 400, true);
	bus_reset(0, 0, 0);
}

/* Events of several lines, cut by pauses and restarts at any place. */
static void test_chaos_with_events(void **state)
{
	(void)state;
	for (mode = INDENT; mode <= CRI; mode++)
		for (unsigned seed = 1; seed <= SEEDS(25); seed++)
			chaos(seed, 400, seed % 4 == 0);
	mode = PLAIN;
	bus_reset(0, 0, 0);
}

static void test_restart_loop_reads_nothing_again(void **state)
{
	struct ship ship;
	struct index index;
	struct writer writers[WRITERS] = {{.file = 0}};
	(void)state;

	ship_init(&ship);
	bus_reset(1, 0, 1000000);
	index_init(&index);
	snprintf(writers[0].path, sizeof(writers[0].path), "%s/w0.log", ship.dir);
	write_lines(&writers[0], 0, 5000);
	ship_start(&ship);
	settle_all(&ship, &index, writers);
	size_t stored = bus.len;

	for (int i = 0; i < 50; i++) {
		ship_kill(&ship);
		ship_start(&ship);
		for (int turn = 0; turn < 5; turn++)
			ship_turn(&ship, 100 * NS_PER_MS);
		assert_int_equal(total_get(&ship.totals, TOTAL_READ_BYTES), 0);
	}
	assert_int_equal(bus.len, stored);
	ship_kill(&ship);
	index_release(&index);
	scratch_remove(ship.dir);
	bus_reset(0, 0, 0);
}

/* The bus takes 20,000 bytes a message: blocks get smaller, one line is cut. */
static void test_too_large_for_the_bus(void **state)
{
	struct ship ship;
	struct index index;
	struct writer writers[WRITERS] = {{.file = 0}};
	(void)state;

	ship_init(&ship);
	bus_reset(1, 0, 20000);
	index_init(&index);
	snprintf(writers[0].path, sizeof(writers[0].path), "%s/w0.log", ship.dir);
	write_lines(&writers[0], 0, 300);
	FILE *file = fopen(writers[0].path, "a");

	fprintf(file, "w 0 0 %06u ", writers[0].lines[0]++);
	for (int i = 0; i < 100000; i++)
		fputc('!' + (int)pick(90), file);
	fputc('\n', file);
	fclose(file);
	write_lines(&writers[0], 0, 300);
	ship_start(&ship);
	settle_all(&ship, &index, writers);
	assert_true(bus.too_large > 0);
	assert_true(total_get(&ship.totals, TOTAL_SKIPPED_BYTES) > 50000);
	assert_int_equal(total_get(&ship.totals, TOTAL_ABANDONED_RECORDS), 0);
	ship_kill(&ship);
	index_release(&index);
	scratch_remove(ship.dir);
	bus_reset(0, 0, 0);
}

static int count_truncations(void *ctx, const struct checkpoint_row *row)
{
	*(unsigned *)ctx += row->truncations;
	return 0;
}

/* Copytruncate, again and again: nothing twice, nothing in the wrong order. */
static void test_truncation(void **state)
{
	struct ship ship;
	struct index index;
	struct writer writers[WRITERS] = {{.file = 0}};
	(void)state;

	ship_init(&ship);
	bus_reset(3, 10, 1000000);
	index_init(&index);
	snprintf(writers[0].path, sizeof(writers[0].path), "%s/w0.log", ship.dir);
	write_lines(&writers[0], 0, 10);
	ship_start(&ship);
	for (int round = 0; round < 100; round++) {
		settle_all(&ship, &index, writers);
		assert_int_equal(truncate(writers[0].path, 0), 0);
		write_lines(&writers[0], 0, 1 + pick(30));
		if (pick(4) == 0) {
			ship_kill(&ship);
			ship_start(&ship);
		}
		bus.fault_percent = 10;
		for (unsigned turn = pick(4); turn; turn--)
			ship_turn(&ship, 250 * NS_PER_MS);
	}
	settle_all(&ship, &index, writers);
	unsigned truncations = 0;

	checkpoint_each(ship.checkpoint, count_truncations, &truncations);
	assert_int_equal(truncations, 100);
	ship_kill(&ship);
	index_release(&index);
	scratch_remove(ship.dir);
	bus_reset(0, 0, 0);
}

static int quiet(void **state)
{
	(void)state;
	log_init("test", 0);
	return 0;
}

static int awake(void **state)
{
	(void)state;
	clock_unfake();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_chaos),
		cmocka_unit_test(test_chaos_with_gaps),
		cmocka_unit_test(test_chaos_with_events),
		cmocka_unit_test(test_restart_loop_reads_nothing_again),
		cmocka_unit_test(test_too_large_for_the_bus),
		cmocka_unit_test(test_truncation),
	};

	return cmocka_run_group_tests(tests, quiet, awake);
}
