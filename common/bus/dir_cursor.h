/*
 * dir_cursor.h - reading one partition of a directory bus, message by message.
 *
 * Invariant: segfd is open only while `at` is where the entry of `offset`, or
 * the damage that took its place, begins in that segment.
 *
 *	struct cursor cur = CURSOR_INIT;
 *	cursor_open(&cur, "/var/lib/bus", 0);
 *	cursor_seek(&cur, 4711);
 *	while (cursor_next(&cur, &message) > 0)
 *		free(message.opaque);
 *	cursor_release(&cur);
 */
#ifndef SLUICE_BUS_DIR_CURSOR_H
#define SLUICE_BUS_DIR_CURSOR_H

#include "common/bus/bus.h"
#include "common/bus/dir_log.h"

struct cursor {
	bool assigned;
	bool lost;            /* its offset is not there: waits for a seek */
	int dirfd, markfd;    /* -1 = not open */
	int segfd;            /* -1 = look for the segment */
	int64_t offset;       /* of the next message */
	int64_t segment;      /* that segfd is */
	uint64_t at;          /* where in it the next entry begins */
	struct dir_mark mark; /* as last read */
};

#define CURSOR_INIT ((struct cursor){.dirfd = -1, .markfd = -1, .segfd = -1})

int cursor_open(struct cursor *cur, const char *path, unsigned partition);
void cursor_release(struct cursor *cur);
void cursor_seek(struct cursor *cur, int64_t offset);

/*
 * Look how far the partition goes now.  Without a good mark (damage, or nobody
 * has written yet) what can be read counts.
 */
int cursor_load_mark(struct cursor *cur);
int cursor_watermarks(struct cursor *cur, int64_t *ret_low, int64_t *ret_high);

/*
 * 1 and a message, 0 when there is none yet, -EBADMSG with what is damaged,
 * -ERANGE, or another error.  The payload is ret->opaque, for free().
 */
int cursor_next(struct cursor *cur, struct bus_message *ret);

#endif
