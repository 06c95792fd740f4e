/*
 * params.h - what the parameters of a request ask for.
 *
 *	query  extra_filters  extra_stream_filters	one text of LogsQL
 *	start  end  timeout  limit  trailer		how far its answer goes
 *
 * A duration is 500ms, 1h30m or a number of seconds; times are those of time_arg.h.
 */
#ifndef SLUICE_AGGREGATOR_SERVE_PARAMS_H
#define SLUICE_AGGREGATOR_SERVE_PARAMS_H

#include "aggregator/serve/answer.h"

/*
 * `query` under the extra filters; behind it a pipe may be put.  They hold for its
 * sub-queries too: filters, or JSON objects of fields and their values,
 * {"service":["cart","payment"]}.
 *
 * -EINVAL with text when one can't be read; reterr->offset is a byte of *ret_wrong.
 */
int params_query(struct http_request *req, struct span query, struct buf *ret,
		 struct span *ret_wrong, struct err *reterr);

/* Range, limits and trailer into `conf`; the time limit that it has can only be lowered. */
int params_limits(struct http_request *req, struct answer_conf *conf, struct err *reterr);

/* A time, if the parameter is there. */
int params_time(struct http_request *req, const char *name, int64_t *ret_ns, struct err *reterr);

/* A duration above zero; `def` (NULL = leave *ret_ns alone) where none is given. */
int params_duration(struct http_request *req, const char *name, const char *def, int64_t *ret_ns,
		    struct err *reterr);

/* A whole number, if the parameter is there. */
int params_number(struct http_request *req, const char *name, uint64_t *ret, struct err *reterr);

#endif
