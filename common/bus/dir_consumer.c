/*
 * Reading a directory bus: a cursor for each assigned partition, asked in turn.
 *
 * A cursor stops at the mark that writers publish (dir_log.h).  inotify on the
 * mark files says when there is more; where watches are refused the marks are
 * looked at again and again.
 */
#include "common/bus/bus_impl.h"

#include "common/base/cleanup.h"
#include "common/base/clock.h"
#include "common/bus/dir_cursor.h"
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/inotify.h>

#define WAIT_MS       500 /* between looks when inotify speaks … */
#define WAIT_BLIND_MS 20  /* … and when it can't */

struct dir_consumer {
	struct consumer base;
	char path[BUS_URI_MAX];
	struct cursor *cursors;
	unsigned ncursors;
	unsigned turn;  /* whose message comes next, so that none starves */
	int inotify_fd; /* -1 = none */
	bool paused;
};

static struct dir_consumer *dir_of(struct consumer *consumer)
{
	return (struct dir_consumer *)consumer;
}

static int open_cursors(struct dir_consumer *c, struct err *reterr)
{
	if (c->ncursors)
		return (int)c->ncursors;
	int r = dir_bus_open(c->path, 0, reterr);

	if (r < 0)
		return r == -ENOENT ? -EAGAIN : r;
	c->cursors = calloc((size_t)r, sizeof(*c->cursors));
	if (!c->cursors)
		return err_set(reterr, -ENOMEM, "out of memory");
	c->ncursors = (unsigned)r;
	for (unsigned i = 0; i < c->ncursors; i++)
		c->cursors[i] = CURSOR_INIT;
	return r;
}

static int dir_partitions(struct consumer *consumer, struct err *reterr)
{
	return open_cursors(dir_of(consumer), reterr);
}

/* The cursor of `partition` with its files open. */
static int open_cursor(struct dir_consumer *c, unsigned partition, struct cursor **ret)
{
	int r = open_cursors(c, NULL);

	if (r < 0)
		return r;
	if (partition >= c->ncursors)
		return -EINVAL;
	struct cursor *cur = &c->cursors[partition];

	if (cur->dirfd < 0) {
		r = cursor_open(cur, c->path, partition);
		if (r < 0)
			return r;
	}
	*ret = cur;
	return 0;
}

static void watch_mark(const struct dir_consumer *c, unsigned partition)
{
	char name[DIR_NAME_MAX], path[BUS_URI_MAX + 64];

	dir_partition_name(name, partition);
	snprintf(path, sizeof(path), "%s/%s/committed", c->path, name);
	/* When the watches are used up we look every WAIT_MS: slower, still right. */
	(void)inotify_add_watch(c->inotify_fd, path, IN_MODIFY);
}

static int dir_seek(struct consumer *consumer, unsigned partition, int64_t offset)
{
	struct cursor *cur;
	int r = open_cursor(dir_of(consumer), partition, &cur);

	if (r < 0)
		return r;
	if (offset < 0)
		return -EINVAL;
	cursor_seek(cur, offset);
	cur->lost = false;
	return 0;
}

static int dir_assign(struct consumer *consumer, unsigned partition, int64_t offset)
{
	struct dir_consumer *c = dir_of(consumer);
	int r = dir_seek(consumer, partition, offset);

	if (r < 0)
		return r;
	c->cursors[partition].assigned = true;
	if (c->inotify_fd >= 0)
		watch_mark(c, partition);
	return cursor_load_mark(&c->cursors[partition]);
}

static int dir_watermarks(struct consumer *consumer, unsigned partition, int64_t *ret_low,
			  int64_t *ret_high)
{
	struct cursor *cur;
	int r = open_cursor(dir_of(consumer), partition, &cur);

	return r < 0 ? r : cursor_watermarks(cur, ret_low, ret_high);
}

/* One round over the partitions, beginning where the last one ended. */
static int poll_round(struct dir_consumer *c, struct bus_message *ret)
{
	for (unsigned i = 0; i < c->ncursors; i++) {
		unsigned partition = c->turn++ % c->ncursors;
		struct cursor *cur = &c->cursors[partition];

		if (!cur->assigned || cur->lost)
			continue;
		*ret = (struct bus_message){.partition = partition, .offset = cur->offset};
		int r = cursor_next(cur, ret);

		cur->lost = r == -ERANGE;
		if (r != 0)
			return r;
	}
	return 0;
}

static void wait_for_news(const struct dir_consumer *c, int timeout_ms)
{
	struct pollfd pfd = {.fd = c->inotify_fd, .events = POLLIN};
	int most = c->inotify_fd >= 0 ? WAIT_MS : WAIT_BLIND_MS;
	char events[4096];

	if (poll(&pfd, 1, timeout_ms < most ? timeout_ms : most) <= 0 || c->inotify_fd < 0)
		return;
	while (read(c->inotify_fd, events, sizeof(events)) > 0)
		; /* which mark moved does not matter: all are looked at */
}

static int dir_poll(struct consumer *consumer, int timeout_ms, struct bus_message *ret)
{
	struct dir_consumer *c = dir_of(consumer);
	int64_t end = clock_mono_ns() + timeout_ms * NS_PER_MS;

	for (;;) {
		int r = c->paused ? 0 : poll_round(c, ret);
		int64_t left = (end - clock_mono_ns() + NS_PER_MS - 1) / NS_PER_MS;

		if (r != 0 || left <= 0)
			return r;
		wait_for_news(c, (int)left);
	}
}

static void dir_release(struct consumer *consumer, struct bus_message *message)
{
	(void)consumer;
	free(message->opaque);
}

static int dir_pause(struct consumer *consumer, bool paused)
{
	dir_of(consumer)->paused = paused;
	return 0;
}

/* The bus keeps no group offsets: whoever reads it has them in its index. */
static int dir_commit(struct consumer *consumer, unsigned partition, int64_t next_offset)
{
	(void)consumer, (void)partition, (void)next_offset;
	return 0;
}

static void dir_close(struct consumer *consumer)
{
	struct dir_consumer *c = dir_of(consumer);

	for (unsigned i = 0; i < c->ncursors; i++)
		cursor_release(&c->cursors[i]);
	cleanup_close(&c->inotify_fd);
	free(c->cursors);
	free(c);
}

static const struct consumer_ops dir_consumer_ops = {
	.close = dir_close,
	.partitions = dir_partitions,
	.assign = dir_assign,
	.watermarks = dir_watermarks,
	.poll = dir_poll,
	.release = dir_release,
	.seek = dir_seek,
	.pause = dir_pause,
	.commit = dir_commit,
};

int dir_consumer_open(const struct bus_uri *uri, const struct bus_conf *conf, struct consumer **ret,
		      struct err *reterr)
{
	struct dir_consumer *c = calloc(1, sizeof(*c));

	(void)conf;
	if (!c)
		return err_set(reterr, -ENOMEM, "out of memory");
	c->base.ops = &dir_consumer_ops;
	memcpy(c->path, uri->path, sizeof(c->path));
	c->inotify_fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	*ret = &c->base;
	return 0;
}
