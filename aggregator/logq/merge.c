/* merge.c - a thread a server, and the earliest of their rows. */
#include "aggregator/logq/merge.h"
#include "aggregator/logq/http_client.h"
#include "aggregator/logq/notice.h"
#include "aggregator/logq/place.h"
#include "aggregator/logq/resume.h"
#include "common/base/arena.h"
#include "common/base/cleanup.h"
#include "common/base/clock.h"
#include "common/base/num.h"
#include "common/data/json_scan.h"
#include "common/data/timestamp.h"
#include <errno.h>
#include <pthread.h>

#define LINE_BYTES (64u << 20) /* of one row; http_client.h has the same limit */
#define ROW_ARENA  (128u << 20)
#define WAIT_NS    (100 * NS_PER_MS)
#define RETRY_NS   NS_PER_SEC

struct server {
	struct merge *merge;
	char *url;
	pthread_t thread;
	bool threaded;

	/* With the lock of the merge held: */
	struct buf queue; /* lines, each with its newline */
	size_t used;      /* bytes of it that were taken */
	bool done;
	bool connected, lost; /* while following: it was there; it is away */
	unsigned http_status;
	struct resume resume;
	int result;
	struct err err; /* the thread's own until done */

	/* Of merge_next() alone: */
	struct buf line; /* the head, out of the queue */
	struct arena arena;
	struct merge_row row;
	int64_t time;
	bool has_row;
	bool ended; /* the trailer was there */
	int bad;    /* what was wrong with a line */
	struct merge_status status;
	struct buf why;
};

struct merge {
	struct merge_conf conf;
	pthread_mutex_t lock;
	pthread_cond_t news;
	atomic_bool stop;
	struct server *servers;
	size_t nservers;
	struct server *last; /* whose row was handed out */
};

/* What it says instead of rows: an aggregator its reason, others what they like. */
static int refused(struct server *server, unsigned status, struct span line)
{
	_cleanup_(arena_release) struct arena arena;
	struct span why = SPAN("");
	struct record rec;
	size_t at;

	arena_init(&arena, 1 << 20);
	record_init(&rec, &arena, line);
	if (json_scan_record(line, &rec, &at) == 0)
		why = record_text(&rec, SPAN("error"));
	if (why.len && status != 404)
		return err_set(&server->err, -EIO, "%.*s", SPAN_FMT(span_take(why, 400)));
	if (!why.len && !span_starts(line, SPAN("<"))) /* a page for people with browsers */
		why = line;
	return err_set(&server->err, -EPROTO,
		       "the server answers %u for %s%s%.*s; is an aggregator there?", status,
		       server->merge->conf.path, why.len ? ": " : "",
		       SPAN_FMT(span_take(span_trim(why), 300)));
}

/* On the server's thread: a line into its queue.  The empty one says that it answers. */
static int queue_line(void *ctx, unsigned status, struct span line)
{
	struct server *server = ctx;
	struct merge *merge = server->merge;
	int r;

	server->http_status = status;
	if (!line.len) {
		if (status == 200 && server->lost)
			notice("%s: connected again", server->url);
		server->connected |= status == 200;
		server->lost &= status != 200;
		return 0;
	}
	if (status != 200)
		return refused(server, status, line);
	pthread_mutex_lock(&merge->lock);
	while (server->queue.len - server->used >= MERGE_QUEUE && !merge->stop)
		pthread_cond_wait(&merge->news, &merge->lock);
	buf_puts(&server->queue, line);
	buf_putc(&server->queue, '\n');
	r = merge->stop ? -ECANCELED : server->queue.failed;
	pthread_cond_broadcast(&merge->news);
	pthread_mutex_unlock(&merge->lock);
	return r;
}

static void wait_for_news(struct merge *merge)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += WAIT_NS;
	until.tv_sec += until.tv_nsec / NS_PER_SEC;
	until.tv_nsec %= NS_PER_SEC;
	pthread_cond_timedwait(&merge->news, &merge->lock, &until);
}

static int ask(struct server *server, int64_t since_ns, struct err *reterr)
{
	struct merge *merge = server->merge;
	struct span bare = merge->conf.forms[server - merge->servers];
	_cleanup_(buf_release) struct buf form = BUF_INIT(bare.len + 256);
	char text[TIMESTAMP_TEXT_LEN];
	int r;

	buf_puts(&form, bare);
	if (since_ns != INT64_MIN) {
		timestamp_format(text, since_ns);
		http_form_add(&form, "start", span_of(text, sizeof(text)));
	}
	if (form.failed)
		return err_set(reterr, form.failed, "out of memory");
	r = http_client_post(server->url, merge->conf.path, buf_span(&form), merge->conf.limit_ns,
			     queue_line, server, &merge->stop, reterr);
	return r == 0 && server->http_status != 200 ? refused(server, server->http_status, SPAN(""))
						    : r;
}

/* With the lock held.  False: it is to end. */
static bool wait_before_retry(struct merge *merge)
{
	int64_t until = clock_mono_ns() + RETRY_NS;

	while (!merge->stop && clock_mono_ns() < until)
		wait_for_news(merge);
	return !merge->stop;
}

/* It, or the proxy before it, is busy, or about to start. */
static bool is_passing(unsigned status)
{
	return status == 429 || (status >= 502 && status <= 504);
}

/*
 * Worth another try: a tail that broke, or the connection of one of several.
 * What the server has refused it would refuse again.
 */
static bool may_retry(const struct server *server)
{
	const struct merge *merge = server->merge;

	if (!merge->conf.follow || merge->stop)
		return false;
	if (server->err.code && !is_passing(server->http_status))
		return false;
	return server->connected || merge->conf.nservers > 1;
}

/* Until the answer is whole; a tail until it is stopped. */
static int ask_again(struct server *server, struct err *reterr)
{
	struct merge *merge = server->merge;
	int64_t begin = merge->conf.since_ns, since = begin;
	bool go_on = true;
	int r = 0;

	if (merge->conf.follow && begin == INT64_MIN)
		begin = clock_real_ns();
	while (go_on) {
		r = ask(server, since, reterr);
		if (!may_retry(server))
			break;
		if (!server->lost)
			notice("%s: %s; trying again", server->url,
			       server->err.code ? server->err.text
			       : r < 0          ? reterr->text
						: "the server has ended");
		server->lost = true;
		server->err = (struct err){0};
		pthread_mutex_lock(&merge->lock);
		go_on = wait_before_retry(merge);
		since = resume_again(&server->resume, begin);
		pthread_mutex_unlock(&merge->lock);
	}
	return r;
}

static void *run(void *arg)
{
	struct server *server = arg;
	struct merge *merge = server->merge;
	struct err err = {0};
	int r = ask_again(server, &err);

	pthread_mutex_lock(&merge->lock);
	if (r < 0 && !server->err.code)
		server->err = err;
	server->result = r;
	server->done = true;
	pthread_cond_broadcast(&merge->news);
	pthread_mutex_unlock(&merge->lock);
	return NULL;
}

static uint64_t number_of(const struct record *rec, const char *name)
{
	uint64_t n;

	return num_parse_u64(record_text(rec, span_cstr(name)), &n) == 0 ? n : 0;
}

/* {"_end":{…}} */
static int take_end(struct server *server, struct span object)
{
	struct merge_status *status = &server->status;
	struct record rec;
	struct span error;
	size_t at;

	record_init(&rec, &server->arena, object);
	if (json_scan_record(object, &rec, &at) < 0)
		return err_set(&status->err, -EPROTO, "the end of the answer is garbled");
	server->ended = true;
	status->partial = span_eq(record_text(&rec, SPAN("partial")), SPAN("true"));
	buf_puts(&server->why, record_text(&rec, SPAN("partial_why")));
	status->rows_scanned = number_of(&rec, "rows_scanned");
	status->rows_matched = number_of(&rec, "rows_matched");
	status->blocks_scanned = number_of(&rec, "blocks_scanned");
	status->blocks_skipped = number_of(&rec, "blocks_skipped");
	error = record_text(&rec, SPAN("error"));
	return error.len ? err_set(&status->err, -EIO, "%.*s", SPAN_FMT(error)) : 0;
}

/* The line to a row; a server that sends what is no row is not read on. */
static int parse_line(struct server *server)
{
	struct span *names, *texts, line = buf_span(&server->line);
	struct record rec;
	size_t at;

	arena_reset(&server->arena);
	record_init(&rec, &server->arena, line);
	if (json_scan_record(line, &rec, &at) < 0)
		return err_set(&server->status.err, -EPROTO, "a row of the answer is no JSON");
	if (rec.nfields == 1 && span_eq(rec.fields[0].key, SPAN("_end")))
		return take_end(server, rec.fields[0].text);
	names = ARENA_ARRAY(&server->arena, struct span, 2 * (size_t)rec.nfields + 1);
	if (!names)
		return err_set(&server->status.err, -ENOMEM, "a row is too long");
	texts = names + rec.nfields;
	server->time = 0;
	for (size_t i = 0; i < rec.nfields; i++) {
		names[i] = rec.fields[i].key;
		texts[i] = rec.fields[i].text;
		if (span_eq(names[i], SPAN("_time")))
			(void)timestamp_parse(texts[i], &server->time); /* else it stays 0 */
	}
	server->row = (struct merge_row){.names = names,
					 .texts = texts,
					 .n = rec.nfields,
					 .server = (size_t)(server - server->merge->servers)};
	server->has_row = true;
	return 0;
}

/* With the lock held: its next line, if there is one. */
static bool take_line(struct server *server)
{
	struct span rest = span_skip(buf_span(&server->queue), server->used);
	ptrdiff_t end = span_chr(rest, '\n');

	if (end < 0)
		return false;
	buf_reset(&server->line);
	buf_puts(&server->line, span_take(rest, (size_t)end));
	server->used += (size_t)end + 1;
	if (server->used >= MERGE_QUEUE / 2 || server->used == server->queue.len) {
		buf_consume(&server->queue, server->used);
		server->used = 0;
	}
	return true;
}

/* A row of a tail, which may have been shown before the connection broke. */
static int check_new(struct server *server)
{
	const struct merge_row *row = &server->row;
	int64_t time = server->time ? server->time : clock_real_ns();
	int r = resume_is_new(&server->resume, time,
			      place_row_hash(row->names, row->texts, row->n));

	server->has_row = r == 1;
	return r < 0 ? err_set(&server->status.err, r, "out of memory") : 0;
}

/* 1: it has a row; 0: it has come to its end; -EAGAIN: wait.  With the lock held. */
static int look(struct server *server)
{
	while (!server->has_row && !server->bad) {
		if (!take_line(server))
			return server->done ? 0 : -EAGAIN;
		server->bad = server->line.failed ? server->line.failed : parse_line(server);
		if (server->has_row && server->merge->conf.follow)
			server->bad = check_new(server);
	}
	return server->has_row;
}

static bool goes_before(const struct merge *merge, const struct server *a, const struct server *b)
{
	return merge->conf.newest_first ? a->time > b->time : a->time < b->time;
}

/* With the lock held.  -EAGAIN: one that isn't known yet could be first. */
static int choose(struct merge *merge, struct server **ret)
{
	struct server *first = NULL;
	bool unknown = false;

	for (size_t i = 0; i < merge->nservers; i++) {
		struct server *server = &merge->servers[i];
		int r = look(server);

		unknown |= r == -EAGAIN;
		if (r == 1 && (!first || goes_before(merge, server, first)))
			first = server;
	}
	if (unknown && (!merge->conf.follow || !first))
		return -EAGAIN;
	*ret = first;
	return first != NULL;
}

int merge_next(struct merge *merge, struct merge_row *ret)
{
	struct server *server = NULL;
	bool waited = false;
	int r;

	if (merge->last)
		merge->last->has_row = false;
	merge->last = NULL;
	pthread_mutex_lock(&merge->lock);
	for (;;) {
		r = merge->conf.cancel && *merge->conf.cancel ? -ECANCELED : choose(merge, &server);
		pthread_cond_broadcast(&merge->news); /* there may be room in a queue */
		if (r != -EAGAIN || (merge->conf.follow && waited))
			break;
		wait_for_news(merge);
		waited = true;
	}
	pthread_mutex_unlock(&merge->lock);
	if (r == 1) {
		merge->last = server;
		*ret = server->row;
	}
	return r;
}

void merge_status(struct merge *merge, size_t i, struct merge_status *ret)
{
	struct server *server = &merge->servers[i];

	pthread_mutex_lock(&merge->lock);
	*ret = server->status;
	ret->why = buf_span(&server->why);
	ret->result = server->bad;
	if (server->done && server->result < 0 && ret->result == 0) {
		ret->result = server->result;
		ret->err = server->err;
	}
	/* What nobody has looked at, as enough rows had come, may well have its end. */
	if (server->done && !server->ended && ret->result == 0 && server->used == server->queue.len)
		ret->result = err_set(&ret->err, -EPROTO, "the server cut the answer short");
	pthread_mutex_unlock(&merge->lock);
}

void merge_close(struct merge *merge)
{
	if (!merge)
		return;
	merge->stop = true;
	pthread_mutex_lock(&merge->lock);
	pthread_cond_broadcast(&merge->news);
	pthread_mutex_unlock(&merge->lock);
	for (size_t i = 0; i < merge->nservers; i++) {
		struct server *server = &merge->servers[i];

		if (server->threaded)
			pthread_join(server->thread, NULL);
		buf_release(&server->queue);
		buf_release(&server->line);
		buf_release(&server->why);
		arena_release(&server->arena);
		resume_release(&server->resume);
		free(server->url);
	}
	pthread_cond_destroy(&merge->news);
	pthread_mutex_destroy(&merge->lock);
	free(merge->servers);
	free(merge);
}
DEFINE_CLEANUP(struct merge *, merge_close);

int merge_open(const struct merge_conf *conf, struct merge **ret, struct err *reterr)
{
	_cleanup_(merge_closep) struct merge *merge = NULL;

	if (conf->nservers > MERGE_SERVERS_MAX)
		return err_set(reterr, -E2BIG, "at most %d servers", MERGE_SERVERS_MAX);
	merge = calloc(1, sizeof(*merge));
	if (!merge)
		return err_set(reterr, -ENOMEM, "out of memory");
	merge->conf = *conf;
	pthread_mutex_init(&merge->lock, NULL);
	pthread_cond_init(&merge->news, NULL);
	merge->servers = calloc(conf->nservers + 1, sizeof(*merge->servers));
	if (!merge->servers)
		return err_set(reterr, -ENOMEM, "out of memory");
	for (size_t i = 0; i < conf->nservers; i++) {
		struct server *server = &merge->servers[i];

		*server = (struct server){.merge = merge,
					  .queue = BUF_INIT(2 * MERGE_QUEUE + LINE_BYTES),
					  .line = BUF_INIT(LINE_BYTES),
					  .why = BUF_INIT(1 << 20)};
		arena_init(&server->arena, ROW_ARENA);
		merge->nservers++;
		server->url = strndup(conf->servers[i].ptr, conf->servers[i].len);
		if (!server->url || pthread_create(&server->thread, NULL, run, server) != 0)
			return err_set(reterr, -EAGAIN, "no thread for another server");
		server->threaded = true;
	}
	*ret = TAKE(merge);
	return 0;
}
