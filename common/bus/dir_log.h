/*
 * dir_log.h - a directory bus on disk.
 *
 *	PATH/bus				version, number of partitions
 *	PATH/0000/committed			mark and lock of partition 0
 *	PATH/0000/00000000000000000000.seg	its entries from offset 0 on …
 *	PATH/0000/00000000000000004711.seg	… and from 4711 on
 *	PATH/0001/…
 *
 * A segment is entry after entry, little endian.  The head is a skippable
 * frame of zstd, so that `zstd -dc *.seg` prints what the blocks hold:
 *
 *	u32 0x184D2A5C · u32 32 · u32 "SLM1" · u32 crc32c of the 24 bytes behind it ·
 *	i64 offset · i64 time_ms · u32 length · u32 crc32c of the payload · payload
 *
 * The mark says how far the partition is good:
 *
 *	u32 "SLW1" · u32 crc32c of the 24 bytes behind it ·
 *	i64 base of the last segment · u64 bytes of it that are durable · i64 next offset
 *
 *	      durable, readable          | not reported yet, maybe torn
 *	| entry | entry | entry | entry  | entry | ent
 *	                              mark.size
 *
 * Invariants.  A writer holds the lock (OFD, on `committed`), appends, syncs
 * and only then moves the mark, so a mark never promises what a power loss
 * could take away; readers stop at the mark, so they never see what the bus
 * could forget.  The mark itself is not synced: after a power loss it may be
 * an older one, and whole entries behind it are good.  The next writer adopts
 * those and cuts the torn rest.
 */
#ifndef SLUICE_BUS_DIR_LOG_H
#define SLUICE_BUS_DIR_LOG_H

#include "common/base/err.h"
#include "common/base/span.h"
#include <stdbool.h>
#include <stdint.h>

#define DIR_ENTRY_HEAD     40u
#define DIR_MESSAGE_MAX    (64u << 20) /* a longer entry can only be damage */
#define DIR_PARTITIONS_MAX 1024u
#define DIR_NAME_MAX       32

struct dir_entry {
	int64_t offset, time_ms;
	uint32_t length, crc;
};

extern const struct span dir_entry_magic; /* its first bytes */

void dir_entry_put(char head[DIR_ENTRY_HEAD], const struct dir_entry *entry);
/* 0, or -EBADMSG when it isn't the head of an entry or is damaged. */
int dir_entry_get(const char head[DIR_ENTRY_HEAD], struct dir_entry *ret);

struct dir_mark {
	int64_t segment; /* base offset, which is the file's name */
	uint64_t size;
	int64_t next; /* offset of the message after the last one */
};

/* 0, -ENODATA before the first write, -EBADMSG when damaged. */
int dir_mark_read(int fd, struct dir_mark *ret);
int dir_mark_write(int fd, const struct dir_mark *mark);
/*
 * Where the partition ends: the stored mark, moved over the whole entries that
 * follow it.  Without a good mark the last segment is read from its start.
 */
int dir_mark_recover(int dirfd, int markfd, struct dir_mark *ret);

void dir_segment_name(char name[DIR_NAME_MAX], int64_t base);
/* Open for reading or (create) writing.  The fd, or a negative errno. */
int dir_segment_open(int dirfd, int64_t base, int flags);
/*
 * Base of the first segment, and of the one that `offset` must be in (-1: lies
 * before the first).  -ENOENT when there are no segments.
 */
int dir_segment_find(int dirfd, int64_t offset, int64_t *ret_first, int64_t *ret_at);
/* The first segment that begins behind `base`, or -ENOENT. */
int dir_segment_after(int dirfd, int64_t base, int64_t *ret);
/*
 * Past damage at `at`: the next good head with min_offset or more.  1 and its
 * place, or 0 and `limit`.
 */
int dir_resync(int fd, uint64_t at, uint64_t limit, int64_t min_offset, uint64_t *ret_at,
	       struct dir_entry *ret_entry);

/*
 * The number of partitions of the bus at `path`.  `create` > 0: made with so
 * many, when there is none yet.  -ENOENT: no bus there.
 */
int dir_bus_open(const char *path, unsigned create, struct err *reterr);
/* Directory and mark of one partition; the mark is opened with `flags`. */
int dir_partition_open(const char *path, unsigned partition, int flags, int *ret_dirfd,
		       int *ret_markfd, struct err *reterr);
void dir_partition_name(char name[DIR_NAME_MAX], unsigned partition);

#endif
