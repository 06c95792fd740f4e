/*
 * Reading from Kafka: explicit partitions from explicit offsets.
 *
 * No group membership, no stored offsets: an offset that is not there is an
 * error (-ERANGE) for the caller, who alone knows what was lost by it.  With
 * librdkafka 2.0.2 only rd_kafka_consumer_poll() may be used to read.  To seek,
 * everything is assigned anew from where it stands: rd_kafka_seek() refuses a
 * partition whose offset was not there.
 */
#include "common/bus/bus_impl.h"

#include "common/base/cleanup.h"
#include "common/base/clock.h"
#include "common/bus/kafka_conf.h"
#include <errno.h>
#include <poll.h>

#define FETCH_MAX_MIN (1u << 20)
#define PROBE_NS      NS_PER_SEC /* between looks whether the cluster is back */
#define PROBE_MS      1000       /* that one may take */

struct kafka_consumer {
	struct consumer base;
	struct kafka_link link;
	rd_kafka_t *rk;
	rd_kafka_topic_t *topic;
	rd_kafka_topic_partition_list_t *assigned; /* with the offset of the next message */
	int recent;                                /* index in it of the last message's partition */
	bool started;                              /* it is in force */
	bool paused;
	int64_t next_probe_ns;
};

static const struct kafka_setting consumer_defaults[] = {
	{"group.id", "sluice"}, /* names the advisory commits */
	{"fetch.wait.max.ms", "100"},
	{"isolation.level", "read_committed"},
	{NULL, NULL},
};

static const struct kafka_setting consumer_fixed[] = {
	{"auto.offset.reset", "error"},
	{"enable.auto.commit", "false"},
	{"enable.auto.offset.store", "false"},
	{"enable.partition.eof", "false"},
	{"allow.auto.create.topics", "false"},
	{"check.crcs", "true"},
	{NULL, NULL},
};

static const struct kafka_profile consumer_profile = {
	.type = RD_KAFKA_CONSUMER,
	.defaults = consumer_defaults,
	.fixed = consumer_fixed,
};

static struct kafka_consumer *kafka_of(struct consumer *consumer)
{
	return (struct kafka_consumer *)consumer;
}

static int kafka_consumer_partitions(struct consumer *consumer, struct err *reterr)
{
	struct kafka_consumer *c = kafka_of(consumer);
	int r = kafka_partitions(c->rk, c->topic, reterr);

	if (r < 0 && !c->started) {
		/* Brings the error events; there can be no message yet. */
		rd_kafka_message_t *message = rd_kafka_consumer_poll(c->rk, 0);

		if (message)
			rd_kafka_message_destroy(message);
	}
	if (r < 0 && c->link.trouble[0])
		err_prefix(reterr, r, "%s", c->link.trouble);
	return r;
}

/* Messages come in runs of one partition, so the last one is tried first. */
static rd_kafka_topic_partition_t *find_entry(struct kafka_consumer *c, int32_t partition)
{
	rd_kafka_topic_partition_list_t *list = c->assigned;

	for (int i = 0; i < list->cnt; i++) {
		int at = (c->recent + i) % list->cnt;

		if (list->elems[at].partition == partition) {
			c->recent = at;
			return &list->elems[at];
		}
	}
	return NULL;
}

static int kafka_assign(struct consumer *consumer, unsigned partition, int64_t offset)
{
	struct kafka_consumer *c = kafka_of(consumer);
	rd_kafka_topic_partition_t *entry = find_entry(c, (int32_t)partition);

	if (c->started)
		return -EBUSY;
	if (offset < 0 || partition > INT32_MAX)
		return -EINVAL;
	if (!entry)
		entry = rd_kafka_topic_partition_list_add(
			c->assigned, rd_kafka_topic_name(c->topic), (int32_t)partition);
	entry->offset = offset;
	return 0;
}

static int kafka_watermarks(struct consumer *consumer, unsigned partition, int64_t *ret_low,
			    int64_t *ret_high)
{
	struct kafka_consumer *c = kafka_of(consumer);
	int64_t low, high;
	rd_kafka_resp_err_t code =
		rd_kafka_query_watermark_offsets(c->rk, rd_kafka_topic_name(c->topic),
						 (int32_t)partition, &low, &high, KAFKA_QUERY_MS);

	if (code)
		return kafka_errno(code);
	*ret_low = low;
	*ret_high = high;
	return 0;
}

/* No news can mean that all is well or that nobody answers: ask, now and then. */
static bool still_down(struct kafka_consumer *c, int timeout_ms)
{
	const struct rd_kafka_metadata *metadata;
	int64_t now = clock_mono_ns();

	if (!c->link.down || now < c->next_probe_ns)
		return c->link.down;
	c->next_probe_ns = now + PROBE_NS;
	if (rd_kafka_metadata(c->rk, 0, c->topic, &metadata,
			      timeout_ms < PROBE_MS ? timeout_ms : PROBE_MS) == 0) {
		rd_kafka_metadata_destroy(metadata);
		c->link.down = false;
	}
	return c->link.down;
}

static int deliver(struct kafka_consumer *c, rd_kafka_message_t *message, struct bus_message *ret)
{
	rd_kafka_timestamp_type_t type;
	int64_t time_ms = rd_kafka_message_timestamp(message, &type);

	c->link.down = false;
	rd_kafka_topic_partition_t *entry = find_entry(c, message->partition);

	if (entry)
		entry->offset = message->offset + 1;
	*ret = (struct bus_message){
		.partition = (unsigned)message->partition,
		.offset = message->offset,
		.time_ms = type == RD_KAFKA_TIMESTAMP_NOT_AVAILABLE || time_ms < 0 ? 0 : time_ms,
		.payload = span_of(message->payload, message->len),
		.opaque = message,
	};
	return 1;
}

/* An error that came instead of a message. */
static int translate_error(struct kafka_consumer *c, rd_kafka_message_t *message,
			   struct bus_message *ret)
{
	rd_kafka_resp_err_t code = message->err;

	*ret = (struct bus_message){
		.partition = message->partition < 0 ? 0 : (unsigned)message->partition,
		.offset = message->offset,
	};
	snprintf(c->link.trouble, sizeof(c->link.trouble), "%s", rd_kafka_message_errstr(message));
	rd_kafka_message_destroy(message);
	switch (code) {
	case RD_KAFKA_RESP_ERR__PARTITION_EOF:
		return 0;
	case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET:
	case RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE:
		return -ERANGE;
	case RD_KAFKA_RESP_ERR__BAD_MSG:
	case RD_KAFKA_RESP_ERR__BAD_COMPRESSION:
		return -EBADMSG;
	default:
		return kafka_errno(code);
	}
}

static int start_reading(struct kafka_consumer *c)
{
	rd_kafka_resp_err_t code = rd_kafka_assign(c->rk, c->assigned);

	c->started = code == 0;
	return kafka_errno(code);
}

static int kafka_poll(struct consumer *consumer, int timeout_ms, struct bus_message *ret)
{
	struct kafka_consumer *c = kafka_of(consumer);
	int r = c->started ? 0 : start_reading(c);

	if (r < 0)
		return r;
	if (c->paused) {
		/* What was fetched waits, bounded by queued.max.messages.kbytes. */
		poll(NULL, 0, timeout_ms);
		return 0;
	}
	rd_kafka_message_t *message = rd_kafka_consumer_poll(c->rk, timeout_ms);

	if (message)
		return message->err ? translate_error(c, message, ret) : deliver(c, message, ret);
	if (c->link.fatal)
		return -ESHUTDOWN;
	return still_down(c, timeout_ms) ? -EAGAIN : 0;
}

static void kafka_release(struct consumer *consumer, struct bus_message *message)
{
	(void)consumer;
	rd_kafka_message_destroy(message->opaque);
}

static int kafka_seek(struct consumer *consumer, unsigned partition, int64_t offset)
{
	struct kafka_consumer *c = kafka_of(consumer);

	rd_kafka_topic_partition_t *entry = find_entry(c, (int32_t)partition);

	if (!entry || offset < 0)
		return -EINVAL;
	entry->offset = offset;
	return c->started ? start_reading(c) : 0;
}

static int kafka_pause(struct consumer *consumer, bool paused)
{
	kafka_of(consumer)->paused = paused;
	return 0;
}

static int kafka_commit(struct consumer *consumer, unsigned partition, int64_t next_offset)
{
	struct kafka_consumer *c = kafka_of(consumer);
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);

	rd_kafka_topic_partition_list_add(list, rd_kafka_topic_name(c->topic), (int32_t)partition)
		->offset = next_offset;
	rd_kafka_resp_err_t code = rd_kafka_commit(c->rk, list, 1);

	rd_kafka_topic_partition_list_destroy(list);
	return kafka_errno(code);
}

static void kafka_close(struct consumer *consumer)
{
	struct kafka_consumer *c = kafka_of(consumer);

	if (c->assigned)
		rd_kafka_topic_partition_list_destroy(c->assigned);
	if (c->topic)
		rd_kafka_topic_destroy(c->topic);
	if (c->rk) /* there is no group to leave */
		rd_kafka_destroy_flags(c->rk, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
	free(c);
}

static const struct consumer_ops kafka_consumer_ops = {
	.close = kafka_close,
	.partitions = kafka_consumer_partitions,
	.assign = kafka_assign,
	.watermarks = kafka_watermarks,
	.poll = kafka_poll,
	.release = kafka_release,
	.seek = kafka_seek,
	.pause = kafka_pause,
	.commit = kafka_commit,
};

static int make_conf(struct kafka_consumer *c, const struct bus_uri *uri,
		     const struct bus_conf *conf, rd_kafka_conf_t **ret, struct err *reterr)
{
	uint64_t fetch_max = conf->queue_bytes > FETCH_MAX_MIN ? conf->queue_bytes : FETCH_MAX_MIN;
	rd_kafka_conf_t *rd;
	int r = kafka_conf_new(uri, conf, &consumer_profile, &c->link, &rd, reterr);

	if (r < 0)
		return r;
	r = kafka_conf_number(rd, "queued.max.messages.kbytes", (conf->queue_bytes + 1023) / 1024,
			      reterr);
	if (r == 0)
		r = kafka_conf_number(rd, "fetch.max.bytes", fetch_max, reterr);
	if (r < 0) {
		rd_kafka_conf_destroy(rd);
		return r;
	}
	*ret = rd;
	return 0;
}

static int start(struct kafka_consumer *c, const struct bus_uri *uri, const struct bus_conf *conf,
		 struct err *reterr)
{
	rd_kafka_conf_t *rd;
	int r = make_conf(c, uri, conf, &rd, reterr);

	if (r == 0)
		r = kafka_client_new(&consumer_profile, rd, &c->rk, reterr);
	if (r < 0)
		return r;
	rd_kafka_poll_set_consumer(c->rk);
	c->topic = rd_kafka_topic_new(c->rk, uri->topic, NULL);
	c->assigned = rd_kafka_topic_partition_list_new(8);
	if (!c->topic || !c->assigned)
		return err_set(reterr, -EINVAL, "topic %s: %s", uri->topic,
			       rd_kafka_err2str(rd_kafka_last_error()));
	return 0;
}

int kafka_consumer_open(const struct bus_uri *uri, const struct bus_conf *conf,
			struct consumer **ret, struct err *reterr)
{
	struct kafka_consumer *c = calloc(1, sizeof(*c));

	if (!c)
		return err_set(reterr, -ENOMEM, "out of memory");
	c->base.ops = &kafka_consumer_ops;
	int r = start(c, uri, conf, reterr);

	if (r < 0) {
		kafka_close(&c->base);
		return r;
	}
	*ret = &c->base;
	return 0;
}
