/*
 * Writing to a directory bus.
 *
 * send() copies a message into a queue; a thread takes all that is queued,
 * writes it partition by partition, syncs each once, and hands the messages
 * back for poll() to report.  While a sync runs the next group gathers, so
 * groups grow with the load and a lone message waits for nobody.
 *
 *	send → queue ──thread: lock, append…, fdatasync, mark, unlock──▶ done → poll → report
 *
 * Blocks of 24 kB over four partitions, where a write and its sync take 0.13 ms:
 * 1 in flight 0.6 k/s, 4 2.5 k/s, 16 6.4 k/s, 64 12 k/s (294 MB/s, 39 µs of CPU
 * each).  A delay to gather more would cost a lone message and gain nothing.
 */
#include "common/bus/bus_impl.h"

#include "common/base/check.h"
#include "common/base/cleanup.h"
#include "common/base/clock.h"
#include "common/bus/dir_part.h"
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>

#define LOCK_RETRY_NS (1 * NS_PER_MS)

/* One message on its way; `bytes` is the entry as it goes to disk. */
struct note {
	struct note *next;
	void *cookie;
	int64_t offset;
	size_t n;
	unsigned partition;
	int status;
	char bytes[];
};

struct note_list {
	struct note *head, **tail;
};

struct dir_producer {
	struct producer base;
	struct dir_part *parts;
	unsigned nparts;
	uint64_t queue_bytes, message_max;
	uint64_t held_bytes; /* of all notes; the caller's thread only */
	int in_flight;       /* the same */
	int event_fd;        /* readable: done is not empty */
	bool thread_started;
	pthread_t thread;

	pthread_mutex_t lock; /* of what follows */
	pthread_cond_t wake;
	struct note_list queue, done;
	bool stopping;
	bool broken; /* a rollback failed: what is on disk is not what we think */
};

static void list_init(struct note_list *list)
{
	list->head = NULL;
	list->tail = &list->head;
}

static void list_append(struct note_list *list, struct note *note)
{
	note->next = NULL;
	*list->tail = note;
	list->tail = &note->next;
}

/* Everything of `from` behind what `to` has. */
static void list_move(struct note_list *to, struct note_list *from)
{
	if (!from->head)
		return;
	*to->tail = from->head;
	to->tail = from->tail;
	list_init(from);
}

static struct dir_producer *dir_of(struct producer *producer)
{
	return (struct dir_producer *)producer;
}

static bool is_stopping(struct dir_producer *p)
{
	pthread_mutex_lock(&p->lock);
	bool stopping = p->stopping;

	pthread_mutex_unlock(&p->lock);
	return stopping;
}

/* Other writers hold the lock for one group, milliseconds; unless they hang. */
static int lock_patiently(struct dir_producer *p, struct dir_part *part)
{
	const struct timespec pause = {.tv_nsec = LOCK_RETRY_NS};
	int r;

	while ((r = dir_part_lock(part)) == -EAGAIN) {
		if (is_stopping(p))
			return -ECANCELED;
		nanosleep(&pause, NULL);
	}
	return r;
}

static int append_group(struct dir_part *part, unsigned partition, struct note *notes)
{
	int64_t now_ms = clock_real_ns() / NS_PER_MS;
	int r = 0;

	for (struct note *n = notes; n && r == 0; n = n->next)
		if (n->partition == partition)
			r = dir_part_append(part, now_ms, n->bytes, n->n, &n->offset);
	return r;
}

/* All messages of one partition, or none.  -ESHUTDOWN: not even none. */
static int write_group(struct dir_producer *p, unsigned partition, struct note *notes)
{
	struct dir_part *part = &p->parts[partition];
	int r = lock_patiently(p, part);

	if (r < 0)
		return r;
	r = append_group(part, partition, notes);
	if (r == 0)
		r = dir_part_publish(part);
	if (r < 0 && dir_part_rollback(part) < 0)
		r = -ESHUTDOWN;
	dir_part_unlock(part);
	return r;
}

static void write_notes(struct dir_producer *p, struct note *notes)
{
	for (unsigned partition = 0; partition < p->nparts; partition++) {
		struct note *n = notes;

		while (n && n->partition != partition)
			n = n->next;
		if (!n)
			continue;
		int status = write_group(p, partition, n);

		for (; n; n = n->next)
			if (n->partition == partition)
				n->status = status;
	}
}

static bool any_broken(const struct note *notes)
{
	while (notes && notes->status != -ESHUTDOWN)
		notes = notes->next;
	return notes != NULL;
}

static void signal_done(struct dir_producer *p)
{
	/* Fails only when the counter is full, and then it is readable already. */
	(void)eventfd_write(p->event_fd, 1);
}

static void *writer_main(void *ctx)
{
	struct dir_producer *p = ctx;

	pthread_mutex_lock(&p->lock);
	while (!p->stopping) {
		struct note_list group;

		if (!p->queue.head) {
			pthread_cond_wait(&p->wake, &p->lock);
			continue;
		}
		list_init(&group);
		list_move(&group, &p->queue);
		pthread_mutex_unlock(&p->lock);
		write_notes(p, group.head);
		pthread_mutex_lock(&p->lock);
		p->broken |= any_broken(group.head);
		list_move(&p->done, &group);
		signal_done(p);
	}
	pthread_mutex_unlock(&p->lock);
	return NULL;
}

static int dir_partitions(struct producer *producer, struct err *reterr)
{
	(void)reterr;
	return (int)dir_of(producer)->nparts;
}

static int dir_send(struct producer *producer, unsigned partition, struct span message,
		    void *cookie)
{
	struct dir_producer *p = dir_of(producer);

	if (partition >= p->nparts)
		return -EINVAL;
	if (message.len > p->message_max)
		return -EMSGSIZE;
	if (p->held_bytes && p->held_bytes + message.len > p->queue_bytes)
		return -EAGAIN;
	struct note *note = malloc(sizeof(*note) + DIR_ENTRY_HEAD + message.len);

	if (!note)
		return -ENOMEM;
	*note = (struct note){
		.cookie = cookie, .n = DIR_ENTRY_HEAD + message.len, .partition = partition};
	if (message.len)
		memcpy(note->bytes + DIR_ENTRY_HEAD, message.ptr, message.len);
	pthread_mutex_lock(&p->lock);
	bool broken = p->broken;

	if (!broken) {
		list_append(&p->queue, note);
		pthread_cond_signal(&p->wake);
	}
	pthread_mutex_unlock(&p->lock);
	if (broken) {
		free(note);
		return -ESHUTDOWN;
	}
	p->held_bytes += message.len;
	p->in_flight++;
	return 0;
}

/* Report each note with its status, or with `status` when that is an error. */
static int report_all(struct dir_producer *p, struct note *notes, int status)
{
	int count = 0;

	while (notes) {
		struct note *note = notes;

		notes = note->next;
		p->held_bytes -= note->n - DIR_ENTRY_HEAD;
		p->in_flight--;
		count++;
		int fate = status < 0 ? status : note->status;

		p->base.report(p->base.ctx, note->cookie, fate, fate < 0 ? -1 : note->offset);
		free(note);
	}
	return count;
}

static struct note *take_done(struct dir_producer *p, bool *ret_broken)
{
	struct note_list done;
	eventfd_t count;

	list_init(&done);
	pthread_mutex_lock(&p->lock);
	list_move(&done, &p->done);
	*ret_broken = p->broken;
	(void)eventfd_read(p->event_fd, &count); /* -EAGAIN: nothing was done */
	pthread_mutex_unlock(&p->lock);
	return done.head;
}

static int dir_poll(struct producer *producer, int timeout_ms)
{
	struct dir_producer *p = dir_of(producer);
	struct pollfd pfd = {.fd = p->event_fd, .events = POLLIN};
	bool broken;

	if (poll(&pfd, 1, timeout_ms) < 0 && errno != EINTR)
		return -errno;
	int count = report_all(p, take_done(p, &broken), 0);

	return broken && count == 0 ? -ESHUTDOWN : count;
}

static int dir_flush(struct producer *producer, int timeout_ms)
{
	struct dir_producer *p = dir_of(producer);
	int64_t end = clock_mono_ns() + timeout_ms * NS_PER_MS;

	while (p->in_flight > 0) {
		int64_t left = (end - clock_mono_ns() + NS_PER_MS - 1) / NS_PER_MS;
		int r = dir_poll(producer, left > 0 ? (int)left : 0);

		if (r < 0 || left <= 0)
			break;
	}
	return p->in_flight;
}

static int dir_fd(struct producer *producer)
{
	return dir_of(producer)->event_fd;
}

static void stop_thread(struct dir_producer *p)
{
	pthread_mutex_lock(&p->lock);
	p->stopping = true;
	pthread_cond_signal(&p->wake);
	pthread_mutex_unlock(&p->lock);
	pthread_join(p->thread, NULL);
}

static void dir_close(struct producer *producer)
{
	struct dir_producer *p = dir_of(producer);

	if (p->thread_started) {
		stop_thread(p);
		report_all(p, p->done.head, 0);
		report_all(p, p->queue.head, -ECANCELED);
	}
	for (unsigned i = 0; i < p->nparts; i++)
		dir_part_release(&p->parts[i]);
	cleanup_close(&p->event_fd);
	pthread_mutex_destroy(&p->lock);
	pthread_cond_destroy(&p->wake);
	free(p->parts);
	free(p);
}

static const struct producer_ops dir_producer_ops = {
	.close = dir_close,
	.partitions = dir_partitions,
	.send = dir_send,
	.poll = dir_poll,
	.flush = dir_flush,
	.fd = dir_fd,
};

static int open_parts(struct dir_producer *p, const char *path, unsigned count,
		      uint64_t segment_bytes, struct err *reterr)
{
	p->parts = calloc(count, sizeof(*p->parts));
	if (!p->parts)
		return -ENOMEM;
	for (unsigned i = 0; i < count; i++) {
		p->nparts = i + 1; /* also the one that failed is released */
		int r = dir_part_open(&p->parts[i], path, i, segment_bytes, reterr);

		if (r < 0)
			return r;
	}
	return 0;
}

/* Signals are the program's: its other threads take them. */
static int start_thread(struct dir_producer *p)
{
	sigset_t all, before;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	int r = -pthread_create(&p->thread, NULL, writer_main, p);

	pthread_sigmask(SIG_SETMASK, &before, NULL);
	p->thread_started = r == 0;
	return r;
}

static int start(struct dir_producer *p, const struct bus_uri *uri, const struct bus_conf *conf,
		 struct err *reterr)
{
	int r = dir_bus_open(uri->path, conf->partitions, reterr);

	if (r > 0)
		r = open_parts(p, uri->path, (unsigned)r, conf->segment_bytes, reterr);
	if (r < 0)
		return r;
	p->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (p->event_fd < 0)
		return err_set(reterr, -errno, "eventfd: %s", strerror(errno));
	r = start_thread(p);
	if (r < 0)
		return err_set(reterr, r, "no thread: %s", strerror(-r));
	return 0;
}

int dir_producer_open(const struct bus_uri *uri, const struct bus_conf *conf, struct producer **ret,
		      struct err *reterr)
{
	if (conf->message_max > DIR_MESSAGE_MAX)
		return err_set(reterr, -EINVAL, "messages of more than %u bytes", DIR_MESSAGE_MAX);
	struct dir_producer *p = calloc(1, sizeof(*p));

	if (!p)
		return err_set(reterr, -ENOMEM, "out of memory");
	p->base.ops = &dir_producer_ops;
	p->queue_bytes = conf->queue_bytes;
	p->message_max = conf->message_max;
	p->event_fd = -1;
	list_init(&p->queue);
	list_init(&p->done);
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->wake, NULL);
	int r = start(p, uri, conf, reterr);

	if (r < 0) {
		dir_close(&p->base);
		return r;
	}
	*ret = &p->base;
	return 0;
}
