#include "shipper/tail.h"
#include "common/base/check.h"
#include "common/base/hash.h"
#include "common/base/io.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

void reader_release(struct reader *reader)
{
	free(reader->mem);
	*reader = (struct reader){0};
}

int tail_open_file(const char *path, bool follow, struct err *reterr)
{
	int fd = open(path,
		      O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | (follow ? 0 : O_NOFOLLOW));
	struct stat st;

	if (fd < 0) {
		if (errno == ELOOP && !follow)
			return err_set(reterr, -ELOOP,
				       "%s: a symbolic link; set follow_symlinks to read it", path);
		return err_set(reterr, -errno, "%s: %s", path, strerror(errno));
	}
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		close(fd);
		return err_set(reterr, -EINVAL, "%s: not a regular file", path);
	}
	return fd;
}

static int reader_reserve(struct reader *reader, size_t n)
{
	if (n <= reader->cap)
		return 0;
	char *mem = realloc(reader->mem, n);

	if (!mem)
		return -ENOMEM;
	reader->mem = mem;
	reader->cap = n;
	return 0;
}

/*
 * -ESTALE means "truncated" here.  A network filesystem says it of a file that
 * was removed on the server, whose bytes can't be read any more: an I/O error.
 */
static ssize_t read_at(int fd, void *bytes, size_t n, uint64_t offset)
{
	ssize_t got = io_pread_full(fd, bytes, n, (off_t)offset);

	return got == -ESTALE ? -EIO : got;
}

static size_t tail_length(uint64_t offset)
{
	return offset < MARK_TAIL ? (size_t)offset : MARK_TAIL;
}

ssize_t tail_read(struct tail *tail, struct reader *reader, size_t want)
{
	size_t before = tail_length(tail->mark.offset);
	int r = reader_reserve(reader, MARK_TAIL + want);

	reader->bytes = span_of(NULL, 0);
	reader->at_end = true;
	if (r < 0)
		return r;
	ssize_t n = read_at(tail->fd, reader->mem, before + want, tail->mark.offset - before);

	if (n < 0)
		return n;
	if ((size_t)n < before || hash64(span_of(reader->mem, before)) != tail->mark.tail)
		return -ESTALE;
	reader->bytes = span_of(reader->mem + before, (size_t)n - before);
	reader->at_end = (size_t)n < before + want;
	return (ssize_t)reader->bytes.len;
}

void tail_consume(struct tail *tail, struct reader *reader, size_t n, unsigned flags)
{
	struct mark *mark = &tail->mark;

	CHECK(n <= reader->bytes.len);
	if (!(mark->flags & MARK_UNHASHED))
		XXH64_update(&mark->hash, reader->bytes.ptr, n);
	mark->offset += n;
	mark->flags = (mark->flags & MARK_UNHASHED) | flags;
	reader->bytes = span_skip(reader->bytes, n);

	/* The bytes before the new offset are in mem: the old tail and what was consumed. */
	size_t before = tail_length(mark->offset);

	mark->tail = hash64(span_of(reader->bytes.ptr - before, before));
}

static int read_tail_hash(int fd, uint64_t offset, uint64_t *ret)
{
	char bytes[MARK_TAIL];
	size_t before = tail_length(offset);
	ssize_t n = read_at(fd, bytes, before, offset - before);

	if (n < 0)
		return (int)n;
	if ((size_t)n < before)
		return -ESTALE;
	*ret = hash64(span_of(bytes, before));
	return 0;
}

int tail_verify(int fd, const struct mark *mark)
{
	uint64_t tail;
	int r = read_tail_hash(fd, mark->offset, &tail);

	if (r < 0)
		return r;
	return tail == mark->tail ? 0 : -ESTALE;
}

int tail_mark_at(int fd, uint64_t offset, struct mark *ret)
{
	struct mark mark;

	mark_init(&mark);
	if (offset)
		mark.flags = MARK_UNHASHED;
	mark.offset = mark.sent_end = offset;
	int r = read_tail_hash(fd, offset, &mark.tail);

	if (r == 0)
		*ret = mark;
	return r;
}

int tail_rehash(int fd, uint64_t offset, struct mark *ret)
{
	struct mark mark;
	char *bytes = malloc(64 << 10);
	int r = bytes ? tail_mark_at(fd, offset, &mark) : -ENOMEM;

	for (uint64_t at = 0; r == 0 && at < offset;) {
		uint64_t left = offset - at;
		ssize_t n = read_at(fd, bytes, left < 64 << 10 ? left : 64 << 10, at);

		if (n <= 0) {
			r = n < 0 ? (int)n : -ESTALE;
			break;
		}
		XXH64_update(&mark.hash, bytes, (size_t)n);
		at += (uint64_t)n;
	}
	free(bytes);
	if (r < 0)
		return r;
	mark.flags = 0;
	*ret = mark;
	return 0;
}
