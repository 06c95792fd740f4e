/* serve.c - routes to queries. */
#include "aggregator/serve/serve.h"
#include "aggregator/query/graph.h"
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

/* How a request is answered, besides its parameters. */
struct manner {
	bool follow;
	bool no_limit; /* limit= means something else here, and is taken care of */
	const struct shape_conf *shape;
};

/* Takes `query`, also on failure. */
static int start_query(struct serve *serve, struct http_request *req, struct answer_conf *conf,
		       struct query *query, const struct shape_conf *shape)
{
	struct query_source *source;
	int r;

	conf->done = conf->follow ? tail_done : query_done;
	conf->ctx = serve;
	if (!query_begin(serve, conf->follow)) {
		query_free(query);
		return http_reply_error(req, 429, "%u %s are running: try again later",
					conf->follow ? serve->conf.tails : serve->conf.queries,
					conf->follow ? "tails" : "queries");
	}
	r = shape ? shape_new(shape, &conf->shape) : 0;
	if (r == 0)
		r = source_store_open(serve->store, &source);
	if (r < 0) {
		shape_free(conf->shape);
		query_free(query);
		conf->done(serve);
		return r;
	}
	return answer_start(req, conf, query, source);
}

static int bad_query(struct serve *serve, struct http_request *req, struct span text,
		     const struct err *err)
{
	counter_add(&serve->failed, 1);
	return reply_bad_query(req, text, err);
}

static int run_query(struct serve *serve, struct http_request *req, struct span text,
		     const struct manner *manner)
{
	struct answer_conf conf = {.follow = manner->follow};
	struct query *query;
	struct err err = {0};
	int r = read_params(serve, req, &conf, &err);

	if (r < 0)
		return http_reply_error(req, 400, "%s", err.text);
	if (manner->no_limit)
		conf.limit = 0;
	if (conf.follow) {
		conf.query.timeout_ns = 0;
		conf.events = span_find(http_header(req, "Accept"), SPAN("text/event-stream")) >= 0;
	}
	r = query_parse(text, clock_real_ns(), &query_lang_ops, &query, &err);
	if (r < 0)
		return bad_query(serve, req, text, &err);
	return start_query(serve, req, &conf, query, manner->shape);
}

static int no_param(struct http_request *req, const char *name)
{
	return http_reply_error(req, 400, "parameter %s is missing", name);
}

static int query(void *ctx, struct http_request *req)
{
	struct span text = http_param(req, "query");

	if (!text.len)
		return no_param(req, "query");
	return run_query(ctx, req, text, &(struct manner){0});
}

static int tail(void *ctx, struct http_request *req)
{
	struct span text = http_param(req, "query");

	if (!text.len)
		return no_param(req, "query");
	return run_query(ctx, req, text, &(struct manner){.follow = true});
}

/* limit=N of VictoriaLogs: the latest N, where the pipes don't say otherwise. */
static int select_query(void *ctx, struct http_request *req)
{
	struct span text = http_param(req, "query"), limit = http_param(req, "limit");
	_cleanup_(buf_release) struct buf latest = BUF_INIT(QUERY_BODY_MAX);
	struct query *query;
	struct err err = {0};
	uint64_t n;
	bool streams;

	if (!text.len)
		return no_param(req, "query");
	if (!limit.len || num_parse_u64(limit, &n) < 0 || n == 0)
		return run_query(ctx, req, text, &(struct manner){0});
	if (query_parse(text, clock_real_ns(), &query_lang_ops, &query, &err) < 0)
		return bad_query(ctx, req, text, &err);
	streams = query_streams(query);
	query_free(query);
	if (!streams)
		return run_query(ctx, req, text, &(struct manner){0});
	buf_puts(&latest, text);
	buf_printf(&latest, "\n| sort by (_time desc) limit %llu", (unsigned long long)n);
	if (latest.failed)
		return latest.failed;
	return run_query(ctx, req, buf_span(&latest), &(struct manner){0});
}

/*
 * The others are queries with a pipe behind them: `before`, the parameter,
 * quoted where it must be, `after`.  With `value` the answer is SHAPE_VALUES
 * of that column, "" is the parameter.
 */
static const struct derived {
	const char *path, *before;
	const char *param, *def; /* NULL = none */
	const char *after;
	const char *value; /* NULL: NDJSON */
} derived[] = {
	{"/api/v1/field_names", "field_names", NULL, NULL, "", NULL},
	{"/api/v1/field_values", "field_values ", "field", NULL, "", NULL},
	{"/api/v1/streams", "uniq by (_stream) with hits", NULL, NULL, "", NULL},
	{"/api/v1/facets", "facets", NULL, NULL, "", NULL},
	{"/api/v1/patterns", "patterns limit ", "limit", "50", "", NULL},
	{"/select/logsql/field_names", "field_names", NULL, NULL, "| sort by (name)", "name"},
	{"/select/logsql/field_values", "field_values ", "field", NULL, "| sort by (hits desc)",
	 ""},
	{"/select/logsql/streams", "uniq by (_stream) with hits", NULL, NULL,
	 "| sort by (hits desc, _stream)", "_stream"},
	{"/select/logsql/stream_ids", "uniq by (_stream_id) with hits", NULL, NULL,
	 "| sort by (hits desc, _stream_id)", "_stream_id"},
};

static const struct derived *derived_find(struct span path)
{
	for (size_t i = 0; i < sizeof(derived) / sizeof(derived[0]); i++)
		if (span_eq(path, span_cstr(derived[i].path)))
			return &derived[i];
	return NULL;
}

/* `query` and a pipe behind it begin the text. */
static void put_query(struct http_request *req, struct buf *text)
{
	struct span given = http_param(req, "query");

	buf_puts(text, given.len ? given : SPAN("*"));
	buf_puts(text, SPAN("\n| ")); /* the line may end in a comment */
}

static int derived_query(void *ctx, struct http_request *req)
{
	const struct derived *d = derived_find(http_path(req));
	_cleanup_(buf_release) struct buf text = BUF_INIT(QUERY_BODY_MAX);
	struct shape_conf shape = {.kind = SHAPE_VALUES};
	struct span value = SPAN("");

	if (!d)
		return http_reply_error(req, 404, "no such path");
	if (d->param) {
		value = http_param(req, d->param);
		if (!value.len && !d->def)
			return no_param(req, d->param);
		if (!value.len)
			value = span_cstr(d->def);
	}
	put_query(req, &text);
	buf_puts(&text, span_cstr(d->before));
	if (d->param)
		text_print(&text, value);
	buf_puts(&text, span_cstr(d->after));
	if (text.failed)
		return text.failed;
	if (d->value)
		shape.value = d->value[0] ? span_cstr(d->value) : value;
	return run_query(ctx, req, buf_span(&text),
			 &(struct manner){.shape = d->value ? &shape : NULL});
}

/* step=1m, or a number of seconds.  False with a reply given. */
static bool read_step(struct http_request *req, const char *def, struct span *ret, int64_t *ret_ns,
		      int *ret_reply)
{
	struct span step = http_param(req, "step");
	uint64_t seconds;

	if (!step.len)
		step = span_cstr(def);
	*ret = step;
	if (num_parse_duration(step, ret_ns) == 0 && *ret_ns > 0)
		return true;
	if (num_parse_u64(step, &seconds) == 0 && seconds > 0 && seconds < UINT32_MAX) {
		*ret_ns = (int64_t)seconds * NS_PER_SEC;
		return true;
	}
	*ret_reply = http_reply_error(req, 400, "step: '%.*s' is no duration such as 30s or 5m",
				      SPAN_FMT(step));
	return false;
}

/* `stats by (_time:STEP, FIELD) count() hits`, as rows or as VictoriaLogs has it. */
static int hits(void *ctx, struct http_request *req)
{
	bool select = span_starts(http_path(req), SPAN("/select/"));
	struct span field = http_param(req, "field"), offset = http_param(req, "offset"), step;
	_cleanup_(buf_release) struct buf text = BUF_INIT(QUERY_BODY_MAX);
	const struct shape_conf shape = {
		.kind = SHAPE_HITS, .labels = &field, .nlabels = field.len > 0};
	int64_t step_ns, offset_ns;
	int reply = 0;

	if (!read_step(req, "1h", &step, &step_ns, &reply))
		return reply;
	if (offset.len && num_parse_duration(offset, &offset_ns) < 0)
		return http_reply_error(req, 400, "offset: '%.*s' is no duration such as 2h",
					SPAN_FMT(offset));
	put_query(req, &text);
	buf_printf(&text, "stats by (_time:%lldns", (long long)step_ns);
	if (offset.len)
		buf_printf(&text, " offset %.*s", SPAN_FMT(offset));
	if (field.len) {
		buf_puts(&text, SPAN(", "));
		text_print(&text, field);
	}
	buf_puts(&text, SPAN(") count() hits | sort by ("));
	if (field.len) {
		text_print(&text, field);
		buf_puts(&text, SPAN(", "));
	}
	buf_puts(&text, SPAN("_time)"));
	if (text.failed)
		return text.failed;
	return run_query(ctx, req, buf_span(&text),
			 &(struct manner){.no_limit = select, .shape = select ? &shape : NULL});
}

/* The arguments of the pipe come as parameters. */
static int select_facets(void *ctx, struct http_request *req)
{
	static const char *const numbers[][2] = {{"limit", " "},
						 {"max_values_per_field", " max_values_per_field "},
						 {"max_value_len", " max_value_len "}};
	const struct shape_conf shape = {.kind = SHAPE_FACETS};
	_cleanup_(buf_release) struct buf text = BUF_INIT(QUERY_BODY_MAX);
	struct span keep = http_param(req, "keep_const_fields");

	put_query(req, &text);
	buf_puts(&text, SPAN("facets"));
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		struct span value = http_param(req, numbers[i][0]);

		if (!value.len)
			continue;
		buf_puts(&text, span_cstr(numbers[i][1]));
		text_print(&text, value);
	}
	if (span_eq(keep, SPAN("1")) || span_eq(keep, SPAN("true")))
		buf_puts(&text, SPAN(" keep_const_fields"));
	if (text.failed)
		return text.failed;
	return run_query(ctx, req, buf_span(&text),
			 &(struct manner){.no_limit = true, .shape = &shape});
}

/* Sorted, so that the points of a series come after each other. */
static int sort_series(struct query **query, const struct graph *graph, struct err *reterr)
{
	_cleanup_(buf_release) struct buf text = BUF_INIT(QUERY_BODY_MAX);
	struct query *sorted;
	int r;

	query_print(*query, &text);
	buf_puts(&text, SPAN("\n| sort by ("));
	for (size_t i = 0; i < graph->nlabels; i++) {
		text_print(&text, graph->labels[i]);
		buf_puts(&text, SPAN(", "));
	}
	buf_puts(&text, SPAN("_time)"));
	if (text.failed)
		return err_set(reterr, text.failed, "the query is too long");
	r = query_parse(buf_span(&text), (*query)->now_ns, &query_lang_ops, &sorted, reterr);
	if (r < 0)
		return r;
	query_free(*query);
	*query = sorted;
	return 0;
}

/* A stats pipe in Prometheus' shape: its value now, or over time where `range`. */
static int graph(struct serve *serve, struct http_request *req, bool range)
{
	struct span text = http_param(req, "query"), time = http_param(req, "time"), step = {0};
	struct shape_conf shape = {.kind = range ? SHAPE_MATRIX : SHAPE_VECTOR};
	struct answer_conf conf = {0};
	struct graph found, again;
	struct query *query;
	struct err err = {0};
	int64_t step_ns = 0;
	int r = read_params(serve, req, &conf, &err), reply = 0;

	if (r == 0 && !range && time.len)
		r = time_arg_parse(time, clock_real_ns(), true, &conf.query.max_time, &err);
	if (r < 0)
		return http_reply_error(req, 400, "%s", err.text);
	if (!text.len)
		return no_param(req, "query");
	if (range && !read_step(req, "1h", &step, &step_ns, &reply))
		return reply;
	conf.query.has_time_range |= time.len > 0;
	shape.at_ns = conf.query.max_time == INT64_MAX ? clock_real_ns() : conf.query.max_time;
	r = query_parse(text, clock_real_ns(), &query_lang_ops, &query, &err);
	if (r < 0)
		return bad_query(serve, req, text, &err);
	r = graph_of(query, step, step_ns, &found, &err);
	if (r == 0 && range)
		r = sort_series(&query, &found, &err);
	if (r == 0)
		r = graph_of(query, step, step_ns, &again, &err); /* the labels of this query */
	if (r < 0) {
		query_free(query);
		return bad_query(serve, req, text, &err);
	}
	shape.labels = again.labels;
	shape.nlabels = again.nlabels;
	return start_query(serve, req, &conf, query, &shape);
}

static int stats_query(void *ctx, struct http_request *req)
{
	return graph(ctx, req, false);
}

static int stats_query_range(void *ctx, struct http_request *req)
{
	return graph(ctx, req, true);
}

#define TRACE_PATH "/api/v1/trace/"

static int trace(void *ctx, struct http_request *req)
{
	struct span id = span_skip(http_path(req), strlen(TRACE_PATH));
	_cleanup_(buf_release) struct buf text = BUF_INIT(QUERY_BODY_MAX);

	if (!id.len)
		return http_reply_error(req, 404, "no such path: /api/v1/trace/ID");
	buf_puts(&text, SPAN("trace_id:="));
	text_print_quoted(&text, id);
	buf_puts(&text, SPAN(" | trace"));
	if (text.failed)
		return text.failed;
	return run_query(ctx, req, buf_span(&text), &(struct manner){0});
}

#define QUERY(path, handle)                                                                        \
	{                                                                                          \
		"GET|POST", path, handle, QUERY_BODY_MAX                                           \
	}
static const struct http_route routes[] = {
	QUERY("/api/v1/query", query),
	QUERY("/api/v1/tail", tail),
	QUERY("/api/v1/hits", hits),
	QUERY("/api/v1/field_names", derived_query),
	QUERY("/api/v1/field_values", derived_query),
	QUERY("/api/v1/streams", derived_query),
	QUERY("/api/v1/facets", derived_query),
	QUERY("/api/v1/patterns", derived_query),
	QUERY("/api/v1/stats_query", stats_query),
	QUERY("/api/v1/stats_query_range", stats_query_range),
	QUERY(TRACE_PATH "*", trace),
	QUERY("/select/logsql/query", select_query),
	QUERY("/select/logsql/tail", tail),
	QUERY("/select/logsql/hits", hits),
	QUERY("/select/logsql/field_names", derived_query),
	QUERY("/select/logsql/field_values", derived_query),
	QUERY("/select/logsql/streams", derived_query),
	QUERY("/select/logsql/stream_ids", derived_query),
	QUERY("/select/logsql/facets", select_facets),
	QUERY("/select/logsql/stats_query", stats_query),
	QUERY("/select/logsql/stats_query_range", stats_query_range),
	{"GET", "/api/v1/status", status, 0},
	{"GET", "/livez", livez, 0},
	{"GET", "/readyz", readyz, 0},
	{"GET", "/metrics", metrics, 0},
	{0},
};
#undef QUERY

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
