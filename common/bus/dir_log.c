#include "common/bus/dir_log.h"

#include "common/base/cleanup.h"
#include "common/base/hash.h"
#include "common/base/io.h"
#include "common/base/num.h"
#include <dirent.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/stat.h>

#define FRAME_MAGIC 0x184D2A5Cu
#define ENTRY_MAGIC 0x314D4C53u /* "SLM1" */
#define MARK_MAGIC  0x31574C53u /* "SLW1" */
#define DIGITS      20          /* of a segment's name */

/* The two structures as they are on disk; all fields little endian. */
struct disk_entry {
	uint32_t frame_magic, frame_length;
	uint32_t magic, head_crc;
	uint64_t offset, time_ms; /* head_crc covers from here on */
	uint32_t length, crc;
};

struct disk_mark {
	uint32_t magic, crc;
	uint64_t segment, size, next; /* crc covers these */
};

_Static_assert(sizeof(struct disk_entry) == DIR_ENTRY_HEAD, "no padding");
_Static_assert(sizeof(struct disk_mark) == 32, "no padding");

const struct span dir_entry_magic = {"\x5c\x2a\x4d\x18", 4};

static uint32_t entry_crc(const struct disk_entry *disk)
{
	return crc32c(0, &disk->offset, sizeof(*disk) - offsetof(struct disk_entry, offset));
}

static uint32_t mark_crc(const struct disk_mark *disk)
{
	return crc32c(0, &disk->segment, sizeof(*disk) - offsetof(struct disk_mark, segment));
}

void dir_entry_put(char head[DIR_ENTRY_HEAD], const struct dir_entry *entry)
{
	struct disk_entry disk = {
		.frame_magic = htole32(FRAME_MAGIC),
		.frame_length = htole32(DIR_ENTRY_HEAD - 8),
		.magic = htole32(ENTRY_MAGIC),
		.offset = htole64((uint64_t)entry->offset),
		.time_ms = htole64((uint64_t)entry->time_ms),
		.length = htole32(entry->length),
		.crc = htole32(entry->crc),
	};

	disk.head_crc = htole32(entry_crc(&disk));
	memcpy(head, &disk, sizeof(disk));
}

int dir_entry_get(const char head[DIR_ENTRY_HEAD], struct dir_entry *ret)
{
	struct disk_entry disk;

	memcpy(&disk, head, sizeof(disk));
	if (le32toh(disk.frame_magic) != FRAME_MAGIC ||
	    le32toh(disk.frame_length) != DIR_ENTRY_HEAD - 8 ||
	    le32toh(disk.magic) != ENTRY_MAGIC || le32toh(disk.head_crc) != entry_crc(&disk) ||
	    le32toh(disk.length) > DIR_MESSAGE_MAX)
		return -EBADMSG;
	*ret = (struct dir_entry){
		.offset = (int64_t)le64toh(disk.offset),
		.time_ms = (int64_t)le64toh(disk.time_ms),
		.length = le32toh(disk.length),
		.crc = le32toh(disk.crc),
	};
	return 0;
}

int dir_mark_read(int fd, struct dir_mark *ret)
{
	struct disk_mark disk;
	ssize_t n = io_pread_full(fd, &disk, sizeof(disk), 0);

	if (n < 0)
		return (int)n;
	if (n == 0)
		return -ENODATA;
	if (n < (ssize_t)sizeof(disk) || le32toh(disk.magic) != MARK_MAGIC ||
	    le32toh(disk.crc) != mark_crc(&disk))
		return -EBADMSG;
	*ret = (struct dir_mark){
		.segment = (int64_t)le64toh(disk.segment),
		.size = le64toh(disk.size),
		.next = (int64_t)le64toh(disk.next),
	};
	return ret->segment < 0 || ret->next < ret->segment ? -EBADMSG : 0;
}

int dir_mark_write(int fd, const struct dir_mark *mark)
{
	struct disk_mark disk = {
		.magic = htole32(MARK_MAGIC),
		.segment = htole64((uint64_t)mark->segment),
		.size = htole64(mark->size),
		.next = htole64((uint64_t)mark->next),
	};

	disk.crc = htole32(mark_crc(&disk));
	return io_pwrite_full(fd, &disk, sizeof(disk), 0);
}

void dir_segment_name(char name[DIR_NAME_MAX], int64_t base)
{
	snprintf(name, DIR_NAME_MAX, "%020" PRId64 ".seg", base);
}

int dir_segment_open(int dirfd, int64_t base, int flags)
{
	char name[DIR_NAME_MAX];

	dir_segment_name(name, base);
	int fd = openat(dirfd, name, flags | O_CLOEXEC | O_NOFOLLOW, 0600);

	return fd < 0 ? -errno : fd;
}

/* The base offset in a segment's name, or -1 for any other file. */
static int64_t segment_base(const char *name)
{
	struct span text = span_cstr(name);
	int64_t base;

	if (text.len != DIGITS + strlen(".seg") || !span_ends(text, SPAN(".seg")) ||
	    num_parse_i64(span_take(text, DIGITS), &base) < 0 || base < 0)
		return -1;
	return base;
}

static void cleanup_closedir(DIR **dir)
{
	if (*dir)
		closedir(*dir);
}

/* Call `visit` for the base of each segment, in no order. */
static int for_each_segment(int dirfd, void (*visit)(void *ctx, int64_t base), void *ctx)
{
	int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_(cleanup_closedir) DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;

	if (!dir) {
		int r = -errno;

		cleanup_close(&fd);
		return r;
	}
	while (errno = 0, (entry = readdir(dir))) {
		int64_t base = segment_base(entry->d_name);

		if (base >= 0)
			visit(ctx, base);
	}
	return -errno;
}

struct find {
	int64_t offset, first, at, after; /* -1 = none */
};

static void find_visit(void *ctx, int64_t base)
{
	struct find *find = ctx;

	if (find->first < 0 || base < find->first)
		find->first = base;
	if (base <= find->offset && base > find->at)
		find->at = base;
	if (base > find->offset && (find->after < 0 || base < find->after))
		find->after = base;
}

int dir_segment_find(int dirfd, int64_t offset, int64_t *ret_first, int64_t *ret_at)
{
	struct find find = {.offset = offset, .first = -1, .at = -1, .after = -1};
	int r = for_each_segment(dirfd, find_visit, &find);

	if (r < 0 || find.first < 0)
		return r < 0 ? r : -ENOENT;
	*ret_first = find.first;
	*ret_at = find.at;
	return 0;
}

int dir_segment_after(int dirfd, int64_t base, int64_t *ret)
{
	struct find find = {.offset = base, .first = -1, .at = -1, .after = -1};
	int r = for_each_segment(dirfd, find_visit, &find);

	if (r < 0 || find.after < 0)
		return r < 0 ? r : -ENOENT;
	*ret = find.after;
	return 0;
}
