/*
 * The front of the transports: defaults, choice by address, dispatch.
 */
#include "common/bus/bus.h"

#include "common/bus/bus_impl.h"

static struct bus_conf with_defaults(const struct bus_conf *conf)
{
	struct bus_conf full = conf ? *conf : (struct bus_conf){0};

	if (!full.queue_bytes)
		full.queue_bytes = 16u << 20;
	if (!full.message_max)
		full.message_max = 1000000;
	if (!full.partitions)
		full.partitions = 4;
	if (!full.segment_bytes)
		full.segment_bytes = 64u << 20;
	return full;
}

int producer_open(struct span address, const struct bus_conf *conf, producer_report_fn *report,
		  void *ctx, struct producer **ret, struct err *reterr)
{
	struct bus_conf full = with_defaults(conf);
	struct bus_uri uri;
	int r = bus_uri_parse(address, &uri, reterr);

	if (r < 0)
		return r;
	r = uri.kind == BUS_DIR ? dir_producer_open(&uri, &full, ret, reterr)
				: kafka_producer_open(&uri, &full, ret, reterr);
	if (r < 0)
		return r;
	(*ret)->report = report;
	(*ret)->ctx = ctx;
	return 0;
}

void producer_close(struct producer *producer)
{
	if (producer)
		producer->ops->close(producer);
}

int producer_partitions(struct producer *producer, struct err *reterr)
{
	return producer->ops->partitions(producer, reterr);
}

int producer_send(struct producer *producer, unsigned partition, struct span message, void *cookie)
{
	return producer->ops->send(producer, partition, message, cookie);
}

int producer_poll(struct producer *producer, int timeout_ms)
{
	return producer->ops->poll(producer, timeout_ms);
}

int producer_flush(struct producer *producer, int timeout_ms)
{
	return producer->ops->flush(producer, timeout_ms);
}

int producer_fd(struct producer *producer)
{
	return producer->ops->fd(producer);
}

int consumer_open(struct span address, const struct bus_conf *conf, struct consumer **ret,
		  struct err *reterr)
{
	struct bus_conf full = with_defaults(conf);
	struct bus_uri uri;
	int r = bus_uri_parse(address, &uri, reterr);

	if (r < 0)
		return r;
	return uri.kind == BUS_DIR ? dir_consumer_open(&uri, &full, ret, reterr)
				   : kafka_consumer_open(&uri, &full, ret, reterr);
}

void consumer_close(struct consumer *consumer)
{
	if (consumer)
		consumer->ops->close(consumer);
}

int consumer_partitions(struct consumer *consumer, struct err *reterr)
{
	return consumer->ops->partitions(consumer, reterr);
}

int consumer_assign(struct consumer *consumer, unsigned partition, int64_t offset)
{
	return consumer->ops->assign(consumer, partition, offset);
}

int consumer_watermarks(struct consumer *consumer, unsigned partition, int64_t *ret_low,
			int64_t *ret_high)
{
	return consumer->ops->watermarks(consumer, partition, ret_low, ret_high);
}

int consumer_poll(struct consumer *consumer, int timeout_ms, struct bus_message *ret)
{
	return consumer->ops->poll(consumer, timeout_ms, ret);
}

void consumer_release(struct consumer *consumer, struct bus_message *message)
{
	if (message->opaque)
		consumer->ops->release(consumer, message);
	message->opaque = NULL;
	message->payload = (struct span){0};
}

int consumer_seek(struct consumer *consumer, unsigned partition, int64_t offset)
{
	return consumer->ops->seek(consumer, partition, offset);
}

int consumer_pause(struct consumer *consumer, bool paused)
{
	return consumer->ops->pause(consumer, paused);
}

int consumer_commit(struct consumer *consumer, unsigned partition, int64_t next_offset)
{
	return consumer->ops->commit(consumer, partition, next_offset);
}
