/*
 * tail.h - the bytes of one file, from a mark on.
 *
 * A tail is an open file and a mark; it holds no bytes.  The file itself is
 * the buffer: what was read and not consumed (half a line) is read again next
 * time.  So ten thousand idle files cost no memory, and one reader with one
 * buffer serves all of them:
 *
 *	reader.mem  | ≤ 1 KiB before the mark | bytes to be consumed ...... |
 *	              compared with mark.tail   reader.bytes
 *
 * The bytes before the mark are read along and compared with their hash: a
 * file that was truncated and has grown again, or was overwritten, is noticed
 * before anything of it is taken for the continuation (-ESTALE).
 *
 *	r = tail_read(&tail, &reader, 256 << 10);	> 0: reader.bytes
 *	…cut lines out of reader.bytes…
 *	tail_consume(&tail, &reader, n, flags);		moves tail.mark
 */
#ifndef SLUICE_SHIPPER_TAIL_H
#define SLUICE_SHIPPER_TAIL_H

#include "common/base/err.h"
#include "common/base/span.h"
#include "shipper/mark.h"
#include <sys/types.h>

struct reader {
	char *mem;
	size_t cap;
	struct span bytes; /* from the mark on, of the last tail_read() */
	bool at_end;       /* the file ends behind `bytes` */
};

struct tail {
	int fd; /* -1 = not open */
	struct mark mark;
};

void reader_release(struct reader *reader);

/*
 * Open a regular file for reading, never blocking on a FIFO or terminal.
 * `follow`: its last component may be a symbolic link.  The fd, or a negative
 * errno (-EINVAL: not a regular file).
 */
int tail_open_file(const char *path, bool follow, struct err *reterr);

/*
 * Up to `want` bytes from the mark on: how many there are (0: nothing new).
 * -ESTALE: the file was truncated or overwritten before the mark, or is shorter than
 * it; or the errno of the read.
 */
ssize_t tail_read(struct tail *tail, struct reader *reader, size_t want);
/* The first `n` bytes of reader->bytes are dealt with; `flags` of the line cutter. */
void tail_consume(struct tail *tail, struct reader *reader, size_t n, unsigned flags);

/*
 * Set the mark to `offset` of the file by reading what is before it: needed
 * where the running hash was lost.  0, -ESTALE (shorter), errno.
 */
int tail_rehash(int fd, uint64_t offset, struct mark *ret);
/* The mark at `offset` without reading all: unhashed, with its tail. */
int tail_mark_at(int fd, uint64_t offset, struct mark *ret);
/* 0 when the ≤ 1 KiB before the mark are as they were; -ESTALE, errno. */
int tail_verify(int fd, const struct mark *mark);

#endif
