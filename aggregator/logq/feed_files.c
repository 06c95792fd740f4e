/*
 * feed_files.c - files that grow.
 *
 * Bytes are read from an open file, not from a name, so a file that was renamed
 * is read to its end: its writer may go on with it for a while.  Each look asks
 * whether the name is another file's now, and whether the file is what it was:
 * one that is shorter, or has other bytes before the place where we stand, was
 * cut and written anew.
 */
#include "aggregator/logq/feed_inside.h"
#include "aggregator/logq/notice.h"
#include "common/base/buf.h"
#include "common/base/cleanup.h"
#include "common/base/clock.h"
#include "common/base/io.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>

#define READ_BYTES (64u << 10)
#define LINE_BYTES (1u << 20)        /* longer ones are cut in pieces */
#define RENAMED_NS (60 * NS_PER_SEC) /* a renamed file is read for so long */
#define BACKLOG_NS (5 * NS_PER_SEC)  /* of a pipe that never falls silent */
#define MARK_BYTES 64

/* An open file and how far it was read. */
struct reading {
	int fd; /* -1 = none */
	dev_t dev;
	ino_t ino;
	int64_t at;
	char mark[MARK_BYTES]; /* the bytes before `at`, as many as there are */
	struct buf line;       /* the beginning of a line whose end isn't there yet */
};

struct growing {
	char *path;
	bool stream; /* standard input, a pipe: read once, by no name */
	bool packed; /* gzip, zstd, UTF-16: bytes, not lines */
	bool waited; /* it was said that it isn't there */
	bool ended;  /* nothing more comes */
	int64_t seam;
	struct reading now, renamed;
	int64_t renamed_ns; /* when */
};

struct feed_files {
	struct feed feed;
	struct growing files[FEED_FILES_MAX];
	size_t n;
	/* What the next run gives: a unit's bytes up to its seam, or what comes. */
	struct growing *looked_at;
	int64_t from;
};

static void reading_close(struct reading *reading)
{
	cleanup_close(&reading->fd);
	reading->fd = -1;
	buf_release(&reading->line);
}

static void files_free(struct feed *feed)
{
	struct feed_files *files = (struct feed_files *)feed;

	for (size_t i = 0; i < files->n; i++) {
		reading_close(&files->files[i].now);
		reading_close(&files->files[i].renamed);
		free(files->files[i].path);
	}
	free(files);
}

static size_t files_units(const struct feed *feed)
{
	return ((const struct feed_files *)feed)->n;
}

/* Put whole lines; what is behind the last of them waits for its end. */
static int put_lines(struct feed *feed, struct reading *reading, struct span text)
{
	const char *end = memrchr(text.ptr, '\n', text.len);
	size_t whole = end ? (size_t)(end + 1 - text.ptr) : 0;
	int r = 0;

	if (whole) {
		r = feed_put(feed, buf_span(&reading->line));
		buf_reset(&reading->line);
	}
	if (r == 0)
		r = feed_put(feed, span_take(text, whole));
	buf_puts(&reading->line, span_skip(text, whole));
	if (r == 0 && reading->line.len >= LINE_BYTES) {
		buf_putc(&reading->line, '\n');
		r = feed_put(feed, buf_span(&reading->line));
		buf_reset(&reading->line);
	}
	return r < 0 ? r : reading->line.failed;
}

/* No more comes behind it: the last line is one without a newline, too. */
static int put_rest(struct feed *feed, struct reading *reading)
{
	return reading->line.len ? put_lines(feed, reading, SPAN("\n")) : 0;
}

static int put_text(struct feed *feed, const struct growing *file, struct reading *reading,
		    struct span text)
{
	return file->packed ? feed_put(feed, text) : put_lines(feed, reading, text);
}

static void keep_mark(struct reading *reading, struct span text)
{
	size_t n = text.len < MARK_BYTES ? text.len : MARK_BYTES;

	memmove(reading->mark, reading->mark + n, MARK_BYTES - n);
	memcpy(reading->mark + MARK_BYTES - n, text.ptr + text.len - n, n);
}

/* As after opening: the bytes before `at`. */
static int read_mark(struct reading *reading)
{
	size_t n = reading->at < MARK_BYTES ? (size_t)reading->at : MARK_BYTES;
	ssize_t r = io_pread_full(reading->fd, reading->mark + MARK_BYTES - n, n,
				  reading->at - (int64_t)n);

	return r < 0 ? (int)r : 0;
}

/* Cut and written anew, perhaps longer than it was. */
static bool was_cut(const struct reading *reading, int64_t size)
{
	size_t n = reading->at < MARK_BYTES ? (size_t)reading->at : MARK_BYTES;
	char there[MARK_BYTES];

	if (size < reading->at)
		return true;
	return size > reading->at &&
	       (io_pread_full(reading->fd, there, n, reading->at - (int64_t)n) != (ssize_t)n ||
		memcmp(there, reading->mark + MARK_BYTES - n, n) != 0);
}

/* Everything that was appended since. */
static int put_growth(struct feed *feed, const struct growing *file, struct reading *reading)
{
	char text[READ_BYTES];
	struct stat st;
	ssize_t n;
	int r = 0;

	if (reading->fd < 0 || fstat(reading->fd, &st) < 0)
		return 0;
	if (was_cut(reading, st.st_size)) {
		r = put_rest(feed, reading);
		reading->at = 0;
	}
	while (r == 0 && !feed_is_over(feed) &&
	       (n = pread(reading->fd, text, sizeof(text), reading->at)) > 0) {
		keep_mark(reading, span_of(text, (size_t)n));
		reading->at += n;
		r = put_text(feed, file, reading, span_of(text, (size_t)n));
	}
	return r;
}

/* The file that has the name now; 0 or why it can't be had. */
static int open_named(struct growing *file, struct reading *ret)
{
	_cleanup_close_ int fd = open(file->path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (S_ISDIR(st.st_mode))
		return -EISDIR;
	*ret = (struct reading){.fd = TAKE_FD(fd),
				.dev = st.st_dev,
				.ino = st.st_ino,
				.line = BUF_INIT(LINE_BYTES + READ_BYTES + 1)};
	file->stream = !S_ISREG(st.st_mode);
	return 0;
}

/* The name is another file's: the one that had it is read on for a while. */
static int take_new_file(struct feed *feed, struct growing *file)
{
	struct reading new;
	int r = 0;

	if (open_named(file, &new) < 0)
		return 0; /* not there any more: the next look will tell */
	if (file->renamed.fd >= 0) {
		r = put_growth(feed, file, &file->renamed);
		if (r == 0)
			r = put_rest(feed, &file->renamed);
		reading_close(&file->renamed);
	}
	file->renamed = file->now;
	file->renamed_ns = clock_mono_ns();
	file->now = new;
	return r;
}

static int look_at_renamed(struct feed *feed, struct growing *file)
{
	int r = put_growth(feed, file, &file->renamed);

	if (file->renamed.fd < 0 || clock_mono_ns() - file->renamed_ns < RENAMED_NS)
		return r;
	if (r == 0)
		r = put_rest(feed, &file->renamed);
	reading_close(&file->renamed);
	return r;
}

static int look_at_file(struct feed *feed, struct growing *file)
{
	struct stat st;
	int r = look_at_renamed(feed, file);

	if (r == 0)
		r = put_growth(feed, file, &file->now);
	if (r < 0 || stat(file->path, &st) < 0 || S_ISDIR(st.st_mode))
		return r;
	if (file->now.fd >= 0 && st.st_dev == file->now.dev && st.st_ino == file->now.ino)
		return 0;
	r = take_new_file(feed, file);
	return r == 0 ? put_growth(feed, file, &file->now) : r;
}

/* What a pipe has now, if it has. */
static int look_at_stream(struct feed *feed, struct growing *file)
{
	char text[READ_BYTES];
	ssize_t n = read(file->now.fd, text, sizeof(text));

	if (n > 0)
		return put_text(feed, file, &file->now, span_of(text, (size_t)n));
	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return 0;
	file->ended = true;
	return n < 0 ? err_set(&feed->err, -errno, "%s: %s", file->path, strerror(errno))
		     : put_rest(feed, &file->now);
}

/* Wait for the streams, but not longer.  How many have something. */
static int wait_for_streams(const struct feed_files *files, struct growing *only,
			    struct pollfd fds[FEED_FILES_MAX], int timeout_ms)
{
	for (size_t i = 0; i < files->n; i++) {
		const struct growing *file = &files->files[i];
		bool asked = file->stream && !file->ended && (!only || file == only);

		fds[i] = (struct pollfd){.fd = asked ? file->now.fd : -1, .events = POLLIN};
	}
	return poll(fds, files->n, timeout_ms);
}

static int run_follow(struct feed_files *files)
{
	struct feed *feed = &files->feed;
	struct pollfd fds[FEED_FILES_MAX];
	int64_t looked = 0;
	bool endless = true;
	int r = 0;

	while (r == 0 && endless && !feed_is_over(feed)) {
		bool look = clock_mono_ns() - looked >= FEED_LOOK_MS * NS_PER_MS;

		endless = false;
		for (size_t i = 0; i < files->n && r == 0; i++) {
			struct growing *file = &files->files[i];

			if (!file->stream && !file->ended && look)
				r = look_at_file(feed, file);
			endless |= !file->ended;
		}
		if (look)
			looked = clock_mono_ns();
		if (r == 0 && endless && wait_for_streams(files, NULL, fds, FEED_LOOK_MS) > 0)
			for (size_t i = 0; i < files->n && r == 0; i++)
				if (fds[i].revents)
					r = look_at_stream(feed, &files->files[i]);
	}
	return r;
}

/* Until it is silent; a line that has no end yet is left to the next run. */
static int run_stream_backlog(struct feed_files *files, struct growing *file)
{
	struct pollfd fds[FEED_FILES_MAX];
	int64_t until = clock_mono_ns() + BACKLOG_NS;
	bool began = false;
	int r = 0;

	while (r == 0 && !file->ended && !feed_is_over(&files->feed) && clock_mono_ns() < until) {
		int ready = wait_for_streams(files, file, fds, FEED_LOOK_MS);

		if (ready <= 0 && began)
			break;
		if (ready > 0)
			r = look_at_stream(&files->feed, file);
		began |= ready > 0;
	}
	return r;
}

/* Bytes from..seam; where they begin inside of a line, what is left of it goes. */
static int run_range(struct feed_files *files, const struct growing *file)
{
	int64_t at = files->from ? files->from - 1 : 0;
	bool skip = files->from > 0;
	char text[READ_BYTES];
	int r = 0;

	while (r == 0 && at < file->seam && !feed_is_over(&files->feed)) {
		size_t want = (size_t)(file->seam - at);
		ssize_t n = pread(file->now.fd, text, want < READ_BYTES ? want : READ_BYTES, at);
		struct span rest = span_of(text, n > 0 ? (size_t)n : 0);

		if (n <= 0) /* it was cut meanwhile */
			return n < 0 ? -errno : 0;
		at += n;
		if (skip) {
			ptrdiff_t end = span_chr(rest, '\n');

			skip = end < 0;
			rest = span_skip(rest, skip ? rest.len : (size_t)end + 1);
		}
		r = feed_put(&files->feed, rest);
	}
	return r;
}

static int files_run(struct feed *feed)
{
	struct feed_files *files = (struct feed_files *)feed;
	struct growing *file = files->looked_at;

	if (!file)
		return run_follow(files);
	if (file->now.fd < 0)
		return 0; /* not there yet */
	return file->stream ? run_stream_backlog(files, file) : run_range(files, file);
}

static int files_look_back(struct feed *feed, size_t unit, uint64_t reach, struct err *reterr)
{
	struct feed_files *files = (struct feed_files *)feed;
	struct growing *file = &files->files[unit];
	bool whole = file->stream || file->packed || (uint64_t)file->seam <= reach;

	(void)reterr;
	files->looked_at = file;
	files->from = whole ? 0 : file->seam - (int64_t)reach;
	return whole;
}

static int files_follow(struct feed *feed, struct err *reterr)
{
	(void)reterr;
	((struct feed_files *)feed)->looked_at = NULL;
	return 0;
}

static const struct feed_ops files_ops = {.units = files_units,
					  .look_back = files_look_back,
					  .follow = files_follow,
					  .run = files_run,
					  .free = files_free};

/* Whether file_reader.h unpacks it, by its first bytes. */
static bool is_packed(int fd)
{
	static const struct span magics[] = {SPAN("\x1f\x8b"), SPAN("\x28\xb5\x2f\xfd"),
					     SPAN("\xff\xfe"), SPAN("\xfe\xff")};
	char begin[4];
	ssize_t n = io_pread_full(fd, begin, sizeof(begin), 0);

	for (size_t i = 0; i < sizeof(magics) / sizeof(magics[0]); i++)
		if (span_starts(span_of(begin, n > 0 ? (size_t)n : 0), magics[i]))
			return true;
	return false;
}

/* Behind the last whole line, so that a line which is being written is shown when it is. */
static int find_seam(const struct reading *reading, int64_t size, int64_t *ret)
{
	int64_t lowest = size > LINE_BYTES ? size - LINE_BYTES : 0;
	char text[4096];

	for (int64_t end = size; end > lowest;) {
		size_t n = end - lowest < (int64_t)sizeof(text) ? (size_t)(end - lowest)
								: sizeof(text);
		ssize_t got = io_pread_full(reading->fd, text, n, end - (int64_t)n);
		const char *newline = got > 0 ? memrchr(text, '\n', (size_t)got) : NULL;

		if (got < 0)
			return (int)got;
		end -= (int64_t)n;
		if (newline) {
			*ret = end + (newline + 1 - text);
			return 0;
		}
	}
	*ret = lowest ? size : 0;
	return 0;
}

static int open_file(struct growing *file)
{
	struct stat st;
	int r;

	if (strcmp(file->path, "-") == 0) {
		file->stream = true;
		file->now = (struct reading){.fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3),
					     .line = BUF_INIT(LINE_BYTES + READ_BYTES + 1)};
		return file->now.fd < 0 ? -errno : 0;
	}
	r = open_named(file, &file->now);
	if (r < 0 || file->stream)
		return r;
	if (fstat(file->now.fd, &st) < 0)
		return -errno;
	file->packed = is_packed(file->now.fd);
	file->seam = st.st_size;
	if (!file->packed)
		r = find_seam(&file->now, st.st_size, &file->seam);
	file->now.at = file->seam;
	return r < 0 ? r : read_mark(&file->now);
}

/* Of several files those that can be had; the others are waited for. */
static int open_files(struct feed_files *files, struct err *reterr)
{
	size_t good = 0;
	int r = 0;

	for (size_t i = 0; i < files->n; i++) {
		struct growing *file = &files->files[i];
		int code = open_file(file);

		if (code < 0 && r == 0)
			r = err_set(reterr, code, "%s: %s", file->path, strerror(-code));
		if (code < 0 && files->n > 1)
			notice("%s: %s; waiting for it", file->path, strerror(-code));
		good += code >= 0;
	}
	return good ? 0 : r;
}

/* Bytes of a packed file can't be told apart from those of others. */
static void leave_out_packed(struct feed_files *files)
{
	for (size_t i = 0; i < files->n && files->n > 1; i++) {
		struct growing *file = &files->files[i];

		if (file->packed)
			notice("%s is compressed, so that it can't be followed among others",
			       file->path);
		file->ended = file->packed;
	}
}

int feed_files(const struct span *paths, size_t n, struct feed **ret, struct err *reterr)
{
	struct feed_files *files;
	int r;

	if (n == 0 || n > FEED_FILES_MAX)
		return err_set(reterr, -EINVAL, "-f takes 1 to %d files", FEED_FILES_MAX);
	files = calloc(1, sizeof(*files));
	if (!files)
		return err_set(reterr, -ENOMEM, "out of memory");
	feed_init(&files->feed, &files_ops);
	for (; files->n < n; files->n++) {
		struct growing *file = &files->files[files->n];

		file->now.fd = file->renamed.fd = -1;
		file->path = strndup(paths[files->n].ptr, paths[files->n].len);
		if (!file->path)
			break;
	}
	r = files->n == n ? open_files(files, reterr) : err_set(reterr, -ENOMEM, "out of memory");
	if (r < 0) {
		feed_free(&files->feed);
		return r;
	}
	leave_out_packed(files);
	*ret = &files->feed;
	return 0;
}
