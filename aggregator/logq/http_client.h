/*
 * http_client.h - just enough HTTP/1.1 to ask an aggregator and read lines.
 *
 * One request a connection, over TCP or a unix socket.  The reply may be
 * chunked, have a length, or end with the connection; an end before what was
 * promised is an error, since then the answer isn't whole.
 *
 *	r = http_client_post("unix:/run/aggregator/aggregator.sock", "/api/v1/query",
 *			     body, 0, on_line, ctx, &cancel, &err);
 *
 * Bounded: headers to 64 KiB, a line of the body to 64 MiB.
 */
#ifndef SLUICE_LOGQ_HTTP_CLIENT_H
#define SLUICE_LOGQ_HTTP_CLIENT_H

#include "common/base/buf.h"
#include "common/base/err.h"
#include <stdatomic.h>
#include <stdbool.h>

/* A line without its newline; an empty one first, when the reply has begun.  0 = go on, 1 = enough, negative errno = stop with it. */
typedef int http_line_fn(void *ctx, unsigned status, struct span line);

/*
 * `server` as in address.h; its path goes before `path`.  0, or -ECONNREFUSED,
 * -ENOENT, -EPROTO, -ECANCELED (the flag, which is seen within 100 ms), -ETIMEDOUT (nothing came until
 * limit_ns after the start; 0 = no limit),
 * what on_line said, …, with text.
 */
int http_client_post(const char *server, const char *path, struct span form, int64_t limit_ns,
		     http_line_fn *on_line, void *ctx, const atomic_bool *cancel,
		     struct err *reterr);

/* "&name=value", percent-encoded; without the & at the front. */
void http_form_add(struct buf *form, const char *name, struct span value);

#endif
