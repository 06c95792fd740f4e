#include "common/base/check.h"
#include "common/base/cleanup.h"
#include "common/base/num.h"
#include "common/data/json_write.h"
#include "common/ops/http_internal.h"
#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <sys/socket.h>

#define PARAMS_MAX 1000

struct span http_method(const struct http_request *req)
{
	return req->method;
}

struct span http_path(const struct http_request *req)
{
	return req->path;
}

struct span http_body(const struct http_request *req)
{
	return buf_span(&req->body);
}

struct span http_header(struct http_request *req, const char *name)
{
	return span_cstr(MHD_lookup_connection_value(req->connection, MHD_HEADER_KIND, name));
}

/* + and %xx; a % that is not followed by two digits stays. */
static struct span decode_form(struct http_request *req, struct span text)
{
	char *out = arena_alloc(&req->arena, text.len + 1);
	size_t n = 0;

	if (!out)
		return span_of(NULL, 0);
	for (size_t i = 0; i < text.len; i++) {
		int high = i + 2 < text.len ? num_hex_digit(text.ptr[i + 1]) : -1;
		int low = high >= 0 ? num_hex_digit(text.ptr[i + 2]) : -1;

		if (text.ptr[i] == '%' && low >= 0) {
			out[n++] = (char)(high * 16 + low);
			i += 2;
		} else {
			out[n++] = text.ptr[i] == '+' ? ' ' : text.ptr[i];
		}
	}
	return span_of(out, n);
}

/* Its parameters, as they are read. */
struct query_string {
	struct http_request *req;
	int r;
};

static bool body_is_form(struct http_request *req)
{
	const struct span form = SPAN("application/x-www-form-urlencoded");
	struct span type = http_header(req, MHD_HTTP_HEADER_CONTENT_TYPE);

	return span_ieq(span_take(type, form.len), form);
}

bool http_body_is_other(struct http_request *req)
{
	return req->body.len && !body_is_form(req);
}

static int add_param(struct http_request *req, struct span name, struct span value)
{
	struct http_pair pair = {name, value};

	if (req->arena.overflowed)
		return -ENOMEM;
	return req->params.len == PARAMS_MAX ? -E2BIG : vec_push(&req->params, pair);
}

static int read_form(struct http_request *req)
{
	struct span rest = http_body(req), pair;
	int r = 0;

	while (r == 0 && span_cut(&rest, '&', &pair)) {
		ptrdiff_t equals = span_chr(pair, '=');
		size_t len = equals < 0 ? pair.len : (size_t)equals;

		if (pair.len)
			r = add_param(req, decode_form(req, span_take(pair, len)),
				      decode_form(req, span_skip(pair, len + 1)));
	}
	return r;
}

/* libmicrohttpd has decoded it, and keeps it as long as the request. */
static enum MHD_Result read_argument(void *cls, enum MHD_ValueKind kind, const char *name,
				     size_t name_len, const char *value, size_t value_len)
{
	struct query_string *args = cls;

	(void)kind;
	args->r = add_param(args->req, span_of(name, name_len),
			    span_of(value ? value : "", value ? value_len : 0));
	return args->r == 0 ? MHD_YES : MHD_NO;
}

int http_read_params(struct http_request *req)
{
	struct query_string args = {.req = req};
	int r = body_is_form(req) ? read_form(req) : 0;

	if (r == 0)
		MHD_get_connection_values_n(req->connection, MHD_GET_ARGUMENT_KIND, read_argument,
					    &args);
	return r < 0 ? r : args.r;
}

struct span http_param_at(const struct http_request *req, const char *name, size_t place)
{
	for (size_t i = 0; i < req->params.len; i++)
		if (span_eq(req->params.ptr[i].name, span_cstr(name)) && place-- == 0)
			return req->params.ptr[i].value;
	return span_of(NULL, 0);
}

struct span http_param(const struct http_request *req, const char *name)
{
	return http_param_at(req, name, 0);
}

void http_peer(const struct http_request *req, struct http_peer *ret)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	*ret = (struct http_peer){.uid = (uid_t)-1, .gid = (gid_t)-1};
	if (!req->local || getsockopt(req->fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0)
		return;
	*ret = (struct http_peer){true, cred.uid, cred.gid, cred.pid};
}

bool http_gone(const struct http_request *req)
{
	struct pollfd pfd = {.fd = req->fd, .events = POLLRDHUP};

	return poll(&pfd, 1, 0) > 0 && (pfd.revents & (POLLRDHUP | POLLHUP | POLLERR));
}

/* Kept in a response that is never sent, until the real one is there. */
int http_add_header(struct http_request *req, const char *name, const char *value)
{
	if (!req->headers)
		req->headers = MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);
	if (!req->headers)
		return -ENOMEM;
	return MHD_add_response_header(req->headers, name, value) == MHD_YES ? 0 : -EINVAL;
}

static enum MHD_Result copy_header(void *response, enum MHD_ValueKind kind, const char *name,
				   const char *value)
{
	(void)kind;
	MHD_add_response_header(response, name, value);
	return MHD_YES;
}

int http_queue(struct http_request *req, unsigned status, struct MHD_Response *response)
{
	CHECK(!req->replied);
	if (!response)
		return -ENOMEM;
	if (req->headers)
		MHD_get_response_headers(req->headers, copy_header, response);
	MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
	int queued = MHD_queue_response(req->connection, status, response) == MHD_YES;

	MHD_destroy_response(response);
	if (!queued)
		return -EIO;
	req->replied = true;
	return 0;
}

int http_reply(struct http_request *req, unsigned status, const char *type, struct span body)
{
	char none = 0, *copy = &none;
	struct MHD_Response *response;

	if (body.len) {
		copy = malloc(body.len);
		if (!copy)
			return -ENOMEM;
		memcpy(copy, body.ptr, body.len);
	}
	response = MHD_create_response_from_buffer(
		body.len, copy, body.len ? MHD_RESPMEM_MUST_FREE : MHD_RESPMEM_PERSISTENT);
	if (!response && body.len)
		free(copy);
	if (response && type)
		MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
	return http_queue(req, status, response);
}

int http_reply_error(struct http_request *req, unsigned status, const char *fmt, ...)
{
	_cleanup_(buf_release) struct buf body = BUF_INIT(64 << 10);
	_cleanup_free_ char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	int r = vasprintf(&text, fmt, ap);

	va_end(ap);
	if (r < 0) {
		text = NULL;
		return -ENOMEM;
	}
	buf_puts(&body, SPAN("{\"error\":"));
	json_write_string(&body, span_cstr(text));
	buf_puts(&body, SPAN("}\n"));
	if (body.failed)
		return body.failed;
	return http_reply(req, status, "application/json", buf_span(&body));
}

void http_request_free(struct http_request *req, bool sent)
{
	if (!req)
		return;
	if (req->streaming)
		http_stream_end(req, sent);
	if (req->headers)
		MHD_destroy_response(req->headers);
	vec_release(&req->params);
	arena_release(&req->arena);
	buf_release(&req->body);
	free(req);
}
