/*
 * uri.h - the address of a bus, taken apart.
 *
 *	kafka://HOST:PORT[,HOST:PORT…]/TOPIC	brokers, topic
 *	dir:///PATH				path (dir://PATH is relative)
 *
 *	struct bus_uri uri;
 *	if (bus_uri_parse(SPAN("kafka://a:9092,b:9092/logs"), &uri, &err) < 0)
 *		fprintf(stderr, "%s\n", err.text);
 */
#ifndef SLUICE_BUS_URI_H
#define SLUICE_BUS_URI_H

#include "common/base/err.h"
#include "common/base/span.h"

#define BUS_URI_MAX   4096u
#define BUS_TOPIC_MAX 249u /* Kafka's limit */

enum bus_kind { BUS_DIR, BUS_KAFKA };

struct bus_uri {
	enum bus_kind kind;
	/* NUL-terminated, because open() and librdkafka want them so. */
	char path[BUS_URI_MAX];
	char brokers[BUS_URI_MAX];
	char topic[BUS_TOPIC_MAX + 1];
};

/* 0, or -EINVAL with text and the byte it was found at. */
int bus_uri_parse(struct span text, struct bus_uri *ret, struct err *reterr);

#endif
