/* feed.c - a thread and a pipe; see feed.h. */
#include "aggregator/logq/answer.h"
#include "aggregator/logq/feed_inside.h"
#include "common/base/cleanup.h"
#include "common/base/io.h"
#include <errno.h>
#include <fcntl.h>

void feed_init(struct feed *feed, const struct feed_ops *ops)
{
	*feed = (struct feed){.ops = ops, .read_fd = -1, .write_fd = -1};
}

static void close_fd(int *fd)
{
	cleanup_close(fd);
	*fd = -1;
}

int feed_end(struct feed *feed, struct err *reterr)
{
	feed->stop = true;
	close_fd(&feed->read_fd); /* a thread that waits for room in the pipe gets EPIPE */
	if (feed->threaded)
		pthread_join(feed->thread, NULL);
	feed->threaded = false;
	close_fd(&feed->write_fd);
	if (feed->result < 0 && reterr)
		*reterr = feed->err;
	return feed->result;
}

void feed_free(struct feed *feed)
{
	if (!feed)
		return;
	(void)feed_end(feed, NULL);
	feed->ops->free(feed);
}

size_t feed_units(const struct feed *feed)
{
	return feed->ops->units(feed);
}

struct span feed_path(const struct feed *feed)
{
	return span_cstr(feed->path);
}

bool feed_is_over(const struct feed *feed)
{
	return feed->stop || logq_cancel;
}

/* The query may have what it wants and close its end: that is no error. */
int feed_put(struct feed *feed, struct span text)
{
	return text.len ? io_write_full(feed->write_fd, text.ptr, text.len) : 0;
}

static void *run(void *arg)
{
	struct feed *feed = arg;
	int r = feed->ops->run(feed);

	if (r < 0 && r != -EPIPE) {
		if (!feed->err.text[0])
			(void)err_set(&feed->err, r, "can't read: %s", strerror(-r));
		feed->result = r;
	}
	close_fd(&feed->write_fd);
	return NULL;
}

static int begin(struct feed *feed, struct err *reterr)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) < 0)
		return err_set(reterr, -errno, "no pipe: %s", strerror(errno));
	feed->read_fd = fds[0];
	feed->write_fd = fds[1];
	snprintf(feed->path, sizeof(feed->path), "/dev/fd/%d", fds[0]);
	feed->stop = false;
	feed->result = 0;
	feed->err = (struct err){0};
	if (pthread_create(&feed->thread, NULL, run, feed) != 0)
		return err_set(reterr, -EAGAIN, "no thread");
	feed->threaded = true;
	return 0;
}

int feed_look_back(struct feed *feed, size_t unit, uint64_t reach, struct err *reterr)
{
	int whole = feed->ops->look_back(feed, unit, reach, reterr);
	int r = whole < 0 ? whole : begin(feed, reterr);

	return r < 0 ? r : whole;
}

int feed_follow(struct feed *feed, struct err *reterr)
{
	int r = feed->ops->follow(feed, reterr);

	return r < 0 ? r : begin(feed, reterr);
}
