/*
 * The Kafka transport against librdkafka's mock cluster: the settings, the
 * meaning of errors, and faults.  The mock is no oracle for exactly-once (it
 * ignores sequence numbers); tests/e2e has a real Kafka for that.
 */
#include "common/base/cleanup.h"
#include "tests/unit/bus_fixture.h"
#include "tests/unit/sanitized.h"
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <poll.h>

#define PRODUCE_REQUEST 0 /* of the protocol, for injected errors */

struct fixture {
	struct bus_fixture bus;
	rd_kafka_t *rk;
	rd_kafka_mock_cluster_t *cluster;
};

static void no_log(const rd_kafka_t *rk, int level, const char *facility, const char *text)
{
	(void)rk, (void)level, (void)facility, (void)text;
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	char why[256];

	assert_non_null(f);
	rd_kafka_conf_t *conf = rd_kafka_conf_new();

	rd_kafka_conf_set_log_cb(conf, no_log);
	f->rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof(why));
	assert_non_null(f->rk);
	f->cluster = rd_kafka_mock_cluster_new(f->rk, 1);
	assert_non_null(f->cluster);
	assert_int_equal(rd_kafka_mock_topic_create(f->cluster, "logs", 3, 1), 0);
	snprintf(f->bus.uri, sizeof(f->bus.uri), "kafka://%s/logs",
		 rd_kafka_mock_cluster_bootstraps(f->cluster));
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	rd_kafka_mock_cluster_destroy(f->cluster);
	rd_kafka_destroy(f->rk);
	free(f);
	return 0;
}

static void test_round_trip(void **state)
{
	const struct fixture *f = *state;
	struct reports reports = {0};
	struct producer *p = open_producer(&f->bus, &reports);
	struct consumer *c = open_consumer(&f->bus);
	int64_t low, high;

	assert_int_equal(producer_partitions(p, NULL), 3);
	producer_close(p);
	write_numbered(&f->bus, 1, 0, 500);
	assert_int_equal(consumer_partitions(c, NULL), 3);
	assert_int_equal(consumer_watermarks(c, 1, &low, &high), 0);
	assert_int_equal(low, 0);
	assert_int_equal(high, 500);
	assert_int_equal(consumer_assign(c, 0, 0), 0);
	assert_int_equal(consumer_assign(c, 1, 100), 0);
	for (intptr_t n = 100; n < 500; n++)
		expect_message(c, 1, n);
	write_numbered(&f->bus, 0, 0, 1);
	expect_message(c, 0, 0);
	assert_int_equal(consumer_assign(c, 2, 0), -EBUSY);
	assert_int_equal(consumer_commit(c, 1, 500), 0);
	assert_int_equal(consumer_seek(c, 1, 498), 0);
	expect_message(c, 1, 498);
	consumer_close(c);
}

static void test_poll_waits_on_fd(void **state)
{
	const struct fixture *f = *state;
	struct reports reports = {0};
	struct producer *p = open_producer(&f->bus, &reports);
	struct pollfd pfd = {.fd = producer_fd(p), .events = POLLIN};

	assert_true(pfd.fd >= 0);
	assert_int_equal(try_send(p, 0, 0), 0);
	while (reports.count == 0) {
		assert_int_equal(poll(&pfd, 1, WAIT_MS), 1);
		producer_poll(p, 0);
	}
	assert_int_equal(reports.failures, 0);
	producer_close(p);
}

/* Errors that pass: every message arrives, once reported, in order. */
static void test_passing_errors(void **state)
{
	const struct fixture *f = *state;
	struct reports reports = {0};
	struct consumer *c = open_consumer(&f->bus);
	struct producer *p = open_producer(&f->bus, &reports);

	/*
	 * None that leave open whether the broker has the batch: then librdkafka takes
	 * an answer to a later batch as proof, which it is not with the mock.
	 */
	rd_kafka_mock_push_request_errors(
		f->cluster, PRODUCE_REQUEST, 3, RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS,
		RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION, RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE);
	send_numbered(p, 0, 0, 200);
	assert_int_equal(producer_flush(p, WAIT_MS), 0);
	assert_int_equal(reports.failures, 0);
	assert_int_equal(reports.disorder, 0);
	assert_int_equal(reports.count, 200);
	producer_close(p);
	assert_int_equal(consumer_assign(c, 0, 0), 0);
	for (intptr_t n = 0; n < 200; n++)
		expect_message(c, 0, n);
	consumer_close(c);
}

/* The broker goes and comes back: the sender only sees a full queue. */
static void test_broker_down(void **state)
{
	struct fixture *f = *state;
	struct reports reports = {0};
	struct bus_message m;
	struct consumer *c = open_consumer(&f->bus);
	int r;

	write_numbered(&f->bus, 0, 0, 1);
	assert_int_equal(consumer_assign(c, 0, 0), 0);
	expect_message(c, 0, 0);
	f->bus.conf.queue_bytes = 4096;
	struct producer *p = open_producer(&f->bus, &reports);

	reports.next = 1;
	assert_int_equal(producer_partitions(p, NULL), 3);
	assert_int_equal(rd_kafka_mock_broker_set_down(f->cluster, 1), 0);
	intptr_t n = 1;

	while ((r = try_send(p, 0, n)) == 0)
		n++;
	assert_int_equal(r, -EAGAIN);
	while ((r = consumer_poll(c, 100, &m)) == 0)
		;
	assert_int_equal(r, -EAGAIN);
	assert_int_equal(reports.count, 0);
	assert_int_equal(rd_kafka_mock_broker_set_up(f->cluster, 1), 0);
	assert_int_equal(producer_flush(p, WAIT_MS), 0);
	assert_int_equal(reports.count, n - 1);
	assert_int_equal(reports.failures, 0);
	assert_int_equal(reports.disorder, 0);
	for (intptr_t i = 1; i < n; i++)
		expect_message(c, 0, i);
	producer_close(p);
	consumer_close(c);
}

static void test_nobody_there(void **state)
{
	struct fixture *f = *state;
	struct reports reports = {0};
	struct err err = {0};
	struct bus_message m;
	int r;

	snprintf(f->bus.uri, sizeof(f->bus.uri), "kafka://127.0.0.1:1/logs");
	struct producer *p = open_producer(&f->bus, &reports);
	struct consumer *c = open_consumer(&f->bus);

	assert_int_equal(producer_partitions(p, &err), -EAGAIN);
	assert_non_null(strstr(err.text, "127.0.0.1:1"));
	assert_int_equal(consumer_partitions(c, &err), -EAGAIN);
	assert_non_null(strstr(err.text, "127.0.0.1:1"));
	assert_int_equal(try_send(p, 0, 0), 0);
	assert_int_equal(consumer_assign(c, 0, 0), 0);
	while ((r = consumer_poll(c, 100, &m)) == 0)
		;
	assert_int_equal(r, -EAGAIN);
	producer_close(p);
	assert_int_equal(reports.count, 1);
	assert_int_equal(reports.last_status, -ECANCELED);
	consumer_close(c);
}

static void test_missing_topic(void **state)
{
	const struct fixture *f = *state;
	struct reports reports = {0};
	struct err err = {0};
	struct consumer *c = open_consumer(&f->bus);
	struct producer *p = open_producer(&f->bus, &reports);

	rd_kafka_mock_topic_set_error(f->cluster, "logs", RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
	assert_int_equal(producer_partitions(p, &err), -EAGAIN);
	assert_non_null(strstr(err.text, "logs"));
	assert_int_equal(consumer_partitions(c, &err), -EAGAIN);
	rd_kafka_mock_topic_set_error(f->cluster, "logs", RD_KAFKA_RESP_ERR_NO_ERROR);
	assert_int_equal(consumer_partitions(c, &err), 3);
	rd_kafka_mock_topic_set_error(f->cluster, "logs",
				      RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
	assert_int_equal(producer_partitions(p, &err), -EACCES);
	producer_close(p);
	consumer_close(c);
}

static void test_out_of_range(void **state)
{
	const struct fixture *f = *state;
	struct consumer *c = open_consumer(&f->bus);
	struct bus_message m;

	write_numbered(&f->bus, 2, 0, 10);
	assert_int_equal(consumer_assign(c, 2, 1000), 0);
	assert_int_equal(poll_for_news(c, &m), -ERANGE);
	assert_int_equal(m.partition, 2);
	assert_int_equal(m.offset, 1000);
	assert_int_equal(consumer_seek(c, 2, 7), 0);
	expect_message(c, 2, 7);
	expect_message(c, 2, 8);
	assert_int_equal(consumer_seek(c, 2, 3), 0);
	for (intptr_t n = 3; n < 10; n++)
		expect_message(c, 2, n);
	assert_int_equal(consumer_seek(c, 0, 3), -EINVAL);
	consumer_close(c);
}

static void test_pause(void **state)
{
	const struct fixture *f = *state;
	struct consumer *c = open_consumer(&f->bus);
	struct bus_message m;

	write_numbered(&f->bus, 0, 0, 3);
	assert_int_equal(consumer_assign(c, 0, 0), 0);
	expect_message(c, 0, 0);
	assert_int_equal(consumer_pause(c, true), 0);
	assert_int_equal(consumer_poll(c, 50, &m), 0);
	assert_int_equal(consumer_pause(c, false), 0);
	expect_message(c, 0, 1);
	consumer_close(c);
}

/* Sequence numbers are lost: the producer is dead, and says so. */
static void test_fatal(void **state)
{
	const struct fixture *f = *state;
	struct reports reports = {0};
	struct producer *p = open_producer(&f->bus, &reports);
	int r = 0, sent = 0;

	send_numbered(p, 0, 0, 10);
	assert_int_equal(producer_flush(p, WAIT_MS), 0);
	rd_kafka_mock_push_request_errors(f->cluster, PRODUCE_REQUEST, 1,
					  RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED);
	send_numbered(p, 0, 10, 11);
	for (int i = 0; i < WAIT_MS / 10 && r >= 0; i++)
		r = producer_poll(p, 10);
	assert_int_equal(r, -ESHUTDOWN);
	while (sent < 100 && (r = try_send(p, 0, 11 + sent)) == 0)
		sent++;
	assert_int_equal(r, -ESHUTDOWN);
	producer_close(p);
	assert_int_equal(reports.count, 11 + sent);

	/* A new one goes on; its offsets are not its numbers. */
	struct reports after = {.next = 11};

	p = open_producer(&f->bus, &after);
	send_numbered(p, 0, 11, 20);
	assert_int_equal(producer_flush(p, WAIT_MS), 0);
	assert_int_equal(after.count, 9);
	assert_int_equal(after.failures + after.disorder, 0);
	producer_close(p);
}

static void test_close_reports_all(void **state)
{
	struct fixture *f = *state;
	struct reports reports = {0};
	static char big[500];

	f->bus.conf.message_max = sizeof(big) - 1;
	struct producer *p = open_producer(&f->bus, &reports);

	assert_int_equal(producer_send(p, 0, span_of(big, sizeof(big)), NULL), -EMSGSIZE);
	assert_int_equal(producer_partitions(p, NULL), 3);
	rd_kafka_mock_broker_set_rtt(f->cluster, 1, 2000); /* acknowledged too late */
	send_numbered(p, 0, 0, 50);
	producer_poll(p, 100);
	producer_close(p);
	assert_int_equal(reports.count, 50);
	assert_int_equal(reports.last_status, -ECANCELED);
}

static void expect_refused(const struct fixture *f, const char *key, const char *value,
			   const char *text)
{
	struct span pair[2] = {span_cstr(key), span_cstr(value)};
	struct bus_conf conf = {.kafka = pair, .kafka_len = 2};
	struct producer *p = NULL;
	struct consumer *c = NULL;
	struct err err = {0};

	if (producer_open(span_cstr(f->bus.uri), &conf, on_report, NULL, &p, &err) != -EINVAL ||
	    !strstr(err.text, key) || !strstr(err.text, text))
		fail_msg("%s: '%s' does not say '%s'", key, err.text, text);
	assert_int_equal(consumer_open(span_cstr(f->bus.uri), &conf, &c, &err), -EINVAL);
}

static void test_allow_list(void **state)
{
	struct fixture *f = *state;
	struct span pairs[] = {
		SPAN("linger.ms"),         SPAN("1"),         SPAN("fetch.wait.max.ms"), SPAN("50"),
		SPAN("security.protocol"), SPAN("plaintext"),
	};

	expect_refused(f, "plugin.library.paths", "/tmp/x.so", "it loads code");
	expect_refused(f, "ssl.engine.location", "/tmp/x.so", "it loads code");
	expect_refused(f, "sasl.kerberos.kinit.cmd", "id", "it runs a command");
	expect_refused(f, "sasl.kerberos.principal", "$(id)", "are safe here");
	expect_refused(f, "sasl.kerberos.keytab", "/k;id", "are safe here");
	expect_refused(f, "enable.idempotence", "false", "exactly-once");
	expect_refused(f, "auto.offset.reset", "latest", "the index keeps the offsets");
	expect_refused(f, "linger.mss", "1", "not a setting");
	expect_refused(f, "security.protocol", "carrier pigeon", "carrier pigeon");
	f->bus.conf.kafka = pairs;
	f->bus.conf.kafka_len = sizeof(pairs) / sizeof(*pairs);
	write_numbered(&f->bus, 0, 0, 10);
	struct consumer *c = open_consumer(&f->bus);

	assert_int_equal(consumer_assign(c, 0, 0), 0);
	expect_message(c, 0, 0);
	consumer_close(c);
}

int main(void)
{
#if THREAD_SANITIZED
	/* librdkafka makes its threads by thrd_create(), which this sanitizer does not see. */
	puts("1..0 # SKIP the thread sanitizer crashes on C11 threads");
	return 0;
#endif
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_round_trip, setup, teardown),
		cmocka_unit_test_setup_teardown(test_poll_waits_on_fd, setup, teardown),
		cmocka_unit_test_setup_teardown(test_passing_errors, setup, teardown),
		cmocka_unit_test_setup_teardown(test_broker_down, setup, teardown),
		cmocka_unit_test_setup_teardown(test_nobody_there, setup, teardown),
		cmocka_unit_test_setup_teardown(test_missing_topic, setup, teardown),
		cmocka_unit_test_setup_teardown(test_out_of_range, setup, teardown),
		cmocka_unit_test_setup_teardown(test_pause, setup, teardown),
		cmocka_unit_test_setup_teardown(test_fatal, setup, teardown),
		cmocka_unit_test_setup_teardown(test_close_reports_all, setup, teardown),
		cmocka_unit_test_setup_teardown(test_allow_list, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
