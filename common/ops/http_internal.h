/*
 * http_internal.h - what the files of the HTTP glue share.
 *
 *	http.c          listeners, routes, the life of a request
 *	http_request.c  what a handler reads and replies
 *	http_stream.c   pulling, and the watcher that notices clients that go away or stall
 */
#ifndef SLUICE_OPS_HTTP_INTERNAL_H
#define SLUICE_OPS_HTTP_INTERNAL_H

#include "common/base/arena.h"
#include "common/base/vec.h"
#include "common/ops/http.h"
#include <microhttpd.h>
#include <pthread.h>

struct http_server {
	unsigned magic;
	const struct http_route *routes;
	void *ctx;
	struct http_conf conf; /* with the defaults filled in */
	char *unix_path;
	unsigned port;
	struct MHD_Daemon *tcp, *local;

	/* The watcher: one thread for the streams of all connections. */
	pthread_t watcher;
	bool watching;
	int epoll_fd;
	int stop_fd; /* an eventfd that stays readable once the server stops */
	pthread_mutex_t lock;
	struct http_request *streams; /* those that are running */
	struct http_line *lines;      /* all that are open */
};

/* A connection; server->lock holds what the watcher reads. */
struct http_line {
	struct http_server *server;
	int fd;
	int64_t waits_ns; /* since when for a request; 0 = one is being answered */
	struct http_line *next, **before;
};

struct http_pair {
	struct span name, value;
};

struct http_request {
	unsigned magic;
	struct http_server *server;
	struct MHD_Connection *connection;
	struct http_line *line;         /* NULL: there was no memory to watch it */
	const struct http_route *route; /* by the path; its methods may be others */
	unsigned refused;               /* with this status; 0 = not */
	int fd;                         /* of the client */
	bool local;
	struct span method, path;
	struct buf body;
	size_t discarded; /* bytes of a body that was too large */
	bool replied;
	struct arena arena; /* decoded parameters */
	VEC(struct http_pair) params;
	struct MHD_Response *headers; /* collects http_add_header(); NULL = none yet */

	/* A stream; server->lock holds what the watcher reads. */
	struct http_stream stream;
	bool streaming, cancelled, complete;
	bool pulling;        /* in the producer: the client is not to blame */
	int64_t progress_ns; /* when the last pull returned */
	struct http_request *next, **before;
};

/* Those of the body and of the query string, decoded.  0, -E2BIG, -ENOMEM. */
int http_read_params(struct http_request *req);

/* End of the request: end() of a stream, memory. */
void http_request_free(struct http_request *req, bool sent);

int http_watch_start(struct http_server *server, struct err *reterr);
/* Cancel all streams and wake those that wait; then the daemons can be stopped. */
void http_watch_cancel(struct http_server *server);
void http_watch_stop(struct http_server *server);

/* Connections are watched: one that is not done with its request in time is cut. */
struct http_line *http_line_add(struct http_server *server, int fd);
void http_line_remove(struct http_line *line);
/* From now on it waits for a request, or not.  `line` may be NULL. */
void http_line_waits(struct http_line *line, bool waits);

/* Call end(), once. */
void http_stream_end(struct http_request *req, bool sent);

/* Hand `response` (may be NULL: no memory) to libmicrohttpd, with the headers; destroys it. */
int http_queue(struct http_request *req, unsigned status, struct MHD_Response *response);

#endif
