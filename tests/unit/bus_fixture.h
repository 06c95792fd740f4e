/*
 * bus_fixture.h - what the tests of every transport share: producers and
 * consumers of one bus, messages that are numbered as their offsets, and what
 * the reports said.
 *
 * A test's own fixture begins with `struct bus_fixture bus`.
 */
#ifndef SLUICE_TESTS_BUS_FIXTURE_H
#define SLUICE_TESTS_BUS_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/base/clock.h"
#include "common/bus/bus.h"
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#define WAIT_MS 20000

struct bus_fixture {
	char uri[320];
	struct bus_conf conf;
};

/* What the reports said; cookies are the numbers of the messages. */
struct reports {
	int count, failures, last_status;
	int64_t last_offset;
	intptr_t last_cookie;
	intptr_t next; /* cookie that must come next; what comes out of order is counted */
	int disorder;
};

static inline void on_report(void *ctx, void *cookie, int status, int64_t offset)
{
	struct reports *reports = ctx;

	assert_true(status < 0 || offset >= 0);
	reports->count++;
	reports->failures += status < 0;
	reports->last_status = status;
	reports->last_offset = offset;
	reports->last_cookie = (intptr_t)cookie;
	reports->disorder += (intptr_t)cookie != reports->next;
	reports->next = (intptr_t)cookie + 1;
}

static inline struct producer *open_producer(const struct bus_fixture *bus, struct reports *reports)
{
	struct producer *p = NULL;
	struct err err = {0};

	if (producer_open(span_cstr(bus->uri), &bus->conf, on_report, reports, &p, &err) < 0)
		fail_msg("%s", err.text);
	return p;
}

static inline struct consumer *open_consumer(const struct bus_fixture *bus)
{
	struct consumer *c = NULL;
	struct err err = {0};

	if (consumer_open(span_cstr(bus->uri), &bus->conf, &c, &err) < 0)
		fail_msg("%s", err.text);
	return c;
}

/* Message `n`, as the bus takes it: 0, -EAGAIN or another error. */
static inline int try_send(struct producer *p, unsigned partition, intptr_t n)
{
	char text[64];
	int len = snprintf(text, sizeof(text), "message %" PRIdPTR, n);

	return producer_send(p, partition, span_of(text, (size_t)len), (void *)n);
}

/* Messages first … last - 1; waits while the queue is full. */
static inline void send_numbered(struct producer *p, unsigned partition, intptr_t first,
				 intptr_t last)
{
	int r;

	for (intptr_t n = first; n < last; n++) {
		while ((r = try_send(p, partition, n)) == -EAGAIN)
			producer_poll(p, 10);
		assert_int_equal(r, 0);
	}
}

/* The same by a producer of its own, all acknowledged in order. */
static inline void write_numbered(const struct bus_fixture *bus, unsigned partition, intptr_t first,
				  intptr_t last)
{
	struct reports reports = {.next = first};
	struct producer *p = open_producer(bus, &reports);

	send_numbered(p, partition, first, last);
	assert_int_equal(producer_flush(p, WAIT_MS), 0);
	assert_int_equal(reports.count, last - first);
	assert_int_equal(reports.failures, 0);
	assert_int_equal(reports.disorder, 0);
	if (last > first)
		assert_int_equal(reports.last_offset, last - 1);
	producer_close(p);
}

static inline void assert_text(const struct bus_message *message, intptr_t n)
{
	char text[64];

	snprintf(text, sizeof(text), "message %" PRIdPTR, n);
	if (!span_eq(message->payload, span_cstr(text)))
		fail_msg("'%.*s' instead of '%s'", SPAN_FMT(message->payload), text);
}

/* Poll until something other than "nothing" or "not now" comes. */
static inline int poll_for_news(struct consumer *c, struct bus_message *ret)
{
	int64_t end = clock_mono_ns() + WAIT_MS * NS_PER_MS;
	int r;

	do
		r = consumer_poll(c, 200, ret);
	while ((r == 0 || r == -EAGAIN) && clock_mono_ns() < end);
	return r;
}

static inline void expect_message(struct consumer *c, unsigned partition, intptr_t n)
{
	struct bus_message message;

	assert_int_equal(poll_for_news(c, &message), 1);
	assert_int_equal(message.partition, partition);
	assert_int_equal(message.offset, n);
	assert_true(message.time_ms > 0);
	assert_text(&message, n);
	consumer_release(c, &message);
	assert_null(message.opaque);
}

#endif
