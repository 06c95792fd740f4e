/* serve.c - routes to queries. */
#include "aggregator/serve/serve.h"
#include "aggregator/serve/answer.h"
#include "common/base/cleanup.h"
#include "common/base/clock.h"
#include "common/base/num.h"
#include "common/data/json_write.h"
#include "common/lang/time_arg.h"
#include "common/lang/words.h"
#include "common/ops/status.h"
#include <errno.h>

#define QUERY_BODY_MAX (2u << 20)

struct serve {
	struct serve_conf conf;
	struct store *store;
	struct metrics *metrics;
	struct health *health;
	struct http_server *http;
	_Atomic unsigned queries_running, tails_running;
	struct counter queries, refused, failed;
};

static int reply_buf(struct http_request *req, unsigned status, const char *type,
		     const struct buf *body)
{
	return body->failed ? body->failed : http_reply(req, status, type, buf_span(body));
}

static int livez(void *ctx, struct http_request *req)
{
	return status_health(req, ((struct serve *)ctx)->health, HEALTH_LIVE);
}

static int readyz(void *ctx, struct http_request *req)
{
	return status_health(req, ((struct serve *)ctx)->health, HEALTH_READY);
}

static int metrics(void *ctx, struct http_request *req)
{
	return status_metrics(req, ((struct serve *)ctx)->metrics);
}

static int status(void *ctx, struct http_request *req)
{
	struct serve *serve = ctx;
	_cleanup_(buf_release) struct buf body = BUF_INIT(1 << 20);

	serve->conf.status(serve->conf.status_ctx, &body);
	return reply_buf(req, 200, "application/json", &body);
}

/* {"error":"…","position":17,"query":"…"}: enough for a client to draw the caret. */
static int reply_bad_query(struct http_request *req, struct span text, const struct err *err)
{
	_cleanup_(buf_release) struct buf body = BUF_INIT(4 << 20);
	char position[NUM_TEXT_MAX];
	size_t n = num_format_u64(position, err->offset);
	bool first = true;

	buf_putc(&body, '{');
	json_write_field(&body, &first, SPAN("error"), VALUE_STRING, span_cstr(err->text));
	json_write_field(&body, &first, SPAN("position"), VALUE_NUMBER, span_of(position, n));
	json_write_field(&body, &first, SPAN("query"), VALUE_STRING, text);
	buf_puts(&body, SPAN("}\n"));
	return reply_buf(req, 400, "application/json", &body);
}

/* start=, end=, limit=, timeout=, trailer= */
static int read_params(struct serve *serve, struct http_request *req, struct answer_conf *conf,
		       struct err *reterr)
{
	struct span start = http_param(req, "start"), end = http_param(req, "end");
	struct span limit = http_param(req, "limit"), timeout = http_param(req, "timeout");
	int64_t now = clock_real_ns(), asked;
	struct query_conf *q = &conf->query;
	int r = 0;

	*q = (struct query_conf){.memory_bytes = serve->conf.query_memory,
				 .timeout_ns = serve->conf.query_time_ns,
				 .min_time = INT64_MIN,
				 .max_time = INT64_MAX};
	if (start.len)
		r = time_arg_parse(start, now, true, &q->min_time, reterr);
	if (r == 0 && end.len)
		r = time_arg_parse(end, now, true, &q->max_time, reterr);
	q->has_time_range = start.len || end.len;
	if (r == 0 && limit.len && num_parse_u64(limit, &conf->limit) < 0)
		r = err_set(reterr, -EINVAL, "limit: '%.*s' is no number", SPAN_FMT(limit));
	if (r == 0 && timeout.len) {
		if (num_parse_duration(timeout, &asked) < 0 || asked <= 0)
			return err_set(reterr, -EINVAL,
				       "timeout: '%.*s' is no duration such as 500ms or 30s",
				       SPAN_FMT(timeout));
		if (!q->timeout_ns || asked < q->timeout_ns)
			q->timeout_ns = asked;
	}
	conf->trailer = span_eq(http_param(req, "trailer"), SPAN("1"));
	return r;
}

static void query_done(void *ctx)
{
	((struct serve *)ctx)->queries_running--;
}

static void tail_done(void *ctx)
{
	((struct serve *)ctx)->tails_running--;
}

/* A slot among those that may run, given back by query_done() or tail_done(). */
static bool query_begin(struct serve *serve, bool follow)
{
	_Atomic unsigned *running = follow ? &serve->tails_running : &serve->queries_running;

	if (++*running <= (follow ? serve->conf.tails : serve->conf.queries)) {
		counter_add(&serve->queries, 1);
		return true;
	}
	--*running;
	counter_add(&serve->refused, 1);
	return false;
}

static int run_query(struct serve *serve, struct http_request *req, struct span text, bool follow)
{
	struct answer_conf conf = {
		.follow = follow, .done = follow ? tail_done : query_done, .ctx = serve};
	struct query_source *source;
	struct query *query;
	struct err err = {0};
	int r = read_params(serve, req, &conf, &err);

	if (r < 0)
		return http_reply_error(req, 400, "%s", err.text);
	if (follow)
		conf.query.timeout_ns = 0;
	r = query_parse(text, clock_real_ns(), &query_lang_ops, &query, &err);
	if (r < 0) {
		counter_add(&serve->failed, 1);
		return reply_bad_query(req, text, &err);
	}
	if (!query_begin(serve, follow)) {
		query_free(query);
		return http_reply_error(req, 429, "%u %s are running: try again later",
					follow ? serve->conf.tails : serve->conf.queries,
					follow ? "tails" : "queries");
	}
	r = source_store_open(serve->store, &source);
	if (r < 0) {
		query_free(query);
		conf.done(serve);
		return r;
	}
	return answer_start(req, &conf, query, source);
}

static int query(void *ctx, struct http_request *req)
{
	struct span text = http_param(req, "query");

	if (!text.len)
		return http_reply_error(req, 400, "parameter query is missing");
	return run_query(ctx, req, text, false);
}

static int tail(void *ctx, struct http_request *req)
{
	struct span text = http_param(req, "query");

	if (!text.len)
		return http_reply_error(req, 400, "parameter query is missing");
	return run_query(ctx, req, text, true);
}

/*
 * The others are queries with a pipe behind them: `before`, the parameter,
 * quoted where it must be, `after`.
 */
static const struct derived {
	const char *path, *before;
	const char *param, *def; /* NULL = none */
	const char *after;
} derived[] = {
	{"/api/v1/hits", "stats by (_time:", "step", "1h", ") count() hits | sort by (_time)"},
	{"/api/v1/field_names", "field_names", NULL, NULL, ""},
	{"/api/v1/field_values", "field_values ", "field", NULL, ""},
	{"/api/v1/streams", "uniq by (_stream) with hits", NULL, NULL, ""},
	{"/api/v1/facets", "facets", NULL, NULL, ""},
};

static const struct derived *derived_find(struct span path)
{
	for (size_t i = 0; i < sizeof(derived) / sizeof(derived[0]); i++)
		if (span_eq(path, span_cstr(derived[i].path)))
			return &derived[i];
	return NULL;
}

static int derived_query(void *ctx, struct http_request *req)
{
	const struct derived *d = derived_find(http_path(req));
	struct span given = http_param(req, "query"), value = SPAN("");
	_cleanup_(buf_release) struct buf text = BUF_INIT(QUERY_BODY_MAX);

	if (!d)
		return http_reply_error(req, 404, "no such path");
	if (d->param) {
		value = http_param(req, d->param);
		if (!value.len && !d->def)
			return http_reply_error(req, 400, "parameter %s is missing", d->param);
		if (!value.len)
			value = span_cstr(d->def);
	}
	buf_puts(&text, given.len ? given : SPAN("*"));
	buf_puts(&text, SPAN("\n| ")); /* the line may end in a comment */
	buf_puts(&text, span_cstr(d->before));
	if (d->param)
		text_print(&text, value);
	buf_puts(&text, span_cstr(d->after));
	if (text.failed)
		return text.failed;
	return run_query(ctx, req, buf_span(&text), false);
}

static const struct http_route routes[] = {
	{"GET|POST", "/api/v1/query", query, QUERY_BODY_MAX},
	{"GET|POST", "/api/v1/tail", tail, QUERY_BODY_MAX},
	{"GET|POST", "/api/v1/hits", derived_query, QUERY_BODY_MAX},
	{"GET|POST", "/api/v1/field_names", derived_query, QUERY_BODY_MAX},
	{"GET|POST", "/api/v1/field_values", derived_query, QUERY_BODY_MAX},
	{"GET|POST", "/api/v1/streams", derived_query, QUERY_BODY_MAX},
	{"GET|POST", "/api/v1/facets", derived_query, QUERY_BODY_MAX},
	{"GET|POST", "/api/v1/stats_query", query, QUERY_BODY_MAX},
	{"GET", "/api/v1/status", status, 0},
	{"GET", "/livez", livez, 0},
	{"GET", "/readyz", readyz, 0},
	{"GET", "/metrics", metrics, 0},
	{0},
};

static double read_counter(void *ctx)
{
	return (double)counter_get(ctx);
}

static void add_metrics(struct serve *serve)
{
	const struct {
		const char *name, *help;
		struct counter *counter;
	} rows[] = {
		{"aggregator_queries_total", "Queries that were run.", &serve->queries},
		{"aggregator_queries_refused_total", "Queries above the limit.", &serve->refused},
		{"aggregator_queries_bad_total", "Queries with an error in their text.",
		 &serve->failed},
	};

	/* A series that is refused is only missing. */
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		(void)metrics_read(serve->metrics, rows[i].name, rows[i].help, NO_LABELS, true,
				   read_counter, rows[i].counter);
}

int serve_open(const struct serve_conf *conf, struct store *store, struct metrics *metrics_,
	       struct health *health, struct serve **ret, struct err *reterr)
{
	const struct http_conf http = {.listen = conf->listen,
				       .unix_path = conf->unix_path,
				       .connections = conf->connections};
	struct serve *serve = calloc(1, sizeof(*serve));
	int r;

	if (!serve)
		return err_set(reterr, -ENOMEM, "out of memory");
	serve->conf = *conf;
	serve->store = store;
	serve->metrics = metrics_;
	serve->health = health;
	add_metrics(serve);
	r = http_open(&http, routes, serve, &serve->http, reterr);
	if (r < 0) {
		free(serve);
		return r;
	}
	*ret = serve;
	return 0;
}

void serve_close(struct serve *serve)
{
	if (!serve)
		return;
	http_close(serve->http);
	free(serve);
}
