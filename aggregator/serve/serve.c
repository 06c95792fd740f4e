/* serve.c - routes to queries. */
#include "aggregator/serve/serve.h"
#include "aggregator/query/graph.h"
#include "aggregator/serve/params.h"
#include "common/base/cleanup.h"
#include "common/base/clock.h"
#include "common/base/num.h"
#include "common/data/json_write.h"
#include "common/lang/words.h"
#include "common/ops/status.h"
#include <errno.h>

#define QUERY_BODY_MAX (2u << 20)
#define QUERY_ECHO_MAX (64u << 10)

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

/* {"error":"…","position":17,"query":"…"}: enough to draw the caret; no query that is long. */
static int reply_bad_query(struct http_request *req, struct span text, const struct err *err)
{
	_cleanup_(buf_release) struct buf body = BUF_INIT(1 << 20);
	char position[NUM_TEXT_MAX];
	size_t n = num_format_u64(position, err->offset);
	bool first = true;

	buf_putc(&body, '{');
	json_write_field(&body, &first, SPAN("error"), VALUE_STRING, span_cstr(err->text));
	json_write_field(&body, &first, SPAN("position"), VALUE_NUMBER, span_of(position, n));
	if (text.len <= QUERY_ECHO_MAX)
		json_write_field(&body, &first, SPAN("query"), VALUE_STRING, text);
	buf_puts(&body, SPAN("}\n"));
	return reply_buf(req, 400, "application/json", &body);
}

static int read_limits(struct serve *serve, struct http_request *req, struct answer_conf *conf,
		       struct err *reterr)
{
	conf->query.memory_bytes = serve->conf.query_memory;
	conf->query.timeout_ns = serve->conf.query_time_ns;
	return params_limits(req, conf, reterr);
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
	bool no_limit;    /* limit= means something else here, and is taken care of */
	const char *type; /* of rows; NULL = as answer.h has it */
	const struct shape_conf *shape;
};

static bool is_select(const struct http_request *req)
{
	return span_starts(http_path(req), SPAN("/select/"));
}

/* Of VictoriaLogs' paths, where end= that names a whole second is the end of that second. */
static void end_the_second(const struct http_request *req, struct query_conf *conf)
{
	if (is_select(req) && conf->max_time % NS_PER_SEC == 0 &&
	    conf->max_time < INT64_MAX - NS_PER_SEC)
		conf->max_time += NS_PER_SEC - 1;
}

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

static int bad_param(struct http_request *req, const struct err *err)
{
	return http_reply_error(req, 400, "%s", err->text);
}

static int run_query(struct serve *serve, struct http_request *req, struct span text,
		     const struct manner *manner)
{
	struct answer_conf conf = {.follow = manner->follow, .type = manner->type};
	struct query *query;
	struct err err = {0};
	int64_t ago = 0;
	int r = read_limits(serve, req, &conf, &err);

	if (r == 0 && conf.follow)
		r = params_duration(req, "start_offset", NULL, &ago, &err);
	if (r < 0)
		return bad_param(req, &err);
	end_the_second(req, &conf.query);
	if (manner->no_limit)
		conf.limit = 0;
	if (conf.follow) {
		conf.query.timeout_ns = 0;
		conf.events = span_find(http_header(req, "Accept"), SPAN("text/event-stream")) >= 0;
	}
	if (ago) {
		conf.query.has_time_range = true;
		conf.query.min_time = clock_real_ns() - ago;
	}
	r = query_parse(text, clock_real_ns(), &query_lang_ops, &query, &err);
	if (r < 0)
		return bad_query(serve, req, text, &err);
	return start_query(serve, req, &conf, query, manner->shape);
}

static int no_param(struct http_request *req, const char *name)
{
	if (http_body_is_other(req))
		return http_reply_error(req, 415,
					"parameter %s is missing: the body is read only as "
					"application/x-www-form-urlencoded",
					name);
	return http_reply_error(req, 400, "parameter %s is missing", name);
}

/* `query` with what belongs to it, as the beginning of `text`.  False with a reply given. */
static bool put_query(struct serve *serve, struct http_request *req, struct span query,
		      struct buf *text, int *ret_reply)
{
	struct span wrong;
	struct err err = {0};

	if (params_query(req, query, text, &wrong, &err) == 0)
		return true;
	*ret_reply = bad_query(serve, req, wrong, &err);
	return false;
}

/* The same with the parameter; `def` (may be NULL) stands for none. */
static bool read_query(struct serve *serve, struct http_request *req, const char *def,
		       struct buf *text, int *ret_reply)
{
	struct span given = http_param(req, "query");

	if (!given.len && def)
		given = span_cstr(def);
	if (given.len)
		return put_query(serve, req, given, text, ret_reply);
	*ret_reply = no_param(req, "query");
	return false;
}

static int query(void *ctx, struct http_request *req)
{
	_cleanup_(buf_release) struct buf text = BUF_INIT(QUERY_BODY_MAX);
	int reply = 0;

	if (!read_query(ctx, req, NULL, &text, &reply))
		return reply;
	return run_query(ctx, req, buf_span(&text), &(struct manner){0});
}

static int tail(void *ctx, struct http_request *req)
{
	_cleanup_(buf_release) struct buf text = BUF_INIT(QUERY_BODY_MAX);
	int reply = 0;

	if (!read_query(ctx, req, NULL, &text, &reply))
		return reply;
	return run_query(ctx, req, buf_span(&text), &(struct manner){.follow = true});
}

/* Some rows of the answer; the latest first where the query has no order of its own. */
static void put_page(struct buf *text, bool latest, uint64_t offset, uint64_t limit)
{
	const char *pipe = latest ? "" : "|";

	buf_puts(text, latest ? SPAN("\n| sort by (_time desc)") : SPAN("\n"));
	if (offset)
		buf_printf(text, " %s offset %llu", pipe, (unsigned long long)offset);
	if (limit)
		buf_printf(text, " %s limit %llu", pipe, (unsigned long long)limit);
}

/* limit=N and offset=M of VictoriaLogs: of the latest, where the pipes don't say otherwise. */
static int select_query(void *ctx, struct http_request *req)
{
	_cleanup_(buf_release) struct buf text = BUF_INIT(QUERY_BODY_MAX);
	uint64_t limit = 0, offset = 0;
	struct query *query;
	struct err err = {0};
	int r, reply = 0;

	if (!read_query(ctx, req, NULL, &text, &reply))
		return reply;
	r = params_number(req, "limit", &limit, &err);
	if (r == 0)
		r = params_number(req, "offset", &offset, &err);
	if (r < 0)
		return bad_param(req, &err);
	if (limit || offset) {
		if (query_parse(buf_span(&text), clock_real_ns(), &query_lang_ops, &query, &err) <
		    0)
			return bad_query(ctx, req, buf_span(&text), &err);
		put_page(&text, query_streams(query), offset, limit);
		query_free(query);
	}
	if (text.failed)
		return text.failed;
	return run_query(ctx, req, buf_span(&text),
			 &(struct manner){.type = "application/stream+json"});
}

/*
 * The others are queries with a pipe behind them: `before`, the parameter,
 * quoted where it must be, `after`.  With `value` the answer is SHAPE_VALUES
 * of that column; "" is the parameter, those with the most hits first.
 */
static const struct derived {
	const char *path, *before;
	const char *param, *def; /* NULL = none */
	const char *after;
	const char *value; /* NULL: NDJSON */
	bool label;        /* only rows whose stream has the parameter as a label */
} derived[] = {
	{"/api/v1/field_names", .before = "field_names"},
	{"/api/v1/field_values", .before = "field_values ", .param = "field"},
	{"/api/v1/streams", .before = "uniq by (_stream) with hits"},
	{"/api/v1/facets", .before = "facets"},
	{"/api/v1/patterns", .before = "patterns limit ", .param = "limit", .def = "50"},
	{"/select/logsql/field_names", .before = "field_names", .after = "| sort by (name)",
	 .value = "name"},
	{"/select/logsql/field_values", .before = "field_values ", .param = "field", .value = ""},
	{"/select/logsql/streams", .before = "uniq by (_stream) with hits",
	 .after = "| sort by (hits desc, _stream)", .value = "_stream"},
	{"/select/logsql/stream_ids", .before = "uniq by (_stream_id) with hits",
	 .after = "| sort by (hits desc, _stream_id)", .value = "_stream_id"},
	/* {host="h1",service="cart"} without the values is the names, once it is an array. */
	{"/select/logsql/stream_field_names",
	 .before = "uniq by (_stream) with hits | rename _stream as name "
		   "| replace_regexp (`=\"(\\\\.|[^\"\\\\])*\"`, '') at name "
		   "| replace ('{', '[\"') at name | replace (',', '\",\"') at name "
		   "| replace ('}', '\"]') at name | unroll (name) "
		   "| stats by (name) sum(hits) hits | filter name:*",
	 .after = "| sort by (hits desc, name)", .value = "name"},
	{"/select/logsql/stream_field_values", .before = "field_values ", .param = "field",
	 .value = "", .label = true},
};

static const struct derived *derived_find(struct span path)
{
	for (size_t i = 0; i < sizeof(derived) / sizeof(derived[0]); i++)
		if (span_eq(path, span_cstr(derived[i].path)))
			return &derived[i];
	return NULL;
}

#define HITS_FIELDS_MAX 32

/* What the column of counts beside these is called: hits, hitss … as pipes do it. */
static struct span hits_name(const struct span *fields, size_t n)
{
	static const char name[] = "hitssssssssssssssssssssssssssssssssss";
	struct span ret = span_of(name, strlen("hits"));

	_Static_assert(sizeof(name) > sizeof("hits") + HITS_FIELDS_MAX, "one more than fields");
	for (size_t i = 0; i < n;)
		if (span_eq(fields[i++], ret)) {
			ret.len++;
			i = 0;
		}
	return ret;
}

static void put_derived(const struct derived *d, struct span param, struct buf *text)
{
	buf_puts(text, SPAN("\n| ")); /* the line may end in a comment */
	if (d->label) {
		buf_puts(text, SPAN("filter {"));
		text_print_quoted(text, param);
		buf_puts(text, SPAN("!=\"\"} | "));
	}
	buf_puts(text, span_cstr(d->before));
	if (d->param)
		text_print(text, param);
	buf_puts(text, span_cstr(d->after));
	if (d->value && !d->value[0])
		buf_printf(text, "| sort by (%.*s desc)", SPAN_FMT(hits_name(&param, 1)));
}

static int derived_query(void *ctx, struct http_request *req)
{
	const struct derived *d = derived_find(http_path(req));
	_cleanup_(buf_release) struct buf text = BUF_INIT(QUERY_BODY_MAX);
	struct shape_conf shape = {.kind = SHAPE_VALUES};
	struct span param = SPAN("");
	int reply = 0;

	if (!d)
		return http_reply_error(req, 404, "no such path");
	if (d->param) {
		param = http_param(req, d->param);
		if (!param.len && !d->def)
			return no_param(req, d->param);
		if (!param.len)
			param = span_cstr(d->def);
	}
	if (!read_query(ctx, req, "*", &text, &reply))
		return reply;
	put_derived(d, param, &text);
	if (text.failed)
		return text.failed;
	if (d->value)
		shape.value = d->value[0] ? span_cstr(d->value) : param;
	shape.hits = hits_name(&shape.value, 1);
	return run_query(ctx, req, buf_span(&text),
			 &(struct manner){.shape = d->value ? &shape : NULL});
}

/* What hits= are counted by: each field once.  -E2BIG: too many. */
static int read_fields(const struct http_request *req, struct span fields[HITS_FIELDS_MAX])
{
	struct span field;
	size_t n = 0;

	for (size_t i = 0; (field = http_param_at(req, "field", i)).ptr; i++) {
		bool known = !field.len;

		for (size_t k = 0; k < n; k++)
			known |= span_eq(field, fields[k]);
		if (!known && n == HITS_FIELDS_MAX)
			return -E2BIG;
		if (!known)
			fields[n++] = field;
	}
	return (int)n;
}

/*
 * stats by (_time:STEP, FIELD) count() hits; the largest groups first where only
 * those are told apart.
 */
static void put_hits(struct http_request *req, int64_t step_ns, const struct shape_conf *by,
		     struct buf *text)
{
	struct span offset = http_param(req, "offset");
	_cleanup_(buf_release) struct buf fields = BUF_INIT(QUERY_BODY_MAX);

	text_print_list(&fields, by->labels, by->nlabels);
	buf_printf(text, " | stats by (_time:%lldns", (long long)step_ns);
	if (offset.len)
		buf_printf(text, " offset %.*s", SPAN_FMT(offset));
	buf_printf(text, "%s%.*s) count() %.*s", fields.len ? ", " : "",
		   SPAN_FMT(buf_span(&fields)), SPAN_FMT(by->hits));
	if (by->groups)
		buf_printf(text, " | total_stats by (%.*s) sum(%.*s) " SHAPE_HITS_TOTAL,
			   SPAN_FMT(buf_span(&fields)), SPAN_FMT(by->hits));
	buf_printf(text, " | sort by (%s%.*s%s_time)", by->groups ? SHAPE_HITS_TOTAL " desc, " : "",
		   SPAN_FMT(buf_span(&fields)), fields.len ? ", " : "");
	if (fields.failed)
		text->failed = fields.failed;
}

/* The query without what takes the times from its rows.  False with a reply given. */
static bool read_timed(struct serve *serve, struct http_request *req, struct buf *text,
		       int *ret_reply)
{
	_cleanup_(buf_release) struct buf whole = BUF_INIT(QUERY_BODY_MAX);
	struct query *query;
	struct err err = {0};
	size_t npipes;

	if (!read_query(serve, req, "*", &whole, ret_reply))
		return false;
	if (query_parse(buf_span(&whole), clock_real_ns(), &query_lang_ops, &query, &err) < 0) {
		*ret_reply = bad_query(serve, req, buf_span(&whole), &err);
		return false;
	}
	npipes = query->npipes;
	query->npipes = graph_timed_pipes(query);
	query_print(query, text);
	query->npipes = npipes;
	query_free(query);
	return true;
}

static int hits(void *ctx, struct http_request *req)
{
	bool select = is_select(req);
	_cleanup_(buf_release) struct buf text = BUF_INIT(QUERY_BODY_MAX);
	struct span fields[HITS_FIELDS_MAX];
	struct shape_conf shape = {.kind = SHAPE_HITS, .labels = fields};
	int n = read_fields(req, fields), reply = 0;
	int64_t step_ns, offset_ns;
	struct span offset = http_param(req, "offset");
	struct err err = {0};

	if (n < 0)
		return http_reply_error(req, 400, "field: at most %d fields", HITS_FIELDS_MAX);
	shape.nlabels = (size_t)n;
	shape.hits = hits_name(fields, shape.nlabels);
	if (params_duration(req, "step", select ? "1d" : "1h", &step_ns, &err) < 0)
		return bad_param(req, &err);
	if (select && n && params_number(req, "fields_limit", &shape.groups, &err) < 0)
		return bad_param(req, &err);
	if (offset.len && num_parse_duration(offset, &offset_ns) < 0) {
		err_set(&err, -EINVAL, "offset: '%.*s' is no duration such as 2h",
			SPAN_FMT(offset));
		return bad_param(req, &err);
	}
	if (!read_timed(ctx, req, &text, &reply))
		return reply;
	put_hits(req, step_ns, &shape, &text);
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
	int reply = 0;

	if (!read_query(ctx, req, "*", &text, &reply))
		return reply;
	buf_puts(&text, SPAN("\n| facets"));
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		struct span value = http_param(req, numbers[i][0]);

		if (!value.len)
			continue;
		buf_puts(&text, span_cstr(numbers[i][1]));
		text_print(&text, value);
	}
	if (keep.len && !span_eq(keep, SPAN("0")) && !span_ieq(keep, SPAN("false")))
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

/*
 * A stats pipe in Prometheus' shape: over time where `range`, else what it was at
 * time=, to which _time:5m in the query is relative.
 */
static int graph(struct serve *serve, struct http_request *req, bool range)
{
	_cleanup_(buf_release) struct buf text = BUF_INIT(QUERY_BODY_MAX);
	struct shape_conf shape = {.kind = range ? SHAPE_MATRIX : SHAPE_VECTOR};
	struct answer_conf conf = {0};
	struct graph found, again;
	struct query *query;
	struct err err = {0};
	int64_t step_ns = 0, now = clock_real_ns();
	int r = read_limits(serve, req, &conf, &err), reply = 0;

	if (conf.query.max_time != INT64_MAX)
		shape.at_ns = conf.query.max_time;
	else
		shape.at_ns = now;
	if (r == 0 && !range && http_param(req, "time").len) {
		r = params_time(req, "time", &now, &err);
		shape.at_ns = now;
	}
	if (r == 0 && range)
		r = params_duration(req, "step", is_select(req) ? "1d" : "1h", &step_ns, &err);
	if (r < 0)
		return bad_param(req, &err);
	end_the_second(req, &conf.query);
	if (!read_query(serve, req, NULL, &text, &reply))
		return reply;
	r = query_parse(buf_span(&text), now, &query_lang_ops, &query, &err);
	if (r < 0)
		return bad_query(serve, req, buf_span(&text), &err);
	r = graph_of(query, step_ns, &found, &err);
	if (r == 0 && range)
		r = sort_series(&query, &found, &err);
	if (r == 0)
		r = graph_of(query, step_ns, &again, &err); /* the labels of this query */
	if (r < 0) {
		query_free(query);
		return bad_query(serve, req, buf_span(&text), &err);
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
	_cleanup_(buf_release) struct buf selected = BUF_INIT(QUERY_BODY_MAX);
	int reply = 0;

	if (!id.len)
		return http_reply_error(req, 404, "no such path: /api/v1/trace/ID");
	buf_puts(&selected, SPAN("trace_id:="));
	text_print_quoted(&selected, id);
	if (!put_query(ctx, req, buf_span(&selected), &text, &reply))
		return reply;
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
	QUERY("/select/logsql/stream_field_names", derived_query),
	QUERY("/select/logsql/stream_field_values", derived_query),
	QUERY("/select/logsql/facets", select_facets),
	QUERY("/select/logsql/stats_query", stats_query),
	QUERY("/select/logsql/stats_query_range", stats_query_range),
	{"GET", "/api/v1/status", status, 0},
	{"GET", "/livez", livez, 0},
	{"GET", "/health", livez, 0}, /* as VictoriaLogs calls it */
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
