/*
 * kafka_conf.h - what producer and consumer on Kafka have in common: the
 * librdkafka configuration with its allow-list, and the meaning of its errors.
 *
 * Pass-through settings come from people's configuration files.  They are an
 * allow-list, because some properties run code (plugin.library.paths,
 * ssl.engine.location, sasl.kerberos.kinit.cmd) and others would break the
 * promise of delivery.md (enable.idempotence, acks, auto.offset.reset).
 */
#ifndef SLUICE_BUS_KAFKA_CONF_H
#define SLUICE_BUS_KAFKA_CONF_H

#include "common/base/err.h"
#include "common/bus/bus.h"
#include "common/bus/uri.h"
#include <librdkafka/rdkafka.h>
#include <stdbool.h>

/* How long a question to the cluster may take. */
#define KAFKA_QUERY_MS 5000

struct kafka_setting {
	const char *key, *value;
};

/* What one side of the bus sets: tables that end with a NULL key. */
struct kafka_profile {
	rd_kafka_type_t type;
	const struct kafka_setting *defaults; /* pass-through settings win over these */
	const struct kafka_setting *fixed;    /* nothing wins over these */
};

/* The state of a client as its error events tell it; the conf's opaque. */
struct kafka_link {
	bool down;         /* no broker can be reached */
	bool fatal;        /* the client is unusable: open another */
	char trouble[256]; /* the last error's text, or empty */
};

/* -EINVAL names the setting that was refused and says why. */
int kafka_conf_new(const struct bus_uri *uri, const struct bus_conf *conf,
		   const struct kafka_profile *profile, struct kafka_link *link,
		   rd_kafka_conf_t **ret, struct err *reterr);
/* One more fixed setting, with a number. */
int kafka_conf_number(rd_kafka_conf_t *conf, const char *key, uint64_t n, struct err *reterr);
/* The client itself; `conf` is used up in any case. */
int kafka_client_new(const struct kafka_profile *profile, rd_kafka_conf_t *conf, rd_kafka_t **ret,
		     struct err *reterr);

/* -EAGAIN: may pass by itself; -ESHUTDOWN: fatal; -EACCES, -EMSGSIZE, …; 0 for no error. */
int kafka_errno(rd_kafka_resp_err_t code);

/* Partitions of the topic, in bounded time.  -EAGAIN, with text, while it is not there. */
int kafka_partitions(rd_kafka_t *rk, rd_kafka_topic_t *topic, struct err *reterr);

#endif
