/*
 * io.h - reads and writes that finish, and files that survive a power loss.
 *
 * All functions retry EINTR and short transfers, and return a negative errno.
 */
#ifndef SLUICE_BASE_IO_H
#define SLUICE_BASE_IO_H

#include "common/base/buf.h"
#include "common/base/err.h"
#include <stdint.h>
#include <sys/types.h>

/* Bytes read: less than n only at end of file. */
ssize_t io_read_full(int fd, void *buffer, size_t n);
ssize_t io_pread_full(int fd, void *buffer, size_t n, off_t offset);
int io_write_full(int fd, const void *buffer, size_t n);
int io_pwrite_full(int fd, const void *buffer, size_t n, off_t offset);

/* The whole file into `out`; -ENOBUFS when it is larger than out->max. */
int io_read_file(const char *path, struct buf *out, struct err *reterr);

/*
 * Replace `path` so that a crash at any instant leaves the old or the new
 * contents: temporary file, fsync, rename, fsync of the directory.
 */
int io_replace_file(const char *path, struct span contents, mode_t mode, struct err *reterr);

/* fsync a directory, so that names made or removed in it last. */
int io_sync_dir(const char *path);
/* mkdir -p with `mode` for each new level. */
int io_make_dirs(const char *path, mode_t mode, struct err *reterr);

/*
 * Take the exclusive OFD lock of `path` (created 0600).  Returns the fd that
 * holds it; -EAGAIN when another process has it.
 */
int io_lock_file(const char *path, struct err *reterr);

/* As many open files as the system allows: the soft limit goes up to the hard one. */
void io_raise_file_limit(void);

#endif
