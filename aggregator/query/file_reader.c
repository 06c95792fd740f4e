/* file_reader.c - plain, gzip, zstd and UTF-16 behind one read. */
#include "aggregator/query/file_reader.h"
#include "common/base/cleanup.h"
#include "common/base/clock.h"
#include "common/base/utf8.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <zlib.h>
#include <zstd.h>

#define IN_BYTES       (128u << 10)
#define CANCEL_LOOK_MS 100

struct file_reader;
typedef ssize_t read_fn(struct file_reader *reader, char *to, size_t size, struct err *reterr);

struct file_reader {
	char *path;
	int fd;
	read_fn *read;
	bool at_end; /* of the file */
	bool inside; /* of a gzip member or zstd frame */
	bool big_endian;
	uint16_t high; /* first half of a surrogate pair; 0 = none */
	/* Bytes of the file that are not unpacked yet. */
	char *in;
	size_t in_at, in_len;
	z_stream gzip;
	bool has_gzip;
	ZSTD_DCtx *zstd;
	const atomic_bool *cancel;
};

void file_reader_free(struct file_reader *r)
{
	if (!r)
		return;
	if (r->has_gzip)
		inflateEnd(&r->gzip);
	ZSTD_freeDCtx(r->zstd);
	if (r->fd > STDIN_FILENO)
		close(r->fd);
	free(r->in);
	free(r->path);
	free(r);
}
DEFINE_CLEANUP(struct file_reader *, file_reader_free);

static int failed(const struct file_reader *r, int code, const char *what, struct err *reterr)
{
	return err_set(reterr, code, "%s: %s", r->path, what);
}

/*
 * What the file has now; waits for a pipe or terminal that is silent, but not
 * past a cancel.
 */
static ssize_t read_some(struct file_reader *r, char *to, size_t size, struct err *reterr)
{
	struct pollfd pollfd = {.fd = r->fd, .events = POLLIN};
	ssize_t n;

	while (r->cancel && poll(&pollfd, 1, CANCEL_LOOK_MS) <= 0)
		if (*r->cancel)
			return failed(r, -ECANCELED, "canceled", reterr);
	do
		n = read(r->fd, to, size);
	while (n < 0 && errno == EINTR);
	return n < 0 ? failed(r, -errno, strerror(errno), reterr) : n;
}

/* Fill `in` when it is used up.  How much is there, 0 at the end. */
static ssize_t refill(struct file_reader *r, struct err *reterr)
{
	ssize_t n;

	if (r->in_at < r->in_len || r->at_end)
		return (ssize_t)(r->in_len - r->in_at);
	n = read_some(r, r->in, IN_BYTES, reterr);
	if (n < 0)
		return n;
	r->at_end = n == 0;
	r->in_at = 0;
	r->in_len = (size_t)n;
	return n;
}

static ssize_t read_plain(struct file_reader *r, char *to, size_t size, struct err *reterr)
{
	if (r->in_at < r->in_len) { /* what was looked at to tell the format */
		size_t have = r->in_len - r->in_at;

		size = have < size ? have : size;
		memcpy(to, r->in + r->in_at, size);
		r->in_at += size;
		return (ssize_t)size;
	}
	return read_some(r, to, size, reterr);
}

/* One step of inflate().  1: a member ended. */
static int gzip_step(struct file_reader *r, struct err *reterr)
{
	int code;

	r->gzip.next_in = (Bytef *)r->in + r->in_at;
	r->gzip.avail_in = (uInt)(r->in_len - r->in_at);
	code = inflate(&r->gzip, Z_NO_FLUSH);
	r->in_at = r->in_len - r->gzip.avail_in;
	if (code == Z_STREAM_END)
		return 1;
	if (code != Z_OK && code != Z_BUF_ERROR)
		return failed(r, -EBADMSG, r->gzip.msg ? r->gzip.msg : "damaged gzip data", reterr);
	return 0;
}

static ssize_t read_gzip(struct file_reader *r, char *to, size_t size, struct err *reterr)
{
	r->gzip.next_out = (Bytef *)to;
	r->gzip.avail_out = (uInt)(size < UINT32_MAX ? size : UINT32_MAX);
	size = r->gzip.avail_out;
	while (r->gzip.avail_out == size) {
		ssize_t n = refill(r, reterr);
		int step;

		if (n < 0)
			return n;
		if (n == 0)
			return r->inside ? failed(r, -EBADMSG, "the gzip data is cut", reterr) : 0;
		step = gzip_step(r, reterr);
		if (step < 0)
			return step;
		r->inside = step == 0;
		if (step == 1 && inflateReset(&r->gzip) != Z_OK)
			return failed(r, -ENOMEM, "out of memory", reterr);
	}
	return (ssize_t)(size - r->gzip.avail_out);
}

static ssize_t read_zstd(struct file_reader *r, char *to, size_t size, struct err *reterr)
{
	ZSTD_outBuffer out = {to, size, 0};

	while (out.pos == 0) {
		ssize_t n = refill(r, reterr);
		ZSTD_inBuffer in = {r->in, r->in_len, r->in_at};
		size_t left;

		if (n < 0)
			return n;
		left = n == 0 && !r->inside ? 0 : ZSTD_decompressStream(r->zstd, &out, &in);
		r->in_at = in.pos;
		if (ZSTD_isError(left))
			return failed(r, -EBADMSG, ZSTD_getErrorName(left), reterr);
		r->inside = left > 0;
		if (n == 0 && out.pos == 0)
			return r->inside ? failed(r, -EBADMSG, "the zstd data is cut", reterr) : 0;
	}
	return (ssize_t)out.pos;
}

/* The next code unit: 1; 0 at the end; a byte left over there is U+FFFD. */
static int next_unit(struct file_reader *r, uint16_t *ret, struct err *reterr)
{
	unsigned char bytes[2];

	for (int i = 0; i < 2; i++) {
		ssize_t n = refill(r, reterr);

		if (n < 0)
			return (int)n;
		if (n == 0) {
			*ret = 0xfffd;
			return i;
		}
		bytes[i] = (unsigned char)r->in[r->in_at++];
	}
	*ret = (uint16_t)(r->big_endian ? bytes[0] << 8 | bytes[1] : bytes[1] << 8 | bytes[0]);
	return 1;
}

/* One unit may close a pair, or show that the one before it stood alone. */
static size_t put_unit(struct file_reader *r, uint16_t unit, char *to)
{
	uint16_t high = r->high;
	size_t n = 0;

	r->high = 0;
	if (high && unit >= 0xdc00 && unit < 0xe000)
		return utf8_encode(to,
				   0x10000u + ((uint32_t)(high - 0xd800) << 10) + (unit - 0xdc00u));
	if (high)
		n = utf8_encode(to, 0xfffd);
	if (unit >= 0xd800 && unit < 0xdc00)
		r->high = unit;
	else
		n += utf8_encode(to + n, unit >= 0xdc00 && unit < 0xe000 ? 0xfffd : unit);
	return n;
}

static ssize_t read_utf16(struct file_reader *r, char *to, size_t size, struct err *reterr)
{
	size_t len = 0;

	while (len + 8 <= size) {
		uint16_t unit;
		int n;

		/* Don't wait for more than there is. */
		if (len && r->in_at == r->in_len)
			break;
		n = next_unit(r, &unit, reterr);
		if (n < 0)
			return n;
		if (n == 0) {
			len += r->high ? put_unit(r, 0xfffd, to + len) : 0;
			break;
		}
		len += put_unit(r, unit, to + len);
	}
	return (ssize_t)len;
}

/* By the first bytes: UTF-16's byte order mark, gzip 1f 8b, zstd's frames 28 b5 2f fd and 5? 2a 4d 18. */
static int choose(struct file_reader *r, struct err *reterr)
{
	ssize_t n = refill(r, reterr);
	const unsigned char *p = (const unsigned char *)r->in;

	if (n < 0)
		return (int)n;
	r->read = read_plain;
	if (n >= 2 && p[0] == 0x1f && p[1] == 0x8b) {
		if (inflateInit2(&r->gzip, 15 + 16) != Z_OK)
			return failed(r, -ENOMEM, "out of memory", reterr);
		r->has_gzip = true;
		r->read = read_gzip;
	} else if (n >= 4 &&
		   ((p[0] == 0x28 && p[1] == 0xb5 && p[2] == 0x2f && p[3] == 0xfd) ||
		    ((p[0] & 0xf0) == 0x50 && p[1] == 0x2a && p[2] == 0x4d && p[3] == 0x18))) {
		r->zstd = ZSTD_createDCtx();
		if (!r->zstd)
			return failed(r, -ENOMEM, "out of memory", reterr);
		r->read = read_zstd;
	} else if (n >= 2 && ((p[0] == 0xff && p[1] == 0xfe) || (p[0] == 0xfe && p[1] == 0xff))) {
		r->big_endian = p[0] == 0xfe;
		r->in_at = 2;
		r->read = read_utf16;
	}
	return 0;
}

int file_open(const char *path, const atomic_bool *cancel)
{
	/* open() itself would wait for a writer, in whichever thread a signal does not reach. */
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct pollfd pollfd = {.fd = fd, .events = POLLIN};
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0 || fcntl(fd, F_SETFL, 0) < 0)
		return -errno;
	while (S_ISFIFO(st.st_mode) && poll(&pollfd, 1, CANCEL_LOOK_MS) <= 0)
		if (cancel && *cancel)
			return -ECANCELED;
	return TAKE_FD(fd);
}

int file_reader_open(struct span path, const atomic_bool *cancel, struct file_reader **ret,
		     struct err *reterr)
{
	_cleanup_(file_reader_freep) struct file_reader *r = calloc(1, sizeof(*r));
	bool is_stdin = span_eq(path, SPAN("-"));
	int code;

	if (!r)
		return err_set(reterr, -ENOMEM, "out of memory");
	r->fd = -1;
	r->cancel = cancel;
	r->path = is_stdin ? strdup("standard input") : strndup(path.ptr, path.len);
	r->in = malloc(IN_BYTES);
	if (!r->path || !r->in)
		return err_set(reterr, -ENOMEM, "out of memory");
	r->fd = is_stdin ? STDIN_FILENO : file_open(r->path, cancel);
	if (r->fd < 0)
		return failed(r, r->fd, strerror(-r->fd), reterr);
	code = choose(r, reterr);
	if (code < 0)
		return code;
	*ret = TAKE(r);
	return 0;
}

ssize_t file_reader_read(struct file_reader *r, char *to, size_t size, struct err *reterr)
{
	return r->read(r, to, size, reterr);
}

bool file_reader_would_wait(const struct file_reader *r, int64_t patience_ns)
{
	struct pollfd pfd = {.fd = r->fd, .events = POLLIN};
	int64_t end = clock_mono_ns() + patience_ns, left = patience_ns;
	int ready = 0;

	if (r->in_at < r->in_len)
		return false;
	do {
		int64_t ms = left / NS_PER_MS + (left > 0);

		ready = poll(&pfd, 1, ms < CANCEL_LOOK_MS ? (int)ms : CANCEL_LOOK_MS);
		left = end - clock_mono_ns();
	} while (ready <= 0 && left > 0 && !(r->cancel && *r->cancel));
	return ready == 0;
}
