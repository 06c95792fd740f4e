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
#define CHUNK_BYTES      (128u << 10)
#define MAX_LINE_DEFAULT (1u << 20)
#define PATHS_MAX        (64u << 20)

struct source_files {
	struct query_source source;
	struct arena arena; /* of the paths */
	struct span *paths;
	size_t npaths;
	struct source_files_conf conf;
	struct parser *parser;
	VEC(int) spools; /* descriptors */
};

struct files_scan {
	struct source_scan scan;
	struct source_files *files;
	struct span literal;  /* lines without it need not be parsed; empty = all */
	pthread_mutex_t lock; /* of all below */
	size_t at;            /* the file that is read, or comes next */
	struct file_reader *reader;
	struct buf carry; /* what was read beyond the last block */
	int64_t passed;   /* bytes of lines that were handed out */
	bool cutting;     /* the rest of a line that was too long is skipped */
	bool ended;       /* the file was, whose lines were read last: a block is of one file */
	int failed;       /* a file could not be read; told after what was read of it */
	struct err failure;
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
	pthread_mutex_init(&scan->lock, NULL);
	buf_init(&scan->carry, files->conf.max_line + 4 * (size_t)CHUNK_BYTES);
	*ret = &scan->scan;
	return 0;
}

static void close_scan(struct source_scan *base)
{
	struct files_scan *scan = (struct files_scan *)base;

	for (size_t i = 0; i < scan->idle.len; i++)
		line_block_free(scan->idle.ptr[i]);
	vec_release(&scan->idle);
	file_reader_free(scan->reader);
	buf_release(&scan->carry);
	pthread_mutex_destroy(&scan->lock);
	free(scan);
}

static int take_block(struct files_scan *scan, struct line_block **ret)
{
	int r;

	if (scan->idle.len) {
		*ret = scan->idle.ptr[--scan->idle.len];
		return 0;
	}
	r = line_block_new(scan->files->parser, scan->carry.max, ret);
	if (r == 0) {
		(*ret)->block.ops = &block_ops;
		(*ret)->owner = scan;
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

	if (fd < 0)
		return fd;
	if (vec_push(&files->spools, fd) < 0) {
		close(fd);
		return err_set(reterr, -ENOMEM, "out of memory");
	}
	*path = arena_printf(&files->arena, "/proc/self/fd/%d", fd);
	return path->ptr ? 0 : err_set(reterr, -ENOMEM, "too many files");
}

static int next_file(struct files_scan *scan, struct err *reterr)
{
	struct source_files *files = scan->files;
	struct span *path = &files->paths[scan->at];
	int r = 0;

	if (files->conf.rescans && is_stream(*path))
		r = spool(files, path, reterr);
	return r < 0 ? r : file_reader_open(*path, files->conf.cancel, &scan->reader, reterr);
}

static void end_file(struct files_scan *scan, struct buf *text)
{
	file_reader_free(scan->reader);
	scan->reader = NULL;
	scan->at++;
	scan->cutting = false;
	scan->ended = true;
	if (text->len && text->ptr[text->len - 1] != '\n')
		buf_putc(text, '\n');
}

/* Bytes behind text: 1, or 0 when there are no more; a failure is kept for later. */
static int read_more(struct files_scan *scan, struct buf *text)
{
	ssize_t n = 0;

	if (scan->failed < 0 || (!scan->reader && scan->at == scan->files->npaths))
		return 0;
	if (!scan->reader)
		n = next_file(scan, &scan->failure);
	if (n == 0 && buf_reserve(text, CHUNK_BYTES) < 0)
		return -ENOMEM;
	if (n == 0)
		n = file_reader_read(scan->reader, text->ptr + text->len, CHUNK_BYTES,
				     &scan->failure);
	if (n > 0) {
		text->len += (size_t)n;
		return 1;
	}
	scan->failed = (int)n;
	end_file(scan, text);
	return n == 0;
}

/* Drop the bytes up to the end of the line that was cut. */
static void skip_cut_line(struct files_scan *scan, struct buf *text, size_t from)
{
	ptrdiff_t end;

	if (!scan->cutting)
		return;
	end = span_chr(span_skip(buf_span(text), from), '\n');
	if (end < 0) {
		text->len = from;
		return;
	}
	scan->cutting = false;
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
 * Keep `n` bytes in text, the others for the next block, as well as lines of
 * which parts are still to come.
 */
static int split(struct files_scan *scan, struct buf *text, size_t n, bool more)
{
	struct span rest = span_skip(buf_span(text), n);
	int r = 0;

	buf_reset(&scan->carry);
	text->len = n;
	if (more)
		r = line_join_hold(text, scan->files->conf.max_line / 2, &scan->carry);
	buf_puts(&scan->carry, rest);
	return r < 0 ? r : scan->carry.failed;
}

/* A line without end that is longer than any may be: its beginning is a line. */
static void cut_line(struct files_scan *scan, struct buf *text)
{
	text->len = scan->files->conf.max_line + 2; /* too long, so that it counts as cut */
	buf_putc(text, '\n');
	scan->cutting = true;
}

/*
 * Read until there are `enough` bytes and a whole line among them, or less if
 * the file ends or more is long in coming; `have`: there is one already.  1, 0 at
 * the end, negative errno.
 */
static int read_lines(struct files_scan *scan, struct buf *text, size_t enough, bool have)
{
	int r = 1;

	while (r == 1) {
		size_t from = text->len;
		bool waits = scan->reader && file_reader_would_wait(scan->reader);

		if (have && (waits || scan->ended || text->len >= enough))
			break;
		scan->ended = false;
		r = read_more(scan, text);
		skip_cut_line(scan, text, from);
		have |= span_chr(span_skip(buf_span(text), from), '\n') >= 0;
		if (r == 1 && !have && text->len >= scan->files->conf.max_line + CHUNK_BYTES) {
			cut_line(scan, text);
			have = true;
		}
	}
	return r;
}

/* Whole lines into text, and of lines in parts all parts.  1, 0 at the end, negative errno. */
static int fill(struct files_scan *scan, struct buf *text)
{
	bool have = span_chr(buf_span(&scan->carry), '\n') >= 0;
	size_t enough = CHUNK_BYTES;
	int r, code;

	do {
		buf_reset(text);
		buf_puts(text, buf_span(&scan->carry));
		buf_reset(&scan->carry);
		r = read_lines(scan, text, enough, have);
		/* Should nothing but parts have come: read on behind them. */
		have = false;
		enough = text->len + CHUNK_BYTES;
		code = r < 0 ? r
			     : split(scan, text, whole_lines(buf_span(text)),
				     r == 1 && !scan->ended);
	} while (r == 1 && code == 0 && !text->len);
	if (text->failed)
		return text->failed;
	return code < 0 ? code : text->len > 0;
}

/* What could not be read, once. */
static int take_failure(struct files_scan *scan, struct err *reterr)
{
	int r = scan->failed;

	scan->failed = 0;
	if (r == 0)
		return 0;
	*reterr = scan->failure;
	return r == -ENOMEM || r == -ECANCELED ? r : -EBADMSG;
}

static int files_next(struct source_scan *base, unsigned worker, struct row_block **ret,
		      struct err *reterr)
{
	struct files_scan *scan = (struct files_scan *)base;
	const struct source_files_conf *conf = &scan->files->conf;
	struct line_block *lines = NULL;
	int64_t now = conf->now_ns ?: clock_real_ns();
	int r;

	(void)worker;
	pthread_mutex_lock(&scan->lock);
	r = take_block(scan, &lines);
	if (r == 0)
		r = fill(scan, &lines->text);
	if (conf->rescans && r == 1) {
		now += scan->passed;
		scan->passed += (int64_t)lines->text.len;
	}
	if (r < 0)
		(void)err_set(reterr, r, "out of memory for lines");
	else if (r == 0)
		r = take_failure(scan, reterr);
	pthread_mutex_unlock(&scan->lock);
	if (r == 1 &&
	    line_block_parse(lines, now, conf->rescans, conf->max_line, scan->literal) < 0)
		r = err_set(reterr, -ENOMEM, "out of memory for lines");
	if (r == 1)
		*ret = &lines->block;
	else if (lines)
		release_block(&lines->block);
	return r;
}

static void files_close(struct query_source *source)
{
	struct source_files *files = (struct source_files *)source;

	parser_free(files->parser);
	for (size_t i = 0; i < files->spools.len; i++)
		close(files->spools.ptr[i]);
	vec_release(&files->spools);
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
	files->conf = *conf;
	if (!files->conf.max_line)
		files->conf.max_line = MAX_LINE_DEFAULT;
	arena_init(&files->arena, PATHS_MAX);
	files->npaths = npaths;
	files->paths = ARENA_ARRAY(&files->arena, struct span, npaths + 1);
	for (size_t i = 0; i < npaths && files->paths; i++)
		files->paths[i] = arena_dup(&files->arena, paths[i]);
	r = files->arena.overflowed ? err_set(reterr, -ENOMEM, "too many files") : 0;
	if (r == 0)
		r = parser_new(conf->format.len ? conf->format : SPAN("auto"), &files->parser,
			       reterr);
	if (r < 0) {
		files_close(&files->source);
		return r;
	}
	*ret = &files->source;
	return 0;
}
