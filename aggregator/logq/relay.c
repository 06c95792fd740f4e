/* relay.c - batches from a giver of rows to a query that takes them as its source. */
#include "aggregator/logq/relay.h"
#include "common/base/cleanup.h"
#include "common/base/vec.h"
#include <errno.h>
#include <pthread.h>

#define BATCH_ROWS  4096
#define BATCH_BYTES (96u << 20) /* a row may have 64 MiB */
#define BATCH_FULL  (4u << 20)

struct relay {
	struct row_sink sink;
	struct query_source source;
	struct query *query;
	struct query_conf conf;
	struct row_sink *next;
	pthread_t thread;
	bool threaded;
	bool scanned; /* rows come once */

	/* The batch that is being filled: the giver's. */
	struct arena arena;
	VEC(struct source_row) rows;

	pthread_mutex_t lock; /* of all below */
	pthread_cond_t news;
	struct query_source *ready; /* a batch to be read */
	bool hungry;                /* the query waits for one */
	bool ended;                 /* no more of them */
	bool paused;                /* the giver paused: show what there is */
	bool dropped;               /* nobody wants the answer */
	bool done;                  /* the query is through */
	int result;
	struct err err;
};

/* A scan of a relay hands out the blocks of one batch after the other. */
struct relay_scan {
	struct source_scan scan;
	struct relay *relay;
	struct source_want want;
	struct query_source *batch;
	struct source_scan *batch_scan;
};

int rows_to_sink(struct rows *rows, struct row_sink *sink)
{
	const struct span *names;
	const struct span **columns;
	struct span *texts;
	size_t n;
	int r = rows_names(rows, &names, &n);

	if (r < 0)
		return r;
	columns = ARENA_ARRAY(rows->arena, const struct span *, n + 1);
	texts = ARENA_ARRAY(rows->arena, struct span, n + 1);
	if (!columns || !texts)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		columns[i] = rows_texts(rows, names[i]);
		if (!columns[i])
			return rows->failed ? rows->failed : -ENOMEM;
	}
	for (uint32_t row = 0; row < rows->n && r == 0; row++) {
		for (size_t i = 0; i < n; i++)
			texts[i] = columns[i][row];
		r = sink->row(sink, names, texts, n);
	}
	return r;
}

static int scan(struct query_source *source, const struct source_want *want,
		struct source_scan **ret, struct err *reterr)
{
	struct relay *relay = (struct relay *)((char *)source - offsetof(struct relay, source));
	struct relay_scan *s;

	if (relay->scanned)
		return err_set(reterr, -EINVAL,
			       "a sub-query in a pipe can't be answered here: rows come once");
	s = calloc(1, sizeof(*s));
	if (!s)
		return err_set(reterr, -ENOMEM, "out of memory");
	relay->scanned = true;
	s->relay = relay;
	s->want = *want;
	*ret = &s->scan;
	return 0;
}

static void drop_batch(struct relay_scan *s)
{
	if (s->batch_scan)
		s->batch->ops->close_scan(s->batch_scan);
	if (s->batch)
		source_close(s->batch);
	s->batch_scan = NULL;
	s->batch = NULL;
}

/* 1: there is another batch; 0: no more. */
static int next_batch(struct relay_scan *s, struct err *reterr)
{
	struct relay *relay = s->relay;
	int r;

	drop_batch(s);
	pthread_mutex_lock(&relay->lock);
	relay->hungry = true;
	pthread_cond_broadcast(&relay->news);
	while (!relay->ready && !relay->ended)
		pthread_cond_wait(&relay->news, &relay->lock);
	relay->hungry = false;
	s->batch = relay->ready;
	relay->ready = NULL;
	pthread_cond_broadcast(&relay->news);
	pthread_mutex_unlock(&relay->lock);
	if (!s->batch)
		return 0;
	r = s->batch->ops->scan(s->batch, &s->want, &s->batch_scan, reterr);
	return r < 0 ? r : 1;
}

/* One worker, so the block before this one has been given back. */
static int next(struct source_scan *scan, unsigned worker, struct row_block **ret,
		struct err *reterr)
{
	struct relay_scan *s = (struct relay_scan *)scan;

	for (;;) {
		int r = s->batch ? s->batch->ops->next(s->batch_scan, worker, ret, reterr) : 0;

		if (r == 0) {
			r = next_batch(s, reterr);
			if (r == 1)
				continue;
		}
		return r;
	}
}

static void close_scan(struct source_scan *scan)
{
	struct relay_scan *s = (struct relay_scan *)scan;

	drop_batch(s);
	free(s);
}

static void close_source(struct query_source *source)
{
	(void)source; /* relay_free() frees it */
}

static const struct query_source_ops relay_ops = {
	.scan = scan, .next = next, .close_scan = close_scan, .close = close_source};

static int take_rows(void *ctx, struct rows *rows)
{
	struct relay *relay = ctx;
	bool paused, dropped;
	int r;

	pthread_mutex_lock(&relay->lock);
	paused = relay->paused;
	dropped = relay->dropped;
	pthread_mutex_unlock(&relay->lock);
	r = dropped ? -ECANCELED : rows_to_sink(rows, relay->next);
	return r == 0 && paused ? relay->next->pause(relay->next) : r;
}

static void *run(void *arg)
{
	struct relay *relay = arg;
	struct query_result result = {0};
	struct err err = {0};
	int r = query_execute(relay->query, &relay->conf, &relay->source, take_rows, relay, &result,
			      &err);

	query_result_release(&result);
	pthread_mutex_lock(&relay->lock);
	relay->result = r;
	relay->err = err;
	relay->done = true;
	pthread_cond_broadcast(&relay->news);
	pthread_mutex_unlock(&relay->lock);
	return NULL;
}

/* Hand the batch over.  0; 1: the query wants no more. */
static int hand_over(struct relay *relay, bool pause)
{
	struct query_source *batch;
	bool taken;
	int r;

	if (!relay->rows.len)
		return 0;
	if (relay->arena.overflowed)
		return -ENOBUFS;
	r = source_rows_open(relay->rows.ptr, relay->rows.len, &batch);
	relay->rows.len = 0;
	arena_reset(&relay->arena);
	if (r < 0)
		return r;
	pthread_mutex_lock(&relay->lock);
	relay->paused = pause;
	while (relay->ready && !relay->done)
		pthread_cond_wait(&relay->news, &relay->lock);
	taken = !relay->done;
	if (taken)
		relay->ready = batch;
	pthread_cond_broadcast(&relay->news);
	/* Whether it wants more must be known before a pause, which may be long. */
	while (pause && !relay->done && (relay->ready || !relay->hungry))
		pthread_cond_wait(&relay->news, &relay->lock);
	r = relay->done;
	pthread_mutex_unlock(&relay->lock);
	if (!taken)
		source_close(batch);
	return r;
}

static int row(struct row_sink *sink, const struct span *names, const struct span *texts, size_t n)
{
	struct relay *relay = (struct relay *)sink;
	struct span *pairs = ARENA_ARRAY(&relay->arena, struct span, 2 * n + 1);
	struct source_row new = {.pairs = pairs, .n = n};

	for (size_t i = 0; i < n && pairs; i++) {
		pairs[2 * i] = arena_dup(&relay->arena, names[i]);
		pairs[2 * i + 1] = arena_dup(&relay->arena, texts[i]);
	}
	if (relay->arena.overflowed)
		return -ENOBUFS;
	if (vec_push(&relay->rows, new) < 0)
		return -ENOMEM;
	if (relay->rows.len < BATCH_ROWS && arena_used(&relay->arena) < BATCH_FULL)
		return 0;
	return hand_over(relay, false);
}

static int pause_rows(struct row_sink *sink)
{
	return hand_over((struct relay *)sink, true);
}

struct row_sink *relay_sink(struct relay *relay)
{
	return &relay->sink;
}

static void end(struct relay *relay)
{
	pthread_mutex_lock(&relay->lock);
	relay->ended = true;
	pthread_cond_broadcast(&relay->news);
	pthread_mutex_unlock(&relay->lock);
	if (relay->threaded)
		pthread_join(relay->thread, NULL);
	relay->threaded = false;
}

int relay_finish(struct relay *relay, struct err *reterr)
{
	int r = hand_over(relay, false);

	end(relay);
	if (r < 0)
		return err_set(reterr, r, "out of memory");
	if (relay->result < 0 && reterr)
		*reterr = relay->err;
	return relay->result;
}

void relay_free(struct relay *relay)
{
	if (!relay)
		return;
	pthread_mutex_lock(&relay->lock);
	relay->dropped = true;
	pthread_mutex_unlock(&relay->lock);
	end(relay);
	if (relay->ready)
		source_close(relay->ready);
	arena_release(&relay->arena);
	vec_release(&relay->rows);
	pthread_cond_destroy(&relay->news);
	pthread_mutex_destroy(&relay->lock);
	free(relay);
}
DEFINE_CLEANUP(struct relay *, relay_free);

int relay_open(struct query *query, const struct query_conf *conf, struct row_sink *next_sink,
	       struct relay **ret, struct err *reterr)
{
	_cleanup_(relay_freep) struct relay *relay = calloc(1, sizeof(*relay));

	if (!relay)
		return err_set(reterr, -ENOMEM, "out of memory");
	*relay = (struct relay){.sink = {.row = row, .pause = pause_rows},
				.source = {.ops = &relay_ops},
				.query = query,
				.conf = *conf,
				.next = next_sink};
	relay->conf.threads = 1; /* rows stay in order */
	arena_init(&relay->arena, BATCH_BYTES);
	pthread_mutex_init(&relay->lock, NULL);
	pthread_cond_init(&relay->news, NULL);
	if (pthread_create(&relay->thread, NULL, run, relay) != 0)
		return err_set(reterr, -EAGAIN, "no thread");
	relay->threaded = true;
	*ret = TAKE(relay);
	return 0;
}
