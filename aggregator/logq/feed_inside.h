/*
 * feed_inside.h - what a kind of feed is: feed_bus.c, feed_files.c.
 *
 * A feed's struct begins with struct feed.  Its thread calls ops->run, which
 * puts lines until there are none, or feed_is_over().
 */
#ifndef SLUICE_LOGQ_FEED_INSIDE_H
#define SLUICE_LOGQ_FEED_INSIDE_H

#include "aggregator/logq/feed.h"
#include <pthread.h>
#include <stdatomic.h>

#define FEED_LOOK_MS 200 /* so often it is looked whether there is more */

struct feed_ops {
	size_t (*units)(const struct feed *feed);
	/* For feed_look_back() and feed_follow(): what run() is to give. */
	int (*look_back)(struct feed *feed, size_t unit, uint64_t reach, struct err *reterr);
	int (*follow)(struct feed *feed, struct err *reterr);
	/* On the thread.  0 at the end; -EPIPE: nobody reads; …, with feed->err's text or not. */
	int (*run)(struct feed *feed);
	void (*free)(struct feed *feed);
};

struct feed {
	const struct feed_ops *ops;
	pthread_t thread;
	bool threaded;
	atomic_bool stop;
	int read_fd, write_fd; /* -1 = none */
	char path[32];
	int result;
	struct err err;
};

void feed_init(struct feed *feed, const struct feed_ops *ops);
/* The run is to end. */
bool feed_is_over(const struct feed *feed);
int feed_put(struct feed *feed, struct span text);

#endif
