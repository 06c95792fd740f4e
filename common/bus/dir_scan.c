/*
 * Reading segments whose end or whose bytes are in doubt: where a partition
 * really ends, and where the next good entry is.
 */
#include "common/bus/dir_log.h"

#include "common/base/cleanup.h"
#include "common/base/hash.h"
#include "common/base/io.h"
#include <errno.h>
#include <fcntl.h>

#define SCAN_CHUNK (64u << 10)

/* The checksum of [at, at + length) of a file; -ENODATA when it ends before. */
static int file_crc(int fd, uint64_t at, uint32_t length, uint32_t *ret)
{
	_cleanup_free_ char *chunk = malloc(SCAN_CHUNK);
	uint32_t crc = 0;

	if (!chunk)
		return -ENOMEM;
	while (length) {
		size_t want = length < SCAN_CHUNK ? length : SCAN_CHUNK;
		ssize_t n = io_pread_full(fd, chunk, want, (off_t)at);

		if (n < 0)
			return (int)n;
		if ((size_t)n < want)
			return -ENODATA;
		crc = crc32c(crc, chunk, want);
		at += want;
		length -= (uint32_t)want;
	}
	*ret = crc;
	return 0;
}

/* Move the mark over one whole entry.  1, 0 when there is none, or an error. */
static int scan_entry(int fd, struct dir_mark *mark)
{
	char head[DIR_ENTRY_HEAD];
	struct dir_entry entry;
	uint32_t crc = 0;
	ssize_t n = io_pread_full(fd, head, sizeof(head), (off_t)mark->size);

	if (n < 0)
		return (int)n;
	if (n < (ssize_t)sizeof(head) || dir_entry_get(head, &entry) < 0 ||
	    entry.offset != mark->next)
		return 0;
	int r = file_crc(fd, mark->size + DIR_ENTRY_HEAD, entry.length, &crc);

	if (r == -ENODATA || (r == 0 && crc != entry.crc))
		return 0;
	if (r < 0)
		return r;
	mark->size += DIR_ENTRY_HEAD + entry.length;
	mark->next++;
	return 1;
}

static int segment_exists(int dirfd, int64_t base)
{
	char name[DIR_NAME_MAX];

	dir_segment_name(name, base);
	return faccessat(dirfd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0 ? 1
	       : errno == ENOENT                                      ? 0
								      : -errno;
}

/* Over all whole entries of this segment and of those that continue it. */
static int scan_forward(int dirfd, struct dir_mark *mark)
{
	int r;

	do {
		_cleanup_close_ int fd = dir_segment_open(dirfd, mark->segment, O_RDONLY);

		if (fd < 0 && fd != -ENOENT)
			return fd;
		while (fd >= 0 && (r = scan_entry(fd, mark)) != 0)
			if (r < 0)
				return r;
		if (mark->size == 0)
			return 0; /* nothing here yet */
		/* A segment that was begun, or has to be, is named by the next offset. */
		r = segment_exists(dirfd, mark->next);
		if (r > 0 || (r == 0 && fd < 0))
			*mark = (struct dir_mark){.segment = mark->next, .next = mark->next};
	} while (r > 0);
	return r;
}

int dir_mark_recover(int dirfd, int markfd, struct dir_mark *ret)
{
	struct dir_mark mark;
	int64_t first;
	int r = dir_mark_read(markfd, &mark);

	if (r == -ENODATA || r == -EBADMSG) {
		mark = (struct dir_mark){0};
		r = dir_segment_find(dirfd, INT64_MAX, &first, &mark.segment);
		if (r == -ENOENT)
			mark.segment = 0;
		else if (r < 0)
			return r;
		mark.next = mark.segment;
	} else if (r < 0) {
		return r;
	}
	r = scan_forward(dirfd, &mark);
	if (r == 0)
		*ret = mark;
	return r;
}

/* The first good head in `window`, or -1. */
static ptrdiff_t find_head(struct span window, int64_t min_offset, struct dir_entry *ret)
{
	for (size_t at = 0; at + DIR_ENTRY_HEAD <= window.len; at++) {
		ptrdiff_t found = span_find(span_skip(window, at), dir_entry_magic);

		if (found < 0)
			break;
		at += (size_t)found;
		if (at + DIR_ENTRY_HEAD <= window.len && dir_entry_get(window.ptr + at, ret) == 0 &&
		    ret->offset >= min_offset)
			return (ptrdiff_t)at;
	}
	return -1;
}

int dir_resync(int fd, uint64_t at, uint64_t limit, int64_t min_offset, uint64_t *ret_at,
	       struct dir_entry *ret_entry)
{
	_cleanup_free_ char *chunk = malloc(SCAN_CHUNK);

	if (!chunk)
		return -ENOMEM;
	/* Chunks overlap, so that a head on the border is seen whole once. */
	for (at++; at + DIR_ENTRY_HEAD <= limit; at += SCAN_CHUNK - DIR_ENTRY_HEAD + 1) {
		size_t want = limit - at < SCAN_CHUNK ? limit - at : SCAN_CHUNK;
		ssize_t n = io_pread_full(fd, chunk, want, (off_t)at);

		if (n < 0)
			return (int)n;
		ptrdiff_t found = find_head(span_of(chunk, (size_t)n), min_offset, ret_entry);

		if (found >= 0) {
			*ret_at = at + (uint64_t)found;
			return 1;
		}
	}
	*ret_at = limit;
	return 0;
}
