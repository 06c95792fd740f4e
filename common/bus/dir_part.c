#include "common/bus/dir_part.h"

#include "common/base/check.h"
#include "common/base/cleanup.h"
#include "common/base/hash.h"
#include "common/base/io.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

int dir_part_open(struct dir_part *part, const char *path, unsigned partition,
		  uint64_t segment_bytes, struct err *reterr)
{
	*part = (struct dir_part){
		.dirfd = -1, .markfd = -1, .segfd = -1, .segment_bytes = segment_bytes};
	int r = dir_partition_open(path, partition, O_RDWR | O_CREAT, &part->dirfd, &part->markfd,
				   reterr);

	if (r < 0)
		return r;
	r = dir_part_lock(part);
	if (r == -EAGAIN) /* somebody is writing, who repaired it before */
		return 0;
	if (r == 0)
		dir_part_unlock(part);
	return r < 0 ? err_set(reterr, r, "%s, partition %u: %s", path, partition, strerror(-r))
		     : 0;
}

static void close_segment(struct dir_part *part)
{
	cleanup_close(&part->segfd);
	part->segfd = -1;
}

void dir_part_release(struct dir_part *part)
{
	close_segment(part);
	cleanup_close(&part->dirfd);
	cleanup_close(&part->markfd);
	part->dirfd = part->markfd = -1;
}

static int set_lock(int fd, short type)
{
	struct flock lock = {.l_type = type, .l_whence = SEEK_SET};

	if (fcntl(fd, F_OFD_SETLK, &lock) == 0)
		return 0;
	return errno == EACCES ? -EAGAIN : -errno;
}

static bool mark_eq(const struct dir_mark *a, const struct dir_mark *b)
{
	return a->segment == b->segment && a->size == b->size && a->next == b->next;
}

/* Is the last segment there, and exactly as long as the mark says? */
static bool ends_at(const struct dir_part *part, const struct dir_mark *mark)
{
	struct stat st;

	return part->segfd >= 0 && fstat(part->segfd, &st) == 0 && st.st_nlink > 0 &&
	       (uint64_t)st.st_size == mark->size;
}

/* Open the last segment, with its name made durable when it is new. */
static int open_segment(struct dir_part *part, const struct dir_mark *mark)
{
	close_segment(part);
	int fd = dir_segment_open(part->dirfd, mark->segment, O_RDWR | O_CREAT);

	if (fd < 0)
		return fd;
	part->segfd = fd;
	return mark->size == 0 && fsync(part->dirfd) < 0 ? -errno : 0;
}

static int truncate_and_sync(const struct dir_part *part, const struct dir_mark *mark)
{
	if (ftruncate(part->segfd, (off_t)mark->size) < 0 || fdatasync(part->segfd) < 0)
		return -errno;
	return dir_mark_write(part->markfd, mark);
}

/*
 * The partition is not as we left it: another writer was here, or died here.
 * Whole entries behind the mark become part of it, a torn rest is cut off.
 */
static int catch_up(struct dir_part *part, const struct dir_mark *stored)
{
	struct dir_mark mark;
	int r = dir_mark_recover(part->dirfd, part->markfd, &mark);

	if (r == 0)
		r = open_segment(part, &mark);
	if (r == 0 && !(mark_eq(&mark, stored) && ends_at(part, &mark)))
		r = truncate_and_sync(part, &mark);
	if (r < 0) {
		close_segment(part);
		return r;
	}
	part->published = part->end = mark;
	return 0;
}

int dir_part_lock(struct dir_part *part)
{
	struct dir_mark stored = {.segment = -1}; /* equal to none */
	int r = set_lock(part->markfd, F_WRLCK);

	if (r < 0)
		return r;
	r = dir_mark_read(part->markfd, &stored);
	if (r == 0 && mark_eq(&stored, &part->published) && ends_at(part, &stored))
		return 0;
	r = catch_up(part, &stored);
	if (r < 0)
		dir_part_unlock(part);
	return r;
}

void dir_part_unlock(struct dir_part *part)
{
	/* Closing the descriptor is what else would release it; it can't fail. */
	(void)set_lock(part->markfd, F_UNLCK);
}

static int roll(struct dir_part *part)
{
	struct dir_mark mark = {.segment = part->end.next, .next = part->end.next};

	if (fdatasync(part->segfd) < 0)
		return -errno;
	int r = open_segment(part, &mark);

	if (r == 0)
		part->end = mark;
	return r;
}

int dir_part_append(struct dir_part *part, int64_t time_ms, char *bytes, size_t n,
		    int64_t *ret_offset)
{
	struct dir_entry entry = {
		.offset = part->end.next,
		.time_ms = time_ms,
		.length = (uint32_t)(n - DIR_ENTRY_HEAD),
		.crc = crc32c(0, bytes + DIR_ENTRY_HEAD, n - DIR_ENTRY_HEAD),
	};
	int r = 0;

	CHECK(n >= DIR_ENTRY_HEAD && n - DIR_ENTRY_HEAD <= DIR_MESSAGE_MAX);
	if (part->end.size >= part->segment_bytes)
		r = roll(part);
	if (r < 0)
		return r;
	entry.offset = part->end.next;
	dir_entry_put(bytes, &entry);
	r = io_pwrite_full(part->segfd, bytes, n, (off_t)part->end.size);
	if (r < 0)
		return r;
	*ret_offset = part->end.next++;
	part->end.size += n;
	return 0;
}

int dir_part_publish(struct dir_part *part)
{
	int r = fdatasync(part->segfd) < 0 ? -errno : 0;

	if (r == 0)
		r = dir_mark_write(part->markfd, &part->end);
	if (r == 0) {
		part->published = part->end;
		return 0;
	}
	return r;
}

/* Segments that were begun after the mark; there may be several. */
static int remove_later_segments(const struct dir_part *part)
{
	char name[DIR_NAME_MAX];
	int64_t first, last;
	int r;

	while ((r = dir_segment_find(part->dirfd, INT64_MAX, &first, &last)) == 0 &&
	       last > part->published.segment) {
		dir_segment_name(name, last);
		if (unlinkat(part->dirfd, name, 0) < 0)
			return -errno;
	}
	return r;
}

/*
 * The file must be shortened here, not by the next writer: that one would find
 * whole entries in the page cache and believe them, although the disk refused.
 */
int dir_part_rollback(struct dir_part *part)
{
	int r = remove_later_segments(part);

	if (r == 0)
		r = open_segment(part, &part->published);
	if (r == 0 && ftruncate(part->segfd, (off_t)part->published.size) < 0)
		r = -errno;
	part->end = part->published;
	return r;
}
