#include "common/bus/kafka_conf.h"

#include "common/base/num.h"
#include <errno.h>
#include <stdio.h>

enum side { PRODUCER = 1, CONSUMER = 2, BOTH = PRODUCER | CONSUMER };

/* In both tables a name with a final '*' stands for all that begin so. */
static const struct refused {
	const char *name, *why;
} refused[] = {
	{"plugin.library.paths", "it loads code"},
	{"ssl.engine.*", "it loads code"},
	{"ssl.providers", "it loads code"},
	{"sasl.kerberos.kinit.cmd", "it runs a command"},
	{"bootstrap.servers", "the address of the bus says it"},
	{"metadata.broker.list", "the address of the bus says it"},
	{"enable.idempotence", "exactly-once delivery depends on it"},
	{"enable.gapless.guarantee", "exactly-once delivery depends on it"},
	{"acks", "exactly-once delivery depends on it"},
	{"request.required.acks", "exactly-once delivery depends on it"},
	{"message.timeout.ms", "a message is never given up"},
	{"delivery.timeout.ms", "a message is never given up"},
	{"retries", "a message is never given up"},
	{"message.send.max.retries", "a message is never given up"},
	{"enable.auto.commit", "the index keeps the offsets"},
	{"auto.offset.reset", "the index keeps the offsets"},
	{"partition.assignment.strategy", "partitions are assigned explicitly"},
};

static const struct allowed {
	const char *name;
	enum side side;
} allowed[] = {
	{"security.protocol", BOTH},
	{"ssl.*", BOTH},
	{"enable.ssl.certificate.verification", BOTH},
	{"sasl.*", BOTH},
	{"enable.sasl.oauthbearer.unsecure.jwt", BOTH},
	{"client.id", BOTH},
	{"client.rack", BOTH},
	{"client.dns.lookup", BOTH},
	{"broker.address.family", BOTH},
	{"broker.address.ttl", BOTH},
	{"api.version.request", BOTH},
	{"api.version.request.timeout.ms", BOTH},
	{"api.version.fallback.ms", BOTH},
	{"broker.version.fallback", BOTH},
	{"socket.*", BOTH},
	{"connections.max.idle.ms", BOTH},
	{"reconnect.backoff.ms", BOTH},
	{"reconnect.backoff.max.ms", BOTH},
	{"request.timeout.ms", PRODUCER},
	{"retry.backoff.ms", PRODUCER},
	{"metadata.max.age.ms", BOTH},
	{"topic.metadata.refresh.*", BOTH},
	{"topic.metadata.propagation.max.ms", BOTH},
	{"linger.ms", PRODUCER},
	{"queue.buffering.max.ms", PRODUCER},
	{"batch.size", PRODUCER},
	{"batch.num.messages", PRODUCER},
	{"compression.codec", PRODUCER},
	{"compression.type", PRODUCER},
	{"compression.level", PRODUCER},
	{"group.id", CONSUMER},
	{"isolation.level", CONSUMER},
	{"check.crcs", CONSUMER},
	{"fetch.*", CONSUMER},
	{"max.partition.fetch.bytes", CONSUMER},
	{"receive.message.max.bytes", BOTH},
	{"session.timeout.ms", CONSUMER},
};

/* Values that librdkafka puts into the shell command that renews tickets. */
#define SHELL_PREFIX SPAN("sasl.kerberos.")

static bool name_matches(const char *name, struct span key)
{
	struct span pattern = span_cstr(name);

	if (!span_ends(pattern, SPAN("*")))
		return span_eq(pattern, key);
	pattern.len--;
	return span_starts(key, pattern);
}

static const char *why_refused(struct span key)
{
	for (size_t i = 0; i < sizeof(refused) / sizeof(*refused); i++)
		if (name_matches(refused[i].name, key))
			return refused[i].why;
	return NULL;
}

/* The sides that understand it; 0 = it is not on the list. */
static int allowed_sides(struct span key)
{
	for (size_t i = 0; i < sizeof(allowed) / sizeof(*allowed); i++)
		if (name_matches(allowed[i].name, key))
			return allowed[i].side;
	return 0;
}

/* A copy with a NUL; -EINVAL when it has one inside or is too long. */
static int copy_text(char *to, size_t size, struct span text)
{
	if (text.len >= size || (text.len && memchr(text.ptr, '\0', text.len)))
		return -EINVAL;
	if (text.len)
		memcpy(to, text.ptr, text.len);
	to[text.len] = '\0';
	return 0;
}

/* As principals, keytab paths and service names are written. */
static bool is_safe_in_shell(struct span value)
{
	for (size_t i = 0; i < value.len; i++) {
		char c = value.ptr[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		      (c && strchr("._/@:-", c))))
			return false;
	}
	return true;
}

/*
 * One pass-through setting.  What the other side alone understands is left out,
 * so that one list serves a program that has both.
 */
static int pass_through(rd_kafka_conf_t *conf, rd_kafka_type_t type, struct span key,
			struct span value, struct err *reterr)
{
	const char *why_not = why_refused(key);
	int sides = allowed_sides(key);
	char name[128], text[8192], why[256];
	struct span shown = span_take(key, 100);

	if (why_not)
		return err_set(reterr, -EINVAL, "kafka.%.*s can't be set: %s", SPAN_FMT(shown),
			       why_not);
	if (!sides)
		return err_set(reterr, -EINVAL, "kafka.%.*s: not a setting that is passed on",
			       SPAN_FMT(shown));
	if (span_starts(key, SHELL_PREFIX) && !is_safe_in_shell(value))
		return err_set(reterr, -EINVAL,
			       "kafka.%.*s: only letters, digits and . _ / @ : - are safe here",
			       SPAN_FMT(shown));
	if (!(sides & (type == RD_KAFKA_PRODUCER ? PRODUCER : CONSUMER)))
		return 0;
	if (copy_text(name, sizeof(name), key) < 0 || copy_text(text, sizeof(text), value) < 0)
		return err_set(reterr, -EINVAL, "kafka.%.*s: too long, or a NUL byte in it",
			       SPAN_FMT(shown));
	if (rd_kafka_conf_set(conf, name, text, why, sizeof(why)) != RD_KAFKA_CONF_OK)
		return err_set(reterr, -EINVAL, "kafka.%s: %s", name, why);
	return 0;
}

static int set_one(rd_kafka_conf_t *conf, const char *key, const char *value, struct err *reterr)
{
	char why[256];

	if (rd_kafka_conf_set(conf, key, value, why, sizeof(why)) != RD_KAFKA_CONF_OK)
		return err_set(reterr, -EINVAL, "%s=%s: %s", key, value, why);
	return 0;
}

static int set_table(rd_kafka_conf_t *conf, const struct kafka_setting *table, struct err *reterr)
{
	int r = 0;

	for (; r == 0 && table->key; table++)
		r = set_one(conf, table->key, table->value, reterr);
	return r;
}

int kafka_conf_number(rd_kafka_conf_t *conf, const char *key, uint64_t n, struct err *reterr)
{
	char text[NUM_TEXT_MAX + 1];

	text[num_format_u64(text, n)] = '\0';
	return set_one(conf, key, text, reterr);
}

static int fill(rd_kafka_conf_t *rd, const struct bus_uri *uri, const struct bus_conf *conf,
		const struct kafka_profile *profile, struct err *reterr)
{
	static const struct kafka_setting common[] = {
		{"client.id", "sluice"},
		{"socket.keepalive.enable", "true"},
		/* A broker that is back is noticed within a second (default: 10). */
		{"reconnect.backoff.max.ms", "1000"},
		{NULL, NULL},
	};
	int r = set_one(rd, "bootstrap.servers", uri->brokers, reterr);

	if (r == 0)
		r = set_table(rd, common, reterr);
	if (r == 0)
		r = set_table(rd, profile->defaults, reterr);
	for (size_t i = 0; r == 0 && i + 1 < conf->kafka_len; i += 2)
		r = pass_through(rd, profile->type, conf->kafka[i], conf->kafka[i + 1], reterr);
	return r < 0 ? r : set_table(rd, profile->fixed, reterr);
}

/* Layers never log: what matters arrives as an error or in on_error(). */
static void no_log(const rd_kafka_t *rk, int level, const char *facility, const char *text)
{
	(void)rk, (void)level, (void)facility, (void)text;
}

static void on_error(rd_kafka_t *rk, int code, const char *reason, void *opaque)
{
	struct kafka_link *link = opaque;

	(void)rk;
	link->down |= code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN;
	link->fatal |= code == RD_KAFKA_RESP_ERR__FATAL;
	if (code != RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN || !link->trouble[0])
		snprintf(link->trouble, sizeof(link->trouble), "%s", reason);
}

int kafka_conf_new(const struct bus_uri *uri, const struct bus_conf *conf,
		   const struct kafka_profile *profile, struct kafka_link *link,
		   rd_kafka_conf_t **ret, struct err *reterr)
{
	rd_kafka_conf_t *rd = rd_kafka_conf_new();
	int r = fill(rd, uri, conf, profile, reterr);

	if (r < 0) {
		rd_kafka_conf_destroy(rd);
		return r;
	}
	rd_kafka_conf_set_log_cb(rd, no_log);
	rd_kafka_conf_set_error_cb(rd, on_error);
	rd_kafka_conf_set_opaque(rd, link);
	*ret = rd;
	return 0;
}

int kafka_client_new(const struct kafka_profile *profile, rd_kafka_conf_t *conf, rd_kafka_t **ret,
		     struct err *reterr)
{
	char why[256];
	rd_kafka_t *rk = rd_kafka_new(profile->type, conf, why, sizeof(why));

	if (!rk) {
		rd_kafka_conf_destroy(conf);
		return err_set(reterr, -EINVAL, "kafka: %s", why);
	}
	*ret = rk;
	return 0;
}

int kafka_errno(rd_kafka_resp_err_t code)
{
	static const struct {
		rd_kafka_resp_err_t code;
		int err;
	} table[] = {
		{RD_KAFKA_RESP_ERR_NO_ERROR, 0},
		{RD_KAFKA_RESP_ERR__FATAL, -ESHUTDOWN},
		{RD_KAFKA_RESP_ERR__FENCED, -ESHUTDOWN},
		{RD_KAFKA_RESP_ERR__PURGE_QUEUE, -ECANCELED},
		{RD_KAFKA_RESP_ERR__PURGE_INFLIGHT, -ECANCELED},
		{RD_KAFKA_RESP_ERR__DESTROY, -ECANCELED},
		{RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, -EMSGSIZE},
		{RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE, -EMSGSIZE},
		{RD_KAFKA_RESP_ERR__AUTHENTICATION, -EACCES},
		{RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED, -EACCES},
		{RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, -EACCES},
		{RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED, -EACCES},
		{RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED, -EACCES},
		{RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION, -EINVAL},
		{RD_KAFKA_RESP_ERR__INVALID_ARG, -EINVAL},
		{RD_KAFKA_RESP_ERR__QUEUE_FULL, -EAGAIN},
		{RD_KAFKA_RESP_ERR__TRANSPORT, -EAGAIN},
		{RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN, -EAGAIN},
		{RD_KAFKA_RESP_ERR__RESOLVE, -EAGAIN},
		{RD_KAFKA_RESP_ERR__TIMED_OUT, -EAGAIN},
		{RD_KAFKA_RESP_ERR__TIMED_OUT_QUEUE, -EAGAIN},
		{RD_KAFKA_RESP_ERR__WAIT_COORD, -EAGAIN},
		{RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC, -EAGAIN},
		{RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION, -EAGAIN},
		{RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, -EAGAIN},
		{RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE, -EAGAIN},
		{RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION, -EAGAIN},
		{RD_KAFKA_RESP_ERR_BROKER_NOT_AVAILABLE, -EAGAIN},
		{RD_KAFKA_RESP_ERR_REPLICA_NOT_AVAILABLE, -EAGAIN},
		{RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT, -EAGAIN},
		{RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS, -EAGAIN},
		{RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS_AFTER_APPEND, -EAGAIN},
		{RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS, -EAGAIN},
		{RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE, -EAGAIN},
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++)
		if (table[i].code == code)
			return table[i].err;
	return -EIO;
}

static int count_partitions(const struct rd_kafka_metadata *metadata, const char *topic,
			    struct err *reterr)
{
	if (metadata->topic_cnt != 1)
		return err_set(reterr, -EAGAIN, "topic %s: no answer about it", topic);
	const struct rd_kafka_metadata_topic *t = &metadata->topics[0];

	if (t->err)
		return err_set(reterr, kafka_errno(t->err), "topic %s: %s", topic,
			       rd_kafka_err2str(t->err));
	if (t->partition_cnt == 0)
		return err_set(reterr, -EAGAIN, "topic %s: does not exist yet", topic);
	return t->partition_cnt;
}

int kafka_partitions(rd_kafka_t *rk, rd_kafka_topic_t *topic, struct err *reterr)
{
	const struct rd_kafka_metadata *metadata;
	const char *name = rd_kafka_topic_name(topic);
	rd_kafka_resp_err_t code = rd_kafka_metadata(rk, 0, topic, &metadata, KAFKA_QUERY_MS);

	if (code)
		return err_set(reterr, kafka_errno(code), "topic %s: %s", name,
			       rd_kafka_err2str(code));
	int r = count_partitions(metadata, name, reterr);

	rd_kafka_metadata_destroy(metadata);
	return r;
}
