/*
 * bench_store - rows per core-second into parts, bytes on disk, needle look-ups.
 *
 * Rows are those of eight services whose requests share random trace ids, made
 * from a seed; they arrive in blocks of 256 KiB of one service, as from Kafka.
 *
 *	bench_store [ROWS]	default 1,000,000
 */
#include "aggregator/store/store.h"
#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/data/timestamp.h"
#include "common/data/wire.h"
#include "common/lang/token.h"
#include "tests/unit/scratch.h"
#include <inttypes.h>
#include <math.h>
#include <sys/resource.h>
#include <zstd.h>

#define SERVICES   8
#define BLOCK      (256u << 10)
#define START_NS   (INT64_C(1772366400) * NS_PER_SEC)
#define ZSTD_SLICE (8u << 20)

static const char *const services[SERVICES] = {"edge",    "frontend",  "cart",     "checkout",
					       "payment", "inventory", "shipping", "recommend"};

struct generator {
	uint64_t seed;
	int64_t now;
	uint64_t offsets[SERVICES];
	struct buf blocks[SERVICES];
	struct buf text; /* all blocks, in the order in which they arrive */
	uint64_t rows;
};

static uint64_t next(struct generator *g)
{
	uint64_t z = (g->seed += UINT64_C(0x9e3779b97f4a7c15));

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

static void put_message(struct generator *g, struct buf *out)
{
	uint64_t n = next(g);

	switch (n % 8) {
	case 0:
		buf_printf(out, "order A-%" PRIu64 " accepted", n >> 8 & 0xfffff);
		break;
	case 1:
		buf_printf(out, "reserved %" PRIu64 " items of sku-%" PRIu64, n >> 8 & 7,
			   n >> 16 & 0xfff);
		break;
	case 2:
		buf_printf(out, "cache miss for user %" PRIu64 ", fetched in %" PRIu64 "ms",
			   n >> 8 & 0xffff, n >> 24 & 0xff);
		break;
	case 3:
		buf_printf(out, "upstream 10.0.%" PRIu64 ".%" PRIu64 ":8443 answered 200",
			   n >> 8 & 3, n >> 16 & 0xff);
		break;
	default:
		buf_printf(out, "request handled");
		break;
	}
}

static void put_row(struct generator *g, unsigned service, uint64_t hi, uint64_t lo)
{
	static const char *const levels[] = {"INFO", "INFO", "INFO", "DEBUG",
					     "INFO", "WARN", "INFO", "ERROR"};
	static const char *const paths[] = {"/", "/cart", "/pay", "/item", "/search"};
	static const int statuses[] = {200, 200, 200, 200, 201, 302, 404, 500};
	struct buf *out = &g->blocks[service];
	uint64_t n = next(g);
	char time[TIMESTAMP_TEXT_LEN];

	timestamp_format(time, g->now + (int64_t)(n % 900) * NS_PER_US);
	buf_printf(out, "{\"timestamp\":\"%.*s\",\"level\":\"%s\",\"message\":\"",
		   TIMESTAMP_TEXT_LEN, time, levels[n >> 10 & 7]);
	put_message(g, out);
	buf_printf(out,
		   "\",\"service\":\"%s\",\"host\":\"node-%u\",\"trace_id\":\"%016" PRIx64
		   "%016" PRIx64 "\",\"span_id\":\"%016" PRIx64
		   "\",\"http\":{\"method\":\"%s\",\"path\":\"%s\",\"status\":%d},"
		   "\"duration_ms\":%" PRIu64 ".%03" PRIu64 ",\"user_id\":%" PRIu64 ",",
		   services[service], 10 + service, hi, lo, next(g), n >> 14 & 1 ? "GET" : "POST",
		   paths[(n >> 15) % 5], statuses[n >> 20 & 7], n >> 30 & 0xff, (n >> 40) % 1000,
		   n >> 44 & 0x3ffff);
	buf_printf(out, "\"log\":{\"file\":\"/var/log/%s/app.log\",\"offset\":%" PRIu64 "}}\n",
		   services[service], g->offsets[service]);
	g->offsets[service] += 200 + n % 64;
	g->rows++;
	if (out->len >= BLOCK) {
		buf_puts(&g->text, buf_span(out));
		buf_reset(out);
	}
}

static void generate(struct generator *g, uint64_t rows)
{
	buf_init(&g->text, (size_t)4 << 30);
	for (unsigned i = 0; i < SERVICES; i++)
		buf_init(&g->blocks[i], 2 * BLOCK);
	g->seed = 42;
	g->now = START_NS;
	while (g->rows < rows) {
		uint64_t hi = next(g), lo = next(g), hops = 2 + next(g) % 6;

		for (uint64_t h = 0; h < hops; h++)
			put_row(g, (unsigned)((lo + h) % SERVICES), hi, lo);
		g->now += (int64_t)(next(g) % 200) * NS_PER_US;
	}
	for (unsigned i = 0; i < SERVICES; i++) {
		buf_puts(&g->text, buf_span(&g->blocks[i]));
		buf_release(&g->blocks[i]);
	}
}

/* Decode all lines, and append them where there is a store. */
static int read_all(struct generator *g, struct store *store)
{
	struct span rest = buf_span(&g->text), line;
	struct arena arena;
	int64_t offset = 0;
	struct err err;
	int r = 0;

	arena_init(&arena, 4 << 20);
	while (r == 0 && span_cut(&rest, '\n', &line)) {
		struct record rec;
		size_t at;

		arena_reset(&arena);
		record_init(&rec, &arena, line);
		r = wire_read_record(line, &rec, &at);
		if (r < 0 || !store)
			continue;
		struct span labels[] = {SPAN("service"), record_text(&rec, SPAN("service")),
					SPAN("host"), record_text(&rec, SPAN("host"))};
		struct store_stream *stream;

		r = store_stream_get(store, labels, 4, &stream);
		r = r < 0 ? r : store_append(store, stream, &rec);
		offset++;
		if (r == 0 && store_commit_due(store)) {
			struct store_partition partition = {0, offset};

			r = store_commit(store, &(struct store_progress){&partition, 1, NULL, 0},
					 &err);
		}
	}
	arena_release(&arena);
	struct store_partition partition = {0, offset};

	if (r == 0 && store)
		r = store_commit(store, &(struct store_progress){&partition, 1, NULL, 0}, &err);
	return r;
}

/* The size of all rows by zstd -3, in slices, as a tool would. */
static uint64_t zstd_size(struct span text)
{
	ZSTD_CCtx *context = ZSTD_createCCtx();
	size_t cap = ZSTD_compressBound(ZSTD_SLICE);
	char *out = malloc(cap);
	uint64_t total = 0;

	ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, 3);
	while (text.len && out) {
		struct span slice = span_take(text, ZSTD_SLICE);
		ZSTD_inBuffer in = {slice.ptr, slice.len, 0};

		text = span_skip(text, slice.len);
		for (size_t left = 1; left;) {
			ZSTD_outBuffer o = {out, cap, 0};

			left = ZSTD_compressStream2(context, &o, &in,
						    text.len ? ZSTD_e_flush : ZSTD_e_end);
			total += o.pos;
		}
	}
	free(out);
	ZSTD_freeCCtx(context);
	return total;
}

/* Blocks that may have this trace, after the filters; then read those. */
static uint64_t find_trace(struct store *store, struct span trace, uint64_t *ret_blocks)
{
	struct store_snapshot *snap;
	uint64_t token = token_hash(trace), found = 0;

	*ret_blocks = 0;
	if (store_snapshot(store, INT64_MIN, INT64_MAX, &snap) < 0)
		return 0;
	for (size_t b = 0; b < snap->nblocks; b++) {
		struct row_block *block = snap->blocks[b];
		struct column column;
		struct arena arena;

		if (block->ops->may_have_tokens &&
		    !block->ops->may_have_tokens(block, SPAN("trace_id"), &token, 1))
			continue;
		++*ret_blocks;
		arena_init(&arena, 64 << 20);
		if (block->ops->load(block, SPAN("trace_id"), &arena, &column, NULL) == 0 &&
		    column_make(&column, &arena) == 0)
			for (uint32_t i = 0; i < block->nrows; i++)
				found += span_eq(column_text(&column, i, NULL), trace);
		arena_release(&arena);
	}
	store_snapshot_free(snap);
	return found;
}

/* Load a column of every block: ns a row. */
static double load_cost(struct store *store, struct span name)
{
	struct store_snapshot *snap;
	int64_t begin = clock_cpu_ns();
	uint64_t rows = 0;

	if (store_snapshot(store, INT64_MIN, INT64_MAX, &snap) < 0)
		return 0;
	for (size_t b = 0; b < snap->nblocks; b++) {
		struct row_block *block = snap->blocks[b];
		struct column column;
		struct arena arena;

		arena_init(&arena, 256 << 20);
		if (block->ops->load(block, name, &arena, &column, NULL) == 0 &&
		    column_make(&column, &arena) == 0)
			rows += block->nrows;
		arena_release(&arena);
	}
	store_snapshot_free(snap);
	return rows ? (double)(clock_cpu_ns() - begin) / (double)rows : 0;
}

static void print_queries(struct generator *g, struct store *store, uint64_t blocks)
{
	struct span text = buf_span(&g->text);
	ptrdiff_t at = span_find(text, SPAN("\"trace_id\":\""));
	struct span trace = span_take(span_skip(text, (size_t)at + 12), 32);
	uint64_t read, found = 0;
	double ms = 1e9;

	for (int i = 0; i < 5; i++) {
		int64_t begin = clock_cpu_ns();

		found = find_trace(store, trace, &read);
		ms = fmin(ms, (double)(clock_cpu_ns() - begin) / 1e6);
	}
	double plain = load_cost(store, SPAN("span_id"));
	static const char *const names[] = {"_msg", "_time", "level", "trace_id", "duration_ms"};

	printf("bench: store_needle %.2f ms (blocks read %" PRIu64 " of, ratio %.3f)\n", ms, read,
	       blocks ? (double)read / (double)blocks : 0);
	if (found == 0)
		printf("needle not found\n");
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		double ns = load_cost(store, span_cstr(names[i]));

		printf("bench: store_load_%s %.1f ns/row (span_id %.1f ns/row, ratio %.2f)\n",
		       names[i], ns, plain, plain > 0 ? ns / plain : 0);
	}
}

static int measure(struct generator *g, const char *dir)
{
	struct store *store;
	struct store_stats stats;
	struct rusage usage, before;
	struct err err;
	int64_t begin = clock_cpu_ns();
	int r = read_all(g, NULL);
	double decode = (double)(clock_cpu_ns() - begin) / 1e9;

	getrusage(RUSAGE_SELF, &before);
	begin = clock_cpu_ns();
	int64_t wall = clock_mono_ns();

	r = r < 0 ? r : store_open(dir, false, &(struct store_conf){0}, &store, &err);
	if (r < 0)
		return r;
	r = read_all(g, store);
	if (r < 0) {
		store_close(store);
		return r;
	}
	double cpu = (double)(clock_cpu_ns() - begin) / 1e9;
	double seconds = (double)(clock_mono_ns() - wall) / 1e9, rows = (double)g->rows;

	getrusage(RUSAGE_SELF, &usage);
	store_stats(store, &stats);
	double mib = (double)(usage.ru_maxrss - before.ru_maxrss) / 1024;
	double bytes = (double)stats.disk_bytes, zstd = (double)zstd_size(buf_span(&g->text));

	printf("bench: store_ingest %.0f rows/core-s (decode alone %.0f rows/core-s, ratio %.2f)\n",
	       rows / cpu, rows / decode, decode / cpu);
	printf("bench: store_ingest_wall %.0f rows/s (per core-second %.0f rows/s, ratio %.2f)\n",
	       rows / seconds, rows / cpu, cpu / seconds);
	printf("bench: store_disk %.1f B/row (zstd -3 %.1f B/row, ratio %.2f)\n", bytes / rows,
	       zstd / rows, bytes / zstd);
	printf("bench: store_disk_raw %.1f x (raw %.1f B/row, ratio %.2f)\n",
	       (double)g->text.len / bytes, (double)g->text.len / rows,
	       bytes / (double)g->text.len);
	printf("bench: store_rss %.0f MiB (limit 400 MiB, ratio %.2f)\n", mib, mib / 400);
	print_queries(g, store, stats.blocks);
	store_close(store);
	return r;
}

int main(int argc, char **argv)
{
	struct generator g = {0};
	char dir[SCRATCH_MAX];

	scratch_make(dir);
	generate(&g, argc > 1 ? strtoull(argv[1], NULL, 10) : 1000000);
	int r = g.text.failed ? g.text.failed : measure(&g, dir);

	buf_release(&g.text);
	scratch_remove(dir);
	if (r < 0)
		fprintf(stderr, "bench_store: %s\n", strerror(-r));
	return r < 0;
}
