/* Metrics, health and the messages to the service manager. */
#include "common/base/cleanup.h"
#include "common/base/clock.h"
#include "common/base/err.h"
#include "common/ops/health.h"
#include "common/ops/metrics.h"
#include "common/ops/notify.h"
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cmocka.h>

static double read_seven(void *ctx)
{
	return *(const double *)ctx;
}

#define REFUSED                                                                                    \
	"# HELP sluice_metrics_refused_total Series that found no place.\n"                        \
	"# TYPE sluice_metrics_refused_total counter\n"                                            \
	"sluice_metrics_refused_total "

static void assert_metrics(struct metrics *m, const char *expected)
{
	_cleanup_(buf_release) struct buf out = BUF_INIT(1 << 20);

	metrics_write(m, &out);
	assert_string_equal(buf_cstr(&out), expected);
}

static void test_exposition(void **state)
{
	static const uint64_t bounds[] = {10, 100};
	static double seven = 7.25;
	struct metrics *m;

	(void)state;
	assert_int_equal(metrics_new(&m), 0);
	struct counter *b = metrics_counter(m, "b_total", "Of b,\nand \\.", NO_LABELS);
	struct counter *a1 = metrics_counter(m, "a_total", "Of a.", LABELS({"x", SPAN("1")}));
	struct counter *a2 = metrics_counter(m, "a_total", "Of a.",
					     LABELS({"x", SPAN("q\"\\\n")}, {"y", SPAN("ü")}));
	struct gauge *g = metrics_gauge(m, "g", "A gauge.", NO_LABELS);
	struct histogram *h = metrics_histogram(m, "h_seconds", "Time.", LABELS({"x", SPAN("1")}),
						bounds, 2, 0.001);

	assert_ptr_equal(metrics_counter(m, "a_total", "Of a.", LABELS({"x", SPAN("1")})), a1);
	assert_int_equal(metrics_read(m, "r", "Read.", NO_LABELS, false, read_seven, &seven), 0);
	counter_add(b, 3);
	counter_add(a2, UINT64_MAX);
	gauge_set(g, -5);
	gauge_add(g, 2);
	histogram_observe(h, 10);
	histogram_observe(h, 11);
	histogram_observe(h, 2000);
	assert_metrics(m, "# HELP a_total Of a.\n"
			  "# TYPE a_total counter\n"
			  "a_total{x=\"1\"} 0\n"
			  "a_total{x=\"q\\\"\\\\\\n\",y=\"ü\"} 18446744073709551615\n"
			  "# HELP b_total Of b,\\nand \\\\.\n"
			  "# TYPE b_total counter\n"
			  "b_total 3\n"
			  "# HELP g A gauge.\n"
			  "# TYPE g gauge\n"
			  "g -3\n"
			  "# HELP h_seconds Time.\n"
			  "# TYPE h_seconds histogram\n"
			  "h_seconds_bucket{x=\"1\",le=\"0.01\"} 1\n"
			  "h_seconds_bucket{x=\"1\",le=\"0.1\"} 2\n"
			  "h_seconds_bucket{x=\"1\",le=\"+Inf\"} 3\n"
			  "h_seconds_sum{x=\"1\"} 2.021\n"
			  "h_seconds_count{x=\"1\"} 3\n"
			  "# HELP r Read.\n"
			  "# TYPE r gauge\n"
			  "r 7.25\n" REFUSED "0\n");
	metrics_remove(m, a1);
	metrics_remove(m, h);
	metrics_remove(m, &seven);
	metrics_remove(m, b);
	metrics_remove(m, NULL);
	metrics_remove(m, g);
	assert_metrics(m,
		       "# HELP a_total Of a.\n"
		       "# TYPE a_total counter\n"
		       "a_total{x=\"q\\\"\\\\\\n\",y=\"ü\"} 18446744073709551615\n" REFUSED "0\n");
	/* The place of a removed one can be taken again. */
	a1 = metrics_counter(m, "a_total", "Of a.", LABELS({"x", SPAN("1")}));
	assert_int_equal(counter_get(a1), 0);
	metrics_free(m);
}

static void test_cap(void **state)
{
	_cleanup_(buf_release) struct buf out = BUF_INIT(8 << 20);
	struct metrics *m;
	char text[32];

	(void)state;
	assert_int_equal(metrics_new(&m), 0);
	for (int i = 0; i < METRICS_SERIES_MAX + 3; i++) {
		snprintf(text, sizeof(text), "%d", i);
		struct gauge *g = metrics_gauge(m, "g", "Many.", LABELS({"file", span_cstr(text)}));

		assert_int_equal(!g, i >= METRICS_SERIES_MAX);
		gauge_set(g, i);
	}
	counter_add(NULL, 1);
	histogram_observe(NULL, 1);
	metrics_write(m, &out);
	assert_non_null(strstr(buf_cstr(&out), REFUSED "3\n"));
	metrics_free(m);
}

static void *add_many(void *arg)
{
	for (int i = 0; i < 10000; i++) {
		counter_add(metrics_counter(arg, "n_total", "N.", NO_LABELS), 1);
		histogram_observe(metrics_histogram(arg, "h", "H.", NO_LABELS, NULL, 0, 1e-9),
				  (uint64_t)i);
	}
	return NULL;
}

static void test_threads(void **state)
{
	_cleanup_(buf_release) struct buf out = BUF_INIT(8 << 20);
	pthread_t threads[4];
	struct metrics *m;

	(void)state;
	assert_int_equal(metrics_new(&m), 0);
	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, add_many, m), 0);
	metrics_write(m, &out);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	buf_reset(&out);
	metrics_write(m, &out);
	assert_non_null(strstr(buf_cstr(&out), "\nn_total 40000\n"));
	assert_non_null(strstr(buf_cstr(&out), "\nh_count 40000\n"));
	metrics_free(m);
}

static bool health_is(struct health *h, enum health_kind kind, const char *expected)
{
	_cleanup_(buf_release) struct buf out = BUF_INIT(1 << 16);
	bool good = health_write(h, kind, &out);

	assert_string_equal(buf_cstr(&out), expected);
	assert_int_equal(good, health_write(h, kind, NULL));
	return good;
}

static void test_health(void **state)
{
	struct health *h;

	(void)state;
	clock_fake(0, 0);
	assert_int_equal(health_new(&h), 0);
	assert_true(health_is(h, HEALTH_LIVE, ""));
	struct health_check *loop = health_add(h, "loop", HEALTH_LIVE | HEALTH_READY);
	struct health_check *kafka = health_add(h, "kafka", HEALTH_READY);

	assert_false(health_is(h, HEALTH_READY, "bad  loop: starting\nbad  kafka: starting\n"));
	health_good(loop);
	health_bad(kafka, "%d brokers down", 3);
	assert_true(health_is(h, HEALTH_LIVE, "ok   loop\n"));
	assert_false(health_is(h, HEALTH_READY, "ok   loop\nbad  kafka: 3 brokers down\n"));
	health_good(kafka);
	assert_true(health_is(h, HEALTH_READY, "ok   loop\nok   kafka\n"));

	health_expire(loop, 10 * NS_PER_SEC);
	clock_fake(0, 10 * NS_PER_SEC);
	assert_true(health_is(h, HEALTH_LIVE, "ok   loop\n"));
	clock_fake(0, 12 * NS_PER_SEC);
	assert_false(health_is(h, HEALTH_LIVE, "bad  loop: no progress for 12 s\n"));
	health_good(loop);
	assert_true(health_is(h, HEALTH_LIVE, "ok   loop\n"));
	health_free(h);
	health_free(NULL);
	clock_unfake();
}

/* A socket that stands for the service manager's, at $NOTIFY_SOCKET. */
static int manager(const char *name)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	socklen_t len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name));
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
	const void *at = &address;

	memcpy(address.sun_path, name, strlen(name));
	if (name[0] == '@')
		address.sun_path[0] = '\0';
	assert_int_equal(bind(fd, at, len + (name[0] == '/')), 0);
	setenv("NOTIFY_SOCKET", name, 1);
	return fd;
}

static void assert_told(int fd, const char *expected)
{
	char text[2048];
	ssize_t n = recv(fd, text, sizeof(text) - 1, MSG_DONTWAIT);

	assert_true(n >= 0);
	text[n] = '\0';
	assert_string_equal(text, expected);
}

static void test_notify(void **state)
{
	char dir[] = "/tmp/test_ops.XXXXXX", path[64], text[256], name[64];

	(void)state;
	unsetenv("NOTIFY_SOCKET");
	assert_int_equal(notify_ready("x"), 0);
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/notify", dir);
	snprintf(name, sizeof(name), "@sluice-test-%d", (int)getpid());
	const char *const names[] = {path, name};

	for (size_t i = 0; i < 2; i++) {
		_cleanup_close_ int fd = manager(names[i]);

		assert_int_equal(notify_ready("watching %d files\nREADY=0", 3), 1);
		assert_told(fd, "READY=1\nSTATUS=watching 3 files READY=0");
		assert_int_equal(notify_status("kafka down"), 1);
		assert_told(fd, "STATUS=kafka down");
		assert_int_equal(notify_watchdog(), 1);
		assert_told(fd, "WATCHDOG=1");
		assert_int_equal(notify_stopping(), 1);
		assert_told(fd, "STOPPING=1");
		assert_int_equal(notify_reloading(), 1);
		ssize_t n = recv(fd, text, sizeof(text) - 1, MSG_DONTWAIT);

		assert_true(n > 0);
		text[n] = '\0';
		assert_non_null(strstr(text, "RELOADING=1\nMONOTONIC_USEC="));
	}
	unlink(path);
	assert_true(notify_watchdog() < 0); /* nobody listens any more */
	setenv("NOTIFY_SOCKET", "relative", 1);
	assert_int_equal(notify_watchdog(), -EINVAL);
	unsetenv("NOTIFY_SOCKET");
	rmdir(dir);
}

static void test_watchdog_interval(void **state)
{
	char pid[32];

	(void)state;
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
	assert_int_equal(notify_watchdog_ns(), 0);
	setenv("WATCHDOG_USEC", "30000000", 1);
	assert_int_equal(notify_watchdog_ns(), 30 * NS_PER_SEC);
	snprintf(pid, sizeof(pid), "%d", (int)getpid());
	setenv("WATCHDOG_PID", pid, 1);
	assert_int_equal(notify_watchdog_ns(), 30 * NS_PER_SEC);
	setenv("WATCHDOG_PID", "1", 1);
	assert_int_equal(notify_watchdog_ns(), 0);
	unsetenv("WATCHDOG_PID");
	setenv("WATCHDOG_USEC", "99999999999999999999", 1);
	assert_int_equal(notify_watchdog_ns(), 0);
	unsetenv("WATCHDOG_USEC");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_exposition), cmocka_unit_test(test_cap),
		cmocka_unit_test(test_threads),    cmocka_unit_test(test_health),
		cmocka_unit_test(test_notify),     cmocka_unit_test(test_watchdog_interval),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
