/*
 * fuzz_part.c - no part's bytes crash who reads them: open it, verify it, read
 * all columns of all groups, and ask queries about them.
 *
 * Each input is read as it is, and once more with all checksums made right,
 * from the outside to the inside, so that what lies behind them is reached.
 */
#include "aggregator/query/query.h"
#include "aggregator/store/bloom.h"
#include "aggregator/store/part.h"
#include "common/base/check.h"
#include "common/base/cleanup.h"
#include "common/base/clock.h"
#include "common/base/hash.h"
#include "common/base/io.h"
#include <errno.h>
#include <fcntl.h>

#define NOW_NS    INT64_C(1714556789123456789)
#define MEMORY    (16u << 20)
#define PART_ID   1
#define PAGES_MAX 16 /* of a filter whose checksums are mended */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const queries[] = {
	"*",
	"level:error or n:>3 or id:=\"5d9dc9f8\" or ip:ipv4_range(\"10.0.0.0/8\")",
	"message:~\"[0-9]+\" or key*:v* | facets",
	"* | patterns at message | sort by (count)",
	"_stream:{service=~\".+\"} | stats by (level, _time:1h) count(), sum(n), max(ratio)",
	"* | stats count_uniq(id), values(message)",
	"* | sort by (_time, message) limit 3",
};

/* The sum of the bytes [from, to) goes to `at`; what does not fit stays. */
static void mend(struct span file, uint64_t from, uint64_t to, uint64_t at)
{
	if (from > to || to > file.len || at > file.len || file.len - at < 8)
		return;
	uint64_t sum = htole64(hash64(span_of(file.ptr + from, to - from)));

	memcpy((char *)(uintptr_t)file.ptr + at, &sum, sizeof(sum));
}

static uint64_t place(struct span file, const struct cursor *in)
{
	return (uint64_t)((const char *)in->at - file.ptr);
}

static void mend_filter(struct span file, uint64_t at, uint32_t lines)
{
	uint64_t left = bloom_bytes(lines);

	for (int i = 0; left > 8 && i < PAGES_MAX; i++) {
		uint64_t len = left < BLOOM_PAGE_MAX ? left : BLOOM_PAGE_MAX;

		mend(file, at, at + len - 8, at + len - 8);
		at += len;
		left -= len;
	}
}

/* Of a group that begins at `begin`: the chunks and filters of its directory's columns. */
static void mend_columns(struct span file, uint64_t begin, struct span directory)
{
	struct cursor cursor = cursor_of(directory), *in = &cursor;

	(void)cursor_varint(in);
	for (uint64_t n = cursor_varint(in); n && !in->failed; n--) {
		(void)cursor_span(in);
		uint8_t codec = cursor_u8(in);

		(void)cursor_u8(in);
		if (cursor_u8(in) & ENTRY_RANGE)
			(void)cursor_bytes(in, 16);
		if (codec == CODEC_CONST)
			(void)cursor_span(in);
		uint64_t off = begin + cursor_varint(in), len = cursor_varint(in);

		if (len < file.len)
			mend(file, off, off + len, place(file, in));
		(void)cursor_u64(in);
		off = begin + cursor_varint(in);
		mend_filter(file, off, (uint32_t)cursor_varint(in));
	}
}

static void mend_groups(struct span file, struct span footer)
{
	struct cursor cursor = cursor_of(footer), *in = &cursor;
	uint64_t begin = PART_HEADER_LEN;

	(void)cursor_varint(in);
	(void)cursor_zigzag(in);
	for (uint64_t n = cursor_varint(in); n && !in->failed; n--) {
		uint64_t len = cursor_varint(in), dir_len = cursor_varint(in);
		uint64_t end = begin + len;

		if (in->failed || dir_len > len || len > file.len || end > file.len)
			return;
		mend_columns(file, begin, span_of(file.ptr + end - dir_len, dir_len));
		mend(file, end - dir_len, end, place(file, in));
		(void)cursor_u64(in);
		(void)cursor_varint(in);
		(void)cursor_u8(in);
		(void)cursor_zigzag(in);
		(void)cursor_zigzag(in);
		begin = end;
	}
}

static void mend_part(struct span file)
{
	uint64_t id = htole64(PART_ID), trailer = file.len - PART_TRAILER_LEN;

	if (file.len < PART_HEADER_LEN + PART_TRAILER_LEN)
		return;
	memcpy((char *)(uintptr_t)file.ptr + PART_HEADER_LEN - 16, &id, sizeof(id));
	mend(file, 0, PART_HEADER_LEN - 8, PART_HEADER_LEN - 8);
	struct cursor in = cursor_of(span_skip(file, trailer));
	uint64_t off = cursor_u64(&in), len = cursor_u64(&in);

	if (off <= trailer && len <= trailer - off) {
		mend_groups(file, span_of(file.ptr + off, len));
		mend(file, off, off + len, trailer + 16);
	}
	mend(file, trailer, file.len - 8, file.len - 8);
}

/* The groups of a part as a source of blocks. */
struct part_source {
	struct query_source source;
	struct group_view *views;
	size_t n;
};

struct part_scan {
	struct source_scan scan;
	size_t next;
};

static int scan_part(struct query_source *source, const struct source_want *want,
		     struct source_scan **ret, struct err *reterr)
{
	struct part_scan *scan = calloc(1, sizeof(*scan));

	(void)want;
	if (!scan)
		return err_set(reterr, -ENOMEM, "out of memory");
	scan->scan.source = source;
	*ret = &scan->scan;
	return 0;
}

static int next_group(struct source_scan *base, unsigned worker, struct row_block **ret,
		      struct err *reterr)
{
	struct part_scan *scan = (struct part_scan *)base;
	struct part_source *source = (struct part_source *)base->source;

	(void)worker;
	(void)reterr;
	if (scan->next == source->n)
		return 0;
	*ret = &source->views[scan->next++].base;
	return 1;
}

static void close_scan(struct source_scan *base)
{
	free(base);
}

static const struct query_source_ops part_ops = {
	.scan = scan_part, .next = next_group, .close_scan = close_scan};

/* Look at each value, as a printer would. */
static int read_rows(void *ctx, struct rows *rows)
{
	uint64_t *bytes = ctx;
	const struct span *names;
	size_t n;

	if (rows_names(rows, &names, &n) < 0)
		return 0;
	for (size_t i = 0; i < n; i++) {
		const struct span *texts = rows_texts(rows, names[i]);

		for (uint32_t row = 0; row < rows->n; row++)
			for (size_t k = 0; k < texts[row].len; k++)
				*bytes += (unsigned char)texts[row].ptr[k];
	}
	return 0;
}

static void ask(struct part_source *source, const char *text)
{
	struct query_conf conf = {
		.threads = 1, .memory_bytes = MEMORY, .timeout_ns = 2 * NS_PER_SEC};
	struct query_result result = {0};
	struct query *query;
	struct err err = {0};
	uint64_t bytes = 0;

	CHECK(query_parse(span_cstr(text), NOW_NS, &query_lang_ops, &query, &err) == 0);
	if (query_execute(query, &conf, &source->source, read_rows, &bytes, &result, &err) < 0)
		CHECK(err.text[0]);
	else
		CHECK(!result.partial || result.partial_why.len);
	query_result_release(&result);
	query_free(query);
}

static void read_part(int dir_fd)
{
	_cleanup_(part_about_release) struct part_about about;
	struct part_source source = {.source = {.ops = &part_ops}};
	struct part *part;
	struct err err = {0};

	part_about_init(&about);
	if (part_open(dir_fd, PART_ID, &about, &part, &err) < 0) {
		CHECK(err.text[0]);
		return;
	}
	source.n = part->ngroups < 8 ? part->ngroups : 8;
	source.views = calloc(source.n + 1, sizeof(*source.views));
	for (size_t i = 0; source.views && i < source.n; i++) {
		struct group group = {.source = &part->source, .info = part->groups[i]};

		group_view_init(&source.views[i], &part->source, &part->groups[i]);
		(void)group_verify(&group, true, &err);
	}
	for (size_t i = 0; source.views && i < sizeof(queries) / sizeof(*queries); i++)
		ask(&source, queries[i]);
	for (size_t i = 0; source.views && i < source.n; i++)
		group_view_release(&source.views[i]);
	free(source.views);
	part_unref(part);
}

static char folder[256];

static void remove_folder(void)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/%016x.part", folder, PART_ID);
	unlink(path);
	rmdir(folder);
}

/* One folder for all inputs. */
static int open_folder(void)
{
	const char *tmp = getenv("TMPDIR");

	snprintf(folder, sizeof(folder), "%s/sluice-fuzz.XXXXXX", tmp && *tmp ? tmp : "/tmp");
	CHECK(mkdtemp(folder));
	atexit(remove_folder);
	return open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static void try_part(int dir_fd, struct span bytes)
{
	char name[PART_NAME_MAX];

	part_name(PART_ID, name);
	unlinkat(dir_fd, name, 0); /* ext4 writes a file out that is cut and filled again */
	int fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	CHECK(fd >= 0 && io_write_full(fd, bytes.ptr, bytes.len) == 0);
	close(fd);
	read_part(dir_fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int dir_fd = -1;
	_cleanup_free_ char *copy = malloc(size + 1);

	if (dir_fd < 0)
		dir_fd = open_folder();
	if (!copy || dir_fd < 0)
		return 0;
	memcpy(copy, data, size);
	try_part(dir_fd, span_of(copy, size));
	mend_part(span_of(copy, size));
	try_part(dir_fd, span_of(copy, size));
	return 0;
}
