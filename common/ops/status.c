#include "common/ops/status.h"
#include "common/base/cleanup.h"

#define HEALTH_TEXT_MAX  (64u << 10)
#define METRICS_TEXT_MAX (16u << 20)

static int reply(struct http_request *req, unsigned status, const char *type,
		 const struct buf *text)
{
	return text->failed ? text->failed : http_reply(req, status, type, buf_span(text));
}

int status_health(struct http_request *req, struct health *health, enum health_kind kind)
{
	_cleanup_(buf_release) struct buf text = BUF_INIT(HEALTH_TEXT_MAX);
	bool good = health_write(health, kind, &text);

	return reply(req, good ? 200 : 503, "text/plain; charset=utf-8", &text);
}

int status_metrics(struct http_request *req, struct metrics *metrics)
{
	_cleanup_(buf_release) struct buf text = BUF_INIT(METRICS_TEXT_MAX);

	metrics_write(metrics, &text);
	return reply(req, 200, METRICS_CONTENT_TYPE, &text);
}
