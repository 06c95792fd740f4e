/* feed_bus.c - the blocks of a topic as lines. */
#include "aggregator/logq/feed_inside.h"
#include "aggregator/logq/notice.h"
#include "common/base/cleanup.h"
#include "common/base/clock.h"
#include "common/bus/bus.h"
#include "common/flow/block.h"
#include <errno.h>

#define IDLE_NS (10 * NS_PER_SEC) /* a bus that promises more and gives none */

struct feed_bus {
	struct feed feed;
	char *uri;
	struct consumer *consumer;
	struct block_reader *reader;
	unsigned partitions;
	int64_t *low, *high; /* of each partition when it was opened */
	int64_t *next;       /* what is to be read next */
	bool follow;
	bool looked_back;
	bool endless; /* this run goes on behind `high` */
};

static void bus_free(struct feed *feed)
{
	struct feed_bus *bus = (struct feed_bus *)feed;

	consumer_close(bus->consumer);
	block_reader_free(bus->reader);
	free(bus->low);
	free(bus->high);
	free(bus->next);
	free(bus->uri);
	free(bus);
}

static size_t bus_units(const struct feed *feed)
{
	(void)feed;
	return 1;
}

/* From next[] on; a consumer can be told where to begin only before it is asked. */
static int assign(struct feed_bus *bus, struct err *reterr)
{
	int r = 0;

	if (!bus->consumer)
		r = consumer_open(span_cstr(bus->uri), &(struct bus_conf){0}, &bus->consumer,
				  reterr);
	if (r == 0)
		r = consumer_partitions(bus->consumer, reterr);
	if (r < 0)
		return r;
	for (unsigned i = 0; i < bus->partitions; i++) {
		r = consumer_assign(bus->consumer, i, bus->next[i]);
		if (r < 0)
			return err_set(reterr, r, "can't read partition %u: %s", i, strerror(-r));
	}
	return 0;
}

static void drop_consumer(struct feed_bus *bus)
{
	consumer_close(bus->consumer);
	bus->consumer = NULL;
}

static int bus_look_back(struct feed *feed, size_t unit, uint64_t reach, struct err *reterr)
{
	struct feed_bus *bus = (struct feed_bus *)feed;
	bool whole = true;
	int r;

	(void)unit;
	if (bus->looked_back)
		drop_consumer(bus);
	bus->looked_back = true;
	bus->endless = false;
	for (unsigned i = 0; i < bus->partitions; i++) {
		bool all = (uint64_t)(bus->high[i] - bus->low[i]) <= reach;

		bus->next[i] = all ? bus->low[i] : bus->high[i] - (int64_t)reach;
		whole &= all;
	}
	r = assign(bus, reterr);
	return r < 0 ? r : whole;
}

static int bus_follow(struct feed *feed, struct err *reterr)
{
	struct feed_bus *bus = (struct feed_bus *)feed;

	if (bus->looked_back)
		drop_consumer(bus);
	bus->endless = bus->follow;
	memcpy(bus->next, bus->looked_back ? bus->high : bus->low,
	       bus->partitions * sizeof(*bus->next));
	return assign(bus, reterr);
}

static int put_message(struct feed_bus *bus, const struct bus_message *message)
{
	struct feed *feed = &bus->feed;
	struct block block;
	int r;

	/* What came behind the seam is given by the run after this one. */
	if (!bus->endless && message->offset >= bus->high[message->partition])
		return 0;
	if (!block_is_block(message->payload)) {
		r = feed_put(feed, message->payload);
		if (r == 0 && !span_ends(message->payload, SPAN("\n")))
			r = feed_put(feed, SPAN("\n"));
		return r;
	}
	r = block_read(bus->reader, message->payload, &block, &feed->err);
	if (r < 0)
		return err_prefix(&feed->err, r, "partition %u offset %lld", message->partition,
				  (long long)message->offset);
	return feed_put(feed, block.text);
}

/* What the bus removes before it was read can't be had: go on behind it. */
static int skip_removed(struct feed_bus *bus, unsigned partition)
{
	int64_t *next = &bus->next[partition];
	int64_t low, high;
	int r = consumer_watermarks(bus->consumer, partition, &low, &high);

	if (r < 0)
		return err_set(&bus->feed.err, r, "can't read partition %u: %s", partition,
			       strerror(-r));
	if (low <= *next)
		return err_set(&bus->feed.err, -ERANGE,
			       "partition %u ends before offset %lld: was the bus made anew?",
			       partition, (long long)*next);
	notice("%lld messages of partition %u were removed before they were read",
	       (long long)(low - *next), partition);
	*next = low;
	return consumer_seek(bus->consumer, partition, low);
}

static bool is_through(const struct feed_bus *bus)
{
	for (unsigned i = 0; i < bus->partitions; i++)
		if (bus->next[i] < bus->high[i])
			return false;
	return !bus->endless;
}

static int bus_run(struct feed *feed)
{
	struct feed_bus *bus = (struct feed_bus *)feed;
	int64_t heard = clock_mono_ns();
	int r = 0;

	while (!feed_is_over(feed) && !is_through(bus) && r >= 0) {
		struct bus_message message;

		r = consumer_poll(bus->consumer, FEED_LOOK_MS, &message);
		if (r == 1) {
			bus->next[message.partition] = message.offset + 1;
			r = put_message(bus, &message);
			consumer_release(bus->consumer, &message);
			heard = clock_mono_ns();
		} else if (r == -ERANGE) {
			r = skip_removed(bus, message.partition);
		} else if ((r == 0 || r == -EAGAIN) && !bus->endless &&
			   clock_mono_ns() - heard > IDLE_NS) {
			r = err_set(&feed->err, -ETIME, "the bus does not deliver what it has");
		} else if (r == -EAGAIN) {
			r = 0;
		}
	}
	if (r < 0 && r != -EPIPE && !feed->err.text[0])
		(void)err_set(&feed->err, r, "can't read the bus: %s", strerror(-r));
	return r < 0 ? r : 0;
}

static const struct feed_ops bus_ops = {.units = bus_units,
					.look_back = bus_look_back,
					.follow = bus_follow,
					.run = bus_run,
					.free = bus_free};

/* Where its partitions begin and end. */
static int look_at(struct feed_bus *bus, struct err *reterr)
{
	int r = consumer_open(span_cstr(bus->uri), &(struct bus_conf){0}, &bus->consumer, reterr);

	if (r == 0)
		r = consumer_partitions(bus->consumer, reterr);
	if (r < 0)
		return r;
	bus->partitions = (unsigned)r;
	bus->low = calloc(bus->partitions + 1, sizeof(*bus->low));
	bus->high = calloc(bus->partitions + 1, sizeof(*bus->high));
	bus->next = calloc(bus->partitions + 1, sizeof(*bus->next));
	if (!bus->low || !bus->high || !bus->next || block_reader_new(&bus->reader) < 0)
		return err_set(reterr, -ENOMEM, "out of memory");
	for (unsigned i = 0; i < bus->partitions; i++) {
		r = consumer_watermarks(bus->consumer, i, &bus->low[i], &bus->high[i]);
		if (r < 0)
			return err_set(reterr, r, "can't read partition %u: %s", i, strerror(-r));
	}
	return 0;
}

int feed_bus(struct span uri, bool follow, struct feed **ret, struct err *reterr)
{
	struct feed_bus *bus = calloc(1, sizeof(*bus));
	int r;

	if (!bus)
		return err_set(reterr, -ENOMEM, "out of memory");
	feed_init(&bus->feed, &bus_ops);
	bus->follow = follow;
	bus->uri = strndup(uri.ptr, uri.len);
	r = bus->uri ? look_at(bus, reterr) : err_set(reterr, -ENOMEM, "out of memory");
	if (r < 0)
		feed_free(&bus->feed);
	else
		*ret = &bus->feed;
	return r;
}
