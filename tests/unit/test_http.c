/* HTTP against real sockets: routes, limits, streams, clients that go away. */
#include "common/base/buf.h"
#include "common/base/cleanup.h"
#include "common/ops/http.h"
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cmocka.h>

#define WAIT_MS 20000

/* What the handlers and the test tell each other. */
struct world {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	int ended, completed, cancelled;
	uint64_t pulled; /* bytes that the endless stream made */
	bool computing;  /* the slow stream is inside pull() */
	int wake_fd;
	int sent; /* lines of the live stream */
	char dir[64], path[96];
	struct http_server *server;
};

static struct world world = {.lock = PTHREAD_MUTEX_INITIALIZER,
			     .changed = PTHREAD_COND_INITIALIZER};

static void change(int *counter, int by)
{
	pthread_mutex_lock(&world.lock);
	*counter += by;
	pthread_cond_broadcast(&world.changed);
	pthread_mutex_unlock(&world.lock);
}

/* Wait until the counter has the value; the test's timeout is the limit. */
static void await(const int *counter, int value)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += WAIT_MS / 1000;
	pthread_mutex_lock(&world.lock);
	while (*counter < value)
		if (pthread_cond_timedwait(&world.changed, &world.lock, &until) == ETIMEDOUT)
			break;
	int seen = *counter;

	pthread_mutex_unlock(&world.lock);
	assert_int_equal(seen, value);
}

static void on_end(void *ctx, bool complete)
{
	(void)ctx;
	pthread_mutex_lock(&world.lock);
	world.completed += complete;
	world.ended++;
	pthread_cond_broadcast(&world.changed);
	pthread_mutex_unlock(&world.lock);
}

static void on_cancel(void *ctx)
{
	(void)ctx;
	change(&world.cancelled, 1);
}

static int hello(void *ctx, struct http_request *req)
{
	struct span name = http_param(req, "name");
	struct buf out = BUF_INIT(4096);

	assert_ptr_equal(ctx, &world);
	http_add_header(req, "X-Test", "yes");
	buf_printf(&out, "%.*s %.*s [%.*s]\n", SPAN_FMT(http_method(req)), SPAN_FMT(http_path(req)),
		   SPAN_FMT(name));
	for (size_t i = 1; (name = http_param_at(req, "name", i)).ptr; i++)
		buf_printf(&out, "and %.*s\n", SPAN_FMT(name));
	int r = http_reply(req, 200, "text/plain", buf_span(&out));

	buf_release(&out);
	return r;
}

static int echo(void *ctx, struct http_request *req)
{
	(void)ctx;
	return http_reply(req, 200, "application/octet-stream", http_body(req));
}

static int broken(void *ctx, struct http_request *req)
{
	(void)ctx;
	(void)req;
	return -ENOSPC;
}

static int who(void *ctx, struct http_request *req)
{
	struct http_peer peer;
	struct buf out = BUF_INIT(4096);

	(void)ctx;
	http_peer(req, &peer);
	buf_printf(&out, "%d %d %d", peer.local, peer.local && peer.uid == getuid(),
		   peer.pid == getpid());
	int r = http_reply(req, 200, "text/plain", buf_span(&out));

	buf_release(&out);
	return r;
}

/* 1000 numbered lines, in pieces that don't fit the buffer. */
static ssize_t pull_lines(void *ctx, char *to, size_t max)
{
	int *at = ctx;
	size_t n = 0;

	if (*at == 1000)
		return HTTP_END;
	while (*at < 1000 && max - n > 16 && n < 300)
		n += (size_t)snprintf(to + n, max - n, "{\"n\":%d}\n", (*at)++);
	return (ssize_t)n;
}

static int lines(void *ctx, struct http_request *req)
{
	static int at;
	struct http_stream s = {
		.type = "application/x-ndjson", .pull = pull_lines, .end = on_end, .ctx = &at};

	(void)ctx;
	at = 0;
	return http_reply_stream(req, 200, &s);
}

static ssize_t pull_endless(void *ctx, char *to, size_t max)
{
	(void)ctx;
	memset(to, 'x', max);
	pthread_mutex_lock(&world.lock);
	world.pulled += max;
	pthread_mutex_unlock(&world.lock);
	return (ssize_t)max;
}

static int endless(void *ctx, struct http_request *req)
{
	struct http_stream s = {
		.type = "text/plain", .pull = pull_endless, .cancel = on_cancel, .end = on_end};

	(void)ctx;
	return http_reply_stream(req, 200, &s);
}

/* Computes until it is cancelled: what a long query does. */
static ssize_t pull_slow(void *ctx, char *to, size_t max)
{
	(void)ctx;
	(void)to;
	(void)max;
	pthread_mutex_lock(&world.lock);
	world.computing = true;
	pthread_cond_broadcast(&world.changed);
	while (!world.cancelled)
		pthread_cond_wait(&world.changed, &world.lock);
	pthread_mutex_unlock(&world.lock);
	return HTTP_ABORT;
}

static int slow(void *ctx, struct http_request *req)
{
	struct http_stream s = {
		.type = "text/plain", .pull = pull_slow, .cancel = on_cancel, .end = on_end};

	(void)ctx;
	return http_reply_stream(req, 200, &s);
}

/* A line for each wake-up, three in all. */
static ssize_t pull_live(void *ctx, char *to, size_t max)
{
	uint64_t n;

	(void)ctx;
	if (world.sent == 3)
		return HTTP_END;
	if (read(world.wake_fd, &n, sizeof(n)) < 0)
		return 0;
	return snprintf(to, max, "line %d\n", world.sent++);
}

static int live(void *ctx, struct http_request *req)
{
	struct http_stream s = {.type = "text/plain",
				.pull = pull_live,
				.cancel = on_cancel,
				.end = on_end,
				.wait_fd = world.wake_fd};

	(void)ctx;
	world.sent = 0;
	return http_reply_stream(req, 200, &s);
}

/* Works before its first byte until nobody waits for it. */
static int patient(void *ctx, struct http_request *req)
{
	(void)ctx;
	pthread_mutex_lock(&world.lock);
	world.computing = true;
	pthread_cond_broadcast(&world.changed);
	pthread_mutex_unlock(&world.lock);
	while (!http_gone(req))
		poll(NULL, 0, 10);
	return http_reply(req, 503, "text/plain", SPAN("gone"));
}

static ssize_t pull_broken(void *ctx, char *to, size_t max)
{
	int *at = ctx;

	return (*at)++ ? HTTP_ABORT : snprintf(to, max, "half\n");
}

static int half(void *ctx, struct http_request *req)
{
	static int at;
	struct http_stream s = {
		.type = "text/plain", .pull = pull_broken, .end = on_end, .ctx = &at};

	(void)ctx;
	at = 0;
	return http_reply_stream(req, 200, &s);
}

static const struct http_route routes[] = {
	{.method = "GET", .path = "/hello", .handle = hello},
	{.method = "GET|POST", .path = "/under/*", .handle = hello},
	{.method = "POST", .path = "/echo", .handle = echo, .body_max = 1000},
	{.method = "GET", .path = "/broken", .handle = broken},
	{.method = "GET", .path = "/who", .handle = who},
	{.method = "GET", .path = "/lines", .handle = lines},
	{.method = "GET", .path = "/endless", .handle = endless},
	{.method = "GET", .path = "/slow", .handle = slow},
	{.method = "GET", .path = "/patient", .handle = patient},
	{.method = "GET", .path = "/live", .handle = live},
	{.method = "GET", .path = "/half", .handle = half},
	{0},
};

static int setup(void **state)
{
	struct http_conf conf = {.listen = "127.0.0.1:0", .unix_path = world.path, .timeout_s = 2};
	struct err err;

	(void)state;
	snprintf(world.dir, sizeof(world.dir), "/tmp/test_http.XXXXXX");
	if (!mkdtemp(world.dir))
		return -1;
	snprintf(world.path, sizeof(world.path), "%s/http.sock", world.dir);
	world.wake_fd = eventfd(0, EFD_NONBLOCK | EFD_SEMAPHORE);
	return http_open(&conf, routes, &world, &world.server, &err);
}

static int teardown(void **state)
{
	(void)state;
	http_close(world.server);
	close(world.wake_fd);
	return rmdir(world.dir);
}

static int reset(void **state)
{
	(void)state;
	world.ended = world.completed = world.cancelled = 0;
	world.pulled = 0;
	world.computing = false;
	return 0;
}

static int dial(bool local)
{
	struct sockaddr_in v4 = {.sin_family = AF_INET,
				 .sin_port = htons((uint16_t)http_port(world.server)),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	int fd = socket(local ? AF_UNIX : AF_INET, SOCK_STREAM, 0);
	const void *at = local ? (const void *)&un : (const void *)&v4;

	snprintf(un.sun_path, sizeof(un.sun_path), "%s", world.path);
	assert_int_equal(connect(fd, at, local ? sizeof(un) : sizeof(v4)), 0);
	return fd;
}

static void say(int fd, struct span text)
{
	while (text.len) {
		ssize_t n = send(fd, text.ptr, text.len, MSG_NOSIGNAL);

		if (n < 0)
			return; /* the server may have answered and closed */
		text = span_skip(text, (size_t)n);
	}
}

/* What comes until `needle` or the end. */
static void hear(int fd, const char *needle, struct buf *out)
{
	char piece[4096];
	struct pollfd pfd = {.fd = fd, .events = POLLIN};

	while (!needle || span_find(buf_span(out), span_cstr(needle)) < 0) {
		assert_int_equal(poll(&pfd, 1, WAIT_MS), 1);
		ssize_t n = recv(fd, piece, sizeof(piece), 0);

		if (n <= 0)
			break;
		buf_put(out, piece, (size_t)n);
	}
}

/* One request, the whole answer. */
static const char *ask(bool local, const char *head, struct span body, struct buf *out)
{
	_cleanup_close_ int fd = dial(local);
	_cleanup_(buf_release) struct buf request = BUF_INIT(1 << 24);

	buf_printf(&request, "%s\r\nConnection: close\r\n", head);
	if (body.len)
		buf_printf(&request, "Content-Length: %zu\r\n", body.len);
	buf_puts(&request, SPAN("\r\n"));
	buf_puts(&request, body);
	say(fd, buf_span(&request));
	buf_reset(out);
	hear(fd, NULL, out);
	return buf_cstr(out);
}

#define HAS(text, part) assert_non_null(strstr((text), (part)))
#define GET(path)       "GET " path " HTTP/1.1\r\nHost: localhost"

static void test_routes(void **state)
{
	_cleanup_(buf_release) struct buf out = BUF_INIT(1 << 20);
	const char *got = ask(false, GET("/hello?name=a%20b&x=1"), SPAN(""), &out);

	(void)state;
	HAS(got, "HTTP/1.1 200 ");
	HAS(got, "X-Test: yes");
	HAS(got, "GET /hello [a b]\n");
	HAS(ask(true, GET("/under/a/b"), SPAN(""), &out), "GET /under/a/b []\n");
	HAS(ask(false, GET("/nothing"), SPAN(""), &out), "HTTP/1.1 404 ");
	HAS(ask(false, GET("/hello/"), SPAN(""), &out), "HTTP/1.1 404 ");
	HAS(ask(false, "DELETE /hello HTTP/1.1\r\nHost: x", SPAN(""), &out), "HTTP/1.1 4");
	got = ask(false, "POST /hello HTTP/1.1\r\nHost: [::1]:9", SPAN("x=1"), &out);
	HAS(got, "HTTP/1.1 405 ");
	HAS(got, "Allow: GET, HEAD\r\n");
	HAS(got, "{\"error\":\"POST is not for this path: GET, HEAD\"}\n");
	HAS(ask(false, "OPTIONS /under/x HTTP/1.1\r\nHost: localhost", SPAN(""), &out),
	    "Allow: GET, HEAD, POST\r\n");
	got = ask(false, GET("/broken"), SPAN(""), &out);
	HAS(got, "HTTP/1.1 500 ");
	HAS(got, "{\"error\":\"No space left on device\"}\n");
	got = ask(false, "HEAD /hello HTTP/1.1\r\nHost: localhost", SPAN(""), &out);
	HAS(got, "HTTP/1.1 200 ");
	assert_null(strstr(got, "/hello"));
}

static void test_bodies(void **state)
{
	_cleanup_(buf_release) struct buf out = BUF_INIT(1 << 20);
	static const char form[] = "POST /under/form HTTP/1.1\r\nHost: localhost\r\n"
				   "Content-Type: application/x-www-form-urlencoded";
	static char large[5000];
	const char *got;

	(void)state;
	memset(large, 'y', sizeof(large));
	HAS(ask(false, form, SPAN("x=1&name=a+%22b%2"), &out), "[a \"b%2]");
	got = ask(false,
		  "POST /under/form?name=url&name HTTP/1.1\r\nHost: localhost\r\n"
		  "content-type: Application/X-WWW-Form-Urlencoded; charset=utf-8",
		  SPAN("name=body&&%6eame=two"), &out);
	HAS(got, "[body]\nand two\nand url\nand \n");
	HAS(ask(false, "POST /echo HTTP/1.1\r\nHost: localhost", SPAN("abc"), &out), "\r\n\r\nabc");
	got = ask(false, "POST /echo HTTP/1.1\r\nHost: localhost", span_of(large, 1000), &out);
	HAS(got, "HTTP/1.1 200 ");
	got = ask(false, "POST /echo HTTP/1.1\r\nHost: localhost", span_of(large, 1001), &out);
	HAS(got, "HTTP/1.1 413 ");
	/* Without a length the size shows only as it comes. */
	_cleanup_close_ int fd = dial(false);
	_cleanup_(buf_release) struct buf chunked = BUF_INIT(1 << 20);

	buf_printf(&chunked,
		   "POST /echo HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
		   "Transfer-Encoding: chunked\r\n\r\n%zx\r\n%.*s\r\n0\r\n\r\n",
		   sizeof(large), (int)sizeof(large), large);
	say(fd, buf_span(&chunked));
	buf_reset(&out);
	hear(fd, NULL, &out);
	HAS(buf_cstr(&out), "HTTP/1.1 413 ");
}

/* A refusal reaches a client that writes its body first and reads then. */
static void test_refusal_behind_body(void **state)
{
	_cleanup_(buf_release) struct buf out = BUF_INIT(1 << 20), body = BUF_INIT(1 << 22);
	const char *got;

	(void)state;
	while (body.len < 3 << 20)
		buf_puts(&body, SPAN("nothing that anybody asked for, "));
	got = ask(false, "POST /echo HTTP/1.1\r\nHost: localhost", buf_span(&body), &out);
	HAS(got, "HTTP/1.1 413 ");
	HAS(got, "at most 1000 bytes");
	HAS(ask(false, "POST /nothing HTTP/1.1\r\nHost: localhost", buf_span(&body), &out),
	    "HTTP/1.1 404 ");
	/* Who asks first is told at once. */
	_cleanup_close_ int fd = dial(false);

	say(fd, SPAN("POST /echo HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\n"
		     "Content-Length: 3000\r\n\r\n"));
	buf_reset(&out);
	hear(fd, "}\n", &out);
	HAS(buf_cstr(&out), "HTTP/1.1 413 ");
	assert_null(strstr(buf_cstr(&out), "100 Continue"));
}

static void test_too_many_params(void **state)
{
	_cleanup_(buf_release) struct buf out = BUF_INIT(1 << 20), body = BUF_INIT(1 << 20);
	static const char form[] = "POST /under/form HTTP/1.1\r\nHost: localhost\r\n"
				   "Content-Type: application/x-www-form-urlencoded";

	(void)state;
	for (int i = 0; i < 1000; i++)
		buf_puts(&body, SPAN("a=1&"));
	HAS(ask(false, form, buf_span(&body), &out), "HTTP/1.1 200 ");
	buf_puts(&body, SPAN("a=1"));
	HAS(ask(false, form, buf_span(&body), &out), "HTTP/1.1 400 ");
}

static void test_limits(void **state)
{
	_cleanup_(buf_release) struct buf out = BUF_INIT(1 << 20), head = BUF_INIT(1 << 20);

	(void)state;
	buf_puts(&head, SPAN(GET("/hello") "\r\nX-Long: "));
	for (int i = 0; i < 40000; i++)
		buf_putc(&head, 'a');
	HAS(ask(false, buf_cstr(&head), SPAN(""), &out), "HTTP/1.1 431 ");
	HAS(ask(false, "GET /hello HTTP/1.1\r\nHost: evil.example:80", SPAN(""), &out),
	    "HTTP/1.1 421 ");
	HAS(ask(true, "GET /hello HTTP/1.1\r\nHost: any.example", SPAN(""), &out), "HTTP/1.1 200 ");
	/* A client that says half a request is let go after the timeout. */
	_cleanup_close_ int fd = dial(false);

	say(fd, SPAN("GET /hel"));
	buf_reset(&out);
	hear(fd, NULL, &out);
	assert_null(strstr(buf_cstr(&out), "200"));
}

/* A line of headers now and then is no progress. */
static void test_trickle(void **state)
{
	_cleanup_close_ int fd = dial(false);
	struct pollfd pfd = {.fd = fd, .events = POLLIN};
	char byte;

	(void)state;
	say(fd, SPAN(GET("/hello") "\r\n"));
	for (int i = 0; poll(&pfd, 1, 100) == 0; i++) {
		assert_true(i < WAIT_MS / 100);
		say(fd, SPAN("X: y\r\n"));
	}
	assert_true(recv(fd, &byte, 1, 0) <= 0);
}

static void test_peer(void **state)
{
	_cleanup_(buf_release) struct buf out = BUF_INIT(1 << 20);
	struct stat st;

	(void)state;
	HAS(ask(true, GET("/who"), SPAN(""), &out), "\r\n\r\n1 1 1");
	HAS(ask(false, GET("/who"), SPAN(""), &out), "\r\n\r\n0 0 0");
	assert_int_equal(stat(world.path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0660);
}

static void test_stream(void **state)
{
	_cleanup_(buf_release) struct buf out = BUF_INIT(1 << 20);
	/* HTTP/1.0 gets no chunks: the body is the lines and nothing else. */
	const char *got = ask(true, "GET /lines HTTP/1.0", SPAN(""), &out);
	const char *body = strstr(got, "\r\n\r\n");
	int n = 0;

	(void)state;
	HAS(got, "application/x-ndjson");
	assert_non_null(body);
	for (const char *at = body + 4; *at; at = strchr(at, '\n') + 1) {
		char line[32];

		snprintf(line, sizeof(line), "{\"n\":%d}\n", n++);
		assert_memory_equal(at, line, strlen(line));
	}
	assert_int_equal(n, 1000);
	await(&world.ended, 1);
	assert_int_equal(world.completed, 1);
	HAS(ask(false, GET("/lines"), SPAN(""), &out), "\r\n0\r\n\r\n");
	await(&world.completed, 2);
}

/* What a reader does not take is not made: socket buffers and a block, no more. */
static void test_back_pressure(void **state)
{
	_cleanup_(buf_release) struct buf out = BUF_INIT(1 << 24);
	int fd = dial(true);
	uint64_t before, after = 0;

	(void)state;
	say(fd, SPAN("GET /endless HTTP/1.0\r\n\r\n"));
	hear(fd, "xxxx", &out);
	/* Nobody reads now: the server stops, and cuts the line after its timeout. */
	await(&world.ended, 1);
	assert_int_equal(world.completed, 0);
	pthread_mutex_lock(&world.lock);
	before = world.pulled;
	pthread_mutex_unlock(&world.lock);
	assert_true(before < 8 << 20);
	hear(fd, NULL, &out);
	after = world.pulled;
	assert_int_equal(before, after);
	close(fd);
}

static void test_client_gone(void **state)
{
	_cleanup_(buf_release) struct buf out = BUF_INIT(1 << 20);
	int fd;

	for (int local = 0; local < 2; local++) {
		reset(state);
		fd = dial(local);
		say(fd, SPAN(GET("/slow") "\r\n\r\n"));
		pthread_mutex_lock(&world.lock);
		while (!world.computing)
			pthread_cond_wait(&world.changed, &world.lock);
		pthread_mutex_unlock(&world.lock);
		close(fd);
		await(&world.cancelled, 1);
		await(&world.ended, 1);
		assert_int_equal(world.completed, 0);
	}
	/* While it waits for more. */
	reset(state);
	fd = dial(true);
	say(fd, SPAN(GET("/live") "\r\n\r\n"));
	hear(fd, "\r\n\r\n", &out);
	close(fd);
	await(&world.ended, 1);
}

static void test_live(void **state)
{
	_cleanup_(buf_release) struct buf out = BUF_INIT(1 << 20);
	_cleanup_close_ int fd = dial(false);
	uint64_t one = 1;

	(void)state;
	say(fd, SPAN("GET /live HTTP/1.0\r\n\r\n"));
	for (int i = 0; i < 3; i++) {
		char line[32];

		assert_int_equal(write(world.wake_fd, &one, sizeof(one)), sizeof(one));
		snprintf(line, sizeof(line), "line %d\n", i);
		hear(fd, line, &out);
		HAS(buf_cstr(&out), line);
	}
	await(&world.completed, 1);
}

static void test_abort_is_seen(void **state)
{
	_cleanup_(buf_release) struct buf out = BUF_INIT(1 << 20);
	const char *got = ask(false, GET("/half"), SPAN(""), &out);

	(void)state;
	HAS(got, "half\n");
	assert_null(strstr(got, "\r\n0\r\n")); /* the last chunk is missing */
	await(&world.ended, 1);
	assert_int_equal(world.completed, 0);
}

/* Streams, and handlers that did not come to one yet. */
static void test_close_cancels(void **state)
{
	static const char *const heads[] = {GET("/slow") "\r\n\r\n", GET("/patient") "\r\n\r\n"};
	struct http_conf conf = {.listen = "localhost:0"};
	struct http_server *kept = world.server;
	struct err err;

	for (size_t i = 0; i < 2; i++) {
		reset(state);
		assert_int_equal(http_open(&conf, routes, &world, &world.server, &err), 0);
		_cleanup_close_ int fd = dial(false);

		say(fd, span_cstr(heads[i]));
		pthread_mutex_lock(&world.lock);
		while (!world.computing)
			pthread_cond_wait(&world.changed, &world.lock);
		pthread_mutex_unlock(&world.lock);
		http_close(world.server);
		assert_int_equal(world.ended, i == 0);
	}
	world.server = kept;
}

static void test_bad_addresses(void **state)
{
	static const char *const bad[] = {"0.0.0.0:0",
					  "[::]:0",
					  "192.0.2.1:80",
					  "example.org:80",
					  "127.0.0.1",
					  "127.0.0.1:65536",
					  ":",
					  "",
					  "[::1:0"};
	struct http_conf conf = {0};
	struct http_server *server;
	struct err err;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		conf.listen = bad[i];
		assert_true(http_open(&conf, routes, NULL, &server, &err) < 0);
	}
	conf = (struct http_conf){.unix_path = world.path};
	assert_int_equal(http_open(&conf, routes, NULL, &server, &err), -EADDRINUSE);
	conf.unix_path = world.dir;
	assert_int_equal(http_open(&conf, routes, NULL, &server, &err), -EEXIST);
	/* A stale socket file is taken over. */
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)];

	snprintf(path, sizeof(path), "%.60s/stale", world.dir);
	struct sockaddr_un un = {.sun_family = AF_UNIX};

	snprintf(un.sun_path, sizeof(un.sun_path), "%s", path);
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	const void *at = &un;

	assert_int_equal(bind(fd, at, sizeof(un)), 0);
	close(fd);
	conf.unix_path = path;
	assert_int_equal(http_open(&conf, routes, NULL, &server, &err), 0);
	http_close(server);
	assert_int_equal(access(path, F_OK), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_routes, reset),
		cmocka_unit_test_setup(test_bodies, reset),
		cmocka_unit_test_setup(test_refusal_behind_body, reset),
		cmocka_unit_test_setup(test_too_many_params, reset),
		cmocka_unit_test_setup(test_limits, reset),
		cmocka_unit_test_setup(test_trickle, reset),
		cmocka_unit_test_setup(test_peer, reset),
		cmocka_unit_test_setup(test_stream, reset),
		cmocka_unit_test_setup(test_back_pressure, reset),
		cmocka_unit_test_setup(test_client_gone, reset),
		cmocka_unit_test_setup(test_live, reset),
		cmocka_unit_test_setup(test_abort_is_seen, reset),
		cmocka_unit_test_setup(test_close_cancels, reset),
		cmocka_unit_test_setup(test_bad_addresses, reset),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
