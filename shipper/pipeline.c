#include "shipper/pipeline.h"
#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include <errno.h>
#include <sys/stat.h>

#define BACKOFF_FIRST_NS (100 * NS_PER_MS)
#define BACKOFF_MAX_NS   (30 * NS_PER_SEC)
#define ROTATED_POLL_NS  (250 * NS_PER_MS)
#define REOPEN_NS        (NS_PER_SEC)
#define PARTITIONS_NS    (200 * NS_PER_MS)
#define LINE_MIN         256u /* a record of so little text that fits nowhere is abandoned */

static struct source *source_of(struct window *window)
{
	return (struct source *)(void *)((char *)window - offsetof(struct source, window));
}

static int64_t earlier(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* More records than were asked for: streams that interleave, which nothing but a cut divides. */
static bool is_one_group(const struct source *source, uint32_t records)
{
	return source->records_max && records > source->records_max;
}

/*
 * The message was too large for the bus, or one line for a block (escapes make
 * it up to six times as long): send fewer records in one, and when it is one,
 * less of it.  Any good report ends this.
 */
static void squeeze(struct source *source, uint32_t records)
{
	if (records > 1 && !is_one_group(source, records)) {
		source->records_max = records / 2;
		return;
	}
	size_t max = source->line_max ? source->line_max : source->input->max_line_bytes;

	source->records_max = 1;
	source->line_max = max / 2 > LINE_MIN ? max / 2 : LINE_MIN;
}

static void acked(struct pipeline *p, struct source *source, uint64_t bytes, uint64_t records)
{
	total_add(p->totals, TOTAL_ACKED_BYTES, source->window.acked_bytes - bytes);
	total_add(p->totals, TOTAL_ACKED_RECORDS, source->window.acked_records - records);
	sources_unsaved(p->sources, source);
}

/* The fate of a chunk, whether it was sent or had nothing to send. */
static void settle(struct pipeline *p, struct chunk *chunk, int status)
{
	struct window *window = chunk->window;
	struct source *source = source_of(window);
	uint64_t bytes = window->acked_bytes, records = window->acked_records;
	uint32_t chunk_records = chunk->records;

	if (window_report(chunk, status))
		acked(p, source, bytes, records);
	if (status == -EMSGSIZE)
		squeeze(source, chunk_records);
	if (window->failed && window->in_flight == 0)
		sources_activate(p->sources, source, clock_mono_ns());
}

static void on_report(void *ctx, void *cookie, int status, int64_t offset)
{
	struct pipeline *p = ctx;
	struct source *source = source_of(((struct chunk *)cookie)->window);

	(void)offset;
	p->in_flight--;
	if (status == 0) {
		p->delivered_ns = clock_mono_ns();
		source->backoff_ns = 0;
		source->records_max = 0;
		source->line_max = 0;
	} else if (status != -ECANCELED) {
		total_add(p->totals, TOTAL_DELIVERY_ERRORS, 1);
		log_debug("delivery: %s", strerror(-status));
	}
	settle(p, cookie, status);
}

static int open_producer(struct pipeline *p, struct err *reterr)
{
	const struct output *output = &p->setup->settings.output;
	struct bus_conf conf = {
		.queue_bytes = output->queue_bytes,
		.kafka = (const struct span *)(const void *)output->kafka.items,
		.kafka_len = output->kafka.len,
		.message_max = output->message_max,
	};

	_Static_assert(sizeof(struct span) == sizeof(struct sl_str), "one layout");
	p->partitions = 0;
	return producer_open(setup_text(output->to), &conf, on_report, p, &p->producer, reterr);
}

int pipeline_init(struct pipeline *p, const struct setup *setup, struct sources *sources,
		  struct checkpoint *checkpoint, struct totals *totals, struct err *reterr)
{
	*p = (struct pipeline){
		.setup = setup,
		.sources = sources,
		.checkpoint = checkpoint,
		.totals = totals,
	};
	return pipeline_use(p, setup, reterr);
}

/* The pending block is not sent: its bytes are read again. */
static void take_back(struct pipeline *p)
{
	struct source *source = p->pending_source;
	struct chunk *chunk = p->pending;

	total_add(p->totals, TOTAL_REWOUND_BYTES, chunk->mark.offset - chunk->base);
	window_unpush(&source->window, chunk);
	p->pending = NULL;
	source->tail.mark = p->pending_before;
	sources_activate(p->sources, source, clock_mono_ns());
}

static uint64_t longest_line(const struct setup *setup)
{
	uint64_t longest = 1 << 20;

	for (size_t i = 0; i < setup->settings.inputs.len; i++)
		if (setup_input(setup, i)->max_line_bytes > longest)
			longest = setup_input(setup, i)->max_line_bytes;
	return longest;
}

/* What is in flight is reported as canceled, so that every source goes back. */
static void close_producer(struct pipeline *p)
{
	producer_close(p->producer);
	p->producer = NULL;
	if (p->pending) {
		settle(p, p->pending, -ECANCELED);
		p->pending = NULL;
	}
	CHECK(p->in_flight == 0);
}

static bool str_eq(struct sl_str a, struct sl_str b)
{
	return span_eq(setup_text(a), setup_text(b));
}

static bool is_same_output(const struct output *a, const struct output *b)
{
	if (!str_eq(a->to, b->to) || a->queue_bytes != b->queue_bytes ||
	    a->message_max != b->message_max || a->kafka.len != b->kafka.len)
		return false;
	for (size_t i = 0; i < a->kafka.len; i++)
		if (!str_eq(a->kafka.items[i], b->kafka.items[i]))
			return false;
	return true;
}

int pipeline_use(struct pipeline *p, const struct setup *setup, struct err *reterr)
{
	bool keep =
		p->producer && is_same_output(&p->setup->settings.output, &setup->settings.output);

	if (p->pending)
		take_back(p);
	if (!keep)
		close_producer(p);
	pack_release(&p->pack);
	p->setup = setup;
	int r = pack_init(&p->pack, (int)setup->settings.output.compression_level,
			  longest_line(setup));

	if (r < 0)
		return err_set(reterr, r, "out of memory");
	p->pack.chain = setup->chain;
	p->filter_errors = chain_errors(setup->chain);
	return keep || !setup->settings.output.to.len ? 0 : open_producer(p, reterr);
}

void pipeline_release(struct pipeline *p)
{
	close_producer(p);
	pack_release(&p->pack);
}

static void reopen(struct pipeline *p, int64_t now)
{
	struct err err;

	if (p->producer) {
		log_warn("the producer has failed; everything not acknowledged is sent again");
		total_add(p->totals, TOTAL_PRODUCER_REOPENS, 1);
	}
	close_producer(p);
	if (open_producer(p, &err) == 0)
		return;
	p->producer = NULL;
	p->retry_ns = now + REOPEN_NS;
	log_error("%s", err.text);
}

/* True when the bus is there and its partitions are known. */
static bool is_ready(struct pipeline *p, int64_t now)
{
	struct err err = {.text = ""};

	if (!p->producer && now >= p->retry_ns && p->setup->settings.output.to.len)
		reopen(p, now);
	if (!p->producer || p->partitions)
		return p->producer;
	if (now < p->retry_ns)
		return false;
	int n = producer_partitions(p->producer, &err);

	if (n > 0) {
		p->partitions = (unsigned)n;
		p->said_unreachable = false;
		return true;
	}
	p->retry_ns = now + PARTITIONS_NS;
	if (!p->said_unreachable)
		log_warn("%.*s can't be reached yet: %s",
			 SPAN_FMT(setup_text(p->setup->settings.output.to)),
			 err.text[0] ? err.text : strerror(-n));
	p->said_unreachable = true;
	return false;
}

static unsigned partition_of(struct pipeline *p, struct source *source)
{
	uint64_t n;

	if (source->partition != PARTITION_NONE && source->partition < p->partitions)
		return source->partition;
	if (source->partition != PARTITION_NONE)
		log_warn("%s: the topic has no partition %u any more", source->path,
			 source->partition);
	memcpy(&n, source->identity.key.bytes, sizeof(n));
	source->partition = (uint32_t)(n % p->partitions);
	sources_unsaved(p->sources, source);
	return source->partition;
}

/* One record that fits into no message, however short it is cut. */
static void abandon_pending(struct pipeline *p)
{
	struct source *source = p->pending_source;
	struct chunk *chunk = p->pending;

	log_error("%s: a record at byte %llu fits into no message and is left out", source->path,
		  (unsigned long long)chunk->base);
	total_add(p->totals, TOTAL_ABANDONED_RECORDS, 1);
	chunk->records = 0;
	chunk->mark.sent_end = source->tail.mark.sent_end = p->pending_before.sent_end;
	settle(p, chunk, 0);
	p->pending = NULL;
}

static void too_large(struct pipeline *p)
{
	struct source *source = p->pending_source;
	uint32_t records = p->pending->records;

	if (source->line_max == LINE_MIN && (records == 1 || is_one_group(source, records))) {
		abandon_pending(p);
		return;
	}
	take_back(p);
	squeeze(source, records);
}

/* Hand the pending block to the bus.  False: it is full, or gone. */
static bool send_pending(struct pipeline *p)
{
	if (!p->pending)
		return true;
	/* Something before it has failed: in order means that it has, too. */
	if (p->pending->window->failed) {
		settle(p, p->pending, -ECANCELED);
		p->pending = NULL;
		return true;
	}
	struct span message = buf_span(&p->pack.message);
	int r = producer_send(p->producer, partition_of(p, p->pending_source), message, p->pending);

	if (r == -EAGAIN)
		return false;
	if (r == -EMSGSIZE) {
		too_large(p);
		return true;
	}
	if (r < 0) {
		reopen(p, clock_mono_ns());
		return false;
	}
	p->pending = NULL;
	p->in_flight++;
	total_add(p->totals, TOTAL_BLOCKS, 1);
	total_add(p->totals, TOTAL_BLOCK_BYTES, message.len);
	return true;
}

/* Everything is reported: back to the watermark, and wait before the next try. */
static void rewind_source(struct pipeline *p, struct source *source, int64_t now)
{
	uint64_t bytes = window_rewind(&source->window);

	if (source->state == SOURCE_GONE) {
		total_add(p->totals, TOTAL_ABANDONED_BYTES, bytes);
		source->due_ns = SOURCE_NEVER;
		return;
	}
	total_add(p->totals, TOTAL_REWOUND_BYTES, bytes);
	source->tail.mark = source->window.mark;
	source->partial_ns = source->quiet_ns = 0;
	if (!source->records_max) {
		source->backoff_ns = source->backoff_ns ? source->backoff_ns * 2 : BACKOFF_FIRST_NS;
		source->backoff_ns = earlier(source->backoff_ns, BACKOFF_MAX_NS);
	}
	source->due_ns = now + source->backoff_ns;
}

static void truncated(struct pipeline *p, struct source *source, int64_t now)
{
	struct stat st;
	struct source *next = sources_truncate(p->sources, source);

	source->due_ns = SOURCE_NEVER;
	if (!next)
		source->due_ns = now + NS_PER_SEC;
	else if (fstat(next->tail.fd, &st) == 0)
		sources_activate(p->sources, next, now);
}

static void count_filter_errors(struct pipeline *p)
{
	uint64_t errors = chain_errors(p->setup->chain);

	total_add(p->totals, TOTAL_FILTER_ERRORS, errors - p->filter_errors);
	p->filter_errors = errors;
}

/* What pack_block() made becomes a chunk in flight, or one that is done at once. */
static int take_block(struct pipeline *p, struct source *source, const struct packed *packed)
{
	struct chunk *chunk = window_push(&source->window, &source->tail.mark, packed->records);

	if (!chunk) {
		source->tail.mark = packed->before;
		return -ENOMEM;
	}
	total_add(p->totals, TOTAL_READ_BYTES, chunk->mark.offset - chunk->base);
	total_add(p->totals, TOTAL_FILTERED_RECORDS, packed->filtered);
	total_add(p->totals, TOTAL_PARSE_ERRORS, packed->errors);
	count_filter_errors(p);
	total_add(p->totals, TOTAL_SKIPPED_BYTES, packed->skipped);
	total_add(p->totals, TOTAL_RAW_BYTES, packed->raw);
	if (packed->records == 0) {
		settle(p, chunk, 0);
		return 0;
	}
	p->pending = chunk;
	p->pending_source = source;
	p->pending_before = packed->before;
	send_pending(p);
	return 0;
}

/* The source is at its end: when is it looked at again? */
static void at_end(struct pipeline *p, struct source *source, const struct packed *packed,
		   size_t left, int64_t now)
{
	int64_t due = SOURCE_NEVER;

	source->hold_ns = 0;
	if (packed->held) /* parts join within one timeout: nothing joins behind two */
		source->hold_ns = source->input->multiline_timeout * (packed->held_cri ? 2 : 1);
	if (packed->partial) {
		if (!source->partial_ns || source->partial_len != left)
			source->partial_ns = now;
		source->partial_len = left;
		due = source->partial_ns +
		      (source->hold_ns ? source->hold_ns : source->input->partial_timeout);
		if (due <= now) /* what is left is nothing that can be flushed */
			due = SOURCE_NEVER;
	} else {
		source->partial_ns = 0;
	}
	if (source->state == SOURCE_ROTATED) {
		if (!source->quiet_ns)
			source->quiet_ns = now;
		due = earlier(due, now + ROTATED_POLL_NS);
	}
	source->due_ns = p->flush ? SOURCE_NEVER : due;
}

static void read_failed(struct pipeline *p, struct source *source, int error, int64_t now)
{
	total_add(p->totals, TOTAL_READ_ERRORS, 1);
	if (!source->backoff_ns)
		log_error("%s: %s at byte %llu; tried again", source->path, strerror(-error),
			  (unsigned long long)source->tail.mark.offset);
	source->backoff_ns = source->backoff_ns ? source->backoff_ns * 2 : BACKOFF_FIRST_NS;
	source->backoff_ns = earlier(source->backoff_ns, BACKOFF_MAX_NS);
	source->due_ns = p->flush ? SOURCE_NEVER : now + source->backoff_ns;
}

/* What has not grown for long enough is not waited for any more. */
static enum events_flush flush_of(const struct pipeline *p, const struct source *source,
				  int64_t now)
{
	int64_t age = source->partial_ns ? now - source->partial_ns : 0;

	if (p->flush)
		return EVENTS_FLUSH_ALL;
	if (!source->partial_ns || age < source->hold_ns)
		return EVENTS_HOLD;
	if (age >= source->input->partial_timeout)
		return EVENTS_FLUSH_ALL;
	return source->hold_ns ? EVENTS_FLUSH : EVENTS_HOLD;
}

/* One block of one source. */
static void step(struct pipeline *p, struct source *source, int64_t now)
{
	struct packed packed;
	/* More than waits already came just now: that has the right to wait, too. */
	size_t len = p->flush ? SIZE_MAX : source->partial_len;
	ssize_t n = pack_block(&p->pack, source, flush_of(p, source, now), len, &packed);

	if (n == -ESTALE) {
		truncated(p, source, now);
		return;
	}
	if (n == -EMSGSIZE && source->line_max != LINE_MIN) {
		squeeze(source, 1);
		source->due_ns = now;
		return;
	}
	if (n < 0) {
		read_failed(p, source, (int)n, now);
		return;
	}
	if (packed.at_end)
		at_end(p, source, &packed, p->pack.reader.bytes.len, now);
	else
		source->due_ns = now;
	if (n == 0)
		return;
	source->quiet_ns = 0;
	if (take_block(p, source, &packed) < 0)
		read_failed(p, source, -ENOMEM, now);
}

/* Its descriptor was given up while it was idle.  False: not now, or not any more. */
static bool unpark(struct pipeline *p, struct source *source, int64_t now)
{
	int r = sources_reopen(p->sources, source);

	if (r == -EMFILE)
		source->due_ns = now + BACKOFF_FIRST_NS;
	else if (r < 0)
		sources_detach(p->sources, source); /* the next scan sees what is there now */
	return r == 0;
}

/* False: the queue is full, nobody else can go on either. */
static bool visit(struct pipeline *p, struct source *source, int64_t now)
{
	if (source->window.failed) {
		if (source->window.in_flight == 0)
			rewind_source(p, source, now);
		else
			source->due_ns = SOURCE_NEVER; /* its last report wakes it */
		return true;
	}
	if (source->due_ns > now || source->state == SOURCE_GONE)
		return true;
	if (p->pending || !is_ready(p, now)) {
		total_add(p->totals, TOTAL_QUEUE_FULL, p->pending != NULL);
		return false;
	}
	if (source->tail.fd < 0 && !unpark(p, source, now))
		return true;
	step(p, source, now);
	return true;
}

/* Those that have nothing to do any more leave the list. */
static int64_t sweep_active(struct sources *sources)
{
	int64_t next = SOURCE_NEVER;
	size_t kept = 0;

	for (size_t i = 0; i < sources->active.len; i++) {
		struct source *source = sources->active.ptr[i];

		if (source->due_ns == SOURCE_NEVER) {
			source->active = false;
			continue;
		}
		sources->active.ptr[kept++] = source;
		next = earlier(next, source->due_ns);
	}
	sources->active.len = kept;
	return next;
}

int64_t pipeline_turn(struct pipeline *p)
{
	int64_t now = clock_mono_ns();
	bool stuck = false;

	if (p->producer && producer_poll(p->producer, 0) == -ESHUTDOWN)
		reopen(p, now);
	if (p->producer)
		send_pending(p);
	/* A visit may append to the list (a truncated file's successor). */
	for (size_t i = 0; i < p->sources->active.len && !stuck; i++)
		stuck = !visit(p, p->sources->active.ptr[i], now);
	gauge_set(&p->totals->in_flight, (int64_t)p->in_flight);
	int64_t next = sweep_active(p->sources);

	if (!stuck)
		return next;
	return p->producer && !p->pending ? p->retry_ns : now + 20 * NS_PER_MS;
}

bool pipeline_is_idle(const struct pipeline *p)
{
	return p->sources->active.len == 0 && !p->pending && p->in_flight == 0;
}

int pipeline_fd(const struct pipeline *p)
{
	return p->producer ? producer_fd(p->producer) : -1;
}

static int save_rows(struct pipeline *p)
{
	struct sources *sources = p->sources;
	int64_t now = clock_real_ns();
	struct checkpoint_row row;
	int r = checkpoint_begin(p->checkpoint);

	for (size_t i = 0; r == 0 && i < sources->unsaved.len; i++) {
		if (sources->unsaved.ptr[i]->state == SOURCE_GONE)
			continue; /* the row is its successor's */
		source_row(sources->unsaved.ptr[i], now, &row);
		r = checkpoint_put(p->checkpoint, &row);
	}
	for (size_t i = 0; r == 0 && i < sources->forgotten.len; i++)
		r = checkpoint_delete(p->checkpoint, &sources->forgotten.ptr[i]);
	if (r == 0)
		r = checkpoint_commit(p->checkpoint);
	if (r < 0)
		checkpoint_abort(p->checkpoint);
	return r;
}

/* Closed when nothing more can come of it: GONE without reports, ROTATED and quiet. */
static bool is_finished(const struct source *source, int64_t rotate_wait, int64_t now)
{
	if (source->window.len || source->window.in_flight || source->window.failed)
		return false;
	if (source->state == SOURCE_GONE)
		return true;
	return source->state == SOURCE_ROTATED && source->quiet_ns && !source->unsaved &&
	       now - source->quiet_ns >= rotate_wait && source->partial_ns == 0;
}

static void close_finished(struct pipeline *p)
{
	int64_t wait = p->setup->settings.limits.rotate_wait, now = clock_mono_ns();

	for (size_t i = p->sources->list.len; i-- > 0;) {
		struct source *source = p->sources->list.ptr[i];

		if (source->state == SOURCE_LIVE || source == p->pending_source ||
		    !is_finished(source, wait, now))
			continue;
		if (source->state == SOURCE_ROTATED && !(source->window.mark.flags & MARK_DONE)) {
			source->window.mark.flags |= MARK_DONE;
			sources_unsaved(p->sources, source); /* and gone the next time */
			continue;
		}
		sources_remove(p->sources, source);
	}
}

void pipeline_save(struct pipeline *p)
{
	struct sources *sources = p->sources;

	if (!p->pending)
		p->pending_source = NULL;
	if (sources->unsaved.len || sources->forgotten.len) {
		int r = save_rows(p);

		if (r < 0 && !p->save_failed)
			log_error("checkpoint: %s; shipping goes on, after a crash more is sent "
				  "twice",
				  strerror(-r));
		total_add(p->totals, TOTAL_CHECKPOINT_ERRORS, r < 0);
		p->save_failed = r < 0;
		if (r < 0)
			return;
		for (size_t i = 0; i < sources->unsaved.len; i++)
			sources->unsaved.ptr[i]->unsaved = false;
		sources->unsaved.len = sources->forgotten.len = 0;
	}
	close_finished(p);
}
