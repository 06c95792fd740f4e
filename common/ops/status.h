/*
 * status.h - the answers to /livez, /readyz and /metrics, for http handlers.
 *
 *	static int readyz(void *ctx, struct http_request *req)
 *	{
 *		return status_health(req, ((struct program *)ctx)->health, HEALTH_READY);
 *	}
 */
#ifndef SLUICE_OPS_STATUS_H
#define SLUICE_OPS_STATUS_H

#include "common/ops/health.h"
#include "common/ops/http.h"
#include "common/ops/metrics.h"

/* 200 while all checks of the kind are good, else 503; a line each. */
int status_health(struct http_request *req, struct health *health, enum health_kind kind);
int status_metrics(struct http_request *req, struct metrics *metrics);

#endif
