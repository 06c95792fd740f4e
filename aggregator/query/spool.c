#include "aggregator/query/spool.h"
#include "aggregator/query/file_reader.h"
#include "common/base/cleanup.h"
#include "common/base/io.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>

#define COPY_BYTES     (128u << 10)
#define CANCEL_LOOK_MS 100

static int open_nameless(struct err *reterr)
{
	const char *dir = getenv("TMPDIR") ?: "/tmp";
	_cleanup_free_ char *path = NULL;
	int fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	if (fd >= 0)
		return fd;
	/* Not every file system has files without a name. */
	if (asprintf(&path, "%s/logq.XXXXXX", dir) < 0) {
		path = NULL;
		return err_set(reterr, -ENOMEM, "out of memory");
	}
	fd = mkostemp(path, O_CLOEXEC);
	if (fd < 0)
		return err_set(reterr, -errno, "no temporary file in %s: %s", dir, strerror(errno));
	unlink(path);
	return fd;
}

static int copy(int from, int to, const atomic_bool *cancel)
{
	_cleanup_free_ char *bytes = malloc(COPY_BYTES);
	struct pollfd pollfd = {.fd = from, .events = POLLIN};
	ssize_t n = 1;
	int r = bytes ? 0 : -ENOMEM;

	while (r == 0 && n > 0) {
		while (cancel && poll(&pollfd, 1, CANCEL_LOOK_MS) <= 0)
			if (*cancel)
				return -ECANCELED;
		n = read(from, bytes, COPY_BYTES);
		if (n < 0 && errno == EINTR)
			n = 1;
		else if (n < 0)
			r = -errno;
		else
			r = io_write_full(to, bytes, (size_t)n);
	}
	return r;
}

int spool_stream(struct span path, const atomic_bool *cancel, struct err *reterr)
{
	bool is_stdin = span_eq(path, SPAN("-"));
	_cleanup_free_ char *name = strndup(path.ptr, path.len);
	_cleanup_close_ int own = -1;
	_cleanup_close_ int to = open_nameless(reterr);
	int r;

	if (to < 0 || !name)
		return to < 0 ? to : err_set(reterr, -ENOMEM, "out of memory");
	if (!is_stdin) {
		own = file_open(name, cancel);
		if (own < 0)
			return err_set(reterr, own, "%s: %s", name, strerror(-own));
	}
	r = copy(is_stdin ? STDIN_FILENO : own, to, cancel);
	if (r < 0)
		return err_set(reterr, r, "can't keep %s for the query's second look: %s",
			       is_stdin ? "standard input" : name, strerror(-r));
	return TAKE_FD(to);
}
