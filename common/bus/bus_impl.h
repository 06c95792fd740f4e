/*
 * bus_impl.h - what an implementation of bus.h gives to bus.c.
 *
 * A producer or consumer is a struct that begins with `struct producer` or
 * `struct consumer`; the ops do what the functions of the same name in bus.h
 * say.  bus_conf arrives with its defaults filled in.
 *
 *	struct dir_producer { struct producer base; … };
 *	static const struct producer_ops dir_producer_ops = { .send = dir_send, … };
 */
#ifndef SLUICE_BUS_BUS_IMPL_H
#define SLUICE_BUS_BUS_IMPL_H

#include "common/bus/bus.h"
#include "common/bus/uri.h"

struct producer_ops {
	void (*close)(struct producer *producer);
	int (*partitions)(struct producer *producer, struct err *reterr);
	int (*send)(struct producer *producer, unsigned partition, struct span message,
		    void *cookie);
	int (*poll)(struct producer *producer, int timeout_ms);
	int (*flush)(struct producer *producer, int timeout_ms);
	int (*fd)(struct producer *producer);
};

struct producer {
	const struct producer_ops *ops;
	producer_report_fn *report;
	void *ctx;
};

struct consumer_ops {
	void (*close)(struct consumer *consumer);
	int (*partitions)(struct consumer *consumer, struct err *reterr);
	int (*assign)(struct consumer *consumer, unsigned partition, int64_t offset);
	int (*watermarks)(struct consumer *consumer, unsigned partition, int64_t *ret_low,
			  int64_t *ret_high);
	int (*poll)(struct consumer *consumer, int timeout_ms, struct bus_message *ret);
	void (*release)(struct consumer *consumer, struct bus_message *message);
	int (*seek)(struct consumer *consumer, unsigned partition, int64_t offset);
	int (*pause)(struct consumer *consumer, bool paused);
	int (*commit)(struct consumer *consumer, unsigned partition, int64_t next_offset);
};

struct consumer {
	const struct consumer_ops *ops;
};

int dir_producer_open(const struct bus_uri *uri, const struct bus_conf *conf, struct producer **ret,
		      struct err *reterr);
int dir_consumer_open(const struct bus_uri *uri, const struct bus_conf *conf, struct consumer **ret,
		      struct err *reterr);
int kafka_producer_open(const struct bus_uri *uri, const struct bus_conf *conf,
			struct producer **ret, struct err *reterr);
int kafka_consumer_open(const struct bus_uri *uri, const struct bus_conf *conf,
			struct consumer **ret, struct err *reterr);

#endif
