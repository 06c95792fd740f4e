/* feed.c - a bus or growing files through a pipe. */
#include "aggregator/logq/feed.h"
#include "aggregator/logq/answer.h"
#include "common/base/cleanup.h"
#include "common/base/clock.h"
#include "common/base/io.h"
#include "common/bus/bus.h"
#include "common/flow/block.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/stat.h>

#define FILES_MAX  64
#define READ_BYTES (64u << 10)
#define LOOK_MS    200
#define IDLE_NS    (10 * NS_PER_SEC) /* a bus that promises more and gives none */

/* One file that grows. */
struct growing {
	char *path;
	int fd;
	struct stat st; /* which file fd is */
};

struct feed {
	pthread_t thread;
	bool threaded;
	atomic_bool stop;
	int read_fd, write_fd;
	char path[32];
	struct consumer *consumer; /* of a bus */
	struct block_reader *reader;
	int64_t *next, *high; /* of each partition */
	unsigned partitions;
	bool follow;
	struct growing files[FILES_MAX];
	size_t nfiles;
	int result;
	struct err err;
};

static int feed_new(struct feed **ret, struct err *reterr)
{
	struct feed *feed = calloc(1, sizeof(*feed));
	int fds[2];

	if (!feed)
		return err_set(reterr, -ENOMEM, "out of memory");
	feed->read_fd = feed->write_fd = -1;
	for (size_t i = 0; i < FILES_MAX; i++)
		feed->files[i].fd = -1;
	if (pipe2(fds, O_CLOEXEC) < 0) {
		free(feed);
		return err_set(reterr, -errno, "no pipe: %s", strerror(errno));
	}
	feed->read_fd = fds[0];
	feed->write_fd = fds[1];
	snprintf(feed->path, sizeof(feed->path), "/dev/fd/%d", fds[0]);
	*ret = feed;
	return 0;
}

void feed_free(struct feed *feed)
{
	if (!feed)
		return;
	feed->stop = true;
	cleanup_close(&feed->read_fd); /* a thread that waits for room in the pipe gets EPIPE */
	if (feed->threaded)
		pthread_join(feed->thread, NULL);
	cleanup_close(&feed->write_fd);
	consumer_close(feed->consumer);
	block_reader_free(feed->reader);
	for (size_t i = 0; i < feed->nfiles; i++) {
		cleanup_close(&feed->files[i].fd);
		free(feed->files[i].path);
	}
	free(feed->next);
	free(feed->high);
	free(feed);
}
DEFINE_CLEANUP(struct feed *, feed_free);

struct span feed_path(const struct feed *feed)
{
	return span_cstr(feed->path);
}

int feed_result(struct feed *feed, struct err *reterr)
{
	if (feed->result < 0 && reterr)
		*reterr = feed->err;
	return feed->result;
}

static int start(struct feed *feed, void *(*run)(void *), struct err *reterr)
{
	if (pthread_create(&feed->thread, NULL, run, feed) != 0)
		return err_set(reterr, -EAGAIN, "no thread");
	feed->threaded = true;
	return 0;
}

/* The query may have what it wants and close its end: that is no error. */
static int put(struct feed *feed, struct span text)
{
	return text.len ? io_write_full(feed->write_fd, text.ptr, text.len) : 0;
}

static int put_message(struct feed *feed, const struct bus_message *message)
{
	struct block block;
	int r;

	if (!block_is_block(message->payload)) {
		r = put(feed, message->payload);
		if (r == 0 && !span_ends(message->payload, SPAN("\n")))
			r = put(feed, SPAN("\n"));
		return r;
	}
	r = block_read(feed->reader, message->payload, &block, &feed->err);
	if (r < 0)
		return err_prefix(&feed->err, r, "partition %u offset %lld", message->partition,
				  (long long)message->offset);
	return put(feed, block.text);
}

static bool bus_done(const struct feed *feed)
{
	for (unsigned i = 0; i < feed->partitions; i++)
		if (feed->next[i] < feed->high[i])
			return false;
	return !feed->follow;
}

static void *run_bus(void *arg)
{
	struct feed *feed = arg;
	int64_t heard = clock_mono_ns();
	int r = 0;

	while (!feed->stop && !logq_cancel && !bus_done(feed) && r >= 0) {
		struct bus_message message;

		r = consumer_poll(feed->consumer, LOOK_MS, &message);
		if (r == 1) {
			feed->next[message.partition] = message.offset + 1;
			r = put_message(feed, &message);
			consumer_release(feed->consumer, &message);
			heard = clock_mono_ns();
		} else if ((r == 0 || r == -EAGAIN) && !feed->follow &&
			   clock_mono_ns() - heard > IDLE_NS) {
			r = err_set(&feed->err, -ETIME, "the bus does not deliver what it has");
		} else if (r == -EAGAIN) {
			r = 0;
		}
	}
	if (r < 0 && r != -EPIPE) {
		if (!feed->err.text[0])
			(void)err_set(&feed->err, r, "can't read the bus: %s", strerror(-r));
		feed->result = r;
	}
	cleanup_close(&feed->write_fd);
	feed->write_fd = -1;
	return NULL;
}

static int assign(struct feed *feed, struct err *reterr)
{
	for (unsigned i = 0; i < feed->partitions; i++) {
		int r = consumer_watermarks(feed->consumer, i, &feed->next[i], &feed->high[i]);

		if (r == 0)
			r = consumer_assign(feed->consumer, i, feed->next[i]);
		if (r < 0)
			return err_set(reterr, r, "can't read partition %u: %s", i, strerror(-r));
	}
	return 0;
}

int feed_bus(struct span uri, bool follow, struct feed **ret, struct err *reterr)
{
	_cleanup_(feed_freep) struct feed *feed = NULL;
	int r = feed_new(&feed, reterr);

	if (r < 0)
		return r;
	feed->follow = follow;
	r = consumer_open(uri, &(struct bus_conf){0}, &feed->consumer, reterr);
	if (r == 0)
		r = consumer_partitions(feed->consumer, reterr);
	if (r < 0)
		return r;
	feed->partitions = (unsigned)r;
	feed->next = calloc(feed->partitions + 1, sizeof(*feed->next));
	feed->high = calloc(feed->partitions + 1, sizeof(*feed->high));
	if (!feed->next || !feed->high || block_reader_new(&feed->reader) < 0)
		return err_set(reterr, -ENOMEM, "out of memory");
	r = assign(feed, reterr);
	if (r == 0)
		r = start(feed, run_bus, reterr);
	if (r == 0)
		*ret = TAKE(feed);
	return r;
}

/* Everything that was appended since. */
static int put_growth(struct feed *feed, struct growing *file)
{
	char text[READ_BYTES];
	ssize_t n;

	while ((n = read(file->fd, text, sizeof(text))) > 0) {
		int r = put(feed, span_of(text, (size_t)n));

		if (r < 0)
			return r;
	}
	return 0;
}

/* The name may belong to another file now; a shorter file begins anew. */
static int check_file(struct feed *feed, struct growing *file)
{
	struct stat st;
	int r = put_growth(feed, file);

	if (r < 0 || stat(file->path, &st) < 0)
		return r;
	if (st.st_dev == file->st.st_dev && st.st_ino == file->st.st_ino) {
		if (st.st_size < lseek(file->fd, 0, SEEK_CUR))
			lseek(file->fd, 0, SEEK_SET);
		return 0;
	}
	int fd = open(file->path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return 0; /* not there yet */
	cleanup_close(&file->fd);
	file->fd = fd;
	return fstat(fd, &file->st) < 0 ? -errno : put_growth(feed, file);
}

static void *run_files(void *arg)
{
	struct feed *feed = arg;
	int r = 0;

	while (!feed->stop && !logq_cancel && r == 0) {
		for (size_t i = 0; i < feed->nfiles && r == 0; i++)
			r = check_file(feed, &feed->files[i]);
		poll(NULL, 0, LOOK_MS);
	}
	cleanup_close(&feed->write_fd);
	feed->write_fd = -1;
	return NULL;
}

int feed_files(const struct span *paths, size_t n, struct feed **ret, struct err *reterr)
{
	_cleanup_(feed_freep) struct feed *feed = NULL;
	int r;

	if (n == 0 || n > FILES_MAX)
		return err_set(reterr, -EINVAL, "-f takes 1 to %d files", FILES_MAX);
	r = feed_new(&feed, reterr);
	for (size_t i = 0; i < n && r == 0; i++) {
		struct growing *file = &feed->files[feed->nfiles];

		file->path = strndup(paths[i].ptr, paths[i].len);
		if (!file->path)
			return err_set(reterr, -ENOMEM, "out of memory");
		feed->nfiles++;
		file->fd = open(file->path, O_RDONLY | O_CLOEXEC);
		if (file->fd < 0 || fstat(file->fd, &file->st) < 0)
			return err_set(reterr, -errno, "%s: %s", file->path, strerror(errno));
		lseek(file->fd, 0, SEEK_END);
	}
	if (r == 0)
		r = start(feed, run_files, reterr);
	if (r == 0)
		*ret = TAKE(feed);
	return r;
}
