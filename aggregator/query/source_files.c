/*
 * Files and stdin as a source: chunks of whole lines.
 *
 * Reading and unpacking is done by whichever worker comes, one at a time;
 * parsing, which costs most, by all of them.  Blocks are used again, so there
 * are never more than workers.
 */
#include "aggregator/query/file_reader.h"
#include "aggregator/query/line_block.h"
#include "aggregator/query/line_filter.h"
#include "aggregator/query/source.h"
#include "aggregator/query/spool.h"
#include "common/base/cleanup.h"
#include "common/base/clock.h"
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * Bytes of lines in a block, more or less.  Its records are to stay in the
 * cache between parsing and use: stats by two fields over 400 k lines of 270
 * bytes takes 240 ms of one core with 128 KiB, 256 with 512 KiB, 370 with 1 MiB.
 */
#define CHUNK_BYTES (128u << 10)
#define PATHS_MAX   (64u << 20)

struct source_files {
	struct query_source source;
	struct arena arena; /* of the paths */
	struct span *paths;
	bool *nameless; /* of each path: no name that rows are to have */
	size_t npaths;
	struct source_files_conf conf;
	struct line_rules rules;
	pthread_mutex_t spool_lock; /* of `spools`, and of paths that they replace */
	VEC(int) spools;            /* descriptors */
};

struct files_scan;

/* One file after the other, read to its end. */
struct reading {
	struct files_scan *scan;
	pthread_mutex_t lock; /* of all below */
	struct file_reader *reader;
	struct buf carry; /* what was read beyond the last block */
	unsigned flags;   /* where `carry` begins, see line_block.h */
	bool inside;      /* … which is not with the first byte of its file */
	struct span name; /* of the file, for its rows */
	uint64_t offset;  /* of `carry` in it … */
	uint64_t dropped; /* … but for bytes of a line that was too long */
	int64_t passed;   /* bytes of lines that were handed out */
	bool cutting;     /* the rest of a line that was too long is skipped */
	bool file_ended;  /* the one whose lines were read last: a block is of one file */
	bool ended;       /* there is no file any more */
	int failed;       /* a file could not be read; told after what was read of it */
	struct err failure;
};

struct files_scan {
	struct source_scan scan;
	struct source_files *files;
	struct span literal; /* lines without it need not be parsed; empty = all */
	struct budget *memory;
	struct reading *readings;
	unsigned nreadings;
	atomic_size_t next;   /* the file that nobody has opened yet */
	pthread_mutex_t lock; /* of what follows; taken last */
	VEC(struct line_block *) idle;
};

static void release_block(struct row_block *block)
{
	struct line_block *lines = (struct line_block *)block;
	struct files_scan *scan = lines->owner;

	pthread_mutex_lock(&scan->lock);
	if (vec_push(&scan->idle, lines) < 0)
		line_block_free(lines);
	pthread_mutex_unlock(&scan->lock);
}

static const struct row_block_ops block_ops = {
	.load = line_block_load, .names = line_block_names, .release = release_block};

static void close_scan(struct source_scan *base)
{
	struct files_scan *scan = (struct files_scan *)base;

	for (size_t i = 0; i < scan->idle.len; i++)
		line_block_free(scan->idle.ptr[i]);
	vec_release(&scan->idle);
	for (unsigned i = 0; scan->readings && i < scan->nreadings; i++) {
		file_reader_free(scan->readings[i].reader);
		buf_release(&scan->readings[i].carry);
		pthread_mutex_destroy(&scan->readings[i].lock);
	}
	free(scan->readings);
	pthread_mutex_destroy(&scan->lock);
	free(scan);
}

/* Of the lines of a block, and of what is kept for the next one: an event, and a line behind it. */
static size_t text_max(const struct source_files *files)
{
	return 2 * files->rules.max_line + 4 * (size_t)CHUNK_BYTES;
}

static int files_scan(struct query_source *source, const struct source_want *want,
		      struct source_scan **ret, struct err *reterr)
{
	struct source_files *files = (struct source_files *)source;
	struct files_scan *scan = calloc(1, sizeof(*scan));

	if (!scan)
		return err_set(reterr, -ENOMEM, "out of memory");
	scan->scan.source = source;
	scan->files = files;
	scan->literal = line_filter_literal(want->filter);
	scan->memory = want->memory;
	pthread_mutex_init(&scan->lock, NULL);
	/* Lines without a time are to have the same one when they are read again. */
	scan->nreadings = want->workers && !files->conf.rescans ? want->workers : 1;
	if (scan->nreadings > files->npaths)
		scan->nreadings = (unsigned)files->npaths;
	scan->readings = calloc(scan->nreadings + 1, sizeof(*scan->readings));
	if (!scan->readings) {
		close_scan(&scan->scan);
		return err_set(reterr, -ENOMEM, "out of memory");
	}
	for (unsigned i = 0; i < scan->nreadings; i++) {
		scan->readings[i].scan = scan;
		pthread_mutex_init(&scan->readings[i].lock, NULL);
		buf_init(&scan->readings[i].carry, text_max(files));
	}
	*ret = &scan->scan;
	return 0;
}

static int take_block(struct files_scan *scan, struct line_block **ret)
{
	int r;

	pthread_mutex_lock(&scan->lock);
	*ret = scan->idle.len ? scan->idle.ptr[--scan->idle.len] : NULL;
	pthread_mutex_unlock(&scan->lock);
	if (*ret)
		return 0;
	r = line_block_new(&scan->files->rules, text_max(scan->files), ret);
	if (r == 0) {
		(*ret)->block.ops = &block_ops;
		(*ret)->owner = scan;
		(*ret)->arena.shared = scan->memory;
	}
	return r;
}

/* Standard input and pipes: what was read of them is gone. */
static bool is_stream(struct span path)
{
	char name[PATH_MAX];
	struct stat st;

	if (span_eq(path, SPAN("-")))
		return true;
	snprintf(name, sizeof(name), "%.*s", SPAN_FMT(path));
	return stat(name, &st) == 0 && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode);
}

/* The first scan of a stream puts its bytes where the next ones find them. */
static int spool(struct source_files *files, struct span *path, struct err *reterr)
{
	int fd = spool_stream(*path, files->conf.cancel, reterr);
	struct span name = {0};

	if (fd < 0)
		return fd;
	pthread_mutex_lock(&files->spool_lock);
	if (vec_push(&files->spools, fd) < 0)
		close(fd);
	else
		name = arena_printf(&files->arena, "/proc/self/fd/%d", fd);
	pthread_mutex_unlock(&files->spool_lock);
	if (!name.ptr)
		return err_set(reterr, -ENOMEM, "out of memory");
	*path = name;
	return 0;
}

/* The next file, ready to be read: 1, or 0 when there is none any more. */
static int next_file(struct reading *reading, struct err *reterr)
{
	struct source_files *files = reading->scan->files;
	size_t at = atomic_fetch_add(&reading->scan->next, 1);
	int r = 0;

	reading->ended = at >= files->npaths;
	if (reading->ended)
		return 0;
	struct span *path = &files->paths[at];
	bool stream = is_stream(*path);

	files->nameless[at] |= stream;
	reading->name = files->nameless[at] ? SPAN("") : *path;
	reading->offset = reading->dropped = 0;
	if (files->conf.rescans && stream)
		r = spool(files, path, reterr);
	if (r >= 0)
		r = file_reader_open(*path, files->conf.cancel, &reading->reader, reterr);
	return r < 0 ? r : 1;
}

/* What was allocated and never written: NULs without the end of a line.  Their start; -1 = none. */
static ptrdiff_t find_hole(struct span text)
{
	size_t n = text.len;

	while (n && text.ptr[n - 1] == '\0')
		n--;
	return n < text.len && (n == 0 || text.ptr[n - 1] == '\n') ? (ptrdiff_t)n : -1;
}

static void end_file(struct reading *reading, struct buf *text)
{
	ptrdiff_t hole = find_hole(buf_span(text));

	file_reader_free(reading->reader);
	reading->reader = NULL;
	reading->cutting = false;
	reading->file_ended = true;
	if (hole >= 0)
		text->len = (size_t)hole;
	if (text->len && text->ptr[text->len - 1] != '\n')
		buf_putc(text, '\n');
}

/* Bytes behind text: 1, or 0 when there are no more; a failure is kept for later. */
static int read_more(struct reading *reading, struct buf *text)
{
	ssize_t n = 1;

	if (reading->failed < 0 || reading->ended)
		return 0;
	if (!reading->reader)
		n = next_file(reading, &reading->failure);
	if (reading->ended)
		return 0;
	if (n > 0 && buf_reserve(text, CHUNK_BYTES) < 0)
		return -ENOMEM;
	if (n > 0)
		n = file_reader_read(reading->reader, text->ptr + text->len, CHUNK_BYTES,
				     &reading->failure);
	if (n > 0) {
		text->len += (size_t)n;
		return 1;
	}
	reading->failed = (int)n;
	end_file(reading, text);
	return n == 0;
}

/* Drop the bytes up to the end of the line that was cut. */
static void skip_cut_line(struct reading *reading, struct buf *text, size_t from)
{
	ptrdiff_t end;

	if (!reading->cutting)
		return;
	end = span_chr(span_skip(buf_span(text), from), '\n');
	if (end < 0) {
		reading->dropped += text->len - from;
		text->len = from;
		return;
	}
	reading->cutting = false;
	reading->dropped += (size_t)end + 1;
	memmove(text->ptr + from, text->ptr + from + end + 1, text->len - from - (size_t)end - 1);
	text->len -= (size_t)end + 1;
}

/* Bytes of whole lines at the front, at most ROW_BLOCK_MAX of them. */
static size_t whole_lines(struct span text)
{
	struct span rest = text;
	ptrdiff_t end;

	for (unsigned n = 0; n < ROW_BLOCK_MAX && (end = span_chr(rest, '\n')) >= 0; n++)
		rest = span_skip(rest, (size_t)end + 1);
	return text.len - rest.len;
}

/*
 * Keep whole lines in the block, and no event whose end may still come, unless
 * it has been waited for (`flush`).  The others are for the next block.
 */
static int split(struct reading *reading, struct line_block *block, bool flush)
{
	struct buf *text = &block->text;
	size_t lines = whole_lines(buf_span(text)), n;
	bool all = lines == text->len, last = reading->file_ended && all;

	if (!reading->cutting) {
		reading->offset += reading->dropped;
		reading->dropped = 0;
	}
	block->file = reading->name;
	block->offset = reading->offset;
	block->flags = reading->flags;
	block->at_zero = !reading->inside;
	n = line_block_cut(block, lines, flush || last || (reading->cutting && all),
			   &reading->flags);
	reading->offset += n;
	if (last)
		reading->flags = 0;
	reading->inside = !last && (reading->inside || n);
	buf_reset(&reading->carry);
	buf_puts(&reading->carry, span_skip(buf_span(text), n));
	text->len = n;
	return reading->carry.failed;
}

/*
 * When the last line has no end and is longer than any may be, its beginning is
 * a line: true, and it is the last of its block.  NULs are no beginning.
 */
static bool cut_line(struct reading *reading, struct buf *text)
{
	const char *newline = text->len ? memrchr(text->ptr, '\n', text->len) : NULL;
	size_t start = newline ? (size_t)(newline + 1 - text->ptr) : 0;
	size_t max = reading->scan->files->rules.max_line;

	if (text->len - start < max + CHUNK_BYTES)
		return false;
	reading->dropped += text->len - start;
	if (find_hole(buf_span(text)) == (ptrdiff_t)start) {
		text->len = start;
		return false;
	}
	/* Too long, so that it counts as cut. */
	text->len = start + max + 2;
	buf_putc(text, '\n');
	reading->dropped -= text->len - start;
	reading->cutting = true;
	return true;
}

/*
 * Read until there are `enough` bytes and a whole line among them, or less if
 * the file ends or more is long in coming; `have`: there is one already.  1, 0 at
 * the end, negative errno.
 */
static int read_lines(struct reading *reading, struct buf *text, size_t enough, bool have)
{
	int r = 1;

	while (r == 1) {
		size_t from = text->len;
		bool waits = reading->reader && file_reader_would_wait(reading->reader, 0);

		if (have &&
		    (waits || reading->file_ended || reading->cutting || text->len >= enough))
			break;
		reading->file_ended = false;
		r = read_more(reading, text);
		skip_cut_line(reading, text, from);
		have |= span_chr(span_skip(buf_span(text), from), '\n') >= 0;
		/* An event that waits for more waits for its own file's. */
		have |= reading->file_ended && text->len;
		if (r == 1 && !have)
			have = cut_line(reading, text);
	}
	return r;
}

/* An open event is all there is, and its stream has been silent for as long as it may be. */
static bool is_silent(const struct reading *reading, const struct line_block *block)
{
	const struct source_files *files = reading->scan->files;
	/* Parts of a runtime join within one pause: nothing joins behind two. */
	int64_t pause_ns = files->rules.joining.pause_ns * (block->events.cri ? 2 : 1);

	return files->conf.streaming && block->joins && block->events.held && reading->reader &&
	       file_reader_would_wait(reading->reader, pause_ns);
}

/* Whole lines into the block, and of an event all lines.  1, 0 at the end, negative errno. */
static int fill(struct reading *reading, struct line_block *block)
{
	bool have = span_chr(buf_span(&reading->carry), '\n') >= 0, flush = false;
	struct buf *text = &block->text;
	size_t enough = CHUNK_BYTES, held;
	int r, code;

	do {
		buf_reset(text);
		buf_puts(text, buf_span(&reading->carry));
		held = text->len;
		buf_reset(&reading->carry);
		r = read_lines(reading, text, enough, have);
		/* What came after all has the right to be waited for, too. */
		code = r < 0 ? r : split(reading, block, flush && text->len == held);
		/* Should nothing but part of an event have come: read on behind it. */
		enough = reading->carry.len + CHUNK_BYTES;
		flush = code == 0 && !text->len && is_silent(reading, block);
		have = flush;
	} while (r == 1 && code == 0 && !text->len);
	if (text->failed)
		return text->failed;
	return code < 0 ? code : text->len > 0;
}

/* What could not be read, once. */
static int take_failure(struct reading *reading, struct err *reterr)
{
	int r = reading->failed;

	reading->failed = 0;
	if (r == 0)
		return 0;
	*reterr = reading->failure;
	return r == -ENOMEM || r == -ECANCELED ? r : -EBADMSG;
}

/* Lines of the worker's own reading, or of one that is not through: 1, 0 at the end. */
static int fill_block(struct files_scan *scan, unsigned worker, struct line_block *block,
		      int64_t *ret_passed, struct err *reterr)
{
	int r = 0;

	for (unsigned i = 0; r == 0 && i < scan->nreadings; i++) {
		struct reading *reading = &scan->readings[(worker + i) % scan->nreadings];

		pthread_mutex_lock(&reading->lock);
		r = fill(reading, block);
		*ret_passed = reading->passed;
		reading->passed += (int64_t)block->text.len;
		if (r < 0)
			(void)err_set(reterr, r, "out of memory for lines");
		else if (r == 0)
			r = take_failure(reading, reterr);
		pthread_mutex_unlock(&reading->lock);
	}
	return r;
}

static int files_next(struct source_scan *base, unsigned worker, struct row_block **ret,
		      struct err *reterr)
{
	struct files_scan *scan = (struct files_scan *)base;
	const struct source_files_conf *conf = &scan->files->conf;
	struct line_block *lines = NULL;
	int64_t now = conf->now_ns ?: clock_real_ns(), passed = 0;
	int r = take_block(scan, &lines);

	if (r < 0)
		return err_set(reterr, r, "out of memory for lines");
	r = fill_block(scan, worker, lines, &passed, reterr);
	if (r == 1 && line_block_parse(lines, now + (conf->rescans ? passed : 0), conf->rescans,
				       scan->literal) < 0)
		r = err_set(reterr, -ENOMEM,
			    "the lines of a block of %zu bytes need more memory than a query may "
			    "use",
			    lines->text.len);
	if (r == 1)
		*ret = &lines->block;
	else
		release_block(&lines->block);
	return r;
}

static void files_close(struct query_source *source)
{
	struct source_files *files = (struct source_files *)source;

	line_rules_release(&files->rules);
	for (size_t i = 0; i < files->spools.len; i++)
		close(files->spools.ptr[i]);
	vec_release(&files->spools);
	pthread_mutex_destroy(&files->spool_lock);
	arena_release(&files->arena);
	free(files);
}

static const struct query_source_ops files_ops = {
	.scan = files_scan, .next = files_next, .close_scan = close_scan, .close = files_close};

int source_files_open(const struct span *paths, size_t npaths, const struct source_files_conf *conf,
		      struct query_source **ret, struct err *reterr)
{
	struct source_files *files = calloc(1, sizeof(*files));
	int r;

	if (!files)
		return err_set(reterr, -ENOMEM, "out of memory");
	files->source.ops = &files_ops;
	pthread_mutex_init(&files->spool_lock, NULL);
	files->conf = *conf;
	arena_init(&files->arena, PATHS_MAX);
	files->npaths = npaths;
	files->paths = ARENA_ARRAY(&files->arena, struct span, npaths + 1);
	files->nameless = ARENA_ARRAY(&files->arena, bool, npaths + 1);
	for (size_t i = 0; i < npaths && files->paths; i++)
		files->paths[i] = arena_dup(&files->arena, paths[i]);
	r = files->arena.overflowed ? err_set(reterr, -ENOMEM, "too many files") : 0;
	if (r == 0)
		r = line_rules_init(&files->rules, conf->format, conf->multiline, reterr);
	if (r == 0 && conf->max_line)
		files->rules.max_line = conf->max_line;
	if (r < 0) {
		files_close(&files->source);
		return r;
	}
	*ret = &files->source;
	return 0;
}
