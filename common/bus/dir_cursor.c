/*
 * A cursor over one partition of a directory bus, see dir_cursor.h.
 */
#include "common/bus/dir_cursor.h"

#include "common/base/cleanup.h"
#include "common/base/hash.h"
#include "common/base/io.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#define DAMAGE_MAX (1u << 20) /* bytes of damage handed on */

int cursor_open(struct cursor *cur, const char *path, unsigned partition)
{
	/* O_CREAT: a bus that was just made has no mark to watch yet. */
	int r = dir_partition_open(path, partition, O_RDWR | O_CREAT, &cur->dirfd, &cur->markfd,
				   NULL);

	if (r == -EACCES || r == -EROFS)
		r = dir_partition_open(path, partition, O_RDONLY, &cur->dirfd, &cur->markfd, NULL);
	return r;
}

static void close_segment(struct cursor *cur)
{
	cleanup_close(&cur->segfd);
	cur->segfd = -1;
}

void cursor_release(struct cursor *cur)
{
	close_segment(cur);
	cleanup_close(&cur->dirfd);
	cleanup_close(&cur->markfd);
	*cur = CURSOR_INIT;
}

void cursor_seek(struct cursor *cur, int64_t offset)
{
	close_segment(cur);
	cur->offset = offset;
}

int cursor_load_mark(struct cursor *cur)
{
	int r = dir_mark_read(cur->markfd, &cur->mark);

	return r == -ENODATA || r == -EBADMSG
		       ? dir_mark_recover(cur->dirfd, cur->markfd, &cur->mark)
		       : r;
}

int cursor_watermarks(struct cursor *cur, int64_t *ret_low, int64_t *ret_high)
{
	int64_t first, at;
	int r = cursor_load_mark(cur);

	if (r < 0)
		return r;
	r = dir_segment_find(cur->dirfd, INT64_MAX, &first, &at);
	if (r < 0 && r != -ENOENT)
		return r;
	*ret_low = r == -ENOENT || first > cur->mark.next ? cur->mark.next : first;
	*ret_high = cur->mark.next;
	return 0;
}

/* How far the segment at hand may be read. */
static int segment_limit(const struct cursor *cur, uint64_t *ret)
{
	if (cur->segment == cur->mark.segment) {
		*ret = cur->mark.size;
		return 0;
	}
	off_t size = lseek(cur->segfd, 0, SEEK_END);

	*ret = (uint64_t)size;
	return size < 0 ? -errno : 0;
}

/* The head at the cursor.  0; -ENODATA at the segment's end; -EBADMSG: damage. */
static int read_head(const struct cursor *cur, struct dir_entry *ret)
{
	char head[DIR_ENTRY_HEAD];
	uint64_t limit;
	int r = segment_limit(cur, &limit);

	if (r < 0)
		return r;
	if (cur->at >= limit)
		return -ENODATA;
	ssize_t n = io_pread_full(cur->segfd, head, sizeof(head), (off_t)cur->at);

	if (n < 0)
		return (int)n;
	if (n < (ssize_t)sizeof(head) || limit - cur->at < sizeof(head) ||
	    dir_entry_get(head, ret) < 0 || ret->length > limit - cur->at - sizeof(head))
		return -EBADMSG;
	return 0;
}

static int enter_segment(struct cursor *cur, int64_t base)
{
	close_segment(cur);
	int fd = dir_segment_open(cur->dirfd, base, O_RDONLY);

	if (fd < 0)
		return fd;
	cur->segfd = fd;
	cur->segment = base;
	cur->at = 0;
	return 0;
}

/* Over damage that lies before the wanted offset.  1: go on from cur->at. */
static int skip_damage(struct cursor *cur)
{
	struct dir_entry entry;
	uint64_t limit, next;
	int r = segment_limit(cur, &limit);

	if (r == 0)
		r = dir_resync(cur->segfd, cur->at, limit, cur->segment, &next, &entry);
	if (r <= 0 || entry.offset > cur->offset)
		return r < 0 ? r : 0;
	cur->at = next;
	return 1;
}

/*
 * Find the segment and the position of cur->offset, head by head.  If it is
 * damaged itself the cursor stands at the damage.  -ERANGE: it is not there.
 */
static int locate(struct cursor *cur)
{
	struct dir_entry entry;
	int64_t first, base;
	int r = dir_segment_find(cur->dirfd, cur->offset, &first, &base);

	if (r == -ENOENT || (r == 0 && base < 0))
		return -ERANGE;
	if (r == 0)
		r = enter_segment(cur, base);
	if (r < 0)
		return r == -ENOENT ? -ERANGE : r; /* removed meanwhile */
	do {
		while ((r = read_head(cur, &entry)) == 0 && entry.offset < cur->offset)
			cur->at += DIR_ENTRY_HEAD + entry.length;
	} while (r == -EBADMSG && (r = skip_damage(cur)) > 0);
	return r == -ENODATA ? 0 : r;
}

/*
 * Is there a message to read?  1, 0 = not yet, -ERANGE.  Past the mark is past
 * the end, except after a power loss that took the newest mark but not the data.
 */
static int message_due(struct cursor *cur)
{
	struct dir_mark found;
	int r;

	if (cur->offset < cur->mark.next)
		return 1;
	r = cursor_load_mark(cur);
	if (r < 0 || cur->offset <= cur->mark.next)
		return r < 0 ? r : cur->offset < cur->mark.next;
	r = dir_mark_recover(cur->dirfd, cur->markfd, &found);
	if (r < 0)
		return r;
	return cur->offset <= found.next ? 0 : -ERANGE;
}

static int deliver(struct cursor *cur, const struct dir_entry *entry, struct bus_message *ret)
{
	char *payload = malloc(entry->length + 1); /* never malloc(0) */

	if (!payload)
		return -ENOMEM;
	ssize_t n = io_pread_full(cur->segfd, payload, entry->length,
				  (off_t)(cur->at + DIR_ENTRY_HEAD));

	if (n < 0) {
		free(payload);
		return (int)n;
	}
	ret->time_ms = entry->time_ms;
	ret->payload = span_of(payload, (size_t)n);
	ret->opaque = payload;
	cur->at += DIR_ENTRY_HEAD + entry->length;
	cur->offset = entry->offset + 1;
	return crc32c(0, payload, (size_t)n) == entry->crc && n == (ssize_t)entry->length
		       ? 1
		       : -EBADMSG;
}

/* The offset of what comes behind the segment at hand. */
static int64_t offset_behind(const struct cursor *cur)
{
	int64_t base;

	if (cur->segment != cur->mark.segment &&
	    dir_segment_after(cur->dirfd, cur->segment, &base) == 0)
		return base;
	return cur->mark.next;
}

/* Damage without a head that says how long it is: up to the next good entry. */
static int deliver_damage(struct cursor *cur, struct bus_message *ret)
{
	struct dir_entry entry;
	uint64_t limit, next;
	int r = segment_limit(cur, &limit);

	if (r == 0)
		r = dir_resync(cur->segfd, cur->at, limit, cur->offset + 1, &next, &entry);
	if (r < 0)
		return r;
	size_t length = next - cur->at < DAMAGE_MAX ? next - cur->at : DAMAGE_MAX;
	char *bytes = malloc(length + 1);

	if (!bytes)
		return -ENOMEM;
	ssize_t n = io_pread_full(cur->segfd, bytes, length, (off_t)cur->at);

	ret->payload = span_of(bytes, n < 0 ? 0 : (size_t)n);
	ret->opaque = bytes;
	cur->at = next;
	cur->offset = r > 0 ? entry.offset : offset_behind(cur);
	return -EBADMSG;
}

/*
 * A good entry, but of a later offset: segments were removed under us, or one
 * was cut short.
 */
static int deliver_hole(struct cursor *cur, const struct dir_entry *entry)
{
	int64_t first, at;
	int r = dir_segment_find(cur->dirfd, cur->offset, &first, &at);

	if (r < 0)
		return r;
	if (cur->offset < first)
		return -ERANGE;
	cur->offset = entry->offset;
	return -EBADMSG;
}

/* At the end of a segment that others follow. */
static int next_segment(struct cursor *cur)
{
	int64_t base;
	int r;

	if (cur->segment == cur->mark.segment)
		return -EIO; /* the mark promises more than there is */
	r = dir_segment_after(cur->dirfd, cur->segment, &base);
	return r < 0 ? r : enter_segment(cur, base);
}

int cursor_next(struct cursor *cur, struct bus_message *ret)
{
	struct dir_entry entry;
	int r = message_due(cur);

	if (r <= 0)
		return r;
	r = cur->segfd < 0 ? locate(cur) : 0;
	if (r < 0)
		return r;
	while ((r = read_head(cur, &entry)) == -ENODATA) {
		r = next_segment(cur);
		if (r < 0)
			return r;
	}
	ret->offset = cur->offset;
	if (r == -EBADMSG)
		return deliver_damage(cur, ret);
	if (r < 0)
		return r;
	return entry.offset == cur->offset ? deliver(cur, &entry, ret) : deliver_hole(cur, &entry);
}
