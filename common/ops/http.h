/*
 * http.h - HTTP for operators and queries, on libmicrohttpd.
 *
 * A server has one loopback port and/or one unix socket and a table of routes.
 * Each connection has a thread of libmicrohttpd's, so a handler may block; the
 * number of connections is capped.  Handlers of different connections run at
 * the same time.
 *
 *	static const struct http_route routes[] = {
 *		{.method = "GET", .path = "/livez", .handle = livez},
 *		{.method = "GET|POST", .path = "/api/v1/query", .handle = query},
 *		{0}};
 *	struct http_conf hc = {.listen = "127.0.0.1:9598", .unix_path = "/run/x.sock"};
 *	http_open(&hc, routes, ctx, &server, &err);
 *	…
 *	http_close(server);		waits for handlers; streams are cancelled
 *
 * Streams: the server pulls.  It asks for more only when the socket took what
 * there was, so a slow reader slows the producer down and nothing piles up.
 * When the client goes away while pull() still computes, cancel() is called at
 * once from another thread; end() is called exactly once, last.
 *
 *	pull ─▶ >0 bytes ─▶ send ─▶ pull …           ─▶ HTTP_END ─▶ end(ctx, true)
 *	  └───▶ 0: nothing yet, waits for wait_fd ─▶ pull        or client gone ─▶
 *	                                        cancel(ctx) ─▶ end(ctx, false)
 *
 * What is refused here and never reaches a handler: headers above 16 KiB (431),
 * bodies above the route's cap (413), other methods (405), unknown paths (404),
 * more than 1000 parameters (400),
 * a Host that is no loopback name (421: DNS rebinding), more connections than
 * allowed, and a request that takes longer than the timeout to come: a connection
 * that trickles, or is silent, is cut.
 */
#ifndef SLUICE_OPS_HTTP_H
#define SLUICE_OPS_HTTP_H

#include "common/base/buf.h"
#include "common/base/err.h"
#include <stdint.h>
#include <sys/types.h>

struct http_server;
struct http_request;

/* Zero = default. */
struct http_conf {
	const char *listen;    /* "127.0.0.1:9598", "[::1]:9598", "localhost:0"; NULL = no port */
	const char *unix_path; /* "@name" = abstract; NULL = none */
	mode_t unix_mode;      /* of the socket file, default 0660 */
	bool allow_remote;     /* else an address that is not loopback is refused */
	unsigned connections;  /* default 64 */
	unsigned timeout_s;    /* for a request to come, and without progress; default 30 */
	size_t body_max;       /* default 64 KiB; a route may have its own */
};

/* 0, or a negative errno without having replied: 500 with its text. */
typedef int http_handler_fn(void *ctx, struct http_request *req);

struct http_route {
	const char *method; /* "GET", "GET|POST" */
	const char *path;   /* exact, or a prefix when it ends with '*' */
	http_handler_fn *handle;
	size_t body_max; /* 0 = the server's */
};

/* `routes` (ends with {0}) and `ctx` are borrowed until close. */
int http_open(const struct http_conf *conf, const struct http_route *routes, void *ctx,
	      struct http_server **ret, struct err *reterr);
void http_close(struct http_server *server);
/*
 * Would http_open() take this address?  For configurations that are checked before
 * anything is opened; whether it is free only shows then.  0, -EINVAL, -EPERM.
 */
int http_check_listen(const char *listen, bool allow_remote, struct err *reterr);
/* … and this path of a socket?  0 or -ENAMETOOLONG. */
int http_check_unix_path(const char *path, struct err *reterr);
/* The port that was bound ("localhost:0" picks one); 0 without a port. */
unsigned http_port(const struct http_server *server);

/* The request.  Everything is valid until the reply has ended. */
struct span http_method(const struct http_request *req);
struct span http_path(const struct http_request *req);
struct span http_body(const struct http_request *req);
/*
 * Decoded; from a form body, then from the query string.  NULL ptr = not there.
 * One that is given several times (field=a&field=b) is asked for by its place.
 */
struct span http_param(const struct http_request *req, const char *name);
struct span http_param_at(const struct http_request *req, const char *name, size_t place);
/* The request has a body, but not of a type that has parameters. */
bool http_body_is_other(struct http_request *req);
struct span http_header(struct http_request *req, const char *name);

struct http_peer {
	bool local; /* by the unix socket: the ids are the kernel's word */
	uid_t uid;
	gid_t gid;
	pid_t pid;
};
void http_peer(const struct http_request *req, struct http_peer *ret);
/*
 * True once the client has gone: for long work before the first byte.  One that only
 * closed its half looks the same, and is taken for gone too.
 */
bool http_gone(const struct http_request *req);

/* Before the reply. */
int http_add_header(struct http_request *req, const char *name, const char *value);

/* One reply a request; each returns 0 or a negative errno for the handler to return. */
int http_reply(struct http_request *req, unsigned status, const char *type, struct span body);
/* {"error":"…"} with a newline; for people and programs alike. */
int http_reply_error(struct http_request *req, unsigned status, const char *fmt, ...)
	__attribute__((__format__(__printf__, 3, 4)));

#define HTTP_END   (-1) /* complete: the last chunk is written */
#define HTTP_ABORT (-2) /* broken: the connection is cut so that the client notices */

struct http_stream {
	const char *type; /* "application/x-ndjson" */
	/* Up to `max` bytes into `to`: how many, 0, HTTP_END or HTTP_ABORT. */
	ssize_t (*pull)(void *ctx, char *to, size_t max);
	/* Optional; from another thread, only while pull may run: set a flag. */
	void (*cancel)(void *ctx);
	/* Exactly once; `complete`: the client was sent all of it. */
	void (*end)(void *ctx, bool complete);
	void *ctx;
	int wait_fd; /* readable when pull has more (an eventfd); ≤ 0: asked each 100 ms */
};
/* On failure end() was called. */
int http_reply_stream(struct http_request *req, unsigned status, const struct http_stream *stream);

#endif
