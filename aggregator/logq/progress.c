/* progress.c - a line on stderr that comes and goes. */
#include "aggregator/logq/progress.h"
#include "common/base/clock.h"
#include "common/base/io.h"
#include <errno.h>
#include <pthread.h>
#include <unistd.h>

#define FIRST_NS (500 * NS_PER_MS)
#define NEXT_NS  (100 * NS_PER_MS)

struct progress {
	struct query_progress counters;
	pthread_t thread;
	pthread_mutex_t lock; /* of all below, and of stderr */
	pthread_cond_t news;
	bool stop;
	bool shown;
};

/* 950, 12.3k, 4.5M */
static void put_count(struct buf *out, unsigned long long n)
{
	if (n < 10000)
		buf_printf(out, "%llu", n);
	else if (n < 10000000)
		buf_printf(out, "%.1fk", (double)n / 1e3);
	else
		buf_printf(out, "%.1fM", (double)n / 1e6);
}

/* With the lock held.  Short, so that it is one line of a narrow terminal. */
static void show(struct progress *progress)
{
	unsigned long long scanned = progress->counters.rows_scanned;
	struct buf out = BUF_INIT(256);

	buf_puts(&out, SPAN("\r\033[K"));
	if (scanned) {
		put_count(&out, scanned);
		buf_puts(&out, SPAN(" rows read, "));
	}
	put_count(&out, progress->counters.rows_matched);
	buf_puts(&out, SPAN(" found"));
	progress->shown = io_write_full(STDERR_FILENO, out.ptr, out.len) == 0;
	buf_release(&out);
}

static void *run(void *arg)
{
	struct progress *progress = arg;
	int64_t until_ns = clock_mono_ns() + FIRST_NS;

	pthread_mutex_lock(&progress->lock);
	while (!progress->stop) {
		struct timespec until = {.tv_sec = until_ns / NS_PER_SEC,
					 .tv_nsec = until_ns % NS_PER_SEC};

		if (pthread_cond_timedwait(&progress->news, &progress->lock, &until) != ETIMEDOUT)
			continue;
		show(progress);
		until_ns += NEXT_NS;
	}
	pthread_mutex_unlock(&progress->lock);
	return NULL;
}

void progress_open(struct progress **ret)
{
	const char *term = getenv("TERM");
	bool erases = isatty(STDERR_FILENO) && !(term && strcmp(term, "dumb") == 0);
	struct progress *progress = erases ? calloc(1, sizeof(*progress)) : NULL;
	pthread_condattr_t attr;

	*ret = NULL;
	if (!progress)
		return;
	pthread_mutex_init(&progress->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&progress->news, &attr);
	pthread_condattr_destroy(&attr);
	if (pthread_create(&progress->thread, NULL, run, progress) == 0) {
		*ret = progress;
		return;
	}
	pthread_cond_destroy(&progress->news);
	pthread_mutex_destroy(&progress->lock);
	free(progress);
}

struct query_progress *progress_counters(struct progress *progress)
{
	return progress ? &progress->counters : NULL;
}

void progress_stop(struct progress *progress)
{
	if (!progress)
		return;
	pthread_mutex_lock(&progress->lock);
	if (progress->shown)
		(void)io_write_full(STDERR_FILENO, "\r\033[K", 4);
	progress->shown = false;
	progress->stop = true;
	pthread_cond_broadcast(&progress->news);
	pthread_mutex_unlock(&progress->lock);
}

void progress_free(struct progress *progress)
{
	if (!progress)
		return;
	progress_stop(progress);
	pthread_join(progress->thread, NULL);
	pthread_cond_destroy(&progress->news);
	pthread_mutex_destroy(&progress->lock);
	free(progress);
}
