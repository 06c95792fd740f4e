/* http_client.c - a request, and the lines of its reply. */
#include "aggregator/logq/http_client.h"
#include "aggregator/logq/address.h"
#include "common/base/cleanup.h"
#include "common/base/clock.h"
#include "common/base/num.h"
#include <errno.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#define HEAD_MAX       (64u << 10)
#define LINE_MAX_BYTES (64u << 20)
#define CONNECT_NS     (10 * NS_PER_SEC)
#define LOOK_MS        100 /* how soon the cancel flag is seen */

enum body { BODY_CHUNKED, BODY_LENGTH, BODY_TO_END };

struct client {
	int fd;
	struct buf in;   /* bytes that were received and not used */
	size_t at;       /* … from here on */
	struct buf line; /* of the body, so far */
	unsigned status;
	enum body body;
	uint64_t left; /* of the chunk, or of the body */
	http_line_fn *on_line;
	void *ctx;
	const atomic_bool *cancel;
	int64_t start_ns, limit_ns;
	struct err *reterr;
};

/* 0 when the socket is ready; -ECANCELED, -ETIMEDOUT (limit 0: never). */
static int wait_for(int fd, short events, const atomic_bool *cancel, int64_t start_ns,
		    int64_t limit_ns)
{
	for (;;) {
		struct pollfd p = {.fd = fd, .events = events};

		if (cancel && *cancel)
			return -ECANCELED;
		if (poll(&p, 1, LOOK_MS) > 0)
			return 0;
		if (limit_ns && clock_mono_ns() - start_ns > limit_ns)
			return -ETIMEDOUT;
	}
}

/* A socket that doesn't block, connected. */
static int connect_socket(int family, const struct sockaddr *address, socklen_t len,
			  const atomic_bool *cancel)
{
	_cleanup_close_ int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	socklen_t size = sizeof(int);
	int r, error = 0;

	if (fd < 0)
		return -errno;
	if (connect(fd, address, len) == 0)
		return TAKE_FD(fd);
	if (errno != EINPROGRESS)
		return -errno;
	r = wait_for(fd, POLLOUT, cancel, clock_mono_ns(), CONNECT_NS);
	if (r == 0 && getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0)
		r = -errno;
	return r < 0 ? r : error ? -error : TAKE_FD(fd);
}

void http_form_add(struct buf *form, const char *name, struct span value)
{
	static const char hex[] = "0123456789ABCDEF";

	if (form->len)
		buf_putc(form, '&');
	buf_puts(form, span_cstr(name));
	buf_putc(form, '=');
	for (size_t i = 0; i < value.len; i++) {
		unsigned char c = (unsigned char)value.ptr[i];

		if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		    memchr("-_.~", c, 4)) {
			buf_putc(form, (char)c);
		} else {
			buf_putc(form, '%');
			buf_putc(form, hex[c >> 4]);
			buf_putc(form, hex[c & 15]);
		}
	}
}

/* What to do about it. */
static const char *hint_of(int error)
{
	switch (error) {
	case -ENOENT:
	case -ECONNREFUSED:
		return "; is the aggregator running?";
	case -EACCES:
		return "; the socket is for its owner and group";
	default:
		return "";
	}
}

static int connect_unix(struct span path, const atomic_bool *cancel, struct err *reterr)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	bool file = path.ptr[0] != '@';
	socklen_t len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + path.len + file);
	int r;

	if (path.len >= sizeof(address.sun_path))
		return err_set(reterr, -ENAMETOOLONG, "the path of the socket is too long: %.*s",
			       SPAN_FMT(path));
	memcpy(address.sun_path, path.ptr, path.len);
	if (!file)
		address.sun_path[0] = '\0';
	r = connect_socket(AF_UNIX, (struct sockaddr *)&address, len, cancel);
	return r < 0 ? err_set(reterr, r, "%.*s: %s%s", SPAN_FMT(path), strerror(-r), hint_of(r))
		     : r;
}

/* A server that lost its power says nothing more, and a tail would wait for ever. */
static void keep_alive(int fd)
{
	const struct {
		int level, name, value;
	} options[] = {{SOL_SOCKET, SO_KEEPALIVE, 1},
		       {IPPROTO_TCP, TCP_KEEPIDLE, 30},
		       {IPPROTO_TCP, TCP_KEEPINTVL, 10},
		       {IPPROTO_TCP, TCP_KEEPCNT, 3}};

	/* Without it only that server is noticed later. */
	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
		(void)setsockopt(fd, options[i].level, options[i].name, &options[i].value,
				 sizeof(options[i].value));
}

static int connect_tcp(const struct address *at, const atomic_bool *cancel, struct err *reterr)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *list = NULL;
	int r, fd = -ECONNREFUSED;

	r = getaddrinfo(at->host, at->port, &hints, &list);
	if (r != 0)
		return err_set(reterr, -EHOSTUNREACH, "%s: %s", at->host, gai_strerror(r));
	for (struct addrinfo *a = list; a && fd < 0; a = a->ai_next)
		fd = connect_socket(a->ai_family, a->ai_addr, a->ai_addrlen, cancel);
	freeaddrinfo(list);
	if (fd < 0)
		return err_set(reterr, fd, "%s port %s: %s%s", at->host, at->port, strerror(-fd),
			       hint_of(fd));
	keep_alive(fd);
	return fd;
}

/* The server's own limit comes first, with a better message; this is for one that hangs. */
static int wait_for_server(struct client *c, short events)
{
	int r = wait_for(c->fd, events, c->cancel, c->start_ns, c->limit_ns);

	if (r == -ETIMEDOUT)
		return err_set(c->reterr, r, "no answer within the time limit");
	return r < 0 ? err_set(c->reterr, r, "canceled") : 0;
}

static int send_all(struct client *c, struct span bytes)
{
	while (bytes.len) {
		int r = wait_for_server(c, POLLOUT);
		ssize_t n = r < 0 ? r : send(c->fd, bytes.ptr, bytes.len, MSG_NOSIGNAL);

		if (r < 0)
			return r;
		if (n < 0 && errno == EAGAIN)
			continue;
		if (n < 0)
			return err_set(c->reterr, -errno, "the server does not take the query: %s",
				       strerror(errno));
		bytes = span_skip(bytes, (size_t)n);
	}
	return 0;
}

/* More bytes into `in`: how many, 0 at the end. */
static ssize_t receive(struct client *c)
{
	ssize_t n;

	if (c->at == c->in.len) {
		buf_reset(&c->in);
		c->at = 0;
	}
	if (buf_reserve(&c->in, 64 << 10) < 0)
		return err_set(c->reterr, -EPROTO, "the reply's headers are too long");
	do {
		int r = wait_for_server(c, POLLIN);

		if (r < 0)
			return r;
		n = recv(c->fd, c->in.ptr + c->in.len, c->in.cap - c->in.len, 0);
	} while (n < 0 && (errno == EAGAIN || errno == EINTR));
	if (n < 0)
		return err_set(c->reterr, -errno, "the connection broke: %s", strerror(errno));
	c->in.len += (size_t)n;
	return n;
}

static int cut_short(struct client *c)
{
	return err_set(c->reterr, -EPROTO,
		       "the server cut the answer short: it failed in the middle, or went away");
}

/* One line of headers or chunk sizes, in `in` until the next receive(). */
static int read_line(struct client *c, struct span *ret)
{
	for (;;) {
		struct span rest = span_skip(buf_span(&c->in), c->at);
		ptrdiff_t end = span_chr(rest, '\n');
		ssize_t n;

		if (end >= 0) {
			c->at += (size_t)end + 1;
			*ret = span_trim(span_take(rest, (size_t)end));
			return 0;
		}
		if (rest.len > HEAD_MAX)
			return err_set(c->reterr, -EPROTO, "a header is too long");
		n = receive(c);
		if (n <= 0)
			return n < 0 ? (int)n : cut_short(c);
	}
}

static int read_head(struct client *c)
{
	struct span line;
	uint64_t status;
	int r = read_line(c, &line);

	if (r < 0)
		return r;
	if (!span_starts(line, SPAN("HTTP/1.")) || line.len < 12 ||
	    num_parse_u64(span_take(span_skip(line, 9), 3), &status) < 0)
		return err_set(c->reterr, -EPROTO, "this is no HTTP server");
	c->status = (unsigned)status;
	c->body = BODY_TO_END;
	while ((r = read_line(c, &line)) == 0 && line.len) {
		ptrdiff_t colon = span_chr(line, ':');
		struct span name = span_take(line, colon < 0 ? 0 : (size_t)colon);
		struct span value = span_trim(span_skip(line, name.len + 1));

		if (span_ieq(name, SPAN("Transfer-Encoding")) && span_ieq(value, SPAN("chunked")))
			c->body = BODY_CHUNKED;
		if (span_ieq(name, SPAN("Content-Length")) && num_parse_u64(value, &c->left) == 0 &&
		    c->body == BODY_TO_END)
			c->body = BODY_LENGTH;
	}
	return r;
}

/* The size of the next chunk; 0 is the end. */
static int read_chunk(struct client *c)
{
	struct span line;
	uint64_t size = 0;
	int r = read_line(c, &line);

	if (r < 0)
		return r;
	if (!line.len || line.len > 15)
		return err_set(c->reterr, -EPROTO, "a chunk of the reply has no size");
	for (size_t i = 0; i < line.len && line.ptr[i] != ';'; i++) {
		char ch = line.ptr[i];
		int digit = ch >= '0' && ch <= '9'   ? ch - '0'
			    : ch >= 'a' && ch <= 'f' ? ch - 'a' + 10
			    : ch >= 'A' && ch <= 'F' ? ch - 'A' + 10
						     : -1;

		if (digit < 0)
			return err_set(c->reterr, -EPROTO, "a chunk of the reply has no size");
		size = size << 4 | (unsigned)digit;
	}
	c->left = size;
	return 0;
}

/* Bytes of the body to lines. */
static int take_body(struct client *c, struct span bytes)
{
	while (bytes.len) {
		ptrdiff_t end = span_chr(bytes, '\n');
		struct span line = end < 0 ? bytes : span_take(bytes, (size_t)end);
		int r;

		bytes = span_skip(bytes, line.len + (end >= 0));
		if (end < 0 || c->line.len) {
			buf_puts(&c->line, line);
			if (c->line.failed)
				return err_set(c->reterr, -EPROTO, "a row is too long");
			line = buf_span(&c->line);
		}
		if (end < 0)
			break;
		r = c->on_line(c->ctx, c->status, line);
		buf_reset(&c->line);
		if (r != 0)
			return r;
	}
	return 0;
}

/* Up to `left` bytes of the body, at least one.  1 = go on, 0 = the body's end. */
static int read_some(struct client *c)
{
	struct span have;
	int r;

	if (c->at == c->in.len) {
		ssize_t n = receive(c);

		if (n < 0)
			return (int)n;
		if (n == 0)
			return c->body == BODY_TO_END ? 0 : cut_short(c);
	}
	have = span_skip(buf_span(&c->in), c->at);
	if (c->body != BODY_TO_END)
		have = span_take(have, c->left);
	c->at += have.len;
	c->left -= c->body == BODY_TO_END ? 0 : have.len;
	r = take_body(c, have);
	return r < 0 ? r : r == 0;
}

static int read_body(struct client *c)
{
	struct span blank;
	int r;

	do {
		if (c->body == BODY_CHUNKED) {
			r = read_chunk(c);
			if (r < 0 || c->left == 0)
				return r;
		}
		r = 1;
		while (r == 1 && (c->body == BODY_TO_END || c->left))
			r = read_some(c);
		if (r == 1 && c->body == BODY_CHUNKED && read_line(c, &blank) < 0)
			return -EPROTO;
	} while (r == 1 && c->body == BODY_CHUNKED);
	return r < 0 ? r : 0;
}

static int send_request(struct client *c, const struct address *at, const char *path,
			struct span form)
{
	_cleanup_(buf_release) struct buf head = BUF_INIT(64 << 10);
	int r;

	buf_printf(&head, "POST %.*s%s HTTP/1.1\r\nHost: ", SPAN_FMT(at->path), path);
	if (at->socket.ptr)
		buf_puts(&head, SPAN("localhost"));
	else
		buf_printf(&head, at->ipv6 ? "[%s]:%s" : "%s:%s", at->host, at->port);
	buf_printf(&head,
		   "\r\nUser-Agent: logq/" SLUICE_VERSION
		   "\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: %zu\r\n"
		   "Connection: close\r\n\r\n",
		   form.len);
	r = head.failed ? head.failed : send_all(c, buf_span(&head));
	return r < 0 ? r : send_all(c, form);
}

int http_client_post(const char *server, const char *path, struct span form, int64_t limit_ns,
		     http_line_fn *on_line, void *ctx, const atomic_bool *cancel,
		     struct err *reterr)
{
	struct client c = {.on_line = on_line,
			   .ctx = ctx,
			   .cancel = cancel,
			   .start_ns = clock_mono_ns(),
			   .limit_ns = limit_ns,
			   .reterr = reterr,
			   .in = BUF_INIT(HEAD_MAX + (128u << 10)),
			   .line = BUF_INIT(LINE_MAX_BYTES)};
	struct address at;
	int r = address_parse(span_cstr(server), &at, reterr);

	if (r == 0)
		r = at.socket.ptr ? connect_unix(at.socket, cancel, reterr)
				  : connect_tcp(&at, cancel, reterr);
	if (r < 0)
		return r;
	c.fd = r;
	r = send_request(&c, &at, path, form);
	if (r == 0)
		r = read_head(&c);
	if (r == 0)
		r = on_line(ctx, c.status, SPAN(""));
	if (r == 0)
		r = read_body(&c);
	if (r == 0 && c.line.len)
		r = on_line(ctx, c.status, buf_span(&c.line));
	close(c.fd);
	buf_release(&c.in);
	buf_release(&c.line);
	return r < 0 ? r : 0;
}
