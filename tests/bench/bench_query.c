/*
 * bench_query - queries over a raw NDJSON file.
 *
 * Rates are rows a second of CPU time, one worker.  Their floor is what it
 * costs to read the same bytes and find the ends of the lines.  A word is also
 * searched for by ripgrep, where it is installed; in packed files its floor is
 * unpacking them.
 *
 *	bench_query [ROWS]	default 300,000
 */
#include "aggregator/query/file_reader.h"
#include "aggregator/query/query.h"
#include "common/base/cleanup.h"
#include "common/base/clock.h"
#include "common/base/io.h"
#include "common/data/timestamp.h"
#include "tests/unit/scratch.h"
#include <fcntl.h>
#include <inttypes.h>
#include <spawn.h>
#include <sys/wait.h>
#include <zlib.h>
#include <zstd.h>

#define ROWS_DEFAULT 300000
#define START_NS     (INT64_C(1772366400) * NS_PER_SEC)
#define RUNS         5
#define READ_BYTES   (128 << 10)

static uint64_t next_random(uint64_t *seed)
{
	uint64_t z = (*seed += UINT64_C(0x9e3779b97f4a7c15));

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

/* A line as a microservice writes it, some 270 bytes. */
static void put_line(struct buf *out, uint64_t *seed, uint64_t i)
{
	static const char *const services[] = {"edge",    "frontend",  "cart",     "checkout",
					       "payment", "inventory", "shipping", "recommend"};
	static const char *const messages[] = {"item added to the cart", "payment accepted",
					       "stock reserved for the order",
					       "page rendered from the cache"};
	uint64_t n = next_random(seed);
	char time[TIMESTAMP_TEXT_LEN];

	timestamp_format(time, START_NS + (int64_t)i * NS_PER_MS);
	buf_printf(out, "{\"timestamp\":\"%.*s\",\"level\":\"%s\",\"message\":\"%s\",",
		   TIMESTAMP_TEXT_LEN, time, n % 50 ? "INFO" : "ERROR",
		   n % 1000 ? messages[n >> 8 & 3] : "payment declined by the bank");
	buf_printf(out,
		   "\"service\":\"%s\",\"host\":\"node-%u\",\"trace_id\":\"%016" PRIx64
		   "%016" PRIx64 "\",",
		   services[n >> 16 & 7], (unsigned)(n >> 24 & 15), next_random(seed),
		   next_random(seed));
	buf_printf(out, "\"user\":%u,\"status\":%u,\"duration_ms\":%u}\n",
		   (unsigned)(n >> 32 & 0xffff), n % 50 ? 200 : 500, (unsigned)(n >> 40 & 1023));
}

static int count_rows(void *ctx, struct rows *rows)
{
	*(uint64_t *)ctx += rows->n;
	return 0;
}

/* The best CPU time of some runs, ns. */
static int64_t time_query(struct query_source *source, const char *text, uint64_t *ret_rows)
{
	struct query_conf conf = {.threads = 1};
	int64_t best = INT64_MAX;

	for (int run = 0; run < RUNS; run++) {
		struct query_result result;
		struct query *query;
		struct err err = {.text = ""};

		*ret_rows = 0;
		if (query_parse(span_cstr(text), START_NS, &query_lang_ops, &query, &err) < 0 ||
		    query_execute(query, &conf, source, count_rows, ret_rows, &result, &err) < 0) {
			fprintf(stderr, "bench_query: %s: %s\n", text, err.text);
			exit(1);
		}
		best = result.cpu_ns < best ? result.cpu_ns : best;
		query_result_release(&result);
		query_free(query);
	}
	return best;
}

/* Read the file and find the end of each line. */
static int64_t time_floor(const char *path)
{
	static char buffer[READ_BYTES];
	int64_t best = INT64_MAX;
	uint64_t lines = 0;

	for (int run = 0; run < RUNS; run++) {
		_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
		int64_t start = clock_cpu_ns();
		ssize_t n;

		while ((n = io_read_full(fd, buffer, sizeof(buffer))) > 0) {
			const char *at = buffer, *end = buffer + n;

			while (at < end && (at = memchr(at, '\n', (size_t)(end - at)))) {
				at++;
				lines++;
			}
		}
		start = clock_cpu_ns() - start;
		best = start < best ? start : best;
	}
	if (!lines)
		exit(1);
	return best;
}

static void report_rate(const char *name, uint64_t rows, int64_t ns, int64_t floor_ns)
{
	double rate = (double)rows * NS_PER_SEC / (double)ns / 1e6;
	double floor = (double)rows * NS_PER_SEC / (double)floor_ns / 1e6;

	printf("bench: %s %.2f Mrows/s (read-and-split %.2f Mrows/s, ratio %.3f)\n", name, rate,
	       floor, rate / floor);
}

/* Wall time of ripgrep over the file; 0 = it can't be run. */
static int64_t time_ripgrep(const char *path, const char *word)
{
	char *argv[] = {strdup("rg"), strdup("-j1"), strdup("-c"), strdup("-w"),
			strdup(word), strdup(path),  NULL};
	extern char **environ;
	int64_t best = INT64_MAX;

	for (int run = 0; run < RUNS && best; run++) {
		posix_spawn_file_actions_t actions;
		int64_t start = clock_mono_ns();
		int status = -1;
		pid_t pid;

		posix_spawn_file_actions_init(&actions);
		posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
		if (posix_spawnp(&pid, "rg", &actions, NULL, argv, environ) != 0 ||
		    waitpid(pid, &status, 0) != pid || status != 0)
			best = 0;
		posix_spawn_file_actions_destroy(&actions);
		start = clock_mono_ns() - start;
		best = start < best ? start : best;
	}
	for (size_t i = 0; argv[i]; i++)
		free(argv[i]);
	return best;
}

static void bench_word(struct query_source *source, const char *path, int64_t floor_ns)
{
	int64_t best = INT64_MAX, reference = time_ripgrep(path, "declined");
	const char *name = "ripgrep";
	uint64_t rows;

	for (int run = 0; run < RUNS; run++) {
		int64_t start = clock_mono_ns();

		time_query(source, "declined", &rows);
		start = (clock_mono_ns() - start) / RUNS;
		best = start < best ? start : best;
	}
	if (!reference) {
		name = "read-and-split";
		reference = floor_ns;
	}
	printf("bench: query_file_word %.2f ms (%s %.2f ms, ratio %.2f)\n",
	       (double)best / NS_PER_MS, name, (double)reference / NS_PER_MS,
	       (double)best / (double)reference);
}

/* CPU time of unpacking alone. */
static int64_t time_unpacking(const char *path)
{
	static char buffer[READ_BYTES];
	int64_t best = INT64_MAX;

	for (int run = 0; run < RUNS; run++) {
		int64_t start = clock_cpu_ns();
		struct file_reader *reader;
		struct err err;

		if (file_reader_open(span_cstr(path), NULL, &reader, &err) < 0)
			exit(1);
		while (file_reader_read(reader, buffer, sizeof(buffer), &err) > 0)
			;
		file_reader_free(reader);
		start = clock_cpu_ns() - start;
		best = start < best ? start : best;
	}
	return best;
}

static void write_zstd(const char *path, struct span text)
{
	size_t size = ZSTD_compressBound(text.len);
	char *packed = malloc(size);
	struct err err;

	size = packed ? ZSTD_compress(packed, size, text.ptr, text.len, 3) : 0;
	if (!packed || ZSTD_isError(size) ||
	    io_replace_file(path, span_of(packed, size), 0600, &err) < 0)
		exit(1);
	free(packed);
}

static void write_gzip(const char *path, struct span text)
{
	gzFile gz = gzopen(path, "wb3");

	if (!gz || gzfwrite(text.ptr, 1, text.len, gz) != text.len || gzclose(gz) != Z_OK)
		exit(1);
}

static void bench_packed(const char *name, const char *path)
{
	int64_t floor_ns = time_unpacking(path), ns;
	struct query_source *source;
	struct err err;
	uint64_t rows;

	if (source_files_open(&(struct span){path, strlen(path)}, 1, &(struct source_files_conf){0},
			      &source, &err) < 0)
		exit(1);
	ns = time_query(source, "declined", &rows);
	source_close(source);
	printf("bench: %s %.2f ms CPU (unpacking %.2f ms, ratio %.2f)\n", name,
	       (double)ns / NS_PER_MS, (double)floor_ns / NS_PER_MS, (double)ns / (double)floor_ns);
}

static void bench_raw(struct query_source *raw, const char *path, uint64_t rows)
{
	int64_t floor_ns = time_floor(path), ns;
	uint64_t unused;

	ns = time_query(raw, "status:=500", &unused);
	report_rate("query_file_filter", rows, ns, floor_ns);
	ns = time_query(raw, "* | stats by (service, level) count() n", &unused);
	report_rate("query_file_stats_2", rows, ns, floor_ns);
	bench_word(raw, path, floor_ns);
}

int main(int argc, char **argv)
{
	uint64_t rows = argc > 1 ? strtoull(argv[1], NULL, 10) : ROWS_DEFAULT, seed = 1;
	char dir[SCRATCH_MAX], path[SCRATCH_MAX + 16];
	struct query_source *raw;
	struct buf text = BUF_INIT((size_t)4 << 30);
	struct err err;

	scratch_make(dir);
	snprintf(path, sizeof(path), "%s/rows.log", dir);
	for (uint64_t i = 0; i < rows; i++)
		put_line(&text, &seed, i);
	if (io_replace_file(path, buf_span(&text), 0600, &err) < 0 ||
	    source_files_open(&(struct span){path, strlen(path)}, 1, &(struct source_files_conf){0},
			      &raw, &err) < 0)
		return 1;
	bench_raw(raw, path, rows);
	source_close(raw);
	snprintf(path, sizeof(path), "%s/rows.zst", dir);
	write_zstd(path, buf_span(&text));
	bench_packed("query_file_zstd_word", path);
	snprintf(path, sizeof(path), "%s/rows.gz", dir);
	write_gzip(path, buf_span(&text));
	bench_packed("query_file_gzip_word", path);
	buf_release(&text);
	scratch_remove(dir);
	return 0;
}
