/*
 * dir_part.h - one partition of a directory bus, as its writer sees it.
 *
 * Several processes may write: a group of messages is appended, synced and
 * published under the partition's lock, and each first catches up with what
 * the others did.
 *
 *	dir_part_open(&part, "/var/lib/bus", 0, 64 << 20, &err);
 *	r = dir_part_lock(&part);		-EAGAIN: another process is at it
 *	r = dir_part_append(&part, &entry, bytes, n);	as often as needed
 *	r = dir_part_publish(&part);		synced, visible; or taken back
 *	dir_part_unlock(&part);
 */
#ifndef SLUICE_BUS_DIR_PART_H
#define SLUICE_BUS_DIR_PART_H

#include "common/bus/dir_log.h"

struct dir_part {
	int dirfd, markfd, segfd;  /* segfd is that of end.segment; -1 = closed */
	struct dir_mark published; /* what the mark file says */
	struct dir_mark end;       /* behind what was appended since */
	uint64_t segment_bytes;
};

/* Also repairs what a killed writer left.  Release it also after a failure. */
int dir_part_open(struct dir_part *part, const char *path, unsigned partition,
		  uint64_t segment_bytes, struct err *reterr);
void dir_part_release(struct dir_part *part);

/* Take the lock without waiting and catch up.  0, -EAGAIN, or an error. */
int dir_part_lock(struct dir_part *part);
void dir_part_unlock(struct dir_part *part);

/*
 * Write one entry: `bytes` begins with DIR_ENTRY_HEAD bytes of room for the
 * head, then the payload.  ret_offset is what it will have once published.
 */
int dir_part_append(struct dir_part *part, int64_t time_ms, char *bytes, size_t n,
		    int64_t *ret_offset);
/* Sync and move the mark.  On failure nothing of the group is there. */
int dir_part_publish(struct dir_part *part);
/* Take back what was appended since the last publish. */
int dir_part_rollback(struct dir_part *part);

#endif
