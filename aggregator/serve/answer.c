/* answer.c - the buffer between a query and a socket; see answer.h. */
#include "aggregator/serve/answer.h"
#include "aggregator/query/tail.h"
#include "common/base/cleanup.h"
#include "common/base/clock.h"
#include "common/data/json_write.h"
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>

#define BUFFER_FULL (256u << 10) /* the query waits above this */
#define BUFFER_MAX  (64u << 20)  /* one batch of rows may overshoot so far */
#define LOOK_MS     200

struct answer {
	struct answer_conf conf;
	struct query *query;
	struct query_source *source;
	pthread_t thread;
	bool threaded;
	atomic_bool cancel;
	int event_fd; /* readable: there is something to pull */

	pthread_mutex_t lock; /* of all below */
	pthread_cond_t news;
	struct buf pending;
	size_t sent; /* bytes of `pending` that were pulled */
	bool began;  /* something was produced */
	bool done;
	bool closed; /* the trailer is written */
	int result;
	struct err err;
	struct query_result cost;
	uint64_t rows;
};

static void answer_free(struct answer *a)
{
	if (!a)
		return;
	if (a->threaded)
		pthread_join(a->thread, NULL);
	if (a->conf.done)
		a->conf.done(a->conf.ctx);
	query_free(a->query);
	source_close(a->source);
	shape_free(a->conf.shape);
	query_result_release(&a->cost);
	buf_release(&a->pending);
	cleanup_close(&a->event_fd);
	pthread_cond_destroy(&a->news);
	pthread_mutex_destroy(&a->lock);
	free(a);
}
DEFINE_CLEANUP(struct answer *, answer_free);

/* With the lock held: wake both sides. */
static void tell(struct answer *a)
{
	uint64_t one = 1;
	ssize_t n = write(a->event_fd, &one, sizeof(one)); /* full means: readable anyway */

	(void)n;
	pthread_cond_broadcast(&a->news);
}

static int write_row(struct answer *a, const struct shape_row *row)
{
	struct buf *out = &a->pending;
	bool first = true;

	if (a->conf.shape)
		return shape_row(a->conf.shape, row, out);
	buf_puts(out, a->conf.events ? SPAN("data: {") : SPAN("{"));
	for (size_t i = 0; i < row->n; i++)
		if (row->texts[i][row->row].len)
			json_write_field(out, &first, row->names[i], VALUE_STRING,
					 row->texts[i][row->row]);
	buf_puts(out, a->conf.events ? SPAN("}\n\n") : SPAN("}\n"));
	return out->failed;
}

/* With the lock held.  Rows that are wanted still. */
static int write_rows(struct answer *a, struct rows *rows)
{
	const struct span *names;
	const struct span **texts;
	size_t n;
	int r = rows_names(rows, &names, &n);

	if (r < 0)
		return r;
	texts = ARENA_ARRAY(rows->arena, const struct span *, n);
	if (!texts)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		texts[i] = rows_texts(rows, names[i]);
		if (!texts[i])
			return rows->failed ? rows->failed : -ENOMEM;
	}
	for (uint32_t row = 0; row < rows->n && r >= 0; row++) {
		if (a->conf.limit && a->rows >= a->conf.limit)
			return 1;
		r = write_row(a, &(struct shape_row){names, texts, n, row});
		a->rows++;
	}
	return r < 0 ? r : a->pending.failed;
}

static int take_rows(void *ctx, struct rows *rows)
{
	struct answer *a = ctx;
	int r;

	pthread_mutex_lock(&a->lock);
	while (a->pending.len - a->sent >= BUFFER_FULL && !a->cancel)
		pthread_cond_wait(&a->news, &a->lock);
	if (a->sent) {
		buf_consume(&a->pending, a->sent);
		a->sent = 0;
	}
	r = a->cancel ? -EPIPE : write_rows(a, rows);
	a->began = true;
	tell(a);
	pthread_mutex_unlock(&a->lock);
	return r;
}

static int run_tail(struct answer *a, struct query_result *cost, struct err *reterr)
{
	const struct query_conf *conf = &a->conf.query;
	int64_t since = conf->has_time_range && conf->min_time != INT64_MIN ? conf->min_time
									    : clock_real_ns();
	struct tail *tail;
	int r = tail_open(a->query, conf, a->source, since, &tail, reterr);

	if (r < 0)
		return r;
	pthread_mutex_lock(&a->lock);
	a->began = true; /* an answer without rows yet is an answer */
	tell(a);
	pthread_mutex_unlock(&a->lock);
	while (r >= 0 && !a->cancel) {
		query_result_release(cost);
		r = tail_look(tail, take_rows, a, cost, reterr);
		if (r >= 0)
			poll(NULL, 0, LOOK_MS);
	}
	tail_close(tail);
	return r;
}

static void *run(void *arg)
{
	struct answer *a = arg;
	struct query_result cost = {0};
	struct err err = {0};
	int r;

	if (a->conf.follow)
		r = run_tail(a, &cost, &err);
	else
		r = query_execute(a->query, &a->conf.query, a->source, take_rows, a, &cost, &err);
	pthread_mutex_lock(&a->lock);
	if (r >= 0 && a->conf.shape)
		r = shape_end(a->conf.shape, &a->pending);
	if (r < 0 && !err.text[0])
		(void)err_set(&err, r, "the answer is too large: narrow it down");
	a->result = r;
	a->err = err;
	a->cost = cost;
	a->done = true;
	tell(a);
	pthread_mutex_unlock(&a->lock);
	return NULL;
}

/* With the lock held. */
static void write_trailer(struct answer *a)
{
	struct buf *out = &a->pending;
	const struct query_result *c = &a->cost;
	bool first = false;

	buf_printf(out,
		   "{\"_end\":{\"rows\":%llu,\"rows_scanned\":%llu,\"rows_matched\":%llu,"
		   "\"bytes_scanned\":%llu,\"blocks_scanned\":%llu,\"blocks_skipped\":%llu,"
		   "\"ms\":%.3f,\"partial\":%s",
		   (unsigned long long)a->rows, (unsigned long long)c->rows_scanned,
		   (unsigned long long)c->rows_matched, (unsigned long long)c->bytes_scanned,
		   (unsigned long long)c->blocks_scanned, (unsigned long long)c->blocks_skipped,
		   (double)c->elapsed_ns / 1e6, c->partial ? "true" : "false");
	if (c->partial)
		json_write_field(out, &first, SPAN("partial_why"), VALUE_STRING,
				 buf_span(&c->partial_why));
	if (a->result < 0)
		json_write_field(out, &first, SPAN("error"), VALUE_STRING, span_cstr(a->err.text));
	buf_puts(out, SPAN("}}\n"));
}

/* With the lock held: the end, or what makes a client notice that it is none. */
static ssize_t finish(struct answer *a)
{
	if (a->closed)
		return HTTP_END;
	a->closed = true;
	if (!a->conf.trailer)
		return a->result < 0 || a->cost.partial ? HTTP_ABORT : HTTP_END;
	write_trailer(a);
	return a->pending.failed ? HTTP_ABORT : 0;
}

static ssize_t pull(void *ctx, char *to, size_t max)
{
	struct answer *a = ctx;
	uint64_t count;
	ssize_t n = 0;

	pthread_mutex_lock(&a->lock);
	if (read(a->event_fd, &count, sizeof(count)) < 0)
		count = 0; /* nothing was told since: look all the same */
	if (a->pending.len == a->sent && a->done)
		n = finish(a);
	if (n == 0 && a->pending.len > a->sent) {
		struct span rest = span_take(span_skip(buf_span(&a->pending), a->sent), max);

		memcpy(to, rest.ptr, rest.len);
		a->sent += rest.len;
		n = (ssize_t)rest.len;
		pthread_cond_broadcast(&a->news);
	}
	if (a->pending.len > a->sent || a->done)
		tell(a);
	pthread_mutex_unlock(&a->lock);
	return n;
}

static void cancel(void *ctx)
{
	struct answer *a = ctx;

	a->cancel = true;
	pthread_mutex_lock(&a->lock);
	tell(a);
	pthread_mutex_unlock(&a->lock);
}

static void end(void *ctx, bool complete)
{
	(void)complete;
	cancel(ctx);
	answer_free(ctx);
}

static unsigned status_of(int result)
{
	switch (result) {
	case -ETIME:
		return 504;
	case -ENOMEM:
	case -ENOBUFS:
		return 507;
	case -ECANCELED: /* the server stops */
		return 503;
	case -EINVAL:
	case -E2BIG:
		return 400;
	default:
		return 500;
	}
}

/* Until there are rows, or an end, or nobody who waits. */
static void wait_for_news(struct answer *a, struct http_request *req)
{
	pthread_mutex_lock(&a->lock);
	while (!a->began && !a->done) {
		struct timespec until;

		clock_gettime(CLOCK_REALTIME, &until);
		until.tv_nsec += 100 * NS_PER_MS;
		until.tv_sec += until.tv_nsec / NS_PER_SEC;
		until.tv_nsec %= NS_PER_SEC;
		pthread_cond_timedwait(&a->news, &a->lock, &until);
		if (http_gone(req))
			a->cancel = true;
	}
	pthread_mutex_unlock(&a->lock);
}

static struct answer *answer_new(const struct answer_conf *conf, struct query *query,
				 struct query_source *source)
{
	struct answer *a = calloc(1, sizeof(*a));

	if (!a) {
		query_free(query);
		source_close(source);
		shape_free(conf->shape);
		if (conf->done)
			conf->done(conf->ctx);
		return NULL;
	}
	a->conf = *conf;
	a->conf.query.cancel = &a->cancel;
	a->query = query;
	a->source = source;
	buf_init(&a->pending, BUFFER_MAX);
	pthread_mutex_init(&a->lock, NULL);
	pthread_cond_init(&a->news, NULL);
	a->event_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	return a;
}

int answer_start(struct http_request *req, const struct answer_conf *conf, struct query *query,
		 struct query_source *source)
{
	_cleanup_(answer_freep) struct answer *a = answer_new(conf, query, source);
	struct http_stream stream = {.type = conf->shape    ? "application/json"
					     : conf->events ? "text/event-stream"
					     : conf->type   ? conf->type
							    : "application/x-ndjson",
				     .pull = pull,
				     .cancel = cancel,
				     .end = end};
	bool failed, partial;
	int r;

	if (!a || a->event_fd < 0)
		return http_reply_error(req, 503, "out of memory");
	if (pthread_create(&a->thread, NULL, run, a) != 0)
		return http_reply_error(req, 503, "no thread for the query");
	a->threaded = true;
	wait_for_news(a, req);
	pthread_mutex_lock(&a->lock);
	failed = a->done && a->result < 0 && a->rows == 0;
	partial = a->done && a->cost.partial;
	pthread_mutex_unlock(&a->lock);
	if (failed)
		return http_reply_error(req, status_of(a->result), "%s", a->err.text);
	if (partial && (r = http_add_header(req, "Sluice-Partial", "true")) < 0)
		return r;
	stream.ctx = a;
	stream.wait_fd = a->event_fd;
	a = NULL; /* the stream's */
	return http_reply_stream(req, 200, &stream);
}
