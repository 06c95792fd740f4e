/*
 * bus.h - the transport: partitions of numbered messages.
 *
 * Two implementations, chosen by URI:
 *
 *	kafka://HOST:PORT[,HOST:PORT…]/TOPIC
 *	dir:///PATH          append-only segment files, one folder a partition
 *
 * A producer sends to an explicit partition and learns each message's fate by
 * delivery report, in order per partition.  A consumer reads the partitions it
 * was assigned from explicit offsets: the index, not the bus, knows where it
 * stands (delivery.md).  One thread uses a producer or consumer.
 *
 *	producer_open(uri, &conf, on_report, ctx, &p, &err);
 *	r = producer_send(p, 0, span, cookie);	-EAGAIN: full, poll and try again
 *	producer_poll(p, 100);			reports are delivered in here
 */
#ifndef SLUICE_BUS_BUS_H
#define SLUICE_BUS_BUS_H

#include "common/base/err.h"
#include "common/base/span.h"
#include <stdint.h>

/* Settings beyond the URI.  Zero = default. */
struct bus_conf {
	uint64_t queue_bytes;     /* messages in flight, default 16 MiB */
	const struct span *kafka; /* key, value, key, value … of the allow-list */
	size_t kafka_len;         /* spans in it */
	uint64_t message_max;     /* default 1,000,000 bytes */
	unsigned partitions;      /* dir: created with so many, default 4 */
	uint64_t segment_bytes;   /* dir: default 64 MiB */
};

struct producer;
struct consumer;

/* status 0 = stored for good; else a negative errno, and the sender sends again. */
typedef void producer_report_fn(void *ctx, void *cookie, int status, int64_t offset);

int producer_open(struct span uri, const struct bus_conf *conf, producer_report_fn *report,
		  void *ctx, struct producer **ret, struct err *reterr);
/* Waits for nothing; what is in flight is reported as -ECANCELED. */
void producer_close(struct producer *producer);
/* > 0, or -EAGAIN while the bus can't be reached, or another negative errno. */
int producer_partitions(struct producer *producer, struct err *reterr);
/* Copies `message`.  -EAGAIN: queue full; -EMSGSIZE; -ESHUTDOWN: fatal, reopen. */
int producer_send(struct producer *producer, unsigned partition, struct span message, void *cookie);
/* Deliver reports for up to timeout_ms.  How many, or -ESHUTDOWN: reopen it. */
int producer_poll(struct producer *producer, int timeout_ms);
/* Poll until nothing is in flight or the time is over.  Messages still in flight. */
int producer_flush(struct producer *producer, int timeout_ms);
/* A descriptor that becomes readable when poll has something to do; -1 = none. */
int producer_fd(struct producer *producer);

struct bus_message {
	unsigned partition;
	int64_t offset;
	int64_t time_ms; /* when it was appended, 0 = unknown */
	struct span payload;
	void *opaque;
};

int consumer_open(struct span uri, const struct bus_conf *conf, struct consumer **ret,
		  struct err *reterr);
void consumer_close(struct consumer *consumer);
int consumer_partitions(struct consumer *consumer, struct err *reterr);
/* Read `partition` from `offset` on.  Before the first poll. */
int consumer_assign(struct consumer *consumer, unsigned partition, int64_t offset);
/* First and one past the last offset that are there now.  -EAGAIN: can't be reached. */
int consumer_watermarks(struct consumer *consumer, unsigned partition, int64_t *ret_low,
			int64_t *ret_high);
/*
 * 1 and a message (give it back with …_release), 0 after timeout_ms without
 * one, -EAGAIN while the bus can't be reached, -ERANGE: ret->partition's offset
 * is not there (ret->offset: what was asked for; look at the watermarks and
 * consumer_seek(); until then that partition stands still).  -EBADMSG: what is at
 * ret->offset is damaged where it is stored; ret->payload has what can be read of
 * it, to be released like a message, and the next poll goes on behind it.
 */
int consumer_poll(struct consumer *consumer, int timeout_ms, struct bus_message *ret);
void consumer_release(struct consumer *consumer, struct bus_message *message);
int consumer_seek(struct consumer *consumer, unsigned partition, int64_t offset);
/* Stop and go on delivering (back-pressure: the disk is full). */
int consumer_pause(struct consumer *consumer, bool paused);
/* Advisory, for lag monitoring; never read back. */
int consumer_commit(struct consumer *consumer, unsigned partition, int64_t next_offset);

#endif
