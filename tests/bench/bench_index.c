/*
 * bench_index - the queries that have a target, on an index made in the run.
 *
 * Rows are those of eight services whose requests share random trace ids, made
 * from a seed.  A target is the time that 5 M rows may take, scaled to the rows
 * of this run: a needle too, though it costs less than in proportion.  Times
 * are the best wall time of some runs, by two workers as on the two cores of
 * the targets.
 *
 *	bench_index [ROWS [THREADS [NAME]]]	default 1,000,000 rows, 2 threads, all
 *	bench_index --write DIR ROWS		the rows as files, one a service; says the needle
 */
#include "aggregator/query/query.h"
#include "aggregator/store/store.h"
#include "common/base/clock.h"
#include "common/data/timestamp.h"
#include "common/data/wire.h"
#include "tests/unit/scratch.h"
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <math.h>

#define SERVICES    8
#define START_NS    (INT64_C(1772366400) * NS_PER_SEC)
#define TARGET_ROWS 5e6
#define RUNS        7
#define NEEDLE_ROW  0.6 /* of all rows: the request that the needle is cut from */

static const char *const service_names[SERVICES] = {
	"edge", "frontend", "cart", "checkout", "payment", "inventory", "shipping", "recommend"};

static const struct target {
	const char *name, *query; /* %s: the needle */
	double ms;                /* of TARGET_ROWS */
} targets[] = {
	{"needle", "trace_id:=%s", 3},
	{"count_level", "level:=ERROR | count() n", 11},
	{"phrase", "\"cache miss\" | count() n", 70},
	{"regex", "_msg:~\"user [0-9]+7,\" | count() n", 80},
	{"range", "user_id:range[1000, 5000] | count() n", 10},
	{"float_range", "duration_ms:range(100.5, 120.25) | count() n", 25},
	{"ipv4_range", "client_ip:ipv4_range(10.0.1.0, 10.0.1.255) | count() n", 25},
	{"stats_2", "* | stats by (service, level) count() n", 40},
	{"p99", "* | stats by (service) quantile(0.99, duration_ms) q", 150},
	{"facets", "* | facets", 150},
	{"hits_minute", "* | stats by (_time:1m) count() n", 50},
	{"count_uniq_trace", "* | stats count_uniq(trace_id) n", 300},
	{"top_trace", "* | stats by (trace_id) count() n | sort by (n desc) limit 5", 600},
	{"last_100", "level:=ERROR | sort by (_time desc) limit 100", 20},
	{"patterns", "* | patterns limit 10", 50},
};

struct maker {
	struct store *store;
	struct store_stream *streams[SERVICES];
	FILE *files[SERVICES]; /* in place of the store */
	struct buf line;
	struct arena arena;
	uint64_t seed, row, rows;
	char needle[33];
};

static _Noreturn void die(const char *what, const char *why)
{
	fprintf(stderr, "bench_index: %s: %s\n", what, why);
	exit(1);
}

static uint64_t next(struct maker *m)
{
	uint64_t z = (m->seed += UINT64_C(0x9e3779b97f4a7c15));

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

static void put_message(struct buf *out, uint64_t n)
{
	switch (n & 7) {
	case 0:
		buf_printf(out, "order A-%u accepted", (unsigned)(n >> 8 & 0xfffff));
		break;
	case 1:
		buf_printf(out, "reserved %u items of sku-%u", (unsigned)(n >> 8 & 7),
			   (unsigned)(n >> 16 & 0xfff));
		break;
	case 2:
		buf_printf(out, "cache miss for user %u, fetched in %ums",
			   (unsigned)(n >> 8 & 0xffff), (unsigned)(n >> 24 & 0xff));
		break;
	case 3:
		buf_printf(out, "upstream 10.0.%u.%u:8443 answered 200", (unsigned)(n >> 8 & 3),
			   (unsigned)(n >> 16 & 0xff));
		break;
	default:
		buf_puts(out, SPAN("request handled"));
		break;
	}
}

static void put_line(struct maker *m, unsigned service, const char *trace)
{
	static const char *const levels[] = {"INFO", "INFO", "INFO", "DEBUG",
					     "INFO", "WARN", "INFO", "ERROR"};
	static const char *const paths[] = {"/", "/cart", "/pay", "/item", "/search"};
	static const int statuses[] = {200, 200, 200, 200, 201, 302, 404, 500};
	uint64_t n = next(m), k = next(m);
	char time[TIMESTAMP_TEXT_LEN];

	timestamp_format(time, START_NS + (int64_t)(m->row * NS_PER_MS / 4 + n % NS_PER_MS));
	buf_reset(&m->line);
	buf_printf(&m->line, "{\"timestamp\":\"%.*s\",\"level\":\"%s\",\"message\":\"",
		   TIMESTAMP_TEXT_LEN, time, levels[k & 7]);
	put_message(&m->line, n);
	buf_printf(&m->line,
		   "\",\"host\":\"node-%u\",\"trace_id\":\"%s\",\"span_id\":\"%016" PRIx64
		   "\",\"client_ip\":\"10.%u.%u.%u\",\"method\":\"%s\",\"path\":\"%s\","
		   "\"status\":%d,\"duration_ms\":%u.%03u,\"user_id\":%u}",
		   service + 10, trace, next(m), (unsigned)(n >> 60 & 1), (unsigned)(n >> 56 & 15),
		   (unsigned)(n >> 48 & 255), k >> 3 & 1 ? "GET" : "POST", paths[(k >> 8) % 5],
		   statuses[k >> 12 & 7], (unsigned)(k >> 16 & 255), (unsigned)((k >> 24) % 1000),
		   (unsigned)(k >> 40 & 0x3ffff));
}

static void append_line(struct maker *m, unsigned service)
{
	struct record rec;
	struct err err = {.text = ""};
	size_t at;
	int r;

	arena_reset(&m->arena);
	record_init(&rec, &m->arena, buf_span(&m->line));
	if (wire_read_record(buf_span(&m->line), &rec, &at) < 0)
		die("a line", "it can't be read");
	r = store_append(m->store, m->streams[service], &rec);
	if (r < 0 || store_commit_due(m->store)) {
		if (store_commit(m->store, &(struct store_progress){0}, &err) < 0)
			die("commit", err.text);
		if (r < 0 && store_append(m->store, m->streams[service], &rec) < 0)
			die("a line", "the store doesn't take it");
	}
	m->row++;
}

static void write_line(struct maker *m, unsigned service)
{
	struct span line = buf_span(&m->line);

	if (fwrite(line.ptr, 1, line.len, m->files[service]) != line.len ||
	    putc('\n', m->files[service]) == EOF)
		die(service_names[service], strerror(errno));
	m->row++;
}

/* A request: a line of each of 2 to 7 services. */
static void append_request(struct maker *m)
{
	unsigned hops = 2 + (unsigned)(next(m) % 6), first = (unsigned)(next(m) % SERVICES);
	char trace[33];

	snprintf(trace, sizeof(trace), "%016" PRIx64 "%016" PRIx64, next(m), next(m));
	if (!m->needle[0] && (double)m->row >= NEEDLE_ROW * (double)m->rows)
		memcpy(m->needle, trace, sizeof(trace));
	for (unsigned h = 0; h < hops; h++) {
		put_line(m, (first + h) % SERVICES, trace);
		if (m->store)
			append_line(m, (first + h) % SERVICES);
		else
			write_line(m, (first + h) % SERVICES);
	}
}

static void make_rows(struct maker *m)
{
	arena_init(&m->arena, 1 << 20);
	buf_init(&m->line, 1 << 16);
	while (m->row < m->rows)
		append_request(m);
	arena_release(&m->arena);
	buf_release(&m->line);
}

static void make_files(struct maker *m, const char *dir)
{
	char path[PATH_MAX];

	for (unsigned i = 0; i < SERVICES; i++) {
		snprintf(path, sizeof(path), "%s/%s.log", dir, service_names[i]);
		m->files[i] = fopen(path, "w");
		if (!m->files[i])
			die(path, strerror(errno));
	}
	make_rows(m);
	for (unsigned i = 0; i < SERVICES; i++)
		if (fclose(m->files[i]) != 0)
			die(service_names[i], strerror(errno));
}

static void make_index(struct maker *m, const char *dir)
{
	struct err err = {.text = ""};

	if (store_open(dir, false, &(struct store_conf){.no_background = true}, &m->store, &err) <
	    0)
		die(dir, err.text);
	for (unsigned i = 0; i < SERVICES; i++) {
		struct span labels[] = {SPAN("service"), span_cstr(service_names[i])};

		if (store_stream_get(m->store, labels, 2, &m->streams[i]) < 0)
			die(service_names[i], "no stream");
	}
	make_rows(m);
	if (store_commit(m->store, &(struct store_progress){0}, &err) < 0)
		die("commit", err.text);
}

static int count_rows(void *ctx, struct rows *rows)
{
	*(uint64_t *)ctx += rows->n;
	return 0;
}

static double query_ms(struct query_source *index, const char *text, unsigned threads)
{
	struct query_conf conf = {.threads = threads};
	struct query_result result;
	struct query *query;
	struct err err = {.text = ""};
	uint64_t rows = 0;

	if (query_parse(span_cstr(text), START_NS, &query_lang_ops, &query, &err) < 0 ||
	    query_execute(query, &conf, index, count_rows, &rows, &result, &err) < 0)
		die(text, err.text);
	if (!rows)
		die(text, "no row came out");
	double ms = (double)result.elapsed_ns / NS_PER_MS;

	query_result_release(&result);
	query_free(query);
	return ms;
}

static void bench_target(const struct target *target, const struct maker *m,
			 struct query_source *index, unsigned threads)
{
	double best = INFINITY, limit = target->ms * (double)m->row / TARGET_ROWS;
	const char *hole = strstr(target->query, "%s");
	size_t before = hole ? (size_t)(hole - target->query) : 0;
	char text[200];

	if (hole)
		snprintf(text, sizeof(text), "%.*s%s%s", (int)before, target->query, m->needle,
			 hole + 2);
	else
		snprintf(text, sizeof(text), "%s", target->query);
	for (int run = 0; run < RUNS; run++)
		best = fmin(best, query_ms(index, text, threads));
	printf("bench: query_%s %.2f ms (target of %" PRIu64 " rows %.2f ms, ratio %.2f)\n",
	       target->name, best, m->row, limit, best / limit);
}

static int write_rows(const char *dir, const char *rows)
{
	struct maker m = {.seed = 42, .rows = strtoull(rows, NULL, 10)};

	make_files(&m, dir);
	printf("rows %" PRIu64 "\nneedle %s\n", m.row, m.needle);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 4 && strcmp(argv[1], "--write") == 0)
		return write_rows(argv[2], argv[3]);

	struct maker m = {.seed = 42, .rows = argc > 1 ? strtoull(argv[1], NULL, 10) : 1000000};
	unsigned threads = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 2;
	char dir[SCRATCH_MAX];
	struct query_source *index;

	scratch_make(dir);
	make_index(&m, dir);
	if (source_store_open(m.store, &index) < 0)
		die(dir, "no source");
	for (size_t i = 0; i < sizeof(targets) / sizeof(*targets); i++)
		if (argc <= 3 || strcmp(argv[3], targets[i].name) == 0)
			bench_target(&targets[i], &m, index, threads);
	source_close(index);
	store_close(m.store);
	scratch_remove(dir);
	return 0;
}
