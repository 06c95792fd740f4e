#include "common/base/io.h"
#include "common/base/cleanup.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

ssize_t io_read_full(int fd, void *buffer, size_t n)
{
	size_t done = 0;

	while (done < n) {
		ssize_t got = read(fd, (char *)buffer + done, n - done);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (got == 0)
			break;
		done += (size_t)got;
	}
	return (ssize_t)done;
}

ssize_t io_pread_full(int fd, void *buffer, size_t n, off_t offset)
{
	size_t done = 0;

	while (done < n) {
		ssize_t got = pread(fd, (char *)buffer + done, n - done, offset + (off_t)done);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (got == 0)
			break;
		done += (size_t)got;
	}
	return (ssize_t)done;
}

int io_write_full(int fd, const void *buffer, size_t n)
{
	size_t done = 0;

	while (done < n) {
		ssize_t put = write(fd, (const char *)buffer + done, n - done);

		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return -errno;
		done += (size_t)put;
	}
	return 0;
}

int io_pwrite_full(int fd, const void *buffer, size_t n, off_t offset)
{
	size_t done = 0;

	while (done < n) {
		ssize_t put =
			pwrite(fd, (const char *)buffer + done, n - done, offset + (off_t)done);

		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return -errno;
		done += (size_t)put;
	}
	return 0;
}

/* Read to the end of `fd`; a file in /proc says size 0 and still has contents. */
static int read_all(int fd, size_t size_hint, struct buf *out)
{
	size_t step = size_hint + 1;

	for (;;) {
		size_t room = out->max - out->len;

		if (step < 4096)
			step = 4096;
		if (step > room)
			step = room;
		if (room == 0) {
			char beyond;
			ssize_t more = io_read_full(fd, &beyond, 1);

			return more < 0 ? (int)more : more ? -ENOBUFS : 0;
		}
		int r = buf_reserve(out, step);

		if (r < 0)
			return r;
		ssize_t got = io_read_full(fd, out->ptr + out->len, step);

		if (got < 0)
			return (int)got;
		out->len += (size_t)got;
		if ((size_t)got < step)
			return 0;
		step = out->len;
	}
}

int io_read_file(const char *path, struct buf *out, struct err *reterr)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_set(reterr, -errno, "cannot read %s: %s", path, strerror(errno));
	if (S_ISDIR(st.st_mode))
		return err_set(reterr, -EISDIR, "cannot read %s: it is a directory", path);
	int r = read_all(fd, st.st_size > 0 ? (size_t)st.st_size : 0, out);

	if (r == -ENOBUFS)
		return err_set(reterr, r, "%s is larger than %zu bytes", path, out->max);
	if (r < 0)
		return err_set(reterr, r, "cannot read %s: %s", path, strerror(-r));
	return 0;
}

/* The directory part of `path` into `dir`; "." when it has none. */
static int parent_dir(const char *path, char dir[PATH_MAX])
{
	const char *slash = strrchr(path, '/');
	size_t n = slash ? (size_t)(slash - path) : 1;

	if (slash == path)
		n = 1;
	if (n >= PATH_MAX)
		return -ENAMETOOLONG;
	memcpy(dir, slash ? path : ".", n);
	dir[n] = '\0';
	return 0;
}

static int write_synced(const char *path, struct span contents, mode_t mode)
{
	_cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);

	if (fd < 0)
		return -errno;
	int r = io_write_full(fd, contents.ptr, contents.len);

	if (r < 0)
		return r;
	return fsync(fd) < 0 ? -errno : 0;
}

int io_replace_file(const char *path, struct span contents, mode_t mode, struct err *reterr)
{
	char temporary[PATH_MAX], dir[PATH_MAX];
	size_t len = strlen(path);
	int r = parent_dir(path, dir);

	if (r < 0 || len + sizeof(".new") > sizeof(temporary))
		return err_set(reterr, -ENAMETOOLONG, "cannot write %s: the name is too long",
			       path);
	memcpy(temporary, path, len);
	memcpy(temporary + len, ".new", sizeof(".new"));
	r = write_synced(temporary, contents, mode);
	if (r < 0) {
		unlink(temporary);
		return err_set(reterr, r, "cannot write %s: %s", temporary, strerror(-r));
	}
	if (rename(temporary, path) < 0) {
		r = -errno;
		unlink(temporary);
		return err_set(reterr, r, "cannot replace %s: %s", path, strerror(-r));
	}
	r = io_sync_dir(dir);
	if (r < 0)
		return err_set(reterr, r, "cannot sync directory %s: %s", dir, strerror(-r));
	return 0;
}

int io_sync_dir(const char *path)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	return fsync(fd) < 0 ? -errno : 0;
}

static int make_dir(const char *path, mode_t mode, struct err *reterr)
{
	struct stat st;

	if (mkdir(path, mode) == 0)
		return 0;
	int r = -errno;

	if (r == -EEXIST && stat(path, &st) == 0)
		r = S_ISDIR(st.st_mode) ? 0 : -ENOTDIR;
	if (r < 0)
		return err_set(reterr, r, "cannot make directory %s: %s", path, strerror(-r));
	return 0;
}

int io_make_dirs(const char *path, mode_t mode, struct err *reterr)
{
	char level[PATH_MAX];
	size_t len = strlen(path);

	if (len == 0 || len >= sizeof(level))
		return err_set(reterr, len ? -ENAMETOOLONG : -EINVAL,
			       "cannot make directory \"%.64s\": bad name", path);
	memcpy(level, path, len + 1);
	for (size_t i = 1; i < len; i++) {
		if (level[i] != '/' || level[i - 1] == '/')
			continue;
		level[i] = '\0';
		int r = make_dir(level, mode, reterr);

		if (r < 0)
			return r;
		level[i] = '/';
	}
	return make_dir(level, mode, reterr);
}

int io_lock_file(const char *path, struct err *reterr)
{
	_cleanup_close_ int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

	if (fd < 0)
		return err_set(reterr, -errno, "cannot open lock file %s: %s", path,
			       strerror(errno));
	if (fcntl(fd, F_OFD_SETLK, &lock) < 0) {
		if (errno == EAGAIN || errno == EACCES)
			return err_set(reterr, -EAGAIN, "%s is locked by another process", path);
		return err_set(reterr, -errno, "cannot lock %s: %s", path, strerror(errno));
	}
	return TAKE_FD(fd);
}

void io_raise_file_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= limit.rlim_max)
		return;
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &limit); /* refused: the limit is as it was */
}
