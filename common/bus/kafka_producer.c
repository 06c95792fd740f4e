/*
 * Writing to Kafka, by the rules of delivery.md.
 *
 * The client is idempotent and never gives a message up; a message that it
 * does report as failed means that its order can't be kept any longer, so the
 * sender goes back to its watermark.  librdkafka 2.0.2 must not be given
 * message headers (a double free, mended in 2.12).
 */
#include "common/bus/bus_impl.h"

#include "common/base/cleanup.h"
#include "common/base/clock.h"
#include "common/bus/kafka_conf.h"
#include <errno.h>
#include <stddef.h>
#include <sys/eventfd.h>

#define CLOSE_MS        1000  /* for the reports of what is thrown away */
#define MESSAGE_MAX_MIN 1000u /* librdkafka's lower bound of message.max.bytes */

struct kafka_producer {
	struct producer base;
	struct kafka_link link;
	rd_kafka_t *rk;
	rd_kafka_topic_t *topic;
	uint64_t message_max;
	int event_fd;
	int in_flight;
	int reports; /* of the poll that runs */
	bool closing;
};

static const struct kafka_setting producer_defaults[] = {
	{"linger.ms", "5"},
	{"compression.codec", "none"}, /* blocks are compressed already */
	{NULL, NULL},
};

static const struct kafka_setting producer_fixed[] = {
	{"enable.idempotence", "true"},
	{"enable.gapless.guarantee", "true"},
	{"message.timeout.ms", "0"},
	{"queue.buffering.max.messages", "1000000"},
	{NULL, NULL},
};

static const struct kafka_profile producer_profile = {
	.type = RD_KAFKA_PRODUCER,
	.defaults = producer_defaults,
	.fixed = producer_fixed,
};

static struct kafka_producer *kafka_of(struct producer *producer)
{
	return (struct kafka_producer *)producer;
}

static struct kafka_producer *producer_of_link(void *link)
{
	return (struct kafka_producer *)((char *)link - offsetof(struct kafka_producer, link));
}

/*
 * An acknowledgement without an offset is a conclusion, not an answer: a later
 * batch was accepted, so librdkafka takes those before it for stored, because a
 * broker refuses to append out of sequence.  One that does not refuse (the mock
 * cluster) has lost them.  Sent again, a block that was stored after all counts
 * once: the index goes by byte ranges.
 */
static int delivery_status(const rd_kafka_message_t *message)
{
	int status = kafka_errno(message->err);

	return status == 0 && message->offset < 0 ? -EAGAIN : status;
}

static void on_delivery(rd_kafka_t *rk, const rd_kafka_message_t *message, void *opaque)
{
	struct kafka_producer *p = producer_of_link(opaque);
	int status = delivery_status(message);

	(void)rk;
	if (p->closing && status < 0)
		status = -ECANCELED;
	p->in_flight--;
	p->reports++;
	p->base.report(p->base.ctx, message->_private, status, status < 0 ? -1 : message->offset);
}

static bool is_fatal(const struct kafka_producer *p)
{
	return p->link.fatal || rd_kafka_fatal_error(p->rk, NULL, 0);
}

static int kafka_producer_partitions(struct producer *producer, struct err *reterr)
{
	struct kafka_producer *p = kafka_of(producer);
	int r = kafka_partitions(p->rk, p->topic, reterr);

	if (r < 0) {
		rd_kafka_poll(p->rk, 0); /* brings the error events */
		if (p->link.trouble[0])
			err_prefix(reterr, r, "%s", p->link.trouble);
	}
	return r;
}

static int kafka_send(struct producer *producer, unsigned partition, struct span message,
		      void *cookie)
{
	struct kafka_producer *p = kafka_of(producer);

	if (message.len > p->message_max)
		return -EMSGSIZE;
	if (is_fatal(p))
		return -ESHUTDOWN;
	/* The copy is librdkafka's; its parameter is not const for the other mode. */
	union {
		const void *in;
		void *out;
	} payload = {.in = message.ptr};

	if (rd_kafka_produce(p->topic, (int32_t)partition, RD_KAFKA_MSG_F_COPY, payload.out,
			     message.len, NULL, 0, cookie) < 0)
		return kafka_errno(rd_kafka_last_error());
	p->in_flight++;
	return 0;
}

static int kafka_poll(struct producer *producer, int timeout_ms)
{
	struct kafka_producer *p = kafka_of(producer);
	eventfd_t count;

	(void)eventfd_read(p->event_fd, &count); /* -EAGAIN: there was no event */
	p->reports = 0;
	rd_kafka_poll(p->rk, timeout_ms);
	return is_fatal(p) && p->reports == 0 ? -ESHUTDOWN : p->reports;
}

static int kafka_flush(struct producer *producer, int timeout_ms)
{
	struct kafka_producer *p = kafka_of(producer);

	/* Unlike polling it sends at once what still lingers. */
	if (!is_fatal(p))
		rd_kafka_flush(p->rk, timeout_ms);
	return p->in_flight;
}

static int kafka_fd(struct producer *producer)
{
	return kafka_of(producer)->event_fd;
}

/* Throw away what is in flight, with its reports. */
static void cancel_all(struct kafka_producer *p)
{
	int64_t end = clock_mono_ns() + CLOSE_MS * NS_PER_MS;

	p->closing = true;
	rd_kafka_purge(p->rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
	while (p->in_flight > 0 && clock_mono_ns() < end)
		rd_kafka_poll(p->rk, 10);
}

static void kafka_close(struct producer *producer)
{
	struct kafka_producer *p = kafka_of(producer);

	if (p->rk)
		cancel_all(p);
	if (p->topic)
		rd_kafka_topic_destroy(p->topic);
	if (p->rk)
		rd_kafka_destroy(p->rk);
	cleanup_close(&p->event_fd);
	free(p);
}

static const struct producer_ops kafka_producer_ops = {
	.close = kafka_close,
	.partitions = kafka_producer_partitions,
	.send = kafka_send,
	.poll = kafka_poll,
	.flush = kafka_flush,
	.fd = kafka_fd,
};

static int make_conf(struct kafka_producer *p, const struct bus_uri *uri,
		     const struct bus_conf *conf, rd_kafka_conf_t **ret, struct err *reterr)
{
	uint64_t message_max =
		conf->message_max > MESSAGE_MAX_MIN ? conf->message_max : MESSAGE_MAX_MIN;
	rd_kafka_conf_t *rd;
	int r = kafka_conf_new(uri, conf, &producer_profile, &p->link, &rd, reterr);

	if (r < 0)
		return r;
	r = kafka_conf_number(rd, "queue.buffering.max.kbytes", (conf->queue_bytes + 1023) / 1024,
			      reterr);
	if (r == 0)
		r = kafka_conf_number(rd, "message.max.bytes", message_max, reterr);
	if (r < 0) {
		rd_kafka_conf_destroy(rd);
		return r;
	}
	rd_kafka_conf_set_dr_msg_cb(rd, on_delivery);
	*ret = rd;
	return 0;
}

/* librdkafka writes to the eventfd whenever its main queue has something. */
static int wire_event_fd(struct kafka_producer *p, struct err *reterr)
{
	static const uint64_t one = 1;

	p->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (p->event_fd < 0)
		return err_set(reterr, -errno, "eventfd: %s", strerror(errno));
	rd_kafka_queue_t *queue = rd_kafka_queue_get_main(p->rk);

	rd_kafka_queue_io_event_enable(queue, p->event_fd, &one, sizeof(one));
	rd_kafka_queue_destroy(queue);
	return 0;
}

static int start(struct kafka_producer *p, const struct bus_uri *uri, const struct bus_conf *conf,
		 struct err *reterr)
{
	rd_kafka_conf_t *rd;
	int r = make_conf(p, uri, conf, &rd, reterr);

	if (r == 0)
		r = kafka_client_new(&producer_profile, rd, &p->rk, reterr);
	if (r < 0)
		return r;
	p->topic = rd_kafka_topic_new(p->rk, uri->topic, NULL);
	if (!p->topic)
		return err_set(reterr, -EINVAL, "topic %s: %s", uri->topic,
			       rd_kafka_err2str(rd_kafka_last_error()));
	return wire_event_fd(p, reterr);
}

int kafka_producer_open(const struct bus_uri *uri, const struct bus_conf *conf,
			struct producer **ret, struct err *reterr)
{
	struct kafka_producer *p = calloc(1, sizeof(*p));

	if (!p)
		return err_set(reterr, -ENOMEM, "out of memory");
	p->base.ops = &kafka_producer_ops;
	p->message_max = conf->message_max;
	p->event_fd = -1;
	int r = start(p, uri, conf, reterr);

	if (r < 0) {
		kafka_close(&p->base);
		return r;
	}
	*ret = &p->base;
	return 0;
}
