/*
 * file_reader.h - the bytes of a log file, whatever it is packed with.
 *
 * Plain, gzip and zstd, told apart by their first bytes, not by their name;
 * "-" is standard input.  UTF-16 with a byte order mark, as Windows' tools write
 * it, comes out as UTF-8.  Several gzip members or zstd frames after each other
 * are one text, as with zcat and zstdcat.
 *
 *	file_reader_open(path, NULL, &r, &err);
 *	while ((n = file_reader_read(r, to, size, &err)) > 0) …
 *	file_reader_free(r);
 */
#ifndef SLUICE_QUERY_FILE_READER_H
#define SLUICE_QUERY_FILE_READER_H

#include "common/base/err.h"
#include "common/base/span.h"
#include <stdatomic.h>
#include <stdint.h>
#include <sys/types.h>

struct file_reader;

/*
 * Open a file for reading.  A named pipe that nobody writes to is waited for, but
 * not past a cancel (NULL = never).  A descriptor; -ECANCELED; another errno.
 */
int file_open(const char *path, const atomic_bool *cancel);

/* Once `cancel` is set (NULL = never) reads that would wait fail with -ECANCELED. */
int file_reader_open(struct span path, const atomic_bool *cancel, struct file_reader **ret,
		     struct err *reterr);
void file_reader_free(struct file_reader *reader);

/*
 * Some bytes, at least one; 0 at the end.  -EBADMSG: packed data is damaged or
 * cut; other negatives: reading failed.  The text names the file.
 */
ssize_t file_reader_read(struct file_reader *reader, char *to, size_t size, struct err *reterr);
/*
 * True if the next read would have to wait: stdin or a pipe has no more for now,
 * nor gets more within `patience_ns`, which a cancel ends.
 */
bool file_reader_would_wait(const struct file_reader *reader, int64_t patience_ns);

#endif
