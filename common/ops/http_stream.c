/*
 * Streams.  libmicrohttpd's thread of the connection pulls when the socket has
 * room.  One watcher thread has an epoll on the clients of all streams, because
 * while a producer computes nobody else would notice that its client hung up;
 * and once a second it looks for clients that stopped reading, and for those
 * whose request takes longer than the timeout to come.
 */
#include "common/base/check.h"
#include "common/base/cleanup.h"
#include "common/base/clock.h"
#include "common/ops/http_internal.h"
#include <errno.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#define BLOCK_SIZE (64u << 10)
#define EVENTS     16

/* server->lock is held, so that cancel() never runs after end(). */
static void cancel(struct http_request *req)
{
	if (req->cancelled)
		return;
	req->cancelled = true;
	if (req->stream.cancel)
		req->stream.cancel(req->stream.ctx);
}

static void cancel_stalled(struct http_server *server)
{
	int64_t limit = clock_mono_ns() - (int64_t)server->conf.timeout_s * NS_PER_SEC;

	pthread_mutex_lock(&server->lock);
	for (struct http_request *req = server->streams; req; req = req->next) {
		if (req->pulling || req->progress_ns > limit)
			continue;
		cancel(req);
		/* Wakes libmicrohttpd, which waits for room in the socket. */
		shutdown(req->fd, SHUT_RDWR);
	}
	pthread_mutex_unlock(&server->lock);
}

/* Bytes that trickle are progress for libmicrohttpd, and a request may have many. */
static void cut_trickling(struct http_server *server)
{
	int64_t limit = clock_mono_ns() - (int64_t)server->conf.timeout_s * NS_PER_SEC;

	pthread_mutex_lock(&server->lock);
	for (struct http_line *line = server->lines; line; line = line->next)
		if (line->waits_ns && line->waits_ns <= limit)
			shutdown(line->fd, SHUT_RDWR);
	pthread_mutex_unlock(&server->lock);
}

struct http_line *http_line_add(struct http_server *server, int fd)
{
	struct http_line *line = calloc(1, sizeof(*line));

	if (!line)
		return NULL;
	*line = (struct http_line){.server = server, .fd = fd, .waits_ns = clock_mono_ns()};
	pthread_mutex_lock(&server->lock);
	line->next = server->lines;
	line->before = &server->lines;
	if (line->next)
		line->next->before = &line->next;
	server->lines = line;
	pthread_mutex_unlock(&server->lock);
	return line;
}

void http_line_remove(struct http_line *line)
{
	if (!line)
		return;
	pthread_mutex_lock(&line->server->lock);
	*line->before = line->next;
	if (line->next)
		line->next->before = line->before;
	pthread_mutex_unlock(&line->server->lock);
	free(line);
}

void http_line_waits(struct http_line *line, bool waits)
{
	if (!line)
		return;
	pthread_mutex_lock(&line->server->lock);
	line->waits_ns = waits ? clock_mono_ns() : 0;
	pthread_mutex_unlock(&line->server->lock);
}

static void cancel_gone(struct http_server *server, const struct http_request *gone)
{
	pthread_mutex_lock(&server->lock);
	for (struct http_request *req = server->streams; req; req = req->next)
		if (req == gone)
			cancel(req);
	pthread_mutex_unlock(&server->lock);
}

static void *watch(void *arg)
{
	struct http_server *server = arg;
	struct epoll_event events[EVENTS];

	for (;;) {
		int n = epoll_wait(server->epoll_fd, events, EVENTS, 1000);

		for (int i = 0; i < n; i++) {
			if (!events[i].data.ptr)
				return NULL;
			cancel_gone(server, events[i].data.ptr);
		}
		cancel_stalled(server);
		cut_trickling(server);
	}
}

int http_watch_start(struct http_server *server, struct err *reterr)
{
	struct epoll_event stop = {.events = EPOLLIN};

	server->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	server->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (server->epoll_fd < 0 || server->stop_fd < 0 ||
	    epoll_ctl(server->epoll_fd, EPOLL_CTL_ADD, server->stop_fd, &stop) < 0)
		return err_set(reterr, -errno, "http: %s", strerror(errno));
	int r = pthread_create(&server->watcher, NULL, watch, server);

	if (r)
		return err_set(reterr, -r, "http: cannot start a thread: %s", strerror(r));
	server->watching = true;
	return 0;
}

void http_watch_cancel(struct http_server *server)
{
	uint64_t one = 1;

	if (server->stop_fd >= 0)
		CHECK(write(server->stop_fd, &one, sizeof(one)) == sizeof(one));
	pthread_mutex_lock(&server->lock);
	for (struct http_request *req = server->streams; req; req = req->next)
		cancel(req);
	pthread_mutex_unlock(&server->lock);
}

void http_watch_stop(struct http_server *server)
{
	if (server->watching)
		pthread_join(server->watcher, NULL);
	if (server->epoll_fd >= 0)
		close(server->epoll_fd);
	if (server->stop_fd >= 0)
		close(server->stop_fd);
}

static void watch_add(struct http_request *req)
{
	struct http_server *server = req->server;
	struct epoll_event event = {.events = EPOLLRDHUP | EPOLLONESHOT, .data.ptr = req};

	pthread_mutex_lock(&server->lock);
	req->streaming = true;
	req->progress_ns = clock_mono_ns();
	req->next = server->streams;
	req->before = &server->streams;
	if (req->next)
		req->next->before = &req->next;
	server->streams = req;
	/* Without it a client that goes away is noticed at the next write. */
	(void)epoll_ctl(server->epoll_fd, EPOLL_CTL_ADD, req->fd, &event);
	pthread_mutex_unlock(&server->lock);
}

void http_stream_end(struct http_request *req, bool sent)
{
	struct http_server *server = req->server;

	pthread_mutex_lock(&server->lock);
	*req->before = req->next;
	if (req->next)
		req->next->before = req->before;
	(void)epoll_ctl(server->epoll_fd, EPOLL_CTL_DEL, req->fd, NULL);
	pthread_mutex_unlock(&server->lock);
	req->streaming = false;
	if (req->stream.end)
		req->stream.end(req->stream.ctx, sent && req->complete);
}

static void set_pulling(struct http_request *req, bool pulling)
{
	pthread_mutex_lock(&req->server->lock);
	req->pulling = pulling;
	req->progress_ns = clock_mono_ns();
	pthread_mutex_unlock(&req->server->lock);
}

/* Until the producer has more; false when the client has gone or the server stops. */
static bool wait_for_more(const struct http_request *req)
{
	bool has_fd = req->stream.wait_fd > 0;
	struct pollfd fds[] = {{.fd = req->fd, .events = POLLRDHUP},
			       {.fd = req->server->stop_fd, .events = POLLIN},
			       {.fd = has_fd ? req->stream.wait_fd : -1, .events = POLLIN}};

	if (poll(fds, 3, has_fd ? -1 : 100) < 0)
		return errno == EINTR;
	return !(fds[0].revents & (POLLRDHUP | POLLHUP | POLLERR)) && !fds[1].revents;
}

static ssize_t read_stream(void *cls, uint64_t position, char *to, size_t max)
{
	struct http_request *req = cls;
	ssize_t n;

	(void)position;
	set_pulling(req, true);
	do
		n = req->stream.pull(req->stream.ctx, to, max);
	while (n == 0 && wait_for_more(req));
	set_pulling(req, false);
	CHECK(n <= (ssize_t)max);
	req->complete = n == HTTP_END;
	if (n == HTTP_END)
		return MHD_CONTENT_READER_END_OF_STREAM;
	return n > 0 ? n : MHD_CONTENT_READER_END_WITH_ERROR;
}

int http_reply_stream(struct http_request *req, unsigned status, const struct http_stream *stream)
{
	struct MHD_Response *response;
	int r;

	req->stream = *stream;
	response = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK_SIZE, read_stream, req,
						     NULL);
	if (response) {
		MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, stream->type);
		/* The connection's own timeout is off for good: see handle() in http.c. */
		MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
	}
	watch_add(req);
	r = http_queue(req, status, response);
	if (r < 0)
		http_stream_end(req, false);
	return r;
}
