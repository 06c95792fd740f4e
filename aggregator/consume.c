/* consume.c - the loop between bus and store; consume.h lists what can go wrong. */
#include "aggregator/consume.h"
#include "aggregator/event.h"
#include "aggregator/positions.h"
#include "aggregator/quarantine.h"
#include "common/base/cleanup.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include <errno.h>
#include <poll.h>
#include <pthread.h>

#define LOOK_INTERVAL     (5 * NS_PER_SEC) /* at the bus's watermarks, for the lag */
#define COMMIT_RETRY_S    1
#define BUS_RETRY_MS      500
#define QUARANTINE_REASON 600

struct part {
	uint32_t id;
	int64_t next; /* first offset that is not in the store or its memory */
	int64_t low, high;
	bool known;   /* next is right: from the manifest, or looked up */
	bool stopped; /* for good */
	bool moved;   /* since the last commit */
};

struct consume {
	const struct consume_conf *conf;
	struct store *store;
	struct ledger *ledger;
	struct ingest *ingest;
	struct quarantine quarantine;
	struct positions positions;
	struct consumer *consumer; /* NULL while it has to be opened */
	pthread_mutex_t lock;      /* of `parts`, for those who ask from other threads */
	VEC(struct part) parts;
	int64_t moved_since; /* monotonic; 0 = nothing moved since the last commit */
	int64_t looked;      /* when the watermarks were looked up */
	bool away;           /* the bus can't be reached, and the log says so */
	struct consume_counts counts;
};

static struct part *part_find(struct consume *c, uint32_t id)
{
	for (size_t i = 0; i < c->parts.len; i++)
		if (c->parts.ptr[i].id == id)
			return &c->parts.ptr[i];
	return NULL;
}

static int part_add(struct consume *c, uint32_t id, struct part **ret)
{
	struct part *part = part_find(c, id);
	int r = 0;

	if (!part) {
		pthread_mutex_lock(&c->lock);
		r = vec_push(&c->parts, (struct part){.id = id});
		pthread_mutex_unlock(&c->lock);
		if (r < 0)
			return r;
		part = vec_last(&c->parts);
	}
	*ret = part;
	return 0;
}

static void part_set_next(struct consume *c, struct part *part, int64_t next)
{
	pthread_mutex_lock(&c->lock);
	part->next = next;
	part->known = true;
	pthread_mutex_unlock(&c->lock);
	part->moved = true;
	if (!c->moved_since)
		c->moved_since = clock_mono_ns();
}

static int restore(struct consume *c, struct err *reterr)
{
	const struct store_progress *progress = store_progress(c->store);
	struct part *part;
	int r = positions_restore(progress, c->ledger, reterr);

	for (size_t i = 0; i < progress->npartitions && r == 0; i++) {
		r = part_add(c, progress->partitions[i].partition, &part);
		if (r < 0)
			return err_set(reterr, r, "out of memory");
		part->next = progress->partitions[i].next_offset;
		part->known = true;
	}
	return r;
}

int consume_open(const struct consume_conf *conf, struct store *store, struct chain *chain,
		 struct consume **ret, struct err *reterr)
{
	struct consume *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		return err_set(reterr, -ENOMEM, "out of memory");
	c->conf = conf;
	c->store = store;
	pthread_mutex_init(&c->lock, NULL);
	r = ledger_new(conf->sources_max, &c->ledger);
	if (r == 0)
		r = quarantine_init(&c->quarantine, conf->store_path, conf->quarantine_bytes);
	if (r < 0)
		err_set(reterr, r, "out of memory");
	if (r == 0)
		r = restore(c, reterr);
	if (r == 0)
		r = ingest_new(store, c->ledger, chain, &c->counts.ingest, &c->ingest, reterr);
	if (r < 0) {
		consume_close(c);
		return r;
	}
	*ret = c;
	return 0;
}

void consume_close(struct consume *c)
{
	if (!c)
		return;
	consumer_close(c->consumer);
	ingest_free(c->ingest);
	ledger_free(c->ledger);
	quarantine_release(&c->quarantine);
	positions_release(&c->positions);
	vec_release(&c->parts);
	pthread_mutex_destroy(&c->lock);
	free(c);
}

void consume_set_chain(struct consume *c, struct chain *chain)
{
	ingest_set_chain(c->ingest, chain);
}

struct consume_counts *consume_counts(struct consume *c)
{
	return &c->counts;
}

size_t consume_partitions(struct consume *c, struct consume_partition *ret, size_t max)
{
	size_t n = 0;

	pthread_mutex_lock(&c->lock);
	for (; n < c->parts.len && n < max; n++) {
		const struct part *p = &c->parts.ptr[n];

		ret[n] = (struct consume_partition){p->id, p->stopped, p->next, p->low, p->high};
	}
	pthread_mutex_unlock(&c->lock);
	return n;
}

/* True when somebody wants us to stop. */
static bool wait_ms(struct consume *c, int ms)
{
	for (; ms > 0; ms -= 100) {
		if (c->conf->on_wait && c->conf->on_wait(c->conf->ctx))
			return true;
		poll(NULL, 0, ms < 100 ? ms : 100);
	}
	return c->conf->on_wait && c->conf->on_wait(c->conf->ctx);
}

static void set_health(struct health_check *check, const char *bad)
{
	if (!check)
		return;
	if (bad)
		health_bad(check, "%s", bad);
	else
		health_good(check);
}

/* The manifest has it: now everybody may know. */
static void committed(struct consume *c)
{
	const struct ledger_key *gone;

	counter_add(&c->counts.forgotten, ledger_forgotten(c->ledger, &gone));
	ledger_committed(c->ledger);
	for (size_t i = 0; i < c->parts.len; i++) {
		struct part *part = &c->parts.ptr[i];

		if (part->moved && c->consumer && !part->stopped)
			(void)consumer_commit(c->consumer, part->id, part->next); /* advisory */
		part->moved = false;
	}
	c->moved_since = 0;
	counter_add(&c->counts.commits, 1);
	gauge_set(&c->counts.commit_s, clock_real_ns() / NS_PER_SEC);
	gauge_set(&c->counts.sources, (int64_t)ledger_sources(c->ledger));
	gauge_set(&c->counts.missing_bytes, (int64_t)ledger_missing(c->ledger));
}

static int commit_once(struct consume *c, struct err *reterr)
{
	int r = 0;

	positions_reset(&c->positions);
	for (size_t i = 0; i < c->parts.len && r == 0; i++)
		if (c->parts.ptr[i].moved)
			r = positions_partition(&c->positions, c->parts.ptr[i].id,
						c->parts.ptr[i].next);
	if (r == 0)
		r = positions_sources(&c->positions, c->ledger, clock_real_ns());
	if (r < 0)
		return err_set(reterr, r, "out of memory");
	r = store_commit(c->store, positions_get(&c->positions), reterr);
	if (r == 0)
		committed(c);
	return r;
}

static void pause_bus(struct consume *c, bool paused)
{
	if (c->consumer)
		(void)consumer_pause(c->consumer, paused); /* else what comes waits in its queue */
}

/*
 * Something that needs the disk, until it works: the bus is paused, people are
 * told once, queries go on.
 */
typedef int disk_fn(struct consume *c, void *arg, struct err *reterr);

static int until_done(struct consume *c, disk_fn *fn, void *arg, const char *what,
		      struct err *reterr)
{
	struct err err = {0};
	int64_t began = 0;
	bool last = false; /* somebody wants us to end: one more try */
	int r;

	while ((r = fn(c, arg, &err)) < 0) {
		if (r == -ESTALE || r == -EINVAL) {
			if (reterr)
				*reterr = err;
			return r;
		}
		if (last)
			return err_set(reterr, -ECANCELED, "%s: %s; given up", what, err.text);
		counter_add(&c->counts.commit_failures, 1);
		set_health(c->conf->store_health, err.text);
		if (!began) {
			began = clock_mono_ns();
			pause_bus(c, true);
			log_error("%s: %s; ingestion pauses until it works", what, err.text);
		}
		last = wait_ms(c, COMMIT_RETRY_S * 1000);
		counter_add(&c->counts.waited_s, COMMIT_RETRY_S);
	}
	set_health(c->conf->store_health, NULL);
	if (began) {
		pause_bus(c, false);
		log_info("%s: works again after %lld s", what,
			 (long long)((clock_mono_ns() - began) / NS_PER_SEC));
	}
	return 0;
}

static int commit_fn(struct consume *c, void *arg, struct err *reterr)
{
	(void)arg;
	return commit_once(c, reterr);
}

static int commit(struct consume *c, struct err *reterr)
{
	return until_done(c, commit_fn, NULL, "commit", reterr);
}

static bool commit_due(const struct consume *c)
{
	return store_commit_due(c->store) ||
	       (c->moved_since && clock_mono_ns() - c->moved_since >= c->conf->commit_age_ns);
}

/* An event is a row like others: it may have to wait for memory. */
static int tell(struct consume *c, const struct event *event, struct err *reterr)
{
	int r;

	while ((r = event_append(c->store, event)) == -ENOBUFS) {
		r = commit(c, reterr);
		if (r < 0)
			return r;
	}
	return r < 0 ? err_set(reterr, r, "can't append an event") : 0;
}

static struct span text_i64(char *text, size_t size, int64_t n)
{
	return span_of(text, (size_t)snprintf(text, size, "%lld", (long long)n));
}

/* Messages in [from, to) of the partition are gone from the bus for good. */
static int lose(struct consume *c, struct part *part, int64_t to, struct err *reterr)
{
	char id[24], low[24], high[24];
	int r;

	log_error("partition %u: offsets %lld to %lld are gone from the bus before they were "
		  "read; a loss is recorded",
		  part->id, (long long)part->next, (long long)to);
	r = tell(
		c,
		&(struct event){.kind = "loss",
				.message = "messages were deleted from the bus before they were "
					   "read",
				.fields = {{"sluice.partition", text_i64(id, sizeof(id), part->id)},
					   {"sluice.from", text_i64(low, sizeof(low), part->next)},
					   {"sluice.to", text_i64(high, sizeof(high), to)}}},
		reterr);
	if (r < 0)
		return r;
	counter_add(&c->counts.lost_offsets, (uint64_t)(to - part->next));
	part_set_next(c, part, to);
	return 0;
}

static void stop_part(struct consume *c, struct part *part)
{
	log_error("partition %u: the index stands at offset %lld, but the bus ends at %lld: the "
		  "topic was made anew or lost its end; this partition is not read any more, "
		  "give a new topic a store of its own",
		  part->id, (long long)part->next, (long long)part->high);
	pthread_mutex_lock(&c->lock);
	part->stopped = true;
	pthread_mutex_unlock(&c->lock);
	gauge_add(&c->counts.stopped, 1);
}

/* Bring a partition's position in line with what the bus has.  -EAGAIN: can't tell now. */
static int align(struct consume *c, struct part *part, struct err *reterr)
{
	int64_t low, high;
	int r = consumer_watermarks(c->consumer, part->id, &low, &high);

	if (r < 0)
		return err_set(reterr, r, "no watermarks of partition %u", part->id);
	pthread_mutex_lock(&c->lock);
	part->low = low;
	part->high = high;
	if (!part->known) /* a new store begins with the oldest there is */
		part->next = low;
	part->known = true;
	pthread_mutex_unlock(&c->lock);
	if (part->next > high) {
		stop_part(c, part);
		return 0;
	}
	return part->next < low ? lose(c, part, low, reterr) : 0;
}

/* The partitions that are ours: a list, or all. */
static int choose_parts(struct consume *c, int n, struct err *reterr)
{
	size_t wanted = c->conf->partitions ? c->conf->npartitions : (size_t)n;
	struct part *part;

	for (size_t i = 0; i < wanted; i++) {
		uint32_t id = c->conf->partitions ? c->conf->partitions[i] : (uint32_t)i;

		if (id >= (uint32_t)n)
			return err_set(reterr, -EINVAL, "there is no partition %u: the bus has %d",
				       id, n);
		if (part_add(c, id, &part) < 0)
			return err_set(reterr, -ENOMEM, "out of memory");
	}
	return 0;
}

static bool is_ours(const struct consume *c, uint32_t id)
{
	for (size_t i = 0; i < c->conf->npartitions && c->conf->partitions; i++)
		if (c->conf->partitions[i] == id)
			return true;
	return !c->conf->partitions;
}

static int assign_parts(struct consume *c, struct err *reterr)
{
	int assigned = 0;

	for (size_t i = 0; i < c->parts.len; i++) {
		struct part *part = &c->parts.ptr[i];
		int r;

		if (part->stopped || !is_ours(c, part->id))
			continue;
		r = align(c, part, reterr);
		if (r < 0)
			return r;
		if (part->stopped)
			continue;
		r = consumer_assign(c->consumer, part->id, part->next);
		if (r < 0)
			return err_set(reterr, r, "can't assign partition %u", part->id);
		assigned++;
	}
	gauge_set(&c->counts.partitions, assigned);
	return 0;
}

static void close_bus(struct consume *c)
{
	consumer_close(c->consumer);
	c->consumer = NULL;
}

static int open_bus(struct consume *c, struct err *reterr)
{
	int n, r;

	r = consumer_open(c->conf->uri, &c->conf->bus, &c->consumer, reterr);
	if (r < 0) {
		c->consumer = NULL;
		return r;
	}
	n = r = consumer_partitions(c->consumer, reterr);
	if (n > 0)
		r = choose_parts(c, n, reterr);
	else if (n == 0)
		r = err_set(reterr, -EAGAIN, "the bus has no partitions");
	if (r >= 0)
		r = assign_parts(c, reterr);
	if (r < 0)
		close_bus(c);
	return r;
}

/* Said once, until it is back. */
static int bus_away(struct consume *c, const struct err *err, struct err *reterr)
{
	counter_add(&c->counts.poll_failures, 1);
	set_health(c->conf->bus_health, err->text);
	if (!c->away)
		log_warn("bus: %s; trying again", err->text);
	c->away = true;
	if (reterr)
		*reterr = *err;
	return wait_ms(c, BUS_RETRY_MS) ? -ECANCELED : -EAGAIN;
}

static void bus_back(struct consume *c)
{
	set_health(c->conf->bus_health, NULL);
	if (c->away)
		log_info("bus: reachable again");
	c->away = false;
}

static void tell_health(struct consume *c, int64_t lag, size_t stopped)
{
	char lag_text[128], stopped_text[128];

	snprintf(lag_text, sizeof(lag_text), "%lld messages wait on the bus, more than %lld",
		 (long long)lag, (long long)c->conf->lag_max);
	snprintf(stopped_text, sizeof(stopped_text),
		 "%zu of %zu partitions are not read any more: see the log", stopped, c->parts.len);
	set_health(c->conf->lag_health,
		   c->conf->lag_max && lag > c->conf->lag_max ? lag_text : NULL);
	set_health(c->conf->partitions_health, stopped ? stopped_text : NULL);
}

/* Lag, and partitions that were added to the topic since. */
static void look(struct consume *c)
{
	int64_t lag = 0;
	size_t stopped = 0;

	c->looked = clock_mono_ns();
	for (size_t i = 0; i < c->parts.len; i++) {
		struct part *part = &c->parts.ptr[i];
		int64_t low, high;

		stopped += part->stopped;
		if (part->stopped || !is_ours(c, part->id) ||
		    consumer_watermarks(c->consumer, part->id, &low, &high) < 0)
			continue;
		pthread_mutex_lock(&c->lock);
		part->low = low;
		part->high = high;
		pthread_mutex_unlock(&c->lock);
		lag += high > part->next ? high - part->next : 0;
	}
	gauge_set(&c->counts.lag, lag);
	tell_health(c, lag, stopped);
	if (!c->conf->partitions && consumer_partitions(c->consumer, NULL) > (int)c->parts.len)
		close_bus(c); /* the next step opens it with all of them */
}

bool consume_caught_up(struct consume *c)
{
	if (!c->consumer)
		return false;
	look(c);
	return c->consumer && c->counts.lag.n == 0;
}

struct poison {
	const struct bus_message *message;
	const char *why;
};

static int quarantine_fn(struct consume *c, void *arg, struct err *reterr)
{
	const struct poison *poison = arg;

	return quarantine_put(&c->quarantine, poison->message->partition, poison->message->offset,
			      poison->message->payload, poison->why, reterr);
}

static int take_poison(struct consume *c, const struct bus_message *message, const char *why,
		       struct err *reterr)
{
	struct poison poison = {message, why};
	char id[24], offset[24];
	int r;

	log_error("partition %u offset %lld can't be decoded, it goes to quarantine: %s",
		  message->partition, (long long)message->offset, why);
	r = until_done(c, quarantine_fn, &poison, "quarantine", reterr);
	if (r < 0)
		return r;
	counter_add(&c->counts.poison, 1);
	return tell(c,
		    &(struct event){.kind = "quarantine",
				    .message = "a message of the bus can't be decoded",
				    .fields = {{"sluice.partition",
						text_i64(id, sizeof(id), message->partition)},
					       {"sluice.offset",
						text_i64(offset, sizeof(offset), message->offset)},
					       {"sluice.why", span_cstr(why)}}},
		    reterr);
}

static int take_rows(struct consume *c, struct err *reterr)
{
	int r;

	while ((r = ingest_step(c->ingest)) == -ENOBUFS) {
		r = commit(c, reterr);
		if (r < 0)
			return r;
	}
	return r < 0 ? err_set(reterr, r, "can't take a record into the store") : 0;
}

static bool is_poison(int r)
{
	return r == -EBADMSG || r == -E2BIG || r == -ENOTSUP;
}

static int take_message(struct consume *c, const struct bus_message *message, struct err *reterr)
{
	struct part *part = part_find(c, message->partition);
	struct err err = {0};
	int r;

	if (!part || part->stopped || message->offset < part->next)
		return 0; /* sent again by the client library: it is in already */
	r = ingest_begin(c->ingest, message, &err);
	if (r == 0)
		r = take_rows(c, reterr);
	else if (is_poison(r))
		r = take_poison(c, message, err.text, reterr);
	else if (reterr)
		*reterr = err;
	if (r < 0)
		return r;
	part_set_next(c, part, message->offset + 1);
	return commit_due(c) ? commit(c, reterr) : 0;
}

/* The bus itself says that what it stored is damaged. */
static int take_damage(struct consume *c, const struct bus_message *message, struct err *reterr)
{
	struct part *part = part_find(c, message->partition);
	int r;

	if (!part)
		return 0;
	r = take_poison(c, message, "damaged where the bus stores it", reterr);
	if (r < 0)
		return r;
	part_set_next(c, part, message->offset + 1);
	return commit_due(c) ? commit(c, reterr) : 0;
}

/* The bus does not have the offset that a partition stands at. */
static int out_of_range(struct consume *c, const struct bus_message *message, struct err *reterr)
{
	struct part *part = part_find(c, message->partition);
	int r;

	if (!part)
		return 0;
	r = align(c, part, reterr);
	if (r < 0)
		return r;
	if (part->stopped) /* it stands still for good */
		return 0;
	return consumer_seek(c->consumer, part->id, part->next);
}

static int poll_bus(struct consume *c, int timeout_ms, struct err *reterr)
{
	struct bus_message message;
	struct err err = {0};
	int r = consumer_poll(c->consumer, timeout_ms, &message);

	if (r == 1) {
		bus_back(c);
		r = take_message(c, &message, reterr);
		consumer_release(c->consumer, &message);
		return r < 0 ? r : 1;
	}
	if (r == -EBADMSG) {
		r = take_damage(c, &message, reterr);
		consumer_release(c->consumer, &message);
		return r < 0 ? r : 1;
	}
	if (r == -ERANGE) {
		r = out_of_range(c, &message, reterr);
		if (r == -ESTALE || r == -ECANCELED) /* of a commit in between */
			return r;
	}
	if (r == 0) {
		bus_back(c);
		return 0;
	}
	err_set(&err, r, "can't read: %s", strerror(-r));
	if (r != -EAGAIN)
		close_bus(c);
	return bus_away(c, &err, reterr);
}

static bool is_hopeless(int r)
{
	return r == -EINVAL || r == -ENOMEM || r == -ECANCELED || r == -ESTALE;
}

int consume_step(struct consume *c, int timeout_ms, struct err *reterr)
{
	struct err err = {0};
	int r = 0;

	if (!c->consumer) {
		r = open_bus(c, &err);
		if (r < 0 && is_hopeless(r)) {
			if (reterr)
				*reterr = err;
			return r;
		}
		if (r < 0)
			r = bus_away(c, &err, reterr);
	}
	if (r == 0)
		r = poll_bus(c, timeout_ms, reterr);
	if (r != -EAGAIN && r < 0)
		return r;
	if (c->consumer && clock_mono_ns() - c->looked >= LOOK_INTERVAL)
		look(c);
	if (r < 1 && commit_due(c)) {
		int failed = commit(c, reterr);

		if (failed < 0)
			return failed;
	}
	return r;
}

int consume_finish(struct consume *c, struct err *reterr)
{
	return commit(c, reterr);
}
