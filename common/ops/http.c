#include "common/ops/http.h"
#include "common/base/check.h"
#include "common/base/cleanup.h"
#include "common/base/num.h"
#include "common/ops/http_internal.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#define SERVER_MAGIC  0x48545331u
#define REQUEST_MAGIC 0x48545232u

#define HEADERS_MAX   (16u << 10)
#define CONNECTIONS   64
#define TIMEOUT_S     30
#define BODY_MAX      (64u << 10)
#define DISCARD_MAX   (8u << 20) /* of a body that is too large, before the line is cut */
#define PARAMS_BUDGET (4u << 20) /* decoded, a body is no longer than it was */
#define BACKLOG       128

/* "127.0.0.1:9598", "[::1]:0", "localhost:80". */
static int parse_address(const char *text, struct sockaddr_storage *ret, socklen_t *ret_len,
			 bool *ret_loopback, struct err *reterr)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)ret;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)ret;
	const char *colon = strrchr(text, ':');
	char host[64];
	uint64_t port = 0;

	if (!colon || num_parse_u64(span_cstr(colon + 1), &port) < 0 || port > 65535 ||
	    (size_t)(colon - text) >= sizeof(host))
		return err_set(reterr, -EINVAL, "listen address '%s' is not HOST:PORT", text);
	bool brackets = text[0] == '[' && colon > text && colon[-1] == ']';

	snprintf(host, sizeof(host), "%.*s", (int)(colon - text) - 2 * brackets, text + brackets);
	*ret = (struct sockaddr_storage){0};
	if (inet_pton(AF_INET, strcmp(host, "localhost") == 0 ? "127.0.0.1" : host,
		      &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons((uint16_t)port);
		*ret_len = sizeof(*v4);
		*ret_loopback = ntohl(v4->sin_addr.s_addr) >> 24 == 127;
		return 0;
	}
	if (brackets && inet_pton(AF_INET6, host, &v6->sin6_addr) == 1) {
		v6->sin6_family = AF_INET6;
		v6->sin6_port = htons((uint16_t)port);
		*ret_len = sizeof(*v6);
		*ret_loopback = IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr);
		return 0;
	}
	return err_set(reterr, -EINVAL,
		       "listen address '%s' is neither localhost nor a numeric address", text);
}

/* The same, of a server that may not be reached from elsewhere unless `allow_remote`. */
static int read_listen(const char *text, bool allow_remote, struct sockaddr_storage *ret,
		       socklen_t *ret_len, struct err *reterr)
{
	bool loopback = false;
	int r = parse_address(text, ret, ret_len, &loopback, reterr);

	if (r < 0 || loopback || allow_remote)
		return r;
	return err_set(reterr, -EPERM,
		       "%s is not a loopback address: listen on 127.0.0.1, and put a proxy with "
		       "TLS and authentication before it",
		       text);
}

int http_check_listen(const char *listen, bool allow_remote, struct err *reterr)
{
	struct sockaddr_storage address;
	socklen_t len;

	return read_listen(listen, allow_remote, &address, &len, reterr);
}

static int bound_port(int fd, unsigned *ret)
{
	struct sockaddr_storage address;
	socklen_t len = sizeof(address);
	void *at = &address;

	if (getsockname(fd, at, &len) < 0)
		return -errno;
	*ret = ntohs(address.ss_family == AF_INET ? ((struct sockaddr_in *)at)->sin_port
						  : ((struct sockaddr_in6 *)at)->sin6_port);
	return 0;
}

/* Returns the listening socket. */
static int listen_tcp(const struct http_conf *conf, unsigned *ret_port, struct err *reterr)
{
	struct sockaddr_storage address;
	socklen_t len = 0;
	int one = 1, r = read_listen(conf->listen, conf->allow_remote, &address, &len, reterr);

	if (r < 0)
		return r;
	_cleanup_close_ int fd = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	const void *at = &address;

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0 ||
	    bind(fd, at, len) < 0 || listen(fd, BACKLOG) < 0 || bound_port(fd, ret_port) < 0)
		return err_set(reterr, -errno, "cannot listen on %s: %s", conf->listen,
			       strerror(errno));
	return TAKE_FD(fd);
}

/* Remove a socket file that nobody listens on any more. */
static int remove_stale(const char *path, const struct sockaddr_un *address, socklen_t len)
{
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	const void *at = address;
	struct stat st;

	if (fd < 0)
		return -errno;
	if (lstat(path, &st) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(st.st_mode))
		return -EEXIST;
	if (connect(fd, at, len) == 0)
		return -EADDRINUSE;
	return unlink(path) < 0 ? -errno : 0;
}

int http_check_unix_path(const char *path, struct err *reterr)
{
	size_t max = sizeof(((struct sockaddr_un *)NULL)->sun_path) - 1;

	if (path[0] && strlen(path) <= max)
		return 0;
	return err_set(reterr, -ENAMETOOLONG, "socket path '%s' is longer than %zu bytes", path,
		       max);
}

static int listen_unix(const struct http_conf *conf, struct err *reterr)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	size_t n = strlen(conf->unix_path);
	bool file = conf->unix_path[0] != '@';
	socklen_t len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n + file);
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	const void *at = &address;
	int r = http_check_unix_path(conf->unix_path, reterr);

	if (r < 0)
		return r;
	memcpy(address.sun_path, conf->unix_path, n);
	if (!file)
		address.sun_path[0] = '\0';
	r = file ? remove_stale(conf->unix_path, &address, len) : 0;
	if (r < 0)
		return err_set(reterr, r, "cannot listen on %s: %s", conf->unix_path, strerror(-r));
	/* On Linux the file gets the mode of the socket: it is closed until chmod() opens it. */
	if (fd < 0 || fchmod(fd, 0600) < 0 || bind(fd, at, len) < 0 || listen(fd, BACKLOG) < 0 ||
	    (file && chmod(conf->unix_path, conf->unix_mode) < 0))
		return err_set(reterr, -errno, "cannot listen on %s: %s", conf->unix_path,
			       strerror(errno));
	return TAKE_FD(fd);
}

/* "GET|POST" has `method`; whoever may GET may HEAD. */
static bool method_allowed(const struct http_route *route, struct span method)
{
	struct span rest = span_cstr(route->method), one;

	if (span_eq(method, SPAN("HEAD")))
		method = SPAN("GET");
	while (span_cut(&rest, '|', &one))
		if (span_eq(one, method))
			return true;
	return false;
}

static bool path_matches(const struct http_route *route, struct span path)
{
	struct span pattern = span_cstr(route->path);

	if (!span_ends(pattern, SPAN("*")))
		return span_eq(pattern, path);
	return span_starts(path, span_take(pattern, pattern.len - 1));
}

/*
 * A page of another origin whose name was pointed at 127.0.0.1 would send that
 * name: only localhost and numeric addresses are ours.
 */
static bool host_is_ours(struct http_request *req)
{
	struct span host = http_header(req, MHD_HTTP_HEADER_HOST);
	char text[64];
	struct in_addr v4;
	ptrdiff_t colon;

	if (req->local || req->server->conf.allow_remote || host.len == 0 ||
	    span_starts(host, SPAN("[")))
		return true;
	colon = span_chr(host, ':');
	if (colon >= 0)
		host = span_take(host, (size_t)colon);
	snprintf(text, sizeof(text), "%.*s", SPAN_FMT(host));
	return span_ieq(host, SPAN("localhost")) || inet_pton(AF_INET, text, &v4) == 1;
}

static size_t body_max(const struct http_request *req)
{
	return req->route && req->route->body_max ? req->route->body_max
						  : req->server->conf.body_max;
}

/* 0 where none is given. */
static uint64_t content_length(struct http_request *req)
{
	uint64_t length;

	if (num_parse_u64(http_header(req, MHD_HTTP_HEADER_CONTENT_LENGTH), &length) < 0)
		return 0;
	return length;
}

/* Choose the route.  0, or the status of a refusal. */
static unsigned choose_route(struct http_request *req)
{
	for (const struct http_route *route = req->server->routes; route->path; route++) {
		if (!path_matches(route, req->path))
			continue;
		req->route = route;
		if (method_allowed(route, req->method))
			break;
	}
	if (!host_is_ours(req))
		return MHD_HTTP_MISDIRECTED_REQUEST;
	if (!req->route)
		return MHD_HTTP_NOT_FOUND;
	if (!method_allowed(req->route, req->method))
		return MHD_HTTP_METHOD_NOT_ALLOWED;
	return content_length(req) > body_max(req) ? MHD_HTTP_CONTENT_TOO_LARGE : 0;
}

static int refuse_method(struct http_request *req)
{
	_cleanup_(buf_release) struct buf allow = BUF_INIT(256);
	struct span rest = span_cstr(req->route->method), one;

	while (span_cut(&rest, '|', &one)) {
		buf_puts(&allow, allow.len ? SPAN(", ") : SPAN(""));
		buf_puts(&allow, span_eq(one, SPAN("GET")) ? SPAN("GET, HEAD") : one);
	}
	if (http_add_header(req, MHD_HTTP_HEADER_ALLOW, buf_cstr(&allow)) < 0)
		return -ENOMEM;
	return http_reply_error(req, MHD_HTTP_METHOD_NOT_ALLOWED, "%.*s is not for this path: %s",
				SPAN_FMT(span_take(req->method, 32)), buf_cstr(&allow));
}

static int refuse(struct http_request *req)
{
	switch (req->refused) {
	case MHD_HTTP_METHOD_NOT_ALLOWED:
		return refuse_method(req);
	case MHD_HTTP_MISDIRECTED_REQUEST:
		return http_reply_error(req, req->refused, "this host is not served here");
	case MHD_HTTP_CONTENT_TOO_LARGE:
		return http_reply_error(req, req->refused,
					"the body is too large: at most %zu bytes", body_max(req));
	case MHD_HTTP_SERVICE_UNAVAILABLE:
		return http_reply_error(req, req->refused, "out of memory");
	default:
		return http_reply_error(req, req->refused, "no such path");
	}
}

static struct http_request *request_new(struct http_server *server, struct MHD_Connection *c,
					const char *url, const char *method)
{
	struct http_request *req = calloc(1, sizeof(*req));
	const union MHD_ConnectionInfo *info;
	int domain = AF_UNSPEC;
	socklen_t len = sizeof(domain);

	if (!req)
		return NULL;
	info = MHD_get_connection_info(c, MHD_CONNECTION_INFO_CONNECTION_FD);
	req->magic = REQUEST_MAGIC;
	req->server = server;
	req->connection = c;
	req->fd = info ? info->connect_fd : -1;
	info = MHD_get_connection_info(c, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
	req->line = info ? info->socket_context : NULL;
	req->local =
		getsockopt(req->fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) == 0 && domain == AF_UNIX;
	arena_init(&req->arena, PARAMS_BUDGET);
	/* MHD keeps both texts as long as the request. */
	req->path = span_cstr(url);
	/* http://host/ with a path behind it: what clients make of an address with a slash. */
	while (span_starts(req->path, SPAN("//")))
		req->path = span_skip(req->path, 1);
	req->method = span_cstr(method);
	return req;
}

/*
 * The handler may compute for longer than a silent client may stay, so the
 * connection's timeout is off meanwhile; setting it again starts it anew.
 */
static int handle(struct http_request *req)
{
	struct MHD_Connection *c = req->connection;
	int r;

	r = http_read_params(req);
	if (r == -E2BIG)
		return http_reply_error(req, MHD_HTTP_BAD_REQUEST, "too many parameters");
	if (r < 0)
		return http_reply_error(req, MHD_HTTP_SERVICE_UNAVAILABLE, "out of memory");
	http_line_waits(req->line, false);
	MHD_set_connection_option(c, MHD_CONNECTION_OPTION_TIMEOUT, 0u);
	r = req->route->handle(req->server->ctx, req);
	if (!req->streaming)
		MHD_set_connection_option(c, MHD_CONNECTION_OPTION_TIMEOUT,
					  req->server->conf.timeout_s);
	if (!req->replied)
		r = http_reply_error(req, MHD_HTTP_INTERNAL_SERVER_ERROR, "%s",
				     r < 0 ? strerror(-r) : "no reply");
	return r;
}

static int begin(struct http_server *server, struct MHD_Connection *c, const char *url,
		 const char *method, void **ret)
{
	struct http_request *req = request_new(server, c, url, method);

	if (!req)
		return -ENOMEM;
	*ret = req;
	req->refused = choose_route(req);
	buf_init(&req->body, body_max(req));
	/*
	 * A client that is writing its body would see a broken pipe and no reply, so
	 * a refusal comes behind the body, unless the client asks first or has more
	 * to say than anybody listens to.
	 */
	if (req->refused &&
	    (http_header(req, MHD_HTTP_HEADER_EXPECT).len || content_length(req) > DISCARD_MAX))
		return refuse(req);
	return 0;
}

static int take_body(struct http_request *req, const char *data, size_t *size)
{
	if (req->refused)
		req->discarded += *size;
	else
		buf_put(&req->body, data, *size);
	if (req->body.failed)
		req->refused = req->body.failed == -ENOMEM ? MHD_HTTP_SERVICE_UNAVAILABLE
							   : MHD_HTTP_CONTENT_TOO_LARGE;
	*size = 0;
	return req->discarded > DISCARD_MAX ? -E2BIG : 0;
}

/* libmicrohttpd calls: first with the headers, then for each piece of the body, then without. */
static enum MHD_Result on_request(void *cls, struct MHD_Connection *c, const char *url,
				  const char *method, const char *version, const char *data,
				  size_t *size, void **state)
{
	struct http_server *server = cls;
	struct http_request *req = *state;
	int r = 0;

	(void)version;
	CHECK_MAGIC(server, SERVER_MAGIC);
	if (!req)
		return begin(server, c, url, method, state) < 0 ? MHD_NO : MHD_YES;
	CHECK_MAGIC(req, REQUEST_MAGIC);
	if (*size)
		r = take_body(req, data, size);
	else if (req->replied)
		return MHD_YES;
	else
		r = req->refused ? refuse(req) : handle(req);
	return r < 0 ? MHD_NO : MHD_YES;
}

static void on_completed(void *cls, struct MHD_Connection *c, void **state,
			 enum MHD_RequestTerminationCode code)
{
	struct http_request *req = *state;

	(void)cls;
	(void)c;
	if (req)
		http_line_waits(req->line, true);
	http_request_free(req, code == MHD_REQUEST_TERMINATED_COMPLETED_OK);
	*state = NULL;
}

static void on_connection(void *cls, struct MHD_Connection *c, void **line,
			  enum MHD_ConnectionNotificationCode what)
{
	const union MHD_ConnectionInfo *info;

	if (what == MHD_CONNECTION_NOTIFY_CLOSED) {
		http_line_remove(*line);
		*line = NULL;
		return;
	}
	info = MHD_get_connection_info(c, MHD_CONNECTION_INFO_CONNECTION_FD);
	*line = info ? http_line_add(cls, info->connect_fd) : NULL;
}

/* Takes the socket. */
static struct MHD_Daemon *start_daemon(struct http_server *server, int fd)
{
	const unsigned flags = MHD_USE_THREAD_PER_CONNECTION | MHD_USE_INTERNAL_POLLING_THREAD |
			       MHD_USE_POLL | MHD_USE_ITC;
	struct MHD_Daemon *daemon = MHD_start_daemon(
		flags, 0, NULL, NULL, on_request, server, MHD_OPTION_LISTEN_SOCKET, fd,
		MHD_OPTION_NOTIFY_COMPLETED, on_completed, server, MHD_OPTION_NOTIFY_CONNECTION,
		on_connection, server, MHD_OPTION_CONNECTION_LIMIT, server->conf.connections,
		MHD_OPTION_CONNECTION_TIMEOUT, server->conf.timeout_s,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)HEADERS_MAX * 2,
		MHD_OPTION_THREAD_STACK_SIZE, (size_t)512 << 10, MHD_OPTION_END);

	if (!daemon)
		close(fd);
	return daemon;
}

static int start(struct http_server *server, struct err *reterr)
{
	int fd, r = http_watch_start(server, reterr);

	if (r == 0 && server->conf.listen) {
		fd = listen_tcp(&server->conf, &server->port, reterr);
		if (fd < 0)
			return fd;
		server->tcp = start_daemon(server, fd);
		if (!server->tcp)
			return err_set(reterr, -EIO, "cannot start the HTTP server");
	}
	if (r == 0 && server->conf.unix_path) {
		fd = listen_unix(&server->conf, reterr);
		if (fd < 0)
			return fd;
		server->unix_path = strdup(server->conf.unix_path);
		server->local = start_daemon(server, fd);
		if (!server->local)
			return err_set(reterr, -EIO, "cannot start the HTTP server");
	}
	return r;
}

static struct http_server *server_new(const struct http_conf *conf, const struct http_route *routes,
				      void *ctx)
{
	struct http_server *server = calloc(1, sizeof(*server));

	if (!server)
		return NULL;
	*server = (struct http_server){.magic = SERVER_MAGIC,
				       .routes = routes,
				       .ctx = ctx,
				       .conf = *conf,
				       .epoll_fd = -1,
				       .stop_fd = -1};
	server->conf.connections = conf->connections ? conf->connections : CONNECTIONS;
	server->conf.timeout_s = conf->timeout_s ? conf->timeout_s : TIMEOUT_S;
	server->conf.body_max = conf->body_max ? conf->body_max : BODY_MAX;
	server->conf.unix_mode = conf->unix_mode ? conf->unix_mode : 0660;
	pthread_mutex_init(&server->lock, NULL);
	return server;
}

int http_open(const struct http_conf *conf, const struct http_route *routes, void *ctx,
	      struct http_server **ret, struct err *reterr)
{
	struct http_server *server = server_new(conf, routes, ctx);
	sigset_t all, before;
	int r;

	if (!server)
		return err_set(reterr, -ENOMEM, "out of memory");
	/* The process's signals are for the program's own threads. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	r = start(server, reterr);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (r < 0)
		http_close(server);
	else
		*ret = server;
	return r;
}

void http_close(struct http_server *server)
{
	if (!server)
		return;
	CHECK_MAGIC(server, SERVER_MAGIC);
	http_watch_cancel(server);
	if (server->tcp)
		MHD_stop_daemon(server->tcp);
	if (server->local)
		MHD_stop_daemon(server->local);
	http_watch_stop(server);
	if (server->unix_path && server->unix_path[0] != '@')
		unlink(server->unix_path);
	free(server->unix_path);
	pthread_mutex_destroy(&server->lock);
	free(server);
}

unsigned http_port(const struct http_server *server)
{
	return server->port;
}
